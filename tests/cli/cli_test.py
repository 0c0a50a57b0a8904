#!/usr/bin/env python3
"""The command as a user meets it: right and wrong input, output, exit codes.

    cli_test.py --sluice PATH --root PROJECT GROUP...

Every function test_GROUP__CASE is a case. Each may use the fixture `t`: a
scratch folder, the command, and checks. Ends with "N passed, N failed, N
skipped".
"""
import argparse
import json
import os
import random
import re
import resource
import shutil
import signal
import stat
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import cases
from cases import Failure, Skip

OK, FAILED, USAGE, INVALID, NO_INPUT, UNSUPPORTED = 0, 1, 64, 65, 66, 69
IO, TIMEOUT, INTERRUPTED, TRAP = 74, 124, 130, 134


class Fixture:
    def __init__(self, args, folder):
        self.sluice, self.root, self.folder = args.sluice, args.root, folder
        self.sanitized = args.sanitized == '1'

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, data):
        if isinstance(data, str):
            data = data.encode()
        with open(self.path(name), 'wb') as f:
            f.write(data)
        return self.path(name)

    def read(self, name):
        with open(self.path(name), 'rb') as f:
            return f.read()

    def run(self, *args, code=0, stdin=b'', timeout=60, **kwargs):
        kwargs.setdefault('stdout', subprocess.PIPE)
        p = subprocess.run([self.sluice, *args], input=stdin,
                           stderr=subprocess.PIPE, timeout=timeout,
                           cwd=self.folder, **kwargs)
        self.out = p.stdout or b''
        self.err = p.stderr.decode(errors='replace')
        if b'Sanitizer' in p.stderr or b'runtime error' in p.stderr:
            raise Failure(f'{args}: {self.err}')
        if code is not None and p.returncode != code:
            raise Failure(f'{args}: exit {p.returncode}, not {code}\n'
                          f'{self.out[:500]!r}\n{self.err}')
        return p.returncode

    def says(self, *patterns):
        for pattern in patterns:
            if not re.search(pattern, self.err):
                raise Failure(f'no /{pattern}/ in:\n{self.err}')

    def equal(self, have, want):
        if have != want:
            raise Failure(f'{have!r:.400} is not {want!r:.400}')

    def true(self, condition, what):
        if not condition:
            raise Failure(what)

    def example(self, name):
        return os.path.join(self.root, 'examples', name)

    def bundle(self, wat, out, **data):
        args = []
        for name, path in data.items():
            args += ['--data', f'{name}={path}']
        self.run('bundle', *args, '-o', out, wat)
        return self.path(out)

    def text(self, size, seed=1):
        """`size` bytes of words and lines."""
        rng = random.Random(seed)
        words = [''.join(rng.choice('abcdefghij') for _ in range(rng.randint(1, 9)))
                 for _ in range(500)]
        out = bytearray()
        while len(out) < size:
            out += rng.choice(words).encode() + rng.choice([b' ', b' ', b'  ', b'\n', b'\t'])
        return bytes(out[:size])


# --- usage -------------------------------------------------------------------

COMMANDS = ['run', 'validate', 'inspect', 'parse', 'print', 'bundle', 'externalize', 'internalize',
            'lower', 'optimize', 'wast']


def test_usage__no_arguments(t):
    t.run(code=USAGE)
    t.says('usage: sluice')


def test_usage__help_and_version(t):
    for flag in ('--help', '-h', 'help'):
        t.run(flag)
        t.true(b'commands:' in t.out and b'exit codes' in t.out, 'no help')
    t.run('--version')
    t.true(re.match(rb'sluice \d+\.\d+\.\d+\n$', t.out), 'no version')


def test_usage__every_command_has_help(t):
    t.run('help', 'help')
    t.true(t.out.startswith(b'usage: sluice COMMAND'), t.out)
    for command in COMMANDS:
        t.run(command, '--help')
        t.true(t.out.startswith(b'usage: sluice ' + command.encode()), command)


def test_usage__wrong_arguments(t):
    t.run('frobnicate', code=USAGE)
    t.says('no command `frobnicate`')
    for command in COMMANDS:
        t.run(command, code=USAGE)
        t.run(command, '--no-such-option', code=USAGE)
        t.says('--help|usage')
    t.run('run', '--env', 'NOVALUE', 'x.wasm', code=USAGE)
    t.run('run', '--data', 'name', 'x.wasm', code=USAGE)
    t.run('run', '--seed', 'x', 'x.wasm', code=USAGE)
    t.run('run', '--seed', '99999999999999999999999', 'x.wasm', code=USAGE)
    t.run('run', '--env', '=x', 'x.wasm', code=USAGE)
    t.run('run', '--cache', '', 'x.wasm', code=USAGE)
    t.run('parse', 'a', 'b', code=USAGE)
    t.run('bundle', '--data', 'x', '-o', 'o', 'i', code=USAGE)
    t.run('bundle', 'in.wat', code=USAGE)
    t.run('bundle', '--data', 'x=y', '-o', '-', 'in.wat', code=USAGE)
    t.run('validate', '--features', 'nonsense', 'x', code=USAGE)


def test_usage__help_of_one_command(t):
    for command in COMMANDS:
        t.run('help', command)
        t.true(t.out.startswith(b'usage: sluice ' + command.encode()), command)
    t.run('help', 'frobnicate', code=USAGE)


def test_usage__closed_standard_streams(t):
    """What is opened does not become a standard stream by accident."""
    forward = t.example('forward/forward.wat')
    data = t.write('d', b'secret')
    for closed, code in (('>&-', FAILED), ('<&-', OK), ('2>&-', OK)):
        p = subprocess.run(['/bin/bash', '-c', f'"$0" run --data input="$1" "$2" {closed}',
                            t.sluice, data, forward], capture_output=True)
        t.equal(p.returncode, code)
    p = subprocess.run(['/bin/bash', '-c', '"$0" --version >&-', t.sluice], capture_output=True)
    t.equal(p.returncode, IO)


def test_usage__closed_or_full_output(t):
    with open('/dev/full', 'wb') as full:
        t.run('--help', code=IO, stdout=full)
        t.says('standard output: No space left')


def test_usage__missing_and_unreadable_files(t):
    for command in ('run', 'validate', 'inspect', 'parse', 'print'):
        t.run(command, t.path('missing'), code=NO_INPUT)
        t.says('No such file')
        t.run(command, t.folder, code=None)
        t.true(t.err != '', 'a directory as input says nothing')


# --- text ----------------------------------------------------------------------

def test_text__parse_then_print_round_trips(t):
    for wat in ('forward/forward.wat', 'relay/relay.wat'):
        t.run('parse', '-o', 'a.wasm', t.example(wat))
        t.run('print', '-o', 'a.wat', 'a.wasm')
        t.run('parse', '-o', 'b.wasm', 'a.wat')
        t.equal(t.read('a.wasm'), t.read('b.wasm'))


