"""Editions, their letters, and the freeze: from one moment on neither articles nor readers change."""

import datetime as dt
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, bindparam, case, func, insert, literal, select, update

from digest.models import (
    Article,
    DeliveryState,
    Edition,
    EditionState,
    Letter,
    Notice,
    Placement,
    PlacementRole,
    PlacementState,
)
from digest.store import notices
from digest.store.articles import edition_key
from digest.store.audience import receives
from digest.store.store import Store, session_on
from digest.store.tables import ARTICLE, DELIVERY, EDITION, EDITION_CHANGE, LETTER, NEWSLETTER, PLACEMENT, SUBSCRIBER
from digest.store.variants import LetterFor, Wanted, has_chosen, share_out

#: States in which nothing is bound, so that the edition can still be made anew.
UNBOUND = (EditionState.DRAFT, EditionState.EMPTY, EditionState.HELD)
#: States in which mail is left, or somebody has stopped it.
OPEN = (EditionState.FROZEN, EditionState.SENDING, EditionState.PAUSED)


@dataclass(frozen=True)
class Freezing:
    """All that a freeze writes: the edition, what it binds, its letters, and for whom each is."""

    newsletter_id: int
    date: dt.date
    number: int
    at: dt.datetime
    give_up_at: dt.datetime
    rehearsal: bool
    list_ids: Sequence[int]
    sender: str
    bounce_address: str | None
    key: str
    rendered: Sequence[tuple[Article, Placement]]  #: as they were read: the freeze is off if one has changed since
    roles: Mapping[int, PlacementRole]
    passed: Sequence[int]
    letters: Sequence[Letter]
    #: Which of them is for readers who want this. Those in a language that is not named here get the first.
    letter_for: LetterFor
    languages: Collection[str] = ()
    dkim: Sequence[Mapping[str, str]] = ()  #: the keys that sign them
    shown_as: Mapping[int, tuple[int, str]] = field(default_factory=dict)  #: what is printed in its place, and why
    forced: Sequence[Mapping[str, str]] = ()  #: lines of its history: which rules of preflight somebody overrode


@dataclass(frozen=True)
class Listed:
    """An edition with its newsletter's name and the number of its articles."""

    edition: Edition
    newsletter: str
    articles: int

    @property
    def key(self) -> str:
        """``senaste-nytt/2025-11-30``."""
        return edition_key(self.newsletter, self.edition.date, self.edition.number)


def find(store: Store, newsletter_id: int, date: dt.date, number: int = 1) -> Edition | None:
    """Return an edition by what it is known by."""

    def read(connection: Connection) -> Edition | None:
        with session_on(connection) as session:
            return session.scalars(select(Edition).where(_is(newsletter_id, date, number))).first()

    return store.read(read)


def last_of(store: Store, newsletter_id: int, date: dt.date) -> Edition | None:
    """Return the newest edition of a date: its own, or the last extra one."""
    here = (EDITION.c.newsletter_id == newsletter_id) & (EDITION.c.date == date)

    def read(connection: Connection) -> Edition | None:
        with session_on(connection) as session:
            return session.scalars(select(Edition).where(here).order_by(EDITION.c.number.desc())).first()

    return store.read(read)


def get(store: Store, number: int) -> Edition:
    """Return an edition by its number."""

    def read(connection: Connection) -> Edition:
        with session_on(connection) as session:
            return session.get_one(Edition, number)

    return store.read(read)


def listing(
    store: Store,
    *,
    newsletter_id: int | None = None,
    states: Sequence[EditionState] = (),
    numbers: Sequence[int] = (),
    limit: int | None = None,
) -> list[Listed]:
    """Return editions, the newest date first."""
    articles = select(func.count()).where(PLACEMENT.c.edition_id == EDITION.c.id).scalar_subquery()
    wanted = (
        select(Edition, NEWSLETTER.c.name, articles)
        .join(NEWSLETTER, NEWSLETTER.c.id == EDITION.c.newsletter_id)
        .order_by(EDITION.c.date.desc(), EDITION.c.number.desc(), NEWSLETTER.c.name)
        .limit(limit)
    )
    if newsletter_id is not None:
        wanted = wanted.where(EDITION.c.newsletter_id == newsletter_id)
    if states:
        wanted = wanted.where(EDITION.c.state.in_(states))
    if numbers:
        wanted = wanted.where(EDITION.c.id.in_(numbers))

    def read(connection: Connection) -> list[Listed]:
        with session_on(connection) as session:
            return [Listed(edition, name, count) for edition, name, count in session.execute(wanted)]

    return store.read(read)


