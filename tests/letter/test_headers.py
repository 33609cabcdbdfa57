import datetime as dt
import re
from typing import Any

import pytest

from digest.errors import ConfigError
from digest.letter.headers import header_block, letter_headers
from tests.builders import a_frame

NAMES = [
    "From",
    "To",
    "Subject",
    "Date",
    "Message-ID",
    "Reply-To",
    "List-Id",
    "List-Unsubscribe",
    "List-Unsubscribe-Post",
    "Precedence",
    "MIME-Version",
    "Content-Type",
]


def headers(subject: str = "Luftrenare", **frame: Any) -> dict[str, str]:
    fields = letter_headers(a_frame(**frame), subject, "=_0123")
    assert len({name for name, _ in fields}) == len(fields)
    return {name: value.decode() for name, value in fields}


def test_fields_stand_once_and_in_a_fixed_order_rfc_5322_3_6() -> None:
    assert list(headers()) == NAMES


def test_letter_of_the_sample_has_this_header() -> None:
    block = header_block(letter_headers(a_frame(), "Senaste nytt: kreatörer i Afrika", "=_0123"))

    assert block.decode().replace("\0", "|").split("\r\n") == [
        "From: Senaste nytt <nytt@example.com>",
        "To: |address:to:|",
        "Subject: Senaste nytt: =?utf-8?q?kreat=C3=B6rer?= i Afrika",
        "Date: Sun, 30 Nov 2025 06:30:00 +0100",
        "Message-ID: <|token:message_id:|@example.com>",
        "Reply-To: red@example.com",
        "List-Id: Senaste nytt <senaste-nytt.nytt.example.com>",
        "List-Unsubscribe: <https://nytt.example.com/u/|token:unsubscribe:|>,",
        " <mailto:bounce+|token:return_path:|@example.com?subject=unsubscribe>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
        "Precedence: bulk",
        "MIME-Version: 1.0",
        "Content-Type: multipart/alternative;",
        ' boundary="=_0123"',
        "",
        "",
    ]


def test_reply_to_is_there_only_when_it_is_set() -> None:
    assert "Reply-To" not in headers(reply_to=None)
    assert headers(reply_to="Röda redaktionen <red@example.com>")["Reply-To"] == (
        "=?utf-8?q?R=C3=B6da_redaktionen?= <red@example.com>"
    )


def test_message_id_stands_under_the_domain_of_from_rfc_5322_3_6_4() -> None:
    assert headers(from_="Nytt <nytt@räksmörgås.example>")["Message-ID"] == (
        "<\0token:message_id:\0@xn--rksmrgs-5wao1o.example>"
    )


def test_date_is_that_of_the_frame_whenever_it_is_written_rfc_5322_3_3() -> None:
    assert headers(date=dt.datetime(2025, 7, 1, 4, 5, 6, tzinfo=dt.UTC))["Date"] == "Tue, 01 Jul 2025 04:05:06 +0000"


def test_one_click_is_promised_exactly_and_only_over_https_rfc_8058_3_1() -> None:
    assert headers()["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert "List-Unsubscribe-Post" not in headers(base_url="http://127.0.0.1:8000")


@pytest.mark.parametrize("length", [26, 76, 77, 200, 900])
def test_unsubscribe_link_is_neither_folded_nor_encoded_however_long_rfc_2369_2(length: int) -> None:
    link = "https://nytt.example.com/" + "a" * (length - 25)
    value = headers(base_url=link)["List-Unsubscribe"]

    assert value.startswith(f"<{link}/u/\0token:unsubscribe:\0>,\r\n <mailto:")
    assert not re.search(r"<[^>]*\s[^>]*>", value)
    assert "=?" not in value


def test_without_bounce_address_there_is_no_way_to_leave_by_mail() -> None:
    assert headers(bounce_address=None)["List-Unsubscribe"] == "<https://nytt.example.com/u/\0token:unsubscribe:\0>"


def test_link_in_other_letters_stands_in_ascii_and_its_commas_do_not_part_it() -> None:
    value = headers(base_url="https://räksmörgås.example/å,b", bounce_address=None)["List-Unsubscribe"]

    assert value == "<https://xn--rksmrgs-5wao1o.example/%C3%A5%2Cb/u/\0token:unsubscribe:\0>"


def test_base_url_that_is_no_link_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"base_url 'nytt\.example\.com' is not an address of the web"):
        headers(base_url="nytt.example.com")


