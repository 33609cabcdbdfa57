"""DKIM keys for tests, the DNS that knows them, and dkimpy, which is not ours and says whether a signature holds."""

import base64
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

import dkim
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from digest.letter.dkim import Algorithm, Signer

PrivateKey = RSAPrivateKey | Ed25519PrivateKey
DOMAIN = "example.com"


@cache
def rsa_key(bits: int = 2048, which: int = 1) -> RSAPrivateKey:
    """Return an RSA key, made once a process; another one for another ``which``."""
    return generate_private_key(65537, bits)


@cache
def ed25519_key() -> Ed25519PrivateKey:
    """Return an Ed25519 key, made once a process."""
    return Ed25519PrivateKey.generate()


def rsa_signer(domain: str = DOMAIN) -> Signer:
    """Return who signs with selector d1."""
    return Signer(domain, "d1", Algorithm.RSA, lambda data: rsa_key().sign(data, PKCS1v15(), SHA256()))


def ed25519_signer(domain: str = DOMAIN) -> Signer:
    """Return who signs with selector e1."""
    return Signer(domain, "e1", Algorithm.ED25519, lambda data: ed25519_key().sign(hashlib.sha256(data).digest()))


def pem(key: PrivateKey) -> bytes:
    """Return a key as its file holds it."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def write_key(path: Path, content: PrivateKey | bytes, mode: int = 0o600) -> Path:
    """Write the file of a key and return its path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content if isinstance(content, bytes) else pem(content))
    path.chmod(mode)
    return path


def record(key: PrivateKey) -> str:
    """Return the TXT record of a key, made without a word of ours (RFC 6376, 3.6.1 and RFC 8463, 4)."""
    if isinstance(key, RSAPrivateKey):
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return f"v=DKIM1; k=rsa; p={base64.b64encode(public).decode()}"
    return f"v=DKIM1; k=ed25519; p={base64.b64encode(key.public_key().public_bytes_raw()).decode()}"


def zone(domain: str = DOMAIN) -> dict[str, str]:
    """Return the records of both keys."""
    return {f"d1._domainkey.{domain}": record(rsa_key()), f"e1._domainkey.{domain}": record(ed25519_key())}


def verified(mail: bytes, records: Mapping[str, str] | None = None, most: int | None = None) -> list[bool]:
    """Return for each signature of a mail, or the first ones, from its top, whether it holds."""
    known = zone() if records is None else records

    def look_up(name: bytes, timeout: int = 5) -> bytes | None:
        found = known.get(name.decode().rstrip("."))
        return found.encode() if found is not None else None

    head = mail.partition(b"\r\n\r\n")[0]
    count = sum(line.lower().startswith(b"dkim-signature:") for line in head.split(b"\r\n"))
    read = dkim.DKIM(mail)

    def holds(n: int) -> bool:
        try:
            return bool(read.verify(idx=n, dnsfunc=look_up))
        except dkim.ValidationError:  # of the body's hash
            return False

    return [holds(n) for n in range(count)[:most]]
