# SPDX-License-Identifier: Apache-2.0
"""The process has no file descriptor left: established clients go on, accepting stops without spinning, and goes on when
there is room."""
import resource

from testenv import sluice as s, wait


def cpu_seconds(proxy):
    return proxy.metrics().get("process_cpu_seconds_total")


def test_without_descriptors(sluice, upstream):
    app = upstream()
    proxy = sluice(app)
    one = proxy.client()
    assert one.get("/bytes/10").status == 200
    limit = proxy.n_fds() + 12
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    crowd = [proxy.connect(tls=None) for _ in range(60)]  # the kernel accepts what sluice cannot
    for _ in range(20):
        assert one.get("/bytes/1000").status == 200  # on its kept upstream connection
    for client in crowd[:40]:
        client.close()

    def scraped():
        try:
            return proxy.metrics()
        except OSError:
            return None

    for client in crowd[40:]:
        client.close()
    metrics = wait.until(scraped, 20, "the status endpoint to answer again")
    assert metrics.get("sluice_accept_errors_total") + metrics.get("sluice_connections_refused_total") \
        + metrics.get("sluice_connections_evicted_total") >= 1
    before, clock = cpu_seconds(proxy), wait.Stopwatch()
    s.sleep(1)
    assert cpu_seconds(proxy) - before < 0.5 * clock.seconds, "it spins"
    assert proxy.client().get("/bytes/1").status == 200


def test_while_there_are_none_it_does_not_spin(sluice, upstream):
    proxy = sluice(upstream())
    limit = proxy.n_fds() + 8
    keeper = proxy.client()
    resource.prlimit(proxy.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    crowd = [proxy.connect(tls=None) for _ in range(64)]

    def ticks():
        with open(f"/proc/{proxy.process.pid}/stat") as stat:
            words = stat.read().rsplit(")", 1)[1].split()
        return int(words[11]) + int(words[12])

    s.sleep(0.3)
    before = ticks()
    s.sleep(1)
    assert ticks() - before < 50, "it spins"
    assert keeper.is_open()
    for one in crowd:
        one.close()

    def is_ready():
        try:
            return proxy.fetch("/readyz")[0] == 200
        except OSError:
            return False

    wait.until(is_ready, 20, "the status endpoint to answer again")
    assert keeper.get("/bytes/1").status == 200
    assert proxy.client().get("/bytes/1").status == 200
