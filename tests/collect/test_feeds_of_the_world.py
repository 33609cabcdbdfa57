"""Feeds as the programs of the world write them, with what each gets wrong; made by hand after their habits."""

import datetime as dt
from zoneinfo import ZoneInfo

from digest.collect.feeds import read_feed
from digest.collect.rows import Reading
from digest.models import Article

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2025, 11, 30, 9, tzinfo=dt.UTC)
URL = "https://site.example/feed/"


def read(data: str | bytes, charset: str | None = None, url: str = URL) -> Reading:
    data = data.encode() if isinstance(data, str) else data
    return read_feed(data, url=url, charset=charset, zone=STOCKHOLM, now=NOW)


def articles(data: str | bytes, charset: str | None = None, url: str = URL) -> list[Article]:
    reading = read(data, charset, url)
    assert reading.problems == ()
    return [one.article for one in reading.found]


def utc(*fields: int) -> dt.datetime:
    return dt.datetime(*fields, tzinfo=dt.UTC)  # type: ignore[arg-type,misc]


def test_wordpress() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
	xmlns:content="http://purl.org/rss/1.0/modules/content/"
	xmlns:wfw="http://wellformedweb.org/CommentAPI/"
	xmlns:dc="http://purl.org/dc/elements/1.1/"
	xmlns:atom="http://www.w3.org/2005/Atom"
	xmlns:sy="http://purl.org/rss/1.0/modules/syndication/"
	xmlns:slash="http://purl.org/rss/1.0/modules/slash/"
	>
<channel>
	<title>Verkstadsbladet</title>
	<atom:link href="https://site.example/feed/" rel="self" type="application/rss+xml" />
	<link>https://site.example</link>
	<description></description>
	<lastBuildDate>Sat, 29 Nov 2025 14:02:11 +0000</lastBuildDate>
	<language>sv-SE</language>
	<sy:updatePeriod>hourly</sy:updatePeriod>
<site xmlns="com-wordpress:feed-additions:1">21</site>	<item>
		<title>Ny VD p&#229; Pumpverken &#8211; &#8221;en dr&#246;m&#8221;</title>
		<link>https://site.example/2025/11/29/ny-vd/?utm_source=rss&#038;utm_medium=rss</link>
		<comments>https://site.example/2025/11/29/ny-vd/#respond</comments>
		<dc:creator><![CDATA[Kerstin &Ouml;]]></dc:creator>
		<pubDate>Sat, 29 Nov 2025 13:59:00 +0000</pubDate>
		<category><![CDATA[Okategoriserade]]></category>
		<category><![CDATA[N&auml;ringsliv]]></category>
		<guid isPermaLink="false">https://site.example/?p=4711</guid>
		<description><![CDATA[<p>Pumpverken får ny chef. [&#8230;]</p>
<p>Inlägget <a href="https://site.example/ny-vd/">Ny VD</a> dök först upp på <a href="/">Verkstadsbladet</a>.</p>
]]></description>
		<content:encoded><![CDATA[<p>Pumpverken får ny chef.</p><p>Hon börjar i mars.</p>
<figure><img src="https://site.example/wp/vd-300x200.jpg" srcset="x 300w"/></figure>
<p>Inlägget <a href="https://site.example/ny-vd/">Ny VD</a> dök först upp på <a href="/">Verkstadsbladet</a>.</p>
]]></content:encoded>
		<wfw:commentRss>https://site.example/2025/11/29/ny-vd/feed/</wfw:commentRss>
		<slash:comments>0</slash:comments>
	</item></channel></rss>""")

    assert one.title == "Ny VD på Pumpverken – ”en dröm”"
    assert (one.url, one.guid) == ("https://site.example/2025/11/29/ny-vd/", "https://site.example/?p=4711")
    assert (one.lead, one.author, one.section) == ("Pumpverken får ny chef.…", "Kerstin Ö", "Näringsliv")
    assert "Hon börjar i mars." in one.body
    assert "dök först upp" not in one.body
    assert one.published == utc(2025, 11, 29, 13, 59)


def test_drupal() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="utf-8"?>
<rss version="2.0" xml:base="https://site.example/sv" xmlns:dc="http://purl.org/dc/elements/1.1/">
 <channel><title>Myndigheten</title><link>https://site.example/sv</link>
  <item>
    <title>&lt;span class=&quot;field field--name-title&quot;&gt;Nya regler f&amp;ouml;r lyft&lt;/span&gt;
</title>
    <link>/sv/nyheter/nya-regler</link>
    <description>&lt;span&gt;&lt;span lang=&quot;&quot; about=&quot;/user/12&quot;&gt;redaktor&lt;/span&gt;&lt;/span&gt;
&lt;div class=&quot;field&quot;&gt;&lt;p&gt;Reglerna g&amp;auml;ller fr&amp;aring;n mars.&lt;/p&gt;&lt;/div&gt;</description>
    <pubDate>fre, 28 nov 2025 - 08:15</pubDate>
    <dc:creator>redaktor</dc:creator>
    <guid isPermaLink="false">8812 at https://site.example</guid>
  </item></channel></rss>""")

    assert (one.title, one.url) == ("Nya regler för lyft", "https://site.example/sv/nyheter/nya-regler")
    assert "Reglerna gäller från mars." in one.lead
    assert one.published == utc(2025, 11, 28, 7, 15)
    assert one.guid == "8812 at https://site.example"


