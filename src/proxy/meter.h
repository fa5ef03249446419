/* SPDX-License-Identifier: Apache-2.0 */
/*
 * meter: a progress phase in force: a pace with the deadline that watches it.
 *
 * A source meter measures a party that sends to us; its owner reports progress and says when the
 * party is awaited. A sink meter measures a party that we send to: what counts is what its kernel
 * has acknowledged, which nobody reports, so it is sampled at each tick. A party that has taken all
 * that waited for it at the last tick is caught up and owes nothing: its window begins anew. So a
 * slow trickle of our own making is never held against it.
 */
#ifndef SLUICE_PROXY_METER_H
#define SLUICE_PROXY_METER_H

#include <sluice/base/counters.h>
#include <sluice/base/pace.h>
#include <sluice/loop/deadline.h>
#include <sluice/net/channel.h>

struct sl_meter {
    struct sl_deadline deadline;
    struct sl_pace pace;
    struct sl_counters *counters;
    enum sl_phase phase;
    uint64_t longest_gap_ms;       /* for head-room */
    const struct sl_channel *sink; /* NULL: a source meter */
    uint64_t acked, mark;          /* sink: acknowledged so far; written at the last tick */
    uint64_t tick_ms;              /* sink: time between samples */
    bool is_over;                  /* breached; said once */
    bool has_run;
    /* The deadline expired. In shadow mode (pace.limit.is_enforced false) it is told as well; the
       owner counts and logs it, and cuts nothing. */
    void (*on_breach)(struct sl_meter *m);
    /* Sink only, may be NULL: at a tick, nothing was waiting any more; the meter has stopped. */
    void (*on_delivered)(struct sl_meter *m);
};

void sl_meter_init(struct sl_meter *m, struct sl_loop *loop, struct sl_counters *counters,
                   void (*on_breach)(struct sl_meter *m));
void sl_meter_fini(struct sl_meter *m);
/* A new phase under this limit, not running. */
void sl_meter_begin(struct sl_meter *m, enum sl_phase phase, const struct sl_limit *limit);
/* The same for what goes to `sink`. */
void sl_meter_begin_sink(struct sl_meter *m, enum sl_phase phase, const struct sl_limit *limit,
                         const struct sl_channel *sink);
/* The party holds the ball / no longer does. Idempotent. */
void sl_meter_run(struct sl_meter *m);
void sl_meter_stop(struct sl_meter *m);
void sl_meter_progress(struct sl_meter *m, uint64_t n_bytes);
/* Sink: sample every `tick_ms` from now on, because somebody waits for the delivery. */
void sl_meter_watch(struct sl_meter *m, uint64_t tick_ms);
/* The phase ended well: its head-room is counted. Idempotent. */
void sl_meter_end(struct sl_meter *m);

static inline bool sl_meter_is_running(const struct sl_meter *m)
{
    return m->pace.is_running;
}

#endif
