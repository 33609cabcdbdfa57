"""The tree of errors: one line for people, the thing itself as data, and the exit code of the contract."""

import difflib
from collections.abc import Iterable
from pathlib import Path


class DigestError(Exception):
    """Something a person must know: one line that says what is wrong, with what, and what to do."""

    exit_code = 1


class ConfigError(DigestError):
    """The project, its settings or its credentials are not fit to work with."""

    exit_code = 4


class BusyError(DigestError):
    """Another run is at it."""

    exit_code = 5


class HeldError(DigestError):
    """Preflight, lateness or an editor stopped an edition."""

    exit_code = 6


class NoProject(ConfigError):
    """No folder with a digest.toml was found."""

    def __init__(self, start: Path) -> None:
        super().__init__(
            f"no digest.toml in {start} or above it; go to the project's folder, name it with --project DIR, "
            "or make one with: digest init"
        )
        self.start = start


class NewsletterNotFound(ConfigError):
    """digest.toml names no such newsletter."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        super().__init__(f"no newsletter {name!r} in digest.toml; it has: {', '.join(names) or 'none yet'}")
        self.name = name


class NoSuchState(DigestError):
    """A state was named that there is none of."""

    exit_code = 2

    def __init__(self, word: str, known: Iterable[str]) -> None:
        states = [str(state) for state in known]
        super().__init__(f"no state {word!r}; there are: {', '.join(states)}{nearest(word, states)}")
        self.word = word


class StoreError(DigestError):
    """The store could not do what was asked: locked, full, torn, unreachable."""


class StoreMissing(ConfigError):
    """The project has no store where its settings say."""

    def __init__(self, where: str) -> None:
        super().__init__(f"no store at {where}; make it with: digest init (or correct DIGEST_DATABASE_URL)")
        self.where = where


def nearest(word: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'x'?"`` for the known word most like this one, else an empty string."""
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""
