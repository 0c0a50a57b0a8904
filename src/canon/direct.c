/* Synchronous calls from one component to another: what canon_lower and
 * canon_lift do one inside the other, on the caller's stack and without a
 * record of the call, since nobody can see one that cannot wait. After the
 * first one the lowered function is a link, which core code goes through
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

static sl_status move_args(const canon_pair *pair, sl_subtask *sub,
                           sl_task *task, const sl_slot *v, sl_slot *flat)
{
    const canon_plan *params = &pair->params;
    if (params->scalars && params->n_flat <= SL_MAX_FLAT_PARAMS)
        return canon_move_scalars(params, pair->lift->inst->store, v, flat);
    sl_arena arena;
    sl_arena_init(&arena);
    sl_cx from = caller_context(pair, &arena, sub);
    sl_cx to = callee_context(pair, &arena, task);
    sl_status status =
        canon_move_args(params, &from, SL_MAX_FLAT_PARAMS, v, &to, flat);
    sl_arena_deinit(&arena);
    return status;
}

static sl_status move_result(const canon_pair *pair, sl_subtask *sub,
                             sl_task *task, const sl_slot *flat, sl_slot *v)
{
    const canon_plan *result = &pair->result;
    if (result->scalars && result->n_flat <= SL_MAX_FLAT_RESULTS)
        return canon_move_scalars(result, pair->lift->inst->store, flat, v);
    const sl_functype *core = pair->lower->canon->core;
    const sl_slot *out_param =
        core->n_params > 0 ? &v[core->n_params - 1] : NULL;
    sl_arena arena;
    sl_arena_init(&arena);
    sl_cx from = callee_context(pair, &arena, task);
    sl_cx to = caller_context(pair, &arena, sub);
    sl_status status =
        canon_move_result(result, &from, SL_MAX_FLAT_RESULTS, flat, &to,
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

/* --- In steps, with a task that nobody has looked at -----------------------
 */

_Static_assert(sizeof(sl_light) <= SL_LINK_STATE * sizeof(sl_slot),
               "a link's state is such a task");

/* A string or a list whose bytes stay what they are: they are copied to where
 * the callee's realloc says. */
typedef struct block {
    const sl_type *type;
    uint32_t slot, unit, align;
} block;

/* One call on the way: of realloc for a block, of the function itself, or of
 * its post-return. */
typedef struct step {
    sl_core_link link; /* first */
    const canon_pair *pair;
    bool first, last;
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
        return (block){type, leaf->slot, 1, 1};
    sl_layout elem = type->of.list.elem->layout[0];
    return (block){type, leaf->slot, elem.size, elem.align};
}

static uint64_t pointer(const sl_canon_fn *opts, const sl_slot *slot)
{
    return opts->canon->opts.is64 ? slot->i64 : slot->i32;
}

/* Where a block lies that the caller passes, checked; NULL: it does not. */
static const uint8_t *source(const canon_pair *pair, const block *b,
                             uint64_t ptr, uint64_t n)
{
    if (n > MAX_BYTE_LENGTH / b->unit || !is_aligned(ptr, b->align))
        return NULL;
    return sl_memory_at(pair->lower->memory, ptr, n * b->unit);
}

static sl_status bad_block(const canon_pair *pair, const block *b, uint64_t ptr,
                           uint64_t n)
{
    sl_cx cx = caller_context(pair, NULL, NULL);
    sl_val view;
    if (b->type->kind == SL_T_STRING)
        return cx_view_string(&cx, ptr, n, &view);
    return cx_check_list(&cx, ptr, n, b->type->of.list.elem->layout[0]);
}

