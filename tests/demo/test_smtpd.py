import asyncio
import email
import os
import signal
import smtplib
import ssl
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from email import policy
from pathlib import Path

import pytest
import trustme

from digest.demo.smtpd import Action, Answer, Received, RecordingServer, Step, read_received

MAIL = "Subject: Räksmörgås\r\nMessage-ID: <1@example.com>\r\n\r\nHej!\r\n".encode()
SENDER, READER = "nytt@example.com", "asa@example.net"
RECEIVED = Received(SENDER, READER, MAIL)
ENVELOPE = f"MAIL FROM:<{SENDER}>\r\nRCPT TO:<{READER}>\r\n".encode()


class Client:
    """A client that says what it is told to, rules of SMTP or not."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def hear(self) -> bytes:
        """Return the next reply, all lines of it; empty at the end of the connection."""
        reply = line = await self.reader.readline()
        while line[3:4] == b"-":
            reply += (line := await self.reader.readline())
        return reply

    async def say(self, text: bytes, replies: int = 1) -> list[int]:
        """Return the codes of the replies to what is said."""
        self.writer.write(text)
        return [int((await self.hear())[:3] or 0) for _ in range(replies)]


@asynccontextmanager
async def client_of(port: int) -> AsyncIterator[Client]:
    client = Client(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield client
    finally:
        client.writer.transport.abort()
        await asyncio.sleep(0)


async def send(port: int, mail: bytes = MAIL) -> None:
    async with client_of(port) as client:
        assert await client.say(b"EHLO me\r\n", 2) == [220, 250]
        assert await client.say(ENVELOPE + b"DATA\r\n", 3) == [250, 250, 354]
        assert await client.say(mail + b".\r\n") == [250]


# --- What it takes


async def test_mail_is_kept_with_its_envelope() -> None:
    async with RecordingServer() as server:
        await send(server.port)

        assert server.mails == [RECEIVED]
        assert (server.accepted, server.connections) == (1, 1)
        assert server.url == f"smtp+plain://127.0.0.1:{server.port}"


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        (b"", b""),
        (b"..\r\n", b".\r\n"),
        (b"...\r\n..x\r\n", b"..\r\n.x\r\n"),
        (b"a.\r\n\r\n..\r\n", b"a.\r\n\r\n.\r\n"),
        (b"bare\n.\ndots\r.\r\n", b"bare\n.\ndots\r.\r\n"),
        (b"\r\n", b"\r\n"),
    ],
)
@pytest.mark.parametrize("apart", [False, True])
async def test_doubled_dots_become_single_ones_in_however_many_packets_they_come(
    sent: bytes, kept: bytes, apart: bool
) -> None:  # RFC 5321 4.5.2
    async with RecordingServer() as server, client_of(server.port) as client:
        await client.say(b"EHLO me\r\n" + ENVELOPE + b"DATA\r\n", 5)
        for byte in sent + b".\r\n" if apart else b"":
            client.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        assert await client.say(b"" if apart else sent + b".\r\n") == [250]

        assert [mail.content for mail in server.mails] == [kept]


async def test_whole_sessions_may_come_in_one_packet() -> None:  # RFC 2920 3.1
    session = b"EHLO me\r\n" + (ENVELOPE + b"DATA\r\n" + MAIL + b".\r\n") * 20 + b"QUIT\r\n"

    async with RecordingServer() as server, client_of(server.port) as client:
        codes = await client.say(session, 3 + 4 * 20)

        assert codes == [220, 250, *[250, 250, 354, 250] * 20, 221]
        assert server.mails == [RECEIVED] * 20
        assert await client.hear() == b""


@pytest.mark.parametrize("apart", [False, True])
async def test_chunks_are_kept_octet_by_octet(apart: bool) -> None:  # RFC 3030 2
    content = b".\r\n..\r\nno dot is doubled here\r\n.\r\n"
    session = b"EHLO me\r\n" + (ENVELOPE + b"BDAT 5\r\n" + content[:5]) + b"bdat %d last\r\n" % (len(content) - 5)
    async with RecordingServer() as server, client_of(server.port) as client:
        for byte in session + content[5:] if apart else b"":
            client.writer.write(bytes([byte]))
            await asyncio.sleep(0)
        codes = await client.say(b"" if apart else session + content[5:], 6)

        assert codes == [220, 250, 250, 250, 250, 250]
        assert [mail.content for mail in server.mails] == [content]
        assert await client.say(ENVELOPE + b"BDAT 3 LAST\r\nHej", 3) == [250, 250, 250]


async def test_chunk_for_nobody_is_read_and_refused() -> None:  # RFC 3030 2
    async with RecordingServer() as server, client_of(server.port) as client:
        codes = await client.say(b"EHLO me\r\nMAIL FROM:<>\r\nBDAT 6 LAST\r\nQUIT\r\nNOOP\r\n", 5)

        assert codes == [220, 250, 250, 503, 250]
        assert server.mails == []


async def test_long_mail_comes_through() -> None:
    mail = (b"x" * 70 + b".\r\n") * 50_000
    async with RecordingServer() as server:
        await send(server.port, mail)

        assert server.mails[0].content == mail


async def test_mail_for_several_is_kept_once_for_each() -> None:
    async with RecordingServer() as server, client_of(server.port) as client:
        await client.say(b"EHLO me\r\n" + ENVELOPE + b"RCPT TO:<b@example.net>\r\nDATA\r\n.\r\n", 7)

        assert [mail.recipient for mail in server.mails] == [READER, "b@example.net"]


async def test_mails_may_be_counted_and_not_kept() -> None:
    async with RecordingServer(keep=False) as server:
        await send(server.port)

        assert (server.mails, server.accepted) == ([], 1)


# --- Where it keeps it


async def test_folder_gives_mails_back_as_they_came_over_several_runs(tmp_path: Path) -> None:
    mails = [MAIL, b"", b"no head\r\n", b"\r\n\r\n", MAIL + b"\xff\x00\r\n"]
    for mail in mails:
        async with RecordingServer(tmp_path / "accepted") as server:
            await send(server.port, mail)
            assert server.mails[-1].content == mail

    assert read_received(tmp_path / "accepted") == [Received(SENDER, READER, mail) for mail in mails]


async def test_kept_mail_opens_in_a_mail_program(tmp_path: Path) -> None:
    async with RecordingServer(tmp_path) as server, client_of(server.port) as client:
        await client.say(b"EHLO me\r\nMAIL FROM:<> SMTPUTF8\r\n" + "RCPT TO:<åsa@example.net>\r\n".encode(), 4)
        await client.say(b"DATA\r\n" + MAIL + b".\r\n", 2)

    (path,) = tmp_path.iterdir()
    message = email.message_from_bytes(path.read_bytes(), policy=policy.default)
    assert path.suffix == ".eml"
    assert (message["Subject"], message.get_content().strip()) == ("Räksmörgås", "Hej!")
    assert read_received(tmp_path) == [Received("", "åsa@example.net", MAIL)]


# --- As a process of its own


@asynccontextmanager
async def process(*options: str) -> AsyncIterator[tuple[Process, int]]:
    command = [sys.executable, "-W", "error", "-m", "digest.demo.smtpd", *options]
    running = await asyncio.create_subprocess_exec(*command, stdout=PIPE, env={**os.environ, "PYTHONPATH": "."})
    assert running.stdout
    line = (await running.stdout.readline()).decode()
    assert line.startswith("listening on 127.0.0.1:")
    try:
        yield running, int(line.rpartition(":")[2])
    finally:
        if running.returncode is None:
            running.kill()
        await running.wait()


async def test_mail_it_said_yes_to_is_there_after_it_was_killed(tmp_path: Path) -> None:
    async with process("--folder", str(tmp_path / "accepted")) as (running, port):
        await send(port)
        await send(port)
        running.kill()

    assert read_received(tmp_path / "accepted") == [RECEIVED] * 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_ends_well_when_asked_to(number: signal.Signals) -> None:
    async with process() as (running, port), client_of(port) as client:
        assert await client.say(b"", 1) == [220]
        running.send_signal(number)

        assert await asyncio.wait_for(running.wait(), 5) == 0


async def test_start_imports_nothing_but_the_standard_library() -> None:
    code = "import sys, digest.demo.smtpd; print(*{m.partition('.')[0] for m in sys.modules} - sys.stdlib_module_names)"
    running = await asyncio.create_subprocess_exec(sys.executable, "-S", "-c", code, stdout=PIPE)
    output, _ = await running.communicate()

    assert set(output.decode().split()) <= {"digest", "__main__", "__mp_main__"}


# --- What it says


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("HELO me", 250),
        ("ehlo me", 250),
        ("NOOP", 250),
        ("RSET", 250),
        ("VRFY asa", 252),
        ("QUIT", 221),
        ("EXPN list", 500),
        ("__init__", 500),
        ("", 500),
        ("STARTTLS", 502),
        ("AUTH CRAM-MD5", 504),
        ("MAIL FROM:<a@b.se>", 503),
        ("RCPT TO:<a@b.se>", 503),
        ("DATA", 503),
    ],
)
async def test_command_gets_its_reply(command: str, code: int) -> None:
    async with RecordingServer() as server, client_of(server.port) as client:
        assert await client.say(f"{command}\r\n".encode(), 2) == [220, code]


@pytest.mark.parametrize(
    ("command", "code"),
    [
        ("MAIL FROM:<>", 250),
        ("mail from: <a@b.se> BODY=8BITMIME SIZE=1000", 250),
        ("MAIL FROM:<a@b.se> SIZE=99000000", 552),
        ("MAIL FROM:a@b.se", 501),
        ("MAIL", 501),
        ("MAIL FROM:<å@b.se>", 553),
        ("MAIL FROM:<å@b.se> SMTPUTF8", 250),
    ],
)
async def test_sender_is_taken_or_refused(command: str, code: int) -> None:
    async with RecordingServer() as server, client_of(server.port) as client:
        assert await client.say(f"EHLO me\r\n{command}\r\n".encode(), 3) == [220, 250, code]


async def test_envelope_is_forgotten_on_rset_and_ehlo_and_after_a_mail() -> None:
    async with RecordingServer() as server, client_of(server.port) as client:
        await client.say(b"EHLO me\r\n", 2)
        for command in (b"RSET\r\n", b"EHLO me\r\n", b"DATA\r\n"):
            assert await client.say(ENVELOPE + command, 3) == [250, 250, 354 if command == b"DATA\r\n" else 250]
        assert await client.say(b".\r\n") == [250]
        assert await client.say(b"MAIL FROM:<a@b.se>\r\nDATA\r\nMAIL FROM:<a@b.se>\r\n", 3) == [250, 503, 503]


async def test_greeting_offers_what_it_can() -> None:
    async with RecordingServer() as server, client_of(server.port) as client:
        await client.say(b"")
        client.writer.write(b"EHLO me\r\n")
        reply = await client.hear()

    offered = {line[4:] for line in reply.decode().splitlines()}
    assert offered == {
        *("localhost", "PIPELINING", "CHUNKING", "8BITMIME", "SMTPUTF8", "ENHANCEDSTATUSCODES", "SIZE 50000000")
    }


def log_in(port: int, context: ssl.SSLContext, mechanism: str, password: str) -> int:
    """Log in and send a mail with the standard library's client, over STARTTLS; return the code the login got."""
    with smtplib.SMTP("localhost", port, timeout=5) as client:
        client.starttls(context=context)
        client.ehlo()
        client.user, client.password = "editor", password
        how: Callable[..., str] = client.auth_plain if mechanism == "PLAIN" else client.auth_login
        try:
            code, _ = client.auth(mechanism, how)
        except smtplib.SMTPAuthenticationError as error:
            return error.smtp_code
        client.sendmail(SENDER, [READER], MAIL)
        return code


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
async def test_clients_log_in_over_tls_before_they_send(mechanism: str) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    trusting = ssl.create_default_context()
    authority.configure_trust(trusting)

    async with RecordingServer(tls=context, credentials=("editor", "pw")) as server:
        assert await asyncio.to_thread(log_in, server.port, trusting, mechanism, "wrong") == 535
        assert server.mails == []
        assert await asyncio.to_thread(log_in, server.port, trusting, mechanism, "pw") == 235
        assert server.mails == [RECEIVED]


