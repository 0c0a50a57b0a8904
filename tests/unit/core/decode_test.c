#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "core/module.h"
#include "modules.h"

static const test_module everything = MODULE(EVERYTHING);

static sl_module *decode(const void *bytes, size_t len, sl_err *err)
{
    *err = (sl_err){0};
    return sl_module_decode(bytes, len, 0, NULL, err);
}

static void test_decode__keeps_what_the_file_says(void **state)
{
    (void)state;
    sl_err err;
    sl_module *m = decode(everything.bytes, everything.len, &err);
    assert_string_equal(err.msg, "");
    assert_non_null(m);
    assert_int_equal(m->n_types, 2);
    assert_int_equal(m->types[1].n_params, 2);
    assert_int_equal(sl_functype_results(&m->types[1])[0], SL_F32);
    assert_int_equal(m->n_imports, 2);
    assert_true(sl_name_is(m->imports[1].field, "global"));
    assert_int_equal(m->imports[1].index, 0);
    assert_int_equal(m->n_funcs, 3);
    assert_int_equal(m->n_imported_funcs, 1);
    assert_null(m->funcs[0].body);
    assert_int_equal(m->funcs[2].type, 1);
    assert_int_equal(m->funcs[1].body_len, 0x1c);
    assert_ptr_equal(m->funcs[1].body, m->bytes + m->funcs[1].at);
    assert_int_equal(m->n_globals, 3);
    assert_null(m->globals[0].init.code);
    assert_int_equal(m->globals[1].init.len, 3);
    assert_int_equal(m->n_tables, 1);
    assert_true(m->tables[0].type.limits.max == 8);
    assert_int_equal(m->n_memories, 1);
    assert_true(m->has_start);
    assert_int_equal(m->n_elems, 3);
    assert_int_equal(m->elems[0].mode, SL_SEGMENT_ACTIVE);
    assert_int_equal(m->elems[1].funcs[1], 2);
    assert_int_equal(m->elems[2].mode, SL_SEGMENT_DECLARATIVE);
    assert_non_null(m->elems[2].exprs);
    assert_int_equal(m->n_datas, 2);
    assert_int_equal(m->datas[1].mode, SL_SEGMENT_PASSIVE);
    assert_memory_equal(m->datas[1].bytes, "xy", 2);
    assert_true(sl_name_is(m->name, "mod"));
    assert_true(sl_name_is(m->func_names[0], "imp"));
    assert_null(m->func_names[2].data);
    sl_module_free(m);
}

static void test_exports__are_found_by_name(void **state)
{
    (void)state;
    sl_err err;
    sl_module *m = decode(everything.bytes, everything.len, &err);
    assert_non_null(m);
    const sl_core_export *run = sl_module_export(m, SL_NAME("run"));
    assert_non_null(run);
    assert_int_equal(run->index, 1);
    sl_core_externtype type = sl_module_item_type(m, run->kind, run->index);
    assert_int_equal(type.kind, SL_CORE_FUNC);
    assert_ptr_equal(type.of.func, &m->types[0]);
    assert_null(sl_module_export(m, SL_NAME("ru")));
    type = sl_module_item_type(m, SL_CORE_MEMORY, 0);
    assert_true(type.of.memory.limits.max == 2);
    type = sl_module_item_type(m, SL_CORE_GLOBAL, 1);
    assert_true(type.of.global.mutable_);
    sl_module_free(m);
}

#define TYPE0  "\x01\x04\x01\x60\x00\x00"
#define FUNC0  "\x03\x02\x01\x00"
#define TABLE0 "\x04\x04\x01\x70\x00\x00"
#define MEM0   "\x05\x03\x01\x00\x01"
#define CODE0  "\x0a\x04\x01\x02\x00\x0b"

