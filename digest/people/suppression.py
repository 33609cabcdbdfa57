"""Stopping an address for all lists, and letting it go again."""

import datetime as dt

from digest.errors import DigestError
from digest.models import Origin, Suppression, SuppressionReason
from digest.people.addresses import read_address
from digest.people.lists import person
from digest.project import Project, who_does_this
from digest.store import suppression
from digest.store.subscriptions import Vouching
from digest.tables import tidy


class Complained(DigestError):
    """A reader called our mail spam; no editor may write to them again."""

    def __init__(self, address: str) -> None:
        super().__init__(f"{address} has complained about a letter: that stays; nobody is written to again who did")
        self.address = address


class NoReason(DigestError):
    """Something was to be done to an address without saying why."""

    exit_code = 2

    def __init__(self) -> None:
        super().__init__("say why with --reason TEXT: it is kept")


def suppress(project: Project, address: str, reason: str, now: dt.datetime) -> Suppression | None:
    """Put a stop on an address, known or not; return the one that was there already, which stays."""
    hash_, vouching = _asked(project, address, reason, now)
    if suppression.suppress(project.store, hash_, SuppressionReason.EDITOR, vouching):
        return None
    return suppression.find(project.store, hash_)


def unsuppress(project: Project, address: str, reason: str, now: dt.datetime) -> bool:
    """Lift the stop on an address; return whether there was one. Subscriptions are as they were before it; Complained.

    A reason is kept in the history, where somebody is known by the address.
    """
    hash_, vouching = _asked(project, address, reason, now)
    if suppression.lift(project.store, hash_, vouching):
        return True
    if suppression.find(project.store, hash_) is not None:
        raise Complained(read_address(address).given)
    return False


def find(project: Project, address: str) -> Suppression | None:
    """Return what stands against an address."""
    return suppression.find(project.store, person(project, read_address(address)).hash)


def _asked(project: Project, address: str, reason: str, now: dt.datetime) -> tuple[bytes, Vouching]:
    reason = tidy(reason)
    if not reason:
        raise NoReason
    hash_ = person(project, read_address(address)).hash
    return hash_, Vouching(Origin.EDITOR, who_does_this(), reason, now)
