# SPDX-License-Identifier: Apache-2.0
"""A reload with another number of workers says that it stays, and everything else is taken."""


def test_workers(sluice, upstream):
    proxy = sluice(upstream(), workers=1)

    def change(config):
        config["workers"] = 3
        config["deadlines"] = {"keepalive": "11s"}

    proxy.reload(change)
    assert "3" in proxy.wait_log("number of workers stays 1")
    assert proxy.metrics().get("sluice_workers") == 1
    assert proxy.client().get("/bytes/1").status == 200


def test_more_than_one_share_the_port(sluice, upstream):
    proxy = sluice(upstream(), workers=3)
    assert proxy.metrics().get("sluice_workers") == 3
    assert proxy.status()["workers"] == {"running": 3, "answered": 3}
    for _ in range(30):
        with proxy.client() as one:
            assert one.get("/bytes/10").status == 200
    assert proxy.metrics().get("sluice_requests_total") == 30
