#!/usr/bin/env python3
"""Runs bench_components, beside wasmtime where its Python package is there.

    python3 -m venv build/wt && build/wt/bin/pip install wasmtime
    cmake --build BUILD --target bench_components
    build/wt/bin/python bench/components.py BUILD/bin/bench_components

Prints nanoseconds of processor time per operation (medians of rounds in which
the engines take turns) and the ratio. `net` is the ratio with each engine's
core call taken off its synchronous calls.
"""
import argparse
import importlib.util
import pathlib
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
SYNC = ("sync-scalars", "sync-string", "sync-list", "sync-record")


def peer_library():
    spec = importlib.util.find_spec("wasmtime")
    if spec is None:
        return None
    found = sorted(pathlib.Path(spec.origin).parent.glob("*/_libwasmtime.so"))
    return found[0] if found else None


def measure(args, extra):
    command = [args.program, "--rounds", str(args.rounds), "--ms",
               str(args.ms), *extra, HERE / "components", *args.component]
    out = subprocess.run([str(c) for c in command], check=True, text=True,
                         stdout=subprocess.PIPE).stdout
    rows = {}
    for line in out.splitlines()[1:]:
        rows[line[:16].strip()] = (line[17:49].strip(),
                                   [float(n) for n in line[49:].split()])
    return rows


def net(rows, name):
    core, row = rows["core-call"][1], rows[name][1]
    mine, theirs = row[0] - core[0], row[1] - core[1]
    return f"{mine / theirs:.2f}" if theirs > 0 else "-"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("program", help="bench_components")
    parser.add_argument("component", nargs="*", help="to be instantiated")
    parser.add_argument("--rounds", type=int, default=21)
    parser.add_argument("--ms", type=int, default=20, help="of one round")
    args = parser.parse_args()
    library = peer_library()
    if library is None:
        print("(no wasmtime package in this Python: sluice alone)")
        for name, (what, numbers) in measure(args, []).items():
            print(f"{name:16} {what:32} {numbers[0]:12.1f}")
        return 0
    rows = measure(args, ["--peer", library])
    pooled = measure(args, ["--peer", library, "--pooling"])
    print("| operation | sluice ns | wasmtime ns | ratio | net | pooling ns |")
    print("|---|---:|---:|---:|---:|---:|")
    for name, (what, numbers) in rows.items():
        minus = net(rows, name) if name in SYNC else ""
        pool = f"{pooled[name][1][1]:.1f}" if "instantiate" in what else ""
        print(f"| {what} ({name}) | {numbers[0]:.1f} | {numbers[1]:.1f} | "
              f"{numbers[2]:.2f} | {minus} | {pool} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
