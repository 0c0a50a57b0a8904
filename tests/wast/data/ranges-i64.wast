;;! data = true

;; canon data.read with i64 offsets and lengths.
;; docs/data-segments.md, sections 4 and 6.

(component definition $Ranges
  (core data $alphabet "abcdefghijklmnopqrstuvwxyz")
  (core data $bytes
    "\00\01\02\03\04\05\06\07\08\09\0a\0b\0c\0d\0e\0f"
    "\10\11\12\13\14\15\16\17\18\19\1a\1b\1c\1d\1e\1f"
    "\20\21\22\23\24\25\26\27\28\29\2a\2b\2c\2d\2e\2f"
    "\30\31\32\33\34\35\36\37\38\39\3a\3b\3c\3d\3e\3f"
    "\40\41\42\43\44\45\46\47\48\49\4a\4b\4c\4d\4e\4f"
    "\50\51\52\53\54\55\56\57\58\59\5a\5b\5c\5d\5e\5f"
    "\60\61\62\63\64\65\66\67\68\69\6a\6b\6c\6d\6e\6f"
    "\70\71\72\73\74\75\76\77\78\79\7a\7b\7c\7d\7e\7f"
    "\80\81\82\83\84\85\86\87\88\89\8a\8b\8c\8d\8e\8f"
    "\90\91\92\93\94\95\96\97\98\99\9a\9b\9c\9d\9e\9f"
    "\a0\a1\a2\a3\a4\a5\a6\a7\a8\a9\aa\ab\ac\ad\ae\af"
    "\b0\b1\b2\b3\b4\b5\b6\b7\b8\b9\ba\bb\bc\bd\be\bf"
    "\c0\c1\c2\c3\c4\c5\c6\c7\c8\c9\ca\cb\cc\cd\ce\cf"
    "\d0\d1\d2\d3\d4\d5\d6\d7\d8\d9\da\db\dc\dd\de\df"
    "\e0\e1\e2\e3\e4\e5\e6\e7\e8\e9\ea\eb\ec\ed\ee\ef"
    "\f0\f1\f2\f3\f4\f5\f6\f7\f8\f9\fa\fb\fc\fd\fe\ff")
  (core data $empty)
  (core module $Memory (memory (export "mem") 1))
  (core instance $memory (instantiate $Memory))
  (type $ST (stream u8))
  (canon stream.read $ST (memory (core memory $memory "mem")) (core func $stream.read))
  (canon stream.drop-readable $ST (core func $stream.drop-readable))
  (canon data.read $alphabet i64 (core func $data.read))
  (canon data.read $bytes i64 (core func $data.read-bytes))
  (canon data.read $empty i64 (core func $data.read-empty))
  (core module $M
    (import "" "mem" (memory 1))
    (import "" "stream.read" (func $stream.read (param i32 i32 i32) (result i32)))
    (import "" "stream.drop-readable" (func $stream.drop-readable (param i32)))
    (import "" "data.read" (func $data.read (param i64 i64) (result i32)))
    (import "" "data.read-bytes" (func $data.read-bytes (param i64 i64) (result i32)))
    (import "" "data.read-empty" (func $data.read-empty (param i64 i64) (result i32)))

    ;; Reads $s to its end into memory from 1024 on, at most $most bytes at a
    ;; time, and drops it. Returns how many bytes there were. Every read but
    ;; the last is COMPLETED with at least one byte; the last is DROPPED.
    (func $drain (param $s i32) (param $most i32) (result i32)
      (local $ret i32) (local $n i32) (local $total i32)
      (loop $more
        (local.set $ret (call $stream.read (local.get $s)
          (i32.add (i32.const 1024) (local.get $total)) (local.get $most)))
        (local.set $n (i32.shr_u (local.get $ret) (i32.const 4)))
        (if (i32.gt_u (local.get $n) (local.get $most))
          (then unreachable))
        (local.set $total (i32.add (local.get $total) (local.get $n)))
        (if (i32.eqz (i32.and (local.get $ret) (i32.const 0xf)))
          (then
            (if (i32.eqz (local.get $n)) (then unreachable))
            (br $more))))
      (if (i32.ne (i32.and (local.get $ret) (i32.const 0xf)) (i32.const 1 (; DROPPED ;)))
        (then unreachable))
      (call $stream.drop-readable (local.get $s))
      (local.get $total))

    ;; The $n bytes from 1024 on as a string (or list) result.
    (func $result (param $n i32) (result i32)
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (local.get $n))
      (i32.const 0))

    ;; The bytes of a range as text; their number must be exactly $len.
    (func (export "text") (param $start i64) (param $len i64) (result i32)
      (local $n i32)
      (local.set $n (call $drain (call $data.read (local.get $start) (local.get $len)) (i32.const 4096)))
      (if (i32.ne (local.get $n) (i32.wrap_i64 (local.get $len))) (then unreachable))
      (call $result (local.get $n)))

    ;; The same of the segment of all byte values.
    (func (export "bytes") (param $start i64) (param $len i64) (result i32)
      (local $n i32)
      (local.set $n (call $drain (call $data.read-bytes (local.get $start) (local.get $len)) (i32.const 4096)))
      (if (i32.ne (local.get $n) (i32.wrap_i64 (local.get $len))) (then unreachable))
      (call $result (local.get $n)))

    ;; The same of the segment of no bytes.
    (func (export "nothing") (param $start i64) (param $len i64) (result i32)
      (call $result (call $drain (call $data.read-empty (local.get $start) (local.get $len)) (i32.const 4096))))

    ;; Opens a range, takes no byte of it and drops it.
    (func (export "open") (param $start i64) (param $len i64)
      (call $stream.drop-readable (call $data.read (local.get $start) (local.get $len))))
    (func (export "open-empty") (param $start i64) (param $len i64)
      (call $stream.drop-readable (call $data.read-empty (local.get $start) (local.get $len))))

    ;; Sum of the bytes of a range, weighted with their position from 1 on.
    (func (export "checksum") (param $start i64) (param $len i64) (result i32)
      (local $i i32) (local $n i32) (local $sum i32)
      (local.set $n (call $drain (call $data.read-bytes (local.get $start) (local.get $len)) (i32.const 7)))
      (if (i32.ne (local.get $n) (i32.wrap_i64 (local.get $len))) (then unreachable))
      (block $done
        (loop $next
          (br_if $done (i32.eq (local.get $i) (local.get $n)))
          (local.set $sum (i32.add (local.get $sum)
            (i32.mul (i32.load8_u (i32.add (i32.const 1024) (local.get $i)))
                     (i32.add (local.get $i) (i32.const 1)))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br $next)))
      (local.get $sum))
  )
  (core instance $m (instantiate $M (with "" (instance
    (export "mem" (memory $memory "mem"))
    (export "stream.read" (func $stream.read))
    (export "stream.drop-readable" (func $stream.drop-readable))
    (export "data.read" (func $data.read))
    (export "data.read-bytes" (func $data.read-bytes))
    (export "data.read-empty" (func $data.read-empty))
  ))))
  (func (export "text") async (param "start" u64) (param "len" u64) (result string) (canon lift (core func $m "text") (memory (core memory $memory "mem"))))
  (func (export "bytes") async (param "start" u64) (param "len" u64) (result (list u8)) (canon lift (core func $m "bytes") (memory (core memory $memory "mem"))))
  (func (export "nothing") async (param "start" u64) (param "len" u64) (result string) (canon lift (core func $m "nothing") (memory (core memory $memory "mem"))))
  (func (export "open") (param "start" u64) (param "len" u64) (canon lift (core func $m "open")))
  (func (export "open-empty") (param "start" u64) (param "len" u64) (canon lift (core func $m "open-empty")))
  (func (export "checksum") async (param "start" u64) (param "len" u64) (result u32) (canon lift (core func $m "checksum")))
)

