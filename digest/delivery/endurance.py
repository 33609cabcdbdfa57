"""How many mails a relay takes on one connection, learned from how it ends them. Decides only: times come in."""

import re

IDLE = 5.0  #: seconds of silence after which an end says nothing of the mails before it

# "421 too many messages in this connection" (Exim), "Max message per connection reached" (Yahoo) and the like.
_SAYS_SO = re.compile(
    r"(?:mail|message|transaction|recipient)s?\b.{0,40}\b(?:connection|session)|(?:connection|session)\b.{0,20}\bmessages?"
    r" limit|too many (?:mail|message|transaction)s",
    re.IGNORECASE,
)


class Endurance:
    """Of one relay, over all its connections; times are seconds of one monotonic clock."""

    def __init__(self) -> None:
        self.most: int | None = None  #: mails on one connection, None while no limit has shown
        self._seen: tuple[int, float] | None = None  # mails after which a connection was ended, and when first

    def delivered(self, mails: int) -> None:
        """Take note that a connection has delivered this many, and so that less is no limit."""
        if self.most is not None and mails > self.most:
            self.most = None
        if self._seen is not None and mails > self._seen[0]:
            self._seen = None

    def ended(self, mails: int, opened: float, now: float, words: str) -> None:
        """Take note that the relay ended a connection which had delivered this many, with these words.

        It counts when it says so, or ends two at the same number. The second must have been opened after the first was
        ended: a relay that restarts ends many at once, which have come equally far.
        """
        if not mails:
            return
        if self._seen is None or self._seen[0] != mails:
            self._seen = (mails, now)
            if not _SAYS_SO.search(words):
                return
        elif opened < self._seen[1]:
            return
        self.most = mails

    def is_reached(self, mails: int) -> bool:
        """Return whether a connection that has delivered this many is better ended by us."""
        return self.most is not None and mails >= self.most
