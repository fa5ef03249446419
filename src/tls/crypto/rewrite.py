# SPDX-License-Identifier: Apache-2.0
"""Copies a C file with the beginnings of some lines replaced.

usage: rewrite.py IN OUT [OLD NEW]...

Exactly one line must begin with OLD, or nothing is written: then the library has changed and the
hooks must be looked at.
"""
import sys


def main():
    source, target, *pairs = sys.argv[1:]
    with open(source, encoding="utf-8") as f:
        text = "\n" + f.read()
    for old, new in zip(pairs[::2], pairs[1::2]):
        if text.count("\n" + old) != 1:
            sys.exit(f"{source}: {text.count(chr(10) + old)} lines begin with '{old}', not 1: "
                     "src/tls/crypto/ must be adapted to this release of mbedTLS")
        text = text.replace("\n" + old, "\n" + new)
    with open(target, "w", encoding="utf-8") as f:
        f.write(text[1:])


main()
