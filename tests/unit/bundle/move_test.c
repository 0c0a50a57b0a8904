/* Externalizing and internalizing: what stays, what moves, and that content is
 * what it was. */
#include "check.h"
#include "fixture.h"

static const sl_outside plain = {"d", 0, 12, 0};

static sl_outside outside_in(fixture *f, const char *name, int level,
                             uint8_t chunk_log, uint64_t min_size)
{
    strcpy(f->outside, at(f, name));
    return (sl_outside){f->outside, level, chunk_log, min_size};
}

/* One segment of each size, in chunks of each size, in each encoding. */
static const uint64_t sizes[] = {0,     1,     4095,   4096,    4097,
                                 65536, 98304, 262144, 1000003, 9437185};
static const struct {
    uint8_t chunk_log;
    int level;
} shapes[] = {{12, 0}, {12, 1}, {16, 0}, {16, 3}, {18, 0}, {18, 19},
              {22, 0}, {23, 0}, {23, 1}, {30, 0}, {30, 1}};

static void check_external(const opened *o, uint64_t size, uint8_t chunk_log,
                           int level)
{
    const sl_segment_def *s = &o->all[0];
    uint64_t bytes = UINT64_C(1) << chunk_log;
    assert_int_equal(o->n, 1);
    assert_int_equal(s->form, SL_SEGMENT_EXTERNAL);
    assert_int_equal(s->size, size);
    assert_int_equal(s->chunk_log, chunk_log);
    assert_int_equal(s->n_chunks, (size + bytes - 1) / bytes);
    assert_int_equal(s->zstd, level != 0);
}

static void test_move__gives_back_what_it_took(void **state)
{
    (void)state;
    fixture f;
    make_folder(&f);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        unsigned number = 0;
        sl_buf in = {0};
        put_preamble(&in);
        put_note(&in, "note");
        put_segments(&in, &sizes[i], 1, &number);
        write_file(at(&f, "in.wasm"), in.data, in.len);
        sl_buf_deinit(&in);
        for (size_t k = 0; k < sizeof shapes / sizeof *shapes; k++) {
            opened o;
            sl_outside outside =
                outside_in(&f, "d", shapes[k].level, shapes[k].chunk_log, 0);
            assert_job(sl_externalize, at(&f, "in.wasm"), at(&f, "out.wasm"),
                       &outside);
            open_component(&o, at(&f, "out.wasm"));
            check_external(&o, sizes[i], shapes[k].chunk_log, shapes[k].level);
            close_component(&o);
            assert_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"), NULL);
            open_component(&o, at(&f, "back.wasm"));
            assert_int_equal(o.n, 1);
            assert_int_equal(o.all[0].form, SL_SEGMENT_INLINE);
            assert_int_equal(o.all[0].size, sizes[i]);
            assert_int_equal(o.all[0].offset % SL_BUNDLE_ALIGN, 0);
            assert_payloads(&o);
            close_component(&o);
            unlink(
                at(&f, shapes[k].level ? "d/out-0.data.zst" : "d/out-0.data"));
            unlink(at(&f, "out.wasm"));
            unlink(at(&f, "back.wasm"));
            assert_int_equal(count_files(at(&f, "d")), 0);
        }
    }
    remove_folder(&f);
}

/* --- What is not a segment's -------------------------------------------- */

static uint32_t read_u32(const uint8_t **p)
{
    uint32_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        value |= (uint32_t)(**p & 0x7f) << shift;
        if (!(*(*p)++ & 0x80))
            return value;
    }
}

/* All sections but core:data and padding, nested ones without their lengths. */
static void skeleton(const uint8_t *p, const uint8_t *end, sl_buf *out)
{
    sl_buf_bytes(out, p, 8);
    for (p += 8; p < end;) {
        uint8_t id = *p++;
        uint32_t len = read_u32(&p);
        const uint8_t *body = p;
        p += len;
        if (id == 13 || (id == 0 && memcmp(body, "\3pad", 4) == 0))
            continue;
        sl_buf_u8(out, id);
        if (id == 4)
            skeleton(body, p, out);
        else
            sl_buf_bytes(out, body, len);
    }
    sl_buf_u8(out, 0xff);
}

