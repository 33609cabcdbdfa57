"""The DKIM keys of a project: who signs mail from an address, and whether who signed an edition's still can.

All mail from a domain that has a key is signed: letters, test letters and notices ask here.
"""

import base64
import hashlib
import stat
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from digest.errors import ConfigError, HeldError
from digest.letter.dkim import Algorithm, Signer
from digest.letter.values import ascii_domain
from digest.models import Edition
from digest.project import Configuration
from digest.settings import DomainSettings, Given

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

SMALLEST = 1024  #: bits; a signature by less counts as none (RFC 8301, 3.2)
SMALL = 2048  #: less is on its way out
OTHERS = stat.S_IROTH | stat.S_IWOTH | stat.S_IWGRP
MAKE = "make one as docs/signing.md says"
TRIAL = b"digest"


class UnusableKey(ConfigError):
    """A DKIM key that cannot sign, or that is no secret."""

    def __init__(self, file: str, why: str) -> None:
        super().__init__(f"DKIM key {file}: {why}; nothing goes out unsigned")
        self.file = file
        self.why = why


class KeyGone(HeldError):
    """An edition was frozen with a DKIM key that is not there any more."""

    def __init__(self, edition: str, key: "FrozenKey", why: str) -> None:
        super().__init__(
            f"{edition} was frozen with the DKIM key {key.selector} of {key.domain} in {key.file}, and {why}; "
            "put that key back, nothing goes out unsigned"
        )
        self.edition = edition
        self.key = key


@dataclass(frozen=True, slots=True)
class Key:
    """A private key that can sign: its size in bits, and what DNS says of it."""

    algorithm: Algorithm
    bits: int
    public: bytes  #: the value of ``p=`` before base64 (RFC 6376, 3.6.1; RFC 8463, 4)
    sign: Callable[[bytes], bytes]

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that tell it from others."""
        return hashlib.sha256(self.public).hexdigest()[:16]

    @property
    def record(self) -> str:
        """The text of its TXT record."""
        kind = "rsa" if self.algorithm is Algorithm.RSA else "ed25519"
        return f"v=DKIM1; k={kind}; p={base64.b64encode(self.public).decode()}"


@dataclass(frozen=True, slots=True)
class FrozenKey:
    """What an edition keeps of a key that signs it; in the store as JSON, so the names are for ever."""

    domain: str
    selector: str
    algorithm: str
    fingerprint: str
    file: str  #: where it was
    sender: str = ""  #: From's domain in the letters it signs, where a revision changed it; else the edition's own


@dataclass(frozen=True, slots=True)
class DomainKey:
    """A key that settings name: for which domain, by which selector, in which file."""

    domain: str
    selector: str
    algorithm: Algorithm
    file: str
    path: Path

    @property
    def host(self) -> str:
        """The name of its record in DNS (RFC 6376, 3.6.2.1)."""
        return f"{self.selector}._domainkey.{self.domain}"

    def signer(self) -> Signer:
        """Return who signs with it; UnusableKey."""
        return Signer(self.domain, self.selector, self.algorithm, self.read().sign)

    def read(self) -> Key:
        """Return the key; UnusableKey."""
        return read_key(self.path, self.file, self.algorithm)

    def frozen(self, sender: str = "") -> dict[str, str]:
        """Return what an edition keeps of it; UnusableKey."""
        fingerprint = self.read().fingerprint
        kept = asdict(FrozenKey(self.domain, self.selector, self.algorithm.value, fingerprint, self.file, sender))
        return {name: value for name, value in kept.items() if value}


def domain_of(address: str) -> str:
    """Return the domain of an address as keys know it: A-labels in small letters."""
    return ascii_domain(address.rpartition("@")[2]).lower()


def keys_for(configuration: Configuration, address: str) -> tuple[DomainKey, ...]:
    """Return the keys for mail from an address: of its domain, else of the nearest one above; maybe none."""
    domain = domain_of(address)
    known = {key.domain for key in domain_keys(configuration)}
    while domain and domain not in known:
        domain = domain.partition(".")[2]
    return tuple(key for key in domain_keys(configuration) if key.domain == domain)


def doubts_about(configuration: Configuration, address: str) -> Iterator[str]:
    """Yield what an editor should know about how mail from an address is signed; UnusableKey."""
    keys = keys_for(configuration, address)
    for key in keys:
        bits = key.read().bits
        if key.algorithm is Algorithm.RSA and bits < SMALL:
            yield f"the DKIM key {key.file} has {bits} bits, and 2048 are asked for by now (RFC 8301): {MAKE}"
    if configuration.domains and not keys:
        domain, known = address.rpartition("@")[2], ", ".join(configuration.domains)
        yield f"there is a DKIM key for {known} and none for {domain}: its mail goes out as the relay signs it, or not"


def domain_keys(configuration: Configuration) -> Iterator[DomainKey]:
    """Yield every key that the environment and digest.toml name; what the environment says of a domain wins."""
    for domain, settings in configuration.domains.items():
        for algorithm, selector, file in _named(settings):
            yield DomainKey(domain, selector, algorithm, file, configuration.folder / file)


def records(configuration: Configuration) -> Iterator[Given]:
    """Yield what DNS has to say of every key, as name, TXT and value; what is wrong with a key that cannot be used."""
    for key in domain_keys(configuration):
        name = "dkim_record" if key.algorithm is Algorithm.RSA else "dkim_ed25519_record"
        try:
            value = f"{key.host} TXT {key.read().record}"
        except UnusableKey as error:
            value = str(error)
        yield Given(f"domains.{key.domain}.{name}", value, key.file)


def _named(settings: DomainSettings) -> Iterator[tuple[Algorithm, str, str]]:
    yield Algorithm.RSA, settings.dkim_selector, settings.dkim_key_file
    if settings.dkim_ed25519_selector and settings.dkim_ed25519_key_file:
        yield Algorithm.ED25519, settings.dkim_ed25519_selector, settings.dkim_ed25519_key_file


def signers_of(configuration: Configuration, edition: Edition, name: str) -> tuple[Signer, ...]:
    """Return who signs an edition's mail, as it was frozen; KeyGone when one of its keys is not there any more."""
    return tuple(_again(configuration, FrozenKey(**frozen), name) for frozen in edition.dkim)


