"""The root of the commands; what is heavy is imported inside them, so that ``digest --help`` is quick."""

import functools
import os
import sys
import traceback
from collections.abc import Callable
from typing import Annotated, Any

import typer
from typer.exceptions import Abort, TyperException
from typer.main import get_command

from digest import __version__
from digest.cli import (
    articles,
    check,
    collect,
    db,
    designs,
    editions,
    preview,
    project,
    schedule,
    send,
    serve,
    show,
    sources,
    status,
    steering,
    subscribers,
)
from digest.errors import DigestError

app = typer.Typer(
    name="digest",
    help="Mail a daily digest of articles to lists of subscribers.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Exit codes: 0 done, 1 failed, 2 usage, 3 partly done, 4 project or configuration, 5 another run is at it, "
    "6 held, 130 interrupted.",
)
_debug = False
INTERRUPTED = 130


def _version(wanted: bool) -> None:
    if wanted:
        show.line(f"digest {__version__}")
        raise typer.Exit


@app.callback()
def root(
    version: Annotated[
        bool, typer.Option("--version", "-V", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show where an error comes from.")] = False,
) -> None:
    """Set what holds for every command."""
    global _debug
    _debug = debug


def run(arguments: list[str]) -> int:
    """Run one command and return its exit code; every error becomes one line unless --debug."""
    try:
        code = _run(arguments)
        show.flush()
    except BrokenPipeError:
        # Whoever read our output has gone, as `head` does; nothing more can be said to them.
        _drop_output()
        return 1
    except show.OutputLost as error:
        _drop_output()
        return _failed(str(error), 1)
    return code


def _drop_output() -> None:
    """Let what is still to be written go nowhere, or Python would try once more at its end, and complain."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@functools.cache
def _commands() -> Callable[..., Any]:
    """Return what Typer makes of all commands: 25 ms of work, which it would do anew for each one that is run."""
    return get_command(app)


def _run(arguments: list[str]) -> int:
    global _debug
    _debug = False
    show.begin(json_wanted="--json" in arguments)
    try:
        code = _commands()(send.optional_test_values(arguments), prog_name="digest", standalone_mode=False)
    except (BrokenPipeError, show.OutputLost):
        raise
    except DigestError as error:
        return _failed(str(error), error.exit_code)
    except TyperException as error:  # usage; the help that stands in for missing arguments has been printed
        words = error.format_message()
        return _failed(f"{words.rstrip('.')}; see: {_command(error)} --help", error.exit_code) if words else 2
    except (KeyboardInterrupt, Abort):
        return INTERRUPTED
    except Exception as error:  # noqa: BLE001  nobody above us would say it in one line
        return _failed(f"{type(error).__name__}: {error} (this is a fault in digest; --debug shows where)", 1)
    return code if isinstance(code, int) else 0


def _failed(words: str, code: int) -> int:
    if _debug:
        traceback.print_exc()
    show.error(words)
    return code


def _command(error: TyperException) -> str:
    context = getattr(error, "ctx", None)
    return str(context.command_path) if context is not None else "digest"


for part in (
    project, collect, sources, articles, subscribers, editions, preview, check, steering, send, schedule, serve, status,
    designs, db,
):  # fmt: skip
    part.register(app)
