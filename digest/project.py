"""The project folder, digest.toml, environment and store as one object."""

import getpass
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from digest.environment import Environment, given, layers, settle
from digest.errors import ConfigError, NoProject
from digest.models import MailingList, Newsletter, Source
from digest.settings import (
    FILE,
    DomainSettings,
    Given,
    NewsletterSettings,
    ProjectFile,
    given_in_file,
    read_project_file,
)
from digest.store import Store, names, open_store
from digest.store.engine import locate
from digest.tokens import Keyring, keyring

#: Where `digest serve` listens by itself: links lead there until base_url says where readers find it.
LOCAL_URL = "http://127.0.0.1:8000"


@dataclass(frozen=True)
class Configuration:
    """What people wrote about a project: all of it but the store."""

    folder: Path
    file: ProjectFile
    environment: Environment
    given: tuple[Given, ...]

    @property
    def database(self) -> Path:
        """The store's file."""
        return locate(self.environment.database_url.get_secret_value(), self.folder)

    @property
    def domains(self) -> Mapping[str, DomainSettings]:
        """The domains whose mail is signed; what the environment says of one wins over digest.toml. ConfigError."""
        said = self.environment
        domain, selector, file = said.dkim_domain, said.dkim_selector, said.dkim_key_file
        if domain is not None and selector is not None and file is not None:
            return {**self.file.domains, domain: DomainSettings(dkim_selector=selector, dkim_key_file=file)}
        if (domain, selector, file) != (None, None, None):
            raise ConfigError("DIGEST_DKIM_DOMAIN, DIGEST_DKIM_SELECTOR and DIGEST_DKIM_KEY_FILE need each other")
        return self.file.domains

    def everything(self) -> tuple[Given, ...]:
        """Return every setting of the environment and of digest.toml, with where its value came from."""
        return (*self.given, *given_in_file(self.file))


@dataclass(frozen=True)
class Project(Configuration):
    """An open project."""

    store: Store
    keys: Keyring

    @property
    def base_url(self) -> str:
        """Where the links of letters lead, without a slash at its end."""
        return self.environment.base_url or LOCAL_URL

    def newsletter(self, name: str | None) -> NewsletterSettings:
        """Return a newsletter's settings; the only one's when none is named."""
        return self.file.newsletter(name)


def who_does_this() -> str:
    """Return the name under which a person's work is kept in histories."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"user {os.getuid()}"


def find_folder(named: Path | None, environ: Mapping[str, str], start: Path) -> Path:
    """Return the project's folder: the one named, else DIGEST_PROJECT, else the nearest upwards with a digest.toml."""
    chosen = named or (Path(environ["DIGEST_PROJECT"]) if environ.get("DIGEST_PROJECT") else None)
    if chosen is not None:
        if not (chosen / FILE).is_file():
            raise ConfigError(f"no {FILE} in {chosen}; correct --project (or DIGEST_PROJECT), or make one: digest init")
        return chosen.resolve()
    for folder in (start, *start.parents):
        if (folder / FILE).is_file():
            return folder
    raise NoProject(start)


def read_configuration(folder: Path, environ: Mapping[str, str] = os.environ) -> Configuration:
    """Return what digest.toml, .env and the environment say, checked; ConfigError in one line."""
    file = read_project_file(folder / FILE)
    found = layers(folder, environ, file)
    environment = settle(found)
    return Configuration(folder, file, environment, tuple(given(found, environment)))


@contextmanager
def open_project(named: Path | None = None, environ: Mapping[str, str] = os.environ) -> Iterator[Project]:
    """Open the project: its settings checked, its store brought up to date, its keys those the store is signed with.

    Raises ConfigError (exit 4) when there is no project, no store, or the secret key is not this store's.
    """
    configuration = read_configuration(find_folder(named, environ, Path.cwd()), environ)
    store = open_store(configuration.database)
    try:
        yield _with_store(configuration, store)
    finally:
        store.close()


def _with_store(configuration: Configuration, store: Store) -> Project:
    secrets = configuration.environment.secret_keys
    if not secrets:
        raise ConfigError(
            "DIGEST_SECRET_KEY is not set, and links in letters are signed with it; "
            f"put the key of {store.path.name} into .env (digest init makes one for a new store)"
        )
    keys = keyring(store.installation.uid, secrets)
    store.accept_keys(tuple(key.fingerprint for key in keys.keys))
    _rename(configuration.file, store)
    return Project(
        configuration.folder,
        configuration.file,
        configuration.environment,
        configuration.given,
        store,
        keys,
    )


def _rename(file: ProjectFile, store: Store) -> None:
    """Call in the store by its new name what digest.toml says was ``formerly`` called otherwise."""
    for kind, sections in ((Newsletter, file.newsletters), (MailingList, file.lists), (Source, file.sources)):
        for name, section in sections.items():
            if section.formerly is not None:
                names.rename(store, kind, name, section.formerly)
