#include "fixture.h"

#include <stdlib.h>
#include <unistd.h>

static void test_engine__limits_are_presets(void **state)
{
    (void)state;
    sluice_limits strict = sluice_limits_strict(),
                  usual = sluice_limits_default(), none = sluice_limits_none();
    assert_true(strict.memory_bytes < usual.memory_bytes);
    assert_true(usual.memory_bytes < none.memory_bytes);
    assert_true(strict.tasks < usual.tasks && usual.tasks < none.tasks);
    assert_true(strict.handles < usual.handles &&
                usual.handles <= none.handles);
    assert_true(strict.call_bytes < usual.call_bytes);
    sluice_engine *engine = sluice_engine_new(&strict, NULL);
    assert_non_null(engine);
    sluice_engine_free(engine);
    sluice_engine_free(NULL);
    assert_string_equal(sluice_version(), SLUICE_VERSION);
}

static void test_engine__features(void **state)
{
    (void)state;
    sl_buf binary;
    sluice_error error = {0};
    to_binary("(component (type $r (resource (rep i32))))", &binary);
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    assert_false(sluice_engine_set_feature(engine, "no-such", true));
    assert_true(sluice_engine_set_feature(engine, "resources", false));
    assert_null(sluice_component_from_buffer(engine, binary.data, binary.len,
                                             false, &error));
    assert_int_equal(error.status, SLUICE_EUNSUPPORTED);
    assert_non_null(strstr(error.message, "resources"));
    assert_true(sluice_engine_set_feature(engine, "all", true));
    sluice_component *c = sluice_component_from_buffer(
        engine, binary.data, binary.len, false, &error);
    assert_non_null(c);
    sluice_component_free(c);
    sluice_engine_free(engine);
    sl_buf_deinit(&binary);
}

static void test_status__every_one_has_words(void **state)
{
    (void)state;
    for (int i = SLUICE_OK; i <= SLUICE_EDEADLOCK; i++)
        assert_true(strlen(sluice_status_text((sluice_status)i)) > 1);
}

/* --- Where components come from ------------------------------------------- */

static void test_component__from_a_file(void **state)
{
    (void)state;
    sl_buf binary;
    char path[64];
    sluice_error error = {0};
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    to_binary(MATH, &binary);
    temp_file(path, binary.data, binary.len);
    int fds = count_fds();
    sluice_component *c = sluice_component_open(engine, path, &error);
    assert_non_null(c);
    assert_int_equal(sluice_component_n_exports(c), 4);
    sluice_component_free(c);
    assert_int_equal(count_fds(), fds);
    assert_int_equal(truncate(path, (off_t)binary.len - 3), 0);
    assert_null(sluice_component_open(engine, path, &error));
    assert_int_equal(error.status, SLUICE_EMALFORMED);
    unlink(path);
    assert_null(sluice_component_open(engine, path, &error));
    assert_int_equal(error.status, SLUICE_EIO);
    assert_non_null(strstr(error.message, "No such file"));
    assert_null(sluice_component_open(engine, "/tmp", &error));
    assert_int_equal(error.status, SLUICE_EIO);
    assert_int_equal(count_fds(), fds);
    sl_buf_deinit(&binary);
    sluice_engine_free(engine);
}

static void test_component__what_is_wrong_and_where(void **state)
{
    (void)state;
    static const struct {
        const char *bytes;
        size_t len;
        sluice_status status;
        uint64_t offset;
    } rows[] = {
        {"", 0, SLUICE_EMALFORMED, 0},
        {"\0asn\x0d\0\1\0", 8, SLUICE_EMALFORMED, 0},
        {"\0asm\x0c\0\1\0", 8, SLUICE_EMALFORMED, 4},
        {"\0asm\1\0\0\0", 8, SLUICE_EUNSUPPORTED, 4},
        {"\0asm\x0d\0\1\0\x63\0", 10, SLUICE_EMALFORMED, 8},
        /* (core func (canon data.size 3 i32)) */
        {"\0asm\x0d\0\1\0\x08\x04\1\x51\3\x7f", 14, SLUICE_EINVALID, 11},
    };
    sluice_engine *engine = sluice_engine_new(NULL, NULL);
    for (size_t i = 0; i < N(rows); i++) {
        sluice_error error = {0};
        assert_null(sluice_component_from_buffer(
            engine, rows[i].bytes, rows[i].len, i % 2 == 0, &error));
        if (error.status != rows[i].status || error.offset != rows[i].offset)
            fail_msg("row %zu: %s at %llu: %s", i,
                     sluice_status_text(error.status),
                     (unsigned long long)error.offset, error.message);
        assert_true(error.message[0] != '\0');
        assert_null(strchr(error.message, '\n'));
        assert_null(sluice_component_from_buffer(engine, rows[i].bytes,
                                                 rows[i].len, false, NULL));
    }
    sluice_engine_free(engine);
}

