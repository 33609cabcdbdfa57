import datetime as dt
import json
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from digest.collect import folders
from digest.collect.collecting import collect_sources
from digest.collect.health import health, missing, pause, resume
from digest.collect.homes import EVERYTHING, NOTHING
from digest.collect.take import FirstLook, Taken, take_row
from digest.models import Newsletter
from digest.project import Project
from digest.store import articles, editions, names, saving, sources
from digest.store.articles import Listed
from tests.collect.feeding import a_feed, an_item
from tests.collect.misbehaving import Asked, WebServer, answer, misbehaving, redirect
from tests.projects import a_project
from tests.store.builders import NOON, a_plan

LETTER = """\
[newsletters.{0}]
title = "Nyheter"
from = "Nyheter <nytt@example.com>"
lists = ["industri"]
timezone = "Europe/Stockholm"

"""
HOUR = dt.timedelta(hours=1)


@pytest.fixture
def web() -> Iterator[WebServer]:
    with misbehaving() as served:
        yield served


def toml(web: WebServer, *, name: str = "press", path: str = "/rss", letters: str = "nyheter", more: str = "") -> str:
    """Return a digest.toml with one feed that goes to these newsletters."""
    wanted = letters.split()
    sections = "".join(LETTER.format(letter) for letter in dict.fromkeys([*wanted, "nyheter", "extra"]))
    feed = f'[sources.{name}]\nfeed = "{web.url(path)}"\nprivate = true\nnewsletters = {json.dumps(wanted)}\n'
    return sections + feed + more


@pytest.fixture
def project(tmp_path: Path, web: WebServer) -> Iterator[Project]:
    """A project with one feed on the web."""
    with a_project(tmp_path, toml(web)) as opened:
        yield opened


def collect(project: Project, *named: str, now: dt.datetime = NOON, **options: Any) -> Taken:
    (taken,) = collect_sources(project, named, now, **options)
    return taken


def counts(taken: Taken) -> tuple[int, int, int, int]:
    return taken.new, taken.changed, taken.unchanged, taken.skipped


def stored(project: Project) -> dict[str, Listed]:
    return {one.article.title: one for one in articles.listing(project.store)}


def states(project: Project) -> dict[str, dict[str, str]]:
    return {title: {p.newsletter: p.state for p in one.placements} for title, one in stored(project).items()}


def state(project: Project) -> Any:
    (one,) = health(project)
    return one.state


def freeze(project: Project, *titles: str, newsletter: str = "nyheter") -> None:
    """Bind what waits in a newsletter in an edition, after articles of these titles have come by hand."""
    for title in titles:
        take_row(project, {"title": title, "id": title}, None, NOON)
    number = names.number(project.store, Newsletter, newsletter, None, NOON)
    editions.freeze(project.store, a_plan(project.store, newsletter_id=number))


