"""What a newsletter's readers have had lately: editions with their subjects, and the headlines these printed."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import Connection, and_, func, or_, select

from digest.models import EditionState, PlacementRole
from digest.store.store import Store
from digest.store.tables import ARTICLE, EDITION, LETTER, PLACEMENT

_IS_LEAD = PLACEMENT.c.role == PlacementRole.LEAD


@dataclass(frozen=True, slots=True)
class Earlier:
    """An edition that has gone out: its date and number, how many articles it held, and the last one's subjects."""

    edition_id: int
    date: dt.date
    number: int
    articles: int
    subjects: tuple[str, ...] = ()


class Ran(NamedTuple):
    """An article that an edition has printed: one of many hundred, so a plain tuple."""

    article_id: int
    title: str
    lead: str
    edition_id: int
    is_lead: bool


def earlier(
    store: Store, newsletter_id: int, date: dt.date, number: int, *, limit: int, rehearsals: bool
) -> list[Earlier]:
    """Return the frozen editions up to a date but the one with this number, the newest first, at most so many.

    Only the first has its subjects.  Without ``rehearsals`` those count that somebody was mailed.
    """
    gone = [EDITION.c.newsletter_id == newsletter_id, EDITION.c.frozen_at.is_not(None)]
    gone += [EDITION.c.state != EditionState.CANCELLED]
    gone += [or_(EDITION.c.date < date, and_(EDITION.c.date == date, EDITION.c.number != number))]
    if not rehearsals:
        gone.append(EDITION.c.rehearsal.is_(False))
    count = select(func.count()).where(PLACEMENT.c.edition_id == EDITION.c.id).scalar_subquery()
    wanted = (
        select(EDITION.c.id, EDITION.c.date, EDITION.c.number, count)
        .where(*gone)
        .order_by(EDITION.c.date.desc(), EDITION.c.number.desc())
        .limit(limit)
    )

    def read(connection: Connection) -> list[Earlier]:
        rows = connection.execute(wanted).all()
        if not rows:
            return []
        said = select(LETTER.c.subject).where(LETTER.c.edition_id == rows[0][0]).order_by(LETTER.c.id)
        subjects = tuple(connection.execute(said).scalars())
        return [Earlier(*row, () if n else subjects) for n, row in enumerate(rows)]

    return store.read(read)


def ran(store: Store, edition_ids: Sequence[int]) -> list[Ran]:
    """Return what editions have printed; what they folded nobody has read in them."""
    if not edition_ids:
        return []
    wanted = (
        select(ARTICLE.c.id, ARTICLE.c.title, ARTICLE.c.lead, PLACEMENT.c.edition_id, _IS_LEAD)
        .join(PLACEMENT, PLACEMENT.c.article_id == ARTICLE.c.id)
        .where(PLACEMENT.c.edition_id.in_(edition_ids), PLACEMENT.c.role != PlacementRole.FOLDED)
    )
    return store.read(lambda c: [Ran(*row) for row in c.execute(wanted)])
