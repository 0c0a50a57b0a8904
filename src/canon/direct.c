/* Synchronous calls from one component to another: what canon_lower and
 * canon_lift do one inside the other, on the caller's stack and without a
 * record of the call, since nobody can see one that cannot wait. From the
 * first one on the lowered function is a link, which core code goes through
 * without leaving the interpreter's loop. CanonicalABI.md "canon lower",
 * "canon lift". */
#include "base/utf8.h"
#include "canon/canon_int.h"
#include "canon/move.h"
#include "canon/value_int.h"

static sl_cx caller_context(const canon_pair *pair, sl_arena *arena,
                            sl_subtask *sub)
{
    return (sl_cx){.opts = pair->lower,
                   .inst = pair->lower->inst,
                   .arena = arena,
                   .subtask = sub,
                   .budget = UINT64_MAX};
}

static sl_cx callee_context(const canon_pair *pair, sl_arena *arena,
                            sl_task *task)
{
    return (sl_cx){.opts = pair->lift,
                   .inst = pair->lift->inst,
                   .arena = arena,
                   .task = task,
                   .budget = UINT64_MAX};
}

#define NOINLINE __attribute__((noinline))

static sl_status move_args(const canon_pair *pair, sl_subtask *sub,
                           sl_task *task, const sl_slot *v, sl_slot *flat)
{
    const canon_plan *params = &pair->params;
    if (params->scalars && params->n_flat <= SL_MAX_FLAT_PARAMS)
        return sl_canon_move_slots(params, pair->lift->inst->store, v, flat);
    sl_arena arena;
    sl_arena_init(&arena);
    sl_cx from = caller_context(pair, &arena, sub);
    sl_cx to = callee_context(pair, &arena, task);
    sl_status status =
        sl_canon_move_args(params, &from, SL_MAX_FLAT_PARAMS, v, &to, flat);
    sl_arena_deinit(&arena);
    return status;
}

static sl_status move_result(const canon_pair *pair, sl_subtask *sub,
                             sl_task *task, const sl_slot *flat, sl_slot *v)
{
    const canon_plan *result = &pair->result;
    if (result->scalars && result->n_flat <= SL_MAX_FLAT_RESULTS)
        return sl_canon_move_slots(result, pair->lift->inst->store, flat, v);
    const sl_functype *core = pair->lower->canon->core;
    const sl_slot *out_param =
        core->n_params > 0 ? &v[core->n_params - 1] : NULL;
    sl_arena arena;
    sl_arena_init(&arena);
    sl_cx from = callee_context(pair, &arena, task);
    sl_cx to = caller_context(pair, &arena, sub);
    sl_status status =
        sl_canon_move_result(result, &from, SL_MAX_FLAT_RESULTS, flat, &to,
                             SL_MAX_FLAT_RESULTS, out_param, v);
    sl_arena_deinit(&arena);
    return status;
}

/* may_enter_from and enter_from. */
static inline sl_status enter_instance(const canon_pair *pair)
{
    sl_instance *inst = pair->inst;
    if (pair->alone && inst->may_enter) {
        inst->may_enter = false;
        return SL_OK;
    }
    SL_TRAP_IF(inst->store,
               pair->related || !sl_may_enter_from(inst, pair->caller),
               "cannot enter component instance");
    sl_enter_from(inst, pair->caller);
    return SL_OK;
}

static inline void leave_instance(const canon_pair *pair)
{
    if (pair->alone)
        pair->inst->may_enter = true;
    else
        sl_leave_to(pair->inst, pair->caller);
}

/* --- In steps, with a task that nobody has looked at ---------------------- */

_Static_assert(sizeof(sl_light) <= SL_LINK_STATE * sizeof(sl_slot),
               "a link's state is such a task");

/* A string or a list whose bytes stay what they are: they are copied to where
 * the callee's realloc says. */
typedef struct block {
    const sl_type *type;
    uint32_t slot, unit, align, most; /* `most` units */
} block;

/* One call on the way: of realloc for a block, of the function itself, or of
 * its post-return. */
typedef struct step {
    sl_core_link link; /* first */
    const canon_pair *pair;
    bool first, last;
    bool caller64, callee64; /* addresses of 64 bits */
    uint32_t out;            /* the caller's argument for a result in memory */
    block block;
} step;

static const step *step_of(const sl_core_link *link)
{
    return (const step *)(const void *)link;
}

static bool may_begin(const canon_pair *pair)
{
    return pair->alone && pair->inst->may_enter && pair->caller->may_leave;
}

