"""Taking articles in: each once, placed where its source goes, and entered in the book in the same transaction."""

import datetime as dt
import enum
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

from sqlalchemy import Connection, select, update

from digest.models import Article, PlacementState
from digest.store import sources
from digest.store.identity import Identity, Row, identities, known_rows, names_of, row_of, rows_by_words
from digest.store.sources import Refused
from digest.store.store import Store
from digest.store.tables import ARTICLE, PLACEMENT

SLICE = 500  #: rows a write transaction: a mark of the ledger never waits long behind an import
#: What an article says; the rest is who it is, and when we saw it.
CONTENT = (
    "title", "subtitle", "lead", "body", "section", "author", "image", "language",
    "image_alt", "image_width", "image_height",
    "published", "published_on", "embargo_until", "expires", "url",
)  # fmt: skip


#: Built once: with its values in it, it would be compiled anew for each article, at three times the price.
ADD = ARTICLE.insert().returning(ARTICLE.c.id)


class Saved(enum.Enum):
    """What became of an article that came in."""

    NEW = "new"
    CHANGED = "changed"
    UNCHANGED = "unchanged"
    DOUBLED = "doubled"  #: another source's already, and left as that one has it


@dataclass(frozen=True)
class Home:
    """Where an article of one source goes: the newsletters' numbers, and how each takes it.

    ``known`` says how a newsletter takes one that was there before, but not in this newsletter; else as a new one.
    """

    newsletters: Mapping[int, PlacementState]
    known: Mapping[int, PlacementState] = field(default_factory=dict)


@dataclass
class Book:
    """What one collect enters in the book: a line for each source, begun when there is something to enter."""

    source_id: int | None = None  #: whose the refused items are
    refused: Sequence[Refused] = ()
    gone: frozenset[int] = frozenset()  #: sources that are no more: theirs may come again by another
    current: frozenset[int] | None = None  #: newsletters that digest.toml has; all, where it does not matter
    by_editor: bool = False  #: the articles come from an editor's hand or file, which may change what was set by hand
    lines: dict[int | None, int] = field(default_factory=dict)


def save(
    store: Store,
    articles: Sequence[Article],
    home: Callable[[Article], Home],
    now: dt.datetime,
    book: Book | None = None,
) -> list[Saved]:
    """Take articles in, each once, and place them; return what became of each, in their order.

    An article is known by its source and the source's id, by its canonical link, or else by its words; known ones are
    updated, unless they are in an edition: then it is noted that their source says something else by now.
    """
    book = book or Book()
    present = {name for article in articles for name in identities(article)}
    saved: list[Saved] = []
    for start in range(0, len(articles), SLICE):
        part = articles[start : start + SLICE]
        refused, book.refused = book.refused, ()
        work = partial(_save, articles=part, home=home, now=now, book=book, present=present, refused=refused)
        outcomes, book.lines = store.write(work).result()
        saved += outcomes
    if book.refused:
        refused, book.refused = book.refused, ()
        book.lines = store.write(lambda c: _enter(c, book, Counter(), refused, {}, now)).result()
    return saved


def as_stored(store: Store, articles: Sequence[Article]) -> list[bool]:
    """Return which articles are stored already; those are made to say what is stored of them."""
    if not articles:
        return []
    known = store.read(lambda c: known_rows(c, articles))
    rows = [next((known[name] for name in identities(article) if name in known), None) for article in articles]
    for article, row in zip(articles, rows, strict=True):
        for name in CONTENT if row is not None else ():
            setattr(article, name, (row or {})[name])
    return [row is not None for row in rows]


