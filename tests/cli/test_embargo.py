"""What is under embargo or has expired reaches no reader: not by an edition, a preview, a copy, or the web."""

import json
from pathlib import Path

import pytest

from digest.demo.smtpd import RecordingServer
from tests.cli.conftest import Run
from tests.cli.editor import ANNA, KEY, counts_of, do, mailed, send_half, shown, subject
from tests.cli.test_send import DATE, use
from tests.serving import serving

pytestmark = pytest.mark.usefixtures("one_connection")
EMBARGO = ("--embargo-until", "2999-01-01")


def edit(digest: Run, number: int, *arguments: str) -> str:
    done = digest("articles", "edit", number, *arguments)
    assert done.code == 0, done.err
    return done.err


@pytest.mark.parametrize("option", ["--embargo-until", "--expires"])
def test_an_editor_sets_and_clears_both(digest: Run, option: str) -> None:
    when = "2999-01-01T06:00" if option == "--embargo-until" else "2020-01-01"
    edit(digest, 1, option, when)
    limited = digest("articles", "show", 1, "--json").json
    listed = digest("articles", "list").out
    kept = digest("preview", *DATE, "--json").json
    edit(digest, 1, option, "")
    cleared = digest("articles", "show", 1, "--json").json

    key = option.removeprefix("--").replace("-", "_")
    assert limited[key] == ("2999-01-01T05:00:00+00:00" if key == "embargo_until" else "2019-12-31T23:00:00+00:00")
    why = "under embargo" if key == "embargo_until" else "expired"
    assert f"Backkameror\twaiting ({why})\n" in listed
    assert "Luftrenare\twaiting\n" in listed
    assert kept["articles"] == 1
    assert cleared[key] is None
    assert digest("preview", *DATE, "--json").json["articles"] == 2


def test_an_article_is_written_under_embargo(digest: Run) -> None:
    added = digest("articles", "add", "--title", "Sen", *EMBARGO, "--expires", "2999-02-01")
    wrong = digest("articles", "add", "--title", "Fel", "--expires", "snart")
    article = digest("articles", "show", 3, "--json").json

    assert added.code == 0
    assert (article["embargo_until"], article["expires"]) == ("2998-12-31T23:00:00+00:00", "2999-01-31T23:00:00+00:00")
    assert wrong.code != 0
    assert "expires 'snart' is not a date" in wrong.err
    assert digest("editions", "audit", "--json").json["embargoed"] == [3]


def test_frozen_letters_wait_for_an_embargo_that_came_later_to_end(
    digest: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(lambda step: b"451 later\r\n" if step.name == "mail" else None) as busy:
        use(monkeypatch, busy.url)
        digest("send", *DATE, "--wait", "0")
    said = edit(digest, 1, *EMBARGO)
    with serving() as server:
        use(monkeypatch, server.url)
        held, as_json = digest("send", *DATE, "--wait", "0"), digest("send", *DATE, "--wait", "0", "--json")
        seen = digest("preview", *DATE)
        nobody = mailed(server)
        edit(digest, 1, "--embargo-until", "")
        sent = digest("send", *DATE, "--json")

    assert "none is begun while it is under embargo" in said
    assert (held.code, as_json.code, seen.code, nobody) == (6, 6, 6, []), held.err
    assert "article 1 is under embargo until 2998-12-31 23:00 UTC" in held.err
    assert "article 1 is under embargo" in seen.err
    assert as_json.json["pending"] == 3
    assert (sent.code, counts_of(sent.json)) == (0, {"sent": 3})


def test_a_revision_leaves_out_what_readers_may_not_see_any_more(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    (first,) = send_half(digest, monkeypatch)
    edit(digest, 2, *EMBARGO)  # the lead story
    stuck = digest("preview", *DATE)
    done = do(digest, "revise")
    do(digest, "resume")
    with serving() as server:
        use(monkeypatch, server.url)
        sent = digest("send", *DATE, "--json")
        again = digest("editions", "resend", KEY, "--to", first.recipient)
        others = mailed(server)

    assert stuck.code == 6
    assert done.json["revised"] == 2
    assert (sent.code, counts_of(sent.json)) == (0, {"sent": 3})
    assert subject(first) == "Nyheter: Luftrenare"
    assert {subject(mail) for mail in others} == {"Nyheter: Backkameror"}
    assert not any(b"Luftrenare" in mail.content for mail in others)
    assert again.code == 6, "the first reader's letter prints it"
    assert [one["role"] for one in shown(digest)["articles_printed"]] == ["lead", None]
    assert digest("editions", "audit", "--json").json["editions"] == {KEY: [1, 2]}


def test_a_revision_of_nothing_is_refused(digest: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    send_half(digest, monkeypatch)
    edit(digest, 1, *EMBARGO)
    edit(digest, 2, "--expires", "2020-01-01")
    refused = digest("editions", "revise", KEY)

    assert refused.code == 1
    assert "all its articles are under embargo or have expired" in refused.err


def test_what_expires_after_the_freeze_stays_in_its_letters(
    digest: Run, relay: RecordingServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    send_half(digest, monkeypatch)
    do(digest, "resume")
    edit(digest, 2, "--expires", "2020-01-01")
    use(monkeypatch, relay.url)
    sent = digest("send", *DATE, "--json")
    again = digest("editions", "resend", KEY, "--to", ANNA)

    assert (counts_of(sent.json), again.code) == ({"sent": 3}, 0)
    assert {subject(mail) for mail in mailed(relay)} == {"Nyheter: Luftrenare"}


def test_a_copy_of_an_old_edition_is_not_sent_while_it_prints_an_embargo(
    ready: Path, digest: Run, relay: RecordingServer
) -> None:
    digest("send", *DATE)
    edit(digest, 1, *EMBARGO)
    refused = digest("editions", "resend", KEY, "--to", ANNA, "--json")

    assert refused.code == 6
    assert "digest articles edit ID --embargo-until ''" in json.loads(refused.out)["error"]
    assert len(mailed(relay)) == 3
