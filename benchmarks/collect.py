"""Collecting from many feeds on a local server: the first time, and when nothing has changed."""

import json
import resource
import sys
import tempfile
from pathlib import Path
from subprocess import PIPE, Popen

from benchmarks import commands
from benchmarks.commands import DIGEST
from benchmarks.timing import table

ITEMS = 20  #: of each feed
PORTS = 50  #: of the server: feeds come from many hosts
SERVER = """\
import asyncio, sys
items, ports = int(sys.argv[1]), int(sys.argv[2])
LOREM = "Ett företag i Sundsvall har byggt en robot som plockar bär i skogen, och den får nu följa med ut. " * 12
def feed(n):
    rows = "".join(
        f"<item><title>Nyhet {k} från källa {n}</title><link>https://k{n}.example.com/{k}</link>"
        f"<guid isPermaLink='false'>{n}-{k}</guid><pubDate>Sun, 30 Nov 2025 {k % 24:02}:00:00 GMT</pubDate>"
        f"<description>&lt;p&gt;Källa {n}, nyhet {k}. {LOREM}&lt;/p&gt;</description></item>" for k in range(items))
    head = "<?xml version='1.0' encoding='utf-8'?><rss version='2.0'><channel><title>Källa</title>"
    return (head + rows + "</channel></rss>").encode()
async def serve(reader, writer):
    try:
        while True:
            head = await reader.readuntil(b"\\r\\n\\r\\n")
            n = head.split()[1].decode().strip("/")
            if n == "end":
                asyncio.get_running_loop().stop()
            elif b"if-none-match" in head.lower():
                writer.write(b"HTTP/1.1 304 Not Modified\\r\\n\\r\\n")
            else:
                body = feed(n)
                head = f'HTTP/1.1 200 OK\\r\\nETag: "{n}"\\r\\nContent-Type: application/rss+xml\\r\\n'
                writer.write(f"{head}Content-Length: {len(body)}\\r\\n\\r\\n".encode() + body)
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()
async def main():
    servers = [await asyncio.start_server(serve, f"127.0.1.{n + 1}", 0) for n in range(ports)]
    print(*(f"{s.sockets[0].getsockname()[0]}:{s.sockets[0].getsockname()[1]}" for s in servers), flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def run(feeds: int) -> None:
    """Print how long both take, and the most memory either needs."""
    rows = []
    with tempfile.TemporaryDirectory(prefix="digest-bench-") as name, _server() as hosts:
        folder = Path(name)
        commands.run([*DIGEST, "init"], folder)
        (folder / "digest.toml").write_text(_toml(feeds, hosts), encoding="utf-8")
        for title in ("the first time", "nothing changed"):
            before = _processor()
            ran = commands.run([*DIGEST, "collect", "--json"], folder)
            new = sum(one["new"] for one in json.loads(ran.output)["sources"])
            took = f"{ran.seconds:.1f}", f"{_processor() - before:.1f}", f"{ran.peak / 1e6:.0f}"
            rows.append([title, f"{feeds:,}", f"{new:,}", *took])
    head = ["", "feeds", "new articles", "seconds", "of processor", "MB at most"]
    table(f"Collecting, {ITEMS} articles a feed", head, rows)


class _server:  # noqa: N801  used as a word
    """A server in a process of its own, on many addresses of loopback."""

    def __enter__(self) -> list[str]:
        self.process = Popen([sys.executable, "-c", SERVER, str(ITEMS), str(PORTS)], stdout=PIPE, text=True)
        assert self.process.stdout is not None
        return self.process.stdout.readline().split()

    def __exit__(self, *_: object) -> None:
        self.process.terminate()
        self.process.communicate()


def _processor() -> float:
    """Return the seconds of processor that commands have taken until now."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _toml(feeds: int, hosts: list[str]) -> str:
    letter = '[newsletters.nytt]\ntitle = "Nytt"\nfrom = "nytt@example.com"\nlists = ["alla"]\n'
    return letter + "".join(
        f'\n[sources.s{n}]\nfeed = "http://{hosts[n % len(hosts)]}/{n}"\nprivate = true\n' for n in range(feeds)
    )
