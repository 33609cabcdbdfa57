"""digest as people get it: from a wheel, from an sdist, and from a checkout."""

import json
import os
import subprocess
import sys
import sysconfig
import tarfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from digest.demo.received import read_received
from tests import checkout

READERS = 6  #: in the sample's list
WHERE = """
import json, digest
from digest.packaged import packaged
print(json.dumps([digest.__file__, *(str(packaged(part)) for part in ("templates", "digest.toml", "articles"))]))
"""


@dataclass(frozen=True)
class Forms:
    """What digest can be installed from."""

    checkout: Path
    wheel: Path
    sdist: Path


def run(*command: str | Path, cwd: Path) -> str:
    """Run a program as somebody would who has set nothing; return what it prints."""
    ran = subprocess.run(command, cwd=cwd, env=_environment(), capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran.stdout


def _environment() -> Mapping[str, str]:
    settings = ("PIP_", "UV_", "PYTHON", "VIRTUAL_ENV", "DIGEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(settings)}
    return {**kept, "PIP_CONFIG_FILE": os.devnull, "PYTHONWARNINGS": "error"}


@pytest.fixture(scope="session")
def forms(tmp_path_factory: pytest.TempPathFactory) -> Forms:
    """Build the sdist, and the wheel from it, as a packager does."""
    folder = tmp_path_factory.mktemp("forms")
    copy = checkout.copy_to(folder / "checkout")
    built = folder / "built"
    run(sys.executable, "-m", "build", "--no-isolation", "--outdir", built, copy, cwd=folder)
    (wheel,), (sdist,) = built.glob("*.whl"), built.glob("*.tar.gz")
    return Forms(copy, wheel, sdist)


def install(folder: Path, *what: str | Path) -> Path:
    """Install into a new environment that borrows our libraries but not our digest; return its programs' folder."""
    run(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder.parent)
    python = folder / "bin" / "python"
    site = Path(run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", cwd=folder).strip())
    # A folder named in a .pth file is searched last, and the .pth files in it, ours to the checkout too, are not read.
    (site / "zz-libraries.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    options = ["--isolated", "--quiet", "--no-index", "--no-deps", "--no-build-isolation", "--ignore-installed"]
    run(python, "-m", "pip", "install", *options, "--no-compile", *what, cwd=folder)
    return folder / "bin"


@pytest.mark.parametrize("form", ["wheel", "sdist", "editable"])
def test_demo_runs_from_an_empty_folder(forms: Forms, form: str, tmp_path: Path) -> None:
    sources: dict[str, list[str | Path]] = {
        "wheel": [forms.wheel],
        "sdist": [forms.sdist],
        "editable": ["--editable", forms.checkout],
    }
    programs = install(tmp_path / "venv", *sources[form])
    empty = tmp_path / "empty"
    empty.mkdir()

    told = json.loads(run(programs / "digest", "demo", "--json", "--dir", tmp_path / "demo", cwd=empty))
    package, *parts = map(Path, json.loads(run(programs / "python", "-c", WHERE, cwd=empty)))

    assert told["mails"] == len(read_received(tmp_path / "demo" / "mails")) == READERS
    assert not list(empty.iterdir())
    home = forms.checkout if form == "editable" else tmp_path / "venv"
    inside = forms.checkout if form == "editable" else package.parent / "_packaged"
    assert package.is_relative_to(home)
    assert {part.parent for part in parts} == {inside}


def test_wheel_holds_the_package_and_what_travels_with_it_and_nothing_else(forms: Forms) -> None:
    with zipfile.ZipFile(forms.wheel) as wheel:
        held = {name for name in wheel.namelist() if ".dist-info/" not in name}
    travels = ("templates/", "subscribers/", "articles/", "digest.toml", ".env.example")
    package = {name for name in checkout.files() if name.startswith("digest/")}

    assert held == package | {f"digest/_packaged/{name}" for name in checkout.files() if name.startswith(travels)}
    assert held >= {
        "digest/py.typed",
        "digest/store/migrations/env.py",
        "digest/store/migrations/script.py.mako",
        "digest/store/migrations/versions/0001_first_tables.py",
        "digest/locale/sv/LC_MESSAGES/digest.po",
        "digest/locale/en/LC_MESSAGES/digest.po",
        "digest/_packaged/templates/senaste-nytt/letter.html.j2",
        "digest/_packaged/templates/senaste-nytt/letter.txt.j2",
        "digest/_packaged/articles/senaste-nytt.json",
        "digest/_packaged/subscribers/industri.csv",
    }


def test_sdist_holds_what_a_packager_needs_to_build_and_test(forms: Forms) -> None:
    with tarfile.open(forms.sdist) as sdist:
        held = {name.partition("/")[2] for name in sdist.getnames()}
    ours = {name for name in checkout.files() if not name.startswith(".ci/")}

    assert held == ours | {"PKG-INFO"}