def test_substack() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?><rss xmlns:dc="http://purl.org/dc/elements/1.1/"
xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
xmlns:googleplay="http://www.google.com/schemas/play-podcasts/1.0" version="2.0"><channel>
<title><![CDATA[Steel Letters]]></title><itunes:owner><itunes:email><![CDATA[a@b.example]]></itunes:email></itunes:owner>
<item><title><![CDATA[What's next for steel?]]></title><description><![CDATA[Three bets & one hedge]]></description>
<link>https://steel.example/p/next</link><guid isPermaLink="false">https://steel.example/p/next</guid>
<dc:creator><![CDATA[Jo Writer]]></dc:creator><pubDate>Fri, 28 Nov 2025 11:00:45 GMT</pubDate>
<enclosure url="https://img.example/image/fetch/f_auto/https%3A%2F%2Fs3.example%2Fa.jpeg" length="0" type="image/jpeg"/>
<content:encoded><![CDATA[<div class="subscription-widget-wrap-editor"><form class="x"><input type="email"/></form></div>
<p>First paragraph.</p><div class="captioned-image-container"><figure><a class="image-link" href="https://img.example/a">
<picture><source type="image/webp" srcset="https://img.example/a 424w"/><img src="https://img.example/a.png" width="1456"
height="971"/></picture></a></figure></div><p>Second.</p>]]></content:encoded></item></channel></rss>""")

    assert (one.title, one.lead) == ("What's next for steel?", "Three bets & one hedge")
    assert "First paragraph." in one.body
    assert "form" not in one.body
    assert one.image == "https://img.example/image/fetch/f_auto/https%3A%2F%2Fs3.example%2Fa.jpeg"


def test_medium() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?><rss xmlns:dc="http://purl.org/dc/elements/1.1/"
xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:atom="http://www.w3.org/2005/Atom" version="2.0"
xmlns:cc="http://cyber.law.harvard.edu/rss/creativeCommonsRssModule.html"><channel><title><![CDATA[Stories]]></title>
<item><title><![CDATA[Why we forge]]></title>
<link>https://medium.example/@a/why-we-forge-1a2b3c?source=rss-77aa------2</link>
<guid isPermaLink="false">https://medium.example/p/1a2b3c</guid><category><![CDATA[forging]]></category>
<dc:creator><![CDATA[A.]]></dc:creator><pubDate>Thu, 27 Nov 2025 09:30:00 GMT</pubDate>
<atom:updated>2025-11-29T22:11:09.123Z</atom:updated>
<content:encoded><![CDATA[<h3>Why we forge</h3><figure><img alt="" src="https://cdn.medium.example/max/1024/1*x.png" /></figure>
<p>Because iron is hot.</p><img src="https://medium.example/_/stat?event=post.clientViewed&referrerSource=full_rss"
width="1" height="1" alt="">]]></content:encoded></item></channel></rss>""")

    assert (one.title, one.section) == ("Why we forge", "forging")
    assert one.published == utc(2025, 11, 27, 9, 30)
    assert "stat?event" not in one.body
    assert one.lead == "Because iron is hot."


def test_blogger() -> None:
    (one,) = articles("""<?xml version='1.0' encoding='UTF-8'?><?xml-stylesheet href="/css" type="text/css"?>
<feed xmlns='http://www.w3.org/2005/Atom' xmlns:openSearch='http://a9.com/-/spec/opensearchrss/1.0/'
xmlns:gd='http://schemas.google.com/g/2005' xmlns:thr='http://purl.org/syndication/thread/1.0'>
<id>tag:blogger.com,1999:blog-1</id><updated>2025-11-29T04:00:00.000-08:00</updated><title type='text'>Blog</title>
<link rel='http://schemas.google.com/g/2005#feed' type='application/atom+xml' href='https://b.example/feeds/posts/default'/>
<entry><id>tag:blogger.com,1999:blog-1.post-2</id><published>2025-11-28T16:12:00.001-08:00</published>
<updated>2025-11-29T04:00:00.000-08:00</updated><title type='text'>R&amp;D &lt;3 steel</title>
<content type='html'>&lt;div class="separator"&gt;&lt;a href="https://b.example/big.jpg"&gt;&lt;img
src="https://b.example/s320/a.jpg" width="320" height="240"/&gt;&lt;/a&gt;&lt;/div&gt;Text here.&lt;br /&gt;More.</content>
<link rel='replies' type='application/atom+xml' href='https://b.example/feeds/2/comments/default'/>
<link rel='edit' type='application/atom+xml' href='https://b.example/feeds/1/posts/2'/>
<link rel='self' type='application/atom+xml' href='https://b.example/feeds/1/posts/2'/>
<link rel='alternate' type='text/html' href='https://b.example/2025/11/rd.html' title='R&amp;D'/>
<author><name>Noreply</name><email>noreply@blogger.com</email></author>
<media:thumbnail xmlns:media='http://search.yahoo.com/mrss/' url='https://b.example/s72-c/a.jpg' height='72' width='72'/>
</entry></feed>""")

    assert (one.title, one.url) == ("R&D <3 steel", "https://b.example/2025/11/rd.html")
    assert one.published == utc(2025, 11, 29, 0, 12)
    assert one.lead.startswith("Text here.")


def test_youtube() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns:yt="http://www.youtube.com/xml/schemas/2015" xmlns:media="http://search.yahoo.com/mrss/"
xmlns="http://www.w3.org/2005/Atom"><title>Kanal</title>
<entry><id>yt:video:abc</id><yt:videoId>abc</yt:videoId><title>Så byggs en kran &amp; lyft</title>
<link rel="alternate" href="https://www.youtube.example/watch?v=abc"/>
<author><name>Kanal</name><uri>https://www.youtube.example/channel/1</uri></author>
<published>2025-11-27T15:00:12+00:00</published><updated>2025-11-29T01:02:03+00:00</updated>
<media:group><media:title>Så byggs en kran</media:title>
<media:content url="https://www.youtube.example/v/abc?version=3" type="application/x-shockwave-flash" width="640" height="390"/>
<media:thumbnail url="https://i.example/vi/abc/hqdefault.jpg" width="480" height="360"/>
<media:description>Följ med till verkstaden.

Länkar: https://x.example</media:description>
<media:community><media:starRating count="9" average="5.00" min="1" max="5"/></media:community></media:group>
</entry></feed>""")

    assert (one.title, one.author) == ("Så byggs en kran & lyft", "Kanal")
    assert one.url == "https://www.youtube.example/watch?v=abc"
    assert one.image == "https://i.example/vi/abc/hqdefault.jpg"
    assert one.lead.startswith("Följ med till verkstaden.")


def test_podcast() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd"
 xmlns:podcast="https://podcastindex.org/namespace/1.0"><channel><title>Podden</title>
<item><title>#12: Smide</title><itunes:title>Smide</itunes:title><itunes:episode>12</itunes:episode>
<itunes:duration>00:31:05</itunes:duration><itunes:image href="https://pod.example/12.jpg"/>
<itunes:summary>Vi pratar smide.</itunes:summary>
<enclosure url="https://pod.example/12.mp3" length="1234" type="audio/mpeg"/>
<guid isPermaLink="false">ep-12</guid><pubDate>Wed, 26 Nov 2025 05:00:00 +0100</pubDate></item></channel></rss>""")

    assert (one.title, one.url, one.lead) == ("#12: Smide", "https://pod.example/12.mp3", "Vi pratar smide.")
    assert one.image == "https://pod.example/12.jpg"
    assert one.published == utc(2025, 11, 26, 4)


