"""``digest editions``: what ran, and where every article is."""

import getpass
import sqlite3
from pathlib import Path

import pytest

from tests.cli.conftest import TOML, Run

DATE = ("--date", "2025-11-30")
KEYS = [
    "newsletter", "edition", "state", "articles", "audience", "sent", "deferred", "failed", "in_doubt",
    "withdrawn", "skipped", "cancelled", "expired", "pending", "sending", "now",
]  # fmt: skip
LETTER = ["version", "language", "subject", "html_bytes", "articles", "readers", "made_at"]
DELIVERY = ["address", "state", "attempts", "code", "enhanced", "text", "message_id", "at"]
ACCOUNT = [
    "schema", "newsletter", "articles", "editions", "waiting", "pinned", "embargoed", "expired", "shelved", "dropped",
    "passed", "unexplained", "revised", "book", "faults",
]  # fmt: skip


def test_editions_are_listed_newest_first_with_the_keys_of_the_contract(ready: Path, digest: Run) -> None:
    digest("send", "--date", "2025-11-29")
    digest("send", *DATE)
    editions = digest("editions", "list", "--json").json["editions"]

    assert [list(edition) for edition in editions] == [KEYS, KEYS]
    assert [(edition["edition"], edition["articles"], edition["sent"]) for edition in editions] == [
        ("nyheter/2025-11-30", 1, 3), ("nyheter/2025-11-29", 1, 3),
    ]  # fmt: skip
    assert editions[0]["now"] == {"sent": 0, "seconds": 0.0, "per_second": 0.0}
    assert len(digest("editions", "list", "--limit", 1, "--json").json["editions"]) == 1
    assert digest("editions", "list", "--newsletter", "nyhter").code == 4
    assert digest("editions", "list").out.splitlines()[:2] == [
        "edition\tstate\tarticles\taudience\tsent\topen\tfailed\tin_doubt",
        "nyheter/2025-11-30\trehearsed\t1\t3\t3\t0\t0\t0",
    ]


def test_an_empty_edition_says_why(project: Path, digest: Run) -> None:
    digest("send", *DATE)
    (edition,) = digest("editions", "list", "--json").json["editions"]

    assert (edition["state"], list(edition)) == ("empty", [*KEYS, "reason"])


def test_one_edition_is_shown_with_its_letters_articles_and_readers(ready: Path, digest: Run) -> None:
    digest("send", *DATE)
    shown = digest("editions", "show", "nyheter/2025-11-30", "--deliveries", "--json").json
    by_date = digest("editions", "show", "2025-11-30", "--json").json

    assert list(shown) == [
        "schema", *KEYS, "frozen_at", "finished_at", "letters", "history", "articles_printed", "deliveries",
    ]  # fmt: skip
    assert [list(letter) for letter in shown["letters"]] == [LETTER] * 2
    letters = [(one["version"], one["language"], one["subject"], one["readers"]) for one in shown["letters"]]
    assert letters == [(1, "sv", "Nyheter: Luftrenare", 2), (1, "en", "Nyheter: Luftrenare", 1)]
    assert all(one["html_bytes"] > 1000 and one["made_at"] == shown["frozen_at"] for one in shown["letters"])
    assert shown["history"] == []
    assert shown["articles_printed"] == [
        {"id": 1, "title": "Backkameror", "role": "headline"}, {"id": 2, "title": "Luftrenare", "role": "lead"},
    ]  # fmt: skip
    assert [list(one) for one in shown["deliveries"]] == [DELIVERY] * 3
    assert {one["state"] for one in shown["deliveries"]} == {"sent"}
    assert len({one["message_id"] for one in shown["deliveries"]}) == 3
    assert by_date == {key: value for key, value in shown.items() if key != "deliveries"}


def test_people_are_shown_the_same(ready: Path, digest: Run) -> None:
    digest("send", *DATE)
    shown = digest("editions", "show", "2025-11-30", "--deliveries").out.splitlines()

    assert "state:       rehearsed" in shown
    assert "1\theadline\tBackkameror" in shown
    assert any(line.startswith("anna@example.com\tsent\t1\t") for line in shown)


