"""What relays say when they refuse, as tables: what each saying speaks of, and why it is read so.

Only a reply that speaks of a mailbox is ever held against its reader. A wrong entry there takes readers from the list,
a missing one only tries them again, so a row must be sure; whatever hints at us or at now stands above it.
"""

import re
from dataclasses import dataclass
from enum import StrEnum


class Subject(StrEnum):
    """What a refusal speaks of."""

    MAILBOX = "this mailbox"  #: it is not there, and will not be
    US = "us"  #: our machine, our sender, our mail
    NOW = "now"  #: what passes by itself


@dataclass(frozen=True, slots=True)
class Saying:
    """Words of a reply, what they speak of, and why."""

    words: re.Pattern[str]
    subject: Subject
    reason: str


def _says(subject: Subject, words: str, reason: str) -> Saying:
    return Saying(re.compile(words, re.IGNORECASE), subject, reason)


#: Looked for first, in code, enhanced code (or None) and words together: what only its own host means as it does.
SPECIAL = (
    _says(
        Subject.MAILBOX,
        r"^5\d\d 5\.6\.7 ",
        "non-ASCII addresses not permitted for that recipient (RFC 6531, 3.7.4.2); we say so ourselves",
    ),
    _says(
        Subject.MAILBOX,
        r"^550 5\.4\.1 .{0,330}Recipient address rejected: Access denied",
        "Exchange Online: the address is not in the directory of a domain it is sure of (edge blocking)",
    ),
    _says(
        Subject.MAILBOX,
        r"^550 5\.5\.0 Requested action not taken: mailbox unavailable",
        "Outlook.com: no such mailbox; without the 5.5.0, others say the same of policy (GMX)",
    ),
    _says(
        Subject.MAILBOX,
        r"^554 \S+ delivery error: dd This user doesn['’]t have an? (?:\S+ )?account",
        "Yahoo: no such mailbox",
    ),
)

#: Looked for next, whatever the code is: hosts put 5.1.1 on refusals of us, and quote such words beside others.
AGAINST = (
    _says(Subject.NOW, r"gr[ae]y-?\s?list", "greylisting passes with the next try"),
    _says(
        Subject.NOW,
        r"try (?:again|later)|\bretry\b|\blater\b|temporar|\btransient|deferred|postponed",
        "the host says itself that it will pass",
    ),
    _says(
        Subject.NOW,
        r"\bquota\b|\bfull\b|\bexceed|over(?:drawn| its)|storage|disk space|insufficient",
        "a mailbox is full until it is read",
    ),
    _says(
        Subject.NOW,
        r"too (?:many|much|fast|frequent)|\brate\b|\blimit|throttl|\bvolume\b|\bfrequen",
        "too much at once: Gmail says it of a mailbox (5.2.1), Yahoo and Microsoft of us",
    ),
    _says(
        Subject.NOW,
        r"suspend|\bfrozen\b|\blocked\b|disabled|deactivated|\binactive\b|on hold|\bvacation\b|out of office",
        "accounts are opened again once a bill is paid, a password changed, or somebody is back",
    ),
    _says(
        Subject.NOW,
        r"time[d-]?\s?out|\boverload|\bbusy\b|\bresources\b|lookup fail|\bdns (?:error|fail|lookup)"
        r"|could ?n[o']t (?:be )?verif|unable to verif|internal error|system error|\bloop|too many hops",
        "the host's own trouble",
    ),
    _says(
        Subject.US,
        r"\bspam|unsolicited|\bbulk\b|\bjunk\b|virus|malware|infected|phish|suspicious|\bcontent\b"
        r"|attachment|mass ?mail",
        "the mail is not liked",
    ),
    _says(
        Subject.US,
        r"block|black-?\s?list|deny-?\s?list|white-?\s?list|\b(?:rbl|dnsbl|barracuda)\b|\blisted\b"
        r"|reputation|\bbanned\b|complain|\babuse",
        "we are on a list, or not on one",
    ),
    _says(
        Subject.US,
        r"\bpolic(?:y|ies)\b|prohibit|not (?:allowed|permitted|authori[sz]ed)|\bsecurity\b|restrict"
        r"|access denied|\bforbidden\b|permission|\bprotected\b|moderat|\bfilter",
        "a rule refuses us: whom it lets in may change",
    ),
    _says(
        Subject.US,
        r"\brelay(?! recipient table)|rcpthosts|unroute?able|not (?:a )?local (?:user|domain|host)"
        r"|not our (?:domain|host|user)",
        "the relay does not carry mail for us, or not to there: our setting or its own, never the reader's",
    ),
    _says(
        Subject.US,
        r"authenti[cf]|\bauth\b|log ?(?:in|on)\b|credential|starttls|encrypt|\btls\b|\bspf\b|\bdkim\b|\bdmarc\b"
        r"|\bsubmission\b|\bpop before\b",
        "we are not known, or not proven to be who we say",
    ),
    _says(
        Subject.US,
        r"\bsender(?:['’]s)?\b(?!.{0,20}\brecipient)|mail from|from:? address|return.?path|callout|call ?back"
        r"|verification failed|envelope from",
        "the sender's address is ours: Exim quotes 'no such user' of it as well",
    ),
    _says(
        Subject.US,
        r"reverse dns|\brdns\b|\bptr\b|\bhelo\b|\behlo\b|\bdynamic\b|\bgeneric\b|client host|\bip address"
        r"|your (?:ip|host|server|domain|mail|e-?mail|message)|\b\d{1,3}(?:\.\d{1,3}){3}\b\]? (?:is|has|was)"
        r"|connecting",
        "our machine or its name",
    ),
    _says(
        Subject.US,
        r"syntax error|command|unrecogni[sz]ed|protocol|out of sequence|bare (?:lf|cr)|\bpipelin|\bline (?:too )?long",
        "how we talk",
    ),
)

