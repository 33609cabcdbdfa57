import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from digest import __version__
from digest.operation.ping import Event, ping

SECRET = "a-secret-of-nobody-else"


@dataclass(frozen=True)
class Asked:
    """What a monitor was asked."""

    method: str
    path: str
    agent: str
    body: bytes


@dataclass
class Monitor:
    """A monitor on loopback: what it answers, and what it was asked."""

    port: int
    asked: list[Asked] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/ping/{SECRET}"


@contextmanager
def monitor(
    code: int = 200, location: str = "", answer: Callable[[BaseHTTPRequestHandler], None] | None = None
) -> Iterator[Monitor]:
    """Serve on loopback while the block runs; every path is answered with this code."""

    class Handler(BaseHTTPRequestHandler):
        def do(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            agent = self.headers["User-Agent"]
            there.asked.append(Asked(self.command, self.path, agent, self.rfile.read(length)))
            if answer is not None:
                answer(self)
                return
            self.send_response(code)
            if location:
                self.send_header("Location", location)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"OK")

        do_GET = do_POST = do  # noqa: N815  names of the library

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002  likewise
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    there = Monitor(server.server_address[1])
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield there
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "*")


@pytest.mark.parametrize(("event", "path"), [("start", "/start"), ("success", ""), ("failure", "/fail")])
def test_each_event_has_its_path(event: Event, path: str) -> None:
    with monitor() as there:
        assert ping(there.url, event) is None

    assert there.asked == [Asked("GET", f"/ping/{SECRET}{path}", f"digest/{__version__}", b"")]


def test_words_are_posted() -> None:
    with monitor() as there:
        assert ping(there.url, "failure", "nyheter/2025-11-30: hållen") is None

    assert [(one.method, one.body.decode()) for one in there.asked] == [("POST", "nyheter/2025-11-30: hållen")]


def test_words_without_end_are_cut_between_two_letters() -> None:
    with monitor() as there:
        assert ping(there.url, "failure", "x" + "å" * 20_000) is None

    assert there.asked[0].body.decode() == "x" + "å" * 4_999


def test_words_that_are_no_text_do_not_stop_it() -> None:
    with monitor() as there:
        assert ping(there.url, "failure", "bad \udcff byte") is None

    assert there.asked[0].body == b"bad ? byte"


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("/?id=7", "/fail?id=7"),
        ("/x?a=b&c=d#top", "/x/fail?a=b&c=d"),
        ("/x/", "/x/fail"),
        ("", "/fail"),
        (" ", "/fail"),
    ],
)
def test_path_goes_before_a_query(given: str, asked: str) -> None:
    with monitor() as there:
        assert ping(f"http://127.0.0.1:{there.port}{given}", "failure") is None

    assert there.asked[0].path == asked


@pytest.mark.parametrize("code", [404, 500])
def test_monitor_that_answers_with_an_error_is_told_without_its_path(code: int) -> None:
    with monitor(code) as there:
        said = ping(there.url, "success")

    assert said == f"the monitor at 127.0.0.1 was not told (success): it answered {code}"


def test_redirect_is_told_and_not_followed() -> None:
    with monitor() as elsewhere, monitor(302, location=elsewhere.url) as there:
        said = ping(there.url, "start", "words")

    assert said is not None
    assert said.endswith("it answered 302, which leads elsewhere; write that address into DIGEST_PING_URL")
    assert SECRET not in said
    assert (len(there.asked), elsewhere.asked) == (1, [])


def test_monitor_that_is_not_there_is_told() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    said = ping(f"http://127.0.0.1:{port}/{SECRET}", "success")

    assert said is not None
    assert said.startswith("the monitor at 127.0.0.1 was not told (success): ")
    assert "refused" in said
    assert SECRET not in said


@pytest.fixture
def _short_patience(monkeypatch: pytest.MonkeyPatch) -> None:
    import httpx2  # noqa: F401  so that its import takes nothing of it

    monkeypatch.setattr("digest.operation.ping.PATIENCE", 0.5)


@pytest.mark.usefixtures("_short_patience")
def test_monitor_that_says_nothing_is_waited_for_so_long_and_no_longer() -> None:
    over = threading.Event()

    def sleep(_: BaseHTTPRequestHandler) -> None:
        over.wait(10)

    begun = time.monotonic()
    with monitor(answer=sleep) as there:
        said = ping(there.url, "success")
        waited = time.monotonic() - begun
        over.set()

    assert said == "the monitor at 127.0.0.1 was not told (success): no answer within 0.5 s"
    assert 0.5 <= waited < 2


@pytest.mark.usefixtures("_short_patience")
def test_monitor_that_answers_a_letter_at_a_time_is_not_waited_for_either() -> None:
    over = threading.Event()

    def dribble(handler: BaseHTTPRequestHandler) -> None:
        while not over.wait(0.1):
            handler.wfile.write(b"H")
        handler.close_connection = True

    begun = time.monotonic()
    with monitor(answer=dribble) as there:
        said = ping(there.url, "success")
        waited = time.monotonic() - begun
        over.set()

    assert said is not None
    assert said.endswith("no answer within 0.5 s")
    assert waited < 2


def test_monitor_that_speaks_another_tongue_is_told_in_one_line() -> None:
    def babble(handler: BaseHTTPRequestHandler) -> None:
        handler.wfile.write(b"+OK\r\n\r\nPOP3 ready\r\n")
        handler.close_connection = True

    with monitor(answer=babble) as there:
        said = ping(there.url, "success")

    assert said is not None
    assert said.startswith("the monitor at 127.0.0.1 was not told (success): ")
    assert said.isprintable()
    assert SECRET not in said


@pytest.mark.parametrize(
    "url", ["", SECRET, f"ftp://h/{SECRET}", f"https:///{SECRET}", f"https://[{SECRET}", "file:///etc/passwd"]
)
def test_what_is_no_address_of_the_web_is_told(url: str) -> None:
    said = ping(url, "start")

    assert said is not None
    assert said == "the monitor was not told (start): DIGEST_PING_URL is not an address of the web; write https://..."


@pytest.mark.parametrize("url", [f"http://127.0.0.1:99999/{SECRET}", f"http://user:{SECRET}@[::1]:0/"])
def test_address_that_cannot_be_called_is_told(url: str) -> None:
    said = ping(url, "start")

    assert said is not None
    assert SECRET not in said
