/* From a function's body to the interpreter's code, in one pass. The body has
 * been validated. Operands stay where they are (in locals, as constants) until
 * an instruction uses them; results go straight into the local that receives
 * them; comparisons become part of the branch behind them. */
#include "exec/interp/translate.h"

#include <string.h>

#include "base/alloc.h"

const char *const sl_ir_names[SL_N_IR_OPS] = {
#define OP(name, ...) #name,
#include "exec/interp/handlers.def"
#undef OP
};

/* --- The walk ------------------------------------------------------------ */

static void by_family(translator *t, const sl_instr *in)
{
    switch ((shape)sl_tr_families[in->op].shape) {
    case BINARY:
    case COMMUTATIVE:
    case COMPARE:
        sl_tr_binary(t, in->op);
        break;
    case UNARY:
        sl_tr_unary(t, in->op);
        break;
    case LOAD:
        if (in->index[0] != 0 || in->offset > UINT32_MAX)
            sl_tr_access_other(t, in);
        else if (t->module->memories[0].limits.is64)
            sl_tr_load_64(t, in);
        else
            sl_tr_load(t, in);
        break;
    case STORE:
        if (in->index[0] != 0 || in->offset > UINT32_MAX)
            sl_tr_access_other(t, in);
        else if (t->module->memories[0].limits.is64)
            sl_tr_store_64(t, in);
        else
            sl_tr_store(t, in);
        break;
    case OTHER:
        sl_tr_fail(t, SL_EUNSUPPORTED, "unsupported instruction");
        break;
    }
}

/* Instructions after which the next one is reached. */
static void translate_plain(translator *t, const sl_instr *in)
{
    const uint32_t *x = in->index;
    switch (in->op) {
    case SL_OP_NOP:
        break;
    case SL_OP_BLOCK:
    case SL_OP_LOOP:
    case SL_OP_TRY_TABLE:
    case SL_OP_IF:
        sl_tr_begin_block(t, in);
        break;
    case SL_OP_BR_IF:
        sl_tr_branch_if(t, sl_tr_label_at(t, x[0]));
        break;
    case SL_OP_CALL:
        sl_tr_call(t, x[0]);
        break;
    case SL_OP_CALL_INDIRECT:
        sl_tr_call_indirect(t, x[0], x[1]);
        break;
    case SL_OP_DROP:
        sl_tr_pop(t);
        break;
    case SL_OP_SELECT:
    case SL_OP_SELECT_T:
        sl_tr_select(t);
        break;
    case SL_OP_LOCAL_GET:
        sl_tr_push_local(t, sl_tr_local_slot(t, x[0]));
        break;
    case SL_OP_LOCAL_SET:
        sl_tr_set_local(t, sl_tr_local_slot(t, x[0]));
        break;
    case SL_OP_LOCAL_TEE:
        sl_tr_set_local(t, sl_tr_local_slot(t, x[0]));
        sl_tr_push_local(t, sl_tr_local_slot(t, x[0]));
        break;
    case SL_OP_GLOBAL_GET:
        sl_tr_global_get(t, x[0]);
        break;
    case SL_OP_GLOBAL_SET:
        sl_tr_global_set(t, x[0]);
        break;
    case SL_OP_TABLE_GET:
    case SL_OP_TABLE_SET:
    case SL_OP_TABLE_GROW:
        sl_tr_table_access(t, in);
        break;
    case SL_OP_TABLE_SIZE:
        sl_tr_simple(t, IR_TABLE_SIZE, 0, x[0]);
        break;
    case SL_OP_TABLE_FILL:
        sl_tr_bulk(t, IR_TABLE_FILL, x[0], 0);
        break;
    case SL_OP_TABLE_COPY:
        sl_tr_bulk(t, IR_TABLE_COPY, x[0], x[1]);
        break;
    case SL_OP_TABLE_INIT:
        sl_tr_bulk(t, IR_TABLE_INIT, x[0], x[1]);
        break;
    case SL_OP_ELEM_DROP:
        sl_tr_emit_imm(t, IR_ELEM_DROP, 0, 0, (int32_t)x[0]);
        break;
    case SL_OP_DATA_DROP:
        sl_tr_emit_imm(t, IR_DATA_DROP, 0, 0, (int32_t)x[0]);
        break;
    case SL_OP_MEMORY_SIZE:
        sl_tr_simple(t, IR_MEMORY_SIZE, 0, x[0]);
        break;
    case SL_OP_MEMORY_GROW:
        sl_tr_simple(t, IR_MEMORY_GROW, 1, x[0]);
        break;
    case SL_OP_MEMORY_INIT:
        sl_tr_bulk(t, IR_MEMORY_INIT, x[0], x[1]);
        break;
    case SL_OP_MEMORY_COPY:
        sl_tr_bulk(t, IR_MEMORY_COPY, x[0], x[1]);
        break;
    case SL_OP_MEMORY_FILL:
        sl_tr_bulk(t, IR_MEMORY_FILL, x[0], 0);
        break;
    case SL_OP_I32_CONST:
        sl_tr_push_const(t, (uint32_t)in->bits);
        break;
    case SL_OP_I64_CONST:
    case SL_OP_F32_CONST:
    case SL_OP_F64_CONST:
        sl_tr_push_const(t, in->bits);
        break;
    case SL_OP_REF_NULL:
        sl_tr_push_const(t, 0);
        break;
    case SL_OP_REF_IS_NULL:
    case SL_OP_I64_EQZ:
        sl_tr_eqz(t, SL_OP_I64_EQ);
        break;
    case SL_OP_I32_EQZ:
        sl_tr_eqz(t, SL_OP_I32_EQ);
        break;
    case SL_OP_REF_FUNC:
        sl_tr_simple(t, IR_REF_FUNC, 0, x[0]);
        break;
    default:
        by_family(t, in);
        break;
    }
}

