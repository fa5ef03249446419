# SPDX-License-Identifier: Apache-2.0
"""200 MiB up, down and both at once: every byte arrives, and memory does not grow with them. With a slow peer on
either side the growth is below 2 MiB."""
import hashlib
import json
import os
import subprocess
import threading

import pytest

from testenv import message, sluice as s, wait
from testenv.upstream import BLOCK, pattern_hash

MIB = 1 << 20
SIZE = 200 * MIB
# A sanitizer keeps freed memory in quarantine; what is measured then is the sanitizer.
LIMIT = 48 * MIB if "asan" in os.environ.get("SLUICE_BUILD", "asan") else 2 * MIB


def curl(proxy, *arguments):
    done = subprocess.run(["curl", "-sS", "--fail", "--cacert", str(proxy.certs.ca), *arguments],
                          capture_output=True, check=True)
    return done.stdout


def warm(proxy):
    """After this the memory that every worker keeps is there."""
    one = proxy.client()
    one.request("PUT", "/hash", body=bytes(MIB))
    one.response()
    one.get(f"/bytes/{MIB}")
    one.close()
    return proxy.rss_bytes()


@pytest.mark.limit(120)
@pytest.mark.parametrize("framing", ["bytes", "chunked"])
def test_down(sluice, upstream, framing):
    proxy = sluice(upstream(keeps_bytes=False))
    before = warm(proxy)
    process = subprocess.Popen(["curl", "-sS", "--cacert", str(proxy.certs.ca),
                                f"https://localhost:{proxy.port}/{framing}/{SIZE}"],
                               stdout=subprocess.PIPE)
    digest = hashlib.sha256()
    while block := process.stdout.read(MIB):
        digest.update(block)
    assert process.wait() == 0
    assert digest.hexdigest() == pattern_hash(SIZE)
    assert proxy.rss_bytes() - before < LIMIT


@pytest.mark.limit(120)
@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_up(sluice, upstream, tmp_path, framing):
    proxy = sluice(upstream(keeps_bytes=False))
    before = warm(proxy)
    file = tmp_path / "large"
    with open(file, "wb") as to:
        for _ in range(SIZE // len(BLOCK)):
            to.write(BLOCK)
    fields = ["-H", "Expect:"] + (["-H", "Transfer-Encoding: chunked"] if framing == "chunked" else [])
    answer = json.loads(curl(proxy, "-T", str(file), *fields, f"https://localhost:{proxy.port}/hash"))
    assert answer["length"] == SIZE
    assert answer["sha256"] == pattern_hash(SIZE)
    assert proxy.rss_bytes() - before < LIMIT


@pytest.mark.limit(120)
def test_both_at_once(sluice, upstream):
    size = 64 * MIB

    def script(connection):
        while True:
            request = connection.head()
            if request.target != "/both":
                connection.reader.body(request)
                connection.respond()
                continue
            connection.send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
            for block in connection.reader.blocks(request):
                connection.send(message.chunk(block))
            connection.send(message.LAST_CHUNK)

    proxy = sluice(upstream(script, keeps_bytes=False), tls="off")
    before = warm(proxy)
    one = proxy.client()
    one.request("POST", "/both", f"Content-Length: {size}")

    def send():
        for _ in range(size // len(BLOCK)):
            one.send(BLOCK, timeout=60)

    sender = threading.Thread(target=send)
    sender.start()
    digest = hashlib.sha256()
    head = one.reader.response_head()
    for block in one.reader.blocks(head):
        digest.update(block)
    sender.join()
    assert digest.hexdigest() == pattern_hash(size)
    assert proxy.rss_bytes() - before < LIMIT


@pytest.mark.parametrize("slow", ["client", "upstream"])
def test_a_slow_peer(sluice, upstream, slow):
    """The fast side could fill the memory; it is made to wait instead."""
    def script(connection):
        request = connection.head()
        if request.target == "/slow":
            connection.hold()
        connection.reader.body(request)
        if request.target.startswith("/bytes/"):
            n = int(request.target.split("/")[2])
            connection.send(f"HTTP/1.1 200 OK\r\nContent-Length: {n}\r\n\r\n")
            for _ in range(n // 65536):
                connection.send(bytes(65536))
        else:
            connection.respond()

    app = upstream(script, keeps_bytes=False)
    proxy = sluice({"endpoints": [app], "keepalive": False}, tls="off")
    before = warm(proxy)
    one = proxy.client()
    if slow == "client":
        one.request("GET", f"/bytes/{1 << 30}")
        s.sleep(3)
    else:
        one.request("PUT", "/slow", f"Content-Length: {1 << 30}")
        clock = wait.Stopwatch()
        while clock.seconds < 3:
            if not one.send_some(BLOCK):
                s.sleep(0.01)
    assert proxy.rss_bytes() - before < (LIMIT if LIMIT == 2 * MIB else 8 * MIB)
    proxy.nothing_expired()
