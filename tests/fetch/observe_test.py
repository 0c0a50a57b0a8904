#!/usr/bin/env python3
"""What `sluice run` tells of itself, beside an origin: --data-stats, --trace,
and how far fetching is.

    observe_test.py SLUICE ORIGIN FORWARD [PATTERN]

FORWARD is a component that imports the segment `input` and writes it to standard
output. Ends with "N passed, N failed"."""
import collections
import hashlib
import itertools
import json
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import terminal

SLUICE, ORIGIN, FORWARD = sys.argv[1:4]
PATTERN = re.compile(sys.argv[4] if len(sys.argv) > 4 else '.')
SIZE, CHUNK = 150001, 1 << 14
N_CHUNKS = (SIZE + CHUNK - 1) // CHUNK
TIMEOUT = 60

CHECKS = []


def check(name):
    def add(function):
        CHECKS.append((name, function))
        return function
    return add


def expect(condition, why):
    if not condition:
        raise AssertionError(why)


# A start function brings all of a segment into memory.
STARTER = '''(component
  %s
  (core func $size (canon data.size $input))
  (core module $M
    (import "" "input" (data $input))
    (import "" "size" (func $size (result i32)))
    (memory 4)
    (func $start
      (memory.init $input (i32.const 0) (i32.const 0) (call $size))
      (data.drop $input))
    (start $start)
    (func (export "last") (result i32)
      (i32.load8_u (i32.sub (call $size) (i32.const 1)))))
  (core instance $m (instantiate $M (with "" (instance
    (export "input" (data $input)) (export "size" (func $size))))))
  (func (export "last") (result u32) (canon lift (core func $m "last"))))'''


