#!/usr/bin/env python3
"""Load plans: recorded, as text, in components, and what `sluice optimize` and
`sluice bundle` make of them. Run like cli_test.py, whose fixture it uses.
"""
import json
import os
import random
import re
import sys

from lower_test import HEAD, forms
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
    t.run('optimize', '--keep-order', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
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
    t.run('optimize', '--keep-order', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
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


# --- The order of segments ----------------------------------------------------

class Maker:
    """A random component, every export of which gives the bytes of one segment:
    its own, imported, passed by `with`, aliased from outer components (however
    far) and from instances, exported."""

    def __init__(self, rng):
        self.rng, self.number, self.imports = rng, 0, {}

    def payload(self):
        self.number += 1
        size = self.rng.choice((1, 5, 40, 300, 3000, 20000))
        return (f'<{self.number}>' * size)[:size + 3]

    def name(self, stem):
        self.number += 1
        return f'{stem}{self.number}'

    def component(self, depth=0, outer=(), given=()):
        """Its text without the brackets, and name -> bytes of its exports. `outer`:
        a list of (id, bytes) for each component around, innermost last."""
        rng, text, exports = self.rng, [], {}
        data = []  # (id, bytes) of this component's index space
        inside = []  # what nested components may alias
        for name, want in given:
            data.append((f'${name}', want))
            text.append(f'(import "{name}" (core data ${name}))')
        for _ in range(rng.randint(3, 12)):
            what = rng.choice('dddddiarrrrexcmom' if depth < 3 else 'dddarrrex')
            if what == 'd':
                own, want = self.name('$d'), self.payload()
                text.append(f'(core data {own} "{want}")')
                data.append((own, want))
                inside.append((own, want))
            elif what == 'i' and depth == 0:
                own, want = self.name('im'), self.payload()
                self.imports[own] = want
                text.append(f'(import "{own}" (core data ${own}))')
                data.append((f'${own}', want))
            elif what == 'a' and any(outer):
                count = rng.choice([i for i, o in enumerate(outer, 1) if o])
                source, want = rng.choice(outer[count - 1])
                own = self.name('$a')
                # by number and id: the scope is named by its place
                text.append(f'(alias outer {count} {source} (core data {own}))')
                data.append((own, want))
            elif what == 'r' and data:
                source, want = rng.choice(data)
                name = self.name('r')
                text.append(reader(name, source))
                exports[name] = want
            elif what == 'e' and data:
                source, want = rng.choice(data)
                own = self.name('$e')
                text.append(f'(export {own} "{own[1:]}" (core data {source}))')
                data.append((own, want))
            elif what == 'x' and data:
                pick = [rng.choice(data) for _ in range(rng.randint(1, 3))]
                bag, own = self.name('$b'), self.name('$g')
                text.append(f'(instance {bag} ' + ' '.join(
                    f'(export "x{k}" (core data {source}))'
                    for k, (source, _) in enumerate(pick)) + ')')
                k = rng.randrange(len(pick))
                text.append(f'(alias export {bag} "x{k}" (core data {own}))')
                data.append((own, pick[k][1]))
            elif what == 'm':
                text.append(f'(core module (func (result i32) (i32.const {self.number})))')
            elif what == 'o':
                text.append('(@custom "note" "kept")' if rng.random() < .5 else
                            f'(type (tuple u8 {" ".join(["u8"] * rng.randint(1, 9))}))')
            elif what == 'c':
                pick = [rng.choice(data) for _ in range(rng.randint(0, 2))] if data else []
                given_ = [(self.name('w'), want) for _, want in pick]
                body, inner_exports = self.component(
                    depth + 1, [list(inside)] + [list(o) for o in outer], given_)
                c, i = self.name('$c'), self.name('$i')
                text.append(f'(component {c} {body})')
                for _ in range(rng.randint(1, 2)):
                    i = self.name('$i')
                    text.append(f'(instance {i} (instantiate {c} ' + ' '.join(
                        f'(with "{name}" (core data {source}))'
                        for (name, _), (source, _) in zip(given_, pick)) + '))')
                for name, want in inner_exports.items():
                    outward = self.name('n')
                    text.append(f'(export "{outward}" (func {i} "{name}"))')
                    exports[outward] = want
        return '\n'.join(text), exports


def definitions(t, path):
    """Sizes of the segments defined in it, in the order of their numbers."""
    t.run('inspect', '--features', 'all', '--json', path)
    return [i['size'] for i in json.loads(t.out)
            if i['sort'] == 'core data' and i['how'] == 'definition']


def random_plan(rng, sizes):
    order = [i for i in range(len(sizes)) if rng.random() < .8]
    rng.shuffle(order)
    return ''.join(f'{i} 0 {sizes[i] if rng.random() < .8 else rng.randint(0, sizes[i])}\n'
                   for i in order)


def test_layout__random_components_do_the_same(t):
    moved = 0
    for seed in range(6 if t.sanitized else 60):
        rng = random.Random(seed)
        maker = Maker(rng)
        body, exports = maker.component()
        t.write('c.wat', f'(component {body})')
        supply = []
        for name, want in maker.imports.items():
            t.write(name, want)
            supply += ['--data', f'{name}={name}']
        source = rng.choice(('c.wat', 'c.wasm', 'aligned.wasm'))
        t.run('parse', '-o', 'c.wasm', 'c.wat')
        if source == 'aligned.wasm': # every payload at a multiple of 64 KiB
            t.run('externalize', '--force', '--min-size', '50', '--dir', '.', '-o', 'e.wasm', 'c.wat')
            t.run('internalize', '--force', '-o', source, 'e.wasm')
        sizes = definitions(t, source)
        t.write('plan', random_plan(rng, sizes))
        t.run('optimize', '--force', '--plan', 'plan', '-o', 'p.wasm', source)
        t.run('optimize', '--force', '--keep-order', '--plan', 'plan', '-o', 'k.wasm', source)
        t.run('validate', 'p.wasm')
        t.equal(sorted(definitions(t, 'p.wasm')), sorted(sizes))
        moved += plan_of(t, 'p.wasm') != plan_of(t, 'k.wasm')
        # The steps mean the same bytes, whatever their numbers are now.
        now = definitions(t, 'p.wasm')
        t.equal([(now[s], a, n) for s, a, n in plan_of(t, 'p.wasm')[2]],
                [(sizes[s], a, n) for s, a, n in plan_of(t, 'k.wasm')[2]])
        for name, want in exports.items():
            t.run('run', *supply, '--invoke', name + '()', 'p.wasm')
            t.true(t.out == want.encode(), f'seed {seed}: {name} gives {t.out[:40]}, not {want[:40]}')
        # The names of definitions go along; everything else stands as it was.
        def named(path):
            t.run('print', path)
            return {m[1]: m[2] for m in re.finditer(rb'\(core data (\$\S+) "([^"]*)"', t.out)}
        t.equal(named('p.wasm'), named('c.wasm' if source == 'c.wat' else source))
        # Again nothing moves.
        t.write('plan2', ''.join(f'{s} {a} {n}\n' for s, a, n in plan_of(t, 'p.wasm')[2]))
        t.run('optimize', '--force', '--plan', 'plan2', '-o', 'q.wasm', 'p.wasm')
        t.true(t.read('q.wasm') == t.read('p.wasm'), f'seed {seed}: not stable')
    t.true(moved > (1 if t.sanitized else 20), f'only {moved} changed')


def test_layout__the_data_suite(t):
    """Every component of tests/wast/data with its segments turned round."""
    folder = os.path.join(t.root, 'tests', 'wast', 'data')
    changed = total = 0
    for file in sorted(os.listdir(folder)):
        if not file.endswith('.wast') or file.startswith('external') or file == 'forwarded.wast':
            continue
        with open(os.path.join(folder, file)) as f:
            text = f.read()
        out = []
        for form in forms(text):
            head = HEAD.match(form)
            if head is None or re.match(r'\(component\s+(binary|quote|instance)', form):
                out.append(form)
                continue
            t.write('c.wat', '(component ' + form[head.end():])
            if '(core data' not in form:
                out.append(form)
                continue
            sizes = definitions(t, 'c.wat')
            if sum(n > 0 for n in sizes) < 2 and t.sanitized:
                out.append(form) # nothing can move
                continue
            t.write('plan', ''.join(f'{i} 0 {n}\n' for i, n in reversed(list(enumerate(sizes)))))
            t.run('optimize', '--force', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
            changed += definitions(t, 'p.wasm') != sizes
            data = ''.join('\\%02x' % b for b in t.read('p.wasm'))
            out.append(f'(component{head[1] or ""}{head[2] or ""} binary "{data}")')
        t.write('s.wast', '\n'.join(out))
        features = ('--features', 'core-data') if file == 'core-import.wast' else ()
        t.run('wast', *features, 's.wast', timeout=300)
        total += int(re.search(rb'(\d+) passed, 0 failed', t.out)[1])
    t.true(changed > 10 and total > 700, f'{changed} components changed, {total} commands')


def test_layout__what_is_read_first_stands_in_front(t):
    own = [chr(97 + i) * 1000 for i in range(8)]
    t.write('c.wat', '(component ' + ''.join(
        f'(core data $d{i} "{text}") (core module (func)) {reader(f"r{i}", f"$d{i}")}'
        for i, text in enumerate(own)) + ')')
    t.run('parse', '-o', 'c.wasm', 'c.wat')
    before = t.read('c.wasm')
    for order in ([6, 1, 4], [0, 2], [7, 6, 5, 4, 3, 2, 1, 0]):
        t.write('plan', ''.join(f'{i} 0 1000\n' for i in order))
        t.run('optimize', '--force', '--plan', 'plan', '-o', 'p.wasm', 'c.wasm')
        data = t.read('p.wasm')
        places = [data.index(own[i].encode()) for i in order]
        t.true(all(1000 <= b - a < 1010 for a, b in zip(places, places[1:])), places)
        rest = [data.index(own[i].encode()) for i in range(8) if i not in order]
        t.equal(rest, sorted(rest))
        t.true(not rest or max(places) < min(rest) or 0 in order, 'they are not in front')
        for i in range(8):
            t.run('run', '--invoke', f'r{i}()', 'p.wasm')
            t.equal(t.out, own[i].encode())
    # Mostly unread: behind what is read as a whole.
    t.write('plan', '5 0 10\n3 0 1000\n4 0 600\n')
    t.run('optimize', '--force', '--plan', 'plan', '-o', 'p.wasm', 'c.wasm')
    t.equal([s[0] for s in plan_of(t, 'p.wasm')[2]], [2, 0, 1])
    # As they stand already, or without a plan, nothing moves.
    t.write('plan', '')
    t.run('optimize', '--force', '--plan', 'plan', '-o', 'p.wasm', 'c.wasm')
    t.true(t.read('p.wasm').endswith(before[8:]), 'something has changed')


def test_layout__many_segments_and_long_numbers(t):
    """Indices of one, two and three bytes change places."""
    n = 300
    t.write('c.wat', '(component ' + ''.join(f'(core data $d{i} "{i:05}")' for i in range(n)) +
            ''.join(reader(f'r{i}', f'$d{i}') for i in (0, 1, 127, 128, 129, 299)) + ')')
    t.write('plan', ''.join(f'{i} 0 5\n' for i in range(n - 1, 0, -1)))
    t.run('optimize', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
    for i in (0, 1, 127, 128, 129, 299):
        t.run('run', '--invoke', f'r{i}()', 'p.wasm')
        t.equal(t.out, b'%05d' % i)
    t.equal([s[0] for s in plan_of(t, 'p.wasm')[2]], list(range(n - 1)))


def test_layout__segments_that_core_modules_import(t):
    """docs/data-segments.md, section 8: core instances name them too."""
    t.write('c.wat', '''(component
      (core data $a "alpha") (core data $b "beta!")
      (core module $M (import "d" "x" (data $x)) (import "d" "y" (data $y)) (memory 1)
        (func (export "get") (result i32)
          (memory.init $x (i32.const 0) (i32.const 0) (i32.const 2))
          (memory.init $y (i32.const 2) (i32.const 0) (i32.const 2))
          (i32.load (i32.const 0))))
      (core instance $m (instantiate $M (with "d" (instance
        (export "x" (core data $b)) (export "y" (core data $a))))))
      (func (export "get") async (result u32) (canon lift (core func $m "get"))))''')
    want = b'%d\n' % int.from_bytes(b'beal', 'little')
    t.write('plan', '1 0 5\n0 0 5\n')
    t.run('optimize', '--plan', 'plan', '-o', 'p.wasm', 'c.wat')
    t.equal([s[0] for s in plan_of(t, 'p.wasm')[2]], [0, 1])
    for path in 'c.wat', 'p.wasm':
        t.run('run', '--features', 'core-data', '--invoke', 'get()', path)
        t.equal(t.out, want)


def test_layout__external_segments_stay(t):
    own = [chr(97 + i) * 100000 for i in range(4)]
    t.write('c.wat', '(component ' + ''.join(
        f'(core data $d{i} "{text}") {reader(f"r{i}", f"$d{i}")}'
        for i, text in enumerate(own[:2] + ['small', own[2], 'also'])) + ')')
    t.run('externalize', '--dir', '.', '-o', 'e.wasm', 'c.wat')
    t.write('plan', '4 0 4\n3 0 100000\n2 0 5\n0 0 100000\n')
    t.run('optimize', '--plan', 'plan', '-o', 'p.wasm', 'e.wasm')
    t.equal([s[0] for s in plan_of(t, 'p.wasm')[2]], [0, 4, 1, 2])
    for i, want in enumerate(own[:2] + ['small', own[2], 'also']):
        t.run('run', '--invoke', f'r{i}()', 'p.wasm')
        t.equal(t.out, want.encode())


if __name__ == '__main__':
    sys.exit(main(globals()))