def test_text__errors_have_a_place_and_a_caret(t):
    t.write('bad.wat', '(component\n  (core data $x "a")\n  (frob))\n')
    t.run('parse', 'bad.wat', code=INVALID)
    t.says(r'bad\.wat:3:4', r'\(frob\)\)', r'\n +\| +\^|\n *\^')
    t.write('bad2.wat', '(component (core data "\\zz"))')
    t.run('parse', 'bad2.wat', code=INVALID)
    t.says(r'bad2\.wat:1:')
    t.write('deep.wat', '(component ' * 100000)
    t.run('parse', 'deep.wat', code=INVALID)
    t.write('deep2.wat', '(module (func ' + '(block ' * 100000)
    t.run('parse', 'deep2.wat', code=INVALID)


def test_text__stdin_and_stdout(t):
    t.run('parse', '-', stdin=b'(component)')
    t.equal(t.out, b'\0asm\x0d\0\1\0')
    t.run('print', '-', stdin=t.out)
    t.true(b'(component' in t.out, 'no component')


def test_text__unwritable_output(t):
    wat = t.write('a.wat', '(component)')
    t.run('parse', '-o', t.path('no/such/folder/x'), wat, code=IO)
    t.says('No such file')
    t.run('parse', '-o', '/dev/full', wat, code=IO)
    t.says('No space left')


def test_text__not_wasm(t):
    noise = t.write('noise', random.Random(3).randbytes(5000))
    t.run('print', noise, code=INVALID)
    t.says('magic header not detected')
    t.run('parse', noise, code=INVALID)
    t.run('validate', noise, code=INVALID)


def test_text__validate_says_where(t):
    t.run('parse', '-o', 'a.wasm', '-',
          stdin=b'(component (core func (canon data.size 3)))')
    t.run('validate', 'a.wasm', code=INVALID)
    t.says('unknown data 3', 'at byte 0x')


def test_text__core_module_is_told_apart(t):
    t.run('parse', '-o', 'm.wasm', '-', stdin=b'(module)')
    t.run('validate', 'm.wasm', code=UNSUPPORTED)
    t.says('core module')


# --- inspect -----------------------------------------------------------------

def test_inspect__tree_and_json(t):
    data = t.write('data', b'x' * 1000)
    t.bundle(t.example('relay/relay.wat'), 'r.wasm', text=data)
    t.run('inspect', 'r.wasm')
    line = re.search(rb'core data 0.*: 1000 bytes at (\d+), aligned to 65536', t.out)
    t.true(line, f'no segment in {t.out!r}')
    t.equal(t.read('r.wasm')[int(line[1]):int(line[1]) + 1000], b'x' * 1000)
    t.run('inspect', '--json', 'r.wasm')
    items = json.loads(t.out)
    segments = [i for i in items if i['sort'] == 'core data' and i['how'] == 'definition']
    t.equal(len(segments), 1)
    t.equal((segments[0]['size'], segments[0]['alignment'], segments[0]['index']),
            (1000, 65536, 0))
    t.true(any(i['how'] == 'export' and i.get('name') == 'sum' for i in items), 'no export')
    t.equal(items[0]['sort'], 'component')


def test_inspect__attributes(t):
    t.write('a.wat', b"""(component
      (import "i" (implements "a:b/c@0.2.6") (external-id "x\\"y") (instance $i))
      (import "a:b/c@0.2" (versionsuffix ".6") (instance))
      (export "o" (external-id "") (instance $i)))""")
    t.run('inspect', 'a.wat')
    t.true(b'instance 0 (import) "i" (implements "a:b/c@0.2.6") (external-id "x' in t.out, t.out)
    t.true(b'"a:b/c@0.2" (versionsuffix ".6")' in t.out, t.out)
    t.true(b'(export) "o" (external-id "")' in t.out, t.out)
    t.run('inspect', '--json', 'a.wat')
    items = {i.get('name'): i for i in json.loads(t.out)}
    t.equal((items['i']['implements'], items['i']['external_id']), ('a:b/c@0.2.6', 'x"y'))
    t.equal(items['a:b/c@0.2']['version_suffix'], '.6')
    t.true('implements' not in items['o'] and items['o']['external_id'] == '', t.out)
    # what print prints, parse reads back
    t.run('parse', '-o', 'a.wasm', 'a.wat')
    t.run('print', '-o', 'b.wat', 'a.wasm')
    t.true(b'(import "a:b/c@0.2" (versionsuffix ".6") (instance' in t.read('b.wat'), 'no suffix')
    t.run('parse', '-o', 'b.wasm', 'b.wat')
    t.equal(t.read('b.wasm'), t.read('a.wasm'))


# --- run ---------------------------------------------------------------------

VALUES = b'''(component
  (import "name" (value $name string))
  (import "a:b/c@1.0.0" (instance $i (export "n" (value u32))))
  (core module $M
    (memory (export "mem") 1)
    (global $p (mut i32) (i32.const 0)) (global $n (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64))
    (func (export "set") (param i32 i32 i32)
      (global.set $p (local.get 0))
      (global.set $n (i32.sub (local.get 1) (local.get 2))))
    (func (export "get") (result i32)
      (i32.store (i32.const 16) (global.get $p))
      (i32.store (i32.const 20) (global.get $n))
      (i32.const 16)))
  (core instance $m (instantiate $M))
  (func $set (param "s" string) (param "cut" u32) (canon lift (core func $m "set")
    (memory (core memory $m "mem")) (realloc (core func $m "realloc"))))
  (start $set (value $name) (value $i "n"))
  (value $seven u8 7)
  (export "seven" (value $seven))
  (func (export "get") (result string) (canon lift (core func $m "get")
    (memory (core memory $m "mem")))))'''


def test_run__values_and_start(t):
    t.write('v.wat', VALUES)
    on = ('--features', 'values')
    name, n = ('--value', 'name="world"'), ('--value', 'a:b/c@1.0.0#n=2')
    call = ('--invoke', 'get()', 'v.wat')
    t.run('run', *on, *name, *n, *call)
    t.equal(t.out, b'"wor"\n')
    t.run('run', *name, *n, *call, code=69)
    t.says('unsupported feature `values`')
    t.run('run', *on, *name, *call, code=65)
    t.says('import `a:b/c@1.0.0#n`: the host does not define it')
    t.run('run', *on, '--value', 'name=3', *call, code=64)
    t.run('run', *on, '--value', 'name', *call, code=64)
    t.says('NAME=VALUE')
    t.run('run', *on, '--value', 'other=3', *call, code=64)
    t.says('no value import named `other`')
    t.run('run', *on, *name, *name, *call, code=64)
    t.says('defined already')
    t.run('run', '--features', 'nothing', *call, code=64)
    t.says('no feature `nothing`')
    t.run('inspect', *on, 'v.wat')
    t.true(b'value 0 (import) "name": string' in t.out, t.out)
    t.true(b'start 0: func 0 (value 0, value 1)\n' in t.out, t.out)
    t.true(b'value 2: u8, 1 bytes' in t.out, t.out)
    t.true(b'value 3 (export) "seven": u8' in t.out, t.out)
    t.run('parse', '-o', 'v.wasm', 'v.wat')
    t.run('print', '-o', 'w.wat', 'v.wasm')
    t.true(b'(value $seven (;2;) u8 7)' in t.read('w.wat'), t.read('w.wat'))
    t.run('parse', '-o', 'w.wasm', 'w.wat')
    t.equal(t.read('w.wasm'), t.read('v.wasm'))


