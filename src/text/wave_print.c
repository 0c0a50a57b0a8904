/* Component-level values to text. */
#include "text/wave_int.h"

#include <string.h>

#include "base/utf8.h"
#include "text/print_int.h"

static void put(sl_buf *out, const char *text)
{
    sl_buf_bytes(out, text, strlen(text));
}

static void put_label(sl_buf *out, sl_name label)
{
    static const char *const words[] = {"true", "false", "inf", "nan",
                                        "some", "none",  "ok",  "err"};
    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (sl_name_is(label, words[i]))
            sl_buf_u8(out, '%');
    sl_buf_bytes(out, label.data, label.len);
}

static void put_character(sl_buf *out, uint32_t c, char quote)
{
    uint8_t utf8[4];
    if (c == '\n')
        put(out, "\\n");
    else if (c == '\t')
        put(out, "\\t");
    else if (c == '\r')
        put(out, "\\r");
    else if (c == '\\' || c == (uint8_t)quote)
        sl_buf_printf(out, "\\%c", (char)c);
    else if (c < 0x20 || (c >= 0x7f && c < 0xa0))
        sl_buf_printf(out, "\\u{%x}", c);
    else
        sl_buf_bytes(out, utf8, sl_utf8_put(c, utf8));
}

static void put_string(sl_buf *out, const sl_val *val)
{
    const uint8_t *text = (const uint8_t *)val->of.string.data;
    sl_buf_u8(out, '"');
    for (size_t pos = 0; pos < val->of.string.len;) {
        uint32_t c = sl_utf8_next(text, val->of.string.len, &pos);
        put_character(out, c == UINT32_MAX ? 0xfffd : c, '"');
    }
    sl_buf_u8(out, '"');
}

static void put_scalar(sl_buf *out, const sl_val *val)
{
    switch (val->kind) {
    case SLUICE_S8:
        sl_buf_printf(out, "%d", val->of.s8);
        break;
    case SLUICE_U8:
        sl_buf_printf(out, "%u", val->of.u8);
        break;
    case SLUICE_S16:
        sl_buf_printf(out, "%d", val->of.s16);
        break;
    case SLUICE_U16:
        sl_buf_printf(out, "%u", val->of.u16);
        break;
    case SLUICE_S32:
        sl_buf_printf(out, "%ld", (long)val->of.s32);
        break;
    case SLUICE_U32:
        sl_buf_printf(out, "%lu", (unsigned long)val->of.u32);
        break;
    case SLUICE_S64:
        sl_buf_printf(out, "%lld", (long long)val->of.s64);
        break;
    case SLUICE_U64:
        sl_buf_printf(out, "%llu", (unsigned long long)val->of.u64);
        break;
    case SLUICE_F32:
        sl_put_float(out, (double)val->of.f32, true);
        break;
    case SLUICE_F64:
        sl_put_float(out, val->of.f64, false);
        break;
    }
}

static void put_list(sl_buf *out, const sl_val *val, const sl_type *elem)
{
    bool packed = val->elem != SLUICE_BOOL;
    size_t size = sl_val_elem_size((sluice_kind)val->elem);
    size_t n = packed ? val->of.bytes.len : val->of.list.len;
    sl_buf_u8(out, '[');
    for (size_t i = 0; i < n; i++) {
        put(out, i ? ", " : "");
        if (packed) {
            sl_val item = {.kind = val->elem};
            memcpy(&item.of, (const char *)val->of.bytes.data + i * size, size);
            put_scalar(out, &item);
        } else {
            sl_wave_print(&val->of.list.items[i], elem, out);
        }
    }
    sl_buf_u8(out, ']');
}

/* Fields of a record, elements of a tuple. */
static void put_fields(sl_buf *out, const sl_val *val, const sl_label *labels,
                       uint32_t n, bool named)
{
    sl_buf_u8(out, named ? '{' : '(');
    for (uint32_t i = 0; i < n && i < val->of.list.len; i++) {
        put(out, i ? ", " : "");
        if (named) {
            put_label(out, labels[i].label);
            put(out, ": ");
        }
        sl_wave_print(&val->of.list.items[i], labels[i].type, out);
    }
    sl_buf_u8(out, named ? '}' : ')');
}

