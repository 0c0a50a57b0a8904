#!/usr/bin/env python3
"""Data segments between components and files, as a user moves them: bundle,
externalize, internalize, inspect. Run like cli_test.py, whose fixture it uses.
"""
import functools
import hashlib
import http.server
import json
import os
import random
import re
import resource
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time

from cli_test import (IO, INTERRUPTED, INVALID, NO_INPUT, OK, UNSUPPORTED, USAGE, Failure, Skip,
                      main)
import terminal # which cli_test makes found

NESTED = '''(component
  (core data $a "%s")
  (core data "small")
  (component $inner
    (core data $b "%s")
    (core func $read (canon data.read $b))
    (core module $M
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (func (export "get") (result i32) (call $read (i32.const 0) (i32.const %d))))
    (core instance $m (instantiate $M (with "" (instance (export "read" (func $read))))))
    (func (export "get") (result (stream u8)) (canon lift (core func $m "get"))))
  (instance $i (instantiate $inner))
  (export "get" (func $i "get")))'''


def nested(t, name='n.wat', size=100000):
    """A component with three segments; get() gives the one that is nested."""
    inner = t.text(size, seed=7)
    escape = lambda data: ''.join('\\%02x' % b if b < 32 else chr(b) for b in data)
    t.write(name, NESTED % (escape(t.text(70000)), escape(inner), size))
    return inner


def segments(t, path, *args):
    t.run('inspect', '--json', *args, path)
    return [i for i in json.loads(t.out) if i['sort'] == 'core data' and i['how'] == 'definition']


def left(t, *names):
    """Nothing is in the folder but these."""
    t.equal(sorted(os.listdir(t.folder)), sorted(names))


# --- externalize and internalize ---------------------------------------------

def test_segments__out_and_in_again(t):
    inner = nested(t)
    t.run('parse', '-o', 'n.wasm', 'n.wat')
    for source in ('n.wat', 'n.wasm'):
        for args in ((), ('--zstd', '1'), ('--zstd', '19', '--chunk', '4K'), ('--chunk', '65536')):
            t.run('externalize', '--dir', 'data', *args, '-o', 'x.wasm', source)
            t.equal((t.out, t.err), (b'', ''))
            suffix = '.zst' if '--zstd' in args else ''
            t.equal(sorted(os.listdir(t.path('data'))),
                    ['x-0.data' + suffix, 'x-1.data' + suffix])
            t.true(os.path.getsize(t.path('x.wasm')) < 6000, 'payload stayed')
            t.run('run', '--invoke', 'get()', 'x.wasm')
            t.equal(t.out, inner)
            t.run('internalize', '-o', 'y.wasm', 'x.wasm')
            t.run('run', '--invoke', 'get()', 'y.wasm')
            t.equal(t.out, inner)
            t.run('print', '-o', 'y.wat', 'y.wasm')
            t.run('print', '-o', 'n2.wat', 'n.wasm')
            t.equal([s for s in t.read('y.wat').split(b'\n') if b'(core data' in s],
                    [s for s in t.read('n2.wat').split(b'\n') if b'(core data' in s])
            os.remove(t.path('x.wasm'))
            os.remove(t.path('y.wasm'))
            shutil.rmtree(t.path('data'))


def test_segments__of_core_modules(t):
    """A core module imports the second of two: whatever becomes of them, the gate
    is that of who runs or looks."""
    t.write('c.wat', '''(component
      (import "e" (core data $e))
      (core data $d "first")
      (core module $m
        (import "m" "d" (data $d)) (import "m" "e" (data $e))
        (memory 1)
        (func (export "get") (result i32)
          (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1))
          (memory.init $e (i32.const 1) (i32.const 3) (i32.const 3))
          (i32.load (i32.const 0))))
      (core instance $i (instantiate $m
        (with "m" (instance (export "d" (data $d)) (export "e" (data $e))))))
      (func (export "get") (result u32) (canon lift (core func $i "get"))))''')
    want = b'%d\n' % int.from_bytes(b'fond', 'little')
    t.bundle('c.wat', 'b.wasm', e=t.write('second', b'second'))
    t.run('bundle', '--data', 'e=second', '--external', 'out', '-o', 'x.wasm', 'c.wat')
    t.run('externalize', '--dir', 'd', '--min-size', '1', '-o', 'e.wasm', 'b.wasm')
    t.run('externalize', '--dir', 'd', '--min-size', '1', '--zstd', '1', '-o', 'z.wasm', 'b.wasm')
    t.run('internalize', '-o', 'i.wasm', 'z.wasm')
    t.run('run', '--features', 'core-data', '--record-loads', 'plan', '--invoke', 'get()', 'e.wasm')
    t.run('optimize', '--plan', 'plan', '-o', 'o.wasm', 'e.wasm')
    for name in ('b.wasm', 'x.wasm', 'e.wasm', 'z.wasm', 'i.wasm', 'o.wasm'):
        t.run('run', '--features', 'core-data', '--invoke', 'get()', name)
        t.equal(t.out, want)
        for command in ('validate', 'inspect'):
            t.run(command, name, code=INVALID)
            t.says('unsupported feature `core-data`: an import of data')
            t.run(command, '--features', 'core-data', name)
    t.run('lower', '-o', 'l.wasm', 'b.wasm', code=UNSUPPORTED)
    t.says('imports data segments', '`core-data`')


def test_segments__min_size(t):
    nested(t)
    t.run('externalize', '--dir', '.', '--min-size', '0', '-o', 'x.wasm', 'n.wat')
    t.equal(sorted(f for f in os.listdir(t.folder) if f.endswith('data')),
            ['x-0.data', 'x-1.data', 'x-2.data'])
    t.equal(t.read('x-1.data'), b'small')
    t.run('externalize', '--dir', '.', '--min-size', '80K', '-o', 'z.wasm', 'n.wat')
    t.equal(sorted(f for f in os.listdir(t.folder) if f.startswith('z')), ['z-0.data', 'z.wasm'])


