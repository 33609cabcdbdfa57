import datetime as dt
import re
from pathlib import Path

import pytest

from digest.environment import Environment, given, is_readable_by_others, layers, settle
from digest.errors import ConfigError
from digest.packaged import packaged
from digest.settings import FILE, Given, ProjectFile

CANARY = "CANARY-9f2d-of-a-secret-nobody-may-see"
SECRETS = {
    "DIGEST_DATABASE_URL": f"postgresql://anna:{CANARY}@db.example.com/digest",
    "DIGEST_RELAY_URL": f"smtp://anna:{CANARY}@mail.example.com:587 smtps://bo:{CANARY}@mx.example.com",
    "DIGEST_SECRET_KEY": f"{CANARY} {CANARY}-older",
}


def read(folder: Path, environ: dict[str, str] | None = None, **file: str) -> Environment:
    return settle(layers(folder, environ or {}, ProjectFile.model_validate(file)))


def told(folder: Path, environ: dict[str, str] | None = None, **file: str) -> dict[str, Given]:
    found = layers(folder, environ or {}, ProjectFile.model_validate(file))
    return {one.name: one for one in given(found, settle(found))}


def refused(folder: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigError) as error:
        read(folder, environ)
    assert error.value.exit_code == 4
    assert "\n" not in str(error.value)
    return str(error.value)


def dotenv(folder: Path, text: str | bytes) -> None:
    (folder / ".env").write_bytes(text if isinstance(text, bytes) else text.encode())


def test_what_nobody_set_has_its_default(tmp_path: Path) -> None:
    settings = read(tmp_path)

    assert settings.database_url.get_secret_value() == "sqlite:///digest.db"
    assert settings.relay_url.get_secret_value() == "maildir:outbox"
    assert settings.secret_keys == ()
    assert (settings.relay_connections, settings.drain) == (10, dt.timedelta(seconds=60))
    assert (settings.bounce_address, settings.base_url, settings.relay_rate) == (None, None, None)


def test_base_url_comes_from_the_strongest_place_that_has_one(tmp_path: Path) -> None:
    places = {
        "environment": "https://environment.example",
        ".env": "https://dotenv.example",
        "secret file": "https://secret.example",
        FILE: "https://toml.example",
    }
    (tmp_path / "secret").write_text(places["secret file"])
    dotenv(tmp_path, f"DIGEST_BASE_URL={places['.env']}\nDIGEST_BASE_URL_FILE=secret\n")
    environ, file = {"DIGEST_BASE_URL": places["environment"]}, {"base_url": places[FILE]}

    def found() -> tuple[str | None, str]:
        return read(tmp_path, environ, **file).base_url, told(tmp_path, environ, **file)["DIGEST_BASE_URL"].source

    seen = [found()]
    environ.clear()
    seen.append(found())
    dotenv(tmp_path, "DIGEST_BASE_URL_FILE=secret\n")
    seen.append(found())
    (tmp_path / ".env").unlink()
    seen.append(found())
    file.clear()
    seen.append(found())

    assert seen == [*((url, source) for source, url in places.items()), (None, "default")]


@pytest.mark.parametrize("where", ["environment", ".env"])
def test_empty_variable_is_not_set(tmp_path: Path, where: str) -> None:
    (tmp_path / "secret").write_text("from-a-file")
    empty = {"DIGEST_RELAY_URL": "", "DIGEST_BASE_URL": "", "DIGEST_SECRET_KEY": "", "DIGEST_RELAY_URL_FILE": ""}
    environ = {"DIGEST_SECRET_KEY_FILE": "secret"}
    if where == ".env":
        dotenv(tmp_path, "".join(f"{name}=\n" for name in empty) + "DIGEST_DRAIN\n")
    else:
        environ |= empty

    settings = read(tmp_path, environ, base_url="https://toml.example")

    assert settings.relay_url.get_secret_value() == "maildir:outbox"
    assert settings.base_url == "https://toml.example"
    assert settings.secret_keys == ("from-a-file",)
    assert settings.drain == dt.timedelta(seconds=60)


@pytest.mark.parametrize("where", ["environment", ".env"])
@pytest.mark.parametrize("name", [name.upper() for name in Environment.model_fields])
def test_every_setting_may_come_from_a_file_beside_the_project_or_anywhere(
    tmp_path: Path, where: str, name: str
) -> None:
    values = {"RELAY_CONNECTIONS": "3", "BOUNCE_ADDRESS": "b@example.com", "BASE_URL": "https://a.example"}
    values |= {"RELAY_RATE": "14/s", "DRAIN": "5s", "DKIM_DOMAIN": "example.com", "DKIM_SELECTOR": "d1"}
    value = values.get(name, "sqlite:///other.db")
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "one").write_text(f"  {value}\r\n")

    for path in ("secrets/one", str(tmp_path / "secrets" / "one")):
        line = {f"DIGEST_{name}_FILE": path}
        if where == ".env":
            dotenv(tmp_path, "".join(f"{key}={value}\n" for key, value in line.items()))
        found = told(tmp_path, line if where == "environment" else {})[f"DIGEST_{name}"]
        assert found.source == "secret file"
        assert found.value in (value, "***")


