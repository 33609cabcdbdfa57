"""Logging in at a relay: by password, or by a token that a command prints."""

import asyncio
import contextlib
import os
import re
import signal
from pathlib import Path

import aiosmtplib

#: The order in which they are tried. A password goes over TLS, so the plain ones come first: whoever keeps passwords
#: hashed cannot answer CRAM-MD5 (RFC 2195), often offers it all the same, and says 535.
METHODS = ("plain", "login", "cram-md5")
#: Said of the method instead of the password (RFC 4954, 4 and 6): another one may do.
OF_THE_METHOD = frozenset({500, 501, 502, 503, 504, 534, 538})
LONGEST = 30.0  #: seconds a token command may take

_TOKEN = re.compile(r"[\x21-\x7e]+")


class CannotLogIn(Exception):
    """There is no way to log in at this relay with what we have; says why."""


class NoToken(CannotLogIn):
    """DIGEST_RELAY_TOKEN_COMMAND gave no token."""


class TokenCommand:
    """DIGEST_RELAY_TOKEN_COMMAND for one relay: the token is kept until that relay refuses it, and shown to nobody.

    The shell runs it in the project's folder; RELAY_USER and RELAY_HOST in its environment tell it whose token is
    wanted. The first line of what it prints is the token.
    """

    def __init__(self, command: str, folder: Path, user: str, host: str, seconds: float = LONGEST) -> None:
        self._command, self._folder, self._seconds = command, folder, seconds
        self._environ = {"RELAY_USER": user, "RELAY_HOST": host}
        self._token: str | None = None
        self._running: asyncio.Task[str] | None = None

    async def token(self, refused: str | None = None) -> str:
        """Return a token that is not the refused one, unless the command prints that again; raises ``NoToken``.

        Connections that ask at the same time wait for the same run of the command.
        """
        if self._token in (None, refused):
            if self._running is None or self._running.done():
                self._running = asyncio.create_task(self._renew())
            return await asyncio.shield(self._running)
        assert self._token is not None
        return self._token

    async def _renew(self) -> str:
        # Set here: between its end and the moment that who waits for it goes on, another may come with the old one.
        self._token = await self._run()
        return self._token

    async def _run(self) -> str:
        try:
            async with asyncio.timeout(self._seconds):
                line, status = await self._printed()
        except TimeoutError:
            raise NoToken(f"DIGEST_RELAY_TOKEN_COMMAND did not end within {self._seconds:g} s") from None
        except OSError as error:
            raise NoToken(f"DIGEST_RELAY_TOKEN_COMMAND cannot be run: {error}") from error
        if status:
            raise NoToken(f"DIGEST_RELAY_TOKEN_COMMAND ended with {status}")
        token = line.decode("utf-8", "replace").strip()
        if not _TOKEN.fullmatch(token):  # a message for people, or something that would break the login's own format
            raise NoToken("DIGEST_RELAY_TOKEN_COMMAND printed no token on its first line")
        return token

    async def _printed(self) -> tuple[bytes, int]:
        """Return the first line of what the command prints, and how it ended."""
        spawning = asyncio.ensure_future(
            asyncio.create_subprocess_shell(
                self._command,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,  # it may hold secrets, and would end up in cron's mail
                cwd=self._folder,
                env={**os.environ, **self._environ},
                start_new_session=True,  # so that what the shell has started ends with it
            )
        )
        try:
            process = await asyncio.shield(spawning)
            assert process.stdout is not None
            try:
                line = await process.stdout.readline()
            except ValueError:  # over 64 kB
                line = b""
            while await process.stdout.read(65536):
                pass
            return line, await process.wait()
        finally:
            process = await spawning  # it may have begun already when we are cut off in the middle of that
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def log_in(client: aiosmtplib.SMTP, user: str, password: str) -> None:
    """Log in by the first method that the relay offers and has; raises aiosmtplib's errors, ``CannotLogIn``.

    A password that has been refused is not tried by another method: three wrong ones lock many an account.
    """
    ways = {"plain": client.auth_plain, "login": client.auth_login, "cram-md5": client.auth_crammd5}
    *first, last = _offered(client, METHODS)
    for method in first:
        try:
            await ways[method](user, password)
        except aiosmtplib.SMTPAuthenticationError as error:
            if error.code not in OF_THE_METHOD:
                raise
        else:
            return
    await ways[last](user, password)


async def log_in_by_token(client: aiosmtplib.SMTP, user: str, token: str) -> None:
    """Log in by XOAUTH2; raises aiosmtplib's errors, ``CannotLogIn``."""
    _offered(client, ("xoauth2",))
    await client.auth_xoauth2(user, token)


def _offered(client: aiosmtplib.SMTP, ours: tuple[str, ...]) -> list[str]:
    """Return which of our methods the relay offers, at least one."""
    if found := [method for method in ours if method in client.server_auth_methods]:
        return found
    if not client.server_auth_methods:
        raise CannotLogIn("it asks for no login and takes none (no AUTH in its greeting)")
    theirs, wanted = " ".join(client.server_auth_methods).upper(), " or ".join(method.upper() for method in ours)
    raise CannotLogIn(f"it lets nobody in by {wanted}, only by {theirs}")
