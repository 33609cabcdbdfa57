"""``digest serve``: the readers' pages."""

from typing import Annotated

import typer

from digest.cli import show
from digest.cli.options import ProjectOption, VerboseOption


def register(root: typer.Typer) -> None:
    """Add the command."""
    root.command("serve")(serve)


def serve(
    host: Annotated[str, typer.Option(metavar="HOST", help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option(metavar="PORT", min=0, max=65535, help="The port; 0 takes a free one and prints it.")
    ] = 8000,
    project: ProjectOption = None,
    verbose: VerboseOption = False,
) -> None:
    """Answer readers: the link to leave by, letters on the web, and /healthz. Ends with SIGTERM or Ctrl-C.

    Put a web server with https in front of it, and write its address as base_url.
    """
    from digest.project import open_project
    from digest.web.app import make_app
    from digest.web.server import address_of, listen
    from digest.web.server import serve as answer

    with open_project(project) as opened:
        listening = listen(host, port)
        if verbose or port == 0 or show.is_terminal():
            show.say(f"listening on {address_of(listening)}; links in letters lead to {opened.base_url}")
        answer(make_app(opened, _say, log=verbose), listening)


def _say(line: str) -> None:
    show.say(f"digest: {line}")
