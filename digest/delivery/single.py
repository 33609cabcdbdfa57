"""One mail by itself: a notice, a test letter."""

import asyncio
from collections.abc import Awaitable, Callable

from digest.delivery.outcome import Conversation, Envelope, Outcome, Parcel


async def at_once() -> bool:
    """Return that a mail may go, where no ledger has a say."""
    return True


async def hand_over(
    conversation: Conversation, envelope: Envelope, mail: bytes, may_go: Callable[[], Awaitable[bool]] = at_once
) -> Outcome:
    """Give one mail to a relay and return what came of it.

    ``may_go`` is awaited once the relay wants the content; the end of the mail waits for its True. What it raises
    comes out of here, with the connection dropped and nothing delivered.
    """
    one = _Single(envelope, mail, may_go)
    try:
        await conversation.carry(one, _nothing_follows)
    finally:
        if one.asking is not None:
            one.asking.cancel()
    if one.asking is not None and one.asking.done() and not one.asking.cancelled():
        one.asking.result()  # raises what it raised
    assert one.outcome is not None
    return one.outcome


class _Single:
    """A parcel that nothing follows."""

    is_dot_safe = False

    def __init__(self, envelope: Envelope, mail: bytes, may_go: Callable[[], Awaitable[bool]]) -> None:
        self.envelope, self.mail = envelope, mail
        self.outcome: Outcome | None = None
        self.asking: asyncio.Future[bool] | None = None
        self._may_go = may_go

    def is_wanted(self) -> bool:
        return True

    def mark(self, then: Callable[[bool], None]) -> None:
        def asked(asking: "asyncio.Future[bool]") -> None:
            if not asking.cancelled():
                then(asking.exception() is None and asking.result())

        self.asking = asyncio.ensure_future(self._may_go())
        self.asking.add_done_callback(asked)

    def ended(self, outcome: Outcome) -> None:
        self.outcome = outcome


def _nothing_follows() -> Parcel | None:
    return None
