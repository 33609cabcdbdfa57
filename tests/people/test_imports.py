"""Subscribers out of spreadsheets."""

import csv
import io
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.models import SubscriptionState
from digest.people.addresses import Address
from digest.people.imports import (
    BadState,
    EmptyFile,
    NoAddressColumn,
    NotText,
    Problem,
    Repeated,
    Row,
    read_state,
    read_subscribers,
)
from digest.people.seen import Marks

UNCLOSED = 'a quotation mark (") is not closed, or stands where none may'


def read(data: bytes | str) -> list[Row | Problem]:
    return list(read_subscribers(io.BytesIO(data.encode() if isinstance(data, str) else data), "industri.csv"))


def a_row(line: int, address: str, name: str = "", language: str | None = None, /, **attributes: str) -> Row:
    return Row(line, Address(address, address.lower()), name, language, attributes)


def as_saved(separator: str, encoding: str, end: str = "\r\n") -> bytes:
    """Return a list as a spreadsheet saves it."""
    text = io.StringIO(newline="")
    table = csv.writer(text, delimiter=separator, lineterminator=end)
    table.writerow(["E-post", "Namn", "Språk", "Företag"])
    table.writerow(["per@example.com", 'Lindqvist, Per; "Pelle"', "sv", "ÅF"])
    table.writerow(["anna@example.com", "Anna Öberg", "", ""])
    return text.getvalue().encode(encoding)


@pytest.mark.parametrize(
    "data",
    [
        as_saved(";", "cp1252"),  # Excel: CSV
        as_saved(";", "utf-8-sig"),  # Excel: CSV UTF-8
        as_saved("\t", "utf-16"),  # Excel: Unicode text
        as_saved(",", "utf-8", "\n"),  # LibreOffice, Google Sheets
        as_saved(",", "cp1252", "\r"),  # Excel for Mac, long ago
        b"sep=;\r\n" + as_saved(";", "cp1252"),
    ],
)
def test_table_is_read_as_excel_and_libreoffice_write_it(data: bytes) -> None:
    first = 3 if data.startswith(b"sep") else 2

    assert read(data) == [
        a_row(first, "per@example.com", 'Lindqvist, Per; "Pelle"', "sv", Företag="ÅF"),
        a_row(first + 1, "anna@example.com", "Anna Öberg"),
    ]


@pytest.mark.parametrize(
    "header",
    [
        "address",
        "Email",
        "E-MAIL",
        "e-mail ",
        "mail",
        "E-post",
        "epost",
        "E-postadress",
        "Mejl",
        "mejladress",
        "E-mailadress",
        "e.mail",
    ],
)
def test_address_column_has_many_names(header: str) -> None:
    assert read(f"nr,{header}\n1,anna@example.com\n") == [a_row(2, "anna@example.com", nr="1")]


@pytest.mark.parametrize(
    ("header", "cells", "name"),
    [
        ("Name", "Anna", "Anna"),
        ("NAMN", " Anna\u00a0 Öberg\u202e\x00 ", "Anna Öberg"),
        ("Full name", "Anna", "Anna"),
        ("Efternamn;Förnamn", "Öberg;Anna", "Anna Öberg"),
        ("first_name;last-name", "Anna;Öberg", "Anna Öberg"),
        ("Förnamn;Efternamn", "Anna;", "Anna"),
        ("Förnamn", "Anna", "Anna"),
        ("Namn", "A\u030asa", "Åsa"),
        ("Namn", "'=1+1", "=1+1"),
        ("Namn", "x" * 600, "x" * 500),
    ],
)
def test_name_is_in_one_column_or_in_two(header: str, cells: str, name: str) -> None:
    assert read(f"{header};E-post\n{cells};anna@example.com\n") == [a_row(2, "anna@example.com", name)]


def test_full_name_wins_over_its_parts() -> None:
    assert read("epost,namn,förnamn\na@example.com,Anna Öberg,Anna\n") == [
        a_row(2, "a@example.com", "Anna Öberg", förnamn="Anna")
    ]


def test_street_address_beside_an_email_column_is_an_attribute() -> None:
    assert read("Address,E-mail\nStorgatan 1,a@example.com\n") == [a_row(2, "a@example.com", Address="Storgatan 1")]


