"""``digest send``, through the command line: on the outbox and over SMTP, once and again."""

import asyncio
import datetime as dt
import email
import email.policy
import json
import os
import signal
import sqlite3
import sys
from pathlib import Path

import pytest

from digest.demo.smtpd import Action, Answer, Script, Step
from tests.cli.conftest import Run, in_process_of_its_own
from tests.serving import serving

DATE = ("--date", "2025-11-30")
KEYS = [
    "schema", "newsletter", "edition", "state", "articles", "audience", "sent", "deferred", "failed", "in_doubt",
    "withdrawn", "skipped", "cancelled", "expired", "pending", "sending", "now",
]  # fmt: skip
READERS = ["anna@example.com", "bo@example.com", "liam@example.com"]


@pytest.fixture
def over_smtp(ready: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ready project that uses one connection; the test says to which relay."""
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    return ready


def use(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("DIGEST_RELAY_URL", url)


def test_without_a_relay_letters_are_written_to_the_outbox_and_nobody_is_mailed(ready: Path, digest: Run) -> None:
    sent = digest("send", *DATE, "-v")

    assert sent.code == 0
    assert "3 letters written to outbox/. Nobody was mailed" in sent.err
    assert len(list((ready / "outbox" / "new").iterdir())) == 3
    assert digest("editions", "list", "--json").json["editions"][0]["state"] == "rehearsed"


def test_a_send_off_a_terminal_is_silent(ready: Path, digest: Run) -> None:
    sent = digest("send", *DATE)

    assert (sent.code, sent.out, sent.err) == (0, "", "")


def test_json_has_the_keys_of_the_contract_and_they_add_up(ready: Path, digest: Run) -> None:
    edition = digest("send", *DATE, "--json").json

    assert list(edition) == KEYS
    assert list(edition["now"]) == ["sent", "seconds", "per_second"]
    assert edition["edition"] == "nyheter/2025-11-30"
    assert edition["articles"] == 2
    assert sum(edition[key] for key in KEYS[6:16]) == edition["audience"] == 3


def test_a_second_send_sends_nothing(ready: Path, digest: Run) -> None:
    digest("send", *DATE)
    again = digest("send", *DATE, "--json")

    assert again.code == 0
    assert again.json["sent"] == 3
    assert again.json["now"]["sent"] == 0


def test_every_reader_gets_one_letter_over_smtp(over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        use(monkeypatch, server.url)
        first, second = digest("send", *DATE, "--json"), digest("send", *DATE, "--json")

    assert (first.code, first.json["state"], first.json["now"]["sent"]) == (0, "sent", 3)
    assert (second.code, second.json["state"], second.json["now"]["sent"]) == (0, "sent", 0)
    assert sorted(mail.recipient for mail in server.mails) == READERS
    ids = {email.message_from_bytes(mail.content)["Message-ID"] for mail in server.mails}
    assert len(ids) == 3


def test_a_letter_speaks_its_readers_language(over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)

    texts = {}
    for mail in server.mails:
        message = email.message_from_bytes(mail.content, policy=email.policy.default)
        part = message.get_body(("plain",))
        assert part is not None
        texts[mail.recipient] = part.get_content()
    assert "Söndag 30 november 2025" in texts["anna@example.com"]
    assert "Söndag 30 november 2025" in texts["bo@example.com"]
    assert "Sunday, November 30, 2025" in texts["liam@example.com"]


def test_the_first_real_send_of_a_rehearsed_edition_mails_everybody(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert digest("send", *DATE, "--json").json["state"] == "rehearsed"
    digest("subscribers", "add", "eva@example.com", "--list", "industri", "--confirmed")

    with serving() as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json").json

    assert (sent["state"], sent["audience"], sent["now"]["sent"], sent["articles"]) == ("sent", 4, 4, 2)
    assert sorted(mail.recipient for mail in server.mails) == sorted([*READERS, "eva@example.com"])


def test_an_edition_begun_over_a_relay_never_goes_on_into_the_outbox(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answering("rcpt", b"451 4.7.1 later\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        assert digest("send", *DATE, "--wait", "0").code == 3
    monkeypatch.delenv("DIGEST_RELAY_URL")
    refused = digest("send", *DATE, "--wait", "0")

    assert refused.code == 4
    assert "DIGEST_RELAY_URL is the outbox now" in refused.err
    (alert,) = (over_smtp / "outbox" / "new").iterdir()  # for the editors; no reader's letter
    assert b"\r\nTo: red@example.com\r\n" in alert.read_bytes()


def test_nothing_new_is_recorded_as_an_empty_edition(project: Path, digest: Run) -> None:
    digest("subscribers", "add", "anna@example.com", "--list", "industri", "--confirmed")
    sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["state"], sent.json["now"]["sent"]) == (0, "empty", 0)
    assert digest("editions", "list", "--json").json["editions"][0]["state"] == "empty"


def test_an_empty_edition_is_decided_anew_by_hand(ready: Path, digest: Run) -> None:
    digest("articles", "shelve", 1, 2)
    assert digest("send", *DATE, "--json").json["state"] == "empty"
    digest("articles", "release", 1)

    assert digest("send", *DATE, "--json").json["articles"] == 1


def test_an_edition_for_nobody_is_held_and_binds_nothing(project: Path, ready: Path, digest: Run) -> None:
    for address in READERS:
        digest("subscribers", "remove", address)
    sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["state"]) == (6, "held")
    assert "nobody is confirmed on industri" in sent.err
    states = [a["placements"][0]["state"] for a in digest("articles", "list", "--json").json["articles"]]
    assert states == ["waiting", "waiting"]


def test_a_hold_can_be_forced_by_its_rule(ready: Path, digest: Run) -> None:
    for address in READERS:
        digest("subscribers", "remove", address)

    forced = digest("send", *DATE, "--force", "readers", "--json")

    assert (forced.code, forced.json["audience"]) == (0, 0)


def test_a_dry_run_freezes_and_sends_nothing(ready: Path, digest: Run) -> None:
    dry = digest("send", *DATE, "--dry-run", "--json")

    assert (dry.code, dry.json["state"], dry.json["articles"], dry.json["audience"]) == (0, "draft", 2, 3)
    assert digest("editions", "list", "--json").json["editions"] == []
    assert not (ready / "outbox").exists()


def test_a_test_letter_goes_to_the_editors_and_freezes_nothing(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--test")
        to_one = digest("send", *DATE, "--test", "eva@example.com")

    assert (sent.code, to_one.code) == (0, 0)
    assert {mail.recipient for mail in server.mails} == {"red@example.com", "eva@example.com"}
    assert all(b"Subject: [Test]" in mail.content for mail in server.mails)
    assert digest("editions", "list", "--json").json["editions"] == []


def test_a_reader_refused_for_good_is_failed_and_the_send_is_done(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answering("rcpt", b"550 5.1.1 no such user\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["state"], sent.json["sent"], sent.json["failed"]) == (0, "sent", 2, 1)
    told = digest("editions", "show", "2025-11-30", "--deliveries", "--json").json["deliveries"]
    bo = next(one for one in told if one["address"] == "bo@example.com")
    assert (bo["state"], bo["code"], bo["enhanced"], bo["text"]) == ("failed", 550, "5.1.1", "no such user")
    assert list(bo) == ["address", "state", "attempts", "code", "enhanced", "text", "message_id", "at"]


def test_a_deferred_reader_is_left_open_and_a_later_send_mails_only_them(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        first = digest("send", *DATE, "--wait", "0", "--json")
    make_due(over_smtp)
    with serving() as later:
        use(monkeypatch, later.url)
        second = digest("send", *DATE, "--json")

    assert (first.code, first.json["state"], first.json["sent"], first.json["deferred"]) == (3, "sending", 2, 1)
    assert (second.code, second.json["state"], second.json["now"]["sent"]) == (0, "sent", 1)
    assert sorted(mail.recipient for mail in [*server.mails, *later.mails]) == READERS


def test_an_older_open_edition_is_finished_before_todays(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        digest("send", "--date", "2025-11-29", "--wait", "0")
    make_due(over_smtp)
    with serving() as later:
        use(monkeypatch, later.url)
        sent = digest("send", *DATE, "--json").json

    assert [edition["edition"] for edition in sent["older"]] == ["nyheter/2025-11-29"]
    assert sent["older"][0]["state"] == "sent"
    assert len(server.mails) == 2
    assert next(mail.recipient for mail in later.mails) == "bo@example.com"


def test_a_connection_lost_before_the_dot_is_tried_again_in_the_same_run(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(once("data", Action.DROP)) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["sent"], sent.json["in_doubt"]) == (0, 3, 0)
    assert sorted(mail.recipient for mail in server.mails) == READERS


@pytest.mark.parametrize("action", [Action.DROP, Action.ACCEPT_AND_DROP])
def test_a_mail_whose_answer_was_lost_is_sent_once_more_with_the_same_bytes(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, action: Action
) -> None:
    with serving(once("dot", action)) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    taken = [mail.content for mail in server.mails]
    assert (sent.code, sent.json["sent"], sent.json["in_doubt"]) == (0, 3, 0)
    assert sorted({mail.recipient for mail in server.mails}) == READERS
    assert len(set(taken)) == 3
    assert len(taken) == (4 if action is Action.ACCEPT_AND_DROP else 3)


def test_mail_in_doubt_can_be_kept_for_a_person_and_sent_later(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(once("dot", Action.DROP)) as server:
        use(monkeypatch, server.url)
        kept = digest("send", *DATE, "--in-doubt", "keep", "--json")
        sent = digest("send", *DATE, "--json")

    assert (kept.code, kept.json["state"], kept.json["in_doubt"]) == (3, "sending", 1)
    assert (sent.code, sent.json["state"], sent.json["in_doubt"]) == (0, "sent", 0)


def test_mail_in_doubt_can_be_closed_unsent(over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(once("dot", Action.DROP)) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--in-doubt", "skip", "--json")

    assert (sent.code, sent.json["state"], sent.json["in_doubt"], sent.json["sent"]) == (0, "sent", 1, 2)


def test_a_second_doubt_stays_in_doubt_and_is_closed(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.delivery.line.FIRST_PAUSE", 0.01)
    with serving(answering("dot", Action.DROP, "")) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["state"], sent.json["in_doubt"], sent.json["sent"]) == (0, "sent", 3, 0)
    assert server.mails == []


def test_a_reader_who_left_after_the_freeze_gets_nothing(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "")) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
    digest("subscribers", "remove", "bo@example.com")
    make_due(over_smtp)
    with serving() as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["sent"], sent.json["withdrawn"]) == (0, 2, 1)
    assert "bo@example.com" not in {mail.recipient for mail in server.mails}


def test_a_relay_that_is_not_there_leaves_everything_pending_and_says_so(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "smtp+plain://127.0.0.1:1")
    sent = digest("send", *DATE, "--wait", "0", "--json")

    assert sent.code == 1
    assert sent.json["pending"] == 3
    assert "127.0.0.1:1" in sent.err


def test_a_relay_that_refuses_our_sender_never_marks_a_reader(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answering("mail", b"550 5.7.1 sender not allowed\r\n", "")) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "0", "--json")

    assert sent.code == 1
    assert (sent.json["pending"], sent.json["failed"], sent.json["deferred"]) == (3, 0, 0)
    assert "sender not allowed" in sent.err


def test_a_relay_that_takes_two_mails_a_connection_gets_them_two_by_two(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def two(step: Step) -> Answer:
        return b"421 4.7.0 enough\r\n" if step.name == "mail" and step.mail > 2 else None

    with serving(two) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["sent"], server.connections) == (0, 3, 2)


def test_two_relays_share_the_load_and_one_takes_over_when_the_other_is_away(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        use(monkeypatch, f"smtp+plain://127.0.0.1:1 {server.url}")
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["sent"]) == (0, 3)
    assert len(server.mails) == 3


def test_a_rate_is_kept(over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        use(monkeypatch, f"{server.url}?rate=2/s")
        sent = digest("send", *DATE, "--json").json

    assert sent["sent"] == 3
    assert sent["now"]["seconds"] > 0.9


def test_another_run_is_refused_while_one_is_at_it(over_smtp: Path, digest: Run) -> None:
    from digest.store.lock import hold

    with hold(over_smtp / "digest.db-send.lock"):
        refused = digest("send", *DATE, "--json")

    assert refused.code == 5
    assert refused.json["error"].startswith("another run is at it")


def test_a_return_path_is_unique_and_signed_when_there_is_a_bounce_address(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_BOUNCE_ADDRESS", "bounce@example.com")
    with serving() as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)

    senders = {mail.sender for mail in server.mails}
    assert len(senders) == 3
    assert all(sender.startswith("bounce+") and sender.endswith("@example.com") for sender in senders)
    assert all(len(sender.partition("@")[0]) <= 64 for sender in senders)
    assert all(b"<mailto:bounce+" in mail.content for mail in server.mails)


def test_the_sources_are_collected_first_and_a_broken_one_stops_no_send(ready: Path, digest: Run) -> None:
    (ready / "articles").mkdir()
    (ready / "articles" / "new.json").write_text(json.dumps([{"title": "Ny", "published": "2025-11-30"}]))
    (ready / "articles" / "broken.json").write_text("[{")
    sent = digest("send", *DATE, "--collect", "--json")

    assert (sent.code, sent.json["articles"]) == (3, 3)
    assert "broken.json" in sent.err


def test_a_date_to_come_is_refused(ready: Path, digest: Run) -> None:
    tomorrow = dt.datetime.now(dt.UTC).date() + dt.timedelta(days=2)
    refused = digest("send", "--date", tomorrow)

    assert refused.code == 2
    assert "has not come yet" in refused.err


def test_sigterm_lets_open_conversations_finish_and_leaves_the_rest_pending(over_smtp: Path) -> None:
    async def interrupt() -> tuple[int, int, int]:
        from digest.demo.smtpd import RecordingServer

        async with RecordingServer() as server:
            process = await asyncio.create_subprocess_exec(
                *command("send", *DATE, "--json"),
                cwd=over_smtp,
                env=environment(f"{server.url}?rate=1/s"),
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
            while not server.mails:
                await asyncio.sleep(0.02)
            process.terminate()
            out, _ = await process.communicate()
            counts = json.loads(out)
            return process.returncode or 0, counts["sent"], counts["pending"]

    code, sent, pending = asyncio.run(interrupt())

    assert code == 130
    assert (sent, pending) == (1, 2)


@pytest.mark.parametrize("point", ["claim", "claimed", "marked:2", "answered:2", "recorded:2"])
def test_a_kill_loses_nobody_and_doubles_only_what_was_in_doubt(over_smtp: Path, point: str) -> None:
    with serving() as server:
        url = {"DIGEST_RELAY_URL": server.url, "DIGEST_RELAY_CONNECTIONS": "1"}
        killed = in_process_of_its_own(over_smtp, "send", *DATE, DIGEST_CRASH_AT=point, **url)
        doubtful = in_doubt(over_smtp)
        finished = in_process_of_its_own(over_smtp, "send", *DATE, "--json", **url)
        again = in_process_of_its_own(over_smtp, "send", *DATE, "--json", **url)

    recipients = [mail.recipient for mail in server.mails]
    doubled = {one for one in recipients if recipients.count(one) > 1}
    assert killed.code == -signal.SIGKILL
    assert (finished.code, finished.json["state"]) == (0, "sent")
    assert sorted(set(recipients)) == READERS
    assert len(doubled) <= 1  # one open connection
    assert doubled <= doubtful
    for one in doubled:
        assert len({mail.content for mail in server.mails if mail.recipient == one}) == 1
    assert again.json["now"]["sent"] == 0


def in_doubt(project: Path) -> set[str]:
    """Return the addresses whose mail may have gone out, by the store as the kill has left it."""
    with sqlite3.connect(project / "digest.db") as store:
        sql = "SELECT subscriber.address FROM subscriber JOIN delivery ON subscriber_id = id WHERE state IN (2, 6)"
        return {address for (address,) in store.execute(sql)}


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "digest", *arguments]


def environment(url: str) -> dict[str, str]:
    return {**os.environ, "DIGEST_RELAY_URL": url, "DIGEST_RELAY_CONNECTIONS": "1"}


def make_due(project: Path) -> None:
    """Let deferred mail be due now: its time is the store's, and waiting minutes is no test."""
    with sqlite3.connect(project / "digest.db") as store:
        store.execute("UPDATE delivery SET next_at = 0 WHERE next_at IS NOT NULL")


def answering(step: str, answer: Answer, whom: str) -> Script:
    """Return a script that answers so at a step, every time its argument names somebody."""
    return lambda at: answer if at.name == step and whom in at.argument else None


def once(step: str, answer: Answer) -> Script:
    """Return a script that answers so the first time it comes to a step."""
    left = [answer]
    return lambda at: left.pop() if at.name == step and left else None


@pytest.mark.parametrize("articles", [1, 0])
def test_a_newsletter_that_was_renamed_goes_on_once_formerly_is_written(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, articles: int
) -> None:
    with serving(answering("rcpt", b"451 4.7.1 later\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        assert digest("send", *DATE, "--wait", "0").code == 3
    text = (over_smtp / "digest.toml").read_text(encoding="utf-8").replace("newsletters.nyheter]", "newsletters.nytt]")
    (over_smtp / "digest.toml").write_text(text, encoding="utf-8")
    for _ in range(articles):
        digest("articles", "add", "--title", "Efter namnbytet")
    with serving() as server:
        use(monkeypatch, server.url)
        held = digest("send")
        assert (held.code, len([mail for mail in server.mails if b"List-Id" in mail.content])) == (6, 0)
        assert 'add formerly = "nyheter"' in held.err
        text = text.replace("newsletters.nytt]", 'newsletters.nytt]\nformerly = "nyheter"')
        (over_smtp / "digest.toml").write_text(text, encoding="utf-8")
        digest("editions", "retry", "nytt/2025-11-30")
        assert digest("send").code == 0

    letters = [mail.recipient for mail in server.mails if b"List-Id" in mail.content]
    assert letters[0] == "bo@example.com"
    assert len(letters) == 1 + 3 * articles
    assert all(b"nyheter." in mail.content for mail in server.mails if b"List-Id" in mail.content)  # for ever
