"""A store of many articles: what the morning reads of it, and what its account takes."""

import datetime as dt
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from statistics import median

from benchmarks.sample import DATE, Sample, sample_project
from benchmarks.timing import table
from digest.edition.select import Choice, choose
from digest.models import Article, Newsletter
from digest.project import Project, open_project
from digest.store import articles, editions, names, saving

BOUND = 600_000  #: of a million: the others are passed
EDITIONS = 2000
WAITING, MANY = 300, 5000  #: articles that are to be chosen from
MOST = 0.1  #: seconds: what choosing an edition must not exceed
FETCHED = 50  #: articles that a feed brings
ROUNDS = 5
FILL = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :articles)
    INSERT INTO article (id, source_id, guid, url, link, title, subtitle, lead, body, section, author, published,
        first_seen, changed_at, fingerprint)
    SELECT i + 1000, 1, 'guid-' || i, 'https://news.example.com/' || i, 'https://news.example.com/' || i,
        'Nyhet ' || i, '', 'Ett företag i Sundsvall har byggt en robot som plockar bär i skogen.',
        '<p>' || printf('%.*c', 600, 'x') || '</p>', 'Industri', '',
        datetime('2025-11-29', -((:articles - i) / 400) || ' days') || '.000000', '2025-11-30 05:00:00.000000',
        '2025-11-30 05:00:00.000000', 'words-' || i
    FROM n
"""
EDITION = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :editions)
    INSERT INTO edition (id, newsletter_id, date, number, state, reason, decided_at, frozen_at, rehearsal, list_ids,
        audience, sender, key, dkim)
    SELECT i, 1, date('2025-11-30', -i || ' days'), 1, 'sent', '', '2025-11-30 05:00:00.000000',
        '2025-11-30 05:00:00.000000', 0, '[]', 0, '', '', '[]'
    FROM n
"""
PLACE = """
    INSERT INTO placement (article_id, newsletter_id, state, edition_id, pinned, rank, by, at)
    SELECT id, 1, CASE WHEN id - 1000 > :articles - :waiting THEN 'waiting' WHEN id - 1000 <= :bound THEN 'bound'
        ELSE 'passed' END, CASE WHEN id - 1000 <= :bound THEN 1 + id % :editions END, 0, 0, '',
        '2025-11-30 05:00:00.000000'
    FROM article WHERE id > 1000
"""


BOOK = """
    INSERT INTO collected (source_id, at, found, new, changed, unchanged, refused, doubled, reasons, placed)
    VALUES (1, '2025-11-30 05:00:00.000000', :articles, :articles, 0, 0, 0, 0, 0, :articles)
"""
MORE = """
    UPDATE placement SET state = 'waiting' WHERE article_id IN
        (SELECT article_id FROM placement WHERE state = 'passed' ORDER BY article_id DESC LIMIT ?)
"""
COMMANDS = {
    "digest articles list --limit 20": ("articles", "list", "--limit", "20", "--json"),
    "digest status": ("status", "--json"),
    "digest sources list": ("sources", "list", "--json"),
    "digest editions audit": ("editions", "audit", "--json"),
}


def run(stored: int) -> None:
    """Print what the morning's reading takes, and the memory of the commands that look at all of it."""
    with sample_project() as sample:
        small = {name: sample.digest(*command).peak for name, command in COMMANDS.items()}
        fill(sample, stored, WAITING)
        rows = _measured(sample, WAITING)
        _do(sample, MORE, (MANY - WAITING,))
        rows += _measured(sample, MANY)
        size = (sample.folder / "digest.db").stat().st_size
        head = ["", "waiting", "ms", "ms of a processor", "at most"]
        table(f"Reading a store of {stored:,} articles ({size / 1e6:,.0f} MB)", head, rows)
        looked = []
        for name, command in COMMANDS.items():
            ran = sample.digest(*command)
            looked.append([name, f"{ran.seconds:.2f}", f"{ran.peak / 1e6:.0f}", f"{small[name] / 1e6:.0f}"])
    table("Looking at it", ["", "seconds", "MB at most", "MB with 26 articles"], looked)


def _measured(sample: Sample, waiting: int) -> list[list[str]]:
    with open_project(sample.folder, {}) as project:
        found = [article for article, _ in _choice(project).chosen][:FETCHED]
        works: dict[str, Callable[[], object]] = {
            "choosing an edition": partial(_choice, project),
            f"which of {FETCHED} items of a feed are known": partial(_known, project, found),
        }
        rows = []
        for name, work in works.items():
            took = [_timed(work) for _ in range(ROUNDS)]
            most = f"{MOST * 1e3:.0f}" if waiting == WAITING and work is works["choosing an edition"] else ""
            rows.append([name, f"{waiting:,}", *(f"{median(one[n] for one in took) * 1e3:.1f}" for n in (0, 1)), most])
    return rows


def _choice(project: Project) -> Choice:
    """Choose as ``draft`` does."""
    newsletter = project.newsletter(None)
    number = names.find(project.store, Newsletter, newsletter.name) or 0
    reach = None if editions.has_frozen(project.store, number) else newsletter.lookback_days
    candidates = articles.candidates(project.store, number)
    date, now = dt.date.fromisoformat(DATE), dt.datetime.now(dt.UTC)
    return choose(candidates, date, newsletter.zone, now, reach)


def _known(project: Project, found: list[Article]) -> list[bool]:
    again = [Article(**{name: getattr(one, name) for name in type(one).model_fields}) for one in found]
    return saving.as_stored(project.store, again)


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    began, used = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - began, time.process_time() - used


def _do(sample: Sample, statement: str, values: tuple[int, ...]) -> None:
    with closing(sqlite3.connect(sample.folder / "digest.db")) as store, store:
        store.execute(statement, values)


def fill(sample: Sample, stored: int, waiting: int) -> None:
    """Fill a store by SQL: collecting is another benchmark."""
    of_bound = stored * BOUND // 1_000_000
    how = {"articles": stored, "waiting": waiting, "bound": of_bound, "editions": EDITIONS}
    with closing(sqlite3.connect(sample.folder / "digest.db")) as store, store:
        store.execute("UPDATE placement SET state = 'passed'")
        for statement in (FILL, EDITION, PLACE):
            store.execute(statement, how)
        store.execute(BOOK, how)
