/* A component's sections, read by position: bodies of code and types whole, of
 * core:data the headers only. Binary.md "Component Definitions";
 * docs/data-segments.md, section 2. */
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"
#include "component/scan.h"

/* --- The place of a failure -------------------------------------------------
 */

/* A failure goes outwards through what contains it. */
static void inside(sl_decoder *d, const char *what, size_t index)
{
    char path[sizeof d->path];
    int len = snprintf(path, sizeof path, "%s %zu%s%s", what, index,
                       d->path[0] != 0 ? " > " : "", d->path);
    if (d->path_cut || len >= (int)sizeof path)
        d->path_cut = true;
    else
        memcpy(d->path, path, sizeof path);
}

/* Behind the message, which gives way when there is no room for both. */
static void name_the_path(const sl_decoder *d, sl_err *err)
{
    char path[sizeof d->path + 16];
    if (d->path[0] == 0 || err->code == SL_ENOMEM || err->code == SL_EIO)
        return;
    size_t n = (size_t)snprintf(path, sizeof path, " (in %s%s)",
                                d->path_cut ? "... > " : "", d->path);
    size_t len = strlen(err->msg), room = sizeof err->msg - 1 - n;
    if (len > room) {
        len = room;
        memcpy(err->msg + len - 3, "...", 3);
    }
    memcpy(err->msg + len, path, n + 1);
}

/* --- Modules -------------------------------------------------------------- */

/* The component suite's words for a fault of a module within. */
static bool bad_module(sl_decoder *d)
{
    static const char words[] = "unexpected content after last section";
    if (strcmp(d->err->msg, words) == 0)
        snprintf(d->err->msg, sizeof d->err->msg, "section out of order: %s",
                 words);
    return false;
}

static bool add_module(sl_scan *c, sl_scope *s, uint64_t len)
{
    sl_decoder *d = c->d;
    uint64_t at = c->at;
    const uint8_t *bytes = sl_scan_take(c, len);
    if (bytes == NULL)
        return false;
    if (len >= 8 && memcmp(bytes, "\0asm\x0d\0\1\0", 8) == 0) {
        sl_fail(d->err, SL_EMALFORMED, at + 4,
                "unknown binary version: expected a version header for a "
                "module");
        return false;
    }
    sl_module *module =
        sl_module_decode(bytes, (size_t)len, at, &d->core, d->err);
    if (module == NULL) {
        inside(d, "core module", s->items[SL_SORT_CORE_MODULE].n);
        return bad_module(d);
    }
    if (!sl_vec_push(&d->root->modules, module)) {
        sl_module_free(module);
        return sl_dec_nomem(d);
    }
    const sl_type *type = sl_module_type(d, module, at);
    sl_def *def =
        sl_scope_def(d, s, SL_DEF_CORE_MODULE, SL_SORT_CORE_MODULE, at);
    if (type == NULL || def == NULL)
        return false;
    def->of.module = module;
    return sl_scope_add(d, s, SL_SORT_CORE_MODULE, type, at);
}

static bool section_end(sl_scan *c)
{
    if (sl_dec_ok(c->d) && c->at != c->end)
        sl_fail(c->d->err, SL_EMALFORMED, c->at,
                "section size mismatch: unexpected data at the end of the "
                "section");
    return sl_dec_ok(c->d);
}

/* A section's body as a scan of its own. */
static sl_scan within(const sl_scan *c, uint64_t len)
{
    return (sl_scan){.d = c->d, .at = c->at, .end = c->at + len};
}

static bool data_section(sl_scan *c, sl_scope *s, uint64_t len)
{
    sl_scan body = within(c, len);
    uint32_t n = sl_scan_u32(&body);
    if (n > body.end - body.at)
        return sl_scan_end(&body);
    if (n > SL_MAX_SEGMENTS)
        return sl_dec_limit(c->d, c->at, "core data segments");
    for (uint32_t i = 0; i < n && sl_dec_ok(c->d); i++)
        sl_decode_segment(&body, s);
    c->at += len;
    return section_end(&body);
}

/* --- Custom sections ------------------------------------------------------ */

/* The component-name section; whatever is wrong in it is ignored. */
static void component_name(sl_decoder *d, sl_scope *s, const uint8_t *bytes,
                           size_t len)
{
    sl_err ignored = {0};
    sl_reader r = sl_reader_over(bytes, len, 0, &ignored);
    if (sl_read_u8(&r) != 0)
        return;
    sl_reader sub = sl_read_sub(&r, sl_read_u32(&r));
    sl_name name = sl_read_name(&sub);
    if (sl_reader_ok(&r))
        s->component->name = sl_arena_name(d->arena, name);
}