typedef struct memory_source {
    const uint8_t *bytes;
    uint64_t limit; /* reads beyond it fail */
    int closed;
} memory_source;

static bool read_memory(void *arg, uint64_t at, void *to, size_t len)
{
    memory_source *m = arg;
    if (at + len > m->limit)
        return false;
    memcpy(to, m->bytes + at, len);
    return true;
}

static void close_memory(void *arg)
{
    ((memory_source *)arg)->closed++;
}

static void test_component__from_a_source(void **state)
{
    (void)state;
    sl_buf binary;
    sluice_error error = {0};
    sluice_engine *engine = sluice_engine_new(NULL, NULL);
    to_binary(MATH, &binary);
    for (uint64_t limit = 0; limit <= binary.len; limit++) {
        memory_source m = {binary.data, limit, 0};
        sluice_source source = {binary.len, read_memory, close_memory, &m};
        sluice_component *c =
            sluice_component_from_source(engine, &source, &error);
        if (limit < binary.len) {
            assert_null(c);
            assert_int_equal(error.status, SLUICE_EIO);
        } else {
            assert_non_null(c);
            assert_int_equal(m.closed, 0);
        }
        sluice_component_free(c);
        assert_int_equal(m.closed, 1);
    }
    sluice_source bare = {0, read_memory, NULL, &(memory_source){0}};
    assert_null(sluice_component_from_source(engine, &bare, &error));
    assert_int_equal(error.status, SLUICE_EMALFORMED);
    sluice_component_free(NULL);
    sl_buf_deinit(&binary);
    sluice_engine_free(engine);
}

/* --- Reflection -------------------------------------------------------------- */

static bool is(sluice_name name, const char *text)
{
    return name.len == strlen(text) && memcmp(name.data, text, name.len) == 0;
}

static void test_component__imports_and_exports(void **state)
{
    (void)state;
    fixture f;
    sluice_extern e, member;
    char text[128];
    fixture_init(&f,
                 "(component"
                 "  (import \"d\" (core data $d))"
                 "  (import \"f\" (func (param \"a\" string)))"
                 "  (import \"m\" (core module))"
                 "  (import \"c\" (component))"
                 "  (import \"t\" (type (eq u32)))"
                 "  (import \"a:b/c@1.2.0\" (instance"
                 "    (export \"g\" (func async (result (list u8))))"
                 "    (export \"i\" (instance (export \"h\" (func))))))"
                 "  (export \"d2\" (core data $d)))");
    sluice_component *c = f.component;
    static const sluice_extern_kind kinds[] = {
        SLUICE_EXTERN_DATA,      SLUICE_EXTERN_FUNC, SLUICE_EXTERN_MODULE,
        SLUICE_EXTERN_COMPONENT, SLUICE_EXTERN_TYPE, SLUICE_EXTERN_INSTANCE};
    static const char *const names[] = {"d", "f", "m", "c", "t", "a:b/c@1.2.0"};
    assert_int_equal(sluice_component_n_imports(c), N(kinds));
    for (size_t i = 0; i < N(kinds); i++) {
        assert_true(sluice_component_import(c, i, &e));
        assert_int_equal(e.kind, kinds[i]);
        assert_true(is(e.name, names[i]));
        assert_int_equal(e.instance != NULL, kinds[i] == SLUICE_EXTERN_INSTANCE);
        if (e.instance == NULL)
            assert_false(sluice_extern_member(&e, 0, &member));
    }
    assert_false(sluice_component_import(c, N(kinds), &e));
    assert_true(sluice_component_import(c, 1, &e));
    assert_string_equal(sluice_type_text(e.type, text, sizeof text),
                        "func(a: string)");
    assert_true(sluice_component_import(c, 4, &e));
    assert_int_equal(sluice_type_kind(e.type), SLUICE_U32);

    assert_true(sluice_component_import(c, 5, &e));
    assert_true(sluice_extern_member(&e, 0, &member));
    assert_string_equal(sluice_type_text(member.type, text, sizeof text),
                        "async func() -> list<u8>");
    assert_true(sluice_type_is_async(member.type));
    assert_true(sluice_extern_member(&e, 1, &member));
    assert_int_equal(member.kind, SLUICE_EXTERN_INSTANCE);
    assert_true(sluice_extern_member(&member, 0, &e));
    assert_true(is(e.name, "h"));
    assert_false(sluice_extern_member(&member, 1, &e));

    assert_int_equal(sluice_component_n_exports(c), 1);
    assert_true(sluice_component_export(c, 0, &e));
    assert_int_equal(e.kind, SLUICE_EXTERN_DATA);
    assert_true(is(e.name, "d2"));
    assert_false(sluice_component_export(c, 1, &e));
    fixture_deinit(&f);
}

