/* What the root's imports are given: names and what they stand for. Names of
 * imported instances ("wasi:cli/stdout@0.3.0") match when they are
 * semver-compatible. Explainer.md "Import and Export Definitions". */
#ifndef SL_LINK_LINKER_H
#define SL_LINK_LINKER_H

#include "link/link.h"

typedef struct sl_linker sl_linker;

/* It must outlive the stores it was used with. */
sl_linker *sl_linker_new(sl_err *err);
void sl_linker_free(sl_linker *linker); /* NULL is fine */

typedef struct sl_host_func {
    /* sl_funcinst.invoke: func->ctx is `ctx`, func->type the import's. */
    sl_status (*invoke)(sl_funcinst *func, sl_call *call, sl_instance *caller);
    void *ctx;
    const char *type; /* the type it must be imported with, as sl_type_text
                         prints it; NULL: whatever the import says. Copied */
    void (*free_ctx)(void *ctx); /* when the linker goes, also on failure; or
                                    NULL */
} sl_host_func;
/* `interface` empty: an import of the component itself. SL_EUSAGE: that name
 * is defined already. */
sl_status sl_linker_func(sl_linker *linker, sl_name interface, sl_name name,
                         const sl_host_func *def, sl_err *err);

/* A `core data` import of the component itself: `open` makes a reference to the
 * segment in a store. */
typedef struct sl_host_segment {
    sl_segment *(*open)(void *ctx, sl_store *store, sl_err *err);
    void *ctx;
    void (*free_ctx)(void *ctx);
} sl_host_segment;
sl_status sl_linker_segment(sl_linker *linker, sl_name name,
                            const sl_host_segment *def, sl_err *err);

/* A resource type of the host's. */
typedef struct sl_host_resource {
    void (*dtor)(void *ctx, uint32_t rep); /* or NULL */
    void *ctx;
    void (*free_ctx)(void *ctx);
} sl_host_resource;
sl_status sl_linker_resource(sl_linker *linker, sl_name interface, sl_name name,
                             const sl_host_resource *def, sl_err *err);

/* A value import: `make` fills in one for each instance, which is taken; false
 * with err, or without when memory is short. */
typedef struct sl_host_value {
    bool (*make)(void *ctx, sl_store *store, sl_val *out, sl_err *err);
    void *ctx;
    void (*free_ctx)(void *ctx);
} sl_host_value;
sl_status sl_linker_value(sl_linker *linker, sl_name interface, sl_name name,
                          const sl_host_value *def, sl_err *err);

/* Instantiates a root; `linker` may be NULL when nothing is imported.
 * SL_EUNLINKABLE names the import and says why. */
sl_status sl_linker_instantiate(sl_linker *linker, sl_store *store,
                                const sl_component *component,
                                sl_instance **out, sl_err *err);

#endif
