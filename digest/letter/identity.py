"""What is unique about one delivery: functions of installation, edition and reader, never stored."""

from digest import tokens
from digest.letter.stamp import Reader
from digest.letter.values import address_spec
from digest.models import Edition
from digest.tokens import Key, Keyring, Purpose, Series


def key_of(ring: Keyring, edition: Edition) -> Key:
    """Return the key an edition's tokens were frozen with; NoSuchKey when it is gone."""
    return ring.key(edition.key)


def message_id(ring: Keyring, edition: Edition, subscriber_id: int) -> str:
    """Return a delivery's Message-ID, the same for every attempt (RFC 5322, 3.6.4)."""
    token = tokens.make(ring, key_of(ring, edition), Purpose.MESSAGE_ID, edition.id or 0, subscriber_id)
    return f"<{token}@{address_spec(edition.sender).rpartition('@')[2]}>"


class Identity:
    """What is unique about each delivery of an edition; what its tokens have in common is hashed once. Any thread's."""

    def __init__(self, ring: Keyring, edition: Edition) -> None:
        key, number = key_of(ring, edition), edition.id or 0
        self._message_id = Series(ring, key, Purpose.MESSAGE_ID, number)
        self._unsubscribe = Series(ring, key, Purpose.UNSUBSCRIBE, number)
        self._view = Series(ring, key, Purpose.VIEW, number)
        self._return_path = Series(ring, key, Purpose.RETURN_PATH, number) if edition.bounce_address else None
        self._local, _, self._domain = (edition.bounce_address or "").rpartition("@")
        self._sender = edition.sender

    def reader(self, subscriber_id: int, address: str, name: str) -> Reader:
        """Return what a letter's slots are filled with for one reader."""
        return Reader(
            address, name, self._message_id.make(subscriber_id), self._unsubscribe.make(subscriber_id),
            self._view.make(subscriber_id),
            self._return_path.make_for_return_path(subscriber_id) if self._return_path else "",
        )  # fmt: skip

    def return_path(self, reader: Reader) -> str:
        """Return the envelope sender: the bounce address with the reader's token in it, else From's address."""
        return f"{self._local}+{reader.return_path}@{self._domain}" if reader.return_path else self._sender
