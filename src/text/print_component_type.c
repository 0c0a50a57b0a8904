/* Types of components, from binary to text.
 * Binary.md "Type Definitions"; Explainer.md "Type Definitions". */
#include "text/print_component_int.h"

static void malformed(sl_reader *r, uint8_t byte, const char *what)
{
    sl_reader_fail(r, SL_EMALFORMED, "invalid leading byte (0x%x) for %s", byte,
                   what);
}

static const char *word_of(const sl_ct_word *words, uint8_t code)
{
    for (; words->word != NULL; words++)
        if (words->code == code)
            return words->word;
    return NULL;
}

/* --- Value types ------------------------------------------------------------
 */

void sl_pc_valtype(sl_pc *p, sl_reader *r)
{
    int64_t code = sl_read_s33(r);
    if (code >= 0) {
        sl_pc_index(p, SL_SORT_TYPE, (uint32_t)code);
        return;
    }
    const char *word = word_of(sl_ct_primitives, (uint8_t)(code & 0x7f));
    if (word == NULL || code < -64)
        malformed(r, (uint8_t)(code & 0x7f), "value type");
    else
        sl_pc_text(p, word);
}

void sl_pc_valtype_of(sl_pc *p, sl_reader *r, bool named)
{
    sl_reader ahead = *r;
    sl_err ignored = {0};
    ahead.err = &ignored;
    int64_t code = sl_read_s33(&ahead);
    if (named || code < 0)
        sl_pc_valtype(p, r);
    else
        sl_buf_printf(p->out, "%u", (unsigned)sl_read_s33(r));
}

static bool read_flag(sl_reader *r)
{
    uint8_t byte = sl_read_u8(r);
    if (byte > 1)
        malformed(r, byte, "optional type");
    return byte == 1;
}

/* " T" if there is one. */
static void optional_valtype(sl_pc *p, sl_reader *r)
{
    if (!read_flag(r))
        return;
    sl_pc_text(p, " ");
    sl_pc_valtype(p, r);
}

static void labelled(sl_pc *p, sl_reader *r, const char *word)
{
    for (uint32_t n = sl_read_count(r, 2); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_text(p, word);
        sl_pc_string(p, sl_read_name(r));
        sl_pc_text(p, " ");
        sl_pc_valtype(p, r);
        sl_pc_text(p, ")");
    }
}

static void cases(sl_pc *p, sl_reader *r)
{
    for (uint32_t n = sl_read_count(r, 3); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_text(p, " (case ");
        sl_pc_string(p, sl_read_name(r));
        optional_valtype(p, r);
        uint8_t zero = sl_read_u8(r);
        if (zero != 0)
            malformed(r, zero, "zero byte required");
        sl_pc_text(p, ")");
    }
}

static void labels(sl_pc *p, sl_reader *r)
{
    for (uint32_t n = sl_read_count(r, 1); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_text(p, " ");
        sl_pc_string(p, sl_read_name(r));
    }
}

static void one_type(sl_pc *p, sl_reader *r)
{
    sl_pc_text(p, " ");
    sl_pc_valtype(p, r);
}

static void result_type(sl_pc *p, sl_reader *r)
{
    optional_valtype(p, r);
    if (read_flag(r)) {
        sl_pc_text(p, " (error");
        one_type(p, r);
        sl_pc_text(p, ")");
    }
}

static void handle_type(sl_pc *p, sl_reader *r)
{
    sl_pc_text(p, " ");
    sl_pc_index(p, SL_SORT_TYPE, sl_read_u32(r));
}

static void tuple_type(sl_pc *p, sl_reader *r)
{
    for (uint32_t n = sl_read_count(r, 1); n > 0 && sl_reader_ok(r); n--)
        one_type(p, r);
}

static void record_type(sl_pc *p, sl_reader *r)
{
    labelled(p, r, " (field ");
}

static void fixed_list(sl_pc *p, sl_reader *r)
{
    one_type(p, r);
    sl_buf_printf(p->out, " %u", sl_read_u32(r));
}

