from pathlib import Path

import pytest

from digest.errors import ConfigError, NewsletterNotFound, NoProject, StoreMissing
from digest.models import MailingList, Newsletter, Source
from digest.project import LOCAL_URL, find_folder, open_project, read_configuration, who_does_this
from digest.store import names
from digest.tokens import Purpose, make, read
from tests.projects import KEY, TOML, a_project, a_project_folder
from tests.store.builders import NOON, query

OTHER = "another-secret-key-that-the-store-never-saw"


def key_of(folder: Path) -> str | None:
    found: list[tuple[str | None]] = query(folder / "digest.db", "SELECT key FROM installation")
    return found[0][0]


def set_key(folder: Path, key: str) -> None:
    (folder / ".env").write_text(f"DIGEST_SECRET_KEY={key}\n")


def test_named_folder_wins_over_the_environment_and_that_over_where_we_are(tmp_path: Path) -> None:
    here, there, named = (a_project_folder(tmp_path / name) for name in ("here", "there", "named"))
    environ = {"DIGEST_PROJECT": str(there)}

    assert find_folder(named, environ, here) == named
    assert find_folder(None, environ, here) == there
    assert find_folder(None, {"DIGEST_PROJECT": ""}, here) == here
    assert find_folder(None, {}, here) == here


def test_folder_is_looked_for_upwards_and_the_nearest_is_taken(tmp_path: Path) -> None:
    outer = a_project_folder(tmp_path / "outer")
    inner = a_project_folder(outer / "a" / "inner")
    deep = inner / "templates" / "x"
    deep.mkdir(parents=True)

    assert find_folder(None, {}, deep) == inner
    assert find_folder(None, {}, outer / "a") == outer


def test_named_folder_is_not_looked_for_upwards(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    (folder / "templates").mkdir()

    with pytest.raises(ConfigError, match=r"no digest\.toml in .*/templates; correct --project \(or DIGEST_PROJECT\)"):
        find_folder(folder / "templates", {}, folder)
    with pytest.raises(ConfigError, match=r"no digest\.toml in nowhere"):
        find_folder(None, {"DIGEST_PROJECT": "nowhere"}, folder)


def test_named_folder_may_be_relative(tmp_path: Path) -> None:
    a_project_folder(tmp_path / "project")  # we are in tmp_path

    assert find_folder(Path("project"), {}, Path("/")) == tmp_path / "project"


def test_no_folder_says_where_it_was_looked_for_and_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "digest.toml").mkdir()  # a folder is no file of settings

    with pytest.raises(NoProject) as refused:
        find_folder(None, {}, tmp_path)

    assert refused.value.exit_code == 4
    assert refused.value.start == tmp_path
    assert str(refused.value) == (
        f"no digest.toml in {tmp_path} or above it; go to the project's folder, name it with --project DIR, "
        "or make one with: digest init"
    )


