"""``make faults`` says what is broken, and its exit code does."""

import sys

import pytest

from tests.faults import __main__ as faults
from tests.faults import long


@pytest.mark.parametrize(
    ("broken", "code", "last"),
    [([], 0, "every invariant holds"), (["killed after 0.1 s: I1: lost: anna@example.com"], 1, "anna@example.com")],
)
def test_a_broken_invariant_is_printed_and_is_exit_code_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], broken: list[str], code: int, last: str
) -> None:
    asked: list[object] = []

    def rounds(what: str, wanted: list[long.Wanted], _jobs: int) -> list[str]:
        asked.extend(wanted)
        return broken if what == "killed at random" else []

    monkeypatch.setattr(faults, "_run", rounds)
    monkeypatch.setattr(sys, "argv", ["faults", "--kills", "3", "--only-kills", "--seed", "1"])

    assert faults.main() == code
    out = capsys.readouterr().out
    assert out.rstrip().endswith(last)
    assert "seed 1" in out, "so that it can be done again"
    assert sum(isinstance(one, long.AtRandom) for one in asked) == 3
    assert {one.point for one in asked if isinstance(one, long.AtPoint)} >= {
        *long.BEGINNING,
        "marked:1",
        "answered:199",
    }
