#!/usr/bin/env python3
"""`sluice cache`: output, exit codes, and what is left on disk.

    cache_cli_test.py --sluice PATH --fill PATH

--fill is tests/cache/cache_test: `fill DIR` puts three chunks into a cache, of
7920, 15839 and 3758 bytes, and notes their digests under one URL.
"""
import argparse
import calendar
import glob
import os
import re
import subprocess
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), '..', 'support'))
import cases
from cases import Failure, Skip

OK, FAILED, USAGE, IO = 0, 1, 64, 74
SIZES = [7920, 15839, 3758]
NOBODY = 65534


class Fixture:
    def __init__(self, args, folder):
        self.sluice, self.filler, self.folder = args.sluice, args.fill, folder
        self.dir = os.path.join(folder, 'cache')
        self.env = {k: v for k, v in os.environ.items() if k not in ('HOME', 'XDG_CACHE_HOME')}

    def run(self, *args, code=OK, **how):
        p = subprocess.run([self.sluice, 'cache', *args], capture_output=True, timeout=60,
                           cwd=self.folder, env=self.env, **how)
        self.out, self.err = p.stdout.decode(), p.stderr.decode()
        if 'Sanitizer' in self.err or 'runtime error' in self.err or p.returncode != code:
            raise Failure(f'{args}: exit {p.returncode}, not {code}\n{self.out}{self.err}')

    def fill(self, folder=None):
        subprocess.run([self.filler, 'fill', folder or self.dir], check=True, timeout=60)

    def entries(self, folder=None):
        return sorted(p for p in glob.glob(os.path.join(folder or self.dir, 'v1', '??', '*'))
                      if not p.endswith('.url'))

    def equal(self, have, want):
        if have != want:
            raise Failure(f'{have!r} is not {want!r}')

    def says(self, text, pattern):
        if not re.search(pattern, text):
            raise Failure(f'no /{pattern}/ in: {text}')


def flip(path, at):
    with open(path, 'r+b') as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 1]))


def test_list__digests_sizes_and_times(t):
    before = int(time.time())
    t.fill()
    t.run('list', '--dir', t.dir)
    lines = t.out.splitlines()
    t.equal(lines[3], f'3 chunks, {sum(SIZES)} bytes, digests of 1 URL in {t.dir}')
    t.equal([line.split()[0] for line in lines[:3]], [os.path.basename(e) for e in t.entries()])
    t.equal(sorted(int(line.split()[1]) for line in lines[:3]), sorted(SIZES))
    for line in lines[:3]:
        when = time.strptime(line.split()[2], '%Y-%m-%dT%H:%M:%SZ')
        if not before - 2 <= calendar.timegm(when) <= time.time() + 2:
            raise Failure('not the time of now: ' + line)
    t.equal(t.err, '')


def test_list__nothing_there(t):
    t.run('list', '--dir', t.dir)
    t.equal(t.out, f'0 chunks, 0 bytes, digests of 0 URLs in {t.dir}\n')
    t.equal(os.path.exists(t.dir), False)


def test_verify__good(t):
    t.fill()
    t.run('verify', '--dir', t.dir)
    t.equal(t.out, f'3 chunks, {sum(SIZES)} bytes, digests of 1 URL good; 0 bad\n')


def test_verify__finds_and_deletes(t):
    t.fill()
    bad, other = t.entries()[0], t.entries()[1]
    size = os.path.getsize(bad) - 64
    flip(bad, 1000)
    os.chmod(other, 0o644)
    size += os.path.getsize(other) - 64
    t.run('verify', '--dir', t.dir, code=FAILED)
    t.equal(t.out, ''.join(os.path.basename(p) + ' is damaged: deleted\n' for p in (bad, other)) +
            f'1 chunk, {sum(SIZES) - size} bytes, digests of 1 URL good; 2 bad\n')
    t.equal(len(t.entries()), 1)
    t.run('verify', '--dir', t.dir)


