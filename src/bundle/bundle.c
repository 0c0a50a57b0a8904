/* Binary.md "Import and Export Definitions": cuts the import section where an
 * import of core data is replaced. */
#include "bundle/bundle.h"

#include <sys/stat.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "bundle/job.h"

enum { SECTION_IMPORT = 10, CORE_SORT_DATA = 0x13 };
#define IMPORTS_MAX (64u << 20) /* bytes of an import section */

/* --- Writing a segment -------------------------------------------------- */

static void write_outside(sl_job *job, const sl_bundle_data *data,
                          sl_source *file)
{
    sl_rewrite_frame section;
    sl_rewrite_open(&job->rw, &section, SL_SECTION_DATA);
    sl_output_u8(&job->rw.out, 1);
    sl_outside_write(job, file, 0, file->size, data->name);
    sl_rewrite_close(&job->rw);
}

static void write_segment(sl_job *job, const sl_bundle_data *data)
{
    sl_source *file = sl_source_file(data->path, job->rw.err);
    if (file == NULL)
        return;
    if (job->outside != NULL)
        write_outside(job, data, file);
    else if (sl_rewrite_inline(&job->rw, sl_name_of(data->path), file->size))
        sl_output_copy(&job->rw.out, file, 0, file->size);
    sl_source_unref(file);
}

/* --- Imports ------------------------------------------------------------ */

/* Skips nameattributes (Binary.md "Import and Export Definitions"). */
static sl_name read_import_name(sl_reader *r)
{
    uint8_t form = sl_read_u8(r);
    sl_name name = sl_read_name(r);
    for (uint32_t n = form == 2 ? sl_read_count(r, 2) : 0; n != 0; n--) {
        sl_read_u8(r);
        sl_read_name(r);
    }
    return name;
}

/* Skips an externtype; says whether it is (core data). */
static bool read_is_data(sl_reader *r)
{
    uint8_t sort = sl_read_u8(r);
    switch (sort) {
    case 0x00:
        if (sl_read_u8(r) == CORE_SORT_DATA)
            return true;
        sl_read_u32(r);
        break;
    case 0x02: /* value: a bound and an index or a type */
        if (sl_read_u8(r) == 0)
            sl_read_u32(r);
        else
            sl_read_s33(r);
        break;
    case 0x03: /* type: (eq i) or (sub resource) */
        if (sl_read_u8(r) == 0)
            sl_read_u32(r);
        break;
    case 0x01:
    case 0x04:
    case 0x05:
        sl_read_u32(r);
        break;
    default:
        sl_reader_fail(r, SL_EMALFORMED, "malformed import kind");
    }
    return false;
}

/* Imports [from, r->pos) as a section of their own. */
static void write_imports(sl_output *out, const uint8_t *from,
                          const uint8_t *to, uint32_t count)
{
    if (count == 0)
        return;
    sl_output_u8(out, SECTION_IMPORT);
    sl_output_u32_padded(out, 5 + (uint32_t)(to - from));
    sl_output_u32_padded(out, count);
    sl_output_bytes(out, from, (size_t)(to - from));
}

static const sl_bundle_data *replacement(sl_job *job, sl_name name)
{
    for (size_t i = 0; i < job->n_data; i++)
        if (sl_name_eq(job->data[i].name, name))
            return &job->data[i];
    return NULL;
}

static void copy_imports(sl_job *job, sl_reader *r)
{
    uint32_t n = sl_read_count(r, 2), kept = 0;
    const uint8_t *from = r->pos;
    for (uint32_t i = 0; i < n && sl_reader_ok(r); i++) {
        const uint8_t *start = r->pos;
        sl_name name = read_import_name(r);
        const sl_bundle_data *data =
            read_is_data(r) && sl_reader_ok(r) ? replacement(job, name) : NULL;
        if (data == NULL) {
            kept++;
            continue;
        }
        write_imports(&job->rw.out, from, start, kept);
        write_segment(job, data);
        from = r->pos;
        kept = 0;
    }
    if (sl_reader_ok(r) && sl_reader_left(r) != 0)
        sl_reader_fail(r, SL_EMALFORMED, "section size mismatch");
    if (sl_reader_ok(r))
        write_imports(&job->rw.out, from, r->pos, kept);
}

static void import_section(sl_rewriter *rw, uint64_t at, uint32_t size)
{
    uint8_t *body = size <= IMPORTS_MAX ? sl_malloc(size) : NULL;
    if (body == NULL) {
        sl_fail(rw->err, SL_ENOMEM, at, "out of memory");
    } else if (rw->source->read_at(rw->source, at, body, size, rw->err) ==
               SL_OK) {
        sl_reader r = sl_reader_over(body, size, at, rw->err);
        copy_imports((sl_job *)rw, &r);
    }
    sl_free(body);
}

/* --- The load plan ------------------------------------------------------- */

/* The imports that become definitions, in order: how many definitions were in
 * front of each. */
typedef struct replacing {
    sl_job *job;
    uint32_t defined;
    uint32_t n;
    sl_name *names;
    uint32_t *at;
} replacing;

static void count_definitions(replacing *r, const sl_component *c)
{
    for (uint32_t i = 0; i < c->n_defs; i++) {
        const sl_def *def = &c->defs[i];
        if (def->kind == SL_DEF_DATA)
            r->defined++;
        else if (def->kind == SL_DEF_COMPONENT)
            count_definitions(r, def->of.component);
        if (def->kind != SL_DEF_IMPORT || c->parent != NULL)
            continue;
        const sl_extern *import = &c->imports[def->of.import.import];
        if (import->type.sort != SL_SORT_CORE_DATA ||
            replacement(r->job, import->name) == NULL)
            continue;
        r->names[r->n] = import->name;
        r->at[r->n++] = r->defined;
    }
}

