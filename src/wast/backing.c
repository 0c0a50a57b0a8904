#include "wast/backing.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "component/reference.h"
#include "data/disk.h"
#include "data/origin.h"
#include "data/verify.h"
#include "net/http.h"
#include "wast/server.h"

/* An inline segment as another kind of backing sees it, made once. */
typedef struct moved {
    const sl_source *from; /* with `at`: which segment */
    uint64_t at;
    sl_source *source; /* what takes its source's place */
    sl_buf table;      /* external: the source's bytes */
    char name[24];     /* external: the file's */
    sl_segment_def def;
} moved;

typedef struct pending pending;

struct wast_backings {
    sl_loop *loop;
    sl_wast_backing kind;
    uint64_t seed, random;
    SL_VEC(wast_file) files;
    SL_VEC(moved *) moved;
    pending *pending; /* reads that have not been answered */
    char dir[64];     /* FILE: where the files are; "": not made yet */
    wast_server *server;  /* URL */
    uint64_t n_resources; /* on it, of components */
};

static sl_status no_memory(sl_err *err)
{
    return sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
}

/* xorshift64*: the same seed gives the same schedule. */
static uint64_t choose(wast_backings *all, uint64_t bound)
{
    uint64_t x = all->random;
    if (all->seed == 0)
        return 0;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    all->random = x;
    return ((x * UINT64_C(0x2545f4914f6cdd1d)) >> 16) % bound;
}

static const wast_file *find_file(const wast_backings *all, sl_name name)
{
    for (size_t i = 0; i < all->files.n; i++)
        if (sl_name_eq(all->files.v[i].name, name))
            return &all->files.v[i];
    return NULL;
}

/* --- Answers that come later, in pieces -------------------------------------- */

enum { LATE_TURNS = 40 };

struct pending {
    sl_post post;
    wast_backings *all;
    pending *next, **at;
    uint32_t turns; /* of the loop until the next piece */
    size_t got;
    uint64_t from;
    size_t len;
    uint8_t *to;
    sl_origin_read *read;      /* of an origin, whose file is */
    char *name;                /* this */
    sl_callback_read *request; /* of a callback, whose bytes are */
    const uint8_t *bytes;      /* these */
};

static void free_pending(pending *p)
{
    sl_loop_unpost(p->all->loop, &p->post);
    *p->at = p->next;
    if (p->next != NULL)
        p->next->at = p->at;
    sl_free(p->name);
    sl_free(p);
}

static void answer(pending *p, const sl_err *err)
{
    sl_origin_read *read = p->read;
    sl_callback_read *request = p->request;
    free_pending(p);
    if (read != NULL)
        read->done(read, err);
    else
        sl_callback_finish(request, err);
}

/* The bytes of a declared file, as they are now. */
static const uint8_t *look_up(pending *p, sl_err *err)
{
    const wast_file *file = find_file(p->all, sl_name_of(p->name));
    const char *why = NULL;
    if (file == NULL || file->missing)
        why = "no such file";
    else if (p->from + p->len > file->fails_at)
        why = "cannot be read";
    else if (p->from > file->len || p->len > file->len - p->from)
        why = "the file is too short";
    if (why == NULL)
        return file->bytes + p->from;
    sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", p->name, why);
    return NULL;
}

static void on_turn(sl_post *post)
{
    pending *p = (pending *)(void *)((char *)post - offsetof(pending, post));
    sl_err err = {0};
    if (p->turns != 0) {
        p->turns--;
        sl_loop_post(p->all->loop, post);
        return;
    }
    const uint8_t *bytes = p->bytes != NULL ? p->bytes : look_up(p, &err);
    if (bytes == NULL) {
        answer(p, &err);
        return;
    }
    size_t n = p->len - p->got;
    if (n > 1 && choose(p->all, 4) == 1)
        n = 1 + (size_t)choose(p->all, n);
    memcpy(p->to + p->got, bytes + p->got, n);
    p->got += n;
    if (p->got == p->len)
        answer(p, NULL);
    else
        sl_loop_post(p->all->loop, post);
}

static pending *start_pending(wast_backings *all, uint64_t from, void *to,
                              size_t len)
{
    pending *p = sl_calloc(1, sizeof *p);
    if (p == NULL)
        return NULL;
    p->all = all;
    p->post.fn = on_turn;
    p->turns = (uint32_t)choose(all, 6);
    p->from = from;
    p->to = to;
    p->len = len;
    p->next = all->pending;
    p->at = &all->pending;
    if (p->next != NULL)
        p->next->at = &p->next;
    all->pending = p;
    return p;
}

