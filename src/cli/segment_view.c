#include "cli/segment_view.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/source.h"
#include "bundle/folder.h"
#include "text/text.h"

/* --- What is here ----------------------------------------------------------
 */

/* Bytes of [at, at + len) of one mapping that are in the page cache. */
static uint64_t resident_pages(const uint8_t *pages, size_t n, uint64_t first,
                               uint64_t at, uint64_t end, uint64_t page)
{
    uint64_t bytes = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t from = first + i * page, to = from + page;
        if (!(pages[i] & 1))
            continue;
        bytes += (to < end ? to : end) - (from > at ? from : at);
    }
    return bytes;
}

/* How much of a file's range is in the page cache; no byte of it is touched.
 * False: the system does not say. */
static bool resident(int fd, uint64_t at, uint64_t len, uint64_t *bytes)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    uint64_t end = at + len;
    uint8_t pages[16384];
    *bytes = 0;
    for (uint64_t from = at / page * page; from < end;) {
        uint64_t most = sizeof pages * page;
        size_t size = end - from < most ? (size_t)(end - from) : (size_t)most;
        size_t n = (size_t)((size + page - 1) / page);
        void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, (off_t)from);
        if (map == MAP_FAILED)
            return false;
        bool told = mincore(map, size, pages) == 0;
        munmap(map, size);
        if (!told)
            return false;
        *bytes += resident_pages(pages, n, from, at, end, page);
        from += n * page;
    }
    return true;
}

/* --- The cache on disk ------------------------------------------------------
 */

static uint8_t nibble(char c)
{
    return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static void note_entry(void *arg, const sluice_cache_entry *entry)
{
    cli_segments *s = arg;
    if (s->n_cached == s->cap_cached) {
        size_t cap = s->cap_cached != 0 ? 2 * s->cap_cached : 256;
        void *grown = sl_realloc(s->cached, cap, sizeof *s->cached);
        if (grown == NULL) {
            s->code = CLI_INTERNAL;
            return;
        }
        s->cached = grown;
        s->cap_cached = cap;
    }
    uint8_t *to = s->cached[s->n_cached++];
    for (int i = 0; i < 32; i++)
        to[i] = (uint8_t)(nibble(entry->digest[2 * i]) << 4 |
                          nibble(entry->digest[2 * i + 1]));
}

static int list_cache(cli_segments *s, const char *dir)
{
    sluice_error error = {0};
    sluice_cache *cache = sluice_cache_open(dir, 0, &error);
    if (cache == NULL ||
        sluice_cache_list(cache, note_entry, s, NULL, &error) != SLUICE_OK)
        s->code = cli_report(cache != NULL ? sluice_cache_dir(cache) : "cache",
                             &error);
    else if (s->code == CLI_INTERNAL)
        fputs("sluice: cache: out of memory\n", stderr);
    sluice_cache_free(cache);
    return s->code;
}

static bool is_cached(const cli_segments *s, const uint8_t digest[32])
{
    size_t low = 0, high = s->n_cached;
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        int order = memcmp(s->cached[mid], digest, 32);
        if (order == 0)
            return true;
        if (order < 0)
            low = mid + 1;
        else
            high = mid;
    }
    return false;
}

/* --- Opening ----------------------------------------------------------------
 */

/* The component's file, when it is a binary one: payloads are in its pages. */
static int open_binary(const char *path)
{
    char head[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0 && (pread(fd, head, sizeof head, 0) != sizeof head ||
                    !sl_is_binary(head, sizeof head))) {
        close(fd);
        fd = -1;
    }
    return fd;
}

int cli_segments_open(cli_segments *s, const sluice_component *component,
                      const char *path, const char *cache_dir)
{
    bool file = strcmp(path, "-") != 0 && !sl_is_url(path);
    s->component = component;
    s->path = file ? path : NULL;
    s->fd = file ? open_binary(path) : -1;
    s->code = CLI_OK;
    return s->cache ? list_cache(s, cache_dir) : CLI_OK;
}

void cli_segments_close(cli_segments *s)
{
    if (s->fd >= 0)
        close(s->fd);
    sl_free(s->cached);
}

/* --- A segment's chunks -----------------------------------------------------
 */

typedef struct chunks {
    const cli_segments *segments;
    const sluice_item *item;
    bool json;
    uint32_t n, n_cached;
} chunks;

static void put_hex(const uint8_t digest[32])
{
    for (int i = 0; i < 32; i++)
        printf("%02x", digest[i]);
}

static void chunk_tree(chunks *c, const sluice_item_chunk *chunk, bool cached)
{
    printf("\n%*schunk %" PRIu32 ": %" PRIu64 " bytes",
           (int)(2 * c->item->depth + 2), "", c->n, chunk->size);
    if (c->item->segment->zstd)
        printf(" in a frame of %" PRIu64, chunk->stored);
    printf(" at %" PRIu64 ", sha256 ", chunk->file_offset);
    put_hex(chunk->digest);
    if (cached)
        fputs(", cached", stdout);
}

static void chunk_json(chunks *c, const sluice_item_chunk *chunk, bool cached)
{
    printf("%s{\"size\": %" PRIu64 ", \"file_offset\": %" PRIu64
           ", \"stored\": %" PRIu64 ", \"sha256\": \"",
           c->n != 0 ? ", " : ", \"chunks\": [", chunk->size,
           chunk->file_offset, chunk->stored);
    put_hex(chunk->digest);
    putchar('"');
    if (c->segments->cache)
        printf(", \"cached\": %s", cached ? "true" : "false");
    putchar('}');
}

