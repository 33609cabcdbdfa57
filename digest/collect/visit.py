"""One visit to a source on the web: what is new there, and what is to be remembered of it."""

import asyncio
import datetime as dt
import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any
from zoneinfo import ZoneInfo

from digest.collect.answers import Answer, Failure, FetchFailed, Known
from digest.collect.discover import feeds_announced
from digest.collect.ends import is_json, lacks_end
from digest.collect.extract import NoExtractor, check_extractor, filled, read_article_page
from digest.collect.feeds import NotAFeed, read_feed
from digest.collect.fetch import Fetcher
from digest.collect.guard import without_user
from digest.collect.inflate import NotCompressed, TooLarge, opened
from digest.collect.jsonfeed import BrokenJson
from digest.collect.page import Rules, check_rules, read_page
from digest.collect.rows import Found, Reading
from digest.collect.sitemap import read_sitemap
from digest.models import SourceState
from digest.settings import SourceSettings

MOST_SITEMAPS = 10  #: of an index, those it names last or says to be newest
MOST_PAGES = 50  #: of articles, a visit; the rest comes with the next one
#: What is of no use under other settings.
FORGOTTEN = {
    **dict.fromkeys(("url", "etag", "modified", "body", "url_now", "moved_to", "feed")),
    "moved_count": 0,
}
FOLLOWED = 3  #: how often in a row a permanent redirect says the same until it is believed


@dataclass(frozen=True)
class Visit:
    """What came of it: nothing new has no reading; an error may come with what could be read all the same."""

    reading: Reading | None = None
    error: FetchFailed | None = None
    state: dict[str, Any] = field(default_factory=dict)  #: of the source, to be remembered once the reading is saved


@dataclass(frozen=True)
class Visitor:
    """What a visit needs: the fetcher, where to do heavy work, and what is known of articles."""

    fetcher: Fetcher
    aside: Callable[[Callable[[], Any]], Awaitable[Any]]  #: does a work in the thread for such
    known: Callable[[Sequence[Found]], list[bool]]  #: which articles are stored; those come to say what is stored
    now: dt.datetime

    async def visit(self, settings: SourceSettings, before: SourceState, signature: str, zone: ZoneInfo) -> Visit:
        """Fetch a source and read it; never raises FetchFailed."""
        is_same = before.settings == signature
        state = before if is_same else SourceState(source_id=before.source_id)
        remembered = {"settings": signature, **({} if is_same else FORGOTTEN)}
        try:
            check_extractor(settings)
        except NoExtractor as error:
            return Visit(error=FetchFailed(str(error)))
        asked = [self._feed_of_page] if settings.discover and state.feed else []
        asked.append(self._source)
        for n, ask in enumerate(asked, 1):
            try:
                found = await ask(settings, state, zone)
            except FetchFailed as failed:
                # A feed that is no longer there: its page may announce another one.
                if n == len(asked):
                    return Visit(error=failed, state={**remembered, **_after_failure(state, failed)})
            else:
                return replace(found, state={**remembered, **found.state})
        raise AssertionError

    async def _source(self, settings: SourceSettings, state: SourceState, zone: ZoneInfo) -> Visit:
        url = state.url_now or settings.place
        known = Known(state.etag, state.modified) if state.url == without_user(url) else Known()
        is_page = settings.kind == "page"
        answer = await self.fetcher.get(url, private=settings.private, known=known, as_page=is_page)
        moved = _moved(state, answer)
        if answer.is_unchanged or (state.url == without_user(url) and _hash(answer) == state.body):
            return Visit(state={**moved, **({} if answer.is_unchanged else _tags(url, answer))})
        if settings.discover and (feed := await self._announced(answer)):
            return await self._feed(settings, state, feed, zone, Known())
        reading, is_cut = await self._read(settings, answer, zone)
        if reading.follow:
            reading = await self._sitemaps(settings, reading, zone)
            return await self._finished(settings, reading, moved, zone, is_cut=is_cut)
        return await self._finished(settings, reading, {**moved, **_tags(url, answer)}, zone, is_cut=is_cut)

    async def _feed_of_page(self, settings: SourceSettings, state: SourceState, zone: ZoneInfo) -> Visit:
        assert state.feed is not None
        known = Known(state.etag, state.modified) if state.url == state.feed else Known()
        return await self._feed(settings, state, state.feed, zone, known)

    async def _feed(
        self, settings: SourceSettings, state: SourceState, url: str, zone: ZoneInfo, known: Known
    ) -> Visit:
        """Read the feed that a page announces."""
        answer = await self.fetcher.get(url, private=settings.private, known=known)
        remembered = {"feed": url, **({} if answer.is_unchanged else _tags(url, answer))}
        if answer.is_unchanged or (state.url == url and _hash(answer) == state.body):
            return Visit(state=remembered)
        as_feed = settings.model_copy(update={"feed": url, "page": None, "discover": False})
        reading, is_cut = await self._read(as_feed, answer, zone)
        return await self._finished(settings, reading, remembered, zone, is_cut=is_cut)

    async def _announced(self, answer: Answer) -> str | None:
        feeds: list[str] = await self.aside(lambda: feeds_announced(answer.data, answer.url, answer.charset))
        return next((feed for feed in feeds if feed != answer.url), None)

    async def _finished(
        self, settings: SourceSettings, reading: Reading, state: dict[str, Any], zone: ZoneInfo, *, is_cut: bool
    ) -> Visit:
        """Return a visit with the articles' own pages read, where that is wanted."""
        is_whole = not is_cut
        if settings.extract:
            reading, has_all = await self._extracted(settings, reading, zone)
            is_whole = is_whole and has_all
        if not is_whole:
            state = {
                **state,
                "etag": None,
                "modified": None,
                "body": None,
            }  # it comes whole the next time, or more of it
        error = None
        if is_cut:
            words = f"its end is missing; what came before was read ({len(reading.found)} articles)"
            error = FetchFailed(words, Failure.SILENT)
        return Visit(reading, error, state)

    async def _read(self, settings: SourceSettings, answer: Answer, zone: ZoneInfo) -> tuple[Reading, bool]:
        """Return what an answer holds, and whether its end is missing."""
        try:
            reading: Reading = await self.aside(lambda: read(settings, answer, zone, self.now))
        except (NotAFeed, BrokenJson) as error:
            raise FetchFailed(str(error)) from error
        is_cut: bool = await self.aside(lambda: lacks_end(opened(answer.data), settings.kind, is_cut=answer.is_cut))
        if is_cut and not is_json(opened(answer.data)):
            # The last article is the one that was cut through.
            reading = replace(reading, found=reading.found[:-1])
        return reading, is_cut

    async def _sitemaps(self, settings: SourceSettings, index: Reading, zone: ZoneInfo) -> Reading:
        """Return the articles of the sitemaps that an index names; one that cannot be had is a note."""
        found, problems, notes = list(index.found), list(index.problems), list(index.notes)
        for url in index.follow[:MOST_SITEMAPS]:
            try:
                answer = await self.fetcher.get(url, private=settings.private, as_page=True)
                reading, _ = await self._read(settings, answer, zone)
            except FetchFailed as failed:
                notes.append(f"{without_user(url)}: {failed}")
                continue
            found += reading.found
            problems += reading.problems
            notes += reading.notes
        if not found and notes:
            raise FetchFailed(notes[0])
        return replace(index, found=tuple(found), problems=tuple(problems), notes=tuple(notes), follow=())

    async def _extracted(self, settings: SourceSettings, reading: Reading, zone: ZoneInfo) -> tuple[Reading, bool]:
        """Return articles with what their own pages say, and whether all of them are there."""
        is_known: list[bool] = await self.aside(lambda: self.known(reading.found))
        wanted = [one for one, known in zip(reading.found, is_known, strict=True) if not known and one.article.url]
        later = {id(found) for found in wanted[MOST_PAGES:]}
        pages = await asyncio.gather(*(self._page_of(settings, found, zone) for found in wanted[:MOST_PAGES]))
        whole = {id(found): page for found, page in zip(wanted, pages, strict=False)}
        found = tuple(whole.get(id(one), one) for one in reading.found if id(one) not in later)
        return replace(reading, found=found), not later

    async def _page_of(self, settings: SourceSettings, found: Found, zone: ZoneInfo) -> Found:
        url = found.article.url or ""
        try:
            answer = await self.fetcher.get(url, private=settings.private, as_page=True)
        except FetchFailed:
            return found  # with what the source itself says of it
        if answer.is_cut:
            return found

        def read_it() -> Found:
            fields = read_article_page(answer.data, url=answer.url, charset=answer.charset, zone=zone, now=self.now)
            return filled(found, fields)

        full: Found = await self.aside(read_it)
        return full


