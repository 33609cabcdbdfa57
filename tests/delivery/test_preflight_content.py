"""What preflight says of an edition's articles, and what it never cries wolf about."""

import datetime as dt
from typing import Any

import pytest

from digest.delivery.headlines import pairs
from digest.delivery.preflight import Level, check
from digest.delivery.weekdays import wrong_weekdays
from digest.models import Article
from tests.builders import SUNDAY, a_newsletter, an_article, the_seed
from tests.examining import a_subject, editions_of, found, having_run, messages, printing, the_letter

#: Headlines of one form, as the seed's site has them day after day.
ORDINARY = (
    "Ny truck från Toyota", "Ny truck från Linde", "Ny vd för Volvo i Sverige", "Ny vd för Volvo i Norge", "SUTO",
    "Backkameror",
    "Packningar för entreprenadmaskiner", "Packningar för lantbruksmaskiner", "Få 25% RABATT på HibouAir DUO BLE",
    "Delårsrapport januari–mars 2025", "Delårsrapport april–juni 2025", "Klicka hem ett nytt kontor innan jul!",
    "Volvo lanserar hjullastare L120 för tuffa miljöer", "Volvo lanserar hjullastare L150 för tuffa miljöer",
    "Kompressor serie 7 från Atlas sparar ström, vatten, plats, buller och pengar åt verkstaden",
    "Kompressor serie 9 från Atlas sparar ström, vatten, plats, buller och pengar åt verkstaden",
    "Så väljer du rätt pump till din anläggning", "Så väljer du rätt ventil till din anläggning", "ABB OCH SMC",
    "FESTO DGST",
    "Mässan öppnar måndag 1 december", "Gratis seminarium om tryckluft", "Black Week: 100 kr rabatt!", "HMI",
    "Kasinot i Sundsvall byter ventilation", "Köp nu, betala i januari", "Luftrenare", "Vunnen tid med robotar",
)  # fmt: skip
LONG = "Den nya tryckluftskompressorn är tystare än sin föregångare och drar hälften så mycket ström."


def test_an_ordinary_day_of_the_trade_press_says_nothing() -> None:
    ran = [*having_run("Redskap till teleskoplastare", 2), *having_run("Packningar för truckar", 3)]
    day = printing(*ORDINARY, ran=ran, earlier=editions_of(20, 26, 24, 31, 22), readers=2000)

    assert [finding for finding in check(day).findings if finding.message] == []


def test_the_seed_says_nothing() -> None:
    day = a_subject(the_letter(), layout=the_seed())

    assert [finding for finding in check(day).findings if finding.message] == []


@pytest.mark.parametrize("title", ["Backkameror", "BACKKAMEROR", " Back-kameror! "])
def test_a_headline_that_ran_the_other_day_is_named_with_its_date(title: str) -> None:
    (said,) = messages(printing(title, ran=having_run("Backkameror", 2)), "repeated")

    assert "ran on 2025-11-28" in said


def test_an_article_is_no_repetition_of_itself() -> None:
    assert not messages(printing("Backkameror", ran=having_run("Backkameror", 2, number=1)), "repeated")


def test_a_standing_heading_is_none() -> None:
    assert not messages(printing("Veckans notiser", ran=having_run("Veckans notiser", 7, 14)), "repeated")


def test_a_piece_that_runs_a_third_time_with_its_lead_is_no_standing_heading() -> None:
    article = an_article("Tystare kompressor", id=1, lead=LONG)

    assert (
        "title and lead" in messages(printing(article, ran=having_run(article.title, 1, 5, lead=LONG)), "repeated")[0]
    )
    assert not messages(printing(article, ran=having_run(article.title, 1, 5, lead=LONG[::-1])), "repeated")


def test_the_same_headline_twice_is_alike() -> None:
    (said,) = messages(printing("Luftrenare", "Backkameror", "LUFTRENARE"), "alike")

    assert said.endswith("one headline twice; drop one of them")


def test_two_headlines_for_one_lead_are_alike_and_a_short_lead_is_nobodys() -> None:
    twice = [an_article("Tyst kompressor", id=1, lead=LONG), an_article("Halva strömmen räcker", id=2, lead=LONG)]
    short = [an_article("Tyst kompressor", id=1, lead="Läs mer!"), an_article("Luftrenare", id=2, lead="Läs mer!")]

    assert "one lead twice" in messages(printing(*twice), "alike")[0]
    assert not messages(printing(*short), "alike")


