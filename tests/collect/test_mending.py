"""Feeds made well-formed: whatever comes in, the parser gets XML, and not more of it than it can take."""

from xml.parsers import expat

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect.mending import Mended, mended

PIECES = (
    *(
        "<item>",
        "</item>",
        "<entry a='1'>",
        "<title>",
        "</title>",
        "<b>",
        "</b>",
        "<br>",
        "<m:content ",
        "url='x'",
        "/>",
    ),
    *("<a:1>", "<x²>", "xml:1='a'", "<å>", " xmlns:m='http://search.yahoo.com/mrss/'", ">", "<", "&", "&amp;", "&#0;"),
    *("<![CDATA[", "]]>", "<!--", "-->", "<!DOCTYPE x [", "]>", "<?", "?>", '"', "'", "\ufffe", "\x00", "text", "</x"),
    *("<rdf:li rdf:about='x' about='y'>", "<urlset>", "<url>", "<description>", "=", "\ud800", "&eacute;", "&x;"),
)


def parse(one: Mended) -> list[str]:
    """Return the names of its elements; raises for what is not well-formed."""
    names: list[str] = []
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = lambda name, _: names.append(name)
    parser.Parse(one.xml, True)
    return names


@given(st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=4)), max_size=30).map("".join))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_whatever_comes_in_xml_comes_out(text: str) -> None:
    assert parse(mended(text)), "a root at least"
    assert parse(mended(f"<rss><item><description>{text}"))[:4] == ["digest", "rss", "item", "description"]


@pytest.mark.parametrize(
    ("text", "xml"),
    [
        ("<item><title>a<b>c</title></item>", "<item><title>a<b>c</b></title></item>"),
        ("<item><title>a</b></title>", "<item><title>a</title></item>"),
        ("<item><title>a & b &nbsp;&x;</title>", "<item><title>a &amp; b \xa0&amp;x;</title></item>"),
        ("<item><title>5 < 6</title>", "<item><title>5 &lt; 6</title></item>"),
        ("<item><link>a<item><link>b", "<item><link>a</link></item><item><link>b</link></item>"),
        ("<item><description>a<br>b", "<item><description>a<br/>b</description></item>"),
        ("<item><title>a<pubDate>b", "<item><title>a</title><pubdate>b</pubdate></item>"),
        ("<item/><entries a='b'>x</entries>", "<item/><x>x</x>"),
        ("<item a=b c='d' c='e' title=\"f\"/>", '<item a="b" c="d" title="f"/>'),
        ("<item><!-- <title>no</title> --><?php x ?><guid>1", "<item><guid>1</guid></item>"),
        ("<?xml version='1.0'?><!DOCTYPE x [<!ENTITY e 'v'>]><item><guid>&e;", "<item><guid>v</guid></item>"),
        ("<y:item xmlns:y='http://purl.org/rss/1.0/'>", "<item></item>"),
        ("<z:date xmlns:z='http://purl.org/dc/elements/1.1/'>1", "<dc:date>1</dc:date>"),
        ("<dc:date>1</dc:date>", "<dc:date>1</dc:date>"),
        ("<item><guid>1</guid><ti", "<item><guid>1</guid></item>"),
        ("<item><title><![CDATA[a <b> c", "<item><title>a &lt;b&gt; c</title></item>"),
    ],
)
def test_what_is_broken_is_mended_as_it_was_meant(text: str, xml: str) -> None:
    one = mended(text)
    parse(one)

    assert one.xml.decode().partition(">")[2].removesuffix("</digest>") == xml


def test_limits_are_told() -> None:
    assert mended("<item/>" * 3_001).cut
    assert not mended("<item/>" * 3_000).cut
    assert mended("<").names == frozenset()
