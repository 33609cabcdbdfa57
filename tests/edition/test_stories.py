import datetime as dt
import time
from contextlib import suppress
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

import digest
from digest.collect.feeds import read_feed
from digest.edition.layout import Layout, Story, Why, lay_out
from digest.edition.stories import frozen, stories
from digest.errors import DigestError
from digest.models import Article, Placement, PlacementRole, PlacementState
from tests.builders import SUNDAY, an_article
from tests.edition.likenesses import ONE_STORY, TWO_STORIES

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOON = dt.datetime(2025, 11, 30, 12, tzinfo=STOCKHOLM)
HOUR, DAY = dt.timedelta(hours=1), dt.timedelta(days=1)
PINNED, WAITING, BOUND = PlacementState.PINNED, PlacementState.WAITING, PlacementState.BOUND
CORPUS = Path(digest.__file__).parents[2] / "shared" / "corpora" / "feeds"
TITLE, LEAD = ONE_STORY[0][0]
Pair = tuple[Article, Placement]


def telling(number: int, source: int | None, state: PlacementState = WAITING, **values: Any) -> Pair:
    """Return an article that tells the one story, as a source has it, with its place."""
    defaults = {"title": TITLE, "lead": LEAD, "published": NOON, "url": f"https://{number}.example.com/"}
    article = an_article(**{**defaults, **values}, id=number, source_id=source)
    return article, Placement(article_id=number, newsletter_id=1, state=state, at=NOON)


def found(*pairs: Pair, rule: str = "preferred", preferred: tuple[int, ...] = ()) -> list[tuple[int, list[int], str]]:
    """Return of each story which number is shown, those it stands for, and why."""
    return told(stories(pairs, rule, preferred, SUNDAY, STOCKHOLM))


def told(some: tuple[Story, ...]) -> list[tuple[int, list[int], str]]:
    return [(story.shown.id or 0, [other.id or 0 for other in story.others], story.why.value) for story in some]


def test_three_sources_that_tell_the_same_are_one_story_and_the_first_is_shown() -> None:
    three = telling(1, 1), telling(2, 2, published=NOON - HOUR), telling(3, 3, published=NOON + HOUR)

    assert found(*three) == [(2, [1, 3], "first")]
    assert found(*reversed(three)) == found(*three), "the order in which they were read does not matter"


def test_articles_of_one_source_are_never_one_story() -> None:
    assert found(telling(1, 1), telling(2, 1)) == []
    assert found(telling(1, None), telling(2, None)) == []
    assert found(telling(1, 1), telling(2, None)) == [(1, [2], "first")]
    (one,) = found(telling(1, 1), telling(2, 1), telling(3, 2))
    assert len(one[1]) == 1, "the third goes with one of them"


@pytest.mark.parametrize(("days", "count"), [(0, 1), (3, 1), (4, 0), (7, 0)])
def test_story_that_comes_again_after_some_days_is_another(days: int, count: int) -> None:
    assert len(found(telling(1, 1), telling(2, 2, published=NOON - days * DAY))) == count


def test_rule_says_which_is_shown() -> None:
    first = telling(1, 1, published=NOON - HOUR)
    liked, long = telling(2, 2), telling(3, 3, body="<p>" + "Mer text. " * 40 + "</p>")
    three = first, liked, long

    assert found(*three, rule="first", preferred=(2,)) == [(1, [2, 3], "first")]
    assert found(*three, rule="preferred", preferred=(2, 9)) == [(2, [1, 3], "preferred")]
    assert found(*three, rule="preferred") == [(1, [2, 3], "first")]
    assert found(*three, rule="longest", preferred=(2,)) == [(3, [1, 2], "longest")]
    assert found(*three, rule="off") == []


@pytest.mark.parametrize("rule", ["first", "longest", "preferred"])
def test_pinned_article_is_the_one_shown_whatever_the_rule(rule: str) -> None:
    pair = telling(1, 1, body="<p>Lång.</p>", published=NOON - HOUR), telling(2, 2, PINNED)

    assert found(*pair, rule=rule, preferred=(1,)) == [(2, [1], "pinned")]


def test_first_counts_what_is_known_of_the_time() -> None:
    dated = telling(1, 1, published=None, published_on=SUNDAY - DAY, first_seen=NOON)
    timed, undated = telling(2, 2, published=NOON - HOUR), telling(3, 3, published=None, first_seen=NOON - 2 * HOUR)

    assert found(timed, undated) == [(3, [2], "first")]
    assert found(timed, undated, dated) == [(1, [3, 2], "first")], "its day was over by midnight"


def test_who_joins_a_story_contradicts_nobody_in_it() -> None:
    one, other = TWO_STORIES[6]
    between = (one[0].replace(" at Borealis", ""), one[1].replace(" of Borealis", ""))
    pairs = [telling(n, n, title=title, lead=lead) for n, (title, lead) in enumerate((one, between, other), 1)]

    (story,) = found(*pairs)
    assert not {1, 3} <= {story[0], *story[1]}, "what is like both does not make them one"


