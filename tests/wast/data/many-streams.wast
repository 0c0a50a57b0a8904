;;! data = true

;; Several streams at once, over one segment and over two: each has its own
;; position. docs/data-segments.md, section 6.

(component definition $Many
  (core data $d "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
  (core data $other "zyxwvutsrqponmlkjihgfedcba")
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
  (canon data.read $other (core func $data.read-other))
  (core module $M
    (import "" "mem" (memory 1))
    (import "" "stream.read-async" (func $stream.read-async (param i32 i32 i32) (result i32)))
    (import "" "stream.drop-readable" (func $stream.drop-readable (param i32)))
    (import "" "waitable-set.new" (func $waitable-set.new (result i32)))
    (import "" "waitable-set.wait" (func $waitable-set.wait (param i32 i32) (result i32)))
    (import "" "waitable-set.drop" (func $waitable-set.drop (param i32)))
    (import "" "waitable.join" (func $waitable.join (param i32 i32)))
    (import "" "data.read" (func $data.read (param i32 i32) (result i32)))
    (import "" "data.read-other" (func $data.read-other (param i32 i32) (result i32)))

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

    ;; Appends $len bytes of $s, read byte by byte, at $at.
    (func $bytes (param $s i32) (param $at i32) (param $len i32)
      (loop $next
        (if (i32.ne (i32.const 1) (i32.shr_u (call $read (local.get $s) (local.get $at) (i32.const 1)) (i32.const 4)))
          (then unreachable))
        (local.set $at (i32.add (local.get $at) (i32.const 1)))
        (local.set $len (i32.sub (local.get $len) (i32.const 1)))
        (br_if $next (local.get $len))))

    ;; Two streams over the same range, in turn, $step bytes each.
    (func (export "interleaved") (param $step i32) (result i32)
      (local $a i32) (local $b i32) (local $at i32)
      (local.set $a (call $data.read (i32.const 0) (i32.const 60)))
      (local.set $b (call $data.read (i32.const 0) (i32.const 60)))
      (local.set $at (i32.const 1024))
      (loop $next
        (call $bytes (local.get $a) (local.get $at) (local.get $step))
        (local.set $at (i32.add (local.get $at) (local.get $step)))
        (call $bytes (local.get $b) (local.get $at) (local.get $step))
        (local.set $at (i32.add (local.get $at) (local.get $step)))
        (br_if $next (i32.lt_u (local.get $at) (i32.const 1144))))
      (call $stream.drop-readable (local.get $a))
      (call $stream.drop-readable (local.get $b))
      (call $result (i32.const 120)))

    ;; Two streams that begin where the other ends, in turn byte by byte.
    (func (export "halves") (result i32)
      (local $a i32) (local $b i32) (local $i i32)
      (local.set $a (call $data.read (i32.const 0) (i32.const 31)))
      (local.set $b (call $data.read (i32.const 31) (i32.const 31)))
      (loop $next
        (call $bytes (local.get $b) (i32.add (i32.const 1055) (local.get $i)) (i32.const 1))
        (call $bytes (local.get $a) (i32.add (i32.const 1024) (local.get $i)) (i32.const 1))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 31))))
      (call $stream.drop-readable (local.get $b))
      (call $stream.drop-readable (local.get $a))
      (call $result (i32.const 62)))

    ;; $n streams of one byte each, opened first, then read from the last to the
    ;; first: stream i yields byte i of the segment, modulo 62. The sum of all.
    (func (export "backwards") (param $n i32) (result i32)
      (local $i i32) (local $sum i32) (local $s i32)
      (loop $open
        (i32.store (i32.add (i32.const 8192) (i32.mul (local.get $i) (i32.const 4)))
          (call $data.read (i32.rem_u (local.get $i) (i32.const 62)) (i32.const 1)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $open (i32.lt_u (local.get $i) (local.get $n))))
      (loop $next
        (local.set $i (i32.sub (local.get $i) (i32.const 1)))
        (local.set $s (i32.load (i32.add (i32.const 8192) (i32.mul (local.get $i) (i32.const 4)))))
        (if (i32.ne (call $read (local.get $s) (i32.const 1024) (i32.const 100)) (i32.const 0x11 (; DROPPED | 1 << 4 ;)))
          (then unreachable))
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.const 1024))))
        (call $stream.drop-readable (local.get $s))
        (br_if $next (local.get $i)))
      (local.get $sum))

    ;; $n streams over everything, all reading at once through one waitable set,
    ;; $most bytes at a time, each into a place of its own. The number of bytes.
    (func (export "at-once") (param $n i32) (param $most i32) (result i32)
      (local $ws i32) (local $i i32) (local $open i32) (local $p i32) (local $ret i32) (local $total i32)
      (local.set $ws (call $waitable-set.new))
      ;; an entry per stream: handle, bytes so far, whether it waits
      (loop $each
        (local.set $p (i32.add (i32.const 8192) (i32.mul (local.get $i) (i32.const 12))))
        (i32.store offset=0 (local.get $p) (call $data.read (i32.const 0) (i32.const 62)))
        (i32.store offset=4 (local.get $p) (i32.const 0))
        (call $waitable.join (i32.load (local.get $p)) (local.get $ws))
        (call $start (local.get $p) (local.get $i) (local.get $most))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $each (i32.lt_u (local.get $i) (local.get $n))))
      ;; what waits gets events
      (loop $more
        (local.set $i (i32.const 0))
        (local.set $open (i32.const 0))
        (loop $scan
          (local.set $open (i32.add (local.get $open)
            (i32.load offset=8 (i32.add (i32.const 8192) (i32.mul (local.get $i) (i32.const 12))))))
          (local.set $i (i32.add (local.get $i) (i32.const 1)))
          (br_if $scan (i32.lt_u (local.get $i) (local.get $n))))
        (if (local.get $open)
          (then
            (if (i32.ne (call $waitable-set.wait (local.get $ws) (i32.const 0)) (i32.const 2 (; STREAM_READ ;)))
              (then unreachable))
            (local.set $i (i32.const 0))
            (block $found
              (loop $search
                (local.set $p (i32.add (i32.const 8192) (i32.mul (local.get $i) (i32.const 12))))
                (br_if $found (i32.eq (i32.load (local.get $p)) (i32.load (i32.const 0))))
                (local.set $i (i32.add (local.get $i) (i32.const 1)))
                (br_if $search (i32.lt_u (local.get $i) (local.get $n)))
                unreachable))
            (if (i32.eqz (i32.load offset=8 (local.get $p))) (then unreachable))
            (i32.store offset=8 (local.get $p) (i32.const 0))
            (if (i32.eqz (call $took (local.get $p) (i32.load (i32.const 4))))
              (then (call $start (local.get $p) (local.get $i) (local.get $most))))
            (br $more))))
      ;; everybody has got everything
      (local.set $i (i32.const 0))
      (loop $each
        (local.set $p (i32.add (i32.const 8192) (i32.mul (local.get $i) (i32.const 12))))
        (local.set $total (i32.add (local.get $total) (i32.load offset=4 (local.get $p))))
        (if (i32.ne (call $sum (i32.add (i32.const 16384) (i32.mul (local.get $i) (i32.const 64)))) (i32.const 5387))
          (then unreachable))
        (call $stream.drop-readable (i32.load (local.get $p)))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $each (i32.lt_u (local.get $i) (local.get $n))))
      (call $waitable-set.drop (local.get $ws))
      (local.get $total))
    ;; Reads until a read is BLOCKED or the stream has ended.
    (func $start (param $p i32) (param $i i32) (param $most i32)
      (local $ret i32)
      (loop $more
        (local.set $ret (call $stream.read-async (i32.load (local.get $p))
          (i32.add (i32.add (i32.const 16384) (i32.mul (local.get $i) (i32.const 64))) (i32.load offset=4 (local.get $p)))
          (local.get $most)))
        (i32.store offset=8 (local.get $p) (i32.eq (local.get $ret) (i32.const -1 (; BLOCKED ;))))
        (if (i32.ne (local.get $ret) (i32.const -1))
          (then (br_if $more (i32.eqz (call $took (local.get $p) (local.get $ret))))))))
    (func $took (param $p i32) (param $ret i32) (result i32)
      (i32.store offset=4 (local.get $p)
        (i32.add (i32.load offset=4 (local.get $p)) (i32.shr_u (local.get $ret) (i32.const 4))))
      (i32.and (local.get $ret) (i32.const 0xf)))
    (func $sum (param $at i32) (result i32)
      (local $sum i32) (local $i i32)
      (loop $next
        (local.set $sum (i32.add (local.get $sum) (i32.load8_u (i32.add (local.get $at) (local.get $i)))))
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 62))))
      (local.get $sum))

    ;; Streams over two segments at once: bytes of each in turn.
    (func (export "two-segments") (result i32)
      (local $a i32) (local $b i32) (local $i i32)
      (local.set $a (call $data.read (i32.const 0) (i32.const 26)))
      (local.set $b (call $data.read-other (i32.const 0) (i32.const 26)))
      (loop $next
        (call $bytes (local.get $a) (i32.add (i32.const 1024) (local.get $i)) (i32.const 1))
        (call $bytes (local.get $b) (i32.add (i32.const 1025) (local.get $i)) (i32.const 1))
        (local.set $i (i32.add (local.get $i) (i32.const 2)))
        (br_if $next (i32.lt_u (local.get $i) (i32.const 52))))
      (call $stream.drop-readable (local.get $a))
      (call $stream.drop-readable (local.get $b))
      (call $result (i32.const 52)))

    ;; The handles of a fresh instance begin with 1 and are given in order; a
    ;; dropped one comes back first.
    (func (export "handles") (result i32)
      (if (i32.ne (call $data.read (i32.const 0) (i32.const 1)) (i32.const 1)) (then unreachable))
      (if (i32.ne (call $data.read (i32.const 1) (i32.const 1)) (i32.const 2)) (then unreachable))
      (if (i32.ne (call $data.read-other (i32.const 2) (i32.const 1)) (i32.const 3)) (then unreachable))
      (call $stream.drop-readable (i32.const 2))
      (if (i32.ne (call $data.read-other (i32.const 3) (i32.const 1)) (i32.const 2)) (then unreachable))
      (call $bytes (i32.const 1) (i32.const 1024) (i32.const 1))
      (call $bytes (i32.const 2) (i32.const 1025) (i32.const 1))
      (call $bytes (i32.const 3) (i32.const 1026) (i32.const 1))
      (call $result (i32.const 3)))
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
    (export "data.read-other" (func $data.read-other))
  ))))
  (func (export "interleaved") async (param "step" u32) (result string) (canon lift (core func $m "interleaved") (memory (core memory $memory "mem"))))
  (func (export "halves") async (result string) (canon lift (core func $m "halves") (memory (core memory $memory "mem"))))
  (func (export "backwards") async (param "n" u32) (result u32) (canon lift (core func $m "backwards")))
  (func (export "at-once") async (param "n" u32) (param "most" u32) (result u32) (canon lift (core func $m "at-once")))
  (func (export "two-segments") async (result string) (canon lift (core func $m "two-segments") (memory (core memory $memory "mem"))))
  (func (export "handles") async (result string) (canon lift (core func $m "handles") (memory (core memory $memory "mem"))))
)