static void test_extern__attributes(void **state)
{
    (void)state;
    fixture f;
    sluice_extern e, member;
    fixture_init(&f,
                 "(component"
                 "  (import \"plain\" (func))"
                 "  (import \"a:b/c@0.2\" (versionsuffix \".6-rc.1\")"
                 "    (external-id \"\")"
                 "    (instance $i (export \"f\" (external-id \"F\") (func))))"
                 "  (import \"i\" (implements \"a:b/c@1.2.3\") (instance))"
                 "  (export \"out\" (implements \"x:y/z\")"
                 "    (external-id \"e\") (instance $i)))");
    assert_true(sluice_component_import(f.component, 0, &e));
    assert_null(e.implements.data);
    assert_null(e.version_suffix.data);
    assert_null(e.external_id.data);
    assert_true(sluice_component_import(f.component, 1, &e));
    assert_true(is(e.version_suffix, ".6-rc.1"));
    assert_true(e.external_id.data != NULL && e.external_id.len == 0);
    assert_null(e.implements.data);
    assert_true(sluice_extern_member(&e, 0, &member));
    assert_true(is(member.external_id, "F"));
    assert_true(sluice_component_import(f.component, 2, &e));
    assert_true(is(e.implements, "a:b/c@1.2.3"));
    assert_null(e.version_suffix.data);
    assert_true(sluice_component_export(f.component, 0, &e));
    assert_true(is(e.name, "out") && is(e.implements, "x:y/z"));
    assert_true(is(e.external_id, "e"));
    assert_null(e.version_suffix.data);
    /* the exported instance is the imported one, with its members' own */
    assert_true(sluice_extern_member(&e, 0, &member));
    assert_true(is(member.external_id, "F"));
    fixture_deinit(&f);
}

static void test_type__every_kind(void **state)
{
    (void)state;
    static const struct {
        const char *wat, *text;
        sluice_kind kind;
        size_t n_parts;
        const char *elem; /* NULL: none */
    } rows[] = {
        {"bool", "bool", SLUICE_BOOL, 0, NULL},
        {"s8", "s8", SLUICE_S8, 0, NULL},
        {"u64", "u64", SLUICE_U64, 0, NULL},
        {"f32", "f32", SLUICE_F32, 0, NULL},
        {"char", "char", SLUICE_CHAR, 0, NULL},
        {"string", "string", SLUICE_STRING, 0, NULL},
        {"(list s16)", "list<s16>", SLUICE_LIST, 0, "s16"},
        {"(tuple u8 string)", "tuple<u8, string>", SLUICE_TUPLE, 2, NULL},
        {"(option f64)", "option<f64>", SLUICE_OPTION, 2, "f64"},
        {"(result u8 (error string))", "result<u8, string>", SLUICE_RESULT, 2,
         NULL},
        {"(result)", "result", SLUICE_RESULT, 2, NULL},
        {"(stream u8)", "stream<u8>", SLUICE_STREAM, 0, "u8"},
        {"(stream)", "stream", SLUICE_STREAM, 0, NULL},
        {"(future char)", "future<char>", SLUICE_FUTURE, 0, "char"},
        {"(record (field \"a\" u8) (field \"b\" bool))",
         "record { a: u8, b: bool }", SLUICE_RECORD, 2, NULL},
        {"(variant (case \"x\") (case \"y\" u32))", "variant { x, y(u32) }",
         SLUICE_VARIANT, 2, NULL},
        {"(enum \"p\" \"q\" \"r\")", "enum { p, q, r }", SLUICE_ENUM, 3, NULL},
        {"(flags \"m\" \"n\")", "flags { m, n }", SLUICE_FLAGS, 2, NULL},
    };
    for (size_t i = 0; i < N(rows); i++) {
        fixture f;
        sluice_extern e;
        char wat[256], text[128];
        snprintf(wat, sizeof wat,
                 "(component (type $t %s) (export \"t\" (type $t)))",
                 rows[i].wat);
        fixture_init(&f, wat);
        assert_true(sluice_component_export(f.component, 0, &e));
        assert_string_equal(sluice_type_text(e.type, text, sizeof text),
                            rows[i].text);
        assert_int_equal(sluice_type_kind(e.type), rows[i].kind);
        assert_int_equal(sluice_type_n_parts(e.type), rows[i].n_parts);
        assert_int_equal(sluice_type_fixed_length(e.type), 0);
        assert_int_equal(sluice_type_n_params(e.type), 0);
        assert_null(sluice_type_result(e.type));
        assert_false(sluice_type_is_async(e.type));
        const sluice_type *elem = sluice_type_elem(e.type);
        assert_int_equal(elem != NULL, rows[i].elem != NULL);
        if (elem != NULL)
            assert_string_equal(sluice_type_text(elem, text, sizeof text),
                                rows[i].elem);
        fixture_deinit(&f);
    }
}

