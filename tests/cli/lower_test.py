#!/usr/bin/env python3
"""Lowering: components without core:data that do the same, here and in another
runtime. Run like cli_test.py, whose fixture it uses.

The group lower_wasmtime needs wasmtime's Python package, in this interpreter or
in that which SLUICE_WASMTIME_PYTHON names; without it is skipped.
"""
import json
import os
import random
import re
import shutil
import subprocess
import sys

from cli_test import INVALID, IO, UNSUPPORTED, USAGE, Failure, Skip, main

HERE = os.path.dirname(os.path.abspath(__file__))

# A range out of bounds traps with the words of `unreachable`.
TRAPS = ('out of bounds data segment access', 'data segment too large')
# What the reference suite (trap-on-reenter.wast) wants of calls between a component
# and its children; wasmtime lets them pass.
CHILD_TRAPS = 'cannot enter component instance'
# Not expressible: external segments; data imports of core modules; stream.forward's
# gate has to be on. And in
# zero-length.wast the last bytes are asked for together with the end after a
# read of no bytes: a standard stream reports that end by a read of its own.
SKIPPED = {'core-import.wast', 'external-faults.wast', 'external-frames.wast', 'external-reads.wast',
           'external.wast', 'forwarded.wast', 'large.wast', 'zero-length.wast'}

# Reads its own segment in pieces of at most n bytes: sum() hashes a range, two()
# two overlapping streams in turns; dropped() drops streams that have more.
OWN = '''(component
  (core data $d "%s")
  (core module $Memory (memory (export "memory") 3))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (type $bytes (stream u8))
  (core func $open (canon data.read $d))
  (core func $size (canon data.size $d))
  (core func $prefetch (canon data.prefetch $d i64))
  (core func $read (canon stream.read $bytes (memory $mem)))
  (core func $drop (canon stream.drop-readable $bytes))
  (core module $Main
    (import "" "memory" (memory 3))
    (import "" "open" (func $open (param i32 i32) (result i32)))
    (import "" "size" (func $size (result i32)))
    (import "" "prefetch" (func $prefetch (param i64 i64)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    ;; One read of at most $n bytes: a hash of all so far, and whether there may
    ;; be more.
    (func $some (param $s i32) (param $n i32) (param $hash i32) (result i32 i32)
      (local $result i32) (local $i i32)
      (local.set $result (call $read (local.get $s) (i32.const 0) (local.get $n)))
      (loop $next
        (if (i32.lt_u (local.get $i) (i32.shr_u (local.get $result) (i32.const 4)))
          (then
            (local.set $hash (i32.add (i32.mul (local.get $hash) (i32.const 31))
              (i32.load8_u (local.get $i))))
            (local.set $i (i32.add (local.get $i) (i32.const 1)))
            (br $next))))
      (local.get $hash)
      (i32.eqz (i32.and (local.get $result) (i32.const 15))))
    (func (export "sum") (param $start i32) (param $len i32) (param $n i32) (result i32)
      (local $s i32) (local $hash i32)
      (local.set $s (call $open (local.get $start) (local.get $len)))
      (loop $more
        (call $some (local.get $s) (local.get $n) (local.get $hash))
        (local.set $start)
        (local.set $hash)
        (br_if $more (local.get $start)))
      (call $drop (local.get $s))
      (local.get $hash))
    (func (export "dropped") (param $n i32) (result i32)
      (local $s i32)
      (local.set $s (call $open (i32.const 0) (call $size)))
      (drop (call $read (local.get $s) (i32.const 0) (local.get $n)))
      (call $drop (local.get $s))
      (call $drop (call $open (i32.const 0) (local.get $n)))
      (call $size))
    (func (export "two") (param $n i32) (result i32)
      (local $a i32) (local $b i32) (local $hash-a i32) (local $hash-b i32) (local $more-a i32)
      (local $more-b i32)
      (local.set $a (call $open (i32.const 1) (i32.sub (call $size) (i32.const 1))))
      (local.set $b (call $open (i32.const 0) (i32.sub (call $size) (i32.const 1))))
      (local.set $more-a (i32.const 1))
      (local.set $more-b (i32.const 1))
      (loop $next
        (if (local.get $more-a)
          (then
            (call $some (local.get $a) (local.get $n) (local.get $hash-a))
            (local.set $more-a)
            (local.set $hash-a)))
        (if (local.get $more-b)
          (then
            (call $some (local.get $b) (local.get $n) (local.get $hash-b))
            (local.set $more-b)
            (local.set $hash-b)))
        (br_if $next (i32.or (local.get $more-a) (local.get $more-b))))
      (call $drop (local.get $a))
      (call $drop (local.get $b))
      (i32.xor (local.get $hash-a) (local.get $hash-b)))
    (func (export "ask") (param $start i32) (param $len i32) (result i32)
      (call $prefetch (i64.extend_i32_u (local.get $start)) (i64.extend_i32_u (local.get $len)))
      (call $size)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "memory" (memory $mem)) (export "open" (func $open))
    (export "size" (func $size)) (export "prefetch" (func $prefetch))
    (export "read" (func $read)) (export "drop" (func $drop))))))
  (func (export "sum") async (param "start" u32) (param "len" u32) (param "n" u32) (result u32)
    (canon lift (core func $main "sum")))
  (func (export "dropped") async (param "n" u32) (result u32)
    (canon lift (core func $main "dropped")))
  (func (export "two") async (param "n" u32) (result u32)
    (canon lift (core func $main "two")))
  (func (export "ask") (param "start" u32) (param "len" u32) (result u32)
    (canon lift (core func $main "ask"))))'''

