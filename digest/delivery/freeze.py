"""From what waits to a frozen edition: select and render first, then one transaction."""

import datetime as dt
import secrets
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from digest.delivery import crash
from digest.delivery.variants import Variant, Variants, numbers_crowded, numbers_skipped, plan
from digest.edition.layout import Layout, Story, lay_out
from digest.edition.select import Choice, choose
from digest.edition.stories import stories, within
from digest.edition.topics import Topics
from digest.letter import budget
from digest.letter.compose import compose
from digest.letter.frame import Frame
from digest.letter.keys import keys_for
from digest.letter.templates import Templates, open_templates
from digest.models import Article, Edition, Letter, MailingList, Newsletter, Placement, Source
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import articles, editions, names
from digest.store.variants import Wanted, hear


@dataclass(frozen=True)
class Draft:
    """An edition as it would go out now: selected, laid out and rendered; nothing of it is stored."""

    newsletter: NewsletterSettings
    row: Newsletter
    date: dt.date
    number: int
    at: dt.datetime
    choice: Choice
    layout: Layout
    letters: tuple[Letter, ...]
    variants: Variants  #: what the letters are made for, one by one
    list_ids: tuple[int, ...]
    readers: int
    skipped: int = 0  #: of them, whose sections leave nothing
    crowded: int = 0  #: of them, who get more than they chose: there are too many combinations
    languages: Collection[str] = ()  #: that readers asked for

    @property
    def key(self) -> str:
        """``senaste-nytt/2025-11-30``."""
        return articles.edition_key(self.newsletter.name, self.date, self.number)


def newsletter_row(project: Project, newsletter: NewsletterSettings, now: dt.datetime) -> Newsletter:
    """Return a newsletter's row, made when it is first used."""
    list_id = f"{newsletter.name}.{newsletter.sender[1].rpartition('@')[2].lower()}"
    return names.newsletter(project.store, newsletter.name, newsletter.formerly, list_id, now)


def draft(
    project: Project,
    newsletter: NewsletterSettings,
    date: dt.date,
    now: dt.datetime,
    *,
    number: int = 1,
    test: bool = False,
    look: Collection[Wanted] | None = None,
) -> Draft:
    """Return the edition of a date as it would go out now; its letters are there when it has an article.

    ``look``: of the letters that do not hold everything only those for who wants this are made, for somebody to see.
    """
    row = newsletter_row(project, newsletter, now)
    assert row.id is not None
    list_ids = list_numbers(project, newsletter, now)
    choice = choice_for(project, newsletter, row.id, date, now)
    found = stories_in(project, newsletter, choice, date)
    layout = lay_out(choice.chosen, date, newsletter.zone, newsletter.max_articles, found)
    chosen = [article for article, _ in choice.chosen]
    wishes, languages = _wishes(project, row.id, list_ids, chosen)
    shown = wishes if look is None else {Wanted(language): 0 for language in languages} | dict.fromkeys(look, 0)
    variants = plan(newsletter.language, chosen, shown)
    bounces = project.environment.bounce_address
    pairs = choice.chosen if layout.count else ()
    letters = render(project, newsletter, row, pairs, found, date, variants.all, bounces, now, test=test)
    return Draft(
        newsletter, row, date, number, now, choice, layout, letters, variants, list_ids, sum(wishes.values()),
        numbers_skipped(variants, wishes), numbers_crowded(variants, wishes), languages,
    )  # fmt: skip


def list_numbers(project: Project, newsletter: NewsletterSettings, now: dt.datetime) -> tuple[int, ...]:
    """Return the numbers of a newsletter's lists, given to them here when they are new."""
    return tuple(_list_number(project, name, now) for name in newsletter.lists)


def _wishes(
    project: Project, newsletter_id: int, list_ids: Sequence[int], chosen: Sequence[Article]
) -> tuple[Counter[Wanted], list[str]]:
    """Return what readers want of these articles, with their numbers, and the languages that they asked for."""
    topics, wishes = Topics(chosen), Counter[Wanted]()
    languages: dict[str, None] = {}

    def told(wanted: Wanted, readers: int) -> None:
        wishes[Wanted(wanted.language, topics.here(wanted.sections))] += readers
        if wanted.language:
            languages[wanted.language] = None

    hear(project.store, newsletter_id, list_ids, told)
    return wishes, list(languages)


