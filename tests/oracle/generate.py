"""Makes sequences up, one step at a time, knowing the state that definitions.py
is in: mostly what can succeed, now and then what cannot."""

import random

import model
import world
from model import D
from world import FUNCS, OP, OPS, RESULTS, RETURN, SIGS

NO_ARGS = (0, 0, 0, 0)
GROUPS = ("new", "copy", "sync", "cancel", "drop", "set", "call", "return",
          "subtask", "data", "misc", "thread", "resource", "error")


class Generator:
    """A source for model.Run. `base`: without threads, resources, error
    contexts and data faults."""

    def __init__(self, seed, base=False):
        self.rng = random.Random(seed)
        self.steps = []
        self.limit = self.rng.choice((20, 60, 60, 60))
        # every sequence has its own leanings
        self.lean = {g: self.rng.choice((0.3, 1, 1, 3)) for g in GROUPS}
        self.base = base
        if base:
            self.lean.update(thread=0, resource=0, error=0)
        self.elems = self.rng.sample(list(world.ELEMS),
                                     self.rng.choice((1, 2, 5)))
        self.threads = self.rng.random() < 0.4 and not base
        begin = self.rng.choices((list, self.waiters, self.passes),
                                 (7, 1.5, 1.5))[0]
        self.script = begin()
        self.bad = self.rng.choice((0, 0.01, 0.04))

    def __call__(self, run, guest, f):
        if len(self.steps) >= self.limit:
            raise model.Over
        is_host = guest is None
        if self.script and (self.script[0][0] >= world.HOST) == is_host:
            step = (self.script.pop(0) + NO_ARGS)[:5]
        else:
            step = self.host(run) if is_host else self.guest(run, guest, f)
        self.steps.append(step)
        return step

    def waiters(self):
        """A beginning: several tasks that wait for one set with several
        waitables in it."""
        rng = self.rng
        inst, elem = rng.randrange(world.N_INSTANCES), rng.choice(self.elems)
        n = rng.choice((1, 2, 2, 3))
        script = [self.call_v(inst, "C"), (OP["waitable-set.new"],)]
        for i in range(n):
            kind = rng.choice(("stream", "future"))
            args = (2 + 2 * i, world.PAIRS_TO + 8 * i) + (1,) * (
                kind == "stream")
            script += [(OP[f"{kind}.new", elem],),
                       (OP[f"{kind}.read async", elem], *args),
                       (OP["waitable.join"], 2 + 2 * i, 1)]
        wait = 2 | 1 << 4
        script += [(OP["task.return nothing"],), (RETURN, wait)]
        for _ in range(rng.choice((1, 1, 2))):
            mode = rng.choice("CK")
            script += [self.call_v(inst, mode), (OP["task.return nothing"],),
                       (RETURN, wait) if mode == "C" else
                       (OP["waitable-set.wait"], 1, world.EVENTS)]
        return script

    def passes(self):
        """A beginning: a readable end given to another instance, which reads
        from it."""
        rng = self.rng
        kind, elem = rng.choice((("stream", "str"), ("stream", "tup"),
                                 ("future", "str"), ("stream", "u8"),
                                 ("stream", "none"), ("stream", "sub"),
                                 ("future", "sub")))
        mode = rng.choice("CK")
        sig = next(s for s, sig in enumerate(SIGS)
                   if sig[1] == (kind, elem))
        callee = rng.randrange(world.N_INSTANCES - 1)
        caller = rng.randrange(callee + 1, world.N_INSTANCES)

        def buffer(reads):
            ptr, n = self.buffer(elem, reads)
            if kind == "stream":
                return ptr, n
            return (ptr if elem == "sub" else
                    world.PAIRS_TO if reads else world.PAIRS,)
        script = [self.call_v(caller, "K")]
        end = 1  # the readable one
        if elem == "sub":  # an end to be sent
            script += [(OP["stream.new", "u8"],),
                       (OP["poke32"], world.HANDLES, end)]
            end += 2
        script += [(OP[f"{kind}.new", elem],),
                   (OP["call", callee, world.FUNC_NUMBER[sig, mode], True],
                    end, world.RETURNS),
                   (OP[f"{kind}.read async", elem], 1, *buffer(True)),
                   (RETURN, 1) if mode == "C" else (OP["thread.yield"],)]
        if rng.random() < 0.7:
            script.append((OP[f"{kind}.write async", elem], end + 1,
                           *buffer(False)))
        if rng.random() < 0.5:  # the subtask has taken the end's place
            script += [(OP["waitable-set.new"],),
                       (OP["waitable.join"], end, end + 2)]
        return script

    @staticmethod
    def call_v(inst, mode):
        sig = next(s for s, sig in enumerate(SIGS) if sig[0] == "v")
        return world.CALL, inst, world.FUNC_NUMBER[sig, mode], 0

    def pick(self, choices):
        weights = [c[0] for c in choices]
        step = self.rng.choices(choices, weights)[0][1:]
        return step + NO_ARGS[:5 - len(step)]

    # --- The host -----------------------------------------------------------

    def host(self, run):
        rng = self.rng
        n_ready = len(run.ready())
        choices = [(0.2, world.TICK, 0),
                   (0.3, world.RESIDENT, rng.randint(0, world.SEGMENT_SIZE))]
        if n_ready:
            choices.append((6, world.TICK, rng.randrange(n_ready)))
        if run.segments[1].waiting:
            choices.append((2, world.RESIDENT, min(
                world.SEGMENT_SIZE,
                run.segments[1].resident + rng.choice((1, 2, 5, 40)))))
            choices.append((0 if self.base else 0.1, world.FAULT))
        live = [i for i, c in enumerate(run.calls)
                if not c.resolved and not c.cancelled]
        if len(live) < 8:
            for _ in range(4):
                choices.append((self.lean["call"], *self.host_call(run)))
        for i in live:
            choices.append((0.15, world.CANCEL, i))
        for i, held in enumerate(run.held):
            if held:
                choices.append((0.2, world.DROP_HELD, i))
        return self.pick(choices)

    @staticmethod
    def is_wanted(run, guest):
        """Whether somebody waits for what the instance could do."""
        return any(isinstance(e, D.CopyEnd) and e.state == D.CopyState.IDLE
                   and e.shared in run.awaited()
                   for e in guest.inst.handles)

    def host_call(self, run):
        rng = self.rng
        while True:
            f = rng.randrange(world.N_HOST_FUNCS)
            kind = SIGS[FUNCS[f][0]][1]
            arg = rng.randrange(100)
            if isinstance(kind, tuple):
                fits = [i for i, h in enumerate(run.held)
                        if h and h[0] == kind]
                if not fits:
                    continue
                arg = rng.choice(fits)
            inst = rng.choices(range(3), [
                n + 1 + 5 * self.is_wanted(run, g)
                for n, g in enumerate(run.guests)])[0]
            return world.CALL, inst, f, arg

    # --- Guests -------------------------------------------------------------

    def guest(self, run, guest, f):
        rng = self.rng
        if rng.random() < self.bad:
            return self.anything(guest)
        if rng.random() < self.bad:
            step = self.untimely(guest)
            if step:
                return step
        self.out = []
        table = guest.inst.handles.array
        sets = [i for i, e in enumerate(table)
                if isinstance(e, D.WaitableSet)]
        task = D.current_task()
        # what would block a synchronous call is mostly a trap, unless another
        # thread can run meanwhile
        self.may_block = 1 if task.ft.async_ else 0.5 if any(
            t.ready() for t in guest.inst.threads) else 0.03
        self.events = any(isinstance(e, D.Waitable) and e.pending_event
                          for e in table)
        self.returns(guest, f, task, sets)
        if len(table) - len(guest.inst.handles.free) < 14:
            self.makes(guest)
        for i, e in enumerate(table):
            if isinstance(e, D.CopyEnd):
                self.end(run, guest.inst, i, e)
            elif isinstance(e, D.Subtask):
                self.subtask(i, e)
            elif isinstance(e, D.WaitableSet):
                self.set(i, e, task)
            elif isinstance(e, D.ResourceHandle):
                self.resource(guest, i, e)
            elif isinstance(e, D.ErrorContext):
                self.error(i)
            if sets and isinstance(e, D.Waitable):
                self.join(i, e, sets)
        self.misc(guest, task)
        if self.threads:
            self.thread_ops(guest, task)
        return self.pick(self.out)

    def add(self, weight, op, *args):
        self.out.append((weight, op, *args))

    def word(self):
        return self.rng.choice((0, 1, 2, 77, 0xffffffff))

    def ends_of(self, guest, kind):
        """Readable ends that can be given away."""
        for i, e in enumerate(guest.inst.handles.array):
            if isinstance(e, D.ReadableStreamEnd if kind[0] == "stream"
                          else D.ReadableFutureEnd) \
                    and e.shared.t == model.ELEM[kind[1]] \
                    and e.state == D.CopyState.IDLE and not e.wset:
                yield i

    def values(self, guest, kind):
        """Flat values of a kind: arguments, or what task.return takes."""
        if kind is None:
            return [()]
        if kind == "u32":
            return [(self.word(),)]
        if kind == "string":
            pair = world.PAIRS + 8 * self.rng.randrange(16)
            b = guest.mem.bytes
            return [(int.from_bytes(b[pair:pair + 4], "little"),
                     int.from_bytes(b[pair + 4:pair + 8], "little"))]
        if kind in ("own", "borrow"):
            return [(i,) for i, e in enumerate(guest.inst.handles.array)
                    if isinstance(e, D.ResourceHandle)
                    and (kind == "borrow" or (e.own and not e.num_lends))]
        if kind == "error":
            return [(i,) for i, e in enumerate(guest.inst.handles.array)
                    if isinstance(e, D.ErrorContext)]
        return [(i,) for i in self.ends_of(guest, kind)]

    def returns(self, guest, f, task, sets):
        rng, lean = self.rng, self.lean["return"]
        of_thread = f == world.THREAD
        if of_thread:  # of any function
            f = task.func
        if task.num_borrows:
            lean *= 0.05
        if f == world.DTOR:
            self.add(lean * 2, RETURN, 0)
            return
        sig, mode = FUNCS[f % world.CALLBACK]
        kind = SIGS[sig][2]
        resolved = task.state == D.Task.State.RESOLVED
        if of_thread and (resolved or len(task.threads) > 1):
            self.add(lean, RETURN, 0)
        if of_thread and mode in "SA":
            return
        if mode in "SA":
            if kind == "string":
                self.add(lean * 2, RETURN,
                         world.PAIRS + 8 * rng.randrange(16))
            else:
                for flat in self.values(guest, kind):
                    self.add(lean * 2, RETURN, *flat)
            return
        if not resolved:
            for flat in self.values(guest, kind):
                self.add(lean * 1.2, OP["task.return " +
                                        world.kind_text(kind)], *flat)
            if task.state == D.Task.State.CANCEL_DELIVERED:
                self.add(lean * 4, OP["task.cancel"])
        elif not of_thread:
            self.add(lean * 1.5, RETURN, 0)
        if mode == "C" and not of_thread:
            self.add(lean * 0.6, RETURN, 1)  # YIELD
            for s in sets:
                elems = guest.inst.handles.array[s].elems
                self.add(lean * (2 if elems else 0.3), RETURN, 2 | s << 4)
            if self.bad:
                self.add(0.02, RETURN, rng.choice((3, 15, 2, 2 | 99 << 4)))

    def makes(self, guest):
        lean = self.lean
        live = len(guest.inst.handles.array) - len(guest.inst.handles.free)
        fewer = 2 / (1 + live)
        for elem in self.elems:
            for kind in ("stream", "future"):
                self.add(lean["new"] * fewer / len(self.elems),
                         OP[f"{kind}.new", elem])
        self.add(lean["set"] * (3 if self.events else 0.4),
                 OP["waitable-set.new"])
        start = self.rng.randint(0, world.SEGMENT_SIZE)
        len_ = self.rng.randint(0, world.SEGMENT_SIZE - start)
        for name, weight in (("read here", 0.3), ("read late", 0.6),
                             ("read late i64", 0.1), ("prefetch", 0.1)):
            self.add(lean["data"] * weight * fewer, OP[f"data.{name}"],
                     start, len_)
        self.add(lean["error"] * fewer * 0.3, OP["error-context.new"],
                 *self.values(guest, "string")[0])
        if guest.number == 0:
            self.add(lean["resource"] * fewer * 0.5, OP["resource.new"],
                     self.word())
        self.calls(guest)

    def calls(self, guest):
        rng, lean = self.rng, self.lean["call"]
        if guest.number == 0:
            return
        for _ in range(5):
            callee = rng.randrange(guest.number)
            f = rng.randrange(len(FUNCS))
            sig, mode = FUNCS[f]
            _, param, result, _ = SIGS[sig]
            async_ = mode != "S" and rng.random() < 0.75
            values = self.values(guest, param)
            if not values:
                continue
            flat = rng.choice(values)
            if result == "string" or (async_ and result):
                flat += (world.RETURNS + 8 * rng.randrange(8),)
            weight = 0.8
            if isinstance(param, tuple):
                weight = 2 if param[1] in ("u8", "u32", "none") else 5
            if param in ("own", "borrow") or result == "own":
                weight = 2 * self.lean["resource"]
            if param == "error":
                weight = 2 * self.lean["error"]
            if mode != "S" and not async_:
                weight *= self.may_block
            self.add(lean * weight, OP["call", callee, f, async_],
                     *flat)

    def buffer(self, elem, reads):
        """A pointer and a length, the first `length` elements of which lie
        where elements of that kind may."""
        rng = self.rng
        size, align = world.ELEMS[elem][1:]
        n = rng.choice((0, 1, 1, 2, 3, 5, 8))
        if elem == "none":
            return 0, rng.choice((0, 1, 2, 1000000))
        if elem == "sub":
            return world.HANDLES, rng.choice((0, 1, 1, 1, 2))
        if elem == "str":
            at = rng.randrange(16 - n + 1)
            return (world.PAIRS_TO if reads else world.PAIRS) + 8 * at, n
        if rng.random() < 0.03:  # at the very end of memory
            return world.PAGE - size * n, n
        at = rng.randrange(0x100 - size * n + 1) // align * align
        return world.TEXT + at, n

    def rendezvous(self, run, inst, e):
        """How likely an operation on an idle end should be: its other end may
        wait for it."""
        if not getattr(e.shared, "pending_buffer", None):
            return 1
        if e.shared.pending_inst is inst and \
                not D.none_or_number_type(e.shared.t):
            return 0.05  # a trap
        return 12 if e.shared in run.awaited() else 3

    def end(self, run, inst, i, e):
        lean = self.lean
        kind, verb = model.ENDS[type(e)]
        elem = next(k for k, t in model.ELEM.items() if t == e.shared.t)
        state = e.state
        if state == D.CopyState.IDLE:
            ptr, n = self.buffer(elem, verb == "read")
            if kind == "future" and elem == "str":
                ptr = min(ptr, world.PAIRS_TO + 0x78)
            if elem == "sub" and verb == "write" and n:
                self.lay_out(inst.guest, n)
            args = (i, ptr) if kind == "future" else (i, ptr, n)
            likely = self.rendezvous(run, inst, e)
            self.add(lean["copy"] * 1.2 * likely,
                     OP[f"{kind}.{verb} async", elem], *args)
            if not e.wset:
                weight = 0.6 if likely >= 3 else 0.15 * self.may_block
                self.add(lean["sync"] * weight * min(likely, 1),
                         OP[f"{kind}.{verb} sync", elem], *args)
        if state == D.CopyState.COPYING and not e.has_sync_waiter:
            self.add(lean["cancel"] * 0.6,
                     OP[f"{kind}.cancel-{verb} async", elem], i)
            if not e.wset:
                self.add(lean["cancel"] * 0.4,
                         OP[f"{kind}.cancel-{verb} sync", elem], i)
        done = state == D.CopyState.DONE
        if done or (state == D.CopyState.IDLE and
                    not isinstance(e, D.WritableFutureEnd)):
            side = "readable" if verb == "read" else "writable"
            self.add(lean["drop"] * (1 if done else 0.3),
                     OP[f"{kind}.drop-{side}", elem], i)

    def lay_out(self, guest, n):
        """Readable ends put where an element is written from, if there are
        any that are not there yet."""
        at = world.HANDLES + 4 * self.rng.randrange(n)
        word = int.from_bytes(guest.mem[at:at + 4], "little")
        fits = list(self.ends_of(guest, ("stream", "u8")))
        if fits and word not in fits:
            self.add(self.lean["copy"] * 4, OP["poke32"], at,
                     self.rng.choice(fits))

    def subtask(self, i, e):
        lean = self.lean["subtask"]
        if e.resolve_delivered():
            self.add(lean, OP["subtask.drop"], i)
        elif not e.cancellation_requested:
            self.add(lean * 0.5, OP["subtask.cancel async"], i)
            if not e.wset:
                self.add(lean * 0.3, OP["subtask.cancel sync"], i)

    def resource(self, guest, i, e):
        lean = self.lean["resource"]
        if not e.num_lends:
            self.add(lean * (0.3 if e.own else 1.5), OP["resource.drop"], i)
        if guest.number == 0:
            self.add(lean * 0.2, OP["resource.rep"], i)

    def error(self, i):
        lean = self.lean["error"]
        self.add(lean * 0.4, OP["error-context.debug-message"], i,
                 world.RETURNS + 8 * self.rng.randrange(8))
        self.add(lean * 0.3, OP["error-context.drop"], i)

    def set(self, i, e, task):
        lean = self.lean["set"]
        ptr = world.EVENTS + 8 * self.rng.randrange(8)
        for word in ("", " cancellable"):
            self.add(lean * (2 if e.has_pending_event() else 0.1),
                     OP["waitable-set.poll" + word], i, ptr)
            weight = 2 if e.has_pending_event() else 0.2 * self.may_block
            self.add(lean * weight, OP["waitable-set.wait" + word], i, ptr)
        if not e.elems and not e.num_waiting:
            self.add(lean * 0.1, OP["waitable-set.drop"], i)

    def join(self, i, e, sets):
        if e.has_sync_waiter:
            return
        lean = self.lean["set"]
        weight = 0.05 if e.wset else 0.5
        if not e.wset and (e.pending_event or isinstance(e, D.Subtask)):
            weight = 3
        self.add(lean * weight, OP["waitable.join"], i,
                 self.rng.choice(sets))
        if e.wset:
            self.add(lean * 0.15, OP["waitable.join"], i, 0)

    def misc(self, guest, task):
        rng, lean = self.rng, self.lean["misc"]
        inst = guest.inst
        self.add(lean * 0.15, OP["backpressure.inc"])
        if inst.backpressure:
            self.add(lean * 1.0, OP["backpressure.dec"])
        for slot in (0, 1):
            t = "i64" if guest.number == world.N_INSTANCES - 1 else "i32"
            self.add(lean * 0.1, OP[f"context.get {t} {slot}"])
            self.add(lean * 0.1, OP[f"context.set {t} {slot}"], self.word())
        weight = 0.5 if task.ft.async_ else 0.1
        for word in ("", " cancellable"):
            self.add(lean * weight, OP["thread.yield" + word])
        self.add(lean * 0.2, OP["poke8"], rng.randrange(0x100),
                 rng.randrange(0x20, 0x7f))
        self.add(lean * 0.2, OP["poke32"], rng.randrange(0x80),
                 rng.getrandbits(31) & 0x7f7f7f7f)
        self.add(lean * 0.05, OP["data.size"])
        self.add(lean * 0.05, OP["data.size i64"])

    def thread_ops(self, guest, task):
        rng, lean = self.rng, self.lean["thread"]
        others = [t for t in guest.inst.threads if not t.running()]
        if len(others) < 5:
            self.add(lean * 0.8, OP["thread.new-indirect"], 0,
                     rng.randrange(100))
        self.add(lean * 0.1, OP["thread.index"])
        for t in others:
            if t.suspended():
                self.add(lean * 0.7, OP["thread.resume-later"], t.index)
        word = rng.choice(("", " cancellable"))
        may_stop = 1 if others else 0.1
        self.add(lean * 0.4 * self.may_block * may_stop,
                 OP["thread.suspend" + word])
        for t in others:
            verb = "resume" if t.suspended() else "promote"
            for what, weight in (("suspend", 0.5), ("yield", 0.5)):
                weight *= 1 if t.suspended() or t.ready() else 0.2
                self.add(lean * weight,
                         OP[f"thread.{what}-then-{verb}{word}"], t.index)

    # --- Nonsense -----------------------------------------------------------

    def anything(self, guest):
        """An operation with operands that need not fit."""
        rng = self.rng
        n = rng.randrange(len(OPS))
        if rng.random() < 0.5:  # not mostly calls
            n = rng.randrange(OP["data.size i64"])
        op = OPS[n]
        if not op.is_in(guest.number) or (self.base and op.is_wider()):
            return self.anything(guest)
        live = len(guest.inst.handles.array)

        def value():
            return rng.choice((rng.randrange(live + 1), rng.randrange(live + 1),
                               0, 4, 6, 0x100, world.PAGE - 4, world.PAGE,
                               1 << 28, 0xffffffff))
        args = [value() for _ in op.params]
        if op.name.startswith("waitable-set.") and len(args) == 2:
            args[1] = world.EVENTS  # the reference takes it to fit
        if op.name == "error-context.debug-message":
            args[1] = world.RETURNS
        if op.name.startswith("future") and len(args) == 2:
            args[1] = rng.choice((0, 1, world.PAGE - 4))
        return tuple((n, *args, 0, 0, 0, 0)[:5])


    def untimely(self, guest):
        """An operation on a handle of the right type in any state."""
        rng = self.rng
        table = guest.inst.handles.array
        live = [i for i, e in enumerate(table) if e]
        if not live:
            return None
        i = rng.choice(live)
        e = table[i]
        sets = [s for s in live if isinstance(table[s], D.WaitableSet)]
        ptr = world.EVENTS
        if isinstance(e, D.WaitableSet):
            name, args = rng.choice((("waitable-set.drop", (i,)),
                                     ("waitable-set.wait", (i, ptr))))
        elif sets and rng.random() < 0.2:
            name, args = "waitable.join", (i, rng.choice(sets))
        elif isinstance(e, D.Subtask):
            name = "subtask." + rng.choice(("drop", "cancel async",
                                            "cancel sync"))
            args = (i,)
        elif isinstance(e, D.ResourceHandle):
            name, args = "resource.drop", (i,)
        elif isinstance(e, D.ErrorContext):
            name, args = "error-context.drop", (i,)
        else:
            return self.untimely_end(guest, i, e)
        return (OP[name], *args, *NO_ARGS)[:5]

    def untimely_end(self, guest, i, e):
        rng = self.rng
        kind, verb = model.ENDS[type(e)]
        elem = next(k for k, t in model.ELEM.items() if t == e.shared.t)
        gives = [n for n, op in enumerate(OPS)
                 if getattr(op, "callee", guest.number) < guest.number
                 and SIGS[FUNCS[op.func][0]][1] == (kind, elem)]
        if gives and verb == "read" and rng.random() < 0.3:
            return rng.choice(gives), i, world.RETURNS, 0, 0
        side = "readable" if verb == "read" else "writable"
        what = rng.choice((f"{verb} async", f"{verb} sync",
                           f"cancel-{verb} async", f"cancel-{verb} sync",
                           f"drop-{side}"))
        ptr, n = self.buffer(elem, verb == "read")
        if kind == "future":
            ptr, n = ptr // 8 * 8 % 0x180, 0
        args = (ptr, n) if what.startswith(verb) else (0, 0)
        return OP[f"{kind}.{what}", elem], i, *args, 0


class Replay:
    """A source that follows given steps, as oracle.c does."""

    def __init__(self, steps):
        self.steps, self.at = steps, 0

    def __call__(self, run, guest, f):
        if guest is None:
            while self.at < len(self.steps) and \
                    self.steps[self.at][0] < world.HOST:
                self.at += 1
        if self.at == len(self.steps):
            raise model.Over
        step = self.steps[self.at]
        if guest is not None and step[0] >= world.HOST:
            return RETURN, 0, 0, 0, 0
        self.at += 1
        return step
