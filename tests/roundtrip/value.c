#include "value.h"

#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"

static void must(bool ok)
{
    if (!ok)
        abort();
}

/* --- Scalars ----------------------------------------------------------------
 */

static uint64_t integer(rt_rng *rng)
{
    static const uint64_t corner[] = {
        0,          1,         0x7f,       0x80,       0xff,
        0x7fff,     0x8000,    0xffff,     0x7fffffff, 0x80000000,
        0xffffffff, INT64_MAX, 1ULL << 63, UINT64_MAX, 0xffffffffffffff80,
        1ULL << 32};
    return rt_chance(rng, 2)
               ? corner[rt_below(rng, sizeof corner / sizeof *corner)]
               : rt_next(rng);
}

static uint32_t f32_bits(rt_rng *rng)
{
    static const uint32_t corner[] = {
        0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000,
        0x7f800001, 0x7fa00000, 0x00000001, 0x007fffff, 0x7f7fffff, 0x3f800000};
    return rt_chance(rng, 2)
               ? corner[rt_below(rng, sizeof corner / sizeof *corner)]
               : (uint32_t)rt_next(rng);
}

static uint64_t f64_bits(rt_rng *rng)
{
    static const uint64_t corner[] = {0,
                                      0x8000000000000000,
                                      0x7ff0000000000000,
                                      0xfff0000000000000,
                                      0x7ff8000000000000,
                                      0xfff8000000000000,
                                      0x7ff0000000000001,
                                      0x7ff4000000000000,
                                      0x0000000000000001,
                                      0x7fefffffffffffff,
                                      0x3ff0000000000000,
                                      0x000000007fa00000};
    return rt_chance(rng, 2)
               ? corner[rt_below(rng, sizeof corner / sizeof *corner)]
               : rt_next(rng);
}

static uint32_t character(rt_rng *rng)
{
    static const uint32_t corner[] = {0,      0x7f,   0x80,    0xff,    0x100,
                                      0x7ff,  0x800,  0xd7ff,  0xe000,  0xfffd,
                                      0xfffe, 0xffff, 0x10000, 0x10ffff};
    if (rt_chance(rng, 2))
        return corner[rt_below(rng, sizeof corner / sizeof *corner)];
    uint32_t c = rt_below(rng, 0x110000 - 0x800);
    return c < 0xd800 ? c : c + 0x800;
}

/* --- Strings ----------------------------------------------------------------
 */

enum alphabet { ASCII, LATIN1, BMP, ASTRAL, ANY, N_ALPHABETS };

static uint32_t letter(rt_rng *rng, enum alphabet alphabet)
{
    switch (alphabet) {
    case ASCII:
        return rt_below(rng, 0x80);
    case LATIN1:
        return rt_below(rng, 0x100);
    case BMP:
        return 0x100 + rt_below(rng, 0xd700);
    case ASTRAL:
        return 0x10000 + rt_below(rng, 0x100000);
    default:
        return character(rng);
    }
}

static uint32_t string_length(rt_rng *rng)
{
    if (rt_chance(rng, 5))
        return 0;
    if (rt_chance(rng, 400))
        return rt_below(rng, 20000);
    return 1 + rt_below(rng, rt_chance(rng, 8) ? 200 : 12);
}

/* Of one alphabet to some point, of another behind it: where an encoding that
 * was assumed proves wrong. */
static void string(rt_rng *rng, int *room, sluice_val *out)
{
    enum alphabet first = (enum alphabet)rt_below(rng, N_ALPHABETS);
    enum alphabet second =
        rt_chance(rng, 2) ? first : (enum alphabet)rt_below(rng, N_ALPHABETS);
    uint32_t n = string_length(rng);
    if (*room < (int)n)
        n = *room > 0 ? (uint32_t)*room : 0;
    *room -= (int)n;
    uint32_t turn = rt_below(rng, n + 1);
    uint8_t *bytes = malloc((size_t)n * 4 + 1);
    size_t len = 0;
    must(bytes != NULL);
    for (uint32_t i = 0; i < n; i++)
        len += sl_utf8_put(letter(rng, i < turn ? first : second), bytes + len);
    must(sluice_val_string(out, (char *)bytes, len));
    free(bytes);
}

/* --- Lists ------------------------------------------------------------------
 */

static uint32_t list_length(const rt_type *elem, rt_rng *rng, int *room)
{
    bool number = elem->kind >= SLUICE_S8 && elem->kind <= SLUICE_F64;
    uint32_t n = rt_chance(rng, 4) ? 0 : rt_below(rng, 7);
    if (rt_chance(rng, 50))
        n = rt_below(rng, number ? 3000 : 100);
    if (*room < (int)n)
        n = *room > 0 ? (uint32_t)*room : 0;
    *room -= (int)n;
    return n;
}

