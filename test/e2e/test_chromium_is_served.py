# SPDX-License-Identifier: Apache-2.0
"""A page in a headless Chromium: its requests, an upload and a download byte by byte right, its later connections
resumed; in TLS 1.2 and 1.3 with every kind of certificate. Its ClientHello is a large one, with a post-quantum key
share first, and it offers HTTP/2."""
import base64
import hashlib
import json
import os
import shutil
import signal
import subprocess
import threading

import pytest

from testenv import upstream as u, wait
from testenv.certs import openssl

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")

pytestmark = [pytest.mark.skipif(not CHROMIUM, reason="there is no chromium"), pytest.mark.limit(120)]

SIZE = 1 << 20
PAGE = """<!doctype html><title>page</title><script>
const hex = async bytes => [...new Uint8Array(await crypto.subtle.digest("SHA-256", bytes))]
    .map(byte => byte.toString(16).padStart(2, "0")).join("");
async function run() {
    const body = new Uint8Array(SIZE).map((_, i) => i * 7 + (i >> 8));
    const found = {downloads: [], uploads: [], hash: await hex(body)};
    for (let i = 0; i < 4; i++) {  // each on a connection of its own
        found.downloads.push(await hex(await (await fetch("/bytes/SIZE?" + i)).arrayBuffer()));
        found.uploads.push(await (await fetch("/hash", {method: "PUT", body})).json());
    }
    return found;
}
run().catch(error => ({error: String(error)}))
    .then(found => fetch("/result", {method: "POST", body: JSON.stringify(found)}));
</script>""".replace("SIZE", str(SIZE)).encode()


class Page:
    """An application that serves the page and waits for what it found."""

    def __init__(self):
        self.result, self.is_there = None, threading.Event()

    def __call__(self, connection):
        while True:
            request = connection.head()
            path = request.target.split("?")[0]
            if path == "/":
                connection.reader.body(request)
                connection.respond(200, "Content-Type: text/html", body=PAGE)
            elif path == "/result":
                self.result = json.loads(connection.reader.body(request).body)
                connection.respond(200, body=b"thanks")
                self.is_there.set()
            elif path == f"/bytes/{SIZE}":
                connection.reader.body(request)
                connection.respond(200, "Cache-Control: no-store", body=u.pattern(SIZE))
            elif path == "/hash":
                u.serve(connection, request)
            else:  # the icon
                connection.reader.body(request)
                connection.respond(404)


def fingerprint(leaf):
    """Of its key, which Chromium is told to believe."""
    public = openssl("x509", "-in", leaf.certificate, "-pubkey", "-noout")
    der = openssl("pkey", "-pubin", "-outform", "der", input=public)
    return base64.b64encode(hashlib.sha256(der).digest()).decode()


@pytest.mark.parametrize("kind", ["ecdsa", "p384", "rsa", "rsa3072"])
@pytest.mark.parametrize("version", ["1.2", "1.3"])
def test_page(sluice, upstream, certs, tmp_path, version, kind):
    page, leaf = Page(), certs.of(kind)
    # One request per connection, so that there are several.
    proxy = sluice(upstream(page), workers=2, tls={"certificates": [leaf.config()]},
                   deadlines={"max_age": {"requests": 1}})
    process = subprocess.Popen(
        [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
         "--disable-background-networking", "--disable-component-update", "--disable-sync",
         f"--user-data-dir={tmp_path / 'profile'}", f"--ignore-certificate-errors-spki-list={fingerprint(leaf)}",
         f"--ssl-version-max=tls{version}", "--remote-debugging-port=0", f"https://localhost:{proxy.port}/"],
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True)
    try:
        assert page.is_there.wait(60 * wait.PATIENCE), "the page has told nothing"
        metrics = proxy.metrics()
    finally:
        os.killpg(process.pid, signal.SIGKILL)  # it has children
        process.wait()
    assert page.result.get("downloads") == [u.pattern_hash(SIZE)] * 4, page.result
    assert [(one["length"], one["sha256"]) for one in page.result["uploads"]] == [(SIZE, page.result["hash"])] * 4
    n = metrics.get("sluice_tls_handshakes_by_version_total")
    assert n == metrics.get("sluice_tls_handshakes_by_version_total", version=f"TLSv{version}") >= 8
    assert metrics.get("sluice_tls_handshakes_resumed_total") >= n - 4  # some may have begun at once
    assert metrics.get("sluice_responses_total", **{"class": "2xx"}) >= 9
    proxy.nothing_expired()
