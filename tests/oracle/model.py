"""The world of world.py in definitions.py: sequences run here print what
oracle.c prints.

definitions.py is loaded as it is. Replaced are its coroutines (so that a trap
ends a sequence and its operating-system threads serve the next), its choices
(`random`: first come, first served, as the runtime's seed 0), and, in
`follow_the_suite`, the four places where the reference tests of the same
commit expect something else than it does. `lift_assertions` lifts two that
guests can make fail.
"""

import importlib.util
import os
import sys
import threading
import zlib

import world
from world import FUNCS, OPS, RETURN, SIGS

DEFINITIONS = "SLUICE_DEFINITIONS"


class Over(BaseException):
    """The sequence is used up: everything unwinds."""


class Kill(BaseException):
    """Ends what is still parked when a sequence is over."""


def definitions_path():
    path = os.environ.get(DEFINITIONS, "")
    if path and os.path.isdir(path):
        path = os.path.join(path, "definitions.py")
    return path if path and os.path.isfile(path) else None


def load_definitions():
    spec = importlib.util.spec_from_file_location("definitions",
                                                  definitions_path())
    module = importlib.util.module_from_spec(spec)
    sys.modules["definitions"] = module
    spec.loader.exec_module(module)
    return module


D = load_definitions() if definitions_path() else None

# --- Coroutines on pooled threads -------------------------------------------
# One thread runs at a time: it hands over by releasing the other's lock and
# waits on its own.

pool = []
parked = set()  # continuations that wait in block()
here = threading.local()


def new_lock():
    lock = threading.Lock()
    lock.acquire()
    return lock


class Worker(threading.Thread):
    def __init__(self):
        super().__init__(daemon=True)
        self.lock = new_lock()
        self.f = self.handler = self.block_result = None
        self.start()

    def run(self):
        here.lock = self.lock
        here.worker = self
        while True:
            self.lock.acquire()
            D.thread_local_handler.value = self.handler
            arg = error = None
            try:
                arg = self.f(self.block_result)
            except BaseException as e:
                error = e
            handler = D.thread_local_handler.value
            handler.cont, handler.block_arg = None, arg
            handler.error = error
            self.f = None
            pool.append(self)
            handler.lock.release()


class Continuation:
    __slots__ = ("worker", "kill")


def cont_new(f):
    cont = Continuation()
    cont.worker = pool.pop() if pool else Worker()
    cont.worker.f = f
    cont.kill = False
    fresh.add(cont)
    return cont


fresh = set()  # continuations that have not been resumed yet


def resume(cont, block_result, current_thread):
    handler = D.Handler()
    handler.lock = here.lock
    handler.current_thread = current_thread
    handler.error = None
    parked.discard(cont)
    fresh.discard(cont)
    worker = cont.worker
    worker.handler, worker.block_result = handler, block_result
    worker.lock.release()
    here.lock.acquire()
    if handler.error is not None:
        raise handler.error
    return handler.cont, handler.block_arg


def block(switch_to):
    worker = here.worker
    cont = Continuation()
    cont.worker, cont.kill = worker, False
    parked.add(cont)
    handler = D.thread_local_handler.value
    handler.cont, handler.block_arg = cont, switch_to
    handler.lock.release()
    worker.lock.acquire()
    if cont.kill:
        D.thread_local_handler.value = worker.handler
        raise Kill
    D.thread_local_handler.value = worker.handler
    return worker.block_result


def kill_parked():
    while parked:
        cont = next(iter(parked))
        cont.kill = True
        try:
            resume(cont, 0, None)
        except Kill:
            pass
    for cont in fresh:
        cont.worker.f = None
        pool.append(cont.worker)
    fresh.clear()


# --- Choices ----------------------------------------------------------------


