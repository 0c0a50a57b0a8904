#!/usr/bin/env python3
"""What every function of the public headers has.

    api_test.py --root PROJECT documented|tested|swept

documented: a comment of its own that answers who owns, which errors, which
thread; or the header's first comment answers it for all of its functions.
tested: a call in a unit test of the public interface. swept: a call in the
sweeps that fail one allocation after the other.
"""
import argparse
import glob
import os
import re
import sys

DECLARATION = re.compile(
    r'(?P<doc>/\*\*(?:(?!\*/).)*\*/\s*)?^SLUICE_API\s+(?P<ret>[^;(]*?)'
    r'\b(?P<name>sluice_\w+)\s*\((?P<args>[^;]*)\)\s*;', re.S | re.M)
TEXT = r'(?<!struct )\b{}\s*\('


class Function:
    def __init__(self, header, first, match):
        self.header = os.path.basename(header)
        self.name = match['name']
        self.ret = ' '.join(match['ret'].split())
        self.args = ' '.join(match['args'].split())
        self.own = bool(match['doc'])
        self.doc = ' '.join((match['doc'] or '').replace('*', ' ').split())
        self.first = first


def functions(root):
    for header in sorted(glob.glob(f'{root}/include/sluice/*.h')):
        text = open(header).read()
        first = re.match(r'/\*\*.*?\*/', text, re.S)
        first = ' '.join(first[0].replace('*', ' ').split()) if first else ''
        for match in DECLARATION.finditer(text):
            yield Function(header, first, match)


def count(root):
    """However a declaration looks: none may be missed."""
    return sum(len(re.findall(r'^SLUICE_API', open(h).read(), re.M))
               for h in glob.glob(f'{root}/include/sluice/*.h'))


def lacks(f):
    """What a function's comment does not say."""
    if not f.own or len(f.doc) < 25:
        yield 'a comment of its own'
        return
    both = f.first + ' ' + f.doc
    if not re.search(r'thread', both, re.I):
        yield 'the thread'
    makes = re.search(r'\*$', f.ret) and not f.ret.startswith('const')
    gives = re.search(r'\bsluice_\w+ \*\*', f.args)
    if (makes or gives) and not re.search(
            r'yours|belongs to|borrowed|\bvalid\b', f.doc, re.I):
        yield 'who owns what it makes'
    if re.search(r'\bsluice_val \*(out|result|val|vals|args)\b', f.args) and \
            not re.search(r'take|moved|yours|owns|copy|borrow|same|release|zeroe|\bfills\b', both, re.I):
        yield 'who owns the values'
    fails = f.ret == 'sluice_status' or 'sluice_error *error' in f.args
    if fails and not re.search(r'SLUICE_E|@return as (for )?sluice_', f.doc):
        yield 'its errors'
    if f.ret not in ('void', 'sluice_status') and \
            not re.search(r'@return|returns?\b|whether|^/ (an?|the|what|one|how|parameters|fields) ',
                          f.doc, re.I):
        yield 'what it returns'
    if 'void *' in f.args and 'arg' in f.args and not re.search(r'arg|callback|done|\bfn\b|visit|`', f.doc):
        yield 'its callback'


def documented(root):
    for f in functions(root):
        for what in lacks(f):
            yield f'{f.header}: {f.name}: no word of {what}'


def code_of(path):
    return re.sub(r'/\*.*?\*/', '', open(path).read(), flags=re.S)


def missing(root, text):
    for f in functions(root):
        if not re.search(TEXT.format(f.name), text):
            yield f'{f.header}: {f.name}'


def test_files(root):
    return sorted(glob.glob(f'{root}/tests/unit/api/*_test.c') +
                  glob.glob(f'{root}/tests/unit/wasi/*_test.c'))


def tested(root):
    return missing(root, ''.join(code_of(p) for p in test_files(root)))


def swept(root):
    """sweep*_test.c, and of other files the functions that make allocations
    fail themselves."""
    text = ''
    for path in test_files(root):
        code = code_of(path)
        if os.path.basename(path).startswith('sweep'):
            text += code
        else:
            text += ''.join(
                body for body in re.findall(r'^static [^\n;]*\(.*?^}', code,
                                            re.S | re.M)
                if 'sl_alloc_fail_at(' in body)
    return missing(root, text)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', required=True)
    parser.add_argument('what', choices=['documented', 'tested', 'swept'])
    args = parser.parse_args()
    names = [f.name for f in functions(args.root)]
    bad = list({'documented': documented, 'tested': tested,
                'swept': swept}[args.what](args.root))
    for line in bad:
        print(line)
    if len(names) != count(args.root):
        bad.append('a declaration that this script does not understand')
        print(bad[-1])
    print(f'{len(names)} functions, {len(bad)} complaints ({args.what})')
    sys.exit(1 if bad or not names else 0)


if __name__ == '__main__':
    main()
