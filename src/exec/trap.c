/* Traps: what is recorded and how it is printed. Core specification,
 * "Execution / Conventions", "Traps". */
#include "exec/exec_int.h"

/* A backtrace longer than this is not counted to its end. */
#define WALK_MAX 100000

const char *sl_trap_text(sl_trap_code code)
{
    static const char *const texts[] = {
#define TRAP(name, text) text,
#include "exec/trap.def"
#undef TRAP
    };
    return texts[code];
}

void sl_trap_clear(sl_trap_info *trap)
{
    trap->err = (sl_err){0};
    trap->n_frames = trap->n_dropped = 0;
}

/* --- Backtraces ---------------------------------------------------------- */

typedef struct walker {
    const sl_core_store *store;
    const sl_core_instance *instance;
    const sl_ins *ip; /* of a call or of what trapped */
    const sl_slot *fp;
    const sl_cross *cross;    /* the newest entry not yet passed */
    uint64_t end;             /* how IR_END reads */
    const sl_code_func *func; /* the last one found */
    const sl_ins *func_end;
} walker;

/* Finds the function that `ip` is in: its code ends in an IR_END with it. */
static const sl_code_func *find_func(walker *w)
{
    if (w->func != NULL && w->ip >= w->func->code && w->ip < w->func_end)
        return w->func;
    const sl_ins *ins = w->ip;
    while (ins->op != w->end)
        ins++;
    w->func = (const sl_code_func *)(uintptr_t)ins->bits;
    w->func_end = ins;
    return w->func;
}

static void skip_cross(walker *w)
{
    w->ip = w->cross->ret - 1;
    w->instance = w->cross->caller;
    w->cross++;
}

static void skip_link(walker *w)
{
    const sl_linked *linked = (const sl_linked *)(const void *)w->fp;
    w->ip = (const sl_ins *)linked->ret.ref - 1;
    w->fp = linked->caller.ref;
    w->instance = linked->instance;
}

/* Steps out of stubs: past a change of instances; false at the outermost
 * call. A stub stands one word behind the place that calls return to. */
static bool skip_stubs(walker *w)
{
    const sl_ins *stubs = w->store->stubs;
    while (w->ip >= stubs && w->ip < stubs + SL_N_STUBS) {
        if (w->ip == stubs + SL_STUB_CROSS - 1)
            skip_cross(w);
        else if (w->ip == stubs + SL_STUB_UNLINK - 1 ||
                 w->ip == stubs + SL_STUB_UNLINK_PLAIN - 1)
            skip_link(w);
        else
            return false;
    }
    return true;
}

static void add_frame(sl_trap_info *trap, const walker *w,
                      const sl_code_func *func)
{
    if (trap->n_frames == SL_TRAP_FRAMES_MAX) {
        trap->n_dropped++;
        return;
    }
    sl_trap_frame *frame = &trap->frames[trap->n_frames++];
    const sl_trap_frame *before = frame - 1;
    *frame = (sl_trap_frame){w->instance, func->index, 0};
    /* Recursion: the same place as the frame before need not be sought. */
    if (trap->n_frames > 1 && before->func == func->index &&
        before->instance == w->instance && trap->last == w->ip)
        frame->offset = before->offset;
    else
        frame->offset = sl_translate_locate(func, (size_t)(w->ip - func->code));
    trap->last = w->ip;
}

static void walk_frame(sl_trap_info *trap, const sl_core_store *store,
                       const sl_frame *frame)
{
    sl_ins end = {.op = IR_END};
    sl_ins_link(&end, sl_interp_handlers());
    walker w = {.store = store,
                .instance = frame->instance,
                .ip = frame->ip,
                .fp = frame->fp,
                .cross = (const sl_cross *)(const void *)frame->limit,
                .end = end.op};
    while (trap->n_dropped < WALK_MAX && skip_stubs(&w)) {
        const sl_code_func *func = find_func(&w);
        add_frame(trap, &w, func);
        w.ip = (const sl_ins *)w.fp[func->saved_at].ref - 1;
        w.fp = w.fp[func->saved_at + 1].ref;
    }
}

static void record_frames(sl_core_thread *thread)
{
    sl_trap_info *trap = thread->trap;
    trap->n_frames = trap->n_dropped = 0;
    trap->last = NULL;
    for (const sl_frame *f = thread->frame; f != NULL; f = f->prev)
        walk_frame(trap, thread->store, f);
}

/* --- Recording ----------------------------------------------------------- */

sl_status sl_trap(sl_core_thread *thread, const char *fmt, ...)
{
    if (thread->trap->err.code != SL_OK)
        return SL_ETRAP;
    va_list args;
    va_start(args, fmt);
    sl_vfail(&thread->trap->err, SL_ETRAP, SL_ERR_NO_PLACE, fmt, args);
    va_end(args);
    record_frames(thread);
    if (thread->trap->n_frames != 0)
        thread->trap->err.at = thread->trap->frames[0].offset;
    return SL_ETRAP;
}

sl_status sl_raise(sl_frame *frame, sl_trap_code code)
{
    return sl_trap(frame->thread, "%s", sl_trap_text(code));
}

sl_status sl_abort_call(sl_core_thread *thread, const sl_err *err)
{
    if (thread->trap->err.code == SL_OK) {
        thread->trap->err = *err;
        record_frames(thread);
    }
    return err->code;
}

/* --- Printing ------------------------------------------------------------ */

/* Names are a guest's: one line, and not too long. */
static void format_name(sl_name name, sl_buf *out)
{
    enum { MOST = 80 };
    size_t len = name.len < MOST ? name.len : MOST;
    while (len < name.len && ((uint8_t)name.data[len] & 0xc0) == 0x80)
        len--; /* not inside of a character */
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)name.data[i];
        sl_buf_u8(out, c < 0x20 || c == 0x7f ? '?' : c);
    }
    if (len < name.len)
        sl_buf_printf(out, "...");
}

static void format_func(const sl_module *m, uint32_t index, sl_buf *out)
{
    if (m->name.data != NULL) {
        format_name(m->name, out);
        sl_buf_u8(out, '!');
    }
    if (m->func_names != NULL && m->func_names[index].data != NULL)
        format_name(m->func_names[index], out);
    else
        sl_buf_printf(out, "func[%u]", index);
}

static void format_frame(const sl_trap_frame *frame, uint32_t n, sl_buf *out)
{
    sl_buf_printf(out, "%4u: ", n);
    format_func(frame->instance->module, frame->func, out);
    sl_buf_printf(out, " (offset 0x%llx)\n", (unsigned long long)frame->offset);
}

void sl_core_func_print(const sl_core_func *func, sl_buf *out)
{
    if (func->instance != NULL)
        format_func(func->instance->module, func->index, out);
    else
        sl_buf_printf(out, "host");
}

void sl_trap_format(const sl_trap_info *trap, sl_buf *out)
{
    sl_buf_printf(out, "%s\n", trap->err.msg);
    for (uint32_t i = 0; i < trap->n_frames; i++)
        format_frame(&trap->frames[i], i, out);
    if (trap->n_dropped != 0)
        sl_buf_printf(out, "      ... %u more\n", trap->n_dropped);
}
