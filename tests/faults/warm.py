"""Imported by the server that processes are forked from, nowhere else: it sends an edition once, to nobody.

What is set up on first use (mappers, templates, parsers) is then there in every process that is forked.
"""

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path

import digest.delivery.login
import digest.delivery.relay  # noqa: F401  for a send imports it late, and this one needs no relay
from digest.cli.app import run
from tests.commands import ARTICLES
from tests.faults.edition import SEND, TOML


def _warm(folder: str) -> None:
    os.environ["DIGEST_RELAY_CONNECTIONS"] = "1"
    at = ("--project", folder)
    run(["init", folder])
    Path(folder, "digest.toml").write_text(TOML, encoding="utf-8")
    Path(folder, "articles.json").write_text(json.dumps(ARTICLES), encoding="utf-8")
    run(["articles", "import", f"{folder}/articles.json", *at])
    run(["subscribers", "add", "anna@example.com", "--list", "industri", "--confirmed", *at])
    run([*SEND, *at])
    run(["send", "--due", *at])
    run(["editions", "doubts", "--json", *at])


with (
    tempfile.TemporaryDirectory() as _folder,
    contextlib.redirect_stdout(io.StringIO()),
    contextlib.redirect_stderr(io.StringIO()),
):
    _warm(_folder)
