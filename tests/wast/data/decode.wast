;;! data = true

;; The binary and the text format of core:data and of the built-ins that use it.
;; docs/data-segments.md, sections 2 and 3.

;; --- Sections and inline segments -------------------------------------------

;; a section of no segments
(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\01"                                   ;; core data section (1 bytes)
  "\00"                                      ;; 0 segments
)

;; twice
(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\01"                                   ;; core data section (1 bytes)
  "\00"                                      ;; 0 segments
  "\0d\01"                                   ;; core data section (1 bytes)
  "\00"                                      ;; 0 segments
)

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03abc"                                ;; inline, 3 bytes
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\06"                                   ;; canon section (6 bytes)
  "\01"                                      ;; 1 canon
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\0b\08"                                   ;; export section (8 bytes)
  "\01"                                      ;; 1 export
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
)
(assert_return (invoke "s0") (u32.const 3))

;; a segment of no bytes
(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\03"                                   ;; core data section (3 bytes)
  "\01"                                      ;; 1 segment
  "\01\00"                                   ;; inline, 0 bytes
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\06"                                   ;; canon section (6 bytes)
  "\01"                                      ;; 1 canon
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\0b\08"                                   ;; export section (8 bytes)
  "\01"                                      ;; 1 export
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
)
(assert_return (invoke "s0") (u32.const 0))

;; several in a section
(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\0b"                                   ;; core data section (11 bytes)
  "\03"                                      ;; 3 segments
  "\01\01a"                                  ;; inline, 1 bytes
  "\01\00"                                   ;; inline, 0 bytes
  "\01\03ccc"                                ;; inline, 3 bytes
  "\08\0a"                                   ;; canon section (10 bytes)
  "\03"                                      ;; 3 canons
  "\51\00\7f"                                ;; data.size 0 i32
  "\51\01\7f"                                ;; data.size 1 i32
  "\51\02\7f"                                ;; data.size 2 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\10"                                   ;; canon section (16 bytes)
  "\03"                                      ;; 3 canons
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\00\00\01\00\00"                          ;; lift core func 1, type 0
  "\00\00\02\00\00"                          ;; lift core func 2, type 0
  "\0b\16"                                   ;; export section (22 bytes)
  "\03"                                      ;; 3 exports
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
  "\00\02\73\31\01\01\00"                    ;; "s1": func 1
  "\00\02\73\32\01\02\00"                    ;; "s2": func 2
)
(assert_return (invoke "s0") (u32.const 1))
(assert_return (invoke "s1") (u32.const 0))
(assert_return (invoke "s2") (u32.const 3))

;; several sections: one index space
(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\04"                                   ;; core data section (4 bytes)
  "\01"                                      ;; 1 segment
  "\01\011"                                  ;; inline, 1 bytes
  "\0d\0a"                                   ;; core data section (10 bytes)
  "\02"                                      ;; 2 segments
  "\01\0222"                                 ;; inline, 2 bytes
  "\01\03333"                                ;; inline, 3 bytes
  "\0d\01"                                   ;; core data section (1 bytes)
  "\00"                                      ;; 0 segments
  "\0d\07"                                   ;; core data section (7 bytes)
  "\01"                                      ;; 1 segment
  "\01\044444"                               ;; inline, 4 bytes
  "\08\0d"                                   ;; canon section (13 bytes)
  "\04"                                      ;; 4 canons
  "\51\00\7f"                                ;; data.size 0 i32
  "\51\01\7f"                                ;; data.size 1 i32
  "\51\02\7f"                                ;; data.size 2 i32
  "\51\03\7f"                                ;; data.size 3 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\15"                                   ;; canon section (21 bytes)
  "\04"                                      ;; 4 canons
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\00\00\01\00\00"                          ;; lift core func 1, type 0
  "\00\00\02\00\00"                          ;; lift core func 2, type 0
  "\00\00\03\00\00"                          ;; lift core func 3, type 0
  "\0b\1d"                                   ;; export section (29 bytes)
  "\04"                                      ;; 4 exports
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
  "\00\02\73\31\01\01\00"                    ;; "s1": func 1
  "\00\02\73\32\01\02\00"                    ;; "s2": func 2
  "\00\02\73\33\01\03\00"                    ;; "s3": func 3
)
(assert_return (invoke "s0") (u32.const 1))
(assert_return (invoke "s1") (u32.const 2))
(assert_return (invoke "s2") (u32.const 3))
(assert_return (invoke "s3") (u32.const 4))

