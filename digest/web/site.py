"""What all requests share: the project as it is now, its templates, and a way to say something to whoever runs it.

A server runs for months. Meanwhile digest.toml is edited, a key is put in front of the old one, a store comes back from
a backup: each is noticed at the next request.
"""

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from digest.errors import ConfigError
from digest.letter.templates import TemplateError, open_templates
from digest.project import Project, open_project, read_configuration
from digest.settings import FILE
from digest.tokens import keyring

Say = Callable[[str], None]
#: Tells one state of a file from the next: device, number, size, time of change; None while there is no file.
Stamp = tuple[int, int, int, int] | None


class Site:
    """A project that a server works with; made anew by parts when its files change."""

    def __init__(self, project: Project, say: Say) -> None:
        self.say = say
        self._project = project
        self._own = open_templates(project.folder)
        self._packaged = open_templates()
        self._settings: tuple[Stamp, ...] = ()  # none seen yet: what changed since the project was opened counts
        self._store = _identity(project.store.path)
        self._reopened = ExitStack()
        self._looking = threading.Lock()

    def project(self) -> Project:
        """Return the project as it is now; StoreMissing or StoreError while its store cannot be opened."""
        with self._looking:
            self._look_for_another_store()
            self._look_for_other_settings()
            return self._project

    def prefixes(self) -> tuple[str, ...]:
        """Return the paths that base_url puts before ours; a web server in front may have taken them off, or not."""
        prefix = unquote(urlsplit(self._project.base_url).path).rstrip("/")
        return (prefix,) if prefix else ()

    def render(self, name: str, context: Mapping[str, object]) -> str:
        """Return what a template makes of this context; of a project's own that is broken, what the packaged one does.

        A reader who has left must be told so whatever an editor has done to the page.
        """
        try:
            return self._own.render(name, context)
        except TemplateError as error:
            self.say(f"{error}; the packaged page is shown instead")
            return self._packaged.render(name, context)

    def close(self) -> None:
        """Close the stores that were opened here."""
        self._reopened.close()

    def _look_for_another_store(self) -> None:
        """Open the store that has been put in the place of ours: what we write into the old file would be lost."""
        path = self._project.store.path
        if _identity(path) != self._store:
            self._project = self._reopened.enter_context(open_project(self._project.folder))
            self._store, self._settings = _identity(path), ()
            self.say(f"{path.name} has been replaced; the new one is open")

    def _look_for_other_settings(self) -> None:
        folder = self._project.folder
        now = (_stamp(folder / FILE), _stamp(folder / ".env"))
        if now != self._settings:
            self._settings = now
            try:
                self._project = _read_again(self._project)
            except ConfigError as error:
                self.say(f"{error}; the settings read before stay in force")


def _read_again(project: Project) -> Project:
    """Return the project with what digest.toml, .env and the environment say now, on the same store."""
    configuration = read_configuration(project.folder)
    keys = project.keys
    if secrets := configuration.environment.secret_keys:
        keys = keyring(project.store.installation.uid, secrets)
        project.store.accept_keys(tuple(key.fingerprint for key in keys.keys))
    return replace(
        project,
        file=configuration.file,
        environment=configuration.environment,
        given=configuration.given,
        keys=keys,
    )


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns)


def _identity(path: Path) -> tuple[int, int] | None:
    stamp = _stamp(path)
    return stamp and stamp[:2]
