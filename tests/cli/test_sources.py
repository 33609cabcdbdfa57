"""``digest sources``, and collecting from the web."""

import datetime as dt
import fcntl
import json
import os
import re
import sqlite3
import stat
import subprocess
import sys
import termios
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import time_machine

from digest.collect.collecting import collect_sources
from digest.operation.expect import note_sources
from digest.project import open_project
from tests.cli.conftest import TOML, Run
from tests.collect.feeding import a_feed, an_item
from tests.collect.misbehaving import WebServer, answer, misbehaving

OPML = """<?xml version="1.0"?><!DOCTYPE opml [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<opml version="1.1"><body><outline text="Press">
<outline text="Nytt &amp; gammalt" xmlUrl="https://a.example/rss" htmlUrl="https://a.example/"/>
<outline title="Å ä ö" xmlURL="https://b.example/rss"/></outline>
<outline text="Samma" xmlUrl="https://a.example/rss"/><outline text="Ingen"/>
<outline text="&a;" xmlUrl="file:///etc/passwd"/></body></opml>
"""


@pytest.fixture
def web() -> Iterator[WebServer]:
    with misbehaving() as served:
        served.replies["/rss"] = answer(a_feed("Ett", "Två"))
        yield served


def with_feed(project: Path, web: WebServer, more: str = "") -> None:
    feed = f'[sources.feed]\nfeed = "{web.url("/rss")}"\nprivate = true\n'
    (project / "digest.toml").write_text(TOML.partition("[sources")[0] + feed + more, encoding="utf-8")


def test_a_feed_is_looked_at_and_its_block_printed(project: Path, web: WebServer, digest: Run) -> None:
    before = (project / "digest.toml").read_bytes()
    looked = digest("sources", "add", web.url("/rss"), "--private", "--json")

    assert looked.code == 0
    assert (looked.json["kind"], [item["title"] for item in looked.json["items"]]) == ("feed", ["Ett", "Två"])
    assert looked.json["block"] == f'[sources.127-0-0-1]\nfeed = "{web.url("/rss")}"\nprivate = true\n'
    assert not looked.json["written"]
    assert (project / "digest.toml").read_bytes() == before
    assert digest("articles", "list", "--json").json["articles"] == []


def test_a_source_on_this_machine_is_refused_without_being_called_private(
    web: WebServer, digest: Run, project: Path
) -> None:
    refused = digest("sources", "add", web.url("/rss"), "--json")

    assert refused.code == 1
    assert "private = true" in refused.json["error"]
    assert web.asked == []


@pytest.mark.parametrize("ending", ["\n", "", "\r\n"])
def test_written_is_the_block_at_the_end_and_nothing_else_is_touched(
    project: Path, web: WebServer, digest: Run, ending: str
) -> None:
    path = project / "digest.toml"
    text = TOML.rstrip("\n").replace("\n", ending or "\n") + ending + ("# en anmärkning å" if not ending else "")
    path.write_bytes(text.encode())
    path.chmod(0o640)
    written = digest("sources", "add", web.url("/rss"), "--private", "--write", "--name", "trade.press")

    assert written.code == 0
    after = path.read_bytes()
    assert after.startswith(text.encode())
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert list(project.glob(".digest.toml*")) == []
    assert digest("collect", "trade.press", "--json").json["sources"][0]["new"] == 2


def test_a_link_to_digest_toml_stays_a_link(project: Path, web: WebServer, digest: Run, tmp_path: Path) -> None:
    (project / "digest.toml").rename(tmp_path / "real.toml")
    (project / "digest.toml").symlink_to(tmp_path / "real.toml")

    assert digest("sources", "add", web.url("/rss"), "--private", "--write").code == 0
    assert (project / "digest.toml").is_symlink()
    assert "/rss" in (tmp_path / "real.toml").read_text()


def test_stdout_has_the_block_alone_so_that_it_can_go_into_a_file(project: Path, web: WebServer, digest: Run) -> None:
    looked = digest("sources", "add", web.url("/rss"), "--private")

    assert looked.out == f'[sources.127-0-0-1]\nfeed = "{web.url("/rss")}"\nprivate = true\n'
    assert [line.split()[-1] for line in looked.err.splitlines()[1:3]] == ["Ett", "Två"]


