#include "data/flight.h"

#include <stddef.h>
#include <string.h>

#include "base/alloc.h"

enum { BUCKETS = 256 };

/* Everything in it, and in its flights but for timers and wakes, with the
 * lock. A flight that is in it belongs to a loop that lives. */
struct sl_flights {
    pthread_mutex_t lock;
    uint64_t numbers;
    sl_flight *buckets[BUCKETS];
};

sl_flights *sl_flights_new(void)
{
    sl_flights *flights = sl_calloc(1, sizeof *flights);
    if (flights != NULL)
        pthread_mutex_init(&flights->lock, NULL);
    return flights;
}

void sl_flights_free(sl_flights *flights)
{
    if (flights == NULL)
        return;
    pthread_mutex_destroy(&flights->lock);
    sl_free(flights);
}

/* --- With the lock -------------------------------------------------------------- */

static sl_flight **bucket(const sl_flight *f)
{
    return &f->all->buckets[f->key[0]];
}

static bool same_content(const sl_flight *a, const sl_flight *b)
{
    return a->len == b->len && a->declared == b->declared &&
           memcmp(a->key, b->key, sizeof a->key) == 0;
}

static sl_flight *leader_of(const sl_flight *f)
{
    sl_flight *l = *bucket(f);
    while (l != NULL && !(l->state == SL_FLIGHT_LEADS && same_content(l, f)))
        l = l->next;
    return l;
}

static void enter(sl_flight *f)
{
    sl_flight **at = bucket(f);
    f->prev = NULL;
    f->next = *at;
    if (f->next != NULL)
        f->next->prev = f;
    *at = f;
}

static void leave(sl_flight *f, sl_flight_state now)
{
    *(f->prev != NULL ? &f->prev->next : bucket(f)) = f->next;
    if (f->next != NULL)
        f->next->prev = f->prev;
    f->next = f->prev = NULL;
    f->state = now;
}

static void lead(sl_flight *f)
{
    f->state = SL_FLIGHT_LEADS;
    f->number = ++f->all->numbers;
}

static void tell(sl_flight *f)
{
    if (f->expecting)
        sl_wake_send(&f->wake);
}

/* Those who wait for it, from `f` on. */
static sl_flight *waiting(sl_flight *f, const sl_flight *of)
{
    while (f != NULL && !(f->state == SL_FLIGHT_WAITS && same_content(f, of)))
        f = f->next;
    return f;
}

static bool same_place(const sl_flight *a, const sl_flight *b)
{
    return a->place != NULL && a->place == b->place &&
           a->place_at == b->place_at;
}

/* The one that led is gone: another does, and the others see for whom they wait
 * now. */
static void promote(const sl_flight *gone)
{
    sl_flight *first = waiting(*bucket(gone), gone);
    if (first == NULL)
        return;
    lead(first);
    for (sl_flight *f = first; f != NULL; f = waiting(f->next, gone))
        tell(f);
}

static void deliver(const sl_flight *of, sl_blob *blob)
{
    for (sl_flight *f; (f = waiting(*bucket(of), of)) != NULL; tell(f)) {
        f->blob = sl_blob_ref(blob);
        leave(f, SL_FLIGHT_HERE);
    }
}

static void fail_same(const sl_flight *of, const sl_err *err)
{
    for (sl_flight *f = waiting(*bucket(of), of), *next; f != NULL; f = next) {
        next = waiting(f->next, of);
        if (!same_place(f, of))
            continue;
        f->err = *err;
        leave(f, SL_FLIGHT_FAILED);
        tell(f);
    }
}

/* Takes the place of one that does not get on. */
static void depose(sl_flight *f, sl_flight *leader)
{
    leave(leader, SL_FLIGHT_NONE);
    lead(f);
}

/* --- Waiting -------------------------------------------------------------------- */

static sl_flight_state state_of(sl_flight *f)
{
    pthread_mutex_lock(&f->all->lock);
    sl_flight_state now = f->state;
    pthread_mutex_unlock(&f->all->lock);
    return now;
}

/* What it is told is final: nothing else is on its way. */
static void stop_waiting(sl_flight *f)
{
    pthread_mutex_lock(&f->all->lock);
    f->expecting = f->listening = false;
    pthread_mutex_unlock(&f->all->lock);
    sl_wake_cancel(&f->wake);
    sl_timer_cancel(f->timer);
    f->timer = NULL;
}

static void on_tick(void *arg);

/* Somebody else's loop may not be run, and nobody would know. A loop of the same
 * thread is not, while this one is. */