def _save(
    connection: Connection,
    articles: Sequence[Article],
    home: Callable[[Article], Home],
    now: dt.datetime,
    book: Book,
    present: set[Identity],
    refused: Sequence[Refused],
) -> tuple[list[Saved], dict[int | None, int]]:
    known = known_rows(connection, articles)
    words = rows_by_words(connection, [a for a in articles if not any(n in known for n in identities(a))], book.gone)
    fresh: set[int] = set()
    saved: list[Saved] = []
    places: list[tuple[int, Article]] = []
    for article in articles:
        row = row_of(article, known, words, present)
        if row is None:
            outcome, row = Saved.NEW, _add(connection, article, known, now)
            fresh.add(row["id"])
        else:
            outcome, row = _update(connection, article, row, known, book, now)
        known |= names_of(row)  # it may come a second time further down
        saved.append(outcome)
        places.append((row["id"], article))
    placed = _place(connection, places, fresh, home, book, now)
    counts = Counter((article.source_id, one) for article, one in zip(articles, saved, strict=True))
    return saved, _enter(connection, book, counts, refused, placed, now)


def _update(
    connection: Connection,
    article: Article,
    row: Row,
    known: Mapping[Identity, Row],
    book: Book,
    now: dt.datetime,
) -> tuple[Saved, Row]:
    """Bring a stored article up to what its source says now, but for what an editor has set by hand."""
    theirs, gone = row["source_id"], book.gone
    if article.source_id is not None and theirs not in (None, article.source_id, *gone):
        return Saved.DOUBLED, row  # two sources that word it differently would change it to and fro for ever
    content = {name: getattr(article, name) for name in CONTENT}
    # The link it has stays: another one that leads to the same guid may belong to another article tomorrow.
    content["link"] = row["link"] or (None if article.link in known else article.link)
    by_hand = set((row["by_hand"] or "").split())
    kept = set() if book.by_editor else by_hand
    changed = {name: value for name, value in content.items() if value != row[name] and name not in kept}
    quiet: Row = {"fingerprint": article.fingerprint} if article.fingerprint != row["fingerprint"] else {}
    if changed and _is_sent(connection, row["id"]):
        # What was sent stays on record; that the source says something else by now is noted once.
        changed, quiet = {}, {"outdated_at": now} if row["outdated_at"] is None else {}
        outcome = Saved.CHANGED if quiet else Saved.UNCHANGED
    else:
        outcome = Saved.CHANGED if changed else Saved.UNCHANGED
    if changed and book.by_editor and theirs not in (None, article.source_id):
        quiet["by_hand"] = " ".join(sorted(by_hand | changed.keys()))  # or its own source would say it back
    if theirs in (article.source_id, *gone) and _has_new_name(article, row, known):
        quiet |= {"guid": article.guid, "source_id": article.source_id}
        _hand_over(connection, theirs, article.source_id, now)
    values = {**changed, **quiet, **({"changed_at": now} if changed else {})}
    if values:
        connection.execute(update(ARTICLE).where(ARTICLE.c.id == row["id"]).values(**values))
    return outcome, {**row, **values}


def _has_new_name(article: Article, row: Row, known: Mapping[Identity, Row]) -> bool:
    """Return whether an article goes under another id of its source from now on."""
    name = (article.source_id, article.guid)
    return article.guid is not None and name not in known and (row["source_id"], row["guid"]) != name


def _hand_over(connection: Connection, old: int | None, new: int | None, now: dt.datetime) -> None:
    """Move an article to another source in the book too."""
    if old != new:
        sources.enter(connection, None, old, {"found": -1, "new": -1}, now)
        sources.enter(connection, None, new, {"found": 1, "new": 1}, now)


def _is_sent(connection: Connection, number: int) -> bool:
    """Return whether an article is in an edition everywhere it has a place."""
    here = PLACEMENT.c.article_id == number
    states = connection.execute(select(PLACEMENT.c.state).where(here)).scalars().all()
    return bool(states) and all(state is PlacementState.BOUND for state in states)


def _add(connection: Connection, article: Article, known: Mapping[Identity, Row], now: dt.datetime) -> Row:
    content = {name: getattr(article, name) for name in CONTENT}
    link = None if article.link in known else article.link  # another article's, which came first
    identity = {"source_id": article.source_id, "guid": article.guid, "link": link}
    seen = {"first_seen": article.first_seen, "changed_at": now, "fingerprint": article.fingerprint}
    row = {**content, **identity, **seen, "outdated_at": None}
    return {**row, "id": connection.execute(ADD, row).scalar_one(), "by_hand": None}


