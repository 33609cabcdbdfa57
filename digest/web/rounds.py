"""What a server does besides answering: once a minute it looks for editions that are missing, and sends notices."""

import asyncio
import datetime as dt

from digest.delivery.notices import send_notices
from digest.errors import DigestError
from digest.operation.expect import note_missing
from digest.web.site import Site

EVERY = 60.0  #: seconds


async def rounds(site: Site, every: float = EVERY) -> None:
    """Make a round again and again, until cancelled; trouble is said once, and again when it is another one."""
    said = ""
    while True:
        trouble = await asyncio.to_thread(_round, site)
        if trouble and trouble != said:
            site.say(trouble)
        said = trouble
        await asyncio.sleep(every)


def _round(site: Site) -> str:
    now = dt.datetime.now(dt.UTC)
    try:
        project = site.project()
        note_missing(project, now)
        return "; ".join(send_notices(project, now))
    except DigestError as error:
        return str(error)
