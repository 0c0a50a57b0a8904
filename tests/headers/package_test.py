#!/usr/bin/env python3
"""The package as an embedder meets it: headers, symbols, and an installed copy.

    package_test.py --root PROJECT --build BUILD --cc CC [--sanitized 1] GROUP...

Groups: headers, snippets, symbols, install. Ends with "N passed, N failed, N skipped".
"""
import argparse
import glob
import os
import re
import shutil
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import cases
from cases import Failure, Skip


class Fixture:
    def __init__(self, args, folder):
        self.root, self.build, self.folder = args.root, args.build, folder
        self.cc = args.cc
        self.flags = ['-fsanitize=address,undefined'] if args.sanitized == '1' else []
        self.env = dict(os.environ)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def run(self, *args, **kwargs):
        p = subprocess.run(args, capture_output=True, text=True, timeout=300, cwd=self.folder,
                           env=self.env, **kwargs)
        if p.returncode != 0:
            raise Failure(f'{" ".join(args)}: exit {p.returncode}\n{p.stdout}{p.stderr}')
        return p.stdout

    def headers(self):
        found = sorted(glob.glob(os.path.join(self.root, 'include', 'sluice', '*.h')))
        if len(found) < 5:
            raise Failure('no headers')
        return found

    def library(self, suffix):
        found = os.path.join(self.build, 'lib', 'libsluice' + suffix)
        if not os.path.exists(found):
            raise Skip('not built: ' + found)
        return found


# --- headers -------------------------------------------------------------------

def compile_each(t, command):
    for header in t.headers():
        name = os.path.basename(header)
        source = (f'#include <sluice/{name}>\n#include <sluice/{name}>\n'
                  'int sl_test_unit;\n')
        t.run(*command, '-Wall', '-Wextra', '-Werror', '-pedantic', '-fsyntax-only',
              '-I' + os.path.join(t.root, 'include'), '-', input=source)


def test_headers__alone_as_c11(t):
    compile_each(t, [t.cc, '-std=c11', '-x', 'c'])


def test_headers__alone_as_cpp17(t):
    cxx = os.environ.get('CXX') or shutil.which('c++')
    if cxx is None:
        raise Skip('no C++ compiler')
    compile_each(t, [cxx, '-std=c++17', '-x', 'c++'])


def test_headers__sluice_h_includes_all(t):
    with open(os.path.join(t.root, 'include', 'sluice', 'sluice.h')) as f:
        included = set(re.findall(r'#include "sluice/(\w+\.h)"', f.read()))
    have = {os.path.basename(h) for h in t.headers()} - {'sluice.h', 'export.h'}
    if included != have:
        raise Failure(f'{included} is not {have}')


# --- docs/embedding.md -----------------------------------------------------------

# What its snippets leave out because it stands around them in examples/embed.
AROUND = """
#include <stdio.h>
#include <uv.h>
#include <sluice/sluice.h>

#define MS UINT64_C(1000000)
enum { TEXT_BYTES = 300000 };
extern char **argv;
extern uv_loop_t loop;
extern sluice_error error;
extern sluice_engine *engine;
extern sluice_component *component;
extern sluice_linker *linker;
extern sluice_store *store;
extern sluice_instance *instance;
extern sluice_promise *promise;
extern const sluice_type *elem;
extern sluice_val arg, payload, shape, answer, result;
extern struct request { sluice_fetch *fetch; } *r;
struct reading { sluice_reader *reader; char piece[100]; };
extern uint32_t next_ticket;
extern int left;
sluice_func *find(sluice_instance *in, const char *name);
void read_at(void *ctx, sluice_fetch *fetch, uint64_t at, void *to, size_t len);
sluice_host_fn host_log, host_sleep, host_draw;
void ticket_is_back(void *ctx, uint32_t number);
sluice_done_fn napped;
sluice_fault_answer on_fault(void *ctx, const sluice_fault *fault);
sluice_read_fn piece_read;
"""


def test_snippets__each_compiles(t):
    """Each is a function of its own: what it declares is gone behind it."""
    with open(os.path.join(t.root, 'docs', 'embedding.md')) as f:
        text = f.read()
    snippets = re.findall(r'^```c\n(.*?)^```$', text, re.M | re.S)
    if len(snippets) < 10:
        raise Failure(f'only {len(snippets)} snippets were found')
    source = AROUND
    for i, snippet in enumerate(snippets):
        line = text.count('\n', 0, text.index(snippet)) + 1
        source += (f'void snippet_{i}(void);\nvoid snippet_{i}(void)\n{{\n'
                   f'#line {line} "embedding.md"\n{snippet}}}\n')
    t.run(t.cc, '-std=gnu11', '-Wall', '-Wextra', '-Werror', '-Wno-unused-variable',
          '-Wno-unused-but-set-variable', '-fsyntax-only', '-x', 'c',
          '-I' + os.path.join(t.root, 'include'), '-', input=source)


# --- symbols --------------------------------------------------------------------

def declared(t):
    names = set()
    for header in t.headers():
        with open(header) as f:
            text = re.sub(r'/\*.*?\*/', '', f.read(), flags=re.S)
        text = re.sub(r'^\s*#.*$', '', text, flags=re.M)
        names |= {m[1] for m in re.finditer(r'SLUICE_API[^;(]*?(\w+)\s*\(', text)}
    return names


