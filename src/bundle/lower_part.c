/* The parts of a lowered component: for each segment a component that writes
 * its bytes into streams, and in front of the core code an adapter that has the
 * signatures of data.*. docs/data-segments.md, section 6. */
#include <inttypes.h>
#include <stdio.h>

#include "bundle/bundle.h"
#include "bundle/lower_int.h"
#include "text/text.h"

#define PIECE_MAX 65536 /* bytes written into a stream at a time */
#define SLOT_HEAD 32    /* bytes in front of a stream's piece in memory */
enum { CORE_SECTION_DATA = 11, SEGMENT_PASSIVE = 1 };

/* `read` is a task in the callback ABI: it returns the readable end and goes on
 * writing. Each stream has a slot: 0 the writable end (or the next free slot),
 * 4 a waitable set, 8 where it is, 12 its end, 16 the length of the write under
 * way, 32 the piece. In front of the last piece a write of no bytes waits for a
 * reader, so that the reader is given the last bytes and the end at once. */
static const char segment_text[] =
    "(component"
    " (core module $M"
    "  (import \"\" \"new\" (func $new (result i64)))"
    "  (import \"\" \"write\" (func $write (param i32 i32 i32) (result i32)))"
    "  (import \"\" \"drop\" (func $drop (param i32)))"
    "  (import \"\" \"return\" (func $return (param i32)))"
    "  (import \"\" \"get\" (func $get (result i32)))"
    "  (import \"\" \"set\" (func $set (param i32)))"
    "  (import \"\" \"wait-new\" (func $wait-new (result i32)))"
    "  (import \"\" \"wait-drop\" (func $wait-drop (param i32)))"
    "  (import \"\" \"join\" (func $join (param i32 i32)))"
    "  (import \"\" \"memory\" (memory 1))"
    "  (global $size i64 (i64.const %" PRIu64 "))"
    "  (global $piece i32 (i32.const %u))"
    "  (global $slot i32 (i32.const %u))"
    "  (global $free (mut i32) (i32.const 0))"
    "  (global $top (mut i32) (i32.const 32))"
    "  (data $d \"\")"
    "  (func $room (param $end i32)"
    "   (local $more i32)"
    "   (local.set $more (i32.sub"
    "    (i32.shr_u (i32.add (local.get $end) (i32.const 65535))"
    "     (i32.const 16))"
    "    (memory.size)))"
    "   (if (i32.gt_s (local.get $more) (i32.const 0))"
    "    (then (if (i32.eq (memory.grow (local.get $more)) (i32.const -1))"
    "     (then unreachable)))))"
    "  (func $take (result i32)"
    "   (local $s i32)"
    "   (local.set $s (global.get $free))"
    "   (if (local.get $s)"
    "    (then (global.set $free (i32.load (local.get $s))))"
    "    (else"
    "     (local.set $s (global.get $top))"
    "     (global.set $top (i32.add (local.get $s) (global.get $slot)))"
    "     (call $room (global.get $top))))"
    "   (local.get $s))"
    "  (func $end (param $s i32) (result i32)"
    "   (call $join (i32.load (local.get $s)) (i32.const 0))"
    "   (call $drop (i32.load (local.get $s)))"
    "   (call $wait-drop (i32.load offset=4 (local.get $s)))"
    "   (i32.store (local.get $s) (global.get $free))"
    "   (global.set $free (local.get $s))"
    "   (i32.const 0 (; EXIT ;)))"
    "  (func $goes-on (param $s i32) (param $result i32) (result i32)"
    "   (i32.store offset=8 (local.get $s) (i32.add"
    "    (i32.load offset=8 (local.get $s))"
    "    (i32.shr_u (local.get $result) (i32.const 4))))"
    "   (i32.and"
    "    (i32.eqz (i32.and (local.get $result) (i32.const 15)))"
    "    (i32.lt_u (i32.load offset=8 (local.get $s))"
    "     (i32.load offset=12 (local.get $s)))))"
    "  (func $write-on (param $s i32) (param $awaited i32) (result i32)"
    "   (local $n i32) (local $result i32)"
    "   (loop $again"
    "    (local.set $n (i32.sub (i32.load offset=12 (local.get $s))"
    "     (i32.load offset=8 (local.get $s))))"
    "    (if (i32.gt_u (local.get $n) (global.get $piece))"
    "     (then (local.set $n (global.get $piece)))"
    "     (else (if (i32.eqz (local.get $awaited))"
    "      (then (local.set $n (i32.const 0))))))"
    "    (memory.init $d (i32.add (local.get $s) (i32.const 32))"
    "     (i32.load offset=8 (local.get $s)) (local.get $n))"
    "    (i32.store offset=16 (local.get $s) (local.get $n))"
    "    (local.set $result (call $write (i32.load (local.get $s))"
    "     (i32.add (local.get $s) (i32.const 32)) (local.get $n)))"
    "    (if (i32.eq (local.get $result) (i32.const -1 (; BLOCKED ;)))"
    "     (then (return (i32.or (i32.const 2 (; WAIT ;))"
    "      (i32.shl (i32.load offset=4 (local.get $s)) (i32.const 4))))))"
    "    (local.set $awaited (i32.eqz (local.get $n)))"
    "    (br_if $again (call $goes-on (local.get $s) (local.get $result))))"
    "   (call $end (local.get $s)))"
    "  (func (export \"read\") (param $start i64) (param $len i64) (result i32)"
    "   (local $s i32) (local $ends i64)"
    "   (if (i64.gt_u (local.get $len) (global.get $size))"
    "    (then unreachable))"
    "   (if (i64.gt_u (local.get $start)"
    "     (i64.sub (global.get $size) (local.get $len)))"
    "    (then unreachable))"
    "   (local.set $ends (call $new))"
    "   (local.set $s (call $take))"
    "   (i32.store (local.get $s)"
    "    (i32.wrap_i64 (i64.shr_u (local.get $ends) (i64.const 32))))"
    "   (i32.store offset=4 (local.get $s) (call $wait-new))"
    "   (i32.store offset=8 (local.get $s) (i32.wrap_i64 (local.get $start)))"
    "   (i32.store offset=12 (local.get $s)"
    "    (i32.wrap_i64 (i64.add (local.get $start) (local.get $len))))"
    "   (call $set (local.get $s))"
    "   (call $join (i32.load (local.get $s))"
    "    (i32.load offset=4 (local.get $s)))"
    "   (call $return (i32.wrap_i64 (local.get $ends)))"
    "   (if (result i32) (i64.eqz (local.get $len))"
    "    (then (call $end (local.get $s)))"
    "    (else (call $write-on (local.get $s) (i32.const 0)))))"
    "  (func (export \"callback\") (param $event i32) (param $end i32)"
    "   (param $result i32) (result i32)"
    "   (local $s i32)"
    "   (local.set $s (call $get))"
    "   (if (i32.ne (local.get $event) (i32.const 3 (; STREAM_WRITE ;)))"
    "    (then unreachable))"
    "   (if (result i32) (call $goes-on (local.get $s) (local.get $result))"
    "    (then (call $write-on (local.get $s)"
    "     (i32.eqz (i32.load offset=16 (local.get $s)))))"
    "    (else (call $end (local.get $s)))))"
    "  (func (export \"size\") (result i64) (global.get $size)))"
    " (core module $Memory (memory (export \"memory\") 1))"
    " (core instance $memory (instantiate $Memory))"
    " (alias core export $memory \"memory\" (core memory $mem))"
    " (type $bytes (stream u8))"
    " (core func $new (canon stream.new $bytes))"
    " (core func $write (canon stream.write $bytes async (memory $mem)))"
    " (core func $drop (canon stream.drop-writable $bytes))"
    " (core func $return (canon task.return (result $bytes)))"
    " (core func $get (canon context.get i32 0))"
    " (core func $set (canon context.set i32 0))"
    " (core func $wait-new (canon waitable-set.new))"
    " (core func $wait-drop (canon waitable-set.drop))"
    " (core func $join (canon waitable.join))"
    " (core instance $m (instantiate $M (with \"\" (instance"
    "  (export \"new\" (func $new)) (export \"write\" (func $write))"
    "  (export \"drop\" (func $drop)) (export \"return\" (func $return))"
    "  (export \"get\" (func $get)) (export \"set\" (func $set))"
    "  (export \"wait-new\" (func $wait-new))"
    "  (export \"wait-drop\" (func $wait-drop))"
    "  (export \"join\" (func $join)) (export \"memory\" (memory $mem))))))"
    " (func (export \"read\") async (param \"start\" u64) (param \"len\" u64)"
    "  (result $bytes) (canon lift (core func $m \"read\") async"
    "   (callback (core func $m \"callback\"))))"
    " (func (export \"size\") (result u64)"
    "  (canon lift (core func $m \"size\"))))";

