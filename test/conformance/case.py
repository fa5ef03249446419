# SPDX-License-Identifier: Apache-2.0
"""A case: what one peer does to a proxy, and what the proxy has to do about it.

A case is a coroutine under @case(name, want). It acts as the client, and with `hand=True` as the
application, too. Its times are in units of T, the timeout that every proxy is given. What it wants is
one of:

    cut(low, high)   the connection is ended no earlier than low T and no later than high T (and some
                     slack) after zero, by the named party's fault, in the named way
    lives()          the peer is lawful: the script goes through, and all its checks hold
"""
import asyncio
import base64
import dataclasses
import hashlib
import time

import origin
import wire as wires
from wire import Gone

LIMIT_T = 6          # so long a cut is waited for
AFTERWARDS_T = 2.5   # so long after the first word of a cut its end is waited for
LATE_T = 0.12        # a harness that is later than this has proved nothing


@dataclasses.dataclass(frozen=True)
class Want:
    kind: str              # "cut" or "live"
    low: float = 0
    high: float = 0
    by: str = ""           # how sluice does it: a key of verdict.WAYS
    blame: str = ""        # client, upstream, pool; "" when nobody is to blame
    phase: str = ""        # which deadline of sluice's has to be named and counted


def cut(low=1.0, high=None, *, by, blame="client", phase=""):
    return Want("cut", low, low if high is None else high, by, blame, phase)


def lives():
    return Want("live")


class Broken(Exception):
    """A lawful peer did not get what it should."""


@dataclasses.dataclass(frozen=True)
class Spec:
    name: str
    want: Want
    run: object
    on: str = "main"           # the instance of the proxy: main, lag, longer, shorter, drain
    is_heavy: bool = False     # moves megabytes: such cases do not begin together
    hand: bool = False         # the case is the application itself
    needs: frozenset = frozenset()  # proxy_header, queue, reload, origin, local

    @property
    def story(self):
        return " ".join((self.run.__doc__ or "").split())


CASES = {}


def case(name, want, *, on="main", heavy=False, hand=False, needs=()):
    def register(run):
        assert name not in CASES, name
        more = {"origin"} if hand else set()
        CASES[name] = Spec(name, want, run, on, heavy, hand, frozenset(needs) | more)
        return run
    return register


