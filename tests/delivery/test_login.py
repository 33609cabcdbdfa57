"""Logging in at relays that offer this or that, change their minds, and want tokens."""

import asyncio
import base64
import hmac
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from digest.delivery.login import NoToken, TokenCommand
from digest.delivery.outcome import Phase, RelayRefused, Replied
from digest.delivery.relay import SmtpRelay
from digest.delivery.relays import parse_relay, relay_for
from digest.delivery.single import hand_over
from digest.demo.smtpd import Action, Answer, RecordingServer, Script, Step
from digest.errors import ConfigError
from tests.talking import ENVELOPE, PATIENT, a_mail, at, bare_server, once, recorded, yes

pytestmark = pytest.mark.usefixtures("quick_collections", "nothing_is_left_lying_about")

CANARY = "c4n4ry"
REFUSED = b"535 5.7.8 wrong\r\n"


def offering(methods: str, auth: Callable[[str], Answer] = lambda argument: REFUSED) -> Script:
    """Return a script of a relay that offers these methods and answers AUTH in this way."""

    def script(step: Step) -> Answer:
        match step.name:
            case "ehlo":
                return f"250-localhost\r\n250 AUTH {methods}\r\n".encode()
            case "auth":
                return auth(step.argument)
            case "":  # the empty line after the error of XOAUTH2
                return REFUSED
        return None

    return script


def relay_at(server: RecordingServer, login: str = "editor:pw@", tokens: TokenCommand | None = None) -> SmtpRelay:
    return SmtpRelay(parse_relay(server.url.replace("127", f"{login}127", 1)), timeouts=PATIENT, tokens=tokens)


async def refusal(relay: SmtpRelay) -> RelayRefused:
    with pytest.raises(RelayRefused) as caught:
        await relay.connect()
    assert "\n" not in str(caught.value)
    assert caught.value.phase is Phase.AUTH
    return caught.value


async def log_in(relay: SmtpRelay) -> None:
    await (await relay.connect()).close()


# --- Passwords


@pytest.mark.parametrize("methods", ["PLAIN", "LOGIN", "CRAM-MD5 LOGIN PLAIN", "X-OWN LOGIN", "plain"])
async def test_login_goes_by_whatever_the_relay_offers(methods: str) -> None:
    async with RecordingServer(
        credentials=("editor", "pw"), script=at("ehlo", f"250-localhost\r\n250 AUTH {methods}\r\n".encode())
    ) as server:
        conversation = await relay_at(server).connect()
        assert isinstance(await hand_over(conversation, ENVELOPE, a_mail(), yes), Replied)
        await conversation.close()
        assert len(server.mails) == 1


async def test_challenge_is_answered_where_nothing_else_is_offered() -> None:  # RFC 2195
    challenge, heard = b"<1896.697170952@postoffice.example>", b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal heard
        writer.write(b"220 hej\r\n")
        await reader.readline()
        writer.write(b"250-hej\r\n250 AUTH CRAM-MD5\r\n")
        assert await reader.readline() == b"AUTH CRAM-MD5\r\n"
        writer.write(b"334 " + base64.b64encode(challenge) + b"\r\n")
        heard = base64.b64decode(await reader.readline())
        writer.write(b"235 welcome\r\n")
        await reader.readline()
        writer.write(b"221 bye\r\n")
        writer.close()

    async with bare_server(serve) as url:
        await log_in(SmtpRelay(parse_relay(url.replace("127", "editor:pw@127", 1)), timeouts=PATIENT))

    assert heard == b"editor " + hmac.new(b"pw", challenge, "md5").hexdigest().encode()


async def test_wrong_password_is_tried_once() -> None:
    steps: list[str] = []
    script = recorded(steps, offering("CRAM-MD5 PLAIN LOGIN"))
    async with RecordingServer(script=script) as server:
        error = await refusal(relay_at(server, f"editor:{CANARY}@"))

    assert [step.split()[1] for step in steps if step.startswith("auth")] == ["PLAIN"]
    assert (error.is_login, error.exit_code) == (True, 4)
    assert CANARY not in str(error)


@pytest.mark.parametrize("code", [500, 502, 504, 534, 538])
async def test_method_that_is_refused_gives_way_to_the_next(code: int) -> None:
    steps: list[str] = []
    script = recorded(steps, once("auth", b"%d 5.5.4 not by that\r\n" % code))
    async with RecordingServer(credentials=("editor", "pw"), script=script) as server:
        await log_in(relay_at(server))

    assert [step.split()[1] for step in steps if step.startswith("auth")] == ["PLAIN", "LOGIN"]