static void assert_same_skeleton(const char *a, const char *b)
{
    sl_buf bytes[2] = {read_file(a), read_file(b)}, bones[2] = {{0}, {0}};
    for (int i = 0; i < 2; i++)
        skeleton(bytes[i].data, bytes[i].data + bytes[i].len, &bones[i]);
    assert_int_equal(bones[0].len, bones[1].len);
    assert_memory_equal(bones[0].data, bones[1].data, bones[0].len);
    for (int i = 0; i < 2; i++) {
        sl_buf_deinit(&bytes[i]);
        sl_buf_deinit(&bones[i]);
    }
}

static const uint64_t mixed[6] = {10, 70000, 30, 80000, 5, 65536};

static void write_nested(fixture *f, const char *name)
{
    sl_buf in = nested(mixed);
    write_file(at(f, name), in.data, in.len);
    sl_buf_deinit(&in);
}

static void test_move__nested_components_and_shared_sections(void **state)
{
    (void)state;
    fixture f;
    opened o;
    make_folder(&f);
    write_nested(&f, "in.wasm");
    sl_outside outside = outside_in(&f, "d", 0, 16, 65536);
    assert_job(sl_externalize, at(&f, "in.wasm"), at(&f, "out.wasm"), &outside);
    open_component(&o, at(&f, "out.wasm"));
    assert_int_equal(o.n, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(o.all[i].form, mixed[i] >= 65536 ? SL_SEGMENT_EXTERNAL
                                                          : SL_SEGMENT_INLINE);
        assert_int_equal(o.all[i].size, mixed[i]);
    }
    assert_payloads(&o);
    close_component(&o);
    assert_int_equal(count_files(at(&f, "d")), 3);
    assert_same_skeleton(at(&f, "in.wasm"), at(&f, "out.wasm"));

    assert_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"), NULL);
    open_component(&o, at(&f, "back.wasm"));
    assert_int_equal(o.n, 6);
    for (int i = 0; i < 6; i++) {
        assert_int_equal(o.all[i].form, SL_SEGMENT_INLINE);
        assert_int_equal(o.all[i].size, mixed[i]);
        if (mixed[i] >= 65536)
            assert_int_equal(o.all[i].offset % SL_BUNDLE_ALIGN, 0);
    }
    assert_payloads(&o);
    close_component(&o);
    assert_same_skeleton(at(&f, "in.wasm"), at(&f, "back.wasm"));
    remove_folder(&f);
}

static void test_move__nothing_to_move_is_the_same_file(void **state)
{
    (void)state;
    fixture f;
    make_folder(&f);
    write_nested(&f, "in.wasm");
    sl_outside outside = outside_in(&f, "d", 0, 16, 1000000);
    assert_job(sl_externalize, at(&f, "in.wasm"), at(&f, "out.wasm"), &outside);
    assert_job(inward, at(&f, "in.wasm"), at(&f, "back.wasm"), NULL);
    sl_buf a = read_file(at(&f, "in.wasm")), b = read_file(at(&f, "out.wasm")),
           c = read_file(at(&f, "back.wasm"));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    assert_int_equal(a.len, c.len);
    assert_memory_equal(a.data, c.data, a.len);
    sl_buf_deinit(&a);
    sl_buf_deinit(&b);
    sl_buf_deinit(&c);
    remove_folder(&f);
}

/* Two imports of core data. */
static void write_imports(fixture *f, const char *name)
{
    sl_buf out = {0}, body = {0};
    put_preamble(&out);
    sl_buf_u32(&body, 2);
    for (int i = 0; i < 2; i++) {
        sl_buf_u8(&body, 0);
        sl_buf_name(&body, i ? SL_NAME("b") : SL_NAME("a"));
        sl_buf_bytes(&body, "\0\x13", 2);
    }
    put_section(&out, 10, &body);
    put_note(&out, "end");
    write_file(at(f, name), out.data, out.len);
    sl_buf_deinit(&out);
}

