import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

#: Runs a child again and again; both write down what they see.
LOOP = """
import sys, time
from digest.operation.minutely import run_every_minute
def say(words):
    print(words, file=sys.stderr, flush=True)
child = sys.argv[3:] if sys.argv[3] != "child" else [sys.executable, "-c", sys.argv[4]]
sys.exit(run_every_minute(child, say, lambda: time.time() + float(sys.argv[2]), every=float(sys.argv[1])))
"""
#: Notes that it ran.
NOTES = "open('ran', 'a').write('x')"
#: Works until it is told to stop, and then finishes what it has begun.
DRAINS = """
import signal, time
told = []
signal.signal(signal.SIGTERM, lambda *_: told.append(1))
signal.signal(signal.SIGINT, lambda *_: open('interrupted', 'w').close())
open('ran', 'a').write('x')
while not told:
    time.sleep(0.01)
time.sleep(0.3)
open('drained', 'w').write('x' * len(told))
"""


def looping(child: str | None, *command: str, every: float = 0.2, ahead: float = 0) -> "subprocess.Popen[str]":
    """Start a loop around this Python code, or this command."""
    what = ["child", child] if child is not None else list(command)
    return subprocess.Popen(
        [sys.executable, "-c", LOOP, str(every), str(ahead), *what],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        process_group=0,
    )


def wait_until(is_so: Callable[[], bool]) -> None:
    """Wait until something has happened; fail when it does not."""
    until = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < until, "it has not happened"
        time.sleep(0.01)


def has_run(times: int = 1) -> Callable[[], bool]:
    """Return the question whether the child has run so often."""
    return lambda: Path("ran").exists() and len(Path("ran").read_text()) >= times


def ended(loop: "subprocess.Popen[str]", by: int = signal.SIGTERM) -> tuple[int, str, str]:
    """Stop a loop; return its exit code and what it printed."""
    loop.send_signal(by)
    try:
        out, err = loop.communicate(timeout=20)
    finally:
        loop.kill()
    return loop.returncode, out, err


@pytest.mark.parametrize("ending", ["", "; raise SystemExit(1)", "; raise SystemExit(6)", "; 1/0"])
def test_command_is_run_again_however_it_ended(ending: str) -> None:
    loop = looping(NOTES + ending)
    wait_until(has_run(3))

    assert ended(loop)[0] == 0


def test_crash_is_told_and_the_next_minute_has_its_run() -> None:
    loop = looping(f"import os; {NOTES}; os.kill(os.getpid(), 9)")
    wait_until(has_run(2))
    code, _, err = ended(loop)

    assert code == 0
    assert "this minute's run was ended by SIGKILL; the next one goes on with what it left\n" in err


def test_command_that_is_not_there_is_told_and_tried_again() -> None:
    loop = looping(None, "/nowhere/digest", every=0.1)
    assert loop.stderr is not None
    first, second = loop.stderr.readline(), loop.stderr.readline()

    assert ended(loop)[0] == 0
    assert (
        first
        == second
        == "/nowhere/digest could not be started: No such file or directory; it is tried again in a minute\n"
    )


def test_what_the_command_prints_goes_where_we_print() -> None:
    loop = looping(f"import sys; print('out'); print('err', file=sys.stderr); sys.stdout.flush(); {NOTES}")
    wait_until(has_run(2))
    _, out, err = ended(loop)

    assert out.splitlines()[:2] == ["out", "out"]
    assert err.splitlines()[:2] == ["err", "err"]


@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_stop_is_passed_on_once_and_waits_until_the_command_is_done(by: int, code: int) -> None:
    loop = looping(DRAINS)
    wait_until(has_run())

    assert ended(loop, by)[0] == code
    assert Path("drained").read_text() == "x"
    assert Path("ran").read_text() == "x", "nothing new is begun"


def test_second_signal_is_passed_on_and_the_first_says_how_it_ends() -> None:
    loop = looping(DRAINS)
    wait_until(has_run())
    loop.send_signal(signal.SIGTERM)
    time.sleep(0.1)

    assert ended(loop, signal.SIGINT)[0] == 0
    assert Path("drained").read_text() == "xx"


def test_ctrl_c_at_the_terminal_reaches_the_command_as_a_stop_only() -> None:
    loop = looping(DRAINS)
    wait_until(has_run())
    os.killpg(loop.pid, signal.SIGINT)  # as a terminal does, to everybody in front of it
    loop.communicate(timeout=20)

    assert loop.returncode == 130
    assert Path("drained").exists()
    assert not Path("interrupted").exists()


@pytest.mark.parametrize(("by", "code"), [(signal.SIGTERM, 0), (signal.SIGINT, 130)])
def test_stop_between_two_runs_is_obeyed_at_once(by: int, code: int) -> None:
    loop = looping(NOTES, every=3600)
    wait_until(has_run())
    time.sleep(0.2)
    begun = time.monotonic()

    assert ended(loop, by)[0] == code
    assert time.monotonic() - begun < 5
    assert Path("ran").read_text() == "x"


def test_next_run_is_when_the_minute_begins() -> None:
    now = time.time()
    ahead = 3600 - 4 - now % 3600  # its clock says four seconds to the hour
    loop = looping(
        "import time; open('ran', 'a').write('x'); open('at', 'a').write(f'{time.time()}\\n')", every=3600, ahead=ahead
    )
    wait_until(has_run(2))
    ended(loop)
    seconds = [(float(line) + ahead) % 3600 for line in Path("at").read_text().split()]

    assert seconds[0] > 3595 or seconds[0] < 60, "the first run is at once"
    assert seconds[1] < 60
