"""``digest editions retry`` and ``resend``: who was put off or refused, and one reader once more."""

import signal
import sqlite3
from pathlib import Path

import pytest

from digest.demo.smtpd import Action, Received, RecordingServer
from tests.cli.conftest import Run, in_process_of_its_own
from tests.cli.editor import (
    ANNA,
    BO,
    KEY,
    LIAM,
    counts_of,
    do,
    doubts,
    mailed,
    message_id,
    recipients,
    send_half,
    shown,
    subject,
)
from tests.cli.test_editions import KEYS
from tests.cli.test_send import DATE, answering, make_due, use
from tests.serving import serving

pytestmark = pytest.mark.usefixtures("one_connection")


def test_mail_put_off_is_due_at_once(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
    with serving() as later:
        use(monkeypatch, later.url)
        assert digest("send", *DATE, "--wait", "0").code == 3
        retried = do(digest, "retry").json
        sent = digest("send", *DATE, "--wait", "0", "--json")

    assert (list(retried), retried["due"], retried["state"]) == (["schema", *KEYS, "due"], 1, "sending")
    assert (sent.code, counts_of(sent.json)) == (0, {"sent": 3})
    assert recipients(later) == [BO]


def test_who_was_refused_for_good_is_tried_again_when_asked_for(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering("rcpt", b"550 5.1.1 no such user\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        assert digest("send", *DATE).code == 0
    nothing = digest("editions", "retry", KEY, "-v")
    other = do(digest, "retry", "--code", "5.2.2").json
    done = shown(digest)
    retried = do(digest, "retry", "--failed").json
    with serving() as later:
        use(monkeypatch, later.url)
        sent = digest("send", *DATE, "--json")

    assert (nothing.code, nothing.err) == (0, f"{KEY}: nothing to try again\n")
    assert (other["due"], other["state"], done["history"]) == (0, "sent", [])
    assert (retried["due"], retried["state"], counts_of(retried)) == (1, "sending", {"sent": 2, "deferred": 1})
    assert (sent.code, sent.json["state"], counts_of(sent.json)) == (0, "sent", {"sent": 3})
    assert recipients(later) == [BO]


@pytest.mark.parametrize(("code", "due"), [("5.1.1", 1), ("550", 1), ("551", 0), ("5.1.10", 0)])
def test_a_code_alone_names_whom_to_try_again(
    digest: Run, monkeypatch: pytest.MonkeyPatch, code: str, due: int
) -> None:
    with serving(answering("rcpt", b"550 5.1.1 no such user\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)

    assert do(digest, "retry", "--code", code).json["due"] == due


@pytest.mark.parametrize("code", ["", "x", "5.1", "5", "99999999999999999999", "５５０", "5..1", "-550", "5.1.1111"])
def test_what_is_no_code_is_refused(digest: Run, code: str) -> None:
    refused = digest("editions", "retry", KEY, f"--code={code}")

    assert refused.code == 2
    assert f"{code!r} is no reply code; write 550 or 5.7.1" in refused.err
    assert refused.err.count("\n") == 1


def test_a_paused_edition_that_is_retried_says_how_it_goes_on(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
    do(digest, "pause")

    assert digest("editions", "retry", KEY, "-v").err == (
        f"{KEY}: 1 letter due now; digest editions resume lets it go on\n"
    )


def test_mail_given_up_is_tried_again_for_as_long_as_at_first(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
        with sqlite3.connect("digest.db") as store:
            store.execute("UPDATE edition SET give_up_at = decided_at")
        make_due(Path.cwd())
        assert digest("send", *DATE, "--wait", "0", "--json").json["expired"] == 1
        assert do(digest, "retry", "--failed").json["due"] == 1
        again = digest("send", *DATE, "--wait", "0", "--json")

    assert (again.code, counts_of(again.json)) == (3, {"sent": 2, "deferred": 1})


def test_a_reader_who_has_had_it_gets_the_same_bytes_once_more(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    resent = digest("editions", "resend", KEY, "--to", "Bo@Example.com", "--json")

    assert (resent.code, list(resent.json)) == (0, ["schema", *KEYS, "address", "delivery"])
    assert (resent.json["address"], resent.json["delivery"], resent.json["state"]) == ("Bo@Example.com", "sent", "sent")
    assert counts_of(resent.json) == {"sent": 3}
    copies = [mail for mail in mailed(relay) if mail.recipient == BO]
    assert len(copies) == 2
    assert copies[0].content == copies[1].content
    assert len(mailed(relay)) == 4
    (line,) = shown(digest)["history"]
    assert (line["did"], line["detail"]) == ("resent", "to subscriber 2")


def test_a_reader_who_joined_later_gets_the_letter_in_their_language(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    (Path.cwd() / "later.csv").write_text("e-post;språk\neva@example.com;en-GB\n", encoding="utf-8")
    digest("subscribers", "import", "later.csv", "--list", "industri", "--confirmed")
    resent = digest("editions", "resend", KEY, "--to", "eva@example.com", "-v")
    again = digest("send", *DATE, "--json").json

    assert (resent.code, resent.err) == (0, f"{KEY}: sent to eva@example.com\n")
    assert (again["state"], again["audience"], again["now"]["sent"]) == ("sent", 4, 0)
    (copy,) = [mail for mail in mailed(relay) if mail.recipient == "eva@example.com"]
    assert b"November 30, 2025" in copy.content
    assert message_id(copy) not in {message_id(mail) for mail in mailed(relay) if mail is not copy}


def test_after_a_revision_each_reader_is_sent_the_letter_they_had(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = send_half(digest, monkeypatch)
    digest("articles", "edit", 2, "--title", "Rättad")
    do(digest, "revise")
    with serving() as server:
        use(monkeypatch, server.url)
        to_anna = digest("editions", "resend", KEY, "--to", ANNA, "--json").json
        do(digest, "resume")
        digest("send", *DATE)
        digest("subscribers", "add", "eva@example.com", "--list", "industri", "--confirmed")
        for address in (BO, "eva@example.com"):
            do(digest, "resend", "--to", address)

    copies: dict[str, list[Received]] = {}
    for mail in mailed(server):
        copies.setdefault(mail.recipient, []).append(mail)
    assert to_anna["state"] == "paused", "one copy does not let the others go"
    assert [mail.content for mail in copies[ANNA]] == [first.content]
    assert copies[BO][0].content == copies[BO][1].content
    assert subject(copies["eva@example.com"][0]) == "Nyheter: Rättad"


def test_nothing_is_sent_to_who_is_no_reader(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    before = len(relay.mails)
    digest("subscribers", "remove", BO, "--list", "industri")
    digest("subscribers", "add", "eva@example.com", "--list", "industri")
    with sqlite3.connect("digest.db") as store:
        store.execute(
            "INSERT INTO suppression (hash, reason, at, by, detail) "
            "SELECT hash, 'bounce', 0, '', '' FROM subscriber WHERE id = 3"
        )

    for address in (BO, "eva@example.com", LIAM):
        refused = digest("editions", "resend", KEY, "--to", address)
        assert refused.code == 1
        assert refused.err == (
            f"digest: {address} is no confirmed reader of {KEY}, or is suppressed, or has left; "
            f"look with: digest subscribers show {address}\n"
        )
    stranger = digest("editions", "resend", KEY, "--to", "who@example.com")
    assert (stranger.code, stranger.err) == (
        1, "digest: nobody is known as who@example.com; look with: digest subscribers list\n",
    )  # fmt: skip
    nobody = digest("editions", "resend", KEY, "--to", "no address")
    assert (nobody.code, nobody.err.count("\n")) == (1, 1)
    assert len(relay.mails) == before
    assert counts_of(shown(digest)) == {"sent": 3}


def test_a_reader_whose_first_letter_is_still_to_come_is_not_sent_another(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_half(digest, monkeypatch)
    paused = digest("editions", "resend", KEY, "--to", BO)
    do(digest, "resume")
    sending = digest("editions", "resend", KEY, "--to", BO)

    assert (paused.code, paused.err) == (
        1, f"digest: {BO} is pending in {KEY}, so nothing is sent again: "
        "digest editions resume and then digest send go on\n",
    )  # fmt: skip
    assert (sending.code, sending.err) == (
        1, f"digest: {BO} is pending in {KEY}, so nothing is sent again: digest send goes on\n",
    )  # fmt: skip


def test_a_copy_that_the_relay_refuses_is_told_with_its_words(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)
    with serving(answering("rcpt", b"550 5.1.1 no such user\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        refused = digest("editions", "resend", KEY, "--to", BO, "--json")
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "anna@")) as server:
        use(monkeypatch, server.url)
        put_off = digest("editions", "resend", KEY, "--to", ANNA)
    use(monkeypatch, "smtp+plain://127.0.0.1:1")
    away = digest("editions", "resend", KEY, "--to", LIAM)

    assert (refused.code, refused.json["delivery"], refused.json["state"]) == (1, "failed", "sent")
    assert refused.err.startswith(f"{KEY}: failed to {BO}: ")
    assert "no such user" in refused.err
    assert put_off.code == 3
    assert "deferred" in put_off.err
    assert "greylisted" in put_off.err
    assert away.code == 3
    assert "pending" in away.err
    assert counts_of(shown(digest)) == {"failed": 1, "deferred": 1, "pending": 1}


def test_a_copy_that_was_put_off_goes_out_with_the_next_send(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)
        use(monkeypatch, "smtp+plain://127.0.0.1:1")
        assert digest("editions", "resend", KEY, "--to", LIAM).code == 3
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["state"], sent.json["now"]["sent"]) == (0, "sent", 1)
    assert recipients(server) == [ANNA, BO, LIAM, LIAM]


def test_a_copy_whose_answer_is_lost_is_a_doubt(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)
    with serving(answering("dot", Action.ACCEPT_AND_DROP, "")) as server:
        use(monkeypatch, server.url)
        lost = digest("editions", "resend", KEY, "--to", BO, "--json")

    assert (lost.code, lost.json["delivery"]) == (3, "in_doubt")
    assert [one["address"] for one in doubts(digest)] == [BO]


def test_a_rehearsed_edition_is_resent_to_the_outbox_and_never_over_the_network(
    ready: Path, digest: Run, relay: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused_before = digest("send", *DATE)
    through_relay = shown(digest)["state"]
    monkeypatch.delenv("DIGEST_RELAY_URL")
    outbox = digest("editions", "resend", KEY, "--to", BO)

    assert (refused_before.code, through_relay) == (0, "sent")
    assert (outbox.code, outbox.err) == (
        1, f"digest: {KEY} is sent: DIGEST_RELAY_URL is the outbox now, and nobody would be mailed; set it back\n",
    )  # fmt: skip

    digest("articles", "add", "--title", "Ny", "--published", "2025-12-01")
    digest("send", "--date", "2025-12-01")
    rehearsed = digest("editions", "resend", "2025-12-01", "--to", BO, "--json").json
    use(monkeypatch, relay.url)
    refused = digest("editions", "resend", "2025-12-01", "--to", BO)

    assert (rehearsed["state"], rehearsed["delivery"]) == ("rehearsed", "sent")
    assert len(list((ready / "outbox" / "new").iterdir())) == 3, "it replaces itself"
    assert refused.err == (
        "digest: nyheter/2025-12-01 is rehearsed: it was rehearsed only, nobody has had it; digest send mails it\n"
    )
    assert len(mailed(relay)) == 3


def test_a_kill_while_a_copy_goes_out_loses_and_doubles_nothing_unnamed(ready: Path, digest: Run) -> None:
    with serving() as server:
        url = {"DIGEST_RELAY_URL": server.url}
        in_process_of_its_own(ready, "send", *DATE, **url)
        killed = in_process_of_its_own(
            ready, "editions", "resend", KEY, "--to", BO, DIGEST_CRASH_AT="answered:1", **url
        )
        named = [one["address"] for one in doubts(digest)]
        finished = in_process_of_its_own(ready, "send", *DATE, "--json", **url)

    assert killed.code == -signal.SIGKILL
    assert named == [BO]
    assert (finished.code, finished.json["state"], counts_of(finished.json)) == (0, "sent", {"sent": 3})
    copies = [mail.content for mail in mailed(server) if mail.recipient == BO]
    assert len(set(copies)) == 1


def test_a_reader_who_left_and_came_back_may_have_a_copy(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    digest("subscribers", "remove", BO, "--list", "industri")
    assert digest("editions", "resend", KEY, "--to", BO).code == 1
    digest("subscribers", "add", BO, "--list", "industri", "--confirmed")

    assert digest("editions", "resend", KEY, "--to", BO).code == 0
