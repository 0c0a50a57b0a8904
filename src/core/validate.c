/* Function bodies and constant expressions, in one pass over their bytes.
 * Core specification, "Validation / Instructions" and the appendix
 * "Validation Algorithm". */
#include "core/core_int.h"

#define UNKNOWN 0 /* any type: an operand of unreachable code */

/* Types of the letters in op.def's signatures. */
static const uint8_t letter_type[128] = {
    ['i'] = SL_I32, ['l'] = SL_I64, ['f'] = SL_F32, ['d'] = SL_F64};

void sl_validator_deinit(sl_validator *v)
{
    sl_vec_deinit(&v->operands);
    sl_vec_deinit(&v->controls);
    sl_vec_deinit(&v->runs);
}

#define invalid(v, in, ...)                                                    \
    (sl_fail((v)->r.err, SL_EINVALID, (in)->at, __VA_ARGS__), false)

static bool no_memory(sl_validator *v)
{
    return sl_reader_fail(&v->r, SL_ENOMEM, "out of memory");
}

static const char *type_text(sl_valtype t)
{
    return t == UNKNOWN ? "any" : sl_valtype_text(t);
}

/* --- Operands ---------------------------------------------------------- */

static inline sl_control *top(sl_validator *v)
{
    return &v->controls.v[v->controls.n - 1];
}

/* Room for n more operands. */
static inline bool room(sl_validator *v, size_t n)
{
    if (v->operands.n + n <= v->operands.cap)
        return true;
    if (v->operands.n + n > SL_MAX_OPERANDS)
        return sl_reader_fail(&v->r, SL_ELIMIT, "too many operands");
    return sl_vec_reserve(&v->operands, n) || no_memory(v);
}

static inline bool push(sl_validator *v, sl_valtype type)
{
    if (!room(v, 1))
        return false;
    v->operands.v[v->operands.n++] = type;
    return true;
}

static bool push_all(sl_validator *v, const sl_valtype *types, uint32_t n)
{
    if (n == 0)
        return true;
    if (!room(v, n))
        return false;
    memcpy(v->operands.v + v->operands.n, types, n * sizeof *types);
    v->operands.n += n;
    return true;
}

static bool pop_any(sl_validator *v, const sl_instr *in, sl_valtype *out)
{
    const sl_control *frame = top(v);
    if (v->operands.n == frame->height) {
        *out = UNKNOWN;
        if (frame->unreachable)
            return true;
        return invalid(v, in,
                       "type mismatch: %s needs an operand, the stack "
                       "is empty",
                       sl_ops[in->op].text);
    }
    *out = v->operands.v[--v->operands.n];
    return true;
}

static bool pop(sl_validator *v, const sl_instr *in, sl_valtype type)
{
    sl_valtype have;
    const sl_control *frame = top(v);
    if (v->operands.n > frame->height &&
        v->operands.v[v->operands.n - 1] == type) {
        v->operands.n--;
        return true;
    }
    if (v->operands.n == frame->height && !frame->unreachable)
        return invalid(v, in,
                       "type mismatch: %s expects %s, the stack is "
                       "empty",
                       sl_ops[in->op].text, sl_valtype_text(type));
    if (!pop_any(v, in, &have))
        return false;
    if (have == type || have == UNKNOWN)
        return true;
    return invalid(v, in, "type mismatch: %s expects %s, found %s",
                   sl_ops[in->op].text, sl_valtype_text(type), type_text(have));
}

/* "[i32 i64]", as much of it as there is room for. */
static void types_text(char *out, size_t size, const sl_valtype *types,
                       size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < n && at + 16 < size; i++)
        at += (size_t)snprintf(out + at, size - at, "%s%s", i ? " " : "",
                               type_text(types[i]));
    out[at] = '\0';
}

/* In the words of the reference interpreter. */
static bool mismatch(sl_validator *v, const sl_instr *in,
                     const sl_valtype *types, uint32_t n)
{
    char want[80], found[80];
    size_t have = v->operands.n - top(v)->height;
    if (have > n)
        have = n;
    types_text(want, sizeof want, types, n);
    types_text(found, sizeof found, v->operands.v + v->operands.n - have, have);
    return invalid(v, in,
                   "type mismatch: instruction requires [%s] but stack has "
                   "[%s]: %s",
                   want, found, sl_ops[in->op].text);
}

/* Are these the topmost operands, as far as there are any in code that is not
 * reached? */
static bool on_top(sl_validator *v, const sl_valtype *types, uint32_t n)
{
    const sl_control *frame = top(v);
    size_t have = v->operands.n - frame->height;
    if (have < n && !frame->unreachable)
        return false;
    for (uint32_t i = 1; i <= n && i <= have; i++) {
        sl_valtype found = v->operands.v[v->operands.n - i];
        if (found != types[n - i] && found != UNKNOWN)
            return false;
    }
    return true;
}

