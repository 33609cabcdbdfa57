"""What a server says to being asked for a source, and what follows from it. Decides only."""

import datetime as dt
import enum
import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime

from digest.errors import DigestError

FIRST = dt.timedelta(minutes=5)  #: until a source that failed is tried again, doubling
FIRST_MISSING = dt.timedelta(hours=1)  #: the same where the page is not there: it seldom comes back in minutes
LAST = dt.timedelta(days=1)
LONGEST_WISH = dt.timedelta(days=7)  #: of a Retry-After that is believed
JITTER = 0.2  #: of the time: sources that failed together do not come back together
PERMANENT = (301, 308)  # RFC 9110, 15.4.2 and 15.4.9
REDIRECTS = (301, 302, 303, 307, 308)
BUSY = (429, 503)
CHARSET = re.compile(r"charset\s*=\s*[\"']?([A-Za-z0-9_.:+-]+)", re.IGNORECASE)


class Failure(enum.Enum):
    """What kind of failure a fetch was."""

    GONE = "gone"  #: 410: for good
    MISSING = "missing"  #: 404
    BUSY = "busy"  #: 429 and 503: the host wants to be left alone
    REFUSED = "refused"  #: by the server, by robots.txt, or by us
    SILENT = "silent"  #: no connection, no answer in time
    WRONG = "wrong"  #: an answer that is of no use


class FetchFailed(DigestError):
    """A source could not be fetched: in words, of which kind, and when the host wants to be asked again."""

    def __init__(
        self,
        words: str,
        kind: Failure = Failure.WRONG,
        retry_at: dt.datetime | None = None,
        status: int | None = None,
    ) -> None:
        super().__init__(words)
        self.status = status
        self.kind = kind
        self.retry_at = retry_at


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server has sent, whole; ``data`` is empty when nothing has changed."""

    url: str  #: where it was in the end, without user and password
    data: bytes = b""
    charset: str | None = None  #: as the header says
    content_type: str = ""
    etag: str | None = None
    modified: str | None = None
    permanent: str | None = None  #: where redirects lead that are for good, up to the first that is not
    is_unchanged: bool = False  #: 304
    is_cut: bool = False  #: the end is missing


@dataclass(frozen=True, slots=True)
class Known:
    """What was said of what we have: sent back, so that only what is new comes (RFC 9110, 13)."""

    etag: str | None = None
    modified: str | None = None

    @property
    def headers(self) -> dict[str, str]:
        """The headers that make the question a conditional one."""
        found = {"If-None-Match": self.etag, "If-Modified-Since": self.modified}
        return {name: value for name, value in found.items() if value}


def charset_of(content_type: str) -> str | None:
    """Return the charset that a Content-Type names."""
    found = CHARSET.search(content_type)
    return found[1] if found else None


def retry_at(header: str, now: dt.datetime) -> dt.datetime | None:
    """Return when a Retry-After, in seconds or as a date, lets us come again (RFC 9110, 10.2.3)."""
    text, at = header.strip(), now
    if re.fullmatch(r"[0-9]{1,9}", text):
        at = now + dt.timedelta(seconds=int(text))
    else:
        try:
            at = parsedate_to_datetime(text)
        except (ValueError, IndexError, TypeError):
            return None
        at = at if at.tzinfo else at.replace(tzinfo=dt.UTC)
    return min(max(at, now), now + LONGEST_WISH)


def refusal(status: int, retry: str, now: dt.datetime) -> FetchFailed | None:
    """Return what is wrong with an answer's status, None when nothing is."""
    at = retry_at(retry, now) if retry else None
    match status:
        case 200 | 203:
            return None
        case 410:
            return FetchFailed("gone for good (410)", Failure.GONE)
        case 404:
            return FetchFailed("not found (404)", Failure.MISSING, at)
        case 429:
            return FetchFailed("the host says that we ask too often (429)", Failure.BUSY, at)
        case 503:
            return FetchFailed("the host is busy or being mended (503)", Failure.BUSY, at)
        case 401 | 403 | 407 | 451:
            return FetchFailed(f"the host lets us not have it ({status})", Failure.REFUSED, at)
        case 204:
            return FetchFailed("there is nothing in it (204)")
        case 304:
            return FetchFailed("it answered 304 without having been asked for what is new")
    return FetchFailed(f"it answered {status}", Failure.WRONG, at, status)


def next_try(failures: int, failed: FetchFailed, now: dt.datetime, chance: float) -> dt.datetime:
    """Return when a source that has failed so many times in a row is tried again; ``chance`` is 0 to 1."""
    first = FIRST_MISSING if failed.kind is Failure.MISSING else FIRST
    wait = min(LAST, first * (1 << min(max(failures - 1, 0), 10)))
    at = now + wait * (1 + JITTER * chance)
    return max(at, failed.retry_at) if failed.retry_at else at
