"""Which ways letters may go: the relays that DIGEST_RELAY_URL names, or the outbox."""

import datetime as dt
from dataclasses import dataclass

from digest.delivery.options import Options
from digest.delivery.outcome import Relay
from digest.delivery.relays import RelayAddress, parse_relays, relay_for
from digest.project import Project
from digest.settings import read_rate


@dataclass(frozen=True)
class Roads:
    """The relays a run may use."""

    addresses: tuple[RelayAddress, ...]
    relays: tuple[Relay, ...]

    @property
    def rehearsal(self) -> bool:
        """Whether letters are only written to the outbox."""
        return any(address.is_outbox for address in self.addresses)

    @property
    def network(self) -> bool:
        """Whether letters leave this machine: a relay that is neither the outbox nor on loopback."""
        return any(not address.is_outbox and not address.is_loopback for address in self.addresses)

    @property
    def names(self) -> str:
        """The relays as people read them."""
        return ", ".join(address.name for address in self.addresses)


def roads(project: Project) -> Roads:
    """Return the relays that DIGEST_RELAY_URL names; ConfigError for one that cannot be read."""
    addresses = parse_relays(project.environment.relay_url.get_secret_value())
    most, tokens = project.environment.relay_connections, project.environment.relay_token_command.get_secret_value()
    return Roads(addresses, tuple(relay_for(address, project.folder, most, tokens) for address in addresses))


def options(project: Project, chosen: Roads, wait: dt.timedelta, in_doubt: str) -> Options:
    """Return how far a send goes by the settings and flags."""
    shared = project.environment.relay_rate
    return Options(
        wait=wait,
        resend_doubts=in_doubt == "resend",
        close_doubts=in_doubt == "skip",
        drain=project.environment.drain,
        limits=read_rate(shared) if shared else (),
        relay_limits=[read_rate(address.rate) if address.rate else () for address in chosen.addresses],
        domain_limits={domain: read_rate(rate) for domain, rate in project.file.domain_rates.items()},
    )
