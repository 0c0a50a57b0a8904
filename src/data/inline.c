/* Segments inside a component's source: memory, a file, or anything that can
 * be read at a place. docs/data-segments.md, section 5, "inline".
 *
 * A file's bytes are taken straight from the page cache into the place where
 * they are wanted; what is not there is read on the pool into chunks. The file
 * must stay what it was when it was bound: another size or modification time
 * is a data fault, as segments are immutable. */
#include "data/data_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "loop/io.h"

/* --- Sources that backings share
 * ------------------------------------------------ */

typedef struct identity {
    dev_t dev;
    ino_t ino;
    off_t size;
    struct timespec mtime;
} identity;

typedef struct prefetch prefetch;

typedef struct sl_file {
    sl_data_ctx *ctx;
    sl_source *source;
    identity id;                        /* of a file; unused otherwise */
    sl_chunks chunks;                   /* in the source's coordinates */
    prefetch *prefetch;                 /* under way */
    sl_ranges wanted;                   /* to be prefetched next */
    int refs;
    struct sl_file *next, *prev;
} sl_file;

typedef struct inline_backing {
    sl_backing base;
    sl_file *file;
    uint64_t offset;
} inline_backing;

static bool identify(int fd, identity *id)
{
    struct stat st;
    if (fstat(fd, &st) != 0)
        return false;
    *id = (identity){st.st_dev, st.st_ino, st.st_size, st.st_mtim};
    return true;
}

/* Whether an open file still is what it was. */
static sl_status check_identity(int fd, const identity *id, sl_err *err)
{
    identity now;
    if (!identify(fd, &now))
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "cannot stat: %s",
                       strerror(errno));
    if (now.size < id->size)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "the file has shrunk");
    if (now.dev != id->dev || now.ino != id->ino || now.size != id->size ||
        now.mtime.tv_sec != id->mtime.tv_sec ||
        now.mtime.tv_nsec != id->mtime.tv_nsec)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "the file has changed");
    return SL_OK;
}

/* --- Chunks
 * ------------------------------------------------------------------------ */

typedef struct file_chunk {
    sl_chunk chunk;
    sl_work work;
    sl_source *source;
    identity id;
    sl_err result;
} file_chunk;

static sl_status read_source(file_chunk *c)
{
    sl_source *source = c->source;
    sl_status st = source->read_at(source, c->chunk.at, c->chunk.data,
                                   c->chunk.len, &c->result);
    if (source->fd < 0)
        return st;
    sl_err changed = {0}; /* says more than "unexpected end" */
    if (check_identity(source->fd, &c->id, &changed) != SL_OK)
        c->result = changed;
    return c->result.code;
}

static void chunk_work(sl_work *work)
{
    read_source(
        (file_chunk *)(void *)((char *)work - offsetof(file_chunk, work)));
}

static void chunk_done(sl_work *work, bool cancelled)
{
    file_chunk *c =
        (file_chunk *)(void *)((char *)work - offsetof(file_chunk, work));
    if (cancelled)
        sl_fail(&c->result, SL_ECANCELLED, SL_ERR_NO_PLACE, "cancelled");
    sl_err result = c->result;
    sl_chunk_finish(&c->chunk, result.code == SL_OK ? NULL : &result);
}

static sl_status chunk_start(sl_chunks *set, sl_chunk *chunk, sl_err *err)
{
    sl_file *file =
        (sl_file *)(void *)((char *)set - offsetof(sl_file, chunks));
    file_chunk *c = (file_chunk *)chunk;
    c->source = sl_source_ref(file->source);
    c->id = file->id;
    c->work.work = chunk_work;
    c->work.done = chunk_done;
    return sl_work_start(chunk->loop, &c->work, err);
}

static void chunk_abort(sl_chunk *chunk)
{
    sl_work_cancel(&((file_chunk *)chunk)->work);
}

static void chunk_release(sl_chunk *chunk)
{
    sl_source_unref(((file_chunk *)chunk)->source);
}

static const sl_chunk_ops file_chunk_ops = {
    .size = sizeof(file_chunk),
    .start = chunk_start,
    .abort = chunk_abort,
    .release = chunk_release,
};

