"""Rules about who sends: what mailbox providers ask of a sender. They look at real mail only.

Nothing is asked of DNS here: what it says of SPF, DMARC and the relay's name is looked at where there is time to wait.
"""

import re
from collections.abc import Iterator, Mapping

from digest.delivery.findings import Finding, Level, Rule, Subject

#: RFC 2606, 2 and 3, RFC 6761 and RFC 6762: names that lead nowhere in the net.
NOWHERE = (".example", ".invalid", ".test", ".local", ".localhost", ".internal", ".lan")
#: Mail from a mailbox provider's domain is theirs alone: through anybody else it is refused or filed as spam, by the
#: provider's DMARC record or by name. With the hosts that may send it.
FREE_MAIL = {
    "gmail": ("gmail.com", "google.com"),
    "googlemail": ("gmail.com", "google.com"),
    "yahoo": ("yahoo.com",),
    "ymail": ("yahoo.com",),
    "aol": ("aol.com",),
    "outlook": ("outlook.com", "office365.com"),
    "hotmail": ("outlook.com", "office365.com"),
    "live": ("outlook.com", "office365.com"),
    "msn": ("outlook.com", "office365.com"),
    "icloud": ("me.com",),
    "me": ("me.com",),
    "mac": ("me.com",),
    "gmx": ("gmx.net", "gmx.com"),
    "proton": ("proton.me", "protonmail.ch"),
    "protonmail": ("proton.me", "protonmail.ch"),
}
#: The providers of several countries; of the others only .com is theirs (and gmx.net, proton.me).
EVERYWHERE = {"yahoo", "hotmail", "outlook", "live", "gmx"}
#: Gmail, Yahoo and Outlook.com call whoever mails so many of their readers a day a bulk sender.
BULK = 5_000
ONE_CLICK = b"\r\nlist-unsubscribe-post: list-unsubscribe=one-click\r\n"
UNSUBSCRIBE = re.compile(rb"\r\nlist-unsubscribe:(?:[^\r]|\r\n[ \t])*<https://")
SECOND_LEVEL = {"ac", "co", "com", "edu", "gov", "net", "or", "org"}


def _postal_address(subject: Subject) -> Iterator[Finding]:
    if not subject.newsletter.postal_address:
        # CAN-SPAM 15 U.S.C. 7704(a)(5) and its like elsewhere ask for it; a rehearsal harms nobody.
        level = Level.HOLD if subject.network else Level.WARN
        where = f"newsletters.{subject.newsletter.name}"
        yield Finding("postal_address", level, "the law of most readers wants a postal address: add one", where)


def _sender(subject: Subject) -> Iterator[Finding]:
    if not subject.network:
        return
    domain, where = _domain(subject), f"newsletters.{subject.newsletter.name}.from"
    if f".{domain}".endswith(NOWHERE) or domain.startswith("example.") or "." not in domain:
        yield Finding("sender", Level.HOLD, f"{domain} is an example domain: relays refuse it; write your own", where)
    elif not all(_may_send(domain, host) for host in subject.relays):
        message = f"{domain} is its provider's: no other relay may send from it; write an address of your own domain"
        yield Finding("sender", Level.HOLD, message, where)


def _base_url(subject: Subject) -> Iterator[Finding]:
    if subject.network and not subject.base_url.startswith("https://"):
        # RFC 8058, 3.1: the URI of a one-click unsubscribe is https.
        message = f"{subject.base_url} is not https: readers could not leave with one click; set base_url"
        yield Finding("base_url", Level.HOLD, message, "digest.toml")
    elif subject.network and subject.unreachable:
        yield Finding("base_url", Level.HOLD, subject.unreachable, "digest.toml")


def _one_click(subject: Subject) -> Iterator[Finding]:
    """RFC 8058, 3.1: both fields, by https. Without https base_url holds, and says why."""
    for letter in subject.letters if subject.network and subject.base_url.startswith("https://") else ():
        head = b"\r\n" + letter.mail.partition(b"\r\n\r\n")[0].lower() + b"\r\n"
        if ONE_CLICK not in head or not UNSUBSCRIBE.search(head):
            message = "List-Unsubscribe by https or List-Unsubscribe-Post is missing: nobody can leave with one click"
            yield Finding("one_click", Level.HOLD, message, letter.language)


def _dkim(subject: Subject) -> Iterator[Finding]:
    # A key that cannot sign has stopped us before; without any the relay signs, or nobody.
    yield from (Finding("dkim", Level.WARN, words, "domains") for words in subject.dkim)
    if subject.network and not subject.signed and not subject.dkim and subject.readers >= BULK:
        message = (
            f"providers want mail of {BULK:,} letters a day signed, and digest has no key for {_domain(subject)}: "
            'add one, or see that the relay signs for it and write dkim = "off"'
        )
        yield Finding("dkim", Level.WARN, message, "domains")


def _alignment(subject: Subject) -> Iterator[Finding]:
    """DMARC wants From's domain in the signature or in the return path (RFC 7489, 3.1)."""
    if not subject.network or subject.signed or not subject.bounce_address:
        return
    returns = subject.bounce_address.rpartition("@")[2].lower()
    if _organisation(returns) != _organisation(_domain(subject)):
        message = (
            f"return paths are at {returns}, From is at {_domain(subject)}, and no DKIM key of it signs: DMARC finds "
            "nothing of From's domain; add a key, or set DIGEST_BOUNCE_ADDRESS there"
        )
        yield Finding("alignment", Level.WARN, message, f"newsletters.{subject.newsletter.name}.from")


def _domain(subject: Subject) -> str:
    return subject.newsletter.sender[1].rpartition("@")[2].lower()


def _may_send(domain: str, host: str) -> bool:
    name, _, rest = domain.partition(".")
    is_theirs = name in FREE_MAIL and (rest == "com" or name in EVERYWHERE or domain in ("proton.me", "protonmail.ch"))
    return not is_theirs or f".{host}".endswith(tuple(f".{own}" for own in FREE_MAIL[name]))


def _organisation(domain: str) -> str:
    """Return about the name that an organisation has registered: two labels, three under .co.uk and its like."""
    labels = domain.split(".")
    return ".".join(labels[-3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in SECOND_LEVEL else -2 :])


RULES: Mapping[str, Rule] = {
    "postal_address": _postal_address,
    "sender": _sender,
    "base_url": _base_url,
    "one_click": _one_click,
    "dkim": _dkim,
    "alignment": _alignment,
}
#: What providers ask; the postal address is the law's.
OF_PROVIDERS = frozenset(RULES) - {"postal_address"}
