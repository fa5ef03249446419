# SPDX-License-Identifier: Apache-2.0
"""The one reading that a message must have: RFC 9112's grammar as regular expressions over all bytes of a
connection, without any of its leniency. Whatever it does not match is a failure of whoever wrote it."""
import hashlib
import re

TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
FIELD = rb"(%s): ?((?:[\x21-\x7e\x80-\xff](?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)\r\n" % TOKEN
REQUEST_LINE = re.compile(rb"(%s) (/[\x21\x22\x24-\x7e]*|\*) HTTP/1\.1\r\n" % TOKEN)
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5][0-9][0-9]) ([\t\x20-\x7e\x80-\xff]*)\r\n")
FIELD_LINE = re.compile(FIELD)
CHUNK_LINE = re.compile(rb"([0-9a-fA-F]{1,16})\r\n")  # sluice writes no extensions
CRLF = re.compile(rb"\r\n")
LENGTH = re.compile(rb"0|[1-9][0-9]*")


class Unlawful(Exception):
    """There is no reading of these bytes, or there are two."""


class Incomplete(Exception):
    """The message goes on after the last byte."""


class Message:
    def __init__(self, start):
        self.start = start          # the match of the start line
        self.fields = []            # (lower-case name, value)
        self.body = b""
        self.interim = []           # statuses of 1xx responses before it
        self.framing = "none"       # none, length, chunked, eof
        self.end = 0                # where the next message begins

    def all(self, name):
        return [value for key, value in self.fields if key == name]

    @property
    def report(self):
        """What any other parser must have understood: of a request its method, its target and its body."""
        return digest(self.start[1], self.start[2], self.body)

    @property
    def status(self):
        return int(self.start[1])


def digest(method, target, body):
    return (method.decode("latin-1"), target.decode("latin-1"), len(body),
            hashlib.sha256(body).hexdigest()[:16])


class Reader:
    """Reads one message after another out of all the bytes of a connection."""

    def __init__(self, data, at=0, has_ended=False):
        self.data, self.at, self.has_ended = data, at, has_ended

    def match(self, pattern, what, longest):
        found = pattern.match(self.data, self.at)
        if found:
            self.at = found.end()
            return found
        if len(self.data) - self.at < longest and b"\n" not in self.data[self.at:]:
            raise Incomplete
        raise Unlawful(f"no {what}: {self.data[self.at:self.at + 120]!r}")

    def exactly(self, n):
        if len(self.data) - self.at < n:
            raise Incomplete
        self.at += n
        return self.data[self.at - n:self.at]

    def section(self):
        """Fields up to the empty line."""
        fields = []
        while self.data[self.at:self.at + 1] != b"\r":
            name, value = self.match(FIELD_LINE, "field line", 1 << 20).groups()
            fields.append((name.lower(), value))
        self.match(CRLF, "end of a section", 2)
        return fields

    def chunks(self):
        body = bytearray()
        while size := int(self.match(CHUNK_LINE, "chunk size", 18)[1], 16):
            body += self.exactly(size)
            self.match(CRLF, "end of a chunk", 2)
        for name, _ in self.section():
            if name in (b"content-length", b"transfer-encoding", b"host", b"trailer", b"connection"):
                raise Unlawful(f"a trailer {name!r}")
        return bytes(body)

    def body(self, message, has_none, may_end):
        lengths, codings = message.all(b"content-length"), message.all(b"transfer-encoding")
        if len(lengths) + len(codings) > 1:
            raise Unlawful(f"framed twice: {lengths} {codings}")
        if lengths and not LENGTH.fullmatch(lengths[0]):
            raise Unlawful(f"a length {lengths[0]!r}")
        if codings and codings[0] != b"chunked":
            raise Unlawful(f"a coding {codings[0]!r}")
        if has_none:
            return
        if lengths:
            message.framing = "length"
            message.body = self.exactly(int(lengths[0]))
        elif codings:
            message.framing = "chunked"
            message.body = self.chunks()
        elif may_end:
            message.framing = "eof"
            if not self.has_ended:
                raise Incomplete
            message.body = self.exactly(len(self.data) - self.at)

    def request(self):
        """The next request; None when nothing follows."""
        if self.at == len(self.data):
            return None
        message = Message(self.match(REQUEST_LINE, "request line", 1 << 20))
        message.fields = self.section()
        if len(message.all(b"host")) != 1:
            raise Unlawful(f"hosts: {message.all(b'host')}")
        self.body(message, has_none=False, may_end=False)
        message.end = self.at
        return message

    def response(self, method):
        """The next final response to a request with this method; None when nothing follows."""
        interim = []
        while True:
            if self.at == len(self.data) and not interim:
                return None
            message = Message(self.match(STATUS_LINE, "status line", 1 << 20))
            message.fields = self.section()
            if message.status >= 200:
                break
            if message.status == 101 or message.all(b"content-length") or message.all(b"transfer-encoding"):
                raise Unlawful(f"an interim response {message.start[0]!r} {message.fields}")
            interim.append(message.status)
        message.interim = interim
        if message.status == 204 and (message.all(b"content-length") or message.all(b"transfer-encoding")):
            raise Unlawful("204 with a framing field")
        self.body(message, has_none=method == "HEAD" or message.status in (204, 304), may_end=True)
        message.end = self.at
        return message
