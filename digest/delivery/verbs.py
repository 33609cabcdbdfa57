"""Which verbs an edition takes in which state, and which one would be right instead. Decides only."""

import enum

from digest.errors import DigestError
from digest.models import EditionState

DRAFT, EMPTY, HELD = EditionState.DRAFT, EditionState.EMPTY, EditionState.HELD
FROZEN, SENDING, PAUSED = EditionState.FROZEN, EditionState.SENDING, EditionState.PAUSED
SENT, REHEARSED, CANCELLED = EditionState.SENT, EditionState.REHEARSED, EditionState.CANCELLED


class Verb(enum.StrEnum):
    """What an editor can do to an edition."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    UNBIND = "cancel --unbind"
    REOPEN = "reopen"
    RETRY = "retry"
    RESEND = "resend"
    REVISE = "revise"


class WrongState(DigestError):
    """A verb was asked of an edition that does not take it now."""

    def __init__(self, key: str, state: EditionState, advice: str) -> None:
        super().__init__(f"{key} is {state}: {advice}")
        self.key = key
        self.state = state


#: States in which each verb does its work.
TAKES: dict[Verb, tuple[EditionState, ...]] = {
    Verb.PAUSE: (FROZEN, SENDING),
    Verb.RESUME: (PAUSED,),
    Verb.CANCEL: (FROZEN, SENDING, PAUSED),
    Verb.UNBIND: (FROZEN, SENDING, PAUSED, CANCELLED),
    Verb.REOPEN: (FROZEN, SENDING, PAUSED, REHEARSED, CANCELLED),
    Verb.RETRY: (SENDING, PAUSED, SENT),
    Verb.RESEND: (SENDING, PAUSED, SENT, REHEARSED),
    Verb.REVISE: (PAUSED,),
}
#: States in which it has been done already: saying it twice does no harm.
DONE: dict[Verb, EditionState] = {Verb.PAUSE: PAUSED, Verb.CANCEL: CANCELLED, Verb.REOPEN: DRAFT}

_UNDECIDED = "nothing of it is frozen; digest send decides anew"
_EXTRA = "digest send --extra makes another edition of the date"
_ADVICE: dict[tuple[Verb | None, EditionState], str] = {
    (None, DRAFT): _UNDECIDED,
    (None, EMPTY): _UNDECIDED,
    (None, HELD): _UNDECIDED,
    (None, CANCELLED): "nothing more of it goes out; digest editions reopen takes it back where nobody was mailed",
    (None, REHEARSED): "nobody was mailed; digest editions reopen takes it back, digest send mails it",
    (Verb.PAUSE, SENT): f"nothing is left to stop; {_EXTRA}",
    (Verb.RESUME, FROZEN): "it is not paused; digest send begins it",
    (Verb.RESUME, SENDING): "it is not paused; digest send goes on with it",
    (Verb.RESUME, SENT): "nothing is left of it; digest editions retry --failed tries again who was refused",
    (Verb.CANCEL, SENT): f"nothing is left to cancel; {_EXTRA}",
    (Verb.UNBIND, SENT): f"its readers have its articles; {_EXTRA}",
    (Verb.REOPEN, SENT): f"it has gone out; {_EXTRA}",
    (Verb.RETRY, FROZEN): "it has not begun; digest send begins it",
    (Verb.RESEND, FROZEN): "it has not begun; digest send begins it",
    (Verb.REVISE, FROZEN): "it has not begun; digest editions reopen takes it back, digest send makes it anew",
    (Verb.REVISE, SENDING): "it is going out; digest editions pause stops it first",
    (Verb.REVISE, SENT): f"everybody has it; {_EXTRA}",
}
_STOP_FIRST = "some of it has gone out; digest editions pause stops it, then revise makes new letters for the others"
BEGUN = {
    FROZEN: _STOP_FIRST,
    SENDING: _STOP_FIRST,
    PAUSED: "some of it has gone out; digest editions revise makes new letters for the others",
    CANCELLED: "some of it has gone out; digest editions cancel --unbind gives its articles to the next edition",
}


def is_done(verb: Verb, state: EditionState) -> bool:
    """Return whether a verb finds its work done."""
    return DONE.get(verb) is state


def objection(verb: Verb, state: EditionState, *, has_begun: bool) -> str | None:
    """Return why an edition does not take a verb and which one would be right, None when it takes it or has done it.

    ``has_begun``: mail of it has been offered to a relay on the network.
    """
    if is_done(verb, state):
        return None
    if state not in TAKES[verb]:
        return _ADVICE.get((verb, state)) or _ADVICE[None, state]
    if verb is Verb.REOPEN and has_begun:
        return BEGUN[state]
    return None
