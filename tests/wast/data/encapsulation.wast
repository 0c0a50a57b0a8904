;;! data = true

;; A component has the segments of its own index space, and no way to another's.
;; docs/data-segments.md, sections 1 and 4.

(component definition $Family
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
  (core data $first "parent 0")
  (core data $second "parent 1, longer")
  (component $Child
    (component $Grandchild
      (core data "grandchild 0!")
      (core func $open (canon data.read 0))
      (core func $size (canon data.size 0))
      (func (export "open") (param "start" u32) (param "len" u32) (result (stream u8)) (canon lift (core func $open)))
      (func (export "size") (result u32) (canon lift (core func $size)))
    )
    (instance $grandchild (instantiate $Grandchild))
    (core data "child 0")
    (core func $open (canon data.read 0))
    (core func $size (canon data.size 0))
    (func (export "open") (param "start" u32) (param "len" u32) (result (stream u8)) (canon lift (core func $open)))
    (func (export "size") (result u32) (canon lift (core func $size)))
    (export "grandchild-open" (func $grandchild "open"))
    (export "grandchild-size" (func $grandchild "size"))
  )
  (instance $child (instantiate $Child))
  (instance $twin (instantiate $Child))
  (component $Given
    ;; an import comes before what is defined here
    (import "d" (core data $d))
    (core data $own "own")
    (core func $open (canon data.read 0))
    (core func $size (canon data.size 0))
    (core func $own-size (canon data.size 1))
    (func (export "open") (param "start" u32) (param "len" u32) (result (stream u8)) (canon lift (core func $open)))
    (func (export "size") (result u32) (canon lift (core func $size)))
    (func (export "own-size") (result u32) (canon lift (core func $own-size)))
  )
  (instance $given (instantiate $Given (with "d" (core data $second))))
  (core func $size0 (canon data.size 0))
  (core func $size1 (canon data.size 1))
  (func (export "parent-size-0") (result u32) (canon lift (core func $size0)))
  (func (export "parent-size-1") (result u32) (canon lift (core func $size1)))
  (instance $child-text (instantiate $Text (with "open" (func $child "open"))))
  (instance $twin-text (instantiate $Text (with "open" (func $twin "open"))))
  (instance $grandchild-text (instantiate $Text (with "open" (func $child "grandchild-open"))))
  (instance $given-text (instantiate $Text (with "open" (func $given "open"))))
  (export "child-size" (func $child "size"))
  (export "grandchild-size" (func $child "grandchild-size"))
  (export "given-size" (func $given "size"))
  (export "given-own-size" (func $given "own-size"))
  (export "child-text" (func $child-text "text"))
  (export "twin-text" (func $twin-text "text"))
  (export "grandchild-text" (func $grandchild-text "text"))
  (export "given-text" (func $given-text "text"))
)

(component instance $i $Family)
(assert_return (invoke "parent-size-0") (u32.const 8))
(assert_return (invoke "parent-size-1") (u32.const 16))
(assert_return (invoke "child-size") (u32.const 7))
(assert_return (invoke "grandchild-size") (u32.const 13))
(assert_return (invoke "given-size") (u32.const 16))
(assert_return (invoke "given-own-size") (u32.const 3))
(assert_return (invoke "child-text" (u32.const 0) (u32.const 7)) (str.const "child 0"))
(assert_return (invoke "twin-text" (u32.const 0) (u32.const 5)) (str.const "child"))
(assert_return (invoke "twin-text" (u32.const 6) (u32.const 1)) (str.const "0"))
(assert_return (invoke "grandchild-text" (u32.const 0) (u32.const 13)) (str.const "grandchild 0!"))
(assert_return (invoke "given-text" (u32.const 0) (u32.const 16)) (str.const "parent 1, longer"))
(assert_return (invoke "child-text" (u32.const 5) (u32.const 2)) (str.const " 0"))

;; the bounds are those of a component's own segment
(component instance $i $Family)
(assert_trap (invoke "child-text" (u32.const 0) (u32.const 8)) "out of bounds data segment access")
(component instance $i $Family)
(assert_trap (invoke "twin-text" (u32.const 7) (u32.const 1)) "out of bounds data segment access")
(component instance $i $Family)
(assert_trap (invoke "grandchild-text" (u32.const 0) (u32.const 14)) "out of bounds data segment access")
(component instance $i $Family)
(assert_trap (invoke "given-text" (u32.const 0) (u32.const 17)) "out of bounds data segment access")

