/* Core modules in scripts: definitions, instances, linking and actions. */
#include "wast/wast_int.h"

#include <inttypes.h>

/* --- Definitions --------------------------------------------------------- */

/* Decodes and keeps the module with its bytes; takes the bytes. */
static const sl_module *keep_module(wast *w, sl_buf *bytes, sl_err *err)
{
    sl_module *module =
        sl_module_decode(bytes->data, bytes->len, 0, &w->features, err);
    if (module == NULL) {
        sl_buf_deinit(bytes);
        return NULL;
    }
    if (!sl_vec_push(&w->loaded, (wast_loaded){module, *bytes})) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        sl_module_free(module);
        sl_buf_deinit(bytes);
        return NULL;
    }
    return module;
}

/* Parses and decodes the form the cursor stands on. */
static const sl_module *load_module(wast *w, sl_cursor c, sl_err *err)
{
    sl_buf bytes = {0};
    c.err = err;
    if (!sl_parse_module(&c, &bytes)) {
        sl_buf_deinit(&bytes);
        return NULL;
    }
    return keep_module(w, &bytes, err);
}

/* --- Instances ----------------------------------------------------------- */

sl_status wast_core_import(wast *w, const sl_core_import *import,
                           sl_core_extern *out, sl_err *err)
{
    wast_thing from = wast_find(&w->registered, import->module);
    if (from.kind == WAST_SKIPPED)
        return sl_fail(err, SL_EUNSUPPORTED, SL_ERR_NO_PLACE,
                       "imports a skipped module");
    if (from.kind == WAST_CORE_INSTANCE) {
        if (sl_core_instance_export(from.of.instance, import->field, out))
            return SL_OK;
    } else if (sl_name_is(import->module, "spectest")) {
        return wast_spectest_get(w, import->field, out, err);
    }
    return sl_fail(err, SL_EUNLINKABLE, SL_ERR_NO_PLACE,
                   "unknown import \"%.*s\" \"%.*s\"",
                   SL_NAME_ARGS(import->module), SL_NAME_ARGS(import->field));
}

/* The trap's own message when there is one. */
static sl_status note_trap(wast *w, sl_status status, sl_err *err)
{
    if (status == SL_ETRAP && w->trap.err.code != SL_OK) {
        *err = w->trap.err;
        err->code = SL_ETRAP;
    }
    if (status != SL_OK && err->code == SL_OK)
        sl_fail(err, status, SL_ERR_NO_PLACE, "%s", sl_status_words(status));
    return status;
}

static void forget_trap(wast *w)
{
    w->trap = (sl_trap_info){0};
}

