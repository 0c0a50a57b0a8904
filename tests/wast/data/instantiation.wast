;;! data = true

;; Segments while a component is being instantiated, and of several instances of
;; one component. docs/data-segments.md, sections 1 and 5.

(component definition $Start
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
  (canon data.read $d (core func $data.read))
  (canon data.size $d (core func $data.size))
  (canon data.prefetch $d (core func $data.prefetch))
  (core module $M
    (import "" "mem" (memory 1))
    (import "" "stream.read-async" (func $stream.read-async (param i32 i32 i32) (result i32)))
    (import "" "stream.drop-readable" (func $stream.drop-readable (param i32)))
    (import "" "waitable-set.new" (func $waitable-set.new (result i32)))
    (import "" "waitable-set.wait" (func $waitable-set.wait (param i32 i32) (result i32)))
    (import "" "waitable-set.drop" (func $waitable-set.drop (param i32)))
    (import "" "waitable.join" (func $waitable.join (param i32 i32)))
    (import "" "data.read" (func $data.read (param i32 i32) (result i32)))
    (import "" "data.size" (func $data.size (result i32)))
    (import "" "data.prefetch" (func $data.prefetch (param i32 i32)))

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

    ;; The $n bytes from 1024 on as a string (or list) result.
    (func $result (param $n i32) (result i32)
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (local.get $n))
      (i32.const 0))

    ;; Opens a stream and begins to read it while the module is being
    ;; instantiated; whether bytes are there at once is the host's affair.
    (global $s (mut i32) (i32.const 0))
    (global $ret (mut i32) (i32.const 0))
    (global $size (mut i32) (i32.const 0))
    (func $start
      (global.set $size (call $data.size))
      (call $data.prefetch (i32.const 0) (i32.const 62))
      (global.set $s (call $data.read (i32.const 0) (i32.const 62)))
      (global.set $ret (call $stream.read-async (global.get $s) (i32.const 1024) (i32.const 10))))
    (start $start)

    (func (export "size") (result i32) (global.get $size))
    ;; What the read has brought, and the rest.
    (func (export "text") (result i32)
      (local $n i32)
      (if (i32.eq (global.get $ret) (i32.const -1 (; BLOCKED ;)))
        (then (global.set $ret (call $wait (global.get $s)))))
      (local.set $n (i32.shr_u (global.get $ret) (i32.const 4)))
      (loop $more
        (if (i32.eqz (i32.and (global.get $ret) (i32.const 0xf)))
          (then
            (global.set $ret (call $read (global.get $s) (i32.add (i32.const 1024) (local.get $n)) (i32.const 10)))
            (local.set $n (i32.add (local.get $n) (i32.shr_u (global.get $ret) (i32.const 4))))
            (br $more))))
      (call $stream.drop-readable (global.get $s))
      (call $result (local.get $n)))
  )
  (core instance $m (instantiate $M (with "" (instance
    (export "mem" (memory $memory "mem"))
    (export "stream.read-async" (func $stream.read-async))
    (export "stream.drop-readable" (func $stream.drop-readable))
    (export "waitable-set.new" (func $waitable-set.new))
    (export "waitable-set.wait" (func $waitable-set.wait))
    (export "waitable-set.drop" (func $waitable-set.drop))
    (export "waitable.join" (func $waitable.join))
    (export "data.read" (func $data.read))
    (export "data.size" (func $data.size))
    (export "data.prefetch" (func $data.prefetch))
  ))))
  (func (export "size") (result u32) (canon lift (core func $m "size")))
  (func (export "text") async (result string) (canon lift (core func $m "text") (memory (core memory $memory "mem"))))
)

(component instance $i $Start)
(assert_return (invoke "size") (u32.const 62))
(assert_return (invoke "text") (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(component instance $j $Start)
(assert_return (invoke "text") (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))

;; out of range in a start function: the component is not instantiated
(assert_trap
  (component
    (core data $d "0123456789")
    (core func $read (canon data.read $d))
    (core func $prefetch (canon data.prefetch $d))
    (core module $M
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "prefetch" (func $prefetch (param i32 i32)))
      (func $start (drop (call $read (i32.const 0) (i32.const 11))))
      (start $start))
    (core instance (instantiate $M (with "" (instance
      (export "read" (func $read)) (export "prefetch" (func $prefetch)))))))
  "out of bounds data segment access")
(assert_trap
  (component
    (core data $d "0123456789")
    (core func $read (canon data.read $d))
    (core func $prefetch (canon data.prefetch $d))
    (core module $M
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "prefetch" (func $prefetch (param i32 i32)))
      (func $start (drop (call $read (i32.const 11) (i32.const 0))))
      (start $start))
    (core instance (instantiate $M (with "" (instance
      (export "read" (func $read)) (export "prefetch" (func $prefetch)))))))
  "out of bounds data segment access")