def test_all_stories_are_found_among_many_articles_and_no_other() -> None:
    same = [words for n in (18, 9, 14, 17, 16) for words in ONE_STORY[n]]
    leads = {lead[:30] for _, lead in same}
    others = {(title, lead[:30]): (title, lead) for pair in TWO_STORIES for title, lead in pair}
    rest = [words for (_, beginning), words in others.items() if beginning not in leads]
    pairs = [telling(n, n, title=title, lead=lead) for n, (title, lead) in enumerate([*same, *rest], 1)]

    groups = [sorted((shown, *instead)) for shown, instead, _ in found(*pairs)]
    assert len(pairs) > 40
    assert sorted(groups) == [[1, 2], [3, 4], [5, 6], [7, 8], [9, 10]]


@pytest.mark.skipif(not CORPUS.is_dir(), reason="its feeds are not here")
def test_no_two_feeds_of_the_corpus_tell_one_story() -> None:
    pairs: list[Pair] = []
    for source, file in enumerate(sorted(CORPUS.glob("*/*.xml")), 1):
        with suppress(DigestError):
            reading = read_feed(file.read_bytes(), url=None, charset=None, zone=STOCKHOLM, now=NOON)
            for one in reading.found:
                title, lead, body = one.article.title, one.article.lead, one.article.body
                pairs.append(telling(len(pairs) + 1, source, title=title, lead=lead, body=body))

    assert len(pairs) > 100
    assert found(*pairs) == []


def test_five_thousand_articles_take_no_time_whatever_they_say() -> None:
    began = time.process_time()
    alike = [
        telling(n, n, title=f"Acme köper maskinfabriken Beta {n % 40}", lead=f"Ord {n} " * 80) for n in range(5000)
    ]
    found(*alike)

    assert time.process_time() - began < 20, "and no twelve million comparisons"


def laid_out(*pairs: Pair, most: int = 60) -> Layout:
    return lay_out(pairs, SUNDAY, STOCKHOLM, most, stories(pairs, "preferred", (), SUNDAY, STOCKHOLM))


def test_layout_prints_one_of_a_story_and_holds_them_all() -> None:
    layout = laid_out(telling(1, 1), telling(2, 2), telling(3, 3, title="Luftrenare", lead=""))

    assert [article.id for article in layout.printed] == [1, 3]
    assert {number: [other.id for other in others] for number, others in layout.also.items()} == {1: [2]}
    assert (layout.told, layout.count) == (2, 3)
    assert layout.roles() == {1: PlacementRole.LEAD, 2: PlacementRole.ALSO, 3: PlacementRole.HEADLINE}
    assert layout.shown_as() == {2: (1, "first")}


def test_others_of_a_story_take_no_room_and_are_folded_with_it() -> None:
    new = [telling(n, n, title=f"Nyhet {n}", lead="", published=NOON + n * HOUR) for n in (3, 4)]
    layout = laid_out(telling(1, 1), telling(2, 2), *new, most=2)

    assert [article.id for article in layout.folded] == [3]
    assert layout.roles()[2] is PlacementRole.ALSO
    assert set(layout.roles()) == {1, 2, 3, 4}


def a_bound(*shown_as: tuple[int, int | None], **values: Any) -> list[Pair]:
    """Return articles of a frozen edition, each with whom it stood for."""
    pairs = [telling(number, number, BOUND, title=f"Nu heter den {number}", **values) for number, _ in shown_as]
    for (_, place), (_, instead) in zip(pairs, shown_as, strict=True):
        place.shown_as, place.shown_by = instead, "longest" if instead else None
    return pairs


def test_frozen_story_stays_one_whatever_its_articles_and_the_rule_say_now() -> None:
    bound = a_bound((1, 2), (2, None), (3, None))

    assert told(frozen(bound, lambda _: True, "first", (), STOCKHOLM)) == [(2, [1], Why.LONGEST)]


def test_frozen_story_whose_shown_article_is_hidden_now_shows_another() -> None:
    bound = a_bound((1, 2), (2, None), (3, 2))
    (story,) = frozen(bound, lambda article: article.id != 2, "first", (), STOCKHOLM)

    assert told((story,)) == [(1, [3], Why.FIRST)]
    assert [article.id for article in story.hidden] == [2]
    layout = lay_out([pair for pair in bound if pair[0].id != 2], SUNDAY, STOCKHOLM, 60, [story])
    assert layout.roles() == {1: PlacementRole.LEAD, 3: PlacementRole.ALSO}
    assert layout.shown_as() == {2: (1, "first"), 3: (1, "first")}, "it comes back into its story, not beside it"
    assert frozen(bound, lambda _: False, "first", (), STOCKHOLM) == ()
