"""traps.wast once more, between components: every function of $Lift and $Lower
is called through a component that hands on what it gets.

  between.py SLUICE TRAPS OUT: writes OUT and runs it
"""
import re
import subprocess
import sys

FUNC = re.compile(r'^  \(func \(export "([^"]*)"\)((?: \(param [^\n]*?)?'
                  r'(?: \(result .*?\))?)(?: \(canon|\n)', re.M)
TYPE = re.compile(r"^  \(type \$([a-z]+)' (.*)\)$", re.M)

RELAY = '''(component $Relay
{types}{imports}  (core module $Memory
    (memory (export "mem") 2)
    (global $top (mut i32) (i32.const 1024))
    (func (export "realloc") (param $old i32) (param $n i32) (param i32) (param $new i32) (result i32)
      (local $at i32)
      (local.set $at (i32.and (i32.add (global.get $top) (i32.const 7)) (i32.const -8)))
      (global.set $top (i32.add (local.get $at) (local.get $new)))
      (memory.copy (local.get $at) (local.get $old)
        (select (local.get $n) (local.get $new) (i32.lt_u (local.get $n) (local.get $new))))
      (local.get $at)))
  (core instance $memory (instantiate $Memory))
{lowers}  (core module $M
{cores})
  (core instance $m (instantiate $M (with "" (instance
{gives}))))
{lifts})'''


def definitions(text):
    """The component definitions: name, start and end."""
    for match in re.finditer(r"^\(component definition \$(\w+)", text, re.M):
        end = text.index("\n\n", match.start())
        yield match.group(1), match.start(), end


def params_of(signature):
    """The parameters' core types, or one pointer when there are too many."""
    kinds = re.findall(r'\(param "[^"]*" (\((?:[^()]|\([^()]*\))*\)|\w+)\)',
                       signature)
    flat = []
    for kind in kinds:
        fixed = re.match(r"\(list u32 (\d+)\)", kind)
        flat += (["i32"] * int(fixed.group(1)) if fixed else
                 ["i32"] if kind == "u32" else
                 ["i64"] if kind == "u64" else ["i32", "i32"])
    return flat if len(flat) <= 16 else ["i32"]


def relay(body):
    types = TYPE.findall(body)
    parts = dict(types="", imports="", lowers="", cores="", gives="", lifts="")
    names = []
    for name, form in types:
        parts["types"] += (f"  (type ${name}' {form}) (import \"{name}\" "
                           f"(type ${name} (eq ${name}')))\n")
    for name, signature in FUNC.findall(body):
        names.append(name)
        flat = params_of(signature)
        lift = body[body.index(f'(func (export "{name}") (param "'):]
        lift = lift[:lift.index("\n  (func (export \"")
                    if "\n  (func (export \"" in lift else len(lift)]
        # results in memory: all but those of the core functions of scalars
        scalar = "(result u32)" in signature or (
            'core func $m "one"' in lift and "(memory" not in lift)
        result = " (result i32)" if scalar else ""
        has_result = "(result" in signature
        slots = flat + ([] if scalar or not has_result else ["i32"])
        args = " ".join(f"(local.get {i})" for i in range(len(flat)))
        parts["imports"] += f'  (import "{name}" (func ${name}{signature}))\n'
        parts["lowers"] += (
            f'  (core func ${name} (canon lower (func ${name}) '
            f'(memory $memory "mem") (realloc (func $memory "realloc"))))\n')
        parts["gives"] += f'    (export "{name}" (func ${name}))\n'
        call = (f"(call ${name} {args})" if scalar or not has_result else
                f"(call ${name} {args} (i32.const 512)) (i32.const 512)")
        result = result if has_result else ""
        parts["cores"] = (
            f'    (import "" "{name}" (func ${name} (param {" ".join(slots)})'
            f'{result}))\n' + parts["cores"] +
            f'    (func (export "{name}") (param {" ".join(flat)})'
            f'{" (result i32)" if has_result else ""} {call})\n')
        parts["lifts"] += (
            f'  (func (export "{name}"){signature} (canon lift (core func $m '
            f'"{name}") (memory $memory "mem") '
            f'(realloc (func $memory "realloc"))))\n')
    return RELAY.format(**parts), [t for t, _ in types], names


def between(name, definition):
    inner = definition.replace(f"(component definition ${name}",
                               "(component $Inner", 1)
    text, types, names = relay(definition)
    given = [f'(with "{t}" (type ${t}))' for t in types]
    given += [f'(with "{n}" (func $inner "{n}"))' for n in names]
    named = [f'(alias export $inner "{t}" (type ${t}-within)) '
             f'(export ${t} "{t}" (type ${t}-within))' for t in types]
    exported = [f'(export "{n}" (func $relay "{n}"))' for n in names]
    return "\n".join([
        f"(component definition ${name}", inner, text,
        "(instance $inner (instantiate $Inner))", *named,
        "(instance $relay (instantiate $Relay", *given, "))", *exported]) + ")"


def main():
    sluice, traps, out = sys.argv[1:]
    with open(traps, encoding="utf-8") as source:
        text = source.read()
    for name, start, end in reversed(list(definitions(text))):
        if name in ("Lift", "Lower"):
            text = text[:start] + between(name, text[start:end]) + text[end:]
    with open(out, "w", encoding="utf-8") as to:
        to.write(text)
    return subprocess.run([sluice, "wast", out]).returncode


if __name__ == "__main__":
    sys.exit(main())
