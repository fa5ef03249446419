# SPDX-License-Identifier: Apache-2.0
"""Copies a C file with the beginnings of some lines replaced.

usage: rewrite.py IN OUT [OLD NEW]... [--mends OLD NEW...]

Exactly one line must begin with OLD, or nothing is written: then the library has changed and the
hooks must be looked at. What comes after --mends corrects a fault of the library's: where it has
another text, it has been corrected there.
"""
import sys

ADVICE = """this release of mbedTLS has another text there than the hooks know.
What to do: see what has become of the line, and adapt src/tls/crypto/meson.build.
Until then: install the distribution's mbedTLS 3.6 (libmbedtls-dev on Debian) and build with it,
several times slower, by `meson configure build -Dmbedtls=system`."""


def main():
    source, target, *more = sys.argv[1:]
    n_hooks = more.index("--mends") if "--mends" in more else len(more)
    hooks, mends = more[:n_hooks], more[n_hooks + 1:]
    with open(source, encoding="utf-8") as f:
        text = "\n" + f.read()
    for old, new in zip(hooks[::2], hooks[1::2]):
        if (n := text.count("\n" + old)) != 1:
            sys.exit(f"{source}: {n} lines begin with '{old}', expected 1: {ADVICE}")
        text = text.replace("\n" + old, "\n" + new)
    for old, new in zip(mends[::2], mends[1::2]):
        text = text.replace("\n" + old, "\n" + new)
    with open(target, "w", encoding="utf-8") as f:
        f.write(text[1:])


main()
