import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.collect.collecting import collect_sources
from digest.collect.take import Taken
from digest.project import Project
from digest.store import articles, sources
from tests.collect.feeding import a_feed, an_item
from tests.collect.misbehaving import Asked, WebServer, answer, misbehaving
from tests.projects import a_project
from tests.store.builders import NOON

LETTER = '[newsletters.nyheter]\ntitle = "Nyheter"\nfrom = "nytt@example.com"\nlists = ["industri"]\n'
NEWS = """<html><head><title>Nytt</title>{head}</head><body><h1>Nytt</h1>
<h2>30 november 2025</h2><ul><li class="news"><a href="/1">Det första som har hänt</a></li>
<li class="news"><a href="/2">Det andra som har hänt</a></li></ul>
<h2>29 november 2025</h2><ul><li class="news"><a href="/3">Det tredje som har hänt</a></li>
<li class="news"><a href="/4">Det fjärde som har hänt</a></li></ul></body></html>"""
URLSET = '<urlset xmlns="http://www.sitemaps.org/schemas/sitemap/0.9" xmlns:n="http://www.google.com/schemas/sitemap-news/0.9">'


@pytest.fixture
def web() -> Iterator[WebServer]:
    with misbehaving() as served:
        yield served


def source(text: str) -> str:
    return f"{LETTER}\n[sources.press]\nprivate = true\n{text}\n"


def collect(project: Project) -> Taken:
    (taken,) = collect_sources(project, ["press"], NOON)
    return taken


def titles(project: Project) -> set[str]:
    return {one.article.title for one in articles.listing(project.store)}


def page(head: str = "", **headers: str) -> bytes:
    return answer(NEWS.format(head=head).encode(), Content_Type="text/html; charset=utf-8", **headers)


def test_page_is_read_by_selectors(tmp_path: Path, web: WebServer) -> None:
    web.replies["/"] = page()
    rules = f'page = "{web.url("/")}"\nselect = {{ item = "li.news", title = "a", date = "h2" }}'
    with a_project(tmp_path, source(rules)) as project:
        assert collect(project).new == 4
        assert "Det tredje som har hänt" in titles(project)
    with a_project(tmp_path, source(rules.replace("li.news", "li[["))) as project:
        assert "li[[" in (collect(project).error or "")


def test_page_is_not_read_where_its_site_asks_programs_to_keep_away(tmp_path: Path, web: WebServer) -> None:
    web.replies |= {"/": page(), "/robots.txt": answer(b"User-agent: *\nDisallow: /")}
    with a_project(tmp_path, source(f'page = "{web.url("/")}"\ndiscover = true')) as project:
        assert "robots.txt" in (collect(project).error or "")
    assert web.paths() == []


def test_page_without_a_feed_is_discovered_by_its_list(tmp_path: Path, web: WebServer) -> None:
    web.replies["/"] = page()
    with a_project(tmp_path, source(f'page = "{web.url("/")}"\ndiscover = true')) as project:
        assert collect(project).new == 4
        dates = {str(one.article.published_on) for one in articles.listing(project.store)}

    assert dates == {"2025-11-30", "2025-11-29"}


def test_feed_that_a_page_announces_is_read_and_asked_directly_the_next_time(tmp_path: Path, web: WebServer) -> None:
    def feed(asked: Asked) -> bytes:
        known = asked.get("if-none-match") == '"1"'
        return answer(status="304 Not Modified") if known else answer(a_feed("Ett"), ETag='"1"')

    web.replies |= {"/": page('<link rel="alternate" type="application/rss+xml" href="/rss">'), "/rss": feed}
    with a_project(tmp_path, source(f'page = "{web.url("/")}"\ndiscover = true')) as project:
        assert collect(project).new == 1
        assert collect(project).error is None
        assert web.paths() == ["/", "/rss", "/rss"]
        web.replies |= {
            "/": page('<link rel="alternate" type="application/atom+xml" href="/new">'),
            "/rss": answer(status="404 Not Found"), "/new": answer(a_feed("Ett", "Två")),
        }  # fmt: skip

        assert collect(project).new == 1
        assert web.paths()[3:] == ["/rss", "/", "/new"]


