/* External segments: writing one with its file, and reading one back.
 * docs/data-segments.md, section 2. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "bundle/job.h"
#include "bundle/ring.h"
#include "component/chunk_table.h"

enum { SEGMENT_EXTERNAL = 0x03 };

/* --- Writing ------------------------------------------------------------ */

static bool add_entry(void *arg, const sl_coder_chunk *chunk, uint64_t bytes)
{
    sl_job *job = arg;
    if (bytes > UINT32_MAX) {
        sl_fail(job->rw.err, SL_ERANGE, SL_ERR_NO_PLACE,
                "a frame of %" PRIu64 " bytes", bytes);
        return false;
    }
    if (job->outside->zstd_level != 0)
        sl_output_u64(&job->rw.out, bytes);
    sl_output_bytes(&job->rw.out, chunk->digest, SL_CHUNK_DIGEST);
    return job->rw.err->code == SL_OK;
}

static void put_le32(sl_output *out, uint32_t value)
{
    sl_output_bytes(out,
                    (uint8_t[]){(uint8_t)value, (uint8_t)(value >> 8),
                                (uint8_t)(value >> 16), (uint8_t)(value >> 24)},
                    4);
}

/* The zstd seekable format's table, as a skippable frame: the lengths of each
 * frame and of its content. What is in the component says it all. */
static bool write_seek_table(sl_job *job, sl_output *file, uint64_t table_at,
                             uint64_t size)
{
    const uint32_t chunk = UINT32_C(1) << job->outside->chunk_log;
    uint32_t n = (uint32_t)sl_chunk_count(size, job->outside->chunk_log);
    sl_source written = sl_output_source(&job->rw.out);
    sl_chunk_table t;
    uint8_t digest[SL_CHUNK_DIGEST];
    if (job->rw.err->code != SL_OK)
        return false;
    sl_chunk_table_init(&t, &written, table_at, job->rw.out.at - table_at, true,
                        job->rw.err);
    put_le32(file, UINT32_C(0x184d2a5e));
    put_le32(file, 8 * n + 9);
    for (uint32_t i = 0; i < n; i++) {
        uint64_t stored = 0;
        if (!sl_chunk_table_next(&t, &stored, digest))
            return false;
        put_le32(file, (uint32_t)stored);
        put_le32(file,
                 i + 1 < n ? chunk : (uint32_t)(size - (uint64_t)i * chunk));
    }
    put_le32(file, n);
    sl_output_u8(file, 0); /* no checksums */
    put_le32(file, UINT32_C(0x8f92eab1));
    return file->err->code == SL_OK;
}

static void write_head(sl_job *job, sl_name reference, uint64_t size)
{
    sl_output *out = &job->rw.out;
    sl_output_u8(out, SEGMENT_EXTERNAL);
    sl_output_u64(out, reference.len);
    sl_output_bytes(out, reference.data, reference.len);
    sl_output_u64(out, size);
    sl_output_u8(out, job->outside->chunk_log);
    sl_output_u8(out, job->outside->zstd_level != 0);
    sl_output_u64(out, sl_chunk_count(size, job->outside->chunk_log));
}

static bool write_content(sl_job *job, sl_source *source, uint64_t from,
                          uint64_t size, sl_output *file)
{
    bool zstd = job->outside->zstd_level != 0;
    uint64_t table_at = job->rw.out.at;
    sl_coding coding = {
        .kind = zstd ? SL_CODER_COMPRESS : SL_CODER_STORE,
        .level = job->outside->zstd_level,
        .source = source,
        .size = size,
        .from = from,
        .chunk_log = job->outside->chunk_log,
        .out = file,
        .done = add_entry,
        .arg = job,
        .watch = &job->ask->watch,
        .err = job->rw.err,
    };
    return sl_code_all(&coding) == SL_OK &&
           (!zstd || write_seek_table(job, file, table_at, size)) &&
           sl_output_flush(file) == SL_OK;
}

static bool same_file(const char *path, const struct stat *st)
{
    struct stat other;
    return stat(path, &other) == 0 && other.st_dev == st->st_dev &&
           other.st_ino == st->st_ino;
}

