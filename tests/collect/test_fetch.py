import asyncio
import datetime as dt
import gzip
import ssl
import time
import zlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpcore2
import pytest
import trustme

from digest.collect import fetch as fetching
from digest.collect.answers import Answer, Failure, FetchFailed, Known
from digest.collect.fetch import Fetcher
from tests.collect.misbehaving import Asked, Reset, WebServer, answer, misbehaving, redirect
from tests.store.builders import NOON

FEED = b"<rss><channel/></rss>"


@pytest.fixture
def web() -> Iterator[WebServer]:
    with misbehaving() as served:
        yield served


def fetch(url: str, *, private: bool = True, known: Known | None = None, **made: Any) -> Answer:
    """Fetch one address in a round of its own."""

    async def once() -> Answer:
        async with Fetcher("https://nytt.example.com", now=lambda: NOON, **made) as fetcher:
            return await fetcher.get(url, private=private, known=known)

    return asyncio.run(once())


def fetch_all(*urls: str, as_page: bool = False, **made: Any) -> list[Answer | BaseException]:
    """Fetch addresses at once in one round."""

    async def once() -> list[Answer | BaseException]:
        async with Fetcher(now=lambda: NOON, **made) as fetcher:
            asked = (fetcher.get(url, private=True, as_page=as_page) for url in urls)
            return await asyncio.gather(*asked, return_exceptions=True)

    return asyncio.run(once())


def failed(url: str, **options: Any) -> FetchFailed:
    with pytest.raises(FetchFailed) as caught:
        fetch(url, **options)
    return caught.value


def test_answer_has_what_the_server_says_of_it(web: WebServer) -> None:
    web.replies["/rss"] = answer(
        FEED, Content_Type='text/xml; charset="iso-8859-1"', ETag='W/"a"', Last_Modified="yesterday, more or less"
    )

    found = fetch(web.url("/rss"))

    assert (found.data, found.charset, found.etag, found.modified) == (
        FEED, "iso-8859-1", 'W/"a"', "yesterday, more or less",
    )  # fmt: skip
    assert (found.url, found.permanent, found.is_unchanged, found.is_cut) == (web.url("/rss"), None, False, False)


def test_waiting_for_a_turn_costs_no_time_before_a_redirect_either(
    web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 1.0)

    async def slowly(_: Asked) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.4)
        yield redirect("/there").replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")

    web.replies |= {"/there": answer(FEED), **{f"/{n}": slowly for n in range(8)}}
    found = fetch_all(*(web.url(f"/{n}") for n in range(8)))

    assert [one.data if isinstance(one, Answer) else one for one in found] == [FEED] * 8


def test_we_say_who_we_are_and_where_to_find_us(web: WebServer) -> None:
    web.replies["/rss"] = answer(FEED)
    fetch(web.url("/rss"))

    ((_, headers),) = web.asked
    assert headers["user-agent"].startswith("digest/")
    assert headers["user-agent"].endswith("(+https://nytt.example.com)")
    assert headers["accept-encoding"] == "gzip, deflate"
    assert "cookie" not in headers


def test_what_has_not_changed_is_not_sent_again(web: WebServer) -> None:
    def reply(asked: Asked) -> bytes:
        same = asked.get("if-none-match") == '"a"' and asked.get("if-modified-since") == "then"
        return answer(status="304 Not Modified") if same else answer(FEED)

    web.replies["/rss"] = reply

    assert fetch(web.url("/rss"), known=Known('"a"', "then")).is_unchanged
    assert not fetch(web.url("/rss"), known=Known('"b"', "then")).is_unchanged


def test_body_of_a_304_harms_nobody(web: WebServer) -> None:
    # It stands where the next answer on the connection is expected.
    web.replies["/same"] = lambda asked: answer(b"<rss>not asked for</rss>", status="304 Not Modified", ETag='"a"')
    web.replies["/next"] = answer(FEED)

    async def both() -> tuple[Answer, Answer]:
        async with Fetcher() as fetcher:
            first = await fetcher.get(web.url("/same"), private=True, known=Known('"a"'))
            return first, await fetcher.get(web.url("/next"), private=True)

    first, second = asyncio.run(both())

    assert (first.is_unchanged, first.data) == (True, b"")
    assert second.data == FEED


