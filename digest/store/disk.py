"""What a store stands on: a disk of this machine, with room for what is to be written."""

import os
import re
from pathlib import Path

from digest.errors import ConfigError, StoreError

MOUNTS = Path("/proc/self/mounts")
#: File systems that another machine may have open too. SQLite's log is an agreement in shared memory, and its locks are
#: often no locks there: https://sqlite.org/wal.html, https://sqlite.org/howtocorrupt.html (2.1).
NETWORK = frozenset(
    {
        *("nfs", "nfs4", "cifs", "smb2", "smb3", "smbfs", "ncpfs", "afs", "coda", "davfs", "davfs2"),
        *("ceph", "glusterfs", "lustre", "gpfs", "beegfs", "orangefs", "pvfs2", "ocfs2", "gfs2", "acfs"),
    }
)
#: The same through FUSE, by what follows ``fuse.``. 9p and virtiofs are not here: WSL and sandboxes such as gVisor show
#: a local disk by them.
NETWORK_FUSE = frozenset(
    {
        *("sshfs", "rclone", "davfs", "davfs2", "curlftpfs", "glusterfs", "ceph", "ceph-fuse", "cephfs", "juicefs"),
        *("s3fs", "s3ql", "goofys", "mount-s3", "gcsfuse", "blobfuse", "blobfuse2", "gvfsd-fuse", "kio-fuse", "jmtpfs"),
        *("onedriver", "google-drive-ocamlfuse", "smbnetfs", "hubicfuse", "seaweedfs", "moosefs", "mfs"),
    }
)
SPARE = 16_000_000  #: bytes that stay free: the log of a send, and what others write meanwhile
EACH = 200  #: bytes a delivery may come to want, in the file and in the log

_ESCAPED = re.compile(r"\\([0-7]{3})")  # proc(5): blanks and the like in names


def require_local(path: Path) -> None:
    """Raise ConfigError when a store is, or would be, on a network file system; where nobody can tell it is not."""
    try:
        mounts = MOUNTS.read_text(encoding="utf-8", errors="surrogateescape")
    except OSError:
        return
    kind = file_system(path.resolve(), mounts)
    if kind is not None and is_network(kind):
        raise ConfigError(
            f"the store {path} is on a network file system ({kind}), where SQLite loses what was written; put it on a "
            "disk of this machine and name it there: DIGEST_DATABASE_URL=sqlite:////var/lib/digest/digest.db"
        )


def file_system(path: Path, mounts: str) -> str | None:
    """Return the type of the file system that holds a path, by a table such as /proc/self/mounts."""
    found, depth = None, -1
    for fields in map(str.split, mounts.splitlines()):
        if len(fields) < 3:
            continue
        at = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[1]))
        # What was mounted later over the same place covers what was there.
        if (at == path or at in path.parents) and len(at.parts) >= depth:
            found, depth = fields[2], len(at.parts)
    return found


def is_network(kind: str) -> bool:
    """Return whether a type of file system may be open on several machines."""
    return kind in NETWORK or (kind.startswith("fuse.") and kind.removeprefix("fuse.") in NETWORK_FUSE)


def require_room(path: Path, deliveries: int) -> None:
    """Raise StoreError unless there is room beside a store for what a send of so many deliveries writes."""
    try:
        known = os.statvfs(path.parent)
    except OSError as error:
        raise StoreError(f"{path.parent} cannot be looked at: {error.strerror}") from error
    free, wanted = known.f_bavail * known.f_frsize, SPARE + EACH * deliveries
    if free < wanted:
        raise StoreError(
            f"the disk of {path} has {free / 1e6:,.0f} MB left, and a send to {deliveries:,} readers wants "
            f"{wanted / 1e6:,.0f} MB; nothing was sent; make room there and run this again"
        )
