#!/usr/bin/env bash
# Compiles the guest with clang, wraps it, bundles a text into it.
#   build.sh SLUICE TEXT OUT.wasm     also writes OUT.wasm.native, for comparing
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
sluice=$1 text=$2 out=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

clang --target=wasm32 -O2 -nostdlib -ffreestanding -mbulk-memory \
    -Wl,--no-entry -Wl,--import-memory -Wl,--strip-debug \
    -o "$work/guest.wasm" "$here/guest.c"
"$sluice" print "$work/guest.wasm" |
    sed '1s/^(module[^ ]*/(core module $Guest/' >"$work/guest.wat"
sed -e "/^@GUEST@\$/{r $work/guest.wat" -e 'd}' "$here/wordcount.wat.in" \
    >"$work/wordcount.wat"
"$sluice" bundle --data "text=$text" -o "$out" "$work/wordcount.wat"
"${CC:-cc}" -O2 -o "$out.native" "$here/native.c"
