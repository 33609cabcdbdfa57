from pathlib import Path

import pytest

from digest.people.sheet import opened_by, strangers
from tests.people.sheets import save


def test_nobody_has_a_file_open_that_lies_alone(tmp_path: Path) -> None:
    assert opened_by(save(tmp_path, "e-post\n")) is None


@pytest.mark.parametrize(
    ("mark", "content", "who"),
    [
        (".~lock.industri.csv#", "Åsa Ek,anna,datorn,21.11.2025 10:00,file:///srv/listor/;".encode(), "Åsa Ek"),
        (".~lock.industri.csv#", b",anna,datorn,21.11.2025 10:00,file:///srv/listor/;", "anna"),
        (".~lock.industri.csv#", b"", "somebody"),
        (".~lock.industri.csv#", b"\xff\x1b[2J,", "\ufffd[2J"),
        ("~$industri.csv", b"\x07Anna Ek" + b" " * 47, "Anna Ek"),
        ("~$industri.csv", b"", "somebody"),
        ("~$industri.csv", b"\x00", "somebody"),
    ],
)
def test_spreadsheet_s_own_mark_says_who_has_a_file_open(tmp_path: Path, mark: str, content: bytes, who: str) -> None:
    path = save(tmp_path, "e-post\n")
    path.with_name(mark).write_bytes(content)

    assert opened_by(path) == who


def test_files_that_belong_to_no_list_are_named_with_the_nearest(tmp_path: Path) -> None:
    for name in (
        "industri.csv", "industri (1).csv", "industri - kopia.csv", "industri.csv.part", "Industri.xlsx", "x.csv",
        ".~lock.industri.csv#", "~$industri.csv", ".gitkeep", "README.md", "industri.csv~",
    ):  # fmt: skip
        save(tmp_path, "e-post\n", name)

    said = " belongs to no list of digest.toml and is not read"
    assert list(strangers(tmp_path / "subscribers", ["industri"])) == [
        f"subscribers/Industri.xlsx{said}; did you mean 'industri.csv'?",
        f"subscribers/industri (1).csv{said}; did you mean 'industri.csv'?",
        f"subscribers/industri - kopia.csv{said}; did you mean 'industri.csv'?",
        f"subscribers/industri.csv.part{said}; did you mean 'industri.csv'?",
        f"subscribers/x.csv{said}",
    ]
    assert list(strangers(tmp_path / "nowhere", ["industri"])) == []
