/* A component written again with other data segments: sections are copied,
 * those of core:data are cut, the lengths of what encloses them follow.
 * Binary.md "Component Definitions". */
#ifndef SL_BUNDLE_REWRITE_H
#define SL_BUNDLE_REWRITE_H

#include "bundle/order.h"
#include "bundle/output.h"
#include "component/component.h"

enum { SL_SECTION_DATA = 13 };

typedef struct sl_rewriter sl_rewriter;

typedef enum sl_fate {
    SL_FATE_KEEP,
    SL_FATE_REPLACE, /* write() gives another definition */
    SL_FATE_FILL,    /* write() gives the payload: inline, on its own */
} sl_fate;

typedef struct sl_rewrite_ops {
    sl_fate (*fate)(sl_rewriter *rw, const sl_segment_def *segment);
    bool (*write)(sl_rewriter *rw, const sl_segment_def *segment);
    /* The outermost component's import section, body [at, at + size), instead
     * of copying it. Or NULL. */
    void (*imports)(sl_rewriter *rw, uint64_t at, uint32_t size);
    /* Sections in front of all others of the outermost component. Or NULL. */
    void (*begin)(sl_rewriter *rw);
    /* Whether a custom section of the outermost component stays: its body
     * [at, at + size), which begins with its name. NULL: all do. */
    bool (*keep_custom)(sl_rewriter *rw, uint64_t at, uint32_t size);
} sl_rewrite_ops;

/* A section whose length is known when it ends. */
typedef struct sl_rewrite_frame {
    uint64_t body; /* where it starts in the output */
    struct sl_rewrite_frame *outer;
} sl_rewrite_frame;

struct sl_rewriter {
    const sl_rewrite_ops *ops;
    sl_source *source;
    const sl_component *component; /* decoded from it */
    const sl_order *order; /* of segments; their fate is to be kept. Or NULL */
    sl_output out;
    sl_err *err;
    sl_rewrite_frame *frames; /* open sections, innermost first */
};

/* All of the component to `out`, which is at its start. */
sl_status sl_rewrite(sl_rewriter *rw);
/* A section of one inline segment of `size` bytes, aligned; the payload is
 * what the caller writes next. False: it is too large; `what` is. */
bool sl_rewrite_inline(sl_rewriter *rw, sl_name what, uint64_t size);
/* Whether the body of a custom section is padding, as is written in front of
 * payloads. */
bool sl_rewrite_is_pad(sl_rewriter *rw, uint64_t at, uint64_t len);
void sl_rewrite_open(sl_rewriter *rw, sl_rewrite_frame *frame, uint8_t id);
void sl_rewrite_close(sl_rewriter *rw); /* the one opened last */
/* Whether the sections that are open have room for so much more; an error
 * otherwise. */
bool sl_rewrite_fits(sl_rewriter *rw, uint64_t more);

#endif
