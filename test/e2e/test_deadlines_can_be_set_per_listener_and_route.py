# SPDX-License-Identifier: Apache-2.0
"""Default, then global, then listener, then route: each value by itself."""
from testenv import ports, sluice as s, wait


def test_per_listener(sluice, upstream):
    proxy = sluice(upstream(), listener={"deadlines": {"first_byte": "300ms"}}, deadlines={"first_byte": "8s"})
    other = ports.free_port()
    proxy.reload(lambda config: config["listeners"].append(
        {**config["listeners"][0], "address": f"127.0.0.1:{other}", "deadlines": {"first_byte": "1s"}}))
    for port, limit in ((proxy.port, 0.3), (other, 1)):
        one = proxy.connect(tls=None, address=("127.0.0.1", port))
        assert one.end() == "reset"
        wait.at(one.clock.seconds, limit)


def test_per_route(sluice, upstream):
    def script(connection):
        while True:
            request = connection.request()
            s.sleep(0.8)
            connection.respond(body=request.target.encode())

    routes = [{"path": "/quick", "upstream": "app", "deadlines": {"upstream_header": "300ms"}},
              {"path": "/slow", "upstream": "app", "deadlines": {"upstream_header": "5s"}},
              {"path": "/", "upstream": "app"}]
    proxy = sluice(upstream(script), routes=routes, deadlines={"upstream_header": "500ms"})
    one = proxy.client()
    clock = wait.Stopwatch()
    assert one.get("/quick").status == 504
    wait.at(clock.seconds, 0.3)
    assert one.get("/slow").body == b"/slow"
    clock.restart()
    assert one.get("/other").status == 504
    wait.at(clock.seconds, 0.5)


def test_values_are_inherited_one_by_one(sluice, upstream):
    routes = [{"path": "/", "upstream": "app", "deadlines": {"request_body": {"window": "600ms"}}}]
    proxy = sluice(upstream(), routes=routes, deadlines={"request_body": {"min_rate": "100KiB/s", "window": "20s"}})
    one = proxy.client()
    one.request("PUT", "/hash", "Content-Length: 1000")
    clock = wait.Stopwatch()
    one.drip(b"x" * 1000, every=0.05)
    assert one.response().status == 408
    wait.at(clock.seconds, 0.5)