# Types and resources that have names, exported beside functions that use them.
NAMED = '''(component
  (core data $d "0123456789")
  (core func $size (canon data.size $d))
  (core module $M
    (import "" "size" (func $size (result i32)))
    (func (export "get") (result i32) (call $size))
    (func (export "same") (param i32) (result i32) (local.get 0))
    (func (export "of") (param i32) (result i32) (call $size)))
  (core instance $m (instantiate $M (with "" (instance (export "size" (func $size))))))
  (type $point (record (field "x" u32)))
  (export $named "point" (type $point))
  (type $r (resource (rep i32)))
  (export $r-named "r" (type $r))
  (core func $new (canon resource.new $r))
  (func (export "get") (result $named) (canon lift (core func $m "get")))
  (func (export "same") (param "p" (tuple $named)) (result $named)
    (canon lift (core func $m "same")))
  (func (export "[constructor]r") (param "n" u32) (result (own $r-named))
    (canon lift (core func $new)))
  (func (export "[method]r.of") (param "self" (borrow $r-named)) (result u32)
    (canon lift (core func $m "of"))))'''

OUTER = '''(component
  (import "given" (core data $given))
  (component (alias outer 1 $given (core data $d)) (core func (canon data.size $d))))'''


def lowered(t, source, out='low.wasm'):
    t.run('lower', '--force', '-o', out, source)
    t.equal((t.out, t.err), (b'', ''))
    return t.path(out)


def same(t, one, other, *calls):
    for call in calls:
        args = () if call is None else ('--invoke', call)
        t.run('run', *args, one)
        want = t.out
        t.run('run', *args, other)
        t.equal(t.out, want)
        t.true(want != b'', f'{call} gives nothing')


def own(t, size):
    text = ''.join('\\%02x' % b for b in t.text(size))
    t.write('own.wat', OWN % text)
    lowered(t, 'own.wat')


# --- Here ------------------------------------------------------------------

