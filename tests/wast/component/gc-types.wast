;;! gc = true
;; Core types of WebAssembly 3.0 at component level: recursive groups,
;; supertypes, structures, arrays and typed references, and what module types
;; make of them. Core specification, "Validation / Types" and "Matching".

;; every form there is
(component
  (core type $f (func (param i32) (result i32)))
  (core type $s (struct (field i8) (field $x (mut i16)) (field (ref null $f))))
  (core type $a (array (mut i64)))
  (core rec
    (type $node (sub (struct (field (ref null $node)) (field (ref null $leaf)))))
    (type $leaf (sub final $node
      (struct (field (ref null $leaf)) (field (ref null $leaf)) (field f64)))))
  (core type $super (sub (func (param (ref $s)) (result anyref))))
  (core type $sub (sub $super (func (param structref) (result (ref eq)))))
  (core type $own (func (param (ref null $own))))
  (core type $m (module
    (alias outer 1 $node (type $n))
    (rec (type $p (struct (field (ref $q)))) (type $q (array (ref $p))))
    (type $g (sub (func (param (ref $p) nullref nullfuncref i31ref))))
    (import "a" "f" (func (type $g)))
    (import "a" "g" (global (mut (ref null $n))))
    (export "t" (table 1 (ref null $q)))
    (export "e" (tag (type $g)))))
)

;; a group may be empty, and one type in a group is not the same as alone
(component
  (core rec)
  (core rec (type (func))))

(assert_invalid
  (component (core type (sub 0 1 (func))))
  "unknown type")
(assert_invalid
  (component (core type $a (sub (func))) (core type $b (sub (func)))
    (core type (sub $a $b (func))))
  "only one supertype is allowed")
(assert_invalid
  (component (core type $a (func)) (core type (sub $a (func))))
  "sub type cannot have a final super type")
(assert_invalid
  (component (core type $a (sub final (func))) (core type (sub $a (func))))
  "sub type cannot have a final super type")
(assert_invalid
  (component (core rec (type $a (sub $b (func))) (type $b (sub (func)))))
  "supertypes must be defined before subtypes")
(assert_invalid
  (component (core rec (type $a (sub $a (func)))))
  "supertypes must be defined before subtypes")
;; a chain that ends in itself is not walked
(assert_invalid
  (component (core rec
    (type $a (sub (struct (field (ref $c)))))
    (type $b (sub $a (struct (field (ref $c)))))
    (type $c (sub $c (struct)))))
  "supertypes must be defined before subtypes")
(assert_invalid
  (component (core type $m (module)) (core type (struct (field (ref 0)))))
  "core type index 0 is a module type")
(assert_invalid
  (component (core type (struct (field (ref 1)))))
  "unknown type 1: type index out of bounds")
(assert_invalid
  (component (core type $s (struct))
    (core type (module (alias outer 1 $s (type $s)) (import "" "" (func (type $s))))))
  "core type index 0 is not a function type")
(assert_invalid
  (component (core type $m (module)) (core type (module (alias outer 1 $m (type)))))
  "core type index 0 is a module type")

;; what a subtype must be like: parameters the other way, results and fields
;; alike, no fewer fields; what can be changed is the same
(assert_invalid
  (component (core type $a (sub (func (param anyref))))
    (core type (sub $a (func (param eqref)))))
  "sub type must match super type")
(assert_invalid
  (component (core type $a (sub (func (result eqref))))
    (core type (sub $a (func (result anyref)))))
  "sub type must match super type")
(assert_invalid
  (component (core type $a (sub (func))) (core type (sub $a (struct))))
  "sub type must match super type")
(assert_invalid
  (component (core type $a (sub (struct (field i32)))) (core type (sub $a (struct))))
  "sub type must match super type")
(assert_invalid
  (component (core type $a (sub (struct (field i8))))
    (core type (sub $a (struct (field i16)))))
  "sub type must match super type")
(assert_invalid
  (component (core type $a (sub (struct (field (mut anyref)))))
    (core type (sub $a (struct (field (mut eqref))))))
  "sub type must match super type")
(assert_invalid
  (component (core type $a (sub (struct (field anyref))))
    (core type (sub $a (struct (field (mut anyref))))))
  "sub type must match super type")
(assert_invalid
  (component (core type $a (sub (array (ref null func))))
    (core type (sub $a (array externref))))
  "sub type must match super type")
