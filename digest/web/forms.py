"""What a POST holds: urlencoded or multipart, within bounds, from anybody."""

import asyncio

from python_multipart.exceptions import FormParserError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import Message

LARGEST = 64_000  #: octets of a body; RFC 8058's has 26, or 150 as multipart
MOST = 20  #: fields and files
PATIENCE = 10.0  #: seconds until all of it must be here


async def read_form(request: Request) -> dict[str, str]:
    """Return the fields of a form; empty when the body is no form, 413 when it is too large, 408 when it does not come.

    RFC 8058, 3.2: mailbox providers send multipart/form-data, or application/x-www-form-urlencoded.
    """
    body = await _body(request)

    async def replay() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    try:
        async with Request(request.scope, replay).form(max_files=MOST, max_fields=MOST) as form:
            return {name: value for name, value in form.multi_items() if isinstance(value, str)}
    except (HTTPException, FormParserError, UnicodeError, LookupError, ValueError):
        return {}  # no boundary, half a part, a charset that is none


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for chunk in request.stream():
                body += chunk
                if len(body) > LARGEST:
                    raise HTTPException(413)
    except TimeoutError:
        raise HTTPException(408) from None
    return bytes(body)
