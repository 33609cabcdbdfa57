"""The account of every article of a newsletter. Decides only."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from digest.edition.select import is_public
from digest.models import Article, PlacementState
from digest.store.articles import Listed


@dataclass
class Account:
    """Where every article of a newsletter is: each stands in exactly one place, or is unexplained."""

    newsletter: str
    editions: dict[str, list[Article]] = field(default_factory=dict)
    waiting: list[Article] = field(default_factory=list)
    pinned: list[Article] = field(default_factory=list)
    embargoed: list[Article] = field(default_factory=list)  #: waiting, and not to be shown yet
    expired: list[Article] = field(default_factory=list)  #: waiting, and not to be shown any more
    shelved: list[tuple[Article, str]] = field(default_factory=list)  #: by whom
    dropped: list[tuple[Article, str]] = field(default_factory=list)
    passed: list[Article] = field(default_factory=list)
    unexplained: list[Article] = field(default_factory=list)

    @property
    def articles(self) -> int:
        """How many articles are accounted for."""
        bound = sum(len(articles) for articles in self.editions.values())
        parts: tuple[Sequence[object], ...] = (
            self.waiting, self.pinned, self.embargoed, self.expired, self.shelved, self.dropped, self.passed,
            self.unexplained,
        )  # fmt: skip
        return bound + sum(len(part) for part in parts)


def account_for(newsletter: str, placed: Iterable[Listed], nowhere: Iterable[Article], now: dt.datetime) -> Account:
    """Return the account of a newsletter's articles; ``nowhere`` are those placed in no newsletter at all."""
    account = Account(newsletter, unexplained=list(nowhere))
    for one in placed:
        for place in one.placements:
            if place.newsletter == newsletter:
                _enter(account, one.article, place.state, place.edition, place.by, now)
    return account


def _enter(account: Account, article: Article, state: str, edition: str | None, by: str, now: dt.datetime) -> None:
    match state:
        case PlacementState.BOUND if edition is not None:
            account.editions.setdefault(edition, []).append(article)
        case PlacementState.WAITING | PlacementState.PINNED if not is_public(article, now):
            expired = article.expires is not None and article.expires <= now
            (account.expired if expired else account.embargoed).append(article)
        case PlacementState.WAITING:
            account.waiting.append(article)
        case PlacementState.PINNED:
            account.pinned.append(article)
        case PlacementState.SHELVED:
            account.shelved.append((article, by))
        case PlacementState.DROPPED:
            account.dropped.append((article, by))
        case PlacementState.PASSED:
            account.passed.append(article)
        case _:
            account.unexplained.append(article)