/* What comes first in the first step. */
static sl_status begin(const canon_pair *pair)
{
    SL_TRAP_UNLESS_MAY_LEAVE(pair->caller);
    return enter_instance(pair);
}

/* What comes last in the last one. */
static sl_status end(sl_core_thread *core, const canon_pair *pair,
                     sl_light *light, sl_status status)
{
    status = sl_light_end(core, light, status);
    if (status == SL_OK)
        leave_instance(pair);
    return status;
}

static void abandon(sl_core_thread *core, const sl_core_link *link, void *state,
                    sl_status status)
{
    (void)link;
    (void)sl_light_end(core, state, status);
}

/* --- Blocks --------------------------------------------------------------- */

static bool is_block(const canon_pair *pair, const sl_type *type)
{
    if (type->kind == SL_T_STRING)
        return pair->lower->canon->opts.encoding == SL_UTF8 &&
               pair->lift->canon->opts.encoding == SL_UTF8;
    return type->kind == SL_T_LIST && type->of.list.len == 0 &&
           sl_type_is_number(type->of.list.elem);
}

static block block_of(const canon_leaf *leaf)
{
    const sl_type *type = leaf->from;
    if (type->kind == SL_T_STRING)
        return (block){type, leaf->slot, 1, 1, MAX_BYTE_LENGTH};
    sl_layout elem = type->of.list.elem->layout[0];
    return (block){type, leaf->slot, elem.size, elem.align,
                   (uint32_t)(MAX_BYTE_LENGTH / elem.size)};
}

static inline uint64_t pointer(bool is64, const sl_slot *slot)
{
    return is64 ? slot->i64 : slot->i32;
}

/* Where a block lies that the caller passes, checked; NULL: it does not. */
static const uint8_t *source(const canon_pair *pair, const block *b,
                             uint64_t ptr, uint64_t n)
{
    if (n > b->most || !is_aligned(ptr, b->align))
        return NULL;
    return sl_memory_at(pair->lower->memory, ptr, n * b->unit);
}

static sl_status bad_block(const canon_pair *pair, const block *b, uint64_t ptr,
                           uint64_t n)
{
    sl_cx cx = caller_context(pair, NULL, NULL);
    sl_val view;
    if (b->type->kind == SL_T_STRING)
        return sl_cx_view_string(&cx, ptr, n, &view);
    return sl_cx_check_list(&cx, ptr, n, b->type->of.list.elem->layout[0]);
}

static sl_status enter_block(sl_core_thread *core, const sl_core_link *link,
                             void *state, sl_slot *args, sl_slot *to)
{
    const step *s = step_of(link);
    const canon_pair *pair = s->pair;
    const block *b = &s->block;
    uint64_t ptr = pointer(s->caller64, &args[b->slot]);
    uint64_t n = pointer(s->caller64, &args[b->slot + 1]);
    sl_status status = s->first ? begin(pair) : SL_OK;
    if (status != SL_OK)
        return status;
    const uint8_t *at = source(pair, b, ptr, n);
    if (at == NULL ||
        (b->type->kind == SL_T_STRING && !sl_utf8_valid(at, (size_t)n)))
        return bad_block(pair, b, ptr, n);
    to[0].i64 = to[1].i64 = 0;
    to[2].i64 = b->align;
    to[3].i64 = n * b->unit;
    status = sl_light_begin(core, state, &pair->unseen);
    if (status == SL_OK)
        pair->inst->may_leave = false;
    return status;
}

static sl_status leave_block(sl_core_thread *core, const sl_core_link *link,
                             void *state, sl_slot *args, const sl_slot *results)
{
    const step *s = step_of(link);
    const canon_pair *pair = s->pair;
    const block *b = &s->block;
    uint64_t from = pointer(s->caller64, &args[b->slot]);
    uint64_t n = pointer(s->caller64, &args[b->slot + 1]);
    uint64_t ptr = pointer(s->callee64, &results[0]);
    sl_status status = sl_light_end(core, state, SL_OK);
    if (status != SL_OK)
        return status;
    pair->inst->may_leave = true;
    const uint8_t *src = source(pair, b, from, n);
    uint8_t *dst = sl_memory_at(pair->lift->memory, ptr, n * b->unit);
    if (src == NULL || dst == NULL || !is_aligned(ptr, b->align))
        return sl_cx_check_room(pair->lift, ptr, b->align, n * b->unit);
    memmove(dst, src, (size_t)(n * b->unit));
    if (b->type->kind == SL_T_LIST)
        sl_canonicalize_numbers(dst, b->type->of.list.elem->kind, n);
    args[b->slot].i64 = ptr;
    args[b->slot + 1].i64 = n;
    return SL_OK;
}

