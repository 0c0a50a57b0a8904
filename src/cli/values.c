#include "cli/values.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"

/* --- Parts of values ---------------------------------------------------------
 */

typedef bool (*visit_fn)(cli_values *v, const sluice_type *type,
                         sluice_val *val, sl_err *err);

static const sluice_type *part_type(const sluice_type *type, size_t i)
{
    sluice_name label;
    const sluice_type *part = NULL;
    (void)sluice_type_part(type, i, &label, &part);
    return part;
}

static bool visit_pairs(cli_values *v, const sluice_type *type, sluice_val *val,
                        visit_fn fn, sl_err *err)
{
    for (size_t i = 0; i < val->of.list.len; i++)
        for (size_t k = 0; k < 2; k++)
            if (!fn(v, part_type(type, k),
                    &val->of.list.items[i].of.list.items[k], err))
                return false;
    return true;
}

static bool visit_elems(cli_values *v, const sluice_type *elem, sluice_val *val,
                        visit_fn fn, sl_err *err)
{
    if (val->elem != 0 || elem == NULL)
        return true;
    for (size_t i = 0; i < val->of.list.len; i++)
        if (!fn(v, elem, &val->of.list.items[i], err))
            return false;
    return true;
}

/* Calls fn for what is directly inside of a value. */
static bool visit_parts(cli_values *v, const sluice_type *type, sluice_val *val,
                        visit_fn fn, sl_err *err)
{
    switch (sluice_type_kind(type)) {
    case SLUICE_LIST:
        return visit_elems(v, sluice_type_elem(type), val, fn, err);
    case SLUICE_MAP:
        return visit_pairs(v, type, val, fn, err);
    case SLUICE_RECORD:
    case SLUICE_TUPLE:
        for (size_t i = 0; i < val->of.list.len; i++)
            if (!fn(v, part_type(type, i), &val->of.list.items[i], err))
                return false;
        return true;
    case SLUICE_VARIANT:
    case SLUICE_OPTION:
    case SLUICE_RESULT:
        return val->of.variant.payload == NULL ||
               fn(v, part_type(type, val->of.variant.index),
                  val->of.variant.payload, err);
    default:
        return true;
    }
}

/* --- Arguments: streams from literals
 * ------------------------------------------ */

/* A list on its way into a stream. */
typedef struct cli_feed {
    cli_values *values;
    sluice_writer *writer;
    sluice_val list;
    size_t at, elem_size;
    struct cli_feed *next, **link;
} cli_feed;

static void end_feed(cli_feed *f)
{
    *f->link = f->next;
    if (f->next != NULL)
        f->next->link = f->link;
    sluice_writer_close(f->writer);
    sluice_val_deinit(&f->list);
    sl_free(f);
}

static void feed_more(cli_feed *f);

static void was_taken(void *arg, size_t n, bool end)
{
    cli_feed *f = arg;
    f->at += n;
    if (end)
        end_feed(f);
    else
        feed_more(f);
}

static bool is_packed(const sluice_val *list)
{
    return list->elem != 0;
}

static size_t length(const sluice_val *list)
{
    return is_packed(list) ? list->of.bytes.len : list->of.list.len;
}

static void feed_more(cli_feed *f)
{
    size_t left = length(&f->list) - f->at;
    sluice_status status = SLUICE_EUSAGE;
    if (left == 0) {
        end_feed(f);
        return;
    }
    if (is_packed(&f->list) || f->elem_size == 0)
        status = sluice_writer_write(f->writer,
                                     is_packed(&f->list)
                                         ? (const char *)f->list.of.bytes.data +
                                               f->at * f->elem_size
                                         : "",
                                     left, was_taken, f);
    else
        status = sluice_writer_write_vals(
            f->writer, f->list.of.list.items + f->at, left, was_taken, f);
    if (status != SLUICE_OK)
        end_feed(f);
}

