"""What the environment says: DIGEST_* variables, .env and secret files, and for each value where it came from."""

import datetime as dt
import difflib
import re
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from dotenv.parser import parse_stream
from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from digest.errors import ConfigError
from digest.notation import Domain, Selector
from digest.settings import Duration, Given, Mailbox, ProjectFile, Rate, Url, shown

PREFIX = "DIGEST_"
#: Variables that are no settings of a project: where it is, and what tests set.
OTHERS = frozenset({"PROJECT", "REQUIRE_ALL", "CRASH_AT"})
#: A relay or store in a list of them, and in each what stands before its last @: a password may hold any other sign.
URLS = re.compile(r"\s+(?=[a-z+0-9]+:)")
CREDENTIALS = re.compile(r"^([a-z+0-9]+:(?://)?)?.*@", re.DOTALL)


class Environment(BaseModel):
    """The project's settings that are no matter for digest.toml: secrets, and where this machine finds things."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)  # a value may be a secret, in a traceback too

    database_url: SecretStr = SecretStr("sqlite:///digest.db")
    relay_url: SecretStr = SecretStr("maildir:outbox")
    notice_relay_url: SecretStr = SecretStr("")
    relay_token_command: SecretStr = SecretStr("")
    relay_connections: int = Field(default=10, ge=1, le=1000)
    secret_key: SecretStr = SecretStr("")
    bounce_address: Mailbox | None = None
    base_url: Url | None = None
    relay_rate: Rate | None = None
    drain: Duration = dt.timedelta(seconds=60)
    ping_url: SecretStr = SecretStr("")
    dkim_domain: Domain | None = None
    dkim_selector: Selector | None = None
    dkim_key_file: str | None = None

    @property
    def secret_keys(self) -> tuple[str, ...]:
        """The keys that sign tokens, newest first."""
        return tuple(self.secret_key.get_secret_value().replace(",", " ").split())


@dataclass(frozen=True)
class Layer:
    """One place that settings come from."""

    source: str
    values: Mapping[str, str]


#: Every variable of ours, without its prefix, in small letters.
KNOWN = frozenset({*Environment.model_fields, *(f"{name}_file" for name in Environment.model_fields)})


def layers(folder: Path, environ: Mapping[str, str], file: ProjectFile) -> tuple[Layer, ...]:
    """Return the places that settings come from, the strongest first; flags are stronger and live in the commands.

    An empty variable counts as not set.  Secret files are read where ``NAME_FILE`` in either place says.
    """
    dotenv = _read_dotenv(folder / ".env")
    ours = _of_settings(environ)
    for name in ours:
        # An unknown name may be somebody else's here; a slip in one of ours would send with the wrong settings.
        if meant := _meant(name):
            raise ConfigError(f"the environment sets {PREFIX}{name.upper()}, which means nothing{meant}")
    files = {**_secret_files(folder, dotenv), **_secret_files(folder, ours)}
    shared = {"base_url": file.base_url, "relay_rate": file.relay_rate}
    return (
        Layer("environment", _without_files(ours)),
        Layer(".env", _without_files(dotenv)),
        Layer("secret file", files),
        Layer("digest.toml", {name: value for name, value in shared.items() if value}),
    )


def settle(found: tuple[Layer, ...]) -> Environment:
    """Return the settings of the strongest place each; ConfigError that names the variable and its source."""
    merged = {name: value for layer in reversed(found) for name, value in layer.values.items()}
    try:
        return Environment.model_validate(merged)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = str(first["loc"][0])
        # The value is not repeated: it may be a secret.
        message = str(first["msg"]).removeprefix("Value error, ")
        raise ConfigError(f"{PREFIX}{name.upper()} ({_source(found, name)}): {message}") from error


def given(found: tuple[Layer, ...], settings: Environment) -> Iterator[Given]:
    """Yield every setting with its value, secrets masked, and its source."""
    for name in Environment.model_fields:
        yield Given(PREFIX + name.upper(), _masked(name, getattr(settings, name)), _source(found, name))


def _source(found: tuple[Layer, ...], name: str) -> str:
    return next((layer.source for layer in found if name in layer.values), "default")


def _masked(name: str, value: object) -> str:
    if not isinstance(value, SecretStr):
        return shown(value)
    if name.endswith("_url") and name != "ping_url":  # of a ping the path itself is the secret
        return " ".join(CREDENTIALS.sub(r"\1***@", url) for url in URLS.split(value.get_secret_value()))
    return "***" if value.get_secret_value() else ""


def _of_settings(variables: Mapping[str, str | None]) -> dict[str, str]:
    """Return our variables by field name; an empty one counts as not set."""
    return {
        name.removeprefix(PREFIX).lower(): value
        for name, value in variables.items()
        if name.startswith(PREFIX) and name.removeprefix(PREFIX) not in OTHERS and value
    }


def _read_dotenv(path: Path) -> dict[str, str]:
    ours = _of_settings(_assignments(path)) if path.exists() else {}
    for name in ours:
        if name not in KNOWN:
            raise ConfigError(f"{path}: unknown setting {PREFIX}{name.upper()}{_meant(name)}")
    return ours


def _meant(name: str) -> str:
    """Return the question that names the setting which a slip resembles; empty for a known one, or no resemblance."""
    # Compared without the prefix, which makes all of them look alike.
    close = [] if name in KNOWN else difflib.get_close_matches(name, KNOWN, n=1)
    return f"; did you mean {PREFIX}{close[0].upper()}?" if close else ""


def _assignments(path: Path) -> dict[str, str | None]:
    """Return what .env sets; ConfigError for a line that sets nothing, which a send would miss in silence."""
    try:
        with path.open(encoding="utf-8-sig") as file:
            bindings = list(parse_stream(file))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    for binding in bindings:
        if binding.error:
            text = binding.original.string
            line = binding.original.line + text[: len(text) - len(text.lstrip())].count("\n")
            # The line is not repeated: it may hold a secret.
            raise ConfigError(f"{path}, line {line} cannot be read; write NAME=value, or NAME='value' for odd signs")
    return {binding.key: binding.value for binding in bindings if binding.key is not None}


def is_readable_by_others(path: Path) -> bool:
    """Return whether a file of secrets can be read by other users of this machine."""
    return path.exists() and bool(path.stat().st_mode & (stat.S_IRGRP | stat.S_IROTH))


def _without_files(values: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in values.items() if name in Environment.model_fields}


def _secret_files(folder: Path, values: Mapping[str, str]) -> dict[str, str]:
    contents = {}
    for name in Environment.model_fields:
        if path := values.get(f"{name}_file"):
            try:
                contents[name] = (folder / path).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError) as error:
                raise ConfigError(f"{PREFIX}{name.upper()}_FILE: {path} cannot be read: {error}") from error
    return contents
