;;! values = true
;; Values and start functions. Explainer.md "Value Definitions", "Start
;; Definitions", "Import and Export Definitions"; Binary.md the same;
;; Concurrency.md "Interaction with the start function".

;; --- definitions -----------------------------------------------------------

(component
  (value $a bool true)
  (value $b u8 1)
  (value $c s64 -8)
  (value $d f32 9.5)
  (value $e f64 nan)
  (value $f char '\u{1f642}')
  (value $g string "hello")
  (type $rec (record (field "a" bool) (field "b" (option u8))))
  (export $rec-x "rec" (type $rec))
  (value $h $rec-x (record true (some 1)))
  (value $i (list (result (option u8))) (list error (ok (some 1)) (ok none)))
  (value $j (tuple u8 u16 (list u32)) (tuple 1 2 (list 3 4)))
  (type $abc (flags "a" "b" "c"))
  (export $abc-x "abc" (type $abc))
  (value $k $abc-x (flags "c" "a"))
  (type $enum (enum "x" "y"))
  (export $enum-x "enum" (type $enum))
  (value $l $enum-x (enum "y"))
  (type $var (variant (case "n") (case "s" string)))
  (export $var-x "var" (type $var))
  (value $m $var-x (variant "s" "text"))
  (value $n bool (binary "\00"))
  (export "a" (value $a)) (export "b" (value $b)) (export "c" (value $c))
  (export "d" (value $d)) (export "e" (value $e)) (export "f" (value $f))
  (export "g" (value $g)) (export "h" (value $h)) (export "i" (value $i))
  (export "j" (value $j)) (export "k" (value $k)) (export "l" (value $l))
  (export "m" (value $m)) (export "n" (value $n)))
(assert_return (get "a") (bool.const true))
(assert_return (get "b") (u8.const 1))
(assert_return (get "c") (s64.const -8))
(assert_return (get "d") (f32.const 9.5))
(assert_return (get "e") (f64.const nan:canonical))
(assert_return (get "f") (char.const "\u{1f642}"))
(assert_return (get "g") (str.const "hello"))
(assert_return (get "h")
  (record.const (field "a" bool.const true)
                (field "b" option.some (u8.const 1))))
(assert_return (get "i")
  (list.const (result.err) (result.ok (option.some (u8.const 1)))
              (result.ok (option.none))))
(assert_return (get "j")
  (tuple.const (u8.const 1) (u16.const 2)
               (list.const (u32.const 3) (u32.const 4))))
(assert_return (get "k") (flags.const "a" "c"))
(assert_return (get "l") (enum.const "y"))
(assert_return (get "m") (variant.const "s" (str.const "text")))
(assert_return (get "n") (bool.const false))

;; --- used exactly once -----------------------------------------------------

(assert_invalid (component (value $v u8 1))
  "value 0 is not used")
(assert_invalid
  (component (value $v u8 1) (export "a" (value $v)) (export "b" (value $v)))
  "cannot use value 0 more than once")
(assert_invalid
  (component (value $v u8 1) (export $w "a" (value $v)) (export "b" (value $w)))
  "cannot use value 1 more than once")
(assert_invalid
  (component (value $v u8 1)
    (instance (export "a" (value $v)) (export "b" (value $v))))
  "cannot use value 0 more than once")
(assert_invalid
  (component
    (component $c (import "a" (value u8)) (export "b" (value 0)))
    (value $v u8 1)
    (instance $i (instantiate $c (with "a" (value $v))))
    (instance $j (instantiate $c (with "a" (value $v)))))
  "cannot use value 0 more than once")
(assert_invalid (component (import "v" (value u8))) "value 0 is not used")
(assert_invalid
  (component
    (component $c (value $v u8 1) (export "v" (value $v)))
    (instance $i (instantiate $c))
    (alias export $i "v" (value $w)))
  "value 0 is not used")
;; also inside of a nested component
(assert_invalid (component (component (value $v u8 1)))
  "value 0 is not used")
;; a component type may leave its values be
(component definition
  (type (component (import "a" (value $a u8)) (export "b" (value (eq $a))))))

;; --- through instances -----------------------------------------------------

(component
  (component $pass
    (import "in" (value $in string))
    (export "out" (value $in)))
  (component $twice
    (import "pass" (component $p
      (import "in" (value $x string)) (export "out" (value (eq $x)))))
    (import "in" (value $in string))
    (instance $a (instantiate $p (with "in" (value $in))))
    (instance $b (instantiate $p (with "in" (value $a "out"))))
    (export "out" (value $b "out")))
  (value $hello string "hello")
  (instance $i (instantiate $twice (with "pass" (component $pass))
                                   (with "in" (value $hello))))
  ;; it is still known to be $hello
  (export "out" (value $i "out") (value (eq $hello)))
  (export "whole" (instance $i)))
