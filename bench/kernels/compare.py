#!/usr/bin/env python3
"""Builds the kernels (wasm with clang, native with gcc -O2) and compares CPU
times and checksums.

    compare.py RUNNER [ROUNDS] [KERNEL...]

RUNNER is the program bench_kernels, or several separated by commas. The best
of the rounds counts; rounds are interleaved. Needs clang, wasm-ld and gcc."""
import math
import os
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
CLANG = os.environ.get("CLANG", "clang")
WASM = (
    "--target=wasm32 -mcpu=mvp -msign-ext -mbulk-memory -mnontrapping-fptoint"
    " -mmutable-globals -O2 -nostdlib -ffreestanding -fno-builtin-memset"
    " -Wl,--no-entry -Wl,-z,stack-size=65536"
).split()


def build(name, out):
    source = os.path.join(HERE, name + ".c")
    wasm = os.path.join(out, name + ".wasm")
    native = os.path.join(out, name)
    host = os.path.join(HERE, "host.c")
    subprocess.run([CLANG, *WASM, source, "-o", wasm], check=True)
    subprocess.run(["gcc", "-O2", "-w", source, host, "-o", native], check=True)
    return native, wasm


def run(command):
    """CPU seconds in user mode and the checksum."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    words = process.stdout.read().split()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = status
    if status != 0 or len(words) < 2:
        sys.exit(f"{command}: failed")
    return usage.ru_utime, words[1]


def main():
    runners = sys.argv[1].split(",")
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 3
    with open(os.path.join(HERE, "sizes.txt")) as file:
        sizes = dict(line.split() for line in file)
    names = sys.argv[3:] or list(sizes)
    best = {}
    with tempfile.TemporaryDirectory() as out:
        commands = {}
        for name in names:
            native, wasm = build(name, out)
            commands[name] = [[native, sizes[name]]]
            commands[name] += [[r, wasm, sizes[name]] for r in runners]
        for _ in range(rounds):
            for name in names:
                sums = set()
                for i, command in enumerate(commands[name]):
                    time, checksum = run(command)
                    sums.add(checksum)
                    best[name, i] = min(time, best.get((name, i), time))
                if len(sums) != 1:
                    sys.exit(f"{name}: checksums differ: {sums}")
    print(f"{'kernel':12}{'native':>9}" +
          "".join(f"{os.path.basename(r):>20}" for r in runners))
    logs = [0.0] * (len(runners) + 1)
    for name in names:
        line = f"{name:12}{best[name, 0]:9.3f}"
        for i in range(1, len(runners) + 1):
            ratio = best[name, i] / max(best[name, 0], 1e-3)
            logs[i] += math.log(ratio)
            line += f"{best[name, i]:12.3f} {ratio:6.2f}x"
        print(line)
    print(f"{'geomean':21}" +
          "".join(f"{math.exp(x / len(names)):19.2f}x" for x in logs[1:]))


if __name__ == "__main__":
    main()