static void map_type(sl_pc *p, sl_reader *r)
{
    one_type(p, r);
    one_type(p, r);
}

static const struct compound {
    uint8_t code;
    const char *word;
    void (*body)(sl_pc *p, sl_reader *r);
} compounds[] = {
    {0x72, "record", record_type},
    {0x71, "variant", cases},
    {0x70, "list", one_type},
    {0x67, "list", fixed_list},
    {0x6f, "tuple", tuple_type},
    {0x6e, "flags", labels},
    {0x6d, "enum", labels},
    {0x6b, "option", one_type},
    {0x6a, "result", result_type},
    {0x69, "own", handle_type},
    {0x68, "borrow", handle_type},
    {0x66, "stream", optional_valtype},
    {0x65, "future", optional_valtype},
    {0x63, "map", map_type},
};

static void defvaltype(sl_pc *p, sl_reader *r, uint8_t code)
{
    const char *primitive = word_of(sl_ct_primitives, code);
    if (primitive != NULL) {
        sl_pc_text(p, primitive);
        return;
    }
    for (size_t i = 0; i < sizeof compounds / sizeof *compounds; i++)
        if (compounds[i].code == code) {
            sl_buf_printf(p->out, "(%s", compounds[i].word);
            compounds[i].body(p, r);
            sl_pc_text(p, ")");
            return;
        }
    malformed(r, code, "component defined type");
}

/* --- Functions, resources ----------------------------------------------------
 */

void sl_pc_result_list(sl_pc *p, sl_reader *r)
{
    uint8_t some = sl_read_u8(r);
    if (some > 1) {
        malformed(r, some, "component function results");
    } else if (some == 0) {
        sl_pc_text(p, " (result ");
        sl_pc_valtype(p, r);
        sl_pc_text(p, ")");
    } else {
        uint8_t zero = sl_read_u8(r);
        if (zero != 0)
            malformed(r, zero, "number of results");
    }
}

static void core_valtype(sl_pc *p, sl_reader *r);

static void resource(sl_pc *p, sl_reader *r)
{
    sl_pc_text(p, "(resource (rep ");
    core_valtype(p, r);
    sl_pc_text(p, ")");
    if (read_flag(r)) {
        sl_pc_text(p, " (dtor (core func ");
        sl_pc_index(p, SL_SORT_CORE_FUNC, sl_read_u32(r));
        sl_pc_text(p, "))");
    }
    sl_pc_text(p, ")");
}

/* --- Component and instance types --------------------------------------------
 */

static void import_or_export(sl_pc *p, sl_reader *r, const char *word)
{
    sl_buf_printf(p->out, "(%s ", word);
    sl_pc_externname(p, r);
    sl_pc_text(p, " ");
    sl_pc_externtype(p, r, true);
    sl_pc_text(p, ")");
}

static void declaration(sl_pc *p, sl_reader *r, bool component)
{
    uint8_t code = sl_read_u8(r);
    switch (code) {
    case 0x00:
        sl_pc_core_type(p, r, true);
        return;
    case 0x01:
        sl_pc_text(p, "(type");
        sl_pc_bind(p, SL_SORT_TYPE);
        sl_pc_text(p, " ");
        sl_pc_deftype(p, r);
        sl_pc_text(p, ")");
        return;
    case 0x02:
        sl_pc_alias(p, r);
        return;
    case 0x03:
        if (component) {
            import_or_export(p, r, "import");
            return;
        }
        break;
    case 0x04:
        import_or_export(p, r, "export");
        return;
    }
    malformed(r, code, "component or instance type declaration");
}

/* Declarations, a line each, in index spaces of their own. */
static void declarations(sl_pc *p, sl_reader *r, bool component,
                         void (*print)(sl_pc *, sl_reader *, bool))
{
    if (!sl_pc_enter(p, r))
        return;
    sl_pc_scope scope = {.outer = p->scope};
    p->scope = &scope;
    p->indent++;
    uint32_t n = sl_read_count(r, 2);
    for (uint32_t i = 0; i < n && sl_reader_ok(r); i++) {
        sl_pc_line(p);
        print(p, r, component);
    }
    p->indent--;
    p->scope = scope.outer;
    p->depth--;
    sl_vec_deinit(&scope.known); /* of aliases; it has no names */
    if (n > 0)
        sl_pc_line(p);
}