async def test_stranger_is_asked_to_log_in() -> None:
    async with RecordingServer(credentials=("editor", "pw")) as server, client_of(server.port) as client:
        assert await client.say(b"EHLO me\r\n" + ENVELOPE, 4) == [220, 250, 530, 503]
        assert await client.say(b"AUTH PLAIN AGVkaXRvcgBwdw==\r\n" + ENVELOPE, 3) == [235, 250, 250]


async def test_login_may_come_line_by_line() -> None:
    async with RecordingServer(credentials=("editor", "pw")) as server, client_of(server.port) as client:
        await client.say(b"EHLO me\r\n", 2)
        assert await client.say(b"AUTH LOGIN\r\nZWRpdG9y\r\nbm8=\r\n", 3) == [334, 334, 535]
        assert await client.say(b"AUTH PLAIN\r\n!!!\r\n", 2) == [334, 535]
        assert await client.say(b"AUTH LOGIN\r\nZWRpdG9y\r\ncHc=\r\n", 3) == [334, 334, 235]


# --- What a script makes of it


async def test_script_is_asked_at_every_step() -> None:
    steps: list[Step] = []
    async with RecordingServer(script=steps.append) as server:
        await send(server.port)
        async with client_of(server.port) as client:
            await client.say(b"EHLO me\r\n" + (ENVELOPE + b"DATA\r\nx\r\n.\r\n") * 2, 10)

    mail = ["mail", "rcpt", "data", "content", "dot"]
    assert [step.name for step in steps] == ["connect", "ehlo", *mail, "connect", "ehlo", *mail, *mail]
    assert steps[2] == Step("mail", f"FROM:<{SENDER}>", connection=1, mail=1)
    assert steps[-1] == Step("dot", "", connection=2, mail=2)


