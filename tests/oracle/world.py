"""What both sides of the oracle test are made of: element types, function
signatures, the numbered operations a guest can be told to perform, and the
component (as text) whose instances perform them.

Three sibling instances, 0 to 2; each can call those before it. Every core
function is the same loop: ask the host for an operation (`step`), perform it,
report its result with the next question, until it is told to return.
"""

N_INSTANCES = 3

# --- Element types: name, text, bytes, alignment ----------------------------

ELEMS = {
    "u8": ("u8", 1, 1),
    "u32": ("u32", 4, 4),
    "none": ("", 0, 1),
    "str": ("string", 8, 4),
    "tup": ("(tuple u8 u32)", 8, 4),
    "sub": ("$stream-u8", 4, 4),
}

# --- Signatures: name, parameter, result, modes -----------------------------
# A kind is "u32", "string", "own", "borrow", "error", None or (stream or
# future, element). Modes: S a function of a synchronous type; async types
# lifted A synchronously, C with a callback, K stackful.


def _signatures():
    sigs = [
        ("u", "u32", "u32", "SACK"),
        ("v", None, None, "SACK"),
        ("t", "string", "string", "SACK"),
    ]
    for elem in ELEMS:
        modes = "SACK" if elem == "u8" else "ACK"
        sigs.append((f"ps-{elem}", ("stream", elem), "u32", modes))
    for elem in ("u8", "none", "str", "sub"):
        sigs.append((f"pf-{elem}", ("future", elem), "u32", "ACK"))
    for elem in ("u8", "str"):
        modes = "SACK" if elem == "u8" else "ACK"
        sigs.append((f"rs-{elem}", "u32", ("stream", elem), modes))
    for elem in ("u8", "tup"):
        modes = "SACK" if elem == "u8" else "ACK"
        sigs.append((f"rf-{elem}", "u32", ("future", elem), modes))
    # r is a resource of instance 0's
    sigs.append(("po", "own", "u32", "SACK"))
    sigs.append(("pb", "borrow", "u32", "SACK"))
    sigs.append(("ro", "u32", "own", "SACK"))
    sigs.append(("pe", "error", "u32", "SACK"))
    sigs.append(("re", "u32", "error", "SACK"))
    return sigs


SIGS = _signatures()
RESULTS = []  # the distinct results of async functions, for task.return
for _sig in SIGS:
    if _sig[2] not in RESULTS:
        RESULTS.append(_sig[2])
# Exported functions: (signature index, mode), numbered as `begin` says them.
FUNCS = [(s, m) for s, sig in enumerate(SIGS) for m in sig[3]]
# The host calls those without resources and error contexts: the first.
N_HOST_FUNCS = sum(not {"own", "borrow", "error"} & set(SIGS[s][1:3])
                   for s, _ in FUNCS)
FUNC_NUMBER = {f: n for n, f in enumerate(FUNCS)}
CALLBACK = 1000  # + function: its callback begins
THREAD = 1900  # a thread of thread.new-indirect begins
# What those threads run: the table's slots. 1 is empty, 2 and 3 are of other
# types.
THREAD_FUNC, THREAD_FUNCS = 0, 4
DTOR = 1901  # the resource's destructor begins; slot 3


def func_name(func):
    sig, mode = FUNCS[func]
    return f"{SIGS[sig][0]}-{mode.lower()}"


# --- Memory -----------------------------------------------------------------

PAGE = 65536
TEXT, PAIRS, PAIRS_TO, STRINGS = 0x000, 0x100, 0x180, 0x200
EVENTS, RETURNS, HANDLES = 0x300, 0x340, 0x380
HEAP, HEAP_END = 0x400, 0x600
CHECKED = HEAP_END  # bytes from 0 that are compared; and the last TAIL
TAIL = 64
COMMAND = 0x8000  # the host writes an operation's four operands here
SEGMENT_SIZE = 48
WORDS = ["", "hi", "gr\u00fc\u00dfe \u20ac", "\U0001f600x"]  # the host's strings


def memory_image(inst):
    image = bytearray(0x20 + (i * 7 + inst * 13) % 95 for i in range(0x100))
    contents = [w.encode() for w in WORDS] + [b"%d-%d" % (inst, i) * i
                                              for i in range(4)]
    at, pairs = STRINGS, bytearray()
    strings = bytearray()
    for i in range(16):
        text = contents[i % len(contents)]
        if len(strings) + len(text) > 0x100:
            text = b""
        pairs += at.to_bytes(4, "little") + len(text).to_bytes(4, "little")
        strings += text
        at += len(text)
    image += pairs + bytes(0x80) + strings
    return bytes(image)