/* Ranges are checked here, so that the trap is the reader's. */
static const char adapter_text[] =
    "(module"
    " (import \"\" \"read\" (func $read (param i64 i64 i32) (result i32)))"
    " (import \"\" \"size\" (func $size (result i64)))"
    " (import \"\" \"memory\" (memory 1))"
    " (func $check (export \"prefetch64\") (param $start i64) (param $len i64)"
    "  (local $size i64)"
    "  (local.set $size (call $size))"
    "  (if (i64.gt_u (local.get $len) (local.get $size)) (then unreachable))"
    "  (if (i64.gt_u (local.get $start)"
    "    (i64.sub (local.get $size) (local.get $len)))"
    "   (then unreachable)))"
    " (func (export \"prefetch32\") (param $start i32) (param $len i32)"
    "  (call $check (i64.extend_i32_u (local.get $start))"
    "   (i64.extend_i32_u (local.get $len))))"
    " (func $read64 (export \"read64\") (param $start i64) (param $len i64)"
    "  (result i32)"
    "  (call $check (local.get $start) (local.get $len))"
    "  (if (i32.ne (i32.const 2 (; RETURNED ;)) (call $read"
    "    (local.get $start) (local.get $len) (i32.const 0)))"
    "   (then unreachable))"
    "  (i32.load (i32.const 0)))"
    " (func (export \"read32\") (param $start i32) (param $len i32)"
    "  (result i32)"
    "  (call $read64 (i64.extend_i32_u (local.get $start))"
    "   (i64.extend_i32_u (local.get $len))))"
    " (func (export \"size64\") (result i64) (call $size))"
    " (func (export \"size32\") (result i32)"
    "  (local $size i64)"
    "  (local.set $size (call $size))"
    "  (if (i64.gt_u (local.get $size) (i64.const 0xffffffff))"
    "   (then unreachable))"
    "  (i32.wrap_i64 (local.get $size))))";

