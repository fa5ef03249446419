# SPDX-License-Identifier: Apache-2.0
"""HTTP/1 messages as they come in, byte for byte: enough to tell a complete one from a cut one.

Bodies are counted and hashed, not kept. The reader tells its owner of each status, and of each end of
a body, at once, because the time of these is what a case is about.
"""
import hashlib


class Message:
    def __init__(self, head):
        lines = head.split("\r\n")
        self.first = lines[0]
        self.fields = [(name.strip().lower(), value.strip())
                       for name, _, value in (line.partition(":") for line in lines[1:])]
        words = self.first.split(" ")
        self.status = int(words[1]) if self.first.startswith("HTTP/") and len(words) > 1 else None
        self.target = words[1] if self.status is None and len(words) > 1 else None
        self.n_body = 0
        self.body = b""  # its first bytes
        self.hash = hashlib.sha256()
        self.is_complete = False
        # How the body ends: so many bytes, the last chunk, or the end of the connection.
        self.left = 0
        self.is_chunked = "chunked" in (self.get("transfer-encoding") or "").lower()
        self.is_to_end = False

    def get(self, name):
        return next((value for key, value in self.fields if key == name), None)

    def frame(self, is_response):
        length = self.get("content-length")
        if is_response and (self.status in (204, 304) or 100 <= self.status < 200):
            self.is_chunked = False
        elif self.is_chunked:
            pass
        elif length is not None:
            self.left = int(length)
        else:
            self.is_to_end = is_response


class Reader:
    """feed() returns bytes that belong to no message: those behind a 101."""

    def __init__(self, tell, is_response):
        self.tell, self.is_response = tell, is_response
        self.messages = []  # complete ones, without 1xx
        self.interim = []   # statuses of 1xx
        self.now = None     # whose body is coming
        self._bytes = bytearray()
        self._state = "head"
        self._is_switched = False

    def feed(self, data):
        if self._is_switched:
            return bytes(data)
        self._bytes += data
        while self._step():
            pass
        if self._is_switched:
            rest, self._bytes = bytes(self._bytes), bytearray()
            return rest
        return b""

    def _line(self):
        at = self._bytes.find(b"\r\n")
        if at < 0:
            return None
        line = bytes(self._bytes[:at])
        del self._bytes[:at + 2]
        return line

    def _step(self):
        return {"head": self._head, "length": self._length, "size": self._size,
                "chunk": self._length, "after": self._after, "trailers": self._trailers,
                "end": self._to_end}[self._state]()

    def _head(self):
        at = self._bytes.find(b"\r\n\r\n")
        if at < 0:
            return False
        made = Message(self._bytes[:at].decode("latin-1"))
        del self._bytes[:at + 4]
        made.frame(self.is_response)
        if made.status == 101:
            self._is_switched = True
        if made.status and 100 <= made.status < 200:
            self.interim.append(made.status)
            self.tell(f"status {made.status}")
            return not self._is_switched
        self.now = made
        self.tell(f"status {made.status}" if self.is_response else "request")
        self._state = "size" if made.is_chunked else "end" if made.is_to_end else "length"
        return True

    def _take(self, n):
        block = bytes(self._bytes[:n])
        del self._bytes[:n]
        self.now.n_body += len(block)
        self.now.hash.update(block)
        if len(self.now.body) < 4096:
            self.now.body += block[:4096]
        return block

    def _length(self):
        if self.now.left:
            self.now.left -= len(self._take(self.now.left))
            if self.now.left:
                return False
        if self._state == "chunk":
            self._state = "after"
            return True
        return self._complete()

    def _size(self):
        line = self._line()
        if line is None:
            return False
        self.now.left = int(line.partition(b";")[0], 16)
        self._state = "chunk" if self.now.left else "trailers"
        return True

    def _after(self):
        if self._line() is None:
            return False
        self._state = "size"
        return True

    def _trailers(self):
        line = self._line()
        if line is None:
            return False
        return self._complete() if not line else True

    def _to_end(self):
        self._take(len(self._bytes))
        return False

    def _complete(self):
        self.now.is_complete = True
        self.messages.append(self.now)
        self.now, self._state = None, "head"
        self.tell("body complete")
        return bool(self._bytes)

    def end(self, is_clean):
        """The connection is over: a body that ends with it is complete as far as anyone can tell."""
        if self.now and self.now.is_to_end and is_clean:
            self._complete()
        elif self.now:
            self.tell("body broken")