static void test_decode__refuses(void **state)
{
    (void)state;
    static const struct {
        test_module m;
        sl_status code;
        const char *error;
    } row[] = {
        {{"", 0}, SL_EMALFORMED, "unexpected end"},
        {{"\0as", 3}, SL_EMALFORMED, "unexpected end"},
        {{"asm\0\1\0\0\0", 8}, SL_EMALFORMED, "magic header not detected"},
        {{"\0asm\2\0\0\0", 8}, SL_EMALFORMED, "unknown binary version"},
        {{"\0asm\x0d\0\1\0", 8}, SL_EMALFORMED, "unknown binary version"},
        {MODULE("\x0e\x00"), SL_EMALFORMED, "malformed section id"},
        {MODULE("\x0d\x03\x01\x00\x00"), SL_EINVALID, "unknown type 0"},
        {MODULE(TYPE0 "\x0d\x03\x01\x01\x00"), SL_EMALFORMED,
         "malformed tag attribute"},
        {MODULE("\x01\x05\x01\x60\x00\x01\x7f"
                "\x0d\x03\x01\x00\x00"),
         SL_EINVALID, "non-empty tag result type"},
        {MODULE(TYPE0 "\x06\x01\x00"
                      "\x0d\x03\x01\x00\x00"),
         SL_EMALFORMED, "unexpected content after last section"},
        {MODULE(TYPE0 "\x0d\x03\x01\x00\x00"
                      "\x07\x05\x01\x01x\x04\x01"),
         SL_EINVALID, "unknown tag 1"},
        {MODULE("\x01\x05\x00"), SL_EMALFORMED, "length out of bounds"},
        {MODULE("\x01\x02\x00\x00"), SL_EMALFORMED, "section size mismatch"},
        {MODULE("\x03\x01\x00"
                "\x01\x01\x00"),
         SL_EMALFORMED, "unexpected content after last section"},
        {MODULE("\x01\x01\x00"
                "\x01\x01\x00"),
         SL_EMALFORMED, "unexpected content after last section"},
        {MODULE("\x01\x04\x01\x5f\x00\x00"), SL_EUNSUPPORTED,
         "unsupported type 5f: garbage collection"},
        {MODULE("\x01\x04\x01\x61\x00\x00"), SL_EMALFORMED,
         "malformed function type"},
        {MODULE("\x01\x05\x01\x60\x01\x7b\x00"), SL_EUNSUPPORTED,
         "unsupported type 7b: simd"},
        {MODULE("\x01\x06\x01\x60\xff\xff\xff\x7f"), SL_EMALFORMED,
         "length out of bounds"},
        {MODULE("\x00\x00"), SL_EMALFORMED, "unexpected end"},
        {MODULE("\x00\x02\x01\xff"), SL_EMALFORMED, "malformed UTF-8 encoding"},
        {MODULE("\x02\x04\x01\x00\x00\x05"), SL_EMALFORMED,
         "malformed import kind"},
        {MODULE("\x02\x06\x01\x00\x00\x04\x00\x00"), SL_EINVALID,
         "unknown type 0"},
        {MODULE("\x02\x05\x01\x00\x00\x00\x00"), SL_EINVALID, "unknown type 0"},
        {MODULE("\x02\x06\x01\x00\x00\x03\x7f\x02"), SL_EMALFORMED,
         "malformed mutability"},
        {MODULE(FUNC0 CODE0), SL_EINVALID, "unknown type 0"},
        {MODULE(TYPE0 FUNC0), SL_EMALFORMED,
         "function and code section have inconsistent lengths"},
        {MODULE(CODE0), SL_EMALFORMED,
         "function and code section have inconsistent lengths"},
        {MODULE("\x04\x04\x01\x7f\x00\x00"), SL_EMALFORMED,
         "malformed reference type"},
        {MODULE("\x04\x04\x01\x70\x08\x00"), SL_EMALFORMED,
         "malformed limits flags"},
        {MODULE("\x04\x05\x01\x70\x01\x02\x01"), SL_EINVALID,
         "size minimum must not be greater than maximum"},
        {MODULE("\x04\x08\x01\x70\x00\x80\x80\x80\x80\x10"), SL_EINVALID,
         "table size"},
        {MODULE("\x04\x09\x01\x40\x00\x70\x00\x01\x23\x00\x0b"), SL_EINVALID,
         "unknown global 0"},
        {MODULE("\x04\x09\x01\x40\x00\x70\x00\x01\xd0\x6f\x0b"), SL_EINVALID,
         "type mismatch"},
        {MODULE("\x04\x09\x01\x40\x01\x70\x00\x01\xd0\x70\x0b"), SL_EMALFORMED,
         "malformed table"},
        {MODULE("\x05\x05\x01\x00\x81\x80\x04"), SL_EINVALID, "memory size"},
        {MODULE("\x05\x09\x01\x04\x81\x80\x80\x80\x80\x80\x40"), SL_EINVALID,
         "memory size must be at most 2^48 pages"},
        {MODULE("\x05\x03\x01\x02\x01"), SL_EINVALID,
         "shared memory must have maximum"},
        {MODULE("\x04\x05\x01\x70\x03\x01\x01"), SL_EUNSUPPORTED,
         "unsupported limits flags: threads"},
        {MODULE("\x05\x03\x01\x04\x01"
                "\x0b\x06\x01\x00\x41\x00\x0b\x00"),
         SL_EINVALID, "type mismatch"},
        {MODULE("\x04\x04\x01\x70\x04\x01"
                "\x09\x06\x01\x00\x41\x00\x0b\x00"),
         SL_EINVALID, "type mismatch"},
        {MODULE("\x05\x05\x02\x00\x01\x00\x01"), SL_EINVALID,
         "multiple memories"},
        {MODULE("\x06\x06\x01\x7f\x00\x42\x00\x0b"), SL_EINVALID,
         "type mismatch"},
        {MODULE("\x06\x06\x01\x7f\x00\x23\x00\x0b"), SL_EINVALID,
         "unknown global 0"},
        {MODULE("\x06\x19\x08\x7f\x00\x0b\x7f\x00\x0b\x7f\x00\x0b"
                "\x7f\x00\x0b\x7f\x00\x0b\x7f\x00\x0b\x7f\x00\x0b"
                "\x7f\x00\x0b"),
         SL_EINVALID, "type mismatch"},
        {MODULE("\x06\x07\x01\x7f\x00\x41\x00\x45\x0b"), SL_EINVALID,
         "constant expression required"},
        {MODULE("\x06\x0b\x02\x7f\x01\x41\x00\x0b\x7f\x00\x23\x00\x0b"),
         SL_EINVALID, "constant expression required"},
        {MODULE("\x06\x06\x01\x70\x00\xd2\x00\x0b"), SL_EINVALID,
         "unknown function 0"},
        {MODULE("\x06\x05\x01\x7f\x00\x41\x00"), SL_EMALFORMED,
         "unexpected end of section or function"},
        {MODULE("\x07\x05\x01\x01x\x00\x00"), SL_EINVALID,
         "unknown function 0"},
        {MODULE("\x07\x05\x01\x01x\x05\x00"), SL_EMALFORMED,
         "malformed export kind"},
        {MODULE(MEM0 "\x07\x09\x02\x01x\x02\x00\x01x\x02\x00"), SL_EINVALID,
         "duplicate export name"},
        {MODULE("\x08\x01\x00"), SL_EINVALID, "unknown function 0"},
        {MODULE("\x01\x05\x01\x60\x01\x7f\x00" FUNC0 "\x08\x01\x00" CODE0),
         SL_EINVALID, "start function"},
        {MODULE("\x09\x06\x01\x00\x41\x00\x0b\x00"), SL_EINVALID,
         "unknown table 0"},
        {MODULE(TABLE0 "\x09\x02\x01\x08"), SL_EMALFORMED,
         "malformed elements segment kind"},
        {MODULE(TABLE0 "\x09\x04\x01\x01\x01\x00"), SL_EMALFORMED,
         "malformed element kind"},
        {MODULE(TABLE0 "\x09\x05\x01\x05\x7f\x00\x0b"), SL_EMALFORMED,
         "malformed reference type"},
        {MODULE("\x04\x04\x01\x6f\x00\x00"
                "\x09\x06\x01\x00\x41\x00\x0b\x00"),
         SL_EINVALID, "type mismatch"},
        {MODULE("\x0b\x06\x01\x00\x41\x00\x0b\x00"), SL_EINVALID,
         "unknown memory 0"},
        {MODULE("\x0b\x02\x01\x03"), SL_EMALFORMED,
         "malformed data segment kind"},
        {MODULE("\x0c\x01\x01"), SL_EMALFORMED,
         "data count and data section have inconsistent lengths"},
        {MODULE(TYPE0 FUNC0 "\x0a\x07\x01\x05\x00\xfc\x09\x00\x0b"
                            "\x0b\x03\x01\x01\x00"),
         SL_EMALFORMED, "data count section required"},
        {MODULE(TYPE0 FUNC0 "\x0a\x04\x01\x02\x00\x01"), SL_EMALFORMED,
         "unexpected end of section or function"},
        {MODULE(TYPE0 FUNC0 "\x0a\x05\x01\x03\x00\x0b\x0b"), SL_EMALFORMED,
         "section size mismatch"},
        {MODULE(TYPE0 FUNC0 "\x0a\x05\x01\x03\x00\x05\x0b"), SL_EMALFORMED,
         "END opcode expected"},
        {MODULE(TYPE0 FUNC0 "\x0a\x10\x01\x0e\x02\xff\xff\xff\xff\x0f\x7f"
                            "\xff\xff\xff\xff\x0f\x7f\x0b"),
         SL_EMALFORMED, "too many locals"},
        {MODULE(TYPE0 FUNC0 "\x0a\x08\x01\x06\x01\xd1\x86\x03\x7f\x0b"),
         SL_ELIMIT, "too many locals"},
        {MODULE("\x01\x05\xc1\x84\x3d\x60\x00"), SL_EMALFORMED,
         "length out of bounds"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err;
        assert_null(decode(row[i].m.bytes, row[i].m.len, &err));
        err.msg[strlen(row[i].error)] = '\0';
        assert_string_equal(err.msg, row[i].error);
        assert_int_equal(err.code, row[i].code);
    }
}

/* A later malformation wins over an earlier violation of a rule. */
static void test_decode__malformed_comes_before_invalid(void **state)
{
    (void)state;
    static const test_module m =
        MODULE(TYPE0 "\x03\x03\x02\x00\x00"
                     "\x0a\x08\x02\x03\x00\x6a\x0b\x03\x00\xff\x0b");
    sl_err err;
    assert_null(decode(m.bytes, m.len, &err));
    assert_string_equal(err.msg, "illegal opcode ff");
    assert_int_equal(err.at, m.len - 2);
}

static void test_errors__carry_the_offset_in_the_file(void **state)
{
    (void)state;
    static const test_module m =
        MODULE(TYPE0 FUNC0 "\x0a\x05\x01\x03\x00\x1a\x0b");
    sl_err err = {0};
    assert_null(
        sl_module_decode((const uint8_t *)m.bytes, m.len, 1000, NULL, &err));
    assert_int_equal(err.at, 1000 + m.len - 2);
}

static void test_features__open_gates(void **state)
{
    (void)state;
    static const test_module two = MODULE("\x05\x05\x02\x00\x01\x00\x01");
    static const test_module sum =
        MODULE("\x06\x09\x01\x7f\x00\x41\x01\x41\x02\x6a\x0b");
    sl_core_features none = {0}, multi = {.multi_memory = true};
    sl_err err;
    sl_module *m =
        sl_module_decode((const uint8_t *)two.bytes, two.len, 0, &multi, &err);
    assert_non_null(m);
    sl_module_free(m);
    m = decode(sum.bytes, sum.len, &err);
    assert_non_null(m);
    sl_module_free(m);
    assert_null(
        sl_module_decode((const uint8_t *)sum.bytes, sum.len, 0, &none, &err));
    assert_string_equal(err.msg, "constant expression required");
}

/* What belongs to a feature is refused without it and decoded with it. */
static void test_features__are_gated(void **state)
{
    (void)state;
    static const struct {
        test_module m;
        sl_core_features needs;
        const char *error;
    } row[] = {
        {MODULE("\x05\x03\x01\x04\x01"),
         {.memory64 = true},
         "unsupported limits flags: memory64"},
        {MODULE("\x04\x04\x01\x70\x04\x01"),
         {.memory64 = true},
         "unsupported limits flags: memory64"},
        {MODULE("\x05\x04\x01\x03\x01\x01"),
         {.threads = true},
         "unsupported limits flags: threads"},
        {MODULE(TYPE0 "\x0d\x03\x01\x00\x00"),
         {.exceptions = true},
         "unsupported section: exception handling"},
        {MODULE(TYPE0 "\x02\x06\x01\x00\x00\x04\x00\x00"),
         {.exceptions = true},
         "unsupported import: exception handling"},
        {MODULE("\x01\x05\x01\x60\x01\x69\x00"),
         {.exceptions = true},
         "unsupported type exnref: exception handling"},
        {MODULE("\x04\x04\x01\x69\x00\x01"),
         {.exceptions = true},
         "unsupported type exnref: exception handling"},
        {MODULE(TYPE0 FUNC0 "\x0a\x06\x01\x04\x01\x01\x69\x0b"),
         {.exceptions = true},
         "unsupported type exnref: exception handling"},
        {MODULE(TYPE0 FUNC0 "\x0a\x07\x01\x05\x00\xd0\x69\x1a\x0b"),
         {.exceptions = true},
         "unsupported instruction ref.null: exception handling"},
        {MODULE(TYPE0 FUNC0 "\x0a\x08\x01\x06\x00\x1f\x40\x00\x0b\x0b"),
         {.exceptions = true},
         "unsupported instruction try_table: exception handling"},
        {MODULE(TYPE0 FUNC0 "\x0a\x06\x01\x04\x00\x12\x00\x0b"),
         {.tail_call = true},
         "unsupported instruction return_call: tail call"},
    };
    static const sl_core_features none = {0};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const uint8_t *bytes = (const uint8_t *)row[i].m.bytes;
        sl_err err = {0};
        assert_null(sl_module_decode(bytes, row[i].m.len, 0, &none, &err));
        assert_string_equal(err.msg, row[i].error);
        assert_int_equal(err.code, SL_EUNSUPPORTED);
        err = (sl_err){0};
        sl_module *m =
            sl_module_decode(bytes, row[i].m.len, 0, &row[i].needs, &err);
        assert_string_equal(err.msg, "");
        sl_module_free(m);
        m = decode(bytes, row[i].m.len, &err); /* and by default */
        assert_non_null(m);
        sl_module_free(m);
    }
}

