# SPDX-License-Identifier: Apache-2.0
"""keepalive begins when everything has reached the client. A small answer behind a large one, or many small ones,
are not there yet just because they are written."""
import pytest

from testenv import sluice as s


@pytest.mark.parametrize("tls", [None, "off"], ids=["tls", "plain"])
@pytest.mark.parametrize("targets", [["/bytes/1500000", "/bytes/10"], ["/bytes/30000"] * 60],
                         ids=["small_behind_large", "many_small"])
def test_rests(sluice, upstream, targets, tls):
    proxy = sluice(upstream(), tls=tls, deadlines={"keepalive": "1s"})
    one = proxy.client(rcvbuf=4096)
    one.send("".join(f"GET {target} HTTP/1.1\r\nHost: localhost\r\n\r\n" for target in targets))
    s.sleep(3)
    for target in targets:
        assert len(one.response().body) == int(target.split("/")[2])
    assert one.get("/bytes/20").status == 200
    proxy.nothing_expired()