def segment_bytes(which):
    return bytes((i * 11 + 3 + which * 100) & 0xff for i in range(SEGMENT_SIZE))


# --- Operations -------------------------------------------------------------


class Op:
    """`params` and `result` are core types, a letter each (i = i32, I = i64);
    `canon` is the text of its canonical definition, or `code` a body."""

    def __init__(self, name, params, result, canon=None, code=None, **more):
        self.name, self.params, self.result = name, params, result
        self.canon, self.code = canon, code
        self.caller_above = more.pop("caller_above", -1)
        self.only = more.pop("only", None)
        self.but = more.pop("but", None)
        self.__dict__.update(more)

    def is_in(self, inst):
        """Whether the instance can perform it."""
        return inst > self.caller_above and inst != self.but \
            and self.only in (None, inst)

    def is_wider(self):
        """Whether the base scope is without it."""
        name = self.name.split()[0]
        return name.startswith(("thread.", "resource.", "error-")) \
            and name != "thread.yield" \
            or getattr(self, "func", 0) >= N_HOST_FUNCS \
            or getattr(self, "returns", None) in ("own", "error")


RETURN = 0
OPS = []


def _op(*args, **more):
    OPS.append(Op(*args, **more))
    return len(OPS) - 1


def _flat(kind):
    return {"u32": "i", "string": "ii", None: ""}.get(kind, "i")


def _build_ops():
    _op("return", "i", "")
    _op("poke8", "ii", "",
        code="(i32.store8 (local.get 0) (local.get 1)) (i64.const 0)")
    _op("poke32", "ii", "",
        code="(i32.store (local.get 0) (local.get 1)) (i64.const 0)")
    _op("unreachable", "", "", code="unreachable")
    mem = '(memory (core memory $mem "mem"))'
    full = f'{mem} (realloc (core func $mem "realloc"))'
    for kind in ("stream", "future"):
        n = "ii" if kind == "future" else "iii"
        for elem in ELEMS:
            t = f"${kind}-{elem}"

            def add(suffix, params, result, canon, **more):
                _op(f"{kind}.{suffix}", params, result, f"{kind}.{canon}",
                    kind=kind, elem=elem, **more)

            add("new", "", "I", f"new {t}", verb="new")
            for verb in ("read", "write"):
                for async_ in (True, False):
                    a = " async" if async_ else ""
                    add(verb + (a or " sync"), n, "i",
                        f"{verb} {t}{a} {full}", verb=verb, async_=async_)
                    add(f"cancel-{verb}" + (a or " sync"), "i", "i",
                        f"cancel-{verb} {t}{a}", verb=f"cancel-{verb}",
                        async_=async_)
            add("drop-readable", "i", "", f"drop-readable {t}",
                verb="drop-readable")
            add("drop-writable", "i", "", f"drop-writable {t}",
                verb="drop-writable")
    _op("waitable-set.new", "", "i", "waitable-set.new")
    for c in (True, False):
        word = " cancellable" if c else ""
        for verb in ("wait", "poll"):
            _op(f"waitable-set.{verb}{word}", "ii", "i",
                f'waitable-set.{verb}{word} (memory (core memory $mem "mem"))',
                cancellable=c)
        _op(f"thread.yield{word}", "", "i", f"thread.yield{word}",
            cancellable=c)
        for what, verb in (("suspend", ""), ("suspend", "resume"),
                           ("yield", "resume"), ("suspend", "promote"),
                           ("yield", "promote")):
            name = f"thread.{what}" + (f"-then-{verb}" if verb else "") + word
            _op(name, "i" if verb else "", "i", name, cancellable=c)
    _op("thread.index", "", "i", "thread.index")
    _op("thread.new-indirect", "ii", "i",
        "thread.new-indirect $start (core table $funcs)")
    _op("thread.resume-later", "i", "", "thread.resume-later")
    _op("waitable-set.drop", "i", "", "waitable-set.drop")
    _op("waitable.join", "ii", "", "waitable.join")
    _op("subtask.cancel async", "i", "i", "subtask.cancel async", async_=True)
    _op("subtask.cancel sync", "i", "i", "subtask.cancel", async_=False)
    _op("subtask.drop", "i", "", "subtask.drop")
    _op("backpressure.inc", "", "", "backpressure.inc")
    _op("backpressure.dec", "", "", "backpressure.dec")
    for slot in (0, 1):  # the last instance's are of 64 bits
        for t, letter, where in (("i32", "i", {"but": N_INSTANCES - 1}),
                                 ("i64", "I", {"only": N_INSTANCES - 1})):
            for verb, params, result in (("get", "", letter),
                                         ("set", letter, "")):
                _op(f"context.{verb} {t} {slot}", params, result,
                    f"context.{verb} {t} {slot}", slot=slot, type=t, **where)
    _op("error-context.new", "ii", "i", f"error-context.new {mem}")
    _op("error-context.debug-message", "ii", "",
        f"error-context.debug-message {full}")
    _op("error-context.drop", "i", "", "error-context.drop")
    for r, kind in enumerate(RESULTS):
        result = f"(result {type_text(kind)}) " if kind else ""
        _op(f"task.return {kind_text(kind)}", _flat(kind), "",
            f"task.return {result}{mem}", returns=kind)
    _op("task.cancel", "", "", "task.cancel")
    for d, name in enumerate(("here", "late")):
        _op(f"data.read {name}", "ii", "i", f"data.read ${name}", segment=d)
    _op("data.read late i64", "II", "i", "data.read $late i64", segment=1)
    _op("data.prefetch", "ii", "", "data.prefetch $late", segment=1)
    _op("data.size i64", "", "I", "data.size $here i64", segment=0)
    _op("resource.new", "i", "i", "resource.new $r", only=0)
    _op("resource.rep", "i", "i", "resource.rep $r", only=0)
    _op("resource.drop", "i", "", "resource.drop $rx")
    _op("data.size", "", "i", "data.size $late", segment=1)
    for callee in range(N_INSTANCES - 1):
        for func, (sig, mode) in enumerate(FUNCS):
            _, param, result, _ = SIGS[sig]
            for async_ in (True, False):
                if async_ and mode == "S":
                    continue
                params = _flat(param)
                flat_result = "i"
                if async_:
                    params += "i" if result else ""
                elif result == "string":
                    params, flat_result = params + "i", ""
                elif result is None:
                    flat_result = ""
                a = "async " if async_ else ""
                _op(f"call {'async' if async_ else 'sync'} {mode}", params,
                    flat_result,
                    f"lower (func ${callee}-{func_name(func)}) {a}{full}",
                    callee=callee, func=func, async_=async_,
                    caller_above=callee)