@pytest.mark.parametrize("answer", [b"454 4.7.0 directory is down\r\n", b"421 busy\r\n", Action.DROP, Action.RESET])
async def test_trouble_of_the_moment_while_logging_in_is_not_the_logins_fault(answer: Answer) -> None:
    steps: list[str] = []
    script = recorded(steps, offering("PLAIN LOGIN CRAM-MD5", lambda argument: answer))
    async with RecordingServer(script=script) as server:
        error = await refusal(relay_at(server))

    assert (error.is_login, error.exit_code) == (False, 1)
    assert sum(step.startswith("auth") for step in steps) == 1


@pytest.mark.parametrize(
    ("methods", "words"),
    [("GSSAPI NTLM", "it lets nobody in by PLAIN or LOGIN or CRAM-MD5, only by GSSAPI NTLM"), ("", "takes none")],
)
async def test_relay_with_no_login_of_ours_says_which_it_has(methods: str, words: str) -> None:
    async with RecordingServer(script=offering(methods)) as server:
        error = await refusal(relay_at(server))

    assert words in str(error)
    assert (error.is_login, error.exit_code) == (True, 4)


async def test_password_changed_in_mid_run_stops_new_connections_and_not_those_that_work() -> None:
    is_changed = False

    def script(step: Step) -> Answer:
        return REFUSED if is_changed and step.name == "auth" else None

    async with RecordingServer(credentials=("editor", "pw"), script=script) as server:
        relay = relay_at(server)
        working = await relay.connect()
        await hand_over(working, ENVELOPE, a_mail(), yes)
        is_changed = True
        assert (await refusal(relay)).is_login
        outcome = await hand_over(working, ENVELOPE, a_mail(), yes)
        await working.close()

        assert isinstance(outcome, Replied)
        assert len(server.mails) == 2


# --- Tokens


def bearer(argument: str) -> str:
    """Return what an AUTH XOAUTH2 holds."""
    mechanism, _, initial = argument.partition(" ")
    assert mechanism == "XOAUTH2"
    return base64.b64decode(initial).decode()


