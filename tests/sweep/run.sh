#!/usr/bin/env bash
# Makes the seeds from the examples and sweeps over their mutants.
#   run.sh SLUICE SWEEP PROJECT MUTANTS FIRST
set -euo pipefail
sluice=$1 sweep=$2 root=$3 mutants=$4 first=$5
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
printf 'some words to stream\nand to count\n%.0s' {1..40} >"$work/text"
# The segments are cut out again: their padding would be most of the bytes.
for name in forward relay; do
    port=$([ $name = forward ] && echo input || echo text)
    sed "s|(import \"$port\" (core data \\(\$[a-z]*\\)))|(core data \\1 \"$(
        tr '\n' ' ' <"$work/text" | cut -c1-400)\")|;" \
        "$root/examples/$name/$name.wat" >"$work/$name.wat"
    "$sluice" parse -o "$work/$name.wasm" "$work/$name.wat"
done
"$sluice" parse -o "$work/values.wasm" "$root/tests/sweep/values.wat"
sed '0,/(import "input" (core data $input))/s//(core data $input "0123456789")/' \
    "$root/tests/fetch/core_import.wat" >"$work/core_import.wat"
"$sluice" parse -o "$work/core_import.wasm" "$work/core_import.wat"
if command -v clang >/dev/null && command -v wasm-ld >/dev/null; then
    "$root/examples/wordcount/build.sh" "$sluice" "$work/text" \
        "$work/wordcount.wasm"
fi
exec "$sweep" "$mutants" "$first" "$work"/*.wasm
