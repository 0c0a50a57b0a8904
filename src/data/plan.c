/* Load plans, and ranges that wait to be prefetched. docs/data-segments.md, "Load
 * plans".
 *
 * A plan is one line of bytes: its loads, end to end. `brought` is how far
 * prefetching has come on it, `read` how far reading has: the former runs ahead
 * of the latter by a budget. What is read elsewhere does not matter. */
#include "data/data_int.h"

#include <stddef.h>

#include "base/alloc.h"
#include "base/map.h"

/* --- Ranges ----------------------------------------------------------------------- */

bool sl_ranges_add(sl_ranges *ranges, uint64_t at, uint64_t len)
{
    if (ranges->n != 0) {
        struct sl_range *last =
            &ranges->v[(ranges->first + ranges->n - 1) % SL_RANGES_MAX];
        if (last->end == at) {
            last->end += len;
            return true;
        }
    }
    if (ranges->n == SL_RANGES_MAX)
        return false;
    ranges->v[(ranges->first + ranges->n++) % SL_RANGES_MAX] =
        (struct sl_range){at, at + len};
    return true;
}

struct sl_range *sl_ranges_first(sl_ranges *ranges)
{
    for (; ranges->n != 0; ranges->n--) {
        struct sl_range *r = &ranges->v[ranges->first];
        if (r->at < r->end)
            return r;
        ranges->first = (ranges->first + 1) % SL_RANGES_MAX;
    }
    return NULL;
}

/* --- Plans ------------------------------------------------------------------------ */

enum {
    LOOK_AHEAD = 256,   /* loads looked at to find what has been read */
    PIECE = 1 << 20,    /* bytes asked for at once */
};

struct sl_plan {
    sl_data_ctx *ctx;
    const sl_source *source;
    const sl_plan_step *loads;
    uint32_t n;
    uint32_t at, read_at; /* loads in which `brought` and `read` are */
    uint64_t brought, read;
    uint64_t *starts; /* of each load on the line */
    sl_map names;     /* of imports: their places */
    uint32_t n_names;
    sl_segment **segments; /* at their places, as sl_plan_step numbers them */
    uint32_t n_segments;   /* places that occur: below this */
    sl_post pump;
};

static void bring(sl_plan *p, const sl_plan_step *load, uint64_t skip, uint64_t len)
{
    sl_segment *segment = load->segment < p->n_segments
                              ? p->segments[load->segment]
                              : NULL;
    if (segment == NULL || load->start > segment->size ||
        load->len > segment->size - load->start)
        return;
    sl_segment_prefetch(segment, load->start + skip, len);
}

static void go_on(sl_plan *p)
{
    while (p->at < p->n && p->brought - p->read < SL_PLAN_AHEAD) {
        const sl_plan_step *load = &p->loads[p->at];
        uint64_t skip = p->brought - p->starts[p->at];
        uint64_t len = load->len - skip;
        if (len > PIECE)
            len = PIECE;
        if (len != 0)
            bring(p, load, skip, len);
        p->brought += len;
        if (skip + len == load->len)
            p->at++;
    }
}

static void on_pump(sl_post *post)
{
    go_on((sl_plan *)(void *)((char *)post - offsetof(sl_plan, pump)));
}

/* Reading has come to a place of the plan, or is somewhere else. */
static void has_read(sl_plan *p, uint32_t place, uint64_t at, uint64_t len)
{
    uint32_t end = p->n - p->read_at < LOOK_AHEAD ? p->n
                                                  : p->read_at + LOOK_AHEAD;
    for (uint32_t i = p->read_at; i < end; i++) {
        const sl_plan_step *load = &p->loads[i];
        if (load->segment != place || at < load->start ||
            at - load->start >= load->len)
            continue;
        uint64_t left = load->len - (at - load->start);
        p->read_at = i;
        p->read = p->starts[i] + load->len - left + (len < left ? len : left);
        if (p->brought < p->read) {
            p->brought = p->read;
            p->at = i;
        }
        if (!p->pump.pending)
            sl_loop_post(p->ctx->loop, &p->pump);
        return;
    }
}