(assert_return (get "out") (str.const "hello"))

;; synthesised instances hold values as well
(component
  (component $c
    (import "i" (instance $i (export "v" (value u8)) (export "w" (value u8))))
    (export "v" (value $i "v"))
    (export "w" (value $i "w")))
  (value $v u8 1) (value $w u8 2)
  (instance $both (export "v" (value $v)) (export "w" (value $w)))
  (instance $i (instantiate $c (with "i" (instance $both))))
  (export "v" (value $i "v")) (export "w" (value $i "w")))
(assert_return (get "v") (u8.const 1))
(assert_return (get "w") (u8.const 2))

;; --- types -----------------------------------------------------------------

(assert_invalid
  (component
    (component $c (import "a" (value u8)) (export "b" (value 0)))
    (value $v u16 1)
    (instance (instantiate $c (with "a" (value $v)))))
  "type mismatch for import `a`: expected primitive `u8` found primitive `u16`")
(assert_invalid
  (component
    (component $c (import "a" (func)))
    (value $v u16 1)
    (instance (instantiate $c (with "a" (value $v)))))
  "type mismatch for import `a`: expected func, found value")
(assert_invalid
  (component
    (component $c (import "a" (value u8)) (export "b" (value 0)))
    (instance (instantiate $c)))
  "missing import named `a`")
(assert_invalid
  (component (value $v u8 1) (export "a" (value $v) (value u16)))
  "ascribed type of export is not compatible")
(assert_invalid
  (component (value $v u8 1) (export "a" (value $v) (func)))
  "ascribed type of export is not compatible")
(assert_invalid
  (component (import "v" (value (record (field "a" u8)))) (export "w" (value 0)))
  "value not valid to be used as import")
(assert_invalid
  (component
    (import "r" (type $r (sub resource)))
    (import "v" (value $v (borrow $r)))
    (export "w" (value $v)))
  "exported value cannot contain a `borrow` type")
(assert_invalid
  (component
    (type (component
      (import "r" (type $r (sub resource)))
      (export "v" (value (option (borrow $r)))))))
  "exported value cannot contain a `borrow` type")
(assert_malformed
  (component quote "(value $v u8 256)") "constant out of range")
(assert_malformed
  (component quote "(value $v f32 -nan)") "unexpected token")

;; --- (eq $v): which value it is --------------------------------------------

;; a constant
(component
  (component $c (value $v u8 7) (export "v" (value $v)))
  (component $d
    (import "c" (component $c (export "v" (value u8))))
    (instance $i (instantiate $c))
    (export "v" (value $i "v")))
  (instance $i (instantiate $c))
  (value $seven u8 7)
  (export "v" (value $i "v") (value (eq $seven)))
  (instance $j (instantiate $d (with "c" (component $c))))
  (export "w" (value $j "v"))
  (export "seven" (value $seven)))
(assert_return (get "v") (u8.const 7))
(assert_return (get "w") (u8.const 7))

(assert_invalid
  (component
    (component $c (value $v u8 7) (export "v" (value $v)))
    (instance $i (instantiate $c))
    (value $eight u8 8)
    (export "v" (value $i "v") (value (eq $eight)))
    (export "eight" (value $eight)))
  "ascribed type of export is not compatible: values are not the same")

;; an ascription hides it
(assert_invalid
  (component
    (component $c (value $v u8 7) (export "v" (value $v) (value u8)))
    (instance $i (instantiate $c))
    (value $seven u8 7)
    (export "v" (value $i "v") (value (eq $seven)))
    (export "seven" (value $seven)))
  "ascribed type of export is not compatible: values are not the same")

;; an import has to be given the value that another got
(component $eq
  (component $c
    (import "a" (value $a string))
    (import "b" (value $b (eq $a)))
    (export "a" (value $a)) (export "b" (value $b)))
  (value $x string "x") (value $y string "x")
  (instance $i (instantiate $c (with "a" (value $x)) (with "b" (value $y))))
  (export "b" (value $i "b") (value (eq $x))))
(assert_return (get "b") (str.const "x"))
(assert_invalid
  (component
    (component $c
      (import "a" (value $a string))
      (import "b" (value $b (eq $a)))
      (export "a" (value $a)) (export "b" (value $b)))
    (value $x string "x") (value $y string "y")
    (instance (instantiate $c (with "a" (value $x)) (with "b" (value $y)))))
  "type mismatch for import `b`: values are not the same")

;; component types: covariant in what is known of exports
(component
  (component $known (import "a" (value $a u8)) (export "b" (value $a)))
  (component (import "c" (component (import "a" (value u8))
                                    (export "b" (value u8)))))
  (component $takes-known
    (import "c" (component (import "a" (value $a u8))
                           (export "b" (value (eq $a))))))
  (instance (instantiate $takes-known (with "c" (component $known)))))