def choice_for(
    project: Project, newsletter: NewsletterSettings, newsletter_id: int, date: dt.date, now: dt.datetime
) -> Choice:
    """Return what would go into the edition of a date now."""
    first = not editions.has_frozen(project.store, newsletter_id)
    candidates = articles.candidates(project.store, newsletter_id)
    return choose(candidates, date, newsletter.zone, now, newsletter.lookback_days if first else None)


def stories_in(project: Project, newsletter: NewsletterSettings, choice: Choice, date: dt.date) -> tuple[Story, ...]:
    """Return the stories that several sources tell, among what would go into an edition."""
    return stories(choice.chosen, newsletter.same_story, preferred(project), date, newsletter.zone)


def preferred(project: Project) -> set[int]:
    """Return the numbers of the sources that digest.toml prefers."""
    sources = project.file.sources
    return {at for at, name in names.names(project.store, Source).items() if name in sources and sources[name].prefer}


def render(
    project: Project,
    newsletter: NewsletterSettings,
    row: Newsletter,
    chosen: Sequence[tuple[Article, Placement]],
    found: Sequence[Story],
    date: dt.date,
    variants: Sequence[Variant],
    bounce_address: str | None,
    now: dt.datetime,
    *,
    test: bool = False,
) -> tuple[Letter, ...]:
    """Return an edition's letters, one for each variant, in their order; none for one without an article left.

    ``found`` are the stories that several sources tell.
    """
    frame, templates = _frame(project, newsletter, row, bounce_address, now, test=test), open_templates(project.folder)
    made = []
    for variant in variants:
        held = [pair for pair in chosen if variant.articles is None or pair[0].id in variant.articles]
        if held:
            layout = lay_out(held, date, newsletter.zone, newsletter.max_articles, within(found, held))
            letter = _compose(layout, frame, templates, variant.language)
            letter.articles = None if variant.articles is None else sorted(variant.articles)
            made.append(letter)
    return tuple(made)


def _list_number(project: Project, name: str, now: dt.datetime) -> int:
    settings = project.file.lists.get(name)
    return names.number(project.store, MailingList, name, settings.formerly if settings else None, now)


def _frame(
    project: Project,
    newsletter: NewsletterSettings,
    row: Newsletter,
    bounce_address: str | None,
    now: dt.datetime,
    *,
    test: bool,
) -> Frame:
    lists, sources = project.file.lists, project.file.sources
    titles = tuple(lists[name].title or name if name in lists else name for name in newsletter.lists)
    return Frame(
        newsletter=newsletter,
        list_id=row.list_id or newsletter.name,
        base_url=project.base_url,
        bounce_address=bounce_address,
        date=now.astimezone(newsletter.zone),
        list_titles=titles,
        source_titles={
            at: sources[name].title for at, name in names.names(project.store, Source).items() if name in sources
        },
        test=test,
    )


def _compose(layout: Layout, frame: Frame, templates: Templates, language: str) -> Letter:
    return compose(layout, frame, templates, secrets.token_hex(16), language)


def freeze(
    project: Project, made: Draft, *, rehearsal: bool, forced: Sequence[Mapping[str, str]] = ()
) -> Edition | None:
    """Freeze an edition: from here on neither its articles nor its readers change.

    ``forced`` are lines of its history: by whom which rule of preflight was overridden, and what it had said.

    None when an article has changed since the draft was rendered: draft it anew, and look at it anew.
    """
    freezing = replace(_freezing(project, made, rehearsal=rehearsal), forced=forced)
    crash.reached("rendered")
    edition = editions.freeze(project.store, freezing)
    crash.reached("frozen")
    return edition


def _freezing(project: Project, made: Draft, *, rehearsal: bool) -> editions.Freezing:
    assert made.row.id is not None
    return editions.Freezing(
        newsletter_id=made.row.id,
        date=made.date,
        number=made.number,
        at=made.at,
        give_up_at=made.at + made.newsletter.give_up_after,
        rehearsal=rehearsal,
        list_ids=made.list_ids,
        sender=made.newsletter.sender[1],
        bounce_address=project.environment.bounce_address,
        key=project.keys.newest.fingerprint,
        dkim=[key.frozen() for key in keys_for(project, made.newsletter.sender[1])],
        rendered=made.choice.chosen,
        roles=budget.roles(made.layout, made.letters),
        shown_as=made.layout.shown_as(),
        passed=[article.id for article in made.choice.passed if article.id is not None],
        letters=made.letters,
        languages=made.languages,
        letter_for=made.variants.place_for,
    )
