/* Replays sequences of operations that oracle.py has made up, in the component
 * that world.py writes, and prints all there is to see: what each operation
 * returns, what callees are given, results, memory, tables, who is ready, and
 * traps. oracle.py prints the same from definitions.py and compares.
 *
 * usage: oracle COMPONENT.wat < SEQUENCES > SEEN
 *
 * A sequence is "seq ID N" and N lines of five numbers: an operation and its
 * operands, numbered as in world.py. They are taken one after the other by
 * whoever asks: guest code that has reached its loop, or the host between
 * calls. A guest that finds an operation of the host returns 0; the host
 * passes over those of guests. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "link/linker.h"
#include "text/text.h"

/* As in world.py. */
enum {
    N_INSTANCES = 3,
    CHECKED = 0x600,
    TAIL = 64,
    PAGE = 65536,
    COMMAND = 0x8000,
    SEGMENT_SIZE = 48,
    RETURN = 0,
    HOST = 2000,
    CALL = HOST,
    TICK,
    RESIDENT,
    CANCEL,
    DROP_HELD,
    FAULT,
    MAX_HELD = 64,
    MAX_CALLS = 64,
    MAX_THREADS = 256,
    MAX_FUNCS = 128,
};

static const char *const words[] = {"", "hi",
                                    "gr\xc3\xbc\xc3\x9f"
                                    "e \xe2\x82\xac",
                                    "\xf0\x9f\x98\x80x"};

typedef struct step {
    uint32_t op, v[4];
} step;

/* A call of the host's, until the sequence is over. */
typedef struct host_call {
    sl_call call;
    uint32_t index;
    const sl_type *type;
    uint32_t arg;
    sl_shared *given; /* the stream or future that is the argument */
} host_call;

static struct {
    sl_loop *loop;
    sl_linker *linker;
    sl_component *component;

    step *steps;
    uint32_t n_steps, at, cap_steps;

    sl_store *store;
    sl_instance *inst[N_INSTANCES];
    sl_funcinst *func[N_INSTANCES][MAX_FUNCS];
    uint32_t n_funcs;
    bool trapped; /* where no call was there to receive it */
    bool over;    /* the steps are used up: everything unwinds */
    bool idle;    /* ... guests yield, or return 1 */
    host_call *calls[MAX_CALLS];
    uint32_t n_calls;
    sl_shared *held[MAX_HELD]; /* ends the host was given */
    const sl_type *held_type[MAX_HELD];
    uint32_t n_held;
    uint32_t resident; /* bytes of the late segment that are here */
    SL_VEC(sl_fetch *) fetches;
} o;

static void die(const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    vfprintf(stderr, fmt, args);
    va_end(args);
    fputc('\n', stderr);
    exit(2);
}

/* --- What there is to see ---------------------------------------------------
 */

static uint32_t adler(uint32_t sum, const uint8_t *p, size_t n)
{
    uint32_t a = sum & 0xffff, b = sum >> 16;
    while (n-- > 0) {
        a += *p++;
        b += a;
        if ((n & 0xfff) == 0) {
            a %= 65521;
            b %= 65521;
        }
    }
    return b << 16 | a;
}

static sl_memory *memory_of(sl_instance *inst)
{
    return sl_instance_item(inst, SL_SORT_CORE_MEMORY, 0)->of.core_memory;
}

static uint32_t checksum(sl_instance *inst)
{
    const uint8_t *bytes = sl_memory_at(memory_of(inst), 0, PAGE);
    return adler(adler(1, bytes, CHECKED), bytes + PAGE - TAIL, TAIL);
}

static uint32_t number_of(const sl_instance *inst)
{
    uint32_t i = 0;
    while (i < N_INSTANCES && o.inst[i] != inst)
        i++;
    return i;
}

/* Everybody who could go on, those that have waited longest first. */
static uint32_t ready_threads(sl_thread **out)
{
    uint32_t n = 0;
    for (sl_thread *t = o.store->threads; t != NULL; t = t->next) {
        if (t->running || t->wait == SL_WAIT_NONE || !sl_thread_ready(t))
            continue;
        if (n == MAX_THREADS)
            die("too many threads");
        uint32_t i = n++;
        for (; i > 0 && out[i - 1]->since > t->since; i--)
            out[i] = out[i - 1];
        out[i] = t;
    }
    return n;
}

