"""What ``digest send`` does with a newsletter: go on with what is open, decide about a date, freeze, send."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from digest.delivery import alerts
from digest.delivery.embargo import UnderEmbargo, require_free_to_go
from digest.delivery.examine import examine
from digest.delivery.options import Now
from digest.delivery.preflight import Finding, Level, Verdict, gist
from digest.delivery.refusals import Declined, FutureDate, NoFirstEdition, OtherRoad, Unsettled
from digest.delivery.report import edition_json
from digest.delivery.roads import Roads, options
from digest.delivery.send import Sending
from digest.delivery.signals import run_stoppable
from digest.delivery.wish import Desk, Ending, Result, Wish
from digest.letter.keys import KeyGone, signers_of
from digest.models import Edition, EditionState, Newsletter
from digest.project import Project, who_does_this
from digest.settings import NewsletterSettings
from digest.store import editions, home, ledger, names, notices, standing, steering
from digest.store.disk import require_room
from digest.store.editions import OPEN, UNBOUND, Listed
from digest.store.lock import hold, is_held, send_lock
from digest.store.steering import Deed
from digest.store.torn import refuse_torn_store

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft


TRIES = 3  #: drafts, while articles change under them


@contextmanager
def alone(project: Project) -> Iterator[None]:
    """Hold the lock that says nobody else is sending from this project; BusyError (exit 5) when somebody is."""
    with hold(send_lock(project.store.path)):
        yield


def is_anybody_sending(project: Project) -> bool:
    """Return whether a process holds that lock at this moment."""
    return is_held(send_lock(project.store.path))


def send_newsletter(
    project: Project, newsletter: NewsletterSettings, roads: Roads, wish: Wish, desk: Desk, now: dt.datetime
) -> list[Result]:
    """Send a newsletter's edition of a date, after its older open ones; the last result is that of the date."""
    date = wish.date or newsletter.date_at(now)
    if date > newsletter.date_at(now):
        raise FutureDate(date)
    _require_home(project, roads, wish)
    desk.begin()
    number = _number(project, newsletter, date, roads, wish)
    results = []
    for one in [] if wish.dry_run else open_editions(project, newsletter, roads):
        if (one.edition.date, one.edition.number) != (date, number):
            # One pass: today's readers do not wait for yesterday's deferred mail.
            results.append(_go(project, one.edition, roads, replace(wish, wait=dt.timedelta()), desk))
            if results[-1].now.interrupted:
                return results
    return [*results, _send_date(project, newsletter, date, number, roads, wish, desk)]


def send_due(project: Project, newsletter: NewsletterSettings, roads: Roads, wish: Wish, desk: Desk) -> list[Result]:
    """Go on with a newsletter's open editions that want something now, and decide about the date that is due, if any.

    What has been decided about a date stays so: one that is held, empty or taken back waits for a person.
    """
    _require_home(project, roads, wish)
    results = []
    for one in open_editions(project, newsletter, roads):
        wait = wish.wait if one.edition.date == wish.date else dt.timedelta()
        if standing.has_work(project.store, one.edition.id or 0, dt.datetime.now(dt.UTC) + wait):
            desk.begin()
            results.append(_go(project, one.edition, roads, replace(wish, wait=wait), desk))
            if results[-1].now.interrupted:
                return results
    if wish.date is not None and _standing(project, newsletter, wish.date, 1) is None:
        desk.begin()
        results.append(_send_new(project, newsletter, wish.date, 1, roads, wish, desk))
    return results


def _require_home(project: Project, roads: Roads, wish: Wish) -> None:
    """Refuse to mail anybody from a store that is a copy: its ledger does not know what the other one sends."""
    if not roads.rehearsal and not wish.dry_run:
        home.require_home(project.store)


def open_editions(project: Project, newsletter: NewsletterSettings, roads: Roads) -> list[Listed]:
    """Return the editions that have mail left, the oldest first; one that was rehearsing is not for a real relay."""
    newsletter_id = names.find(project.store, Newsletter, newsletter.name)
    found = editions.listing(project.store, newsletter_id=newsletter_id or 0, states=OPEN)
    waiting = [one for one in reversed(found) if one.edition.state is not EditionState.PAUSED]
    return [one for one in waiting if one.edition.rehearsal == roads.rehearsal or not one.edition.rehearsal]