static void packed(sluice_kind elem, uint32_t n, rt_rng *rng, sluice_val *out)
{
    static const uint8_t sizes[] = {
        [SLUICE_S8] = 1,  [SLUICE_U8] = 1,  [SLUICE_S16] = 2, [SLUICE_U16] = 2,
        [SLUICE_S32] = 4, [SLUICE_U32] = 4, [SLUICE_S64] = 8, [SLUICE_U64] = 8,
        [SLUICE_F32] = 4, [SLUICE_F64] = 8};
    size_t size = sizes[elem];
    uint8_t *data = malloc(n * size + 1);
    must(data != NULL);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t bits = elem == SLUICE_F32   ? f32_bits(rng)
                        : elem == SLUICE_F64 ? f64_bits(rng)
                                             : integer(rng);
        memcpy(data + i * size, &bits, size);
    }
    must(sluice_val_bytes(out, elem, data, n));
    free(data);
}

static void list(const rt_type *type, rt_rng *rng, int *room, sluice_val *out)
{
    const rt_type *elem = type->parts[0];
    uint32_t n = type->len != 0 ? type->len : list_length(elem, rng, room);
    if (elem->kind >= SLUICE_S8 && elem->kind <= SLUICE_F64) {
        packed(elem->kind, n, rng, out);
        return;
    }
    must(sluice_val_items(out, SLUICE_LIST, n));
    for (uint32_t i = 0; i < n; i++)
        rt_value(elem, rng, room, &out->of.list.items[i]);
}

static void fields(const rt_type *type, rt_rng *rng, int *room, sluice_val *out)
{
    must(sluice_val_items(out, type->kind, type->n));
    for (uint32_t i = 0; i < type->n; i++)
        rt_value(type->parts[i], rng, room, &out->of.list.items[i]);
}

static void map(const rt_type *type, rt_rng *rng, int *room, sluice_val *out)
{
    uint32_t n = list_length(type, rng, room);
    must(sluice_val_items(out, SLUICE_MAP, n));
    for (uint32_t i = 0; i < n; i++) {
        sluice_val *item = &out->of.list.items[i];
        must(sluice_val_items(item, SLUICE_TUPLE, 2));
        rt_value(type->parts[0], rng, room, &item->of.list.items[0]);
        rt_value(type->parts[1], rng, room, &item->of.list.items[1]);
    }
}

/* --- All --------------------------------------------------------------------
 */

/* The last case often: it may be the one that needs two bytes. */
static void variant(const rt_type *type, rt_rng *rng, int *room,
                    sluice_val *out)
{
    uint32_t n = rt_n_cases(type);
    uint32_t index = rt_chance(rng, 6)   ? n - 1
                     : rt_chance(rng, 2) ? rt_below(rng, n < 20 ? n : 20)
                                         : rt_below(rng, n);
    const rt_type *payload = rt_case(type, index);
    sluice_val inner = {0};
    if (payload != NULL)
        rt_value(payload, rng, room, &inner);
    must(sluice_val_variant(out, type->kind, index,
                            payload != NULL ? &inner : NULL));
}

void rt_value(const rt_type *type, rt_rng *rng, int *room, sluice_val *out)
{
    *out = (sluice_val){.kind = (uint8_t)type->kind};
    switch (type->kind) {
    case SLUICE_BOOL:
        out->of.boolean = rt_chance(rng, 2);
        break;
    case SLUICE_S8:
    case SLUICE_U8:
        out->of.u8 = (uint8_t)integer(rng);
        break;
    case SLUICE_S16:
    case SLUICE_U16:
        out->of.u16 = (uint16_t)integer(rng);
        break;
    case SLUICE_S32:
    case SLUICE_U32:
        out->of.u32 = (uint32_t)integer(rng);
        break;
    case SLUICE_S64:
    case SLUICE_U64:
        out->of.u64 = integer(rng);
        break;
    case SLUICE_F32:
        out->of.u32 = f32_bits(rng);
        break;
    case SLUICE_F64:
        out->of.u64 = f64_bits(rng);
        break;
    case SLUICE_CHAR:
        out->of.chr = character(rng);
        break;
    case SLUICE_STRING:
        string(rng, room, out);
        break;
    case SLUICE_LIST:
        list(type, rng, room, out);
        break;
    case SLUICE_MAP:
        map(type, rng, room, out);
        break;
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        fields(type, rng, room, out);
        break;
    case SLUICE_FLAGS:
        out->of.flags =
            (uint32_t)(integer(rng) & (UINT64_MAX >> (64 - type->n)));
        break;
    default:
        variant(type, rng, room, out);
        break;
    }
}