ARITHMETIC = '''(component
  (core module $M
    (func (export "add") (param i32 i32) (result i32) (i32.add (local.get 0) (local.get 1)))
    (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
    (func $outer (export "div") (param i32) (result i32) (call $inner (local.get 0)))
    (func (export "spin") (loop $l (br $l))))
  (core instance $m (instantiate $M))
  (func (export "add") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $m "add")))
  (func (export "div") (param "by" u32) (result u32) (canon lift (core func $m "div")))
  (func (export "spin") (canon lift (core func $m "spin"))))'''


def test_run__invoke(t):
    t.write('a.wat', ARITHMETIC)
    t.run('run', '--invoke', 'add(2, 40)', 'a.wat')
    t.equal(t.out, b'42\n')
    t.run('run', '--invoke', 'add(1)', 'a.wat', code=USAGE)
    t.says('takes 2 arguments')
    t.run('run', '--invoke', 'add(1, x)', 'a.wat', code=USAGE)
    t.run('run', '--invoke', 'add(1, -1)', 'a.wat', code=USAGE)
    t.run('run', '--invoke', 'nothing()', 'a.wat', code=INVALID)
    t.says('no exported function `nothing`')
    t.run('run', 'a.wat', code=INVALID)
    t.says('exports no wasi:cli/run')


def test_run__trap_has_a_backtrace(t):
    t.write('a.wat', ARITHMETIC)
    t.run('run', '--invoke', 'div(0)', 'a.wat', code=TRAP)
    t.says('trap', 'integer divide by zero', 'inner', 'outer')
    t.true(t.err.index('inner') < t.err.index('outer'), 'innermost frame first')


def test_run__names_of_guests_do_not_reach_the_terminal(t):
    """Control characters in names are shown, not sent."""
    t.write('evil.wat', r'''(component
      (core module $M (func $f (export "a\n\1b[31m\c2\9b") unreachable))
      (core instance $m (instantiate $M))
      (alias core export $m "a\n\1b[31m\c2\9b" (core func $b))
      (func (export "boom") (canon lift (core func $b))))''')
    t.write('evil2.wat', r'''(component (core module $M (import "a\n\1b[31m" "b" (func)))
      (core instance $m (instantiate $M)))''')
    t.run('inspect', 'evil.wat')
    t.true(rb'"a\u{a}\u{1b}[31m\u{9b}"' in t.out, t.out)
    t.run('inspect', '--json', 'evil.wat')
    t.true(any(i.get('name') == 'a\n\x1b[31m\x9b' for i in json.loads(t.out)), 'no such name')
    t.run('validate', 'evil2.wat', code=INVALID)
    t.true('\x1b' not in t.err and t.err.count('\n') == 2, t.err)
    t.write('evil3.wat', b'(component\n  (core \x1b[31m))')
    t.run('parse', 'evil3.wat', code=INVALID)
    t.true('\x1b' not in t.err, t.err)


def test_run__names_of_files_do_not_reach_the_terminal(t):
    digest = ''.join('\\%02x' % 7 for _ in range(32))
    forward = open(t.example('forward/forward.wat')).read()
    plain = '(import "input" (core data $input))'
    t.true(plain in forward, 'no such import')
    t.write('ext.wat', forward.replace(plain, f'(core data $input (external "%c2%9b2J%9b%e2%82" '
                                              f'(size 1) (chunk 4096) (sha256 "{digest}")))'))
    t.run('run', 'ext.wat', code=FAILED)
    t.says(r'data fault: segment 0, .*\\u\{9b\}2J\\x9b\\xe2\\x82: No such file')
    t.run('inspect', '--json', 'ext.wat')
    external = [i for i in json.loads(t.out.decode()) if i.get('form') == 'external']
    t.true('\x9b2J\ufffd\ufffd\ufffd: No such file' in external[0]['file']['error'], external)
    for args in (('run', 'a\n\x1b[31m'), ('validate', 'a\n\x1b[31m'), ('a\n\x1b[31m',),
                 ('run', '--data', 'input=a\n\x1b[31m', t.example('forward/forward.wat'))):
        t.run(*args, code=None)
        t.true(t.err.count('\n') == 1 and '\x1b' not in t.err, t.err)
        t.says(r'a\\u\{a\}\\u\{1b\}\[31m')


def test_run__deep_recursion_has_a_bounded_backtrace(t):
    t.write('r.wat', '''(component (core module $M (func $r (export "r") (call $r)))
      (core instance $m (instantiate $M)) (func (export "r") (canon lift (core func $m "r"))))''')
    t.run('run', '--invoke', 'r()', 'r.wat', code=TRAP)
    t.says('call stack exhausted', r'\.\.\. \d+ more\n$')
    t.true(t.err.count('\n') < 100, t.err)


def test_run__forward_is_the_identity_and_copies_nothing(t):
    for size in (0, 1, 65535, 65536, 300001, 5000000):
        text = t.text(size) if size else b''
        t.bundle(t.example('forward/forward.wat'), 'f.wasm', input=t.write('in', text))
        t.run('run', '--stats', 'f.wasm')
        t.equal(t.out, text)
        t.says(r'\b0 copied into linear memory', rf'\b{size} forwarded')
        with open(t.path('out'), 'wb') as out:
            t.run('run', 'f.wasm', stdout=out)
        t.equal(t.read('out'), text)


def test_run__forward_from_text_with_data(t):
    text = t.text(100000)
    t.run('run', '--data', 'input=' + t.write('in', text), t.example('forward/forward.wat'))
    t.equal(t.out, text)
    t.run('run', t.example('forward/forward.wat'), code=INVALID)
    t.says('input')
    t.run('run', '--data', 'input=missing', t.example('forward/forward.wat'), code=NO_INPUT)
    t.says(r'^sluice: missing: No such file')
    t.run('run', '--data', 'input=in', '--data', 'nope=in', t.example('forward/forward.wat'),
          code=USAGE)
    t.says('no `core data` import named `nope`')
    t.run('run', '--data', 'input=in', '--data', 'input=in', t.example('forward/forward.wat'),
          code=USAGE)
    t.says('twice')


