"""Which version a store has, and how an older one is brought up: under the lock, after a verified copy beside it."""

import logging
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from digest.errors import ConfigError, StoreError
from digest.store.engine import READ, WRITE, as_store_error, is_locked, make_engine
from digest.store.lock import hold

MIGRATIONS = Path(__file__).parent / "migrations"


def versions(migrations: Path = MIGRATIONS) -> tuple[str, ...]:
    """Return the versions a store can have, oldest first: the migrations' files begin with their numbers.

    Alembic knows them too, but takes a third of a second to import.
    """
    return tuple(sorted(path.name.partition("_")[0] for path in (migrations / "versions").glob("[0-9]*_*.py")))


def version_of(path: Path) -> str | None:
    """Return a store's version, None for what is no store of ours; ConfigError when it cannot be read as one."""
    # Alembic's table alone says nothing: other programs have it too.
    marks = "SELECT count(*) FROM sqlite_master WHERE name IN ('alembic_version', 'installation')"
    engine = make_engine(path, READ)
    try:
        with engine.connect() as connection:
            if connection.exec_driver_sql(marks).scalar() != 2:
                return None
            version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except DBAPIError as error:
        known = as_store_error(error, path)
        raise known if is_locked(error) else ConfigError(str(known)) from error
    finally:
        engine.dispose()
    return None if version is None else str(version)


def check_version(path: Path, version: str | None, known: Sequence[str]) -> None:
    """Refuse what is no store of ours, or of a newer program: ConfigError in one line."""
    if version is None:
        raise ConfigError(
            f"{path} is not a store of digest; correct DIGEST_DATABASE_URL or make a project: digest init"
        )
    if version not in known:
        raise ConfigError(
            f"the store {path} has version {version}, this program knows up to {known[-1]}; "
            "install the newer digest that wrote it"
        )


def bring_up(path: Path, version: str, migrations: Path = MIGRATIONS) -> Path:
    """Upgrade an older store to the newest version and return the copy that was made of it first.

    One process does it, the others wait for the lock and find it done.
    """
    copy = path.with_name(f"{path.name}.before-{versions(migrations)[-1]}-from-{version}")
    with hold(path.with_name(path.name + "-upgrade.lock"), wait=True):
        if version_of(path) == version:
            _copy(path, copy)
            migrate(path, migrations)
    return copy


def migrate(path: Path, migrations: Path = MIGRATIONS, to: str = "head") -> None:
    """Run the migrations up to a version in one transaction: all of them, or none."""
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(migrations).replace("%", "%%"))
    # With foreign keys on, a table made anew by batch mode takes the rows that point at it along (ON DELETE CASCADE).
    engine = make_engine(path, WRITE, foreign_keys=False)
    try:
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, to)
            broken = connection.exec_driver_sql("PRAGMA foreign_key_check").first()
            if broken:
                raise StoreError(f"the upgrade of {path} would break a reference in table {broken[0]}; nothing changed")
    except DBAPIError as error:
        raise as_store_error(error, path) from error
    finally:
        engine.dispose()


def _copy(path: Path, copy: Path) -> None:
    """Copy a store that is in use, and read the copy through."""
    unfinished = copy.with_name(copy.name + ".unfinished")
    try:
        unfinished.unlink(missing_ok=True)
        unfinished.touch(mode=0o600)
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as target:
            source.execute("BEGIN")
            counts = _counts(source)  # from here on it is read as of this moment, whoever writes meanwhile
            source.backup(target)
            verdict = target.execute("PRAGMA integrity_check").fetchone()[0]
            if verdict != "ok" or _counts(target) != counts:
                raise StoreError(f"the copy of {path} before its upgrade is not whole ({verdict}); nothing changed")
        unfinished.rename(copy)
    except (OSError, sqlite3.Error) as error:
        raise StoreError(f"{path} could not be copied before its upgrade ({error}); nothing changed") from error


def _counts(connection: sqlite3.Connection) -> dict[str, int]:
    tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
    return {name: connection.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] for name in tables}  # noqa: S608
