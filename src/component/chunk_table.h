/* The table of chunks of an external segment, read in order in windows: it may
 * be many megabytes. docs/data-segments.md, section 2. */
#ifndef SL_COMPONENT_CHUNK_TABLE_H
#define SL_COMPONENT_CHUNK_TABLE_H

#include "base/reader.h"
#include "base/source.h"

#define SL_CHUNK_DIGEST 32 /* bytes: SHA-256 of the chunk's content */
/* An entry is at most this long: a frame's length and a digest. */
#define SL_CHUNK_ENTRY_MAX (5 + SL_CHUNK_DIGEST)

typedef struct sl_chunk_table {
    sl_source *source;
    uint64_t at, end; /* of the table, what has not been read yet */
    bool zstd;
    sl_err *err;
    sl_reader r;
    uint8_t window[4096];
} sl_chunk_table;

/* The table at [at, at + len), of a segment with or without zstd. */
void sl_chunk_table_init(sl_chunk_table *table, sl_source *source, uint64_t at,
                         uint64_t len, bool zstd, sl_err *err);
/* The next entry: with zstd, *frame is the frame's length, else it stays as it
 * is. False: err says why. */
bool sl_chunk_table_next(sl_chunk_table *table, uint64_t *frame,
                         uint8_t digest[SL_CHUNK_DIGEST]);

#endif