def test_secret_file_of_the_environment_wins_over_that_of_dotenv(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)
    dotenv(tmp_path, "DIGEST_SECRET_KEY_FILE=one\n")

    assert read(tmp_path).secret_keys == ("one",)
    assert read(tmp_path, {"DIGEST_SECRET_KEY_FILE": "two"}).secret_keys == ("two",)


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"])
def test_secret_file_that_cannot_be_read_is_named(tmp_path: Path, content: bytes | None) -> None:
    if content is not None:
        (tmp_path / "key").write_bytes(content)

    assert refused(tmp_path, {"DIGEST_SECRET_KEY_FILE": "key"}).startswith(
        "DIGEST_SECRET_KEY_FILE: key cannot be read: "
    )


def test_several_keys_are_read_newest_first(tmp_path: Path) -> None:
    assert read(tmp_path, {"DIGEST_SECRET_KEY": " new  old,older "}).secret_keys == ("new", "old", "older")


def test_slip_in_the_environment_is_named_and_what_resembles_nothing_is_let_be(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="DIGEST_RELAY_ULR, which means nothing; did you mean DIGEST_RELAY_URL"):
        layers(tmp_path, {"DIGEST_RELAY_ULR": "maildir:x"}, ProjectFile())

    assert layers(tmp_path, {"DIGEST_XYZZY": "sun"}, ProjectFile())[0].values == {}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("DIGEST_RELAY_ULR=maildir:x", "unknown setting DIGEST_RELAY_ULR; did you mean DIGEST_RELAY_URL?"),
        ("DIGEST_SECRET_KEY_FIEL=x", "unknown setting DIGEST_SECRET_KEY_FIEL; did you mean DIGEST_SECRET_KEY_FILE?"),
        ("DIGEST_XYZZY=sun", "unknown setting DIGEST_XYZZY"),
    ],
)
def test_unknown_setting_in_dotenv_is_named_with_the_nearest(tmp_path: Path, text: str, words: str) -> None:
    dotenv(tmp_path, text)

    assert refused(tmp_path) == f"{tmp_path / '.env'}: {words}"


def test_settings_of_other_programs_are_none_of_ours(tmp_path: Path) -> None:
    dotenv(tmp_path, "PATH=/bin\nDIGEST_PROJECT=elsewhere\nDIGEST_REQUIRE_ALL=1\n")

    assert read(tmp_path, {"DIGEST_WEATHER": "sun", "HOME": "/root", "DIGEST_CRASH_AT": "claimed"}) == Environment()


def test_dotenv_is_read_as_it_stands(tmp_path: Path) -> None:
    dotenv(tmp_path, "\ufeffDIGEST_SECRET_KEY='a$HOME#b'\nexport DIGEST_DRAIN=5s  # at night\n# DIGEST_RELAY_URL=x\n")

    settings = read(tmp_path)

    assert settings.secret_keys == ("a$HOME#b",)
    assert settings.drain == dt.timedelta(seconds=5)
    assert settings.relay_url.get_secret_value() == "maildir:outbox"


@pytest.mark.parametrize("content", [b"DIGEST_SECRET_KEY=\xe5", None], ids=["not UTF-8", "a folder"])
def test_dotenv_that_cannot_be_read_is_told(tmp_path: Path, content: bytes | None) -> None:
    if content is None:
        (tmp_path / ".env").mkdir()
    else:
        dotenv(tmp_path, content)

    assert refused(tmp_path).startswith(f"{tmp_path / '.env'} cannot be read: ")


def test_line_of_dotenv_that_sets_nothing_is_named_and_not_repeated(tmp_path: Path) -> None:
    dotenv(tmp_path, f"DIGEST_DRAIN=5s\n\nDIGEST_SECRET_KEY='{CANARY}\n")

    said = refused(tmp_path)

    assert said == f"{tmp_path / '.env'}, line 3 cannot be read; write NAME=value, or NAME='value' for odd signs"


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("RELAY_CONNECTIONS", "many", "Input should be a valid integer"),
        ("RELAY_CONNECTIONS", "0", "Input should be greater than or equal to 1"),
        ("RELAY_CONNECTIONS", "1001", "Input should be less than or equal to 1000"),
        ("BOUNCE_ADDRESS", "bounce", "'bounce' holds no address"),
        ("BASE_URL", "nytt.example.com", "'nytt.example.com' is not an address of the web"),
        ("RELAY_RATE", "fast", "'fast' is not a rate"),
        ("DRAIN", "long", "'long' is not a duration"),
    ],
)
def test_value_that_cannot_be_meant_is_refused_with_name_and_source(
    tmp_path: Path, name: str, value: str, words: str
) -> None:
    assert refused(tmp_path, {f"DIGEST_{name}": value}).startswith(f"DIGEST_{name} (environment): {words}")
    dotenv(tmp_path, f"DIGEST_{name}={value}")
    assert refused(tmp_path).startswith(f"DIGEST_{name} (.env): {words}")


