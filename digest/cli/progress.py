"""The bar of a send at a terminal: how far, how fast, how long yet."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.text import Text

from digest.delivery.options import Watch
from digest.models import DeliveryState

#: States that leave a delivery to be tried once more in this run.
AGAIN = (DeliveryState.PENDING, DeliveryState.IN_DOUBT)


@contextmanager
def bar() -> Iterator[Callable[[str], Watch]]:
    """Show a bar for each edition that is sent; yields what makes an edition's watch."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as progress:
        progress.stop()  # until there is something to show: a question may come first

        def watch(key: str) -> Watch:
            task = progress.add_task(key, total=None, rate="")

            def begin(total: int) -> None:
                progress.update(task, total=total)
                progress.start()

            def done(state: DeliveryState) -> None:
                if state not in AGAIN:
                    progress.advance(task)
                    speed = progress.tasks[task].speed
                    progress.update(task, rate=f"{speed:,.0f}/s" if speed else "")

            return Watch(begin=begin, done=done, say=lambda words: progress.console.print(Text(words)))

        yield watch
