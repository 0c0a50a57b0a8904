;; A call from one core instance to another: what the engine itself costs.
(component
  (core module $Callee
    (func (export "f") (param i32 i32) (result i32) (local.get 0)))
  (core instance $callee (instantiate $Callee))
  (core module $Caller
    (import "" "f" (func $f (param i32 i32) (result i32)))
    (func (export "run") (param $n i32)
      (loop $again
        (drop (call $f (local.get $n) (i32.const 7)))
        (br_if $again
          (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (core instance $caller (instantiate $Caller (with "" (instance $callee))))
  (func (export "run") (param "n" u32) (canon lift (core func $caller "run"))))