static void show_state(void)
{
    sl_thread *ready[MAX_THREADS];
    uint32_t n = ready_threads(ready);
    printf("h");
    for (int i = 0; i < N_INSTANCES; i++)
        printf(" %" PRIu32 " %" PRIu32 " %" PRIx32, o.inst[i]->handles.n,
               o.inst[i]->threads.n, checksum(o.inst[i]));
    printf(" ready %" PRIu32 "%s\n", n,
           n > 0 && o.store->ready.live == 0 ? " but nobody will run" : "");
}

/* --- What guests ask ---------------------------------------------------------
 */

static sl_status take_args(sl_call *call, sl_val *args)
{
    sl_arena arena;
    sl_arena_init(&arena);
    sl_status status = sl_call_start(call, &arena, args);
    sl_arena_deinit(&arena); /* numbers only */
    return status;
}

/* begin(f, x, y, z): a function or callback begins. */
static sl_status begin(sl_funcinst *func, sl_call *call, sl_instance *caller)
{
    sl_val args[4] = {0};
    (void)func;
    sl_status status = take_args(call, args);
    if (status != SL_OK)
        return status;
    if (!o.idle)
        printf("b %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32 " %" PRIu32
               "\n",
               number_of(caller), args[0].of.u32, args[1].of.u32,
               args[2].of.u32, args[3].of.u32);
    return sl_call_resolve(call, NULL, false);
}

/* step(r) -> op: the result of the last operation, and the next. */
static sl_status next_step(sl_funcinst *func, sl_call *call,
                           sl_instance *caller)
{
    sl_val arg = {0}, op = {.kind = SLUICE_U32};
    (void)func;
    sl_status status = take_args(call, &arg);
    if (status != SL_OK)
        return status;
    if (!o.idle)
        printf("s %" PRIu32 " %" PRIx64 " %" PRIx32 "\n", number_of(caller),
               arg.of.u64, checksum(caller));
    if (!o.idle && o.at == o.n_steps) {
        o.over = true;
        return sl_store_trap(o.store, "the sequence is over");
    }
    step s = {RETURN, {0}};
    if (o.idle)
        s.v[0] = 1; /* a callback yields */
    else if (o.steps[o.at].op < HOST)
        s = o.steps[o.at++];
    memcpy(sl_memory_at(memory_of(caller), COMMAND, sizeof s.v), s.v,
           sizeof s.v);
    op.of.u32 = s.op;
    return sl_call_resolve(call, &op, false);
}

/* --- The late segment
 * ---------------------------------------------------------- */

static uint8_t segment_byte(uint64_t at)
{
    return (uint8_t)(at * 11 + 3 + 100);
}

static int64_t try_read(sl_backing *b, uint64_t at, void *to, size_t len,
                        sl_err *err)
{
    size_t n = 0;
    (void)b, (void)err;
    for (; n < len && at + n < o.resident; n++)
        ((uint8_t *)to)[n] = segment_byte(at + n);
    return (int64_t)n;
}

static sl_status fetch(sl_backing *b, sl_fetch *f, sl_err *err)
{
    (void)b, (void)err;
    if (!sl_vec_push(&o.fetches, f))
        die("out of memory");
    return SL_OK;
}

static void release(sl_backing *b, sl_fetch *f)
{
    (void)b, (void)f;
}

static void remove_fetch(size_t i)
{
    o.fetches.n--;
    memmove(&o.fetches.v[i], &o.fetches.v[i + 1],
            (o.fetches.n - i) * sizeof *o.fetches.v);
}

static void cancel_fetch(sl_backing *b, sl_fetch *f)
{
    (void)b;
    for (size_t i = 0; i < o.fetches.n; i++)
        if (o.fetches.v[i] == f) {
            remove_fetch(i);
            return;
        }
}

static void close_backing(sl_backing *b)
{
    sl_free(b);
}

static const sl_backing_ops late_ops = {
    .try_read = try_read,
    .fetch = fetch,
    .release = release,
    .cancel = cancel_fetch,
    .close = close_backing,
};

static sl_segment *open_late(void *ctx, sl_store *store, sl_err *err)
{
    sl_backing *b = sl_calloc(1, sizeof *b);
    (void)ctx;
    if (b == NULL)
        die("out of memory");
    *b = (sl_backing){.ops = &late_ops,
                      .ctx = store->data,
                      .size = SEGMENT_SIZE,
                      .refs = 1,
                      .kind = "late"};
    return sl_segment_new(b, "late", err);
}

/* Bytes up to `end` come in; who waits for one of them is told. */
static void make_resident(uint32_t end)
{
    if (end > o.resident)
        o.resident = end;
    for (size_t i = 0; i < o.fetches.n;) {
        sl_fetch *f = o.fetches.v[i];
        if (f->at >= o.resident) {
            i++;
            continue;
        }
        remove_fetch(i);
        f->done(f, NULL);
        i = 0;
    }
}