def test_reddit() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?><feed xmlns="http://www.w3.org/2005/Atom"
xmlns:media="http://search.yahoo.com/mrss/"><category term="welding" label="r/welding"/><title>Welding</title>
<entry><author><name>/u/torch</name><uri>https://www.reddit.example/user/torch</uri></author>
<category term="welding" label="r/welding"/><content type="html">&lt;table&gt; &lt;tr&gt;&lt;td&gt; &lt;a
href=&quot;https://www.reddit.example/r/welding/1/&quot;&gt; &lt;img src=&quot;https://p.example/a.jpg&quot; alt=&quot;x&quot;
title=&quot;x&quot; /&gt; &lt;/a&gt; &lt;/td&gt;&lt;td&gt; &amp;#32; submitted by &amp;#32; &lt;a
href=&quot;https://www.reddit.example/user/torch&quot;&gt; /u/torch &lt;/a&gt; &lt;/td&gt;&lt;/tr&gt;&lt;/table&gt;</content>
<id>t3_1</id><media:thumbnail url="https://p.example/a.jpg"/><link href="https://www.reddit.example/r/welding/1/" />
<updated>2025-11-29T08:00:00+00:00</updated><published>2025-11-29T07:59:00+00:00</published>
<title>First TIG bead &amp; it shows</title></entry></feed>""")

    assert (one.title, one.guid) == ("First TIG bead & it shows", "t3_1")
    assert one.image == "https://p.example/a.jpg"
    assert one.published == utc(2025, 11, 29, 7, 59)


def test_mastodon_without_titles() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:webfeeds="http://webfeeds.org/rss/1.0" xmlns:media="http://search.yahoo.com/mrss/"><channel>
<title>Anna</title><item><guid isPermaLink="true">https://social.example/@anna/1</guid>
<link>https://social.example/@anna/1</link><pubDate>Sat, 29 Nov 2025 10:00:00 +0000</pubDate>
<description>&lt;p&gt;Nytt blogginlägg om &lt;a href="https://social.example/tags/stal" class="mention hashtag"
rel="tag"&gt;#&lt;span&gt;stål&lt;/span&gt;&lt;/a&gt;&lt;/p&gt;</description>
<media:content url="https://files.example/o/1.png" type="image/png" fileSize="1" medium="image">
<media:rating scheme="urn:simple">nonadult</media:rating><media:description type="plain">En tackling</media:description>
</media:content><category>stal</category></item></channel></rss>""")

    assert one.title == "Nytt blogginlägg om #stål"
    assert one.lead == "Nytt blogginlägg om #stål"
    assert one.image == "https://files.example/o/1.png"


