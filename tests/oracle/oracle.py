#!/usr/bin/env python3
"""Random sequences of canonical built-in calls, in definitions.py and here.

usage: oracle.py --driver ORACLE [--sequences N | --seconds S] [--first SEED]
                 [--jobs J] [--coverage] [--base]
       oracle.py --driver ORACLE --seed SEED      one sequence, both sides
       oracle.py --driver ORACLE --replay FILE    steps as printed before

SLUICE_DEFINITIONS is definitions.py of the Component Model, or its folder;
without it the test is skipped (77). A disagreement is made as short as it goes
and printed with both sides.
"""

import argparse
import collections
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model  # noqa: E402
import world  # noqa: E402

if model.D is None:
    print("skipped: SLUICE_DEFINITIONS does not name definitions.py")
    sys.exit(77)
import generate  # noqa: E402

BATCH = 250

# --- Both sides -------------------------------------------------------------


def reference(source):
    run = model.Run(source)
    lines = run.go()
    return run, lines


def text_of(seed, steps):
    rows = [f"seq {seed} {len(steps)}"]
    rows += ["%d %d %d %d %d" % step for step in steps]
    return "\n".join(rows) + "\n"


class Driver:
    def __init__(self, program):
        self.program = program
        handle = tempfile.NamedTemporaryFile("w", suffix=".wat")
        handle.write(world.component())
        handle.flush()
        self.component = handle

    def run(self, text):
        """What the runtime shows, a list of lines for each sequence."""
        command = [self.program, self.component.name]
        try:
            done = subprocess.run(command, input=text, capture_output=True,
                                  text=True, timeout=120)
        except subprocess.TimeoutExpired as e:
            done = subprocess.CompletedProcess(
                command, -1, (e.stdout or b"").decode(), "hangs")
        seen = {}
        for line in done.stdout.splitlines():
            if line.startswith("seq "):
                lines = seen[int(line.split()[1])] = []
            else:
                lines.append(line)
        return seen, done

    def one(self, steps):
        seen, done = self.run(text_of(0, steps))
        lines = seen.get(0, [])
        if done.returncode != 0:
            lines.append(f"exit {done.returncode}: {done.stderr[-2000:]}")
        return lines


# --- Coverage ---------------------------------------------------------------

EVENTS = ["NONE", "SUBTASK", "STREAM_READ", "STREAM_WRITE", "FUTURE_READ",
          "FUTURE_WRITE", "TASK_CANCELLED"]
COPIES = ["COMPLETED", "DROPPED", "CANCELLED"]
SUBTASKS = ["STARTING", "STARTED", "RETURNED", "CANCELLED_BEFORE_STARTED",
            "CANCELLED_BEFORE_RETURNED"]
BLOCKED = 0xffffffff


def outcome(n, result):
    op = world.OPS[n]
    name = op.name
    if getattr(op, "verb", "") in ("read", "write", "cancel-read",
                                   "cancel-write"):
        if result == BLOCKED:
            return "BLOCKED"
        some = "+n" if op.kind == "stream" and result >> 4 else ""
        return COPIES[result & 15] + some
    if ".wait" in name or ".poll" in name:
        return EVENTS[result]
    if name.startswith("subtask.cancel"):
        return "BLOCKED" if result == BLOCKED else SUBTASKS[result]
    if name.startswith("call async"):
        return SUBTASKS[result & 15]
    if name.startswith(("thread.yield", "thread.suspend")):
        return "cancelled" if result else "ok"
    return "ok"


class Coverage:
    def __init__(self):
        self.table = collections.Counter()
        self.counts = collections.Counter()

    def add(self, run, steps):
        counts = self.counts
        counts["sequences"] += 1
        counts["steps"] += len(steps)
        ended = collections.Counter()
        for (n, result), times in run.outcomes.items():
            op, what = world.OPS[n], outcome(n, result)
            self.table[op.name, what] += times
            if hasattr(op, "elem") and what != "BLOCKED" and \
                    op.verb in ("read", "write"):
                self.table[f"{op.kind}<{op.elem}> copies", what] += times
            ended[n] += times
        for code in run.callbacks:
            self.table["callback", EVENTS[code]] += 1
        for n, times in run.begun.items():
            if times > ended[n]:
                name = world.OPS[n].name
                trapped = run.trapped and run.trap_op == n
                if trapped:
                    self.table[name, "trap"] += 1
                if times - ended[n] - trapped:
                    self.table[name, "never returned"] += \
                        times - ended[n] - trapped
        counts["traps"] += run.trapped
        if run.trapped and not run.trap_op:
            self.table["return", "trap"] += 1
        for step in steps:
            if step[0] >= world.HOST:
                self.table[world.HOST_NAMES[step[0]], "done"] += 1

    def merge(self, other):
        self.table += other.table
        self.counts += other.counts

    def show(self):
        rows = collections.defaultdict(dict)
        for (op, what), n in self.table.items():
            rows[op][what] = n
        for op in sorted(rows):
            print(f"  {op:28} " + ", ".join(
                f"{what} {n}" for what, n in sorted(rows[op].items(),
                                                    key=lambda r: -r[1])))


# --- Disagreements ----------------------------------------------------------