static bool pop_all(sl_validator *v, const sl_instr *in,
                    const sl_valtype *types, uint32_t n)
{
    size_t have = v->operands.n - top(v)->height;
    if (n == 0)
        return true;
    if (have >= n && memcmp(v->operands.v + v->operands.n - n, types,
                            n * sizeof *types) == 0) {
        v->operands.n -= n;
        return true;
    }
    if (!on_top(v, types, n))
        return mismatch(v, in, types, n);
    v->operands.n -= have < n ? have : n;
    return true;
}

static inline sl_valtype type_of(const sl_validator *v, char letter)
{
    return letter == 'p' ? v->addr : letter_type[(unsigned char)letter];
}

/* Takes the letters before the colon, the last one first, and pushes those
 * behind it. */
static inline bool apply(sl_validator *v, const sl_instr *in, const char *sig)
{
    unsigned n = 0;
    while (sig[n] != ':')
        n++;
    for (unsigned i = n; i > 0; i--)
        if (!pop(v, in, type_of(v, sig[i - 1])))
            return false;
    for (sig += n + 1; *sig; sig++)
        if (!push(v, type_of(v, *sig)))
            return false;
    return true;
}

static void set_unreachable(sl_validator *v)
{
    sl_control *frame = top(v);
    v->operands.n = frame->height;
    frame->unreachable = true;
}

/* --- Features ---------------------------------------------------------- */

static bool gated(sl_validator *v, const sl_instr *in, const char *proposal)
{
    return sl_fail(v->r.err, SL_EUNSUPPORTED, in->at,
                   "unsupported instruction %s: %s", sl_ops[in->op].text,
                   proposal),
           false;
}

static bool needs_exceptions(sl_validator *v, const sl_instr *in)
{
    return v->features.exceptions || gated(v, in, "exception handling");
}

/* Of a type that stands in code. */
static bool gate_type(sl_validator *v, const sl_instr *in, sl_valtype type)
{
    return type != SL_EXNREF || needs_exceptions(v, in);
}

/* --- Control ----------------------------------------------------------- */

/* The block type as parameters and results. */
static bool block_type(sl_validator *v, const sl_instr *in, sl_control *out)
{
    static const sl_valtype single[] = {
        [SL_I32 - SL_EXNREF] = SL_I32,
        [SL_I64 - SL_EXNREF] = SL_I64,
        [SL_F32 - SL_EXNREF] = SL_F32,
        [SL_F64 - SL_EXNREF] = SL_F64,
        [SL_FUNCREF - SL_EXNREF] = SL_FUNCREF,
        [SL_EXTERNREF - SL_EXNREF] = SL_EXTERNREF,
        [SL_EXNREF - SL_EXNREF] = SL_EXNREF,
    };
    *out = (sl_control){.op = (uint8_t)in->op};
    if (in->type == SL_BLOCK_EMPTY)
        return true;
    if (in->type < 0) {
        out->types = &single[in->type + 0x80 - SL_EXNREF];
        out->n_results = 1;
        return gate_type(v, in, out->types[0]);
    }
    if (in->type >= v->module->n_types)
        return invalid(v, in, "unknown type %u", (unsigned)in->type);
    const sl_functype *type = &v->module->types[in->type];
    out->types = type->types;
    out->n_params = type->n_params;
    out->n_results = type->n_results;
    return true;
}

static bool enter(sl_validator *v, const sl_control *frame)
{
    if (!sl_vec_reserve(&v->controls, 1))
        return no_memory(v);
    sl_control *pushed = &v->controls.v[v->controls.n++];
    *pushed = *frame;
    pushed->height = (uint32_t)v->operands.n;
    return push_all(v, frame->types, frame->n_params);
}

static bool block(sl_validator *v, const sl_instr *in)
{
    sl_control frame;
    if (!block_type(v, in, &frame))
        return false;
    if (in->op == SL_OP_IF && !pop(v, in, SL_I32))
        return false;
    return pop_all(v, in, frame.types, frame.n_params) && enter(v, &frame);
}

/* The end of a block (or of its first arm): exactly the results are left. */
static bool leave(sl_validator *v, const sl_instr *in, sl_control *out)
{
    *out = *top(v);
    if (!pop_all(v, in, out->types ? out->types + out->n_params : NULL,
                 out->n_results))
        return false;
    if (v->operands.n != out->height)
        return invalid(v, in,
                       "type mismatch: values remain on the stack at "
                       "the end of the block");
    v->controls.n--;
    return true;
}

static bool else_(sl_validator *v, const sl_instr *in)
{
    sl_control frame;
    if (top(v)->op != SL_OP_IF)
        return sl_fail(v->r.err, SL_EMALFORMED, in->at, "END opcode expected"),
               false;
    if (!leave(v, in, &frame))
        return false;
    frame.op = SL_OP_ELSE;
    frame.unreachable = false;
    return enter(v, &frame);
}

