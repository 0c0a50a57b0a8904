;; Two components: $library owns a segment and returns its stream, $reader
;; consumes it in pieces of 4 KiB. Neither can see the other's memory, and
;; $reader cannot name $library's segment. `sum` adds up all bytes.
;;
;;   sluice bundle --data text=FILE -o relay.wasm relay.wat
;;   sluice run --invoke 'sum()' relay.wasm
(component
  (import "text" (core data $text))

  (component $Library
    (import "text" (core data $text))
    (core func $size (canon data.size $text i64))
    (core func $read (canon data.read $text i64))
    (core module $Main
      (import "" "size" (func $size (result i64)))
      (import "" "read" (func $read (param i64 i64) (result i32)))
      (func (export "open") (result i32)
        (call $read (i64.const 0) (call $size))))
    (core instance $main (instantiate $Main (with "" (instance
      (export "size" (func $size))
      (export "read" (func $read))))))
    (func (export "open") (result (stream u8))
      (canon lift (core func $main "open"))))

  (component $Reader
    (import "open" (func $open (result (stream u8))))
    (type $bytes (stream u8))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $mem))
    (core func $open (canon lower (func $open)))
    (core func $stream.read (canon stream.read $bytes (memory $mem)))
    (core func $stream.drop (canon stream.drop-readable $bytes))
    (core module $Main
      (import "" "memory" (memory 1))
      (import "" "open" (func $open (result i32)))
      (import "" "read" (func $read (param i32 i32 i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "sum") (result i64)
        (local $stream i32) (local $result i32) (local $i i32) (local $n i32)
        (local $sum i64)
        (local.set $stream (call $open))
        (loop $pieces
          (local.set $result
            (call $read (local.get $stream) (i32.const 0) (i32.const 4096)))
          (local.set $n (i32.shr_u (local.get $result) (i32.const 4)))
          (local.set $i (i32.const 0))
          (block $end
            (loop $bytes
              (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
              (local.set $sum (i64.add (local.get $sum)
                (i64.load8_u (local.get $i))))
              (local.set $i (i32.add (local.get $i) (i32.const 1)))
              (br $bytes)))
          ;; 0 is COMPLETED: there is more; 1 is DROPPED: that was the last.
          (br_if $pieces (i32.eqz
            (i32.and (local.get $result) (i32.const 15)))))
        (call $drop (local.get $stream))
        (local.get $sum)))
    (core instance $main (instantiate $Main (with "" (instance
      (export "memory" (memory $mem))
      (export "open" (func $open))
      (export "read" (func $stream.read))
      (export "drop" (func $stream.drop))))))
    (func (export "sum") async (result u64)
      (canon lift (core func $main "sum"))))

  (instance $library (instantiate $Library (with "text" (core data $text))))
  (instance $reader (instantiate $Reader
    (with "open" (func $library "open"))))
  (export "sum" (func $reader "sum")))
