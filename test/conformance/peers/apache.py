# SPDX-License-Identifier: Apache-2.0
"""Apache httpd: mod_reqtimeout for what it reads, Timeout for what it writes, mod_proxy's own."""
import pathlib
import re
import signal

from .process import ONE_AT_A_TIME, Peer, PeerError, run_tool

MODULES = pathlib.Path("/usr/lib/apache2/modules")
WANTED = ("mpm_event", "env", "authz_core", "ssl", "socache_shmcb", "headers", "reqtimeout", "remoteip",
          "proxy", "proxy_http", "proxy_wstunnel", "log_config", "unixd")


class Apache(Peer):
    name, binary = "apache", "apache2"
    logs = ("log", "access")
    reload_signal, drain_signal = signal.SIGUSR1, signal.SIGWINCH
    patterns = (
        (r"AH01382|AH00574|AH10228|Request header read timeout|Request body read timeout", "client"),
        (r"request body read timeout|AH01095|AH02609", "client"),
        (r"AH01102|AH01110|AH01084|AH01114|AH00957|AH01097", "upstream"),
        (r"AH00938|AH00961|AH00926", "pool"))
    notes = ("mpm_event, mod_reqtimeout with `handshake`, `header` and `body` (with `MinRate`), `Timeout`, "
             "`ProxyTimeout`, `SendBufferSize 32768`, `GracefulShutdownTimeout` for its end; `AcceptFilter none`, "
             "without which a silent client is not even seen for half a minute. It counts whole seconds, so "
             "T is rounded up.")

    @classmethod
    def version(cls):
        return re.search(r"Apache/(\S+)", run_tool("apache2", "-v"))[1]

    def configure(self):
        t, s = self.terms, self.terms.whole_s
        if not MODULES.is_dir():
            raise PeerError(f"there is no {MODULES}")
        modules = "\n".join(f"LoadModule {name}_module {MODULES}/mod_{name}.so" for name in WANTED
                            if (MODULES / f"mod_{name}.so").exists())  # the others are built in
        places = "\n".join(
            f"    ProxyPass /{prefix}/ http://127.0.0.1:{port}/{prefix}/ retry=0 connectiontimeout={s} "
            f"timeout={s} disablereuse=On flushpackets=on upgrade=websocket"
            + (f" max=1 acquire={t.ms}" if prefix in ONE_AT_A_TIME else "")
            for prefix, port in t.origin.items())
        shutdown = f"GracefulShutdownTimeout {s}" if t.drains else ""
        host = f"""
    SSLEngine on
    SSLCertificateFile {t.certificate}
    SSLCertificateKeyFile {t.key}
    SSLProtocol -all +TLSv1.2 +TLSv1.3
    Header always set X-Generation {self.generation}
    SetEnv proxy-sendchunked 1
{places}"""
        (self.folder / "conf").write_text(f"""
ServerRoot {self.folder}
ServerName localhost
DefaultRuntimeDir {self.folder}
PidFile {self.folder}/pid
{modules}
Listen 127.0.0.1:{self.port}
Listen 127.0.0.1:{self.proxy_port}
ListenBacklog 4096
AcceptFilter http none
AcceptFilter https none
SendBufferSize 32768
StartServers 1
ServerLimit 4
ThreadLimit 600
ThreadsPerChild 600
MaxRequestWorkers 1200
MinSpareThreads 1
MaxSpareThreads 1200
AsyncRequestWorkerFactor 10
ErrorLog /dev/stderr
LogLevel info
LogFormat "%a:%{{remote}}p status=%>s sent=%O connection=%X %D us \\"%r\\"" case
CustomLog {self.folder}/access case
SSLSessionCache none
RequestReadTimeout handshake={s} header={s} body={s},MinRate={t.rate}
Timeout {s}
KeepAlive On
KeepAliveTimeout {t.ms}ms
MaxKeepAliveRequests 0
ProxyTimeout {s}
{shutdown}
<VirtualHost 127.0.0.1:{self.port}>{host}
</VirtualHost>
<VirtualHost 127.0.0.1:{self.proxy_port}>
    RemoteIPProxyProtocol On{host}
</VirtualHost>
""")
        return ["apache2", "-DFOREGROUND", "-f", self.folder / "conf"]