/* docs/data-segments.md, section 8. */
static void test_data_imports__come_first(void **state)
{
    (void)state;
    static const test_module m = MODULE(
        TYPE0 "\x02\x0f\x03"
              "\x01m\x01n\x05"
              "\x00\x00\x00\x00"
              "\x01m\x01o\x05" FUNC0
              "\x0c\x01\x01\x0a\x0d\x01\x0b\x00\xfc\x09\x00\xfc\x09\x01\xfc\x09"
              "\x02\x0b\x0b\x04\x01\x01\x01x");
    sl_core_features with = {.data_imports = true};
    sl_err err = {0};
    assert_null(decode(m.bytes, m.len, &err));
    assert_int_equal(err.code, SL_EMALFORMED);
    assert_string_equal(err.msg, "malformed import kind: unsupported feature "
                                 "`core-data`: an import of data");
    assert_int_equal(err.at, 8 + 6 + 3 + 4);
    sl_module *d =
        sl_module_decode((const uint8_t *)m.bytes, m.len, 0, &with, &err);
    assert_non_null(d);
    assert_int_equal(d->n_imports, 3);
    assert_int_equal(d->imports[2].type.kind, SL_CORE_DATA);
    assert_int_equal(d->imports[2].index, 1);
    assert_int_equal(d->n_datas, 3);
    assert_int_equal(d->n_imported_datas, 2);
    assert_int_equal(d->datas[0].mode, SL_SEGMENT_IMPORTED);
    assert_int_equal(d->datas[1].mode, SL_SEGMENT_IMPORTED);
    assert_int_equal(d->datas[2].mode, SL_SEGMENT_PASSIVE);
    assert_memory_equal(d->datas[2].bytes, "x", 1);
    sl_module_free(d);
}