static void put_map(sl_buf *out, const sl_val *val, const sl_type *type)
{
    sl_label pair[2] = {{.type = type->of.map.key},
                        {.type = type->of.map.value}};
    sl_buf_u8(out, '[');
    for (size_t i = 0; i < val->of.list.len; i++) {
        put(out, i ? ", " : "");
        put_fields(out, &val->of.list.items[i], pair, 2, false);
    }
    sl_buf_u8(out, ']');
}

static void put_flags(sl_buf *out, const sl_val *val, const sl_type *type)
{
    const char *between = "";
    sl_buf_u8(out, '{');
    for (uint32_t i = 0; i < type->of.labels.n && i < 32; i++)
        if (val->of.flags >> i & 1) {
            put(out, between);
            put_label(out, type->of.labels.v[i].label);
            between = ", ";
        }
    sl_buf_u8(out, '}');
}

/* The case's label and payload; `type` is the payload's. */
static void put_case(sl_buf *out, const sl_val *val, const sl_type *type)
{
    const sl_val *payload = val->of.variant.payload;
    if (payload == NULL || type == NULL)
        return;
    sl_buf_u8(out, '(');
    sl_wave_print(payload, type, out);
    sl_buf_u8(out, ')');
}

static void put_variant(sl_buf *out, const sl_val *val, const sl_type *type)
{
    uint32_t i = val->of.variant.index;
    bool option = type->kind == SL_T_OPTION;
    if (option || type->kind == SL_T_RESULT) {
        put(out, option ? (i ? "some" : "none") : (i ? "err" : "ok"));
        put_case(out, val,
                 option ? type->of.list.elem
                 : i    ? type->of.result.error
                        : type->of.result.ok);
    } else if (i < type->of.labels.n) {
        put_label(out, type->of.labels.v[i].label);
        put_case(out, val, type->of.labels.v[i].type);
    }
}

/* What belongs to a store, when it is loose; false: it is not. */
static bool put_loose(sl_buf *out, const sl_val *val, const sl_type *type)
{
    switch (type->kind) {
    case SL_T_OWN:
    case SL_T_BORROW:
        if (val->of.handle.resource != NULL)
            return false;
        sl_buf_printf(out, "#%lu", (unsigned long)val->of.handle.rep);
        return true;
    case SL_T_STREAM:
        if (val->kind == SLUICE_STRING) {
            sl_buf_u8(out, '@');
            put_string(out, val);
        } else if (val->kind == SLUICE_LIST) {
            put_list(out, val, sl_wave_payload(type));
        }
        return val->kind != SLUICE_STREAM;
    case SL_T_FUTURE:
        if (val->kind == SLUICE_FUTURE)
            return false;
        sl_wave_print(val, sl_wave_payload(type), out);
        return true;
    default:
        return false;
    }
}

void sl_wave_print(const sl_val *val, const sl_type *type, sl_buf *out)
{
    char name[80];
    switch (type->kind) {
    case SL_T_BOOL:
        put(out, val->of.boolean ? "true" : "false");
        break;
    case SL_T_CHAR:
        sl_buf_u8(out, '\'');
        put_character(out, val->of.chr, '\'');
        sl_buf_u8(out, '\'');
        break;
    case SL_T_STRING:
        put_string(out, val);
        break;
    case SL_T_LIST:
        put_list(out, val, type->of.list.elem);
        break;
    case SL_T_ERROR_CONTEXT:
        put(out, "error-context(");
        put_string(out, val);
        sl_buf_u8(out, ')');
        break;
    case SL_T_MAP:
        put_map(out, val, type);
        break;
    case SL_T_RECORD:
    case SL_T_TUPLE:
        put_fields(out, val, type->of.labels.v, type->of.labels.n,
                   type->kind == SL_T_RECORD);
        break;
    case SL_T_FLAGS:
        put_flags(out, val, type);
        break;
    case SL_T_VARIANT:
    case SL_T_ENUM:
    case SL_T_OPTION:
    case SL_T_RESULT:
        put_variant(out, val, type);
        break;
    default:
        if (sl_type_is_number(type))
            put_scalar(out, val);
        else if (!put_loose(out, val, type))
            sl_buf_printf(out, "<%s>", sl_type_text(type, name, sizeof name));
    }
}
