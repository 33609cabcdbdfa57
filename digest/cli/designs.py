"""``digest designs``: what letters can look like."""

import os
from pathlib import Path
from typing import Annotated

import typer

from digest.cli import show
from digest.cli.options import JsonOption, ProjectOption, VerboseOption

app = typer.Typer(help="What letters can look like.", no_args_is_help=True)


def register(root: typer.Typer) -> None:
    """Add the commands."""
    root.add_typer(app, name="designs")


@app.command("list")
def list_(project: ProjectOption = None, json: JsonOption = False) -> None:
    """List the designs, the newsletters that use each, and where its templates are."""
    from digest.letter.designs import list_designs
    from digest.project import find_folder, read_configuration

    configuration = read_configuration(find_folder(project, os.environ, Path.cwd()))
    used: dict[str, list[str]] = {}
    for newsletter in configuration.file.newsletters.values():
        used.setdefault(newsletter.design, []).append(newsletter.name)
    designs = list_designs(configuration.folder)
    if json:
        rows = [
            {"name": one.name, "newsletters": used.get(one.name, []), "own": one.own, "folder": str(one.folder)}
            for one in designs
        ]
        show.as_json({"designs": rows})
        return
    table = [(one.name, ", ".join(used.get(one.name, [])), one.folder if one.own else "packaged") for one in designs]
    show.table(("design", "newsletters", "templates"), table)


@app.command()
def copy(
    design: Annotated[str, typer.Argument(metavar="DESIGN", help="As `list` shows it.")],
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of the new one.")],
    project: ProjectOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Copy a design into templates/NAME, to be changed there."""
    from digest.letter.designs import copy_design
    from digest.project import find_folder

    folder = find_folder(project, os.environ, Path.cwd())
    files = copy_design(folder, design, name)
    if verbose or show.is_terminal():
        for file in files:
            show.say(f"made {file}")
        show.say(f'now set design = "{name}" in digest.toml, and look: digest preview')