static sl_status enter_block(sl_core_thread *core, const sl_core_link *link,
                             void *state, sl_slot *args, sl_slot *to)
{
    const step *s = step_of(link);
    const canon_pair *pair = s->pair;
    const block *b = &s->block;
    uint64_t ptr = pointer(pair->lower, &args[b->slot]);
    uint64_t n = pointer(pair->lower, &args[b->slot + 1]);
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
    status = sl_light_begin(core, state, pair->inst, NULL, NULL);
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
    uint64_t from = pointer(pair->lower, &args[b->slot]);
    uint64_t n = pointer(pair->lower, &args[b->slot + 1]);
    uint64_t ptr = pointer(pair->lift, &results[0]);
    sl_status status = sl_light_end(core, state, SL_OK);
    if (status != SL_OK)
        return status;
    pair->inst->may_leave = true;
    const uint8_t *src = source(pair, b, from, n);
    uint8_t *dst = sl_memory_at(pair->lift->memory, ptr, n * b->unit);
    if (src == NULL || dst == NULL || !is_aligned(ptr, b->align))
        return cx_check_room(pair->lift, ptr, b->align, n * b->unit);
    memmove(dst, src, (size_t)(n * b->unit));
    if (b->type->kind == SL_T_LIST)
        canonicalize_numbers(dst, b->type->of.list.elem->kind, n);
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
        status =
            sl_light_begin(core, state, pair->inst, pair->type, pair->lift);
    if (status != SL_OK)
        return status;
    status = s->first ? move_args(pair, &sub, NULL, args, to)
                      : canon_move_scalars(&pair->params, pair->inst->store,
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

static sl_status fix_args(sl_core_thread *core, const canon_pair *pair,
                          void *state, sl_slot *to)
{
    sl_status status = canon_fix_slots(&pair->params, pair->inst->store, to);
    return status == SL_OK ? SL_OK : sl_light_end(core, state, status);
}

/* Core values, all of them or what is left when the blocks are where they
 * belong. Mostly nothing stands in their way. */
static sl_status enter_flat(sl_core_thread *core, const sl_core_link *link,
                            void *state, sl_slot *args, sl_slot *to)
{
    const step *s = step_of(link);
    const canon_pair *pair = s->pair;
    sl_instance *inst = pair->inst;
    if ((s->first && !may_begin(pair)) || !sl_light_has_room(inst))
        return enter_values(core, link, state, args, to);
    inst->may_enter = false;
    sl_light_put(core, state, inst, pair->type, pair->lift);
    canon_copy_slots(&pair->params, args, to);
    return pair->params.n_flat_fixes == 0 ? SL_OK
                                          : fix_args(core, pair, state, to);
}

static sl_status fix_result(sl_core_thread *core, const canon_pair *pair,
                            void *state, sl_slot *args)
{
    sl_status status = canon_fix_slots(&pair->result, pair->inst->store, args);
    return end(core, pair, state, status);
}

static sl_status leave_flat(sl_core_thread *core, const sl_core_link *link,
                            void *state, sl_slot *args, const sl_slot *results)
{
    const canon_pair *pair = step_of(link)->pair;
    sl_light *light = state;
    canon_copy_slots(&pair->result, results, args);
    if (light->thread != NULL || !pair->alone || pair->result.n_flat_fixes != 0)
        return fix_result(core, pair, state, args);
    pair->inst->may_enter = true;
    return sl_light_end(core, light, SL_OK);
}

/* Scalars from one memory to the other. */
static sl_status leave_bytes(sl_core_thread *core, const sl_core_link *link,
                             void *state, sl_slot *args, const sl_slot *results)
{
    const canon_pair *pair = step_of(link)->pair;
    const canon_plan *plan = &pair->result;
    uint64_t from = pointer(pair->lift, results);
    uint64_t to =
        pointer(pair->lower, &args[pair->lower->canon->core->n_params - 1]);
    uint32_t size = plan->layout[0].size, align = plan->layout[0].align;
    const uint8_t *src = sl_memory_at(pair->lift->memory, from, size);
    uint8_t *dst = sl_memory_at(pair->lower->memory, to, size);
    if (src == NULL || dst == NULL || !is_aligned(from | to, align))
        return leave_values(core, link, state, args, results);
    return end(core, pair, state,
               canon_move_bytes(plan, pair->inst->store, src, dst));
}

/* --- Post-return: the callee's results are its parameters ------------------
 */

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
        if (!blocks && !canon_is_scalar(leaf->from))
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

/* The calls that one call becomes; NULL: out of memory. */
static const sl_core_link *make_steps(const canon_pair *pair)
{
    uint32_t n_blocks = count_blocks(pair), n = n_blocks + 1;
    bool cleans = pair->lift->post_return != NULL;
    step *steps =
             sl_arena_array(&pair->caller->arena, step, (size_t)n + cleans),
         *s;
    if (steps == NULL)
        return NULL;
    s = n_blocks != 0 ? add_blocks(pair, steps) : steps;
    s->link = link_for_result(pair);
    if (n_blocks != 0 ||
        (pair->params.scalars && pair->params.n_flat <= SL_MAX_FLAT_PARAMS))
        s->link.enter = enter_flat;
    if (cleans)
        steps[n++].link = (sl_core_link){.callee = pair->lift->post_return,
                                         .enter = enter_post_return,
                                         .leave = leave_post_return,
                                         .abandon = abandon};
    for (uint32_t i = 0; i < n; i++) {
        steps[i].pair = pair;
        steps[i].first = i == 0;
        steps[i].last = i + 1 == n;
        steps[i].link.next = i + 1 < n ? &steps[i + 1].link : NULL;
    }
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
        status = canon_post_return(thread->core, lift, flat);
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

sl_status canon_call_direct(sl_core_thread *core, const canon_pair *pair,
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
