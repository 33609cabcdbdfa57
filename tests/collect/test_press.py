"""Press releases that come by mail."""

import datetime as dt
from zoneinfo import ZoneInfo

import pytest

from digest.collect.press import read_mail
from digest.models import Article
from digest.tables import Problem

STOCKHOLM = ZoneInfo("Europe/Stockholm")
NOW = dt.datetime(2025, 11, 30, 9, tzinfo=dt.UTC)
HEAD = {
    "From": "=?utf-8?q?Press_=C3=85kesson?= <press@example.com>",
    "Subject": "=?iso-8859-1?Q?PRESSMEDDELANDE:_Ny_fabrik_i_Bor=E5s?=",
    "Date": "Sun, 30 Nov 2025 06:00:00 +0100 (CET)",
    "Message-ID": "<abc@example.com>",
    "MIME-Version": "1.0",
}
BOTH = """--x
Content-Type: text/plain; charset=iso-8859-1
Content-Transfer-Encoding: quoted-printable

Fabriken i Bor=E5s.
--x
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: 8bit

<h1>Ny fabrik i Borås</h1><p>Fabriken i Borås blir klar 2027.</p><p>Den ger arbete åt många.</p>
<p><a href="https://example.com/pm/1?utm_source=mail">Läs hela pressmeddelandet</a></p>
<p>Du kan <a href="https://example.com/u">avregistrera dig</a> här.</p>
--x
Content-Type: application/pdf; name=a.pdf
Content-Disposition: attachment; filename=a.pdf

x
--x--
"""


def mail(body: str = "Text.", **changed: str) -> bytes:
    head = {**HEAD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    return ("".join(f"{name}: {value}\n" for name, value in head.items()) + "\n" + body).encode()


def read(data: bytes) -> Article:
    found = read_mail(data, "mail", zone=STOCKHOLM, now=NOW)
    assert not isinstance(found, Problem), found
    return found.article


def reason(data: bytes) -> str:
    found = read_mail(data, "mail", zone=STOCKHOLM, now=NOW)
    assert isinstance(found, Problem)
    return found.reason


def test_press_release_becomes_an_article() -> None:
    article = read(mail(BOTH, Content_Type="multipart/alternative; boundary=x"))

    assert (article.title, article.author, article.guid) == ("Ny fabrik i Borås", "Press Åkesson", "abc@example.com")
    assert article.published == dt.datetime(2025, 11, 30, 5, tzinfo=dt.UTC)
    assert article.url == "https://example.com/pm/1"
    assert article.lead == "Fabriken i Borås blir klar 2027. Den ger arbete åt många."
    assert "avregistrera" not in article.body


def test_plain_text_loses_its_signature_and_the_foot_of_its_list() -> None:
    signed = read(mail("Ett.\n\nTvå.\n\n-- \nKalle\nPresschef"))
    listed = read(mail("Ett.\n\nTvå och tre och fyra.\n\n____________________\nUnsubscribe: https://example.com/u"))

    assert signed.lead == "Ett. Två."
    assert listed.lead == "Ett. Två och tre och fyra."


@pytest.mark.parametrize(
    ("subject", "title"),
    [
        ("[press] Fwd: Pressmeddelande: Nytt", "Nytt"),
        ("VB: Nytt", "Nytt"),
        ("=?no-such?q?Nytt_h=E4r?=", "Nytt här"),
        ("=?utf-8?b?*?=", "=?utf-8?b?*?="),
        ("R\u00e4ksm\u00f6rg\u00e5s", "Räksmörgås"),
    ],
)
def test_title_is_the_subject_without_what_stands_before_it(subject: str, title: str) -> None:
    assert read(mail(Subject=subject)).title == title


@pytest.mark.parametrize(
    "header",
    [
        {"Auto_Submitted": "auto-replied"},
        {"X_Autoreply": "yes"},
        {"Subject": "Automatiskt svar: Semester"},
        {"Subject": "Out of Office: x"},
        {"From": "MAILER-DAEMON@example.com"},
        {"Return_Path": "<>"},
        {"Content_Type": "multipart/report; report-type=delivery-status; boundary=x"},
    ],
)
def test_answers_and_reports_are_no_press_releases(header: dict[str, str]) -> None:
    assert "no press release" in reason(mail(**header))


def test_mail_without_text_is_refused() -> None:
    assert reason(mail("")) == "no text in it"


def test_broken_mail_is_refused_or_read_but_stops_nothing() -> None:
    nested = "".join(f"Content-Type: multipart/mixed; boundary=b{n}\n\n--b{n}\n" for n in range(300))

    assert read_mail(nested.encode(), "mail", zone=STOCKHOLM, now=NOW)
    assert read(mail("caf\xe9", Content_Type="text/plain; charset=x-unknown")).lead == "café"
    assert read(mail("=00=FF", Content_Transfer_Encoding="base64")).title == "Ny fabrik i Borås"


@pytest.mark.parametrize(
    ("subject", "body", "until"),
    [
        ("EMBARGO 2025-12-01 06:00: Ny fabrik", "Text.", "2025-12-01T05:00+00:00"),
        ("Pressmeddelande: Embargo till 1 december 2025 kl 06.00", "Text.", "2025-12-01T05:00+00:00"),
        ("Ny fabrik", "Embargoed until 1 December 2025, 06:00 CET\n\nText.", "2025-12-01T05:00+00:00"),
        ("EMBARGO: Ny fabrik", "Under embargo: 2025-12-01\n\nText.", "2025-11-30T23:00+00:00"),
        ("EMBARGO: Ny fabrik öppnar 3 maj", "Text.", "9999-12-30T00:00+00:00"),  # when, somebody must find out
        ("Ny fabrik", "EMBARGO till fredag kl 9\n\nText.", "9999-12-30T00:00+00:00"),
        ("Embargo till 1 december 2025 kl 9", "Text.", "9999-12-30T00:00+00:00"),
        ("[EMBARGO] Ny fabrik", "Text.", "9999-12-30T00:00+00:00"),
        ("SV: (Embargo) Ny fabrik", "Embargo: 2025-12-01 06:00\n\nText.", "2025-12-01T05:00+00:00"),
        ("*** EMBARGO *** Ny fabrik", "Text.", "9999-12-30T00:00+00:00"),
        ("Ny fabrik", "UNDER EMBARGO\n1 december 2025\n\nText.", "9999-12-30T00:00+00:00"),
        ("Ny fabrik", "Embargo t.o.m. 1 december 2025\n\nText.", "2025-12-01T23:00+00:00"),  # that day too
        ("Ny fabrik", "EMBARGO tom 2025-12-01 kl 06.00\n\nText.", "2025-12-01T05:00+00:00"),
        ("Ny fabrik", "EU beslöt att häva sitt\nembargo.\n\nText.", None),
        ("Embargo mot Ryssland skärps", "Text om ett embargo: 2025-12-01.", None),
        ("Nytt embargo väntas 2026", "Text.", None),
        ("Nytt embargo: Ryssland svarar", "Text.", None),
    ],
)
def test_release_under_embargo_is_kept_back(subject: str, body: str, until: str | None) -> None:
    article = read(mail(body, Subject=subject, Content_Type="text/plain; charset=utf-8"))

    assert article.embargo_until == (until and dt.datetime.fromisoformat(until))
