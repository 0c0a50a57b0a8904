/* Binary.md "Component Definitions"; docs/data-segments.md, sections 2 and 4.
 *
 * A definition of a segment depends on nothing, so it may stand further in
 * front; what names it then stands behind it as before. */
#include "bundle/order.h"

#include <stdlib.h>
#include <string.h>

#include "base/reader.h"
#include "bundle/bundle.h"

enum { CORE_SORT_DATA = 0x13, INSTANCE_EXPORTS = 0x01 };
#define NEVER UINT32_MAX
#define HEADS_MAX 32 /* bytes between payloads that stand side by side */
/* Bytes of definitions. */
#define SHORT_MAX 64u /* of those without names */
#define LONG_MAX  (64u << 20)

/* What a plan says of a segment. */
typedef struct use {
    uint32_t step;  /* the first */
    uint64_t bytes; /* of all steps */
} use;

typedef struct ordering {
    sl_order *order;
    const sl_component *root;
    use *uses; /* by ordinal */
    uint32_t n_uses;
    uint32_t next;      /* ordinal of the output */
    uint32_t *ordinals; /* what becomes order->ordinals */
    sl_err *err;
} ordering;

static bool nomem(sl_err *err)
{
    sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

static bool ok(const ordering *o)
{
    return o->err->code == SL_OK;
}

/* --- Which segments move ------------------------------------------------ */

static uint32_t count_ordinals(const sl_component *c)
{
    uint32_t n = c->n_segments;
    for (uint32_t i = 0; i < c->n_defs; i++)
        if (c->defs[i].kind == SL_DEF_COMPONENT)
            n += count_ordinals(c->defs[i].of.component);
    return n;
}

static void count_uses(ordering *o, const sl_load_plan *plan)
{
    for (uint32_t i = 0; i < o->n_uses; i++)
        o->uses[i].step = NEVER;
    for (uint32_t i = 0; i < plan->n; i++) {
        const sl_plan_step *step = &plan->steps[i];
        uint32_t ordinal = step->segment - plan->n_names;
        if (step->segment < plan->n_names || ordinal >= o->n_uses ||
            step->len == 0)
            continue;
        use *u = &o->uses[ordinal];
        if (u->step == NEVER)
            u->step = i;
        if (__builtin_add_overflow(u->bytes, step->len, &u->bytes))
            u->bytes = UINT64_MAX;
    }
}

typedef struct candidate {
    uint32_t segment, step;
    bool partly; /* less than half of it is read */
} candidate;

/* What is read by and large comes first, so that it is read in one. */
static int compare(const void *a, const void *b)
{
    const candidate *x = a, *y = b;
    if (x->partly != y->partly)
        return x->partly ? 1 : -1;
    return x->step < y->step ? -1 : x->step > y->step;
}

static candidate *find_candidates(ordering *o, const sl_component *c,
                                  uint32_t *n)
{
    candidate *v =
        sl_arena_array(&o->order->arena, candidate, c->n_segments + 1);
    *n = 0;
    for (uint32_t i = 0; i < c->n_segments && v != NULL; i++) {
        const sl_segment_def *s = &c->segments[i];
        const use *u = &o->uses[s->ordinal];
        if (s->form == SL_SEGMENT_INLINE && u->step != NEVER)
            v[(*n)++] = (candidate){i, u->step, u->bytes < s->size / 2};
    }
    if (v == NULL)
        nomem(o->err);
    else
        qsort(v, *n, sizeof *v, compare);
    return v;
}

/* Nothing is between them but heads, and padding perhaps. */
static bool follows(const sl_segment_def *b, const sl_segment_def *a)
{
    uint64_t most = b->offset % SL_BUNDLE_ALIGN == 0 ? SL_BUNDLE_ALIGN : 0;
    return b->offset >= a->offset + a->size &&
           b->offset - (a->offset + a->size) < most + HEADS_MAX;
}

/* Whether they stand like that already. */
static bool in_order(const sl_component *c, const candidate *v, uint32_t n)
{
    for (uint32_t i = 1; i < n; i++)
        if (!follows(&c->segments[v[i].segment], &c->segments[v[i - 1].segment]))
            return false;
    return true;
}

/* --- A component whose segments move ------------------------------------ */

/* Definitions take their indices in another order. */
static void number(const sl_component *c, const sl_order_part *part,
                   uint32_t *map)
{
    uint32_t next = 0;
    uint32_t *own = map + c->count[SL_SORT_CORE_DATA]; /* of segment i */
    bool begun = false;
    for (uint32_t i = 0; i < c->n_defs; i++) {
        const sl_def *def = &c->defs[i];
        if (def->makes.sort != SL_SORT_CORE_DATA)
            continue;
        if (def->kind == SL_DEF_DATA && !begun) {
            for (uint32_t k = 0; k < part->n_first; k++)
                own[part->first[k]] = next++;
            begun = true;
        }
        map[def->makes.index] =
            def->kind == SL_DEF_DATA && part->moves[def->of.segment]
                ? own[def->of.segment]
                : next++;
    }
}

static void add_part(ordering *o, const sl_component *c, const candidate *v,
                     uint32_t n)
{
    sl_arena *arena = &o->order->arena;
    uint32_t n_data = c->count[SL_SORT_CORE_DATA];
    uint32_t *first = sl_arena_array(arena, uint32_t, n);
    bool *moves = sl_arena_array(arena, bool, c->n_segments);
    uint64_t *starts = sl_arena_array(arena, uint64_t, c->n_segments);
    uint32_t *map = sl_arena_array(arena, uint32_t, n_data + c->n_segments);
    if (first == NULL || moves == NULL || starts == NULL || map == NULL) {
        nomem(o->err);
        return;
    }
    for (uint32_t i = 0; i < n; i++) {
        first[i] = v[i].segment;
        moves[first[i]] = true;
    }
    for (uint32_t i = 0; i < c->n_defs; i++)
        if (c->defs[i].kind == SL_DEF_DATA)
            starts[c->defs[i].of.segment] = c->defs[i].at;
    sl_order_part part = {c, first, n, moves, starts, map};
    number(c, &part, map);
    if (!sl_vec_push(&o->order->parts, part))
        nomem(o->err);
}

/* --- New ordinals ------------------------------------------------------- */

static void renumber(ordering *o, const sl_component *c)
{
    const sl_order_part *part = sl_order_of(o->order, c);
    bool begun = false;
    for (uint32_t i = 0; i < c->n_defs; i++) {
        const sl_def *def = &c->defs[i];
        if (def->kind == SL_DEF_COMPONENT)
            renumber(o, def->of.component);
        if (def->kind != SL_DEF_DATA)
            continue;
        for (uint32_t k = 0; part != NULL && !begun && k < part->n_first; k++)
            o->ordinals[c->segments[part->first[k]].ordinal] = o->next++;
        begun = true;
        if (part == NULL || !part->moves[def->of.segment])
            o->ordinals[c->segments[def->of.segment].ordinal] = o->next++;
    }
}

/* --- What names a segment ----------------------------------------------- */

typedef struct patching {
    ordering *o;
    const sl_component *component; /* whose definition it is */
    sl_reader r;
} patching;

static const uint32_t *map_of(const patching *p, const sl_component *c)
{
    const sl_order_part *part = sl_order_of(p->o->order, c);
    return part != NULL ? part->map : NULL;
}

/* The index that comes next, of the component `outer` levels further out. */
static void index_of_data(patching *p, uint32_t outer)
{
    const sl_component *c = p->component;
    while (outer-- != 0)
        c = c->parent;
    uint64_t at = sl_reader_at(&p->r);
    uint32_t index = sl_read_u32(&p->r);
    const uint32_t *map = map_of(p, c);
    if (!sl_reader_ok(&p->r) || map == NULL || map[index] == index)
        return;
    sl_patch patch = {at, (uint32_t)(sl_reader_at(&p->r) - at), map[index]};
    if (!sl_vec_push(&p->o->order->patches, patch))
        nomem(p->o->err);
}

static bool read_is_data(sl_reader *r)
{
    return sl_read_u8(r) == 0 && sl_read_u8(r) == CORE_SORT_DATA;
}

static void item(patching *p)
{
    if (read_is_data(&p->r))
        index_of_data(p, 0);
    else
        sl_read_u32(&p->r);
}

/* nameattributes */
static void skip_extern_name(sl_reader *r)
{
    uint8_t form = sl_read_u8(r);
    sl_read_name(r);
    for (uint32_t n = form == 2 ? sl_read_count(r, 2) : 0; n != 0; n--) {
        sl_read_u8(r);
        sl_read_name(r);
    }
}

static void instance(patching *p)
{
    uint8_t form = sl_read_u8(&p->r);
    if (form != INSTANCE_EXPORTS)
        sl_read_u32(&p->r);
    for (uint32_t n = sl_read_count(&p->r, 3); n != 0; n--) {
        if (form == INSTANCE_EXPORTS)
            skip_extern_name(&p->r);
        else
            sl_read_name(&p->r);
        item(p);
    }
}

/* docs/data-segments.md, section 8: only exports can be of segments. */
static void core_instance(patching *p)
{
    if (sl_read_u8(&p->r) != INSTANCE_EXPORTS)
        return;
    for (uint32_t n = sl_read_count(&p->r, 3); n != 0; n--) {
        sl_read_name(&p->r);
        if (sl_read_u8(&p->r) == CORE_SORT_DATA)
            index_of_data(p, 0);
        else
            sl_read_u32(&p->r);
    }
}

/* A definition that names segments, from its first byte on. */
static void patch_def(patching *p, const sl_def *def)
{
    switch (def->kind) {
    case SL_DEF_CANON:
        sl_read_u8(&p->r); /* data.read, data.size, data.prefetch */
        index_of_data(p, 0);
        break;
    case SL_DEF_ALIAS_OUTER:
        read_is_data(&p->r);
        sl_read_u8(&p->r); /* outer */
        sl_read_u32(&p->r);
        index_of_data(p, def->of.outer.count);
        break;
    case SL_DEF_EXPORT:
        skip_extern_name(&p->r);
        item(p);
        break;
    case SL_DEF_CORE_INSTANCE:
        core_instance(p);
        break;
    default:
        instance(p);
        break;
    }
}

static bool names_data(const sl_def *def)
{
    switch (def->kind) {
    case SL_DEF_CANON:
        return strchr(sl_canons[def->of.canon.kind].imms, 'd') != NULL;
    case SL_DEF_ALIAS_OUTER:
        return def->makes.sort == SL_SORT_CORE_DATA;
    case SL_DEF_EXPORT:
        return def->of.export_.item.sort == SL_SORT_CORE_DATA;
    case SL_DEF_CORE_INSTANCE:
    case SL_DEF_INSTANCE:
        for (uint32_t i = 0; i < def->of.instance.n; i++)
            if (def->of.instance.args[i].item.sort == SL_SORT_CORE_DATA)
                return true;
        return false;
    default:
        return false;
    }
}

/* The definition's bytes are before the next one's, or the component's end. */
static uint64_t bytes_of(const sl_component *c, uint32_t i)
{
    const sl_def *def = &c->defs[i];
    uint64_t end = i + 1 < c->n_defs ? def[1].at : c->at + c->size;
    uint64_t most =
        def->kind == SL_DEF_CANON || def->kind == SL_DEF_ALIAS_OUTER ? SHORT_MAX
                                                                     : LONG_MAX;
    return end - def->at < most ? end - def->at : most;
}

static void read_and_patch(patching *p, const sl_def *def, uint64_t len)
{
    sl_source *source = p->o->root->source;
    uint8_t *bytes = sl_malloc((size_t)len);
    if (bytes == NULL) {
        nomem(p->o->err);
    } else if (source->read_at(source, def->at, bytes, (size_t)len,
                               p->o->err) == SL_OK) {
        p->r = sl_reader_over(bytes, (size_t)len, def->at, p->o->err);
        patch_def(p, def);
    }
    sl_free(bytes);
}

static void find_patches(ordering *o, const sl_component *c)
{
    patching p = {.o = o, .component = c};
    for (uint32_t i = 0; i < c->n_defs && ok(o); i++) {
        if (c->defs[i].kind == SL_DEF_COMPONENT)
            find_patches(o, c->defs[i].of.component);
        else if (names_data(&c->defs[i]))
            read_and_patch(&p, &c->defs[i], bytes_of(c, i));
    }
}

/* --- All of it ---------------------------------------------------------- */

static void find_parts(ordering *o, const sl_component *c)
{
    uint32_t n;
    const candidate *v = find_candidates(o, c, &n);
    if (v != NULL && !in_order(c, v, n))
        add_part(o, c, v, n);
    for (uint32_t i = 0; i < c->n_defs && ok(o); i++)
        if (c->defs[i].kind == SL_DEF_COMPONENT)
            find_parts(o, c->defs[i].of.component);
}

bool sl_order_init(sl_order *order, const sl_component *component,
                   const sl_load_plan *plan, sl_err *err)
{
    *order = (sl_order){.n_ordinals = count_ordinals(component)};
    sl_arena_init(&order->arena);
    ordering o = {.order = order,
                  .root = component,
                  .n_uses = order->n_ordinals,
                  .err = err};
    o.uses = sl_arena_array(&order->arena, use, o.n_uses + 1);
    o.ordinals = sl_arena_array(&order->arena, uint32_t, o.n_uses + 1);
    order->ordinals = o.ordinals;
    if (o.uses == NULL || o.ordinals == NULL)
        return nomem(err);
    count_uses(&o, plan);
    find_parts(&o, component);
    if (ok(&o) && order->parts.n != 0) {
        renumber(&o, component);
        find_patches(&o, component);
    }
    return ok(&o);
}

void sl_order_deinit(sl_order *order)
{
    sl_vec_deinit(&order->parts);
    sl_vec_deinit(&order->patches);
    sl_arena_deinit(&order->arena);
}

const sl_order_part *sl_order_of(const sl_order *order,
                                 const sl_component *component)
{
    size_t low = 0, high = order->parts.n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        const sl_order_part *part = &order->parts.v[mid];
        if (part->component == component)
            return part;
        if (part->component->at < component->at)
            low = mid + 1;
        else
            high = mid;
    }
    return NULL;
}

static size_t first_from(const sl_order *order, uint64_t at)
{
    size_t low = 0, high = order->patches.n;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (order->patches.v[mid].at < at)
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

const sl_patch *sl_order_patches(const sl_order *order, uint64_t at,
                                 uint64_t end, size_t *n)
{
    size_t first = first_from(order, at);
    *n = first_from(order, end) - first;
    return order->patches.v + first;
}
