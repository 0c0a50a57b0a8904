/* Handle tables. CanonicalABI.md "Table State". */
#include "task/task_int.h"

static const char *const kind_text[SL_N_HANDLE_KINDS] = {
    [SL_HANDLE_RESOURCE] = "guest-defined resource",
    [SL_HANDLE_SUBTASK] = "subtask",
    [SL_HANDLE_STREAM_READ] = "readable end of a stream",
    [SL_HANDLE_STREAM_WRITE] = "writable end of a stream",
    [SL_HANDLE_FUTURE_READ] = "readable end of a future",
    [SL_HANDLE_FUTURE_WRITE] = "writable end of a future",
    [SL_HANDLE_WAITABLE_SET] = "waitable set",
    [SL_HANDLE_ERROR_CONTEXT] = "error context",
    [SL_HANDLE_THREAD] = "thread",
};

static bool has_slot_zero(sl_handle_table *table)
{
    return table->array.n > 0 ||
           sl_vec_push(&table->array, (sl_handle){SL_HANDLE_FREE, NULL});
}

bool sl_table_reserve(sl_handle_table *table, uint32_t n)
{
    if (table->free.n >= n)
        return true;
    /* Room to free every slot: removing cannot fail. */
    return has_slot_zero(table) &&
           sl_vec_grow_((void **)&table->free.v, &table->free.cap,
                        table->array.n + n - 1, sizeof *table->free.v) &&
           sl_vec_reserve(&table->array, n);
}

sl_status sl_table_add(sl_store *store, sl_handle_table *table,
                       sl_handle_kind kind, void *item, uint32_t *index)
{
    sl_handle handle = {kind, item};

    if (table->free.n > 0) {
        *index = sl_vec_pop(&table->free);
        table->array.v[*index] = handle;
        table->n++;
        return SL_OK;
    }
    SL_TRAP_IF(store, table->array.n > SL_TABLE_MAX_LENGTH,
               "handle table is full");
    if (!sl_table_reserve(table, 1))
        return sl_store_no_memory(store);
    (void)sl_vec_push(&table->array, handle);
    *index = (uint32_t)(table->array.n - 1);
    table->n++;
    return SL_OK;
}

sl_status sl_handles_add(sl_instance *inst, sl_handle_kind kind, void *item,
                         uint32_t *index)
{
    uint32_t limit = inst->store->limits.handles;
    SL_TRAP_IF(inst->store, limit != 0 && inst->handles.n >= limit,
               "too many handles in one component instance");
    return sl_table_add(inst->store, &inst->handles, kind, item, index);
}

sl_handle *sl_handles_get(sl_handle_table *table, uint32_t index)
{
    if (index >= table->array.n || table->array.v[index].kind == SL_HANDLE_FREE)
        return NULL;
    return &table->array.v[index];
}

void sl_handles_remove(sl_handle_table *table, uint32_t index)
{
    table->array.v[index] = (sl_handle){SL_HANDLE_FREE, NULL};
    (void)sl_vec_push(&table->free, index); /* reserved when it was added */
    table->n--;
}

sl_status sl_handles_trap(sl_instance *inst, uint32_t index,
                          const char *expected)
{
    const sl_handle *handle = sl_handles_get(&inst->handles, index);
    if (handle == NULL)
        return sl_store_trap(inst->store, "unknown handle index %u", index);
    return sl_store_trap(inst->store,
                         "handle index %u used with the wrong type, expected "
                         "%s but found %s",
                         index, expected, kind_text[handle->kind]);
}

sl_status sl_handles_expect(sl_instance *inst, uint32_t index,
                            sl_handle_kind kind, void **item)
{
    const sl_handle *handle = sl_handles_get(&inst->handles, index);
    if (handle == NULL || handle->kind != kind)
        return sl_handles_trap(inst, index, kind_text[kind]);
    *item = handle->item;
    return SL_OK;
}

void sl_table_deinit(sl_handle_table *table)
{
    sl_vec_deinit(&table->array);
    sl_vec_deinit(&table->free);
    table->n = 0;
}