(component instance $i $Ranges)
;; what i32 offsets reach
(assert_return (invoke "text" (u64.const 0) (u64.const 0)) (str.const ""))
(assert_return (invoke "text" (u64.const 13) (u64.const 0)) (str.const ""))
(assert_return (invoke "text" (u64.const 26) (u64.const 0)) (str.const ""))
(assert_return (invoke "text" (u64.const 0) (u64.const 26)) (str.const "abcdefghijklmnopqrstuvwxyz"))
(assert_return (invoke "text" (u64.const 1) (u64.const 24)) (str.const "bcdefghijklmnopqrstuvwxy"))
(assert_return (invoke "text" (u64.const 25) (u64.const 1)) (str.const "z"))
(assert_return (invoke "text" (u64.const 3) (u64.const 4)) (str.const "defg"))
(assert_return (invoke "text" (u64.const 10) (u64.const 16)) (str.const "klmnopqrstuvwxyz"))
(assert_return (invoke "text" (u64.const 3) (u64.const 4)) (str.const "defg"))
(assert_return (invoke "nothing" (u64.const 0) (u64.const 0)) (str.const ""))
(assert_return (invoke "open-empty" (u64.const 0) (u64.const 0)))
(assert_return (invoke "bytes" (u64.const 254) (u64.const 2)) (list.const (u8.const 254) (u8.const 255)))
(assert_return (invoke "checksum" (u64.const 0) (u64.const 256)) (u32.const 5592320))
(assert_return (invoke "checksum" (u64.const 100) (u64.const 100)) (u32.const 838300))
(assert_return (invoke "checksum" (u64.const 256) (u64.const 0)) (u32.const 0))

