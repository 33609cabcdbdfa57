from pathlib import Path

import pytest

from digest.packaged import NotPackaged, packaged


def test_checkout_has_what_travels_at_its_root() -> None:
    root = Path(__file__).parent.parent

    assert packaged("templates") == root / "templates"
    assert packaged("digest.toml") == root / "digest.toml"


def test_wheel_has_what_travels_inside_the_package(tmp_path: Path) -> None:
    package = tmp_path / "digest"
    (package / "_packaged" / "templates").mkdir(parents=True)

    assert packaged("templates", package) == package / "_packaged" / "templates"


def test_templates_of_a_stranger_beside_an_installed_package_are_not_ours(tmp_path: Path) -> None:
    package = tmp_path / "site-packages" / "digest"
    (tmp_path / "site-packages" / "templates").mkdir(parents=True)

    with pytest.raises(NotPackaged, match=r"^digest is not installed whole: templates is missing beside .*; install"):
        packaged("templates", package)


def test_wheel_without_its_sample_says_what_is_missing(tmp_path: Path) -> None:
    package = tmp_path / "digest"
    (package / "_packaged").mkdir(parents=True)
    (tmp_path / "pyproject.toml").touch()
    (tmp_path / "articles").mkdir()

    with pytest.raises(NotPackaged) as refused:
        packaged("articles", package)

    assert refused.value.name == "articles"
