"""Rules about the finished letters: their subject, size, links and pictures."""

from collections.abc import Iterable, Iterator, Mapping

from digest.collect.document import tree_of
from digest.delivery.findings import Finding, Level, Rule, Subject, quoted
from digest.delivery.headlines import letters
from digest.letter.slots import UNSUBSCRIBE
from digest.models import Letter

WEB = ("http://", "https://")
FEW = 3  #: links that may all be dead by themselves; of more the way to them is to blame


def pictures(letters: Iterable[Letter]) -> list[str]:
    """Return the addresses of the letters' pictures, each once."""
    return _addresses(letters, "img", "src")


def links(letters: Iterable[Letter], base_url: str) -> list[str]:
    """Return where the letters' links lead, each once, but for those to ourselves."""
    return [url for url in _addresses(letters, "a", "href") if not f"{url}/".startswith(f"{base_url}/")]


def _addresses(letters: Iterable[Letter], tag: str, attribute: str) -> list[str]:
    said = ((element.get(attribute) or "").strip() for letter in letters for element in tree_of(letter.html).iter(tag))
    return list(dict.fromkeys(url for url in said if url.lower().startswith(WEB)))


def _subject(subject: Subject) -> Iterator[Finding]:
    most = subject.newsletter.preflight.subject_characters
    for letter in subject.letters:
        if len(letter.subject) > most:
            message = f"{len(letter.subject)} characters, and mail programs show {most} at most: shorten the subject"
            yield Finding("subject", Level.WARN, message, letter.language)


def _same_subject(subject: Subject) -> Iterator[Finding]:
    if not subject.earlier:
        return
    last = subject.earlier[0]
    known = {letters(one) for one in last.subjects}
    for letter in subject.letters:
        if letters(letter.subject) in known:
            message = f"{quoted(letter.subject)} was the subject of {last.date} too: Gmail makes one thread of them"
            yield Finding("same_subject", Level.WARN, f"{message} and hides what is alike", letter.language)


def _html_size(subject: Subject) -> Iterator[Finding]:
    numbers = subject.newsletter.preflight
    for letter in subject.letters:
        size = len(letter.html.encode())
        if size > 1000 * numbers.html_warn_kb:
            level = Level.HOLD if size > 1000 * numbers.html_hold_kb else Level.WARN
            message = f"{size / 1000:.0f} kB of HTML: Gmail cuts letters at 102 kB"
            yield Finding("html_size", level, f"{message}; shorten the lead, or lower max_articles", letter.language)


def _alt_text(subject: Subject) -> Iterator[Finding]:
    for letter in subject.letters:
        without = sum(image.get("alt") is None for image in tree_of(letter.html).iter("img"))
        if without:
            which = "a picture has" if without == 1 else f"{without} pictures have"
            message = f'{which} no alternative text: give alt="..." in the design, alt="" for an ornament'
            yield Finding("alt_text", Level.WARN, message, f"{subject.newsletter.design}, {letter.language}")


def _unsubscribe(subject: Subject) -> Iterator[Finding]:
    slot = str(UNSUBSCRIBE).encode()
    for letter in subject.letters:
        _, _, body = letter.mail.partition(b"\r\n\r\n")
        text, _, html = body.partition(b"text/html")
        for part, content in (("text", text), ("HTML", html)):
            if slot not in content:
                message = f"the {part} part has no unsubscribe link: print unsubscribe_url in the design"
                yield Finding("unsubscribe", Level.HOLD, message, f"{subject.newsletter.design}, {letter.language}")


def _links(subject: Subject) -> Iterator[Finding]:
    """Of a link that has moved for a while only nothing is said: whoever moved it asks to keep the old one."""
    titles = {article.url: article.title for article in subject.layout.printed} if subject.layout else {}
    answers = subject.asked or {}
    if len(answers) >= FEW and all(asked.trouble for asked in answers.values()):
        first, asked = next(iter(answers.items()))
        message = f"none of {len(answers)} links leads anywhere ({asked.trouble}): is this machine on the network?"
        yield Finding("links", Level.WARN, message, first)
        return
    for url, asked in answers.items():
        about = f"{quoted(titles[url])}: " if url in titles else ""
        if asked.trouble:
            yield Finding("links", Level.WARN, f"{about}dead link: {asked.trouble}", url)
        elif asked.moved:
            yield Finding("links", Level.WARN, about + asked.moved, url)


def _pictures(subject: Subject) -> Iterator[Finding]:
    most = subject.newsletter.preflight.picture_kb
    asked = subject.asked or {}
    for url in pictures(subject.letters) if asked else ():
        size = asked[url].size if url in asked else None
        if size is not None and size > 1000 * most:
            message = f"{size / 1000:,.0f} kB, and {most} kB are plenty: make the picture smaller"
            yield Finding("pictures", Level.WARN, message, url)


RULES: Mapping[str, Rule] = {
    "subject": _subject,
    "same_subject": _same_subject,
    "html_size": _html_size,
    "alt_text": _alt_text,
    "unsubscribe": _unsubscribe,
    "links": _links,
    "pictures": _pictures,
}
