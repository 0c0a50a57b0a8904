/* Component-level values in the host's hands: making, copying, comparing and
 * releasing. include/sluice/value.h says what they are. */
#include "component/value.h"

#include <string.h>

#include "base/alloc.h"

sl_val_drops sl_val_drop;

size_t sl_val_elem_size(sluice_kind elem)
{
    switch (elem) {
    case SLUICE_S8:
    case SLUICE_U8:
        return 1;
    case SLUICE_S16:
    case SLUICE_U16:
        return 2;
    case SLUICE_S32:
    case SLUICE_U32:
    case SLUICE_F32:
        return 4;
    case SLUICE_S64:
    case SLUICE_U64:
    case SLUICE_F64:
        return 8;
    default:
        return 0;
    }
}

static bool is_packed(const sluice_val *val)
{
    return val->kind == SLUICE_LIST && val->elem != SLUICE_BOOL;
}

/* --- Releasing ------------------------------------------------------------ */

static void free_items(sluice_val *val)
{
    for (size_t i = 0; i < val->of.list.len; i++)
        sluice_val_deinit(&val->of.list.items[i]);
    sl_free(val->of.list.items);
}

static void drop_end(sluice_val *val)
{
    if (val->kind == SLUICE_STREAM && val->of.stream && sl_val_drop.stream)
        sl_val_drop.stream(val->of.stream);
    if (val->kind == SLUICE_FUTURE && val->of.future && sl_val_drop.future)
        sl_val_drop.future(val->of.future);
}

static void drop_own(sluice_val *val)
{
    if (sl_val_drop.own != NULL && val->of.handle.resource != NULL)
        sl_val_drop.own(val->of.handle.resource, val->of.handle.rep);
}

void sluice_val_deinit(sluice_val *val)
{
    if (val == NULL)
        return;
    switch ((sluice_kind)val->kind) {
    case SLUICE_STRING:
    case SLUICE_ERROR_CONTEXT:
        sl_free(val->of.string.data);
        break;
    case SLUICE_LIST:
        if (is_packed(val))
            sl_free(val->of.bytes.data);
        else
            free_items(val);
        break;
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        free_items(val);
        break;
    case SLUICE_VARIANT:
    case SLUICE_ENUM:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        sluice_val_deinit(val->of.variant.payload);
        sl_free(val->of.variant.payload);
        break;
    case SLUICE_STREAM:
    case SLUICE_FUTURE:
        drop_end(val);
        break;
    case SLUICE_OWN:
        drop_own(val);
        break;
    default:
        break;
    }
    *val = (sluice_val){0};
}

/* --- Making --------------------------------------------------------------- */

bool sluice_val_string(sluice_val *out, const char *data, size_t len)
{
    *out = (sluice_val){0};
    char *copy = sl_strndup(data != NULL ? data : "", len);
    if (copy == NULL)
        return false;
    out->kind = SLUICE_STRING;
    out->of.string.data = copy;
    out->of.string.len = len;
    return true;
}

bool sluice_val_error_context(sluice_val *out, const char *message, size_t len)
{
    if (!sluice_val_string(out, message, len))
        return false;
    out->kind = SLUICE_ERROR_CONTEXT;
    return true;
}

bool sluice_val_borrow(sluice_val *out, const sluice_val *own)
{
    *out = (sluice_val){0};
    if ((own->kind != SLUICE_OWN && own->kind != SLUICE_BORROW) ||
        own->of.handle.resource == NULL)
        return false;
    *out = *own;
    out->kind = SLUICE_BORROW;
    return true;
}

bool sluice_val_bytes(sluice_val *out, sluice_kind elem, const void *data,
                      size_t len)
{
    *out = (sluice_val){0};
    size_t size = sl_val_elem_size(elem);
    if (size == 0)
        return false;
    void *copy = NULL;
    if (len > 0) {
        copy = sl_calloc(len, size);
        if (copy == NULL)
            return false;
        if (data != NULL)
            memcpy(copy, data, len * size);
    }
    out->kind = SLUICE_LIST;
    out->elem = (uint8_t)elem;
    out->of.bytes.data = copy;
    out->of.bytes.len = len;
    return true;
}

bool sluice_val_items(sluice_val *out, sluice_kind kind, size_t len)
{
    *out = (sluice_val){0};
    sluice_val *items = NULL;
    if (len > 0) {
        items = sl_calloc(len, sizeof *items);
        if (items == NULL)
            return false;
    }
    out->kind = (uint8_t)kind;
    out->of.list.items = items;
    out->of.list.len = len;
    return true;
}

