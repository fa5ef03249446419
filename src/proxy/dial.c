/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: pick an endpoint; a link rests there: done. Else connect, and wait for it.
 *
 * What may fail: every endpoint is at its limit (wait in the queue, oldest first); the queue is
 * full or its deadline expires (503); connecting fails or its deadline expires (the next address of
 * the endpoint's name, then the next endpoint that was not tried; the last one's failure is told).
 * Nothing has been sent by then, so trying another is always right.
 *
 * The dial owns the link that is connecting; on_done hands it over.
 */
#include "dial.h"

#include "inner.h"
#include "expiry.h"

static const struct sl_link_events dialling_events;

static void done(struct sl_dial *d, struct sl_link *link, bool is_reused)
{
    struct sl_cause cause = link ? (struct sl_cause){SL_PHASE_NONE, SL_SIDE_NONE, 0} : d->last;

    sl_deadline_clear(&d->deadline);
    sl_list_unlink(&d->queue);
    sl_deferred_cancel(&d->wake);
    d->upstream = NULL;
    d->on_done(d->owner, link, is_reused, &cause);
}

static void leave_queue(struct sl_dial *d)
{
    if (sl_list_is_linked(&d->queue)) {
        sl_list_unlink(&d->queue);
        d->upstream->n_queued--;
        sl_expiry_ended_well(&d->deadline, d->upstream->set->proxy->counters,
                             &d->limits->phase[SL_PHASE_UPSTREAM_QUEUE]);
    }
}

static void enter_queue(struct sl_dial *d)
{
    struct sl_upstream *u = d->upstream;
    const struct sl_limit *limit = &d->limits->phase[SL_PHASE_UPSTREAM_QUEUE];

    if (sl_list_is_linked(&d->queue))
        return;
    if (u->n_queued >= u->config->max_queue) {
        d->last = (struct sl_cause){SL_PHASE_UPSTREAM_QUEUE, SL_SIDE_POOL, SL_ERR_LIMIT};
        done(d, NULL, false);
        return;
    }
    u->n_queued++;
    sl_list_append(&u->queue, &d->queue);
    sl_count_add(&u->set->proxy->counters->count[SL_COUNT_UPSTREAM_QUEUED], 1);
    sl_deadline_arm(&d->deadline, SL_PHASE_UPSTREAM_QUEUE, limit->limit_ms);
}

/* An attempt to connect came to nothing. */
static void note_failure(struct sl_dial *d, struct sl_endpoint *e, int err)
{
    e->n_failures++;
    sl_count_add(&d->upstream->set->proxy->counters->count[SL_COUNT_UPSTREAM_FAILURES], 1);
    d->last = (struct sl_cause){SL_PHASE_UPSTREAM_CONNECT, SL_SIDE_UPSTREAM, err};
    sl_endpoint_leave_addr(e, d->to);
}

/* Or is it we who lack something? */
static bool is_of_the_endpoint(int err)
{
    return err != SL_ERR_MEMORY && err != SL_ERR_NO_FDS;
}

/* Connects to what is left of the endpoint's addresses. False: none of them will do. */
static bool connect_to(struct sl_dial *d, struct sl_endpoint *e)
{
    while (d->n_addrs_left > 0) {
        d->n_addrs_left--;
        d->to = sl_endpoint_addr(e);
        sl_endpoint_make_room(e);
        sl_count_add(&d->upstream->set->proxy->counters->count[SL_COUNT_UPSTREAM_CONNECTS], 1);
        int err = sl_link_open(e, &dialling_events, d, &d->connecting);
        if (err == 0) {
            sl_deadline_arm(&d->deadline, SL_PHASE_UPSTREAM_CONNECT,
                            d->limits->phase[SL_PHASE_UPSTREAM_CONNECT].limit_ms);
            return true;
        }
        note_failure(d, e, err);
    }
    if (is_of_the_endpoint(d->last.err))
        sl_endpoint_fails(e);
    return false;
}

static void attempt(struct sl_dial *d)
{
    struct sl_counters *counters = d->upstream->set->proxy->counters;

    for (;;) {
        bool is_full;
        struct sl_endpoint *e = sl_upstream_pick(d->upstream, &d->tried, &is_full);
        if (!e && is_full) {
            enter_queue(d);
            return;
        }
        leave_queue(d);
        if (!e) {
            done(d, NULL, false);
            return;
        }
        struct sl_link *idle;
        while (d->can_reuse && (idle = sl_endpoint_take_idle(e))) {
            sl_link_take(idle, &dialling_events, d);
            if (!idle->channel.has_ended) {
                sl_count_add(&counters->count[SL_COUNT_UPSTREAM_REUSES], 1);
                done(d, idle, true);
                return;
            }
            sl_link_close(&idle, SL_CHANNEL_CLEAN);
        }
        sl_tried_add(&d->tried, e);
        d->n_addrs_left = e->plan->n_addrs;
        if (connect_to(d, e))
            return;
        sl_upstream_wake(d->upstream); /* the slot was not used: it goes to the next */
    }
}

/* Not within sl_dial_begin: whoever counts phases must be told. */
static void attempt_again(struct sl_dial *d)
{
    attempt(d);
    if (d->upstream)
        d->on_phase(d->owner);
}