;; with other sections between
(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\04"                                   ;; core data section (4 bytes)
  "\01"                                      ;; 1 segment
  "\01\011"                                  ;; inline, 1 bytes
  "\00\0c"                                   ;; custom section (12 bytes)
  "\03abc"                                   ;; name "abc"
  "\0d\06\01\01\03\61\62\63"                 ;; contents nobody reads
  "\0d\05"                                   ;; core data section (5 bytes)
  "\01"                                      ;; 1 segment
  "\01\0222"                                 ;; inline, 2 bytes
  "\08\07"                                   ;; canon section (7 bytes)
  "\02"                                      ;; 2 canons
  "\51\00\7f"                                ;; data.size 0 i32
  "\51\01\7f"                                ;; data.size 1 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\0b"                                   ;; canon section (11 bytes)
  "\02"                                      ;; 2 canons
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\00\00\01\00\00"                          ;; lift core func 1, type 0
  "\0b\0f"                                   ;; export section (15 bytes)
  "\02"                                      ;; 2 exports
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
  "\00\02\73\31\01\01\00"                    ;; "s1": func 1
)
(assert_return (invoke "s0") (u32.const 1))
(assert_return (invoke "s1") (u32.const 2))

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\07\01"                                   ;; type section (1 bytes)
  "\00"                                      ;; 0 types
  "\0d\04"                                   ;; core data section (4 bytes)
  "\01"                                      ;; 1 segment
  "\01\011"                                  ;; inline, 1 bytes
  "\08\01"                                   ;; canon section (1 bytes)
  "\00"                                      ;; 0 canons
  "\05\01"                                   ;; instance section (1 bytes)
  "\00"                                      ;; 0 instances
  "\0d\05"                                   ;; core data section (5 bytes)
  "\01"                                      ;; 1 segment
  "\01\0222"                                 ;; inline, 2 bytes
  "\06\01"                                   ;; alias section (1 bytes)
  "\00"                                      ;; 0 aliases
  "\08\07"                                   ;; canon section (7 bytes)
  "\02"                                      ;; 2 canons
  "\51\00\7f"                                ;; data.size 0 i32
  "\51\01\7f"                                ;; data.size 1 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\0b"                                   ;; canon section (11 bytes)
  "\02"                                      ;; 2 canons
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\00\00\01\00\00"                          ;; lift core func 1, type 0
  "\0b\0f"                                   ;; export section (15 bytes)
  "\02"                                      ;; 2 exports
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
  "\00\02\73\31\01\01\00"                    ;; "s1": func 1
)
(assert_return (invoke "s0") (u32.const 1))
(assert_return (invoke "s1") (u32.const 2))

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\01\08"                                   ;; core module (8 bytes)
  "\00\61\73\6d\01\00\00\00"                 ;; preamble of a core module
  "\0d\04"                                   ;; core data section (4 bytes)
  "\01"                                      ;; 1 segment
  "\01\011"                                  ;; inline, 1 bytes
  "\01\08"                                   ;; core module (8 bytes)
  "\00\61\73\6d\01\00\00\00"                 ;; preamble of a core module
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\06"                                   ;; canon section (6 bytes)
  "\01"                                      ;; 1 canon
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\0b\08"                                   ;; export section (8 bytes)
  "\01"                                      ;; 1 export
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
)
(assert_return (invoke "s0") (u32.const 1))

