"""``digest send`` when things go wrong in its own house, or the relay is in a mood."""

import datetime as dt
import sqlite3
from pathlib import Path

import pytest

from digest.cli.monitor import Monitor
from digest.cli.send import _desk
from digest.delivery import outbox
from digest.delivery.freeze import Draft
from digest.delivery.outbox import OutboxUnwritable
from digest.delivery.roads import Roads, roads
from digest.delivery.run import send_newsletter
from digest.delivery.wish import Desk, Ending, Wish
from digest.demo.smtpd import Action, Answer, Step
from digest.models import PlacementState
from digest.project import open_project
from digest.store import articles
from tests.cli.conftest import Run
from tests.cli.test_send import DATE, READERS, answering, make_due, use
from tests.serving import serving


def test_an_outbox_that_cannot_be_written_leaves_everybody_pending_and_nobody_in_doubt(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(folder: Path, _mail: bytes) -> None:
        raise OutboxUnwritable(folder, OSError(28, "No space left on device"))

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "_write", full)
        failed = [digest("send", *DATE, "--json").code for _ in range(3)]
    mended = digest("send", *DATE, "--json")

    assert failed == [1, 1, 1]
    assert (mended.code, mended.json["state"], mended.json["sent"], mended.json["in_doubt"]) == (0, "rehearsed", 3, 0)
    assert len(list((ready / "outbox" / "new").iterdir())) == 3


def test_a_relay_that_refuses_our_sender_after_a_while_is_left_alone_and_not_hammered(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = 0

    def quota(step: Step) -> Answer:
        nonlocal asked
        asked += step.name == "mail"
        return b"452 4.5.3 too many messages today\r\n" if step.name == "mail" and asked > 1 else None

    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with serving(quota) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "0", "--json")

    assert (sent.code, sent.json["sent"], sent.json["pending"]) == (3, 1, 2)
    assert "too many messages today" in sent.err
    assert asked <= 5


def test_the_words_of_a_relay_that_puts_mail_off_are_shown(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answering("rcpt", b"550 5.7.1 your address is blocked by policy\r\n", "")) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "0")

    assert sent.code == 1  # nobody got it, and nobody will before somebody does something about it
    assert "550 5.7.1 your address is blocked by policy" in sent.err


def test_a_relay_with_a_wrong_password_does_not_stop_another(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as bad, serving() as good:
        use(monkeypatch, f"smtp+plain://user:secret@127.0.0.1:{bad.port} {good.url}")
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["sent"]) == (0, 3)
    assert len(good.mails) == 3


def test_no_more_connections_are_opened_than_there_is_mail(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving() as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)

    assert server.connections <= 3


def test_an_edition_whose_only_articles_were_dropped_at_the_last_moment_is_looked_at_anew(ready: Path) -> None:
    asked = 0

    with open_project() as project:

        def drop_all(_made: object, _roads: object) -> bool:
            nonlocal asked
            asked += 1
            now = dt.datetime.now(dt.UTC)
            articles.place(project.store, [1, 2], None, PlacementState.DROPPED, by="an editor", now=now)
            return True

        wish, now = Wish(date=dt.date(2025, 11, 30)), dt.datetime.now(dt.UTC)
        (result,) = send_newsletter(project, project.newsletter(None), roads(project), wish, Desk(drop_all), now)

    assert (result.ending, asked) == (Ending.EMPTY, 1)


def test_an_article_changed_at_the_last_moment_is_asked_about_again_and_goes_out_changed(ready: Path) -> None:
    asked: list[str] = []
    frozen: list[tuple[str, int]] = []

    with open_project() as project:

        def change_once(made: Draft, _roads: Roads) -> bool:
            if not asked:
                articles.edit(project.store, 2, {"title": "Rättad rubrik"}, dt.datetime.now(dt.UTC))
            asked.append(made.letters[0].subject)
            return True

        wish, now = Wish(date=dt.date(2025, 11, 30)), dt.datetime.now(dt.UTC)
        desk = Desk(change_once, lambda key, readers: frozen.append((key, readers)))
        (result,) = send_newsletter(project, project.newsletter(None), roads(project), wish, desk, now)

    assert result.ending is Ending.RAN
    assert frozen == [("nyheter/2025-11-30", result.edition["audience"])] * 2  # the first time in vain
    assert [subject.partition(": ")[2] for subject in asked] == ["Luftrenare", "Rättad rubrik"]


