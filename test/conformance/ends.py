# SPDX-License-Identifier: Apache-2.0
"""How connections stand that nobody reads, as the kernel knows it.

A peer's RST or FIN is seen in TCP_INFO without reading a byte. A FIN behind bytes that we do not take
never arrives: then the peer's own socket, which lies on this machine, is an orphan in FIN_WAIT1.
"""
import asyncio
import socket
import struct

EVERY_S = 0.05
CLOSE, CLOSE_WAIT = 7, 8  # states of TCP_INFO
CLOSED_BY_PEER = {CLOSE_WAIT: "FIN", 9: "FIN", 11: "FIN", 6: "FIN", CLOSE: "RST"}
LISTEN, FIN_WAIT1 = 10, 4
NETLINK_SOCK_DIAG, SOCK_DIAG_BY_FAMILY, REQUEST, ANY = 4, 20, 1, 0xFFFFFFFF


class Diag:
    """Asks the kernel about one socket: inet_diag_req_v2 of linux/inet_diag.h, not as a dump, because
    the machine may have many thousands of others."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, NETLINK_SOCK_DIAG)

    def ask(self, local, remote):
        """(state, inode); None when there is no such socket. An orphan's inode is 0."""
        name = (struct.pack(">HH", local[1], remote[1])
                + socket.inet_aton(local[0]).ljust(16, b"\0")
                + socket.inet_aton(remote[0]).ljust(16, b"\0") + struct.pack("=III", 0, ANY, ANY))
        request = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, ANY) + name
        self._socket.send(struct.pack("=IHHII", 16 + len(request), SOCK_DIAG_BY_FAMILY, REQUEST, 1, 0)
                          + request)
        answer = self._socket.recv(8192)
        if struct.unpack_from("=IH", answer)[1] != SOCK_DIAG_BY_FAMILY:
            return None
        state, inode = answer[17], struct.unpack_from("=I", answer, 16 + 4 + 48 + 16)[0]
        return None if state == LISTEN else (state, inode)


class Ends:
    def __init__(self):
        self._watched = {}  # wire: names of the peer's socket
        self._held = {}     # the same: who waits for the peer's process to let go
        self._task = None
        self._diag = Diag()

    def watch(self, wire):
        """The wire is told of its end though nobody reads it."""
        if not wire.is_over:
            self._enter(self._watched, wire)

    def watch_holder(self, wire):
        """The wire is told when no process holds the peer's socket any longer."""
        self._enter(self._held, wire)

    def _enter(self, where, wire):
        names = None
        if wire.socket.family == socket.AF_INET:
            names = (wire.socket.getpeername(), wire.socket.getsockname())
        where[wire] = names
        if not self._task:
            self._task = asyncio.ensure_future(self._run())

    def forget(self, wire):
        self._watched.pop(wire, None)
        self._held.pop(wire, None)

    async def _run(self):
        while True:
            if self._watched or self._held:
                self._look()
            await asyncio.sleep(EVERY_S)

    def _look(self):
        for wire, names in list(self._held.items()):
            found = self._diag.ask(*names)
            if found is None or not found[1]:
                self._held.pop(wire)
                wire.note("let go")
        for wire, names in list(self._watched.items()):
            state = wire.socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
            if word := CLOSED_BY_PEER.get(state):
                wire.end(word)
            elif names and self._diag.ask(*names) == (FIN_WAIT1, 0):
                wire.end("FIN held back")
            if wire.is_over:
                self._watched.pop(wire)

    def stop(self):
        if self._task:
            self._task.cancel()
            self._task = None
