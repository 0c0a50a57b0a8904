;; A synchronous call between components with a record of eight fields, there
;; in core values and back through memory.
(component
  (component $Callee
    (type $r' (record (field "a" u8) (field "b" s16) (field "c" u32)
      (field "d" u64) (field "e" f32) (field "f" f64) (field "g" bool)
      (field "h" char)))
    (export $r "r" (type $r'))
    (core module $Mem
      (memory (export "mem") 4)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (i32.const 65536)))
    (core instance $mem (instantiate $Mem))
    (core module $M
      (import "" "mem" (memory 4))
      (func (export "f") (param i32 i32 i32 i64 f32 f64 i32 i32) (result i32)
        (i32.store8 (i32.const 1024) (local.get 0))
        (i32.store16 (i32.const 1026) (local.get 1))
        (i32.store (i32.const 1028) (local.get 2))
        (i64.store (i32.const 1032) (local.get 3))
        (f32.store (i32.const 1040) (local.get 4))
        (f64.store (i32.const 1048) (local.get 5))
        (i32.store8 (i32.const 1056) (local.get 6))
        (i32.store (i32.const 1060) (local.get 7))
        (i32.const 1024)))
    (core instance $m (instantiate $M
      (with "" (instance (export "mem" (memory $mem "mem"))))))
    (func (export "f") (param "a" $r) (result $r)
      (canon lift (core func $m "f") (memory (core memory $mem "mem")))))
  (component $Caller
    (import "i" (instance $i
      (type $r' (record (field "a" u8) (field "b" s16) (field "c" u32)
        (field "d" u64) (field "e" f32) (field "f" f64) (field "g" bool)
        (field "h" char)))
      (export "r" (type $r (eq $r')))
      (export "f" (func (param "a" $r) (result $r)))))
    (core module $Mem
      (memory (export "mem") 4)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (i32.const 65536)))
    (core instance $mem (instantiate $Mem))
    (core func $f' (canon lower (func $i "f")
      (memory (core memory $mem "mem"))))
    (core module $M
      (import "" "f"
        (func $f (param i32 i32 i32 i64 f32 f64 i32 i32 i32)))
      (func (export "run") (param $n i32)
        (loop $again
          (call $f (i32.const 1) (i32.const -2) (i32.const 3) (i64.const 4)
            (f32.const 5) (f64.const 6) (i32.const 1) (i32.const 65)
            (i32.const 2048))
          (br_if $again
            (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    (core instance $m (instantiate $M
      (with "" (instance (export "f" (func $f'))))))
    (func (export "run") (param "n" u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "i" (instance $callee))))
  (func (export "run") (alias export $caller "run")))
