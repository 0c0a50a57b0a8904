;;! data = true
;;! core-data = true

;; Core modules that import segments as data segments: memory.init and data.drop
;; on them. docs/data-segments.md, section 8.

(component definition $Init
  (core data $letters "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
  (core data $empty "")
  (type $ST (stream u8))
  (canon data.size $letters (core func $data.size))
  (core module $M
    (import "data" "letters" (data $letters))
    (import "data" "size" (func $data.size (result i32)))
    (data $none (import "data" "empty"))
    (memory (export "mem") 1 2)
    (data $own "own bytes")

    ;; The $n bytes from 1024 on as a string.
    (func $result (param $n i32) (result i32)
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (local.get $n))
      (i32.const 0))

    ;; A range; what is around it stays as it was.
    (func (export "text") (param $from i32) (param $n i32) (result i32)
      (memory.fill (i32.const 1000) (i32.const 0xee) (i32.const 200))
      (memory.init $letters (i32.const 1024) (local.get $from) (local.get $n))
      (if (i32.ne (i32.load8_u (i32.const 1023)) (i32.const 0xee))
        (then unreachable))
      (if (i32.ne (i32.load8_u offset=1024 (local.get $n)) (i32.const 0xee))
        (then unreachable))
      (call $result (local.get $n)))
    ;; Byte for byte, backwards.
    (func (export "bytes") (result i32)
      (local $i i32)
      (local.set $i (call $data.size))
      (loop $next
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (memory.init $letters (i32.add (i32.const 1024) (local.get $i))
          (local.get $i) (i32.const 1))
        (br_if $next (local.get $i)))
      (call $result (call $data.size)))
    (func (export "own") (result i32)
      (memory.init $own (i32.const 1024) (i32.const 0) (i32.const 9))
      (call $result (i32.const 9)))
    (func (export "none") (param $from i32) (param $n i32)
      (memory.init $none (i32.const 1024) (local.get $from) (local.get $n)))
    (func (export "init") (param $to i32) (param $from i32) (param $n i32)
      (memory.init $letters (local.get $to) (local.get $from) (local.get $n)))
    (func (export "drop") (data.drop $letters))
    (func (export "drop-own") (data.drop $own))
    ;; What lies on the operand stack below stays there.
    (func (export "below") (param $a i32) (param $b i32) (result i32)
      (i32.mul (local.get $a) (i32.const 3))
      (i32.add (local.get $b) (i32.const 5))
      (memory.init $letters (i32.const 1024) (i32.const 0) (i32.const 62))
      (i32.sub)))
  (core instance $i (instantiate $M
    (with "data" (instance
      (export "letters" (data $letters))
      (export "empty" (data $empty))
      (export "size" (func $data.size))))))
  (alias core export $i "mem" (core memory $mem))
  (func (export "text") async (param "from" u32) (param "n" u32) (result string)
    (canon lift (core func $i "text") (memory $mem)))
  (func (export "bytes") async (result string)
    (canon lift (core func $i "bytes") (memory $mem)))
  (func (export "own") (result string)
    (canon lift (core func $i "own") (memory $mem)))
  (func (export "none") (param "from" u32) (param "n" u32)
    (canon lift (core func $i "none")))
  (func (export "init") async (param "to" u32) (param "from" u32) (param "n" u32)
    (canon lift (core func $i "init")))
  (func (export "init-sync") (param "to" u32) (param "from" u32) (param "n" u32)
    (canon lift (core func $i "init")))
  (func (export "drop") (canon lift (core func $i "drop")))
  (func (export "drop-own") (canon lift (core func $i "drop-own")))
  (func (export "below") async (param "a" u32) (param "b" u32) (result u32)
    (canon lift (core func $i "below"))))

(component instance $i $Init)
(assert_return (invoke "text" (u32.const 0) (u32.const 62))
  (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 1)) (str.const "a"))
(assert_return (invoke "text" (u32.const 61) (u32.const 1)) (str.const "9"))
(assert_return (invoke "text" (u32.const 20) (u32.const 12)) (str.const "uvwxyzABCDEF"))
(assert_return (invoke "text" (u32.const 62) (u32.const 0)) (str.const ""))
(assert_return (invoke "text" (u32.const 0) (u32.const 0)) (str.const ""))
(assert_return (invoke "bytes")
  (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "own") (str.const "own bytes"))
