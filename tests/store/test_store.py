from pathlib import Path

import pytest

from digest.errors import ConfigError
from digest.store import Store, names, open_store
from tests.store.builders import NOON, query


def test_key_is_recorded_when_tokens_are_first_signed_with_it(store: Store) -> None:
    store.accept_keys(("aaaa",))

    assert store.installation.key == "aaaa"
    assert query(store.path, "SELECT key FROM installation") == [("aaaa",)]


def test_new_key_in_front_of_the_old_one_becomes_the_store_s(store: Store) -> None:
    store.accept_keys(("aaaa",))

    store.accept_keys(("bbbb", "aaaa"))
    assert store.installation.key == "bbbb"
    store.accept_keys(("cccc", "bbbb"))

    assert query(store.path, "SELECT key FROM installation") == [("cccc",)]


@pytest.mark.parametrize("keys", [("bbbb",), ("bbbb", "cccc"), ()])
def test_store_signed_with_another_key_is_refused(store: Store, keys: tuple[str, ...]) -> None:
    store.accept_keys(("aaaa",))

    with pytest.raises(ConfigError, match=r"digest\.db was signed with another DIGEST_SECRET_KEY \(aaaa\.\.\.\)"):
        store.accept_keys(keys)

    assert query(store.path, "SELECT key FROM installation") == [("aaaa",)]


def test_what_leaves_the_store_stays_readable_when_it_is_closed(path: Path) -> None:
    store = open_store(path)
    letter = names.newsletter(store, "nyheter", None, "nyheter.example.com", NOON)
    store.close()

    assert (letter.name, letter.list_id, letter.created_at) == ("nyheter", "nyheter.example.com", NOON)


def test_changing_what_the_store_returned_changes_nothing_in_it(store: Store) -> None:
    names.newsletter(store, "nyheter", None, "nyheter.example.com", NOON).name = "annat"

    assert query(store.path, "SELECT name FROM newsletter") == [("nyheter",)]
