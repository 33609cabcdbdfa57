"""DKIM: what dkimpy says of signed mail, and of signed mail that somebody has touched."""

import email
import random
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from dkim.canonicalization import Relaxed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.letter import gate
from digest.letter.compose import compose
from digest.letter.dkim import OVERSIGNED, SIGNED, SignedStamp, open_signed, relaxed_body, relaxed_field, signed
from digest.letter.stamp import Reader, Stamp, open_letter
from digest.letter.templates import open_templates
from digest.models import Letter
from tests.builders import a_frame, a_reader, the_seed
from tests.letter.designs import a_design, a_letter, read
from tests.letter.names import HOSTILE, NAMES, a_name
from tests.signing import ed25519_signer, record, rsa_key, rsa_signer, verified, zone

AT = 1764480600
BOTH = [rsa_signer(), ed25519_signer()]
#: Slots at the edges of everything: first and last in a part, side by side, behind blanks, tabs and long lines.
EDGES_TEXT = (
    "{{ slot('name') }}\n\nbehind  two\tblanks {{ slot('name', default='läsare') }}  \n\t \n"
    "{{ slot('name') }}{{ slot('name') }} {{ slot('name', default='a  b') }}\n" + "lång " * 40 + "\n"
    "{{ unsubscribe_url }} {{ view_url }}\n.\nFrom me\n   \n\n\n{{ slot('name') }}"
)
EDGES_HTML = (
    "<!DOCTYPE html>\n<html><body>\n    <p>{{ slot('name') }}</p>  <p>  {{ slot('name', default='x') }}\t</p>\n"
    '<a href="{{ unsubscribe_url }}">Leave</a><a href="{{ view_url }}">Look</a>\n  \n</body></html>\n\n\n'
)


@pytest.fixture(scope="module")
def edges(tmp_path_factory: pytest.TempPathFactory) -> SignedStamp:
    """A small letter whose slots stand in every difficult place, signed by both keys."""
    return both(a_letter(a_design(tmp_path_factory.mktemp("project"), EDGES_HTML, EDGES_TEXT)))


def both(letter: Letter) -> SignedStamp:
    """Return a letter's stamp that signs with both keys."""
    stamp = open_signed(letter.mail, BOTH, AT)
    assert isinstance(stamp, SignedStamp)
    return stamp


def names_in_h(mail: bytes) -> list[list[str]]:
    """Return what ``h=`` of each signature names."""
    fields = email.message_from_bytes(mail).get_all("DKIM-Signature") or []
    tags = [dict(tag.strip().split("=", 1) for tag in "".join(field.split()).split(";")) for field in fields]
    return [one["h"].split(":") for one in tags]


@pytest.mark.parametrize("language", ["sv", "en"])
@pytest.mark.parametrize("bounces", ["bounce@example.com", None])
def test_real_letters_of_the_sample_are_verified(language: str, bounces: str | None) -> None:
    letter = compose(the_seed(), a_frame(bounce_address=bounces), open_templates(), "n0nce000" * 4, language)
    stamp = both(letter)

    for name in ("", "Anna Andersson", *HOSTILE[:6]):
        mail = stamp.fill(a_reader(name=name, return_path="r" * 45 if bounces else ""))
        assert verified(mail) == [True, True]


def test_thousands_of_readers_are_verified_each_with_another_name(edges: SignedStamp) -> None:
    chance = random.Random(5)
    for n in range(700):  # two signatures each
        reader = a_reader(name=a_name(chance), address=f"reader{n}@example.com", message_id=f"{n:0>38}")
        assert verified(edges.fill(reader)) == [True, True], reader.name


@pytest.mark.parametrize("name", [*NAMES, *HOSTILE])
def test_whatever_a_name_holds_its_mail_is_verified_and_passes_the_gate(edges: SignedStamp, name: str) -> None:
    mail = edges.fill(a_reader(name=name))

    assert verified(mail) == [True, True]
    gate.check(mail, list(read(mail).keys()))


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(), max_size=120))
def test_any_name_is_verified(edges: SignedStamp, name: str) -> None:
    assert verified(edges.fill(a_reader(name=name))) == [True, True]


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.sampled_from(" \t.=FromÅ\r\n-_?<&\"'x"), max_size=200))
def test_a_name_of_nothing_but_trouble_is_verified(edges: SignedStamp, name: str) -> None:
    assert verified(edges.fill(a_reader(name=name))) == [True, True]


