"""``digest send --extra``: one more edition of a date."""

import signal
from pathlib import Path

import pytest

from digest.demo.smtpd import RecordingServer
from tests.cli.conftest import Run, in_process_of_its_own
from tests.cli.editor import KEY, counts_of, mailed, message_id, recipients, shown
from tests.cli.test_send import DATE, READERS, use
from tests.serving import serving

pytestmark = pytest.mark.usefixtures("one_connection")


def test_an_extra_edition_holds_what_came_after_the_first(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    nothing = digest("send", *DATE, "--extra", "--json")
    digest("articles", "add", "--title", "Sent på kvällen", "--published", "2025-11-30")
    extra = digest("send", *DATE, "--extra", "--json").json
    again = digest("send", *DATE, "--extra", "--json").json
    plain = digest("send", *DATE, "--json").json

    assert (nothing.code, nothing.json["state"], nothing.json["edition"]) == (0, "empty", f"{KEY}.2")
    assert (extra["edition"], extra["articles"], extra["state"], counts_of(extra)) == (
        f"{KEY}.2",
        1,
        "sent",
        {"sent": 3},
    )
    assert (again["edition"], again["state"]) == (f"{KEY}.3", "empty")
    assert plain["edition"] == KEY
    assert [one["edition"] for one in digest("editions", "list", "--json").json["editions"]] == [f"{KEY}.2", KEY]
    assert recipients(relay) == sorted(READERS * 2)
    assert len({message_id(mail) for mail in mailed(relay)}) == 6


def test_a_date_may_have_several_extra_editions(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    for title in ("Ett", "Två"):
        digest("articles", "add", "--title", title, "--published", "2025-11-30")
        assert digest("send", *DATE, "--extra").code == 0

    keys = [one["edition"] for one in digest("editions", "list", "--json").json["editions"]]
    assert keys == [f"{KEY}.3", f"{KEY}.2", KEY]


def test_an_extra_edition_of_a_date_without_one_is_refused(digest: Run, relay: RecordingServer) -> None:
    never = digest("send", *DATE, "--extra")
    for article in (1, 2):
        digest("articles", "shelve", article)
    digest("send", *DATE)
    empty = digest("send", *DATE, "--extra")

    for refused in (never, empty):
        assert (refused.code, refused.err) == (
            1, f"digest: {KEY} has not been sent, so there can be no extra edition of the date: digest send first\n",
        )  # fmt: skip
    assert mailed(relay) == []


def test_an_extra_edition_of_a_date_that_was_only_rehearsed_is_refused(
    digest: Run, relay: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGEST_RELAY_URL")
    digest("send", *DATE)
    digest("articles", "add", "--title", "Sent på kvällen", "--published", "2025-11-30")
    use(monkeypatch, relay.url)
    refused = digest("send", *DATE, "--extra")

    assert refused.code == 1
    assert "has not been sent" in refused.err


def test_an_extra_edition_that_was_rehearsed_is_mailed_under_its_own_number(
    digest: Run, relay: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest("send", *DATE)
    digest("articles", "add", "--title", "Sent på kvällen", "--published", "2025-11-30")
    with monkeypatch.context() as rehearsing:
        rehearsing.delenv("DIGEST_RELAY_URL")
        assert digest("send", *DATE, "--extra", "--json").json["state"] == "rehearsed"
    mailed_now = digest("send", *DATE, "--extra", "--json").json

    assert (mailed_now["edition"], mailed_now["state"], mailed_now["articles"]) == (f"{KEY}.2", "sent", 1)
    assert len(mailed(relay)) == 6


def test_an_extra_edition_that_was_held_is_decided_anew_under_its_number(
    ready: Path, digest: Run, relay: RecordingServer
) -> None:
    digest("send", *DATE)
    digest("articles", "add", "--title", "Sent på kvällen", "--published", "2025-11-30")
    for reader in READERS:
        digest("subscribers", "remove", reader, "--list", "industri")
    held = digest("send", *DATE, "--extra", "--json")
    for reader in READERS:
        digest("subscribers", "add", reader, "--list", "industri", "--confirmed")
    sent = digest("send", *DATE, "--extra", "--json")

    assert (held.code, held.json["state"], held.json["edition"]) == (6, "held", f"{KEY}.2")
    assert (sent.code, sent.json["state"], sent.json["edition"]) == (0, "sent", f"{KEY}.2")


def test_an_extra_edition_killed_after_its_freeze_is_finished_and_none_is_made_beside_it(
    ready: Path, digest: Run
) -> None:
    with serving() as server:
        url = {"DIGEST_RELAY_URL": server.url, "DIGEST_RELAY_CONNECTIONS": "1"}
        in_process_of_its_own(ready, "send", *DATE, **url)
        digest("articles", "add", "--title", "Sent på kvällen", "--published", "2025-11-30")
        killed = in_process_of_its_own(ready, "send", *DATE, "--extra", DIGEST_CRASH_AT="claim", **url)
        state = shown(digest, f"{KEY}.2")["state"]
        again = in_process_of_its_own(ready, "send", *DATE, "--extra", "--json", **url)

    assert (killed.code, state) == (-signal.SIGKILL, "sending")
    assert (again.code, again.json["state"]) == (0, "empty")
    assert [(one["edition"], one["state"], one["now"]["sent"]) for one in again.json["older"]] == [
        (f"{KEY}.2", "sent", 3)
    ]
    assert [one["edition"] for one in digest("editions", "list", "--json").json["editions"]] == [f"{KEY}.2", KEY]
    assert recipients(server) == sorted(READERS * 2)