def has_frozen(store: Store, newsletter_id: int, but: int | None = None) -> bool:
    """Return whether a newsletter has had an edition: the first one reaches back only so far."""
    frozen = select(EDITION.c.id).where(
        EDITION.c.newsletter_id == newsletter_id, EDITION.c.frozen_at.is_not(None), EDITION.c.id != (but or 0)
    )
    return store.read(lambda c: c.execute(frozen.limit(1)).first() is not None)


def is_there_before(store: Store, newsletter_id: int, date: dt.date) -> bool:
    """Return whether a newsletter has an edition of an earlier date, whatever was decided about it."""
    earlier = select(EDITION.c.id).where(EDITION.c.newsletter_id == newsletter_id, EDITION.c.date < date)
    return store.read(lambda c: c.execute(earlier.limit(1)).first() is not None)


def letters(store: Store, edition_id: int) -> list[Letter]:
    """Return an edition's letters: by version, in each the newsletter's own language first."""

    def read(connection: Connection) -> list[Letter]:
        with session_on(connection) as session:
            return list(session.scalars(select(Letter).where(LETTER.c.edition_id == edition_id).order_by(LETTER.c.id)))

    return store.read(read)


def revised(store: Store, newsletter_id: int) -> list[int]:
    """Return the numbers of a newsletter's editions that have letters of more than one version."""
    wanted = (
        select(LETTER.c.edition_id)
        .join(EDITION, EDITION.c.id == LETTER.c.edition_id)
        .where(EDITION.c.newsletter_id == newsletter_id, LETTER.c.version > 1)
        .distinct()
    )
    return list(store.read(lambda c: c.execute(wanted).scalars().all()))


def decide(
    store: Store,
    newsletter_id: int,
    date: dt.date,
    number: int,
    state: EditionState,
    reason: str,
    now: dt.datetime,
    told: Sequence[Notice] = (),
) -> Edition:
    """Record that an edition is empty, held or a draft, why, and who is told; nothing is bound by that."""

    def change(connection: Connection) -> Edition:
        notices.add(connection, told)
        return _edition(connection, newsletter_id, date, number, {"state": state, "reason": reason, "decided_at": now})

    return store.write(change).result()


def freeze(store: Store, plan: Freezing) -> Edition | None:
    """Write an edition, bind its articles, store its letters and make a delivery for every reader: all, or nothing.

    None when an article or its placement has changed since it was rendered, or the edition is frozen already.
    """
    return store.write(lambda connection: _freeze(connection, plan)).result()


def _freeze(connection: Connection, plan: Freezing) -> Edition | None:
    if _have_changed(connection, plan) or _is_frozen(connection, plan):
        return None
    values = {
        "state": EditionState.FROZEN, "reason": "", "decided_at": plan.at, "frozen_at": plan.at, "finished_at": None,
        "rehearsal": plan.rehearsal, "list_ids": list(plan.list_ids), "sender": plan.sender,
        "bounce_address": plan.bounce_address, "key": plan.key, "give_up_at": plan.give_up_at,
        "dkim": [dict(key) for key in plan.dkim],
    }  # fmt: skip
    edition = _edition(connection, plan.newsletter_id, plan.date, plan.number, values)
    assert edition.id is not None
    _bind(connection, plan, edition.id)
    for line in plan.forced:
        connection.execute(insert(EDITION_CHANGE), {"edition_id": edition.id, "verb": "forced", "at": plan.at, **line})
    audience = _make_deliveries(connection, plan, edition.id, _store_letters(connection, plan, edition.id))
    return _edition(connection, plan.newsletter_id, plan.date, plan.number, {"audience": audience})


def _have_changed(connection: Connection, plan: Freezing) -> bool:
    rendered = {(a.id, a.changed_at, p.state, p.rank) for a, p in plan.rendered}
    free = PLACEMENT.c.state.in_([PlacementState.WAITING, PlacementState.PINNED])
    wanted = (
        select(ARTICLE.c.id, ARTICLE.c.changed_at, PLACEMENT.c.state, PLACEMENT.c.rank)
        .join(PLACEMENT, PLACEMENT.c.article_id == ARTICLE.c.id)
        .where(PLACEMENT.c.newsletter_id == plan.newsletter_id, free)
    )
    return not rendered <= {tuple(row) for row in connection.execute(wanted)}


