#include "fixture.h"

#include <string.h>

static sl_status run_realloc(sl_core_thread *core, void *ctx, sl_slot *v)
{
    (void)core;
    fixture *f = ctx;
    realloc_call call = {v[0].i64, v[1].i64, v[2].i64, v[3].i64, 0};
    uint64_t n = f->n_calls;
    if (n < f->n_forced) {
        call.result = f->forced[n];
    } else if (call.old != 0 && call.new_bytes <= call.old_bytes) {
        call.result = call.old;
    } else {
        call.result = (f->bump + 7) & ~UINT64_C(7);
        f->bump = call.result + call.new_bytes;
        uint8_t *to = sl_memory_at(f->fn.memory, call.result, call.old_bytes);
        uint8_t *from = sl_memory_at(f->fn.memory, call.old, call.old_bytes);
        if (to != NULL && from != NULL)
            memcpy(to, from, (size_t)call.old_bytes);
    }
    assert_true(n < MAX_REALLOCS);
    f->calls[f->n_calls++] = call;
    v[0].i64 = call.result;
    return SL_OK;
}

void fixture_init(fixture *f, sl_string_encoding encoding, bool is64)
{
    static const sl_valtype t32[] = {SL_I32, SL_I32, SL_I32, SL_I32, SL_I32};
    static const sl_valtype t64[] = {SL_I64, SL_I64, SL_I64, SL_I64, SL_I64};
    static const sl_functype types[] = {{4, 1, t32}, {4, 1, t64}};
    sl_err err = {0};
    sl_memtype memtype = {{.min = 4, .max = 4, .has_max = true, .is64 = is64}};
    memset(f, 0, sizeof *f);
    sl_arena_init(&f->arena);
    f->loop = sl_loop_new(NULL, &err);
    assert_non_null(f->loop);
    f->store = sl_store_new(f->loop, NULL, &err);
    assert_non_null(f->store);
    f->inst = sl_instance_new(f->store, NULL, NULL, &err);
    assert_non_null(f->inst);
    f->canon.opts.encoding = encoding;
    f->canon.opts.is64 = is64;
    f->fn.inst = f->inst;
    f->fn.canon = &f->canon;
    f->fn.memory = sl_memory_new(f->store->core, memtype, &err);
    f->fn.realloc = sl_core_func_new_host(f->store->core, &types[is64],
                                          run_realloc, f, &err);
    assert_non_null(f->fn.memory);
    assert_non_null(f->fn.realloc);
    f->cx = (sl_cx){.opts = &f->fn, .inst = f->inst, .arena = &f->arena};
    fixture_reset(f);
}

void fixture_deinit(fixture *f)
{
    sl_store_free(f->store);
    sl_loop_free(f->loop);
    sl_arena_deinit(&f->arena);
}

void fixture_reset(fixture *f)
{
    f->bump = 0x1000;
    f->n_calls = 0;
    f->n_forced = 0;
    f->inst->may_leave = true;
    f->cx.budget = UINT64_C(1) << 40;
    f->store->trap.err = (sl_err){0};
}

const char *fixture_trap(const fixture *f)
{
    return f->store->trap.err.msg;
}

/* --- Types ---------------------------------------------------------------- */

const sl_type *prim(sl_type_kind kind)
{
    return sl_type_primitive(kind);
}

static sl_type *new_type(fixture *f, sl_type_kind kind)
{
    sl_type *type = sl_arena_new(&f->arena, sl_type);
    assert_non_null(type);
    type->kind = kind;
    return type;
}

const sl_type *list_of(fixture *f, const sl_type *elem, uint32_t len)
{
    sl_type *type = new_type(f, SL_T_LIST);
    type->of.list.elem = elem;
    type->of.list.len = len;
    sl_type_finish(type);
    return type;
}

const sl_type *option_of(fixture *f, const sl_type *elem)
{
    sl_type *type = new_type(f, SL_T_OPTION);
    type->of.list.elem = elem;
    sl_type_finish(type);
    return type;
}

const sl_type *result_of(fixture *f, const sl_type *ok, const sl_type *error)
{
    sl_type *type = new_type(f, SL_T_RESULT);
    type->of.result.ok = ok;
    type->of.result.error = error;
    sl_type_finish(type);
    return type;
}

const sl_type *map_of(fixture *f, const sl_type *key, const sl_type *value)
{
    sl_type *type = new_type(f, SL_T_MAP);
    type->of.map.key = key;
    type->of.map.value = value;
    sl_type_finish(type);
    return type;
}

const sl_type *labels_of(fixture *f, sl_type_kind kind, uint32_t n, ...)
{
    sl_type *type = new_type(f, kind);
    sl_label *labels = sl_arena_array(&f->arena, sl_label, n);
    va_list parts;
    va_start(parts, n);
    for (uint32_t i = 0; i < n; i++) {
        labels[i].label = SL_NAME("x");
        labels[i].type = va_arg(parts, const sl_type *);
    }
    va_end(parts);
    type->of.labels.n = n;
    type->of.labels.v = labels;
    sl_type_finish(type);
    return type;
}
