import datetime as dt
import email
import email.policy
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest.letter.notice import compose_notice
from digest.letter.templates import TemplateError, open_templates
from digest.models import NoticeKind
from digest.settings import NewsletterSettings
from tests.builders import a_newsletter

NOON = dt.datetime(2025, 11, 30, 11, tzinfo=dt.UTC)
FACTS: dict[NoticeKind, dict[str, object]] = {
    NoticeKind.FAILED: {"edition": "nyheter/2025-11-30", "words": "relay a:25 at mail: 550 no"},
    NoticeKind.HELD: {"edition": "nyheter/2025-11-30", "reasons": ["late: its time was 7 h ago", "readers: nobody"]},
    NoticeKind.DEFERRED: {"edition": "n/2025-11-30", "count": 1200, "words": "452 full", "until": "2025-12-01 03:00"},
    NoticeKind.SOURCES: {
        "sources": [
            ["press", "https://a.example/rss", "not found (404)", "2025-11-29 06:30 UTC", False],
            ["trade", "https://b.example/rss", "gone (410)", "", True],
        ]
    },
    NoticeKind.MISSING: {"edition": "nyheter/2025-11-30", "expected": "07:15", "state": "held"},
}
FIELDS = [
    "From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type",
    "Content-Transfer-Encoding",
]  # fmt: skip
TEMPLATES = open_templates()


def compose(kind: NoticeKind, facts: dict[str, object], newsletter: NewsletterSettings | None = None) -> bytes:
    return compose_notice(
        kind, facts, newsletter or a_newsletter(), TEMPLATES, to="red@example.com", at=NOON, message_id="m" * 38
    )


@pytest.mark.parametrize("kind", NoticeKind)
@pytest.mark.parametrize("language", ["sv", "en", "de"])
def test_every_kind_has_a_subject_and_a_text(kind: NoticeKind, language: str) -> None:
    mail = email.message_from_bytes(compose(kind, FACTS[kind], a_newsletter(language=language)))

    assert list(mail.keys()) == FIELDS
    assert mail["Auto-Submitted"] == "auto-generated"  # RFC 3834, 5
    assert mail["Date"] == "Sun, 30 Nov 2025 12:00:00 +0100"
    body = mail.get_payload(decode=True)
    assert isinstance(body, bytes)
    assert "digest" in body.decode()
    assert "  digest " in body.decode()  # what to do about it


def test_a_count_is_written_as_the_language_writes_it() -> None:
    mail = email.message_from_bytes(
        compose(NoticeKind.DEFERRED, FACTS[NoticeKind.DEFERRED]), policy=email.policy.default
    )

    assert mail["Subject"] == "1\N{NO-BREAK SPACE}200 brev av n/2025-11-30 väntar fortfarande"


@given(st.text(max_size=2000), st.sampled_from([NoticeKind.FAILED, NoticeKind.HELD]))
def test_no_words_of_a_relay_add_a_header_or_end_the_mail(words: str, kind: NoticeKind) -> None:
    hostile = f"{words}\r\n.\r\nBcc: evil@example.com\r\n\r\n=?utf-8?q?=0D=0A?= {words}"
    said = {"words": hostile} if kind is NoticeKind.FAILED else {"reasons": [hostile]}
    mail = compose(kind, {"edition": f"n/2025-11-30{hostile[:50]}", **said})
    head, _, body = mail.partition(b"\r\n\r\n")

    assert re.findall(rb"(?m)^([A-Za-z-]+):", head) == [name.encode() for name in FIELDS]
    assert not re.search(rb"(?<!\r)\n|\r(?!\n)", mail)
    assert not re.search(rb"(?m)^\.", mail)
    assert max(map(len, mail.split(b"\r\n"))) <= 998
    assert body.endswith(b"\r\n")
    assert b"\0" not in mail


def test_a_template_of_the_project_that_is_broken_says_where() -> None:
    with pytest.raises(
        TemplateError, match=r"templates/notices/held.txt.j2, line [0-9]+: .* has no attribute 'reasons'"
    ):
        compose(NoticeKind.HELD, {"edition": "nyheter/2025-11-30"})
