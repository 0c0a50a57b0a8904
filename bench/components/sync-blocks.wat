;; A synchronous call of an async function that yields once: the caller's stack
;; waits.
(component
  (component $Callee
    (core module $M
      (import "" "return" (func $return (param i32)))
      (func (export "f") (param i32) (result i32)
        (i32.const 1 (; YIELD ;)))
      (func (export "f-cb") (param i32 i32 i32) (result i32)
        (call $return (i32.const 42))
        (i32.const 0 (; EXIT ;))))
    (core func $return (canon task.return (result u32)))
    (core instance $m (instantiate $M
      (with "" (instance (export "return" (func $return))))))
    (func (export "f") async (param "a" u32) (result u32)
      (canon lift (core func $m "f") async
        (callback (core func $m "f-cb")))))
  (component $Caller
    (import "f" (func $f async (param "a" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core func $return (canon task.return))
    (core module $M
      (import "" "f" (func $f (param i32) (result i32)))
      (import "" "return" (func $return))
      (func (export "run") (param $n i32) (result i32)
        (loop $again
          (if (i32.ne (call $f (local.get $n)) (i32.const 42))
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
