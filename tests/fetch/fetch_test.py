#!/usr/bin/env python3
"""Segments over HTTP, end to end: `sluice run` beside an origin that does every
kind of wrong it knows at several places (tests/origin/origin.py).

    fetch_test.py SLUICE ORIGIN FORWARD [PATTERN]

FORWARD is a component that imports the segment `input` and writes it to standard
output. Whatever the origin does: what comes out is the beginning of the content,
and all of it when the command says so by exit code 0; otherwise the exit code and
a message tell. Ends with "N passed, N failed"."""
import concurrent.futures
import hashlib
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

SLUICE, ORIGIN, FORWARD = sys.argv[1:4]
PATTERN = re.compile(sys.argv[4] if len(sys.argv) > 4 else '.')
SIZE, CHUNK = 150001, 1 << 14
LONG = 40 << 20 # longer than what is kept whole
TIMEOUT = 60

# Unusual, but right.
WELL = ('chunked-well', 'encoding-identity', 'early-hints')
# Where nothing is declared, the first good answer says the size and the version:
# an origin that lies about these, or changes the content before it has given one,
# is believed. (tests/unit/net has changes after that.)
BELIEVED = ('whole-other-size', 'range-total-less', 'if-range-ignored',
            'changed-midway')

CHECKS = []


def check(name):
    def add(function):
        CHECKS.append((name, function))
        return function
    return add


