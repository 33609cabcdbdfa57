"""The file of a backup: a zip with the project's own files, its store, and a manifest that accounts for each."""

import hashlib
import json
import tomllib
import zipfile
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from dotenv import dotenv_values
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from digest.errors import DigestError
from digest.settings import FILE

FORMAT = 1
MANIFEST = "manifest.json"
STORE = "digest.db"  #: whatever it is called in the project
DOTENV = ".env"
FOLDERS = ("subscribers", "templates")
CHUNK = 1 << 20
LARGEST_MANIFEST = 64 << 20  #: bytes; a hundred thousand files take sixteen


class NotABackup(DigestError):
    """A file is no backup, or not a whole one."""

    def __init__(self, file: Path, why: str) -> None:
        super().__init__(f"{file} is not a backup that can be used: {why}; nothing was changed")
        self.file = file
        self.why = why


class Member(BaseModel):
    """One file of a backup."""

    model_config = ConfigDict(frozen=True)

    size: int = Field(ge=0)
    sha256: str
    modified: int = 0  #: seconds since 1970
    mode: int = Field(default=0o600, ge=0, le=0o777)


class Manifest(BaseModel):
    """What a backup says of itself."""

    model_config = ConfigDict(frozen=True)

    format: int
    made_at: str
    program: str
    store: str  #: its version
    uid: str = Field(pattern=r"^[0-9a-f]{32}$")
    key: str | None  #: fingerprint of the secret key it is signed with
    rows: dict[str, int]
    members: dict[str, Member]


@dataclass(frozen=True)
class Measured:
    """What went through a copy."""

    size: int
    sha256: str


def copy(source: IO[bytes], target: IO[bytes] | None, most: int | None = None) -> Measured:
    """Copy one open file to another, or only measure it; ValueError as soon as there is more than ``most``."""
    digest, size = hashlib.sha256(), 0
    while chunk := source.read(CHUNK):
        size += len(chunk)
        if most is not None and size > most:
            raise ValueError("it is longer than its manifest says")
        digest.update(chunk)
        if target is not None:
            target.write(chunk)
    return Measured(size, digest.hexdigest())


@contextmanager
def reading(file: Path) -> Iterator[zipfile.ZipFile]:
    """Open a backup; whatever is wrong with it while it is read is NotABackup."""
    try:
        with zipfile.ZipFile(file) as archive:
            yield archive
    except FileNotFoundError:
        raise NotABackup(file, "there is no such file") from None
    except zipfile.BadZipFile as error:
        raise NotABackup(file, f"it is not a whole zip file ({error})") from error
    except (zlib.error, EOFError) as error:
        raise NotABackup(file, f"it is damaged ({error or 'it ends too soon'})") from error
    except (ValueError, KeyError, RuntimeError, OverflowError) as error:  # zipfile's own, for odd and hostile ones
        raise NotABackup(file, " ".join(str(error).split()) or type(error).__name__) from error


def read_manifest(archive: zipfile.ZipFile, file: Path) -> Manifest:
    """Return what a backup says of itself, if it is one and holds neither more nor less; NotABackup."""
    names = [info.filename for info in archive.infolist()]
    if MANIFEST not in names:
        raise NotABackup(file, f"it holds no {MANIFEST}")
    with archive.open(MANIFEST) as opened:
        words = opened.read(LARGEST_MANIFEST + 1)
    if len(words) > LARGEST_MANIFEST:
        raise NotABackup(file, f"its {MANIFEST} is too large")
    try:
        said = json.loads(words)
        made_by = said.get("format") if isinstance(said, dict) else None
        if isinstance(made_by, int) and made_by > FORMAT:
            raise NotABackup(file, f"its format is {made_by}, this program knows {FORMAT}; install a newer digest")
        manifest = Manifest.model_validate(said)
    except (ValidationError, json.JSONDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotABackup(file, f"its {MANIFEST} is not a backup's") from error
    if len(set(names)) != len(names) or {*manifest.members, MANIFEST} != set(names):
        raise NotABackup(file, f"it does not hold what its {MANIFEST} says")
    if manifest.format != FORMAT or not {FILE, STORE} <= set(manifest.members):
        raise NotABackup(file, f"it holds no {FILE} or no store")
    for name in manifest.members:
        if not is_inside(name) or name in FOLDERS:
            raise NotABackup(file, f"it would write to {name!r}")
    return manifest


def is_inside(name: str) -> bool:
    """Return whether a member's name is that of a file inside a folder, in its plain spelling."""
    parts = name.split("/")
    return (
        "\0" not in name and str(PurePosixPath(name)) == name and ".." not in parts and parts[0] not in ("/", "", ".")
    )


def verify(archive: zipfile.ZipFile, manifest: Manifest, file: Path) -> None:
    """Read a backup through; NotABackup unless every byte is what its manifest says."""
    for name, member in manifest.members.items():
        with archive.open(name) as opened:
            measured = copy(opened, None, member.size)
        if measured != Measured(member.size, member.sha256):
            raise NotABackup(file, f"its {name} is damaged")


def as_json(manifest: Manifest) -> str:
    """Return the manifest as it is written."""
    return json.dumps(manifest.model_dump(), ensure_ascii=False, indent=1)


def secret_files(folder: Path, environ: Mapping[str, str]) -> list[str]:
    """Return the files of secrets that digest.toml, .env and the environment name, as they name them."""
    with (folder / FILE).open("rb") as opened:
        domains = tomllib.load(opened).get("domains", {})
    named = [domain for domain in domains.values() if isinstance(domain, dict)]
    keys = [domain.get(name) for domain in named for name in ("dkim_key_file", "dkim_ed25519_key_file")]
    variables = {**dotenv_values(folder / DOTENV, interpolate=False, encoding="utf-8-sig"), **environ}
    files = [value for name, value in variables.items() if name.startswith("DIGEST_") and name.endswith("_FILE")]
    return sorted({str(name) for name in (*keys, *files) if name})