static const char memory_text[] = "(module (memory (export \"memory\") 1))";

/* --- A segment's component --------------------------------------------------
 */

static bool segment_template(lowering *lw, uint64_t size, sl_buf *out)
{
    unsigned piece =
        size < PIECE_MAX ? (unsigned)(size + 31) & ~31u : PIECE_MAX;
    sl_buf text;
    sl_buf_init(&text);
    sl_buf_printf(&text, segment_text, size, piece, SLOT_HEAD + piece);
    if (text.failed)
        lw_nomem(lw);
    else
        sl_text_parse((sl_name){(const char *)text.data, text.len}, out,
                      lw->rw.err);
    sl_buf_deinit(&text);
    return lw_ok(lw);
}

/* The sections of a module, its data section with the payload. */
static void write_module(lowering *lw, sl_reader *r,
                         const sl_segment_def *segment)
{
    sl_output *out = &lw->rw.out;
    sl_rewrite_frame section;
    sl_output_bytes(out, sl_read_bytes(r, 8), 8);
    while (sl_reader_left(r) != 0 && sl_reader_ok(r)) {
        uint8_t id = sl_read_u8(r);
        size_t len = sl_read_u32(r);
        const uint8_t *body = sl_read_bytes(r, len);
        sl_rewrite_open(&lw->rw, &section, id);
        if (id == CORE_SECTION_DATA &&
            sl_rewrite_fits(&lw->rw, segment->size)) {
            sl_output_bytes(out, (uint8_t[]){1, SEGMENT_PASSIVE}, 2);
            sl_output_u64(out, segment->size);
            if (segment->form == SL_SEGMENT_EXTERNAL)
                sl_outside_read(&lw->rw, lw->ask, segment);
            else
                sl_output_copy(out, lw->rw.source, segment->offset,
                               segment->size);
        } else if (body != NULL) {
            sl_output_bytes(out, body, len);
        }
        sl_rewrite_close(&lw->rw);
    }
}

uint32_t lw_segment_component(lowering *lw, const sl_segment_def *segment)
{
    sl_rewrite_frame component, module;
    sl_buf template;
    sl_buf_init(&template);
    lw_flush(lw);
    if (segment_template(lw, segment->size, &template) &&
        sl_rewrite_fits(&lw->rw, template.len + segment->size)) {
        sl_reader r =
            sl_reader_over(template.data, template.len, 0, lw->rw.err);
        sl_rewrite_open(&lw->rw, &component, 4);
        sl_output_bytes(&lw->rw.out, sl_read_bytes(&r, 8), 8);
        sl_read_u8(&r); /* the first section is the module that has data */
        sl_reader body = sl_read_sub(&r, sl_read_u32(&r));
        sl_rewrite_open(&lw->rw, &module, 1);
        write_module(lw, &body, segment);
        sl_rewrite_close(&lw->rw);
        sl_output_bytes(&lw->rw.out, r.pos, sl_reader_left(&r));
        sl_rewrite_close(&lw->rw);
    }
    sl_buf_deinit(&template);
    return lw_fresh(lw, SL_SORT_COMPONENT);
}

