"""smpclient as its own documentation uses it: uploads FILE over PORT, and stops after STOP pieces if that is not 0."""

import asyncio
import sys

from smpclient import SMPClient
from smpclient.transport.serial import SMPSerialTransport

port, file, stop = sys.argv[1], sys.argv[2], int(sys.argv[3])


async def main() -> None:
    with open(file, "rb") as source:
        image = source.read()
    async with SMPClient(SMPSerialTransport(), port) as client:
        pieces = []
        async for offset in client.upload(image):
            pieces.append(offset)
            if len(pieces) == stop:
                print(f"stopped at {offset}")
                return
    # The first answer of an upload that goes on names a place no single piece reaches.
    resumed = "resumed" if len(pieces) > 1 and pieces[1] - pieces[0] < pieces[0] else "begun"
    print(f"{resumed} at {pieces[0]}, {'whole' if pieces[-1] == len(image) else 'torn'}")


asyncio.run(main())
