"""Whether base_url leads here: asked of real servers on loopback, the right one and every wrong one."""

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trustme

from digest import __version__
from digest.delivery.reach import reach
from digest.project import open_project
from tests.projects import a_project_folder
from tests.web.conftest import at_work

UID = "0123456789abcdef0123456789abcdef"
GOOD = b'{"status": "ok", "installation": "%b"}' % UID.encode()


def an_answer(body: bytes, status: str = "200 OK", *headers: str) -> bytes:
    head = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*head, "", ""]).encode() + body


@contextmanager
def answering(
    say: Callable[[socket.socket], None], context: ssl.SSLContext | None = None, asked: list[bytes] | None = None
) -> Iterator[str]:
    """Serve one connection after the other as told, and yield the address; ``asked`` gets the requests."""
    heard = [] if asked is None else asked
    server = socket.create_server(("localhost", 0))
    stop = threading.Event()

    def run() -> None:
        while not stop.is_set():
            try:
                connection, _ = server.accept()
                connection.settimeout(10)
                with connection if context is None else context.wrap_socket(connection, server_side=True) as sock:
                    heard.append(sock.recv(4096))
                    say(sock)
            except OSError:  # a client that does not trust us hangs up
                continue

    thread = threading.Thread(target=run)
    thread.start()
    try:
        yield f"{'http' if context is None else 'https'}://localhost:{server.getsockname()[1]}"
    finally:
        stop.set()
        server.shutdown(socket.SHUT_RDWR)
        server.close()
        thread.join()


def found(answer: bytes) -> str:
    """Return what is said of a server that answers so."""
    with answering(lambda sock: sock.sendall(answer)) as url:
        return (reach(url, UID) or "").removeprefix(f"{url}/healthz ")


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    """A certificate authority that this machine trusts."""
    ca = trustme.CA()
    ca.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    return ca


def context_of(ca: trustme.CA, name: str = "localhost") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    ca.issue_cert(name).configure_cert(context)
    return context


def test_base_url_that_leads_to_our_own_server_is_fine(authority: trustme.CA, tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    with open_project(folder, {}) as project:
        uid = project.store.installation.uid

    with at_work(folder, tls=context_of(authority)) as served:
        assert reach(f"https://localhost:{served.port}", uid) is None
        said = reach(f"https://localhost:{served.port}", UID)
    assert said is not None
    assert "answers for another installation of digest" in said


def test_a_prefix_of_base_url_is_asked_for_too(authority: trustme.CA, tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    toml = (folder / "digest.toml").read_text()
    (folder / "digest.toml").write_text('base_url = "https://localhost/nytt"\n' + toml)
    with open_project(folder, {}) as project:
        uid = project.store.installation.uid

    with at_work(folder, tls=context_of(authority)) as served:
        assert reach(f"https://localhost:{served.port}/nytt", uid) is None
        assert "answers 404" in (reach(f"https://localhost:{served.port}/other", uid) or "")


def test_it_says_who_asks() -> None:
    asked: list[bytes] = []
    with answering(lambda sock: sock.sendall(an_answer(GOOD)), asked=asked) as url:
        assert reach(url, UID) is None

    assert asked[0].startswith(b"GET /healthz HTTP/1.1\r\n")
    assert f"user-agent: digest/{__version__}\r\n".encode() in asked[0].lower()


def test_a_certificate_that_nobody_trusts_is_named(authority: trustme.CA) -> None:
    with answering(lambda sock: sock.sendall(an_answer(GOOD)), context_of(trustme.CA())) as url:
        said = reach(url, UID)

    assert said is not None
    assert said.startswith(f"{url}/healthz has a certificate that nobody trusts (unable to get local issuer")


def test_a_certificate_of_another_name_is_named(authority: trustme.CA) -> None:
    with answering(lambda sock: sock.sendall(an_answer(GOOD)), context_of(authority, "elsewhere.example")) as url:
        said = reach(url, UID)

    assert said is not None
    assert "Hostname mismatch" in said


def test_a_server_that_speaks_no_tls_is_named(authority: trustme.CA) -> None:
    with answering(lambda sock: sock.sendall(an_answer(GOOD))) as url:
        said = reach(url.replace("http:", "https:"), UID)

    assert said is not None
    assert "cannot be reached (" in said


def test_nobody_there_is_named() -> None:
    with socket.create_server(("localhost", 0)) as server:
        port = server.getsockname()[1]

    assert "connection refused; start the web server" in (reach(f"https://localhost:{port}", UID) or "")


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (an_answer(GOOD), ""),
        (an_answer(b"", "301 Moved", "Location: https://www.x.example/healthz"),
         "redirects to https://www.x.example/healthz: mailbox providers follow no redirect; "
         "set base_url to where it leads"),
        (an_answer(b"", "308 Moved", "Location: /healthz/"), "redirects to /healthz/: "),
        (an_answer(b"no", "404 Not Found"), "answers 404: let the web server there pass it on to `digest serve`"),
        (an_answer(b"no", "502 Bad Gateway"), "answers 502: "),
        (an_answer(b"{}", "503 Service Unavailable"), "answers 503: `digest serve`, or what stands before it, cannot"),
        (an_answer(b"<html>Welcome to nginx!</html>"), "answers, but not as digest does: "),
        (an_answer(b"[1]"), "answers, but not as digest does: "),
        (an_answer(b'{"installation": 3}'), "answers, but not as digest does: "),
        (an_answer(b"\xff\xfe\x00"), "answers, but not as digest does: "),
        (an_answer(b"[" * 60_000), "answers, but not as digest does: "),
        (an_answer(GOOD.replace(b"0123", b"4567")), "answers for another installation of digest: "),
        (b"SSH-2.0-OpenSSH_9.2\r\n", "cannot be reached ("),
        (b"", "cannot be reached ("),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 90\r\n\r\n{}", "cannot be reached ("),
    ],
)  # fmt: skip
def test_every_other_answer_is_told_with_what_to_do(answer: bytes, said: str) -> None:
    assert found(answer).startswith(said)
    assert bool(found(answer)) == bool(said)


def test_a_huge_answer_is_not_read_to_its_end() -> None:
    def say(sock: socket.socket) -> None:
        sock.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n")
        for _ in range(1000):
            sock.sendall(b"x" * 100_000)

    with answering(say) as url:
        began = time.monotonic()
        assert "not as digest does" in (reach(url, UID) or "")
        assert time.monotonic() - began < 2


def test_a_server_that_drips_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("digest.delivery.reach.PATIENCE", 0.5)

    def say(sock: socket.socket) -> None:
        for _ in range(30):
            sock.sendall(b"H")
            time.sleep(0.1)

    with answering(say) as url:
        began = time.monotonic()
        assert (reach(url, UID) or "").startswith(f"{url}/healthz does not answer within 0.5 s: ")
        assert time.monotonic() - began < 1.5


@pytest.mark.parametrize("url", ["https://", "https://[::1", "nonsense"])
def test_an_address_that_is_none_is_told_and_no_fault(url: str) -> None:
    assert "cannot be reached (" in (reach(url, UID) or "")


def test_a_name_that_nobody_knows_is_told() -> None:
    nobody = "https://[::1%25nosuch]"  # of an interface that there is not: known without asking anybody

    assert "no address is known for this name" in (reach(nobody, UID) or "")
