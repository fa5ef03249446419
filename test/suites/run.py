# SPDX-License-Identifier: Apache-2.0
"""Runs mbedTLS's own test suites against the library that is built here.

usage: run.py --source DIR --work DIR --expected FILE --cc COMMAND [--only REGEX] [--jobs N] ARGS...

ARGS are the compiler's: include directories, definitions, and last the libraries. Each suite is
generated, compiled, and run; the cases that fail must be exactly those of the file of expected
failures, one a line: `suite: case`; lines that begin with `#` are comments. A listed case that passes is an error as
well, so that the list only shrinks.
"""
import argparse
import collections
import concurrent.futures
import os
import pathlib
import re
import shlex
import subprocess
import sys

# How mbedTLS sums up a suite: what did not fail, of how many cases, and how many of them do not apply.
SUMMARY = re.compile(r"^(PASSED|FAILED) \((\d+) / (\d+) tests \((\d+) skipped\)\)$", re.MULTILINE)


def run(command, **kwargs):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          errors="replace", check=False, **kwargs)


class Suites:
    def __init__(self, options):
        self.source = pathlib.Path(options.source).resolve()
        self.work = pathlib.Path(options.work).resolve()
        self.cc = shlex.split(options.cc)
        self.libraries = [a for a in options.args if a.endswith((".a", ".so")) or a.startswith("-l")]
        self.includes = [a for a in options.args if a not in self.libraries]
        self.includes += [f"-I{self.source / d}" for d in
                          ("tests/include", "framework/tests/include", "tests")]
        self.work.mkdir(parents=True, exist_ok=True)

    def compile(self, source, output, *more):
        # Their code does not reach for our warnings.
        done = run([*self.cc, "-w", "-O1", *self.includes, str(source), *more, "-o", str(output)])
        if done.returncode != 0:
            sys.exit(f"{source}: {done.stdout}")

    def helpers(self):
        objects = []
        for folder in ("tests/src", "tests/src/test_helpers", "framework/tests/src",
                       "framework/tests/src/drivers"):
            for source in sorted((self.source / folder).glob("*.c")):
                target = self.work / (folder.replace("/", "_") + "_" + source.stem + ".o")
                self.compile(source, target, "-c")
                objects.append(str(target))
        return objects

    def names(self, only):
        every = sorted(p.stem for p in (self.source / "tests/suites").glob("*.data"))
        return [name for name in every if re.search(only, name)]

    def folder(self, name):
        """What the suite finds around itself, in a folder of its own: several store keys in files
        of the same names, and they run side by side."""
        tests = self.work / f"{name}.d" / "tests"
        tests.mkdir(parents=True, exist_ok=True)
        for link, target in [(tests.parent / "framework", self.source / "framework"),
                             *((tests / p.name, p) for p in (self.source / "tests").iterdir())]:
            if not link.is_symlink():
                link.symlink_to(target)
        return tests

    def suite(self, name, helpers):
        """-> {case: result}, and what went wrong besides"""
        suites = self.source / "tests/suites"
        function = suites / (name.split(".")[0] + ".function")
        done = run([sys.executable, str(self.source / "framework/scripts/generate_test_code.py"),
                    "-f", str(function), "-d", str(suites / f"{name}.data"),
                    "-t", str(suites / "main_test.function"),
                    "-p", str(suites / "host_test.function"), "-s", str(suites),
                    "--helpers-file", str(suites / "helpers.function"), "-o", str(self.work)])
        if done.returncode != 0:
            return {}, done.stdout
        program = self.work / name
        self.compile(self.work / f"{name}.c", program, *helpers, "-Wl,--start-group",
                     *self.libraries, "-Wl,--end-group", "-lcrypto", "-lpthread")
        outcome = self.work / f"{name}.outcome"
        outcome.unlink(missing_ok=True)
        done = run([str(program), str(self.work / f"{name}.datax")], cwd=self.folder(name),
                   env=dict(os.environ, MBEDTLS_TEST_OUTCOME_FILE=str(outcome)), timeout=1800)
        program.unlink()
        results = read_outcome(outcome)
        return results, what_is_wrong(done, results)


def read_outcome(path):
    """{case: PASS, FAIL or SKIP}. (What is printed of a name is cut, and then no longer unique.)"""
    if not path.exists():
        return {}
    rows = (line.split(";") for line in path.read_text(errors="replace").splitlines())
    return {row[3]: row[4] for row in rows}


def what_is_wrong(done, results):
    """Of a suite that crashed, or says something else than its cases do; else nothing."""
    summary = SUMMARY.search(done.stdout)
    if not summary:
        return f"ended with {done.returncode}: {done.stdout[-2000:]}"
    n_good, n_all, n_skipped = (int(n) for n in summary.groups()[1:])
    count = collections.Counter(results.values())
    told = {"PASS": n_good - n_skipped, "FAIL": n_all - n_good, "SKIP": n_skipped}
    if any(count[key] != n for key, n in told.items()) or sum(count.values()) != n_all:
        return f"told of {told}, and its cases of {dict(count)}"
    if (done.returncode == 0) != (told["FAIL"] == 0):
        return f"ended with {done.returncode}, and {told['FAIL']} cases failed"
    return ""


def read_expected(path):
    with open(path, encoding="utf-8") as f:
        lines = (line.strip() for line in f)
        return {line for line in lines if line and not line.startswith("#")}


def main():
    parser = argparse.ArgumentParser()
    for name in ("source", "work", "expected", "cc"):
        parser.add_argument("--" + name, required=True)
    parser.add_argument("--only", default=".")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("args", nargs="*")
    options, more = parser.parse_known_args()
    options.args += more

    suites = Suites(options)
    helpers = suites.helpers()
    names = suites.names(options.only)
    expected = {e for e in read_expected(options.expected) if e.split(":")[0] in names}
    failed, problems, n_passed, n_skipped = set(), [], 0, 0
    with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
        for name, (results, problem) in zip(names, pool.map(
                lambda name: suites.suite(name, helpers), names)):
            if problem:
                problems.append(f"{name}: {problem}")
            n_passed += sum(result == "PASS" for result in results.values())
            n_skipped += sum(result == "SKIP" for result in results.values())
            failed |= {f"{name}: {case}" for case, r in results.items() if r == "FAIL"}
    for problem in problems:
        print(problem)
    for case in sorted(failed - expected):
        print("failed:", case)
    for case in sorted(expected - failed):
        print("passes now, take it off the list:", case)
    print(f"{len(names)} suites: {n_passed} cases passed, {n_skipped} do not apply, "
          f"{len(failed & expected)} failed by design, {len(failed - expected)} failed")
    sys.exit(bool(problems or failed != expected or n_passed == 0))


main()
