# SPDX-License-Identifier: Apache-2.0
"""A reload with another number of workers says that it stays, and everything else is taken."""
from testenv import ports


def test_workers(sluice, upstream):
    proxy, port = sluice(upstream(), workers=1), ports.free_port()

    def change(config):
        config["workers"] = 3
        config["listeners"].append({**config["listeners"][0], "address": f"127.0.0.1:{port}"})

    proxy.reload(change)
    assert "3" in proxy.wait_log("number of workers stays 1")
    assert proxy.metrics().get("sluice_workers") == 1
    for _ in range(20):  # a socket for a worker that is not there would hold some of them
        with proxy.client(address=("127.0.0.1", port)) as one:
            assert one.get("/bytes/1").status == 200


def test_more_than_one_share_the_port(sluice, upstream):
    proxy = sluice(upstream(), workers=3)
    assert proxy.metrics().get("sluice_workers") == 3
    assert proxy.status()["workers"] == {"running": 3, "answered": 3}
    for _ in range(30):
        with proxy.client() as one:
            assert one.get("/bytes/10").status == 200
    assert proxy.metrics().get("sluice_requests_total") == 30