def test_language_is_a_tag_and_any_other_word_is_kept_without_losing_the_reader() -> None:
    assert read("epost,språk\na@example.com,EN_gb\nb@example.com,svenska\n") == [
        a_row(2, "a@example.com", "", "en-GB"),
        a_row(3, "b@example.com", språk="svenska"),
    ]


def test_other_columns_are_attributes_under_their_own_headers() -> None:
    assert read("epost, Kund nr ,,\na@example.com, 7 , x,\nb@example.com,,,\n") == [
        a_row(2, "a@example.com", **{"Kund nr": "7", "column 3": "x"}),
        a_row(3, "b@example.com"),
    ]


@pytest.mark.parametrize(
    ("table", "row"),
    [
        ("anna@example.com\n", a_row(1, "anna@example.com")),
        ("anna@example.com,Anna\n", a_row(1, "anna@example.com", "Anna")),
        ("Anna;anna@example.com\n", a_row(1, "anna@example.com", "Anna")),
        ("7\tanna@example.com\tsv\n", a_row(1, "anna@example.com", **{"column 1": "7", "column 3": "sv"})),
    ],
)
def test_file_that_begins_with_an_address_has_no_header(table: str, row: Row) -> None:
    assert read(table) == [row]


def test_bad_address_is_named_with_its_line_and_the_others_go_in() -> None:
    assert read("epost,namn\nanna@example,Anna\n,Per\nb@example.com,B\n") == [
        Problem(
            "line 2",
            "'anna@example' is not a mail address: the part after the @-sign is not valid. It should have a period",
        ),
        Problem("line 3", "no address"),
        a_row(4, "b@example.com", "B"),
    ]


def test_lines_are_those_of_the_file_also_after_a_cell_of_several() -> None:
    assert read('epost,namn\r\n\r\na@example.com,"Anna\r\nÖberg"\r\n , \r\nx,y\r\n') == [
        a_row(3, "a@example.com", "Anna Öberg"),
        Problem("line 6", "'x' is not a mail address: it has no @"),
    ]


def test_second_row_with_an_address_is_named_and_the_first_counts() -> None:
    assert read("epost,namn\nAnna@example.com,A\nb@example.com,B\nanna@EXAMPLE.com,C\n") == [
        a_row(2, "Anna@example.com", "A"),
        a_row(3, "b@example.com", "B"),
        Repeated("line 4", "'anna@EXAMPLE.com' is the same address as on line 2"),
    ]


def test_quotation_mark_nobody_closed_costs_one_row() -> None:
    rows = "".join(f"reader{n}@example.com,R\n" for n in range(1_000))

    read_rows = read(f'epost,namn\nanna@example.com,"Anna\n{rows}')

    assert read_rows[0] == Problem("line 2", UNCLOSED)
    assert len(read_rows) == 1_001
    assert read_rows[-1] == a_row(1_002, "reader999@example.com", "R")


def test_row_as_long_as_a_book_costs_one_row() -> None:
    assert read("epost,namn\na@example.com," + "x" * 5_000_000 + "\nb@example.com,B\n") == [
        Problem("line 2", "longer than 65,536 characters"),
        a_row(3, "b@example.com", "B"),
    ]


def test_nul_and_unreadable_bytes_cost_one_row_at_most() -> None:
    data = b"epost;namn\na@example.com;\xc5sa\x00\x81\n\x81b@example.com;B\nc\x00@example.com;C\nd@example.com;\n"

    assert read(data) == [
        a_row(2, "a@example.com", "Åsa\ufffd"),
        Problem(
            "line 3",
            "'\ufffdb@example.com' is not a mail address: a character in it could not be read; save the file as UTF-8",
        ),
        Problem(
            "line 4",
            "'c@example.com' is not a mail address: the email address contains invalid characters before the @-sign: "
            "U+0000",
        ),
        a_row(5, "d@example.com"),
    ]


def test_header_that_cannot_be_read_is_named_and_the_next_row_speaks_for_itself() -> None:
    assert read('epost,"namn\na@example.com,A\n') == [Problem("line 1", UNCLOSED), a_row(2, "a@example.com", "A")]
    assert read('epost,"namn') == [Problem("line 1", UNCLOSED)]


def test_header_alone_is_a_list_of_nobody() -> None:
    assert read("epost,namn\n") == []


