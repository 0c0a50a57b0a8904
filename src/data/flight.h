/* Chunks under way in an engine: of those who want the same content at the same
 * time one fetches it, and the others wait for what it brings, whichever stores
 * and loops they belong to.
 *
 * Who fetches may go away at any time, or its loop may not be run any more:
 * then one of those who wait takes its place, so that nobody waits for more than
 * two ticks longer than for a fetch of its own. A failure is told to those who
 * want the same chunk of the same place (they would meet it as well); others
 * try theirs, one after the other. */
#ifndef SL_DATA_FLIGHT_H
#define SL_DATA_FLIGHT_H

#include <pthread.h>
#include <stdbool.h>

#include "data/cache.h"
#include "loop/loop.h"

#define SL_FLIGHT_TICK_NS UINT64_C(50000000)

typedef struct sl_flights sl_flights;
typedef struct sl_flight sl_flight;

typedef enum sl_flight_state {
    SL_FLIGHT_NONE,   /* not one of them */
    SL_FLIGHT_LEADS,  /* is to fetch it */
    SL_FLIGHT_WAITS,  /* for who does */
    SL_FLIGHT_HERE,   /* somebody has brought `blob`: a reference */
    SL_FLIGHT_FAILED, /* ... or failed with `err` */
    SL_FLIGHT_HURRY,  /* told to who leads: somebody waits for it now */
} sl_flight_state;

/* What one chunk's reader is to the others. Embed it, zeroed at first. */
struct sl_flight {
    /* What is wanted: content, by a digest that is declared, or by what else
     * names it. */
    uint8_t key[SL_DIGEST_SIZE];
    bool declared;
    size_t len;
    const void *place; /* with place_at: where from; NULL: nobody else's */
    uint64_t place_at;
    /* On its loop, never inside a call: what it is from now on. Its state and
     * results are read then only. */
    void (*told)(sl_flight *flight, sl_flight_state now);
    sl_blob *blob;
    sl_err err;
    /* The registry's. */
    sl_flights *all;
    sl_flight_state state;
    sl_flight *next, *prev;
    sl_loop *loop;
    pthread_t thread; /* that runs the loop */
    sl_wake wake;
    bool expecting; /* `wake` may be sent */
    bool listening; /* `wake` is for hurrying */
    bool hurried;
    uint64_t number; /* of its leading */
    sl_timer *timer;
    uint64_t watched; /* the number that led at the last tick, ... */
    uint32_t beats;   /* ... and its loop's beats */
};

sl_flights *sl_flights_new(void); /* NULL: out of memory */
void sl_flights_free(sl_flights *flights); /* NULL is fine; nobody is left */

/* First, on its loop. */
void sl_flight_init(sl_flight *flight, sl_flights *flights, sl_loop *loop,
                    void (*told)(sl_flight *flight, sl_flight_state now));
/* With the key set, on any thread: LEADS, then it is to fetch; or WAITS. LEADS
 * as well when it does already. */
sl_flight_state sl_flight_join(sl_flight *flight);
/* On its loop: waits. WAITS: it will be told; else what it is already, NONE when
 * it led and lost that again. `hurry`: somebody waits for it, it is no prefetch.
 */
sl_flight_state sl_flight_wait(sl_flight *flight, bool hurry);
/* On its loop, while it waits. */
void sl_flight_hurry(sl_flight *flight);
/* On its loop, while it leads but only prefetches: is told when somebody else
 * waits for it. True: somebody does. */
bool sl_flight_listen(sl_flight *flight);
/* Who leads has it (a reference is taken for each that waits), or has failed:
 * any thread. Nothing when it does not lead. */
void sl_flight_end(sl_flight *flight, sl_blob *blob, const sl_err *err);
/* On its loop: wants it no more, or is done. It is told nothing any more, and
 * lets go of what it was given. At any time. */
void sl_flight_leave(sl_flight *flight);

#endif