def test_github_releases() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?>
<feed xmlns="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/" xml:lang="en-US">
<id>tag:github.com,2008:https://git.example/a/b/releases</id>
<link type="text/html" rel="alternate" href="https://git.example/a/b/releases"/><title>Release notes from b</title>
<updated>2025-11-28T20:01:02Z</updated><entry><id>tag:github.com,2008:Repository/1/v1.2.0</id>
<updated>2025-11-28T20:05:00Z</updated>
<link rel="alternate" type="text/html" href="https://git.example/a/b/releases/tag/v1.2.0"/><title>v1.2.0</title>
<content type="html">&lt;h2&gt;What&amp;#39;s Changed&lt;/h2&gt; &lt;ul&gt; &lt;li&gt;Fix &lt;code&gt;a&lt;/code&gt;&lt;/li&gt; &lt;/ul&gt;</content>
<author><name>bot</name></author><media:thumbnail height="30" width="30" url="https://avatars.example/u/1"/></entry></feed>""")

    assert (one.title, one.url) == ("v1.2.0", "https://git.example/a/b/releases/tag/v1.2.0")
    assert one.published == utc(2025, 11, 28, 20, 5)
    assert one.image is None


def test_press_room_with_a_date_that_only_has_dc_date() -> None:
    (one,) = articles("""<?xml version="1.0" encoding="UTF-8"?><rss version="2.0"
