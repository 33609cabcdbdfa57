import email
import re
import unicodedata
from email import policy
from email.header import decode_header, make_header
from email.utils import parseaddr

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.letter.values import (
    BadAddress,
    address_header,
    address_spec,
    clean,
    many_lines,
    needs_smtputf8,
    one_line,
    text_header,
    web_url,
)

HEADLINES = [
    "på",
    "Åsa",
    "räksmörgås",
    "SUTO",
    "–",
    "25%",
    "=?utf-8?q?x?=",
    "=?",
    "?=",
    "שלום",
    "مرحبا",
    "👩‍🚀",
    "🎉",
    "a" * 70,
    '"',
    "\\",
]
TEXTS = st.one_of(
    st.lists(st.sampled_from(HEADLINES), max_size=30).map(" ".join),
    st.text(max_size=120),
    st.text(st.characters(max_codepoint=0x2FF), max_size=120),
)
ENCODED_WORD = re.compile(rb"=\?utf-8\?[qb]\?[^?\s]*\?=")


def parsed(field: str, value: bytes) -> str:
    message = email.message_from_bytes(f"{field}: ".encode() + value + b"\r\n\r\n", policy=policy.default)
    return str(message[field])


def parsed_the_old_way(value: bytes) -> str:
    unfolded = value.replace(b"\r\n", b"").decode("ascii")
    return str(make_header(decode_header(unfolded)))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
@example("å b å  c å")
@example("Senaste nytt: Xiaomi lyfter och inspirerar unga kreatörer i Afrika")
def test_subject_comes_back_exactly_blanks_included(text: str) -> None:
    value = text_header(text)

    assert parsed("Subject", value) == clean(text)
    assert parsed_the_old_way(value) == clean(text)


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_subject_is_folded_and_encoded_within_the_lengths_of_rfc_2047_2(text: str) -> None:
    lines = (b"Subject: " + text_header(text, start=9)).split(b"\r\n")

    assert all(len(line) <= 76 for line in lines)
    assert all(line.startswith(b" ") and line.strip() for line in lines[1:])
    assert all(len(word) <= 75 for line in lines for word in ENCODED_WORD.findall(line))


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_no_encoded_word_splits_a_character_rfc_2047_5(text: str) -> None:
    for word in ENCODED_WORD.findall(text_header(text)):
        [(raw, _)] = decode_header(word.decode())
        assert isinstance(raw, bytes)
        raw.decode("utf-8")


def test_plain_subject_stays_readable() -> None:
    assert text_header("Pumps, valves & more: 25% off") == b"Pumps, valves & more: 25% off"


def test_only_what_needs_it_is_encoded() -> None:
    assert text_header("Senaste nytt: kreatörer i Afrika") == b"Senaste nytt: =?utf-8?q?kreat=C3=B6rer?= i Afrika"


def test_title_that_is_an_encoded_word_stays_a_title() -> None:
    evil = "=?utf-8?q?hi=0D=0AReply-To:_evil@example.com=0D=0A=0D=0A<h1>?="
    value = text_header(evil)

    assert b"\r" not in value.replace(b"\r\n ", b"")
    assert parsed("Subject", value) == evil


@settings(max_examples=200, deadline=None)
@given(TEXTS)
def test_cleaning_leaves_one_line_that_cleaning_leaves_alone(text: str) -> None:
    cleaned = clean(text)

    assert clean(cleaned) == cleaned
    assert not re.search(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]", cleaned)
    assert unicodedata.is_normalized("NFC", cleaned)
    assert len(cleaned.encode()) <= 998


@pytest.mark.parametrize(
    ("dirty", "cleaned"),
    [
        ("a\r\nBcc: x@example.com", "a Bcc: x@example.com"),
        ("a\0b\x85c\u2028d\u2029e\tf", "a b c d e f"),
        ("  a   b  ", "a b"),
        ("abc\u202egnp.exe\u2066", "abcgnp.exe"),
        ("A\N{COMBINING RING ABOVE}sa", "Åsa"),
        ("10\N{NO-BREAK SPACE}000", "10\N{NO-BREAK SPACE}000"),
        ("half \ud83d an emoji", "half \N{REPLACEMENT CHARACTER} an emoji"),
    ],
)
def test_what_could_end_a_line_or_turn_it_round_is_cleaned_away(dirty: str, cleaned: str) -> None:
    assert clean(dirty) == cleaned


def test_value_is_capped_at_998_octets_between_characters() -> None:
    assert clean("å" * 600) == "å" * 499
    assert one_line("å" * 600) == "å" * 600


