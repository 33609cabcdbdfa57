"""The editor's desk: articles looked at, changed, pinned, shelved, released and dropped."""

import datetime as dt
from collections.abc import Mapping, Sequence
from zoneinfo import ZoneInfo

from digest.collect.rows import read_row, row_of
from digest.errors import DigestError, NoSuchState
from digest.models import Newsletter, PlacementState
from digest.project import Project, who_does_this
from digest.store import articles, names
from digest.store.articles import Listed
from digest.tables import Problem

#: What a key of a row sets, where it is not the field of its own name.
FIELDS = {"url": ("url", "link"), "published": ("published", "published_on")}


class NoSuchArticle(DigestError):
    """No article has a number."""

    def __init__(self, numbers: Sequence[int]) -> None:
        which = ", ".join(str(number) for number in numbers)
        super().__init__(f"no article {which}; look with: digest articles list")
        self.numbers = tuple(numbers)


class AlreadyBound(DigestError):
    """Articles are in an edition, where an editor's placing no longer reaches."""

    def __init__(self, bound: Mapping[int, str]) -> None:
        which = ", ".join(f"{number} (in {edition})" for number, edition in bound.items())
        super().__init__(f"already in an edition: article {which}; what is frozen stays as it is")
        self.bound = dict(bound)


class NotPlaced(DigestError):
    """Articles do not go to a newsletter, so they cannot be placed in it."""

    def __init__(self, numbers: Sequence[int], newsletter: str | None) -> None:
        which = ", ".join(str(number) for number in numbers)
        where = f"does not go to {newsletter}" if newsletter else "goes to no newsletter"
        super().__init__(f"article {which} {where}; correct newsletters in [sources] (digest.toml) and collect again")
        self.numbers = tuple(numbers)


def get_article(project: Project, number: int) -> Listed:
    """Return one article with its places; NoSuchArticle."""
    found = articles.listing(project.store, numbers=[number])
    if not found:
        raise NoSuchArticle([number])
    return found[0]


def list_articles(project: Project, newsletter: str | None, states: Sequence[str], limit: int | None) -> list[Listed]:
    """Return articles newest first, narrowed by newsletter and state; NoSuchState."""
    for state in states:
        if state not in PlacementState.__members__.values():
            raise NoSuchState(state, PlacementState)
    number = _newsletter_number(project, newsletter)
    wanted = [PlacementState(state) for state in states]
    return articles.listing(project.store, newsletter_id=number, states=wanted, limit=limit)


def place_articles(
    project: Project, numbers: Sequence[int], state: str, newsletter: str | None, now: dt.datetime
) -> None:
    """Put articles into a state in one newsletter, or in all they are placed in; all of them, or none is touched."""
    known = {one.article.id: one for one in articles.listing(project.store, numbers=numbers)}
    if missing := [number for number in numbers if number not in known]:
        raise NoSuchArticle(missing)
    number = _newsletter_number(project, newsletter)
    bound = {
        at: place.edition or ""
        for at, one in known.items()
        if at is not None
        for place in one.placements
        if place.state == PlacementState.BOUND and newsletter in (None, place.newsletter)
    }
    if bound:
        raise AlreadyBound(bound)
    placed = {at for at, one in known.items() for p in one.placements if newsletter in (None, p.newsletter)}
    if elsewhere := [number for number in numbers if number not in placed]:
        raise NotPlaced(elsewhere, newsletter)
    articles.place(project.store, numbers, number, PlacementState(state), by=who_does_this(), now=now)


def edit_article(
    project: Project,
    number: int,
    given: Mapping[str, str],
    rank: int | None,
    newsletter: str | None,
    now: dt.datetime,
) -> list[str]:
    """Change what an article says, by the rules of an import; return the editions that have printed it already."""
    _newsletter_number(project, newsletter)  # refuses an unknown one before anything is changed
    one = get_article(project, number)
    letters = project.file.newsletters
    zones = [letters[place.newsletter].zone for place in one.placements if place.newsletter in letters]
    zone = next(iter(zones), ZoneInfo("UTC"))
    if given:
        found = read_row({**row_of(one.article, one.source), **given}, f"article {number}", zone=zone, now=now)
        if isinstance(found, Problem):
            raise DigestError(f"{found.where}: {found.reason}; nothing was changed")
        link = found.article.link
        other = articles.with_link(project.store, link) if link else None
        if other not in (None, number):
            raise DigestError(f"article {number}: {found.article.url} is article {other}'s; nothing was changed")
        fields = [field for key in given for field in FIELDS.get(key, (key,))]
        values = {name: getattr(found.article, name) for name in fields}
        by_hand = " ".join(sorted({*(one.article.by_hand or "").split(), *fields}))  # the next collect leaves them
        articles.edit(project.store, number, {**values, "by_hand": by_hand}, now)
    if rank is not None:
        for placed in one.placements:
            if newsletter in (None, placed.newsletter):
                at = names.find(project.store, Newsletter, placed.newsletter)
                articles.rank(project.store, at or 0, {number: rank})
    return [place.edition for place in one.placements if place.edition]


def _newsletter_number(project: Project, name: str | None) -> int | None:
    """Return a newsletter's number, None when none is named; 0, which nothing has, before it is first used."""
    if name is None:
        return None
    return names.find(project.store, Newsletter, project.newsletter(name).name) or 0
