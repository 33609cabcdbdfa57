"""``digest editions reopen`` and ``revise``: made anew before any mail, and for who has had none."""

import datetime as dt
import email
import email.policy
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from digest.delivery.examine import examine
from digest.delivery.preflight import Verdict
from digest.demo.smtpd import RecordingServer
from digest.store import articles
from tests.cli.conftest import TOML, Run
from tests.cli.editor import (
    ANNA,
    BO,
    KEY,
    LIAM,
    counts_of,
    do,
    killed_at,
    mailed,
    message_id,
    recipients,
    send_half,
    shown,
    subject,
)
from tests.cli.test_editions import KEYS
from tests.cli.test_send import DATE, READERS, answering, use
from tests.serving import serving

pytestmark = pytest.mark.usefixtures("one_connection")


def test_a_rehearsed_edition_is_reopened_and_made_anew_from_mended_articles(
    digest: Run, relay: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGEST_RELAY_URL")
    digest("send", *DATE)
    reopened = do(digest, "reopen").json
    audited = digest("editions", "audit", "--json").json
    digest("articles", "edit", 2, "--title", "Rättad")
    use(monkeypatch, relay.url)
    sent = digest("send", *DATE, "--json").json

    assert (reopened["state"], reopened["audience"], reopened["articles"]) == ("draft", 0, 0)
    assert audited["waiting"] == [1, 2]
    assert (sent["edition"], sent["state"], counts_of(sent)) == (KEY, "sent", {"sent": 3})
    assert {subject(mail) for mail in relay.mails} == {"Nyheter: Rättad"}
    assert [one["did"] for one in shown(digest)["history"]] == ["reopened"]


def test_a_draft_is_reopened_already(digest: Run) -> None:
    digest("send", *DATE)
    do(digest, "reopen")
    again = digest("editions", "reopen", KEY, "-v")

    assert (again.code, again.err) == (0, f"{KEY} is a draft already\n")


@pytest.mark.parametrize("before", [(), ("pause",), ("cancel",), ("cancel --unbind",)])
def test_an_edition_whose_relay_was_never_reached_is_reopened(
    digest: Run, relay: RecordingServer, monkeypatch: pytest.MonkeyPatch, before: tuple[str, ...]
) -> None:
    use(monkeypatch, "smtp+plain://127.0.0.1:1")
    assert digest("send", *DATE, "--wait", "0").code == 1
    for verb in before:
        do(digest, *verb.split())
    do(digest, "reopen")
    digest("articles", "edit", 2, "--title", "Rättad")
    use(monkeypatch, relay.url)
    sent = digest("send", *DATE, "--json")

    assert (sent.code, sent.json["state"], counts_of(sent.json)) == (0, "sent", {"sent": 3})
    assert recipients(relay) == READERS
    assert {subject(mail) for mail in mailed(relay)} == {"Nyheter: Rättad"}


@pytest.mark.parametrize(
    ("state", "advice"),
    [
        ("sending", "digest editions pause stops it, then revise makes new letters for the others"),
        ("paused", "digest editions revise makes new letters for the others"),
        ("cancelled", "digest editions cancel --unbind gives its articles to the next edition"),
    ],
)
def test_an_edition_of_which_one_mail_has_gone_out_is_not_reopened(
    digest: Run, monkeypatch: pytest.MonkeyPatch, state: str, advice: str
) -> None:
    send_half(digest, monkeypatch)
    if state != "paused":
        do(digest, "resume" if state == "sending" else "cancel")
    refused = digest("editions", "reopen", KEY)

    assert (refused.code, refused.err) == (1, f"digest: {KEY} is {state}: some of it has gone out; {advice}\n")
    assert shown(digest)["audience"] == 3


# Two letters under one Message-ID would be two mails that a reader's program takes for one: only where none went out.
def test_a_message_id_is_used_again_only_where_nothing_was_mailed(
    digest: Run, relay: RecordingServer, ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DIGEST_RELAY_URL")
    digest("send", *DATE)
    rehearsed = {
        one["message_id"] for one in digest("editions", "show", KEY, "--deliveries", "--json").json["deliveries"]
    }
    do(digest, "reopen")
    use(monkeypatch, relay.url)
    digest("send", *DATE)

    assert {message_id(mail) for mail in mailed(relay)} == rehearsed
    assert digest("editions", "reopen", KEY).code == 1


def test_later_readers_get_the_revised_letter_and_earlier_ones_keep_theirs(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send_half(digest, monkeypatch)
    digest("articles", "edit", 2, "--title", "Rättad rubrik")
    revised = digest("editions", "revise", KEY, "-v")
    report = do(digest, "revise").json
    do(digest, "resume")
    with serving() as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")

    assert revised.err.endswith(
        f"{KEY}: revised for 2 readers; digest editions resume lets it go on, who has the earlier letter keeps it\n"
    )
    assert (list(report), report["revised"], report["state"]) == (["schema", *KEYS, "revised"], 2, "paused")
    assert (sent.code, counts_of(sent.json)) == (0, {"sent": 3})
    assert [subject(mail) for mail in first] == ["Nyheter: Luftrenare"]
    assert sorted((mail.recipient, subject(mail)) for mail in mailed(server)) == [
        (BO, "Nyheter: Rättad rubrik"), (LIAM, "Nyheter: Rättad rubrik"),
    ]  # fmt: skip


def test_show_and_audit_name_every_version_with_its_readers(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send_half(digest, monkeypatch)
    before = digest("editions", "audit", "--json").json["revised"]
    for title in ("Rättad", "Rättad igen"):
        digest("articles", "edit", 2, "--title", title)
        do(digest, "revise")
    letters = [
        (one["version"], one["language"], one["subject"].partition(": ")[2], one["readers"])
        for one in shown(digest)["letters"]
    ]
    audited = digest("editions", "audit", "--json").json

    assert before == {}
    assert letters == [
        (1, "sv", "Luftrenare", 1), (1, "en", "Luftrenare", 0), (2, "sv", "Rättad", 0), (2, "en", "Rättad", 0),
        (3, "sv", "Rättad igen", 1), (3, "en", "Rättad igen", 1),
    ]  # fmt: skip
    assert audited["revised"] == {KEY: shown(digest)["letters"]}
    lines = digest("editions", "show", KEY).out.splitlines()
    assert any(line.startswith("letter:      version 1, sv, 1 reader, ") for line in lines)
    assert any(line.startswith("letter:      version 3, en, 1 reader, ") for line in lines)
    row = next(line for line in digest("editions", "audit").out.splitlines() if line.startswith(f"in {KEY}"))
    assert row.endswith("\t1 have version 1, 0 have version 2, 2 have version 3")


def test_a_revised_letter_has_the_lead_story_that_it_had(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    digest("articles", "pin", 1)
    first = send_half(digest, monkeypatch)
    digest("articles", "edit", 2, "--lead", "Mycket ren luft.")
    do(digest, "revise")
    do(digest, "resume")
    with serving() as server:
        use(monkeypatch, server.url)
        digest("send", *DATE)

    assert {subject(mail) for mail in [*first, *mailed(server)]} == {"Nyheter: Backkameror"}


def test_a_reader_put_off_gets_the_revised_letter_too(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(answering("rcpt", b"451 4.7.1 greylisted\r\n", "bo@")) as server:
        use(monkeypatch, server.url)
        digest("send", *DATE, "--wait", "0")
    do(digest, "pause")
    digest("articles", "edit", 2, "--title", "Rättad")
    assert do(digest, "revise").json["revised"] == 1
    do(digest, "resume")
    do(digest, "retry")
    with serving() as later:
        use(monkeypatch, later.url)
        assert digest("send", *DATE).code == 0

    assert [(mail.recipient, subject(mail)) for mail in mailed(later)] == [(BO, "Nyheter: Rättad")]


def test_mail_in_doubt_is_sent_again_with_the_bytes_it_had_whatever_was_revised(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = killed_at(ready, "answered:1")
    do(digest, "pause")
    digest("articles", "edit", 2, "--title", "Rättad")
    assert do(digest, "revise").json["revised"] == 2
    do(digest, "resume")
    with serving() as server:
        use(monkeypatch, server.url)
        assert digest("send", *DATE).code == 0

    again = {mail.recipient: mail for mail in mailed(server)}
    assert again[ANNA].content == first[0].content
    assert {subject(again[BO]), subject(again[LIAM])} == {"Nyheter: Rättad"}


def test_an_article_that_changes_while_it_is_revised_is_read_again(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_half(digest, monkeypatch)
    seen: list[str] = []

    def change_once(*arguments: Any) -> Verdict:
        project, made = arguments[:2]
        if not seen:
            articles.edit(project.store, 2, {"title": "Ny rubrik"}, made.at)
        seen.append(made.letters[0].subject)
        return examine(*arguments)

    monkeypatch.setattr("digest.delivery.revise.examine", change_once)
    do(digest, "revise")

    assert seen == ["Nyheter: Luftrenare", "Nyheter: Ny rubrik"]
    assert [one["version"] for one in shown(digest)["letters"]] == [1, 1, 2, 2]
    assert shown(digest)["letters"][-1]["subject"] == "Nyheter: Ny rubrik"


def test_articles_that_never_come_to_rest_are_not_revised(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send_half(digest, monkeypatch)
    tries = 0

    def change(*arguments: Any) -> Verdict:
        nonlocal tries
        tries += 1
        articles.edit(arguments[0].store, 2, {"title": f"Rubrik {tries}"}, dt.datetime.now(dt.UTC))
        return examine(*arguments)

    monkeypatch.setattr("digest.delivery.revise.examine", change)
    refused = digest("editions", "revise", KEY)

    assert (refused.code, tries) == (1, 3)
    assert refused.err == (
        f"digest: {KEY} is not revised: its articles keep changing; run this again when they are quiet\n"
    )
    assert len(shown(digest)["letters"]) == 2


def test_a_revised_letter_that_preflight_holds_is_not_taken_unless_forced(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_half(digest, monkeypatch)
    rule = '[newsletters.nyheter.preflight]\ncapitals = "hold"\n\n[lists.industri]'
    (ready / "digest.toml").write_text(TOML.replace("[lists.industri]", rule), encoding="utf-8")
    digest("articles", "edit", 2, "--title", "LUFTRENARE")
    held = digest("editions", "revise", KEY, "--json")
    forced = digest("editions", "revise", KEY, "--force", "capitals", "--json")

    assert held.code == 6
    assert held.json["error"].startswith(f"{KEY} is not revised: capitals: ")
    assert "--force the rule" in held.err
    assert (forced.code, forced.json["revised"]) == (0, 2)
    history = digest("editions", "show", KEY, "--json").json["history"]
    assert history[-1]["detail"].startswith("version 2; forced capitals: ")


def test_nothing_is_revised_when_nobody_waits_for_a_letter(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    with sqlite3.connect("digest.db") as store:
        store.execute("UPDATE edition SET state = 'paused', finished_at = NULL")
    refused = digest("editions", "revise", KEY)

    assert refused.code == 1
    assert refused.err == (
        f"digest: {KEY} is paused, and nobody in it waits for a letter; digest editions resume ends it, "
        "digest send --extra makes another edition of the date\n"
    )
    assert len(shown(digest)["letters"]) == 2


def test_a_revised_letter_keeps_the_return_path_of_its_edition(
    ready: Path, digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DIGEST_BOUNCE_ADDRESS", "studs@example.com")
    send_half(digest, monkeypatch)
    monkeypatch.setenv("DIGEST_BOUNCE_ADDRESS", "annan@example.com")
    do(digest, "revise")
    do(digest, "resume")
    with serving() as server:
        use(monkeypatch, server.url)
        assert digest("send", *DATE).code == 0

    for mail in mailed(server):
        assert mail.sender.startswith("studs+")
        left = email.message_from_bytes(mail.content)["List-Unsubscribe"]
        assert f"mailto:{mail.sender.partition('@')[0]}@example.com" in "".join(left.split())