/* --- The function itself -------------------------------------------------- */

static sl_status enter_values(sl_core_thread *core, const sl_core_link *link,
                              void *state, sl_slot *args, sl_slot *to)
{
    const step *s = step_of(link);
    const canon_pair *pair = s->pair;
    sl_subtask sub; /* nothing is lent */
    sl_status status = s->first ? begin(pair) : SL_OK;
    if (status == SL_OK)
        status = sl_light_begin(core, state, &pair->kind);
    if (status != SL_OK)
        return status;
    status = s->first ? move_args(pair, &sub, NULL, args, to)
                      : sl_canon_move_slots(&pair->params, pair->inst->store,
                                            args, to);
    return status == SL_OK ? SL_OK : sl_light_end(core, state, status);
}

static sl_status leave_values(sl_core_thread *core, const sl_core_link *link,
                              void *state, sl_slot *args,
                              const sl_slot *results)
{
    const step *s = step_of(link);
    sl_subtask sub;
    sl_status status = move_result(s->pair, &sub, NULL, results, args);
    if (status == SL_OK && !s->last)
        return SL_OK;
    return end(core, s->pair, state, status);
}

/* Core values, all of them or what is left when the blocks are where they
 * belong. Mostly nothing stands in their way. */
static inline bool begin_flat(sl_core_thread *core, const step *s, void *state)
{
    const canon_pair *pair = s->pair;
    sl_instance *inst = pair->inst;
    if ((s->first && !may_begin(pair)) || !sl_light_has_room(&pair->kind))
        return false;
    inst->may_enter = false;
    sl_light_put(core, state, &pair->kind);
    return true;
}

/* Those that are only copied. */
static sl_status enter_flat(sl_core_thread *core, const sl_core_link *link,
                            void *state, sl_slot *args, sl_slot *to)
{
    const step *s = step_of(link);
    uint32_t n = s->pair->params.n_flat;
    if (!begin_flat(core, s, state))
        return enter_values(core, link, state, args, to);
    for (uint32_t i = 0; i < n; i++)
        to[i].i64 = args[i].i64;
    return SL_OK;
}

/* Others, with chars among them that may be none. */
static sl_status enter_scalars(sl_core_thread *core, const sl_core_link *link,
                               void *state, sl_slot *args, sl_slot *to)
{
    const step *s = step_of(link);
    const canon_pair *pair = s->pair;
    if (!begin_flat(core, s, state))
        return enter_values(core, link, state, args, to);
    sl_status status =
        sl_canon_move_slots(&pair->params, pair->inst->store, args, to);
    return status == SL_OK ? SL_OK : sl_light_end(core, state, status);
}

static NOINLINE sl_status check_result(sl_core_thread *core,
                                       const canon_pair *pair, void *state,
                                       sl_slot *args, const sl_slot *results)
{
    sl_status status =
        sl_canon_move_slots(&pair->result, pair->inst->store, results, args);
    return end(core, pair, state, status);
}

static sl_status leave_flat(sl_core_thread *core, const sl_core_link *link,
                            void *state, sl_slot *args, const sl_slot *results)
{
    const canon_pair *pair = step_of(link)->pair;
    sl_light *light = state;
    if (light->mark.seen != NULL || !pair->alone || !pair->result.copies)
        return check_result(core, pair, state, args, results);
    if (pair->result.n_flat != 0)
        args[0].i64 = results[0].i64;
    pair->inst->may_enter = true;
    return sl_light_end(core, light, SL_OK);
}

/* What is wrong with a result in memory. */
static NOINLINE sl_status check_memory(const canon_pair *pair, sl_slot *args,
                                       const sl_slot *results)
{
    sl_subtask sub; /* nothing is lent */
    return move_result(pair, &sub, NULL, results, args);
}

static inline bool is_inside(const sl_memory *memory, uint64_t ptr,
                             uint64_t len)
{
    return ptr <= memory->size && len <= memory->size - ptr;
}

/* Scalars from one memory to the other: both sides have one when there is a
 * result in memory. */
