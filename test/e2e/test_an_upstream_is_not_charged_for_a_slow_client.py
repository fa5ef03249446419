# SPDX-License-Identifier: Apache-2.0
"""The third law: while the client does not read, the upstream's clock stands still."""
from testenv import sluice as s
from testenv.upstream import pattern_hash

import hashlib

SIZE = 24 << 20


def test_an_upstream_is_not_charged_for_a_slow_client(sluice, upstream):
    pace = {"idle": "500ms", "min_rate": "1MiB/s", "window": "500ms"}
    proxy = sluice(upstream(), deadlines={"upstream_body": pace})
    one = proxy.client(rcvbuf=16384)
    one.request("GET", f"/bytes/{SIZE}")
    s.sleep(3)
    response = one.response()
    assert hashlib.sha256(response.body).hexdigest() == pattern_hash(SIZE)
    proxy.nothing_expired()