static sl_bundle_data two[2];

static sl_status bundle_two(sl_bundle_job *job, const sl_outside *outside,
                            sl_err *err)
{
    return sl_bundle(job, two, 2, outside, err);
}

static void make_two(fixture *f, size_t a, size_t b)
{
    uint8_t *bytes = malloc(a + b + 7);
    for (size_t i = 0; i < a + b + 7; i++)
        bytes[i] = byte_at(i);
    write_file(at(f, "fa"), bytes, a);
    write_file(at(f, "fb"), bytes + 7, b); /* segment 1 of assert_payloads */
    free(bytes);
    two[0] = (sl_bundle_data){SL_NAME("a"), at(f, "fa")};
    two[1] = (sl_bundle_data){SL_NAME("b"), at(f, "fb")};
    write_imports(f, "in.wasm");
}

/* Out and back gives the bundle, to the byte; a bundle made external and
 * brought in does as well. */
static void test_move__a_bundle_comes_back_to_the_byte(void **state)
{
    (void)state;
    fixture f;
    make_folder(&f);
    make_two(&f, 100000, 17);
    assert_job(bundle_two, at(&f, "in.wasm"), at(&f, "whole.wasm"), NULL);
    sl_outside outside = outside_in(&f, "d", 3, 14, 0);
    assert_job(sl_externalize, at(&f, "whole.wasm"), at(&f, "out.wasm"),
               &outside);
    struct stat st;
    assert_int_equal(stat(at(&f, "out.wasm"), &st), 0);
    assert_true(st.st_size < 1000); /* no padding */
    assert_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"), NULL);
    make_two(&f, 100000, 17);
    assert_job(bundle_two, at(&f, "in.wasm"), at(&f, "ext.wasm"), &outside);
    assert_job(inward, at(&f, "ext.wasm"), at(&f, "back2.wasm"), NULL);
    sl_buf a = read_file(at(&f, "whole.wasm")),
           b = read_file(at(&f, "back.wasm")),
           c = read_file(at(&f, "back2.wasm"));
    assert_int_equal(a.len, b.len);
    assert_memory_equal(a.data, b.data, a.len);
    assert_int_equal(a.len, c.len);
    assert_memory_equal(a.data, c.data, a.len);
    sl_buf_deinit(&a);
    sl_buf_deinit(&b);
    sl_buf_deinit(&c);
    remove_folder(&f);
}

/* Only the large one of a bundle goes out: the other stays aligned. */
static void test_move__what_stays_stays_aligned(void **state)
{
    (void)state;
    fixture f;
    opened o;
    make_folder(&f);
    make_two(&f, 100001, 70000);
    assert_job(bundle_two, at(&f, "in.wasm"), at(&f, "whole.wasm"), NULL);
    sl_outside outside = outside_in(&f, "d", 0, 16, 100000);
    assert_job(sl_externalize, at(&f, "whole.wasm"), at(&f, "out.wasm"),
               &outside);
    open_component(&o, at(&f, "out.wasm"));
    assert_int_equal(o.n, 2);
    assert_int_equal(o.all[0].form, SL_SEGMENT_EXTERNAL);
    assert_int_equal(o.all[1].form, SL_SEGMENT_INLINE);
    assert_int_equal(o.all[1].offset, SL_BUNDLE_ALIGN);
    assert_payloads(&o);
    close_component(&o);
    remove_folder(&f);
}

static sl_status bundle_second(sl_bundle_job *job, const sl_outside *outside,
                               sl_err *err)
{
    return sl_bundle(job, two + 1, 1, outside, err);
}

static sl_status bundle_first(sl_bundle_job *job, const sl_outside *outside,
                              sl_err *err)
{
    return sl_bundle(job, two, 1, outside, err);
}

