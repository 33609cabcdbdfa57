"""What a refusal speaks of: the sayings of many hosts, and a collection of real reports where there is one."""

import email
import email.message
import json
import re
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import digest
from digest.delivery.classify import is_about_mailbox, is_about_us, judge
from digest.delivery.outcome import Phase, Replied, Reply
from digest.delivery.replies import AGAINST, CODES, CODES_BY_SUBJECT, MAILBOX, SPECIAL, Subject

#: Real reports with labels, no part of the project: beside the checkout, where somebody has put them.
CORPUS = Path(digest.__file__).parents[2] / "shared" / "corpora" / "bounces"

GONE = [
    "550 5.1.1 <x@example.net>: Recipient address rejected: User unknown in local recipient table",  # Postfix
    "550 5.1.1 <x@example.net>: Recipient address rejected: User unknown in virtual mailbox table",
    "550 <x@example.net>: Recipient address rejected: User unknown in relay recipient table",
    "550 5.1.1 <x@example.net>... User unknown",  # Sendmail
    "553 5.3.0 <x@example.net>... No such user here",
    "550-5.1.1 The email account that you tried to reach does not exist. Please try\r\n"
    "550-5.1.1 double-checking the recipient's email address for typos or\r\n"
    "550-5.1.1 unnecessary spaces. For more information, go to\r\n"
    "550 5.1.1  https://support.google.com/mail/?p=NoSuchUser a1-20020a - gsmtp",  # Gmail
    "550 5.1.10 RESOLVER.ADR.RecipientNotFound; Recipient not found by SMTP address lookup",  # Exchange
    "550 RESOLVER.ADR.RecipNotFound; not found",
    "550 5.4.1 Recipient address rejected: Access denied. [AM7EUR06FT001.eop-eur06.prod.protection.outlook.com]",
    "550 5.4.1 [x@example.net]: Recipient address rejected: Access denied [PROD.OUTLOOK.COM 2025-11-30T06:30:00.000Z]",
    "550 5.5.0 Requested action not taken: mailbox unavailable (S2017062302).",  # Outlook.com
    "554 delivery error: dd This user doesn't have a yahoo.com account (x@yahoo.com) [-9] - mta4001.mail",  # Yahoo
    "550 Unknown user",  # Exim, hMailServer
    "550 unknown local part x in <x@example.net>",
    "550 5.1.1 unknown or illegal alias: x@example.net",  # Fastmail
    "550 sorry, no mailbox here by that name. (#5.1.1)",  # qmail
    "511 sorry, no mailbox here by that name (#5.1.1 - chkuser)",
    "550-Mailbox unknown.  Either there is no mailbox associated with this\r\n"
    "550-name or you do not have authorization to see it.\r\n"
    "550 5.1.1 User unknown",  # Cyrus
    "550 5.1.1 <x@example.net> User doesn't exist: x@example.net",  # Dovecot
    "550 5.1.1 Address does not exist",  # Proton
    "550 5.1.6 recipient no longer on server: x@example.net",  # iCloud
    "550 Invalid Recipient - https://community.mimecast.com/docs/DOC-1369#550",  # Mimecast
    "550 Message was not accepted -- invalid mailbox. Local mailbox x@example.net is unavailable: user not found",
    "550 5.1.1 Adresse d au moins un destinataire invalide. Invalid recipient. OFR_416",  # Orange
    "550 Not our Customer",  # Comcast
    "550 The account x does not exist here",
    "550 <x@example.net>, Recipient unknown",  # MDaemon
    "550 5.1.1 Mottagaren finns inte",  # the code says it in any language
    "550 5.1.2 <x@example.invalid>: Recipient address rejected: Domain not found",
    "550 The mailbox has been permanently closed by its owner",
    "550 5.2.1 This account was terminated",
    "501 5.1.3 Bad recipient address syntax",
    "553 5.6.7 the relay does not offer SMTPUTF8, which this address needs",  # we say so ourselves
]