(assert_invalid
  (component
    (component $open (import "a" (value $a u8))
                     (export "b" (value $a) (value u8)))
    (component $takes-known
      (import "c" (component (import "a" (value $a u8))
                             (export "b" (value (eq $a))))))
    (instance (instantiate $takes-known (with "c" (component $open)))))
  "values are not the same")

;; --- start -----------------------------------------------------------------

;; called where it stands; its result is a value like any other
(component
  (core module $m
    (memory (export "mem") 1)
    (global $next (mut i32) (i32.const 1024))
    (func (export "realloc") (param i32 i32 i32 i32) (result i32)
      (local i32)
      (local.set 4 (global.get $next))
      (global.set $next (i32.add (global.get $next) (local.get 3)))
      (local.get 4))
    ;; "hi" -> "hi!"
    (func (export "exclaim") (param $p i32) (param $n i32) (result i32)
      (i32.store8 (i32.add (local.get $p) (local.get $n)) (i32.const 33))
      (i32.store (i32.const 16) (local.get $p))
      (i32.store (i32.const 20) (i32.add (local.get $n) (i32.const 1)))
      (i32.const 16)))
  (core instance $i (instantiate $m))
  (func $exclaim (param "s" string) (result string) (canon lift
    (core func $i "exclaim") (memory (core memory $i "mem"))
    (realloc (core func $i "realloc"))))
  (value $hi string "hi")
  (start $exclaim (value $hi) (result (value $once)))
  (start $exclaim (value $once) (result (value $twice)))
  (export "greeting" (value $twice)))
(assert_return (get "greeting") (str.const "hi!!"))

;; no parameters, no result; between other definitions, in their order
(component
  (core module $m
    (global $g (mut i32) (i32.const 0))
    (func (export "set") (global.set $g (i32.const 5)))
    (func (export "get") (result i32)
      (global.set $g (i32.add (global.get $g) (i32.const 1)))
      (global.get $g)))
  (core instance $i (instantiate $m))
  (func $set (canon lift (core func $i "set")))
  (func $get (result u32) (canon lift (core func $i "get")))
  (start $get (result (value $before)))
  (start $set)
  (start $get (result (value $after)))
  (export "before" (value $before))
  (export "after" (value $after))
  (export "get" (func $get)))
(assert_return (get "before") (u32.const 1))
(assert_return (get "after") (u32.const 6))
(assert_return (invoke "get") (u32.const 7))

;; of a child's function, with what the parent has
(component
  (component $child
    (import "bias" (value $bias u32))
    (core module $m
      (global $bias (mut i32) (i32.const 0))
      (func (export "init") (param i32) (global.set $bias (local.get 0)))
      (func (export "add") (param i32) (result i32)
        (i32.add (local.get 0) (global.get $bias))))
    (core instance $i (instantiate $m))
    (func $init (param "b" u32) (canon lift (core func $i "init")))
    (start $init (value $bias))
    (func (export "add") (param "x" u32) (result u32)
      (canon lift (core func $i "add"))))
  (value $ten u32 10) (value $five u32 5)
  (instance $c (instantiate $child (with "bias" (value $ten))))
  (start (func $c "add") (value $five) (result (value $sum)))
  (export "sum" (value $sum))
  (export "add" (func $c "add")))
(assert_return (get "sum") (u32.const 15))
(assert_return (invoke "add" (u32.const 1)) (u32.const 11))

;; owned resources are values, too
(component
  (core module $m
    (func (export "use") (param i32) (result i32) (local.get 0)))
  (type $r (resource (rep i32)))
  (core func $new (canon resource.new $r))
  (core func $rep (canon resource.rep $r))
  (core module $n
    (import "" "new" (func $new (param i32) (result i32)))
    (import "" "rep" (func $rep (param i32) (result i32)))
    (func (export "make") (result i32) (call $new (i32.const 77)))
    (func (export "look") (param i32) (result i32) (call $rep (local.get 0))))
  (core instance $i (instantiate $n (with "" (instance
    (export "new" (func $new)) (export "rep" (func $rep))))))
  (func $make (result (own $r)) (canon lift (core func $i "make")))
  (func $look (param "r" (own $r)) (result u32)
    (canon lift (core func $i "look")))
  (start $make (result (value $own)))
  (start $look (value $own) (result (value $rep)))
  (export "rep" (value $rep)))
(assert_return (get "rep") (u32.const 77))

