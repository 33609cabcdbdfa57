"""Tables and text as spreadsheets write them."""

import io

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.tables import (
    NotText,
    Problem,
    _Lines,
    decode,
    encoding_of,
    escaped,
    header_key,
    language_tag,
    rows,
    shown,
    tidy,
    unescaped,
)

FEW = settings(max_examples=200, derandomize=True, deadline=None)


def the_rows(text: str, longest: int = 200, breaks: int = 3) -> list[tuple[int, list[str]] | Problem]:
    return list(rows(io.StringIO(text, newline=""), longest=longest, breaks=breaks))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_the_encodings_of_spreadsheets(encoding: str) -> None:
    assert decode("namn;språk\r\nÅsa – ”Öberg”;sv".encode(encoding), "x.csv") == "namn;språk\r\nÅsa – ”Öberg”;sv"


def test_big_endian_utf_16_is_known_by_its_mark() -> None:
    assert decode(b"\xfe\xff\x00\xe5", "x.csv") == "å"


def test_letter_cut_in_two_by_a_chunk_is_still_utf_8() -> None:
    assert encoding_of([b"a\xc3", b"\xa5", b"b"], "x.csv") == "utf-8"


def test_letter_cut_off_at_the_end_is_not_utf_8() -> None:
    assert encoding_of([b"a\xc3"], "x.csv") == "cp1252"


def test_bytes_that_no_encoding_knows_are_replaced_and_stop_nothing() -> None:
    assert decode(b"\xe5\x81", "x.csv") == "å\N{REPLACEMENT CHARACTER}"


@pytest.mark.parametrize("head", [b"PK\x03\x04", b"\xd0\xcf\x11\xe0"])
def test_workbook_is_told_from_a_table(head: bytes) -> None:
    with pytest.raises(NotText, match=r"members\.xlsx is a spreadsheet's own file.*save it as CSV"):
        decode(head + b"...", "members.xlsx")


@pytest.mark.parametrize(
    ("text", "cells"),
    [
        ("a,b\n", ["a", "b"]),
        ("a;b\n", ["a", "b"]),
        ("a\tb\n", ["a", "b"]),
        ("a;b, c\n", ["a", "b, c"]),
        ('"a,b,c";d\n', ["a,b,c", "d"]),
        ("sep=|\r\na|b,c;d\r\n", ["a", "b,c;d"]),
        ('"sep=;"\na;b,c,d\n', ["a", "b,c,d"]),
        ("sep=\t\na\tb\n", ["a", "b"]),
        ("\n \na;b\n", ["a", "b"]),
        ("alone\n", ["alone"]),
        ("alone", ["alone"]),
    ],
)
def test_separator_is_what_the_first_line_has_most_of(text: str, cells: list[str]) -> None:
    assert [row[1] for row in the_rows(text) if not isinstance(row, Problem)] == [cells]


def test_rows_carry_the_line_they_begin_on() -> None:
    table = 'sep=,\na,b\n\n"x\ny",1\r\n , \r\nz,2'

    assert the_rows(table) == [(2, ["a", "b"]), (4, ["x\ny", "1"]), (7, ["z", "2"])]


def test_lines_may_end_as_on_any_system() -> None:
    assert the_rows("a,b\r1,2\r\n3,4\n") == [(1, ["a", "b"]), (2, ["1", "2"]), (3, ["3", "4"])]


def test_quoted_cell_may_follow_a_blank() -> None:
    assert the_rows('a,b\n1, "x, y"\n')[1] == (2, ["1", "x, y"])


def test_short_row_is_filled_up_and_empty_cells_too_many_do_no_harm() -> None:
    assert the_rows("a,b,c\n1\n1,2,3,, \n")[1:] == [(2, ["1", "", ""]), (3, ["1", "2", "3"])]


def test_row_with_more_cells_than_the_first_is_a_problem() -> None:
    assert the_rows("a,b\n1,Lindqvist, Per\n3,4")[1:] == [
        Problem("line 2", "3 cells where the first row has 2"),
        (3, ["3", "4"]),
    ]


def test_quotation_mark_nobody_closed_swallows_no_other_row() -> None:
    problem = Problem("line 2", 'a quotation mark (") is not closed, or stands where none may')

    assert the_rows('a,b\n1,"x\n3,4\n5,6\n') == [(1, ["a", "b"]), problem, (3, ["3", "4"]), (4, ["5", "6"])]
    assert the_rows('a,b\n1,"x\n3,"y"\n5,6\n') == [(1, ["a", "b"]), problem, (3, ["3", "y"]), (4, ["5", "6"])]
    assert the_rows('a,b\n1,"x\n' + "3,4\n" * 9)[1:] == [problem, *((n, ["3", "4"]) for n in range(3, 12))]


