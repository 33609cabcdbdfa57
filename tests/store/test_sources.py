import sqlite3
from contextlib import closing
from pathlib import Path

from digest.models import Source
from digest.store import Store, names, open_store, saving, sources
from digest.store.saving import Book, Home
from digest.store.sources import Refused
from digest.store.upgrade import migrate
from tests.builders import an_article
from tests.store.builders import LATER, NOON, do, query


def a_source(store: Store, name: str = "press") -> int:
    return names.number(store, Source, name, None, NOON)


def test_older_store_s_sources_are_not_taken_for_new_ones(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    migrate(path, to="0003")
    with closing(sqlite3.connect(path)) as store, store:
        store.execute("INSERT INTO installation (id, uid, pepper, created_at) VALUES (1, 'u', 'p', '2025-11-30')")
        for number, name in ((1, "press"), (2, "empty")):
            store.execute("INSERT INTO source VALUES (?, ?, ?, '2025-11-29 06:00:00.000000')", (number, name, name))
        columns = "source_id, guid, title, subtitle, lead, body, section, author, first_seen, changed_at"
        values = "?, ?, 'Rost', '', '', '', '', '', '2025-11-30', '2025-11-30'"
        article = f"INSERT INTO article ({columns}) VALUES ({values})"
        store.executemany(article, [(1, "a"), (1, "b"), (None, "c")])

    opened = open_store(path)
    try:
        joined = {number: state.joined_at is not None for number, state in sources.states(opened).items()}
        book = sources.book(opened)
    finally:
        opened.close()

    assert joined == {1: True}
    assert [(one.source, one.new, one.articles, one.is_sound) for one in book] == [
        (None, 1, 1, True),
        ("press", 2, 2, True),
    ]


def test_all_sources_get_numbers_at_once_and_keep_them(store: Store) -> None:
    old = a_source(store, "press")

    numbers = sources.number_all(store, {"trade": "press", "radio": None}, NOON)

    assert numbers["trade"] == old
    assert sources.numbers(store) == numbers


def test_state_is_written_in_parts(store: Store) -> None:
    press = a_source(store)

    sources.set_state(store, press, {"etag": '"1"', "failures": 2}).result()
    sources.set_state(store, press, {"failures": 0, "last_ok": NOON}).result()

    state = sources.states(store)[press]
    assert (state.etag, state.failures, state.last_ok, state.last_error) == ('"1"', 0, NOON, "")


def test_marks_of_what_is_gone_are_forgotten(store: Store) -> None:
    press, other = a_source(store), a_source(store, "other")
    sources.set_marks(store, press, {str(n): "1" for n in range(2500)})
    sources.set_marks(store, other, {"1": "1"})

    sources.set_marks(store, press, {"1": "2"}, [str(n) for n in range(2, 2500)])

    assert sources.marks(store, press) == {"0": "1", "1": "2"}
    assert sources.marks(store, other) == {"1": "1"}


def test_refused_item_is_remembered_once_however_often_it_is_found(store: Store) -> None:
    press = a_source(store)
    one, two = Refused("item 1", "no title"), Refused("item 2", "no title")

    assert do(store, lambda c: sources.refuse(c, press, [one, one], NOON))
    assert not do(store, lambda c: sources.refuse(c, press, [one], LATER))
    assert do(store, lambda c: sources.refuse(c, press, [two], NOON))

    assert sources.refusals(store, press) == [one, two]
    assert sources.refusals(store, None) == []


def test_book_has_a_line_for_each_collect_that_brings_something(store: Store) -> None:
    press = a_source(store)

    def collect(*guids: str, refused: tuple[Refused, ...] = ()) -> None:
        found = [an_article(guid, source_id=press, guid=guid, link=None) for guid in guids]
        saving.save(store, found, lambda _: Home({}), NOON, Book(press, refused))

    collect("a", "b", refused=(Refused("item 3", "no title"),))
    collect("a", "b", refused=(Refused("item 3", "no title"),))
    collect("a", "b", "c")
    collect(refused=(Refused("item 1", "no title"),))

    columns = "found, new, changed, unchanged, refused"
    assert query(store.path, f"SELECT {columns} FROM collected") == [(3, 2, 0, 0, 1), (3, 1, 0, 2, 0), (1, 0, 0, 0, 1)]
    (balance,) = sources.book(store)
    assert balance.is_sound


def test_article_that_nobody_found_does_not_balance(store: Store) -> None:
    press = a_source(store)
    found = [an_article("a", source_id=press, guid="a", link=None)]
    saving.save(store, found, lambda _: Home({}), NOON)

    with closing(sqlite3.connect(store.path)) as other, other:
        other.execute("DELETE FROM article")

    (balance,) = sources.book(store)
    assert (balance.new, balance.articles, balance.is_sound) == (1, 0, False)