/* --- Declared files as origins ------------------------------------------------ */

typedef struct file_origin {
    sl_origin base;
    wast_backings *all;
    char path[]; /* NUL-terminated */
} file_origin;

static sl_status start_read(sl_origin *origin, sl_origin_read *read,
                            sl_err *err)
{
    file_origin *o = (file_origin *)origin;
    const wast_file *file = find_file(o->all, sl_name_of(o->path));
    pending *p = start_pending(o->all, read->at, read->to, read->len);
    if (p == NULL)
        return no_memory(err);
    p->name = sl_strndup(o->path, strlen(o->path));
    if (p->name == NULL) {
        free_pending(p);
        return no_memory(err);
    }
    p->read = read;
    read->state = p;
    if (file != NULL && file->manner == WAST_FILE_LATE)
        p->turns += LATE_TURNS;
    if (file == NULL || file->manner != WAST_FILE_NEVER)
        sl_loop_post(o->all->loop, &p->post);
    return SL_OK;
}

static void cancel_read(sl_origin *origin, sl_origin_read *read)
{
    (void)origin;
    free_pending(read->state);
}

static void hurry_read(sl_origin *origin, sl_origin_read *read)
{
    pending *p = read->state;
    (void)origin;
    if (p->turns < LATE_TURNS)
        p->turns = 0;
}

static void close_origin(sl_origin *origin)
{
    sl_free(origin);
}

static sl_origin *memory_origin(wast_backings *all, const char *path,
                                sl_err *err)
{
    static const sl_origin_ops ops = {
        .read = start_read,
        .cancel = cancel_read,
        .hurry = hurry_read,
        .close = close_origin,
    };
    size_t len = strlen(path) + 1;
    file_origin *o = sl_calloc(1, sizeof *o + len);
    if (o == NULL) {
        no_memory(err);
        return NULL;
    }
    o->base = (sl_origin){.ops = &ops, .refs = 1};
    o->all = all;
    memcpy(o->path, path, len);
    return &o->base;
}

static sl_origin *url_origin(wast_backings *all, sl_data_ctx *ctx,
                             sl_name reference, sl_err *err)
{
    sl_buf url = {0};
    sl_buf_printf(&url, "http://127.0.0.1:%u/files/%.*s",
                  (unsigned)wast_server_port(all->server),
                  SL_NAME_ARGS(reference));
    sl_buf_u8(&url, 0);
    sl_origin *origin = NULL;
    if (url.failed)
        no_memory(err);
    else
        origin = sl_origin_http(ctx, (char *)url.data, SL_HTTP_UNKNOWN, NULL,
                                err);
    sl_buf_deinit(&url);
    return origin;
}

/* What a script says of a file's manner only memory can do. */
static sl_origin *open_origin(void *arg, sl_data_ctx *ctx, sl_name reference,
                              sl_err *err)
{
    wast_backings *all = arg;
    char *path = sl_malloc(reference.len + 1);
    if (path == NULL) {
        no_memory(err);
        return NULL;
    }
    sl_reference_path(reference, path);
    const wast_file *file = find_file(all, sl_name_of(path));
    bool plain = file == NULL || (file->manner == WAST_FILE_PLAIN &&
                                  file->fails_at == UINT64_MAX);
    sl_origin *origin =
        plain && all->kind == SL_WAST_FILE
            ? sl_origin_file(all->dir, path, err)
        : plain && all->kind == SL_WAST_URL
            ? url_origin(all, ctx, reference, err)
            : memory_origin(all, path, err);
    sl_free(path);
    return origin;
}

/* --- Files --------------------------------------------------------------------- */

/* The folder of a script's files, and those in between. */
static bool make_folders(char *path, size_t from)
{
    for (char *p = path + from; (p = strchr(p, '/')) != NULL; *p++ = '/') {
        *p = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST) {
            *p = '/';
            return false;
        }
    }
    return true;
}

static bool write_new(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    bool written = fd >= 0 && write(fd, bytes, len) == (ssize_t)len;
    if (fd >= 0 && close(fd) != 0)
        written = false;
    return written;
}

static sl_status put_on_disk(wast_backings *all, const wast_file *file,
                             sl_err *err)
{
    char path[512];
    int n = snprintf(path, sizeof path, "%s/%.*s", all->dir,
                     SL_NAME_ARGS(file->name));
    if (n < 0 || (size_t)n >= sizeof path)
        return sl_fail(err, SL_ERANGE, SL_ERR_NO_PLACE, "the name is too long");
    unlink(path); /* a new file: the old one stays what it was */
    if (file->missing)
        return SL_OK;
    if (!make_folders(path, strlen(all->dir) + 1) ||
        !write_new(path, file->bytes, file->len))
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", path,
                       strerror(errno));
    return SL_OK;
}