/* Bytes that a plan may have: more make it none. */
#define SL_MAX_PLAN (UINT64_C(2) << 20)

static const sl_name *load_names(sl_decoder *d, sl_reader *r, uint32_t *n)
{
    *n = sl_read_count(r, 1);
    sl_name *names = sl_reader_ok(r) && *n <= SL_MAX_LOAD_NAMES
                         ? sl_dec_array(d, sl_name, *n)
                         : NULL;
    for (uint32_t i = 0; i < *n && names != NULL; i++) {
        names[i] = sl_arena_name(d->arena, sl_read_name(r));
        if (names[i].data == NULL && !sl_dec_nomem(d))
            return NULL;
    }
    return names;
}

static const sl_plan_step *load_steps(sl_decoder *d, sl_reader *r, uint32_t *n)
{
    *n = sl_read_count(r, 3);
    sl_plan_step *steps = sl_reader_ok(r) && *n <= SL_MAX_LOADS
                              ? sl_dec_array(d, sl_plan_step, *n)
                              : NULL;
    for (uint32_t i = 0; i < *n && steps != NULL; i++) {
        steps[i].segment = sl_read_u32(r);
        steps[i].start = sl_read_u64(r);
        steps[i].len = sl_read_u64(r);
    }
    return steps;
}

/* docs/data-segments.md, "Load plans"; whatever is wrong in it is ignored. */
static void load_plan(sl_decoder *d, sl_scope *s, const uint8_t *bytes,
                      size_t len)
{
    sl_err ignored = {0};
    sl_load_plan plan = {0};
    sl_reader r = sl_reader_over(bytes, len, 0, &ignored);
    uint8_t version = sl_read_u8(&r);
    if (version != SL_LOAD_PLAN_PLAIN && version != SL_LOAD_PLAN_NAMES)
        return;
    if (version == SL_LOAD_PLAN_NAMES &&
        (plan.names = load_names(d, &r, &plan.n_names)) == NULL)
        return;
    plan.steps = load_steps(d, &r, &plan.n);
    if (plan.steps != NULL && sl_reader_ok(&r) && sl_reader_left(&r) == 0)
        s->component->plan = plan;
}

static bool custom_section(sl_scan *c, sl_scope *s, uint64_t len)
{
    sl_scan body = within(c, len);
    uint32_t n = sl_scan_u32(&body);
    uint64_t at = body.at;
    if (n > SL_MAX_NAME)
        return at + n > body.end ? sl_scan_end(&body)
                                 : sl_dec_limit(c->d, at, "bytes in a name");
    const uint8_t *name = sl_scan_take(&body, n);
    if (name == NULL)
        return false;
    if (!sl_utf8_valid(name, n)) {
        sl_fail(c->d->err, SL_EMALFORMED, at, "malformed UTF-8 encoding");
        return false;
    }
    sl_name which = {(const char *)name, n};
    uint64_t rest = body.end - body.at;
    bool is_name = sl_name_is(which, "component-name") && rest <= SL_MAX_NAME;
    bool is_plan = s->component == &c->d->root->component &&
                   sl_name_is(which, SL_LOAD_PLAN_SECTION) &&
                   rest <= SL_MAX_PLAN;
    const uint8_t *bytes =
        is_name || is_plan ? sl_scan_take(&body, rest) : NULL;
    if (bytes != NULL)
        (is_name ? component_name : load_plan)(c->d, s, bytes, (size_t)rest);
    c->at += len;
    return sl_dec_ok(c->d);
}

/* --- Other sections ------------------------------------------------------- */

typedef bool decode_fn(sl_decoder *d, sl_scope *s, sl_reader *r);

/* A section of definitions: a vec of them, or the one that a start is. */
static bool def_section(sl_scan *c, sl_scope *s, uint64_t len, bool vec,
                        decode_fn *decode)
{
    sl_decoder *d = c->d;
    uint64_t at = c->at;
    const uint8_t *bytes = sl_scan_take(c, len);
    if (bytes == NULL)
        return false;
    sl_reader r = sl_reader_over(bytes, (size_t)len, at, d->err);
    uint32_t n = vec ? sl_read_u32(&r) : 1;
    for (uint32_t i = 0; i < n && sl_dec_ok(d); i++)
        if (!decode(d, s, &r))
            break;
    if (sl_dec_ok(d) && sl_reader_left(&r) != 0)
        sl_reader_fail(&r, SL_EMALFORMED,
                       "section size mismatch: unexpected data at the end of "
                       "the section");
    return sl_dec_ok(d);
}

static bool decode_sections(sl_scan *c, sl_scope *s, sl_component *out);