static bool end(sl_validator *v, const sl_instr *in)
{
    sl_control frame;
    if (!leave(v, in, &frame))
        return false;
    /* An `if` without `else` passes its parameters on. */
    if (frame.op == SL_OP_IF &&
        (frame.n_params != frame.n_results ||
         (frame.n_params != 0 &&
          memcmp(frame.types, frame.types + frame.n_params,
                 frame.n_params * sizeof *frame.types) != 0)))
        return invalid(v, in,
                       "type mismatch: if without else must have as "
                       "results its parameters");
    return frame.n_results == 0 ||
           push_all(v, frame.types + frame.n_params, frame.n_results);
}

/* What a branch to the label takes along. */
static bool label(sl_validator *v, const sl_instr *in, uint32_t depth,
                  const sl_valtype **types, uint32_t *n)
{
    if (depth >= v->controls.n)
        return invalid(v, in, "unknown label %u", (unsigned)depth);
    const sl_control *frame = &v->controls.v[v->controls.n - 1 - depth];
    bool loop = frame->op == SL_OP_LOOP;
    *n = loop ? frame->n_params : frame->n_results;
    *types = *n == 0 || loop ? frame->types : frame->types + frame->n_params;
    return true;
}

static bool br(sl_validator *v, const sl_instr *in, uint32_t depth)
{
    const sl_valtype *types;
    uint32_t n;
    if (!label(v, in, depth, &types, &n) || !pop_all(v, in, types, n))
        return false;
    if (in->op == SL_OP_BR_IF)
        return push_all(v, types, n);
    set_unreachable(v);
    return true;
}

static bool br_table(sl_validator *v, const sl_instr *in)
{
    const sl_valtype *types, *checked = NULL;
    uint32_t arity, n, n_checked = 0;
    sl_reader labels = v->r;
    if (!pop(v, in, SL_I32))
        return false;
    labels.pos = in->vec;
    for (uint32_t i = 0; i < in->n; i++) { /* find the default */
        while (*labels.pos & 0x80)
            labels.pos++;
        labels.pos++;
    }
    if (!label(v, in, sl_read_u32(&labels), &types, &arity))
        return false;
    labels.pos = in->vec;
    for (uint32_t i = 0; i <= in->n; i++) {
        if (!label(v, in, sl_read_u32(&labels), &types, &n))
            return false;
        if (n != arity)
            return invalid(v, in,
                           "type mismatch: labels of %u and of %u "
                           "operands",
                           (unsigned)arity, (unsigned)n);
        if (types == checked && n == n_checked)
            continue;
        if (!on_top(v, types, n))
            return mismatch(v, in, types, n);
        checked = types;
        n_checked = n;
    }
    set_unreachable(v);
    return true;
}

static bool call(sl_validator *v, const sl_instr *in, const sl_functype *type)
{
    return pop_all(v, in, type->types, type->n_params) &&
           (type->n_results == 0 ||
            push_all(v, sl_functype_results(type), type->n_results));
}

/* "return_call": what the callee returns, this function returns. */
static bool tail_call(sl_validator *v, const sl_instr *in,
                      const sl_functype *type)
{
    const sl_control *body = &v->controls.v[0];
    if (!v->features.tail_call)
        return gated(v, in, "tail call");
    if (type->n_results != body->n_results ||
        (type->n_results != 0 &&
         memcmp(sl_functype_results(type), body->types + body->n_params,
                type->n_results * sizeof *type->types) != 0))
        return invalid(v, in,
                       "type mismatch: %s of a function with other results",
                       sl_ops[in->op].text);
    if (!pop_all(v, in, type->types, type->n_params))
        return false;
    set_unreachable(v);
    return true;
}

static bool call_direct(sl_validator *v, const sl_instr *in)
{
    const sl_module *m = v->module;
    if (in->index[0] >= m->n_funcs)
        return invalid(v, in, "unknown function %u", (unsigned)in->index[0]);
    const sl_functype *type = &m->types[m->funcs[in->index[0]].type];
    return in->op == SL_OP_CALL ? call(v, in, type) : tail_call(v, in, type);
}

static const sl_tabletype *table(sl_validator *v, const sl_instr *in,
                                 uint32_t index)
{
    if (index < v->module->n_tables)
        return &v->module->tables[index].type;
    (void)invalid(v, in, "unknown table %u", (unsigned)index);
    return NULL;
}

static bool call_indirect(sl_validator *v, const sl_instr *in)
{
    const sl_tabletype *t = table(v, in, in->index[1]);
    if (t == NULL)
        return false;
    if (t->elem != SL_FUNCREF)
        return invalid(v, in, "type mismatch: %s needs a table of funcref",
                       sl_ops[in->op].text);
    if (in->index[0] >= v->module->n_types)
        return invalid(v, in, "unknown type %u", (unsigned)in->index[0]);
    const sl_functype *type = &v->module->types[in->index[0]];
    if (!pop(v, in, sl_limits_addr(&t->limits)))
        return false;
    return in->op == SL_OP_CALL_INDIRECT ? call(v, in, type)
                                         : tail_call(v, in, type);
}

static bool return_(sl_validator *v, const sl_instr *in)
{
    return br(v, in, (uint32_t)v->controls.n - 1);
}

/* --- Exceptions -------------------------------------------------------- */