;; in a nested component
(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\04\13"                                   ;; component (19 bytes)
  "\00\61\73\6d\0d\00\01\00"                 ;; preamble
  "\0d\09"                                   ;; core data section (9 bytes)
  "\01"                                      ;; 1 segment
  "\01\06inside"                             ;; inline, 6 bytes
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03out"                                ;; inline, 3 bytes
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\06"                                   ;; canon section (6 bytes)
  "\01"                                      ;; 1 canon
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\0b\08"                                   ;; export section (8 bytes)
  "\01"                                      ;; 1 export
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
)
(assert_return (invoke "s0") (u32.const 3))

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03out"                                ;; inline, 3 bytes
  "\04\1f"                                   ;; component (31 bytes)
  "\00\61\73\6d\0d\00\01\00"                 ;; preamble
  "\04\15"                                   ;; component (21 bytes)
  "\00\61\73\6d\0d\00\01\00"                 ;; preamble
  "\0d\0b"                                   ;; core data section (11 bytes)
  "\02"                                      ;; 2 segments
  "\01\02in"                                 ;; inline, 2 bytes
  "\01\04side"                               ;; inline, 4 bytes
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\06"                                   ;; canon section (6 bytes)
  "\01"                                      ;; 1 canon
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\0b\08"                                   ;; export section (8 bytes)
  "\01"                                      ;; 1 export
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
)
(assert_return (invoke "s0") (u32.const 3))

;; a payload is not looked at
(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\17"                                   ;; core data section (23 bytes)
  "\01"                                      ;; 1 segment
  "\01\14\0d\06\01\01\03abc\00asm\0d\00\01\00\ff\ff\ff\ff" ;; inline, 20 bytes that look like more
  "\0d\05"                                   ;; core data section (5 bytes)
  "\01"                                      ;; 1 segment
  "\01\0222"                                 ;; inline, 2 bytes
  "\08\07"                                   ;; canon section (7 bytes)
  "\02"                                      ;; 2 canons
  "\51\00\7f"                                ;; data.size 0 i32
  "\51\01\7f"                                ;; data.size 1 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\0b"                                   ;; canon section (11 bytes)
  "\02"                                      ;; 2 canons
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\00\00\01\00\00"                          ;; lift core func 1, type 0
  "\0b\0f"                                   ;; export section (15 bytes)
  "\02"                                      ;; 2 exports
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
  "\00\02\73\31\01\01\00"                    ;; "s1": func 1
)
(assert_return (invoke "s0") (u32.const 20))
(assert_return (invoke "s1") (u32.const 2))

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\17"                                   ;; core data section (23 bytes)
  "\02"                                      ;; 2 segments
  "\01\10\80\81\82\83\84\85\86\87\88\89\8a\8b\8c\8d\8e\8f" ;; inline, 16 bytes
  "\01\02\c0\80"                             ;; inline, no UTF-8
  "\08\07"                                   ;; canon section (7 bytes)
  "\02"                                      ;; 2 canons
  "\51\00\7f"                                ;; data.size 0 i32
  "\51\01\7f"                                ;; data.size 1 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\0b"                                   ;; canon section (11 bytes)
  "\02"                                      ;; 2 canons
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\00\00\01\00\00"                          ;; lift core func 1, type 0
  "\0b\0f"                                   ;; export section (15 bytes)
  "\02"                                      ;; 2 exports
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
  "\00\02\73\31\01\01\00"                    ;; "s1": func 1
)
(assert_return (invoke "s0") (u32.const 16))
(assert_return (invoke "s1") (u32.const 2))

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\cc\01"                                ;; core data section (204 bytes)
  "\01"                                      ;; 1 segment
  "\01\c8\0101234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789" ;; inline, 200 bytes: a size of two bytes
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\06"                                   ;; canon section (6 bytes)
  "\01"                                      ;; 1 canon
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\0b\08"                                   ;; export section (8 bytes)
  "\01"                                      ;; 1 export
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
)
(assert_return (invoke "s0") (u32.const 200))

