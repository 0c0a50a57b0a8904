/* What the tests of the public interface share: an engine with one component,
 * given as text, and the components that several files use. */
#ifndef SL_TESTS_API_FIXTURE_H
#define SL_TESTS_API_FIXTURE_H

#include "check.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "sluice/sluice.h"

#define N(a) (sizeof(a) / sizeof *(a))

typedef struct fixture {
    sluice_engine *engine;
    sluice_component *component;
    sluice_linker *linker;
    sluice_store *store;
    sluice_instance *instance;
    sluice_error error;
} fixture;

/* The binary of a component's text; fails the test when it does not parse. */
void to_binary(const char *text, sl_buf *out);
/* Engine, component, linker and a store with its own loop. */
void fixture_init(fixture *f, const char *text);
/* ... in a store on the given loop. */
void fixture_init_on(fixture *f, const char *text, struct uv_loop_s *loop);
/* ... with a feature switched on (NULL: none). */
void fixture_init_with(fixture *f, const char *text, const char *feature,
                       struct uv_loop_s *loop);
void fixture_instantiate(fixture *f);
void fixture_deinit(fixture *f);

sluice_func *func_of(fixture *f, const char *name);
/* Calls with at most one argument (NULL: none) and waits. */
sluice_status call(fixture *f, const char *name, sluice_val *arg,
                   sluice_val *result);
sluice_val u32_val(uint32_t x);
uint32_t call_u32(fixture *f, const char *name, uint32_t arg);

/* A call whose outcome is kept. */
typedef struct outcome {
    bool done;
    int times;
    sluice_error error;
    sluice_val result;
} outcome;
void keep(void *arg, const sluice_error *error, sluice_val *result);
sluice_pending *begin(fixture *f, const char *name, sluice_val *arg,
                      outcome *out);
sluice_status finish(fixture *f, outcome *out);

/* Descriptors that are open in this process. */
int count_fds(void);
/* A pseudo-random text, and its sum of bytes. */
void fill_bytes(uint8_t *to, size_t len);
uint64_t sum_bytes(const uint8_t *bytes, size_t len);
/* Writes a temporary file; the name is put into path[64]. */
void temp_file(char path[64], const void *data, size_t len);

/* --- Components ----------------------------------------------------------- */

/* Arithmetic and traps. */
#define MATH                                                                   \
    "(component"                                                               \
    "  (core module $M"                                                        \
    "    (memory (export \"memory\") 1)"                                       \
    "    (func $inner (export \"boom\") unreachable)"                          \
    "    (func (export \"double\") (param i32) (result i32)"                   \
    "      (i32.mul (local.get 0) (i32.const 2)))"                             \
    "    (func (export \"divide\") (param i32) (result i32)"                   \
    "      (i32.div_u (i32.const 100) (local.get 0)))"                         \
    "    (func (export \"spin\") (loop $l (br $l))))"                          \
    "  (core instance $m (instantiate $M))"                                    \
    "  (func (export \"boom\") (canon lift (core func $m \"boom\")))"          \
    "  (func (export \"double\") (param \"x\" u32) (result u32)"               \
    "    (canon lift (core func $m \"double\")))"                              \
    "  (func (export \"divide\") (param \"by\" u32) (result u32)"              \
    "    (canon lift (core func $m \"divide\")))"                              \
    "  (func (export \"spin\") (canon lift (core func $m \"spin\"))))"

/* Memory and a realloc that never frees. */
#define ALLOCATOR                                                              \
    "(memory (export \"memory\") 4)"                                           \
    "(global $next (mut i32) (i32.const 4096))"                                \
    "(func (export \"realloc\") (param i32 i32 i32 i32) (result i32)"          \
    "  (global.set $next (i32.and"                                             \
    "    (i32.add (global.get $next) (i32.const 15)) (i32.const -16)))"        \
    "  (global.get $next)"                                                     \
    "  (global.set $next (i32.add (global.get $next) (local.get 3))))"

