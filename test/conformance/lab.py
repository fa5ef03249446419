# SPDX-License-Identifier: Apache-2.0
"""All cases of one proxy: starts its instances and the application, runs the cases side by side, stops,
reloads and ends the instances that are there for it, and has each case judged.

Every case has a source address of its own in 127.0.0.0/8, by which the proxy's logs are searched.
"""
import asyncio
import collections
import itertools
import sys
import time

from case import CASES, Case
from ends import Ends
from origin import Origin
from verdict import Outcome, judge

INSTANCES = ("main", "lag", "longer", "shorter", "drain")
STOPPED_T, LONGER, SHORTER = 1.5, 2.5, 0.4
RAMP_S, HEAVY_RAMP_S = 0.02, 0.15  # between the starts of two cases
READY_S = 5      # for those that are stopped or reloaded together
CALM_S = 0.3     # to notice that all is over
ANSWERS = 5      # of the new configuration in a row: old workers may accept for a moment
TRIES = 3        # for a case in which the suite itself was too slow


class Gate:
    """An event that knows how many wait for it."""

    def __init__(self):
        self.n_waiting, self._event = 0, asyncio.Event()

    async def wait(self):
        self.n_waiting += 1
        await self._event.wait()

    def open(self):
        self._event.set()


class Lags:
    """When this process itself had other things to do: then what it did and saw was late."""

    EVERY_S = 0.02

    def __init__(self):
        self._spans = []
        self._task = asyncio.ensure_future(self._run())

    async def _run(self):
        while True:
            before = time.monotonic()
            await asyncio.sleep(self.EVERY_S)
            now = time.monotonic()
            if now - before > 3 * self.EVERY_S:
                self._spans.append((before, now))

    def around(self, moment):
        """The longest of them within which, or right after which, this moment lies."""
        return max((end - start for start, end in self._spans
                    if start <= moment <= end + 3 * self.EVERY_S), default=0)

    def stop(self):
        self._task.cancel()


class Lab:
    """One instance of a proxy, as its cases see it."""

    host_name = "localhost"

    def __init__(self, host, doors, options, ends, lags, origin, path=None, peer=None):
        self.host, self.doors, self.path, self.peer = host, doors, path, peer
        self.timeout_s, self.window_bytes = options.timeout, options.window_bytes
        self.slack_s = options.slack
        self.ends, self.lags, self.origin = ends, lags, origin
        self.stopping, self.stopped, self.continued, self.reloaded = Gate(), Gate(), Gate(), Gate()
        self.draining = Gate()
        self.tasks = []

    async def all_ready(self):
        """All cases stand before a gate, or are over."""
        give_up = time.monotonic() + READY_S
        while time.monotonic() < give_up:
            n = sum(gate.n_waiting for gate in (self.stopping, self.stopped, self.reloaded,
                                                self.draining))
            if n + sum(task.done() for task in self.tasks) >= len(self.tasks):
                return
            await asyncio.sleep(0.01)


def say(text):
    print(f"conformance: {text}", file=sys.stderr, flush=True)


async def stop_and_continue(lab, peer):
    await lab.all_ready()
    lab.stopping.open()
    await asyncio.sleep(0.001)
    peer.freeze()
    await asyncio.sleep(0.05)
    lab.stopped.open()
    await asyncio.sleep(STOPPED_T * lab.timeout_s)
    peer.thaw()
    lab.continued.open()


async def reload(lab, peer, factor):
    await lab.all_ready()
    peer.reload(factor * lab.timeout_s)
    give_up, in_a_row = time.monotonic() + READY_S, 0
    while time.monotonic() < give_up and in_a_row < ANSWERS:
        is_new = await asyncio.get_running_loop().run_in_executor(None, peer.is_reloaded)
        in_a_row = in_a_row + 1 if is_new else 0
        await asyncio.sleep(0.05)
    if in_a_row < ANSWERS:
        say(f"{peer.name}: no sign that the new configuration is in force")
    lab.reloaded.open()


async def drain(lab, peer):
    await lab.all_ready()
    peer.drain()
    lab.draining.open()


async def run_instance(name, specs, peer, lab, registry, sources):
    if name == "lag":
        conductor = stop_and_continue(lab, peer)
    elif name in ("longer", "shorter"):
        conductor = reload(lab, peer, LONGER if name == "longer" else SHORTER)
    elif name == "drain":
        conductor = drain(lab, peer)
    else:
        conductor = asyncio.sleep(0)
    cases = []
    for spec in specs:
        key = f"c{next(registry.numbers)}"
        made = Case(spec, key, next(sources) if sources else None, lab)
        registry[key] = made
        cases.append(made)

    async def start(delay_s, one):
        await asyncio.sleep(delay_s)
        await one.run()
    delay_s = 0
    for one in sorted(cases, key=lambda one: one.spec.is_heavy):
        lab.tasks.append(asyncio.ensure_future(start(delay_s, one)))
        if name == "main":
            delay_s += HEAVY_RAMP_S if one.spec.is_heavy else RAMP_S
    await asyncio.gather(conductor, *lab.tasks)
    return cases


class Registry(dict):
    """Running cases by key, for the origin."""

    def __init__(self):
        super().__init__()
        self.numbers = itertools.count(1)