class World:
    """A folder with the content, the components, and the origin that serves it."""

    def __init__(self, folder):
        self.folder = folder
        self.content = random.Random(7).randbytes(SIZE)
        self.write('x.bin', self.content)
        source = open(FORWARD).read()
        digests = ' '.join(
            '(sha256 "%s")' % ''.join('\\%02x' % b for b in hashlib.sha256(
                self.content[at:at + CHUNK]).digest())
            for at in range(0, SIZE, CHUNK))
        plain = '(import "input" (core data $input))'
        assert plain in source
        self.write('ext.wat', source.replace(
            plain, f'(core data $input (external "x.bin" (size {SIZE}) '
                   f'(chunk {CHUNK}) {digests}))').encode())
        self.write('imports.wat', source.encode())
        scatter = open(os.path.join(os.path.dirname(__file__), 'scatter.wat')).read()
        assert plain in scatter
        self.write('any.wat', scatter.encode())
        self.write('scatter.wat', scatter.replace(
            plain, f'(core data $input (external "x.bin" (size {SIZE}) '
                   f'(chunk {CHUNK}) {digests}))').encode())
        self.tool('parse', '-o', 'scatter.wasm', 'scatter.wat')
        self.tool('parse', '-o', 'ext.wasm', 'ext.wat')
        self.tool('bundle', '--data', 'input=x.bin', '-o', 'inline.wasm', 'imports.wat')
        self.origin = subprocess.Popen(
            [sys.executable, ORIGIN, '--root', folder, '--tls', '--life', '280'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = {}
        for line in self.origin.stdout:
            name, _, value = line.strip().partition(' ')
            if name == 'ready':
                break
            self.ports[name] = value
        self.kinds = subprocess.run(
            [sys.executable, ORIGIN, '--list'], text=True, check=True,
            stdout=subprocess.PIPE).stdout.split()

    def close(self):
        self.origin.stdin.close()
        self.origin.wait(10)

    def write(self, name, data):
        with open(os.path.join(self.folder, name), 'wb') as f:
            f.write(data)

    def tool(self, *args):
        subprocess.run([SLUICE, *args], cwd=self.folder, check=True, timeout=TIMEOUT)

    def url(self, path, name='http'):
        scheme = 'https' if name.startswith('https') else 'http'
        return f'{scheme}://127.0.0.1:{self.ports[name]}/{path}'

    def run(self, *args, cache='none', timeout='0.15'):
        began = time.monotonic()
        done = subprocess.run(
            [SLUICE, 'run', '--allow-private', '--cache', cache, '--http-timeout',
             timeout, '--http-retries', '1', *args],
            cwd=self.folder, timeout=TIMEOUT, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        done.took = time.monotonic() - began
        return done

    def log(self):
        with urllib.request.urlopen(self.url('.log?clear')) as answer:
            return [line.split('\t') for line in answer.read().decode().splitlines()]


def judge(world, done, must=None):
    """None: as it should be; else what is wrong."""
    out, text = done.stdout, done.stderr.decode('utf-8', 'replace')
    if done.returncode < 0 or 'Sanitizer' in text:
        return f'ended by {done.returncode}: {text[-2000:]}'
    if not world.content.startswith(out):
        return 'wrong bytes were delivered'
    if done.returncode == 0 and out != world.content:
        return f'exit code 0 with {len(out)} bytes of {SIZE}'
    if done.returncode != 0 and not text.strip():
        return f'exit code {done.returncode} without a message'
    if must is not None and (done.returncode == 0) != must:
        return f'exit code {done.returncode}: {text.strip()}'
    return None


# --- Every kind of wrong, at several places, for every kind of segment -------------

def wrongs(world):
    """One run each: name, arguments, whether it must end well (None: as it may)."""
    for kind in world.kinds:
        # At the edges of chunks and blocks, and where only the content is.
        for at in (1, 65536, SIZE - 1) if '-at' in kind or kind.startswith(
                ('whole', 'until', 'length', 'chunk', 'range')) else (5000,):
            wrong = f'~wrong={kind}&at={at}'
            must = True if kind in WELL else None
            yield (f'{kind} at {at}: external', (world.url(f'{wrong}/ext.wasm'),), must)
            if kind in BELIEVED:
                continue
            yield (f'{kind} at {at}: imported',
                   ('--data', 'input=' + world.url(f'{wrong}/x.bin'), 'imports.wat'),
                   must)
            yield (f'{kind} at {at}: inline', (world.url(f'{wrong}&all/inline.wasm'),),
                   must)
        wrong = f'~wrong={kind}&at=100&times=1'
        yield (f'{kind} once: external', (world.url(f'{wrong}&key=e/ext.wasm'),), None)


def test_wrongs(world):
    def one(row):
        name, args, must = row
        try:
            patience = '10' if must else '0.15' # a slow machine is no fault
            return name, judge(world, world.run(*args, timeout=patience), must)
        except subprocess.TimeoutExpired:
            return name, 'it hangs'
    rows = [row for row in wrongs(world) if PATTERN.search(row[0])]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        return list(pool.map(one, rows))


# --- One by one -----------------------------------------------------------------------

def expect(condition, why):
    if not condition:
        raise AssertionError(why)


def good(world, done):
    expect(done.returncode == 0, done.stderr.decode())
    expect(done.stdout == world.content, f'{len(done.stdout)} bytes, or other ones')


@check('external, imported and inline segments arrive')
def _(world):
    good(world, world.run(world.url('ext.wasm'), timeout='10'))
    good(world, world.run(world.url('inline.wasm'), timeout='10'))
    good(world, world.run('--data', 'input=' + world.url('x.bin'), 'imports.wat',
                          timeout='10'))


@check('TLS is verified')
def _(world):
    for name in sorted(world.ports):
        if not name.startswith('https'):
            continue
        args = [world.url('ext.wasm', name).replace('127.0.0.1', 'localhost')]
        trusted = world.run('--ca-file', world.ports['ca'], *args, timeout='10')
        if name == 'https':
            good(world, trusted)
        else:
            expect(trusted.returncode == 66, f'{name}: {trusted.returncode}')
        expect(world.run(*args, timeout='10').returncode == 66,
               f'{name}: trusted without its authority')


@check('private addresses are refused unless allowed')
def _(world):
    done = subprocess.run([SLUICE, 'run', '--cache', 'none', world.url('ext.wasm')],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT)
    expect(done.returncode == 66, done.returncode)
    expect(b'not a public address' in done.stderr, done.stderr)
    expect(b'--allow-private' in done.stderr, done.stderr)
    local = world.url('x.bin').replace('127.0.0.1', 'localhost')
    done = subprocess.run([SLUICE, 'run', '--data', 'input=' + local, 'imports.wat'],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=TIMEOUT,
                          cwd=world.folder)
    expect(done.returncode == 66, done.returncode)
    expect(b'--allow-private' in done.stderr, done.stderr)


@check('what is at a URL is validated and inspected')
def _(world):
    url, https = world.url('ext.wasm'), world.url('ext.wasm', 'https')
    def tool(*args):
        return subprocess.run([SLUICE, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                              timeout=TIMEOUT)
    for command in ('validate', 'inspect'):
        expect(tool(command, url).returncode == 66, 'a private address')
        expect(tool(command, '--allow-private', https).returncode == 66, 'no authority')
        for args in ((url,), ('--ca-file', world.ports['ca'], https)):
            done = tool(command, '--allow-private', *args)
            expect((done.returncode, done.stderr) == (0, b''), done)
    expect(b'150001 bytes in "x.bin"' in done.stdout, done.stdout)


@check('schemes are of either case')
def _(world):
    good(world, world.run(world.url('ext.wasm').replace('http', 'HTTP'), timeout='10'))
    good(world, world.run('--data', 'input=' + world.url('x.bin').replace('http', 'Http'),
                          'imports.wat', timeout='10'))


@check('--timeout and signals end a run whose component does not come')
def _(world):
    url = world.url('ext.wasm?wrong=stall-head')
    done = world.run('--timeout', '0.3', url, timeout='30')
    expect(done.returncode == 124 and done.took < 10, done)
    expect(done.stderr == b'sluice: deadline exceeded\n', done.stderr)
    for number in (signal.SIGINT, signal.SIGTERM):
        with subprocess.Popen([SLUICE, 'run', '--allow-private', '--cache', 'none', url],
                              stderr=subprocess.PIPE) as p:
            time.sleep(0.5)
            p.send_signal(number)
            _, text = p.communicate(timeout=TIMEOUT)
        expect((p.returncode, text) == (130, b'sluice: interrupted\n'), (p.returncode, text))


@check('few requests: adjacent chunks are asked for together')
def _(world):
    world.log()
    good(world, world.run(world.url('ext.wasm?few'), timeout='10'))
    asked = [line for line in world.log() if 'x.bin' in line[3]]
    expect(len(asked) <= 4, asked)


@check('what was fetched is found in the cache again')
def _(world):
    cache = os.path.join(world.folder, 'cache')
    good(world, world.run(world.url('ext.wasm'), cache=cache, timeout='10'))
    good(world, world.run('--data', 'input=' + world.url('x.bin'), 'imports.wat',
                          cache=cache, timeout='10'))
    world.log()
    good(world, world.run(world.url('ext.wasm'), cache=cache, timeout='10'))
    expect(not [line for line in world.log() if 'x.bin' in line[3]],
           'the external segment was fetched again')
    good(world, world.run('--data', 'input=' + world.url('x.bin'), 'imports.wat',
                          cache=cache, timeout='10'))
    expect(len([line for line in world.log() if 'x.bin' in line[3]]) <= 1,
           'the imported segment was fetched again')
    entries = [os.path.join(top, name) for top, _, names in os.walk(cache)
               for name in names]
    for i, path in enumerate(sorted(entries)):
        with open(path, 'r+b') as f: # one bit of each
            f.seek(i % max(1, os.path.getsize(path)))
            byte = f.read(1)
            f.seek(-1, 1)
            f.write(bytes([byte[0] ^ 1 << i % 8]))
    good(world, world.run(world.url('ext.wasm'), cache=cache, timeout='10'))
    good(world, world.run('--data', 'input=' + world.url('x.bin'), 'imports.wat',
                          cache=cache, timeout='10'))


@check('what is at a URL is fetched once for all readers')
def _(world):
    world.log()
    done = world.run('--invoke', 'sum(7)', '--invoke', 'sum(3)', '--data',
                     'input=' + world.url('x.bin?once'), 'any.wat', timeout='10')
    twice = b'%d\n%d\n' % (sum(world.content), 2 * sum(world.content))
    expect((done.returncode, done.stdout) == (0, twice), done)
    asked = [line for line in world.log() if 'x.bin' in line[3]]
    expect(len(asked) <= 1 + SIZE // 65536 + 1, asked)


@check('who reads on makes few, long requests, and none twice')
def _(world):
    read = os.path.join(os.path.dirname(__file__), '../../bench/data/read.wat')
    world.write('long.bin', bytes(LONG))
    def requests(*ranges):
        world.log()
        calls = [word for at, n in ranges
                 for word in ('--invoke', f'read(65536, 1048576, 0, {at}, {n})')]
        done = world.run(*calls, '--data', 'input=' + world.url('long.bin'), read,
                         timeout='10')
        want = b''.join(b'%d\n' % n for _, n in ranges)
        expect((done.returncode, done.stdout) == (0, want), done)
        asked = [line for line in world.log() if 'long.bin' in line[3]]
        expect(len(asked) <= 12 + LONG // (4 << 20), asked)
        return sum(int(to) - int(at) + 1 for at, to in (
            re.match(r'bytes=(\d+)-(\d+)$', line[4]).groups() for line in asked))
    once = requests((0, LONG))
    expect(once <= LONG + 65536, f'{once} bytes') # opening it asks for some
    end = LONG - (4 << 20), 4 << 20 # which is kept
    expect(requests((0, LONG), end) == once, 'the end was fetched twice')


@check('a short read over a line of the grid is one request, of both chunks')
def _(world):
    read = os.path.join(os.path.dirname(__file__), '../../bench/data/read.wat')
    line = 65536
    for cache in ('none', os.path.join(world.folder, 'cache-line')):
        world.log()
        done = world.run('--data', 'input=' + world.url('x.bin?line'), '--invoke',
                         f'read(65536, 100, 1, {line - 50}, 100)', read, cache=cache,
                         timeout='10')
        expect((done.returncode, done.stdout) == (0, b'100\n'), done)
        asked = [entry[4] for entry in world.log() if 'x.bin' in entry[3]]
        expect(asked[1:] == [f'bytes=0-{2 * line - 1}'], asked) # after its opening


@check('a cache that cannot be used is said once, and does no harm')
def _(world):
    world.write('no-folder', b'')
    done = world.run(world.url('ext.wasm'), timeout='10',
                     cache=os.path.join(world.folder, 'no-folder'))
    good(world, done)
    expect(done.stderr.count(b'nothing is cached') == 1, done.stderr)


@check('a load plan saves requests')
def _(world):
    call, right = 'sum(7)', b'%d\n' % sum(world.content)
    def requests(name, *options):
        world.log()
        done = world.run(*options, '--invoke', call, world.url(name), timeout='10')
        expect((done.returncode, done.stdout) == (0, right), done)
        return len([line for line in world.log() if 'x.bin' in line[3]])
    without = requests('scatter.wasm', '--record-loads',
                       os.path.join(world.folder, 'plan'))
    expect(without >= SIZE // CHUNK, f'{without} requests without a plan')
    world.tool('optimize', '--plan', 'plan', '-o', 'planned.wasm', 'scatter.wasm')
    # The guest reads meanwhile, and may be first on a busy machine.
    planned = min(requests('planned.wasm') for _ in range(3))
    expect(planned <= 0.2 * without, f'{planned} requests, {without} without a plan')
    # Locally, and with a plan in the place of the plan.
    local = world.run('--invoke', call, 'planned.wasm')
    expect(local.stdout == right, local)
    world.tool('optimize', '--plan', 'plan', '-o', 'again.wasm', 'planned.wasm')
    with open(os.path.join(world.folder, 'again.wasm'), 'rb') as f:
        again = f.read()
    with open(os.path.join(world.folder, 'planned.wasm'), 'rb') as f:
        expect(f.read() == again, 'a plan was added to a plan')
    for line, code in (('0 0', 65), ('x', 65), ('7 0 1', 65), (f'0 {SIZE} 1', 65),
                       ('0 0 1 2', 65), ('0 0 18446744073709551616', 65)):
        world.write('bad', line.encode() + b'\n')
        done = subprocess.run(
            [SLUICE, 'optimize', '--force', '--plan', 'bad', '-o', 'bad.wasm',
             'scatter.wasm'], cwd=world.folder, stderr=subprocess.PIPE, timeout=TIMEOUT)
        expect(done.returncode == code and done.stderr, f'{line}: {done}')


@check('a load plan names imported segments')
def _(world):
    call, right = 'sum(7)', b'%d\n' % sum(world.content)
    supply = '--data', 'input=' + world.url('x.bin?plan')
    def requests(name, *options):
        world.log()
        done = world.run(*options, *supply, '--invoke', call, name, timeout='10')
        expect((done.returncode, done.stdout) == (0, right), done)
        return len([line for line in world.log() if 'x.bin' in line[3]])
    without = requests('any.wat', '--record-loads',
                       os.path.join(world.folder, 'imports.plan'))
    with open(os.path.join(world.folder, 'imports.plan')) as f:
        plan = f.read()
    expect(plan.splitlines()[1] == '"input" 0 16384', plan[:200])
    world.tool('optimize', '--force', '--plan', 'imports.plan', '-o', 'named.wasm',
               'any.wat')
    planned = min(requests('named.wasm') for _ in range(3))
    expect(planned < without, f'{planned} requests, {without} without a plan')
    # A plan with other names does nothing; one for another component is refused.
    world.write('other.wat', open(os.path.join(world.folder, 'any.wat')).read()
                .replace('(import "input"', '(import "another"').encode())
    done = subprocess.run(
        [SLUICE, 'optimize', '--force', '--plan', 'imports.plan', '-o', 'bad.wasm',
         'other.wat'], cwd=world.folder, stderr=subprocess.PIPE, timeout=TIMEOUT)
    expect(done.returncode == 65 and b'`input`' in done.stderr, done)
    # Bundled, the plan names the segment by its number.
    world.tool('bundle', '--data', 'input=x.bin', '--external', '.', '--chunk', '16K',
               '--force', '-o', 'bundled.wasm', 'named.wasm')
    supply = ()
    world.log()
    done = world.run('--data-stats', '--invoke', call, world.url('bundled.wasm'),
                     timeout='10')
    expect((done.returncode, done.stdout) == (0, right), done)
    asked = [line for line in world.log() if 'bundled-input' in line[3]]
    expect(len(asked) < SIZE // CHUNK, asked)


# An export that gives the bytes of its segment.
GIVES = '''
  (core data $d{0} "{1}")
  (core func $read{0} (canon data.read $d{0})) (core func $size{0} (canon data.size $d{0}))
  (core module $M{0}
    (import "" "read" (func $read (param i32 i32) (result i32)))
    (import "" "size" (func $size (result i32)))
    (func (export "get") (result i32) (call $read (i32.const 0) (call $size))))
  (core instance $m{0} (instantiate $M{0} (with "" (instance
    (export "read" (func $read{0})) (export "size" (func $size{0}))))))
  (func (export "r{0}") (result (stream u8)) (canon lift (core func $m{0} "get")))'''


def many(world, n, size):
    """many.wasm: segments that exports r0, r1, ... give; their contents."""
    dice = random.Random(n)
    own = [bytes(dice.choice(b'abcdefgh') for _ in range(size)) for _ in range(n)]
    world.write('many.wat', b'(component %s)' % b''.join(
        GIVES.format(i, text.decode()).encode() for i, text in enumerate(own)))
    world.tool('parse', '-o', 'many.wasm', 'many.wat')
    return own


def count_requests(world, name, own, order, *options):
    world.log()
    calls = [word for i in order for word in ('--invoke', f'r{i}()')]
    done = world.run(*options, *calls, world.url(name), timeout='10')
    expect(done.returncode == 0, done.stderr)
    expect(done.stdout == b''.join(own[i] for i in order), f'{name}: other bytes')
    return len([line for line in world.log() if name in line[3]])


@check('segments that are read together stand together')
def _(world):
    own = many(world, 40, 40000)
    world.tool('externalize', '--dir', '.', '--min-size', '0', '-o', 'm-ext.wasm', 'many.wat')
    world.tool('internalize', '-o', 'apart.wasm', 'm-ext.wasm') # payloads on pages
    order = [33, 7, 21, 12, 38, 2, 27, 16, 30, 5]
    for name in 'many', 'apart':
        opened = count_requests(world, f'{name}.wasm', own, [0]) - 1
        without = count_requests(world, f'{name}.wasm', own, order, '--record-loads',
                                 os.path.join(world.folder, 'order.plan')) - opened
        world.tool('optimize', '--force', '--keep-order', '--plan', 'order.plan', '-o',
                   f'{name}-k.wasm', f'{name}.wasm')
        world.tool('optimize', '--force', '--plan', 'order.plan', '-o', f'{name}-o.wasm',
                   f'{name}.wasm')
        kept, ordered = (min(count_requests(world, f'{name}-{c}.wasm', own, order) - opened
                             for _ in range(3)) for c in 'ko')
        expect(ordered <= 4 and kept >= len(order) / 2 and without >= kept,
               f'{name}: {without} requests, {kept} with a plan, {ordered} in its order')


@check('small segments at a URL share what was fetched')
def _(world):
    own = many(world, 100, 500) # all in one chunk, or two
    opened = count_requests(world, 'many.wasm', own, [3]) - 1
    extra = count_requests(world, 'many.wasm', own, range(100)) - opened
    expect(extra <= 3, f'{extra} requests for 50,000 bytes')


@check('every bit of a chunk counts')
def _(world):
    for at in range(0, SIZE, 15013):
        wrong = bytearray(world.content)
        wrong[at] ^= 1 << at % 8
        world.write('sub-x.bin', bytes(wrong))
        os.makedirs(os.path.join(world.folder, 'sub'), exist_ok=True)
        world.write('sub/x.bin', bytes(wrong))
        world.write('sub/ext.wasm',
                    open(os.path.join(world.folder, 'ext.wasm'), 'rb').read())
        done = world.run(world.url('sub/ext.wasm'), timeout='10')
        expect(done.returncode == 1, done.returncode)
        expect(done.stdout == world.content[:at // CHUNK * CHUNK],
               f'{len(done.stdout)} bytes with a wrong one at {at}')
        expect(b'SHA-256' in done.stderr and b'chunk %d' % (at // CHUNK) in done.stderr,
               done.stderr)


@check('messages name segment, range, origin and cause')
def _(world):
    done = world.run(world.url('~wrong=status&status=503/ext.wasm'), timeout='10')
    text = done.stderr.decode()
    expect(done.returncode == 1, done.returncode)
    for word in ('data fault', 'segment 0', 'bytes [0, ', 'x.bin', 'HTTP 5'):
        expect(word in text, f'no `{word}` in {text}')


@check('wrong arguments')
def _(world):
    for args, code in ((('--http-timeout', 'x', 'ext.wasm'), 64),
                       (('--http-timeout', '0', 'ext.wasm'), 64),
                       (('--http-retries', '-1', 'ext.wasm'), 64),
                       (('--ca-file', 'nowhere.pem', world.url('ext.wasm', 'https')), 66),
                       (('ftp://127.0.0.1/x.wasm',), 66),
                       (('http://',), 65),
                       (('http://127.0.0.1:1/x.wasm',), 66),
                       (('--data', 'input=' + world.url('none'), 'imports.wat'), 66)):
        done = world.run(*args)
        expect(done.returncode == code, f'{args}: {done.returncode} {done.stderr}')
        expect(done.stderr, args)


def main():
    failures = passed = 0
    with tempfile.TemporaryDirectory(prefix='sluice-fetch-') as folder:
        world = World(folder)
        try:
            results = []
            for name, function in CHECKS:
                if not PATTERN.search(name):
                    continue
                try:
                    function(world)
                    results.append((name, None))
                except (AssertionError, subprocess.TimeoutExpired) as why:
                    results.append((name, str(why)))
            results += test_wrongs(world)
        finally:
            world.close()
    for name, why in results:
        passed += why is None
        failures += why is not None
        if why is not None:
            print(f'FAILED {name}: {why}')
    print(f'{passed} passed, {failures} failed')
    return 1 if failures or not passed else 0


sys.exit(main())
