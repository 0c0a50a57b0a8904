#!/usr/bin/env python3
"""Why tests/wast/run_suite.py runs one file of the suite in one order only.

usage: open_order.py [RUNS]

The first half of the reference suite's async/async-calls-sync.wast, in
definitions.py as it is (its coroutines apart) with its choices made at random.
Two calls that block in two instances end at once, and behind each waits another
call, which takes the next number when it begins; the file expects the third
call to be number 4. `Store.tick` says random.choice(list(candidates)), and in
about every other run another call comes first, so that the file's own check
fails. Were that never so, the exception in run_suite.py would be wrong: then
this fails. SLUICE_DEFINITIONS as for oracle.py; 77 without.
"""

import collections
import os
import random
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import model  # noqa: E402

if model.D is None:
    print("skipped: SLUICE_DEFINITIONS does not name definitions.py")
    sys.exit(77)

model.D = D = model.load_definitions()  # without model.py's choices
D.cont_new, D.resume, D.block = model.cont_new, model.resume, model.block

U32 = D.U32Type()
RETURNS_U32 = D.FuncType([], [U32], async_=True)
RETURNS_NOTHING = D.FuncType([], [], async_=True)
EXIT, YIELD, WAIT = 0, 1, 2
SUBTASK, STARTING, STARTED, RETURNED = 1, 0, 1, 2


def check(condition, what):
    """The script's (if ... (then unreachable))."""
    if not condition:
        raise D.Trap(what)


def async_inner(store, root):
    """`blocking-call` and `unblock`."""
    inst = D.ComponentInstance(store, root)
    state = {"blocked": True, "counter": 2}

    def lift(ft, core, callback):
        opts = D.CanonicalOptions(async_=True, callback=callback)
        return store.lift(core, ft, opts, inst)

    def blocking_call(args):
        D.canon_context_set("i32", 0, state["counter"])
        state["counter"] += 1
        return [YIELD]

    def blocking_call_cb(args):
        if state["blocked"]:
            return [YIELD]
        D.canon_task_return([U32], D.LiftOptions(),
                            D.canon_context_get("i32", 0))
        return [EXIT]

    def unblock(args):
        state["blocked"] = False
        D.canon_task_return([], D.LiftOptions(), [])
        return [EXIT]

    return (lift(RETURNS_U32, blocking_call, blocking_call_cb),
            lift(RETURNS_NOTHING, unblock,
                 lambda args: D.trap()))


def sync_middle(store, root, blocking_call):
    """`sync-func`: lifted synchronously, of an async type."""
    inst = D.ComponentInstance(store, root)
    opts = D.CanonicalOptions()
    lowered = store.lower(blocking_call, RETURNS_U32, opts, inst)
    return store.lift(lambda args: lowered([]), RETURNS_U32, opts, inst)


def async_outer(store, root, unblock, sync_funcs):
    """`run`."""
    inst = D.ComponentInstance(store, root)
    mem = D.MemInst(bytearray(256), "i32")
    opts = D.CanonicalOptions(memory=mem, async_=True)
    unblock = store.lower(unblock, RETURNS_NOTHING, D.CanonicalOptions(), inst)
    calls = [store.lower(f, RETURNS_U32, opts, inst) for f in sync_funcs]
    state = {"remain": 4, "set": 0}

    def run(args):
        state["set"] = D.canon_waitable_set_new()[0]
        for index, call, is_ in ((2, 0, STARTED), (3, 1, STARTED),
                                 (4, 0, STARTING), (5, 1, STARTING)):
            check(calls[call]([4 * index]) == [is_ | index << 4], "state")
            D.canon_waitable_join(index, state["set"])
        unblock([])
        return [WAIT | state["set"] << 4]

    def run_cb(args):
        event, index, payload = args
        wait = [WAIT | state["set"] << 4]
        check(event == SUBTASK, "event")
        if payload == STARTED:
            check(index in (4, 5), "started")
            return wait
        check(payload == RETURNED, "payload")
        number = int.from_bytes(mem[4 * index:4 * index + 4], "little")
        check(number == index, f"subtask {index} has number {number}")
        D.canon_subtask_drop(index)
        state["remain"] -= 1
        if state["remain"] > 0:
            return wait
        D.canon_task_return([U32], D.LiftOptions(memory=mem), [42])
        return [EXIT]

    return store.lift(run, RETURNS_U32, D.CanonicalOptions(
        memory=mem, async_=True, callback=run_cb), inst)


def run(seed):
    D.random = random.Random(seed)
    store = D.Store()
    root = D.ComponentInstance(store)
    blocking_call, unblock = async_inner(store, root)
    sync_funcs = [sync_middle(store, root, blocking_call) for _ in range(2)]
    outer = async_outer(store, root, unblock, sync_funcs)
    results = []
    try:
        store.invoke(outer, lambda: [], results.append)
        while not results:
            store.tick()
    except D.Trap as trap:
        results.append(f"trap: {trap}")
    model.kill_parked()
    return str(results[0])


def main():
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 400
    seen = collections.Counter(run(seed) for seed in range(runs))
    for result, n in sorted(seen.items()):
        print(f"{n:6} {result}")
    return "[42]" not in seen or "trap: subtask 5 has number 4" not in seen


if __name__ == "__main__":
    sys.exit(main())
