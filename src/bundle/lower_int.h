/* What lowering is made of: the component written again with other indices,
 * and the parts that are put into it. docs/cli.md, "lower". */
#ifndef SL_BUNDLE_LOWER_INT_H
#define SL_BUNDLE_LOWER_INT_H

#include "base/buf.h"
#include "base/reader.h"
#include "base/vec.h"
#include "bundle/job.h"

/* What imports of segments are called, with a number behind. */
#define SL_LOWER_SEGMENT "core-data-segment-"

typedef struct lw_scope lw_scope;

/* An item of an index space of core:data, which has become an instance. */
typedef struct lw_data {
    uint32_t instance;
    uint32_t adapter;   /* core instance of the functions; SL_NO_INDEX: none */
    uint32_t component; /* whose instances are the segment, if it is known */
    lw_scope *home;     /* where that component is defined */
} lw_data;

/* A component, component type or instance type being written. */
struct lw_scope {
    lw_scope *outer;
    const sl_component *component; /* NULL: a type */
    bool wraps;                    /* only what the imports need is written */
    bool hidden;            /* the input's outer aliases do not count it */
    lw_scope *wrap;         /* around this one, or NULL */
    uint32_t inner;         /* of a wrapping scope: the instance inside */
    uint32_t n[SL_N_SORTS]; /* indices of the output given away so far */
    SL_VEC(uint32_t) map[SL_N_SORTS]; /* from the input's indices */
    SL_VEC(lw_data) data;
    uint32_t data_type; /* the instance type that stands for (core data) */
    uint32_t memory, adapter; /* for adapters: core memory, core module */
    uint32_t decls;           /* of a type: declarators written */
};

typedef struct lowering {
    sl_rewriter rw; /* its output and its open sections */
    sl_bundle_job *ask;
    lw_scope *scope;
    uint8_t section; /* of the definitions in `body`; 0: none */
    uint32_t count;
    sl_buf body;
    sl_buf memory_module, adapter_module;
    bool missing; /* an index has been met that a wrapping scope lacks */
} lowering;

static inline bool lw_ok(const lowering *lw)
{
    return lw->rw.err->code == SL_OK;
}

void lw_refuse(lowering *lw, uint64_t at, const char *fmt, ...) SL_PRINTF(3, 4);
bool lw_nomem(lowering *lw);

/* --- Numbers that stay as they are ------------------------------------------
 */

static inline void lw_copy_u32(sl_reader *r, sl_buf *out)
{
    sl_buf_u32(out, sl_read_u32(r));
}

static inline uint32_t lw_copy_count(sl_reader *r, sl_buf *out)
{
    uint32_t n = sl_read_count(r, 1);
    sl_buf_u32(out, n);
    return n;
}

/* --- lower.c: where definitions go -----------------------------------------
 */

/* Room for one more definition in a section. */
sl_buf *lw_define(lowering *lw, uint8_t section);
void lw_flush(lowering *lw);
/* The index of a new item, which the input knows nothing of. */
uint32_t lw_fresh(lowering *lw, sl_sort sort);
/* The index of the input's next item. */
void lw_add(lowering *lw, sl_sort sort);
void lw_map(lowering *lw, sl_sort sort, uint32_t index);
void lw_add_data(lowering *lw, lw_data data);
uint32_t lw_mapped(lowering *lw, lw_scope *scope, sl_sort sort, uint32_t index);
/* An item of the current scope; core data is an instance. */
uint32_t lw_item(lowering *lw, sl_sort *sort, uint32_t index);
lw_data *lw_data_at(lowering *lw, lw_scope *scope, uint32_t index);
/* How many scopes of the output an outer alias's count is. */
uint32_t lw_outward(lw_scope *from, uint32_t count, lw_scope **target);

/* --- lower_type.c: types ----------------------------------------------------
 */

void lw_deftype(lowering *lw, sl_reader *r, sl_buf *out);
void lw_core_type(lowering *lw, sl_reader *r, sl_buf *out);
void lw_valtype(lowering *lw, sl_reader *r, sl_buf *out);
void lw_result(lowering *lw, sl_reader *r, sl_buf *out);
void lw_externtype(lowering *lw, sl_reader *r, sl_buf *out, sl_sort *sort);
/* Makes the type that an externtype of core data needs in front of it. */
void lw_prepare_externtype(lowering *lw, const sl_reader *r, sl_buf *decls);
uint32_t lw_data_type(lowering *lw, sl_buf *decls);
sl_sort lw_read_sort(lowering *lw, sl_reader *r);
void lw_sort(sl_buf *out, sl_sort sort);
/* nameattributes: copied, unless `out` is NULL. */
sl_name lw_extern_name(sl_reader *r, sl_buf *out);

/* --- lower_def.c: definitions -----------------------------------------------
 */

/* One definition of a section, in the current component. */
void lw_definition(lowering *lw, uint8_t section, sl_reader *r);
void lw_segment(lowering *lw, const sl_segment_def *segment);

/* --- lower_export.c: what a wrapping component exports -----------------------
 */

/* The export that the instance inside has by a definition. */
void lw_export_inner(lowering *lw, sl_reader *r, const sl_def *def);

/* --- lower_part.c: what is put in --------------------------------------------
 */

/* The component whose instances are the segment: its index. */
uint32_t lw_segment_component(lowering *lw, const sl_segment_def *segment);
uint32_t lw_instantiate(lowering *lw, uint32_t component);
/* The core instance with read32, read64, size32, ... of a segment. */
uint32_t lw_adapter(lowering *lw, uint32_t data);

#endif
