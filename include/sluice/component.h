/** @file component.h
 * Engines and components: what is made once and then only read. Both may be
 * shared between threads and stores.
 */
#ifndef SLUICE_COMPONENT_H
#define SLUICE_COMPONENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sluice/error.h"
#include "sluice/export.h"
#include "sluice/type.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Bounds on what a guest may use. Start from a preset and change fields. */
typedef struct sluice_limits {
    uint64_t memory_bytes;       /**< one linear memory */
    uint64_t store_memory_bytes; /**< all linear memory of a store */
    uint64_t table_elements;     /**< one table */
    uint32_t handles;            /**< per component instance */
    uint32_t tasks;              /**< live in a store */
    uint64_t call_bytes;         /**< lifted from guest to host in one call */
    size_t wasm_stack_bytes;     /**< per thread of execution */
    uint32_t component_depth;    /**< nesting of components and types */
} sluice_limits;

/** Limits for untrusted guests, many in one process. @return by value; any
 * thread */
SLUICE_API sluice_limits sluice_limits_strict(void);
/** Limits for a program somebody chose to run: the default. @return by value;
 * any thread */
SLUICE_API sluice_limits sluice_limits_default(void);
/** The specification's own limits only. @return by value; any thread */
SLUICE_API sluice_limits sluice_limits_none(void);

/** What stores share: configuration and, later, compiled code and caches. */
typedef struct sluice_engine sluice_engine;

/**
 * Make an engine.
 * @param limits  copied; NULL: sluice_limits_default()
 * @return NULL on SLUICE_ENOMEM. Yours: sluice_engine_free(), after every
 *         component and store made from it. Any thread.
 */
SLUICE_API sluice_engine *sluice_engine_new(const sluice_limits *limits,
                                            sluice_error *error);
/** Frees an engine, after everything that was made from it. NULL is fine. Any
 * thread that no other uses it in. */
SLUICE_API void sluice_engine_free(sluice_engine *engine);
/** Switch a gated feature of the Component Model on or off, by the name that
 * messages use ("resources", "threads", "error-context", ...; "all"). For
 * components made afterwards. What is on but not built yet validates, and is
 * refused at instantiation.
 * @return false: no such feature. Before other threads use the engine. */
SLUICE_API bool sluice_engine_set_feature(sluice_engine *engine,
                                          const char *name, bool on);

/** A decoded and validated component. */
typedef struct sluice_component sluice_component;

/**
 * Decode and validate a component from a file. The payloads of its `core:data`
 * sections are not read, now or at instantiation; the file stays open, and
 * must not change, for as long as the component lives.
 * @return NULL on failure: SLUICE_EIO, SLUICE_EMALFORMED, SLUICE_EINVALID,
 *         SLUICE_EUNSUPPORTED (also for a core module), SLUICE_ENOMEM; `offset`
 *         is the place in the file. Yours: sluice_component_free(). Any thread.
 */
SLUICE_API sluice_component *sluice_component_open(sluice_engine *engine,
                                                   const char *path,
                                                   sluice_error *error);

/** The same from bytes in memory, which must outlive the component unchanged
 * (`copy` false) or are copied.
 * @return NULL as for sluice_component_open(), but for SLUICE_EIO. Yours:
 *         sluice_component_free(). Any thread. */
SLUICE_API sluice_component *sluice_component_from_buffer(sluice_engine *engine,
                                                          const void *bytes,
                                                          size_t len, bool copy,
                                                          sluice_error *error);

/** A place to read a component from. `read_at` fills exactly `len` bytes from
 * offset `at` and may block; it returns false when it cannot. `close` (may be
 * NULL) is called when the component and its last segment are gone. Both may
 * be called on any thread that uses the component. */
typedef struct sluice_source {
    uint64_t size; /**< bytes */
    bool (*read_at)(void *arg, uint64_t at, void *to, size_t len);
    void (*close)(void *arg);
    void *arg;
} sluice_source;

/** The same from an embedder's source, of which a copy is kept; `close` is
 * called also on failure.
 * @return NULL as for sluice_component_open(); SLUICE_EIO when `read_at` says
 *         false. Yours: sluice_component_free(). Any thread. */
SLUICE_API sluice_component *
sluice_component_from_source(sluice_engine *engine, const sluice_source *source,
                             sluice_error *error);

/** Say where a component's external segments are: a directory (absolute, or
 * relative to the working directory when bytes are first read), or the
 * `http(s)://` URL of one. sluice_component_open() has taken the directory of
 * the file; a component from a buffer or a source has none, and reading its
 * external segments is a data fault until it is given one. Before the first
 * instantiation; `base` is copied.
 * @return SLUICE_OK, SLUICE_EUSAGE (empty), SLUICE_ENOMEM */
SLUICE_API sluice_status sluice_component_set_base(sluice_component *component,
                                                   const char *base,
                                                   sluice_error *error);

