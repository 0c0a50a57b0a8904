/* Components from binary to text that parses back to the same binary (but for
 * custom sections, of which component-name gives the identifiers).
 * Binary.md; docs/data-segments.md, section 3. */
#include "component/component.h"
#include "text/print_component_int.h"

/* --- Pieces of text ------------------------------------------------------- */

void sl_pc_text(sl_pc *p, const char *text)
{
    sl_buf_bytes(p->out, text, strlen(text));
}

void sl_pc_line(sl_pc *p)
{
    sl_buf_u8(p->out, '\n');
    for (unsigned i = 0; i < p->indent; i++)
        sl_pc_text(p, "  ");
}

static void escaped(sl_pc *p, const uint8_t *bytes, size_t len, bool utf8)
{
    static const char hex[] = "0123456789abcdef";
    sl_buf_u8(p->out, '"');
    for (size_t i = 0; i < len; i++) {
        uint8_t b = bytes[i];
        bool plain = (b >= 0x20 && b < 0x7f && b != '"' && b != '\\') ||
                     (utf8 && b >= 0x80);
        if (!plain) {
            sl_buf_u8(p->out, '\\');
            if (b == '\n' || b == '\t' || b == '"' || b == '\\') {
                b = b == '\n' ? 'n' : b == '\t' ? 't' : b;
            } else {
                sl_buf_u8(p->out, (uint8_t)hex[b >> 4]);
                b = (uint8_t)hex[b & 15];
            }
        }
        sl_buf_u8(p->out, b);
    }
    sl_buf_u8(p->out, '"');
}

void sl_pc_string(sl_pc *p, sl_name name)
{
    escaped(p, (const uint8_t *)name.data, name.len, true);
}

void sl_pc_bytes(sl_pc *p, const uint8_t *bytes, size_t len)
{
    escaped(p, bytes, len, false);
}

bool sl_pc_enter(sl_pc *p, sl_reader *r)
{
    if (++p->depth <= SL_CT_MAX_DEPTH)
        return true;
    p->depth--;
    return sl_reader_fail(r, SL_ELIMIT, "nesting too deep");
}

/* --- Names ---------------------------------------------------------------- */

static bool is_idchar(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
           (c >= 'A' && c <= 'Z') ||
           (c != '\0' && strchr("!#$%&'*+-./:<=>?@\\^_`|~", c) != NULL);
}

static void put_id(sl_pc *p, sl_name id)
{
    sl_buf_u8(p->out, '$');
    for (size_t i = 0; i < id.len; i++)
        if (!is_idchar(id.data[i])) {
            sl_pc_string(p, id);
            return;
        }
    sl_buf_bytes(p->out, id.data, id.len);
}

static const sl_name *name_of(const sl_pc_scope *scope, sl_sort sort,
                              uint32_t index)
{
    size_t low = 0, high = scope->names[sort].n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const sl_ct_name *name = &scope->names[sort].v[middle];
        if (name->index == index)
            return &name->name;
        if (name->index < index)
            low = middle + 1;
        else
            high = middle;
    }
    return NULL;
}

void sl_pc_index(sl_pc *p, sl_sort sort, uint32_t index)
{
    const sl_name *name =
        index < p->scope->count[sort] ? name_of(p->scope, sort, index) : NULL;
    if (name != NULL)
        put_id(p, *name);
    else
        sl_buf_printf(p->out, "%u", index);
}

bool sl_pc_bind(sl_pc *p, sl_sort sort)
{
    uint32_t index = p->scope->count[sort]++;
    const sl_name *name = name_of(p->scope, sort, index);
    if (name != NULL) {
        sl_pc_text(p, " ");
        put_id(p, *name);
    }
    sl_buf_printf(p->out, " (;%u;)", index);
    return name != NULL;
}

