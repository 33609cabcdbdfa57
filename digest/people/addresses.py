"""Mail addresses: read, told apart, and hashed."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass
from urllib.parse import unquote

from digest.errors import DigestError
from digest.tables import REPLACED, shown

LONGEST = 254  #: bytes (RFC 5321, 4.5.3.1.3)
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"  # RFC 5322, 3.2.3
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"  # RFC 1035, 2.3.1
_PLAIN = re.compile(rf"({_ATOM}(?:\.{_ATOM})*)@(?:{_LABEL}\.)+([A-Za-z]{{2,63}})")
#: Top-level domains that email-validator has rules of its own for; it is asked about them.
_SPECIAL = frozenset({"arpa", "invalid", "local", "localhost", "onion", "test"})


@dataclass(frozen=True, slots=True)
class Address:
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


def is_plain(text: str) -> bool:
    """Tell whether an address is so ordinary that it needs no library: what is true here email-validator accepts."""
    match = _PLAIN.fullmatch(text) if len(text) <= LONGEST else None
    if match is None or len(match[1]) > 64:  # RFC 5321, 4.5.3.1.1
        return False
    # "xn--" and other labels with two hyphens there are IDNA's business (RFC 5891, 4.2.3.1).
    return "--" not in text[match.end(1) :] and match[2].lower() not in _SPECIAL


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
