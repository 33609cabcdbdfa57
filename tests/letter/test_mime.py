import quopri
import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.letter.mime import alternative, quoted_printable, slot_value
from digest.letter.slots import UNSUBSCRIBE, Kind, Slot

NAME = Slot(Kind.TEXT, "name", "läsare")
TEXTS = st.one_of(
    st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=300),
    st.lists(
        st.sampled_from([".", "From ", "\n", "=", " ", "\t", "å", "👩‍🚀", "x" * 74, "x" * 75, "x" * 76, "--"])
    ).map("".join),
)


def as_lines(text: str) -> str:
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    return text if text.endswith("\n") else text + "\n"


@settings(max_examples=400, deadline=None)
@given(TEXTS)
@example("." * 200)
@example("From " * 60)
@example("x" * 74 + "å" * 5)
@example("x" * 75 + ".\n.\n..\nFrom me")
def test_text_comes_back_from_quoted_printable_rfc_2045_6_7(text: str) -> None:
    written = quoted_printable(text)

    assert quopri.decodestring(written).replace(b"\r\n", b"\n").decode() == as_lines(text)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
def test_lines_are_short_ascii_crlf_and_begin_with_nothing_a_server_reads(text: str) -> None:
    written = quoted_printable(text)

    assert written.isascii()
    assert not re.search(rb"\r(?!\n)|(?<!\r)\n", written)
    for line in written.split(b"\r\n"):
        assert len(line) <= 76  # RFC 2045, 6.7 (5)
        assert not line.startswith((b".", b"From "))  # RFC 5321, 4.5.2
        assert not line.endswith((b" ", b"\t"))  # RFC 2045, 6.7 (3)


@settings(max_examples=300, deadline=None)
@given(TEXTS, TEXTS, TEXTS)
@example("Hej ", "Åsa", "!")
@example("", "", "")
@example("a\n", ".", "\nb")
def test_slot_stands_on_lines_of_its_own_and_leaves_the_text_around_it_as_it_is(
    before: str, value: str, after: str
) -> None:
    value = value.replace("\n", " ").replace("\r", " ")
    written = quoted_printable(f"{before}{NAME}{after}")
    filled = written.replace(str(NAME).encode(), slot_value(value))

    assert written.count(str(NAME).encode() + b"=\r\n") == 1
    assert quopri.decodestring(filled).replace(b"\r\n", b"\n").decode() == as_lines(f"{before}\0{after}").replace(
        "\0", value
    )
    assert all(len(line) <= 76 and not line.startswith((b".", b"From ")) for line in filled.split(b"\r\n"))


def test_slot_at_the_beginning_of_a_line_needs_no_soft_break_before_it() -> None:
    assert quoted_printable(f"Hej\n{UNSUBSCRIBE}\n") == b"Hej\r\n\0token:unsubscribe:\0=\r\n\r\n"


def test_slot_inside_a_line_has_soft_breaks_around_it() -> None:
    assert quoted_printable(f"https://x/u/{UNSUBSCRIBE}.\n") == b"https://x/u/=\r\n\0token:unsubscribe:\0=\r\n=2E\r\n"


def test_body_is_text_first_and_html_last_rfc_2046_5_1_4() -> None:
    boundary, body = alternative("Hej\n", "<p>Hej</p>\n")

    assert body.decode().split("\r\n") == [
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "Hej",
        "",
        f"--{boundary}",
        "Content-Type: text/html; charset=utf-8",
        "Content-Transfer-Encoding: quoted-printable",
        "",
        "<p>Hej</p>",
        "",
        f"--{boundary}--",
        "",
    ]


def test_boundary_depends_on_the_content_alone() -> None:
    assert alternative("a", "b") == alternative("a", "b")
    assert alternative("a", "b")[0] != alternative("a", "c")[0]


@pytest.mark.parametrize("guess", ["", "--"])
def test_text_that_holds_the_boundary_cannot_end_the_part(guess: str) -> None:
    boundary, _ = alternative("a", "b")
    found, body = alternative(f"--{boundary}{guess}", f"--{boundary}{guess}")

    assert body.count(f"--{found}".encode()) == 3
    assert f"--{boundary}".encode() not in body
    assert boundary.encode() not in slot_value(f"--{boundary}")