/* A namemap; what is not in order, empty or there already is left out. */
static bool load_names(sl_pc_scope *scope, sl_reader *r, sl_sort sort)
{
    sl_map seen;
    sl_map_init(&seen);
    bool ok = scope->names[sort].n == 0;
    int64_t last = -1;
    for (uint32_t n = sl_read_count(r, 2); ok && n > 0; n--) {
        sl_ct_name name = {sort, sl_read_u32(r), {0}};
        name.name = sl_read_name(r);
        if (!sl_reader_ok(r) || name.index <= last)
            break;
        last = name.index;
        if (name.name.len > 0 && !sl_map_get(&seen, name.name, NULL))
            ok = sl_map_put(&seen, name.name, 0) &&
                 sl_vec_push(&scope->names[sort], name);
    }
    sl_map_deinit(&seen);
    return ok;
}

static sl_sort sort_of(uint8_t code, bool core)
{
    for (int i = 0; i < SL_N_SORTS; i++)
        if (sl_ct_sorts[i].core == core && sl_ct_sorts[i].code == code)
            return (sl_sort)i;
    return SL_N_SORTS;
}

/* Binary.md "Name Section": never an error, whatever is in it. */
static void read_name_section(sl_pc_scope *scope, sl_reader r, sl_name *own)
{
    sl_err ignored = {0};
    r.err = &ignored;
    while (sl_reader_left(&r) > 0) {
        uint8_t id = sl_read_u8(&r);
        sl_reader sub = sl_read_sub(&r, sl_read_u32(&r));
        if (id == 0x00) {
            *own = sl_read_name(&sub);
            continue;
        }
        uint8_t code = sl_read_u8(&sub);
        bool core = code == 0x00;
        sl_sort sort = sort_of(core ? sl_read_u8(&sub) : code, core);
        if (!sl_reader_ok(&sub) || id != 0x01 || sort == SL_N_SORTS ||
            !load_names(scope, &sub, sort))
            return;
    }
}

/* Looks through the sections for names before anything is printed. */
static void find_names(sl_pc_scope *scope, sl_reader r, sl_name *own)
{
    sl_err ignored = {0};
    r.err = &ignored;
    while (sl_reader_left(&r) > 0) {
        uint8_t id = sl_read_u8(&r);
        sl_reader section = sl_read_sub(&r, sl_read_u32(&r));
        if (id == SL_CT_CUSTOM && sl_reader_ok(&r) &&
            sl_name_is(sl_read_name(&section), "component-name"))
            read_name_section(scope, section, own);
    }
}

static void scope_deinit(sl_pc_scope *scope)
{
    for (int i = 0; i < SL_N_SORTS; i++)
        sl_vec_deinit(&scope->names[i]);
    sl_vec_deinit(&scope->known);
}

/* --- Sorts, names, aliases ------------------------------------------------ */

void sl_pc_sort(sl_pc *p, sl_sort sort)
{
    if (sl_ct_sorts[sort].core)
        sl_pc_text(p, "core ");
    sl_pc_text(p, sl_ct_sorts[sort].word);
}

sl_sort sl_pc_read_sort(sl_pc *p, sl_reader *r, bool core)
{
    (void)p;
    uint8_t code = sl_read_u8(r);
    if (!core && code == 0x00) {
        core = true;
        code = sl_read_u8(r);
    }
    sl_sort sort = sort_of(code, core);
    if (!sl_reader_ok(r))
        return SL_N_SORTS;
    if (sort == SL_N_SORTS)
        sl_reader_fail(r, SL_EMALFORMED, "invalid leading byte (0x%x) for %s",
                       code, core ? "core sort" : "component external kind");
    return sort;
}

/* "(core func 3)"; `word`: with `core` in front of core sorts. */
static void sortidx(sl_pc *p, sl_reader *r, bool core)
{
    sl_sort sort = sl_pc_read_sort(p, r, core);
    uint32_t index = sl_read_u32(r);
    if (sort == SL_N_SORTS)
        return;
    sl_pc_text(p, "(");
    if (core)
        sl_pc_text(p, sl_ct_sorts[sort].word);
    else
        sl_pc_sort(p, sort);
    sl_pc_text(p, " ");
    sl_pc_index(p, sort, index);
    sl_pc_text(p, ")");
}

