"""``[newsletters.NAME.preflight]``: which rules of preflight warn, hold or are off, and their numbers.

Plain values: a model of so many fields costs every command ten milliseconds at its start.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from digest.errors import nearest

WEIGHTS = ("warn", "hold", "off")
#: Every rule, as digest.toml and ``--force`` name it.
RULE_NAMES = (
    "articles", "count", "readers", "sections", "renamed", "rehearsed", "late", "secrets",
    "repeated", "alike", "lead", "date", "capitals", "weekday", "phrases",
    "subject", "same_subject", "html_size", "alt_text", "unsubscribe", "links", "pictures",
    "postal_address", "sender", "base_url", "one_click", "dkim", "alignment",
)  # fmt: skip
#: Rules that keep a promise to readers or an edition from going wrong: overridden for one send, by ``--force``.
FIRM = ("articles", "readers", "renamed", "late", "unsubscribe", "one_click", "base_url")
#: The least and the most that a number may be.
BOUNDS: Mapping[str, tuple[float, float]] = {
    "repeat_days": (1, 366),
    "alike_percent": (50, 100),
    "count_editions": (5, 100),
    "count_times": (1.1, 100),
    "subject_characters": (20, 200),
    "html_warn_kb": (1, 1000),
    "html_hold_kb": (1, 1000),
    "picture_kb": (1, 100_000),
}


@dataclass(frozen=True)
class Thresholds:
    """What the rules count by, and the weights that digest.toml gives them."""

    repeat_days: int = 14
    alike_percent: int = 80
    count_editions: int = 5
    count_times: float = 3
    subject_characters: int = 78
    html_warn_kb: int = 90
    html_hold_kb: int = 100
    picture_kb: int = 500
    weights: Mapping[str, str] = field(default_factory=dict)
    given: frozenset[str] = field(default=frozenset(), compare=False)  #: what digest.toml names

    def weight(self, rule: str) -> str | None:
        """Return what digest.toml says of a rule, None when it says nothing."""
        return self.weights.get(rule)

    def values(self) -> dict[str, object]:
        """Return the numbers and the weights that were given, by their names."""
        return {**{name: getattr(self, name) for name in BOUNDS}, **self.weights}


def read_thresholds(table: object) -> Thresholds:
    """Return what a table of digest.toml says; ValueError that names the key."""
    if isinstance(table, Thresholds):
        return table
    if not isinstance(table, dict):
        raise ValueError('is a table; write [newsletters.NAME.preflight], and in it repeated = "hold"')  # noqa: TRY004
    weights = {key: _weight(key, value) for key, value in table.items() if key not in BOUNDS}
    numbers: dict[str, Any] = {key: _number(key, value) for key, value in table.items() if key in BOUNDS}
    read = Thresholds(**numbers, weights=weights, given=frozenset(table))
    if read.html_warn_kb > read.html_hold_kb:
        raise ValueError(f"html_warn_kb = {read.html_warn_kb} is more than html_hold_kb = {read.html_hold_kb}")
    return read


def _weight(rule: str, value: object) -> str:
    if rule not in RULE_NAMES:
        raise ValueError(f"unknown key {rule}{nearest(rule, [*RULE_NAMES, *BOUNDS])}")
    if rule in FIRM:
        raise ValueError(f"{rule} stays as it is; for one send there is: digest send --force {rule}")
    if not isinstance(value, str) or value not in WEIGHTS:
        raise ValueError(f"{rule} = {value!r}: write one of {', '.join(WEIGHTS)}")
    return value


def _number(key: str, value: object) -> int | float:
    least, most = BOUNDS[key]
    # A bool is an int to Python, and no number to people.
    wanted = (int, float) if key == "count_times" else (int,)
    if isinstance(value, bool) or not isinstance(value, wanted) or not least <= value <= most:
        raise ValueError(f"{key} = {value!r}: write a number from {least:g} to {most:g}")
    return value
