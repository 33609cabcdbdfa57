"""A send with DKIM beside bare RSA signatures of one core, and beside the same send unsigned."""

import json
from collections.abc import Mapping
from functools import partial
from itertools import count
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from benchmarks.letter import sample_letter
from benchmarks.sample import Sample, sample_project
from benchmarks.sinks import sink, sink_name
from benchmarks.timing import Round, Timed, in_turn, repeated, show
from digest.letter.dkim import Algorithm, Signer, open_signed
from digest.letter.stamp import Reader, open_letter

CONNECTIONS = 10
BARE = "bare RSA-2048 signatures, one core"
SIGNED_DATA = b"x" * 1500  #: about what the header of a mail comes to


def run(readers: int) -> None:
    """Print how many mails a second are signed, by themselves and in a send."""
    key = generate_private_key(65537, 2048)
    show("Signing by itself", in_turn(partial(_by_itself, key)), BARE, "mails")
    with sink() as port:
        rounds = in_turn(partial(_sends, key, port, readers))
    show(f"A signed send over {CONNECTIONS} connections to {sink_name()}", rounds, BARE, "mails")


def _bare(key: RSAPrivateKey, seconds: float = 0.3) -> Timed:
    padding, digest = PKCS1v15(), SHA256()
    return repeated(lambda: key.sign(SIGNED_DATA, padding, digest), seconds)


def _by_itself(key: RSAPrivateKey) -> Round:
    padding, digest = PKCS1v15(), SHA256()
    letter, numbers = sample_letter(), count(1)
    signer = Signer("example.com", "d1", Algorithm.RSA, lambda data: key.sign(data, padding, digest))
    blank = Signer("example.com", "d1", Algorithm.RSA, lambda _: b"x" * 256)

    def reader() -> Reader:
        n = next(numbers)
        token = f"{n:0>38}"
        return Reader(f"reader{n}@example{n % 50}.com", "Åsa Öberg", token, token, token, f"{n:0>45}")

    plain, signed, hashed = (
        open_letter(letter.mail),
        open_signed(letter.mail, [signer], 1),
        open_signed(letter.mail, [blank], 1),
    )
    return {
        BARE: _bare(key),
        "mails stamped and signed": repeated(lambda: signed.fill(reader())),
        "the same, but for the signature itself": repeated(lambda: hashed.fill(reader())),
        "mails stamped": repeated(lambda: plain.fill(reader())),
    }


def _sends(key: RSAPrivateKey, port: int, readers: int) -> Round:
    """Return what a signed and a plain send come to, with bare signatures taken before, between and after."""
    before = _bare(key)
    plain = _send(port, readers, None)
    between = _bare(key)
    signed = _send(port, readers, key)
    after = _bare(key)
    bare = Timed(before.count + between.count + after.count, before.seconds + between.seconds + after.seconds)
    return {BARE: bare, "digest send, signed": signed, "digest send, unsigned": plain}


def _send(port: int, readers: int, key: RSAPrivateKey | None) -> Timed:
    with sample_project(readers, f"smtp+plain://127.0.0.1:{port}?connections={CONNECTIONS}") as sample:
        ran = (sample if key is None else _with_key(sample, key)).send()
    sent = json.loads(ran.output)
    if sent["sent"] != readers:
        raise RuntimeError(f"sent {sent['sent']} of {readers} mails: {ran.output}")
    return Timed(readers, sent["now"]["seconds"])


def _with_key(sample: Sample, key: RSAPrivateKey) -> Sample:
    file = sample.folder / "d1.pem"
    file.touch(mode=0o600)
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return Sample(sample.folder, {**sample.variables, **_variables(file)})


def _variables(file: Path) -> Mapping[str, str]:
    return {"DIGEST_DKIM_DOMAIN": "example.com", "DIGEST_DKIM_SELECTOR": "d1", "DIGEST_DKIM_KEY_FILE": file.name}