static void test_type__parts(void **state)
{
    (void)state;
    fixture f;
    sluice_extern e;
    sluice_name label;
    const sluice_type *part;
    char text[8];
    fixture_init(&f, "(component"
                     "  (type $v (variant (case \"x\") (case \"y\" u32)))"
                     "  (export \"v\" (type $v))"
                     "  (type $o (option u8)) (export \"o\" (type $o))"
                     "  (type $r (result (error char)))"
                     "  (export \"r\" (type $r))"
                     "  (import \"f\" (func (param \"one\" u8)"
                     "    (param \"two\" string) (result bool))))");
    assert_true(sluice_component_export(f.component, 0, &e));
    assert_true(sluice_type_part(e.type, 0, &label, &part));
    assert_true(is(label, "x") && part == NULL);
    assert_true(sluice_type_part(e.type, 1, &label, &part));
    assert_true(is(label, "y") && sluice_type_kind(part) == SLUICE_U32);
    assert_false(sluice_type_part(e.type, 2, &label, &part));
    assert_true(sluice_component_export(f.component, 1, &e));
    assert_true(sluice_type_part(e.type, 0, &label, &part));
    assert_true(is(label, "none") && part == NULL);
    assert_true(sluice_type_part(e.type, 1, &label, &part));
    assert_true(is(label, "some") && sluice_type_kind(part) == SLUICE_U8);
    assert_true(sluice_component_export(f.component, 2, &e));
    assert_true(sluice_type_part(e.type, 0, &label, &part));
    assert_true(is(label, "ok") && part == NULL);
    assert_true(sluice_type_part(e.type, 1, &label, &part));
    assert_true(is(label, "error") && sluice_type_kind(part) == SLUICE_CHAR);

    assert_true(sluice_component_import(f.component, 0, &e));
    assert_int_equal(sluice_type_n_params(e.type), 2);
    assert_true(sluice_type_param(e.type, 1, &label, &part));
    assert_true(is(label, "two") && sluice_type_kind(part) == SLUICE_STRING);
    assert_false(sluice_type_param(e.type, 2, &label, &part));
    assert_int_equal(sluice_type_kind(sluice_type_result(e.type)), SLUICE_BOOL);
    assert_string_equal(sluice_type_text(e.type, text, sizeof text), "func(on");
    fixture_deinit(&f);
}

static void test_type__gated_kinds(void **state)
{
    (void)state;
    sl_buf binary;
    sluice_extern e;
    sluice_name label;
    const sluice_type *part;
    to_binary("(component (type $m (map string u32)) (export \"m\" (type $m))"
              "  (type $l (list u16 5)) (export \"l\" (type $l)))",
              &binary);
    sluice_engine *engine = sluice_engine_new(NULL, NULL);
    assert_true(sluice_engine_set_feature(engine, "all", true));
    sluice_component *c = sluice_component_from_buffer(
        engine, binary.data, binary.len, true, NULL);
    assert_non_null(c);
    assert_true(sluice_component_export(c, 0, &e));
    assert_int_equal(sluice_type_kind(e.type), SLUICE_MAP);
    assert_int_equal(sluice_type_n_parts(e.type), 2);
    assert_true(sluice_type_part(e.type, 0, &label, &part));
    assert_int_equal(sluice_type_kind(part), SLUICE_STRING);
    assert_true(sluice_type_part(e.type, 1, &label, &part));
    assert_int_equal(sluice_type_kind(part), SLUICE_U32);
    assert_true(sluice_component_export(c, 1, &e));
    assert_int_equal(sluice_type_fixed_length(e.type), 5);
    sluice_component_free(c);
    sluice_engine_free(engine);
    sl_buf_deinit(&binary);
}

