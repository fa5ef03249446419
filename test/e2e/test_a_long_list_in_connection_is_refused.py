# SPDX-License-Identifier: Apache-2.0
"""Each name in Connection is looked for among all fields: thousands of them would cost a core for a few megabytes
a second. Nobody needs more than a few."""
import pytest

FIELDS = [f"X{i}: y" for i in range(60)]


@pytest.mark.parametrize("n, status", [(3, 200), (60, 200), (65, 431), (10000, 431)])
def test_of_requests(sluice, upstream, n, status):
    app = upstream()
    names = ",".join(f"X{i % 60}" if i < 100 else "a" for i in range(n))
    response = sluice(app).client().get("/echo", *FIELDS, f"Connection: {names}")
    assert response.status == status
    if status == 200:
        assert sum(app.requests[0].has(f"X{i}") for i in range(60)) == 60 - n
    else:
        assert not app.requests


@pytest.mark.parametrize("n, status", [(60, 200), (65, 502)])
def test_of_responses(sluice, upstream, n, status):
    def script(connection):
        connection.request()
        connection.respond(200, *FIELDS, "Connection: " + ",".join(f"X{i % 60}" for i in range(n)))

    response = sluice(upstream(script)).client().get()
    assert response.status == status
    assert not response.has("X7")
