import html
import unicodedata
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.letter import gate
from digest.letter.stamp import Reader, Stamp, open_letter, public
from digest.letter.values import BadAddress, clean
from tests.builders import a_reader
from tests.letter.designs import a_design, a_letter, parts, read, stamped
from tests.letter.names import HOSTILE, NAMES

GREETING_HTML = """<!DOCTYPE html>
<html><body><p>Hej {{ slot('name', default='läsare & vän') }}!</p>
<a href="{{ unsubscribe_url }}">Leave</a> <a href="{{ view_url }}">Look</a></body></html>
"""
GREETING_TEXT = """Hej {{ slot('name', default='läsare & vän') }}!
{{ slot('name') }}
{{ unsubscribe_url }}
{{ view_url }}
"""


@pytest.fixture(scope="module")
def stamp(tmp_path_factory: pytest.TempPathFactory) -> Stamp:
    project = a_design(tmp_path_factory.mktemp("project"), GREETING_HTML, GREETING_TEXT)
    return open_letter(a_letter(project).mail)


def names_of(mail: bytes) -> list[str]:
    return list(read(mail).keys())


def test_reader_s_values_stand_in_every_place(stamp: Stamp) -> None:
    mail = stamp.fill(a_reader(name="Åsa", address="asa@example.com"))
    text, page = parts(mail)

    assert text == f"Hej Åsa!\nÅsa\nhttps://nytt.example.com/u/{'u' * 38}\nhttps://nytt.example.com/view/{'v' * 38}\n"
    assert "<p>Hej Åsa!</p>" in page
    assert f'<a href="https://nytt.example.com/u/{"u" * 38}">Leave</a>' in page
    assert read(mail)["To"] == "Åsa <asa@example.com>"
    assert read(mail)["Message-ID"] == f"<{'m' * 38}@example.com>"


def test_reader_without_a_name_gets_the_default_and_a_bare_address(stamp: Stamp) -> None:
    mail = stamp.fill(a_reader(name="", address="asa@example.com"))
    text, page = parts(mail)

    assert text.startswith("Hej läsare & vän!\n\n")
    assert "<p>Hej läsare &amp; vän!</p>" in page
    assert read(mail)["To"] == "asa@example.com"


@pytest.mark.parametrize("name", [*NAMES, *HOSTILE])
def test_name_is_a_name_whatever_it_holds(stamp: Stamp, name: str) -> None:
    plain = stamp.fill(a_reader())
    mail = stamp.fill(a_reader(name=name))
    text, page = parts(mail)
    shown = clean(name) or "läsare & vän"

    gate.check(mail, names_of(plain))
    assert text.startswith(f"Hej {shown}!\n")
    assert f"<p>Hej {html.escape(shown)}!</p>" in page
    assert [address.addr_spec for address in read(mail)["To"].addresses] == ["anna@example.com"]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=200))
def test_stamped_bytes_are_read_as_what_the_templates_would_have_written(stamp: Stamp, name: str) -> None:
    mail = stamp.fill(a_reader(name=name))
    text, page = parts(mail)
    shown = clean(name) or "läsare & vän"

    assert text.split("\n")[:2] == [f"Hej {shown}!", clean(name)]
    assert f"<p>Hej {html.escape(shown)}!</p>" in page
    gate.check(mail, names_of(stamp.fill(a_reader())))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(max_size=80))
def test_a_name_changes_no_byte_outside_its_slots(stamp: Stamp, name: str) -> None:
    mail = stamp.fill(a_reader(name=name))
    at = 0
    for piece in (piece for piece in stamp.template.pieces if piece):
        at = mail.index(piece, at) + len(piece)

    assert at == len(mail)


@pytest.mark.parametrize("field", ["message_id", "unsubscribe", "view", "return_path"])
@pytest.mark.parametrize("token", ["", "a b", "a\r\nb", "å", "<", "a" * 65, "a=b"])
def test_what_is_no_token_is_not_stamped(stamp: Stamp, field: str, token: str) -> None:
    with pytest.raises(ValueError, match="not a token"):
        stamp.fill(a_reader(**{field: token}))


