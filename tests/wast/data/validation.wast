;;! data = true

;; Validation of segments, their uses and their built-ins.
;; docs/data-segments.md, section 4.

;; --- Indices ----------------------------------------------------------------

(assert_invalid
  (component
    (core func (canon data.read 0)))
  "index out of bounds")

(assert_invalid
  (component
    (core data "a") (core data "b")
    (core func (canon data.read 2 i64)))
  "index out of bounds")

(assert_invalid
  (component
    (core data "a")
    (core func (canon data.read 4294967295)))
  "index out of bounds")

(assert_invalid
  (component
    (core func (canon data.read 0))
    (core data "too late"))
  "index out of bounds")

(assert_invalid
  (component
    (core func (canon data.size 0)))
  "index out of bounds")

(assert_invalid
  (component
    (core data "a") (core data "b")
    (core func (canon data.size 2 i64)))
  "index out of bounds")

(assert_invalid
  (component
    (core data "a")
    (core func (canon data.size 4294967295)))
  "index out of bounds")

(assert_invalid
  (component
    (core func (canon data.size 0))
    (core data "too late"))
  "index out of bounds")

(assert_invalid
  (component
    (core func (canon data.prefetch 0)))
  "index out of bounds")

(assert_invalid
  (component
    (core data "a") (core data "b")
    (core func (canon data.prefetch 2 i64)))
  "index out of bounds")

(assert_invalid
  (component
    (core data "a")
    (core func (canon data.prefetch 4294967295)))
  "index out of bounds")

(assert_invalid
  (component
    (core func (canon data.prefetch 0))
    (core data "too late"))
  "index out of bounds")

(assert_invalid
  (component
    (import "d" (core data))
    (core func (canon data.read 1)))
  "index out of bounds")

(assert_invalid
  (component
    (core data $d) (export "e" (core data $d))
    (core func (canon data.read 2)))
  "index out of bounds")

(assert_invalid
  (component
    (core data) (export "e" (core data 1)))
  "index out of bounds")

(assert_invalid
  (component
    (export "e" (core data 0)))
  "index out of bounds")

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (instance (instantiate $C (with "d" (core data 0)))))
  "index out of bounds")

(assert_invalid
  (component
    (core data)
    (component $C (import "d" (core data)))
    (instance (instantiate $C (with "d" (core data 1)))))
  "index out of bounds")

(assert_invalid
  (component
    (instance (export "d" (core data 0))))
  "index out of bounds")

(assert_invalid
  (component
    (alias export 0 "d" (core data)))
  "index out of bounds")

(assert_invalid
  (component
    (alias outer 0 0 (core data)))
  "index out of bounds")

(assert_invalid
  (component
    (core data) (component (alias outer 1 1 (core data))))
  "index out of bounds")

(assert_invalid
  (component
    (core data) (component (alias outer 0 0 (core data))))
  "index out of bounds")

(assert_invalid
  (component
    (core data) (alias outer 1 0 (core data)))
  "invalid outer alias count")

(assert_invalid
  (component
    (core data) (component (component (alias outer 3 0 (core data)))))
  "invalid outer alias count")

(assert_invalid
  (component
    (component $C)
    (instance $c (instantiate $C))
    (core func (canon data.read (core data $c "d"))))
  "has no export named `d`")

;; --- The type of offsets ----------------------------------------------------

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\50\00\7d"                                ;; data.read 0 f32
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\51\00\7d"                                ;; data.size 0 f32
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\52\00\7d"                                ;; data.prefetch 0 f32
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\50\00\7c"                                ;; data.read 0 f64
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\51\00\7c"                                ;; data.size 0 f64
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\52\00\7c"                                ;; data.prefetch 0 f64
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\50\00\70"                                ;; data.read 0 funcref
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\51\00\70"                                ;; data.size 0 funcref
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\52\00\70"                                ;; data.prefetch 0 funcref
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\50\00\6f"                                ;; data.read 0 externref
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\51\00\6f"                                ;; data.size 0 externref
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\52\00\6f"                                ;; data.prefetch 0 externref
  )
  ""
)

