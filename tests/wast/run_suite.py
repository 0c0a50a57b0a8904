#!/usr/bin/env python3
"""Run one of the official suites through `sluice wast`.

usage: run_suite.py SLUICE core|component [OPTION...]

The suites are not part of the project: SLUICE_CONFORMANCE names the folder
that holds core/ and component/, each with a MANIFEST.tsv; the default is
../shared/conformance beside the project. Without it the exit code is 77.
"""

import os
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
PROJECT = os.path.dirname(os.path.dirname(HERE))
SKIPPED = 77

# Files whose expectations hold only in one order of ready threads, which the
# specification leaves open (docs/testing.md): not for other seeds than 0.
ORDERED = {
    # Its results number two calls in the order in which they get their turn;
    # in definitions.py, too, they differ: tests/oracle/open_order.py.
    "async/async-calls-sync.wast",
}

# Gates of the component suite's own: core types of WebAssembly 3.0.
GATES = ["gc"]


def rows(folder):
    with open(os.path.join(folder, "MANIFEST.tsv"), encoding="utf-8") as f:
        names = f.readline().rstrip("\n").split("\t")
        for line in f:
            row = dict(zip(names, line.rstrip("\n").split("\t")))
            if row["file"].endswith(".wast"):
                yield row


def is_ours(needs):
    """WebAssembly 1.0 and 2.0, without SIMD."""
    features = [f for f in needs.split(",") if f not in ("", "MVP")]
    return all(f.endswith("(2.0)") for f in features)


def main():
    if len(sys.argv) < 3 or sys.argv[2] not in ("core", "component"):
        sys.exit(__doc__)
    sluice, suite, options = sys.argv[1], sys.argv[2], sys.argv[3:]
    root = os.environ.get("SLUICE_CONFORMANCE") or os.path.join(
        PROJECT, "..", "shared", "conformance")
    folder = os.path.join(root, suite)
    if not os.path.exists(os.path.join(folder, "MANIFEST.tsv")):
        print(f"skipped: no {suite} suite in {root}")
        return SKIPPED
    files = [row["file"] for row in rows(folder)
             if suite == "component" or is_ours(row["needs"])]
    if "--seed" in options or "--seeds" in options:
        files = [f for f in files if f not in ORDERED]
    if suite == "component":
        # What the suite has and a default engine refuses: docs/spec-pins.md.
        for gate in GATES:
            options += ["--features", gate]
        options += ["--nyi", os.path.join(HERE, "nyi.txt")]
    return subprocess.run([sluice, "wast", *options, *files],
                          cwd=folder).returncode


if __name__ == "__main__":
    sys.exit(main())