;; one byte too many
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0) (u64.const 27)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 1) (u64.const 26)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 26) (u64.const 1)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 27) (u64.const 0)) "out of bounds data segment access")
;; the upper half counts
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0x1_0000_0000) (u64.const 0)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0) (u64.const 0x1_0000_0000)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0x1_0000_0001) (u64.const 1)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 1) (u64.const 0x1_0000_0001)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0x1_0000_0000) (u64.const 0x1_0000_0000)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff) (u64.const 1)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff) (u64.const 0xffff_ffff)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0x8000_0000_0000_0000) (u64.const 0)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0) (u64.const 0x8000_0000_0000_0000)) "out of bounds data segment access")
;; start + len is not a 64-bit sum: it does not wrap around
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff_ffff_ffff) (u64.const 0)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0) (u64.const 0xffff_ffff_ffff_ffff)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff_ffff_ffff) (u64.const 1)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff_ffff_ffff) (u64.const 2)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff_ffff_ffff) (u64.const 27)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 1) (u64.const 0xffff_ffff_ffff_ffff)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 2) (u64.const 0xffff_ffff_ffff_ffff)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 27) (u64.const 0xffff_ffff_ffff_ffff)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff_ffff_ffff) (u64.const 0xffff_ffff_ffff_ffff)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0x8000_0000_0000_0000) (u64.const 0x8000_0000_0000_0000)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0x8000_0000_0000_0001) (u64.const 0x8000_0000_0000_0000)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff_ffff_fff0) (u64.const 16)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff_ffff_ffe6) (u64.const 26)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open" (u64.const 0xffff_ffff_ffff_ffe6) (u64.const 52)) "out of bounds data segment access")
;; of the empty segment everything but nothing at 0
(component instance $i $Ranges)
(assert_trap (invoke "open-empty" (u64.const 0) (u64.const 1)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open-empty" (u64.const 1) (u64.const 0)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open-empty" (u64.const 0xffff_ffff_ffff_ffff) (u64.const 1)) "out of bounds data segment access")
(component instance $i $Ranges)
(assert_trap (invoke "open-empty" (u64.const 1) (u64.const 0xffff_ffff_ffff_ffff)) "out of bounds data segment access")

