# SPDX-License-Identifier: Apache-2.0
"""The application behind the proxies.

It reads the head of a request, finds in its target which case it belongs to, and hands the connection
to that case: `app` serves it as an application should; else the case has it in its hand. Targets are
/PREFIX/CASE/...; the prefix chooses the door:

    /app/    an ordinary server
    /tight/  the same with the smallest receive buffer, so that the kernel takes next to nothing
    /hole/   listens, but its backlog is full: who connects gets no answer
    /late/, /tardy/  the same, until the case that has this door makes room
    /busy/, /freed/, /slow/  ordinary servers, to which the proxy may have one connection at a time
"""
import asyncio
import contextlib
import socket

from wire import Gone, Wire

HOLES = ("hole", "late", "tardy")
ONE_AT_A_TIME = ("busy", "freed", "slow")
PREFIXES = ("app", "tight", *HOLES, *ONE_AT_A_TIME)
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n"
BIG = b"HTTP/1.1 200 OK\r\nContent-Length: 262144\r\nConnection: close\r\n\r\n" + bytes(262144)
SMALL_BUFFER = 4096
ETHERNET_MSS = 1460  # the loopback's would be larger than the buffer


class Origin:
    """cases: {key: an object with on_upstream(wire, request)}."""

    def __init__(self, ends, cases):
        self.ends, self.cases = ends, cases
        self.ports, self.holes = {}, {}
        self._tasks, self._wires = set(), set()
        for prefix in PREFIXES:
            if prefix in HOLES:
                self.holes[prefix] = Hole()
                self.ports[prefix] = self.holes[prefix].port
            else:
                listener = socket.socket()
                if prefix == "tight":  # accepted sockets take it from here
                    listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
                    listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, ETHERNET_MSS)
                listener.bind(("127.0.0.1", 0))
                listener.listen(1024)
                listener.setblocking(False)
                self.ports[prefix] = listener.getsockname()[1]
                self._start(self._accept(listener))

    def _start(self, coroutine):
        task = asyncio.ensure_future(coroutine)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _accept(self, listener):
        loop = asyncio.get_running_loop()
        with listener:
            while True:
                sock, _ = await loop.sock_accept(listener)
                self.greet(sock)

    def greet(self, sock):
        sock.setblocking(False)
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        wire = Wire(sock, self.ends, is_client=False)
        self._wires.add(wire)
        self._start(self._serve(wire))

    async def _serve(self, wire):
        with contextlib.suppress(Gone):
            while not (wire.http.now or wire.http.messages):
                await wire.sip(1024)
            request = wire.http.now or wire.http.messages[0]
            key = (request.target.split("/") + ["", ""])[2]
            if key in self.cases:
                await self.cases[key].on_upstream(wire, request)

    def make_room(self, prefix):
        self._start(self.holes[prefix].open(self.greet))

    async def stop(self):
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for wire in self._wires:
            wire.close()
        for hole in self.holes.values():
            hole.close()


async def app(wire):
    """Reads the request with its body, answers 200, says that it will not be used again."""
    wire.listen()
    request = await wire.answer()
    await wire.send(BIG if request.target.endswith("/big") else OK)
    with contextlib.suppress(Gone):
        await wire.until(lambda: False)


class Hole:
    """A listener whose backlog is full."""

    def __init__(self):
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        self.socket.listen(0)
        self.port = self.socket.getsockname()[1]
        self._fillers = []
        for _ in range(4):
            filler = socket.socket()
            filler.setblocking(False)
            filler.connect_ex(("127.0.0.1", self.port))
            self._fillers.append(filler)

    async def open(self, greet):
        """Makes room, and hands over whoever comes."""
        loop = asyncio.get_running_loop()
        self.socket.setblocking(False)
        own = {filler.getsockname() for filler in self._fillers}
        while True:
            sock, address = await loop.sock_accept(self.socket)
            if address in own:
                sock.close()
            else:
                greet(sock)

    def close(self):
        for filler in self._fillers:
            filler.close()
        self.socket.close()
