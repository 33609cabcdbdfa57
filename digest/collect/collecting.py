"""Rounds of collecting: all sources that are due, many at once; one that fails stops no other."""

import asyncio
import datetime as dt
import random
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import replace
from threading import Thread
from typing import TYPE_CHECKING, Any, TypeVar

from digest.collect.answers import FetchFailed, next_try
from digest.collect.homes import Homes, settle, signature, zone_of
from digest.collect.local import look_at
from digest.collect.rows import Found
from digest.collect.take import Ask, FirstLook, Taken, lookback, take
from digest.errors import ConfigError, StoreError, nearest
from digest.models import SourceState
from digest.notation import masked
from digest.project import LOCAL_URL, Project
from digest.settings import ON_THE_WEB, SourceSettings
from digest.store import saving, sources

if TYPE_CHECKING:
    from digest.collect.fetch import Fetcher
    from digest.collect.visit import Visit

T = TypeVar("T")

AT_ONCE = 40  #: sources: each may hold five megabytes


def collect_sources(
    project: Project,
    wanted: Sequence[str],
    now: dt.datetime,
    ask: Ask = lookback,
    fetcher: "Callable[[], Fetcher] | None" = None,
    tell: Callable[[Taken], None] = lambda _: None,
) -> list[Taken]:
    """Take in what sources have; when none is named, of all that are not paused, ended or backing off.

    ``ask`` is called for a new source, before anything of it is placed; ``tell`` for each source when it is done.
    """
    known = project.file.sources
    for name in wanted:
        if name not in known:
            listed = ", ".join(known) or "none yet"
            raise ConfigError(f"no source {name!r} in digest.toml; it has: {listed}{nearest(name, known)}")
    homes = settle(project, wanted or known, now)
    chosen = [known[name] for name in dict.fromkeys(wanted or known)]
    if not wanted:
        chosen = [one for one in chosen if is_due(homes.state(one.name), signature(project.file, one), now)]
    if not any(one.kind in ON_THE_WEB for one in chosen):
        return [_told(_collect_here(project, homes, one, ask), tell) for one in chosen]
    return asyncio.run(_round(project, homes, chosen, ask, fetcher, tell))


def _told(taken: Taken, tell: Callable[[Taken], None]) -> Taken:
    tell(taken)
    return taken


def check_able(project: Project, wanted: Sequence[str]) -> None:
    """Raise NoExtractor where one of these sources, or of all when none is named, wants what is not installed."""
    for name in wanted or project.file.sources:
        settings = project.file.sources.get(name)
        if settings is not None and settings.extract:
            from digest.collect.extract import check_extractor

            check_extractor(settings)


def is_due(state: SourceState, signature: str, now: dt.datetime) -> bool:
    """Return whether a source is collected with all others. Other settings than it failed with are tried at once."""
    if state.paused_at is not None:
        return False
    if state.settings not in ("", signature):
        return True
    return state.ended_at is None and (state.next_try is None or state.next_try <= now)


async def _round(
    project: Project,
    homes: Homes,
    chosen: Sequence[SourceSettings],
    ask: Ask,
    make: "Callable[[], Fetcher] | None",
    tell: Callable[[Taken], None],
) -> list[Taken]:
    """Collect from many sources at once: fetched here, read and saved one after the other in a thread beside."""
    from digest.collect.fetch import Fetcher
    from digest.collect.visit import Visitor

    address = project.base_url if project.base_url != LOCAL_URL else None
    gate = asyncio.Semaphore(AT_ONCE)
    waiting: list[Future[None]] = []
    loop = asyncio.get_running_loop()
    stopped: Future[None] = Future()
    with ThreadPoolExecutor(1, "collecting") as threads:
        ask = _until(stopped, ask)

        def aside(work: Callable[[], T]) -> "asyncio.Future[T]":
            return loop.run_in_executor(threads, work)

        def known(found: Sequence[Found]) -> list[bool]:
            return saving.as_stored(project.store, [homes.numbered(one) for one in found])

        async with make() if make else Fetcher(address, now=lambda: homes.now) as fetcher:
            visitor = Visitor(fetcher, aside, known, homes.now)

            async def collect(settings: SourceSettings) -> Taken:
                async with gate:
                    if settings.kind not in ON_THE_WEB:
                        return await aside(lambda: _collect_here(project, homes, settings, ask))
                    said = signature(project.file, settings)
                    zone = zone_of(project.file, settings.name)
                    try:
                        visit = await visitor.visit(settings, homes.state(settings.name), said, zone)
                    except StoreError:
                        raise
                    except Exception as error:  # noqa: BLE001  what one source makes of us must stop no other
                        visit = _fault(error)
                    if visit.reading is None:
                        waiting.append(_remember(project, homes, settings, visit, None))
                        return Taken(settings.name, None, error=_words(visit))
                    taken, remembered = await aside(lambda: _keep(project, homes, settings, visit, ask))
                    waiting.append(remembered)
                    return taken

            async def collect_and_tell(settings: SourceSettings) -> Taken:
                return _told(await collect(settings), tell)

            try:
                taken = await asyncio.gather(*(collect_and_tell(settings) for settings in chosen))
            finally:
                stopped.set_result(None)
    for one in waiting:
        one.result()
    return list(taken)


