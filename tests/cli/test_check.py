"""``digest check`` and what preflight does to a send: rules set in digest.toml, holds, and what was forced."""

import email
import email.policy
import json
from pathlib import Path

import pytest

from digest.demo.smtpd import RecordingServer
from tests.cli.conftest import TOML, Run
from tests.cli.editor import KEY, do
from tests.cli.test_send import use
from tests.serving import serving

DATE = ("--date", "2025-11-30")
NEXT = ("--date", "2025-12-01")


def rules(digest: Run, *arguments: str, level: str = "warn") -> dict[str, str]:
    """Return what the rules of a level say."""
    findings = digest("check", *arguments, "--json").json["findings"]
    return {finding["rule"]: finding["message"] for finding in findings if finding["level"] == level}


def preflight(project: Path, *lines: str) -> None:
    text = "\n".join(["[newsletters.nyheter.preflight]", *lines, "", "[lists.industri]"])
    (project / "digest.toml").write_text(TOML.replace("[lists.industri]", text), encoding="utf-8")


def add(digest: Run, title: str, *more: str, published: str = "2025-12-01") -> None:
    added = digest("articles", "add", "--title", title, "--published", published, *more)
    assert added.code == 0, added.err


@pytest.fixture
def sent(ready: Path, digest: Run) -> Path:
    """A project whose edition of 2025-11-30 has been rehearsed."""
    assert digest("send", *DATE).code == 0
    return ready


def test_the_day_after_the_same_headline_and_subject_are_told(sent: Path, digest: Run) -> None:
    add(digest, "Luftrenare")
    said = rules(digest, *NEXT)

    assert "ran on 2025-11-30" in said["repeated"]
    assert "2025-11-30 too: Gmail makes one thread" in said["same_subject"]
    assert digest("check", *NEXT).code == 0


def test_the_day_after_another_headline_is_nothing_to_speak_of(sent: Path, digest: Run) -> None:
    add(digest, "Gummimattor")

    assert rules(digest, *NEXT) == {}


def test_what_was_only_rehearsed_no_reader_has_had(sent: Path, digest: Run, relay: RecordingServer) -> None:
    add(digest, "Luftrenare")

    assert "repeated" not in rules(digest, *NEXT)
    assert digest("send", *DATE, "--yes").code == 0
    assert "repeated" in rules(digest, *NEXT)


def test_an_edition_that_was_long_ago_repeats_nothing(sent: Path, digest: Run) -> None:
    add(digest, "Luftrenare", published="2025-12-15")

    assert "repeated" not in rules(digest, "--date", "2025-12-15")
    preflight(sent, "repeat_days = 30")
    assert "repeated" in rules(digest, "--date", "2025-12-15")


def test_five_editions_tell_what_is_usual(ready: Path, digest: Run) -> None:
    archive = [{"title": f"Arkiv {letter}", "published": "2025-12-06"} for letter in "abcdefghijkl"]
    daily = [{"title": f"Nyhet {'abcd'[day - 1]}", "published": f"2025-12-0{day}"} for day in range(1, 5)]
    (ready / "more.json").write_text(json.dumps([*archive, *daily]), encoding="utf-8")
    assert digest("articles", "import", "more.json").code == 0
    for date in ("2025-11-30", "2025-12-01", "2025-12-02", "2025-12-03"):
        assert digest("send", "--date", date).code == 0

    assert "count" not in rules(digest, "--date", "2025-12-06")
    assert digest("send", "--date", "2025-12-04").code == 0
    assert rules(digest, "--date", "2025-12-06")["count"].startswith("12 articles, and 1 are usual: ")


def test_a_rule_that_digest_toml_makes_hold_stops_the_send_and_forcing_it_is_recorded(sent: Path, digest: Run) -> None:
    preflight(sent, 'repeated = "hold"')
    add(digest, "Luftrenare")
    held = digest("send", *NEXT, "--json")

    assert (held.code, held.json["state"]) == (6, "held")
    assert held.json["reason"].startswith('repeated: "Luftrenare": this headline ran on 2025-11-30')
    assert digest("check", *NEXT).code == 6
    forced = digest("send", *NEXT, "--force", "repeated", "--json")
    assert (forced.code, forced.json["state"]) == (0, "rehearsed")
    (line,) = digest("editions", "show", "nyheter/2025-12-01", "--json").json["history"]
    assert (line["did"], line["detail"][:24]) == ("forced", 'repeated: "Luftrenare": ')
    assert line["by"]
    assert "forced:" in digest("editions", "show", "nyheter/2025-12-01").out