/* The shortest imports there are, more of them than of any other kind would
 * have room; and one that is missing. */
static void test_data_imports__are_three_bytes_each(void **state)
{
    (void)state;
    enum { N = 300 };
    static const uint8_t head[] = "\0asm\1\0\0\0\x02\x86\x07\xac\x02";
    uint8_t bytes[sizeof head - 1 + 3 * N];
    memcpy(bytes, head, sizeof head - 1);
    for (size_t i = 0; i < N; i++)
        memcpy(bytes + sizeof head - 1 + 3 * i, "\0\0\5", 3);
    sl_core_features with = {.data_imports = true};
    sl_err err = {0};
    sl_module *m = sl_module_decode(bytes, sizeof bytes, 0, &with, &err);
    assert_string_equal(err.msg, "");
    assert_int_equal(m->n_datas, N);
    assert_int_equal(m->imports[N - 1].index, N - 1);
    sl_module_free(m);
    bytes[sizeof head - 3] = 0xad; /* the count */
    assert_null(sl_module_decode(bytes, sizeof bytes, 0, &with, &err));
    assert_int_equal(err.code, SL_EMALFORMED);
}

static void test_tags__have_an_index_space(void **state)
{
    (void)state;
    static const test_module tags =
        MODULE("\x01\x08\x02\x60\x00\x00\x60\x01\x7f\x00"
               "\x02\x08\x01\x01m\x01t\x04\x00\x01"
               "\x0d\x03\x01\x00\x00"
               "\x07\x05\x01\x01x\x04\x00");
    sl_err err;
    sl_module *m = decode(tags.bytes, tags.len, &err);
    assert_non_null(m);
    assert_int_equal(m->n_tags, 2);
    assert_int_equal(m->n_imported_tags, 1);
    assert_int_equal(m->imports[0].type.kind, SL_CORE_TAG);
    assert_ptr_equal(m->imports[0].type.of.func, &m->types[1]);
    sl_core_externtype type = sl_module_item_type(m, SL_CORE_TAG, 0);
    assert_ptr_equal(type.of.func, &m->types[1]);
    type = sl_module_item_type(m, SL_CORE_TAG, 1);
    assert_ptr_equal(type.of.func, &m->types[0]);
    assert_true(sl_core_externtype_matches(&type, &type));
    assert_false(sl_core_externtype_matches(&m->imports[0].type, &type));
    sl_module_free(m);
}

