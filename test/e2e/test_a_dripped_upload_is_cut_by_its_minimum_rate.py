# SPDX-License-Identifier: Apache-2.0
"""Deadline request_body, a client that trickles below min_rate: 408 after about a window, and a fast start buys
no more than one window."""
import pytest

from testenv import wait

PACE = {"request_body": {"idle": "30s", "min_rate": "4KiB/s", "window": "1s"}}


@pytest.mark.parametrize("fast", [0, 2_000_000], ids=["from_the_start", "after_a_fast_start"])
def test_a_dripped_upload_is_cut(sluice, upstream, fast):
    proxy = sluice(upstream(), deadlines=PACE)
    one = proxy.client()
    one.send(b"POST /hash HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
    one.send(b"x" * fast)
    clock = wait.Stopwatch()
    one.drip(b"x" * 10000, every=0.1)
    seconds = clock.seconds
    assert one.response().status == 408
    # A window in which too little came; a slice more, at most; not a byte of credit from before.
    wait.at(seconds, 0.85, slack=2)
    line = proxy.wait_expired("request_body")
    assert line


def test_a_part_of_a_record_is_no_more_than_its_bytes(sluice, upstream):
    proxy = sluice(upstream(), deadlines=PACE)
    one = proxy.client()
    one.send(b"POST /hash HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9000000\r\n\r\n")
    record = one.encrypt(b"x" * 16000)
    clock = wait.Stopwatch()
    for tick in wait.ticks(0.1):
        if one.has_ended() or one.reader.buffer:
            break
        one.raw_send(record[tick * 40:(tick + 1) * 40])
    assert one.response().status == 408
    wait.at(clock.seconds, 0.85, slack=2)


def test_a_record_that_stands_still_is_no_progress(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"request_body": {"idle": "1s"}})
    one = proxy.client()
    one.request("PUT", "/hash", "Content-Length: 16000")
    proxy.wait_phase("request_body")
    one.raw_send(one.encrypt(b"x" * 16000)[:8000])
    clock = wait.Stopwatch()
    assert one.response().status == 408
    wait.at(clock.seconds, 1)


def test_small_chunks_are_no_more_than_their_bytes(sluice, upstream):
    proxy = sluice(upstream(), deadlines=PACE)
    one = proxy.client()
    one.send(b"POST /hash HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n")
    clock = wait.Stopwatch()
    one.drip(b"1\r\nx\r\n" * 200, every=0.1, size=6)
    assert one.response().status == 408
    wait.at(clock.seconds, 0.85, slack=2)