#: What must never cost a reader their letters, with whom it speaks of.
NOT_GONE = [
    ("554 5.7.1 <x@example.net>: Relay access denied", Subject.US),  # Postfix
    ("550 5.7.1 Relaying denied. Proper authentication required.", Subject.US),
    ("553 sorry, that domain isn't in my list of allowed rcpthosts (#5.7.1)", Subject.US),  # qmail
    ("550 relay not permitted", Subject.US),  # Exim
    ("550 Unrouteable address", Subject.US),
    ("530 5.7.0 Must issue a STARTTLS command first", Subject.US),
    ("530 Authentication required", Subject.US),
    ("535 5.7.8 authentication failed", Subject.US),
    ("550 5.7.26 Unauthenticated email from example.com is not accepted due to domain's DMARC policy", Subject.US),
    ("550 5.7.515 Access denied, sending domain example.com doesn't meet the required level", Subject.US),
    ("550 5.7.1 [192.0.2.1] Our system has detected that this message is likely unsolicited mail", Subject.US),
    ("550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus", Subject.US),
    ("550 5.1.1 rejected, 192.0.2.1 is listed at zen.example: user unknown", Subject.US),
    ("554 Your IP (192.0.2.1) has a poor reputation", Subject.US),
    ("550 5.7.133 RESOLVER.RST.SenderNotAuthenticatedForGroup; authentication required", Subject.US),
    (
        "550 5.7.1 <x@example.net>: Recipient address rejected: User unknown",
        Subject.US,
    ),  # 5.7: policy
    ("550 permanent failure for one or more recipients (x@example.net:blocked)", Subject.US),  # Barracuda
    ("550-Verification failed for <nytt@example.com>\r\n550-No such user\r\n550 Sender verify failed", Subject.US),
    ("550 5.1.8 <nytt@example.com>: Sender address rejected: Domain not found", Subject.US),
    ("501 5.1.7 Bad sender address syntax", Subject.US),
    ("501 5.1.7 odd", Subject.US),
    ("553 5.1.8 who is that", Subject.US),
    ("550 Rejected: your message looks like spam", Subject.US),
    ("554 5.6.0 Header error", Subject.US),
    ("552 5.3.4 Message size is more than we take", Subject.US),
    ("552 5.2.3 Too large for this one", Subject.US),
    ("550 HELO name is invalid: user unknown", Subject.US),
    ("503 5.5.1 Error: nested MAIL command", Subject.US),
    ("550 Requested action not taken: mailbox unavailable", Subject.US),  # GMX, of policy too
    ("554 5.0.0 Transaction failed", Subject.US),
    ("550 Administrative prohibition", Subject.US),
    ("550 5.1.1 Gr\u00e5listad, greylisted, come back", Subject.NOW),
    ("450 4.2.0 <x@example.net>: Recipient address rejected: Greylisted, see https://postgrey.example/x", Subject.NOW),
    ("550 5.1.1 user unknown, please try again later", Subject.NOW),
    ("450 4.1.1 <x@example.net>: Recipient address rejected: User unknown in virtual alias table", Subject.NOW),
    ("450 4.1.2 <x@example.net>: Recipient address rejected: Domain not found", Subject.NOW),
    ("452 4.2.2 The email account that you tried to reach is over quota", Subject.NOW),
    ("552 5.2.2 Mailbox full", Subject.NOW),
    ("552 5.2.2 no room", Subject.NOW),
    ("552 sorry, mailbox x is over quota temporarily (#5.1.1)", Subject.NOW),
    (
        "550-5.2.1 The user you are trying to contact is receiving mail at a rate that\r\n550 5.2.1 prevents",
        Subject.NOW,
    ),
    ("550 5.1.1 <x@example.net> has sent to too many recipients this hour", Subject.NOW),
    ("421 4.7.0 [TSS04] Messages from 192.0.2.1 temporarily deferred", Subject.NOW),
    ("550 5.2.1 The email account that you tried to reach is disabled", Subject.NOW),
    ("554 30 Sorry, your message cannot be delivered. This mailbox is disabled (554.30)", Subject.NOW),
    ("550 Account suspended", Subject.NOW),
    ("554 5.4.6 Too many hops", Subject.NOW),
    ("554 5.4.6 going round", Subject.NOW),
    ("550 5.4.3 no answer from the directory", Subject.NOW),
    ("550 5.1.4 which of them", Subject.NOW),
    ("550 5.3.1 no room for anybody", Subject.NOW),
    ("550 5.3.2 closed for the day", Subject.NOW),
    ("550 5.4.7 waited in vain", Subject.NOW),
    ("550 5.1.1 recipient lookup failed: connection timed out", Subject.NOW),
    ("451 4.3.0 something", Subject.NOW),
]


def said(text: str) -> Reply:
    return Reply.parse([line.encode() for line in text.split("\r\n")])


@pytest.mark.parametrize("text", GONE)
def test_reply_that_speaks_of_the_mailbox_is_known(text: str) -> None:
    assert judge(said(text)).subject is Subject.MAILBOX


@pytest.mark.parametrize(("text", "subject"), NOT_GONE)
def test_reply_that_speaks_of_us_or_of_now_is_not_held_against_the_reader(text: str, subject: Subject) -> None:
    assert judge(said(text)).subject is subject
    assert not is_about_mailbox(Replied(said(text), Phase.RCPT))


@pytest.mark.parametrize("phase", [phase for phase in Phase if phase is not Phase.RCPT])
def test_only_a_refused_recipient_speaks_of_the_mailbox(phase: Phase) -> None:
    reply = said("550 5.1.1 user unknown")

    assert is_about_mailbox(Replied(reply, Phase.RCPT))
    assert not is_about_mailbox(Replied(reply, phase))


def test_every_row_of_the_tables_decides_one_of_these() -> None:
    """So a row that is shadowed by one above it, or that nobody has seen, does not stay."""
    used = {judge(said(text)).reason for text in (*GONE, *(text for text, _ in NOT_GONE))}
    rows = {saying.reason for saying in (*SPECIAL, *AGAINST, *MAILBOX)}
    codes = {reason for _, reason in (*CODES.values(), *CODES_BY_SUBJECT.values())}

    assert rows | codes <= used