@pytest.mark.parametrize("data", [b"", b"\n \r\n", b"\xef\xbb\xbf", b"sep=;\n"])
def test_empty_file_is_refused(data: bytes) -> None:
    with pytest.raises(EmptyFile, match=r"industri\.csv is empty; it needs"):
        read(data)


def test_file_without_an_address_column_is_refused_before_the_first_row() -> None:
    message = r"its first line has 'Kund', 'Adress'; call the column one of: e-post,"
    with pytest.raises(NoAddressColumn, match=message) as refusal:
        read_subscribers(io.BytesIO(b"Kund,Adress,\n1,Storgatan\n"), "industri.csv")

    assert refusal.value.headers == ("Kund", "Adress", "")


def test_workbook_is_refused() -> None:
    with pytest.raises(NotText):
        read(b"PK\x03\x04rest")


def test_file_stays_open_and_is_read_from_where_it_stands() -> None:
    file = io.BytesIO(b"skip\nepost\na@example.com\n")
    file.seek(5)

    assert list(read_subscribers(file, "x.csv")) == [a_row(2, "a@example.com")]
    assert not file.closed
    with pytest.raises(NoAddressColumn):
        read_subscribers(io.BytesIO(b"x\n"), "x.csv")


def test_rows_of_these_lines_alone_are_read() -> None:
    lines, data = Marks(), b'epost,namn\na@example.com\n"b@example.com\nc@example.com,"C\nD"\nd@example.com,D\n'
    for line in (4, 6):
        lines.add(line)

    assert list(read_subscribers(io.BytesIO(data), "x.csv", only=lines)) == [
        a_row(4, "c@example.com", "C D"), a_row(6, "d@example.com", "D"),
    ]  # fmt: skip


def test_reading_may_stop_anywhere() -> None:
    with io.BytesIO(b"epost\na@example.com\nb@example.com\n") as file:
        rows = read_subscribers(file, "x.csv")
        assert next(rows) == a_row(2, "a@example.com")
    del rows  # with its file closed: it lets go of that without a word


@given(st.binary(max_size=80), st.sampled_from([b"", b"epost,namn\n", b"\xff\xfe", b"sep=,\n"]))
@settings(max_examples=200, derandomize=True, deadline=None)
def test_any_bytes_are_read_or_refused(data: bytes, head: bytes) -> None:
    try:
        rows = read(head + data)
    except (EmptyFile, NoAddressColumn, NotText):
        return
    lines = [row.line if isinstance(row, Row) else int(row.where.removeprefix("line ")) for row in rows]
    assert lines == sorted(set(lines))


def test_memory_does_not_grow_with_what_a_row_holds() -> None:
    row = "{:06}@example.com,Läsare," + "x" * 1_000 + "\n"
    data = io.BytesIO(("epost,namn,anm\n" + "".join(row.format(n) for n in range(10_000))).encode())
    tracemalloc.start()

    count = sum(isinstance(row, Row) for row in read_subscribers(data, "x.csv"))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 10_000
    assert peak < 6_000_000  # of ten million characters


@pytest.mark.parametrize(
    ("cell", "state"),
    [
        ("", None),
        ("confirmed", "confirmed"),
        (" Unsubscribed ", "unsubscribed"),
        ("industri: removed", "removed"),
        ("handel: unsubscribed", None),
        ("handel: unsubscribed; industri: unconfirmed", "unconfirmed"),
        ("suppressed", "unsubscribed"),
        ("industri: confirmed; suppressed", "unsubscribed"),
    ],
)
def test_exported_row_says_where_the_person_stood_with_the_list(cell: str, state: str | None) -> None:
    (row,) = read_subscribers(io.BytesIO(f"email,Digest state\na@example.com,{cell}\n".encode()), "x.csv", "industri")

    assert isinstance(row, Row)
    assert (row.state, row.attributes) == (state and SubscriptionState(state), {})


def test_word_that_is_no_state_is_a_problem_and_confirms_nobody() -> None:
    with pytest.raises(BadState):
        read_state("ja", "")

    assert read("email,digest state\na@example.com,ja\n") == [
        Problem(
            "line 2",
            "'ja' in column 'digest state' is no state; there are: unconfirmed, confirmed, unsubscribed, removed, "
            "suppressed",
        )
    ]


def test_state_of_somewhere_else_is_an_attribute() -> None:
    assert read("email,state\na@example.com,Texas\n") == [a_row(2, "a@example.com", state="Texas")]
