"""``digest editions doubts``: what a kill leaves, named before anybody settles it."""

from pathlib import Path

import pytest

from digest.delivery.run import alone
from digest.demo.smtpd import RecordingServer
from digest.project import open_project
from tests.cli.conftest import Run
from tests.cli.editor import KEY, LIAM, counts_of, doubts, killed_at, mailed, message_id, shown
from tests.cli.test_send import DATE

pytestmark = pytest.mark.usefixtures("one_connection")


def test_what_a_kill_left_in_doubt_is_named_before_any_further_send(
    ready: Path, digest: Run, relay: RecordingServer
) -> None:
    killed_at(ready, "marked:3")

    first, second, of_edition = doubts(digest), doubts(digest), doubts(digest, KEY)
    report = shown(digest)
    sent = digest("send", *DATE, "--json")

    assert first == second == of_edition
    (doubt,) = first
    assert list(doubt) == ["edition", "address", "message_id", "relay", "since", "closed"]
    assert (doubt["edition"], doubt["address"], doubt["closed"]) == (KEY, LIAM, False)
    assert doubt["relay"].startswith("127.0.0.1")
    assert counts_of(report) == {"sent": 2, "sending": 1}, "looking settles nothing"
    assert (sent.code, counts_of(sent.json)) == (0, {"sent": 3})
    (again,) = mailed(relay)
    assert (again.recipient, message_id(again)) == (LIAM, doubt["message_id"])
    assert doubts(digest) == []


def test_doubts_that_are_kept_or_skipped_stay_named(ready: Path, digest: Run, relay: RecordingServer) -> None:
    killed_at(ready, "marked:3")
    assert digest("send", *DATE, "--in-doubt", "keep", "--wait", "0").code == 3
    (kept,) = doubts(digest)
    assert digest("send", *DATE, "--in-doubt", "skip").code == 0
    (skipped,) = doubts(digest)

    assert (kept["closed"], skipped["closed"]) == (False, True)
    assert kept["message_id"] == skipped["message_id"]
    assert mailed(relay) == []


def test_mail_that_is_going_out_at_this_moment_is_no_doubt(ready: Path, digest: Run) -> None:
    killed_at(ready, "marked:3")
    with open_project() as project, alone(project):
        assert doubts(digest) == []
    assert len(doubts(digest)) == 1


def test_doubts_are_a_table_for_people(ready: Path, digest: Run) -> None:
    killed_at(ready, "marked:3")
    head, row = digest("editions", "doubts").out.splitlines()

    assert head == "edition\taddress\tmessage_id\trelay\tsince\tclosed"
    assert row.split("\t")[:2] == [KEY, LIAM]
    assert row.endswith("\tno")


def test_without_doubts_there_is_nothing_to_name(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)

    assert doubts(digest) == doubts(digest, KEY) == []
    assert digest("editions", "doubts", "2025-11-29").code == 1