bool sluice_val_variant(sluice_val *out, sluice_kind kind, uint32_t index,
                        sluice_val *payload)
{
    *out = (sluice_val){0};
    sluice_val *boxed = NULL;
    if (payload != NULL) {
        boxed = sl_malloc(sizeof *boxed);
        if (boxed == NULL) {
            sluice_val_deinit(payload);
            return false;
        }
        *boxed = *payload;
        *payload = (sluice_val){0};
    }
    out->kind = (uint8_t)kind;
    out->of.variant.index = index;
    out->of.variant.payload = boxed;
    return true;
}

/* --- Copying -------------------------------------------------------------- */

static bool copy_items(const sluice_val *from, sluice_val *to)
{
    if (!sluice_val_items(to, (sluice_kind)from->kind, from->of.list.len))
        return false;
    for (size_t i = 0; i < from->of.list.len; i++)
        if (!sluice_val_copy(&from->of.list.items[i], &to->of.list.items[i])) {
            sluice_val_deinit(to);
            return false;
        }
    return true;
}

static bool copy_variant(const sluice_val *from, sluice_val *to)
{
    sluice_val payload = {0};
    bool some = from->of.variant.payload != NULL;
    return (!some || sluice_val_copy(from->of.variant.payload, &payload)) &&
           sluice_val_variant(to, (sluice_kind)from->kind,
                              from->of.variant.index, some ? &payload : NULL);
}

bool sluice_val_copy(const sluice_val *from, sluice_val *to)
{
    *to = (sluice_val){0};
    switch ((sluice_kind)from->kind) {
    case SLUICE_STRING:
    case SLUICE_ERROR_CONTEXT:
        if (!sluice_val_string(to, from->of.string.data, from->of.string.len))
            return false;
        to->kind = from->kind;
        to->encoding = from->encoding;
        return true;
    case SLUICE_LIST:
        return is_packed(from)
                   ? sluice_val_bytes(to, (sluice_kind)from->elem,
                                      from->of.bytes.data, from->of.bytes.len)
                   : copy_items(from, to);
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        return copy_items(from, to);
    case SLUICE_VARIANT:
    case SLUICE_ENUM:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return copy_variant(from, to);
    case SLUICE_STREAM:
    case SLUICE_FUTURE:
    case SLUICE_OWN:
    case SLUICE_BORROW:
        return false;
    default:
        *to = *from;
        return true;
    }
}

/* --- Moving out of the runtime -------------------------------------------- */

static bool take_items(sl_val *from, sl_val *to)
{
    size_t n = from->of.list.len;
    if (!sluice_val_items(to, (sluice_kind)from->kind, n))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!sl_val_take(&from->of.list.items[i], &to->of.list.items[i]))
            return false;
    return true;
}

static bool take_variant(sl_val *from, sl_val *to)
{
    sl_val payload = {0};
    bool has = from->of.variant.payload != NULL;
    if (has && !sl_val_take(from->of.variant.payload, &payload))
        return false;
    return sluice_val_variant(to, (sluice_kind)from->kind,
                              from->of.variant.index, has ? &payload : NULL);
}

static bool take(sl_val *from, sl_val *to)
{
    switch ((sluice_kind)from->kind) {
    case SLUICE_STRING:
        return sluice_val_string(to, from->of.string.data, from->of.string.len);
    case SLUICE_ERROR_CONTEXT:
        return sluice_val_error_context(to, from->of.string.data,
                                        from->of.string.len);
    case SLUICE_LIST:
        if (from->elem != 0)
            return sluice_val_bytes(to, (sluice_kind)from->elem,
                                    from->of.bytes.data, from->of.bytes.len);
        return take_items(from, to);
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        return take_items(from, to);
    case SLUICE_VARIANT:
    case SLUICE_ENUM:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return take_variant(from, to);
    case SLUICE_STREAM:
        *to = *from;
        from->of.stream = NULL;
        return true;
    case SLUICE_FUTURE:
        *to = *from;
        from->of.future = NULL;
        return true;
    case SLUICE_OWN:
        *to = *from;
        from->of.handle.resource = NULL;
        return true;
    default: /* numbers, bool, char, flags; a borrow, for its call */
        *to = *from;
        return true;
    }
}

bool sl_val_take(sl_val *from, sl_val *to)
{
    *to = (sl_val){0};
    if (take(from, to))
        return true;
    sluice_val_deinit(to);
    return false;
}

/* --- What is inside ------------------------------------------------------- */

static sl_val_held worse(sl_val_held a, sl_val_held b)
{
    return a > b ? a : b;
}

static sl_val_held handle(const void *held)
{
    return held != NULL ? SL_VAL_HANDLES : SL_VAL_GONE;
}

