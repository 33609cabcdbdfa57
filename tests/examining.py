"""What preflight is asked about, and what it answered."""

import datetime as dt
from collections.abc import Sequence
from functools import cache
from typing import Any

from digest.delivery.preflight import Level, Subject, check
from digest.edition.layout import Day, Layout
from digest.letter.compose import compose
from digest.letter.templates import open_templates
from digest.models import Article, Letter
from digest.store.recent import Earlier, Ran
from tests.builders import SUNDAY, a_frame, a_newsletter, an_article, the_seed


@cache
def the_letter() -> Letter:
    """Return the sample's letter."""
    return compose(the_seed(), a_frame(), open_templates(), "n0nce000" * 4)


def a_subject(letter: Letter | None = None, **values: Any) -> Subject:
    """Return an ordinary day's edition on its way to a real relay, other values where given."""
    newsletter = values.pop("newsletter", None) or a_newsletter(from_="Senaste nytt <nytt@tidningen.se>")
    defaults = {
        "newsletter": newsletter,
        "letters": [letter] if letter else [],
        "articles": 26,
        "readers": 1000,
        "base_url": "https://nytt.tidningen.se",
        "network": True,
    }
    return Subject(**{**defaults, **values})


def found(subject: Subject, rule: str) -> Level:
    """Return what a rule comes to."""
    return next(finding.level for finding in check(subject).findings if finding.rule == rule)


def messages(subject: Subject, rule: str) -> list[str]:
    """Return what a rule objects to."""
    return [finding.message for finding in check(subject).findings if finding.rule == rule and finding.message]


def printing(*headlines: Article | str, lead: Article | None = None, **values: Any) -> Subject:
    """Return an edition with these headlines; those that are only a title are numbered from 1 on."""
    articles = [an_article(one, id=n) if isinstance(one, str) else one for n, one in enumerate(headlines, 1)]
    layout = Layout(SUNDAY, lead, (Day(SUNDAY, tuple(articles)),))
    return a_subject(layout=layout, **{"articles": layout.count, "earlier": editions_of(*[0] * 14), **values})


def having_run(title: str, *days_ago: int, lead: str = "", number: int = 900, is_lead: bool = False) -> list[Ran]:
    """Return an article as editions some days ago printed it, each time another one."""
    return [Ran(number + n, title, lead, days, is_lead) for n, days in enumerate(days_ago)]


def editions_of(*counts: int, subjects: Sequence[str] = ()) -> list[Earlier]:
    """Return the editions of the days before with so many articles, the newest first, numbered by how long ago."""
    return [
        Earlier(days, SUNDAY - dt.timedelta(days=days), 1, count, tuple(subjects) if days == 1 else ())
        for days, count in enumerate(counts, 1)
    ]
