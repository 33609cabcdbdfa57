"""Articles, and where each is placed."""

import datetime as dt
import enum

from sqlalchemy import Index, text
from sqlmodel import Field, SQLModel

from digest.models.columns import words


class Article(SQLModel, table=True):
    """One published piece."""

    id: int | None = Field(default=None, primary_key=True)
    source_id: int | None = Field(default=None, foreign_key="source.id")
    guid: str | None = Field(default=None, max_length=2000)  #: the source's own name for it
    url: str | None = Field(default=None, max_length=2000)  #: as published
    link: str | None = Field(default=None, max_length=2000, unique=True)  #: canonical: one article, one link
    title: str = Field(max_length=1000)
    subtitle: str = ""
    lead: str = ""  #: plain text
    body: str = ""  #: clean HTML
    section: str = Field(default="", max_length=200)
    author: str = Field(default="", max_length=500)
    image: str | None = Field(default=None, max_length=2000)
    image_alt: str = Field(default="", max_length=1000)  #: what the picture shows, for who does not see it
    image_width: int | None = None  #: in pixels, where somebody said so
    image_height: int | None = None
    language: str | None = Field(default=None, max_length=35)  #: BCP 47, where it is not the newsletter's
    published: dt.datetime | None = None  #: empty when the source gave no date
    published_on: dt.date | None = None  #: the date itself where the source gave no time of day
    embargo_until: dt.datetime | None = None
    expires: dt.datetime | None = None
    first_seen: dt.datetime
    changed_at: dt.datetime
    fingerprint: str | None = Field(default=None, max_length=64)  #: of its words: the same under another id and link
    outdated_at: dt.datetime | None = None  #: when its source was first seen to say something else than was sent
    by_hand: str | None = Field(default=None, max_length=300)  #: fields that an editor has set: no collect changes them

    __table_args__ = (
        Index("uq_article_source_id_guid", "source_id", "guid", unique=True, sqlite_where=text("guid IS NOT NULL")),
        Index("ix_article_published", "published"),
        Index("ix_article_fingerprint", "fingerprint"),
    )


class PlacementState(enum.StrEnum):
    """What becomes of an article in a newsletter."""

    WAITING = "waiting"  #: goes into the next edition
    PINNED = "pinned"  #: goes into the next edition as its lead story
    SHELVED = "shelved"  #: an editor keeps it back
    DROPPED = "dropped"  #: an editor does not want it
    PASSED = "passed"  #: older than the first edition reaches back
    BOUND = "bound"  #: in an edition


class PlacementRole(enum.StrEnum):
    """How an edition printed an article."""

    LEAD = "lead"
    HEADLINE = "headline"
    FOLDED = "folded"  #: bound, and counted in "N more on the web"
    ALSO = "also"  #: another source's of the same story: a link beside the one that is printed in its place


class Placement(SQLModel, table=True):
    """Article x newsletter: the place where an article is accounted for."""

    article_id: int = Field(foreign_key="article.id", primary_key=True)
    newsletter_id: int = Field(foreign_key="newsletter.id", primary_key=True)
    state: PlacementState = Field(default=PlacementState.WAITING, sa_type=words(PlacementState))
    edition_id: int | None = Field(default=None, foreign_key="edition.id", index=True)
    role: PlacementRole | None = Field(default=None, sa_type=words(PlacementRole))
    shown_as: int | None = Field(default=None, foreign_key="article.id")  #: the article printed in place of this one
    shown_by: str | None = Field(default=None, max_length=24)  #: the rule by which that one was: edition/stories.py
    pinned: bool = False  #: remembered while it is bound, should the edition be taken back
    rank: int = 0  #: smaller stands higher inside a day
    by: str = Field(default="", max_length=200)  #: who placed it so
    at: dt.datetime  #: and when

    __table_args__ = (Index("ix_placement_newsletter_id_state", "newsletter_id", "state"),)
