"""Sending one reader an edition's letter once more, or the first time to who joined later."""

import asyncio
import datetime as dt
from dataclasses import replace

from digest.delivery.embargo import require_free
from digest.delivery.options import Watch
from digest.delivery.reader import frozen_letter
from digest.delivery.roads import Roads, options
from digest.delivery.send import Sending
from digest.delivery.steer import Steered, again, deed, give_up_after, number_of, once_quiet, taking
from digest.delivery.verbs import Verb
from digest.errors import DigestError
from digest.letter.keys import signers_of
from digest.models import OPEN_STATES, Delivery, DeliveryState, EditionState
from digest.people.lists import find
from digest.project import Project
from digest.store import audience, deliveries, editions, home, ledger, steering
from digest.store.editions import Listed


class NotAReader(DigestError):
    """A letter was asked for somebody whom it is not for."""

    def __init__(self, address: str, key: str) -> None:
        super().__init__(
            f"{address} is no confirmed reader of {key}, or is suppressed, or has left; "
            f"look with: digest subscribers show {address}"
        )
        self.address = address


class StillOpen(DigestError):
    """A letter was asked for a reader who has not had the first one yet."""

    def __init__(self, address: str, listed: Listed, state: DeliveryState) -> None:
        is_paused = listed.edition.state is EditionState.PAUSED
        advice = "digest editions resume and then digest send go on" if is_paused else "digest send goes on"
        word = state.word.replace("_", " ")
        super().__init__(f"{address} is {word} in {listed.key}, so nothing is sent again: {advice}")
        self.address = address


def resend(
    project: Project, key: str, address: str, roads: Roads, now: dt.datetime, watch: Watch
) -> tuple[Steered, Delivery, str]:
    """Send one reader the edition's letter, once more or for the first time; return their delivery and the words of it.

    It is the letter that they had, with the same Message-ID; who had none gets the newest in their language, with their
    sections.
    """
    taking(project, key, Verb.RESEND, rehearsing=roads.rehearsal)
    with once_quiet(project, key):
        listed = taking(project, key, Verb.RESEND, rehearsing=roads.rehearsal)
        edition, known = listed.edition, find(project, address)
        if not roads.rehearsal:
            home.require_home(project.store)
        if not audience.is_reader(project.store, edition, known.id):
            raise NotAReader(known.address, listed.key)
        had = deliveries.one(project.store, number_of(listed), known.id)
        if had is not None and (had.state in OPEN_STATES or (had.state is DeliveryState.IN_DOUBT and not had.closed)):
            raise StillOpen(known.address, listed, had.state)
        signers = signers_of(project, edition, listed.key)
        letter_id = frozen_letter(project, listed, known).id or 0
        require_free(project, edition, listed.key, [letter_id], now)
        if not roads.rehearsal:
            home.begin_generation(project.store)
        lease = ledger.take_lease(project.store, now)
        until = now + give_up_after(project, listed)
        # The history names the reader by number: an address that is erased one day must not stand in it.
        done = deed("resent", now, f"to subscriber {known.id}")
        claim = steering.claim_again(project.store, number_of(listed), known.id, letter_id, lease, until, done)
        how = replace(options(project, roads, dt.timedelta(), "resend"), signers=signers)
        sending = Sending(
            project.store, project.keys, editions.get(project.store, number_of(listed)), roads.relays, how, watch
        )
        said = asyncio.run(sending.run_one(claim, lease)).relay_words
    delivery = deliveries.one(project.store, number_of(listed), known.id)
    assert delivery is not None
    return Steered(again(project, listed), 1), delivery, said
