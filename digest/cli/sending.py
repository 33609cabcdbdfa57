"""What ``digest send`` does for newsletters one after the other, and what it tells the editors of that."""

import datetime as dt
from collections.abc import Sequence
from contextlib import nullcontext, suppress
from dataclasses import dataclass

from digest.cli import show
from digest.delivery import alerts
from digest.delivery.notices import send_notices
from digest.delivery.report import find_edition
from digest.delivery.roads import Roads
from digest.delivery.run import alone, send_newsletter
from digest.delivery.wish import Desk, Ending, Result, Wish
from digest.errors import BusyError, ConfigError, DigestError, StoreError
from digest.operation.expect import note_missing, note_sources
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import steering

#: Exit codes from what is best to what outweighs everything else.
WEIGHT = (0, 3, 6, 1, 2, 4, 130)


@dataclass(frozen=True)
class Outing:
    """One call of ``digest send``: for whom, by which way, what was wished, and whether sources are asked first."""

    project: Project
    wanted: list[NewsletterSettings]
    ways: Roads
    wish: Wish
    collect: bool


def send_now(outing: Outing, desk: Desk, results: list[Result]) -> int:
    """Send what a person asks for; return the exit code of it all, with what became of each edition in ``results``."""
    project, wish = outing.project, outing.wish
    code = collect_first(project) if outing.collect else 0
    with nullcontext() if wish.dry_run else alone(project):
        for settings in outing.wanted:
            results += send_newsletter(project, settings, outing.ways, wish, desk, dt.datetime.now(dt.UTC))
            if results[-1].now.interrupted:
                break
    if outing.collect:
        _note_missing(project, results, is_trial=wish.dry_run)
    return _heaviest(code, results)


def scheduled(project: Project, named: list[str] | None) -> list[NewsletterSettings]:
    """Return the newsletters that have a schedule; ConfigError when there is none, or one was named that has none."""
    wanted = [project.newsletter(name) for name in named or project.file.newsletters]
    without = [one.name for one in wanted if one.schedule is None]
    if without and (named or len(without) == len(wanted)):
        names = ", ".join(without)
        raise ConfigError(f'no schedule for {names} in digest.toml: nothing is ever due; write schedule = "30 6 * * *"')
    return [one for one in wanted if one.schedule is not None]


def send_all_due(outing: Outing, desk: Desk, results: list[Result]) -> int:
    """Send what is due; return the exit code of it all. One newsletter's trouble stops no other one."""
    from digest.operation.due import is_new, send_due

    project, code = outing.project, 0
    try:
        with alone(project):
            now = dt.datetime.now(dt.UTC)
            has_collected = outing.collect and any(is_new(project, one, now) for one in outing.wanted)
            if has_collected:
                code = collect_first(project)
            for settings in outing.wanted:
                try:
                    results += send_due(project, settings, outing.ways, outing.wish, desk)
                except DigestError as error:
                    show.say(show.error_line(f"{settings.name}: {error}"))  # the JSON object comes at the end
                    with suppress(StoreError):
                        alerts.failed(project, settings.name, settings.name, str(error), dt.datetime.now(dt.UTC))
                    code = max(code, error.exit_code, key=WEIGHT.index)
                if results and results[-1].now.interrupted:
                    break
            if has_collected:
                _note_missing(project, results, is_trial=False)
    except BusyError:
        return 0  # another run is at it, and does what we would
    return _heaviest(code, results)


def alarm(outing: Outing, error: DigestError) -> None:
    """Tell the editors of an error that nobody at a terminal has read."""
    if error.exit_code in (1, 4) and not show.is_terminal():
        project, wanted = outing.project, outing.wanted
        names = ", ".join(settings.name for settings in wanted)
        with suppress(StoreError):  # a store that takes no outcome takes no alert; what is wrong with it is told
            alerts.failed(project, wanted[0].name, names, str(error), dt.datetime.now(dt.UTC))
            tell_editors(project)


def tell_editors(project: Project, known: Sequence[str] = ()) -> None:
    """Send the notices that wait, and find out first whether an edition is missing.

    That they have to wait is not said where what a relay said, ``known``, has been shown already.
    """
    now = dt.datetime.now(dt.UTC)
    note_missing(project, now)
    note_sources(project, now)
    for warning in send_notices(project, now):
        if not any(words and words in warning for words in known):
            show.say(f"warning: {warning}")


def collect_first(project: Project) -> int:
    """Collect from all sources; one that fails never stops a send, but the run is then only partly done: exit 3."""
    from digest.cli.collect import report_problems
    from digest.collect.collecting import collect_sources

    return 3 if report_problems(collect_sources(project, [], dt.datetime.now(dt.UTC))) else 0


def _note_missing(project: Project, results: list[Result], *, is_trial: bool) -> None:
    """Let editions say which of their sources could not be had; an edition that is there remembers it."""
    from digest.collect.health import missing

    without = missing(project)
    for result in results:
        lost = without.get(result.edition["newsletter"], [])
        result.edition["missing"] = lost
        words = "; ".join(f"{one['source']}: {one['error']}" for one in lost)
        if words and show.is_terminal():
            show.say(f"{result.key}: without what could not be had: {words}")
        if words and result.ending is Ending.RAN and not is_trial:
            edition = find_edition(project, result.key).edition.id
            assert edition is not None
            deed = steering.Deed("collected in part", "digest", dt.datetime.now(dt.UTC), words)
            steering.note_to(project.store, edition, deed)


def _heaviest(code: int, results: list[Result]) -> int:
    return max([code, *(result.exit_code for result in results)], key=WEIGHT.index)
