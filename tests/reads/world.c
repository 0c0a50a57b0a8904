#include "reads/world.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "base/alloc.h"
#include "net/http.h"

const char *const kind_texts[N_KINDS] = {
    "buffer", "file", "cold file", "identity",
    "zstd",   "callback", "url",    "disk",
};

uint64_t next_random(random_state *r)
{
    uint64_t x = r->x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

uint64_t below(random_state *r, uint64_t bound)
{
    return next_random(r) % bound;
}

static void need(bool good, const char *what)
{
    if (good)
        return;
    perror(what);
    exit(2);
}

/* --- Files ------------------------------------------------------------------- */

void world_write(const char *path, const void *bytes, size_t len)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    need(fd >= 0 && write(fd, bytes, len) == (ssize_t)len && close(fd) == 0,
         path);
}

static const char *path_of(const world *w, const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", w->dir, name);
    return path;
}

static void add_chunk(world *w, bool zstd, const uint8_t *bytes, size_t len)
{
    uint8_t digest[EVP_MAX_MD_SIZE];
    if (zstd) {
        size_t room = ZSTD_compressBound(len);
        uint8_t *frame = malloc(room);
        size_t n = ZSTD_compress(frame, room, bytes, len, 1);
        need(!ZSTD_isError(n), "zstd");
        sl_buf_u32(&w->table[1], (uint32_t)n);
        sl_buf_bytes(&w->file[1], frame, n);
        free(frame);
    } else {
        sl_buf_bytes(&w->file[0], bytes, len);
    }
    need(EVP_Digest(bytes, len, digest, NULL, EVP_sha256(), NULL) == 1,
         "SHA-256");
    sl_buf_bytes(&w->table[zstd], digest, 32);
}

static void make_external(world *w, bool zstd)
{
    size_t chunk = (size_t)1 << w->chunk_log;
    sl_segment_def *def = &w->def[zstd];
    for (size_t at = 0; at < w->size; at += chunk, def->n_chunks++)
        add_chunk(w, zstd, w->content + at,
                  w->size - at < chunk ? w->size - at : chunk);
    def->form = SL_SEGMENT_EXTERNAL;
    def->size = w->size;
    def->reference = zstd ? SL_NAME("x.zst") : SL_NAME("x.bin");
    def->chunk_log = w->chunk_log;
    def->zstd = zstd;
    def->table_size = w->table[zstd].len;
    world_write(path_of(w, zstd ? "x.zst" : "x.bin"), w->file[zstd].data,
                w->file[zstd].len);
}

/* Half of it compresses. */
static void make_content(world *w)
{
    random_state r = w->random;
    w->content = malloc(w->size);
    need(w->content != NULL, "content");
    for (size_t i = 0; i < w->size; i++)
        w->content[i] = (uint8_t)(i & 4096 ? (i >> 12) ^ i : next_random(&r));
}

static void make_plain(world *w)
{
    uint8_t *bytes = calloc(1, w->size + HEAD);
    memcpy(bytes + HEAD, w->content, w->size);
    world_write(path_of(w, "plain"), bytes, w->size + HEAD);
    need(wast_server_put(w->server, SL_NAME("b/plain"), bytes,
                         w->size + HEAD),
         "server");
    free(bytes);
    w->fd = open(path_of(w, "plain"), O_RDWR);
    need(w->fd >= 0, "plain");
}

void world_open(world *w, size_t size, uint8_t chunk_log, uint64_t seed)
{
    *w = (world){.size = size, .chunk_log = chunk_log, .random = {seed}};
    const char *tmp = getenv("TMPDIR");
    snprintf(w->dir, sizeof w->dir, "%.40s/sluice-reads-XXXXXX",
             tmp != NULL ? tmp : "/tmp");
    need(mkdtemp(w->dir) != NULL, w->dir);
    sl_err err = {0};
    w->server = wast_server_start(&err);
    need(w->server != NULL, err.msg);
    snprintf(w->base, sizeof w->base, "http://127.0.0.1:%u/b",
             (unsigned)wast_server_port(w->server));
    make_content(w);
    make_plain(w);
    make_external(w, false);
    make_external(w, true);
    need(wast_server_put(w->server, SL_NAME("b/x.zst"), w->file[1].data,
                         w->file[1].len),
         "server");
}