static inline sl_status move_bytes(const step *s, sl_slot *args,
                                   const sl_slot *results)
{
    const canon_pair *pair = s->pair;
    const canon_plan *plan = &pair->result;
    uint64_t from = pointer(s->callee64, results);
    uint64_t to = pointer(s->caller64, &args[s->out]);
    uint32_t size = plan->layout[0].size, align = plan->layout[0].align;
    const sl_memory *src = pair->lift->memory, *dst = pair->lower->memory;
    if (!is_inside(src, from, size) || !is_inside(dst, to, size) ||
        !is_aligned(from | to, align))
        return check_memory(pair, args, results);
    return sl_canon_move_bytes(plan, pair->inst->store, src->base + from,
                               dst->base + to);
}

static sl_status leave_bytes(sl_core_thread *core, const sl_core_link *link,
                             void *state, sl_slot *args, const sl_slot *results)
{
    const step *s = step_of(link);
    return end(core, s->pair, state, move_bytes(s, args, results));
}

/* --- Post-return: the callee's results are its parameters ----------------- */

static sl_status enter_post_return(sl_core_thread *core,
                                   const sl_core_link *link, void *state,
                                   sl_slot *args, sl_slot *to)
{
    (void)core, (void)state, (void)args, (void)to;
    step_of(link)->pair->inst->may_leave = false;
    return SL_OK;
}

static sl_status leave_post_return(sl_core_thread *core,
                                   const sl_core_link *link, void *state,
                                   sl_slot *args, const sl_slot *results)
{
    const canon_pair *pair = step_of(link)->pair;
    (void)args, (void)results;
    pair->inst->may_leave = true;
    return end(core, pair, state, SL_OK);
}

/* --- The chain ------------------------------------------------------------ */

/* How many of the arguments are blocks; none when there are others than blocks
 * and scalars, for which everything goes by enter_values. */
static uint32_t count_blocks(const canon_pair *pair)
{
    const canon_plan *params = &pair->params;
    uint32_t n = 0;
    if (params->n_flat > SL_MAX_FLAT_PARAMS || pair->lift->realloc == NULL)
        return 0;
    for (uint32_t i = 0; i < params->n_leaves; i++) {
        const canon_leaf *leaf = &params->leaves[i];
        bool blocks = is_block(pair, leaf->from);
        if (!blocks && !sl_canon_is_scalar(leaf->from))
            return 0;
        n += blocks;
    }
    return n;
}

static sl_core_link link_for_result(const canon_pair *pair)
{
    const canon_plan *result = &pair->result;
    sl_core_link link = {.callee = pair->lift->core,
                         .enter = enter_values,
                         .leave = leave_values,
                         .abandon = abandon};
    if (!result->scalars || pair->lift->post_return != NULL)
        return link;
    link.leave =
        result->n_flat <= SL_MAX_FLAT_RESULTS ? leave_flat : leave_bytes;
    return link;
}

static step *add_blocks(const canon_pair *pair, step *s)
{
    const canon_plan *params = &pair->params;
    for (uint32_t i = 0; i < params->n_leaves; i++) {
        const canon_leaf *leaf = &params->leaves[i];
        if (!is_block(pair, leaf->from))
            continue;
        s->link = (sl_core_link){.callee = pair->lift->realloc,
                                 .enter = enter_block,
                                 .leave = leave_block,
                                 .abandon = abandon};
        s++->block = block_of(leaf);
    }
    return s;
}

static sl_core_link link_for_call(const canon_pair *pair, bool blocks)
{
    const canon_plan *params = &pair->params;
    sl_core_link link = link_for_result(pair);
    if (blocks || (params->scalars && params->n_flat <= SL_MAX_FLAT_PARAMS))
        link.enter = params->copies ? enter_flat : enter_scalars;
    return link;
}

/* The loop's own part of one call with nothing but scalars. */
static sl_status put_scalars(const sl_core_link *link, sl_slot *args,
                             sl_slot *to)
{
    const canon_pair *pair = step_of(link)->pair;
    return sl_canon_move_slots(&pair->params, pair->inst->store, args, to);
}

static sl_status take_scalar(const sl_core_link *link, sl_slot *args,
                             const sl_slot *results)
{
    const canon_pair *pair = step_of(link)->pair;
    return sl_canon_move_slots(&pair->result, pair->inst->store, results, args);
}

static sl_status take_bytes(const sl_core_link *link, sl_slot *args,
                            const sl_slot *results)
{
    return move_bytes(step_of(link), args, results);
}

