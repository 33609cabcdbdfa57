"""With which others an article tells the same story, in a frozen edition or in the next one; and why one is shown."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from digest.delivery.freeze import choice_for, stories_in
from digest.delivery.report import find_edition
from digest.edition.layout import Why
from digest.edition.likeness import compare
from digest.edition.wording import wording
from digest.models import Article, Newsletter, PlacementState
from digest.project import Project
from digest.store import articles, names
from digest.store.articles import Listed, Placed

FREE = (PlacementState.WAITING, PlacementState.PINNED)


@dataclass(frozen=True)
class Sharing:
    """A story that an article shares with others in one newsletter."""

    newsletter: str
    edition: str | None  #: its key; None for what the next one would make of it now
    shown: int
    why: Why
    others: tuple[tuple[Article, str], ...]  #: who tells it too, and how alike it is to the article asked for


def sharing(project: Project, listed: Listed, now: dt.datetime) -> list[Sharing]:
    """Return the stories that an article shares, one for each newsletter in which it does."""
    found = (_in_newsletter(project, listed.article, place, now) for place in listed.placements)
    return [one for one in found if one is not None]


def _in_newsletter(project: Project, article: Article, place: Placed, now: dt.datetime) -> Sharing | None:
    if place.edition is not None:
        return _in_edition(project, article, place)
    number = names.find(project.store, Newsletter, place.newsletter)
    newsletter = project.file.newsletters.get(place.newsletter)
    if place.state not in FREE or newsletter is None or number is None:
        return None
    date = newsletter.date_at(now)
    choice = choice_for(project, newsletter, number, date, now)
    for story in stories_in(project, newsletter, choice, date):
        members = (story.shown, *story.others)
        if article.id in [one.id for one in members]:
            return _shared(place, article, members, story.shown.id, story.why)
    return None


def _in_edition(project: Project, article: Article, place: Placed) -> Sharing | None:
    edition = find_edition(project, place.edition or "").edition
    bound = articles.printed_in(project.store, edition.id or 0)
    shown = next((its.shown_as or one.id for one, its in bound if one.id == article.id), None)
    members = [(one, its) for one, its in bound if shown in (one.id, its.shown_as)]
    rule = next((its.shown_by for _, its in members if its.shown_by), None)
    return _shared(place, article, [one for one, _ in members], shown, Why(rule)) if rule else None


def _shared(place: Placed, article: Article, members: Sequence[Article], shown: int | None, why: Why) -> Sharing:
    ours = wording(article)
    others = tuple((one, str(compare(ours, wording(one)))) for one in members if one.id != article.id)
    return Sharing(place.newsletter, place.edition, shown or 0, why, others)