void sl_pc_externname(sl_pc *p, sl_reader *r)
{
    static const char *const attribute[] = {"implements", "versionsuffix",
                                            "external-id"};
    uint8_t kind = sl_read_u8(r);
    if (kind > 0x02)
        sl_reader_fail(r, SL_EMALFORMED,
                       "invalid leading byte (0x%x) for component name", kind);
    sl_pc_string(p, sl_read_name(r));
    if (kind != 0x02)
        return;
    for (uint32_t n = sl_read_count(r, 2); n > 0 && sl_reader_ok(r); n--) {
        uint8_t code = sl_read_u8(r);
        if (code > 2) {
            sl_reader_fail(r, SL_EMALFORMED,
                           "invalid leading byte (0x%x) for name option", code);
            return;
        }
        sl_buf_printf(p->out, " (%s ", attribute[code]);
        sl_pc_string(p, sl_read_name(r));
        sl_pc_text(p, ")");
    }
}

void sl_pc_alias(sl_pc *p, sl_reader *r)
{
    sl_sort sort = sl_pc_read_sort(p, r, false);
    uint8_t kind = sl_read_u8(r);
    if (sort == SL_N_SORTS)
        return;
    if (kind > 0x02) {
        sl_reader_fail(r, SL_EMALFORMED,
                       "invalid leading byte (0x%x) for alias", kind);
        return;
    }
    if (kind == 0x02) {
        uint32_t count = sl_read_u32(r), index = sl_read_u32(r);
        sl_buf_printf(p->out, "(alias outer %u %u", count, index);
        const sl_pc_scope *from = p->scope;
        for (uint32_t i = 0; i < count && from != NULL; i++)
            from = from->outer;
        if (sort == SL_SORT_TYPE && from != NULL)
            sl_pc_know_same(p, from, index);
    } else {
        sl_pc_text(p, kind ? "(alias core export " : "(alias export ");
        sl_pc_index(p, kind ? SL_SORT_CORE_INSTANCE : SL_SORT_INSTANCE,
                    sl_read_u32(r));
        sl_pc_text(p, " ");
        sl_pc_string(p, sl_read_name(r));
    }
    sl_pc_text(p, " (");
    sl_pc_sort(p, sort);
    sl_pc_bind(p, sort);
    sl_pc_text(p, "))");
}

/* --- Instances ------------------------------------------------------------ */

static void inline_exports(sl_pc *p, sl_reader *r, bool core)
{
    for (uint32_t n = sl_read_count(r, 3); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_line(p);
        sl_pc_text(p, "(export ");
        if (core)
            sl_pc_string(p, sl_read_name(r));
        else
            sl_pc_externname(p, r);
        sl_pc_text(p, " ");
        sortidx(p, r, core);
        sl_pc_text(p, ")");
    }
}

static void instantiate(sl_pc *p, sl_reader *r, bool core)
{
    sl_pc_text(p, " (instantiate ");
    sl_pc_index(p, core ? SL_SORT_CORE_MODULE : SL_SORT_COMPONENT,
                sl_read_u32(r));
    for (uint32_t n = sl_read_count(r, 3); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_line(p);
        sl_pc_text(p, "(with ");
        sl_pc_string(p, sl_read_name(r));
        sl_pc_text(p, " ");
        sortidx(p, r, core);
        sl_pc_text(p, ")");
    }
    sl_pc_text(p, ")");
}

static void instance(sl_pc *p, sl_reader *r, bool core)
{
    /* The index is taken last: an instance does not refer to itself. */
    sl_sort sort = core ? SL_SORT_CORE_INSTANCE : SL_SORT_INSTANCE;
    sl_pc_text(p, core ? "(core instance" : "(instance");
    sl_pc_bind(p, sort);
    p->scope->count[sort]--;
    p->indent++;
    uint8_t kind = sl_read_u8(r);
    if (kind > 1)
        sl_reader_fail(r, SL_EMALFORMED, "invalid leading byte (0x%x) for %s",
                       kind, core ? "core instance" : "instance");
    else if (kind == 1)
        inline_exports(p, r, core);
    else
        instantiate(p, r, core);
    p->indent--;
    p->scope->count[sort]++;
    sl_pc_text(p, ")");
}

static void field_core_instance(sl_pc *p, sl_reader *r)
{
    instance(p, r, true);
}

