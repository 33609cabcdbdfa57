"""Links of articles: which may be stored, and the one spelling by which an article is known again."""

import ipaddress
import re
import unicodedata
from urllib.parse import SplitResult, quote, urlsplit

#: Parameters that say how a reader came to a page, not which page it is. Compared in lower case.
TRACKING = frozenset().union(
    ("fbclid", "gclid", "gclsrc", "dclid", "gbraid", "wbraid", "msclkid", "yclid", "twclid", "ttclid", "li_fat_id"),
    ("igshid", "igsh", "mc_cid", "mc_eid", "_hsenc", "_hsmi", "mkt_tok", "vero_id", "oly_enc_id", "oly_anon_id"),
    ("_ga", "_gl", "pk_campaign", "pk_kwd", "srsltid", "epik", "dm_i", "s_cid", "_openstat", "cmpid", "ncid"),
    ("phpsessid", "jsessionid", "amp"),  # whose visit, and in which dress
)
_TRACKING_PREFIXES = ("utm_", "mtm_", "hsa_", "piwik_", "vero_", "wt.mc")
_SAFE = "!$&'()*+,;=:@/?-._~"  # RFC 3986, 2.2 and 2.3, without what ends a path or a query
_HOST = re.compile(r"[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_ESCAPE = re.compile(r"(%[0-9A-Fa-f]{2})")


def web_link(url: str) -> str | None:
    """Return an http or https address fit to be stored and linked to, spelled as given; None if it is not one."""
    url = unicodedata.normalize("NFC", url.strip().replace(" ", "%20"))
    if any(unicodedata.category(c)[0] in "CZ" for c in url):
        return None
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return None
    if parts.scheme not in ("http", "https") or port == 0 or "@" in parts.netloc or _host(parts) is None:
        return None
    return url


def canonical_link(url: str) -> str | None:
    """Return the one spelling of an article's address, by which it is known again; None if it is not http or https.

    http counts as https. Scheme and host in lower case, the host as IDNA A-labels, without its default port and final
    dot; no tracking parameters, the others in their order; escapes only where needed, in upper case (RFC 3986, 6.2.2);
    no slash at the end of a path but the root's; no fragment, unless it is a page's route (``#!/...``, ``#/...``).
    It may be longer than what was given.
    """
    link = web_link(url)
    if link is None:
        return None
    parts = urlsplit(link)
    default = {"http": 80, "https": 443}[parts.scheme]
    port = f":{parts.port}" if parts.port not in (None, default) else ""
    path = _normal(parts.path).rstrip("/") or "/"
    query = "&".join(_normal(p) for p in parts.query.split("&") if p and not _is_tracking(p))
    route = _normal(parts.fragment) if parts.fragment.startswith(("!", "/")) else ""
    return f"https://{_host(parts)}{port}{path}" + (query and f"?{query}") + (route and f"#{route}")


def without_tracking(url: str) -> str:
    """Return a link without the parameters that only say how a reader came; else spelled as given."""
    address, query, rest = url.partition("?")
    if not query:
        return url
    query, hash_sign, fragment = rest.partition("#")
    kept = [parameter for parameter in query.split("&") if not _is_tracking(parameter)]
    if len(kept) == query.count("&") + 1:
        return url
    return address + ("?" + "&".join(kept) if any(kept) else "") + hash_sign + fragment


def _host(parts: SplitResult) -> str | None:
    """Return a link's host in lower case, as A-labels (RFC 5891), None if no host can be called that."""
    host = (parts.hostname or "").removesuffix(".")
    if "[" in parts.netloc:
        try:
            return f"[{ipaddress.IPv6Address(host)}]"
        except ValueError:
            return None
    if not host.isascii() and len(host) <= 253:  # the library's time grows with the square of the length
        import idna

        try:
            host = idna.encode(host, uts46=True).decode("ascii")
        except idna.IDNAError:
            return None
    return host if _HOST.fullmatch(host) else None


def _normal(part: str) -> str:
    """Return part of a link with escapes only where they are needed, in upper case."""
    return "".join(_octet(p) if n % 2 else quote(p, safe=_SAFE) for n, p in enumerate(_ESCAPE.split(part)))


def _octet(escape: str) -> str:
    char = chr(int(escape[1:], 16))
    return char if char.isascii() and (char.isalnum() or char in "-._~") else escape.upper()


def _is_tracking(parameter: str) -> bool:
    name = parameter.partition("=")[0].lower()
    return name in TRACKING or name.startswith(_TRACKING_PREFIXES)