;; --- Core types of the built-ins --------------------------------------------

(component
  (core data $d "abc")
  (core func $f (canon data.read $d))
  (core module $M (import "" "f" (func (param i32 i32) (result i32))))
  (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))

(component
  (core data $d "abc")
  (core func $f (canon data.read $d i64))
  (core module $M (import "" "f" (func (param i64 i64) (result i32))))
  (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))

(component
  (core data $d "abc")
  (core func $f (canon data.size $d))
  (core module $M (import "" "f" (func (result i32))))
  (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))

(component
  (core data $d "abc")
  (core func $f (canon data.size $d i64))
  (core module $M (import "" "f" (func (result i64))))
  (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))

(component
  (core data $d "abc")
  (core func $f (canon data.prefetch $d))
  (core module $M (import "" "f" (func (param i32 i32))))
  (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))

(component
  (core data $d "abc")
  (core func $f (canon data.prefetch $d i64))
  (core module $M (import "" "f" (func (param i64 i64))))
  (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d))
    (core module $M (import "" "f" (func (param i64 i64) (result i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d i64))
    (core module $M (import "" "f" (func (param i32 i32) (result i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d i64))
    (core module $M (import "" "f" (func (param i64 i64) (result i64))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d))
    (core module $M (import "" "f" (func (param i32) (result i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d))
    (core module $M (import "" "f" (func (param i32 i32 i32) (result i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d))
    (core module $M (import "" "f" (func (param i32 i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d))
    (core module $M (import "" "f" (func (param i32 i64) (result i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.size $d))
    (core module $M (import "" "f" (func (result i64))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.size $d i64))
    (core module $M (import "" "f" (func (result i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.size $d))
    (core module $M (import "" "f" (func (param i32) (result i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.size $d))
    (core module $M (import "" "f" (func )))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.prefetch $d))
    (core module $M (import "" "f" (func (param i32 i32) (result i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.prefetch $d))
    (core module $M (import "" "f" (func (param i64 i64))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.prefetch $d i64))
    (core module $M (import "" "f" (func (param i32 i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.prefetch $d))
    (core module $M (import "" "f" (func (param i32))))
    (core instance (instantiate $M (with "" (instance (export "f" (func $f)))))))
  "type mismatch")

;; lifted as they are

(component
  (core data $d "abc")
  (core func $r (canon data.read $d))
  (core func $r64 (canon data.read $d i64))
  (core func $s (canon data.size $d))
  (core func $p (canon data.prefetch $d))
  (func (param "start" u32) (param "len" u32) (result (stream u8)) (canon lift (core func $r)))
  (func (param "start" u64) (param "len" u64) (result (stream u8)) (canon lift (core func $r64)))
  (func (result u32) (canon lift (core func $s)))
  (func (result s32) (canon lift (core func $s)))
  (func (param "start" u32) (param "len" u32) (canon lift (core func $p))))

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d))
    (func (param "start" u32) (result (stream u8)) (canon lift (core func $f))))
  "lowered parameter types")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d))
    (func (param "start" u64) (param "len" u64) (result (stream u8)) (canon lift (core func $f))))
  "lowered parameter types")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d i64))
    (func (param "start" u32) (param "len" u32) (result (stream u8)) (canon lift (core func $f))))
  "lowered parameter types")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.read $d))
    (func (param "start" u32) (param "len" u32) (canon lift (core func $f))))
  "lowered result types")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.size $d))
    (func (param "x" u32) (result u32) (canon lift (core func $f))))
  "lowered parameter types")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.size $d))
    (func (result u64) (canon lift (core func $f))))
  "lowered result types")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.size $d))
    (func  (canon lift (core func $f))))
  "lowered result types")