class FirstCome:
    """definitions.py's `random`."""

    def __init__(self):
        self.tick = None  # the thread the host has chosen

    def randint(self, low, high):
        caller = sys._getframe(1)
        if caller.f_code.co_name == "canon_error_context_new":
            return 0  # messages are kept
        # wait_until, when what it waits for is there: the runtime goes on,
        # but yields, and enters in turn.
        wait_until = caller
        asks = wait_until.f_locals["ready_func"].__qualname__
        gives_way = (asks.startswith("Thread.yield_")
                     or asks.startswith("Task.enter_implicit_thread")
                     or asks.startswith("canon_lift"))
        return 0 if gives_way else 1

    def choice(self, threads):
        if self.tick is not None:
            thread, self.tick = self.tick, None
            assert thread in threads
            return thread
        if len(threads) == 1:
            return threads[0]
        if sys._getframe(1).f_code.co_name == "request_cancellation":
            return min(threads, key=threads[0].task.threads.index)
        waiting = threads[0].task.inst.store.waiting
        return min(threads, key=waiting.index)

    def shuffle(self, waitables):
        waitables.sort(key=lambda w: w.since if w.pending_event else 1 << 60)


def count_events():
    """Stamps waitables with when their event came, or when they joined a set
    with it."""
    clock = [0]
    join = D.Waitable.join

    def stamp(w):
        clock[0] += 1
        w.since = clock[0]

    def set_pending_event(self, pending_event):
        if not self.pending_event:
            stamp(self)
        self.pending_event = pending_event

    def join_(self, wset):
        if self.pending_event:
            stamp(self)
        join(self, wset)

    D.Waitable.set_pending_event = set_pending_event
    D.Waitable.join = join_


# --- Where the reference tests decide otherwise -----------------------------


def follow_the_suite():
    # cancel-stream.wast: a copy that made progress and is cancelled reports
    # CANCELLED with its count; definitions.py, COMPLETED.
    cancel_copy = D.cancel_copy

    def cancel_copy_(EndT, event_code, t, async_, i):
        e = D.current_instance().handles.get(i)
        if isinstance(e, EndT) and e.state == D.CopyState.COPYING:
            event = e.pending_event
            faulted = isinstance(e.shared, SegmentStream) \
                and e.shared.dst is None
            if event and event.func.__name__ == "stream_event" \
                    and len(event.args) == 2 and not faulted:  # from on_copy
                e.pending_event = None
        return cancel_copy(EndT, event_code, t, async_, i)

    D.cancel_copy = cancel_copy_

    # sync-streams.wast: who holds the exclusive lock and could go on does so
    # before a call has to wait for the lock.
    enter = D.Task.enter_implicit_thread

    def enter_(self):
        inst = self.inst
        if self.ft.async_ and self.needs_exclusive():
            holder = inst.exclusive_thread
            if holder is not None and inst.backpressure == 0 \
                    and inst.num_waiting_to_enter == 0 \
                    and not holder.running() and holder.ready():
                holder.resume()
        return enter(self)

    D.Task.enter_implicit_thread = enter_

    # during-sync-call-no-exclusive-resume.wast: while a synchronous call is
    # blocked, implicit threads that need the lock do not run, also when nobody
    # holds it.
    ready = D.Thread.ready

    def excluded(thread):
        task = thread.task
        return (task.ft.async_ and task.needs_exclusive()
                and thread is task.implicit_thread)

    def ready_(self):
        if not ready(self):
            return False
        caller = sys._getframe(1)
        if caller.f_code.co_name == "<setcomp>":
            caller = caller.f_back
        return caller.f_code.co_name != "canon_lift" or not excluded(self)

    D.Thread.ready = ready_

    # trap-if-block-and-sync.wast: inside a synchronous call, calling a
    # function of an async type synchronously traps at once unless another
    # thread of the instance could run meanwhile, however soon it returns.
    lift, lower = D.canon_lift, D.canon_lower

    def canon_lift(callee, ft, opts, inst, on_start, on_resolve):
        if ft.async_:
            return lift(callee, ft, opts, inst, on_start, on_resolve)
        inst.sync_depth = getattr(inst, "sync_depth", 0) + 1
        on_cancel = lift(callee, ft, opts, inst, on_start, on_resolve)
        inst.sync_depth -= 1
        return on_cancel

    def canon_lower(callee, ft, opts, flat_args):
        thread = D.current_thread()
        inst = thread.task.inst
        if ft.async_ and not opts.async_ and getattr(inst, "sync_depth", 0):
            D.trap_if(not any(t.ready() and not excluded(t)
                              and t is not inst.exclusive_thread
                              for t in inst.threads if t is not thread))
        return lower(callee, ft, opts, flat_args)

    D.canon_lift, D.canon_lower = canon_lift, canon_lower


