/* Names of new files, and what they may replace. */
#include "check.h"
#include "fixture.h"

#include "bundle/folder.h"

static void test_folder__names_are_safe_and_unique(void **state)
{
    (void)state;
    static const struct {
        const char *output, *folder, *hint, *reference;
    } row[] = {
        {"app.wasm", ".", "0", "app-0.data"},
        {"app.wasm", "d", "0", "d/app-0.data"},
        {"app", "d", "a", "d/app-a.data"},
        {"a.b.wasm", "d", "A", "d/a.b-A.data"},
        {".wasm", "d", "x", "d/_wasm-x.data"},
        {"x y.wasm", "d", "n", "d/x_y-n.data"},
        {"x.wasm", "d e%", "n", "d%20e%25/x-n.data"},
        {"x.wasm", "d", "../../etc/passwd", "d/x-_._.._etc_passwd.data"},
        {"x.wasm", "d", "\x01/\xc3\xa4\n", "d/x-_____.data"},
        {"x.wasm", "d", "", "d/x-.data"},
    };
    fixture f;
    make_folder(&f);
    mkdir(at(&f, "d"), 0777);
    mkdir(at(&f, "d e%"), 0777);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err = {0};
        sl_folder place;
        sl_name reference;
        const char *path;
        assert_true(sl_folder_init(&place, at(&f, row[i].folder),
                                   at(&f, row[i].output), &err));
        assert_true(sl_folder_name(&place, sl_name_of(row[i].hint), ".data",
                                   &path, &reference, &err));
        assert_string_equal(reference.data, row[i].reference);
        sl_folder_deinit(&place);
    }
    remove_folder(&f);
}

static void test_folder__taken_names_are_not_given(void **state)
{
    (void)state;
    fixture f;
    sl_err err = {0};
    sl_folder place;
    sl_name reference;
    const char *path;
    make_folder(&f);
    assert_true(sl_folder_init(&place, f.folder, at(&f, "x.wasm"), &err));
    assert_true(sl_folder_take(&place, SL_NAME("%58-a.data"), &err));
    assert_true(sl_folder_take(&place, SL_NAME("x-a-3.DATA"), &err));
    static const char *const want[] = {"x-a-2.data", "x-A-4.data",
                                       "x-a-5.data"};
    for (int i = 0; i < 3; i++) {
        assert_true(sl_folder_name(&place, sl_name_of(i == 1 ? "A" : "a"),
                                   ".data", &path, &reference, &err));
        assert_string_equal(reference.data, want[i]);
        assert_string_equal(strrchr(path, '/') + 1, want[i]);
    }
    sl_folder_deinit(&place);
    remove_folder(&f);
}

static void test_folder__folders_elsewhere_are_refused(void **state)
{
    (void)state;
    fixture f;
    static const char *const folders[] = {"..", ".", "down/..", "linked"};
    make_folder(&f);
    mkdir(at(&f, "down"), 0777);
    mkdir(at(&f, "down-more"), 0777);
    assert_int_equal(symlink("../down-more", at(&f, "down/linked")), 0);
    for (size_t i = 0; i < 4; i++) {
        char folder[64];
        sl_err err = {0};
        sl_folder place;
        snprintf(folder, sizeof folder, "down/%s", folders[i]);
        if (strcmp(folders[i], "down/..") == 0)
            strcpy(folder, "down-more");
        bool good =
            sl_folder_init(&place, at(&f, folder), at(&f, "down/x.wasm"), &err);
        assert_int_equal(good, strcmp(folders[i], ".") == 0);
        if (!good) {
            assert_int_equal(err.code, SL_EUSAGE);
            assert_non_null(strstr(err.msg, "not at or below the folder of"));
        }
        sl_folder_deinit(&place);
    }
    remove_folder(&f);
}

/* --- What exists -------------------------------------------------------- */

static sl_status externalize(fixture *f, bool force, sl_err *err)
{
    *err = (sl_err){0};
    sl_outside outside = {at(f, "d"), 0, 12, 0};
    sl_bundle_job job = {.input = at(f, "in.wasm"),
                         .output = at(f, "out.wasm"),
                         .replace = force,
                         .replace_files = force};
    job.source = sl_source_file(job.input, err);
    sl_externalize(&job, &outside, err);
    sl_source_unref(job.source);
    return err->code;
}

static void make_input(fixture *f)
{
    unsigned number = 0;
    uint64_t size = 5000;
    sl_buf in = {0};
    make_folder(f);
    put_preamble(&in);
    put_segments(&in, &size, 1, &number);
    write_file(at(f, "in.wasm"), in.data, in.len);
    sl_buf_deinit(&in);
}

static void assert_holds(const char *path, const char *text)
{
    sl_buf have = read_file(path);
    assert_int_equal(have.len, strlen(text));
    assert_memory_equal(have.data, text, have.len);
    sl_buf_deinit(&have);
}

