"""``digest subscribers``: people and their lists."""

import datetime as dt
import json as jsonlib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from digest.cli import show, stops, sync
from digest.cli.options import JsonOption, LimitOption, ProjectOption, VerboseOption

if TYPE_CHECKING:
    from digest.store.people import Known

MOST_SHOWN = 10  #: names of sections in one line

app = typer.Typer(help="People and their lists.", no_args_is_help=True)

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS")]
ListOption = Annotated[str, typer.Option("--list", metavar="LIST", help="A list of digest.toml.")]
AnyListOption = Annotated[str | None, typer.Option("--list", metavar="LIST", help="Only this list.")]
ReasonOption = Annotated[str, typer.Option("--reason", help="Kept in the history.")]


def register(root: typer.Typer) -> None:
    """Add the commands."""
    sync.register(app)
    stops.register(app)
    root.add_typer(app, name="subscribers")


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="CSV as spreadsheets write it.")],
    list_name: ListOption,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="You vouch for it that everybody in the file agreed to get this.")
    ] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Bring the people of a file to a list; who left it, or is suppressed, stays so."""
    from digest.people.lists import import_file
    from digest.project import open_project

    with open_project(project) as opened:
        tally = import_file(opened, file, list_name, confirmed=confirmed, now=_now())
    for problem in tally.problems:
        show.say(f"{file}, {problem.where}: {problem.reason}")
    if tally.unconfirmed:
        show.say(
            f"{tally.unconfirmed} on {list_name} are unconfirmed and get no letters; if they agreed to get them, "
            f"import with --confirmed, or write the proof as consent in [lists.{list_name}]"
        )
    _say_unknown(tally.unknown_sections)
    if json:
        show.as_json(
            {
                "file": tally.file, "list": tally.list_name, "found": tally.found, "new": tally.new,
                "confirmed": tally.confirmed, "updated": tally.updated, "unchanged": tally.unchanged,
                "left": tally.left, "suppressed": tally.suppressed, "skipped": len(tally.problems),
                "unknown_sections": tally.unknown_sections,
            }
        )  # fmt: skip
    elif verbose or show.is_terminal():
        show.say(
            f"{file}: {tally.new} new, {tally.confirmed} confirmed, {tally.updated} updated, {tally.unchanged} "
            f"unchanged, {tally.left} had left and stay so, {tally.suppressed} suppressed, {len(tally.problems)} unread"
        )
    if tally.problems:
        raise typer.Exit(1 if len(tally.problems) == tally.found else 3)


@app.command()
def add(
    address: AddressArgument,
    list_name: ListOption,
    name: Annotated[str, typer.Option("--name")] = "",
    language: Annotated[str | None, typer.Option("--language", metavar="CODE", help="sv, en ...")] = None,
    section: Annotated[
        list[str] | None, typer.Option("--section", metavar="NAME", help="Only this section of it; may be repeated.")
    ] = None,
    all_sections: Annotated[bool, typer.Option("--all-sections", help="All of it again.")] = False,
    confirmed: Annotated[
        bool, typer.Option("--confirmed", help="They agreed to get it; say how with --reason.")
    ] = False,
    reason: ReasonOption = "",
    project: ProjectOption = None,
) -> None:
    """Add one person to a list by hand; --confirmed with --reason also brings back who had left."""
    from digest.models import SubscriptionState
    from digest.models.sections import section_key
    from digest.people.lists import add as add_person
    from digest.people.lists import unknown_sections
    from digest.project import open_project

    if section and all_sections:
        raise typer.BadParameter("--section names some, and --all-sections takes all of them; leave one out")
    if not all(map(section_key, section or [])):
        raise typer.BadParameter("--section is empty; name one, or take all of them with --all-sections")
    with open_project(project) as opened:
        done = add_person(
            opened,
            address,
            name,
            list_name=list_name,
            language=language,
            confirmed=confirmed,
            reason=reason,
            now=_now(),
            sections=section or ([] if all_sections else None),
        )
        _say_unknown(unknown_sections(opened, section or []))
    if done.suppressed == "erased":
        show.say(f"{address} was erased on their own wish; --confirmed --reason TEXT brings them back on it")
    elif done.suppressed:
        show.say(f"{address} is suppressed: no letter goes there")
    elif done.after is SubscriptionState.UNSUBSCRIBED:
        show.say(f"{address} had left {list_name} and stays so; --confirmed --reason TEXT brings them back")
    elif done.after is SubscriptionState.UNCONFIRMED:
        show.say(f"{address} is unconfirmed on {list_name} and gets no letters; add --confirmed when they agreed")
    if done.suppressed or (confirmed and done.after is not SubscriptionState.CONFIRMED):
        raise typer.Exit(1)


def _say_unknown(sections: list[str]) -> None:
    if sections:
        named = ", ".join(show.printable(name) for name in sections[:MOST_SHOWN])
        more = f" and {len(sections) - MOST_SHOWN} more" if len(sections) > MOST_SHOWN else ""
        show.say(f"no article so far is in the section {named}{more}; the choice is kept: mend it, or wait for them")


@app.command()
def remove(
    address: AddressArgument, list_name: AnyListOption = None, reason: ReasonOption = "", project: ProjectOption = None
) -> None:
    """Take one person off a list, or off all of them; their history is kept."""
    from digest.people.lists import remove as remove_person
    from digest.project import open_project

    with open_project(project) as opened:
        left = remove_person(opened, address, list_name, reason, _now())
    if not left:
        show.say(f"{address} was on no list{f' {list_name}' if list_name else ''}: nothing to do")


@app.command("list")
def list_(
    list_name: AnyListOption = None,
    state: Annotated[
        str | None, typer.Option("--state", help="confirmed, unconfirmed, unsubscribed or removed.")
    ] = None,
    limit: LimitOption = None,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """List subscribers with where they stand."""
    from digest.people.lists import listing, read_state
    from digest.project import open_project

    with open_project(project) as opened:
        found = listing(opened, list_name, read_state(state), limit, _now())
        if json:
            _print_json(found)
            return
        rows = ((one.address, one.name, one.language, _standing(one)) for one in found)
        show.table(("address", "name", "language", "lists"), rows)


def _print_json(found: Any) -> None:
    # Written as it is read: a list of a million must not be held in memory.
    parts = (jsonlib.dumps(_brief(one), ensure_ascii=False) for one in found)
    show.stream_json("subscribers", parts)


@app.command("show")
def show_(address: AddressArgument, project: ProjectOption = None, json: JsonOption = False) -> None:
    """Show one subscriber: lists, history, and the last ten deliveries with the relay's own words."""
    from digest.people.card import card
    from digest.project import open_project

    with open_project(project) as opened:
        one = card(opened, address)
    if json:
        more = {
            "history": one.history,
            "deliveries": one.deliveries,
            "suppression": one.suppression,
            "stops": one.stops,
        }
        show.as_json({**_brief(one.known), **more})
        return
    known = one.known
    show.line(f"{show.printable(known.address)}  {show.printable(known.name)}  {known.language or ''}".rstrip())
    for name, value in known.attributes.items():
        show.line(f"  {show.printable(name)}: {show.printable(value)}")
    show.line(f"  {_lists(known)}")
    if stop := one.suppression:
        by = f" by {stop['by']}" if stop["by"] else ""
        show.line(
            show.printable(f"  suppressed ({stop['reason']}) {_when(stop['at'])}{by}: {stop['detail']}").rstrip(": ")
        )
    for newsletter in one.stops:
        show.line(f"  left the newsletter {newsletter}")
    if one.history:
        show.line("")
        show.table(
            ("when (UTC)", "list", "state", "through", "by", "reason"),
            [(_when(h["at"]), h["list"], h["state"], h["origin"], h["by"], h["reason"]) for h in one.history],
        )
    if one.deliveries:
        show.line("")
        show.table(
            ("edition", "state", "when (UTC)", "reply"),
            [
                (d["edition"], d["state"], _when(d["at"]), " ".join(str(x) for x in (d["code"], d["text"]) if x))
                for d in one.deliveries
            ],
        )


def _when(at: str | None) -> str:
    """Return an instant as people read it; in JSON it stands whole."""
    return at[:16].replace("T", " ") if at else ""


def _brief(one: "Known") -> dict[str, Any]:
    return {
        "address": one.address,
        "name": one.name,
        "language": one.language,
        "lists": one.lists,
        "suppressed": one.suppressed,
        "sections": one.sections,
    }


def _standing(one: "Known") -> str:
    return f"{_lists(one)}; suppressed: {one.suppressed}" if one.suppressed else _lists(one)


def _lists(one: "Known") -> str:
    return ", ".join(f"{name}: {state}{_sections(one, name)}" for name, state in one.lists.items()) or "on no list"


def _sections(one: "Known", list_name: str) -> str:
    names = [show.printable(name) for name in one.sections.get(list_name, [])]
    return f" ({', '.join(names)})" if names else ""


def _now() -> dt.datetime:
    return dt.datetime.now(dt.UTC)