def test_segments__other_tools_read_the_file(t):
    if shutil.which('zstd') is None:
        raise Skip('no zstd command')
    text = t.text(1_000_001)
    t.bundle(t.example('forward/forward.wat'), 'f.wasm', input=t.write('in', text))
    for chunk, frames in (('4K', 245), ('1M', 1)):
        t.run('externalize', '--dir', 'd', '--zstd', '3', '--chunk', chunk, '-o', 'x.wasm', 'f.wasm',
              '--force')
        file = t.path('d/x-0.data.zst')
        p = subprocess.run(['zstd', '-dc', file], capture_output=True)
        t.equal((p.returncode, p.stdout == text), (0, True))
        p = subprocess.run(['zstd', '-lv', file], capture_output=True, text=True)
        t.true(re.search(rf'# Zstandard Frames: {frames}\n', p.stdout), p.stdout)
        t.true('# Skippable Frames: 1\n' in p.stdout, p.stdout)
        # the seek table says where every frame is
        data = t.read('d/x-0.data.zst')
        n, flags, magic = struct.unpack('<IBI', data[-9:])
        t.equal((n, flags, magic), (frames, 0, 0x8F92EAB1))
        table = data[-9 - 8 * n - 8:-9]
        t.equal(struct.unpack('<II', table[:8]), (0x184D2A5E, 8 * n + 9))
        at = out = 0
        for i in range(n):
            stored, size = struct.unpack_from('<II', table, 8 + 8 * i)
            if i % 50 == 0:
                p = subprocess.run(['zstd', '-dc'], input=data[at:at + stored], capture_output=True)
                t.true(p.stdout == text[out:out + size], f'frame {i}')
            at, out = at + stored, out + size
        t.equal((at, out), (len(data) - 9 - 8 * n - 8, len(text)))


def test_segments__digests_are_of_the_content(t):
    text = t.text(10000)
    want = [hashlib.sha256(text[i:i + 4096]).digest() for i in range(0, 10000, 4096)]
    for args in ((), ('--zstd', '5')):
        t.run('bundle', '--data', 'input=' + t.write('in', text), '--external', '.', '--chunk', '4K',
              *args, '--force', '-o', 'x.wasm', t.example('forward/forward.wat'))
        whole = t.read('x.wasm')
        t.true(all(digest in whole for digest in want), 'a digest is missing')
        t.run('run', 'x.wasm')
        t.equal(t.out, text)


def test_segments__wrong_arguments(t):
    t.write('a.wat', '(component)')
    for args, words in (
            (('externalize', '-o', 'x', 'a.wat'), '--dir DIR is needed'),
            (('externalize', '--dir', 'd', 'a.wat'), '-o OUT.wasm is needed'),
            (('externalize', '--dir', 'd', '-o', '', 'a.wat'), '-o OUT.wasm is needed'),
            (('externalize', '--dir', 'd', '-o', 'x'), 'one input file'),
            (('externalize', '--dir', 'd', '-o', 'x', 'a', 'b'), 'one input file'),
            (('externalize', '--zstd', '0', 'a.wat'), '--zstd wants a level from 1 to 22'),
            (('externalize', '--zstd', '23', 'a.wat'), 'not `23`'),
            (('externalize', '--zstd', '3x', 'a.wat'), 'not `3x`'),
            (('externalize', '--chunk', '5000', 'a.wat'), '--chunk wants a power of two'),
            (('externalize', '--chunk', '2K', 'a.wat'), 'from 4K to 1G'),
            (('externalize', '--chunk', '2G', 'a.wat'), 'from 4K to 1G'),
            (('externalize', '--min-size', '-1', 'a.wat'), '--min-size wants'),
            (('externalize', '--min-size', '1X', 'a.wat'), '--min-size wants'),
            (('externalize', '--min-size', '99999999999999999999', 'a.wat'), '--min-size wants'),
            (('externalize', '--min-size', '999999999999T', 'a.wat'), '--min-size wants'),
            (('externalize', '--min-size', '', 'a.wat'), '--min-size wants'),
            (('internalize', 'a.wat'), '-o OUT.wasm is needed'),
            (('internalize', '--zstd', '3', '-o', 'x', 'a.wat'), 'unknown option'),
            (('bundle', '--zstd', '3', '-o', 'x', 'a.wat'), '--external'),
            (('bundle', '--chunk', '64K', '-o', 'x', 'a.wat'), '--external')):
        t.run(*args, code=USAGE)
        t.says(re.escape(words))
    left(t, 'a.wat')


def test_segments__places(t):
    """The folder of the files is at or below that of the output."""
    nested(t)
    os.mkdir(t.path('out'))
    os.mkdir(t.path('other'))
    os.symlink('../other', t.path('out/link'))
    for folder in ('.', 'other', 'out/..', 'out/link', '/'):
        t.run('externalize', '--dir', folder, '-o', 'out/x.wasm', 'n.wat', code=USAGE)
        t.says('not at or below the folder of out/x.wasm')
    t.equal(os.listdir(t.path('other')), [])
    t.equal(os.listdir(t.path('out')), ['link'])
    t.run('externalize', '--dir', 'no/such', '-o', 'x.wasm', 'n.wat', code=IO)
    t.says('no/such: No such file')
    t.run('externalize', '--dir', 'd', '-o', 'no/such/x.wasm', 'n.wat', code=IO)
    t.run('externalize', '--dir', 'n.wat', '-o', 'x.wasm', 'n.wat', code=IO)
    t.says('Not a directory')
    t.write('small.wat', '(component (core data "small"))') # nothing would go there
    t.run('externalize', '--dir', 'n.wat', '-o', 'x.wasm', 'small.wat', code=IO)
    t.says('Not a directory')
    t.run('externalize', '--dir', '', '-o', 'x.wasm', 'n.wat', code=USAGE)
    os.remove(t.path('small.wat'))
    left(t, 'n.wat', 'out', 'other')
    # where the command stands does not matter
    t.run('externalize', '--dir', 'out/d', '-o', t.path('out/x.wasm'), 'n.wat')
    t.run('run', '--invoke', 'get()', 'out/x.wasm')
    p = subprocess.run([t.sluice, 'internalize', '-o', 'y.wasm', 'x.wasm'],
                       cwd=t.path('out'), capture_output=True)
    t.equal((p.returncode, p.stderr), (0, b''))


