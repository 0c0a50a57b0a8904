/* Canonical definitions made runnable: indices become the objects of one
 * instance. CanonicalABI.md "Canonical Definitions". */
#include "canon/canon.h"

/* Not a core function: sl_canon_lift stands for it. */
#define sl_canon_LIFT NULL

static const sl_core_host_fn builtin[SL_N_CANONS] = {
#define CANON(id, code, text, immediates, signature, feature)                  \
    [SL_CANON_##id] = sl_canon_##id,
#include "component/canon.def"
#undef CANON
};

static sl_core_func *core_func(sl_instance *inst, uint32_t index)
{
    if (index == SL_NO_INDEX)
        return NULL;
    return sl_instance_item(inst, SL_SORT_CORE_FUNC, index)->of.core_func;
}

static sl_memory *memory(sl_instance *inst, uint32_t index)
{
    if (index == SL_NO_INDEX)
        return NULL;
    return sl_instance_item(inst, SL_SORT_CORE_MEMORY, index)->of.core_memory;
}

static void resolve_opts(sl_canon_fn *fn)
{
    const sl_canon_opts *opts = &fn->canon->opts;
    fn->memory = memory(fn->inst, opts->memory);
    fn->realloc = core_func(fn->inst, opts->realloc);
    fn->post_return = core_func(fn->inst, opts->post_return);
    fn->callback = core_func(fn->inst, opts->callback);
}

/* What each immediate of the row refers to. */
static void resolve_immediates(sl_canon_fn *fn)
{
    sl_instance *inst = fn->inst;
    const sl_canon *canon = fn->canon;
    for (const char *imm = sl_canons[canon->kind].imms; *imm; imm++)
        switch (*imm) {
        case 'F':
            fn->core = core_func(inst, canon->func);
            break;
        case 'f':
            fn->func =
                sl_instance_item(inst, SL_SORT_FUNC, canon->func)->of.func;
            break;
        case 'o':
            resolve_opts(fn);
            break;
        case 'm':
            fn->memory = memory(inst, canon->memory);
            break;
        case 'd':
            fn->segment = sl_instance_item(inst, SL_SORT_CORE_DATA, canon->data)
                              ->of.segment;
            break;
        case 't':
            fn->table = sl_instance_item(inst, SL_SORT_CORE_TABLE, canon->table)
                            ->of.core_table;
            break;
        default:
            break;
        }
}

sl_status sl_canon_resolve(sl_instance *inst, const sl_canon *canon,
                           sl_canon_fn **out, sl_err *err)
{
    sl_canon_fn *fn = sl_arena_new(&inst->arena, sl_canon_fn);
    if (fn == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    fn->inst = inst;
    fn->canon = canon;
    resolve_immediates(fn);
    *out = fn;
    return SL_OK;
}

sl_status sl_canon_make_func(sl_canon_fn *fn, sl_funcinst **out, sl_err *err)
{
    sl_funcinst *func = sl_arena_new(&fn->inst->arena, sl_funcinst);
    if (func == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    func->type = fn->canon->type;
    func->invoke = sl_canon_lift;
    func->inst = fn->inst;
    func->ctx = fn;
    *out = func;
    return SL_OK;
}

sl_status sl_canon_make_core_func(sl_canon_fn *fn, sl_core_func **out,
                                  sl_err *err)
{
    *out = sl_core_func_new_host(fn->inst->store->core, fn->canon->core,
                                 builtin[fn->canon->kind], fn, err);
    fn->core = *out;
    return *out != NULL ? SL_OK : err->code;
}