static bool nested_component(sl_scan *c, sl_scope *parent, uint64_t len)
{
    sl_decoder *d = c->d;
    uint64_t at = c->at;
    sl_scan body = within(c, len);
    sl_component *out = sl_dec_new(d, sl_component);
    if (out == NULL)
        return false;
    if (parent->depth >= d->max_depth)
        return sl_dec_limit(d, at, "nesting of components and types");
    out->source = d->source;
    out->parent = parent->component;
    sl_scope *s = sl_malloc(sizeof *s);
    if (s == NULL)
        return sl_dec_nomem(d);
    sl_scope_init(s, SL_SCOPE_COMPONENT, parent);
    bool ok = decode_sections(&body, s, out);
    sl_scope_deinit(d, s);
    sl_free(s);
    if (!ok)
        inside(d, "component", parent->items[SL_SORT_COMPONENT].n);
    c->at += len;
    sl_def *def =
        ok ? sl_scope_def(d, parent, SL_DEF_COMPONENT, SL_SORT_COMPONENT, at)
           : NULL;
    if (def == NULL)
        return false;
    def->of.component = out;
    return sl_scope_add(d, parent, SL_SORT_COMPONENT, out->type, at);
}

static bool decode_section(sl_scan *c, sl_scope *s)
{
    static decode_fn *const fns[] = {
        [2] = sl_decode_core_instance, [3] = sl_decode_core_type,
        [5] = sl_decode_instance,      [6] = sl_decode_alias,
        [7] = sl_decode_type,          [8] = sl_decode_canon,
        [9] = sl_decode_start,         [10] = sl_decode_import,
        [11] = sl_decode_export,       [12] = sl_decode_value,
    };
    sl_decoder *d = c->d;
    uint64_t at = c->at;
    uint8_t id = sl_scan_u8(c);
    if (id > 13 || (id == 13 && !sl_dec_has(d, SL_FEATURE_DATA))) {
        sl_fail(d->err, SL_EMALFORMED, at, "malformed section id: %u", id);
        return false;
    }
    uint32_t len = sl_scan_u32(c);
    if (!sl_dec_ok(d))
        return false;
    if (len > c->end - c->at)
        return sl_scan_end(c);
    switch (id) {
    case 0:
        return custom_section(c, s, len);
    case 1:
        return add_module(c, s, len);
    case 4:
        return nested_component(c, s, len);
    case 9:
    case 12:
        return sl_dec_gate(d, at, SL_FEATURE_VALUES,
                           "value and start sections") &&
               def_section(c, s, len, id == 12, fns[id]);
    case 13:
        return data_section(c, s, len);
    default:
        return def_section(c, s, len, true, fns[id]);
    }
}

/* --- Components ----------------------------------------------------------- */

/* Binary.md: preamble. */
static bool decode_preamble(sl_scan *c, bool outermost)
{
    uint8_t bytes[8];
    uint64_t at = c->at;
    sl_decoder *d = c->d;
    for (int i = 0; i < 8; i++)
        bytes[i] = sl_scan_u8(c);
    if (!sl_dec_ok(d))
        return false;
    if (memcmp(bytes, "\0asm", 4) != 0) {
        sl_fail(d->err, SL_EMALFORMED, at, "magic header not detected");
    } else if (memcmp(bytes + 4, "\1\0\0\0", 4) == 0 && outermost) {
        sl_fail(d->err, SL_EUNSUPPORTED, at + 4,
                "expected a version header for a component: this is a core "
                "module");
    } else if (memcmp(bytes + 4, "\1\0\0\0", 4) == 0) {
        sl_fail(d->err, SL_EMALFORMED, at + 4,
                "unknown binary version: expected a version header for a "
                "component");
    } else if (memcmp(bytes + 4, "\x0d\0\1\0", 4) != 0) {
        sl_fail(d->err, SL_EMALFORMED, at + 4,
                "unknown binary version: 0x%x 0x%x, layer 0x%x 0x%x", bytes[4],
                bytes[5], bytes[6], bytes[7]);
    }
    return sl_dec_ok(d);
}

