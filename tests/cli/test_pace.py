"""How fast ``digest send`` goes: rates that are set, what relays and domains bear, and two relays beside each other."""

import asyncio
import sqlite3
import threading
import time
from pathlib import Path

import pytest

from digest.demo.smtpd import Action, Answer, RecordingServer, Script, Step
from tests.cli.conftest import Run, in_process_of_its_own
from tests.cli.test_send import DATE, make_due, use
from tests.serving import serving


def of(domain: str, count: int) -> list[str]:
    return [f"reader{n}@{domain}" for n in range(count)]


def with_readers(project: Path, digest: Run, *addresses: str) -> None:
    (project / "more.csv").write_text("e-post\n" + "\n".join(addresses) + "\n", encoding="utf-8")
    assert digest("subscribers", "import", "more.csv", "--list", "industri", "--confirmed").code == 0


def at_rcpt(answer: Answer, whom: str) -> Script:
    return lambda step: answer if step.name == "rcpt" and whom in step.argument else None


class Clock:
    """Records when each mail was accepted, and refuses beyond a rate where there is one."""

    def __init__(
        self, most: int | None = None, says: bytes = b"451 4.7.1 too fast for me\r\n", at: str = "dot"
    ) -> None:
        self.times: list[float] = []
        self.refused = 0
        self._most, self._says, self._at = most, says, at
        self._lock = threading.Lock()

    def __call__(self, step: Step) -> Answer:
        if step.name != self._at:
            return None
        now = time.monotonic()
        with self._lock:
            if self._most and len(self.times) >= self._most and now - self.times[-self._most] < 1.0:
                self.refused += 1
                return self._says
            self.times.append(now)
            return None


