"""In which encoding bytes really are, whatever is said of them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.collect.encoding import decode_markup

WORDS = "Räksmörgås på ön – ”nu” för 5 €"


def xml(encoding: str | None, words: str = WORDS) -> str:
    declared = f'<?xml version="1.0" encoding="{encoding}"?>' if encoding else ""
    return f"{declared}<rss><item><title>{words}</title></item></rss>"


@pytest.mark.parametrize(
    ("said", "really", "header"),
    [
        ("utf-8", "utf-8", None),
        (None, "utf-8", None),
        ("iso-8859-1", "utf-8", None),
        (None, "utf-8", "iso-8859-1"),
        ("utf-8", "cp1252", None),
        ("iso-8859-1", "cp1252", "utf-8"),
        (None, "cp1252", "iso-8859-1"),
        (None, "cp1252", None),
        ("us-ascii", "cp1252", None),
        ("utf-16", "utf-8", None),
        ("utf-8", "utf-8-sig", "latin-1"),
        ("utf-8", "utf-16", None),
        ("utf-16", "utf-16-le", None),
        ("utf-16", "utf-16-be", "utf-8"),
        ("utf-8", "utf-32", None),
        ("utf-7", "utf-8", "utf-7"),
        ("no-such", "utf-8", "\0"),
    ],
)
def test_text_comes_out_right(said: str | None, really: str, header: str | None) -> None:
    decoded = decode_markup(xml(said).encode(really), header)

    assert decoded.text == xml(said)
    assert decoded.note is None


@pytest.mark.parametrize(
    ("encoding", "words"),
    [
        ("windows-1251", "Новости промышленности сегодня и завтра"),
        ("koi8-r", "Новости промышленности сегодня и завтра"),
        ("shift_jis", "産業ニュースのまとめ"),
        ("gb2312", "工业新闻今天的头条"),
        ("euc-kr", "오늘의 산업 뉴스"),
        ("iso-8859-2", "Żółć i gęś w przemyśle"),
    ],
)
def test_declared_encodings_of_other_alphabets_are_read(encoding: str, words: str) -> None:
    assert words in decode_markup(xml(encoding, words).encode(encoding), None).text
    assert words in decode_markup(xml(None, words).encode(encoding), encoding).text


def test_undeclared_alphabet_is_guessed() -> None:
    words = "Привет мир, новости промышленности сегодня. " * 5

    assert words in decode_markup(xml(None, words).encode("windows-1251"), None).text


def test_strays_of_cp1252_in_utf_8_are_read_as_such() -> None:
    data = f"<rss><title>{WORDS}</title>".encode() + b"<title>it\x92s 5 \x80</title></rss>"

    assert decode_markup(data, "utf-8").text == f"<rss><title>{WORDS}</title><title>it’s 5 €</title></rss>"


def test_declaration_of_html_counts() -> None:
    page = f"<html><head><meta charset=windows-1257></head><p>{'Ąžuolas šviečia'}"

    assert "Ąžuolas šviečia" in decode_markup(page.encode("windows-1257"), None).text


def test_lost_text_is_named() -> None:
    decoded = decode_markup(b"\xff\xfe" + "Räksmörgås".encode("utf-16-le") + b"\x00\xd8\x41\x00" * 20, None)

    assert decoded.note == "20 characters could not be read; the text was taken for utf-16-le"


@given(st.binary(max_size=200), st.sampled_from([None, "utf-8", "cp1252", "gb18030", "base64", "idna", "mbcs", "x"]))
@settings(max_examples=60, derandomize=True, deadline=None)
def test_no_bytes_are_refused(data: bytes, charset: str | None) -> None:
    for one in (data, b"<?xml encoding='utf-8'?>" + data):
        assert decode_markup(one, charset).text.encode() or not data, "what was decoded can be written again"
