"""Mail addresses: which are accepted, and which are one person."""

import subprocess
import sys
import unicodedata

import pytest
from email_validator import EmailNotValidError, validate_email
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from digest.people.addresses import Address, BadAddress, address_hash, hasher, is_plain, read_address

FEW = settings(max_examples=300, derandomize=True, deadline=None)
PLAIN_LOCALS = st.text(st.sampled_from("abzABZ09.+-_'!#%/=?`{|}~"), min_size=1, max_size=66)
PLAIN_LABELS = st.text(st.sampled_from("abzAZ09-"), min_size=1, max_size=65)
TOPS = st.sampled_from(
    ["se", "COM", "example", "test", "local", "invalid", "onion", "arpa", "x", "1a", "xn--p1ai", "a-b"]
)
DOMAINS = st.builds(lambda labels, top: ".".join([*labels, top]), st.lists(PLAIN_LABELS, max_size=3), TOPS)
PLAIN = st.builds("{}@{}".format, PLAIN_LOCALS, DOMAINS)
LIKELY = st.builds(
    lambda atoms, labels, top: f"{'.'.join(atoms)}@{'.'.join([*labels, top])}",
    st.lists(st.text(st.sampled_from("abzABZ09+-_'!#%/=?`{|}~"), min_size=1, max_size=30), min_size=1, max_size=3),
    st.lists(st.from_regex(r"[a-zA-Z0-9]([a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?", fullmatch=True), min_size=1, max_size=4),
    st.sampled_from(["se", "COM", "example", "x" * 63]),
)
FOREIGN = st.builds(
    "{}@{}".format,
    st.text(st.sampled_from("aåßÅİ.-<>:+ſK\u0301！\u202ex\ud800 "), max_size=12),
    st.sampled_from(["ex.se", "åäö.se", "xn--4cab6c.se", "Ex.TEST", "ex。se", "straße.de", "xn--a.se", ""]),
)


def the_key(text: str) -> str:
    return read_address(text).key


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("anna@example.com", Address("anna@example.com", "anna@example.com")),
        ("Anna.Öberg@Example.COM", Address("Anna.Öberg@Example.COM", "anna.öberg@example.com")),
        ("Anna@Example.COM", Address("Anna@Example.COM", "anna@example.com")),
        ("Info@Example.com", Address("Info@Example.com", "info@example.com")),
        ("åsa@räksmörgås.example", Address("åsa@räksmörgås.example", "åsa@xn--rksmrgs-5wao1o.example")),
        ("a\u030asa@example.com", Address("åsa@example.com", "åsa@example.com")),
        ("STRASSE@straße.example", Address("STRASSE@straße.example", "strasse@xn--strae-oqa.example")),
        ("o'connor+nytt@mail.example.co.uk", Address(*["o'connor+nytt@mail.example.co.uk"] * 2)),
        (f"{'x' * 64}@example.com", Address(*[f"{'x' * 64}@example.com"] * 2)),
    ],
)
def test_address_keeps_its_spelling_and_has_a_key(text: str, address: Address) -> None:
    assert read_address(text) == address


@pytest.mark.parametrize(
    "text",
    [
        " anna@example.com\t\n",
        "<anna@example.com>",
        "Anna Öberg <anna@example.com>",
        '"Öberg, Anna <red.>" < anna@example.com >',
        "mailto:anna@example.com",
        "MAILTO:anna%40example.com?subject=Hej",
    ],
)
def test_address_is_taken_out_of_what_stands_around_it(text: str) -> None:
    assert read_address(text) == Address("anna@example.com", "anna@example.com")


