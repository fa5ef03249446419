# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests stand on: the real binary, raw clients and raw upstreams.

    sluice    starts and watches the binary, reads its logs, metrics and status
    client    a client with a hand on every byte, with and without TLS
    upstream  a scripted server behind sluice that remembers every byte it was sent
    faults    system calls of sluice that fail on command
    message   HTTP/1 messages taken apart, for both of them
    metrics   the Prometheus text format, read strictly
    certs     certificates made with openssl
    wait      conditions with a deadline
"""
import os

# Debian keeps servers where the PATH of who is not root does not look.
os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/sbin"])
