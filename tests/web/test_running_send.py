"""Readers who leave while the letters are going out."""

import os
import shutil
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digest.cli.app import run
from digest.demo.smtpd import Answer, Step
from digest.project import open_project
from digest.store.copies import is_on_its_way
from digest.tokens import Purpose, make
from tests.serving import serving
from tests.web.conftest import ONE_CLICK, URLENCODED, Mailed, Served, at_work

READERS = 20
STAY = {9, 20}  #: who of them does not leave
SLACK = 0.1  #: seconds after the answer in which a mail may still be taken


def slow(step: Step) -> Answer:
    """Take a while over every mail: longer than an answer that does not wait for it would take."""
    if step.name == "dot":
        time.sleep(0.4)
    return None


@pytest.fixture
def project(made_once: Path, tmp_path: Path) -> Path:
    """A project with an article and many readers."""
    folder = tmp_path / "project"
    shutil.copytree(made_once, folder)
    rows = "".join(f"reader{n:03}@example.com\n" for n in range(1, READERS + 1))
    (folder / "readers.csv").write_text("e-post\n" + rows)
    (folder / "articles.json").write_text('[{"title": "Backkameror", "published": "2025-11-30"}]')
    here = ("--project", str(folder))
    assert run(["articles", "import", str(folder / "articles.json"), *here]) == 0
    people = ["subscribers", "import", str(folder / "readers.csv"), "--list", "industri", "--confirmed", *here]
    assert run(people) == 0
    return folder


def arrivals(folder: Path) -> dict[int, float]:
    """Return when each reader's mail was taken."""
    taken: dict[int, float] = {}
    for path in folder.glob("*.eml"):
        number = int(path.read_bytes().split(b"X-Envelope-To: <reader")[1][:3])
        assert number not in taken, "nobody gets two"
        taken[number] = int(path.name.partition("-")[0]) / 1e9
    return taken


def test_no_mail_is_taken_later_than_a_blink_after_the_answer(project: Path, tmp_path: Path) -> None:
    mails = tmp_path / "mails"
    with open_project(project) as opened:
        ring = opened.keys
    paths = {n: f"/u/{make(ring, ring.newest, Purpose.UNSUBSCRIBE, 1, n)}" for n in range(1, READERS + 1)}

    with serving(slow, mails) as relay, at_work(project) as served:
        assert served.get(paths[1]).status == 200  # the first answer takes longer
        sending = subprocess.Popen(
            [sys.executable, "-m", "digest", "send", "--date", "2025-11-30"],
            cwd=project,
            env={**os.environ, "DIGEST_RELAY_URL": relay.url, "DIGEST_RELAY_CONNECTIONS": "2"},
        )
        until = time.monotonic() + 30
        while relay.accepted < 3 and time.monotonic() < until:
            time.sleep(0.005)

        def leave(number: int) -> tuple[int, float]:
            status = served.ask("POST", paths[number], ONE_CLICK, URLENCODED).status
            return status, time.time()

        with ThreadPoolExecutor(10) as pool:  # those whose mail is going out just then, and those behind them
            order = [n for n in range(3, READERS + 1) if n not in STAY]
            answers = dict(zip(order, pool.map(leave, order), strict=True))
        assert sending.wait(60) == 0

    taken = arrivals(mails)
    assert {status for status, _ in answers.values()} == {200}
    late = {n: taken[n] - at for n, (_, at) in answers.items() if n in taken}
    assert {n: by for n, by in late.items() if by > SLACK} == {}
    assert taken.keys() >= STAY
    assert len(answers.keys() - taken) > 5, "so that the send was really running"
    assert answers.keys() & taken, "so that some were really going out"


def test_the_answer_waits_for_a_mail_that_has_gone_to_the_relay(mailed: Mailed, served: Served) -> None:
    mailed.do("UPDATE delivery SET state = 2 WHERE subscriber_id = 1")  # sending
    with open_project(mailed.folder) as project, ThreadPoolExecutor(1) as pool:
        assert is_on_its_way(project.store, 1, 1)
        answer = pool.submit(served.one_click, mailed.leave())
        time.sleep(0.4)
        assert not answer.done()
        assert mailed.subscription() == "unsubscribed", "it is written down before we wait"
        mailed.do("UPDATE delivery SET state = 3 WHERE subscriber_id = 1")
        assert answer.result(0.5).status == 200


def test_the_answer_does_not_wait_for_ever(mailed: Mailed, served: Served) -> None:
    mailed.do("UPDATE delivery SET state = 2 WHERE subscriber_id = 1")
    began = time.monotonic()

    assert served.one_click(mailed.leave()).status == 200
    assert 1.9 < time.monotonic() - began < 4


def test_the_answer_waits_for_nobody_else_s_mail(mailed: Mailed, served: Served) -> None:
    mailed.do("UPDATE delivery SET state = 2 WHERE subscriber_id <> 1")
    began = time.monotonic()

    assert served.one_click(mailed.leave()).status == 200
    assert time.monotonic() - began < 1
