"""The header rules of RELIABILITY.md, A3, each by its number, on letters as they go out."""

import email
import re
from collections.abc import Callable
from email import policy
from email.header import decode_header, make_header
from pathlib import Path
from typing import Any

import pytest

from digest.edition.layout import Day, Layout
from digest.letter.budget import BUDGET
from digest.letter.compose import compose
from digest.letter.identity import Identity
from digest.letter.stamp import open_letter
from digest.letter.templates import open_templates
from digest.letter.values import clean
from digest.models import Edition, NoticeKind
from digest.people import addresses
from digest.tokens import keyring
from tests.builders import MORNING, SUNDAY, a_frame, a_layout, a_reader, an_article, the_seed
from tests.letter.designs import NONCE
from tests.letter.names import HOSTILE
from tests.letter.parsers import by_perl, by_python, by_rust
from tests.letter.test_notice import FACTS
from tests.letter.test_notice import compose as a_notice

READERS = ["Anna", "Åsa Öberg", 'Å"ke, <b>', "שלום 👩‍🚀", "=?utf-8?q?=41?=", "x" * 200]
TITLE = "Nytt & gammalt om räksmörgås"
FIELDS = [
    *("From", "To", "Subject", "Date", "Message-ID", "Reply-To", "List-Id", "List-Unsubscribe"),
    *("List-Unsubscribe-Post", "Precedence", "MIME-Version", "Content-Type"),
]
NO_SPECIALS = dict.fromkeys(map(ord, '"<>'))
#: Python's email module, Rust's mailparse and SpamAssassin in Perl.
PARSERS = {"python": by_python, "rust": by_rust, "perl": by_perl}


def a_mail(
    layout: Layout | None = None, name: str = "Åsa Öberg", address: str = "asa@example.com", **frame: Any
) -> bytes:
    """Return a letter of the seed, or of another edition, as one reader gets it."""
    letter = compose(layout or the_seed(), a_frame(**{"title": TITLE, **frame}), open_templates(), NONCE)
    return open_letter(letter.mail).fill(a_reader(name=name, address=address))


@pytest.fixture(scope="module", params=["senaste-nytt", "plain"])
def mails(request: pytest.FixtureRequest) -> list[bytes]:
    """Letters of each design to readers whose names are not easy."""
    letter = compose(the_seed(), a_frame(title=TITLE, design=request.param), open_templates(), NONCE)
    stamp = open_letter(letter.mail)
    return [stamp.fill(a_reader(name=name)) for name in READERS]


def header(mail: bytes) -> list[bytes]:
    """Return the lines of a mail's header."""
    return mail.partition(b"\r\n\r\n")[0].split(b"\r\n")


def fields(mail: bytes) -> dict[str, bytes]:
    """Return the fields of a mail's header by name, as they are on the wire."""
    block = re.sub(rb"\r\n(?=[ \t])", b"\0", b"\r\n".join(header(mail)))
    pairs = [line.partition(b": ") for line in block.split(b"\r\n")]
    return {name.decode(): value.replace(b"\0", b"\r\n") for name, _, value in pairs}