static const sl_functype *tag(sl_validator *v, const sl_instr *in,
                              uint32_t index)
{
    const sl_module *m = v->module;
    if (index < m->n_tags)
        return &m->types[m->tags[index]];
    (void)invalid(v, in, "unknown tag %u", (unsigned)index);
    return NULL;
}

static bool throw_(sl_validator *v, const sl_instr *in)
{
    if (!needs_exceptions(v, in))
        return false;
    if (in->op == SL_OP_THROW_REF) {
        if (!pop(v, in, SL_EXNREF))
            return false;
    } else {
        const sl_functype *type = tag(v, in, in->index[0]);
        if (type == NULL || !pop_all(v, in, type->types, type->n_params))
            return false;
    }
    set_unreachable(v);
    return true;
}

/* What a clause brings is exactly what its label takes. */
static bool catch_(sl_validator *v, const sl_instr *in, const sl_catch *c)
{
    const sl_valtype *types;
    uint32_t n, n_values = 0;
    const sl_functype *type = NULL;
    if (!c->all) {
        type = tag(v, in, c->tag);
        if (type == NULL)
            return false;
        n_values = type->n_params;
    }
    if (!label(v, in, c->label, &types, &n))
        return false;
    if (n != n_values + c->ref ||
        (n_values != 0 &&
         memcmp(type->types, types, n_values * sizeof *types) != 0) ||
        (c->ref && types[n_values] != SL_EXNREF))
        return invalid(v, in,
                       "type mismatch: the label of a catch clause takes "
                       "other operands");
    return true;
}

static bool try_table(sl_validator *v, const sl_instr *in)
{
    sl_control frame;
    if (!needs_exceptions(v, in) || !block_type(v, in, &frame) ||
        !pop_all(v, in, frame.types, frame.n_params))
        return false;
    sl_reader clauses = v->r;
    clauses.pos = in->vec;
    for (uint32_t i = 0; i < in->n; i++) {
        sl_catch c = sl_read_catch(&clauses);
        if (!catch_(v, in, &c))
            return false;
    }
    return enter(v, &frame);
}

/* --- Parametric and variable instructions ------------------------------ */

/* "select" without a type is for numbers alone. */
static bool select_untyped(sl_validator *v, const sl_instr *in)
{
    sl_valtype a, b;
    if (!pop(v, in, SL_I32) || !pop_any(v, in, &a) || !pop_any(v, in, &b))
        return false;
    if (sl_valtype_is_ref(a) || sl_valtype_is_ref(b))
        return invalid(v, in,
                       "type mismatch: select of references must name "
                       "their type");
    if (a != b && a != UNKNOWN && b != UNKNOWN)
        return invalid(v, in, "type mismatch: select of %s and %s",
                       sl_valtype_text(b), sl_valtype_text(a));
    return push(v, a == UNKNOWN ? b : a);
}

static bool select_typed(sl_validator *v, const sl_instr *in)
{
    if (in->n != 1)
        return invalid(v, in, "invalid result arity");
    sl_valtype type = in->vec[0];
    return gate_type(v, in, type) && pop(v, in, SL_I32) && pop(v, in, type) &&
           pop(v, in, type) && push(v, type);
}

static sl_valtype far_local(const sl_validator *v, uint32_t index)
{
    size_t low = 0, high = v->runs.n - 1;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (index < v->runs.v[mid].end)
            high = mid;
        else
            low = mid + 1;
    }
    return v->runs.v[low].type;
}

static bool local(sl_validator *v, const sl_instr *in)
{
    uint32_t index = in->index[0];
    if (index >= v->n_locals)
        return invalid(v, in, "unknown local %u", (unsigned)index);
    sl_valtype type =
        index < SL_NEAR_LOCALS ? v->near[index] : far_local(v, index);
    if (in->op != SL_OP_LOCAL_GET && !pop(v, in, type))
        return false;
    return in->op == SL_OP_LOCAL_SET || push(v, type);
}

static bool global(sl_validator *v, const sl_instr *in)
{
    uint32_t index = in->index[0];
    if (index >= v->module->n_globals)
        return invalid(v, in, "unknown global %u", (unsigned)index);
    const sl_globaltype *type = &v->module->globals[index].type;
    if (in->op == SL_OP_GLOBAL_GET)
        return push(v, type->type);
    if (!type->mutable_)
        return invalid(v, in, "immutable global %u", (unsigned)index);
    return pop(v, in, type->type);
}

/* --- Tables, memories, references -------------------------------------- */

static bool table_access(sl_validator *v, const sl_instr *in)
{
    const sl_tabletype *t = table(v, in, in->index[0]);
    if (t == NULL)
        return false;
    sl_valtype addr = sl_limits_addr(&t->limits);
    switch (in->op) {
    case SL_OP_TABLE_GET:
        return pop(v, in, addr) && push(v, t->elem);
    case SL_OP_TABLE_SET:
        return pop(v, in, t->elem) && pop(v, in, addr);
    case SL_OP_TABLE_GROW:
        return pop(v, in, addr) && pop(v, in, t->elem) && push(v, addr);
    default: /* table.fill */
        return pop(v, in, addr) && pop(v, in, t->elem) && pop(v, in, addr);
    }
}