def test_feed_is_taken_in_once(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(a_feed("Ett", "Två"))

    assert counts(collect(project)) == (2, 0, 0, 0)
    assert states(project) == {"Ett": {"nyheter": "waiting"}, "Två": {"nyheter": "waiting"}}
    web.replies["/rss"] = answer(a_feed("Ett", "Två", "Tre"))
    assert counts(collect(project)) == (1, 0, 2, 0)
    assert (state(project).found, state(project).last_ok, state(project).failures) == (3, NOON, 0)


def test_feed_is_asked_for_what_is_new(project: Project, web: WebServer) -> None:
    def reply(asked: Asked) -> bytes:
        if asked.get("if-none-match") == 'W/"1"' and asked.get("if-modified-since") == "Sun, 30 Nov 2025 06:00:00 GMT":
            return answer(status="304 Not Modified")
        return answer(a_feed("Ett"), ETag='W/"1"', Last_Modified="Sun, 30 Nov 2025 06:00:00 GMT")

    web.replies["/rss"] = reply

    assert counts(collect(project)) == (1, 0, 0, 0)
    assert counts(collect(project, now=NOON + HOUR)) == (0, 0, 0, 0)
    assert (state(project).last_ok, state(project).found) == (NOON + HOUR, 1)


def test_same_bytes_are_the_same_whatever_their_tag(project: Project, web: WebServer) -> None:
    # Tags that are new with every answer, and a server that knows no 304.
    web.replies["/rss"] = lambda _: answer(a_feed("Ett"), ETag=f'"{len(web.asked)}"')

    assert counts(collect(project)) == (1, 0, 0, 0)
    assert counts(collect(project)) == (0, 0, 0, 0)
    assert state(project).etag == '"2"'


def test_other_settings_read_the_same_feed_anew(tmp_path: Path, web: WebServer) -> None:
    web.replies["/rss"] = lambda asked: (
        answer(status="304 Not Modified") if "if-none-match" in asked else answer(a_feed("Ett"), ETag='"1"')
    )
    with a_project(tmp_path, toml(web)) as project:
        collect(project)
    with a_project(tmp_path, toml(web, more='section = "Press"\n')) as project:
        assert counts(collect(project)) == (0, 1, 0, 0)
        assert stored(project)["Ett"].article.section == "Press"


# Where a source is.


def test_permanent_redirect_is_believed_once_it_has_said_the_same_three_times(project: Project, web: WebServer) -> None:
    web.replies |= {"/rss": redirect("/new", "301 Moved"), "/new": answer(a_feed("Ett"))}

    for _ in range(4):
        assert collect(project).error is None

    assert web.paths() == ["/rss", "/new"] * 3 + ["/new"]
    assert state(project).url_now == web.url("/new")


def test_permanent_redirect_that_changes_its_mind_is_not_believed(project: Project, web: WebServer) -> None:
    web.replies |= {"/a": answer(a_feed("Ett")), "/b": answer(a_feed("Ett"))}
    for to in ("/a", "/a", "/b", "/a", "/a"):
        web.replies["/rss"] = redirect(to, "308 Permanent Redirect")
        collect(project)

    assert (state(project).url_now, state(project).moved_count) == (None, 2)


def test_place_it_had_moved_to_is_forgotten_when_it_is_no_good(project: Project, web: WebServer) -> None:
    web.replies |= {"/rss": redirect("/new", "301 Moved"), "/new": answer(a_feed("Ett"))}
    for _ in range(3):
        collect(project)
    web.replies |= {"/rss": answer(a_feed("Två")), "/new": answer(status="410 Gone")}

    assert collect(project).error == "gone for good (410)"
    assert state(project).ended_at is None
    assert counts(collect(project, "press")) == (1, 0, 0, 0)


def test_source_that_is_gone_ends_and_says_so(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(status="410 Gone")

    assert collect(project).error == "gone for good (410); it is not collected any more"
    assert state(project).ended_at == NOON
    assert collect_sources(project, [], NOON + 1000 * HOUR) == []
    web.replies["/rss"] = answer(a_feed("Ett"))
    resume(project, "press", NOON)
    assert counts(collect(project)) == (1, 0, 0, 0)


# Trouble.


def test_source_that_fails_is_left_alone_for_longer_and_longer(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(status="500 Oh")
    now, waits = NOON, []
    for _ in range(12):
        assert collect(project, now=now).error == "it answered 500"
        waits.append(state(project).next_try - now)
        assert collect_sources(project, [], now + waits[-1] - dt.timedelta(seconds=1)) == []
        now += waits[-1]

    assert dt.timedelta(minutes=5) <= waits[0] <= dt.timedelta(minutes=6)
    assert dt.timedelta(days=1) <= waits[-1] <= dt.timedelta(days=1.2)
    assert waits == sorted(waits[:9]) + waits[9:]


def test_naming_a_source_tries_it_although_it_backs_off(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(status="404 Not Found")
    collect(project)
    web.replies["/rss"] = answer(a_feed("Ett"))

    assert collect_sources(project, [], NOON) == []
    assert counts(collect(project, "press")) == (1, 0, 0, 0)
    assert (state(project).failures, state(project).last_error, state(project).next_try) == (0, "", None)


def test_retry_after_is_respected(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(status="503 Busy", Retry_After=str(5 * 3600))
    collect(project)

    assert state(project).next_try == NOON + 5 * HOUR


def test_source_is_not_asked_more_often_than_it_says(tmp_path: Path, web: WebServer) -> None:
    web.replies["/rss"] = answer(a_feed("Ett"))
    with a_project(tmp_path, toml(web, more='every = "2h"\n')) as project:
        collect(project)

        assert collect_sources(project, [], NOON + HOUR) == []
        assert len(collect_sources(project, [], NOON + 2 * HOUR)) == 1


def test_paused_source_is_left_out_until_it_is_resumed(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(a_feed("Ett"))
    pause(project, "press", NOON)

    assert collect_sources(project, [], NOON) == []
    (one,) = health(project)
    assert (one.word, bool(one.state.paused_by)) == ("paused", True)
    resume(project, "press", NOON)
    assert counts(collect(project)) == (1, 0, 0, 0)


def test_page_in_place_of_a_feed_says_which_feed_it_announces(project: Project, web: WebServer) -> None:
    link = '<link rel="alternate" type="application/rss+xml" href="/real.xml">'
    web.replies["/rss"] = answer(f"<html><head>{link}</head><body>Hej</body></html>".encode())

    error = collect(project).error

    assert error is not None
    assert web.url("/real.xml") in error


def test_charset_of_the_header_that_lies_garbles_nothing(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(a_feed("Blåbärsöl"), Content_Type="text/xml; charset=iso-8859-1")
    collect(project)

    assert set(stored(project)) == {"Blåbärsöl"}


def test_feed_without_its_end_gives_what_is_whole_and_is_read_again(project: Project, web: WebServer) -> None:
    whole = a_feed("Ett", "Två", "Tre")
    cut = whole[: whole.index(b"Tre") + 2]
    web.replies["/rss"] = answer(cut, Content_Length=str(len(whole)), Connection="close", ETag='"1"')
    taken = collect(project)

    assert (taken.new, taken.error) == (2, "its end is missing; what came before was read (2 articles)")
    assert set(stored(project)) == {"Ett", "Två"}
    web.replies["/rss"] = lambda asked: answer(status="304 Not Modified") if "if-none-match" in asked else answer(whole)
    assert counts(collect(project, "press")) == (1, 0, 2, 0)


JSON = b'{"version": "https://jsonfeed.org/version/1", "items": [{"id": "1", "title": "Ett"}, {"id": "2", "title": "Tv'


@pytest.mark.parametrize(
    ("cut", "new"),
    [(a_feed("Ett", "Två", "Tre").partition(b"re</title>")[0], 2), (JSON, 1), (JSON.rpartition(b", {")[0], 1)],
    ids=["in a title", "in a string of JSON", "after an item of JSON"],
)
def test_feed_that_stops_in_the_middle_is_no_whole_one_though_its_length_is_right(
    project: Project, web: WebServer, cut: bytes, new: int
) -> None:
    whole = a_feed("Ett", "Två", "Tre")
    web.replies["/rss"] = answer(cut, ETag='"1"')
    taken = collect(project)

    assert (taken.new, "its end is missing" in (taken.error or "")) == (new, True)
    web.replies["/rss"] = lambda asked: answer(status="304 Not Modified") if "if-none-match" in asked else answer(whole)
    collect(project, "press")
    assert set(stored(project)) == {"Ett", "Två", "Tre"}


def test_json_that_cannot_be_read_is_no_fault_of_ours(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(b'{"version": "https://jsonfeed.org/version/1", "items": ' + b"[" * 200_000)

    assert "fault in digest" not in (collect(project).error or "")


def test_feed_with_something_after_its_end_is_whole(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(a_feed("Ett") + b"\n<!-- made in 0.1 s; one <item> -->")

    assert (collect(project).error, len(stored(project))) == (None, 1)


def test_feed_with_a_wrong_length_and_all_its_articles_is_fine(project: Project, web: WebServer) -> None:
    whole = a_feed("Ett", "Två")
    web.replies["/rss"] = answer(whole, Content_Length=str(len(whole) + 500), Connection="close")

    assert (collect(project).error, len(stored(project))) == (None, 2)


def test_one_source_that_fails_stops_no_other(tmp_path: Path, web: WebServer) -> None:
    more = "".join(
        f'[sources.{name}]\nfeed = "{web.url("/" + name)}"\nprivate = true\nnewsletters = ["nyheter"]\n'
        for name in ("bad", "gone", "good")
    )
    web.replies |= {"/rss": answer(a_feed("Ett")), "/bad": answer(b"\0" * 1000), "/good": answer(a_feed("Två"))}
    web.replies["/gone"] = answer(status="410 Gone")
    with a_project(tmp_path, toml(web, more=more)) as project:
        found = {taken.source: taken for taken in collect_sources(project, [], NOON)}

        assert [found[name].error is None for name in ("press", "bad", "gone", "good")] == [True, False, False, True]
        assert set(stored(project)) == {"Ett", "Två"}
        assert [one["source"] for one in missing(project)["nyheter"]] == ["bad", "gone"]
        assert missing(project)["extra"] == []


def test_fault_of_ours_in_one_source_stops_no_other(
    project: Project, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise ZeroDivisionError("http://anna:secret@example.com/")

    web.replies["/rss"] = answer(a_feed("Ett"))
    monkeypatch.setattr("digest.collect.visit.read_feed", broken)

    error = collect(project).error

    assert error == "ZeroDivisionError: http://***@example.com/ (this is a fault in digest)"


# A source that is new, and one that becomes another.

LONG_AGO = "Tue, 01 Jan 2019 12:00:00 GMT"
OLD = a_feed(items=an_item("Ny") + an_item("Gammal", pubDate=LONG_AGO) + an_item("Utan", pubDate=""))


@pytest.mark.parametrize(
    ("reach", "placed"),
    [
        (None, {"Ny": "waiting", "Gammal": "passed", "Utan": "waiting"}),
        (EVERYTHING, {"Ny": "waiting", "Gammal": "waiting", "Utan": "waiting"}),
        (NOTHING, {"Ny": "passed", "Gammal": "passed", "Utan": "passed"}),
        (dt.date(2018, 1, 1), {"Ny": "waiting", "Gammal": "waiting", "Utan": "waiting"}),
    ],
)
def test_new_source_reaches_back_as_far_as_somebody_says(
    project: Project, web: WebServer, reach: dt.date | None, placed: dict[str, str]
) -> None:
    asked: list[FirstLook] = []

    def ask(first: FirstLook) -> dt.date | None:
        asked.append(first)
        return reach

    freeze(project, "Förr")
    web.replies["/rss"] = answer(OLD)
    collect(project, ask=ask)

    assert asked == [FirstLook("press", 3, 1, dt.date(2025, 11, 23))]
    assert {title: places["nyheter"] for title, places in states(project).items() if title in placed} == placed
    web.replies["/rss"] = answer(a_feed("Senare"))
    collect(project, ask=ask)
    assert len(asked) == 1
    assert states(project)["Senare"] == {"nyheter": "waiting"}


def test_first_collect_killed_between_two_slices_is_still_the_first(
    project: Project, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    freeze(project, "Förr")
    rows = [an_item(f"Gammal{n}", pubDate=LONG_AGO) for n in range(6)]
    web.replies["/rss"] = answer(a_feed(items="".join(rows)), ETag='"1"')
    monkeypatch.setattr(saving, "SLICE", 4)
    real = saving._save

    def killed(connection: Any, **given: Any) -> Any:
        if len(given["articles"]) < 4:
            raise KeyboardInterrupt
        return real(connection, **given)

    with monkeypatch.context() as patch:
        patch.setattr(saving, "_save", killed)
        patch.setattr("digest.store.writer.Exception", BaseException, raising=False)
        with pytest.raises(KeyboardInterrupt):
            collect(project)
    assert len(stored(project)) == 5

    assert counts(collect(project)) == (2, 0, 4, 0)
    assert {places["nyheter"] for title, places in states(project).items() if title != "Förr"} == {"passed"}
    assert all(balance.is_sound for balance in sources.book(project.store))


def test_source_that_was_renamed_goes_on_where_it_was(tmp_path: Path, web: WebServer) -> None:
    web.replies["/rss"] = lambda asked: answer(OLD, ETag='"1"')
    with a_project(tmp_path, toml(web)) as project:
        collect(project)
        freeze(project)
    with a_project(tmp_path, toml(web, name="trade", more='formerly = "press"\n')) as project:
        assert counts(collect(project)) == (0, 0, 3, 0)
        assert {one.source for one in stored(project).values()} == {"trade"}
        assert {places["nyheter"] for places in states(project).values()} == {"bound"}


def test_source_that_was_renamed_without_a_word_sends_nothing_twice(tmp_path: Path, web: WebServer) -> None:
    rows = [
        an_item("Med länk", link="https://nytt.example.com/1"),
        an_item("Utan länk", link="", guid="7", description="Ingressen står här och är lång nog för att kännas igen."),
    ]
    web.replies["/rss"] = answer(a_feed(items="".join(rows)))
    with a_project(tmp_path, toml(web)) as project:
        collect(project)
        freeze(project)
    with a_project(tmp_path, toml(web, name="trade")) as project:
        assert counts(collect(project)) == (0, 0, 2, 0)
        assert {places["nyheter"] for places in states(project).values()} == {"bound"}
        assert all(balance.is_sound for balance in sources.book(project.store))


def test_source_that_is_taken_out_loses_nothing_and_comes_back(tmp_path: Path, web: WebServer) -> None:
    web.replies["/rss"] = answer(a_feed("Ett"))
    with a_project(tmp_path, toml(web)) as project:
        collect(project)
    with a_project(tmp_path, LETTER.format("nyheter")) as project:
        assert collect_sources(project, [], NOON) == []
        freeze(project)
        assert states(project) == {"Ett": {"nyheter": "bound"}}
    web.replies["/rss"] = answer(a_feed("Ett", "Två"))
    with a_project(tmp_path, toml(web)) as project:
        assert counts(collect(project)) == (1, 0, 1, 0)
        assert states(project) == {"Ett": {"nyheter": "bound"}, "Två": {"nyheter": "waiting"}}


def test_source_that_moves_to_another_newsletter_loses_nothing_and_sends_nothing_twice(
    tmp_path: Path, web: WebServer
) -> None:
    web.replies["/rss"] = answer(a_feed("Skickad"))
    with a_project(tmp_path, toml(web)) as project:
        collect(project)
        freeze(project)
        web.replies["/rss"] = answer(a_feed("Skickad", "Väntar"))
        collect(project)
    web.replies["/rss"] = answer(a_feed("Skickad", "Väntar", "Ny"))
    with a_project(tmp_path, toml(web, letters="extra")) as project:
        collect(project)

        assert states(project) == {
            "Skickad": {"nyheter": "bound", "extra": "passed"},
            "Väntar": {"nyheter": "waiting", "extra": "passed"},
            "Ny": {"extra": "waiting"},
        }


def test_what_waits_in_a_newsletter_that_is_no_more_moves_with_its_source(tmp_path: Path, web: WebServer) -> None:
    web.replies["/rss"] = answer(a_feed("Väntar"))
    with a_project(tmp_path, toml(web, letters="gammal")) as project:
        collect(project)
    with a_project(tmp_path, toml(web)) as project:
        collect(project)

        assert states(project)["Väntar"] == {"gammal": "waiting", "nyheter": "waiting"}


# One article is one.

LEAD = "Ett företag i Sundsvall har byggt en robot som plockar bär i skogen."


@pytest.mark.parametrize(
    "changed",
    [
        an_item("Robot", guid="2", link="https://nytt.example.com/robot", description=LEAD),
        an_item("Robot", guid="1", link="https://nytt.example.com/annan", description=LEAD),
        an_item("Robot", guid="1", link="http://nytt.example.com/robot", description=LEAD),
        an_item("Robot", guid="2", link="https://nytt.example.com/annan", description=LEAD),
        an_item("ROBOT!", guid="2", link="", description=LEAD, pubDate="Tue, 02 Dec 2025 12:00:00 GMT"),
    ],
    ids=["guid", "link", "http", "both", "redated"],
)
def test_article_under_another_name_is_the_same(project: Project, web: WebServer, changed: str) -> None:
    web.replies["/rss"] = answer(a_feed(items=an_item("Robot", guid="1", description=LEAD)))
    collect(project)
    web.replies["/rss"] = answer(a_feed(items=changed))

    assert collect(project).new == 0
    assert len(stored(project)) == 1
    web.replies["/rss"] = answer(a_feed(items=changed.replace("OBOT", "ubbit").replace("obot", "ubbit")))
    collect(project)
    assert len(stored(project)) == 1


def test_column_with_the_same_words_every_day_is_many_though_the_feed_has_the_last_one_only(
    project: Project, web: WebServer
) -> None:
    for n in range(1, 4):
        date = f"0{n} Dec 2025 06:00:00 GMT"
        row = an_item(
            "Dagens siffra", guid=str(n), link=f"https://nytt.example.com/{n}", description=LEAD, pubDate=date
        )
        web.replies["/rss"] = answer(a_feed(items=row))
        collect_sources(project, ["press"], NOON + dt.timedelta(days=n))

    assert len(articles.listing(project.store)) == 3


def test_column_with_the_same_words_every_week_is_many(project: Project, web: WebServer) -> None:
    rows = ""
    for n in range(3):
        date = (NOON + dt.timedelta(days=7 * n)).strftime("%a, %d %b %Y %H:%M:%S GMT")
        row = an_item(
            "Veckans siffra", guid=str(n), link=f"https://nytt.example.com/{n}", description=LEAD, pubDate=date
        )
        rows += row
        web.replies["/rss"] = answer(a_feed(items=rows))
        assert collect(project, now=NOON + dt.timedelta(days=7 * n)).new == 1


def test_feed_whose_items_all_have_one_link_loses_none(project: Project, web: WebServer) -> None:
    rows = "".join(an_item(f"Nyhet {n}", guid=f"g{n}", link="https://nytt.example.com/") for n in range(3))
    web.replies["/rss"] = answer(a_feed(items=rows))

    assert counts(collect(project)) == (3, 0, 0, 0)
    web.replies["/rss"] = answer(a_feed(items=rows + an_item("Mer")))
    assert counts(collect(project)) == (1, 0, 3, 0)


def test_changed_article_is_updated_until_it_is_sent_and_noted_after(project: Project, web: WebServer) -> None:
    def say(lead: str) -> Taken:
        web.replies["/rss"] = answer(a_feed(items=an_item("Robot", guid="1", description=lead)))
        return collect(project)

    say("Ett.")
    assert counts(say("Två.")) == (0, 1, 0, 0)
    freeze(project)
    assert counts(say("Tre.")) == (0, 1, 0, 0)
    assert counts(say("Fyra.")) == (0, 0, 1, 0)
    article = stored(project)["Robot"].article
    assert (article.lead, article.outdated_at) == ("Två.", NOON)


def test_book_balances(project: Project, web: WebServer) -> None:
    web.replies["/rss"] = answer(a_feed(items=an_item("Ett") + "<item></item>" + an_item("Ett")))
    taken = collect(project)

    assert (taken.new, taken.skipped, taken.problems) == (1, 1, ())
    (balance,) = sources.book(project.store)
    assert (balance.source, balance.found, balance.new, balance.refused, balance.is_sound) == ("press", 3, 1, 1, True)
    (refused,) = sources.refusals(project.store, 1)
    assert refused.reason


# Sources that are no feed.


def test_folder_is_read_where_something_has_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = tmp_path / "articles"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.json").write_text(json.dumps([{"title": f"Nyhet {n}", "id": str(n)}]))
        os.utime(folder / f"{n}.json", (1, 1))
    read: list[str] = []
    real = folders.read_file

    def watched(path: Path, name: str, **given: Any) -> Any:
        read.append(name)
        return real(path, name, **given)

    monkeypatch.setattr(folders, "read_file", watched)
    with a_project(tmp_path, LETTER.format("nyheter") + '[sources.press]\nfolder = "articles"\n') as project:
        assert counts(collect(project)) == (3, 0, 0, 0)
        read.clear()
        (folder / "1.json").write_text(json.dumps([{"title": "Nyhet 1, rättad", "id": "1"}]))
        (folder / "2.json").unlink()

        assert counts(collect(project)) == (0, 1, 1, 0)
        assert read == ["1.json"]
        assert set(sources.marks(project.store, 1)) <= {"0.json", "1.json"}


def test_database_is_read_and_never_written(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "cms.db")) as cms, cms:
        cms.execute("CREATE TABLE post (rubrik, ingress, url, published)")
        cms.execute(
            "INSERT INTO post VALUES ('Ett', 'Kort: a', 'https://nytt.example.com/1', '2025-11-30'), ('', '', '', '')"
        )

    def database(query: str, url: str = "sqlite:///cms.db") -> str:
        return LETTER.format("nyheter") + f"[sources.cms]\ndatabase = '{url}'\nquery = \"{query}\"\n"

    with a_project(tmp_path, database("SELECT rubrik AS title, ingress AS lead, url, published FROM post")) as project:
        assert counts(collect(project)) == (1, 0, 0, 1)
        assert counts(collect(project)) == (0, 0, 1, 1)
        assert stored(project)["Ett"].article.lead == "Kort: a"
    for query, words in (
        ("DELETE FROM post", "query must be one SELECT"),
        ("WITH a AS (SELECT 1) DELETE FROM post", "the database says"),
        ("SELECT * FROM nowhere", "no such table"),
    ):
        with a_project(tmp_path, database(query)) as project:
            assert words in (collect(project).error or "")
    for url, words in (
        ("sqlite:///nowhere.db", "unable to open"),
        ("env:CMS_URL", "CMS_URL"),
        ("postgresql+nothing://anna:secret@x/y", "database is no address"),
    ):
        with a_project(tmp_path, database("SELECT 1", url)) as project:
            error = collect(project).error or ""
            assert words in error
            assert "secret" not in error
    with closing(sqlite3.connect(tmp_path / "cms.db")) as cms:
        assert cms.execute("SELECT count(*) FROM post").fetchone() == (2,)
    assert not (tmp_path / "nowhere.db").exists()


MAIL = """\
From: Press <press@example.com>
To: red@example.com
Subject: {0}
Date: Sun, 30 Nov 2025 10:00:00 +0100
Message-ID: <{0}@example.com>

{0} har hänt. Det är stort.
"""


def test_maildir_is_read_and_left_as_it_is(tmp_path: Path) -> None:
    maildir = tmp_path / "post"
    for part in ("new", "cur", "tmp"):
        (maildir / part).mkdir(parents=True)
    (maildir / "new" / "1.a").write_text(MAIL.format("Ett"))
    (maildir / "cur" / "2.b:2,S").write_text(MAIL.format("Två"))
    (maildir / "tmp" / "3.c").write_text(MAIL.format("Halv"))
    with a_project(tmp_path, LETTER.format("nyheter") + '[sources.post]\nemail = "post"\n') as project:
        assert counts(collect(project)) == (2, 0, 0, 0)
        (maildir / "new" / "1.a").rename(maildir / "cur" / "1.a:2,")
        (maildir / "new" / "4.d").write_text(MAIL.format("Ett"))  # a copy

        assert counts(collect(project)) == (0, 0, 1, 0)
        assert sorted(path.name for path in maildir.rglob("*.*")) == ["1.a:2,", "2.b:2,S", "3.c", "4.d"]
