/* Types with other indices. Binary.md "Type Definitions". */
#include "bundle/lower_int.h"

enum { DATA_BYTE = 0x13, MAX_NESTING = 200 };

/* --- Pieces
 * ------------------------------------------------------------------- */

static const uint8_t component_sorts[] = {0,
                                          SL_SORT_FUNC,
                                          SL_SORT_VALUE,
                                          SL_SORT_TYPE,
                                          SL_SORT_COMPONENT,
                                          SL_SORT_INSTANCE};

sl_sort lw_read_sort(lowering *lw, sl_reader *r)
{
    uint8_t byte = sl_read_u8(r);
    if (byte != 0 && byte < sizeof component_sorts)
        return (sl_sort)component_sorts[byte];
    uint8_t core = byte == 0 ? sl_read_u8(r) : UINT8_MAX;
    if (core <= 4)
        return (sl_sort)(SL_SORT_CORE_FUNC + core);
    if (core >= 0x10 && core <= DATA_BYTE)
        return (sl_sort)(SL_SORT_CORE_TYPE + (core - 0x10));
    lw_refuse(lw, sl_reader_at(r), "a sort that is not known");
    return SL_SORT_FUNC;
}

void lw_sort(sl_buf *out, sl_sort sort)
{
    if (sort >= SL_SORT_FUNC) {
        sl_buf_u8(out, (uint8_t)(sort - SL_SORT_FUNC + 1));
        return;
    }
    sl_buf_u8(out, 0);
    sl_buf_u8(out, (uint8_t)(sort < SL_SORT_CORE_TYPE
                                 ? sort - SL_SORT_CORE_FUNC
                                 : sort - SL_SORT_CORE_TYPE + 0x10));
}

sl_name lw_extern_name(sl_reader *r, sl_buf *out)
{
    const uint8_t *start = r->pos;
    uint8_t form = sl_read_u8(r);
    sl_name name = sl_read_name(r);
    for (uint32_t n = form == 2 ? sl_read_count(r, 2) : 0; n != 0; n--) {
        sl_read_u8(r);
        sl_read_name(r);
    }
    if (out != NULL && sl_reader_ok(r))
        sl_buf_bytes(out, start, (size_t)(r->pos - start));
    return name;
}

static void copy_name(sl_reader *r, sl_buf *out)
{
    sl_buf_name(out, sl_read_name(r));
}

static void type_index(lowering *lw, sl_reader *r, sl_buf *out)
{
    sl_buf_u32(out, lw_mapped(lw, lw->scope, SL_SORT_TYPE, sl_read_u32(r)));
}

/* --- Core types
 * ---------------------------------------------------------------- Their index
 * space stays what it is; only outer aliases change. */

static void core_valtype(sl_reader *r)
{
    uint8_t byte = sl_read_u8(r);
    if (byte == 0x63 || byte == 0x64)
        sl_read_s33(r);
}

static void core_field(sl_reader *r)
{
    core_valtype(r);
    sl_read_u8(r); /* mut? */
}

static void comptype(sl_reader *r, uint8_t form)
{
    uint32_t n = form != 0x5e ? sl_read_count(r, 1) : 1;
    for (; n != 0; n--)
        if (form == 0x60)
            core_valtype(r);
        else
            core_field(r);
    for (n = form == 0x60 ? sl_read_count(r, 1) : 0; n != 0; n--)
        core_valtype(r);
}

static void subtype(sl_reader *r, uint8_t form)
{
    if (form == 0x50 || form == 0x4f) {
        for (uint32_t n = sl_read_count(r, 1); n != 0; n--)
            sl_read_u32(r);
        form = sl_read_u8(r);
    }
    comptype(r, form);
}

static void rectype(sl_reader *r, uint8_t form)
{
    if (form == 0x4e)
        for (uint32_t n = sl_read_count(r, 1); n != 0; n--)
            subtype(r, sl_read_u8(r));
    else
        subtype(r, form == 0 ? sl_read_u8(r) : form);
}

