"""The link to leave by: looking changes nothing, one click does it, and as often as one likes."""

import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from digest.project import open_project
from digest.tokens import Purpose, make
from tests.web.conftest import ANNA, BASE, BO, LIAM, ONE_CLICK, URLENCODED, Answered, Mailed, Served, at_work

MULTIPART = (
    b'--XX\r\nContent-Disposition: form-data; name="List-Unsubscribe"\r\n\r\nOne-Click\r\n--XX--\r\n',
    {"Content-Type": "multipart/form-data; boundary=XX"},
)
BUTTON = {"Content-Type": "application/x-www-form-urlencoded", "User-Agent": "Mozilla/5.0 (X11)"}


def leave_path(folder: Path, edition_id: int, subscriber_id: int) -> str:
    """Return the path of a link that this project's key signs."""
    with open_project(folder) as project:
        token = make(project.keys, project.keys.newest, Purpose.UNSUBSCRIBE, edition_id, subscriber_id)
    return f"/u/{token}"


def headline(page: Answered) -> str:
    (found,) = re.findall(r"<h1[^>]*>(.*?)</h1>", page.text)
    return str(found)


def test_looking_shows_the_newsletter_and_one_button_and_changes_nothing(mailed: Mailed, served: Served) -> None:
    before = mailed.everything()
    page = served.get(mailed.leave())

    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert headline(page) == "Vill du avsluta prenumerationen på Nyheter?"
    assert '<html lang="sv" dir="ltr">' in page.text
    assert re.findall(r"<form.*?>", page.text) == ['<form method="post">']
    assert '<input type="hidden" name="List-Unsubscribe" value="One-Click">' in page.text
    assert len(re.findall("<button", page.text)) == 1
    assert mailed.everything() == before


def test_one_click_of_a_mailbox_provider_ends_the_subscription_at_once(mailed: Mailed, served: Served) -> None:
    """RFC 8058, 3.1 and 3.2: no cookie, no login, no redirect."""
    done = served.one_click(mailed.leave())

    assert done.status == 200
    assert headline(done) == "Du prenumererar inte längre på Nyheter"
    assert {"location", "set-cookie", "www-authenticate"}.isdisjoint(done.headers)
    assert mailed.subscription(ANNA) == "unsubscribed"
    assert mailed.subscription(BO) == mailed.subscription(LIAM) == "confirmed"


def test_one_click_may_be_multipart(mailed: Mailed, served: Served) -> None:
    """RFC 8058, 3.2: SHOULD be multipart/form-data."""
    assert served.ask("POST", mailed.leave(), *MULTIPART).status == 200
    assert mailed.subscription() == "unsubscribed"


def test_the_button_of_the_page_does_what_it_says(mailed: Mailed, served: Served) -> None:
    page = served.get(mailed.leave())
    fields = re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', page.text)
    body = "&".join(f"{name}={value}" for name, value in fields).encode()

    assert served.ask("POST", mailed.leave(), body, BUTTON).status == 200
    assert mailed.subscription() == "unsubscribed"


@pytest.mark.parametrize(
    ("body", "agent", "reason"),
    [
        (ONE_CLICK, "Mailbox Provider/1.0", "one-click, Mailbox Provider/1.0"),
        (ONE_CLICK + b"&from=page", "Mozilla/5.0 (X11)", "button on the page, Mozilla/5.0 (X11)"),
        (ONE_CLICK + b"&from=page", "", "button on the page, no user agent"),
        (ONE_CLICK, "x\tå" + "y" * 500, "one-click, xÃ¥" + "y" * 117),
    ],
)
def test_the_history_says_how_the_reader_left(
    mailed: Mailed, served: Served, body: bytes, agent: str, reason: str
) -> None:
    served.ask("POST", mailed.leave(), body, {**BUTTON, "User-Agent": agent.encode().decode("latin-1")})

    assert mailed.rows("SELECT reason, origin FROM consent_change ORDER BY id DESC LIMIT 1") == [(reason, "link")]


def test_leaving_twice_is_answered_the_same_and_changes_nothing_more(mailed: Mailed, served: Served) -> None:
    first = served.one_click(mailed.leave())
    after = mailed.everything()
    second = served.one_click(mailed.leave())

    assert (second.status, second.text) == (first.status, first.text) == (200, first.text)
    assert mailed.everything() == after


def test_who_has_left_is_told_so_when_looking_again(mailed: Mailed, served: Served) -> None:
    served.one_click(mailed.leave())

    again = served.get(mailed.leave())
    assert (again.status, headline(again)) == (200, "Du får inte längre Nyheter")
    assert "<form" not in again.text


def test_many_clicks_at_once_end_it_once(mailed: Mailed, served: Served) -> None:
    with ThreadPoolExecutor(20) as pool:
        done = list(pool.map(lambda _: served.one_click(mailed.leave()).status, range(60)))

    assert done == [200] * 60
    assert mailed.rows("SELECT count(*) FROM consent_change WHERE state = 'unsubscribed'") == [(1,)]