def test_yesterdays_deferred_mail_is_given_up_once_todays_edition_is_frozen(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        digest("send", "--date", "2025-11-29", "--wait", "0")
        today = digest("send", *DATE, "--wait", "0", "--json")

    states = {e["edition"]: e for e in digest("editions", "list", "--json").json["editions"]}
    assert (today.code, today.json["deferred"]) == (3, 1)
    assert (states["nyheter/2025-11-29"]["state"], states["nyheter/2025-11-29"]["expired"]) == ("sent", 1)


def test_a_pin_set_after_a_rehearsal_outdoes_the_older_one(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest("articles", "pin", 1)
    digest("send", *DATE)
    digest("articles", "add", "--title", "Sent om kvällen", "--published", "2025-11-30")
    digest("articles", "pin", 3)
    with serving() as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)

    report = digest("editions", "show", "2025-11-30", "--json").json
    roles = {article["title"]: article["role"] for article in report["articles_printed"]}
    assert roles == {"Backkameror": "headline", "Luftrenare": "headline", "Sent om kvällen": "lead"}


def test_a_rehearsal_that_was_cut_short_is_named_by_preflight_of_a_real_send(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest("send", "--date", "2025-11-29")
    with sqlite3.connect(ready / "digest.db") as store:
        store.execute("UPDATE edition SET state = 'sending', finished_at = NULL")
    monkeypatch.setenv("DIGEST_RELAY_URL", "smtps://mail.example.com")

    findings = {f["rule"]: f for f in digest("check", *DATE, "--json").json["findings"]}

    assert findings["rehearsed"]["level"] == "warn"
    assert "nyheter/2025-11-29" in findings["rehearsed"]["message"]


def test_several_deferred_readers_who_fall_due_together_share_a_connection(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "")) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
    make_due(ready)
    with serving() as later:
        use(monkeypatch, later.url)
        assert digest("send", *DATE).code == 0

    assert later.connections == 1
    assert sorted(mail.recipient for mail in later.mails) == READERS


def test_a_doubt_whose_second_try_is_refused_before_the_dot_stays_named_as_a_doubt(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    doubted = False

    def once_then_quota(step: Step) -> Answer:
        nonlocal doubted
        if step.name == "dot" and not doubted:
            doubted = True
            return Action.ACCEPT_AND_DROP
        return b"452 4.5.3 too many messages today\r\n" if doubted and step.name == "mail" else None

    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with serving(once_then_quota) as server:
        use(monkeypatch, server.url)
        stopped = digest("send", *DATE, "--wait", "0", "--json")
    with serving() as later:
        use(monkeypatch, later.url)
        finished = digest("send", *DATE, "--json")

    assert (stopped.json["in_doubt"], stopped.json["pending"], stopped.json["sent"]) == (1, 2, 0)
    assert (finished.code, finished.json["sent"], finished.json["in_doubt"]) == (0, 3, 0)
    assert sorted(mail.recipient for mail in later.mails) == READERS
    assert len({mail.content for mail in [*server.mails, *later.mails]}) == 3


@pytest.mark.parametrize("quiet", [True, False])
def test_at_a_terminal_the_freeze_of_many_letters_is_announced(
    quiet: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("digest.cli.show.is_terminal", lambda: True)

    with _desk(yes=True, watched=Monitor(""), quiet=quiet, is_due=False) as desk:
        desk.freezing("nyheter/2025-11-30", 99_999)
        desk.freezing("nyheter/2025-11-30", 1_000_000)

    # Beside it stands what takes a bar away again.
    assert capsys.readouterr().err.split("\n").count("nyheter/2025-11-30: freezing 1,000,000 letters") == 1
