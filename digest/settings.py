"""digest.toml: what people write about newsletters, lists and sources, checked and with its defaults."""

import datetime as dt
import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from email.utils import parseaddr
from pathlib import Path
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
from pydantic_core import ErrorDetails

from digest.errors import ConfigError, NewsletterNotFound, nearest
from digest.notation import (
    Dates,
    DomainRates,
    Domains,
    Duration,
    Line,
    Mailbox,
    Rate,
    Schedule,
    Selector,
    Url,
    Zone,
    read_dates,
    read_duration,
    read_rate,
    shown,
)

__all__ = [
    "FILE",
    "DomainSettings",
    "Duration",
    "Given",
    "ListSettings",
    "Mailbox",
    "NewsletterSettings",
    "ProjectFile",
    "Rate",
    "SourceSettings",
    "Url",
    "WhichNewsletter",
    "given_in_file",
    "read_duration",
    "read_project_file",
    "read_rate",
    "shown",
]

FILE = "digest.toml"
OURS = frozenset({"name", "from_"})  #: what fields are called here and no key of the file is
NAME = re.compile(r"[a-z0-9]+(?:[-_.][a-z0-9]+)*")


@dataclass(frozen=True)
class Given:
    """A setting as a person may see it, and where it came from; the source is ``default`` when nobody set it."""

    name: str
    value: str
    source: str


class WhichNewsletter(ConfigError):
    """No newsletter was named where digest.toml has several, or none."""

    exit_code = 2

    def __init__(self, known: str) -> None:
        super().__init__(f"which newsletter? name one; digest.toml has: {known}")


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)


class NewsletterSettings(_Section):
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
    schedule: Schedule | None = None
    skip_dates: tuple[Dates, ...] = ()
    send_before: Duration = dt.timedelta(hours=6)
    give_up_after: Duration = dt.timedelta(hours=20)
    expect_by: Annotated[str, Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$")] | None = None
    approve: bool = False
    lookback_days: Annotated[int, Field(ge=0, le=36500)] = 7
    max_articles: Annotated[int, Field(ge=1, le=10_000)] = 60
    headers: dict[str, Line] = {}
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


class ListSettings(_Section):
    """``[lists.NAME]``: a list's title, and the proof of consent for the rows of its file."""

    title: Line = ""
    consent: Line = ""
    formerly: str | None = None


class SourceSettings(_Section):
    """``[sources.NAME]``: where articles come from, and which newsletters they go to."""

    name: str = Field(exclude=True)
    folder: str | None = None
    newsletters: tuple[str, ...] = ()
    section: Line = ""
    timezone: Zone | None = None
    formerly: str | None = None

    @model_validator(mode="after")
    def _comes_from_somewhere(self) -> "SourceSettings":
        if self.folder is None:
            raise ValueError('needs folder = "..."')
        return self


class DomainSettings(_Section):
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


class ProjectFile(_Section):
    """All of digest.toml."""

    base_url: Url | None = None
    editors: tuple[Mailbox, ...] = ()
    relay_rate: Rate | None = None
    domain_rates: DomainRates = {}
    newsletters: dict[str, NewsletterSettings] = {}
    lists: dict[str, ListSettings] = {}
    sources: dict[str, SourceSettings] = {}
    domains: Domains[DomainSettings] = {}

    @model_validator(mode="before")
    @classmethod
    def _named(cls, data: dict[str, Any]) -> dict[str, Any]:
        """Give newsletters and sources their names; refuse names that could not stand in a key or a List-Id."""
        named = dict(data)
        for kind in ("newsletters", "lists", "sources"):
            table = data.get(kind, {})
            for name in table if isinstance(table, dict) else ():
                if not NAME.fullmatch(name) or len(name) > 60:
                    raise ValueError(f"[{kind}.{name}]: a name is small letters, digits and - _ . between them")
                for key in OURS.intersection(table[name] if isinstance(table[name], dict) else ()):
                    raise ValueError(f"unknown key {kind}.{name}.{key}" + nearest(key, ["from"]))
            if kind != "lists" and isinstance(table, dict):
                named[kind] = {n: {**v, "name": n} if isinstance(v, dict) else v for n, v in table.items()}
        return named

    @model_validator(mode="after")
    def _refers_to_what_is_there(self) -> "ProjectFile":
        for name, source in self.sources.items():
            for newsletter in source.newsletters:
                if newsletter not in self.newsletters:
                    raise ValueError(
                        f"[sources.{name}] names a newsletter {newsletter!r} that is not there"
                        + nearest(newsletter, self.newsletters)
                    )
        for letter in self.newsletters.values():
            for name in letter.lists:
                if not NAME.fullmatch(name):
                    raise ValueError(f"[newsletters.{letter.name}] lists: {name!r} is no name for a list")
        return self

    def newsletter(self, name: str | None) -> NewsletterSettings:
        """Return the newsletter of this name, or the only one when none is named; NewsletterNotFound."""
        if name is None:
            if len(self.newsletters) == 1:
                return next(iter(self.newsletters.values()))
            known = ", ".join(sorted(self.newsletters)) or "none yet"
            raise WhichNewsletter(known)
        if name not in self.newsletters:
            raise NewsletterNotFound(name, self.newsletters)
        return self.newsletters[name]

    @property
    def list_names(self) -> tuple[str, ...]:
        """Every list that has a section or that a newsletter goes to, sorted."""
        return tuple(sorted({*self.lists, *(n for letter in self.newsletters.values() for n in letter.lists)}))

    def newsletters_for(self, source: str | None) -> tuple[str, ...]:
        """Return the newsletters an article of this source goes to.

        Without a source, or from one that names none: every newsletter that no source names, else the only one.
        """
        if source in self.sources and self.sources[source].newsletters:
            return self.sources[source].newsletters
        named = {n for s in self.sources.values() for n in s.newsletters}
        free = tuple(n for n in self.newsletters if n not in named)
        return free or (tuple(self.newsletters) if len(self.newsletters) == 1 else ())


def read_project_file(path: Path) -> ProjectFile:
    """Return digest.toml, checked; ConfigError that names the key and, where it is a slip, the nearest known one."""
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path} is not UTF-8 (byte {error.start}); save it as UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    try:
        return ProjectFile.model_validate(data)
    except ValidationError as error:
        raise ConfigError(f"{path}: {_first(error)}") from error


