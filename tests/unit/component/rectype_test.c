#include "bytes.h"

/* Declared core types in every form: a function, a structure, an array, a
 * recursive group with a subtype, subtypes of functions, one that names
 * itself, and a module type with a group of its own. (What
 * tests/wast/component/gc-types.wast begins with, parsed.) */
static const char forms[] = PREAMBLE
    "\x03\x80\x01\x08\x60\x01\x7f\x01\x7f\x5f\x03\x78\x00\x77\x01\x63\x00"
    "\x00\x5e\x7e\x01\x4e\x02\x50\x00\x5f\x02\x63\x03\x00\x63\x04\x00\x4f"
    "\x01\x03\x5f\x03\x63\x04\x00\x63\x04\x00\x7c\x00\x00\x50\x00\x60\x01"
    "\x64\x01\x01\x6e\x00\x50\x01\x05\x60\x01\x6b\x01\x64\x6d\x60\x01\x63"
    "\x07\x00\x50\x07\x02\x10\x01\x01\x03\x01\x4e\x02\x5f\x01\x64\x02\x00"
    "\x5e\x64\x01\x00\x01\x00\x50\x00\x60\x04\x64\x01\x71\x73\x6c\x00\x00"
    "\x01\x61\x01\x66\x00\x03\x00\x01\x61\x01\x67\x03\x63\x00\x01\x03\x01"
    "\x74\x01\x63\x02\x00\x01\x03\x01\x65\x04\x00\x03\x00\x3d\x0e\x63\x6f"
    "\x6d\x70\x6f\x6e\x65\x6e\x74\x2d\x6e\x61\x6d\x65\x01\x2c\x00\x10\x09"
    "\x00\x01\x66\x01\x01\x73\x02\x01\x61\x03\x04\x6e\x6f\x64\x65\x04\x04"
    "\x6c\x65\x61\x66\x05\x05\x73\x75\x70\x65\x72\x06\x03\x73\x75\x62\x07"
    "\x03\x6f\x77\x6e\x08\x01\x6d";

/* Every byte changed in many ways, and every length: decoded or refused, in
 * bounds (the sanitizers watch). */
static void test_rectype__mutated(void **state)
{
    (void)state;
    static const uint8_t instead[] = {0x00, 0x01, 0x02, 0x03, 0x4e, 0x4f, 0x50,
                                      0x5e, 0x5f, 0x60, 0x63, 0x64, 0x69, 0x6e,
                                      0x71, 0x77, 0x78, 0x7f, 0x80, 0xff};
    char bytes[sizeof forms];
    unsigned decoded = 0;
    for (size_t i = 8; i < sizeof forms - 1; i++)
        for (size_t k = 0; k < sizeof instead; k++) {
            sl_err err = {0};
            memcpy(bytes, forms, sizeof forms);
            bytes[i] = (char)instead[k];
            sl_component *c = decode_bytes(bytes, sizeof forms - 1, ALL, &err);
            assert_true((c != NULL) == (err.code == SL_OK));
            decoded += c != NULL;
            sl_component_free(c);
        }
    assert_true(decoded > 500); /* many a change is another valid type */
    for (size_t len = 8; len < sizeof forms; len++) {
        sl_err err = {0};
        sl_component *c = decode_bytes(forms, len, ALL, &err);
        assert_true((c != NULL) == (err.code == SL_OK));
        sl_component_free(c);
    }
}

/* Groups of many types, each below the one before: supertypes end at a limit,
 * and what is not declared costs nothing. */
static void test_rectype__long_chains(void **state)
{
    (void)state;
    static const struct {
        uint32_t n;
        sl_status code;
        const char *words;
    } row[] = {
        {2, SL_OK, ""},
        {64, SL_OK, ""},
        {65, SL_ELIMIT, "supertypes above one another"},
        {20000, SL_ELIMIT, "supertypes above one another"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++)
        for (int grouped = 0; grouped < 2; grouped++) {
            sl_buf types = {0}, buf = {0};
            sl_buf_u32(&types, grouped ? 1 : row[i].n);
            if (grouped) {
                sl_buf_u8(&types, 0x4e);
                sl_buf_u32(&types, row[i].n);
            }
            for (uint32_t k = 0; k < row[i].n; k++) {
                sl_buf_bytes(&types, "\0\x50" + grouped, 2 - (size_t)grouped);
                sl_buf_u8(&types, k != 0);
                if (k != 0)
                    sl_buf_u32(&types, k - 1);
                sl_buf_bytes(&types, "\x5f\0", 2);
            }
            put_preamble(&buf);
            put_section_of(&buf, 3, types.data, types.len);
            expect(&buf, row[i].code, row[i].words);
            sl_buf_deinit(&types);
            sl_buf_deinit(&buf);
        }
}

const struct CMUnitTest rectype_tests[] = {
    cmocka_unit_test(test_rectype__mutated),
    cmocka_unit_test(test_rectype__long_chains),
};
const size_t n_rectype_tests = sizeof rectype_tests / sizeof *rectype_tests;
