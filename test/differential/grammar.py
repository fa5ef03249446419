# SPDX-License-Identifier: Apache-2.0
"""Requests and responses that nobody would send: a grammar of HTTP/1 in which each rule now and then takes another
turn, and then some bytes are changed. The same seed and number give the same bytes, on any machine."""
import random

METHODS = ["GET", "GET", "GET", "HEAD", "POST", "POST", "POST", "PUT", "DELETE", "OPTIONS", "PATCH", "PROPFIND",
           "TRACE", "CONNECT", "get", "G ET", "", "M-SEARCH", "PRI", "GET\t"]
TARGETS = ["/", "/", "/a", "/a/b?c=d", "/%2e%2e/x", "/a//b", "/..", "/a;b=c", "/?", "*", "http://example.org/x",
           "http://other.example/x?y", "https://example.org", "http://u@example.org/", "//example.org/x", "x", "",
           "/a b", "/a#b", "/\x00", "/\xe4", "/" + "a" * 2000, "/%", "/%zz", "/a\\b", "/a|b", "/a\"b", "/{x}",
           "?x", "example.org:443", "/\x7f", "/a\tb"]
VERSIONS = ["HTTP/1.1"] * 24 + ["HTTP/1.0"] * 4 + ["HTTP/0.9", "HTTP/1.2", "HTTP/2.0", "http/1.1", "HTTP/1.1 ",
                                                 "HTTP/01.1", "HTTP/1.10", "", "HTTP/1,1", "XHTTP/1.1"]
HOSTS = ["example.org"] * 12 + ["example.org:80", "[::1]", "[::1]:8080", "127.0.0.1", "a,b", "a b", "", "a@b",
                                "a/b", "example.org:", "example.org:99999", "EXAMPLE.org", "x\x00y", "x\ty"]
LENGTHS = ["{n}"] * 16 + ["0{n}", "+{n}", "-{n}", "{n}, {n}", "{n},{n}", "0x{n}", "{n} ", "\t{n}", "{n}.0", "", " ",
                          "{n}1", "{m}", "{m}", "{n}\x0b", "1e1", "18446744073709551616", "9223372036854775808",
                          "\xb2", "{n};x", "'{n}'", "{n}\x00", "00000000000000000000{n}", "{n} {n}", "NaN"]
CODINGS = ["chunked"] * 16 + ["Chunked", "CHUNKED", "chunked ", "\tchunked", "xchunked", "chunked, identity",
                              "identity, chunked", "gzip, chunked", "chunked, chunked", "identity", "gzip", "",
                              "chunked;a=b", '"chunked"', "\x0bchunked", "chunked\x00", "chun\x0bked", ", chunked",
                              "chunked,", "chu nked", "chunke\xc4", "deflate", "cow", "trailers", "chunked\x0b"]
CONNECTIONS = ["close", "keep-alive", "close, x-a", "Content-Length", "Transfer-Encoding", "Host", "upgrade", "TE",
               "keep-alive, close", "close\x00", "", ",", "x-a, x-b", "proxy-connection", "Expect", "upgrade, close"]
EXPECTS = ["100-continue", "100-Continue", "100-continue, 100-continue", "100-continue ", "200-ok", "x",
           "\t100-continue", "100-continue;q=1", "100-continu", "", "=100-continue"]
NAMES = ["X-A", "X-B", "Accept", "Cookie", "Forwarded", "X-Forwarded-For", "Via", "TE", "Trailer", "Keep-Alive",
         "Proxy-Connection", "Upgrade", "Range", "If-None-Match", "Content-Type", "Content-Encoding", "X_Under",
         "Content_Length", "Transfer_Encoding", "Transfer-Encoding-X", "X-Transfer-Encoding", "HTTP2-Settings",
         "Content-Length-X", "Date", "Max-Forwards", "Authorization", "Sec-WebSocket-Key"]
VALUES = ["b", "", "a, b", "\xe4\xf6", "a\tb", "trailers", "5", "chunked", "x" * 500, "a\x00b", "a\x01b", "a\x7fb",
          "websocket", "h2c", "a;b=\"c,d\"", "=", ":", "GET / HTTP/1.1", "\"", "bytes=0-1", "0", "close", "\\"]
NAME_FAULTS = ["{} ", " {}", "{}\t", "\t{}", "{}\x00", "\x00{}", "{}\x0b", "({})", "{}:", "\"{}\"", "{}\r", "\xa0{}",
               "{}\xa0", "@{}", "{}/"]
