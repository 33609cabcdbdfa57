"""Mail addresses: read, told apart, and hashed."""

import hashlib
import hmac
import re
import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from digest.errors import DigestError
from digest.tables import REPLACED, shown

LONGEST = 254  #: bytes (RFC 5321, 4.5.3.1.3)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322, 3.2.3
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1035, 2.3.1
_PLAIN_LOCAL = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_PLAIN_DOMAIN = re.compile(rf"(?:{_LABEL}\.)+([A-Za-z]{{2,63}})")
#: Top-level domains that email-validator has rules of its own for; it is asked about them.
_SPECIAL = frozenset({"arpa", "invalid", "local", "localhost", "onion", "test"})


class Address(NamedTuple):
    """One mailbox: as it was given, and the key by which it is one person.

    The key is NFC and case-folded, its domain in A-labels (RFC 5891): ready for an envelope.
    """

    given: str
    key: str


class BadAddress(DigestError):
    """Text that is no mail address."""

    def __init__(self, text: str, reason: str) -> None:
        super().__init__(f"{shown(text)} is not a mail address: {reason}")
        self.text = text
        self.reason = reason


def read_address(text: str) -> Address:
    """Return the address in a cell, an argument or a form.

    It may stand as ``<a@b.se>``, ``Anna <a@b.se>`` or ``mailto:a@b.se``. Domains reserved for examples and tests
    (RFC 2606) are accepted; hosts without a dot are not. Raises BadAddress.
    """
    if is_plain(text):
        return Address(text, text.lower())
    given = unicodedata.normalize("NFC", _unwrapped(text.strip()).strip())
    return Address(given, given.lower()) if is_plain(given) else _read_by_the_rfcs(given)


def address_hash(key: str, pepper: bytes) -> bytes:
    """Return 16 bytes by which a store knows an address without keeping it; ``pepper`` is the installation's."""
    return hmac.digest(pepper, key.encode(), hashlib.sha256)[:16]


def hasher(pepper: bytes) -> Callable[[str], bytes]:
    """Return what hashes the keys of many addresses as address_hash does, in half the time (RFC 2104, 2)."""
    sha256 = hashlib.sha256
    block = (pepper if len(pepper) <= 64 else sha256(pepper).digest()).ljust(64, b"\0")
    inner, outer = bytes(byte ^ 0x36 for byte in block), bytes(byte ^ 0x5C for byte in block)

    def hash_of(key: str) -> bytes:
        return sha256(outer + sha256(inner + key.encode()).digest()).digest()[:16]

    return hash_of


def is_plain(text: str) -> bool:
    """Tell whether an address is so ordinary that it needs no library: what is true here email-validator accepts."""
    local, _, domain = text.rpartition("@")
    # 64: RFC 5321, 4.5.3.1.1
    if len(text) > LONGEST or len(local) > 64 or not _PLAIN_LOCAL.fullmatch(local):
        return False
    return _is_plain_domain(domain)


@lru_cache(maxsize=4096)
def _is_plain_domain(domain: str) -> bool:
    match = _PLAIN_DOMAIN.fullmatch(domain)
    # "xn--" and other labels with two hyphens there are IDNA's business (RFC 5891, 4.2.3.1).
    return match is not None and "--" not in domain and match[1].lower() not in _SPECIAL


def _unwrapped(text: str) -> str:
    if text[:7].lower() == "mailto:":
        return unquote(text[7:].partition("?")[0])  # RFC 6068, 2
    if text.endswith(">") and "<" in text:
        return text[text.rindex("<") + 1 : -1]
    return text


def _read_by_the_rfcs(given: str) -> Address:
    if not given:
        raise BadAddress(given, "it is empty")
    if len(given) > LONGEST:
        raise BadAddress(given, f"it is longer than {LONGEST} characters")
    if given.count("@") != 1:
        raise BadAddress(given, "it has no @" if "@" not in given else "it has more than one @")
    if REPLACED in given:
        raise BadAddress(given, "a character in it could not be read; save the file as UTF-8")
    # Costs 30 ms to import, and nearly all addresses do without.
    from email_validator import EmailNotValidError, validate_email

    try:
        # test_environment lets .test through; what it would let through besides, the bare "@test", has no dot.
        known = validate_email(given, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError as error:
        reason = str(error).rstrip(".")
        raise BadAddress(given, reason[:1].lower() + reason[1:]) from error
    if "." not in (known.ascii_domain or ""):
        raise BadAddress(given, "its domain has no dot")
    local = unicodedata.normalize("NFC", known.local_part.casefold())
    return Address(given, f"{local}@{known.ascii_domain}")
