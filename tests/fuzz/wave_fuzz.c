/* Any text as a value of a type that the first bytes choose. What is taken must
 * print, and the print must read as the same value. The rest is taken apart as
 * a call as well. */
#include "fuzz.h"

#include "text/wave.h"

enum { DEPTH_MAX = 4, PARTS_MAX = 4 };

typedef struct choices {
    const uint8_t *at, *end;
    sl_arena *arena;
} choices;

static uint8_t choose(choices *c, unsigned n)
{
    return c->at < c->end ? (uint8_t)(*c->at++ % n) : 0;
}

static const sl_type *type_of(choices *c, unsigned depth);

static const sl_type *maybe(choices *c, unsigned depth)
{
    return choose(c, 2) ? type_of(c, depth) : NULL;
}

static void choose_labels(choices *c, sl_type *type, unsigned depth)
{
    static const char *const words[PARTS_MAX] = {"a", "none", "b-c", "inf"};
    sl_label *v = sl_arena_array(c->arena, sl_label, PARTS_MAX);
    bool payload = type->kind == SL_T_RECORD || type->kind == SL_T_TUPLE;
    must(v != NULL);
    type->of.labels.n = 1u + choose(c, PARTS_MAX);
    type->of.labels.v = v;
    for (uint32_t i = 0; i < type->of.labels.n; i++) {
        v[i].label = sl_name_of(type->kind == SL_T_TUPLE ? "" : words[i]);
        v[i].type = payload                       ? type_of(c, depth)
                    : type->kind == SL_T_VARIANT ? maybe(c, depth)
                                                  : NULL;
    }
}

static void choose_parts(choices *c, sl_type *type, unsigned depth)
{
    switch (type->kind) {
    case SL_T_LIST:
        type->of.list.len = choose(c, 3);
        type->of.list.elem = type_of(c, depth);
        return;
    case SL_T_OPTION:
        type->of.list.elem = type_of(c, depth);
        return;
    case SL_T_STREAM:
    case SL_T_FUTURE:
        type->of.list.elem = maybe(c, depth);
        return;
    case SL_T_MAP:
        type->of.map.key = sl_type_primitive(SL_T_STRING);
        type->of.map.value = type_of(c, depth);
        return;
    case SL_T_RESULT:
        type->of.result.ok = maybe(c, depth);
        type->of.result.error = maybe(c, depth);
        return;
    case SL_T_OWN:
    case SL_T_BORROW:
        return;
    default:
        choose_labels(c, type, depth);
    }
}

static const sl_type *type_of(choices *c, unsigned depth)
{
    unsigned kind = choose(c, depth != 0 ? SL_T_N_VALTYPES : SL_T_N_PRIMITIVES);
    if (kind < SL_T_N_PRIMITIVES)
        return sl_type_primitive((sl_type_kind)kind);
    sl_type *type = sl_arena_array(c->arena, sl_type, 1);
    must(type != NULL);
    type->kind = (sl_type_kind)kind;
    choose_parts(c, type, depth - 1);
    return type;
}

static void there_and_back(const sl_type *type, sl_name text)
{
    sl_err err = {0};
    sl_val value = {0}, again = {0};
    sl_buf once = {0}, twice = {0};
    if (sl_wave_parse(text, type, &value, &err)) {
        sl_wave_print(&value, type, &once);
        bool good = sl_wave_parse((sl_name){(char *)once.data, once.len}, type,
                                  &again, &err);
        if (!good)
            fprintf(stderr, "%s: %.*s\n", err.msg, (int)once.len,
                    (char *)once.data);
        must(good);
        sl_wave_print(&again, type, &twice);
        must(once.len == twice.len &&
             memcmp(once.data, twice.data, once.len) == 0);
    } else {
        must(err.code != SL_OK && err.at <= text.len);
    }
    sluice_val_deinit(&value);
    sluice_val_deinit(&again);
    sl_buf_deinit(&once);
    sl_buf_deinit(&twice);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    sl_arena arena;
    sl_err err = {0};
    sl_wave_call call;
    const uint8_t *stop = len != 0 ? memchr(bytes, '\n', len) : NULL;
    if (stop == NULL)
        return 0;
    sl_arena_init(&arena);
    choices c = {bytes, stop, &arena};
    sl_name text = {(const char *)stop + 1, (size_t)(bytes + len - stop - 1)};
    there_and_back(type_of(&c, DEPTH_MAX), text);
    if (!sl_wave_split_call(text, &arena, &call, &err))
        must(err.code != SL_OK && err.at <= text.len);
    sl_arena_deinit(&arena);
    return 0;
}
