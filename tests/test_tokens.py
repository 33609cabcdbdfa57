import base64
import hashlib
import hmac
import re
import string
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from digest import tokens
from digest.errors import ConfigError
from digest.tokens import BadToken, Keyring, NoSuchKey, Purpose, keyring, make, make_for_return_path, read
from digest.tokens import read_from_return_path as read_path

UID = "000102030405060708090a0b0c0d0e0f"
OLD, NEW = "k" * 32, "n" * 40
SWEDISH = "digest-secret-key-for-golden-tests-åäö"
LARGEST = 2**40 - 1
NUMBERS = st.integers(0, LARGEST)
URL_SAFE = string.ascii_letters + string.digits + "-_"
LOWER_32 = string.ascii_lowercase + "234567"

#: Tokens are in mailboxes: what once verified must verify for ever.
GOLDEN = {
    (OLD, Purpose.UNSUBSCRIBE, 7, 4711): "AfAAAAAABwAAABJn03jXvQVpkvlcIUnyNSRV4g",
    (OLD, Purpose.VIEW, 7, 4711): "AvAAAAAABwAAABJnMCjvSQalGAgG_WXpzgSNlg",
    (OLD, Purpose.RETURN_PATH, 7, 4711): "A_AAAAAABwAAABJnMQkoBrFsh97-NM5bGR-FZQ",
    (OLD, Purpose.MESSAGE_ID, 7, 4711): "BPAAAAAABwAAABJnvnyOr7H90szaM-n8F4nuBQ",
    (OLD, Purpose.CONFIRM, 7, 4711): "BfAAAAAABwAAABJnx0-sS2DDh4M69hDr33FEHw",
    (OLD, Purpose.CLICK, 7, 4711): "BvAAAAAABwAAABJnaaoH_QzK2W27SAtHaZjs3A",
    (OLD, Purpose.NOTICE, 7, 4711): "B_AAAAAABwAAABJn6AHVNFB4AgM2CeTbMLWhNQ",
    (OLD, Purpose.UNSUBSCRIBE, 0, 0): "AfAAAAAAAAAAAAAAPnKc0WRZCVi7bTMwm9nexA",
    (OLD, Purpose.UNSUBSCRIBE, LARGEST, LARGEST): "AfD_____________F4U4FSPPLKPpW1wz3QK4Pg",
    (SWEDISH, Purpose.UNSUBSCRIBE, 7, 4711): "AYkAAAAABwAAABJnR8IWcPzRP4jH8_s5Jl2e1Q",
    (SWEDISH, Purpose.MESSAGE_ID, 7, 4711): "BIkAAAAABwAAABJnwsxni5O1wP_3YDXlOwxvLQ",
}
GOLDEN_PATHS = {
    (OLD, 7, 4711): "apyaaaaaaadqaaaacjttccjia2ywzb667y2m4wyzd6cwk",
    (OLD, LARGEST, 0): "apyp7777777qaaaaaaanpgyzir733wrzeki5d4q3vgky4",
    (SWEDISH, 7, 4711): "aoeqaaaaaadqaaaacjts2v64sduf2qbqomavjccz7m764",
}
GOLDEN_FINGERPRINTS = {OLD: ("05aeb6e56f06e180", 240), SWEDISH: ("09c2918dccb2bafa", 137)}


def a_ring(*secrets: str, uid: str = UID) -> Keyring:
    return keyring(uid, secrets or (OLD,))


def a_token(ring: Keyring | None = None, purpose: Purpose = Purpose.UNSUBSCRIBE) -> str:
    ring = ring or a_ring()
    return make(ring, ring.newest, purpose, 7, 4711)


def a_path(ring: Keyring | None = None) -> str:
    ring = ring or a_ring()
    return make_for_return_path(ring, ring.newest, 7, 4711)


@pytest.mark.parametrize(("made_of", "token"), GOLDEN.items())
def test_token_is_the_same_for_ever(made_of: tuple[str, Purpose, int, int], token: str) -> None:
    secret, purpose, first, second = made_of
    ring = a_ring(secret)

    assert make(ring, ring.newest, purpose, first, second) == token
    assert read(ring, purpose, token) == (first, second)


@pytest.mark.parametrize(("made_of", "token"), GOLDEN_PATHS.items())
def test_return_path_is_the_same_for_ever(made_of: tuple[str, int, int], token: str) -> None:
    secret, first, second = made_of
    ring = a_ring(secret)

    assert make_for_return_path(ring, ring.newest, first, second) == token
    assert read_path(ring, token) == (first, second)


