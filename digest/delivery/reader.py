"""The letter of one reader: of an edition that is frozen, or of one as it would go out now."""

from typing import TYPE_CHECKING

from digest.delivery.refusals import NothingForThem
from digest.delivery.variants import Variants, variant_of
from digest.models import DeliveryState, Letter
from digest.project import Project
from digest.store import articles, deliveries, editions
from digest.store.editions import Listed
from digest.store.people import Known
from digest.store.variants import wanted_by

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft


def frozen_letter(project: Project, listed: Listed, known: Known) -> Letter:
    """Return the letter of a frozen edition that a reader had, else the one they would get; NothingForThem."""
    edition_id = listed.edition.id or 0
    had = deliveries.one(project.store, edition_id, known.id)
    if had is None or had.state is DeliveryState.SKIPPED:
        return newest_letter(project, listed, known)
    return next(one for one in editions.letters(project.store, edition_id) if one.id == had.letter_id)


def newest_letter(project: Project, listed: Listed, known: Known) -> Letter:
    """Return the newest letter of a frozen edition for a reader who has had none of it; NothingForThem."""
    edition_id = listed.edition.id or 0
    letters = editions.letters(project.store, edition_id)
    newest = [letter for letter in letters if letter.version == letters[-1].version]
    bound = articles.printed_in(project.store, edition_id)
    printed = [article for article, place in bound if place.role is not None]  # no revised letter has the others
    wanted = wanted_by(project.store, listed.edition.list_ids, known.id)
    place = Variants([variant_of(letter) for letter in newest], printed).place_for(wanted)
    if place is None:
        raise NothingForThem(known.address, listed.key)
    return newest[place]


def drafted_letter(project: Project, made: "Draft", known: Known) -> Letter:
    """Return the letter of a draft that a reader would get; NothingForThem."""
    place = made.variants.place_for(wanted_by(project.store, made.list_ids, known.id))
    if place is None:
        raise NothingForThem(known.address, made.key)
    return made.letters[place]
