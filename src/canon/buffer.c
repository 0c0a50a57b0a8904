/* Guest buffers: what a stream or future operation reads from or writes to in
 * linear memory. Never a raw pointer: the memory is asked at each use.
 * CanonicalABI.md "Buffer State", BufferGuestImpl. */
#include "canon/canon_int.h"

typedef struct guest_buffer {
    sl_buffer base;
    const sl_canon_fn *fn;
    uint64_t ptr;
} guest_buffer;

_Static_assert(sizeof(guest_buffer) <= sizeof((sl_end *)0)->buffer_space,
               "a guest buffer is built in place in an end");

static const sl_layout *layout_of(const guest_buffer *g)
{
    return &g->base.elem->layout[g->fn->canon->opts.is64];
}

/* The address of element `progress`. */
static uint64_t here(const guest_buffer *g)
{
    return g->ptr + (uint64_t)g->base.progress * layout_of(g)->size;
}

static uint8_t *guest_bytes(sl_buffer *b, uint32_t n)
{
    guest_buffer *g = (guest_buffer *)b;
    if (b->elem == NULL || !sl_elem_is_plain(b->elem))
        return NULL;
    return sl_memory_at(g->fn->memory, here(g),
                        (uint64_t)n * layout_of(g)->size);
}

static sl_cx context_of(const guest_buffer *g, sl_arena *arena)
{
    sl_instance *inst = g->fn->inst;
    return (sl_cx){.opts = g->fn,
                   .inst = inst,
                   .arena = arena,
                   .budget = lift_budget(inst, true)};
}

static sl_status guest_read(sl_buffer *b, uint32_t n, sl_arena *arena,
                            sl_val *out)
{
    guest_buffer *g = (guest_buffer *)b;
    sl_cx cx = context_of(g, arena);
    uint64_t ptr = here(g);
    uint32_t i = 0;
    sl_status status = SL_OK;

    for (; i < n && status == SL_OK; i++, ptr += layout_of(g)->size)
        status = sl_load(&cx, ptr, b->elem, &out[i]);
    if (status != SL_OK)
        sl_vals_drop(out, i);
    return status;
}

static sl_status guest_write(sl_buffer *b, uint32_t n, sl_val *vals)
{
    guest_buffer *g = (guest_buffer *)b;
    sl_arena arena;
    sl_status status = SL_OK;

    sl_arena_init(&arena);
    sl_cx cx = context_of(g, &arena);
    uint64_t ptr = here(g);
    for (uint32_t i = 0; i < n && status == SL_OK; i++) {
        status = sl_store_value(&cx, &vals[i], b->elem, ptr);
        ptr += layout_of(g)->size;
    }
    sl_arena_deinit(&arena);
    sl_vals_drop(vals, n);
    return status;
}

/* docs/data-segments.md, section 7. */
static uint32_t guest_map(sl_buffer *b, uint32_t n, int fd, uint64_t offset,
                          uint32_t *head)
{
    guest_buffer *g = (guest_buffer *)b;
    uint64_t page = sl_page_size(), ptr = here(g);
    *head = 0;
    if (layout_of(g)->size != 1 || ptr % page != offset % page)
        return 0;
    *head = (uint32_t)((page - ptr % page) % page);
    if (*head != 0)
        return 0;
    return (uint32_t)sl_memory_map_file(g->fn->inst->store->core,
                                        g->fn->memory, ptr, n, fd, offset);
}

static const sl_buffer_ops guest_ops = {guest_bytes, guest_read, guest_write,
                                        guest_map};

sl_status sl_canon_buffer_init(void *space, const sl_canon_fn *fn,
                            const sl_type *elem, uint64_t ptr, uint64_t length)
{
    sl_store *store = fn->inst->store;
    guest_buffer *g = space;

    SL_TRAP_IF(store, length > SL_BUFFER_MAX_LENGTH,
               "stream read/write count too large");
    *g = (guest_buffer){
        .base = {.ops = &guest_ops, .elem = elem, .length = (uint32_t)length},
        .fn = fn,
        .ptr = ptr};
    if (elem == NULL || length == 0)
        return SL_OK;
    SL_TRAP_IF(store, (ptr & (layout_of(g)->align - 1)) != 0,
               "unaligned pointer");
    SL_TRAP_IF(store,
               sl_memory_at(fn->memory, ptr, length * layout_of(g)->size) ==
                   NULL,
               "buffer pointer/length out of bounds of memory");
    return SL_OK;
}