xmlns:dc="http://purl.org/dc/elements/1.1/"><channel><title>Press corner</title><item>
<title>  Commission welcomes
   agreement on    machinery </title><link>
https://ec.example/commission/presscorner/detail/en/ip_25_1234
</link><description/><dc:date>2025-11-28T14:30:00+01:00</dc:date><dc:type>Press release</dc:type>
<guid isPermaLink="true">https://ec.example/commission/presscorner/detail/en/ip_25_1234</guid></item></channel></rss>""")

    assert one.title == "Commission welcomes agreement on machinery"
    assert one.url == "https://ec.example/commission/presscorner/detail/en/ip_25_1234"
    assert one.published == utc(2025, 11, 28, 13, 30)


def test_authority_in_latin_1_that_its_header_calls_utf_8() -> None:
    text = """<?xml version="1.0" encoding="ISO-8859-1"?><rss version="0.91"><channel><title>Arbetsmiljö</title>
<item><title>Förhöjd säkerhet på byggen – åtgärder</title><link>http://myndighet.example/nyhet.asp?id=1&sida=2</link>
<pubDate>den 28 november 2025 kl. 09.05</pubDate><description>Råd & stöd</description></item></channel></rss>"""
    (one,) = articles(text.replace("–", "\x96").encode("latin-1"), charset="utf-8")

    assert one.title == "Förhöjd säkerhet på byggen – åtgärder"
    assert one.url == "http://myndighet.example/nyhet.asp?id=1&sida=2"
    assert one.lead == "Råd & stöd"
    assert one.published == utc(2025, 11, 28, 8, 5)


def test_rss_without_any_date_is_undated() -> None:
    found = articles("""<rss version="2.0"><channel><title>t</title><pubDate>Fri, 28 Nov 2025 10:00:00 GMT</pubDate>
<item><title>En</title><link>https://site.example/1</link></item>
<item><title>Två</title><link>https://site.example/2</link><pubDate/></item></channel></rss>""")

    assert [(one.title, one.published) for one in found] == [("En", None), ("Två", None)]