(component instance $i $Many)
(assert_return (invoke "interleaved" (u32.const 1)) (str.const "aabbccddeeffgghhiijjkkllmmnnooppqqrrssttuuvvwwxxyyzzAABBCCDDEEFFGGHHIIJJKKLLMMNNOOPPQQRRSSTTUUVVWWXXYYZZ0011223344556677"))
(assert_return (invoke "interleaved" (u32.const 2)) (str.const "ababcdcdefefghghijijklklmnmnopopqrqrststuvuvwxwxyzyzABABCDCDEFEFGHGHIJIJKLKLMNMNOPOPQRQRSTSTUVUVWXWXYZYZ0101232345456767"))
(assert_return (invoke "interleaved" (u32.const 3)) (str.const "abcabcdefdefghighijkljklmnomnopqrpqrstustuvwxvwxyzAyzABCDBCDEFGEFGHIJHIJKLMKLMNOPNOPQRSQRSTUVTUVWXYWXYZ01Z01234234567567"))
(assert_return (invoke "interleaved" (u32.const 10)) (str.const "abcdefghijabcdefghijklmnopqrstklmnopqrstuvwxyzABCDuvwxyzABCDEFGHIJKLMNEFGHIJKLMNOPQRSTUVWXOPQRSTUVWXYZ01234567YZ01234567"))
(assert_return (invoke "interleaved" (u32.const 30)) (str.const "abcdefghijklmnopqrstuvwxyzABCDabcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567EFGHIJKLMNOPQRSTUVWXYZ01234567"))
(assert_return (invoke "interleaved" (u32.const 60)) (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ01234567"))
(assert_return (invoke "halves") (str.const "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"))
(assert_return (invoke "backwards" (u32.const 1)) (u32.const 97))
(assert_return (invoke "backwards" (u32.const 62)) (u32.const 5387))
(assert_return (invoke "backwards" (u32.const 100)) (u32.const 9080))
(assert_return (invoke "backwards" (u32.const 1000)) (u32.const 86996))
(assert_return (invoke "at-once" (u32.const 1) (u32.const 1)) (u32.const 62))
(assert_return (invoke "at-once" (u32.const 1) (u32.const 62)) (u32.const 62))
(assert_return (invoke "at-once" (u32.const 2) (u32.const 1)) (u32.const 124))
(assert_return (invoke "at-once" (u32.const 2) (u32.const 7)) (u32.const 124))
(assert_return (invoke "at-once" (u32.const 2) (u32.const 62)) (u32.const 124))
(assert_return (invoke "at-once" (u32.const 3) (u32.const 61)) (u32.const 186))
(assert_return (invoke "at-once" (u32.const 16) (u32.const 5)) (u32.const 992))
(assert_return (invoke "at-once" (u32.const 100) (u32.const 1)) (u32.const 6200))
(assert_return (invoke "at-once" (u32.const 100) (u32.const 30)) (u32.const 6200))
(assert_return (invoke "at-once" (u32.const 100) (u32.const 62)) (u32.const 6200))
(assert_return (invoke "two-segments") (str.const "azbycxdwevfugthsirjqkplomnnmolpkqjrishtgufvewdxcybza"))

(component instance $x $Many)
(assert_return (invoke "handles") (str.const "awx"))
(component instance $y $Many)
(assert_return (invoke "handles") (str.const "awx"))