static void watch(sl_flight *f)
{
    bool elsewhere = false;
    pthread_mutex_lock(&f->all->lock);
    if (f->state == SL_FLIGHT_WAITS) {
        sl_flight *leader = leader_of(f);
        elsewhere = leader->loop != f->loop;
        if (elsewhere && pthread_equal(leader->thread, f->thread))
            depose(f, leader);
    }
    elsewhere = elsewhere && f->state == SL_FLIGHT_WAITS;
    pthread_mutex_unlock(&f->all->lock);
    if (!elsewhere || f->timer != NULL)
        return;
    f->timer = sl_timer_start(f->loop, SL_FLIGHT_TICK_NS, on_tick, f, NULL);
    if (f->timer != NULL)
        return;
    pthread_mutex_lock(&f->all->lock); /* no memory: fetches it itself */
    if (f->state == SL_FLIGHT_WAITS)
        depose(f, leader_of(f));
    pthread_mutex_unlock(&f->all->lock);
}

static void go_on(sl_flight *f)
{
    sl_flight_state now = sl_flight_wait(f, false);
    if (now != SL_FLIGHT_WAITS)
        f->told(f, now);
}

static void on_tick(void *arg)
{
    sl_flight *f = arg;
    f->timer = NULL;
    pthread_mutex_lock(&f->all->lock);
    sl_flight *leader = f->state == SL_FLIGHT_WAITS ? leader_of(f) : NULL;
    if (leader != NULL && leader->loop != f->loop) {
        uint32_t beats = sl_loop_beats(leader->loop);
        if (f->watched == leader->number && f->beats == beats) {
            depose(f, leader);
        } else {
            f->watched = leader->number;
            f->beats = beats;
            sl_loop_ping(leader->loop);
        }
    }
    pthread_mutex_unlock(&f->all->lock);
    go_on(f);
}

static void on_wake(sl_wake *wake)
{
    sl_flight *f =
        (sl_flight *)(void *)((char *)wake - offsetof(sl_flight, wake));
    pthread_mutex_lock(&f->all->lock);
    f->expecting = false;
    pthread_mutex_unlock(&f->all->lock);
    if (f->listening)
        f->told(f, SL_FLIGHT_HURRY);
    else
        go_on(f);
}

sl_flight_state sl_flight_wait(sl_flight *f, bool hurry)
{
    sl_wake_expect(f->loop, &f->wake);
    pthread_mutex_lock(&f->all->lock);
    f->expecting = true;
    pthread_mutex_unlock(&f->all->lock);
    watch(f);
    sl_flight_state now = state_of(f);
    if (now != SL_FLIGHT_WAITS)
        stop_waiting(f);
    else if (hurry)
        sl_flight_hurry(f);
    return now;
}

/* --- The rest -------------------------------------------------------------------- */

void sl_flight_init(sl_flight *f, sl_flights *flights, sl_loop *loop,
                    void (*told)(sl_flight *flight, sl_flight_state now))
{
    f->all = flights;
    f->loop = loop;
    f->thread = pthread_self();
    f->told = told;
    f->wake.fn = on_wake;
}

sl_flight_state sl_flight_join(sl_flight *f)
{
    pthread_mutex_lock(&f->all->lock);
    if (f->state == SL_FLIGHT_NONE) {
        bool first = leader_of(f) == NULL;
        enter(f);
        f->state = SL_FLIGHT_WAITS;
        if (first)
            lead(f);
    }
    sl_flight_state now = f->state;
    pthread_mutex_unlock(&f->all->lock);
    return now;
}

void sl_flight_hurry(sl_flight *f)
{
    pthread_mutex_lock(&f->all->lock);
    sl_flight *leader = f->state == SL_FLIGHT_WAITS ? leader_of(f) : NULL;
    if (leader != NULL && !leader->hurried) {
        leader->hurried = true;
        if (leader->listening)
            tell(leader);
    }
    pthread_mutex_unlock(&f->all->lock);
}

bool sl_flight_listen(sl_flight *f)
{
    sl_wake_listen(f->loop, &f->wake);
    pthread_mutex_lock(&f->all->lock);
    f->expecting = f->listening = true;
    bool hurried = f->hurried;
    pthread_mutex_unlock(&f->all->lock);
    return hurried;
}

void sl_flight_end(sl_flight *f, sl_blob *blob, const sl_err *err)
{
    pthread_mutex_lock(&f->all->lock);
    if (f->state == SL_FLIGHT_LEADS) {
        leave(f, SL_FLIGHT_NONE);
        if (blob != NULL)
            deliver(f, blob);
        else if (err != NULL && err->code == SL_EIO)
            fail_same(f, err);
        promote(f);
    }
    pthread_mutex_unlock(&f->all->lock);
}

void sl_flight_leave(sl_flight *f)
{
    if (f->all == NULL)
        return;
    stop_waiting(f);
    pthread_mutex_lock(&f->all->lock);
    bool led = f->state == SL_FLIGHT_LEADS;
    if (led || f->state == SL_FLIGHT_WAITS)
        leave(f, SL_FLIGHT_NONE);
    f->state = SL_FLIGHT_NONE;
    if (led)
        promote(f);
    pthread_mutex_unlock(&f->all->lock);
    sl_blob_unref(f->blob);
    f->blob = NULL;
}
