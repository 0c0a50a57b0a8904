#include "core/op.h"

#include "core/core_int.h"

const sl_op_info sl_ops[SL_N_OPS] = {
    [SL_OP_NONE] = {0, 0, "", "", NULL},
#define OP(id, prefix, code, text, imms, sig)                                  \
    [SL_OP_##id] = {prefix, code, text, imms, sig},
#include "core/op.def"
#undef OP
};

#define N_PREFIXED  32
#define AT(pre, cd) ((pre) == 0 ? (cd) : 256 + (cd))

_Static_assert(SL_N_OPS <= UINT8_MAX, "by_code holds a byte per code");
static const uint8_t by_code[256 + N_PREFIXED] = {
#define OP(id, prefix, code, text, imms, sig) [AT(prefix, code)] = SL_OP_##id,
#include "core/op.def"
#undef OP
};

/* How many letters the immediates have: most have none. */
static const uint8_t n_imms[SL_N_OPS] = {
#define OP(id, prefix, code, text, imms, sig) [SL_OP_##id] = sizeof(imms) - 1,
#include "core/op.def"
#undef OP
};

sl_op sl_op_of(uint8_t prefix, uint32_t code)
{
    if (prefix == 0 && code < 256)
        return (sl_op)by_code[code];
    if (prefix == 0xfc && code < N_PREFIXED)
        return (sl_op)by_code[256 + code];
    return SL_OP_NONE;
}

const char *sl_op_proposal(uint8_t prefix, uint32_t code)
{
    switch (prefix ? prefix : code) {
    case 0x06:
    case 0x07:
    case 0x09:
    case 0x18:
    case 0x19:
        return "legacy exception handling";
    case 0x14:
    case 0x15:
    case 0xd4:
    case 0xd5:
    case 0xd6:
        return "function references";
    case 0xd3:
    case 0xfb:
        return "garbage collection";
    case 0xfc:
        return code >= 19 && code <= 22 ? "wide arithmetic" : NULL;
    case 0xfd:
        return "simd";
    case 0xfe:
        return "threads";
    }
    return NULL;
}

/* LEB128 of one byte is by far the commonest. */
static inline uint32_t read_index(sl_reader *r)
{
    if (r->pos < r->end && *r->pos < 0x80)
        return *r->pos++;
    return sl_read_u32(r);
}

static bool illegal(sl_reader *r, const uint8_t *at, uint8_t prefix,
                    uint32_t code)
{
    const char *proposal = sl_op_proposal(prefix, code);
    char name[24];
    if (prefix != 0)
        snprintf(name, sizeof name, "%02x %02x", prefix, (unsigned)code);
    else
        snprintf(name, sizeof name, "%02x", (unsigned)code);
    if (!sl_reader_ok(r))
        return false;
    r->pos = at;
    if (proposal != NULL)
        return sl_reader_fail(r, SL_EUNSUPPORTED,
                              "unsupported instruction %s: %s", name, proposal);
    return sl_reader_fail(r, SL_EMALFORMED, "illegal opcode %s", name);
}

/* Core specification, "Control Instructions": a block type is empty, a value
 * type (both one byte, negative as an s33) or a type index. */
static int64_t read_block_type(sl_reader *r)
{
    if (r->pos < r->end && *r->pos == 0x40) {
        r->pos++;
        return SL_BLOCK_EMPTY;
    }
    if (r->pos < r->end && (*r->pos & 0xc0) == 0x40) {
        sl_valtype type = sl_read_valtype(r);
        return (int64_t)type - 0x80;
    }
    const uint8_t *at = r->pos;
    int64_t index = sl_read_s33(r);
    if (index < 0) {
        r->pos = at;
        sl_reader_fail(r, SL_EMALFORMED, "malformed block type");
    }
    return index;
}

/* "Memory Instructions": bit 6 of the flags announces a memory index. */
static void read_memarg(sl_reader *r, sl_instr *out)
{
    const uint8_t *at = r->pos;
    uint32_t flags = read_index(r);
    if (flags >= 0x80) {
        r->pos = at;
        sl_reader_fail(r, SL_EMALFORMED, "malformed memop flags");
    }
    out->align = flags & 0x3f;
    out->index[0] = flags & 0x40 ? sl_read_u32(r) : 0;
    if (r->pos < r->end && *r->pos < 0x80)
        out->offset = *r->pos++;
    else
        out->offset = sl_read_u64(r);
}

static void read_labels(sl_reader *r, sl_instr *out)
{
    out->n = read_index(r);
    out->vec = r->pos;
    if (out->n > sl_reader_left(r)) {
        sl_reader_fail(r, SL_EMALFORMED, "length out of bounds");
        return;
    }
    for (uint32_t i = 0; i <= out->n && sl_reader_ok(r); i++)
        read_index(r);
    out->vec_len = (uint32_t)(r->pos - out->vec);
}

static void read_types(sl_reader *r, sl_instr *out)
{
    out->n = read_index(r);
    out->vec = r->pos;
    if (out->n > sl_reader_left(r)) {
        sl_reader_fail(r, SL_EMALFORMED, "length out of bounds");
        return;
    }
    for (uint32_t i = 0; i < out->n && sl_reader_ok(r); i++)
        sl_read_valtype(r);
    out->vec_len = (uint32_t)(r->pos - out->vec);
}

sl_catch sl_read_catch(sl_reader *r)
{
    sl_catch out = {false, false, 0, 0};
    const uint8_t *at = r->pos;
    uint8_t kind = sl_read_u8(r);
    if (kind > 3) {
        r->pos = at;
        sl_reader_fail(r, SL_EMALFORMED, "malformed catch clause");
        return out;
    }
    out.all = kind & 2;
    out.ref = kind & 1;
    if (!out.all)
        out.tag = read_index(r);
    out.label = read_index(r);
    return out;
}

static void read_catches(sl_reader *r, sl_instr *out)
{
    out->n = read_index(r);
    out->vec = r->pos;
    if (out->n > sl_reader_left(r)) {
        sl_reader_fail(r, SL_EMALFORMED, "length out of bounds");
        return;
    }
    for (uint32_t i = 0; i < out->n && sl_reader_ok(r); i++)
        sl_read_catch(r);
    out->vec_len = (uint32_t)(r->pos - out->vec);
}

static void read_imms(sl_reader *r, sl_instr *out, const char *imms)
{
    uint32_t *index = out->index;
    for (; *imms; imms++)
        switch (*imms) {
        case 'b':
            out->type = read_block_type(r);
            break;
        case 'h':
            out->type = (int64_t)sl_read_heaptype(r) - 0x80;
            break;
        case 'L':
            read_labels(r, out);
            break;
        case 'T':
            read_types(r, out);
            break;
        case 'C':
            read_catches(r, out);
            break;
        case 'm':
            read_memarg(r, out);
            imms++; /* the size */
            break;
        case 'i':
            out->bits = (uint64_t)(int64_t)sl_read_s32(r);
            break;
        case 'I':
            out->bits = (uint64_t)sl_read_s64(r);
            break;
        case 'F':
            out->bits = sl_read_f32_bits(r);
            break;
        case 'D':
            out->bits = sl_read_f64_bits(r);
            break;
        default:
            *index++ = read_index(r);
        }
}

/* An instruction whose first byte is not one by itself. */
static bool read_prefixed(sl_reader *r, const uint8_t *at, sl_instr *out)
{
    if (*at < 0xfb || *at > 0xfe)
        return illegal(r, at, 0, *at);
    uint32_t code = sl_read_u32(r);
    out->op = sl_op_of(*at, code);
    if (out->op == SL_OP_NONE)
        return illegal(r, at, *at, code);
    return sl_reader_ok(r);
}

bool sl_read_instr(sl_reader *r, sl_instr *out)
{
    const uint8_t *at = r->pos;
    out->at = sl_reader_at(r);
    if (at == r->end)
        return sl_read_u8(r); /* fails */
    r->pos++;
    out->op = (sl_op)by_code[*at];
    if (out->op == SL_OP_NONE && !read_prefixed(r, at, out))
        return false;
    if (n_imms[out->op] == 0)
        return true;
    read_imms(r, out, sl_ops[out->op].imms);
    return sl_reader_ok(r);
}