def test_library_journal_in_rdf() -> None:
    reading = read("""<?xml version="1.0"?><rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/"
xmlns:prism="http://prismstandard.org/namespaces/1.2/basic/">
<channel rdf:about="https://journal.example/toc"><title>Tribology</title><link>https://journal.example/</link>
<items><rdf:Seq><rdf:li rdf:resource="https://journal.example/doi/10.1/a?af=R"/></rdf:Seq></items></channel>
<item rdf:about="https://journal.example/doi/10.1/a?af=R"><title>Wear of &lt;i&gt;Fe&lt;/i&gt;&lt;sub&gt;3&lt;/sub&gt;O</title>
<link>https://journal.example/doi/10.1/a?af=R</link><description>Tribology, Volume 9, Issue 2, Page 1-9.</description>
<dc:creator>Ek, B.</dc:creator><dc:creator>Öst, A.</dc:creator><dc:date>2025-11-27</dc:date>
<prism:publicationDate>2025-12-01</prism:publicationDate><dc:identifier>doi:10.1/a</dc:identifier></item></rdf:RDF>""")
    (one,) = [found.article for found in reading.found]

    assert reading.title == "Tribology"
    assert one.title in ("Wear of Fe3O", "Wear of Fe 3 O")
    assert one.author == "Ek, B., Öst, A."
    assert one.published_on == dt.date(2025, 11, 27)
    assert one.url == "https://journal.example/doi/10.1/a?af=R"


def test_micro_blog_in_json() -> None:
    found = articles("""\ufeff{"version":"https://jsonfeed.org/version/1","title":"micro","home_page_url":"https://m.example/",
"items":[{"id":"http://m.example/1.html","content_html":"<p>Hej v\\u00e4rlden &amp; alla</p>\\n",
"date_published":"2025-11-28T08:00:00+01:00","url":"https://m.example/1.html","tags":[],"author":{"name":"M"}},
{"id":2,"title":null,"content_text":"Ren text <inte> HTML","url":"/2.html","date_published":"2025-11-27"},]}""")

    assert [one.title for one in found] == ["Hej världen & alla", "Ren text <inte> HTML"]
    assert found[0].guid == "http://m.example/1.html"
    assert found[1].url == "https://site.example/2.html"
    assert found[1].published_on == dt.date(2025, 11, 27)


def test_json_that_is_cut_in_the_middle_gives_what_is_whole() -> None:
    reading = read('{"title": "t", "items": [{"id": "1", "title": "Hel"}, {"id": "2", "title": "Hal')

    assert [one.article.title for one in reading.found] == ["Hel"]
    assert reading.notes[0].startswith("broken JSON at line 1")


def test_atom_with_bases_within_bases() -> None:
    (one,) = articles(
        """<feed xmlns="http://www.w3.org/2005/Atom" xml:base="https://www.site.example/blogg/"><title>B</title>
<entry xml:base="2025/"><id>urn:1</id><title>Bas</title><link href="bas.html"/><updated>2025-11-28T08:00:00Z</updated>
<content type="xhtml" xml:base="bilder/"><div xmlns="http://www.w3.org/1999/xhtml"><p>Se <a href="../mer.html">mer</a>.</p>
<p>Och <img src="a.png" alt=""/></p></div></content></entry></feed>"""
    )

    assert one.url == "https://www.site.example/blogg/2025/bas.html"
    assert 'href="https://www.site.example/blogg/2025/mer.html"' in one.body
    assert 'src="https://www.site.example/blogg/2025/bilder/a.png"' in one.body


def test_titles_in_cdata_with_and_without_markup() -> None:
    found = articles("""<rss version="2.0"><channel><title><![CDATA[K]]></title>
<item><title><![CDATA[ <b>Fet</b> & stark ]]></title><link><![CDATA[ https://site.example/1 ]]></link></item>
<item><title>Del <![CDATA[&]]> hel</title><link>https://site.example/2</link></item>
<item><title><![CDATA[Tryck < 5 bar]]></title><link>https://site.example/3</link></item>
<item><title><![CDATA[AT&amp;T k&ouml;per]]></title><link>https://site.example/4</link></item></channel></rss>""")

    assert [one.title for one in found] == ["Fet & stark", "Del & hel", "Tryck < 5 bar", "AT&T köper"]
    assert found[0].url == "https://site.example/1"