/* The oldest request fails. What waits for it may trap, out of any call. */
static sl_status data_fault(void)
{
    if (o.fetches.n == 0) {
        printf("x\n");
        return SL_OK;
    }
    const sl_err lost = {.code = SL_EIO, .msg = "it is gone"};
    sl_fetch *f = o.fetches.v[0];
    remove_fetch(0);
    f->done(f, &lost);
    return o.trapped ? SL_ETRAP : SL_OK;
}

static void on_trap(sl_store *store, void *arg)
{
    (void)store, (void)arg;
    o.trapped = true;
}

/* --- The host's calls --------------------------------------------------------
 */

static host_call *of_call(sl_call *call)
{
    return (host_call *)((char *)call - offsetof(host_call, call));
}

static sl_status on_start(sl_call *call, sl_arena *arena, sl_val *args)
{
    host_call *c = of_call(call);
    if (c->type->of.func.n_params == 0)
        return SL_OK;
    const sl_type *type = c->type->of.func.params[0].type;
    (void)arena;
    switch (type->kind) {
    case SL_T_STRING:
        args[0].kind = SLUICE_STRING;
        args[0].of.string.data = (char *)(uintptr_t)words[c->arg % 4];
        args[0].of.string.len = strlen(words[c->arg % 4]);
        break;
    case SL_T_STREAM:
    case SL_T_FUTURE:
        args[0].kind =
            type->kind == SL_T_STREAM ? SLUICE_STREAM : SLUICE_FUTURE;
        args[0].of.stream = (struct sluice_stream *)c->given;
        c->given = NULL;
        break;
    default:
        args[0].kind = SLUICE_U32;
        args[0].of.u32 = c->arg;
    }
    return SL_OK;
}

static void hold(const sl_type *type, sl_val *val)
{
    if (o.n_held == MAX_HELD)
        die("too many streams");
    o.held_type[o.n_held] = type;
    o.held[o.n_held++] = (sl_shared *)val->of.stream;
    val->of.stream = NULL;
}

static void show_result(const sl_type *type, const sl_val *val)
{
    switch (type->kind) {
    case SL_T_STRING:
        for (size_t i = 0; i < val->of.string.len; i++)
            printf("%02x", (uint8_t)val->of.string.data[i]);
        printf(" string\n");
        break;
    case SL_T_STREAM:
    case SL_T_FUTURE:
        hold(type, (sl_val *)val);
        printf("held %" PRIu32 "\n", o.n_held - 1);
        break;
    default:
        printf("%" PRIu32 "\n", val->of.u32);
    }
}

static sl_status on_resolve(sl_call *call, const sl_val *result, bool cancelled)
{
    host_call *c = of_call(call);
    if (o.idle)
        return SL_OK;
    printf("r %" PRIu32 " ", c->index);
    if (cancelled)
        printf("cancelled\n");
    else if (result == NULL)
        printf("nothing\n");
    else
        show_result(c->type->of.func.result, result);
    return SL_OK;
}

static void free_call(sl_call *call)
{
    (void)call; /* with the sequence */
}

static bool takes_held(const sl_type *func)
{
    if (func->of.func.n_params == 0)
        return false;
    sl_type_kind kind = func->of.func.params[0].type->kind;
    return kind == SL_T_STREAM || kind == SL_T_FUTURE;
}

/* Whether the host holds what the function takes. */
static bool has_argument(const sl_type *func, uint32_t arg)
{
    if (!takes_held(func))
        return true;
    const sl_type *want = func->of.func.params[0].type;
    return arg < o.n_held && o.held[arg] != NULL &&
           o.held_type[arg]->kind == want->kind &&
           sl_type_eq(o.held_type[arg]->of.list.elem, want->of.list.elem);
}

static sl_status host_calls(const step *s)
{
    sl_funcinst *func = o.func[s->v[0] % N_INSTANCES][s->v[1] % o.n_funcs];
    if (o.n_calls == MAX_CALLS || !has_argument(func->type, s->v[2])) {
        printf("x\n");
        return SL_OK;
    }
    host_call *c = sl_calloc(1, sizeof *c);
    if (c == NULL)
        die("out of memory");
    *c = (host_call){.call = {.on_start = on_start,
                              .on_resolve = on_resolve,
                              .free = free_call,
                              .refs = 1},
                     .index = o.n_calls,
                     .type = func->type,
                     .arg = s->v[2]};
    if (takes_held(func->type)) {
        c->given = o.held[c->arg];
        o.held[c->arg] = NULL;
    }
    o.calls[o.n_calls++] = c;
    return sl_store_invoke(o.store, func, &c->call);
}

