# SPDX-License-Identifier: Apache-2.0
"""With -Dmbedtls=system, an mbedTLS that was built without TLS 1.3 or without threads is refused, and the reason told."""
import os
import shutil
import subprocess

import pytest

from testenv import sluice as s

LIBRARIES = ("mbedtls", "mbedx509", "mbedcrypto")
WITHOUT = {"TLS 1.3": ["MBEDTLS_SSL_PROTO_TLS1_3"],
           "threads": ["MBEDTLS_THREADING_C", "MBEDTLS_THREADING_PTHREAD"]}


def pkg_config(*arguments):
    return subprocess.run(["pkg-config", *arguments], capture_output=True, text=True).stdout.strip()


@pytest.fixture
def headers(tmp_path):
    """A copy of the system's headers, and pkg-config files that lead to it."""
    if not shutil.which("meson") or subprocess.run(["pkg-config", "--atleast-version=3.6.3", *LIBRARIES]).returncode:
        pytest.skip("needs meson, pkg-config and the system's mbedTLS")
    source = pkg_config("--variable=includedir", "mbedtls") or "/usr/include"
    for name in ("mbedtls", "psa"):
        shutil.copytree(f"{source}/{name}", tmp_path / "include" / name)
    for name in LIBRARIES:
        (tmp_path / f"{name}.pc").write_text(
            f"Name: {name}\nDescription: {name}\nVersion: {pkg_config('--modversion', name)}\n"
            f"Cflags: -I{tmp_path}/include\nLibs: {pkg_config('--libs', name)}\n")
    return tmp_path / "include" / "mbedtls" / "mbedtls_config.h"


@pytest.mark.limit(120)
@pytest.mark.parametrize("reason", WITHOUT)
def test_refused(tmp_path, headers, reason):
    text = headers.read_text()
    for macro in WITHOUT[reason]:
        assert f"\n#define {macro}\n" in text
        text = text.replace(f"\n#define {macro}\n", "\n")
    headers.write_text(text)
    done = subprocess.run(["meson", "setup", tmp_path / "build", s.REPO, "-Dmbedtls=system"], capture_output=True,
                          text=True, env={**os.environ, "PKG_CONFIG_PATH": str(tmp_path)})
    assert done.returncode != 0
    told = [line for line in (done.stdout + done.stderr).splitlines() if "ERROR" in line]
    assert len(told) == 1 and WITHOUT[reason][0] in told[0] and reason in told[0], done.stdout[-2000:]
