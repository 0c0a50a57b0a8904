;; CanonicalABI.md "canon lift": while a synchronous call is blocked, other
;; threads of its instance run. One of them may drop a resource of the
;; instance's own, whose destructor is a synchronous call again; when that
;; blocks too, the first call's thread may go on before it, up to its end.
(component
  (core module $Libc
    (memory (export "mem") 1)
    (table (export "table") 2 funcref)
    (func (export "dtor") (param i32)
      (call_indirect (param i32) (local.get 0) (i32.const 1))))
  (core instance $libc (instantiate $Libc))
  (core type $start (func (param i32)))
  (alias core export $libc "table" (core table $table))
  (type $r (resource (rep i32) (dtor (core func $libc "dtor"))))
  (canon resource.new $r (core func $resource.new))
  (canon resource.drop $r (core func $resource.drop))
  (canon thread.index (core func $thread.index))
  (canon thread.new-indirect $start (core table $table)
    (core func $thread.new))
  (canon thread.resume-later (core func $resume-later))
  (canon thread.suspend-then-resume (core func $suspend-then-resume))
  (canon thread.yield-then-resume (core func $yield-then-resume))
  (core module $Main
    (import "" "table" (table 2 funcref))
    (import "" "resource.new" (func $resource.new (param i32) (result i32)))
    (import "" "resource.drop" (func $resource.drop (param i32)))
    (import "" "thread.index" (func $thread.index (result i32)))
    (import "" "thread.new" (func $thread.new (param i32 i32) (result i32)))
    (import "" "resume-later" (func $resume-later (param i32)))
    (import "" "suspend-then-resume"
      (func $suspend-then-resume (param i32) (result i32)))
    (import "" "yield-then-resume"
      (func $yield-then-resume (param i32) (result i32)))
    (global $log (mut i32) (i32.const 0))
    (global $main (mut i32) (i32.const 0))
    (global $dtor (mut i32) (i32.const 0))
    (func $log (param i32)
      (global.set $log (i32.add (i32.mul (global.get $log) (i32.const 10))
                                (local.get 0))))
    (func (export "log") (result i32) (global.get $log))

    ;; A thread that drops the resource.
    (func $dropper (param $r i32)
      (call $log (i32.const 2))
      (call $resource.drop (local.get $r))
      (call $log (i32.const 6))
      (if (global.get $dtor) (then (call $resume-later (global.get $main)))))

    ;; Of a resource that stands for 1: the first call goes on and comes back.
    ;; Of one that stands for 2: it goes on to its end.
    (func $destroy (param $rep i32)
      (call $log (i32.const 3))
      (if (i32.eq (local.get $rep) (i32.const 1))
        (then
          (global.set $dtor (call $thread.index))
          (drop (call $suspend-then-resume (global.get $main))))
        (else
          (drop (call $yield-then-resume (global.get $main)))))
      (call $log (i32.const 5)))
    (elem (i32.const 0) $dropper $destroy)

    (func (export "run") (param $rep i32) (result i32)
      (global.set $log (i32.const 1))
      (global.set $dtor (i32.const 0))
      (global.set $main (call $thread.index))
      (drop (call $suspend-then-resume
        (call $thread.new (i32.const 0)
          (call $resource.new (local.get $rep)))))
      (call $log (i32.const 4))
      (if (global.get $dtor)
        (then
          (drop (call $suspend-then-resume (global.get $dtor)))
          (call $log (i32.const 7))))
      (global.get $log)))
  (core instance $main (instantiate $Main (with "" (instance
    (export "table" (table $table))
    (export "resource.new" (func $resource.new))
    (export "resource.drop" (func $resource.drop))
    (export "thread.index" (func $thread.index))
    (export "thread.new" (func $thread.new))
    (export "resume-later" (func $resume-later))
    (export "suspend-then-resume" (func $suspend-then-resume))
    (export "yield-then-resume" (func $yield-then-resume))))))
  (func (export "run") (param "rep" u32) (result u32)
    (canon lift (core func $main "run")))
  (func (export "log") (result u32) (canon lift (core func $main "log"))))

(assert_return (invoke "run" (u32.const 1)) (u32.const 1234567))
;; The caller hears of the result when those who ran meanwhile have stopped.
(assert_return (invoke "run" (u32.const 2)) (u32.const 1234))
(assert_return (invoke "log") (u32.const 123456))
(assert_return (invoke "run" (u32.const 1)) (u32.const 1234567))

