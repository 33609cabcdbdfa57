"""News pages without a feed: by selectors, and by what they repeat. The seed's page in many mark-ups."""

import datetime as dt
import html
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import digest
from digest.collect.discover import feeds_announced
from digest.collect.page import Rules, check_rules, read_page
from digest.collect.rows import Reading

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2025, 11, 30, 9, tzinfo=dt.UTC)
URL = "https://news.example.com/senaste/"
SEED = Path(digest.__file__).parents[2] / "shared" / "seed" / "senaste-nytt.json"

NAV = '<nav><ul><li><a href="/">Hem</a></li><li><a href="/om">Om oss och våra tidningar</a></li></ul></nav>'
FOOT = (
    '<footer><ul><li><a href="/kontakt">Kontakta redaktionen</a></li><li><a href="/annons">Annonsera hos oss här</a>'
    "</li></ul><p>© 2025 Tidningen AB</p></footer>"
)


@cache
def seed() -> dict[str, Any]:
    if not SEED.exists():
        pytest.skip("the seed is not beside this checkout")
    return dict(json.loads(SEED.read_text(encoding="utf-8")))


def esc(text: str) -> str:
    return html.escape(text)


def link(title: str) -> str:
    return f'<a href="/nyheter/{re.sub("[^a-z0-9]+", "-", title.lower())}">{esc(title)}</a>'


def lead(
    around: str = "{title}{subtitle}{lead}{body}", *, tag: str = "p", subtitle: str = "h3", title: str = "h2"
) -> str:
    said = seed()["lead_article"]
    return around.format(
        title=f"<{title}>{esc(said['title'])}</{title}>",
        subtitle=f"<{subtitle}>{esc(said['subtitle'])}</{subtitle}>",
        lead=f"<{tag}>{esc(said['lead'])}</{tag}>",
        body="".join(f"<{tag}>{esc(paragraph)}</{tag}>" for paragraph in said["body"]),
    )


def days(day: Callable[[str, list[str]], str]) -> str:
    return "".join(day(one["date"], one["headlines"]) for one in seed()["latest"])


def each(around: str, headlines: list[str], **more: str) -> str:
    return "".join(around.format(link=link(h), title=esc(h), **more) for h in headlines)


def in_swedish(date: str) -> str:
    return f"{int(date[8:])} november 2025"


NAME = "<h1>Senaste nytt</h1><p>- Nyheter inom industrivärlden</p>"
TITLE = "<title>Senaste nytt - Nyheter inom industrivärlden</title>"
LAYOUTS: dict[str, Callable[[], str]] = {
    "headings and lists": lambda: (
        f"<!DOCTYPE html><html lang=sv>{TITLE}<body>{NAV}<main>{NAME}<article>{lead()}</article><h2>SENASTE NYTT</h2>"
        + days(lambda date, h: f"<h3>{date}</h3><ul>{each('<li>{link}</li>', h)}</ul>")
        + f"</main>{FOOT}"
    ),
    "sections": lambda: (
        f"<title>Senaste nytt</title><article><header>{lead('{title}{subtitle}')}</header>"
        f"{lead('{lead}{body}')}</article>"
        + days(lambda date, h: f"<section><h2>Nyheter {date}</h2><p>{each('{link} | ', h)}</p></section>")
        + FOOT
    ),
    "a definition list in Swedish": lambda: (
        f"{lead(title='h1', subtitle='h2')}<dl>"
        + days(lambda date, h: f"<dt>{in_swedish(date)}</dt>{each('<dd>{link}</dd>', h)}")
        + f"</dl>{FOOT}"
    ),
    "a table of days": lambda: (
        f"{TITLE}{lead()}<table>"
        + days(lambda date, h: f"<tr><th>{date}</th><td>{each('{link}', h)}</td></tr>")
        + f"</table>{FOOT}"
    ),
    "a table of headlines": lambda: (
        f"{TITLE}<table><tr><td>{NAV}<td>{lead()}</table><table>"
        + days(lambda date, h: each("<tr><td>{date}</td><td>{link}</td></tr>", h, date=date))
        + f"</table>{FOOT}"
    ),
    "rows between dates": lambda: (
        f"{lead()}<table>"
        + days(lambda date, h: f"<tr><td colspan=2>{date}</td></tr>{each('<tr><td>•</td><td>{link}</td></tr>', h)}")
        + f"</table>{FOOT}"
    ),
    "dates after headlines": lambda: (
        f"{lead()}<ul>"
        + days(lambda date, h: each("<li>{link} <span>({date})</span></li>", h, date=date))
        + f"</ul>{FOOT}"
    ),
    "cards": lambda: (
        lead()
        + days(
            lambda date, h: each(
                '<div class="card n7"><time datetime="{date}">i dag</time><h3>{link}</h3><p>Mer.</p></div>',
                h,
                date=date,
            )
        )
        + FOOT
    ),
    "div soup": lambda: (
        f"<div>Senaste nytt</div><div>- Nyheter inom industrivärlden</div>"
        f"<div>{lead(tag='div', title='div', subtitle='div')}</div><div>SENASTE NYTT</div>"
        "<div>- Nyheter inom industrivärlden</div><div>"
        + days(lambda date, h: f"<div>{date}</div>{each('<div>{link}</div>', h)}")
        + '</div><div class=foot><a href="/k">Kontakta oss</a><a href="/o">Om oss på tidningen</a></div>'
    ),
    "lines": lambda: f"{lead()}<div>" + days(lambda date, h: f"<b>{date}</b><br>{each('{link}<br>', h)}") + "</div>",
    "nothing between headlines": lambda: (
        f"{NAME}{lead()}<div>" + days(lambda date, h: f"{date}<br>{each('{link}', h)}<br>") + "</div>"
    ),
    "headlines without links": lambda: (
        lead() + days(lambda date, h: f"<h3>{date}</h3><ul>{each('<li>{title}</li>', h)}</ul>") + FOOT
    ),
}


