"""Every signed token of the house, in formats that are for ever.

A token is 28 bytes: purpose (1), key id (1), two numbers of five bytes each, and the first 16 bytes of an
HMAC-SHA256 over the installation's uid and those twelve bytes.  It is written as 38 characters of base64url in
links and Message-IDs, and as 45 characters of lower-case base32 in return paths, where case does not survive
(RFC 5321, 2.4).  Each token has one spelling: the bits left over in its last character must be nought, so that a
re-spelled token is no token.  Numbers mean what the purpose says; a token of one purpose is worthless for another.
"""

import base64
import binascii
import enum
import hashlib
import hmac
from collections.abc import Sequence
from dataclasses import dataclass

from digest.errors import ConfigError, DigestError

NUMBER = 5  #: bytes of a number: 2**40 readers, editions, articles
HEAD = 2 + 2 * NUMBER
MAC = 16
LENGTH = 38  #: characters of a token in a link
RETURN_PATH_LENGTH = 45  #: characters of a token in a return path; with "bounce+" well within 64 (RFC 5321, 4.5.3.1.1)
SHORTEST_KEY = 32

BLOCK = 64  #: bytes that SHA-256 takes at once
INNER, OUTER = (bytes(byte ^ pad for byte in range(256)) for pad in (0x36, 0x5C))  # RFC 2104, 2
URL_SAFE = bytes.maketrans(b"+/", b"-_")
BASE32 = "abcdefghijklmnopqrstuvwxyz234567"  # RFC 4648, 6, in small letters
BASE32_PAIRS = tuple(first + second for first in BASE32 for second in BASE32)
BASE32_SHIFTS = range(220, -1, -10)


class Purpose(enum.IntEnum):
    """What a token is good for. The numbers are in mailboxes and never change their meaning."""

    UNSUBSCRIBE = 1  #: edition, subscriber
    VIEW = 2  #: edition, subscriber
    RETURN_PATH = 3  #: edition, subscriber
    MESSAGE_ID = 4  #: edition, subscriber
    CONFIRM = 5
    CLICK = 6
    NOTICE = 7  #: Message-ID of a notice: its number, 0


class BadToken(DigestError):
    """Not a token of this installation, or not for this purpose. Says nothing more on purpose."""

    def __init__(self) -> None:
        super().__init__("not a valid token")


class NoSuchKey(ConfigError):
    """A key that something was signed with is not in DIGEST_SECRET_KEY."""

    def __init__(self, fingerprint: str) -> None:
        super().__init__(
            f"DIGEST_SECRET_KEY no longer holds the key {fingerprint}... that open editions are signed with; "
            "put it back behind the new one, separated by a blank"
        )
        self.fingerprint = fingerprint


@dataclass(frozen=True, slots=True)
class Key:
    """One secret key, known by its fingerprint (16 hex digits); ``id`` is the byte that stands in its tokens."""

    secret: bytes
    fingerprint: str
    id: int

    def __repr__(self) -> str:
        return f"Key({self.fingerprint})"


@dataclass(frozen=True, slots=True)
class Keyring:
    """The keys of an installation, newest first, bound to its uid: what signs and checks tokens."""

    installation: bytes
    keys: tuple[Key, ...]

    @property
    def newest(self) -> Key:
        """The key that new tokens are signed with."""
        return self.keys[0]

    def key(self, fingerprint: str) -> Key:
        """Return the key with this fingerprint; NoSuchKey when it is gone."""
        for key in self.keys:
            if key.fingerprint == fingerprint:
                return key
        raise NoSuchKey(fingerprint)


def read_key(secret: str) -> Key:
    """Return the key for one word of DIGEST_SECRET_KEY; ConfigError when it is too short to be safe."""
    if len(secret) < SHORTEST_KEY:
        raise ConfigError(
            f"DIGEST_SECRET_KEY has {len(secret)} characters, it needs {SHORTEST_KEY} or more; "
            "`digest init` makes a good one"
        )
    mark = hashlib.sha256(b"digest key fingerprint\0" + secret.encode()).digest()
    return Key(secret.encode(), mark[:8].hex(), mark[8])


