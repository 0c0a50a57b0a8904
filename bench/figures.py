#!/usr/bin/env python3
"""The figures of docs/performance.md, measured anew.

    bench/figures.py [--sluice PATH] [--rounds N] lazy|start|forward|wordcount ...

Ratios come from interleaved runs of both sides; medians of N rounds (default 5).
Works in a scratch folder (TMPDIR) that needs about 4 GiB.
"""
import argparse
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GIB, MIB, KIB = 1 << 30, 1 << 20, 1 << 10

# Reads one MiB of its segment, from the middle, and returns its sum.
READER = '''(component
  (import "input" (core data $d))
  (type $bytes (stream u8))
  (core module $Memory (memory (export "memory") 17))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (core func $size (canon data.size $d i64))
  (core func $read (canon data.read $d i64))
  (core func $stream.read (canon stream.read $bytes (memory $mem)))
  (core func $drop (canon stream.drop-readable $bytes))
  (core module $Main
    (import "" "memory" (memory 17))
    (import "" "size" (func $size (result i64)))
    (import "" "read" (func $read (param i64 i64) (result i32)))
    (import "" "stream.read" (func $stream.read (param i32 i32 i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "start") (result i64) (call $size))
    (func (export "one-mib") (result i64)
      (local $s i32) (local $got i32) (local $r i32) (local $i i32) (local $sum i64)
      (local.set $s (call $read (i64.shr_u (call $size) (i64.const 1)) (i64.const 1048576)))
      (loop $more
        (local.set $r (call $stream.read (local.get $s) (local.get $got)
          (i32.sub (i32.const 1048576) (local.get $got))))
        (local.set $got (i32.add (local.get $got) (i32.shr_u (local.get $r) (i32.const 4))))
        (br_if $more (i32.eqz (i32.and (local.get $r) (i32.const 15)))))
      (call $drop (local.get $s))
      (loop $add
        (local.set $sum (i64.add (local.get $sum) (i64.load8_u (local.get $i))))
        (br_if $add (i32.lt_u (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (local.get $got))))
      (local.get $sum)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "memory" (memory $mem)) (export "size" (func $size)) (export "read" (func $read))
    (export "stream.read" (func $stream.read)) (export "drop" (func $drop))))))
  (func (export "start") (result u64) (canon lift (core func $main "start")))
  (func (export "one-mib") async (result u64) (canon lift (core func $main "one-mib"))))'''


class Run:
    """A finished process: wall and CPU seconds, peak RSS in KiB (from --stats
    where the command prints them: the kernel's figure for a child also counts
    this process, which it was forked from)."""

    def __init__(self, command, **kwargs):
        start = time.monotonic()
        stats = '--stats' in command
        process = subprocess.Popen(command, stderr=subprocess.PIPE if stats else None, **kwargs)
        said = process.stderr.read().decode() if stats else ''
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        self.wall = time.monotonic() - start
        self.cpu = usage.ru_utime + usage.ru_stime
        self.rss = int(re.search(r'peak RSS (\d+)', said)[1]) if stats else usage.ru_maxrss
        if status != 0:
            sys.exit(f'{command} failed: {status}')


def medians(rounds, **commands):
    """Runs the commands in turn; returns name -> (wall, cpu, rss) medians."""
    runs = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            runs[name].append(command())
    return {name: tuple(statistics.median(getattr(r, field) for r in list_[1:])
                        for field in ('wall', 'cpu', 'rss'))
            for name, list_ in runs.items()}


def make_file(path, size, text=False):
    piece = (b'the quick brown fox jumps over the lazy dog\n' * 24000)[:MIB] if text \
        else bytes(range(256)) * 4096
    with open(path, 'wb') as f:
        while size > 0:
            f.write(piece[:size])
            size -= len(piece)