def lift_assertions():
    """Two assertions that guests can make fail."""
    # SharedFutureImpl.drop: a copy that is pending when an end is dropped is a
    # read. It is the write whose reader goes.
    D.WritableBuffer = D.Buffer

    # canon_subtask_cancel: the event it waits for tells of the end. One that
    # tells of the start may be there already: it is passed over.
    def wait_for_pending_event(self):
        while not self.resolved():
            self.pending_event = None
            D.Waitable.wait_for_pending_event(self)

    D.Subtask.wait_for_pending_event = wait_for_pending_event


if D:
    lift_assertions()
    D.cont_new, D.resume, D.block = cont_new, resume, block
    D.random = choose = FirstCome()
    D.host_defined_transformation = lambda message: message
    count_events()
    follow_the_suite()
    here.lock = new_lock()

# --- docs/data-segments.md, section 6 ---------------------------------------


class Segment:
    def __init__(self, data, resident):
        self.data, self.resident = data, resident
        self.waiting = []  # streams with a request under way, oldest first

    def make_resident(self, end):
        self.resident = max(self.resident, end)
        while True:
            for s in self.waiting:
                if s.pos < self.resident:
                    break
            else:
                return
            self.waiting.remove(s)
            s.arrived()


class SegmentStream(D.ReadableStream if D else object):
    def __init__(self, segment, start, end):
        self.t = U8
        self.segment, self.pos, self.end = segment, start, end
        self.dst = None

    def read(self, inst, dst, on_copy, on_copy_done):
        self.dst, self.on_copy, self.done = dst, on_copy, on_copy_done
        self.copied = False
        if self.pos == self.end:
            self.finish(D.CopyResult.DROPPED)
        else:
            self.go_on(True)

    def finish(self, result):
        self.dst = None
        self.done(result)

    def go_on(self, in_read):
        here_now = min(self.segment.resident, self.end) - self.pos
        if here_now <= 0:
            if self not in self.segment.waiting:
                self.segment.waiting.append(self)
        elif self.dst.is_zero_length():
            self.finish(D.CopyResult.COMPLETED)
        else:
            n = min(self.dst.remain(), here_now)
            self.dst.write(list(self.segment.data[self.pos:self.pos + n]))
            self.pos += n
            if self.pos == self.end:
                self.finish(D.CopyResult.DROPPED)
            elif in_read or self.dst.remain() == 0:
                self.finish(D.CopyResult.COMPLETED)
            else:
                # as for any stream, the host goes on filling the buffer until
                # the event is delivered
                self.copied = True
                self.on_copy(self.reclaim)
                self.go_on(False)

    def arrived(self):
        if self.dst is not None:
            self.go_on(False)

    def fault(self):
        """The bytes it waits for cannot be brought: the reading instance
        traps, or meets the fault again when it reads on."""
        D.trap_if(self.dst is not None and not self.copied)
        self.dst = None

    def reclaim(self):
        self.dst = None

    def cancel(self):
        self.finish(D.CopyResult.CANCELLED)

    def drop(self):
        self.dst = None
        if self in self.segment.waiting:
            self.segment.waiting.remove(self)


# --- Types ------------------------------------------------------------------

if D:
    U8, U32, STRING = D.U8Type(), D.U32Type(), D.StringType()
    ERROR = D.ErrorContextType()
    ELEM = {"u8": U8, "u32": U32, "none": None, "str": STRING,
            "tup": D.TupleType([U8, U32]), "sub": D.StreamType(U8)}
    STREAM = {e: D.StreamType(t) for e, t in ELEM.items()}
    FUTURE = {e: D.FutureType(t) for e, t in ELEM.items()}
    ENDS = {D.ReadableStreamEnd: ("stream", "read"),
            D.WritableStreamEnd: ("stream", "write"),
            D.ReadableFutureEnd: ("future", "read"),
            D.WritableFutureEnd: ("future", "write")}


def types_of(kind, r=None):
    """`r`: the sequence's resource type."""
    if kind is None:
        return []
    if kind == "u32":
        return [U32]
    if kind == "string":
        return [STRING]
    if kind == "own":
        return [D.OwnType(r)]
    if kind == "borrow":
        return [D.BorrowType(r)]
    if kind == "error":
        return [ERROR]
    return [(STREAM if kind[0] == "stream" else FUTURE)[kind[1]]]


