# SPDX-License-Identifier: Apache-2.0
"""Deadline request_body, a lawful client: an upload at a pace just above min_rate that takes far longer than
every other deadline; one whose TLS records each take far longer than `idle`; and the long one: a minute."""
import json
import ssl

import pytest

from testenv import client, message, sluice as s, wait

PACE = {"idle": "1s", "min_rate": "1KiB/s", "window": "2s"}


def upload(one, seconds, is_chunked, every=0.2):
    framing = "Transfer-Encoding: chunked" if is_chunked else \
        f"Content-Length: {512 * round(seconds / every)}"
    one.request("PUT", "/hash", framing)
    n = round(seconds / every)
    for _ in wait.ticks(every, n=n):
        one.send(b"200\r\n" + b"x" * 512 + b"\r\n" if is_chunked else b"x" * 512)
        assert one.is_open(), one.reader.buffer
    if is_chunked:
        one.send(b"0\r\n\r\n")
    response = one.response()
    assert response.status == 200
    assert json.loads(response.body)["length"] == 512 * n


@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_a_slow_but_lawful_upload(sluice, upstream, is_chunked):
    proxy = sluice(upstream(), deadlines=s.every_phase("1s", request_body=PACE))
    upload(proxy.client(), 6, is_chunked)
    proxy.nothing_expired()


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda v: v.name)
@pytest.mark.parametrize("is_chunked", [False, True], ids=["length", "chunked"])
def test_a_record_that_takes_long(sluice, upstream, certs, version, is_chunked):
    """Nothing of a record can be read before its last byte: all of its bytes count, as they come."""
    proxy = sluice(upstream(), deadlines=s.every_phase("1s", request_body=PACE))
    one = proxy.client(tls=client.context(certs.ca, low=version, high=version))
    one.request("PUT", "/hash", "Transfer-Encoding: chunked" if is_chunked else "Content-Length: 16000")
    body = message.chunk(b"x" * 15980) if is_chunked else b"x" * 16000
    record = one.encrypt(body)
    assert len(record) < len(body) + 40, "one record"
    one.drip_raw(record, every=0.1, size=240)
    if is_chunked:
        one.send(message.LAST_CHUNK)
    response = one.response()
    assert response.status == 200
    assert json.loads(response.body)["length"] == (15980 if is_chunked else 16000)
    proxy.nothing_expired()


@pytest.mark.slow
@pytest.mark.limit(100)
def test_for_a_minute(sluice, upstream):
    deadlines = s.every_phase("2s", tls_handshake="5s", request_body={**PACE, "idle": "2s"})
    proxy = sluice(upstream(), deadlines=deadlines)
    upload(proxy.client(), 60, is_chunked=False, every=0.4)
    proxy.nothing_expired()
