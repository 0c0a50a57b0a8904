/* core:data definitions: what a segment's bytes are and where, without reading
 * them. docs/data-segments.md, sections 2, 4 and 5. */
#include <inttypes.h>
#include <string.h>

#include "base/utf8.h"
#include "component/chunk_table.h"
#include "component/reference.h"
#include "component/scan.h"

/* --- The table of chunks: checked, and read again when a chunk is wanted ----- */

/* Lengths of frames are LEB128: where the table ends is seen on the way. */
static bool skip_frames(sl_scan *c, uint32_t n)
{
    sl_chunk_table table;
    uint64_t frame;
    uint8_t digest[SL_CHUNK_DIGEST];
    sl_chunk_table_init(&table, c->d->source, c->at, c->end - c->at, true,
                        c->d->err);
    for (uint32_t i = 0; i < n; i++)
        if (!sl_chunk_table_next(&table, &frame, digest))
            return false;
    sl_scan_skip(c, sl_reader_at(&table.r) - c->at);
    return true;
}

static bool chunk_table(sl_scan *c, sl_segment_def *segment)
{
    uint64_t at = c->at, k = UINT64_C(1) << segment->chunk_log;
    uint64_t want =
        segment->size / k + (segment->size % k != 0); /* ceil(n / 2^k) */
    segment->n_chunks = sl_scan_u32(c);
    segment->offset = c->at;
    if (!sl_dec_ok(c->d))
        return false;
    if (segment->n_chunks > (c->end - c->at) / SL_CHUNK_DIGEST)
        return sl_scan_end(c);
    if (segment->n_chunks != want) {
        sl_fail(c->d->err, SL_EINVALID, at,
                "core data has %" PRIu32 " chunk digests where %" PRIu64
                " bytes in chunks of %" PRIu64 " need %" PRIu64,
                segment->n_chunks, segment->size, k, want);
        return false;
    }
    if (segment->zstd)
        skip_frames(c, segment->n_chunks);
    else
        sl_scan_skip(c, (uint64_t)segment->n_chunks * SL_CHUNK_DIGEST);
    segment->table_size = c->at - segment->offset;
    return sl_dec_ok(c->d);
}

/* --- The external form -------------------------------------------------------- */

static bool reference(sl_scan *c, sl_segment_def *segment)
{
    uint32_t n = sl_scan_u32(c);
    uint64_t at = c->at;
    if (sl_dec_ok(c->d) && n > SL_MAX_NAME)
        return n > c->end - at ? sl_scan_end(c)
                               : sl_dec_limit(c->d, at, "bytes in a name");
    const uint8_t *bytes = sl_scan_take(c, n);
    if (bytes == NULL)
        return false;
    if (!sl_utf8_valid(bytes, n)) {
        sl_fail(c->d->err, SL_EMALFORMED, at, "malformed UTF-8 encoding");
        return false;
    }
    segment->reference = (sl_name){(const char *)bytes, n};
    const char *why = sl_reference_fault(segment->reference);
    if (why != NULL)
        sl_fail(c->d->err, SL_EINVALID, at, "invalid core data reference: %s",
                why);
    return sl_dec_ok(c->d);
}

static bool external(sl_scan *c, sl_segment_def *segment)
{
    if (!reference(c, segment))
        return false;
    segment->size = sl_scan_u64(c);
    uint64_t at = c->at;
    segment->chunk_log = sl_scan_u8(c);
    uint64_t encoding_at = c->at;
    uint8_t encoding = sl_scan_u8(c);
    if (!sl_dec_ok(c->d))
        return false;
    if (encoding > 1) {
        sl_fail(c->d->err, SL_EMALFORMED, encoding_at,
                "invalid leading byte (0x%x) for core data encoding", encoding);
        return false;
    }
    if (segment->chunk_log < SL_CHUNK_LOG_MIN ||
        segment->chunk_log > SL_CHUNK_LOG_MAX) {
        sl_fail(c->d->err, SL_EINVALID, at,
                "core data chunk size must be 2^%d to 2^%d bytes, not 2^%u",
                SL_CHUNK_LOG_MIN, SL_CHUNK_LOG_MAX, segment->chunk_log);
        return false;
    }
    segment->zstd = encoding == 1;
    return chunk_table(c, segment);
}

/* --- A definition -------------------------------------------------------------- */

bool sl_decode_segment(sl_scan *c, sl_scope *s)
{
    sl_decoder *d = c->d;
    uint64_t at = c->at;
    uint8_t form = sl_scan_u8(c);
    sl_segment_def segment = {.form = SL_SEGMENT_INLINE};
    if (sl_dec_ok(d) && form == 0x03) {
        segment.form = SL_SEGMENT_EXTERNAL;
        external(c, &segment);
    } else if (sl_dec_ok(d) && form != 0x01) {
        sl_fail(d->err, SL_EMALFORMED, at,
                "invalid leading byte (0x%x) for core data", form);
    } else {
        segment.size = sl_scan_u32(c);
        segment.offset = c->at;
        sl_scan_skip(c, segment.size);
    }
    if (!sl_dec_ok(d))
        return false;
    sl_def *def = sl_scope_def(d, s, SL_DEF_DATA, SL_SORT_CORE_DATA, at);
    if (def == NULL)
        return false;
    def->of.segment = (uint32_t)s->segments.n;
    segment.ordinal = d->n_segments++;
    if (!sl_vec_push(&s->segments, segment))
        return sl_dec_nomem(d);
    return sl_scope_add(d, s, SL_SORT_CORE_DATA, NULL, at);
}