/* --- Simpler values ---------------------------------------------------------
 */

/* Is this the way that was asked for? */
static bool mine(uint32_t *k)
{
    return (*k)-- == 0;
}

static bool reduce_items(sluice_val *val, uint32_t *k)
{
    size_t len = val->of.list.len;
    bool free_length = val->kind == SLUICE_LIST || val->kind == SLUICE_MAP;
    for (size_t cut = len; free_length && cut > 0; cut /= 2)
        if (mine(k)) { /* may be of fixed length: then it is refused */
            for (size_t i = len - cut; i < len; i++)
                sluice_val_deinit(&val->of.list.items[i]);
            val->of.list.len -= cut;
            return true;
        }
    for (size_t i = 0; i < len; i++)
        if (rt_reduce(&val->of.list.items[i], k))
            return true;
    return false;
}

static bool reduce_packed(sluice_val *val, uint32_t *k)
{
    for (size_t cut = val->of.bytes.len; cut > 0; cut /= 2)
        if (mine(k)) {
            val->of.bytes.len -= cut;
            return true;
        }
    return false;
}

static size_t char_start(const sluice_val *val, size_t at)
{
    while (at > 0 && ((uint8_t)val->of.string.data[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static bool reduce_string(sluice_val *val, uint32_t *k)
{
    size_t len = val->of.string.len;
    for (size_t cut = len; cut > 0; cut /= 2) {
        if (mine(k)) {
            val->of.string.len = char_start(val, len - cut);
            return true;
        }
        if (mine(k)) {
            size_t at = char_start(val, cut);
            val->of.string.len = len - at;
            memmove(val->of.string.data, val->of.string.data + at, len - at);
            return at != 0;
        }
    }
    return false;
}

static bool reduce_variant(sluice_val *val, uint32_t *k)
{
    if (val->of.variant.payload != NULL && val->kind == SLUICE_OPTION &&
        mine(k)) {
        sluice_val_deinit(val);
        must(sluice_val_variant(val, SLUICE_OPTION, 0, NULL));
        return true;
    }
    return val->of.variant.payload != NULL &&
           rt_reduce(val->of.variant.payload, k);
}

bool rt_reduce(sluice_val *val, uint32_t *k)
{
    switch ((sluice_kind)val->kind) {
    case SLUICE_STRING:
        return reduce_string(val, k);
    case SLUICE_LIST:
        if (val->elem != 0)
            return reduce_packed(val, k);
        return reduce_items(val, k);
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        return reduce_items(val, k);
    case SLUICE_VARIANT:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return reduce_variant(val, k);
    case SLUICE_ENUM:
        return false;
    default:
        if (val->of.u64 == 0 || !mine(k))
            return false;
        val->of.u64 = 0;
        return true;
    }
}

/* --- NaNs -------------------------------------------------------------------
 */

static bool f32_ok(uint32_t bits)
{
    return (bits & 0x7fffffff) <= 0x7f800000 || bits == 0x7fc00000;
}

static bool f64_ok(uint64_t bits)
{
    return (bits & INT64_MAX) <= 0x7ff0000000000000 ||
           bits == 0x7ff8000000000000;
}

static bool packed_ok(const sluice_val *val)
{
    for (size_t i = 0; i < val->of.bytes.len; i++) {
        if (val->elem == SLUICE_F32 &&
            !f32_ok(((const uint32_t *)val->of.bytes.data)[i]))
            return false;
        if (val->elem == SLUICE_F64 &&
            !f64_ok(((const uint64_t *)val->of.bytes.data)[i]))
            return false;
    }
    return true;
}

bool rt_nans_are_canonical(const sluice_val *val)
{
    switch ((sluice_kind)val->kind) {
    case SLUICE_F32:
        return f32_ok(val->of.u32);
    case SLUICE_F64:
        return f64_ok(val->of.u64);
    case SLUICE_LIST:
    case SLUICE_MAP:
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        if (val->elem != 0)
            return packed_ok(val);
        for (size_t i = 0; i < val->of.list.len; i++)
            if (!rt_nans_are_canonical(&val->of.list.items[i]))
                return false;
        return true;
    case SLUICE_VARIANT:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return val->of.variant.payload == NULL ||
               rt_nans_are_canonical(val->of.variant.payload);
    default:
        return true;
    }
}