static bool elem_in_range(sl_validator *v, const sl_instr *in)
{
    return in->index[0] < v->module->n_elems ||
           invalid(v, in, "unknown elem segment %u", (unsigned)in->index[0]);
}

static bool table_init_types(sl_validator *v, const sl_instr *in)
{
    const sl_tabletype *t = table(v, in, in->index[1]);
    if (t == NULL || !elem_in_range(v, in))
        return false;
    v->addr = sl_limits_addr(&t->limits);
    return t->elem == v->module->elems[in->index[0]].type ||
           invalid(v, in, "type mismatch: table.init of %s from %s",
                   sl_valtype_text(t->elem),
                   sl_valtype_text(v->module->elems[in->index[0]].type));
}

/* Of the operands of a copy the length has the smaller address type. */
static bool copy(sl_validator *v, const sl_instr *in, const sl_limits *to,
                 const sl_limits *from)
{
    return pop(v, in, to->is64 ? sl_limits_addr(from) : SL_I32) &&
           pop(v, in, sl_limits_addr(from)) && pop(v, in, sl_limits_addr(to));
}

static bool table_copy(sl_validator *v, const sl_instr *in)
{
    const sl_tabletype *to = table(v, in, in->index[0]);
    const sl_tabletype *from = to ? table(v, in, in->index[1]) : NULL;
    if (from == NULL)
        return false;
    if (to->elem != from->elem)
        return invalid(v, in, "type mismatch: table.copy of %s to %s",
                       sl_valtype_text(from->elem), sl_valtype_text(to->elem));
    return copy(v, in, &to->limits, &from->limits);
}

/* The memory's address type becomes that of the signature. */
static bool memory_in_range(sl_validator *v, const sl_instr *in, uint32_t index)
{
    if (index >= v->module->n_memories)
        return invalid(v, in, "unknown memory %u", (unsigned)index);
    v->addr = sl_limits_addr(&v->module->memories[index].limits);
    return true;
}

static bool memory_copy(sl_validator *v, const sl_instr *in)
{
    const sl_memtype *m = v->module->memories;
    return memory_in_range(v, in, in->index[0]) &&
           memory_in_range(v, in, in->index[1]) &&
           copy(v, in, &m[in->index[0]].limits, &m[in->index[1]].limits);
}

/* log2 of the size that a row of op.def gives as a digit. */
static uint8_t natural_align(char size)
{
    return size == '1' ? 0 : size == '2' ? 1 : size == '4' ? 2 : 3;
}

static bool memarg(sl_validator *v, const sl_instr *in, char size)
{
    if (!memory_in_range(v, in, in->index[0]))
        return false;
    if (in->align > natural_align(size))
        return invalid(v, in, "alignment must not be larger than natural");
    return in->offset <= UINT32_MAX || v->addr == SL_I64 ||
           invalid(v, in, "offset out of range");
}

/* "Modules / Binary": data indices in code need the data count section. */
static bool data_in_range(sl_validator *v, const sl_instr *in)
{
    if (!v->has_data_count)
        return sl_fail(v->r.err, SL_EMALFORMED, in->at,
                       "data count section required"),
               false;
    return in->index[0] < v->module->n_datas ||
           invalid(v, in, "unknown data segment %u", (unsigned)in->index[0]);
}

static bool table_size_type(sl_validator *v, const sl_instr *in)
{
    const sl_tabletype *t = table(v, in, in->index[0]);
    if (t != NULL)
        v->addr = sl_limits_addr(&t->limits);
    return t != NULL;
}

/* The indices and alignments of an instruction whose operands its signature
 * describes. */
static bool check_imms(sl_validator *v, const sl_instr *in)
{
    const char *imms = sl_ops[in->op].imms;
    switch (*imms) {
    case 'm':
        return memarg(v, in, imms[1]);
    case 'M': /* memory.size, grow, fill */
        return memory_in_range(v, in, in->index[0]);
    case 'd': /* memory.init, data.drop */
        return (imms[1] != 'M' || memory_in_range(v, in, in->index[1])) &&
               data_in_range(v, in);
    case 'e': /* table.init, elem.drop */
        return imms[1] == 't' ? table_init_types(v, in) : elem_in_range(v, in);
    case 't': /* table.size */
        return table_size_type(v, in);
    default: /* constants */
        return true;
    }
}

static bool ref_is_null(sl_validator *v, const sl_instr *in)
{
    sl_valtype type;
    if (!pop_any(v, in, &type))
        return false;
    if (type != UNKNOWN && !sl_valtype_is_ref(type))
        return invalid(v, in, "type mismatch: ref.is_null of %s",
                       sl_valtype_text(type));
    return push(v, SL_I32);
}

