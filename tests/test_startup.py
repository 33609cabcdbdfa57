"""What asking for help costs: the modules that are loaded before a command has anything to do."""

import json
import subprocess
import sys

import pytest

#: typer, and what it brings for its tables and panels; rich looks whether attr is there.
QUICK = {"annotated_doc", "attr", "markdown_it", "mdurl", "pygments", "rich", "shellingham", "typer"}
#: typer 0.29 reads the parameters of a command by pydantic; we have no say in that.
PYDANTIC = {"annotated_types", "pydantic", "pydantic_core", "typing_extensions", "typing_inspection"}
SLOW = {"aiosmtplib", "alembic", "babel", "jinja2", "premailer", "pydantic", "sqlalchemy", "sqlmodel"}

LOADED = """
import contextlib, io, json, sys
before = set(sys.modules)  # what a .pth file of the environment loads is not ours
from digest.cli import main
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main(sys.argv[1:])
print(json.dumps(sorted(set(sys.modules) - before)))
"""


def loaded_by(*arguments: str) -> set[str]:
    """Return the names of the modules that a command loads."""
    ran = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    return set(json.loads(ran.stdout))


def libraries(modules: set[str]) -> set[str]:
    """Return the libraries among them that are neither Python's nor our own."""
    tops = {name.partition(".")[0] for name in modules}
    return {top for top in tops - sys.stdlib_module_names - {"digest"} if not top.startswith("_sysconfigdata")}


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_loads_nothing_that_is_slow(option: str) -> None:
    loaded = libraries(loaded_by(option))

    assert not loaded & SLOW
    assert loaded <= QUICK


@pytest.mark.parametrize("command", ["send", "articles import", "subscribers import", "editions audit", "demo"])
def test_help_of_a_command_loads_nothing_more_than_typer_does(command: str) -> None:
    loaded = libraries(loaded_by(*command.split(), "--help"))

    assert not loaded & (SLOW - PYDANTIC)
    assert loaded <= QUICK | PYDANTIC


@pytest.mark.parametrize("command", ["", "send", "articles import", "subscribers import", "editions audit", "demo"])
def test_help_enters_no_room_but_the_command_line(command: str) -> None:
    rooms = {name.split(".")[1] for name in loaded_by(*command.split(), "--help") if name.startswith("digest.")}

    assert rooms == {"cli", "errors"}


def test_command_that_has_work_loads_what_it_needs() -> None:
    assert libraries(loaded_by("config", "show")) >= PYDANTIC, "so the tests above do not look at an empty list"


#: What going on with a frozen edition enters, and the notices that every send looks for.
GOING_ON = """
import json, sys
import digest.cli.results, digest.delivery.notices, digest.delivery.run, digest.operation.expect
print(json.dumps(sorted(sys.modules)))
"""


def test_going_on_with_an_edition_loads_no_templates() -> None:
    ran = subprocess.run([sys.executable, "-c", GOING_ON], capture_output=True, text=True, check=True)
    loaded = libraries(set(json.loads(ran.stdout)))

    assert "sqlalchemy" in loaded
    assert not loaded & {"alembic", "babel", "httpx2", "jinja2", "lxml", "nh3", "premailer"}