def test_forcing_a_rule_that_does_not_hold_leaves_no_trace(sent: Path, digest: Run) -> None:
    add(digest, "Gummimattor")
    digest("send", *NEXT, "--force", "repeated")

    assert digest("editions", "show", "nyheter/2025-12-01", "--json").json["history"] == []


def test_a_hold_tells_the_editors_each_rule_a_few_times(sent: Path, digest: Run) -> None:
    preflight(sent, 'capitals = "hold"', "repeat_days = 1")
    for n in range(7):
        add(digest, f"LUFTRENARE {'ABCDEFG'[n] * 4}")
    assert digest("send", *NEXT).code == 6

    mails = [file.read_bytes() for file in (sent / "outbox").rglob("*") if file.is_file()]
    (notice,) = [mail for mail in mails if b"\r\nAuto-Submitted:" in mail or b"\nAuto-Submitted:" in mail]
    text = email.message_from_bytes(notice, policy=email.policy.default).get_content()
    words = " ".join(text.split())
    assert words.count("capitals: ") == 4
    assert "capitals: and 4 more" in words
    assert "--force" in words


def test_a_rule_that_is_off_is_not_asked(sent: Path, digest: Run) -> None:
    preflight(sent, 'repeated = "off"', 'same_subject = "off"')
    add(digest, "Luftrenare")
    checked = digest("check", *NEXT, "--json").json

    assert (checked["verdict"], checked["off"]) == ("pass", ["repeated", "same_subject"])


def test_an_edition_that_goes_on_is_not_asked_again(sent: Path, digest: Run) -> None:
    (sent / "digest.toml").write_text(TOML.replace("postal_address", "# postal_address"))
    again = digest("send", *DATE, "--verbose")

    assert again.code == 0
    assert "postal" not in again.err


def test_links_are_asked_only_when_somebody_says_so_and_never_here(project: Path, digest: Run) -> None:
    add(digest, "Intern", "--url", "http://127.0.0.1/intern", published="2025-11-30")
    quiet, asked = digest("check", *DATE, "--json").json, digest("check", *DATE, "--links", "--json").json

    assert (quiet["links"], asked["links"]) == (None, 1)
    assert "links" not in {finding["rule"] for finding in quiet["findings"] if finding["message"]}
    (said,) = [one for one in asked["findings"] if one["rule"] == "links"]
    assert said["message"] == '"Intern": dead link: readers cannot go there: 127.0.0.1 is in a private network'
    assert said["level"] == "warn"


def test_a_wrong_weekday_is_seen_from_the_date_of_the_edition(ready: Path, digest: Run) -> None:
    add(digest, "Mässa måndag 2 december", published="2025-11-30")

    assert '"måndag 2 december" is wrong, that date is a tisdag' in rules(digest, *DATE)["weekday"]


def frozen(digest: Run) -> tuple[int, str]:
    """Return how a check ends, and what it says of editions that are frozen."""
    checked = digest("check", *DATE, "--json")
    return checked.code, "; ".join(one["message"] for one in checked.json["findings"] if one["rule"] == "frozen")


def test_a_frozen_edition_is_no_day_without_news(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(lambda step: b"451 later\r\n" if step.name == "mail" else None) as busy:
        use(monkeypatch, busy.url)
        digest("send", *DATE, "--wait", "0")
        waits = frozen(digest)
        digest("articles", "edit", 1, "--embargo-until", "2999-01-01")
        held = frozen(digest)
        digest("articles", "edit", 1, "--embargo-until", "")
        monkeypatch.delenv("DIGEST_RELAY_URL")
        elsewhere = frozen(digest)
        use(monkeypatch, busy.url)
        do(digest, "pause")
        paused = frozen(digest)
        do(digest, "resume")
    with serving() as relay:
        use(monkeypatch, relay.url)
        assert digest("send", *DATE).code == 0
        done = digest("check", *DATE)

    assert waits == (0, f"{KEY} has 3 to go; digest send goes on with it")
    assert (held[0], held[1].partition(" until")[0]) == (6, f"{KEY}: article 1 is under embargo")
    assert (elsewhere[0], elsewhere[1].partition(",")[0]) == (6, f"{KEY} has begun to go out through a relay")
    assert paused == (6, f"{KEY} is paused; go on with: digest editions resume {KEY}")
    assert (done.code, done.out) == (0, f"pass: frozen: {KEY} is sent already; nothing is left to send\n")


def test_what_came_after_a_frozen_edition_is_looked_at(sent: Path, digest: Run) -> None:
    add(digest, "KÖP BILLIGA LUFTRENARE", published="2025-11-30")

    assert frozen(digest) == (0, f"{KEY} is rehearsed already; nothing is left to send")
    assert "capitals" in rules(digest, *DATE)
