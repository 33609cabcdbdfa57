"""Builders: one of each kind with sensible defaults, so that a test says only what it is about."""

import datetime as dt
import json
from collections.abc import Sequence
from typing import Any
from zoneinfo import ZoneInfo

from digest.edition.layout import Day, Layout, lay_out
from digest.letter.frame import Frame
from digest.letter.stamp import Reader
from digest.models import Article, Placement, PlacementState
from digest.packaged import packaged
from digest.settings import NewsletterSettings

SUNDAY = dt.date(2025, 11, 30)
MORNING = dt.datetime(2025, 11, 30, 6, 30, tzinfo=ZoneInfo("Europe/Stockholm"))


def an_article(title: str = "Luftrenare", **values: Any) -> Article:
    """Return an article that is not stored."""
    defaults = {"url": "https://nytt.example.com/luftrenare", "first_seen": MORNING, "changed_at": MORNING}
    return Article(**{"title": title, **defaults, **values})


def a_newsletter(**values: Any) -> NewsletterSettings:
    """Return the sample newsletter, with other values where given (``from_`` for From)."""
    defaults = {
        "name": "senaste-nytt",
        "title": "Senaste nytt",
        "tagline": "Nyheter inom industrivärlden",
        "from_": "Senaste nytt <nytt@example.com>",
        "reply_to": "red@example.com",
        "postal_address": "Tidningen AB, Box 1, 111 11 Stockholm",
        "lists": ["industri"],
        "language": "sv",
        "timezone": "Europe/Stockholm",
    }
    return NewsletterSettings.model_validate({**defaults, **values})


def a_layout(lead: Article | None = None, *headlines: Article, folded: Sequence[Article] = ()) -> Layout:
    """Return an edition of the sample's Sunday: a lead story and headlines, all under that date."""
    days = (Day(SUNDAY, headlines),) if headlines else ()
    return Layout(SUNDAY, lead, days, tuple(folded))


def a_frame(**values: Any) -> Frame:
    """Return what stands around the sample's letter; values of the newsletter may be given beside its own."""
    defaults = {
        "list_id": "senaste-nytt.nytt.example.com",
        "base_url": "https://nytt.example.com",
        "bounce_address": "bounce@example.com",
        "date": MORNING,
        "list_titles": ("Industri",),
    }
    own = {name: values.pop(name) for name in list(values) if name in NewsletterSettings.model_fields}
    return Frame(**{"newsletter": a_newsletter(**own), **defaults, **values})


def a_reader(**values: str) -> Reader:
    """Return a reader with tokens of the right length that nobody signed."""
    defaults = {
        "address": "anna@example.com",
        "name": "Anna Öberg",
        "message_id": "m" * 38,
        "unsubscribe": "u" * 38,
        "view": "v" * 38,
        "return_path": "r" * 45,
    }
    return Reader(**{**defaults, **values})


def the_seed() -> Layout:
    """Return the sample's edition: 26 articles, five dates."""
    rows = json.loads((packaged("articles") / "senaste-nytt.json").read_text(encoding="utf-8"))
    articles = [
        an_article(
            row["title"],
            id=number,
            url=row["url"],
            subtitle=row.get("subtitle", ""),
            lead=row.get("lead", ""),
            published_on=dt.date.fromisoformat(row["published"]) if "published" in row else None,
        )
        for number, row in enumerate(rows, 1)
    ]
    placed = [
        (article, Placement(article_id=number, newsletter_id=1, state=PlacementState.WAITING, at=MORNING))
        for number, article in enumerate(articles, 1)
    ]
    return lay_out(placed, SUNDAY, ZoneInfo("Europe/Stockholm"), 60)