static sl_status put_on_server(wast_backings *all, const wast_file *file,
                               sl_err *err)
{
    sl_buf path = {0};
    sl_buf_printf(&path, "files/%.*s", SL_NAME_ARGS(file->name));
    bool put = !path.failed &&
               wast_server_put(all->server,
                               (sl_name){(char *)path.data, path.len},
                               file->missing ? NULL : file->bytes, file->len);
    sl_buf_deinit(&path);
    return put ? SL_OK : no_memory(err);
}

/* Into the table alone. */
static sl_status keep_file(wast_backings *all, wast_file *file, sl_err *err)
{
    wast_file *old = (wast_file *)find_file(all, file->name);
    if (old != NULL) {
        sl_free(old->bytes);
        *old = *file;
        return SL_OK;
    }
    if (sl_vec_push(&all->files, *file))
        return SL_OK;
    sl_free(file->bytes);
    return no_memory(err);
}

sl_status wast_backings_file(wast_backings *all, wast_file *file, sl_err *err)
{
    sl_status st = keep_file(all, file, err);
    if (st == SL_OK && all->kind == SL_WAST_FILE)
        st = put_on_disk(all, file, err);
    if (st == SL_OK && all->kind == SL_WAST_URL)
        st = put_on_server(all, file, err);
    return st;
}

/* --- Inline segments as external ones -------------------------------------------- */

static bool add_digest(sl_buf *table, const uint8_t *bytes, size_t len)
{
    uint8_t digest[SL_DIGEST_SIZE];
    if (!sl_disk_digest(bytes, len, digest))
        return false;
    sl_buf_bytes(table, digest, SL_DIGEST_SIZE);
    return !table->failed;
}

static bool add_frame(moved *m, sl_buf *file, const uint8_t *bytes, size_t len)
{
    size_t room = ZSTD_compressBound(len);
    void *frame = sl_malloc(room);
    size_t n = frame != NULL ? ZSTD_compress(frame, room, bytes, len, 1) : 0;
    bool made = frame != NULL && !ZSTD_isError(n);
    if (made) {
        sl_buf_u32(&m->table, (uint32_t)n);
        sl_buf_bytes(file, frame, n);
    }
    sl_free(frame);
    return made;
}

/* Chunks from 16 bytes up, not too many of them. (A component would have to say
 * 4096 and more; what reads does not mind.) */
static uint8_t choose_chunk_log(wast_backings *all, uint64_t size)
{
    static const uint8_t logs[] = {12, 4, 6, 8};
    uint8_t log = logs[choose(all, 4)];
    while (size >> log > 64)
        log++;
    return log;
}

static bool cut(wast_backings *all, moved *m, const uint8_t *bytes,
                sl_buf *file)
{
    sl_segment_def *def = &m->def;
    bool zstd = all->kind == SL_WAST_ZSTD;
    uint64_t chunk = UINT64_C(1) << def->chunk_log;
    for (uint64_t at = 0; at < def->size; at += chunk, def->n_chunks++) {
        size_t len = (size_t)(def->size - at < chunk ? def->size - at : chunk);
        if (zstd && !add_frame(m, file, bytes + at, len))
            return false;
        if (!add_digest(&m->table, bytes + at, len))
            return false;
        if (!zstd)
            sl_buf_bytes(file, bytes + at, len);
    }
    def->zstd = zstd;
    def->table_size = m->table.len;
    return !file->failed && !m->table.failed;
}

/* No reference leads to a name with a slash in front. */
static sl_status make_external(wast_backings *all, moved *m,
                               const uint8_t *bytes, uint64_t size, sl_err *err)
{
    sl_buf file = {0};
    snprintf(m->name, sizeof m->name, "/%zu", all->moved.n);
    m->def = (sl_segment_def){.form = SL_SEGMENT_EXTERNAL,
                              .size = size,
                              .reference = sl_name_of(m->name),
                              .chunk_log = choose_chunk_log(all, size)};
    if (!cut(all, m, bytes, &file)) {
        sl_buf_deinit(&file);
        return no_memory(err);
    }
    wast_file declared = {.name = m->def.reference,
                          .fails_at = UINT64_MAX,
                          .bytes = file.data,
                          .len = file.len};
    m->source = sl_source_buffer(m->table.data, m->table.len, false, err);
    if (m->source != NULL)
        return keep_file(all, &declared, err);
    sl_buf_deinit(&file);
    return err->code;
}

