"""Checks before a send, each with its reason: pass, warn, or hold. The rules stand in modules by subject."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

from digest.delivery import preflight_content, preflight_edition, preflight_letter, preflight_sender
from digest.delivery.findings import Asked, Finding, Level, Rule, Subject

__all__ = ["RULES", "Asked", "Finding", "Level", "Subject", "Verdict", "check", "gist"]

#: Every rule by the name that ``--force`` and digest.toml take.
RULES: dict[str, Rule] = {
    **preflight_edition.RULES,
    **preflight_content.RULES,
    **preflight_letter.RULES,
    **preflight_sender.RULES,
}
#: Findings of one rule that are printed one by one.
MOST = 3
WEIGHT = {Level.HOLD: 0, Level.WARN: 1, Level.FINE: 2}


@dataclass(frozen=True)
class Verdict:
    """All findings, and the worst of them; a rule that was forced no longer holds."""

    findings: tuple[Finding, ...]
    forced: frozenset[str] = frozenset()
    off: tuple[str, ...] = ()  #: rules that digest.toml has turned off

    @property
    def level(self) -> Level:
        """The worst level of what was not forced."""
        levels = {f.level for f in self.findings if f.rule not in self.forced}
        return next((level for level in (Level.HOLD, Level.WARN) if level in levels), Level.FINE)

    @property
    def holds(self) -> tuple[Finding, ...]:
        """What stops the send."""
        return tuple(f for f in self.findings if f.level is Level.HOLD and f.rule not in self.forced)

    @property
    def overridden(self) -> tuple[Finding, ...]:
        """What would have stopped the send, and was forced."""
        return tuple(f for f in self.findings if f.level is Level.HOLD and f.rule in self.forced)


def check(subject: Subject, forced: Iterable[str] = ()) -> Verdict:
    """Return what every rule says of an edition about to be sent."""
    weights = {name: subject.newsletter.preflight.weight(name) for name in RULES}
    found = [finding for name, rule in RULES.items() if weights[name] != "off" for finding in _ask(name, rule, subject)]
    return Verdict(tuple(found), frozenset(forced), tuple(name for name in RULES if weights[name] == "off"))


def _ask(name: str, rule: Rule, subject: Subject) -> list[Finding]:
    # Each once: a hundred letters may have one fault.
    found, weight = list(dict.fromkeys(rule(subject))), subject.newsletter.preflight.weight(name)
    if weight == "hold" and name in preflight_sender.OF_PROVIDERS and not subject.network:
        weight = "warn"  # no provider sees a rehearsal
    if weight is not None:
        found = [replace(finding, level=Level(weight)) for finding in found]
    return found or [Finding(name, Level.FINE, "")]


def gist(findings: Sequence[Finding]) -> Iterator[Finding]:
    """Yield what a person reads: what holds first, then what warns, of each rule a few and how many more."""
    said = sorted((f for f in findings if f.message), key=lambda finding: WEIGHT[finding.level])
    for (level, rule), group in groupby(said, key=lambda finding: (finding.level, finding.rule)):
        some = list(group)
        # "and 1 more" takes the room that the one would have taken.
        shown = some if len(some) <= MOST + 1 else some[:MOST]
        yield from shown
        if len(shown) < len(some):
            yield Finding(rule, level, f"and {len(some) - len(shown)} more; digest check --json names them")