def func_type(f, r=None):
    sig, mode = FUNCS[f]
    return D.FuncType(types_of(SIGS[sig][1], r), types_of(SIGS[sig][2], r),
                      async_=mode != "S")


HOST_FUNC_TYPES = [func_type(f) for f in range(world.N_HOST_FUNCS)] if D else []
IMAGES = [memory + bytes(world.PAGE - len(memory))
          for memory in map(world.memory_image, range(world.N_INSTANCES))]
SEGMENTS = [world.segment_bytes(0), world.segment_bytes(1)]

# --- One instance -----------------------------------------------------------


class Guest:
    """A component instance with its core module."""

    def __init__(self, run, number, root):
        self.run, self.number = run, number
        self.inst = D.ComponentInstance(run.store, root)
        self.inst.guest = self
        self.mem = D.MemInst(bytearray(IMAGES[number]), "i32")
        self.heap = world.HEAP
        base = dict(memory=self.mem, realloc=self.realloc)
        self.opts = {a: D.CanonicalOptions(async_=a, **base)
                     for a in (False, True)}
        self.lifted, self.lowered = {}, {}

    def checksum(self):
        b = self.mem.bytes
        sum_ = zlib.adler32(memoryview(b)[:world.CHECKED])
        return zlib.adler32(memoryview(b)[-world.TAIL:], sum_)

    def realloc(self, args):
        _, _, align, size = args
        p = (self.heap + align - 1) & -align
        if p + size > world.HEAP_END:
            p = world.HEAP
        self.heap = p + size
        return [p]

    def get(self, fi):
        """The table of functions for threads."""
        D.trap_if(fi >= world.THREAD_FUNCS)
        D.trap_if(fi == 1)
        if fi != world.THREAD_FUNC:
            return D.CoreFuncRef(D.CoreFuncType(["i64"], []), None)
        return D.CoreFuncRef(D.CoreFuncType(["i32"], []),
                             lambda args: self.body(world.THREAD, args))

    def func(self, f):
        """The exported function."""
        if f not in self.lifted:
            mode = FUNCS[f][1]
            opts = self.opts[mode in "CK"]
            if mode == "C":
                opts = D.CanonicalOptions(
                    memory=self.mem, realloc=self.realloc, async_=True,
                    callback=lambda args: self.body(world.CALLBACK + f, args))
            self.lifted[f] = self.run.store.lift(
                lambda args: self.body(f, args), self.run.func_types[f], opts,
                self.inst)
        return self.lifted[f]

    def call(self, op, args):
        """Through canon lower."""
        key = op.callee, op.func, op.async_
        if key not in self.lowered:
            callee = self.run.guests[op.callee].func(op.func)
            self.lowered[key] = self.run.store.lower(
                callee, self.run.func_types[op.func], self.opts[op.async_],
                self.inst)
        return self.lowered[key](args)

    def body(self, f, args):
        """Every core function and callback: world.py's $run."""
        run = self.run
        if f < world.CALLBACK or f == world.DTOR:
            D.current_task().func = f
        elif f < world.THREAD:
            run.callbacks.append(args[0])
        run.show(f"b {self.number} {f} " + " ".join(
            str(v) for v in (args + [0, 0, 0])[:3]))
        result = 0
        while True:
            run.show(f"s {self.number} {result:x} {self.checksum():x}")
            step = run.take(self, f)
            op = step[0]
            self.mem[world.COMMAND:world.COMMAND + 16] = b"".join(
                v.to_bytes(4, "little") for v in step[1:])
            if op == RETURN:
                break
            result = self.perform(op, step[1:])
        if f in (world.THREAD, world.DTOR):
            return []
        sig, mode = FUNCS[f % world.CALLBACK]
        if mode == "C":
            return [step[1]]
        return [] if mode == "K" or SIGS[sig][2] is None else [step[1]]

    def perform(self, n, operands):
        op = OPS[n]
        run = self.run
        args = list(operands[:len(op.params)])
        run.begun[n] = run.begun.get(n, 0) + 1
        try:
            D.trap_if(not op.is_in(self.number))
            result = OP_CODE[n](self, op, args)
        except D.Trap:
            run.trap_op = run.trap_op or n
            raise
        result = result[0] if result else 0
        run.seen(n, result)
        return result