static void field_instance(sl_pc *p, sl_reader *r)
{
    instance(p, r, false);
}

/* --- canon ---------------------------------------------------------------- */

static void option(sl_pc *p, sl_reader *r)
{
    uint8_t code = sl_read_u8(r);
    for (const sl_ct_option *o = sl_ct_options; o->word != NULL; o++)
        if (o->code == code) {
            sl_buf_printf(p->out, o->sort == SL_N_SORTS ? " %s" : " (%s ",
                          o->word);
            if (o->sort == SL_N_SORTS)
                return;
            if (o->sort == SL_SORT_CORE_TYPE) {
                sl_pc_index(p, o->sort, sl_read_u32(r));
                sl_pc_text(p, ")");
                return;
            }
            sl_buf_printf(p->out, "(core %s ", sl_ct_sorts[o->sort].word);
            sl_pc_index(p, o->sort, sl_read_u32(r));
            sl_pc_text(p, "))");
            return;
        }
    sl_reader_fail(r, SL_EMALFORMED,
                   "invalid leading byte (0x%x) for canonical option", code);
}

static void index_after(sl_pc *p, sl_reader *r, const char *before,
                        sl_sort sort, const char *after)
{
    sl_pc_text(p, before);
    sl_pc_index(p, sort, sl_read_u32(r));
    sl_pc_text(p, after);
}

static void flag(sl_pc *p, sl_reader *r, const char *word)
{
    uint8_t byte = sl_read_u8(r);
    if (byte > 1)
        sl_reader_fail(r, SL_EMALFORMED, "invalid boolean value %u", byte);
    sl_pc_text(p, byte ? word : "");
}

/* i32 goes without saying for data built-ins. */
static void pointer_type(sl_pc *p, sl_reader *r, bool data)
{
    uint8_t code = sl_read_u8(r);
    if (code != SL_I32 && code != SL_I64)
        sl_reader_fail(r, SL_EMALFORMED, "invalid core value type 0x%x", code);
    sl_pc_text(p, code == SL_I64 ? " i64" : data ? "" : " i32");
}

static void function_after(sl_pc *p, sl_reader *r, const char *before,
                           sl_sort sort, const char *what)
{
    uint8_t zero = sl_read_u8(r);
    if (zero != 0)
        sl_reader_fail(r, SL_EMALFORMED,
                       "invalid leading byte (0x%x) for canonical function %s",
                       zero, what);
    index_after(p, r, before, sort, ")");
}

/* The letters of canon.def, but for the type at the end of lift. */
static void immediate(sl_pc *p, sl_reader *r, char letter, bool data)
{
    switch (letter) {
    case 'F':
        function_after(p, r, " (core func ", SL_SORT_CORE_FUNC, "lift");
        break;
    case 'f':
        function_after(p, r, " (func ", SL_SORT_FUNC, "lower");
        break;
    case 'o':
        for (uint32_t n = sl_read_count(r, 1); n > 0 && sl_reader_ok(r); n--)
            option(p, r);
        break;
    case 'r':
    case 's':
    case 'u':
        index_after(p, r, " ", SL_SORT_TYPE, "");
        break;
    case 'R':
        sl_pc_result_list(p, r);
        break;
    case 'a':
        flag(p, r, " async");
        break;
    case 'c':
        flag(p, r, " cancellable");
        break;
    case 'v':
        pointer_type(p, r, data);
        break;
    case 'n':
        sl_buf_printf(p->out, " %u", sl_read_u32(r));
        break;
    case 'm':
        index_after(p, r, " (memory (core memory ", SL_SORT_CORE_MEMORY, "))");
        break;
    case 'd':
        index_after(p, r, " ", SL_SORT_CORE_DATA, "");
        break;
    case 'k':
        index_after(p, r, " ", SL_SORT_CORE_TYPE, "");
        break;
    case 't':
        index_after(p, r, " (core table ", SL_SORT_CORE_TABLE, ")");
        break;
    }
}

