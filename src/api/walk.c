/* include/sluice/component.h: sluice_component_walk, what `sluice inspect`
 * shows. Nesting is bounded by the validator's depth limit. */
#include "api/api_int.h"

#include <stdio.h>

#include "component/chunk_table.h"

typedef struct walk {
    bool (*visit)(void *arg, const sluice_item *item);
    void *arg;
    char detail[512];
    sluice_item_segment segment;
} walk;

/* The constant as text would be too long: its type and bytes say enough. */
static void describe_value(walk *w, const sl_type *value)
{
    char text[256];
    snprintf(w->detail, sizeof w->detail, "%s, %u bytes",
             sl_type_text(value->of.value.type, text, sizeof text),
             (unsigned)value->of.value.len);
}

static void describe_start(walk *w, const sl_def *def)
{
    int len = snprintf(w->detail, sizeof w->detail, "func %u (",
                       (unsigned)def->of.start.func);
    for (uint32_t i = 0; i < def->of.start.n && len < 480; i++)
        len += snprintf(w->detail + len, sizeof w->detail - (size_t)len,
                        "%svalue %u", i != 0 ? ", " : "",
                        (unsigned)def->of.start.args[i]);
    snprintf(w->detail + len, sizeof w->detail - (size_t)len,
             def->of.start.result != NULL ? ") -> value %u" : ")",
             (unsigned)def->makes.index);
}

static const char *how_of(const sl_def *def)
{
    switch (def->kind) {
    case SL_DEF_ALIAS_EXPORT:
    case SL_DEF_ALIAS_CORE_EXPORT:
    case SL_DEF_ALIAS_OUTER:
        return "alias";
    case SL_DEF_IMPORT:
        return "import";
    case SL_DEF_EXPORT:
        return "export";
    case SL_DEF_CANON:
        return "canon";
    default:
        return "definition";
    }
}

static void describe_module(walk *w, const sl_module *m)
{
    snprintf(w->detail, sizeof w->detail,
             "%u imports, %u functions, %u memories, %u data segments, %u "
             "exports",
             (unsigned)m->n_imports,
             (unsigned)(m->n_funcs - m->n_imported_funcs),
             (unsigned)(m->n_memories - m->n_imported_memories),
             (unsigned)m->n_datas, (unsigned)m->n_exports);
}

static void describe_instance(walk *w, const sl_def *def)
{
    if (def->of.instance.instantiates)
        snprintf(w->detail, sizeof w->detail, "instantiates %s %u",
                 def->kind == SL_DEF_INSTANCE ? "component" : "core module",
                 (unsigned)def->of.instance.index);
    else
        snprintf(w->detail, sizeof w->detail, "%u inline exports",
                 (unsigned)def->of.instance.n);
}

static void describe_type(walk *w, const sl_externtype *type)
{
    if (type->type != NULL)
        sl_type_text(type->type, w->detail, sizeof w->detail);
}

static void describe_extern(walk *w, const sl_extern *e, sluice_item *item)
{
    item->name = (sluice_name){e->name.data, e->name.len};
    describe_type(w, &e->type);
    if (e->attributes == NULL)
        return;
    const sl_attributes *a = e->attributes;
    item->implements = (sluice_name){a->implements.data, a->implements.len};
    item->version_suffix =
        (sluice_name){a->version_suffix.data, a->version_suffix.len};
    item->external_id = (sluice_name){a->external_id.data, a->external_id.len};
}

static void describe_segment(walk *w, const sl_segment_def *segment,
                             sluice_item *item)
{
    bool external = segment->form == SL_SEGMENT_EXTERNAL;
    item->offset = segment->offset;
    item->size = segment->size;
    item->segment = &w->segment;
    w->segment = (sluice_item_segment){.external = external};
    if (!external)
        return;
    w->segment.zstd = segment->zstd;
    w->segment.reference =
        (sluice_name){segment->reference.data, segment->reference.len};
    w->segment.chunk_size = UINT64_C(1) << segment->chunk_log;
    w->segment.n_chunks = segment->n_chunks;
}