static size_t size_of(const sluice_type *elem)
{
    static const uint8_t sizes[] = {
        [SLUICE_S8] = 1,  [SLUICE_U8] = 1,    [SLUICE_S16] = 2,
        [SLUICE_U16] = 2, [SLUICE_S32] = 4,   [SLUICE_U32] = 4,
        [SLUICE_S64] = 8, [SLUICE_U64] = 8,   [SLUICE_F32] = 4,
        [SLUICE_F64] = 8, [SLUICE_FUTURE] = 0};
    return elem != NULL ? sizes[sluice_type_kind(elem)] : 0;
}

static bool fail(sl_err *err, const sluice_error *error)
{
    sl_fail(err, (sl_status)error->status, SL_ERR_NO_PLACE, "%s",
            error->message);
    return false;
}

static bool no_memory(sl_err *err)
{
    sl_fail(err, SL_ENOMEM, SL_ERR_NO_PLACE, "out of memory");
    return false;
}

/* Takes the list, whose elements are arguments already. */
static bool feed(cli_values *v, const sluice_type *elem, sluice_val *val,
                 sl_err *err)
{
    sluice_error error;
    sluice_stream *stream;
    cli_feed *f = sl_calloc(1, sizeof *f);
    if (f == NULL)
        return no_memory(err);
    if (sluice_stream_new(v->store, elem != NULL ? elem : sluice_type_none(),
                          &f->writer, &stream, &error) != SLUICE_OK) {
        sl_free(f);
        return fail(err, &error);
    }
    f->values = v;
    f->list = *val;
    f->elem_size = is_packed(val) ? size_of(elem) : elem != NULL;
    f->next = v->feeds;
    f->link = &v->feeds;
    if (f->next != NULL)
        f->next->link = &f->next;
    v->feeds = f;
    *val = (sluice_val){.kind = SLUICE_STREAM, .of.stream = stream};
    feed_more(f);
    return true;
}

static void file_was_read(void *arg, uint64_t n, const sluice_error *error)
{
    (void)n, (void)error; /* the reader hears of the end, or of the error */
    close((int)(intptr_t)arg);
}

static bool feed_file(cli_values *v, sluice_val *val, sl_err *err)
{
    sluice_error error;
    sluice_stream *stream;
    const char *path = val->of.string.data;
    int fd = strcmp(path, "-") == 0 ? dup(STDIN_FILENO)
                                    : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        sl_fail(err, SL_EIO, SL_ERR_NO_PLACE, "%s: %s", path, strerror(errno));
        return false;
    }
    if (sluice_stream_from_fd(v->store, fd, &stream, file_was_read,
                              (void *)(intptr_t)fd, &error) != SLUICE_OK) {
        close(fd);
        return fail(err, &error);
    }
    sluice_val_deinit(val);
    *val = (sluice_val){.kind = SLUICE_STREAM, .of.stream = stream};
    return true;
}

static bool make_stream(cli_values *v, const sluice_type *type, sluice_val *val,
                        sl_err *err)
{
    const sluice_type *elem = sluice_type_elem(type);
    if (val->kind == SLUICE_STRING)
        return feed_file(v, val, err);
    return visit_elems(v, elem, val, cli_values_in, err) &&
           feed(v, elem, val, err);
}

static bool make_future(cli_values *v, const sluice_type *type, sluice_val *val,
                        sl_err *err)
{
    sluice_error error;
    sluice_promise *promise;
    sluice_future *future;
    const sluice_type *elem = sluice_type_elem(type);
    if (elem != NULL && !cli_values_in(v, elem, val, err))
        return false;
    if (sluice_future_new(v->store, elem, &promise, &future, &error) !=
        SLUICE_OK)
        return fail(err, &error);
    sluice_promise_set(promise, elem != NULL ? val : NULL);
    sluice_val_deinit(val);
    *val = (sluice_val){.kind = SLUICE_FUTURE, .of.future = future};
    return true;
}

/* `#N`: the N-th resource that a call of this run returned. */
static bool find_handle(cli_values *v, const sluice_type *type, sluice_val *val,
                        sl_err *err)
{
    uint32_t n = val->of.handle.rep;
    if (n == 0 || n > v->handles.n ||
        v->handles.v[n - 1].of.handle.resource == NULL) {
        sl_fail(err, SL_EUSAGE, SL_ERR_NO_PLACE,
                "`#%u` is no resource: write #N for the N-th that a call "
                "returned and that is still there",
                (unsigned)n);
        return false;
    }
    sluice_val *own = &v->handles.v[n - 1];
    if (sluice_type_kind(type) == SLUICE_BORROW)
        return sluice_val_borrow(val, own);
    *val = *own;
    *own = (sluice_val){0};
    return true;
}

