;; An asynchronous call of (u32) -> u32 between components whose callee yields
;; once; the caller waits for it in its callback.
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
    (core module $Mem (memory (export "mem") 1))
    (core instance $mem (instantiate $Mem))
    (core func $f'
      (canon lower (func $f) async (memory (core memory $mem "mem"))))
    (core func $return (canon task.return))
    (core func $new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core func $drop (canon subtask.drop))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      (import "" "return" (func $return))
      (import "" "new" (func $new (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (import "" "drop" (func $drop (param i32)))
      (global $n (mut i32) (i32.const 0))
      (global $set (mut i32) (i32.const 0))
      (func $next (result i32)
        (local $ret i32)
        (if (i32.ne
              (i32.and
                (local.tee $ret (call $f (i32.const 1) (i32.const 16)))
                (i32.const 15))
              (i32.const 1 (; STARTED ;)))
          (then unreachable))
        (call $join (i32.shr_u (local.get $ret) (i32.const 4))
          (global.get $set))
        (i32.or (i32.const 2 (; WAIT ;))
          (i32.shl (global.get $set) (i32.const 4))))
      (func (export "run") (param $n i32) (result i32)
        (global.set $n (local.get $n))
        (if (i32.eqz (global.get $set))
          (then (global.set $set (call $new))))
        (call $next))
      (func (export "run-cb") (param $event i32) (param $p1 i32) (param $p2 i32)
        (result i32)
        (if (i32.ne (local.get $p2) (i32.const 2 (; RETURNED ;)))
          (then unreachable))
        (call $drop (local.get $p1))
        (global.set $n (i32.sub (global.get $n) (i32.const 1)))
        (if (global.get $n) (then (return (call $next))))
        (call $return)
        (i32.const 0 (; EXIT ;))))
    (core instance $m (instantiate $M
      (with "" (instance
        (export "f" (func $f')) (export "return" (func $return))
        (export "new" (func $new)) (export "join" (func $join))
        (export "drop" (func $drop))))))
    (func (export "run") async (param "n" u32)
      (canon lift (core func $m "run") async
        (callback (core func $m "run-cb")))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "run") (alias export $caller "run")))
