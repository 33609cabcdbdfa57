"""What a run takes from those before it, and leaves to the next: rates that are used up, what relays have shown."""

import time
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta

from digest.delivery.line import Line, still_known, to_remember
from digest.delivery.options import Limits, Options
from digest.delivery.outcome import Relay
from digest.delivery.pace import LearnedPace, Pace
from digest.delivery.waiting import utc
from digest.models import Edition
from digest.store import Store, names, relays
from digest.store.pacing import Passed, handed_over

SLOWEST_START = 1.0  #: mails a second: no relay is begun with less, so that a few mails are not held up by yesterday


def paces(store: Store, edition: Edition, used: Sequence[Relay], options: Options) -> tuple[Pace, list[Line]]:
    """Return the pace over all relays, and every relay's line, as earlier runs have left them."""
    if edition.rehearsal:  # a folder is fed as fast as it can be
        return Pace(), [_line(store, relay, (), {}) for relay in used]
    own = [options.relay_limits[n] if n < len(options.relay_limits) else () for n in range(len(used))]
    before = _before(store, [options.limits, *own])
    lines = [_line(store, relay, limits, before) for relay, limits in zip(used, own, strict=True)]
    return Pace(options.limits, _times(before, None)), lines


def keep(store: Store, lines: Iterable[Line]) -> None:
    """Leave to the next run what was learned of the relays."""
    for line in lines:
        found = None if line.relay.is_outbox else to_remember(line, utc())
        if found is not None:
            relays.learn(store, line.relay_id, found)


def _line(store: Store, relay: Relay, limits: Limits, before: Mapping[int, Sequence[Passed]]) -> Line:
    number = names.relay_number(store, relay.name)
    known = still_known(relays.learned(store, number), utc())
    relay.learned_per_connection = known.per_connection
    learned = LearnedPace(known.pace and max(known.pace, SLOWEST_START))
    return Line(relay, number, Pace(limits, _times(before, number)), learned, known)


def _before(store: Store, limits: Iterable[Limits]) -> dict[int, list[Passed]]:
    """Return for every window in seconds what was mailed in it."""
    windows = {seconds for limit in limits for _, seconds in limit}
    now = utc()
    return {seconds: handed_over(store, timedelta(seconds=seconds), now) for seconds in windows}


def _times(before: Mapping[int, Sequence[Passed]], relay_id: int | None) -> dict[int, list[tuple[float, int]]]:
    """Return when how many mails went, by one relay or by all, as seconds of our clock; none is still to come.

    What a process that died had under way is not known to be of one relay, and counts for each.
    """
    now, clock = utc(), time.monotonic()
    return {
        seconds: [
            (clock - max(0.0, (now - one.at).total_seconds()), one.mails)
            for one in passed
            if relay_id is None or one.relay_id is None or one.relay_id == relay_id
        ]
        for seconds, passed in before.items()
    }
