"""``digest init``, ``digest demo`` and ``digest config``."""

import datetime as dt
import os
from pathlib import Path
from typing import Annotated

import typer

from digest.cli import show
from digest.cli.options import JsonOption, ProjectOption, VerboseOption

config = typer.Typer(help="What is set, and where it comes from.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.command("init")(init)
    root.command("demo")(demo)
    root.add_typer(config, name="config")


def init(
    folder: Annotated[Path | None, typer.Argument(metavar="DIR", help="Else this folder.")] = None,
    project: ProjectOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Make a project folder: digest.toml, .env with a fresh key, templates/, subscribers/ and the store."""
    from digest.operation.setup import set_up

    at = folder or project or Path(os.environ.get("DIGEST_PROJECT") or ".")
    pieces = set_up(at, dt.datetime.now(dt.UTC))
    if not (verbose or show.is_terminal()):
        return
    for made in pieces:
        show.say(f"{'made ' if made.is_new else 'there'} {made.path}")
    show.say(f"\nNext, in {at}: write digest.toml (title, from, lists), then\n")
    for command in (
        "digest articles import FILE            # JSON, CSV or Markdown",
        "digest subscribers import FILE --list readers --confirmed",
        "digest preview && digest send          # letters go to outbox/ until DIGEST_RELAY_URL is set in .env",
    ):
        show.say(f"  {command}")


def demo(
    keep: Annotated[Path | None, typer.Option("--dir", metavar="DIR", help="A new folder for it.")] = None,
    json: JsonOption = False,
) -> None:
    """Do the whole job on the sample, through a real SMTP conversation, and say where to look."""
    from digest.demo.play import play

    played = play(keep, show.say)
    if json:
        show.as_json(played.as_json())


@config.command("show")
def show_(project: ProjectOption = None, json: JsonOption = False) -> None:
    """Print every setting with its value and where it came from, secrets masked; and DNS records for DKIM keys."""
    from digest.letter.keys import records
    from digest.project import find_folder, read_configuration

    configuration = read_configuration(find_folder(project, os.environ, Path.cwd()))
    everything = (*configuration.everything(), *records(configuration))
    if json:
        rows = [{"name": one.name, "value": one.value, "source": one.source} for one in everything]
        show.as_json({"project": str(configuration.folder), "settings": rows})
        return
    show.say(f"project {configuration.folder}")
    show.table(("setting", "value", "from"), [(one.name, one.value, one.source) for one in everything])