class Bench:
    def __init__(self, sluice, rounds, folder):
        self.sluice, self.rounds, self.folder = sluice, rounds, folder

    def path(self, name):
        return os.path.join(self.folder, name)

    def bundle(self, wat, out, name, size):
        if not os.path.exists(self.path(out)):
            make_file(self.path('payload'), size)
            subprocess.run([self.sluice, 'bundle', '--data', f'{name}={self.path("payload")}',
                            '-o', self.path(out), wat], check=True)
        return self.path(out)

    def reader(self, size):
        wat = self.path('reader.wat')
        with open(wat, 'w') as f:
            f.write(READER)
        return self.bundle(wat, f'reader-{size}.wasm', 'input', size)

    def lazy(self):
        """Payload bytes read of a 1 GiB segment of which 1 MiB is asked for."""
        wasm = self.reader(GIB)
        log = self.path('strace')
        for cached in (True, False):
            with open(wasm, 'rb') as f:
                if not cached:
                    os.sync()
                    os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
            subprocess.run(['strace', '-f', '-y', '-e', 'trace=read,pread64,preadv,preadv2,mmap',
                            '-o', log, self.sluice, 'run', '--invoke', 'one-mib()', wasm],
                           check=True, stdout=subprocess.DEVNULL)
            total = 0
            with open(log) as f:
                for line in f:
                    if wasm not in line or 'mmap(' in line:
                        continue
                    match = re.search(r'= (\d+)$', line)
                    total += int(match[1]) if match else 0
            print(f'lazy: page cache {"warm" if cached else "cold"}: {total} bytes read of the '
                  f'file for 1048576 wanted of a {GIB} byte segment')

    def start(self):
        """Start time and RSS with 1 GiB and with 1 KiB of data."""
        big, small = self.reader(GIB), self.reader(KIB)
        command = lambda wasm: lambda: Run(
            [self.sluice, 'run', '--stats', '--invoke', 'start()', wasm], stdout=subprocess.DEVNULL)
        m = medians(self.rounds * 20, big=command(big), small=command(small))
        print(f'start: 1 GiB {m["big"][0] * 1000:.2f} ms, {m["big"][2]} KiB; 1 KiB '
              f'{m["small"][0] * 1000:.2f} ms, {m["small"][2]} KiB; ratios '
              f'{m["big"][0] / m["small"][0]:.3f} (wall), {m["big"][1] / m["small"][1]:.3f} (cpu), '
              f'{m["big"][2] / m["small"][2]:.3f} (RSS)')

    def forward(self):
        """A 1 GiB segment to /dev/null, a file and a pipe, beside cat."""
        wasm = self.bundle(os.path.join(ROOT, 'examples/forward/forward.wat'), 'forward.wasm',
                           'input', GIB)
        payload = self.path('payload')
        make_file(payload, GIB)
        with open(payload, 'rb') as f:
            while f.read(MIB):
                pass
        out = subprocess.run([self.sluice, 'run', '--stats', wasm], stdout=subprocess.DEVNULL,
                             stderr=subprocess.PIPE, check=True).stderr.decode().strip()
        print('forward:', out)

        def to(command, target):
            def run():
                if target == 'pipe':
                    reader, writer = os.pipe()
                    drain = threading.Thread(target=lambda: drain_pipe(reader))
                    drain.start()
                    result = Run(command, stdout=writer, pass_fds=())
                    os.close(writer)
                    drain.join()
                    os.close(reader)
                    return result
                path = '/dev/null' if target == 'null' else self.path('copy')
                if target == 'file' and os.path.exists(path):
                    os.unlink(path)
                with open(path, 'wb') as f:
                    return Run(command, stdout=f)
            return run

        def drain_pipe(fd):
            null = os.open('/dev/null', os.O_WRONLY)
            while True:
                n = os.splice(fd, null, MIB) if hasattr(os, 'splice') else len(os.read(fd, MIB))
                if n == 0:
                    break
            os.close(null)

        for target in ('null', 'file', 'pipe'):
            m = medians(self.rounds, sluice=to([self.sluice, 'run', wasm], target),
                        cat=to(['cat', payload], target))
            print(f'forward: 1 GiB to {target}: sluice {m["sluice"][0]:.3f} s wall '
                  f'{m["sluice"][1]:.3f} s cpu, cat {m["cat"][0]:.3f} s wall {m["cat"][1]:.3f} s '
                  f'cpu, ratio {m["sluice"][0] / m["cat"][0]:.2f} (wall) '
                  f'{m["sluice"][1] / max(m["cat"][1], 1e-6):.2f} (cpu)')

    def wordcount(self):
        """The word-counting guest beside the same C natively, and wc."""
        text = self.path('text')
        make_file(text, 64 * MIB, text=True)
        wasm = self.path('wordcount.wasm')
        subprocess.run([os.path.join(ROOT, 'examples/wordcount/build.sh'), self.sluice, text, wasm],
                       check=True)
        command = lambda *argv: lambda: Run(list(argv), stdout=subprocess.DEVNULL,
                                            env={**os.environ, 'LC_ALL': 'C'})
        m = medians(self.rounds, guest=command(self.sluice, 'run', '--stats', wasm),
                    native=command(wasm + '.native', text), wc=command('wc', text))
        print(f'wordcount: 64 MiB: guest {m["guest"][1]:.3f} s cpu, {m["guest"][2]} KiB; native '
              f'{m["native"][1]:.3f} s; wc {m["wc"][1]:.3f} s; ratio to native '
              f'{m["guest"][1] / m["native"][1]:.1f}, to wc {m["guest"][1] / m["wc"][1]:.1f}')


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--sluice', default=os.path.join(ROOT, 'build/release/bin/sluice'))
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('what', nargs='+', choices=['lazy', 'start', 'forward', 'wordcount'])
    args = parser.parse_args()
    folder = tempfile.mkdtemp(prefix='sluice-bench-')
    try:
        bench = Bench(os.path.abspath(args.sluice), args.rounds, folder)
        for what in args.what:
            getattr(bench, what)()
    finally:
        shutil.rmtree(folder)


main()
