"""What a source brings just now, shown before anything of it is kept."""

from typing import TYPE_CHECKING, Any

from digest.cli import show
from digest.cli.show import several

if TYPE_CHECKING:
    from digest.collect.rows import Found, Reading

FIRST = 5  #: items that are shown


def say_brought(title: str, reading: "Reading") -> None:
    """Show on stderr what an address brings: stdout is for the block alone, so that it can go into a file."""
    show.say(f"{show.printable(title)}: {several(len(reading.found), 'article')}")
    for one in reading.found[:FIRST]:
        show.say(f"  {_day(one):10}  {show.printable(one.article.title)}")
    if len(reading.found) > FIRST:
        show.say(f"  and {len(reading.found) - FIRST:,} more")
    _say_rest(reading)


def show_brought(title: str, reading: "Reading") -> None:
    show.say(f"{show.printable(title)}: {several(len(reading.found), 'article')}")
    rows = [(_day(one), one.article.title, one.article.url or "") for one in reading.found[:FIRST]]
    if rows:
        show.table(("published", "title", "url"), rows)
    _say_rest(reading)


def _say_rest(reading: "Reading") -> None:
    if reading.follow:
        show.say(f"it is an index of {several(len(reading.follow), 'sitemap')}")
    for problem in reading.problems:
        show.say(f"{show.printable(problem.where)}: {show.printable(problem.reason)}")
    for note in reading.notes:
        show.say(show.printable(note))


def _published(one: "Found") -> str | None:
    at = one.article.published_on or one.article.published
    return at.isoformat() if at else None


def _day(one: "Found") -> str:
    """Return the date an article is of, as its own zone has it."""
    at = one.article.published_on or one.article.published
    return f"{at:%Y-%m-%d}" if at else ""


def brought_json(reading: "Reading") -> dict[str, Any]:
    items = [
        {
            "title": one.article.title,
            "url": one.article.url,
            "published": _published(one),
        }
        for one in reading.found
    ]
    problems = [{"where": one.where, "reason": one.reason} for one in reading.problems]
    return {"found": len(items) + len(problems), "items": items, "problems": problems, "notes": list(reading.notes)}
