/* Streams and futures: what is shared between the two ends, the ends, and the
 * buffers they copy between. CanonicalABI.md "Buffer State", "Stream State",
 * "Future State". */
#ifndef SL_STREAM_STREAM_H
#define SL_STREAM_STREAM_H

#include "task/task.h"

typedef struct sl_shared sl_shared;
typedef struct sl_buffer sl_buffer;
typedef struct sl_copy sl_copy;
typedef struct sl_end sl_end;

/* --- Buffers -------------------------------------------------------------- */

#define SL_BUFFER_MAX_LENGTH ((UINT32_C(1) << 28) - 1)

/* `length` elements of which `progress` are done. Guest buffers (canon/) hold
 * memory and offset, never a raw pointer; host buffers hold the host's. */
typedef struct sl_buffer_ops {
    /* Elements that can be copied as bytes (numbers, bool excluded): the
     * address of element `progress`, re-checked now; NULL: use read, write. */
    uint8_t *(*bytes)(sl_buffer *b, uint32_t n);
    /* Lifts n elements from, or lowers n into, the buffer, from element
     * `progress` on, leaving `progress` as it is. Writing takes the streams
     * and futures in the values, also when it fails. */
    sl_status (*read)(sl_buffer *b, uint32_t n, sl_arena *arena, sl_val *out);
    sl_status (*write)(sl_buffer *b, uint32_t n, sl_val *vals);
    /* Bytes of a file, from `offset` on, as pages instead of a copy: of up to n
     * elements from `progress` on, how many were brought so; 0: none. `*head`:
     * so many must be copied before pages can be. Or NULL. */
    uint32_t (*map)(sl_buffer *b, uint32_t n, int fd, uint64_t offset,
                    uint32_t *head);
} sl_buffer_ops;

struct sl_buffer {
    const sl_buffer_ops *ops;
    const sl_type *elem; /* NULL: no payload */
    uint32_t length, progress;
};
static inline uint32_t sl_buffer_remain(const sl_buffer *b)
{
    return b->length - b->progress;
}
/* Moves n elements (n <= both remain()), advancing both. */
sl_status sl_buffer_move(sl_store *store, sl_buffer *to, sl_buffer *from,
                         uint32_t n);
/* definitions.py none_or_number_type: such elements move as bytes. */
bool sl_elem_is_plain(const sl_type *elem);
/* Bytes of one plain element: 0 for none. */
uint32_t sl_elem_size(const sl_type *elem);

/* --- Copies: one read or write that is under way -------------------------- */

typedef enum sl_copy_result {
    SL_COPY_COMPLETED = 0,
    SL_COPY_DROPPED = 1,
    SL_COPY_CANCELLED = 2,
} sl_copy_result;

struct sl_copy {
    sl_instance *inst; /* who copies; NULL: the host */
    sl_buffer *buffer;
    /* Some elements were moved; the other side may go on filling the buffer
     * until the event is delivered, then the shared part must let go of it:
     * whoever delivers calls ops->reclaim. Streams only. */
    void (*on_copy)(sl_copy *copy);
    /* The copy is over; the shared part has forgotten it. Either may come
     * while the other end's operation is under way: start no new copy inside,
     * post it to the loop. */
    void (*on_copy_done)(sl_copy *copy, sl_copy_result result);
    /* Instead, when what a guest reads cannot be brought and it is not within
     * its call of `read`. NULL: its instance traps. */
    void (*on_fault)(sl_copy *copy, const sl_err *err);
};

/* --- The shared part ------------------------------------------------------ */

typedef enum sl_side { SL_READABLE, SL_WRITABLE } sl_side;

/* definitions.py ReadableStream/WritableStream (and futures). Guest-to-guest
 * streams, segments and host streams are implementations. A status other than
 * SL_OK is a trap of the caller. */
typedef struct sl_shared_ops {
    sl_status (*read)(sl_shared *s, sl_copy *copy);
    sl_status (*write)(sl_shared *s, sl_copy *copy); /* NULL: the host writes */
    /* on_copy_done(CANCELLED) comes now or later. */
    void (*cancel)(sl_shared *s, sl_side side);
    void (*reclaim)(sl_shared *s, sl_side side); /* forget the pending buffer */
    void (*drop)(sl_shared *s, sl_side side);    /* that end is gone */
    void (*free)(sl_shared *s);
    /* Zero copy: what the host can take without linear memory. Moves up to
     * `len` bytes of a segment out as (memory) or (fd, offset); NULL: no. */
    struct sl_segment *(*segment)(sl_shared *s, uint64_t *pos, uint64_t *end);
    void (*advance)(sl_shared *s, uint64_t n); /* the host took n bytes */
} sl_shared_ops;