static const sl_canon_row *canon_row(sl_reader *r)
{
    uint8_t code = sl_read_u8(r);
    for (int i = 0; i < SL_N_CANONS; i++)
        if (sl_canons[i].code == code)
            return &sl_canons[i];
    sl_reader_fail(r, SL_EMALFORMED,
                   "invalid leading byte (0x%x) for canonical function", code);
    return NULL;
}

static void field_canon(sl_pc *p, sl_reader *r)
{
    const sl_canon_row *row = canon_row(r);
    if (row == NULL)
        return;
    bool lift = row == &sl_canons[SL_CANON_LIFT];
    sl_buf body = {0}, *out = p->out;
    p->out = &body;
    for (const char *letter = row->imms; *letter != '\0'; letter++)
        immediate(p, r, *letter, strchr(row->imms, 'd') != NULL);
    p->out = out;
    sl_pc_text(p, lift ? "(func" : "(core func");
    sl_pc_bind(p, lift ? SL_SORT_FUNC : SL_SORT_CORE_FUNC);
    if (lift)
        index_after(p, r, " (type ", SL_SORT_TYPE, ")");
    sl_buf_printf(p->out, " (canon %s", row->text);
    sl_buf_bytes(p->out, body.data, body.len);
    out->failed |= body.failed;
    sl_buf_deinit(&body);
    sl_pc_text(p, "))");
}

/* --- Data, values, start -------------------------------------------------- */

#define BYTES_PER_LINE 64

void sl_pc_byte_lines(sl_pc *p, const uint8_t *bytes, size_t len)
{
    p->indent++;
    for (size_t i = 0; bytes != NULL && i < len; i += BYTES_PER_LINE) {
        size_t left = len - i;
        if (len > BYTES_PER_LINE)
            sl_pc_line(p);
        else
            sl_pc_text(p, " ");
        sl_pc_bytes(p, bytes + i,
                    left < BYTES_PER_LINE ? left : BYTES_PER_LINE);
    }
    p->indent--;
}

static void external_data(sl_pc *p, sl_reader *r)
{
    sl_pc_text(p, " (external ");
    sl_pc_string(p, sl_read_name(r));
    sl_buf_printf(p->out, " (size %llu)", (unsigned long long)sl_read_u64(r));
    uint8_t log = sl_read_u8(r), form = sl_read_u8(r);
    if (log > 63 || form > 1) {
        sl_reader_fail(r, SL_EMALFORMED, "invalid core data");
        return;
    }
    sl_buf_printf(p->out, " (chunk %llu)%s", 1ull << log, form ? " zstd" : "");
    p->indent++;
    for (uint32_t n = sl_read_count(r, 32); n > 0 && sl_reader_ok(r); n--) {
        sl_pc_line(p);
        if (form)
            sl_buf_printf(p->out, "(frame %u ", sl_read_u32(r));
        const uint8_t *digest = sl_read_bytes(r, 32);
        sl_pc_text(p, "(sha256 ");
        if (digest != NULL)
            sl_pc_bytes(p, digest, 32);
        sl_pc_text(p, form ? "))" : ")");
    }
    p->indent--;
    sl_pc_text(p, ")");
}

static void field_data(sl_pc *p, sl_reader *r)
{
    sl_pc_text(p, "(core data");
    sl_pc_bind(p, SL_SORT_CORE_DATA);
    uint8_t form = sl_read_u8(r);
    if (form == 0x01) {
        uint32_t len = sl_read_u32(r);
        sl_pc_byte_lines(p, sl_read_bytes(r, len), len);
    } else if (form == 0x03) {
        external_data(p, r);
    } else {
        sl_reader_fail(r, SL_EMALFORMED,
                       "invalid leading byte (0x%x) for core data", form);
    }
    sl_pc_text(p, ")");
}

static void field_value(sl_pc *p, sl_reader *r)
{
    sl_pc_text(p, "(value");
    bool named = sl_pc_bind(p, SL_SORT_VALUE);
    sl_pc_value(p, r, named);
    sl_pc_text(p, ")");
}