LINE_ENDS = ["\r\n"] * 200 + ["\n", "\r", "\r\r\n", "\n\r", "\r\n ", "\r\n\t", "", "\x0b\n", "\x85", "\r\n\r"]
SIZES = ["{n:x}"] * 24 + ["{n:X}", "0{n:x}", "000000000000{n:x}", "0x{n:x}", "{n:x} ", " {n:x}", "+{n:x}", "-{n:x}",
                          "{n:x};a", "{n:x};a=b", "{n:x};a=\"b\\\"c\"", "{n:x};", "{n:x} ;a", "{n:x};a=\"\r\n\"", "{m:x}",
                          "{n:x}\t", "1{n:016x}", "{n:x}\x00", "{n:x}g", "{n:x}h", "", "{n:x},{n:x}", "{n:x};\na",
                          "ffffffffffffffff", "{n:x}\x0b", "{n:x}_0", "{n:x};a=b;c=\"d\";e", "8000000000000000{n:x}"]
BODIES = ["", "hello", "x", "0\r\n\r\n", "GET /smuggled HTTP/1.1\r\nHost: example.org\r\n\r\n",
          "0\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: example.org\r\n\r\n", "\r\n", "\r\n\r\n", "\n", "5\r\nhello\r\n0\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nsplit", "a" * 300, "b" * 5000, "\x00\xff" * 40]
STATUSES = [200] * 12 + [204, 204, 304, 304, 205, 206, 301, 400, 404, 500, 503, 599, 100, 101, 103, 199, 999, 600, 99]
REASONS = [" OK"] * 12 + ["", " ", " Not \xe4", "\tOK", " a\x00b", " O\rK", "  OK", " " + "x" * 300]


