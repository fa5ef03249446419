# SPDX-License-Identifier: Apache-2.0
"""nginx and haproxy: those of this machine, or newer ones of another suite of Debian.

Those of another suite are not installed. apt, with a configuration and state of its own, resolves and
downloads (and verifies) the packages from the mirror that this machine's apt uses; they are unpacked
with all their libraries, libc too, and run by their own dynamic loader. No root is needed. The
folder is kept, so only the first time needs the network; remove it to get newer packages.
"""
import pathlib
import shutil

from procs import BenchError, run_tool

PROGRAMS = ("nginx", "haproxy")
KEYRING = "/usr/share/keyrings/debian-archive-keyring.gpg"


class Installed:
    """What is on the PATH."""
    suite = None

    @staticmethod
    def command(program):
        return [program]


class Unpacked:
    def __init__(self, suite, folder):
        self.suite, self.root = suite, folder / "root"
        if not (folder / "complete").exists():
            shutil.rmtree(folder, ignore_errors=True)
            try:
                download(suite, folder)
                unpack(folder)
            except BenchError as e:
                shutil.rmtree(folder, ignore_errors=True)
                raise BenchError(f"nginx and haproxy cannot be had from {suite}: {e}") from None
            (folder / "complete").touch()
        self.loader = self._loader()
        self.libraries = ":".join(str(p) for p in sorted(self.root.glob("usr/lib/*-linux-gnu*"))
                                  + sorted(self.root.glob("lib/*-linux-gnu*")))

    def _loader(self):
        for pattern in ("usr/lib64/ld-linux*.so*", "lib64/ld-linux*.so*",
                        "usr/lib/*/ld-linux*.so*", "lib/*/ld-linux*.so*", "usr/lib/ld-linux*.so*"):
            for path in sorted(self.root.glob(pattern)):
                if path.exists():
                    return path
        raise BenchError(f"no dynamic loader in {self.root}")

    def command(self, program):
        return [self.loader, "--inhibit-cache", "--library-path", self.libraries,
                "--argv0", program, self.root / "usr/sbin" / program]


def mirror():
    text = run_tool("apt-get", "indextargets", "--format", "$(ORIGIN) $(COMPONENT) $(REPO_URI)",
                    "Created-By: Packages")
    for line in text.splitlines():
        origin, _, rest = line.partition(" ")
        component, _, uri = rest.partition(" ")
        if (origin, component) == ("Debian", "main") and not uri.startswith("cdrom:"):
            return uri
    raise BenchError("apt's configuration names no mirror of Debian")


def download(suite, folder):
    if not shutil.which("apt-get"):
        raise BenchError("--peers-from needs apt")
    for name in ("etc", "lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()  # nothing is installed: apt brings all libraries
    (folder / "etc/suite.sources").write_text(
        f"Types: deb\nURIs: {mirror()}\nSuites: {suite}\nComponents: main\nSigned-By: {KEYRING}\n")
    settings = {"Dir::Etc::sourcelist": "/dev/null", "Dir::Etc::sourceparts": folder / "etc",
                "Dir::Etc::preferences": "/dev/null", "Dir::Etc::preferencesparts": "/dev/null",
                "Dir::State::lists": folder / "lists", "Dir::State::status": folder / "status",
                "Dir::Cache": folder / "cache", "Dir::Log": "/dev/null",
                "APT::Install-Recommends": "false", "APT::Sandbox::User": "",
                "Debug::NoLocking": "true"}
    options = [part for k, v in settings.items() for part in ("-o", f"{k}={v}")]
    run_tool("apt-get", "-q", *options, "update")
    run_tool("apt-get", "-q", "-y", *options, "--download-only", "install", *PROGRAMS)


def unpack(folder):
    root = folder / "root"
    # As a system has it: packages bring files below /usr, or still below /lib.
    for name in ("bin", "sbin", "lib", "lib64"):
        (root / "usr" / name).mkdir(parents=True)
        (root / name).symlink_to(f"usr/{name}")
    archives = sorted(pathlib.Path(folder / "cache/archives").glob("*.deb"))
    for archive in archives:
        # Not --extract: its tar would replace the links by folders.
        run_tool("sh", "-c", 'dpkg-deb --fsys-tarfile "$0" | tar -x --keep-directory-symlink '
                 '--no-same-owner -C "$1"', archive, root)
    shutil.rmtree(folder / "cache")
    shutil.rmtree(folder / "lists")
    for program in PROGRAMS:
        if not (root / "usr/sbin" / program).exists():
            raise BenchError(f"the packages of {folder.name} bring no {program}")