def test_what_cannot_be_had_is_told_with_its_address(project: Path, web: WebServer, digest: Run) -> None:
    with_feed(project, web)
    refused = digest("sources", "add", web.url("/no").replace("//", "//anna:secret@"), "--private")
    web.replies["/rss"] = answer(status="500 Oh")
    tried = digest("sources", "test", "feed")

    assert refused.err == f"digest: {web.url('/no').replace('//', '//***@')}: not found (404)\n"
    assert tried.err.startswith(f"digest: feed, {web.url('/rss')}: ")
    assert (refused.code, tried.code) == (1, 1)


def test_each_source_is_told_when_it_is_done(project: Path, web: WebServer, digest: Run) -> None:
    with_feed(project, web, f'\n[sources.bad]\nfeed = "{web.url("/bad")}"\nprivate = true\n')
    told = digest("collect", "-v")

    assert sorted(told.err.splitlines()) == [
        "bad: not found (404)", "feed: 2 new, 0 changed, 0 unchanged, 0 skipped",
    ]  # fmt: skip
    assert digest("collect", "feed", "-v").err == "feed: nothing new\n"


def test_a_name_that_is_taken_or_none_is_refused(project: Path, web: WebServer, digest: Run) -> None:
    assert digest("sources", "add", web.url("/rss"), "--name", "press").code == 4
    assert digest("sources", "add", web.url("/rss"), "--name", "Trade Press").code == 2
    assert digest("sources", "add", web.url("/rss"), "--newsletter", "nowhere").code == 4
    assert web.asked == []


def test_what_is_there_already_is_not_added_twice(project: Path, web: WebServer, digest: Run) -> None:
    with_feed(project, web)
    for same in (web.url("/rss"), web.url("/rss#top"), web.url("/rss").replace("http:", "HTTP:")):
        again = digest("sources", "add", same, "--private", "--write", "--json")
        assert (again.code, again.json["error"]) == (4, "digest.toml has it already: [sources.feed]")


def test_a_page_leads_to_its_feed_and_else_is_a_source_itself(project: Path, web: WebServer, digest: Run) -> None:
    head = '<link rel="alternate" type="application/rss+xml" href="/rss">'
    rows = "".join(f'<li><a href="/{n}">Något som har hänt {n}</a> 2025-11-30</li>' for n in range(4))
    body = "<html><head><title>Nytt</title>{}</head><body><ul>{}</ul></body></html>"
    web.replies["/"] = answer(body.format(head, rows).encode(), Content_Type="text/html")
    web.replies["/bare"] = answer(body.format("", rows).encode(), Content_Type="text/html")
    web.replies["/empty"] = answer(b"<html><body>Hej</body></html>", Content_Type="text/html")

    announced = digest("sources", "add", web.url("/"), "--private", "--json")
    bare = digest("sources", "add", web.url("/bare"), "--private", "--json")
    empty = digest("sources", "add", web.url("/empty"), "--private", "--json")

    assert f'feed = "{web.url("/rss")}"' in announced.json["block"]
    assert f'page = "{web.url("/bare")}"\ndiscover = true\n' in bare.json["block"]
    assert (empty.code, "no feed and no list of articles" in empty.json["error"]) == (1, True)


def test_lists_of_feeds_come_in_and_go_out(project: Path, digest: Run) -> None:
    (project / "feeds.opml").write_text(OPML, encoding="utf-8")
    added = digest("sources", "add", "feeds.opml", "--write", "--newsletter", "nyheter")

    assert added.code == 0
    assert "left out" in added.err
    assert "root:" not in added.out + added.err
    listed = {one["source"]: one for one in digest("sources", "list", "--json").json["sources"]}
    assert {name: one["place"] for name, one in listed.items()} == {
        "press": "articles", "nytt-gammalt": "https://a.example/rss", "a-a-o": "https://b.example/rss",
    }  # fmt: skip
    out = digest("sources", "list", "--opml").out
    (project / "again.opml").write_text(out, encoding="utf-8")
    again = digest("sources", "add", "again.opml", "--json")
    assert (again.json["sources"], again.json["block"]) == (0, "")
    (project / "bad.opml").write_text("<rss/>", encoding="utf-8")
    assert digest("sources", "add", "bad.opml").code == 1