/* --- Walking ------------------------------------------------------------------ */

typedef struct walked {
    char text[2048];
    int stop_at, n;
} walked;

static bool note(void *arg, const sluice_item *item)
{
    walked *w = arg;
    size_t len = strlen(w->text);
    snprintf(w->text + len, sizeof w->text - len, "%u %s %s %u %.*s %llu|",
             item->depth, item->sort, item->how, (unsigned)item->index,
             (int)item->name.len, item->name.data,
             (unsigned long long)(strcmp(item->sort, "core data") == 0
                                      ? item->size
                                      : 0));
    assert_non_null(item->detail);
    return ++w->n != w->stop_at;
}

static void test_component__walk(void **state)
{
    (void)state;
    fixture f;
    walked w = {.stop_at = -1};
    fixture_init(&f, "(component"
                     "  (core data $d \"abc\")"
                     "  (import \"e\" (core data $e))"
                     "  (component $C (core data \"\")"
                     "    (alias outer 1 0 (core data $x)))"
                     "  (core func $s (canon data.size $d))"
                     "  (core module $M (func (export \"f\")))"
                     "  (core instance $m (instantiate $M))"
                     "  (func $f (canon lift (core func $m \"f\")))"
                     "  (export \"f\" (func $f)))");
    sluice_component_walk(f.component, note, &w);
    static const char *const rows[] = {
        "0 component definition 0",
        "1 core data definition 0  3|",
        "1 core data import 1 e 0|",
        "1 component definition 0",
        "2 core data definition 0  0|",
        "2 core data alias 1  0|",
        "1 core func canon 0",
        "1 core module definition 0",
        "1 core instance definition 0",
        "1 func canon 0",
        "1 func export 1 f 0|",
    };
    const char *at = w.text;
    for (size_t i = 0; i < N(rows); i++) {
        const char *found = strstr(at, rows[i]);
        if (found == NULL)
            fail_msg("no `%s` in order in %s", rows[i], w.text);
        at = found + 1;
    }
    for (int stop = 1; stop <= w.n; stop++) {
        walked part = {.stop_at = stop};
        sluice_component_walk(f.component, note, &part);
        assert_int_equal(part.n, stop);
    }
    fixture_deinit(&f);
}

/* --- Chunks --------------------------------------------------------------- */

#define CHUNKS 300 /* their table is longer than what is read at a time */

typedef struct chunked {
    const sluice_component *component;
    uint32_t n_chunks; /* of the segment looked at */
    bool zstd, damaged;
    uint32_t seen, stop_at;
    uint64_t at, file_at;
    sluice_status status;
    int segments;
} chunked;

/* Frame i has 100 * i bytes; its digest begins with i. */
static bool look_at_chunk(void *arg, const sluice_item_chunk *chunk)
{
    chunked *c = arg;
    uint32_t i = c->seen++;
    assert_int_equal(chunk->offset, c->at);
    assert_int_equal(chunk->size, i + 1 < CHUNKS ? 4096 : 1);
    assert_int_equal(chunk->file_offset, c->file_at);
    assert_int_equal(chunk->stored, c->zstd ? 100 * i : chunk->size);
    if (!c->damaged) {
        assert_int_equal(chunk->digest[0], i & 0xff);
        assert_int_equal(chunk->digest[1], i >> 8);
        assert_int_equal(chunk->digest[31], 0xd1);
    }
    c->at += chunk->size;
    c->file_at += chunk->stored;
    return c->seen != c->stop_at;
}

