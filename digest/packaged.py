"""Where to find what travels with the package: the designs and the sample project."""

from pathlib import Path
from typing import Literal

from digest.errors import DigestError

PACKAGE = Path(__file__).parent

Part = Literal["templates", "digest.toml", ".env.example", "subscribers", "articles"]


class NotPackaged(DigestError):
    """Something that travels with digest is not there."""

    def __init__(self, name: str, package: Path) -> None:
        super().__init__(f"digest is not installed whole: {name} is missing beside {package}; install it again")
        self.name = name


def packaged(name: Part, package: Path = PACKAGE) -> Path:
    """Return the file or folder of this name: inside the package in a wheel, else at the checkout's root."""
    inside = package / "_packaged"
    # A wheel lies in site-packages, where a stranger's `templates` may stand: only a checkout is looked into.
    root = inside if inside.is_dir() or not (package.parent / "pyproject.toml").is_file() else package.parent
    if not (root / name).exists():
        raise NotPackaged(name, package)
    return root / name