def test_lower__examples(t):
    for size in (0, 1, 43, 65535, 65536, 65537, 300000):
        t.write('in', t.text(size)[:size])
        t.bundle(t.example('forward/forward.wat'), 'f.wasm', input='in')
        lowered(t, 'f.wasm')
        t.run('run', 'low.wasm')
        t.equal(t.out, t.read('in'))
        t.true(os.path.getsize(t.path('low.wasm')) < size + 8000, 'padding stays')
        t.bundle(t.example('relay/relay.wat'), 'r.wasm', text='in')
        lowered(t, 'r.wasm')
        same(t, 'r.wasm', 'low.wasm', 'sum()')


def test_lower__own_segment(t):
    for size in (1, 100, 70000):
        own(t, size)
        size = len(t.text(size))
        same(t, 'own.wat', 'low.wasm', f'sum(0, {size}, 7)', f'sum(0, {size}, 100000)',
             f'sum({size}, 0, 1)', f'sum(1, {size - 1}, 4096)', 'dropped(1)', 'two(5)',
             f'two({size})', f'ask(0, {size})')
        for call in (f'sum(1, {size}, 7)', f'sum({size + 1}, 0, 1)', 'sum(4294967295, 2, 1)',
                     f'ask(0, {size + 1})'):
            t.run('run', '--invoke', call, 'own.wat', code=134)
            t.run('run', '--invoke', call, 'low.wasm', code=134)


def test_lower__under_seeds(t):
    own(t, 70000)
    size = len(t.text(70000))
    for call in (f'sum(0, {size}, 9999)', 'two(3000)', 'dropped(66000)'):
        t.run('run', '--invoke', call, 'own.wat')
        want = t.out
        for seed in range(1, 12):
            t.run('run', '--seed', str(seed), '--invoke', call, 'low.wasm')
            t.equal(t.out, want)


def test_lower__names_of_types(t):
    t.write('n.wat', NAMED)
    lowered(t, 'n.wat')
    same(t, 'n.wat', 'low.wasm', 'get()', 'same(({x: 3}))')
    t.run('run', '--invoke', '[constructor]r(3)', '--invoke', '[method]r.of(#1)', 'low.wasm')
    t.equal(t.out, b'#1\n10\n')


def test_lower__imports_become_instances(t):
    t.write('i.wat', '(component (import "a" (core data $a)) (export "b" (core data $a)))')
    lowered(t, 'i.wat')
    t.run('inspect', '--json', 'low.wasm')
    found = {(i['how'], i.get('name')): i['sort'] for i in json.loads(t.out)
             if i['how'] in ('import', 'export')}
    t.equal(found, {('import', 'a'): 'instance', ('export', 'b'): 'instance'})


def test_lower__a_plan_is_left_out(t):
    t.write('in', 'text')
    t.bundle(t.example('forward/forward.wat'), 'f.wasm', input='in')
    t.write('plan', '0 0 4\n')
    t.run('optimize', '--plan', 'plan', '-o', 'p.wasm', 'f.wasm')
    lowered(t, 'f.wasm')
    want = t.read('low.wasm')
    lowered(t, 'p.wasm')
    t.true(b'load-plan' in t.read('p.wasm') and t.read('low.wasm') == want, 'the plan is there')


def test_lower__without_segments_nothing_changes(t):
    t.write('p.wat', '(component (component (type (enum "x" "y")) (export "a" (type 0))))')
    t.run('parse', '-o', 'p.wasm', 'p.wat')
    lowered(t, 'p.wasm')
    t.run('print', 'p.wasm')
    want = t.out
    t.run('print', 'low.wasm')
    t.equal(t.out, want)