static bool look_at_item(void *arg, const sluice_item *item)
{
    chunked *c = arg;
    sluice_error error = {0};
    c->seen = 0;
    c->at = c->file_at = 0;
    if (strcmp(item->sort, "core data") != 0) {
        assert_null(item->segment);
    } else if (item->size == 3) {
        assert_false(item->segment->external);
    } else {
        assert_true(item->segment->external);
        assert_int_equal(item->size, (CHUNKS - 1) * 4096 + 1);
        assert_int_equal(item->segment->n_chunks, CHUNKS);
        assert_int_equal(item->segment->chunk_size, 4096);
        assert_int_equal(item->segment->reference.len, 5);
        assert_memory_equal(item->segment->reference.data, "a/b.c", 5);
        c->zstd = item->segment->zstd;
        c->segments++;
    }
    c->status =
        sluice_component_chunks(c->component, item, look_at_chunk, c, &error);
    assert_int_equal(c->status, error.status);
    return true;
}

/* An inline segment, and an external one in each encoding. */
static void chunked_component(sl_buf *out)
{
    sl_buf body = {0};
    sl_buf_bytes(out, "\0asm\x0d\0\1\0", 8);
    sl_buf_bytes(&body, "\3\1\3abc", 6);
    for (uint8_t zstd = 0; zstd < 2; zstd++) {
        sl_buf_u8(&body, 3);
        sl_buf_name(&body, SL_NAME("a/b.c"));
        sl_buf_u64(&body, (CHUNKS - 1) * 4096 + 1);
        sl_buf_u8(&body, 12);
        sl_buf_u8(&body, zstd);
        sl_buf_u32(&body, CHUNKS);
        for (uint32_t i = 0; i < CHUNKS; i++) {
            if (zstd)
                sl_buf_u32(&body, 100 * i);
            sl_buf_u8(&body, (uint8_t)i);
            sl_buf_u8(&body, (uint8_t)(i >> 8));
            for (int k = 2; k < 32; k++)
                sl_buf_u8(&body, 0xd1);
        }
    }
    sl_buf_u8(out, 13);
    sl_buf_sized(out, &body);
    sl_buf_deinit(&body);
}

static void test_component__chunks(void **state)
{
    (void)state;
    sl_buf binary = {0};
    sluice_error error = {0};
    chunked_component(&binary);
    memory_source m = {binary.data, binary.len, 0};
    sluice_engine *engine = sluice_engine_new(NULL, &error);
    sluice_source source = {binary.len, read_memory, close_memory, &m};
    sluice_component *component =
        sluice_component_from_source(engine, &source, &error);
    assert_non_null(component);
    static const uint32_t stops[] = {CHUNKS + 1, CHUNKS, 1, 200};
    for (size_t i = 0; i < N(stops); i++) {
        chunked c = {.component = component, .stop_at = stops[i]};
        sluice_component_walk(component, look_at_item, &c);
        assert_int_equal(c.segments, 2);
        assert_int_equal(c.status, SLUICE_OK);
        assert_int_equal(c.seen, stops[i] < CHUNKS ? stops[i] : CHUNKS);
    }
    /* A source that has become shorter, or another one. */
    m.limit = binary.len - 2000;
    chunked c = {.component = component};
    sluice_component_walk(component, look_at_item, &c);
    assert_int_equal(c.status, SLUICE_EIO);
    assert_in_range(c.seen, 1, CHUNKS - 1);
    m.limit = binary.len;
    memset(binary.data + binary.len - 5000, 0xff, 5000);
    c = (chunked){.component = component, .stop_at = 100};
    sluice_component_walk(component, look_at_item, &c);
    assert_int_equal(c.status, SLUICE_OK);
    c = (chunked){.component = component, .damaged = true};
    sluice_component_walk(component, look_at_item, &c);
    assert_int_equal(c.status, SLUICE_EMALFORMED);
    sluice_component_free(component);
    assert_int_equal(m.closed, 1);
    sluice_engine_free(engine);
    sl_buf_deinit(&binary);
}

const struct CMUnitTest component_tests[] = {
    cmocka_unit_test(test_engine__limits_are_presets),
    cmocka_unit_test(test_engine__features),
    cmocka_unit_test(test_status__every_one_has_words),
    cmocka_unit_test(test_component__from_a_file),
    cmocka_unit_test(test_component__what_is_wrong_and_where),
    cmocka_unit_test(test_component__from_a_source),
    cmocka_unit_test(test_component__imports_and_exports),
    cmocka_unit_test(test_extern__attributes),
    cmocka_unit_test(test_type__every_kind),
    cmocka_unit_test(test_type__parts),
    cmocka_unit_test(test_type__gated_kinds),
    cmocka_unit_test(test_component__walk),
    cmocka_unit_test(test_component__chunks),
};
const size_t n_component_tests = N(component_tests);
