/* The decoder's memory, failures and index spaces. */
#include "component/component_int.h"

#include <stdio.h>

/* --- Memory --------------------------------------------------------------- */

bool sl_dec_nomem(sl_decoder *d)
{
    sl_fail(d->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

/* Whether n * size more bytes are within what the input read so far allows. */
static bool affords(sl_decoder *d, size_t n, size_t size)
{
    uint64_t budget = SL_HEAP_FREE + d->bytes * SL_HEAP_PER_BYTE;
    uint64_t used = d->arena->total + d->scratch;
    if (used <= budget && n <= budget / size && n * size <= budget - used)
        return true;
    sl_fail(d->err, SL_ELIMIT, SL_ERR_NO_PLACE,
            "component needs more memory to validate than its size allows");
    return false;
}

void *sl_dec_alloc(sl_decoder *d, size_t n, size_t size)
{
    static const max_align_t nothing = {0};
    if (n == 0 || size == 0)
        return (void *)&nothing;
    if (!affords(d, n, size))
        return NULL;
    void *out = sl_arena_calloc(d->arena, n, size);
    if (out == NULL)
        sl_dec_nomem(d);
    return out;
}

void *sl_dec_copy(sl_decoder *d, const void *from, size_t n, size_t size)
{
    void *out = n == 0 ? NULL : sl_dec_alloc(d, n, size);
    if (out != NULL)
        memcpy(out, from, n * size);
    return out;
}

/* --- Failures ------------------------------------------------------------- */

bool sl_dec_invalid(sl_decoder *d, uint64_t at, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    sl_vfail(d->err, SL_EINVALID, at, fmt, args);
    va_end(args);
    return false;
}

bool sl_dec_limit(sl_decoder *d, uint64_t at, const char *what)
{
    sl_fail(d->err, SL_ELIMIT, at,
            "implementation limit: too many or too deep: %s", what);
    return false;
}

bool sl_dec_gate(sl_decoder *d, uint64_t at, sl_feature feature,
                 const char *what)
{
    if (feature == SL_FEATURE_NONE || sl_dec_has(d, feature))
        return true;
    sl_fail(d->err, SL_EUNSUPPORTED, at, "unsupported feature `%s`: %s",
            sl_feature_text(feature), what);
    return false;
}

bool sl_dec_bad_byte(sl_reader *r, uint8_t byte, const char *what)
{
    if (sl_reader_ok(r))
        sl_fail(r->err, SL_EMALFORMED, sl_reader_at(r) - 1,
                "invalid leading byte (0x%x) for %s", byte, what);
    r->pos = r->end;
    return false;
}

bool sl_dec_burn(sl_decoder *d, uint64_t at)
{
    if (d->fuel == 0)
        return sl_dec_limit(d, at, "types are too complex to compare");
    d->fuel--;
    return true;
}

/* --- Reading -------------------------------------------------------------- */

uint32_t sl_dec_count(sl_decoder *d, sl_reader *r, uint32_t max,
                      const char *what)
{
    uint64_t at = sl_reader_at(r);
    uint32_t n = sl_read_count(r, 1);
    if (n > max) {
        sl_dec_limit(d, at, what);
        return 0;
    }
    return n;
}

sl_name sl_dec_name(sl_decoder *d, sl_reader *r)
{
    uint64_t at = sl_reader_at(r);
    sl_name name = sl_read_name(r);
    if (name.len > SL_MAX_NAME)
        sl_dec_limit(d, at, "bytes in a name");
    return name;
}

/* --- Scopes --------------------------------------------------------------- */

void sl_namespace_init(sl_namespace *ns, const char *what)
{
    *ns = (sl_namespace){.what = what};
    sl_map_init(&ns->names);
    sl_map_init(&ns->resources);
}

void sl_namespace_deinit(sl_namespace *ns)
{
    sl_map_deinit(&ns->names);
    sl_map_deinit(&ns->resources);
    sl_ptrmap_deinit(&ns->resource_of);
    sl_vec_deinit(&ns->externs);
}

void sl_scope_init(sl_scope *s, sl_scope_kind kind, sl_scope *parent)
{
    *s = (sl_scope){.kind = kind, .parent = parent};
    s->depth = parent == NULL ? 1 : parent->depth + 1;
    sl_namespace_init(&s->imports, "import");
    sl_namespace_init(&s->exports, "export");
}

void sl_scope_deinit(sl_decoder *d, sl_scope *s)
{
    d->scratch -= s->scratch;
    for (int i = 0; i < SL_N_SORTS; i++)
        sl_vec_deinit(&s->items[i]);
    sl_namespace_deinit(&s->imports);
    sl_namespace_deinit(&s->exports);
    sl_vec_deinit(&s->imported);
    sl_vec_deinit(&s->defined);
    sl_ptrmap_deinit(&s->import_named);
    sl_ptrmap_deinit(&s->export_named);
    sl_vec_deinit(&s->defs);
    sl_vec_deinit(&s->segments);
    sl_vec_deinit(&s->used);
}

/* A growing vector's share of the budget: twice its elements, and the block
 * it grows out of. */
static bool charge(sl_decoder *d, sl_scope *s, size_t size)
{
    if (!affords(d, 3, size))
        return false;
    d->scratch += 3 * size;
    s->scratch += 3 * size;
    return true;
}

static uint32_t max_items(sl_sort sort)
{
    switch (sort) {
    case SL_SORT_CORE_MODULE:
    case SL_SORT_CORE_INSTANCE:
    case SL_SORT_COMPONENT:
    case SL_SORT_INSTANCE:
        return SL_MAX_NESTED;
    case SL_SORT_CORE_DATA:
        return SL_MAX_SEGMENTS;
    default:
        return SL_MAX_ITEMS;
    }
}

bool sl_scope_add(sl_decoder *d, sl_scope *s, sl_sort sort, const void *item,
                  uint64_t at)
{
    if (!sl_dec_ok(d))
        return false;
    if (s->items[sort].n >= max_items(sort))
        return sl_dec_limit(d, at, sl_sort_text(sort));
    return charge(d, s, sizeof item) &&
           (sl_vec_push(&s->items[sort], item) || sl_dec_nomem(d));
}

/* The suite's nouns, "function" and not "func". */
static const char *noun(sl_sort sort)
{
    if (sort == SL_SORT_FUNC || sort == SL_SORT_CORE_FUNC)
        return "function";
    const char *text = sl_sort_text(sort);
    return sort <= SL_SORT_CORE_DATA ? text + 5 /* "core " */ : text;
}

const void *sl_scope_get(sl_decoder *d, const sl_scope *s, sl_sort sort,
                         uint32_t index, uint64_t at)
{
    if (!sl_dec_ok(d))
        return NULL;
    if (index < s->items[sort].n)
        return s->items[sort].v[index];
    sl_dec_invalid(d, at, "unknown %s %u: %s index out of bounds", noun(sort),
                   (unsigned)index, noun(sort));
    return NULL;
}

sl_def *sl_scope_def(sl_decoder *d, sl_scope *s, sl_def_kind kind, sl_sort sort,
                     uint64_t at)
{
    sl_def def = {.kind = kind, .at = at, .makes = {sort, 0}};
    def.makes.index = (uint32_t)s->items[sort].n;
    if (s->kind != SL_SCOPE_COMPONENT)
        s->defs.n = 0;
    if (!charge(d, s, sizeof def))
        return NULL;
    if (!sl_vec_push(&s->defs, def)) {
        sl_dec_nomem(d);
        return NULL;
    }
    return &sl_vec_last(&s->defs);
}

const sl_type *sl_scope_type(sl_decoder *d, const sl_scope *s, uint32_t index,
                             sl_type_kind kind, uint64_t at)
{
    const sl_type *type = sl_scope_get(d, s, SL_SORT_TYPE, index, at);
    if (type == NULL || type->kind == kind)
        return type;
    const char *what = kind == SL_T_RESOURCE    ? "a resource"
                       : kind == SL_T_FUNC      ? "a function"
                       : kind == SL_T_COMPONENT ? "a component"
                       : kind == SL_T_INSTANCE  ? "an instance"
                       : kind == SL_T_STREAM    ? "a stream"
                                                : "a future";
    sl_dec_invalid(d, at, "type index %u is not %s type", (unsigned)index,
                   what);
    return NULL;
}

/* --- Exports by name ------------------------------------------------------ */

#define SCAN_UP_TO 12 /* a list this short needs no map */

/* The map of a list of exports, filled when first asked for; its slot keeps
 * the list's first element as the key. */
static sl_map *export_map(sl_decoder *d, const void *list, bool *is_new)
{
    const void **slot = sl_ptrmap_at(&d->export_maps, list, true);
    if (slot == NULL)
        return NULL;
    *is_new = *slot == NULL;
    if (*is_new) {
        sl_map *map = sl_dec_new(d, sl_map);
        if (map != NULL)
            sl_map_init(map);
        *slot = map;
    }
    return (sl_map *)*slot;
}

const sl_extern *sl_find_export(sl_decoder *d, const sl_type *instance,
                                sl_name name)
{
    const sl_extern *v = instance->of.component.exports;
    uint32_t n = instance->of.component.n_exports;
    if (d == NULL || n <= SCAN_UP_TO) {
        for (uint32_t i = 0; i < n; i++)
            if (sl_name_eq(v[i].name, name))
                return &v[i];
        return NULL;
    }
    bool is_new = false;
    uint64_t index;
    sl_map *map = export_map(d, v, &is_new);
    for (uint32_t i = 0; map != NULL && is_new && i < n; i++)
        if (!sl_map_put(map, v[i].name, i))
            map = NULL;
    if (map == NULL) {
        sl_dec_nomem(d);
        return NULL;
    }
    return sl_map_get(map, name, &index) ? &v[index] : NULL;
}

const sl_core_module_export *
sl_find_core_export(sl_decoder *d, const sl_core_exports *from, sl_name name)
{
    if (d == NULL || from->n <= SCAN_UP_TO) {
        for (uint32_t i = 0; i < from->n; i++)
            if (sl_name_eq(from->v[i].name, name))
                return &from->v[i];
        return NULL;
    }
    bool is_new = false;
    uint64_t index;
    sl_map *map = export_map(d, from->v, &is_new);
    for (uint32_t i = 0; map != NULL && is_new && i < from->n; i++)
        if (!sl_map_put(map, from->v[i].name, i))
            map = NULL;
    if (map == NULL) {
        sl_dec_nomem(d);
        return NULL;
    }
    return sl_map_get(map, name, &index) ? &from->v[index] : NULL;
}