@pytest.mark.parametrize(
    ("body", "headers"),
    [
        (b"", URLENCODED),
        (None, {}),
        (b"List-Unsubscribe=one-click", URLENCODED),
        (b"List-Unsubscribe", URLENCODED),
        (b"list-unsubscribe=One-Click", URLENCODED),
        (b"%4cist=One-Click&x=List-Unsubscribe", URLENCODED),
        (ONE_CLICK, {"Content-Type": "text/plain"}),
        (ONE_CLICK, {"Content-Type": "application/json"}),
        (ONE_CLICK, {"Content-Type": "multipart/form-data"}),
        (b'{"List-Unsubscribe": "One-Click"}', {"Content-Type": "application/json"}),
        (MULTIPART[0].replace(b"One-Click", b"Two-Clicks"), MULTIPART[1]),
        (MULTIPART[0].replace(b'name="List-Unsubscribe"', b'name="List-Unsubscribe"; filename="x"'), MULTIPART[1]),
    ],
)
def test_a_post_without_the_pair_shows_the_button_and_changes_nothing(
    mailed: Mailed, served: Served, body: bytes | None, headers: dict[str, str]
) -> None:
    before = mailed.everything()
    refused = served.ask("POST", mailed.leave(), body, headers)

    assert refused.status == 400
    assert "<button" in refused.text
    assert mailed.everything() == before


BROKEN = [
    (b"--XX", "boundary=XX"),
    (b"--XX\r\n\r\nOne-Click\r\n--XX--", "boundary=XX"),
    (b"--XX\r\nContent-Disposition: form-data\r\n\r\nOne-Click\r\n--XX--", "boundary=XX"),
    (MULTIPART[0], "boundary=YY"),
    (MULTIPART[0], "boundary="),
    (MULTIPART[0], 'boundary="'),
    (MULTIPART[0], "boundary=" + "X" * 5000),
    (MULTIPART[0], "boundary=\xff"),
    (b"\x00\xff\r\n" * 50, "boundary=XX"),
    (MULTIPART[0].replace(b"--XX--", b"--XX") * 21, "boundary=XX"),
    (b"--XX\r\n" + b"A: b\r\n" * 9000 + b"\r\n", "boundary=XX"),
    *((MULTIPART[0].replace(b"One-Click", b"\xff.."), f"boundary=XX; charset={name}") for name in (
        "idna", "undefined", "hex", "utf-16", "rot13", "no-such", "punycode", "unicode_escape", "",
    )),
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BROKEN)))
def test_broken_multipart_is_refused_and_is_no_fault(mailed: Mailed, served: Served, number: int) -> None:
    before = mailed.everything()
    body, parameters = BROKEN[number]
    refused = served.ask("POST", mailed.leave(), body, {"Content-Type": f"multipart/form-data; {parameters}"})

    assert refused.status == 400
    assert mailed.everything() == before
    assert served.said == []


def test_an_address_that_a_program_wrote_in_percent_is_the_same_address(mailed: Mailed, served: Served) -> None:
    """RFC 3986, 6.2.2.2: some gateways encode what need not be."""
    path = "/u/" + "".join(f"%{ord(c):02X}" for c in mailed.leave().removeprefix("/u/"))

    assert served.one_click(path).status == 200
    assert mailed.subscription() == "unsubscribed"


def test_other_fields_in_front_of_the_pair_do_not_hide_it(mailed: Mailed, served: Served) -> None:
    other = b'--XX\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'

    assert served.ask("POST", mailed.leave(), other + MULTIPART[0], MULTIPART[1]).status == 200


@pytest.mark.parametrize("size", [64_001, 200_000, 3_000_000])
def test_a_body_that_is_too_large_is_refused(mailed: Mailed, served: Served, size: int) -> None:
    before = mailed.everything()
    body = ONE_CLICK + b"&x=" + b"y" * (size - len(ONE_CLICK) - 3)

    refused = served.ask("POST", mailed.leave(), body, URLENCODED)
    assert refused.status == 413
    assert "Det gick inte" in served.ask("POST", mailed.leave(), body, {**URLENCODED, "Accept-Language": "sv"}).text
    assert mailed.everything() == before


def test_a_body_that_is_just_small_enough_is_read(mailed: Mailed, served: Served) -> None:
    body = ONE_CLICK + b"&x=" + b"y" * (64_000 - len(ONE_CLICK) - 3)

    assert served.ask("POST", mailed.leave(), body, URLENCODED).status == 200


def test_a_body_in_chunks_is_held_to_the_same_size(mailed: Mailed, served: Served) -> None:
    chunk = b"%x\r\n%b\r\n" % (10_000, b"y" * 10_000)
    head = f"POST {mailed.leave()} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n"
    head += "Content-Type: application/x-www-form-urlencoded\r\n\r\n"

    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.sendall(head.encode() + chunk * 10 + b"0\r\n\r\n")
        assert sock.recv(100).startswith(b"HTTP/1.1 413 ")
    assert mailed.subscription() == "confirmed"


