;; A synchronous call between components of (u32, u32) -> u32.
(component
  (component $Callee
    (core module $M
      (func (export "f") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" u32) (param "b" u32) (result u32)
      (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "a" u32) (param "b" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      (func (export "run") (param $n i32)
        (loop $again
          (drop (call $f (local.get $n) (i32.const 7)))
          (br_if $again
            (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    (core instance $m (instantiate $M
      (with "" (instance (export "f" (func $f'))))))
    (func (export "run") (param "n" u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "run") (alias export $caller "run")))
