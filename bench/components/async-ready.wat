;; An asynchronous call of (u32) -> u32 between components that returns without
;; blocking.
(component
  (component $Callee
    (core module $M
      (import "" "return" (func $return (param i32)))
      (func (export "f") (param i32) (result i32)
        (call $return (local.get 0))
        (i32.const 0 (; EXIT ;)))
      (func (export "f-cb") (param i32 i32 i32) (result i32) unreachable))
    (core func $return (canon task.return (result u32)))
    (core instance $m (instantiate $M
      (with "" (instance (export "return" (func $return))))))
    (func (export "f") async (param "a" u32) (result u32)
      (canon lift (core func $m "f") async
        (callback (core func $m "f-cb")))))
  (component $Caller
    (import "f" (func $f async (param "a" u32) (result u32)))
    (core module $Mem (memory (export "mem") 1))
    (core instance $mem (instantiate $Mem))
    (core func $f'
      (canon lower (func $f) async (memory (core memory $mem "mem"))))
    (core func $return (canon task.return))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      (import "" "return" (func $return))
      (func (export "run") (param $n i32) (result i32)
        (loop $again
          (if (i32.ne (call $f (local.get $n) (i32.const 16))
                      (i32.const 2 (; RETURNED ;)))
            (then unreachable))
          (br_if $again
            (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))
        (call $return)
        (i32.const 0 (; EXIT ;)))
      (func (export "run-cb") (param i32 i32 i32) (result i32) unreachable))
    (core instance $m (instantiate $M
      (with "" (instance
        (export "f" (func $f')) (export "return" (func $return))))))
    (func (export "run") async (param "n" u32)
      (canon lift (core func $m "run") async
        (callback (core func $m "run-cb")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "run") (alias export $caller "run")))
