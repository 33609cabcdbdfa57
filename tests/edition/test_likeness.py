import json
import time

import pytest

from digest.edition.likeness import LEAD_ALIKE, TITLE_KNOWN, Likeness, compare
from digest.edition.wording import names_in, wording
from digest.packaged import packaged
from tests.builders import an_article
from tests.edition.likenesses import ONE_STORY, TWO_STORIES, Words


def likeness(one: Words, other: Words) -> Likeness:
    first, second = (wording(an_article(title, lead=lead)) for title, lead in (one, other))
    return compare(first, second)


def test_precision_and_recall_on_what_houses_write() -> None:
    found = [pair for pair in ONE_STORY if likeness(*pair).is_one_story]
    wrong = [pair for pair in TWO_STORIES if likeness(*pair).is_one_story]

    assert wrong == [], "precision 1: no story is hidden behind another one"
    assert found == ONE_STORY, "recall 1 on these"


def test_likeness_does_not_depend_on_who_is_asked_first() -> None:
    for one, other in [*ONE_STORY, *TWO_STORIES]:
        assert likeness(one, other).is_one_story == likeness(other, one).is_one_story


def test_thresholds_stand_between_one_story_and_two() -> None:
    same = [likeness(*pair) for pair in ONE_STORY]
    named = [likeness(*pair) for pair in TWO_STORIES]
    others = [one for one in named if one.title >= TITLE_KNOWN and one.lead_words >= 10 and not one.differ]

    assert min(one.lead for one in same if one.lead is not None) > LEAD_ALIKE + 0.1
    assert min(one.title for one in same) > TITLE_KNOWN + 0.1
    assert max(one.lead or 0 for one in others) < LEAD_ALIKE - 0.2


def test_without_names_and_numbers_half_of_the_others_would_be_taken_for_one() -> None:
    assert sum(likeness(*pair).is_near for pair in TWO_STORIES) > 10


def test_headlines_of_the_seed_are_all_stories_of_their_own() -> None:
    rows = json.loads((packaged("articles") / "senaste-nytt.json").read_text(encoding="utf-8"))
    read = [wording(an_article(row["title"], lead=row.get("lead", ""))) for row in rows]

    assert len(read) == 26
    assert [(a, b) for a in read for b in read if a is not b and compare(a, b).is_one_story] == []


def test_lead_that_is_missing_is_taken_from_the_text() -> None:
    lead = ONE_STORY[0][0][1]
    one = an_article("Ny torkteknik för luft", lead=lead)
    other = an_article("Torkteknik som sparar", body=f"<p>{lead}</p><p>Läs mer.</p>")

    assert compare(wording(one), wording(other)).lead == 1


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("Här köper Volvo tio lastbilar av Scania.", {"volvo", "scania"}),
        ("SMC öppnar i Luleå", {"smc", "luleå"}),
        ("Nu kommer EX30. Nu kommer 3,5 miljoner", {"ex30", "3,5"}),
        ("Acme har sålt. Acme köper nu.", {"acme"}),
        ("Acme har sålt.", set()),
        ("Ordern är stor. Ordern, som kom i går, är på order", {"ordern"}),
        ("A New Era For Warehouse Robots", set()),
        ("1 200 jobb i Volvos fabrik", {"1200", "volvo"}),
    ],
)
def test_names_and_numbers_of_a_text(text: str, names: set[str]) -> None:
    assert names_in(text) == names


def test_hostile_text_is_compared_in_no_time() -> None:
    began = time.process_time()
    for text in ("a" * 100_000, "<" * 100_000, "(" * 1000, "A1 " * 50_000, "| " * 1000, "…" * 1000, "1 234 " * 500):
        one = an_article(text[:1000], lead=text)
        assert compare(wording(one), wording(an_article("Luftrenare" + text[:900], lead="x" + text))).title <= 1

    assert time.process_time() - began < 2


def test_words_say_how_alike_and_what_differs() -> None:
    same, other = ONE_STORY[0], TWO_STORIES[5]

    assert str(likeness(*same)) == "the same title, 100% of the lead"
    assert str(likeness(*other)).endswith("of the lead; they differ in delta, omega")
    assert str(likeness(("Luftrenare", ""), ("Luftrenare", "Ren luft."))) == "the same title, one without a lead"
