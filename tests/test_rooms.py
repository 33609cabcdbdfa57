"""The order of the rooms (the plan of the house): each knows those above it, none below."""

import ast
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

import digest

PACKAGE = Path(digest.__file__).parent

#: From top to bottom; what shares a line stands side by side and does not know each other.
ROOMS = [
    ["models", "errors"],
    ["locale", "tables", "packaged", "notation", "thresholds"],
    ["tokens", "sections"],
    ["settings"],
    ["environment"],
    ["store"],
    ["project"],
    ["collect"],
    ["edition"],
    ["letter"],
    ["people"],
    ["delivery"],
    ["returns"],
    ["operation"],
    ["demo"],
    ["web"],
    ["cli"],
    ["__main__"],
]
FLOOR = {room: floor for floor, rooms in enumerate(ROOMS) for room in rooms}

#: Modules that decide: whatever is so now, by chance or on disk comes in as an argument.
DECIDING = [
    *("edition/select", "edition/layout", "edition/audit", "edition/book"),
    *("edition/likeness", "edition/stories", "edition/wording"),
    *("letter/dkim", "letter/headers", "letter/stamp", "letter/budget", "letter/printed"),
    *("letter/schemes", "letter/inbox"),
    *("collect/answers", "collect/guard", "collect/robots"),
    *(
        "collect/dates",
        "collect/encoding",
        "collect/items",
        "collect/mending",
        "collect/embargoes",
        "collect/sameness",
        "collect/structured",
        "collect/texts",
    ),
    *("collect/discover", "collect/jsonfeed", "collect/page", "collect/sitemap", "collect/story", "collect/vocabulary"),
    *("people/consent", "people/difference"),
    *("delivery/domains", "delivery/line", "delivery/matter"),
    *("delivery/preflight", "delivery/pace", "delivery/retry", "delivery/classify", "delivery/verbs"),
    *("delivery/findings", "delivery/headlines", "delivery/weekdays", "delivery/preflight_content"),
    *("delivery/preflight_edition", "delivery/preflight_letter", "delivery/preflight_sender"),
    *("delivery/endurance", "delivery/envelope", "delivery/replies", "delivery/trip"),
    *("edition/topics", "delivery/variants", "delivery/preview_page"),
    "operation/schedule",
]
TOUCHES_THE_WORLD = {
    *("asyncio", "glob", "http", "io", "logging", "multiprocessing", "os", "pathlib", "random", "secrets", "selectors"),
    *("shutil", "smtplib", "socket", "sqlite3", "ssl", "subprocess", "sys", "tempfile", "threading", "time"),
    *("urllib.request", "uuid", "aiosmtplib", "sqlalchemy", "sqlmodel"),
}
CLOCKS = {"now", "utcnow", "today"}
SQL = {"sqlalchemy", "sqlmodel", "alembic", "sqlite3", "psycopg"}


@cache
def syntax(module: str) -> ast.Module:
    return ast.parse((PACKAGE / module).read_text(encoding="utf-8"), module)


def imports(module: str) -> Iterator[tuple[str, int]]:
    """Yield every module that a module imports, in functions and for type checkers too, with the line."""
    for node in ast.walk(syntax(module)):
        match node:
            case ast.Import(names):
                yield from ((alias.name, node.lineno) for alias in names)
            case ast.ImportFrom("digest", names, 0):
                yield from ((f"digest.{alias.name}", node.lineno) for alias in names)
            case ast.ImportFrom(str(source), _, 0):
                yield source, node.lineno
            case ast.ImportFrom():
                pytest.fail(f"{module}:{node.lineno}: a relative import hides its room; write it in full")
            case ast.Call(ast.Name("__import__") | ast.Attribute(ast.Name("importlib"), "import_module")):
                pytest.fail(f"{module}:{node.lineno}: an import by name hides its room; write it in full")


def modules() -> list[str]:
    return sorted(str(file.relative_to(PACKAGE)) for file in PACKAGE.rglob("*.py"))


def room_of(module: str) -> str:
    """Return the room of ``store/engine.py``, or of ``tokens.py``, which is one by itself."""
    return module.partition("/")[0].removesuffix(".py")


def test_every_module_stands_in_a_room_of_the_plan() -> None:
    assert {room_of(module) for module in modules()} <= {*FLOOR, "__init__"}


@pytest.mark.parametrize("room", FLOOR)
def test_room_knows_only_those_above_it(room: str) -> None:
    above = {other for other, floor in FLOOR.items() if floor < FLOOR[room]}
    allowed = {room, *above, "__version__"}
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if room_of(module) == room
        for name, line in imports(module)
        if name.startswith("digest.") and name.split(".")[1] not in allowed
    ]

    assert not wrong, f"{room} may know only {', '.join(sorted(allowed))}: {wrong}"


def test_package_itself_imports_nothing() -> None:
    assert not list(imports("__init__.py"))


def test_leaves_import_nothing_of_ours_but_errors() -> None:
    for leaf in ("errors", "tables", "packaged", "tokens"):
        ours = {name for name, _ in imports(f"{leaf}.py") if name.startswith("digest")}
        assert ours <= {"digest.errors"}, leaf


def test_only_store_and_models_know_sql() -> None:
    wrong = [
        f"{module}:{line} imports {name}"
        for module in modules()
        if room_of(module) not in ("store", "models")
        for name, line in imports(module)
        if name.partition(".")[0] in SQL
    ]

    assert not wrong


@pytest.mark.parametrize("module", DECIDING)
def test_deciding_module_does_not_touch_the_world(module: str) -> None:
    used = {name for name, _ in imports(f"{module}.py")}

    assert not {*used, *(name.partition(".")[0] for name in used)} & TOUCHES_THE_WORLD


@pytest.mark.parametrize("module", DECIDING)
def test_deciding_module_does_not_look_at_the_clock(module: str) -> None:
    calls = [node for node in ast.walk(syntax(f"{module}.py")) if isinstance(node, ast.Call)]

    assert not [call.lineno for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr in CLOCKS]
