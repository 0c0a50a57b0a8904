;; Reads its segment, for bench/data.c and bench/data.py.
;;
;; `read(to, piece, step, start, len)` opens a stream over [start, start + len)
;; and takes it in reads of `piece` bytes, the first to address `to`, each next
;; one `step` bytes per byte behind it (0: always to the same place; 1: one after
;; the other). Returns how many bytes came.
;;
;; `scatter(n, piece)` reads n pieces, the i-th somewhere in the i-th of n equal
;; parts at a multiple of 64 KiB, and returns the sum of the first byte of each.
;; `open()` returns all of the segment as a stream.
(component
  (import "input" (core data $input))
  (type $bytes (stream u8))
  (core module $Memory (memory (export "memory") 16400))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))
  (core func $size (canon data.size $input i64))
  (core func $read (canon data.read $input i64))
  (core func $stream.read (canon stream.read $bytes (memory $mem)))
  (core func $drop (canon stream.drop-readable $bytes))
  (core module $Main
    (import "" "memory" (memory 1))
    (import "" "size" (func $size (result i64)))
    (import "" "read" (func $read (param i64 i64) (result i32)))
    (import "" "stream.read"
      (func $stream.read (param i32 i32 i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func $take (export "read")
      (param $to i32) (param $piece i32) (param $step i32)
      (param $start i64) (param $len i64) (result i64)
      (local $stream i32) (local $result i32) (local $n i32) (local $sum i64)
      (local.set $stream (call $read (local.get $start) (local.get $len)))
      (loop $more
        (local.set $result (call $stream.read (local.get $stream)
          (local.get $to) (local.get $piece)))
        (local.set $n (i32.shr_u (local.get $result) (i32.const 4)))
        (local.set $sum (i64.add (local.get $sum)
          (i64.extend_i32_u (local.get $n))))
        (local.set $to (i32.add (local.get $to)
          (i32.mul (local.get $n) (local.get $step))))
        (br_if $more
          (i32.eqz (i32.and (local.get $result) (i32.const 15)))))
      (call $drop (local.get $stream))
      (local.get $sum))
    (func (export "scatter") (param $n i32) (param $piece i32) (result i64)
      (local $i i32) (local $part i64) (local $sum i64)
      (local.set $part (i64.div_u (call $size)
        (i64.extend_i32_u (local.get $n))))
      (loop $more
        (drop (call $take (i32.const 65536) (local.get $piece) (i32.const 1)
          (i64.and (i64.const -65536)
            (i64.mul (local.get $part) (i64.extend_i32_u (local.get $i))))
          (i64.extend_i32_u (local.get $piece))))
        (local.set $sum (i64.add (local.get $sum)
          (i64.load8_u (i32.const 65536))))
        (br_if $more (i32.lt_u
          (local.tee $i (i32.add (local.get $i) (i32.const 1)))
          (local.get $n))))
      (local.get $sum))
    (func (export "open") (result i32)
      (call $read (i64.const 0) (call $size)))
    (func (export "size") (result i64) (call $size)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "memory" (memory $mem))
    (export "size" (func $size))
    (export "read" (func $read))
    (export "stream.read" (func $stream.read))
    (export "drop" (func $drop))))))
  (func (export "read") async (param "to" u32) (param "piece" u32)
    (param "step" u32) (param "start" u64) (param "len" u64) (result u64)
    (canon lift (core func $main "read")))
  (func (export "scatter") async (param "n" u32) (param "piece" u32)
    (result u64) (canon lift (core func $main "scatter")))
  (func (export "open") (result $bytes)
    (canon lift (core func $main "open")))
  (func (export "size") (result u64)
    (canon lift (core func $main "size"))))
