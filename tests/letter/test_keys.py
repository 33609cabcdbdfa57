"""DKIM keys: which of them sign for whom, and every way in which one cannot be used."""

import datetime as dt
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers, RSAPublicNumbers
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from digest.errors import ConfigError
from digest.letter.dkim import Algorithm, signed
from digest.letter.keys import KeyGone, UnusableKey, doubts_about, keys_for, read_key, records, signers_of
from digest.models import Edition
from digest.project import Configuration, read_configuration
from tests.projects import TOML, a_project_folder
from tests.signing import ed25519_key, pem, record, rsa_key, verified, write_key

DOMAIN = """
[domains."example.com"]
dkim_selector = "d1"
dkim_key_file = "keys/d1.pem"
"""
BROKEN = b"-----BEGIN %b-----\nAAAA\n-----END %b-----\n" % (b"PRIVATE KEY", b"PRIVATE KEY")
ED25519 = 'dkim_ed25519_selector = "e1"\ndkim_ed25519_key_file = "keys/e1.pem"\n'
MAIL = b"From: a@example.com\r\nSubject: x\r\n\r\nx\r\n"


def a_configuration(folder: Path, domains: str = DOMAIN, **environ: str) -> Configuration:
    """Return what a project with these domains says; the keys of the tests are in its folder."""
    if not (folder / "digest.toml").exists():
        a_project_folder(folder)
        write_key(folder / "keys" / "d1.pem", rsa_key())
        write_key(folder / "keys" / "e1.pem", ed25519_key())
    (folder / "digest.toml").write_text(TOML + domains, encoding="utf-8")
    return read_configuration(folder, environ)


def a_smaller_key() -> RSAPrivateKey:
    """Return an RSA key of 1012 bits, which no library makes any more."""
    p, e = rsa_key(1024).private_numbers().p, 65537
    q = next(n for n in range(2**500 + 1, 2**500 + 10**5, 2) if pow(2, n - 1, n) == 1)
    d = pow(e, -1, (p - 1) * (q - 1))
    public = RSAPublicNumbers(e, p * q)
    numbers = RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), pow(q, -1, p), public)
    return numbers.private_key(unsafe_skip_rsa_key_validation=True)


def an_edition(configuration: Configuration) -> Edition:
    """Return an edition as it is frozen with the keys that are set now."""
    frozen = [key.frozen() for key in keys_for(configuration, "nytt@example.com")]
    return Edition(newsletter_id=1, date=dt.date(2025, 11, 30), decided_at=dt.datetime.now(dt.UTC), dkim=frozen)


def refused(path: Path, algorithm: Algorithm = Algorithm.RSA) -> str:
    with pytest.raises(UnusableKey) as error:
        read_key(path, "keys/d1.pem", algorithm)
    assert error.value.exit_code == 4
    assert "\n" not in str(error.value)
    assert str(error.value).startswith("DKIM key keys/d1.pem: ")
    return error.value.why


@pytest.mark.parametrize("domains", [DOMAIN, DOMAIN + ED25519])
def test_keys_that_digest_toml_names_sign(tmp_path: Path, domains: str) -> None:
    configuration = a_configuration(tmp_path, domains)
    signers = [key.signer() for key in keys_for(configuration, "nytt@example.com")]

    assert [signer.algorithm for signer in signers] == list(Algorithm)[: 1 + domains.count(ED25519)]
    assert verified(signed(MAIL, signers, 1)) == [True] * len(signers)


@pytest.mark.parametrize(
    ("address", "domain"),
    [
        ("nytt@example.com", "example.com"),
        ("nytt@EXAMPLE.com", "example.com"),
        ("nytt@news.example.com", "news.example.com"),
        ("nytt@a.b.news.example.com", "news.example.com"),
        ("nytt@mail.example.com", "example.com"),
        ("nytt@example.org", None),
        ("nytt@notexample.com", None),
        ("nytt@com", None),
        ("nytt@räksmörgås.example.com", "xn--rksmrgs-5wao1o.example.com"),
    ],
)
def test_key_of_the_nearest_domain_signs(tmp_path: Path, address: str, domain: str | None) -> None:
    others = DOMAIN.replace("example.com", "news.example.com") + DOMAIN.replace("example.com", "räksmörgås.example.com")

    found = {key.domain for key in keys_for(a_configuration(tmp_path, DOMAIN + others), address)}

    assert found == ({domain} if domain else set())


