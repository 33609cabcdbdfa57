"""What a site asks of programs that read its pages (RFC 9309). Decides only."""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

LARGEST = 500 * 1024  #: bytes that are read (RFC 9309, 2.5: at least 500 KiB)
TOKEN = "digest"  # noqa: S105  our name in it, the beginning of our User-Agent (2.2.1)
_UNRESERVED = re.compile(rb"%[0-9A-Fa-f]{2}")


@dataclass(frozen=True)
class Rules:
    """The rules for us: what is allowed or not, by the beginnings of paths."""

    rules: tuple[tuple[str, bool], ...] = ()  #: path and whether it is allowed

    def allow(self, url: str) -> bool:
        """Return whether a page may be fetched: the longest rule that fits decides, of two the milder."""
        parts = urlsplit(url)
        path = _normal((parts.path or "/") + (f"?{parts.query}" if parts.query else ""))
        if path == "/robots.txt":
            return True
        fitting = [(len(rule), allowed) for rule, allowed in self.rules if _fits(rule, path)]
        return max(fitting, default=(0, True))[1]


NOTHING_ALLOWED = Rules((("/", False),))


def read_robots(data: bytes) -> Rules:
    """Return the rules for us: those of all groups that name us, else of those for everybody (2.2.1)."""
    ours: list[tuple[str, bool]] = []
    everybody: list[tuple[str, bool]] = []
    is_named = False
    agents: list[str] = []
    in_agents = False
    text = data[:LARGEST].decode("utf-8-sig", errors="replace")
    for line in re.split(r"\r\n|\r|\n", text):
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            agents = [*(agents if in_agents else []), _product(value)]
            in_agents = True
            is_named = is_named or TOKEN in agents
        elif key in ("allow", "disallow"):
            in_agents = False
            rule = (_normal(value), key == "allow")
            if value and TOKEN in agents:
                ours.append(rule)
            if value and "*" in agents:
                everybody.append(rule)
    return Rules(tuple(ours if is_named else everybody))


def _product(value: str) -> str:
    found = re.match(r"\*|[A-Za-z_-]+", value)
    return found[0].lower() if found else ""


def _normal(path: str) -> str:
    """Return a path with the escapes that change nothing undone, and what must be escaped escaped (2.2.2)."""

    def undone(found: re.Match[bytes]) -> bytes:
        char = bytes.fromhex(found[0][1:].decode())
        return char if char.isalnum() or char in b"-._~" else found[0].upper()

    escaped = quote(path, safe="!#$%&'()*+,/:;=?@[]~-._").encode()
    return _UNRESERVED.sub(undone, escaped).decode("ascii", errors="replace")


def _fits(rule: str, path: str) -> bool:
    """Return whether a path begins as a rule says; ``*`` is anything, ``$`` at the end is the end (2.2.3)."""
    is_whole = rule.endswith("$")
    first, *rest = rule.removesuffix("$").split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    for n, part in enumerate(rest):
        # The last part of a rule that names the end must stand there; the others as early as they can.
        if is_whole and n == len(rest) - 1:
            return len(path) - len(part) >= at and path.endswith(part)
        found = path.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return not is_whole or at == len(path)