def test_entities_of_html_without_a_dtd() -> None:
    (one,) = articles("""<?xml version="1.0"?><rss version="2.0"><channel><title>&Ouml;rebro</title><item>
<title>G&aring;s&ouml; &ndash; h&auml;r&nbsp;&amp; nu &hellip; &okand; &</title><link>https://site.example/?a=1&b=2</link>
</item></channel></rss>""")

    assert one.title == "Gåsö – här & nu … &okand; &"
    assert one.url == "https://site.example/?a=1&b=2"


def test_utf_8_encoded_twice_is_read_once() -> None:
    twice = "<item><title>Åsa köper stålverk i Älvsbyn</title><link>https://site.example/1</link></item>"
    (one,) = articles(f"<rss><channel>{twice}</channel></rss>".encode().decode("cp1252").encode())

    assert one.title == "Åsa köper stålverk i Älvsbyn"

    # One letter that is right as it stands, and nothing is changed.
    (mixed,) = articles("<rss><channel><item><title>å och Ã¥</title></item></channel></rss>")
    assert mixed.title == "å och Ã¥"


def test_marks_and_blank_lines_before_the_declaration() -> None:
    for before in (b"\xef\xbb\xbf\n\n  ", b"\r\n\t", b"\xef\xbb\xbf\xef\xbb\xbf", b"<!-- cache 0.1 s -->\n", b"\0"):
        (one,) = articles(before + '<?xml version="1.0" encoding="utf-8"?><rss><channel><item><title>Å</title></item>'
                          "</channel></rss>".encode())  # fmt: skip
        assert one.title == "Å"


def test_prefixes_that_nobody_declared() -> None:
    (one,) = articles("""<rss version="2.0"><channel><atom:link href="x" rel="self"/><item><title>Odeklarerad</title>
<link>https://site.example/1</link><dc:creator>Bo Ek</dc:creator><dc:date>2025-11-28T08:00:00Z</dc:date>
<content:encoded><![CDATA[<p>Hela texten.</p><p>Och mer.</p>]]></content:encoded>
<media:content url="https://site.example/a.jpg" medium="image"/><x:y z:w="1"/></item></channel></rss>""")

    assert (one.title, one.author) == ("Odeklarerad", "Bo Ek")
    assert one.published == utc(2025, 11, 28, 8)
    assert one.image == "https://site.example/a.jpg"
    assert "Och mer." in one.body


def test_feed_that_ends_in_the_middle_of_a_text() -> None:
    reading = read("""<?xml version="1.0"?><rss version="2.0"><channel><title>t</title>
<item><title>Hel</title><link>https://site.example/1</link></item>
<item><title>Halv</title><link>https://site.example/2</link><description><![CDATA[<p>Det här är en tex""")

    assert [one.article.title for one in reading.found][:1] == ["Hel"]
    assert all(one.article.title in ("Hel", "Halv") for one in reading.found)
    assert len(reading.found) == 2


def test_php_warnings_around_a_feed() -> None:
    (one,) = articles("""<br />
<b>Warning</b>: Undefined variable $x in <b>/var/www/feed.php</b> on line <b>3</b><br />
<?xml version="1.0"?><rss version="2.0"><channel><title>t</title><item><title>Ändå</title>
<link>https://site.example/1</link></item></channel></rss>
<!-- 0.2 s --><script>count()</script>""")

    assert one.title == "Ändå"


def test_control_characters_and_unfinished_ampersands() -> None:
    (one,) = articles(
        b"<rss><channel><item><title>Fl\x0bik\x1b i lo\xc3\xa5s &#x1F; & &# &#55296; &#0;</title>"
        b"<link>https://site.example/1</link></item></channel></rss>"
    )

    assert one.title.startswith("Fl")
    assert all(c.isprintable() for c in one.title)