#: Enhanced codes without their class (RFC 3463 and the IANA registry of them), where a code alone says enough. The
#: vague ones (1.0, 2.0, 2.1, 3.0, 4.x, 5.x) are left to the words.
CODES: dict[str, tuple[Subject, str]] = {
    "1.1": (Subject.MAILBOX, "bad destination mailbox address"),
    "1.2": (Subject.MAILBOX, "bad destination system address: no such domain"),
    "1.3": (Subject.MAILBOX, "bad destination mailbox address syntax"),
    "1.6": (Subject.MAILBOX, "mailbox has moved, no forwarding address"),
    "1.10": (Subject.MAILBOX, "null MX: the domain takes no mail (RFC 7505); Exchange: recipient not found"),
    "1.4": (Subject.NOW, "ambiguous address: the host's directory is at fault"),
    "1.7": (Subject.US, "bad sender's mailbox address syntax"),
    "1.8": (Subject.US, "bad sender's system address"),
    "2.2": (Subject.NOW, "mailbox full"),
    "2.3": (Subject.US, "message length exceeds administrative limit of the mailbox"),
    "3.1": (Subject.NOW, "mail system full"),
    "3.2": (Subject.NOW, "system not accepting network messages"),
    "3.4": (Subject.US, "message too big for system (RFC 1870)"),
    "4.3": (Subject.NOW, "directory server failure"),
    "4.6": (Subject.NOW, "routing loop"),
    "4.7": (Subject.NOW, "delivery time expired"),
}
#: Whole subjects of enhanced codes.
CODES_BY_SUBJECT: dict[str, tuple[Subject, str]] = {
    "6": (Subject.US, "content or media: the mail's own"),
    "7": (Subject.US, "security or policy: we are refused, whoever the reader is"),
}

#: Looked for last, where no code has decided: what hosts say of a mailbox without one, or with a vague one.
MAILBOX = (
    _says(
        Subject.MAILBOX,
        r"(?:user|recipient|account|mailbox|address|alias|local part)\W{1,3}(?:is |was |has been )?(?:currently )?"
        r"(?:unknown|not found|not known)",
        "Postfix, Courier, Cyrus, MDaemon, Mail.ru",
    ),
    _says(
        Subject.MAILBOX,
        r"unknown (?:or illegal )?(?:user|recipient|mailbox|account|address|local part|alias)|recip(?:ient)?notfound",
        "Sendmail, hMailServer, Fastmail; RESOLVER.ADR.RecipNotFound of Exchange",
    ),
    _says(
        Subject.MAILBOX,
        r"no such (?:user|recipient|mailbox|address|person|account|local user|virtual user)"
        r"|no (?:mailbox|user|account)s? (?:here )?(?:by|with|of|under|associated with) (?:that|this) name",
        "Sendmail, Domino, qmail, Cyrus",
    ),
    _says(
        Subject.MAILBOX,
        r"(?:mailbox|recipient|address|user|account|inbox)\b(?:(?! but )[^.;:]){0,40}? "
        r"(?:doesn['’]t|does not|do not|don['’]t|not|no longer) (?:exist|have an? (?:\S+ )?(?:account|mailbox))",
        "Gmail, Yahoo, Dovecot, Zoho, Proton",
    ),
    _says(
        Subject.MAILBOX,
        r"(?:mailbox|recipient|account|user|address)\b[^.;:]{0,20}? (?:permanently )?"
        r"(?:discontinued|terminated|deleted|closed|no longer (?:active|valid|available|on server|in use))",
        "iCloud and others: gone for good, by its owner or its host",
    ),
    _says(
        Subject.MAILBOX,
        r"(?:invalid|bad|illegal|non-?existent) (?:recipient|mailbox|user|destination)",
        "OpenSMTPD, Mimecast, Mail.ru, Orange",
    ),
    _says(Subject.MAILBOX, r"not our customer|has left the (?:company|organi[sz]ation)", "Comcast; hosts of companies"),
)