def test_symbols__the_shared_library_exports_the_interface_only(t):
    out = t.run('nm', '-D', '--defined-only', t.library('.so'))
    have = {line.split()[-1].split('@')[0] for line in out.splitlines()}
    have = {n for n in have if not n.startswith(('__asan', '__odr_asan', '_init', '_fini'))}
    want = declared(t)
    if len(want) < 50:
        raise Failure(f'only {len(want)} functions were found in the headers')
    if have - want:
        raise Failure(f'exported, but in no header: {sorted(have - want)}')
    if want - have:
        raise Failure(f'in a header, but not exported: {sorted(want - have)}')


# --- install ----------------------------------------------------------------------

def install(t):
    t.run('cmake', '--install', t.build, '--prefix', t.path('prefix'))
    found = glob.glob(t.path('prefix', '**', 'sluice.pc'), recursive=True)
    if len(found) != 1:
        raise Failure(f'pkg-config files: {found}')
    lib = os.path.dirname(os.path.dirname(found[0]))
    t.env['PKG_CONFIG_PATH'] = os.path.dirname(found[0])
    return lib


def check_example(t, program):
    example = os.path.join(t.root, 'examples', 'embed')
    t.run(t.path('prefix', 'bin', 'sluice'), 'parse', '-o', t.path('embed.wasm'),
          os.path.join(example, 'embed.wat'))
    with open(os.path.join(example, 'expected.out')) as f:
        want = f.read()
    have = t.run(program, t.path('embed.wasm'))
    if have != want:
        raise Failure(f'printed:\n{have}\nexpected:\n{want}')


def test_symbols__of_the_archive(t):
    """Whoever links it statically has names of their own."""
    out = t.run('nm', '-g', '--defined-only', t.library('.a'))
    names = re.findall(r'^[0-9a-f]+ [A-Z] (\w+)$', out, re.M)
    if len(names) < 500:
        raise Failure(f'{len(names)} symbols in the archive')
    alien = sorted(n for n in set(names) if not re.match(r'sl_|sluice_|__?(asan|odr_asan|ubsan|start|stop)', n))
    if alien:
        raise Failure('not ours by name: ' + ' '.join(alien))


def test_install__what_lies_where(t):
    lib = install(t)
    for name in ('libsluice.a', 'libsluice.so', 'cmake/sluice/sluice-config.cmake'):
        if not os.path.exists(os.path.join(lib, name)):
            raise Failure('not installed: ' + name)
    have = sorted(os.listdir(t.path('prefix', 'include', 'sluice')))
    if have != [os.path.basename(h) for h in t.headers()]:
        raise Failure(f'headers: {have}')
    out = t.run('objdump', '-p', os.path.join(lib, 'libsluice.so'))
    if not re.search(r'SONAME\s+libsluice\.so\.\d+$', out, re.M):
        raise Failure('no soname')
    t.run(t.path('prefix', 'bin', 'sluice'), '--version')


def test_install__pkg_config(t):
    lib = install(t)
    source = os.path.join(t.root, 'examples', 'embed', 'embed.c')
    for kind in ('shared', 'static'):
        if kind == 'static': # then the linker finds the archive only
            for shared in glob.glob(os.path.join(lib, '*.so*')):
                os.remove(shared)
        flags = t.run('pkg-config', '--cflags', '--libs', 'sluice',
                      *(['--static'] if kind == 'static' else [])).split()
        rpath = [] if kind == 'static' else ['-Wl,-rpath,' + lib]
        t.run(t.cc, '-std=gnu11', *t.flags, '-o', t.path('embed-' + kind), source, *flags, *rpath)
        check_example(t, t.path('embed-' + kind))


def test_install__find_package(t):
    lib = install(t)
    os.makedirs(t.path('project'))
    with open(t.path('project', 'CMakeLists.txt'), 'w') as f:
        f.write('cmake_minimum_required(VERSION 3.25)\n'
                'project(embedder LANGUAGES C)\n'
                'find_package(sluice 0.1 REQUIRED)\n'
                f'foreach(kind sluice sluice_shared sluice_static)\n'
                f'  add_executable(embed_${{kind}} {t.root}/examples/embed/embed.c)\n'
                '  target_link_libraries(embed_${kind} PRIVATE sluice::${kind})\n'
                'endforeach()\n')
    t.run('cmake', '-S', t.path('project'), '-B', t.path('b'), '-DCMAKE_C_COMPILER=' + t.cc,
          '-DCMAKE_PREFIX_PATH=' + t.path('prefix'), '-DCMAKE_C_FLAGS=' + ' '.join(t.flags))
    t.run('cmake', '--build', t.path('b'))
    for kind in ('sluice', 'sluice_shared', 'sluice_static'):
        check_example(t, t.path('b', 'embed_' + kind))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--root', required=True)
    parser.add_argument('--build', required=True)
    parser.add_argument('--cc', default='cc')
    parser.add_argument('--sanitized', default='0')
    return cases.run(globals(), Fixture, parser)


sys.exit(main())
