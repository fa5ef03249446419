# SPDX-License-Identifier: Apache-2.0
"""SIGSTOP and SIGCONT again and again, during handshakes, uploads, downloads and tunnels, each stop longer than the deadlines:
every byte arrives, nobody who had done his part is cut."""
import ssl
import threading

import pytest

from testenv import client, faults, message, sluice as s, tunnel, upstream as u, wait

STOP = 0.8
SHORT = {"first_byte": "500ms", "tls_handshake": "500ms", "request_start": "500ms", "request_header": "500ms",
         "request_body": {"idle": "500ms", "min_rate": "off"}, "keepalive": "500ms",
         "response": {"stall": "500ms", "min_rate": "off"}, "upstream_connect": "500ms",
         "upstream_write": {"stall": "500ms"}, "upstream_header": "500ms", "upstream_body": {"idle": "500ms"},
         "tunnel": {"idle": "500ms"}, "upstream_idle": "200ms"}


@pytest.fixture
def stuttering(sluice, upstream):
    """start(act): `act(proxy, is_begun, is_over)` runs in a thread while sluice stops and goes on, until is_over."""
    def start(act, n_stops=4):
        # (Under load a client of Python's needs more than its half second now and then, and would rightly be cut.)
        short = SHORT if wait.PATIENCE == 1 else {}
        proxy = sluice(upstream(tunnel.serve_or_switch, keeps_bytes=False), deadlines=short or {"upstream_idle": "200ms"})
        n_fds = faults.fresh_baseline(proxy)
        failures, is_begun, is_over = [], threading.Event(), threading.Event()

        def run():
            try:
                act(proxy, is_begun, is_over)
            except (Exception, message.Cut) as error:
                failures.append(error)

        thread = threading.Thread(target=run)
        thread.start()
        is_begun.wait(10)
        for _ in range(n_stops):
            proxy.freeze()
            is_alive = thread.is_alive()
            s.sleep(STOP)
            proxy.thaw()
            assert is_alive or failures, "nobody was there to be hurt"
            s.sleep(0.05)
        is_over.set()
        thread.join(30)
        assert not thread.is_alive()
        assert not failures, failures[0]
        proxy.nothing_expired()
        faults.unharmed(proxy, n_fds)
    return start


def test_handshakes(stuttering):
    def act(proxy, is_begun, is_over):
        is_begun.set()
        while not is_over.is_set():
            with proxy.client(tls=client.context(proxy.certs.ca)) as one:
                assert one.get("/bytes/1").status == 200
    stuttering(act)


@pytest.mark.skipif(wait.PATIENCE > 1, reason="a client that is slow itself would rightly be cut")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_handshake_that_is_being_worked_on(sluice, upstream, version):
    """The stop falls between the client's hello and our answer, each time a little later."""
    proxy = sluice(upstream(), deadlines=SHORT)

    for n in range(12):
        one = proxy.connect(tls=client.context(proxy.certs.ca, low=version, high=version))
        thaw = threading.Timer(0.6, proxy.thaw)  # who has his answer goes on meanwhile

        def send(data):
            one.raw_send(data)
            if not one.records:  # that was the hello
                s.sleep(n * 0.0003)
                proxy.freeze()
                thaw.start()

        one.handshake(send=send)
        assert one.get("/bytes/1").status == 200
        thaw.join()


@pytest.mark.parametrize("framing", ["length", "chunked"])
def test_an_upload(stuttering, framing):
    data = u.pattern(10_000_000)
    want = u.pattern_hash(len(data))

    def upload(one, is_begun):
        one.request("PUT", "/hash", f"Content-Length: {len(data)}" if framing == "length"
                    else "Transfer-Encoding: chunked")
        is_begun.set()
        for at in range(0, len(data), 1 << 18):
            block = data[at:at + (1 << 18)]
            one.send(block if framing == "length" else message.chunk(block))
        if framing == "chunked":
            one.send(message.LAST_CHUNK)
        assert want in one.response().body.decode()

    def act(proxy, is_begun, is_over):
        one = proxy.client()
        while not is_over.is_set():
            upload(one, is_begun)
    stuttering(act)


@pytest.mark.parametrize("framing", ["bytes", "chunked"])
def test_a_download(stuttering, framing):
    want = u.pattern(10_000_000)

    def act(proxy, is_begun, is_over):
        one = proxy.client(rcvbuf=65536)
        while not is_over.is_set():
            one.request("GET", f"/{framing}/{len(want)}")
            is_begun.set()
            assert one.response().body == want
    stuttering(act)


def test_a_tunnel(stuttering):
    def act(proxy, is_begun, is_over):
        one, n = tunnel.switch(proxy.client()), 0
        is_begun.set()
        while not is_over.is_set():
            n = 1 + n % 60
            one.send(u.pattern(n * 1000))
            assert tunnel.read(one, n * 1000) == u.pattern(n * 1000)
            s.sleep(0.03)
    stuttering(act)
