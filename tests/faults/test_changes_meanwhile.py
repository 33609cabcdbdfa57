"""F43 and F44: readers leave, articles go and templates break between freeze, claim and mark."""

import email
import email.policy
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.commands import Ended
from tests.faults.form import long
from tests.faults.invariants import invariants
from tests.faults.moods import Holding
from tests.faults.processes import Manners, digest
from tests.faults.rounds import a_round, rows

LEAVING: dict[str, Callable[[Path, str], Ended]] = {
    "removed": lambda project, who: digest(project, "subscribers", "remove", who),
    "suppressed": lambda project, who: digest(project, "subscribers", "suppress", who, "--reason", "asked"),
    "erased": lambda project, who: digest(project, "subscribers", "erase", who, "--yes"),
}


@pytest.mark.parametrize("how", [long("removed"), long("suppressed"), "erased"])
def test_who_leaves_before_their_mark_gets_nothing(frozen: Path, tmp_path: Path, how: str) -> None:
    held = Holding(tmp_path, "rcpt", 9)
    with a_round(frozen, tmp_path, 1, Manners(held)) as one:
        order = [who for _, who in sorted(one.readers.items())]
        mailed, at_it, later, before = order[3], order[8], order[20], order[24]
        left = [LEAVING[how](one.project, before)]  # frozen, and not claimed yet
        command = one.start()
        held.wait()
        left += [LEAVING[how](one.project, who) for who in (mailed, at_it, later)]
        held.let_go()
        ended = command.end()
        one.gone = {before, at_it, later}
        found = one.finish()

    assert {done.code for done in left} <= {0, 3}  # 3: a file names who was erased
    assert ended.code == 0
    assert invariants(found) == []
    assert {who for who, row in found.ledger.items() if row.state == "withdrawn"} == one.gone
    assert found.copies[mailed] == 1


def test_who_leaves_while_they_are_in_doubt_is_not_mailed_again(frozen: Path, tmp_path: Path) -> None:
    with a_round(frozen, tmp_path) as one:
        assert one.send(DIGEST_CRASH_AT="answered:9").was_killed
        (who,) = one.note_kill().doubts
        LEAVING["removed"](one.project, who)
        found = one.finish()

    assert invariants(found) == []
    assert found.copies[who] == 1


def test_a_name_that_changes_under_a_doubt_does_not_change_the_bytes(frozen: Path, tmp_path: Path) -> None:
    with a_round(frozen, tmp_path) as one:
        assert one.send(DIGEST_CRASH_AT="answered:9").was_killed
        (who,) = one.note_kill().doubts
        (one.project / "renamed.csv").write_text(f"email,name\n{who.upper()},Ett Annat Namn\n", encoding="utf-8")
        done = digest(one.project, "subscribers", "import", "renamed.csv", "--list", "industri", "--confirmed")
        found = one.finish()

    assert done.code == 0
    assert rows(one.project, "SELECT count(*) FROM subscriber WHERE name = 'Ett Annat Namn'") == [(1,)]
    assert found.doubled == {who}
    assert invariants(found) == []


def test_articles_that_change_while_it_sends_change_no_letter(frozen: Path, tmp_path: Path) -> None:
    held = Holding(tmp_path, "rcpt", 9)
    with a_round(frozen, tmp_path, 1, Manners(held)) as one:
        command = one.start()
        held.wait()
        digest(one.project, "articles", "edit", "1", "--title", "Ett annat ord")
        with closing(sqlite3.connect(one.project / "digest.db", timeout=10)) as store, store:
            store.execute("DELETE FROM placement")
            store.execute("DELETE FROM article")
        held.let_go()
        ended = command.end()
        found = one.finish()

    assert ended.code == 0
    assert invariants(found) == []
    assert {subject(mail.content) for mail in found.mails} == {"Nyheter: Luftrenare"}


def test_a_template_that_breaks_freezes_nothing(few: Path, tmp_path: Path) -> None:
    with a_round(few, tmp_path) as one:
        design = one.project / "templates" / "senaste-nytt"
        design.mkdir(parents=True)
        (design / "letter.txt.j2").write_text("{{ nobody.knows.this }}", encoding="utf-8")
        broken = one.send()
        left = one.ledger()
        (design / "letter.txt.j2").unlink()
        found = one.finish()

    assert broken.code in (1, 4)
    assert "letter.txt.j2" in broken.err
    assert left == {}
    assert invariants(found) == []


@pytest.mark.parametrize("address", ["reader\r\nRCPT TO:<x@example.com>", long("reader@exa mple.com")])
def test_one_reader_whose_address_breaks_is_the_only_one_to_fail(frozen: Path, tmp_path: Path, address: str) -> None:
    with a_round(frozen, tmp_path, 8) as one:
        number, who = sorted(one.readers.items())[8]
        with closing(sqlite3.connect(one.project / "digest.db")) as store, store:
            store.execute("UPDATE subscriber SET address = ? WHERE id = ?", (address, number))
        found = one.finish()

    assert [who for who, row in found.ledger.items() if row.state == "failed"] == [who]
    assert found.copies.total() == len(one.readers) - 1
    assert invariants(found) == []


def subject(content: bytes) -> str:
    return str(email.message_from_bytes(content, policy=email.policy.default)["Subject"])
