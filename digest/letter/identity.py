"""What is unique about one delivery: functions of installation, edition and reader, never stored."""

from digest import tokens
from digest.letter.stamp import Reader
from digest.letter.values import address_spec
from digest.models import Edition
from digest.tokens import Key, Keyring, Purpose


def key_of(ring: Keyring, edition: Edition) -> Key:
    """Return the key an edition's tokens were frozen with; NoSuchKey when it is gone."""
    return ring.key(edition.key)


def message_id(ring: Keyring, edition: Edition, subscriber_id: int) -> str:
    """Return a delivery's Message-ID, the same for every attempt (RFC 5322, 3.6.4)."""
    token = tokens.make(ring, key_of(ring, edition), Purpose.MESSAGE_ID, edition.id or 0, subscriber_id)
    return f"<{token}@{address_spec(edition.sender).rpartition('@')[2]}>"


def return_path(edition: Edition, token: str) -> str:
    """Return a delivery's envelope sender: the bounce address with a token in it, else From's address."""
    if edition.bounce_address is None:
        return edition.sender
    local, _, domain = edition.bounce_address.rpartition("@")
    return f"{local}+{token}@{domain}"


def reader_of(ring: Keyring, key: Key, edition: Edition, subscriber_id: int, address: str, name: str) -> Reader:
    """Return what a letter's slots are filled with for one reader."""
    number = edition.id or 0

    def token(purpose: Purpose) -> str:
        return tokens.make(ring, key, purpose, number, subscriber_id)

    bounces = edition.bounce_address is not None
    return Reader(
        address=address,
        name=name,
        message_id=token(Purpose.MESSAGE_ID),
        unsubscribe=token(Purpose.UNSUBSCRIBE),
        view=token(Purpose.VIEW),
        return_path=tokens.make_for_return_path(ring, key, number, subscriber_id) if bounces else "",
    )
