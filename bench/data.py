#!/usr/bin/env python3
"""What the data path costs: the figures of docs/performance.md, "The data path".

    cmake --build BUILD --target sluice bench_data
    bench/data.py [--rounds N] [--mib N] [--cores N] BUILD/bin CASE[/ROW] ...

Both sides of a ratio take turns; medians of N rounds (default 5), wall and
processor time. Works in a scratch folder (TMPDIR) that needs about 4 GiB. A case
runs all of its rows (in brackets) unless one is named. Cases:

  tables   start of a component as its external segments grow, sparsely
  map      a mapped read and the sum of every byte, beside mmap + sum
  copy     copied reads of 1 MiB, 64 KiB and 8 KiB beside pread loops and chained
           uv_fs_read [1M, 64K, 8K, uv]
  sha256   a first read of an external segment in chunks of 256 KiB and 1 MiB, beside
           SHA-256 alone [256K, 1M]
  zstd     the same compressed, in chunks of 256 KiB, beside zstd -d, and beside zstd
           -d and SHA-256 of what comes out, which is all that has to be done
           [plain, checked]
  http     a segment at a URL and an external one beside curl, from nginx
           (Debian: nginx-light), over http and https
  cached   an external segment behind a URL, out of the cache on disk: mapped
           beside copied
  scatter  1 % of 1 GiB in pieces of 64 KiB over HTTP: bytes and requests
  latency  cold start to the last byte at 50 ms, with and without a load plan
  order    16 of 64 segments of a component at a URL at 50 ms, read here and there:
           without a plan, with one, with the segments in its order
  model    examples/model at 50 ms and a bandwidth at which transfer takes as long as
           computing: the whole beside the larger of the two, and both one after
           the other
  forward  counters: segments of every kind forwarded to the host
"""
import argparse
import hashlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
GIB, MIB, KIB = 1 << 30, 1 << 20, 1 << 10
SIZES = {'8K': 8 * KIB, '64K': 64 * KIB, '256K': 256 * KIB, '1M': MIB}
IMPORT = '(import "input" (core data $input))'
# An export that gives the bytes of its segment.
GIVES = '''
  (core data $d{0} "@")
  (core func $read{0} (canon data.read $d{0})) (core func $size{0} (canon data.size $d{0}))
  (core module $M{0}
    (import "" "read" (func $read (param i32 i32) (result i32)))
    (import "" "size" (func $size (result i32)))
    (func (export "get") (result i32) (call $read (i32.const 0) (call $size))))
  (core instance $m{0} (instantiate $M{0} (with "" (instance
    (export "read" (func $read{0})) (export "size" (func $size{0}))))))
  (func (export "r{0}") (result (stream u8)) (canon lift (core func $m{0} "get")))'''


class Run:
    """A finished process: wall and processor seconds, what it said."""

    def __init__(self, command, **kwargs):
        start = time.monotonic()
        kwargs.setdefault('stdout', subprocess.PIPE)
        process = subprocess.Popen(command, stderr=subprocess.PIPE, **kwargs)
        self.out = process.stdout.read().decode() if process.stdout else ''
        self.said = process.stderr.read().decode()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = status
        self.wall = time.monotonic() - start
        self.cpu = usage.ru_utime + usage.ru_stime
        found = re.search(r'peak RSS (\d+)', self.said)
        self.rss = int(found[1]) if found else usage.ru_maxrss
        if status != 0:
            sys.exit(f'{command} failed: {status}: {self.said[-2000:]}')


def in_turn(rounds, **commands):
    """Runs the commands in turn; name -> medians of wall, cpu and rss."""
    runs = {name: [] for name in commands}
    for _ in range(rounds + 1):
        for name, command in commands.items():
            runs[name].append(command())
    return {name: {field: statistics.median(getattr(r, field) for r in of[1:])
                   for field in ('wall', 'cpu', 'rss')} for name, of in runs.items()}


def make_file(path, size):
    """Bytes that compress to about a third, and do not repeat."""
    state = hashlib.sha256(b'bench').digest()
    words = [hashlib.sha256(state + bytes([i])).digest()[:9] for i in range(256)]
    with open(path, 'wb') as f:
        done = 0
        while done < size:
            noise = os.urandom(1 << 18)
            piece = b''.join(words[b][:3 + b % 7] for b in noise)
            piece = piece[:min(size - done, MIB)]
            f.write(piece)
            done += len(piece)


