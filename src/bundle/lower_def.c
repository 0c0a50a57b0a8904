/* Definitions with other indices, those of core:data replaced.
 * Binary.md "Component Definitions" to "Import and Export Definitions". */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "bundle/lower_int.h"

/* Of the section that the module is in, with the code beside it. */
#define PAYLOAD_MAX ((256u << 20) - 65536)
enum { DATA_SORT = 0x13 }; /* of core sorts */

/* The index that comes next, mapped. */
static void mapped_index(lowering *lw, sl_reader *r, sl_buf *out, sl_sort sort)
{
    sl_buf_u32(out, lw_mapped(lw, lw->scope, sort, sl_read_u32(r)));
}

static void item(lowering *lw, sl_reader *r, sl_buf *out)
{
    sl_sort sort = lw_read_sort(lw, r);
    uint32_t mapped = lw_item(lw, &sort, sl_read_u32(r));
    lw_sort(out, sort);
    sl_buf_u32(out, mapped);
}

/* --- Instances
 * ---------------------------------------------------------------- */

static void core_instance(lowering *lw, sl_reader *r)
{
    sl_buf *out = lw_define(lw, 2);
    uint8_t form = sl_read_u8(r);
    sl_buf_u8(out, form);
    if (form == 0)
        mapped_index(lw, r, out, SL_SORT_CORE_MODULE);
    for (uint32_t n = lw_copy_count(r, out); n != 0 && sl_reader_ok(r); n--) {
        sl_buf_name(out, sl_read_name(r));
        uint8_t sort = sl_read_u8(r);
        sl_buf_u8(out, sort);
        if (sort == DATA_SORT) {
            sl_reader_fail(r, SL_EUNSUPPORTED,
                           "a core instance that exports data segments "
                           "(feature `core-data`): that cannot be lowered");
            return;
        }
        mapped_index(lw, r, out,
                     form == 0 ? SL_SORT_CORE_INSTANCE
                               : (sl_sort)(SL_SORT_CORE_FUNC + sort));
    }
    lw_add(lw, SL_SORT_CORE_INSTANCE);
}

static void instance(lowering *lw, sl_reader *r)
{
    sl_buf *out = lw_define(lw, 5);
    uint8_t form = sl_read_u8(r);
    sl_buf_u8(out, form);
    if (form == 0)
        mapped_index(lw, r, out, SL_SORT_COMPONENT);
    for (uint32_t n = lw_copy_count(r, out); n != 0 && sl_reader_ok(r); n--) {
        if (form == 0)
            sl_buf_name(out, sl_read_name(r));
        else
            lw_extern_name(r, out);
        item(lw, r, out);
    }
    lw_add(lw, SL_SORT_INSTANCE);
}

/* --- Aliases
 * -------------------------------------------------------------------- */

/* (import "..." (instance ...)): a segment that the component around supplies;
 * its name is made of the number that the segment has in the input. */
static void import_segment(lowering *lw, const lw_data *around)
{
    char name[32];
    lw_scope *s = lw->scope;
    uint32_t type = lw_data_type(lw, NULL);
    int len =
        snprintf(name, sizeof name, SL_LOWER_SEGMENT "%u", (unsigned)s->data.n);
    sl_buf *out = lw_define(lw, 10);
    sl_buf_u8(out, 0);
    sl_buf_name(out, (sl_name){name, (size_t)len});
    lw_sort(out, SL_SORT_INSTANCE);
    sl_buf_u32(out, type);
    lw_add_data(lw, (lw_data){lw_fresh(lw, SL_SORT_INSTANCE), SL_NO_INDEX,
                              around->component, around->home});
}

/* A segment of this component: what supplies it is in here or around it. */
static void own_segment(lowering *lw, uint32_t component, lw_scope *home)
{
    lw_scope *s = lw->scope;
    if (s->wrap == NULL) {
        lw_add_data(lw, (lw_data){lw_instantiate(lw, component), SL_NO_INDEX,
                                  component, home});
        return;
    }
    lw_data *around = lw_data_at(lw, s->wrap, (uint32_t)s->data.n);
    if (around != NULL)
        import_segment(lw, around);
}

/* Segments do not change: one that is defined further out is had again. */
static void outer_data(lowering *lw, uint32_t count, uint32_t at,
                       uint64_t place)
{
    lw_scope *s = lw->scope, *target;
    uint32_t component = SL_NO_INDEX;
    lw_outward(s, count, &target);
    const lw_data *d = lw_data_at(lw, target, at);
    if (d == NULL)
        return;
    lw_data data = *d;
    if (count == 0) {
        data.adapter = SL_NO_INDEX;
        lw_add_data(lw, data);
        return;
    }
    if (data.component == SL_NO_INDEX) {
        lw_refuse(lw, place,
                  "core data %u of an outer component is imported or comes "
                  "from an instance: an alias cannot bring it in here, "
                  "pass it with `with` instead",
                  (unsigned)at);
        return;
    }
    if (s->wrap == NULL) {
        uint32_t distance = 0;
        for (lw_scope *o = s; o != data.home; o = o->outer)
            distance++;
        sl_buf *out = lw_define(lw, 6);
        lw_sort(out, SL_SORT_COMPONENT);
        sl_buf_u8(out, 2);
        sl_buf_u32(out, distance);
        sl_buf_u32(out, data.component);
        component = lw_fresh(lw, SL_SORT_COMPONENT);
    }
    own_segment(lw, component, s);
}

