# SPDX-License-Identifier: Apache-2.0
"""SIGINT and SIGTERM end `check`, and `run` before it serves, at once, though a name's lookup takes long."""
import signal
import subprocess

import pytest

from testenv import faults, ports, sluice as s, wait

SLOW = r"""
#include <netdb.h>
#include <unistd.h>
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
    if (write(2, "looking up\n", 11) == 11)
        for (;;)
            pause();
    return EAI_FAIL;
}
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@pytest.mark.parametrize("verb", ["check", "run"])
def test_interrupted(tmp_path, verb, number):
    source, library, log = tmp_path / "slow.c", tmp_path / "slow.so", tmp_path / "log"
    source.write_text(SLOW)
    subprocess.run(["cc", "-shared", "-fPIC", "-o", library, source], check=True)
    file = tmp_path / "sluice.yaml"
    file.write_text(f"listeners: [{{address: '127.0.0.1:{ports.free_port()}', tls: off}}]\n"
                    "upstreams: [{name: app, endpoints: ['name.invalid:80']}]\nstatus: off\n")
    environment = {**s.environment(tmp_path), "LD_PRELOAD": ":".join([*faults.sanitizer_library(), str(library)])}
    with open(log, "w") as output:
        process = subprocess.Popen([s.binary(), verb, "-c", file], stderr=output, stdout=output, env=environment)
    try:
        wait.until(lambda: "looking up" in log.read_text(), what="the lookup")
        process.send_signal(number)
        assert process.wait(5) == -number
    finally:
        process.kill()
        process.wait()
