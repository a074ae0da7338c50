"""A relay of TCP connections, a program of its own so that it can run in a namespace: HOST PORT TO-HOST TO-PORT."""

from __future__ import annotations

import asyncio
import contextlib
import sys


async def main(host: str, port: int, to_host: str, to_port: int) -> None:
    """Relay until killed."""

    async def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            there, back = await asyncio.open_connection(to_host, to_port)
            await asyncio.gather(pump(reader, back), pump(there, writer))

    server = await asyncio.start_server(accept, host, port)
    print("ready", flush=True)
    await server.serve_forever()


async def pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Carry bytes one way until there are no more."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])))
