"""The sample project with as many readers as one likes, in a temporary folder."""

import csv
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.commands import DIGEST, Ran, run
from digest.packaged import Part, packaged

DATE = "2025-11-30"  #: of the sample's newest news
LIST = "industri"
BOUNCES = "bounce@example.com"
PARTS: tuple[Part, ...] = ("digest.toml", "articles", "subscribers")
NAMES = ("Åsa Öberg", "Per Lindqvist", "Anna Andersson", "Lindqvist, Maja", "")


@dataclass(frozen=True)
class Sample:
    """A project folder; its commands see only the variables given here."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)

    def digest(self, *arguments: str) -> Ran:
        """Run a command of ``digest`` here."""
        return run([*DIGEST, *arguments], self.folder, self.variables)

    def send(self) -> Ran:
        """Send the sample's edition; again: nothing is left to do."""
        return self.digest("send", "--date", DATE, "--wait", "0", "--json")


@contextmanager
def sample_project(readers: int = 0, relay: str | None = None) -> Iterator[Sample]:
    """Make the sample project with its articles collected and this many readers; it is gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="digest-bench-") as name:
        folder = Path(name)
        for part in PARTS:
            source = packaged(part)
            (shutil.copytree if source.is_dir() else shutil.copyfile)(source, folder / part)
        variables = {"DIGEST_BOUNCE_ADDRESS": BOUNCES, **({"DIGEST_RELAY_URL": relay} if relay else {})}
        sample = Sample(folder, variables)
        sample.digest("init")
        sample.digest("collect")
        if readers:
            import_readers(sample, readers)
        yield sample


def write_readers(path: Path, count: int) -> Path:
    """Write a list's file with this many rows."""
    with path.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["e-post", "namn", "språk", "företag"])
        rows.writerows(
            [f"reader{n}@example{n % 50}.com", NAMES[n % len(NAMES)], "sv", f"Bolag {n % 999}"] for n in range(count)
        )
    return path


def import_readers(sample: Sample, count: int) -> Ran:
    """Bring this many readers to the sample's list."""
    path = write_readers(sample.folder / "readers.csv", count)
    return sample.digest("subscribers", "import", str(path), "--list", LIST)
