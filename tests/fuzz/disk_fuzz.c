/* Any bytes as a file of the cache on disk: the first byte says as which. Whoever
 * wrote it, no wrong byte comes out, and the cache goes on working. */
#include "fuzz.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/disk_int.h"

static const char content[] = "what has the digest that is asked for";
static const sl_disk_url url = {
    .url = "https://example.com/a", .etag = "\"v1\"", .size = 1 << 20,
    .chunk_shift = 16};
static char dir[64], chunk_path[256], url_path[256], sizes_path[256];
static uint8_t digest[SL_DISK_DIGEST];

static void remove_cache(void)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    if (system(command) != 0)
        fprintf(stderr, "%s stays\n", dir);
}

/* The table's name is known by looking. */
static void find_url(void)
{
    char command[160];
    snprintf(command, sizeof command, "find '%s' -name '*.url'", dir);
    FILE *found = popen(command, "r");
    must(found != NULL && fscanf(found, "%255s", url_path) == 1);
    pclose(found);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    char hex[SL_DISK_NAME_MAX];
    (void)argc, (void)argv;
    strcpy(dir, access("/dev/shm", W_OK) == 0 ? "/dev/shm/sluice-fuzz-XXXXXX"
                                              : "/tmp/sluice-fuzz-XXXXXX");
    must(mkdtemp(dir) != NULL);
    atexit(remove_cache);
    sl_disk *disk = sl_disk_open(dir, 0, 0, NULL);
    must(sl_disk_digest(content, sizeof content, digest));
    must(sl_disk_put(disk, digest, content, sizeof content, NULL));
    must(sl_disk_note(disk, &url, 3, digest, NULL));
    sl_disk_unref(disk);
    sl_disk_hex(hex, digest, sizeof digest);
    snprintf(chunk_path, sizeof chunk_path, "%s/v1/%.2s/%s", dir, hex, hex);
    snprintf(sizes_path, sizeof sizes_path, "%s/v1/sizes", dir);
    find_url();
    return 0;
}

static void write_file(const char *path, const uint8_t *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    must(fd >= 0 && write(fd, bytes, len) == (ssize_t)len);
    close(fd);
}

static void look_at(sl_disk *disk)
{
    char have[sizeof content];
    uint8_t found[SL_DISK_DIGEST];
    sl_disk_report report = {0};
    int fd;
    if (sl_disk_get(disk, digest, have, sizeof have, NULL))
        must(memcmp(have, content, sizeof content) == 0);
    if (sl_disk_open_entry(disk, digest, sizeof content, &fd, NULL)) {
        must(read(fd, have, sizeof have) == (ssize_t)sizeof have &&
             memcmp(have, content, sizeof content) == 0);
        close(fd);
    }
    for (uint64_t i = 0; i < 18; i++)
        if (sl_disk_find(disk, &url, i, found, NULL))
            must(i < 16);
    must(sl_disk_list(disk, NULL, NULL, &report, NULL) == SL_OK);
    must(sl_disk_verify(disk, NULL, NULL, &report, NULL) == SL_OK);
    must(sl_disk_put(disk, digest, content, sizeof content, NULL));
    must(sl_disk_get(disk, digest, have, sizeof have, NULL));
    must(sl_disk_note(disk, &url, 3, digest, NULL));
    must(sl_disk_find(disk, &url, 3, found, NULL) &&
         memcmp(found, digest, sizeof found) == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t len)
{
    if (len == 0)
        return 0;
    const char *path = bytes[0] == 'u'   ? url_path
                       : bytes[0] == 's' ? sizes_path
                                         : chunk_path;
    write_file(path, bytes + 1, len - 1);
    sl_disk *disk = sl_disk_open(dir, 1 << 20, 0, NULL);
    look_at(disk);
    sl_disk_unref(disk);
    return 0;
}
