"""The sample's edition to some thousand readers over ten connections, beside other ways to send the same mails."""

import json
from collections.abc import Callable, Mapping
from functools import partial

from benchmarks import peers
from benchmarks.letter import sample_letter
from benchmarks.peers import Mail
from benchmarks.sample import sample_project
from benchmarks.sinks import postfix_tool, sink, sink_name
from benchmarks.timing import Round, Timed, in_turn, show
from digest.letter.stamp import Reader, open_letter

CONNECTIONS = 10
PHASE = "digest send, send phase"


def run(readers: int) -> None:
    """Print how many mails a second each of them sends."""
    mails = finished_mails(max(100, readers // 3))
    size = len(mails[0].content)
    with sink() as port:
        contestants: list[Callable[[], Round]] = [
            partial(_digest, port, readers),
            lambda: {"aiosmtplib sendmail": peers.sendmail(port, mails, CONNECTIONS)},
            lambda: {"aiosmtplib send_message": peers.send_message(port, mails[: len(mails) // 3], CONNECTIONS)},
        ]
        if tool := postfix_tool("smtp-source"):
            contestants.append(lambda: {"smtp-source -d": peers.smtp_source(tool, port, readers, size, CONNECTIONS)})
        rounds = in_turn(*contestants)
    title = f"Mails of {size / 1000:.1f} kB over {CONNECTIONS} connections to {sink_name()}"
    show(title, rounds, PHASE, "mails")


def _digest(port: int, readers: int) -> Mapping[str, Timed]:
    with sample_project(readers, f"smtp+plain://127.0.0.1:{port}?connections={CONNECTIONS}") as sample:
        ran = sample.send()
    sent = json.loads(ran.output)
    if sent["sent"] != readers:
        raise RuntimeError(f"sent {sent['sent']} of {readers} mails: {ran.output}")
    return {
        PHASE: Timed(readers, sent["now"]["seconds"]),
        "digest send, whole command": Timed(readers, ran.seconds),
    }


def finished_mails(count: int) -> list[Mail]:
    """Return the sample's letter stamped for this many readers."""
    stamp = open_letter(sample_letter().mail)

    def mail(n: int) -> Mail:
        address, token = f"reader{n}@example{n % 50}.com", f"{n:0>38}"
        content = stamp.fill(Reader(address, "Åsa Öberg", token, token, token, f"{n:0>45}"))
        return Mail(f"bounce+{n:0>45}@example.com", address, content)

    return [mail(n) for n in range(count)]
