;;! data = true

;; Reads of no bytes: they complete when the next byte is there, and take
;; nothing. docs/data-segments.md, section 6.

(component definition $Zero
  (core data $d "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
  (core module $Memory (memory (export "mem") 1))
  (core instance $memory (instantiate $Memory))
  (type $ST (stream u8))
  (canon stream.read $ST async (memory (core memory $memory "mem")) (core func $stream.read-async))
  (canon stream.drop-readable $ST (core func $stream.drop-readable))
  (canon waitable-set.new (core func $waitable-set.new))
  (canon waitable-set.wait (memory (core memory $memory "mem")) (core func $waitable-set.wait))
  (canon waitable-set.drop (core func $waitable-set.drop))
  (canon waitable.join (core func $waitable.join))
  (canon stream.read $ST (memory (core memory $memory "mem")) (core func $stream.read))
  (canon thread.yield (core func $thread.yield))
  (canon data.read $d (core func $data.read))
  (core module $M
    (import "" "mem" (memory 1))
    (import "" "stream.read-async" (func $stream.read-async (param i32 i32 i32) (result i32)))
    (import "" "stream.drop-readable" (func $stream.drop-readable (param i32)))
    (import "" "waitable-set.new" (func $waitable-set.new (result i32)))
    (import "" "waitable-set.wait" (func $waitable-set.wait (param i32 i32) (result i32)))
    (import "" "waitable-set.drop" (func $waitable-set.drop (param i32)))
    (import "" "waitable.join" (func $waitable.join (param i32 i32)))
    (import "" "stream.read" (func $stream.read (param i32 i32 i32) (result i32)))
    (import "" "thread.yield" (func $thread.yield (result i32)))
    (import "" "data.read" (func $data.read (param i32 i32) (result i32)))

    ;; stream.read, waiting for the event when it is BLOCKED. Returns the
    ;; payload: status | bytes << 4.
    (func $read (param $s i32) (param $ptr i32) (param $len i32) (result i32)
      (local $ret i32)
      (local.set $ret (call $stream.read-async (local.get $s) (local.get $ptr) (local.get $len)))
      (if (result i32) (i32.eq (local.get $ret) (i32.const -1 (; BLOCKED ;)))
        (then (call $wait (local.get $s)))
        (else (local.get $ret))))

    ;; Waits for the event of $s alone.
    (func $wait (param $s i32) (result i32)
      (local $ws i32)
      (local.set $ws (call $waitable-set.new))
      (call $waitable.join (local.get $s) (local.get $ws))
      (if (i32.ne (call $waitable-set.wait (local.get $ws) (i32.const 0))
                  (i32.const 2 (; STREAM_READ ;)))
        (then unreachable))
      (if (i32.ne (i32.load (i32.const 0)) (local.get $s))
        (then unreachable))
      (call $waitable.join (local.get $s) (i32.const 0))
      (call $waitable-set.drop (local.get $ws))
      (i32.load (i32.const 4)))

    ;; Reads $s to its end into memory from 1024 on, at most $most bytes at a
    ;; time, and drops it. Returns how many bytes there were. Every read but
    ;; the last is COMPLETED with at least one byte; the last is DROPPED.
    (func $drain (param $s i32) (param $most i32) (result i32)
      (local $ret i32) (local $n i32) (local $total i32)
      (loop $more
        (local.set $ret (call $read (local.get $s)
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

    ;; A read of no bytes before every read of one: it is COMPLETED with 0 until
    ;; the end, and takes nothing.
    (func (export "between") (param $start i32) (param $len i32) (result i32)
      (local $s i32) (local $at i32) (local $ret i32)
      (local.set $s (call $data.read (local.get $start) (local.get $len)))
      (local.set $at (i32.const 1024))
      (loop $more
        (if (call $read (local.get $s) (i32.const 0) (i32.const 0)) (then unreachable))
        (local.set $ret (call $read (local.get $s) (local.get $at) (i32.const 1)))
        (if (i32.ne (i32.const 1) (i32.shr_u (local.get $ret) (i32.const 4))) (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (br_if $more (i32.eqz (i32.and (local.get $ret) (i32.const 0xf)))))
      (call $stream.drop-readable (local.get $s))
      (call $result (i32.sub (local.get $at) (i32.const 1024))))

    ;; The payload of the first read, of no bytes, after $times such reads.
    (func (export "status") (param $start i32) (param $len i32) (param $times i32) (result i32)
      (local $s i32)
      (local.set $s (call $data.read (local.get $start) (local.get $len)))
      (block $there
        (loop $next
          (br_if $there (i32.eqz (local.get $times)))
          (if (call $read (local.get $s) (i32.const 0) (i32.const 0)) (then unreachable))
          (local.set $times (i32.sub (local.get $times) (i32.const 1)))
          (br $next)))
      (call $read (local.get $s) (i32.const 0) (i32.const 0)))

    ;; The same with synchronous reads.
    (func (export "sync-status") (param $start i32) (param $len i32) (param $times i32) (result i32)
      (local $s i32)
      (local.set $s (call $data.read (local.get $start) (local.get $len)))
      (block $there
        (loop $next
          (br_if $there (i32.eqz (local.get $times)))
          (if (call $stream.read (local.get $s) (i32.const 0) (i32.const 0)) (then unreachable))
          (local.set $times (i32.sub (local.get $times) (i32.const 1)))
          (br $next)))
      (call $stream.read (local.get $s) (i32.const 0) (i32.const 0)))

    ;; The pointer of a buffer of no bytes is not looked at.
    (func (export "anywhere") (param $ptr i32) (result i32)
      (call $read (call $data.read (i32.const 0) (i32.const 62)) (local.get $ptr) (i32.const 0)))

    ;; After some reads of no bytes everything is still there.
    (func (export "then-all") (param $start i32) (param $len i32) (param $times i32) (result i32)
      (local $s i32)
      (local.set $s (call $data.read (local.get $start) (local.get $len)))
      (block $there
        (loop $next
          (br_if $there (i32.eqz (local.get $times)))
          (if (call $read (local.get $s) (i32.const 0) (i32.const 0)) (then unreachable))
          (local.set $times (i32.sub (local.get $times) (i32.const 1)))
          (br $next)))
      (call $result (call $drain (local.get $s) (i32.const 9))))

    ;; No memory is written by a read of no bytes, now or later.
    (func (export "untouched") (result i32)
      (local $s i32) (local $i i32)
      (local.set $s (call $data.read (i32.const 0) (i32.const 62)))
      (memory.fill (i32.const 1024) (i32.const 0xee) (i32.const 128))
      (drop (call $read (local.get $s) (i32.const 1024) (i32.const 0)))
      (drop (call $thread.yield))
      (loop $check
        (if (i32.ne (i32.load8_u (i32.add (i32.const 1024) (local.get $i))) (i32.const 0xee))
          (then unreachable))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $check (i32.lt_u (local.get $i) (i32.const 128))))
      (call $stream.drop-readable (local.get $s))
      (i32.const 42))

    ;; At the end a read of no bytes is DROPPED, and the next read traps.
    (func (export "after-end") (param $len i32)
      (local $s i32)
      (local.set $s (call $data.read (i32.const 62) (i32.const 0)))
      (if (i32.ne (call $read (local.get $s) (i32.const 0) (i32.const 0)) (i32.const 1 (; DROPPED ;)))
        (then unreachable))
      (drop (call $read (local.get $s) (i32.const 1024) (local.get $len))))
    (func (export "after-bytes") (param $len i32)
      (local $s i32)
      (local.set $s (call $data.read (i32.const 61) (i32.const 1)))
      (if (i32.ne (call $read (local.get $s) (i32.const 1024) (i32.const 1)) (i32.const 0x11 (; DROPPED | 1 << 4 ;)))
        (then unreachable))
      (drop (call $read (local.get $s) (i32.const 1024) (local.get $len))))
  )
  (core instance $m (instantiate $M (with "" (instance
    (export "mem" (memory $memory "mem"))
    (export "stream.read-async" (func $stream.read-async))
    (export "stream.drop-readable" (func $stream.drop-readable))
    (export "waitable-set.new" (func $waitable-set.new))
    (export "waitable-set.wait" (func $waitable-set.wait))
    (export "waitable-set.drop" (func $waitable-set.drop))
    (export "waitable.join" (func $waitable.join))
    (export "stream.read" (func $stream.read))
    (export "thread.yield" (func $thread.yield))
    (export "data.read" (func $data.read))
  ))))
  (func (export "between") async (param "start" u32) (param "len" u32) (result string) (canon lift (core func $m "between") (memory (core memory $memory "mem"))))
  (func (export "status") async (param "start" u32) (param "len" u32) (param "times" u32) (result u32) (canon lift (core func $m "status")))
  (func (export "sync-status") async (param "start" u32) (param "len" u32) (param "times" u32) (result u32) (canon lift (core func $m "sync-status")))
  (func (export "anywhere") async (param "ptr" u32) (result u32) (canon lift (core func $m "anywhere")))
  (func (export "then-all") async (param "start" u32) (param "len" u32) (param "times" u32) (result string) (canon lift (core func $m "then-all") (memory (core memory $memory "mem"))))
  (func (export "untouched") async (result u32) (canon lift (core func $m "untouched")))
  (func (export "after-end") async (param "len" u32) (canon lift (core func $m "after-end")))
  (func (export "after-bytes") async (param "len" u32) (canon lift (core func $m "after-bytes")))
)

(component instance $i $Zero)
(assert_return (invoke "between" (u32.const 0) (u32.const 62)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "between" (u32.const 26) (u32.const 26)) (str.const "ABCDEFGHIJKLMNOPQRSTUVWXYZ"))
(assert_return (invoke "between" (u32.const 61) (u32.const 1)) (str.const "9"))
(assert_return (invoke "between" (u32.const 0) (u32.const 1)) (str.const "a"))
(assert_return (invoke "between" (u32.const 5) (u32.const 2)) (str.const "fg"))
(assert_return (invoke "status" (u32.const 0) (u32.const 62) (u32.const 0)) (u32.const 0))
(assert_return (invoke "status" (u32.const 0) (u32.const 62) (u32.const 1)) (u32.const 0))
(assert_return (invoke "status" (u32.const 0) (u32.const 62) (u32.const 10)) (u32.const 0))
(assert_return (invoke "status" (u32.const 61) (u32.const 1) (u32.const 0)) (u32.const 0))
(assert_return (invoke "status" (u32.const 61) (u32.const 1) (u32.const 5)) (u32.const 0))
(assert_return (invoke "status" (u32.const 0) (u32.const 0) (u32.const 0)) (u32.const 1))
(assert_return (invoke "status" (u32.const 31) (u32.const 0) (u32.const 0)) (u32.const 1))
(assert_return (invoke "status" (u32.const 62) (u32.const 0) (u32.const 0)) (u32.const 1))
(assert_return (invoke "sync-status" (u32.const 0) (u32.const 62) (u32.const 0)) (u32.const 0))
(assert_return (invoke "sync-status" (u32.const 0) (u32.const 62) (u32.const 1)) (u32.const 0))
(assert_return (invoke "sync-status" (u32.const 0) (u32.const 62) (u32.const 10)) (u32.const 0))
(assert_return (invoke "sync-status" (u32.const 61) (u32.const 1) (u32.const 0)) (u32.const 0))
(assert_return (invoke "sync-status" (u32.const 61) (u32.const 1) (u32.const 5)) (u32.const 0))
(assert_return (invoke "sync-status" (u32.const 0) (u32.const 0) (u32.const 0)) (u32.const 1))
(assert_return (invoke "sync-status" (u32.const 31) (u32.const 0) (u32.const 0)) (u32.const 1))
(assert_return (invoke "sync-status" (u32.const 62) (u32.const 0) (u32.const 0)) (u32.const 1))
(assert_return (invoke "anywhere" (u32.const 0)) (u32.const 0))
(assert_return (invoke "anywhere" (u32.const 65535)) (u32.const 0))
(assert_return (invoke "anywhere" (u32.const 65536)) (u32.const 0))
(assert_return (invoke "anywhere" (u32.const 0xdeadbeef)) (u32.const 0))
(assert_return (invoke "anywhere" (u32.const 0xffffffff)) (u32.const 0))
(assert_return (invoke "then-all" (u32.const 0) (u32.const 62) (u32.const 1)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "then-all" (u32.const 0) (u32.const 62) (u32.const 20)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "then-all" (u32.const 40) (u32.const 22) (u32.const 3)) (str.const "OPQRSTUVWXYZ0123456789"))
(assert_return (invoke "then-all" (u32.const 61) (u32.const 1) (u32.const 2)) (str.const "9"))
(assert_return (invoke "untouched") (u32.const 42))

(component instance $i $Zero)
(assert_trap (invoke "after-end" (u32.const 0)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Zero)
(assert_trap (invoke "after-end" (u32.const 1)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Zero)
(assert_trap (invoke "after-bytes" (u32.const 0)) "cannot read from stream after being notified that the writable end dropped")
(component instance $i $Zero)
(assert_trap (invoke "after-bytes" (u32.const 1)) "cannot read from stream after being notified that the writable end dropped")
