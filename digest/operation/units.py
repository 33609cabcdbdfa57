"""Lines for cron and units for systemd, that run what is due."""

import pwd
import re
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from digest.delivery.relays import parse_relays
from digest.errors import ConfigError
from digest.project import Configuration

MINUTES = 5  #: between two looks
TEMPORARY = (Path("/tmp"), Path("/var/tmp"))  # noqa: S108  not used, only looked for
SPARE = 30  #: seconds past the drain until systemd stops waiting

SERVICE = """\
# /etc/systemd/system/{name}.service
[Unit]
Description=digest: send what is due in {folder}
Wants=network-online.target
After=network-online.target

[Service]
Type=oneshot
User={user}
ExecStart={command}
# 3: some mail is still open, and the next run goes on. 130: stopped, and nothing is lost.
SuccessExitStatus=3 130
# SIGTERM lets open conversations finish, for DIGEST_DRAIN.
KillSignal=SIGTERM
KillMode=mixed
TimeoutStopSec={stop}
SyslogIdentifier={name}
UMask=0077
NoNewPrivileges=yes
CapabilityBoundingSet=
ProtectSystem=strict
ProtectHome=read-only
ReadWritePaths={writable}
PrivateTmp={private_tmp}
PrivateDevices=yes
ProtectControlGroups=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
"""
TIMER = """\
# /etc/systemd/system/{name}.timer
[Unit]
Description=digest: look every {minutes} minutes what is due in {folder}

[Timer]
OnCalendar=*:0/{minutes}
AccuracySec=1s
Persistent=true

[Install]
WantedBy=timers.target
"""


@dataclass(frozen=True)
class Unattended:
    """What a timetable of the machine has to know: the command, the project, and where it writes."""

    command: tuple[str, ...]
    folder: Path
    writable: tuple[Path, ...]
    user: str
    drain: int  #: seconds


def unattended(configuration: Configuration, program: Sequence[str]) -> Unattended:
    """Return how this project is sent unattended; ConfigError for a path that no crontab or unit can hold."""
    folder = configuration.folder.resolve()
    command = (*program, "send", "--due", "--collect", "--project", str(folder))
    if any(ord(c) < 32 or c in "\\\x7f" for c in "".join(command)):
        raise ConfigError(f"the path {str(folder)!r} cannot stand in a crontab or unit; give the folder a plainer name")
    drain = int(configuration.environment.drain.total_seconds())
    return Unattended(command, folder, _writable(configuration, folder), _owner(folder), drain)


def _writable(configuration: Configuration, folder: Path) -> tuple[Path, ...]:
    """Return the project's folder, and those of the store and the outbox where they are not in it."""
    relays = parse_relays(configuration.environment.relay_url.get_secret_value())
    outboxes = [(folder / relay.path).resolve() for relay in relays if relay.path]
    # systemd wants them there; an outbox that is not will be made.
    places = [configuration.database.resolve().parent, *(box if box.is_dir() else box.parent for box in outboxes)]
    return (folder, *dict.fromkeys(place for place in places if not place.is_relative_to(folder)))


def _owner(folder: Path) -> str:
    number = folder.stat().st_uid
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def cron_line(about: Unattended) -> str:
    """Return a line of a crontab, with what it is for above it."""
    # A % begins the command's input, unless a backslash stands before it (crontab(5)).
    command = shlex.join(about.command).replace("%", "\\%")
    return (
        f"# digest: looks every {MINUTES} minutes what digest.toml has due. Add it with: crontab -e\n"
        f"*/{MINUTES} * * * *  {command}\n"
    )


def systemd_units(about: Unattended) -> str:
    """Return a service and its timer, each under a line that says which file it is."""
    name = "digest-" + (re.sub(r"[^a-z0-9]+", "-", about.folder.name.lower()).strip("-") or "project")
    folder = str(about.folder).replace("%", "%%")
    service = SERVICE.format(
        name=name,
        folder=folder,
        user=about.user,
        command=" ".join(_argument(word) for word in about.command),
        stop=about.drain + SPARE,
        writable=" ".join(_argument(str(path), dollar="$") for path in about.writable),
        private_tmp="no" if any(about.folder.is_relative_to(place) for place in TEMPORARY) else "yes",
    )
    return service + "\n" + TIMER.format(name=name, folder=folder, minutes=MINUTES)


def _argument(word: str, dollar: str = "$$") -> str:
    """Return a word as systemd.syntax(7) and, for ``$``, systemd.service(5) want it."""
    escaped = word.replace("%", "%%").replace("$", dollar)
    return escaped if re.fullmatch(r"[\w./+=:@,%$-]+", escaped) else '"' + escaped.replace('"', '\\"') + '"'
