"""A storm of refusals: of the mail itself, whoever was to have it. It stops the send, instead of burning the list."""

import sqlite3
from pathlib import Path

import pytest

from digest.demo.smtpd import Action, Answer, Step
from tests.cli.conftest import Run
from tests.cli.test_pace import of, rows, with_readers
from tests.cli.test_send import DATE, make_due, use
from tests.commands import Ended
from tests.serving import serving

SPAM = b"554 5.7.1 this looks like spam to me\r\n"


class Refusing:
    """A relay that refuses at a step, counts how often, and may be told to be good."""

    def __init__(self, answer: bytes = SPAM, at: str = "dot") -> None:
        self.count = 0
        self.is_good = False
        self._answer, self._at = answer, at

    def __call__(self, step: Step) -> Answer:
        if step.name != self._at or self.is_good:
            return None
        self.count += 1
        return self._answer


@pytest.fixture(autouse=True)
def _alerts_go_another_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """A relay that refuses letters refuses alerts too, and these would be counted with them."""
    monkeypatch.setenv("DIGEST_NOTICE_RELAY_URL", "maildir:notices")


def alerts(project: Path) -> list[str]:
    """Return the facts of the alerts that a send has failed."""
    with sqlite3.connect(project / "digest.db") as store:
        return [facts for (facts,) in store.execute("SELECT facts FROM notice WHERE kind = 'failed'")]


def stormy(ended: Ended) -> tuple[int, int, int]:
    return ended.code, ended.json["sent"], ended.json["deferred"]


@pytest.mark.parametrize(
    "refusing",
    [Refusing(), Refusing(b"451 4.3.0 not this one\r\n"), Refusing(b"550 5.7.1 blocked by policy\r\n", "rcpt")],
)
def test_a_small_list_whose_every_mail_is_refused_is_tried_once_and_the_editors_told(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, refusing: Refusing
) -> None:
    with_readers(ready, digest, *of("example.com", 27))
    with serving(refusing) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "30m", "--json")

    assert stormy(sent) == (1, 0, 30)
    assert refusing.count == 30
    (alert,) = alerts(ready)
    assert "relay 127.0.0.1" in alert
    assert sent.json["state"] == "sending"


def test_a_storm_on_a_long_list_ends_after_a_thousand_mails_and_what_is_under_way(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing()
    with_readers(ready, digest, *of("example.com", 1197))
    with serving(refusing) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert sent.code == 1
    assert 1000 <= refusing.count <= 1010
    assert sent.json["deferred"] == refusing.count
    assert sent.json["pending"] == 1200 - refusing.count
    assert "nothing but refusals: relay 127.0.0.1" in sent.err
    assert "554 5.7.1 this looks like spam to me" in alerts(ready)[0]


def test_a_storm_of_yesterday_costs_one_mail_today_and_once_that_passes_all_go(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing()
    with_readers(ready, digest, *of("example.com", 57))
    with serving(refusing) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)
        make_due(ready)
        before, connections = refusing.count, server.connections
        again = digest("send", *DATE, "--json")
        probed = refusing.count - before, server.connections - connections
        make_due(ready)
        refusing.is_good = True
        after = digest("send", *DATE, "--json")

    assert (stormy(again), probed) == ((1, 0, 60), (1, 1))
    assert stormy(after) == (0, 60, 0)
    assert len({mail.recipient for mail in server.mails}) == 60
    assert server.connections - connections > 5  # all of them, once the first had passed


def test_what_is_left_of_a_long_list_is_no_storm(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda step: SPAM if step.name == "rcpt" and "bo@" in step.argument else None) as server:
        use(monkeypatch, server.url)
        first = digest("send", *DATE, "--wait", "0", "--json")
        make_due(ready)
        second = digest("send", *DATE, "--wait", "0", "--json")

    assert (first.code, first.json["sent"], first.json["deferred"]) == (3, 2, 1)
    assert (second.code, second.json["sent"], second.json["deferred"]) == (3, 2, 1)
    assert alerts(ready) == []


def test_a_greylist_that_puts_everybody_off_is_no_storm_and_is_tried_again(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing(b"451 4.7.1 greylisted\r\n", "rcpt")
    with serving(refusing) as server:
        use(monkeypatch, server.url)
        first = digest("send", *DATE, "--wait", "0", "--json")
        refusing.is_good = True
        make_due(ready)
        second = digest("send", *DATE, "--wait", "0", "--json")

    assert stormy(first) == (3, 0, 3)
    assert stormy(second) == (0, 3, 0)


def test_a_small_list_of_which_one_was_put_off_for_his_own_sake_is_not_refused_as_a_whole(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(step: Step) -> Answer:
        if step.name == "rcpt" and "bo@" in step.argument:
            return b"451 4.7.1 greylisted\r\n"
        return SPAM if step.name == "dot" else None

    with serving(refusing) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "0", "--json")

    assert stormy(sent) == (3, 0, 3)
    assert alerts(ready) == []


def test_of_a_longer_list_a_few_with_troubles_of_their_own_do_not_hide_that_all_is_refused(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refusing(step: Step) -> Answer:
        if step.name == "rcpt" and "bo@" in step.argument:
            return b"452 4.2.2 mailbox full\r\n"
        return SPAM if step.name == "dot" else None

    with_readers(ready, digest, *of("example.com", 27))
    with serving(refusing) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert stormy(sent) == (1, 0, 30)


def test_after_a_greylist_all_go_at_once_and_no_single_mail_is_sent_ahead(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing(b"451 4.7.1 greylisted\r\n", "rcpt")
    with_readers(ready, digest, *of("example.com", 27))
    with serving(refusing) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
        make_due(ready)
        before = refusing.count
        again = digest("send", *DATE, "--wait", "0", "--json")

    assert stormy(again) == (3, 0, 30)
    assert refusing.count - before == 30


def test_a_relay_that_refuses_everything_leaves_the_list_to_one_that_does_not(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusing = Refusing()
    with_readers(ready, digest, *of("example.com", 597))
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "2")
    with serving(refusing) as bad, serving() as good:
        use(monkeypatch, f"{bad.url} {good.url}")
        sent = digest("send", *DATE, "--wait", "0", "--json")

    assert sent.code == 3
    assert sent.json["deferred"] == refusing.count <= 50 + 2
    assert sent.json["sent"] == 600 - refusing.count
    assert rows(ready, "SELECT count(*) FROM delivery WHERE state = 1") == [(0,)]


def test_a_relay_that_never_says_what_became_of_a_mail_does_not_put_the_whole_list_in_doubt(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_readers(ready, digest, *of("example.com", 57))
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "2")
    with serving(lambda step: Action.ACCEPT_AND_DROP if step.name == "dot" else None) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "0", "--in-doubt", "keep", "--json")

    assert sent.code == 3
    assert sent.json["in_doubt"] == len(server.mails) <= 4
    assert sent.json["pending"] == 60 - len(server.mails)
    assert "connection" in sent.err
