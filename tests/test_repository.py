"""What may not be committed, and what must be there."""

import re
import tomllib
from collections.abc import Iterator
from itertools import chain

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from tests.checkout import ROOT, files
from tests.conftest import TOOLS

PACKAGES = r"py-?pi|pythonhosted|npm(?:js)?|registry|index|mirrors?|packages?|artifact\w*|deb|wheels?"
#: Written so that none of them finds itself here.
FORBIDDEN = {
    "an address of a package index": re.compile(
        rf"(?i)://[^\s/]*\b(?:{PACKAGES})\b[^\s/]*\.|\b(?:py-?pi|pythonhosted|npmjs)\.[a-z]{{2,}}\b"
    ),
    "an address to download from": re.compile(r"(?i):/[/]\S+?(?:/simple\b|/packages/|\.whl\b|\.tar\.[gx]z\b|\.tgz\b)"),
    "an option that names an index": re.compile(r"(?i)\b(?:extra.)?index.url\s*[=\s]\s*\S|find.links\s*[=\s]\s*\S"),
    "a path of somebody's machine": re.compile(r"(?<![\w.\-])/(?:work|root|home|Users)/"),
    "a private key": re.compile(r"-{5}BEGIN [A-Z ]*PRIVATE KEY-{5}"),
    "a token of a service": re.compile(r"\b(?:AKIA[0-9A-Z]{16}|gh[pousr]_\w{36}|xox[abp]-\w{10,}|sk-\w{24,})"),
    "a secret of digest": re.compile(r"\bDIGEST_\w*(?:KEY|PASSWORD|SECRET|TOKEN)\w*=[^\s\"'`<{$]{12,}"),
    "a password in an address": re.compile(
        r"://[^\s/:@]+:[^\s/:@]+@(?!127\.|localhost|[\w.-]*\bexample\b|[^\s/]*[{$*<])[a-z0-9-]+\.[a-z]"
    ),
}
#: Written by programs: stores, keys, and a lock file that holds download addresses.
UNWANTED = re.compile(r"(?:^|/)\.env$|\.(?:db|sqlite3?|pem|key|p12|pyc|log)$|(?:^|/)uv\.lock$")


def lines() -> Iterator[tuple[str, str]]:
    """Yield every line of every file, with where it stands."""
    for name in files():
        text = (ROOT / name).read_bytes().decode("utf-8", "replace")
        if name.endswith(".eml"):
            text = text.replace("=\r\n", "").replace("=\n", "")  # RFC 2045, 6.7: soft line breaks part addresses
        for number, line in enumerate(text.splitlines(), 1):
            yield f"{name}:{number}", line


@pytest.mark.parametrize("what", FORBIDDEN)
def test_no_file_holds(what: str) -> None:
    assert not [where for where, line in lines() if FORBIDDEN[what].search(line)]


@pytest.mark.parametrize(
    ("what", "line"),
    [
        ("an address of a package index", "index = https://" + "pypi" + ".example.com/"),
        ("an address of a package index", "from files." + "pythonhosted" + ".org"),
        ("an address to download from", "six @ https:/" + "/example.com/six-1.whl"),
        ("an option that names an index", "--index" + "-url https"),
        ("a path of somebody's machine", "see /" + "home/anna/digest"),
        ("a private key", "-----BEGIN RSA " + "PRIVATE KEY-----"),
        ("a token of a service", "ghp" + "_" + "a" * 36),
        ("a secret of digest", "DIGEST_SECRET" + "_KEY=" + "k" * 43),
        ("a password in an address", "smtp://anna:" + "hemligt@mail.tidningen.se"),
    ],
)
def test_it_would_be_found(what: str, line: str) -> None:
    assert FORBIDDEN[what].search(line)


@pytest.mark.parametrize("what", FORBIDDEN)
def test_what_readme_and_settings_say_is_not_mistaken_for_it(what: str) -> None:
    said = (
        "#DIGEST_SECRET_KEY=\n"
        "DIGEST_RELAY_URL=smtp://user:password@mail.example.com:587\n"
        "smtp+plain://a:b@127.0.0.1:{port}\n"
        "https://nytt.example.com/home/news\n"
        "pip install digest-mailer, or: uv tool install digest-mailer\n"
    )

    assert not FORBIDDEN[what].search(said)


def test_no_file_is_one_that_a_program_left() -> None:
    assert not [name for name in files() if UNWANTED.search(name)]


@pytest.mark.parametrize("name", ["README.md", "CHANGELOG.md", "LICENSE", "Makefile", ".env.example", "digest.toml"])
def test_file_is_there_and_says_something(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").strip()


def test_constraints_pin_all_that_pyproject_names_within_its_bounds() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    extras = project["project"]["optional-dependencies"].values()
    named = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"], *chain(*extras)]
    pinned = dict(pins())

    for requirement in map(Requirement, named):
        if requirement.name != "digest-mailer" and (not requirement.marker or requirement.marker.evaluate()):
            assert requirement.name.lower() in pinned, f"{requirement.name}: make lock"
            assert requirement.specifier.contains(pinned[requirement.name.lower()]), f"{requirement}: make lock"


def pins() -> Iterator[tuple[str, Version]]:
    """Yield what constraints.txt holds to which version."""
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            name, version = line.split("==")
            yield name.replace("_", "-"), Version(version)


def test_ci_installs_every_program_that_a_test_may_need() -> None:
    run = ROOT / ".ci" / "run"
    if not run.exists():
        pytest.skip("no .ci/run: it does not travel in the sdist")

    installed = re.findall(r'^  "(?:/usr/sbin/)?([\w-]+)=[\w -]+"$', run.read_text(encoding="utf-8"), re.MULTILINE)
    assert set(installed) == set(TOOLS)
