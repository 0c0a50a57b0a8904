/* A chain of components that hand a value on and back, as text: the first is
 * called by the host, each calls the next, and the last gives back what it was
 * given, or has the host do so. */
#ifndef SL_TESTS_ROUNDTRIP_CODE_H
#define SL_TESTS_ROUNDTRIP_CODE_H

#include "type.h"

typedef enum rt_encoding {
    RT_UTF8,
    RT_UTF16,
    RT_LATIN1_UTF16,
    RT_N_ENCODINGS,
} rt_encoding;

typedef enum rt_lift {
    RT_SYNC,
    RT_CALLBACK,
    RT_STACKFUL,
} rt_lift;

typedef struct rt_link {
    rt_encoding encoding;
    bool is64;        /* memory64 */
    bool async_type;  /* of its export */
    bool async_lower; /* of its import */
    rt_lift lift;
    bool post_return; /* which frees everything */
    bool moving;      /* realloc always moves what it shrinks */
    bool dirty;       /* sets every bit that lifting has to ignore */
    bool copies;      /* gives back a copy, not what came */
    bool yields;      /* last link, async: lets others run first */
} rt_link;

#define RT_MAX_LINKS 3

typedef struct rt_chain {
    uint32_t n;
    rt_link link[RT_MAX_LINKS];
    bool to_host;    /* the last link calls the host's "h" */
    bool host_async; /* whose type is async */
    bool mutates;    /* the last link spoils a byte: "poke" says which */
} rt_chain;

void rt_chain_make(rt_chain *chain, rt_rng *rng);
void rt_chain_print(const rt_chain *chain, const rt_func *func, sl_buf *out);
/* In a few words, for reports. */
void rt_chain_describe(const rt_chain *chain, sl_buf *out);

#endif