void sl_pc_deftype(sl_pc *p, sl_reader *r)
{
    uint8_t code = sl_read_u8(r);
    switch (code) {
    case 0x3f:
        resource(p, r);
        return;
    case 0x40:
    case 0x43:
        sl_pc_text(p, code == 0x43 ? "(func async" : "(func");
        labelled(p, r, " (param ");
        sl_pc_result_list(p, r);
        break;
    case 0x41:
    case 0x42:
        sl_pc_text(p, code == 0x41 ? "(component" : "(instance");
        declarations(p, r, code == 0x41, declaration);
        break;
    default:
        defvaltype(p, r, code);
        return;
    }
    sl_pc_text(p, ")");
}

static void typebound(sl_pc *p, sl_reader *r)
{
    uint8_t bound = sl_read_u8(r);
    if (bound > 1) {
        malformed(r, bound, "type bound");
    } else if (bound == 1) {
        sl_pc_text(p, " (sub resource)");
    } else {
        sl_pc_text(p, " (eq ");
        sl_pc_index(p, SL_SORT_TYPE, sl_read_u32(r));
        sl_pc_text(p, ")");
    }
}

static void valuebound(sl_pc *p, sl_reader *r, bool named)
{
    uint8_t bound = sl_read_u8(r);
    if (bound > 1) {
        malformed(r, bound, "value bound");
    } else if (bound == 1) {
        sl_pc_text(p, " ");
        sl_pc_valtype_of(p, r, named);
    } else {
        sl_pc_text(p, " (eq ");
        sl_pc_index(p, SL_SORT_VALUE, sl_read_u32(r));
        sl_pc_text(p, ")");
    }
}

void sl_pc_externtype(sl_pc *p, sl_reader *r, bool binds)
{
    sl_sort sort = sl_pc_read_sort(p, r, false);
    if (sort == SL_N_SORTS)
        return;
    bool core = sl_ct_sorts[sort].core;
    if (core && sort != SL_SORT_CORE_MODULE && sort != SL_SORT_CORE_DATA) {
        malformed(r, sl_ct_sorts[sort].code, "component external kind");
        return;
    }
    sl_pc_text(p, "(");
    sl_pc_sort(p, sort);
    /* It binds, but the type does not refer to what it describes. */
    bool named = binds && sl_pc_bind(p, sort);
    p->scope->count[sort] -= binds;
    if (sort == SL_SORT_TYPE) {
        typebound(p, r);
    } else if (sort == SL_SORT_VALUE) {
        valuebound(p, r, named);
    } else if (sort != SL_SORT_CORE_DATA) {
        sl_pc_text(p, " (type ");
        sl_pc_index(p, core ? SL_SORT_CORE_TYPE : SL_SORT_TYPE, sl_read_u32(r));
        sl_pc_text(p, ")");
    }
    p->scope->count[sort] += binds;
    sl_pc_text(p, ")");
}

/* --- Core types --------------------------------------------------------------
 */

static const sl_ct_word numbers[] = {
    {"i32", 0x7f},  {"i64", 0x7e}, {"f32", 0x7d}, {"f64", 0x7c},
    {"v128", 0x7b}, {"i8", 0x78},  {"i16", 0x77}, {NULL, 0},
};

static const sl_ct_heap *heap_of(uint8_t code)
{
    for (const sl_ct_heap *h = sl_ct_heaps; h->word != NULL; h++)
        if (h->code == code)
            return h;
    return NULL;
}

static void heaptype(sl_pc *p, sl_reader *r)
{
    int64_t code = sl_read_s33(r);
    const sl_ct_heap *heap =
        code < 0 && code >= -64 ? heap_of((uint8_t)(code & 0x7f)) : NULL;
    if (heap != NULL)
        sl_pc_text(p, heap->word);
    else if (code >= 0)
        sl_pc_index(p, SL_SORT_CORE_TYPE, (uint32_t)code);
    else
        malformed(r, (uint8_t)(code & 0x7f), "heap type");
}