def _is_frozen(connection: Connection, plan: Freezing) -> bool:
    here = _is(plan.newsletter_id, plan.date, plan.number)
    state = connection.execute(select(EDITION.c.state).where(here)).scalar()
    return state is not None and state not in UNBOUND


def _bind(connection: Connection, plan: Freezing, edition_id: int) -> None:
    # Row by row: a first edition may pass a whole archive, and a statement has room for so many parameters only.
    here = and_(PLACEMENT.c.newsletter_id == plan.newsletter_id, PLACEMENT.c.article_id == bindparam("article"))
    for role in PlacementRole:
        bound = {
            "state": PlacementState.BOUND, "edition_id": edition_id, "role": role, "at": plan.at,
            "shown_as": bindparam("instead"), "shown_by": bindparam("rule"),
        }  # fmt: skip
        ours = [(number, *plan.shown_as.get(number, (None, None))) for number, its in plan.roles.items() if its is role]
        numbers = [{"article": number, "instead": instead, "rule": rule} for number, instead, rule in ours]
        if numbers:
            connection.execute(update(PLACEMENT).where(here).values(bound), numbers)
    passed = {"state": PlacementState.PASSED, "at": plan.at}
    waiting = PLACEMENT.c.state == PlacementState.WAITING  # an editor may have placed it otherwise meanwhile
    if plan.passed:
        numbers = [{"article": number} for number in plan.passed]
        connection.execute(update(PLACEMENT).where(here, waiting).values(passed), numbers)


def _store_letters(connection: Connection, plan: Freezing, edition_id: int) -> list[int]:
    rows = [
        {"edition_id": edition_id, "language": x.language, "subject": x.subject, "html": x.html, "text": x.text,
         "mail": x.mail, "version": 1, "made_at": plan.at, "articles": x.articles, "page": x.page, "costs": x.costs}
        for x in plan.letters
    ]  # fmt: skip
    row = insert(LETTER).returning(LETTER.c.id)
    return [int(connection.execute(row.values(values)).scalar_one()) for values in rows]


def _make_deliveries(connection: Connection, plan: Freezing, edition_id: int, letter_ids: Sequence[int]) -> int:
    if has_chosen(connection, plan.list_ids):
        return share_out(
            connection, edition_id, plan.newsletter_id, plan.list_ids, letter_ids, plan.letter_for, plan.at
        )
    first, pending = literal(letter_ids[0]), literal(int(DeliveryState.PENDING))
    places = {language: plan.letter_for(Wanted(language)) for language in plan.languages}
    chosen = {language: letter_ids[place] for language, place in places.items() if place}
    letter = case(chosen, value=SUBSCRIBER.c.language, else_=first) if chosen else first
    readers = (
        select(literal(edition_id), SUBSCRIBER.c.id, letter, pending, literal(0), literal(0))
        .where(receives(plan.newsletter_id, plan.list_ids))
        .order_by(SUBSCRIBER.c.id)
    )
    columns = ["edition_id", "subscriber_id", "letter_id", "state", "attempt", "closed"]
    return connection.execute(insert(DELIVERY).from_select(columns, readers, include_defaults=False)).rowcount


def _is(newsletter_id: int, date: dt.date, number: int) -> Any:
    return (EDITION.c.newsletter_id == newsletter_id) & (EDITION.c.date == date) & (EDITION.c.number == number)


def _edition(
    connection: Connection, newsletter_id: int, date: dt.date, number: int, values: Mapping[str, Any]
) -> Edition:
    """Change an edition, making its row when it is not there yet, and return it."""
    known = {"newsletter_id": newsletter_id, "date": date, "number": number}
    with session_on(connection) as session:
        edition = session.scalars(select(Edition).where(_is(newsletter_id, date, number))).first()
        if edition is None:
            edition = Edition.model_validate({"decided_at": values.get("decided_at"), **known})
            session.add(edition)
        for name, value in values.items():
            setattr(edition, name, value)
        session.commit()  # of its savepoint: the connection's transaction goes on
    return edition
