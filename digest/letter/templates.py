"""The designs: Jinja templates of a project and of the package, in a sandbox, with errors that name file and line.

A design NAME is a folder ``templates/NAME`` with ``letter.html.j2`` and ``letter.txt.j2``.  A project's own templates
come first.  Everything is escaped but what goes into ``.txt.j2`` and subjects.
"""

import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import jinja2
from jinja2 import BaseLoader, Environment, StrictUndefined, nodes
from jinja2.loaders import split_template_path
from jinja2.sandbox import ImmutableSandboxedEnvironment

from digest.errors import ConfigError, nearest
from digest.letter.lines import underlined, wrap
from digest.letter.printed import Picture, PrintedArticle, PrintedDay
from digest.letter.slots import OFFERED
from digest.packaged import packaged

LARGEST = 256_000  #: octets of one template: what is compiled is bounded
FOLDER = "templates/"
SHARED = "shared"  #: the folder of what designs share
LETTER = "letter.html.j2"  #: the file that makes a folder a design
SUBJECT = "subject in digest.toml"
#: Frozen values without methods.
PLAIN = frozenset((PrintedArticle, PrintedDay, Picture))


class TemplateError(ConfigError):
    """A template is missing, wrong, or asks for what is not there."""

    def __init__(self, problem: str, file: str, line: int | None = None) -> None:
        where = file if line is None or file == SUBJECT else f"{file}, line {line}"
        super().__init__(f"{where}: {' '.join(problem.split())}")
        self.file = file
        self.line = line


class DesignNotFound(TemplateError):
    """There is no design of this name."""

    def __init__(self, name: str, known: list[str]) -> None:
        super().__init__(f"no such design; there is: {', '.join(known)}{nearest(name, known)}", f"{FOLDER}{name}")
        self.name = name


@dataclass(frozen=True)
class Templates:
    """A project's designs and the packaged ones; what is compiled once serves every letter."""

    folders: tuple[Path, ...]
    environment: Environment

    def render(self, name: str, context: Mapping[str, object]) -> str:
        """Return what a template makes of this context; TemplateError."""
        return _run(name, lambda: self.environment.get_template(name).render(context))

    def render_subject(self, source: str, context: Mapping[str, object]) -> str:
        """Return what the line in digest.toml makes of this context; TemplateError."""

        def subject() -> str:
            _check_slots(self.environment.parse(source, SUBJECT, SUBJECT), SUBJECT)
            code = self.environment.compile(source, SUBJECT, SUBJECT)
            template = jinja2.Template.from_code(self.environment, code, self.environment.make_globals(None))
            return template.render(context)

        return _run(SUBJECT, subject)

    def designs(self) -> list[str]:
        """Return the names of all designs, sorted."""
        return sorted({file.parent.name for folder in self.folders for file in folder.glob(f"*/{LETTER}")})

    def check_design(self, name: str) -> None:
        """Raise DesignNotFound when there is no design of this name."""
        if name not in (known := self.designs()):
            raise DesignNotFound(name, known)


def open_templates(project: Path | None = None) -> Templates:
    """Return the templates of a project's folder, its own before the packaged ones."""
    own = (project / "templates",) if project else ()
    folders = (*own, packaged("templates"))
    environment = _Sandbox(
        loader=_Folders(folders),
        undefined=StrictUndefined,
        # select_autoescape() knows html, not html.j2; here everything is escaped that is not plain text by its name.
        autoescape=lambda name: name is None or not (name.endswith(".txt.j2") or name == SUBJECT),
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"wrap": wrap, "underlined": underlined}
    # The same edition makes the same letter.
    del environment.filters["random"], environment.globals["lipsum"]
    return Templates(folders, environment)


class _Sandbox(ImmutableSandboxedEnvironment):
    """Jinja's, which looks at every value that a template reaches; a third of rendering, so not at our plain ones."""

    def is_safe_attribute(self, obj: object, attr: str, value: object) -> bool:
        if type(obj) in PLAIN and not attr.startswith("_"):
            return True
        return super().is_safe_attribute(obj, attr, value)


class _Folders(BaseLoader):
    def __init__(self, folders: tuple[Path, ...]) -> None:
        self.folders = folders

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        inside = Path(*split_template_path(template))  # refuses ..
        file = next((file for folder in self.folders if (file := folder / inside).is_file()), None)
        if file is None:
            raise jinja2.TemplateNotFound(template)
        shown = f"{FOLDER}{template}"
        if file.stat().st_size > LARGEST:
            raise TemplateError(f"has more than {LARGEST} octets; split it or make it smaller", shown)
        try:
            source = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TemplateError(f"cannot be read as UTF-8: {error}", shown) from error
        changed = file.stat().st_mtime_ns
        _check_slots(environment.parse(source, template, shown), shown)
        return source, shown, lambda: file.is_file() and file.stat().st_mtime_ns == changed


def _run(name: str, render: Callable[[], str]) -> str:
    """Return what ``render`` returns, its errors as ours with file and line."""
    shown = name if name == SUBJECT else f"{FOLDER}{name}"
    try:
        return render()
    except TemplateError:
        raise
    except jinja2.TemplateSyntaxError as error:
        raise TemplateError(error.message or "is no template", error.filename or shown, error.lineno) from error
    except jinja2.TemplateNotFound as error:
        missing = "is not there" if error.name == name else f"{FOLDER}{error.name} is not there"
        raise TemplateError(missing, *_place(error, shown)) from error
    except jinja2.TemplateError as error:  # undefined, or not allowed in the sandbox
        raise TemplateError(str(error), *_place(error, shown)) from error
    except Exception as error:
        raise TemplateError(f"{type(error).__name__}: {error}", *_place(error, shown)) from error


def _place(error: BaseException, shown: str) -> tuple[str, int | None]:
    """Return the innermost file and line of a template that an error came through."""
    place: tuple[str, int | None] = (shown, None)
    for frame, line in traceback.walk_tb(error.__traceback__):
        file = frame.f_code.co_filename
        if file == SUBJECT or file.startswith(FOLDER):
            place = (file, line)
    return place


def _check_slots(tree: nodes.Template, shown: str) -> None:
    """Raise TemplateError for a slot that is anything but a value of its own, written out where it stands.

    What a slot holds is not known before it is stamped: a condition, a filter, a loop or a concatenation would see the
    marker.  This looks at every template that is loaded, so at included and imported ones and macros too.
    """
    written = [call for output in tree.find_all(nodes.Output) for call in output.nodes if _is_slot(call)]
    names = [call.node for call in written if isinstance(call, nodes.Call)]
    for name in tree.find_all(nodes.Name):
        if name.name == "slot" and not any(name is own for own in names):
            problem = "a slot is written as {{ slot('name', default='...') }}, not inside anything else"
            raise TemplateError(problem, shown, name.lineno)
    for call in written:
        assert isinstance(call, nodes.Call)
        what = call.args[0] if len(call.args) == 1 else None
        if shown == SUBJECT:
            raise TemplateError("a subject is the same for every reader, it cannot hold a slot", shown)
        if not isinstance(what, nodes.Const) or what.value not in OFFERED:
            raise TemplateError(f"no such slot; there is: {', '.join(OFFERED)}", shown, call.lineno)


def _is_slot(node: nodes.Node) -> bool:
    return isinstance(node, nodes.Call) and isinstance(node.node, nodes.Name) and node.node.name == "slot"