@pytest.mark.parametrize(
    "key", ["2025-11-29", "nyheter/2025-11-30.2", "nyhter/2025-11-30", "nyheter", "soon", "nyheter/2025-11-30.x", "/"]
)
def test_an_unknown_key_is_refused(ready: Path, digest: Run, key: str) -> None:
    digest("editions", "list")
    refused = digest("editions", "show", key, "--json")

    assert refused.code == 1
    assert refused.json["error"] == f"no edition {key}; look with: digest editions list"


def test_every_article_is_accounted_for(ready: Path, digest: Run) -> None:
    for title, published in (("Gammal", "2025-11-01"), ("Nyare", "2025-11-30"), ("Morgondagens", "2999-01-01")):
        digest("articles", "add", "--title", title, "--published", published)
    digest("articles", "shelve", 4)
    digest("send", *DATE)
    (ready / "later.csv").write_text(
        "title;embargo_until;expires\nSen;2999-01-01;\nUtgången;;2020-01-01\nVäntar;;\nTopp;;\nNej;;\n"
    )
    digest("articles", "import", "later.csv")
    digest("articles", "pin", 9)
    digest("articles", "drop", 10)
    audited = digest("editions", "audit", "--json")
    account = audited.json
    who = getpass.getuser()

    assert audited.code == 0
    assert list(account) == ACCOUNT
    assert account["editions"] == {"nyheter/2025-11-30": [1, 2]}
    assert (account["passed"], account["embargoed"], account["expired"]) == ([3], [6], [7])
    assert (account["waiting"], account["pinned"]) == ([5, 8], [9])
    assert (account["shelved"], account["dropped"]) == ([{"id": 4, "by": who}], [{"id": 10, "by": who}])
    assert account["revised"] == {}
    bound, elsewhere = account["editions"]["nyheter/2025-11-30"], ACCOUNT[4 : ACCOUNT.index("revised")]
    counted = len(bound) + sum(len(account[key]) for key in elsewhere)
    assert counted == account["articles"] == len(digest("articles", "list", "--json").json["articles"])


def test_the_account_for_people_adds_up(ready: Path, digest: Run) -> None:
    digest("send", "--date", "2025-11-29")
    digest("articles", "add", "--title", "Ny")
    digest("articles", "shelve", 3)
    rows = [line.split("\t") for line in digest("editions", "audit").out.splitlines()[1:]]

    assert rows == [
        ["in nyheter/2025-11-29", "1", ""],
        ["waiting", "1", "Backkameror"],
        [f"shelved by {getpass.getuser()}", "1", "Ny"],
        ["all", "3", ""],
    ]


def test_an_article_that_is_nowhere_fails_the_audit(ready: Path, digest: Run) -> None:
    with sqlite3.connect(ready / "digest.db") as store:
        store.execute("DELETE FROM placement WHERE article_id = 2")
    audited, as_json = digest("editions", "audit"), digest("editions", "audit", "--json")

    assert (audited.code, as_json.code) == (1, 1)
    assert audited.err == "unexplained articles: 1; look with: digest articles show ID\n"
    assert as_json.json["unexplained"] == [2]
    assert as_json.json["articles"] == 2


def test_an_article_bound_to_no_edition_fails_the_audit(ready: Path, digest: Run) -> None:
    with sqlite3.connect(ready / "digest.db") as store:
        store.execute("UPDATE placement SET state = 'bound' WHERE article_id = 1")

    assert digest("editions", "audit").code == 1


def test_an_audit_with_several_newsletters_wants_a_name(ready: Path, digest: Run) -> None:
    other = '\n[newsletters.lager]\ntitle = "Lager"\nfrom = "lager@example.com"\nlists = ["industri"]\n'
    (ready / "digest.toml").write_text(TOML + other)
    refused = digest("editions", "audit")

    assert (refused.code, refused.err) == (2, "digest: which newsletter? name one; digest.toml has: lager, nyheter\n")
    assert digest("editions", "audit", "nyheter", "--json").json["waiting"] == [1, 2]
    assert digest("editions", "audit", "lager", "--json").json["articles"] == 0
