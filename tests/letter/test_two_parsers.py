"""A stamped mail is read as a plainly composed one is, by two parsers that know nothing of each other."""

import email
import html
import random
from dataclasses import dataclass, replace
from email import policy
from email.header import decode_header, make_header
from email.message import EmailMessage
from email.utils import parseaddr
from pathlib import Path

import pytest
from fast_mail_parser import parse_email
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from digest.letter.stamp import Stamp, open_letter
from digest.letter.values import clean
from tests.builders import a_reader
from tests.letter.designs import a_design, a_letter
from tests.letter.names import HOSTILE, NAMES, a_name

DEFAULT = "läsare & <vän>"
LINE = "långa rader med åäö = och mer därtill " * 5
#: What is printed, with a name where %s stands.
TEXT = f"Hej %s!\n%s\n%s\n\n.\nFrom {LINE}%s{LINE}\n  %s\t\nhttps://nytt.example.com/u/{'u' * 38}\n"
HTML = (
    "<!DOCTYPE html>\n<html><head></head><body>\n  <p>Hej %s!</p><p>%s</p>\n"
    f".{LINE}%s %s  <b>%s</b>\n"
    f'<a href="https://nytt.example.com/view/{"v" * 38}">x</a></body></html>\n'
)


@dataclass(frozen=True)
class Read:
    """What a parser finds in a mail."""

    to: tuple[str, str]
    text: str
    page: str


def by_email(mail: bytes) -> Read:
    """Read a mail as the standard library does."""
    message = email.message_from_bytes(mail, policy=policy.SMTP)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    plain, page = message.iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(page, EmailMessage)
    assert not plain.defects
    assert not page.defects
    # The newer half of the standard library puts a blank between two encoded-words of a name; the older one reads
    # them as RFC 2047, 6.2 says.
    (address,) = message["To"].addresses
    phrase = parseaddr(email.message_from_bytes(mail)["To"].replace("\r\n", ""))[0]
    name = str(make_header(decode_header(phrase)))
    return Read((name, address.addr_spec), lines(plain.get_content()), lines(page.get_content()))


def by_mailparse(mail: bytes) -> Read:
    """Read a mail as Rust's mailparse does."""
    message = parse_email(mail, strict=True)
    assert message.warnings == []
    assert message.attachments == []
    (text,), (page,), (to,) = message.text_plain, message.text_html, message.to
    return Read((to.display_name or "", to.address), lines(text), lines(page))


def lines(text: str) -> str:
    return text.replace("\r\n", "\n")


def composed(name: str) -> bytes:
    """Return a mail of the same contents, made by the standard library and with nothing of ours but ``clean``."""
    shown = clean(name) or DEFAULT
    message = EmailMessage(policy=policy.SMTP)
    message["To"] = "anna@example.com"
    message.set_content(TEXT % (shown, clean(name), shown, shown, shown), cte="quoted-printable")
    escaped = html.escape(shown)
    page = HTML % (escaped, html.escape(clean(name)), escaped, escaped, escaped)
    message.add_alternative(page, subtype="html", cte="quoted-printable")
    return message.as_bytes()


@pytest.fixture(scope="module")
def stamp(tmp_path_factory: pytest.TempPathFactory) -> Stamp:
    return open_letter(a_letter(_project(tmp_path_factory.mktemp("project"))).mail)


def _project(folder: Path) -> Path:
    named, plain = "{{ slot('name', default='läsare & <vän>') }}", "{{ slot('name') }}"
    links = {"/u/" + "u" * 38: "{{ unsubscribe_url }}", "/view/" + "v" * 38: "{{ view_url }}"}
    text, page = TEXT % (named, plain, named, named, named), HTML % (named, plain, named, named, named)
    for printed, written in links.items():
        link = f"https://nytt.example.com{printed}"
        text, page = text.replace(link, written), page.replace(link, written)
    return a_design(folder, page, text)


def read(mail: bytes) -> list[Read]:
    """Return what both parsers find in a mail."""
    return [by_email(mail), by_mailparse(mail)]


def stamped(stamp: Stamp, name: str) -> list[Read]:
    """Return what they find in the mail that is stamped for a name."""
    return read(stamp.fill(a_reader(name=name)))


def meant(name: str) -> list[Read]:
    """Return what they find in the plain mail, and who it is to."""
    return [replace(one, to=(clean(name), "anna@example.com")) for one in read(composed(name))]


@pytest.mark.parametrize("name", [*NAMES, *HOSTILE])
def test_difficult_name_is_read_as_if_plainly_composed(stamp: Stamp, name: str) -> None:
    assert stamped(stamp, name) == meant(name)


def test_names_by_chance_are_read_as_if_plainly_composed(stamp: Stamp) -> None:
    chance = random.Random(9)
    for _ in range(150):
        name = a_name(chance)
        assert stamped(stamp, name) == meant(name)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.characters(), max_size=150))
def test_any_name_is_read_as_if_plainly_composed(stamp: Stamp, name: str) -> None:
    assert stamped(stamp, name) == meant(name)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.text(st.sampled_from(" .=?_\"\\<>,;:()@\r\n\t&'FromqbÅ=?utf-8"), max_size=200))
def test_signs_that_mean_something_to_a_parser_mean_nothing_in_a_name(stamp: Stamp, name: str) -> None:
    assert stamped(stamp, name) == meant(name)


@pytest.mark.parametrize("address", ["o'brien+tag@example.com", "a.b-c_d@mail.example.co.uk", "1@example.com"])
def test_address_is_read_back_as_it_was(stamp: Stamp, address: str) -> None:
    mail = stamp.fill(a_reader(name="Å, B", address=address))

    assert by_email(mail).to == by_mailparse(mail).to == ("Å, B", address)
