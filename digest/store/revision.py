"""An edition's letters of a next version, for the readers who have had none yet."""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Connection, and_, case, func, insert, select, update

from digest.models import DeliveryState, EditionState, Letter, PlacementRole
from digest.store.ledger import doubted
from digest.store.steering import WAITS, Deed, note
from digest.store.store import Store
from digest.store.tables import ARTICLE, DELIVERY, EDITION, LETTER, PLACEMENT


@dataclass(frozen=True)
class Revision:
    """What a revision writes: new letters for who has none yet, and how each article is printed now."""

    edition_id: int
    version: int
    letters: Sequence[Letter]
    seen: Mapping[int, dt.datetime]  #: when each article was last changed, as it was rendered
    roles: Mapping[int, PlacementRole]  #: what is bound and not among them is printed by earlier versions only
    dkim: Sequence[Mapping[str, str]]  #: the keys that sign it from now on, its earlier letters too
    shown_as: Mapping[int, tuple[int, str]] = field(default_factory=dict)  #: what is printed in its place, and why


def to_revise(store: Store, edition_id: int) -> int:
    """Return how many readers of an edition a revised letter would be for."""
    wanted = select(func.count()).where(_has_had_none(edition_id))
    return int(store.read(lambda c: c.execute(wanted).scalar_one()))


def _has_had_none(edition_id: int) -> Any:
    # A doubt may have arrived, so its second copy is the same.
    untouched = DELIVERY.c.subscriber_id.not_in(doubted(edition_id))
    return and_(DELIVERY.c.edition_id == edition_id, WAITS, untouched)


def revise(store: Store, plan: Revision, deed: Deed) -> int | None:
    """Store an edition's revised letters and give them to who has had none; return how many readers that is.

    None when it is not paused any more, or an article has changed once again since it was rendered.  Nothing is
    written when there is nobody to give them to.  Who waits for a letter of which none is left is skipped.  All of it
    is one transaction, as the freeze is.
    """

    def change(connection: Connection) -> int | None:
        state = connection.execute(select(EDITION.c.state).where(EDITION.c.id == plan.edition_id)).scalar_one()
        if state is not EditionState.PAUSED or _articles(connection, plan.edition_id) != dict(plan.seen):
            return None
        here = _has_had_none(plan.edition_id)
        if not connection.execute(select(func.count()).where(here)).scalar_one():
            return 0
        chosen, emptied = _store_letters(connection, plan, deed.at)
        if emptied:
            nothing = {"state": DeliveryState.SKIPPED, "lease": None, "next_at": None, "done_at": deed.at}
            connection.execute(update(DELIVERY).where(here, DELIVERY.c.letter_id.in_(emptied)).values(nothing))
        connection.execute(update(PLACEMENT).where(PLACEMENT.c.edition_id == plan.edition_id).values(role=None))
        for article in {**plan.roles, **plan.shown_as}:
            at = and_(PLACEMENT.c.edition_id == plan.edition_id, PLACEMENT.c.article_id == article)
            instead, rule = plan.shown_as.get(article, (None, None))
            values = {"role": plan.roles.get(article), "shown_as": instead, "shown_by": rule}
            connection.execute(update(PLACEMENT).where(at).values(values))
        dkim = [dict(key) for key in plan.dkim]
        connection.execute(update(EDITION).where(EDITION.c.id == plan.edition_id).values(dkim=dkim))
        note(connection, plan.edition_id, deed)
        letter = case(chosen, value=DELIVERY.c.letter_id)
        return connection.execute(update(DELIVERY).where(here).values(letter_id=letter)).rowcount

    return store.write(change).result()


def _articles(connection: Connection, edition_id: int) -> dict[int, dt.datetime]:
    wanted = select(ARTICLE.c.id, ARTICLE.c.changed_at).join(PLACEMENT, PLACEMENT.c.article_id == ARTICLE.c.id)
    return dict(connection.execute(wanted.where(PLACEMENT.c.edition_id == edition_id)).all())


def _store_letters(connection: Connection, plan: Revision, now: dt.datetime) -> tuple[dict[int, int], list[int]]:
    """Store the letters; return which takes the place of which earlier one, and which have none left in theirs."""
    earlier = select(LETTER.c.id, LETTER.c.language, LETTER.c.articles).where(LETTER.c.edition_id == plan.edition_id)
    replaced = {row.id: _variant(row.language, row.articles) for row in connection.execute(earlier)}
    newest = {_variant(x.language, x.articles): _store_letter(connection, plan, x, now) for x in plan.letters}
    taken = {number: newest[variant] for number, variant in replaced.items() if variant in newest}
    return taken, [number for number in replaced if number not in taken]


def _variant(language: str, articles: Sequence[int] | None) -> tuple[str, tuple[int, ...] | None]:
    return language, None if articles is None else tuple(articles)


def _store_letter(connection: Connection, plan: Revision, letter: Letter, now: dt.datetime) -> int:
    values = {
        "edition_id": plan.edition_id, "language": letter.language, "subject": letter.subject, "html": letter.html,
        "text": letter.text, "mail": letter.mail, "version": plan.version, "made_at": now,
        "articles": letter.articles, "page": letter.page, "costs": letter.costs,
    }  # fmt: skip
    return int(connection.execute(insert(LETTER).values(values).returning(LETTER.c.id)).scalar_one())