/* Whether the next instruction is reached from this one. */
static bool translate_one(translator *t, const sl_instr *in)
{
    switch (in->op) {
    case SL_OP_UNREACHABLE:
        sl_tr_emit(t, IR_UNREACHABLE, 0, 0, 0, 0);
        return false;
    case SL_OP_BR:
        sl_tr_emit_jump(t, sl_tr_label_at(t, in->index[0]));
        return false;
    case SL_OP_BR_TABLE:
        sl_tr_branch_table(t, in);
        return false;
    case SL_OP_RETURN:
        sl_tr_emit_return(t);
        return false;
    case SL_OP_RETURN_CALL:
        sl_tr_return_call(t, in->index[0]);
        return false;
    case SL_OP_RETURN_CALL_INDIRECT:
        sl_tr_return_call_indirect(t, in->index[0], in->index[1]);
        return false;
    case SL_OP_THROW:
        sl_tr_throw(t, in->index[0]);
        return false;
    case SL_OP_THROW_REF:
        sl_tr_throw_ref(t);
        return false;
    default:
        translate_plain(t, in);
        return true;
    }
}

/* Code that is not reached makes nothing; its blocks are only counted. */
static void translate_body(translator *t, sl_reader *r)
{
    bool reached = true;
    uint32_t unreached_blocks = 0;
    sl_instr in;
    while (!t->failed && t->labels.n != 0 && sl_read_instr(r, &in)) {
        t->now = (uint32_t)(in.at - r->origin);
        bool block = sl_op_is_block(in.op);
        if (!reached && unreached_blocks != 0 && in.op == SL_OP_END) {
            unreached_blocks--;
        } else if (!reached && block) {
            unreached_blocks++;
        } else if (unreached_blocks != 0) {
            continue;
        } else if (in.op == SL_OP_ELSE) {
            sl_tr_begin_else(t, reached);
            reached = true;
        } else if (in.op == SL_OP_END && t->labels.n == 1) {
            sl_tr_end_function(t, reached);
        } else if (in.op == SL_OP_END) {
            reached = sl_tr_end_block(t, reached);
        } else if (reached) {
            reached = translate_one(t, &in);
        }
    }
    if (r->err->code != SL_OK)
        t->failed = true;
}

/* --- Beginning and end --------------------------------------------------- */

static void begin_function(translator *t, sl_reader *r)
{
    uint64_t n_locals = 0;
    for (uint32_t groups = sl_read_u32(r); groups != 0; groups--) {
        n_locals += sl_read_u32(r);
        sl_read_u32(r); /* the type: a reference's or a number's one byte */
    }
    uint32_t first = t->func->saved_at + SL_FRAME_SAVED;
    if (first + n_locals + 256 > SL_FRAME_MAX) {
        sl_tr_fail(t, SL_ELIMIT, "limit: a function has too many locals");
        return;
    }
    t->n_local_slots = t->n_slots = first + (uint32_t)n_locals;
    t->readers = sl_calloc(t->n_local_slots, sizeof *t->readers);
    if (t->readers == NULL) {
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
        return;
    }
    sl_tr_push_label(t, SL_OP_NONE, 0, t->type->n_results);
    sl_tr_emit(t, t->func->home->counted ? IR_ENTER_COUNTED : IR_ENTER, first,
               (uint32_t)n_locals, 0, 0);
}