def wanting(token: str, answer: Answer = b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n") -> Script:
    """Return a script of a relay that takes this token only; others get an error as Gmail says it, or this answer."""
    right = f"user=editor\1auth=Bearer {token}\1\1"
    return offering("XOAUTH2 PLAIN", lambda argument: b"235 ok\r\n" if bearer(argument) == right else answer)


COUNTING = "echo run >> runs; echo token-$(grep -c run runs)"


def a_command(folder: Path, command: str = COUNTING, seconds: float = 5.0) -> TokenCommand:
    return TokenCommand(command, folder, "editor", "mail.example.com", seconds)


def runs(folder: Path) -> int:
    return len((folder / "runs").read_text().splitlines())


async def test_token_is_asked_for_once_and_used_for_every_connection(tmp_path: Path) -> None:
    async with RecordingServer(script=wanting("token-1")) as server:
        relay = relay_at(server, "editor@", a_command(tmp_path))
        await asyncio.gather(*(log_in(relay) for _ in range(5)))
        await log_in(relay)

    assert runs(tmp_path) == 1


@pytest.mark.parametrize("answer", [b"334 eyJzdGF0dXMiOiI0MDAifQ==\r\n", REFUSED])
async def test_token_that_is_refused_is_renewed(tmp_path: Path, answer: bytes) -> None:
    async with RecordingServer(script=wanting("token-2", answer)) as server:
        relay = relay_at(server, "editor@", a_command(tmp_path))
        await asyncio.gather(*(log_in(relay) for _ in range(5)))
        await log_in(relay)

    assert runs(tmp_path) == 2


async def test_a_token_that_has_just_been_renewed_is_not_renewed_again(tmp_path: Path) -> None:
    command = a_command(tmp_path)
    first = await command.token()
    renewing = asyncio.create_task(command.token(refused=first))
    await asyncio.sleep(0)
    assert command._running is not None
    while not command._running.done():
        await asyncio.sleep(0)
    late = await command.token(refused=first)  # before who has waited for it goes on

    assert (late, await renewing, runs(tmp_path)) == (late, late, 2)


async def test_token_is_renewed_once_and_then_the_login_is_refused(tmp_path: Path) -> None:
    async with RecordingServer(script=wanting("another")) as server:
        error = await refusal(relay_at(server, "editor@", a_command(tmp_path)))

    assert (runs(tmp_path), error.is_login, error.exit_code) == (2, True, 4)
    assert "token-" not in str(error)


async def test_token_is_not_renewed_for_trouble_of_the_moment(tmp_path: Path) -> None:
    script = offering("XOAUTH2", lambda argument: b"454 4.7.0 later\r\n")
    async with RecordingServer(script=script) as server:
        error = await refusal(relay_at(server, "editor@", a_command(tmp_path)))

    assert (runs(tmp_path), error.is_login) == (1, False)


async def test_relay_that_takes_no_tokens_gets_none(tmp_path: Path) -> None:
    steps: list[str] = []
    async with RecordingServer(script=recorded(steps, offering("PLAIN LOGIN"))) as server:
        error = await refusal(relay_at(server, "editor@", a_command(tmp_path)))

    assert "lets nobody in by XOAUTH2, only by PLAIN LOGIN" in str(error)
    assert error.exit_code == 4
    assert not any(step.startswith("auth") for step in steps)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("exit 3", "ended with 3"),
        (f"echo {CANARY}; exit 1", "ended with 1"),
        (f"echo {CANARY} is no token", "printed no token on its first line"),
        (f"echo; echo {CANARY}", "printed no token on its first line"),
        ("true", "printed no token on its first line"),
        (f"printf '{CANARY}\\001'", "printed no token on its first line"),
        ("yes | tr -d '\\n' | head -c 1000000", "printed no token on its first line"),
        (f"no-such-command-{CANARY}", "ended with 127"),
        ("sleep 20", "did not end within 0.3 s"),
        ("sleep 20 & wait", "did not end within 0.3 s"),
        (f"echo {CANARY}; sleep 20", "did not end within 0.3 s"),
    ],
)
async def test_command_that_gives_no_token_is_named_on_one_line(tmp_path: Path, command: str, words: str) -> None:
    seconds = 0.3 if "within" in words else 5.0
    async with RecordingServer() as server:
        began = time.monotonic()
        error = await refusal(relay_at(server, "editor@", a_command(tmp_path, command, seconds)))

        assert f"failed at auth: DIGEST_RELAY_TOKEN_COMMAND {words}" in str(error)
        assert str(error).endswith("; run DIGEST_RELAY_TOKEN_COMMAND by hand and look at what it prints")
        assert (error.is_login, error.exit_code) == (True, 4)
        assert CANARY not in str(error)
        assert time.monotonic() - began < 4
        assert server.connections == 0


async def test_command_says_why_it_cannot_be_run(tmp_path: Path) -> None:
    with pytest.raises(NoToken, match="cannot be run"):
        await a_command(tmp_path / "gone").token()


async def test_command_knows_whose_token_is_wanted_and_stands_in_the_project(tmp_path: Path) -> None:
    command = a_command(tmp_path, "pwd > where; echo $RELAY_USER/$RELAY_HOST; echo more")

    assert await command.token() == "editor/mail.example.com"
    assert (tmp_path / "where").read_text().strip() == str(tmp_path.resolve())


def is_alive(process: int) -> bool:
    stat = Path(f"/proc/{process}/stat")
    return stat.exists() and stat.read_text().rpartition(")")[2].split()[0] not in "ZX"


async def test_command_and_what_it_has_started_end_with_the_run_that_is_cut_off(tmp_path: Path) -> None:
    command = a_command(tmp_path, "sleep 30 & echo $! > starting; mv starting started; wait", 20)
    asking = asyncio.create_task(command.token())
    while not (tmp_path / "started").exists():
        await asyncio.sleep(0.01)
    started = int((tmp_path / "started").read_text())
    assert is_alive(started)
    assert command._running is not None
    command._running.cancel()  # as the end of the loop does
    with pytest.raises(asyncio.CancelledError):
        await asking
    async with asyncio.timeout(5):
        while is_alive(started):
            await asyncio.sleep(0.01)


async def test_every_relay_with_a_user_and_no_password_gets_its_own_token(tmp_path: Path) -> None:
    async with RecordingServer(script=wanting("editor@127.0.0.1")) as server:
        url = server.url.replace("127", "editor@127", 1)
        relay = relay_for(parse_relay(url), tmp_path, token_command="echo $RELAY_USER@$RELAY_HOST")
        conversation = await relay.connect()
        await conversation.close()

    with pytest.raises(ConfigError, match="names a user and no password; add it, or set DIGEST_RELAY_TOKEN_COMMAND"):
        relay_for(parse_relay("smtp://editor@mail.example.com"), tmp_path)