static void section_start(sl_pc *p, sl_reader *r)
{
    sl_pc_line(p);
    index_after(p, r, "(start (func ", SL_SORT_FUNC, ")");
    for (uint32_t n = sl_read_count(r, 1); n > 0 && sl_reader_ok(r); n--)
        index_after(p, r, " (value ", SL_SORT_VALUE, ")");
    uint32_t results = sl_read_u32(r);
    if (results > 1000)
        sl_reader_fail(r, SL_EMALFORMED, "too many start results");
    for (; results > 0 && sl_reader_ok(r); results--) {
        sl_pc_text(p, " (result (value");
        sl_pc_bind(p, SL_SORT_VALUE);
        sl_pc_text(p, "))");
    }
    sl_pc_text(p, ")");
}

/* --- Types, imports, exports ---------------------------------------------- */

static void field_type(sl_pc *p, sl_reader *r)
{
    sl_pc_text(p, "(type");
    sl_pc_bind(p, SL_SORT_TYPE);
    p->scope->count[SL_SORT_TYPE]--;
    sl_pc_text(p, " ");
    const uint8_t *start = r->pos;
    sl_pc_deftype(p, r);
    sl_pc_know(p, start, (size_t)(r->pos - start));
    p->scope->count[SL_SORT_TYPE]++;
    sl_pc_text(p, ")");
}

static void field_core_type(sl_pc *p, sl_reader *r)
{
    sl_pc_core_type(p, r, true);
}

/* The type that an import, or an export's item, is a further name for. */
static void know_item(sl_pc *p, sl_reader r, bool bound)
{
    sl_err ignored = {0};
    r.err = &ignored;
    if (sl_pc_read_sort(p, &r, false) != SL_SORT_TYPE ||
        (bound && sl_read_u8(&r) != 0x00))
        return;
    uint32_t index = sl_read_u32(&r);
    if (sl_reader_ok(&r))
        sl_pc_know_same(p, p->scope, index);
}

static void field_import(sl_pc *p, sl_reader *r)
{
    sl_pc_text(p, "(import ");
    sl_pc_externname(p, r);
    sl_pc_text(p, " ");
    know_item(p, *r, true);
    sl_pc_externtype(p, r, true);
    sl_pc_text(p, ")");
}

static void field_export(sl_pc *p, sl_reader *r)
{
    sl_buf body = {0}, *out = p->out;
    p->out = &body;
    sl_pc_externname(p, r);
    sl_pc_text(p, " ");
    sl_reader ahead = *r;
    sl_sort sort = sl_pc_read_sort(p, &ahead, false);
    know_item(p, *r, false);
    sortidx(p, r, false);
    uint8_t typed = sl_read_u8(r);
    if (typed > 1)
        sl_reader_fail(
            r, SL_EMALFORMED,
            "invalid leading byte (0x%x) for optional component export type",
            typed);
    if (typed == 1) {
        sl_pc_text(p, " ");
        sl_pc_externtype(p, r, false);
    }
    p->out = out;
    sl_pc_text(p, "(export");
    if (sort != SL_N_SORTS)
        sl_pc_bind(p, sort);
    sl_pc_text(p, " ");
    sl_buf_bytes(out, body.data, body.len);
    out->failed |= body.failed;
    sl_buf_deinit(&body);
    sl_pc_text(p, ")");
}

/* --- Sections ------------------------------------------------------------- */

/* Modules print themselves, behind "(core module $id (;i;)". */
static void section_module(sl_pc *p, sl_reader *r)
{
    size_t len = sl_reader_left(r);
    const uint8_t *bytes = sl_read_bytes(r, len);
    sl_buf keyword = {0}, *out = p->out;
    p->out = &keyword;
    sl_pc_text(p, "core module");
    sl_pc_bind(p, SL_SORT_CORE_MODULE);
    sl_buf_u8(&keyword, 0);
    p->out = out;
    sl_buf_u8(out, '\n');
    if (keyword.failed)
        out->failed = true;
    else if (bytes != NULL &&
             sl_print_module_as(bytes, len, (const char *)keyword.data,
                                p->indent, out, p->err) &&
             !out->failed)
        out->len--; /* the newline at its end */
    sl_buf_deinit(&keyword);
}

static void component(sl_pc *p, sl_reader *r, const sl_pc_scope *outer);

