#!/usr/bin/env python3
"""Load plans: recorded, as text, in components, and what `sluice optimize` and
`sluice bundle` make of them. Run like cli_test.py, whose fixture it uses.
"""
import os
import sys

from cli_test import INVALID, NO_INPUT, USAGE, main

# Exports that give segments: imported ones, one of its own, nested ones.
READER = '''
  (core func $read{0} (canon data.read {1}))
  (core func $size{0} (canon data.size {1}))
  (core module $M{0}
    (import "" "read" (func $read (param i32 i32) (result i32)))
    (import "" "size" (func $size (result i32)))
    (func (export "get") (result i32) (call $read (i32.const 0) (call $size))))
  (core instance $m{0} (instantiate $M{0} (with "" (instance
    (export "read" (func $read{0})) (export "size" (func $size{0}))))))
  (func $get{0} {2} (result (stream u8)) (canon lift (core func $m{0} "get")))'''


def reader(name, segment):
    return READER.format(name, segment, f'(export "{name}")')


def inner(name, text, deeper=''):
    return f'''
  (component $C{name} {deeper}
    (core data $s "{text}") {reader(name, '$s')})
  (instance $i{name} (instantiate $C{name}))
  (export "{name}" (func $i{name} "{name}"))'''


IMPORTS = f'''(component
  (import "first" (core data $first))
  (core data $own "own segment") {reader('own', '$own')}
  (import "second" (core data $second)) {reader('first', '$first')} {reader('second', '$second')}
  {inner('deep', 'a nested one')}
  (core data $last "the last one") {reader('last', '$last')})'''


def names(n):
    return bytes([len(n)]) + n.encode()


def plan_of(t, path):
    """The load plan in a component: version, names, steps."""
    data = t.read(path)
    at = 8
    def u(at):
        value = shift = 0
        while True:
            value |= (data[at] & 127) << shift
            shift += 7
            at += 1
            if data[at - 1] < 128:
                return value, at
    while at < len(data):
        section = data[at]
        size, body = u(at + 1)
        at = body + size
        if section != 0 or data[body:body + 10] != b'\x09load-plan':
            continue
        version, body = data[body + 10], body + 11
        found = []
        if version == 2:
            n, body = u(body)
            for _ in range(n):
                size, body = u(body)
                found.append(data[body:body + size].decode())
                body += size
        n, body = u(body)
        steps = []
        for _ in range(n):
            step = []
            for _ in range(3):
                value, body = u(body)
                step.append(value)
            segment = step[0]
            steps.append((found[segment] if segment < len(found) else segment - len(found),
                          step[1], step[2]))
        t.equal(body, at)
        return version, found, steps
    return None


def record(t, path, calls, *args):
    invokes = [a for call in calls for a in ('--invoke', call + '()')]
    t.run('run', *args, *invokes, '--record-loads', 'plan', path)
    return t.out, t.read('plan').decode().splitlines()


SUPPLY = '--data', 'first=one', '--data', 'second=two'


def supplied(t):
    t.write('c.wat', IMPORTS)
    t.write('one', b'1' * 1000)
    t.write('two', b'2' * 2000)
    return SUPPLY