def _number(project: Project, newsletter: NewsletterSettings, date: dt.date, roads: Roads, wish: Wish) -> int:
    """Return the number of the edition that is meant: the date's own, or the next extra one."""
    if not wish.extra:
        return 1
    newsletter_id = names.find(project.store, Newsletter, newsletter.name) or 0
    last = editions.last_of(project.store, newsletter_id, date)
    if last is None:
        raise NoFirstEdition(f"{newsletter.name}/{date.isoformat()}")
    # Of one that was rehearsed only nobody has had anything: through a relay it is made anew, not another one.
    was_rehearsed = last.rehearsal and not roads.rehearsal and last.state is not EditionState.CANCELLED
    is_still_to_come = was_rehearsed or last.state in UNBOUND
    if is_still_to_come and last.number == 1:
        raise NoFirstEdition(f"{newsletter.name}/{date.isoformat()}")
    return last.number if is_still_to_come else last.number + 1


def _send_date(
    project: Project,
    newsletter: NewsletterSettings,
    date: dt.date,
    number: int,
    roads: Roads,
    wish: Wish,
    desk: Desk,
) -> Result:
    edition = _standing(project, newsletter, date, number)
    if edition is not None and edition.state not in UNBOUND:
        stopped = edition.state in (EditionState.PAUSED, EditionState.CANCELLED)
        if edition.rehearsal and not roads.rehearsal and not stopped:
            if wish.dry_run:
                return _result(project, edition, Ending.DRY)
            # Nobody was mailed by it: the first send through a relay is made anew and mails everybody.
            deed = Deed("made anew", who_does_this(), dt.datetime.now(dt.UTC), "it had been rehearsed only")
            steering.take_back(project.store, edition.id or 0, deed)
        elif edition.state is EditionState.PAUSED:
            return _result(project, edition, Ending.HELD)
        elif edition.state in OPEN:
            ending = Ending.DRY if wish.dry_run else None
            return _result(project, edition, ending) if ending else _go(project, edition, roads, wish, desk)
        else:
            return _result(project, edition, Ending.ALREADY)
    return _send_new(project, newsletter, date, number, roads, wish, desk)


def _standing(project: Project, newsletter: NewsletterSettings, date: dt.date, number: int) -> Edition | None:
    newsletter_id = names.find(project.store, Newsletter, newsletter.name)
    return editions.find(project.store, newsletter_id, date, number) if newsletter_id is not None else None


def _send_new(
    project: Project,
    newsletter: NewsletterSettings,
    date: dt.date,
    number: int,
    roads: Roads,
    wish: Wish,
    desk: Desk,
) -> Result:
    from digest.delivery.freeze import draft, freeze  # going on with a frozen edition needs no templates

    if not wish.dry_run:
        refuse_torn_store(project.store)
    for _ in range(TRIES):
        made = draft(project, newsletter, date, dt.datetime.now(dt.UTC), number=number)
        verdict = examine(project, made, roads, wish)
        if wish.dry_run or (number > 1 and not made.layout.count):  # no trace of an extra edition without news
            return _would_be(made, verdict)
        if not made.layout.count and not any(finding.rule == "renamed" for finding in verdict.holds):
            return _decide(project, made, EditionState.EMPTY, ["nothing new"], verdict, desk)
        if verdict.holds:  # one that was renamed is held even without news: the old name's mail may be open
            reasons = [f"{finding.rule}: {finding.message}" for finding in gist(verdict.holds)]
            return _decide(project, made, EditionState.HELD, reasons, verdict, desk)
        if not desk.confirm(made, roads):
            raise Declined
        require_room(project.store.path, made.readers)
        desk.freezing(made.key, made.readers - made.skipped)
        edition = freeze(project, made, rehearsal=roads.rehearsal, forced=_forced(verdict))
        if edition is not None:
            _end_older(project, edition)
            return _go(project, edition, roads, wish, desk, verdict.findings)
    raise Unsettled(made.key)