@pytest.mark.parametrize(
    ("answer", "heard", "kept"),
    [
        (b"251 mine\r\n", b"251 mine\r\n", 1),
        (b"250-mine\r\n250 too\r\n", b"250-mine\r\n250 too\r\n", 1),
        ((b"25", b"0 slow", b"ly\r\n"), b"250 slowly\r\n", 1),
        (b"451 later\r\n", b"451 later\r\n", 0),
        (b"noise\r\n", b"noise\r\n", 0),
        (Action.DROP, b"", 0),
        (Action.ACCEPT_AND_DROP, b"", 1),
    ],
)
async def test_script_answers_in_its_own_words(answer: Answer, heard: bytes, kept: int) -> None:
    script = {"dot": answer}
    async with (
        RecordingServer(script=lambda step: script.get(step.name)) as server,
        client_of(server.port) as client,
    ):
        await client.say(b"EHLO me\r\n" + ENVELOPE + b"DATA\r\n", 5)
        client.writer.write(b"x\r\n.\r\n")

        assert await client.hear() == heard
        assert server.accepted == kept


async def test_scripted_421_ends_the_connection() -> None:
    async with (
        RecordingServer(script=lambda step: b"421 enough\r\n" if step.name == "mail" else None) as server,
        client_of(server.port) as client,
    ):
        assert await client.say(b"EHLO me\r\n" + ENVELOPE, 3) == [220, 250, 421]
        assert await client.hear() == b""


async def test_scripted_reset_is_felt_as_one() -> None:
    async with (
        RecordingServer(script=lambda step: Action.RESET if step.name == "content" else None) as server,
        client_of(server.port) as client,
    ):
        await client.say(b"EHLO me\r\n" + ENVELOPE + b"DATA\r\n", 5)
        client.writer.write(b"x")
        with pytest.raises(ConnectionResetError):
            await client.hear()


async def test_scripted_silence_lasts_until_the_server_ends() -> None:
    async with RecordingServer(script=lambda _step: Action.HANG) as server, client_of(server.port) as client:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.hear(), 0.05)
