import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from digest.errors import ConfigError
from digest.operation.units import Unattended, cron_line, systemd_units, unattended
from digest.project import read_configuration
from tests.projects import a_project_folder

#: Prints what it was called with.
ECHO = (sys.executable, "-c", "import json, sys; print(json.dumps(sys.argv[1:]))")
#: Every key that may stand in these units; systemd ignores one that it does not know, with a warning that nobody reads.
KNOWN = {
    "Unit": {"Description", "Wants", "After"},
    "Service": {
        "Type", "User", "ExecStart", "SuccessExitStatus", "KillSignal", "KillMode", "TimeoutStopSec",
        "SyslogIdentifier", "UMask", "NoNewPrivileges", "CapabilityBoundingSet", "ProtectSystem", "ProtectHome",
        "ReadWritePaths", "PrivateTmp", "PrivateDevices", "ProtectControlGroups", "ProtectKernelModules",
        "ProtectKernelTunables", "RestrictRealtime", "RestrictSUIDSGID", "LockPersonality",
    },
    "Timer": {"OnCalendar", "AccuracySec", "Persistent"},
    "Install": {"WantedBy"},
}  # fmt: skip
ODD = ["plain", "Tidningen åäö", "100% 'ny' $HOME", 'a "b" `c`; d & e', "#x"]


def about(folder: Path, program: tuple[str, ...] = ECHO, **environ: str) -> Unattended:
    """Return what is known of a project in this folder."""
    return unattended(read_configuration(a_project_folder(folder), environ), program)


def settings(units: str) -> dict[str, str]:
    """Return the settings of both units by their names."""
    return dict(re.findall(r"^(\w+)=(.*)$", units, re.MULTILINE))


def files(units: str) -> dict[str, str]:
    """Return the text of each file by the name in the line above it."""
    parts = re.split(r"^# /etc/systemd/system/(.*)\n", units, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("name", ODD)
def test_line_for_cron_calls_the_project_whatever_its_folder_is_called(tmp_path: Path, name: str) -> None:
    comment, line = cron_line(about(tmp_path / name)).splitlines()
    minutes, command = re.fullmatch(r"((?:\S+ ){4}\S+)  (.*)", line).groups()  # type: ignore[union-attr]
    # What cron does: everything behind a bare % is input, and a backslash takes that meaning from it.
    assert not re.search(r"(?<!\\)%", command)
    ran = subprocess.run(["/bin/sh", "-c", command.replace("\\%", "%")], capture_output=True, text=True, check=True)

    assert comment.startswith("# ")
    assert minutes == "*/5 * * * *"
    assert json.loads(ran.stdout) == ["send", "--due", "--collect", "--project", str(tmp_path / name)]


@pytest.mark.parametrize("name", ["two\nlines", "back\\slash", "bell\x07"])
def test_folder_that_no_crontab_can_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot stand in a crontab or unit; give the folder a plainer name"):
        about(tmp_path / name)


@pytest.mark.parametrize("name", ODD)
def test_units_hold_only_what_systemd_knows(tmp_path: Path, name: str) -> None:
    units = systemd_units(about(tmp_path / name))
    section = ""
    for line in units.splitlines():
        if found := re.fullmatch(r"\[(\w+)\]", line):
            section = found[1]
        elif line and not line.startswith("#"):
            assert line.partition("=")[0] in KNOWN[section], line


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="no systemd-analyze on this machine")
@pytest.mark.parametrize("name", ODD)
def test_units_pass_the_check_of_systemd(tmp_path: Path, name: str) -> None:
    made = files(systemd_units(about(tmp_path / name, program=(sys.executable, "-m", "digest"))))
    for file, text in made.items():
        (tmp_path / file).write_text(text, encoding="utf-8")
    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *made], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert [Path(file).suffix for file in made] == [".service", ".timer"]
    assert not [line for line in checked.stderr.splitlines() if "digest-" in line]


def test_units_are_named_after_the_folder(tmp_path: Path) -> None:
    assert list(files(systemd_units(about(tmp_path / "Senaste Nytt!")))) == [
        "digest-senaste-nytt.service", "digest-senaste-nytt.timer",
    ]  # fmt: skip
    assert next(iter(files(systemd_units(about(tmp_path / "新聞"))))) == "digest-project.service"


def test_stop_is_given_more_time_than_the_drain_takes(tmp_path: Path) -> None:
    assert settings(systemd_units(about(tmp_path)))["TimeoutStopSec"] == "90"
    assert settings(systemd_units(about(tmp_path, DIGEST_DRAIN="5m")))["TimeoutStopSec"] == "330"


def test_service_runs_as_the_owner_of_the_folder(tmp_path: Path) -> None:
    assert settings(systemd_units(about(tmp_path)))["User"] == tmp_path.owner()


def test_service_may_write_to_the_project_and_nowhere_else(tmp_path: Path) -> None:
    made = settings(systemd_units(about(tmp_path / "nytt")))

    assert made["ProtectSystem"] == "strict"
    assert made["ReadWritePaths"] == str(tmp_path / "nytt")


def test_service_may_write_where_store_and_outbox_are(tmp_path: Path) -> None:
    (tmp_path / "box").mkdir()
    urls = {
        "DIGEST_DATABASE_URL": f"sqlite:///{tmp_path}/a store/digest.db",
        "DIGEST_RELAY_URL": f"maildir:{tmp_path}/box",
    }
    made = settings(systemd_units(about(tmp_path / "nytt", ECHO, **urls)))

    assert made["ReadWritePaths"] == f'{tmp_path}/nytt "{tmp_path}/a store" {tmp_path}/box'


def test_outbox_that_is_not_there_yet_can_be_made(tmp_path: Path) -> None:
    made = settings(systemd_units(about(tmp_path / "nytt", DIGEST_RELAY_URL=f"maildir:{tmp_path}/later/box")))

    assert made["ReadWritePaths"] == f"{tmp_path}/nytt {tmp_path}/later"


def test_service_sees_a_project_that_lies_in_tmp(tmp_path: Path) -> None:
    plain = about(tmp_path)

    for folder, private in ((Path("/srv/nytt"), "yes"), (Path("/var/tmp/nytt"), "no"), (Path("/tmp/nytt"), "no")):
        elsewhere = Unattended(plain.command, folder, (folder,), plain.user, plain.drain)
        assert settings(systemd_units(elsewhere))["PrivateTmp"] == private
