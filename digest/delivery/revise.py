"""A paused edition's letters made anew, from its articles as they read now, for who has had none yet."""

import datetime as dt
from collections.abc import Sequence

from digest.delivery.examine import examine
from digest.delivery.freeze import Draft, newsletter_row, preferred, render
from digest.delivery.preflight import Verdict, gist
from digest.delivery.roads import Roads
from digest.delivery.run import TRIES
from digest.delivery.signing import sender_of
from digest.delivery.steer import Steered, again, deed, number_of, once_quiet, taking
from digest.delivery.variants import Variants, variant_of
from digest.delivery.verbs import Verb
from digest.delivery.wish import Wish
from digest.edition.layout import lay_out
from digest.edition.select import Choice, is_public
from digest.edition.stories import frozen
from digest.errors import DigestError, HeldError
from digest.letter import budget
from digest.letter.keys import domain_of, keys_for
from digest.models import Edition, Letter, Placement
from digest.models import PlacementState as Place
from digest.project import Project
from digest.store import articles, editions, revision
from digest.store.editions import Listed
from digest.store.revision import Revision


class NobodyWaits(DigestError):
    """A revision was asked for when everybody has had the letter, or it was refused for good."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} is paused, and nobody in it waits for a letter; "
            "digest editions resume ends it, digest send --extra makes another edition of the date"
        )
        self.key = key


class StillChanging(DigestError):
    """Articles changed between rendering and storing a revision, time after time."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} is not revised: its articles keep changing; run this again when they are quiet")
        self.key = key


class NothingLeft(DigestError):
    """A revision was asked for when every article of the edition is under embargo or has expired."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} is not revised: all its articles are under embargo or have expired; "
            "digest editions cancel calls off what is left of it"
        )
        self.key = key


class NotFit(HeldError):
    """Preflight objects to a revised letter."""

    def __init__(self, key: str, verdict: Verdict) -> None:
        reasons = "; ".join(f"{finding.rule}: {finding.message}" for finding in gist(verdict.holds))
        super().__init__(f"{key} is not revised: {reasons} (mend it, or --force the rule)")
        self.verdict = verdict


def revise(
    project: Project, key: str, roads: Roads, force: tuple[str, ...], now: dt.datetime
) -> tuple[Steered, Verdict]:
    """Compose a paused edition's letters anew, from its articles as they read now, for who has had none yet.

    Raises NotFit (exit 6) when preflight objects.
    """
    taking(project, key, Verb.REVISE)
    with once_quiet(project, key):
        for _ in range(TRIES):
            listed = taking(project, key, Verb.REVISE)
            made = _revised(project, listed, now)
            if not made.readers:
                raise NobodyWaits(listed.key)
            verdict = examine(project, made, roads, Wish(force=force))
            if verdict.holds:
                raise NotFit(listed.key, verdict)
            plan = _plan(project, listed, made)
            forced = "".join(f"; forced {finding.rule}: {finding.message}" for finding in gist(verdict.overridden))
            count = revision.revise(project.store, plan, deed("revised", now, f"version {plan.version}{forced}"))
            if count is not None:
                return Steered(again(project, listed), count), verdict
    raise StillChanging(listed.key)


def _revised(project: Project, listed: Listed, now: dt.datetime) -> Draft:
    newsletter, edition = project.newsletter(listed.newsletter), listed.edition
    bound = [(article, _as_chosen(place)) for article, place in articles.printed_in(project.store, number_of(listed))]
    printed = [pair for pair in bound if is_public(pair[0], now)]
    if not printed:
        raise NothingLeft(listed.key)
    liked = preferred(project)
    told = frozen(bound, lambda article: is_public(article, now), newsletter.same_story, liked, newsletter.zone)
    layout = lay_out(printed, edition.date, newsletter.zone, newsletter.max_articles, told)
    # A variant is what it was at the freeze, in whatever sections its articles stand today.
    made = dict.fromkeys(variant_of(letter) for letter in editions.letters(project.store, number_of(listed)))
    variants = Variants(list(made), [article for article, _ in bound])
    row = newsletter_row(project, newsletter, now)
    # Return paths are made as they were at the freeze, whatever DIGEST_BOUNCE_ADDRESS is now.
    letters = render(project, newsletter, row, printed, told, edition.date, variants.all, edition.bounce_address, now)
    choice, list_ids = Choice(tuple(bound)), tuple(edition.list_ids)
    left = revision.to_revise(project.store, number_of(listed))
    return Draft(newsletter, row, edition.date, edition.number, now, choice, layout, letters, variants, list_ids, left)


def _plan(project: Project, listed: Listed, made: Draft) -> Revision:
    earlier = editions.letters(project.store, number_of(listed))
    return Revision(
        edition_id=number_of(listed),
        version=1 + max(letter.version for letter in earlier),
        letters=made.letters,
        seen={article.id: article.changed_at for article, _ in made.choice.chosen if article.id is not None},
        roles=budget.roles(made.layout, made.letters),
        shown_as=made.layout.shown_as(),
        dkim=_keys(project, listed.edition, earlier, made.newsletter.sender[1]),
    )


def _keys(project: Project, edition: Edition, earlier: Sequence[Letter], address: str) -> list[dict[str, str]]:
    """Return the keys that sign an edition's letters, those that come from an address from now on included.

    Signatures must be in line with From, whose domain may have changed. Those of earlier letters stay: somebody may
    have had one, and their second copy has the same bytes.
    """
    sender = domain_of(address)
    if sender == domain_of(edition.sender) or sender in {sender_of(edition, letter) for letter in earlier}:
        return edition.dkim
    return [*edition.dkim, *(key.frozen(sender) for key in keys_for(project, address))]


def _as_chosen(place: Placement) -> Placement:
    """Return a bound placement as it was when the edition was laid out: the lead story's is pinned again."""
    return Placement(**{**place.model_dump(), "state": Place.PINNED if place.pinned else Place.WAITING})