def test_segments__nothing_is_overwritten(t):
    nested(t)
    t.write('x.wasm', 'mine')
    t.run('externalize', '--dir', 'd', '-o', 'x.wasm', 'n.wat', code=IO)
    t.says(r'x\.wasm: it exists already \(--force')
    os.remove(t.path('x.wasm'))
    os.mkdir(t.path('d'))
    t.write('d/x-1.data', 'mine')
    t.run('externalize', '--dir', 'd', '-o', 'x.wasm', 'n.wat', code=IO)
    t.says(r'd/x-1\.data: it exists already')
    t.equal(t.read('d/x-1.data'), b'mine')
    t.equal(os.listdir(t.path('d')), ['x-1.data'])
    t.run('externalize', '--dir', 'd', '-o', 'x.wasm', 'n.wat', '--force')
    t.run('internalize', '-o', 'x.wasm', 'x.wasm', code=IO)
    t.says('it exists already')
    t.run('internalize', '--force', '-o', 'x.wasm', 'x.wasm')
    t.run('internalize', '-o', '.', 'x.wasm', code=IO)
    t.says('not a regular file')
    for special in ('/dev/full', '/dev/stdout', '.', 'fifo'):
        if special == 'fifo':
            os.mkfifo(t.path('fifo'))
        for command in (('internalize',), ('externalize', '--dir', 'd')):
            t.run(*command, '--force', '-o', special, 'x.wasm', code=None)
            t.true('not a regular file' in t.err or 'folder of' in t.err, t.err)
    left(t, 'n.wat', 'd', 'x.wasm', 'fifo')


def test_segments__bundle_spares_its_inputs(t):
    text = open(t.example('forward/forward.wat'), 'rb').read()
    t.write('f.wat', text)
    t.write('in', b'text')
    os.symlink('f.wat', t.path('link'))
    for out, data in (('f.wat', 'in'), ('in', 'in'), ('link', 'in'), ('./f.wat', 'in')):
        t.run('bundle', '--data', 'input=' + data, '-o', out, 'f.wat', code=IO)
        t.says('is an input of this command')
        t.equal((t.read('f.wat'), t.read('in')), (text, b'text'))
    left(t, 'f.wat', 'in', 'link')
    t.run('bundle', '--force', '--data', 'input=in', '-o', 'link', 'f.wat')
    t.true(not os.path.islink(t.path('link')) and t.read('f.wat') == text, 'not the link')
    t.run('bundle', '--force', '--data', 'input=in', '-o', 'f.wat', 'f.wat')
    t.run('run', 'f.wat')
    t.equal(t.out, b'text')


def test_segments__a_note_when_references_are_left_behind(t):
    nested(t)
    t.run('externalize', '--dir', '.', '--min-size', '90000', '-o', 'x.wasm', 'n.wat')
    os.mkdir(t.path('sub'))
    t.run('externalize', '--dir', 'sub', '-o', 'sub/y.wasm', 'x.wasm')
    t.says('note: 1 external segment still refers to files beside x.wasm')
    t.run('internalize', '-o', 'sub/z.wasm', 'x.wasm')
    t.equal(t.err, '')


def test_segments__bundle_external(t):
    text = t.text(3_000_000)
    data = t.write('in', text)
    forward = t.example('forward/forward.wat')
    for args in ((), ('--zstd', '3'), ('--zstd', '1', '--chunk', '1M')):
        t.run('bundle', '--data', f'input={data}', '--external', 'd e', *args, '-o', 'f.wasm', forward)
        t.run('run', '--stats', 'f.wasm')
        t.equal(t.out, text)
        t.run('bundle', '--data', f'input={data}', '--external', 'd e', *args, '-o', 'f.wasm', forward,
              code=IO)
        t.says('it exists already')
        t.run('run', 'f.wasm')
        t.equal(t.out, text)
        shutil.rmtree(t.path('d e'))
    # the file itself is never the segment's
    t.write('f-input.data', text)
    t.run('bundle', '--data', 'input=f-input.data', '--external', '.', '--force', '-o', 'f.wasm',
          forward, code=IO)
    t.says('an input of this command')
    t.equal(t.read('f-input.data'), text)
    t.run('bundle', '--data', 'input=missing', '--external', 'd', '-o', 'g.wasm', forward, code=IO)
    t.true(not os.path.exists(t.path('d')) and not os.path.exists(t.path('g.wasm')), 'left behind')


# --- everything else stays as it was ------------------------------------------

def number(data, at):
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        shift += 7
        at += 1
        if data[at - 1] < 128:
            return value, at


def tree(data, at=0, end=None):
    """A component without what moving segments may change: padding, how segments
    are packed into sections, lengths."""
    end = len(data) if end is None else end
    out, padding, at = [data[at:at + 8]], [], at + 8
    while at < end:
        kind = data[at]
        size, body = number(data, at + 1)
        at = body + size
        if kind == 0 and data[body:body + 4] == b'\3pad' and not any(data[body + 4:at]):
            padding.append(data[body:at])
            continue
        if kind == 4:
            out.append((kind, tree(data, body, at)))
            continue
        if kind != 13:
            out += [*padding, (kind, data[body:at])]
            padding = []
            continue
        padding = [] # in front of a payload
        n, body = number(data, body)
        for _ in range(n):
            form = data[body]
            if form != 1:
                out.append((13, data[body:at]))
                break
            size, body = number(data, body + 1)
            out.append((13, data[body:body + size]))
            body += size
    return out + padding


