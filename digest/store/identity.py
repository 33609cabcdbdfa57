"""What a stored article is known by: its source's id for it, its link, or else its words."""

import datetime as dt
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, or_, select

from digest.models import Article
from digest.store.tables import ARTICLE

#: How far apart two dates of one article may be, where nothing but its words says that it is one.
REDATED = dt.timedelta(days=7)
#: The same where its id and link are others too, and its text does not say that it is one: a column of every day.
ANEW = dt.timedelta(hours=12)

Row = dict[str, Any]
Identity = tuple[int | None, str | None] | str | None


def row_of(
    article: Article, known: Mapping[Identity, Row], words: Mapping[str, Sequence[Row]], present: set[Identity]
) -> Row | None:
    """Return the stored article that this one is, None for a new one."""
    for name in identities(article):
        row = known.get(name)
        if row is not None and not (isinstance(name, str) and _is_another(article, row, present)):
            return row
    alike = words.get(article.fingerprint or "", ())
    return next((row for row in alike if _is_same_words(article, row, present)), None)


def _is_another(article: Article, row: Row, present: set[Identity]) -> bool:
    """Return whether an article is not the one it shares a link with: both stand in what its source has just now."""
    named = article.guid is not None and not article.guid.startswith("title:") and row["guid"] is not None
    theirs = (row["source_id"], row["guid"])
    return named and row["source_id"] == article.source_id and row["guid"] != article.guid and theirs in present


def _is_same_words(article: Article, row: Row, present: set[Identity]) -> bool:
    """Return whether an article with the words of a stored one is that one, under another id, link and date.

    It is not while the stored one still stands beside it: a column may begin with the same words every week.
    """
    if any(name in present for name in names_of(row)):
        return False
    there, here = (row["published"], row["published_on"]), (article.published, article.published_on)
    if not article.lead:
        return here == there and any(here)
    if not any(here) or not any(there) or article.published is None or row["published"] is None:
        return True
    return bool(abs(article.published - row["published"]) < (ANEW if _has_other_names(article, row) else REDATED))


def _has_other_names(article: Article, row: Row) -> bool:
    """Return whether an article has an id and a link as the stored one has, all others, and not the same full text."""
    names = ((article.guid, row["guid"]), (article.link, row["link"]))
    is_other = all(here is not None and there is not None and here != there for here, there in names)
    return is_other and not (article.body and article.body == row["body"])


def identities(article: Article) -> list[Identity]:
    """Return what an article is known by, the stronger word first: a page that moves keeps its source's id."""
    by_guid: list[Identity] = [(article.source_id, article.guid)] if article.guid is not None else []
    return by_guid + ([article.link] if article.link is not None else [])


def known_rows(connection: Connection, articles: Sequence[Article]) -> dict[Identity, Row]:
    same: list[ColumnElement[bool]] = [ARTICLE.c.link.in_([a.link for a in articles if a.link is not None])]
    for source in {a.source_id for a in articles}:  # each by itself: the index begins with the source
        guids = [a.guid for a in articles if a.guid is not None and a.source_id == source]
        same.append(and_(ARTICLE.c.source_id == source, ARTICLE.c.guid.in_(guids)))
    known: dict[Identity, Row] = {}
    for found in connection.execute(select(ARTICLE).where(or_(*same))).mappings():
        known |= names_of(dict(found))
    return known


def rows_by_words(connection: Connection, articles: Iterable[Article], gone: frozenset[int]) -> dict[str, list[Row]]:
    """Return stored articles with the words of these, of the same source or of one that is gone."""
    wanted = {a.fingerprint for a in articles if a.fingerprint is not None and a.source_id is not None}
    if not wanted:
        return {}
    ours = {a.source_id for a in articles} | gone
    alike = select(ARTICLE).where(ARTICLE.c.fingerprint.in_(wanted)).order_by(ARTICLE.c.id.desc())
    words: dict[str, list[Row]] = {}
    for found in connection.execute(alike).mappings():
        if found["source_id"] in ours:
            words.setdefault(found["fingerprint"], []).append(dict(found))
    return words


def names_of(row: Row) -> dict[Identity, Row]:
    names: dict[Identity, Row] = {(row["source_id"], row["guid"]): row} if row["guid"] is not None else {}
    return {**names, row["link"]: row} if row["link"] is not None else names