;; A handle is a number in one instance's table only: $Guess tries the number of
;; a stream that another has opened.
(component definition $Numbers
  (component $Owner
    (core data $d "secret")
    (canon data.read $d (core func $data.read))
    (core module $M
      (import "" "data.read" (func $data.read (param i32 i32) (result i32)))

      (func (export "open") (result i32) (call $data.read (i32.const 0) (i32.const 6)))
    )
    (core instance $m (instantiate $M (with "" (instance
      (export "data.read" (func $data.read))
    ))))
    (func (export "open") (result u32) (canon lift (core func $m "open")))
  )
  (component $Guess
    (core module $Memory (memory (export "mem") 1))
    (core instance $memory (instantiate $Memory))
    (type $ST (stream u8))
    (canon stream.read $ST async (memory (core memory $memory "mem")) (core func $stream.read-async))
    (canon stream.drop-readable $ST (core func $stream.drop-readable))
    (canon waitable.join (core func $waitable.join))
    (core module $M
      (import "" "mem" (memory 1))
      (import "" "stream.read-async" (func $stream.read-async (param i32 i32 i32) (result i32)))
      (import "" "stream.drop-readable" (func $stream.drop-readable (param i32)))
      (import "" "waitable.join" (func $waitable.join (param i32 i32)))

      (func (export "read") (param $s i32) (drop (call $stream.read-async (local.get $s) (i32.const 0) (i32.const 1))))
      (func (export "drop") (param $s i32) (call $stream.drop-readable (local.get $s)))
      (func (export "join") (param $s i32) (call $waitable.join (local.get $s) (i32.const 0)))
    )
    (core instance $m (instantiate $M (with "" (instance
      (export "mem" (memory $memory "mem"))
      (export "stream.read-async" (func $stream.read-async))
      (export "stream.drop-readable" (func $stream.drop-readable))
      (export "waitable.join" (func $waitable.join))
    ))))
    (func (export "read") async (param "s" u32) (canon lift (core func $m "read")))
    (func (export "drop") async (param "s" u32) (canon lift (core func $m "drop")))
    (func (export "join") async (param "s" u32) (canon lift (core func $m "join")))
  )
  (instance $owner (instantiate $Owner))
  (instance $guess (instantiate $Guess))
  (export "open" (func $owner "open"))
  (export "read" (func $guess "read"))
  (export "drop" (func $guess "drop"))
  (export "join" (func $guess "join"))
)

(component instance $i $Numbers)
(assert_return (invoke "open") (u32.const 1))
(assert_trap (invoke "read" (u32.const 1)) "unknown handle index")
(component instance $i $Numbers)
(assert_return (invoke "open") (u32.const 1))
(assert_trap (invoke "drop" (u32.const 1)) "unknown handle index")
(component instance $i $Numbers)
(assert_return (invoke "open") (u32.const 1))
(assert_trap (invoke "join" (u32.const 1)) "unknown handle index")

;; What a component does not import or alias it cannot name: neither a
;; parent's nor a child's, nor a sibling's segments.
(assert_invalid
  (component
    (core data "parent")
    (component (core func (canon data.read 0))))
  "index out of bounds")
(assert_invalid
  (component
    (core data "parent")
    (core data "parent")
    (component (core data "child") (core func (canon data.size 1))))
  "index out of bounds")
(assert_invalid
  (component
    (component (core data "child"))
    (core func (canon data.read 0)))
  "index out of bounds")
(assert_invalid
  (component
    (component $C (core data "child"))
    (instance (instantiate $C))
    (core func (canon data.read 0)))
  "index out of bounds")
(assert_invalid
  (component
    (component $C (core data $d "child"))
    (instance $c (instantiate $C))
    (alias export $c "d" (core data)))
  "has no export named `d`")
(assert_invalid
  (component
    (component $C (core data $d "child") (export "other" (core data $d)))
    (instance $c (instantiate $C))
    (alias export $c "d" (core data)))
  "has no export named `d`")
(assert_invalid
  (component
    (component (core data "sibling"))
    (component (core func (canon data.prefetch 0))))
  "index out of bounds")

;; The data segments of core modules are others, in both directions.
(assert_invalid
  (component
    (core module (data "of a core module"))
    (core func (canon data.read 0)))
  "index out of bounds")
(assert_invalid
  (component
    (core data "of the component")
    (core module
      (memory 1)
      (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)))))
  "unknown data segment")
(assert_invalid
  (component
    (core data "of the component")
    (core module (func (data.drop 0))))
  "unknown data segment")
(component definition
  (core data "0") (core data "1") (core data "2")
  (core module
    (memory 1)
    (data "of a core module")
    (func (memory.init 0 (i32.const 0) (i32.const 0) (i32.const 0)) (data.drop 0))))

;; A segment adds nothing to a component's type: a component with segments can
;; be used where one without is wanted.
(component
  (component $Plain
    (core data "mine")
    (core data "also mine")
    (core func $size (canon data.size 1))
    (func (export "size") (result u32) (canon lift (core func $size))))
  (component $User
    (import "c" (component $C (export "size" (func (result u32)))))
    (instance $c (instantiate $C))
    (export "size" (func $c "size")))
  (instance $u (instantiate $User (with "c" (component $Plain))))
  (export "size" (func $u "size")))
(assert_return (invoke "size") (u32.const 9))
