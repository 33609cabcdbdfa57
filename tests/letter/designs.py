"""A project with a design of its own, and the letter it makes."""

import email
from email import policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

from digest.edition.layout import Layout
from digest.letter.compose import compose
from digest.letter.stamp import Reader, open_letter
from digest.letter.templates import open_templates
from digest.models import Letter
from tests.builders import a_frame, a_layout, an_article

NONCE = "0123456789abcdefghijklmnopqrstuv"
HTML = "<!DOCTYPE html>\n<html><body><p>{{ title }}</p></body></html>\n"
TEXT = "{{ title }}\n"


def a_design(project: Path, html: str = HTML, txt: str = TEXT, **others: str) -> Path:
    """Write the design ``mine`` into a project's folder, and other templates beside it; return the folder."""
    folder = project / "templates" / "mine"
    folder.mkdir(parents=True, exist_ok=True)
    for name, source in {"letter.html.j2": html, "letter.txt.j2": txt, **others}.items():
        (folder / name).write_text(source, encoding="utf-8")
    return project


def a_letter(project: Path, layout: Layout | None = None, *, nonce: str = NONCE, **frame: Any) -> Letter:
    """Return the letter that the project's design ``mine`` makes."""
    layout = layout or a_layout(an_article("Backkameror", lead="Nya modeller."), an_article("Luftrenare"))
    return compose(layout, a_frame(design="mine", **frame), open_templates(project), nonce)


def read(mail: bytes) -> EmailMessage:
    """Return a mail as the standard library reads it."""
    message = email.message_from_bytes(mail, policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return message


def parts(mail: bytes) -> tuple[str, str]:
    """Return the text and the HTML that a mail holds."""
    plain, html = read(mail).iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert (plain.get_content_type(), html.get_content_type()) == ("text/plain", "text/html")
    return plain.get_content().replace("\r\n", "\n"), html.get_content().replace("\r\n", "\n")


def stamped(letter: Letter, reader: Reader) -> bytes:
    """Return one reader's mail."""
    return open_letter(letter.mail).fill(reader)