def test_plans__name_what_is_imported(t):
    out, lines = record(t, 'c.wat', ['second', 'deep', 'own', 'first', 'last'], *supplied(t))
    t.equal(out, b'2' * 2000 + b'a nested one' + b'own segment' + b'1' * 1000 + b'the last one')
    t.equal(lines, ['# segment start length', '"second" 0 2000', '1 0 12', '0 0 11',
                    '"first" 0 1000', '2 0 12'])
    t.run('optimize', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
    version, found, steps = plan_of(t, 'p.wasm')
    t.equal((version, found), (2, ['second', 'first']))
    t.equal([s[0] for s in steps], ['second', 1, 0, 'first', 2])
    again, lines2 = record(t, 'p.wasm', ['second', 'deep', 'own', 'first', 'last'], *SUPPLY)
    t.equal((again, lines2), (out, lines))


def test_plans__without_imports_are_the_first_version(t):
    supplied(t)
    for text, version in (('0 0 3\n', 1), ('"first" 0 3\n', 2), ('', 1)):
        t.write('plan', text)
        t.run('optimize', '--force', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
        t.equal(plan_of(t, 'p.wasm')[0], version)


def test_plans__are_prefetched(t):
    t.write('plan', '"two-words" 0 100\n"second" 5 100\n"second" 200 50\n')
    supply = supplied(t)
    t.write('d.wat', IMPORTS.replace('"first"', '"two-words"', 1))
    t.run('optimize', '--plan', 'plan', '-o', 'p.wasm', 'd.wat')
    t.run('run', '--data', 'two-words=one', *supply[2:], '--data-stats', '--invoke', 'first()',
          '--invoke', 'second()', 'p.wasm')
    header, *rows = [line.split() for line in t.err.splitlines() if line.strip()]
    t.true('prefetched' in header, t.err)


def test_plans__as_text(t):
    supplied(t)
    good = ('"first" 0 1', '  "first"  0  1  ', '"\\u{66}irst" 0 1', '0 0 11\r', '# nothing', '',
            '0 11 0', '"first" 18446744073709551615 0', '"first" 0 18446744073709551615')
    for line in good:
        t.write('plan', line + '\n')
        t.run('optimize', '--force', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
    bad = ('"first" 0', '"first 0 1', '"first', '"fi\\rst\\" 0 1', '"first"x 0 1', 'first 0 1',
           '"first" -1 1', '"first" 0 1 2', '"third" 0 1', '"" 0 1', '"a\\u{1b}[31m" 0 1',
           '0 0 12', '0 12 0', '3 0 1', '4294967295 0 1', '99999999999 0 1', '"\\xff" 0 1')
    for line in bad:
        t.write('plan', '# comment\n' + line + '\n')
        t.run('optimize', '--plan', 'plan', '-o', 'bad.wasm', 'c.wat', code=INVALID)
        t.true(t.err.strip() and '\x1b' not in t.err and not os.path.exists(t.path('bad.wasm')),
               f'{line}: {t.err}')
    t.run('optimize', '--plan', 'nowhere', '-o', 'bad.wasm', 'c.wat', code=NO_INPUT)
    t.run('optimize', '-o', 'bad.wasm', 'c.wat', code=USAGE)
    t.run('optimize', '--plan', '-', '-o', 'q.wasm', 'c.wat', stdin=b'"second" 1 2\n')
    t.equal(plan_of(t, 'q.wasm'), (2, ['second'], [('second', 1, 2)]))
    t.write('plan', ''.join(f'0 {i % 11} 1\n' for i in range(65537)))
    t.run('optimize', '--plan', 'plan', '-o', 'bad.wasm', 'c.wat', code=INVALID)
    t.says('65536 steps')


def test_plans__of_names_that_nobody_has_are_ignored(t):
    """In a component a plan is advice, whatever it says."""
    t.write('c.wat', f'(component (core data $a "text") {reader("a", "$a")})')
    t.run('parse', '-o', 'c.wasm', 'c.wat')
    plain = t.read('c.wasm')
    for body in (b'\x02\x01' + names('nobody') + b'\x02\x00\x00\x05\x01\x00\x04',
                 b'\x02\x01' + names('nobody') + b'\x01\x00\x00\xff\xff\xff\xff\x0f',
                 b'\x02\x02' + names('') + names('') + b'\x01\x01\x00\x01',
                 b'\x01\x01\xff\xff\xff\xff\x0f\x00\x01',
                 b'\x02\x01' + names('x') + b'\x01\xff\xff\xff\xff\x0f\x00\x01',
                 b'\x03whatever', b'\x02', b''):
        section = b'\x09load-plan' + body
        t.write('x.wasm', plain[:8] + b'\0' + bytes([len(section)]) + section + plain[8:])
        t.run('run', '--invoke', 'a()', 'x.wasm')
        t.equal(t.out, b'text')


def test_plans__stay_right_when_imports_become_segments(t):
    supply = supplied(t)
    calls = ['second', 'deep', 'own', 'first', 'last']
    out, _ = record(t, 'c.wat', calls, *supply)
    t.run('optimize', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
    for data, rest, want in (
            (('first=one',), ('--data', 'second=two'), ['second', 2, 1, 0, 3]),
            (('second=two',), ('--data', 'first=one'), [1, 2, 0, 'first', 3]),
            (('second=two', 'first=one'), (), [2, 3, 1, 0, 4])):
        args = [a for d in data for a in ('--data', d)]
        for external in ((), ('--external', 'ext', '--force')):
            t.run('bundle', *args, *external, '-o', 'b.wasm', 'p.wasm')
            t.equal([s[0] for s in plan_of(t, 'b.wasm')[2]], want)
            again, lines = record(t, 'b.wasm', calls, *rest)
            t.equal(again, out)
            t.equal([line.split()[0].strip('"') for line in lines[1:]], [str(s) for s in want])
    t.run('externalize', '--min-size', '0', '--dir', 'out', '-o', 'e.wasm', 'b.wasm')
    t.run('internalize', '-o', 'i.wasm', 'e.wasm')
    for path in ('e.wasm', 'i.wasm'):
        t.equal(plan_of(t, path), plan_of(t, 'b.wasm'))


def test_plans__two_instances_of_a_nested_component(t):
    """Both read the one definition, which has one number."""
    t.write('c.wat', f'''(component
      (core data $x "outer") (component $C (core data $s "nested") {reader('a', '$s')})
      (instance $i (instantiate $C)) (instance $k (instantiate $C))
      (export "one" (func $i "a")) (export "two" (func $k "a")))''')
    out, lines = record(t, 'c.wat', ['one', 'two'])
    t.equal((out, lines[1:]), (b'nestednested', ['1 0 6', '1 0 6']))
    t.run('optimize', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
    t.run('run', '--invoke', 'two()', '--invoke', 'one()', 'p.wasm')
    t.equal(t.out, b'nestednested')


if __name__ == '__main__':
    sys.exit(main(globals()))
