/* A growable array of any type: SL_VEC(int) ids; sl_vec_push(&ids, 3). */
#ifndef SL_BASE_VEC_H
#define SL_BASE_VEC_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

#define SL_VEC(T)                                                              \
    struct {                                                                   \
        T *v;                                                                  \
        size_t n, cap;                                                         \
    }

/* Room for one more; false when memory is short (the vector stays as it is). */
#define sl_vec_reserve(vec, more)                                              \
    sl_vec_grow_((void **)&(vec)->v, &(vec)->cap, (vec)->n + (more),           \
                 sizeof *(vec)->v)
/* Appends; false when memory is short. */
#define sl_vec_push(vec, ...)                                                  \
    (sl_vec_reserve(vec, 1) ? ((vec)->v[(vec)->n++] = (__VA_ARGS__), true)     \
                            : false)
#define sl_vec_pop(vec)    ((vec)->v[--(vec)->n])
#define sl_vec_last(vec)   ((vec)->v[(vec)->n - 1])
#define sl_vec_deinit(vec)                                                     \
    (sl_free((vec)->v), (vec)->v = NULL, (vec)->n = (vec)->cap = 0)

static inline bool sl_vec_grow_(void **v, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return true;
    size_t grown = *cap ? *cap * 2 : 8;
    if (grown < need)
        grown = need;
    void *block = sl_realloc(*v, grown, size);
    if (block == NULL)
        return false;
    *v = block;
    *cap = grown;
    return true;
}

#endif
