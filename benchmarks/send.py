"""The sample's edition to some thousand readers, beside other ways to send the same mails over as many connections."""

import json
from collections.abc import Callable
from functools import partial

from benchmarks import peers
from benchmarks.letter import sample_letter
from benchmarks.peers import Mail
from benchmarks.sample import sample_project
from benchmarks.sinks import postfix_tool, sink, sink_name
from benchmarks.timing import Floor, Round, Timed, floors, in_turn, show
from digest.letter.stamp import Reader, open_letter

CONNECTIONS = (10, 40)
PHASE, WHOLE, SOURCE = "digest send, send phase", "digest send, whole command", "smtp-source -d"
SENDMAIL, MESSAGE = "aiosmtplib sendmail", "aiosmtplib send_message"
FINISHED = 2000  #: mails of a peer that is handed finished ones: what it takes to hold them must not matter
FLOORS = {
    10: [Floor(PHASE, SOURCE, 0.75), Floor(WHOLE, SOURCE, 0.5), Floor(PHASE, MESSAGE, 20)],
    40: [Floor(PHASE, SOURCE, 0.95), Floor(PHASE, MESSAGE, 20)],
}


def run(readers: int) -> None:
    """Print how many mails a second each of them sends, over ten connections and over forty."""
    mails = finished_mails(min(FINISHED, max(100, readers // 3)))
    with sink() as port:
        for connections in CONNECTIONS:
            _compare(port, readers, connections, mails)


def _compare(port: int, readers: int, connections: int, mails: list[Mail]) -> None:
    size, few = len(mails[0].content), mails[: max(100, len(mails) // 5)]
    contestants: list[Callable[[], Round]] = [
        partial(digest_send, f"smtp+plain://127.0.0.1:{port}?connections={connections}", readers),
        lambda: {SENDMAIL: peers.sendmail(port, mails, connections)},
        lambda: {MESSAGE: peers.send_message(port, few, connections)},
    ]
    if tool := postfix_tool("smtp-source"):
        contestants.append(lambda: {SOURCE: peers.smtp_source(tool, port, readers, size, connections)})
    rounds = in_turn(*contestants)
    title = f"Mails of {size / 1000:.1f} kB over {connections} connections to {sink_name()}"
    show(title, rounds, PHASE, "mails")
    floors(rounds, FLOORS[connections])


def digest_send(relay: str, readers: int) -> Round:
    """Send the sample's edition, made for it, to this many readers: the send phase, and the whole command."""
    with sample_project(readers, relay) as sample:
        ran = sample.send()
    sent = json.loads(ran.output)
    if sent["sent"] != readers:
        raise RuntimeError(f"sent {sent['sent']} of {readers} mails: {ran.output}")
    return {PHASE: Timed(readers, sent["now"]["seconds"]), WHOLE: Timed(readers, ran.seconds)}


def finished_mails(count: int) -> list[Mail]:
    """Return the sample's letter stamped for this many readers."""
    stamp = open_letter(sample_letter().mail)

    def mail(n: int) -> Mail:
        address, token = f"reader{n}@example{n % 50}.com", f"{n:0>38}"
        content = stamp.fill(Reader(address, "Åsa Öberg", token, token, token, f"{n:0>45}"))
        return Mail(f"bounce+{n:0>45}@example.com", address, content)

    return [mail(n) for n in range(count)]