static bool init(translator *t, sl_code_func *func, sl_err *err)
{
    const sl_module *m = func->home->module;
    *t = (translator){
        .module = m,
        .func = func,
        .type = &m->types[m->funcs[func->index].type],
        .err = err,
        .last = NONE,
        .cmp = {.at = NONE},
    };
    sl_tr_forget(t);
    if (func->saved_at + SL_FRAME_SAVED > SL_FRAME_MAX / 2) {
        sl_tr_fail(t, SL_ELIMIT, "limit: a function has too many parameters");
        return false;
    }
    return true;
}

static void run(translator *t)
{
    const sl_func *f = &t->module->funcs[t->func->index];
    sl_reader r = sl_reader_over(f->body, f->body_len, f->at, t->err);
    begin_function(t, &r);
    if (!t->failed)
        translate_body(t, &r);
    if (!t->failed)
        t->ins.v[0].c = (uint16_t)t->n_slots;
}

static void deinit(translator *t)
{
    sl_vec_deinit(&t->ins);
    sl_vec_deinit(&t->at);
    sl_vec_deinit(&t->pool);
    sl_vec_deinit(&t->pooled);
    sl_vec_deinit(&t->stack);
    sl_vec_deinit(&t->labels);
    sl_vec_deinit(&t->fixes);
    sl_vec_deinit(&t->tries);
    sl_vec_deinit(&t->catches);
    sl_free(t->readers);
}

/* Code, IR_END, pool: one block; then operations become handlers. */
static sl_ins *finish(translator *t, size_t *bytes)
{
    size_t n = t->ins.n;
    size_t pool_bytes = t->pool.n * sizeof *t->pool.v;
    *bytes = (n + 1) * sizeof(sl_ins) + pool_bytes;
    if (*bytes > INT32_MAX) {
        sl_tr_fail(t, SL_ELIMIT, "limit: a function is too large to translate");
        return NULL;
    }
    sl_ins *code = sl_malloc(*bytes);
    if (code == NULL) {
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
        return NULL;
    }
    memcpy(code, t->ins.v, n * sizeof *code);
    code[n] = (sl_ins){.op = IR_END};
    code[n].bits = (uint64_t)(uintptr_t)t->func;
    if (pool_bytes != 0)
        memcpy(code + n + 1, t->pool.v, pool_bytes);
    for (size_t i = 0; i < t->pooled.n; i++) {
        uint32_t at = t->pooled.v[i];
        code[at].imm += (int32_t)((n + 1 - at) * sizeof(sl_ins));
    }
    const void *const *handlers = sl_interp_handlers();
    for (size_t i = 0; i <= n; i++)
        sl_ins_link(&code[i], handlers);
    return code;
}

/* What unwinding wants to know, beside the code. */
static void keep_tries(translator *t, sl_code_func *func)
{
    if (t->tries.n == 0)
        return;
    size_t tries = t->tries.n * sizeof *t->tries.v;
    size_t catches = t->catches.n * sizeof *t->catches.v;
    func->tries = sl_malloc(tries);
    func->catches = sl_malloc(catches);
    if (func->tries == NULL || func->catches == NULL) {
        sl_free(func->tries);
        sl_free(func->catches);
        func->tries = NULL;
        func->catches = NULL;
        sl_tr_fail(t, SL_ENOMEM, "out of memory");
        return;
    }
    memcpy(func->tries, t->tries.v, tries);
    memcpy(func->catches, t->catches.v, catches);
    func->n_tries = (uint32_t)t->tries.n;
}

sl_status sl_translate(sl_code_func *func, size_t *bytes, sl_err *err)
{
    translator t;
    sl_ins *code = NULL;
    if (init(&t, func, err))
        run(&t);
    if (!t.failed)
        code = finish(&t, bytes);
    if (!t.failed)
        keep_tries(&t, func);
    if (t.failed)
        sl_free(code);
    else
        func->code = code;
    deinit(&t);
    return t.failed ? err->code : SL_OK;
}

uint64_t sl_translate_locate(const sl_code_func *func, size_t ins)
{
    sl_code_func again = *func;
    sl_err err = {0};
    translator t;
    uint64_t at = 0;
    bool ok = init(&t, &again, &err);
    t.locate = true;
    if (ok)
        run(&t);
    if (!t.failed && ins < t.at.n)
        at = func->home->module->funcs[func->index].at + t.at.v[ins];
    deinit(&t);
    return at;
}
