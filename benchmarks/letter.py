"""Composing a letter, and stamping it for one reader after the other."""

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from email.message import EmailMessage
from functools import partial
from itertools import count
from statistics import median

from benchmarks.sample import BOUNCES, DATE, sample_project
from benchmarks.timing import Timed, in_turn, repeated, show, table
from digest.delivery.freeze import draft
from digest.edition.layout import Layout
from digest.letter.compose import compose
from digest.letter.frame import Frame
from digest.letter.identity import Identity
from digest.letter.stamp import Reader, open_letter
from digest.letter.templates import open_templates
from digest.models import Edition, Letter
from digest.project import open_project
from digest.tokens import keyring

NONCE = "0123456789abcdefghijklmnopqrstuv"
DESIGNS = ("senaste-nytt", "plain")
TIMES = 20  #: the sample's headlines stand in the long edition, of which the letter folds what is over its budget
MOST_SECONDS, MOST_SECONDS_LONG = 0.06, 0.5  #: what both editions must keep to
LETTER_ROUNDS = 5


def run() -> None:
    """Print what a letter of each design costs by its articles, and what one reader's copy costs."""
    layout, frame = sample_edition()
    long = replace(layout, days=tuple(replace(day, articles=day.articles * TIMES) for day in layout.days))
    editions = {len(one.printed): (one, most) for one, most in ((layout, MOST_SECONDS), (long, MOST_SECONDS_LONG))}
    templates = open_templates()
    works: dict[str, tuple[Callable[[], object], float]] = {
        f"{design}, {count} articles": (partial(compose, one, _in_design(frame, design), templates, NONCE), most)
        for design in DESIGNS
        for count, (one, most) in editions.items()
    }
    works["senaste-nytt, its templates compiled too"] = partial(_compose, layout, frame), 0
    rounds = in_turn(*(partial(_once, name, work) for name, (work, _) in works.items()), rounds=LETTER_ROUNDS)
    rows = []
    for name, (_, most) in works.items():
        took = sorted(one[name].each * 1e3 for one in rounds)
        spread = f"{took[0]:.0f} to {took[-1]:.0f}"
        rows.append([name, f"{median(took):.0f}", spread, f"{most * 1e3:.0f}" if most else ""])
    table("Composing, once for an edition and variant", ["", "ms a letter", "rounds", "at most"], rows)
    _stamping(_compose(layout, frame))


def sample_letter() -> Letter:
    """Return the sample's edition as the letter that a send freezes."""
    return _compose(*sample_edition())


def sample_edition() -> tuple[Layout, Frame]:
    """Return the sample's edition laid out, and what stands around it."""
    date = dt.date.fromisoformat(DATE)
    with sample_project() as sample, open_project(sample.folder, {}) as project:
        newsletter = project.newsletter(None)
        made = draft(project, newsletter, date, dt.datetime.now(dt.UTC))
        morning = dt.datetime.combine(date, dt.time(6, 30), newsletter.zone)
        return made.layout, Frame(newsletter, made.row.list_id or "", project.base_url, BOUNCES, morning, ("Industri",))


def _compose(layout: Layout, frame: Frame) -> Letter:
    return compose(layout, frame, open_templates(), NONCE)


def _in_design(frame: Frame, design: str) -> Frame:
    return replace(frame, newsletter=frame.newsletter.model_copy(update={"design": design}))


def _stamping(letter: Letter) -> None:
    stamp, readers = open_letter(letter.mail), count(1)
    ring = keyring("0123456789abcdef" * 2, ("k" * 43,))
    edition = Edition.model_validate(
        {"id": 1, "newsletter_id": 1, "date": DATE, "decided_at": dt.datetime.now(dt.UTC),
         "key": ring.newest.fingerprint, "sender": "nytt@example.com", "bounce_address": BOUNCES}
    )  # fmt: skip
    identity = Identity(ring, edition)
    reader = _reader(identity, 1)
    works: dict[str, Callable[[], object]] = {
        "Stamp.fill": lambda: stamp.fill(reader),
        "tokens and Stamp.fill": lambda: stamp.fill(_reader(identity, next(readers))),
        "bytes.join of the letter's pieces": lambda: b"".join(stamp.template.pieces),
        "EmailMessage and as_bytes": lambda: _by_hand(letter, reader),
    }
    rounds = in_turn(*(partial(_once, name, work) for name, work in works.items()))
    show(f"One reader's copy of a mail of {len(letter.mail) / 1000:.1f} kB", rounds, "Stamp.fill", "mails")


def _once(name: str, work: Callable[[], object]) -> dict[str, Timed]:
    return {name: repeated(work)}


def _reader(identity: Identity, number: int) -> Reader:
    return identity.reader(number, "asa@example.com", "Åsa Öberg")


def _by_hand(letter: Letter, reader: Reader) -> bytes:
    """Return the same parts as the standard library makes a mail of them, as most mailers do for every reader."""
    message = EmailMessage()
    message["From"] = "Senaste nytt <nytt@example.com>"
    message["To"] = reader.address
    message["Subject"] = letter.subject
    message.set_content(letter.text)
    message.add_alternative(letter.html, subtype="html")
    return message.as_bytes()