/* --- ... in files, and behind URLs -------------------------------------------------- */

static sl_status make_file(moved *m, sl_err *err)
{
    const char *folder = getenv("TMPDIR");
    char path[256];
    snprintf(path, sizeof path, "%s/sluice-wast-XXXXXX",
             folder != NULL ? folder : "/tmp");
    int fd = mkostemp(path, O_CLOEXEC);
    if (fd < 0)
        return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", path,
                       strerror(errno));
    unlink(path);
    if (write(fd, m->from->memory, m->from->size) != (ssize_t)m->from->size)
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "write: %s", strerror(errno));
    else
        m->source = sl_source_descriptor(fd, err);
    close(fd);
    return err->code;
}

typedef struct url_source {
    sl_source base;
    char url[64], etag[32];
} url_source;

static sl_status read_url(sl_source *source, uint64_t at, void *to, size_t len,
                          sl_err *err)
{
    (void)to;
    (void)len;
    return sl_fail(err, SL_EIO, at, "%s is read in ranges", source->url);
}

static void close_url(sl_source *source)
{
    sl_free(source);
}

static sl_status make_url(wast_backings *all, moved *m, sl_err *err)
{
    char path[32];
    url_source *s = sl_calloc(1, sizeof *s);
    snprintf(path, sizeof path, "components/%" PRIu64, all->n_resources++);
    if (s == NULL || !wast_server_put(all->server, sl_name_of(path),
                                      m->from->memory, m->from->size)) {
        sl_free(s);
        return no_memory(err);
    }
    snprintf(s->url, sizeof s->url, "http://127.0.0.1:%u/%s",
             (unsigned)wast_server_port(all->server), path);
    wast_server_etag(all->server, sl_name_of(path), s->etag);
    s->base = (sl_source){.size = m->from->size,
                          .read_at = read_url,
                          .fd = -1,
                          .url = s->url,
                          .etag = s->etag,
                          .refs = 1,
                          .close = close_url};
    m->source = &s->base;
    return SL_OK;
}

/* --- Callbacks ------------------------------------------------------------------------ */

typedef struct callback {
    wast_backings *all;
    sl_source *source;
    uint64_t offset;
} callback;

static void callback_read(void *arg, uint64_t at, void *to, size_t len,
                          sl_callback_read *request)
{
    callback *c = arg;
    sl_err err = {0};
    pending *p = start_pending(c->all, at, to, len);
    if (p == NULL) {
        no_memory(&err);
        sl_callback_finish(request, &err);
        return;
    }
    p->request = request;
    p->bytes = c->source->memory + c->offset + at;
    if (choose(c->all, 8) != 1) {
        sl_loop_post(c->all->loop, &p->post);
        return;
    }
    memcpy(to, p->bytes, len);
    answer(p, NULL);
}

static void callback_cancel(void *arg, sl_callback_read *request)
{
    callback *c = arg;
    pending *p = c->all->pending;
    sl_err err = {0};
    while (p != NULL && p->request != request)
        p = p->next;
    if (p == NULL)
        return;
    sl_fail(&err, SL_ECANCELLED, SL_ERR_NO_PLACE, "cancelled");
    answer(p, &err);
}

static void callback_close(void *arg)
{
    callback *c = arg;
    sl_source_unref(c->source);
    sl_free(c);
}

static sl_backing *make_callback(wast_backings *all, sl_data_ctx *ctx,
                                 sl_source *source, const sl_segment_def *def,
                                 sl_err *err)
{
    static const sl_callback_ops ops = {callback_read, callback_cancel,
                                        callback_close};
    callback *c = sl_calloc(1, sizeof *c);
    if (c == NULL) {
        no_memory(err);
        return NULL;
    }
    *c = (callback){all, sl_source_ref(source), def->offset};
    sl_backing *b = sl_backing_callback(ctx, &ops, c, def->size, err);
    if (b == NULL)
        callback_close(c);
    return b;
}

/* --- Binding ----------------------------------------------------------------------------- */

/* Those of a whole component share what takes its place. */
static moved *find_moved(wast_backings *all, const sl_source *from, uint64_t at)
{
    for (size_t i = 0; i < all->moved.n; i++)
        if (all->moved.v[i]->from == from && all->moved.v[i]->at == at)
            return all->moved.v[i];
    return NULL;
}

static void free_moved(moved *m)
{
    sl_source_unref(m->source);
    sl_buf_deinit(&m->table);
    sl_free(m);
}

static bool is_external(const wast_backings *all)
{
    return all->kind == SL_WAST_IDENTITY || all->kind == SL_WAST_ZSTD;
}

