"""A line that is long: passes bytes on to a port, half of the delay later each way. ``python -m benchmarks.delay``."""

import argparse
import asyncio
import contextlib


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.delay", description="Pass connections on, later.")
    parser.add_argument("--port", type=int, required=True, help="to listen on")
    parser.add_argument("--to", type=int, required=True, metavar="PORT")
    parser.add_argument("--seconds", type=float, required=True, help="of a round trip")
    options = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.port, options.to, options.seconds / 2))


async def _serve(port: int, to: int, one_way: float) -> None:
    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", to)
        await asyncio.gather(_pass_on(reader, back, one_way), _pass_on(there, writer, one_way))

    async with await asyncio.start_server(connected, "127.0.0.1", port) as server:
        await server.serve_forever()


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, one_way: float) -> None:
    """Write what comes in, each piece when its time has come, and close with who has closed."""
    loop, pieces = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

    async def read() -> None:
        data = b"-"
        while data:
            with contextlib.suppress(ConnectionError):
                data = await reader.read(1 << 18)
            pieces.put_nowait((loop.time() + one_way, data))

    reading = asyncio.create_task(read())
    with contextlib.suppress(ConnectionError):
        while (piece := await pieces.get())[1]:
            await asyncio.sleep(piece[0] - loop.time())
            writer.write(piece[1])
    await reading
    writer.close()


if __name__ == "__main__":
    main()