static sl_status instantiate(wast *w, const sl_module *module,
                             sl_core_instance **out, sl_err *err)
{
    sl_status status = SL_OK;
    sl_core_extern *imports = sl_calloc(module->n_imports + 1, sizeof *imports);
    if (imports == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    for (uint32_t i = 0; status == SL_OK && i < module->n_imports; i++)
        status = wast_core_import(w, &module->imports[i], &imports[i], err);
    if (status == SL_OK) {
        forget_trap(w);
        status = sl_core_instantiate(&w->thread, module, imports, out, err);
        note_trap(w, status, err);
    }
    sl_free(imports);
    return status;
}

/* Binds what a form made, or that it was skipped. */
static wast_outcome bind_instance(wast *w, sl_name id, wast_thing thing)
{
    w->current = thing;
    if (id.data != NULL && !wast_bind(&w->instances, id, thing))
        return wast_fail(w, "out of memory");
    return WAST_PASS;
}

static wast_outcome bind_definition(wast *w, sl_name id, wast_thing thing)
{
    w->last_definition = thing;
    if (id.data != NULL && !wast_bind(&w->definitions, id, thing))
        return wast_fail(w, "out of memory");
    return WAST_PASS;
}

static wast_thing outcome_thing(sl_status status)
{
    return (wast_thing){.kind = status == SL_EUNSUPPORTED ? WAST_SKIPPED
                                                          : WAST_NOTHING};
}

/* Instantiates as a command of its own or under an assertion. */
static wast_outcome run_instance(wast *w, const sl_module *module, sl_name id,
                                 wast_want want, sl_name message)
{
    sl_err err = {0};
    sl_core_instance *instance = NULL;
    sl_status status = instantiate(w, module, &instance, &err);
    if (want == WAST_WANT_OK) {
        wast_thing thing = {WAST_CORE_INSTANCE, {.instance = instance}};
        if (status != SL_OK)
            thing = outcome_thing(status);
        if (bind_instance(w, id, thing) != WAST_PASS)
            return WAST_FAIL;
    }
    return wast_judge(w, want, message, status, err.msg);
}

/* (module instance $instance? $definition?) behind `instance`. */
static wast_outcome run_instance_form(wast *w, sl_cursor *c, wast_want want,
                                      sl_name message)
{
    sl_name instance = sl_take_id(c), definition = sl_take_id(c);
    wast_thing from = w->last_definition;
    if (definition.data == NULL) {
        definition = instance;
        instance = (sl_name){0};
    }
    if (definition.data != NULL)
        from = wast_find(&w->definitions, definition);
    if (from.kind == WAST_SKIPPED) {
        bind_instance(w, instance, from);
        return wast_skip(w, "instance of a skipped module");
    }
    if (from.kind != WAST_CORE_MODULE)
        return wast_fail(w, "unknown module definition");
    return run_instance(w, from.of.module, instance, want, message);
}

/* What stands behind `(module`. */
typedef struct module_head {
    bool is_definition, is_instance;
    sl_name id;
} module_head;

static module_head read_head(sl_cursor c, sl_cursor *behind)
{
    module_head head = {0};
    c.pos += 2;
    head.is_definition = sl_take_keyword(&c, "definition");
    head.is_instance = !head.is_definition && sl_take_keyword(&c, "instance");
    if (!head.is_instance)
        head.id = sl_take_id(&c);
    *behind = c;
    return head;
}

wast_outcome wast_core_form(wast *w, sl_cursor *c, wast_want want,
                            sl_name message)
{
    sl_cursor behind;
    sl_err err = {0};
    module_head head = read_head(*c, &behind);
    if (head.is_instance)
        return run_instance_form(w, &behind, want, message);
    const sl_module *module = load_module(w, *c, &err);
    if (module != NULL && w->options->round_trip &&
        wast_round_trip(w, sl_print_module, &sl_vec_last(&w->loaded).bytes,
                        !sl_at_keyword(&behind, "binary")) != WAST_PASS)
        return WAST_FAIL;
    bool keeps = want == WAST_WANT_OK;
    wast_thing thing = {WAST_CORE_MODULE, {.module = module}};
    if (module == NULL)
        thing = outcome_thing(err.code);
    if (keeps && bind_definition(w, head.id, thing) != WAST_PASS)
        return WAST_FAIL;
    bool done = module == NULL || want == WAST_WANT_MALFORMED ||
                want == WAST_WANT_INVALID || (keeps && head.is_definition);
    if (keeps && module == NULL && !head.is_definition)
        bind_instance(w, head.id, thing);
    if (done)
        return wast_judge(w, want, message, err.code, err.msg);
    return run_instance(w, module, head.id, want, message);
}

wast_outcome wast_core_inline(wast *w, sl_cursor *c)
{
    sl_buf bytes = {0};
    sl_err err = {0};
    sl_cursor own = *c;
    own.err = &err;
    const sl_module *module = NULL;
    if (sl_parse_module_fields(&own, (sl_name){0}, &bytes) &&
        (sl_peek(&own)->kind == SL_TOK_EOF || sl_unexpected(&own)))
        module = keep_module(w, &bytes, &err);
    else
        sl_buf_deinit(&bytes);
    if (module == NULL)
        return wast_judge(w, WAST_WANT_OK, (sl_name){0}, err.code, err.msg);
    return run_instance(w, module, (sl_name){0}, WAST_WANT_OK, (sl_name){0});
}

/* --- Actions ------------------------------------------------------------- */

/* Arguments from the script to the slots, checked against the type. */
static bool read_args(sl_cursor *c, const sl_functype *type, sl_slot *vals)
{
    sl_valtype have;
    for (uint32_t i = 0; i < type->n_params; i++) {
        uint32_t at = sl_peek(c)->at;
        if (!wast_parse_value(c, &have, &vals[i]))
            return false;
        if (have != type->types[i])
            return sl_cursor_fail_at(c, at, "argument %" PRIu32 " must be %s",
                                     i, sl_valtype_text(type->types[i]));
    }
    return sl_peek(c)->kind == SL_TOK_RPAR ||
           sl_cursor_fail(c, "too many arguments");
}

/* Compares values with the results that follow in the script. */
static wast_outcome check_results(wast *w, sl_cursor *c, uint32_t n,
                                  const sl_valtype *types, const sl_slot *vals)
{
    sl_buf text = {0};
    wast_outcome outcome = WAST_PASS;
    uint32_t i = 0;
    for (; outcome == WAST_PASS && sl_peek(c)->kind == SL_TOK_LPAR; i++) {
        wast_result want;
        if (!wast_parse_result(c, &want))
            outcome = c->err->code == SL_EUNSUPPORTED
                          ? wast_skip(w, "%s", c->err->msg)
                          : wast_fail(w, "%s", c->err->msg);
        else if (i < n && !wast_matches(&want, types[i], vals[i])) {
            sl_buf_printf(&text, "expected ");
            wast_print_result(&text, &want);
            sl_buf_printf(&text, ", got ");
            wast_print_value(&text, types[i], vals[i]);
            outcome = wast_fail(w, "result %" PRIu32 ": %.*s", i, (int)text.len,
                                (const char *)text.data);
        }
    }
    if (outcome == WAST_PASS && i != n)
        outcome =
            wast_fail(w, "expected %" PRIu32 " results, got %" PRIu32, i, n);
    sl_buf_deinit(&text);
    return outcome;
}

static wast_outcome run_get(wast *w, wast_action *a, const sl_core_extern *item)
{
    if (item->kind != SL_CORE_GLOBAL)
        return wast_fail(w, "export \"%.*s\" is no global",
                         SL_NAME_ARGS(a->name));
    const sl_global *global = item->of.global;
    return check_results(w, &a->rest, 1, &global->type.type, &global->value);
}

static wast_outcome judge_call(wast *w, wast_want want, sl_name message,
                               sl_status status, const sl_err *err,
                               const sl_exception *thrown)
{
    if (thrown == NULL)
        return wast_judge(w, want, message, status, err->msg);
    if (want == WAST_WANT_EXCEPTION)
        return WAST_PASS;
    return wast_fail(w, "uncaught exception");
}

static wast_outcome run_invoke(wast *w, wast_action *a, sl_core_func *func,
                               wast_want want, sl_name message)
{
    const sl_functype *type = sl_core_func_type(func);
    uint32_t n =
        type->n_params > type->n_results ? type->n_params : type->n_results;
    sl_slot *vals = sl_calloc((size_t)n + 1, sizeof *vals);
    sl_err err = {0};
    wast_outcome outcome;
    a->args.err = &err;
    if (vals == NULL)
        return wast_fail(w, "out of memory");
    if (!read_args(&a->args, type, vals)) {
        outcome = err.code == SL_EUNSUPPORTED ? wast_skip(w, "%s", err.msg)
                                              : wast_fail(w, "%s", err.msg);
    } else {
        sl_exception *thrown = NULL;
        forget_trap(w);
        sl_status status = sl_core_try_call(&w->thread, func, vals, &thrown);
        note_trap(w, status, &err);
        outcome = judge_call(w, want, message, status, &err, thrown);
        sl_exception_release(thrown);
        if (outcome == WAST_PASS && want == WAST_WANT_OK && !a->bare) {
            a->rest.err = &err;
            outcome = check_results(w, &a->rest, type->n_results,
                                    sl_functype_results(type), vals);
            a->rest.err = NULL;
        }
    }
    sl_free(vals);
    return outcome;
}

wast_outcome wast_core_action(wast *w, wast_action *a, wast_want want,
                              sl_name message)
{
    sl_core_extern item;
    sl_err err = {0};
    if (!sl_core_instance_export(a->target.of.instance, a->name, &item))
        return wast_fail(w, "no export \"%.*s\"", SL_NAME_ARGS(a->name));
    a->rest.err = &err; /* until this returns */
    if (a->is_get) {
        wast_outcome got = a->bare ? WAST_PASS : run_get(w, a, &item);
        a->rest.err = NULL;
        return got;
    }
    if (item.kind != SL_CORE_FUNC)
        return wast_fail(w, "export \"%.*s\" is no function",
                         SL_NAME_ARGS(a->name));
    wast_outcome outcome = run_invoke(w, a, item.of.func, want, message);
    a->rest.err = NULL;
    return outcome;
}
