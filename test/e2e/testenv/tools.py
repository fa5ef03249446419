# SPDX-License-Identifier: Apache-2.0
"""TLS clients that people have: openssl s_client, gnutls-cli, curl and python, with one face.

    Openssl(proxy).exchange("GET", "/bytes/5", version="1.3", suite="AES-128-GCM", group="X25519", alpn=())

does one request on a connection of its own and returns the body of its answer, which must be 200 and
whole. What is not said is as the tool presets it. Each verifies the certificate for `localhost`.
"""
import shutil
import ssl
import subprocess

import pytest

from . import client, message, wait

SUITES = ("AES-128-GCM", "AES-256-GCM", "CHACHA20-POLY1305")
IN_TLS13 = {"AES-128-GCM": "TLS_AES_128_GCM_SHA256", "AES-256-GCM": "TLS_AES_256_GCM_SHA384",
            "CHACHA20-POLY1305": "TLS_CHACHA20_POLY1305_SHA256"}
IN_TLS12 = {"AES-128-GCM": "ECDHE-{}-AES128-GCM-SHA256", "AES-256-GCM": "ECDHE-{}-AES256-GCM-SHA384",
            "CHACHA20-POLY1305": "ECDHE-{}-CHACHA20-POLY1305"}
GROUPS = ("X25519", "P-256", "P-384")


def tls12_ciphers(suite):
    return ":".join(IN_TLS12[suite].format(kind) for kind in ("ECDSA", "RSA"))


class Tool:
    def __init__(self, proxy):
        if self.program and not shutil.which(self.program):
            pytest.skip(f"there is no {self.program}")
        self.proxy = proxy

    def run(self, *arguments, data=b""):
        done = subprocess.run([self.program, *map(str, arguments)], input=data, capture_output=True,
                              timeout=20 * wait.PATIENCE)
        assert done.returncode == 0, (arguments, done.stderr[-2000:], done.stdout[:300])
        return done.stdout

    def exchange(self, method, target, body=None, **options):
        head = f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        if body is not None:
            head += f"Content-Length: {len(body)}\r\n"
        return self.body_of(self.talk((head + "\r\n").encode() + (body or b""), **options))

    @staticmethod
    def body_of(answer):
        """Of a whole answer."""
        pieces = iter((answer, b""))
        response = message.Reader(lambda _: next(pieces)).response()
        assert response.status == 200 and response.is_complete
        return response.body


class Openssl(Tool):
    program = "openssl"

    def arguments(self, version=None, suite=None, group=None, alpn=None):
        found = ["-tls" + version.replace(".", "_")] if version else []
        if suite:
            found += ["-ciphersuites", IN_TLS13[suite], "-cipher", tls12_ciphers(suite)]
        if group:
            found += ["-groups", group]
        return found + (["-alpn", ",".join(alpn)] if alpn else [])

    def talk(self, data, *more, **options):
        return self.run("s_client", "-connect", f"127.0.0.1:{self.proxy.port}", "-servername", "localhost", "-quiet",
                        "-CAfile", self.proxy.certs.ca, "-verify_return_error", "-verify_hostname", "localhost",
                        *self.arguments(**options), *more, data=data)


class Gnutls(Tool):
    program = "gnutls-cli"

    def priority(self, version=None, suite=None, group=None):
        found = ["NORMAL"]
        if version:
            found += ["-VERS-ALL", f"+VERS-TLS{version}"]
        if suite:
            found += ["-CIPHER-ALL", "+" + suite]
        if group:
            found += ["-GROUP-ALL", *(f"+GROUP-{name.replace('P-', 'SECP')}{'R1' if 'P-' in name else ''}"
                                      for name in group.split(":"))]
        return ":".join(found)

    def talk(self, data, *more, alpn=None, **options):
        # What it says of itself goes to the file.
        return self.run("--port", self.proxy.port, "--x509cafile", self.proxy.certs.ca,
                        "--logfile", self.proxy.folder / "gnutls.log", "--priority", self.priority(**options),
                        *(f"--alpn={name}" for name in alpn or ()), *more, "localhost", data=data)


class Curl(Tool):
    program = "curl"

    def arguments(self, version=None, suite=None, group=None, alpn=None):
        found = [f"--tlsv{version}", "--tls-max", version] if version else []
        if suite:
            found += ["--tls13-ciphers", IN_TLS13[suite], "--ciphers", tls12_ciphers(suite)]
        if group:
            found += ["--curves", group]
        return found + {None: [], (): ["--no-alpn"], ("http/1.1",): ["--http1.1"],
                        ("h2", "http/1.1"): ["--http2"]}[alpn]

    def exchange(self, method, target, body=None, **options):
        return self.run("-sS", "--fail", "--cacert", self.proxy.certs.ca, "-X", method,
                        *(["--data-binary", "@-"] if body is not None else []), *self.arguments(**options),
                        f"https://localhost:{self.proxy.port}{target}", data=body or b"")


class Python(Tool):
    program = None

    def talk(self, data, version=None, suite=None, group=None, alpn=("http/1.1",), session=None):
        assert not group and not (suite and version != "1.2"), "ssl cannot choose these"
        only = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3, None: None}[version]
        offered = client.context(self.proxy.certs.ca, low=only, high=only, alpn=alpn,
                                 ciphers=tls12_ciphers(suite) if suite else None)
        with self.proxy.client(tls=offered, session=session) as one:
            one.send(data)
            answer = b""
            while more := one.recv():
                answer += more
            return answer


ALL = {"openssl": Openssl, "gnutls": Gnutls, "curl": Curl, "python": Python}
