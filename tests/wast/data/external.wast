;;! data = true

;; External segments: their two formats and what validation asks of them. Nothing
;; here touches a file. docs/data-segments.md, sections 2, 3 and 5.

;; --- Valid ------------------------------------------------------------------

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\08"                                   ;; core data section (8 bytes)
  "\01"                                      ;; 1 segment
  "\03\01\61\00\0c\00\00"                    ;; external "a", 0 bytes, no chunks
)

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\28"                                   ;; core data section (40 bytes)
  "\01"                                      ;; 1 segment
  "\03\01\61\01\0c\00\01\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external "a", 1 byte, a chunk of 2^12
)

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\29"                                   ;; core data section (41 bytes)
  "\01"                                      ;; 1 segment
  "\03\01\61\80\20\0c\00\01\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external "a", 4096 bytes, a chunk of 2^12
)

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\49"                                   ;; core data section (73 bytes)
  "\01"                                      ;; 1 segment
  "\03\01\61\81\20\0c\00\02\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22" ;; external "a", 4097 bytes, two chunks of 2^12
)

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\94\01"                                ;; core data section (148 bytes)
  "\01"                                      ;; 1 segment
  "\03\09\64\69\72\2f\61\2e\62\69\6e\80\80\80\80\10\1e\00\04\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44\44" ;; external "dir/a.bin", 2^32 bytes, four chunks of 2^30
)

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\4b"                                   ;; core data section (75 bytes)
  "\01"                                      ;; 1 segment
  "\03\01\61\88\27\0c\01\02\64\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\64\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22" ;; external "a", 5000 bytes, two frames of 100 bytes
)

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\08"                                   ;; core data section (8 bytes)
  "\01"                                      ;; 1 segment
  "\03\01\61\00\1e\01\00"                    ;; external "a", 0 bytes, no frames
)

(component definition binary
  "\00asm\0d\00\01\00"                       ;; preamble
  "\0d\30"                                   ;; core data section (48 bytes)
  "\03"                                      ;; 3 segments
  "\01\03abc"                                ;; inline, 3 bytes
  "\03\01\61\01\0c\00\01\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external, 1 byte
  "\01\01d"                                  ;; inline, 1 bytes
  "\08\0a"                                   ;; canon section (10 bytes)
  "\03"                                      ;; 3 canons
  "\51\00\7f"                                ;; data.size 0 i32
  "\51\01\7f"                                ;; data.size 1 i32
  "\51\02\7f"                                ;; data.size 2 i32
)