def test_a_body_that_does_not_come_is_not_waited_for(
    mailed: Mailed, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.web.forms.PATIENCE", 0.2)
    head = f"POST {mailed.leave()} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-"

    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.sendall(head.encode())
        assert sock.recv(100).startswith(b"HTTP/1.1 408 ")
    assert mailed.subscription() == "confirmed"


def test_a_client_that_hangs_up_in_the_middle_is_no_news(mailed: Mailed, served: Served) -> None:
    head = f"POST {mailed.leave()} HTTP/1.1\r\nHost: x\r\nContent-Length: 26\r\n\r\nList-"
    with socket.create_connection(("127.0.0.1", served.port), timeout=10) as sock:
        sock.sendall(head.encode())

    assert served.get("/healthz").status == 200
    assert served.said == []
    assert mailed.subscription() == "confirmed"


def test_the_page_of_a_reader_of_another_language_speaks_it(mailed: Mailed, served: Served) -> None:
    assert headline(served.get(mailed.leave(LIAM), Accept_Language="sv")) == "Unsubscribe from Nyheter?"
    assert headline(served.one_click(mailed.leave(LIAM))) == "You have left Nyheter"


def test_pages_say_how_to_come_back_and_never_whose_link_it_was(mailed: Mailed, served: Served) -> None:
    pages = [served.get(mailed.leave()), served.one_click(mailed.leave()), served.get(mailed.leave())]

    for page in pages:
        assert ANNA not in page.text
        assert "Anna" not in page.text
    for page in pages[1:]:
        assert '<a href="mailto:red@tidningen.example">red@tidningen.example</a>' in page.text


def test_without_a_reply_address_one_comes_back_by_the_sender_s(mailed: Mailed, served: Served) -> None:
    toml = mailed.folder / "digest.toml"
    toml.write_text(toml.read_text().replace('reply_to = "red@tidningen.example"\n', ""))

    assert '<a href="mailto:nytt@example.com">' in served.one_click(mailed.leave()).text


def test_an_erased_reader_is_answered_as_any_other(mailed: Mailed, served: Served) -> None:
    mailed.do("DELETE FROM subscription WHERE subscriber_id = 1")
    mailed.do("UPDATE subscriber SET hash = NULL, address = '', name = '', erased_at = created_at WHERE id = 1")

    assert served.get(mailed.leave()).status == 200
    done = served.one_click(mailed.leave())
    assert (done.status, headline(done)) == (200, "Du prenumererar inte längre på Nyheter")


def test_a_reader_we_do_not_know_is_answered_as_any_other(mailed: Mailed, served: Served) -> None:
    before = mailed.everything()
    path = leave_path(mailed.folder, 1, 4711)

    assert served.get(path).status == 200
    assert headline(served.one_click(path)) == "Du prenumererar inte längre på Nyheter"
    assert mailed.everything() == before


@pytest.mark.parametrize(
    ("accepted", "said"),
    [("sv-SE,sv;q=0.9", "Du prenumererar inte längre på nyhetsbrevet"), ("de", "You have left this newsletter")],
)
def test_of_an_edition_we_do_not_know_the_reader_leaves_everything(
    mailed: Mailed, served: Served, accepted: str, said: str
) -> None:
    """The store came back from an older backup: the link still works."""
    path = leave_path(mailed.folder, 99, 1)
    done = served.ask("POST", path, ONE_CLICK, {**URLENCODED, "Accept-Language": accepted})

    assert (done.status, headline(done)) == (200, said)
    assert mailed.subscription() == "unsubscribed"


def test_a_list_that_feeds_another_newsletter_too_is_kept_and_the_newsletter_stopped(mailed: Mailed) -> None:
    other = '\n[newsletters.veckan]\ntitle = "Veckan"\nfrom = "v@example.com"\nlists = ["industri"]\n'
    toml = mailed.folder / "digest.toml"
    toml.write_text(toml.read_text() + other)

    with at_work(mailed.folder) as served:
        assert served.one_click(mailed.leave()).status == 200
        assert headline(served.get(mailed.leave())) == "Du får inte längre Nyheter"
    assert mailed.subscription() == "confirmed"
    assert mailed.rows("SELECT newsletter_id, subscriber_id FROM stop") == [(1, 1)]


def test_a_newsletter_that_has_left_digest_toml_is_still_left_by_its_name(mailed: Mailed, served: Served) -> None:
    (mailed.folder / "digest.toml").write_text(BASE)

    assert headline(served.one_click(mailed.leave())) == "Du prenumererar inte längre på nyheter"
    assert mailed.subscription() == "unsubscribed"


def test_a_hostile_title_is_text_on_the_page(mailed: Mailed, served: Served) -> None:
    toml = mailed.folder / "digest.toml"
    toml.write_text(toml.read_text().replace('title = "Nyheter"', "title = '<script>%(x)s{{ 7*7 }}'"))

    page = served.get(mailed.leave())
    assert headline(page) == "Vill du avsluta prenumerationen på &lt;script&gt;%(x)s{{ 7*7 }}?"
    assert "<script" not in page.text
