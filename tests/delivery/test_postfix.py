"""A whole edition through a real Postfix, which takes whoever pipelines without leave for a spammer."""

import os
import re
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest
import trustme

from tests.faults import ready
from tests.faults.edition import SEND, TOML
from tests.faults.processes import digest
from tests.postfix import postfix
from tests.signing import ed25519_key, rsa_key, verified, write_key

READERS, SOME = 2000, 400
CONNECTIONS = 10
DOMAINS = " ".join(f"{n}.example.com" for n in range(7))
WITH_KEYS = f"""{TOML}
[domains."example.com"]
dkim_selector = "d1"
dkim_key_file = "keys/d1.pem"
dkim_ed25519_selector = "e1"
dkim_ed25519_key_file = "keys/e1.pem"
"""
#: What the queue manager says of its queue's disk where its clock and the machine's differ, as under a hypervisor.
CLOCK = "file system clock|resetting file time stamps"
EVERY = 10  #: mail's second signature is verified too: dkimpy takes 2 ms for each


@pytest.fixture
def command(needs: Callable[[str], Path]) -> Path:
    found = needs("postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix runs its processes as several users: only root can start it")
    return found


# With a window Postfix gets whole mails by BDAT, four on their way on each connection (RFC 3030).
@pytest.mark.parametrize(("readers", "options", "by"), [(READERS, "", "data"), (SOME, "?window=4", "bdat")])
def test_every_reader_gets_one_signed_letter_through_a_real_postfix(
    command: Path, authority: trustme.CA, tmp_path: Path, readers: int, options: str, by: str
) -> None:
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "relay.pem"))
    project = ready.make(tmp_path / "project", readers, WITH_KEYS)
    write_key(project / "keys" / "d1.pem", rsa_key())
    write_key(project / "keys" / "e1.pem", ed25519_key())

    with postfix(command, tmp_path / "relay.pem", DOMAINS) as relay:
        sent = digest(
            project,
            *SEND,
            DIGEST_RELAY_URL=f"smtp://localhost:{relay.port}{options}",
            DIGEST_RELAY_CONNECTIONS=str(CONNECTIONS),
            DIGEST_BOUNCE_ADDRESS="bounce@0.example.com",
            SSL_CERT_FILE=str(tmp_path / "ca.pem"),
        )
        mails = relay.delivered(readers)
        waiting, log = relay.waiting(), relay.log()

    assert (sent.code, sent.json["sent"], sent.json["now"]["sent"]) == (0, readers, readers), sent.err
    everybody = {f"reader{n:06}@{n % 7}.example.com" for n in range(readers)}
    assert sorted(message_from_bytes(mail)["Delivered-To"] for mail in mails) == sorted(everybody)
    assert {message_from_bytes(mail)["To"].rpartition("<")[2].strip(">") for mail in mails} == everybody
    assert waiting == []
    assert len(re.findall(r"smtpd\[\d+\]: connect from", log)) <= CONNECTIONS + 1  # and the look whether it listens
    assert sum(map(int, re.findall(rf"disconnect from .* {by}=(\d+)", log))) == readers
    said = re.findall(rf"postfix/(?:smtpd|cleanup|qmgr|virtual)\[\d+\]: (?!warning: (?:{CLOCK}))(.*)", log)
    bad = [words for words in said if re.search("improper|warning|error|fatal|panic|reject|lost connection", words)]
    assert bad == ["lost connection after CONNECT from localhost[127.0.0.1]"]  # the look
    as_sent = [mail.replace(b"\n", b"\r\n") for mail in mails]  # a Maildir has the lines of its system
    assert [n for n, mail in enumerate(as_sent) if verified(mail, most=1) != [True]] == []
    assert [verified(mail) for mail in as_sent[::EVERY]] == [[True, True]] * (readers // EVERY)
    assert not any(verified(as_sent[0].replace(b"\r\nSubject:", b"\r\nSubject: x\r\nSubject:", 1)))
