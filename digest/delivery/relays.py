"""DIGEST_RELAY_URL, read: where a relay is, how to log in, what it allows."""

import ipaddress
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, TypedDict
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

import idna

from digest.delivery.outcome import Relay
from digest.errors import ConfigError, nearest

#: Scheme and the port it has by itself; None: it must be said.
PORTS = {"smtp": 587, "smtps": 465, "smtp+plain": None}
SCHEMES = ("maildir", *PORTS)
SETTINGS = ("connections", "per_connection", "rate", "window")

_HOST = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?\.?")
# RFC 1918, RFC 4193 and link-local: networks that no stranger listens on. ipaddress.is_private means more than these.
_PRIVATE = tuple(
    ipaddress.ip_network(net)
    for net in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16", "fc00::/7", "fe80::/10")
)


@dataclass(frozen=True, slots=True)
class RelayAddress:
    """One relay of DIGEST_RELAY_URL. Its ``repr`` hides the password, its ``name`` holds no credentials at all."""

    scheme: str  #: maildir, smtp (STARTTLS required), smtps (TLS from the start), smtp+plain (none)
    host: str = ""  #: A-label or address without brackets; empty for the outbox
    port: int = 0
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    connections: int | None = None  #: most to keep open
    per_connection: int | None = None  #: most mails over one
    rate: str | None = None  #: "14/s", as written
    window: int | None = None  #: most mails in flight over one connection, where it offers CHUNKING (RFC 3030)
    path: str | None = None  #: of the outbox, relative to the project folder

    @property
    def is_outbox(self) -> bool:
        return self.scheme == "maildir"

    @property
    def name(self) -> str:
        """``mail.example.com:587`` or ``outbox``."""
        if self.is_outbox:
            return "outbox"
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether its mail does not leave this machine by the relay's address."""
        if self.host == "localhost" or self.host.endswith(".localhost"):  # RFC 6761 6.3
            return True
        return (ip := _ip(self.host)) is not None and ip.is_loopback


class RelayUrlError(ConfigError):
    """A relay URL that cannot be used; the message never repeats what could be a password."""


def parse_relays(text: str) -> tuple[RelayAddress, ...]:
    """Return the relays of a DIGEST_RELAY_URL, which blanks separate, in their order; raises ``ConfigError``."""
    addresses = tuple(parse_relay(url) for url in text.split())
    if not addresses:
        raise RelayUrlError("the relay URL is empty; write maildir:outbox or smtp://user:password@host:587")
    if len(addresses) > 1 and any(address.is_outbox for address in addresses):
        # Sharing the load with a folder would rehearse some readers' letters and mail the others'.
        raise RelayUrlError("maildir: stands alone in the relay URL; take it or the other relays out")
    return addresses


def parse_relay(url: str) -> RelayAddress:
    """Return the one relay that a URL describes; raises ``ConfigError``.

    ``maildir:outbox``, ``smtp://user:pw@host:587``, ``smtps://host:465`` or ``smtp+plain://127.0.0.1:2525``, each with
    ``?connections=3&per_connection=100&rate=14/s&window=4``. User, password and path are percent-decoded.
    """
    try:
        parts = urlsplit(url)
    except ValueError:  # its text repeats the URL, password and all
        _unreadable()
    if parts.scheme not in SCHEMES:
        hint = nearest(parts.scheme, SCHEMES)
        raise RelayUrlError(f"a relay URL begins with {', '.join(SCHEMES)}, not with {parts.scheme!r}{hint}")
    return _outbox(parts) if parts.scheme == "maildir" else _server(parts)


def relay_for(address: RelayAddress, folder: Path, connections: int = 10, token_command: str = "") -> Relay:
    """Return the relay at an address; ``folder`` is the project's, ``connections`` what counts without a setting.

    ``token_command``: DIGEST_RELAY_TOKEN_COMMAND, for a user without a password; with neither, ``ConfigError``.
    """
    most = address.connections or connections
    if address.is_outbox:
        from digest.delivery.outbox import Outbox

        return Outbox(folder / (address.path or "outbox"), most)
    from digest.delivery.login import TokenCommand  # here, since aiosmtplib takes 55 ms to import
    from digest.delivery.relay import SmtpRelay

    if address.user is None or address.password is not None:
        return SmtpRelay(address, most)
    if not token_command:
        raise RelayUrlError(
            f"the relay URL of {address.name} names a user and no password; add it, or set DIGEST_RELAY_TOKEN_COMMAND"
        )
    return SmtpRelay(address, most, tokens=TokenCommand(token_command, folder, address.user, address.host))


def _outbox(parts: SplitResult) -> RelayAddress:
    path = unquote(parts.path)
    if parts.netloc or not path:
        raise RelayUrlError("an outbox is written maildir:FOLDER, without slashes before a relative folder")
    return RelayAddress("maildir", path=path, **_settings(parts.query, "outbox"))


def _server(parts: SplitResult) -> RelayAddress:
    if "@" in parts.query or parts.path not in ("", "/") or parts.fragment:
        _unreadable()  # an unescaped / ? or # ended the credentials early: what follows may be half a password
    try:
        host, port = _host(unquote(parts.hostname or "")), parts.port
    except ValueError:
        _unreadable()
    port = PORTS[parts.scheme] if port is None else port
    if not port:
        raise RelayUrlError(f"the relay URL of {host} names no port; write {parts.scheme}://HOST:PORT")
    user, password = (unquote(part) if part else None for part in (parts.username, parts.password))
    address = RelayAddress(parts.scheme, host, port, user, password, **_settings(parts.query, f"{host}:{port}"))
    if parts.scheme == "smtp+plain" and not (address.is_loopback or _is_private(host)):
        raise RelayUrlError(
            f"smtp+plain:// sends mail unencrypted and is for loopback and private addresses only, not {address.name}; "
            "use smtp:// (STARTTLS) or smtps://, or write the private address in numbers"
        )
    return address


class _Settings(TypedDict):
    connections: int | None
    per_connection: int | None
    window: int | None
    rate: str | None


def _settings(query: str, relay: str) -> _Settings:
    given = dict(parse_qsl(query, keep_blank_values=True))
    for key in given:
        if key not in SETTINGS:
            raise RelayUrlError(
                f"relay {relay}: no setting {key!r}{nearest(key, SETTINGS)}; there are {', '.join(SETTINGS)}"
            )
    return {
        "connections": _count(given, "connections", relay),
        "per_connection": _count(given, "per_connection", relay),
        "window": _count(given, "window", relay),
        "rate": given.get("rate") or None,
    }


def _count(given: dict[str, str], key: str, relay: str) -> int | None:
    value = given.get(key)
    if value is None:
        return None
    if not re.fullmatch("[1-9][0-9]{0,5}", value):
        raise RelayUrlError(f"relay {relay}: {key} is a number from 1 up, not {value!r}")
    return int(value)


def _host(host: str) -> str:
    """Return the host as an address in its short form or as an A-label; ``ValueError`` where it is neither."""
    if ip := _ip(host):
        return str(ip)
    if not host.isascii():
        host = idna.encode(host, uts46=True).decode("ascii")  # RFC 5890 2.3.2.1
    if not _HOST.fullmatch(host):
        raise ValueError("no host")
    return host.lower()


def _ip(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_private(host: str) -> bool:
    ip = _ip(host)
    return ip is not None and any(ip in network for network in _PRIVATE)


def _unreadable() -> NoReturn:
    raise RelayUrlError(
        "cannot read host and port of the relay URL; write smtp://user:password@host:587, "
        "with everything but letters and digits in user and password percent-encoded (/ is %2F, @ is %40)"
    ) from None
