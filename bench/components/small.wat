;; A small component: one core instance with a page of memory and a segment.
(component
  (core module $M
    (memory (export "mem") 1)
    (data (i32.const 16) "hello, world")
    (global $calls (mut i32) (i32.const 0))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (i32.const 1024))
    (func (export "run") (param i32)
      (global.set $calls (i32.add (global.get $calls) (i32.const 1))))
    (func (export "length") (param i32 i32) (result i32) (local.get 1)))
  (core instance $m (instantiate $M))
  (func (export "run") (param "n" u32) (canon lift (core func $m "run")))
  (func (export "length") (param "s" string) (result u32)
    (canon lift (core func $m "length") (memory (core memory $m "mem"))
      (realloc (core func $m "realloc")))))