(assert_invalid
  (component (core type $a (sub (struct (field (ref any)))))
    (core type (sub $a (struct (field anyref)))))
  "sub type must match super type")
(component
  (core type $s (sub (struct)))
  (core type $t (sub $s (struct (field (mut i32)))))
  (core type $f (func))
  (core type $a (sub (struct (field anyref) (field anyref) (field anyref)
    (field eqref) (field funcref) (field externref) (field (ref null $s))
    (field exnref) (field (ref null $f)) (field structref) (field arrayref))))
  (core type (sub $a (struct (field eqref) (field (ref $t)) (field i31ref)
    (field arrayref) (field (ref $f)) (field nullexternref) (field (ref $t))
    (field (ref noexn)) (field nullfuncref) (field nullref) (field nullref)
    (field i32)))))

;; --- Matching ---------------------------------------------------------------

;; A group is the same wherever it stands, its types are not those of another.
(component definition
  (core rec (type $a (struct (field (ref null $b)))) (type $b (sub (func))))
  (core rec (type $c (struct (field (ref null $d)))) (type $d (sub (func))))
  (component $C
    (core rec (type $e (struct (field (ref null $f)))) (type $f (sub (func))))
    (import "m" (core module
      (alias outer 1 $f (type $f))
      (export "x" (func (type $f)))
      (export "y" (global (ref null $f))))))
  (import "n" (core module $n
    (alias outer 1 $b (type $b))
    (alias outer 1 $d (type $d))
    (export "x" (func (type $b)))
    (export "y" (global (ref $d)))))
  (instance (instantiate $C (with "m" (core module $n)))))
(assert_invalid
  (component
    (core rec (type $a (struct (field (ref null $b)))) (type $b (sub (func))))
    (component $C
      (core type $f (sub (func)))
      (import "m" (core module
        (alias outer 1 $f (type $f))
        (export "x" (func (type $f))))))
    (import "n" (core module $n
      (alias outer 1 $b (type $b))
      (export "x" (func (type $b)))))
    (instance (instantiate $C (with "m" (core module $n)))))
  "type mismatch")
;; a function of a subtype serves where its supertype is asked for, and is
;; imported where less is given
(component definition
  (core type $a (sub (func)))
  (core type $b (sub $a (func)))
  (core type $c (sub $b (func)))
  (component $C
    (import "m" (core module
      (alias outer 2 $a (type $a))
      (alias outer 2 $c (type $c))
      (import "" "i" (func (type $c)))
      (export "x" (func (type $a))))))
  (import "n" (core module $n
    (alias outer 1 $a (type $a))
    (alias outer 1 $c (type $c))
    (import "" "i" (func (type $a)))
    (export "x" (func (type $c)))))
  (instance (instantiate $C (with "m" (core module $n)))))
(assert_invalid
  (component
    (core type $a (sub (func)))
    (core type $b (sub $a (func)))
    (component $C
      (import "m" (core module
        (alias outer 2 $b (type $b))
        (export "x" (func (type $b))))))
    (import "n" (core module $n
      (alias outer 1 $a (type $a))
      (export "x" (func (type $a)))))
    (instance (instantiate $C (with "m" (core module $n)))))
  "declared as another type")
;; tags have no subtyping, nor has what can be changed
(assert_invalid
  (component
    (core type $a (sub (func)))
    (core type $b (sub $a (func)))
    (component $C
      (import "m" (core module
        (alias outer 2 $a (type $a)) (export "x" (tag (type $a))))))
    (import "n" (core module $n
      (alias outer 1 $b (type $b)) (export "x" (tag (type $b)))))
    (instance (instantiate $C (with "m" (core module $n)))))
  "declared as another type")
(component definition
  (component $C (import "m" (core module (export "x" (global anyref)))))
  (import "n" (core module $n (export "x" (global (ref i31)))))
  (instance (instantiate $C (with "m" (core module $n)))))
(assert_invalid
  (component
    (component $C (import "m" (core module (export "x" (global (mut anyref))))))
    (import "n" (core module $n (export "x" (global (mut i31ref)))))
    (instance (instantiate $C (with "m" (core module $n)))))
  "expected global type anyref, found i31ref")
(assert_invalid
  (component
    (component $C (import "m" (core module (export "x" (table 0 anyref)))))
    (import "n" (core module $n (export "x" (table 0 i31ref))))
    (instance (instantiate $C (with "m" (core module $n)))))
  "expected table element type anyref, found i31ref")

