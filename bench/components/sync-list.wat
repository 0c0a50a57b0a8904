;; A synchronous call between components with a list<u8> of 64 KiB.
(component
  (component $Callee
    (core module $Mem
      (memory (export "mem") 4)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (i32.const 65536)))
    (core instance $mem (instantiate $Mem))
    (core module $M
      (func (export "f") (param i32 i32) (result i32) (local.get 1)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" (list u8)) (result u32)
      (canon lift (core func $m "f") (memory (core memory $mem "mem"))
        (realloc (core func $mem "realloc")))))
  (component $Caller
    (import "f" (func $f (param "a" (list u8)) (result u32)))
    (core module $Mem
      (memory (export "mem") 4)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (i32.const 65536)))
    (core instance $mem (instantiate $Mem))
    (core func $f' (canon lower (func $f) (memory (core memory $mem "mem"))))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      (import "" "mem" (memory 4))
      (data (i32.const 1024) "The quick brown fox jumps over the lazy dog, and then some more.")
      (func (export "run") (param $n i32)
        (loop $again
          (drop (call $f (i32.const 1024) (i32.const 65536)))
          (br_if $again
            (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    (core instance $m (instantiate $M
      (with "" (instance
        (export "f" (func $f')) (export "mem" (memory $mem "mem"))))))
    (func (export "run") (param "n" u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "run") (alias export $caller "run")))
