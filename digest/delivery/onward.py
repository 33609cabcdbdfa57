"""What a send would go on with: editions that are frozen already, of which preflight is not asked again."""

import datetime as dt
from dataclasses import replace
from typing import TYPE_CHECKING

from digest.delivery.embargo import UnderEmbargo, require_free_to_go
from digest.delivery.findings import Finding, Level
from digest.delivery.preflight import Verdict
from digest.delivery.refusals import OtherRoad
from digest.delivery.roads import Roads
from digest.delivery.run import open_editions
from digest.letter.keys import KeyGone, signers_of
from digest.models import Edition, EditionState
from digest.project import Project
from digest.store import editions, standing
from digest.store.editions import UNBOUND, Listed

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft

RULE = "frozen"  #: none of preflight's: what it says cannot be forced


def with_frozen(project: Project, made: "Draft", roads: Roads, verdict: Verdict, now: dt.datetime) -> Verdict:
    """Return a verdict on a draft behind what is said of frozen editions: those with mail left, and the date's own.

    Where that one is frozen and nothing new has come, there is no draft to speak of.
    """
    going = open_editions(project, made.newsletter, roads)
    found = [_going_on(project, one, roads, now) for one in going]
    own = editions.find(project.store, made.row.id or 0, made.date, made.number)
    if own is None or own.state in UNBOUND:
        return replace(verdict, findings=(*found, *verdict.findings))
    if own.id not in {one.edition.id for one in going}:
        found.append(_decided(own, made.key, roads))
    return replace(verdict, findings=(*found, *(verdict.findings if made.layout.count else ())))


def _going_on(project: Project, listed: Listed, roads: Roads, now: dt.datetime) -> Finding:
    edition, key = listed.edition, listed.key
    if roads.rehearsal and not edition.rehearsal:
        return Finding(RULE, Level.HOLD, str(OtherRoad(key)))
    try:
        signers_of(project, edition, key)
        require_free_to_go(project, edition, key, now)
    except (KeyGone, UnderEmbargo) as error:
        return Finding(RULE, Level.HOLD, str(error))
    left = standing.open_count(project.store, edition.id or 0)
    return Finding(RULE, Level.FINE, f"{key} has {left:,} to go; digest send goes on with it")


def _decided(own: Edition, key: str, roads: Roads) -> Finding:
    if own.state is EditionState.PAUSED:
        return Finding(RULE, Level.HOLD, f"{key} is paused; go on with: digest editions resume {key}")
    if own.rehearsal and not roads.rehearsal and own.state is not EditionState.CANCELLED:
        return Finding(RULE, Level.FINE, f"{key} was only rehearsed; digest send makes it anew and mails it")
    return Finding(RULE, Level.FINE, f"{key} is {own.state.value} already; nothing is left to send")
