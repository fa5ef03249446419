# SPDX-License-Identifier: Apache-2.0
"""proxy_header, first_byte, tls_handshake: before a word of HTTP. All count from accept.

Who drips does not do so at T: a byte that meets the close would be answered with an RST."""
import ssl

from case import case, cut, drip, lives
from wire import context

PROXY_LINE = b"PROXY TCP4 203.0.113.7 203.0.113.8 4711 443\r\n"
NEED = {"needs": ("proxy_header",)}


async def is_served(c, one, flight):
    """The rest of a handshake whose first flight is due, and a request."""
    await one.raw_send(flight)
    while not one.is_secure:
        await one.raw_send(await one.server_flight())
    one.take(b"")
    one.listen()
    await one.send(c.head())
    await c.ok(one)


@case("proxy_header/silent", cut(by="RST", phase="proxy_header"), **NEED)
async def _(c):
    """On a listener that requires a PROXY header: connects, says nothing."""
    (await c.connect("proxy_port")).listen()


@case("proxy_header/dripped", cut(0, 1, by="RST", phase="proxy_header"), **NEED)
async def _(c):
    """A PROXY header, one byte now and then. (Refusing one that comes in pieces is as good.)"""
    one = (await c.connect("proxy_port")).listen()
    await drip(c, one, PROXY_LINE, every=0.22, raw=True)


@case("proxy_header/half", cut(0, 1, by="RST", phase="proxy_header"), **NEED)
async def _(c):
    """Half a PROXY header, then silence. (Refusing it at once is as good.)"""
    one = (await c.connect("proxy_port")).listen()
    await one.raw_send(PROXY_LINE[:20])


@case("proxy_header/just_unlawful", cut(by="RST", phase="proxy_header"), **NEED)
async def _(c):
    """The whole header after 1.3 T."""
    one = (await c.connect("proxy_port")).listen()
    await c.at(1.3)
    await one.raw_send(PROXY_LINE)


@case("proxy_header/just_lawful", lives(), **NEED)
async def _(c):
    """The whole header comes after 0.7 T; handshake and request follow at once."""
    one = await c.connect("proxy_port")
    await c.at(0.7)
    await one.raw_send(PROXY_LINE)
    await is_served(c, one, one.begin_tls())


@case("first_byte/silent", cut(by="RST", phase="first_byte"))
async def _(c):
    """Connects, says nothing."""
    (await c.connect()).listen()


@case("first_byte/just_unlawful", cut(by="RST", phase="first_byte"))
async def _(c):
    """Its whole ClientHello comes after 1.3 T."""
    one = (await c.connect()).listen()
    await c.at(1.3)
    await one.raw_send(one.begin_tls())


@case("first_byte/just_lawful", lives(), needs=("origin",))
async def _(c):
    """Silent for 0.7 T, then handshake and request at once."""
    one = await c.connect()
    await c.at(0.7)
    await is_served(c, one, one.begin_tls())


@case("tls_handshake/half_hello", cut(by="alert", phase="tls_handshake"))
async def _(c):
    """Half a ClientHello, then silence."""
    one = (await c.connect()).listen()
    hello = one.begin_tls()
    await one.raw_send(hello[:len(hello) // 2])


@case("tls_handshake/one_byte", cut(by="alert", phase="tls_handshake"))
async def _(c):
    """The first byte of a ClientHello, then silence."""
    one = (await c.connect()).listen()
    await one.raw_send(one.begin_tls()[:1])


@case("tls_handshake/dripped_hello", cut(by="alert", phase="tls_handshake"))
async def _(c):
    """A ClientHello, one byte now and then."""
    one = (await c.connect()).listen()
    await drip(c, one, one.begin_tls(), every=0.12, raw=True)


@case("tls_handshake/dripped_records", cut(0, 1, by="alert"))
async def _(c):
    """A ClientHello in TLS records of one byte each, one record now and then. (Refusing it at once is
    as good.)"""
    one = (await c.connect()).listen()
    hello = one.begin_tls()[5:]
    records = b"".join(b"\x16\x03\x01\0\1" + hello[i:i + 1] for i in range(len(hello)))
    await drip(c, one, records, every=0.12, size=6, raw=True)


@case("tls_handshake/late_second_half", cut(by="alert", phase="tls_handshake"))
async def _(c):
    """Just unlawful: the second half of the ClientHello comes after 1.3 T."""
    one = (await c.connect()).listen()
    hello = one.begin_tls()
    await one.raw_send(hello[:len(hello) // 2])
    await c.at(1.3)
    await one.raw_send(hello[len(hello) // 2:])


@case("tls_handshake/after_server_hello", cut(by="FIN", phase="tls_handshake"))
async def _(c):
    """TLS 1.3: takes the server's flight and never sends its Finished. (sluice ends it with a FIN
    alone: mbedTLS would encrypt an alert here with keys that the client has left behind.)"""
    one = await c.connect()
    await one.raw_send(one.begin_tls())
    await one.server_flight()
    one.listen()


@case("tls_handshake/after_server_hello_1_2", cut(by="alert", phase="tls_handshake"))
async def _(c):
    """TLS 1.2: takes the server's flight and never sends its key."""
    one = await c.connect()
    await one.raw_send(one.begin_tls(context(ssl.TLSVersion.TLSv1_2)))
    await one.server_flight()
    one.listen()


@case("tls_handshake/dripped_finished", cut(by="FIN", phase="tls_handshake"))
async def _(c):
    """TLS 1.3: everything at once but the Finished, which comes one byte now and then."""
    one = await c.connect()
    await one.raw_send(one.begin_tls())
    flight = await one.server_flight()
    one.listen()
    await drip(c, one, flight, every=0.22, raw=True)


@case("tls_handshake/just_lawful", lives(), needs=("origin",))
async def _(c):
    """Half a hello at once, the rest after 0.4 T, the Finished after 0.75 T, then a request."""
    one = await c.connect()
    hello = one.begin_tls()
    await one.raw_send(hello[:len(hello) // 2])
    await c.at(0.4)
    await one.raw_send(hello[len(hello) // 2:])
    flight = await one.server_flight()
    await c.at(0.75)
    await is_served(c, one, flight)