/* "echo" gives back what it was given; T flattens to two i32. */
#define ECHO(defs, T)                                                          \
    "(component " defs                                                         \
    "  (core module $M " ALLOCATOR                                             \
    "    (func (export \"echo\") (param i32 i32) (result i32)"                 \
    "      (i32.store (i32.const 8) (local.get 0))"                            \
    "      (i32.store (i32.const 12) (local.get 1))"                           \
    "      (i32.const 8)))"                                                    \
    "  (core instance $m (instantiate $M))"                                    \
    "  (func (export \"echo\") (param \"x\" " T ") (result " T ")"             \
    "    (canon lift (core func $m \"echo\") (memory $m \"memory\")"           \
    "      (realloc (func $m \"realloc\")))))"

/* "pass" gives back a stream or future. */
#define PASS(T)                                                                \
    "(component"                                                               \
    "  (core module $M (func (export \"pass\") (param i32) (result i32)"       \
    "    (local.get 0)))"                                                      \
    "  (core instance $m (instantiate $M))"                                    \
    "  (func (export \"pass\") (param \"x\" " T ") (result " T ")"             \
    "    (canon lift (core func $m \"pass\"))))"

/* "run" calls the imported "f" : u32 -> u32, which may take its time. "again"
 * is "f" itself. */
#define HOST                                                                   \
    "(component"                                                               \
    "  (import \"f\" (func $f async (param \"a\" u32) (result u32)))"          \
    "  (core func $l (canon lower (func $f)))"                                 \
    "  (core module $M"                                                        \
    "    (import \"\" \"f\" (func $f (param i32) (result i32)))"               \
    "    (func (export \"run\") (param i32) (result i32)"                      \
    "      (call $f (local.get 0))))"                                          \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"f\" (func $l))))))"                                         \
    "  (func (export \"run\") async (param \"a\" u32) (result u32)"            \
    "    (canon lift (core func $m \"run\")))"                                 \
    "  (export \"again\" (func $f)))"

/* "wait" waits for ever, or until it is cancelled. */
#define WAITER                                                                 \
    "(component"                                                               \
    "  (core func $set.new (canon waitable-set.new))"                          \
    "  (core func $task.cancel (canon task.cancel))"                           \
    "  (core module $M"                                                        \
    "    (import \"\" \"set.new\" (func $set.new (result i32)))"               \
    "    (import \"\" \"task.cancel\" (func $task.cancel))"                    \
    "    (func (export \"wait\") (result i32)"                                 \
    "      (i32.or (i32.const 2) (i32.shl (call $set.new) (i32.const 4))))"    \
    "    (func (export \"cb\") (param i32 i32 i32) (result i32)"               \
    "      (call $task.cancel) (i32.const 0))"                                 \
    "    (func (export \"boom\") unreachable))"                                \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"set.new\" (func $set.new))"                                 \
    "    (export \"task.cancel\" (func $task.cancel))))))"                     \
    "  (func (export \"wait\") async (result u32)"                             \
    "    (canon lift (core func $m \"wait\") async"                            \
    "      (callback (func $m \"cb\"))))"                                      \
    "  (func (export \"boom\") (canon lift (core func $m \"boom\"))))"

/* "greet" gives the imported segment "text" as a stream, "sum" adds up the
 * bytes of a stream that it reads in pieces of 4 KiB. */
