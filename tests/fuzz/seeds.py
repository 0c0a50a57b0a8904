#!/usr/bin/env python3
"""Makes seeds for the fuzz targets out of the tests' own material.

    seeds.py SLUICE OUT MOST [SCRIPT-OR-FOLDER...]

Every module and component of the scripts (default: tests/wast, and the official
suites where they are) goes into OUT/text as text, OUT/module and OUT/component
as bytes, at most MOST of each (0: all); whole scripts go into OUT/wast, and
tests/fuzz/corpus is copied in.
"""
import concurrent.futures
import hashlib
import pathlib
import re
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent
LARGEST = 64 << 10

TOKEN = re.compile(rb'"(?:[^"\\]|\\.)*"|;;[^\n]*|\(;|;\)|[()]', re.S)
FORM = re.compile(rb'\(\s*(core\s+)?(module|component)\b')


def forms(text):
    """Modules and components that are whole forms, and the core modules in
    them."""
    depth, comment, starts = 0, 0, []
    for token in TOKEN.finditer(text):
        kind = token.group()
        if kind == b'(;':
            comment += 1
        elif kind == b';)':
            comment -= 1
        elif comment > 0:
            continue
        elif kind == b'(':
            starts.append((token.start(), FORM.match(text, token.start())))
        elif kind == b')' and starts:
            start, head = starts.pop()
            if head and head.group(1):
                yield 'module', b'(module' + text[head.end():token.end()]
            elif head and not any(outer for _, outer in starts):
                yield head.group(2).decode(), text[start:token.end()]


def put(folder, data):
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / hashlib.sha256(data).hexdigest()[:16]
    path.write_bytes(data)
    return path


def binary(sluice, text, folder):
    done = subprocess.run([sluice, 'parse', '-o', '-', '-'], input=text,
                          capture_output=True, timeout=20)
    if done.returncode == 0 and len(done.stdout) <= LARGEST:
        put(folder, done.stdout)


def main():
    sluice, out, most = sys.argv[1], pathlib.Path(sys.argv[2]), int(sys.argv[3])
    where = [pathlib.Path(a) for a in sys.argv[4:]] or [
        ROOT / 'tests', ROOT / 'examples', ROOT.parent / 'shared/conformance']
    files = [f for place in where for pattern in ('*.wast', '*.wat')
             for f in sorted(place.rglob(pattern)) if place.exists()]
    found = {'module': {}, 'component': {}}
    for file in files:
        script = file.read_bytes()
        if len(script) <= LARGEST and file.suffix == '.wast':
            put(out / 'wast', script)
        for kind, text in forms(script):
            if len(text) <= LARGEST:
                found[kind][hashlib.sha256(text).digest()] = text
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for kind, texts in found.items():
            for _, text in sorted(texts.items())[:most or None]:
                put(out / 'text', text)
                pool.submit(binary, sluice, text, out / kind)
    shutil.copytree(HERE / 'corpus', out, dirs_exist_ok=True)
    for folder in sorted(out.iterdir()):
        print(f'{len(list(folder.iterdir())):6} {folder.name}')


if __name__ == '__main__':
    main()
