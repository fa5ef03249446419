# SPDX-License-Identifier: Apache-2.0
"""nginx: every timeout that it has for clients and upstreams; bodies stream both ways."""
import os
import signal

from .process import Peer, run_tool


class Nginx(Peer):
    name = binary = "nginx"
    lacks = frozenset({"queue"})
    logs = ("log", "access")
    reload_signal, drain_signal = signal.SIGHUP, signal.SIGQUIT
    patterns = ((r"client timed out", "client"), (r"upstream timed out", "upstream"))
    notes = ("every timeout T, `reset_timedout_connection on`, `lingering_close always`, bodies "
             "unbuffered both ways, and `sndbuf=32k`: with a send buffer as large as the system makes it, "
             "and with `proxy_buffering on`, it cuts slow but lawful readers, too; `worker_shutdown_timeout` for "
             "its end. A queue of requests for an upstream is in the commercial edition only.")

    @classmethod
    def version(cls):
        return run_tool("nginx", "-v").strip().rpartition("/")[2]

    def configure(self):
        t = self.terms
        user = "user root;" if os.geteuid() == 0 else ""
        shutdown = f"worker_shutdown_timeout {t.ms}ms;" if t.drains else ""
        places = "\n".join(f"        location /{prefix}/ {{ proxy_pass http://127.0.0.1:{port}; }}"
                           for prefix, port in t.origin.items())
        server = f"""
        ssl_certificate {t.certificate}; ssl_certificate_key {t.key};
        ssl_protocols TLSv1.2 TLSv1.3;
        add_header X-Generation {self.generation} always;
{places}"""
        (self.folder / "conf").write_text(f"""
{user} {shutdown} worker_processes 1; daemon off; pid {self.folder}/pid; error_log stderr info;
events {{ worker_connections 4096; }}
http {{
    log_format case '$remote_addr:$remote_port status=$status sent=$bytes_sent '
                    'time=$request_time upstream=$upstream_status "$request"';
    access_log {self.folder}/access case;
    client_header_timeout {t.ms}ms;
    client_body_timeout {t.ms}ms;
    send_timeout {t.ms}ms;
    keepalive_timeout {t.ms}ms;
    lingering_close always;
    lingering_timeout {t.ms}ms;
    lingering_time {2 * t.ms}ms;
    reset_timedout_connection on;
    proxy_connect_timeout {t.ms}ms;
    proxy_send_timeout {t.ms}ms;
    proxy_read_timeout {t.ms}ms;
    proxy_http_version 1.1;
    proxy_request_buffering off;
    proxy_buffering off;
    proxy_max_temp_file_size 0;
    client_max_body_size 0;
    map $http_upgrade $connection_wanted {{ default upgrade; '' close; }}
    proxy_set_header Upgrade $http_upgrade;
    proxy_set_header Connection $connection_wanted;
    server {{
        listen 127.0.0.1:{self.port} ssl backlog=4096 sndbuf=32k;{server}
    }}
    server {{
        listen 127.0.0.1:{self.proxy_port} ssl proxy_protocol backlog=4096;{server}
    }}
}}
""")
        return ["nginx", "-p", self.folder, "-c", self.folder / "conf", "-e", "stderr"]
