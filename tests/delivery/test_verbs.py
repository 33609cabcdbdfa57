"""Which verbs an edition takes in which state, and which one a refusal names."""

import re

import pytest

from digest.delivery.verbs import TAKES, Verb, WrongState, is_done, objection
from digest.models import EditionState as State

VERBS = list(Verb)
#: y: takes it; =: is so already; else the command that a refusal names.
TABLE = {
    State.DRAFT:     ["send", "send", "send", "send", "=", "send", "send", "send"],
    State.EMPTY:     ["send", "send", "send", "send", "send", "send", "send", "send"],
    State.HELD:      ["send", "send", "send", "send", "send", "send", "send", "send"],
    State.FROZEN:    ["y", "send", "y", "y", "y", "send", "send", "editions reopen"],
    State.SENDING:   ["y", "send", "y", "y", "y", "y", "y", "editions pause"],
    State.PAUSED:    ["=", "y", "y", "y", "y", "y", "y", "y"],
    State.SENT:      ["send --extra", "editions retry", "send --extra", "send --extra", "send --extra", "y", "y",
                      "send --extra"],
    State.REHEARSED: ["editions reopen", "editions reopen", "editions reopen", "editions reopen", "y",
                      "editions reopen", "y", "editions reopen"],
    State.CANCELLED: ["editions reopen", "editions reopen", "=", "y", "y", "editions reopen", "editions reopen",
                      "editions reopen"],
}  # fmt: skip
ORDER = [
    Verb.PAUSE, Verb.RESUME, Verb.CANCEL, Verb.UNBIND, Verb.REOPEN, Verb.RETRY, Verb.RESEND, Verb.REVISE,
]  # fmt: skip
CASES = [(verb, state, expected) for state, row in TABLE.items() for verb, expected in zip(ORDER, row, strict=True)]


def first_command(words: str) -> str:
    """Return the first command that a sentence names."""
    found = re.search(r"digest (editions (?:\w+)|send(?: --extra)?)", words)
    assert found, words
    return found[1]


def test_the_table_is_whole() -> None:
    assert set(TABLE) == set(State)
    assert ORDER == VERBS


@pytest.mark.parametrize(("verb", "state", "expected"), CASES, ids=str)
def test_each_verb_in_each_state(verb: Verb, state: State, expected: str) -> None:
    why = objection(verb, state, has_begun=False)
    assert is_done(verb, state) == (expected == "=")
    if expected in ("y", "="):
        assert why is None
    else:
        assert why is not None
        assert first_command(why) == expected


@pytest.mark.parametrize(("verb", "state"), [case[:2] for case in CASES], ids=str)
def test_the_verb_that_a_refusal_names_is_one_that_this_state_takes(verb: Verb, state: State) -> None:
    why = objection(verb, state, has_begun=False)
    if why is None:
        return
    command = first_command(why)
    if command.startswith("editions"):
        assert state in TAKES[Verb(command.removeprefix("editions "))]


@pytest.mark.parametrize(
    ("state", "named"),
    [
        (State.FROZEN, "editions pause"),
        (State.SENDING, "editions pause"),
        (State.PAUSED, "editions revise"),
        (State.CANCELLED, "editions cancel"),
    ],
)
def test_what_has_begun_to_go_out_is_not_taken_back(state: State, named: str) -> None:
    why = objection(Verb.REOPEN, state, has_begun=True)

    assert why is not None
    assert why.startswith("some of it has gone out")
    assert first_command(why) == named


def test_every_state_that_reopens_can_say_why_not_once_mail_has_gone_out() -> None:
    # A rehearsal has mailed nobody, whatever its letters.
    for state in set(TAKES[Verb.REOPEN]) - {State.REHEARSED}:
        assert objection(Verb.REOPEN, state, has_begun=True)


@pytest.mark.parametrize("verb", [verb for verb in VERBS if verb is not Verb.REOPEN])
def test_only_reopening_asks_whether_mail_has_gone_out(verb: Verb) -> None:
    for state in State:
        assert objection(verb, state, has_begun=True) == objection(verb, state, has_begun=False)


def test_a_refusal_is_one_line_with_key_state_and_advice() -> None:
    refused = WrongState("nyheter/2025-11-30", State.SENT, "nothing is left")

    assert str(refused) == "nyheter/2025-11-30 is sent: nothing is left"
    assert (refused.key, refused.state, refused.exit_code) == ("nyheter/2025-11-30", State.SENT, 1)
