"""All mail from a domain that has a DKIM key is signed; without the key nothing goes out."""

import email
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

from digest.demo.smtpd import Answer, Received, RecordingServer, Step
from tests.cli.conftest import TOML, Run
from tests.cli.editor import do, killed_at
from tests.letter.test_keys import a_smaller_key
from tests.serving import serving
from tests.signing import ed25519_key, record, rsa_key, verified, write_key

DATE = ("--date", "2025-11-30")
DOMAIN = """
[domains."example.com"]
dkim_selector = "d1"
dkim_key_file = "keys/d1.pem"
"""
ED25519 = 'dkim_ed25519_selector = "e1"\ndkim_ed25519_key_file = "keys/e1.pem"\n'


@pytest.fixture
def signing(ready: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A ready project with both keys."""
    (ready / "digest.toml").write_text(TOML + DOMAIN + ED25519, encoding="utf-8")
    write_key(ready / "keys" / "d1.pem", rsa_key())
    write_key(ready / "keys" / "e1.pem", ed25519_key())
    monkeypatch.setenv("DIGEST_BOUNCE_ADDRESS", "bounce@example.com")
    return ready


def deferring_bo(step: Step) -> Answer | None:
    """Put bo off."""
    return b"451 4.7.1 later\r\n" if step.name == "rcpt" and "bo@" in step.argument else None


def letters_in(server: RecordingServer) -> dict[str, bytes]:
    return {mail.recipient: mail.content for mail in server.mails if b"\r\nList-Id:" in mail.content}


def notices_in(server: RecordingServer) -> list[Received]:
    return [mail for mail in server.mails if b"\r\nAuto-Submitted:" in mail.content]


def states(project: Path) -> list[str]:
    with sqlite3.connect(project / "digest.db") as connection:
        return [state for (state,) in connection.execute("SELECT state FROM edition ORDER BY id")]


def due_now(project: Path) -> None:
    """Let what was put off fall due."""
    with sqlite3.connect(project / "digest.db") as connection:
        connection.execute("UPDATE delivery SET next_at = 0 WHERE next_at IS NOT NULL")


def test_every_letter_is_signed_by_both_keys_and_verified(signing: Path, digest: Run, relay: RecordingServer) -> None:
    sent = digest("send", *DATE, "--json")
    letters = letters_in(relay)

    assert (sent.code, sent.json["sent"]) == (0, 3)
    assert sorted(letters) == ["anna@example.com", "bo@example.com", "liam@example.com"]
    assert [verified(mail) for mail in letters.values()] == [[True, True]] * 3
    assert not any(verified(mail.replace(b"\r\n\r\n", b"\r\nSubject: x\r\n\r\n", 1))[0] for mail in letters.values())


def test_environment_names_a_key_too(
    ready: Path, digest: Run, relay: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_key(ready / "keys" / "d1.pem", rsa_key())
    for name, value in {"DOMAIN": "example.com", "SELECTOR": "d1", "KEY_FILE": "keys/d1.pem"}.items():
        monkeypatch.setenv(f"DIGEST_DKIM_{name}", value)

    assert digest("send", *DATE).code == 0
    assert [verified(mail) for mail in letters_in(relay).values()] == [[True]] * 3


def test_rehearsed_letters_are_signed(signing: Path, digest: Run) -> None:
    assert digest("send", *DATE).code == 0
    written = [path.read_bytes() for path in (signing / "outbox" / "new").iterdir()]

    assert [verified(mail) for mail in written] == [[True, True]] * 3


def test_letter_that_is_sent_again_has_the_same_bytes(signing: Path, digest: Run, relay: RecordingServer) -> None:
    assert digest("send", *DATE).code == 0
    first = letters_in(relay)["anna@example.com"]
    assert digest("editions", "resend", "nyheter/2025-11-30", "--to", "anna@example.com").code == 0

    assert [mail.content for mail in relay.mails if mail.recipient == "anna@example.com"] == [first, first]


def test_test_letters_are_signed(signing: Path, digest: Run, relay: RecordingServer) -> None:
    assert digest("send", *DATE, "--test", "red@example.com").code == 0

    assert [verified(mail.content) for mail in relay.mails] == [[True, True]] * 2  # in both languages


def test_notices_are_signed(signing: Path, digest: Run, relay: RecordingServer) -> None:
    (signing / "digest.toml").write_text((TOML + DOMAIN).replace('lists = ["industri"]', 'lists = ["ingen"]'))
    assert digest("send", *DATE).code == 6

    (notice,) = notices_in(relay)
    assert verified(notice.content) == [True]
    assert verified(notice.content.replace(b"\r\n\r\n", b"\r\nContent-Type: text/html\r\n\r\n", 1)) == [False]


def test_domain_without_a_key_sends_as_ever(ready: Path, digest: Run, relay: RecordingServer) -> None:
    (ready / "digest.toml").write_text(TOML + DOMAIN.replace("example.com", "example.org"), encoding="utf-8")
    sent = digest("send", *DATE, "-v")

    assert sent.code == 0
    assert [verified(mail) for mail in letters_in(relay).values()] == [[]] * 3
    assert "warn: there is a DKIM key for example.org and none for example.com" in sent.err


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda file: file.unlink(), "it cannot be read (No such file or directory)"),
        (lambda file: file.chmod(0o644), "other users of this machine can read or change it; chmod 600 keys/d1.pem"),
        (lambda file: write_key(file, b"hej"), "it holds no private key in PEM"),
        (lambda file: write_key(file, ed25519_key()), "it is an Ed25519 key"),
        (lambda file: write_key(file, a_smaller_key()), "its 1012 bits are too few, 2048 are right"),
    ],
)
def test_key_that_cannot_sign_is_refused_before_anything_is_frozen(
    signing: Path, digest: Run, relay: RecordingServer, spoil: Callable[[Path], object], words: str
) -> None:
    spoil(signing / "keys" / "d1.pem")
    refused = digest("send", *DATE, "--force", "dkim")

    assert refused.code == 4
    assert refused.err.splitlines()[0].startswith(f"digest: DKIM key keys/d1.pem: {words}")
    assert states(signing) == []
    assert letters_in(relay) == {}


@pytest.mark.parametrize("command", [("check",), ("send", "--dry-run"), ("send", "--test", "a@b.example")])
def test_whoever_looks_first_is_told_of_a_key_that_cannot_sign(
    signing: Path, digest: Run, relay: RecordingServer, command: tuple[str, ...]
) -> None:
    (signing / "keys" / "d1.pem").unlink()
    refused = digest(*command, *DATE)

    assert refused.code == 4
    assert refused.err.splitlines()[0].startswith("digest: DKIM key keys/d1.pem: it cannot be read")
    assert letters_in(relay) == {}


def test_alert_about_a_key_that_cannot_sign_goes_out_unsigned(
    signing: Path, digest: Run, relay: RecordingServer
) -> None:
    (signing / "keys" / "d1.pem").unlink()
    assert digest("send", *DATE).code == 4

    (alert,) = notices_in(relay)
    assert alert.recipient == "red@example.com"
    assert verified(alert.content) == []
    assert "keys/d1.pem" in email.message_from_bytes(alert.content).get_payload(decode=True).decode()  # type: ignore[union-attr]


def test_edition_whose_key_is_gone_is_held_until_it_is_back(
    signing: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = signing / "keys" / "d1.pem"
    with serving(deferring_bo) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", *DATE, "--wait", "0").code == 3
    key.rename(signing / "away.pem")
    (signing / "digest.toml").write_text(TOML, encoding="utf-8")  # nothing of it is said any more
    due_now(signing)
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        held = digest("send", *DATE, "--json")
        again = digest("send", *DATE, "--force", "dkim")
        assert (held.code, again.code) == (6, 6)
        assert "was frozen with the DKIM key d1 of example.com in keys/d1.pem, and it cannot be read" in held.err
        assert held.json["deferred"] == 1
        assert letters_in(server) == {}
        assert len(notices_in(server)) == 1  # the editors, once

        (signing / "away.pem").rename(key)
        assert digest("send", *DATE).code == 0
        (mail,) = letters_in(server).values()
    assert verified(mail) == [True, True]


def test_another_key_in_its_place_is_not_signed_with(
    signing: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(deferring_bo) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", *DATE, "--wait", "0").code == 3
    write_key(signing / "keys" / "d1.pem", rsa_key(which=2))
    due_now(signing)
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        held = digest("send", *DATE)
        resent = digest("editions", "resend", "nyheter/2025-11-30", "--to", "anna@example.com")

    assert (held.code, resent.code) == (6, 6)
    assert "there is another one now" in held.err
    assert letters_in(server) == {}


def test_key_is_replaced_while_an_edition_is_open(signing: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(deferring_bo) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", *DATE, "--wait", "0").code == 3
    write_key(signing / "keys" / "d2.pem", rsa_key(which=2))
    (signing / "digest.toml").write_text(TOML + DOMAIN.replace("d1", "d2"), encoding="utf-8")
    due_now(signing)
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", *DATE).code == 0
        assert digest("articles", "add", "--title", "Nytt").code == 0
        assert digest("send", *DATE, "--extra").code == 0

    ours = [mail.content for mail in server.mails if mail.recipient == "bo@example.com"]
    records = {"d2._domainkey.example.com": record(rsa_key(which=2))}
    assert [verified(mail) for mail in ours] == [[True, True], [False]]
    assert [verified(mail, records) for mail in ours] == [[False, False], [True]]


def test_edition_frozen_unsigned_stays_so(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(deferring_bo) as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", *DATE, "--wait", "0").code == 3
    (ready / "digest.toml").write_text(TOML + DOMAIN, encoding="utf-8")
    write_key(ready / "keys" / "d1.pem", rsa_key())
    due_now(ready)
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", *DATE).code == 0

    assert [verified(mail) for mail in letters_in(server).values()] == [[]]


def test_revised_letters_from_another_domain_are_signed_by_its_key_and_doubts_as_they_were(
    signing: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = killed_at(signing, "answered:1")  # whose mail is in doubt
    do(digest, "pause")
    text = (signing / "digest.toml").read_text(encoding="utf-8")
    assert "<nytt@example.com>" in text
    there = DOMAIN.replace("example.com", "example.org").replace("d1", "o1")
    (signing / "digest.toml").write_text(text.replace("<nytt@example.com>", "<nytt@example.org>") + there, "utf-8")
    unusable = digest("editions", "revise", "nyheter/2025-11-30")
    write_key(signing / "keys" / "o1.pem", rsa_key(which=3))
    do(digest, "revise")
    do(digest, "revise")  # once more changes no keys
    do(digest, "resume")
    with serving() as server:
        monkeypatch.setenv("DIGEST_RELAY_URL", server.url)
        assert digest("send", *DATE).code == 0

    records = {"o1._domainkey.example.org": record(rsa_key(which=3))}
    letters = letters_in(server)
    assert (unusable.code, unusable.err[:34]) == (4, "digest: DKIM key keys/o1.pem: it c")
    assert len(letters) == 3
    again = letters.pop(first.recipient)
    assert (again, verified(again)) == (first.content, [True, True])
    assert [verified(mail, records) for mail in letters.values()] == [[True]] * 2


def test_small_key_is_warned_of_and_signs_all_the_same(signing: Path, digest: Run, relay: RecordingServer) -> None:
    write_key(signing / "keys" / "d1.pem", rsa_key(1024))
    checked = digest("check", *DATE, "--json")

    (finding,) = [one for one in checked.json["findings"] if one["rule"] == "dkim"]
    assert (finding["level"], "1024 bits" in finding["message"]) == ("warn", True)
    assert digest("send", *DATE).code == 0


def test_preview_needs_no_key(signing: Path, digest: Run) -> None:
    (signing / "keys" / "d1.pem").unlink()

    assert digest("preview", *DATE).code == 0


def test_config_show_prints_what_dns_has_to_say(signing: Path, digest: Run) -> None:
    rows = {row["name"]: row["value"] for row in digest("config", "show", "--json").json["settings"]}

    assert rows["domains.example.com.dkim_record"] == f"d1._domainkey.example.com TXT {record(rsa_key())}"
    assert rows["domains.example.com.dkim_ed25519_record"] == f"e1._domainkey.example.com TXT {record(ed25519_key())}"
    (signing / "keys" / "d1.pem").unlink()
    broken = digest("config", "show", "--json")
    assert broken.code == 0
    assert "cannot be read" in json.dumps(broken.json)