def test_verify__says_what_it_cannot_delete(t):
    t.fill()
    bad = t.entries()[0]
    flip(bad, 1000)
    how = {}
    if os.geteuid() == 0: # nothing is read-only for root
        os.chmod(t.folder, 0o755)
        for top, folders, files in os.walk(t.dir):
            for name in ['.'] + files:
                os.chown(os.path.join(top, name), NOBODY, NOBODY)
        how = dict(user=NOBODY, group=NOBODY, extra_groups=[])
    shard = os.path.dirname(bad)
    os.chmod(shard, 0o500)
    try:
        t.run('verify', '--dir', t.dir, code=IO, **how)
    except PermissionError:
        raise Skip('the command is for root only')
    finally:
        os.chmod(shard, 0o700)
    t.equal(t.out, '')
    t.says(t.err, os.path.basename(bad) + ' is damaged: Permission denied')
    t.equal(os.path.exists(bad), True)


def test_clear__deletes_all_and_nothing_else(t):
    t.fill()
    stranger = os.path.join(os.path.dirname(t.entries()[0]), 'letter.txt')
    with open(stranger, 'w') as f:
        f.write('x')
    t.run('clear', '--dir', t.dir)
    t.equal(t.out, f'3 chunks, {sum(SIZES)} bytes, digests of 1 URL deleted\n')
    t.equal(t.entries(), [stranger])
    t.run('list', '--dir', t.dir)
    t.says(t.out, '^0 chunks')


def test_dir__from_the_environment(t):
    home = os.path.join(t.folder, 'home')
    xdg = os.path.join(t.folder, 'xdg')
    t.env['HOME'] = home
    for name in (home, os.path.join(home, '.cache'), xdg):
        os.mkdir(name, 0o700)
    t.fill(os.path.join(home, '.cache', 'sluice'))
    t.run('list')
    t.says(t.out, f'3 chunks.* in {home}/.cache/sluice\n')
    t.env['XDG_CACHE_HOME'] = xdg
    t.run('list')
    t.says(t.out, f'^0 chunks.* in {xdg}/sluice\n')
    t.fill(os.path.join(xdg, 'sluice'))
    t.run('list')
    t.says(t.out, f'3 chunks.* in {xdg}/sluice\n')
    t.env['XDG_CACHE_HOME'] = 'relative'
    t.run('clear')
    t.equal(len(t.entries(os.path.join(home, '.cache', 'sluice'))), 0)
    t.equal(len(t.entries(os.path.join(xdg, 'sluice'))), 3)


def test_dir__none_can_be_used(t):
    for action in ('list', 'verify', 'clear'):
        t.run(action, code=IO)
        t.equal(t.err, 'sluice: cache: no cache: neither XDG_CACHE_HOME nor HOME is set\n')
        t.equal(t.out, '')


def test_dir__of_others(t):
    t.fill()
    os.chmod(t.dir, 0o750)
    for action in ('list', 'verify', 'clear'):
        t.run(action, '--dir', t.dir, code=IO)
        t.equal(t.err, f"sluice: {t.dir}: no cache: not this user's alone (chmod 700)\n")
    t.equal(len(t.entries()), 3)


def test_dir__a_link(t):
    t.fill()
    link = os.path.join(t.folder, 'link')
    os.symlink(t.dir, link)
    for name in (link, link + '/'):
        t.run('clear', '--dir', name, code=IO)
        t.says(t.err, 'a link is not followed')
    t.equal(len(t.entries()), 3)


def test_dir__a_file(t):
    with open(t.dir, 'w'):
        pass
    t.run('list', '--dir', t.dir, code=IO)
    t.says(t.err, 'not a directory')


def test_usage(t):
    t.run(code=USAGE)
    t.says(t.err, 'one of list, verify and clear is needed')
    t.run('frob', code=USAGE)
    t.says(t.err, 'no action `frob`')
    t.run('list', 'clear', code=USAGE)
    t.run('list', '--dir', code=USAGE)
    t.run('list', '--dir', '', code=USAGE)
    t.run('list', '--frob', code=USAGE)
    t.says(t.err, 'sluice cache --help')
    for args in (['--help'], ['list', '--help'], ['-h']):
        t.run(*args)
        t.says(t.out, '^usage: sluice cache')
    t.equal(os.listdir(t.folder), [])
    t.run('--dir', t.dir, 'list') # options may come first


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--sluice', required=True)
    parser.add_argument('--fill', required=True)
    return cases.run(globals(), Fixture, parser, groups=False)


sys.exit(main())