def _poke(size):
    def poke(guest, op, args):
        ptr, value = args
        D.trap_if(ptr + size > world.PAGE)
        guest.mem[ptr:ptr + size] = (value % (1 << 8 * size)).to_bytes(
            size, "little")
    return poke


def _unreachable(guest, op, args):
    D.trap()


def _copy(guest, op, args):
    t = (STREAM if op.kind == "stream" else FUTURE)[op.elem]
    name = f"canon_{op.kind}_{op.verb}".replace("-", "_")
    f = getattr(D, name)
    if op.verb in ("read", "write"):
        return f(t, guest.opts[op.async_], *args)
    if op.verb.startswith("cancel"):
        return f(t, op.async_, *args)
    return f(t, *args)


def _wait(guest, op, args):
    f = D.canon_waitable_set_wait if ".wait" in op.name else \
        D.canon_waitable_set_poll
    return f(op.cancellable, guest.mem, *args)


def _task_return(guest, op, args):
    return D.canon_task_return(types_of(op.returns, guest.run.r),
                               guest.opts[True], args)


def _new_thread(guest, op, args):
    fi, c = args
    ft = D.CoreFuncType(["i32"], [])
    return D.canon_thread_new_indirect(ft, guest, fi, c)


def _data_read(guest, op, args):
    start, len_ = args
    D.trap_if(not guest.inst.may_leave)
    segment = guest.run.segments[op.segment]
    D.trap_if(start + len_ > len(segment.data))
    stream = SegmentStream(segment, start, start + len_)
    return [guest.inst.handles.add(D.ReadableStreamEnd(stream))]


def _data_prefetch(guest, op, args):
    start, len_ = args
    D.trap_if(not guest.inst.may_leave)
    D.trap_if(start + len_ > len(guest.run.segments[op.segment].data))


def _simple(f, *first):
    return lambda guest, op, args: f(*first, *args)


def _code(op):
    name = op.name
    if hasattr(op, "callee"):
        return lambda guest, op, args: guest.call(op, args)
    if hasattr(op, "kind"):
        return _copy
    if name.startswith("waitable-set.wait") or \
            name.startswith("waitable-set.poll"):
        return _wait
    if name.startswith("task.return"):
        return _task_return
    if name.startswith("data.read"):
        return _data_read
    if name.startswith("data.size"):
        return lambda guest, op, args: [
            len(guest.run.segments[op.segment].data)]
    if name == "data.prefetch":
        return _data_prefetch
    if name == "error-context.new":
        return lambda guest, op, args: D.canon_error_context_new(
            guest.opts[False], *args)
    if name == "error-context.debug-message":
        return lambda guest, op, args: D.canon_error_context_debug_message(
            guest.opts[False], *args)
    if name.startswith("resource."):
        f = getattr(D, "canon_" + name.replace(".", "_"))
        return lambda guest, op, args: f(guest.run.r, *args)
    if name == "thread.new-indirect":
        return _new_thread
    if name.startswith("thread.") and hasattr(op, "cancellable"):
        name = name.split()[0].replace(".", "_").replace("-", "_")
        return _simple(getattr(D, "canon_" + name), op.cancellable)
    if name.startswith("subtask.cancel"):
        return _simple(D.canon_subtask_cancel, op.async_)
    if name.startswith("context."):
        f = D.canon_context_get if "get" in name else D.canon_context_set
        return _simple(f, op.type, op.slot)
    special = {"poke8": _poke(1), "poke32": _poke(4),
               "unreachable": _unreachable, "return": None}
    if name in special:
        return special[name]
    return _simple(getattr(
        D, "canon_" + name.replace("-", "_").replace(".", "_")))


OP_CODE = [_code(op) for op in OPS] if D else []

# --- The host and a sequence ------------------------------------------------


class Call:
    def __init__(self):
        self.resolved = self.cancelled = False
        self.on_cancel = None


