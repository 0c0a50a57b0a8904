/* A folder of its own, components built byte by byte, and what is in them. */
#ifndef SL_TESTS_BUNDLE_FIXTURE_H
#define SL_TESTS_BUNDLE_FIXTURE_H

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bytes.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "bundle/bundle.h"
#include "component/component.h"
#include "text/text.h"

typedef struct fixture {
    char folder[64];
    char outside[160];  /* where segments go */
    char path[64][160]; /* what at() gave last */
    unsigned n_paths;
} fixture;

static inline void make_folder(fixture *f)
{
    memset(f, 0, sizeof *f);
    strcpy(f->folder, "/tmp/sluice-bundle-XXXXXX");
    assert_non_null(mkdtemp(f->folder));
}

/* A path in the folder; good for 63 calls more. */
static inline const char *at(fixture *f, const char *name)
{
    char *path = f->path[f->n_paths++ % 64];
    size_t len = strlen(f->folder);
    assert_true(len + strlen(name) + 2 <= sizeof *f->path);
    memcpy(path, f->folder, len);
    path[len] = '/';
    strcpy(path + len + 1, name);
    return path;
}

static inline void remove_folder(fixture *f)
{
    char command[128];
    snprintf(command, sizeof command, "rm -rf '%s'", f->folder);
    assert_int_equal(system(command), 0);
}

/* Files and folders in a folder. */
static inline int count_files(const char *path)
{
    int n = 0;
    DIR *dir = opendir(path);
    if (dir == NULL)
        return 0;
    for (struct dirent *e; (e = readdir(dir)) != NULL;)
        n += e->d_name[0] != '.';
    closedir(dir);
    return n;
}

static inline void write_file(const char *path, const void *bytes, size_t len)
{
    FILE *file = fopen(path, "wb");
    assert_non_null(file);
    assert_int_equal(fwrite(bytes, 1, len, file), len);
    assert_int_equal(fclose(file), 0);
}

static inline sl_buf read_file(const char *path)
{
    sl_buf buf;
    sl_buf_init(&buf);
    char piece[4096];
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    for (size_t n; (n = fread(piece, 1, sizeof piece, file)) != 0;)
        sl_buf_bytes(&buf, piece, n);
    fclose(file);
    return buf;
}

/* --- Components --------------------------------------------------------- */

static inline void put_preamble(sl_buf *out)
{
    sl_buf_bytes(out, "\0asm\x0d\0\1\0", 8);
}

static inline void put_section(sl_buf *out, uint8_t id, sl_buf *body)
{
    sl_buf_u8(out, id);
    sl_buf_sized(out, body);
    sl_buf_deinit(body);
}

/* A custom section that nothing may change. */
static inline void put_note(sl_buf *out, const char *text)
{
    sl_buf body = {0};
    sl_buf_name(&body, SL_NAME("note"));
    sl_buf_bytes(&body, text, strlen(text));
    put_section(out, 0, &body);
}

/* Inline segments in one section; byte k of segment i is byte_at(i * 7 + k). */
static inline void put_segments(sl_buf *out, const uint64_t *sizes, uint32_t n,
                                unsigned *number)
{
    sl_buf body = {0};
    sl_buf_u32(&body, n);
    for (uint32_t i = 0; i < n; i++, ++*number) {
        sl_buf_u8(&body, 1);
        sl_buf_u32(&body, (uint32_t)sizes[i]);
        for (uint64_t k = 0; k < sizes[i]; k++)
            sl_buf_u8(&body, byte_at(*number * 7 + k));
    }
    put_section(out, 13, &body);
}

/* Three segments, a component with two of which one is in a component of its
 * own, and another segment: sizes in this order. */
static inline sl_buf nested(const uint64_t sizes[6])
{
    unsigned number = 0;
    sl_buf out = {0}, middle = {0}, inner = {0};
    put_preamble(&out);
    put_note(&out, "first");
    put_segments(&out, sizes, 3, &number);
    put_preamble(&middle);
    put_segments(&middle, sizes + 3, 1, &number);
    put_preamble(&inner);
    put_note(&inner, "innermost");
    put_segments(&inner, sizes + 4, 1, &number);
    put_note(&inner, "");
    put_section(&middle, 4, &inner);
    put_note(&middle, "after");
    put_section(&out, 4, &middle);
    put_segments(&out, sizes + 5, 1, &number);
    put_note(&out, "last");
    return out;
}

/* One from text. */
static inline void write_text(const char *path, const char *text)
{
    sl_err err = {0};
    sl_buf out;
    sl_buf_init(&out);
    if (sl_text_parse(sl_name_of(text), &out, &err), err.code != SL_OK)
        fail_msg("%s", err.msg);
    write_file(path, out.data, out.len);
    sl_buf_deinit(&out);
}

/* --- What is in one ----------------------------------------------------- */

typedef struct opened {
    sl_source *source;
    sl_component *component;
    sl_segment_def all[16]; /* nested ones in place */
    uint32_t n;
} opened;

static inline void collect(opened *o, const sl_component *c)
{
    uint32_t segment = 0;
    for (uint32_t i = 0; i < c->n_defs; i++) {
        if (c->defs[i].kind == SL_DEF_DATA)
            o->all[o->n++] = c->segments[segment++];
        if (c->defs[i].kind == SL_DEF_COMPONENT)
            collect(o, c->defs[i].of.component);
    }
}

static inline void open_component(opened *o, const char *path)
{
    sl_err err = {0};
    memset(o, 0, sizeof *o);
    o->source = sl_source_file(path, &err);
    o->component =
        o->source != NULL ? sl_component_decode(o->source, NULL, &err) : NULL;
    if (o->component == NULL)
        fail_msg("%s: %s", path, err.msg);
    collect(o, o->component);
}

static inline void close_component(opened *o)
{
    sl_component_free(o->component);
    sl_source_unref(o->source);
}

/* Inline segments with the bytes that put_segments() gave them. */
static inline void assert_payloads(const opened *o)
{
    for (uint32_t i = 0; i < o->n; i++) {
        const sl_segment_def *s = &o->all[i];
        if (s->form != SL_SEGMENT_INLINE)
            continue;
        uint8_t *bytes = malloc((size_t)s->size + 1);
        assert_int_equal(o->source->read_at(o->source, s->offset, bytes,
                                            (size_t)s->size, NULL),
                         SL_OK);
        assert_bytes(bytes, i * 7, (size_t)s->size);
        free(bytes);
    }
}

/* --- Running ------------------------------------------------------------ */

typedef sl_status act(sl_bundle_job *job, const sl_outside *outside,
                      sl_err *err);

static inline sl_status inward(sl_bundle_job *job, const sl_outside *outside,
                               sl_err *err)
{
    (void)outside;
    return sl_internalize(job, err);
}

static inline sl_status run_job(act *what, const char *input,
                                const char *output, const sl_outside *outside,
                                sl_err *err)
{
    *err = (sl_err){0};
    sl_bundle_job job = {.input = input, .output = output};
    job.source = sl_source_file(input, err);
    if (job.source != NULL)
        what(&job, outside, err);
    sl_source_unref(job.source);
    return err->code;
}

#define assert_job(...)                                                        \
    do {                                                                       \
        sl_err job_err;                                                        \
        if (run_job(__VA_ARGS__, &job_err) != SL_OK)                           \
            fail_msg("line %d: %s", __LINE__, job_err.msg);                    \
    } while (0)

#endif
