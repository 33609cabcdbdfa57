"""``digest editions pause, resume, cancel``, and how every verb refuses."""

import sqlite3
from pathlib import Path

import pytest

from digest.demo.smtpd import RecordingServer
from tests.cli.conftest import Run
from tests.cli.editor import (
    ANNA,
    BO,
    KEY,
    LIAM,
    VERBS,
    counts_of,
    do,
    doubts,
    killed_at,
    mailed,
    recipients,
    send_half,
    shown,
)
from tests.cli.test_editions import KEYS
from tests.cli.test_send import DATE, READERS, use
from tests.serving import serving

pytestmark = pytest.mark.usefixtures("one_connection")


def test_a_paused_edition_waits_and_a_resumed_one_goes_to_who_has_had_none(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = send_half(digest, monkeypatch)
    with serving() as server:
        use(monkeypatch, server.url)
        held = digest("send", *DATE, "--json")
        due = digest("editions", "list", "--json").json["editions"][0]
        resumed = do(digest, "resume").json
        sent = digest("send", *DATE, "--json")

    assert (held.code, held.json["state"], counts_of(held.json)) == (6, "paused", {"sent": 1, "pending": 2})
    assert held.err == f"{KEY}: paused by an editor; digest editions resume lets it go on\n"
    assert due["state"] == "paused"
    assert (resumed["state"], list(resumed)) == ("sending", ["schema", *KEYS])
    assert (sent.code, sent.json["state"], counts_of(sent.json)) == (0, "sent", {"sent": 3})
    assert [mail.recipient for mail in first] == [ANNA]
    assert recipients(server) == [BO, LIAM]


def test_pausing_twice_and_cancelling_twice_do_no_harm(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send_half(digest, monkeypatch)

    again = digest("editions", "pause", KEY, "-v")
    cancelled = digest("editions", "cancel", KEY, "-v")
    twice = digest("editions", "cancel", KEY, "-v")

    assert (again.code, again.err) == (0, f"{KEY} is paused already\n")
    assert (cancelled.code, cancelled.err) == (0, f"{KEY}: 2 letters cancelled, 1 had gone out\n")
    assert (twice.code, twice.err) == (0, f"{KEY} is cancelled already\n")
    assert [one["did"] for one in shown(digest)["history"]] == ["paused", "cancelled"]


def test_an_edition_that_has_not_begun_is_frozen_again_when_it_is_resumed(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    use(monkeypatch, "smtp+plain://127.0.0.1:1")
    digest("send", *DATE, "--wait", "0")
    do(digest, "pause")

    assert do(digest, "resume").json["state"] == "frozen"


def test_an_edition_paused_at_its_very_end_is_done_when_it_is_resumed(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    with sqlite3.connect("digest.db") as store:
        store.execute("UPDATE edition SET state = 'paused', finished_at = NULL")

    assert do(digest, "resume").json["state"] == "sent"


def test_another_date_is_sent_past_a_paused_edition(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send_half(digest, monkeypatch)
    digest("articles", "add", "--title", "Nästa dag", "--published", "2025-12-01")
    with serving() as server:
        use(monkeypatch, server.url)
        sent = digest("send", "--date", "2025-12-01", "--json")

    assert (sent.code, sent.json["edition"], sent.json["sent"]) == (0, "nyheter/2025-12-01", 3)
    assert counts_of(shown(digest)) == {"sent": 1, "pending": 2}


def test_cancelling_cancels_what_has_not_gone_out_and_keeps_the_articles(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_half(digest, monkeypatch, then="cancel")
    with serving() as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")
        extra = digest("send", *DATE, "--extra", "--json")

    assert (sent.code, sent.json["state"], counts_of(sent.json)) == (0, "cancelled", {"sent": 1, "cancelled": 2})
    assert (extra.code, extra.json["state"]) == (0, "empty")
    assert mailed(server) == []
    assert len(shown(digest)["articles_printed"]) == 2


def test_the_articles_of_a_cancelled_edition_go_into_the_next_when_they_are_given_back(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_half(digest, monkeypatch, then="cancel")
    freed = digest("editions", "cancel", KEY, "--unbind", "-v")
    twice = digest("editions", "cancel", KEY, "--unbind", "-v")
    audited = digest("editions", "audit", "--json").json
    with serving() as server:
        use(monkeypatch, server.url)
        extra = digest("send", *DATE, "--extra", "--json").json

    assert freed.err == f"{KEY}: 0 letters cancelled, 1 had gone out; its articles wait for the next edition\n"
    assert twice.err == f"{KEY} is cancelled already\n"
    assert (audited["waiting"], audited["editions"]) == ([1, 2], {})
    assert (extra["edition"], extra["articles"], extra["sent"]) == (f"{KEY}.2", 2, 3)
    assert recipients(server) == READERS
    history = [(one["did"], one["detail"]) for one in shown(digest)["history"]]
    assert history == [("cancelled", ""), ("unbound", "articles: 2")]


def test_cancelling_what_a_killed_send_was_sending_leaves_a_named_doubt(ready: Path, digest: Run) -> None:
    killed_at(ready, "marked:2")

    cancelled = do(digest, "cancel").json

    assert counts_of(cancelled) == {"sent": 1, "in_doubt": 1, "cancelled": 1}
    (doubt,) = doubts(digest)
    assert (doubt["address"], doubt["closed"]) == (BO, True)
    assert digest("send", *DATE, "--json").json["state"] == "cancelled"


def test_cancelling_that_was_killed_on_its_way_is_completed_by_the_next(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_half(digest, monkeypatch)
    with sqlite3.connect("digest.db") as store:
        store.execute("UPDATE edition SET state = 'cancelled'")

    assert counts_of(do(digest, "cancel").json) == {"sent": 1, "cancelled": 2}


@pytest.mark.parametrize("verb", ["pause", "cancel"])
def test_a_rehearsal_that_was_stopped_is_not_mailed_by_a_real_send(
    digest: Run, relay: RecordingServer, monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.delenv("DIGEST_RELAY_URL")
    digest("send", *DATE)
    with sqlite3.connect("digest.db") as store:
        store.execute("UPDATE edition SET state = 'frozen', finished_at = NULL")
    do(digest, verb)
    use(monkeypatch, relay.url)

    sent = digest("send", *DATE, "--json")

    assert sent.code == (6 if verb == "pause" else 0)
    assert mailed(relay) == []


def test_each_verb_refuses_a_sent_edition_in_one_line_that_names_another(digest: Run, relay: RecordingServer) -> None:
    digest("send", *DATE)
    for verb in ("pause", "resume", "cancel", "cancel --unbind", "reopen", "revise"):
        refused = digest("editions", verb.split()[0], KEY, *VERBS[verb], "--json")
        assert refused.code == 1
        assert list(refused.json) == ["schema", "error"]
        assert refused.err.startswith(f"digest: {KEY} is sent: ")
        assert refused.err.count("\n") == 1
        assert "digest send --extra" in refused.err or "digest editions retry" in refused.err
    assert shown(digest)["history"] == []


@pytest.mark.parametrize("verb", VERBS)
def test_an_edition_that_was_never_frozen_takes_no_verb(digest: Run, ready: Path, verb: str) -> None:
    for article in (1, 2):
        digest("articles", "shelve", article)
    digest("send", *DATE)
    refused = digest("editions", verb.split()[0], KEY, *VERBS[verb])

    assert refused.code == 1
    assert refused.err == f"digest: {KEY} is empty: nothing of it is frozen; digest send decides anew\n"


@pytest.mark.parametrize("verb", VERBS)
def test_an_unknown_key_is_refused(digest: Run, verb: str) -> None:
    refused = digest("editions", verb.split()[0], "nyheter/2025-11-29", *VERBS[verb], "--json")

    assert refused.code == 1
    assert refused.json["error"] == "no edition nyheter/2025-11-29; look with: digest editions list"


@pytest.mark.parametrize("verb", ["pause", "resume", "cancel", "cancel --unbind", "retry", "revise"])
def test_a_rehearsed_edition_says_that_nobody_was_mailed(digest: Run, verb: str) -> None:
    digest("send", *DATE)
    refused = digest("editions", verb.split()[0], KEY, *VERBS[verb])

    assert refused.code == 1
    assert refused.err == (
        f"digest: {KEY} is rehearsed: nobody was mailed; digest editions reopen takes it back, digest send mails it\n"
    )


def test_a_verb_is_silent_off_a_terminal(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send_half(digest, monkeypatch)
    for verb in ("resume", "pause", "revise", "retry", "cancel"):
        done = digest("editions", verb, KEY)
        assert (done.code, done.out, done.err) == (0, "", "")