def _again(configuration: Configuration, frozen: FrozenKey, edition: str) -> Signer:
    """Return who signs as an edition was frozen: with the file it was in then, or another one that is named now."""
    algorithm = Algorithm(frozen.algorithm)
    files = [frozen.file, *(key.file for key in domain_keys(configuration) if key.algorithm is algorithm)]
    why = "there is another one now"
    for n, file in enumerate(dict.fromkeys(files)):
        try:
            key = read_key(configuration.folder / file, file, algorithm)
        except UnusableKey as error:
            why = why if n else error.why
            continue
        if key.fingerprint == frozen.fingerprint:
            return Signer(frozen.domain, frozen.selector, algorithm, key.sign)
    raise KeyGone(edition, frozen, why)


def read_key(path: Path, file: str, algorithm: Algorithm) -> Key:
    """Return the private key of a PEM file that only we can read, tried once; UnusableKey names the ``file``."""
    try:
        mode, pem = path.stat().st_mode, path.read_bytes()
    except OSError as error:
        raise UnusableKey(file, f"it cannot be read ({error.strerror}); correct its name or {MAKE}") from error
    if mode & OTHERS:
        raise UnusableKey(file, f"other users of this machine can read or change it; chmod 600 {file}")
    loaded = _load(pem, file)
    key = _of(loaded, file, algorithm)
    if algorithm is Algorithm.RSA and key.bits < SMALLEST:
        raise UnusableKey(file, f"its {key.bits} bits are too few, 2048 are right; {MAKE}")
    return key


def _load(pem: bytes, file: str) -> "RSAPrivateKey | Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        # Not looked at for primes and the like, which takes 50 ms: it is tried instead.
        loaded = load_pem_private_key(pem, password=None, unsafe_skip_rsa_key_validation=True)
    except TypeError as error:
        raise UnusableKey(file, "it is encrypted, and nobody is there to type its password") from error
    except (ValueError, UnsupportedAlgorithm) as error:
        raise UnusableKey(file, f"it holds no private key in PEM; {MAKE}") from error
    if not isinstance(loaded, RSAPrivateKey | Ed25519PrivateKey):
        raise UnusableKey(file, f"it is neither an RSA nor an Ed25519 key; {MAKE}")
    return loaded


def _of(loaded: "RSAPrivateKey | Ed25519PrivateKey", file: str, algorithm: Algorithm) -> Key:
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    padding, digest = PKCS1v15(), SHA256()
    try:
        if isinstance(loaded, Ed25519PrivateKey):
            if algorithm is not Algorithm.ED25519:
                words = "it is an Ed25519 key, which many cannot check; name it as dkim_ed25519_key_file, beside RSA"
                raise UnusableKey(file, words)
            ed25519 = loaded
            # RFC 8463, 3: what is signed is the SHA-256 of what RFC 6376, 3.7 says.
            ed25519.public_key().verify(ed25519.sign(TRIAL), TRIAL)
            public = ed25519.public_key().public_bytes_raw()
            return Key(algorithm, 256, public, lambda data: ed25519.sign(hashlib.sha256(data).digest()))
        if algorithm is not Algorithm.RSA:
            raise UnusableKey(file, "it is an RSA key; dkim_ed25519_key_file names an Ed25519 one")
        rsa = loaded
        rsa.public_key().verify(rsa.sign(TRIAL, padding, digest), TRIAL, padding, digest)
        public = rsa.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return Key(algorithm, rsa.key_size, public, lambda data: rsa.sign(data, padding, digest))
    except (InvalidSignature, ValueError) as error:
        raise UnusableKey(file, f"it is damaged, its signatures cannot be verified; {MAKE}") from error
