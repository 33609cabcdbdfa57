"""What ``digest send`` does with a newsletter: go on with what is open, decide about a date, freeze, send."""

import asyncio
import contextlib
import datetime as dt
import enum
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from digest.delivery.options import Now, Watch
from digest.delivery.preflight import Finding, Subject, Verdict, check
from digest.delivery.report import edition_json
from digest.delivery.roads import Roads, options
from digest.delivery.send import Sending
from digest.environment import is_readable_by_others
from digest.errors import ConfigError, DigestError
from digest.models import Edition, EditionState, Newsletter
from digest.project import Project
from digest.settings import NewsletterSettings
from digest.store import editions, ledger, names
from digest.store.editions import OPEN, UNBOUND, Listed
from digest.store.lock import hold

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft


class FutureDate(DigestError):
    """An edition was asked for a date that has not come."""

    exit_code = 2

    def __init__(self, date: dt.date) -> None:
        super().__init__(f"{date.isoformat()} has not come yet: its articles are not out; send it on the day")


class OtherRoad(ConfigError):
    """An edition that has begun to go out one way was asked to go on by another."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} has begun to go out through a relay, and DIGEST_RELAY_URL is the outbox now: "
            "set it back to go on, nobody would be mailed this way"
        )


class Unsettled(DigestError):
    """Articles changed between rendering and freezing, time after time."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} could not be frozen: its articles keep changing; run this again when they are quiet")


class Declined(DigestError):
    """The person at the terminal said no."""

    def __init__(self) -> None:
        super().__init__("nothing was sent")


TRIES = 3  #: drafts, while articles change under them


@dataclass(frozen=True)
class Wish:
    """What is asked of a send."""

    date: dt.date | None = None  #: today in the newsletter's zone
    dry_run: bool = False
    wait: dt.timedelta = dt.timedelta(minutes=30)
    force: tuple[str, ...] = ()
    in_doubt: str = "resend"


class Ending(enum.Enum):
    """How it ended for one edition."""

    EMPTY = "empty"
    HELD = "held"
    DRY = "dry"
    ALREADY = "already"  #: nothing was left to do
    RAN = "ran"


@dataclass(frozen=True)
class Result:
    """What became of one edition; ``edition`` is the contract's JSON."""

    ending: Ending
    key: str
    edition: dict[str, Any]
    open: int = 0  #: mail to send and doubts to settle: a further send goes on with it
    now: Now = field(default_factory=Now)
    findings: tuple[Finding, ...] = ()

    @property
    def exit_code(self) -> int:
        """The contract's code for it."""
        if self.now.interrupted:
            return 130
        if self.ending is Ending.HELD:
            return 6
        if self.ending is not Ending.RAN or not self.open:
            return 0
        if self.now.refused_login:
            return 4
        nothing_done = self.open == self.edition["pending"] == self.edition["audience"]
        return 1 if self.now.relay_words and nothing_done else 3


@dataclass(frozen=True)
class Desk:
    """The person or program on whose behalf we send."""

    confirm: "Callable[[Draft, Roads], bool]" = lambda _made, _roads: True
    watch: Callable[[str], Watch] = lambda _key: Watch()


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Hold the lock that says nobody else is sending from this project; BusyError (exit 5) when somebody is."""
    # Beside the store rather than in the folder: two projects may have one store, and it is the ledger that counts.
    with hold(project.store.path.with_name(project.store.path.name + "-send.lock")):
        yield


def send_newsletter(
    project: Project, newsletter: NewsletterSettings, roads: Roads, wish: Wish, desk: Desk, now: dt.datetime
) -> list[Result]:
    """Send a newsletter's edition of a date, after its older open ones; the last result is that of the date."""
    date = wish.date or newsletter.date_at(now)
    if date > newsletter.date_at(now):
        raise FutureDate(date)
    older = [] if wish.dry_run else _open_editions(project, newsletter, roads)
    results = []
    for one in older:
        if one.edition.date != date:
            # One pass: today's readers do not wait for yesterday's deferred mail.
            results.append(_go(project, one.edition, roads, replace(wish, wait=dt.timedelta()), desk))
            if results[-1].now.interrupted:
                return results
    return [*results, _send_date(project, newsletter, date, roads, wish, desk)]


def _open_editions(project: Project, newsletter: NewsletterSettings, roads: Roads) -> list[Listed]:
    """Return the editions that have mail left, the oldest first; one that was rehearsing is not for a real relay."""
    newsletter_id = names.find(project.store, Newsletter, newsletter.name)
    found = editions.listing(project.store, newsletter_id=newsletter_id or 0, states=OPEN)
    waiting = [one for one in reversed(found) if one.edition.state is not EditionState.PAUSED]
    return [one for one in waiting if one.edition.rehearsal == roads.rehearsal or not one.edition.rehearsal]


def _send_date(
    project: Project, newsletter: NewsletterSettings, date: dt.date, roads: Roads, wish: Wish, desk: Desk
) -> Result:
    edition = _standing(project, newsletter, date)
    if edition is not None and edition.state not in UNBOUND:
        if edition.rehearsal and not roads.rehearsal:
            if wish.dry_run:
                return _result(project, edition, Ending.DRY)
            # Nobody was mailed by it: the first send through a relay is made anew and mails everybody.
            editions.take_back(project.store, edition.id or 0, dt.datetime.now(dt.UTC))
        elif edition.state is EditionState.PAUSED:
            return _result(project, edition, Ending.HELD)
        elif edition.state in OPEN:
            ending = Ending.DRY if wish.dry_run else None
            return _result(project, edition, ending) if ending else _go(project, edition, roads, wish, desk)
        else:
            return _result(project, edition, Ending.ALREADY)
    return _send_new(project, newsletter, date, roads, wish, desk)