def _until(stopped: "Future[None]", ask: Ask) -> Ask:
    """Return how somebody is asked who may stop us instead of answering: nobody waits for the answer then."""

    def asked(first: FirstLook) -> dt.date | None:
        answer: Future[dt.date | None] = Future()

        def hear() -> None:
            try:
                answer.set_result(ask(first))
            except BaseException as error:  # noqa: BLE001  it belongs to whoever wants the answer
                answer.set_exception(error)

        Thread(target=hear, name="asking", daemon=True).start()
        either: list[Future[Any]] = [answer, stopped]
        wait(either, return_when=FIRST_COMPLETED)
        if not answer.done():
            raise asyncio.CancelledError
        return answer.result()

    return asked


def _fault(error: Exception) -> "Visit":
    from digest.collect.visit import Visit

    words = masked(" ".join(f"{type(error).__name__}: {error}".split()))[:300]
    return Visit(error=FetchFailed(f"{words} (this is a fault in digest)"))


def _words(visit: "Visit") -> str | None:
    """Return what went wrong, and that a source is not asked any more."""
    ends = "; it is not collected any more" if visit.state.get("ended") else ""
    return f"{visit.error}{ends}" if visit.error else None


def _keep(
    project: Project, homes: Homes, settings: SourceSettings, visit: "Visit", ask: Ask
) -> "tuple[Taken, Future[None]]":
    """Save what a visit has read, then remember it as read: a kill in between reads it once more."""
    assert visit.reading is not None
    try:
        taken = take(project, homes, [visit.reading], settings.name, ask=ask)
    except StoreError:
        raise
    except Exception as error:  # noqa: BLE001  as above
        fault = _fault(error)
        return Taken(settings.name, None, error=str(fault.error)), _remember(project, homes, settings, fault, None)
    remembered = _remember(project, homes, settings, visit, taken)
    return replace(taken, error=_words(visit), problems=(), refused=taken.problems), remembered


def _collect_here(project: Project, homes: Homes, settings: SourceSettings, ask: Ask) -> Taken:
    """Collect from a folder, a Maildir or a database."""
    number = homes.numbers[settings.name] or 0
    looked = look_at(project, settings, sources.marks(project.store, number), homes.now)
    if isinstance(looked, str):
        _write(project, number, _failed(homes, settings, FetchFailed(looked))).result()
        return Taken(settings.name, None, error=looked)
    taken = take(project, homes, looked.readings, settings.name, ask=ask)
    if looked.marks or looked.gone:
        sources.set_marks(project.store, number, looked.marks, looked.gone)
    if settings.kind != "folder":
        taken = replace(taken, problems=(), refused=taken.problems)
    taken = replace(taken, unchanged=taken.unchanged + looked.unchanged)
    state = {**_went_well(homes, settings, taken), "settings": signature(project.file, settings)}
    if taken.error:
        state |= _failed(homes, settings, FetchFailed(taken.error))
    _write(project, number, state).result()
    return taken


def _remember(
    project: Project, homes: Homes, settings: SourceSettings, visit: "Visit", taken: Taken | None
) -> "Future[None]":
    """Write how a visit went; the future resolves once it is durable."""
    state = dict(visit.state)
    ended = {"ended_at": homes.now} if state.pop("ended", False) else {}
    health = _went_well(homes, settings, taken) if visit.error is None else _failed(homes, settings, visit.error)
    if visit.error is not None and taken is not None:
        health |= _joined(homes, settings, taken)
    return _write(project, homes.numbers[settings.name] or 0, {**state, **health, **ended})


def _write(project: Project, number: int, state: dict[str, Any]) -> "Future[None]":
    return sources.set_state(project.store, number, state)


def _went_well(homes: Homes, settings: SourceSettings, taken: Taken | None) -> dict[str, Any]:
    now = homes.now
    health: dict[str, Any] = {
        "last_try": now, "last_ok": now, "last_error": "", "failures": 0, "ended_at": None,
        "failing_since": None, "told_at": None,
        "next_try": now + settings.every if settings.every else None,
    }  # fmt: skip
    if taken is None:
        return health
    counts = taken.new + taken.changed + taken.unchanged + taken.skipped
    return {**health, "found": counts, **_joined(homes, settings, taken)}


def _joined(homes: Homes, settings: SourceSettings, taken: Taken) -> dict[str, Any]:
    is_placed = bool(taken.new + taken.changed + taken.unchanged) and homes.is_new(settings.name)
    return {"joined_at": homes.now} if is_placed else {}


def _failed(homes: Homes, settings: SourceSettings, failed: FetchFailed) -> dict[str, Any]:
    before = homes.state(settings.name)
    failures = before.failures + 1
    # A folder or database of ours is looked at each time: what is mended there is seen at once.
    chance = random.random()  # noqa: S311  no secret
    at = next_try(failures, failed, homes.now, chance) if settings.kind in ON_THE_WEB else None
    return {
        "last_try": homes.now, "last_error": str(failed)[:500], "failures": failures, "next_try": at,
        "failing_since": before.failing_since or homes.now,
    }  # fmt: skip