def test_lower__refuses(t):
    t.write('o.wat', OUTER)
    t.run('lower', '-o', 'x.wasm', 'o.wat', code=UNSUPPORTED)
    t.says('core data 0 of an outer component is imported', '`with`')
    t.write('v.wat', '(component (import "core-data-segment-9" (func)) (core data $d "a")'
            ' (core func (canon data.size $d)))')
    t.run('lower', '-o', 'x.wasm', 'v.wat', code=UNSUPPORTED)
    t.says('has a name that lowering uses')
    t.write('bad.wat', '(component (core func (canon data.size 0)))')
    t.run('lower', '-o', 'x.wasm', 'bad.wat', code=INVALID)
    t.run('lower', 'bad.wat', code=USAGE)
    t.write('m.wat', '(component (core data $d "a") (core module $M (import "d" "x" (data)))'
            ' (core instance (instantiate $M (with "d" (instance (export "x" (core data $d)))))))')
    t.run('lower', '-o', 'x.wasm', 'm.wat', code=UNSUPPORTED)
    t.says('core module 0 imports data segments')
    t.equal(sorted(os.listdir(t.folder)), ['bad.wat', 'm.wat', 'o.wat', 'v.wat'])


def test_lower__too_large(t):
    """What no core module may have is refused before anything is written."""
    with open(t.path('big'), 'wb') as f:
        f.truncate(257 << 20)
    t.bundle(t.example('forward/forward.wat'), 'f.wasm', input='big')
    t.run('lower', '-o', 'x.wasm', 'f.wasm', code=UNSUPPORTED)
    t.says('core data 0 has 269484032 bytes', 'at most')
    with open(t.path('big'), 'r+b') as f:
        f.truncate((256 << 20) - 65536)
    t.bundle(t.example('forward/forward.wat'), 'f.wasm', input='big')
    t.run('lower', '-o', 'x.wasm', 'f.wasm')


def test_lower__external_segments(t):
    """They are brought in on the way, and checked."""
    text = t.text(300000)
    t.write('in', text)
    for args in ((), ('--zstd', '3', '--chunk', '64K')):
        t.run('bundle', '--force', '--data', 'input=in', '--external', 'd', *args, '-o', 'f.wasm',
              t.example('forward/forward.wat'))
        lowered(t, 'f.wasm')
        t.run('run', 'low.wasm')
        t.equal(t.out, text)
        t.true(os.path.getsize(t.path('low.wasm')) < 308000, 'something is there twice')
        name, = [n for n in os.listdir(t.path('d')) if n.endswith('zst') == bool(args)]
        data = bytearray(t.read('d/' + name))
        data[100000 if not args else 5000] ^= 4
        t.write('d/' + name, data)
        t.run('lower', '-o', 'x.wasm', 'f.wasm', code=INVALID)
        t.says('data fault', name.replace('.', r'\.'))
        t.write('d/' + name, data[:1000])
        t.run('lower', '-o', 'x.wasm', 'f.wasm', code=INVALID)
        os.remove(t.path('d/' + name))
        t.run('lower', '-o', 'x.wasm', 'f.wasm', code=IO)
        t.says('No such file')
        t.true(not os.path.exists(t.path('x.wasm')), 'left behind')
    own = OWN % ''.join('\\%02x' % b for b in t.text(70000))
    t.write('own.wat', own)
    t.run('externalize', '--dir', 'd', '-o', 'own.wasm', 'own.wat')
    lowered(t, 'own.wasm')
    size = len(t.text(70000))
    same(t, 'own.wat', 'low.wasm', f'sum(0, {size}, 7)', f'two({size})')


def model(t, size=65536):
    t.write('weights', bytes(random.Random(3).randbytes(size)))
    t.bundle(t.example('model/model.wat'), 'm.wasm', weights='weights')
    lowered(t, 'm.wasm')


def test_lower__model(t):
    model(t)
    same(t, 'm.wasm', 'low.wasm', 'infer(4, 1, true)', 'infer(16, 0, true)', 'infer(8, 2, false)')


def test_lower__wordcount(t):
    if shutil.which('clang') is None or shutil.which('wasm-ld') is None:
        raise Skip('no clang for wasm32')
    t.write('text', t.text(200000))
    p = subprocess.run([t.example('wordcount/build.sh'), t.sluice, t.path('text'),
                        t.path('w.wasm')], capture_output=True, timeout=120)
    t.equal((p.returncode, p.stderr), (0, b''))
    lowered(t, 'w.wasm')
    same(t, 'w.wasm', 'low.wasm', None)


