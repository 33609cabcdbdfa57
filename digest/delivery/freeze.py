"""From what waits to a frozen edition: select and render first, then one transaction."""

import datetime as dt
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from digest.delivery import crash
from digest.edition.layout import Layout, Story, lay_out
from digest.edition.select import Choice, choose
from digest.edition.stories import stories
from digest.letter.compose import compose
from digest.letter.frame import Frame
from digest.letter.keys import keys_for
from digest.letter.templates import Templates, open_templates
from digest.locale import available
from digest.models import Edition, Letter, MailingList, Newsletter, Source
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import articles, editions, names, people


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
    letter_of: Mapping[str, int]  #: a reader's language -> index of their letter
    list_ids: tuple[int, ...]
    readers: int

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
) -> Draft:
    """Return the edition of a date as it would go out now; its letters are there when it has an article."""
    row = newsletter_row(project, newsletter, now)
    assert row.id is not None
    list_ids = tuple(_list_number(project, name, now) for name in newsletter.lists)
    readers = people.languages(project.store, row.id, list_ids)
    choice = choice_for(project, newsletter, row.id, date, now)
    found = stories_in(project, newsletter, choice, date)
    layout = lay_out(choice.chosen, date, newsletter.zone, newsletter.max_articles, found)
    languages, letter_of = _variants(newsletter.language, readers)
    bounces = project.environment.bounce_address
    letters = render(project, newsletter, row, layout, languages, bounces, now, test=test) if layout.count else ()
    return Draft(
        newsletter, row, date, number, now, choice, layout, letters, letter_of, list_ids, sum(readers.values())
    )


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
    layout: Layout,
    languages: Sequence[str],
    bounce_address: str | None,
    now: dt.datetime,
    *,
    test: bool = False,
) -> tuple[Letter, ...]:
    """Return an edition's letters, one for each language, in their order."""
    frame, templates = _frame(project, newsletter, row, bounce_address, now, test=test), open_templates(project.folder)
    return tuple(_compose(layout, frame, templates, language) for language in languages)


def _list_number(project: Project, name: str, now: dt.datetime) -> int:
    settings = project.file.lists.get(name)
    return names.number(project.store, MailingList, name, settings.formerly if settings else None, now)


def _variants(own: str, readers: Mapping[str | None, int]) -> tuple[list[str], dict[str, int]]:
    """Return the languages letters are made in, the newsletter's own first, and who gets which."""
    languages = [own]
    letter_of: dict[str, int] = {}
    for asked in sorted(language for language in readers if language):
        language = primary(asked)
        if language == primary(own) or not available(language):
            continue
        if language not in languages:
            languages.append(language)
        letter_of[asked] = languages.index(language)
    return languages, letter_of


def primary(language: str) -> str:
    """Return a language without its region: ``sv`` for ``sv-FI``; letters are made in these."""
    return language.replace("_", "-").partition("-")[0].lower()


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


def freeze(project: Project, made: Draft, *, rehearsal: bool) -> Edition | None:
    """Freeze an edition: from here on neither its articles nor its readers change.

    None when an article has changed since the draft was rendered: draft it anew, and look at it anew.
    """
    plan = _plan(project, made, rehearsal=rehearsal)
    crash.reached("rendered")
    edition = editions.freeze(project.store, plan)
    crash.reached("frozen")
    return edition


def _plan(project: Project, made: Draft, *, rehearsal: bool) -> editions.Freezing:
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
        roles=made.layout.roles(),
        shown_as=made.layout.shown_as(),
        passed=[article.id for article in made.choice.passed if article.id is not None],
        letters=made.letters,
        letter_of=made.letter_of,
    )
