# SPDX-License-Identifier: Apache-2.0
"""upstream_header begins with the last byte of the request; and a lawful answer that comes far later than every other
deadline is awaited."""
from testenv import sluice as s, wait


def test_upstream_header_does_not_run_during_the_upload(sluice, upstream):
    proxy = sluice(upstream(), deadlines={"upstream_header": "700ms"})
    one = proxy.client()
    one.request("PUT", "/hash", "Content-Length: 30")
    for _ in wait.ticks(0.1, n=30):
        one.send(b"x")
    assert one.response().status == 200
    proxy.nothing_expired()


def test_a_late_answer(sluice, upstream):
    def script(connection):
        connection.request()
        s.sleep(3)
        connection.respond(body=b"late")

    proxy = sluice(upstream(script), deadlines=s.every_phase("1s", upstream_header="8s"))
    assert proxy.client().get().body == b"late"
    proxy.nothing_expired()
