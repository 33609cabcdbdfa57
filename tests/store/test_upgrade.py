import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from textwrap import dedent, indent
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import StatementError
from sqlmodel import SQLModel

from digest.errors import ConfigError, StoreError, StoreMissing
from digest.store import create, open_store, upgrade
from digest.store.engine import READ, WRITE, make_engine
from digest.store.upgrade import MIGRATIONS, bring_up, migrate, version_of, versions
from tests.store.builders import NOON, a_frozen_edition, query

Migrations = Callable[..., Path]
NEW_COLUMN = """\
with op.batch_alter_table("edition", recreate="always") as edition:
    edition.add_column(sa.Column("weather", sa.String(), nullable=True))
"""
TABLES = [str(table) for table in SQLModel.metadata.sorted_tables]


@pytest.fixture
def migrations(tmp_path: Path) -> Migrations:
    """Return a function that makes a folder of migrations with one more than the program has."""

    def make(change: str = NEW_COLUMN) -> Path:
        folder = tmp_path / "migrations"
        shutil.copytree(MIGRATIONS, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
        newest = int(versions()[-1])
        head = f"""\
            import sqlalchemy as sa
            from alembic import op

            revision = "{newest + 1:04}"
            down_revision = "{newest:04}"


            def upgrade() -> None:
            """
        (folder / "versions" / f"{newest + 1:04}_one_more.py").write_text(dedent(head) + indent(change, "    "))
        return folder

    return make


@pytest.fixture
def filled(path: Path) -> Path:
    """A store in which rows refer to an edition: with ON DELETE CASCADE (letters) and without."""
    store = open_store(path)
    a_frozen_edition(store, "anna@example.com", "bo@example.com")
    store.close()
    return path


def contents(path: Path) -> dict[str, list[Any]]:
    return {table: query(path, f'SELECT * FROM "{table}"') for table in TABLES if table != "edition"}


def following(version: str) -> str:
    return f"{int(version) + 1:04}"


def test_newest_version_is_what_the_models_say(path: Path) -> None:
    engine = make_engine(path, READ)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        drift = compare_metadata(context, SQLModel.metadata)
    engine.dispose()

    assert drift == []


def test_new_store_has_the_very_tables_that_the_models_make(path: Path, tmp_path: Path) -> None:
    # What autogenerate does not look at: WITHOUT ROWID, AUTOINCREMENT, partial indexes, ON DELETE.
    made = make_engine(tmp_path / "models.db", WRITE)
    with made.begin() as connection:
        SQLModel.metadata.create_all(connection)
    made.dispose()

    def schema(path: Path) -> dict[str, Any]:
        wanted = "SELECT type, name, sql FROM sqlite_master WHERE sql NOT NULL AND name != 'alembic_version'"
        return {name: shape(path, name) if kind == "table" else sql for kind, name, sql in query(path, wanted)}

    def shape(path: Path, table: str) -> Any:
        # Not its words: a column that a later version added stands last in them, with a default for old rows.
        ((words,),) = query(path, f"SELECT sql FROM sqlite_master WHERE name = '{table}'")
        columns = query(path, f"SELECT name, type, [notnull], pk FROM pragma_table_info('{table}') ORDER BY name")
        refers = query(path, f"SELECT [table], [from], [to], on_delete FROM pragma_foreign_key_list('{table}')")
        names = sorted(re.findall(r"CONSTRAINT (\w+)", words))
        return columns, sorted(refers), names, "WITHOUT ROWID" in words, "AUTOINCREMENT" in words

    assert schema(path) == schema(tmp_path / "models.db")


def test_migration_that_alembic_writes_knows_no_class_of_ours(tmp_path: Path) -> None:
    folder = tmp_path / "migrations"
    shutil.copytree(MIGRATIONS, folder, ignore=shutil.ignore_patterns("__pycache__", "0*.py"))
    config = Config()
    config.set_main_option("script_location", str(folder))
    engine = make_engine(tmp_path / "empty.db", WRITE)
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.revision(config, message="all of it", autogenerate=True, rev_id="0001")
    engine.dispose()

    (written,) = (folder / "versions").glob("*.py")
    assert not re.findall(r"digest|sqlmodel|Code|Instant|Enum|AutoString", written.read_text())
    migrate(tmp_path / "made.db", folder)
    assert version_of(tmp_path / "made.db") == "0001"


@pytest.mark.parametrize("version", versions())
def test_store_of_every_version_comes_up_to_the_newest_with_its_rows(
    version: str, tmp_path: Path, migrations: Migrations
) -> None:
    path = tmp_path / "old.db"
    migrate(path, to=version)
    with closing(sqlite3.connect(path)) as connection, connection:
        known = "INSERT INTO installation (id, uid, pepper, created_at) VALUES (1, 'ab', 'cd', '2025-11-30 12:00:00')"
        connection.execute(known)
        connection.execute("INSERT INTO relay (id, name) VALUES (7, 'mail.example.com')")
    folder = migrations()

    migrate(path, folder)

    assert version_of(path) == following(versions()[-1])
    assert query(path, "SELECT id, name FROM relay") == [(7, "mail.example.com")]
    assert query(path, "SELECT uid FROM installation") == [("ab",)]
    assert query(path, "SELECT weather FROM edition") == []


def test_rows_survive_when_the_table_they_refer_to_is_made_anew(filled: Path, migrations: Migrations) -> None:
    before = contents(filled)
    assert len(before["letter"]) == 1
    assert len(before["delivery"]) == 2

    migrate(filled, migrations())

    assert contents(filled) == before
    assert query(filled, "SELECT id, weather FROM edition") == [(1, None)]
    assert query(filled, "PRAGMA foreign_key_check") == []


def test_the_trap_is_there_with_references_enforced(filled: Path, migrations: Migrations) -> None:
    # What the test above guards against: should SQLite or Alembic mend it one day, this tells.
    with closing(sqlite3.connect(filled)) as connection:
        connection.execute("PRAGMA foreign_keys=ON")
        with connection:
            connection.execute("DELETE FROM delivery")
            connection.execute("UPDATE placement SET edition_id = NULL")
            connection.execute("CREATE TABLE anew AS SELECT * FROM edition")
            connection.execute("DROP TABLE edition")

    assert query(filled, "SELECT * FROM letter") == []


def test_upgrade_leaves_a_copy_of_the_store_as_it_was(filled: Path, migrations: Migrations) -> None:
    version, before = versions()[-1], contents(filled)

    copy = bring_up(filled, version, migrations())

    assert version_of(filled) == following(version)
    assert contents(filled) == before
    assert copy == filled.with_name(f"digest.db.before-{following(version)}-from-{version}")
    assert version_of(copy) == version
    assert contents(copy) == before
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert sorted(p.name for p in filled.parent.glob("*.unfinished*")) == []


def test_copy_is_of_one_moment_whoever_writes_meanwhile(
    filled: Path, migrations: Migrations, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = upgrade._counts

    def count_and_let_somebody_write(connection: sqlite3.Connection) -> dict[str, int]:
        counted = count(connection)
        with closing(sqlite3.connect(filled)) as other, other:
            other.execute("INSERT OR IGNORE INTO relay (name) VALUES ('meanwhile')")
        return counted

    monkeypatch.setattr(upgrade, "_counts", count_and_let_somebody_write)

    copy = bring_up(filled, versions()[-1], migrations())

    assert query(copy, "SELECT count(*) FROM relay") == [(0,)]
    assert version_of(filled) == following(versions()[-1])


def test_copy_of_a_store_opens_as_one(filled: Path, migrations: Migrations) -> None:
    copy = bring_up(filled, versions()[-1], migrations())

    store = open_store(copy)
    store.close()

    assert store.installation.uid


def test_second_opener_finds_the_upgrade_done(filled: Path, migrations: Migrations) -> None:
    folder, version = migrations(), versions()[-1]
    first = bring_up(filled, version, folder)

    second = bring_up(filled, version, folder)

    assert second == first
    assert version_of(first) == version, "the copy is no longer that of the store before the upgrade"


def test_two_processes_upgrade_a_store_once(filled: Path, migrations: Migrations) -> None:
    version = versions()[-1]
    folder = migrations(NEW_COLUMN + "import time\ntime.sleep(0.2)\n")
    code = f"""\
        from pathlib import Path
        from digest.store.upgrade import bring_up
        print(bring_up(Path({str(filled)!r}), {version!r}, Path({str(folder)!r})))
        """
    both = [subprocess.Popen([sys.executable, "-c", dedent(code)], stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate(timeout=30)[0].strip() for process in both]

    assert [process.returncode for process in both] == [0, 0]
    assert version_of(filled) == following(version)
    assert printed[0] == printed[1]
    assert version_of(Path(printed[0])) == version
    assert query(filled, "SELECT count(*) FROM delivery") == [(2,)]


def test_upgrade_waits_for_another_program_that_is_writing(filled: Path, migrations: Migrations) -> None:
    folder = migrations()
    other = sqlite3.connect(filled, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    end = threading.Timer(0.3, other.rollback)
    end.start()

    bring_up(filled, versions()[-1], folder)

    end.join()
    other.close()
    assert version_of(filled) == following(versions()[-1])


@pytest.mark.parametrize(
    "trouble",
    [
        'raise RuntimeError("the power is off")\n',
        'op.execute("INSERT INTO relay (id, nothing) VALUES (1, 2)")\n',
        'op.execute("DELETE FROM letter")\nop.execute("DELETE FROM subscriber")\n',
    ],
    ids=["raises", "SQL", "breaks a reference"],
)
def test_interrupted_upgrade_leaves_the_store_as_it_was(
    trouble: str, filled: Path, migrations: Migrations, tmp_path: Path
) -> None:
    before, version = contents(filled), versions()[-1]

    with pytest.raises((RuntimeError, StoreError)):
        bring_up(filled, version, migrations(NEW_COLUMN + trouble))

    assert version_of(filled) == version
    assert contents(filled) == before
    assert query(filled, "SELECT count(*) FROM pragma_table_info('edition') WHERE name = 'weather'") == [(0,)]
    store = open_store(filled)
    store.close()

    bring_up(filled, version, migrations(NEW_COLUMN))  # and when its cause is gone it goes through

    assert contents(filled) == before


def test_upgrade_that_would_break_a_reference_says_so(filled: Path, migrations: Migrations) -> None:
    with pytest.raises(StoreError, match=r"would break a reference in table delivery; nothing changed"):
        bring_up(filled, versions()[-1], migrations('op.execute("DELETE FROM letter")\n'))


def test_copy_that_cannot_be_made_stops_the_upgrade(filled: Path, migrations: Migrations) -> None:
    version = versions()[-1]
    blocked = filled.with_name(f"{filled.name}.before-{following(version)}-from-{version}.unfinished")
    (blocked / "x").mkdir(parents=True)

    with pytest.raises(StoreError, match="before its upgrade"):
        bring_up(filled, version, migrations())

    assert version_of(filled) == version


def test_damaged_store_is_not_upgraded(filled: Path, migrations: Migrations) -> None:
    with closing(sqlite3.connect(filled)) as connection, connection:
        # An index that lacks rows, as after a fault of a disk: the store still opens.
        connection.execute("PRAGMA writable_schema=ON")
        connection.execute("UPDATE sqlite_master SET sql = replace(sql, ' WHERE guid IS NOT NULL', '')")

    with pytest.raises(StoreError, match=r"copy of .* before its upgrade is not whole \(row 1 missing from index"):
        bring_up(filled, versions()[-1], migrations())

    assert version_of(filled) == versions()[-1]
    assert list(filled.parent.glob("digest.db.before-*[0-9]")) == []


def test_older_store_is_upgraded_when_it_is_opened(filled: Path, migrations: Migrations) -> None:
    before = contents(filled)

    store = open_store(filled, migrations())
    store.close()

    assert version_of(filled) == following(versions()[-1])
    assert contents(filled) == before
    assert len(list(filled.parent.glob("digest.db.before-*"))) == 1


def test_newer_store_is_refused_in_one_line(filled: Path, migrations: Migrations) -> None:
    migrate(filled, migrations())
    newest = following(versions()[-1])

    with pytest.raises(ConfigError) as refused:
        open_store(filled)

    assert str(refused.value) == (
        f"the store {filled} has version {newest}, this program knows up to {versions()[-1]}; "
        "install the newer digest that wrote it"
    )
    assert version_of(filled) == newest


def test_versions_are_the_chain_of_the_migrations() -> None:
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    chain = [script.revision for script in ScriptDirectory.from_config(config).walk_revisions()]

    assert list(versions()) == list(reversed(chain))
    assert all(len(version) == 4 for version in versions())


def test_missing_store_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(StoreMissing, match="make it with: digest init"):
        open_store(tmp_path / "digest.db")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"Subject: no store\r\n" * 400, b"\0" * 8192])
def test_file_that_is_no_sqlite_is_refused_and_left_alone(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "digest.db"
    path.write_bytes(content)

    with pytest.raises(ConfigError, match=r"digest\.db is not a store"):
        open_store(path)

    assert path.read_bytes() == content
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "sql",
    [
        "CREATE TABLE recipe (name)",
        "CREATE TABLE alembic_version (version_num VARCHAR(32)); INSERT INTO alembic_version VALUES ('ae10')",
        "",
    ],
    ids=["no versions", "versions of its own", "empty"],
)
def test_sqlite_file_of_something_else_is_refused_and_left_alone(tmp_path: Path, sql: str) -> None:
    path = tmp_path / "digest.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    path.touch()
    before = path.read_bytes()

    with pytest.raises(ConfigError, match=r"digest\.db is not a store of digest; correct DIGEST_DATABASE_URL"):
        open_store(path)

    assert path.read_bytes() == before


def test_folder_in_the_place_of_a_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "digest.db").mkdir()

    with pytest.raises(ConfigError, match=r"digest\.db cannot be"):
        open_store(tmp_path / "digest.db")


def test_new_store_can_be_read_by_nobody_else(tmp_path: Path) -> None:
    path = tmp_path / "data" / "digest.db"

    create(path, NOON)

    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == ["digest.db"]


def test_store_whose_making_was_interrupted_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "digest.db"

    with pytest.raises(StatementError):  # the tables are there when it stumbles over a moment without a zone
        create(path, NOON.replace(tzinfo=None))

    assert not path.exists()
    create(path, NOON)
    open_store(path).close()
    assert list(tmp_path.iterdir()) == [path]


def test_store_that_is_there_is_never_replaced(filled: Path) -> None:
    before = contents(filled)

    with pytest.raises(StoreError, match=r"there is a store at .*digest\.db already; nothing was changed"):
        create(filled, NOON)

    assert contents(filled) == before


def test_each_new_store_has_an_identity_of_its_own(tmp_path: Path) -> None:
    create(tmp_path / "a.db", NOON)
    create(tmp_path / "b.db", NOON)
    a, b = open_store(tmp_path / "a.db"), open_store(tmp_path / "b.db")
    a.close()
    b.close()

    assert len(bytes.fromhex(a.installation.uid)) == 16
    assert len(bytes.fromhex(a.installation.pepper)) == 32
    assert a.installation.uid != b.installation.uid
    assert a.installation.pepper != b.installation.pepper
    assert a.installation.key is None
    assert a.installation.created_at == NOON
