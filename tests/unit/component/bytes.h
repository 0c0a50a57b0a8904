/* Component bytes by hand: a buffer, sections, and decoding it. */
#ifndef SL_TESTS_COMPONENT_BYTES_H
#define SL_TESTS_COMPONENT_BYTES_H

#include "check.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "component/component.h"

#define PREAMBLE "\0asm\x0d\0\1\0"
#define ALL      (~UINT64_C(0))

static inline void put_preamble(sl_buf *buf)
{
    sl_buf_bytes(buf, PREAMBLE, 8);
}

/* A section of literal bytes. */
#define put_section(buf, id, bytes)                                            \
    put_section_of((buf), (id), (bytes), sizeof(bytes) - 1)

static inline void put_section_of(sl_buf *buf, uint8_t id, const void *bytes,
                                  size_t len)
{
    sl_buf_u8(buf, id);
    sl_buf_u32(buf, (uint32_t)len);
    sl_buf_bytes(buf, bytes, len);
}

static inline sl_component *decode_bytes(const void *bytes, size_t len,
                                         sl_features features, sl_err *err)
{
    sl_component_options options = {.features = features};
    sl_err own = {0};
    sl_source *source = sl_source_buffer(bytes, len, false, &own);
    *err = own;
    if (source == NULL)
        return NULL;
    sl_component *out = sl_component_decode(source, &options, err);
    sl_source_unref(source);
    return out;
}

static inline sl_component *decode_buf(const sl_buf *buf, sl_err *err)
{
    assert_false(buf->failed);
    return decode_bytes(buf->data, buf->len, ALL, err);
}

/* Decodes, expects success or a message that contains `words`, frees. */
static inline void expect(const sl_buf *buf, sl_status code, const char *words)
{
    sl_err err = {0};
    sl_component *out = decode_buf(buf, &err);
    if (code != err.code || strstr(err.msg, words) == NULL)
        print_error("got %s: %s\nwanted %s: %s\n", sl_status_words(err.code),
                    err.msg, sl_status_words(code), words);
    assert_int_equal(err.code, code);
    assert_non_null(strstr(err.msg, words));
    assert_true((out != NULL) == (code == SL_OK));
    sl_component_free(out);
}

/* The same for the sections of one literal behind a preamble. */
#define expect_body(bytes, code, words)                                        \
    expect_body_of((bytes), sizeof(bytes) - 1, (code), (words))

static inline void expect_body_of(const void *bytes, size_t len, sl_status code,
                                  const char *words)
{
    sl_buf buf;
    sl_buf_init(&buf);
    put_preamble(&buf);
    sl_buf_bytes(&buf, bytes, len);
    expect(&buf, code, words);
    sl_buf_deinit(&buf);
}

#endif
