"""A server that runs for months: what changes meanwhile is noticed."""

import os
import shutil
import time
from pathlib import Path

from digest.project import open_project
from digest.tokens import Purpose, make
from tests.web.conftest import ANNA, Mailed, Served

SECOND = '\n[newsletters.veckan]\ntitle = "Veckan"\nfrom = "v@example.com"\nlists = ["industri"]\n'


def write(path: Path, text: str) -> None:
    """Write a file so that its time of change differs from before, however coarse the clock."""
    path.write_text(text, encoding="utf-8")
    later = time.time_ns() + 2_000_000_000
    os.utime(path, ns=(later, later))


def test_digest_toml_is_read_again_when_it_has_changed(mailed: Mailed, served: Served) -> None:
    assert "<h1" in served.get("/").text
    toml = mailed.folder / "digest.toml"
    write(toml, toml.read_text().replace('title = "Nyheter"', 'title = "Nya nyheter"'))

    assert "Nya nyheter" in served.get("/").text
    assert "Vill du avsluta prenumerationen på Nya nyheter?" in served.get(mailed.leave()).text


def test_which_lists_feed_another_newsletter_is_decided_by_what_it_says_now(mailed: Mailed, served: Served) -> None:
    served.get("/")
    toml = mailed.folder / "digest.toml"
    write(toml, toml.read_text() + SECOND)
    served.one_click(mailed.leave())

    assert mailed.subscription() == "confirmed"
    assert mailed.rows("SELECT subscriber_id FROM stop") == [(1,)]


def test_a_broken_digest_toml_leaves_the_last_good_one_in_force_and_is_said_once(
    mailed: Mailed, served: Served
) -> None:
    toml = mailed.folder / "digest.toml"
    good = toml.read_text()
    write(toml, good + SECOND)
    served.get("/")
    write(toml, good + SECOND + "[newsletters.halv")
    pages = [served.get("/").text for _ in range(3)]
    served.one_click(mailed.leave())

    assert all("Veckan" in page for page in pages)
    assert mailed.subscription() == "confirmed", "the list is known to feed another newsletter"
    (line,) = served.said
    assert line.startswith(f"{toml} is not TOML: ")
    assert line.endswith("; the settings read before stay in force")

    write(toml, good)
    assert "Veckan" not in served.get("/").text
    assert len(served.said) == 1


def test_a_digest_toml_that_has_gone_is_said_once(mailed: Mailed, served: Served) -> None:
    served.get("/")
    (mailed.folder / "digest.toml").unlink()

    assert served.get("/").status == served.one_click(mailed.leave()).status == 200
    assert len(served.said) == 1
    assert "digest.toml cannot be read" in served.said[0]


def test_a_new_key_in_front_of_the_old_one_is_taken_up_while_it_runs(mailed: Mailed, served: Served) -> None:
    served.get("/")
    env = mailed.folder / ".env"
    old = env.read_text().partition("DIGEST_SECRET_KEY=")[2].split()[0]
    write(env, env.read_text().replace(old, f"'{'n' * 43} {old}'"))
    with open_project(mailed.folder) as project:  # as the next send does
        token = make(project.keys, project.keys.newest, Purpose.UNSUBSCRIBE, 1, 2)

    assert served.get(f"/u/{token}").status == 200
    assert served.get(mailed.leave()).status == 200


def test_a_key_that_is_not_the_store_s_leaves_the_old_one_in_force(mailed: Mailed, served: Served) -> None:
    served.get("/")
    env = mailed.folder / ".env"
    old = env.read_text().partition("DIGEST_SECRET_KEY=")[2].split()[0]
    write(env, env.read_text().replace(old, "n" * 43))

    assert served.get(mailed.leave()).status == 200
    assert len(served.said) == 1
    assert "was signed with another DIGEST_SECRET_KEY" in served.said[0]


def test_a_store_that_is_put_in_the_place_of_ours_is_the_one_that_is_written(
    mailed: Mailed, served: Served, tmp_path: Path
) -> None:
    """A backup was restored: what went into the old file would be lost."""
    served.get(mailed.leave())
    shutil.copy(mailed.store, tmp_path / "restored.db")
    for name in ("digest.db-wal", "digest.db-shm"):
        (mailed.folder / name).unlink(missing_ok=True)
    (tmp_path / "restored.db").rename(mailed.store)

    assert served.one_click(mailed.leave()).status == 200
    assert mailed.subscription(ANNA) == "unsubscribed"
    assert served.said == ["digest.db has been replaced; the new one is open"]


def test_while_there_is_no_store_nobody_is_told_that_they_have_left(mailed: Mailed, served: Served) -> None:
    served.get("/")
    mailed.store.rename(mailed.folder / "aside.db")

    refused = served.one_click(mailed.leave())
    assert refused.status == 503
    assert len(served.said) == 1
    assert "no store at" in served.said[0]
    health = served.get("/healthz")
    assert (health.status, health.json) == (503, {"status": "the store cannot be read"})

    (mailed.folder / "aside.db").rename(mailed.store)
    assert served.one_click(mailed.leave()).status == 200
    assert mailed.subscription() == "unsubscribed"


def test_a_damaged_store_is_no_health(mailed: Mailed, served: Served, tmp_path: Path) -> None:
    assert served.get("/healthz").status == 200
    (tmp_path / "damaged.db").write_bytes(b"no store at all " * 4096)
    (tmp_path / "damaged.db").rename(mailed.store)

    health = served.get("/healthz")
    assert (health.status, health.json) == (503, {"status": "the store cannot be read"})
    assert served.one_click(mailed.leave()).status == 503


def test_a_project_s_own_page_comes_first(mailed: Mailed, served: Served) -> None:
    own = mailed.folder / "templates" / "pages"
    own.mkdir(parents=True)
    (own / "left.html.j2").write_text("<h1>Hej då från {{ title }}</h1>")

    assert served.one_click(mailed.leave()).text == "<h1>Hej då från Nyheter</h1>"


def test_a_page_that_an_editor_has_broken_is_replaced_by_the_packaged_one(mailed: Mailed, served: Served) -> None:
    own = mailed.folder / "templates" / "pages"
    own.mkdir(parents=True)
    (own / "left.html.j2").write_text("<h1>{{ nothing }}</h1>")

    done = served.one_click(mailed.leave())
    assert (done.status, mailed.subscription()) == (200, "unsubscribed")
    assert "Du prenumererar inte längre på Nyheter" in done.text
    (line,) = served.said
    assert line == "templates/pages/left.html.j2, line 1: 'nothing' is undefined; the packaged page is shown instead"
