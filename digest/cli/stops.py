"""``digest subscribers suppress``, ``unsuppress`` and ``erase``: whom no letter may reach."""

import contextlib
import datetime as dt
from typing import Annotated

import typer

from digest.cli import show
from digest.cli.options import JsonOption, ProjectOption

AddressArgument = Annotated[str, typer.Argument(metavar="ADDRESS")]
WhyOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it is kept.")]


def register(group: typer.Typer) -> None:
    """Add the commands to ``digest subscribers``."""
    group.command("suppress")(suppress)
    group.command("unsuppress")(unsuppress)
    group.command("erase")(erase)


def suppress(address: AddressArgument, reason: WhyOption, project: ProjectOption = None) -> None:
    """Stop all letters to an address, on every list, whether or not anybody is known by it."""
    from digest.people.suppression import suppress as stop
    from digest.project import open_project

    with open_project(project) as opened:
        already = stop(opened, address, reason, dt.datetime.now(dt.UTC))
    if already is not None:
        show.say(f"{address} is suppressed already ({already.reason}): nothing to do")


def unsuppress(address: AddressArgument, reason: WhyOption, project: ProjectOption = None) -> None:
    """Lift the stop on an address, unless they complained; subscriptions are as they were before it."""
    from digest.people.suppression import unsuppress as lift
    from digest.project import open_project

    with open_project(project) as opened:
        lifted = lift(opened, address, reason, dt.datetime.now(dt.UTC))
    if not lifted:
        show.say(f"{address} is not suppressed: nothing to do")


def erase(
    address: AddressArgument,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Answer the question.")] = False,
    project: ProjectOption = None,
    json: JsonOption = False,
) -> None:
    """Forget a person: nothing of them stays but a number and a hash; says which lines of files to delete."""
    from digest.people.erasure import erase as forget
    from digest.people.lists import NoSuchSubscriber, find
    from digest.project import open_project

    with open_project(project) as opened:
        if show.is_terminal() and not yes:
            with contextlib.suppress(NoSuchSubscriber):  # a file may still name somebody whom nobody knows
                known = find(opened, address)
                who = " ".join(filter(None, [show.printable(known.name), f"<{show.printable(known.address)}>"]))
                if not typer.confirm(f"Forget {who} for ever?", err=True):
                    raise typer.Exit(1)
        done = forget(opened, address, dt.datetime.now(dt.UTC))
    for place in done.files:
        if place.line is None:
            show.say(f"{place.file} cannot be looked through: see whether it names them, and delete that")
        else:
            show.say(f"{place.file}, line {place.line} still names them: delete that line")
    for name in done.copies:
        show.say(f"{name}, the store as it was before an upgrade, still holds them: delete that file")
    if done.left_behind:
        show.say(done.left_behind)
    if not done.was_known:
        raise NoSuchSubscriber(address)
    if json:
        show.as_json(
            {
                "withdrawn": done.withdrawn,
                "files": [{"file": place.file, "line": place.line} for place in done.files],
                "copies": done.copies,
                "left_behind": done.left_behind,
            }
        )
    raise typer.Exit(0 if done.is_all else 3)