/* The connection that was being made came to nothing. */
static void give_up_connecting(struct sl_dial *d, int err)
{
    struct sl_endpoint *e = d->connecting->endpoint;
    char to_buf[SL_ADDR_TEXT_BYTES];
    struct sl_str to;

    sl_str_init(&to, to_buf, sizeof(to_buf));
    sl_addr_write(d->to, &to);
    sl_log(SL_LOG_WARN, "connecting to upstream %s endpoint %s (%s) failed: %s",
           d->upstream->config->name, e->config->text, to_buf, sl_err_str(err));
    note_failure(d, e, err);
    sl_deadline_clear(&d->deadline);
    sl_link_close(&d->connecting, SL_CHANNEL_RESET);
    if (!connect_to(d, e))
        attempt_again(d);
}

static void on_open(void *owner, int err)
{
    struct sl_dial *d = owner;

    if (err != 0) {
        give_up_connecting(d, err);
        return;
    }
    struct sl_link *link = d->connecting;
    d->connecting = NULL;
    sl_expiry_ended_well(&d->deadline, d->upstream->set->proxy->counters,
                         &d->limits->phase[SL_PHASE_UPSTREAM_CONNECT]);
    done(d, link, false);
}

static const struct sl_link_events dialling_events = {.on_open = on_open};

/* Out of the queue without a slot. One that it was called for goes to the next. */
static void abandon_queue(struct sl_dial *d)
{
    bool was_woken = sl_dial_is_woken(d);

    if (!sl_list_is_linked(&d->queue))
        return;
    sl_list_unlink(&d->queue);
    d->upstream->n_queued--;
    sl_deferred_cancel(&d->wake);
    if (was_woken)
        sl_upstream_wake(d->upstream);
}

/* A slot that came free in the very turn in which the queue's deadline expires is in time. */
static bool is_served_at_last(struct sl_dial *d)
{
    if (!sl_dial_is_woken(d))
        return false;
    sl_deferred_cancel(&d->wake);
    attempt_again(d);
    return !sl_list_is_linked(&d->queue);
}

static void on_deadline(struct sl_deadline *deadline)
{
    struct sl_dial *d = sl_container_of(deadline, struct sl_dial, deadline);
    enum sl_phase phase = deadline->phase;

    if (phase == SL_PHASE_UPSTREAM_QUEUE && is_served_at_last(d))
        return;
    if (!sl_expiry_cuts(d->upstream->set->proxy, phase, &d->limits->phase[phase], d->peer))
        return;
    if (phase == SL_PHASE_UPSTREAM_CONNECT) {
        give_up_connecting(d, SL_ERR_TIMEOUT);
        return;
    }
    abandon_queue(d);
    d->last = (struct sl_cause){SL_PHASE_UPSTREAM_QUEUE, SL_SIDE_POOL, SL_ERR_TIMEOUT};
    done(d, NULL, false);
}

static void on_wake(struct sl_deferred *deferred)
{
    struct sl_dial *d = sl_container_of(deferred, struct sl_dial, wake);
    if (d->upstream && !d->connecting)
        attempt_again(d);
}

void sl_dial_wake(struct sl_dial *d)
{
    sl_defer(d->deadline.loop, &d->wake);
}

bool sl_dial_is_woken(const struct sl_dial *d)
{
    return sl_list_is_linked(&d->wake.link);
}

void sl_dial_init(struct sl_dial *d, struct sl_loop *loop, sl_dial_fn *on_done,
                  void (*on_phase)(void *owner), void *owner)
{
    memset(d, 0, sizeof(*d));
    sl_list_init(&d->queue);
    sl_deadline_init(&d->deadline, loop, on_deadline);
    sl_deferred_init(&d->wake, on_wake);
    d->on_done = on_done;
    d->on_phase = on_phase;
    d->owner = owner;
}

void sl_dial_begin(struct sl_dial *d, struct sl_upstream *upstream,
                   const struct sl_deadlines *limits, const struct sl_addr *peer, bool can_reuse)
{
    d->upstream = upstream;
    d->limits = limits;
    d->peer = peer;
    d->can_reuse = can_reuse;
    memset(&d->tried, 0, sizeof(d->tried));
    d->last = (struct sl_cause){SL_PHASE_UPSTREAM_CONNECT, SL_SIDE_UPSTREAM, SL_ERR_NOT_FOUND};
    attempt(d);
}

void sl_dial_cancel(struct sl_dial *d)
{
    if (!d->upstream)
        return;
    sl_deadline_clear(&d->deadline);
    abandon_queue(d);
    d->upstream = NULL;
    sl_link_close(&d->connecting, SL_CHANNEL_RESET);
}

void sl_dial_fini(struct sl_dial *d)
{
    sl_dial_cancel(d);
    sl_deadline_fini(&d->deadline);
}

enum sl_phase sl_dial_phase(const struct sl_dial *d)
{
    return !d->upstream    ? SL_PHASE_NONE
           : d->connecting ? SL_PHASE_UPSTREAM_CONNECT
                           : SL_PHASE_UPSTREAM_QUEUE;
}