static sl_status host_cancels(uint32_t which)
{
    if (which >= o.n_calls || o.calls[which]->call.cancel == NULL ||
        o.calls[which]->call.resolved) {
        printf("x\n");
        return SL_OK;
    }
    sl_call *call = &o.calls[which]->call;
    sl_status (*cancel)(sl_call *, sl_instance *) = call->cancel;
    call->cancel = NULL; /* a request is made once */
    o.store->nesting_depth++;
    sl_status status = cancel(call, NULL);
    o.store->nesting_depth--;
    return status;
}

static void host_drops(uint32_t which)
{
    if (which >= o.n_held || o.held[which] == NULL) {
        printf("x\n");
        return;
    }
    sl_shared *shared = o.held[which];
    o.held[which] = NULL;
    sl_shared_drop(shared, SL_READABLE);
}

/* Of those that are ready, the one that has waited longest but `rank`. */
static sl_status host_ticks(uint32_t rank)
{
    sl_thread *ready[MAX_THREADS];
    uint32_t n = ready_threads(ready);
    printf("n %" PRIu32 "\n", n);
    if (n == 0)
        return SL_OK;
    sl_thread *thread = ready[rank % n];
    sl_thread_wake(thread);
    size_t head = o.store->ready.head, at = thread->ready_at;
    sl_thread *other = o.store->ready.v[head];
    o.store->ready.v[head] = thread;
    o.store->ready.v[at] = other;
    thread->ready_at = head;
    other->ready_at = at;
    sl_status status;
    if (!sl_store_tick(o.store, &status))
        die("nothing was ready after all");
    return status;
}

static sl_status host_step(const step *s)
{
    switch (s->op) {
    case CALL:
        return host_calls(s);
    case TICK:
        return host_ticks(s->v[0]);
    case RESIDENT:
        make_resident(s->v[0]);
        return SL_OK;
    case FAULT:
        return data_fault();
    case CANCEL:
        return host_cancels(s->v[0]);
    case DROP_HELD:
        host_drops(s->v[0]);
        return SL_OK;
    default:
        die("unknown operation %" PRIu32, s->op);
        return SL_OK;
    }
}

/* --- Sequences
 * ------------------------------------------------------------------ */

static sl_store *make_store(sl_err *err)
{
    sl_store_limits limits = sl_store_limits_default();
    limits.wasm_stack_bytes = 64 * 1024;
    limits.fiber_stack_bytes = 128 * 1024;
    return sl_store_new(o.loop, &limits, err);
}

static void find_funcs(const sl_instance *root)
{
    o.n_funcs = root->exports.n / N_INSTANCES;
    if (o.n_funcs > MAX_FUNCS)
        die("too many functions");
    for (uint32_t i = 0; i < root->exports.n; i++)
        o.func[i / o.n_funcs][i % o.n_funcs] = root->exports.v[i].item.of.func;
    for (uint32_t i = 0; i < N_INSTANCES; i++)
        o.inst[i] = o.func[i][0]->inst;
}

static void start_sequence(void)
{
    sl_err err = {0};
    sl_instance *root;

    o.at = o.n_calls = o.n_held = o.resident = 0;
    o.over = o.idle = o.trapped = false;
    o.store = make_store(&err);
    if (o.store != NULL)
        o.store->on_trap = on_trap;
    if (o.store == NULL || sl_linker_instantiate(o.linker, o.store, o.component,
                                                 &root, &err) != SL_OK)
        die("%s", err.msg);
    find_funcs(root);
}

static void end_sequence(void)
{
    for (uint32_t i = 0; i < o.n_held; i++)
        sl_shared_unref(o.held[i]);
    for (uint32_t i = 0; i < o.n_calls; i++)
        sl_shared_unref(o.calls[i]->given);
    sl_store_free(o.store);
    for (uint32_t i = 0; i < o.n_calls; i++)
        sl_free(o.calls[i]);
    if (o.fetches.n != 0)
        die("%zu fetches are left", o.fetches.n);
}

/* When the steps are used up while the host runs: those that are ready do so
 * in the runtime's own order for a while, and nobody must be forgotten. */
