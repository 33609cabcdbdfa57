"""What stands around the articles of a letter: plain values, settled at the freeze."""

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field

from digest.errors import ConfigError
from digest.letter.values import web_url
from digest.settings import NewsletterSettings

UNSUBSCRIBE_PATH = "/u/"  #: a token follows; for ever, the links are in mailboxes
VIEW_PATH = "/view/"


@dataclass(frozen=True, slots=True)
class Frame:
    """A newsletter and where its letter comes from and leads to."""

    newsletter: NewsletterSettings
    list_id: str  #: RFC 2919, stable for ever: senaste-nytt.nytt.example.com
    base_url: str
    bounce_address: str | None
    date: dt.datetime  #: aware; the Date of every copy, also of one sent again
    list_titles: tuple[str, ...] = ()  #: of the lists it goes to, for "you get this because"
    source_titles: Mapping[int, str] = field(default_factory=dict)  #: by their numbers, for "also in"
    test: bool = False  #: a marked copy for the editors

    @property
    def base(self) -> str:
        """Where links lead, in ASCII as headers and letters carry it; ConfigError."""
        base = web_url(self.base_url)
        if base is None:
            raise ConfigError(
                f"base_url {self.base_url!r} is not an address of the web; write https://nytt.example.com"
            )
        return base.rstrip("/")
