"""The emergency journal: what the store cannot take is kept, and is in the ledger after the next start."""

import datetime as dt
import errno
import os
import zlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.delivery import emergency
from digest.delivery.emergency import SLOT, Journal, answered, journal_file, open_journal, replay_journal, waiting
from digest.errors import StoreError
from digest.models import DeliveryState, Edition
from digest.operation.soundness import examine
from digest.store import Store, deliveries, editions, ledger, names, open_store
from digest.store.ledger import DOUBT, Claim, Entry, Mark
from tests.store.books import Ledger
from tests.store.builders import NOON, a_frozen_edition, a_store_file, query

PENDING, SENDING, SENT, DEFERRED, FAILED, IN_DOUBT, *_ = DeliveryState
READERS = ("anna@example.com", "bo@example.com", "cy@example.com")
LATER = NOON + dt.timedelta(minutes=5)
TAKEN = Entry(SENT, NOON, 1, code=250)
PUT_OFF = Entry(DEFERRED, NOON, 1, LATER, code=451, enhanced="4.7.1", phase="content", words='försök "senare"')


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """A store with an edition for three readers, two of whose mails were under way when the process died."""
    store = open_store(a_store_file(tmp_path / "digest.db"))
    book = Ledger(store, a_frozen_edition(store, *READERS), names.relay_number(store, "mail.example.com"))
    for claim in ledger.claim(store, 1, ledger.take_lease(store, NOON), 0, 2):
        assert book.mark_sending(claim, NOON).result() is Mark.GO
    yield store
    store.close()


def a_claim(reader: int, attempt: int = 1) -> Claim:
    return Claim(1, reader, attempt, 1, "", "", 0, 0)


def keep(store: Store, *entries: tuple[int, Entry], connections: int = 2) -> Journal:
    journal = open_journal(store, connections)
    for reader, entry in entries:
        journal.keep(a_claim(reader), entry)
    journal.close()
    return journal


def edition_of(store: Store) -> Edition:
    return editions.get(store, 1)


def states(store: Store) -> list[DeliveryState]:
    return [DeliveryState(row[0]) for row in query(store.path, "SELECT state FROM delivery ORDER BY subscriber_id")]


def test_outcomes_that_were_kept_are_in_the_ledger_after_the_replay_and_nobody_is_in_doubt(store: Store) -> None:
    keep(store, (1, TAKEN), (2, PUT_OFF))

    assert replay_journal(store) == 2

    assert ledger.take_over(store, edition_of(store), NOON) == 0
    assert states(store) == [SENT, DEFERRED, PENDING]
    told = {one.subscriber_id: one for one in deliveries.listing(store, edition_id=1)}
    assert (told[1].code, told[1].at, told[2].text) == (250, NOON, "försök 'senare'")
    assert query(store.path, "SELECT next_at, lease, code, enhanced FROM delivery WHERE subscriber_id = 2") == [
        (int(LATER.timestamp() * 1000), None, 451, "4.7.1")
    ]


def test_journal_is_empty_after_its_replay_and_a_second_one_does_nothing(store: Store) -> None:
    keep(store, (1, TAKEN))

    assert (replay_journal(store), replay_journal(store)) == (1, 0)
    assert waiting(store.path) == []