struct sl_shared {
    const sl_shared_ops *ops;
    sl_store *store;
    const sl_type *elem; /* NULL: no payload */
    sl_instance *scope;  /* in which the elements' resources are named; NULL:
                            there are none */
    bool is_future;
    bool eager; /* gate eager-drop: an idle end learns of the other's drop */
    int refs;   /* one per end that exists */
    sl_end *ends[2];   /* [side]: a guest's, or NULL */
    sl_shared *reader; /* what hands on what is read here, or NULL */
    /* Why a host that reads saw the end too early (a data fault); the
     * implementation's, NULL: it did not. Ask sl_shared_fault. */
    const sl_err *fault;
};
sl_shared *sl_shared_ref(sl_shared *s);
void sl_shared_unref(sl_shared *s);
/* Drops an end that no handle table holds (a value nobody took, a host's
 * end): tells the other side and releases the reference. NULL is fine. */
void sl_shared_drop(sl_shared *s, sl_side side);

/* definitions.py End.forward: what is read of `to`, a stream or future whose
 * writable end a guest holds and gives up, is what `from` has to read. Takes
 * the reference of the readable end of the one and of the writable end of the
 * other, also on failure, which is a trap of the caller. */
sl_status sl_shared_forward(sl_shared *from, sl_shared *to);
/* Whether an end is gone of a guest-to-guest stream or of what it forwards. */
bool sl_shared_is_dropped(sl_shared *s);
/* What `fault` says, of the stream that is read in truth. */
const sl_err *sl_shared_fault(sl_shared *s);

/* A guest-to-guest stream or future (definitions.py SharedStreamImpl,
 * SharedFutureImpl); refs 2: one per end. */
sl_shared *sl_stream_new(sl_store *store, const sl_type *elem, sl_err *err);
sl_shared *sl_future_new(sl_store *store, const sl_type *elem, sl_err *err);
/* The bytes [start, end) of a segment as a readable stream<u8>; refs 1. Refs
 * the segment. docs/data-segments.md, section 6, SegmentStream. */
sl_shared *sl_stream_from_segment(sl_store *store, sl_segment *segment,
                                  uint64_t start, uint64_t end, sl_err *err);

/* --- Ends ----------------------------------------------------------------- */

typedef enum sl_copy_state {
    SL_END_IDLE,
    SL_END_COPYING,
    SL_END_CANCELLING_COPY,
    SL_END_DONE,
} sl_copy_state;

struct sl_end {           /* CopyEnd */
    sl_waitable waitable; /* first */
    sl_shared *shared;    /* owned reference */
    sl_side side;
    sl_copy_state state;
    sl_copy copy;
    sl_copy_result result;    /* of the event that is pending */
    bool reclaim;             /* ... came from on_copy */
    uint32_t index;           /* its handle */
    struct sl_buffer *buffer; /* the buffer of the copy under way, in place */
    _Alignas(16) unsigned char buffer_space[64];
};

/* Adds an end for the shared part (taking the reference, also on failure). */
sl_status sl_end_add(sl_instance *inst, sl_shared *shared, sl_side side,
                     uint32_t *index);
/* definitions.py End.drop of later texts (gate eager-drop): the other end is
 * gone; what is to be said, or not yet said, says so. */
void sl_end_tell_dropped(sl_end *end);
/* definitions.py CopyEnd.drop: traps while copying, then frees. */
sl_status sl_end_drop(sl_end *end);
/* Frees without checks or notices: the store is closing. */
void sl_end_free(sl_end *end);
/* "stream" or "future", for messages. */
const char *sl_end_text(const sl_end *end);
/* Looks up an end of that side and type (STREAM or FUTURE); SL_ETRAP. */
sl_status sl_end_expect(sl_instance *inst, uint32_t index, sl_side side,
                        const sl_type *type, sl_end **out);
/* stream_copy, future_copy after the checks: the end is IDLE and its buffer
 * is in buffer_space. */
sl_status sl_end_copy(sl_end *end);
sl_event_code sl_end_event_code(const sl_end *end);
/* Takes an idle end out of the table for forwarding, in no set, and returns
 * its shared part (reference moves to the caller). */
sl_status sl_end_take(sl_end *end, sl_shared **out);
/* lift_async_value: takes the readable end out of the table and returns its
 * shared part (reference moves to the caller). */
sl_status sl_end_lift(sl_instance *inst, uint32_t index, const sl_type *type,
                      sl_shared **out);

/* --- Host ends (host.c) --------------------------------------------------- */

/* The host as writer: bytes or values the host supplies. The host as reader:
 * takes bytes as they come; for a segment, as (fd, offset) without copying. */

#endif
