"""An editor's hand on a send that runs in another process."""

import datetime as dt
import json
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from digest.delivery import steer
from digest.delivery.options import Watch
from digest.delivery.roads import roads
from digest.delivery.run import alone, send_newsletter
from digest.delivery.wish import Desk, Wish
from digest.demo.smtpd import Answer, RecordingServer, Script, Step
from digest.models import EditionState
from digest.project import open_project
from tests.cli.conftest import Run, in_process_of_its_own
from tests.cli.editor import KEY, VERBS, counts_of, do, mailed, send_half, shown
from tests.cli.test_send import DATE, answering, command, environment
from tests.serving import serving

pytestmark = pytest.mark.usefixtures("one_connection")


def many_readers(ready: Path, digest: Run, count: int) -> None:
    rows = "".join(f"{n:03}@example.com\n" for n in range(count))
    (ready / "many.csv").write_text(f"e-post\n{rows}", encoding="utf-8")
    assert digest("subscribers", "import", "many.csv", "--list", "industri", "--confirmed").code == 0


def slow_relay(taken: list[float], seconds: float) -> Script:
    """Return a script that takes so long over each mail, and writes down when it has taken it."""

    def script(step: Step) -> Answer:
        if step.name == "dot":
            time.sleep(seconds)
            taken.append(time.monotonic())
        return None

    return script


def wait_until(holds: Callable[[], bool]) -> None:
    ends = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < ends
        time.sleep(0.02)


@contextmanager
def started(project: Path, url: str, *arguments: str) -> Iterator["subprocess.Popen[str]"]:
    """Send in another process while the block runs."""
    process = subprocess.Popen(
        command("send", *DATE, "--json", *arguments),
        cwd=project,
        env={**environment(url), "DIGEST_RELAY_CONNECTIONS": "3"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        stdin=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=30)


@pytest.mark.parametrize(("verb", "code", "state"), [("pause", 6, "paused"), ("cancel", 0, "cancelled")])
def test_a_send_in_another_process_is_reached_within_two_seconds(
    ready: Path, digest: Run, verb: str, code: int, state: str
) -> None:
    taken: list[float] = []
    many_readers(ready, digest, 300)
    with serving(slow_relay(taken, 0.02)) as server, started(ready, server.url) as running:
        wait_until(lambda: len(taken) > 40)
        do(digest, verb)
        returned = time.monotonic()
        out, err = running.communicate(timeout=30)
        ended = time.monotonic()
        accepted = len(mailed(server))
    report = json.loads(out)

    assert max(taken) < returned + 2
    assert ended < returned + 5
    assert (running.returncode, report["state"]) == (code, state), err
    assert 40 < accepted < 303
    rest = "pending" if verb == "pause" else "cancelled"
    assert counts_of(report) == counts_of(shown(digest)) == {"sent": accepted, rest: 303 - accepted}
    if verb == "pause":  # a cancelled one may find that nothing is left before it looks
        assert "paused: open conversations are being finished" in err


def test_a_send_that_was_paused_elsewhere_goes_on_to_who_has_had_none(ready: Path, digest: Run) -> None:
    taken: list[float] = []
    many_readers(ready, digest, 200)
    with serving(slow_relay(taken, 0.01)) as server, started(ready, server.url) as running:
        wait_until(lambda: len(taken) > 40)
        do(digest, "pause")
        running.communicate(timeout=30)
        paused = len(mailed(server))
        do(digest, "resume")
        finished = in_process_of_its_own(ready, "send", *DATE, "--json", DIGEST_RELAY_URL=server.url)
        everybody = [mail.recipient for mail in mailed(server)]

    assert 40 < paused < 203
    assert (finished.code, finished.json["state"], counts_of(finished.json)) == (0, "sent", {"sent": 203})
    assert len(everybody) == len(set(everybody)) == 203


@pytest.mark.parametrize(("verb", "code"), [("pause", 6), ("cancel", 0)])
def test_a_send_that_waits_for_mail_put_off_is_reached_too(ready: Path, digest: Run, verb: str, code: int) -> None:
    with (
        serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "bo@")) as server,
        started(ready, server.url, "--wait", "30m") as running,
    ):
        wait_until(lambda: shown(digest).get("deferred") == 1 and shown(digest)["sent"] == 2)
        do(digest, verb)
        returned = time.monotonic()
        running.communicate(timeout=30)

    assert time.monotonic() < returned + 5
    assert running.returncode == code
    assert counts_of(shown(digest)) == {"sent": 2, "deferred" if verb == "pause" else "cancelled": 1}


def test_an_edition_is_revised_right_after_it_was_paused_in_another_process(ready: Path, digest: Run) -> None:
    taken: list[float] = []
    many_readers(ready, digest, 200)
    with serving(slow_relay(taken, 0.01)) as server, started(ready, server.url) as running:
        wait_until(lambda: len(taken) > 40)
        refused = digest("editions", "revise", KEY)
        do(digest, "pause")
        digest("articles", "edit", 2, "--title", "Rättad")
        revised = do(digest, "revise").json
        running.communicate(timeout=30)

    assert (refused.code, refused.err) == (
        1, f"digest: {KEY} is sending: it is going out; digest editions pause stops it first\n",
    )  # fmt: skip
    assert counts_of(shown(digest)) == {"sent": 203 - revised["revised"], "pending": revised["revised"]}
    assert [one["readers"] for one in shown(digest)["letters"] if one["language"] == "sv"][1] > 0


@pytest.mark.parametrize("verb", ["reopen", "resend", "revise"])
def test_what_needs_the_send_to_itself_waits_a_little_and_then_says_who_is_at_it(
    digest: Run, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    send_half(digest, monkeypatch)
    monkeypatch.setattr(steer, "PATIENCE", 0.2)
    if verb == "reopen":
        with sqlite3.connect("digest.db") as store:
            store.execute("UPDATE delivery SET state = 1, relay_id = NULL")
    with open_project() as project, alone(project):
        busy = digest("editions", verb, KEY, *VERBS[verb])

    assert (busy.code, busy.out) == (5, "")
    assert busy.err == f"digest: {KEY} has to wait, a send is under way; digest editions pause stops one\n"


def test_an_edition_paused_just_before_it_begins_is_not_begun(ready: Path, relay: RecordingServer) -> None:
    now = dt.datetime.now(dt.UTC)
    with open_project() as project:

        def paused_first(key: str) -> Watch:
            steer.pause(project, key, now)
            return Watch()

        wish, desk = Wish(date=dt.date(2025, 11, 30)), Desk(watch=paused_first)
        (result,) = send_newsletter(project, project.newsletter(None), roads(project), wish, desk, now)

    assert (result.exit_code, result.now.turned, result.open) == (6, EditionState.PAUSED, 3)
    assert mailed(relay) == []
