# SPDX-License-Identifier: Apache-2.0
"""The proxies that can be compared. A new one is a file here with a subclass of Peer, and a line below."""
from .apache import Apache
from .caddy import Caddy
from .haproxy import Haproxy
from .nginx import Nginx
from .process import PeerError, Peer, Terms, hurry, run_tool
from .sluice import Sluice

PEERS = {peer.name: peer for peer in (Sluice, Nginx, Haproxy, Caddy, Apache)}

__all__ = ["PEERS", "Peer", "PeerError", "Sluice", "Terms", "hurry", "run_tool"]
