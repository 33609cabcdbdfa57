"""An edition written to files, as it would go out now, or as it was frozen; nobody is mailed."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from digest.delivery.embargo import require_free
from digest.delivery.freeze import draft, primary
from digest.errors import DigestError
from digest.letter.stamp import Reader, open_letter
from digest.models import Letter, Newsletter
from digest.people.lists import find
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import editions, names

#: Links of a preview lead nowhere: its token has the right length and no signature.
NOBODY = "preview".ljust(38, "-")


@dataclass(frozen=True)
class Written:
    """What a preview came to; no files when there is nothing new."""

    key: str
    articles: int
    files: tuple[Path, ...]


def preview(
    project: Project,
    newsletter: NewsletterSettings,
    date: dt.date | None,
    address: str | None,
    out: Path | None,
    now: dt.datetime,
) -> Written:
    """Write edition.html, edition.txt and message.eml into a folder, as one subscriber would get them when named."""
    frozen = _frozen(project, newsletter, date or newsletter.date_at(now), now)
    if frozen is not None:
        key, count, letters = frozen
    else:
        made = draft(project, newsletter, date or newsletter.date_at(now), now)
        key, count, letters = made.key, made.layout.count, list(made.letters)
    if not letters:
        return Written(key, 0, ())
    letter, reader = _for(project, newsletter, letters, address)
    folder = out or project.folder / "preview"
    files = {
        "edition.html": letter.html.encode(),
        "edition.txt": letter.text.encode(),
        "message.eml": open_letter(letter.mail).fill(reader),
    }
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (folder / name).write_bytes(content)
    except OSError as error:
        raise DigestError(f"{folder} cannot be written: {error.strerror}") from error
    return Written(key, count, tuple(folder / name for name in files))


def _frozen(
    project: Project, newsletter: NewsletterSettings, date: dt.date, now: dt.datetime
) -> tuple[str, int, list[Letter]] | None:
    """Return the letters of an edition that is frozen already: what is looked at is what its readers get.

    Raises UnderEmbargo when they print what has come under embargo since: a preview is shown around.
    """
    newsletter_id = names.find(project.store, Newsletter, newsletter.name)
    edition = editions.find(project.store, newsletter_id, date) if newsletter_id is not None else None
    if edition is None or edition.id is None or edition.state in editions.UNBOUND:
        return None
    listed = editions.listing(project.store, numbers=[edition.id])[0]
    letters = editions.letters(project.store, edition.id)
    newest = [letter.id or 0 for letter in letters if letter.version == letters[-1].version]
    require_free(project, edition, listed.key, newest, now)
    return listed.key, listed.articles, letters


def _for(
    project: Project, newsletter: NewsletterSettings, letters: Sequence[Letter], address: str | None
) -> tuple[Letter, Reader]:
    if address is None:
        return letters[0], stranger(newsletter.sender[1])
    known = find(project, address)
    asked = primary(known.language or "")
    letter = next((letter for letter in letters if primary(letter.language) == asked), letters[0])
    return letter, stranger(known.address, known.name)


def stranger(address: str, name: str = "") -> Reader:
    """Return a reader whose links lead nowhere: for previews and test letters."""
    return Reader(address, name, NOBODY, NOBODY, NOBODY, NOBODY.lower().ljust(45, "a").replace("-", "a"))
