"""A person is forgotten: what stays, what goes, and what only a person can delete."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert

from digest.models import DeliveryState, Notice, NoticeKind, Origin, Stop, SubscriptionState, SuppressionReason
from digest.people import lists
from digest.people.addresses import read_address
from digest.people.erasure import Forgotten, Place, erase, places
from digest.people.lists import find, person
from digest.people.suppression import suppress
from digest.project import Project
from digest.store import ledger, names, people, standing, suppression
from digest.store.ledger import Entry, Mark
from digest.store.subscriptions import Enrolled
from digest.store.tables import EDITION_CHANGE
from tests.people.sheets import save
from tests.projects import TOML, a_project
from tests.store.books import Ledger
from tests.store.builders import LATER, NOON, a_frozen_edition, a_newsletter_number, do, query

ANNA, BO = "anna.bergqvist@example.com", "bo@example.com"
NAME = "Anna Bergqvist-Wallenstråle"
EDITORS = 'editors = ["Red <red@example.com>"]\n' + TOML


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    """A project with two confirmed readers."""
    with a_project(tmp_path, EDITORS) as opened:
        add(opened, ANNA, NAME)
        add(opened, BO, "Bo Ek")
        yield opened


def add(project: Project, address: str, name: str = "", reason: str = "") -> Enrolled:
    return lists.add(
        project, address, name, list_name="industri", language="sv", confirmed=True, reason=reason, now=NOON
    )


def forget(project: Project, address: str = ANNA) -> Forgotten:
    return erase(project, address, LATER)


def bytes_of(project: Project) -> bytes:
    return b"".join(path.read_bytes() for path in project.store.path.parent.glob("digest.db*"))


def rows(project: Project, table: str) -> list[object]:
    return query(project.store.path, f"SELECT * FROM {table} WHERE subscriber_id = 1")


def test_empty_row_with_the_number_stays_and_the_hash_as_a_stop(project: Project) -> None:
    hash_ = person(project, read_address(ANNA)).hash

    done = forget(project)

    assert (done.was_known, done.files, done.copies, done.left_behind, done.is_all) == (True, [], [], None, True)
    assert query(
        project.store.path, "SELECT hash, address, name, language, attributes, erased_at FROM subscriber WHERE id = 1"
    ) == [(None, "", "", None, "{}", "2025-11-30 13:00:00.000000")]  # fmt: skip
    stopped = suppression.find(project.store, hash_)
    assert stopped is not None
    assert (stopped.reason, stopped.detail) == (SuppressionReason.ERASED, "")
    assert [one.address for one in people.listing(project.store)] == [BO]


def test_subscriptions_stops_and_history_are_gone(project: Project) -> None:
    stop = {"newsletter_id": a_newsletter_number(project.store), "subscriber_id": 1, "at": NOON}
    do(project.store, lambda c: c.execute(insert(Stop).values(stop)))

    forget(project)

    assert [rows(project, table) for table in ("subscription", "consent_change", "stop")] == [[], [], []]
    assert len(query(project.store.path, "SELECT * FROM consent_change")) == 1, "the other's stays"


def test_stop_that_was_there_stays_without_its_words(project: Project) -> None:
    suppress(project, ANNA, f"{NAME} ringde", NOON)

    forget(project)

    stopped = suppression.find(project.store, person(project, read_address(ANNA)).hash)
    assert stopped is not None
    assert (stopped.reason, stopped.detail) == (SuppressionReason.EDITOR, "")


@pytest.mark.parametrize(
    ("state", "closed", "after"),
    [
        (DeliveryState.PENDING, 0, DeliveryState.WITHDRAWN),
        (DeliveryState.DEFERRED, 0, DeliveryState.WITHDRAWN),
        (DeliveryState.IN_DOUBT, 0, DeliveryState.WITHDRAWN),
        (DeliveryState.IN_DOUBT, 1, DeliveryState.IN_DOUBT),
        (DeliveryState.SENDING, 0, DeliveryState.SENDING),
        (DeliveryState.SENT, 0, DeliveryState.SENT),
        (DeliveryState.FAILED, 0, DeliveryState.FAILED),
    ],
)
def test_ledger_row_stays_to_be_counted_and_what_is_open_is_withdrawn(
    project: Project, state: DeliveryState, closed: int, after: DeliveryState
) -> None:
    a_frozen_edition(project.store)
    was = (int(state), closed, ANNA, NAME)
    do(project.store, lambda c: c.exec_driver_sql(
        "UPDATE delivery SET state = ?, closed = ?, address = ?, name = ? WHERE subscriber_id = 1", was
    ))  # fmt: skip

    withdrawn = forget(project).withdrawn

    ledger_row = "SELECT state, address, name FROM delivery WHERE subscriber_id = 1"
    assert query(project.store.path, ledger_row) == [(int(after), None, None)]
    assert withdrawn == (after is DeliveryState.WITHDRAWN)
    assert sum(standing.counts(project.store, 1).values()) == 2


def test_words_of_relays_about_them_are_emptied(project: Project) -> None:
    edition = a_frozen_edition(project.store)
    book = Ledger(project.store, edition, names.relay_number(project.store, "mail.example.com"))
    claims = ledger.claim(project.store, 1, ledger.take_lease(project.store, NOON), 0, 10)
    for claim in claims:
        assert book.mark_sending(claim, NOON).result() is Mark.GO
        words = f"<{claim.address}>: unknown"
        book.record(claim, Entry(DeliveryState.FAILED, NOON, 1, code=550, phase="rcpt", words=words)).result()

    forget(project)

    assert query(project.store.path, "SELECT text FROM attempt ORDER BY subscriber_id") == [
        ("",),
        (f"<{BO}>: unknown",),
    ]


def test_send_that_is_under_way_ends_as_it_would(project: Project) -> None:
    edition = a_frozen_edition(project.store)
    book = Ledger(project.store, edition, names.relay_number(project.store, "mail.example.com"))
    first, second = ledger.claim(project.store, 1, ledger.take_lease(project.store, NOON), 0, 10)
    book.mark_sending(first, NOON).result()

    forget(project)
    forget(project, BO)

    book.record(first, Entry(DeliveryState.SENT, NOON, 1, code=250)).result()
    assert book.mark_sending(second, NOON).result() is not Mark.GO
    counts = standing.counts(project.store, 1)
    assert (counts[DeliveryState.SENT], counts[DeliveryState.WITHDRAWN]) == (1, 1)


def test_notices_and_what_editors_did_name_them_no_more(project: Project) -> None:
    def notice(number: int, address: str, words: str) -> dict[str, object]:
        return {
            "kind": NoticeKind.FAILED, "key": str(number), "address": address, "newsletter": "nyheter",
            "facts": {"words": [words, 7]}, "made_at": NOON, "next_at": NOON, "state": "waiting", "attempt": 0,
            "text": words,
        }  # fmt: skip

    mentioned = f"550 <{ANNA.upper()}>, not x{ANNA} nor {ANNA}.org"
    a_frozen_edition(project.store)
    change = {"edition_id": 1, "verb": "resent", "at": NOON, "by": "red", "detail": f"to {ANNA}"}
    do(project.store, lambda c: c.execute(insert(EDITION_CHANGE).values(change)))
    suppress(project, "another@example.com", f"the same person as {ANNA}", NOON)
    do(
        project.store,
        lambda c: c.execute(insert(Notice), [notice(1, ANNA, ""), notice(2, "red@example.com", mentioned)]),
    )

    forget(project)

    cleaned = f"550 <(erased)>, not x{ANNA} nor {ANNA}.org"
    (row,) = query(project.store.path, "SELECT address, text, json_extract(facts, '$.words[0]') FROM notice")
    assert row == ("red@example.com", cleaned, cleaned)
    assert query(project.store.path, "SELECT detail FROM edition_change WHERE verb = 'resent'") == [("to (erased)",)]
    told = "SELECT detail FROM suppression WHERE reason = 'editor'"
    assert query(project.store.path, told) == [("the same person as (erased)",)]


def test_notice_to_an_editor_stays_whoever_they_are(project: Project) -> None:
    add(project, "red@example.com")
    row = {
        "kind": NoticeKind.HELD, "key": "x", "address": "red@example.com", "newsletter": "nyheter", "facts": {},
        "made_at": NOON, "next_at": NOON, "state": "waiting", "attempt": 0, "text": "",
    }  # fmt: skip
    do(project.store, lambda c: c.execute(insert(Notice), [row]))

    forget(project, "red@example.com")

    assert query(project.store.path, "SELECT address FROM notice") == [("red@example.com",)]


def test_no_byte_of_them_is_left_in_the_store(project: Project) -> None:
    # Rows that grow are moved between pages, which keep copies of them that no delete reaches.
    for n in range(300):
        add(project, f"reader{n}@example.com", f"Reader {n}")
    edition = a_frozen_edition(project.store)
    claims = ledger.claim(project.store, 1, ledger.take_lease(project.store, NOON), 0, 500)
    book = Ledger(project.store, edition, names.relay_number(project.store, "mail.example.com"))
    for claim in claims:
        book.mark_sending(claim, NOON).result()
        book.record(
            claim, Entry(DeliveryState.DEFERRED, NOON, 1, next_at=NOON, code=451, phase="rcpt", words="x")
        ).result()
    for name in ("Anna B.", f"{NAME} " * 9, NAME.upper()):
        add(project, ANNA, name)
        for n in range(300):
            add(project, f"reader{n}@example.com", f"Reader {n} {name[:1] * 40}")
    assert ANNA.encode() in bytes_of(project)

    assert forget(project).left_behind is None

    left = bytes_of(project).lower()
    assert ANNA.encode() not in left
    assert b"bergqvist" not in left


def test_reader_of_the_store_is_told_of_when_it_keeps_the_log_from_being_emptied(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.store.erasure.PATIENCE", 0.2)
    with closing(sqlite3.connect(project.store.path)) as other:
        other.execute("BEGIN")
        other.execute("SELECT count(*) FROM subscriber").fetchone()
        done = forget(project)
        other.execute("ROLLBACK")

    assert done.left_behind is not None
    assert "digest.db-wal may still hold them: another program is reading the store" in done.left_behind
    assert not done.is_all
    again = forget(project)
    assert (again.was_known, again.is_all) == (True, True)
    assert ANNA.encode() not in bytes_of(project)


def test_second_time_looks_for_the_rest_and_changes_nothing(project: Project) -> None:
    forget(project)

    assert forget(project) == Forgotten(was_known=True, withdrawn=0, files=[], copies=[], left_behind=None)


def test_second_time_writes_the_store_anew_since_nobody_knows_the_name_any_more(project: Project) -> None:
    forget(project)
    with closing(sqlite3.connect(project.store.path, isolation_level=None)) as store:
        for statement in ("secure_delete=OFF", "wal_checkpoint(TRUNCATE)"):
            store.execute(f"PRAGMA {statement}")
        store.execute("CREATE TABLE rest AS SELECT ? AS name", (NAME,))  # what a page keeps of a row that was moved
        store.execute("DROP TABLE rest")
    assert NAME.encode() in bytes_of(project)

    assert forget(project).is_all

    assert NAME.encode() not in bytes_of(project)


def test_nobody_whom_the_store_never_knew_is_said_to_be_unknown(project: Project) -> None:
    assert not forget(project, "eva@example.com").was_known


def test_no_file_brings_them_back_and_they_themselves_come_as_somebody_new(project: Project) -> None:
    forget(project)
    path = project.folder / "people.csv"
    path.write_text(f"email,name\n{ANNA},{NAME}\n", encoding="utf-8")

    tally = lists.import_file(project, path, "industri", confirmed=True, now=LATER)

    assert (tally.suppressed, tally.new) == (1, 0)
    refused = add(project, ANNA, NAME)
    assert (refused.after, refused.suppressed) == (None, SuppressionReason.ERASED)
    assert ANNA.encode() not in bytes_of(project), "not even written down"
    back = add(project, ANNA, NAME, reason="skrev till oss")
    assert (back.after, back.suppressed) == (SubscriptionState.CONFIRMED, None)
    assert find(project, ANNA).id == 3
    ((change, _),) = people.history(project.store, 3)
    assert (change.origin, change.reason) == (Origin.EDITOR, "skrev till oss")


def test_stop_of_another_kind_is_not_lifted_by_coming_back(project: Project) -> None:
    suppress(project, ANNA, "ringde", NOON)
    forget(project)

    assert add(project, ANNA, NAME, reason="skrev").after is SubscriptionState.UNCONFIRMED


def test_files_that_still_name_them_are_told_by_line(project: Project) -> None:
    save(project, f"e-post;namn\r\n{BO};\r\n{ANNA.upper()};Anna\r\n;Se även {ANNA}\r\n")
    save(project, f"e-post\tnamn\r\n{ANNA}\tAnna\r\n".encode("utf-16"), "kopia.csv")
    save(project, f"x{ANNA};\n{ANNA}.org;\n", "andra.csv")
    save(project, f"- {ANNA}\n", "anteckning.txt")
    save(project, b"PK\x03\x04", "bok.xlsx")
    save(project, b"", "tom.csv")

    done = forget(project)

    assert done.files == [
        Place("subscribers/anteckning.txt", 1), Place("subscribers/bok.xlsx", None),
        Place("subscribers/industri.csv", 3), Place("subscribers/industri.csv", 4), Place("subscribers/kopia.csv", 2),
    ]  # fmt: skip
    assert not done.is_all


def test_other_spellings_of_an_address_are_found_too(tmp_path: Path) -> None:
    save(tmp_path, 'e-post;namn\r\n"A\u030asa <ÅSA@xn--rksmrgs-5wao1o.example.com>";Åsa\r\nb@example.com;\r\n')

    found = places(tmp_path / "subscribers", read_address("åsa@räksmörgås.example.com"))

    assert list(found) == [Place("subscribers/industri.csv", 2)]


def test_older_copies_of_the_store_that_hold_them_are_named(project: Project) -> None:
    with closing(sqlite3.connect(project.store.path)) as source:
        source.execute("VACUUM INTO ?", (str(project.folder / "digest.db.before-0002-from-0001"),))
    (project.folder / "digest.db.before-0003-from-0002").write_bytes(b"nobody")

    assert forget(project).copies == ["digest.db.before-0002-from-0001"]
