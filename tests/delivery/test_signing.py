"""An edition's mails, signed as it was frozen or not at all."""

import datetime as dt
from dataclasses import asdict
from pathlib import Path

import pytest

from digest.delivery.signing import NotAsFrozen, Stamps
from digest.letter.dkim import Signer
from digest.letter.keys import FrozenKey
from digest.letter.stamp import open_letter
from digest.models import Edition, Letter
from tests.builders import a_reader
from tests.letter.designs import a_design, a_letter
from tests.signing import ed25519_signer, rsa_signer, verified, zone

MADE = dt.datetime(2025, 11, 30, 6, 30, 0, 987654, tzinfo=dt.UTC)
READER = a_reader()


def an_edition(*signers: Signer) -> Edition:
    frozen = [asdict(FrozenKey(one.domain, one.selector, one.algorithm.value, "0" * 16, "k")) for one in signers]
    return Edition(
        id=1, newsletter_id=1, date=MADE.date(), decided_at=MADE, dkim=frozen, sender="nytt@example.com"
    )  # fmt: skip


def moved(letter: Letter, number: int) -> Letter:
    """Return a letter as it reads when From's domain has changed."""
    mail = letter.mail.replace(b"@example.com>", b"@example.org>", 1)
    assert b"\r\nFrom: Senaste nytt <nytt@example.org>\r\n" in b"\r\n" + mail
    return Letter(**{**letter.model_dump(), "id": number, "mail": mail})


@pytest.fixture(scope="module")
def letter(tmp_path_factory: pytest.TempPathFactory) -> Letter:
    return Letter(**{**a_letter(a_design(tmp_path_factory.mktemp("project"))).model_dump(), "id": 7, "made_at": MADE})


def test_mail_is_signed_with_the_time_at_which_its_letter_was_made(letter: Letter) -> None:
    mail = Stamps(an_edition(rsa_signer()), [letter], [rsa_signer()]).fill(7, READER)

    assert verified(mail) == [True]
    assert f" t={int(MADE.timestamp())};".encode() in mail


def test_retry_by_another_process_has_the_same_bytes(letter: Letter) -> None:
    edition, signers = an_edition(rsa_signer(), ed25519_signer()), [rsa_signer(), ed25519_signer()]

    assert Stamps(edition, [letter], signers).fill(7, READER) == Stamps(edition, [letter], signers).fill(7, READER)


def test_unsigned_edition_is_stamped_and_no_more(letter: Letter) -> None:
    assert Stamps(an_edition(), [letter], []).fill(7, READER) == open_letter(letter.mail).fill(READER)


@pytest.mark.parametrize(
    "signers", [[], [ed25519_signer()], [rsa_signer("example.org")], [rsa_signer(), ed25519_signer()]]
)
def test_nothing_is_stamped_otherwise_than_it_was_frozen(letter: Letter, signers: list[Signer], tmp_path: Path) -> None:
    with pytest.raises(NotAsFrozen, match=r"^frozen to be signed by rsa-sha256 d1 example\.com, not by "):
        Stamps(an_edition(rsa_signer()), [letter], signers)


def test_each_letter_is_signed_in_line_with_its_own_from(letter: Letter) -> None:
    edition, ours, others = an_edition(rsa_signer()), rsa_signer(), rsa_signer("example.org")
    before = Stamps(edition, [letter], [ours]).fill(7, READER)
    revised = moved(letter, 8)
    later = {**edition.dkim[0], "domain": "example.org", "sender": "example.org"}
    edition.dkim = [*edition.dkim, later]

    stamps = Stamps(edition, [letter, revised], [ours, others])

    assert stamps.fill(7, READER) == before
    assert b" d=example.com;" not in stamps.fill(8, READER)
    assert verified(stamps.fill(8, READER), zone("example.org")) == [True]


def test_letter_from_a_domain_for_which_nothing_was_frozen_is_not_signed(letter: Letter) -> None:
    revised = moved(letter, 7)

    mail = Stamps(an_edition(rsa_signer()), [revised], [rsa_signer()]).fill(7, READER)

    assert mail == open_letter(revised.mail).fill(READER)
