"""``digest demo``: the whole job on the sample, through a real SMTP conversation, in a folder one can look into."""

import datetime as dt
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from digest.collect.collecting import collect_sources
from digest.delivery.preview import preview
from digest.delivery.roads import roads
from digest.delivery.run import alone, send_newsletter
from digest.delivery.wish import Desk, Ending, Result, Wish
from digest.demo.received import read_received
from digest.errors import DigestError
from digest.operation.setup import set_up
from digest.packaged import Part, packaged
from digest.people.lists import import_file
from digest.project import Project, open_project

DATE = dt.date(2025, 11, 30)  #: of the sample's newest news
LIST = "industri"
SAMPLE: tuple[Part, ...] = ("digest.toml", "articles", "subscribers")


@dataclass(frozen=True)
class Played:
    """What the demo came to."""

    folder: Path
    first: Result
    second: Result
    mails: int
    files: tuple[Path, ...]

    def as_json(self) -> dict[str, Any]:
        """Return it as the command prints it."""
        return {
            "folder": str(self.folder),
            "first": self.first.edition,
            "second": self.second.edition,
            "mails": self.mails,
            "files": [str(file) for file in self.files],
        }


def play(folder: Path | None, say: Callable[[str], None]) -> Played:
    """Collect, preview, send and send again, telling ``say`` of each; DigestError when a step did not do its job."""
    at = _new_folder(folder)
    _lay_out(at)
    say(f"a project from the sample: {at}")
    with _recording(at / "mails") as relay, open_project(at, _environment(relay)) as project:
        now = dt.datetime.now(dt.UTC)
        taken = collect_sources(project, [], now)
        say(f"collected {sum(one.new for one in taken)} articles")
        tally = import_file(project, at / "subscribers" / f"{LIST}.csv", LIST, confirmed=False, now=now)
        say(f"imported {tally.new} subscribers of the list {LIST}")
        written = preview(project, project.newsletter(None), DATE, None, at / "preview", now)
        first, second = _send(project), _send(project)
        mails = len(read_received(at / "mails"))
        say(f"sent {first.key} to {mails} readers through {relay}, in {first.now.seconds:.2f} s")
        say(f"sent it again: {second.now.sent} mails, everybody has theirs")
    if mails != tally.new or first.now.sent != mails or second.ending is not Ending.ALREADY:
        raise DigestError(f"the demo went wrong: {mails} mails for {tally.new} readers; look into {at}")
    say("look at")
    for what, where in (
        ("the letter", written.files[0]),
        ("its text part", written.files[1]),
        ("the mails", at / "mails"),
    ):
        say(f"  {what + ':':14} {where}")
    return Played(at, first, second, mails, written.files)


def _new_folder(named: Path | None) -> Path:
    if named is None:
        return Path(tempfile.mkdtemp(prefix="digest-demo-"))
    try:
        named.mkdir(parents=True, exist_ok=True)
        is_empty = not any(named.iterdir())
    except OSError as error:
        raise DigestError(f"{named} cannot be a folder for the demo: {error.strerror}") from error
    if not is_empty:
        raise DigestError(f"{named} is not empty; name a new folder for the demo")
    return named.resolve()


def _lay_out(folder: Path) -> None:
    for name in SAMPLE:
        source = packaged(name)
        if source.is_dir():
            shutil.copytree(source, folder / name)
        else:
            shutil.copyfile(source, folder / name)
    set_up(folder, dt.datetime.now(dt.UTC), {})


def _environment(relay: str) -> Mapping[str, str]:
    """The demo's own environment: whatever is set outside must not make it mail anybody."""
    return {"DIGEST_RELAY_URL": f"smtp+plain://{relay}", "DIGEST_RELAY_CONNECTIONS": "2"}


@contextmanager
def _recording(folder: Path) -> Iterator[str]:
    """Run the recording SMTP server as a process of its own; yields where it listens."""
    command = [sys.executable, "-m", "digest.demo.smtpd", "--folder", str(folder)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as server:  # noqa: S603  ours
        try:
            assert server.stdout is not None
            yield server.stdout.readline().removeprefix("listening on ").strip()
        finally:
            server.terminate()
            server.wait()


def _send(project: Project) -> Result:
    with alone(project):
        wish = Wish(date=DATE, wait=dt.timedelta())
        now = dt.datetime.now(dt.UTC)
        return send_newsletter(project, project.newsletter(None), roads(project), wish, Desk(), now)[-1]
