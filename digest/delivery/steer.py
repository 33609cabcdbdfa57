"""An editor's hand on an edition: stop it, let it go on, call it off, take it back, try again."""

import contextlib
import datetime as dt
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from digest.delivery import emergency
from digest.delivery.report import find_edition
from digest.delivery.run import alone, is_anybody_sending
from digest.delivery.verbs import TAKES, Verb, WrongState, is_done, objection
from digest.errors import BusyError
from digest.models import DeliveryState, Edition, EditionState
from digest.project import Project, who_does_this
from digest.settings import NewsletterSettings
from digest.store import editions, ledger, steering
from digest.store.editions import Listed
from digest.store.steering import Deed

#: How long mail is tried for a newsletter that digest.toml no longer names.
GIVE_UP_AFTER: dt.timedelta = NewsletterSettings.model_fields["give_up_after"].default

PATIENCE = 3.0  #: seconds for a send that was just paused to finish its conversations

REHEARSED_ONLY = "it was rehearsed only, nobody has had it; digest send mails it"
TO_THE_OUTBOX = "DIGEST_RELAY_URL is the outbox now, and nobody would be mailed; set it back"


@dataclass(frozen=True)
class Steered:
    """What came of a verb: the edition as it stands now, and how many letters or articles it was about."""

    edition: Listed
    count: int = 0
    has_changed: bool = True  #: False when it had been so before


def pause(project: Project, key: str, now: dt.datetime) -> Steered:
    """Stop an edition: nothing more of it begins, in whatever process it is sent; see ``send.LOOK``."""
    return _turn(project, key, Verb.PAUSE, lambda _: EditionState.PAUSED, now)


def resume(project: Project, key: str, now: dt.datetime) -> Steered:
    """Let a paused edition go on with the next send; one of which nothing is left is done with it."""

    def state(edition: Edition) -> EditionState:
        has_begun = steering.has_begun(project.store, edition.id or 0)
        return EditionState.SENDING if has_begun else EditionState.FROZEN

    done = _turn(project, key, Verb.RESUME, state, now)
    steering.finish(project.store, done.edition.edition, now)
    return replace(done, edition=again(project, done.edition))


def _turn(project: Project, key: str, verb: Verb, to: Callable[[Edition], EditionState], now: dt.datetime) -> Steered:
    listed = taking(project, key, verb)
    if is_done(verb, listed.edition.state):
        return Steered(listed, has_changed=False)
    state = to(listed.edition)
    done = deed("paused" if verb is Verb.PAUSE else "resumed", now)
    if not steering.turn(project.store, number_of(listed), [listed.edition.state], state, done):
        return _turn(project, key, verb, to, now)  # a send has begun or ended it just now: what holds today?
    return Steered(again(project, listed))


def cancel(project: Project, key: str, now: dt.datetime, *, unbind: bool) -> Steered:
    """Cancel what is open of an edition; ``unbind`` gives its articles back to the next edition."""
    listed = taking(project, key, Verb.UNBIND if unbind else Verb.CANCEL)
    number, state = number_of(listed), listed.edition.state
    has_changed = state is not EditionState.CANCELLED
    # The state goes first: a send that runs looks at it, and whoever is killed after that does the rest again.
    if has_changed and not steering.turn(
        project.store, number, [state], EditionState.CANCELLED, deed("cancelled", now)
    ):
        return cancel(project, key, now, unbind=unbind)
    with contextlib.suppress(BusyError), alone(project):  # nobody is sending: what was going out is a doubt
        emergency.replay_journal(project.store)
        ledger.take_over(project.store, listed.edition, now)
    count = steering.cancel_open(project.store, number, now)
    freed = steering.unbind(project.store, number, deed("unbound", now)) if unbind else 0
    return Steered(again(project, listed), count, has_changed or count + freed > 0)


def reopen(project: Project, key: str, now: dt.datetime) -> Steered:
    """Take an edition back to a draft: articles wait again, letters and deliveries are gone; only before any mail."""
    taking(project, key, Verb.REOPEN)
    with once_quiet(project, key):
        listed = taking(project, key, Verb.REOPEN)
        if is_done(Verb.REOPEN, listed.edition.state):
            return Steered(listed, has_changed=False)
        steering.take_back(project.store, number_of(listed), deed("reopened", now, "an editor took it back"))
    return Steered(again(project, listed), listed.articles)


def retry(project: Project, key: str, code: str | None, now: dt.datetime, *, failed: bool) -> Steered:
    """Make mail due at once: what is deferred; what failed or expired when ``failed``; any of them with a ``code``."""
    listed = taking(project, key, Verb.RETRY)
    gone = (DeliveryState.FAILED, DeliveryState.EXPIRED)
    states = gone if failed else (DeliveryState.DEFERRED, *(gone if code else ()))
    until, done = now + give_up_after(project, listed), deed("retried", now, code or "")
    count = steering.try_again(project.store, number_of(listed), TAKES[Verb.RETRY], states, code, until, done)
    if count is None:
        return retry(project, key, code, now, failed=failed)
    return Steered(again(project, listed), count, has_changed=count > 0)


def taking(project: Project, key: str, verb: Verb, *, rehearsing: bool = False) -> Listed:
    """Return the edition a key names; WrongState when it does not take the verb now."""
    listed = find_edition(project, key)
    state = listed.edition.state
    if verb is Verb.RESEND and state in TAKES[verb] and listed.edition.rehearsal != rehearsing:
        raise WrongState(listed.key, state, REHEARSED_ONLY if listed.edition.rehearsal else TO_THE_OUTBOX)
    is_asked = verb is Verb.REOPEN and not listed.edition.rehearsal
    has_begun = is_asked and steering.has_begun(project.store, number_of(listed))
    if why := objection(verb, state, has_begun=has_begun):
        raise WrongState(listed.key, state, why)
    return listed


@contextmanager
def once_quiet(project: Project, key: str) -> Iterator[None]:
    """Hold the send lock, after a send that was told to stop has finished its conversations; BusyError."""
    ends = time.monotonic() + PATIENCE
    while is_anybody_sending(project) and time.monotonic() < ends:
        time.sleep(0.1)
    try:
        with alone(project):
            yield
    except BusyError as error:
        raise BusyError(f"{key} has to wait, a send is under way; digest editions pause stops one") from error


def again(project: Project, listed: Listed) -> Listed:
    """Return an edition as it stands now."""
    return editions.listing(project.store, numbers=[number_of(listed)])[0]


def number_of(listed: Listed) -> int:
    """Return the number of an edition that is stored."""
    assert listed.edition.id is not None
    return listed.edition.id


def deed(verb: str, now: dt.datetime, detail: str = "") -> Deed:
    """Return a line of history in the name of who runs this."""
    return Deed(verb, who_does_this(), now, detail)


def give_up_after(project: Project, listed: Listed) -> dt.timedelta:
    """Return how long mail of an edition is tried from now on."""
    known = project.file.newsletters.get(listed.newsletter)
    return known.give_up_after if known else GIVE_UP_AFTER