bool cli_values_in(cli_values *v, const sluice_type *type, sluice_val *val,
                   sl_err *err)
{
    switch (sluice_type_kind(type)) {
    case SLUICE_OWN:
    case SLUICE_BORROW:
        return find_handle(v, type, val, err);
    case SLUICE_STREAM:
        return make_stream(v, type, val, err);
    case SLUICE_FUTURE:
        return make_future(v, type, val, err);
    default:
        return visit_parts(v, type, val, cli_values_in, err);
    }
}

/* --- Results: streams and futures to their ends
 * ---------------------------------- */

enum { PIECE = 1024 };

/* A stream that is read into a list, or a future. */
typedef struct cli_slot {
    cli_values *values;
    const sluice_type *type; /* of the stream or future */
    sluice_val *to;          /* where it was, and the text's value goes */
    sluice_reader *reader;   /* NULL: a future */
    SL_VEC(sluice_val) items;
    SL_VEC(uint8_t) bytes; /* of packed elements */
    size_t elem_size;      /* of numbers, or 0 */
    size_t n;
    union {
        sluice_val vals[PIECE];
        uint64_t numbers[PIECE];
    } piece;
    struct cli_slot *next, **link;
} cli_slot;

static void free_slot(cli_slot *s)
{
    *s->link = s->next;
    if (s->next != NULL)
        s->next->link = s->link;
    sluice_reader_free(s->reader);
    for (size_t i = 0; i < s->items.n; i++)
        sluice_val_deinit(&s->items.v[i]);
    sl_vec_deinit(&s->items);
    sl_vec_deinit(&s->bytes);
    sl_free(s);
}

static void out_of_memory(cli_values *v)
{
    v->error = (sluice_error){.status = SLUICE_ENOMEM,
                              .offset = SLUICE_NO_OFFSET,
                              .message = "out of memory"};
}

static bool loosen(cli_values *v, const sluice_type *type, sluice_val *val,
                   sl_err *err);

/* The slot is done: what it brought takes its place, and may have streams of
 * its own. */
static void close_slot(cli_slot *s, sluice_val *val)
{
    cli_values *v = s->values;
    sl_err err = {0};
    const sluice_type *elem = sluice_type_elem(s->type);
    *s->to = *val;
    *val = (sluice_val){0};
    if (v->error.status == SLUICE_OK && elem != NULL) {
        if (s->to->kind == SLUICE_LIST && s->reader != NULL)
            visit_elems(v, elem, s->to, loosen, &err);
        else
            loosen(v, elem, s->to, &err);
    }
    free_slot(s);
    if (v->slots == NULL || v->error.status != SLUICE_OK)
        v->read = true;
}

static void read_more(cli_slot *s);

static bool keep_piece(cli_slot *s, size_t n)
{
    size_t i = 0;
    s->n += n;
    if (s->elem_size != 0) {
        const uint8_t *bytes = (const uint8_t *)s->piece.numbers;
        for (; i < n * s->elem_size; i++)
            if (!sl_vec_push(&s->bytes, bytes[i]))
                return false;
        return true;
    }
    bool unit = sluice_type_elem(s->type) == NULL;
    for (; i < n; i++) {
        sluice_val val =
            unit ? (sluice_val){.kind = SLUICE_TUPLE} : s->piece.vals[i];
        if (!sl_vec_push(&s->items, val))
            break;
    }
    for (size_t rest = i; !unit && rest < n; rest++)
        sluice_val_deinit(&s->piece.vals[rest]);
    return i == n;
}

/* The elements become a list. */
static bool make_list(cli_slot *s, sluice_val *out)
{
    if (s->elem_size != 0)
        return sluice_val_bytes(
            out, sluice_type_kind(sluice_type_elem(s->type)), s->bytes.v, s->n);
    if (!sluice_val_items(out, SLUICE_LIST, s->items.n))
        return false;
    if (s->items.n != 0)
        memcpy(out->of.list.items, s->items.v, s->items.n * sizeof *s->items.v);
    s->items.n = 0;
    return true;
}

static void was_read(void *arg, size_t n, bool end, const sluice_error *error)
{
    cli_slot *s = arg;
    cli_values *v = s->values;
    sluice_val list = {0};
    if (error != NULL && v->error.status == SLUICE_OK)
        v->error = *error;
    if (!keep_piece(s, n))
        out_of_memory(v);
    if (!end && v->error.status == SLUICE_OK) {
        read_more(s);
        return;
    }
    if (v->error.status == SLUICE_OK && !make_list(s, &list))
        out_of_memory(v);
    close_slot(s, &list);
}

static void read_more(cli_slot *s)
{
    bool vals = s->elem_size == 0 && sluice_type_elem(s->type) != NULL;
    sluice_status status =
        vals ? sluice_reader_read_vals(s->reader, s->piece.vals, PIECE,
                                       was_read, s)
             : sluice_reader_read(s->reader, s->piece.numbers, PIECE, was_read,
                                  s);
    if (status == SLUICE_OK)
        return;
    sluice_error error = {.status = status,
                          .offset = SLUICE_NO_OFFSET,
                          .message = "a stream cannot be read"};
    was_read(s, 0, true, &error);
}

static void has_come(void *arg, sluice_val *val, const sluice_error *error)
{
    cli_slot *s = arg;
    sluice_val none = {.kind = SLUICE_TUPLE};
    if (error != NULL && s->values->error.status == SLUICE_OK)
        s->values->error = *error;
    close_slot(s, val != NULL ? val : &none);
}

/* Begins to read what is at *val; it is zeroed until then. */
static bool read_slot(cli_values *v, const sluice_type *type, sluice_val *val,
                      sl_err *err)
{
    cli_slot *s = sl_calloc(1, sizeof *s);
    if (s == NULL) {
        out_of_memory(v);
        return no_memory(err);
    }
    s->values = v;
    s->type = type;
    s->to = val;
    s->elem_size = size_of(sluice_type_elem(type));
    s->next = v->slots;
    s->link = &v->slots;
    if (s->next != NULL)
        s->next->link = &s->next;
    v->slots = s;
    v->read = false;
    sluice_val end = *val;
    *val = (sluice_val){0};
    if (end.kind == SLUICE_STREAM) {
        s->reader = sluice_reader_new(end.of.stream, &v->error);
        if (s->reader != NULL) {
            read_more(s);
            return true;
        }
    } else if (sluice_future_read(end.of.future, has_come, s) == SLUICE_OK) {
        return true;
    } else {
        out_of_memory(v);
    }
    free_slot(s);
    return fail(err, &v->error);
}

static bool loosen(cli_values *v, const sluice_type *type, sluice_val *val,
                   sl_err *err)
{
    if (val->kind == SLUICE_STREAM || val->kind == SLUICE_FUTURE)
        return read_slot(v, type, val, err);
    if (val->kind != SLUICE_OWN)
        return visit_parts(v, type, val, loosen, err);
    if (!sl_vec_push(&v->handles, *val)) {
        out_of_memory(v);
        return no_memory(err);
    }
    val->of.handle.resource = NULL;
    val->of.handle.rep = (uint32_t)v->handles.n;
    return true;
}

bool cli_values_out(cli_values *v, const sluice_type *type, sluice_val *val)
{
    sl_err err = {0};
    v->error = (sluice_error){.status = SLUICE_OK};
    v->read = true;
    return loosen(v, type, val, &err);
}

void cli_values_deinit(cli_values *v)
{
    while (v->feeds != NULL)
        end_feed(v->feeds);
    while (v->slots != NULL)
        free_slot(v->slots);
    for (size_t i = 0; i < v->handles.n; i++)
        sluice_val_deinit(&v->handles.v[i]);
    sl_vec_deinit(&v->handles);
}