def _standing(project: Project, newsletter: NewsletterSettings, date: dt.date) -> Edition | None:
    newsletter_id = names.find(project.store, Newsletter, newsletter.name)
    return editions.find(project.store, newsletter_id, date) if newsletter_id is not None else None


def _send_new(
    project: Project, newsletter: NewsletterSettings, date: dt.date, roads: Roads, wish: Wish, desk: Desk
) -> Result:
    from digest.delivery.freeze import draft, freeze  # going on with a frozen edition needs no templates

    for _ in range(TRIES):
        made = draft(project, newsletter, date, dt.datetime.now(dt.UTC))
        verdict = examine(project, made, roads, wish.force)
        if wish.dry_run:
            return _would_be(made, verdict)
        if not made.layout.count:
            return _decide(project, made, EditionState.EMPTY, "nothing new", Ending.EMPTY, verdict)
        if verdict.holds:
            reason = "; ".join(f"{finding.rule}: {finding.message}" for finding in verdict.holds)
            return _decide(project, made, EditionState.HELD, reason, Ending.HELD, verdict)
        if not desk.confirm(made, roads):
            raise Declined
        edition = freeze(project, made, rehearsal=roads.rehearsal)
        if edition is not None:
            _end_older(project, edition)
            return _go(project, edition, roads, wish, desk, verdict.findings)
    raise Unsettled(made.key)


def _end_older(project: Project, edition: Edition) -> None:
    """Give up what is deferred of older editions: yesterday's digest is not tried once today's is on its way."""
    now = dt.datetime.now(dt.UTC)
    for older in editions.listing(project.store, newsletter_id=edition.newsletter_id, states=OPEN):
        number = older.edition.id
        if number is None or number == edition.id or older.edition.rehearsal != edition.rehearsal:
            continue
        ledger.expire(project.store, number, now)
        if not ledger.open_count(project.store, number):
            editions.set_state(project.store, number, EditionState.SENT, now, finished=True)


def examine(project: Project, made: "Draft", roads: Roads, forced: tuple[str, ...]) -> Verdict:
    """Return what preflight says of a draft that would go by these roads."""
    store, newsletter = project.store, made.newsletter
    known = names.names(store, Newsletter).values()
    earlier = editions.listing(store, newsletter_id=made.row.id, states=[EditionState.REHEARSED, *OPEN])
    subject = Subject(
        newsletter=newsletter,
        letters=made.letters,
        articles=made.layout.count,
        readers=made.readers,
        base_url=project.base_url,
        network=roads.network,
        signing=bool(project.file.domains),
        gone=sorted(name for name in known if name not in project.file.newsletters),
        known=editions.has_frozen(store, made.row.id or 0),
        rehearsed=[one.key for one in earlier if one.edition.rehearsal and one.edition.date != made.date],
        exposed=is_readable_by_others(project.folder / ".env"),
    )
    return check(subject, forced)


def _decide(
    project: Project, made: "Draft", state: EditionState, reason: str, ending: Ending, verdict: Verdict
) -> Result:
    now = dt.datetime.now(dt.UTC)
    edition = editions.decide(project.store, made.row.id or 0, made.date, made.number, state, reason, now)
    return _result(project, edition, ending, findings=verdict.findings)


def _would_be(made: "Draft", verdict: Verdict) -> Result:
    """Return what a send would come to, for an edition of which nothing is stored."""
    counts = dict.fromkeys(
        ("sent", "deferred", "failed", "in_doubt", "withdrawn", "skipped", "cancelled", "expired", "sending"), 0
    )
    edition = {
        "newsletter": made.newsletter.name, "edition": made.key, "state": EditionState.DRAFT.value,
        "articles": made.layout.count, "audience": made.readers, **counts, "pending": made.readers,
        "now": {"sent": 0, "seconds": 0.0, "per_second": 0.0},
    }  # fmt: skip
    ending = Ending.HELD if verdict.holds else Ending.DRY
    return Result(ending if made.layout.count else Ending.EMPTY, made.key, edition, findings=verdict.findings)


def _result(
    project: Project, edition: Edition, ending: Ending, now: Now | None = None, findings: tuple[Finding, ...] = ()
) -> Result:
    listed = editions.listing(project.store, numbers=[edition.id or 0])[0]
    left = ledger.open_count(project.store, edition.id or 0)
    return Result(ending, listed.key, edition_json(project, listed, now), left, now or Now(), findings)


def _go(
    project: Project,
    edition: Edition,
    roads: Roads,
    wish: Wish,
    desk: Desk,
    findings: tuple[Finding, ...] = (),
) -> Result:
    """Send what is open of an edition."""
    listed = editions.listing(project.store, numbers=[edition.id or 0])[0]
    if roads.rehearsal and not edition.rehearsal:
        raise OtherRoad(listed.key)
    how = options(project, roads, wish.wait, wish.in_doubt)
    watch = desk.watch(listed.key)
    now = asyncio.run(_run(Sending(project.store, project.keys, edition, roads.relays, how, watch), watch))
    return _result(project, edition, Ending.RAN, now, findings)


async def _run(sending: Sending, watch: Watch) -> Now:
    with _stopped_by_signals(sending, watch):
        return await sending.run()


@contextmanager
def _stopped_by_signals(sending: Sending, watch: Watch) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C end a send with its open conversations finished."""
    loop = asyncio.get_running_loop()

    def stop() -> None:
        watch.say("stopping: open conversations are being finished")
        sending.stop()

    # Not the main thread (a test, a server): whoever runs us stops us in another way.
    with contextlib.suppress(ValueError, RuntimeError):
        for signum in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(signum, stop)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError, RuntimeError):
            for signum in (signal.SIGTERM, signal.SIGINT):
                loop.remove_signal_handler(signum)
