/* A component without core:data that does the same. A segment becomes an
 * instance that exports `read` and `size`, and a component that defines some
 * and reads some is wrapped: its segments stand beside it, as calls between a
 * component and one inside it trap (trap-on-reenter.wast of the reference
 * suite). docs/cli.md, "lower". */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "bundle/bundle.h"
#include "bundle/lower_int.h"
#include "bundle/staging.h"

enum {
    SECTION_CUSTOM = 0,
    SECTION_MODULE = 1,
    SECTION_CORE_TYPE = 3,
    SECTION_COMPONENT = 4,
    SECTION_START = 9,
    SECTION_EXPORT = 11,
};
#define SECTION_MAX (256u << 20) /* bytes of a section of definitions */

/* --- Failures ---------------------------------------------------------------
 */

void lw_refuse(lowering *lw, uint64_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    sl_vfail(lw->rw.err, SL_EUNSUPPORTED, at, fmt, args);
    va_end(args);
}

bool lw_nomem(lowering *lw)
{
    sl_fail(lw->rw.err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

/* --- Indices ----------------------------------------------------------------
 */

/* Lowering adds to these index spaces; the others stay as they are. */
static bool is_mapped(sl_sort sort)
{
    switch (sort) {
    case SL_SORT_CORE_TABLE:
    case SL_SORT_CORE_GLOBAL:
    case SL_SORT_CORE_TAG:
    case SL_SORT_CORE_TYPE:
    case SL_SORT_VALUE:
        return false;
    default:
        return true;
    }
}

uint32_t lw_fresh(lowering *lw, sl_sort sort)
{
    return lw->scope->n[sort]++;
}

void lw_map(lowering *lw, sl_sort sort, uint32_t index)
{
    if (is_mapped(sort) && !sl_vec_push(&lw->scope->map[sort], index))
        lw_nomem(lw);
}

void lw_add(lowering *lw, sl_sort sort)
{
    lw_map(lw, sort, lw_fresh(lw, sort));
}

void lw_add_data(lowering *lw, lw_data data)
{
    if (!sl_vec_push(&lw->scope->data, data))
        lw_nomem(lw);
}

uint32_t lw_mapped(lowering *lw, lw_scope *scope, sl_sort sort, uint32_t index)
{
    if (!is_mapped(sort))
        return index;
    if (scope != NULL && index < scope->map[sort].n &&
        scope->map[sort].v[index] != SL_NO_INDEX)
        return scope->map[sort].v[index];
    lw->missing = true;
    return 0;
}

lw_data *lw_data_at(lowering *lw, lw_scope *scope, uint32_t index)
{
    if (scope != NULL && index < scope->data.n)
        return &scope->data.v[index];
    lw->missing = true;
    return NULL;
}

uint32_t lw_item(lowering *lw, sl_sort *sort, uint32_t index)
{
    if (*sort != SL_SORT_CORE_DATA)
        return lw_mapped(lw, lw->scope, *sort, index);
    const lw_data *data = lw_data_at(lw, lw->scope, index);
    *sort = SL_SORT_INSTANCE;
    lw->missing |= data == NULL || data->instance == SL_NO_INDEX;
    return data != NULL ? data->instance : 0;
}

uint32_t lw_outward(lw_scope *from, uint32_t count, lw_scope **target)
{
    uint32_t distance = 0;
    while (count != 0 && from != NULL) {
        from = from->outer;
        distance++;
        count -= from == NULL || !from->hidden;
    }
    *target = from;
    return distance;
}

/* --- Sections of the output -------------------------------------------------
 */

/* Binary.md "Component Definitions": all but the start section hold a vec. */
void lw_flush(lowering *lw)
{
    if (lw->body.failed)
        lw_nomem(lw);
    if (lw->count != 0 && lw_ok(lw)) {
        sl_rewrite_frame section;
        sl_rewrite_open(&lw->rw, &section, lw->section);
        if (lw->section != SECTION_START)
            sl_output_u64(&lw->rw.out, lw->count);
        sl_output_bytes(&lw->rw.out, lw->body.data, lw->body.len);
        sl_rewrite_close(&lw->rw);
    }
    lw->section = 0;
    lw->count = 0;
    sl_buf_clear(&lw->body);
}

sl_buf *lw_define(lowering *lw, uint8_t section)
{
    if (lw->section != section || section == SECTION_START)
        lw_flush(lw);
    lw->section = section;
    lw->count++;
    return &lw->body;
}

/* --- Sections of the input --------------------------------------------------
 */

/* A component being read: the section, and its definitions. */
typedef struct reading {
    const sl_component *component;
    uint8_t id;
    uint64_t at, body, end; /* of the section */
    uint32_t def, end_def;  /* its definitions in component->defs */
} reading;

static bool read_head(lowering *lw, reading *r)
{
    uint8_t head[6] = {0};
    const sl_component *c = r->component;
    uint64_t end = c->at + c->size;
    size_t n = end - r->at < sizeof head ? (size_t)(end - r->at) : sizeof head;
    if (lw->rw.source->read_at(lw->rw.source, r->at, head, n, lw->rw.err) !=
        SL_OK)
        return false;
    sl_reader in = sl_reader_over(head, n, r->at, lw->rw.err);
    r->id = sl_read_u8(&in);
    uint32_t size = sl_read_u32(&in);
    r->body = sl_reader_at(&in);
    r->end = r->body + size;
    r->def = r->end_def;
    while (r->end_def < c->n_defs && c->defs[r->end_def].at < r->end)
        r->end_def++;
    return lw_ok(lw);
}

static uint8_t *read_body(lowering *lw, const reading *r, sl_reader *in)
{
    uint64_t len = r->end - r->body;
    if (len > SECTION_MAX) {
        lw_refuse(lw, r->at, "a section of %" PRIu64 " bytes", len);
        return NULL;
    }
    uint8_t *bytes = sl_malloc(len != 0 ? (size_t)len : 1);
    if (bytes == NULL)
        lw_nomem(lw);
    else if (lw->rw.source->read_at(lw->rw.source, r->body, bytes, (size_t)len,
                                    lw->rw.err) == SL_OK)
        *in = sl_reader_over(bytes, (size_t)len, r->body, lw->rw.err);
    if (lw_ok(lw))
        return bytes;
    sl_free(bytes);
    return NULL;
}

typedef void section_fn(lowering *lw, reading *r);

static void each_section(lowering *lw, const sl_component *c, section_fn *visit)
{
    reading r = {.component = c, .at = c->at + 8};
    while (r.at < c->at + c->size && lw_ok(lw) && read_head(lw, &r)) {
        visit(lw, &r);
        r.at = r.end;
    }
    lw_flush(lw);
}

/* --- A component's own sections ---------------------------------------------
 */

static void lower_component(lowering *lw, const sl_component *c);

static void copy_section(lowering *lw, const reading *r)
{
    lw_flush(lw);
    if (sl_rewrite_fits(&lw->rw, r->end - r->at))
        sl_output_copy(&lw->rw.out, lw->rw.source, r->at, r->end - r->at);
}

static bool names_definitions(lowering *lw, const reading *r)
{
    static const char name[] = "\x0e"
                               "component-name";
    uint8_t head[sizeof name - 1];
    return r->end - r->body >= sizeof head &&
           lw->rw.source->read_at(lw->rw.source, r->body, head, sizeof head,
                                  lw->rw.err) == SL_OK &&
           memcmp(head, name, sizeof head) == 0;
}

static bool is_plan(lowering *lw, const reading *r)
{
    return r->component->parent == NULL &&
           !sl_plan_is_none(&lw->rw, r->body, (uint32_t)(r->end - r->body));
}

/* Without names of definitions, as their indices change, a plan for segments,
 * and padding. */
static void custom_section(lowering *lw, const reading *r)
{
    if (!names_definitions(lw, r) && !is_plan(lw, r) &&
        !sl_rewrite_is_pad(&lw->rw, r->body, r->end - r->body) && lw_ok(lw))
        copy_section(lw, r);
}

static void definitions(lowering *lw, const reading *r)
{
    sl_reader in;
    uint8_t *bytes = read_body(lw, r, &in);
    if (bytes == NULL)
        return;
    uint32_t n = r->id == SECTION_START ? 1 : sl_read_u32(&in);
    for (; n != 0 && lw_ok(lw); n--)
        lw_definition(lw, r->id, &in);
    if (lw->missing)
        lw_refuse(lw, r->at, "an index of this section cannot be lowered");
    sl_free(bytes);
}

static void nested_component(lowering *lw, const reading *r)
{
    sl_rewrite_frame frame;
    lw_flush(lw);
    sl_rewrite_open(&lw->rw, &frame, SECTION_COMPONENT);
    lower_component(lw, r->component->defs[r->def].of.component);
    sl_rewrite_close(&lw->rw);
    lw_add(lw, SL_SORT_COMPONENT);
}

static void segments(lowering *lw, const reading *r)
{
    const sl_component *c = r->component;
    for (uint32_t i = r->def; i < r->end_def && lw_ok(lw); i++)
        lw_segment(lw, &c->segments[c->defs[i].of.segment]);
}

static void section(lowering *lw, reading *r)
{
    switch (r->id) {
    case SECTION_CUSTOM:
        custom_section(lw, r);
        break;
    case SECTION_MODULE:
        copy_section(lw, r);
        lw_add(lw, SL_SORT_CORE_MODULE);
        break;
    case SECTION_COMPONENT:
        nested_component(lw, r);
        break;
    case SL_SECTION_DATA:
        segments(lw, r);
        break;
    default:
        definitions(lw, r);
        break;
    }
}

/* --- Around a component ------------------------------------------------------
 */

/* Whether it has the segment of a definition as its own. */
static bool owns(const sl_def *def)
{
    return def->kind == SL_DEF_DATA ||
           (def->kind == SL_DEF_ALIAS_OUTER &&
            def->makes.sort == SL_SORT_CORE_DATA && def->of.outer.count != 0);
}

static bool wants_wrap(const sl_component *c)
{
    bool own = false, reads = false;
    for (uint32_t i = 0; i < c->n_defs; i++) {
        const sl_def *def = &c->defs[i];
        own |= owns(def);
        reads |= def->kind == SL_DEF_CANON &&
                 sl_canons[def->of.canon.kind].feature == SL_FEATURE_DATA;
    }
    return own && reads;
}

/* One definition, unless it needs what is not out here. */
static void try_definition(lowering *lw, const reading *r, const sl_def *def,
                           sl_reader *in)
{
    lw_scope *s = lw->scope;
    if (lw->section != r->id)
        lw_flush(lw);
    lw->section = r->id;
    size_t len = lw->body.len;
    uint32_t count = lw->count;
    lw_definition(lw, r->id, in);
    if (!lw->missing || !lw_ok(lw))
        return;
    lw->missing = false;
    lw->body.len = len;
    lw->count = count;
    sl_sort sort = def->makes.sort;
    if (sort == SL_SORT_CORE_DATA) {
        sl_vec_last(&s->data).instance = SL_NO_INDEX;
        sort = SL_SORT_INSTANCE;
    } else if (is_mapped(sort)) {
        sl_vec_last(&s->map[sort]) = SL_NO_INDEX;
    }
    s->n[sort]--;
}

/* What an import may depend on. A group of core types makes several
 * definitions; those are kept in any case. */
static void outer_definitions(lowering *lw, const reading *r)
{
    sl_reader in;
    uint8_t *bytes = read_body(lw, r, &in);
    if (bytes == NULL)
        return;
    uint32_t n = sl_read_u32(&in);
    for (uint32_t i = 0; i < n && lw_ok(lw); i++)
        if (r->id == SECTION_CORE_TYPE)
            lw_definition(lw, r->id, &in);
        else if (i < r->end_def - r->def)
            try_definition(lw, r, &r->component->defs[r->def + i], &in);
    sl_free(bytes);
}

static void outer_export(lowering *lw, const sl_def *def)
{
    lw_scope *s = lw->scope;
    sl_sortidx item = def->of.export_.item;
    if (item.sort == SL_SORT_CORE_DATA) {
        lw_data data = s->data.v[item.index];
        lw_add_data(lw, data);
    } else if (is_mapped(item.sort)) {
        lw_map(lw, item.sort, s->map[item.sort].v[item.index]);
    }
}

static void outer_section(lowering *lw, reading *r)
{
    const sl_def *defs = r->component->defs;
    switch (r->id) {
    case SECTION_CORE_TYPE:
    case 6: /* aliases, types, imports */
    case 7:
    case 10:
        outer_definitions(lw, r);
        break;
    case SL_SECTION_DATA:
        segments(lw, r);
        break;
    default:
        for (uint32_t i = r->def; i < r->end_def && lw_ok(lw); i++)
            if (defs[i].kind == SL_DEF_EXPORT)
                outer_export(lw, &defs[i]);
            else
                lw_map(lw, defs[i].makes.sort, SL_NO_INDEX);
        break;
    }
}

static void argument(lowering *lw, sl_name name, sl_sortidx item)
{
    sl_buf_name(&lw->body, name);
    uint32_t mapped = lw_item(lw, &item.sort, item.index);
    lw_sort(&lw->body, item.sort);
    sl_buf_u32(&lw->body, mapped);
}

static uint32_t count_arguments(const sl_component *c)
{
    uint32_t n = c->n_imports;
    for (uint32_t i = 0; i < c->n_defs; i++)
        n += owns(&c->defs[i]);
    return n;
}

/* The component inside gets what this one gets, and its segments. */
static uint32_t instantiate_inner(lowering *lw, const sl_component *c)
{
    uint32_t component = lw_fresh(lw, SL_SORT_COMPONENT);
    sl_buf *out = lw_define(lw, 5);
    sl_buf_u8(out, 0);
    sl_buf_u32(out, component);
    sl_buf_u32(out, count_arguments(c));
    for (uint32_t i = 0; i < c->n_defs; i++) {
        char text[32];
        const sl_def *def = &c->defs[i];
        if (def->kind == SL_DEF_IMPORT)
            argument(lw, c->imports[def->of.import.import].name, def->makes);
        if (!owns(def))
            continue;
        int len = snprintf(text, sizeof text, SL_LOWER_SEGMENT "%u",
                           (unsigned)def->makes.index);
        argument(lw, (sl_name){text, (size_t)len}, def->makes);
    }
    return lw_fresh(lw, SL_SORT_INSTANCE);
}

static void export_section(lowering *lw, reading *r)
{
    sl_reader in;
    uint8_t *bytes = r->id == SECTION_EXPORT ? read_body(lw, r, &in) : NULL;
    if (bytes == NULL)
        return;
    uint32_t def = r->def;
    for (uint32_t n = sl_read_u32(&in); n != 0 && def < r->end_def; n--)
        lw_export_inner(lw, &in, &r->component->defs[def++]);
    sl_free(bytes);
}

static void check_names(lowering *lw, const sl_component *c)
{
    for (uint32_t i = 0; i < c->n_imports; i++) {
        sl_name name = c->imports[i].name;
        if (c->imports[i].type.sort == SL_SORT_VALUE)
            lw_refuse(lw, c->at,
                      "import `%.*s` is a value: beside data segments that "
                      "cannot be lowered",
                      SL_NAME_ARGS(name));
        if (name.len >= strlen(SL_LOWER_SEGMENT) &&
            strncasecmp(name.data, SL_LOWER_SEGMENT,
                        strlen(SL_LOWER_SEGMENT)) == 0)
            lw_refuse(lw, c->at, "import `%.*s` has a name that lowering uses",
                      SL_NAME_ARGS(name));
    }
}

/* --- Components
 * ---------------------------------------------------------------- */

static void scope_begin(lowering *lw, lw_scope *s, const sl_component *c)
{
    *s = (lw_scope){.outer = lw->scope,
                    .component = c,
                    .data_type = SL_NO_INDEX,
                    .memory = SL_NO_INDEX};
    lw->scope = s;
    sl_output_copy(&lw->rw.out, lw->rw.source, c->at, 8);
}

static void scope_end(lowering *lw, lw_scope *s)
{
    lw->scope = s->outer;
    for (int i = 0; i < SL_N_SORTS; i++)
        sl_vec_deinit(&s->map[i]);
    sl_vec_deinit(&s->data);
}

static void wrapped(lowering *lw, const sl_component *c)
{
    lw_scope wrap, inner;
    sl_rewrite_frame frame;
    check_names(lw, c);
    scope_begin(lw, &wrap, c);
    wrap.wraps = true;
    each_section(lw, c, outer_section);
    wrap.hidden = true;
    sl_rewrite_open(&lw->rw, &frame, SECTION_COMPONENT);
    scope_begin(lw, &inner, c);
    inner.wrap = &wrap;
    each_section(lw, c, section);
    scope_end(lw, &inner);
    sl_rewrite_close(&lw->rw);
    wrap.inner = instantiate_inner(lw, c);
    each_section(lw, c, export_section);
    scope_end(lw, &wrap);
}

static void lower_component(lowering *lw, const sl_component *c)
{
    lw_scope scope;
    if (wants_wrap(c)) {
        wrapped(lw, c);
        return;
    }
    scope_begin(lw, &scope, c);
    each_section(lw, c, section);
    scope_end(lw, &scope);
}

/* Core modules of any depth that want data segments as such. */
static void refuse_data_imports(lowering *lw, const sl_component *c)
{
    for (uint32_t i = 0; i < c->n_defs && lw_ok(lw); i++) {
        const sl_def *def = &c->defs[i];
        if (def->kind == SL_DEF_COMPONENT)
            refuse_data_imports(lw, def->of.component);
        if (def->kind == SL_DEF_CORE_MODULE &&
            def->of.module->n_imported_datas != 0)
            lw_refuse(lw, def->at,
                      "core module %u imports data segments (feature "
                      "`core-data`): that cannot be lowered",
                      (unsigned)def->makes.index);
    }
}

/* --- The whole
 * ------------------------------------------------------------------ */

static sl_component *decode(sl_source *source, sl_features without, sl_err *err)
{
    const sl_component_options options = {
        .features = (SL_FEATURE_BIT(SL_N_FEATURES) - 1) & ~without};
    return sl_component_decode(source, &options, err);
}

/* What is written must be good, and no longer need core:data. */
static bool check(lowering *lw, const char *output)
{
    sl_err found = {0};
    sl_source written = sl_output_source(&lw->rw.out);
    if (!lw_ok(lw))
        return false;
    sl_component *c = decode(&written,
                             SL_FEATURE_BIT(SL_FEATURE_DATA) |
                                 SL_FEATURE_BIT(SL_FEATURE_CORE_DATA),
                             &found);
    if (c == NULL)
        sl_fail(lw->rw.err, found.code, SL_ERR_NO_PLACE,
                "%s: the result is not good: %s (at byte 0x%" PRIx64 ")",
                output, found.msg, found.at);
    sl_component_free(c);
    return c != NULL;
}

static void run(lowering *lw, sl_bundle_job *ask, sl_staging *staging)
{
    lw->rw.out.fd =
        sl_staging_open(staging, ask->output, ask->replace, lw->rw.err);
    if (lw->rw.out.fd < 0)
        return;
    lower_component(lw, lw->rw.component);
    if (check(lw, ask->output))
        sl_staging_commit(staging, lw->rw.err);
}

sl_status sl_lower(sl_bundle_job *ask, sl_err *err)
{
    sl_staging staging;
    lowering lw = {.rw = {.source = ask->source, .err = err}, .ask = ask};
    sl_staging_init(&staging);
    sl_output_init(&lw.rw.out, -1, &ask->watch, err);
    sl_buf_init(&lw.body);
    sl_buf_init(&lw.memory_module);
    sl_buf_init(&lw.adapter_module);
    ask->watch.total = ask->source->size;
    ask->n_moved_references = 0;
    sl_component *c = decode(ask->source, 0, err);
    lw.rw.component = c;
    if (c != NULL)
        refuse_data_imports(&lw, c);
    if (lw_ok(&lw)) {
        ask->watch.total += sl_external_bytes(c);
        run(&lw, ask, &staging);
    }
    sl_buf_deinit(&lw.body);
    sl_buf_deinit(&lw.memory_module);
    sl_buf_deinit(&lw.adapter_module);
    sl_output_deinit(&lw.rw.out);
    sl_staging_deinit(&staging);
    sl_component_free(c);
    return err->code;
}
