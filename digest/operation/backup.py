"""``digest db backup``: one file that a project comes back from, made while others work on it."""

import datetime as dt
import os
import stat
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from digest import __version__
from digest.delivery import emergency
from digest.errors import DigestError, StoreError, StoreMissing
from digest.operation import archive
from digest.operation.archive import DOTENV, FOLDERS, STORE, Manifest, Member
from digest.operation.stopping import stoppable
from digest.project import Configuration
from digest.settings import FILE
from digest.store import snapshot
from digest.store.durable import move
from digest.store.lock import hold
from digest.store.snapshot import Contents

#: What stands beside a store and belongs to it.
BESIDE = ("", "-wal", "-shm", "-journal", "-home", "-emergency", "-send.lock", "-sync.lock", "-upgrade.lock")
KEY = "DIGEST_SECRET_KEY"
STOPS_LINKS = "without it links in letters already sent stop working"


class NoBackup(DigestError):
    """A backup could not be made; what was there is as it was."""


@dataclass(frozen=True)
class Source:
    """One file of the project, and its name in the backup."""

    name: str
    path: Path


@dataclass(frozen=True)
class LeftOut:
    """Something in the project's folders that no backup takes, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class BackedUp:
    """What was made."""

    file: Path
    size: int
    manifest: Manifest
    left_out: tuple[LeftOut, ...]
    missing: tuple[str, ...]  #: what of the project is not in it, in words


def back_up(
    configuration: Configuration,
    file: Path,
    now: dt.datetime,
    environ: Mapping[str, str] = os.environ,
    *,
    secrets: bool = False,
    overwrite: bool = False,
) -> BackedUp:
    """Write the project into one file that only its owner may read, read it through, and say what is not in it.

    Others may write meanwhile: the store is taken as of one moment.  NoBackup leaves everything as it was.
    """
    database = configuration.database
    if not database.exists():
        raise StoreMissing(str(database))
    named = archive.secret_files(configuration.folder, environ)
    _refuse(configuration, file, named, overwrite=overwrite)
    found = list(_found(configuration.folder, named if secrets else [], secrets=secrets))
    sources = [one for one in found if isinstance(one, Source)]
    left_out = tuple(one for one in found if isinstance(one, LeftOut))
    unfinished, copy = file.with_name(file.name + ".unfinished"), file.with_name(file.name + ".store.unfinished")
    with stoppable(), hold(unfinished):
        try:
            copy.unlink(missing_ok=True)
            copy.touch(mode=0o600)
            contents = snapshot.take(database, copy)
            manifest = _write(unfinished, [*sources, Source(STORE, copy)], contents, now)
            with archive.reading(unfinished) as written:
                archive.verify(written, manifest, file)
            if file.exists() and not overwrite:
                raise _there(file)
            move(unfinished, file)
        except OSError as error:
            raise NoBackup(
                f"{file} cannot be written: {error.strerror}; nothing was left behind; look at the disk's room and the "
                "folder's permissions"
            ) from error
        finally:
            copy.unlink(missing_ok=True)
            unfinished.unlink(missing_ok=True)
    taken = {source.name for source in sources}
    return BackedUp(file, file.stat().st_size, manifest, left_out, tuple(_missing(configuration, named, taken)))


def _refuse(configuration: Configuration, file: Path, named: Iterable[str], *, overwrite: bool) -> None:
    """Raise NoBackup for a file that must not be written over, or would be part of itself."""
    folder, database = configuration.folder, configuration.database
    here = file.parent.resolve() / file.name
    if file.is_dir():
        raise NoBackup(f"{file} is a folder; name a file in it, such as {file / 'digest.zip'}")
    ours = [folder / FILE, folder / DOTENV, *(folder / name for name in named)]
    beside = [database.with_name(database.name + kind) for kind in BESIDE]
    if {here, file.resolve()} & {path.resolve() for path in (*ours, *beside)}:
        raise NoBackup(f"{file} is part of the project itself; name another file")
    for name in FOLDERS:
        if (folder / name).resolve() in here.parents:
            raise NoBackup(f"{file} would be in {name}/, which is backed up itself; name a file elsewhere")
    if file.exists() and not overwrite:
        raise _there(file)


def _there(file: Path) -> NoBackup:
    return NoBackup(f"{file} is there already; name another file, or write over it with --overwrite")


def _found(folder: Path, named: Iterable[str], *, secrets: bool) -> Iterator[Source | LeftOut]:
    """Yield what a backup takes of a project's folder but the store, and what it does not."""
    yield Source(FILE, folder / FILE)
    if secrets and (folder / DOTENV).exists():
        yield Source(DOTENV, folder / DOTENV)
    seen = {FILE, DOTENV, STORE}
    for name in named:
        if name not in seen and archive.is_inside(name) and (folder / name).exists():
            seen.add(name)
            yield _judged(folder, folder / name)
    for top in FOLDERS:
        if (folder / top).is_symlink() and not (folder / top).resolve().is_relative_to(folder.resolve()):
            yield LeftOut(f"{top}/", "a link that leads out of the project")
            continue
        for at, folders, files in os.walk(folder / top, onerror=_unreadable):
            folders.sort()
            yield from (_judged(folder, Path(at, name)) for name in folders if Path(at, name).is_symlink())
            yield from (
                _judged(folder, path) for name in sorted(files) if _name(folder, path := Path(at, name)) not in seen
            )