@pytest.mark.parametrize(
    "address", ["åsa@räksmörgås.example", '"odd one"@example.com', "a" * 64 + "@" + "långt." * 12 + "example"]
)
def test_any_address_is_verified(edges: SignedStamp, address: str) -> None:
    assert verified(edges.fill(a_reader(address=address, name="x " * 60))) == [True, True]


@pytest.mark.parametrize(
    "added",
    [
        *("Subject: Win", "Content-Type: text/html", "From: Boss <boss@example.com>", "To: all@example.com"),
        *("List-Unsubscribe: <https://evil.example/>", "List-Unsubscribe-Post: List-Unsubscribe=One-Click"),
        *("Cc: all@example.com", "Date: Mon, 1 Dec 2025 06:30:00 +0100", "Reply-To: evil@example.com"),
        *("Message-ID: <other@example.com>", "MIME-Version: 1.0", "Content-Transfer-Encoding: base64"),
    ],
)
@pytest.mark.parametrize("at_top", [True, False])
def test_an_added_field_breaks_both_signatures_rfc_6376_8_15(edges: SignedStamp, added: str, at_top: bool) -> None:
    mail = edges.fill(a_reader())
    head, _, body = mail.partition(b"\r\n\r\n")
    fields = (added.encode(), head) if at_top else (head, added.encode())

    assert verified(mail) == [True, True]
    assert verified(b"\r\n".join(fields) + b"\r\n\r\n" + body) == [False, False]


@pytest.mark.parametrize("name", ["From", "To", "Subject", "Date", "Message-ID", "List-Unsubscribe-Post", "List-Id"])
def test_a_field_taken_away_or_changed_breaks_both_signatures(edges: SignedStamp, name: str) -> None:
    mail = edges.fill(a_reader())
    field = f"\r\n{name}: ".encode()

    assert verified(mail.replace(field, field + b"x", 1)) == [False, False]
    assert verified(mail.replace(field, b"\r\nX-Was: ", 1)) == [False, False]


def test_a_changed_body_breaks_both_signatures(edges: SignedStamp) -> None:
    mail = edges.fill(a_reader())
    at = mail.rindex(b"</html>")

    for changed in (mail[:at] + b"x" + mail[at:], mail + b"x\r\n", mail[:at]):
        assert verified(changed) == [False, False]


def test_what_a_relay_may_do_to_blanks_breaks_nothing_rfc_6376_3_4(edges: SignedStamp) -> None:
    mail = edges.fill(a_reader())
    head, _, body = mail.partition(b"\r\n\r\n")
    refolded = head.replace(b"Subject: ", b"subject:   ").replace(b"\r\nList-Id: ", b"\r\nX: x\r\nList-Id:\r\n\t")

    assert verified(refolded + b"\r\n\r\n" + body.replace(b"\r\n", b" \t\r\n") + b"\r\n\r\n") == [True, True]


def test_what_is_signed_is_what_readers_see_and_what_buttons_do(edges: SignedStamp) -> None:
    mail = edges.fill(a_reader())

    for named in names_in_h(mail):
        for name in SIGNED:
            there = len(read(mail).get_all(name) or [])
            assert named.count(name) == there + (name in OVERSIGNED), name


@pytest.mark.parametrize("name", ["Subject", "Content-Type", "List-Unsubscribe", "List-Unsubscribe-Post", "From"])
def test_what_must_be_signed_once_more_than_it_stands_there_is(edges: SignedStamp, name: str) -> None:
    assert [named.count(name) for named in names_in_h(edges.fill(a_reader()))] == [2, 2]


@pytest.mark.parametrize("name", ["Return-Path", "Received", "Bcc", "DKIM-Signature", "Precedence"])
def test_what_others_write_on_the_way_is_not_signed(edges: SignedStamp, name: str) -> None:
    assert not any(name in named for named in names_in_h(edges.fill(a_reader())))


def test_signature_says_what_it_must_and_no_more(edges: SignedStamp) -> None:
    fields = email.message_from_bytes(edges.fill(a_reader())).get_all("DKIM-Signature") or []
    tags = [dict(tag.strip().split("=", 1) for tag in "".join(field.split()).split(";")) for field in fields]

    for one, (algorithm, selector) in zip(tags, (("rsa-sha256", "d1"), ("ed25519-sha256", "e1")), strict=True):
        assert list(one) == ["v", "a", "c", "d", "s", "t", "h", "bh", "b"]  # no l= (RFC 6376, 8.2), no x=
        assert (one["v"], one["a"], one["c"]) == ("1", algorithm, "relaxed/relaxed")
        assert (one["d"], one["s"], one["t"]) == ("example.com", selector, str(AT))


