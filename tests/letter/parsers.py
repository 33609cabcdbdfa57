"""Mails as three parsers read them that share no code: Python's, Rust's mailparse, and SpamAssassin's in Perl."""

import email
import json
import subprocess
from base64 import b64encode
from collections import Counter
from dataclasses import dataclass
from email import policy
from email.header import decode_header, make_header

from fast_mail_parser import parse_email

from tests.letter.designs import parts

#: Reads a list of mails from standard input, each in base64; what it answers are octets, written as characters.
PERL = r"""
use strict; use warnings; use JSON::PP; use MIME::Base64; use Mail::SpamAssassin::Message;
local $/; my @read;
for my $mail (@{decode_json(<STDIN>)}) {
  my $message = Mail::SpamAssassin::Message->new({message => decode_base64($mail), parsenow => 1});
  my %fields = map { $_ => [$message->get_header($_)] } map { /^([^:\s]+):/ ? $1 : () } $message->get_all_headers();
  my @parts = map { [$_->{type}, $_->decode()] } $message->find_parts(qr/./, 1);
  push @read, {fields => \%fields, parts => \@parts};
}
print JSON::PP->new->ascii->encode(\@read);
"""


@dataclass(frozen=True)
class Mail:
    """A mail as a parser reads it."""

    fields: dict[str, list[str]]  #: every field as decoded text, in order where it stands more than once
    text: str
    page: str


def by_python(mails: list[bytes]) -> list[Mail]:
    """Read mails as the standard library does; its older half, which keeps RFC 2047, 6.2 between encoded-words."""
    found = []
    for mail in mails:
        read = email.message_from_bytes(mail, policy=policy.compat32)
        fields: dict[str, list[str]] = {}
        for name, value in read.items():
            one_line = value.replace("\r\n", "")
            fields.setdefault(name, []).append(str(make_header(decode_header(one_line))))
        found.append(Mail(fields, *parts(mail)))
    return found


def by_rust(mails: list[bytes]) -> list[Mail]:
    """Read mails as Rust's mailparse does."""
    found = []
    for mail in mails:
        read = parse_email(mail, strict=True)
        assert (read.warnings, read.attachments) == ([], [])
        (text,), (page,) = read.text_plain, read.text_html
        found.append(Mail(read.headers, text.replace("\r\n", "\n"), page.replace("\r\n", "\n")))
    return found


def by_perl(mails: list[bytes]) -> list[Mail]:
    """Read mails as SpamAssassin does before it judges them; one run, since its start takes a third of a second."""
    asked = json.dumps([b64encode(mail).decode() for mail in mails])
    answer = subprocess.run(["perl", "-e", PERL], input=asked.encode(), capture_output=True, timeout=60, check=True)
    found = []
    for read in json.loads(answer.stdout):
        kinds = [kind for kind, _ in read["parts"]]
        assert kinds == ["text/plain", "text/html"], Counter(kinds)
        # It keeps the line end before a boundary, which is the boundary's (RFC 2046, 5.1.1).
        text, page = (octets(part).replace("\r\n", "\n").removesuffix("\n") for _, part in read["parts"])
        fields = {name: [octets(value).strip() for value in values] for name, values in read["fields"].items()}
        found.append(Mail(fields, text, page))
    return found


def octets(characters: str) -> str:
    return characters.encode("latin-1").decode()