def round_trip(t, name, min_size):
    """Out and in again; what came in stays at the next time, byte for byte."""
    for args in ((), ('--zstd', '1', '--chunk', '4K')):
        t.run('externalize', '--force', '--dir', '.', '--min-size', min_size, *args, '-o', 'x.wasm', name)
        t.run('internalize', '--force', '-o', 'y.wasm', 'x.wasm')
        t.true(tree(t.read('y.wasm')) == tree(t.read(name)), f'{name} has changed')
        t.run('externalize', '--force', '--dir', '.', '--min-size', min_size, *args, '-o', 'x2.wasm',
              'y.wasm')
        t.run('internalize', '--force', '-o', 'y2.wasm', 'x2.wasm')
        t.true(t.read('y2.wasm') == t.read('y.wasm'), f'{name}: other bytes the second time')


def test_property__the_data_suite(t):
    from lower_test import HEAD, forms
    folder = os.path.join(t.root, 'tests', 'wast', 'data')
    count = 0
    for file in sorted(os.listdir(folder)):
        if not file.endswith('.wast') or file.startswith('external') or file == 'forwarded.wast':
            continue
        with open(os.path.join(folder, file)) as f:
            text = f.read()
        for form in forms(text):
            head = HEAD.match(form)
            if (head is None or '(external' in form
                    or re.match(r'\(component\s+(binary|quote|instance)', form)):
                continue
            t.write('c.wat', '(component ' + form[head.end():])
            t.run('parse', '-o', 'c.wasm', 'c.wat')
            round_trip(t, 'c.wasm', '0')
            count += 1
    t.true(count > 50, f'only {count} components')


def test_property__real_components(t):
    """Nothing of theirs is a segment: they stay as they are, and so they do around
    and beside segments."""
    folder = os.path.join(t.root, '..', 'shared', 'components')
    if not os.path.isdir(folder):
        raise Skip('no real components')
    found = []
    for top, _, names in os.walk(folder):
        for name in names:
            path = os.path.join(top, name)
            with open(path, 'rb') as f:
                whole = f.read(1 << 24)
            if whole[:8] == b'\0asm\x0d\0\1\0' and len(whole) < 1 << 22:
                found.append((path, whole))
    if not found:
        raise Skip('no real components')
    for path, whole in found[:8 if t.sanitized else 40]:
        if t.run('validate', '--features', 'all', path, code=None) != 0:
            continue
        for command in ('externalize', '--dir', '.'), ('internalize',):
            t.run(*command, '--force', '-o', 'x.wasm', path)
            t.true(t.read('x.wasm') == whole, f'{path} has changed')
        # In front of everything else a segment, unaligned and aligned in turn, and
        # the component inside of another one.
        leb = bytes([len(whole) >> s & 127 | (128 if s < 28 else 0) for s in range(0, 35, 7)])
        segment = b'\x0d\x08\x02\x01\x03abc\x01\x00'
        note = b'\0\x0b\x04notepadded'
        outer = whole[:8] + note + segment + b'\x04' + leb + whole + note + segment
        t.write('c.wasm', outer)
        round_trip(t, 'c.wasm', '0')
        t.run('bundle', '--force', '-o', 'b.wasm', 'c.wasm')
        t.true(t.read('b.wasm') == outer, f'{path}: bundling nothing has changed it')


# --- what is wrong -----------------------------------------------------------

def external(t, *args):
    nested(t)
    t.run('externalize', '--dir', 'd', *args, '-o', 'x.wasm', 'n.wat')


def refused(t, code, *words):
    t.run('internalize', '-o', 'y.wasm', 'x.wasm', code=code)
    t.says(*words)
    t.true(t.err.count('\n') == 1, t.err)
    left(t, 'n.wat', 'x.wasm', 'd')


def test_faults__of_files(t):
    external(t, '--chunk', '16K')
    path, good = t.path('d/x-1.data'), t.read('d/x-1.data')
    for place in (0, 16383, 50000, 99999):
        bad = bytearray(good)
        bad[place] ^= 0x40
        t.write('d/x-1.data', bad)
        low = place // 16384 * 16384
        refused(t, INVALID, rf'd/x-1\.data: data fault: bytes \[{low}, '
                rf'{min(low + 16384, 100000)}\): wrong digest')
        t.run('run', '--invoke', 'get()', 'x.wasm', code=None)
        t.says('data fault: segment ')
    for size in (0, 99999):
        t.write('d/x-1.data', good[:size])
        refused(t, INVALID, f'the file has {size} bytes, not 100000')
    t.write('d/x-1.data', good + b'x')
    refused(t, INVALID, 'the file has 100001 bytes, not 100000')
    os.remove(path)
    refused(t, IO, r'd/x-1\.data: No such file')
    os.mkdir(path)
    refused(t, IO, 'not a regular file')
    os.rmdir(path)
    os.mkfifo(path)
    refused(t, IO, 'not a regular file')
    os.remove(path)
    os.symlink('/etc/passwd', path)
    refused(t, IO, r'd/x-1\.data: it leads out of the directory')
    os.remove(path)
    os.symlink('x-1.data', path)
    refused(t, IO, 'symbolic links')