class Origin:
    """tests/origin/origin.py."""

    def __init__(self, folder, latency=0):
        self.process = subprocess.Popen(
            [sys.executable, os.path.join(ROOT, 'tests/origin/origin.py'), '--root', folder,
             '--latency', str(latency), '--life', '1200'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for line in self.process.stdout:
            name, _, value = line.strip().partition(' ')
            if name == 'ready':
                break
            if name == 'http':
                self.url = f'http://127.0.0.1:{value}'

    def log(self):
        """Requests since this was asked last: target and Range."""
        with urllib.request.urlopen(self.url + '/.log?clear') as answer:
            lines = [line.split('\t') for line in answer.read().decode().splitlines()]
        return [(line[3], line[4]) for line in lines if not line[3].startswith('/.')]

    def close(self):
        self.process.stdin.close()
        self.process.wait(10)


class Throttle:
    """A relay to an origin, of so many bytes per second in all."""

    def __init__(self, port, rate):
        self.target, self.rate = port, rate
        self.lock, self.free_at = threading.Lock(), 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            server = socket.create_connection(('127.0.0.1', self.target))
            for one, other, slow in ((client, server, False), (server, client, True)):
                threading.Thread(target=self.relay, args=(one, other, slow), daemon=True).start()

    def relay(self, one, other, slow):
        try:
            while piece := one.recv(16384 if slow else 65536):
                if slow:
                    with self.lock:
                        now = time.monotonic()
                        self.free_at = max(self.free_at, now) + len(piece) / self.rate
                        wait = self.free_at - now
                    if wait > 0.002:
                        time.sleep(wait)
                other.sendall(piece)
            other.shutdown(socket.SHUT_WR)
        except OSError:
            other.close()

    def close(self):
        self.listener.close()


class Nginx:
    """One worker, loopback, sendfile as Debian has it (on), http and https."""

    def __init__(self, program, folder):
        self.folder = tempfile.mkdtemp(prefix='nginx-', dir=folder)
        self.port, self.tls_port = free_port(), free_port()
        self.ca = os.path.join(self.folder, 'cert.pem')
        key = os.path.join(self.folder, 'key.pem')
        subprocess.run(
            ['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
             'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2', '-subj', '/CN=localhost',
             '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1', '-keyout', key,
             '-out', self.ca], check=True, stderr=subprocess.DEVNULL)
        config = os.path.join(self.folder, 'nginx.conf')
        paths = ''.join(f'{kind}_temp_path {self.folder}/{kind};\n' for kind in
                        ('client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'))
        with open(config, 'w') as f:
            f.write(f'''daemon off; worker_processes 1; pid {self.folder}/pid;
error_log {self.folder}/error.log; user root;
events {{ worker_connections 256; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
{paths}root {folder};
server {{ listen 127.0.0.1:{self.port}; listen 127.0.0.1:{self.tls_port} ssl;
ssl_certificate {self.ca}; ssl_certificate_key {key}; ssl_protocols TLSv1.3; }} }}
''')
        self.process = subprocess.Popen([program, '-p', self.folder, '-c', config],
                                        stderr=subprocess.DEVNULL)
        for _ in range(100):
            try:
                socket.create_connection(('127.0.0.1', self.port)).close()
                return
            except OSError:
                time.sleep(0.05)
        sys.exit('nginx does not answer')

    def close(self):
        self.process.terminate()
        self.process.wait(10)


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


class Bench:
    def __init__(self, args, folder):
        self.bin, self.rounds, self.size, self.folder = args.bin, args.rounds, args.mib * MIB, folder
        self.nginx = args.nginx
        self.sluice = os.path.join(args.bin, 'sluice')

    def path(self, name):
        return os.path.join(self.folder, name)

    def payload(self, size=None):
        size = size or self.size
        path = self.path(f'payload-{size}')
        if not os.path.exists(path):
            make_file(path, size)
        with open(path, 'rb') as f:
            while f.read(MIB):
                pass
        return path

    def wat(self, name):
        return os.path.join(ROOT, name)

    def bundle(self, out, wat, payload, *options):
        out = self.path(out)
        if not os.path.exists(out):
            subprocess.run([self.sluice, 'bundle', '--data', 'input=' + payload, *options,
                            '-o', out, wat], check=True)
        return out

    def inline(self, size=None):
        return self.bundle(f'inline-{size or self.size}.wasm', self.wat('bench/data/read.wat'),
                           self.payload(size))

    def external(self, chunk, *options, size=None):
        name = f'external-{chunk}{"-zstd" if options else ""}'
        self.bundle(name + '.wasm', self.wat('bench/data/read.wat'), self.payload(size),
                    '--external', self.path('ext'), '--chunk', chunk, *options)
        return self.path(name + '.wasm'), self.path(
            f'ext/{name}-input.data{".zst" if options else ""}')

    def program(self, case, component, file, *rest, rounds=None):
        sys.stdout.flush()
        subprocess.run([os.path.join(self.bin, 'bench_data'), '--rounds',
                        str(rounds or self.rounds), case, component, file, *map(str, rest)],
                       check=True)

    # --- Cases -----------------------------------------------------------------

    def tables(self):
        rows = [(0, 18), (GIB, 30), (GIB, 26), (GIB, 18), (1 << 40, 30), (1 << 40, 26),
                (1 << 40, 22)]
        commands, sizes = {}, {}
        with open(self.wat('bench/data/read.wat')) as f:
            source = f.read()
        for size, log in rows:
            n = -(-size >> log)
            digests = ' '.join(['(sha256 "%s")' % ('\\5a' * 32)] * n)
            name = f'{size}-{log}'
            with open(self.path('table.wat'), 'w') as f:
                f.write(source.replace(IMPORT, f'(core data $input (external "no.data" '
                                       f'(size {size}) (chunk {1 << log}) {digests}))'))
            subprocess.run([self.sluice, 'parse', '-o', self.path(name + '.wasm'),
                            self.path('table.wat')], check=True)
            sizes[name] = os.path.getsize(self.path(name + '.wasm'))
            commands[name] = lambda name=name: Run(
                [self.sluice, 'run', '--stats', '--invoke', 'size()', self.path(name + '.wasm')])
        m = in_turn(self.rounds * 20, **commands)
        first = m[f'{rows[0][0]}-{rows[0][1]}']
        for size, log in rows:
            r = m[f'{size}-{log}']
            print(f'tables: {size} bytes in chunks of 2^{log} (component of '
                  f'{sizes[f"{size}-{log}"]} bytes): {r["wall"] * 1000:.2f} ms wall '
                  f'{r["cpu"] * 1000:.2f} ms cpu {r["rss"]} KiB; ratios '
                  f'{r["wall"] / first["wall"]:.3f} {r["cpu"] / first["cpu"]:.3f} '
                  f'{r["rss"] / first["rss"]:.3f}')

    def map(self):
        self.program('map', self.inline(), self.payload())

    def copy(self, row):
        if row == 'uv':
            self.program('uv', self.inline(), self.payload(), 8 * KIB)
        else:
            self.program('copy', self.inline(), self.payload(), SIZES[row])

    def sha256(self, row):
        component, file = self.external(row)
        self.program('sha256', component, file, SIZES[row])

    def zstd(self, row):
        component, file = self.external('256K', '--zstd', '3')
        rest = [self.payload()] if row == 'checked' else []
        self.program('zstd', component, file, 256 * KIB, *rest)

    def http(self):
        payload = self.payload()
        component, _ = self.external('256K')
        server = Nginx(self.nginx, self.folder)
        try:
            for base in (f'http://127.0.0.1:{server.port}', f'https://127.0.0.1:{server.tls_port}'):
                sluice = [self.sluice, 'run', '--cache', 'none', '--allow-private', '--ca-file',
                          server.ca, '--invoke', f'read(65536, 1048576, 0, 0, {self.size})']
                name = os.path.basename(payload)
                m = in_turn(
                    self.rounds,
                    url=lambda: Run([*sluice, '--data', f'input={base}/{name}',
                                     self.wat('bench/data/read.wat')]),
                    external=lambda: Run([*sluice, f'{base}/{os.path.basename(component)}']),
                    curl=lambda: Run(['curl', '-s', '--cacert', server.ca, '-o', '/dev/null',
                                      f'{base}/{name}']))
                for kind in ('url', 'external'):
                    print(f'{base.split(":")[0]}: {kind} {m[kind]["wall"]:.3f} s wall '
                          f'{m[kind]["cpu"]:.3f} s cpu; curl {m["curl"]["wall"]:.3f} '
                          f'{m["curl"]["cpu"]:.3f}; ratio '
                          f'{m[kind]["wall"] / m["curl"]["wall"]:.2f} wall '
                          f'{m[kind]["cpu"] / m["curl"]["cpu"]:.2f} cpu')
        finally:
            server.close()

    def cached(self):
        origin = Origin(self.folder)
        piece = min(self.size, 128 * MIB)
        try:
            for chunk in ('256K', '1M'):
                component, _ = self.external(chunk)
                command = [self.sluice, 'run', '--stats', '--allow-private', '--cache',
                           self.path('cached-' + chunk), '--invoke',
                           f'read(65536, {piece}, 1, 0, {self.size})']
                url = f'{origin.url}/{os.path.basename(component)}'
                Run([*command, url])
                m = in_turn(self.rounds, mapped=lambda: Run([*command, '--map-files', url]),
                            copied=lambda: Run([*command, url]))
                a, b = m['mapped'], m['copied']
                print(f'cached: chunks of {chunk}: mapped {a["wall"]:.3f} s wall '
                      f'{a["cpu"]:.3f} s cpu {a["rss"]} KiB; copied {b["wall"]:.3f} '
                      f'{b["cpu"]:.3f} {b["rss"]}; ratio {a["wall"] / b["wall"]:.2f} wall '
                      f'{a["cpu"] / b["cpu"]:.2f} cpu')
        finally:
            origin.close()

    def requests(self, origin, *command):
        """Runs; its requests for content, and the bytes asked for."""
        origin.log()
        run = Run(command)
        n = total = 0
        for target, wanted in origin.log():
            n += 1
            found = re.match(r'bytes=(\d+)-(\d+)$', wanted)
            if found:
                total += int(found[2]) - int(found[1]) + 1
        return run, n, total

    def scatter(self):
        """163 pieces of 64 KiB of 1 GiB."""
        n, piece = GIB // 100 // (64 * KIB), 64 * KIB
        payload = self.payload(GIB)
        component = self.bundle('scatter.wasm', self.wat('bench/data/read.wat'), payload,
                                '--external', self.path('scattered'), '--chunk', '64K')
        origin = Origin(self.folder)
        try:
            run = [self.sluice, 'run', '--cache', 'none', '--allow-private', '--invoke',
                   f'scatter({n}, {piece})']
            url = f'{origin.url}/{os.path.basename(payload)}'
            for kind, command in (
                    ('at a URL', [*run, '--data', f'input={url}',
                                  self.wat('bench/data/read.wat')]),
                    ('external', [*run, f'{origin.url}/{os.path.basename(component)}'])):
                _, count, total = self.requests(origin, *command)
                print(f'scatter: {kind}: {n * piece} bytes wanted, {total} asked for, ratio '
                      f'{total / (n * piece):.3f}; {count} requests')
        finally:
            origin.close()

    def latency(self):
        """Neighbouring pieces of 64 KiB, one stream after the other."""
        size = 16 * MIB
        payload = self.payload(size)
        wat = self.wat('bench/data/read.wat')
        out = self.bundle('late.wasm', wat, payload, '--external', self.path('late'), '--chunk',
                          '64K')
        planned = self.path('planned.wasm')
        whole = f'read(65536, 1048576, 0, 0, {size})'
        pieces = f'scatter({size // (64 * KIB)}, 65536)'
        origin = Origin(self.folder, 50)
        try:
            for what, call in (('one stream', whole), ('a stream for each 64 KiB', pieces)):
                plan = self.path('plan')
                subprocess.run([self.sluice, 'run', '--record-loads', plan, '--invoke', call, out],
                               check=True, stdout=subprocess.DEVNULL)
                subprocess.run([self.sluice, 'optimize', '--plan', plan, '--force', '-o', planned,
                                out], check=True)
                counts = {}

                def fetch(name):
                    def run():
                        r, *counts[name] = self.requests(
                            origin, self.sluice, 'run', '--cache', 'none', '--allow-private',
                            '--invoke', call, f'{origin.url}/{name}')
                        return r
                    return run
                m = in_turn(self.rounds, without=fetch('late.wasm'), plan=fetch('planned.wasm'))
                a, b = counts['late.wasm'], counts['planned.wasm']
                print(f'latency: {size} bytes by {what}: without a plan {m["without"]["wall"]:.3f} s '
                      f'{a[0]} requests {a[1]} bytes; with {m["plan"]["wall"]:.3f} s {b[0]} requests '
                      f'{b[1]} bytes; ratio {m["plan"]["wall"] / m["without"]["wall"]:.2f} wall '
                      f'{b[0] / a[0]:.2f} requests')
        finally:
            origin.close()

    def order(self):
        """16 of 64 segments of a component at a URL, read here and there."""
        n, size = 64, 96 * KIB
        with open(os.path.join(self.folder, 'order.wat'), 'wb') as f:
            f.write(b'(component (core module $N (func (export "f"))) (core instance $n'
                    b' (instantiate $N)) (func (export "none") (canon lift (core func $n "f")))')
            for i in range(n):
                f.write(GIVES.format(i).replace('@', '%02d' % i * (size // 2)).encode())
            f.write(b')')
        for command in (('externalize', '--dir', self.path('order'), '-o', self.path('oe.wasm'),
                         self.path('order.wat')),
                        ('internalize', '-o', self.path('order.wasm'), self.path('oe.wasm'))):
            subprocess.run([self.sluice, *command, '--force'], check=True)
        reads = [i * 29 % n for i in range(16)]
        calls = [a for i in reads for a in ('--invoke', f'r{i}()')]
        subprocess.run([self.sluice, 'run', '--record-loads', self.path('plan'), *calls,
                        self.path('order.wasm')], check=True, stdout=subprocess.DEVNULL)
        for out, *options in (('kept.wasm', '--keep-order'), ('ordered.wasm',)):
            subprocess.run([self.sluice, 'optimize', '--force', '--plan', self.path('plan'), '-o',
                            self.path(out), *options, self.path('order.wasm')], check=True)
        origin = Origin(self.folder, 50)
        counts = {}

        def fetch(name, calls):
            def run():
                r, *counts[name, len(calls)] = self.requests(
                    origin, self.sluice, 'run', '--cache', 'none', '--allow-private', *calls,
                    f'{origin.url}/{name}')
                return r
            return run
        try:
            names = 'order.wasm', 'kept.wasm', 'ordered.wasm'
            m = in_turn(self.rounds, opened=fetch('order.wasm', ['--invoke', 'none()']),
                        **{name: fetch(name, calls) for name in names})
        finally:
            origin.close()
        print(f'order: opening {m["opened"]["wall"]:.3f} s {counts["order.wasm", 2][0]} requests')
        for what, name in zip(('no plan', 'plan', 'plan and order'), names):
            requests, total = counts[name, len(calls)]
            print(f'order: {what}: {m[name]["wall"]:.3f} s {requests} requests {total} bytes')

    def model(self):
        size, layers, times = 16 * MIB, 16, 4
        name = os.path.basename(self.payload(size))
        wat = self.wat('examples/model/model.wat')
        out = self.path('model.wasm')
        subprocess.run([self.sluice, 'bundle', '--data', 'weights=' + self.path(name), '--external',
                        self.path('weights'), '--chunk', '64K', '--force', '-o', out, wat],
                       check=True)
        results = set()

        def infer(base, n, ahead='true'):
            def run():
                r = Run([self.sluice, 'run', '--cache', 'none', '--allow-private', '--invoke',
                         f'infer({layers}, {n}, {ahead})', f'{base}/model.wasm'])
                if n != 0:
                    results.add(r.out)
                return r
            return run
        alone = in_turn(self.rounds, compute=infer(self.folder, times))['compute']['wall']
        origin = Origin(self.folder, 50)
        throttle = Throttle(int(origin.url.rsplit(':', 1)[1]), size / alone)
        url = f'http://127.0.0.1:{throttle.port}'
        try:
            m = in_turn(self.rounds, compute=infer(self.folder, times), transfer=infer(url, 0),
                        whole=infer(url, times), after=infer(url, times, 'false'))
        finally:
            throttle.close()
            origin.close()
        wall = {kind: of['wall'] for kind, of in m.items()}
        floor = max(wall['compute'], wall['transfer'])
        print(f'model: {layers} layers of {size // layers} bytes at {size / alone / 1e6:.1f} MB/s and '
              f'50 ms: compute alone {wall["compute"]:.3f} s ({m["compute"]["cpu"]:.3f} s cpu), '
              f'transfer alone {wall["transfer"]:.3f} s, both {wall["whole"]:.3f} s, ratio to the '
              f'larger {wall["whole"] / floor:.2f}; one after the other {wall["after"]:.3f} s '
              f'({wall["after"] / floor:.2f}); {"one result" if len(results) == 1 else results}')

    def forward(self):
        size = 64 * MIB
        payload = self.payload(size)
        wat = self.wat('examples/forward/forward.wat')
        inline = self.bundle('f-inline.wasm', wat, payload)
        made = {'inline': [inline], 'file': ['--data', 'input=' + payload, wat]}
        for kind, options in (('external', []), ('zstd', ['--zstd', '3'])):
            made[kind] = [self.bundle(f'f-{kind}.wasm', wat, payload, '--external',
                                      self.path('fwd'), *options)]
        plain = self.path('read.wasm')
        subprocess.run([self.sluice, 'parse', '-o', plain, self.wat('bench/data/read.wat')],
                       check=True)
        self.program('forward', plain, payload)
        origin = Origin(self.folder)
        try:
            url = origin.url + '/' + os.path.basename(payload)
            made['url'] = ['--data', 'input=' + url, wat]
            made['external at a URL'] = [f'{origin.url}/f-external.wasm']
            made['inline at a URL'] = [f'{origin.url}/f-inline.wasm']
            with open(payload, 'rb') as f:
                wanted = hashlib.sha256(f.read()).hexdigest()
            for kind, rest in made.items():
                copy = self.path('copy')
                with open(copy, 'wb') as f:
                    run = Run([self.sluice, 'run', '--stats', '--cache', 'none', '--allow-private',
                               *rest], stdout=f)
                with open(copy, 'rb') as f:
                    same = hashlib.sha256(f.read()).hexdigest() == wanted
                print(f'forward: {kind}: {"the same bytes" if same else "OTHER BYTES"}: '
                      f'{run.said.strip()}')
        finally:
            origin.close()


# And the rows of those that have any.
CASES = {
    'tables': (), 'map': (), 'copy': ('1M', '64K', '8K', 'uv'), 'sha256': ('256K', '1M'),
    'zstd': ('plain', 'checked'), 'http': (), 'cached': (), 'scatter': (), 'latency': (),
    'order': (), 'model': (), 'forward': (),
}


def rows_of(text):
    """'sha256/1M' -> 'sha256', ['1M']; [] for a case without rows."""
    case, slash, row = text.partition('/')
    if case not in CASES or (slash and row not in CASES[case]):
        raise argparse.ArgumentTypeError('one of ' + ', '.join(
            name + (f'[/{"|".join(rows)}]' if rows else '') for name, rows in CASES.items()))
    return case, [row] if slash else list(CASES[case])


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--mib', type=int, default=1024, help='of the segment')
    parser.add_argument('--cores', type=int, help='how many may be used (all)')
    parser.add_argument('--nginx', default=shutil.which('nginx') or '/usr/sbin/nginx')
    parser.add_argument('--keep', help='a folder to work in, kept')
    parser.add_argument('bin', help='where sluice and bench_data are')
    parser.add_argument('what', nargs='+', type=rows_of, metavar='CASE[/ROW]')
    args = parser.parse_args()
    if args.cores is not None:
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:args.cores])
    folder = args.keep or tempfile.mkdtemp(prefix='sluice-bench-')
    os.makedirs(folder, exist_ok=True)
    try:
        bench = Bench(args, folder)
        for case, rows in args.what:
            for row in rows:
                getattr(bench, case)(row)
            if not rows:
                getattr(bench, case)()
            sys.stdout.flush()
    finally:
        if args.keep is None:
            shutil.rmtree(folder)


main()