def test_list_id_has_a_phrase_and_a_name_for_ever_rfc_2919_3() -> None:
    assert headers(title='Nytt & "gammalt"')["List-Id"] == '"Nytt & \\"gammalt\\"" <senaste-nytt.nytt.example.com>'
    assert headers(title="Nyhetsbrevet på svenska")["List-Id"] == (
        "=?utf-8?q?Nyhetsbrevet_p=C3=A5_svenska?=\r\n <senaste-nytt.nytt.example.com>"
    )


@pytest.mark.parametrize(
    "list_id", ["", "nytt", "a b.example", "a.b>\r\nBcc: x", "å.example.com", "a..b", "a" * 250 + ".b.com"]
)
def test_what_is_no_list_id_is_refused_rfc_2919_2(list_id: str) -> None:
    with pytest.raises(ConfigError, match="cannot be a List-Id"):
        headers(list_id=list_id)


def test_newsletter_s_own_headers_stand_between_precedence_and_mime_version() -> None:
    found = headers(headers={"X-PM-Message-Stream": "broadcast", "Feedback-ID": "a:b:c:example"})

    assert list(found)[-4:] == ["X-PM-Message-Stream", "Feedback-ID", "MIME-Version", "Content-Type"]
    assert found["Feedback-ID"] == "a:b:c:example"


def test_own_header_is_folded_between_its_words_and_never_encoded_when_it_is_ascii() -> None:
    json = '{"category": "' + "x" * 70 + '", "send_at": 1}'

    assert headers(headers={"X-SMTPAPI": json})["X-SMTPAPI"] == (
        '{"category":\r\n "' + "x" * 70 + '",\r\n "send_at": 1}'
    )


@pytest.mark.parametrize("key", ["from", "reply_to"])
def test_address_of_ours_that_cannot_be_mailed_is_named_with_its_key(key: str) -> None:
    with pytest.raises(ConfigError, match=rf"^{key} = 'Nytt <nytt@-\.example>': 'nytt@-\.example' is not an address"):
        headers(**{"from_" if key == "from" else key: "Nytt <nytt@-.example>"})


def test_own_header_in_other_letters_is_encoded() -> None:
    assert headers(headers={"X-Kampanj": "höst"})["X-Kampanj"] == "=?utf-8?q?h=C3=B6st?="


@pytest.mark.parametrize(
    "name",
    [
        *("from", "TO", "Subject", "Date", "Message-Id", "Reply-To", "List-ID", "List-Unsubscribe"),
        *("List-Unsubscribe-Post", "Precedence", "Mime-Version", "Content-Type", "content-language"),
        *("Cc", "Bcc", "Sender", "DKIM-Signature", "Received", "Return-Path", "Resent-To"),
    ],
)
def test_own_header_may_not_name_what_is_set_here_or_by_servers(name: str) -> None:
    with pytest.raises(
        ConfigError, match=f"headers: {name} is set by digest or by the servers on the way; leave it out"
    ):
        headers(headers={name: "x"})


@pytest.mark.parametrize("name", ["", "X Y", "X:Y", "X-Å", "X\r\nBcc", "X" * 51])
def test_own_header_needs_the_name_of_a_header_rfc_5322_2_2(name: str) -> None:
    with pytest.raises(ConfigError, match="is no name for a header"):
        headers(headers={name: "x"})


def test_own_header_stands_once_however_it_is_spelt() -> None:
    with pytest.raises(ConfigError, match="headers: x-stream stands there twice"):
        headers(headers={"X-Stream": "a", "x-stream": "b"})


@pytest.mark.parametrize("value", ["", "  ", "x" * 1000])
def test_own_header_that_is_empty_or_longer_than_a_line_is_refused(value: str) -> None:
    with pytest.raises(ConfigError, match="is empty, or too long"):
        headers(headers={"X-Stream": value})
