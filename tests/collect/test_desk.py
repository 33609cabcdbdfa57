import datetime as dt
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.collect.collecting import collect_sources
from digest.collect.desk import (
    AlreadyBound,
    NoSuchArticle,
    NotPlaced,
    edit_article,
    get_article,
    list_articles,
    place_articles,
)
from digest.collect.take import collect_files
from digest.errors import DigestError, NewsletterNotFound, NoSuchState
from digest.models import Article
from digest.project import Project, who_does_this
from digest.store import editions
from tests.projects import MORE_NEWSLETTERS, TOML, a_project
from tests.store.builders import LATER, NOON, a_newsletter_number, a_plan, query

SECOND = TOML.replace('newsletters = ["nyheter"]', 'newsletters = ["nyheter", "annat"]\ntimezone = "Asia/Tokyo"')
SECOND += MORE_NEWSLETTERS


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project whose source goes to two newsletters of three, with articles 1 to 3."""
    with a_project(tmp_path, SECOND) as opened:
        collect(opened, *({"title": title, "id": title, "lead": "Text."} for title in ("Ett", "Två", "Tre")))
        yield opened


def collect(project: Project, *rows: dict[str, Any]) -> None:
    (project.folder / "articles").mkdir(exist_ok=True)
    rows = tuple({"published": "2025-11-30", "url": f"https://a.example/{row['title']}", **row} for row in rows)
    (project.folder / "articles" / "a.json").write_text(json.dumps(rows), encoding="utf-8")
    (taken,) = collect_sources(project, ["press"], NOON)
    assert not taken.problems


def place(project: Project, state: str, *numbers: int, newsletter: str | None = None) -> None:
    place_articles(project, numbers, state, newsletter, LATER)


def states(project: Project, newsletter: str = "nyheter") -> list[str]:
    found = sorted(list_articles(project, None, [], None), key=lambda one: one.article.id or 0)
    return [next(p.state for p in one.placements if p.newsletter == newsletter) for one in found]


def article(project: Project, number: int = 1) -> Article:
    return get_article(project, number).article


def edit(
    project: Project, number: int = 1, rank: int | None = None, newsletter: str | None = None, **given: str
) -> list[str]:
    return edit_article(project, number, given, rank, newsletter, LATER)


def freeze(project: Project) -> None:
    assert editions.freeze(project.store, a_plan(project.store))


def test_articles_are_placed_in_every_newsletter_they_go_to_or_in_one(project: Project) -> None:
    place(project, "shelved", 1, 2)
    place(project, "pinned", 2, newsletter="annat")

    assert states(project) == ["shelved", "shelved", "waiting"]
    assert states(project, "annat") == ["shelved", "pinned", "waiting"]
    (in_annat, _) = sorted(get_article(project, 2).placements, key=lambda p: p.newsletter)
    assert (in_annat.by, in_annat.at) == (who_does_this(), LATER)


def test_placing_what_is_not_there_touches_nothing(project: Project) -> None:
    with pytest.raises(NoSuchArticle) as refused:
        place(project, "dropped", 1, 98, 99)

    assert refused.value.numbers == (98, 99)
    assert str(refused.value) == "no article 98, 99; look with: digest articles list"
    assert states(project) == ["waiting"] * 3


def test_bound_article_cannot_be_placed_and_nothing_is_touched(project: Project) -> None:
    freeze(project)
    collect(project, {"title": "Fyra", "id": "Fyra"})

    with pytest.raises(AlreadyBound) as refused:
        place(project, "dropped", 4, 1)

    assert refused.value.bound == {1: "nyheter/2025-11-30"}
    assert str(refused.value) == (
        "already in an edition: article 1 (in nyheter/2025-11-30); what is frozen stays as it is"
    )
    assert states(project) == ["bound"] * 3 + ["waiting"]


def test_article_bound_in_one_newsletter_can_be_placed_in_the_other(project: Project) -> None:
    freeze(project)

    place(project, "dropped", 1, newsletter="annat")

    assert (states(project)[0], states(project, "annat")[0]) == ("bound", "dropped")


def test_article_that_does_not_go_to_a_newsletter_cannot_be_placed_there(project: Project) -> None:
    a_newsletter_number(project.store, "tredje")

    with pytest.raises(NotPlaced) as refused:
        place(project, "pinned", 2, 3, newsletter="tredje")

    assert refused.value.numbers == (2, 3)
    assert str(refused.value).startswith("article 2, 3 does not go to tredje; ")


def test_article_placed_nowhere_cannot_be_pinned(tmp_path: Path) -> None:
    with a_project(tmp_path, TOML.partition("[newsletters")[0] + '[sources.press]\nfolder = "articles"\n') as project:
        collect(project, {"title": "Ett"})

        with pytest.raises(NotPlaced, match="article 1 goes to no newsletter; "):
            place(project, "pinned", 1)


def test_newsletter_that_is_not_in_the_file_is_refused(project: Project) -> None:
    with pytest.raises(NewsletterNotFound):
        place(project, "pinned", 1, newsletter="nyhter")
    with pytest.raises(NewsletterNotFound):
        list_articles(project, "nyhter", [], None)
    with pytest.raises(NewsletterNotFound):
        edit(project, rank=1, newsletter="nyhter")


def test_renamed_newsletter_has_its_articles_from_the_first_moment(tmp_path: Path) -> None:
    with a_project(tmp_path) as project:
        collect(project, {"title": "Ett"})
        freeze(project)
        collect(project, {"title": "Två"})
    renamed = TOML.replace("[newsletters.nyheter]", '[newsletters.nytt]\nformerly = "nyheter"')
    with a_project(tmp_path, renamed.replace('["nyheter"]', '["nytt"]')) as project:
        place(project, "pinned", 2, newsletter="nytt")

        assert states(project, "nytt") == ["bound", "pinned"]
        assert len(list_articles(project, "nytt", [], None)) == 2
        with pytest.raises(AlreadyBound):
            place(project, "pinned", 1, newsletter="nytt")


def test_list_is_narrowed_by_newsletter_and_state(project: Project) -> None:
    place(project, "shelved", 2, newsletter="annat")

    def told(newsletter: str | None, *states: str) -> list[str]:
        return [one.article.title for one in list_articles(project, newsletter, states, None)]

    assert told(None) == ["Ett", "Två", "Tre"]
    assert told("annat", "shelved") == ["Två"]
    assert told("nyheter", "shelved") == []
    assert told("tredje") == [], "not used yet, and not made by looking"
    assert len(list_articles(project, None, [], 2)) == 2
    with pytest.raises(NoSuchState, match=r"no state 'waitng'; there are: waiting, .*; did you mean 'waiting'\?"):
        told(None, "waitng")


def test_article_that_is_not_there_is_told(project: Project) -> None:
    with pytest.raises(NoSuchArticle, match="no article 9"):
        get_article(project, 9)
    with pytest.raises(NoSuchArticle):
        edit(project, 9, title="Nio")


def test_editing_changes_what_is_given_and_nothing_else(project: Project) -> None:
    before = article(project).model_dump()

    assert edit(project, title="Ett, rättat", lead="") == []

    changed = {**before, "title": "Ett, rättat", "lead": "", "changed_at": LATER, "by_hand": "lead title"}
    assert article(project).model_dump() == changed


def test_edited_article_is_the_one_that_its_source_brings_again(project: Project) -> None:
    edit(project, title="Egen rubrik", url="https://b.example/ny", section="Egen")
    number, guid = article(project).id, article(project).guid

    collect(project, {"title": "Ett", "id": "Ett", "lead": "Nytt."})

    assert (article(project).id, article(project).guid) == (number, guid)
    assert article(project).lead == "Nytt."
    assert len(list_articles(project, None, [], None)) == 3


def test_collect_leaves_what_an_editor_has_set_and_an_import_by_hand_does_not(project: Project) -> None:
    edit(project, title="Egen", embargo_until="2999-01-01")

    collect(project, {"title": "Ett", "id": "Ett", "lead": "Nytt.", "embargo_until": "", "expires": "2999-02-01"})
    collected = article(project)
    collect_files(project, [project.folder / "articles" / "a.json"], "press", NOON)

    assert (collected.title, collected.lead) == ("Egen", "Nytt.")
    assert collected.embargo_until == dt.datetime(2998, 12, 31, 23, tzinfo=dt.UTC)
    assert collected.expires == dt.datetime(2999, 1, 31, 15, tzinfo=dt.UTC)
    assert (article(project).title, article(project).embargo_until) == ("Ett", None)


def test_embargo_that_an_editor_s_file_sets_outlasts_the_next_collect(project: Project) -> None:
    row = {"title": "Ett", "url": "https://a.example/Ett", "embargo_until": "2999-01-01"}
    file = project.folder / "mine.json"
    file.write_text(json.dumps([row]), encoding="utf-8")
    collect_files(project, [file], None, NOON)

    collect(project, {"title": "Ett", "id": "Ett", "lead": "Nytt."})

    assert article(project).embargo_until == dt.datetime(2999, 1, 1, tzinfo=dt.UTC)


def test_embargo_and_expiry_are_set_and_taken_off_again(project: Project) -> None:
    edit(project, embargo_until="2025-12-01T06:00", expires="2025-12-24")
    limited = article(project)
    edit(project, embargo_until="", expires="")

    # In the zone of the newsletter that it goes to: Tokyo's and Stockholm's differ by eight hours.
    assert limited.embargo_until is not None
    assert limited.expires is not None
    assert limited.expires - limited.embargo_until == dt.timedelta(days=22, hours=18)
    assert (article(project).embargo_until, article(project).expires) == (None, None)


def test_edited_link_is_canonical_and_another_article_s_is_refused(project: Project) -> None:
    edit(project, url="http://B.example/ny?utm_source=x#top")

    assert (article(project).url, article(project).link) == (
        "http://B.example/ny?utm_source=x#top", "https://b.example/ny",
    )  # fmt: skip
    with pytest.raises(DigestError, match=r"article 1: https://a\.example/Tre is article 3's; nothing was changed"):
        edit(project, url="https://a.example/Tre", title="Annat")
    edit(project, url="https://b.example/ny", title="Samma länk")
    assert article(project).title == "Samma länk"


def test_edited_date_is_read_in_the_newsletter_s_zone(project: Project) -> None:
    edit(project, published="2025-11-29T06:00")

    assert article(project).published == dt.datetime(2025, 11, 29, 5, tzinfo=dt.UTC)
    assert article(project).published_on is None
    edit(project, published="")
    assert article(project).published is None


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"title": " "}, "article 1: no title; nothing was changed"),
        ({"url": "nytt.example.com"}, "article 1: url 'nytt.example.com' is not a web address"),
        ({"published": "igår", "title": "Annat"}, "article 1: published 'igår' is not a date"),
        ({"language": "svenska!"}, "article 1: 'svenska!' is not a language"),
    ],
)
def test_edit_that_an_import_would_refuse_changes_nothing(project: Project, given: dict[str, Any], words: str) -> None:
    before = article(project).model_dump()

    with pytest.raises(DigestError) as refused:
        edit(project, **given)

    assert str(refused.value).startswith(words)
    assert article(project).model_dump() == before


def test_edited_html_is_cleaned_as_an_import_s(project: Project) -> None:
    edit(project, body="<p onclick='x()'>Hej<script>alert(1)</script></p>", title="<b>Rubrik</b>")

    assert article(project).body == "<p>Hej</p>"
    assert article(project).title == "Rubrik"


def test_rank_is_set_in_one_newsletter_or_in_all(project: Project) -> None:
    def ranks() -> dict[str, int]:
        wanted = "SELECT name, rank FROM placement JOIN newsletter ON newsletter.id = newsletter_id WHERE article_id=1"
        return dict(query(project.store.path, wanted))

    edit(project, rank=3)
    assert ranks() == {"nyheter": 3, "annat": 3}
    edit(project, rank=-1, newsletter="annat")
    assert ranks() == {"nyheter": 3, "annat": -1}
    edit(project, rank=0, newsletter="annat")
    assert ranks()["annat"] == 0


def test_editing_what_was_printed_says_where(project: Project) -> None:
    freeze(project)

    assert edit(project, title="Rättat i efterhand") == ["nyheter/2025-11-30"]

    assert article(project).title == "Rättat i efterhand"