static void section_component(sl_pc *p, sl_reader *r)
{
    const sl_pc_scope *outer = p->scope;
    sl_pc_line(p);
    component(p, r, outer);
    p->scope->count[SL_SORT_COMPONENT]++;
}

/* Sections that are a vec of fields, by their number. */
static void (*const fields[SL_CT_N_KINDS])(sl_pc *p, sl_reader *r) = {
    [SL_CT_CORE_INSTANCE] = field_core_instance,
    [SL_CT_CORE_TYPE] = field_core_type,
    [SL_CT_INSTANCE] = field_instance,
    [SL_CT_ALIAS] = sl_pc_alias,
    [SL_CT_TYPE] = field_type,
    [SL_CT_CANON] = field_canon,
    [SL_CT_IMPORT] = field_import,
    [SL_CT_EXPORT] = field_export,
    [SL_CT_VALUE] = field_value,
    [SL_CT_DATA] = field_data,
};

static void section(sl_pc *p, uint8_t id, sl_reader *r)
{
    if (id == SL_CT_CUSTOM) {
        sl_read_name(r);
        sl_read_bytes(r, sl_reader_left(r));
    } else if (id == SL_CT_CORE_MODULE) {
        section_module(p, r);
    } else if (id == SL_CT_COMPONENT) {
        section_component(p, r);
    } else if (id == SL_CT_START) {
        section_start(p, r);
    } else if (id < SL_CT_N_KINDS) {
        for (uint32_t n = sl_read_count(r, 1); n > 0 && sl_reader_ok(r); n--) {
            sl_pc_line(p);
            fields[id](p, r);
        }
    } else {
        sl_reader_fail(r, SL_EMALFORMED, "malformed section id: %u", id);
    }
    if (sl_reader_ok(r) && sl_reader_left(r) > 0)
        sl_reader_fail(r, SL_EMALFORMED, "section size mismatch");
}

static void header(sl_reader *r)
{
    const uint8_t *bytes = sl_read_bytes(r, 8);
    if (bytes != NULL && memcmp(bytes, "\0asm\x0d\0\x01\0", 8) != 0)
        sl_reader_fail(r, SL_EMALFORMED,
                       "expected a version header for a component");
}

/* A whole component; nested ones have their name from the one around them. */
static void component(sl_pc *p, sl_reader *r, const sl_pc_scope *outer)
{
    if (!sl_pc_enter(p, r))
        return;
    header(r);
    sl_pc_scope scope = {.outer = p->scope};
    sl_name own = {0};
    find_names(&scope, *r, &own);
    sl_pc_text(p, "(component");
    uint32_t index = outer != NULL ? outer->count[SL_SORT_COMPONENT] : 0;
    const sl_name *name =
        outer != NULL ? name_of(outer, SL_SORT_COMPONENT, index) : &own;
    if (name != NULL && name->len > 0) {
        sl_pc_text(p, " ");
        put_id(p, *name);
    }
    if (outer != NULL)
        sl_buf_printf(p->out, " (;%u;)", index);
    p->scope = &scope;
    p->indent++;
    size_t empty = p->out->len;
    while (sl_reader_ok(r) && sl_reader_left(r) > 0) {
        uint8_t id = sl_read_u8(r);
        sl_reader contents = sl_read_sub(r, sl_read_u32(r));
        if (sl_reader_ok(r))
            section(p, id, &contents);
    }
    p->indent--;
    p->scope = scope.outer;
    p->depth--;
    scope_deinit(&scope);
    if (p->out->len != empty)
        sl_pc_line(p);
    sl_pc_text(p, ")");
}

bool sl_print_component(const uint8_t *bytes, size_t len, sl_buf *out,
                        sl_err *err)
{
    sl_err mine = {0};
    sl_pc p = {.out = out, .err = &mine};
    sl_reader r = sl_reader_over(bytes, len, 0, &mine);
    component(&p, &r, NULL);
    sl_pc_text(&p, "\n");
    if (out->failed)
        sl_fail(&mine, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    if (mine.code != SL_OK)
        sl_fail(err, mine.code, mine.at, "%s", mine.msg);
    return mine.code == SL_OK;
}