/* What is being read must not be replaced by what is made of it. */
static bool spares_inputs(sl_job *job, const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return true;
    bool spared = !same_file(job->ask->input, &st);
    for (size_t i = 0; i < job->n_data; i++)
        spared = spared && !same_file(job->data[i].path, &st);
    if (!spared)
        sl_fail(job->rw.err, SL_EIO, SL_ERR_NO_PLACE,
                "%s: it is an input of this command", path);
    return spared;
}

bool sl_outside_write(sl_job *job, sl_source *source, uint64_t from,
                      uint64_t size, sl_name hint)
{
    const char *path;
    sl_name reference;
    bool zstd = job->outside->zstd_level != 0;
    uint64_t n = sl_chunk_count(size, job->outside->chunk_log);
    if (!sl_folder_name(&job->folder, hint, zstd ? ".data.zst" : ".data", &path,
                        &reference, job->rw.err) ||
        !spares_inputs(job, path) ||
        !sl_rewrite_fits(&job->rw, 64 + reference.len + n * SL_CHUNK_ENTRY_MAX))
        return false;
    int fd = sl_staging_open(&job->staging, path, job->ask->replace_files,
                             job->rw.err);
    if (fd < 0)
        return false;
    sl_output file;
    sl_output_init(&file, fd, &job->ask->watch, job->rw.err);
    write_head(job, reference, size);
    bool good = write_content(job, source, from, size, &file);
    sl_output_deinit(&file);
    return good && sl_staging_close(&job->staging, job->rw.err);
}

/* --- Reading ------------------------------------------------------------ */

typedef struct reading {
    sl_chunk_table table;
    uint64_t size; /* of the file */
    sl_err *err;
} reading;

static bool next_chunk(void *arg, sl_coder_chunk *chunk)
{
    reading *r = arg;
    if (!sl_chunk_table_next(&r->table, &chunk->stored, chunk->digest))
        return false;
    if (chunk->from > r->size || chunk->stored > r->size - chunk->from)
        sl_fail(r->err, SL_EINVALID, SL_ERR_NO_PLACE,
                "data fault: bytes [%" PRIu64 ", %" PRIu64
                "): the file is cut short",
                chunk->at, chunk->at + chunk->size);
    return r->err->code == SL_OK;
}

static void read_content(sl_rewriter *rw, sl_bundle_job *ask,
                         const sl_segment_def *segment, sl_source *file,
                         sl_err *err)
{
    reading r = {.size = file->size, .err = err};
    sl_chunk_table_init(&r.table, ask->source, segment->offset,
                        segment->table_size, segment->zstd, err);
    sl_coding coding = {
        .kind = segment->zstd ? SL_CODER_RESTORE : SL_CODER_CHECK,
        .source = file,
        .size = segment->size,
        .chunk_log = segment->chunk_log,
        .out = &rw->out,
        .next = next_chunk,
        .arg = &r,
        .watch = &ask->watch,
        .err = err,
    };
    if (!segment->zstd && file->size != segment->size)
        sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                "data fault: the file has %" PRIu64 " bytes, not %" PRIu64,
                file->size, segment->size);
    else
        sl_code_all(&coding);
}

bool sl_outside_read(sl_rewriter *rw, sl_bundle_job *ask,
                     const sl_segment_def *segment)
{
    sl_err found = {0};
    sl_source *file =
        sl_reference_open(ask->input, segment->reference, &found);
    if (file != NULL) {
        read_content(rw, ask, segment, file, &found);
        sl_source_unref(file);
        if (found.code == SL_ECANCELLED)
            sl_fail(rw->err, found.code, SL_ERR_NO_PLACE, "%s", found.msg);
        else if (found.code != SL_OK)
            sl_fail(rw->err, found.code, SL_ERR_NO_PLACE, "%.*s: %s",
                    SL_NAME_ARGS(segment->reference), found.msg);
    } else {
        sl_fail(rw->err, found.code, SL_ERR_NO_PLACE, "%s", found.msg);
    }
    return rw->err->code == SL_OK;
}