class Run:
    """One sequence: steps come from `source(run, guest or None, f)`, which
    returns one or raises Over."""

    MAX_CALLS = MAX_HELD = 64

    def __init__(self, source):
        self.source = source
        self.store = D.Store()
        root = D.ComponentInstance(self.store)
        self.guests = [Guest(self, i, root)
                       for i in range(world.N_INSTANCES)]
        owner = self.guests[0]
        self.r = D.ResourceType(
            owner.inst, lambda args: owner.body(world.DTOR, args))
        self.func_types = HOST_FUNC_TYPES + [
            func_type(f, self.r)
            for f in range(world.N_HOST_FUNCS, len(FUNCS))]
        self.segments = [Segment(SEGMENTS[0], world.SEGMENT_SIZE),
                         Segment(SEGMENTS[1], 0)]
        self.calls, self.held = [], []
        self.lines = []
        self.assertion = None
        self.trap_op = 0  # the operation that trapped; 0: none, or a return
        self.trapped = False
        self.begun, self.outcomes, self.callbacks = {}, {}, []

    def show(self, line):
        self.lines.append(line)

    def take(self, guest, f):
        return self.source(self, guest, f)

    def seen(self, n, result):
        self.outcomes[n, result] = self.outcomes.get((n, result), 0) + 1

    def ready(self):
        return [t for t in self.store.waiting if t.ready()]

    def awaited(self):
        """Streams and futures whose pending copy somebody is parked for."""
        return {e.shared for g in self.guests for e in g.inst.handles
                if isinstance(e, D.CopyEnd) and e.copying()
                and (e.has_sync_waiter or (e.wset and e.wset.num_waiting))}

    def state(self):
        parts = []
        for g in self.guests:
            for table in (g.inst.handles, g.inst.threads):
                parts.append(len(table.array) - 1 - len(table.free))
            parts.append(f"{g.checksum():x}")
        self.show("h " + " ".join(map(str, parts))
                  + f" ready {len(self.ready())}")

    def go(self):
        try:
            while True:
                step = self.source(self, None, None)
                self.host_step(step)
                self.state()
        except Over:
            pass
        except D.Trap:
            self.trapped = True
            self.show("t")
        except AssertionError as e:
            self.assertion = e
        kill_parked()
        self.show("e")
        return self.lines

    # Operations

    def host_step(self, step):
        op, a, b, c, _ = step
        if op == world.CALL:
            self.call(a % world.N_INSTANCES, b % world.N_HOST_FUNCS, c)
        elif op == world.TICK:
            ready = self.ready()
            self.show(f"n {len(ready)}")
            if ready:
                choose.tick = ready[a % len(ready)]
                self.store.tick()
        elif op == world.RESIDENT:
            self.segments[1].make_resident(a)
        elif op == world.FAULT:
            if self.segments[1].waiting:
                self.segments[1].waiting.pop(0).fault()
            else:
                self.show("x")
        elif op == world.CANCEL:
            self.cancel(a)
        elif op == world.DROP_HELD:
            if a < len(self.held) and self.held[a]:
                shared, self.held[a] = self.held[a][1], None
                shared.drop()
            else:
                self.show("x")

    def may_pass(self, f, arg):
        kind = SIGS[FUNCS[f][0]][1]
        if kind in (None, "u32", "string"):
            return True
        return arg < len(self.held) and self.held[arg] is not None \
            and self.held[arg][0] == kind

    def call(self, inst, f, arg):
        if len(self.calls) == self.MAX_CALLS or not self.may_pass(f, arg):
            self.show("x")
            return
        call = Call()
        number = len(self.calls)
        self.calls.append(call)
        kind = SIGS[FUNCS[f][0]][1]
        given = None
        if isinstance(kind, tuple):
            given, self.held[arg] = self.held[arg][1], None

        def on_start():
            if kind is None:
                return []
            if kind == "u32":
                return [arg]
            if kind == "string":
                word = world.WORDS[arg % 4]
                return [(word, "utf8", len(word.encode()))]
            return [given]

        def on_resolve(result):
            call.resolved = True
            self.show(f"r {number} " + self.result_text(f, result))

        call.on_cancel = self.store.invoke(self.guests[inst].func(f), on_start,
                                           on_resolve)

    def result_text(self, f, result):
        kind = SIGS[FUNCS[f][0]][2]
        if result is None:
            return "cancelled"
        if kind is None:
            return "nothing"
        if kind == "u32":
            return str(result[0])
        if kind == "string":
            return result[0][0].encode().hex() + " string"
        self.held.append((kind, result[0]))
        return f"held {len(self.held) - 1}"

    def cancel(self, which):
        call = self.calls[which] if which < len(self.calls) else None
        if call is None or call.resolved or call.cancelled \
                or call.on_cancel is None:
            self.show("x")
            return
        call.cancelled = True
        call.on_cancel(None)