uint32_t lw_instantiate(lowering *lw, uint32_t component)
{
    sl_buf *out = lw_define(lw, 5);
    sl_buf_u8(out, 0);
    sl_buf_u32(out, component);
    sl_buf_u32(out, 0);
    return lw_fresh(lw, SL_SORT_INSTANCE);
}

/* --- Adapters
 * ----------------------------------------------------------------- */

static uint32_t core_module(lowering *lw, sl_buf *module, const char *text)
{
    lw_flush(lw);
    if (module->len == 0)
        sl_text_parse(sl_name_of(text), module, lw->rw.err);
    sl_output_u8(&lw->rw.out, 1);
    sl_output_u64(&lw->rw.out, module->len);
    sl_output_bytes(&lw->rw.out, module->data, module->len);
    return lw_fresh(lw, SL_SORT_CORE_MODULE);
}

/* An alias of an export; form 1: of a core instance. */
static uint32_t alias(lowering *lw, sl_sort sort, uint8_t form,
                      uint32_t instance, const char *name)
{
    sl_buf *out = lw_define(lw, 6);
    lw_sort(out, sort);
    sl_buf_u8(out, form);
    sl_buf_u32(out, instance);
    sl_buf_name(out, sl_name_of(name));
    return lw_fresh(lw, sort);
}

/* The memory that results are written to, and the adapters' module. */
static void prepare(lowering *lw)
{
    lw_scope *s = lw->scope;
    if (s->memory != SL_NO_INDEX)
        return;
    uint32_t module = core_module(lw, &lw->memory_module, memory_text);
    sl_buf *out = lw_define(lw, 2);
    sl_buf_u8(out, 0);
    sl_buf_u32(out, module);
    sl_buf_u32(out, 0);
    uint32_t instance = lw_fresh(lw, SL_SORT_CORE_INSTANCE);
    s->memory = alias(lw, SL_SORT_CORE_MEMORY, 1, instance, "memory");
    s->adapter = core_module(lw, &lw->adapter_module, adapter_text);
}

static uint32_t lowered(lowering *lw, uint32_t func, bool async)
{
    sl_buf *out = lw_define(lw, 8);
    sl_buf_bytes(out, (uint8_t[]){1, 0}, 2);
    sl_buf_u32(out, func);
    sl_buf_u32(out, async ? 2 : 0);
    if (async) {
        sl_buf_bytes(out, (uint8_t[]){6, 3}, 2);
        sl_buf_u32(out, lw->scope->memory);
    }
    return lw_fresh(lw, SL_SORT_CORE_FUNC);
}

static void core_export(sl_buf *out, const char *name, uint8_t sort,
                        uint32_t index)
{
    sl_buf_name(out, sl_name_of(name));
    sl_buf_u8(out, sort);
    sl_buf_u32(out, index);
}

static uint32_t make_adapter(lowering *lw, uint32_t instance)
{
    prepare(lw);
    uint32_t read = alias(lw, SL_SORT_FUNC, 0, instance, "read");
    uint32_t size = alias(lw, SL_SORT_FUNC, 0, instance, "size");
    read = lowered(lw, read, true);
    size = lowered(lw, size, false);
    sl_buf *out = lw_define(lw, 2);
    sl_buf_u8(out, 1);
    sl_buf_u32(out, 3);
    core_export(out, "read", 0, read);
    core_export(out, "size", 0, size);
    core_export(out, "memory", 2, lw->scope->memory);
    uint32_t bag = lw_fresh(lw, SL_SORT_CORE_INSTANCE);
    out = lw_define(lw, 2);
    sl_buf_u8(out, 0);
    sl_buf_u32(out, lw->scope->adapter);
    sl_buf_u32(out, 1);
    core_export(out, "", 0x12, bag);
    return lw_fresh(lw, SL_SORT_CORE_INSTANCE);
}

uint32_t lw_adapter(lowering *lw, uint32_t data)
{
    lw_data *d = lw_data_at(lw, lw->scope, data);
    if (d == NULL)
        return 0;
    if (d->adapter == SL_NO_INDEX)
        d->adapter = make_adapter(lw, d->instance);
    return d->adapter;
}
