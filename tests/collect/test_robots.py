import pytest

from digest.collect.robots import LARGEST, read_robots

SITE = "https://news.example.com"


@pytest.mark.parametrize(
    ("text", "path", "may"),
    [
        ("", "/a", True),
        ("User-agent: *\nDisallow: /", "/a", False),
        ("User-agent: *\nDisallow:", "/a", True),
        ("User-agent: other\nDisallow: /", "/a", True),
        ("User-agent: digest\nDisallow: /\n\nUser-agent: *\nAllow: /", "/a", False),
        ("User-agent: *\nDisallow: /\n\nUser-agent: DIGEST/2.0\nDisallow: /b", "/a", True),
        ("User-agent: x\nUser-agent: digest\nDisallow: /a", "/a", False),
        ("User-agent: digest\nDisallow: /a\n\nUser-agent: digest\nDisallow: /b", "/b", False),
        ("user-AGENT : *\r\n  disallow:/a # really\r\n", "/abc", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a/b", "/a/b/c", True),
        ("User-agent: *\nAllow: /a/b\nDisallow: /a", "/a/c", False),
        ("User-agent: *\nDisallow: /a\nAllow: /a", "/a", True),
        ("User-agent: *\nDisallow: /*.php$", "/x/y.php", False),
        ("User-agent: *\nDisallow: /*.php$", "/x/y.php5", True),
        ("User-agent: *\nDisallow: /x$", "/x", False),
        ("User-agent: *\nDisallow: /x$", "/xy", True),
        ("User-agent: *\nDisallow: /a*b*c", "/a-b-c-d", False),
        ("User-agent: *\nDisallow: /a*b*c", "/a-c-b", True),
        ("User-agent: *\nDisallow: *secret", "/very/secret", False),
        ("User-agent: *\nDisallow: /?page=", "/?page=2", False),
        ("User-agent: *\nDisallow: /%7Eanna", "/~anna/x", False),
        ("User-agent: *\nDisallow: /å", "/%C3%A5/1", False),
        ("User-agent: *\nDisallow: /a%2fb", "/a%2Fb", False),
        ("User-agent: *\nDisallow: /a%2fb", "/a/b", True),
        ("\ufeffUser-agent: *\nDisallow: /a", "/a", False),
        ("User-agent: *\nSitemap: https://x/\nCrawl-delay: 9\nDisallow: /a", "/a", False),
        ("Disallow: /a\nUser-agent: *", "/a", True),
        ("<html><body>not found</body></html>", "/a", True),
        ("User-agent: *\nDisallow: /", "/robots.txt", True),
    ],
)
def test_rules_are_read_as_rfc_9309_says(text: str, path: str, may: bool) -> None:
    assert read_robots(text.encode()).allow(SITE + path) == may


def test_what_is_no_text_and_what_is_too_long_is_read_as_far_as_it_goes() -> None:
    assert read_robots(b"User-agent: *\nDisallow: /a\n\xff\xfe\0" * 3).allow(SITE + "/b")
    late = b"User-agent: *\nDisallow: /a\n" + b"#" * LARGEST + b"\nDisallow: /b\n"
    rules = read_robots(late)
    assert (rules.allow(SITE + "/a"), rules.allow(SITE + "/b")) == (False, True)


def test_rule_of_many_stars_takes_no_time() -> None:
    rules = read_robots(b"User-agent: *\nDisallow: /" + b"*a" * 5000 + b"$")

    assert rules.allow(SITE + "/" + "a" * 3000 + "b")