;; a value that an instance exports may be aliased twice, but its resource goes
;; with the first who uses it
(assert_unlinkable
  (component
    (component $c
      (type $r (resource (rep i32)))
      (core func $new (canon resource.new $r))
      (core module $n
        (import "" "new" (func $new (param i32) (result i32)))
        (func (export "make") (result i32) (call $new (i32.const 77)))
        (func (export "drop") (param i32)))
      (core instance $i (instantiate $n (with "" (instance
        (export "new" (func $new))))))
      (export $re "r" (type $r) (type (sub resource)))
      (func $make (result (own $r)) (canon lift (core func $i "make")))
      (start $make (result (value $own)))
      (func $id (export "take") (param "r" (own $re))
        (canon lift (core func $i "drop")))
      (func $make2 (result (own $re)) (canon lift (core func $i "make")))
      (start $make2 (result (value $out)))
      (instance (export "unused" (value $own)))
      (export "v" (value $out)))
    (instance $i (instantiate $c))
    (alias export $i "v" (value $a))
    (alias export $i "v" (value $b))
    (start (func $i "take") (value $a))
    (start (func $i "take") (value $b)))
  "moved away")

(assert_invalid
  (component
    (import "f" (func $f (param "a" u8)))
    (start $f))
  "start function takes 1 arguments, but 0 are given")
(assert_invalid
  (component
    (import "f" (func $f (param "a" u8)))
    (value $v string "")
    (start $f (value $v)))
  "type mismatch for start function argument 0")
(assert_invalid
  (component
    (import "f" (func $f (result u8)))
    (start $f))
  "start function has 1 results, but 0 are taken")
(assert_invalid
  (component
    (import "f" (func $f))
    (start $f (result (value $v)))
    (export "v" (value $v)))
  "start function has 0 results, but 1 are taken")

;; --- start functions that fail, or wait -------------------------------------

(assert_trap
  (component
    (core module $m (func (export "f") unreachable))
    (core instance $i (instantiate $m))
    (func $f (canon lift (core func $i "f")))
    (start $f))
  "unreachable")
(assert_trap
  (component
    (component $c
      (core module $m (func (export "f") unreachable))
      (core instance $i (instantiate $m))
      (func $f (canon lift (core func $i "f")))
      (start $f))
    (instance (instantiate $c)))
  "unreachable")

;; an asynchronous one that returns and goes on
(component
  (core module $mem (memory (export "mem") 1))
  (core instance $mem (instantiate $mem))
  (core func $return (canon task.return (result u32)))
  (core func $yield (canon thread.yield))
  (core module $m
    (import "" "return" (func $return (param i32)))
    (import "" "yield" (func $yield (result i32)))
    (global $after (mut i32) (i32.const 0))
    (func (export "start") (param i32)
      (call $return (i32.mul (local.get 0) (i32.const 2)))
      (drop (call $yield))
      (global.set $after (i32.const 1)))
    (func (export "after") (result i32) (global.get $after))
    (func (export "wait")
      (loop $again
        (drop (call $yield))
        (br_if $again (i32.eqz (global.get $after))))))
  (core instance $i (instantiate $m (with "" (instance
    (export "return" (func $return)) (export "yield" (func $yield))))))
  (func $start async (param "x" u32) (result u32)
    (canon lift (core func $i "start") async))
  (value $v u32 21)
  (start $start (value $v) (result (value $r)))
  (export "r" (value $r))
  (func (export "wait") async (canon lift (core func $i "wait")))
  (func (export "after") (result u32) (canon lift (core func $i "after"))))
(assert_return (get "r") (u32.const 42))
(assert_return (invoke "wait"))
(assert_return (invoke "after") (u32.const 1))

;; one with a callback
(component
  (core func $return (canon task.return (result u32)))
  (core module $m
    (import "" "return" (func $return (param i32)))
    (global $n (mut i32) (i32.const 0))
    (func (export "start") (result i32)
      (call $return (i32.const 3))
      (i32.const 1 (; YIELD ;)))
    (func (export "cb") (param i32 i32 i32) (result i32)
      (global.set $n (i32.add (global.get $n) (i32.const 1)))
      (i32.const 0 (; EXIT ;))))
  (core instance $i (instantiate $m (with "" (instance
    (export "return" (func $return))))))
  (func $start async (result u32)
    (canon lift (core func $i "start") async (callback (core func $i "cb"))))
  (start $start (result (value $r)))
  (export "r" (value $r)))
(assert_return (get "r") (u32.const 3))

;; one that would wait before it returns
(assert_trap
  (component
    (core func $return (canon task.return))
    (core func $yield (canon thread.yield))
    (core module $m
      (import "" "return" (func $return))
      (import "" "yield" (func $yield (result i32)))
      (func (export "start")
        (drop (call $yield))
        (call $return)))
    (core instance $i (instantiate $m (with "" (instance
      (export "return" (func $return)) (export "yield" (func $yield))))))
    (func $start async (canon lift (core func $i "start") async))
    (start $start))
  "cannot block a synchronous task before returning")