/* A payload that another one is put in front of stays aligned. */
static void test_move__bundling_twice(void **state)
{
    (void)state;
    fixture f;
    opened o;
    make_folder(&f);
    make_two(&f, 100001, 70000);
    assert_job(bundle_second, at(&f, "in.wasm"), at(&f, "one.wasm"), NULL);
    assert_job(bundle_first, at(&f, "one.wasm"), at(&f, "both.wasm"), NULL);
    open_component(&o, at(&f, "both.wasm"));
    assert_int_equal(o.n, 2);
    assert_int_equal(o.all[0].offset, SL_BUNDLE_ALIGN);
    assert_int_equal(o.all[1].offset, 3 * SL_BUNDLE_ALIGN);
    assert_payloads(&o);
    close_component(&o);
    remove_folder(&f);
}

/* A component with an aligned payload inside of another keeps it aligned when
 * something in front of it goes; whether it was our padding that aligned it, or
 * a section that has to stay. */
static void check_nested_alignment(const char *filler)
{
    fixture f;
    opened o;
    unsigned number = 0;
    uint64_t big = 200000, kept = 70000;
    sl_buf out = {0}, inner = {0}, body = {0};
    make_folder(&f);
    put_preamble(&out);
    put_segments(&out, &big, 1, &number);
    put_preamble(&inner);
    /* inner starts 1 + 3 bytes behind out.len; its payload 1 + 3 + 1 + 1 + 3
     * behind the filler, of which the head takes 1 + 3 + 4 */
    size_t payload = out.len + 4 + 8 + 8 + 9;
    sl_buf_name(&body, sl_name_of(filler));
    for (size_t i = payload; i % SL_BUNDLE_ALIGN != 0; i++)
        sl_buf_u8(&body, 0);
    put_section(&inner, 0, &body);
    put_segments(&inner, &kept, 1, &number);
    put_section(&out, 4, &inner);
    put_note(&out, "end");
    write_file(at(&f, "in.wasm"), out.data, out.len);
    sl_buf_deinit(&out);
    open_component(&o, at(&f, "in.wasm"));
    assert_int_equal(o.all[1].offset % SL_BUNDLE_ALIGN, 0);
    close_component(&o);
    sl_outside outside = outside_in(&f, "d", 0, 16, 100000);
    assert_job(sl_externalize, at(&f, "in.wasm"), at(&f, "out.wasm"), &outside);
    open_component(&o, at(&f, "out.wasm"));
    assert_int_equal(o.n, 2);
    assert_int_equal(o.all[1].form, SL_SEGMENT_INLINE);
    assert_int_equal(o.all[1].offset, SL_BUNDLE_ALIGN);
    assert_payloads(&o);
    close_component(&o);
    assert_same_skeleton(at(&f, "in.wasm"), at(&f, "out.wasm"));
    remove_folder(&f);
}

static void test_move__nested_payloads_stay_aligned(void **state)
{
    (void)state;
    check_nested_alignment("pad");
    check_nested_alignment("dap");
}

/* The second of a section is aligned and stays; it gets a section of its own.
 */
static void test_move__what_stays_of_a_section_stays_aligned(void **state)
{
    (void)state;
    fixture f;
    opened o;
    unsigned number = 0;
    /* preamble 8; section 1 + 3; count 1; form and length 1 + 3, twice */
    uint64_t sizes3[] = {2 * SL_BUNDLE_ALIGN - 21, 70000, 10};
    sl_buf in = {0};
    make_folder(&f);
    put_preamble(&in);
    put_segments(&in, sizes3, 3, &number);
    write_file(at(&f, "in.wasm"), in.data, in.len);
    sl_buf_deinit(&in);
    open_component(&o, at(&f, "in.wasm"));
    assert_int_equal(o.all[1].offset, 2 * SL_BUNDLE_ALIGN);
    close_component(&o);
    sl_outside outside = outside_in(&f, "d", 0, 16, 100000);
    assert_job(sl_externalize, at(&f, "in.wasm"), at(&f, "out.wasm"), &outside);
    open_component(&o, at(&f, "out.wasm"));
    assert_int_equal(o.n, 3);
    assert_int_equal(o.all[0].form, SL_SEGMENT_EXTERNAL);
    assert_int_equal(o.all[1].offset, SL_BUNDLE_ALIGN);
    assert_int_equal(o.all[2].size, 10);
    assert_payloads(&o);
    close_component(&o);
    remove_folder(&f);
}