def test_run__a_fault_of_what_is_forwarded_is_told(t):
    """A file that is cut while it goes to standard output: the reader is slow."""
    t.write('in', t.text(3000000))
    p = subprocess.Popen([t.sluice, 'run', '--data', 'input=in',
                          t.example('forward/forward.wat')], cwd=t.folder,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    t.equal(len(p.stdout.read(10000)), 10000)
    os.truncate(t.path('in'), 20000)
    _, err = p.communicate(timeout=60)
    t.equal(p.returncode, FAILED)
    t.true(re.fullmatch(rb'sluice: data fault: import `input`, bytes \[\d+, \d+\): '
                        rb'the file has shrunk\n', err), err)


def test_run__files_of_the_system_as_data(t):
    """Some say 0 bytes and have more; some cannot be mapped, or end early."""
    forward = t.example('forward/forward.wat')
    if os.path.isfile('/proc/version'):
        t.run('run', '--data', 'input=/proc/version', forward, code=NO_INPUT)
        t.says('^sluice: /proc/version: it does not tell its size')
    short = '/sys/kernel/mm/transparent_hugepage/enabled'
    if not os.path.isfile(short):
        raise Skip('no ' + short)
    with open(t.path('out'), 'wb') as out:
        t.run('run', '--data', 'input=' + short, forward, code=FAILED, stdout=out)
    t.says(r'^sluice: data fault: import `input`, bytes \[\d+, 4096\): ')
    with open(short, 'rb') as f:
        t.true(f.read().startswith(t.read('out')), t.read('out'))


def test_run__standard_input_once(t):
    forward = t.example('forward/forward.wat')
    t.run('run', '--data', 'input=-', forward, stdin=b'abc')
    t.equal(t.out, b'abc')
    t.run('run', '--data', 'input=-', '-', code=USAGE)
    t.says('standard input .* twice')
    t.run('run', '--data', 'a=-', '--data', 'b=-', forward, code=USAGE)
    t.says('standard input .* twice')


def test_run__relay_under_many_seeds(t):
    text = t.text(20000)
    t.bundle(t.example('relay/relay.wat'), 'r.wasm', text=t.write('in', text))
    for seed in range(0, 20):
        t.run('run', '--seed', str(seed), '--invoke', 'sum()', 'r.wasm')
        t.equal(t.out, b'%d\n' % sum(text))


def test_run__stream_result_goes_to_stdout(t):
    t.write('g.wat', '''(component
      (core data $greeting "hello from a segment\\n")
      (core func $read (canon data.read $greeting))
      (core module $Main
        (import "" "read" (func $read (param i32 i32) (result i32)))
        (func (export "greet") (result i32) (call $read (i32.const 0) (i32.const 21))))
      (core instance $main (instantiate $Main (with "" (instance (export "read" (func $read))))))
      (func (export "greet") (result (stream u8)) (canon lift (core func $main "greet"))))''')
    t.run('run', '--invoke', 'greet()', 'g.wat')
    t.equal(t.out, b'hello from a segment\n')


def test_run__wordcount_agrees_with_wc(t):
    if shutil.which('clang') is None or shutil.which('wasm-ld') is None:
        raise Skip('no clang or lld for wasm32')
    text = t.text(3_000_001)
    path = t.write('text', text)
    subprocess.run([t.example('wordcount/build.sh'), t.sluice, path, t.path('w.wasm')],
                   check=True, capture_output=True, cwd=t.folder)
    words, lines = len(text.split()), text.count(b'\n')
    want = b'%d %d %d\n' % (lines, words, len(text))
    t.run('run', 'w.wasm')
    t.equal(t.out, want)
    t.equal(subprocess.run([t.path('w.wasm.native'), path], capture_output=True).stdout, want)
    for seed in range(1, 4):
        t.run('run', '--seed', str(seed), 'w.wasm', timeout=300)
        t.equal(t.out, want)


def model(weights, layers, times):
    """What examples/model/model.wat computes."""
    def signed(n):
        return (n + (1 << 31)) % (1 << 32) - (1 << 31)
    inputs, outputs = [0x01010101] * 256, [0] * 256
    size = len(weights) // layers
    for at in range(0, len(weights), 256):
        row = weights[at:at + 256]
        acc = signed(sum((w ^ 128) * x - 128 * x for w, x in zip(row, inputs))) >> 8
        i = at % size // 256 % 256
        outputs[i] = signed(outputs[i] + times * acc)
        if (at + 256) % size == 0:
            inputs = outputs[:]
    total = 0
    for x in inputs:
        total = (total * 31 + x % (1 << 32)) % (1 << 64)
    return total


def test_run__model_computes_the_same_under_any_schedule(t):
    weights = random.Random(5).randbytes(6 * 65536)
    wat, path = t.example('model/model.wat'), t.write('w', weights)
    t.bundle(wat, 'inline.wasm', weights=path)
    t.run('bundle', '--data', 'weights=w', '--external', 'parts', '--chunk', '16K', '-o',
          'external.wasm', wat)
    for layers, times in ((1, 1), (3, 2), (6, 3)):
        want = b'%d\n' % model(weights, layers, times)
        for name in ('inline.wasm', 'external.wasm'):
            for ahead in ('true', 'false'):
                for seed in (0, 1, 2):
                    t.run('run', '--seed', str(seed), '--invoke',
                          f'infer({layers}, {times}, {ahead})', name)
                    t.equal(t.out, want)
    t.run('run', '--invoke', 'infer(5, 1, true)', 'inline.wasm', code=134) # no whole rows


def test_run__closed_and_full_stdout(t):
    t.bundle(t.example('forward/forward.wat'), 'f.wasm', input=t.write('in', t.text(1000000)))
    with open('/dev/full', 'wb') as full:
        t.run('run', 'f.wasm', stdout=full, code=FAILED)
    reader, writer = os.pipe()
    os.close(reader)
    t.run('run', 'f.wasm', stdout=writer, code=FAILED)
    os.close(writer)


def test_run__wasi_component_of_another_maker(t):
    shared = os.environ.get('SLUICE_COMPONENTS',
                            os.path.join(t.root, '..', 'shared', 'components'))
    component = os.path.join(shared, 'bin', 'wat-hello03-sync.wasm')
    if not os.path.exists(component):
        raise Skip('no ' + component)
    t.run('run', component)
    with open(os.path.join(shared, 'expected', 'wat-hello03-sync.out'), 'rb') as f:
        t.equal(t.out, f.read())


def shared_component(t, name):
    shared = os.environ.get('SLUICE_COMPONENTS',
                            os.path.join(t.root, '..', 'shared', 'components'))
    component = os.path.join(shared, 'bin', name + '.wasm')
    if not os.path.exists(component):
        raise Skip('no ' + component)
    return component


def test_run__resources_of_another_maker(t):
    """c-clib: typed exports and a resource; the values of its expected output."""
    component = shared_component(t, 'c-clib')
    steps = [
        ('live()', '0'), ('upper("hello, Wörld")', '"HELLO, WöRLD"'), ('upper("")', '""'),
        ('sum([1, -2, 9007199254740993])', '9007199254740992'), ('sum([])', '0'),
        ("split(\"a,b,,ccc\", ',')", '["a", "b", "", "ccc"]'),
        ("split(\"\", ',')", '[""]'), ('div(-7, 2)', 'ok(-3)'),
        ('div(1, 0)', 'err("division by zero")'), ('minmax([3, -1.5, 8.25])', 'some((-1.5, 8.25))'),
        ('minmax([])', 'none'), ('[constructor]acc(5)', '#1'),
        ('[constructor]acc(18446744073709551615)', '#2'), ('[method]acc.add(#1, 10)', None),
        ('[method]acc.value(#1)', '15'), ('live()', '2002'), ('[static]acc.absorb(#1, #2)', '#3'),
        ('[method]acc.value(#3)', '14'), ('live()', '1001')]
    args = []
    for call, _ in steps:
        args += ['--invoke', 'test:clib/api#' + call]
    t.run('run', *args, component)
    t.equal(t.out.decode().splitlines(), [want for _, want in steps if want is not None])
    t.run('run', *args, '--invoke', 'test:clib/api#[method]acc.value(#1)', component, code=USAGE)
    t.says('no resource')


# --- errors in what is embedded: truncated and corrupted components ------------

def sample(t):
    t.run('parse', '-o', 's.wasm', t.write('s.wat', ARITHMETIC))
    return t.read('s.wasm')


# --- values -------------------------------------------------------------------


def echo(defs, elem, is_async=False):
    """echo: a list of any type, back as it came; also as an async export."""
    lift = ('(canon lift (core func $m "echo-async") async (memory $m "memory") '
            '(realloc (func $m "realloc")) (callback (func $m "cb")))'
            if is_async else
            '(canon lift (core func $m "echo") (memory $m "memory") '
            '(realloc (func $m "realloc")))')
    ret = (f'(core module $Mem (memory (export "memory") 4))'
           f'(core instance $mem (instantiate $Mem))'
           f'(core func $ret (canon task.return (result (list {elem})) '
           f'(memory $mem "memory")))')
    return f"""(component {defs} {ret}
      (core module $M
        (import "" "memory" (memory 4)) (export "memory" (memory 0))
        (import "" "ret" (func $ret (param i32 i32)))
        (global $next (mut i32) (i32.const 4096))
        (func (export "realloc") (param i32 i32 i32 i32) (result i32)
          (global.set $next (i32.and
            (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
          (global.get $next)
          (global.set $next (i32.add (global.get $next) (local.get 3))))
        (func (export "echo") (param i32 i32) (result i32)
          (i32.store (i32.const 8) (local.get 0))
          (i32.store (i32.const 12) (local.get 1)) (i32.const 8))
        (func (export "echo-async") (param i32 i32) (result i32)
          (call $ret (local.get 0) (local.get 1)) (i32.const 0))
        (func (export "cb") (param i32 i32 i32) (result i32) (unreachable)))
      (core instance $m (instantiate $M (with "" (instance
        (export "memory" (memory $mem "memory"))
        (export "ret" (func $ret))))))
      (func (export "echo") {'async' if is_async else ''}
        (param "x" (list {elem})) (result (list {elem})) {lift}))"""


# Type definitions, the type, and values as they are printed.
ECHOES = [
    ('', 'bool', ['true', 'false']),
    ('', 's8', ['-128', '127']), ('', 'u8', ['255']),
    ('', 's16', ['-32768']), ('', 'u16', ['65535']),
    ('', 's32', ['-2147483648']), ('', 'u32', ['4294967295']),
    ('', 's64', ['-9223372036854775808']),
    ('', 'u64', ['18446744073709551615']),
    ('', 'f32', ['1.5', '-0', 'nan', 'inf', '-inf', '1e-45']),
    ('', 'f64', ['0.1', '5e-324']),
    ('', 'char', ["'x'", "'\\''", "'\\n'", "'\\u{0}'", "'\u2211'", "'\"'"]),
    ('', 'string', ['""', '"a\\"b\\\\c\\u{1b}"', '"\u00e4\u2211"']),
    ('', '(list string)', ['[]', '["a", "b"]']),
    ('', '(list u16)', ['[1, 2]']),
    ('', '(list u8 3)', ['[1, 2, 3]']),
    ('', '(list (list string 2) 2)', ['[["a", "b"], ["", "d"]]']),
    ('', '(map string u32)', ['[]', '[("a", 1), ("b", 2)]']),
    ('', '(map u8 (list string))', ['[(1, ["x"])]']),
    ('', '(tuple u8 string)', ['(1, "a")']),
    ('', '(option u8)', ['some(1)', 'none']),
    ('', '(option (option u8))', ['some(some(1))', 'some(none)', 'none']),
    ('', '(result u8 (error string))', ['ok(1)', 'err("no")']),
    ('', '(result)', ['ok', 'err']),
    ('', '(result (option (result u8)) (error (list u8)))',
     ['ok(some(ok(1)))', 'ok(some(err))', 'ok(none)', 'err([1, 2])']),
    ('(type $a (record (field "x" u8) (field "some" (option string))))'
     '(export $t "t" (type $a))', '$t', ['{x: 1, %some: some("y")}']),
    ('(type $a (variant (case "none") (case "b" (tuple u8 (option char)))))'
     '(export $t "t" (type $a))', '$t', ['%none', "b((1, some('q')))"]),
    ('(type $a (enum "red" "true"))(export $t "t" (type $a))', '$t',
     ['red', '%true']),
    ('(type $a (flags "r" "w" "x-y"))(export $t "t" (type $a))', '$t',
     ['{}', '{r, x-y}']),
    ('', 'error-context', ['error-context("bad \\"thing\\"")']),
    ('', '(stream u8)', ['[1, 2, 3]', '[]']),
    ('', '(stream string)', ['["a", "b"]']),
    ('', '(stream (stream u32))', ['[[1, 2], [], [3]]']),
    ('', '(stream)', ['[(), (), ()]']),
    ('', '(future u32)', ['7']),
    ('', '(future)', ['()']),
    ('', '(future (stream string))', ['["a", "b"]']),
    ('', '(option (future (result (error string))))',
     ['some(err("no"))', 'none']),
]


def test_values__every_type_there_and_back(t):
    for is_async in (False, True):
        for i, (defs, elem, values) in enumerate(ECHOES):
            path = t.write('echo.wat', echo(defs, elem, is_async))
            text = '[' + ', '.join(values) + ']'
            for seed in ('0', '1', '2'):
                t.run('run', '--seed', seed, '--invoke', f'echo({text})', path)
                t.equal(t.out.decode(), text + '\n')


def test_values__streams_from_strings_and_files(t):
    path = t.write('echo.wat', echo('', '(stream u8)'))
    t.write('some file', b'\x00\xffz')
    t.write('plain.bin', b'AB')
    t.run('run', '--invoke', 'echo(["hi", @plain.bin, @"some file", @-])', path,
          stdin=b'in')
    t.equal(t.out, b'[[104, 105], [65, 66], [0, 255, 122], [105, 110]]\n')
    t.run('run', '--invoke', 'echo([@nowhere])', path, code=NO_INPUT)
    t.says('nowhere: No such file')
    t.run('run', '--invoke', 'echo([@])', path, code=USAGE)
    t.says('name of a file')
    big = bytes(range(256)) * 4096
    t.write('big', big)
    t.run('run', '--invoke', 'echo([@big])', path)
    t.equal(t.out.decode(), '[[' + ', '.join(map(str, big)) + ']]\n')


RESOURCES = """(component
  (type $r' (resource (rep i32)))
  (export $r "r" (type $r'))
  (core func $new (canon resource.new $r'))
  (core func $drop (canon resource.drop $r'))
  (core module $Mem (memory (export "memory") 4))
  (core instance $mem (instantiate $Mem))
  (core module $M
    (import "" "memory" (memory 4)) (export "memory" (memory 0))
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (global $next (mut i32) (i32.const 4096))
    (func $realloc (export "realloc") (param i32 i32 i32 i32) (result i32)
      (global.set $next (i32.and
        (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))
      (global.get $next)
      (global.set $next (i32.add (global.get $next) (local.get 3))))
    (func (export "make") (param i32) (result i32) (local $i i32)
      (i32.store (i32.const 8) (i32.const 64))
      (i32.store (i32.const 12) (local.get 0))
      (loop $l
        (i32.store (i32.add (i32.const 64)
            (i32.shl (local.get $i) (i32.const 2)))
          (call $new (i32.add (local.get $i) (i32.const 10))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (local.get 0))))
      (i32.const 8))
    (func (export "sum") (param i32 i32) (result i32) (local $s i32)
      (loop $l (if (local.get 1) (then
        (local.set $s (i32.add (local.get $s)
          (i32.load (local.get 0))))
        (local.set 0 (i32.add (local.get 0) (i32.const 4)))
        (local.set 1 (i32.sub (local.get 1) (i32.const 1)))
        (br $l))))
      (local.get $s))
    (func (export "swap") (param i32 i32 i32) (result i32)
      (i32.store (i32.const 8) (local.get 1))
      (i32.store (i32.const 12) (i32.const 1))
      (i32.store (i32.const 16) (local.get 0))
      (i32.const 8)))
  (core instance $m (instantiate $M (with "" (instance
    (export "memory" (memory $mem "memory"))
    (export "new" (func $new)) (export "drop" (func $drop))))))
  (func (export "make") (param "n" u32) (result (list (own $r)))
    (canon lift (core func $m "make") (memory $mem "memory")))
  (func (export "sum") (param "rs" (list (borrow $r))) (result u32)
    (canon lift (core func $m "sum") (memory $mem "memory")
      (realloc (func $m "realloc"))))
  (func (export "swap") (param "ab" (tuple (own $r) (own $r)))
      (param "unused" u32) (result (tuple (own $r) (option (own $r))))
    (canon lift (core func $m "swap") (memory $mem "memory")
      (realloc (func $m "realloc")))))"""


def test_values__handles_inside_of_values(t):
    path = t.write('r.wat', RESOURCES)

    def invoke(*calls, code=0):
        args = [a for call in calls for a in ('--invoke', call)]
        t.run('run', *args, path, code=code)
        return t.out.decode().splitlines()

    t.equal(invoke('make(3)', 'sum([#1, #2, #3])', 'sum([#3])'),
            ['[#1, #2, #3]', '33', '12'])
    t.equal(invoke('make(2)', 'swap((#1, #2), 0)', 'sum([#3, #4])',
                   'sum([#4])'), ['[#1, #2]', '(#3, some(#4))', '21', '10'])
    invoke('make(2)', 'swap((#1, #2), 0)', 'sum([#1])', code=USAGE)
    t.says('`#1` is no resource')
    invoke('make(2)', 'swap((#1, #1), 0)', code=USAGE)
    invoke('make(1)', 'sum([#2])', code=USAGE)
    invoke('make(1)', 'sum([1])', code=USAGE)
    t.says('expected a handle')


# --- time ---------------------------------------------------------------------

SPIN = '(component (core module $M (func (export "spin") (loop $l (br $l)))' \
       '(func (export "quick")))' \
       '(core instance $m (instantiate $M))' \
       '(func (export "spin") (canon lift (core func $m "spin")))' \
       '(func (export "quick") (canon lift (core func $m "quick"))))'
START = '(component (core module $M (func $s (loop $l (br $l))) (start $s))' \
        '(core instance (instantiate $M)))'
SLEEP = """(component
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $c
    (export "wait-for" (func async (param "how-long" u64)))))
  (alias export $c "wait-for" (func $f))
  (export "sleep" (func $f)))"""


def test_timeout__ends_what_runs_and_what_waits(t):
    def timed(text, *calls, code=TIMEOUT, seconds='0.7'):
        path = t.write('a.wat', text)
        args = [a for call in calls for a in ('--invoke', call)]
        begin = time.time()
        t.run('run', '--timeout', seconds, *args, path, code=code)
        return time.time() - begin

    took = timed(SPIN, 'spin()')
    t.says('deadline exceeded', r'0: .*offset 0x')
    t.true(0.69 < took < 5, f'it took {took} s')
    timed(SPIN, 'quick()', 'spin()')
    timed(SPIN, 'quick()', code=OK, seconds='60')
    timed(SPIN, 'quick()', code=OK, seconds='1000000')
    timed(START)
    t.says('deadline exceeded')
    took = timed(SLEEP, 'sleep(3600000000000)')
    t.says('deadline exceeded')
    t.true(0.69 < took < 5, f'it took {took} s')


def test_timeout__while_a_result_is_read(t):
    """The call has returned; its streams bring nothing."""
    for elem, call in (('(stream u8)', 'echo([@-])'),
                       ('(future (stream u8))', 'echo([@-])')):
        path = t.write('echo.wat', echo('', elem))
        with subprocess.Popen([t.sluice, 'run', '--timeout', '0.7', '--invoke',
                               call, path], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE) as p:
            try:
                code = p.wait(timeout=30)
            finally:
                p.kill()
            t.equal(code, TIMEOUT)
            t.equal(p.stdout.read(), b'')
            t.true(b'deadline exceeded' in p.stderr.read(), 'no word of it')


def starting(t, *options):
    """A run that waits for its data, from a pipe that nobody writes to."""
    return subprocess.Popen([t.sluice, 'run', *options, '--data', 'input=-',
                             t.example('forward/forward.wat')], stdin=subprocess.PIPE,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def test_timeout__while_it_starts(t):
    with starting(t, '--timeout', '0.2', '--trace', t.path('trace')) as p:
        begin = time.time()
        try:
            code = p.wait(timeout=30)
        finally:
            p.kill()
        t.equal(code, TIMEOUT)
        t.equal(p.stderr.read(), b'sluice: deadline exceeded\n')
        t.true(time.time() - begin < 10, 'late')
    t.true(not os.path.exists(t.path('trace')), 'a trace of nothing')
    with starting(t, '--timeout', '30') as p:
        time.sleep(0.1)
        out, _ = p.communicate(b'abc', timeout=30)
        t.equal((p.returncode, out), (OK, b'abc'))


def test_timeout__wrong_arguments(t):
    path = t.write('a.wat', SPIN)
    for wrong in ('', 'x', '-1', '1s', 'nan', '1e99'):
        t.run('run', '--timeout', wrong, path, code=USAGE)
        t.says('--timeout wants a number of seconds')


def test_embed_errors__every_truncation(t):
    whole = sample(t)
    step = 7 if t.sanitized else 1
    for n in range(0, len(whole), step):
        t.write('cut.wasm', whole[:n])
        code = t.run('validate', 'cut.wasm', code=None)
        t.true(code in (OK, INVALID), f'cut at {n}: exit {code}\n{t.err}')


def test_embed_errors__truncated_segment(t):
    t.bundle(t.example('forward/forward.wat'), 'f.wasm', input=t.write('in', b'x' * 100000))
    whole = t.read('f.wasm')
    t.write('cut.wasm', whole[:100000])
    t.run('run', 'cut.wasm', code=INVALID)
    t.says('unexpected end|length out of bounds|truncated')


def test_embed_errors__shrinks_while_it_runs(t):
    """A file that is cut after validation is a data fault or a failed run, not a crash."""
    t.bundle(t.example('relay/relay.wat'), 'r.wasm', text=t.write('in', b'x' * 3000000))
    p = subprocess.Popen([t.sluice, 'run', '--seed', '5', '--invoke', 'sum()', t.path('r.wasm')],
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    time.sleep(0.05)
    os.truncate(t.path('r.wasm'), 1000000)
    out, err = p.communicate(timeout=120)
    if p.returncode == 0:
        t.equal(out, b'%d\n' % (120 * 3000000))
    elif p.returncode == TRAP:
        t.true(b'data fault' in err, err)
    else:
        t.true(p.returncode in (INVALID, NO_INPUT), f'exit {p.returncode}: {err}')


# --- bundle --------------------------------------------------------------------

def test_bundle__wrong_names_and_files(t):
    data = t.write('d', b'abc')
    forward = t.example('forward/forward.wat')
    t.run('bundle', '--data', f'nope={data}', '-o', 'o.wasm', forward, code=INVALID)
    t.says('no `core data` import named `nope`')
    t.true(not os.path.exists(t.path('o.wasm')), 'an output was left')
    t.run('bundle', '--data', f'input={data}', '--data', f'input={data}', '-o', 'o.wasm',
          forward, code=INVALID)
    t.run('bundle', '--data', 'input=missing', '-o', 'o.wasm', forward, code=IO)
    t.run('bundle', '--data', f'input={t.folder}', '-o', 'o.wasm', forward, code=IO)
    t.run('bundle', '--data', f'input={data}', '-o', 'no/such/o.wasm', forward, code=IO)
    t.run('bundle', '--data', f'={data}', '-o', 'o.wasm', forward, code=USAGE)
    os.mkfifo(t.path('fifo'))
    for special in ('fifo', '.'):
        t.run('bundle', '--data', f'input={data}', '-o', special, forward, code=IO)
        t.says('not a regular file')
    t.true(stat.S_ISFIFO(os.stat(t.path('fifo')).st_mode), 'the fifo was replaced')
    t.equal([f for f in os.listdir(t.folder) if 'part' in f or f == 'o.wasm'], [])


def test_bundle__several_segments_keep_their_index(t):
    wat = t.write('two.wat', '''(component
      (import "a" (core data $a)) (import "x" (func)) (import "b" (core data $b))
      (core func $a (canon data.size $a)) (core func $b (canon data.size $b)))''')
    t.bundle(wat, 'o.wasm', b=t.write('fb', b'b' * 70000), a=t.write('fa', b'a' * 3))
    t.run('inspect', '--json', 'o.wasm')
    have = [(i['index'], i['size'], i['alignment']) for i in json.loads(t.out)
            if i['sort'] == 'core data']
    t.equal(have, [(0, 3, 65536), (1, 70000, 65536)])


def test_large_bundle__three_gib_in_little_memory(t):
    if t.sanitized:
        raise Skip('memory is measured in the release build')
    if shutil.disk_usage(t.folder).free < 8 << 30:
        raise Skip('less than 8 GiB of disk are free')
    big = t.path('big')
    with open(big, 'wb') as f:
        f.truncate(3 << 30)
        f.seek((3 << 30) - 5)
        f.write(b'tail\n')
    before = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    p = subprocess.run(['/usr/bin/env', 'bash', '-c',
                        f'ulimit -v $((512*1024)); exec "$0" "$@"', t.sluice, 'bundle', '--data',
                        f'input={big}', '-o', t.path('big.wasm'), t.example('forward/forward.wat')],
                       capture_output=True)
    t.equal((p.returncode, p.stderr), (0, b''))
    rss = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    t.true(rss < 32 * 1024 or rss == before, f'peak RSS {rss} KiB')
    p = subprocess.run(f'"{t.sluice}" run "{t.path("big.wasm")}" | tail -c 5', shell=True,
                       capture_output=True)
    t.equal(p.stdout, b'tail\n')


# --- signals -------------------------------------------------------------------

def interrupt(t, *args, number=signal.SIGINT, wait=None, **how):
    p = subprocess.Popen([t.sluice, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                         cwd=t.folder, **how)
    time.sleep(wait or (1.0 if t.sanitized else 0.3))
    t.true(p.poll() is None, 'it ended by itself')
    p.send_signal(number)
    out, err = p.communicate(timeout=20)
    t.true(b'Sanitizer' not in err, err.decode())
    return p.returncode, err.decode()


SLEEPER = '''(component
  (import "wasi:clocks/monotonic-clock@0.3.0" (instance $clock
    (export "wait-for" (func async (param "how-long" u64)))))
  (core func $sleep (canon lower (func $clock "wait-for")))
  (core module $M (import "" "sleep" (func $sleep (param i64)))
    (func (export "nap") (param i64) (call $sleep (local.get 0))))
  (core instance $m (instantiate $M (with "" (instance (export "sleep" (func $sleep))))))
  (func (export "nap") async (param "ns" u64) (canon lift (core func $m "nap"))))'''


def test_signals__busy_guest(t):
    t.write('a.wat', ARITHMETIC)
    code, err = interrupt(t, 'run', '--invoke', 'spin()', 'a.wat')
    t.equal(code, INTERRUPTED)


def test_signals__waiting_guest(t):
    t.write('s.wat', SLEEPER)
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        code, err = interrupt(t, 'run', '--invoke', 'nap(100000000000)', 's.wat', number=number)
        t.equal(code, INTERRUPTED)
    start = time.monotonic()
    t.run('run', '--invoke', 'nap(200000000)', 's.wat')
    t.true(time.monotonic() - start >= 0.2, 'it did not wait')


def test_signals__a_hangup_that_is_ignored(t):
    t.write('s.wat', SLEEPER)
    deaf = dict(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN))
    code, err = interrupt(t, 'run', '--invoke', 'nap(2000000000)', 's.wat',
                          number=signal.SIGHUP, **deaf)
    t.equal((code, err), (OK, ''))
    t.write('big', random.Random(1).randbytes(12 << 20)) # seconds of work
    code, err = interrupt(t, 'bundle', '--data', 'input=big', '--external', '.', '--zstd', '22',
                          '-o', 'o.wasm', t.example('forward/forward.wat'),
                          number=signal.SIGHUP, wait=0.2, **deaf)
    t.equal((code, err), (OK, ''))


def test_signals__before_there_is_a_store(t):
    for number in (signal.SIGINT, signal.SIGTERM):
        with starting(t) as p:
            time.sleep(1 if t.sanitized else 0.3)
            p.send_signal(number)
            try:
                code = p.wait(timeout=30)
            finally:
                p.kill()
            t.equal(code, INTERRUPTED)
            t.equal(p.stderr.read(), b'sluice: interrupted\n')


# --- mutants ---------------------------------------------------------------------

def test_wast__a_line_per_seed_and_a_table(t):
    t.write('a.wast', '''(module (func (export "f") (result i32) (i32.const 1)))
(assert_return (invoke "f") (i32.const 1))
(assert_return (invoke "f") (i32.const 2))''')
    t.write('b.wast', '(module) (component (core module))')
    t.run('wast', '--seeds', '3', 'a.wast', 'b.wast', code=1)
    lines = t.out.decode().splitlines()
    t.equal(lines[1::2][:3], [f'seed {n}: 4 passed, 1 failed, 0 skipped' for n in range(3)])
    t.true(all(line.startswith('a.wast:3: ') for line in lines[0:6:2]), t.out.decode())
    t.equal([line.split() for line in lines[6:]],
            ['file commands seeds passed failed skipped'.split(),
             'a.wast 3 3 6 3 0'.split(), 'b.wast 2 3 6 0 0'.split(),
             '2 files 5 3 12 3 0'.split(), '12 passed, 3 failed, 0 skipped'.split()])


def test_wast__conformance_has_a_row_per_file(t):
    os.mkdir(t.path('suite'))
    t.write('suite/a.wast', '''(module (func (export "f") (result i32) (i32.const 1)))
(assert_return (invoke "f") (i32.const 1))''')
    t.write('suite/b.wast', '(module)')
    t.run('conformance', '--seeds', '3', 'suite')
    t.equal([line.split() for line in t.out.decode().splitlines()],
            ['file assertions seeds kinds result'.split(),
             'a.wast 1 3 6 passed'.split(), 'b.wast 0 3 6 passed'.split(),
             '2 files 1 3 6 passed'.split(), '54 passed, 0 failed, 0 skipped'.split()])
    t.write('suite/b.wast', '(file "x" "1") (assert_return (invoke "f") (i32.const 1))')
    t.run('conformance', '--seeds', '2', '--backing', 'url', '--backing', 'file', 'suite/b.wast',
          code=1)
    lines = t.out.decode().splitlines()
    t.true('failed: sluice wast --backing url --seed 1 suite/b.wast' in lines, t.out.decode())
    t.equal(lines[-3].split(), 'b.wast 1 2 2 4 failed'.split())
    t.equal(lines[-1], '4 passed, 4 failed, 0 skipped')


def test_wast__conformance_with_wrong_arguments(t):
    t.run('conformance', '--help')
    t.true(t.out.startswith(b'usage: sluice conformance'), t.out)
    os.mkdir(t.path('none'))
    for arguments in (['--seeds', '0'], ['--seeds'], ['--backing', 'paper'], ['--what', '1'],
                      ['none'], ['nowhere.wast']):
        t.run('conformance', *arguments, code=USAGE)
        t.true(t.err.startswith('conformance: '), t.err)


def test_mutants__none(t):
    """The sweep proper is the program mutants (tests/sweep); here a few by hand."""
    whole = bytearray(sample(t))
    rng = random.Random(7)
    for _ in range(60):
        mutant = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            mutant[rng.randrange(len(mutant))] = rng.randrange(256)
        t.write('m.wasm', mutant)
        code = t.run('run', '--invoke', 'add(1, 2)', 'm.wasm', code=None, timeout=20)
        t.true(code in (OK, INVALID, UNSUPPORTED, TRAP, USAGE, 70), f'exit {code}\n{t.err}')


# --- valgrind ----------------------------------------------------------------

def test_valgrind__examples(t):
    """Fibers, streams and exits under valgrind: no error, nothing lost."""
    if t.sanitized or shutil.which('valgrind') is None:
        raise Skip('sanitized build, or no valgrind')
    text = t.write('in', t.text(100000))
    t.write('a.wat', ARITHMETIC)
    t.write('s.wat', SLEEPER)
    t.bundle(t.example('forward/forward.wat'), 'f.wasm', input=text)
    t.bundle(t.example('relay/relay.wat'), 'r.wasm', text=text)
    for code, *args in ((0, 'run', 'f.wasm'), (0, 'run', '--seed', '3', 'f.wasm'),
                        (0, 'run', '--invoke', 'sum()', 'r.wasm'),
                        (0, 'run', '--seed', '3', '--invoke', 'sum()', 'r.wasm'),
                        (0, 'run', '--invoke', 'nap(1000000)', 's.wat'),
                        (TRAP, 'run', '--invoke', 'div(0)', 'a.wat'),
                        (0, 'inspect', 'r.wasm'), (0, 'print', 'r.wasm'),
                        (INVALID, 'run', t.example('forward/forward.wat'))):
        under_valgrind(t, code, *args)


def under_valgrind(t, code, *args):
    supp = os.path.join(t.root, 'tests/valgrind.supp')
    p = subprocess.run(['valgrind', '-q', '--leak-check=full', '--error-exitcode=99',
                        '--errors-for-leak-kinds=definite', '--suppressions=' + supp,
                        t.sluice, *args],
                       capture_output=True, cwd=t.folder, timeout=300)
    t.true(p.returncode == code, f'{args}: exit {p.returncode}\n{p.stderr.decode()}')


def test_valgrind__data(t):
    """The same for segments in files and over HTTP, good and bad ones."""
    if t.sanitized or shutil.which('valgrind') is None:
        raise Skip('sanitized build, or no valgrind')
    text = t.write('in', t.text(3 << 20))
    for name, *options in (('plain', ), ('zstd', '--zstd', '3'), ('bad', )):
        t.run('bundle', '--data', f'input={text}', '--external', name, '--chunk', '64K',
              *options, '-o', name + '.wasm', t.example('forward/forward.wat'))
    (bad,) = os.listdir(t.path('bad'))
    with open(t.path('bad/' + bad), 'r+b') as f:
        f.seek(1 << 20)
        f.write(b'\0' * 100)
    origin = os.path.join(t.root, 'tests/origin/origin.py')
    with subprocess.Popen([sys.executable, origin, '--root', t.folder, '--life', '280'],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
        ports = dict(line.split()[:2] for line in iter(served.stdout.readline, 'ready\n'))
        url = f'http://127.0.0.1:{ports["http"]}'
        web = ('run', '--allow-private', '--cache', t.path('cache'))
        for code, *args in ((0, 'run', 'zstd.wasm'), (0, 'run', '--map-files', 'plain.wasm'),
                            (FAILED, 'run', 'bad.wasm'), (0, *web, url + '/zstd.wasm'),
                            (0, *web, '--seed', '3', url + '/plain.wasm'),
                            (0, *web, '--map-files', url + '/plain.wasm'),
                            (FAILED, *web, '--cache', 'none', url + '/bad.wasm')):
            under_valgrind(t, code, *args)
        served.stdin.close()


def main(names):
    """Runs the groups' cases among `names`."""
    parser = argparse.ArgumentParser()
    parser.add_argument('--sluice', required=True)
    parser.add_argument('--root', required=True)
    parser.add_argument('--sanitized', default='0')
    return cases.run(names, Fixture, parser)


if __name__ == '__main__':
    sys.exit(main(globals()))