static void outer_alias(lowering *lw, sl_reader *r, sl_sort sort,
                        uint64_t place)
{
    lw_scope *target;
    uint32_t count = sl_read_u32(r), at = sl_read_u32(r);
    if (sort == SL_SORT_CORE_DATA) {
        outer_data(lw, count, at, place);
        return;
    }
    sl_buf *out = lw_define(lw, 6);
    lw_sort(out, sort);
    sl_buf_u8(out, 2);
    sl_buf_u32(out, lw_outward(lw->scope, count, &target));
    sl_buf_u32(out, lw_mapped(lw, target, sort, at));
    lw_add(lw, sort);
}

static void alias_def(lowering *lw, sl_reader *r)
{
    uint64_t place = sl_reader_at(r);
    sl_sort sort = lw_read_sort(lw, r);
    uint8_t form = sl_read_u8(r);
    if (form == 2) {
        outer_alias(lw, r, sort, place);
        return;
    }
    sl_buf *out = lw_define(lw, 6);
    bool data = sort == SL_SORT_CORE_DATA;
    lw_sort(out, data ? SL_SORT_INSTANCE : sort);
    sl_buf_u8(out, form);
    mapped_index(lw, r, out,
                 form == 0 ? SL_SORT_INSTANCE : SL_SORT_CORE_INSTANCE);
    sl_buf_name(out, sl_read_name(r));
    if (data)
        lw_add_data(lw, (lw_data){lw_fresh(lw, SL_SORT_INSTANCE), SL_NO_INDEX,
                                  SL_NO_INDEX, NULL});
    else
        lw_add(lw, sort);
}

/* --- canon
 * ------------------------------------------------------------------------ */

static void options(lowering *lw, sl_reader *r, sl_buf *out)
{
    for (uint32_t n = lw_copy_count(r, out); n != 0 && sl_reader_ok(r); n--) {
        uint8_t code = sl_read_u8(r);
        sl_buf_u8(out, code);
        if (code == 3)
            mapped_index(lw, r, out, SL_SORT_CORE_MEMORY);
        else if (code == 4 || code == 5 || code == 7)
            mapped_index(lw, r, out, SL_SORT_CORE_FUNC);
        else if (code == 8)
            mapped_index(lw, r, out, SL_SORT_CORE_TYPE);
    }
}

/* The letters of canon.def. */
static void immediate(lowering *lw, sl_reader *r, sl_buf *out, char letter)
{
    switch (letter) {
    case 'F':
    case 'f':
        sl_buf_u8(out, sl_read_u8(r));
        mapped_index(lw, r, out,
                     letter == 'F' ? SL_SORT_CORE_FUNC : SL_SORT_FUNC);
        break;
    case 'o':
        options(lw, r, out);
        break;
    case 'y':
    case 'r':
    case 's':
    case 'u':
        mapped_index(lw, r, out, SL_SORT_TYPE);
        break;
    case 'R':
        lw_result(lw, r, out);
        break;
    case 'n':
        lw_copy_u32(r, out);
        break;
    case 'm':
        mapped_index(lw, r, out, SL_SORT_CORE_MEMORY);
        break;
    case 'k':
        mapped_index(lw, r, out, SL_SORT_CORE_TYPE);
        break;
    case 't':
        mapped_index(lw, r, out, SL_SORT_CORE_TABLE);
        break;
    default: /* a, c, v */
        sl_buf_u8(out, sl_read_u8(r));
        break;
    }
}

/* A built-in of core:data is a function of an adapter. */
static void canon_data(lowering *lw, sl_reader *r, const sl_canon_row *row)
{
    enum { I64 = 0x7e };
    char name[16];
    uint32_t adapter = lw_adapter(lw, sl_read_u32(r));
    int len = snprintf(name, sizeof name, "%s%d", row->text + strlen("data."),
                       sl_read_u8(r) == I64 ? 64 : 32);
    sl_buf *out = lw_define(lw, 6);
    lw_sort(out, SL_SORT_CORE_FUNC);
    sl_buf_u8(out, 1);
    sl_buf_u32(out, adapter);
    sl_buf_name(out, (sl_name){name, (size_t)len});
    lw_add(lw, SL_SORT_CORE_FUNC);
}

static void canon(lowering *lw, sl_reader *r)
{
    uint8_t code = sl_read_u8(r);
    const sl_canon_row *row = sl_canons;
    while (row < sl_canons + SL_N_CANONS && row->code != code)
        row++;
    if (row == sl_canons + SL_N_CANONS)
        return;
    if (strchr(row->imms, 'd') != NULL) {
        canon_data(lw, r, row);
        return;
    }
    sl_buf *out = lw_define(lw, 8);
    sl_buf_u8(out, code);
    for (const char *letter = row->imms; *letter != '\0'; letter++)
        immediate(lw, r, out, *letter);
    lw_add(lw,
           row == &sl_canons[SL_CANON_LIFT] ? SL_SORT_FUNC : SL_SORT_CORE_FUNC);
}

