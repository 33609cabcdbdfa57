"""The design that docs/designs.md makes in twenty lines, and its third language."""

import datetime as dt
import re
from pathlib import Path

import pytest

from digest.letter.compose import compose
from digest.letter.templates import open_templates
from digest.locale import words_for
from digest.models import Letter
from tests.builders import SUNDAY, a_frame, the_seed
from tests.checkout import ROOT
from tests.letter.designs import NONCE


def block(language: str) -> str:
    """Return the block of docs/designs.md in this language."""
    text = (ROOT / "docs" / "designs.md").read_text(encoding="utf-8")
    (found,) = re.findall(rf"```{re.escape(language)}\n(.*?)```", text, re.DOTALL)
    return str(found)


@pytest.fixture
def brief(tmp_path: Path) -> Letter:
    folder = tmp_path / "templates" / "brief"
    folder.mkdir(parents=True)
    (folder / "letter.html.j2").write_text(block("html+jinja"), encoding="utf-8")
    (folder / "letter.txt.j2").write_text(block("jinja"), encoding="utf-8")
    return compose(the_seed(), a_frame(design="brief"), open_templates(tmp_path), NONCE)


def test_a_third_design_takes_twenty_lines() -> None:
    assert len((block("html+jinja") + block("jinja")).strip().splitlines()) <= 22  # two of them are in every design
    assert len(block("html+jinja").splitlines()) <= 21


def test_third_design_makes_a_whole_letter(brief: Letter) -> None:
    assert brief.html.count("<h3") == 25
    assert "Xiaomi lyfter och inspirerar unga kreatörer i Afrika" in brief.html
    assert "Senaste nytt, söndag 30 november 2025</h1>" in brief.html
    assert 'content="light dark"' in brief.html
    assert "Avsluta prenumerationen" in brief.html
    assert "Fredag 28 november\n------------------\n" in brief.text


def test_third_design_knows_what_its_articles_cost(brief: Letter) -> None:
    costs = brief.costs["articles"]

    assert len(costs) == 26
    assert all(200 < cost < 600 for cost in costs.values())


def test_third_language_is_one_file(tmp_path: Path) -> None:
    file = tmp_path / "de" / "LC_MESSAGES" / "digest.po"
    file.parent.mkdir(parents=True)
    file.write_text(block("po"), encoding="utf-8")
    words = words_for("de", tmp_path)

    assert words.text("Read on the web") == "Im Web lesen"
    assert words.plural("%(n)s story", "%(n)s stories", 26) == "26 Nachrichten"
    assert words.day(SUNDAY, SUNDAY) == "Sonntag, 30. November"
    assert words.day(dt.date(2024, 12, 31), SUNDAY) == "Dienstag, 31. Dezember 2024"
    assert words.text("Unsubscribe") == "Unsubscribe"