static void test_replace__only_with_force(void **state)
{
    (void)state;
    fixture f;
    sl_err err;
    make_input(&f);
    mkdir(at(&f, "d"), 0777);
    write_file(at(&f, "d/out-0.data"), "mine", 4);
    assert_int_equal(externalize(&f, false, &err), SL_EIO);
    assert_non_null(strstr(err.msg, "d/out-0.data: it exists already"));
    assert_holds(at(&f, "d/out-0.data"), "mine");
    assert_int_equal(count_files(at(&f, "d")), 1);
    assert_int_equal(externalize(&f, true, &err), SL_OK);
    assert_int_equal(externalize(&f, false, &err), SL_EIO);
    assert_non_null(strstr(err.msg, "out.wasm: it exists already"));
    assert_int_equal(externalize(&f, true, &err), SL_OK);
    assert_int_equal(unlink(at(&f, "d/out-0.data")), 0);
    assert_int_equal(mkdir(at(&f, "d/out-0.data"), 0777), 0);
    assert_int_equal(externalize(&f, true, &err), SL_EIO);
    assert_non_null(strstr(err.msg, "not a regular file"));
    assert_int_equal(count_files(at(&f, "d")), 1);
    remove_folder(&f);
}

/* The input itself may be the output, as its file stays open; a new segment
 * never takes an input's place. */
static void test_replace__inputs(void **state)
{
    (void)state;
    fixture f;
    opened o;
    make_input(&f);
    sl_err err = {0};
    sl_outside outside = {f.folder, 0, 12, 0};
    sl_bundle_job job = {.input = at(&f, "in.wasm"),
                         .output = at(&f, "in.wasm"),
                         .replace = true,
                         .replace_files = true};
    job.source = sl_source_file(job.input, &err);
    assert_int_equal(sl_externalize(&job, &outside, &err), SL_OK);
    sl_source_unref(job.source);
    open_component(&o, at(&f, "in.wasm"));
    assert_int_equal(o.all[0].form, SL_SEGMENT_EXTERNAL);
    close_component(&o);

    /* x-0.data is the component: x.wasm's segment would have that name. */
    assert_int_equal(unlink(at(&f, "in-0.data")), 0);
    fixture g;
    make_input(&g);
    assert_int_equal(rename(at(&g, "in.wasm"), at(&g, "x-0.data")), 0);
    outside.folder = g.folder;
    job = (sl_bundle_job){.input = at(&g, "x-0.data"),
                          .output = at(&g, "x.wasm"),
                          .replace_files = true};
    job.source = sl_source_file(job.input, &err);
    assert_int_equal(sl_externalize(&job, &outside, &err), SL_EIO);
    assert_non_null(strstr(err.msg, "it is an input of this command"));
    sl_source_unref(job.source);
    assert_int_equal(count_files(g.folder), 1);
    remove_folder(&f);
    remove_folder(&g);
}

/* Segments that are external already stay so, and their names are kept free. */
static void test_replace__segments_of_the_input(void **state)
{
    (void)state;
    fixture f;
    opened o;
    sl_err err = {0};
    uint64_t sizes[6] = {5000, 10, 10, 10, 6000, 10};
    make_folder(&f);
    sl_buf in = nested(sizes);
    write_file(at(&f, "in.wasm"), in.data, in.len);
    sl_buf_deinit(&in);
    sl_outside outside = {f.folder, 0, 12, 6000};
    assert_job(sl_externalize, at(&f, "in.wasm"), at(&f, "x.wasm"), &outside);
    assert_int_equal(rename(at(&f, "x.wasm"), at(&f, "y.wasm")), 0);
    outside.min_size = 5000;
    sl_bundle_job job = {.input = at(&f, "y.wasm"),
                         .output = at(&f, "x.wasm"),
                         .replace_files = true};
    job.source = sl_source_file(job.input, &err);
    assert_int_equal(sl_externalize(&job, &outside, &err), SL_OK);
    assert_int_equal(job.n_moved_references, 0);
    sl_source_unref(job.source);
    open_component(&o, at(&f, "x.wasm"));
    assert_string_equal(o.all[0].reference.data == NULL ? "" : "set", "set");
    assert_true(sl_name_is(o.all[0].reference, "x-0-2.data"));
    assert_true(sl_name_is(o.all[4].reference, "x-0.data"));
    close_component(&o);

    /* In another folder they refer to other files: the caller is told. */
    assert_int_equal(mkdir(at(&f, "sub"), 0777), 0);
    outside.folder = at(&f, "sub");
    job = (sl_bundle_job){.input = at(&f, "y.wasm"),
                          .output = at(&f, "sub/x.wasm")};
    job.source = sl_source_file(job.input, &err);
    assert_int_equal(sl_externalize(&job, &outside, &err), SL_OK);
    assert_int_equal(job.n_moved_references, 1);
    sl_source_unref(job.source);
    remove_folder(&f);
}

const struct CMUnitTest folder_tests[] = {
    cmocka_unit_test(test_folder__names_are_safe_and_unique),
    cmocka_unit_test(test_folder__taken_names_are_not_given),
    cmocka_unit_test(test_folder__folders_elsewhere_are_refused),
    cmocka_unit_test(test_replace__only_with_force),
    cmocka_unit_test(test_replace__inputs),
    cmocka_unit_test(test_replace__segments_of_the_input),
};
const size_t n_folder_tests = sizeof folder_tests / sizeof *folder_tests;
