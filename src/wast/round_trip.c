/* Binary to text and back: what the printer writes, the parser reads. */
#include "base/reader.h"
#include "wast/wast_int.h"

/* Appends the sections that are not custom, with the preamble. */
static void strip(const sl_buf *bytes, sl_buf *out)
{
    sl_err ignored = {0};
    sl_reader r = sl_reader_over(bytes->data, bytes->len, 0, &ignored);
    sl_read_bytes(&r, 8);
    sl_buf_bytes(out, bytes->data, (size_t)(r.pos - r.start));
    while (sl_reader_ok(&r) && sl_reader_left(&r) > 0) {
        const uint8_t *start = r.pos;
        uint8_t id = sl_read_u8(&r);
        sl_read_bytes(&r, sl_read_u32(&r));
        if (id != 0 && sl_reader_ok(&r))
            sl_buf_bytes(out, start, (size_t)(r.pos - start));
    }
}

static bool same(const sl_buf *a, const sl_buf *b)
{
    sl_buf x = {0}, y = {0};
    strip(a, &x);
    strip(b, &y);
    bool equal = x.len == y.len && memcmp(x.data, y.data, x.len) == 0;
    sl_buf_deinit(&x);
    sl_buf_deinit(&y);
    return equal;
}

static bool there_and_back(wast_print_fn print, const sl_buf *bytes,
                           sl_buf *out, sl_err *err)
{
    sl_buf text = {0};
    bool ok =
        print(bytes->data, bytes->len, &text, err) &&
        sl_text_parse((sl_name){(const char *)text.data, text.len}, out, err);
    sl_buf_deinit(&text);
    return ok;
}

wast_outcome wast_round_trip(wast *w, wast_print_fn print, const sl_buf *bytes,
                             bool exact)
{
    sl_buf once = {0}, twice = {0};
    sl_err err = {0};
    wast_outcome outcome = WAST_PASS;
    if (!there_and_back(print, bytes, &once, &err) ||
        !there_and_back(print, &once, &twice, &err))
        outcome = wast_fail(w, "round trip: %s", err.msg);
    else if (!same(&once, &twice) || (exact && !same(bytes, &once)))
        outcome = wast_fail(w, "round trip: the binary differs");
    sl_buf_deinit(&once);
    sl_buf_deinit(&twice);
    return outcome;
}
