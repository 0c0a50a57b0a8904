;; A network of layers that begins to compute before its weights are here. The
;; segment `weights` holds equal layers, one after the other; while a layer is
;; computed, the next one is read into the other of two buffers, and the one
;; after that is prefetched.
;;
;;   sluice bundle --data weights=FILE --external DIR --chunk 64K \
;;       -o model.wasm model.wat
;;   sluice run --invoke 'infer(16, 4, true)' https://.../model.wasm
;;
;; `infer(layers, times, ahead)` computes each layer `times` times (0: only
;; reads) and returns a sum of what came out. Not `ahead`: a layer is read when
;; the one before it is done.
;;
;; Three things make it fast:
;;  - the read is asynchronous, and of the whole layer: the buffer is filled on
;;    as bytes arrive, for as long as nobody takes the read's event;
;;  - `data.prefetch` names the layer after the next one, so that the connection
;;    has something to do when a stream is at its end;
;;  - the computation yields every PIECE bytes of weights: a store has one thread,
;;    so what computes without a pause keeps bytes from arriving.
(component
  (import "weights" (core data $weights))
  (type $bytes (stream u8))
  (core module $Memory (memory (export "memory") 2))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))

  (core func $size (canon data.size $weights i64))
  (core func $open (canon data.read $weights i64))
  (core func $prefetch (canon data.prefetch $weights i64))
  (core func $read (canon stream.read $bytes async (memory $mem)))
  (core func $drop (canon stream.drop-readable $bytes))
  (core func $set.new (canon waitable-set.new))
  (core func $set.wait (canon waitable-set.wait (memory $mem)))
  (core func $set.drop (canon waitable-set.drop))
  (core func $join (canon waitable.join))
  (core func $yield (canon thread.yield))

  (core module $Main
    (import "" "memory" (memory 1))
    (import "" "size" (func $size (result i64)))
    (import "" "open" (func $open (param i64 i64) (result i32)))
    (import "" "prefetch" (func $prefetch (param i64 i64)))
    (import "" "read" (func $read (param i32 i32 i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (import "" "set.new" (func $set.new (result i32)))
    (import "" "set.wait" (func $set.wait (param i32 i32) (result i32)))
    (import "" "set.drop" (func $set.drop (param i32)))
    (import "" "join" (func $join (param i32 i32)))
    (import "" "yield" (func $yield (result i32)))

    ;; Memory: an event at 16; 256 inputs (i32) from 1024, 256 outputs from
    ;; 2048; the two buffers from 65536 on.
    (global $layer (mut i32) (i32.const 0)) ;; bytes of one
    (global $set (mut i32) (i32.const 0))
    (global $stream (mut i32) (i32.const 0)) ;; of the layer that comes; 0: none
    (global $to (mut i32) (i32.const 0))     ;; where its next byte goes
    (global $left (mut i32) (i32.const 0))

    (func $buffer (param $i i32) (result i32)
      (i32.add (i32.const 65536)
        (i32.mul (i32.and (local.get $i) (i32.const 1)) (global.get $layer))))

    ;; What a read says, and further reads until one is blocked or all is here.
    (func $advance (param $result i32) (local $n i32)
      (block $blocked (loop $more
        (br_if $blocked (i32.eq (local.get $result) (i32.const -1)))
        (local.set $n (i32.shr_u (local.get $result) (i32.const 4)))
        (global.set $to (i32.add (global.get $to) (local.get $n)))
        (global.set $left (i32.sub (global.get $left) (local.get $n)))
        (if (i32.eqz (global.get $left))
          (then
            (call $drop (global.get $stream))
            (global.set $stream (i32.const 0))
            (return)))
        (local.set $result (call $read (global.get $stream) (global.get $to)
          (global.get $left)))
        (br $more))))

    (func $start (param $i i32)
      (local $at i64)
      (local.set $at (i64.mul (i64.extend_i32_u (local.get $i))
        (i64.extend_i32_u (global.get $layer))))
      (global.set $to (call $buffer (local.get $i)))
      (global.set $left (global.get $layer))
      (global.set $stream (call $open (local.get $at)
        (i64.extend_i32_u (global.get $layer))))
      (call $join (global.get $stream) (global.get $set))
      (call $advance (call $read (global.get $stream) (global.get $to)
        (global.get $left))))

    (func $finish
      (block $done (loop $more
        (br_if $done (i32.eqz (global.get $stream)))
        (drop (call $set.wait (global.get $set) (i32.const 16)))
        (call $advance (i32.load (i32.const 20)))
        (br $more))))

    ;; A row of 256 weights (i8) with the inputs.
    (func $row (param $w i32) (result i32)
      (local $x i32) (local $acc i32)
      (local.set $x (i32.const 1024))
      (loop $more
        (local.set $acc (i32.add (local.get $acc) (i32.mul
          (i32.load8_s (local.get $w)) (i32.load (local.get $x)))))
        (local.set $acc (i32.add (local.get $acc) (i32.mul
          (i32.load8_s offset=1 (local.get $w))
          (i32.load offset=4 (local.get $x)))))
        (local.set $w (i32.add (local.get $w) (i32.const 2)))
        (br_if $more (i32.lt_u
          (local.tee $x (i32.add (local.get $x) (i32.const 8)))
          (i32.const 2048))))
      (local.get $acc))

    ;; Each row goes to the output of its number modulo 256; these become the
    ;; next layer's inputs.
    (func $compute (param $w i32) (param $times i32)
      (local $end i32) (local $t i32) (local $y i32) (local $row i32)
      (local.set $end (i32.add (local.get $w) (global.get $layer)))
      (block $done (loop $rows
        (br_if $done (i32.ge_u (local.get $w) (local.get $end)))
        (local.set $y (i32.add (i32.const 2048)
          (i32.shl (i32.and (local.get $row) (i32.const 255)) (i32.const 2))))
        (local.set $t (i32.const 0))
        (block $enough (loop $again
          (br_if $enough (i32.ge_u (local.get $t) (local.get $times)))
          (i32.store (local.get $y) (i32.add (i32.load (local.get $y))
            (i32.shr_s (call $row (local.get $w)) (i32.const 8))))
          (local.set $t (i32.add (local.get $t) (i32.const 1)))
          (br $again)))
        (local.set $w (i32.add (local.get $w) (i32.const 256)))
        (local.set $row (i32.add (local.get $row) (i32.const 1)))
        (if (i32.eqz (i32.and (local.get $row) (i32.const 63))) ;; PIECE: 16 KiB
          (then (drop (call $yield))))
        (br $rows)))
      (memory.copy (i32.const 1024) (i32.const 2048) (i32.const 1024)))

    (func $room
      (local $pages i32)
      (local.set $pages (i32.sub
        (i32.add (i32.const 2) (i32.shr_u (global.get $layer) (i32.const 15)))
        (memory.size)))
      (if (i32.gt_s (local.get $pages) (i32.const 0))
        (then (if (i32.eq (memory.grow (local.get $pages)) (i32.const -1))
          (then unreachable)))))

    (func (export "infer") (param $layers i32) (param $times i32)
      (param $ahead i32) (result i64)
      (local $i i32) (local $at i32) (local $sum i64)
      (if (i64.ne (i64.rem_u (call $size) (i64.mul (i64.const 256)
            (i64.extend_i32_u (local.get $layers)))) (i64.const 0))
        (then unreachable)) ;; no whole rows
      (global.set $layer (i32.wrap_i64 (i64.div_u (call $size)
        (i64.extend_i32_u (local.get $layers)))))
      (call $room)
      (global.set $set (call $set.new))
      (memory.fill (i32.const 1024) (i32.const 1) (i32.const 1024))
      (memory.fill (i32.const 2048) (i32.const 0) (i32.const 1024))
      (call $start (i32.const 0))
      (loop $more
        (call $finish)
        (if (local.get $ahead)
          (then
            (if (i32.lt_u (i32.add (local.get $i) (i32.const 1))
                  (local.get $layers))
              (then (call $start (i32.add (local.get $i) (i32.const 1)))))
            (if (i32.lt_u (i32.add (local.get $i) (i32.const 2))
                  (local.get $layers))
              (then (call $prefetch
                (i64.mul
                  (i64.extend_i32_u (i32.add (local.get $i) (i32.const 2)))
                  (i64.extend_i32_u (global.get $layer)))
                (i64.extend_i32_u (global.get $layer)))))))
        (if (local.get $times)
          (then (call $compute (call $buffer (local.get $i))
            (local.get $times))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (if (i32.and (i32.eqz (local.get $ahead))
              (i32.lt_u (local.get $i) (local.get $layers)))
          (then (call $start (local.get $i))))
        (br_if $more (i32.lt_u (local.get $i) (local.get $layers))))
      (call $set.drop (global.get $set))
      (local.set $at (i32.const 1024))
      (loop $add
        (local.set $sum (i64.add
          (i64.mul (local.get $sum) (i64.const 31))
          (i64.load32_u (local.get $at))))
        (br_if $add (i32.lt_u
          (local.tee $at (i32.add (local.get $at) (i32.const 4)))
          (i32.const 2048))))
      (local.get $sum)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "memory" (memory $mem))
    (export "size" (func $size))
    (export "open" (func $open))
    (export "prefetch" (func $prefetch))
    (export "read" (func $read))
    (export "drop" (func $drop))
    (export "set.new" (func $set.new))
    (export "set.wait" (func $set.wait))
    (export "set.drop" (func $set.drop))
    (export "join" (func $join))
    (export "yield" (func $yield))))))
  (func (export "infer") async
    (param "layers" u32) (param "times" u32) (param "ahead" bool) (result u64)
    (canon lift (core func $main "infer"))))
