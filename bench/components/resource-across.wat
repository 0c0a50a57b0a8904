;; A resource made by another component's constructor and dropped, which calls
;; that component's destructor.
(component
  (component $Callee
    (core module $D (func (export "dtor") (param i32)))
    (core instance $d (instantiate $D))
    (type $r' (resource (rep i32) (dtor (core func $d "dtor"))))
    (export $r "r" (type $r'))
    (core func $new (canon resource.new $r'))
    (core module $M
      (import "" "new" (func $new (param i32) (result i32)))
      (func (export "make") (param i32) (result i32)
        (call $new (local.get 0))))
    (core instance $m (instantiate $M
      (with "" (instance (export "new" (func $new))))))
    (func (export "make") (param "a" u32) (result (own $r))
      (canon lift (core func $m "make"))))
  (component $Caller
    (import "i" (instance $i
      (export "r" (type $r (sub resource)))
      (export "make" (func (param "a" u32) (result (own $r))))))
    (alias export $i "r" (type $r))
    (core func $make (canon lower (func $i "make")))
    (core func $drop (canon resource.drop $r))
    (core module $M
      (import "" "make" (func $make (param i32) (result i32)))
      (import "" "drop" (func $drop (param i32)))
      (func (export "run") (param $n i32)
        (loop $again
          (call $drop (call $make (local.get $n)))
          (br_if $again
            (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
    (core instance $m (instantiate $M
      (with "" (instance
        (export "make" (func $make)) (export "drop" (func $drop))))))
    (func (export "run") (param "n" u32) (canon lift (core func $m "run"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "i" (instance $callee))))
  (func (export "run") (alias export $caller "run")))