/** Frees the component; stores that instantiated it must be gone. NULL is
 * fine. Any thread. */
SLUICE_API void sluice_component_free(sluice_component *component);

/** What an import or export is. */
typedef enum sluice_extern_kind {
    SLUICE_EXTERN_FUNC,
    SLUICE_EXTERN_INSTANCE,
    SLUICE_EXTERN_COMPONENT,
    SLUICE_EXTERN_MODULE, /**< core module */
    SLUICE_EXTERN_DATA,   /**< core data: a segment */
    SLUICE_EXTERN_TYPE,
    SLUICE_EXTERN_VALUE,
} sluice_extern_kind;

typedef struct sluice_extern {
    sluice_name name;
    sluice_extern_kind kind;
    const sluice_type *type; /**< of a function, type or value; else NULL */
    const void *instance; /**< of an instance: for sluice_extern_member() */
    /* Attributes of the name, which no type depends on; .data is NULL where
     * there is none. Borrowed from the component, as is the name. */
    sluice_name implements; /**< the interface that the instance implements
                                 under a name of its own */
    sluice_name version_suffix; /**< what the version in the name leaves out:
                                     "a:b/c@0.2" and ".6" are 0.2.6 */
    sluice_name external_id; /**< what it is called elsewhere */
} sluice_extern;

/** How many imports the component has. Any thread. */
SLUICE_API size_t sluice_component_n_imports(const sluice_component *c);
/** How many exports the component has. Any thread. */
SLUICE_API size_t sluice_component_n_exports(const sluice_component *c);
/** One import; what *out points to belongs to the component. Any thread.
 * @return false when `index` is out of range */
SLUICE_API bool sluice_component_import(const sluice_component *c, size_t index,
                                        sluice_extern *out);
/** One export, in the same way. Any thread.
 * @return false when `index` is out of range */
SLUICE_API bool sluice_component_export(const sluice_component *c, size_t index,
                                        sluice_extern *out);
/** The members of an imported or exported instance. Any thread.
 * @return false when `index` is out of range or `of` is no instance */
SLUICE_API bool sluice_extern_member(const sluice_extern *of, size_t index,
                                     sluice_extern *out);

/** Where the bytes of a `core:data` definition are. */
typedef struct sluice_item_segment {
    bool external; /**< in a file of its own; else in the component's, from the
                        item's offset on */
    /* External: */
    bool zstd;             /**< each chunk is a zstd frame; else as it is */
    sluice_name reference; /**< of the file, relative to the component */
    uint64_t chunk_size;   /**< bytes of content; the last may have less */
    uint32_t n_chunks;
} sluice_item_segment;

/** One definition of a component, for tools that show what is inside. */
typedef struct sluice_item {
    unsigned depth;    /**< nesting: 0 is the component itself */
    const char *sort;  /**< "core module", "instance", "core data", ..., and
                            "start" */
    const char *how;   /**< "definition", "import", "export", "alias", ... */
    uint32_t index;    /**< in the index space of its sort; of a start, how
                            many came before it */
    sluice_name name;  /**< of the import, export or definition; may be empty */
    uint64_t offset;   /**< in the file: of the definition, of a segment's first
                            payload byte, or of its table of chunks */
    uint64_t size;     /**< bytes of a module, component or segment; else 0 */
    const char *detail; /**< more words ("func(x: u32) -> u32"); may be "" */
    /* Of an import or export, as in sluice_extern. */
    sluice_name implements, version_suffix, external_id;
    const sluice_item_segment *segment; /**< of a definition of core data; else
                                             NULL */
} sluice_item;

/** Calls `visit` for every definition, nested components in place, until it
 * returns false. The item is borrowed for the call. Any thread. */
SLUICE_API void sluice_component_walk(const sluice_component *component,
                                      bool (*visit)(void *arg,
                                                    const sluice_item *item),
                                      void *arg);

/** One chunk of an external segment. */
typedef struct sluice_item_chunk {
    uint64_t offset, size;        /**< bytes of content */
    uint64_t file_offset, stored; /**< where the file has them, and in how many
                                       bytes: those of a frame with zstd */
    uint8_t digest[32];           /**< SHA-256 of the content */
} sluice_item_chunk;

/** Calls `visit` for every chunk of an item, in order, until it returns false;
 * inside of the walk's visit. Reads the component's table of chunks, which
 * blocks, and nothing of the content. No chunks: the item is no external
 * segment. Any thread.
 * @param error  may be NULL; filled only when the result is not SLUICE_OK
 * @return SLUICE_OK; SLUICE_EIO, SLUICE_EMALFORMED: the component cannot be
 *         read any more, or has changed */
SLUICE_API sluice_status sluice_component_chunks(
    const sluice_component *component, const sluice_item *item,
    bool (*visit)(void *arg, const sluice_item_chunk *chunk), void *arg,
    sluice_error *error);

#ifdef __cplusplus
}
#endif
#endif