def test_lower__output_is_whole_or_not_there(t):
    t.write('own.wat', OWN % 'abc')
    t.write('there.wasm', 'kept')
    t.run('lower', '-o', 'there.wasm', 'own.wat', code=IO)
    t.equal(t.read('there.wasm'), b'kept')
    t.run('lower', '--force', '-o', 'there.wasm', 'own.wat')
    t.run('lower', '-o', 'no/such/folder.wasm', 'own.wat', code=IO)


# --- Scripts -----------------------------------------------------------------

def end_of_form(text, i):
    """Where the form that begins at text[i] ends."""
    depth = 0
    while True:
        if text.startswith(';;', i):
            i = text.index('\n', i)
        elif text.startswith('(;', i):
            i = text.index(';)', i) + 1
        elif text[i] == '"':
            i = re.compile(r'"(?:[^"\\]|\\.)*"', re.S).match(text, i).end() - 1
        else:
            depth += {'(': 1, ')': -1}.get(text[i], 0)
            if depth == 0:
                return i + 1
        i += 1


def forms(text):
    i = 0
    while i < len(text):
        if text.startswith(';;', i):
            i = text.find('\n', i) % (len(text) + 1) + 1
        elif text[i] == '(':
            end = end_of_form(text, i)
            yield text[i:end]
            i = end
        else:
            i += 1


HEAD = re.compile(r'\(component(\s+definition\b)?(\s+\$\S+)?\s*(?=[();])')


def lowered_script(t, path):
    """The forms of a script, its components lowered: (form, component) pairs."""
    with open(path) as f:
        text = f.read()
    for number, form in enumerate(forms(text)):
        head = HEAD.match(form)
        if re.match(r'\(assert_(invalid|malformed|unlinkable)', form):
            continue
        if head is None:
            if form.startswith('(assert_trap (invoke'):
                for words in TRAPS:
                    form = form.replace(words, 'unreachable')
            yield form, None
            continue
        t.write('c.wat', '(component ' + form[head.end():])
        name = lowered(t, 'c.wat', f'c{number}.wasm')
        bytes_ = ''.join('\\%02x' % b for b in t.read(f'c{number}.wasm'))
        yield f'(component{head[1] or ""}{head[2] or ""} binary "{bytes_}")', (head[2], name)


def scripts(t):
    folder = os.path.join(t.root, 'tests', 'wast', 'data')
    for name in sorted(os.listdir(folder)):
        if name.endswith('.wast') and name not in SKIPPED:
            yield os.path.join(folder, name)


def test_lower_wast__data_suite(t):
    total = 0
    for path in scripts(t):
        script = [form for form, _ in lowered_script(t, path)]
        t.write('low.wast', '\n'.join(script))
        t.run('wast', 'low.wast', code=None, timeout=300)
        passed = re.search(r'(\d+) passed, 0 failed, 0 skipped', t.out.decode())
        t.true(passed is not None, f'{path}: {t.out[-1000:]}')
        total += int(passed[1])
    print(f'{total} commands of lowered scripts passed')
    t.true(total > 700, f'only {total} commands')


# --- In wasmtime -------------------------------------------------------------