def test_304_that_nobody_asked_for_is_an_error(web: WebServer) -> None:
    web.replies["/rss"] = answer(status="304 Not Modified")

    assert "without having been asked" in str(failed(web.url("/rss")))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("410 Gone", Failure.GONE), ("404 Not Found", Failure.MISSING), ("403 Forbidden", Failure.REFUSED),
        ("429 Too Many Requests", Failure.BUSY), ("503 Service Unavailable", Failure.BUSY),
        ("500 Oh", Failure.WRONG), ("204 No Content", Failure.WRONG), ("418 Teapot", Failure.WRONG),
    ],
)  # fmt: skip
def test_refusal_is_told_with_its_kind(web: WebServer, status: str, kind: Failure) -> None:
    web.replies["/rss"] = answer(status=status)

    error = failed(web.url("/rss"))

    assert error.kind is kind
    assert status[:3] in str(error)


@pytest.mark.parametrize(
    ("said", "at"),
    [
        ("120", NOON + dt.timedelta(minutes=2)),
        ("Sun, 30 Nov 2025 13:00:00 GMT", NOON + dt.timedelta(hours=1)),
        ("Sun, 30 Nov 2025 11:00:00 GMT", NOON),
        ("99999999", NOON + dt.timedelta(days=7)),
        ("soon", None),
    ],
)
def test_retry_after_is_read_in_seconds_and_as_a_date(web: WebServer, said: str, at: dt.datetime | None) -> None:
    web.replies["/rss"] = answer(status="503 Busy", Retry_After=said)

    assert failed(web.url("/rss")).retry_at == at


def test_host_that_is_busy_is_left_alone_for_the_round(web: WebServer) -> None:
    web.replies |= dict.fromkeys(["/1", "/2", "/3"], answer(status="429 Too Many Requests", Retry_After="60"))

    async def in_turn() -> list[FetchFailed]:
        found = []
        async with Fetcher(now=lambda: NOON) as fetcher:
            for path in ("/1", "/2", "/3"):
                with pytest.raises(FetchFailed) as caught:
                    await fetcher.get(web.url(path), private=True)
                found.append(caught.value)
        return found

    errors = asyncio.run(in_turn())

    assert web.paths() == ["/1"]
    assert [error.retry_at for error in errors] == [NOON + dt.timedelta(minutes=1)] * 3


def test_host_has_two_connections_at_most(web: WebServer) -> None:
    async def slowly(_: Asked) -> AsyncIterator[bytes]:
        await asyncio.sleep(0.05)
        yield answer(FEED, Connection="close")

    web.replies |= {f"/{n}": slowly for n in range(8)}

    found = fetch_all(*(web.url(f"/{n}") for n in range(8)))

    assert [one.data for one in found if isinstance(one, Answer)] == [FEED] * 8
    assert web.most == 2


# Redirects.


def test_redirects_are_followed_and_permanent_ones_told(web: WebServer) -> None:
    web.replies |= {
        "/a": redirect("/b", "301 Moved Permanently"),
        "/b": redirect(web.url("/c"), "308 Permanent Redirect"),
        "/c": redirect("d", "302 Found"),
        "/d": answer(FEED),
    }

    found = fetch(web.url("/a"))

    assert (found.url, found.permanent) == (web.url("/d"), web.url("/c"))


def test_permanent_redirect_behind_a_temporary_one_is_none_of_the_source(web: WebServer) -> None:
    web.replies |= {"/a": redirect("/b"), "/b": redirect("/c", "301 Moved"), "/c": answer(FEED)}

    assert fetch(web.url("/a")).permanent is None


def test_redirects_in_a_circle_end(web: WebServer) -> None:
    web.replies |= {"/a": redirect("/b"), "/b": redirect("/a")}

    assert "circle" in str(failed(web.url("/a")))
    assert web.paths() == ["/a", "/b"]


def test_redirects_without_end_end(web: WebServer) -> None:
    web.replies |= {f"/{n}": redirect(f"/{n + 1}") for n in range(20)}

    assert "more than 5 times" in str(failed(web.url("/0")))


@pytest.mark.parametrize(
    "to", ["file:///etc/passwd", "ftp://example.com/", "javascript:alert(1)", "http://", "http://[::1", "", "//"]
)
def test_redirect_to_what_is_no_address_is_refused(web: WebServer, to: str) -> None:
    web.replies["/a"] = redirect(to)

    assert failed(web.url("/a")).kind in (Failure.REFUSED, Failure.WRONG)


