"""digest.toml as a whole: read, its names and references checked, and what is wrong told in one sentence."""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import ErrorDetails

from digest.errors import ConfigError, NewsletterNotFound, nearest
from digest.notation import (
    DomainRates,
    Domains,
    Duration,
    Mailbox,
    Rate,
    Url,
    masked,
    read_duration,
    read_rate,
    shown,
)
from digest.sections import (
    KINDS,
    ON_THE_WEB,
    DomainSettings,
    ListSettings,
    NewsletterSettings,
    Section,
    SourceSettings,
)
from digest.thresholds import Thresholds

__all__ = [
    "FILE",
    "KINDS",
    "ON_THE_WEB",
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
    "source_settings",
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


class ProjectFile(BaseModel):
    """All of digest.toml."""

    model_config = Section.model_config

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


def source_settings(given: Mapping[str, object]) -> SourceSettings:
    """Return the settings of a source that is not in the file yet, checked likewise; ConfigError."""
    try:
        return SourceSettings.model_validate(given)
    except ValidationError as error:
        raise ConfigError(_first(error)) from error


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
    sections: dict[object, type[BaseModel]] = {
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
            found += _given(f"{kind}.{name}.", section, skip=("name", "preflight"))
            if isinstance(section, NewsletterSettings):
                found += _given_to_rules(f"{kind}.{name}.preflight.", section.preflight)
    return tuple(found)


def _given(prefix: str, section: BaseModel, skip: Sequence[str]) -> Iterator[Given]:
    for name, field in type(section).model_fields.items():
        if name not in skip:
            source = FILE if name in section.model_fields_set else "default"
            # Passwords stand in addresses.
            yield Given(prefix + (field.alias or name), masked(shown(getattr(section, name))), source)


def _given_to_rules(prefix: str, thresholds: Thresholds) -> Iterator[Given]:
    """Yield the numbers of preflight; of the rules those that have a weight by digest.toml and not by themselves."""
    for name, value in thresholds.values().items():
        yield Given(prefix + name, shown(value), FILE if name in thresholds.given else "default")
