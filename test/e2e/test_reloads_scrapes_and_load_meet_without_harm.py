# SPDX-License-Identifier: Apache-2.0
"""Four workers under load of every kind (handshakes full and resumed, of both versions; uploads, downloads, tunnels; clients
that reset) while certificates change by reload, bad configurations are refused, logs are opened anew, and metrics and status are
read, all at once. Under TSan no data race is seen; otherwise every answer is right."""
import shutil
import signal
import ssl
import threading

import pytest

from testenv import client, message, tunnel, wait
from testenv.upstream import pattern

SECONDS = 10


class Refused(Exception):
    """A reload closed a connection that rested, before it knew of the request."""


def ask(one, *arguments, has_rested=False, **options):
    """Who has rested may find the connection closed by a reload, without a byte of an answer; nobody else."""
    try:
        one.request(*arguments, **options)
    except OSError:
        one.has_ended()
    response = one.reader.response()
    if response is None and has_rested:
        raise Refused
    assert response is not None, f"a first request was not answered: {one.ended}"
    return response


def gets(proxy, contexts, turn):
    tls = contexts[turn % 2]
    with proxy.client(tls=tls) as one:
        for i, n in enumerate((1, 3000, 40_000)):
            response = ask(one, "GET", f"/bytes/{n}", has_rested=i > 0)
            assert len(response.body) == n
            if response.get("Connection") == "close":
                break
        session = one.tls.session
    with proxy.client(tls=tls, session=session) as again:
        assert ask(again, "GET", "/bytes/10").status == 200


def uploads(proxy, contexts, turn):
    with proxy.client(tls=contexts[turn % 2]) as one:
        answer = ask(one, "PUT", "/hash", body=pattern(200_000))
        assert answer.status == 200 and b'"length": 200000' in answer.body


def downloads(proxy, contexts, turn):
    with proxy.client(tls=contexts[turn % 2]) as one:
        assert len(ask(one, "GET", "/chunked/600000").body) == 600_000


def tunnels(proxy, contexts, turn):
    with proxy.client(tls=contexts[turn % 2]) as one:
        head = tunnel.ask(one).reader.response_head()
        assert head is not None and head.status == 101
        for n in range(1, 5):
            one.send(b"x" * n * 1000)
            assert tunnel.read(one, n * 1000) == b"x" * n * 1000


def resets(proxy, contexts, turn):
    with proxy.connect(tls=contexts[turn % 2]) as one:
        if turn % 3 == 0:
            one.raw_send(client.client_hello()[:100])
        else:
            one.handshake()
            one.request("GET", "/bytes/1000000")
            one.recv()
        one.reset()


def plain_on_tls(proxy, contexts, turn):
    with proxy.connect(tls=None) as one:
        one.request("GET", "/")
        assert one.end() in ("fin", "reset")


@pytest.mark.workers
@pytest.mark.limit(120)
def test_all_at_once(sluice, upstream, certs, tmp_path):
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    leaves = [certs.ecdsa, certs.leaf("other"), certs.rsa]

    def install(leaf):
        shutil.copy(leaf.certificate, certificate)
        shutil.copy(leaf.key, key)

    install(leaves[0])
    proxy = sluice(upstream(tunnel.serve_or_switch, keeps_bytes=False), workers=4,
                   tls={"certificates": [{"certificate": str(certificate), "key": str(key)}]})
    contexts = [client.context(certs.ca), client.context(certs.ca, high=ssl.TLSVersion.TLSv1_2)]
    is_over, failures, refused = threading.Event(), [], []
    counts = {}

    def repeat(act, arguments=()):
        turn = 0
        try:
            while not is_over.is_set():
                try:
                    act(*arguments, turn)
                    counts[act] = counts.get(act, 0) + 1
                except Refused:
                    refused.append(act)
                turn += 1
                is_over.wait(0.02)  # nobody is drowned out
        except (Exception, message.Cut) as error:
            failures.append((act.__name__, error))

    def scrape(turn):
        assert proxy.metrics().get("sluice_workers") == 4
        assert proxy.status()["configuration"]["generation"] >= 1

    def reload(turn):
        install(leaves[turn % len(leaves)])
        proxy.reload()
        good = proxy.config_path.read_text()
        proxy.config_path.write_text(good + "rubbish: true\n")
        before = proxy.metrics().get("sluice_configuration_reloads_total", result="failed")
        proxy.signal(signal.SIGHUP)
        wait.until(lambda: proxy.metrics().get("sluice_configuration_reloads_total", result="failed") > before)
        proxy.config_path.write_text(good)

    def reopen(turn):
        if proxy.access_path.exists():
            proxy.access_path.rename(tmp_path / f"access.{turn % 3}")
        proxy.signal(signal.SIGUSR1)
        wait.until(proxy.access_path.exists)

    load = (gets, gets, uploads, downloads, tunnels, resets, plain_on_tls)
    threads = [threading.Thread(target=repeat, args=(act, (proxy, contexts))) for act in load]
    threads += [threading.Thread(target=repeat, args=(act,)) for act in (scrape, scrape, reload, reopen)]
    for thread in threads:
        thread.start()
    is_over.wait(SECONDS)
    is_over.set()
    for thread in threads:
        thread.join()
    assert not failures, failures[0]
    assert len(counts) == len(set(load)) + 3, "something was never done"
    n_reloads = proxy.generation() - 1
    assert len(refused) <= n_reloads * load.count(gets), "more were refused than can have rested at a reload"
    for one in proxy.clients:
        one.close()
    wait.until(lambda: proxy.metrics().get("sluice_connections") == 0, 10, "everybody to be gone")
    assert proxy.client().get("/bytes/5").status == 200