def test_sitemaps_of_an_index_are_followed(tmp_path: Path, web: WebServer) -> None:
    def url(n: int) -> str:
        news = f"<n:news><n:publication_date>2025-11-30</n:publication_date><n:title>Nyhet {n}</n:title></n:news>"
        return f"<url><loc>https://nytt.example.com/{n}</loc>{news}</url>"

    index = "".join(f"<sitemap><loc>{web.url(path)}</loc></sitemap>" for path in ("/a.xml", "/gone.xml"))
    web.replies |= {
        "/sitemap.xml": answer(
            f'<sitemapindex xmlns="http://www.sitemaps.org/schemas/sitemap/0.9">{index}</sitemapindex>'.encode()
        ),
        "/a.xml": answer(f"{URLSET}{url(1)}{url(2)}</urlset>".encode()),
    }
    with a_project(tmp_path, source(f'sitemap = "{web.url("/sitemap.xml")}"')) as project:
        taken = collect(project)

        assert (taken.new, taken.error) == (2, None)
        assert any("not found (404)" in note for note in taken.notes)
        assert titles(project) == {"Nyhet 1", "Nyhet 2"}


ARTICLE = (
    """<html><head><title>Robot | Nytt</title><meta property="og:title" content="Robot plockar bär">
<script type="application/ld+json">{"@context": "https://schema.org", "@type": "NewsArticle",
"headline": "Robot plockar bär", "description": "Ett företag i Sundsvall har byggt en robot.",
"datePublished": "2025-11-29T10:00:00+01:00"}</script></head>
<body><article><h1>Robot plockar bär</h1><p>"""
    + "Den plockar bär i skogen och säljer dem sedan. " * 20
    + """</p>
</article></body></html>"""
)


def test_article_s_own_page_is_fetched_once(tmp_path: Path, web: WebServer) -> None:
    items = an_item("Robot", link=web.url("/robot")) + an_item("Borta", link=web.url("/gone"))
    web.replies |= {"/rss": answer(a_feed(items=items)), "/robot": answer(ARTICLE.encode())}
    with a_project(tmp_path, source(f'feed = "{web.url("/rss")}"\nextract = true')) as project:
        assert collect(project).new == 2
        assert titles(project) == {"Robot plockar bär", "Borta"}
        (robot,) = [one.article for one in articles.listing(project.store) if one.article.title.startswith("Robot")]
        assert robot.lead == "Ett företag i Sundsvall har byggt en robot."
        web.replies["/rss"] = answer(a_feed(items=items + an_item("Ny", link=web.url("/ny"))))

        taken = collect(project)

        assert (taken.new, taken.changed, taken.unchanged) == (1, 0, 2)
    assert web.paths() == ["/rss", "/robot", "/gone", "/rss", "/ny"]


def test_more_pages_than_a_visit_reads_come_with_the_next(
    tmp_path: Path, web: WebServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("digest.collect.visit.MOST_PAGES", 2)
    web.replies["/rss"] = answer(a_feed(items="".join(an_item(f"N{n}", link=web.url(f"/{n}")) for n in range(5))))
    with a_project(tmp_path, source(f'feed = "{web.url("/rss")}"\nextract = true')) as project:
        assert [collect(project).new for _ in range(4)] == [2, 2, 1, 0]
        assert all(one.is_sound for one in sources.book(project.store))


def test_json_is_a_feed_too(tmp_path: Path, web: WebServer) -> None:
    feed: dict[str, Any] = {"version": "https://jsonfeed.org/version/1.1", "title": "Nytt"}
    feed["items"] = [{"id": "1", "url": "https://nytt.example.com/1", "title": "Ett", "content_text": "Hej."}]
    web.replies["/feed.json"] = answer(json.dumps(feed).encode(), Content_Type="application/feed+json")
    with a_project(tmp_path, source(f'feed = "{web.url("/feed.json")}"')) as project:
        assert collect(project).new == 1