def _forced(verdict: Verdict) -> list[dict[str, str]]:
    """Return the lines of an edition's history that say which rules somebody has overridden, and what they had said."""
    return [
        {"by": who_does_this(), "detail": f"{finding.rule}: {finding.message}"} for finding in gist(verdict.overridden)
    ]


def _end_older(project: Project, edition: Edition) -> None:
    """Give up what is deferred of older editions: yesterday's digest is not tried once today's is on its way."""
    now = dt.datetime.now(dt.UTC)
    for older in editions.listing(project.store, newsletter_id=edition.newsletter_id, states=OPEN):
        number = older.edition.id
        # An extra edition is no newer digest of the same date.
        if number is None or older.edition.date >= edition.date or older.edition.rehearsal != edition.rehearsal:
            continue
        ledger.expire(project.store, number, now)
        steering.finish(project.store, older.edition, now)


def _decide(
    project: Project, made: "Draft", state: EditionState, reasons: Sequence[str], verdict: Verdict, desk: Desk
) -> Result:
    now = dt.datetime.now(dt.UTC)
    is_held = state is EditionState.HELD
    told = alerts.held(project, made.newsletter, made.key, reasons, now) if is_held and not desk.is_attended else []
    edition = editions.decide(
        project.store, made.row.id or 0, made.date, made.number, state, "; ".join(reasons), now, told
    )
    return _result(project, edition, Ending.HELD if is_held else Ending.EMPTY, findings=verdict.findings)


def _would_be(made: "Draft", verdict: Verdict) -> Result:
    """Return what a send would come to, for an edition of which nothing is stored."""
    counts = dict.fromkeys(
        ("sent", "deferred", "failed", "in_doubt", "withdrawn", "skipped", "cancelled", "expired", "sending"), 0
    ) | {"skipped": made.skipped}
    edition = {
        "newsletter": made.newsletter.name, "edition": made.key,
        "state": (EditionState.DRAFT if made.layout.count else EditionState.EMPTY).value,
        "articles": made.layout.count, "audience": made.readers, **counts, "pending": made.readers - made.skipped,
        "now": {"sent": 0, "seconds": 0.0, "per_second": 0.0},
    }  # fmt: skip
    ending = Ending.HELD if verdict.holds else Ending.DRY
    return Result(ending if made.layout.count else Ending.EMPTY, made.key, edition, findings=verdict.findings)


def _result(
    project: Project, edition: Edition, ending: Ending, now: Now | None = None, findings: tuple[Finding, ...] = ()
) -> Result:
    listed = editions.listing(project.store, numbers=[edition.id or 0])[0]
    left = standing.open_count(project.store, edition.id or 0)
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
    if not roads.rehearsal:
        home.begin_generation(project.store)
    try:
        signers = signers_of(project, edition, listed.key)
        require_free_to_go(project, edition, listed.key, dt.datetime.now(dt.UTC))
    except (KeyGone, UnderEmbargo) as error:
        return _kept(project, edition, listed, error, desk)
    how = replace(options(project, roads, wish.wait, wish.in_doubt), signers=signers)
    watch = desk.watch(listed.key)
    now = run_stoppable(Sending(project.store, project.keys, edition, roads.relays, how, watch), watch)
    if not roads.rehearsal:
        home.begin_generation(project.store)  # a copy taken while this ran is of yesterday from here on
    result = _result(project, edition, Ending.RAN, now, findings)
    if not desk.is_attended:
        alerts.after(project, edition, result)
    return result


def _kept(project: Project, edition: Edition, listed: Listed, error: KeyGone | UnderEmbargo, desk: Desk) -> Result:
    """Return that an edition waits for its key, or for an embargo to end; what else there is to send goes on."""
    newsletter = project.file.newsletters.get(listed.newsletter)
    if newsletter is not None and not desk.is_attended:
        now = dt.datetime.now(dt.UTC)
        notices.write(project.store, alerts.held(project, newsletter, listed.key, [str(error)], now))
    rule, where = ("dkim", "domains") if isinstance(error, KeyGone) else ("embargo", listed.key)
    return _result(project, edition, Ending.HELD, findings=(Finding(rule, Level.HOLD, str(error), where),))