(assert_return (invoke "none" (u32.const 0) (u32.const 0)))
(assert_return (invoke "below" (u32.const 100) (u32.const 7)) (u32.const 288))
(assert_return (invoke "init" (u32.const 65536) (u32.const 5) (u32.const 0)))
(assert_return (invoke "init" (u32.const 65530) (u32.const 5) (u32.const 6)))
;; No bytes are there to be waited for.
(assert_return (invoke "init-sync" (u32.const 65536) (u32.const 62) (u32.const 0)))

;; Out of bounds: of the segment, of the memory, of both; before any byte is asked
;; for, so that nothing has to be waited for.
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 0) (u32.const 0) (u32.const 63)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 0) (u32.const 62) (u32.const 1)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 0) (u32.const 63) (u32.const 0)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 0) (u32.const 0xffffffff) (u32.const 1)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 0) (u32.const 1) (u32.const 0xffffffff)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 65536) (u32.const 0) (u32.const 1)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 65500) (u32.const 0) (u32.const 62)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 0xffffffff) (u32.const 0) (u32.const 2)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "init-sync" (u32.const 65537) (u32.const 0) (u32.const 0)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "none" (u32.const 0) (u32.const 1)) "out of bounds memory access")
(component instance $i $Init)
(assert_trap (invoke "none" (u32.const 1) (u32.const 0)) "out of bounds memory access")

;; data.drop: nothing is left, of this import in this instance.
(component instance $i $Init)
(component instance $j $Init)
(assert_return (invoke $i "drop"))
(assert_return (invoke $i "drop"))
(assert_return (invoke $i "text" (u32.const 0) (u32.const 0)) (str.const ""))
(assert_return (invoke $i "own") (str.const "own bytes"))
(assert_return (invoke $i "drop-own"))
(assert_return (invoke $j "text" (u32.const 0) (u32.const 3)) (str.const "abc"))
(assert_return (invoke $j "own") (str.const "own bytes"))
(assert_trap (invoke $i "text" (u32.const 0) (u32.const 1)) "out of bounds memory access")
(component instance $i $Init)
(assert_return (invoke $i "drop-own"))
(assert_return (invoke $i "text" (u32.const 3) (u32.const 3)) (str.const "def"))
(assert_trap (invoke $i "own") "out of bounds memory access")
(component instance $i $Init)
(assert_return (invoke $i "drop"))
(assert_trap (invoke $i "init-sync" (u32.const 0) (u32.const 1) (u32.const 0)) "out of bounds memory access")

