"""F20 to F27: relays that lose connections, refuse, put off, say strange things or die; then the send is run again."""

import os
import signal
from pathlib import Path

import pytest
import trustme

from digest.demo.smtpd import Action, Answer
from tests.faults.form import long
from tests.faults.invariants import invariants
from tests.faults.moods import Answering, Greylisting, Holding, TakingFew, ToEach
from tests.faults.processes import Manners
from tests.faults.rounds import a_round

LONG = b"250 " + b"x" * 10_000 + b"\r\n"
#: Step, what the relay says to one reader's first mail there, and what becomes of that reader.
MOODS: list[tuple[str, Answer, str]] = [
    # F20: the answer to the dot never comes, and the mail was taken or was not.
    ("dot", Action.DROP, "sent"),
    ("dot", Action.ACCEPT_AND_DROP, "sent"),
    ("dot", Action.RESET, "sent"),
    # F21: the connection is lost before it, by FIN and by RST.
    ("rcpt", Action.DROP, "sent"),
    ("rcpt", Action.RESET, "sent"),
    ("data", Action.DROP, "sent"),
    ("content", Action.DROP, "sent"),
    ("content", Action.RESET, "sent"),
    # F22: what relays say.
    ("rcpt", b"421 4.7.0 too many of you\r\n", "sent"),
    ("data", b"421 4.7.0 too many of you\r\n", "sent"),
    ("dot", b"421 4.3.0 going down\r\n", "sent"),
    ("rcpt", b"450 4.2.0 busy\r\n", "sent"),
    ("rcpt", b"452 too many recipients\r\n", "sent"),
    ("dot", b"451 4.3.0 try later\r\n", "sent"),
    ("rcpt", b"550-5.1.1 nobody of\r\n550 5.1.1 that name\r\n", "failed"),
    ("rcpt", b"550 5.1.1 no such user\r\n", "failed"),
    ("rcpt", b"554 5.7.1 we do not like you\r\n", "sent"),
    ("dot", b"552 5.3.4 too large\r\n", "sent"),
    ("dot", b"554 5.6.0 says nothing to us\r\n", "sent"),
    ("dot", b"251 will forward\r\n", "sent"),
    ("dot", (b"2", b"50", b" 2.0.0 ta", b"ken\r\n"), "sent"),
    ("dot", LONG, "sent"),
    ("dot", b"250 2.0.0 mottaget p\xe5 k\xf6\r\n", "sent"),
    ("dot", b"250-first\r\n250-second\r\n250 last\r\n", "sent"),
    ("rcpt", b"what?\r\n", "sent"),
]


def test_every_mood_of_a_relay_is_survived_and_what_it_means_is_recorded(frozen: Path, tmp_path: Path) -> None:
    moods = {f"reader{n:06}@{n % 7}.example.com": mood for n, mood in enumerate(MOODS)}
    relay = Manners(ToEach({who: (step, answer) for who, (step, answer, _) in moods.items()}))
    with a_round(frozen, tmp_path, 8, relay) as one:
        found = one.finish()

    assert set(moods) == found.readers
    assert invariants(found) == []
    assert {who: row.state for who, row in found.ledger.items()} == {who: mood[2] for who, mood in moods.items()}
    assert found.doubled == {who for who, mood in moods.items() if mood[1] is Action.ACCEPT_AND_DROP}


@pytest.mark.parametrize(
    "mood",
    [
        long(Answering("connect", Action.DROP, every=2, most=4)),
        Answering("connect", b"421 4.3.2 no more today\r\n", every=2, most=4),
        Answering("ehlo", Action.RESET, every=2, most=4),
        Answering("mail", Action.DROP, every=5, most=4),
        TakingFew(2),
        Answering("mail", b"451 4.7.1 not now\r\n", every=5, most=2),
        long(Answering("dot", Action.ACCEPT_AND_DROP, every=3, most=4)),
        Answering("ehlo", b"250 plain.example.com\r\n"),  # neither 8BITMIME nor PIPELINING, SIZE or SMTPUTF8
        Greylisting(),
    ],
    ids=str,
)
def test_a_relay_that_fails_now_and_then_gets_everybody_their_letter(
    frozen: Path, tmp_path: Path, mood: Answering | Greylisting | TakingFew
) -> None:
    with a_round(frozen, tmp_path, 8, Manners(mood)) as one:
        found = one.finish()

    assert invariants(found) == []
    assert {row.state for row in found.ledger.values()} == {"sent"}


def test_one_of_two_relays_dies_and_the_other_takes_over(frozen: Path, tmp_path: Path) -> None:
    held = Holding(tmp_path, "dot", 5)
    with a_round(frozen, tmp_path, 2, Manners(held), Manners()) as one:
        command = one.start()
        held.wait()
        assert one.relays[0].process.pid is not None
        os.kill(one.relays[0].process.pid, signal.SIGKILL)
        ended = command.end()
        found = one.finish()

    assert ended.code == 0
    assert invariants(found) == []
    assert {row.state for row in found.ledger.values()} == {"sent"}


def test_a_password_that_is_changed_in_mid_run_stops_the_send_and_burns_nobody(frozen: Path, tmp_path: Path) -> None:
    asks = ("anna", "hemligt")
    per_connection = Manners(Answering("mail", b"421 4.7.0 enough on this one\r\n", every=9), credentials=asks)
    with a_round(frozen, tmp_path, 1, per_connection, Manners(credentials=("anna", "nytt"))) as one:
        before, after = one.relays
        old = before.url.replace("//", "//anna:hemligt@")
        first = one.send(url=old.replace(":hemligt@", ":fel@"))
        second = one.send(url=f"{old}?per_connection=5", first=None)
        found = one.finish(url=after.url.replace("//", "//anna:nytt@"))

    assert (first.code, first.json["pending"]) == (4, 25)
    assert "535" in first.err
    assert second.json["failed"] == 0
    assert invariants(found) == []


def test_a_relay_that_cannot_be_trusted_gets_nothing(frozen: Path, tmp_path: Path) -> None:
    pem = tmp_path / "relay.pem"
    trustme.CA().issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(str(pem))
    with a_round(frozen, tmp_path, 2, Manners(certificate=pem), Manners()) as one:
        forged, plain = one.relays
        untrusted = one.send(url=f"smtp://127.0.0.1:{forged.port}")
        downgraded = one.send(url=f"smtp://127.0.0.1:{plain.port}")
        mailed = one.mails()
        found = one.finish(url=plain.url)

    assert [ended.code for ended in (untrusted, downgraded)] == [1, 1]
    assert mailed == []
    assert invariants(found) == []