class Series:
    """Tokens of one purpose that have their first number in common: what all of them begin with is hashed once."""

    def __init__(self, ring: Keyring, key: Key, purpose: Purpose, first: int) -> None:
        self._head = bytes((purpose, key.id)) + first.to_bytes(NUMBER, "big")
        # HMAC as RFC 2104, 2 puts it together: two hashes to copy cost two thirds of one object of the module hmac.
        secret = (key.secret if len(key.secret) <= BLOCK else hashlib.sha256(key.secret).digest()).ljust(BLOCK, b"\0")
        self._inner = hashlib.sha256(secret.translate(INNER) + ring.installation + self._head)
        self._outer = hashlib.sha256(secret.translate(OUTER))

    def sign(self, second: int) -> bytes:
        """Return the 28 bytes of a token; OverflowError for a number of more than 40 bits."""
        number, inner, outer = second.to_bytes(NUMBER, "big"), self._inner.copy(), self._outer.copy()
        inner.update(number)
        outer.update(inner.digest())
        return self._head + number + outer.digest()[:MAC]

    def make(self, second: int) -> str:
        """Return a token's 38 characters for a link or a Message-ID."""
        return spell(self.sign(second))

    def make_for_return_path(self, second: int) -> str:
        """Return a token's 45 lower-case characters for the local part of a return path."""
        # base64's own takes twice as long; 230 bits are 46 characters, and the last of them says nothing.
        bits = int.from_bytes(self.sign(second), "big") << 6
        return "".join([BASE32_PAIRS[bits >> shift & 1023] for shift in BASE32_SHIFTS])[:RETURN_PATH_LENGTH]


def sign(ring: Keyring, key: Key, purpose: Purpose, first: int, second: int) -> bytes:
    """Return the 28 bytes of a token; OverflowError for a number of more than 40 bits."""
    return Series(ring, key, purpose, first).sign(second)


def check(ring: Keyring, purpose: Purpose, raw: bytes) -> tuple[int, int]:
    """Return the two numbers of a token's bytes; BadToken unless one of our keys signed them for this purpose."""
    head, mac = raw[:HEAD], raw[HEAD:]
    # Every key is tried, so that the time says nothing about which one, or about the purpose.
    good = False
    for key in ring.keys:
        good |= hmac.compare_digest(_mac(key.secret, ring.installation, head), mac) and key.id == raw[1]
    if not good or head[0] != purpose:
        raise BadToken
    return int.from_bytes(head[2 : 2 + NUMBER], "big"), int.from_bytes(head[2 + NUMBER :], "big")


def make(ring: Keyring, key: Key, purpose: Purpose, first: int, second: int) -> str:
    """Return a token's 38 characters for a link or a Message-ID."""
    return spell(sign(ring, key, purpose, first, second))


def spell(raw: bytes) -> str:
    """Return a token's bytes as 38 characters of base64url."""
    return binascii.b2a_base64(raw, newline=False).translate(URL_SAFE)[:LENGTH].decode()


def read(ring: Keyring, purpose: Purpose, token: str) -> tuple[int, int]:
    """Return the two numbers of a link's token; BadToken for anything but its one spelling."""
    return check(ring, purpose, _unspell(token))


def make_for_return_path(ring: Keyring, key: Key, first: int, second: int) -> str:
    """Return a token's 45 lower-case characters for the local part of a return path."""
    return Series(ring, key, Purpose.RETURN_PATH, first).make_for_return_path(second)


def read_from_return_path(ring: Keyring, token: str) -> tuple[int, int]:
    """Return the two numbers of a return path's token, whatever case it came back in; else BadToken."""
    if len(token) != RETURN_PATH_LENGTH or not token.isascii():
        raise BadToken
    try:
        raw = base64.b32decode(token.upper() + "===")
    except binascii.Error:
        raise BadToken from None
    if base64.b32encode(raw).rstrip(b"=").decode() != token.upper():
        raise BadToken
    return check(ring, Purpose.RETURN_PATH, raw)


def keyring(installation: str, secrets: Sequence[str]) -> Keyring:
    """Return the ring for an installation's uid and its secret keys, newest first."""
    return Keyring(bytes.fromhex(installation), tuple(read_key(secret) for secret in secrets))


def _unspell(token: str) -> bytes:
    if len(token) != LENGTH or not token.isascii():
        raise BadToken
    try:
        raw = base64.urlsafe_b64decode(token + "==")
    except binascii.Error:
        raise BadToken from None
    if spell(raw) != token:  # blanks, the other alphabet, left-over bits: all of them another spelling
        raise BadToken
    return raw


def _mac(secret: bytes, installation: bytes, head: bytes) -> bytes:
    return hmac.digest(secret, installation + head, "sha256")[:MAC]
