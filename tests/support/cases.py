"""Runs the cases of a script: functions test_GROUP__CASE(t).

Each gets a fixture over a scratch folder of its own, which goes afterwards. The
last line is "N passed, N failed, N skipped", as scripts/sum-tests.py reads it.
"""
import shutil
import tempfile
import traceback


class Failure(Exception):
    """What was expected did not come: the message tells, no traceback."""


class Skip(Exception):
    """The case needs something that is not here."""


def run(names, fixture, parser, groups=True):
    """Runs the cases among `names` (a globals()) with fixture(args, folder).

    `parser` is the script's own argparse.ArgumentParser; with `groups` the groups
    to run are arguments too, and --only TEXT picks among them. An exit code.
    """
    if groups:
        parser.add_argument('groups', nargs='+')
        parser.add_argument('--only', default='')
    args = parser.parse_args()
    cases = [(n, f) for n, f in names.items() if n.startswith('test_')]
    if groups:
        cases = [(n, f) for n, f in cases
                 if n[5:].split('__')[0] in args.groups and args.only in n]
    counts = {'passed': 0, 'failed': 0, 'skipped': 0}
    for name, case in cases:
        counts[run_one(name, case, fixture, args)] += 1
    print('{passed} passed, {failed} failed, {skipped} skipped'.format(**counts))
    return 1 if counts['failed'] or not cases else 0


def run_one(name, case, fixture, args):
    folder = tempfile.mkdtemp(prefix='sluice-test-')
    try:
        case(fixture(args, folder))
        return 'passed'
    except Skip as reason:
        print(f'{name}: skipped: {reason}')
        return 'skipped'
    except Failure as failure:
        print(f'{name}: FAILED\n{failure}')
    except Exception:
        print(f'{name}: FAILED\n{traceback.format_exc()}')
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return 'failed'
