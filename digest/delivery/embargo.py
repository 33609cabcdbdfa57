"""Letters that print what is under embargo by now: none of them leaves the house, nor is shown, until it is over."""

import datetime as dt
from collections.abc import Sequence

from digest.edition.select import is_under_embargo
from digest.errors import HeldError
from digest.models import Edition, EditionState, Letter
from digest.project import Project
from digest.store import articles, deliveries, editions
from digest.store.articles import Limits

_LIFT = "it is over then, or with: digest articles edit ID --embargo-until ''"
_ADVICE = {
    EditionState.FROZEN: "digest editions reopen takes it back, and the next send makes it without",
    EditionState.SENDING: "digest editions pause and then digest editions revise make its letters without",
    EditionState.PAUSED: "digest editions revise makes its letters without",
}


class UnderEmbargo(HeldError):
    """Letters that are frozen print an article that has come under embargo since."""

    def __init__(self, key: str, state: EditionState, embargoed: Sequence[Limits]) -> None:
        named = "; ".join(
            f"article {one.id} is under embargo until {one.embargo_until:%Y-%m-%d %H:%M} UTC" for one in embargoed
        )
        super().__init__(f"{key}: {named}; {_ADVICE.get(state, _LIFT)}")
        self.key = key
        self.numbers = tuple(one.id for one in embargoed)


def free(
    project: Project, edition_id: int, letters: Sequence[Letter], now: dt.datetime
) -> tuple[list[Letter], list[Limits]]:
    """Return those of an edition's letters that may be shown now, and the articles under embargo in the others.

    What has expired since the freeze does not count: a letter is of its date, as a printed paper is.
    """
    embargoed = [one for one in articles.limited_in(project.store, edition_id) if is_under_embargo(one, now)]
    newest = max((letter.version for letter in letters), default=1)
    # Which articles an earlier version printed nobody has written down: it may be any of the edition's.
    in_newest = [one for one in embargoed if one.is_printed]
    kept = [letter for letter in letters if not (in_newest if letter.version == newest else embargoed)]
    return kept, [] if len(kept) == len(letters) else in_newest or embargoed


def require_free(project: Project, edition: Edition, key: str, wanted: Sequence[int], now: dt.datetime) -> None:
    """Raise UnderEmbargo unless these of an edition's letters, by their numbers, may leave the house now."""
    assert edition.id is not None
    kept, embargoed = free(project, edition.id, editions.letters(project.store, edition.id), now)
    if not {*wanted} <= {letter.id for letter in kept}:
        raise UnderEmbargo(key, edition.state, embargoed)


def require_free_to_go(project: Project, edition: Edition, key: str, now: dt.datetime) -> None:
    """Raise UnderEmbargo unless all that is still open of an edition may go out now."""
    assert edition.id is not None
    if any(is_under_embargo(one, now) for one in articles.limited_in(project.store, edition.id)):
        require_free(project, edition, key, deliveries.letters_to_go(project.store, edition.id), now)