def test_address_that_cannot_be_mailed_is_not_stamped(stamp: Stamp) -> None:
    with pytest.raises(BadAddress):
        stamp.fill(a_reader(address="anna@example.com\r\nBcc: evil@example.com"))


def test_address_in_other_letters_stands_in_to_as_utf8_rfc_6532_3_2(stamp: Stamp) -> None:
    mail = stamp.fill(a_reader(name="", address="åsa@räksmörgås.example"))

    assert "\r\nTo: åsa@xn--rksmrgs-5wao1o.example\r\n".encode() in mail
    gate.check(mail, names_of(stamp.fill(a_reader())))


def test_same_reader_gets_the_same_bytes_again(stamp: Stamp) -> None:
    assert stamp.fill(a_reader()) == stamp.fill(a_reader())


def test_stored_letter_does_not_depend_on_the_nonce(tmp_path: Path) -> None:
    project = a_design(tmp_path, GREETING_HTML, GREETING_TEXT)

    assert a_letter(project, nonce="a" * 32).mail == a_letter(project, nonce="0z" * 16).mail


def test_public_form_has_the_defaults_and_no_token(tmp_path: Path) -> None:
    letter = a_letter(a_design(tmp_path, GREETING_HTML, GREETING_TEXT))

    assert letter.text == "Hej läsare & vän!\n\nhttps://nytt.example.com\nhttps://nytt.example.com\n"
    assert "<p>Hej läsare &amp; vän!</p>" in letter.html
    assert '<a href="https://nytt.example.com">Leave</a>' in letter.html
    assert "\0" not in letter.html + letter.text


def test_public_form_of_a_text_without_slots_is_the_text() -> None:
    assert public("Hej /u/ och /view/\n") == "Hej /u/ och /view/\n"


def test_letter_without_a_bounce_address_needs_no_return_path(tmp_path: Path) -> None:
    letter = a_letter(a_design(tmp_path), bounce_address=None)

    assert b"mailto:" not in stamped(letter, a_reader(return_path=""))


def test_default_may_hold_what_the_stored_form_is_written_with(tmp_path: Path) -> None:
    project = a_design(tmp_path, txt="{{ slot('name', default='a:b, \"c\": =3D') }}\n")

    assert parts(stamped(a_letter(project), a_reader(name="")))[0] == 'a:b, "c": =3D\n'


def test_composed_and_decomposed_names_are_the_same_name(stamp: Stamp) -> None:
    decomposed = unicodedata.normalize("NFD", "Åsa Öberg")

    assert stamp.fill(a_reader(name=decomposed)) == stamp.fill(a_reader(name="Åsa Öberg"))


@pytest.mark.parametrize(
    "mail",
    [b".\r\n", b"a\r\n.\r\n", b"a\r\n.b\r\n", b"a\n.\r\n", b"\0text:name:x\0.\r\n", b"a\r\n\0token:view:\0\r\n.\r\n"],
)
def test_letter_that_could_end_early_is_not_opened(mail: bytes) -> None:  # RFC 5321 4.5.2
    with pytest.raises(ValueError, match="begins with a dot"):
        open_letter(mail)


def test_dot_behind_a_token_begins_no_line() -> None:
    stamp = open_letter(b"see \0token:view:\0.\r\n")

    assert stamp.fill(Reader("a@b.se", "", "M", "U", "V", "")) == b"see V.\r\n"


@pytest.mark.parametrize("value", [b".", b".x", b"x\r\n.", b"x\n.\r\n"])
def test_value_that_could_end_a_mail_early_is_not_filled_in(value: bytes) -> None:
    stamp = replace(open_letter(b"a\r\n\0token:view:\0\r\n"), encoders=(lambda _: value,))

    with pytest.raises(ValueError, match="would begin with a dot"):
        stamp.fill(Reader("a@b.se", "", "M", "U", "V", ""))
