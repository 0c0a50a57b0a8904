/* (file "name" ...): what lies beside the components of a script.
 * tests/wast/data/README.md. */
#include "wast/wast_int.h"

#include "base/alloc.h"
#include "wast/backing.h"

enum { MAX_FILE = 1 << 24 };

/* missing | late | never, and (fails N). */
static bool read_manner(sl_cursor *c, wast_file *file)
{
    file->missing = sl_take_keyword(c, "missing");
    if (sl_take_keyword(c, "late"))
        file->manner = WAST_FILE_LATE;
    else if (sl_take_keyword(c, "never"))
        file->manner = WAST_FILE_NEVER;
    file->fails_at = UINT64_MAX;
    if (!sl_take_form(c, "fails"))
        return true;
    return sl_expect_u64(c, &file->fails_at) && sl_expect_rpar(c);
}

/* Strings, one after the other. */
static bool read_strings(sl_cursor *c, sl_buf *out)
{
    while (sl_peek(c)->kind == SL_TOK_STRING) {
        sl_name text = sl_next(c)->text;
        sl_buf_bytes(out, text.data, text.len);
    }
    return sl_peek(c)->kind == SL_TOK_RPAR || sl_at_form(c, "repeat") ||
           sl_unexpected(c);
}

/* (repeat N string*) */
static bool read_repeat(sl_cursor *c, sl_buf *out)
{
    uint32_t times;
    sl_buf once = {0};
    bool good = sl_expect_u32(c, &times) && read_strings(c, &once) &&
                sl_expect_rpar(c);
    if (good && once.len != 0 && times > MAX_FILE / once.len)
        good = sl_cursor_fail(c, "the file is too large");
    for (uint32_t i = 0; good && once.len != 0 && i < times; i++)
        sl_buf_bytes(out, once.data, once.len);
    out->failed |= once.failed;
    sl_buf_deinit(&once);
    return good;
}

static bool read_bytes(sl_cursor *c, sl_buf *out)
{
    while (sl_peek(c)->kind != SL_TOK_RPAR) {
        bool good = sl_take_form(c, "repeat") ? read_repeat(c, out)
                                              : read_strings(c, out);
        if (!good)
            return false;
        if (out->failed)
            return sl_cursor_nomem(c);
    }
    return sl_expect_rpar(c);
}

wast_outcome wast_file_form(wast *w, sl_cursor *c)
{
    wast_file file = {0};
    sl_buf bytes = {0};
    sl_err err = {0};
    wast_backings *backings = wast_backings_of(w, &err);
    if (backings == NULL)
        return wast_fail(w, "%s", err.msg);
    if (!sl_expect_name(c, &file.name) || !read_manner(c, &file) ||
        !read_bytes(c, &bytes)) {
        sl_buf_deinit(&bytes);
        return wast_fail(w, "bad script: %s", c->err->msg);
    }
    file.bytes = bytes.data;
    file.len = bytes.len;
    if (wast_backings_file(backings, &file, &err) != SL_OK)
        return wast_fail(w, "%s", err.msg);
    return WAST_PASS;
}
