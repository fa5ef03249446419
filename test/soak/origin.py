#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The application behind the soak: `origin.py PORT`. Byte i of every body it sends is i % 251.

GET /bytes/N        N bytes with Content-Length; /chunked/N in chunks; /eof/N until it closes
GET /slow/N/S       N bytes with Content-Length, spread over S seconds
GET /cut/HOW/N      announces more than N bytes (HOW: length, chunked), sends N, and resets
PUT, POST /hash     reads the body, answers its length and SHA-256 as JSON
PUT, POST /early    answers 413 at once, and closes
GET /tunnel         with Upgrade: 101, then echoes
"""
import asyncio
import hashlib
import json
import socket
import struct
import sys

PERIOD = bytes(range(251))
BLOCK = PERIOD * 256  # a whole number of periods, so that a block follows a block
PIECE = 64 << 10


def pieces(n):
    while n > 0:
        yield BLOCK[:n]
        n -= len(BLOCK)


class Closed(Exception):
    pass


async def read_head(reader):
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
    except asyncio.IncompleteReadError:
        raise Closed from None
    fields = {}
    for line in head[1:-2]:
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    return head[0].split(" ")[0], head[0].split(" ")[1], fields


async def body_blocks(reader, fields):
    if fields.get("transfer-encoding", "").lower() == "chunked":
        while n := int((await reader.readline()).split(b";")[0], 16):
            yield await reader.readexactly(n)
            await reader.readexactly(2)
        while (await reader.readline()).strip():
            pass
        return
    n = int(fields.get("content-length", "0"))
    while n > 0:
        block = await reader.read(min(n, PIECE))
        if not block:
            raise Closed
        n -= len(block)
        yield block


async def send(writer, data):
    writer.write(data)
    await writer.drain()


async def send_bytes(writer, n, pause_s=0.0):
    await send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % n)
    if not pause_s:
        for block in pieces(n):
            await send(writer, block)
        return
    n_pieces, sent = 20, 0
    for i in range(1, n_pieces + 1):
        await asyncio.sleep(pause_s / n_pieces)
        upto = n * i // n_pieces
        shift = sent % 251
        await send(writer, (PERIOD * ((upto - sent) // 251 + 2))[shift:shift + upto - sent])
        sent = upto


async def send_chunked(writer, n):
    await send(writer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for block in pieces(n):
        await send(writer, b"%x\r\n%s\r\n" % (len(block), block))
    await send(writer, b"0\r\n\r\n")


async def cut(writer, how, n):
    if how == "length":
        await send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (n + 100))
    else:
        await send(writer, b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%x\r\n" % (n + 100))
    for block in pieces(n):
        await send(writer, block)
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                                               struct.pack("ii", 1, 0))
    raise Closed


async def serve_one(reader, writer):
    method, target, fields = await read_head(reader)
    words = target.split("/")[1:]
    if words[0] == "early":
        await send(writer, b"HTTP/1.1 413 Too much\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        while await reader.read(PIECE):  # a reset could overtake the answer
            pass
        raise Closed
    digest, n = hashlib.sha256(), 0
    async for block in body_blocks(reader, fields):
        digest.update(block)
        n += len(block)
    if words[0] == "hash":
        answer = json.dumps({"length": n, "sha256": digest.hexdigest()}).encode()
        await send(writer, b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(answer), answer))
    elif words[0] == "bytes":
        await send_bytes(writer, int(words[1]))
    elif words[0] == "slow":
        await send_bytes(writer, int(words[1]), float(words[2]))
    elif words[0] == "chunked":
        await send_chunked(writer, int(words[1]))
    elif words[0] == "eof":
        await send(writer, b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n")
        for block in pieces(int(words[1])):
            await send(writer, block)
        raise Closed
    elif words[0] == "cut":
        await cut(writer, words[1], int(words[2]))
    elif words[0] == "tunnel":
        await send(writer, b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\n"
                           b"Upgrade: echo\r\n\r\n")
        while block := await reader.read(PIECE):
            await send(writer, block)
        raise Closed
    else:
        await send(writer, b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


async def serve(reader, writer):
    try:
        while True:
            await serve_one(reader, writer)
    except (Closed, OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
        pass  # whoever was served is gone, or we were to go
    finally:
        writer.close()


async def main():
    server = await asyncio.start_server(serve, "127.0.0.1", int(sys.argv[1]), backlog=1024,
                                        limit=128 << 10)
    async with server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main())