@pytest.mark.parametrize("where", ["environment", ".env", "secret file"])
def test_secret_is_shown_nowhere(tmp_path: Path, where: str) -> None:
    environ = dict(SECRETS)
    if where == ".env":
        dotenv(tmp_path, "".join(f"{name}={value}\n" for name, value in SECRETS.items()))
        environ = {}
    elif where == "secret file":
        for name, value in SECRETS.items():
            (tmp_path / name).write_text(value)
        environ = {f"{name}_FILE": name for name in SECRETS}

    found = told(tmp_path, environ)

    assert CANARY not in f"{found} {read(tmp_path, environ)!r} {read(tmp_path, environ)}"
    assert found["DIGEST_SECRET_KEY"] == Given("DIGEST_SECRET_KEY", "***", where)
    assert found["DIGEST_DATABASE_URL"].value == "postgresql://***@db.example.com/digest"
    assert found["DIGEST_RELAY_URL"].value == "smtp://***@mail.example.com:587 smtps://***@mx.example.com"


@pytest.mark.parametrize(
    "url",
    [
        f"smtp://anna:{CANARY}/1@mail.example.com",
        f"smtp://anna:p@{CANARY}@mail.example.com",
        f"smtp://anna@example.com:{CANARY}@mail.example.com",
        f"smtp:/anna:{CANARY}@mail.example.com",
        f"anna:{CANARY}@mail.example.com",
        f"smtp://{CANARY}@mail.example.com",
    ],
)
def test_password_is_masked_also_where_the_address_is_not_well_formed(tmp_path: Path, url: str) -> None:
    value = told(tmp_path, {"DIGEST_RELAY_URL": url})["DIGEST_RELAY_URL"].value

    assert CANARY not in value
    assert value.endswith("@mail.example.com")


def test_address_without_a_secret_is_shown_whole(tmp_path: Path) -> None:
    found = told(tmp_path, {"DIGEST_RELAY_URL": "smtp+plain://127.0.0.1:2525?connections=3"})

    assert found["DIGEST_RELAY_URL"].value == "smtp+plain://127.0.0.1:2525?connections=3"
    assert found["DIGEST_DATABASE_URL"] == Given("DIGEST_DATABASE_URL", "sqlite:///digest.db", "default")
    assert found["DIGEST_DRAIN"].value == "1m"
    assert found["DIGEST_SECRET_KEY"].value == ""


@pytest.mark.parametrize("name", ["RELAY_CONNECTIONS", "DRAIN", "BOUNCE_ADDRESS"])
def test_error_does_not_repeat_what_else_is_set(tmp_path: Path, name: str) -> None:
    dotenv(tmp_path, "".join(f"{secret}={value}\n" for secret, value in SECRETS.items()))

    assert CANARY not in refused(tmp_path, {f"DIGEST_{name}": "nonsense"})


def test_example_lists_every_setting_and_no_other() -> None:
    text = packaged(".env.example").read_text(encoding="utf-8")

    assert set(re.findall(r"^#?(DIGEST_[A-Z_]+)=", text, re.MULTILINE)) == {
        f"DIGEST_{name.upper()}" for name in Environment.model_fields
    }


def test_example_shows_the_defaults_and_sets_nothing(tmp_path: Path) -> None:
    text = packaged(".env.example").read_text(encoding="utf-8")
    dotenv(tmp_path, text)
    assert read(tmp_path) == Environment()

    first: dict[str, str] = {}
    for name, value in re.findall(r"^#(DIGEST_[A-Z_]+)=(.*)$", text, re.MULTILINE):
        first.setdefault(name, value)
    dotenv(tmp_path, "".join(f"{name}={value}\n" for name, value in first.items()))
    shown = read(tmp_path)

    # Of these the example shows one.
    without = {"bounce_address", "base_url", "relay_rate", "relay_token_command", "notice_relay_url", "ping_url"}
    without |= {"dkim_domain", "dkim_selector", "dkim_key_file"}
    assert shown.model_dump(exclude=without) == Environment().model_dump(exclude=without)


@pytest.mark.parametrize(("mode", "readable"), [(0o600, False), (0o640, True), (0o604, True), (0o400, False)])
def test_file_of_secrets_that_others_can_read_is_noticed(tmp_path: Path, mode: int, readable: bool) -> None:
    path = tmp_path / ".env"
    assert not is_readable_by_others(path)
    path.touch()
    path.chmod(mode)

    assert is_readable_by_others(path) == readable