;; Segments of every origin: of a component outside, by alias, imported, of an
;; instance; a module that is imported by its type; two instances of one module
;; with different segments; a start function that drops.
(component
  (component $Child
    (import "d" (core data $d))
    (import "m" (core module $M
      (import "a" "one" (data))
      (import "a" "two" (data))
      (export "mem" (memory 1))
      (export "text" (func (param i32 i32) (result i32)))))
    (core data $own "own")
    (core instance $i (instantiate $M (with "a" (instance
      (export "one" (data $d)) (export "two" (data $own))))))
    (core instance $j (instantiate $M (with "a" (instance
      (export "two" (data $d)) (export "one" (data $own))))))
    (func (export "one") async (param "which" u32) (param "n" u32) (result string)
      (canon lift (core func $i "text") (memory (core memory $i "mem"))))
    (func (export "two") async (param "which" u32) (param "n" u32) (result string)
      (canon lift (core func $j "text") (memory (core memory $j "mem")))))
  (component $Holder
    (core data $d "held")
    (export "x" (core data $d)))
  (instance $holder (instantiate $Holder))
  (core module $M
    (import "a" "one" (data $one))
    (import "a" "two" (data $two))
    (memory (export "mem") 1)
    (func (export "text") (param $which i32) (param $n i32) (result i32)
      (i32.store (i32.const 0) (i32.const 16))
      (i32.store (i32.const 4) (local.get $n))
      (if (local.get $which)
        (then (memory.init $two (i32.const 16) (i32.const 0) (local.get $n)))
        (else (memory.init $one (i32.const 16) (i32.const 0) (local.get $n))))
      (i32.const 0))
    ;; One that nobody supplies may be declared by the type all the same.
    (func $start)
    (start $start))
  (instance $c (instantiate $Child
    (with "d" (core data $holder "x"))
    (with "m" (core module $M))))
  (core data $outer "from outside")
  (component $Inner
    (alias outer 1 $outer (core data $o))
    (core module $Drops
      (import "" "d" (data $d))
      (memory (export "mem") 1)
      (func $start (data.drop $d))
      (start $start)
      (func (export "init") (param $n i32)
        (memory.init $d (i32.const 0) (i32.const 0) (local.get $n))))
    (core module $Keeps
      (import "" "d" (data $d))
      (memory (export "mem") 1)
      (func (export "text") (result i32)
        (i32.store (i32.const 0) (i32.const 16))
        (i32.store (i32.const 4) (i32.const 12))
        (memory.init $d (i32.const 16) (i32.const 0) (i32.const 12))
        (i32.const 0)))
    (core instance $bag (export "d" (data $o)))
    (core instance $drops (instantiate $Drops (with "" (instance $bag))))
    (core instance $keeps (instantiate $Keeps (with "" (instance $bag))))
    (func (export "dropped") (param "n" u32) (canon lift (core func $drops "init")))
    (func (export "kept") async (result string)
      (canon lift (core func $keeps "text") (memory (core memory $keeps "mem")))))
  (instance $inner (instantiate $Inner))
  (export "one" (func $c "one"))
  (export "two" (func $c "two"))
  (export "dropped" (func $inner "dropped"))
  (export "kept" (func $inner "kept")))
(assert_return (invoke "one" (u32.const 0) (u32.const 4)) (str.const "held"))
(assert_return (invoke "one" (u32.const 1) (u32.const 3)) (str.const "own"))
(assert_return (invoke "two" (u32.const 0) (u32.const 3)) (str.const "own"))
(assert_return (invoke "two" (u32.const 1) (u32.const 4)) (str.const "held"))
(assert_return (invoke "kept") (str.const "from outside"))
(assert_return (invoke "dropped" (u32.const 0)))
(assert_trap (invoke "dropped" (u32.const 1)) "out of bounds memory access")