def test_several_lines_keep_their_lines_and_lose_their_controls() -> None:
    assert many_lines("a\r\nb\rc\n\0d\x0be\tf\ud800") == "a\nb\nc\n d e\tf\N{REPLACEMENT CHARACTER}"


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_name_and_address_come_back_exactly(name: str) -> None:
    value = address_header(name, "anna@example.com")
    phrase, address = parseaddr(value.replace(b"\r\n", b"").decode())

    assert address == "anna@example.com"
    assert str(make_header(decode_header(phrase))) == clean(name)
    # Python 3.11 puts a blank between two encoded-words of a phrase, against RFC 2047, 6.2, and folds other blanks.
    message = email.message_from_bytes(b"From: " + value + b"\r\n\r\n", policy=policy.default)
    [mailbox] = message["From"].addresses
    assert "".join(mailbox.display_name.split()) == "".join(clean(name).split())
    assert all(len(line) <= 76 for line in (b"Reply-To: " + value).split(b"\r\n"))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("", b"anna@example.com"),
        ("Anna Berg", b"Anna Berg <anna@example.com>"),
        ("Berg, Anna", b'"Berg, Anna" <anna@example.com>'),
        ('Anna "Ann" B. \\', b'"Anna \\"Ann\\" B. \\\\" <anna@example.com>'),
        ("Åsa", b"=?utf-8?q?=C3=85sa?= <anna@example.com>"),
        ("שלום", b"=?utf-8?b?16nXnNeV150=?= <anna@example.com>"),
        ("=?utf-8?q?=0ABcc:?=", b"=?utf-8?q?=3D=3Futf-8=3Fq=3F=3D0ABcc=3A=3F=3D?= <anna@example.com>"),
    ],
)
def test_name_is_atoms_a_quoted_string_or_encoded_words_rfc_2047_5(name: str, value: bytes) -> None:
    assert address_header(name, "anna@example.com") == value


def test_long_address_is_folded_before_it_and_never_inside() -> None:
    address = "a" * 64 + "@" + "example." * 20 + "com"

    assert address_header("Anna", address) == f"Anna\r\n <{address}>".encode()


def test_domain_in_other_letters_is_sent_as_a_label_rfc_5891() -> None:
    assert address_spec("asa@räksmörgås.example") == "asa@xn--rksmrgs-5wao1o.example"
    assert not needs_smtputf8("asa@räksmörgås.example")


def test_local_part_in_other_letters_stays_utf8_rfc_6532_3_2() -> None:
    assert address_header("", "åsa@example.com") == "åsa@example.com".encode()
    assert needs_smtputf8("åsa@example.com")


@pytest.mark.parametrize("address", ['"a b"@example.com', "a.b+c@example.com", "a@[192.0.2.1]", "o'neil@example.com"])
def test_unusual_address_is_left_as_it_is(address: str) -> None:
    assert address_spec(address) == address


@pytest.mark.parametrize(
    "address",
    [
        "anna",
        "@example.com",
        "anna@",
        "a b@example.com",
        "anna@example.com\r\nBcc: b@example.com",
        "anna\n@example.com",
        "anna@example.com>, <b@example.com",
        '"a\r\n"@example.com',
        '"a"b"@example.com',
        "a\u2028b@example.com",
        "a\u202eb@example.com",
        "a\N{NO-BREAK SPACE}b@example.com",
        "a\ud800@example.com",
        "anna@ex\ud800.example",
        "a\u2003b@example.com",
        "a\u3000b@example.com",
        "a" * 310 + "@example.com",
        "anna@exa mple.com",
        "anna@-.example",
        "anna@ex\u2028ample.com",
        "anna\0@example.com",
        "(c)anna@example.com",
        "a,b@example.com",
    ],
)
def test_what_is_no_address_is_refused_and_not_mended(address: str) -> None:
    with pytest.raises(BadAddress) as refused:
        address_header("Anna", address)

    assert refused.value.address == address


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=30), st.text(max_size=30))
def test_no_address_whatever_it_holds_makes_a_second_line_or_mailbox(local: str, domain: str) -> None:
    try:
        value = address_header("", f"{local}@{domain}")
    except BadAddress:
        return

    assert not re.search(rb"[\x00-\x1f\x7f]", value)
    message = email.message_from_bytes(b"To: " + value + b"\r\n\r\n", policy=policy.default)
    assert len(message["To"].addresses) == 1


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("https://nytt.example.com/a?b=c&d=e#f", "https://nytt.example.com/a?b=c&d=e#f"),
        ("http://example.com", "http://example.com"),
        ("https://räksmörgås.example:8443/å ä", "https://xn--rksmrgs-5wao1o.example:8443/%C3%A5%20%C3%A4"),
        ('https://example.com/"><script>', "https://example.com/%22%3E%3Cscript%3E"),
        ("HTTPS://Example.com/A", "https://example.com/A"),
        ("https://example.com/%C3%A5", "https://example.com/%C3%A5"),
        ("  https://example.com/a\n", "https://example.com/a"),
    ],
)
def test_link_of_the_web_is_written_in_ascii(url: str, link: str) -> None:
    assert web_url(url) == link


@pytest.mark.parametrize(
    "url",
    [
        "javascript:alert(1)",
        "java\nscript:alert(1)",
        "data:text/html,x",
        "file:///etc/passwd",
        "mailto:a@example.com",
        "//example.com/a",
        "/a",
        "",
        "https://",
        "https://example.com@evil.example/",
        "https://[::1",
        "https://a:b/",
        "https://exa mple.com/",
        "https://user:pw@example.com/",
    ],
)
def test_any_other_link_is_none(url: str) -> None:
    assert web_url(url) is None
