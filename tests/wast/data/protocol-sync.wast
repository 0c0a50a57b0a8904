;;! data = true

;; Reading a segment's stream with the synchronous stream.read: it returns when
;; at least one byte has come. docs/data-segments.md, section 6.

(component definition $Sync
  (core data $d "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
  (core module $Memory (memory (export "mem") 1))
  (core instance $memory (instantiate $Memory))
  (type $ST (stream u8))
  (canon stream.read $ST (memory (core memory $memory "mem")) (core func $stream.read))
  (canon stream.drop-readable $ST (core func $stream.drop-readable))
  (canon waitable-set.new (core func $waitable-set.new))
  (canon waitable.join (core func $waitable.join))
  (canon data.read $d (core func $data.read))
  (core module $M
    (import "" "mem" (memory 1))
    (import "" "stream.read" (func $stream.read (param i32 i32 i32) (result i32)))
    (import "" "stream.drop-readable" (func $stream.drop-readable (param i32)))
    (import "" "waitable-set.new" (func $waitable-set.new (result i32)))
    (import "" "waitable.join" (func $waitable.join (param i32 i32)))
    (import "" "data.read" (func $data.read (param i32 i32) (result i32)))

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

    ;; A range, $most bytes at a time.
    (func (export "text") (param $start i32) (param $len i32) (param $most i32) (result i32)
      (call $result (call $drain (call $data.read (local.get $start) (local.get $len)) (local.get $most))))

    ;; What the first read of a range returns.
    (func (export "first-read") (param $start i32) (param $len i32) (param $most i32) (result i32)
      (call $stream.read (call $data.read (local.get $start) (local.get $len)) (i32.const 1024) (local.get $most)))

    ;; Reads byte for byte and returns the status of the read $number (from 0).
    (func (export "byte-status") (param $start i32) (param $len i32) (param $number i32) (result i32)
      (local $s i32)
      (local.set $s (call $data.read (local.get $start) (local.get $len)))
      (block $there
        (loop $next
          (br_if $there (i32.eqz (local.get $number)))
          (drop (call $stream.read (local.get $s) (i32.const 1024) (i32.const 1)))
          (local.set $number (i32.sub (local.get $number) (i32.const 1)))
          (br $next)))
      (call $stream.read (local.get $s) (i32.const 1024) (i32.const 1)))

    ;; Reads only touch the bytes they report: what follows a read's bytes in its
    ;; buffer keeps the value it had.
    (func (export "guarded") (param $start i32) (param $len i32) (param $most i32) (result i32)
      (local $s i32) (local $ret i32) (local $n i32) (local $at i32) (local $i i32)
      (local.set $s (call $data.read (local.get $start) (local.get $len)))
      (memory.fill (i32.const 1000) (i32.const 0xee) (i32.const 4000))
      (local.set $at (i32.const 1024))
      (loop $more
        (local.set $ret (call $stream.read (local.get $s) (local.get $at) (local.get $most)))
        (local.set $at (i32.add (local.get $at) (i32.shr_u (local.get $ret) (i32.const 4))))
        (local.set $i (local.get $at))
        (loop $check
          (if (i32.ne (i32.load8_u (local.get $i)) (i32.const 0xee)) (then unreachable))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $check (i32.lt_u (local.get $i) (i32.add (local.get $at) (i32.const 1000)))))
        (if (i32.ne (i32.load8_u (i32.const 1023)) (i32.const 0xee)) (then unreachable))
        (br_if $more (i32.eqz (i32.and (local.get $ret) (i32.const 0xf)))))
      (call $result (i32.sub (local.get $at) (i32.const 1024))))

    ;; Into the last bytes of the memory.
    (func (export "at-the-end") (param $len i32) (result i32)
      (local $s i32) (local $ret i32) (local $at i32)
      (local.set $s (call $data.read (i32.const 0) (local.get $len)))
      (local.set $at (i32.sub (i32.const 0x10000) (local.get $len)))
      (loop $more
        (local.set $ret (call $stream.read (local.get $s) (local.get $at)
          (i32.sub (i32.const 0x10000) (local.get $at))))
        (local.set $at (i32.add (local.get $at) (i32.shr_u (local.get $ret) (i32.const 4))))
        (br_if $more (i32.eqz (i32.and (local.get $ret) (i32.const 0xf)))))
      (memory.copy (i32.const 1024) (i32.sub (i32.const 0x10000) (local.get $len)) (local.get $len))
      (call $result (local.get $len)))

    ;; Reads that trap because of their buffer.
    (func (export "into") (param $ptr i32) (param $len i32)
      (drop (call $stream.read (call $data.read (i32.const 0) (i32.const 62)) (local.get $ptr) (local.get $len))))

    ;; Once DROPPED has been reported, a read traps.
    (func (export "read-when-done") (param $most i32)
      (local $s i32)
      (local.set $s (call $data.read (i32.const 0) (i32.const 62)))
      (loop $more
        (br_if $more (i32.eqz (i32.and (i32.const 0xf)
          (call $stream.read (local.get $s) (i32.const 1024) (local.get $most))))))
      (drop (call $stream.read (local.get $s) (i32.const 1024) (local.get $most))))
    (func (export "read-when-empty") (param $most i32)
      (local $s i32)
      (local.set $s (call $data.read (i32.const 7) (i32.const 0)))
      (if (i32.ne (call $stream.read (local.get $s) (i32.const 1024) (local.get $most))
                  (i32.const 1 (; DROPPED | 0 << 4 ;)))
        (then unreachable))
      (drop (call $stream.read (local.get $s) (i32.const 1024) (local.get $most))))

    ;; A synchronous read wants an end that is in no waitable set.
    (func (export "read-in-set")
      (local $s i32)
      (local.set $s (call $data.read (i32.const 0) (i32.const 62)))
      (call $waitable.join (local.get $s) (call $waitable-set.new))
      (drop (call $stream.read (local.get $s) (i32.const 1024) (i32.const 62))))
    (func (export "read-behind-set") (result i32)
      (local $s i32)
      (local.set $s (call $data.read (i32.const 0) (i32.const 62)))
      (call $waitable.join (local.get $s) (call $waitable-set.new))
      (call $waitable.join (local.get $s) (i32.const 0))
      (call $result (call $drain (local.get $s) (i32.const 5))))

    ;; The buffers of consecutive reads may be anywhere, and overlap.
    (func (export "last-byte") (param $start i32) (param $len i32) (result i32)
      (local $s i32)
      (local.set $s (call $data.read (local.get $start) (local.get $len)))
      (loop $more
        (br_if $more (i32.eqz (i32.and (i32.const 0xf)
          (call $stream.read (local.get $s) (i32.const 1024) (i32.const 1))))))
      (call $stream.drop-readable (local.get $s))
      (i32.load8_u (i32.const 1024)))
  )
  (core instance $m (instantiate $M (with "" (instance
    (export "mem" (memory $memory "mem"))
    (export "stream.read" (func $stream.read))
    (export "stream.drop-readable" (func $stream.drop-readable))
    (export "waitable-set.new" (func $waitable-set.new))
    (export "waitable.join" (func $waitable.join))
    (export "data.read" (func $data.read))
  ))))
  (func (export "text") async (param "start" u32) (param "len" u32) (param "most" u32) (result string) (canon lift (core func $m "text") (memory (core memory $memory "mem"))))
  (func (export "first-read") async (param "start" u32) (param "len" u32) (param "most" u32) (result u32) (canon lift (core func $m "first-read")))
  (func (export "byte-status") async (param "start" u32) (param "len" u32) (param "number" u32) (result u32) (canon lift (core func $m "byte-status")))
  (func (export "guarded") async (param "start" u32) (param "len" u32) (param "most" u32) (result string) (canon lift (core func $m "guarded") (memory (core memory $memory "mem"))))
  (func (export "at-the-end") async (param "len" u32) (result string) (canon lift (core func $m "at-the-end") (memory (core memory $memory "mem"))))
  (func (export "into") async (param "ptr" u32) (param "len" u32) (canon lift (core func $m "into")))
  (func (export "read-when-done") async (param "most" u32) (canon lift (core func $m "read-when-done")))
  (func (export "read-when-empty") async (param "most" u32) (canon lift (core func $m "read-when-empty")))
  (func (export "read-in-set") async (canon lift (core func $m "read-in-set")))
  (func (export "read-behind-set") async (result string) (canon lift (core func $m "read-behind-set") (memory (core memory $memory "mem"))))
  (func (export "last-byte") async (param "start" u32) (param "len" u32) (result u8) (canon lift (core func $m "last-byte")))
)