def test_faults__of_frames(t):
    external(t, '--chunk', '16K', '--zstd', '3')
    good = t.read('d/x-1.data.zst')
    t.write('d/x-1.data.zst', good[:5000])
    refused(t, INVALID, r'bytes \[\d+, \d+\): the file is cut short')
    rng = random.Random(11)
    for _ in range(30):
        bad = bytearray(good)
        bad[rng.randrange(len(good) - 100)] ^= 1 << rng.randrange(8)
        t.write('d/x-1.data.zst', bad)
        if t.run('internalize', '-o', 'y.wasm', 'x.wasm', code=None) == OK:
            t.run('run', '--invoke', 'get()', 'y.wasm')
            t.equal(t.out, t.text(100000, seed=7))
            os.remove(t.path('y.wasm'))
        else:
            t.says(r'data fault: bytes \[')
    t.write('d/x-1.data.zst', good)
    # wrong lengths of frames in the component
    whole = bytearray(t.read('x.wasm'))
    first = struct.unpack_from('<I', good, len(good) - 9 - 8 * 7)[0]
    leb = bytes([first & 0x7f | 0x80, first >> 7])
    place = whole.rindex(leb)
    for wrong, words in ((first - 1, 'the frame is cut short'), (first + 1, 'bytes behind the frame'),
                         (128, 'the frame is cut short')):
        whole[place:place + 2] = bytes([wrong & 0x7f | 0x80, wrong >> 7])
        t.write('x.wasm', whole)
        refused(t, INVALID, words)


def test_faults__of_references(t):
    for reference in ('../d', 'd/../../x', '/etc/passwd', 'http://a/b', '', 'a//b', './a', 'a\\5cb',
                      'a%2fb', 'a%00', 'a\\00b', '%2e%2e/x', 'c:d'):
        t.write('r.wat', f'(component (core data (external "{reference}" (size 0) (chunk 4096))))')
        t.run('internalize', '-o', 'y.wasm', 'r.wat', code=INVALID)
        t.says('invalid core data reference')
        t.run('externalize', '--dir', '.', '-o', 'y.wasm', 'r.wat', code=INVALID)
    left(t, 'r.wat')


def test_faults__of_components(t):
    t.run('parse', '-o', 'm.wasm', '-', stdin=b'(module)')
    t.write('noise', random.Random(3).randbytes(5000))
    t.write('empty', b'')
    external(t)
    whole = t.read('x.wasm')
    for command in (('internalize',), ('externalize', '--dir', 'e')):
        t.run(*command, '-o', 'y.wasm', 'm.wasm', code=None)
        t.says('core module')
        t.run(*command, '-o', 'y.wasm', 'missing', code=NO_INPUT)
        t.run(*command, '-o', 'y.wasm', 'noise', code=INVALID)
        t.run(*command, '-o', 'y.wasm', 'empty', code=INVALID)
        t.run(*command, '-o', 'y.wasm', t.folder, code=None)
        t.says('not a regular file')
        for n in range(8, len(whole), 97 if t.sanitized else 11):
            t.write('cut.wasm', whole[:n])
            code = t.run(*command, '-o', 'y.wasm', 'cut.wasm', code=None)
            if code == OK:  # cut where a section ends, in front of all that counts
                os.remove(t.path('y.wasm'))
            t.true(code in (OK, INVALID), f'cut at {n}: exit {code}')
    t.true(not os.path.exists(t.path('y.wasm')) and not os.path.exists(t.path('e')), 'left behind')


def test_faults__mutants(t):
    """Components with a few wrong bytes end in a file or in a message."""
    external(t, '--chunk', '4K', '--zstd', '1')
    t.run('internalize', '-o', 'i.wasm', 'x.wasm')
    rng = random.Random(23)
    seeds = [bytearray(t.read('x.wasm')), bytearray(t.read('i.wasm'))]
    interesting = [range(len(seeds[0])), [i for i, b in enumerate(seeds[1]) if b][-600:]]
    for n in range(60 if t.sanitized else 200):
        mutant = bytearray(seeds[n % 2])
        for _ in range(rng.randint(1, 3)):
            mutant[rng.choice(interesting[n % 2])] = rng.choice([0, 1, 0x7f, 0x80, 0xff, rng.randrange(256)])
        t.write('m.wasm', mutant)
        for command in (('inspect', '--digests', 'm.wasm'), ('internalize', '-o', 'y.wasm', 'm.wasm'),
                        ('externalize', '--dir', 'e', '--min-size', '0', '-o', 'y.wasm', 'm.wasm')):
            code = t.run(*command, code=None)
            t.true(code in (OK, INVALID, UNSUPPORTED, IO, USAGE, 70), f'exit {code}\n{t.err}')
            t.true((code == OK) == (t.err == '') or 'note:' in t.err, t.err)
            for made in ('y.wasm', 'e'):
                t.true(code == OK or not os.path.exists(t.path(made)), f'{command}: left {made}')
            shutil.rmtree(t.path('e'), ignore_errors=True)
            if os.path.exists(t.path('y.wasm')):
                os.remove(t.path('y.wasm'))


def test_faults__no_room(t):
    """A file system that is full, and a limit on the size of files."""
    external(t, '--zstd', '1')
    limit = lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50000, 50000))
    for command in (('internalize', '-o', 'y.wasm', 'x.wasm'),
                    ('externalize', '--dir', 'e', '-o', 'y.wasm', 'n.wat'),
                    ('bundle', '--data', 'input=n.wat', '-o', 'y.wasm',
                     t.example('forward/forward.wat'))):
        t.run(*command, code=IO, preexec_fn=limit)
        t.says('write failed: File too large')
        left(t, 'n.wat', 'x.wasm', 'd')
    script = ('mount -t tmpfs -o size=64k none "$1" && cp x.wasm "$1" && cd "$1" && mkdir d && '
              '"$0" externalize --dir d --force -o y.wasm ../n.wat; code=$?; ls -R; exit $code')
    os.mkdir(t.path('full'))
    p = subprocess.run(['unshare', '-Urm', 'bash', '-c', script, t.sluice, t.path('full')],
                       capture_output=True, text=True, cwd=t.folder)
    if 'unshare' in p.stderr or 'mount' in p.stderr:
        return  # not allowed here; the limit above is the same path
    t.equal((p.returncode, 'No space left' in p.stderr), (IO, True))
    t.equal(p.stdout.split(), ['.:', 'd', 'x.wasm', './d:'])