void world_make_cold(world *w)
{
    fsync(w->fd);
    posix_fadvise(w->fd, 0, 0, POSIX_FADV_DONTNEED);
}

void world_close(world *w)
{
    char command[128];
    wast_server_stop(w->server);
    close(w->fd);
    for (int i = 0; i < 2; i++) {
        sl_buf_deinit(&w->table[i]);
        sl_buf_deinit(&w->file[i]);
    }
    free(w->content);
    snprintf(command, sizeof command, "rm -r '%s'", w->dir);
    need(system(command) == 0, command);
}

/* --- An embedder that answers later ------------------------------------------- */

struct later {
    sl_post post;
    world *w;
    sl_loop *loop;
    later *next;
    uint32_t turns;
    uint64_t at;
    void *to;
    size_t len;
    sl_callback_read *request;
};

static void finish_later(later *l, const sl_err *err)
{
    sl_callback_read *request = l->request;
    later **at = &l->w->held;
    while (*at != l)
        at = &(*at)->next;
    *at = l->next;
    if (err == NULL)
        memcpy(l->to, l->w->content + l->at, l->len);
    sl_loop_unpost(l->loop, &l->post);
    free(l);
    sl_callback_finish(request, err);
}

static void on_post(sl_post *post)
{
    later *l = (later *)(void *)((char *)post - offsetof(later, post));
    if (l->turns-- != 0)
        sl_loop_post(l->loop, post);
    else
        finish_later(l, NULL);
}

static void callback_read(void *arg, uint64_t at, void *to, size_t len,
                          sl_callback_read *request)
{
    world *w = arg;
    later *l = calloc(1, sizeof *l);
    need(l != NULL, "later");
    *l = (later){.post = {.fn = on_post},
                 .w = w,
                 .loop = w->loop,
                 .next = w->held,
                 .turns = (uint32_t)below(&w->random, 5),
                 .at = at,
                 .to = to,
                 .len = len,
                 .request = request};
    w->held = l;
    if (below(&w->random, 8) == 0)
        finish_later(l, NULL);
    else
        sl_loop_post(w->loop, &l->post);
}

static void callback_cancel(void *arg, sl_callback_read *request)
{
    world *w = arg;
    sl_err err = {0};
    later *l = w->held;
    while (l != NULL && l->request != request)
        l = l->next;
    sl_fail(&err, SL_ECANCELLED, SL_ERR_NO_PLACE, "cancelled");
    if (l != NULL)
        finish_later(l, &err);
}

static const sl_callback_ops callback_ops = {callback_read, callback_cancel,
                                             NULL};

/* --- Binding -------------------------------------------------------------------- */

typedef struct url_source {
    sl_source base;
    char url[96], etag[32];
} url_source;

static void close_url(sl_source *source)
{
    sl_free(source);
}

static sl_source *open_url(world *w, sl_err *err)
{
    url_source *s = sl_calloc(1, sizeof *s);
    if (s == NULL) {
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return NULL;
    }
    snprintf(s->url, sizeof s->url, "%s/plain", w->base);
    wast_server_etag(w->server, SL_NAME("b/plain"), s->etag);
    s->base = (sl_source){.size = w->size + HEAD,
                          .fd = -1,
                          .url = s->url,
                          .etag = s->etag,
                          .refs = 1,
                          .close = close_url};
    return &s->base;
}