def test_list_of_feeds_brings_each_place_once_with_what_is_asked_for_it(project: Path, digest: Run) -> None:
    spelled = ("https://a.example/rss", "https://A.example/rss/", "http://a.example/rss#top")
    users = ("https://anna@b.example/rss", "https://bo@b.example/rss")
    rows = "".join(f'<outline text="A" xmlUrl="{one}"/>' for one in (*spelled, *users))
    (project / "feeds.opml").write_text(f"<opml><body>{rows}</body></opml>", encoding="utf-8")

    assert digest("sources", "add", "feeds.opml", "--query", "SELECT 1").code == 2
    added = digest("sources", "add", "feeds.opml", "--write", "--private", "--json")
    assert added.json["sources"] == 3
    assert added.json["block"].startswith('[sources.a]\nfeed = "https://a.example/rss"\nprivate = true\n\n[')
    again = digest("sources", "add", "feeds.opml", "--write")
    assert (again.code, again.out, again.err) == (0, "", "no feed in it that digest.toml does not have already\n")


def test_address_that_is_none_is_refused_without_a_fault(project: Path, digest: Run) -> None:
    refused = digest("sources", "add", "http://[::1", "--private")

    assert (refused.code, refused.err) == (1, "digest: http://[::1: not fetched: it is no address of the web\n")


def test_a_saved_feed_is_read_in_place_of_its_source(project: Path, web: WebServer, digest: Run) -> None:
    with_feed(project, web)
    (project / "saved").mkdir()
    (project / "saved" / "rss.xml").write_bytes(a_feed(items=an_item("Sparad")))

    assert digest("collect", "--file", "saved", "--json").json["sources"][0]["error"] == (
        "rss.xml looks like a saved feed or page: say of which source on the web with --source NAME"
    )
    taken = digest("collect", "feed", "--file", "saved", "--json").json["sources"]
    assert [(one["source"], one["new"]) for one in taken] == [("feed", 1)]
    assert web.paths() == []


def test_health_is_listed(project: Path, web: WebServer, digest: Run) -> None:
    with_feed(
        project, web, f'\n[sources.bad]\nfeed = "{web.url("/bad").replace("//", "//anna:secret@")}"\nprivate = true\n'
    )
    collected = digest("collect", "--json")
    listed = digest("sources", "list", "--json")

    assert collected.code == 3
    one, bad = listed.json["sources"]
    assert (one["state"], one["articles"], one["found"], one["last_error"]) == ("fine", 2, 2, None)
    assert (bad["state"], bad["failures"], bad["last_error"]) == ("failing", 1, "not found (404)")
    assert bad["next_try"] > bad["last_try"]
    plain = digest("sources", "list")
    assert "not found (404)" in plain.out
    everything = collected.out + collected.err + listed.out + plain.out + digest("config", "show").out
    assert "secret" not in everything


def test_all_sources_failing_is_a_failure_and_one_that_backs_off_is_left_out(
    project: Path, web: WebServer, digest: Run
) -> None:
    with_feed(project, web)
    web.replies["/rss"] = answer(status="500 Oh")

    assert digest("collect").code == 1
    left = digest("collect", "-v")
    assert (left.code, left.err) == (0, "no source is due; digest sources list says why\n")
    assert digest("collect", "feed").code == 1


def test_paused_and_resumed(project: Path, web: WebServer, digest: Run) -> None:
    with_feed(project, web)

    assert (digest("sources", "pause", "feed").code, digest("sources", "pause", "fed").code) == (0, 4)
    assert digest("collect", "--json").json["sources"] == []
    (one,) = digest("sources", "list", "--json").json["sources"]
    assert (one["state"], bool(one["paused_by"]), bool(one["paused_at"])) == ("paused", True, True)
    assert digest("sources", "resume", "feed").code == 0
    assert digest("collect", "--json").json["sources"][0]["new"] == 2


