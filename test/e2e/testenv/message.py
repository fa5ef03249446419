# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 messages taken apart by hand.

The reader is deliberately plain and strict: it believes nothing that RFC 9112 does not promise, so
that a test notices a message which two parsers could read differently.
"""
import dataclasses


class BadMessage(AssertionError):
    """What came is no HTTP/1 message."""


class Cut(AssertionError):
    """The message ended before it was complete. `message` is what came of it."""

    def __init__(self, message, why):
        super().__init__(f"{why}: {message}")
        self.message = message


@dataclasses.dataclass
class Message:
    start: str
    fields: list  # (name as sent, value)
    raw_head: bytes
    body: bytes = b""
    chunks: list = dataclasses.field(default_factory=list)  # sizes
    trailers: list = dataclasses.field(default_factory=list)
    is_complete: bool = False
    interim: list = dataclasses.field(default_factory=list)  # 1xx responses that came before

    def all(self, name):
        return [value for key, value in self.fields if key.lower() == name.lower()]

    def get(self, name, default=None):
        values = self.all(name)
        assert len(values) <= 1, f"{name} came {len(values)} times: {values}"
        return values[0] if values else default

    def has(self, name):
        return bool(self.all(name))

    @property
    def is_chunked(self):
        return (self.get("Transfer-Encoding") or "").lower() == "chunked"

    # --- of requests ---

    @property
    def method(self):
        return self.start.split(" ")[0]

    @property
    def target(self):
        return self.start.split(" ")[1]

    # --- of responses ---

    @property
    def version(self):
        words = self.start.split(" ")
        return words[0] if words[0].startswith("HTTP/") else words[2]

    @property
    def status(self):
        return int(self.start.split(" ")[1])


def parse_head(raw):
    """A head with its blank line."""
    assert raw.endswith(b"\r\n\r\n")
    lines = raw[:-4].split(b"\r\n")
    fields = []
    for line in lines[1:]:
        fields.append(parse_field(line))
    return Message(lines[0].decode("latin-1"), fields, raw)


def parse_field(line):
    name, colon, value = line.partition(b":")
    if not colon or not name or name.strip() != name or b"\n" in line or b"\r" in line:
        raise BadMessage(f"no field line: {line!r}")
    return name.decode("latin-1"), value.strip(b" \t").decode("latin-1")


class Reader:
    """Reads messages from recv(n) -> bytes, b"" at the end of the stream."""

    def __init__(self, recv):
        self._recv = recv
        self.buffer = bytearray()
        self.has_ended = False

    def more(self):
        if self.has_ended:
            return False
        data = self._recv(262144)
        if not data:
            self.has_ended = True
            return False
        self.buffer += data
        return True

    def take(self, n):
        data = bytes(self.buffer[:n])
        del self.buffer[:n]
        return data

    def line(self, message, limit=65536):
        while (end := self.buffer.find(b"\r\n")) < 0:
            if len(self.buffer) > limit:
                raise BadMessage(f"no line: {bytes(self.buffer[:80])!r}")
            if not self.more():
                raise Cut(message, "the stream ended within a line")
        return self.take(end + 2)[:-2]

    def head(self):
        """The next head; None if the stream ended before its first byte."""
        while (end := self.buffer.find(b"\r\n\r\n")) < 0:
            if len(self.buffer) > 1 << 20:
                raise BadMessage(f"no head: {bytes(self.buffer[:80])!r}")
            if not self.more():
                if not self.buffer:
                    return None
                raise Cut(bytes(self.buffer), "the stream ended within a head")
        return parse_head(self.take(end + 4))

    def blocks(self, message, to_eof=False):
        """Yields the body as it comes; sets is_complete, chunks and trailers."""
        lengths = message.all("Content-Length")
        if message.has("Transfer-Encoding"):
            if lengths or not message.is_chunked:
                raise BadMessage(f"ambiguous framing: {message.raw_head!r}")
            yield from self._chunked(message)
        elif lengths:
            if len(lengths) > 1 or not lengths[0].isdecimal():
                raise BadMessage(f"bad Content-Length: {lengths}")
            yield from self._exactly(message, int(lengths[0]))
        elif to_eof:
            while self.buffer or self.more():
                yield self.take(len(self.buffer))
        message.is_complete = True

    def _exactly(self, message, n):
        while n > 0:
            if not self.buffer and not self.more():
                raise Cut(message, f"the stream ended with {n} body bytes missing")
            block = self.take(n)
            n -= len(block)
            yield block

    def _chunked(self, message):
        while True:
            line = self.line(message)
            size = line.split(b";")[0]
            if not size or size.strip(b"0123456789abcdefABCDEF"):
                raise BadMessage(f"bad chunk size: {line!r}")
            size = int(size, 16)
            if size == 0:
                break
            message.chunks.append(size)
            yield from self._exactly(message, size)
            end = b"".join(self._exactly(message, 2))
            if end != b"\r\n":
                raise BadMessage(f"a chunk is longer than its size says: {end!r}")
        while line := self.line(message):
            message.trailers.append(parse_field(line))

    def body(self, message, to_eof=False):
        """Reads all of the body into message.body, also of a message that is cut."""
        blocks = bytearray()
        try:
            for block in self.blocks(message, to_eof):
                blocks += block
        finally:
            message.body = bytes(blocks)
        return message

    def request(self):
        """The next request with its body; None at the end of the stream."""
        message = self.head()
        return message and self.body(message)

    def response_head(self):
        """The next final head, with the interim ones in front of it in `interim`. None at the end."""
        interim = []
        while True:
            message = self.head()
            if message is None:
                return None
            if not message.start.startswith("HTTP/1."):
                raise BadMessage(f"no status line: {message.start!r}")
            if 100 <= message.status < 200 and message.status != 101:
                interim.append(message)
                continue
            message.interim = interim
            return message

    def response(self, method="GET"):
        """The next final response with its body, framed as for a request with this method."""
        message = self.response_head()
        if message is None:
            return None
        if method == "HEAD" or message.status in (101, 204, 304):
            message.is_complete = True
            return message
        return self.body(message, to_eof=True)


def chunk(data):
    return b"%x\r\n%s\r\n" % (len(data), data)


LAST_CHUNK = b"0\r\n\r\n"
