"""``digest editions audit`` with sources: whatever is taken out of the store behind its back is named."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from digest.errors import StoreError
from digest.store import saving
from tests.cli.conftest import TOML, Run
from tests.commands import Ended
from tests.projects import MORE_NEWSLETTERS

SECOND = (
    TOML.replace('folder = "articles"', 'folder = "articles"\nnewsletters = ["nyheter", "annat"]') + MORE_NEWSLETTERS
)
ROWS = [{"title": title, "published": "2025-11-30", "url": f"https://a.example/{title}"} for title in ("Ett", "Två")]


@pytest.fixture
def collected(project: Path, digest: Run) -> Path:
    """A project whose source has brought two articles, one of them twice, and an item that is none, and one by hand."""
    (project / "digest.toml").write_text(SECOND, encoding="utf-8")
    (project / "articles").mkdir()
    (project / "articles" / "a.json").write_text(json.dumps([*ROWS, ROWS[0], {"lead": "Utan titel"}]), encoding="utf-8")
    assert digest("collect").code == 3
    assert digest("articles", "add", "--title", "För hand", "--expires", "2020-01-01").code == 0
    return project


def do(project: Path, *statements: str) -> None:
    with closing(sqlite3.connect(project / "digest.db")) as store, store:
        for statement in statements:
            store.execute(statement)


def audit(digest: Run) -> Ended:
    return digest("editions", "audit", "nyheter")


def test_every_item_that_was_found_is_explained(collected: Path, digest: Run) -> None:
    audited = digest("editions", "audit", "nyheter", "--json")

    none, press = audited.json["book"]
    assert (audited.code, audited.json["faults"]) == (0, [])
    assert press == {
        "source": "press", "found": 4, "new": 2, "changed": 0, "unchanged": 1, "doubled": 0, "refused": 1,
        "articles": 2,
    }  # fmt: skip
    assert (none["source"], none["new"], none["articles"]) == (None, 1, 1)
    assert audited.json["waiting"] == [1, 2]
    third = digest("editions", "audit", "tredje", "--json").json
    assert third["expired"] == [3], "what had expired when it came is an article too"
    assert (audit(digest).code, audit(digest).err) == (0, "")


@pytest.mark.parametrize(
    ("statement", "named"),
    [
        ("DELETE FROM article WHERE id = 1", "unexplained: press: 2 articles came in, and 1 there; "
         "no article has the number 1\nunexplained: all: of article 1 only the place is there\n"),
        ("DELETE FROM placement WHERE article_id = 2 AND newsletter_id = 2",
         "unexplained: all: 5 places given to articles, and 4 there\n"),
        ("DELETE FROM placement WHERE article_id = 2", "unexplained articles: 1; look with: digest articles show ID\n"
         "unexplained: all: 5 places given to articles, and 3 there\n"),
        ("DELETE FROM refusal", "unexplained: press: 1 item refused, and the reasons of 0 there\n"),
        ("DELETE FROM collected WHERE source_id IS NULL",
         "unexplained: without a source: 1 article there, and only 0 came in\n"
         "unexplained: all: 4 places given to articles, and 5 there\n"),
        ("UPDATE collected SET unchanged = 0", "unexplained: press: 4 items found, and 3 explained\n"),
        ("INSERT INTO article (title, subtitle, lead, body, section, author, first_seen, changed_at) "
         "SELECT title, subtitle, lead, body, section, author, first_seen, changed_at FROM article WHERE id = 1",
         "unexplained articles: 1; look with: digest articles show ID\n"
         "unexplained: without a source: 2 articles there, and only 1 came in\n"),
    ],
)  # fmt: skip
def test_a_row_that_is_gone_or_nobody_brought_fails_the_audit(
    collected: Path, digest: Run, statement: str, named: str
) -> None:
    do(collected, statement)
    audited = audit(digest)

    assert (audited.code, audited.err) == (1, named)


def test_sources_that_are_renamed_moved_or_gone_stay_explained(collected: Path, digest: Run) -> None:
    def collect(toml: str) -> int:
        (collected / "digest.toml").write_text(toml, encoding="utf-8")
        (collected / "articles" / "a.json").touch()
        digest("collect")
        return audit(digest).code

    renamed = SECOND.replace("[sources.press]", '[sources.presse]\nformerly = "press"')
    moved = SECOND.replace('["nyheter", "annat"]', '["nyheter"]')
    other = SECOND.replace("[sources.press]", "[sources.other]")  # known by their links: handed over to it
    gone = SECOND[: SECOND.index("[sources.press]")] + SECOND[SECOND.index("[newsletters.annat]") :]

    assert [collect(toml) for toml in (renamed, moved, other, gone, SECOND)] == [0] * 5


def test_a_collect_that_ends_between_two_slices_leaves_a_book_that_balances(
    collected: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [{**ROWS[0], "title": f"Nyhet {n}", "url": f"https://a.example/{n}"} for n in range(7)]
    (collected / "articles" / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    monkeypatch.setattr(saving, "SLICE", 3)
    real, slices = saving._save, iter(range(9))

    def cut_off(*arguments: object, **named: object) -> object:
        if next(slices) == 1:
            raise StoreError("the disk is full")
        return real(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(saving, "_save", cut_off)
    digest("collect")
    halfway = digest("editions", "audit", "nyheter", "--json")
    monkeypatch.setattr(saving, "_save", real)
    digest("collect")
    whole = digest("editions", "audit", "nyheter", "--json")

    assert (halfway.code, halfway.json["articles"]) == (0, 5)
    assert (whole.code, whole.json["articles"]) == (0, 9)