;; numbers need not be as short as they can be

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\08"                                   ;; core data section (8 bytes)
  "\81\00"                                   ;; 1 segment
  "\01\83\00abc"                             ;; inline, 3 bytes
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\06"                                   ;; canon section (6 bytes)
  "\01"                                      ;; 1 canon
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\0b\08"                                   ;; export section (8 bytes)
  "\01"                                      ;; 1 export
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
)
(assert_return (invoke "s0") (u32.const 3))

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\8e\80\80\80\00"                       ;; core data section (14 bytes)
  "\81\80\80\80\00"                          ;; 1 segment
  "\01\83\80\80\80\00abc"                    ;; inline, 3 bytes
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
  "\07\05"                                   ;; type section (5 bytes)
  "\01"                                      ;; 1 type
  "\40\00\00\79"                             ;; (func (result u32))
  "\08\06"                                   ;; canon section (6 bytes)
  "\01"                                      ;; 1 canon
  "\00\00\00\00\00"                          ;; lift core func 0, type 0
  "\0b\08"                                   ;; export section (8 bytes)
  "\01"                                      ;; 1 export
  "\00\02\73\30\01\00\00"                    ;; "s0": func 0
)
(assert_return (invoke "s0") (u32.const 3))

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03abc"                                ;; inline, 3 bytes
  "\08\0c"                                   ;; canon section (12 bytes)
  "\02"                                      ;; 2 canons
  "\50\80\00\7f"                             ;; data.read 0 i32
  "\51\80\80\80\80\00\7e"                    ;; data.size 0 i64
)

;; --- Malformed sections -----------------------------------------------------

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d"                                      ;; core data section without a size
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\80"                                   ;; core data section, its size not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\00"                                   ;; core data section of no bytes: no count
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\07\01\01\03abc"                       ;; core data section, a byte too short
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\ff\ff\ff\ff\0f\01\01\03abc"           ;; core data section of 2^32-1 bytes
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\86\80\80\80\80\00\01\01\03abc"        ;; size in six bytes
  )
  "integer representation too long"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\86\80\80\80\10\01\01\03abc"           ;; size of 33 bits
  )
  "integer too large"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\05\01\01\03abc"                       ;; core data section that ends in its segment
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\00"                                      ;; 0 segments
    "\01\03abc"                                ;; a segment too many
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\07"                                   ;; core data section (7 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\00"                                      ;; a byte too many
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\09"                                   ;; core data section (9 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\01\01d"                                  ;; inline, 1 bytes
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\01"                                   ;; core data section (1 bytes)
    "\01"                                      ;; 1 segment, and none there
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\02"                                      ;; 2 segments, one there
    "\01\03abc"                                ;; inline, 3 bytes
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\07"                                   ;; core data section (7 bytes)
    "\ff\01"                                   ;; 255 segments
    "\01\03abc"                                ;; inline, 3 bytes
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\ff\ff\ff\ff\0f"                          ;; 2^32-1 segments
    "\01\03abc"                                ;; inline, 3 bytes
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\05"                                   ;; core data section (5 bytes)
    "\ff\ff\ff\ff\0f"                          ;; 2^32-1 segments
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0b"                                   ;; core data section (11 bytes)
    "\81\80\80\80\80\00"                       ;; count in six bytes
    "\01\03abc"                                ;; inline, 3 bytes
  )
  "integer representation too long"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\81\80\80\80\10"                          ;; count of 33 bits
    "\01\03abc"                                ;; inline, 3 bytes
  )
  "integer too large"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\01"                                   ;; core data section (1 bytes)
    "\81"                                      ;; count not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\0e\00"                                   ;; section 14
  )
  "malformed section id"
)

;; in a nested component
(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\04\10"                                   ;; component (16 bytes)
    "\00\61\73\6d\0d\00\01\00"                 ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\02"                                      ;; 2 segments, one there
    "\01\03abc"                                ;; inline, 3 bytes
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\04\10"                                   ;; component (16 bytes)
    "\00\61\73\6d\0d\00\01\00"                 ;; preamble
    "\0d\09\01\01\06abc"                       ;; a section that ends behind its component
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
  )
  "unexpected end"
)

