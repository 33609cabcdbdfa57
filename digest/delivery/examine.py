"""What preflight looks at, gathered: settings, letters, other editions, and whether base_url leads to us."""

import time
from typing import TYPE_CHECKING

from digest.delivery.preflight import Subject, Verdict, check
from digest.delivery.roads import Roads
from digest.delivery.wish import Wish
from digest.environment import is_readable_by_others
from digest.letter.keys import doubts_about
from digest.models import EditionState, Newsletter
from digest.project import Project
from digest.store import editions, names
from digest.store.editions import OPEN

if TYPE_CHECKING:
    from digest.delivery.freeze import Draft

REACH_AGAIN = (2, 5)  #: seconds between the tries to reach base_url


def examine(project: Project, made: "Draft", roads: Roads, wish: Wish) -> Verdict:
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
        dkim=list(doubts_about(project, newsletter.sender[1])),
        gone=sorted(name for name in known if name not in project.file.newsletters),
        known=editions.has_frozen(store, made.row.id or 0),
        rehearsed=[one.key for one in earlier if one.edition.rehearsal and one.edition.date != made.date],
        exposed=is_readable_by_others(project.folder / ".env"),
        late_by=wish.late_by,
        unreachable=_unreachable(project, roads),
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
