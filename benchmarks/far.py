"""A relay that is 50 ms away, with PIPELINING and without, against one mail for each connection and round trip."""

import socket
import time
from functools import partial
from statistics import median

from benchmarks.send import PHASE, digest_send
from benchmarks.sinks import far, sink
from benchmarks.timing import Floor, Round, Timed, floors, in_turn, show

AWAY = 0.050  #: seconds of a round trip
CONNECTIONS = 10
STEPS = {"pipelined": 1, "step by step": 4}  #: round trips a mail: MAIL, RCPT, DATA, content
FLOORS = [
    Floor(f"{PHASE}, {how}", f"a mail for each connection and {trips} round trip{'s' * (trips > 1)}", 0.9)
    for how, trips in STEPS.items()
]


def run(readers: int) -> None:
    """Print what of the round trips is used."""
    rounds = in_turn(*(partial(_send, how, readers) for how in STEPS), rounds=2)
    show(f"{CONNECTIONS} connections to a relay {AWAY * 1e3:.0f} ms away", rounds, FLOORS[0].base, "mails")
    floors(rounds, FLOORS)


def _send(how: str, readers: int) -> Round:
    trips = STEPS[how]
    with sink(pipelining=trips == 1) as near, far(near, AWAY) as port:
        round_trip = _round_trip(port)  # as this line has it, which rounds up
        sent = digest_send(f"smtp+plain://127.0.0.1:{port}?connections={CONNECTIONS}", readers // trips)[PHASE]
    floor = FLOORS[list(STEPS).index(how)]
    return {floor.what: sent, floor.base: Timed(sent.count, sent.count * trips * round_trip / CONNECTIONS)}


def _round_trip(port: int) -> float:
    took = []
    with socket.create_connection(("127.0.0.1", port), timeout=10) as line, line.makefile("rb") as replies:
        replies.readline()
        for _ in range(10):
            began = time.perf_counter()
            line.sendall(b"NOOP\r\n")
            replies.readline()
            took.append(time.perf_counter() - began)
    return median(took)