static moved *make_moved(wast_backings *all, sl_source *source,
                         const sl_segment_def *def, sl_err *err)
{
    moved *m =
        sl_vec_reserve(&all->moved, 1) ? sl_calloc(1, sizeof *m) : NULL;
    if (m == NULL) {
        no_memory(err);
        return NULL;
    }
    m->from = source;
    m->at = is_external(all) ? def->offset : 0;
    if (is_external(all))
        make_external(all, m, source->memory + def->offset, def->size, err);
    else if (all->kind == SL_WAST_FILE)
        make_file(m, err);
    else
        make_url(all, m, err);
    if (err->code != SL_OK) {
        free_moved(m);
        return NULL;
    }
    all->moved.v[all->moved.n++] = m;
    return m;
}

static sl_backing *bind_segment(void *arg, sl_data_ctx *ctx, sl_source *source,
                                const sl_segment_def *def, sl_err *err)
{
    wast_backings *all = arg;
    if (def->form == SL_SEGMENT_EXTERNAL || all->kind == SL_WAST_BUFFER)
        return NULL;
    if (all->kind == SL_WAST_CALLBACK)
        return make_callback(all, ctx, source, def, err);
    moved *m = find_moved(all, source, is_external(all) ? def->offset : 0);
    if (m == NULL)
        m = make_moved(all, source, def, err);
    if (m == NULL)
        return NULL;
    return is_external(all)
               ? sl_backing_external(ctx, m->source, &m->def, err)
               : sl_backing_inline(ctx, m->source, def->offset, def->size,
                                   err);
}

sl_status wast_backings_bind(wast_backings *all, sl_data_ctx *ctx, sl_err *err)
{
    sl_data_ctx_bind(ctx, &(sl_data_binder){bind_segment, open_origin, all});
    if (all->kind != SL_WAST_URL)
        return SL_OK;
    sl_http_config config = sl_http_config_default();
    config.allow_private = true;
    config.retries = 0;
    sl_data_env *env = sl_data_env_new(err);
    if (env == NULL)
        return err->code;
    sl_status st = sl_data_env_set_http(env, &config, err);
    if (st == SL_OK)
        sl_data_ctx_share(ctx, env);
    sl_data_env_unref(env);
    return st;
}

/* --- Life ---------------------------------------------------------------------------------- */

static sl_status make_dir(wast_backings *all, sl_err *err)
{
    const char *folder = getenv("TMPDIR");
    snprintf(all->dir, sizeof all->dir, "%.40s/sluice-wast-XXXXXX",
             folder != NULL && strlen(folder) <= 40 ? folder : "/tmp");
    if (mkdtemp(all->dir) != NULL)
        return SL_OK;
    all->dir[0] = '\0';
    return sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "cannot make a folder: %s",
                   strerror(errno));
}

/* The files of the script and their folders. */
static void remove_dir(wast_backings *all)
{
    char path[512];
    for (size_t i = 0; i < all->files.n; i++) {
        sl_name name = all->files.v[i].name;
        int n = snprintf(path, sizeof path, "%s/%.*s", all->dir,
                         SL_NAME_ARGS(name));
        if (n < 0 || (size_t)n >= sizeof path)
            continue;
        unlink(path);
        for (char *slash; (slash = strrchr(path, '/')) != NULL &&
                          slash > path + strlen(all->dir);) {
            *slash = '\0';
            rmdir(path);
        }
    }
    rmdir(all->dir);
}

wast_backings *wast_backings_new(sl_loop *loop, sl_wast_backing kind,
                                 uint64_t seed, sl_err *err)
{
    wast_backings *all = sl_calloc(1, sizeof *all);
    if (all == NULL) {
        no_memory(err);
        return NULL;
    }
    all->loop = loop;
    all->kind = kind;
    all->seed = seed;
    all->random = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
    if (kind == SL_WAST_URL)
        all->server = wast_server_start(err);
    if (kind == SL_WAST_FILE)
        make_dir(all, err);
    if (err->code == SL_OK)
        return all;
    wast_backings_free(all);
    return NULL;
}

void wast_backings_free(wast_backings *all)
{
    if (all == NULL)
        return;
    if (all->dir[0] != '\0')
        remove_dir(all);
    for (size_t i = 0; i < all->moved.n; i++)
        free_moved(all->moved.v[i]);
    for (size_t i = 0; i < all->files.n; i++)
        sl_free(all->files.v[i].bytes);
    sl_vec_deinit(&all->moved);
    sl_vec_deinit(&all->files);
    wast_server_stop(all->server);
    sl_free(all);
}
