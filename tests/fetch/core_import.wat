;; A core module imports the segment `input`: `sum()` brings all of it into linear
;; memory and adds its bytes; `race()` has that done by a task that waits and
;; returns how many turns another took meanwhile.
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
      (canon lift (core func $m "sum"))))
  (instance $loader (instantiate $Loader (with "input" (core data $input))))
  (component $Racer
    (import "sum" (func $sum async (result u64)))
    (core module $Memory (memory (export "memory") 1))
    (core instance $memory (instantiate $Memory))
    (alias core export $memory "memory" (core memory $mem))
    (core func $sum (canon lower (func $sum) async (memory $mem)))
    (core func $yield (canon thread.yield))
    (core func $poll (canon waitable-set.poll (memory $mem)))
    (core func $new (canon waitable-set.new))
    (core func $join (canon waitable.join))
    (core module $M
      (import "" "memory" (memory 1))
      (import "" "sum" (func $sum (param i32) (result i32)))
      (import "" "yield" (func $yield (result i32)))
      (import "" "poll" (func $poll (param i32 i32) (result i32)))
      (import "" "new" (func $new (result i32)))
      (import "" "join" (func $join (param i32 i32)))
      (func (export "race") (result i32)
        (local $set i32) (local $turns i32)
        (local.set $set (call $new))
        (call $join
          (i32.shr_u (call $sum (i32.const 16)) (i32.const 4))
          (local.get $set))
        (loop $more
          (drop (call $yield))
          (local.set $turns (i32.add (local.get $turns) (i32.const 1)))
          (br_if $more
            (i32.eqz (call $poll (local.get $set) (i32.const 0)))))
        (local.get $turns)))
    (core instance $m (instantiate $M (with "" (instance
      (export "memory" (memory $mem)) (export "sum" (func $sum))
      (export "yield" (func $yield)) (export "poll" (func $poll))
      (export "new" (func $new)) (export "join" (func $join))))))
    (func (export "race") async (result u32)
      (canon lift (core func $m "race"))))
  (instance $racer (instantiate $Racer (with "sum" (func $loader "sum"))))
  (export "sum" (func $loader "sum"))
  (export "race" (func $racer "race")))