def differs(driver, steps):
    """Where the two sides first differ, or None."""
    run, want = reference(generate.Replay(steps))
    if run.assertion is not None:
        return None
    have = driver.one(steps)
    return None if have == want else (want, have)


def shrink(driver, steps):
    """Fewer steps that still disagree."""
    size = len(steps) // 2
    while size > 0:
        at = 0
        while at < len(steps):
            fewer = steps[:at] + steps[at + size:]
            if differs(driver, fewer):
                steps = fewer
            else:
                at += size
        size //= 2
    return steps


def explain(driver, steps):
    """Prints the steps and both sides."""
    diff = differs(driver, steps)
    print("steps:")
    print("".join(f"  {world.op_text(s):50} # {' '.join(map(str, s))}\n"
                  for s in steps), end="")
    if diff is None:
        print("both sides agree")
        return
    want, have = diff
    same = 0
    while same < min(len(want), len(have)) and want[same] == have[same]:
        same += 1
    for line in want[:same]:
        print(f"    {line:.200}")
    for name, side in (("definitions.py", want), ("here", have)):
        print(f"  {name}:")
        for line in side[same:same + 4] or ["(no more)"]:
            print(f"    {line:.200}")


# --- Runs -------------------------------------------------------------------


def batch(job):
    """Sequences first .. first + n - 1: coverage and the seeds that differ."""
    program, base, first, n = job
    driver = Driver(program)
    coverage = Coverage()
    wanted, texts, steps_of = {}, [], {}
    for seed in range(first, first + n):
        source = generate.Generator(seed, base)
        run, lines = reference(source)
        if run.assertion is not None:
            coverage.counts["left out: the reference asserts"] += 1
            where = run.assertion.__traceback__
            while where.tb_next:
                where = where.tb_next
            coverage.counts[f"  in {where.tb_frame.f_code.co_name} "
                            f"line {where.tb_lineno}"] += 1
            continue
        wanted[seed], steps_of[seed] = lines, source.steps
        texts.append(text_of(seed, source.steps))
        coverage.add(run, source.steps)
    seen, done = driver.run("".join(texts))
    wrong = [(seed, steps_of[seed]) for seed, lines in wanted.items()
             if seen.get(seed) != lines]
    if done.returncode != 0 and not wrong:
        wrong = [(seed, steps_of[seed]) for seed in list(wanted)[:1]]
    return coverage, wrong, done.stderr[-2000:] if done.returncode else ""


def run_all(options):
    start = time.monotonic()
    total, wrong = Coverage(), []
    first = options.first

    def jobs():
        at = first
        while (at - first < options.sequences if options.sequences else
               time.monotonic() - start < options.seconds):
            n = BATCH
            if options.sequences:
                n = min(n, first + options.sequences - at)
            yield options.driver, options.base, at, n
            at += n

    with multiprocessing.Pool(options.jobs) as workers:
        pending = collections.deque()
        more = jobs()
        while True:
            while len(pending) < options.jobs + 1:
                job = next(more, None)
                if job is None:
                    break
                pending.append(workers.apply_async(batch, (job,)))
            if not pending or len(wrong) >= options.most:
                break
            coverage, bad, errors = pending.popleft().get()
            total.merge(coverage)
            wrong += bad
            if errors:
                print(errors, file=sys.stderr)
    took = time.monotonic() - start
    report(options, total, wrong, took)
    return 1 if wrong else 0


def report(options, total, wrong, took):
    n = total.counts["sequences"]
    if options.coverage:
        total.show()
    for name, count in sorted(total.counts.items()):
        print(f"{name}: {count}")
    print(f"{n / took:.0f} sequences/s")
    driver = Driver(options.driver)
    for seed, steps in wrong[:options.explain]:
        print(f"--- seed {seed} disagrees")
        explain(driver, shrink(driver, steps))
    print(f"{len(wrong)} disagreements" + (
        ": seeds " + " ".join(str(s) for s, _ in wrong[:20]) if wrong else ""))


def parse_steps(path):
    """Steps as numbers, alone on a line or behind a #."""
    steps = []
    for line in open(path):
        words = line.split("#")[-1].split()
        if len(words) == 5 and all(w.isdigit() for w in words):
            steps.append(tuple(map(int, words)))
    return steps


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--driver", required=True)
    parser.add_argument("--sequences", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=20)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--coverage", action="store_true")
    parser.add_argument("--base", action="store_true",
                        help="without threads, resources, error contexts and "
                        "data faults")
    parser.add_argument("--seed", type=int)
    parser.add_argument("--replay")
    parser.add_argument("--shrink", action="store_true")
    parser.add_argument("--most", type=int, default=100,
                        help="stop after so many disagreements")
    parser.add_argument("--explain", type=int, default=3,
                        help="shrink and show so many")
    options = parser.parse_args()
    if options.seed is None and not options.replay:
        return run_all(options)
    driver = Driver(options.driver)
    if options.replay:
        steps = parse_steps(options.replay)
    else:
        source = generate.Generator(options.seed, options.base)
        reference(source)
        steps = source.steps
    if options.shrink:
        steps = shrink(driver, steps)
    explain(driver, steps)
    return 1 if differs(driver, steps) else 0


if __name__ == "__main__":
    sys.exit(main())
