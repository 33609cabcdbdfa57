"""A project whose letters have gone out, and its pages really served on loopback."""

import email
import email.policy
import http.client
import json
import re
import shutil
import sqlite3
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from digest.cli.app import run
from digest.project import open_project
from digest.web.app import make_app
from digest.web.server import listen, server_for
from tests.cli.conftest import READERS, TOML, made_once
from tests.commands import ARTICLES
from tests.serving import serving

__all__ = ["made_once"]

ANNA, BO, LIAM = "anna@example.com", "bo@example.com", "liam@example.com"
ONE_CLICK = b"List-Unsubscribe=One-Click"
URLENCODED = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Mailbox Provider/1.0"}
BASE = 'base_url = "https://nytt.example.com"\n'
REPLY = TOML.replace('title = "Nyheter"', 'title = "Nyheter"\nreply_to = "red@tidningen.example"\ntagline = "Om allt"')


@dataclass(frozen=True)
class Answered:
    """What a client got: header names in small letters."""

    status: int
    headers: dict[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The one JSON object of the body."""
        return json.loads(self.text)


@dataclass(frozen=True)
class Served:
    """A server at work, and what it said to whoever runs it."""

    port: int
    said: list[str] = field(default_factory=list)

    def ask(
        self, method: str, path: str, body: bytes | None = None, headers: Mapping[str, str] | None = None
    ) -> Answered:
        """Send one request as it is: no cookie is kept, no redirect followed."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        with closing(connection):
            connection.request(method, path, body, dict(headers or {}))
            got = connection.getresponse()
            named = {name.lower(): value for name, value in got.getheaders()}
            return Answered(got.status, named, got.read().decode())

    def get(self, path: str, **headers: str) -> Answered:
        """GET with headers, an underscore for each hyphen in their names."""
        return self.ask("GET", path, headers={name.replace("_", "-"): value for name, value in headers.items()})

    def one_click(self, path: str) -> Answered:
        """POST as a mailbox provider does (RFC 8058, 3.2)."""
        return self.ask("POST", path, ONE_CLICK, URLENCODED)


@dataclass(frozen=True)
class Mailed:
    """A project folder and the mails that readers got, by address."""

    folder: Path
    mails: dict[str, EmailMessage]

    @property
    def store(self) -> Path:
        """The store's file."""
        return self.folder / "digest.db"

    def leave(self, address: str = ANNA) -> str:
        """Return the path of a reader's link to leave by, as the mail's header has it."""
        return urlsplit(str(self.mails[address]["List-Unsubscribe"]).strip("<>")).path

    def view(self, address: str = ANNA) -> str:
        """Return the path of a reader's link to the letter on the web."""
        part = self.mails[address].get_body(("plain",))
        assert part is not None
        (link,) = re.findall(r"https://\S+/view/\S+", part.get_content())
        return urlsplit(str(link)).path

    def rows(self, sql: str, *values: object) -> list[Any]:
        """Return rows as SQLite itself has them."""
        with closing(sqlite3.connect(self.store)) as connection:
            return connection.execute(sql, values).fetchall()

    def do(self, sql: str, *values: object) -> None:
        """Change the store behind everybody's back."""
        with closing(sqlite3.connect(self.store)) as connection, connection:
            connection.execute(sql, values)

    def everything(self) -> dict[str, list[Any]]:
        """Return all rows of all tables: what must be the same when nothing may have changed."""
        tables = [name for (name,) in self.rows("SELECT name FROM sqlite_master WHERE type = 'table' ORDER BY name")]
        return {name: self.rows(f'SELECT * FROM "{name}"') for name in tables}

    def subscription(self, address: str = ANNA) -> str:
        """Return the state of a reader's only subscription."""
        sql = "SELECT state FROM subscription JOIN subscriber ON id = subscriber_id WHERE address = ?"
        ((state,),) = self.rows(sql, address)
        return str(state)


def mail_out(folder: Path, made: Path, toml: str) -> Mailed:
    """Make a project in a folder and send its edition to three readers through a recording server."""
    shutil.copytree(made, folder)
    (folder / "digest.toml").write_text(toml, encoding="utf-8")
    (folder / "articles.json").write_text(json.dumps(ARTICLES), encoding="utf-8")
    (folder / "readers.csv").write_text(READERS, encoding="utf-8")
    here = ("--project", str(folder))
    people = ("subscribers", "import", str(folder / "readers.csv"), "--list", "industri", "--confirmed")
    assert run(["articles", "import", str(folder / "articles.json"), *here]) == 0
    assert run([*people, *here]) == 0
    with serving() as relay, pytest.MonkeyPatch.context() as environment:
        environment.setenv("DIGEST_RELAY_URL", relay.url)
        assert run(["send", "--date", "2025-11-30", *here]) == 0
    mails = {}
    for received in relay.mails:
        mail = email.message_from_bytes(received.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        mails[received.recipient] = mail
    return Mailed(folder, mails)


@pytest.fixture(scope="session")
def mailed_once(made_once: Path, tmp_path_factory: pytest.TempPathFactory) -> Mailed:
    """A project whose edition three readers have got, made once."""
    return mail_out(tmp_path_factory.mktemp("mailed") / "project", made_once, BASE + REPLY)


@pytest.fixture
def mailed(mailed_once: Mailed, tmp_path: Path) -> Mailed:
    """That project in a folder of the test's own."""
    shutil.copytree(mailed_once.folder, tmp_path / "project")
    return Mailed(tmp_path / "project", mailed_once.mails)


@contextmanager
def at_work(folder: Path, *, log: bool = False, tls: ssl.SSLContext | None = None) -> Iterator[Served]:
    """Serve a project's pages while the block runs, on a free port of loopback."""
    said: list[str] = []
    with open_project(folder) as project:
        server = server_for(make_app(project, said.append, log=log))
        listening = listen("127.0.0.1", 0)
        port = listening.getsockname()[1]
        if tls is not None:
            server.config.load()
            server.config.ssl = tls
        thread = threading.Thread(target=server.run, args=([listening],))
        thread.start()
        try:
            until = time.monotonic() + 10
            while not server.started and time.monotonic() < until:
                time.sleep(0.01)
            assert server.started
            yield Served(port, said)
        finally:
            server.should_exit = True
            thread.join(20)


@pytest.fixture
def served(mailed: Mailed) -> Iterator[Served]:
    """That project's pages, served."""
    with at_work(mailed.folder) as server:
        yield server