@pytest.mark.parametrize("to", ["http://169.254.169.254/latest/", "http://[fe80::1]/", "http://0/", "http://[::]:80/"])
def test_redirect_to_what_is_no_server_is_refused_even_to_a_private_source(web: WebServer, to: str) -> None:
    web.replies["/a"] = redirect(to)

    assert "no address of a server" in str(failed(web.url("/a")))


class Dial(httpcore2.AsyncNetworkBackend):
    """Takes every address for the test's own server, and remembers what was dialled."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.dialled: list[str] = []

    async def connect_tcp(self, host: str, port: int, *_: Any, **__: Any) -> httpcore2.AsyncNetworkStream:
        self.dialled.append(host)
        return await httpcore2.AnyIOBackend().connect_tcp("127.0.0.1", self.port, 5)


def names(**known: list[str]) -> Callable[[str, int], Any]:
    """Return a resolver that gives each host the answers of its list in turn, the last one for ever."""

    async def resolve(host: str, port: int) -> list[str]:
        answers = known[host.replace(".", "_")]
        return [answers.pop(0) if len(answers) > 1 else answers[0]]

    return resolve


def test_public_source_may_not_redirect_into_a_private_network(web: WebServer) -> None:
    web.replies["/rss"] = redirect("http://intranet.example.com/secret")
    dial = Dial(web.port)
    resolve = names(news_example_com=["93.184.216.34"], intranet_example_com=["10.0.0.7"])

    error = failed("http://news.example.com/rss", private=False, resolve=resolve, dial=dial)

    assert (error.kind, "10.0.0.7 is in a private network" in str(error)) == (Failure.REFUSED, True)
    assert dial.dialled == ["93.184.216.34"]


def test_name_that_changes_its_answer_is_connected_to_where_it_was_checked(web: WebServer) -> None:
    # Asked once a connection: there is no second answer to be taken in by.
    web.replies["/rss"] = answer(FEED, Connection="close")
    dial = Dial(web.port)
    resolve = names(news_example_com=["93.184.216.34", "127.0.0.1"])

    async def twice() -> tuple[Answer, BaseException | None]:
        async with Fetcher(resolve=resolve, dial=dial) as fetcher:
            first = await fetcher.get("http://news.example.com/rss")
            try:
                await fetcher.get("http://news.example.com/rss")
            except FetchFailed as error:
                return first, error
        return first, None

    first, second = asyncio.run(twice())

    assert first.data == FEED
    assert dial.dialled == ["93.184.216.34"]
    assert "private network" in str(second)


def test_name_with_a_public_and_a_private_address_is_not_connected_to(web: WebServer) -> None:
    async def resolve(host: str, port: int) -> list[str]:
        return ["93.184.216.34", "192.168.1.1"]

    dial = Dial(web.port)

    assert failed("http://news.example.com/", private=False, resolve=resolve, dial=dial).kind is Failure.REFUSED
    assert dial.dialled == []


def test_host_is_called_by_its_name_where_its_address_is_dialled(web: WebServer) -> None:
    web.replies["/rss"] = answer(FEED)

    fetch(
        "http://news.example.com/rss", private=False, resolve=names(news_example_com=["8.8.8.8"]), dial=Dial(web.port)
    )

    assert web.asked[0][1]["host"] == "news.example.com"


def test_loopback_is_no_place_for_a_source_that_does_not_say_so(web: WebServer) -> None:
    for url in (web.url("/rss"), web.url("/rss").replace(str(web.port), "80"), "http://2130706433/"):
        assert failed(url, private=False).kind is Failure.REFUSED
    assert web.asked == []


# Passwords.


def test_user_and_password_go_to_their_own_host_and_are_told_to_nobody(web: WebServer) -> None:
    web.replies |= {
        "/a": redirect("/b"),
        "/b": redirect(f"http://localhost:{web.port}/c"),
        "/c": answer(FEED),
    }
    given = web.url("/a").replace("http://", "http://anna:s%40crit@")

    found = fetch(given)

    assert [headers.get("authorization") for _, headers in web.asked] == ["Basic YW5uYTpzQGNyaXQ="] * 2 + [None]
    assert found.url == f"http://localhost:{web.port}/c"
    web.replies["/a"] = answer(status="401 Unauthorized")
    assert "crit" not in str(failed(given))
    web.replies["/a"] = answer(FEED)
    assert fetch(given).url == web.url("/a")


# Bodies.


@pytest.mark.parametrize(
    ("encoding", "pack"),
    [
        ("gzip", gzip.compress), ("x-gzip", gzip.compress), ("deflate", zlib.compress),
        ("deflate", lambda data: zlib.compress(data, wbits=-15)),
        ("gzip", lambda data: gzip.compress(data[:7]) + gzip.compress(data[7:])),
        ("identity", lambda data: data),
    ],
)  # fmt: skip
def test_compressed_answers_are_unpacked(web: WebServer, encoding: str, pack: Callable[[bytes], bytes]) -> None:
    data = FEED * 5000
    web.replies["/rss"] = answer(pack(data), Content_Encoding=encoding)

    assert fetch(web.url("/rss")).data == data


@pytest.mark.parametrize(
    ("encoding", "words"), [("gzip", "it is not gzip"), ("br", "encoded as br"), ("gzip, gzip", "encoded")]
)
def test_what_is_packed_otherwise_than_it_says_is_an_error(web: WebServer, encoding: str, words: str) -> None:
    web.replies["/rss"] = answer(FEED, Content_Encoding=encoding)

    assert words in str(failed(web.url("/rss")))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
def test_bomb_is_stopped_while_it_swells(web: WebServer, encoding: str) -> None:
    packer = zlib.compressobj(wbits=31 if encoding == "gzip" else 15)
    bomb = b"".join(packer.compress(bytes(1_000_000)) for _ in range(100)) + packer.flush()
    web.replies["/rss"] = answer(bomb, Content_Encoding=encoding)
    began = time.process_time()

    assert "larger than 5 MB" in str(failed(web.url("/rss")))
    assert time.process_time() - began < 2


def test_answer_without_end_is_stopped(web: WebServer) -> None:
    async def without_end(_: Asked) -> AsyncIterator[bytes]:
        yield answer(Content_Length="-")
        while True:
            yield bytes(100_000)

    web.replies["/rss"] = without_end

    assert "larger than 5 MB" in str(failed(web.url("/rss")))


async def drip(asked: Asked) -> AsyncIterator[bytes]:
    yield answer(Content_Length="1000")
    for _ in range(100):
        await asyncio.sleep(0.05)
        yield b"x"


async def drip_head(_: Asked) -> AsyncIterator[bytes]:
    for one in answer(FEED):
        await asyncio.sleep(0.05)
        yield bytes([one])


async def silent(_: Asked) -> AsyncIterator[bytes]:
    await asyncio.sleep(60)
    yield b""


@pytest.mark.parametrize("slowly", [drip, drip_head, silent])
def test_all_of_it_has_to_come_in_time(web: WebServer, slowly: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.3)
    web.replies |= {"/rss": redirect("/slow"), "/slow": slowly}

    error = failed(web.url("/rss"))

    assert (error.kind, str(error)) == (Failure.SILENT, "no whole answer within 0.3 s")


def test_host_that_does_not_answer_is_left_alone_for_the_round(web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.2)
    web.replies |= {f"/{n}": silent for n in range(10)}

    errors = fetch_all(*(web.url(f"/{n}") for n in range(10)))

    assert [type(error) for error in errors] == [FetchFailed] * 10
    assert len(web.asked) <= 4
    assert "could not be reached just now" in str(errors[-1])


@pytest.mark.parametrize("more", [1, 500])
def test_length_that_is_too_long_leaves_what_came(web: WebServer, more: int) -> None:
    web.replies["/rss"] = answer(FEED, Content_Length=str(len(FEED) + more), Connection="close")

    found = fetch(web.url("/rss"))

    assert (found.data, found.is_cut) == (FEED, True)


def test_length_that_is_too_short_ends_there_and_harms_nobody_else(web: WebServer) -> None:
    web.replies |= {"/rss": answer(FEED, Content_Length=str(len(FEED) - 3)), "/next": answer(FEED)}

    found = fetch_all(web.url("/rss"), web.url("/next"))

    assert [one.data for one in found if isinstance(one, Answer)] == [FEED[:-3], FEED]


def test_reset_in_the_middle_leaves_what_came(web: WebServer) -> None:
    async def reset(_: Asked) -> AsyncIterator[bytes]:
        yield answer(FEED, Content_Length="5000")
        await asyncio.sleep(0.1)
        raise Reset

    web.replies["/rss"] = reset

    found = fetch(web.url("/rss"))

    assert (found.data, found.is_cut) == (FEED, True)


def test_connection_that_ends_before_an_answer_is_tried_once_more(web: WebServer) -> None:
    async def reset(_: Asked) -> AsyncIterator[bytes]:
        if len(web.asked) > 1:
            yield answer(FEED)
            return
        raise Reset

    web.replies["/rss"] = reset
    assert fetch(web.url("/rss")).data == FEED

    async def always(_: Asked) -> AsyncIterator[bytes]:
        yield b""
        raise Reset

    web.replies["/rss"] = always
    assert str(failed(web.url("/rss"))) == "the connection broke before an answer"


@pytest.mark.parametrize("said", [b"hello\r\n\r\n", b"\0" * 100, b"HTTP/1.1 200 OK\r\nA" * 9000])
def test_what_is_no_http_is_an_error(web: WebServer, said: bytes) -> None:
    async def babble(_: Asked) -> AsyncIterator[bytes]:
        yield said

    web.replies["/rss"] = babble

    assert failed(web.url("/rss"))


def test_nobody_there_is_told() -> None:
    with misbehaving() as served:
        url = served.url("/rss")

    assert str(failed(url)) == "127.0.0.1 cannot be reached"


# TLS.


@pytest.fixture
def authority(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> trustme.CA:
    made = trustme.CA()
    made.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return made


def tls(authority: trustme.CA, *hosts: str, **options: Any) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(*hosts, **options).configure_cert(context)
    return context


def test_safe_connection_is_to_the_name_and_not_to_the_address(authority: trustme.CA) -> None:
    with misbehaving(tls(authority, "news.example.com")) as web:
        web.replies["/rss"] = answer(FEED)
        resolve = names(news_example_com=["8.8.8.8"])

        found = fetch("https://news.example.com/rss", private=False, resolve=resolve, dial=Dial(web.port))

    assert found.data == FEED


@pytest.mark.parametrize("trouble", ["name", "expired", "stranger"])
def test_certificate_that_is_not_valid_is_told(authority: trustme.CA, trouble: str) -> None:
    signer = trustme.CA() if trouble == "stranger" else authority
    ended = {"not_after": dt.datetime(2020, 1, 1, tzinfo=dt.UTC)} if trouble == "expired" else {}
    with misbehaving(tls(signer, "other.example.com" if trouble == "name" else "127.0.0.1", **ended)) as web:
        error = failed(web.url("/rss"))

    assert str(error).startswith("the certificate of 127.0.0.1 is not valid: ")


def test_server_without_tls_is_told(web: WebServer) -> None:
    assert "no safe connection with 127.0.0.1" in str(failed(web.url("/rss").replace("http", "https")))


# robots.txt.


def test_pages_go_by_robots_txt_and_feeds_asked_for_by_name_do_not(web: WebServer) -> None:
    web.replies |= {"/robots.txt": answer(b"User-agent: *\nDisallow: /news"), "/news": answer(FEED), "/": answer(FEED)}

    feed, *_ = fetch_all(web.url("/news"))
    page, front = fetch_all(web.url("/news"), web.url("/"), as_page=True)

    assert isinstance(feed, Answer)
    assert isinstance(front, Answer)
    assert "robots.txt of 127.0.0.1 asks programs to keep away" in str(page)
    assert [path for path, _ in web.asked].count("/robots.txt") == 1


@pytest.mark.parametrize(
    ("status", "may"), [("404 No", True), ("403 No", True), ("500 Oh", False), ("503 Busy", False)]
)
def test_robots_txt_that_is_not_there_allows_and_one_out_of_reach_forbids(
    web: WebServer, status: str, may: bool
) -> None:
    web.replies |= {"/robots.txt": answer(status=status), "/news": answer(FEED)}

    (page,) = fetch_all(web.url("/news"), as_page=True)

    assert isinstance(page, Answer) == may
