#include "bundle/rewrite.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/reader.h"
#include "bundle/bundle.h"

enum { SECTION_CUSTOM = 0, SECTION_COMPONENT = 4, SECTION_IMPORT = 10 };
enum { SEGMENT_INLINE = 0x01 };

static const char pad_name[] = "\3pad";
#define PAD_NAME 4 /* bytes */
#define PAD_HEAD (1 + 5 + PAD_NAME)

/* A section of the input. */
typedef struct section {
    uint8_t id;
    uint64_t at, body, end;
} section;

/* A component being read: where, and its definitions still to come. */
typedef struct reading {
    const sl_component *component;
    uint64_t at, end;
    uint32_t segment; /* the next of component->segments */
    uint32_t def;     /* from where to look for the next nested component */
    bool padded;      /* padding has been left out just now */
} reading;

/* --- Lengths ------------------------------------------------------------ */

static bool too_large(sl_rewriter *rw)
{
    sl_fail(rw->err, SL_ERANGE, SL_ERR_NO_PLACE,
            "a section would have 4 GiB or more: fewer inline segments or "
            "larger chunks are needed");
    return false;
}

bool sl_rewrite_fits(sl_rewriter *rw, uint64_t more)
{
    for (const sl_rewrite_frame *f = rw->frames; f != NULL; f = f->outer)
        if (more > UINT32_MAX || rw->out.at - f->body > UINT32_MAX - more)
            return too_large(rw);
    return true;
}

void sl_rewrite_open(sl_rewriter *rw, sl_rewrite_frame *f, uint8_t id)
{
    sl_output_u8(&rw->out, id);
    sl_output_u32_padded(&rw->out, 0);
    *f = (sl_rewrite_frame){rw->out.at, rw->frames};
    rw->frames = f;
}

void sl_rewrite_close(sl_rewriter *rw)
{
    const sl_rewrite_frame *f = rw->frames;
    if (sl_rewrite_fits(rw, 0) && rw->err->code == SL_OK)
        sl_output_patch_u32(&rw->out, f->body - 5,
                            (uint32_t)(rw->out.at - f->body));
    rw->frames = f->outer;
}

/* --- Padding ------------------------------------------------------------ */

/* A custom section that makes what comes `before` bytes behind it stand at
 * `phase` modulo the alignment. */
static void pad(sl_output *out, uint64_t before, uint64_t phase)
{
    uint64_t start = out->at + PAD_HEAD + before;
    uint64_t zeros = (phase - start) % SL_BUNDLE_ALIGN;
    sl_output_u8(out, SECTION_CUSTOM);
    sl_output_u32_padded(out, PAD_NAME + (uint32_t)zeros);
    sl_output_bytes(out, pad_name, PAD_NAME);
    sl_output_zeros(out, zeros);
}

static bool is_zero(const uint8_t *bytes, size_t len)
{
    while (len != 0 && *bytes == 0) {
        bytes++;
        len--;
    }
    return len == 0;
}

bool sl_rewrite_is_pad(sl_rewriter *rw, uint64_t at, uint64_t len)
{
    if (len < PAD_NAME || len > PAD_NAME + SL_BUNDLE_ALIGN)
        return false;
    uint8_t *body = sl_malloc((size_t)len);
    if (body == NULL) {
        sl_fail(rw->err, SL_ENOMEM, at, "out of memory");
        return false;
    }
    bool pads = rw->source->read_at(rw->source, at, body, (size_t)len,
                                    rw->err) == SL_OK &&
                memcmp(body, pad_name, PAD_NAME) == 0 &&
                is_zero(body + PAD_NAME, (size_t)len - PAD_NAME);
    sl_free(body);
    return pads;
}

static bool is_aligned(const sl_segment_def *s)
{
    return s->form == SL_SEGMENT_INLINE && s->offset % SL_BUNDLE_ALIGN == 0;
}

/* --- Segments ----------------------------------------------------------- */

static uint64_t end_of(const sl_segment_def *s)
{
    return s->offset + (s->form == SL_SEGMENT_INLINE ? s->size : s->table_size);
}