def test_row_with_too_many_characters_is_a_problem() -> None:
    assert the_rows("a,b\n1," + "x" * 1_000_000 + "\n3,4\n")[1:] == [
        Problem("line 2", "longer than 200 characters"),
        (3, ["3", "4"]),
    ]
    assert the_rows('a,b\n1,"' + "x" * 150 + "\n" + "y" * 150 + '"\n3,4\n')[-1] == (4, ["3", "4"])
    assert the_rows('a,b\n1,"\n' + "y" * 1_000 + "\n3,4\n")[1:] == [
        Problem("line 2", 'a quotation mark (") is not closed, or stands where none may'),
        Problem("line 3", "longer than 200 characters"),
        (4, ["3", "4"]),
    ]


def test_first_line_that_cannot_be_read_is_a_problem_too() -> None:
    assert the_rows("x" * 300 + "\n" + "x" * 300 + "\na,b\n") == [
        Problem("line 1", "longer than 200 characters"),
        Problem("line 2", "longer than 200 characters"),
        (3, ["a", "b"]),
    ]


@pytest.mark.parametrize("nothing", ["", "\n", " \r\n\r\n", "sep=;\n", ";;\n ; \n"])
def test_table_of_nothing_has_no_rows(nothing: str) -> None:
    assert the_rows(nothing) == []


@given(st.text(st.sampled_from('ab",;\t\n\r \x00')))
@FEW
def test_any_table_is_read_to_its_end(text: str) -> None:
    last = 0
    for row in the_rows(f"h\n{text}\nz,z\n"[2:]):
        line = int(row.where.removeprefix("line ")) if isinstance(row, Problem) else row[0]
        assert line > last
        last = line


@given(st.text(st.sampled_from('ab",;\t\n\r \x00')), st.sampled_from(["h,i\n", "h;i\r\n", "sep=,\n"]))
@FEW
def test_lines_that_are_read_together_say_what_each_says_by_itself(text: str, head: str) -> None:
    def singly(lines: _Lines) -> list[str]:
        return []

    together = the_rows(head + text * 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_Lines, "coming", singly)
        assert the_rows(head + text * 20) == together


@pytest.mark.parametrize("cell", ["=1+1", "+46", "-5", "@SUM", "\tx", "\rx", "'=x", "''@x"])
def test_cell_that_looks_like_a_formula_is_escaped(cell: str) -> None:
    assert escaped(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["", "x=1", "'n' roll", "1-2", "a@b", "''", "'"])
def test_other_cells_stay(cell: str) -> None:
    assert escaped(cell) == unescaped(cell) == cell


@given(st.text(st.sampled_from("'=+-@\t\rx")))
@FEW
def test_escaping_is_taken_off_again(cell: str) -> None:
    assert unescaped(escaped(cell)) == cell


@pytest.mark.parametrize(
    ("header", "key"),
    [
        ("E-post", "epost"),
        (" e-mail: ", "email"),
        ("Språk", "sprak"),
        ("LÄNK", "lank"),
        ("FÖRNAMN", "fornamn"),
        ("embargo_until", "embargountil"),
        ("", ""),
    ],
)
def test_headers_are_compared_without_case_accents_and_signs(header: str, key: str) -> None:
    assert header_key(header) == key


def test_text_is_tidied_to_one_line() -> None:
    assert tidy(" A\u030asa \n\t O\u0308berg\u00a0\x00 \x0bx\u202e\ufeff") == "Åsa Öberg x"


@given(st.text())
@FEW
def test_tidy_text_stays_as_it_is(text: str) -> None:
    assert tidy(tidy(text)) == tidy(text)


def test_value_is_shown_short_and_on_one_line() -> None:
    assert shown("a\nb") == "'a b'"
    assert shown("x" * 100) == f"'{'x' * 59}…'"


@pytest.mark.parametrize(
    ("text", "tag"), [("sv", "sv"), ("EN_gb", "en-GB"), (" zh-hant-tw ", "zh-Hant-TW"), ("de-1996", "de-1996")]
)
def test_language_has_its_usual_spelling(text: str, tag: str) -> None:
    assert language_tag(text) == tag


@pytest.mark.parametrize("text", ["", "svenska", "s", "sv-", "sv--SE", "sv SE", "12", "sv-" + "-".join(["abc"] * 12)])
def test_what_is_no_language_has_no_tag(text: str) -> None:
    assert language_tag(text) is None