def source_addresses():
    """127.1.0.1 and on. No two lie in one /24: a proxy may have limits per network."""
    for a, b in itertools.product(range(1, 200), range(1, 250)):
        yield f"127.{a}.{b}.1"


async def run_round(make_peer, options, specs, folder):
    """Each spec once, on fresh instances. Returns outcomes and the books of a proxy that counts."""
    ends, lags, registry, sources = Ends(), Lags(), Registry(), source_addresses()
    origin = Origin(ends, registry)
    peers, jobs = {}, []
    try:
        for name in INSTANCES:
            mine = [spec for spec in specs if spec.on == name]
            if not mine:
                continue
            peer = peers[name] = make_peer(folder / name, origin.ports)
            peer.terms.drains = name == "drain"
            await asyncio.get_running_loop().run_in_executor(None, peer.start)
            lab = Lab("127.0.0.1", {"port": peer.port, "proxy_port": peer.proxy_port},
                      options, ends, lags, origin, peer=peer)
            jobs.append(run_instance(name, mine, peer, lab, registry, sources))
        done = [case for cases in await asyncio.gather(*jobs) for case in cases]
        await origin.stop()  # then nothing is left that could expire between a look at logs and counters
        await asyncio.sleep(CALM_S)
        # One that has ended tells nobody what it counted.
        counted = [peer.counted() for name, peer in peers.items() if name != "drain"]
    finally:
        for peer in peers.values():
            await asyncio.get_running_loop().run_in_executor(None, peer.stop)
        await origin.stop()
        ends.stop()
        lags.stop()
    for peer in peers.values():
        if dirt := peer.is_clean():
            say(f"{peer.name} ({peer.folder}):\n{dirt}")
            raise SystemExit(1)
    outcomes, books = {}, Books(options.slack)
    for one in done:
        peer = peers[one.spec.on]
        lines = peer.lines_about(one.source, ())
        if one.spec.on != "drain":
            books.enter(one, peer.expiries(lines))
        lines = peer.lines_about(one.source, {wire.port for wire in one.clients} - {
            one.subject.port if one.subject else None})
        outcomes[one.spec.name] = judge(one, options.slack, lines, peer, peer.name == "sluice")
    return outcomes, books.outcome(counted) if counted and None not in counted else None


def silent_end(wire, least_s):
    """The phase that must have expired where a connection ends at least so long after its last answer, without
    a word: its name, or nothing."""
    answered_at = max((at for at, word in wire.events if word == "body complete"), default=None)
    late = {word for at, word in wire.events if answered_at and at - answered_at >= least_s}
    return ["linger"] if "let go" in late else ["keepalive"] if "close_notify" in late else []


class Books:
    """Every expiry that a log names is counted, and none else. No line is owed to connections that end
    between two requests, or after an answer: of these, the clients tell how many they saw. A client that was
    itself late to see the answer sees a shorter wait than there was: then it may have been one."""

    def __init__(self, slack_s):
        self.slack_s = slack_s
        self.logged, self.silent, self.doubtful = (collections.Counter() for _ in range(3))

    def enter(self, case, expiries):
        self.logged.update(expiries)
        for one in case.clients:
            least_s = 0.9 * case.t
            if case.is_void or not (seen := silent_end(one, least_s)):
                self.doubtful.update(silent_end(one, least_s - self.slack_s))
            else:
                self.silent.update(seen)

    def outcome(self, counted):
        total = sum(map(collections.Counter, counted), collections.Counter())
        owed = self.logged + self.silent
        made = Outcome(BOOKS, "as wanted")
        made.books = {phase: (self.logged[phase], self.silent[phase], n) for phase, n in sorted(total.items())}
        made.wire = ", ".join(f"{phase} {n}" for phase, n in sorted(total.items()))
        more, less = total - owed - self.doubtful, owed - total
        if more or less:
            made.verdict = "wrongly counted"
            made.why = f"counted without reason: {dict(more)}; not counted: {dict(less)}"
        return made


BOOKS = "counted/every_expiry"


async def run_system(peer_class, make_peer, options, specs, folder):
    """{case: outcome} of one proxy. Cases in which the suite was too slow are run again, alone."""
    outcomes, left, books = {}, [], None
    for spec in specs:
        if spec.needs & peer_class.lacks:
            outcomes[spec.name] = Outcome(spec.name)
        else:
            left.append(spec)
    for i in range(TRIES):
        found, found_books = await run_round(make_peer, options, left, folder / f"round{i + 1}")
        outcomes.update(found)
        books = books or found_books
        left = [spec for spec in left if outcomes[spec.name].verdict == "void"]
        if not left:
            break
        say(f"{peer_class.name}: the suite was too slow for {len(left)} cases; once more")
    if books:
        outcomes[BOOKS] = books
    return {name: outcomes[name] for name in [*CASES, BOOKS] if name in outcomes}


async def run_against(address, path, options, specs):
    """A proxy that runs already: what its client can see."""
    ends, lags = Ends(), Lags()
    lab = Lab(address[0], {"port": address[1]}, options, ends, lags, None, path)
    lab.host_name = address[0]
    cases = await run_instance("main", specs, None, lab, Registry(), None)
    ends.stop()
    lags.stop()
    return {one.spec.name: judge(one, options.slack, (), None, False) for one in cases}

