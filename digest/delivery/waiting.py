"""Waiting that can be cut short."""

import asyncio
import datetime as dt


async def until(stopping: asyncio.Event, ending: asyncio.Event, drain: float) -> None:
    """Return when what is under way has had its time: the drain after the first word, at once after the second."""
    await stopping.wait()
    await sleep(drain, ending)


async def sleep(seconds: float | None, *unless: asyncio.Event) -> bool:
    """Sleep, None for as long as it takes, but wake when one of the events comes; return whether one has."""
    waits = [asyncio.create_task(event.wait()) for event in unless]
    try:
        await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        return any(event.is_set() for event in unless)
    finally:
        for wait in waits:
            wait.cancel()


def utc() -> dt.datetime:
    """Return this moment."""
    return dt.datetime.now(dt.UTC)
