"""The pages without a token."""

from digest import __version__
from digest.project import open_project
from tests.web.conftest import Mailed, Served, at_work

TWO = """\
[newsletters.nyheter]
title = "Nyheter & annat"
tagline = "Om allt"
from = "a@example.com"
lists = ["industri"]
language = "sv"

[newsletters.energy]
title = "Energy Weekly"
from = "a@example.com"
lists = ["industri"]
language = "en_GB"
"""


def test_the_front_page_of_one_newsletter_is_its_masthead(served: Served) -> None:
    page = served.get("/")

    assert (page.status, page.headers["x-robots-tag"]) == (200, "all")
    assert '<h1 class="title">Nyheter</h1>\n<p class="tagline">Om allt</p>' in page.text
    assert "<title>Nyheter</title>" in page.text
    assert '<html lang="sv"' in page.text


def test_the_front_page_of_several_names_them_each_in_its_language(mailed: Mailed, served: Served) -> None:
    (mailed.folder / "digest.toml").write_text(TWO)
    page = served.get("/", Accept_Language="sv")

    assert '<h1 class="title">Nyhetsbrev</h1>' in page.text
    assert '<section lang="sv">\n<h2>Nyheter &amp; annat</h2>\n<p>Om allt</p>\n</section>' in page.text
    assert '<section lang="en-GB">\n<h2>Energy Weekly</h2>\n</section>' in page.text


def test_a_project_without_newsletters_has_a_front_page_too(mailed: Mailed, served: Served) -> None:
    (mailed.folder / "digest.toml").write_text("")

    assert '<h1 class="title">Newsletters</h1>' in served.get("/").text


def test_robots_leave_the_links_with_tokens_alone(served: Served) -> None:
    robots = served.get("/robots.txt")

    assert (robots.status, robots.headers["content-type"]) == (200, "text/plain; charset=utf-8")
    assert robots.text == "User-agent: *\nDisallow: /u/\nDisallow: /view/\n"


def test_robots_are_told_of_the_prefix_of_base_url_too(mailed: Mailed) -> None:
    toml = mailed.folder / "digest.toml"
    toml.write_text(toml.read_text().replace("nytt.example.com", "nytt.example.com/ny%20tt"))

    with at_work(mailed.folder) as served:
        rules = served.get("/ny%20tt/robots.txt").text.splitlines()
    assert rules[1:] == ["Disallow: /u/", "Disallow: /view/", "Disallow: /ny%20tt/u/", "Disallow: /ny%20tt/view/"]


def test_healthz_says_which_installation_answers(mailed: Mailed, served: Served) -> None:
    health = served.get("/healthz")
    with open_project(mailed.folder) as project:
        uid = project.store.installation.uid

    assert health.headers["content-type"] == "application/json"
    assert health.json == {"status": "ok", "installation": uid, "version": __version__}
