# SPDX-License-Identifier: Apache-2.0
"""A certificate authority and leaves under it, made with the openssl command."""
import dataclasses
import pathlib
import subprocess

NAMES = "DNS:localhost,DNS:sluice.test,DNS:*.sluice.test,IP:127.0.0.1,IP:::1"


@dataclasses.dataclass
class Leaf:
    certificate: str
    key: str

    def config(self):
        return {"certificate": self.certificate, "key": self.key}


class Certs:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.ca_key = self.folder / "ca.key"
        self.ca = self.folder / "ca.pem"
        openssl("req", "-x509", *new_key("ecdsa"), "-nodes", "-keyout", self.ca_key, "-out", self.ca,
                "-days", "30", "-subj", "/CN=sluice test CA")
        self.ecdsa = self.leaf("ecdsa")
        self._leaves = {"ecdsa": self.ecdsa}

    def of(self, kind):
        """The leaf with this kind of key. Made when it is first asked for: an RSA key takes a while."""
        if kind not in self._leaves:
            self._leaves[kind] = self.leaf(kind if isinstance(kind, str) else "-".join(kind), kind)
        return self._leaves[kind]

    @property
    def rsa(self):
        return self.of("rsa")

    def leaf(self, name, kind="ecdsa", names=NAMES, days=30):
        key, request = self.folder / f"{name}.key", self.folder / f"{name}.csr"
        certificate, extensions = self.folder / f"{name}.pem", self.folder / f"{name}.ext"
        common_name = names.split(",")[0].split(":", 1)[1]
        openssl("req", *new_key(kind), "-nodes", "-keyout", key, "-out", request,
                "-subj", f"/CN={common_name}")
        extensions.write_text(f"subjectAltName={names}\nextendedKeyUsage=serverAuth\n")
        openssl("x509", "-req", "-in", request, "-CA", self.ca, "-CAkey", self.ca_key,
                "-CAcreateserial", "-days", str(days), "-extfile", extensions, "-out", certificate)
        certificate.write_text(certificate.read_text() + self.ca.read_text())
        return Leaf(str(certificate), str(key))


KEYS = {"ecdsa": ("ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"), "rsa": ("rsa:2048",),
        "p384": ("ec", "-pkeyopt", "ec_paramgen_curve:secp384r1"),
        "p521": ("ec", "-pkeyopt", "ec_paramgen_curve:secp521r1"), "rsa3072": ("rsa:3072",)}


def new_key(kind):
    """Arguments of openssl req: a kind of KEYS, or the arguments behind -newkey."""
    return ("-newkey", *(KEYS[kind] if isinstance(kind, str) else kind))


def openssl(*arguments, **options):
    done = subprocess.run(["openssl", *map(str, arguments)], capture_output=True, **options)
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout
