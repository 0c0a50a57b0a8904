/* A host program on its own libuv loop: it runs a component, supplies the bytes
 * of an imported data segment when they are asked for, provides a function that
 * answers at once, one that answers later, and a resource type; looks at types;
 * makes several calls at a time; passes records, variants, streams and futures,
 * as reader and as writer; cancels a call, gives others a deadline, and survives
 * traps, an endless loop, and a store that goes in the middle of a call.
 *
 *   sluice parse -o embed.wasm embed.wat
 *   cc embed.c $(pkg-config --cflags --libs sluice libuv) -o embed
 *   ./embed embed.wasm
 *
 * docs/embedding.md walks through it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <sluice/sluice.h>

static void fail(const char *what, const sluice_error *error)
{
    fprintf(stderr, "embed: %s: %s: %s\n", what,
            sluice_status_text(error->status), error->message);
    exit(1);
}

/* --- A segment from callbacks ---------------------------------------------- */

enum { TEXT_BYTES = 300000 };

/* Byte k of the segment. A real host would have a file or a server here. */
static char text_byte(uint64_t at)
{
    return at % 50 == 49 ? '\n' : (char)('a' + at % 26);
}

/* One request of the runtime's: the bytes come a millisecond later. */
struct request {
    uv_timer_t timer;
    sluice_fetch *fetch;
    uint64_t at;
    char *to;
    size_t len;
};

static void free_timer(uv_handle_t *timer)
{
    free(timer->data);
}

static void bytes_are_here(uv_timer_t *timer)
{
    struct request *r = timer->data;
    for (size_t i = 0; i < r->len; i++)
        r->to[i] = text_byte(r->at + i);
    sluice_fetch_done(r->fetch, NULL); /* or the reason why not */
    uv_close((uv_handle_t *)timer, free_timer);
}

static void read_at(void *arg, sluice_fetch *fetch, uint64_t at, void *to,
                    size_t len)
{
    struct request *r = malloc(sizeof *r);
    if (r == NULL) {
        sluice_fetch_done(fetch, "out of memory");
        return;
    }
    *r = (struct request){.fetch = fetch, .at = at, .to = to, .len = len};
    uv_timer_init(arg, &r->timer);
    r->timer.data = r;
    uv_timer_start(&r->timer, bytes_are_here, 1, 0);
}

/* --- Host functions ----------------------------------------------------------- */

/* log: func(line: string). Answers at once. */
static void host_log(void *ctx, sluice_call *call, const sluice_val *args,
                     size_t n)
{
    (void)ctx, (void)n;
    printf("guest says: %s\n", args[0].of.string.data);
    sluice_call_return(call, NULL);
}

/* sleep: async func(ms: u32). Answers when the timer fires; the guest waits and
 * others run meanwhile. */
struct sleeper {
    uv_timer_t timer;
    sluice_call *call;
};

static void wake_up(uv_timer_t *timer)
{
    struct sleeper *s = timer->data;
    sluice_call_return(s->call, NULL);
    uv_close((uv_handle_t *)timer, free_timer);
}

/* The guest does not want the answer any more, or the store goes. */
static void stop_sleeping(void *arg, bool gone)
{
    struct sleeper *s = arg;
    if (!gone)
        sluice_call_cancelled(s->call);
    uv_close((uv_handle_t *)&s->timer, free_timer);
}

static void host_sleep(void *ctx, sluice_call *call, const sluice_val *args,
                       size_t n)
{
    (void)n;
    struct sleeper *s = malloc(sizeof *s);
    if (s == NULL) {
        sluice_call_trap(call, "out of memory");
        return;
    }
    s->call = call;
    uv_timer_init(ctx, &s->timer);
    s->timer.data = s;
    uv_timer_start(&s->timer, wake_up, args[0].of.u32, 0);
    sluice_call_on_cancel(call, stop_sleeping, s);
}

/* ticket: a resource type of the host's. A guest owns a ticket by a handle; when
 * it drops that, or its store goes, the ticket comes back. */
static void ticket_is_back(void *ctx, uint32_t number)
{
    (void)ctx;
    printf("ticket %u is back\n", (unsigned)number);
}

/* draw: func() -> own<ticket> */
static void host_draw(void *ctx, sluice_call *call, const sluice_val *args,
                      size_t n)
{
    (void)args, (void)n;
    sluice_val ticket;
    uint32_t *next = ctx;
    if (sluice_call_own(call, sluice_type_result(sluice_call_type(call)),
                        (*next)++, &ticket))
        sluice_call_return(call, &ticket);
    else
        sluice_call_trap(call, "no ticket");
}

/* --- Calls -------------------------------------------------------------------- */

static sluice_func *find(sluice_instance *instance, const char *name)
{
    sluice_func *func = sluice_instance_func(instance, name);
    if (func == NULL) {
        fprintf(stderr, "embed: no export `%s`\n", name);
        exit(1);
    }
    return func;
}

static void napped(void *arg, const sluice_error *error, sluice_val *result)
{
    int *left = arg;
    if (error->status != SLUICE_OK)
        fail("nap", error);
    printf("a nap of %u ms is over\n", (unsigned)result->of.u32);
    --*left;
}

/* Three calls at once; the shortest nap returns first. */
static void nap_together(uv_loop_t *loop, sluice_instance *instance)
{
    static const uint32_t ms[] = {60, 20, 40};
    int left = 3;
    for (int i = 0; i < 3; i++) {
        sluice_error error;
        sluice_val arg = {.kind = SLUICE_U32, .of.u32 = ms[i]};
        if (sluice_func_call(find(instance, "nap"), &arg, 1, napped, &left,
                             NULL, &error) != SLUICE_OK)
            fail("nap", &error);
    }
    while (left != 0)
        uv_run(loop, UV_RUN_ONCE);
}

/* --- A stream from the guest ------------------------------------------------- */

struct reading {
    sluice_reader *reader;
    char piece[4096];
    uint64_t bytes, wrong, reads;
    bool over;
};

static void next_piece(struct reading *r);

static void piece_read(void *arg, size_t n, bool end, const sluice_error *error)
{
    struct reading *r = arg;
    if (error != NULL)
        fail("reading the stream", error);
    for (size_t i = 0; i < n; i++)
        r->wrong += r->piece[i] != text_byte(r->bytes + i);
    r->bytes += n;
    r->reads++;
    r->over = end;
    if (!end)
        next_piece(r);
}

static void next_piece(struct reading *r)
{
    sluice_reader_read(r->reader, r->piece, sizeof r->piece, piece_read, r);
}

static void read_text(uv_loop_t *loop, sluice_instance *instance)
{
    struct reading r = {0};
    sluice_error error;
    sluice_val result;
    if (sluice_func_call_wait(find(instance, "text"), NULL, 0, &result,
                              &error) != SLUICE_OK)
        fail("text", &error);
    r.reader = sluice_reader_new(result.of.stream, &error); /* takes it */
    if (r.reader == NULL)
        fail("text", &error);
    next_piece(&r);
    while (!r.over)
        uv_run(loop, UV_RUN_ONCE);
    sluice_reader_free(r.reader);
    printf("the stream brought %llu bytes, %llu wrong\n",
           (unsigned long long)r.bytes, (unsigned long long)r.wrong);
}

/* --- Types and values ---------------------------------------------------------- */

/* What the component offers, by name and type. */
static void list_functions(const sluice_component *component)
{
    sluice_extern e;
    char text[200];
    for (size_t i = 0; sluice_component_export(component, i, &e); i++)
        if (e.kind == SLUICE_EXTERN_FUNC)
            printf("%.*s: %s\n", (int)e.name.len, e.name.data,
                   sluice_type_text(e.type, text, sizeof text));
}

/* area({circle(1)}) and area({box({w: 2, h: 3})}): a variant, and a record in
 * it. Labels come from reflection: cases and fields are told by their position. */
static void areas(sluice_instance *instance)
{
    sluice_error error;
    sluice_val shape, payload = {.kind = SLUICE_F64, .of.f64 = 1}, area;
    if (!sluice_val_variant(&shape, SLUICE_VARIANT, 0, &payload) ||
        sluice_func_call_wait(find(instance, "area"), &shape, 1, &area,
                              &error) != SLUICE_OK)
        fail("area", &error);
    printf("a circle of %g\n", area.of.f64);
    if (!sluice_val_items(&payload, SLUICE_RECORD, 2))
        exit(1);
    payload.of.list.items[0] = (sluice_val){.kind = SLUICE_F64, .of.f64 = 2};
    payload.of.list.items[1] = (sluice_val){.kind = SLUICE_F64, .of.f64 = 3};
    if (!sluice_val_variant(&shape, SLUICE_VARIANT, 1, &payload) ||
        sluice_func_call_wait(find(instance, "area"), &shape, 1, &area,
                              &error) != SLUICE_OK)
        fail("area", &error);
    printf("a box of %g\n", area.of.f64);
}

/* --- A stream and a future for the guest --------------------------------------- */

struct writing {
    sluice_writer *writer;
    uint8_t piece[256];
    unsigned left, writes; /* bytes; times that the guest took some */
};

static void taken(void *arg, size_t n, bool gone)
{
    struct writing *w = arg;
    w->left -= (unsigned)n;
    w->writes++;
    if (gone || w->left == 0)
        sluice_writer_close(w->writer); /* the guest sees the end */
    else
        sluice_writer_write(w->writer, w->piece,
                            w->left < sizeof w->piece ? w->left
                                                      : sizeof w->piece,
                            taken, w);
}

/* The guest takes what it has room for, and the host waits: back-pressure. */
static void sum_stream(sluice_store *store, sluice_instance *instance)
{
    struct writing w = {.left = 1000};
    sluice_error error;
    sluice_val in = {.kind = SLUICE_STREAM}, sum;
    memset(w.piece, 1, sizeof w.piece);
    if (sluice_stream_new(store, NULL, &w.writer, &in.of.stream, &error) !=
        SLUICE_OK)
        fail("stream", &error);
    sluice_writer_write(w.writer, w.piece, sizeof w.piece, taken, &w);
    if (sluice_func_call_wait(find(instance, "sum"), &in, 1, &sum, &error) !=
        SLUICE_OK)
        fail("sum", &error);
    printf("1000 bytes in %s pieces, sum %u\n", w.writes > 4 ? "many" : "few",
           (unsigned)sum.of.u32);
}

static void answered(void *arg, const sluice_error *error, sluice_val *result)
{
    if (error->status != SLUICE_OK)
        fail("await", error);
    printf("the future brought %u\n", (unsigned)result->of.u8);
    *(bool *)arg = true;
}

static void keep_promise(uv_loop_t *loop, sluice_store *store,
                         sluice_instance *instance)
{
    bool done = false;
    sluice_error error;
    sluice_name name;
    const sluice_type *type;
    sluice_promise *promise;
    sluice_func *func = find(instance, "await");
    sluice_val arg = {.kind = SLUICE_FUTURE};
    sluice_val answer = {.kind = SLUICE_U8, .of.u8 = 42};
    sluice_type_param(sluice_func_type(func), 0, &name, &type);
    if (sluice_future_new(store, sluice_type_elem(type), &promise,
                          &arg.of.future, &error) != SLUICE_OK ||
        sluice_func_call(func, &arg, 1, answered, &done, NULL, &error) !=
            SLUICE_OK)
        fail("await", &error);
    sluice_promise_set(promise, &answer); /* the guest waits for it already */
    while (!done)
        uv_run(loop, UV_RUN_ONCE);
}

/* --- Calls that are ended ------------------------------------------------------ */

#define MS UINT64_C(1000000)

struct ending {
    const char *what;
    bool done;
};

static void ended(void *arg, const sluice_error *error, sluice_val *result)
{
    (void)result;
    struct ending *e = arg;
    printf("%s: %s\n", e->what, sluice_status_text(error->status));
    e->done = true;
}

static sluice_pending *start(sluice_instance *instance, const char *name,
                             uint32_t ms, struct ending *e)
{
    sluice_error error;
    sluice_pending *pending;
    sluice_val arg = {.kind = SLUICE_U32, .of.u32 = ms};
    if (sluice_func_call(find(instance, name), &arg, 1, ended, e, &pending,
                         &error) != SLUICE_OK)
        fail(name, &error);
    return pending;
}

/* One call is cancelled, the other's time runs out; an hour is long. */
static void do_not_wait(uv_loop_t *loop, sluice_store *store,
                        sluice_instance *instance)
{
    struct ending cancelled = {.what = "a pause that was cancelled"};
    struct ending late = {.what = "a pause with a deadline"};
    sluice_pending *pending = start(instance, "pause", 3600000, &cancelled);
    sluice_pending_cancel(pending);
    sluice_store_set_call_timeout(store, 30 * MS);
    start(instance, "pause", 3600000, &late);
    sluice_store_set_call_timeout(store, SLUICE_NO_DEADLINE);
    while (!cancelled.done || !late.done)
        uv_run(loop, UV_RUN_ONCE);
}

/* Guest code that never waits is stopped too, where it is. */
static void stop_spinning(sluice_store *store, sluice_instance *instance)
{
    sluice_error error;
    sluice_store_set_call_timeout(store, 30 * MS);
    sluice_func_call_wait(find(instance, "spin"), NULL, 0, NULL, &error);
    sluice_store_set_call_timeout(store, SLUICE_NO_DEADLINE);
    printf("spin: %s: %s%s\n", sluice_status_text(error.status), error.message,
           strstr(error.backtrace, "spin") != NULL ? ", in spin" : "");
}

/* A trap ends the call and poisons its instance; the host goes on. */
static void divide(sluice_instance *instance, uint32_t a, uint32_t b)
{
    sluice_error error;
    sluice_val result, args[2] = {{.kind = SLUICE_U32, .of.u32 = a},
                                  {.kind = SLUICE_U32, .of.u32 = b}};
    if (sluice_func_call_wait(find(instance, "divide"), args, 2, &result,
                              &error) == SLUICE_OK)
        printf("%u / %u = %u\n", (unsigned)a, (unsigned)b,
               (unsigned)result.of.u32);
    else
        printf("%u / %u: %s: %s\n", (unsigned)a, (unsigned)b,
               sluice_status_text(error.status), error.message);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: embed embed.wasm\n");
        return 2;
    }
    uv_loop_t loop;
    sluice_error error;
    uint32_t next_ticket = 7;
    uv_loop_init(&loop);

    /* Made once: engine, component, linker. */
    sluice_limits limits = sluice_limits_strict();
    limits.memory_bytes = 1 << 20; /* of one linear memory */
    sluice_engine *engine = sluice_engine_new(&limits, &error);
    if (engine == NULL)
        fail("engine", &error);
    sluice_component *component = sluice_component_open(engine, argv[1], &error);
    if (component == NULL)
        fail(argv[1], &error);
    sluice_backing backing = {
        .size = TEXT_BYTES, .read_at = read_at, .arg = &loop};
    sluice_segment *text = sluice_segment_from_callbacks(&backing, &error);
    sluice_linker *linker = sluice_linker_new(engine, &error);
    if (text == NULL || linker == NULL ||
        sluice_linker_segment(linker, "text", text, &error) != SLUICE_OK ||
        sluice_linker_func(linker, NULL, "log", "func(line: string)", host_log,
                           NULL, NULL, &error) != SLUICE_OK ||
        sluice_linker_func(linker, NULL, "sleep", "async func(ms: u32)",
                           host_sleep, &loop, NULL, &error) != SLUICE_OK ||
        sluice_linker_resource(linker, NULL, "ticket", ticket_is_back, NULL,
                               NULL, &error) != SLUICE_OK ||
        sluice_linker_func(linker, NULL, "draw", NULL, host_draw, &next_ticket,
                           NULL, &error) != SLUICE_OK)
        fail("linking", &error);
    sluice_segment_free(text); /* the linker keeps it */

    /* What runs: a store on our loop, an instance in it. */
    sluice_store *store = sluice_store_new(engine, &loop, &error);
    if (store == NULL)
        fail("store", &error);
    sluice_instance *instance =
        sluice_instantiate(store, linker, component, &error);
    if (instance == NULL)
        fail("instantiate", &error);

    if (sluice_func_call_wait(find(instance, "greet"), NULL, 0, NULL, &error) !=
        SLUICE_OK)
        fail("greet", &error);
    list_functions(component);
    areas(instance);
    nap_together(&loop, instance);
    read_text(&loop, instance);
    sum_stream(store, instance);
    keep_promise(&loop, store, instance);
    if (sluice_func_call_wait(find(instance, "queue"), NULL, 0, NULL, &error) !=
        SLUICE_OK)
        fail("queue", &error);
    do_not_wait(&loop, store, instance);
    divide(instance, 84, 2);
    divide(instance, 1, 0);
    divide(instance, 84, 2); /* poisoned by the trap */

    instance = sluice_instantiate(store, linker, component, &error);
    if (instance == NULL)
        fail("instantiate", &error);
    stop_spinning(store, instance);

    /* The store goes in the middle of a call: `ended` is not called, the host's
     * function is told (stop_sleeping), and nothing is left behind. */
    instance = sluice_instantiate(store, linker, component, &error);
    if (instance == NULL)
        fail("instantiate", &error);
    struct ending never = {.what = "never said"};
    start(instance, "nap", 3600000, &never);
    sluice_store_free(store);
    sluice_linker_free(linker);
    sluice_component_free(component);
    sluice_engine_free(engine);
    uv_run(&loop, UV_RUN_DEFAULT); /* what is closing closes */
    return uv_loop_close(&loop) == 0 ? 0 : 1;
}