bool sl_rewrite_inline(sl_rewriter *rw, sl_name what, uint64_t size)
{
    const uint32_t head = 1 + 1 + 5; /* count, form, padded length */
    if (size > UINT32_MAX - head) {
        sl_fail(rw->err, SL_ERANGE, SL_ERR_NO_PLACE,
                "%.*s: %" PRIu64
                " bytes are too many for an inline segment (less than 4 GiB)",
                SL_NAME_ARGS(what), size);
        return false;
    }
    if (!sl_rewrite_fits(rw, PAD_HEAD + SL_BUNDLE_ALIGN + 1 + 5 + head + size))
        return false;
    pad(&rw->out, 1 + 5 + head, 0);
    sl_output_u8(&rw->out, SL_SECTION_DATA);
    sl_output_u32_padded(&rw->out, head + (uint32_t)size);
    sl_output_bytes(&rw->out, (uint8_t[]){1, SEGMENT_INLINE}, 2);
    sl_output_u32_padded(&rw->out, (uint32_t)size);
    return rw->err->code == SL_OK;
}

/* Whether it gets a section of its own. */
static bool stands_alone(sl_rewriter *rw, const sl_segment_def *s)
{
    sl_fate fate = rw->ops->fate(rw, s);
    return fate == SL_FATE_FILL || (fate == SL_FATE_KEEP && is_aligned(s));
}

static void write_alone(sl_rewriter *rw, const sl_segment_def *s)
{
    if (!sl_rewrite_inline(rw, s->reference, s->size))
        return;
    if (rw->ops->fate(rw, s) == SL_FATE_FILL)
        rw->ops->write(rw, s);
    else
        sl_output_copy(&rw->out, rw->source, s->offset, s->size);
}

/* The first of `n` segments and those behind it that share its section: how
 * many. `at` is where the first one's definition starts. */
static uint32_t write_run(sl_rewriter *rw, const sl_segment_def *s, uint32_t n,
                          uint64_t at)
{
    uint32_t run = 1;
    while (run < n && !stands_alone(rw, &s[run]))
        run++;
    sl_rewrite_frame f;
    sl_rewrite_open(rw, &f, SL_SECTION_DATA);
    sl_output_u64(&rw->out, run);
    for (uint32_t i = 0; i < run && rw->err->code == SL_OK; i++) {
        if (rw->ops->fate(rw, &s[i]) != SL_FATE_KEEP)
            rw->ops->write(rw, &s[i]);
        else if (sl_rewrite_fits(rw, end_of(&s[i]) - at))
            sl_output_copy(&rw->out, rw->source, at, end_of(&s[i]) - at);
        at = end_of(&s[i]);
    }
    sl_rewrite_close(rw);
    return run;
}

static bool changes(sl_rewriter *rw, const sl_segment_def *s, uint32_t n)
{
    while (n != 0 && rw->ops->fate(rw, s) == SL_FATE_KEEP) {
        s++;
        n--;
    }
    return n != 0;
}

/* As it is, its payloads at the offsets modulo the alignment that they had. */
static void copy_data_section(sl_rewriter *rw, const reading *r,
                              const section *s, const sl_segment_def *segment,
                              uint32_t n)
{
    bool aligned = false;
    for (uint32_t i = 0; i < n; i++)
        aligned |= is_aligned(&segment[i]);
    if (r->padded || (aligned && (rw->out.at - s->at) % SL_BUNDLE_ALIGN != 0))
        pad(&rw->out, 0, s->at);
    if (sl_rewrite_fits(rw, s->end - s->at))
        sl_output_copy(&rw->out, rw->source, s->at, s->end - s->at);
}

/* How many of the component's next segments are in the section. */
static uint32_t count_segments(const reading *r, const section *s)
{
    const sl_component *c = r->component;
    uint32_t n = 0;
    while (r->segment + n < c->n_segments &&
           end_of(&c->segments[r->segment + n]) <= s->end &&
           c->segments[r->segment + n].offset >= s->body)
        n++;
    return n;
}

/* --- Segments in another order -------------------------------------------- */

/* Definitions [i, n) of `list` that share a section: how many. */
static uint32_t write_list_run(sl_rewriter *rw, const sl_order_part *part,
                               const uint32_t *list, uint32_t n)
{
    const sl_segment_def *segments = part->component->segments;
    uint32_t run = 1;
    while (run < n && !is_aligned(&segments[list[run]]))
        run++;
    sl_rewrite_frame f;
    sl_rewrite_open(rw, &f, SL_SECTION_DATA);
    sl_output_u64(&rw->out, run);
    for (uint32_t i = 0; i < run && rw->err->code == SL_OK; i++) {
        uint64_t at = part->starts[list[i]];
        uint64_t len = end_of(&segments[list[i]]) - at;
        if (sl_rewrite_fits(rw, len))
            sl_output_copy(&rw->out, rw->source, at, len);
    }
    sl_rewrite_close(rw);
    return run;
}

