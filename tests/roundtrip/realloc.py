"""The realloc calls that lowering a string makes, by the executable reference:
writes realloc.tsv, or compares it with what stands there.

  SLUICE_DEFINITIONS=.../definitions.py realloc.py [--write]

A row: the source's kind, its bytes and length as its memory holds them, the
target's encoding, the calls (old,old-size,align,new-size=result), and the
pointer, length and bytes that are then in the target's memory. The allocator
starts at 1024, rounds up to the alignment and never frees.
"""
import importlib.util
import os
import sys

TABLE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "realloc.tsv")
TAG = 1 << 31

STRINGS = [
    "", "a", "ab", "abc", "\x7f", "\x80", "\xff", "\u0100", "\x00",
    "hello, world", "caf\xe9", "\xe9t\xe9", "\xff\xfe\xfd\xfc",
    "a\u0100", "\u0100a", "ab\u20ac", "\u20acuro", "abc\u20acdef\xe9",
    "\ud7ff\ue000", "\uffff", "\U00010000", "\U0010ffff", "x\U0001f600",
    "\U0001f600y", "\xe9\U0001f600", "\u0100\u0101\u0102\u0103",
    "\u20ac\U0001f600\x00z", "a" * 17, "a" * 16 + "\xff",
    "\xff" * 9 + "\u0100", "z" * 40 + "\U0001f680" + "z" * 3,
]


def load_definitions():
    path = os.environ.get("SLUICE_DEFINITIONS", "")
    if not os.path.isfile(path):
        print("SLUICE_DEFINITIONS does not name the reference: skipped")
        sys.exit(77)
    spec = importlib.util.spec_from_file_location("definitions", path)
    module = importlib.util.module_from_spec(spec)
    sys.modules["definitions"] = module
    spec.loader.exec_module(module)
    return module


def sources(text):
    """The kinds of source that can hold the text: bytes and length."""
    wide = text.encode("utf-16-le")
    yield "utf8", "utf8", text.encode(), len(text.encode())
    yield "utf16", "utf16", wide, len(wide) // 2
    yield "wide", "latin1+utf16", wide, len(wide) // 2 | TAG
    if all(ord(c) < 256 for c in text):
        narrow = text.encode("latin-1")
        yield "latin1", "latin1+utf16", narrow, len(narrow)


def context(d, encoding):
    memory = d.MemInst(bytearray(4096), "i32")
    opts = d.LiftLowerOptions(string_encoding=encoding, memory=memory)
    return d.LiftLowerContext(opts, None)


def row(d, kind, encoding, data, length, target):
    source = context(d, encoding)
    source.opts.memory.bytes[64:64 + len(data)] = data
    value = d.load_string_from_range(source, 64, length)

    cx = context(d, target)
    calls = []
    top = 1024

    def reallocate(old, old_size, align, new_size):
        nonlocal top
        at = d.align_to(top, align)
        top = at + new_size
        n = min(old_size, new_size)
        memory = cx.opts.memory.bytes
        memory[at:at + n] = memory[old:old + n]
        calls.append(f"{old},{old_size},{align},{new_size}={at}")
        return at

    cx.reallocate = reallocate
    ptr, units = d.store_string_into_range(cx, value)
    wide = target == "utf16" or (target != "utf8" and units & TAG)
    size = 2 * (units & ~TAG) if wide else units
    stored = bytes(cx.opts.memory.bytes[ptr:ptr + size])
    return "\t".join([kind, data.hex(), str(length), target, " ".join(calls),
                      str(ptr), str(units), stored.hex()])


def table(d):
    rows = [row(d, *source, target)
            for text in STRINGS for source in sources(text)
            for target in ("utf8", "utf16", "latin1+utf16")]
    return "\n".join(rows) + "\n"


def main():
    made = table(load_definitions())
    if "--write" in sys.argv[1:]:
        with open(TABLE, "w", encoding="ascii") as out:
            out.write(made)
        return 0
    with open(TABLE, encoding="ascii") as have:
        same = have.read() == made
    print(f"{made.count(chr(10))} rows,", "as in realloc.tsv" if same else
          "realloc.tsv differs")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
