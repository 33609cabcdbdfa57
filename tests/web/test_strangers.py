"""What comes to a public server: link scanners, forgers, broken programs."""

import base64
import html
import re
import socket
import string
import time
from collections.abc import Iterator

import pytest

from digest.project import open_project
from digest.tokens import Purpose, make
from tests.web.conftest import ONE_CLICK, URLENCODED, Answered, Mailed, Served

ALPHABET = string.ascii_letters + string.digits + "-_"


def forged(token: str) -> Iterator[str]:
    """Yield what is nearly a token: one bit wrong in each of its bytes, and nothing but the right length."""
    raw = bytearray(base64.urlsafe_b64decode(token + "=="))
    for n in range(len(raw)):
        raw[n] ^= 1
        yield base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        raw[n] ^= 1
    yield from ("A" * 38, "0" * 38, "-" * 38, token[::-1])


def respelled(token: str) -> Iterator[str]:
    """Yield other spellings that a careless decoder takes for the same token."""
    yield from (token[:-1] + last for last in ALPHABET if last != token[-1])
    yield from (f"{token}=", f"{token}==", f"{token}%3D%3D", f"{token}%00", f"{token}%0A", f"%20{token}", f"{token}.")
    yield from (f"{token[:9]}%0A{token[9:]}", f"{token[:9]}%20{token[9:]}", f"{token}%C3%A5", f"{token}%FF")
    yield from (token.swapcase(), token.replace("-", "%2B").replace("_", "%2F") + "+", f"{token}%25", f"{token};x")
    yield from (f"{token}/", f"{token}/x", f"/{token}", f"..%2Fu%2F{token}", f"{token}%2F", f"%2575{token}")


def refusals(served: Served, path: str) -> list[Answered]:
    return [served.get(path), served.ask("POST", path, ONE_CLICK, URLENCODED)]


def token_of(mailed: Mailed) -> str:
    return mailed.leave().removeprefix("/u/")


@pytest.mark.parametrize("kind", ["forged", "truncated", "respelled"])
def test_what_is_no_token_of_ours_is_404_with_one_and_the_same_page(mailed: Mailed, served: Served, kind: str) -> None:
    token = token_of(mailed)
    wrong = {
        "forged": [*forged(token)],
        "truncated": [token[:n] for n in range(1, len(token))],
        "respelled": [*respelled(token)],
    }
    before = mailed.everything()
    answers = [answer for one in wrong[kind] for answer in refusals(served, f"/u/{one}")]

    assert len(answers) > 60
    assert {answer.status for answer in answers} == {404}
    assert len({answer.text for answer in answers}) == 1
    assert mailed.everything() == before
    assert served.one_click(mailed.leave()).status == 200, "the real one works"


@pytest.mark.parametrize("purpose", [one for one in Purpose if one is not Purpose.UNSUBSCRIBE])
def test_a_token_of_another_purpose_lets_nobody_leave(mailed: Mailed, served: Served, purpose: Purpose) -> None:
    with open_project(mailed.folder) as project:
        token = make(project.keys, project.keys.newest, purpose, 1, 1)
    before = mailed.everything()

    assert {answer.status for answer in refusals(served, f"/u/{token}")} == {404}
    assert mailed.everything() == before


def test_a_token_of_another_installation_is_none_of_ours(mailed: Mailed, served: Served) -> None:
    mailed.do("UPDATE installation SET uid = ?", "0" * 32)
    with open_project(mailed.folder) as project:
        token = make(project.keys, project.keys.newest, Purpose.UNSUBSCRIBE, 1, 1)

    assert served.get(f"/u/{token}").status == 404


def test_refusals_take_the_same_time_whatever_is_wrong(mailed: Mailed, served: Served) -> None:
    token = token_of(mailed)
    kinds = {
        "forged": next(forged(token)),
        "short": token[:20],
        "purpose": mailed.view().removeprefix("/view/"),
        "noise": "A" * 38,
    }
    times: dict[str, list[float]] = {kind: [] for kind in kinds}
    for _ in range(60):
        for kind, wrong in kinds.items():
            began = time.perf_counter()
            served.get(f"/u/{wrong}")
            times[kind].append(time.perf_counter() - began)

    quickest = [min(taken) for taken in times.values()]  # the rest is what else the machine had to do
    assert max(quickest) - min(quickest) < 0.001


@pytest.mark.parametrize("method", ["OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "post", "BREW"])
def test_other_methods_are_refused_and_change_nothing(mailed: Mailed, served: Served, method: str) -> None:
    before = mailed.everything()
    refused = served.ask(method, mailed.leave(), ONE_CLICK, URLENCODED)

    assert refused.status == 405
    assert set(refused.headers["allow"].split(", ")) == {"GET", "HEAD", "POST"}
    assert mailed.everything() == before


def test_a_head_has_the_headers_of_a_get_and_no_body(mailed: Mailed, served: Served) -> None:
    for path in (mailed.leave(), mailed.view(), "/", "/healthz", "/robots.txt", "/nothing"):
        head, get = served.ask("HEAD", path), served.get(path)
        assert (head.status, head.text) == (get.status, "")
        assert head.headers["content-length"] == get.headers["content-length"] == str(len(get.text.encode()))


def test_a_link_scanner_that_follows_everything_makes_nobody_leave(mailed: Mailed, served: Served) -> None:
    before = mailed.everything()
    to_visit, seen = [mailed.leave(), mailed.view(), "/"], set()
    prefetching = {"Purpose": "prefetch", "Sec-Purpose": "prefetch;prerender", "X-Moz": "prefetch"}
    while to_visit:
        path = to_visit.pop()
        if path in seen:
            continue
        seen.add(path)
        for method in ("HEAD", "GET", "OPTIONS"):
            page = served.ask(method, path, headers={"User-Agent": "Scanner", **prefetching})
            links = re.findall(r'(?:href|src|action)="([^"]+)"', html.unescape(page.text))
            ours = (link.removeprefix("https://nytt.example.com") for link in links)
            to_visit += [link for link in ours if link.startswith("/")]
        served.get(f"{path}?List-Unsubscribe=One-Click&from=page")

    assert mailed.leave() in seen
    assert len(seen) > 2
    assert mailed.everything() == before


def test_a_thousand_and_more_malformed_requests_do_not_kill_it(mailed: Mailed, served: Served) -> None:
    path = mailed.leave().encode()
    pieces = [
        b"\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",  # TLS to a plain port
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET %b HTTP/1.1\r\n\r\n" % path,  # without Host
        b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n" % path,
        b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello" % path,
        b"POST %b HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n" % path,
        b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/x\r\nContent-Length: 2\r\n\r\n--" % path,
        b"GET http://elsewhere.example/%b HTTP/1.1\r\nHost: x\r\n\r\n" % path,
        b"GET /u/\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /u/%ff%fe%00 HTTP/1.1\r\nHost: x\r\nAccept-Language: \xff;q=,,;;q=x\r\n\r\n",
        b"GET /view/%2e%2e/%2e%2e/digest.toml HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n",
        b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
        b"CONNECT x:25 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?version=%b HTTP/1.1\r\nHost: x\r\n\r\n" % (b"9" * 9000),
        b"A" * 70_000,
    ]  # fmt: skip
    before = mailed.everything()
    for n in range(2000):
        with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
            try:
                sock.sendall(pieces[n % len(pieces)])
                if n % 3 == 0:
                    sock.settimeout(0.02)
                    sock.recv(10)
            except OSError:
                pass  # it may hang up on us

    assert served.get("/healthz").json["status"] == "ok"
    assert mailed.everything() == before
    assert served.said == []