static sl_source *open_source(world *w, sl_kind kind, sl_err *err)
{
    bool zstd = kind == ZSTD || kind == DISK;
    if (kind == BUFFER)
        return sl_source_buffer(w->content, w->size, false, err);
    if (kind == FILE_WARM || kind == FILE_COLD)
        return sl_source_file(path_of(w, "plain"), err);
    if (kind == URL)
        return open_url(w, err);
    sl_source *source = sl_source_buffer(w->table[zstd].data,
                                         w->table[zstd].len, false, err);
    if (source != NULL &&
        sl_source_set_base(source, kind == DISK ? w->base : w->dir, err) !=
            SL_OK) {
        sl_source_unref(source);
        return NULL;
    }
    return source;
}

static sl_status share_env(world *w, sl_kind kind, sl_data_ctx *ctx, sl_err *err)
{
    sl_http_config config = sl_http_config_default();
    config.allow_private = true;
    config.retries = 0;
    sl_data_env *env = sl_data_env_new(err);
    if (env == NULL)
        return SL_ENOMEM;
    sl_status st = sl_data_env_set_http(env, &config, err);
    if (st == SL_OK && kind == DISK)
        st = sl_data_env_set_cache(env, path_of(w, "cache"), 0, err);
    if (st == SL_OK)
        sl_data_ctx_share(ctx, env);
    sl_data_env_unref(env);
    return st;
}

static sl_backing *open_backing(world *w, sl_kind kind, sl_data_ctx *ctx,
                                sl_err *err)
{
    if (kind == CALLBACK)
        return sl_backing_callback(ctx, &callback_ops, w, w->size, err);
    if ((kind == URL || kind == DISK) && share_env(w, kind, ctx, err) != SL_OK)
        return NULL;
    sl_source *source = open_source(w, kind, err);
    if (source == NULL)
        return NULL;
    bool external = kind == IDENTITY || kind == ZSTD || kind == DISK;
    sl_backing *b =
        external
            ? sl_backing_external(ctx, source, &w->def[kind != IDENTITY], err)
            : sl_backing_inline(ctx, source, kind == BUFFER ? 0 : HEAD,
                                w->size, err);
    sl_source_unref(source);
    return b;
}

sl_segment *world_bind(world *w, sl_kind kind, sl_loop *loop, sl_data_ctx *ctx,
                       sl_err *err)
{
    w->loop = loop;
    sl_backing *b = open_backing(w, kind, ctx, err);
    return b != NULL ? sl_segment_new(b, "segment 0", err) : NULL;
}

typedef struct whole_read {
    sl_fetch fetch; /* first */
    bool done;
    sl_err err;
} whole_read;

static void on_whole(sl_fetch *fetch, const sl_err *err)
{
    whole_read *r = (whole_read *)fetch;
    r->done = true;
    if (err != NULL)
        r->err = *err;
}

void world_fill_disk(world *w)
{
    sl_err err = {0};
    uint8_t byte;
    whole_read r = {.fetch = {.done = on_whole, .len = 1}};
    sl_loop *loop = sl_loop_new(NULL, &err);
    sl_data_ctx *ctx = sl_data_ctx_new(loop, &err);
    sl_segment *s = world_bind(w, DISK, loop, ctx, &err);
    need(s != NULL, err.msg);
    for (; r.fetch.at < w->size; r.fetch.at += (size_t)1 << w->chunk_log) {
        r.done = false;
        need(sl_segment_fetch(s, &r.fetch, &err) == SL_OK &&
                 sl_loop_run(loop, &r.done) && r.err.code == SL_OK &&
                 sl_segment_try_read(s, r.fetch.at, &byte, 1, &err) == 1,
             r.err.code != SL_OK ? r.err.msg : err.msg);
        sl_segment_release(s, &r.fetch);
    }
    sl_segment_unref(s);
    sl_data_ctx_free(ctx);
    sl_loop_run(loop, &(bool){false}); /* what is written to the disk */
    sl_loop_free(loop);
}

void world_stop_server(world *w)
{
    wast_server_stop(w->server);
    w->server = NULL;
}
