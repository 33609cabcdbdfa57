"""What a server does once a minute: the notices that wait, and editions that are missing."""

import asyncio
import datetime as dt
import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
import time_machine

from digest.delivery import alerts
from digest.project import open_project
from digest.web.rounds import rounds
from digest.web.site import Site
from tests.cli.conftest import TOML, Run, digest, made_once, project
from tests.serving import serving

__all__ = ["digest", "made_once", "project"]

SCHEDULE = 'timezone = "Europe/Stockholm"\nschedule = "30 6 * * *"\nexpect_by = "07:15"\n'


async def until(is_so: Callable[[], object], site: Site) -> None:
    """Make rounds quickly until something is so."""
    making = asyncio.create_task(rounds(site, every=0.02))
    for _ in range(500):
        if is_so():
            break
        await asyncio.sleep(0.02)
    making.cancel()
    assert is_so()


def alert(folder: Path, words: str = "relay a:25: no") -> None:
    with open_project(folder) as opened:
        alerts.failed(opened, "nyheter", "nyheter/2025-11-30", words, dt.datetime.now(dt.UTC))


async def test_notices_that_wait_go_out_without_a_send(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alert(project)
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        with open_project(project) as opened:
            await until(lambda: server.mails, Site(opened, print))

    assert [mail.recipient for mail in server.mails] == ["red@example.com"]


async def test_a_missing_edition_is_noticed_while_cron_is_dead(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = TOML.replace('timezone = "Europe/Stockholm"\n', SCHEDULE)
    (project / "digest.toml").write_text(text, encoding="utf-8")
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        with open_project(project) as opened, time_machine.travel("2025-12-01T06:16:00Z", tick=True):
            await until(lambda: server.mails, Site(opened, print))

    assert b"nyheter/2025-12-01 har inte" in server.mails[0].content


async def test_trouble_is_said_once_and_ends_nothing(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    alert(project)
    said: list[str] = []
    monkeypatch.setenv("DIGEST_RELAY_URL", "smtp+plain://127.0.0.1:1")
    with open_project(project) as opened:
        site = Site(opened, said.append)
        making = asyncio.create_task(rounds(site, every=0.02))
        await asyncio.sleep(1)
        still = not making.done()
        making.cancel()

    assert still
    assert len(said) == 1
    assert said[0].startswith("notices wait: relay 127.0.0.1:1 failed at connect")


async def test_a_copy_of_a_store_tells_nobody(
    project: Path, digest: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest("subscribers", "add", "anna@example.com", "--list", "industri", "--confirmed")
    digest("articles", "add", "--title", "Ny")
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert (await asyncio.to_thread(digest, "send")).code == 0
        copy = tmp_path / "copy"
        shutil.copytree(project, copy)
        alert(copy)
        with open_project(copy) as opened:
            making = asyncio.create_task(rounds(Site(opened, print), every=0.02))
            await asyncio.sleep(0.5)
            making.cancel()

    assert [mail.recipient for mail in server.mails] == ["anna@example.com"]
    with sqlite3.connect(copy / "digest.db") as connection:
        assert connection.execute("SELECT state FROM notice").fetchall() == [("waiting",)]
