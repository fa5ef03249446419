# SPDX-License-Identifier: Apache-2.0
"""A real client: curl with uploads, downloads, 100-continue, HTTP/1.0, keep-alive and parallel requests."""
import hashlib
import json
import subprocess

import pytest

from testenv.upstream import pattern, pattern_hash


@pytest.fixture
def curl(sluice, upstream, certs):
    proxy = sluice(upstream())

    def run(*arguments, target="/", **options):
        done = subprocess.run(["curl", "-sS", "--cacert", str(certs.ca), "--max-time", "30", *arguments,
                               f"https://localhost:{proxy.port}{target}"], capture_output=True, **options)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    run.proxy = proxy
    return run


def test_download(curl):
    body = curl(target="/bytes/3000000")
    assert hashlib.sha256(body).hexdigest() == pattern_hash(3000000)
    body = curl(target="/chunked/3000000")
    assert hashlib.sha256(body).hexdigest() == pattern_hash(3000000)


@pytest.mark.parametrize("arguments", [["-T", "-"], ["-T", "-", "-H", "Expect:"], ["--data-binary", "@-"],
                                       ["--data-binary", "@-", "-H", "Expect: 100-continue"],
                                       ["--data-binary", "@-", "--http1.0"]],
                         ids=["chunked", "chunked_at_once", "length", "continue", "http_1_0"])
def test_upload(curl, arguments):
    data = pattern(3000000)
    answer = json.loads(curl(*arguments, target="/hash", input=data))
    assert answer["length"] == 3000000
    assert answer["sha256"] == hashlib.sha256(data).hexdigest()


def test_form(curl):
    body = curl("-F", "a=b", "-F", "file=@/etc/hostname", target="/echo")
    assert b"multipart/form-data" in body


def test_expect(curl):
    out = curl("-v", "-H", "Expect: 100-continue", "-d", "hello", target="/echo")
    assert out.endswith(b"hello")


def test_head(curl):
    assert b"content-length: 1234" in curl("-I", target="/bytes/1234").lower()


def test_keep_alive(curl):
    url = f"https://localhost:{curl.proxy.port}/bytes/10"
    curl(url, url, url, target="/bytes/10")
    assert curl.proxy.metrics().get("sluice_connections_accepted_total") == 1


def test_parallel(curl):
    url = f"https://localhost:{curl.proxy.port}/bytes/200000"
    body = curl("--parallel", *[url] * 20, target="/bytes/200000")
    assert len(body) == 21 * 200000


def test_http2_falls_back(curl):
    assert curl("--http2", "-w", "%{http_version}", target="/bytes/0") == b"1.1"
