;; A core module imports the segment `input`: `sum()` brings all of it into linear
;; memory and adds its bytes; so does `sum-now()`, of synchronous type.
(component
  (import "input" (core data $input))
  (component $Loader
    (import "input" (core data $input))
    (core func $size (canon data.size $input))
    (core module $M
      (import "" "input" (data $input))
      (import "" "size" (func $size (result i32)))
      (memory 4)
      (func (export "sum") (result i64)
        (local $i i32) (local $n i32) (local $sum i64)
        (local.set $n (call $size))
        (memory.init $input (i32.const 0) (i32.const 0) (local.get $n))
        (data.drop $input)
        (block $end (loop $bytes
          (br_if $end (i32.ge_u (local.get $i) (local.get $n)))
          (local.set $sum (i64.add (local.get $sum)
            (i64.load8_u (local.get $i))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $bytes)))
        (local.get $sum)))
    (core instance $m (instantiate $M (with "" (instance
      (export "input" (data $input)) (export "size" (func $size))))))
    (func (export "sum") async (result u64)
      (canon lift (core func $m "sum")))
    (func (export "sum-now") (result u64)
      (canon lift (core func $m "sum"))))
  (instance $loader (instantiate $Loader (with "input" (core data $input))))
  (export "sum" (func $loader "sum"))
  (export "sum-now" (func $loader "sum-now")))