static void test_names__broken_ones_are_no_error(void **state)
{
    (void)state;
    static const test_module row[] = {
        MODULE("\x00\x05\x04name"),
        MODULE("\x00\x06\x04name\x00"),
        MODULE("\x00\x08\x04name\x00\x02\x05x"),
        MODULE("\x00\x09\x04name\x00\x02\x01\xff"),
        MODULE("\x00\x0b\x04name\x01\xff\xff\xff\x0f"),
        MODULE(TYPE0 FUNC0 CODE0 "\x00\x0d\x04name\x01\x06\x02\x00\x01"
                                 "f\x09\x05"),
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        sl_err err;
        char copy[64];
        /* Fit the section's length to what is there. */
        memcpy(copy, row[i].bytes, row[i].len);
        size_t at = row[i].len > 30 ? 8 + 6 + 4 + 6 + 1 : 9;
        copy[at] = (char)(row[i].len - at - 1);
        sl_module *m = decode(copy, row[i].len, &err);
        assert_string_equal(err.msg, "");
        assert_non_null(m);
        sl_module_free(m);
    }
}

/* Every prefix fails or (after the code section) is a module by itself. */
static void test_truncation__never_crashes(void **state)
{
    (void)state;
    for (size_t len = 0; len < everything.len; len++) {
        sl_err err;
        /* An exact copy, so that the sanitizer sees reads behind it. */
        char *copy = malloc(len ? len : 1);
        memcpy(copy, everything.bytes, len);
        sl_module *m = decode(copy, len, &err);
        assert_true((m == NULL) == (err.code != SL_OK));
        assert_true(err.code == SL_OK || err.msg[0] != '\0');
        sl_module_free(m);
        free(copy);
    }
}