/* --- Prefetching: the kernel is told piece by piece, one at a time
 * ------------ */

struct prefetch {
    sl_work work;
    sl_source *source;
    sl_file *file; /* NULL: closed meanwhile */
    uint64_t at;
    uint64_t len;
};

static void start_prefetch(sl_file *file);

static void prefetch_work(sl_work *work)
{
    prefetch *p = (prefetch *)work;
    posix_fadvise(p->source->fd, (off_t)p->at, (off_t)p->len,
                  POSIX_FADV_WILLNEED);
}

static void prefetch_done(sl_work *work, bool cancelled)
{
    prefetch *p = (prefetch *)work;
    sl_file *file = p->file;
    (void)cancelled;
    if (file != NULL) {
        file->prefetch = NULL;
        start_prefetch(file);
    }
    sl_source_unref(p->source);
    sl_free(p);
}

static void start_prefetch(sl_file *file)
{
    struct sl_range *next = sl_ranges_first(&file->wanted);
    prefetch *p;
    if (next == NULL || file->prefetch != NULL ||
        (p = sl_malloc(sizeof *p)) == NULL)
        return;
    uint64_t left = next->end - next->at;
    *p = (prefetch){.work = {prefetch_work, prefetch_done, NULL},
                    .source = sl_source_ref(file->source),
                    .file = file,
                    .at = next->at,
                    .len = left < SL_READ_MAX ? left : SL_READ_MAX};
    if (sl_work_start(file->ctx->loop, &p->work, NULL) != SL_OK) {
        sl_source_unref(p->source);
        sl_free(p);
        return;
    }
    file->prefetch = p;
    next->at += p->len;
}

/* --- Opening and closing
 * --------------------------------------------------------- */

static sl_file *file_of(sl_data_ctx *ctx, sl_source *source, sl_err *err)
{
    for (sl_file *f = ctx->files; f != NULL; f = f->next)
        if (f->source == source) {
            f->refs++;
            return f;
        }
    sl_file *file = sl_calloc(1, sizeof *file);
    if (file == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    if (source->fd >= 0 && !identify(source->fd, &file->id)) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "cannot stat: %s",
                strerror(errno));
        sl_free(file);
        return NULL;
    }
    file->ctx = ctx;
    file->source = sl_source_ref(source);
    file->chunks = sl_chunks_make(ctx, &file_chunk_ops, 0, 0);
    file->refs = 1;
    file->next = ctx->files;
    if (file->next != NULL)
        file->next->prev = file;
    ctx->files = file;
    return file;
}

static void file_unref(sl_file *file)
{
    if (--file->refs != 0)
        return;
    *(file->prev != NULL ? &file->prev->next : &file->ctx->files) = file->next;
    if (file->next != NULL)
        file->next->prev = file->prev;
    if (file->prefetch != NULL)
        file->prefetch->file = NULL;
    sl_chunks_deinit(&file->chunks);
    sl_source_unref(file->source);
    sl_free(file);
}

static void inline_close(sl_backing *b)
{
    sl_file *file = ((inline_backing *)b)->file;
    sl_chunks_forget(&file->chunks, b);
    file_unref(file);
    sl_free(b);
}

/* --- The backing
 * ------------------------------------------------------------------ */

static int64_t read_memory(inline_backing *b, uint64_t at, void *to, size_t len,
                           sl_err *err)
{
    const sl_source *source = b->file->source;
    uint64_t from = b->offset + at;
    if (from >= source->size || len > source->size - from) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "the source is too short");
        return -1;
    }
    memcpy(to, source->memory + from, len);
    return (int64_t)len;
}

static int64_t read_cached(inline_backing *b, uint64_t at, void *to, size_t len,
                           sl_err *err)
{
    sl_file *file = b->file;
    int fd = file->source->fd;
    int64_t n = sl_file_read_cached(fd, (int64_t)(b->offset + at), to, len);
    if (n == -EAGAIN)
        return 0;
    if (check_identity(fd, &file->id, err) != SL_OK)
        return -1;
    if (n == 0)
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "the file is too short");
    else if (n < 0)
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "read failed: %s",
                strerror((int)-n));
    return n > 0 ? n : -1;
}