static bool ref_func(sl_validator *v, const sl_instr *in)
{
    uint32_t index = in->index[0];
    if (index >= v->module->n_funcs)
        return invalid(v, in, "unknown function %u", (unsigned)index);
    if (!v->declared[index])
        return invalid(v, in, "undeclared function reference: function %u",
                       (unsigned)index);
    return push(v, SL_FUNCREF);
}

/* The instructions whose types depend on more than their row. */
static bool special(sl_validator *v, const sl_instr *in)
{
    sl_valtype type;
    switch (in->op) {
    case SL_OP_UNREACHABLE:
        set_unreachable(v);
        return true;
    case SL_OP_BLOCK:
    case SL_OP_LOOP:
    case SL_OP_IF:
        return block(v, in);
    case SL_OP_ELSE:
        return else_(v, in);
    case SL_OP_END:
        return end(v, in);
    case SL_OP_BR:
        return br(v, in, in->index[0]);
    case SL_OP_BR_IF:
        return pop(v, in, SL_I32) && br(v, in, in->index[0]);
    case SL_OP_BR_TABLE:
        return br_table(v, in);
    case SL_OP_RETURN:
        return return_(v, in);
    case SL_OP_CALL:
    case SL_OP_RETURN_CALL:
        return call_direct(v, in);
    case SL_OP_CALL_INDIRECT:
    case SL_OP_RETURN_CALL_INDIRECT:
        return call_indirect(v, in);
    case SL_OP_THROW:
    case SL_OP_THROW_REF:
        return throw_(v, in);
    case SL_OP_TRY_TABLE:
        return try_table(v, in);
    case SL_OP_DROP:
        return pop_any(v, in, &type);
    case SL_OP_SELECT:
        return select_untyped(v, in);
    case SL_OP_SELECT_T:
        return select_typed(v, in);
    case SL_OP_LOCAL_GET:
    case SL_OP_LOCAL_SET:
    case SL_OP_LOCAL_TEE:
        return local(v, in);
    case SL_OP_GLOBAL_GET:
    case SL_OP_GLOBAL_SET:
        return global(v, in);
    case SL_OP_TABLE_GET:
    case SL_OP_TABLE_SET:
    case SL_OP_TABLE_GROW:
    case SL_OP_TABLE_FILL:
        return table_access(v, in);
    case SL_OP_TABLE_COPY:
        return table_copy(v, in);
    case SL_OP_MEMORY_COPY:
        return memory_copy(v, in);
    case SL_OP_REF_NULL:
        type = (sl_valtype)(in->type + 0x80);
        return gate_type(v, in, type) && push(v, type);
    case SL_OP_REF_IS_NULL:
        return ref_is_null(v, in);
    case SL_OP_REF_FUNC:
        return ref_func(v, in);
    default:
        return invalid(v, in, "illegal opcode: %s has no rule",
                       sl_ops[in->op].text);
    }
}

static inline bool step(sl_validator *v, const sl_instr *in)
{
    const sl_op_info *info = &sl_ops[in->op];
    if (info->sig == NULL)
        return special(v, in);
    if (info->imms[0] != '\0' && !check_imms(v, in))
        return false;
    return apply(v, in, info->sig);
}

/* A pure instruction's types for quick_step, from its row. */
static void set_pure(const sl_validator *v, sl_quick *q, const char *sig)
{
    size_t n = strcspn(sig, ":");
    if (n == 0 || n > 2 || strlen(sig) > n + 2)
        return;
    q->kind = n == 1 ? SL_QUICK_UNARY : SL_QUICK_BINARY;
    q->under = (uint8_t)type_of(v, sig[0]);
    q->top = (uint8_t)type_of(v, sig[n - 1]);
    q->push = (uint8_t)type_of(v, sig[n + 1]);
}

static void set_quick(sl_validator *v)
{
    for (unsigned op = 1; op < SL_N_OPS; op++) {
        const sl_op_info *info = &sl_ops[op];
        sl_quick *q = &v->quick[info->code];
        if (info->prefix != 0 || info->sig == NULL)
            continue;
        if (info->imms[0] == 'm') {
            set_pure(v, q, info->sig);
            q->kind =
                q->kind == SL_QUICK_UNARY ? SL_QUICK_LOAD : SL_QUICK_STORE;
            q->align = natural_align(info->imms[1]);
        } else if (info->imms[0] == '\0' &&
                   info->sig[strlen(info->sig) - 1] != ':') {
            set_pure(v, q, info->sig);
        }
    }
    v->quick[sl_ops[SL_OP_LOCAL_GET].code].kind = SL_QUICK_LOCAL_GET;
    v->quick[sl_ops[SL_OP_LOCAL_SET].code].kind = SL_QUICK_LOCAL_SET;
    v->quick[sl_ops[SL_OP_LOCAL_TEE].code].kind = SL_QUICK_LOCAL_TEE;
    v->quick[sl_ops[SL_OP_I32_CONST].code].kind = SL_QUICK_I32_CONST;
}

void sl_validator_init(sl_validator *v, const sl_module *module,
                       const sl_core_features *features)
{
    *v =
        (sl_validator){.module = module, .features = *features, .addr = SL_I32};
    set_quick(v);
}

