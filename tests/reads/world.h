/* The same bytes behind every kind of backing: what the tests of random reads
 * and of local faults read. */
#ifndef SL_TESTS_READS_WORLD_H
#define SL_TESTS_READS_WORLD_H

#include "base/buf.h"
#include "data/segment.h"
#include "wast/server.h"

typedef enum sl_kind {
    BUFFER,
    FILE_WARM, /* in the page cache */
    FILE_COLD, /* pushed out of it now and then */
    IDENTITY,  /* external: files in a folder */
    ZSTD,
    CALLBACK, /* an embedder that answers later */
    URL,      /* inline in a component behind a URL */
    DISK,     /* external behind a URL that is gone: from the cache on disk */
    N_KINDS,
} sl_kind;
extern const char *const kind_texts[N_KINDS];

typedef struct random_state {
    uint64_t x;
} random_state;
uint64_t next_random(random_state *r);
/* 0 .. bound - 1 */
uint64_t below(random_state *r, uint64_t bound);

enum { HEAD = 777 }; /* bytes in front of an inline segment */

typedef struct later later;

typedef struct world {
    uint8_t *content;
    size_t size;
    uint8_t chunk_log;
    char dir[64]; /* "plain", "x.bin", "x.zst", "cache" */
    int fd;       /* of "plain" */
    sl_buf table[2];
    sl_buf file[2];        /* as they are, and in frames */
    sl_segment_def def[2];
    wast_server *server; /* NULL: gone */
    char base[64];       /* its folder */
    random_state random; /* of the callbacks */
    later *held;         /* that have not been answered */
    sl_loop *loop;       /* of the store that is bound now */
} world;

/* Made before anything may fail: exits when it cannot. */
void world_open(world *w, size_t size, uint8_t chunk_log, uint64_t seed);
void world_close(world *w);
/* The whole content as a segment of a context's; NULL: err. The world's URLs
 * are read with `env`'s cache on disk when `kind` is DISK. */
sl_segment *world_bind(world *w, sl_kind kind, sl_loop *loop, sl_data_ctx *ctx,
                       sl_err *err);
/* Fills the cache on disk. */
void world_fill_disk(world *w);
void world_stop_server(world *w);
void world_make_cold(world *w);
void world_write(const char *path, const void *bytes, size_t len);

#endif