static void limits(sl_reader *r)
{
    uint8_t flags = sl_read_u8(r);
    sl_read_u64(r);
    if (flags & 1)
        sl_read_u64(r);
    if (flags & 8)
        sl_read_u32(r);
}

static void core_externtype(sl_reader *r)
{
    switch (sl_read_u8(r)) {
    case 0:
        sl_read_u32(r);
        break;
    case 1:
        core_valtype(r);
        limits(r);
        break;
    case 2:
        limits(r);
        break;
    case 3:
        core_field(r);
        break;
    case SL_CORE_DATA:
        sl_reader_fail(r, SL_EUNSUPPORTED,
                       "a module type with an import of data segments "
                       "(feature `core-data`): that cannot be lowered");
        break;
    default: /* tag */
        sl_read_u8(r);
        sl_read_u32(r);
        break;
    }
}

/* (alias outer ct i (type)) in a module type, which is a scope of its own. */
static void core_alias(lowering *lw, sl_reader *r, sl_buf *out)
{
    lw_scope *target;
    sl_buf_u8(out, sl_read_u8(r));
    sl_buf_u8(out, sl_read_u8(r));
    uint32_t count = sl_read_u32(r);
    if (count != 0)
        count = 1 + lw_outward(lw->scope, count - 1, &target);
    sl_buf_u32(out, count);
    lw_copy_u32(r, out);
}

static void core_moduletype(lowering *lw, sl_reader *r, sl_buf *out)
{
    for (uint32_t n = lw_copy_count(r, out); n != 0 && sl_reader_ok(r); n--) {
        const uint8_t *start = r->pos;
        uint8_t form = sl_read_u8(r);
        if (form == 2) {
            sl_buf_u8(out, form);
            core_alias(lw, r, out);
            continue;
        }
        if (form == 1) {
            rectype(r, sl_read_u8(r));
        } else {
            for (int names = form == 0 ? 2 : 1; names != 0; names--)
                sl_read_name(r);
            core_externtype(r);
        }
        if (sl_reader_ok(r))
            sl_buf_bytes(out, start, (size_t)(r->pos - start));
    }
}

void lw_core_type(lowering *lw, sl_reader *r, sl_buf *out)
{
    const uint8_t *start = r->pos;
    uint8_t form = sl_read_u8(r);
    if (form == 0x50) {
        sl_buf_u8(out, form);
        core_moduletype(lw, r, out);
        return;
    }
    rectype(r, form);
    if (sl_reader_ok(r))
        sl_buf_bytes(out, start, (size_t)(r->pos - start));
}

/* --- Value types
 * ----------------------------------------------------------------- */

void lw_valtype(lowering *lw, sl_reader *r, sl_buf *out)
{
    int64_t code = sl_read_s33(r);
    if (code >= 0)
        code = lw_mapped(lw, lw->scope, SL_SORT_TYPE, (uint32_t)code);
    sl_buf_s64(out, code);
}

static void optional_valtype(lowering *lw, sl_reader *r, sl_buf *out)
{
    uint8_t given = sl_read_u8(r);
    sl_buf_u8(out, given);
    if (given != 0)
        lw_valtype(lw, r, out);
}

void lw_result(lowering *lw, sl_reader *r, sl_buf *out)
{
    uint8_t none = sl_read_u8(r);
    sl_buf_u8(out, none);
    if (none != 0)
        sl_buf_u8(out, sl_read_u8(r));
    else
        lw_valtype(lw, r, out);
}

static void fields(lowering *lw, sl_reader *r, sl_buf *out)
{
    for (uint32_t n = lw_copy_count(r, out); n != 0; n--) {
        copy_name(r, out);
        lw_valtype(lw, r, out);
    }
}

static void cases(lowering *lw, sl_reader *r, sl_buf *out)
{
    for (uint32_t n = lw_copy_count(r, out); n != 0; n--) {
        copy_name(r, out);
        optional_valtype(lw, r, out);
        sl_buf_u8(out, sl_read_u8(r));
    }
}

