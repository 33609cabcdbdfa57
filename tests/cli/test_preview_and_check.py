"""``digest preview`` and ``digest check``: an edition looked at before it goes out."""

import email
import email.policy
import shutil
import sqlite3
from pathlib import Path

import pytest

from tests.checkout import ROOT
from tests.cli.conftest import TOML, Run

DATE = ("--date", "2025-11-30")
FILES = ["edition.html", "edition.txt", "message.eml"]


@pytest.fixture
def design(ready: Path) -> Path:
    """The design of a ready project, in its own templates/."""
    for folder in ("senaste-nytt", "shared"):
        shutil.copytree(ROOT / "templates" / folder, ready / "templates" / folder)
    return ready / "templates" / "senaste-nytt"


def findings(digest: Run, *arguments: str) -> dict[str, str]:
    checked = digest("check", *DATE, "--json", *arguments).json
    return {finding["rule"]: finding["level"] for finding in checked["findings"]}


def test_three_files_show_the_edition_as_it_would_go_out(ready: Path, digest: Run) -> None:
    previewed = digest("preview", *DATE)

    assert (previewed.code, previewed.err) == (0, "")
    assert previewed.out.splitlines() == [str(ready / "preview" / name) for name in FILES]
    html, text, mail = (Path(line) for line in previewed.out.splitlines())
    assert "Backkameror" in html.read_text()
    assert "Söndag 30 november 2025" in text.read_text()
    message = email.message_from_bytes(mail.read_bytes(), policy=email.policy.default)
    assert message["Subject"] == "Nyheter: Luftrenare"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]


def test_the_files_may_go_elsewhere_and_json_names_them(ready: Path, digest: Run) -> None:
    previewed = digest("preview", *DATE, "--out", "a/b", "--json")

    assert previewed.json == {
        "schema": 1,
        "edition": "nyheter/2025-11-30",
        "articles": 2,
        "files": [f"a/b/{name}" for name in FILES],
    }
    assert sorted(path.name for path in (ready / "a" / "b").iterdir()) == FILES
    assert not (ready / "preview").exists()


def test_a_preview_for_somebody_speaks_their_language_and_name(ready: Path, digest: Run) -> None:
    digest("preview", *DATE, "--for", "liam@example.com")
    mail = email.message_from_bytes((ready / "preview" / "message.eml").read_bytes(), policy=email.policy.default)

    assert mail["To"] == "Liam O'Connor <liam@example.com>"
    assert "Sunday, November 30, 2025" in (ready / "preview" / "edition.txt").read_text()
    digest("preview", *DATE, "--for", "BO@example.com")
    assert "Söndag 30 november 2025" in (ready / "preview" / "edition.txt").read_text()


def test_a_preview_for_somebody_unknown_is_refused(ready: Path, digest: Run) -> None:
    refused = digest("preview", *DATE, "--for", "eva@example.com")

    assert refused.code == 1
    assert "nobody is known as eva@example.com" in refused.err
    assert not (ready / "preview").exists()


def test_nothing_new_makes_no_files(project: Path, digest: Run) -> None:
    previewed, as_json = digest("preview", *DATE), digest("preview", *DATE, "--json")

    assert (previewed.code, previewed.out) == (0, "")
    assert previewed.err == "nyheter/2025-11-30: nothing new, so there is no letter\n"
    assert (as_json.json["articles"], as_json.json["files"]) == (0, [])
    assert not (project / "preview").exists()


def test_a_preview_and_a_check_freeze_nothing(ready: Path, digest: Run) -> None:
    digest("preview", *DATE)
    digest("check", *DATE)

    assert digest("editions", "list", "--json").json["editions"] == []
    assert {a["placements"][0]["state"] for a in digest("articles", "list", "--json").json["articles"]} == {"waiting"}
    assert not (ready / "outbox").exists()


def test_a_folder_that_cannot_be_written_is_one_line(ready: Path, digest: Run) -> None:
    (ready / "file").write_text("")
    refused = digest("preview", *DATE, "--out", "file")

    assert (refused.code, refused.err) == (1, "digest: file cannot be written: File exists\n")


def test_links_of_a_preview_are_nobodys(ready: Path, digest: Run) -> None:
    digest("preview", *DATE, "--for", "anna@example.com")
    mail = (ready / "preview" / "message.eml").read_text()

    assert "/u/preview" in mail
    with sqlite3.connect(ready / "digest.db") as store:
        (uid,) = store.execute("SELECT uid FROM installation").fetchone()
    assert uid not in mail


def test_a_check_without_objection_says_so(ready: Path, digest: Run) -> None:
    checked, as_json = digest("check", *DATE), digest("check", *DATE, "--json")

    assert (checked.code, checked.out, checked.err) == (0, "", "preflight: nothing to object to\n")
    said = as_json.json
    findings = said.pop("findings")
    assert said == {
        "schema": 1, "verdict": "pass", "edition": "nyheter/2025-11-30", "articles": 2, "readers": 3, "letters": 2,
        "links": None, "off": [],
    }  # fmt: skip
    assert {tuple(finding) for finding in findings} == {("rule", "level", "message", "where", "forced")}


