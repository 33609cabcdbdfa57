"""Other programs that send the same mails over as many connections: aiosmtplib in two ways, and smtp-source."""

import asyncio
import email
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from email import policy

import aiosmtplib

from benchmarks.timing import Timed

LONGEST = 60  #: seconds


@dataclass(frozen=True, slots=True)
class Mail:
    """A finished mail and its envelope."""

    sender: str
    recipient: str
    content: bytes


Send = Callable[[aiosmtplib.SMTP, int], Awaitable[object]]


def sendmail(port: int, mails: Sequence[Mail], connections: int) -> Timed:
    """Send finished bytes by aiosmtplib's ``sendmail``."""

    async def one(client: aiosmtplib.SMTP, n: int) -> None:
        await client.sendmail(mails[n].sender, [mails[n].recipient], mails[n].content)

    return asyncio.run(_over(port, connections, len(mails), one))


def send_message(port: int, mails: Sequence[Mail], connections: int) -> Timed:
    """Send by aiosmtplib's ``send_message``; that the messages had to be made first is not counted."""
    messages = [email.message_from_bytes(mail.content, policy=policy.SMTP) for mail in mails]

    async def one(client: aiosmtplib.SMTP, n: int) -> None:
        await client.send_message(messages[n], sender=mails[n].sender, recipients=[mails[n].recipient])

    return asyncio.run(_over(port, connections, len(mails), one))


def smtp_source(tool: str, port: int, count: int, size: int, connections: int) -> Timed:
    """Send by Postfix's load generator, connections kept; its mails are of the same size and all alike."""
    command = [tool, "-d", "-s", str(connections), "-m", str(count), "-l", str(size)]
    command += ["-f", "nytt@example.com", "-t", "reader@example.com", f"127.0.0.1:{port}"]
    began = time.perf_counter()
    subprocess.run(command, check=True, timeout=LONGEST)
    return Timed(count, time.perf_counter() - began)


async def _over(port: int, connections: int, count: int, one: Send) -> Timed:
    """Send from opening the first connection to the last reply, as ``digest send`` counts."""
    left = iter(range(count))
    ended = began = time.perf_counter()

    async def work() -> None:
        nonlocal ended
        client = aiosmtplib.SMTP(hostname="127.0.0.1", port=port, local_hostname="localhost", start_tls=False)
        async with client:
            for n in left:
                await one(client, n)
            ended = max(ended, time.perf_counter())

    async with asyncio.timeout(LONGEST):
        await asyncio.gather(*(work() for _ in range(connections)))
    return Timed(count, ended - began)