def kind_text(kind):
    return kind if isinstance(kind, str) else \
        "nothing" if kind is None else f"{kind[0]}<{kind[1]}>"


def type_text(kind):
    if kind in ("own", "borrow"):
        return f"({kind} $rx)"
    if kind == "error":
        return "error-context"
    return kind if isinstance(kind, str) else f"${kind[0]}-{kind[1]}"


_build_ops()
OP = {}  # the first of each name; by (name, kind, elem) where there are several
for _i, _o in enumerate(OPS):
    OP.setdefault(_o.name, _i)
    if hasattr(_o, "elem"):
        OP[_o.name, _o.elem] = _i
    if hasattr(_o, "callee"):
        OP["call", _o.callee, _o.func, _o.async_] = _i

# Operations of the host between calls; operands a, b, c.
HOST = 2000
CALL, TICK, RESIDENT, CANCEL, DROP_HELD, FAULT = (HOST + i for i in range(6))
HOST_NAMES = {CALL: "host call", TICK: "host tick", RESIDENT: "host resident",
              CANCEL: "host cancel", DROP_HELD: "host drop",
              FAULT: "host data fault"}


def op_text(step):
    op, a, b, c, d = step
    if op == CALL:
        return f"host calls {a}.{func_name(b % N_HOST_FUNCS)}({c})"
    if op >= HOST:
        return f"{HOST_NAMES[op]} {a}"
    o = OPS[op]
    args = ", ".join(f"{v:#x}" if v > 255 else str(v)
                     for v in (a, b, c, d)[:len(o.params)])
    name = o.name + (f" {o.elem}" if hasattr(o, "elem") else "")
    if hasattr(o, "callee"):
        name += f" {o.callee}.{func_name(o.func)}"
    return f"  {name}({args})"


# --- The component ----------------------------------------------------------


def _escape(data):
    return "".join(f"\\{b:02x}" for b in data)