static bool show_chunk(void *arg, const sluice_item_chunk *chunk)
{
    chunks *c = arg;
    bool cached = c->segments->cache && is_cached(c->segments, chunk->digest);
    if (c->segments->digests && c->json)
        chunk_json(c, chunk, cached);
    else if (c->segments->digests)
        chunk_tree(c, chunk, cached);
    c->n++;
    c->n_cached += cached;
    return true;
}

static bool count_chunk(void *arg, const sluice_item_chunk *chunk)
{
    chunks *c = arg;
    c->n_cached += is_cached(c->segments, chunk->digest);
    return true;
}

static uint32_t walk_chunks(cli_segments *s, const sluice_item *item, bool json,
                            bool (*visit)(void *, const sluice_item_chunk *))
{
    sluice_error error = {0};
    chunks c = {.segments = s, .item = item, .json = json};
    if (sluice_component_chunks(s->component, item, visit, &c, &error) !=
            SLUICE_OK &&
        s->code == CLI_OK)
        s->code = cli_report(s->path != NULL ? s->path : "-", &error);
    return c.n_cached;
}

/* --- As a tree ---------------------------------------------------------------
 */

/* The largest power of two that divides the offset, at most 64 KiB. */
static uint64_t alignment_of(uint64_t offset)
{
    uint64_t align = 1;
    while (align < 65536 && offset % (align * 2) == 0)
        align *= 2;
    return align;
}

static void file_tree(const char *path, sl_name reference)
{
    sl_err err = {0};
    uint64_t here;
    sl_source *file = sl_reference_open(path, reference, &err);
    if (file == NULL) {
        fputs("; ", stdout);
        cli_put(stdout, err.msg, strlen(err.msg));
        return;
    }
    printf("; %" PRIu64 " bytes are there", file->size);
    if (resident(file->fd, 0, file->size, &here))
        printf(", %" PRIu64 " in the page cache", here);
    sl_source_unref(file);
}

static void external_tree(cli_segments *s, const sluice_item *item)
{
    const sluice_item_segment *segment = item->segment;
    printf(": %" PRIu64 " bytes in \"", item->size);
    cli_put(stdout, segment->reference.data, segment->reference.len);
    printf("\", %s, %" PRIu32 " chunk%s of %" PRIu64,
           segment->zstd ? "zstd" : "identity", segment->n_chunks,
           segment->n_chunks == 1 ? "" : "s", segment->chunk_size);
    if (s->cache)
        printf(", %" PRIu32 " in the cache",
               walk_chunks(s, item, false, count_chunk));
    if (s->path != NULL)
        file_tree(s->path,
                  (sl_name){segment->reference.data, segment->reference.len});
    if (s->digests)
        walk_chunks(s, item, false, show_chunk);
}

void cli_segment_tree(cli_segments *s, const sluice_item *item)
{
    uint64_t here;
    if (item->segment->external) {
        external_tree(s, item);
        return;
    }
    printf(": %" PRIu64 " bytes at %" PRIu64 ", aligned to %" PRIu64,
           item->size, item->offset, alignment_of(item->offset));
    if (s->fd >= 0 && resident(s->fd, item->offset, item->size, &here))
        printf(", %" PRIu64 " in the page cache", here);
}

/* --- As JSON
 * ------------------------------------------------------------------ */

static void file_json(const char *path, sl_name reference)
{
    sl_err err = {0};
    uint64_t here;
    sl_source *file = sl_reference_open(path, reference, &err);
    fputs(", \"file\": {", stdout);
    if (file == NULL) {
        fputs("\"error\": ", stdout);
        cli_put_json(err.msg, strlen(err.msg));
    } else {
        printf("\"size\": %" PRIu64, file->size);
        if (resident(file->fd, 0, file->size, &here))
            printf(", \"resident\": %" PRIu64, here);
    }
    putchar('}');
    sl_source_unref(file);
}

static void external_json(cli_segments *s, const sluice_item *item)
{
    const sluice_item_segment *segment = item->segment;
    fputs(", \"form\": \"external\", \"reference\": ", stdout);
    cli_put_json(segment->reference.data, segment->reference.len);
    printf(", \"encoding\": \"%s\", \"chunk_size\": %" PRIu64
           ", \"n_chunks\": %" PRIu32,
           segment->zstd ? "zstd" : "identity", segment->chunk_size,
           segment->n_chunks);
    if (s->cache)
        printf(", \"n_cached\": %" PRIu32,
               walk_chunks(s, item, true, count_chunk));
    if (s->path != NULL)
        file_json(s->path,
                  (sl_name){segment->reference.data, segment->reference.len});
    if (s->digests) {
        walk_chunks(s, item, true, show_chunk);
        fputs(segment->n_chunks != 0 ? "]" : ", \"chunks\": []", stdout);
    }
}

void cli_segment_json(cli_segments *s, const sluice_item *item)
{
    uint64_t here;
    if (item->segment->external) {
        external_json(s, item);
        return;
    }
    printf(", \"alignment\": %" PRIu64
           ", \"form\": \"inline\", \"encoding\": \"identity\"",
           alignment_of(item->offset));
    if (s->fd >= 0 && resident(s->fd, item->offset, item->size, &here))
        printf(", \"resident\": %" PRIu64, here);
}
