"""Blocks for digest.toml: a source as people would write it, put at the end of their file."""

import errno
import json
import os
import re
import tempfile
import unicodedata
from collections.abc import Iterable
from pathlib import Path

from digest.errors import ConfigError
from digest.settings import FILE, SourceSettings, read_project_file


def free_name(words: str, taken: Iterable[str]) -> str:
    """Return a name for a source made of a host or title, that none has yet."""
    plain = unicodedata.normalize("NFKD", words.lower()).encode("ascii", "ignore").decode()
    plain = re.sub(r"^(www|feeds?|rss|news)\.", "", plain)
    name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:50].strip("-") or "source"
    known = set(taken)
    return next(one for one in (name, *(f"{name}-{n}" for n in range(2, len(known) + 3))) if one not in known)


def block(settings: SourceSettings, newsletters: Iterable[str] = ()) -> str:
    """Return the lines that stand for a source in digest.toml."""
    # A basic string of TOML is one of JSON, but for DEL, which no address has.
    rows = [f"[sources.{_key(settings.name)}]", f"{settings.kind} = {json.dumps(settings.place, ensure_ascii=False)}"]
    if settings.query:
        rows.append(f"query = {json.dumps(settings.query, ensure_ascii=False)}")
    rows += [f"{flag} = true" for flag in ("discover", "extract", "private") if getattr(settings, flag)]
    if named := list(newsletters):
        rows.append(f"newsletters = {json.dumps(named)}")
    return "\n".join(rows) + "\n"


def _key(name: str) -> str:
    return f'"{name}"' if "." in name else name


def append(folder: Path, blocks: str) -> None:
    """Put blocks at the end of digest.toml, all at once or not at all; nothing that stands there is touched.

    What comes of it is read as the program reads it, before it is put in place; ConfigError.
    """
    try:
        _append(folder / FILE, blocks)
    except OSError as error:
        where = folder / FILE
        raise ConfigError(f"{where} cannot be written: {error.strerror}; put the block there by hand") from error


def _append(path: Path, blocks: str) -> None:
    if not os.access(path, os.W_OK):  # it could be replaced all the same; somebody has said that it shall not
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    before = path.read_bytes()
    ending = b"\r\n" if b"\r\n" in before else b"\n"
    gap = b"" if not before or before.endswith(b"\n") else ending
    after = before + gap + ending + blocks.encode().replace(b"\n", ending)
    handle, name = tempfile.mkstemp(prefix=f".{FILE}-", dir=path.parent)
    made = Path(name)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(after)
            file.flush()
            os.fsync(file.fileno())
        made.chmod(path.stat().st_mode & 0o7777)
        try:
            read_project_file(made)
        except ConfigError as error:
            raise ConfigError(str(error).replace(str(made), str(path))) from error
        made.replace(path.resolve())  # a link to it stays one
    finally:
        made.unlink(missing_ok=True)