def test_faults__folders_and_files_of_others(t):
    """Not as root, who may do everything."""
    external(t)
    os.chmod(t.folder, 0o777)
    os.chmod(t.path('d'), 0o555)
    as_nobody = (lambda: os.setuid(65534)) if os.geteuid() == 0 else None
    try:
        t.run('--version', preexec_fn=as_nobody)
    except (Failure, subprocess.SubprocessError, OSError):
        raise Skip('nobody may not run the command')
    t.run('externalize', '--dir', 'd', '-o', 'z.wasm', 'n.wat', code=IO, preexec_fn=as_nobody)
    t.says('d/z-0.data: Permission denied')
    t.run('externalize', '--dir', 'e', '-o', 'd/y.wasm', 'n.wat', code=IO, preexec_fn=as_nobody)
    t.says('Permission denied')
    os.chmod(t.path('d/x-1.data'), 0)
    t.run('internalize', '-o', 'y.wasm', 'x.wasm', code=IO, preexec_fn=as_nobody)
    t.says('d/x-1.data: Permission denied')
    left(t, 'n.wat', 'x.wasm', 'd')
    t.equal(sorted(os.listdir(t.path('d'))), ['x-0.data', 'x-1.data'])


def test_faults__interrupted(t):
    """^C ends it in good order and leaves nothing."""
    with open(t.path('big'), 'wb') as f:
        f.truncate(3 << 30)
    forward = t.example('forward/forward.wat')
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        p = subprocess.Popen([t.sluice, 'bundle', '--data', 'input=big', '--external', 'd', '--chunk',
                              '64K', '-o', 'x.wasm', forward],
                             cwd=t.folder, stderr=subprocess.PIPE)
        while not os.path.exists(t.path('d')) and p.poll() is None:
            time.sleep(0.01)
        time.sleep(0.1)
        t.true(p.poll() is None, 'it ended by itself')
        p.send_signal(number)
        err = p.communicate(timeout=20)[1].decode()
        t.equal(p.returncode, INTERRUPTED)
        t.true(err.endswith('interrupted\n') and err.count('\n') == 1, err)
        left(t, 'big')


# --- inspect -----------------------------------------------------------------

def resident(t, path):
    """A file's bytes in the page cache, as another tool sees it."""
    p = subprocess.run(['fincore', '-bno', 'RES,SIZE', t.path(path)], capture_output=True, text=True)
    if p.returncode != 0:
        return None
    pages, size = map(int, p.stdout.split())
    return min(pages, size)


def make_cold(t, path):
    with open(t.path(path), 'rb') as f:
        os.fsync(f.fileno())
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def test_inspect__forms_and_encodings(t):
    nested(t)
    t.run('externalize', '--dir', 'd', '--chunk', '32K', '-o', 'x.wasm', 'n.wat')
    t.run('inspect', 'x.wasm')
    t.true(re.search(rb'\n  core data 0: 70000 bytes in "d/x-0\.data", identity, 3 chunks of 32768; '
                     rb'70000 bytes are there', t.out), t.out)
    t.true(re.search(rb'\n  core data 1: 5 bytes at \d+, aligned to \d+', t.out), t.out)
    t.true(re.search(rb'\n    core data 0: 100000 bytes in "d/x-1\.data", identity, 4 chunks', t.out),
           t.out)
    zero, small, inner = segments(t, 'x.wasm')
    t.equal((small['form'], small['encoding'], small['size']), ('inline', 'identity', 5))
    t.equal((inner['form'], inner['encoding'], inner['size'], inner['chunk_size'], inner['n_chunks'],
             inner['reference'], inner['file']['size'], inner['depth']),
            ('external', 'identity', 100000, 32768, 4, 'd/x-1.data', 100000, 2))
    t.true('chunks' not in inner and 'n_cached' not in inner, inner)
    t.run('externalize', '--force', '--dir', 'd', '--zstd', '3', '-o', 'x.wasm', 'n.wat')
    t.run('inspect', 'x.wasm')
    t.true(b', zstd, 1 chunk of 262144; ' in t.out, t.out)
    t.equal(segments(t, 'x.wasm')[0]['encoding'], 'zstd')


def test_inspect__digests(t):
    text = nested(t)
    for args in ((), ('--zstd', '3')):
        t.run('externalize', '--force', '--dir', '.', '--chunk', '32K', *args, '-o', 'x.wasm', 'n.wat')
        for source in ('x.wasm', '-'):
            stdin = t.read('x.wasm') if source == '-' else b''
            t.run('inspect', '--digests', source, stdin=stdin)
            lines = re.findall(rb'\n      chunk (\d): (\d+) bytes( in a frame of \d+)? at (\d+), '
                               rb'sha256 ([0-9a-f]{64})(?=\n)', t.out)
            t.equal([(int(n), int(size), digest.decode()) for n, size, _, _, digest in lines],
                    [(n, min(32768, 100000 - n * 32768),
                      hashlib.sha256(text[n * 32768:(n + 1) * 32768]).hexdigest()) for n in range(4)])
            t.run('inspect', '--json', '--digests', source, stdin=stdin)
            chunks = [i for i in json.loads(t.out) if i.get('form') == 'external'][1]['chunks']
            t.equal([c['sha256'] for c in chunks], [line[4].decode() for line in lines])
            t.equal([str(c['file_offset']) for c in chunks], [line[3].decode() for line in lines])
            ends = [c['file_offset'] + c['stored'] for c in chunks]
            t.equal(ends[:-1], [c['file_offset'] for c in chunks[1:]])
            seek_table = 8 + 4 * 8 + 9 if args else 0
            file = 'x-1.data.zst' if args else 'x-1.data'
            t.equal(ends[-1], os.path.getsize(t.path(file)) - seek_table)
    t.write('e.wat', '(component (core data (external "e" (size 0) (chunk 4096))))')
    t.equal(segments(t, 'e.wat', '--digests')[0]['chunks'], [])