;; A function of a module of today is final and alone: it is not one of a
;; declared type, but one written so is as ever.
(component
  (core type $f (func (param i32)))
  (component $C
    (import "m" (core module
      (alias outer 2 $f (type $f)) (export "x" (func (type $f))))))
  (core module $m (func (export "x") (param i32)))
  (instance (instantiate $C (with "m" (core module $m)))))
(assert_invalid
  (component
    (core type $f (sub (func (param i32))))
    (component $C
      (import "m" (core module
        (alias outer 2 $f (type $f)) (export "x" (func (type $f))))))
    (core module $m (func (export "x") (param i32)))
    (instance (instantiate $C (with "m" (core module $m)))))
  "declared as another type")
;; instances of modules known by their type only
(component definition
  (core type $f (sub (func)))
  (import "n" (core module $n
    (alias outer 1 $f (type $f)) (export "x" (func (type $f)))))
  (import "o" (core module $o
    (alias outer 1 $f (type $f)) (import "" "x" (func (type $f)))))
  (core instance $i (instantiate $n))
  (core func $x (alias core export $i "x"))
  (core instance (instantiate $o (with "" (instance $i))))
  (core instance (instantiate $o
    (with "" (instance (export "x" (func $x)))))))
(assert_invalid
  (component
    (core type $f (sub (func)))
    (import "n" (core module $n (export "x" (func))))
    (import "o" (core module $o
      (alias outer 1 $f (type $f)) (import "" "x" (func (type $f)))))
    (core instance $i (instantiate $n))
    (core func $x (alias core export $i "x"))
    (core instance (instantiate $o
      (with "" (instance (export "x" (func $x)))))))
  "declared as another type")

;; --- Bytes ------------------------------------------------------------------

(assert_malformed
  (component binary "\00asm" "\0d\00\01\00" "\03\04\01" "\00\60\00")
  "invalid leading byte (0x60) for core type")
(assert_malformed
  (component binary "\00asm" "\0d\00\01\00" "\03\05\01" "\5f\01\7f\02")
  "malformed mutability")
(assert_malformed
  (component binary "\00asm" "\0d\00\01\00" "\03\05\01" "\5e\63\40\00")
  "malformed heap type")
(assert_malformed
  (component binary "\00asm" "\0d\00\01\00" "\03\04\01" "\5e\79\00")
  "invalid leading byte (0x79) for core value type")
(assert_malformed
  (component binary "\00asm" "\0d\00\01\00" "\03\04\01" "\4e\01\4e")
  "invalid leading byte (0x4e) for core type")

;; --- gc and core-type -------------------------------------------------------

(component definition
  (core type $s (struct (field (mut i32))))
  (core type $t (func (param (ref null $s))))
  (import "f" (func $f (param "a" u32)))
  (canon lower (func $f) gc (core-type $t) (core func))
  (core module $m (func (export "g") (param i32)))
  (core instance $i (instantiate $m))
  (func (param "a" u32) (canon lift (core func $i "g") gc)))
(assert_invalid
  (component (import "f" (func $f)) (canon lower (func $f) gc (core func)))
  "canonical option `core-type` is required")
(assert_invalid
  (component (import "f" (func $f)) (canon lower (func $f) gc gc (core func)))
  "canonical option `gc` is specified more than once")
(assert_invalid
  (component (core type $t (func)) (import "f" (func $f))
    (canon lower (func $f) gc (core-type $t) (core-type $t) (core func)))
  "canonical option `core-type` is specified more than once")
(assert_invalid
  (component (core type $t (func)) (import "f" (func $f))
    (canon lower (func $f) (core-type $t) (core func)))
  "canonical option `core-type` requires `gc` to also be specified")
(assert_invalid
  (component (core type $t (struct)) (import "f" (func $f))
    (canon lower (func $f) gc (core-type $t) (core func)))
  "core type index 0 is not a function type")
(assert_invalid
  (component (core type $t (func (param i64)))
    (core module $m (func (export "g") (param i32)))
    (core instance $i (instantiate $m))
    (func (param "a" u32) (canon lift (core func $i "g") gc (core-type $t))))
  "canonical option `core-type` is not the type of the lifted core function")
(assert_invalid
  (component (type $s (stream u8)) (core module $m (memory (export "m") 1))
    (core instance $i (instantiate $m))
    (canon stream.read $s (memory $i "m") gc (core func)))
  "canonical option `gc` cannot be specified for stream.read")
