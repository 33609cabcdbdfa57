"""Designs as an editor sees them: which there are, where each comes from, and a copy of one to change."""

import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from digest.errors import DigestError
from digest.letter.templates import LETTER, SHARED, open_templates

NAME = re.compile(r"[a-z0-9](?:[a-z0-9._-]{0,58}[a-z0-9])?")
#: Folders of templates that are no designs.
TAKEN = (SHARED, "pages", "notices")


class CannotCopy(DigestError):
    """A design cannot be copied under this name."""


@dataclass(frozen=True, slots=True)
class Design:
    """A design and the folder it is read from."""

    name: str
    folder: Path
    own: bool  #: of the project's own folder, which comes before the packaged one


def list_designs(project: Path) -> list[Design]:
    """Return the designs that a project can use, sorted by name."""
    templates = open_templates(project)
    designs = []
    for name in templates.designs():
        folder = next(folder for folder in templates.folders if (folder / name / LETTER).is_file())
        designs.append(Design(name, folder / name, folder == templates.folders[0]))
    return designs


def copy_design(project: Path, design: str, name: str) -> list[Path]:
    """Copy a design into the project's own templates under another name, and return its files.

    What designs share stays where it is, so that a copy has what is mended there.  Raises DesignNotFound, CannotCopy.
    """
    open_templates(project).check_design(design)
    if not NAME.fullmatch(name) or name in TAKEN:
        raise CannotCopy(f"{name!r} is no name for a design: small letters, digits and - _ . between them")
    source = next(one.folder for one in list_designs(project) if one.name == design)
    target = project / "templates" / name
    if target.exists():
        raise CannotCopy(f"{target} is there already; take another name, or remove it first")
    try:
        shutil.copytree(source, target, copy_function=shutil.copyfile)
    except OSError as error:
        raise CannotCopy(f"{target} cannot be written: {error}") from error
    return sorted(file for file in target.rglob("*") if file.is_file())