def read(page: str, rules: Rules | None = None) -> Reading:
    return read_page(page.encode(), rules, url=URL, charset=None, zone=STOCKHOLM, now=NOW)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_page_of_the_seed_gives_its_dates_headlines_and_lead_article(layout: str) -> None:
    reading = read(LAYOUTS[layout]())

    assert reading.problems == ()
    (story,) = (found.article for found in reading.found if found.article.published is None)
    said = seed()["lead_article"]
    assert (story.title, story.subtitle, story.lead) == (said["title"], said["subtitle"], said["lead"])
    assert all(esc(paragraph) in story.body for paragraph in said["body"])
    dated = {(str(f.article.published_on), f.article.title) for f in reading.found if f.article.published is not None}
    assert dated == {(day["date"], headline) for day in seed()["latest"] for headline in day["headlines"]}
    assert len(dated) == 25
    assert len({date for date, _ in dated}) == 5


def test_links_of_the_page_are_absolute_and_its_own_are_left_out() -> None:
    reading = read(LAYOUTS["headings and lists"]())
    links = {found.article.url for found in reading.found} - {None}

    assert "https://news.example.com/nyheter/luftrenare" in links
    assert not {link for link in links if link and "/nyheter/" not in link}


def test_page_without_dates_gives_the_longest_list_of_links_alike() -> None:
    titles = [f"En rubrik om industrin nummer {n}" for n in range(6)]
    reading = read(f"{NAV}<ul>{each('<li>{link}</li>', titles)}</ul>{FOOT}")

    assert [found.article.title for found in reading.found] == titles


def test_page_with_nothing_to_find_says_so() -> None:
    assert read("<p>Under ombyggnad.</p>").notes == ("nothing on the page is like a list of articles",)


BLOG = """<base href="https://blog.example.com/"><h2 class=day>30 november 2025</h2>
<div class=post><h3><a href="a?utm_source=x">Ett</a></h3><p class=intro>Ingress.</p><img data-src="/a.jpg"></div>
<h2 class=day>28 november 2025</h2>
<div class=post><h3>Två</h3><time datetime="2025-11-27T08:00">i går</time><a class=more href="b">Läs mer</a></div>"""


def test_selectors_say_where_everything_is() -> None:
    rules = Rules(item=".post", title="h3", link="a", date=".day, time", lead=".intro", image="img@data-src")
    one, two = (found.article for found in read(BLOG, rules).found)

    assert (one.title, one.url, one.lead) == ("Ett", "https://blog.example.com/a", "Ingress.")
    assert (one.published_on, one.image) == (dt.date(2025, 11, 30), "https://blog.example.com/a.jpg")
    assert (two.title, two.url) == ("Två", "https://blog.example.com/b")
    assert two.published == dt.datetime(2025, 11, 27, 7, tzinfo=dt.UTC)


def test_selector_that_matches_nothing_is_named() -> None:
    assert read(BLOG, Rules(item=".artikel")).notes == (
        "nothing on the page matches '.artikel'; its mark-up may have changed",
    )


def test_selectors_are_checked() -> None:
    assert check_rules(Rules(item="div.post > h3", date="time@datetime")) is None
    assert "title: 'h3[' is no CSS selector" in (check_rules(Rules(item="p", title="h3[")) or "")


def test_feeds_of_a_page_are_found_those_of_comments_last() -> None:
    page = """<head><link rel="alternate" type="application/rss+xml" title="Kommentarer" href="/comments/feed">
        <link rel="alternate stylesheet" href="x.css"><link rel="alternate" hreflang="en" href="/en">
        <link rel="Alternate" type="application/atom+xml; charset=utf-8" href="atom.xml"></head>"""

    assert feeds_announced(page.encode(), URL) == [
        "https://news.example.com/senaste/atom.xml",
        "https://news.example.com/comments/feed",
    ]


def test_feeds_that_are_only_linked_to_are_found_where_none_is_announced() -> None:
    page = '<p><a href="/nyheter">Nyheter</a> <a href="/nyheter/rss.xml">RSS</a> <a href="javascript:x/feed">x</a></p>'

    assert feeds_announced(page.encode(), URL) == ["https://news.example.com/nyheter/rss.xml"]