@pytest.mark.parametrize(("secret", "known"), GOLDEN_FINGERPRINTS.items())
def test_fingerprint_of_a_key_is_the_same_for_ever(secret: str, known: tuple[str, int]) -> None:
    key = a_ring(secret).newest

    assert (key.fingerprint, key.id) == known


def test_purposes_have_numbers_that_never_change() -> None:
    assert {purpose.name: purpose.value for purpose in Purpose} == {
        "UNSUBSCRIBE": 1, "VIEW": 2, "RETURN_PATH": 3, "MESSAGE_ID": 4, "CONFIRM": 5, "CLICK": 6,
        "NOTICE": 7,
    }  # fmt: skip


def test_token_is_what_its_description_says() -> None:
    head = bytes([2, a_ring().newest.id]) + (7).to_bytes(5, "big") + (4711).to_bytes(5, "big")
    mac = hmac.new(OLD.encode(), bytes.fromhex(UID) + head, hashlib.sha256).digest()[:16]

    assert base64.urlsafe_b64decode(a_token(purpose=Purpose.VIEW) + "==") == head + mac


@given(st.sampled_from(Purpose), NUMBERS, NUMBERS)
def test_every_token_has_38_characters_that_need_no_escape_and_is_read_back(
    purpose: Purpose, first: int, second: int
) -> None:
    ring = a_ring()

    token = make(ring, ring.newest, purpose, first, second)

    assert re.fullmatch(r"[A-Za-z0-9_-]{38}", token)
    assert read(ring, purpose, token) == (first, second)


@given(NUMBERS, NUMBERS)
def test_every_return_path_has_45_characters_and_is_read_back_in_any_case(first: int, second: int) -> None:
    ring = a_ring()

    token = make_for_return_path(ring, ring.newest, first, second)

    assert re.fullmatch(r"[a-z2-7]{45}", token)
    assert len(f"bounce+{token}") <= 64  # RFC 5321, 4.5.3.1.1
    assert read_path(ring, token) == read_path(ring, token.upper()) == read_path(ring, token.title()) == (first, second)


@pytest.mark.parametrize("numbers", [(2**40, 0), (0, 2**40), (-1, 0)])
def test_number_that_does_not_fit_is_refused(numbers: tuple[int, int]) -> None:
    ring = a_ring()

    with pytest.raises(OverflowError):
        make(ring, ring.newest, Purpose.VIEW, *numbers)
    with pytest.raises(OverflowError):
        make_for_return_path(ring, ring.newest, *numbers)


def test_every_flipped_bit_makes_it_no_token() -> None:
    ring = a_ring()
    raw = tokens.sign(ring, ring.newest, Purpose.VIEW, 7, 4711)

    for bit in range(len(raw) * 8):
        flipped = bytearray(raw)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(BadToken):
            tokens.check(ring, Purpose.VIEW, bytes(flipped))


def test_every_other_character_at_every_place_makes_it_no_token() -> None:
    token = a_token()

    for place, char in enumerate(token):
        for other in (URL_SAFE + "+/= \n.").replace(char, ""):  # at the last place: the bits left over
            with pytest.raises(BadToken):
                read(a_ring(), Purpose.UNSUBSCRIBE, token[:place] + other + token[place + 1 :])


def test_every_other_character_at_every_place_makes_it_no_return_path() -> None:
    token = a_path()

    for place, char in enumerate(token):
        for other in (LOWER_32 + "01890= \n+").replace(char, ""):
            with pytest.raises(BadToken):
                read_path(a_ring(), token[:place] + other + token[place + 1 :])


@pytest.mark.parametrize(
    "respell",
    [
        lambda token: token + "==",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token[:10] + " " + token[10:],
        lambda token: token[:10] + "\r\n" + token[10:],
        lambda token: token.lower(),
        lambda token: token.upper(),
        lambda token: token.swapcase(),
        lambda token: token[:-1],
        lambda token: token + "A",
        lambda token: token[1:] + token[0],
        lambda token: token.translate({ord(c): ord(c) + 0xFEE0 for c in URL_SAFE}),
        lambda token: "",
    ],
)
def test_token_has_one_spelling(respell: Callable[[str], str]) -> None:
    with pytest.raises(BadToken):
        read(a_ring(), Purpose.UNSUBSCRIBE, respell(a_token()))


def test_alphabet_of_plain_base64_is_another_spelling() -> None:
    ring = a_ring()
    token = make(ring, ring.newest, Purpose.UNSUBSCRIBE, LARGEST, LARGEST)
    assert "_" in token

    with pytest.raises(BadToken):
        read(ring, Purpose.UNSUBSCRIBE, token.replace("_", "/").replace("-", "+"))


