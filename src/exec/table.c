/* Tables of references. Core specification, "Execution / Runtime Structure /
 * Table Instances". */
#include "exec/exec_int.h"

#include "base/alloc.h"

/* Indices have 32 bits in the interpreter, also those of 64-bit tables. */
static uint64_t most_elems(const sl_limits *l)
{
    return l->has_max && l->max < UINT32_MAX ? l->max : UINT32_MAX;
}

sl_table *sl_table_new(sl_core_store *store, sl_tabletype type, sl_err *err)
{
    const sl_limits *l = &type.limits;
    if (l->min > store->limits.table_elems || l->min > most_elems(l)) {
        sl_fail(err, SL_ELIMIT, SL_ERR_NO_PLACE,
                "limit: a table of %llu elements", (unsigned long long)l->min);
        return NULL;
    }
    sl_owned_table *owned = sl_arena_new(&store->arena, sl_owned_table);
    void **elems = NULL;
    if (l->min != 0 && l->min <= SIZE_MAX)
        elems = sl_calloc((size_t)l->min, sizeof *elems);
    if (owned == NULL || (elems == NULL && l->min != 0)) {
        sl_free(elems);
        sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE,
                "out of memory: a table of %llu elements",
                (unsigned long long)l->min);
        return NULL;
    }
    owned->table = (sl_table){elems, l->min, most_elems(l), type};
    owned->next = store->tables;
    store->tables = owned;
    return &owned->table;
}

/* "Growing tables". */
int64_t sl_table_grow(sl_core_store *store, sl_table *table, uint64_t delta,
                      void *value)
{
    uint64_t old = table->n;
    if (delta > UINT32_MAX || old + delta > table->max ||
        old + delta > store->limits.table_elems || old + delta > SIZE_MAX)
        return -1;
    if (delta == 0)
        return (int64_t)old;
    void **elems =
        sl_realloc(table->elems, (size_t)(old + delta), sizeof *elems);
    if (elems == NULL)
        return -1;
    for (uint64_t i = old; i < old + delta; i++)
        elems[i] = value;
    table->elems = elems;
    table->n = old + delta;
    return (int64_t)old;
}

static void *elem_at(const sl_core_instance *instance, const sl_elem *elem,
                     uint64_t i)
{
    if (elem->funcs != NULL)
        return instance->funcs[elem->funcs[i]];
    return sl_constexpr_eval(instance, &elem->exprs[i]).ref;
}

bool sl_table_init_from(sl_core_instance *instance, sl_table *table,
                        uint32_t elem, uint64_t to, uint64_t from, uint64_t n)
{
    const sl_elem *segment = &instance->module->elems[elem];
    uint64_t len = instance->elem_dropped[elem] ? 0 : segment->n;
    if (from > len || n > len - from || to > table->n || n > table->n - to)
        return false;
    for (uint64_t i = 0; i < n; i++)
        table->elems[to + i] = elem_at(instance, segment, from + i);
    return true;
}
