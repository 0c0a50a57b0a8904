/* memory.init from a segment that a core module imports: a reader of the
 * segment like stream.read, into the module's memory.
 * docs/data-segments.md, section 8. */
#include "canon/canon.h"

#include <stddef.h>

/* Bytes of one read, between which the time is looked at. */
#define PIECE_BYTES (UINT64_C(8) << 20)

typedef struct data_init {
    sl_copy copy;
    sl_buffer buffer;
    sl_core_thread *core;
    sl_store *store;
    sl_memory *memory;
    uint64_t to; /* of the buffer */
    bool told;   /* the read has brought something, or is over: */
    bool over, failed;
    sl_err fault; /* ... with a data fault */
} data_init;

static data_init *init_of_copy(sl_copy *copy)
{
    return (data_init *)(void *)((char *)copy - offsetof(data_init, copy));
}

/* --- The buffer ------------------------------------------------------------ */

static data_init *init_of(sl_buffer *buffer)
{
    return (data_init *)(void *)((char *)buffer - offsetof(data_init, buffer));
}

static uint8_t *init_bytes(sl_buffer *b, uint32_t n)
{
    const data_init *init = init_of(b);
    return sl_memory_at(init->memory, init->to + b->progress, n);
}

/* docs/data-segments.md, section 7. */
static uint32_t init_map(sl_buffer *b, uint32_t n, int fd, uint64_t offset,
                         uint32_t *head)
{
    const data_init *init = init_of(b);
    uint64_t page = sl_page_size(), to = init->to + b->progress;
    *head = 0;
    if (to % page != offset % page)
        return 0;
    *head = (uint32_t)((page - to % page) % page);
    if (*head != 0)
        return 0;
    return (uint32_t)sl_memory_map_file(init->core->store, init->memory, to, n,
                                        fd, offset);
}

static const sl_buffer_ops init_ops = {.bytes = init_bytes, .map = init_map};

/* --- The read --------------------------------------------------------------
 */

static void tell(data_init *init)
{
    init->told = true;
    sl_store_resume(init->store);
}

static void on_copy(sl_copy *copy)
{
    tell(init_of_copy(copy));
}

static void on_copy_done(sl_copy *copy, sl_copy_result result)
{
    data_init *init = init_of_copy(copy);
    (void)result; /* the range is within the segment */
    init->over = true;
    tell(init);
}

static void on_fault(sl_copy *copy, const sl_err *err)
{
    data_init *init = init_of_copy(copy);
    init->fault = *err;
    init->over = init->failed = true;
    tell(init);
}

/* Of an instruction nobody expects that others run meanwhile: all of the store
 * waits. */
static sl_status wait_told(data_init *init)
{
    sl_status status = sl_store_may_stall(init->store)
                           ? sl_store_stall(init->store)
                           : sl_store_hold(init->core, &init->told);
    if (status == SL_OK && init->failed)
        return sl_trap(init->core, "%s", init->fault.msg);
    return status;
}

/* The next bytes of the stream: at least one. */
static sl_status read_piece(data_init *init, sl_shared *stream, uint64_t left)
{
    init->buffer.progress = 0;
    init->buffer.length = (uint32_t)(left < PIECE_BYTES ? left : PIECE_BYTES);
    init->told = init->over = false;
    sl_status status = stream->ops->read(stream, &init->copy);
    if (status == SL_OK && !init->told)
        status = wait_told(init);
    if (status == SL_OK && !init->over)
        stream->ops->reclaim(stream, SL_READABLE);
    return status;
}

static sl_status data_init_run(sl_core_thread *core, sl_core_data *data,
                               sl_memory *memory, uint64_t to, uint64_t from,
                               uint64_t n)
{
    sl_segment *segment =
        (sl_segment *)(void *)((char *)data - offsetof(sl_segment, core));
    sl_instance *inst = sl_thread_of(core)->task->inst;
    data_init init = {.copy = {.inst = inst,
                               .on_copy = on_copy,
                               .on_copy_done = on_copy_done,
                               .on_fault = on_fault},
                      .buffer = {.ops = &init_ops,
                                 .elem = sl_type_primitive(SL_T_U8)},
                      .core = core,
                      .store = inst->store,
                      .memory = memory,
                      .to = to};
    sl_err err = {0};
    init.copy.buffer = &init.buffer;
    sl_shared *stream =
        sl_stream_from_segment(inst->store, segment, from, from + n, &err);
    if (stream == NULL)
        return sl_trap(core, "%s", err.msg);

    sl_status status = SL_OK;
    while (n != 0 && status == SL_OK) {
        status = read_piece(&init, stream, n);
        n -= init.buffer.progress;
        init.to += init.buffer.progress;
        if (n != 0 && status == SL_OK)
            status = sl_core_poll(core);
    }
    sl_shared_drop(stream, SL_READABLE);
    return status;
}

sl_core_data *sl_canon_core_data(sl_segment *segment)
{
    segment->core = (sl_core_data){segment->size, data_init_run};
    return &segment->core;
}
