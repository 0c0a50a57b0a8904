/* core:data: docs/data-segments.md, sections 2 and 4. */
#include "bytes.h"
#include "component/reference.h"

static void test_inline__records_where_the_bytes_are(void **state)
{
    (void)state;
    static const char bytes[] = PREAMBLE "\x0d\x09\x02\x01\x03"
                                         "abc\x01\x01z"
                                         "\x0d\x01\x00"
                                         "\x0d\x03\x01\x01\x00";
    sl_err err = {0};
    sl_component *c =
        decode_bytes(bytes, sizeof bytes - 1, sl_features_default(), &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(c->n_segments, 3);
    assert_int_equal(c->count[SL_SORT_CORE_DATA], 3);
    assert_int_equal(c->segments[0].offset, 13);
    assert_int_equal(c->segments[0].size, 3);
    assert_int_equal(c->segments[1].offset, 18);
    assert_int_equal(c->segments[1].size, 1);
    assert_int_equal(c->segments[2].size, 0);
    assert_int_equal(c->defs[1].kind, SL_DEF_DATA);
    assert_int_equal(c->defs[1].of.segment, 1);
    sl_component_free(c);
}

static void test_section__malformed_forms(void **state)
{
    (void)state;
    expect_body("\x0d\x00", SL_EMALFORMED, "unexpected end-of-file");
    expect_body("\x0d\x02\x01\x01", SL_EMALFORMED, "unexpected end-of-file");
    expect_body("\x0d\x04\x01\x01\x02"
                "a",
                SL_EMALFORMED, "unexpected end-of-file");
    expect_body("\x0d\x04\x01\x00\x01"
                "a",
                SL_EMALFORMED, "invalid leading byte (0x0) for core data");
    expect_body("\x0d\x04\x01\x02\x01"
                "a",
                SL_EMALFORMED, "invalid leading byte (0x2) for core data");
    expect_body("\x0d\x05\x01\x01\x01"
                "ab",
                SL_EMALFORMED, "section size mismatch");
    expect_body("\x0d\x04\x01\x03\x01"
                "a",
                SL_EMALFORMED, "unexpected end-of-file");
}

#define DIGEST_32 "0123456789abcdef0123456789abcdef"

static void test_external__records_the_table(void **state)
{
    (void)state;
    sl_buf buf;
    sl_buf_init(&buf);
    put_preamble(&buf);
    put_section(&buf, 13,
                "\x02\x03\x03"
                "a/b\x81\x20\x0c\x00\x02" DIGEST_32 DIGEST_32
                "\x03\x03"
                "a/c\x01\x1e\x01\x01\x80\x01" DIGEST_32);
    sl_err err = {0};
    sl_component *c = decode_buf(&buf, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(c->n_segments, 2);
    const sl_segment_def *one = &c->segments[0], *two = &c->segments[1];
    assert_int_equal(one->form, SL_SEGMENT_EXTERNAL);
    assert_int_equal(one->size, 4097);
    assert_int_equal(one->chunk_log, 12);
    assert_false(one->zstd);
    assert_true(sl_name_is(one->reference, "a/b"));
    assert_int_equal(one->n_chunks, 2);
    assert_int_equal(one->table_size, 64);
    assert_memory_equal(buf.data + one->offset, DIGEST_32, 32);
    assert_true(two->zstd);
    assert_int_equal(two->chunk_log, 30);
    assert_int_equal(two->table_size, 34);
    assert_int_equal(buf.data[two->offset], 0x80);
    sl_component_free(c);
    sl_buf_deinit(&buf);
}

/* A table longer than the window it is checked in. */
static void test_external__walks_a_long_table(void **state)
{
    (void)state;
    enum { FRAMES = 1000 };
    sl_buf body, buf;
    sl_buf_init(&body);
    sl_buf_init(&buf);
    sl_buf_bytes(&body, "\x01\x03\x01\x61", 4);
    sl_buf_u64(&body, FRAMES * UINT64_C(4096));
    sl_buf_bytes(&body, "\x0c\x01", 2);
    sl_buf_u32(&body, FRAMES);
    for (uint32_t i = 0; i < FRAMES; i++) {
        sl_buf_u32(&body, i * 977);
        sl_buf_bytes(&body, DIGEST_32, 32);
    }
    for (size_t cut = 0; cut < 2; cut++) {
        sl_buf_clear(&buf);
        put_preamble(&buf);
        sl_buf_u8(&buf, 13);
        sl_buf_u32(&buf, (uint32_t)(body.len - cut));
        sl_buf_bytes(&buf, body.data, body.len - cut);
        sl_err err = {0};
        sl_component *c = decode_buf(&buf, &err);
        assert_int_equal(err.code, cut ? SL_EMALFORMED : SL_OK);
        assert_int_equal(c == NULL, cut);
        if (c != NULL)
            assert_int_equal(c->segments[0].n_chunks, FRAMES);
        sl_component_free(c);
    }
    sl_buf_deinit(&body);
    sl_buf_deinit(&buf);
}

static void test_reference__rules(void **state)
{
    (void)state;
    static const struct {
        const char *reference, *path; /* NULL: refused */
    } rows[] = {
        {"a", "a"},
        {"dir/a.bin", "dir/a.bin"},
        {"with%20space", "with space"},
        {"%41%c3%a9", "A\xc3\xa9"},
        {"b/a:b", "b/a:b"},
        {"...", "..."},
        {"", NULL},
        {"/a", NULL},
        {"//host/a", NULL},
        {"http://host/a", NULL},
        {"a:b", NULL},
        {"..", NULL},
        {"a/../b", NULL},
        {"a/%2e%2E/b", NULL},
        {"a/.%2e", NULL},
        {"./a", NULL},
        {"a//b", NULL},
        {"a/", NULL},
        {"a\\b", NULL},
        {"a%5cb", NULL},
        {"a%2fb", NULL},
        {"a%00", NULL},
        {"a%0", NULL},
        {"a%zz", NULL},
        {"a b", NULL},
        {"a\nb", NULL},
        {"a?b", NULL},
        {"a#b", NULL},
        {"\xc3\xa9", NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        char path[64];
        sl_name name = sl_name_of(rows[i].reference);
        const char *fault = sl_reference_fault(name);
        if ((fault == NULL) != (rows[i].path != NULL))
            fail_msg("%s: %s", rows[i].reference, fault ? fault : "accepted");
        if (fault != NULL)
            continue;
        sl_reference_path(name, path);
        assert_string_equal(path, rows[i].path);
    }
    assert_non_null(sl_reference_fault((sl_name){"a\0b", 3}));
}

/* Without the feature the format is the base specification's. */
static void test_gate__off_is_unknown(void **state)
{
    (void)state;
    sl_features off = ALL & ~SL_FEATURE_BIT(SL_FEATURE_DATA);
    static const char section[] = PREAMBLE "\x0d\x01\x00";
    static const char canon[] = PREAMBLE "\x08\x04\x01\x50\x00\x7f";
    sl_err err = {0};
    assert_null(decode_bytes(section, sizeof section - 1, off, &err));
    assert_int_equal(err.code, SL_EMALFORMED);
    assert_non_null(strstr(err.msg, "malformed section id"));
    assert_null(decode_bytes(canon, sizeof canon - 1, off, &err));
    assert_int_equal(err.code, SL_EMALFORMED);
}

static void test_canon__types_and_bounds(void **state)
{
    (void)state;
    static const char bytes[] =
        PREAMBLE "\x0d\x04\x01\x01\x01"
                 "a"
                 "\x08\x0a\x03\x50\x00\x7f\x51\x00\x7e\x52\x00\x7e";
    sl_err err = {0};
    sl_component *c =
        decode_bytes(bytes, sizeof bytes - 1, sl_features_default(), &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(c->core_funcs[0]->n_params, 2);
    assert_int_equal(c->core_funcs[0]->types[0], SL_I32);
    assert_int_equal(sl_functype_results(c->core_funcs[0])[0], SL_I32);
    assert_int_equal(c->core_funcs[1]->n_params, 0);
    assert_int_equal(sl_functype_results(c->core_funcs[1])[0], SL_I64);
    assert_int_equal(c->core_funcs[2]->n_params, 2);
    assert_int_equal(c->core_funcs[2]->n_results, 0);
    assert_int_equal(c->defs[1].of.canon.core_type, SL_I32);
    sl_component_free(c);
    expect_body("\x08\x04\x01\x50\x00\x7f", SL_EINVALID,
                "data index out of bounds");
    expect_body("\x0d\x03\x01\x01\x00\x08\x04\x01\x50\x00\x7d", SL_EINVALID,
                "must be `i32` or `i64`");
}

/* Imports, exports, aliases and `with` of segments. */
static void test_sort__goes_where_modules_go(void **state)
{
    (void)state;
    static const char inner[] =
        PREAMBLE "\x0a\x06\x01\x00\x01s\x00\x13"          /* import s */
                 "\x06\x06\x01\x00\x13\x02\x01\x00"       /* outer 1 0 */
                 "\x0b\x08\x01\x00\x01t\x00\x13\x00\x00"; /* export t */
    sl_buf buf;
    sl_buf_init(&buf);
    put_preamble(&buf);
    put_section(&buf, 13, "\x01\x01\x02hi");
    put_section(&buf, 4, inner);
    put_section(&buf, 5, "\x01\x00\x00\x01\x01s\x00\x13\x00");
    put_section(&buf, 6, "\x01\x00\x13\x00\x00\x01t");
    put_section(&buf, 8, "\x01\x51\x01\x7f");
    put_section(&buf, 11, "\x01\x00\x01u\x00\x13\x01\x00");
    sl_err err = {0};
    sl_component *c = decode_buf(&buf, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(c->count[SL_SORT_CORE_DATA], 3); /* own, alias, export */
    assert_int_equal(c->n_segments, 1);
    assert_int_equal(c->exports[0].type.sort, SL_SORT_CORE_DATA);
    sl_component_free(c);

    put_section(&buf, 2,
                "\x01\x01\x01\x01"
                "d\x13\x00");
    c = decode_buf(&buf, &err);
    assert_string_equal(err.msg, "");
    const sl_def *bag = &c->defs[c->n_defs - 1];
    assert_int_equal(bag->kind, SL_DEF_CORE_INSTANCE);
    assert_int_equal(bag->of.instance.args[0].item.sort, SL_SORT_CORE_DATA);
    sl_component_free(c);
    put_section(&buf, 2,
                "\x01\x01\x01\x01"
                "d\x13\x03");
    expect(&buf, SL_EINVALID, "unknown data 3: data index out of bounds");
    sl_buf_deinit(&buf);

    expect_body("\x0d\x03\x01\x01\x00"
                "\x04\x10" PREAMBLE "\x0a\x06\x01\x00\x01s\x00\x13"
                "\x05\x08\x01\x00\x00\x01\x01s\x04\x00",
                SL_EINVALID, "expected core data, found component");
}

/* --- Laziness ------------------------------------------------------------- */

/* A component around one huge segment of which only the frame exists. */
typedef struct sparse {
    sl_source source;
    const uint8_t *head, *tail;
    size_t n_head, n_tail;
    uint64_t read; /* bytes asked for */
} sparse;

static sl_status sparse_read(sl_source *source, uint64_t at, void *to,
                             size_t len, sl_err *err)
{
    sparse *s = (sparse *)source;
    (void)err;
    s->read += len;
    for (size_t i = 0; i < len; i++, at++) {
        uint64_t tail = source->size - s->n_tail;
        ((uint8_t *)to)[i] = at < s->n_head ? s->head[at]
                             : at >= tail   ? s->tail[at - tail]
                                            : 0xaa;
    }
    return SL_OK;
}

static void sparse_close(sl_source *source)
{
    (void)source;
}

static void test_decode__reads_no_payload(void **state)
{
    (void)state;
    uint64_t payload = UINT64_C(4000000000);
    sl_buf head, tail, name;
    sl_buf_init(&head);
    sl_buf_init(&tail);
    sl_buf_init(&name);
    put_preamble(&head);
    sl_buf_u8(&head, 13);
    sl_buf_u32(&head, (uint32_t)payload + 7);
    sl_buf_bytes(&head, "\x01\x01", 2);
    sl_buf_u32(&head, (uint32_t)payload);
    put_section(&tail, 8, "\x01\x51\x00\x7f");
    /* A long custom section is skipped as well. */
    sl_buf_u8(&tail, 0);
    sl_buf_u32(&tail, 100002);
    sl_buf_bytes(&tail, "\x01x", 2);
    for (int i = 0; i < 100000; i++)
        sl_buf_u8(&tail, 0);

    sparse s = {.head = head.data,
                .n_head = head.len,
                .tail = tail.data,
                .n_tail = tail.len};
    s.source = (sl_source){.size = head.len + payload + tail.len,
                           .read_at = sparse_read,
                           .fd = -1,
                           .refs = 1,
                           .close = sparse_close};
    sl_err err = {0};
    sl_component *c = sl_component_decode(&s.source, NULL, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(c->segments[0].size, payload);
    assert_int_equal(c->segments[0].offset, head.len);
    assert_true(s.read < 4096);
    assert_true(c->arena.total < 16384);
    sl_component_free(c);
    sl_buf_deinit(&head);
    sl_buf_deinit(&tail);
    sl_buf_deinit(&name);
}

/* The cost of a nested component's segment is its header too. */
static void test_decode__reads_no_nested_payload(void **state)
{
    (void)state;
    uint32_t payload = 1U << 30;
    sl_buf head;
    sl_buf_init(&head);
    put_preamble(&head);
    sl_buf_u8(&head, 4);
    sl_buf_u32(&head, payload + 8 + 6 + 7);
    put_preamble(&head);
    sl_buf_u8(&head, 13);
    sl_buf_u32(&head, payload + 7);
    sl_buf_bytes(&head, "\x01\x01", 2);
    sl_buf_u32(&head, payload);
    sparse s = {.head = head.data, .n_head = head.len};
    s.source = (sl_source){.size = head.len + (uint64_t)payload,
                           .read_at = sparse_read,
                           .fd = -1,
                           .refs = 1,
                           .close = sparse_close};
    sl_err err = {0};
    sl_component *c = sl_component_decode(&s.source, NULL, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(c->defs[0].of.component->segments[0].size, payload);
    assert_true(s.read < 1024);
    sl_component_free(c);
    sl_buf_deinit(&head);
}

static void test_limit__of_segments(void **state)
{
    (void)state;
    sl_buf buf, body;
    sl_buf_init(&buf);
    sl_buf_init(&body);
    put_preamble(&buf);
    sl_buf_u32(&body, 100000);
    for (int i = 0; i < 100000; i++)
        sl_buf_bytes(&body,
                     "\x01\x10"
                     "0123456789abcdef",
                     18);
    put_section_of(&buf, 13, body.data, body.len);
    expect(&buf, SL_OK, "");
    put_section(&buf, 13, "\x01\x01\x00");
    expect(&buf, SL_ELIMIT, "core data");
    sl_buf_deinit(&buf);
    sl_buf_deinit(&body);
}

/* --- Load plans ------------------------------------------------------------------ */

#define PLAN "\x09load-plan"

/* "Load plans": what cannot be read is none. */
static void test_plan__is_read_or_ignored(void **state)
{
    (void)state;
    static const struct {
        const char *body; /* behind the section's name */
        size_t len;
        uint32_t n, n_names, segment; /* of the last step */
    } rows[] = {
        {"\x01\x01\x02\x03\x04", 5, 1, 0, 2},
        {"\x01\x02\x02\x03\x04\x81\x01\x00\x00", 9, 2, 0, 129},
        {"\x02\x00\x01\x02\x03\x04", 6, 1, 0, 2},
        {"\x02\x02\x01"
         "a\x02zz\x01\x01\x03\x04",
         11, 1, 2, 1},
        {"\x02\x01\x01\xff\x01\x01\x03\x04", 8, 0, 0, 0}, /* no UTF-8 */
        {"\x02\x01\x01"
         "a",
         4, 0, 0, 0},
        {"\x02\xff\x7f", 3, 0, 0, 0}, /* more names than bytes */
        {"\x03\x00\x01\x02\x03\x04", 6, 0, 0, 0},
        {"\x01\x01\x02\x03\x04\x00", 6, 0, 0, 0},
        {"\x01\x01\x02\x03", 4, 0, 0, 0},
        {"", 0, 0, 0, 0},
    };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        sl_err err = {0};
        sl_buf buf, body;
        sl_buf_init(&buf);
        sl_buf_init(&body);
        put_preamble(&buf);
        sl_buf_bytes(&body, PLAN, sizeof PLAN - 1);
        sl_buf_bytes(&body, rows[i].body, rows[i].len);
        put_section_of(&buf, 0, body.data, body.len);
        sl_component *c = decode_bytes((const char *)buf.data, buf.len,
                                       sl_features_default(), &err);
        assert_non_null(c);
        assert_int_equal(c->plan.n, rows[i].n);
        assert_int_equal(c->plan.n_names, rows[i].n_names);
        if (c->plan.n != 0)
            assert_int_equal(c->plan.steps[c->plan.n - 1].segment,
                             rows[i].segment);
        if (c->plan.n_names == 2)
            assert_true(sl_name_is(c->plan.names[1], "zz"));
        sl_component_free(c);
        sl_buf_deinit(&body);
        sl_buf_deinit(&buf);
    }
}

const struct CMUnitTest data_tests[] = {
    cmocka_unit_test(test_inline__records_where_the_bytes_are),
    cmocka_unit_test(test_plan__is_read_or_ignored),
    cmocka_unit_test(test_section__malformed_forms),
    cmocka_unit_test(test_external__records_the_table),
    cmocka_unit_test(test_external__walks_a_long_table),
    cmocka_unit_test(test_reference__rules),
    cmocka_unit_test(test_gate__off_is_unknown),
    cmocka_unit_test(test_canon__types_and_bounds),
    cmocka_unit_test(test_sort__goes_where_modules_go),
    cmocka_unit_test(test_decode__reads_no_payload),
    cmocka_unit_test(test_decode__reads_no_nested_payload),
    cmocka_unit_test(test_limit__of_segments),
};
const size_t n_data_tests = sizeof data_tests / sizeof *data_tests;
