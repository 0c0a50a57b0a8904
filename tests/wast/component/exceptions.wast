;; Exceptions of core code do not leave their component: where nothing in it
;; catches one, it is a trap (CanonicalABI.md, call_and_trap_on_throw).

;; Out of a lifted function.
(component
  (core module $M
    (tag $e (param i32))
    (func (export "throw") (param i32) (throw $e (local.get 0)))
    (func (export "caught") (param i32) (result i32)
      (block $h (result i32)
        (try_table (catch $e $h) (throw $e (local.get 0)))
        (unreachable))))
  (core instance $m (instantiate $M))
  (func (export "throw") (param "x" u32) (canon lift (core func $m "throw")))
  (func (export "caught") (param "x" u32) (result u32)
    (canon lift (core func $m "caught"))))
(assert_return (invoke "caught" (u32.const 7)) (u32.const 7))
(assert_trap (invoke "throw" (u32.const 7)) "uncaught exception")

;; Out of a component into another, whose core code catches everything: but
;; there is no exception any more.
(component
  (component $Thrower
    (core module $M (tag $e) (func (export "throw") (throw $e)))
    (core instance $m (instantiate $M))
    (func (export "throw") (canon lift (core func $m "throw"))))
  (component $Catcher
    (import "throw" (func $f))
    (core func $throw (canon lower (func $f)))
    (core module $C
      (import "" "throw" (func $throw))
      (func (export "run") (result i32)
        (block $h
          (try_table (catch_all $h) (call $throw))
          (return (i32.const 1)))
        (i32.const 2)))
    (core instance $c
      (instantiate $C (with "" (instance (export "throw" (func $throw))))))
    (func (export "run") (result u32) (canon lift (core func $c "run"))))
  (instance $thrower (instantiate $Thrower))
  (instance $catcher
    (instantiate $Catcher (with "throw" (func $thrower "throw"))))
  (export "run" (func $catcher "run")))
(assert_trap (invoke "run") "uncaught exception")

;; Out of cabi_realloc, called while a string is lowered.
(component
  (core module $M
    (tag $e)
    (memory (export "memory") 1)
    (func (export "realloc") (param i32 i32 i32 i32) (result i32) (throw $e))
    (func (export "take") (param i32 i32)))
  (core instance $m (instantiate $M))
  (func (export "take") (param "s" string)
    (canon lift (core func $m "take") (memory $m "memory")
      (realloc (func $m "realloc")))))
(assert_trap (invoke "take" (str.const "abc")) "uncaught exception")

;; Out of post-return.
(component
  (core module $M
    (tag $e)
    (func (export "f") (result i32) (i32.const 5))
    (func (export "post") (param i32) (throw $e)))
  (core instance $m (instantiate $M))
  (func (export "f") (result u32)
    (canon lift (core func $m "f") (post-return (func $m "post")))))
(assert_trap (invoke "f") "uncaught exception")

;; Out of an async function and its callback.
(component
  (core module $M
    (tag $e)
    (func (export "f") (param i32) (result i32)
      (if (local.get 0) (then (throw $e)))
      (i32.const 1 (;YIELD;)))
    (func (export "cb") (param i32 i32 i32) (result i32) (throw $e)))
  (core instance $m (instantiate $M))
  (func (export "f") async (param "now" bool)
    (canon lift (core func $m "f") async (callback (func $m "cb")))))
(assert_trap (invoke "f" (bool.const false)) "uncaught exception")

;; Out of a start function.
(assert_trap
  (component
    (core module $M (tag $e) (func $f (throw $e)) (start $f))
    (core instance (instantiate $M)))
  "uncaught exception")
