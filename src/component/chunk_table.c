#include "component/chunk_table.h"

#include <string.h>

void sl_chunk_table_init(sl_chunk_table *t, sl_source *source, uint64_t at,
                         uint64_t len, bool zstd, sl_err *err)
{
    *t = (sl_chunk_table){source, at, at + len, zstd, err};
    t->r = sl_reader_over(t->window, 0, at, err);
}

static bool refill(sl_chunk_table *t)
{
    size_t kept = sl_reader_left(&t->r);
    uint64_t origin = sl_reader_at(&t->r), left = t->end - t->at;
    size_t more = sizeof t->window - kept;
    memmove(t->window, t->r.pos, kept);
    if (left < more)
        more = (size_t)left;
    if (more != 0 && t->source->read_at(t->source, t->at, t->window + kept,
                                        more, t->err) != SL_OK)
        return false;
    t->at += more;
    t->r = sl_reader_over(t->window, kept + more, origin, t->err);
    return true;
}

bool sl_chunk_table_next(sl_chunk_table *t, uint64_t *frame,
                         uint8_t digest[SL_CHUNK_DIGEST])
{
    if (sl_reader_left(&t->r) < SL_CHUNK_ENTRY_MAX && !refill(t))
        return false;
    if (t->zstd)
        *frame = sl_read_u32(&t->r);
    const uint8_t *bytes = sl_read_bytes(&t->r, SL_CHUNK_DIGEST);
    if (bytes != NULL)
        memcpy(digest, bytes, SL_CHUNK_DIGEST);
    return bytes != NULL;
}
