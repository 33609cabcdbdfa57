"""``digest init``: a project folder, made once and completed as often as one likes."""

import datetime as dt
import os
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from digest.errors import ConfigError
from digest.packaged import packaged
from digest.project import read_configuration
from digest.settings import FILE
from digest.store import create, open_store

TOML = """\
# Newsletters, lists and sources. Written by people; the program only reads it.
# base_url = "https://nytt.example.com"   # where readers reach `digest serve`: links in letters lead there
# editors = ["red@example.com"]           # test letters go here

[newsletters.my-digest]
title = "My digest"
# tagline = "What happened in our trade"
from = "My digest <news@example.com>"     # an address of yours
# reply_to = "editor@example.com"
# postal_address = "Our company, Street 1, 111 11 Town"   # the law of most readers wants one
lists = ["readers"]                       # subscribers/readers.csv, or: digest subscribers add
language = "en"                           # sv for Swedish
timezone = "UTC"                          # Europe/Stockholm

# [lists.readers]
# consent = "Sign-up form on our site"    # proof for the rows of its file; without it they stay unconfirmed
"""

IGNORED = """\
.env
digest.db*
outbox/
preview/
"""


@dataclass(frozen=True)
class Made:
    """One thing of a project, and whether it was made just now or had been there."""

    path: Path
    is_new: bool


def set_up(folder: Path, now: dt.datetime, environ: Mapping[str, str] = os.environ) -> list[Made]:
    """Make what a project lacks, and touch nothing that is there; return all of it.

    ConfigError where a store is there that has been signed with a key we do not have: a fresh key would break the
    links of letters already sent.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        made = [_file(folder / FILE, TOML), *_folders(folder), _file(folder / ".gitignore", IGNORED)]
        made += [_key(folder, environ), _store(folder, now, environ)]
    except OSError as error:
        raise ConfigError(f"{folder} cannot be made into a project: {error.strerror} ({error.filename})") from error
    return made


def _folders(folder: Path) -> Iterator[Made]:
    for name in ("templates", "subscribers"):
        is_new = not (folder / name).is_dir()
        (folder / name).mkdir(exist_ok=True)
        yield Made(folder / name, is_new)


def _file(path: Path, content: str, mode: int = 0o644) -> Made:
    if path.exists():
        return Made(path, is_new=False)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "w", encoding="utf-8") as file:
        file.write(content)
    return Made(path, is_new=True)


def _key(folder: Path, environ: Mapping[str, str]) -> Made:
    """Make .env with a fresh key, unless a key comes from somewhere already, or a store waits for its own."""
    path = folder / ".env"
    configuration = read_configuration(folder, environ)
    if configuration.environment.secret_keys:
        return Made(path, is_new=False)
    database = configuration.database
    if database.exists():
        store = open_store(database)
        signed_with = store.installation.key
        store.close()
        if signed_with is not None:
            raise ConfigError(
                f"{database.name} has been signed with a key that is not here ({signed_with}...); put it into .env as "
                "DIGEST_SECRET_KEY, a fresh one would break the links of letters already sent"
            )
    key = f"DIGEST_SECRET_KEY={secrets.token_urlsafe(32)}\n"
    if path.exists():
        path.chmod(0o600)
        there = path.read_bytes()
        with path.open("a", encoding="utf-8") as file:
            file.write(key if there.endswith(b"\n") or not there else f"\n{key}")
        return Made(path, is_new=True)
    example = packaged(".env.example").read_text(encoding="utf-8")
    return _file(path, example.replace("#DIGEST_SECRET_KEY=\n", key), mode=0o600)


def _store(folder: Path, now: dt.datetime, environ: Mapping[str, str]) -> Made:
    path = read_configuration(folder, environ).database
    is_new = not path.exists()
    if is_new:
        create(path, now)
    return Made(path, is_new)