def test_nearly_one_headline_is_told_once_and_the_share_can_be_set() -> None:
    titles = (
        "SMC lanserar effektiv membranteknik för industrin",
        "Ny effektiv membranteknik till industrin lanserar SMC",
    )
    other = "SMC lanserar billig membranteknik för industrin"
    strict = a_newsletter(from_="nytt@tidningen.se", preflight={"alike_percent": 60})

    assert len(messages(printing(*titles), "alike")) == 1
    assert not messages(printing(titles[0], other), "alike")
    assert len(messages(printing(titles[0], other, newsletter=strict), "alike")) == 1


def test_pairs_are_those_that_a_look_at_every_two_would_find() -> None:
    vocabulary = [f"ord{'abcdefghijklmnop'[n]}" for n in range(16)]
    titles = {n: " ".join(vocabulary[(n * k * k + k) % 16] for k in range(3, 10)) for n in range(60)}
    sets = {n: frozenset(title.split()) for n, title in titles.items()}
    every = {
        (one, other)
        for one in sets
        for other in sets
        if one < other
        and min(len(sets[one]), len(sets[other])) >= 4
        and len(sets[one] & sets[other]) >= 0.8 * len(sets[one] | sets[other])
    }

    assert every
    assert set(pairs(titles, 80)) == every


def test_a_lead_story_without_a_lead_is_told_where_others_have_one() -> None:
    bare, told = an_article("Luftrenare", id=1), an_article("Backkameror", id=2, lead=LONG)
    used_to = [one for n in range(3) for one in having_run(f"Lead {n}", n + 1, lead=LONG, is_lead=True)]

    assert found(printing(told, lead=bare), "lead") is Level.WARN
    assert found(printing("Gummimattor", lead=bare, ran=used_to), "lead") is Level.WARN
    assert found(printing("Gummimattor", lead=bare), "lead") is Level.FINE
    assert found(printing("Gummimattor", lead=bare, ran=used_to[:2]), "lead") is Level.FINE


def some(with_it: int, without: int, source: int = 1, **values: Any) -> list[Article]:
    """Return articles of a source with and without something."""
    have = [an_article(f"Med {source} {n}", id=10 * source + n, source_id=source, **values) for n in range(with_it)]
    return [*have, *(an_article(f"Utan {source} {n}", id=500 + n, source_id=source) for n in range(without))]


@pytest.mark.parametrize(("rule", "value"), [("lead", {"lead": LONG}), ("date", {"published_on": SUNDAY})])
def test_what_few_of_a_source_lack_is_missing_and_what_many_lack_is_its_way(rule: str, value: dict[str, Any]) -> None:
    def distinct(articles: list[Article]) -> list[Article]:
        return [Article(**{**a.model_dump(), "lead": f"{a.lead} {a.id}" if a.lead else ""}) for a in articles]

    assert len(messages(printing(*distinct(some(4, 1, **value))), rule)) == 1
    assert not messages(printing(*distinct(some(3, 1, **value))), rule)
    assert not messages(printing(*distinct([*some(9, 0, 1, **value), *some(0, 2, 2)])), rule)


def test_an_undated_lead_story_needs_no_date() -> None:
    assert not messages(printing(*some(5, 0, published_on=SUNDAY), lead=an_article("Xiaomi", source_id=1)), "date")


@pytest.mark.parametrize("title", ["KÖP BILLIGA LUFTRENARE", "LUFTRENARE", "25% RABATT PÅ ALLT"])
def test_a_headline_in_capitals_is_told(title: str) -> None:
    assert found(printing(title), "capitals") is Level.WARN


@pytest.mark.parametrize(
    "title", ["SUTO", "ABB, SMC, IFS OCH SAP", "MHZ-X7400B-CRT 2000", "2025", "空気清浄機の新製品", "OKS 2671",
     "三菱電機が新しいロボットをABBと共同開発", "الاصطناعي يدخل مصانع ABB"],
)  # fmt: skip
def test_names_and_what_has_no_capitals_are_none(title: str) -> None:
    assert found(printing(title), "capitals") is Level.FINE


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("Mässa måndag 2 december", "tisdag"),
        ("Söndagen den 29 november 2025 öppnar hallen", "lördag"),
        ("Tisdagen den 30:e november", "söndag"),
        ("Open day on Monday, December 2", "Tuesday"),
        ("Register by Friday 27th of November 2025", "Thursday"),
        ("Fri Nov 27: webinar", "Thursday"),
        ("fre 27 nov", "torsdag"),
        ("Onsdag 26 och fredagen den 27 november", "torsdag"),
    ],
)
def test_a_wrong_weekday_is_told_with_the_right_one(text: str, right: str) -> None:
    assert [slip.weekday for slip in wrong_weekdays(text, SUNDAY)] == [right]


