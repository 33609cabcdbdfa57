"""An edition's letters, filled for one reader after the other, and signed as the edition was frozen."""

from collections.abc import Iterable, Sequence

from digest.errors import DigestError
from digest.letter.dkim import SignedStamp, Signer, from_of, open_signed
from digest.letter.keys import domain_of
from digest.letter.stamp import Reader, Stamp
from digest.models import Edition, Letter


class NotAsFrozen(DigestError):
    """An edition would go out signed otherwise than it was frozen: a fault of ours, and nothing is sent."""

    def __init__(self, frozen: Sequence[str], signers: Sequence[str]) -> None:
        was, is_now = (", ".join(names) or "nobody" for names in (frozen, signers))
        super().__init__(f"frozen to be signed by {was}, not by {is_now}")


class Stamps:
    """What makes a mail of a letter and a reader: the same every time, whatever process or thread asks for it."""

    def __init__(self, edition: Edition, letters: Iterable[Letter], signers: Sequence[Signer]) -> None:
        frozen = [f"{key['algorithm']} {key['selector']} {key['domain']}" for key in edition.dkim]
        given = [f"{signer.algorithm} {signer.selector} {signer.domain}" for signer in signers]
        if frozen != given:
            raise NotAsFrozen(frozen, given)
        pairs = list(zip(edition.dkim, signers, strict=True))

        def of(letter: Letter) -> list[Signer]:
            return [signer for key, signer in pairs if key.get("sender", "") == sender_of(edition, letter)]

        self._stamps = {letter.id or 0: _open(letter, of(letter)) for letter in letters}

    def fill(self, letter_id: int, reader: Reader) -> bytes:
        """Return one reader's mail as it goes over the wire, signed; raises BadAddress."""
        return self._stamps[letter_id].fill(reader)


def sender_of(edition: Edition, letter: Letter) -> str:
    """Return the domain of a letter's From as frozen keys name it: nothing for the one the edition was frozen with."""
    domain = domain_of(from_of(letter.mail))
    return "" if domain == domain_of(edition.sender) else domain


def _open(letter: Letter, signers: Sequence[Signer]) -> Stamp | SignedStamp:
    # The letter's own time, so that a mail is signed alike however often, and by whatever process, it is tried.
    at = letter.made_at
    return open_signed(letter.mail, signers, int(at.timestamp()) if at else 0)
