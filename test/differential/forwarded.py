# SPDX-License-Identifier: Apache-2.0
"""Requests: what sluice forwards of them has one reading, and the applications behind it share it.

Each case is sent from an address of its own (127.x.y.z), which sluice writes into X-Forwarded-For: so what arrives at
the recorder is known by its case, whatever became of it on the way."""
import asyncio
import dataclasses
import ipaddress

import grammar
import origins
import strict

FIRST_ADDRESS = int(ipaddress.IPv4Address("127.1.0.0"))
N_AT_ONCE = 24   # cases under way
BATCH = 32       # forwarded requests that one origin is given on one connection
REFUSED = 0.1   # of what sluice forwards, the share that a parser may find lawful, but not for it
SENTINEL = b"GET /sentinel HTTP/1.1\r\nHost: example.org\r\nConnection: close\r\n\r\n"
SENTINEL_REPORT = strict.digest(b"GET", b"/sentinel", b"")


def address_of(number):
    return str(ipaddress.IPv4Address(FIRST_ADDRESS + number))


@dataclasses.dataclass
class Forwarded:
    case: int
    raw: bytes
    message: strict.Message


@dataclasses.dataclass
class Outcome:
    n_cases: int = 0
    n_forwarded: int = 0
    n_cut: int = 0          # requests whose beginning was forwarded, and no end
    refused: dict = dataclasses.field(default_factory=dict)   # per origin: lawful, but not for it
    compared: dict = dataclasses.field(default_factory=dict)  # per origin
    failures: list = dataclasses.field(default_factory=list)


def case_of(message, numbers):
    """Whose request it is: sluice has written one address, and left nothing beside it."""
    sources = message.all(b"x-forwarded-for")
    try:
        [source] = sources
        number = int(ipaddress.IPv4Address(source.decode())) - FIRST_ADDRESS
    except ValueError:
        raise strict.Unlawful(f"X-Forwarded-For: {sources}") from None
    if number not in numbers:
        raise strict.Unlawful(f"X-Forwarded-For: {sources}, of no case")
    return number


class Recorder:
    """The application: keeps the exact bytes, reads them strictly, answers every request."""

    def __init__(self, outcome, numbers):
        self.outcome, self.numbers, self.forwarded = outcome, numbers, []

    async def start(self):
        self.server = await asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024)
        self.port = self.server.sockets[0].getsockname()[1]
        return self

    async def serve(self, reader, writer):
        data, at = b"", 0
        try:
            while block := await reader.read(1 << 16):
                data += block
                at = self.take(data, at, writer)
        except (ConnectionError, asyncio.CancelledError):  # or sluice kept it, and all is over
            pass
        except strict.Unlawful as error:
            self.outcome.failures.append(f"forwarded and unlawful: {error}\n    all of it: {data!r}")
        except Exception as error:  # nobody else hears of it: sluice would make a 502 of it
            self.outcome.failures.append(f"the recorder failed: {error!r}\n    all of it: {data!r}")
        finally:
            self.outcome.n_cut += at < len(data)
            writer.transport.abort()

    def take(self, data, at, writer):
        while at < len(data):
            reader = strict.Reader(data, at)
            try:
                message = reader.request()
            except strict.Incomplete:
                break
            case = case_of(message, self.numbers)
            self.forwarded.append(Forwarded(case, data[at:message.end], message))
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")
            at = message.end
        return at


async def send(proxy, number, data, outcome):
    """One client, that says all it has to say and then no more."""
    reader, writer = await asyncio.open_connection(*proxy, local_addr=(address_of(number), 0))
    try:
        writer.write(data)
        writer.write_eof()
        await asyncio.wait_for(reader.read(1 << 20), 20)
        while await asyncio.wait_for(reader.read(1 << 20), 20):
            pass
    except ConnectionError:
        pass
    except asyncio.TimeoutError:
        outcome.failures.append(f"case {number}: sluice neither answers nor closes: {data!r}")
    finally:
        writer.transport.abort()


async def run_all(numbers, work):
    """work(number) for all of them, some at once."""
    numbers = iter(numbers)

    async def worker():
        for number in numbers:
            await work(number)

    await asyncio.gather(*(worker() for _ in range(N_AT_ONCE)))


def report_of(one):
    method, target, *body = one.message.report
    return (method, origins.one_slash(target), *body)


async def judge(name, port, one, outcome, patience):
    """One forwarded request and one more after it, on a connection of their own."""
    expected = [report_of(one), SENTINEL_REPORT]
    if one.message.all(b"upgrade"):
        expected.pop()  # until it is answered, nobody knows whose bytes would follow
    raw = one.raw + SENTINEL[:len(SENTINEL) * (len(expected) - 1)]
    found = await origins.understanding(port, raw, [method for method, *_ in expected], patience)
    is_refused = bool(found) and isinstance(found[0], int)
    outcome.refused[name] = outcome.refused.get(name, 0) + is_refused
    if found != expected and not (is_refused and found[1:] in ([], expected[1:])):
        outcome.failures.append(
            f"case {one.case}: {name} reads it differently\n    sluice forwards: {one.raw!r}\n"
            f"    strictly: {expected[0]}\n    {name}: {found}")


async def compare(name, port, forwarded, outcome, patience):
    """Many requests on one connection; where that is not as expected, each for itself."""
    for at in range(0, len(forwarded), BATCH):
        batch = forwarded[at:at + BATCH]
        expected = [report_of(one) for one in batch] + [SENTINEL_REPORT]
        found = await origins.understanding(port, b"".join(one.raw for one in batch) + SENTINEL,
                                            [report[0] for report in expected], patience)
        if found != expected:
            for one in batch:
                await judge(name, port, one, outcome, patience)
        outcome.compared[name] = outcome.compared.get(name, 0) + len(batch)


async def check(start_sluice, ports, seed, numbers, patience=1.0):
    """start_sluice(endpoint) -> (host, port). Returns the outcome."""
    outcome = Outcome(n_cases=len(numbers))
    recorder = await Recorder(outcome, numbers).start()
    proxy = start_sluice(f"127.0.0.1:{recorder.port}")
    await run_all(numbers, lambda number: send(proxy, number, grammar.requests(seed, number), outcome))
    recorder.server.close()
    outcome.n_forwarded = len(recorder.forwarded)
    await asyncio.gather(*(compare(name, port, recorder.forwarded, outcome, patience)
                           for name, port in ports.items()))
    for name, n in outcome.refused.items():
        if n > REFUSED * outcome.n_forwarded:
            outcome.failures.append(f"{name} refuses {n} of {outcome.n_forwarded} requests: that compares nothing")
    return outcome