/* --- Stopping ----------------------------------------------------------- */

static bool stop_after(void *arg, uint64_t done, uint64_t total)
{
    assert_true(done <= total);
    return done < *(uint64_t *)arg;
}

static void test_move__stops_when_told_and_leaves_nothing(void **state)
{
    (void)state;
    fixture f;
    unsigned number = 0;
    uint64_t size = 3000000, limit;
    make_folder(&f);
    sl_buf in = {0};
    put_preamble(&in);
    put_segments(&in, &size, 1, &number);
    write_file(at(&f, "in.wasm"), in.data, in.len);
    sl_buf_deinit(&in);
    sl_outside outside = outside_in(&f, "d", 1, 16, 0);
    for (limit = 0; limit < size; limit += 700000) {
        sl_err err = {0};
        sl_bundle_job job = {.input = at(&f, "in.wasm"),
                             .output = at(&f, "out.wasm"),
                             .watch = {.step = stop_after, .arg = &limit}};
        job.source = sl_source_file(job.input, &err);
        assert_int_equal(sl_externalize(&job, &outside, &err), SL_ECANCELLED);
        sl_source_unref(job.source);
        assert_int_equal(count_files(f.folder), 1);
    }
    remove_folder(&f);
}

static void test_move__every_failed_allocation_is_an_error(void **state)
{
    (void)state;
    fixture f;
    sl_err err;
    make_folder(&f);
    write_nested(&f, "in.wasm");
    sl_outside outside = outside_in(&f, "d", 1, 23, 0);
    int failures = 0;
    for (size_t n = 1;; n++, failures++) {
        assert_true(n < 10000);
        sl_alloc_fail_at(n, 0);
        sl_status st = run_job(sl_externalize, at(&f, "in.wasm"),
                               at(&f, "out.wasm"), &outside, &err);
        sl_alloc_fail_at(0, 0);
        if (st == SL_OK)
            break;
        assert_int_equal(count_files(f.folder), 1);
    }
    assert_true(failures > 30);
    assert_int_equal(count_files(at(&f, "d")), 6);
    for (size_t n = 1;; n++) {
        assert_true(n < 10000);
        sl_alloc_fail_at(n, 0);
        sl_status st = run_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"),
                               NULL, &err);
        sl_alloc_fail_at(0, 0);
        if (st == SL_OK)
            break;
        assert_int_equal(count_files(f.folder), 3);
    }
    remove_folder(&f);
}

static void test_move__descriptors_are_closed(void **state)
{
    (void)state;
    fixture f;
    make_folder(&f);
    write_nested(&f, "in.wasm");
    int before = count_fds();
    sl_outside outside = plain;
    outside.folder = at(&f, "d");
    assert_job(sl_externalize, at(&f, "in.wasm"), at(&f, "out.wasm"), &outside);
    assert_job(inward, at(&f, "out.wasm"), at(&f, "back.wasm"), NULL);
    assert_int_equal(count_fds(), before);
    remove_folder(&f);
}

const struct CMUnitTest move_tests[] = {
    cmocka_unit_test(test_move__gives_back_what_it_took),
    cmocka_unit_test(test_move__nested_components_and_shared_sections),
    cmocka_unit_test(test_move__nothing_to_move_is_the_same_file),
    cmocka_unit_test(test_move__a_bundle_comes_back_to_the_byte),
    cmocka_unit_test(test_move__what_stays_stays_aligned),
    cmocka_unit_test(test_move__bundling_twice),
    cmocka_unit_test(test_move__what_stays_of_a_section_stays_aligned),
    cmocka_unit_test(test_move__nested_payloads_stay_aligned),
    cmocka_unit_test(test_move__stops_when_told_and_leaves_nothing),
    cmocka_unit_test(test_move__every_failed_allocation_is_an_error),
    cmocka_unit_test(test_move__descriptors_are_closed),
};
const size_t n_move_tests = sizeof move_tests / sizeof *move_tests;
