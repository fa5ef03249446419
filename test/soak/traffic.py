# SPDX-License-Identifier: Apache-2.0
"""What clients do in the soak, lawful and hostile, with the raw client of the end-to-end tests.

An act is a function of (crowd, dice); it returns when it is over and raises when it saw what must not be. A
lawful act looks at every byte it gets. A hostile one has only to be rid of in time.

A reload closes resting connections. A request that was on its way to one gets no byte of an answer, and
may be sent again (RFC 9112 section 9.3.1): that is counted, and excused only of a request that began after
the reload did, on a connection on which something had been answered, and that was dropped soon. The
clients are careful: they look whether a connection has ended, or was told to, before they ask again on it.
"""
import collections
import hashlib
import json
import random
import socket
import ssl
import threading
import time

from testenv import client, message, wait

PERIOD = bytes(range(251))
BLOCK = PERIOD * 8192
GONE_S = 90.0    # longer than any deadline before a body, on a machine that is busy
NOTICE_S = 10.0  # so long may it take us to see an end: thousands end at once
RELOAD_S = 2.0   # so long after a reload is in force it may close what rests; the machine is busy then


def body_of(n):
    return (BLOCK * (n // len(BLOCK) + 1))[:n]


class Wrong(AssertionError):
    """A lawful client got something else than it was due."""


class Dropped(Exception):
    """The connection ended before the first byte of an answer."""

    def __init__(self, one, how=None):
        super().__init__(how or one.ended)
        self.began = one.began if one.has_rested else None


class Crowd:
    """What all acts of a process share. `reload` has two shared doubles: when the last reload began, and when
    it was in force (before that: infinite), in monotonic time."""

    def __init__(self, address, reload, is_over):
        self.address, self.reload, self.is_over = address, reload, is_over
        self.lock = threading.Lock()
        self.counts = collections.Counter()
        self.errors = []
        self.tls = client.context()
        self.tls_1_2 = client.context(high=ssl.TLSVersion.TLSv1_2)

    def count(self, what, n=1):
        with self.lock:
            self.counts[what] += n

    def connect(self, dice, tls="any", **options):
        if tls == "any":
            tls = self.tls_1_2 if dice.random() < 0.2 else self.tls
        one = client.Client(self.address, tls=tls, source=f"127.2.0.{dice.randint(1, 60)}", **options)
        one.timeout = 60
        one.began, one.has_rested, one.is_last = None, False, False
        return one

    def client(self, dice, **options):
        one = self.connect(dice, **options)
        try:
            one.handshake()
        except BaseException:
            one.close()
            raise
        return one


# --- lawful ---

def answer(one):
    try:
        response = one.reader.response()
    except message.Cut as cut:
        raise Wrong(f"cut ({one.ended}): {str(cut)[:300]}") from None
    if response is None:
        raise Dropped(one)
    if response.status != 200:
        raise Wrong(f"{response.start}: {response.body[:200]!r}")
    one.began, one.has_rested = time.monotonic(), True  # a pipelined request's turn comes now
    one.is_last = response.get("Connection") == "close"
    return response


def goes_on(one):
    """Will it take one more request, as far as a careful client knows?"""
    has_ended = one.has_ended()
    if one.reader.buffer:
        raise Wrong(f"bytes that nobody asked for: {bytes(one.reader.buffer[:100])!r}")
    return not has_ended and not one.is_last


def send(one, text):
    """A whole request, to a connection that a reload may close."""
    one.began = time.monotonic()
    try:
        one.send(text)
    except OSError:
        raise Dropped(one, "while sending") from None


def ask(one, target):
    send(one, get(target))
    return answer(one)


def get(target):
    return f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n"


def fetch(one, n, how="bytes"):
    response = ask(one, f"/{how}/{n}")
    if response.body != body_of(n):
        raise Wrong(f"/{how}/{n} brought {len(response.body)} bytes, or others")


def small_gets(crowd, dice):
    with crowd.client(dice) as one:
        for _ in range(dice.randint(1, 8)):
            if not goes_on(one):
                return
            fetch(one, dice.choice((0, 1, 100, 2000, 16384, 16385, 60000)),
                  dice.choice(("bytes", "chunked")))
            if dice.random() < 0.3:
                time.sleep(dice.random())


def pipelined(crowd, dice):
    sizes = [dice.randint(0, 5000) for _ in range(5)]
    with crowd.client(dice) as one:
        send(one, "".join(get(f"/bytes/{n}") for n in sizes))
        for n in sizes:
            if answer(one).body != body_of(n):
                raise Wrong("a pipelined answer is another one")


def download(crowd, dice):
    with crowd.client(dice) as one:
        fetch(one, dice.randint(100_000, 3_000_000), dice.choice(("bytes", "chunked", "eof")))


def resumed(crowd, dice):
    with crowd.client(dice) as one:
        fetch(one, 1000)
        session = one.tls.session
        tls = crowd.tls_1_2 if one.tls.version() == "TLSv1.2" else crowd.tls
    with crowd.client(dice, tls=tls, session=session) as again:
        fetch(again, 1000)
        crowd.count("resumed sessions", int(again.tls.session_reused))


def upload_of(one, data, is_chunked, pause=lambda: None, piece=65536):
    framing = "Transfer-Encoding: chunked" if is_chunked else f"Content-Length: {len(data)}"
    one.began = time.monotonic()
    try:
        one.send(f"PUT /hash HTTP/1.1\r\nHost: localhost\r\n{framing}\r\n\r\n")
        for at in range(0, len(data), piece):
            block = data[at:at + piece]
            one.send(message.chunk(block) if is_chunked else block, timeout=60)
            pause()
        if is_chunked:
            one.send(message.LAST_CHUNK)
    except OSError:
        one.has_ended()
        if one.reader.buffer:
            raise Wrong(f"an upload was answered early: {bytes(one.reader.buffer[:300])!r}") from None
        raise Dropped(one, "while uploading") from None
    said = json.loads(answer(one).body)
    if said != {"length": len(data), "sha256": hashlib.sha256(data).hexdigest()}:
        raise Wrong(f"of {len(data)} bytes arrived {said}")


def upload(crowd, dice):
    with crowd.client(dice) as one:
        for _ in range(dice.randint(1, 3)):
            if not goes_on(one):
                return
            data = dice.randbytes(dice.choice((0, 1, 1000, 65536, 500_000, 1_500_000)))
            upload_of(one, data, dice.random() < 0.5)


def slow_upload(crowd, dice):
    """Twice the rate that is asked for, in pieces a second apart."""
    with crowd.client(dice) as one:
        upload_of(one, dice.randbytes(1024 * dice.randint(10, 40)), dice.random() < 0.5,
                  lambda: crowd.is_over.wait(1), 1024)


def slow_download(crowd, dice):
    n = dice.randint(100_000, 400_000)
    with crowd.client(dice, rcvbuf=8192) as one:
        send(one, get(f"/bytes/{n}"))
        head = one.reader.response_head()
        if head is None:
            raise Dropped(one)
        body = b""
        while True:
            crowd.is_over.wait(0.25)
            body += one.reader.take(8192)
            if len(body) == n:
                break
            if not one.reader.buffer and not one.reader.more():
                raise Wrong(f"a slow download ended ({one.ended}) after {len(body)} of {n} bytes")
        if body != body_of(n):
            raise Wrong("a slow download brought other bytes")


def slow_application(crowd, dice):
    n = dice.randint(1000, 200_000)
    with crowd.client(dice) as one:
        if ask(one, f"/slow/{n}/{dice.randint(2, 12)}").body != body_of(n):
            raise Wrong("a slow application's bytes are others")


def tunnel(crowd, dice):
    with crowd.client(dice) as one:
        send(one, "GET /tunnel HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\n"
                  "Upgrade: echo\r\n\r\n")
        head = one.reader.response_head()
        if head is None:
            raise Dropped(one)
        if head.status != 101:
            raise Wrong(head.start)
        for _ in range(dice.randint(3, 15)):
            data = dice.randbytes(dice.randint(1, 40_000))
            one.send(data)
            while len(one.reader.buffer) < len(data):
                if not one.reader.more():
                    raise Wrong(f"a tunnel ended: {one.ended}")
            if one.reader.take(len(data)) != data:
                raise Wrong("a tunnel's bytes are others")
            crowd.is_over.wait(dice.random() * 2)


def broken_application(crowd, dice):
    """Its response breaks: the client must see that."""
    with crowd.client(dice) as one:
        send(one, get(f"/cut/{dice.choice(('length', 'chunked'))}/{dice.randint(0, 100_000)}"))
        try:
            response = one.reader.response()
        except message.Cut:
            if one.ended == "close_notify":
                raise Wrong("a cut response ended with close_notify") from None
            return
        if response is None and one.ended == "reset":
            return  # which takes with it what had not been read
        if response is None:
            raise Dropped(one)
        if response.status != 502:
            raise Wrong(f"a cut response looks whole: {response.start}")


def early_answer(crowd, dice):
    with crowd.client(dice) as one:
        data = dice.randbytes(200_000)
        try:
            one.request("PUT", "/early", body=data)
        except OSError:
            pass  # it did not want it
        try:
            response = one.reader.response()
        except message.Cut as cut:
            raise Wrong(f"an early answer was cut ({one.ended}): {str(cut)[:300]}") from None
        if response is None:
            raise Dropped(one)
        if response.status != 413:
            raise Wrong(response.start)


# --- hostile ---

def be_gone(crowd, one):
    """Whatever it said: it must be over in time, or when the soak is."""
    deadline = time.monotonic() + GONE_S
    while not crowd.is_over.is_set():
        try:
            one.end(0.5)
            return
        except client.StillOpen:
            if time.monotonic() > deadline:
                raise Wrong("a hostile connection is held for ever") from None


def silent(crowd, dice):
    with crowd.connect(dice, tls=None) as one:
        be_gone(crowd, one)


def half_hello(crowd, dice):
    hello = client.client_hello()
    with crowd.connect(dice, tls=None) as one:
        one.raw_send(hello[:dice.randint(1, len(hello) - 1)])
        be_gone(crowd, one)


def dripped_hello(crowd, dice):
    with crowd.connect(dice, tls=None) as one:
        one.drip(client.client_hello(), 0.2)
        be_gone(crowd, one)


def dripped_header(crowd, dice):
    with crowd.client(dice) as one:
        one.drip(b"GET / HTTP/1.1\r\nHost: localhost\r\n" + b"X: yyyyyyyyyyyyyyy\r\n" * 50, 0.3)
        be_gone(crowd, one)


def stalled_upload(crowd, dice):
    with crowd.client(dice) as one:
        one.send(b"PUT /hash HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\nsome")
        be_gone(crowd, one)


def reset_within_an_upload(crowd, dice):
    with crowd.client(dice) as one:
        one.send(b"PUT /hash HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n")
        one.send(dice.randbytes(dice.randint(0, 300_000)))
        one.reset()


def reset_within_a_download(crowd, dice):
    with crowd.client(dice) as one:
        one.request("GET", "/bytes/2000000")
        while len(one.reader.buffer) < dice.randint(0, 300_000) and one.reader.more():
            pass
        one.reset()


def half_closed(crowd, dice):
    with crowd.client(dice) as one:
        one.send(b"PUT /hash HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nhalf")
        one.shutdown_write()
        be_gone(crowd, one)


def rubbish(crowd, dice):
    if dice.random() < 0.5:
        with crowd.connect(dice, tls=None) as one:
            one.raw_send(dice.randbytes(dice.randint(1, 3000)))
            be_gone(crowd, one)
    else:
        with crowd.client(dice) as one:
            one.send(dice.randbytes(dice.randint(1, 3000)))
            be_gone(crowd, one)


def broken_record(crowd, dice):
    with crowd.client(dice) as one:
        record = bytearray(one.encrypt(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"))
        record[dice.randrange(5, len(record))] ^= 1 << dice.randrange(8)
        one.raw_send(record)
        be_gone(crowd, one)


def oversized(crowd, dice):
    with crowd.client(dice) as one:
        one.send(b"GET / HTTP/1.1\r\nHost: localhost\r\nX: " + b"y" * dice.randint(40_000, 200_000))
        be_gone(crowd, one)


def two_readings(crowd, dice):
    with crowd.client(dice) as one:
        one.send(b"POST /hash HTTP/1.1\r\nHost: localhost\r\nContent-Length: 4\r\n"
                 b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /smuggled HTTP/1.1\r\n\r\n")
        be_gone(crowd, one)
        if not one.reader.buffer.startswith(b"HTTP/1.1 400 "):
            raise Wrong(f"two readings: {bytes(one.reader.buffer[:100])!r}")


def aborted_handshake(crowd, dice):
    with crowd.connect(dice) as one:
        one.raw_send(client.client_hello())
        if dice.random() < 0.7:
            one.raw_recv(timeout=60)
        if dice.random() < 0.7:
            one.reset()


def reader_that_stopped(crowd, dice):
    with crowd.client(dice, rcvbuf=4096) as one:
        one.request("GET", "/bytes/3000000")
        deadline = time.monotonic() + GONE_S
        while one.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == 1:  # ESTABLISHED
            if time.monotonic() > deadline:
                raise Wrong("who does not read is held for ever")
            if crowd.is_over.wait(0.2):
                break


# With their weights. Those that take long stand last: each is done once before dice decide, and a short soak
# has time for one of them.
LAWFUL = {small_gets: 10, pipelined: 3, download: 4, resumed: 4, upload: 5, broken_application: 3,
          early_answer: 2, slow_application: 3, slow_download: 4, tunnel: 5, slow_upload: 4}
HOSTILE = {reset_within_an_upload: 4, reset_within_a_download: 4, half_closed: 3, rubbish: 3,
           broken_record: 3, oversized: 2, two_readings: 2, aborted_handshake: 5, silent: 3, half_hello: 3,
           dripped_hello: 2, dripped_header: 3, stalled_upload: 3, reader_that_stopped: 2}


# --- a process of them ---

def is_excused(crowd, dropped):
    """Before sluice knew of a request nothing was lost; but a reload must have been the reason. A request that
    began before the reload had arrived when it came, and is served; so is the first of a connection."""
    began, in_force = crowd.reload[:]
    return dropped.began is not None and began <= dropped.began < in_force + RELOAD_S \
        and time.monotonic() < dropped.began + NOTICE_S


def perform(crowd, act, dice):
    try:
        act(crowd, dice)
        crowd.count(act.__name__)
    except Dropped as dropped:
        if is_excused(crowd, dropped):
            crowd.count("sent again")
        else:
            fail(crowd, act, f"dropped without an answer: {dropped}")
    except (Wrong, client.StillOpen, message.BadMessage, TimeoutError) as error:
        fail(crowd, act, f"{type(error).__name__}: {error}")
    except (OSError, ssl.SSLError) as error:
        if act in LAWFUL:
            fail(crowd, act, f"{type(error).__name__}: {error}")
        else:
            crowd.count(act.__name__)
            crowd.count("hostile acts that ended early")


def fail(crowd, act, why):
    with crowd.lock:
        crowd.counts["failures"] += 1
        if len(crowd.errors) < 20:
            crowd.errors.append(f"{time.strftime('%H:%M:%S')} {act.__name__}: {why[:600]}")


def play(crowd, acts, opening, seed, pause_s):
    dice = random.Random(seed)
    kinds, weights = list(acts), list(acts.values())
    opening = list(reversed(opening))
    while not crowd.is_over.is_set():
        perform(crowd, opening.pop() if opening else dice.choices(kinds, weights)[0], dice)
        crowd.is_over.wait(dice.random() * 2 * pause_s)


def run(address, i, n_processes, n_lawful, n_hostile, pause_s, seed, reload, is_over, results):
    """The body of process i: its part of so many clients of each sort until is_over, then one report. All
    together begin with each act once."""
    wait.PATIENCE = 4
    crowd = Crowd(address, reload, is_over)
    threads = [threading.Thread(target=play, args=(crowd, acts, list(acts)[at::n], f"{seed} {kind} {at}", pause_s))
               for kind, acts, n in (("lawful", LAWFUL, n_lawful), ("hostile", HOSTILE, n_hostile))
               for at in range(i, n, n_processes)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put((dict(crowd.counts), crowd.errors))
