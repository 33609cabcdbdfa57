"""Which articles go into an edition: everything that waits and is eligible, however old. No clock window."""

import datetime as dt
import enum
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol
from zoneinfo import ZoneInfo

from digest.edition.layout import date_of
from digest.models import Article, Placement, PlacementState


@dataclass(frozen=True)
class Choice:
    """What goes into an edition, and what the newsletter's first edition leaves behind for good."""

    chosen: tuple[tuple[Article, Placement], ...]
    passed: tuple[Article, ...] = ()


def cut_off(date: dt.date, now: dt.datetime, zone: ZoneInfo) -> dt.datetime:
    """Return the instant up to which articles must be published: now for today, the end of the day for a past date."""
    if date >= now.astimezone(zone).date():
        return now
    midnight = dt.datetime.combine(date + dt.timedelta(days=1), dt.time(), zone)
    return midnight.astimezone(dt.UTC) - dt.datetime.resolution  # which is the next day's


def is_published(article: Article, date: dt.date, until: dt.datetime) -> bool:
    """Return whether an article is out by the cut-off; an undated one always is, a dated one from its date on."""
    if article.published_on is not None:
        return article.published_on <= date
    return article.published is None or article.published <= until


class Limited(Protocol):
    """What has an embargo and an expiry: an article, or the columns of one."""

    @property
    def embargo_until(self) -> dt.datetime | None: ...

    @property
    def expires(self) -> dt.datetime | None: ...


class Hidden(enum.StrEnum):
    """Why readers may not see an article."""

    EMBARGO = "under embargo"
    EXPIRED = "expired"


def hidden(article: Limited, now: dt.datetime) -> Hidden | None:
    """Return why an article is kept from readers at this moment, None where it may be shown.

    The one rule of embargo and expiry; every outlet asks it. An embargo is over, and an article expires, at the very
    moment it names; of both, expired is said, for that does not end by itself.
    """
    if article.expires is not None and article.expires <= now:
        return Hidden.EXPIRED
    return Hidden.EMBARGO if is_under_embargo(article, now) else None


def is_under_embargo(article: Limited, now: dt.datetime) -> bool:
    """Return whether an article is under embargo: then also a letter that prints it already is shown to nobody."""
    return article.embargo_until is not None and article.embargo_until > now


def is_public(article: Limited, now: dt.datetime) -> bool:
    """Return whether an article may be shown to readers at this moment: not under embargo, not expired."""
    return hidden(article, now) is None


def choose(
    candidates: Iterable[tuple[Article, Placement]],
    date: dt.date,
    zone: ZoneInfo,
    now: dt.datetime,
    reach: int | None,
) -> Choice:
    """Return what goes into the edition of a date.

    ``reach`` is given for a newsletter's first edition: articles of more days before its date are passed, unless an
    editor pinned them.  After that everything waiting goes in, so that a holiday or a late release loses nothing.
    """
    until = cut_off(date, now, zone)
    eligible = [pair for pair in candidates if is_published(pair[0], date, until) and is_public(pair[0], now)]
    if reach is None:
        return Choice(tuple(eligible))
    earliest = date - dt.timedelta(days=reach)
    is_old = [_is_older(pair, earliest, date, zone) for pair in eligible]
    return Choice(
        tuple(pair for pair, old in zip(eligible, is_old, strict=True) if not old),
        tuple(article for (article, _), old in zip(eligible, is_old, strict=True) if old),
    )


def _is_older(pair: tuple[Article, Placement], earliest: dt.date, date: dt.date, zone: ZoneInfo) -> bool:
    article, placement = pair
    dated = article.published is not None or article.published_on is not None
    return dated and placement.state is not PlacementState.PINNED and date_of(article, date, zone) < earliest
