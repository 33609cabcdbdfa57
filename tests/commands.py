"""A ``digest`` command that has ended, and the articles that the projects of tests begin with."""

import json
import signal
from dataclasses import dataclass
from typing import Any

ARTICLES = [
    {"title": "Backkameror", "url": "https://nytt.example.com/1", "published": "2025-11-30"},
    {"title": "Luftrenare", "url": "https://nytt.example.com/2", "published": "2025-11-29", "lead": "Ren luft."},
]


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, minus the signal that killed it, and what it printed."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """The one JSON object of stdout."""
        return json.loads(self.out)

    @property
    def was_killed(self) -> bool:
        return self.code == -signal.SIGKILL
