"""The sections of digest.toml: newsletters, lists, sources and domains, each with its keys, checks and defaults."""

import datetime as dt
from email.utils import parseaddr
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, PlainValidator, field_validator, model_validator

from digest.notation import Dates, Duration, Line, Mailbox, Schedule, Selector, Selectors, WebAddress, Zone, read_dates
from digest.thresholds import Thresholds, read_thresholds

KINDS = ("feed", "page", "sitemap", "folder", "database", "email")  #: of sources
ON_THE_WEB = KINDS[:3]


class Section(BaseModel):
    """A table of digest.toml: a key that it does not know is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class NewsletterSettings(Section):
    """``[newsletters.NAME]``: what is published."""

    name: str = Field(exclude=True)
    title: Line = Field(min_length=1)
    tagline: Line = ""
    from_: Mailbox = Field(alias="from")
    reply_to: Mailbox | None = None
    subject: str = "{{ title }}: {{ lead.title }}"
    postal_address: Line = ""
    lists: tuple[str, ...] = Field(min_length=1)
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}([_-][A-Za-z0-9]+)*$")] = "en"
    timezone: Zone = "UTC"
    design: str = "senaste-nytt"
    text_links: Literal["date", "headline"] = "date"
    schedule: Schedule | None = None
    skip_dates: tuple[Dates, ...] = ()
    send_before: Duration = dt.timedelta(hours=6)
    give_up_after: Duration = dt.timedelta(hours=20)
    expect_by: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    approve: bool = False
    lookback_days: Annotated[int, Field(ge=0, le=36500)] = 7
    max_articles: Annotated[int, Field(ge=1, le=10_000)] = 60
    same_story: Literal["first", "longest", "preferred", "off"] = "preferred"
    headers: dict[str, Line] = {}
    preflight: Annotated[Thresholds, PlainValidator(read_thresholds)] = Thresholds()
    formerly: str | None = None

    @property
    def zone(self) -> ZoneInfo:
        """The newsletter's time zone."""
        return ZoneInfo(self.timezone)

    def date_at(self, now: dt.datetime) -> dt.date:
        """Return the date it is in the newsletter's zone."""
        return now.astimezone(self.zone).date()

    @property
    def skipped(self) -> tuple[tuple[dt.date, dt.date], ...]:
        """The first and last date of every range of ``skip_dates``."""
        return tuple(read_dates(text) for text in self.skip_dates)

    @property
    def sender(self) -> tuple[str, str]:
        """Name and address of From."""
        return parseaddr(self.from_)

    @field_validator("approve")
    @classmethod
    def _no_approval_yet(cls, approve: bool) -> bool:
        if approve:
            raise ValueError("approvals are not there yet; leave it out")
        return approve

    @field_validator("send_before")
    @classmethod
    def _leaves_time(cls, send_before: dt.timedelta) -> dt.timedelta:
        if not send_before:
            raise ValueError("0 would hold every edition; write 6h, or 7d where late is better than never")
        return send_before

    @model_validator(mode="after")
    def _expects_what_is_scheduled(self) -> "NewsletterSettings":
        if self.expect_by is not None and self.schedule is None:
            raise ValueError(
                f'expect_by = {self.expect_by!r} needs a schedule; write schedule = "30 6 * * *" beside it'
            )
        return self


class ListSettings(Section):
    """``[lists.NAME]``: a list's title, and the proof of consent for the rows of its file."""

    title: Line = ""
    consent: Line = ""
    formerly: str | None = None


class SourceSettings(Section):
    """``[sources.NAME]``: where articles come from, and which newsletters they go to."""

    name: str = Field(exclude=True)
    title: Line = ""
    feed: WebAddress | None = None
    page: WebAddress | None = None
    sitemap: WebAddress | None = None
    folder: str | None = None
    database: str | None = None
    email: str | None = None
    query: str | None = None
    select: Selectors = {}
    discover: bool = False
    extract: bool = False
    private: bool = False
    prefer: bool = False
    every: Duration = dt.timedelta()
    newsletters: tuple[str, ...] = ()
    section: Line = ""
    timezone: Zone | None = None
    formerly: str | None = None

    @property
    def kind(self) -> str:
        """What it is: one of KINDS."""
        return next(kind for kind in KINDS if getattr(self, kind) is not None)

    @property
    def place(self) -> str:
        """Where it is: an address, a folder or a database."""
        return str(getattr(self, self.kind))

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> "SourceSettings":
        given = [kind for kind in KINDS if getattr(self, kind) is not None]
        if not given:
            raise ValueError('needs feed = "https://...", or one of ' + ", ".join(KINDS[1:]))
        if len(given) > 1:
            raise ValueError(f"has {' and '.join(given)}; a source is one of them")
        if (self.query is not None) != (given[0] == "database"):
            raise ValueError('query = "SELECT ..." and database belong together')
        if (bool(self.select) or self.discover) != (given[0] == "page"):
            raise ValueError("page needs select, or discover = true, and nothing else has them")
        if self.select and self.discover:
            raise ValueError("has select and discover = true; select says where articles are, discover looks for them")
        if (self.extract or self.private) and given[0] not in ON_THE_WEB:
            raise ValueError(f"extract and private are for {', '.join(ON_THE_WEB)}")
        return self


class DomainSettings(Section):
    """``[domains."example.com"]``: how mail from that domain is signed."""

    dkim_selector: Selector
    dkim_key_file: str = Field(min_length=1)
    dkim_ed25519_selector: Selector | None = None
    dkim_ed25519_key_file: Annotated[str, Field(min_length=1)] | None = None

    @model_validator(mode="after")
    def _names_both_or_none(self) -> "DomainSettings":
        if (self.dkim_ed25519_selector is None) != (self.dkim_ed25519_key_file is None):
            raise ValueError("dkim_ed25519_selector and dkim_ed25519_key_file need each other")
        if self.dkim_ed25519_selector == self.dkim_selector:
            # One TXT record speaks of one key (RFC 6376, 3.6.2.2).
            raise ValueError(f"two keys cannot share the selector {self.dkim_selector!r}")
        return self