static int64_t inline_try_read(sl_backing *base, uint64_t at, void *to,
                               size_t len, sl_err *err)
{
    inline_backing *b = (inline_backing *)base;
    sl_source *source = b->file->source;
    size_t got = sl_chunks_read(&b->file->chunks, b->offset + at, to, len);
    if (got != 0)
        return (int64_t)got; /* counted when it was read */
    int64_t n = source->memory != NULL ? read_memory(b, at, to, len, err)
                : source->fd >= 0      ? read_cached(b, at, to, len, err)
                                       : 0;
    if (n > 0) {
        SL_DATA_COUNT(base, reads_direct, 1);
        SL_DATA_COUNT(base, bytes_read, (uint64_t)n);
    }
    return n;
}

static sl_status inline_fetch(sl_backing *base, sl_fetch *fetch, sl_err *err)
{
    inline_backing *b = (inline_backing *)base;
    b->file->chunks.backing = base;
    return sl_chunks_fetch(&b->file->chunks, fetch, b->offset, err);
}

static void inline_release(sl_backing *base, sl_fetch *fetch)
{
    (void)base;
    sl_chunks_release(fetch);
}

static void inline_cancel(sl_backing *base, sl_fetch *fetch)
{
    sl_chunks_cancel(&((inline_backing *)base)->file->chunks, fetch);
}

static void inline_prefetch(sl_backing *base, uint64_t at, uint64_t len)
{
    inline_backing *b = (inline_backing *)base;
    sl_file *file = b->file;
    if (file->source->fd < 0)
        return;
    if (len > SL_PREFETCH_MAX)
        len = SL_PREFETCH_MAX;
    if (sl_ranges_add(&file->wanted, b->offset + at, len))
        SL_DATA_COUNT(base, bytes_prefetched, len);
    start_prefetch(file);
}

static bool inline_file(sl_backing *base, uint64_t at, int *fd,
                        uint64_t *offset, sl_err *err)
{
    inline_backing *b = (inline_backing *)base;
    if (b->file->source->fd < 0 ||
        check_identity(b->file->source->fd, &b->file->id, err) != SL_OK)
        return false;
    *fd = b->file->source->fd;
    *offset = b->offset + at;
    return true;
}

static bool inline_pages(sl_backing *base, uint64_t at, int *fd,
                         uint64_t *offset, uint64_t *len)
{
    return sl_data_ctx_maps(base->ctx, *len, SL_MAP_FILE) &&
           inline_file(base, at, fd, offset, NULL);
}

static const uint8_t *inline_memory(sl_backing *base, uint64_t at, uint64_t len)
{
    inline_backing *b = (inline_backing *)base;
    const sl_source *source = b->file->source;
    uint64_t from = b->offset + at;
    if (source->memory == NULL || from > source->size ||
        len > source->size - from)
        return NULL;
    return source->memory + from;
}

static const sl_backing_ops inline_ops = {
    .try_read = inline_try_read,
    .fetch = inline_fetch,
    .release = inline_release,
    .cancel = inline_cancel,
    .prefetch = inline_prefetch,
    .file = inline_file,
    .pages = inline_pages,
    .memory = inline_memory,
    .close = inline_close,
};

sl_backing *sl_backing_inline(sl_data_ctx *ctx, sl_source *source,
                              uint64_t offset, uint64_t size, sl_err *err)
{
    if (size > UINT64_MAX - offset) {
        sl_fail(err, SL_ERANGE, offset, "segment beyond the end of its source");
        return NULL;
    }
    if (source->url != NULL)
        return sl_backing_remote(ctx, source, offset, size, err);
    inline_backing *b = sl_calloc(1, sizeof *b);
    sl_file *file = NULL;
    if (b == NULL)
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    else
        file = file_of(ctx, source, err);
    if (file == NULL) {
        sl_free(b);
        return NULL;
    }
    b->base = (sl_backing){
        .ops = &inline_ops,
        .ctx = ctx,
        .size = size,
        .refs = 1,
        .kind = source->memory != NULL ? "buffer"
                : source->fd >= 0      ? "file"
                                       : "source",
    };
    b->file = file;
    b->offset = offset;
    return &b->base;
}
