# SPDX-License-Identifier: Apache-2.0
"""Deadline upstream_write, the lawful side: an upstream that reads slowly for far longer than every other deadline."""
import hashlib

from testenv import sluice as s, wait
from testenv.upstream import pattern


def test_an_upstream_that_reads_slowly(sluice, upstream):
    size = 12 << 20

    def script(connection):
        request = connection.head()
        digest, left = hashlib.sha256(), size
        clock = wait.Stopwatch()
        while left:
            block = connection.reader.take(len(connection.reader.buffer)) or connection.recv(65536)
            left -= len(block)
            digest.update(block)
            if clock.seconds < 5:
                s.sleep(0.05)
        connection.respond(body=digest.hexdigest().encode())
        assert request.method == "PUT"

    deadlines = s.every_phase("1s", upstream_write={"stall": "2s"}, upstream_header="2s")
    proxy = sluice(upstream(script, rcvbuf=32768, keeps_bytes=False), deadlines=deadlines)
    one = proxy.client(sndbuf=65536)
    data = pattern(size)
    one.request("PUT", "/", f"Content-Length: {size}")
    one.send(data, timeout=30)
    assert one.response().body.decode() == hashlib.sha256(data).hexdigest()
    assert one.clock.seconds > 4
    proxy.nothing_expired()
