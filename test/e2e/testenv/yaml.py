# SPDX-License-Identifier: Apache-2.0
"""Writes dictionaries, lists and plain values as block-style YAML, as an operator would."""
import json
import re

PLAIN = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/.:*%+-]*$")


def dump(value, indent=0):
    """The lines of a value, joined."""
    return "\n".join(lines(value, indent)) + "\n"


def lines(value, indent):
    pad = " " * indent
    if isinstance(value, dict):
        for key, item in value.items():
            if is_flat(item):
                yield f"{pad}{key}: {scalar(item)}"
            else:
                yield f"{pad}{key}:"
                yield from lines(item, indent + 2)
    else:
        for item in value:
            if is_flat(item):
                yield f"{pad}- {scalar(item)}"
            else:
                first, *rest = lines(item, indent + 2)
                yield f"{pad}- {first.lstrip()}"
                yield from rest


def is_flat(value):
    return not isinstance(value, (dict, list, tuple)) or not value


def scalar(value):
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str) and not (PLAIN.match(value) and not value.endswith(":")
                                       and value not in ("true", "false", "null", "yes", "no")):
        return json.dumps(value)
    if value in ({}, [], ()):
        return "{}" if value == {} else "[]"
    return str(value)