#define BYTES                                                                  \
    "(component"                                                               \
    "  (import \"text\" (core data $text))"                                    \
    "  (type $bytes (stream u8))"                                              \
    "  (core module $Memory (memory (export \"memory\") 1))"                   \
    "  (core instance $memory (instantiate $Memory))"                          \
    "  (core func $size (canon data.size $text i64))"                          \
    "  (core func $open (canon data.read $text i64))"                          \
    "  (core func $read (canon stream.read $bytes"                             \
    "    (memory $memory \"memory\")))"                                        \
    "  (core func $drop (canon stream.drop-readable $bytes))"                  \
    "  (core module $M"                                                        \
    "    (import \"\" \"memory\" (memory 1))"                                  \
    "    (import \"\" \"size\" (func $size (result i64)))"                     \
    "    (import \"\" \"open\" (func $open (param i64 i64) (result i32)))"     \
    "    (import \"\" \"read\" (func $read (param i32 i32 i32)"                \
    "      (result i32)))"                                                     \
    "    (import \"\" \"drop\" (func $drop (param i32)))"                      \
    "    (func (export \"greet\") (result i32)"                                \
    "      (call $open (i64.const 0) (call $size)))"                           \
    "    (func (export \"sum\") (param $s i32) (result i64)"                   \
    "      (local $r i32) (local $i i32) (local $n i32) (local $sum i64)"      \
    "      (loop $pieces"                                                      \
    "        (local.set $r"                                                    \
    "          (call $read (local.get $s) (i32.const 0) (i32.const 4096)))"    \
    "        (local.set $n (i32.shr_u (local.get $r) (i32.const 4)))"          \
    "        (local.set $i (i32.const 0))"                                     \
    "        (block $end (loop $bytes"                                         \
    "          (br_if $end (i32.ge_u (local.get $i) (local.get $n)))"          \
    "          (local.set $sum (i64.add (local.get $sum)"                      \
    "            (i64.load8_u (local.get $i))))"                               \
    "          (local.set $i (i32.add (local.get $i) (i32.const 1)))"          \
    "          (br $bytes)))"                                                  \
    "        (br_if $pieces (i32.eqz"                                          \
    "          (i32.and (local.get $r) (i32.const 15)))))"                     \
    "      (call $drop (local.get $s))"                                        \
    "      (local.get $sum)))"                                                 \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"memory\" (memory $memory \"memory\"))"                      \
    "    (export \"size\" (func $size))"                                       \
    "    (export \"open\" (func $open))"                                       \
    "    (export \"read\" (func $read))"                                       \
    "    (export \"drop\" (func $drop))))))"                                   \
    "  (func (export \"greet\") (result (stream u8))"                          \
    "    (canon lift (core func $m \"greet\")))"                               \
    "  (func (export \"sum\") async (param \"in\" (stream u8)) (result u64)"   \
    "    (canon lift (core func $m \"sum\")))"                                 \
    "  (export \"text\" (core data $text)))"

/* "produce" returns a stream of T and then writes n elements of `size` bytes
 * into it, from the memory at 1024, where `data` is. */
