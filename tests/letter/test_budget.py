"""What a letter costs, and what is folded so that no mailbox cuts it."""

import datetime as dt
import re
from pathlib import Path
from typing import Any

import pytest

from digest.edition.layout import Day, Layout
from digest.letter.budget import BUDGET, Costs, fold, roles
from digest.letter.compose import compose
from digest.letter.slots import UNSUBSCRIBE
from digest.letter.stamp import fill_page
from digest.letter.templates import open_templates
from digest.models import Letter, PlacementRole
from tests.builders import SUNDAY, a_frame, a_reader, an_article, the_seed
from tests.letter.designs import NONCE, a_design, parts, stamped

LONG = "Nya modeller ser bakåt i mörker och snö, och larmar den som backar innan någon hinner gå i vägen för bilen. "


def a_long_layout(dates: int, each: int) -> Layout:
    """Return an edition of a lead story and so many dates of so many headlines, numbered from 1."""
    numbers = iter(range(2, 10_000))
    days = [
        Day(SUNDAY - dt.timedelta(ago), tuple(_headline(next(numbers)) for _ in range(each))) for ago in range(dates)
    ]
    return Layout(SUNDAY, an_article("Huvudnyhet", id=1, lead=LONG), tuple(days))


def _headline(number: int) -> Any:
    return an_article(f"Nyhet {number}.", id=number, url=f"https://nytt.example.com/{number}", lead=LONG)


def a_letter(layout: Layout, **frame: Any) -> Letter:
    return compose(layout, a_frame(**frame), open_templates(), NONCE)


@pytest.mark.parametrize("design", ["senaste-nytt", "plain"])
def test_letter_over_budget_folds_its_oldest_dates_whole(design: str) -> None:
    letter = a_letter(a_long_layout(30, 8), design=design)
    printed = set(map(int, re.findall(r">Nyhet (\d+)\.</", letter.html)))
    folded = set(letter.costs["folded"])

    assert BUDGET - 8_000 < letter.costs["html"] <= BUDGET
    assert printed == set(range(2, min(folded)))
    assert folded == set(range(min(folded), 242))
    assert len(printed) % 8 == 0
    assert f">{len(folded)} till på webben →</a>" in letter.html
    assert f"\n{len(folded)} till på webben:\n" in letter.text
    assert f"Nyhet {max(folded)}." not in letter.text
    assert "241 nyheter" in letter.text
    assert letter.mail.count(str(UNSUBSCRIBE).encode()) == 3


def test_what_it_costs_is_what_a_mailbox_gets() -> None:
    letter = a_letter(the_seed())
    _, page = parts(stamped(letter, a_reader()))

    assert letter.costs["html"] == len(page.removesuffix("\n").encode())
    assert letter.costs["budget"] == BUDGET
    assert sum(letter.costs["articles"].values()) < letter.costs["html"] * 0.75


def test_each_article_costs_what_its_words_take() -> None:
    short, long = an_article("Kort", id=2), an_article("Lång " * 40, id=3, section="Fordon", lead=LONG)
    costs = a_letter(Layout(SUNDAY, an_article(id=1), (Day(SUNDAY, (short, long)),))).costs["articles"]

    assert costs["3"] > costs["2"] + 500


def test_newest_date_is_cut_at_its_end_when_it_alone_is_too_long() -> None:
    letter = a_letter(a_long_layout(2, 150))
    printed = list(map(int, re.findall(r">Nyhet (\d+)\.</", letter.html)))

    assert BUDGET - 2_000 < letter.costs["html"] <= BUDGET
    assert printed == list(range(2, 2 + len(printed)))
    assert letter.costs["folded"] == list(range(2 + len(printed), 302))


def test_lead_story_is_printed_whatever_it_costs() -> None:
    seed = the_seed()

    left = fold(seed, Costs(200_000, (150_000, *[500] * 25), (2_500,) * 5))

    assert left.lead is seed.lead
    assert left.days == ()
    assert left.count == 26


def test_page_of_the_web_prints_what_the_mail_folds() -> None:
    layout = a_long_layout(30, 8)
    letter = a_letter(layout)
    page = fill_page(letter.page, a_reader(unsubscribe="abc" * 12 + "de"))

    assert set(map(int, re.findall(r">Nyhet (\d+)\.</", page))) == set(range(2, 242))
    assert "till på webben" not in page
    assert f"/u/{'abc' * 12}de" in page
    assert NONCE not in letter.page


def test_page_of_the_web_prints_what_max_articles_folds_under_its_date() -> None:
    late = an_article("Eftersläntrare", published_on=SUNDAY - dt.timedelta(1))
    letter = a_letter(Layout(SUNDAY, an_article("Huvudnyhet"), (Day(SUNDAY, (an_article(),)),), (late,)))

    assert "Eftersläntrare" not in letter.html
    assert letter.page.index(">Lördag 29 november<") < letter.page.index(">Eftersläntrare<")


def test_letter_that_folds_nothing_needs_no_other_page() -> None:
    assert a_letter(the_seed()).page == ""


def test_design_without_bounds_is_folded_all_the_same(tmp_path: Path) -> None:
    html = (
        "<!DOCTYPE html><html><body>{% for d in days %}{% for a in d.articles %}<p>{{ a.title }} {{ a.lead }}</p>"
        "{% endfor %}{% endfor %}{{ folded }}<a href='{{ unsubscribe_url }}'>x</a></body></html>"
    )
    letter = compose(a_long_layout(200, 5), a_frame(design="mine"), open_templates(a_design(tmp_path, html)), NONCE)

    assert BUDGET / 2 < letter.costs["html"] <= BUDGET
    assert letter.costs["folded"]


def test_article_is_folded_in_an_edition_when_no_letter_prints_it() -> None:
    seed = the_seed()
    wide = Letter(edition_id=0, language="sv", subject="", html="", text="", mail=b"", costs={"articles": {"1": 9}})
    narrow = wide.model_copy(update={"costs": {"articles": {"1": 9, "2": 9}}})
    found = roles(seed, [wide, narrow])

    assert found[1] is PlacementRole.LEAD
    assert found[2] is PlacementRole.HEADLINE
    assert {role for number, role in found.items() if number > 2} == {PlacementRole.FOLDED}
    assert roles(seed, [wide.model_copy(update={"costs": {}})]) == seed.roles()
