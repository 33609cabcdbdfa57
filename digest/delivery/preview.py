"""An edition written to files, as it would go out now, or as it was frozen; nobody is mailed."""

import datetime as dt
import email
import email.policy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from email.message import EmailMessage
from pathlib import Path

from digest.delivery.embargo import require_free
from digest.delivery.examine import examine
from digest.delivery.freeze import Draft, draft, list_numbers
from digest.delivery.preflight import Verdict
from digest.delivery.preview_page import Sheet, names_of, page_of
from digest.delivery.reader import drafted_letter, frozen_letter
from digest.delivery.roads import roads
from digest.delivery.wish import Wish
from digest.errors import DigestError
from digest.letter.schemes import in_scheme, leading_outside
from digest.letter.stamp import Reader, open_letter
from digest.letter.templates import open_templates
from digest.models import Letter, Newsletter
from digest.people.lists import find
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import articles, editions, names
from digest.store.editions import Listed
from digest.store.people import Known
from digest.store.variants import wanted_by

#: Links of a preview lead nowhere: its token has the right length and no signature.
NOBODY = "preview".ljust(38, "-")
PAGE = "pages/preview.html.j2"


@dataclass(frozen=True)
class Written:
    """What a preview came to; no files when there is nothing new."""

    key: str
    articles: int
    files: tuple[Path, ...]
    page: Path | None = None  #: that shows them side by side, when it was asked for
    html_bytes: int = 0
    verdict: str = ""  #: of preflight, when it was asked


@dataclass(frozen=True)
class Looked:
    """An edition somebody looks at."""

    key: str
    articles: int
    letters: tuple[Letter, ...] = ()  #: the one reader's; else those that hold everything, the newsletter's own first
    titles: Mapping[int, str] | None = None  #: of its articles by number
    made: Draft | None = None  #: None when it is frozen


def preview(
    project: Project,
    newsletter: NewsletterSettings,
    date: dt.date | None,
    address: str | None,
    out: Path | None,
    now: dt.datetime,
    *,
    with_page: bool = False,
    live: str = "",
) -> Written:
    """Write edition.html, edition.txt and message.eml into a folder, as one subscriber would get them when named.

    ``with_page``: and index.html, which shows them side by side, with the same for the other languages; one that is
    ``live`` reloads when the folder's preview.js names another word than this.
    """
    known = find(project, address) if address is not None else None
    looked = _look(project, newsletter, date or newsletter.date_at(now), known, now)
    if not looked.letters:
        return Written(looked.key, 0, ())
    reader = stranger(known.address, known.name) if known else stranger(newsletter.sender[1])
    folder = out or project.folder / "preview"
    sheets = [_sheet(letter, reader, named=known is not None) for letter in looked.letters]
    files = dict(names_of(sheets[0], sheets).contents(sheets[0]))
    verdict, objection = _verdict(project, looked) if with_page else (None, "")
    if with_page:
        files |= _pages(newsletter, looked, sheets, verdict, objection, known.address if known else "", live, now)
    _write(folder, files)
    return Written(
        looked.key,
        looked.articles,
        tuple(folder / name for name in list(files)[:3]),
        folder / "index.html" if with_page else None,
        sheets[0].html_bytes,
        verdict.level.value if verdict else "",
    )


def _pages(
    newsletter: NewsletterSettings,
    looked: Looked,
    sheets: Sequence[Sheet],
    verdict: Verdict | None,
    objection: str,
    reader: str,
    live: str,
    now: dt.datetime,
) -> dict[str, bytes]:
    """Return the page of each letter with the files that it shows."""
    templates = open_templates()  # not the project's own: what is broken there must not hide what it has done
    files: dict[str, bytes] = {}
    for sheet in sheets:
        named = names_of(sheet, sheets)
        context = page_of(newsletter, looked.key, sheet, sheets, verdict, looked.titles or {})
        at = now.astimezone(newsletter.zone)
        more = {"objection": objection, "frozen": looked.made is None, "reader": reader, "live": live, "at": at}
        files |= named.contents(sheet)
        files |= {
            named.light: leading_outside(in_scheme(sheet.html, "light")).encode(),
            named.dark: leading_outside(in_scheme(sheet.html, "dark")).encode(),
            named.page: templates.render(PAGE, {**context, **more, "count": looked.articles}).encode(),
        }
    return files


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise DigestError(f"{folder} cannot be written: {error.strerror}") from error


