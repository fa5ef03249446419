# SPDX-License-Identifier: Apache-2.0
"""`sluice check` says of a certificate or key that could not be served what it is, what would do, and where it
stands; the kinds that it takes are served."""
import base64
import re
import ssl

import pytest

from testenv import certs as c, client, ports, sluice as s

CONFIG = """\
listeners:
  - address: 127.0.0.1:{port}
    tls:
      certificates:
        - certificate: {certificate}
          key: {key}
upstreams:
  - name: app
    endpoints: [127.0.0.1:9]
status: off
"""
SUPPORTED = "supported are RSA keys of 2048 to 8192 bits and ECDSA keys on P-256, P-384 or P-521"


def ec(curve, *more):
    return ("ec", "-pkeyopt", f"ec_paramgen_curve:{curve}", *more)


REFUSED = {
    "Ed25519": ("ed25519",),
    "Ed448": ("ed448",),
    r"ECDSA on (P-224|secp224r1)": ec("P-224"),
    "ECDSA on secp256k1": ec("secp256k1"),
    "ECDSA on brainpoolP256r1": ec("brainpoolP256r1"),
    "ECDSA on brainpoolP384r1": ec("brainpoolP384r1"),
    "ECDSA on brainpoolP512r1": ec("brainpoolP512r1"),
    "ECDSA on a curve that is given by its numbers instead of its name":
        ec("P-256", "-pkeyopt", "ec_param_enc:explicit"),
    "RSASSA-PSS": ("rsa-pss", "-pkeyopt", "rsa_keygen_bits:2048"),
    "RSA of 1024 bits": ("rsa:1024",),
    "RSA of 2047 bits": ("rsa:2047",),
}


def check(folder, certificate, key):
    """What is wrong with which line."""
    file = folder / "sluice.yaml"
    file.write_text(CONFIG.format(port=ports.free_port(), certificate=certificate, key=key))
    done = s.run("check", "-c", file, folder=folder)
    assert done.returncode == 2
    match = re.match(re.escape(str(file)) + r":(\d+):(\d+): listeners\[0\]\.tls\.certificates\[0\]\.(\w+): "
                     r"([^:]+): (.*)\n", done.stderr)
    assert match, done.stderr
    line, column, field, path, reason = match.groups()
    assert (int(line), int(column), path) == \
        ((5, 24, str(certificate)) if field == "certificate" else (6, 16, str(key)))
    return field, reason


@pytest.mark.parametrize("kind", REFUSED)
def test_keys_that_nobody_could_use(tmp_path, certs, kind):
    leaf = certs.leaf("odd", REFUSED[kind])
    for pair, where in ((leaf.certificate, leaf.key), "certificate"), ((certs.ecdsa.certificate, leaf.key), "key"):
        field, reason = check(tmp_path, *pair)
        assert field == where
        assert re.fullmatch(f"its key is {kind}; {SUPPORTED}", reason)


@pytest.mark.parametrize("kind", ["secp224r1", "secp256k1"])
def test_keys_in_the_older_format(tmp_path, certs, kind):
    key = tmp_path / "old.key"
    c.openssl("ecparam", "-name", kind, "-genkey", "-out", key)
    assert "BEGIN EC PRIVATE KEY" in key.read_text()
    field, reason = check(tmp_path, certs.ecdsa.certificate, key)
    assert field == "key"
    assert re.fullmatch(f"its key is ECDSA on ({kind}|P-224); {SUPPORTED}", reason)


def test_an_rsa_key_in_the_older_format(tmp_path, certs):
    key = tmp_path / "old.key"
    c.openssl("genrsa", "-traditional", "-out", key, "1024")
    assert check(tmp_path, certs.ecdsa.certificate, key) == ("key", f"its key is RSA of 1024 bits; {SUPPORTED}")


def rsa_public(n_bits):
    """An RSA public key as large as it likes; nobody has the private one."""
    def element(tag, content):
        n = len(content)
        length = bytes([n]) if n < 128 else bytes([0x82]) + n.to_bytes(2, "big")
        return bytes([tag]) + length + content

    modulus = b"\0" + (1 << (n_bits - 1) | 1).to_bytes(n_bits // 8, "big")
    numbers = element(0x30, element(2, modulus) + element(2, b"\1\0\1"))
    algorithm = element(0x30, bytes.fromhex("06092a864886f70d0101010500"))
    text = base64.encodebytes(element(0x30, algorithm + element(3, b"\0" + numbers))).decode()
    return f"-----BEGIN PUBLIC KEY-----\n{text}-----END PUBLIC KEY-----\n"


@pytest.mark.parametrize("n_bits", [8200, 16384])
def test_rsa_keys_that_are_too_large(tmp_path, certs, n_bits):
    public, request, certificate = (tmp_path / name for name in ("public", "request", "large.pem"))
    public.write_text(rsa_public(n_bits))
    c.openssl("req", "-new", "-key", certs.ecdsa.key, "-subj", "/CN=localhost", "-out", request)
    c.openssl("x509", "-req", "-in", request, "-CA", certs.ca, "-CAkey", certs.ca_key, "-CAcreateserial",
              "-days", "30", "-force_pubkey", public, "-out", certificate)
    assert check(tmp_path, certificate, certs.ecdsa.key) == \
        ("certificate", f"its key is RSA of {n_bits} bits; {SUPPORTED}")


def test_a_signature_that_nobody_knows(tmp_path, certs):
    ca_key, ca, request, certificate = (tmp_path / name for name in ("ca.key", "ca", "request", "leaf.pem"))
    c.openssl("req", "-x509", "-newkey", "ed25519", "-nodes", "-keyout", ca_key, "-out", ca, "-subj", "/CN=ca")
    c.openssl("req", "-new", "-key", certs.ecdsa.key, "-subj", "/CN=localhost", "-out", request)
    c.openssl("x509", "-req", "-in", request, "-CA", ca, "-CAkey", ca_key, "-CAcreateserial", "-days", "30",
              "-out", certificate)
    assert check(tmp_path, certificate, certs.ecdsa.key) == \
        ("certificate", "it is signed with an algorithm that is not supported, Ed25519; "
                        "supported are RSA and ECDSA with SHA-2")


def test_a_chain_in_which_somebody_has_an_odd_key(tmp_path, certs):
    odd = certs.leaf("odd", REFUSED["Ed25519"])
    chain = tmp_path / "chain.pem"
    with open(certs.ecdsa.certificate) as good, open(odd.certificate) as bad:
        chain.write_text(good.read() + bad.read())  # each is a leaf and its CA
    assert check(tmp_path, chain, certs.ecdsa.key) == \
        ("certificate", f"certificate number 3: its key is Ed25519; {SUPPORTED}")


@pytest.mark.limit(120)  # a large RSA key takes a while to make
@pytest.mark.parametrize("kind", ["p384", "p521", "rsa3072", ("rsa:4096",)])
def test_the_others_are_served(sluice, upstream, certs, kind):
    leaf = certs.of(kind)
    proxy = sluice(upstream(), tls={"certificates": [leaf.config()]})
    for version in ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3:
        with proxy.client(tls=client.context(certs.ca, low=version, high=version)) as one:
            assert one.get("/bytes/1").status == 200