def wasmtime(t, component, calls):
    """The result, or the error, of each call, one after another in one
    instance."""
    python = os.environ.get('SLUICE_WASMTIME_PYTHON', sys.executable)
    runner = os.path.join(HERE, 'wasmtime_run.py')
    p = subprocess.run([python, runner, component, json.dumps(calls)], cwd=t.folder,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
    if p.returncode == 77:
        raise Skip(f'no wasmtime package for {python}')
    if p.returncode != 0:
        raise Failure(f'{component}: {p.stderr.decode()[:1500]}')
    return json.loads(p.stdout)


def test_lower_wasmtime__own_segment(t):
    for size in (100, 70000):
        own(t, size)
        size = len(t.text(size))
        calls = [['sum', 0, size, 7], ['sum', 3, size - 9, 100000], ['dropped', 50], ['two', 33],
                 ['ask', 0, size], ['sum', size, 0, 1]]
        args = []
        for name, *numbers in calls:
            args += ['--invoke', f'{name}({", ".join(map(str, numbers))})']
        t.run('run', *args, 'own.wat')
        want = [{'ok': int(line)} for line in t.out.split()]
        t.equal(wasmtime(t, 'low.wasm', calls), want)
        for call in (['sum', 1, size, 7], ['sum', 2 ** 32 - 1, 2, 1], ['ask', 0, size + 1]):
            t.true('unreachable' in wasmtime(t, 'low.wasm', [call])[0].get('error', ''), call)


def test_lower_wasmtime__examples(t):
    t.write('in', t.text(200000))
    t.bundle(t.example('relay/relay.wat'), 'r.wasm', text='in')
    lowered(t, 'r.wasm')
    t.run('run', '--invoke', 'sum()', 'r.wasm')
    t.equal(wasmtime(t, 'low.wasm', [['sum']]), [{'ok': int(t.out)}])
    t.bundle(t.example('forward/forward.wat'), 'f.wasm', input='in')
    lowered(t, 'f.wasm')
    t.equal(wasmtime(t, 'low.wasm', []), [])  # compiled: its imports are not there


def test_lower_wasmtime__model(t):
    model(t)
    calls = [['infer', 4, 1, True], ['infer', 8, 0, True], ['infer', 8, 2, False]]
    invokes = []
    for name, layers, times, ahead in calls:
        invokes += ['--invoke', f'{name}({layers}, {times}, {str(ahead).lower()})']
    t.run('run', *invokes, 'm.wasm')
    t.equal(wasmtime(t, 'low.wasm', calls), [{'ok': int(line)} for line in t.out.split()])


def test_lower_wasmtime__names_of_types(t):
    t.write('n.wat', NAMED)
    lowered(t, 'n.wat')
    t.equal(wasmtime(t, 'low.wasm', []), [])


ASSERT = re.compile(r'\(assert_(return|trap)\s*\(invoke "([^"]+)"((?:\s*\(u32\.const \w+\))*)\)'
                    r'\s*(?:\((u32|str)\.const "?([^")]*)"?\))?[^()]*\)$', re.S)


def test_lower_wasmtime__data_suite(t):
    """Every call that takes numbers and gives a number or a string."""
    total = 0
    for path in scripts(t):
        defined, current, runs = {}, None, []
        for form, made in lowered_script(t, path):
            if made is not None:
                defined[(made[0] or '').strip()] = current = made[1]
                runs.append((current, [], []))
            m = re.match(r'\(component instance \S+ (\$\S+)\)', form)
            if m is not None:
                runs.append((defined[m[1]], [], []))
            m = ASSERT.match(form)
            if m is None or not runs or CHILD_TRAPS in form:
                continue
            args = [int(n, 0) for n in re.findall(r'const (\w+)', m[3])]
            want = {'trap': True} if m[1] == 'trap' else {
                'ok': None if m[4] is None else int(m[5], 0) if m[4] == 'u32' else m[5]}
            runs[-1][1].append([m[2], *args])
            runs[-1][2].append(want)
        for component, calls, wants in runs:
            if not calls:
                continue
            results = wasmtime(t, component, calls)
            for call, want, have in zip(calls, wants, results):
                if have == {'ok': 'a result of another type'}:
                    continue
                good = 'error' in have if 'trap' in want else have == want
                t.true(good, f'{os.path.basename(path)}: {call} gives {have}, not {want}')
                total += 1
    print(f'{total} calls of lowered scripts agree in wasmtime')
    t.true(total > 100, f'only {total} calls')


if __name__ == '__main__':
    sys.exit(main(globals()))