class World:
    """A folder with the content, the components, and the origin that serves it."""

    def __init__(self, folder):
        self.folder = folder
        self.content = random.Random(7).randbytes(SIZE)
        self.write('x.bin', self.content)
        source = open(FORWARD).read()
        scatter = open(os.path.join(os.path.dirname(__file__), 'scatter.wat')).read()
        plain = '(import "input" (core data $input))'
        digests = ' '.join(
            '(sha256 "%s")' % ''.join('\\%02x' % b for b in hashlib.sha256(
                self.content[at:at + CHUNK]).digest())
            for at in range(0, SIZE, CHUNK))
        external = (f'(core data $input (external "x.bin" (size {SIZE}) '
                    f'(chunk {CHUNK}) {digests}))')
        core = open(os.path.join(os.path.dirname(__file__), 'core_import.wat')).read()
        self.write('start.wat', (STARTER % external).encode())
        self.tool('parse', '-o', 'start.wasm', 'start.wat')
        for name, text in (('ext', source), ('scatter', scatter), ('core', core)):
            expect(plain in text, name)
            self.write(name + '.wat', text.replace(plain, external, 1).encode())
            self.tool('parse', '-o', name + '.wasm', name + '.wat')
        self.write('imports.wat', source.encode())
        self.tool('bundle', '--data', 'input=x.bin', '-o', 'inline.wasm', 'imports.wat')
        self.origin = subprocess.Popen(
            [sys.executable, ORIGIN, '--root', folder, '--life', '280'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.ports = {}
        for line in self.origin.stdout:
            name, _, value = line.strip().partition(' ')
            if name == 'ready':
                break
            self.ports[name] = value

    def close(self):
        self.origin.stdin.close()
        self.origin.wait(10)

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        with open(self.path(name), 'wb') as f:
            f.write(data)

    def tool(self, *args):
        subprocess.run([SLUICE, *args], cwd=self.folder, check=True, timeout=TIMEOUT)

    def url(self, path):
        return f'http://127.0.0.1:{self.ports["http"]}/{path}'

    def command(self, *args, cache='none'):
        return [SLUICE, 'run', '--allow-private', '--cache', cache, *args]

    def run(self, *args, cache='none'):
        done = subprocess.run(
            self.command(*args, cache=cache), cwd=self.folder, timeout=TIMEOUT,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        expect(b'Sanitizer' not in done.stderr, done.stderr.decode())
        return done


# --- Counters of segments ------------------------------------------------------------

COLUMNS = ('size', 'reads', 'delivered', 'mapped', 'read', 'fetched', 'memory',
           'disk', 'waits', 'prefetched', 'faults')


def table(done):
    """The lines of --data-stats: label, kind, counters, place."""
    lines = done.stderr.decode().splitlines()
    at = next(i for i, line in enumerate(lines) if line.startswith('data segment'))
    expect(lines[at].split()[3:] == list(COLUMNS), lines[at])
    out = []
    for line in lines[at + 1:]:
        kind, rest = line[21:31].strip(), line[31:].split()
        row = dict(zip(COLUMNS, map(int, rest)))
        row.update(label=line[:20].strip(), kind=kind, place=' '.join(rest[11:]))
        out.append(row)
        if row['label'] == 'total':
            break
    total = out.pop()
    for column in COLUMNS:
        expect(total[column] == sum(row[column] for row in out), (column, out))
    return out


def one(done):
    rows = table(done)
    expect(len(rows) == 1, rows)
    return rows[0]


@check('data-stats: an external segment, fetched and then cached')
def _(world):
    cache = world.path('cache')
    for disk in (0, N_CHUNKS):
        done = world.run('--data-stats', '--stats', world.url('ext.wasm'), cache=cache)
        expect(done.stdout == world.content, done)
        row = one(done)
        expect(row['label'] == 'segment 0' and row['kind'] == 'external' and
               row['place'] == 'x.bin', row)
        expect(row['size'] == row['delivered'] == row['read'] == SIZE, row)
        expect(row['fetched'] == (0 if disk else SIZE), row)
        expect(row['disk'] == disk and row['faults'] == row['mapped'] == 0, row)
        expect(1 <= row['waits'] <= N_CHUNKS and row['reads'] >= 1, row)
        said = re.search(rb'(\d+) fetched, (\d+) HTTP requests', done.stderr)
        expect(int(said[1]) == row['fetched'], said)
        expect((int(said[2]) == 0) == bool(disk), said)


@check('data-stats: a segment at a URL, a file, a buffer')
def _(world):
    done = world.run('--data-stats', '--data', 'input=' + world.url('x.bin'),
                     'imports.wat')
    row = one(done)
    expect(done.stdout == world.content, done)
    expect(row['kind'] == 'url' and row['place'] == world.url('x.bin'), row)
    expect(row['delivered'] == row['fetched'] == SIZE, row)
    for name, kind in (('x.bin', 'file'), ('inline.wasm', 'file')):
        args = ('--data', 'input=x.bin', 'imports.wat') if name == 'x.bin' else (name,)
        row = one(world.run('--data-stats', *args))
        expect(row['kind'] == kind and row['place'] == '', row)
        expect(row['delivered'] == SIZE and row['fetched'] == 0, row)


@check('data-stats: the memory of chunks, load plans')
def _(world):
    right = b'%d\n' % sum(world.content)
    done = world.run('--data-stats', '--record-loads', 'plan', '--invoke', 'sum(7)',
                     '--invoke', 'sum(3)', 'scatter.wasm')
    row = one(done)
    expect(done.stdout.splitlines()[0] + b'\n' == right, done)
    expect(row['delivered'] == 2 * SIZE and row['fetched'] == SIZE, row)
    expect(row['memory'] >= N_CHUNKS and row['prefetched'] == 0, row)
    world.tool('optimize', '--force', '--plan', 'plan', '-o', 'planned.wasm',
               'scatter.wasm')
    row = one(world.run('--data-stats', '--invoke', 'sum(7)', 'planned.wasm'))
    expect(row['delivered'] == SIZE and row['prefetched'] > 0, row)


@check('data-stats: faults')
def _(world):
    done = world.run('--data-stats', '--http-retries', '0',
                     world.url('~wrong=status&status=404/ext.wasm'))
    row = one(done)
    expect(done.returncode == 1 and row['faults'] == 1, done)
    expect(row['delivered'] == row['fetched'] == 0, row)


# --- Core modules that import segments -----------------------------------------------

CORE = ('--features', 'core-data')


@check('data imports: counted and traced')
def _(world):
    right = b'%d\n' % sum(world.content)
    for name in ('core.wasm', world.url('core.wasm')):
        done = world.run(*CORE, '--data-stats', '--invoke', 'sum()', name)
        row = one(done)
        expect(done.stdout == right, done)
        expect(row['size'] == row['delivered'] == row['fetched'] == SIZE, row)
        expect(row['reads'] >= 1 and row['faults'] == 0, row)
    done = world.run(*CORE, '--trace', 'trace.json', '--invoke', 'sum-now()',
                     slow(world, 'core.wasm', 300))
    expect((done.returncode, done.stdout) == (0, right), done)
    trace = events(world)
    expect(sum(e['args']['bytes'] for e in named(trace, 'stream', 'read')) == SIZE, trace)
    expect(any(e['args']['bytes'] == SIZE for e in named(trace, 'stream', 'segment 0')),
           named(trace, 'stream'))


@check('data imports: a start function')
def _(world):
    for name in ('start.wasm', slow(world, 'start.wasm', 200)):
        done = world.run(*CORE, '--data-stats', '--invoke', 'last()', name)
        row = one(done)
        expect(done.stdout == b'%d\n' % world.content[-1], done)
        expect(row['delivered'] == row['fetched'] == SIZE, row)
    done = world.run(*CORE, '--http-retries', '0', '--invoke', 'last()',
                     world.url('~wrong=status&status=404/start.wasm'))
    expect(done.returncode == 134 and b'data fault: segment 0' in done.stderr, done)


@check('data imports: faults, interrupts, the gate')
def _(world):
    done = world.run(*CORE, '--http-retries', '0', '--invoke', 'sum()',
                     world.url('~wrong=status&status=404/core.wasm'))
    expect(done.returncode == 134 and
           b'data fault: segment 0, bytes [0, 150001): ' in done.stderr, done)
    done = world.run('--invoke', 'sum()', 'core.wasm')
    expect(done.returncode == 65 and b'unsupported feature `core-data`' in done.stderr,
           done)
    for how, (call, name) in itertools.product(
            ((), ('--timeout', '0.7')),
            (('sum()', 'core.wasm'), ('sum-now()', 'core.wasm'), ('last()', 'start.wasm'))):
        run = subprocess.Popen(
            world.command(*CORE, *how, '--invoke', call,
                          slow(world, name, 20000).replace('~', '~times=9&')),
            cwd=world.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
        if not how:
            time.sleep(0.7)
            run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=TIMEOUT)
        expect(run.returncode == (124 if how else 130), err)
        expect(b'Sanitizer' not in err, err)


# --- Traces --------------------------------------------------------------------------

SPIN = """(component
  (core module $M (func (export "spin") (loop $l (br $l)))
                  (func (export "boom") unreachable))
  (core instance $m (instantiate $M))
  (func (export "spin") (canon lift (core func $m "spin")))
  (func (export "boom") (canon lift (core func $m "boom"))))"""


def events(world, path='trace.json'):
    """The events of a trace, after looking at what every trace must hold."""
    with open(world.path(path), 'rb') as f:
        out = json.loads(f.read().decode())
    os.unlink(world.path(path))
    open_at = collections.defaultdict(list)
    threads = {e['tid'] for e in out if e['ph'] == 'M'}
    # Of one moment: what ends, ends first; of two that begin the longer one.
    for e in sorted((e for e in out if e['ph'] in 'be'),
                    key=lambda e: (e['ts'], e['ph'] == 'b')):
        key = (e['cat'], e['id'])
        if e['ph'] == 'b':
            open_at[key].append(e)
        else:
            names = [b['name'] for b in open_at[key]]
            expect(e['name'] in names, f'{e} ends, but has not begun')
            begun = open_at[key].pop(len(names) - 1 - names[::-1].index(e['name']))
            expect(begun['ts'] <= e['ts'], (begun, e))
    expect(not any(open_at.values()), dict(open_at))
    for e in out:
        expect(e['ph'] in 'beXiM' and e['pid'] > 0, e)
        expect(e['tid'] in threads, e)
        expect(e['ph'] == 'M' or e['ts'] > 0, e)
        expect(e['ph'] != 'X' or e['dur'] >= 0, e)
    return out


def named(trace, what, name=None, ph='b'):
    return [e for e in trace if e['cat'] == what and e['ph'] == ph and
            name in (None, e['name'])]


@check('trace: a segment that is fetched, checked, kept and forwarded')
def _(world):
    cache = world.path('traced')
    done = world.run('--trace', 'trace.json', '--stats', world.url('ext.wasm'),
                     cache=cache)
    expect((done.returncode, done.stdout) == (0, world.content), done)
    trace = events(world)
    chunks = named(trace, 'chunk', 'segment 0')
    expect(len(chunks) == N_CHUNKS and
           all(e['args']['outcome'] == 'here' and e['args']['from'] == 'origin'
               for e in chunks), chunks)
    expect(sum(e['args']['bytes'] for e in chunks) == SIZE, chunks)
    expect(len(named(trace, 'chunk', 'fetch')) == N_CHUNKS, trace)
    for name in ('look up', 'verify', 'store on disk'):
        expect(len(named(trace, 'pool', name, 'X')) == N_CHUNKS, name)
    requests = named(trace, 'http', world.url('x.bin'))
    said = re.search(rb'(\d+) HTTP requests', done.stderr)
    expect(len(requests) == int(said[1]), (requests, said))
    expect(all(e['args']['status'] == 206 and e['args']['attempt'] == 1 for e in requests),
           requests)
    expect(sum(e['args']['to'] - e['args']['from'] for e in requests) == SIZE, requests)
    streams, reads = named(trace, 'stream', 'segment 0'), named(trace, 'stream', 'read')
    expect(len(streams) == 1 and {e['id'] for e in reads} == {streams[0]['id']}, streams)
    expect(sum(e['args']['bytes'] for e in reads) == SIZE, reads)
    expect(any(e['args']['outcome'] == 'resolved' for e in named(trace, 'task')), trace)
    expect(named(trace, 'subtask'), trace)
    world.run('--trace', 'trace.json', world.url('ext.wasm'), cache=cache)
    trace = events(world)
    expect(all(e['args']['from'] == 'disk' for e in named(trace, 'chunk', 'segment 0')) and
           not named(trace, 'http'), trace)


@check('trace: tasks that block, forwarding, prefetching')
def _(world):
    done = world.run('--trace', 'trace.json', 'inline.wasm')
    expect(done.stdout == world.content, done)
    trace = events(world)
    expect(sum(e['args']['bytes'] for e in named(trace, 'stream', 'forward')) == SIZE, trace)
    blocked = [e for e in named(trace, 'task') if e['name'].startswith('waits for')]
    tasks = {e['id'] for e in named(trace, 'task') if 'outcome' in e['args']}
    expect(blocked and {str(e['args']['task']) for e in blocked} <= tasks, trace)
    world.run('--record-loads', 'plan2', '--invoke', 'sum(7)', 'scatter.wasm')
    world.tool('optimize', '--force', '--plan', 'plan2', '-o', 'planned.wasm',
               'scatter.wasm')
    world.run('--trace', 'trace.json', '--invoke', 'sum(7)', 'planned.wasm')
    trace = events(world)
    expect(named(trace, 'prefetch', 'segment 0', 'i'), trace)
    expect(any(e['name'].endswith('sum') or 'func[' in e['name']
               for e in named(trace, 'task')), trace)


@check('trace: faults and retries')
def _(world):
    done = world.run('--trace', 'trace.json', '--http-retries', '1',
                     world.url('~wrong=status&status=503/ext.wasm'))
    expect(done.returncode == 1, done)
    trace = events(world)
    expect(len(named(trace, 'fault', 'segment 0', 'i')) == 1, trace)
    requests = named(trace, 'http')
    expect({e['args']['attempt'] for e in requests} == {1, 2}, requests)
    expect(all(e['args']['status'] == 500 for e in requests), requests)


@check('trace: complete however the run ends')
def _(world):
    world.write('spin.wat', SPIN.encode())
    done = world.run('--trace', 'trace.json', '--invoke', 'boom()', 'spin.wat')
    expect(done.returncode == 134, done)
    expect(any(e['args']['outcome'] == 'not resolved' for e in named(
        events(world), 'task')), 'the task that trapped')
    done = world.run('--trace', 'trace.json', '--timeout', '1', '--invoke', 'spin()',
                     'spin.wat')
    expect(done.returncode == 124 and named(events(world), 'task'), done)
    for args in (('--invoke', 'spin()', 'spin.wat'),
                 (world.url('~wrong=status&status=503/ext.wasm?slow'),
                  '--http-retries', '9')):
        args = args if args[0] == '--invoke' else args[1:] + args[:1]
        run = subprocess.Popen(world.command('--trace', 'trace.json', *args),
                               cwd=world.folder, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE)
        while not os.path.exists(world.path('trace.json')) and run.poll() is None:
            time.sleep(0.02) # it is about to call
        time.sleep(0.7)
        run.send_signal(signal.SIGINT)
        _, err = run.communicate(timeout=TIMEOUT)
        expect(run.returncode == 130, err)
        expect(named(events(world), 'task'), args)
    done = world.run('--trace', 'trace.json', '--data', 'input=x.bin', 'ext.wasm')
    expect(done.returncode == 64, done)
    events(world)


@check('trace: files that cannot be written')
def _(world):
    for path, code in (('/dev/full', 74), ('no/such/folder/t.json', 74)):
        done = world.run('--trace', path, 'ext.wasm')
        expect(done.returncode == code, done)
        expect(done.stderr.count(b'cannot write ' + path.encode()) == 1, done)
    world.write('spin.wat', SPIN.encode())
    done = world.run('--trace', '/dev/full', '--invoke', 'boom()', 'spin.wat')
    expect(done.returncode == 134 and b'No space left' in done.stderr, done)


# --- How far it is -------------------------------------------------------------------

CLEAR = '\r\x1b[K'


def on_terminal(world, *args, term='xterm', out=False, end=None):
    """The exit code, and what is written to a terminal by a run: its standard
    error, and its standard output if `out` says so."""
    run, controller = terminal.start(world.command(*args), world.folder, term=term, stdout=out)
    began = time.monotonic()

    def turn():
        nonlocal end
        if end is not None and time.monotonic() > began + 2.5:
            run.send_signal(end)
            end = None

    text = terminal.read(controller, run, TIMEOUT, turn)
    return run.returncode, text.decode()


def shown(text):
    return re.findall(r'\r([^\r\x1b]+)\x1b\[K', text)


def slow(world, name, ms=1600):
    return world.url(f'~latency={ms}/{name}')


@check('progress: fetching takes a while')
def _(world):
    code, text = on_terminal(world, slow(world, 'ext.wasm'))
    expect(code == 0, text)
    lines = shown(text)
    expect(lines and text.endswith(CLEAR) and '\n' not in text, repr(text))
    for line in lines:
        expect(re.match(r'fetching  ( *\[#*-*\])? *\d+%  [\d.]+ \w+ of [\d.]+ \w+'
                        r'(  [\d.]+ \w+/s  \d+:\d\d left)?$', line), line)
        expect(len(line) <= 79, line)


@check('progress: nothing on what is no terminal, cannot draw, or is quick')
def _(world):
    done = world.run(slow(world, 'ext.wasm'))
    expect((done.returncode, done.stderr) == (0, b''), done)
    expect(on_terminal(world, slow(world, 'ext.wasm'), term='dumb') == (0, ''), 'dumb')
    began = time.monotonic()
    code, text = on_terminal(world, world.url('ext.wasm'))
    expect(code == 0 and (text == '' or time.monotonic() - began > 1), repr(text))
    expect(on_terminal(world, 'ext.wasm') == (0, ''), 'a local file')


@check('progress: gone before messages')
def _(world):
    code, text = on_terminal(world, slow(world, 'ext.wasm', 20000).replace(
        '~', '~times=9&'), end=signal.SIGINT)
    expect(code == 130 and shown(text), (code, text))
    expect(re.search(re.escape(CLEAR) + 'sluice: interrupted\r\n$', text), repr(text))
    code, text = on_terminal(world, slow(world, 'ext.wasm').replace(
        '~', '~wrong=status&status=404&'))
    expect(code == 1 and shown(text), (code, text))
    expect(CLEAR + 'sluice: data fault' in text, repr(text))


@check('progress: and the output of a guest on the same terminal')
def _(world):
    for piece in ('one\ntwo\n', 'a line\nand more\n'):
        lines = piece * (2000000 // len(piece))
        world.write('lines.txt', lines.encode())
        code, text = on_terminal(world, '--data', 'input=' + slow(world, 'lines.txt', 1200),
                                 'imports.wat', out=True)
        expect(code == 0 and shown(text), repr(text[:500]))
        plain = re.sub(r'\r[^\r\n\x1b]*\x1b\[K', '', text)
        expect(plain.replace('\r\n', '\n') == lines, repr(plain[:500]))
        # What is drawn is behind a line feed, or where the last one stood; what the
        # guest writes never follows it, but for what takes it away.
        drawn = list(re.finditer(r'\r[^\r\n\x1b]+\x1b\[K', text))
        for match in drawn:
            before, after = text[:match.start()][-4:], text[match.end():][:1]
            expect(before == '' or before.endswith(('\n', '\x1b[K')), repr(before))
            expect(after in ('', '\r'), repr(after))
        if len(piece) == 8: # every write ends with a line: it comes again
            expect(drawn[-1].start() > text.index('two'), repr(text[:500]))


def main():
    failures = passed = 0
    with tempfile.TemporaryDirectory(prefix='sluice-observe-') as folder:
        world = World(folder)
        try:
            for name, function in CHECKS:
                if not PATTERN.search(name):
                    continue
                try:
                    function(world)
                    passed += 1
                except (AssertionError, subprocess.TimeoutExpired) as why:
                    failures += 1
                    print(f'FAILED {name}: {why}')
        finally:
            world.close()
    print(f'{passed} passed, {failures} failed')
    return 1 if failures or not passed else 0


sys.exit(main())