static void core_valtype(sl_pc *p, sl_reader *r)
{
    uint8_t code = sl_read_u8(r);
    const char *number = word_of(numbers, code);
    const sl_ct_heap *heap = heap_of(code);
    if (number != NULL) {
        sl_pc_text(p, number);
    } else if (heap != NULL) {
        sl_pc_text(p, heap->shorthand);
    } else if (code == 0x63 || code == 0x64) {
        sl_pc_text(p, code == 0x63 ? "(ref null " : "(ref ");
        heaptype(p, r);
        sl_pc_text(p, ")");
    } else {
        malformed(r, code, "core value type");
    }
}

static void core_valtypes(sl_pc *p, sl_reader *r, const char *word)
{
    uint32_t n = sl_read_count(r, 1);
    if (n == 0)
        return;
    sl_buf_printf(p->out, " (%s", word);
    for (; n > 0 && sl_reader_ok(r); n--) {
        sl_pc_text(p, " ");
        core_valtype(p, r);
    }
    sl_pc_text(p, ")");
}

static void mutable_type(sl_pc *p, sl_reader *r)
{
    sl_buf type = {0}, *out = p->out;
    p->out = &type;
    core_valtype(p, r);
    p->out = out;
    bool mut = read_flag(r);
    sl_pc_text(p, mut ? "(mut " : "");
    sl_buf_bytes(out, type.data, type.len);
    sl_pc_text(p, mut ? ")" : "");
    out->failed |= type.failed;
    sl_buf_deinit(&type);
}

static void struct_fields(sl_pc *p, sl_reader *r)
{
    for (uint32_t n = sl_read_count(r, 2); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_text(p, " (field ");
        mutable_type(p, r);
        sl_pc_text(p, ")");
    }
}

/* comptype behind its code. */
static void comptype(sl_pc *p, sl_reader *r, uint8_t code)
{
    bool shared = code == 0x65;
    if (shared) {
        sl_pc_text(p, "(shared ");
        code = sl_read_u8(r);
    }
    switch (code) {
    case 0x60:
        sl_pc_text(p, "(func");
        core_valtypes(p, r, "param");
        core_valtypes(p, r, "result");
        break;
    case 0x5f:
        sl_pc_text(p, "(struct");
        struct_fields(p, r);
        break;
    case 0x5e:
        sl_pc_text(p, "(array ");
        mutable_type(p, r);
        break;
    default:
        malformed(r, code, "core type");
    }
    sl_pc_text(p, shared ? "))" : ")");
}

static void subtype(sl_pc *p, sl_reader *r, uint8_t code)
{
    if (code != 0x50 && code != 0x4f) {
        comptype(p, r, code);
        return;
    }
    sl_pc_text(p, code == 0x4f ? "(sub final" : "(sub");
    for (uint32_t n = sl_read_count(r, 1); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_text(p, " ");
        sl_pc_index(p, SL_SORT_CORE_TYPE, sl_read_u32(r));
    }
    sl_pc_text(p, " ");
    comptype(p, r, sl_read_u8(r));
    sl_pc_text(p, ")");
}

static void rec_group(sl_pc *p, sl_reader *r, bool core)
{
    sl_pc_text(p, core ? "(core rec" : "(rec");
    p->indent++;
    for (uint32_t n = sl_read_count(r, 2); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_line(p);
        sl_pc_text(p, "(type");
        sl_pc_bind(p, SL_SORT_CORE_TYPE);
        sl_pc_text(p, " ");
        subtype(p, r, sl_read_u8(r));
        sl_pc_text(p, ")");
    }
    p->indent--;
    sl_pc_text(p, ")");
}

/* --- Module types ------------------------------------------------------------
 */