def test_same_reader_s_mail_is_signed_alike_every_time(edges: SignedStamp, tmp_path: Path) -> None:
    again = both(a_letter(a_design(tmp_path, EDGES_HTML, EDGES_TEXT)))

    assert edges.fill(a_reader()) == edges.fill(a_reader()) == again.fill(a_reader())


def test_another_time_of_signing_makes_another_signature(tmp_path: Path) -> None:
    mail = a_letter(a_design(tmp_path)).mail

    assert open_signed(mail, BOTH, AT).fill(a_reader()) != open_signed(mail, BOTH, AT + 1).fill(a_reader())


def test_signed_mail_is_the_stamped_one_with_fields_on_top(edges: SignedStamp) -> None:
    plain, mail = edges.stamp.fill(a_reader()), edges.fill(a_reader())

    assert mail.endswith(plain)
    assert mail[: -len(plain)].count(b"\r\nDKIM-Signature: ") == 1


def test_without_a_signer_a_letter_is_as_it_was(tmp_path: Path) -> None:
    letter = a_letter(a_design(tmp_path))

    assert isinstance(open_signed(letter.mail, [], AT), Stamp)
    assert open_signed(letter.mail, [], AT).fill(a_reader()) == open_letter(letter.mail).fill(a_reader())


def test_lines_of_a_signature_are_within_78(edges: SignedStamp) -> None:
    head = edges.fill(a_reader()).partition(b"\r\nFrom: ")[0]
    long = open_signed(b"From: a\r\n\r\nx\r\n", [rsa_signer("en.mycket.lang.domaen." * 6 + "example.com")], AT)

    assert max(map(len, head.split(b"\r\n"))) <= 78  # RFC 5322, 2.1.1
    assert all(len(line) <= 78 or b" " not in line[1:] for line in long.fill(a_reader()).split(b"\r\n"))


def test_a_finished_mail_without_slots_is_signed_whole() -> None:
    mail = b"From: <a@example.com>\r\nSubject: x\r\n\r\n line \t one \r\n\r\nlast  \r\n\r\n\r\n"

    assert verified(signed(mail, BOTH, AT)) == [True, True]


def test_a_body_slot_inside_a_line_is_refused() -> None:
    with pytest.raises(ValueError, match="on a line of its own"):
        open_signed(b"From: a\r\n\r\nHej \0text:name:\0=\r\n\r\n", BOTH, AT)
    with pytest.raises(ValueError, match="on a line of its own"):
        open_signed(b"From: a\r\n\r\n\0text:name:\0 och\r\n", BOTH, AT)


@settings(max_examples=200, deadline=None)
@given(body=st.lists(st.text(st.sampled_from(" \tab.="), max_size=8), max_size=8))
def test_a_body_is_relaxed_as_dkimpy_does_it_rfc_6376_3_4_4(body: list[str]) -> None:
    lines = "".join(f"{line}\r\n" for line in body).encode()

    # dkimpy leaves a body of empty lines one CRLF; 3.4.4 says that it is none, and what is sent is never that.
    assert relaxed_body(lines) == Relaxed.canonicalize_body(lines) or not lines.strip()


@settings(max_examples=150, deadline=None)
@given(words=st.lists(st.text(st.sampled_from("aÅ:;=<>"), min_size=1, max_size=6), min_size=1), n=st.integers())
def test_a_field_is_relaxed_as_dkimpy_does_it_rfc_6376_3_4_2(words: list[str], n: int) -> None:
    blanks = (" ", "  ", "\t", "\r\n ", "\r\n\t ")
    value = "".join(blanks[(n + m) % 5] + word for m, word in enumerate(words)).encode()
    (expected,) = Relaxed.canonicalize_headers([[b"Subject", value + b" \r\n"]])

    assert relaxed_field("Subject", value + b" ") + b"\r\n" == b"%b:%b" % tuple(expected)


def test_dkimpy_itself_would_notice_a_wrong_key(edges: SignedStamp) -> None:
    mail = edges.fill(a_reader())
    swapped = {**zone(), "d1._domainkey.example.com": record(rsa_key(which=2))}
    swapped["e1._domainkey.example.com"] = record(Ed25519PrivateKey.generate())

    assert verified(mail, swapped) == [False, False]
    assert verified(mail, {}) == [False, False]


def test_signing_time_and_reader_are_all_that_a_mail_depends_on(edges: SignedStamp) -> None:
    reader = a_reader()

    assert edges.fill(reader) == edges.fill(Reader(*reader))