/* Bytes of a memarg of memory 0 that is plainly right, 0 for others: set_quick
 * takes the addresses to be of 32 bits. */
static inline size_t quick_memarg(const sl_validator *v, const uint8_t *p,
                                  uint8_t align)
{
    if (p[0] > align || !v->quick_memory)
        return 0;
    return p[1] < 0x80 ? 2 : p[2] < 0x80 ? 3 : 0;
}

/* The commonest instructions where they are plainly right: most of what
 * compilers emit, with one jump for each. False: nothing was done; take the
 * long way, which also finds the words. */
static inline bool quick_step(sl_validator *v)
{
    const uint8_t *p = v->r.pos;
    sl_valtype *operands = v->operands.v;
    size_t n = v->operands.n, have = n - top(v)->height, len = 1;
    if (v->r.end - p < 4)
        return false;
    const sl_quick *q = &v->quick[p[0]];
    switch (q->kind) {
    case SL_QUICK_LOCAL_GET:
        if (p[1] >= v->n_near || n == v->operands.cap)
            return false;
        operands[n++] = v->near[p[1]];
        len = 2;
        break;
    case SL_QUICK_LOCAL_SET:
    case SL_QUICK_LOCAL_TEE:
        if (p[1] >= v->n_near || have == 0 || operands[n - 1] != v->near[p[1]])
            return false;
        n -= q->kind == SL_QUICK_LOCAL_SET;
        len = 2;
        break;
    case SL_QUICK_I32_CONST:
        if (p[1] >= 0x80 || n == v->operands.cap)
            return false;
        operands[n++] = SL_I32;
        len = 2;
        break;
    case SL_QUICK_LOAD:
        len = quick_memarg(v, p + 1, q->align) + 1;
        if (len == 1)
            return false;
        /* fall through */
    case SL_QUICK_UNARY:
        if (have < 1 || operands[n - 1] != q->top)
            return false;
        operands[n - 1] = q->push;
        break;
    case SL_QUICK_BINARY:
        if (have < 2 || operands[n - 1] != q->top ||
            operands[n - 2] != q->under)
            return false;
        operands[--n - 1] = q->push;
        break;
    case SL_QUICK_STORE:
        len = quick_memarg(v, p + 1, q->align) + 1;
        if (len == 1 || have < 2 || operands[n - 1] != q->top ||
            operands[n - 2] != q->under)
            return false;
        n -= 2;
        break;
    default:
        return false;
    }
    v->operands.n = n;
    v->r.pos = p + len;
    return true;
}

/* --- Bodies ------------------------------------------------------------ */

static bool add_run(sl_validator *v, uint32_t n, sl_valtype type)
{
    if (n == 0)
        return true;
    for (uint32_t i = v->n_locals; i < SL_NEAR_LOCALS && i < v->n_locals + n;
         i++)
        v->near[i] = type;
    v->n_locals += n;
    v->n_near = v->n_locals < SL_NEAR_LOCALS ? v->n_locals : SL_NEAR_LOCALS;
    if (v->runs.n > 0 && sl_vec_last(&v->runs).type == type) {
        sl_vec_last(&v->runs).end = v->n_locals;
        return true;
    }
    return sl_vec_push(&v->runs, (sl_local_run){v->n_locals, type}) ||
           no_memory(v);
}

/* "Binary Format / Code Section": runs of locals. With v NULL the grammar
 * alone is checked. */
static bool read_locals(sl_reader *r, sl_validator *v, uint32_t n_params)
{
    uint64_t total = n_params;
    uint32_t runs = sl_read_u32(r);
    for (uint32_t i = 0; i < runs && sl_reader_ok(r); i++) {
        const uint8_t *at = r->pos;
        uint32_t n = sl_read_u32(r);
        total += n;
        if (total > UINT32_MAX) {
            r->pos = at;
            return sl_reader_fail(r, SL_EMALFORMED, "too many locals");
        }
        at = r->pos;
        sl_valtype type = sl_read_valtype(r);
        if (v == NULL || !sl_reader_ok(r))
            continue;
        if (type == SL_EXNREF && !v->features.exceptions) {
            r->pos = at;
            return sl_reader_fail(r, SL_EUNSUPPORTED,
                                  "unsupported type exnref: exception "
                                  "handling");
        }
        if (total <= SL_MAX_LOCALS && !add_run(v, n, type))
            return false;
    }
    if (sl_reader_ok(r) && v != NULL && total > SL_MAX_LOCALS)
        return sl_reader_fail(r, SL_ELIMIT, "too many locals: %llu",
                              (unsigned long long)total);
    return sl_reader_ok(r);
}

static bool start_body(sl_validator *v, const sl_functype *type)
{
    v->operands.n = v->controls.n = v->runs.n = 0;
    v->n_locals = v->n_near = 0;
    v->quick_memory =
        v->module->n_memories != 0 && !v->module->memories[0].limits.is64;
    for (uint32_t i = 0; i < type->n_params; i++)
        if (!add_run(v, 1, type->types[i]))
            return false;
    sl_control frame = {.op = SL_OP_BLOCK,
                        .types = sl_functype_results(type),
                        .n_results = type->n_results};
    return read_locals(&v->r, v, type->n_params) && enter(v, &frame);
}