;; --- Malformed segments -----------------------------------------------------

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\09"                                   ;; core data section (9 bytes)
    "\01"                                      ;; 1 segment
    "\00A\00\0b\03abc"                         ;; active
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\01"                                      ;; 1 segment
    "\02\00A\00\0b\03abc"                      ;; active, with a memory
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\04\03abc"                                ;; no form has this code
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\05\03abc"                                ;; no form has this code
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\10\03abc"                                ;; no form has this code
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\7f\03abc"                                ;; no form has this code
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\80\03abc"                                ;; no form has this code
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\07"                                   ;; core data section (7 bytes)
    "\01"                                      ;; 1 segment
    "\81\00\03abc"                             ;; 1 is a byte, not a number
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\ff\03abc"                                ;; no form has this code
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0e"                                   ;; core data section (14 bytes)
    "\02"                                      ;; 2 segments
    "\01\03abc"                                ;; inline, 3 bytes
    "\00A\00\0b\03abc"                         ;; active
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\02"                                   ;; core data section (2 bytes)
    "\01"                                      ;; 1 segment
    "\01"                                      ;; inline, without a size
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\03"                                   ;; core data section (3 bytes)
    "\01"                                      ;; 1 segment
    "\01\80"                                   ;; inline, its size not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\04abc"                                ;; inline, 4 bytes, 3 there
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\03"                                   ;; core data section (3 bytes)
    "\01"                                      ;; 1 segment
    "\01\01"                                   ;; inline, 1 byte, none there
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\04abc"                                ;; inline, 4 bytes, 3 in the section
    "\00\01\00"                                ;; custom section (1 byte)
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\01"                                      ;; 1 segment
    "\01\ff\ff\ff\ff\0fabc"                    ;; inline, 2^32-1 bytes
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\01"                                      ;; 1 segment
    "\01\80\80\80\80\08abc"                    ;; inline, 2^31 bytes
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0b"                                   ;; core data section (11 bytes)
    "\01"                                      ;; 1 segment
    "\01\83\80\80\80\80\00abc"                 ;; size in six bytes
  )
  "integer representation too long"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\01"                                      ;; 1 segment
    "\01\83\80\80\80\10abc"                    ;; size of 33 bits
  )
  "integer too large"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\02"                                      ;; 2 segments
    "\01\05abc"                                ;; inline, 5 bytes, the next one among them
    "\01\00"                                   ;; inline, no bytes
  )
  "unexpected end"
)