def test_every_row_has_a_reason_of_its_own() -> None:
    reasons = [saying.reason for saying in (*SPECIAL, *AGAINST, *MAILBOX)]
    reasons += [reason for _, reason in (*CODES.values(), *CODES_BY_SUBJECT.values())]

    assert len(set(reasons)) == len(reasons)
    assert all(reasons)


@pytest.mark.parametrize(
    ("text", "phase", "is_ours"),
    [
        ("421 4.3.2 closing", Phase.RCPT, True),
        ("421 4.3.2 closing", Phase.CONTENT, True),
        ("550 5.7.1 not you", Phase.MAIL, True),
        ("451 4.3.0 later", Phase.MAIL, True),
        ("452 4.3.1 no room", Phase.MAIL, True),
        ("552 5.3.4 too large", Phase.MAIL, False),  # the mail's own: every reader's is as large
        ("552 too large", Phase.MAIL, False),
        ("554 5.7.1 relay access denied", Phase.RCPT, False),  # put off, and counted: a storm stops the send
        ("451 4.3.0 later", Phase.DATA, False),
    ],
)
def test_what_is_the_relays_trouble_with_us_is_charged_to_nobody(text: str, phase: Phase, is_ours: bool) -> None:
    assert is_about_us(said(text), phase) is is_ours


def test_words_in_addresses_and_links_do_not_count() -> None:
    for address in ("spam@example.net", "x@blocked.example", "policy@quota.example"):
        assert judge(said(f"550 <{address}>: User unknown")).subject is Subject.MAILBOX
        assert judge(said(f"550 User unknown: {address}")).subject is Subject.MAILBOX
    assert judge(said("550 refused, see https://host.example/?p=user-unknown")).subject is Subject.US


@pytest.mark.parametrize("piece", ["a.", "a.b ", "mailbox ", "user unknown but ", "(", "<", "x@", "1.2.3.4 ", "not "])
def test_no_words_take_long_to_judge(piece: str) -> None:
    reply = Reply(550, (piece * 500)[:500])
    began = time.perf_counter()
    judge(reply)

    assert time.perf_counter() - began < 0.2


# --- Real reports


#: The label knows more than the words do, from which host it was: these say "user unknown" after the content, or of
#: senders they do not like (carriers of Japanese phones). At RCPT, from a relay of ours, it is what it says.
BEYOND_THE_WORDS = {
    *("lhost-activehunter-02.eml", "lhost-amazonses-02.eml", "lhost-mfilter-01.eml", "lhost-receivingses-02.eml"),
    *("lhost-sendmail-27.eml", "lhost-sendmail-50.eml", "rhost-kddi-01.eml"),
    *("rhost-nttdocomo-02.eml", "rhost-nttdocomo-03.eml"),
}


def reply_in(report: email.message.Message, code: str) -> Reply | None:
    """Return what the host said by a report's Diagnostic-Code, else by the words a person reads."""
    for text in diagnostics(report):
        if match := re.search(r"(?<!\d)([45]\d\d)(?!\d)[ -](.*)", text):
            lines = re.sub(rf"\s{match[1]}[- ](?=[45]\.\d)", "\n", match[2]).split("\n")
            return Reply.of(int(match[1]), lines)
    for part in report.walk():
        if code and part.get_content_type() == "text/plain":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            if match := re.search(rf"(?<![\d.]){code}[ -](.*(?:\n{code}[- ].*)*)", payload.decode("latin-1")):
                return Reply.of(int(code), [re.sub(rf"^{code}[- ]", "", line) for line in match[1].splitlines()])
    return None


def diagnostics(report: email.message.Message) -> Iterator[str]:
    for part in report.walk():
        if part.get_content_type() == "message/delivery-status":
            for block in part.get_payload():
                if isinstance(block, email.message.Message) and (found := block.get("Diagnostic-Code")):
                    yield " ".join(str(found).partition(";")[2].split())


@pytest.mark.skipif(not CORPUS.is_dir(), reason="no collection of reports here")
def test_of_real_reports_most_that_are_gone_are_known_and_nobody_else_is_taken_for_one() -> None:
    labels = json.loads((CORPUS / "labels.json").read_text(encoding="utf-8"))
    known, missed, wrong = 0, [], []
    for name, label in labels.items():
        if label["kind"] not in ("hard", "soft") or not label["rows"]:
            continue
        row = label["rows"][0]
        reply = reply_in(email.message_from_bytes((CORPUS / "mail" / name).read_bytes()), row["reply"])
        if reply is None or not 500 <= reply.code < 600:  # nothing that a relay has said, or nothing for good
            continue
        is_gone = is_about_mailbox(Replied(reply, Phase.RCPT))
        if is_gone and not row["hard"] and name not in BEYOND_THE_WORDS:
            wrong.append((name, str(reply)))
        elif row["hard"] and row["reason"] != "mailboxfull":
            known += is_gone
            missed += [] if is_gone else [(name, str(reply))]

    assert wrong == []
    assert known >= 0.9 * (known + len(missed)), missed