def _core_type(letters):
    return " ".join({"i": "i32", "I": "i64"}[c] for c in letters)


def _functype(func):
    sig, mode = FUNCS[func]
    _, param, result, _ = SIGS[sig]
    text = "" if mode == "S" else "async "
    if param:
        text += f'(param "x" {type_text(param)}) '
    if result:
        text += f"(result {type_text(result)})"
    return text


def _core_result(func):
    sig, mode = FUNCS[func]
    result = SIGS[sig][2]
    return {"C": "i", "K": ""}.get(mode, "i" if result else "")


def _types():
    for kind in ("stream", "future"):
        for elem, (text, _, _) in ELEMS.items():
            yield f"(type ${kind}-{elem} ({kind} {text}))".replace(" )", ")")


def _memory_module(inst):
    return f"""
    (core module $Mem
      (memory (export "mem") 1 1)
      (table (export "funcs") {THREAD_FUNCS} funcref)
      (func (export "dtor") (param i32)
        (call_indirect (param i32 i32) (local.get 0) (i32.const 0)
          (i32.const 3)))
      (data (i32.const 0) "{_escape(memory_image(inst))}")
      (global $heap (mut i32) (i32.const {HEAP}))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (local $p i32)
        (local.set $p (i32.and
          (i32.add (global.get $heap) (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
        (if (i32.gt_u (i32.add (local.get $p) (local.get 3))
                      (i32.const {HEAP_END}))
          (then (local.set $p (i32.const {HEAP}))))
        (global.set $heap (i32.add (local.get $p) (local.get 3)))
        (local.get $p)))
    (core instance $mem (instantiate $Mem))"""


def _wrapper(n, op, has):
    head = f"(func $w{n} (param i32 i32 i32 i32) (result i64) "
    if not has:
        return head + "unreachable)"
    if op.code:
        return head + op.code + ")"
    args = " ".join(f"(local.get {i})" if p == "i" else
                    f"(i64.extend_i32_u (local.get {i}))"
                    for i, p in enumerate(op.params))
    call = f"(call $i{n} {args})"
    if op.result == "i":
        return head + f"(i64.extend_i32_u {call}))"
    return head + (f"{call})" if op.result == "I" else f"{call} (i64.const 0))")


def _main_module(inst):
    out = ["(core module $Main", '(import "" "mem" (memory 1 1))',
           f'(import "" "funcs" (table $funcs {THREAD_FUNCS} funcref))',
           '(import "" "begin" (func $begin (param i32 i32 i32 i32)))',
           '(import "" "step" (func $step (param i64) (result i32)))']
    has = [op.is_in(inst) for op in OPS]
    for n, op in enumerate(OPS):
        if op.canon and has[n]:
            out.append(f'(import "" "{n}" (func $i{n} (param '
                       f'{_core_type(op.params)}) (result '
                       f'{_core_type(op.result)})))')
    out.append("(type $op (func (param i32 i32 i32 i32) (result i64)))")
    for n, op in enumerate(OPS):
        out.append(_wrapper(n, op, has[n] and n != RETURN))
    out.append(f"(table $ops {len(OPS)} funcref)")
    out.append("(elem (table $ops) (i32.const 0) func "
               + " ".join(f"$w{n}" for n in range(len(OPS))) + ")")
    load = " ".join(f"(i32.load offset={COMMAND + 4 * i} (i32.const 0))"
                    for i in range(4))
    out.append(f"""
    (func $run (result i32) (local $op i32) (local $r i64)
      (loop $next
        (local.set $op (call $step (local.get $r)))
        (if (local.get $op) (then
          (local.set $r (call_indirect $ops (type $op) {load} (local.get $op)))
          (br $next))))
      (i32.load offset={COMMAND} (i32.const 0)))""")
    out.append(f"""
    (func $thread (param i32)
      (call $begin (i32.const {THREAD}) (local.get 0) (i32.const 0)
        (i32.const 0))
      (drop (call $run)))
    (func $other (param i64) unreachable)
    (elem (table $funcs) (i32.const {THREAD_FUNC}) func $thread)
    (elem (table $funcs) (i32.const 2) func $other)
    (func $dtor (param i32 i32)
      (call $begin (i32.const {DTOR}) (local.get 0) (i32.const 0)
        (i32.const 0))
      (drop (call $run)))
    (elem (table $funcs) (i32.const 3) func $dtor)""")
    for f, (sig, mode) in enumerate(FUNCS):
        params = _flat(SIGS[sig][1])
        result = _core_result(f)
        args = " ".join([f"(local.get {i})" for i in range(len(params))]
                        + ["(i32.const 0)"] * (3 - len(params)))
        drop = "" if result else " drop"
        out.append(f'(func (export "f{f}") (param {_core_type(params)}) '
                   f'(result {_core_type(result)}) (call $begin '
                   f'(i32.const {f}) {args}) (call $run){drop})')
        if mode == "C":
            out.append(f'(func (export "c{f}") (param i32 i32 i32) '
                       f'(result i32) (call $begin (i32.const {CALLBACK + f}) '
                       f'(local.get 0) (local.get 1) (local.get 2)) '
                       f'(call $run))')
    return "\n    ".join(out) + ")"