/* What validation found, as the immutable component. */
static bool finish(sl_decoder *d, sl_scope *s, sl_component *out)
{
    sl_type *type = sl_dec_new(d, sl_type);
    if (type == NULL)
        return false;
    type->kind = SL_T_COMPONENT;
    if (!sl_scope_take(d, s, type, out->at))
        return false;
    out->type = type;
    out->n_imports = type->of.component.n_imports;
    out->imports = type->of.component.imports;
    out->n_exports = type->of.component.n_exports;
    out->exports = type->of.component.exports;
    for (int i = 0; i < SL_N_SORTS; i++)
        out->count[i] = (uint32_t)s->items[i].n;
    out->n_defs = (uint32_t)s->defs.n;
    out->defs = sl_dec_copy(d, s->defs.v, s->defs.n, sizeof *s->defs.v);
    out->n_segments = (uint32_t)s->segments.n;
    out->segments =
        sl_dec_copy(d, s->segments.v, s->segments.n, sizeof *s->segments.v);
    const sl_items *funcs = &s->items[SL_SORT_FUNC];
    out->funcs = sl_dec_copy(d, funcs->v, funcs->n, sizeof *funcs->v);
    const sl_items *core_funcs = &s->items[SL_SORT_CORE_FUNC];
    out->core_funcs =
        sl_dec_copy(d, core_funcs->v, core_funcs->n, sizeof *core_funcs->v);
    const sl_items *types = &s->items[SL_SORT_TYPE];
    out->types = sl_dec_copy(d, types->v, types->n, sizeof *types->v);
    return sl_dec_ok(d);
}

static bool decode_sections(sl_scan *c, sl_scope *s, sl_component *out)
{
    s->component = out;
    out->features = c->d->features;
    out->at = c->at;
    out->size = c->end - c->at;
    if (!decode_preamble(c, out->parent == NULL))
        return false;
    while (c->at < c->end && sl_dec_ok(c->d))
        decode_section(c, s);
    return sl_dec_ok(c->d) && sl_check_used(c->d, s, c->end) &&
           finish(c->d, s, out);
}

/* The suite's words for what a reader calls "unexpected end". */
static void name_the_end(sl_err *err)
{
    static const char words[] = "unexpected end";
    if (err->code == SL_EMALFORMED &&
        (strcmp(err->msg, words) == 0 ||
         strncmp(err->msg, "unexpected end:", 15) == 0))
        snprintf(err->msg, sizeof err->msg, "unexpected end-of-file");
}

static void free_export_maps(sl_ptrmap *maps)
{
    for (size_t i = 0; i < maps->cap; i++)
        if (maps->slots[i].value != NULL)
            sl_map_deinit((sl_map *)maps->slots[i].value);
    sl_ptrmap_deinit(maps);
}

static bool decode_root(sl_decoder *d)
{
    sl_scan c = {.d = d, .at = 0, .end = d->source->size};
    sl_scope *s = sl_malloc(sizeof *s);
    if (s == NULL)
        return sl_dec_nomem(d);
    sl_scope_init(s, SL_SCOPE_COMPONENT, NULL);
    bool ok = decode_sections(&c, s, &d->root->component);
    sl_scope_deinit(d, s);
    sl_free(s);
    free_export_maps(&d->export_maps);
    sl_rectypes_deinit(&d->rectypes);
    return ok;
}

sl_component *sl_component_decode(sl_source *source,
                                  const sl_component_options *options,
                                  sl_err *err)
{
    static const sl_component_options none = {0};
    if (options == NULL)
        options = &none;
    sl_root *root = sl_calloc(1, sizeof *root);
    if (root == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    sl_arena_init(&root->component.arena);
    root->component.source = sl_source_ref(source);

    sl_err own = {0};
    sl_decoder d = {.root = root,
                    .arena = &root->component.arena,
                    .source = source,
                    .core = options->core != NULL ? *options->core
                                                  : sl_core_features_usual,
                    .err = &own};
    d.features =
        options->features != 0 ? options->features : sl_features_default();
    d.core.data_imports = sl_dec_has(&d, SL_FEATURE_CORE_DATA);
    d.max_depth = options->max_depth != 0 && options->max_depth < SL_MAX_DEPTH
                      ? options->max_depth
                      : SL_MAX_DEPTH;
    d.fuel = SL_FUEL_FREE;
    if (decode_root(&d))
        return &root->component;
    name_the_end(&own);
    name_the_path(&d, &own);
    sl_fail(err, own.code, own.at, "%s", own.msg);
    sl_component_free(&root->component);
    return NULL;
}

void sl_component_free(sl_component *component)
{
    if (component == NULL)
        return;
    sl_root *root = (sl_root *)component;
    for (size_t i = 0; i < root->modules.n; i++)
        sl_module_free(root->modules.v[i]);
    sl_vec_deinit(&root->modules);
    sl_arena_deinit(&component->arena);
    sl_source_unref(component->source);
    sl_free(root);
}

uint32_t sl_component_export(const sl_component *component, sl_name name)
{
    for (uint32_t i = 0; i < component->n_exports; i++)
        if (sl_name_eq(component->exports[i].name, name))
            return i;
    return SL_NO_INDEX;
}