def test_environment_wins_over_digest_toml_for_its_domain(tmp_path: Path) -> None:
    said = {"DIGEST_DKIM_DOMAIN": "Example.com", "DIGEST_DKIM_SELECTOR": "d2", "DIGEST_DKIM_KEY_FILE": "keys/d1.pem"}
    others = DOMAIN.replace("example.com", "example.org")
    configuration = a_configuration(tmp_path, DOMAIN + ED25519 + others, **said)

    assert [key.selector for key in keys_for(configuration, "nytt@example.com")] == ["d2"]
    assert [key.selector for key in keys_for(configuration, "nytt@example.org")] == ["d1"]


@pytest.mark.parametrize("name", ["DIGEST_DKIM_DOMAIN", "DIGEST_DKIM_SELECTOR", "DIGEST_DKIM_KEY_FILE"])
def test_part_of_what_the_environment_should_say_is_refused(tmp_path: Path, name: str) -> None:
    configuration = a_configuration(tmp_path, "", **{name: "example.com"})

    with pytest.raises(ConfigError, match="DIGEST_DKIM_SELECTOR and DIGEST_DKIM_KEY_FILE need each"):
        keys_for(configuration, "nytt@example.com")


def test_key_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "cannot be read (No such file" in refused(tmp_path / "d1.pem")
    assert "cannot be read (Is a directory" in refused(tmp_path)


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o602, 0o620, 0o660])
def test_key_that_others_can_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    assert refused(write_key(tmp_path / "d1.pem", rsa_key(), mode)).endswith("chmod 600 keys/d1.pem")


@pytest.mark.parametrize("mode", [0o600, 0o400, 0o640])
def test_key_that_we_alone_or_our_group_can_read_is_taken(tmp_path: Path, mode: int) -> None:
    assert read_key(write_key(tmp_path / "d1.pem", rsa_key(), mode), "d1.pem", Algorithm.RSA).bits == 2048


def test_encrypted_key_is_refused(tmp_path: Path) -> None:
    locked = rsa_key().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"password"))

    assert "it is encrypted" in refused(write_key(tmp_path / "d1.pem", locked))


@pytest.mark.parametrize("content", [b"", b"hej", b"\xff\xfe", BROKEN])
def test_file_that_holds_no_key_is_refused(tmp_path: Path, content: bytes) -> None:
    assert "holds no private key in PEM" in refused(write_key(tmp_path / "d1.pem", content))


def test_public_key_is_refused(tmp_path: Path) -> None:
    public = rsa_key().public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    assert "holds no private key in PEM" in refused(write_key(tmp_path / "d1.pem", public))


def test_key_of_another_kind_is_refused(tmp_path: Path) -> None:
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    assert "neither an RSA nor an Ed25519 key" in refused(write_key(tmp_path / "d1.pem", curve))
    assert "name it as dkim_ed25519_key_file" in refused(write_key(tmp_path / "d1.pem", ed25519_key()))
    assert "it is an RSA key" in refused(write_key(tmp_path / "d1.pem", rsa_key()), Algorithm.ED25519)


def test_key_whose_signatures_cannot_be_verified_is_refused(tmp_path: Path) -> None:
    numbers, other = rsa_key().private_numbers(), rsa_key(which=2).private_numbers()
    damaged = type(numbers)(
        numbers.p, numbers.q, other.d, numbers.dmp1, other.dmq1, numbers.iqmp, numbers.public_numbers
    ).private_key(unsafe_skip_rsa_key_validation=True)

    assert "damaged" in refused(write_key(tmp_path / "d1.pem", pem(damaged)))


def test_too_small_a_key_is_refused_and_a_small_one_named_rfc_8301_3_2(tmp_path: Path) -> None:
    small = a_configuration(tmp_path)
    write_key(tmp_path / "keys" / "d1.pem", rsa_key(1024))

    assert [words.partition(",")[0] for words in doubts_about(small, "nytt@example.com")] == [
        "the DKIM key keys/d1.pem has 1024 bits"
    ]
    write_key(tmp_path / "keys" / "d1.pem", a_smaller_key())
    with pytest.raises(UnusableKey, match="its 1012 bits are too few"):
        list(doubts_about(small, "nytt@example.com"))