;; Both forms of one segment: positions of the one are those of the other.
(component definition $Both
  (core data $d "0123456789")
  (core module $Memory (memory (export "mem") 1))
  (core instance $memory (instantiate $Memory))
  (type $ST (stream u8))
  (canon stream.read $ST (memory (core memory $memory "mem")) (core func $stream.read))
  (canon stream.drop-readable $ST (core func $stream.drop-readable))
  (canon data.read $d (core func $narrow))
  (canon data.read $d i64 (core func $wide))
  (core module $M
    (import "" "mem" (memory 1))
    (import "" "stream.read" (func $stream.read (param i32 i32 i32) (result i32)))
    (import "" "stream.drop-readable" (func $stream.drop-readable (param i32)))
    (import "" "narrow" (func $narrow (param i32 i32) (result i32)))
    (import "" "wide" (func $wide (param i64 i64) (result i32)))

    ;; Reads $s to its end into memory from 1024 on, at most $most bytes at a
    ;; time, and drops it. Returns how many bytes there were. Every read but
    ;; the last is COMPLETED with at least one byte; the last is DROPPED.
    (func $drain (param $s i32) (param $most i32) (result i32)
      (local $ret i32) (local $n i32) (local $total i32)
      (loop $more
        (local.set $ret (call $stream.read (local.get $s)
          (i32.add (i32.const 1024) (local.get $total)) (local.get $most)))
        (local.set $n (i32.shr_u (local.get $ret) (i32.const 4)))
        (if (i32.gt_u (local.get $n) (local.get $most))
          (then unreachable))
        (local.set $total (i32.add (local.get $total) (local.get $n)))
        (if (i32.eqz (i32.and (local.get $ret) (i32.const 0xf)))
          (then
            (if (i32.eqz (local.get $n)) (then unreachable))
            (br $more))))
      (if (i32.ne (i32.and (local.get $ret) (i32.const 0xf)) (i32.const 1 (; DROPPED ;)))
        (then unreachable))
      (call $stream.drop-readable (local.get $s))
      (local.get $total))

    ;; The $n bytes from 1024 on as a string (or list) result.
    (func $result (param $n i32) (result i32)
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (local.get $n))
      (i32.const 0))

    ;; [start, start + len) through i64, behind it the same through i32.
    (func (export "twice") (param $start i32) (param $len i32) (result i32)
      (local $n i32)
      (local.set $n (call $drain
        (call $wide (i64.extend_i32_u (local.get $start)) (i64.extend_i32_u (local.get $len)))
        (i32.const 4096)))
      (memory.copy (i32.const 2048) (i32.const 1024) (local.get $n))
      (drop (call $drain (call $narrow (local.get $start) (local.get $len)) (i32.const 4096)))
      (memory.copy (i32.add (i32.const 1024) (local.get $n)) (i32.const 2048) (local.get $n))
      (call $result (i32.mul (local.get $n) (i32.const 2))))
  )
  (core instance $m (instantiate $M (with "" (instance
    (export "mem" (memory $memory "mem"))
    (export "stream.read" (func $stream.read))
    (export "stream.drop-readable" (func $stream.drop-readable))
    (export "narrow" (func $narrow))
    (export "wide" (func $wide))
  ))))
  (func (export "twice") async (param "start" u32) (param "len" u32) (result string) (canon lift (core func $m "twice") (memory (core memory $memory "mem"))))
)

(component instance $i $Both)
(assert_return (invoke "twice" (u32.const 0) (u32.const 10)) (str.const "01234567890123456789"))
(assert_return (invoke "twice" (u32.const 3) (u32.const 4)) (str.const "34563456"))
(assert_return (invoke "twice" (u32.const 10) (u32.const 0)) (str.const ""))
