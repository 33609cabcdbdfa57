"""A whole edition through a real Postfix, which takes whoever pipelines without leave for a spammer."""

import os
import re
from collections.abc import Callable
from email import message_from_bytes
from pathlib import Path

import pytest
import trustme

from tests.faults import ready
from tests.faults.edition import SEND
from tests.faults.processes import digest
from tests.postfix import postfix

READERS = 2000
CONNECTIONS = 10


def test_every_reader_gets_one_letter_through_a_real_postfix(
    needs: Callable[[str], Path], authority: trustme.CA, tmp_path: Path
) -> None:
    command = needs("postfix")
    if os.geteuid() != 0:
        pytest.skip("Postfix runs its processes as several users: only root can start it")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    authority.issue_cert("localhost").private_key_and_cert_chain_pem.write_to_path(str(tmp_path / "relay.pem"))
    project = ready.make(tmp_path / "project", READERS)
    domains = " ".join(f"{n}.example.com" for n in range(7))

    with postfix(command, tmp_path / "relay.pem", domains) as relay:
        sent = digest(
            project,
            *SEND,
            DIGEST_RELAY_URL=f"smtp://localhost:{relay.port}",
            DIGEST_RELAY_CONNECTIONS=str(CONNECTIONS),
            DIGEST_BOUNCE_ADDRESS="bounce@0.example.com",
            SSL_CERT_FILE=str(tmp_path / "ca.pem"),
        )
        mails = relay.delivered(READERS)
        waiting, log = relay.waiting(), relay.log()

    assert (sent.code, sent.json["sent"], sent.json["now"]["sent"]) == (0, READERS, READERS), sent.err
    readers = {f"reader{n:06}@{n % 7}.example.com" for n in range(READERS)}
    assert sorted(message_from_bytes(mail)["Delivered-To"] for mail in mails) == sorted(readers)
    assert {message_from_bytes(mail)["To"].rpartition("<")[2].strip(">") for mail in mails} == readers
    assert waiting == []
    assert len(re.findall(r"smtpd\[\d+\]: connect from", log)) <= CONNECTIONS + 1  # and the look whether it listens
    said = re.findall(r"postfix/(?:smtpd|cleanup|qmgr|virtual)\[\d+\]: (?!warning: file system clock)(.*)", log)
    bad = [words for words in said if re.search("improper|warning|error|fatal|panic|reject|lost connection", words)]
    assert bad == ["lost connection after CONNECT from localhost[127.0.0.1]"]  # the look