static void write_list(sl_rewriter *rw, const sl_order_part *part,
                       const uint32_t *list, uint32_t n)
{
    const sl_segment_def *segments = part->component->segments;
    for (uint32_t i = 0, done; i < n && rw->err->code == SL_OK; i += done) {
        done = 1;
        if (is_aligned(&segments[list[i]]))
            write_alone(rw, &segments[list[i]]);
        else
            done = write_list_run(rw, part, list + i, n - i);
    }
}

/* The segments that move stand where the first one of all stood. */
static void ordered_section(sl_rewriter *rw, const reading *r,
                            const sl_order_part *part, uint32_t n)
{
    uint32_t *stay = sl_calloc((size_t)n + 1, sizeof *stay), n_stay = 0;
    if (stay == NULL) {
        sl_fail(rw->err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
        return;
    }
    for (uint32_t i = r->segment - n; i < r->segment; i++)
        if (!part->moves[i])
            stay[n_stay++] = i;
    if (n != 0 && r->segment == n)
        write_list(rw, part, part->first, part->n_first);
    write_list(rw, part, stay, n_stay);
    sl_free(stay);
}

/* A section with other indices. */
static void patched_section(sl_rewriter *rw, const section *s,
                            const sl_patch *patch, size_t n)
{
    sl_rewrite_frame f;
    uint64_t at = s->body;
    sl_rewrite_open(rw, &f, s->id);
    for (size_t i = 0; i < n && rw->err->code == SL_OK; i++) {
        sl_output_copy(&rw->out, rw->source, at, patch[i].at - at);
        sl_output_u64(&rw->out, patch[i].index);
        at = patch[i].at + patch[i].len;
    }
    if (sl_rewrite_fits(rw, s->end - at))
        sl_output_copy(&rw->out, rw->source, at, s->end - at);
    sl_rewrite_close(rw);
}

static const sl_order_part *part_of(const sl_rewriter *rw,
                                    const sl_component *c)
{
    return rw->order != NULL ? sl_order_of(rw->order, c) : NULL;
}

static bool patch_section(sl_rewriter *rw, const section *s)
{
    size_t n = 0;
    const sl_patch *patch =
        rw->order != NULL ? sl_order_patches(rw->order, s->body, s->end, &n)
                          : NULL;
    if (n != 0)
        patched_section(rw, s, patch, n);
    return n != 0;
}

/* --- Sections of data ---------------------------------------------------- */

static void data_section(sl_rewriter *rw, reading *r, const section *s)
{
    const sl_segment_def *segment = &r->component->segments[r->segment];
    uint32_t n = count_segments(r, s);
    const sl_order_part *part = part_of(rw, r->component);
    r->segment += n;
    if (part != NULL && n != 0) {
        ordered_section(rw, r, part, n);
        return;
    }
    if (!changes(rw, segment, n)) {
        copy_data_section(rw, r, s, segment, n);
        return;
    }
    uint64_t at = s->body; /* of the next definition */
    uint8_t head[5] = {0};
    size_t len =
        s->end - at < sizeof head ? (size_t)(s->end - at) : sizeof head;
    if (rw->source->read_at(rw->source, at, head, len, rw->err) != SL_OK)
        return;
    sl_reader count = sl_reader_over(head, len, at, rw->err);
    sl_read_u32(&count);
    at = sl_reader_at(&count);
    for (uint32_t i = 0, done; i < n && rw->err->code == SL_OK; i += done) {
        done = 1;
        if (stands_alone(rw, &segment[i]))
            write_alone(rw, &segment[i]);
        else
            done = write_run(rw, &segment[i], n - i, at);
        at = end_of(&segment[i + done - 1]);
    }
}

/* --- Components --------------------------------------------------------- */

static void rewrite_component(sl_rewriter *rw, const sl_component *c);

/* Whether something in it, however deep, is not simply copied. */
static bool touches(sl_rewriter *rw, const sl_component *c, bool shifted)
{
    size_t n_patches = 0;
    if (rw->order != NULL)
        sl_order_patches(rw->order, c->at, c->at + c->size, &n_patches);
    if (n_patches != 0 || part_of(rw, c) != NULL)
        return true;
    if (changes(rw, c->segments, c->n_segments))
        return true;
    for (uint32_t i = 0; shifted && i < c->n_segments; i++)
        if (is_aligned(&c->segments[i]))
            return true;
    for (uint32_t i = 0; i < c->n_defs; i++)
        if (c->defs[i].kind == SL_DEF_COMPONENT &&
            touches(rw, c->defs[i].of.component, shifted))
            return true;
    return false;
}

static void nested_component(sl_rewriter *rw, reading *r, const section *s)
{
    const sl_component *c = r->component;
    while (r->def < c->n_defs && c->defs[r->def].kind != SL_DEF_COMPONENT)
        r->def++;
    const sl_component *inner = c->defs[r->def++].of.component;
    if (touches(rw, inner, (rw->out.at - s->at) % SL_BUNDLE_ALIGN != 0)) {
        sl_rewrite_frame f;
        sl_rewrite_open(rw, &f, SECTION_COMPONENT);
        rewrite_component(rw, inner);
        sl_rewrite_close(rw);
    } else if (sl_rewrite_fits(rw, s->end - s->at)) {
        sl_output_copy(&rw->out, rw->source, s->at, s->end - s->at);
    }
}

static bool read_section(sl_rewriter *rw, uint64_t at, uint64_t end, section *s)
{
    uint8_t head[6] = {0};
    size_t n = end - at < sizeof head ? (size_t)(end - at) : sizeof head;
    if (rw->source->read_at(rw->source, at, head, n, rw->err) != SL_OK)
        return false;
    sl_reader r = sl_reader_over(head, n, at, rw->err);
    s->at = at;
    s->id = sl_read_u8(&r);
    uint32_t size = sl_read_u32(&r);
    s->body = sl_reader_at(&r);
    s->end = s->body + size;
    if (sl_reader_ok(&r) && s->end > end)
        sl_reader_fail(&r, SL_EMALFORMED, "unexpected end");
    return sl_reader_ok(&r);
}

/* Padding in front of a payload is made anew with it. */
static bool pads_payload(sl_rewriter *rw, const reading *r, const section *s)
{
    section next;
    const sl_component *c = r->component;
    return s->end < r->end && r->segment < c->n_segments &&
           is_aligned(&c->segments[r->segment]) && s->id == SECTION_CUSTOM &&
           sl_rewrite_is_pad(rw, s->body, s->end - s->body) &&
           read_section(rw, s->end, r->end, &next) &&
           next.id == SL_SECTION_DATA &&
           c->segments[r->segment].offset >= next.body &&
           c->segments[r->segment].offset <= next.end;
}

static bool is_left_out(sl_rewriter *rw, const reading *r, const section *s)
{
    return s->id == SECTION_CUSTOM && r->component->parent == NULL &&
           rw->ops->keep_custom != NULL &&
           !rw->ops->keep_custom(rw, s->body, (uint32_t)(s->end - s->body));
}

/* --- Names of segments ---------------------------------------------------- */

#define NAMES_MAX (16u << 20) /* bytes of a section that is looked into */

typedef struct naming {
    uint32_t index;
    sl_name name;
} naming;

static int by_index(const void *a, const void *b)
{
    uint32_t x = ((const naming *)a)->index, y = ((const naming *)b)->index;
    return x < y ? -1 : x > y;
}

/* namemap: in the order of indices. False: it is none, or memory is short. */
static bool rename_map(sl_reader *r, const sl_order_part *part, sl_buf *out)
{
    uint32_t n = sl_read_count(r, 2), n_data;
    naming *names = sl_calloc((size_t)n + 1, sizeof *names);
    bool good = names != NULL && sl_reader_ok(r);
    out->failed |= names == NULL;
    n_data = part->component->count[SL_SORT_CORE_DATA];
    for (uint32_t i = 0; i < n && good; i++) {
        names[i].index = sl_read_u32(r);
        names[i].name = sl_read_name(r);
        if (sl_reader_ok(r) && names[i].index < n_data)
            names[i].index = part->map[names[i].index];
        good = sl_reader_ok(r);
    }
    if (good)
        qsort(names, n, sizeof *names, by_index);
    sl_buf_u32(out, n);
    for (uint32_t i = 0; i < n && good; i++) {
        sl_buf_u32(out, names[i].index);
        sl_buf_name(out, names[i].name);
    }
    sl_free(names);
    return good && sl_reader_left(r) == 0;
}

/* The subsections behind the section's name. */
static bool rename_subsections(sl_reader *r, const sl_order_part *part,
                               sl_buf *out)
{
    static const uint8_t data_sort[] = {0x00, 0x13};
    while (sl_reader_ok(r) && sl_reader_left(r) != 0) {
        uint8_t id = sl_read_u8(r);
        sl_reader sub = sl_read_sub(r, sl_read_u32(r));
        if (!sl_reader_ok(r))
            return false;
        sl_buf body = {0};
        bool names = id == 0x01 && sl_reader_left(&sub) > 2 &&
                     memcmp(sub.pos, data_sort, sizeof data_sort) == 0;
        if (names) {
            sl_buf_bytes(&body, data_sort, sizeof data_sort);
            sub.pos += sizeof data_sort;
            names = rename_map(&sub, part, &body);
        } else {
            sl_buf_bytes(&body, sub.pos, sl_reader_left(&sub));
            names = true;
        }
        sl_buf_u8(out, id);
        sl_buf_sized(out, &body);
        out->failed |= body.failed;
        sl_buf_deinit(&body);
        if (!names)
            return false;
    }
    return sl_reader_ok(r) && !out->failed;
}

/* component-name names segments by their indices. False: it is not this
 * section, or what is in it nobody can read. */
static bool rename_segments(sl_rewriter *rw, const reading *r, const section *s)
{
    const sl_order_part *part =
        s->id == SECTION_CUSTOM ? part_of(rw, r->component) : NULL;
    uint64_t size = s->end - s->body;
    if (part == NULL || size > NAMES_MAX)
        return false;
    sl_err ignored = {0};
    sl_buf out = {0};
    bool written = false;
    uint8_t *bytes = sl_malloc((size_t)size + 1);
    out.failed = bytes == NULL;
    if (bytes != NULL &&
        rw->source->read_at(rw->source, s->body, bytes, (size_t)size,
                            rw->err) == SL_OK) {
        sl_reader in = sl_reader_over(bytes, (size_t)size, s->body, &ignored);
        sl_name name = sl_read_name(&in);
        sl_buf_name(&out, name);
        written = sl_reader_ok(&in) && sl_name_is(name, "component-name") &&
                  rename_subsections(&in, part, &out) &&
                  sl_rewrite_fits(rw, out.len + 6);
    }
    if (out.failed) {
        sl_fail(rw->err, SL_ENOMEM, s->at, "out of memory");
    } else if (written) {
        sl_output_u8(&rw->out, SECTION_CUSTOM);
        sl_output_u64(&rw->out, out.len);
        sl_output_bytes(&rw->out, out.data, out.len);
    }
    sl_buf_deinit(&out);
    sl_free(bytes);
    return written || rw->err->code != SL_OK;
}

static void write_section(sl_rewriter *rw, reading *r, const section *s)
{
    bool pads = pads_payload(rw, r, s);
    if (pads || is_left_out(rw, r, s) || rename_segments(rw, r, s))
        ; /* left out, or written */
    else if (s->id == SL_SECTION_DATA)
        data_section(rw, r, s);
    else if (s->id == SECTION_COMPONENT)
        nested_component(rw, r, s);
    else if (s->id == SECTION_IMPORT && rw->ops->imports != NULL &&
             r->component->parent == NULL)
        rw->ops->imports(rw, s->body, (uint32_t)(s->end - s->body));
    else if (!patch_section(rw, s) && sl_rewrite_fits(rw, s->end - s->at))
        sl_output_copy(&rw->out, rw->source, s->at, s->end - s->at);
    r->padded = pads;
}

static void rewrite_component(sl_rewriter *rw, const sl_component *c)
{
    reading r = {.component = c, .at = c->at + 8, .end = c->at + c->size};
    section s;
    sl_output_copy(&rw->out, rw->source, c->at, 8);
    if (c->parent == NULL && rw->ops->begin != NULL)
        rw->ops->begin(rw);
    while (r.at < r.end && rw->err->code == SL_OK &&
           read_section(rw, r.at, r.end, &s)) {
        write_section(rw, &r, &s);
        r.at = s.end;
    }
}

sl_status sl_rewrite(sl_rewriter *rw)
{
    rewrite_component(rw, rw->component);
    return sl_output_flush(&rw->out);
}
