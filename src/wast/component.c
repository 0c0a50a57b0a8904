/* Components in scripts: definitions, instances and actions. Every instance
 * gets a store of its own, so that one trap does not spoil the next test; all
 * stores of a file share a loop. */
#include "wast/wast_int.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "canon/canon.h"
#include "link/linker.h"
#include "link/value.h"
#include "text/script_val.h"
#include "wast/backing.h"

/* A definition: valid with every feature there is; `runs` is the same with
 * those this runtime runs, made when it is first instantiated. */
typedef struct definition {
    sl_source *source;
    sl_component *valid, *runs;
} definition;

typedef struct running {
    sl_store *store;
    sl_instance *inst;
} running;

struct wast_components {
    sl_loop *loop;
    wast_backings *backings; /* NULL until used */
    SL_VEC(definition *) definitions;
    SL_VEC(running *) running;
};

static wast_outcome no_memory(wast *w)
{
    return wast_fail(w, "out of memory");
}

static struct wast_components *components_of(wast *w)
{
    if (w->components != NULL)
        return w->components;
    sl_err err = {0};
    struct wast_components *all = sl_calloc(1, sizeof *all);
    if (all == NULL)
        return NULL;
    all->loop = sl_loop_new(NULL, &err);
    if (all->loop == NULL) {
        sl_free(all);
        return NULL;
    }
    return w->components = all;
}

