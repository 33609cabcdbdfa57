"""What a send says about itself: findings, one sentence an edition, a table, the contract's JSON."""

from collections.abc import Sequence

from digest.cli import show
from digest.cli.show import several
from digest.delivery.preflight import Level, gist
from digest.delivery.roads import Roads
from digest.delivery.wish import Ending, Result

COLUMNS = ("edition", "state", "readers", "sent", "open", "failed", "in doubt")


def show_results(
    results: Sequence[Result],
    ways: Roads,
    *,
    json: bool,
    single: bool,
    verbose: bool,
    quiet: bool,
    unattended: bool = False,
) -> None:
    """Print what became of each edition: for cron only what stopped it or failed, with ``unattended`` nothing else."""
    talks = verbose or show.is_terminal()
    for result in results:
        if not unattended or talks or result.exit_code not in (0, 3):
            _explain(result, talks=talks)
    if json:
        _print_json(results, single=single)
    if quiet:
        return
    for result in results:
        if talks or (result.open and result.ending is Ending.RAN and not unattended):
            show.say(_sentence(result, ways))
    ran = [result for result in results if result.ending is Ending.RAN]
    if ran and show.is_terminal():
        show.table(COLUMNS, [_row(result) for result in ran], right=COLUMNS[2:])


def words_of(results: Sequence[Result], ways: Roads) -> str:
    """Return what became of each edition, a line each."""
    return "\n".join(_sentence(result, ways) for result in results)


def _explain(result: Result, *, talks: bool) -> None:
    for finding in gist(result.findings):
        # Off a terminal only what has stopped a send is worth a mail from cron.
        if talks or (result.ending is Ending.HELD and finding.level is Level.HOLD):
            show.say(f"{result.key}: {finding.level.value}: {show.printable(finding.message)}")
    if result.now.relay_words and result.open:
        show.say(f"{result.key}: {result.now.relay_words}")
    if result.edition["state"] == "paused" and not talks:
        show.say(f"{result.key}: paused by an editor; digest editions resume lets it go on")


def _print_json(results: Sequence[Result], *, single: bool) -> None:
    every = [result.edition for result in results]
    if not single:
        show.as_json({"editions": every})
        return
    *older, last = every
    show.as_json({**last, **({"older": older} if older else {})})


def _row(result: Result) -> tuple[object, ...]:
    edition = result.edition
    counts = (edition["audience"], edition["sent"], result.open, edition["failed"], edition["in_doubt"])
    return (result.key, edition["state"], *(show.number(count) for count in counts))


def _sentence(result: Result, ways: Roads) -> str:
    edition = result.edition
    if edition["state"] == "paused" and result.ending is Ending.HELD:
        return f"{result.key}: paused by an editor, nothing sent; digest editions resume lets it go on"
    match result.ending:
        case Ending.EMPTY:
            return f"{result.key}: nothing new, nothing sent"
        case Ending.HELD:
            way = "mend it" if edition["state"] in ("frozen", "sending") else "mend it, or --force the rule"
            return f"{result.key}: held, nothing sent; {way}"
        case Ending.DRY:
            readers = edition["audience"] - edition["skipped"]
            counts = f"{several(edition['articles'], 'article')} to {several(readers, 'reader')}"
            return f"{result.key}: would send {counts} through {ways.names}; nothing was frozen or sent"
        case Ending.ALREADY:
            return f"{result.key}: already {edition['state']}, nothing left to send"
    rest = ", ".join(
        f"{show.number(edition[state])} {state.replace('_', ' ')}"
        for state in ("deferred", "pending", "failed", "in_doubt", "withdrawn", "skipped", "expired", "cancelled")
        if edition[state]
    )
    if edition["state"] == "rehearsed":
        done = f"{several(result.now.sent, 'letter')} written to {ways.names}/. Nobody was mailed"
    else:
        speed = f"{result.now.seconds:.1f} s ({result.now.per_second:,.0f} a second)"
        done = f"{show.number(result.now.sent)} sent in {speed}"
    stopped = f"; {result.now.turned} by an editor" if result.now.turned else ""
    again = "; run again to go on" if result.open and not stopped else ""
    return f"{result.key}: {done}{'; ' + rest if rest else ''}{stopped}{again}"