/* What a step's segment is now: a name of the new plan, of which there are
 * `n_names`, or an ordinal behind these. */
static uint32_t segment_now(const replacing *r, const sl_load_plan *was,
                            const uint32_t *kept, uint32_t n_names,
                            uint32_t segment)
{
    uint32_t now = segment - was->n_names;
    if (segment >= was->n_names) {
        for (uint32_t i = 0; i < r->n; i++)
            now += segment - was->n_names >= r->at[i];
        return now > UINT32_MAX - n_names ? UINT32_MAX : n_names + now;
    }
    for (uint32_t i = 0; i < r->n; i++)
        if (sl_name_eq(r->names[i], was->names[segment]))
            return n_names + r->at[i] + i;
    return kept[segment];
}

static void translate(replacing *r, const sl_load_plan *was, uint32_t *kept,
                      sl_name *names, sl_plan_step *steps)
{
    sl_load_plan now = {.names = names, .n = was->n, .steps = steps};
    for (uint32_t i = 0; i < was->n_names; i++) {
        kept[i] = now.n_names;
        if (replacement(r->job, was->names[i]) == NULL)
            names[now.n_names++] = was->names[i];
    }
    for (uint32_t i = 0; i < was->n; i++) {
        steps[i] = was->steps[i];
        steps[i].segment =
            segment_now(r, was, kept, now.n_names, was->steps[i].segment);
    }
    sl_plan_write(&r->job->rw, &now);
}

/* The plan that there is, its names and numbers those of the output. */
static void write_plan(sl_rewriter *rw)
{
    sl_job *job = (sl_job *)rw;
    const sl_load_plan *was = &job->component->plan;
    if (was->n == 0)
        return;
    replacing r = {.job = job};
    r.names = sl_calloc(job->n_data + 1, sizeof *r.names);
    r.at = sl_calloc(job->n_data + 1, sizeof *r.at);
    uint32_t *kept = sl_calloc(was->n_names + 1, sizeof *kept);
    sl_name *names = sl_calloc(was->n_names + 1, sizeof *names);
    sl_plan_step *steps = sl_calloc(was->n, sizeof *steps);
    if (r.names == NULL || r.at == NULL || kept == NULL || names == NULL ||
        steps == NULL) {
        sl_fail(rw->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    } else {
        count_definitions(&r, job->component);
        translate(&r, was, kept, names, steps);
    }
    sl_free(steps);
    sl_free(names);
    sl_free(kept);
    sl_free(r.at);
    sl_free(r.names);
}

/* A plan that cannot be read stays as it is. */
static bool keep_custom(sl_rewriter *rw, uint64_t at, uint32_t size)
{
    return rw->component->plan.n == 0 || sl_plan_is_none(rw, at, size);
}

/* --- All of it ---------------------------------------------------------- */

static bool check_names(const sl_bundle_data *data, size_t n, sl_err *err)
{
    for (size_t i = 0; i < n; i++)
        for (size_t k = 0; k < i; k++)
            if (sl_name_eq(data[i].name, data[k].name))
                sl_fail(err, SL_EINVALID, SL_ERR_NO_PLACE,
                        "`%.*s` is given twice", SL_NAME_ARGS(data[i].name));
    return err->code == SL_OK;
}

static bool is_imported(const sl_component *c, sl_name name)
{
    for (uint32_t i = 0; i < c->n_imports; i++)
        if (c->imports[i].type.sort == SL_SORT_CORE_DATA &&
            sl_name_eq(c->imports[i].name, name))
            return true;
    return false;
}

static bool check_imports(sl_job *job)
{
    for (size_t i = 0; i < job->n_data; i++)
        if (!is_imported(job->component, job->data[i].name))
            sl_fail(job->rw.err, SL_EINVALID, SL_ERR_NO_PLACE,
                    "the component has no `core data` import named `%.*s`",
                    SL_NAME_ARGS(job->data[i].name));
    return job->rw.err->code == SL_OK;
}

static bool same_file(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev &&
           x.st_ino == y.st_ino;
}

/* The source of a component is not replaced by what is made of it, unless
 * somebody wants that. */
static bool check_output(const sl_bundle_job *ask, const sl_bundle_data *data,
                         size_t n, sl_err *err)
{
    bool input = same_file(ask->input, ask->output);
    for (size_t i = 0; i < n; i++)
        input |= same_file(data[i].path, ask->output);
    if (input && !ask->replace_files)
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE,
                "%s: it is an input of this command (--force replaces it)",
                ask->output);
    return err->code == SL_OK;
}

static uint64_t file_bytes(const sl_bundle_data *data, size_t n)
{
    uint64_t bytes = 0;
    struct stat st;
    for (size_t i = 0; i < n; i++)
        if (stat(data[i].path, &st) == 0)
            bytes += (uint64_t)st.st_size;
    return bytes;
}

static sl_fate fate(sl_rewriter *rw, const sl_segment_def *segment)
{
    (void)rw;
    (void)segment;
    return SL_FATE_KEEP;
}

sl_status sl_bundle(sl_bundle_job *ask, const sl_bundle_data *data, size_t n,
                    const sl_outside *outside, sl_err *err)
{
    static const sl_rewrite_ops ops = {.fate = fate,
                                       .imports = import_section,
                                       .begin = write_plan,
                                       .keep_custom = keep_custom};
    sl_job job;
    if (!check_names(data, n, err) || !check_output(ask, data, n, err))
        return err->code;
    if (sl_job_begin(&job, ask, &ops, outside, err)) {
        job.data = data;
        job.n_data = n;
        ask->watch.total += file_bytes(data, n);
        if (check_imports(&job))
            sl_job_run(&job);
    }
    return sl_job_end(&job);
}