def test_inspect__files_that_are_not_there(t):
    nested(t)
    t.run('externalize', '--dir', 'd', '-o', 'x.wasm', 'n.wat')
    os.remove(t.path('d/x-0.data'))
    os.remove(t.path('d/x-1.data'))
    os.symlink('/etc/passwd', t.path('d/x-1.data'))
    t.run('inspect', 'x.wasm')
    t.true(b'x-0.data: No such file or directory\n' in t.out and b'leads out of' in t.out, t.out)
    missing, _, link = segments(t, 'x.wasm')
    t.true('No such file' in missing['file']['error'] and 'leads out' in link['file']['error'], link)
    t.run('inspect', '-', stdin=t.read('x.wasm'))
    t.true(b'No such file' not in t.out and b'page cache' not in t.out, t.out)


def test_inspect__residency(t):
    """How much of a file is in memory; looking brings nothing in."""
    size = 9 << 20
    t.bundle(t.example('forward/forward.wat'), 'i.wasm', input=t.write('in', t.text(1000) * (size // 1000)))
    t.run('externalize', '--dir', 'd', '-o', 'x.wasm', 'i.wasm')
    make_cold(t, 'i.wasm')
    if resident(t, 'i.wasm') != 0:
        raise Skip('the page cache keeps the file, or fincore is not there')
    inline = segments(t, 'i.wasm')[0]
    t.true(inline['resident'] < 1 << 20, inline)
    before = inline['resident']
    for _ in range(3):
        t.equal(segments(t, 'i.wasm')[0]['resident'], before)
    with open(t.path('i.wasm'), 'rb') as f:
        os.posix_fadvise(f.fileno(), 0, 0, os.POSIX_FADV_RANDOM)
        f.seek(inline['offset'] + (4 << 20))
        f.read(1 << 20)
    some = segments(t, 'i.wasm')[0]['resident']
    t.true(before < some < inline['size'], some)
    t.read('i.wasm')
    t.equal(segments(t, 'i.wasm')[0]['resident'], inline['size'])
    make_cold(t, 'd/x-0.data')
    t.equal(segments(t, 'x.wasm')[0]['file']['resident'], 0)
    t.read('d/x-0.data')
    t.equal(segments(t, 'x.wasm')[0]['file'], {'size': inline['size'], 'resident': inline['size']})


def test_inspect__cache(t):
    """What a run over HTTP has kept, inspect finds."""
    nested(t)
    t.run('externalize', '--dir', '.', '--chunk', '32K', '-o', 'x.wasm', 'n.wat')
    cached = lambda *args: [s['n_cached'] for s in segments(t, 'x.wasm', *args)
                            if s['form'] == 'external']
    cache = '--cache=' + t.path('cache')
    for place in (cache, '--cache=' + t.path('not/there')):
        t.equal(cached(place), [0, 0])
    handler = functools.partial(Ranges, directory=t.folder)
    with http.server.ThreadingHTTPServer(('127.0.0.1', 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        t.run('run', '--allow-private', '--cache', t.path('cache'), '--invoke', 'get()',
              f'http://127.0.0.1:{server.server_address[1]}/x.wasm')
        server.shutdown()
    t.equal(t.out, t.text(100000, seed=7))
    t.equal(cached(cache), [0, 4])
    t.run('inspect', cache, '--digests', 'x.wasm')
    t.true(b'3 chunks of 32768, 0 in the cache; ' in t.out, t.out)
    t.true(b'4 chunks of 32768, 4 in the cache; ' in t.out, t.out)
    t.equal(t.out.count(b', cached\n'), 4)
    chunks = [c for s in segments(t, 'x.wasm', cache, '--digests') for c in s.get('chunks', [])]
    t.equal([c['cached'] for c in chunks], [False] * 3 + [True] * 4)
    t.run('inspect', '--cache=x.wasm', 'x.wasm', code=IO)


class Ranges(http.server.BaseHTTPRequestHandler):
    """The files of a folder, whole or by single ranges."""

    def __init__(self, *args, directory):
        self.directory = directory
        super().__init__(*args)

    def do_GET(self):
        with open(os.path.join(self.directory, self.path.lstrip('/')), 'rb') as f:
            data = f.read()
        wanted = re.fullmatch(r'bytes=(\d+)-(\d*)', self.headers.get('Range', ''))
        first, last = (int(wanted[1]), int(wanted[2] or len(data) - 1)) if wanted else (0, len(data))
        last = min(last, len(data) - 1)
        self.send_response(206 if wanted else 200)
        if wanted:
            self.send_header('Content-Range', f'bytes {first}-{last}/{len(data)}')
        self.send_header('ETag', '"1"')
        self.send_header('Content-Length', str(last + 1 - first))
        self.end_headers()
        if self.command == 'GET':
            self.wfile.write(data[first:last + 1])

    do_HEAD = do_GET

    def log_message(self, *args):
        pass


# --- size --------------------------------------------------------------------

def test_large__memory_does_not_grow(t):
    """768 MiB out and in again, and 4.3 GiB out, in an address space of 512 MiB."""
    if t.sanitized:
        raise Skip('memory is measured in the release build')
    if shutil.disk_usage(t.folder).free < 8 << 30:
        raise Skip('less than 8 GiB of disk are free')
    size = (768 << 20) + 12345
    with open(t.path('big'), 'wb') as f:
        f.truncate(size)
        for at in range(0, size, 1 << 26):
            f.seek(at)
            f.write(t.text(1000, seed=at))
        f.seek(size - 5)
        f.write(b'tail\n')

    def measured(*args):
        script = 'ulimit -v $((512*1024)); exec "$0" "$@"'
        p = subprocess.run(['/usr/bin/env', 'bash', '-c', script, '/usr/bin/env', 'python3', '-c',
                            'import os, resource, subprocess, sys\n'
                            'code = subprocess.call(sys.argv[1:])\n'
                            'print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)\n'
                            'sys.exit(code)', t.sluice, *args],
                           capture_output=True, text=True, cwd=t.folder, timeout=600)
        t.equal((p.returncode, p.stderr), (0, ''))
        rss = int(p.stdout)
        t.true(rss < 64 * 1024, f'{args[0]}: peak RSS {rss} KiB')

    forward = t.example('forward/forward.wat')
    measured('bundle', '--data', 'input=big', '-o', 'b.wasm', forward)
    measured('externalize', '--dir', 'd', '--zstd', '1', '-o', 'x.wasm', 'b.wasm')
    measured('internalize', '-o', 'y.wasm', 'x.wasm')
    p = subprocess.run(['cmp', t.path('b.wasm'), t.path('y.wasm')])
    t.equal(p.returncode, 0)
    os.remove(t.path('y.wasm'))
    # a chunk is not held either
    measured('externalize', '--dir', 'e', '--chunk', '1G', '-o', 'z.wasm', 'b.wasm')
    measured('internalize', '-o', 'y.wasm', 'z.wasm')
    p = subprocess.run(['cmp', t.path('b.wasm'), t.path('y.wasm')])
    t.equal(p.returncode, 0)
    os.remove(t.path('y.wasm'))
    # more than any section holds
    os.truncate(t.path('big'), (4400 << 20) - 5)
    with open(t.path('big'), 'ab') as f:
        f.write(b'tail\n')
    measured('bundle', '--data', 'input=big', '--external', 'g', '--zstd', '1', '-o', 'g.wasm', forward)
    t.run('internalize', '-o', 'h.wasm', 'g.wasm', code=USAGE)
    t.says(r'g/g-input\.data\.zst: 4613734400 bytes are too many for an inline segment')
    p = subprocess.run(f'"{t.sluice}" run "{t.path("g.wasm")}" | tail -c 5', shell=True,
                       capture_output=True)
    t.equal(p.stdout, b'tail\n')


# --- progress ----------------------------------------------------------------

def on_terminal(t, *args, columns=60, stop=1.3, term='xterm', end=None, stderr=True):
    """What is written to a terminal by a command that takes a while: it is
    stopped for so long as soon as its folder is there."""
    p, controller = terminal.start([t.sluice, *args], t.folder, columns, term, stderr=stderr)
    while not os.path.exists(t.path('d')) and p.poll() is None:
        time.sleep(0.005)
    os.kill(p.pid, signal.SIGSTOP)
    time.sleep(stop)
    os.kill(p.pid, signal.SIGCONT)
    if end is not None:
        time.sleep(0.3)
        p.send_signal(end)
    out = terminal.read(controller, p, 60)
    return p.returncode, out.decode()


def big_file(t, size=200 << 20):
    with open(t.path('big'), 'wb') as f:
        f.truncate(size)
    return ('bundle', '--data', 'input=big', '--external', 'd', '--zstd', '1', '--chunk', '64K', '-o',
            'x.wasm', t.example('forward/forward.wat'))


CLEAR = '\r\x1b[K'


def test_progress__one_line_that_goes_away(t):
    command = big_file(t)
    # Wide enough for whatever a slow machine has left to do.
    code, out = on_terminal(t, *command, columns=80)
    t.equal(code, OK)
    t.true(out.endswith(CLEAR) and '\n' not in out, repr(out[-200:]))
    lines = re.findall(r'\r([^\r\x1b]+)\x1b\[K', out)
    t.true(lines, f'no line: {out!r}')
    for line in lines:
        t.true(len(line) <= 79, f'{len(line)} columns: {line}')
        t.true(re.match(r'bundle  ( *\[#*-*\])? *\d+%  [\d.]+ \w+ of 200\.0 MiB  [\d.]+ \w+/s  \d+:\d\d left$',
                        line), line)
    percent = [int(re.search(r'(\d+)%', line)[1]) for line in lines]
    t.equal(percent, sorted(percent))
    # ten times a second at most
    t.true(len(lines) < 200, len(lines))


def test_progress__narrow_terminals(t):
    """What there is no room for is left out as a whole."""
    amount = r'  [0-9.]+ [KMG]?i?B of [0-9.]+ MiB'
    for columns, more in ((20, ''), (40, f'({amount})?'), (52, rf'{amount}(  [0-9.]+ [KMG]?i?B/s)?')):
        args = big_file(t)
        code, out = on_terminal(t, *args, columns=columns)
        t.equal(code, OK)
        lines = re.findall(r'\r([^\r\x1b]+)\x1b\[K', out)
        t.true(lines and all(len(line) < columns and re.fullmatch(r'\w+(  \[[#-]+\])?  +\d+%' + more, line)
                             for line in lines), repr(out))
        shutil.rmtree(t.path('d'))


def test_progress__quiet(t):
    """What is quick, a terminal that cannot, and what is no terminal."""
    command = big_file(t, 1 << 20)
    start = time.monotonic()
    code, out = on_terminal(t, *command, stop=0.01)
    t.equal(code, OK)
    t.true(out == '' or time.monotonic() - start > 1, repr(out))
    shutil.rmtree(t.path('d'))
    command = big_file(t)
    t.equal(on_terminal(t, *command, term='dumb'), (OK, ''))
    shutil.rmtree(t.path('d'))
    t.equal(on_terminal(t, *command, stderr=False), (OK, ''))
    shutil.rmtree(t.path('d'))
    t.run(*command)
    t.equal(t.err, '')


def test_progress__goes_away_before_a_message(t):
    code, out = on_terminal(t, *big_file(t, 3 << 30), end=signal.SIGINT)
    t.equal(code, INTERRUPTED)
    head, message = out.rsplit(CLEAR, 1)
    t.true('%' in head, repr(out))
    t.true(re.fullmatch(r'sluice: .*: interrupted\r\n', message), repr(message))


if __name__ == '__main__':
    sys.exit(main(globals()))