def _lift(f):
    sig, mode = FUNCS[f]
    opts = '(memory (core memory $mem "mem")) (realloc (core func $mem "realloc"))'
    if mode in "CK":
        opts += " async"
    if mode == "C":
        opts += f' (callback (core func $main "c{f}"))'
    return (f'(func (export "{func_name(f)}") {_functype(f)} '
            f'(canon lift (core func $main "f{f}") {opts}))')


def _component(inst):
    out = [f"(component $C{inst}", *_types()]
    out.append('(import "here" (core data $here))')
    out.append('(import "late" (core data $late))')
    out.append('(import "begin" (func $begin (param "f" u32) (param "x" u32) '
               '(param "y" u32) (param "z" u32)))')
    out.append('(import "step" (func $step (param "r" u64) (result u32)))')
    if inst > 0:
        out.append('(import "r" (type $rx (sub resource)))')
    for callee in range(inst):
        for f in range(len(FUNCS)):
            out.append(f'(import "f{callee}-{func_name(f)}" (func '
                       f'${callee}-{func_name(f)} {_functype(f)}))')
    out.append(_memory_module(inst))
    if inst == 0:
        out.append('(type $r (resource (rep i32) '
                   '(dtor (core func $mem "dtor"))))')
        out.append('(export $rx "r" (type $r))')
    out.append("(core type $start (func (param i32)))")
    out.append('(alias core export $mem "funcs" (core table $funcs))')
    out.append("(canon lower (func $begin) (core func $begin'))")
    out.append("(canon lower (func $step) (core func $step'))")
    exports = ['(export "mem" (memory $mem "mem"))',
               '(export "funcs" (table $funcs))',
               "(export \"begin\" (func $begin'))",
               "(export \"step\" (func $step'))"]
    for n, op in enumerate(OPS):
        if op.canon and op.is_in(inst):
            out.append(f"(canon {op.canon} (core func $o{n}))")
            exports.append(f'(export "{n}" (func $o{n}))')
    out.append(_main_module(inst))
    out.append('(core instance $main (instantiate $Main (with "" (instance '
               + "\n      ".join(exports) + "))))")
    out += [_lift(f) for f in range(len(FUNCS))]
    return "\n    ".join(out) + ")"


def component():
    out = ["(component", '(import "late" (core data $late))',
           f'(core data $here "{_escape(segment_bytes(0))}")',
           '(import "begin" (func $begin (param "f" u32) (param "x" u32) '
           '(param "y" u32) (param "z" u32)))',
           '(import "step" (func $step (param "r" u64) (result u32)))']
    for inst in range(N_INSTANCES):
        out.append(_component(inst))
        args = ['(with "here" (core data $here))',
                '(with "late" (core data $late))',
                '(with "begin" (func $begin))', '(with "step" (func $step))']
        if inst > 0:
            args.append('(with "r" (type $r))')
        args += [f'(with "f{callee}-{func_name(f)}" '
                 f'(func $c{callee}-{func_name(f)}))'
                 for callee in range(inst) for f in range(len(FUNCS))]
        out.append(f"(instance $c{inst} (instantiate $C{inst} "
                   + "\n    ".join(args) + "))")
        if inst == 0:
            out.append('(alias export $c0 "r" (type $r))')
        for f in range(len(FUNCS)):
            name = f"c{inst}-{func_name(f)}"
            out.append(f'(alias export $c{inst} "{func_name(f)}" '
                       f'(func ${name}))')
            if f < N_HOST_FUNCS:
                out.append(f'(export "{name}" (func ${name}))')
    return "\n  ".join(out) + ")\n"


if __name__ == "__main__":
    print(component(), end="")
