"""``digest db restore``: a project comes back from its backup; nothing that was there is deleted."""

import datetime as dt
import errno
import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZipFile

from digest.environment import Environment, layers, settle
from digest.errors import ConfigError, DigestError, StoreError
from digest.operation import archive
from digest.operation.archive import DOTENV, FOLDERS, STORE, Manifest, Measured, NotABackup
from digest.operation.stopping import stoppable
from digest.settings import FILE, read_project_file
from digest.store import home, snapshot
from digest.store.durable import sync_folder
from digest.store.engine import locate
from digest.store.lock import hold, send_lock
from digest.store.upgrade import migrate, versions
from digest.tokens import keyring

#: What belongs to a store; the log of another one would be written over the one that is restored.
WITH_STORE = ("", "-wal", "-shm", "-journal", "-home", "-emergency")
PRIVATE = 0o600


class NotRestored(DigestError):
    """A backup could not be put in place; everything is as it was."""


@dataclass(frozen=True)
class Restored:
    """What was put back."""

    folder: Path
    store: Path
    manifest: Manifest
    aside: tuple[Path, ...]  #: where that went which was there before
    has_key: bool  #: whether .env or the environment holds the key that the store is signed with


@dataclass
class Moves:
    """Renames that can be taken back."""

    made: list[tuple[Path, Path]] = field(default_factory=list)

    def move(self, source: Path, target: Path) -> None:
        """Move a file or a folder to where nothing is, also to another disk."""
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            source.rename(target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            shutil.move(source, target)
        self.made.append((source, target))

    def take_back(self) -> None:
        """Put everything where it was."""
        for source, target in reversed(self.made):
            shutil.move(target, source)


def restore(
    file: Path, folder: Path, now: dt.datetime, environ: Mapping[str, str] = os.environ, *, replace: bool = False
) -> Restored:
    """Put a backup's project into a folder; its store is not at home there until it is adopted.

    All of it is unpacked beside and checked first.  NotABackup or NotRestored: nothing was changed.
    """
    is_new, folder = not folder.exists(), folder.resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with stoppable(), TemporaryDirectory(prefix=".restore-", dir=folder, ignore_cleanup_errors=True) as made:
            unpacked = Path(made)
            with archive.reading(file) as opened:
                manifest = archive.read_manifest(opened, file)
                _unpack(opened, manifest, unpacked, file)
            try:
                settings = _settings(unpacked, folder, environ)
                database = locate(settings.database_url.get_secret_value(), folder)
                _check_names(unpacked, manifest, environ, file)
                _check_store(unpacked / STORE, manifest, file)
                home.mark_restored(unpacked / STORE, f"{file.name}, made {manifest.made_at}")
                keys = {key.fingerprint for key in keyring(manifest.uid, settings.secret_keys).keys}
            except (StoreError, ConfigError) as error:
                raise NotABackup(file, str(error).replace(f"{unpacked}/", "")) from error
            places = _places(unpacked, folder, database, manifest)
            asides = _put(places, folder, database, now, replace=replace)
        return Restored(folder, database, manifest, asides, manifest.key is None or manifest.key in keys)
    except OSError as error:
        raise NotRestored(
            f"{file} cannot be restored to {folder}: {error.strerror} ({error.filename}); nothing was changed"
        ) from error
    finally:
        if is_new:
            with suppress(OSError):  # it holds the project now
                folder.rmdir()


def _unpack(opened: ZipFile, manifest: Manifest, to: Path, file: Path) -> None:
    """Write a backup's files to a folder; NotABackup unless every byte is what its manifest says."""
    wanted, room = sum(member.size for member in manifest.members.values()), shutil.disk_usage(to).free
    if wanted > room:
        raise NotRestored(f"{file} holds {wanted:,} bytes, and {to.parent} has room for {room:,}; nothing was changed")
    for name, member in manifest.members.items():
        target = to / name
        target.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, PRIVATE)
        with os.fdopen(handle, "wb") as writing, opened.open(name) as reading:
            measured = archive.copy(reading, writing, member.size)
            writing.flush()
            os.fchmod(handle, member.mode if name not in (STORE, DOTENV) else PRIVATE)
            os.fsync(handle)
        if measured != Measured(member.size, member.sha256):
            raise NotABackup(file, f"its {name} is damaged")
        os.utime(target, (member.modified, member.modified))


