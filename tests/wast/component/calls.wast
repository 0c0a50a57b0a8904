;; Synchronous calls between components, made more than once: what one leaves
;; behind the next one finds. CanonicalABI.md "canon lower", "canon lift".

;; Strings and lists of numbers between scalars, a result through memory and a
;; post-return: the callee's log counts realloc and post-return calls.
(component
  (component $Callee
    (type $r' (tuple u8 string u32))
    (core module $M
      (memory (export "mem") 1)
      (global $next (mut i32) (i32.const 1024))
      (global $reallocs (mut i32) (i32.const 0))
      (global $returned (mut i32) (i32.const 0))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $reallocs (i32.add (global.get $reallocs) (i32.const 1)))
        (global.set $next (i32.and
          (i32.add (global.get $next)
            (i32.sub (local.get 2) (i32.const 1)))
          (i32.sub (i32.const 0) (local.get 2))))
        (global.get $next)
        (global.set $next (i32.add (global.get $next) (local.get 3))))
      ;; (u8, string, char, list<f32>, s16) -> (a + bits of the float + s16,
      ;; the string, realloc calls)
      (func (export "f") (param i32 i32 i32 i32 i32 i32 i32) (result i32)
        (i32.store8 (i32.const 16)
          (i32.add (local.get 0) (i32.add (local.get 6)
            (i32.shr_u (i32.load (local.get 4)) (i32.const 22)))))
        (i32.store (i32.const 20) (local.get 1))
        (i32.store (i32.const 24) (local.get 2))
        (i32.store (i32.const 28) (global.get $reallocs))
        (i32.const 16))
      (func (export "post") (param i32)
        (if (i32.ne (local.get 0) (i32.const 16)) (then unreachable))
        (global.set $returned (i32.add (global.get $returned) (i32.const 1))))
      (func (export "returned") (result i32) (global.get $returned)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" u8) (param "b" string) (param "c" char)
      (param "d" (list f32)) (param "e" s16) (result $r')
      (canon lift (core func $m "f") (memory (core memory $m "mem"))
        (realloc (core func $m "realloc"))
        (post-return (core func $m "post"))))
    (func (export "returned") (result u32)
      (canon lift (core func $m "returned"))))
  (component $Caller
    (type $r' (tuple u8 string u32))
    (import "f" (func $f (param "a" u8) (param "b" string) (param "c" char)
      (param "d" (list f32)) (param "e" s16) (result $r')))
    (core module $Mem
      (memory (export "mem") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (i32.const 512)))
    (core instance $mem (instantiate $Mem))
    (core func $f' (canon lower (func $f) (memory (core memory $mem "mem"))
      (realloc (core func $mem "realloc"))))
    (core module $M
      (import "" "f"
        (func $f (param i32 i32 i32 i32 i32 i32 i32 i32)))
      (import "" "mem" (memory 1))
      (data (i32.const 100) "h\c3\a4y")
      (data (i32.const 200) "\01\00\80\7f") ;; a NaN, not the canonical one
      ;; the sum of bytes that came back, and of the counts
      (func (export "g") (param $c i32) (result i32)
        (call $f (i32.const 0x701) (i32.const 100) (i32.const 4)
          (local.get $c) (i32.const 200) (i32.const 1) (i32.const 0x1fffd)
          (i32.const 300))
        (i32.add (i32.load8_u (i32.const 300))
          (i32.add (i32.mul (i32.const 1000) (i32.load (i32.const 312)))
            (i32.mul (i32.const 100000)
              (i32.load8_u offset=3 (i32.load (i32.const 304))))))))
    (core instance $m (instantiate $M (with "" (instance
      (export "f" (func $f')) (export "mem" (memory $mem "mem"))))))
    (func (export "g") (param "c" char) (result u32)
      (canon lift (core func $m "g"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "g") (alias export $caller "g"))
  (func (export "returned") (alias export $callee "returned")))
;; 1 + 0x7fc00000 >> 22 - 3 = 0x1fd, of which 8 bits; 'y' is 121
(assert_return (invoke "g" (char.const "x")) (u32.const 12102253))
(assert_return (invoke "g" (char.const "y")) (u32.const 12104253))
(assert_return (invoke "g" (char.const "z")) (u32.const 12106253))
(assert_return (invoke "returned") (u32.const 3))

;; What the callee cannot take, the second time: nobody enters again.
(component definition $Pair
  (component $Callee
    (core module $M
      (memory (export "mem") 1)
      (global $calls (mut i32) (i32.const 0))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
        (if (i32.eq (local.get 3) (i32.const 9)) (then unreachable))
        (if (i32.eq (local.get 3) (i32.const 10))
          (then (return (i32.const 65530))))
        (i32.const 64))
      (func (export "f") (param i32 i32 i32) (result i32)
        (if (i32.eq (local.get 2) (i32.const 65)) (then unreachable))
        (global.get $calls)))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" string) (param "b" char) (result u32)
      (canon lift (core func $m "f") (memory (core memory $m "mem"))
        (realloc (core func $m "realloc")))))
  (component $Caller
    (import "f" (func $f (param "a" string) (param "b" char) (result u32)))
    (core module $Mem (memory (export "mem") 1))
    (core instance $mem (instantiate $Mem))
    (core func $f' (canon lower (func $f) (memory (core memory $mem "mem"))))
    (core module $M
      (import "" "f" (func $f (param i32 i32 i32) (result i32)))
      (import "" "mem" (memory 1))
      (data (i32.const 100) "abcdefghijklm\ff")
      (func (export "g") (param i32 i32 i32) (result i32)
        (drop (call $f (i32.const 100) (i32.const 3) (i32.const 66)))
        (call $f (local.get 0) (local.get 1) (local.get 2))))
    (core instance $m (instantiate $M (with "" (instance
      (export "f" (func $f')) (export "mem" (memory $mem "mem"))))))
    (func (export "g") (param "ptr" u32) (param "len" u32) (param "c" u32)
      (result u32) (canon lift (core func $m "g"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "f") (alias export $callee "f"))
  (func (export "g") (alias export $caller "g")))
(component instance $i $Pair)
(assert_return (invoke "g" (u32.const 100) (u32.const 5) (u32.const 66))
  (u32.const 2))
(assert_return (invoke "g" (u32.const 100) (u32.const 5) (u32.const 66))
  (u32.const 4))
(assert_trap (invoke "g" (u32.const 105) (u32.const 9) (u32.const 66))
  "invalid utf-8")
(assert_trap (invoke "f" (str.const "") (char.const "x"))
  "cannot enter component instance")
(component instance $i $Pair)
(assert_trap (invoke "g" (u32.const 65534) (u32.const 3) (u32.const 66))
  "string pointer/length out of bounds of memory")
(component instance $i $Pair)
(assert_trap (invoke "g" (u32.const 100) (u32.const 9) (u32.const 66))
  "unreachable")
(assert_trap (invoke "f" (str.const "") (char.const "x"))
  "cannot enter component instance")
(component instance $i $Pair)
(assert_trap (invoke "g" (u32.const 100) (u32.const 10) (u32.const 66))
  "realloc return: beyond end of memory")
(component instance $i $Pair)
(assert_trap (invoke "g" (u32.const 100) (u32.const 3) (u32.const 0xd800))
  "invalid `char` bit pattern")
(assert_trap (invoke "f" (str.const "") (char.const "x"))
  "cannot enter component instance")
(component instance $i $Pair)
(assert_trap (invoke "g" (u32.const 100) (u32.const 3) (u32.const 65))
  "unreachable")
(assert_trap (invoke "g" (u32.const 100) (u32.const 3) (u32.const 66))
  "cannot enter component instance")

;; A callee whose task is looked at in some calls and not in others: its thread
;; has the same index in each, and what one call leaves in the thread's storage
;; no other finds.
(component
  (component $Callee
    (core func $index (canon thread.index))
    (core func $get (canon context.get i32 0))
    (core func $set (canon context.set i32 0))
    (core module $M
      (import "" "index" (func $index (result i32)))
      (import "" "get" (func $get (result i32)))
      (import "" "set" (func $set (param i32)))
      (func (export "f") (param i32 i32) (result i32)
        (if (i32.eqz (local.get 0)) (then (return (i32.const 0))))
        (if (call $get) (then unreachable))
        (call $set (local.get 1))
        (if (i32.ne (call $get) (local.get 1)) (then unreachable))
        (call $index)))
    (core instance $m (instantiate $M (with "" (instance
      (export "index" (func $index)) (export "get" (func $get))
      (export "set" (func $set))))))
    (func (export "f") (param "look" u32) (param "n" u32) (result u32)
      (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "look" u32) (param "n" u32) (result u32)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32 i32) (result i32)))
      ;; the sum over n calls, of which every third looks
      (func (export "g") (param $n i32) (result i32) (local $sum i32)
        (loop $again
          (local.set $sum (i32.add (local.get $sum)
            (call $f (i32.eqz (i32.rem_u (local.get $n) (i32.const 3)))
              (local.get $n))))
          (br_if $again (local.tee $n
            (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum)))
    (core instance $m (instantiate $M
      (with "" (instance (export "f" (func $f'))))))
    (func (export "g") (param "n" u32) (result u32)
      (canon lift (core func $m "g"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "g") (alias export $caller "g")))
(assert_return (invoke "g" (u32.const 3)) (u32.const 1))
(assert_return (invoke "g" (u32.const 300)) (u32.const 100))
(assert_return (invoke "g" (u32.const 2)) (u32.const 0))

;; bool, s8, u8, char and flags in core values: what the callee gets and what
;; comes back has no other bits, in the first call and in those after it.
(component
  (component $Callee
    (core module $M
      (func (export "f") (param i32 i32 i32 i32) (result i32)
        (i32.or (i32.const 0xabcd00) (i32.and (i32.const 0xff)
          (i32.add (i32.add (local.get 0) (local.get 1))
            (i32.add (local.get 2) (local.get 3)))))))
    (core instance $m (instantiate $M))
    (func (export "f") (param "a" bool) (param "b" s8) (param "c" u8)
      (param "d" char) (result u8)
      (canon lift (core func $m "f"))))
  (component $Caller
    (import "f" (func $f (param "a" bool) (param "b" s8) (param "c" u8)
      (param "d" char) (result u8)))
    (core func $f' (canon lower (func $f)))
    (core module $M
      (import "" "f" (func $f (param i32 i32 i32 i32) (result i32)))
      (func (export "g") (param $n i32) (param $char i32) (result i32)
        (local $sum i32)
        (loop $again
          (local.set $sum (i32.add (local.get $sum)
            (call $f (i32.const 0x700) (i32.const 0x5fe) (i32.const 0x103)
              (local.get $char))))
          (br_if $again (local.tee $n
            (i32.sub (local.get $n) (i32.const 1)))))
        (local.get $sum)))
    (core instance $m (instantiate $M
      (with "" (instance (export "f" (func $f'))))))
    (func (export "g") (param "n" u32) (param "char" u32) (result u32)
      (canon lift (core func $m "g"))))
  (instance $callee (instantiate $Callee))
  (instance $caller (instantiate $Caller (with "f" (func $callee "f"))))
  (func (export "g") (alias export $caller "g")))
;; 1 + -2 + 3 + 65
(assert_return (invoke "g" (u32.const 1) (u32.const 65)) (u32.const 67))
(assert_return (invoke "g" (u32.const 4) (u32.const 65)) (u32.const 268))
(assert_trap (invoke "g" (u32.const 1) (u32.const 0xd800))
  "invalid `char` bit pattern")
(assert_trap (invoke "g" (u32.const 1) (u32.const 65))
  "cannot enter component instance")