(component definition
  (core data (external "data.bin" (size 0) (chunk 4096)))
  (core data (external "data.bin" (size 1) (chunk 4096) (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11")))
  (core data (external "a/b/c.bin" (size 4097) (chunk 4096) (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11") (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11")))
  (core data (external "with%20space" (size 1048576) (chunk 1073741824) (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11")))
  (core data (external "data.bin" (size 1) (chunk 4096) zstd (frame 10 (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11"))))
  (core data (external "data.bin" (size 8193) (chunk 4096) zstd (frame 10 (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11")) (frame 20 (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11")) (frame 30 (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11"))))
  (core data (external "a" (size 4294967296) (chunk 1073741824) (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11") (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11") (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11") (sha256 "\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11")))
  (core func (canon data.read 0)) (core func (canon data.size 6 i64)) (core func (canon data.prefetch 3)))

;; --- Malformed --------------------------------------------------------------

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\02"                                   ;; core data section (2 bytes)
    "\01"                                      ;; 1 segment
    "\03"                                      ;; no reference
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\03"                                   ;; core data section (3 bytes)
    "\01"                                      ;; 1 segment
    "\03\01"                                   ;; reference not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\04"                                   ;; core data section (4 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61"                                ;; no size
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\05"                                   ;; core data section (5 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01"                             ;; no chunk size
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\06"                                   ;; core data section (6 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c"                          ;; no form of file
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\07"                                   ;; core data section (7 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\00"                       ;; no digests
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\00\01"                    ;; a digest, and none there
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\27"                                   ;; core data section (39 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\00\01\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; digest not complete
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\02\00"                    ;; form of file 2
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\ff\00"                    ;; form of file 0xff
  )
  ""
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\09"                                   ;; core data section (9 bytes)
    "\01"                                      ;; 1 segment
    "\03\02\ff\fe\01\0c\00\00"                 ;; reference that is no UTF-8
  )
  "malformed UTF-8 encoding"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\12"                                   ;; core data section (18 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\80\80\80\80\80\80\80\80\80\80\00\0c\00\00" ;; size in eleven bytes
  )
  "integer representation too long"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\11"                                   ;; core data section (17 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\ff\ff\ff\ff\ff\ff\ff\ff\ff\02\0c\00\00" ;; size of 65 bits
  )
  "integer too large"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\2d"                                   ;; core data section (45 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\01\01\80\80\80\80\10\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; frame length of 33 bits
  )
  "integer too large"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0c"                                   ;; core data section (12 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\00\ff\ff\ff\ff\0f"        ;; 2^32-1 digests
  )
  "unexpected end"
)

(assert_malformed
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\28"                                   ;; core data section (40 bytes)
    "\02"                                      ;; 2 segments
    "\03\01\61\01\0c\00\01\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external
  )
  "unexpected end"
)

(assert_malformed
  (component quote
    "(core data (external))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\"))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size 1)))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (chunk 4096) (size 0)))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size 0) (chunk 4095)))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size 0) (chunk 0)))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size -1) (chunk 4096)))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size 1) (chunk 4096) (sha256 \"short\")))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size 1) (chunk 4096) (sha1 \"x\")))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size 1) (chunk 4096) zstd (sha256 \"x\")))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size 0) (chunk 4096) gzip))")
  "")

(assert_malformed
  (component quote
    "(core data (external \"a\" (size 0) (chunk 4096)) \"and inline\")")
  "")

(assert_malformed
  (component quote
    "(core data \"inline\" (external \"a\" (size 0) (chunk 4096)))")
  "")

;; --- Invalid ----------------------------------------------------------------

;; one digest for each chunk

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\28"                                   ;; core data section (40 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\00\0c\00\01\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external, 0 bytes, chunks of 2^12, 1 digests
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\00\00"                    ;; external, 1 bytes, chunks of 2^12, 0 digests
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\48"                                   ;; core data section (72 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\00\02\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22" ;; external, 1 bytes, chunks of 2^12, 2 digests
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\49"                                   ;; core data section (73 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\80\20\0c\00\02\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22" ;; external, 4096 bytes, chunks of 2^12, 2 digests
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\29"                                   ;; core data section (41 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\81\20\0c\00\01\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external, 4097 bytes, chunks of 2^12, 1 digests
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\69"                                   ;; core data section (105 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\81\20\0c\00\03\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33\33" ;; external, 4097 bytes, chunks of 2^12, 3 digests
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\4c"                                   ;; core data section (76 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\80\80\80\80\04\1e\00\02\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22\22" ;; external, 1073741824 bytes, chunks of 2^30, 2 digests
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\2c"                                   ;; core data section (44 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\81\80\80\80\04\1e\00\01\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external, 1073741825 bytes, chunks of 2^30, 1 digests
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\29"                                   ;; core data section (41 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\00\0c\01\01\64\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external, zstd, 0 bytes, chunks of 2^12, 1 frames
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\01\0c\01\00"                    ;; external, zstd, 1 bytes, chunks of 2^12, 0 frames
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\2a"                                   ;; core data section (42 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\81\20\0c\01\01\64\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11\11" ;; external, zstd, 4097 bytes, chunks of 2^12, 1 frames
  )
  ""
)

;; chunks have 2^12 to 2^30 bytes

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\00\00\00\00"                    ;; external, chunks of 2^0
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\00\0b\00\00"                    ;; external, chunks of 2^11
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\00\1f\00\00"                    ;; external, chunks of 2^31
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\00\3f\00\00"                    ;; external, chunks of 2^63
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\00\40\00\00"                    ;; external, chunks of 2^64
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\61\00\ff\00\00"                    ;; external, chunks of 2^255
  )
  ""
)

;; references are relative, and stay below their base

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\07"                                   ;; core data section (7 bytes)
    "\01"                                      ;; 1 segment
    "\03\00\00\0c\00\00"                       ;; external ""
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\09"                                   ;; core data section (9 bytes)
    "\01"                                      ;; 1 segment
    "\03\02\2f\61\00\0c\00\00"                 ;; external "/a"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0f"                                   ;; core data section (15 bytes)
    "\01"                                      ;; 1 segment
    "\03\08\2f\2f\68\6f\73\74\2f\61\00\0c\00\00" ;; external "//host/a"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\14"                                   ;; core data section (20 bytes)
    "\01"                                      ;; 1 segment
    "\03\0d\68\74\74\70\3a\2f\2f\68\6f\73\74\2f\61\00\0c\00\00" ;; external "http://host/a"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0d"                                   ;; core data section (13 bytes)
    "\01"                                      ;; 1 segment
    "\03\06\66\69\6c\65\3a\61\00\0c\00\00"     ;; external "file:a"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\01"                                      ;; 1 segment
    "\03\03\61\3a\62\00\0c\00\00"              ;; external "a:b"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\09"                                   ;; core data section (9 bytes)
    "\01"                                      ;; 1 segment
    "\03\02\2e\2e\00\0c\00\00"                 ;; external ".."
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0b"                                   ;; core data section (11 bytes)
    "\01"                                      ;; 1 segment
    "\03\04\2e\2e\2f\61\00\0c\00\00"           ;; external "../a"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0d"                                   ;; core data section (13 bytes)
    "\01"                                      ;; 1 segment
    "\03\06\61\2f\2e\2e\2f\62\00\0c\00\00"     ;; external "a/../b"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0b"                                   ;; core data section (11 bytes)
    "\01"                                      ;; 1 segment
    "\03\04\61\2f\2e\2e\00\0c\00\00"           ;; external "a/.."
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\13"                                   ;; core data section (19 bytes)
    "\01"                                      ;; 1 segment
    "\03\0c\61\2f\62\2f\2e\2e\2f\2e\2e\2f\2e\2e\00\0c\00\00" ;; external "a/b/../../.."
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\01"                                      ;; 1 segment
    "\03\03\61\5c\62\00\0c\00\00"              ;; external "a\5cb"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0b"                                   ;; core data section (11 bytes)
    "\01"                                      ;; 1 segment
    "\03\04\2e\2e\5c\61\00\0c\00\00"           ;; external "..\5ca"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0a"                                   ;; core data section (10 bytes)
    "\01"                                      ;; 1 segment
    "\03\03\61\00\62\00\0c\00\00"              ;; external "a\00b"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\08"                                   ;; core data section (8 bytes)
    "\01"                                      ;; 1 segment
    "\03\01\00\00\0c\00\00"                    ;; external "\00"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0e"                                   ;; core data section (14 bytes)
    "\01"                                      ;; 1 segment
    "\03\07\64\61\74\61\3a\2c\78\00\0c\00\00"  ;; external "data:,x"
  )
  ""
)

(assert_invalid
  (component binary
    "\00asm\0d\00\01\00"                       ;; preamble
    "\0d\0b"                                   ;; core data section (11 bytes)
    "\01"                                      ;; 1 segment
    "\03\04\43\3a\5c\61\00\0c\00\00"           ;; external "C:\5ca"
  )
  ""
)