(assert_invalid
  (component
    (core data $d "abc")
    (core func $f (canon data.prefetch $d))
    (func (param "start" u32) (param "len" u32) (result u32) (canon lift (core func $f))))
  "lowered result types")

;; --- Sorts ------------------------------------------------------------------

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (core data $x) (core func $cf (canon data.size $x)) (func $f (result u32) (canon lift (core func $cf)))
    (instance (instantiate $C (with "d" (func $f)))))
  "expected core data, found")

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (instance (instantiate $C (with "d" (component $C)))))
  "expected core data, found")

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (instance $i)
    (instance (instantiate $C (with "d" (instance $i)))))
  "expected core data, found")

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (core module $m)
    (instance (instantiate $C (with "d" (core module $m)))))
  "expected core data, found")

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (type $t u32)
    (instance (instantiate $C (with "d" (type $t)))))
  "expected core data, found")

(assert_invalid
  (component
    (core data $d)
    (component $C (import "d" (func)))
    (instance (instantiate $C (with "d" (core data $d)))))
  "found core data")

(assert_invalid
  (component
    (core data $d)
    (component $C (import "d" (component)))
    (instance (instantiate $C (with "d" (core data $d)))))
  "found core data")

(assert_invalid
  (component
    (core data $d)
    (component $C (import "d" (instance)))
    (instance (instantiate $C (with "d" (core data $d)))))
  "found core data")

(assert_invalid
  (component
    (core data $d)
    (component $C (import "d" (core module)))
    (instance (instantiate $C (with "d" (core data $d)))))
  "found core data")

(assert_invalid
  (component
    (core data $d)
    (component $C (type $t u32) (import "d" (type (eq $t))))
    (instance (instantiate $C (with "d" (core data $d)))))
  "found core data")

(assert_invalid
  (component
    (component $C (core data $d) (export "d" (core data $d)))
    (instance $c (instantiate $C))
    (alias export $c "d" (func)))
  "is not a func")

(assert_invalid
  (component
    (component $C (core data $d) (export "d" (core data $d)))
    (instance $c (instantiate $C))
    (alias export $c "d" (core module)))
  "is not a module")

(assert_invalid
  (component
    (component $C (core module $d) (export "d" (core module $d)))
    (instance $c (instantiate $C))
    (alias export $c "d" (core data)))
  "is not a")

(assert_invalid
  (component
    (component $C (component $d) (export "d" (component $d)))
    (instance $c (instantiate $C))
    (core func (canon data.read (core data $c "d"))))
  "is not a")

(assert_invalid
  (component
    (core data $d)
    (export "e" (core data $d) (func)))
  "ascribed type of export is not compatible")

(assert_invalid
  (component
    (core data $d)
    (export "e" (core data $d) (core module)))
  "ascribed type of export is not compatible")

(assert_invalid
  (component
    (core module $m) (export "e" (core module $m) (core data)))
  "ascribed type of export is not compatible")

;; --- Supplying segments -----------------------------------------------------

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (instance (instantiate $C)))
  "missing import named `d`")

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (core data $d)
    (instance (instantiate $C (with "x" (core data $d)))))
  "missing import named `d`")

(assert_invalid
  (component
    (component $C (import "d" (core data)))
    (core data $d)
    (instance (instantiate $C (with "d" (core data $d)) (with "d" (core data $d)))))
  "conflicts with previous")

(component
  (component $C (import "d" (core data)))
  (core data $d)
  (instance (instantiate $C (with "d" (core data $d)) (with "unused" (core data $d)))))

(assert_invalid
  (component
    (component $User (import "i" (instance (export "d" (core data)))))
    (instance $empty)
    (instance (instantiate $User (with "i" (instance $empty)))))
  "missing expected export `d`")

(assert_invalid
  (component
    (component $User (import "i" (instance (export "d" (core data)))))
    (core module $m)
    (instance $other (export "d" (core module $m)))
    (instance (instantiate $User (with "i" (instance $other)))))
  "expected core data, found")

