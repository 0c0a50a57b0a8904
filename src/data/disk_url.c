/* What was learnt of content without declared digests: a table per URL, ETag,
 * size and chunk size, a slot per chunk.
 *
 *    0  magic "slurls\0\1"
 *    8  SHA-256 of the key (url NUL etag NUL size chunk_shift)
 *   40  number of slots, 64 bits, little-endian
 *   48  XXH3-64 of bytes 0 to 47
 *   64  slots of 40 bytes: SHA-256 of a chunk, XXH3-64 of (digest, slot number)
 *
 * The file is named by the XXH3-128 of the key, which anybody can make collide:
 * the SHA-256 inside says whose it really is. It appears whole, with a header
 * and holes; slots are then written in place, and one that is torn, or was
 * never written, fits its checksum with probability 2^-64 and is not known. A
 * wrong digest could only make content be served that has that digest: the
 * table is as good as the privacy of the directory, content is checked as
 * always. */
#include "data/disk_int.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"

enum { HEAD = 64, SLOT = SL_DISK_DIGEST + 8 };

static const uint8_t table_magic[8] = "slurls\0\1";

typedef struct table_key {
    uint8_t sha[SL_DISK_DIGEST];
    uint8_t shard;
    uint64_t slots;
    char name[SL_DISK_NAME_MAX];
} table_key;

static bool make_key(const sl_disk_url *of, table_key *key)
{
    uint8_t hash[sizeof(XXH128_canonical_t)];
    uint64_t chunk = (uint64_t)1 << (of->chunk_shift & 31);
    if (of->url == NULL || of->etag == NULL || of->etag[0] == '\0' ||
        strncmp(of->etag, "W/", 2) == 0 || /* other bytes may have it */
        of->chunk_shift < 12 || of->chunk_shift > 30)
        return false;
    key->slots = of->size / chunk + (of->size % chunk != 0);
    if (key->slots > SL_DISK_URL_SLOTS)
        return false;
    sl_buf bytes;
    sl_buf_init(&bytes);
    sl_buf_bytes(&bytes, of->url, strlen(of->url) + 1);
    sl_buf_bytes(&bytes, of->etag, strlen(of->etag) + 1);
    sl_buf_le64(&bytes, of->size);
    sl_buf_le32(&bytes, of->chunk_shift);
    bool ok = !bytes.failed && sl_disk_digest(bytes.data, bytes.len, key->sha);
    if (ok) {
        XXH128_canonicalFromHash((XXH128_canonical_t *)hash,
                                 XXH3_128bits(bytes.data, bytes.len));
        key->shard = hash[0];
        sl_disk_hex(key->name, hash, sizeof hash);
        strcat(key->name, ".url");
    }
    sl_buf_deinit(&bytes);
    return ok;
}

bool sl_disk_url_key(const sl_disk_url *of, uint8_t sha[SL_DISK_DIGEST])
{
    table_key key;
    if (!make_key(of, &key))
        return false;
    memcpy(sha, key.sha, SL_DISK_DIGEST);
    return true;
}

static void encode_head(uint8_t to[HEAD], const table_key *key)
{
    memset(to, 0, HEAD);
    memcpy(to, table_magic, 8);
    memcpy(to + 8, key->sha, SL_DISK_DIGEST);
    sl_disk_set_le64(to + 40, key->slots);
    sl_disk_set_le64(to + 48, XXH3_64bits(to, 48));
}

static uint64_t slot_check(const uint8_t *digest, uint64_t slot)
{
    return XXH3_64bits_withSeed(digest, SL_DISK_DIGEST, slot + 1);
}

/* --- Tables as files ----------------------------------------------------- */

/* A regular file of ours with a sound header. */
static bool is_table(int fd, uint8_t head[HEAD])
{
    struct stat st;
    return fstat(fd, &st) == 0 && sl_disk_is_ours(&st) &&
           sl_disk_read(fd, head, HEAD, 0) &&
           memcmp(head, table_magic, 8) == 0 &&
           sl_disk_le64(head + 48) == XXH3_64bits(head, 48) &&
           sl_disk_le64(head + 40) <= SL_DISK_URL_SLOTS &&
           (uint64_t)st.st_size <= HEAD + SLOT * sl_disk_le64(head + 40);
}