bool sl_validate_body(sl_validator *v, const sl_func *func, sl_err *err)
{
    sl_instr in;
    v->r = sl_reader_over(func->body, func->body_len, func->at, err);
    if (!start_body(v, &v->module->types[func->type]))
        return false;
    while (v->controls.n > 0)
        if (!quick_step(v) && (!sl_read_instr(&v->r, &in) || !step(v, &in)))
            return false;
    if (v->r.pos != v->r.end)
        return sl_reader_fail(&v->r, SL_EMALFORMED,
                              "section size mismatch: bytes behind the "
                              "function's end");
    return true;
}

/* Which arm each open block is in, to tell where `else` may stand. */
typedef SL_VEC(uint8_t) open_blocks;

static bool scan_step(open_blocks *open, sl_reader *r, const sl_instr *in)
{
    switch (in->op) {
    case SL_OP_BLOCK:
    case SL_OP_LOOP:
    case SL_OP_IF:
    case SL_OP_TRY_TABLE:
        return sl_vec_push(open, (uint8_t)in->op) ||
               sl_reader_fail(r, SL_ENOMEM, "out of memory");
    case SL_OP_ELSE:
        if (sl_vec_last(open) != SL_OP_IF)
            return sl_fail(r->err, SL_EMALFORMED, in->at,
                           "END opcode expected"),
                   false;
        sl_vec_last(open) = SL_OP_ELSE;
        return true;
    case SL_OP_END:
        open->n--;
        return true;
    default:
        return true;
    }
}

static bool scan_instrs(const sl_validator *v, open_blocks *open, sl_reader *r)
{
    sl_instr in;
    if (!sl_vec_push(open, (uint8_t)SL_OP_BLOCK))
        return sl_reader_fail(r, SL_ENOMEM, "out of memory");
    while (open->n > 0) {
        if (!sl_read_instr(r, &in) || !scan_step(open, r, &in))
            return false;
        if (sl_ops[in.op].imms[0] == 'd' && !v->has_data_count)
            return sl_fail(r->err, SL_EMALFORMED, in.at,
                           "data count section required"),
                   false;
    }
    return true;
}

bool sl_scan_body(const sl_validator *v, const sl_func *func, sl_err *err)
{
    open_blocks open = {0};
    const sl_module *m = v->module;
    size_t left = m->len - (size_t)(func->body - m->bytes);
    sl_reader r = sl_reader_over(func->body, left, func->at, err);
    bool ok = read_locals(&r, NULL, 0) && scan_instrs(v, &open, &r);
    sl_vec_deinit(&open);
    if (ok && r.pos != func->body + func->body_len)
        return sl_reader_fail(&r, SL_EMALFORMED, "section size mismatch");
    return ok;
}

/* --- Constant expressions ---------------------------------------------- */

/* "Validation / Constant Expressions" */
static bool is_constant(sl_validator *v, const sl_instr *in, uint32_t n_globals)
{
    switch (in->op) {
    case SL_OP_END:
    case SL_OP_I32_CONST:
    case SL_OP_I64_CONST:
    case SL_OP_F32_CONST:
    case SL_OP_F64_CONST:
    case SL_OP_REF_NULL:
        return true;
    case SL_OP_REF_FUNC:
        if (in->index[0] < v->module->n_funcs)
            v->declared[in->index[0]] = 1;
        return true;
    case SL_OP_GLOBAL_GET:
        if (in->index[0] >= n_globals)
            return invalid(v, in, "unknown global %u", (unsigned)in->index[0]);
        if (v->module->globals[in->index[0]].type.mutable_)
            break;
        return true;
    case SL_OP_I32_ADD:
    case SL_OP_I32_SUB:
    case SL_OP_I32_MUL:
    case SL_OP_I64_ADD:
    case SL_OP_I64_SUB:
    case SL_OP_I64_MUL:
        if (v->features.extended_const)
            return true;
        break;
    default:
        break;
    }
    return invalid(v, in, "constant expression required");
}

bool sl_validate_constexpr(sl_validator *v, sl_constexpr expr, sl_valtype type,
                           uint32_t n_globals, sl_err *err)
{
    const sl_module *m = v->module;
    uint64_t at = m->origin + (uint64_t)(expr.code - m->bytes);
    sl_control frame = {.op = SL_OP_BLOCK, .types = &type, .n_results = 1};
    sl_instr in;
    v->r = sl_reader_over(expr.code, expr.len, at, err);
    v->operands.n = v->controls.n = 0;
    if (!enter(v, &frame))
        return false;
    while (v->controls.n > 0)
        if (!sl_read_instr(&v->r, &in) || !is_constant(v, &in, n_globals) ||
            !step(v, &in))
            return false;
    return true;
}
