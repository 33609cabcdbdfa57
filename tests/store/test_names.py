import pytest

from digest.errors import ConfigError
from digest.models import MailingList, Named, Newsletter, Source
from digest.store import Store, names
from tests.store.builders import LATER, NOON, query

KINDS = pytest.mark.parametrize("kind", [Newsletter, Source, MailingList])


@KINDS
def test_name_gets_a_number_when_first_used_and_keeps_it(store: Store, kind: type[Named]) -> None:
    assert names.find(store, kind, "industri") is None

    number = names.number(store, kind, "industri", None, NOON)

    assert names.number(store, kind, "industri", None, LATER) == number
    assert names.find(store, kind, "industri") == number
    assert names.number(store, kind, "annat", None, LATER) != number
    assert names.names(store, kind) == {number: "industri", number + 1: "annat"}


def test_kinds_have_names_of_their_own(store: Store) -> None:
    names.number(store, Source, "industri", None, NOON)

    assert names.find(store, MailingList, "industri") is None
    assert names.names(store, MailingList) == {}


@KINDS
def test_renamed_one_keeps_its_number_and_its_first_name(store: Store, kind: type[Named]) -> None:
    number = names.number(store, kind, "old", None, NOON)

    assert names.number(store, kind, "new", "old", LATER) == number
    assert names.number(store, kind, "newer", "new", LATER) == number

    assert names.find(store, kind, "old") is None
    table = kind.__name__.lower().replace("mailinglist", "mailing_list")
    assert query(store.path, f"SELECT name, first_name FROM {table}") == [("newer", "old")]


def test_formerly_that_stays_in_the_file_does_no_harm(store: Store) -> None:
    number = names.number(store, Source, "old", None, NOON)
    names.number(store, Source, "new", "old", NOON)

    assert names.number(store, Source, "new", "old", LATER) == number
    assert names.number(store, Source, "fresh", "never there", LATER) == number + 1


def test_formerly_does_not_take_a_name_that_is_used_already(store: Store) -> None:
    old, new = (names.number(store, Source, name, None, NOON) for name in ("old", "new"))

    assert names.number(store, Source, "new", "old", LATER) == new
    assert names.find(store, Source, "old") == old


@pytest.mark.parametrize(
    ("there", "known"),
    [
        (["old"], {"new": 1}),
        (["old", "new"], {"old": 1, "new": 2}),
        (["new"], {"new": 1}),
        ([], {}),
    ],
)
def test_renaming_is_done_once_and_makes_nothing(store: Store, there: list[str], known: dict[str, int]) -> None:
    for name in there:
        names.number(store, MailingList, name, None, NOON)

    for _ in range(2):
        names.rename(store, MailingList, "new", "old")

    assert {name: number for number, name in names.names(store, MailingList).items()} == known


@KINDS
def test_first_name_of_another_is_refused_with_what_to_do(store: Store, kind: type[Named]) -> None:
    number = names.number(store, kind, "old", None, NOON)
    names.number(store, kind, "new", "old", NOON)

    with pytest.raises(ConfigError, match="'old' is what 'new' was first called"):
        names.number(store, kind, "old", None, LATER)

    assert names.names(store, kind) == {number: "new"}


def test_list_id_is_the_one_a_newsletter_first_went_out_with(store: Store) -> None:
    # RFC 2919, section 2: it stays, whatever becomes of name and sender.
    first = names.newsletter(store, "nyheter", None, "nyheter.example.com", NOON)

    renamed = names.newsletter(store, "nytt", "nyheter", "nytt.example.org", LATER)

    assert (renamed.id, renamed.name, renamed.list_id) == (first.id, "nytt", "nyheter.example.com")


def test_newsletter_numbered_before_its_first_letter_gets_its_list_id_then(store: Store) -> None:
    number = names.number(store, Newsletter, "nyheter", None, NOON)

    letter = names.newsletter(store, "nyheter", None, "nyheter.example.com", LATER)

    assert (letter.id, letter.list_id, letter.first_name) == (number, "nyheter.example.com", "nyheter")


def test_relay_has_one_number(store: Store) -> None:
    number = names.relay_number(store, "mail.example.com:587")

    assert names.relay_number(store, "mail.example.com:587") == number
    assert names.relay_number(store, "outbox") != number
