/* Binary.md "Component Definitions": walks the sections, copies them, and cuts
 * the import section where an import of core data is replaced. */
#include "bundle/bundle.h"

#include <inttypes.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "bundle/output.h"

enum { SECTION_CUSTOM = 0, SECTION_IMPORT = 10, SECTION_DATA = 13 };
enum { CORE_SORT_DATA = 0x13, SEGMENT_INLINE = 0x01 };
#define IMPORTS_MAX (64u << 20) /* bytes of an import section */

typedef struct bundler {
    sl_source *source;
    const sl_bundle_data *data;
    size_t n;
    bool *used; /* n flags */
    sl_output out;
    sl_err *err;
} bundler;

/* --- Writing a segment ------------------------------------------------------ */

/* A custom section that ends `before` bytes short of an aligned offset. */
static void pad_to_alignment(sl_output *out, uint32_t before)
{
    static const uint8_t zeros[4096];
    const uint32_t head = 1 + 5 + 1 + 3; /* id, padded size, name "pad" */
    uint64_t start = out->at + head + before;
    uint32_t zero_count =
        (uint32_t)((SL_BUNDLE_ALIGN - start % SL_BUNDLE_ALIGN) %
                   SL_BUNDLE_ALIGN);
    sl_output_bytes(out, &(uint8_t){SECTION_CUSTOM}, 1);
    sl_output_u32_padded(out, 4 + zero_count);
    sl_output_bytes(out, "\3pad", 4);
    while (zero_count != 0) {
        uint32_t n = zero_count < sizeof zeros ? zero_count : sizeof zeros;
        sl_output_bytes(out, zeros, n);
        zero_count -= n;
    }
}

static void write_segment(bundler *b, const char *path)
{
    const uint32_t body_head = 1 + 1 + 5; /* count, form, padded length */
    sl_source *file = sl_source_file(path, b->err);
    if (file == NULL)
        return;
    if (file->size > UINT32_MAX - body_head) {
        sl_fail(b->err, SL_ERANGE, SL_ERR_NO_PLACE,
                "%s: %" PRIu64
                " bytes are too many for an inline segment (less than 4 GiB)",
                path, file->size);
    } else {
        pad_to_alignment(&b->out, 1 + 5 + body_head);
        sl_output_bytes(&b->out, &(uint8_t){SECTION_DATA}, 1);
        sl_output_u32_padded(&b->out, body_head + (uint32_t)file->size);
        sl_output_bytes(&b->out, (uint8_t[]){1, SEGMENT_INLINE}, 2);
        sl_output_u32_padded(&b->out, (uint32_t)file->size);
        sl_output_copy(&b->out, file, 0, file->size);
    }
    sl_source_unref(file);
}

/* --- Imports ------------------------------------------------------------------ */

/* Skips nameattributes (Binary.md "Import and Export Definitions"). */
static sl_name read_import_name(sl_reader *r)
{
    uint8_t form = sl_read_u8(r);
    sl_name name = sl_read_name(r);
    for (uint32_t n = form == 2 ? sl_read_count(r, 2) : 0; n != 0; n--) {
        sl_read_u8(r);
        sl_read_name(r);
    }
    return name;
}

/* Skips an externtype; says whether it is (core data). */
static bool read_is_data(sl_reader *r)
{
    uint8_t sort = sl_read_u8(r);
    switch (sort) {
    case 0x00:
        if (sl_read_u8(r) == CORE_SORT_DATA)
            return true;
        sl_read_u32(r);
        break;
    case 0x02: /* value: a bound and an index or a type */
        if (sl_read_u8(r) == 0)
            sl_read_u32(r);
        else
            sl_read_s33(r);
        break;
    case 0x03: /* type: (eq i) or (sub resource) */
        if (sl_read_u8(r) == 0)
            sl_read_u32(r);
        break;
    case 0x01:
    case 0x04:
    case 0x05:
        sl_read_u32(r);
        break;
    default:
        sl_reader_fail(r, SL_EMALFORMED, "malformed import kind");
    }
    return false;
}

/* Imports [from, r->pos) as a section of their own. */
static void write_imports(bundler *b, const uint8_t *from, const uint8_t *to,
                          uint32_t count)
{
    if (count == 0)
        return;
    sl_output_bytes(&b->out, &(uint8_t){SECTION_IMPORT}, 1);
    sl_output_u32_padded(&b->out, 5 + (uint32_t)(to - from));
    sl_output_u32_padded(&b->out, count);
    sl_output_bytes(&b->out, from, (size_t)(to - from));
}

static const sl_bundle_data *replacement(bundler *b, sl_name name)
{
    for (size_t i = 0; i < b->n; i++)
        if (sl_name_eq(b->data[i].name, name)) {
            b->used[i] = true;
            return &b->data[i];
        }
    return NULL;
}