def _sheet(letter: Letter, reader: Reader, *, named: bool) -> Sheet:
    """Return a letter as it is looked at: somebody's own copy, or the public form."""
    mail = open_letter(letter.mail).fill(reader)
    message = email.message_from_bytes(mail, policy=email.policy.default)
    assert isinstance(message, EmailMessage)
    html, text = (_part(message, "html"), _part(message, "plain")) if named else (letter.html, letter.text)
    fields = tuple((name, str(value)) for name, value in message.items())
    return Sheet(letter.language, letter.subject, html, text, mail, fields, letter.costs or {})


def _part(message: EmailMessage, kind: str) -> str:
    part = message.get_body((kind,))
    assert part is not None  # a letter is always both (letter/mime.py)
    return str(part.get_content()).replace("\r\n", "\n")


def _verdict(project: Project, looked: Looked) -> tuple[Verdict | None, str]:
    """Return what preflight says of a draft, without asking the network; or None, and why it could not be asked."""
    if looked.made is None:
        return None, ""
    # Not all letters for sections were made, so who would get more than they chose is not known here.
    made = replace(looked.made, crowded=0)
    try:
        return examine(project, made, roads(project), Wish(), reaching=False), ""
    except DigestError as error:
        return None, str(error)


def _look(
    project: Project, newsletter: NewsletterSettings, date: dt.date, known: Known | None, now: dt.datetime
) -> Looked:
    """Return a date's edition and what somebody sees of it; no letters without news."""
    listed = _frozen(project, newsletter, date)
    if listed is not None:  # what is looked at is what its readers get
        edition_id = listed.edition.id or 0
        found = {article.id or 0: article.title for article, _ in articles.printed_in(project.store, edition_id)}
        letters = (frozen_letter(project, listed, known),) if known else tuple(_newest(project, edition_id))
        # A preview is shown around: what has come under embargo since the freeze is not in it.
        require_free(project, listed.edition, listed.key, [letter.id or 0 for letter in letters], now)
        return Looked(listed.key, listed.articles, letters, found)
    look = [wanted_by(project.store, list_numbers(project, newsletter, now), known.id)] if known else []
    made = draft(project, newsletter, date, now, look=look)
    if not made.letters:
        return Looked(made.key, 0)
    found = {article.id or 0: article.title for article, _ in made.choice.chosen}
    theirs = (drafted_letter(project, made, known),) if known else made.letters
    return Looked(made.key, made.layout.count, theirs, found, made)


def _newest(project: Project, edition_id: int) -> Iterator[Letter]:
    """Yield the letters of an edition's newest version that hold everything."""
    letters = editions.letters(project.store, edition_id)
    yield from (one for one in letters if one.version == letters[-1].version and one.articles is None)


def _frozen(project: Project, newsletter: NewsletterSettings, date: dt.date) -> Listed | None:
    """Return the edition of a date when it is frozen already."""
    newsletter_id = names.find(project.store, Newsletter, newsletter.name)
    edition = editions.find(project.store, newsletter_id, date) if newsletter_id is not None else None
    if edition is None or edition.id is None or edition.state in editions.UNBOUND:
        return None
    return editions.listing(project.store, numbers=[edition.id])[0]


def stranger(address: str, name: str = "") -> Reader:
    """Return a reader whose links lead nowhere: for previews and test letters."""
    return Reader(address, name, NOBODY, NOBODY, NOBODY, NOBODY.lower().ljust(45, "a").replace("-", "a"))
