# SPDX-License-Identifier: Apache-2.0
"""Copies a C file with the beginnings of some lines replaced.

usage: rewrite.py IN OUT [OLD NEW]...

Exactly one line must begin with OLD, or nothing is written: then the library has changed and the
hooks must be looked at.
"""
import sys

ADVICE = """this release of mbedTLS has another text there than the hooks know.
What to do: see what has become of the line, and adapt src/tls/crypto/meson.build.
Until then: install the distribution's mbedTLS 3.6 (libmbedtls-dev on Debian) and build with it,
several times slower, by `meson configure build -Dmbedtls=system`."""


def main():
    source, target, *pairs = sys.argv[1:]
    with open(source, encoding="utf-8") as f:
        text = "\n" + f.read()
    for old, new in zip(pairs[::2], pairs[1::2]):
        if (n := text.count("\n" + old)) != 1:
            sys.exit(f"{source}: {n} lines begin with '{old}', expected 1: {ADVICE}")
        text = text.replace("\n" + old, "\n" + new)
    with open(target, "w", encoding="utf-8") as f:
        f.write(text[1:])


main()
