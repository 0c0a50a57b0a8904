;; A command that hands a data segment to standard output: `data.read` opens the
;; whole segment as a stream<u8>, `write-via-stream` takes it. No byte of it
;; passes through this component's linear memory.
;;
;;   sluice bundle --data input=FILE -o forward.wasm forward.wat
;;   sluice run forward.wasm >COPY
(component
  (import "input" (core data $input))
  (import "wasi:cli/types@0.3.0" (instance $types
    (type (enum "io" "illegal-byte-sequence" "pipe"))
    (export "error-code" (type (eq 0)))))
  (alias export $types "error-code" (type $error-code))
  (import "wasi:cli/stdout@0.3.0" (instance $stdout
    (alias outer 1 $error-code (type))
    (export "error-code" (type $ec (eq 0)))
    (export "write-via-stream" (func
      (param "data" (stream u8)) (result (future (result (error $ec))))))))
  (type $done (future (result (error $error-code))))

  (core module $Memory (memory (export "memory") 1))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))

  (core func $size (canon data.size $input i64))
  (core func $read (canon data.read $input i64))
  (core func $write-via-stream (canon lower (func $stdout "write-via-stream")))
  (core func $future.read (canon future.read $done (memory $mem)))
  (core func $future.drop-readable (canon future.drop-readable $done))

  (core module $Main
    (import "" "memory" (memory 1))
    (import "" "size" (func $size (result i64)))
    (import "" "read" (func $read (param i64 i64) (result i32)))
    (import "" "write-via-stream"
      (func $write-via-stream (param i32) (result i32)))
    (import "" "future.read" (func $future.read (param i32 i32) (result i32)))
    (import "" "future.drop-readable" (func $future.drop-readable (param i32)))
    ;; Returns the result's discriminant: 0 is ok, 1 is an error.
    (func (export "run") (result i32)
      (local $done i32)
      (local.set $done (call $write-via-stream
        (call $read (i64.const 0) (call $size))))
      (drop (call $future.read (local.get $done) (i32.const 0)))
      (call $future.drop-readable (local.get $done))
      (i32.load8_u (i32.const 0))))
  (core instance $main (instantiate $Main (with "" (instance
    (export "memory" (memory $mem))
    (export "size" (func $size))
    (export "read" (func $read))
    (export "write-via-stream" (func $write-via-stream))
    (export "future.read" (func $future.read))
    (export "future.drop-readable" (func $future.drop-readable))))))

  (func $run async (result (result)) (canon lift (core func $main "run")))
  (instance $exports (export "run" (func $run)))
  (export "wasi:cli/run@0.3.0" (instance $exports)))
