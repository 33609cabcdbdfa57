"""``digest check`` asks whether base_url leads here, before a letter is mailed whose links lead nowhere."""

import json
import socket
import ssl
from pathlib import Path

import pytest
import trustme

from digest.cli.app import run
from tests.web.conftest import BASE, Mailed, at_work

NEXT = '[{"title": "Packningar", "published": "2025-12-01"}]'


@pytest.fixture
def tls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """A certificate for localhost that this machine trusts."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    return context


@pytest.fixture
def ready(mailed: Mailed, monkeypatch: pytest.MonkeyPatch) -> Mailed:
    """A project with an article for the next date, and a relay on the network."""
    toml = mailed.folder / "digest.toml"
    toml.write_text(toml.read_text().replace(BASE, "").replace("nytt@example.com", "nytt@tidningen.se"))
    (mailed.folder / "next.json").write_text(NEXT)
    assert run(["articles", "import", str(mailed.folder / "next.json"), "--project", str(mailed.folder)]) == 0
    monkeypatch.setenv("DIGEST_RELAY_URL", "smtps://mail.example.com")
    return mailed


def check(project: Mailed, capfd: pytest.CaptureFixture[str], *options: str) -> tuple[int, dict[str, str]]:
    """Return the exit code, and what the rule says."""
    capfd.readouterr()
    code = run(["check", "--date", "2025-12-01", "--json", "--project", str(project.folder), *options])
    findings = json.loads(capfd.readouterr().out)["findings"]
    (finding,) = [one for one in findings if one["rule"] == "base_url"]
    return code, finding


def test_links_that_lead_to_this_project_pass(
    ready: Mailed, tls: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with at_work(ready.folder, tls=tls) as served:
        monkeypatch.setenv("DIGEST_BASE_URL", f"https://localhost:{served.port}")
        code, finding = check(ready, capfd)

    assert (code, finding["level"]) == (0, "pass")


def test_links_that_lead_nowhere_hold_the_edition_unless_forced(
    ready: Mailed, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("digest.delivery.examine.REACH_AGAIN", (0.01,))
    with socket.create_server(("localhost", 0)) as server:
        url = f"https://localhost:{server.getsockname()[1]}"
    monkeypatch.setenv("DIGEST_BASE_URL", url)
    code, finding = check(ready, capfd)

    assert (code, finding["level"]) == (6, "hold")
    assert finding["message"].startswith(f"{url}/healthz cannot be reached: connection refused; ")
    assert check(ready, capfd, "--force", "base_url")[0] == 0


def test_a_rehearsal_asks_nobody(
    ready: Mailed, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("DIGEST_BASE_URL", "https://nytt.example.com")  # the guard would see it asked for
    monkeypatch.setenv("DIGEST_RELAY_URL", "maildir:outbox")

    assert check(ready, capfd)[1]["level"] == "pass"