def test_a_warning_stops_nothing(ready: Path, digest: Run) -> None:
    (ready / "digest.toml").write_text(TOML.replace("postal_address", "# postal_address"))
    checked = digest("check", *DATE)

    assert checked.code == 0
    assert checked.out.startswith("warn: postal_address: the law of most readers wants a postal address")
    assert digest("check", *DATE, "--json").json["verdict"] == "warn"


def test_no_article_and_no_reader_are_found(project: Path, digest: Run) -> None:
    checked = digest("check", *DATE, "--json")

    assert (checked.code, checked.json["verdict"]) == (6, "hold")
    levels = {finding["rule"]: finding["level"] for finding in checked.json["findings"]}
    assert (levels["articles"], levels["readers"]) == ("warn", "hold")


@pytest.mark.parametrize(("name", "part"), [("macros.html.j2", "HTML"), ("text.txt.j2", "text")])
def test_a_design_without_an_unsubscribe_link_holds_until_it_is_forced(
    design: Path, digest: Run, name: str, part: str
) -> None:
    template = design.parent / "shared" / name
    assert "unsubscribe_url" in template.read_text()
    template.write_text(template.read_text().replace("unsubscribe_url", "view_url"))
    checked = digest("check", *DATE)

    assert checked.code == 6
    assert f"hold: unsubscribe: the {part} part has no unsubscribe link" in checked.out
    assert "(senaste-nytt, sv)" in checked.out
    assert digest("send", *DATE, "--json").json["state"] == "held"
    forced = digest("check", *DATE, "--force", "unsubscribe")
    assert forced.code == 0
    assert "hold, forced: unsubscribe" in forced.out


def test_a_rule_that_there_is_none_of_cannot_be_forced(ready: Path, digest: Run) -> None:
    for command in ("check", "send"):
        refused = digest(command, *DATE, "--force", "reader")
        assert refused.code == 2
        assert "no rule 'reader'" in refused.err
        assert "did you mean 'readers'?" in refused.err


def test_a_real_relay_wants_more(ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (ready / "digest.toml").write_text(TOML.replace("postal_address", "# postal_address"))
    monkeypatch.setenv("DIGEST_RELAY_URL", "smtps://mail.example.com")
    levels = findings(digest)

    assert {rule for rule, level in levels.items() if level == "hold"} == {"postal_address", "sender", "base_url"}


@pytest.mark.parametrize(("size", "level"), [(85_000, "warn"), (100_001, "hold")])
def test_html_that_gmail_would_cut_warns_and_then_holds(design: Path, digest: Run, size: int, level: str) -> None:
    html = design / "letter.html.j2"
    head, block, tail = html.read_text().rpartition("{% endblock %}")
    html.write_text(f"{head}<p>{'x' * size}</p>{block}{tail}")

    assert findings(digest)["html_size"] == level


@pytest.mark.parametrize(
    ("name", "line", "words"),
    [
        ("letter.html.j2", "{{ nothing_of_the_kind }}", "'nothing_of_the_kind' is undefined"),
        ("letter.txt.j2", "{% if %}", "Expected an expression"),
        ("letter.txt.j2", "{{ slot('name') | upper }}", "a slot is written as"),
        ("letter.txt.j2", "{% include 'nowhere.j2' %}", "templates/nowhere.j2 is not there"),
    ],
)
def test_a_fault_in_a_template_names_file_and_line(design: Path, digest: Run, name: str, line: str, words: str) -> None:
    (design / name).write_text(f"\n{line}\n" + (design / name).read_text())
    for command in ("preview", "check", "send"):
        refused = digest(command, *DATE)
        assert refused.code == 4
        assert refused.err.startswith(f"digest: templates/senaste-nytt/{name}, line 2: ")
        assert words in refused.err


def test_a_fault_in_the_subject_names_it(ready: Path, digest: Run) -> None:
    (ready / "digest.toml").write_text(TOML.replace('title = "Nyheter"', 'title = "Nyheter"\nsubject = "{{ titel }}"'))
    refused = digest("preview", *DATE)

    assert refused.code == 4
    assert refused.err == "digest: subject in digest.toml: 'titel' is undefined\n"


def test_an_unknown_design_or_newsletter_is_refused(ready: Path, digest: Run) -> None:
    assert digest("preview", "nyhter").code == 4
    (ready / "digest.toml").write_text(TOML.replace('title = "Nyheter"', 'title = "Nyheter"\ndesign = "senaste-nyt"'))
    refused = digest("check", *DATE)

    assert refused.code == 4
    assert "did you mean 'senaste-nytt'?" in refused.err


def test_preview_of_a_frozen_edition_is_the_letter_its_readers_got(ready: Path, digest: Run) -> None:
    digest("preview", "--date", "2025-11-30", "--out", "before")
    digest("send", "--date", "2025-11-30")
    digest("articles", "add", "--title", "Kom efteråt", "--published", "2025-11-30")
    shown = digest("preview", "--date", "2025-11-30", "--out", "after", "--json")
    in_english = digest("preview", "--date", "2025-11-30", "--out", "english", "--for", "liam@example.com")

    assert (shown.code, shown.json["articles"], in_english.code) == (0, 2, 0)
    assert (ready / "after" / "edition.txt").read_text() == (ready / "before" / "edition.txt").read_text()
    assert "Sunday, November 30, 2025" in (ready / "english" / "edition.txt").read_text()