@pytest.mark.parametrize("parser", PARSERS)
def test_three_parsers_read_headers_and_parts_as_they_were_meant(
    mails: list[bytes], parser: str, needs: Callable[[str], Path]
) -> None:
    if parser == "perl":
        needs("spamassassin")
    meant = by_python(mails)
    for name, read, other in zip(READERS, PARSERS[parser](mails), meant, strict=True):
        assert {field: len(values) for field, values in read.fields.items()} == dict.fromkeys(FIELDS, 1)
        found = {field: blanks(value) for field, (value,) in read.fields.items()}
        assert found["Subject"] == f"{TITLE}: Xiaomi lyfter och inspirerar unga kreatörer i…"
        assert unquoted(found["To"]) == f"{clean(name)} <anna@example.com>"
        assert found["From"] == "Senaste nytt <nytt@example.com>"
        # SpamAssassin decodes no words in this field.
        list_id = str(make_header(decode_header(found["List-Id"])))
        assert unquoted(list_id) == f"{TITLE} <senaste-nytt.nytt.example.com>"
        assert found["Date"] == "Sun, 30 Nov 2025 06:30:00 +0100"
        assert found["Message-ID"] == f"<{'m' * 38}@example.com>"
        assert found["List-Unsubscribe"] == (
            f"<https://nytt.example.com/u/{'u' * 38}>, <mailto:bounce+{'r' * 45}@example.com?subject=unsubscribe>"
        )
        assert found["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
        assert re.fullmatch(r'multipart/alternative; boundary="=_\w+"', found["Content-Type"])
        assert (read.text, read.page) == (other.text, other.page)
        assert "Få 25% RABATT på HibouAir DUO BLE" in read.text
        assert "Få 25% RABATT på HibouAir DUO BLE" in read.page


def blanks(value: str) -> str:
    return re.sub(r"\s+", " ", value)


def unquoted(mailbox: str) -> str:
    """Return a mailbox without the quotes and back-slashes of a quoted-string (RFC 5322, 3.2.4)."""
    phrase, _, address = mailbox.rpartition(" ")
    inside = re.fullmatch(r'"(.*)"', phrase)
    plain = re.sub(r"\\(.)", r"\1", inside[1]) if inside else phrase
    return f"{plain} {address}"


def test_h1_lines_are_within_998_octets_and_but_for_links_within_78_rfc_5322_2_1_1(mails: list[bytes]) -> None:
    long = a_mail(a_layout(an_article("W" * 2000), an_article("å" * 2000)), base_url="https://a.example/" + "b" * 700)
    for mail in (*mails, long):
        lines = mail.split(b"\r\n")
        assert max(map(len, lines)) <= 998
        assert [line for line in lines if len(line) > 78 and not re.search(rb"<(?:https:|mailto:)\S*>,?$", line)] == []


@pytest.mark.parametrize("address", ["a" * 65 + "@example.com", f"a@{'b' * 64}.com", f"{'a' * 60}@{'b.' * 97}com"])
def test_h2_address_longer_than_smtp_carries_is_nobody_s_rfc_5321_4_5_3_1(address: str) -> None:
    with pytest.raises(addresses.BadAddress):
        addresses.read_address(address)
    assert addresses.read_address(f"{'a' * 64}@{'b' * 63}.com")


@pytest.mark.parametrize("trap", [".", "..", ".x", "\n.\n", "\r.\r", "\r\n.\r\nMAIL FROM:<x>", "a\n..\nb"])
def test_h3_lines_end_in_crlf_alone_and_none_begins_with_a_dot_rfc_5321_2_3_8_and_4_5_2(trap: str) -> None:
    mail = a_mail(a_layout(an_article(trap, lead=trap), an_article(trap, lead=trap)), name=trap, list_titles=(trap,))

    assert mail.count(b"\r\n") == mail.count(b"\r") == mail.count(b"\n")
    assert [line for line in mail.split(b"\r\n") if line.startswith(b".")] == []


def test_h4_every_field_stands_once_rfc_5322_3_6(mails: list[bytes]) -> None:
    for mail in mails:
        assert [line.partition(b":")[0].decode() for line in header(mail) if not line[:1].isspace()] == FIELDS


def test_h5_message_id_is_one_for_a_delivery_under_our_domain_and_of_no_other_rfc_5322_3_6_4() -> None:
    ring = keyring("0123456789abcdef" * 2, ("k" * 43,))
    known = {"newsletter_id": 1, "date": "2025-11-30", "decided_at": MORNING, "key": ring.newest.fingerprint}
    sender = {"sender": "nytt@example.com", "bounce_address": "bounce@example.com"}
    editions = [Edition.model_validate({"id": number, **known, **sender}) for number in (1, 2)]
    stamp = open_letter(compose(the_seed(), a_frame(), open_templates(), NONCE).mail)

    def message_id(edition: Edition, reader: int) -> bytes:
        return fields(stamp.fill(Identity(ring, edition).reader(reader, "anna@example.com", "")))["Message-ID"]

    assert message_id(editions[0], 1) == message_id(editions[0], 1)
    assert len({message_id(edition, reader) for edition in editions for reader in range(50)}) == 100
    assert re.fullmatch(rb"<[A-Za-z0-9_-]+@example\.com>", message_id(editions[0], 1))


def test_h6_encoded_words_are_short_whole_and_where_they_may_stand_rfc_2047_2_5() -> None:
    for title in ("å" * 300, "👩‍🚀" * 50, "räksmörgås " * 30, 'Å "b" <c>', TITLE):
        mail = a_mail(name=title, title=title[:60], from_=f"{title[:20].translate(NO_SPECIALS)} <nytt@example.com>")
        words = re.findall(rb"=\?[^?]+\?[bqBQ]\?[^?]*\?=", b"\n".join(header(mail)))
        assert words
        assert max(map(len, words)) <= 75
        assert max(len(line) for line in header(mail) if b"=?" in line) <= 76
        for word in words:
            ((octets, charset),) = decode_header(word.decode())
            assert isinstance(octets, bytes)
            assert octets.decode(charset or "ascii")  # no character is split between two words
        for value in fields(mail).values():
            assert not re.search(rb'"[^"]*=\?[^"]*"|<[^>]*=\?[^>]*>', value)
        for name in ("List-Unsubscribe", "Message-ID", "List-Unsubscribe-Post", "Content-Type"):
            assert b"=?" not in fields(mail)[name]


def test_h7_no_parameter_needs_more_than_ascii_rfc_2231_3(mails: list[bytes]) -> None:
    for mail in mails:
        read = email.message_from_bytes(mail, policy=policy.default)
        given = [part.get_params(failobj=[], header="Content-Type") for part in read.walk()]
        assert given[0][0][0] == "multipart/alternative"
        assert [name for params in given for name, value in params if not value.isascii()] == []
        # Such a parameter has a star behind its name, which who reads it takes away.
        assert not any("*" in str(part["Content-Type"]) for part in email.message_from_bytes(mail).walk())
        assert not list(read.iter_attachments())


def test_h8_list_id_is_a_phrase_and_a_name_that_no_new_title_changes_rfc_2919_2_and_3() -> None:
    old, new = (fields(a_mail(title=title))["List-Id"] for title in ("Senaste nytt", "Nytt om räkor"))

    assert old == b"Senaste nytt <senaste-nytt.nytt.example.com>"
    assert re.fullmatch(rb"=\?utf-8\?q\?[^?]+\?=.*\s<senaste-nytt\.nytt\.example\.com>|Nytt om .*", new)
    assert new.endswith(b" <senaste-nytt.nytt.example.com>")


@pytest.mark.parametrize("length", [30, 76, 200, 900])
def test_h9_ways_to_leave_stand_in_brackets_the_web_first_never_folded_inside_rfc_2369_2(length: int) -> None:
    for bounces in ("bounce@example.com", None):
        link = "https://nytt.example.com/" + "a" * (length - 25)
        values = fields(a_mail(base_url=link, bounce_address=bounces))
        lists = {name: value for name, value in values.items() if name.startswith("List-U")}
        assert lists.keys() == {"List-Unsubscribe", "List-Unsubscribe-Post"}
        assert re.fullmatch(rb"<https://[!-;=?-~]+>(?:,\r\n <mailto:[!-;=?-~]+>)?", lists["List-Unsubscribe"])


@pytest.mark.parametrize("kind", NoticeKind)
def test_h10_notices_are_auto_submitted_and_letters_are_bulk_of_a_list_rfc_3834_5(kind: NoticeKind) -> None:
    notice = fields(a_notice(kind, FACTS[kind]))
    letter = fields(a_mail())

    assert notice["Auto-Submitted"] == b"auto-generated"
    assert not {"List-Id", "List-Unsubscribe", "Precedence"} & notice.keys()
    assert letter["Precedence"] == b"bulk"
    assert "Auto-Submitted" not in letter


@pytest.mark.parametrize(
    "value", [*HOSTILE, "a\u0085b\u2028Bcc: x@example.com\u2029", "\u202a\u202b\u202c\u202d\u2067c"]
)
def test_h11_no_value_of_others_makes_a_header_or_turns_one_round(value: str) -> None:
    article = an_article(value or "x", subtitle=value, lead=value, section=value, author=value)
    mail = a_mail(a_layout(article, article), name=value, list_titles=(value,), subject="{{ lead.title }}!")

    assert list(fields(mail)) == FIELDS
    (read,) = by_python([mail])
    for values in read.fields.values():
        assert len(values[0].encode()) <= 998 + len(" <asa@example.com>")
        assert not re.search("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]", values[0])


def test_h12_letter_of_many_articles_keeps_below_where_gmail_cuts_with_its_way_to_leave() -> None:
    titled = an_article("Räksmörgås " * 8, lead="Lång ingress om det. " * 30, section="Mätteknik")
    (read,) = by_python([a_mail(Layout(SUNDAY, titled, (Day(SUNDAY, (titled,) * 300),)))])

    assert 0.7 * BUDGET < len(read.page.encode()) <= BUDGET == 90_000
    assert f"https://nytt.example.com/u/{'u' * 38}" in read.page
    assert read.page.index("/view/") < 12_000  # the whole of it is one click away at the top, too


def test_h13_parts_are_text_then_html_both_whole_in_utf_8_and_seven_bits_rfc_2046_5_1_4(mails: list[bytes]) -> None:
    for mail in mails:
        assert mail.isascii()
        read = email.message_from_bytes(mail, policy=policy.default)
        assert read.get_content_type() == "multipart/alternative"
        plain, page = read.iter_parts()
        assert [
            (one.get_content_type(), one.get_content_charset(), one["Content-Transfer-Encoding"])
            for one in (plain, page)
        ] == [
            ("text/plain", "utf-8", "quoted-printable"),
            ("text/html", "utf-8", "quoted-printable"),
        ]
        for part in (plain, page):
            assert part.get_content().count("Personliga gåvor som värmer mammas hjärta") == 1
            assert f"/u/{'u' * 38}" in part.get_content()
