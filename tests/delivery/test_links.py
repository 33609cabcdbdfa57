"""Links and pictures asked for: what they come to, how many at once, and never into our own network."""

import asyncio
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpcore2
import pytest

from digest.delivery import links
from digest.delivery.asking import guarded
from digest.delivery.findings import Asked
from digest.delivery.links import Reply, ask_all

SITE = "http://news.example.com"


#: What a path is answered with; others are pages.
ANSWERS = {
    "/gone": (404, {}),
    "/members": (403, {}),
    "/broken": (500, {}),
    "/moved": (301, {"Location": "/here"}),
    "/borrowed": (302, {"Location": "/here"}),
    "/home": (302, {"Location": "/"}),
    "/round": (302, {"Location": "/round"}),
    "/slash": (301, {"Location": "/slash/"}),
    "/inside": (301, {"Location": "http://10.0.0.7/secret"}),
    "/heavy": (200, {"Content-Length": "900000"}),
}
ASKED: list[tuple[str, str]] = []


class Pages(BaseHTTPRequestHandler):
    """A site with a page for every answer there is."""

    def answer(self) -> None:
        ASKED.append((self.command, self.path))
        if self.path == "/nonsense":
            self.wfile.write(b"SSH-2.0-OpenSSH\r\n")
            return
        status, headers = ANSWERS.get(self.path, (200, {}))
        self.send_response(405 if (self.command, self.path) == ("HEAD", "/no-head") else status)
        for name, value in {"Content-Length": "0", **headers}.items():
            self.send_header(name, value)
        self.end_headers()

    do_HEAD = do_GET = answer  # noqa: N815  as the library calls them

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def port() -> Iterator[int]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Pages) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


class Dial(httpcore2.AnyIOBackend):
    """Connects to our own server whatever address it is told; which ones it was told is kept."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled: list[str] = []

    async def connect_tcp(self, host: str, port: int, *rest: Any, **named: Any) -> httpcore2.AsyncNetworkStream:
        self.dialled.append(host)
        return await super().connect_tcp("127.0.0.1", self.port, *rest, **named)


async def resolve(host: str, port: int) -> list[str]:
    return {"news.example.com": ["93.184.216.34"], "intranet.example.com": ["192.168.1.10"]}[host]


def ask(port: int, *paths: str) -> tuple[dict[str, Asked], Dial]:
    dial = Dial(port)

    async def asked() -> dict[str, Asked]:
        async with guarded("https://nytt.se", resolve=resolve, dial=dial) as one:
            return await ask_all([path if "://" in path else SITE + path for path in paths], one)

    found = asyncio.run(asked())
    return {url.removeprefix(SITE): what for url, what in found.items()}, dial


def test_each_link_comes_to_what_a_reader_would_find(port: int) -> None:
    found, _ = ask(
        port, "/here", "/gone", "/no-head", "/members", "/broken", "/moved", "/borrowed", "/home", "/slash", "/round"
    )

    assert {path for path, asked in found.items() if asked.trouble} == {"/gone", "/broken", "/round"}
    assert found["/gone"].trouble == "it answers 404; correct the link or drop the article"
    assert found["/round"].trouble == "it redirects more than 5 times"
    assert found["/moved"].moved == f"moved for good: link to {SITE}/here"
    assert found["/home"].moved == "it leads to the front page only: the article may be gone"
    assert {path for path, asked in found.items() if asked.moved} == {"/moved", "/home"}


def test_a_get_is_only_for_who_does_not_answer_to_head(port: int) -> None:
    ASKED.clear()
    ask(port, "/here", "/no-head")

    assert sorted(ASKED) == [("GET", "/no-head"), ("HEAD", "/here"), ("HEAD", "/no-head")]


def test_the_weight_of_a_picture_comes_from_its_head(port: int) -> None:
    found, _ = ask(port, "/heavy")

    assert found["/heavy"] == Asked(size=900_000)


def test_what_does_not_speak_as_a_web_server_does_is_dead(port: int) -> None:
    found, _ = ask(port, "/nonsense")

    assert found["/nonsense"].trouble.startswith("it does not speak as a web server does")


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/",
        "http://intranet.example.com/a",
        "http://0x7f.1/",
        "http://[::1]/",
        "http://169.254.169.254/",
    ],
)
def test_nothing_is_asked_in_our_own_network(port: int, url: str) -> None:
    found, dial = ask(port, url)

    assert found[url].trouble.startswith("readers cannot go there: ")
    assert "private = true" not in found[url].trouble
    assert dial.dialled == []


def test_a_redirect_does_not_lead_there_either(port: int) -> None:
    found, dial = ask(port, "/inside")

    assert found["/inside"].trouble.startswith("readers cannot go there: 10.0.0.7")
    assert set(dial.dialled) == {"93.184.216.34"}


def test_another_port_is_not_asked_and_nothing_is_said_of_it(port: int) -> None:
    found, dial = ask(port, "http://news.example.com:8443/a")

    assert found == {":8443/a": Asked()}
    assert dial.dialled == []


@pytest.mark.parametrize("url", ["http://[bad", "http://a\N{ACCOUNT OF}b/"])
def test_what_is_no_address_is_dead_and_the_others_are_asked_all_the_same(port: int, url: str) -> None:
    found, _ = ask(port, url, "/here")

    assert (found[url].trouble, found["/here"].trouble) == ("it is no address; correct the link", "")


def test_two_at_a_time_of_one_host_and_many_of_many() -> None:
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def slow(_method: str, url: str) -> Reply:
        host = url.split("/")[2]
        for name in (host, "all"):
            now[name] += 1
            most[name] = max(most[name], now[name])
        await asyncio.sleep(0.01)
        now.subtract([host, "all"])
        return Reply(200)

    asyncio.run(ask_all([f"http://h{n % 30}.example/{n}" for n in range(150)], slow))

    assert max(count for host, count in most.items() if host != "all") == links.A_HOST
    assert 16 <= most["all"] <= links.ALL


def test_a_host_that_is_silent_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(links, "SECONDS", 0.02)
    asked: list[str] = []

    async def silent(_method: str, url: str) -> Reply:
        asked.append(url)
        await asyncio.sleep(60)
        return Reply(200)

    began = time.monotonic()
    found = asyncio.run(ask_all([f"http://silent.example/{n}" for n in range(40)], silent))

    assert len(asked) <= links.SILENT_HOST + links.A_HOST
    assert {one.trouble for one in found.values()} == {"no answer within 0.02 s"}
    assert time.monotonic() - began < 10


def test_a_link_that_stands_there_twice_is_asked_once_and_of_too_many_the_first() -> None:
    asked: list[str] = []

    async def quick(_method: str, url: str) -> Reply:
        asked.append(url)
        return Reply(200)

    asyncio.run(ask_all(["http://a.example/"] * 3 + [f"http://b.example/{n}" for n in range(2000)], quick))

    assert len(asked) == len(set(asked)) == links.MOST
