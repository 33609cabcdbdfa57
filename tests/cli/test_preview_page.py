"""``digest preview --open`` and ``--watch``: the page that shows a letter side by side."""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Timer

import lxml.html
import pytest
from playwright.sync_api import Page

from tests.chromium import chromium_once
from tests.cli.conftest import TOML, Run
from tests.cli.test_preview_and_check import DATE, FILES

HOSTILE = '</title><script>document.title = "owned"</script></iframe>\u202e & "{{ 7 * 7 }}"'


@pytest.fixture(autouse=True)
def no_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody's desktop opens windows while tests run."""
    for name in ("BROWSER", "DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def chromium(needs: Callable[[str], Path]) -> Iterator[Page]:
    """A page of a desktop set to dark; the test fails on an error in it, or when it asks for more than files."""
    faults: list[str] = []
    with chromium_once() as start:
        page = (
            start(needs("chromium"))
            .new_context(viewport={"width": 1280, "height": 2500}, color_scheme="dark")
            .new_page()
        )
        page.set_default_timeout(10_000)
        page.on("console", lambda message: faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("request", lambda asked: None if asked.url.startswith(("file:", "data:")) else faults.append(asked.url))
        yield page
    assert faults == []


def tree(file: Path) -> lxml.html.HtmlElement:
    return lxml.html.fromstring(file.read_text(encoding="utf-8"))


def said(file: Path, id_: str) -> str:
    """Return what the panel under a heading says."""
    (panel,) = tree(file).xpath(f"//section[@aria-labelledby='{id_}']")
    return " ".join(panel.text_content().split())


def test_open_writes_a_page_beside_the_three_files_and_says_where_without_a_browser(ready: Path, digest: Run) -> None:
    opened = digest("preview", *DATE, "--open")
    page = ready / "preview" / "index.html"

    assert opened.code == 0
    assert opened.out.splitlines() == [str(ready / "preview" / name) for name in FILES]
    assert opened.err == f"no browser here; open {page}\n"
    assert digest("preview", *DATE, "--open", "--json").json["page"] == str(page)
    sources = [frame.get("src") for frame in tree(page).iter("iframe")]
    assert sources == ["edition.light.html"] * 2 + ["edition.dark.html"] * 2
    assert {frame.get("sandbox") for frame in tree(page).iter("iframe")} == {
        "allow-popups allow-popups-to-escape-sandbox"
    }


def test_without_open_there_are_the_three_files_only(ready: Path, digest: Run) -> None:
    digest("preview", *DATE)

    assert sorted(file.name for file in (ready / "preview").iterdir()) == FILES


def test_the_browser_that_browser_names_is_given_the_page(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = ready / "browser"
    program.write_text(f'#!/bin/sh\necho "$1" > {ready}/opened\n')
    program.chmod(0o700)
    monkeypatch.setenv("BROWSER", str(program))
    opened = digest("preview", *DATE, "--open", "--out", "side by side")

    assert (opened.code, opened.err) == (0, "")
    assert (ready / "opened").read_text().strip() == (ready / "side by side" / "index.html").as_uri()


def test_a_browser_that_is_not_there_fails_nothing(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BROWSER", "no-such-browser")
    opened = digest("preview", *DATE, "--open")

    assert opened.code == 0
    assert opened.err.startswith("no browser here; open ")


def test_the_page_says_headers_size_text_and_what_an_inbox_shows(ready: Path, digest: Run) -> None:
    digest("preview", *DATE, "--open")
    page = ready / "preview" / "index.html"
    html = len((ready / "preview" / "edition.html").read_bytes())

    (inbox,) = tree(page).find_class("inbox")
    assert " ".join(inbox.text_content().split()) == "Nyheter Nyheter: Luftrenare – Backkameror"
    assert "Subject Nyheter: Luftrenare" in said(page, "headers")
    assert "Precedence bulk" in said(page, "headers")
    assert (ready / "preview" / "edition.txt").read_text() in tree(page).xpath("//pre")[0].text_content()
    (size,) = re.findall(r"Size ([0-9.]+) kB of 90.0 kB", said(page, "size"))
    assert abs(float(size) * 1000 - html) < 500  # links of the mail have tokens
    assert "Backkameror" in said(page, "size")
    assert "Nothing to object to." in said(page, "preflight")
    passed = said(page, "preflight").partition(" rules pass")[2].partition(" The network ")[0].split(", ")
    assert "unsubscribe" in passed
    assert not {"links", "pictures"} & set(passed)  # nobody has asked


def test_the_page_says_what_preflight_objects_to_and_what_was_folded(ready: Path, digest: Run) -> None:
    (ready / "digest.toml").write_text(TOML.replace("postal_address", "# postal_address"))
    many = [{"title": f"Rubrik {n}", "lead": "Lång. " * 90, "published": f"2025-11-{28 + n % 2}"} for n in range(150)]
    (ready / "many.json").write_text(json.dumps([{**row, "section": "Energi " * 25} for row in many]))
    assert digest("articles", "import", "many.json").code == 0
    digest("preview", *DATE, "--open")
    page = ready / "preview" / "index.html"

    assert "warn postal_address: the law of most readers wants a postal address" in said(page, "preflight")
    assert "more on the web" in said(page, "size")
    assert "Which ones Rubrik" in said(page, "size")


def test_a_relay_that_cannot_be_read_leaves_the_letter_to_be_seen(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_RELAY_URL", "gopher://mail.example.com")
    opened = digest("preview", *DATE, "--open")

    assert opened.code == 0
    assert "It could not be asked:" in said(ready / "preview" / "index.html", "preflight")


def test_the_network_is_not_asked_whatever_the_relay(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_RELAY_URL", "smtps://mail.example.com")
    monkeypatch.setenv("DIGEST_BASE_URL", "https://nytt.example.com")

    assert digest("preview", *DATE, "--open").code == 0  # the guard of the tests would see it


def test_each_language_has_a_page_that_leads_to_the_others(ready: Path, digest: Run) -> None:
    digest("preview", *DATE, "--open")
    folder = ready / "preview"
    for name, here in (("index.html", "sv"), ("index.en.html", "en")):
        links = tree(folder / name).xpath("//nav[@aria-label='Letters']//a")
        assert [(a.text, a.get("href")) for a in links] == [("sv", "index.html"), ("en", "index.en.html")]
        assert [a.text for a in links if a.get("aria-current") == "page"] == [here]
    assert "Sunday, November 30, 2025" in (folder / "edition.en.txt").read_text()
    assert (folder / "message.en.eml").is_file()


def test_for_somebody_it_is_their_own_copy_in_every_part(ready: Path, digest: Run) -> None:
    own = ready / "templates" / "eget"
    own.mkdir()
    slot = "{{ slot('name', default='reader') }}"
    (own / "letter.html.j2").write_text(f'{{% extends "plain/letter.html.j2" %}}{{% block styles %}}{{{{ super() }}}}'
        f'{{% endblock %}}{{% block letter %}}<p>Hello {slot}!</p>{{{{ super() }}}}{{% endblock %}}')  # fmt: skip
    (own / "letter.txt.j2").write_text(
        f'{{% extends "shared/text.txt.j2" %}}{{% block close %}}Hello {slot}!{{% endblock %}}'
    )
    (ready / "digest.toml").write_text(TOML.replace('language = "sv"', 'language = "sv"\ndesign = "eget"'))
    shown = digest("preview", *DATE, "--open", "--for", "liam@example.com")
    folder = ready / "preview"

    assert shown.code == 0, shown.err
    for name in ("edition.html", "edition.txt", "edition.dark.html"):
        assert "O'Connor" in (folder / name).read_text().replace("&#x27;", "'"), name
    assert not (folder / "index.en.html").exists()
    assert "for liam@example.com" in tree(folder / "index.html").text_content()
    assert digest("preview", *DATE).code == 0
    assert "Hello reader!" in (folder / "edition.html").read_text()


def test_a_frozen_edition_says_that_it_is(ready: Path, digest: Run) -> None:
    digest("send", *DATE)
    digest("preview", *DATE, "--open")

    assert "This edition is frozen" in said(ready / "preview" / "index.html", "preflight")
    assert "Backkameror" in said(ready / "preview" / "index.html", "size")


def test_chromium_shows_light_and_dark_side_by_side_from_the_disk(ready: Path, digest: Run, chromium: Page) -> None:
    rows = [{"title": HOSTILE, "url": "https://nytt.example.com/9", "published": "2025-11-30"}]
    (ready / "hostile.json").write_text(json.dumps(rows))
    assert digest("articles", "import", "hostile.json").code == 0
    assert digest("preview", *DATE, "--open").code == 0
    chromium.goto((ready / "preview" / "index.html").as_uri())

    assert chromium.title() == "Nyheter: Luftrenare – preview of nyheter/2025-11-30"
    papers = []
    for frame in chromium.frames[1:]:
        assert "Backkameror" in frame.inner_text("body")
        papers.append(frame.evaluate("getComputedStyle(document.querySelector('.paper')).backgroundColor"))
    # The machine is set to dark, and yet two are light.
    assert papers == ["rgb(251, 250, 246)"] * 2 + ["rgb(25, 24, 22)"] * 2
    chromium.set_viewport_size({"width": 320, "height": 700})
    assert chromium.evaluate("document.documentElement.scrollWidth") == 320


@contextmanager
def watching(*arguments: str) -> Iterator[Callable[[], str]]:
    """Watch in a process of its own; yields a function that returns its next line."""
    command = [sys.executable, "-m", "digest", "preview", *DATE, "--watch", *arguments]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        assert process.stderr is not None
        hangs = Timer(60, process.kill)
        hangs.start()
        try:
            yield process.stderr.readline
            process.send_signal(signal.SIGINT)
            assert (process.wait(), process.stderr.read()) == (130, "")
        finally:
            hangs.cancel()
            process.kill()


def test_watching_renders_at_every_change_and_an_open_page_follows(ready: Path, digest: Run, chromium: Page) -> None:
    own = ready / "templates" / "senaste-nytt"
    own.mkdir()
    with watching() as line:
        first = (
            rf"[0-9:]{{8}} nyheter/2025-11-30: 2 articles, [0-9]+ kB, preflight pass, {re.escape(str(index(ready)))}\n"
        )
        assert re.fullmatch(first, line())
        chromium.goto(index(ready).as_uri())
        digest("articles", "add", "--title", "Kom nyss", "--published", "2025-11-30")
        assert line().endswith(" (the store changed)\n")
        chromium.get_by_text("3 articles").wait_for()

        (own / "letter.html.j2").write_text("{{ nothing_of_the_kind }}")
        broken = "templates/senaste-nytt/letter.html.j2, line 1: 'nothing_of_the_kind' is undefined"
        assert line() == f"digest: {broken}\n"
        chromium.get_by_role("status").get_by_text(broken).wait_for()
        (own / "letter.html.j2").unlink()
        assert line().endswith(" (templates/senaste-nytt/letter.html.j2 changed)\n")

        (ready / "digest.toml").write_text("[")
        assert line().startswith("digest: ")
        (ready / "digest.toml").write_text(TOML.replace('title = "Nyheter"', 'title = "Annat"'))
        line()
        chromium.get_by_role("heading", name="Annat").wait_for()
        assert chromium.locator("#trouble").inner_text() == ""
    chromium.get_by_text("Nobody watches any more").wait_for()


def test_watching_goes_on_when_the_store_is_moved_aside_and_comes_back(ready: Path, digest: Run) -> None:
    with watching() as line:
        line()
        (ready / "digest.db").rename(ready / "aside.db")
        assert "digest.db" in line()
        (ready / "aside.db").rename(ready / "digest.db")
        while not (back := line()).endswith(f"{index(ready)}\n"):
            assert back.startswith("digest: ")


def test_every_file_of_a_design_is_watched_but_those_an_editor_keeps_beside(
    ready: Path, digest: Run, tmp_path_factory: pytest.TempPathFactory
) -> None:
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (ready / "templates" / "eget").symlink_to(elsewhere)
    with watching() as line:
        line()
        (elsewhere / ".sponsor.html.swp").write_text("half")
        (elsewhere / "sponsor.html~").write_text("before")
        (elsewhere / "sponsor.html").write_text("now")
        assert line().endswith(" (templates/eget/sponsor.html changed)\n")


def test_an_open_page_of_a_letter_that_is_no_longer_made_says_so_and_does_not_reload_for_ever(
    ready: Path, digest: Run, chromium: Page
) -> None:
    loads: list[str] = []
    with watching() as line:
        line()
        chromium.on("load", lambda page: loads.append(page.url))
        chromium.goto(index(ready).with_name("index.en.html").as_uri())
        digest("subscribers", "remove", "liam@example.com")  # the only one who reads English
        assert line().endswith(" (the store changed)\n")
        chromium.get_by_text("This page is not rendered any more").wait_for()
        chromium.wait_for_timeout(1_500)
        assert len(loads) <= 3


def index(project: Path) -> Path:
    return project / "preview" / "index.html"


def test_watching_for_nobody_ends_at_once(ready: Path, digest: Run) -> None:
    refused = digest("preview", *DATE, "--watch", "--for", "eva@example.com")

    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "nobody is known as eva@example.com" in refused.err


def test_watching_has_no_one_object_to_print(ready: Path, digest: Run) -> None:
    assert digest("preview", *DATE, "--watch", "--json").code == 2
