;; Values in a memory of 64-bit addresses: pointers and lengths are i64.

(component
  (core module $M
    (memory (export "memory") i64 1)
    (global $next (mut i64) (i64.const 1024))
    (func (export "realloc") (param i64 i64 i64 i64) (result i64)
      (local i64)
      (local.set 4 (i64.and
        (i64.add (global.get $next) (i64.sub (local.get 2) (i64.const 1)))
        (i64.sub (i64.const 0) (local.get 2))))
      (global.set $next (i64.add (local.get 4) (local.get 3)))
      (local.get 4))
    ;; the string backwards
    (func (export "reverse") (param $at i64) (param $n i64) (result i64)
      (local $i i64)
      (block $done
        (loop $l
          (br_if $done (i64.ge_u (local.get $i) (local.get $n)))
          (i64.store8 offset=512
            (i64.sub (i64.sub (local.get $n) (local.get $i)) (i64.const 1))
            (i64.load8_u (i64.add (local.get $at) (local.get $i))))
          (local.set $i (i64.add (local.get $i) (i64.const 1)))
          (br $l)))
      (i64.store (i64.const 256) (i64.const 512))
      (i64.store (i64.const 264) (local.get $n))
      (i64.const 256))
    (func (export "bad") (result i64)
      (i64.store (i64.const 256) (i64.const 0x1_0000_0000))
      (i64.store (i64.const 264) (i64.const 1))
      (i64.const 256)))
  (core instance $m (instantiate $M))
  (func (export "reverse") (param "s" string) (result string)
    (canon lift (core func $m "reverse") (memory $m "memory")
      (realloc (func $m "realloc"))))
  (func (export "bad") (result string)
    (canon lift (core func $m "bad") (memory $m "memory"))))
(assert_return (invoke "reverse" (str.const "abcdef")) (str.const "fedcba"))
(assert_trap (invoke "bad") "out of bounds")