def test_project_opens_with_its_settings_store_and_keys(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")

    with open_project(folder, {"DIGEST_BASE_URL": "https://nytt.example.com/"}) as project:
        assert project.newsletter(None).title == "Nyheter"
        assert (project.folder, project.database) == (folder, folder / "digest.db")
        assert project.base_url == "https://nytt.example.com"
        assert project.keys.newest.secret == KEY.encode()
        assert project.store.installation.key == project.keys.newest.fingerprint
        with pytest.raises(NewsletterNotFound):
            project.newsletter("annat")

    assert key_of(folder) == project.keys.newest.fingerprint


def test_project_is_found_from_where_we_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = a_project_folder(tmp_path / "project")
    monkeypatch.chdir(folder)

    with open_project() as project:
        assert project.folder == folder


def test_links_lead_to_this_machine_until_somebody_says_where(tmp_path: Path) -> None:
    with a_project(tmp_path / "project") as project:
        assert project.base_url == LOCAL_URL
    with a_project(tmp_path / "project", f'base_url = "https://nytt.example.com"\n{TOML}') as project:
        assert project.base_url == "https://nytt.example.com"


def test_store_is_let_go_of_when_the_project_is_closed(tmp_path: Path) -> None:
    with a_project(tmp_path / "project") as project:
        pass

    assert not (tmp_path / "project" / "digest.db-wal").exists()
    assert project.store.installation.uid


def test_store_that_is_missing_is_not_made(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    (folder / "digest.db").unlink()

    with pytest.raises(StoreMissing) as refused, open_project(folder, {}):
        pass

    assert refused.value.exit_code == 4
    assert str(refused.value) == (
        f"no store at {folder / 'digest.db'}; make it with: digest init (or correct DIGEST_DATABASE_URL)"
    )
    assert not (folder / "digest.db").exists()


def test_store_is_where_the_settings_say(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    (folder / "data").mkdir()
    (folder / "digest.db").rename(folder / "data" / "nyheter.db")

    with open_project(folder, {"DIGEST_DATABASE_URL": "sqlite:///data/nyheter.db"}) as project:
        assert project.store.path == folder / "data" / "nyheter.db"


def test_project_without_a_key_is_refused_and_its_store_left_unsigned(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    (folder / ".env").unlink()

    words = r"DIGEST_SECRET_KEY is not set, .* put the key of digest\.db into \.env"
    with pytest.raises(ConfigError, match=words), open_project(folder, {}):
        pass

    assert key_of(folder) is None
    assert not (folder / "digest.db-wal").exists()


def test_store_of_another_key_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    with a_project(folder):
        signed_with = key_of(folder)
    set_key(folder, OTHER)

    with pytest.raises(ConfigError) as refused, open_project(folder, {}):
        pass

    assert refused.value.exit_code == 4
    assert f"was signed with another DIGEST_SECRET_KEY ({signed_with}...)" in str(refused.value)
    assert OTHER not in str(refused.value)
    assert key_of(folder) == signed_with


def test_key_is_replaced_by_a_new_one_in_front_of_the_old(tmp_path: Path) -> None:
    folder = tmp_path / "project"
    with a_project(folder) as before:
        token = make(before.keys, before.keys.newest, Purpose.VIEW, 1, 2)

    set_key(folder, f"'{OTHER} {KEY}'")
    with open_project(folder, {}) as project:
        assert read(project.keys, Purpose.VIEW, token) == (1, 2)
        assert project.keys.newest.secret == OTHER.encode()
    set_key(folder, OTHER)
    with open_project(folder, {}) as project:
        assert key_of(folder) == project.keys.newest.fingerprint
    set_key(folder, KEY)
    with pytest.raises(ConfigError, match="was signed with another"), open_project(folder, {}):
        pass


def test_key_that_is_too_short_is_refused(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project", key="short")

    with pytest.raises(ConfigError, match="DIGEST_SECRET_KEY has 5 characters"), open_project(folder, {}):
        pass

    assert key_of(folder) is None


def test_every_setting_is_shown_with_its_source(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")

    everything = {one.name: one for one in read_configuration(folder, {"DIGEST_DRAIN": "5s"}).everything()}

    assert (everything["DIGEST_DRAIN"].value, everything["DIGEST_DRAIN"].source) == ("5s", "environment")
    assert (everything["DIGEST_SECRET_KEY"].value, everything["DIGEST_SECRET_KEY"].source) == ("***", ".env")
    assert everything["newsletters.nyheter.timezone"].source == "digest.toml"
    assert everything["newsletters.nyheter.design"].source == "default"
    assert KEY not in str(everything)


def test_what_was_formerly_called_otherwise_is_found_from_the_moment_the_project_opens(tmp_path: Path) -> None:
    with a_project(tmp_path) as project:
        for kind, name in ((Newsletter, "nyheter"), (MailingList, "industri"), (Source, "press")):
            assert names.number(project.store, kind, name, None, NOON) == 1
    renamed = TOML.replace("newsletters.nyheter]", 'newsletters.nytt]\nformerly = "nyheter"')
    renamed = renamed.replace("lists.industri]", 'lists.handel]\nformerly = "industri"')
    renamed = renamed.replace('["industri"]', '["handel"]').replace('["nyheter"]', '["nytt"]')
    renamed = renamed.replace("sources.press]", 'sources.trade]\nformerly = "press"')

    with a_project(tmp_path, renamed) as project:
        assert names.names(project.store, Newsletter) == {1: "nytt"}
        assert names.names(project.store, MailingList) == {1: "handel"}
        assert names.names(project.store, Source) == {1: "trade"}


def test_configuration_can_be_read_where_the_store_is_missing(tmp_path: Path) -> None:
    folder = a_project_folder(tmp_path / "project")
    (folder / "digest.db").unlink()

    assert read_configuration(folder, {}).database == folder / "digest.db"


def test_work_is_kept_under_the_name_of_who_does_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "red")

    assert who_does_this() == "red"