;; --- The sort and the extern type -------------------------------------------

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0a\06"                                   ;; import section (6 bytes)
  "\01"                                      ;; 1 import
  "\00\01\64\00\13"                          ;; "d": core data
)

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0a\0b"                                   ;; import section (11 bytes)
  "\02"                                      ;; 2 imports
  "\00\01\61\00\13"                          ;; "a": core data
  "\00\01\62\00\13"                          ;; "b": core data
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\50\01\7f"                                ;; data.read 1 i32
)

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03abc"                                ;; inline, 3 bytes
  "\0b\11"                                   ;; export section (17 bytes)
  "\02"                                      ;; 2 exports
  "\00\01\65\00\13\00\00"                    ;; "e": core data 0, no type
  "\00\01\66\00\13\01\01\00\13"              ;; "f": core data 1, of type core data
)

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03abc"                                ;; inline, 3 bytes
  "\05\09"                                   ;; instance section (9 bytes)
  "\01"                                      ;; 1 instance
  "\01\01\00\01\64\00\13\00"                 ;; inline export "d": core data 0
  "\06\07"                                   ;; alias section (7 bytes)
  "\01"                                      ;; 1 alias
  "\00\13\00\00\01\64"                       ;; core data, export "d" of instance 0
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\50\01\7f"                                ;; data.read 1 i32
)

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03abc"                                ;; inline, 3 bytes
  "\06\06"                                   ;; alias section (6 bytes)
  "\01"                                      ;; 1 alias
  "\00\13\02\00\00"                          ;; core data, outer 0 0
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\50\01\7f"                                ;; data.read 1 i32
)

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03abc"                                ;; inline, 3 bytes
  "\04\16"                                   ;; component (22 bytes)
  "\00\61\73\6d\0d\00\01\00"                 ;; preamble
  "\06\06"                                   ;; alias section (6 bytes)
  "\01"                                      ;; 1 alias
  "\00\13\02\01\00"                          ;; core data, outer 1 0
  "\08\04"                                   ;; canon section (4 bytes)
  "\01"                                      ;; 1 canon
  "\51\00\7f"                                ;; data.size 0 i32
)

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03abc"                                ;; inline, 3 bytes
  "\04\10"                                   ;; component (16 bytes)
  "\00\61\73\6d\0d\00\01\00"                 ;; preamble
  "\0a\06"                                   ;; import section (6 bytes)
  "\01"                                      ;; 1 import
  "\00\01\64\00\13"                          ;; "d": core data
  "\05\09"                                   ;; instance section (9 bytes)
  "\01"                                      ;; 1 instance
  "\00\00\01\01\64\00\13\00"                 ;; component 0 with "d" core data 0
)

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\07\17"                                   ;; type section (23 bytes)
  "\02"                                      ;; 2 types
  "\42\01\04\00\01\64\00\13"                 ;; instance type: exports "d": core data
  "\41\02\03\00\01\64\00\13\04\00\01\65\00\13" ;; component type: imports "d", exports "e"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0a\06"                                   ;; import section (6 bytes)
    "\01"                                      ;; 1 import
    "\00\01\64\00\14"                          ;; core sort 0x14
  )
  "invalid leading byte (0x14) for component external kind"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0a\05"                                   ;; import section (5 bytes)
    "\01"                                      ;; 1 import
    "\00\01\64\00"                             ;; no sort behind core
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0a\05"                                   ;; import section (5 bytes)
    "\01"                                      ;; 1 import
    "\00\01\64\13"                             ;; 0x13 without core
  )
  "invalid leading byte (0x13) for component external kind"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\0b\08"                                   ;; export section (8 bytes)
    "\01"                                      ;; 1 export
    "\00\01\65\00\14\00\00"                    ;; core sort 0x14
  )
  "invalid leading byte (0x14)"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\0b\07"                                   ;; export section (7 bytes)
    "\01"                                      ;; 1 export
    "\00\01\65\13\00\00"                       ;; 0x13 without core
  )
  "invalid leading byte (0x13)"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\0b\08"                                   ;; export section (8 bytes)
    "\01"                                      ;; 1 export
    "\00\01\65\00\13\00\02"                    ;; optional type 2
  )
  "invalid leading byte (0x2) for optional component export type"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\0b\09"                                   ;; export section (9 bytes)
    "\01"                                      ;; 1 export
    "\00\01\65\00\13\00\01\00"                 ;; type not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\06\06"                                   ;; alias section (6 bytes)
    "\01"                                      ;; 1 alias
    "\00\14\02\00\00"                          ;; core sort 0x14
  )
  "invalid leading byte (0x14) for component outer alias kind"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\06\05"                                   ;; alias section (5 bytes)
    "\01"                                      ;; 1 alias
    "\13\02\00\00"                             ;; 0x13 without core
  )
  "invalid leading byte (0x13) for component outer alias kind"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\06\06"                                   ;; alias section (6 bytes)
    "\01"                                      ;; 1 alias
    "\00\13\03\00\00"                          ;; alias target 3
  )
  "invalid leading byte (0x3) for alias"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\06\05"                                   ;; alias section (5 bytes)
    "\01"                                      ;; 1 alias
    "\00\13\02\00"                             ;; outer alias not complete
  )
  "unexpected end"
)

