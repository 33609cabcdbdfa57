"""A monitor that is told of a send: when the first edition begins, and how it ended."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from digest.cli import show

if TYPE_CHECKING:
    from digest.operation.ping import Event
    from digest.project import Project


@dataclass
class Monitor:
    """DIGEST_PING_URL, called at most twice for one command; that it does not answer is a warning and no more."""

    url: str
    has_begun: bool = False

    def begin(self) -> None:
        """Say that a send begins, once; a command that finds nothing to do says nothing."""
        if not self.has_begun:
            self.has_begun = True
            self._tell("start")

    def end(self, code: int, words: str) -> None:
        """Say how it ended: with 3, mail that is put off goes out with the next call, which is no failure."""
        if self.has_begun:
            self._tell("success" if code in (0, 3) else "failure", words)

    def _tell(self, event: "Event", words: str = "") -> None:
        if self.url:
            from digest.operation.ping import ping

            if warning := ping(self.url, event, words):
                show.say(f"warning: {warning}")


def monitor(project: "Project", *, is_trial: bool) -> Monitor:
    """Return the monitor that DIGEST_PING_URL names; for a trial, or without one, a monitor that nobody hears."""
    return Monitor("" if is_trial else project.environment.ping_url.get_secret_value())
