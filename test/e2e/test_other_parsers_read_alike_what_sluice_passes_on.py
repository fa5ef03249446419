# SPDX-License-Identifier: Apache-2.0
"""Generated requests and responses, most of them broken: whatever sluice passes on has one lawful reading, and parsers of
other makes share it. test/differential/run does the same with any number of them."""
import asyncio
import contextlib
import pathlib
import socketserver
import sys
import threading

import pytest

sys.path.append(str(pathlib.Path(__file__).parents[1] / "differential"))

import answered  # noqa: E402
import forwarded  # noqa: E402
import origins  # noqa: E402
import strict  # noqa: E402

# A case that waits for more is over soon.
DEADLINES = {"upstream_body": "1s"}
SEED = "1"


@pytest.fixture
def others(tmp_path):
    started = origins.Origins(tmp_path)
    try:
        assert not started.missing, f"not installed: {started.missing}; scripts/setup --test installs them"
        yield started
    finally:
        started.stop()


def starter(sluice):
    return lambda endpoint: sluice(endpoint, tls="off", deadlines=DEADLINES, log={"level": "error"}).address


@pytest.mark.limit(300)
def test_requests(sluice, others):
    outcome = asyncio.run(forwarded.check(starter(sluice), others.ports, SEED, range(3000)))
    assert not outcome.failures, "\n".join(outcome.failures[:5])
    assert outcome.n_forwarded > outcome.n_cases / 3
    assert set(outcome.compared.values()) == {outcome.n_forwarded}, "somebody was not asked about everything"


@pytest.mark.limit(300)
def test_responses(sluice, tmp_path):
    outcome = asyncio.run(answered.check(starter(sluice), SEED, range(1500), tmp_path))
    assert not outcome.failures, "\n".join(outcome.failures[:5])
    assert outcome.n_answered > outcome.n_cases / 3 and outcome.n_refused and outcome.n_cut
    assert min(outcome.compared.values()) > outcome.n_answered


# --- can it fail? ---

HIDDEN = b"GET /hidden HTTP/1.1\r\nHost: example.org\r\n\r\n"
LENGTH = b"POST /a HTTP/1.1\r\nHost: example.org\r\nContent-Length: %d\r\n"


def as_forwarded(raw, body):
    """These bytes, as if the strict reading of all of them were one request with this body."""
    message = strict.Message(strict.REQUEST_LINE.match(raw))
    message.body = body
    return forwarded.Forwarded(0, raw, message)


def who_objects(others, one):
    outcome = forwarded.Outcome(n_forwarded=1)

    async def ask_all():
        for name, port in others.ports.items():
            await forwarded.compare(name, port, [one], outcome, 1.0)
    asyncio.run(ask_all())
    return {name for name in others.ports if any(f": {name} reads" in text for text in outcome.failures)}, outcome


def test_a_request_with_one_reading_finds_nobody_who_objects(others):
    one = as_forwarded(LENGTH % 5 + b"\r\nhello", b"hello")
    assert who_objects(others, one)[0] == set()


def test_a_request_that_hides_another_is_found_by_each_of_them(others):
    one = as_forwarded(LENGTH % 5 + b"\r\nhello" + HIDDEN, b"hello" + HIDDEN)
    assert who_objects(others, one)[0] == origins.NAMES


def test_a_request_with_two_lengths_is_found_or_refused_by_each_of_them(others):
    body = b"0\r\n\r\n" + HIDDEN
    one = as_forwarded(LENGTH % len(body) + b"Transfer-Encoding: chunked\r\n\r\n" + body, body)
    who, outcome = who_objects(others, one)
    assert who and who | {name for name, n in outcome.refused.items() if n} == origins.NAMES


class Refuser(socketserver.StreamRequestHandler):
    """Understands nothing."""

    def handle(self):
        self.rfile.readline()
        self.wfile.write(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


def test_a_parser_that_refuses_everything_is_no_parser(sluice):
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Refuser) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ports = {"refuser": server.server_address[1]}
        outcome = asyncio.run(forwarded.check(starter(sluice), ports, SEED, range(40)))
        server.shutdown()
    assert len(outcome.failures) == 1 and "refuser refuses" in outcome.failures[0]


@pytest.mark.parametrize("raw, expected", [
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", b"0\r\n\r\n"),
    (b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello!", b"hello!"),
])
def test_a_response_with_another_reading_is_found_by_each_client(raw, expected, tmp_path):
    for name, client, _ in answered.clients():
        outcome = answered.Outcome()
        one = answered.Answered(1, "GET", raw, answered.describe(200, expected), True)
        answered.compare(name, client, [one], outcome, tmp_path)
        assert len(outcome.failures) == 1, name


@pytest.mark.parametrize("fields", ["", "X-Forwarded-For: x\r\n", "X-Forwarded-For: 127.1.0.0, 127.1.0.0\r\n",
                                    "X-Forwarded-For: 127.1.0.0\r\n" * 2, "X-Forwarded-For: 127.1.0.9\r\n"])
def test_a_request_of_no_case_is_a_failure(fields):
    assert len(record(fields)) == 1


def test_a_request_of_a_case_is_none():
    assert record("X-Forwarded-For: 127.1.0.1\r\n") == []


def record(fields):
    """The failures that the recorder tells of when it gets this."""
    outcome = forwarded.Outcome()

    async def ask():
        recorder = await forwarded.Recorder(outcome, range(2)).start()
        reader, writer = await asyncio.open_connection("127.0.0.1", recorder.port)
        writer.write(f"GET / HTTP/1.1\r\nHost: example.org\r\n{fields}\r\n".encode())
        writer.write_eof()
        with contextlib.suppress(ConnectionError):  # it aborts in the end
            await reader.read()
        writer.close()
        recorder.server.close()
    asyncio.run(ask())
    return outcome.failures
