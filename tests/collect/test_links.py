"""Links of articles, and how an article is known again by its own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect.links import canonical_link, web_link, without_tracking

FEW = settings(max_examples=200, derandomize=True, deadline=None)
LINKS = st.builds(
    "{}{}".format,
    st.sampled_from(["http://example.com/", "https://EX.example:443/a?b=", "http://", "https://å.example", ""]),
    st.one_of(st.text(), st.text(st.sampled_from("aå/?#&=%:.@!-_~ 4Fc[]utm_x\\"))),
)


@pytest.mark.parametrize(
    ("link", "canonical"),
    [
        ("http://example.com", "https://example.com/"),
        ("HTTPS://News.Example.COM/A", "https://news.example.com/A"),
        ("http://example.com:80/a", "https://example.com/a"),
        ("https://example.com:443/a", "https://example.com/a"),
        ("https://example.com:8443/a", "https://example.com:8443/a"),
        ("https://example.com./a/", "https://example.com/a"),
        ("https://example.com/a#part-2", "https://example.com/a"),
        ("https://example.com/#!/nyhet/7", "https://example.com/#!/nyhet/7"),
        ("https://example.com/a?utm_source=x&id=7&UTM_Medium=y&fbclid=z&a", "https://example.com/a?id=7&a"),
        ("https://example.com/a?mc_cid=1&mc_eid=2&gclid=3&igshid=4", "https://example.com/a"),
        ("https://example.com/a?b=2&a=1&&c=", "https://example.com/a?b=2&a=1&c="),
        ("https://example.com/%c3%a5%7e%2f", "https://example.com/%C3%A5~%2F"),
        ("https://example.com/åäö 1%", "https://example.com/%C3%A5%C3%A4%C3%B6%201%25"),
        ("https://example.com/a\u030a", "https://example.com/%C3%A5"),
        ("https://åäö.example/", "https://xn--4cab6c.example/"),
        ("https://xn--4cab6c.example/", "https://xn--4cab6c.example/"),
        ("https://STRAẞE.example/", "https://xn--strae-oqa.example/"),
        ("http://[2001:DB8::1]:80/", "https://[2001:db8::1]/"),
        (" https://example.com/a \n", "https://example.com/a"),
    ],
)
def test_link_has_one_spelling(link: str, canonical: str) -> None:
    assert canonical_link(link) == canonical


@pytest.mark.parametrize(
    "link",
    [
        "",
        "www.example.com",
        "/a",
        "//example.com/a",
        "javascript:alert(1)",
        "ftp://example.com/",
        "mailto:red@example.com",
        "http://",
        "https:example.com",
        "https:\\\\example.com",
        "https://user:secret@example.com/",
        "https://example.com:99999/",
        "https://example.com:0/",
        "https://[::1/",
        "https://[v1.x]/",
        "https://exa mple.com/",
        "https://example..com/",
        "https://<b>.example/",
        "https://example.com/a\nb",
        "https://example.com/\x00",
        "https://example.com/\u202egpj.exe",
        "https://example.com/\ud800",
        "https://\u0378.example/",
        "https://" + "å" * 300 + ".example/",
    ],
)
def test_what_is_no_web_address_has_no_spelling(link: str) -> None:
    assert web_link(link) is None
    assert canonical_link(link) is None


def test_link_is_stored_as_it_was_published() -> None:
    assert web_link(" http://Example.com/Å b/?utm_source=x#y ") == "http://Example.com/Å%20b/?utm_source=x#y"


@given(LINKS)
@FEW
def test_one_spelling_is_its_own_spelling(link: str) -> None:
    canonical = canonical_link(link)

    if canonical is not None:
        assert canonical.isascii()
        assert canonical_link(canonical) == canonical
        assert canonical_link(web_link(link) or "") == canonical


@pytest.mark.parametrize(
    ("link", "left"),
    [
        ("https://example.com/a?utm_source=x&id=7#b", "https://example.com/a?id=7#b"),
        ("https://example.com/a?fbclid=1", "https://example.com/a"),
        ("https://example.com/a?UTM_Term=1&amp=1#utm_x", "https://example.com/a#utm_x"),
        ("https://Example.com/Å?b=%c3&a", "https://Example.com/Å?b=%c3&a"),
        ("https://example.com/a?", "https://example.com/a?"),
    ],
)
def test_link_loses_what_tracks_readers_and_nothing_else(link: str, left: str) -> None:
    assert without_tracking(link) == left
