"""What an editor does to an edition and sees of it, for the tests of the verbs."""

import email
import email.policy
import signal
from pathlib import Path
from typing import Any

import pytest

from digest.demo.smtpd import Answer, Received, RecordingServer, Script, Step
from tests.cli.conftest import Run, in_process_of_its_own
from tests.cli.test_editions import KEYS
from tests.cli.test_send import DATE, READERS, use
from tests.commands import Ended
from tests.serving import serving

ANNA, BO, LIAM = READERS
KEY = "nyheter/2025-11-30"
COUNTS = KEYS[5:15]
QUOTA = b"452 4.5.3 too many messages today\r\n"
VERBS = {
    "pause": (), "resume": (), "cancel": (), "cancel --unbind": ("--unbind",), "reopen": (), "retry": (),
    "resend": ("--to", ANNA), "revise": (),
}  # fmt: skip


def taking_only(count: int) -> Script:
    """Return a script that takes so many mails, and refuses our sender after that."""
    asked = 0

    def script(step: Step) -> Answer:
        nonlocal asked
        asked += step.name == "mail"
        return QUOTA if step.name == "mail" and asked > count else None

    return script


def send_half(digest: Run, monkeypatch: pytest.MonkeyPatch, *, then: str = "pause") -> list[Received]:
    """Send the edition to the first of three readers, stop it, and return what was mailed."""
    with serving(taking_only(1)) as server:
        use(monkeypatch, server.url)
        assert digest("send", *DATE, "--wait", "0").code == 3
        do(digest, then)
    return mailed(server)


def do(digest: Run, verb: str, *arguments: str) -> Ended:
    done = digest("editions", verb, KEY, *arguments, "--json")
    assert done.code == 0, done.err
    return done


def mailed(server: RecordingServer) -> list[Received]:
    """Return what readers were mailed; the editors have alerts of their own."""
    return [mail for mail in server.mails if not mail.recipient.startswith("red@")]


def recipients(server: RecordingServer) -> list[str]:
    return sorted(mail.recipient for mail in mailed(server))


def subject(mail: Received) -> str:
    return str(email.message_from_bytes(mail.content, policy=email.policy.default)["Subject"])


def message_id(mail: Received) -> str:
    return str(email.message_from_bytes(mail.content)["Message-ID"])


def shown(digest: Run, key: str = KEY) -> Any:
    return digest("editions", "show", key, "--json").json


def counts_of(edition: Any) -> dict[str, int]:
    counts = {state: edition[state] for state in COUNTS}
    assert sum(counts.values()) == edition["audience"]
    return {state: count for state, count in counts.items() if count}


def killed_at(project: Path, point: str) -> list[Received]:
    """Send in a process of its own until it is killed there; return what was mailed."""
    with serving() as server:
        url = {"DIGEST_RELAY_URL": server.url, "DIGEST_RELAY_CONNECTIONS": "1"}
        killed = in_process_of_its_own(project, "send", *DATE, DIGEST_CRASH_AT=point, **url)
        assert killed.code == -signal.SIGKILL
    return mailed(server)


def doubts(digest: Run, *key: str) -> list[dict[str, Any]]:
    found = digest("editions", "doubts", *key, "--json")
    assert found.code == 0
    assert list(found.json) == ["schema", "doubts"]
    rows: list[dict[str, Any]] = found.json["doubts"]
    return rows