;; A thread's index is taken when its task begins, also when nobody asks for it
;; before the destructor's thread does.
(component
  (component $Callee
    (core module $Libc
      (table (export "table") 1 funcref)
      (func (export "dtor") (param i32)
        (call_indirect (param i32) (local.get 0) (i32.const 0))))
    (core instance $libc (instantiate $Libc))
    (type $r (resource (rep i32) (dtor (core func $libc "dtor"))))
    (canon resource.new $r (core func $resource.new))
    (canon resource.drop $r (core func $resource.drop))
    (canon thread.index (core func $thread.index))
    (core module $Main
      (import "" "table" (table 1 funcref))
      (import "" "resource.new" (func $resource.new (param i32) (result i32)))
      (import "" "resource.drop" (func $resource.drop (param i32)))
      (import "" "thread.index" (func $thread.index (result i32)))
      (global $dtor (mut i32) (i32.const 0))
      (func $destroy (param i32) (global.set $dtor (call $thread.index)))
      (elem (i32.const 0) $destroy)
      (func (export "run") (result i32)
        (call $resource.drop (call $resource.new (i32.const 0)))
        (i32.add (i32.mul (call $thread.index) (i32.const 10))
                 (global.get $dtor))))
    (core instance $main (instantiate $Main (with "" (instance
      (export "table" (table $libc "table"))
      (export "resource.new" (func $resource.new))
      (export "resource.drop" (func $resource.drop))
      (export "thread.index" (func $thread.index))))))
    (func (export "run") (result u32) (canon lift (core func $main "run"))))
  (component $Caller
    (import "run" (func $run (result u32)))
    (core module $M
      (import "" "run" (func $run (result i32)))
      (func (export "run") (result i32) (call $run)))
    (canon lower (func $run) (core func $run'))
    (core instance $m (instantiate $M
      (with "" (instance (export "run" (func $run'))))))
    (func (export "run") (result u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller
    (with "run" (func $callee "run"))))
  (export "run" (func $caller "run")))

(assert_return (invoke "run") (u32.const 12))

;; Destructors in destructors without end have no room left some time: on stacks
;; of their own here, on one stack in the next.
(component
  (core module $Libc
    (table (export "table") 1 funcref)
    (func (export "dtor") (param i32)
      (call_indirect (param i32) (local.get 0) (i32.const 0))))
  (core instance $libc (instantiate $Libc))
  (type $r (resource (rep i32) (dtor (core func $libc "dtor"))))
  (canon resource.new $r (core func $resource.new))
  (canon resource.drop $r (core func $resource.drop))
  (canon thread.suspend (core func $thread.suspend))
  (core module $Main
    (import "" "table" (table 1 funcref))
    (import "" "resource.new" (func $resource.new (param i32) (result i32)))
    (import "" "resource.drop" (func $resource.drop (param i32)))
    (func $destroy (param i32)
      (call $resource.drop (call $resource.new (i32.const 0))))
    (elem (i32.const 0) $destroy)
    (func (export "run") (call $destroy (i32.const 0))))
  (core instance $main (instantiate $Main (with "" (instance
    (export "table" (table $libc "table"))
    (export "resource.new" (func $resource.new))
    (export "resource.drop" (func $resource.drop))))))
  (func (export "run") (canon lift (core func $main "run"))))
(assert_trap (invoke "run") "call stack exhausted")

(component
  (core module $Libc
    (table (export "table") 1 funcref)
    (func (export "dtor") (param i32)
      (call_indirect (param i32) (local.get 0) (i32.const 0))))
  (core instance $libc (instantiate $Libc))
  (type $r (resource (rep i32) (dtor (core func $libc "dtor"))))
  (canon resource.new $r (core func $resource.new))
  (canon resource.drop $r (core func $resource.drop))
  (core module $Main
    (import "" "table" (table 1 funcref))
    (import "" "resource.new" (func $resource.new (param i32) (result i32)))
    (import "" "resource.drop" (func $resource.drop (param i32)))
    (func $destroy (param i32)
      (call $resource.drop (call $resource.new (i32.const 0))))
    (elem (i32.const 0) $destroy)
    (func (export "run") (call $destroy (i32.const 0))))
  (core instance $main (instantiate $Main (with "" (instance
    (export "table" (table $libc "table"))
    (export "resource.new" (func $resource.new))
    (export "resource.drop" (func $resource.drop))))))
  (func (export "run") (canon lift (core func $main "run"))))
(assert_trap (invoke "run") "call stack exhausted")