@given(st.text(max_size=60) | st.text(URL_SAFE + "=+/", min_size=36, max_size=40))
def test_any_other_text_is_a_bad_token_and_nothing_worse(text: str) -> None:
    with pytest.raises(BadToken):
        read(a_ring(), Purpose.UNSUBSCRIBE, text)
    with pytest.raises(BadToken):
        read_path(a_ring(), text)


@given(st.text(LOWER_32 + LOWER_32.upper() + "=", min_size=44, max_size=46))
def test_any_other_text_in_the_return_path_is_a_bad_token(text: str) -> None:
    with pytest.raises(BadToken):
        read_path(a_ring(), text)


@given(st.binary(max_size=40))
def test_any_other_bytes_are_a_bad_token(raw: bytes) -> None:
    with pytest.raises(BadToken):
        tokens.check(a_ring(), Purpose.VIEW, raw)


@pytest.mark.parametrize("made_for", Purpose)
def test_token_of_one_purpose_is_worthless_for_another(made_for: Purpose) -> None:
    for purpose in set(Purpose) - {made_for}:
        with pytest.raises(BadToken):
            read(a_ring(), purpose, a_token(purpose=made_for))


def test_return_path_is_no_link_and_a_link_no_return_path() -> None:
    raw = tokens.sign(a_ring(), a_ring().newest, Purpose.UNSUBSCRIBE, 7, 4711)
    as_path = base64.b32encode(raw).decode().rstrip("=").lower()

    with pytest.raises(BadToken):
        read_path(a_ring(), as_path)
    with pytest.raises(BadToken):
        read(a_ring(), Purpose.RETURN_PATH, a_path())


def test_token_of_another_installation_is_none_of_ours() -> None:
    theirs = a_ring(uid="ff" * 16)

    with pytest.raises(BadToken):
        read(a_ring(), Purpose.UNSUBSCRIBE, a_token(theirs))
    with pytest.raises(BadToken):
        read_path(a_ring(), a_path(theirs))


def test_new_key_signs_and_old_tokens_go_on_verifying_while_it_is_listed() -> None:
    before, after = a_token(a_ring(OLD)), a_ring(NEW, OLD)

    assert read(after, Purpose.UNSUBSCRIBE, before) == (7, 4711)
    assert read_path(after, a_path(a_ring(OLD))) == (7, 4711)
    assert a_token(after) == a_token(a_ring(NEW)) != before
    assert after.key(a_ring(OLD).newest.fingerprint).secret == OLD.encode()


def test_key_that_is_no_longer_listed_verifies_nothing_and_is_missed_by_name() -> None:
    ring, gone = a_ring(NEW), a_ring(OLD).newest

    with pytest.raises(BadToken):
        read(ring, Purpose.UNSUBSCRIBE, a_token(a_ring(OLD)))
    with pytest.raises(NoSuchKey) as missed:
        ring.key(gone.fingerprint)

    assert missed.value.fingerprint == gone.fingerprint
    assert missed.value.exit_code == 4
    assert str(missed.value) == (
        "DIGEST_SECRET_KEY no longer holds the key 05aeb6e56f06e180... that open editions are signed with; "
        "put it back behind the new one, separated by a blank"
    )


@pytest.mark.parametrize("secret", ["", "k", "k" * 31])
def test_short_key_is_refused_without_being_named(secret: str) -> None:
    with pytest.raises(ConfigError, match=f"DIGEST_SECRET_KEY has {len(secret)} characters, it needs 32 or more"):
        keyring(UID, (NEW, secret))


def test_key_shows_its_fingerprint_and_never_itself() -> None:
    ring = a_ring("CANARY" * 8)

    assert "CANARY" not in f"{ring} {ring!r} {ring.newest} {ring.newest!r}"
    assert ring.newest.fingerprint in repr(ring)


def test_bad_token_tells_nothing() -> None:
    with pytest.raises(BadToken) as refused:
        read(a_ring(), Purpose.VIEW, a_token())

    assert str(refused.value) == "not a valid token"
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


@pytest.mark.parametrize("length", [32, 63, 64, 65, 200])
def test_a_series_signs_as_the_module_hmac_does_with_keys_of_any_length(length: int) -> None:
    ring = keyring("0123456789abcdef" * 2, ("k" * length,))
    series = tokens.Series(ring, ring.newest, Purpose.VIEW, 7)

    for second in (0, 1, 4711, 2**40 - 1):
        raw = series.sign(second)
        head = bytes((Purpose.VIEW, ring.newest.id)) + (7).to_bytes(5, "big") + second.to_bytes(5, "big")
        mac = hmac.new(b"k" * length, ring.installation + head, "sha256").digest()
        assert raw == head + mac[:16]
        assert series.make(second) == base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        assert series.make_for_return_path(second) == base64.b32encode(raw).rstrip(b"=").decode().lower()