def test_who_is_killed_between_replay_and_clearing_writes_nothing_twice(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep(store, (2, PUT_OFF))
    with monkeypatch.context() as killed:
        killed.setattr(emergency, "_clear", lambda _: None)
        assert replay_journal(store) == 1
    ledger.claim_due(store, 1, ledger.take_lease(store, LATER), LATER, 10)

    assert replay_journal(store) == 1
    assert query(store.path, "SELECT state, attempt FROM delivery WHERE subscriber_id = 2") == [(PENDING, 2)]
    assert query(store.path, "SELECT count(*) FROM attempt") == [(1,)]


@pytest.mark.parametrize("settled", [SENT, IN_DOUBT, DeliveryState.WITHDRAWN, DeliveryState.CANCELLED])
def test_what_is_settled_is_not_written_over(store: Store, settled: DeliveryState) -> None:
    store.write(lambda c: c.exec_driver_sql(f"UPDATE delivery SET state = {int(settled)}")).result()
    keep(store, (1, Entry(FAILED, NOON, 1, code=550, phase="rcpt", words="no such user")))

    replay_journal(store)

    assert states(store) == [settled] * 3


def test_doubt_that_was_kept_stays_one_and_is_named(store: Store) -> None:
    keep(store, (1, Entry(IN_DOUBT, NOON, 1, NOON, phase=DOUBT, words="connection lost")))
    replay_journal(store)

    (doubt,) = deliveries.doubts(store, 1, interrupted=False)
    assert (doubt.address, doubt.closed) == (READERS[0], False)


def test_who_was_answered_is_known_by_attempt_and_who_is_in_doubt_is_not_among_them(store: Store) -> None:
    keep(store, (1, TAKEN), (2, Entry(IN_DOUBT, NOON, 1, NOON, phase=DOUBT, words="connection lost")))

    assert answered(store) == {(1, 1, 1)}


def test_of_a_journal_that_nobody_can_read_nobody_was_answered(store: Store) -> None:
    journal_file(store.path).write_bytes(b"notes of mine\n" * 200)

    assert answered(store) == set()


def test_torn_slot_is_ignored_and_its_mail_is_in_doubt(store: Store) -> None:
    keep(store, (1, TAKEN), (2, TAKEN))
    with journal_file(store.path).open("r+b") as file:
        file.seek(2 * SLOT + 20)
        file.write(b"torn")

    assert replay_journal(store) == 1
    assert ledger.take_over(store, edition_of(store), NOON) == 1
    assert states(store) == [SENT, IN_DOUBT, PENDING]


def test_journal_that_was_cut_off_gives_what_is_whole(store: Store) -> None:
    keep(store, (1, TAKEN), (2, TAKEN))
    os.truncate(journal_file(store.path), 2 * SLOT + 100)

    assert len(waiting(store.path)) == 1


def test_no_journal_and_one_with_nothing_in_it_are_nothing(store: Store) -> None:
    assert replay_journal(store) == 0
    keep(store)
    assert replay_journal(store) == 0
    journal_file(store.path).write_bytes(b"")
    assert replay_journal(store) == 0


def test_journal_of_another_store_is_refused_and_left_as_it_is(store: Store, tmp_path: Path) -> None:
    keep(store, (1, TAKEN))
    path = journal_file(store.path)
    change_head(path, store.installation.uid.encode(), b"f" * 32)

    with pytest.raises(StoreError) as refused:
        replay_journal(store)
    assert str(refused.value) == (
        f"{path} holds 1 outcome of another store; put that store back beside it, or move it away"
    )
    assert states(store) == [SENDING, SENDING, PENDING]
    assert len(waiting(store.path)) == 1


def test_journal_of_another_version_is_refused_and_left_as_it_is(store: Store) -> None:
    keep(store, (1, TAKEN))
    change_head(journal_file(store.path), b'"format":1', b'"format":2')

    with pytest.raises(StoreError, match="was written by another version of digest; let that one send once"):
        replay_journal(store)
    assert states(store) == [SENDING, SENDING, PENDING]


def change_head(path: Path, old: bytes, new: bytes) -> None:
    """Write a journal's first slot anew, with a checksum that is right."""
    data = path.read_bytes()
    assert old in data[:SLOT]
    body = data[9:SLOT].replace(old, new).rstrip()
    path.write_bytes((b"%08x " % zlib.crc32(body)) + body.ljust(SLOT - 10) + b"\n" + data[SLOT:])


def test_file_that_is_no_journal_is_refused(store: Store) -> None:
    journal_file(store.path).write_bytes(b"notes of mine\n" * 200)

    with pytest.raises(StoreError, match=r"digest\.db-emergency is no emergency journal, or is damaged; move it away"):
        replay_journal(store)


def test_journal_that_was_only_half_made_is_made_anew(store: Store) -> None:
    keep(store)
    path = journal_file(store.path)
    path.write_bytes(path.read_bytes()[:40] + bytes(10 * SLOT))

    assert replay_journal(store) == 0
    keep(store, (1, TAKEN))
    assert replay_journal(store) == 1


def test_room_is_allocated_before_anything_is_sent_and_nothing_is_while_the_journal_is_written(store: Store) -> None:
    journal = open_journal(store, 10)
    size = journal.path.stat().st_size
    blocks = journal.path.stat().st_blocks
    for n in range(1, journal.slots):
        journal.keep(a_claim(n), TAKEN)

    assert size == journal.slots * SLOT
    assert journal.slots > 10 * 3
    assert (journal.path.stat().st_size, journal.path.stat().st_blocks) == (size, blocks)
    assert (journal.kept, journal.lost) == (journal.slots - 1, 0)
    assert journal.path.stat().st_mode & 0o777 == 0o600
    journal.close()


def test_more_connections_get_more_room(store: Store) -> None:
    keep(store, connections=2)
    journal = keep(store, connections=500)

    assert journal_file(store.path).stat().st_size == journal.slots * SLOT
    assert journal.slots > 500 * 3


def test_what_finds_no_room_is_counted_as_lost_and_told(store: Store) -> None:
    journal = open_journal(store, 0)
    for n in range(journal.slots + 1):
        journal.keep(a_claim(n), TAKEN)
    told = journal.explain(StoreError("the store is full"))
    journal.close()

    assert str(told) == (
        f"the store is full; what came of {journal.slots - 1} mails is in digest.db-emergency, and the next digest "
        "send reads it; what came of 2 mails is lost: digest editions doubts names them"
    )


def test_disk_that_fails_is_no_second_error(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(_: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    journal = open_journal(store, 1)
    with monkeypatch.context() as broken:
        broken.setattr(os, "fdatasync", failing)
        journal.keep(a_claim(1), TAKEN)
    journal.close()

    assert (journal.kept, journal.lost) == (0, 1)


@pytest.mark.parametrize("words", ["\x01" * 200, "\udc80"])
def test_words_that_cannot_be_written_are_no_second_error(store: Store, words: str) -> None:
    journal = keep(store, (1, Entry(DEFERRED, NOON, 1, LATER, code=451, phase="content", words=words)), (2, TAKEN))

    assert (journal.kept, journal.lost) == (1, 1)
    assert [one.subscriber_id for one in waiting(store.path)] == [2]


def test_error_of_a_run_that_lost_nothing_is_told_as_it_is(store: Store) -> None:
    journal = keep(store)
    error = StoreError("locked")

    assert journal.explain(error) is error
    assert journal.explain(KeyError("a fault of ours")).args == ("a fault of ours",)


@pytest.mark.parametrize("words", ["x" * 500, "å" * 500, '\\"' * 250, "漢" * 500, ""])
def test_words_of_a_relay_are_cut_to_the_slot(store: Store, words: str) -> None:
    entry = Entry(DEFERRED, NOON, 999_999, LATER, True, 451, "4.777.777", "greeting", words)
    journal = open_journal(store, 1)
    journal.keep(Claim(10**9, 10**9, 10**6, 1, "", "", 0, 0), entry)
    journal.close()

    (kept,) = waiting(store.path)
    assert (kept.edition_id, kept.attempt, kept.entry.next_at) == (10**9, 10**6, LATER)
    assert (kept.entry.words or "") == words.replace('"', "'").replace("\\", "/")[: len(kept.entry.words or "")]


def test_unwritable_folder_is_told_before_anything_is_sent(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)

    with pytest.raises(StoreError, match=r"digest\.db-emergency cannot be made: No space left on device; nothing was"):
        open_journal(store, 1)


def test_check_of_the_store_names_a_journal_that_waits_and_changes_nothing(store: Store) -> None:
    keep(store, (1, TAKEN), (2, TAKEN))

    notes = {one.rule: one for one in examine(store.path)}
    assert notes["emergency"].is_note
    assert notes["emergency"].message == (
        "what came of 2 letters waits in digest.db-emergency, for the store could not take it"
    )
    assert notes["emergency"].do == "digest send"
    assert len(waiting(store.path)) == 2

    journal_file(store.path).write_bytes(b"notes of mine\n" * 200)
    (wrong,) = [one for one in examine(store.path) if one.rule == "emergency"]
    assert not wrong.is_note
