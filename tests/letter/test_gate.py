from collections.abc import Callable
from pathlib import Path

import pytest

from digest.letter import gate
from digest.letter.gate import GateError
from tests.builders import a_reader
from tests.letter.designs import a_design, a_letter, read, stamped

Attack = Callable[[bytes], bytes]


@pytest.fixture(scope="module")
def mail(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return stamped(a_letter(a_design(tmp_path_factory.mktemp("project"))), a_reader(name="Åsa"))


def objection(attacked: bytes, mail: bytes) -> str:
    """Return what the gate says of a letter that should have the fields of another one; nothing when it passes."""
    try:
        gate.check(attacked, list(read(mail).keys()))
    except GateError as error:
        return str(error)
    return ""


def replacing(old: bytes, new: bytes) -> Attack:
    def attack(mail: bytes) -> bytes:
        assert old in mail
        return mail.replace(old, new, 1)

    return attack


ATTACKS: list[tuple[str, Attack, str]] = [
    ("an injected field", replacing(b"\r\nDate:", b"\r\nBcc: evil@example.com\r\nDate:"), "header: its fields are"),
    ("a field twice", replacing(b"\r\nDate:", b"\r\nSubject: x\r\nDate:"), "header: its fields are"),
    ("a field that is gone", replacing(b"Precedence: bulk\r\n", b""), "header: its fields are"),
    ("a field in other case", replacing(b"List-Id", b"List-ID"), "header: its fields are"),
    (
        "fields in another order",
        lambda mail: mail.replace(b"From:", b"X:").replace(b"To:", b"From:"),
        "header: its fields",
    ),
    ("a field that ends the header", replacing(b"\r\nDate:", b"\r\n\r\nDate:"), "header: its fields are"),
    ("a line that is no field", replacing(b"\r\nDate:", b"\r\nhello\r\nDate:"), "header: b'hello' is no field"),
    ("an empty folded line", replacing(b"\r\nDate:", b"\r\n \r\nDate:"), "Subject: an empty line"),
    ("a bare line feed", replacing(b"Senaste nytt", b"Senaste\nnytt"), "line 1: a line end that is not CRLF"),
    ("a bare return", replacing(b"Senaste nytt", b"Senaste\rnytt"), "line 1: a line end that is not CRLF"),
    ("a slot that is not filled", replacing(b"bulk", b"\0text:name:\0"), "NUL: a slot is not filled"),
    ("a tab and a control", replacing(b"bulk", b"bu\x07lk"), "Precedence: a control character"),
    ("a line over 998", replacing(b"bulk", b"x" * 999), "octets, 998 are allowed"),
    (
        "a line that could be folded",
        replacing(b"bulk", b"x " * 40),
        "Precedence: 92 octets in a line that could be folded",
    ),
    (
        "an endless encoded-word",
        replacing(b"bulk", b"=?utf-8?q?" + b"x" * 64 + b"?="),
        "Precedence: an encoded-word longer",
    ),
    ("half an encoded-word", replacing(b"bulk", b"=?utf-8?q?x"), "Precedence: something that could be taken"),
    ("letters in the subject", replacing(b"Backkameror", "Åsa".encode()), "Subject: letters beyond ASCII"),
    ("an encoded link", replacing(b"<https:", b"<=?a?q?b?="), "List-Unsubscribe: a link or name"),
    ("a folded link", replacing(b"?subject=", b"\r\n ?subject="), "List-Unsubscribe: a link or name"),
    ("a dot at the beginning", replacing(b"\r\nSenaste", b"\r\n.\r\nSenaste"), "begins with a dot"),
    (
        "From at the beginning",
        replacing(b"\r\nSenaste", b"\r\nFrom me\r\nSenaste"),
        "body: a line that begins with From",
    ),
    (
        "a long line in the body",
        replacing(b"\r\nSenaste", b"\r\n" + b"x" * 77 + b"\r\nSenaste"),
        "body: not quoted-printable",
    ),
    ("letters in the body", replacing(b"\r\nSenaste", "\r\nå\r\nSenaste".encode()), "body: not quoted-printable"),
    ("no end", lambda mail: mail[:-4], "last line: is not the closing boundary"),
    ("something after the end", lambda mail: mail + b"x--\r\n", "body: not two parts between boundaries"),
    ("a third part", lambda mail: mail + mail.partition(b"\r\n\r\n")[2], "body: not two parts between boundaries"),
    (
        "something before the first part",
        replacing(b"\r\n\r\n--", b"\r\n\r\nhello\r\n--"),
        "body: something before the first",
    ),
    ("no boundary", replacing(b"boundary=", b"border="), "Content-Type: no boundary"),
    ("no body", lambda mail: mail.partition(b"\r\n\r\n")[0] + b"--\r\n", "header: there is no empty line"),
    ("nothing", lambda mail: b"", "last line: is not the closing boundary"),
]


def test_gate_lets_a_good_letter_through(mail: bytes) -> None:
    assert objection(mail, mail) == ""


@pytest.mark.parametrize(("attack", "said"), [pytest.param(a, said, id=name) for name, a, said in ATTACKS])
def test_gate_stops_what_was_attacked_and_says_where(mail: bytes, attack: Attack, said: str) -> None:
    refused = objection(attack(mail), mail)

    assert said in refused
    assert refused.startswith("the finished letter is refused: ")


def test_letters_may_stand_in_the_address_alone_rfc_6532_3_2(tmp_path: Path) -> None:
    letter = a_letter(a_design(tmp_path))
    mail = stamped(letter, a_reader(address="åsa@example.com"))

    assert "åsa@example.com".encode() in mail.partition(b"\r\n\r\n")[0]
    assert objection(mail, stamped(letter, a_reader())) == ""


def test_letter_whose_header_cannot_be_sent_is_never_made(tmp_path: Path) -> None:
    with pytest.raises(GateError, match="octets, 998 are allowed"):
        a_letter(a_design(tmp_path), base_url="https://nytt.example.com/" + "a" * 980)
