"""Rules about an edition as a whole: whether it is one, who it is for, and when it goes."""

from collections.abc import Iterator, Mapping
from statistics import median

from digest.delivery.findings import Finding, Level, Rule, Subject
from digest.settings import shown


def _articles(subject: Subject) -> Iterator[Finding]:
    if not subject.articles:
        yield Finding("articles", Level.WARN, "nothing new: there is no article for this edition")


def _count(subject: Subject) -> Iterator[Finding]:
    """Far from the usual number, and unlike any of the last editions: a small newsletter has its ups and downs."""
    numbers = subject.newsletter.preflight
    counts = [one.articles for one in subject.earlier if one.articles]
    if len(counts) < numbers.count_editions or not subject.articles or subject.number > 1:
        return
    usual, times = median(counts), numbers.count_times
    words = f"{subject.articles} articles, and {usual:g} are usual"
    if subject.articles >= times * usual and subject.articles > max(counts):
        yield Finding("count", Level.WARN, f"{words}: see whether a source sends its archive; digest articles list")
    if subject.articles * times <= usual and subject.articles < min(counts):
        yield Finding("count", Level.WARN, f"{words}: see whether a source has stopped; digest articles list")


def _readers(subject: Subject) -> Iterator[Finding]:
    if not subject.readers:
        lists = ", ".join(subject.newsletter.lists)
        # An edition for nobody would use its articles up.
        message = f"nobody is confirmed on {lists}, or all have left; look with: digest subscribers list"
        yield Finding("readers", Level.HOLD, message, lists)


def _renamed(subject: Subject) -> Iterator[Finding]:
    if subject.gone and not subject.known:
        name, old = subject.newsletter.name, ", ".join(subject.gone)
        message = f'{name} is new and {old} is gone from digest.toml: if renamed, add formerly = "{subject.gone[0]}"'
        yield Finding("renamed", Level.HOLD, message, f"newsletters.{name}")


def _rehearsed(subject: Subject) -> Iterator[Finding]:
    if subject.network and subject.rehearsed:
        date = subject.rehearsed[-1].partition("/")[2]
        message = f"rehearsed but never mailed: {', '.join(subject.rehearsed)}; mail one with --date {date}"
        yield Finding("rehearsed", Level.WARN, message)


def _late(subject: Subject) -> Iterator[Finding]:
    if subject.late_by is not None:
        hours, minutes = divmod(int(subject.late_by.total_seconds()) // 60, 60)
        allowed = shown(subject.newsletter.send_before)
        message = f"its time was {hours} h {minutes:02} min ago, and send_before allows {allowed}"
        yield Finding("late", Level.HOLD, message, f"newsletters.{subject.newsletter.name}.send_before")


def _secrets(subject: Subject) -> Iterator[Finding]:
    if subject.exposed:
        yield Finding("secrets", Level.WARN, "other users of this machine can read .env: chmod 600 .env", ".env")


def _sections(subject: Subject) -> Iterator[Finding]:
    if subject.crowded:
        message = f"{subject.crowded:,} readers get more than they chose: sections are combined in too many ways for"
        yield Finding("sections", Level.WARN, f"{message} {len(subject.letters):,} letters")


RULES: Mapping[str, Rule] = {
    "articles": _articles,
    "count": _count,
    "readers": _readers,
    "sections": _sections,
    "renamed": _renamed,
    "rehearsed": _rehearsed,
    "late": _late,
    "secrets": _secrets,
}
