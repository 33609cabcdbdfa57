"""``digest subscribers``: people and their lists."""

import getpass
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import TOML, Run
from tests.commands import Ended

DATE = ("--date", "2025-11-30")
TALLY = [
    "schema", "file", "list", "found", "new", "confirmed", "updated", "unchanged", "left", "suppressed", "skipped",
    "unknown_sections",
]  # fmt: skip
BRIEF = ["address", "name", "language", "lists", "suppressed", "sections"]
ANNA = "anna@example.com"


def bring(digest: Run, csv: str, *options: str) -> Ended:
    """Import a file of subscribers with this content."""
    Path("new.csv").write_text(csv, encoding="utf-8")
    return digest("subscribers", "import", "new.csv", "--list", "industri", "--json", *options)


def listed(digest: Run, *arguments: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = digest("subscribers", "list", "--json", *arguments).json["subscribers"]
    return rows


def states(digest: Run) -> dict[str, str]:
    return {row["address"]: row["lists"]["industri"] for row in listed(digest)}


def leave(project: Path, address: str) -> None:
    """Let a reader have left all lists, as the link in their letter does."""
    with sqlite3.connect(project / "digest.db") as store:
        store.execute(
            "UPDATE subscription SET state = 'unsubscribed' "
            "WHERE subscriber_id = (SELECT id FROM subscriber WHERE address = ?)",
            (address,),
        )


def test_an_importer_may_vouch_for_everybody_in_the_file(project: Path, digest: Run) -> None:
    brought = bring(
        digest, "email,name,language,city\nanna@example.com,Anna,sv-SE,Åre\nbo@example.com,,,\n", "--confirmed"
    )

    assert (brought.code, brought.err, list(brought.json)) == (0, "", TALLY)
    assert (brought.json["found"], brought.json["new"]) == (2, 2)
    assert listed(digest) == [
        {"address": ANNA, "name": "Anna", "language": "sv-SE", "lists": {"industri": "confirmed"}, "suppressed": None,
         "sections": {}},
        {
            "address": "bo@example.com", "name": "", "language": None, "lists": {"industri": "confirmed"},
            "suppressed": None, "sections": {},
        },
    ]  # fmt: skip
    assert "  city: Åre\n" in digest("subscribers", "show", ANNA).out


def test_a_lists_own_proof_of_consent_speaks_for_its_rows(project: Path, digest: Run) -> None:
    (project / "digest.toml").write_text(TOML.replace('title = "Industri"', 'consent = "Medlemsblankett 2019"'))
    brought = bring(digest, "email\nanna@example.com\n")

    assert (brought.code, brought.err) == (0, "")
    assert states(digest) == {ANNA: "confirmed"}
    (change,) = digest("subscribers", "show", ANNA, "--json").json["history"]
    assert (change["state"], change["origin"], change["reason"]) == ("confirmed", "import", "Medlemsblankett 2019")


def test_without_either_people_stay_unconfirmed_and_the_importer_is_told(project: Path, digest: Run) -> None:
    brought = bring(digest, "email\nanna@example.com\nbo@example.com\n")

    assert brought.code == 0
    assert states(digest) == {ANNA: "unconfirmed", "bo@example.com": "unconfirmed"}
    assert brought.err.startswith("2 on industri are unconfirmed and get no letters")
    assert bring(digest, "email\nanna@example.com\n", "--confirmed").json["confirmed"] == 1
    assert states(digest)[ANNA] == "confirmed"


def test_importing_again_counts_what_changed(ready: Path, digest: Run) -> None:
    again = bring(digest, "email,name\nanna@example.com,Anna Åkesson\nbo@example.com,Bo Öst\neva@example.com,Eva\n")

    assert (again.json["new"], again.json["updated"]) == (1, 1)
    assert again.json["unchanged"] == 1
    assert states(digest)[ANNA] == "confirmed"  # confirmed stays confirmed


def test_bad_addresses_are_named_by_line_and_the_others_go_in(project: Path, digest: Run) -> None:
    brought = bring(
        digest, "e-post;namn\nanna@example.com;Anna\nbo at example;Bo\n\n;Nils\nAnna@Example.com;Igen\n", "--confirmed"
    )

    assert brought.code == 3
    assert brought.err.splitlines() == [
        "new.csv, line 3: 'bo at example' is not a mail address: it has no @",
        "new.csv, line 5: no address",
        "new.csv, line 6: 'Anna@Example.com' is the same address as on line 2",
    ]
    assert (brought.json["found"], brought.json["new"], brought.json["skipped"]) == (4, 1, 3)
    assert states(digest) == {ANNA: "confirmed"}


def test_a_file_of_which_no_row_can_be_read_has_failed(project: Path, digest: Run) -> None:
    assert bring(digest, "email\nnobody\nno one\n").code == 1


@pytest.mark.parametrize(
    ("csv", "words"),
    [
        ("", "new.csv is empty"),
        ("\n\n", "new.csv is empty"),
        ("namn;ort\nAnna;Åre\n", "new.csv has no column for the address; its first line has 'namn', 'ort'"),
    ],
)
def test_a_file_without_addresses_is_refused_in_one_line(project: Path, digest: Run, csv: str, words: str) -> None:
    refused = bring(digest, csv, "--confirmed")

    assert refused.code == 1
    assert refused.json["error"].startswith(words)
    assert len(refused.err.splitlines()) == 1
    assert listed(digest) == []


def test_a_missing_file_is_refused_in_one_line(project: Path, digest: Run) -> None:
    refused = digest("subscribers", "import", "nowhere.csv", "--list", "industri")

    assert (refused.code, refused.err) == (1, "digest: nowhere.csv cannot be read: No such file or directory\n")


def test_an_unknown_list_is_refused_with_the_nearest(ready: Path, digest: Run) -> None:
    for command in (
        ("import", "readers.csv", "--list", "industry"),
        ("add", ANNA, "--list", "industry"),
        ("remove", ANNA, "--list", "industry"),
        ("list", "--list", "industry"),
    ):
        refused = digest("subscribers", *command)
        assert refused.code == 4
        assert "no list 'industry' in digest.toml; it has: industri; did you mean 'industri'?" in refused.err


def test_people_are_listed_by_list_and_state_and_at_most_so_many(ready: Path, digest: Run) -> None:
    (ready / "digest.toml").write_text(f'{TOML}\n[lists.lager]\ntitle = "Lager"\n')
    digest("subscribers", "add", ANNA, "--list", "lager")
    digest("subscribers", "remove", "bo@example.com")

    assert [list(row) for row in listed(digest)] == [BRIEF] * 3
    assert listed(digest)[0]["lists"] == {"industri": "confirmed", "lager": "unconfirmed"}
    assert [row["address"] for row in listed(digest, "--list", "lager")] == [ANNA]
    assert [row["address"] for row in listed(digest, "--state", "removed")] == ["bo@example.com"]
    assert [row["address"] for row in listed(digest, "--limit", "2")] == [ANNA, "bo@example.com"]
    assert [row["address"] for row in listed(digest, "--list", "industri", "--state", "unconfirmed")] == []
    assert digest("subscribers", "list").out.splitlines()[:2] == [
        "address\tname\tlanguage\tlists",
        "anna@example.com\tAnna Åkesson\tsv\tindustri: confirmed, lager: unconfirmed",
    ]
    assert digest("subscribers", "list", "--state", "confirm").code == 2


def test_one_subscriber_is_shown_with_history_and_deliveries(ready: Path, digest: Run) -> None:
    digest("send", *DATE)
    digest("subscribers", "remove", "ANNA@example.com", "--reason", "ringde")
    shown = digest("subscribers", "show", "Anna <anna@example.com>", "--json").json
    for_people = digest("subscribers", "show", ANNA).out.splitlines()

    assert list(shown) == ["schema", *BRIEF, "history", "deliveries", "suppression", "stops"]
    assert shown["lists"] == {"industri": "removed"}
    assert [list(change) for change in shown["history"]] == [["at", "list", "state", "origin", "by", "reason"]] * 2
    assert sorted((change["state"], change["reason"]) for change in shown["history"]) == [
        ("confirmed", "confirmed by the importer"), ("removed", "ringde"),
    ]  # fmt: skip
    assert {change["by"] for change in shown["history"]} == {getpass.getuser()}
    (delivery,) = shown["deliveries"]
    assert list(delivery) == ["edition", "state", "at", "code", "text", "message_id"]
    assert (delivery["edition"], delivery["state"]) == ("nyheter/2025-11-30", "sent")
    assert for_people[:2] == ["anna@example.com  Anna Åkesson  sv", "  industri: removed"]
    assert any(line.startswith("nyheter/2025-11-30\tsent\t") for line in for_people)


def test_one_person_is_added_by_hand(project: Path, digest: Run) -> None:
    unconfirmed = digest("subscribers", "add", ANNA, "--list", "industri")
    confirmed = digest(
        "subscribers", "add", ANNA, "--list", "industri", "--confirmed", "--name", "Anna", "--language", "en_gb"
    )

    assert unconfirmed.code == 0
    assert "anna@example.com is unconfirmed on industri and gets no letters" in unconfirmed.err
    assert (confirmed.code, confirmed.out, confirmed.err) == (0, "", "")
    assert listed(digest)[0] == {
        "address": ANNA, "name": "Anna", "language": "en-GB", "lists": {"industri": "confirmed"}, "suppressed": None,
        "sections": {},
    }  # fmt: skip


def test_what_is_no_address_or_language_is_refused(project: Path, digest: Run) -> None:
    for arguments, words in (
        (("anna@",), "'anna@' is not a mail address"),
        ((f"{ANNA}\r\nBcc: eva@example.com",), "is not a mail address"),
        ((ANNA, "--language", "svenska språket"), "'svenska språket' is not a language"),
    ):
        refused = digest("subscribers", "add", *arguments, "--list", "industri")
        assert (refused.code, len(refused.err.splitlines())) == (1, 1)
        assert words in refused.err
    assert listed(digest) == []


def test_a_name_is_one_line(project: Path, digest: Run) -> None:
    digest("subscribers", "add", ANNA, "--list", "industri", "--name", "Anna\r\nBcc: eva@example.com")

    assert listed(digest)[0]["name"] == "Anna Bcc: eva@example.com"


def test_who_is_removed_comes_back_with_an_import_of_their_list(ready: Path, digest: Run) -> None:
    removed = digest("subscribers", "remove", ANNA, "--list", "industri")
    again = digest("subscribers", "remove", ANNA)

    assert (removed.code, removed.err) == (0, "")
    assert (again.code, again.err) == (0, "anna@example.com was on no list: nothing to do\n")
    assert states(digest)[ANNA] == "removed"
    bring(digest, "email\nanna@example.com\n", "--confirmed")
    assert states(digest)[ANNA] == "confirmed"


def test_who_left_stays_so_through_an_import_and_is_told(ready: Path, digest: Run) -> None:
    leave(ready, ANNA)
    brought = bring(digest, "email\nanna@example.com\nbo@example.com\n", "--confirmed")
    added = digest("subscribers", "add", ANNA, "--list", "industri", "--confirmed")

    assert (brought.code, brought.json["left"], brought.json["unchanged"]) == (0, 1, 1)
    assert states(digest)[ANNA] == "unsubscribed"
    assert added.code == 1
    assert "had left industri and stays so; --confirmed --reason TEXT brings them back" in added.err
    assert digest("send", *DATE, "--json").json["audience"] == 2


def test_an_editor_brings_back_who_had_left_with_a_reason_that_is_kept(ready: Path, digest: Run) -> None:
    leave(ready, ANNA)
    back = digest("subscribers", "add", ANNA, "--list", "industri", "--confirmed", "--reason", "bad om det på mässan")
    history = digest("subscribers", "show", ANNA, "--json").json["history"]

    assert (back.code, back.err) == (0, "")
    assert states(digest)[ANNA] == "confirmed"
    assert ("confirmed", "editor", "bad om det på mässan") in {(c["state"], c["origin"], c["reason"]) for c in history}
    assert listed(digest)[0]["name"] == "Anna Åkesson"  # what is not said is not changed


def test_who_is_suppressed_gets_nothing_and_is_told(ready: Path, digest: Run) -> None:
    with sqlite3.connect(ready / "digest.db") as store:
        store.execute(
            "INSERT INTO suppression (hash, reason, detail, by, at) "
            "SELECT hash, 'complaint', '', '', '2025-11-30' FROM subscriber WHERE address = ?",
            (ANNA,),
        )
    added = digest("subscribers", "add", ANNA, "--list", "industri", "--confirmed", "--reason", "x")

    assert (added.code, added.err) == (1, "anna@example.com is suppressed: no letter goes there\n")
    assert bring(digest, "email\nanna@example.com\n", "--confirmed").json["suppressed"] == 1
    assert listed(digest)[0]["suppressed"] == "complaint"
    assert digest("subscribers", "list").out.splitlines()[1].endswith("industri: confirmed; suppressed: complaint")


def test_somebody_unknown_is_said_to_be(ready: Path, digest: Run) -> None:
    for command in ("show", "remove"):
        refused = digest("subscribers", command, "eva@example.com")
        assert refused.code == 1
        assert refused.err == "digest: nobody is known as eva@example.com; look with: digest subscribers list\n"
