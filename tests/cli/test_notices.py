"""Alerts to the editors: written once with their cause, sent by every send, through a relay of their own if need be."""

import email
import email.policy
import sqlite3
from email.message import EmailMessage
from pathlib import Path

import pytest
import time_machine

from digest.demo.smtpd import Answer, Received, RecordingServer, Step
from tests.cli.conftest import TOML, Run
from tests.serving import serving

DATE = ("--date", "2025-11-30")
SCHEDULE = 'timezone = "Europe/Stockholm"\nschedule = "30 6 * * *"\nexpect_by = "07:15"\n'
NOBODY = "smtp+plain://127.0.0.1:1"  # nothing listens there


def at(moment: str) -> time_machine.travel:
    return time_machine.travel(moment, tick=True)


@pytest.fixture
def over_smtp(ready: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    return ready


def without_postal_address(project: Path, *, editors: str = '["red@example.com"]') -> None:
    """Make preflight hold: for readers on the network a postal address is wanted, and an address of one's own."""
    text = TOML.replace('editors = ["red@example.com"]', f"editors = {editors}")
    (project / "digest.toml").write_text(text.replace('lists = ["industri"]', 'lists = ["ingen"]'), encoding="utf-8")


def mail_of(received: Received | bytes) -> EmailMessage:
    raw = received if isinstance(received, bytes) else received.content
    found = email.message_from_bytes(raw, policy=email.policy.default)
    assert isinstance(found, EmailMessage)
    return found


def alerts_in(server: RecordingServer) -> list[EmailMessage]:
    mails = [mail_of(mail) for mail in server.mails]
    return [mail for mail in mails if mail["Auto-Submitted"]]


def rows(project: Path) -> list[tuple[str, str, int]]:
    with sqlite3.connect(project / "digest.db") as connection:
        return connection.execute("SELECT kind, state, attempt FROM notice ORDER BY id").fetchall()


def test_the_editors_hear_of_an_edition_that_is_held(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_postal_address(over_smtp, editors='["Röda Redaktionen <red@example.com>", "chef@example.com"]')
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        held = digest("send", *DATE)
        digest("send", *DATE)

    assert held.code == 6
    assert sorted(mail.recipient for mail in server.mails) == ["chef@example.com", "red@example.com"]
    alert = alerts_in(server)[0]
    assert alert["Auto-Submitted"] == "auto-generated"
    assert alert["Subject"] == "nyheter/2025-11-30 hålls tillbaka: ingen har fått något brev"
    assert alert["From"] == "Nyheter <nytt@example.com>"
    assert alert["Message-ID"].endswith("@example.com>")
    assert not any(name.lower().startswith("list-") for name in alert)
    assert alert.get_content_type() == "text/plain"
    text = alert.get_content()
    assert "readers: nobody is confirmed on ingen" in " ".join(text.split())
    assert "digest send nyheter --date 2025-11-30 --force REGEL" in text
    assert rows(over_smtp) == [("held", "sent", 1)] * 2


def test_another_reason_is_told_anew(over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        without_postal_address(over_smtp)
        digest("send", *DATE)
        text = (over_smtp / "digest.toml").read_text(encoding="utf-8").replace('"ingen"', '"ingen-alls"')
        (over_smtp / "digest.toml").write_text(text, encoding="utf-8")
        digest("send", *DATE)

    assert len(server.mails) == 2


def test_without_editors_nobody_is_told(over_smtp: Path, digest: Run) -> None:
    without_postal_address(over_smtp, editors="[]")

    assert digest("send", *DATE).code == 6
    assert rows(over_smtp) == []


def test_a_relay_that_is_down_is_told_through_another_one(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_RELAY_URL", NOBODY)
    with serving() as other:
        monkeypatch.setenv("DIGEST_NOTICE_RELAY_URL", other.url)
        failed = digest("send", *DATE, "--wait", "0")
        digest("send", *DATE, "--wait", "0")

    assert failed.code == 1
    (alert,) = alerts_in(other)
    assert alert["Subject"] == "nyheter/2025-11-30 kunde inte skickas"
    assert "relay 127.0.0.1:1 failed at connect" in " ".join(alert.get_content().split())


def test_an_alert_that_finds_no_relay_waits_for_the_next_send(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_RELAY_URL", NOBODY)
    failed = digest("send", *DATE, "--wait", "0")
    assert failed.code == 1
    assert "notices wait: relay 127.0.0.1:1 failed at connect" in failed.err
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", *DATE).code == 0

    assert [mail["Subject"] for mail in alerts_in(server)] == ["nyheter/2025-11-30 kunde inte skickas"]
    assert len(server.mails) == 4  # it and the three letters


def test_a_login_that_is_refused_is_told(over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving() as other:
        monkeypatch.setenv("DIGEST_NOTICE_RELAY_URL", other.url)
        monkeypatch.setenv("DIGEST_DATABASE_URL", "sqlite:///digest.db")
        (over_smtp / "templates" / "senaste-nytt").mkdir(parents=True)
        (over_smtp / "templates" / "senaste-nytt" / "letter.html.j2").write_text("{{ nonsense }}")
        broken = digest("send", *DATE)

    assert broken.code == 4
    (alert,) = alerts_in(other)
    assert "templates/senaste-nytt/letter.html.j2, line 1" in alert.get_content()


def test_mail_still_put_off_at_half_of_its_time_is_told_once(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bo_waits(step: Step) -> Answer:
        return b"452 4.2.2 mailbox full\r\n" if step.name == "rcpt" and "bo@" in step.argument else None

    with serving(bo_waits) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        with at("2025-11-30T06:00:00Z"):
            digest("send", "--wait", "0")
        with at("2025-11-30T10:00:00Z"):
            digest("send", "--wait", "0")
            assert not alerts_in(server)
        for hour in (17, 18, 19):
            with at(f"2025-11-30T{hour}:00:00Z"):
                assert digest("send", "--wait", "0").code == 3

    (alert,) = alerts_in(server)
    assert alert["Subject"] == "1 brev av nyheter/2025-11-30 väntar fortfarande"
    text = " ".join(alert.get_content().split())
    assert "452 4.2.2 mailbox full" in text
    assert "2025-12-01 03:00" in text  # 20 h after the freeze, in Stockholm


@pytest.mark.parametrize(
    ("before", "told"), [("nothing", True), ("held", True), ("sent", False), ("empty", False), ("cancelled", False)]
)
def test_an_edition_that_is_missing_is_told_by_the_next_call(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, before: str, *, told: bool
) -> None:
    toml = TOML.replace('timezone = "Europe/Stockholm"\n', SCHEDULE)
    other = toml[toml.index("[newsletters") : toml.index("[lists")].replace("nyheter", "annat").replace(SCHEDULE, "")
    (over_smtp / "digest.toml").write_text(toml + other, encoding="utf-8")
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        with at("2025-12-01T05:31:00Z"):
            match before:
                case "held":
                    (over_smtp / "digest.toml").write_text(toml.replace('"industri"', '"ingen"') + other)
                    assert digest("send", "--due").code == 6
                case "sent":
                    assert digest("send", "--due").code == 0
                case "empty":
                    for number in (1, 2):
                        digest("articles", "shelve", number)
                    assert digest("send", "--due").code == 0
                case "cancelled":
                    monkeypatch.setenv("DIGEST_RELAY_URL", NOBODY)
                    assert digest("send", "--due", "--wait", "0").code == 1
                    assert digest("editions", "cancel", "nyheter/2025-12-01").code == 0
                    monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        for moment in ("2025-12-01T06:14:00Z", "2025-12-01T06:16:00Z", "2025-12-01T07:00:00Z"):
            with at(moment):
                digest("send", "annat", "--wait", "0")  # any send looks after all newsletters
    missing = [mail for mail in alerts_in(server) if "har inte gått ut" in mail["Subject"]]

    assert [mail["Subject"] for mail in missing] == (["nyheter/2025-12-01 har inte gått ut"] if told else [])
    if told:
        assert "senast 07:15" in missing[0].get_content()


def test_an_alert_that_was_cut_off_is_taken_up_again_with_the_same_message_id(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_postal_address(over_smtp)
    lost: list[bool] = []

    def loses_the_first(step: Step) -> Answer:
        from digest.demo.smtpd import Action

        if step.name == "dot" and not lost:
            lost.append(True)
            return Action.ACCEPT_AND_DROP
        return None

    with serving(loses_the_first) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        with at("2025-11-30T06:00:00Z"):
            held = digest("send")
        with at("2025-11-30T06:01:00Z"):
            digest("send", "--dry-run")
            digest("articles", "list")
        with at("2025-11-30T07:30:00Z"):
            digest("send")

    assert "notice to red@example.com (held)" in held.err
    first, second = alerts_in(server)
    assert first["Message-ID"] == second["Message-ID"]
    assert rows(over_smtp) == [("held", "sent", 2)]


def test_an_editor_who_is_refused_for_good_is_not_tried_again(
    over_smtp: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_postal_address(over_smtp)
    asked = 0

    def unknown(step: Step) -> Answer:
        nonlocal asked
        asked += step.name == "rcpt"
        return b"550 5.1.1 no such user\r\n" if step.name == "rcpt" else None

    with serving(unknown) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        for hour in (6, 9, 12):
            with at(f"2025-11-30T{hour:02}:00:00Z"):
                assert digest("send").code == 6

    assert asked == 1
    assert rows(over_smtp) == [("held", "failed", 1)]


def test_a_send_in_the_outbox_writes_its_alerts_there(over_smtp: Path, digest: Run) -> None:
    without_postal_address(over_smtp)
    assert digest("send", *DATE).code == 6
    (written,) = (over_smtp / "outbox" / "new").iterdir()

    assert mail_of(written.read_bytes())["To"] == "red@example.com"
