/* Looking after the cache on disk: list, verify, clear. Other processes may use
 * it at the same time: what vanishes on the way was never there. */
#include "data/disk_int.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

static int by_name(const void *a, const void *b)
{
    return strcmp(((const sl_disk_item *)a)->name,
                  ((const sl_disk_item *)b)->name);
}

static sl_disk_entry entry_of(const sl_disk_item *item)
{
    sl_disk_entry entry = {.last_used = item->mtime};
    entry.len = item->size < SL_DISK_TRAILER ? 0 : item->size - SL_DISK_TRAILER;
    for (int i = 0; i < SL_DISK_DIGEST; i++)
        entry.digest[i] = (uint8_t)(sl_disk_digit(item->name[2 * i]) << 4 |
                                    sl_disk_digit(item->name[2 * i + 1]));
    return entry;
}

typedef struct walk {
    sl_disk *disk;
    void (*visit)(struct walk *w, const sl_disk_item *item);
    void (*each)(void *arg, const sl_disk_entry *entry);
    void *arg;
    int dir; /* the shard */
    sl_disk_report report;
    sl_err err;
} walk;

static void walk_shard(walk *w, int root, uint8_t shard, sl_disk_items *items)
{
    bool failed = false;
    items->n = 0;
    sl_disk_scan(root, shard, items, &failed);
    if (failed)
        sl_fail(&w->err, SL_EIO, SL_ERR_NO_PLACE,
                "%s: some entries cannot be looked at", sl_disk_dir(w->disk));
    if (items->n == 0)
        return;
    qsort(items->v, items->n, sizeof *items->v, by_name);
    w->dir = sl_disk_open_shard(root, shard, false);
    for (size_t i = 0; w->dir >= 0 && i < items->n; i++)
        w->visit(w, &items->v[i]);
    if (w->dir >= 0)
        close(w->dir);
}

static sl_status walk_all(walk *w, sl_disk_report *report, sl_err *err)
{
    sl_disk_items items = {0};
    int root = sl_disk_root(w->disk, false, NULL);
    sl_disk_trouble(w->disk, &w->err);
    for (int shard = 0; root >= 0 && shard < SL_DISK_SHARDS; shard++)
        walk_shard(w, root, (uint8_t)shard, &items);
    sl_vec_deinit(&items);
    if (report != NULL)
        *report = w->report;
    if (w->err.code != SL_OK)
        sl_fail(err, w->err.code, w->err.at, "%s", w->err.msg);
    return w->err.code;
}

static void count_item(walk *w, const sl_disk_item *item)
{
    if (item->is_url) {
        w->report.urls++;
        return;
    }
    w->report.chunks++;
    w->report.bytes += entry_of(item).len;
}

static void tell(const walk *w, const sl_disk_item *item)
{
    if (w->each == NULL || item->is_url)
        return;
    sl_disk_entry entry = entry_of(item);
    w->each(w->arg, &entry);
}

static void list_item(walk *w, const sl_disk_item *item)
{
    count_item(w, item);
    tell(w, item);
}

sl_status sl_disk_list(sl_disk *disk,
                       void (*each)(void *arg, const sl_disk_entry *entry),
                       void *arg, sl_disk_report *report, sl_err *err)
{
    walk w = {.disk = disk, .each = each, .arg = arg, .visit = list_item};
    return walk_all(&w, report, err);
}

static sl_disk_verdict check_item(const walk *w, const sl_disk_item *item)
{
    int fd = openat(w->dir, item->name,
                    O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    if (fd < 0)
        return errno == ELOOP || errno == ENXIO || errno == EACCES
                   ? SL_DISK_BAD
                   : SL_DISK_OTHER;
    sl_disk_entry entry = {0};
    if (!item->is_url)
        entry = entry_of(item);
    sl_disk_verdict v = item->is_url ? sl_disk_check_url(fd)
                                     : sl_disk_check_entry(fd, entry.digest);
    close(fd);
    return v;
}

static void verify_item(walk *w, const sl_disk_item *item)
{
    errno = 0;
    sl_disk_verdict v = check_item(w, item);
    if (v == SL_DISK_GOOD) {
        count_item(w, item);
    } else if (v == SL_DISK_BAD) {
        w->report.bad++;
        if (sl_disk_poisoned(w->disk, w->dir, item->shard, item->name))
            tell(w, item);
        else if (errno != ENOENT)
            sl_fail(&w->err, SL_EIO, SL_ERR_NO_PLACE, "%s is damaged: %s",
                    item->name, strerror(errno));
    } else if (errno != ENOENT) {
        sl_fail(&w->err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", item->name,
                errno != 0 ? strerror(errno) : "out of memory");
    }
}

sl_status sl_disk_verify(sl_disk *disk,
                         void (*each)(void *arg, const sl_disk_entry *entry),
                         void *arg, sl_disk_report *report, sl_err *err)
{
    walk w = {.disk = disk, .each = each, .arg = arg, .visit = verify_item};
    sl_status status = walk_all(&w, report, err);
    sl_disk_recount(disk);
    return status;
}

static void clear_item(walk *w, const sl_disk_item *item)
{
    if (sl_disk_remove(w->dir, item->name))
        count_item(w, item);
    else if (errno != ENOENT)
        sl_fail(&w->err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", item->name,
                strerror(errno));
}

sl_status sl_disk_clear(sl_disk *disk, sl_disk_report *report, sl_err *err)
{
    walk w = {.disk = disk, .visit = clear_item};
    sl_status status = walk_all(&w, report, err);
    sl_disk_recount(disk);
    return status;
}