(assert_invalid
  (component
    (component $User (import "i" (instance (export "d" (core module)))))
    (core data $d)
    (instance $other (export "d" (core data $d)))
    (instance (instantiate $User (with "i" (instance $other)))))
  "found core data")

(component
  (component $User (import "i" (instance (export "d" (core data)))))
  (core data $d)
  (core module $m)
  (instance $more (export "d" (core data $d)) (export "more" (core data $d)) (export "m" (core module $m)))
  (instance (instantiate $User (with "i" (instance $more)))))

;; a component that imports a segment is not one that imports none

(assert_invalid
  (component
    (component $User (import "c" (component (export "e" (core data)))))
    (component $Needs (import "d" (core data $d)) (export "e" (core data $d)))
    (instance (instantiate $User (with "c" (component $Needs)))))
  "")

(assert_invalid
  (component
    (component $User (import "c" (component (import "d" (core data)) (export "e" (core data)))))
    (component $Gives (import "d" (core data)))
    (instance (instantiate $User (with "c" (component $Gives)))))
  "missing expected export `e`")

(assert_invalid
  (component
    (component $User (import "c" (component (import "d" (core data)))))
    (component $Other (import "d" (func)))
    (instance (instantiate $User (with "c" (component $Other)))))
  "")

(component
  (component $User (import "c" (component (import "d" (core data)) (export "e" (core data)))))
  (component $Less (core data $own "own") (export "e" (core data $own)))
  (instance (instantiate $User (with "c" (component $Less)))))

;; --- Names ------------------------------------------------------------------

(assert_invalid
  (component
    (import "d" (core data)) (import "d" (core data)))
  "conflicts with previous name")

(assert_invalid
  (component
    (import "d" (core data)) (import "D" (core data)))
  "conflicts with previous name")

(assert_invalid
  (component
    (import "d" (core data)) (import "d" (func)))
  "conflicts with previous name")

(assert_invalid
  (component
    (core data $d)
    (export "e" (core data $d)) (export "e" (core data $d)))
  "conflicts with previous name")

(assert_invalid
  (component
    (core data $d)
    (instance (export "e" (core data $d)) (export "E" (core data $d))))
  "conflicts with previous name")

(assert_invalid
  (component
    (import "Not Kebab" (core data)))
  "is not a valid extern name")

(assert_invalid
  (component
    (core data $d)
    (export "not_kebab" (core data $d)))
  "is not a valid extern name")

(assert_invalid
  (component
    (import "" (core data)))
  "is not a valid extern name")

(assert_invalid
  (component
    (import "d" (implements "a:b/c") (core data)))
  "only instances can have an `implements`")

(assert_invalid
  (component
    (core data $d)
    (export "e" (implements "a:b/c") (core data $d)))
  "only instances can have an `implements`")

(component definition (import "d" (external-id "anything") (core data)))

(component definition (import "a:b/c" (core data $d)) (export "x:y/z@1.2.3" (core data $d)))

;; --- Where segments cannot be ----------------------------------------------

;; core instances do not carry them
(assert_invalid
  (component
    (core data $d)
    (core instance (export "d" (data $d))))
  "core data")

(assert_invalid
  (component
    (core data $d)
    (core module $M (import "" "d" (func)))
    (core instance (instantiate $M (with "" (instance (export "d" (data $d)))))))
  "core data")

;; types name no segments
(assert_invalid
  (component
    (core data $d) (type (component (alias outer 1 0 (core data)))))
  "may only refer to types or instances")

(assert_invalid
  (component
    (core data $d) (type (instance (alias outer 1 0 (core data)))))
  "may only refer to types or instances")

(assert_invalid
  (component
    (type (instance
      (export "i" (instance $i (export "d" (core data))))
      (alias export $i "d" (core data)))))
  "may only refer to types or instances")
