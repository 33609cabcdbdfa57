"""A real Postfix of a test's own: its configuration, queue and Maildir in a temporary folder, on a free port."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

MEMORY = Path("/dev/shm")
LONGEST = 60.0  #: seconds until it must listen, or have delivered everything

MAIN = """\
compatibility_level = 3.6
queue_directory = {folder}/queue
data_directory = {folder}/data
command_directory = /usr/sbin
daemon_directory = /usr/lib/postfix/sbin
mail_owner = postfix
setgid_group = postdrop
maillog_file = {folder}/maillog
maillog_file_prefixes = {folder}
multi_instance_enable = no
myhostname = mail.example.com
mydestination =
inet_interfaces = loopback-only
inet_protocols = ipv4
mynetworks = 127.0.0.0/8
alias_maps =
local_recipient_maps =
in_flow_delay = 0
smtpd_tls_security_level = encrypt
smtpd_tls_chain_files = {folder}/relay.pem
smtpd_client_restrictions = reject_unauth_pipelining
smtpd_helo_restrictions = reject_unauth_pipelining
smtpd_sender_restrictions = reject_unauth_pipelining
smtpd_recipient_restrictions = reject_unauth_pipelining, reject_unauth_destination
smtpd_data_restrictions = reject_unauth_pipelining
smtpd_end_of_data_restrictions = reject_unauth_pipelining
virtual_transport = virtual
virtual_mailbox_domains = {domains}
virtual_mailbox_base = {folder}
virtual_mailbox_maps = static:mail/
virtual_minimum_uid = 1
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
"""

MASTER = """\
127.0.0.1:{port} inet n - n - - smtpd
pickup    unix  n - n 60 1 pickup
cleanup   unix  n - n - 0 cleanup
qmgr      unix  n - n 300 1 qmgr
tlsmgr    unix  - - n 1000? 1 tlsmgr
rewrite   unix  - - n - - trivial-rewrite
bounce    unix  - - n - 0 bounce
defer     unix  - - n - 0 bounce
trace     unix  - - n - 0 bounce
verify    unix  - - n - 1 verify
flush     unix  n - n 1000? 0 flush
proxymap  unix  - - n - - proxymap
error     unix  - - n - - error
retry     unix  - - n - - error
virtual   unix  - n n - - virtual
anvil     unix  - - n - 1 anvil
postlog   unix-dgram n - n - 1 postlogd
"""


@dataclass(frozen=True)
class Postfix:
    """One that runs; ``folder/mail`` is the Maildir of all its readers."""

    folder: Path
    port: int

    def log(self) -> str:
        """Return what it has logged."""
        return (self.folder / "maillog").read_text(encoding="utf-8", errors="replace")

    def delivered(self, count: int) -> list[bytes]:
        """Return the mails of the Maildir once there are so many, or when it takes too long."""
        new, ends = self.folder / "mail" / "new", time.monotonic() + LONGEST
        while len(found := list(new.glob("*"))) < count and time.monotonic() < ends:
            time.sleep(0.05)
        return [one.read_bytes() for one in found]

    def waiting(self) -> list[Path]:
        """Return what is still in its queues."""
        queues = ("maildrop", "incoming", "active", "deferred", "hold")
        return [one for name in queues for one in (self.folder / "queue" / name).rglob("*") if one.is_file()]


@contextmanager
def postfix(command: Path, certificate: Path, domains: str) -> Iterator[Postfix]:
    """Run a Postfix that offers TLS with a key and its certificate, and takes mail for these domains; needs root."""
    # Not pytest's folder, which the processes that Postfix runs as somebody else may not enter; and in memory, since
    # it syncs every mail twice.
    with tempfile.TemporaryDirectory(prefix="digest-postfix-", dir=MEMORY if MEMORY.is_dir() else None) as name:
        folder, owner = Path(name), pwd.getpwnam("postfix")
        folder.chmod(0o755)
        for one in ("etc", "queue", "data", "mail"):
            (folder / one).mkdir()
        for one in ("data", "mail"):
            os.chown(folder / one, owner.pw_uid, owner.pw_gid)
        shutil.copyfile(certificate, folder / "relay.pem")
        port = _free_port()
        settings = {"folder": folder, "port": port, "uid": owner.pw_uid, "gid": owner.pw_gid, "domains": domains}
        (folder / "etc" / "main.cf").write_text(MAIN.format(**settings), encoding="ascii")
        (folder / "etc" / "master.cf").write_text(MASTER.format(**settings), encoding="ascii")
        _run(command, folder, "start")
        try:
            _wait_for(port)
            yield Postfix(folder, port)
        finally:
            _run(command, folder, "stop")


def _run(command: Path, folder: Path, word: str) -> None:
    done = subprocess.run(
        [command, "-c", folder / "etc", word], capture_output=True, text=True, check=False, timeout=LONGEST
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _free_port() -> int:
    with socket.socket() as any_port:
        any_port.bind(("127.0.0.1", 0))
        return int(any_port.getsockname()[1])


def _wait_for(port: int) -> None:
    ends = time.monotonic() + LONGEST
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            assert time.monotonic() < ends, "Postfix does not listen"
            time.sleep(0.02)
        else:
            return