def test_a_rate_is_kept_over_all_connections_relays_and_runs(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_readers(ready, digest, *of("example.com", 47))
    clock = Clock()
    monkeypatch.setenv("DIGEST_RELAY_RATE", "20/s,30/h")
    with serving(clock) as one, serving(clock) as two:
        use(monkeypatch, f"{one.url} {two.url}")
        first = digest("send", *DATE, "--wait", "0", "--json")
        second = digest("send", *DATE, "--wait", "0", "--json")

    assert (first.code, second.code) == (3, 3)
    assert len(clock.times) == 30
    assert clock.times[20] - clock.times[0] > 0.5  # a second, but for what they take on their way
    assert "used up for another" in second.err


def test_the_rate_of_a_relay_is_kept_over_a_process_that_was_killed(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_readers(ready, digest, *of("example.com", 17))
    clock = Clock()
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with serving(clock) as server:
        use(monkeypatch, f"{server.url}?rate=12/h")
        in_process_of_its_own(ready, "send", *DATE, DIGEST_CRASH_AT="recorded:10")
        second = digest("send", *DATE, "--wait", "0", "--json")
        taken = len(clock.times)
        with sqlite3.connect(ready / "digest.db") as store:  # an hour later
            store.execute("UPDATE delivery SET done_at = done_at - 3600000")
            store.execute("UPDATE attempt SET at = '2025-11-29 12:00:00'")
        third = digest("send", *DATE, "--wait", "0", "--json")

    assert (second.code, taken) == (3, 12)  # the one that was in doubt counts twice, as it went
    assert third.code == 0
    assert len({mail.recipient for mail in server.mails}) == 20
    assert len(clock.times) == 21


def test_no_window_ever_holds_more_than_its_limit_also_when_a_process_is_killed_in_mid_send(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_readers(ready, digest, *of("example.com", 37))
    clock = Clock()
    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "4")
    monkeypatch.setenv("DIGEST_RELAY_RATE", "10/s,30/h")
    with serving(clock) as server:
        use(monkeypatch, server.url)
        killed = in_process_of_its_own(ready, "send", *DATE, DIGEST_CRASH_AT="answered:13")
        rest = digest("send", *DATE, "--wait", "0", "--json")

    assert (killed.code, rest.code) == (-9, 3)
    assert len(clock.times) <= 30
    assert rest.json["sent"] + rest.json["in_doubt"] >= 24  # those in doubt have two places
    assert all(later - first > 0.8 for first, later in zip(clock.times, clock.times[10:], strict=False))


@pytest.mark.parametrize("step_name", ["connect", "mail"])
def test_a_relay_that_closes_every_fourth_connection_is_used_over_the_others_at_full_speed(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch, step_name: str
) -> None:
    with_readers(ready, digest, *of("example.com", 197))

    def closing(step: Step) -> Answer:
        return b"421 4.7.0 closing\r\n" if step.name == step_name and step.connection % 4 == 0 else None

    with serving(closing) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "0", "--json")

    assert (sent.code, sent.json["sent"]) == (0, 200)
    assert sent.json["now"]["per_second"] > 40
    assert rows(ready, "SELECT pace FROM relay WHERE pace IS NOT NULL") == []


def test_a_relay_that_refuses_for_speed_before_it_has_a_mail_is_fed_more_slowly_and_puts_nobody_off(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_readers(ready, digest, *of("example.com", 117))
    clock = Clock(most=50, says=b"450 4.7.1 Error: too much mail\r\n", at="mail")
    with serving(clock) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "0", "--json")

    assert (sent.code, sent.json["sent"], sent.json["deferred"]) == (0, 120, 0)
    assert 0 < clock.refused <= 15


def test_a_rehearsal_is_not_slowed_down(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_RELAY_RATE", "1/h")

    assert digest("send", *DATE, "--wait", "0", "--json").json["sent"] == 3


def test_a_relay_that_puts_off_what_comes_too_fast_is_fed_near_what_it_bears_and_nobody_is_lost(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_readers(ready, digest, *of("example.com", 147))
    clock = Clock(most=50)
    with serving(clock) as server:
        use(monkeypatch, server.url)
        first = digest("send", *DATE, "--wait", "0", "--json")
        (pace,) = rows(ready, "SELECT pace FROM relay WHERE pace IS NOT NULL")
        refused = clock.refused
        make_due(ready)
        second = digest("send", *DATE, "--wait", "0", "--json")

    assert first.json["deferred"] == refused
    assert refused <= 15  # what was under way on ten connections when the first was refused, and little more
    assert 12 < pace[0] < 50
    assert (second.code, second.json["sent"], second.json["deferred"]) == (0, 150, 0)
    assert clock.refused == refused
    took = clock.times[-1] - clock.times[-refused]
    assert took > (refused - 4) / 50  # begun with the pace that was learned, which lets the first ones catch up
    assert len(server.mails) == len({mail.recipient for mail in server.mails}) == 150


def test_a_domain_that_puts_its_readers_off_is_parked_and_delays_nobody(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, fast = of("slow.example", 200), of("fast.example", 200)
    with_readers(ready, digest, *(address for pair in zip(fast, slow, strict=True) for address in pair))
    asked: list[str] = []

    def script(step: Step) -> Answer:
        if step.name == "rcpt" and "@slow.example" in step.argument:
            asked.append(step.argument)
            return b"451 4.7.650 the mail of your network is put off\r\n"
        return None

    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "4")
    with serving(script) as server:
        use(monkeypatch, server.url)
        began = time.monotonic()
        sent = digest("send", *DATE, "--wait", "0", "--json")
        took = time.monotonic() - began

    assert sent.code == 3
    assert took < 10  # less than the shortest time for which a domain is parked
    assert sent.json["sent"] == 203
    assert len(asked) == sent.json["deferred"] <= 3 + 4
    assert sent.json["pending"] == 200 - len(asked)
    assert rows(ready, "SELECT count(*) FROM delivery WHERE lease IS NOT NULL") == [(0,)]


def test_a_parked_domain_is_tried_again_within_the_time_there_is(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.delivery.domains.FIRST_PARK", 1.0)
    monkeypatch.setattr("digest.delivery.domains.START", 5.0)
    with_readers(ready, digest, *of("fast.example", 30), *of("slow.example", 8))
    until = 0.0

    def script(step: Step) -> Answer:
        nonlocal until
        if step.name != "rcpt" or "@slow.example" not in step.argument:
            return None
        until = until or time.monotonic() + 0.4
        return b"451 4.7.650 not now\r\n" if time.monotonic() < until else None

    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "1")
    with serving(script) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "20s", "--json")

    assert (sent.code, sent.json["deferred"], sent.json["pending"]) == (3, 3, 0)
    assert sent.json["sent"] == 38


def test_a_rate_set_for_a_domain_holds_for_it_and_for_no_other(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    toml = (ready / "digest.toml").read_text(encoding="utf-8")
    (ready / "digest.toml").write_text('domain_rates = { "Slow.example" = "5/min" }\n' + toml, encoding="utf-8")
    with_readers(ready, digest, *of("slow.example", 300), *of("fast.example", 30))
    with serving() as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--wait", "0", "--json")

    domains = [mail.recipient.partition("@")[2] for mail in server.mails]
    assert (sent.code, sent.json["sent"], sent.json["pending"]) == (3, 38, 295)
    assert (domains.count("slow.example"), domains.count("fast.example")) == (5, 30)


def test_two_relays_share_the_load_and_one_carries_on_while_the_other_is_down(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with_readers(ready, digest, *of("example.com", 397))
    taken, is_back = 0, False
    died: list[float] = []

    def is_down() -> bool:
        if taken >= 40 and not died:
            died.append(time.monotonic())
        return bool(died) and time.monotonic() - died[0] < 0.8

    def dies(step: Step) -> Answer:
        nonlocal taken, is_back
        taken += step.name == "dot"
        is_back = is_back or (taken > 40 and step.name == "dot" and not is_down())
        return Action.RESET if step.name in ("mail", "connect") and is_down() else None

    def slow(step: Step) -> Answer:
        if step.name == "dot" and died and not is_back:
            time.sleep(0.01)  # so that something is left when the other one is back
        return None

    monkeypatch.setenv("DIGEST_RELAY_CONNECTIONS", "4")
    with serving(dies) as one, serving(slow) as two:
        use(monkeypatch, f"{one.url} {two.url}")
        sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["sent"], sent.json["in_doubt"]) == (0, 400, 0)
    recipients = [mail.recipient for mail in [*one.mails, *two.mails]]
    assert len(recipients) == len(set(recipients)) == 400
    assert len(two.mails) > 100
    assert len(one.mails) > 60  # before it went down, and after it came back


def test_relays_that_owe_an_answer_for_long_are_named_once(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.delivery.send.STUCK", 0.6)

    def tarpit(step: Step) -> Answer:
        if step.name == "dot" and step.connection == 1:
            time.sleep(2.2)
        return None

    with serving(tarpit) as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE)

    assert sent.code == 0
    assert sent.err.count("nothing has moved") == 1


def test_a_stop_interrupts_a_rate_that_makes_us_wait(ready: Path) -> None:
    async def interrupt() -> tuple[float, int]:
        import os
        import sys

        async with RecordingServer() as server:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "digest", "send", *DATE,
                cwd=ready, env={**os.environ, "DIGEST_RELAY_URL": f"{server.url}?rate=1/min"},
            )  # fmt: skip
            while not server.mails:
                await asyncio.sleep(0.02)
            await asyncio.sleep(0.3)
            told = time.monotonic()
            process.terminate()
            code = await process.wait()
            return time.monotonic() - told, code

    seconds, code = asyncio.run(interrupt())
    assert code == 130
    assert seconds < 10  # of the minute that the rate would have it wait


def rows(project: Path, sql: str) -> list[tuple[float]]:
    with sqlite3.connect(project / "digest.db") as store:
        return store.execute(sql).fetchall()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Deferred mail that falls due is not gathered for long: nothing here is about that."""
    monkeypatch.setattr("digest.delivery.send.GATHER", 0.2)