static uint32_t count_segments(const sl_plan_step *loads, uint32_t n)
{
    uint32_t most = 0;
    for (uint32_t i = 0; i < n; i++)
        if (loads[i].segment >= most && loads[i].segment < SL_NO_ORDINAL)
            most = loads[i].segment + 1;
    return most;
}

/* Plans are only advice: one that runs over the end of all numbers is none. */
static bool lay_out(sl_plan *p)
{
    uint64_t at = 0;
    for (uint32_t i = 0; i < p->n; i++) {
        p->starts[i] = at;
        if (p->loads[i].len > UINT64_MAX - at)
            return false;
        at += p->loads[i].len;
    }
    return true;
}

static bool map_names(sl_plan *p, const sl_load_plan *plan)
{
    for (uint32_t i = 0; i < plan->n_names; i++)
        if (!sl_map_get(&p->names, plan->names[i], NULL) &&
            !sl_map_put(&p->names, plan->names[i], i))
            return false;
    return true;
}

void sl_data_ctx_follow(sl_data_ctx *ctx, const sl_source *source,
                        const sl_load_plan *plan)
{
    uint32_t n_segments = count_segments(plan->steps, plan->n);
    if (plan->n == 0 || ctx->plan != NULL ||
        n_segments > SL_MAX_LOADS + SL_MAX_LOAD_NAMES)
        return;
    sl_plan *p = sl_calloc(1, sizeof *p);
    if (p == NULL)
        return;
    *p = (sl_plan){.ctx = ctx, .source = source, .n = plan->n};
    p->loads = plan->steps;
    p->n_names = plan->n_names;
    p->n_segments = n_segments;
    p->starts = sl_calloc(plan->n, sizeof *p->starts);
    p->segments = sl_calloc(n_segments, sizeof *p->segments);
    sl_map_init(&p->names);
    p->pump.fn = on_pump;
    if (p->starts == NULL || p->segments == NULL || !map_names(p, plan) ||
        !lay_out(p)) {
        sl_plan_free(p);
        return;
    }
    ctx->plan = p;
    sl_loop_post(ctx->loop, &p->pump);
}

/* Where the plan would name it; SL_NO_ORDINAL: it does not. */
static uint32_t place_of(const sl_plan *p, const sl_segment *segment)
{
    uint64_t place = (uint64_t)p->n_names + segment->ordinal;
    if (segment->import.data != NULL) {
        if (!sl_map_get(&p->names, segment->import, &place))
            return SL_NO_ORDINAL;
    }
    return place < p->n_segments ? (uint32_t)place : SL_NO_ORDINAL;
}

/* All instances of one definition have its bytes; imports of a second instance
 * of the component may be anything. */
void sl_data_ctx_bound(sl_data_ctx *ctx, const sl_source *source,
                       sl_segment *segment)
{
    sl_plan *p = ctx->plan;
    uint32_t place = p != NULL && p->source == source ? place_of(p, segment)
                                                      : SL_NO_ORDINAL;
    if (place == SL_NO_ORDINAL ||
        (segment->import.data != NULL && p->segments[place] != NULL))
        return;
    segment->place = place;
    if (p->segments[place] == NULL)
        p->segments[place] = sl_segment_ref(segment);
}

void sl_plan_free(sl_plan *p)
{
    if (p == NULL)
        return;
    sl_loop_unpost(p->ctx->loop, &p->pump);
    for (uint32_t i = 0; p->segments != NULL && i < p->n_segments; i++)
        sl_segment_unref(p->segments[i]);
    sl_map_deinit(&p->names);
    sl_free(p->segments);
    sl_free(p->starts);
    sl_free(p);
}

void sl_data_ctx_loaded(sl_data_ctx *ctx, const sl_segment *segment,
                        uint64_t at, uint64_t len)
{
    if (ctx->on_load != NULL)
        ctx->on_load(ctx->on_load_arg, segment, at, len);
    if (ctx->plan != NULL && segment->place != SL_NO_ORDINAL)
        has_read(ctx->plan, segment->place, at, len);
}

void sl_data_ctx_on_load(sl_data_ctx *ctx,
                         void (*fn)(void *arg, const sl_segment *segment,
                                    uint64_t at, uint64_t len),
                         void *arg)
{
    ctx->on_load = fn;
    ctx->on_load_arg = arg;
}