def _place(
    connection: Connection,
    found: Sequence[tuple[int, Article]],
    fresh: set[int],
    home: Callable[[Article], Home],
    book: Book,
    now: dt.datetime,
) -> "Counter[int | None]":
    """Place articles where they go; return how many places the articles of each source were given."""
    placed = _placed(connection, [number for number, _ in found if number not in fresh])
    rows: dict[tuple[int, int], Row] = {}
    given: Counter[int | None] = Counter()
    for number, article in found:
        goes_to, there = home(article), placed.get(number, {})
        for newsletter, state in goes_to.newsletters.items():
            if newsletter in there or (number, newsletter) in rows:
                continue
            if number not in fresh:
                state = goes_to.known.get(newsletter, state)
                if _has_moved(there, goes_to, book):
                    state = PlacementState.PASSED
            given[article.source_id] += 1
            rows[number, newsletter] = {
                "article_id": number, "newsletter_id": newsletter, "state": state, "at": now,
                "rank": 0, "pinned": False, "by": "",
            }  # fmt: skip
    if rows:
        connection.execute(PLACEMENT.insert(), list(rows.values()))
    return given


def _has_moved(there: Mapping[int, tuple[PlacementState, int | None]], home: Home, book: Book) -> bool:
    """Return whether an article has run, or will, in a newsletter that its source went to before.

    ``there`` are its places: their states, and the source they are of.
    """
    elsewhere = {n: state for n, (state, _) in there.items() if n not in home.newsletters}
    if book.current is None or not elsewhere:
        return False
    ours = {source for _, source in there.values()} <= {book.source_id, None, *book.gone}
    return ours and any(state is PlacementState.BOUND or n in book.current for n, state in elsewhere.items())


def _placed(connection: Connection, numbers: Sequence[int]) -> dict[int, dict[int, tuple[PlacementState, int | None]]]:
    if not numbers:
        return {}
    wanted = (
        select(PLACEMENT.c.article_id, PLACEMENT.c.newsletter_id, PLACEMENT.c.state, ARTICLE.c.source_id)
        .join(ARTICLE, ARTICLE.c.id == PLACEMENT.c.article_id)
        .where(PLACEMENT.c.article_id.in_(numbers))
    )
    found: dict[int, dict[int, tuple[PlacementState, int | None]]] = {}
    for row in connection.execute(wanted):
        found.setdefault(row.article_id, {})[row.newsletter_id] = (row.state, row.source_id)
    return found


def _enter(
    connection: Connection,
    book: Book,
    counts: Mapping[tuple[int | None, Saved], int],
    refused: Sequence[Refused],
    placed: Mapping[int | None, int],
    now: dt.datetime,
) -> dict[int | None, int]:
    """Enter a slice in the book; return its lines. What brings nothing new makes none: a feed says the same all day."""
    lines = dict(book.lines)
    by_source: dict[int | None, Counter[Saved]] = {}
    for (source, outcome), count in counts.items():
        by_source.setdefault(source, Counter())[outcome] += count
    if refused:
        by_source.setdefault(book.source_id, Counter())
    for source, outcomes in by_source.items():
        ours = refused if source == book.source_id else ()
        row = {
            "found": outcomes.total() + len(ours),
            "new": outcomes[Saved.NEW],
            "changed": outcomes[Saved.CHANGED],
            "unchanged": outcomes[Saved.UNCHANGED] + outcomes[Saved.DOUBLED],
            "refused": len(ours),
            "doubled": outcomes[Saved.DOUBLED],
            "reasons": sources.refuse(connection, source, ours, now),
            "placed": placed.get(source, 0),
        }
        is_news = any(row[name] for name in ("new", "changed", "reasons", "placed"))
        if is_news or source in lines:
            lines[source] = sources.enter(connection, lines.get(source), source, row, now)
    return lines