def _first(error: ValidationError) -> str:
    """Return the first of pydantic's findings as one sentence, and how many more there are."""
    found = error.errors(include_url=False)
    # A slip in a key makes two findings, the unknown key and the missing one: the first explains the second.
    found.sort(key=lambda e: e["type"] != "extra_forbidden")
    more = f" (and {len(found) - 1} more)" if len(found) > 1 else ""
    return _sentence(found[0]) + more


def _sentence(error: ErrorDetails) -> str:
    where = ".".join(str(part) for part in error["loc"])
    match error["type"]:
        case "extra_forbidden":
            return f"unknown key {where}{nearest(str(error['loc'][-1]), _keys_beside(error['loc']))}"
        case "missing":
            return f"{where} is missing"
        case "value_error":
            return f"{where}: {error['ctx']['error']}" if where else str(error["ctx"]["error"])
        case _:
            return f"{where} = {error['input']!r}: {error['msg'].lower()}"


def _keys_beside(loc: tuple[int | str, ...]) -> list[str]:
    sections: dict[object, type[_Section]] = {
        "newsletters": NewsletterSettings,
        "lists": ListSettings,
        "sources": SourceSettings,
        "domains": DomainSettings,
    }
    section = sections.get(loc[0], ProjectFile) if len(loc) > 1 else ProjectFile
    return [field.alias or name for name, field in section.model_fields.items() if name != "name" or not field.exclude]


def given_in_file(file: ProjectFile) -> tuple[Given, ...]:
    """Return every setting of digest.toml with its value, and whether it was written there or is the default."""
    found = [*_given("", file, skip=("newsletters", "lists", "sources", "domains", "base_url", "relay_rate"))]
    for kind in ("newsletters", "lists", "sources", "domains"):
        for name, section in getattr(file, kind).items():
            found += _given(f"{kind}.{name}.", section, skip=("name",))
    return tuple(found)


def _given(prefix: str, section: _Section, skip: tuple[str, ...]) -> Iterator[Given]:
    for name, field in type(section).model_fields.items():
        if name not in skip:
            source = FILE if name in section.model_fields_set else "default"
            yield Given(prefix + (field.alias or name), shown(getattr(section, name)), source)