def test_tested_source_keeps_nothing(project: Path, web: WebServer, digest: Run) -> None:
    with_feed(project, web, '\n[sources.files]\nfolder = "articles"\n')
    (project / "articles").mkdir()
    (project / "articles" / "a.json").write_text(json.dumps([{"title": "Fil"}]))

    tried = digest("sources", "test", "feed", "--json")

    assert [item["title"] for item in tried.json["items"]] == ["Ett", "Två"]
    assert [item["title"] for item in digest("sources", "test", "files", "--json").json["items"]] == ["Fil"]
    assert digest("articles", "list", "--json").json["articles"] == []
    web.replies["/rss"] = answer(status="410 Gone")
    assert (digest("sources", "test", "feed").code, digest("collect").code) == (1, 3)


@pytest.mark.parametrize(
    ("option", "passed"),
    [((), {"Gammal"}), (("--none",), {"Ny", "Gammal"})],
)
def test_a_new_source_reaches_back_as_far_as_an_option_says(
    ready: Path, web: WebServer, digest: Run, option: tuple[str, ...], passed: set[str]
) -> None:
    assert digest("send", "--date", "2025-11-30", "--wait", "0").code == 0
    old = an_item("Ny", pubDate="") + an_item("Gammal", pubDate="Tue, 01 Jan 2019 12:00:00 GMT")
    web.replies["/rss"] = answer(a_feed(items=old))
    with_feed(ready, web)

    assert digest("collect", *option).code == 0
    listed = digest("articles", "list", "--state", "passed", "--json").json["articles"]
    assert {one["title"] for one in listed} == passed


def test_a_person_at_a_terminal_is_asked_about_a_new_source(
    ready: Path, web: WebServer, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter(["what", "2019-01-01"])
    asked: list[str] = []

    def prompt(text: str, **_: Any) -> str:
        asked.append(text)
        return next(answers)

    digest("send", "--date", "2025-11-30", "--wait", "0")
    web.replies["/rss"] = answer(a_feed(items=an_item("Gammal", pubDate="Tue, 01 Jan 2019 12:00:00 GMT")))
    with_feed(ready, web)
    monkeypatch.setattr("digest.cli.show.is_terminal", lambda: True)
    monkeypatch.setattr("typer.prompt", prompt)

    collected = digest("collect")

    assert "feed is new: it brings 1 article, 1 of them from before" in collected.err
    assert len(asked) == 2
    assert digest("articles", "list", "--state", "passed", "--json").json["articles"] == []


def test_a_person_may_stop_instead_of_answering(ready: Path, web: WebServer, digest: Run) -> None:
    import pty

    digest("send", "--date", "2025-11-30", "--wait", "0")
    web.replies["/rss"] = answer(a_feed(items=an_item("Gammal", pubDate="Tue, 01 Jan 2019 12:00:00 GMT")))
    with_feed(ready, web)
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "digest", "collect"]
    with subprocess.Popen(
        command, cwd=ready, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(theirs, termios.TIOCSCTTY, 0),
    ) as process:  # fmt: skip
        os.close(theirs)
        said = b""
        while b"Take which?" not in said:
            said += os.read(ours, 4096)
        os.write(ours, b"\x03")
        code = process.wait(20)
    os.close(ours)

    assert code == 130
    assert len(digest("articles", "list", "--json").json["articles"]) == 2


def test_options_of_a_new_source_exclude_each_other(project: Path, digest: Run) -> None:
    assert digest("collect", "--all", "--none").code == 2
    assert digest("collect", "--since", "igår").code == 2


def test_a_send_says_what_was_missing(ready: Path, web: WebServer, digest: Run) -> None:
    with_feed(ready, web, f'\n[sources.bad]\nfeed = "{web.url("/bad")}"\nprivate = true\n')
    sent = digest("send", "--date", "2025-11-30", "--wait", "0", "--collect", "--json")

    assert (sent.code, sent.json["state"]) == (3, "rehearsed")
    assert sent.json["missing"] == [{"source": "bad", "error": "not found (404)", "last_ok": None}]
    shown = digest("editions", "show", "nyheter/2025-11-30", "--json").json
    assert [(one["did"], one["detail"]) for one in shown["history"]] == [("collected in part", "bad: not found (404)")]


