# SPDX-License-Identifier: Apache-2.0
"""Deadline tls_handshake, a client that never answers the server's flight: the end, without having cost an
upstream connection."""
import ssl

import pytest

from testenv import client, wait

VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


@pytest.mark.parametrize("version", VERSIONS)
def test_a_client_silent_after_the_server_hello(sluice, upstream, version):
    app = upstream()
    proxy = sluice(app, deadlines={"first_byte": "500ms", "tls_handshake": "700ms"})
    one = proxy.connect(tls=None)
    one.raw_send(client.client_hello(client.context(high=VERSIONS[version])))
    assert one.raw_recv(), "there was no ServerHello"
    assert one.end() == "fin"
    wait.at(one.clock.seconds, 0.7)
    proxy.wait_expired("tls_handshake")
    assert not app.connections