static void make_plain(const canon_pair *pair, sl_core_link *link)
{
    const canon_plan *params = &pair->params, *result = &pair->result;
    if (!pair->alone || !params->scalars || !result->scalars ||
        params->n_flat > SL_MAX_FLAT_PARAMS)
        return;
    link->may_leave = &pair->caller->may_leave;
    link->may_enter = &pair->inst->may_enter;
    link->kind = &pair->kind;
    link->n_params = params->n_flat;
    link->n_results = result->n_flat;
    if (!params->copies)
        link->put = put_scalars;
    if (result->n_flat > SL_MAX_FLAT_RESULTS)
        link->take = take_bytes;
    else if (!result->copies)
        link->take = take_scalar;
}

/* What is the same in all steps, and their order. */
static void finish_steps(const canon_pair *pair, step *steps, uint32_t n)
{
    uint32_t n_params = pair->lower->canon->core->n_params;
    for (uint32_t i = 0; i < n; i++) {
        step *s = &steps[i];
        s->pair = pair;
        s->caller64 = pair->lower->canon->opts.is64;
        s->callee64 = pair->lift->canon->opts.is64;
        s->out = n_params != 0 ? n_params - 1 : 0;
        s->first = i == 0;
        s->last = i + 1 == n;
        s->link.next = s->last ? NULL : &steps[i + 1].link;
    }
}

/* The calls that one call becomes; NULL: out of memory. */
static const sl_core_link *make_steps(canon_pair *pair)
{
    uint32_t n = count_blocks(pair);
    step *steps = sl_arena_array(&pair->caller->arena, step, (size_t)n + 2);
    if (steps == NULL || sl_light_keep(pair->inst) != SL_OK)
        return NULL;
    pair->kind.kept = true;
    step *s = n != 0 ? add_blocks(pair, steps) : steps;
    s++->link = link_for_call(pair, n != 0);
    if (pair->lift->post_return != NULL)
        s++->link = (sl_core_link){.callee = pair->lift->post_return,
                                   .enter = enter_post_return,
                                   .leave = leave_post_return,
                                   .abandon = abandon};
    finish_steps(pair, steps, (uint32_t)(s - steps));
    if (steps->last)
        make_plain(pair, &steps->link);
    return &steps->link;
}

/* --- With a task ---------------------------------------------------------- */

typedef struct direct {
    const canon_pair *pair;
    sl_slot *v;     /* the caller's: arguments, then the result */
    sl_subtask sub; /* counts what is lent, no more */
} direct;

static sl_status thread_func(sl_thread *thread, void *arg)
{
    direct *d = arg;
    sl_task *task = thread->task;
    const sl_canon_fn *lift = d->pair->lift;
    sl_slot flat[SL_MAX_FLAT_PARAMS + 1];

    sl_status status = sl_task_entered(task);
    task->state = SL_TASK_STARTED;
    if (status == SL_OK)
        status = move_args(d->pair, &d->sub, task, d->v, flat);
    if (status == SL_OK)
        status = sl_core_call(thread->core, lift->core, flat);
    if (status == SL_OK)
        status = sl_task_may_resolve(task);
    if (status == SL_OK)
        status = move_result(d->pair, &d->sub, task, flat, d->v);
    if (status != SL_OK)
        return status;
    task->state = SL_TASK_RESOLVED;
    if (lift->post_return != NULL)
        status = sl_canon_post_return(thread->core, lift, flat);
    return status == SL_OK ? sl_task_exit_implicit_thread(task) : status;
}

/* The callee's task may be asked for borrows: it exists. */
static sl_status call_with_task(const canon_pair *pair, sl_slot *v)
{
    const sl_canon_fn *lift = pair->lift;
    sl_store *store = lift->inst->store;
    direct d = {.pair = pair, .v = v};
    sl_status status = enter_instance(pair);
    if (status != SL_OK)
        return status;
    sl_task *task = sl_task_new(lift->canon->type, lift, lift->inst, NULL,
                                thread_func, &store->trap.err);
    if (task == NULL)
        return store->trap.err.code;
    task->implicit_thread->arg = &d;
    status = sl_task_run_sync(task);
    sl_subtask_return_lends(&d.sub);
    if (status == SL_OK)
        leave_instance(pair);
    return status;
}

/* -------------------------------------------------------------------------- */

sl_status sl_canon_call_direct(sl_core_thread *core, canon_pair *pair,
                               sl_slot *v)
{
    if (!pair->light)
        return call_with_task(pair, v);
    const sl_core_link *link = make_steps(pair);
    if (link == NULL)
        return sl_fail(&pair->inst->store->trap.err, SL_ENOMEM, SL_ERR_NO_PLACE,
                       "out of memory");
    sl_core_func_link(core->store, pair->lower->core, link);
    return SL_OK;
}
