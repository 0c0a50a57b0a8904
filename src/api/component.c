/* include/sluice/component.h: engines and components. */
#include "api/api_int.h"

#include <stdio.h>

#include "base/alloc.h"

/* --- Engines ---------------------------------------------------------------- */

#define MIB (UINT64_C(1) << 20)
#define GIB (UINT64_C(1) << 30)

sluice_limits sluice_limits_default(void)
{
    return (sluice_limits){
        .memory_bytes = 4 * GIB,
        .store_memory_bytes = 16 * GIB,
        .table_elements = 10000000,
        .handles = 1000000,
        .tasks = 1000000,
        .call_bytes = 256 * MIB,
        .wasm_stack_bytes = 1 * MIB,
        .component_depth = 100,
    };
}

sluice_limits sluice_limits_strict(void)
{
    return (sluice_limits){
        .memory_bytes = 1 * GIB,
        .store_memory_bytes = 4 * GIB,
        .table_elements = 1000000,
        .handles = 65536,
        .tasks = 1024,
        .call_bytes = 16 * MIB,
        .wasm_stack_bytes = 512 * 1024,
        .component_depth = 64,
    };
}

sluice_limits sluice_limits_none(void)
{
    return (sluice_limits){
        .memory_bytes = UINT64_MAX,
        .store_memory_bytes = UINT64_MAX,
        .table_elements = UINT32_MAX,
        .handles = SL_TABLE_MAX_LENGTH,
        .tasks = UINT32_MAX,
        .call_bytes = UINT64_MAX,
        .wasm_stack_bytes = 1 * MIB,
        .component_depth = 100,
    };
}

