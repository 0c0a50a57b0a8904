;; A resource made and dropped by the component that defines it.
(component
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core func $drop (canon resource.drop $r))
  (core module $M
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "drop" (func $drop (param i32)))
    (func (export "run") (param $n i32)
      (loop $again
        (call $drop (call $new (local.get $n)))
        (br_if $again
          (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
  (core instance $m (instantiate $M
    (with "" (instance
      (export "new" (func $new)) (export "drop" (func $drop))))))
  (func (export "run") (param "n" u32) (canon lift (core func $m "run"))))
