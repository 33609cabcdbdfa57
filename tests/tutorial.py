"""Plays docs/tutorial.md: its commands in this process with the clock moved, the rest of its lines in a shell."""

import datetime as dt
import http.client
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo

import time_machine

from digest.demo.smtpd import Answer, RecordingServer, Step
from tests.checkout import ROOT
from tests.cli.conftest import Run
from tests.commands import Ended
from tests.serving import serving

ZONE = ZoneInfo("Europe/Stockholm")
TEXT = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
PARTS = re.compile(
    r"^<!-- (?P<note>[^\n]+?) -->$|^```(?P<kind>\w+)\n(?P<block>.*?)^```$|^## (?P<title>[^\n]+)$",
    re.MULTILINE | re.DOTALL,
)
DAYS = [found["title"].partition(":")[0] for found in PARTS.finditer(TEXT) if found["title"]]


class PutsOff:
    """A relay that puts off whoever is named, once each."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(self, step: Step) -> Answer:
        name = next((name for name in self.names if step.name == "rcpt" and name in step.argument), None)
        if name is None:
            return None
        self.names.remove(name)
        return b"451 4.7.1 greylisted, try again later\r\n"


@dataclass
class Week:
    """A tutorial that is being played."""

    digest: Run
    server: RecordingServer
    relay: PutsOff
    mail_for_real: Callable[[str], None]  #: told the relay's address once the tutorial has one
    clock: dt.datetime = dt.datetime(2025, 12, 1, 9, tzinfo=ZONE)
    day: str = ""
    played: list[tuple[str, str, Ended]] = field(default_factory=list)  #: day, command, how it ended
    port: int = 0  #: of `digest serve`
    in_background: bool = False
    _said: str = ""
    _servers: list["subprocess.Popen[str]"] = field(default_factory=list)

    def play(self, last: str) -> None:
        """Play the days up to and with the last one."""
        for part in PARTS.finditer(TEXT):
            if part["title"]:
                if self.day == last:
                    return
                self.day = part["title"].partition(":")[0]
                if self.day == DAYS[1]:
                    self.mail_for_real(self.server.url)
            elif part["note"]:
                self._heed(part["note"])
            elif part["kind"] == "shell":
                self._type(part["block"])
            elif part["kind"] == "text":
                self._compare(part["block"])

    def of(self, day: str) -> dict[str, Ended]:
        """Return how a day's commands ended; of one that was typed twice the last time."""
        return {command: ended for on, command, ended in self.played if on == day}

    def mails(self) -> list[tuple[str, bytes]]:
        """Return what the relay has taken, reader by reader."""
        return [(mail.recipient, mail.content) for mail in self.server.mails]

    def end(self) -> None:
        for server in self._servers:
            server.terminate()
            server.communicate(timeout=10)

    def _heed(self, note: str) -> None:
        if note.startswith("clock: "):
            self.clock = dt.datetime.fromisoformat(note.removeprefix("clock: ")).replace(tzinfo=ZONE)
            if self.clock == dt.datetime(2025, 12, 5, 6, 30, tzinfo=ZONE):
                self.relay.names.append("eva@example.com")
        elif note == "background":
            self.in_background = True
        else:
            self._leave(note.removesuffix(" leaves"))

    def _type(self, block: str) -> None:
        self._said, lines = "", block.splitlines()
        for is_ours, text in _commands(lines):
            if not is_ours:
                self._in_shell(text)
            elif self.in_background:
                self._serve()
            else:
                self._command(text)
        self.in_background = False

    def _command(self, text: str) -> None:
        text, may_fail, _ = text.partition(" || true")
        with time_machine.travel(self.clock, tick=True):
            ended = self.digest(*shlex.split(text)[1:])
        self.clock += dt.timedelta(seconds=20)
        self.played.append((self.day, text.strip(), ended))
        self._said += ended.out + ended.err
        assert may_fail or ended.code in (0, 3), (self.day, text, ended)

    def _in_shell(self, text: str) -> None:
        done = subprocess.run(
            ["bash", "-euc", f"{text}\npwd >&2"], capture_output=True, text=True, check=False, timeout=20
        )
        assert done.returncode == 0, (text, done.stderr)
        os.chdir(done.stderr.splitlines()[-1])

    def _serve(self) -> None:
        command = [sys.executable, "-m", "digest", "serve", "--port", "0", "--verbose"]
        server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        self._servers.append(server)
        assert server.stderr is not None
        for line in server.stderr:
            if found := re.search(r"http://127\.0\.0\.1:(\d+)", line):
                self.port = int(found[1])
                return
        raise AssertionError("digest serve did not say where it listens")

    def _leave(self, address: str) -> None:
        mail = next(content for recipient, content in reversed(self.mails()) if recipient == address)
        link = re.search(rb"(?m)^List-Unsubscribe: <([^>]+)>", mail)
        assert link is not None
        client = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        client.request("POST", urlsplit(link[1].decode()).path, "List-Unsubscribe=One-Click", form)
        assert client.getresponse().status == 200
        client.close()

    def _compare(self, block: str) -> None:
        for line in block.splitlines():
            pattern = ".*".join(map(re.escape, line.split("*")))
            assert re.search(pattern, self._said), (self.day, line, self._said)


def _commands(lines: list[str]) -> Iterator[tuple[bool, str]]:
    """Yield what is typed: a command of ours, or lines for the shell, which may hold a here-document."""
    for_shell: list[str] = []
    inside = False
    for line in lines:
        if not inside and line.startswith("digest "):
            if for_shell:
                yield False, "\n".join(for_shell)
            for_shell = []
            yield True, line
            continue
        inside = (inside or line.endswith("<<'END'")) and line != "END"
        for_shell.append(line)
    if for_shell:
        yield False, "\n".join(for_shell)


@contextmanager
def a_week(digest: Run, mail_for_real: Callable[[str], None]) -> Iterator[Week]:
    """Return a week whose letters are taken by a recording relay."""
    relay = PutsOff()
    with serving(relay) as server:
        week = Week(digest, server, relay, mail_for_real)
        try:
            yield week
        finally:
            week.end()
