"""``digest send``: build, preflight, freeze, send; again: only what is missing."""

import datetime as dt
from collections.abc import Sequence
from contextlib import contextmanager, nullcontext, suppress
from email.utils import parseaddr
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import show
from digest.cli.options import DateOption, ForceOption, JsonOption, ProjectOption, VerboseOption, YesOption
from digest.cli.show import several
from digest.errors import BusyError, ConfigError, DigestError, StoreError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from digest.cli.monitor import Monitor
    from digest.delivery.freeze import Draft
    from digest.delivery.roads import Roads
    from digest.delivery.wish import Desk, Result, Wish
    from digest.project import Project
    from digest.settings import NewsletterSettings

DOUBTS = ("resend", "keep", "skip")
#: Exit codes from what is best to what outweighs everything else.
WEIGHT = (0, 3, 6, 1, 2, 4, 130)
MANY = 100_000  #: letters, whose freeze takes long enough to say so


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("send")(send)


def _duration(text: str) -> dt.timedelta:
    from digest.settings import read_duration

    try:
        return read_duration(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


def _in_doubt(word: str) -> str:
    if word not in DOUBTS:
        raise typer.BadParameter(f"{word!r} is none of {', '.join(DOUBTS)}")
    return word


def optional_test_values(arguments: Sequence[str]) -> list[str]:
    """Return the arguments with ``--test`` given a value each: an address that follows, or none for the editors."""
    filled: list[str] = []
    for n, argument in enumerate(arguments):
        follows = arguments[n + 1] if n + 1 < len(arguments) else ""
        is_bare = argument == "--test" and ("@" not in follows or follows.startswith("-"))
        filled.append("--test=" if is_bare else argument)
    return filled


def send(
    newsletters: Annotated[
        list[str] | None, typer.Argument(metavar="NEWSLETTER", help="May be left out when digest.toml has one.")
    ] = None,
    date: DateOption = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", metavar="[ADDRESS]", help="Only a marked copy to the editors, or to ADDRESS."),
    ] = None,
    for_: Annotated[
        str | None,
        typer.Option("--for", metavar="ADDRESS", help="With --test: what this reader would get, sections and all."),
    ] = None,
    due: Annotated[
        bool,
        typer.Option("--due", help="Only what the schedule says is due, and what is open; for cron, every minute."),
    ] = False,
    collect: Annotated[bool, typer.Option("--collect", help="Collect from the sources first.")] = False,
    extra: Annotated[bool, typer.Option("--extra", help="One more edition of a date that has had its own.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="All of it but network and ledger.")] = False,
    yes: YesOption = False,
    wait: Annotated[
        dt.timedelta,
        typer.Option(metavar="DURATION", parser=_duration, help="Stay so long for deferred mail; 0: one pass."),
    ] = dt.timedelta(minutes=30),
    force: ForceOption = None,
    in_doubt: Annotated[
        str, typer.Option(metavar="resend|keep|skip", callback=_in_doubt, help="What to do with mail in doubt.")
    ] = "resend",
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Build the edition, check it, freeze it, and send every reader one letter; again: only what is missing.

    Goes on with older open editions first. Without a relay set, letters are written to outbox/ and nobody is mailed.
    """
    from digest.cli.monitor import monitor
    from digest.cli.results import show_results, words_of
    from digest.delivery.roads import roads
    from digest.delivery.wish import Wish
    from digest.project import open_project

    if due and (date or test or extra or dry_run):
        raise typer.BadParameter("--due goes by the schedule alone; leave out --date, --test, --extra and --dry-run")
    if for_ and not test:
        raise typer.BadParameter("--for says whose letter --test sends; add --test, or look with: digest preview --for")
    wish = Wish(date, dry_run, wait, tuple(force or ()), in_doubt, extra)
    results: list[Result] = []
    with open_project(project) as opened:
        wanted = (
            _scheduled(opened, newsletters) if due else [opened.newsletter(name) for name in newsletters or (None,)]
        )
        ways = roads(opened)
        if test:
            code = _collect(opened) if collect else 0
            raise typer.Exit(max(code, *(_send_test(opened, one, date, test, for_, ways) for one in wanted)))
        watched = monitor(opened, is_trial=dry_run)
        code = 1
        try:
            with _desk(yes, watched, quiet=json or due, is_due=due and not verbose) as desk:
                if due:
                    code = _send_due(opened, wanted, ways, wish, desk, results, collect=collect)
                else:
                    code = _send_now(opened, wanted, ways, wish, desk, results, collect=collect)
        except DigestError as error:
            code = error.exit_code
            _alarm(opened, wanted, error)
            raise
        finally:  # what one newsletter's trouble does not undo is told all the same
            show_results(
                results, ways, json=json and (due or bool(results)), single=len(wanted) == 1 and not due,
                verbose=verbose, quiet=json, unattended=due,
            )  # fmt: skip
            watched.end(code, words_of(results, ways))
        if not dry_run:
            _tell_editors(opened, [result.now.relay_words for result in results] if due else [])
    raise typer.Exit(code)


def _send_now(
    project: "Project",
    wanted: "list[NewsletterSettings]",
    ways: "Roads",
    wish: "Wish",
    desk: "Desk",
    results: "list[Result]",
    *,
    collect: bool,
) -> int:
    """Send what a person asks for; return the exit code of it all."""
    from digest.delivery.run import alone, send_newsletter

    code = _collect(project) if collect else 0
    with nullcontext() if wish.dry_run else alone(project):
        for settings in wanted:
            results += send_newsletter(project, settings, ways, wish, desk, dt.datetime.now(dt.UTC))
            if results[-1].now.interrupted:
                break
    if collect:
        _note_missing(project, results, is_trial=wish.dry_run)
    return max([code, *(result.exit_code for result in results)], key=WEIGHT.index)


def _scheduled(project: "Project", named: list[str] | None) -> "list[NewsletterSettings]":
    """Return the newsletters that have a schedule; ConfigError when there is none, or one was named that has none."""
    wanted = [project.newsletter(name) for name in named or project.file.newsletters]
    without = [one.name for one in wanted if one.schedule is None]
    if without and (named or len(without) == len(wanted)):
        names = ", ".join(without)
        raise ConfigError(f'no schedule for {names} in digest.toml: nothing is ever due; write schedule = "30 6 * * *"')
    return [one for one in wanted if one.schedule is not None]


def _send_due(
    project: "Project",
    wanted: "list[NewsletterSettings]",
    ways: "Roads",
    wish: "Wish",
    desk: "Desk",
    results: "list[Result]",
    *,
    collect: bool,
) -> int:
    """Send what is due; return the exit code of it all. One newsletter's trouble stops no other one."""
    from digest.delivery import alerts
    from digest.delivery.run import alone
    from digest.operation.due import is_new, send_due

    code = 0
    try:
        with alone(project):
            now = dt.datetime.now(dt.UTC)
            has_collected = collect and any(is_new(project, one, now) for one in wanted)
            if has_collected:
                code = _collect(project)
            for settings in wanted:
                try:
                    results += send_due(project, settings, ways, wish, desk)
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
    return max([code, *(result.exit_code for result in results)], key=WEIGHT.index)


def _alarm(project: "Project", wanted: "list[NewsletterSettings]", error: DigestError) -> None:
    """Tell the editors of an error that nobody at a terminal has read."""
    from digest.delivery import alerts

    if error.exit_code in (1, 4) and not show.is_terminal():
        names = ", ".join(settings.name for settings in wanted)
        with suppress(StoreError):  # a store that takes no outcome takes no alert; what is wrong with it is told
            alerts.failed(project, wanted[0].name, names, str(error), dt.datetime.now(dt.UTC))
            _tell_editors(project)


def _tell_editors(project: "Project", known: Sequence[str] = ()) -> None:
    """Send the notices that wait, and find out first whether an edition is missing.

    That they have to wait is not said where what a relay said, ``known``, has been shown already.
    """
    from digest.delivery.notices import send_notices
    from digest.operation.expect import note_missing, note_sources

    now = dt.datetime.now(dt.UTC)
    note_missing(project, now)
    note_sources(project, now)
    for warning in send_notices(project, now):
        if not any(words and words in warning for words in known):
            show.say(f"warning: {warning}")


def _collect(project: "Project") -> int:
    """Collect from all sources; one that fails never stops a send, but the run is then only partly done."""
    from digest.cli.collect import report_problems
    from digest.collect.collecting import collect_sources

    return 3 if report_problems(collect_sources(project, [], dt.datetime.now(dt.UTC))) else 0


def _note_missing(project: "Project", results: "list[Result]", *, is_trial: bool) -> None:
    """Let editions say which of their sources could not be had; an edition that is there remembers it."""
    from digest.collect.health import missing
    from digest.delivery.report import find_edition
    from digest.delivery.wish import Ending
    from digest.store import steering

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


def _send_test(
    project: "Project",
    settings: "NewsletterSettings",
    date: dt.date | None,
    test: list[str],
    for_: str | None,
    ways: "Roads",
) -> int:
    from digest.delivery.freeze import draft, list_numbers
    from digest.delivery.reader import drafted_letter
    from digest.delivery.trial import send_test
    from digest.people.lists import find
    from digest.store.variants import wanted_by

    now = dt.datetime.now(dt.UTC)
    editors = [parseaddr(editor)[1] for editor in project.file.editors]
    addresses = [one for given in test for one in ([given] if given else editors)]
    if not addresses:
        raise ConfigError('nobody to send a test letter to: write editors = ["you@example.com"] in digest.toml')
    reader = find(project, for_) if for_ else None
    look = [wanted_by(project.store, list_numbers(project, settings, now), reader.id)] if reader else []
    made = draft(project, settings, date or settings.date_at(now), now, test=True, look=look)
    if not made.letters:
        show.say(f"{made.key}: nothing new, so there is no letter to test")
        return 0
    letters = [drafted_letter(project, made, reader)] if reader else []
    tried = send_test(project, made, list(dict.fromkeys(addresses)), ways.relays[0], letters)
    for one in tried:
        where = f"written to {ways.names}" if ways.rehearsal else f"{'taken' if one.taken else 'refused'}: {one.words}"
        show.say(f"test letter to {one.address} {where}")
    return 0 if all(one.taken for one in tried) else 1


@contextmanager
def _desk(yes: bool, watched: "Monitor", *, quiet: bool, is_due: bool) -> "Iterator[Desk]":
    """The person at the terminal, who is asked and sees a bar; off one, a send goes ahead and is silent."""
    from digest.delivery.options import Watch
    from digest.delivery.wish import Desk

    if not show.is_terminal():
        say: Callable[[str], None] = show.say
        # For cron the one line at the end will do: it has the relay's last words.
        yield Desk(watch=lambda _key: Watch() if is_due else Watch(say=say), begin=watched.begin)
        return

    def confirm(made: "Draft", ways: "Roads") -> bool:
        return yes or ways.rehearsal or _ask(made, ways)

    if quiet:
        yield Desk(confirm, _say_freezing, lambda _key: Watch(say=show.say), watched.begin, is_attended=True)
        return
    from digest.cli.progress import bar

    with bar() as watch:
        yield Desk(confirm, _say_freezing, watch, watched.begin, is_attended=True)


def _say_freezing(key: str, readers: int) -> None:
    if readers >= MANY:
        show.say(f"{key}: freezing {several(readers, 'letter')}")


def _ask(made: "Draft", ways: "Roads") -> bool:
    show.say(f"{made.key}: {made.letters[0].subject}")
    counts = f"{several(made.layout.count, 'article')} to {several(made.readers - made.skipped, 'reader')}"
    skipped = f"; {several(made.skipped, 'reader')} skipped, by the sections they chose" if made.skipped else ""
    show.say(f"{counts} through {ways.names}{skipped}")
    return typer.confirm("Send it?", err=True)
