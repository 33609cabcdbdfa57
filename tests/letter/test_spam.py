"""What SpamAssassin thinks of the letters, by the rules that come with it and without a network."""

import email
import re
import subprocess
from collections.abc import Callable
from pathlib import Path

from digest.letter.compose import compose
from digest.letter.stamp import open_letter
from digest.letter.templates import open_templates
from tests.builders import a_frame, a_reader, the_seed
from tests.letter.designs import NONCE

LETTERS = [(design, language) for design in ("senaste-nytt", "plain") for language in ("sv", "en")]
LISTS = {"sv": "Industri", "en": "Industry"}
#: Both would make a letter look better than it is to a filter that does not know its rule, or are of the way it came.
NOT_COUNTED = {"MAILING_LIST_MULTI", "NO_RECEIVED", "NO_RELAYS"}
AT_MOST = 1.0
CRLF = "\r\n"
SPAM = (
    b"From: A <a@example.com>\r\nTo: b@example.com\r\nSubject: V1AGRA FREE!!! ACT NOW $$$\r\n"
    b"Date: Sun, 30 Nov 2025 06:30:00 +0100\r\nMessage-ID: <1@example.com>\r\n\r\n"
    b"XJS*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
)


def scores(spamassassin: Path, mails: list[bytes], folder: Path) -> dict[str, dict[str, float]]:
    """Return by Message-ID which rules a mail meets, with their points; one run, since its start takes two seconds."""
    box = "".join(
        f"From a@example.com Sun Nov 30 06:30:00 2025\n{mail.decode().replace(CRLF, chr(10))}\n" for mail in mails
    )
    (folder / "prefs").touch()
    command = [str(spamassassin), "--local", "--mbox", "--prefspath", str(folder / "prefs")]
    command += ["--cf", "add_header all Scores _TESTSSCORES_", "--cf", "report_safe 0"]
    answer = subprocess.run(command, input=box.encode(), capture_output=True, timeout=120, check=True).stdout
    found = {}
    for mail in answer.split(b"\nFrom a@example.com "):
        read = email.message_from_bytes(mail.partition(b"\n")[2])
        points = re.findall(r"(\w+)=(-?[\d.]+)", re.sub(r"\s", "", str(read["X-Spam-Scores"])))
        found[str(read["Message-ID"])] = {name: float(value) for name, value in points}
    return found


def test_no_letter_scores_more_than_one_point(needs: Callable[[str], Path], tmp_path: Path) -> None:
    mails = [*(a_mail(n, *one) for n, one in enumerate(LETTERS)), SPAM]
    found = scores(needs("spamassassin"), mails, tmp_path)

    assert sum(found["<1@example.com>"].values()) > 900
    assert len(found) == len(mails)
    for number, letter in enumerate(LETTERS):
        rules = found[f"<{str(number) * 38}@example.com>"]
        assert "HTML_MESSAGE" in rules, letter
        assert sum(points for rule, points in rules.items() if rule not in NOT_COUNTED) <= AT_MOST, (letter, rules)


def a_mail(number: int, design: str, language: str) -> bytes:
    frame = a_frame(design=design, list_titles=(LISTS[language],))
    return open_letter(compose(the_seed(), frame, open_templates(), NONCE, language).mail).fill(
        a_reader(message_id=str(number) * 38)
    )
