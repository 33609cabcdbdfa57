"""What every request comes in through: prefixes, headers, the log, and faults."""

import re
import time

import pytest

from digest.web.door import HEADERS, fault, shown, without_prefix
from tests.web.conftest import BASE, ONE_CLICK, URLENCODED, Mailed, Served, at_work


def test_every_answer_has_the_headers_that_keep_tokens_and_readers_safe(mailed: Mailed, served: Served) -> None:
    answers = {
        "leave": served.get(mailed.leave()),
        "left": served.one_click(mailed.leave()),
        "refused": served.ask("POST", mailed.leave()),
        "view": served.get(mailed.view()),
        "forged": served.get("/u/x"),
        "missing": served.get("/nothing"),
        "method": served.ask("DELETE", mailed.leave()),
        "large": served.ask("POST", mailed.leave(), b"x" * 70_000, URLENCODED),
    }

    for what, answer in answers.items():
        for name, value in HEADERS.items():
            if not (what == "view" and name == "Content-Security-Policy"):
                assert answer.headers[name.lower()] == value, (what, name)
        assert not {"set-cookie", "server", "location", "x-powered-by"} & set(answer.headers), what


def test_pages_ask_for_nothing_from_anywhere(mailed: Mailed, served: Served) -> None:
    pages = [served.get(path) for path in ("/", "/nothing", mailed.leave())] + [served.one_click(mailed.leave())]

    for page in pages:
        assert not re.search(r"(?i)<(?:script|link|img|iframe|object)\b|url\(|@import|\bsrc=|https?://", page.text)


@pytest.mark.parametrize(
    ("path", "prefixes", "left"),
    [
        ("/u/x", (), "/u/x"),
        ("/nytt/u/x", ("/nytt",), "/u/x"),
        ("/u/x", ("/nytt",), "/u/x"),
        ("/nytt", ("/nytt",), "/"),
        ("/nytt/", ("/nytt",), "/"),
        ("/nyttigt/u/x", ("/nytt",), "/nyttigt/u/x"),
        ("/nytt/nytt/u/x", ("/nytt",), "/nytt/u/x"),
        ("/a/b/healthz", ("/a/b",), "/healthz"),
    ],
)
def test_the_prefix_of_base_url_is_taken_off_once(path: str, prefixes: tuple[str, ...], left: str) -> None:
    assert without_prefix(path, prefixes) == left


@pytest.mark.parametrize("base_url", ["https://x.example/nytt", "https://x.example/a/b/", "https://x.example/ny%20tt"])
def test_pages_are_there_with_the_prefix_of_base_url_and_without(mailed: Mailed, base_url: str) -> None:
    toml = mailed.folder / "digest.toml"
    toml.write_text(f'base_url = "{base_url}"\n' + toml.read_text().replace(BASE, ""))
    prefix = base_url.removeprefix("https://x.example").rstrip("/")

    with at_work(mailed.folder) as served:
        for before in (prefix, ""):
            assert served.get(f"{before}/").status == 200
            assert served.get(f"{before}/healthz").json["status"] == "ok"
            assert served.get(f"{before}{mailed.view()}").status == 200
            assert served.get(f"{before}{mailed.leave()}").status == 200
        assert served.get(prefix).status == 200
        assert served.get(f"/other{mailed.leave()}").status == 404
        assert served.one_click(f"{prefix}{mailed.leave()}").status == 200
    assert mailed.subscription() == "unsubscribed"


@pytest.mark.parametrize("path", ["/u/{}/", "//u/{}", "/U/{}", "/u//{}", "/u", "/u/", "/view", "/view/", "/healthz/"])
def test_an_address_that_is_nearly_right_is_not_redirected(mailed: Mailed, served: Served, path: str) -> None:
    """RFC 8058, 3.1: the sender must not answer with a redirect."""
    token = mailed.leave().removeprefix("/u/")

    for answer in (served.get(path.format(token)), served.ask("POST", path.format(token), ONE_CLICK, URLENCODED)):
        assert answer.status in (404, 405)
        assert "location" not in answer.headers


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/u/AiQAAAAAAQ", "/u/…"),
        ("/view/AiQAAAAAAQ", "/view/…"),
        ("/", "/"),
        ("/healthz", "/healthz"),
        ("/robots.txt", "/robots.txt"),
        ("/U/AiQAAAAAAQ", "/…"),
        ("/other/u/AiQAAAAAAQ", "/…"),
        ("/favicon.ico", "/…"),
    ],
)
def test_what_is_written_down_of_a_path_lets_nobody_leave(path: str, said: str) -> None:
    assert shown(path) == said


def test_the_log_has_a_line_for_each_request_and_no_token(mailed: Mailed) -> None:
    with at_work(mailed.folder, log=True) as served:
        served.get(mailed.leave() + "?x=y")
        served.one_click(mailed.leave())
        served.get("/other" + mailed.leave())
        served.get("/healthz")

    lines = [re.sub(r"\d+ ms$", "N ms", line) for line in served.said]
    assert lines == ["GET /u/… 200 N ms", "POST /u/… 200 N ms", "GET /… 404 N ms", "GET /healthz 200 N ms"]


def test_without_being_asked_for_there_is_no_log(mailed: Mailed, served: Served) -> None:
    served.get(mailed.leave())
    served.get("/nothing")

    assert served.said == []


def test_a_fault_of_ours_is_a_page_and_one_line_without_the_token(
    mailed: Mailed, served: Served, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    token = mailed.leave().removeprefix("/u/")

    def broken(*_: object) -> None:
        raise RuntimeError(f"no room for\n{token}")

    monkeypatch.setattr("digest.web.leave.standing", broken)
    page = served.get(mailed.leave(), Accept_Language="sv")

    assert page.status == 500
    assert "Felet är vårt. Försök igen om några minuter." in page.text
    assert page.headers["cache-control"] == "no-store"
    for _ in range(100):  # it is said once the reader has been answered
        if served.said:
            break
        time.sleep(0.02)
    assert served.said == ["GET /u/…: RuntimeError: no room for …"]
    assert capfd.readouterr() == ("", "")


def test_an_error_is_said_in_one_line() -> None:
    assert fault(ValueError("a\n  b")) == "ValueError: a b"