static void describe(walk *w, const sl_component *c, const sl_def *def,
                     sluice_item *item)
{
    switch (def->kind) {
    case SL_DEF_CORE_MODULE:
        item->size = def->of.module->len;
        item->name =
            (sluice_name){def->of.module->name.data, def->of.module->name.len};
        describe_module(w, def->of.module);
        break;
    case SL_DEF_COMPONENT:
        item->size = def->of.component->size;
        item->name = (sluice_name){def->of.component->name.data,
                                   def->of.component->name.len};
        break;
    case SL_DEF_CORE_INSTANCE:
    case SL_DEF_INSTANCE:
        describe_instance(w, def);
        break;
    case SL_DEF_ALIAS_EXPORT:
    case SL_DEF_ALIAS_CORE_EXPORT:
        item->name =
            (sluice_name){def->of.alias.name.data, def->of.alias.name.len};
        snprintf(w->detail, sizeof w->detail, "of %sinstance %u",
                 def->kind == SL_DEF_ALIAS_EXPORT ? "" : "core ",
                 (unsigned)def->of.alias.instance);
        break;
    case SL_DEF_ALIAS_OUTER:
        snprintf(w->detail, sizeof w->detail, "outer %u, index %u",
                 (unsigned)def->of.outer.count, (unsigned)def->of.outer.index);
        break;
    case SL_DEF_TYPE:
        if (def->of.type.type != NULL)
            sl_type_text(def->of.type.type, w->detail, sizeof w->detail);
        break;
    case SL_DEF_CANON:
        snprintf(w->detail, sizeof w->detail, "%s",
                 sl_canons[def->of.canon.kind].text);
        break;
    case SL_DEF_IMPORT:
        describe_extern(w, &c->imports[def->of.import.import], item);
        break;
    case SL_DEF_EXPORT:
        describe_extern(w, &c->exports[def->of.export_.export_], item);
        break;
    case SL_DEF_DATA:
        describe_segment(w, &c->segments[def->of.segment], item);
        break;
    case SL_DEF_VALUE:
        describe_value(w, def->of.value);
        break;
    case SL_DEF_START:
        item->sort = "start";
        describe_start(w, def);
        break;
    case SL_DEF_CORE_TYPE:
        break;
    }
}

static bool walk_component(walk *w, const sl_component *c, unsigned depth)
{
    uint32_t n_starts = 0;
    for (uint32_t i = 0; i < c->n_defs; i++) {
        const sl_def *def = &c->defs[i];
        sluice_item item = {
            .depth = depth,
            .sort = sl_sort_text(def->makes.sort),
            .how = how_of(def),
            .index = def->makes.index,
            .offset = def->at,
            .detail = w->detail,
        };
        w->detail[0] = '\0';
        if (def->kind == SL_DEF_START)
            item.index = n_starts++;
        describe(w, c, def, &item);
        if (!w->visit(w->arg, &item))
            return false;
        if (def->kind == SL_DEF_COMPONENT &&
            !walk_component(w, def->of.component, depth + 1))
            return false;
    }
    return true;
}

void sluice_component_walk(const sluice_component *component,
                           bool (*visit)(void *arg, const sluice_item *item),
                           void *arg)
{
    walk w = {.visit = visit, .arg = arg};
    const sl_component *c = component->component;
    sluice_item root = {
        .sort = "component",
        .how = "definition",
        .name = {c->name.data, c->name.len},
        .size = c->size,
        .detail = "",
    };
    if (visit(arg, &root))
        walk_component(&w, c, 1);
}

sluice_status sluice_component_chunks(
    const sluice_component *component, const sluice_item *item,
    bool (*visit)(void *arg, const sluice_item_chunk *chunk), void *arg,
    sluice_error *error)
{
    const sluice_item_segment *s = item->segment;
    sl_source *source = component->component->source;
    sluice_item_chunk chunk = {0};
    sl_err err = {0};
    sl_chunk_table table;
    if (s == NULL || !s->external)
        return SLUICE_OK;
    sl_chunk_table_init(&table, source, item->offset,
                        source->size - item->offset, s->zstd, &err);
    for (uint32_t i = 0; i < s->n_chunks; i++) {
        uint64_t left = item->size - chunk.offset;
        chunk.size = left < s->chunk_size ? left : s->chunk_size;
        chunk.stored = chunk.size;
        if (!sl_chunk_table_next(&table, &chunk.stored, chunk.digest))
            return sl_api_error(error, &err);
        if (!visit(arg, &chunk))
            break;
        chunk.offset += chunk.size;
        chunk.file_offset += chunk.stored;
    }
    return SLUICE_OK;
}