static void test_flipped_bytes__never_crash(void **state)
{
    (void)state;
    char *copy = malloc(everything.len);
    memcpy(copy, everything.bytes, everything.len);
    for (size_t i = 0; i < everything.len; i++)
        for (unsigned byte = 0; byte < 256; byte++) {
            sl_err err;
            copy[i] = (char)byte;
            sl_module *m = decode(copy, everything.len, &err);
            assert_true((m == NULL) == (err.code != SL_OK));
            assert_int_not_equal(err.code, SL_ENOMEM);
            sl_module_free(m);
            copy[i] = everything.bytes[i];
        }
    free(copy);
}

static void test_short_memory__is_an_error(void **state)
{
    (void)state;
    sl_err err;
    size_t before = sl_alloc_count();
    sl_module_free(decode(everything.bytes, everything.len, &err));
    size_t n = sl_alloc_count() - before;
    for (size_t i = 1; i <= n; i++) {
        sl_alloc_fail_at(i, 0);
        sl_module *m = decode(everything.bytes, everything.len, &err);
        sl_alloc_fail_at(0, 0);
        assert_null(m);
        assert_int_equal(err.code, SL_ENOMEM);
    }
}

const struct CMUnitTest decode_tests[] = {
    cmocka_unit_test(test_decode__keeps_what_the_file_says),
    cmocka_unit_test(test_exports__are_found_by_name),
    cmocka_unit_test(test_decode__refuses),
    cmocka_unit_test(test_decode__malformed_comes_before_invalid),
    cmocka_unit_test(test_errors__carry_the_offset_in_the_file),
    cmocka_unit_test(test_features__open_gates),
    cmocka_unit_test(test_features__are_gated),
    cmocka_unit_test(test_data_imports__come_first),
    cmocka_unit_test(test_data_imports__are_three_bytes_each),
    cmocka_unit_test(test_tags__have_an_index_space),
    cmocka_unit_test(test_names__broken_ones_are_no_error),
    cmocka_unit_test(test_truncation__never_crashes),
    cmocka_unit_test(test_flipped_bytes__never_crash),
    cmocka_unit_test(test_short_memory__is_an_error),
};
const size_t n_decode_tests = sizeof decode_tests / sizeof *decode_tests;