def _settings(unpacked: Path, folder: Path, environ: Mapping[str, str]) -> Environment:
    """Return the project's settings: by the environment, and .env of the backup, else the one that is there."""
    where = unpacked if (unpacked / DOTENV).exists() else folder
    return settle(layers(where, environ, read_project_file(unpacked / FILE)))


def _check_names(unpacked: Path, manifest: Manifest, environ: Mapping[str, str], file: Path) -> None:
    """Refuse a backup that would write what is no part of a project."""
    allowed = {FILE, STORE, DOTENV, *archive.secret_files(unpacked, environ)}
    for name in manifest.members:
        top, _, rest = name.partition("/")
        if name not in allowed and not (top in FOLDERS and rest):
            raise NotABackup(file, f"{name!r} is no part of a project")


def _check_store(store: Path, manifest: Manifest, file: Path) -> None:
    """Refuse a store that is damaged, another one than the manifest says, or newer; bring up an older one."""
    held = snapshot.contents(store)
    if (held.version, held.uid, held.rows) != (manifest.store, manifest.uid, manifest.rows):
        raise NotABackup(file, "its store is another one than its manifest says")
    known = versions()
    if held.version not in known:
        raise NotABackup(
            file, f"its store has version {held.version}, this program knows up to {known[-1]}; install a newer digest"
        )
    if held.version != known[-1]:
        migrate(store)  # the backup itself is the copy from before


def _places(unpacked: Path, folder: Path, database: Path, manifest: Manifest) -> list[tuple[Path, Path]]:
    """Return what goes where, in order: digest.toml last, for until then nobody finds a project here."""
    tops = {name.partition("/")[0] if name.partition("/")[0] in FOLDERS else name for name in manifest.members}
    between = [(unpacked / name, folder / name) for name in sorted(tops - {FILE, STORE})]
    return [(unpacked / STORE, database), *between, (unpacked / FILE, folder / FILE)]


def _put(
    places: Sequence[tuple[Path, Path]], folder: Path, database: Path, now: dt.datetime, *, replace: bool
) -> tuple[Path, ...]:
    """Move what was there aside and what was unpacked into its place, all of it or nothing; return where it went."""
    targets = [target for _, target in places]
    beside = [database.with_name(database.name + kind) for kind in WITH_STORE]
    in_the_way = _there([*targets, *beside, *(folder / name for name in FOLDERS)])
    if in_the_way and not replace:
        raise NotRestored(
            f"{in_the_way[0]} is there already; restore to another folder, or move it aside with --replace; "
            "nothing was changed"
        )
    database.parent.mkdir(parents=True, exist_ok=True)
    moves = Moves()
    with hold(send_lock(database)):
        try:
            asides = _move_aside(moves, in_the_way, folder, now)
            for source, target in places:
                moves.move(source, target)
        except BaseException:
            moves.take_back()
            raise
    for at in {target.parent for target in targets}:
        sync_folder(at)
    return asides


def _there(paths: Sequence[Path]) -> list[Path]:
    """Return those of the paths where something is; an empty folder is nothing."""
    return [
        path
        for path in dict.fromkeys(paths)
        if path.is_symlink() or (any(path.iterdir()) if path.is_dir() else path.exists())
    ]


def _move_aside(moves: Moves, paths: Sequence[Path], folder: Path, now: dt.datetime) -> tuple[Path, ...]:
    """Move what is in the way into a folder of its own, on the same disk; return those folders."""
    stamp = f"before-restore-{now.astimezone(dt.UTC):%Y%m%d-%H%M%S}"
    asides: dict[Path, Path] = {}
    for path in paths:
        root = folder if path.is_relative_to(folder) else path.parent
        if root not in asides:
            asides[root] = _free(root / stamp)
        moves.move(path, asides[root] / path.relative_to(root))
    return tuple(asides.values())


def _free(path: Path) -> Path:
    """Return a folder's name that nothing has yet."""
    names = (path, *(path.with_name(f"{path.name}-{n}") for n in range(2, 1000)))
    return next(one for one in names if not one.exists())
