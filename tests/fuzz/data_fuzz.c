/* What external segments are made of: the first byte says as what the others are
 * taken, as a reference, a table of chunks or a zstd frame. */
#include "fuzz.h"

#include "base/alloc.h"
#include "component/chunk_table.h"
#include "component/reference.h"
#include "data/verify.h"

/* A path below the folder that it is looked for in, whatever was encoded. */
static void read_reference(const uint8_t *bytes, size_t len)
{
    sl_name reference = {(const char *)bytes, len};
    if (len == 0 || sl_reference_fault(reference) != NULL)
        return;
    char *path = sl_malloc(len + 1), *rest = path, *part;
    must(path != NULL);
    sl_reference_path(reference, path);
    must(path[0] != '/' && strlen(path) <= len);
    while ((part = strsep(&rest, "/")) != NULL)
        must(*part != '\0' && strcmp(part, ".") != 0 &&
             strcmp(part, "..") != 0 && strchr(part, '\\') == NULL);
    sl_free(path);
}

static void read_table(const uint8_t *bytes, size_t len, bool zstd)
{
    sl_err err = {0};
    sl_chunk_table table;
    uint64_t frame = 0;
    uint8_t digest[SL_CHUNK_DIGEST];
    size_t n = 0;
    sl_source *source = sl_source_buffer(bytes, len, false, &err);
    must(source != NULL);
    sl_chunk_table_init(&table, source, 0, len, zstd, &err);
    while (sl_chunk_table_next(&table, &frame, digest))
        must(++n * (SL_CHUNK_DIGEST + zstd) <= len && frame <= UINT32_MAX);
    must(err.code != SL_OK && sl_reader_at(&table.r) <= len);
    sl_source_unref(source);
}

/* One frame, of as many bytes as the second and third byte say. */
static void inflate(const uint8_t *bytes, size_t len)
{
    static sl_inflaters *inflaters;
    sl_err err = {0};
    if (inflaters == NULL)
        inflaters = sl_inflaters_new();
    if (len < 2)
        return;
    size_t size = (size_t)bytes[0] << 8 | bytes[1];
    uint8_t *to = sl_malloc(size + 1);
    must(to != NULL && inflaters != NULL);
    sl_status st = sl_inflate(inflaters, bytes + 2, len - 2, to, size, &err);
    must(st == err.code);
    sl_free(to);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    switch (bytes[0]) {
    case 'r':
        read_reference(bytes + 1, len - 1);
        break;
    case 't':
    case 'z':
        read_table(bytes + 1, len - 1, bytes[0] == 'z');
        break;
    default:
        inflate(bytes + 1, len - 1);
    }
    return 0;
}
