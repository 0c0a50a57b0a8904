/* What the files of loop/ share. */
#ifndef SL_LOOP_LOOP_INT_H
#define SL_LOOP_LOOP_INT_H

#include <pthread.h>
#include <uv.h>

#include "loop/loop.h"

struct sl_loop {
    uv_loop_t own;
    uv_loop_t *uv; /* &own or the embedder's */
    bool owned, closing;
    uint32_t turning; /* run from here, or what was posted runs */
    uv_idle_t idle; /* runs, and keeps the loop from sleeping, only while
                       something is posted */
    sl_post *first, *last;
    uint32_t n_posts;
    uv_async_t async;     /* keeps the loop alive only while wakes are expected */
    pthread_mutex_t lock; /* of what has been sent */
    sl_wake *sent;
    uint32_t held; /* by wakes */
    uint32_t beats;
    uint32_t active; /* timers, polls, work and wakes under way */
    uint32_t open;   /* libuv handles and requests not closed yet */
};

/* A libuv handle or request of ours came or went; the last one to go frees a
 * closing loop. */
void sl_loop_opened(sl_loop *loop);
void sl_loop_closed(sl_loop *loop);

#endif