class Writer:
    def __init__(self, seed, number, oddness):
        self.random = random.Random(f"{seed}/{number}")
        self.oddness = oddness  # how often a rule takes another turn, 0 to 1

    def pick(self, choices):
        """The first is the ordinary one."""
        return self.random.choice(choices) if self.is_odd(2) else choices[0]

    def is_odd(self, times=1.0):
        return self.random.random() < self.oddness * times

    def chance(self, probability):
        return self.random.random() < probability

    def line(self, text):
        return text + (self.random.choice(LINE_ENDS) if self.is_odd() else "\r\n")

    def field(self, name, value):
        if self.is_odd(0.5):
            name = self.random.choice(NAME_FAULTS).format(name)
        if self.is_odd(0.5):
            name = self.random.choice([name.lower(), name.upper(), name.replace("-", "_")])
        blank = self.random.choice(["", "  ", "\t", "\r\n ", "\x0b"]) if self.is_odd(0.5) else " "
        return self.line(f"{name}:{blank}{value}")

    def chunks(self, body):
        """The body in chunks, ended and trailed."""
        result, at = "", 0
        while at < len(body):
            n = self.random.choice([len(body), 1, 7, 100])
            data = body[at:at + n]
            at += n
            size = self.pick(SIZES).format(n=len(data), m=len(data) + self.random.choice([-1, 1, 5]))
            result += self.line(size) + self.line(data)
        result += self.line(self.pick(["0", "0", "00", "0;a", "0 ", "-0", "0x0", "0\x00", ""]))
        while self.is_odd():
            result += self.field(self.random.choice(NAMES + ["Content-Length", "Transfer-Encoding", "Host"]),
                                 self.random.choice(VALUES))
        return result + self.line("")

    def framing(self, body, is_bare):
        """(field lines, the bytes after the head); is_bare: without a body that is not asked for."""
        kind = self.random.choices(["none", "length", "chunked", "both", "twice"],
                                   [5 if is_bare else 1, 4, 4, 8 * self.oddness, 8 * self.oddness])[0]
        length = self.pick(LENGTHS).format(n=len(body.encode("latin-1")),
                                           m=self.random.choice([0, 1, 4, len(body) + 1, len(body) + 40]))
        coding = self.pick(CODINGS)
        fields = {
            "none": [],
            "length": [("Content-Length", length)],
            "chunked": [("Transfer-Encoding", coding)],
            "both": [("Content-Length", length), ("Transfer-Encoding", coding)],
            "twice": self.random.choice([
                [("Content-Length", length), ("Content-Length", self.pick(LENGTHS).format(n=len(body), m=0))],
                [("Transfer-Encoding", coding), ("Transfer-Encoding", self.random.choice(CODINGS))]]),
        }[kind]
        self.random.shuffle(fields)
        if kind == "none":
            return fields, body if self.is_odd() else ""
        is_chunked = any(name == "Transfer-Encoding" for name, _ in fields)
        return fields, self.chunks(body) if is_chunked and not self.is_odd() else body

    def head(self, start, fields):
        return self.line(start) + "".join(self.field(*field) for field in fields) + self.line("")

    def mutate(self, data):
        """Changes a few bytes where that is the mood."""
        while data and self.is_odd(0.7):
            at = self.random.randrange(len(data))
            turn = self.random.randrange(5)
            if turn == 0:
                data[at] = self.random.choice(b"\r\n\0 \t:;,0\x0b\x7f\x80\xff")
            elif turn == 1:
                del data[at]
            elif turn == 2:
                data.insert(at, self.random.choice(b"\r\n\0 \t:;,0aA\x0b\x85\xa0"))
            elif turn == 3:
                data[at] ^= 1 << self.random.randrange(8)
            else:
                other = self.random.randrange(len(data))
                data[at:at] = data[other:other + self.random.randrange(1, 30)]
        return data

    # --- requests ---

    def request(self):
        method, target, version = self.pick_method(), self.pick(TARGETS), self.pick(VERSIONS)
        body = self.random.choice(BODIES)
        fields, after = self.framing(body, is_bare=method in ("GET", "HEAD", "DELETE", "OPTIONS"))
        if not self.is_odd(0.3):
            fields.append(("Host", self.pick(HOSTS)))
        if self.is_odd(0.3):
            fields.append(("Host", self.random.choice(HOSTS)))
        for name, values in (("Connection", CONNECTIONS), ("Expect", EXPECTS)):
            if self.is_odd():
                fields.append((name, self.random.choice(values)))
        while self.chance(0.4):
            fields.append((self.random.choice(NAMES), self.random.choice(VALUES) if self.is_odd() else "b"))
        self.random.shuffle(fields)
        start = self.random.choice(["{} {} {}"] * 30 + ["{}  {} {}", "{} {}  {}", "{}\t{} {}", " {} {} {}", "{} {}",
                                                        "\r\n{} {} {}", "\r\n\r\n{} {} {}", "\n{} {} {}"]) \
            if self.is_odd() else "{} {} {}"
        return self.head(start.format(method, target, version), fields) + after

    def pick_method(self):
        return self.random.choice(METHODS if self.is_odd() else METHODS[:12])

    # --- responses ---

    def interim(self):
        status = self.random.choice([100, 103, 103, 102, 101, 199])
        fields = [("Link", "</a>")] if self.chance(0.5) else []
        if self.is_odd(0.5):
            fields.append(self.random.choice([("Content-Length", "5"), ("Transfer-Encoding", "chunked")]))
        return self.head(f"HTTP/1.1 {status} Wait", fields)

    def response(self, method):
        result = ""
        while self.chance(0.1):
            result += self.interim()
        status = self.random.choice(STATUSES) if self.chance(0.3) else 200
        version = "HTTP/1.0" if self.chance(0.1) else self.pick(VERSIONS)
        is_bare = status in (204, 304)
        fields, after = self.framing(self.random.choice(BODIES), is_bare)
        if (is_bare or method == "HEAD") and not self.is_odd():
            after = ""
        if self.chance(0.2):
            fields.append(("Connection", self.random.choice(CONNECTIONS) if self.is_odd() else "close"))
        while self.chance(0.4):
            fields.append((self.random.choice(NAMES), self.random.choice(VALUES) if self.is_odd() else "b"))
        self.random.shuffle(fields)
        return result + self.head(f"{version} {status}{self.pick(REASONS)}", fields) + after


def requests(seed, number):
    """All that one client sends: up to four requests at once."""
    writer = Writer(seed, number, oddness=(number % 8) * 0.03)
    text = writer.request()
    while writer.chance(0.3):
        text += writer.request()
    return bytes(writer.mutate(bytearray(text.encode("latin-1"))))


def response(seed, number):
    """(method that was asked with, minor version of the client, all that the application answers)."""
    writer = Writer(seed, number, oddness=(number % 8) * 0.03)
    method = writer.random.choice(["GET", "GET", "GET", "HEAD", "POST"])
    minor = 0 if writer.chance(0.15) else 1
    text = writer.response(method)
    if writer.is_odd(0.5):
        text += writer.response(method)  # more than one answer to one question
    return method, minor, bytes(writer.mutate(bytearray(text.encode("latin-1"))))