wast_backings *wast_backings_of(wast *w, sl_err *err)
{
    struct wast_components *all = components_of(w);
    if (all == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    if (all->backings == NULL)
        all->backings = wast_backings_new(all->loop, w->options->backing,
                                          w->options->seed, err);
    return all->backings;
}

/* --- Definitions ---------------------------------------------------------- */

static void free_definition(definition *d)
{
    sl_component_free(d->valid);
    sl_component_free(d->runs);
    sl_source_unref(d->source);
    sl_free(d);
}

static sl_component *decode(wast *w, sl_source *source, sl_features features,
                            sl_err *err)
{
    sl_core_features core = w->features;
    sl_component_options options = {.features = features, .core = &core};
    return sl_component_decode(source, &options, err);
}

/* What is gated is valid all the same, but for data imports of core modules: of
 * them scripts say that they are not, unless the head switches them on
 * (docs/data-segments.md, section 4). */
static sl_features all_features(const wast *w)
{
    sl_features all = 0;
    for (int f = 0; f < SL_N_FEATURES; f++)
        all |= SL_FEATURE_BIT(f);
    return (all & ~SL_FEATURE_BIT(SL_FEATURE_CORE_DATA)) | w->gates;
}

static definition *make_definition(wast *w, const sl_buf *bytes, sl_err *err)
{
    definition *d = sl_calloc(1, sizeof *d);
    struct wast_components *all = components_of(w);
    if (d == NULL || all == NULL) {
        sl_free(d);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    d->source = sl_source_buffer(bytes->data, bytes->len, true, err);
    if (d->source != NULL)
        d->valid = decode(w, d->source, all_features(w), err);
    if (d->valid != NULL && !sl_vec_push(&all->definitions, d))
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    if (err->code == SL_OK)
        return d;
    free_definition(d);
    return NULL;
}

/* Parses and validates the form the cursor stands on. */
static definition *load(wast *w, sl_cursor c, bool is_text, wast_outcome *trip,
                        sl_err *err)
{
    sl_buf bytes = {0};
    definition *d = NULL;
    c.err = err;
    if (sl_parse_component(&c, &bytes))
        d = make_definition(w, &bytes, err);
    *trip = WAST_PASS;
    if (d != NULL && w->options->round_trip)
        *trip = wast_round_trip(w, sl_print_component, &bytes, is_text);
    sl_buf_deinit(&bytes);
    return d;
}

/* --- Instances ------------------------------------------------------------ */

static sl_store *make_store(wast *w, sl_err *err)
{
    sl_store_limits limits = sl_store_limits_default();
    if (w->options->tight)
        limits.core = wast_limits_tight;
    sl_store *store = sl_store_new(w->components->loop, &limits, err);
    if (store == NULL)
        return NULL;
    store->seed = w->options->seed;
    if (w->options->tight)
        sl_store_set_deadline(store, w->deadline_ns);
    sl_data_ctx_schedule(store->data, w->options->seed);
    wast_backings *backings = wast_backings_of(w, err);
    if (backings != NULL &&
        wast_backings_bind(backings, store->data, err) == SL_OK)
        return store;
    sl_store_free(store);
    return NULL;
}

static sl_status instantiate(wast *w, definition *d, running **out, sl_err *err)
{
    if (d->runs == NULL)
        d->runs =
            decode(w, d->source, sl_features_default() | w->gates, err);
    if (d->runs == NULL)
        return err->code;
    running *r = sl_calloc(1, sizeof *r);
    if (r != NULL && !sl_vec_push(&w->components->running, r)) {
        sl_free(r);
        r = NULL;
    }
    if (r == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    r->store = make_store(w, err);
    if (r->store == NULL)
        return err->code;
    *out = r;
    return sl_linker_instantiate(NULL, r->store, d->runs, &r->inst, err);
}

/* The suite writes the messages of one engine; ours are without its frame. */
static sl_name plain_message(sl_name message)
{
    static const char frame[] = "wasm trap: ";
    size_t len = sizeof frame - 1;
    if (message.len >= len && memcmp(message.data, frame, len) == 0) {
        message.data += len;
        message.len -= len;
    }
    if (sl_name_is(message, "wasm `unreachable` instruction executed"))
        return SL_NAME("unreachable");
    return message;
}

static wast_outcome bind_instance(wast *w, sl_name id, wast_thing thing)
{
    w->current = thing;
    if (id.data != NULL && !wast_bind(&w->instances, id, thing))
        return no_memory(w);
    return WAST_PASS;
}

static wast_outcome bind_definition(wast *w, sl_name id, wast_thing thing)
{
    w->last_definition = thing;
    if (id.data != NULL && !wast_bind(&w->definitions, id, thing))
        return no_memory(w);
    return WAST_PASS;
}

static wast_outcome run_instance(wast *w, definition *d, sl_name id,
                                 wast_want want, sl_name message)
{
    sl_err err = {0};
    running *r = NULL;
    sl_status status = instantiate(w, d, &r, &err);
    if (want == WAST_WANT_OK) {
        wast_thing thing = {WAST_COMPONENT_INSTANCE, {.component = r}};
        if (status != SL_OK)
            thing.kind =
                status == SL_EUNSUPPORTED ? WAST_SKIPPED : WAST_NOTHING;
        if (bind_instance(w, id, thing) != WAST_PASS)
            return WAST_FAIL;
    }
    return wast_judge(w, want, plain_message(message), status, err.msg);
}

/* --- Forms ---------------------------------------------------------------- */

/* (component instance $instance? $definition?) behind `instance`. */
static wast_outcome run_instance_form(wast *w, sl_cursor *c, wast_want want,
                                      sl_name message)
{
    sl_name instance = sl_take_id(c), name = sl_take_id(c);
    if (name.data == NULL) {
        name = instance;
        instance = (sl_name){0};
    }
    wast_thing from = name.data != NULL ? wast_find(&w->definitions, name)
                                        : w->last_definition;
    if (from.kind == WAST_SKIPPED) {
        bind_instance(w, instance, from);
        return wast_skip(w, "instance of a skipped component");
    }
    if (from.kind != WAST_COMPONENT)
        return wast_fail(w, "unknown component definition");
    return run_instance(w, from.of.component, instance, want, message);
}

/* What stands behind `(component`. */
typedef struct component_head {
    bool is_definition, is_instance, is_text;
    sl_name id;
} component_head;

static component_head read_head(sl_cursor c, sl_cursor *behind)
{
    component_head head = {0};
    c.pos += 2;
    head.is_definition = sl_take_keyword(&c, "definition");
    head.is_instance = !head.is_definition && sl_take_keyword(&c, "instance");
    if (!head.is_instance)
        head.id = sl_take_id(&c);
    head.is_text = !sl_at_keyword(&c, "binary");
    *behind = c;
    return head;
}

/* The official suite knows nothing of core:data and forwarding: their codes are
 * free there, but not in scripts that say `data = true`, `forward = true`. */
static sl_features unknown_features(const wast *w)
{
    sl_features out = w->gates & SL_FEATURE_BIT(SL_FEATURE_FORWARD)
                          ? 0
                          : SL_FEATURE_BIT(SL_FEATURE_FORWARD);
    return w->has_data ? out : out | SL_FEATURE_BIT(SL_FEATURE_DATA);
}

static wast_outcome judge_unknown(wast *w, sl_cursor c, wast_want want,
                                       sl_name message)
{
    sl_err err = {0};
    sl_buf bytes = {0};
    c.err = &err;
    if (sl_parse_component(&c, &bytes)) {
        sl_source *source =
            sl_source_buffer(bytes.data, bytes.len, false, &err);
        sl_features known = all_features(w) & ~unknown_features(w);
        if (source != NULL)
            sl_component_free(decode(w, source, known, &err));
        sl_source_unref(source);
    }
    sl_buf_deinit(&bytes);
    return wast_judge(w, want, message, err.code, err.msg);
}

/* A definition that is not valid, or that assertions end with. */
static wast_outcome judge_definition(wast *w, const component_head *head,
                                     wast_want want, sl_name message,
                                     const sl_err *err)
{
    wast_thing none = {.kind = err->code == SL_EUNSUPPORTED ? WAST_SKIPPED
                                                            : WAST_NOTHING};
    if (want == WAST_WANT_OK && err->code != SL_OK) {
        bind_definition(w, head->id, none);
        if (!head->is_definition)
            bind_instance(w, head->id, none);
    }
    return wast_judge(w, want, message, err->code, err->msg);
}

wast_outcome wast_component_form(wast *w, sl_cursor *c, wast_want want,
                                 sl_name message)
{
    sl_cursor behind;
    sl_err err = {0};
    wast_outcome trip;
    component_head head = read_head(*c, &behind);
    if (head.is_instance)
        return run_instance_form(w, &behind, want, message);
    definition *d = load(w, *c, head.is_text, &trip, &err);
    bool ends_here = want == WAST_WANT_INVALID || want == WAST_WANT_MALFORMED;
    if (d == NULL || ends_here) {
        wast_outcome outcome = judge_definition(w, &head, want, message, &err);
        return outcome == WAST_FAIL && ends_here && unknown_features(w) != 0
                   ? judge_unknown(w, *c, want, message)
                   : outcome;
    }
    if (trip != WAST_PASS)
        return trip;
    wast_thing thing = {WAST_COMPONENT, {.component = d}};
    if (want == WAST_WANT_OK && bind_definition(w, head.id, thing) != WAST_PASS)
        return WAST_FAIL;
    if (head.is_definition)
        return WAST_PASS;
    return run_instance(w, d, head.id, want, message);
}

/* --- Actions -------------------------------------------------------------- */

/* One call of an export. It may outlive the command when its callee never
 * ends; the store lets go of it when it closes. */
typedef struct invocation {
    sl_call call;
    sl_arena arena;
    sl_val *args;
    uint32_t n_args;
    sl_val result;
    bool has_result, done;
} invocation;

static invocation *of_call(sl_call *call)
{
    return (invocation *)((char *)call - offsetof(invocation, call));
}

static sl_status on_start(sl_call *call, sl_arena *arena, sl_val *args)
{
    (void)arena;
    invocation *v = of_call(call);
    if (v->n_args != 0)
        memcpy(args, v->args, v->n_args * sizeof *args);
    return SL_OK;
}

static sl_status on_resolve(sl_call *call, const sl_val *result, bool cancelled)
{
    (void)cancelled;
    invocation *v = of_call(call);
    v->done = true;
    if (result == NULL)
        return SL_OK;
    v->has_result = sl_val_to_utf8((sl_val *)result, &v->arena) == SL_OK &&
                    sluice_val_copy(result, &v->result);
    return SL_OK;
}

static void free_invocation(sl_call *call)
{
    invocation *v = of_call(call);
    for (uint32_t i = 0; i < v->n_args; i++)
        sluice_val_deinit(&v->args[i]);
    sluice_val_deinit(&v->result);
    sl_arena_deinit(&v->arena);
    sl_free(v);
}

static invocation *new_invocation(uint32_t n_args)
{
    invocation *v = sl_calloc(1, sizeof *v);
    if (v == NULL)
        return NULL;
    sl_arena_init(&v->arena);
    v->call = (sl_call){.on_start = on_start,
                        .on_resolve = on_resolve,
                        .free = free_invocation,
                        .refs = 1};
    v->args = sl_arena_array(&v->arena, sl_val, n_args);
    if (v->args != NULL)
        return v;
    free_invocation(&v->call);
    return NULL;
}

/* Arguments from the script, as values of the parameters' types. */
static bool read_args(sl_cursor *c, const sl_type *type, invocation *v)
{
    uint32_t n = type->of.func.n_params;
    for (; v->n_args < n; v->n_args++) {
        sl_script_val val;
        const sl_type *want = type->of.func.params[v->n_args].type;
        if (!sl_parse_script_val(c, &val) ||
            !sl_script_val_to(&val, want, &v->args[v->n_args], c->err))
            return false;
    }
    return sl_peek(c)->kind == SL_TOK_RPAR ||
           sl_cursor_fail(c, "too many arguments");
}

static void set_resumed(sl_store *store, void *arg)
{
    (void)store;
    *(bool *)arg = true;
}

/* A task that went on after its result may have stalled the store. */
static sl_status wait_until_resumed(sl_store *store)
{
    bool resumed = false;
    sl_status status = SL_OK;
    store->on_resumed = set_resumed;
    store->on_resumed_arg = &resumed;
    if (store->stalled)
        status = sl_store_run(store, &resumed);
    store->on_resumed = NULL;
    return status;
}

static sl_status call(running *r, sl_funcinst *func, invocation *v, sl_err *err)
{
    sl_status status = wait_until_resumed(r->store);
    if (status == SL_OK)
        status = sl_store_invoke(r->store, func, &v->call);
    if (status == SL_OK && !v->done)
        status = sl_store_run(r->store, &v->done);
    if (status != SL_OK)
        sl_fail(err, status, SL_ERR_NO_PLACE, "%s", r->store->trap.err.msg);
    /* the suite calls it a trap that nothing can go on */
    return status == SL_EDEADLOCK ? SL_ETRAP : status;
}

/* A result in the script is compared, none says that any will do. */
static wast_outcome check_result(wast *w, sl_cursor *c, const sl_type *type,
                                 const sl_val *result)
{
    sl_script_val want;
    if (!sl_at_script_val(c))
        return WAST_PASS;
    if (!sl_parse_script_val(c, &want))
        return wast_fail(w, "bad script: %s", c->err->msg);
    if (type == NULL || result == NULL)
        return wast_fail(w, "expected a result, got none");
    if (!sl_script_val_eq(&want, type, result))
        return wast_fail(w, "another result than expected");
    return WAST_PASS;
}

static wast_outcome run_invoke(wast *w, wast_action *a, running *r,
                               sl_funcinst *func, wast_want want,
                               sl_name message)
{
    sl_err err = {0};
    invocation *v = new_invocation(func->type->of.func.n_params);
    wast_outcome outcome;
    if (v == NULL)
        return no_memory(w);
    a->args.err = a->rest.err = &err;
    if (!read_args(&a->args, func->type, v)) {
        outcome = wast_fail(w, "bad argument: %s", err.msg);
    } else {
        sl_status status = call(r, func, v, &err);
        outcome = wast_judge(w, want, plain_message(message), status, err.msg);
        if (outcome == WAST_PASS && want == WAST_WANT_OK && !a->bare)
            outcome = check_result(w, &a->rest, func->type->of.func.result,
                                   v->has_result ? &v->result : NULL);
    }
    sl_call_unref(&v->call);
    return outcome;
}

/* An exported value. */
static wast_outcome run_get(wast *w, wast_action *a, running *r,
                            const sl_value *value, wast_want want,
                            sl_name message)
{
    sl_err err = {0};
    const sl_component *component = r->inst->component;
    uint32_t i = sl_component_export(component, a->name);
    a->rest.err = &err;
    wast_outcome outcome = wast_judge(w, want, message, SL_OK, "");
    if (outcome == WAST_PASS && want == WAST_WANT_OK && !a->bare)
        outcome = check_result(w, &a->rest,
                               component->exports[i].type.type->of.value.type,
                               &value->val);
    return outcome;
}

wast_outcome wast_component_action(wast *w, wast_action *action, wast_want want,
                                   sl_name message)
{
    running *r = action->target.of.component;
    const sl_item *item = sl_exports_get(&r->inst->exports, action->name);
    if (action->is_get && item != NULL && item->sort == SL_SORT_VALUE)
        return run_get(w, action, r, item->of.value, want, message);
    if (action->is_get)
        return wast_fail(w, "no exported value \"%.*s\"",
                         SL_NAME_ARGS(action->name));
    if (item == NULL || item->sort != SL_SORT_FUNC)
        return wast_fail(w, "no exported function \"%.*s\"",
                         SL_NAME_ARGS(action->name));
    return run_invoke(w, action, r, item->of.func, want, message);
}

/* --- The end -------------------------------------------------------------- */

void wast_components_free(wast *w)
{
    struct wast_components *all = w->components;
    if (all == NULL)
        return;
    for (size_t i = 0; i < all->running.n; i++) {
        sl_store_free(all->running.v[i]->store);
        sl_free(all->running.v[i]);
    }
    for (size_t i = 0; i < all->definitions.n; i++)
        free_definition(all->definitions.v[i]);
    sl_vec_deinit(&all->running);
    sl_vec_deinit(&all->definitions);
    if (sl_loop_active(all->loop) != 0) /* work that nobody wants any more */
        sl_loop_run(all->loop, &(bool){false});
    if (sl_loop_active(all->loop) != 0) {
        w->counts.failed++;
        if (w->options->log != NULL)
            fprintf(w->options->log,
                    "%s: %" PRIu32 " handles of the loop are left\n", w->file,
                    sl_loop_active(all->loop));
    }
    wast_backings_free(all->backings);
    sl_loop_free(all->loop);
    sl_free(all);
    w->components = NULL;
}