static void run_out(void)
{
    sl_thread *ready[MAX_THREADS];
    sl_status status = SL_OK;
    uint64_t start = o.store->clock;
    o.idle = true;
    for (int i = 0; i < 2 * MAX_CALLS; i++) {
        uint32_t n = ready_threads(ready);
        bool ran = sl_store_tick(o.store, &status);
        if (!ran && n > 0)
            printf("stuck: %" PRIu32 " are ready\n", n);
        if (!ran || status != SL_OK)
            return;
    }
    if (ready_threads(ready) > 0 && ready[0]->since < start)
        printf("starved: one is ready and never runs\n");
}

static void run_sequence(const char *id)
{
    sl_status status = SL_OK;

    printf("seq %s\n", id);
    start_sequence();
    while (status == SL_OK && o.at < o.n_steps) {
        const step *s = &o.steps[o.at++];
        if (s->op < HOST)
            continue;
        status = host_step(s);
        if (status == SL_OK)
            show_state();
    }
    if (status == SL_OK)
        run_out();
    if (status == SL_ETRAP && !o.over)
        printf("t\n");
    else if (status != SL_OK && status != SL_ETRAP)
        printf("status %d\n", (int)status);
    if (status == SL_ETRAP && !o.over && getenv("ORACLE_MESSAGES") != NULL)
        fprintf(stderr, "%s: %s\n", id, o.store->trap.err.msg);
    end_sequence();
    printf("e\n");
}

static bool read_sequence(char *id)
{
    if (scanf(" seq %31s %" SCNu32, id, &o.n_steps) != 2)
        return false;
    if (o.n_steps > o.cap_steps) {
        o.steps = sl_realloc(o.steps, o.n_steps, sizeof *o.steps);
        if (o.steps == NULL)
            die("out of memory");
        o.cap_steps = o.n_steps;
    }
    for (uint32_t i = 0; i < o.n_steps; i++) {
        step *s = &o.steps[i];
        if (scanf("%" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32 " %" SCNu32,
                  &s->op, &s->v[0], &s->v[1], &s->v[2], &s->v[3]) != 5)
            die("sequence %s ends early", id);
    }
    return true;
}

/* --- The component
 * ---------------------------------------------------------------- */

static sl_component *load(const char *path)
{
    sl_err err = {0};
    sl_buf binary = {0};
    sl_source *text = sl_source_file(path, &err);
    if (text == NULL)
        die("%s: %s", path, err.msg);
    char *bytes = sl_malloc((size_t)text->size + 1);
    if (bytes == NULL ||
        text->read_at(text, 0, bytes, (size_t)text->size, &err) != SL_OK)
        die("%s: %s", path, err.msg);
    if (!sl_text_parse((sl_name){bytes, (size_t)text->size}, &binary, &err))
        die("%s: %s at %" PRIu64, path, err.msg, err.at);
    sl_source_unref(text);
    sl_free(bytes);

    sl_source *source = sl_source_buffer(binary.data, binary.len, true, &err);
    sl_buf_deinit(&binary);
    sl_component_options options = {0};
    sl_component *component =
        source != NULL ? sl_component_decode(source, &options, &err) : NULL;
    if (component == NULL)
        die("%s: %s", path, err.msg);
    sl_source_unref(source);
    return component;
}

static sl_linker *make_linker(void)
{
    sl_err err = {0};
    sl_linker *linker = sl_linker_new(&err);
    const sl_host_func begin_def = {.invoke = begin};
    const sl_host_func step_def = {.invoke = next_step};
    const sl_host_segment late_def = {.open = open_late};
    if (linker == NULL ||
        sl_linker_func(linker, SL_NAME(""), SL_NAME("begin"), &begin_def,
                       &err) != SL_OK ||
        sl_linker_func(linker, SL_NAME(""), SL_NAME("step"), &step_def, &err) !=
            SL_OK ||
        sl_linker_segment(linker, SL_NAME("late"), &late_def, &err) != SL_OK)
        die("%s", err.msg);
    return linker;
}

int main(int argc, char **argv)
{
    static char out[1 << 20];
    sl_err err = {0};
    char id[32];

    if (argc != 2)
        die("usage: oracle COMPONENT.wat < SEQUENCES > SEEN");
    setvbuf(stdout, out, _IOFBF, sizeof out);
    o.loop = sl_loop_new(NULL, &err);
    if (o.loop == NULL)
        die("%s", err.msg);
    o.component = load(argv[1]);
    o.linker = make_linker();
    while (read_sequence(id))
        run_sequence(id);
    sl_linker_free(o.linker);
    sl_component_free(o.component);
    sl_loop_free(o.loop);
    sl_vec_deinit(&o.fetches);
    sl_free(o.steps);
    return 0;
}
