;; What examples/embed/embed.c runs: a component with an imported segment, two
;; imported functions and four exports.
(component
  (import "text" (core data $text))
  (import "log" (func $log (param "line" string)))
  (import "sleep" (func $sleep async (param "ms" u32)))

  (core module $Memory
    (memory (export "memory") 1)
    (data (i32.const 16) "hello from the guest"))
  (core instance $memory (instantiate $Memory))
  (alias core export $memory "memory" (core memory $mem))

  (core func $size (canon data.size $text))
  (core func $read (canon data.read $text))
  (core func $log (canon lower (func $log) (memory $mem)))
  (core func $sleep (canon lower (func $sleep)))
  (core func $nap-return (canon task.return (result u32)))

  (core module $Main
    (import "" "size" (func $size (result i32)))
    (import "" "read" (func $read (param i32 i32) (result i32)))
    (import "" "log" (func $log (param i32 i32)))
    (import "" "sleep" (func $sleep (param i32)))
    (import "" "nap-return" (func $nap-return (param i32)))
    (func (export "greet") (call $log (i32.const 16) (i32.const 20)))
    (func (export "nap") (param i32)
      (call $sleep (local.get 0))
      (call $nap-return (local.get 0)))
    (func (export "text") (result i32)
      (call $read (i32.const 0) (call $size)))
    (func $divide (export "divide") (param i32 i32) (result i32)
      (i32.div_u (local.get 0) (local.get 1))))
  (core instance $main (instantiate $Main (with "" (instance
    (export "size" (func $size))
    (export "read" (func $read))
    (export "log" (func $log))
    (export "sleep" (func $sleep))
    (export "nap-return" (func $nap-return))))))

  (func (export "greet") (canon lift (core func $main "greet")))
  ;; Lifted with `async`: several naps may be under way in the instance.
  (func (export "nap") async (param "ms" u32) (result u32)
    (canon lift (core func $main "nap") async))
  (func (export "text") (result (stream u8))
    (canon lift (core func $main "text")))
  (func (export "divide") (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $main "divide"))))