def extracting(project: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source that wants articles' pages, where what reads them is not installed."""
    with_feed(project, web, "extract = true\n")
    monkeypatch.setitem(sys.modules, "trafilatura", None)  # so Python says of a module that it must not find
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)


def test_without_the_extractor_nothing_is_fetched_and_one_line_says_what_to_install(
    project: Path, web: WebServer, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracting(project, web, monkeypatch)
    line = "digest: [sources.feed] extract = true needs trafilatura: pip install 'digest-mailer[extract]'\n"

    for command in (("collect",), ("collect", "feed"), ("sources", "test", "feed")):
        refused = digest(*command)
        assert (refused.code, refused.err) == (4, line)
    added = digest("sources", "add", web.url("/other"), "--private", "--extract", "--name", "other")
    assert (added.code, added.err) == (4, line.replace("feed", "other"))
    assert web.asked == []


def test_without_the_extractor_a_send_goes_ahead_and_says_what_was_missing(
    ready: Path, web: WebServer, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    extracting(ready, web, monkeypatch)
    sent = digest("send", "--date", "2025-11-30", "--wait", "0", "--collect", "--json")

    assert (sent.code, sent.json["state"], sent.json["sent"]) == (3, "rehearsed", 3)
    assert "needs trafilatura" in sent.json["missing"][0]["error"]
    assert web.asked == []


def test_a_folder_a_maildir_and_a_database_are_added_like_an_address(
    project: Path, digest: Run, tmp_path: Path
) -> None:
    (project / "more").mkdir()
    (project / "more" / "a.json").write_text(json.dumps([{"title": "Fil"}]))
    for part in ("cur", "new", "tmp"):
        (tmp_path / "Press" / part).mkdir(parents=True)
    mail = b"From: a@x.example\nSubject: Pressnytt\nMessage-ID: <1@x.example>\n\nEn text.\n"
    (tmp_path / "Press" / "new" / "1").write_bytes(mail)
    with closing(sqlite3.connect(project / "cms.db")) as cms:
        cms.executescript("CREATE TABLE post (headline); INSERT INTO post VALUES ('Rad');")
    query = "SELECT headline AS title FROM post"

    added = [
        digest("sources", "add", *place, "--write", "--json")
        for place in (("more/",), (tmp_path / "Press",), ("sqlite:///cms.db", "--query", query))
    ]

    assert [one.json["items"][0]["title"] for one in added] == ["Fil", "Pressnytt", "Rad"]
    assert [one.json["block"] for one in added] == [
        '[sources.more]\nfolder = "more"\n',
        f'[sources.press-2]\nemail = "{tmp_path}/Press"\n',
        f'[sources.cms]\ndatabase = "sqlite:///cms.db"\nquery = "{query}"\n',
    ]
    (project / "articles").mkdir()
    assert [one["new"] for one in digest("collect", "--json").json["sources"]] == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("place", "words"),
    [
        ("news.example.com/rss", "an address begins with https://, as in https://news.example.com/rss"),
        ("feeds", "no file or folder 'feeds'"),
        ("ftp://news.example.com/rss", "is no address of the web"),
        ("digest.toml", "this is no list of feeds"),
        ("sqlite:///cms.db", "a database needs --query"),
        ("http://ex ample.com/", "is not an address of the web"),
        ("", "no file or folder ''"),
        (".", "'.' holds the project itself"),
    ],
)
def test_what_is_no_source_is_refused_in_one_line(project: Path, digest: Run, place: str, words: str) -> None:
    refused = digest("sources", "add", place, "--json")

    assert refused.code in (1, 2, 4)
    assert words in refused.json["error"]
    assert len(refused.err.splitlines()) == 1


def test_a_file_that_cannot_be_written_is_said_so(
    project: Path, web: WebServer, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(**_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("digest.collect.blocks.tempfile.mkstemp", refuse)
    before = (project / "digest.toml").read_bytes()
    refused = digest("sources", "add", web.url("/rss"), "--private", "--write")

    assert refused.code == 4
    assert "digest.toml cannot be written: Permission denied; put the block there by hand" in refused.err
    assert (project / "digest.toml").read_bytes() == before


def test_status_names_the_sources_that_bring_nothing(project: Path, web: WebServer, digest: Run) -> None:
    more = "".join(f'\n[sources.{n}]\nfeed = "{web.url("/" + n)}"\nprivate = true\n' for n in ("bad", "gone", "idle"))
    with_feed(project, web, more)
    web.replies["/gone"] = answer(status="410 Gone")
    digest("collect")
    digest("sources", "pause", "idle")

    said = digest("status", "--json").json
    assert [(one["source"], one["state"]) for one in said["sources"]] == [
        ("bad", "failing"), ("gone", "ended"), ("idle", "paused"),
    ]  # fmt: skip
    needs = {one["where"]: (one["what"], one["do"]) for one in said["needs"]}
    assert re.fullmatch(r"failing since \S+: not found \(404\), next try .*", needs["source bad"][0])
    assert needs["source bad"][1] == "digest sources test bad"
    assert needs["source gone"][0].startswith("ended since")
    assert needs["source gone"][1] == "digest sources resume gone"
    assert needs["source idle"][0].startswith("paused since")
    assert "source gone" in digest("status").out


def alerts(project: Path) -> list[tuple[str, list[str]]]:
    with closing(sqlite3.connect(project / "digest.db")) as store:
        rows = store.execute("SELECT address, facts FROM notice WHERE kind = 'sources' ORDER BY id").fetchall()
    return [(address, [one[0] for one in json.loads(facts)["sources"]]) for address, facts in rows]


def test_editors_are_told_once_of_a_source_that_fails_for_a_day_and_anew_when_it_has_been_back(
    project: Path, web: WebServer, digest: Run
) -> None:
    def on(moment: str, *, fails: bool) -> int:
        web.replies["/rss"] = answer(status="500 Oh") if fails else answer(a_feed("Ett", moment))
        with time_machine.travel(moment, tick=True), open_project(project) as opened:
            collect_sources(opened, ["feed"], dt.datetime.now(dt.UTC))
            note_sources(opened, dt.datetime.now(dt.UTC))
            note_sources(opened, dt.datetime.now(dt.UTC))
        return len(alerts(project))

    with_feed(project, web)
    assert on("2025-12-01 06:00+00:00", fails=True) == 0
    assert on("2025-12-02 05:00+00:00", fails=True) == 0
    assert on("2025-12-02 06:30+00:00", fails=True) == 1
    assert on("2025-12-05 06:30+00:00", fails=True) == 1
    assert on("2025-12-06 06:30+00:00", fails=False) == 1
    assert on("2025-12-07 06:30+00:00", fails=True) == 1
    assert on("2025-12-09 06:30+00:00", fails=True) == 2
    assert alerts(project)[0] == ("red@example.com", ["feed"])


def test_editors_are_told_at_once_of_sources_that_have_ended_all_in_one_mail(
    ready: Path, web: WebServer, digest: Run
) -> None:
    with_feed(ready, web, f'\n[sources.two]\nfeed = "{web.url("/two")}"\nprivate = true\n')
    web.replies["/rss"] = web.replies["/two"] = answer(status="410 Gone")
    digest("send", "--collect", "--wait", "0")
    digest("send", "--collect", "--wait", "0")

    assert alerts(ready) == [("red@example.com", ["feed", "two"])]
    (mail,) = [path for path in (ready / "outbox" / "new").iterdir() if b"auto-generated" in path.read_bytes()]
    assert b"sources resume feed" in mail.read_bytes()


def test_what_was_missing_is_kept_with_the_edition_however_often_it_is_sent(
    ready: Path, web: WebServer, digest: Run
) -> None:
    with_feed(ready, web, f'\n[sources.bad]\nfeed = "{web.url("/bad")}"\nprivate = true\n')
    for _ in range(2):
        sent = digest("send", "--date", "2025-11-30", "--wait", "0", "--collect", "--json")
        assert [one["source"] for one in sent.json["missing"]] == ["bad"]

    again = digest("send", "--date", "2025-11-30", "--wait", "0", "--json")
    assert (again.code, "missing" in again.json) == (0, False)
    shown = digest("editions", "show", "nyheter/2025-11-30", "--json").json
    assert [one["did"] for one in shown["history"]] == ["collected in part"]