/* --- Imports, exports
 * -------------------------------------------------------------- */

static void import_def(lowering *lw, sl_reader *r)
{
    sl_sort sort;
    const uint8_t *start = r->pos;
    uint64_t place = sl_reader_at(r);
    sl_name name = lw_extern_name(r, NULL);
    if (!sl_reader_ok(r))
        return;
    size_t len = (size_t)(r->pos - start);
    lw_prepare_externtype(lw, r, NULL);
    sl_buf *out = lw_define(lw, 10);
    sl_buf_bytes(out, start, len);
    lw_externtype(lw, r, out, &sort);
    if (lw->missing)
        lw_refuse(lw, place,
                  "the type of import `%.*s` depends on what stands in front "
                  "of it: the import has to come first",
                  SL_NAME_ARGS(name));
    if (sort == SL_SORT_CORE_DATA)
        lw_add_data(lw, (lw_data){lw_fresh(lw, SL_SORT_INSTANCE), SL_NO_INDEX,
                                  SL_NO_INDEX, NULL});
    else
        lw_add(lw, sort);
}

/* What is exported; the name's bytes are from `start` on. */
static void write_export(lowering *lw, sl_reader *r, const uint8_t *start,
                         size_t len)
{
    sl_sort sort = lw_read_sort(lw, r), made = sort, ascribed;
    uint32_t at = sl_read_u32(r);
    uint32_t mapped = lw_item(lw, &made, at);
    uint8_t given = sl_read_u8(r);
    if (given != 0)
        lw_prepare_externtype(lw, r, NULL);
    sl_buf *out = lw_define(lw, 11);
    sl_buf_bytes(out, start, len);
    lw_sort(out, made);
    sl_buf_u32(out, mapped);
    sl_buf_u8(out, given);
    if (given != 0)
        lw_externtype(lw, r, out, &ascribed);
    if (sort != SL_SORT_CORE_DATA) {
        lw_add(lw, sort);
        return;
    }
    const lw_data *d = lw_data_at(lw, lw->scope, at);
    if (d != NULL)
        lw_add_data(lw, (lw_data){lw_fresh(lw, SL_SORT_INSTANCE), SL_NO_INDEX,
                                  d->component, d->home});
}

static void export_(lowering *lw, sl_reader *r)
{
    const uint8_t *start = r->pos;
    lw_extern_name(r, NULL);
    if (sl_reader_ok(r))
        write_export(lw, r, start, (size_t)(r->pos - start));
}

/* --- Values
 * ----------------------------------------------------------------------------
 */

static void start_def(lowering *lw, sl_reader *r)
{
    sl_buf *out = lw_define(lw, 9);
    mapped_index(lw, r, out, SL_SORT_FUNC);
    for (uint32_t n = lw_copy_count(r, out); n != 0; n--)
        lw_copy_u32(r, out);
    lw_copy_u32(r, out);
}

static void value(lowering *lw, sl_reader *r)
{
    sl_buf *out = lw_define(lw, 12);
    lw_valtype(lw, r, out);
    uint32_t len = lw_copy_count(r, out);
    const uint8_t *bytes = sl_read_bytes(r, len);
    if (bytes != NULL)
        sl_buf_bytes(out, bytes, len);
}

/* --- All of them
 * ------------------------------------------------------------------------- */

void lw_segment(lowering *lw, const sl_segment_def *segment)
{
    lw_scope *s = lw->scope;
    uint32_t component = SL_NO_INDEX;
    if (segment->size > PAYLOAD_MAX) {
        lw_refuse(lw, segment->offset,
                  "core data %u has %" PRIu64 " bytes: lowered it is part of a "
                  "core module, which may have %u at most",
                  (unsigned)s->data.n, segment->size, PAYLOAD_MAX);
        return;
    }
    if (s->wrap == NULL)
        component = lw_segment_component(lw, segment);
    own_segment(lw, component, s);
}

void lw_definition(lowering *lw, uint8_t section, sl_reader *r)
{
    switch (section) {
    case 2:
        core_instance(lw, r);
        break;
    case 3:
        lw_core_type(lw, r, lw_define(lw, 3));
        break;
    case 5:
        instance(lw, r);
        break;
    case 6:
        alias_def(lw, r);
        break;
    case 7:
        lw_deftype(lw, r, lw_define(lw, 7));
        lw_add(lw, SL_SORT_TYPE);
        break;
    case 8:
        canon(lw, r);
        break;
    case 9:
        start_def(lw, r);
        break;
    case 10:
        import_def(lw, r);
        break;
    case 11:
        export_(lw, r);
        break;
    default: /* 12 */
        value(lw, r);
        break;
    }
}