;; Files beside the component: who waits for one keeps all others waiting, and is not
;; noticed. `fill` brings all of the segment into a memory full of 0xee and returns the
;; sum of its bytes; `ticker` counts whenever others may run.
(component definition $Files
  (component $Child
    (core data $d (external "big.bin" (size 8292) (chunk 4096)
      (sha256 "\92\9b\11\f4\7a\02\20\2e\71\06\32\00\22\03\f7\ea\8d\d3\c1\bc\51\ef\81\8e\59\b6\a3\cd\1d\c2\d5\dc")
      (sha256 "\90\da\0b\d7\3a\74\25\86\f9\a5\e1\7f\17\b6\de\79\21\08\05\b6\48\5e\a3\7f\d8\d7\c5\11\a4\49\21\8c")
      (sha256 "\32\44\9c\69\e6\9c\00\ae\74\26\e3\42\4d\88\50\c0\f1\cd\73\86\94\b6\b0\f6\82\c8\2d\77\b9\10\73\16")))
    (core module $M
      (import "" "d" (data $d))
      (memory (export "mem") 1)
      (func (export "fill") (param $from i32) (param $n i32) (result i32)
        (local $sum i32) (local $i i32)
        (memory.fill (i32.const 0) (i32.const 0xee) (i32.const 65536))
        (memory.init $d (i32.const 1024) (local.get $from) (local.get $n))
        (loop $next
          (local.set $sum (i32.add (local.get $sum)
            (i32.load8_u offset=1024 (local.get $i))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $next (i32.lt_u (local.get $i) (local.get $n))))
        (if (i32.ne (i32.load8_u offset=1024 (local.get $n)) (i32.const 0xee))
          (then unreachable))
        (local.get $sum))
      (func (export "name") (result i32)
        (i32.store (i32.const 0) (i32.const 1024))
        (i32.store (i32.const 4) (i32.const 5))
        (memory.init $d (i32.const 1024) (i32.const 4100) (i32.const 5))
        (i32.const 0))
      (func (export "cleanup") (param i32)
        (memory.init $d (i32.const 32768) (i32.const 8290) (i32.const 1)))
      (func (export "realloc") (param i32 i32 i32 i32) (result i32)
        (memory.init $d (i32.const 40000) (i32.const 2) (i32.const 1))
        (i32.const 2048))
      (func (export "take") (param $at i32) (param $n i32) (result i32)
        (i32.add (i32.load8_u (i32.const 32768))
          (i32.add (i32.load8_u (i32.const 40000)) (i32.load8_u (local.get $at)))))
      (func (export "try") (param $from i32) (param $n i32)
        (memory.init $d (i32.const 1024) (local.get $from) (local.get $n))))
    (core instance $i (instantiate $M
      (with "" (instance (export "d" (data $d))))))
    (alias core export $i "mem" (core memory $mem))
    (func (export "fill") async (param "from" u32) (param "n" u32) (result u32)
      (canon lift (core func $i "fill")))
    (func (export "fill-sync") (param "from" u32) (param "n" u32) (result u32)
      (canon lift (core func $i "fill")))
    (func (export "name") (result string)
      (canon lift (core func $i "name") (memory $mem)
        (post-return (core func $i "cleanup"))))
    (func (export "take") (param "s" string) (result u32)
      (canon lift (core func $i "take") (memory $mem)
        (realloc (core func $i "realloc"))))
    (func (export "try") (param "from" u32) (param "n" u32)
      (canon lift (core func $i "try"))))
  (component $Ticker
    (core module $Memory (memory (export "mem") 1))
    (core instance $memory (instantiate $Memory))
    (canon task.return (core func $task.return))
    (core module $M
      (import "" "mem" (memory 1))
      (import "" "task.return" (func $task.return))
      (func (export "tick") (result i32)
        (call $task.return)
        (i32.const 1 (; YIELD ;)))
      (func (export "again") (param i32 i32 i32) (result i32)
        (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
        (i32.lt_u (i32.load (i32.const 0)) (i32.const 100)))
      (func (export "ticks") (result i32) (i32.load (i32.const 0))))
    (core instance $i (instantiate $M (with "" (instance
      (export "mem" (memory $memory "mem"))
      (export "task.return" (func $task.return))))))
    (func (export "tick") async
      (canon lift (core func $i "tick") async (callback (core func $i "again"))))
    (func (export "ticks") (result u32) (canon lift (core func $i "ticks"))))
  (component $Parent
    (import "fill" (func $fill async (param "from" u32) (param "n" u32) (result u32)))
    (import "fill-sync" (func $fill-sync (param "from" u32) (param "n" u32) (result u32)))
    (import "name" (func $name (result string)))
    (import "take" (func $take (param "s" string) (result u32)))
    (import "tick" (func $tick async))
    (import "ticks" (func $ticks (result u32)))
    (core module $Memory
      (memory (export "mem") 1)
      (func (export "realloc") (param i32 i32 i32 i32) (result i32) (i32.const 64)))
    (core instance $memory (instantiate $Memory))
    (canon lower (func $fill) async (memory (core memory $memory "mem")) (core func $fill'))
    (canon lower (func $fill-sync) (core func $fill-sync'))
    (canon lower (func $name) (memory (core memory $memory "mem"))
      (realloc (core func $memory "realloc")) (core func $name'))
    (canon lower (func $take) (memory (core memory $memory "mem")) (core func $take'))
    (canon lower (func $tick) async (core func $tick'))
    (canon lower (func $ticks) (core func $ticks'))
    (core module $M
      (import "" "mem" (memory 1))
      (import "" "fill" (func $fill (param i32 i32 i32) (result i32)))
      (import "" "fill-sync" (func $fill-sync (param i32 i32) (result i32)))
      (import "" "name" (func $name (param i32)))
      (import "" "take" (func $take (param i32 i32) (result i32)))
      (import "" "tick" (func $tick (result i32)))
      (import "" "ticks" (func $ticks (result i32)))
      ;; A task is ready to go on, and may not.
      (func $begin (result i32)
        (if (i32.ne (call $tick) (i32.const 2 (; RETURNED ;))) (then unreachable))
        (call $ticks))
      (func $end (param $ticks i32)
        (if (i32.ne (call $ticks) (local.get $ticks)) (then unreachable)))
      (func (export "async") (result i32)
        (local $ticks i32)
        (local.set $ticks (call $begin))
        (if (i32.ne (call $fill (i32.const 0) (i32.const 8292) (i32.const 16))
                    (i32.const 2 (; RETURNED ;)))
          (then unreachable))
        (call $end (local.get $ticks))
        (i32.load (i32.const 16)))
      (func (export "sync") (result i32)
        (local $ticks i32) (local $sum i32)
        (local.set $ticks (call $begin))
        (local.set $sum (call $fill-sync (i32.const 0) (i32.const 8292)))
        (call $end (local.get $ticks))
        (local.get $sum))
      ;; In post-return and in realloc, too. "klmno" and what stands behind it.
      (func (export "others") (result i32)
        (call $name (i32.const 0))
        (i32.add
          (call $take (i32.load (i32.const 0)) (i32.load (i32.const 4)))
          (i32.load8_u (i32.load (i32.const 0))))))
    (core instance $i (instantiate $M (with "" (instance
      (export "mem" (memory $memory "mem"))
      (export "fill" (func $fill'))
      (export "fill-sync" (func $fill-sync'))
      (export "name" (func $name'))
      (export "take" (func $take'))
      (export "tick" (func $tick'))
      (export "ticks" (func $ticks'))))))
    (func (export "async") async (result u32) (canon lift (core func $i "async")))
    (func (export "sync") (result u32) (canon lift (core func $i "sync")))
    (func (export "others") (result u32) (canon lift (core func $i "others"))))
  (instance $child (instantiate $Child))
  (instance $ticker (instantiate $Ticker))
  (instance $parent (instantiate $Parent
    (with "fill" (func $child "fill"))
    (with "fill-sync" (func $child "fill-sync"))
    (with "name" (func $child "name"))
    (with "take" (func $child "take"))
    (with "tick" (func $ticker "tick"))
    (with "ticks" (func $ticker "ticks"))))
  (export "fill" (func $child "fill"))
  (export "fill-sync" (func $child "fill-sync"))
  (export "name" (func $child "name"))
  (export "take" (func $child "take"))
  (export "try" (func $child "try"))
  (export "async" (func $parent "async"))
  (export "sync" (func $parent "sync"))
  (export "others" (func $parent "others")))

(file "big.bin" (repeat 256 "0123456789abcdef") (repeat 256 "ABCDEFGHIJKLMNOP") (repeat 6 "qrstuvwxyz+-*/<>") "qrst")
(component instance $f $Files)
(assert_return (invoke "fill" (u32.const 0) (u32.const 8292)) (u32.const 593494))
(assert_return (invoke "fill" (u32.const 4090) (u32.const 12)) (u32.const 1002))
(assert_return (invoke "fill" (u32.const 8291) (u32.const 1)) (u32.const 116))
(assert_return (invoke "fill-sync" (u32.const 4090) (u32.const 12)) (u32.const 1002))
(component instance $f $Files)
(assert_return (invoke "async") (u32.const 593494))
(component instance $f $Files)
(assert_return (invoke "sync") (u32.const 593494))
(component instance $f $Files)
(assert_return (invoke "others") (u32.const 303))

;; The same, late.
(file "big.bin" late (repeat 256 "0123456789abcdef") (repeat 256 "ABCDEFGHIJKLMNOP") (repeat 6 "qrstuvwxyz+-*/<>") "qrst")
(component instance $f $Files)
(assert_return (invoke "fill" (u32.const 0) (u32.const 8292)) (u32.const 593494))
(component instance $f $Files)
(assert_return (invoke "fill-sync" (u32.const 4090) (u32.const 12)) (u32.const 1002))
(component instance $f $Files)
(assert_return (invoke "async") (u32.const 593494))
(component instance $f $Files)
(assert_return (invoke "sync") (u32.const 593494))
(component instance $f $Files)
(assert_return (invoke "others") (u32.const 303))
(component instance $f $Files)
(assert_return (invoke "name") (str.const "EFGHI"))
(assert_return (invoke "name") (str.const "EFGHI"))

;; Nobody can wait for bytes that will never be here.
(file "big.bin" never (repeat 256 "0123456789abcdef"))
(component instance $f $Files)
(assert_return (invoke "try" (u32.const 8292) (u32.const 0)))
(assert_trap (invoke "try" (u32.const 8292) (u32.const 1)) "out of bounds memory access")
(component instance $f $Files)
(assert_trap (invoke "try" (u32.const 0) (u32.const 1)) "deadlock detected: event loop cannot make further progress")
(component instance $f $Files)
(assert_trap (invoke "take" (str.const "x")) "deadlock detected: event loop cannot make further progress")

;; Nor can core code on whose end its host waits: a start function.
(file "start.bin" never "x")
(assert_trap
  (component
    (core data $d (external "start.bin" (size 1) (chunk 4096)
      (sha256 "\2d\71\16\42\b7\26\b0\44\01\62\7c\a9\fb\ac\32\f5\c8\53\0f\b1\90\3c\c4\db\02\25\87\17\92\1a\48\81")))
    (core module $M
      (import "" "d" (data $d))
      (memory 1)
      (func $start (memory.init $d (i32.const 0) (i32.const 0) (i32.const 1)))
      (start $start))
    (core instance (instantiate $M (with "" (instance (export "d" (data $d)))))))
  "cannot block a synchronous task before returning")

;; Data faults: what was good of the range may have come, nothing else.
(file "big.bin" missing)
(component instance $f $Files)
(assert_trap (invoke "fill" (u32.const 0) (u32.const 1)) "data fault")
(file "big.bin" missing late)
(component instance $f $Files)
(assert_trap (invoke "async") "data fault")
(component instance $f $Files)
(assert_trap (invoke "sync") "data fault")
(component instance $f $Files)
(assert_trap (invoke "others") "data fault")
(file "big.bin" (repeat 256 "0123456789abcdef") (repeat 256 "ABCDEFGHIJKLMNOP") (repeat 6 "qrstuvwxyz+-*/<>") "qrsT")
(component instance $f $Files)
(assert_return (invoke "fill" (u32.const 0) (u32.const 8192)) (u32.const 584192))
(assert_trap (invoke "fill" (u32.const 8190) (u32.const 10)) "data fault")
(file "big.bin" late (repeat 255 "0123456789abcdef"))
(component instance $f $Files)
(assert_trap (invoke "sync") "data fault")
(file "big.bin" (fails 5000) (repeat 256 "0123456789abcdef") (repeat 256 "ABCDEFGHIJKLMNOP") (repeat 6 "qrstuvwxyz+-*/<>") "qrst")
(component instance $f $Files)
(assert_return (invoke "fill" (u32.const 100) (u32.const 3000)) (u32.const 210336))
(assert_trap (invoke "fill" (u32.const 100) (u32.const 5000)) "data fault")

;; --- Validation -------------------------------------------------------------

(assert_invalid
  (component
    (core module $M (import "a" "b" (data)))
    (core instance (instantiate $M (with "a" (instance)))))
  "does not export an item named `b`")
(assert_invalid
  (component
    (core module $M (import "a" "b" (data)))
    (core instance (instantiate $M)))
  "missing module instantiation argument named `a`")
(assert_invalid
  (component
    (core module $N (func (export "f")))
    (core instance $n (instantiate $N))
    (core module $M (import "a" "b" (data)))
    (core instance (instantiate $M (with "a" (instance (export "b" (func $n "f")))))))
  "expected data, found func")
(assert_invalid
  (component
    (core data $d "x")
    (core module $M (import "a" "b" (func)))
    (core instance (instantiate $M (with "a" (instance (export "b" (data $d)))))))
  "expected func, found data")
(assert_invalid
  (component
    (core data $d "x")
    (core instance (export "b" (data 1))))
  "unknown data 1: data index out of bounds")
(assert_invalid
  (component
    (core data $d "x")
    (core instance (export "b" (data $d)) (export "b" (data $d))))
  "export name `b` already defined")
(assert_invalid
  (component
    (import "m" (core module $M (import "a" "b" (data)) (import "a" "b" (data)))))
  "duplicate import name `a:b`")
;; A module that imports more than the type says is not of that type.
(assert_invalid
  (component
    (component $C (import "m" (core module)))
    (core module $M (import "a" "b" (data)))
    (instance (instantiate $C (with "m" (core module $M)))))
  "type mismatch for import `m`")
(component
  (component $C (import "m" (core module (import "a" "b" (data)))))
  (core module $M)
  (instance (instantiate $C (with "m" (core module $M)))))

;; Indices count the imports first; the data count section does not count them.
(assert_invalid
  (component
    (core module (import "a" "b" (data)) (memory 1)
      (func (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 0)))))
  "unknown data segment 1")
(assert_invalid
  (component (core module (import "a" "b" (data)) (data "") (func (data.drop 2))))
  "unknown data segment 2")
(assert_invalid
  (component
    (core module (import "a" "b" (data))
      (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))))
  "unknown memory 0")
(component
  (core module binary
    "\00asm\01\00\00\00"
    "\01\04\01\60\00\00"                ;; type: (func)
    "\02\0b\02" "\01a\01b\05" "\01a\01c\05" ;; import: data, data
    "\03\02\01\00"                      ;; function
    "\0c\01\01"                         ;; data count: the own one
    "\0a\0d\01\0b\00" "\fc\09\00" "\fc\09\01" "\fc\09\02" "\0b" ;; data.drop 0, 1, 2
    "\0b\04\01\01\01x"))                ;; data
;; The count is of none.
(component
  (core module binary
    "\00asm\01\00\00\00"
    "\01\04\01\60\00\00"
    "\02\06\01\01a\01b\05"
    "\03\02\01\00"
    "\0c\01\00"
    "\0a\07\01\05\00\fc\09\00\0b"))
(assert_malformed
  (component
    (core module binary
      "\00asm\01\00\00\00"
      "\01\04\01\60\00\00"
      "\02\06\01\01a\01b\05"
      "\03\02\01\00"
      "\0c\01\01"
      "\0a\07\01\05\00\fc\09\00\0b"))
  "data count and data section have inconsistent lengths")
(assert_malformed
  (component
    (core module binary
      "\00asm\01\00\00\00"
      "\01\04\01\60\00\00"
      "\02\06\01\01a\01b\05"
      "\03\02\01\00"
      "\0a\07\01\05\00\fc\09\00\0b"))
  "data count section required")
;; Nothing follows the kind.
(assert_malformed
  (component (core module binary "\00asm\01\00\00\00" "\02\07\01\01a\01b\05\00"))
  "section size mismatch")
(assert_malformed
  (component (core module binary "\00asm\01\00\00\00" "\02\06\01\01a\01b\06"))
  "malformed import kind")
;; None is exported, by modules or by their types.
(assert_malformed
  (component (core module binary "\00asm\01\00\00\00"
    "\02\06\01\01a\01b\05" "\07\05\01\01x\05\00"))
  "malformed export kind")
(assert_malformed
  (component binary "\00asm\0d\00\01\00" "\03\07\01\50\01\03\01x\05")
  "invalid leading byte (0x5) for external kind")
(assert_malformed
  (component quote "(core module (import \"a\" \"b\" (data)) (export \"x\" (data 0)))")
  "unexpected token")
;; A core instance has them for modules only: no alias leads back.
(assert_malformed
  (component binary "\00asm\0d\00\01\00"
    "\0d\04\01\01\01x"                     ;; core data
    "\02\07\01\01\01\01b\13\00"            ;; core instance (export "b" (data 0))
    "\06\07\01\00\13\01\00\01b")           ;; alias core export 0 "b" (core data)
  "invalid leading byte (0x13) for external kind")

;; Text: imports come first.
(assert_malformed
  (component quote "(core module (data \"x\") (import \"a\" \"b\" (data)))")
  "import after data segment")
(assert_malformed
  (component quote "(core module (data \"x\") (data (import \"a\" \"b\")))")
  "import after data segment")
(assert_malformed
  (component quote "(core module (func) (data (import \"a\" \"b\")))")
  "import after function")
(component
  (core module (data "x") (import "a" "b" (func)) (import "a" "c" (memory 1))))
