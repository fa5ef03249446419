# SPDX-License-Identifier: Apache-2.0
"""All cases, in the order of a connection's life."""
from case import CASES

from . import (before_request, request_header, request_body, response, upstream_connect,  # noqa: F401
               upstream_write, upstream_header, upstream_body, tunnel, early, endings, lag, reload, drain)

__all__ = ["CASES"]
