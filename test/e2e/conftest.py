# SPDX-License-Identifier: Apache-2.0
"""Fixtures: certificates, the proxy, upstreams; and a limit on how long a test may take."""
import os
import signal
import sys
import threading
import traceback

import pytest

sys.path.insert(0, os.path.dirname(__file__))

from testenv import certs as certs_module  # noqa: E402
from testenv import sluice as sluice_module  # noqa: E402
from testenv import upstream as upstream_module  # noqa: E402
from testenv import wait  # noqa: E402


class TooLong(Exception):
    """A test hung. Shows what every thread was doing."""


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_protocol(item):
    limit = item.get_closest_marker("limit")
    seconds = (limit.args[0] if limit else 40) * wait.PATIENCE

    def show():
        frames = sys._current_frames()
        for thread in threading.enumerate():
            if thread.ident in frames and thread is not threading.current_thread():
                print(thread.name, "".join(traceback.format_stack(frames[thread.ident])[-3:]))

    def expire(*_):
        show()
        raise TooLong(f"the test takes longer than {seconds} s")

    def give_up():
        show()
        os._exit(70)  # xdist calls the test failed, and goes on with another worker

    if threading.current_thread() is not threading.main_thread():  # xdist with -v; no signal can be set there
        timer = threading.Timer(seconds, give_up)
        timer.daemon = True
        timer.start()
        yield
        timer.cancel()
        return
    signal.signal(signal.SIGALRM, expire)
    signal.setitimer(signal.ITIMER_REAL, seconds, 10)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the end of sluice's log."""
    outcome = yield
    report = outcome.get_result()
    if report.failed:
        for proxy in getattr(item, "proxies", []):
            report.sections.append(("log of sluice", proxy.log()[-6000:]))


@pytest.fixture(scope="session")
def certs(tmp_path_factory):
    return certs_module.Certs(tmp_path_factory.mktemp("certs"))


@pytest.fixture
def upstream(request):
    """upstream(script, ...) starts a scripted server."""
    started = []

    def start(*arguments, **options):
        started.append(upstream_module.Upstream(*arguments, **options))
        return started[-1]

    yield start
    for one in started:
        one.is_over.set()
    for one in started:
        one.stop()


@pytest.fixture
def black_hole():
    """An endpoint that does not answer a connect."""
    made = upstream_module.BlackHole()
    yield made
    made.close()


@pytest.fixture
def sluice(request, tmp_path, certs, upstream):
    """sluice(upstream, ...) starts the proxy. Ends before the upstreams do."""
    request.node.proxies = started = []

    def start(*arguments, **options):
        folder = tmp_path / f"sluice{len(started)}"
        folder.mkdir()
        started.append(sluice_module.Sluice(folder, certs, *arguments, **options))
        return started[-1]

    yield start
    errors = []
    for one in started:
        try:
            one.stop()
        except Exception as error:  # the others must be stopped, too
            errors.append(error)
    if errors:
        raise errors[0]