static void copy_imports(bundler *b, sl_reader *r)
{
    uint32_t n = sl_read_count(r, 2), kept = 0;
    const uint8_t *from = r->pos;
    for (uint32_t i = 0; i < n && sl_reader_ok(r); i++) {
        const uint8_t *start = r->pos;
        sl_name name = read_import_name(r);
        const sl_bundle_data *data =
            read_is_data(r) && sl_reader_ok(r) ? replacement(b, name) : NULL;
        if (data == NULL) {
            kept++;
            continue;
        }
        write_imports(b, from, start, kept);
        write_segment(b, data->path);
        from = r->pos;
        kept = 0;
    }
    if (sl_reader_ok(r) && sl_reader_left(r) != 0)
        sl_reader_fail(r, SL_EMALFORMED, "section size mismatch");
    if (sl_reader_ok(r))
        write_imports(b, from, r->pos, kept);
}

/* --- Sections ----------------------------------------------------------------- */

static void import_section(bundler *b, uint64_t at, uint32_t size)
{
    uint8_t *body = size <= IMPORTS_MAX ? sl_malloc(size) : NULL;
    if (body == NULL) {
        sl_fail(b->err, SL_ENOMEM, at, "out of memory");
    } else if (b->source->read_at(b->source, at, body, size, b->err) == SL_OK) {
        sl_reader r = sl_reader_over(body, size, at, b->err);
        copy_imports(b, &r);
    }
    sl_free(body);
}

/* One section from `at`; returns the offset behind it. */
static uint64_t copy_section(bundler *b, uint64_t at)
{
    uint8_t head[6] = {0};
    uint64_t left = b->source->size - at;
    size_t n = left < sizeof head ? (size_t)left : sizeof head;
    if (b->source->read_at(b->source, at, head, n, b->err) != SL_OK)
        return b->source->size;
    sl_reader r = sl_reader_over(head, n, at, b->err);
    uint8_t id = sl_read_u8(&r);
    uint32_t size = sl_read_u32(&r);
    uint64_t body = sl_reader_at(&r);
    if (sl_reader_ok(&r) && size > b->source->size - body)
        sl_reader_fail(&r, SL_EMALFORMED, "unexpected end");
    if (!sl_reader_ok(&r))
        return b->source->size;
    if (id == SECTION_IMPORT)
        import_section(b, body, size);
    else
        sl_output_copy(&b->out, b->source, at, body - at + size);
    return body + size;
}

static void check_names(bundler *b)
{
    for (size_t i = 0; i < b->n; i++)
        for (size_t k = 0; k < i; k++)
            if (sl_name_eq(b->data[i].name, b->data[k].name))
                sl_fail(b->err, SL_EINVALID, SL_ERR_NO_PLACE,
                        "`%.*s` is given twice", SL_NAME_ARGS(b->data[i].name));
}

static void check_used(bundler *b)
{
    for (size_t i = 0; i < b->n; i++)
        if (!b->used[i])
            sl_fail(b->err, SL_EINVALID, SL_ERR_NO_PLACE,
                    "the component has no `core data` import named `%.*s`",
                    SL_NAME_ARGS(b->data[i].name));
}

static void check_preamble(bundler *b)
{
    uint8_t head[8];
    if (b->source->size < sizeof head) {
        sl_fail(b->err, SL_EMALFORMED, 0, "unexpected end");
        return;
    }
    if (b->source->read_at(b->source, 0, head, sizeof head, b->err) != SL_OK)
        return;
    if (memcmp(head, "\0asm", 4) != 0)
        sl_fail(b->err, SL_EMALFORMED, 0, "magic header not detected");
    else if (memcmp(head + 4, "\x0d\0\1\0", 4) != 0)
        sl_fail(b->err, SL_EMALFORMED, 4,
                "unknown binary version: not a component");
    else
        sl_output_bytes(&b->out, head, sizeof head);
}

sl_status sl_bundle(sl_source *source, const sl_bundle_data *data, size_t n,
                    int fd, sl_err *err)
{
    bundler b = {.source = source, .data = data, .n = n, .err = err};
    b.used = sl_calloc(n, sizeof *b.used);
    if (b.used == NULL)
        return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    sl_output_init(&b.out, fd, err);
    check_names(&b);
    if (err->code == SL_OK)
        check_preamble(&b);
    for (uint64_t at = 8; at < source->size && err->code == SL_OK;)
        at = copy_section(&b, at);
    if (err->code == SL_OK)
        check_used(&b);
    sl_output_finish(&b.out);
    sl_free(b.used);
    return err->code;
}