@pytest.mark.parametrize(
    "text",
    [
        "Mässa måndag 1 december", "Söndagen den 30 november 2025", "Sunday, November 30, 2025", "Sun 30 Nov",
        "måndag–tisdag 1–2 december", "måndag till onsdag 3 december", "Monday-Tuesday, December 1-2",
        "Monday and Tuesday 2 December", "måndag och onsdag 1 december",
        "fredag den 13 juni", "fredagen den 13 mars 2026", "Fredag 31 april", "Monday, December 1–3", "måndag 12",
        "Fredag den 30 maj blev det klart",  # of this year and half a year ago
        "Lördag 30 maj", # of the next
        "Black Friday 2025", "30 november", "Sat on 2 May shelves", "Torsten 2 december",
        "Varje onsdag 1 juni–31 augusti", "Varje onsdag 1 jun. 2026 till den 31 augusti", "Wed 1 June to 31 August",
    ],
)  # fmt: skip
def test_right_days_ranges_and_what_nobody_can_tell_are_let_be(text: str) -> None:
    assert not list(wrong_weekdays(text, SUNDAY))


def test_a_wrong_weekday_is_found_in_lead_and_subtitle_too() -> None:
    article = an_article("Mässa", id=1, subtitle="Måndag 2 december", lead="Stängt onsdag 4 december.")

    assert [said.rpartition(" ")[2] for said in messages(printing(article), "weekday")] == ["tisdag", "torsdag"]


def test_a_weekday_goes_by_the_year_of_the_edition() -> None:
    assert list(wrong_weekdays("måndag 1 december", SUNDAY.replace(year=2026)))
    assert not list(wrong_weekdays("torsdag 1 januari", dt.date(2025, 12, 30)))


@pytest.mark.parametrize(
    "text",
    ["Klicka här för mer", "CLICK HERE", "Du har vunnit en truck", "Rea!!!", "Tjäna $$$ hemma", "100% gratis pumpar"],
)
def test_phrases_that_filters_are_sure_of_are_told_in_headlines_leads_and_subject(text: str) -> None:
    letter = the_letter().model_copy(update={"subject": text})

    assert found(printing(text), "phrases") is Level.WARN
    assert found(printing(an_article("Pumpar", lead=text)), "phrases") is Level.WARN
    assert found(printing(letters=[letter]), "phrases") is Level.WARN


@pytest.mark.parametrize(
    "text",
    ["Klicka hem ett kontor", "Klickbart golv", "Gratis seminarium", "Riskfri hantering", "Specialister söks", "Nu!",
     "Hur? Så!", "Specialisten", "De har vunnit ordern",
     "Regeringen måste agera nu, säger branschen", "EU must act now on steel"],
)  # fmt: skip
def test_words_that_only_look_like_them_are_let_be(text: str) -> None:
    assert found(printing(text), "phrases") is Level.FINE


@pytest.mark.parametrize(
    ("articles", "earlier", "level"),
    [
        (78, (26, 26, 26, 26, 26), Level.WARN),
        (77, (26, 26, 26, 26, 26), Level.FINE),
        (8, (26, 26, 26, 26, 26), Level.WARN),
        (9, (26, 26, 26, 26, 26), Level.FINE),
        (78, (26, 26, 26, 26), Level.FINE),
        (78, (26, 26, 26, 26, 0), Level.FINE),  # an empty one tells nothing
        (78, (26, 26, 80, 26, 26), Level.FINE),  # as last Monday
        (1, (3, 1, 4, 5, 3), Level.FINE),  # a small one has its ups and downs
        (9, (3, 2, 4, 5, 3), Level.WARN),
    ],
)
def test_a_count_far_from_the_usual_and_from_each_edition_is_told(
    articles: int, earlier: tuple[int, ...], level: Level
) -> None:
    day = a_subject(articles=articles, earlier=editions_of(*earlier))

    assert found(day, "count") is level


def test_an_extra_edition_has_no_usual_count() -> None:
    assert found(printing("Extra", earlier=editions_of(26, 26, 26, 26, 26), number=2), "count") is Level.FINE