(component instance $i $Sync)
;; buffers of every kind of size
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 1)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 2)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 3)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 7)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 16)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 31)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 61)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 62)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 63)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 1000)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 0) (u32.const 62) (u32.const 60000)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "text" (u32.const 26) (u32.const 26) (u32.const 26)) (str.const "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
(assert_return (invoke "text" (u32.const 52) (u32.const 10) (u32.const 4)) (str.const "0123456789"))
(assert_return (invoke "text" (u32.const 61) (u32.const 1) (u32.const 1)) (str.const "9"))
(assert_return (invoke "text" (u32.const 30) (u32.const 0) (u32.const 1)) (str.const ""))

;; an empty range is DROPPED at the first read, whatever its buffer
(assert_return (invoke "first-read" (u32.const 0) (u32.const 0) (u32.const 1)) (u32.const 1))
(assert_return (invoke "first-read" (u32.const 0) (u32.const 0) (u32.const 100)) (u32.const 1))
(assert_return (invoke "first-read" (u32.const 31) (u32.const 0) (u32.const 1)) (u32.const 1))
(assert_return (invoke "first-read" (u32.const 62) (u32.const 0) (u32.const 1)) (u32.const 1))
(assert_return (invoke "first-read" (u32.const 62) (u32.const 0) (u32.const 100)) (u32.const 1))
;; a range of one byte: it comes with DROPPED
(assert_return (invoke "first-read" (u32.const 0) (u32.const 1) (u32.const 1)) (u32.const 0x11))
(assert_return (invoke "first-read" (u32.const 0) (u32.const 1) (u32.const 2)) (u32.const 0x11))
(assert_return (invoke "first-read" (u32.const 0) (u32.const 1) (u32.const 100)) (u32.const 0x11))
(assert_return (invoke "first-read" (u32.const 61) (u32.const 1) (u32.const 1)) (u32.const 0x11))
(assert_return (invoke "first-read" (u32.const 61) (u32.const 1) (u32.const 100)) (u32.const 0x11))
;; byte for byte the sizes of reads are known: COMPLETED but for the last
(assert_return (invoke "byte-status" (u32.const 0) (u32.const 62) (u32.const 0)) (u32.const 0x10))
(assert_return (invoke "byte-status" (u32.const 0) (u32.const 62) (u32.const 1)) (u32.const 0x10))
(assert_return (invoke "byte-status" (u32.const 0) (u32.const 62) (u32.const 60)) (u32.const 0x10))
(assert_return (invoke "byte-status" (u32.const 0) (u32.const 62) (u32.const 61)) (u32.const 0x11))
(assert_return (invoke "byte-status" (u32.const 60) (u32.const 2) (u32.const 0)) (u32.const 0x10))
(assert_return (invoke "byte-status" (u32.const 60) (u32.const 2) (u32.const 1)) (u32.const 0x11))
(assert_return (invoke "byte-status" (u32.const 5) (u32.const 3) (u32.const 1)) (u32.const 0x10))
(assert_return (invoke "byte-status" (u32.const 5) (u32.const 3) (u32.const 2)) (u32.const 0x11))

(assert_return (invoke "guarded" (u32.const 0) (u32.const 62) (u32.const 1)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "guarded" (u32.const 0) (u32.const 62) (u32.const 5)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "guarded" (u32.const 0) (u32.const 62) (u32.const 62)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "guarded" (u32.const 0) (u32.const 62) (u32.const 500)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "guarded" (u32.const 10) (u32.const 20) (u32.const 30)) (str.const "klmnopqrstuvwxyzABCD"))
(assert_return (invoke "guarded" (u32.const 13) (u32.const 0) (u32.const 10)) (str.const ""))
(assert_return (invoke "at-the-end" (u32.const 1)) (str.const "a"))
(assert_return (invoke "at-the-end" (u32.const 10)) (str.const "abcdefghij"))
(assert_return (invoke "at-the-end" (u32.const 62)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "last-byte" (u32.const 0) (u32.const 62)) (u8.const 57))
(assert_return (invoke "last-byte" (u32.const 0) (u32.const 1)) (u8.const 97))
(assert_return (invoke "last-byte" (u32.const 26) (u32.const 26)) (u8.const 90))
(assert_return (invoke "read-behind-set") (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))

;; a buffer that is not in the memory, or longer than a buffer may be
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 65536) (u32.const 1)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 65535) (u32.const 2)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 65474) (u32.const 63)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 0xffffffff) (u32.const 1)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 0xffffffff) (u32.const 2)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 0xfffffff0) (u32.const 100)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 0) (u32.const 65537)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 0) (u32.const 0x0fffffff)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 0) (u32.const 0x10000000)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 0) (u32.const 0xffffffff)) "")
(component instance $i $Sync)
(assert_trap (invoke "into" (u32.const 65536) (u32.const 0x10000000)) "")
;; after DROPPED
(component instance $i $Sync)
(assert_trap (invoke "read-when-done" (u32.const 1)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Sync)
(assert_trap (invoke "read-when-done" (u32.const 5)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Sync)
(assert_trap (invoke "read-when-done" (u32.const 62)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Sync)
(assert_trap (invoke "read-when-done" (u32.const 100)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Sync)
(assert_trap (invoke "read-when-empty" (u32.const 1)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Sync)
(assert_trap (invoke "read-when-empty" (u32.const 100)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Sync)
(assert_trap (invoke "read-in-set") "waitable cannot be used synchronously while added to a waitable set")