def read(settings: SourceSettings, answer: Answer, zone: ZoneInfo, now: dt.datetime) -> Reading:
    """Return what an answer holds, read as the source's settings say; NotAFeed."""
    try:
        data = opened(answer.data)
    except TooLarge:
        raise NotAFeed("it is too large once it is unpacked") from None
    except NotCompressed as error:
        raise NotAFeed(str(error)) from None
    if not data.strip():
        raise NotAFeed("there is nothing in it")
    name, url, charset = settings.name, answer.url, answer.charset
    match settings.kind:
        case "page":
            rules = Rules(**settings.select) if settings.select else None
            if rules and (wrong := check_rules(rules)):
                raise NotAFeed(wrong)
            return read_page(data, rules, url=url, charset=charset, zone=zone, now=now, source=name)
        case "sitemap":
            return read_sitemap(data, url=url, charset=charset, zone=zone, now=now, source=name)
    return read_feed(data, url=url, charset=charset, zone=zone, now=now, source=name)


def _hash(answer: Answer) -> str:
    return hashlib.sha256(answer.data).hexdigest()


def _tags(url: str, answer: Answer) -> dict[str, Any]:
    """Return what is kept of an answer that is read whole, so that it is read once."""
    body = None if answer.is_cut else _hash(answer)
    return {"url": without_user(url), "etag": answer.etag, "modified": answer.modified, "body": body}


def _moved(state: SourceState, answer: Answer) -> dict[str, Any]:
    """Return what is remembered of a permanent redirect: believed once it has said the same three times in a row."""
    if answer.permanent is None:
        return {"moved_to": None, "moved_count": 0} if state.moved_to else {}
    count = state.moved_count + 1 if answer.permanent == state.moved_to else 1
    if count < FOLLOWED:
        return {"moved_to": answer.permanent, "moved_count": count}
    return {"url_now": answer.permanent, "moved_to": None, "moved_count": 0}


def _after_failure(state: SourceState, failed: FetchFailed) -> dict[str, Any]:
    """Return what is remembered of a failure: where it had moved to is forgotten when that is no good."""
    if state.url_now is not None and failed.kind is not Failure.BUSY:
        return {"url_now": None, "moved_to": None, "moved_count": 0}
    if failed.kind is Failure.GONE:
        return {"ended": True}
    return {}