@pytest.mark.parametrize("domain", ["example.com", "mail.example", "relay.test", "Example.TEST"])
def test_domains_for_examples_and_tests_are_accepted(domain: str) -> None:
    assert the_key(f"anna@{domain}") == f"anna@{domain.lower()}"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "it is empty"),
        (" \n", "it is empty"),
        ("Anna Öberg <>", "it is empty"),
        ("anna.example.com", "it has no @"),
        ("a@example.com, b@example.com", "it has more than one @"),
        ("a@example.com;b@example.com", "it has more than one @"),
        ("anna@localhost", "should have a period"),
        ("anna@test", "its domain has no dot"),
        ("anna@firma.local", "special-use or reserved name"),
        ("anna@[127.0.0.1]", "bracketed IP address"),
        ('"anna öberg"@example.com', "quoting"),
        ("anna öberg@example.com", "invalid characters before the @-sign"),
        ("@example.com", "something before the @-sign"),
        ("anna@", "something after the @-sign"),
        ("anna..o@example.com", "two periods in a row"),
        ("anna@example..com", "two periods in a row"),
        ("anna@-example.com", "hyphen"),
        ("anna@example.com.", "cannot end with a period"),
        ("anna@example.123", "top-level domain"),
        ("anna@xn--a.se", "not valid IDNA"),
        ("anna@exa_mple.com", "invalid characters"),
        (f"{'x' * 65}@example.com", "too long before the @-sign"),
        (f"anna@{'x' * 64}.com", "1 character too many"),
        ("x" * 1_000_000 + "@example.com", "longer than 254 characters"),
        ("an\x00na@example.com", "invalid characters"),
        ("an\nna@example.com", "invalid characters"),
        ("anna\u202e@example.com", "unsafe characters"),
        ("anna\ud800@example.com", "unsafe characters"),
        ("anna\ufffd@example.com", "could not be read"),
        ("anna@example.com\r\nBcc: x", "invalid characters"),
    ],
)
def test_what_is_no_address_is_refused_with_a_reason(text: str, reason: str) -> None:
    with pytest.raises(BadAddress) as refusal:
        read_address(text)

    assert reason in refusal.value.reason
    assert "\n" not in str(refusal.value)
    assert len(str(refusal.value)) < 300


@given(LIKELY)
@example("Info@example.com")
@example("anna@a.b-c.se")
@FEW
def test_whatever_is_plain_the_library_accepts_as_the_same(text: str) -> None:
    assume(is_plain(text))

    known = validate_email(text, check_deliverability=False, strict=True)

    assert known.ascii_email is not None
    assert read_address(text) == Address(text, known.ascii_email.lower())


@given(PLAIN)
@FEW
def test_plain_ascii_is_accepted_exactly_when_the_library_accepts_it(text: str) -> None:
    try:
        known = validate_email(text, check_deliverability=False, strict=True, test_environment=True)
    except EmailNotValidError:
        with pytest.raises(BadAddress):
            read_address(text)
    else:
        assume(known.ascii_domain != "test")  # which only a test_environment accepts
        assert known.ascii_email is not None
        assert the_key(text) == known.ascii_email.lower()


def test_ordinary_addresses_are_plain() -> None:
    assert all(map(is_plain, ["anna@example.com", "Per.Lindqvist+nytt@mail-1.example.co.uk", "o'connor@example.org"]))


def test_ordinary_addresses_do_without_the_library() -> None:
    script = (
        "import sys; from digest.people.addresses import read_address;"
        "read_address('anna@example.com'); print('email_validator' in sys.modules)"
    )

    assert (
        subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout == "False\n"
    )


@given(st.one_of(st.text(), PLAIN, FOREIGN))
@FEW
def test_any_text_is_an_address_whose_key_is_its_own_key_or_refused(text: str) -> None:
    try:
        address = read_address(text)
    except BadAddress:
        return
    assert the_key(address.key) == address.key
    assert read_address(address.given) == address
    assert unicodedata.is_normalized("NFC", address.given)


def test_hash_is_keyed_and_short() -> None:
    assert address_hash("anna@example.com", b"pepper").hex() == "a781bdfb01ab26680b3c58aae679a1f8"
    assert address_hash("anna@example.com", b"salt") != address_hash("anna@example.com", b"pepper")
    assert len(address_hash("åsa@example.com", b"pepper")) == 16


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary(max_size=100))
@FEW
def test_many_hashes_are_those_of_each(key: str, pepper: bytes) -> None:
    assert hasher(pepper)(key) == address_hash(key, pepper)
