"""Which addresses may be fetched: what a source names must not lead into our own network (SSRF). Decides only."""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

PORTS = {"http": 80, "https": 443}
#: Prefixes of IPv6 that carry an IPv4 address which is the one that answers in the end.
MAPPED = ipaddress.ip_network("::ffff:0:0/96")
COMPATIBLE = ipaddress.ip_network("::/96")
NAT64 = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052, 2.1
SIX_TO_FOUR = ipaddress.ip_network("2002::/16")  # RFC 3056
#: Where clouds answer a machine of theirs with its secrets, outside of what is link-local: Azure, Oracle, AWS, Alibaba.
METADATA = frozenset(map(ipaddress.ip_address, ("168.63.129.16", "192.0.0.192", "fd00:ec2::254", "100.100.100.200")))
#: Numbers as inet_aton and browsers read them: 2130706433, 0x7f.1, 017700000001.
NUMBER = re.compile(r"(0x[0-9a-f]*|[0-9]+)", re.IGNORECASE)


class Refused(ValueError):
    """An address that is not fetched, with the reason."""


def check_url(url: str, *, private: bool) -> SplitResult:
    """Return the parts of an address that may be asked for; Refused says why not.

    http and https only, on their own ports, but for a source in a private network.
    """
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise Refused("it is no address of the web") from None
    if parts.scheme not in PORTS:
        raise Refused(f"{parts.scheme or 'what is no address'}: is not fetched, only http and https")
    # A backslash ends a host for some programs and not for others.
    if not host or port == 0 or "\\" in url or re.search(r"[\s<>^|%]", host):
        raise Refused("it names no host")
    if port not in (None, *PORTS.values()) and not private:
        raise Refused(f"port {port} is fetched only from a source with private = true")
    return parts


def numeric(host: str) -> Address | None:
    """Return the address that a host spells out, in whatever notation systems take for one; Refused for half of one."""
    name = host.strip("[]").partition("%")[0].removesuffix(".")
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        pass
    parts = name.split(".")
    if not NUMBER.fullmatch(parts[-1]):
        return None
    # WHATWG URL, 3.5: a host that ends in a number is an IPv4 address or nothing.
    try:
        *first, last = [_number(part) for part in parts]
    except ValueError:
        raise Refused(f"{host} is no address") from None
    if len(first) > 3 or any(part > 255 for part in first) or last >= 256 ** (4 - len(first)):
        raise Refused(f"{host} is no address")
    value = last + sum(part << (24 - 8 * n) for n, part in enumerate(first))
    return ipaddress.IPv4Address(value)


def _number(text: str) -> int:
    if not NUMBER.fullmatch(text):
        raise ValueError(text)
    if text[:2].lower() == "0x":
        return int(text[2:] or "0", 16)
    return int(text, 8) if len(text) > 1 and text.startswith("0") else int(text)


def check_address(address: Address, *, private: bool) -> None:
    """Raise Refused unless an address may be connected to.

    ``private`` lets in the networks of an organisation and this machine, never what no server has: link-local
    addresses, where clouds keep their metadata, multicast, unspecified and reserved ones.
    """
    real = embedded(address)
    if real.is_link_local or real.is_multicast or real.is_unspecified or _is_reserved(real) or real in METADATA:
        raise Refused(f"{real} is no address of a server")
    if not real.is_global and not private:
        raise Refused(f"{real} is in a private network; if the source really is there, write private = true")


def embedded(address: Address) -> Address:
    """Return the IPv4 address that an IPv6 address carries, else the address itself."""
    if isinstance(address, ipaddress.IPv4Address):
        return address
    if address.is_loopback or address.is_unspecified:
        return address
    if any(address in network for network in (MAPPED, COMPATIBLE, NAT64)):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    if address in SIX_TO_FOUR:
        return ipaddress.IPv4Address((int(address) >> 80) & 0xFFFFFFFF)
    return address


def _is_reserved(address: Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return address.is_reserved or int(address) < 1 << 24  # 0.0.0.0/8 is this machine on many systems
    # A part of ::1's neighbourhood is reserved for Python; loopback is a matter of private.
    return (address.is_reserved and not address.is_loopback) or address.is_site_local


def without_user(url: str) -> str:
    """Return an address as it may be shown and stored: without a user and password."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return "an address that cannot be read"
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