(assert_trap
  (component
    (core data $d "0123456789")
    (core func $read (canon data.read $d))
    (core func $prefetch (canon data.prefetch $d))
    (core module $M
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "prefetch" (func $prefetch (param i32 i32)))
      (func $start (call $prefetch (i32.const 5) (i32.const 6)))
      (start $start))
    (core instance (instantiate $M (with "" (instance
      (export "read" (func $read)) (export "prefetch" (func $prefetch)))))))
  "out of bounds data segment access")
(assert_trap
  (component
    (core data $d )
    (core func $read (canon data.read $d))
    (core func $prefetch (canon data.prefetch $d))
    (core module $M
      (import "" "read" (func $read (param i32 i32) (result i32)))
      (import "" "prefetch" (func $prefetch (param i32 i32)))
      (func $start (drop (call $read (i32.const 0xffffffff) (i32.const 1))))
      (start $start))
    (core instance (instantiate $M (with "" (instance
      (export "read" (func $read)) (export "prefetch" (func $prefetch)))))))
  "out of bounds data segment access")

(component definition $Two
  ;; Reads what another component has opened, as text.
  (component $Text
    (import "open" (func $open (param "start" u32) (param "len" u32) (result (stream u8))))
    (core module $Memory (memory (export "mem") 1))
    (core instance $memory (instantiate $Memory))
    (type $ST (stream u8))
    (canon stream.read $ST (memory (core memory $memory "mem")) (core func $stream.read))
    (canon stream.drop-readable $ST (core func $stream.drop-readable))
    (canon lower (func $open) (core func $open))
    (core module $M
      (import "" "mem" (memory 1))
      (import "" "stream.read" (func $stream.read (param i32 i32 i32) (result i32)))
      (import "" "stream.drop-readable" (func $stream.drop-readable (param i32)))
      (import "" "open" (func $open (param i32 i32) (result i32)))

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

      (func (export "text") (param $start i32) (param $len i32) (result i32)
        (call $result (call $drain (call $open (local.get $start) (local.get $len)) (i32.const 5))))
    )
    (core instance $m (instantiate $M (with "" (instance
      (export "mem" (memory $memory "mem"))
      (export "stream.read" (func $stream.read))
      (export "stream.drop-readable" (func $stream.drop-readable))
      (export "open" (func $open))
    ))))
    (func (export "text") async (param "start" u32) (param "len" u32) (result string) (canon lift (core func $m "text") (memory (core memory $memory "mem"))))
  )
  (component $P
    (core data $d "one segment")
    (core func $open (canon data.read $d))
    (core func $size (canon data.size $d))
    (func (export "open") (param "start" u32) (param "len" u32) (result (stream u8)) (canon lift (core func $open)))
    (func (export "size") (result u32) (canon lift (core func $size)))
  )
  (instance $a (instantiate $P))
  (instance $b (instantiate $P))
  (instance $a-text (instantiate $Text (with "open" (func $a "open"))))
  (instance $b-text (instantiate $Text (with "open" (func $b "open"))))
  (export "a" (func $a-text "text"))
  (export "b" (func $b-text "text"))
)

(component instance $x $Two)
(component instance $y $Two)
(assert_return (invoke $x "a" (u32.const 0) (u32.const 11)) (str.const "one segment"))
(assert_return (invoke $y "a" (u32.const 0) (u32.const 11)) (str.const "one segment"))
(assert_return (invoke $x "b" (u32.const 4) (u32.const 7)) (str.const "segment"))
(assert_return (invoke $y "b" (u32.const 0) (u32.const 3)) (str.const "one"))
(assert_return (invoke $x "a" (u32.const 3) (u32.const 1)) (str.const " "))
;; one instance lost is one instance lost
(assert_trap (invoke $x "a" (u32.const 0) (u32.const 12)) "out of bounds data segment access")
(assert_return (invoke $y "a" (u32.const 0) (u32.const 11)) (str.const "one segment"))

;; Segments that nobody reads are no hindrance.
(component
  (core data "never read")
  (core data)
  (core data $d "read")
  (core data "never read either")
  (core func $size (canon data.size $d))
  (func (export "size") (result u32) (canon lift (core func $size))))
(assert_return (invoke "size") (u32.const 4))