static void labels(sl_reader *r, sl_buf *out)
{
    for (uint32_t n = lw_copy_count(r, out); n != 0; n--)
        copy_name(r, out);
}

/* --- External types
 * ---------------------------------------------------------------- */

/* What stands for a segment:
 * (instance
 *   (type (stream u8))
 *   (type (func async (param "start" u64) (param "len" u64) (result 0)))
 *   (export "read" (func (type 1)))
 *   (type (func (result u64)))
 *   (export "size" (func (type 2)))) */
static const uint8_t data_instance[] =
    "\x42\x05"
    "\x01\x66\x01\x7d"
    "\x01\x43\x02\x05start\x77\x03len\x77\x00\x00"
    "\x04\x00\x04read\x01\x01"
    "\x01\x40\x00\x00\x77"
    "\x04\x00\x04size\x01\x02";

uint32_t lw_data_type(lowering *lw, sl_buf *decls)
{
    lw_scope *s = lw->scope;
    if (s->data_type == SL_NO_INDEX) {
        if (decls != NULL) {
            sl_buf_u8(decls, 1);
            s->decls++;
        }
        sl_buf_bytes(decls != NULL ? decls : lw_define(lw, 7), data_instance,
                     sizeof data_instance - 1);
        s->data_type = lw_fresh(lw, SL_SORT_TYPE);
    }
    return s->data_type;
}

void lw_prepare_externtype(lowering *lw, const sl_reader *r, sl_buf *decls)
{
    if (sl_reader_left(r) >= 2 && r->pos[0] == 0 && r->pos[1] == DATA_BYTE)
        lw_data_type(lw, decls);
}

static void bound(lowering *lw, sl_reader *r, sl_buf *out)
{
    uint8_t form = sl_read_u8(r);
    sl_buf_u8(out, form);
    if (form == 0)
        type_index(lw, r, out);
}

static void valuebound(lowering *lw, sl_reader *r, sl_buf *out)
{
    uint8_t form = sl_read_u8(r);
    sl_buf_u8(out, form);
    if (form == 0)
        lw_copy_u32(r, out);
    else
        lw_valtype(lw, r, out);
}

void lw_externtype(lowering *lw, sl_reader *r, sl_buf *out, sl_sort *sort)
{
    *sort = lw_read_sort(lw, r);
    if (*sort == SL_SORT_CORE_DATA) {
        lw_sort(out, SL_SORT_INSTANCE);
        sl_buf_u32(out, lw->scope->data_type);
        return;
    }
    lw_sort(out, *sort);
    if (*sort == SL_SORT_CORE_MODULE)
        lw_copy_u32(r, out);
    else if (*sort == SL_SORT_VALUE)
        valuebound(lw, r, out);
    else if (*sort == SL_SORT_TYPE)
        bound(lw, r, out);
    else
        type_index(lw, r, out);
}

/* --- Component and instance types
 * ----------------------------------------------------- */

static void alias_declarator(lowering *lw, sl_reader *r, sl_buf *out)
{
    sl_sort sort = lw_read_sort(lw, r);
    uint8_t form = sl_read_u8(r);
    uint32_t index = sl_read_u32(r);
    lw_sort(out, sort);
    sl_buf_u8(out, form);
    if (form == 2) {
        lw_scope *target;
        sl_buf_u32(out, lw_outward(lw->scope, index, &target));
        sl_buf_u32(out, lw_mapped(lw, target, sort, sl_read_u32(r)));
    } else {
        sl_buf_u32(out, lw_mapped(lw, lw->scope, SL_SORT_INSTANCE, index));
        copy_name(r, out);
    }
    lw_add(lw, sort);
}