;; modules are instantiated with core instances only
(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\01\08"                                   ;; core module (8 bytes)
    "\00\61\73\6d\01\00\00\00"                 ;; preamble of a core module
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\02\08"                                   ;; core instance section (8 bytes)
    "\01"                                      ;; 1 core instance
    "\00\00\01\01\64\13\00"                    ;; core module 0 with "d" core data 0
  )
  "invalid leading byte (0x13) for instantiation arg kind"
)

;; and core instances carry no segments
(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\02\07"                                   ;; core instance section (7 bytes)
    "\01"                                      ;; 1 core instance
    "\01\01\01\64\13\00"                       ;; inline export "d": core data 0
  )
  "core data"
)

;; --- The canonical built-ins ------------------------------------------------

(component binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\06"                                   ;; core data section (6 bytes)
  "\01"                                      ;; 1 segment
  "\01\03abc"                                ;; inline, 3 bytes
  "\08\13"                                   ;; canon section (19 bytes)
  "\06"                                      ;; 6 canons
  "\50\00\7f"                                ;; data.read 0 i32
  "\50\00\7e"                                ;; data.read 0 i64
  "\51\00\7f"                                ;; data.size 0 i32
  "\51\00\7e"                                ;; data.size 0 i64
  "\52\00\7f"                                ;; data.prefetch 0 i32
  "\52\00\7e"                                ;; data.prefetch 0 i64
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\02"                                   ;; canon section (2 bytes)
    "\01"                                      ;; 1 canon
    "\50"                                      ;; data.read, nothing else
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\03"                                   ;; canon section (3 bytes)
    "\01"                                      ;; 1 canon
    "\50\00"                                   ;; data.read 0, no type
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\03"                                   ;; canon section (3 bytes)
    "\01"                                      ;; 1 canon
    "\50\80"                                   ;; data.read, its index not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\09"                                   ;; canon section (9 bytes)
    "\01"                                      ;; 1 canon
    "\50\80\80\80\80\80\00\7f"                 ;; data.read, index in six bytes
  )
  "integer representation too long"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\50\00\00"                                ;; data.read 0, no such type
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\50\00\40"                                ;; data.read 0, no such type
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\05"                                   ;; canon section (5 bytes)
    "\01"                                      ;; 1 canon
    "\50\00\7f\00"                             ;; data.read 0 i32, a byte too many
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\02"                                   ;; canon section (2 bytes)
    "\01"                                      ;; 1 canon
    "\51"                                      ;; data.size, nothing else
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\03"                                   ;; canon section (3 bytes)
    "\01"                                      ;; 1 canon
    "\51\00"                                   ;; data.size 0, no type
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\03"                                   ;; canon section (3 bytes)
    "\01"                                      ;; 1 canon
    "\51\80"                                   ;; data.size, its index not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\09"                                   ;; canon section (9 bytes)
    "\01"                                      ;; 1 canon
    "\51\80\80\80\80\80\00\7f"                 ;; data.size, index in six bytes
  )
  "integer representation too long"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\51\00\00"                                ;; data.size 0, no such type
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\51\00\40"                                ;; data.size 0, no such type
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\05"                                   ;; canon section (5 bytes)
    "\01"                                      ;; 1 canon
    "\51\00\7f\00"                             ;; data.size 0 i32, a byte too many
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\02"                                   ;; canon section (2 bytes)
    "\01"                                      ;; 1 canon
    "\52"                                      ;; data.prefetch, nothing else
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\03"                                   ;; canon section (3 bytes)
    "\01"                                      ;; 1 canon
    "\52\00"                                   ;; data.prefetch 0, no type
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\03"                                   ;; canon section (3 bytes)
    "\01"                                      ;; 1 canon
    "\52\80"                                   ;; data.prefetch, its index not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\09"                                   ;; canon section (9 bytes)
    "\01"                                      ;; 1 canon
    "\52\80\80\80\80\80\00\7f"                 ;; data.prefetch, index in six bytes
  )
  "integer representation too long"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\52\00\00"                                ;; data.prefetch 0, no such type
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\52\00\40"                                ;; data.prefetch 0, no such type
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\05"                                   ;; canon section (5 bytes)
    "\01"                                      ;; 1 canon
    "\52\00\7f\00"                             ;; data.prefetch 0 i32, a byte too many
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\4f\00\7f"                                ;; no such built-in
  )
  "invalid leading byte (0x4f) for canonical function"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\53\00\7f"                                ;; no such built-in
  )
  "invalid leading byte (0x53) for canonical function"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\01\03abc"                                ;; inline, 3 bytes
    "\08\04"                                   ;; canon section (4 bytes)
    "\01"                                      ;; 1 canon
    "\5f\00\7f"                                ;; no such built-in
  )
  "invalid leading byte (0x5f) for canonical function"
)

