"""``digest send``: build, preflight, freeze, send; again: only what is missing."""

import datetime as dt
from collections.abc import Sequence
from contextlib import contextmanager
from email.utils import parseaddr
from typing import TYPE_CHECKING, Annotated

import typer

from digest.cli import show
from digest.cli.options import DateOption, ForceOption, JsonOption, ProjectOption, VerboseOption, YesOption
from digest.cli.show import several
from digest.errors import ConfigError, DigestError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from digest.cli.monitor import Monitor
    from digest.cli.sending import Outing
    from digest.delivery.freeze import Draft
    from digest.delivery.roads import Roads
    from digest.delivery.wish import Desk, Result
    from digest.settings import NewsletterSettings

DOUBTS = ("resend", "keep", "skip")
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
    from digest.cli.sending import Outing, scheduled
    from digest.delivery.roads import roads
    from digest.delivery.wish import Wish
    from digest.project import open_project

    if due and (date or test or extra or dry_run):
        raise typer.BadParameter("--due goes by the schedule alone; leave out --date, --test, --extra and --dry-run")
    if for_ and not test:
        raise typer.BadParameter("--for says whose letter --test sends; add --test, or look with: digest preview --for")
    wish = Wish(date, dry_run, wait, tuple(force or ()), in_doubt, extra)
    with open_project(project) as opened:
        wanted = scheduled(opened, newsletters) if due else [opened.newsletter(name) for name in newsletters or (None,)]
        outing = Outing(opened, wanted, roads(opened), wish, collect)
        if test:
            raise typer.Exit(_send_tests(outing, test, for_))
        raise typer.Exit(_send(outing, due=due, yes=yes, json=json, verbose=verbose))


def _send(outing: "Outing", *, due: bool, yes: bool, json: bool, verbose: bool) -> int:
    """Send, say what became of it, and tell monitor and editors; return the exit code of it all."""
    from digest.cli.monitor import monitor
    from digest.cli.results import show_results, words_of
    from digest.cli.sending import alarm, send_all_due, send_now, tell_editors

    results: list[Result] = []
    watched = monitor(outing.project, is_trial=outing.wish.dry_run)
    code = 1
    try:
        with _desk(yes, watched, quiet=json or due, is_due=due and not verbose) as desk:
            code = send_all_due(outing, desk, results) if due else send_now(outing, desk, results)
    except DigestError as error:
        code = error.exit_code
        alarm(outing, error)
        raise
    finally:  # what one newsletter's trouble does not undo is told all the same
        show_results(
            results, outing.ways, json=json and (due or bool(results)), single=len(outing.wanted) == 1 and not due,
            verbose=verbose, quiet=json, unattended=due,
        )  # fmt: skip
        watched.end(code, words_of(results, outing.ways))
    if not outing.wish.dry_run:
        tell_editors(outing.project, [result.now.relay_words for result in results] if due else [])
    return code


def _send_tests(outing: "Outing", test: list[str], for_: str | None) -> int:
    """Send a test letter of each newsletter; return the worst exit code."""
    from digest.cli.sending import collect_first

    code = collect_first(outing.project) if outing.collect else 0
    return max(code, *(_send_test(outing, one, test, for_) for one in outing.wanted))


def _send_test(outing: "Outing", settings: "NewsletterSettings", test: list[str], for_: str | None) -> int:
    from digest.delivery.freeze import draft, list_numbers
    from digest.delivery.reader import drafted_letter
    from digest.delivery.trial import send_test
    from digest.people.lists import find
    from digest.store.variants import wanted_by

    project, ways, now = outing.project, outing.ways, dt.datetime.now(dt.UTC)
    editors = [parseaddr(editor)[1] for editor in project.file.editors]
    addresses = [one for given in test for one in ([given] if given else editors)]
    if not addresses:
        raise ConfigError('nobody to send a test letter to: write editors = ["you@example.com"] in digest.toml')
    reader = find(project, for_) if for_ else None
    look = [wanted_by(project.store, list_numbers(project, settings, now), reader.id)] if reader else []
    made = draft(project, settings, outing.wish.date or settings.date_at(now), now, test=True, look=look)
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