def _judged(folder: Path, path: Path) -> Source | LeftOut:
    name = _name(folder, path)
    try:
        name.encode()
    except UnicodeEncodeError:
        return LeftOut(os.fsencode(name).decode("utf-8", "backslashreplace"), "its name is not UTF-8")
    if path.is_symlink() and not path.resolve().is_relative_to(folder.resolve()):
        return LeftOut(name, "a link that leads out of the project")
    if path.is_symlink() and not path.exists():
        return LeftOut(name, "a link that leads nowhere")
    if not stat.S_ISREG(path.stat().st_mode):
        return LeftOut(name, "not a file")
    return Source(name, path)


def _name(folder: Path, path: Path) -> str:
    return path.relative_to(folder).as_posix()


def _unreadable(error: OSError) -> None:
    if not isinstance(error, FileNotFoundError):  # a project may have none of these folders
        raise NoBackup(f"{error.filename} cannot be read: {error.strerror}; nothing was written")


def _write(unfinished: Path, sources: Iterable[Source], contents: Contents, now: dt.datetime) -> Manifest:
    members: dict[str, Member] = {}
    with unfinished.open("wb") as opened:
        with zipfile.ZipFile(opened, "w", zipfile.ZIP_DEFLATED, allowZip64=True) as target:
            for source in sources:
                members[source.name] = _add(target, source)
            manifest = Manifest(
                format=archive.FORMAT,
                made_at=now.isoformat(timespec="seconds"),
                program=__version__,
                store=contents.version,
                uid=contents.uid,
                key=contents.key,
                rows=contents.rows,
                members=members,
            )
            target.writestr(archive.MANIFEST, archive.as_json(manifest))
        opened.flush()
        os.fsync(opened.fileno())
    return manifest


def _add(target: zipfile.ZipFile, source: Source) -> Member:
    try:
        info = zipfile.ZipInfo.from_file(source.path, source.name, strict_timestamps=False)
        reading = source.path.open("rb")
    except OSError as error:
        raise NoBackup(f"{source.path} cannot be read: {error.strerror}; nothing was written") from error
    info.compress_type = zipfile.ZIP_DEFLATED
    info.external_attr = (stat.S_IFREG | 0o600) << 16
    with reading, target.open(info, "w", force_zip64=True) as writing:
        measured = archive.copy(reading, writing)
        known = os.fstat(reading.fileno())
    mode = stat.S_IMODE(known.st_mode) & 0o777
    return Member(size=measured.size, sha256=measured.sha256, modified=int(known.st_mtime), mode=mode)


def _missing(configuration: Configuration, named: Iterable[str], taken: set[str]) -> Iterator[str]:
    """Yield in words what of a project is not in its backup."""
    folder = configuration.folder
    yield from _outcomes(configuration.database)
    key = next(one.source for one in configuration.given if one.name == KEY)
    if key == DOTENV and DOTENV not in taken:
        yield f"{DOTENV} with {KEY} (--with-secrets takes it in; {STOPS_LINKS})"
    elif (folder / DOTENV).exists() and DOTENV not in taken:
        yield f"{DOTENV} (--with-secrets takes it in)"
    if key == "environment":
        yield f"{KEY}, which is set outside the project ({STOPS_LINKS})"
    for name in named:
        if name not in taken:
            yield f"{name} with a secret"
    folders = ("outbox", "preview", *(source.folder for source in configuration.file.sources.values() if source.folder))
    yield from (f"{name.rstrip('/')}/" for name in dict.fromkeys(folders) if (folder / name).is_dir())


def _outcomes(database: Path) -> Iterator[str]:
    """Yield that outcomes wait beside the store, which is taken without them."""
    name = emergency.journal_file(database).name
    try:
        kept = len(emergency.waiting(database))
    except StoreError:
        yield f"{name}, which cannot be read (digest db check)"
        return
    if kept:
        letters = f"{kept:,} letter" + ("" if kept == 1 else "s")
        yield f"{name}, where what came of {letters} waits for the next digest send"
