"""What preflight looks at, gathered: settings, letters, other editions, and whether base_url leads to us."""

import datetime as dt
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from digest.delivery.preflight import Asked, Subject, Verdict, check
from digest.delivery.roads import Roads
from digest.delivery.wish import Wish
from digest.environment import is_readable_by_others
from digest.letter.keys import doubts_about, keys_for
from digest.models import EditionState, Newsletter
from digest.project import Project
from digest.store import editions, names, recent
from digest.store.editions import OPEN

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft

REACH_AGAIN = (2, 5)  #: seconds between the tries to reach base_url
LOOK_BACK = 20  #: editions at least, from which it is known what is usual


def examine(
    project: Project,
    made: "Draft",
    roads: Roads,
    wish: Wish,
    asked: Mapping[str, Asked] | None = None,
    *,
    reaching: bool = True,
) -> Verdict:
    """Return what preflight says of a draft that would go by these roads, its links ``asked`` for or not.

    ``reaching``: whether base_url is asked for too, over the network, where letters would go there.
    """
    store, newsletter, sender = project.store, made.newsletter, made.newsletter.sender[1]
    known = names.names(store, Newsletter).values()
    states = [EditionState.REHEARSED, *OPEN]
    waiting = editions.listing(store, newsletter_id=made.row.id, states=states) if roads.network else []
    numbers = newsletter.preflight
    most = max(LOOK_BACK, numbers.count_editions, numbers.repeat_days)
    # What was only rehearsed no reader has had: a rehearsal alone goes by it.
    earlier = recent.earlier(store, made.row.id or 0, made.date, made.number, limit=most, rehearsals=roads.rehearsal)
    since = made.date - dt.timedelta(days=numbers.repeat_days)
    subject = Subject(
        newsletter=newsletter,
        letters=made.letters,
        articles=made.layout.count,
        readers=made.readers,
        base_url=project.base_url,
        network=roads.network,
        number=made.number,
        layout=made.layout,
        earlier=earlier,
        ran=recent.ran(store, [one.edition_id for one in earlier if one.date >= since]),
        relays=[address.host for address in roads.addresses],
        signed=bool(keys_for(project, sender)),
        bounce_address=project.environment.bounce_address,
        asked=asked,
        dkim=list(doubts_about(project, sender)),
        gone=sorted(name for name in known if name not in project.file.newsletters),
        known=editions.has_frozen(store, made.row.id or 0),
        rehearsed=[one.key for one in waiting if one.edition.rehearsal and one.edition.date != made.date],
        crowded=made.crowded,
        exposed=is_readable_by_others(project.folder / ".env"),
        late_by=wish.late_by,
        unreachable=_unreachable(project, roads) if reaching else "",
    )
    return check(subject, wish.force)


def _unreachable(project: Project, roads: Roads) -> str:
    """Return why base_url does not lead to us, empty when it does, or where nobody could tell."""
    if not roads.network or not project.base_url.startswith("https://"):
        return ""
    from digest.delivery.reach import reach  # only what goes over the network needs its client

    words = reach(project.base_url, project.store.installation.uid)
    for pause in REACH_AGAIN:  # a hiccup of the network must not hold a morning's letter
        if words is None:
            break
        time.sleep(pause)
        words = reach(project.base_url, project.store.installation.uid)
    return words or ""
