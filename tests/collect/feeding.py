"""Feeds for tests: a few bytes of RSS."""

from email.utils import format_datetime

from tests.store.builders import NOON


def an_item(title: str, *, link: str | None = None, guid: str | None = None, **more: str) -> str:
    """Return an item; it has a link unless that is empty, and today's date unless it has another."""
    link = f"https://nytt.example.com/{title.lower()}" if link is None else link
    fields = {"title": title, "link": link, "guid": guid or "", "pubDate": format_datetime(NOON), **more}
    flag = {"guid": ' isPermaLink="false"'}
    return "<item>" + "".join(f"<{k}{flag.get(k, '')}>{v}</{k}>" for k, v in fields.items() if v) + "</item>"


def a_feed(*titles: str, items: str = "") -> bytes:
    """Return a feed with an item for each title."""
    rows = items or "".join(an_item(title) for title in titles)
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Nytt</title>{rows}</channel></rss>'.encode()
