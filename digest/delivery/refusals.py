"""Why a send is not begun: what was asked for cannot be done, or a person said no."""

import datetime as dt

from digest.errors import ConfigError, DigestError


class FutureDate(DigestError):
    """An edition was asked for a date that has not come."""

    exit_code = 2

    def __init__(self, date: dt.date) -> None:
        super().__init__(f"{date.isoformat()} has not come yet: its articles are not out; send it on the day")


class NothingForThem(DigestError):
    """A letter was asked for a reader whose sections leave nothing of it."""

    def __init__(self, address: str, key: str) -> None:
        super().__init__(
            f"there is nothing in {key} for {address}, by the sections they chose; "
            f"look with: digest subscribers show {address}"
        )
        self.address = address


class OtherRoad(ConfigError):
    """An edition that has begun to go out one way was asked to go on by another."""

    def __init__(self, key: str) -> None:
        super().__init__(
            f"{key} has begun to go out through a relay, and DIGEST_RELAY_URL is the outbox now: "
            "set it back to go on, nobody would be mailed this way"
        )


class NoFirstEdition(DigestError):
    """An extra edition was asked for a date that has not had its own."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} has not been sent, so there can be no extra edition of the date: digest send first")


class Unsettled(DigestError):
    """Articles changed between rendering and freezing, time after time."""

    def __init__(self, key: str) -> None:
        super().__init__(f"{key} could not be frozen: its articles keep changing; run this again when they are quiet")


class Declined(DigestError):
    """The person at the terminal said no."""

    def __init__(self) -> None:
        super().__init__("nothing was sent")
