# SPDX-License-Identifier: Apache-2.0
"""A real legacy application: apache2 with mod_dav and git-http-backend behind sluice; git pushes in chunks, clones, and
WebDAV writes."""
import os
import pathlib
import shutil
import subprocess

import pytest

from testenv import ports, sluice as s, wait

MODULES = pathlib.Path("/usr/lib/apache2/modules")
BACKEND = pathlib.Path("/usr/lib/git-core/git-http-backend")

pytestmark = pytest.mark.skipif(not (shutil.which("apache2") and BACKEND.exists()),
                                reason="there is no apache2 with git-http-backend")

CONFIG = """\
ServerName localhost
ServerRoot {root}
Listen 127.0.0.1:{port}
PidFile {root}/pid
ErrorLog {root}/error.log
Mutex pthread
{modules}
TypesConfig /etc/mime.types
DocumentRoot {root}/www
DavLockDB {root}/davlock
<Directory {root}/www>
  Dav On
  Require all granted
</Directory>
SetEnv GIT_PROJECT_ROOT {root}/repos
SetEnv GIT_HTTP_EXPORT_ALL 1
ScriptAlias /git/ {backend}/
<Directory {folder}>
  Options +ExecCGI
  Require all granted
</Directory>
"""


@pytest.fixture
def apache(tmp_path):
    root, port = tmp_path / "apache", ports.free_port()
    for folder in ("www", "repos"):
        (root / folder).mkdir(parents=True)
    modules = ["mpm_event", "authz_core", "dav", "dav_fs", "alias", "env", "cgid", "mime"]
    loads = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in modules)
    loads += f"\nScriptSock {root}/cgid.sock"
    if os.getuid() == 0:  # apache will not serve as root
        loads += "\nUser www-data\nGroup www-data"
        shutil.chown(root / "www", "www-data")
    (root / "apache.conf").write_text(CONFIG.format(root=root, port=port, modules=loads, backend=BACKEND,
                                                    folder=BACKEND.parent))
    subprocess.run(["git", "init", "-q", "-b", "main", "--bare", root / "repos" / "project.git"], check=True)
    subprocess.run(["git", "-C", root / "repos" / "project.git", "config", "http.receivepack", "true"], check=True)
    if os.getuid() == 0:
        subprocess.run(["chown", "-R", "www-data", root], check=True)
        for folder in root.parents:  # pytest makes them for root alone
            if folder.stat().st_uid == 0 and str(folder).startswith("/tmp/"):
                folder.chmod(folder.stat().st_mode | 0o011)
    process = subprocess.Popen(["apache2", "-f", str(root / "apache.conf"), "-DFOREGROUND"])
    try:
        wait.until(lambda: s.listens(port), 20, "apache to listen")
        yield f"127.0.0.1:{port}", root
    finally:
        process.terminate()
        process.wait(20)


def git(*arguments, cwd, certs):
    done = subprocess.run(["git", "-c", "user.name=x", "-c", "user.email=x@y",
                           *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
                          env={**os.environ, "GIT_TERMINAL_PROMPT": "0", "HOME": str(cwd),
                               "GIT_SSL_CAINFO": str(certs.ca)})
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.mark.limit(90)
def test_git(sluice, apache, certs, tmp_path):
    endpoint, _ = apache
    proxy = sluice(endpoint)
    url = f"https://localhost:{proxy.port}/git/project.git"
    work = tmp_path / "work"
    work.mkdir()
    git("init", "-q", "-b", "main", cwd=work, certs=certs)
    (work / "large").write_bytes(os.urandom(3_000_000))
    git("add", ".", cwd=work, certs=certs)
    git("commit", "-q", "-m", "large", cwd=work, certs=certs)
    git("-c", "http.postBuffer=65536", "push", "-q", url, "main", cwd=work, certs=certs)
    wait.until(lambda: [line for line in proxy.access() if line["path"].endswith("/git-receive-pack")
                        and line["request_bytes"] > 3_000_000], what="the push in the access log")
    assert git("ls-remote", url, "main", cwd=work, certs=certs).split()[0] \
        == git("rev-parse", "main", cwd=work, certs=certs)
    git("clone", "-q", url, "copy", cwd=tmp_path, certs=certs)
    assert (tmp_path / "copy" / "large").read_bytes() == (work / "large").read_bytes()
    proxy.nothing_expired()


def test_webdav(sluice, apache, tmp_path):
    endpoint, root = apache
    proxy = sluice(endpoint)
    one = proxy.client()
    body = os.urandom(500_000)
    one.request("PUT", "/file", "Transfer-Encoding: chunked")
    for at in range(0, len(body), 50_000):
        one.send(b"c350\r\n" + body[at:at + 50_000] + b"\r\n")
    one.send(b"0\r\n\r\n")
    assert one.response().status == 201
    assert (root / "www" / "file").read_bytes() == body
    assert one.get("/file").body == body
    assert one.request("MKCOL", "/folder").response().status == 201
    assert one.request("PROPFIND", "/", "Depth: 1").response().status == 207
    assert one.request("MOVE", "/file", f"Destination: https://localhost:{proxy.port}/folder/f").response().status \
        in (201, 502)  # apache compares the scheme with its own
    assert one.request("DELETE", "/folder").response().status == 204
    response = one.get("/file", "Range: bytes=10-19")
    assert response.status in (206, 404)
