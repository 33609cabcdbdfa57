"""A store stands on a disk of this machine that has room."""

import os
from pathlib import Path

import pytest

from digest.errors import ConfigError, StoreError
from digest.store import create, disk, open_store
from digest.store.disk import EACH, SPARE, file_system, is_network, require_room
from tests.store.builders import NOON

MOUNTS = r"""
/dev/vda1 / ext4 rw,relatime 0 0
proc /proc proc rw 0 0
/dev/vdb1 /srv xfs rw 0 0
nas:/export /srv/nas nfs4 rw,vers=4.2 0 0
/dev/vdc1 /srv/nas/local ext4 rw 0 0
//nas/share /mnt/Our\040Files\134new cifs rw 0 0
anna@host: /media/far fuse.sshfs rw 0 0
broken
tmpfs /twice tmpfs rw 0 0
nas:/twice /twice nfs rw 0 0
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/digest.db", "ext4"),
        ("/srv/digest.db", "xfs"),
        ("/srv/nas/digest.db", "nfs4"),
        ("/srv/nas/deep/er/digest.db", "nfs4"),
        ("/srv/nasty/digest.db", "xfs"),
        ("/srv/nas/local/digest.db", "ext4"),
        (r"/mnt/Our Files\new/digest.db", "cifs"),
        ("/media/far/digest.db", "fuse.sshfs"),
        ("/twice/digest.db", "nfs"),
    ],
)
def test_file_system_is_that_of_the_nearest_mount_and_of_the_last_one_there(path: str, kind: str) -> None:
    assert file_system(Path(path), MOUNTS) == kind


def test_without_mounts_nobody_can_tell() -> None:
    assert file_system(Path("/digest.db"), "") is None


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "smb3", "ceph", "lustre", "afs", "fuse.sshfs", "fuse.rclone"])
def test_file_systems_that_others_may_have_open_are_network_ones(kind: str) -> None:
    assert is_network(kind)


@pytest.mark.parametrize(
    "kind", ["ext4", "xfs", "btrfs", "zfs", "tmpfs", "overlay", "apfs", "9p", "fuseblk", "fuse.gocryptfs"]
)
def test_disks_of_this_machine_are_none(kind: str) -> None:
    assert not is_network(kind)


@pytest.fixture
def on_a_share(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The test's own folder, which the table of mounts says is a share."""
    mounts = tmp_path.with_name(f"{tmp_path.name}-mounts")
    mounts.write_text(f"/dev/vda1 / ext4 rw 0 0\nnas:/export {tmp_path} nfs4 rw 0 0\n", encoding="utf-8")
    monkeypatch.setattr(disk, "MOUNTS", mounts)
    return tmp_path


def test_store_on_a_network_file_system_is_neither_opened_nor_made(path: Path, on_a_share: Path) -> None:
    before = path.read_bytes()
    for refused in (lambda: open_store(path), lambda: create(on_a_share / "new.db", NOON)):
        with pytest.raises(ConfigError) as error:
            refused()

        assert error.value.exit_code == 4
        assert "is on a network file system (nfs4)" in str(error.value)
        assert "DIGEST_DATABASE_URL=sqlite:///" in str(error.value)
    assert path.read_bytes() == before
    assert [file.name for file in on_a_share.iterdir()] == ["digest.db"]


def test_link_that_leads_to_a_share_is_followed(path: Path, on_a_share: Path) -> None:
    link = on_a_share.with_name(f"{on_a_share.name}-link")
    link.symlink_to(on_a_share, target_is_directory=True)

    with pytest.raises(ConfigError, match="network file system"):
        open_store(link / "digest.db")


def test_machine_without_a_table_of_mounts_opens_its_store(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MOUNTS", path / "nowhere")

    store = open_store(path)
    store.close()

    assert store.installation.uid


def test_send_to_more_readers_wants_more_room(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def statvfs(_: Path) -> os.statvfs_result:
        return os.statvfs_result((4096, 4096, 10**9, 10**9, (SPARE + 100 * EACH) // 4096 + 1, 0, 0, 0, 0, 255))

    monkeypatch.setattr(os, "statvfs", statvfs)
    require_room(path, 100)

    with pytest.raises(StoreError) as refused:
        require_room(path, 1_000_000)
    assert str(refused.value) == (
        f"the disk of {path} has 16 MB left, and a send to 1,000,000 readers wants 216 MB; nothing was sent; "
        "make room there and run this again"
    )