def test_keys_for_other_domains_only_are_worth_a_word(tmp_path: Path) -> None:
    configuration = a_configuration(tmp_path, DOMAIN.replace("example.com", "example.org"))

    assert [words.partition(":")[0] for words in doubts_about(configuration, "nytt@example.com")] == [
        "there is a DKIM key for example.org and none for example.com"
    ]
    assert not list(doubts_about(a_configuration(tmp_path, ""), "nytt@example.com"))
    assert not list(doubts_about(a_configuration(tmp_path), "nytt@example.com"))


def test_record_for_dns_is_that_of_the_key(tmp_path: Path) -> None:
    rsa, ed25519 = records(a_configuration(tmp_path, DOMAIN + ED25519))

    assert (rsa.name, rsa.source) == ("domains.example.com.dkim_record", "keys/d1.pem")
    assert rsa.value == f"d1._domainkey.example.com TXT {record(rsa_key())}"
    assert (ed25519.name, ed25519.source) == ("domains.example.com.dkim_ed25519_record", "keys/e1.pem")
    assert ed25519.value == f"e1._domainkey.example.com TXT {record(ed25519_key())}"


def test_frozen_edition_is_signed_by_the_same_keys_again(tmp_path: Path) -> None:
    configuration = a_configuration(tmp_path, DOMAIN + ED25519)
    edition = an_edition(configuration)
    now = [key.signer() for key in keys_for(configuration, "nytt@example.com")]

    assert signed(MAIL, signers_of(configuration, edition, "nyheter/2025-11-30"), 1) == signed(MAIL, now, 1)
    assert pem(rsa_key()).decode() not in str(edition.dkim)


def test_edition_frozen_without_a_key_stays_unsigned_when_there_is_one(tmp_path: Path) -> None:
    edition = an_edition(a_configuration(tmp_path, ""))

    assert signers_of(a_configuration(tmp_path), edition, "nyheter/2025-11-30") == ()


@pytest.mark.parametrize("domains", ["", DOMAIN.replace("d1", "d2"), DOMAIN.replace("example.com", "example.org")])
def test_settings_that_have_changed_since_do_not_matter_while_the_key_is_there(tmp_path: Path, domains: str) -> None:
    edition = an_edition(a_configuration(tmp_path))
    write_key(tmp_path / "keys" / "d2.pem", rsa_key(which=2))

    (signer,) = signers_of(a_configuration(tmp_path, domains), edition, "nyheter/2025-11-30")

    assert (signer.domain, signer.selector) == ("example.com", "d1")
    assert verified(signed(MAIL, [signer], 1)) == [True]


def test_key_that_was_moved_is_found_where_settings_name_it_now(tmp_path: Path) -> None:
    edition = an_edition(a_configuration(tmp_path))
    (tmp_path / "keys" / "d1.pem").rename(tmp_path / "keys" / "moved.pem")
    moved = a_configuration(tmp_path, DOMAIN.replace("d1.pem", "moved.pem"))

    (signer,) = signers_of(moved, edition, "nyheter/2025-11-30")

    assert verified(signed(MAIL, [signer], 1)) == [True]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda file: file.unlink(), "it cannot be read (No such file or directory)"),
        (lambda file: write_key(file, rsa_key(which=2)), "there is another one now"),
        (lambda file: file.chmod(0o644), "other users of this machine can read or change it"),
        (lambda file: write_key(file, b"hej"), "it holds no private key"),
    ],
)
def test_edition_whose_key_is_gone_is_held_in_one_line(tmp_path: Path, change: object, words: str) -> None:
    configuration = a_configuration(tmp_path)
    edition = an_edition(configuration)
    assert callable(change)
    change(tmp_path / "keys" / "d1.pem")

    with pytest.raises(KeyGone) as error:
        signers_of(configuration, edition, "nyheter/2025-11-30")

    assert error.value.exit_code == 6
    assert "\n" not in str(error.value)
    assert str(error.value).startswith(
        f"nyheter/2025-11-30 was frozen with the DKIM key d1 of example.com in keys/d1.pem, and {words}"
    )