sl_val_held sl_val_holding(const sl_val *val)
{
    sl_val_held held = SL_VAL_PLAIN;
    switch ((sluice_kind)val->kind) {
    case SLUICE_STREAM:
        return handle(val->of.stream);
    case SLUICE_FUTURE:
        return handle(val->of.future);
    case SLUICE_OWN:
    case SLUICE_BORROW:
        return handle(val->of.handle.resource);
    case SLUICE_LIST:
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        for (size_t i = 0; val->elem == 0 && i < val->of.list.len; i++)
            held = worse(held, sl_val_holding(&val->of.list.items[i]));
        return held;
    case SLUICE_VARIANT:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return val->of.variant.payload != NULL
                   ? sl_val_holding(val->of.variant.payload)
                   : held;
    default:
        return held;
    }
}

/* --- Comparing ------------------------------------------------------------ */

/* The same bits, or both some NaN. */
static bool f32_eq(float a, float b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

static bool f64_eq(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0 || (a != a && b != b);
}

static bool packed_eq(const sluice_val *a, const sluice_val *b)
{
    size_t len = a->of.bytes.len;
    if (a->elem != b->elem || len != b->of.bytes.len)
        return false;
    if (len == 0)
        return true;
    if (a->elem != SLUICE_F32 && a->elem != SLUICE_F64)
        return memcmp(a->of.bytes.data, b->of.bytes.data,
                      len * sl_val_elem_size((sluice_kind)a->elem)) == 0;
    for (size_t i = 0; i < len; i++)
        if (a->elem == SLUICE_F32 ? !f32_eq(((float *)a->of.bytes.data)[i],
                                            ((float *)b->of.bytes.data)[i])
                                  : !f64_eq(((double *)a->of.bytes.data)[i],
                                            ((double *)b->of.bytes.data)[i]))
            return false;
    return true;
}

static bool items_eq(const sluice_val *a, const sluice_val *b)
{
    if (a->of.list.len != b->of.list.len)
        return false;
    for (size_t i = 0; i < a->of.list.len; i++)
        if (!sluice_val_eq(&a->of.list.items[i], &b->of.list.items[i]))
            return false;
    return true;
}

/* An empty list may be packed on one side and not on the other. */
static bool list_eq(const sluice_val *a, const sluice_val *b)
{
    if (is_packed(a) && is_packed(b))
        return packed_eq(a, b);
    if (!is_packed(a) && !is_packed(b))
        return items_eq(a, b);
    size_t a_len = is_packed(a) ? a->of.bytes.len : a->of.list.len;
    size_t b_len = is_packed(b) ? b->of.bytes.len : b->of.list.len;
    return a_len == 0 && b_len == 0;
}

static bool variant_eq(const sluice_val *a, const sluice_val *b)
{
    const sluice_val *x = a->of.variant.payload, *y = b->of.variant.payload;
    return a->of.variant.index == b->of.variant.index &&
           (x == NULL ? y == NULL : y != NULL && sluice_val_eq(x, y));
}

static bool string_eq(const sluice_val *a, const sluice_val *b)
{
    size_t len = a->of.string.len;
    return a->encoding == b->encoding && len == b->of.string.len &&
           (len == 0 || memcmp(a->of.string.data, b->of.string.data, len) == 0);
}

bool sluice_val_eq(const sluice_val *a, const sluice_val *b)
{
    if (a->kind != b->kind)
        return false;
    switch ((sluice_kind)a->kind) {
    case SLUICE_BOOL:
        return a->of.boolean == b->of.boolean;
    case SLUICE_S8:
    case SLUICE_U8:
        return a->of.u8 == b->of.u8;
    case SLUICE_S16:
    case SLUICE_U16:
        return a->of.u16 == b->of.u16;
    case SLUICE_S32:
    case SLUICE_U32:
        return a->of.u32 == b->of.u32;
    case SLUICE_S64:
    case SLUICE_U64:
        return a->of.u64 == b->of.u64;
    case SLUICE_F32:
        return f32_eq(a->of.f32, b->of.f32);
    case SLUICE_F64:
        return f64_eq(a->of.f64, b->of.f64);
    case SLUICE_CHAR:
        return a->of.chr == b->of.chr;
    case SLUICE_STRING:
    case SLUICE_ERROR_CONTEXT:
        return string_eq(a, b);
    case SLUICE_LIST:
        return list_eq(a, b);
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        return items_eq(a, b);
    case SLUICE_VARIANT:
    case SLUICE_ENUM:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return variant_eq(a, b);
    case SLUICE_FLAGS:
        return a->of.flags == b->of.flags;
    case SLUICE_OWN:
    case SLUICE_BORROW:
        return a->of.handle.resource == b->of.handle.resource &&
               a->of.handle.rep == b->of.handle.rep;
    case SLUICE_STREAM:
        return a->of.stream == b->of.stream;
    case SLUICE_FUTURE:
        return a->of.future == b->of.future;
    }
    return false;
}