sluice_engine *sluice_engine_new(const sluice_limits *limits,
                                 sluice_error *error)
{
    sluice_engine *engine = sl_malloc(sizeof *engine);
    if (engine == NULL) {
        sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    sl_api_install_drops();
    *engine = (sluice_engine){
        .limits = limits != NULL ? *limits : sluice_limits_default(),
        .features = sl_features_default(),
        .mappings = sl_mappings_new(),
        .data = sl_data_env_new(NULL),
    };
    if (engine->mappings == NULL || engine->data == NULL) {
        sluice_engine_free(engine);
        sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    return engine;
}

void sluice_engine_free(sluice_engine *engine)
{
    if (engine == NULL)
        return;
    sl_mappings_free(engine->mappings);
    sl_data_env_unref(engine->data);
    sl_free(engine);
}

bool sluice_engine_set_feature(sluice_engine *engine, const char *name, bool on)
{
    bool all = strcmp(name, "all") == 0, found = all;
    for (int f = SL_FEATURE_NONE + 1; f < SL_N_FEATURES; f++) {
        if (!all && strcmp(name, sl_feature_text((sl_feature)f)) != 0)
            continue;
        found = true;
        if (on)
            engine->features |= SL_FEATURE_BIT(f);
        else
            engine->features &= ~SL_FEATURE_BIT(f);
    }
    return found;
}

/* --- Components -------------------------------------------------------------- */

sluice_component *sl_api_decode(sluice_engine *engine, sl_source *source,
                                sluice_error *error)
{
    sl_err err = {0};
    uint8_t head[8];
    sluice_component *out = NULL;
    sl_component_options options = {
        .features = engine->features,
        .max_depth = engine->limits.component_depth,
    };
    if (source->size >= sizeof head &&
        source->read_at(source, 0, head, sizeof head, &err) == SL_OK &&
        memcmp(head, "\0asm\1\0\0\0", sizeof head) == 0) {
        sl_fail(&err, SL_EUNSUPPORTED, 4,
                "this is a core module, not a component");
    } else if (err.code == SL_OK && (out = sl_malloc(sizeof *out)) == NULL) {
        sl_fail(&err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    } else if (err.code == SL_OK) {
        *out = (sluice_component){
            engine, sl_component_decode(source, &options, &err)};
    }
    sl_source_unref(source);
    if (out != NULL && out->component != NULL)
        return out;
    sl_free(out);
    sl_api_error(error, &err);
    return NULL;
}

sluice_component *sluice_component_open(sluice_engine *engine, const char *path,
                                        sluice_error *error)
{
    sl_err err = {0};
    sl_source *source = sl_source_file(path, &err);
    if (source == NULL) {
        sl_api_error(error, &err);
        return NULL;
    }
    return sl_api_decode(engine, source, error);
}

sluice_component *sluice_component_from_buffer(sluice_engine *engine,
                                               const void *bytes, size_t len,
                                               bool copy, sluice_error *error)
{
    sl_err err = {0};
    sl_source *source = sl_source_buffer(bytes, len, copy, &err);
    if (source == NULL) {
        sl_api_error(error, &err);
        return NULL;
    }
    return sl_api_decode(engine, source, error);
}

/* An embedder's source behind the internal one. */
struct public_source {
    sl_source source; /* first */
    sluice_source public;
};

static sl_status read_public(sl_source *source, uint64_t at, void *to,
                             size_t len, sl_err *err)
{
    struct public_source *s = (struct public_source *)source;
    if (at > source->size || len > source->size - at)
        return sl_fail(err, SL_EIO, at, "unexpected end of the source");
    if (!s->public.read_at(s->public.arg, at, to, len))
        return sl_fail(err, SL_EIO, at, "the source could not be read");
    return SL_OK;
}

static void close_public(sl_source *source)
{
    struct public_source *s = (struct public_source *)source;
    if (s->public.close != NULL)
        s->public.close(s->public.arg);
    sl_free(s);
}

sluice_component *sluice_component_from_source(sluice_engine *engine,
                                               const sluice_source *source,
                                               sluice_error *error)
{
    struct public_source *s = sl_malloc(sizeof *s);
    if (s == NULL) {
        if (source->close != NULL)
            source->close(source->arg);
        sl_api_fail(error, SLUICE_ENOMEM, "out of memory");
        return NULL;
    }
    s->public = *source;
    s->source = (sl_source){.size = source->size,
                            .read_at = read_public,
                            .fd = -1,
                            .refs = 1,
                            .close = close_public};
    return sl_api_decode(engine, &s->source, error);
}

sluice_status sluice_component_set_base(sluice_component *component,
                                        const char *base, sluice_error *error)
{
    sl_err err = {0};
    if (*base == '\0')
        return sl_api_fail(error, SLUICE_EUSAGE, "the base is empty");
    sl_source_set_base(component->component->source, base, &err);
    return sl_api_error(error, &err);
}

void sluice_component_free(sluice_component *component)
{
    if (component == NULL)
        return;
    sl_component_free(component->component);
    sl_free(component);
}

/* --- Imports and exports ----------------------------------------------------- */

static const struct {
    sl_sort sort;
    sluice_extern_kind kind;
} extern_kinds[] = {
    {SL_SORT_FUNC, SLUICE_EXTERN_FUNC},
    {SL_SORT_INSTANCE, SLUICE_EXTERN_INSTANCE},
    {SL_SORT_COMPONENT, SLUICE_EXTERN_COMPONENT},
    {SL_SORT_CORE_MODULE, SLUICE_EXTERN_MODULE},
    {SL_SORT_CORE_DATA, SLUICE_EXTERN_DATA},
    {SL_SORT_TYPE, SLUICE_EXTERN_TYPE},
    {SL_SORT_VALUE, SLUICE_EXTERN_VALUE},
};

static bool fill_extern(const sl_extern *externs, uint32_t n, size_t index,
                        sluice_extern *out)
{
    if (index >= n)
        return false;
    const sl_extern *e = &externs[index];
    *out = (sluice_extern){.name = {e->name.data, e->name.len}};
    if (e->attributes != NULL) {
        const sl_attributes *a = e->attributes;
        out->implements = (sluice_name){a->implements.data, a->implements.len};
        out->version_suffix = (sluice_name){a->version_suffix.data,
                                            a->version_suffix.len};
        out->external_id =
            (sluice_name){a->external_id.data, a->external_id.len};
    }
    for (size_t i = 0; i < sizeof extern_kinds / sizeof *extern_kinds; i++)
        if (extern_kinds[i].sort == e->type.sort)
            out->kind = extern_kinds[i].kind;
    if (out->kind == SLUICE_EXTERN_INSTANCE)
        out->instance = e->type.type;
    else if (out->kind == SLUICE_EXTERN_FUNC || out->kind == SLUICE_EXTERN_TYPE)
        out->type = e->type.type;
    else if (out->kind == SLUICE_EXTERN_VALUE)
        out->type = e->type.type->of.value.type;
    return true;
}

size_t sluice_component_n_imports(const sluice_component *c)
{
    return c->component->n_imports;
}

size_t sluice_component_n_exports(const sluice_component *c)
{
    return c->component->n_exports;
}

bool sluice_component_import(const sluice_component *c, size_t index,
                             sluice_extern *out)
{
    return fill_extern(c->component->imports, c->component->n_imports, index,
                       out);
}

bool sluice_component_export(const sluice_component *c, size_t index,
                             sluice_extern *out)
{
    return fill_extern(c->component->exports, c->component->n_exports, index,
                       out);
}

bool sluice_extern_member(const sluice_extern *of, size_t index,
                          sluice_extern *out)
{
    const sl_type *type = of->instance;
    return type != NULL && fill_extern(type->of.component.exports,
                                       type->of.component.n_exports, index,
                                       out);
}
