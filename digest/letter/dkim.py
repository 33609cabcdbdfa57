"""DKIM signatures (RFC 6376): a letter's fixed bytes are canonicalised once, and of each mail only what its slots hold.

``relaxed/relaxed``, and no ``l=`` (8.2). Nothing here knows a key: a signer is a function. What is signed is what is
sent, and the same reader's mail is signed alike every time: RSA PKCS #1 v1.5 and Ed25519 know no chance.
"""

import base64
import enum
import hashlib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from digest.letter.slots import Kind, Slot
from digest.letter.stamp import Reader, Stamp, Template, open_letter

#: Signed as often as they stand there (RFC 6376, 5.4.1), in this order.
SIGNED = (
    *("From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    *("List-Id", "List-Unsubscribe", "List-Unsubscribe-Post", "List-Archive", "Feedback-ID", "BIMI-Selector"),
)
#: Signed once more than they stand there, so that one which is added breaks the signature (RFC 6376, 5.4.2 and 8.15):
#: a second one would be what readers see, or what a mailbox provider's button does (RFC 8058, 4).
OVERSIGNED = frozenset({
    *("From", "To", "Cc", "Subject", "Date", "Message-ID", "Reply-To"),
    *("MIME-Version", "Content-Type", "Content-Transfer-Encoding"),
    *("List-Unsubscribe", "List-Unsubscribe-Post"),
})  # fmt: skip
FIELD = "DKIM-Signature"
WIDTH = 76
B_WIDTH = WIDTH - len(" b=")
END = b"\r\n\r\n"


class Algorithm(enum.StrEnum):
    """How a signature is made; the words are those of ``a=``, and are in stored editions."""

    RSA = "rsa-sha256"  # RFC 8301, 3.1
    ED25519 = "ed25519-sha256"  # RFC 8463


@dataclass(frozen=True, slots=True)
class Signer:
    """Who signs: ``d=``, ``s=`` and ``a=``, and what makes a signature of the bytes that section 3.7 speaks of."""

    domain: str
    selector: str
    algorithm: Algorithm
    sign: Callable[[bytes], bytes]


@dataclass(frozen=True, slots=True)
class _Signature:
    """One signer's field up to the value of ``bh=``: as it is sent, and as it is signed."""

    sign: Callable[[bytes], bytes]
    raw: bytes
    relaxed: bytes


@dataclass(frozen=True, slots=True)
class SignedStamp:
    """A letter's stamp that signs what it fills. It is never changed, so several threads may fill it at once."""

    stamp: Stamp
    head: Template  #: the signed fields as they are signed, in the order of ``h=``
    begun: "hashlib._Hash"  #: over the body up to its first slot
    body: Template  #: the rest of the body as it is signed
    signatures: tuple[_Signature, ...]

    def fill(self, reader: Reader) -> bytes:
        """Return one reader's mail with its signatures; raises what ``Stamp.fill`` does.

        All but some 20 us of it, the body's hash and the signatures, leaves the interpreter to other threads.
        """
        values = self.stamp.values(reader)
        relaxed = [_relaxed_value(slot, value) for slot, value in zip(self.stamp.slots, values, strict=True)]
        hashed = self.begun.copy()
        hashed.update(self.body.filled(relaxed))
        body_hash = base64.b64encode(hashed.digest())
        head = self.head.filled(relaxed)
        fields = [_field(signature, head, body_hash) for signature in self.signatures]
        return b"".join(fields) + self.stamp.template.filled(values)


def open_signed(mail: bytes, signers: Sequence[Signer], at: int) -> Stamp | SignedStamp:
    """Return the stamp of a stored letter that signs what it fills; ``at`` is ``t=``, in seconds since 1970.

    Without signers it is the letter's plain stamp.
    """
    stamp = open_letter(mail)
    if not signers:
        return stamp
    head, _, body = mail.partition(END)
    fields = list(_fields(head))
    names = _signed_names([name for name, _ in fields])
    first, *others = _relaxed_pieces(body)
    return SignedStamp(
        stamp,
        head=stamp.part(b"".join(_taken(fields, names))),
        begun=hashlib.sha256(first),
        body=stamp.part(b"\0".join((b"", *others))) if others else Template((), ()),
        signatures=tuple(_prepared(signer, names, at) for signer in signers),
    )


def signed(mail: bytes, signers: Sequence[Signer], at: int) -> bytes:
    """Return a finished mail, which has no slots, with its signatures."""
    nobody = Reader("", "", "", "", "", "")
    return open_signed(mail, signers, at).fill(nobody)


def from_of(mail: bytes) -> str:
    """Return the address in From, with which ``d=`` must be in line (RFC 7489, 3.1.1)."""
    (value,) = (value for name, value in _fields(mail.partition(END)[0]) if name == "From")
    return value.decode().rpartition("<")[2].strip("> ")


def relaxed_body(body: bytes) -> bytes:
    """Return a whole body as it is signed (RFC 6376, 3.4.4)."""
    body = _squeezed(body).rstrip(b"\r\n")
    return body + b"\r\n" if body else b""


def relaxed_field(name: str, value: bytes) -> bytes:
    """Return a field as it is signed, without its end (RFC 6376, 3.4.2)."""
    # Of a field that passed the gate: no white space but blanks, tabs and folds.
    return name.lower().encode() + b":" + b" ".join(value.split())


def _fields(head: bytes) -> Iterator[tuple[str, bytes]]:
    """Yield name and value of each field, folds and slots in it as they are."""
    unfolded = head.replace(b"\r\n\t", b"\t").replace(b"\r\n ", b" ")
    for field in unfolded.split(b"\r\n"):
        name, _, value = field.partition(b":")
        yield name.decode(), value


def _signed_names(present: Sequence[str]) -> list[str]:
    """Return what ``h=`` names of a mail with these fields."""
    counts = Counter(name.lower() for name in present)
    return [name for name in SIGNED for _ in range(counts[name.lower()] + (name in OVERSIGNED))]


def _taken(fields: Sequence[tuple[str, bytes]], names: Sequence[str]) -> Iterator[bytes]:
    """Yield the fields that are named, relaxed: each the last of its name that is left (5.4.2), nothing for no more."""
    left = list(fields)
    for name in names:
        at = next((n for n in reversed(range(len(left))) if left[n][0].lower() == name.lower()), None)
        if at is not None:
            yield relaxed_field(*left.pop(at)) + b"\r\n"


def _relaxed_pieces(body: bytes) -> Iterator[bytes]:
    """Yield what stands between the slots of a body, relaxed, and at the odd places the slots.

    Piece by piece that is right because a slot stands on lines of its own, so that no run of blanks crosses its edge.
    """
    pieces = body.split(b"\0")
    last = len(pieces) - 1
    for n, piece in enumerate(pieces):
        if n % 2:
            yield piece
            continue
        if (n < last and piece and not piece.endswith(b"\n")) or (n and not piece.startswith(b"=\r\n")):
            raise ValueError(f"a slot of a letter's body does not stand on a line of its own: {pieces[n - 1]!r}")
        yield relaxed_body(piece) if n == last else _squeezed(piece)


def _squeezed(text: bytes) -> bytes:
    """Return lines with their runs of blanks as one, and without those at their ends."""
    text = text.replace(b"\t", b" ")
    while b"  " in text:  # no regular expression: of 38 kB it would take milliseconds
        text = text.replace(b"  ", b" ")
    return text.replace(b" \r\n", b"\r\n")


def _relaxed_value(slot: Slot, value: bytes) -> bytes:
    match slot.kind:
        case Kind.TOKEN:
            return value
        case Kind.ADDRESS:
            return b" ".join(value.split())
        case _:
            return _squeezed(value)


def _prepared(signer: Signer, names: Sequence[str], at: int) -> _Signature:
    tags = [
        *("v=1;", f"a={signer.algorithm};", "c=relaxed/relaxed;", f"d={signer.domain};", f"s={signer.selector};"),
        f"t={at};",
    ]
    lines = [f"{FIELD}:"]
    # i= is left out, which means @ and d= (RFC 6376, 3.5): in line with From as d= is.
    for glue, word in [*((" ", tag) for tag in tags), *_of_h(names)]:
        if len(lines[-1]) + len(glue) + len(word) > WIDTH:
            lines.append(f" {word}")
        else:
            lines[-1] += glue + word
    raw = "\r\n".join([*lines, " bh="]).encode()
    return _Signature(signer.sign, raw, relaxed_field(FIELD, raw.partition(b":")[2]))


def _of_h(names: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Yield ``h=`` in pieces that a line may end behind, each with what stands before it inside a line."""
    for n, name in enumerate(names):
        end = ";" if n == len(names) - 1 else ":"
        yield ("", f"{name}{end}") if n else (" ", f"h={name}{end}")


def _field(signature: _Signature, head: bytes, body_hash: bytes) -> bytes:
    # RFC 6376, 3.7: the field itself comes last, with nothing in b= and without its end.
    made = base64.b64encode(signature.sign(head + signature.relaxed + body_hash + b"; b="))
    folded = b"\r\n ".join(made[n : n + B_WIDTH] for n in range(0, len(made), B_WIDTH))
    return signature.raw + body_hash + b";\r\n b=" + folded + b"\r\n"
