"""The account of every article of a newsletter. Decides only."""

import datetime as dt
from array import array
from collections.abc import Iterable, MutableSequence, Sequence
from dataclasses import dataclass, field

from digest.edition.select import Hidden, hidden
from digest.models import PlacementState
from digest.store.accounts import Entry


def _numbers() -> MutableSequence[int]:
    return array("q")  # eight bytes for each of a million articles


@dataclass
class Account:
    """Where every article of a newsletter is, by numbers: each stands in exactly one place, or is unexplained."""

    newsletter: str
    editions: dict[str, MutableSequence[int]] = field(default_factory=dict)
    waiting: MutableSequence[int] = field(default_factory=_numbers)
    pinned: MutableSequence[int] = field(default_factory=_numbers)
    embargoed: MutableSequence[int] = field(default_factory=_numbers)  #: waiting, and not to be shown yet
    expired: MutableSequence[int] = field(default_factory=_numbers)  #: waiting, and not to be shown any more
    shelved: list[tuple[int, str]] = field(default_factory=list)  #: by whom
    dropped: list[tuple[int, str]] = field(default_factory=list)
    passed: MutableSequence[int] = field(default_factory=_numbers)
    unexplained: MutableSequence[int] = field(default_factory=_numbers)

    @property
    def articles(self) -> int:
        """How many articles are accounted for."""
        bound = sum(len(articles) for articles in self.editions.values())
        parts: tuple[Sequence[object], ...] = (
            self.waiting, self.pinned, self.embargoed, self.expired, self.shelved, self.dropped, self.passed,
            self.unexplained,
        )  # fmt: skip
        return bound + sum(len(part) for part in parts)


def account_for(newsletter: str, places: Iterable[Entry], nowhere: Iterable[int], now: dt.datetime) -> Account:
    """Return the account of a newsletter's articles; ``nowhere`` are those placed in no newsletter at all."""
    account = Account(newsletter)
    account.unexplained.extend(nowhere)
    for one in places:
        _enter(account, one, now)
    return account


def _enter(account: Account, one: Entry, now: dt.datetime) -> None:
    match one.state:
        case PlacementState.BOUND if one.edition is not None:
            account.editions.setdefault(one.edition, _numbers()).append(one.number)
        case PlacementState.WAITING | PlacementState.PINNED if why := hidden(one, now):
            (account.expired if why is Hidden.EXPIRED else account.embargoed).append(one.number)
        case PlacementState.WAITING:
            account.waiting.append(one.number)
        case PlacementState.PINNED:
            account.pinned.append(one.number)
        case PlacementState.SHELVED:
            account.shelved.append((one.number, one.by))
        case PlacementState.DROPPED:
            account.dropped.append((one.number, one.by))
        case PlacementState.PASSED:
            account.passed.append(one.number)
        case _:
            account.unexplained.append(one.number)