static void limits(sl_pc *p, sl_reader *r)
{
    uint8_t flags = sl_read_u8(r);
    if (flags > 7) {
        malformed(r, flags, "limits");
        return;
    }
    sl_pc_text(p, flags & 4 ? " i64" : "");
    sl_buf_printf(p->out, " %llu", (unsigned long long)sl_read_u64(r));
    if (flags & 1)
        sl_buf_printf(p->out, " %llu", (unsigned long long)sl_read_u64(r));
    sl_pc_text(p, flags & 2 ? " shared" : "");
}

static void tabletype(sl_pc *p, sl_reader *r)
{
    sl_buf elem = {0}, *out = p->out;
    p->out = &elem;
    core_valtype(p, r);
    p->out = out;
    limits(p, r);
    sl_pc_text(p, " ");
    sl_buf_bytes(out, elem.data, elem.len);
    out->failed |= elem.failed;
    sl_buf_deinit(&elem);
}

static void core_externtype(sl_pc *p, sl_reader *r, bool import)
{
    uint8_t kind = sl_read_u8(r);
    if (import && kind == SL_CORE_DATA) {
        sl_pc_text(p, " (data)");
        return;
    }
    if (kind > 0x04) {
        malformed(r, kind, "external kind");
        return;
    }
    sl_buf_printf(p->out, " (%s", sl_ct_sorts[SL_SORT_CORE_FUNC + kind].word);
    if (kind == 0x01) {
        tabletype(p, r);
    } else if (kind == 0x02) {
        limits(p, r);
    } else if (kind == 0x03) {
        sl_pc_text(p, " ");
        mutable_type(p, r);
    } else {
        if (kind == 0x04 && sl_read_u8(r) != 0)
            sl_reader_fail(r, SL_EMALFORMED, "invalid tag attributes");
        sl_pc_text(p, " (type ");
        sl_pc_index(p, SL_SORT_CORE_TYPE, sl_read_u32(r));
        sl_pc_text(p, ")");
    }
    sl_pc_text(p, ")");
}

static void module_declaration(sl_pc *p, sl_reader *r, bool unused)
{
    (void)unused;
    uint8_t code = sl_read_u8(r);
    switch (code) {
    case 0x00:
        sl_pc_text(p, "(import ");
        sl_pc_string(p, sl_read_name(r));
        sl_pc_text(p, " ");
        sl_pc_string(p, sl_read_name(r));
        core_externtype(p, r, true);
        sl_pc_text(p, ")");
        return;
    case 0x01:
        sl_pc_core_type(p, r, false);
        return;
    case 0x02: {
        uint8_t sort = sl_read_u8(r), outer = sl_read_u8(r);
        if (sort != 0x10 || outer != 0x01)
            malformed(r, sort != 0x10 ? sort : outer, "outer alias kind");
        uint32_t count = sl_read_u32(r), index = sl_read_u32(r);
        sl_buf_printf(p->out, "(alias outer %u %u (type", count, index);
        sl_pc_bind(p, SL_SORT_CORE_TYPE);
        sl_pc_text(p, "))");
        return;
    }
    case 0x03:
        sl_pc_text(p, "(export ");
        sl_pc_string(p, sl_read_name(r));
        core_externtype(p, r, false);
        sl_pc_text(p, ")");
        return;
    default:
        malformed(r, code, "type definition");
    }
}

void sl_pc_core_type(sl_pc *p, sl_reader *r, bool core)
{
    uint8_t code = sl_read_u8(r);
    if (code == 0x4e) {
        rec_group(p, r, core);
        return;
    }
    sl_pc_text(p, core ? "(core type" : "(type");
    sl_pc_bind(p, SL_SORT_CORE_TYPE);
    sl_pc_text(p, " ");
    if (code == 0x00) { /* a non-final subtype, which begins like a module */
        code = sl_read_u8(r);
        if (code != 0x50)
            malformed(r, code, "core type");
        subtype(p, r, code);
    } else if (code == 0x50) {
        sl_pc_text(p, "(module");
        declarations(p, r, false, module_declaration);
        sl_pc_text(p, ")");
    } else {
        subtype(p, r, code);
    }
    sl_pc_text(p, ")");
}