/* The table of that key; any other file of that name is removed. */
static int open_table(sl_disk *disk, int root, const table_key *key, int flags)
{
    uint8_t want[HEAD], have[HEAD];
    int dir = root >= 0 ? sl_disk_open_shard(root, key->shard, false) : -1;
    if (dir < 0)
        return -1;
    int fd = openat(dir, key->name,
                    flags | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    encode_head(want, key);
    bool good = fd >= 0 && is_table(fd, have) && memcmp(want, have, HEAD) == 0;
    if (!good && (fd >= 0 || errno == ELOOP || errno == ENXIO ||
                  errno == EACCES || errno == EISDIR))
        sl_disk_poisoned(disk, dir, key->shard, key->name);
    if (!good && fd >= 0) {
        close(fd);
        fd = -1;
    }
    close(dir);
    return fd;
}

/* Readers and writers do not lock: a slot is read again before it is called
 * torn. */
static bool read_slot(int fd, uint64_t slot, uint8_t to[SLOT])
{
    for (int i = 0; i < 2; i++)
        if (sl_disk_read(fd, to, SLOT, HEAD + SLOT * slot) &&
            sl_disk_le64(to + SL_DISK_DIGEST) == slot_check(to, slot))
            return true;
    return false;
}

bool sl_disk_find(sl_disk *disk, const sl_disk_url *of, uint64_t chunk,
                  uint8_t digest[SL_DISK_DIGEST], sl_err *err)
{
    table_key key;
    uint8_t slot[SLOT];
    int root = sl_disk_root(disk, false, err);
    if (root < 0 || !make_key(of, &key) || chunk >= key.slots)
        return false;
    int fd = open_table(disk, root, &key, O_RDONLY);
    if (fd < 0)
        return false;
    bool found = read_slot(fd, chunk, slot);
    if (found) {
        memcpy(digest, slot, SL_DISK_DIGEST);
        sl_disk_touch(fd);
    }
    close(fd);
    return found;
}

static bool create_table(sl_disk *disk, const table_key *key)
{
    uint8_t head[HEAD];
    sl_disk_tmp tmp;
    encode_head(head, key);
    if (!sl_disk_begin(disk, key->shard, HEAD + SLOT, &tmp))
        return false;
    if (!sl_disk_write(tmp.fd, head, sizeof head, -1)) {
        sl_disk_abandon(disk, &tmp);
        return false;
    }
    /* Somebody else's that appeared meanwhile is kept. */
    return sl_disk_commit(disk, &tmp, key->name, false) || errno == EEXIST;
}

bool sl_disk_note(sl_disk *disk, const sl_disk_url *of, uint64_t chunk,
                  const uint8_t digest[SL_DISK_DIGEST], sl_err *err)
{
    table_key key;
    uint8_t slot[SLOT];
    int root = sl_disk_root(disk, true, err);
    if (root < 0 || !make_key(of, &key) || chunk >= key.slots)
        return false;
    if (sl_disk_refuses(disk, HEAD + SLOT * (chunk + 1)))
        return sl_disk_not_stored(disk);
    int fd = open_table(disk, root, &key, O_RDWR);
    if (fd < 0 && create_table(disk, &key))
        fd = open_table(disk, root, &key, O_RDWR);
    if (fd < 0)
        return sl_disk_not_stored(disk);
    memcpy(slot, digest, SL_DISK_DIGEST);
    sl_disk_set_le64(slot + SL_DISK_DIGEST, slot_check(digest, chunk));
    bool noted =
        sl_disk_write(fd, slot, SLOT, (int64_t)(HEAD + SLOT * chunk)) &&
        (!(disk->flags & SL_DISK_SYNC) || fdatasync(fd) == 0);
    int cause = errno;
    close(fd);
    errno = cause;
    return noted || sl_disk_not_stored(disk);
}

sl_disk_verdict sl_disk_check_url(int fd)
{
    uint8_t head[HEAD];
    return is_table(fd, head) ? SL_DISK_GOOD : SL_DISK_BAD;
}