#define PRODUCER(T, size, data)                                                \
    "(component"                                                               \
    "  (type $s (stream " T "))"                                               \
    "  (core module $Memory (memory (export \"memory\") 1) " data ")"          \
    "  (core instance $memory (instantiate $Memory))"                          \
    "  (alias core export $memory \"memory\" (core memory $mem))"              \
    "  (core func $new (canon stream.new $s))"                                 \
    "  (core func $write (canon stream.write $s async (memory $mem)))"         \
    "  (core func $drop (canon stream.drop-writable $s))"                      \
    "  (core func $return (canon task.return (result $s)))"                    \
    "  (core func $set.new (canon waitable-set.new))"                          \
    "  (core func $join (canon waitable.join))"                                \
    "  (core module $M"                                                        \
    "    (import \"\" \"new\" (func $new (result i64)))"                       \
    "    (import \"\" \"write\" (func $write (param i32 i32 i32)"              \
    "      (result i32)))"                                                     \
    "    (import \"\" \"drop\" (func $drop (param i32)))"                      \
    "    (import \"\" \"return\" (func $return (param i32)))"                  \
    "    (import \"\" \"set.new\" (func $set.new (result i32)))"               \
    "    (import \"\" \"join\" (func $join (param i32 i32)))"                  \
    "    (global $w (mut i32) (i32.const 0))"                                  \
    "    (global $set (mut i32) (i32.const 0))"                                \
    "    (global $at (mut i32) (i32.const 1024))"                              \
    "    (global $left (mut i32) (i32.const 0))"                               \
    "    (func $took (param $r i32) (local $n i32)"                            \
    "      (local.set $n (i32.shr_u (local.get $r) (i32.const 4)))"            \
    "      (global.set $at (i32.add (global.get $at)"                          \
    "        (i32.mul (local.get $n) (i32.const " #size "))))"                 \
    "      (global.set $left (i32.sub (global.get $left) (local.get $n)))"     \
    "      (if (i32.and (local.get $r) (i32.const 15))"                        \
    "        (then (global.set $left (i32.const 0)))))"                        \
    "    (func $go (result i32) (local $r i32)"                                \
    "      (loop $more"                                                        \
    "        (if (i32.eqz (global.get $left)) (then"                           \
    "          (call $drop (global.get $w)) (return (i32.const 0))))"          \
    "        (local.set $r (call $write (global.get $w) (global.get $at)"      \
    "          (global.get $left)))"                                           \
    "        (if (i32.eq (local.get $r) (i32.const -1)) (then"                 \
    "          (return (i32.or (i32.const 2)"                                  \
    "            (i32.shl (global.get $set) (i32.const 4))))))"                \
    "        (call $took (local.get $r))"                                      \
    "        (br $more))"                                                      \
    "      (unreachable))"                                                     \
    "    (func (export \"produce\") (param i32) (result i32)"                  \
    "      (local $ends i64)"                                                  \
    "      (local.set $ends (call $new))"                                      \
    "      (global.set $w (i32.wrap_i64"                                       \
    "        (i64.shr_u (local.get $ends) (i64.const 32))))"                   \
    "      (global.set $set (call $set.new))"                                  \
    "      (call $join (global.get $w) (global.get $set))"                     \
    "      (global.set $left (local.get 0))"                                   \
    "      (call $return (i32.wrap_i64 (local.get $ends)))"                    \
    "      (call $go))"                                                        \
    "    (func (export \"cb\") (param i32 i32 i32) (result i32)"               \
    "      (call $took (local.get 2))"                                         \
    "      (call $go)))"                                                       \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"new\" (func $new))"                                         \
    "    (export \"write\" (func $write))"                                     \
    "    (export \"drop\" (func $drop))"                                       \
    "    (export \"return\" (func $return))"                                   \
    "    (export \"set.new\" (func $set.new))"                                 \
    "    (export \"join\" (func $join))))))"                                   \
    "  (func (export \"produce\") async (param \"n\" u32) (result $s)"         \
    "    (canon lift (core func $m \"produce\") async"                         \
    "      (callback (func $m \"cb\")))))"

/* "keep" takes a new handle from the host and keeps it; "read" lends it back;
 * "drop" drops it. */
#define HOST_RESOURCE                                                          \
    "(component"                                                               \
    "  (import \"file\" (type $f (sub resource)))"                             \
    "  (import \"open\" (func $open (param \"n\" u32) (result (own $f))))"     \
    "  (import \"size\" (func $size (param \"f\" (borrow $f)) (result u32)))"  \
    "  (core func $open (canon lower (func $open)))"                           \
    "  (core func $size (canon lower (func $size)))"                           \
    "  (core func $drop (canon resource.drop $f))"                             \
    "  (core module $M"                                                        \
    "    (import \"\" \"open\" (func $open (param i32) (result i32)))"         \
    "    (import \"\" \"size\" (func $size (param i32) (result i32)))"         \
    "    (import \"\" \"drop\" (func $drop (param i32)))"                      \
    "    (global $h (mut i32) (i32.const 0))"                                  \
    "    (func (export \"keep\") (param i32) (result i32)"                     \
    "      (global.set $h (call $open (local.get 0))) (global.get $h))"        \
    "    (func (export \"read\") (result i32) (call $size (global.get $h)))"   \
    "    (func (export \"drop\") (call $drop (global.get $h))))"               \
    "  (core instance $m (instantiate $M (with \"\" (instance"                 \
    "    (export \"open\" (func $open)) (export \"size\" (func $size))"        \
    "    (export \"drop\" (func $drop))))))"                                   \
    "  (func (export \"keep\") (param \"n\" u32) (result u32)"                 \
    "    (canon lift (core func $m \"keep\")))"                                \
    "  (func (export \"read\") (result u32)"                                   \
    "    (canon lift (core func $m \"read\")))"                                \
    "  (func (export \"drop\") (canon lift (core func $m \"drop\"))))"

#endif