static void extern_declarator(lowering *lw, sl_reader *r, sl_buf *out,
                              uint8_t form)
{
    sl_sort sort;
    const uint8_t *name = r->pos;
    lw_extern_name(r, NULL);
    if (!sl_reader_ok(r))
        return;
    size_t len = (size_t)(r->pos - name);
    lw_prepare_externtype(lw, r, out);
    sl_buf_u8(out, form);
    sl_buf_bytes(out, name, len);
    lw_externtype(lw, r, out, &sort);
    if (sort == SL_SORT_CORE_DATA)
        lw_add_data(lw, (lw_data){lw_fresh(lw, SL_SORT_INSTANCE), SL_NO_INDEX,
                                  SL_NO_INDEX, NULL});
    else
        lw_add(lw, sort);
}

static void declarator(lowering *lw, sl_reader *r, sl_buf *out)
{
    uint8_t form = sl_read_u8(r);
    if (form >= 3) {
        extern_declarator(lw, r, out, form);
        return;
    }
    sl_buf_u8(out, form);
    if (form == 0) {
        lw_core_type(lw, r, out);
    } else if (form == 1) {
        lw_deftype(lw, r, out);
        lw_add(lw, SL_SORT_TYPE);
    } else {
        alias_declarator(lw, r, out);
    }
}

static void declarators(lowering *lw, sl_reader *r, sl_buf *out)
{
    lw_scope scope = {.outer = lw->scope, .data_type = SL_NO_INDEX};
    sl_buf decls;
    sl_buf_init(&decls);
    lw->scope = &scope;
    for (uint32_t n = sl_read_count(r, 1); n != 0 && lw_ok(lw); n--) {
        declarator(lw, r, &decls);
        scope.decls++;
    }
    lw->scope = scope.outer;
    sl_buf_u32(out, scope.decls);
    sl_buf_bytes(out, decls.data, decls.len);
    out->failed |= decls.failed;
    sl_buf_deinit(&decls);
    for (int i = 0; i < SL_N_SORTS; i++)
        sl_vec_deinit(&scope.map[i]);
    sl_vec_deinit(&scope.data);
}

/* --- Types
 * ------------------------------------------------------------------------------
 */

static void resource(lowering *lw, sl_reader *r, sl_buf *out)
{
    sl_buf_u8(out, sl_read_u8(r));
    uint8_t given = sl_read_u8(r);
    sl_buf_u8(out, given);
    if (given != 0)
        sl_buf_u32(out,
                   lw_mapped(lw, lw->scope, SL_SORT_CORE_FUNC, sl_read_u32(r)));
    if (lw->scope->wraps)
        lw->missing = true; /* each definition is another resource */
}

static void lists(lowering *lw, sl_reader *r, sl_buf *out, uint8_t code)
{
    uint32_t n = code == 0x6f ? lw_copy_count(r, out) : code == 0x63 ? 2 : 1;
    for (; n != 0; n--)
        lw_valtype(lw, r, out);
    if (code == 0x67)
        lw_copy_u32(r, out);
}

void lw_deftype(lowering *lw, sl_reader *r, sl_buf *out)
{
    uint8_t code = sl_read_u8(r);
    sl_buf_u8(out, code);
    switch (code) {
    case 0x72:
        fields(lw, r, out);
        break;
    case 0x71:
        cases(lw, r, out);
        break;
    case 0x70: /* list, fixed-length list, tuple, option, map */
    case 0x67:
    case 0x6f:
    case 0x6b:
    case 0x63:
        lists(lw, r, out, code);
        break;
    case 0x6e:
    case 0x6d:
        labels(r, out);
        break;
    case 0x6a:
        optional_valtype(lw, r, out);
        optional_valtype(lw, r, out);
        break;
    case 0x69:
    case 0x68:
        type_index(lw, r, out);
        break;
    case 0x66:
    case 0x65:
        optional_valtype(lw, r, out);
        break;
    case 0x40:
    case 0x43:
        fields(lw, r, out);
        lw_result(lw, r, out);
        break;
    case 0x41:
    case 0x42:
        declarators(lw, r, out);
        break;
    case 0x3f:
        resource(lw, r, out);
        break;
    default: /* primitive */
        break;
    }
}