class Case:
    """One run of a Spec. Also what the origin calls when a request of this case arrives."""

    def __init__(self, spec, key, source, lab):
        self.spec, self.key, self.source, self.lab = spec, key, source, lab
        self.clients, self.upstreams = [], []
        self.zero_at = None
        self.subject = None        # the wire whose end is judged; the last client unless told
        self.ignored = set()       # words that are no cut here
        self.late_s = 0.0          # the worst delay of our own
        self.failure = ""
        self.is_void = ""
        self._arrived = asyncio.Queue()
        self._tasks = []

    # --- time ---

    @property
    def t(self):
        return self.lab.timeout_s

    @property
    def window(self):
        """Bytes that the minimum rate demands in each T."""
        return self.lab.window_bytes

    def zero(self, at=None):
        """The deadline counts from here."""
        self.zero_at = time.monotonic() if at is None else at

    async def _until(self, at):
        await asyncio.sleep(max(0, at - time.monotonic()))
        self.late_s = max(self.late_s, time.monotonic() - at)

    def now(self):
        """T since zero."""
        return (time.monotonic() - self.zero_at) / self.t

    async def at(self, units):
        await self._until(self.zero_at + units * self.t)

    async def sleep(self, units):
        await self._until(time.monotonic() + units * self.t)

    async def ticks(self, every, lasting=LIMIT_T):
        """A steady pace from now on; ends early when the subject is over."""
        start = time.monotonic()
        for i in range(int(lasting / every)):
            if self.subject and self.subject.is_over:
                return
            yield i
            await self._until(start + (i + 1) * every * self.t)

    # --- peers ---

    async def connect(self, door="port", **options):
        """A client that has connected and says nothing."""
        made = await wires.connect((self.lab.host, self.lab.doors[door]), self.lab.ends, self.source,
                                   **options)
        self.clients.append(made)
        self.subject = made
        self.zero(made.born)
        return made

    async def client(self, made=None, is_read=True, **options):
        """A client whose handshake is done. Unless is_read is false, all that comes is read."""
        one = await self.connect(**options)
        await one.handshake(made)
        self.zero()
        return one.listen() if is_read else one

    async def slow_reader(self, **options):
        """Nothing is read unasked, the buffer is small, and segments are as on an Ethernet."""
        return await self.client(is_read=False, rcvbuf=8192, mss=1460, **options)

    async def on_upstream(self, wire, request):
        self.upstreams.append(wire)
        if self.spec.hand:
            self._arrived.put_nowait((wire, request))
        else:
            await origin.app(wire)

    async def upstream(self):
        """The next connection that brought a request of this case; its head has been read."""
        wire, _ = await asyncio.wait_for(self._arrived.get(), LIMIT_T * self.t)
        return wire

    def meanwhile(self, coroutine):
        """Runs beside the script, until the case is over. The end of a wire ends it quietly."""
        self._tasks.append(asyncio.ensure_future(coroutine))

    # --- messages ---

    def target(self, prefix, tail=""):
        return self.lab.path if self.lab.path else f"/{prefix}/{self.key}/{tail}"

    def head(self, method="GET", *fields, prefix="app", tail=""):
        return "\r\n".join([f"{method} {self.target(prefix, tail)} HTTP/1.1", f"Host: {self.lab.host_name}",
                            *fields, "", ""]).encode()

    def upgrade(self, prefix="app"):
        return self.head("GET", "Connection: Upgrade", "Upgrade: websocket",
                         "Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + WEBSOCKET_KEY, prefix=prefix)

    def check(self, holds, what):
        if not holds:
            raise Broken(what)

    async def ok(self, one, n=1, n_body=None, status=200):
        """The n-th answer is complete and good."""
        got = await one.answer(n, LIMIT_T * self.t)
        self.check(got.status == status, f"answered {got.status}")
        if n_body is not None:
            self.check(got.n_body == n_body, f"{got.n_body} bytes of {n_body}")
        return got

    # --- run ---

    async def run(self):
        """What happened is in the wires and in failure; nothing is judged here."""
        try:
            await self.spec.run(self)
            if self.spec.want.kind == "cut":
                await self._watch()
        except (Gone, Broken, TimeoutError, asyncio.TimeoutError, ConnectionError) as error:
            self.failure = f"{type(error).__name__}: {error}".rstrip(": ")
            if self.spec.want.kind == "cut":
                await self._watch()
            else:
                await asyncio.sleep(0.2)
        finally:
            for task in self._tasks:
                task.cancel()
            for error in await asyncio.gather(*self._tasks, return_exceptions=True):
                if error and not isinstance(error, (Gone, asyncio.CancelledError)):
                    raise error
        self._check_ourselves()
        for one in self.clients:
            one.close()

    def _check_ourselves(self):
        """Were we late in what we did, or in seeing what happened?"""
        allowed = max(LATE_T * self.t, 0.1)
        moments = [self.zero_at or 0, (self.first_cut() or (0, ""))[0]]
        late_s = max([self.late_s] + [self.lab.lags.around(moment) for moment in moments])
        if late_s > allowed:
            self.is_void = f"the suite itself was {late_s:.1f} s late"
        elif not self.clients:
            self.is_void = f"no connection came about: {self.failure}"

    async def _watch(self):
        """Until the subject is over, or for a while after the first word of it, or to the limit."""
        one = self.subject
        if one is None or self.zero_at is None:
            return
        if not one.is_over and not one._listener:
            self.lab.ends.watch(one)
        while not one.is_over:
            now, first = time.monotonic(), self.first_cut()
            end = self.zero_at + LIMIT_T * self.t
            if first:
                end = min(end, first[0] + AFTERWARDS_T * self.t)
            if now >= end:
                return
            await asyncio.sleep(min(0.05, end - now))

    def first_cut(self):
        """(time, word) of the first sign that the connection is ended."""
        for at, word in (self.subject.events if self.subject else ()):
            is_cut = (word in ("RST", "FIN", "FIN held back", "closed", "close_notify", "let go")
                      or word.startswith("alert ")
                      or (word.startswith("status ") and int(word[7:]) >= 400))
            if is_cut and word not in self.ignored:
                return at, word
        return None


WEBSOCKET_KEY = base64.b64encode(b"the conformance!").decode()
SWITCHED = (b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
            b"Sec-WebSocket-Accept: " + base64.b64encode(hashlib.sha1(
                (WEBSOCKET_KEY + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()) + b"\r\n\r\n")
BLOCK = bytes(range(256)) * 64


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"


async def pour(one, n):
    """n bytes, as fast as they are taken."""
    while n > 0:
        await one.send(BLOCK[:min(n, len(BLOCK))])
        n -= min(n, len(BLOCK))


async def drip(c, one, data, every, size=1, lasting=LIMIT_T, raw=False):
    """A piece at each tick, until all is sent or the subject is over."""
    sent = 0
    async for _ in c.ticks(every, lasting):
        if sent >= len(data):
            return
        piece = data[sent:sent + size]
        await (one.raw_send(piece) if raw else one.send(piece))
        sent += size