;; --- Text -------------------------------------------------------------------

(component
  (core data)
  (core data "")
  (core data $a "abc")
  (core data $b "a" "b" "" "c\64")
  (core data (export "e") "\u{1F600}\t\n\"")
  (core data (;comment;) "a;b" ;; another
  )
  (core func $s0 (canon data.size 0))
  (canon data.size $a (core func $s2))
  (canon data.size $b i64 (core func $s3))
  (core func $s4 (canon data.size 4))
  (core func $s6 (canon data.size 6))
  (func (export "s0") (result u32) (canon lift (core func $s0)))
  (func (export "s2") (result u32) (canon lift (core func $s2)))
  (func (export "s3") (result u64) (canon lift (core func $s3)))
  (func (export "s4") (result u32) (canon lift (core func $s4)))
  (func (export "s6") (result u32) (canon lift (core func $s6))))
(assert_return (invoke "s0") (u32.const 0))
(assert_return (invoke "s2") (u32.const 3))
(assert_return (invoke "s3") (u64.const 4))
(assert_return (invoke "s4") (u32.const 7))
;; the inline export has taken index 5
(assert_return (invoke "s6") (u32.const 3))

(assert_malformed
  (component quote
    "(core data 1)")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data $d \"a\" 1)")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data \"a\" $d)")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data \"a\" (export \"e\"))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data (offset i32.const 0) \"a\")")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data (memory 0) \"a\")")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data (i32.const 0) \"a\")")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data \"\\zz\")")
  "")

(assert_malformed
  (component quote
    "(core data \"\\u{110000}\")")
  "")

(assert_malformed
  (component quote
    "(core data \"a)")
  "")

(assert_malformed
  (component quote
    "(data \"a\")")
  "unexpected token")

(assert_malformed
  (component quote
    "(core dat \"a\")")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data $d)(core data $d)")
  "duplicate")

(assert_malformed
  (component quote
    "(core data (import \"d\") \"a\")")
  "unexpected token")

(assert_malformed
  (component quote
    "(import \"d\" (data))")
  "unexpected token")

(assert_malformed
  (component quote
    "(import \"d\" (core data 0))")
  "unexpected token")

(assert_malformed
  (component quote
    "(import \"d\" (core data (size 3)))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(export \"e\" (data 0))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(export \"e\" (core data))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(core func (canon data.read))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(core func (canon data.read 0 i16))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(core func (canon data.read 0 f32))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(core func (canon data.read 0 i64 i64))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(core func (canon data.read 0 async))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(core func (canon data.read 0 (memory 0)))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(core func (canon data.write 0))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(core func (canon data.drop 0))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(func (canon data.size 0))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(canon data.size 0)")
  "unexpected token")

(assert_malformed
  (component quote
    "(core data)(canon data.size 0 (func))")
  "unexpected token")

(assert_malformed
  (component quote
    "(core func (canon data.read $d))")
  "unknown")

(assert_malformed
  (component quote
    "(component $C (core data $in))(core func (canon data.size $in))")
  "unknown")

(assert_malformed
  (component quote
    "(core data $d)(alias outer 1 $d (core data))")
  "")

(assert_malformed
  (component quote
    "(alias export 0 \"d\" (data))")
  "unexpected token")
