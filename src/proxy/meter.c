/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The deadline is armed for the next time at which the pace could say something new, in charged
 * time; since charged time never runs faster than the clock, waking then is never too late, and at
 * worst once too early: the pace is asked, and the deadline armed again.
 */
#include "meter.h"

#include <sluice/loop/loop.h>

#define SINK_TICKS       8 /* samples per window */
#define SINK_TICK_MIN_MS 10
#define SINK_TICK_MAX_MS 5000

static uint64_t min_u64(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static uint64_t charge_ms(const struct sl_meter *m)
{
    return sl_loop_charge_ms(m->deadline.loop);
}

static void arm(struct sl_meter *m)
{
    uint64_t now = charge_ms(m), due = sl_pace_due_ms(&m->pace);
    uint64_t in = due == SL_UNLIMITED ? SL_UNLIMITED : due > now ? due - now : 0;

    if (m->sink)
        in = min_u64(in, m->tick_ms);
    if (in == SL_UNLIMITED)
        sl_deadline_clear(&m->deadline);
    else
        sl_deadline_arm(&m->deadline, m->phase, in);
}

static void note_gap(struct sl_meter *m, uint64_t now)
{
    uint64_t charged = sl_pace_charged_ms(&m->pace, now);
    uint64_t gap = charged - m->pace.progress_ms;
    if (gap > m->longest_gap_ms)
        m->longest_gap_ms = gap;
}

static void restart(struct sl_meter *m, uint64_t now)
{
    struct sl_limit limit = m->pace.limit;
    sl_pace_init(&m->pace, &limit);
    sl_pace_run(&m->pace, now);
}

/* What the sink has acknowledged since the last sample. True: nothing is waiting any more. */
static bool sample(struct sl_meter *m, uint64_t now)
{
    uint64_t written = sl_channel_written_bytes(m->sink);
    uint64_t unacked = sl_channel_unacked_bytes(m->sink);
    uint64_t acked = written > unacked ? written - unacked : 0;
    bool is_caught_up = acked >= m->mark;

    if (acked > m->acked) {
        note_gap(m, now);
        sl_pace_progress(&m->pace, acked - m->acked, now);
        m->acked = acked;
    }
    if (is_caught_up)
        restart(m, now);
    m->mark = written;
    return unacked == 0;
}

static void on_deadline(struct sl_deadline *d)
{
    struct sl_meter *m = sl_container_of(d, struct sl_meter, deadline);
    uint64_t now = charge_ms(m);

    if (m->sink && sample(m, now)) {
        sl_meter_stop(m);
        if (m->on_delivered)
            m->on_delivered(m);
        return;
    }
    if (!m->is_over && sl_pace_check(&m->pace, now) != SL_PACE_OK) {
        bool is_enforced = m->pace.limit.is_enforced;
        m->is_over = true;
        if (!is_enforced) { /* shadow mode: said once, then this phase is unlimited */
            m->pace.limit.limit_ms = m->pace.limit.total_ms = SL_UNLIMITED;
            m->pace.limit.rate_Bps = 0;
        }
        m->on_breach(m);
        if (is_enforced)
            return;
    }
    if (m->pace.is_running)
        arm(m);
}

void sl_meter_init(struct sl_meter *m, struct sl_loop *loop, struct sl_counters *counters,
                   void (*on_breach)(struct sl_meter *m))
{
    memset(m, 0, sizeof(*m));
    sl_deadline_init(&m->deadline, loop, on_deadline);
    m->counters = counters;
    m->phase = SL_PHASE_NONE;
    m->on_breach = on_breach;
}

void sl_meter_fini(struct sl_meter *m)
{
    sl_deadline_fini(&m->deadline);
}

void sl_meter_begin(struct sl_meter *m, enum sl_phase phase, const struct sl_limit *limit)
{
    sl_meter_end(m);
    sl_pace_init(&m->pace, limit);
    m->phase = phase;
    m->longest_gap_ms = 0;
    m->is_over = m->has_run = false;
    m->sink = NULL;
}

void sl_meter_begin_sink(struct sl_meter *m, enum sl_phase phase, const struct sl_limit *limit,
                         const struct sl_channel *sink)
{
    sl_meter_begin(m, phase, limit);
    m->sink = sink;
    m->acked = m->mark = 0;
    uint64_t shortest = min_u64(limit->limit_ms, limit->rate_Bps ? limit->window_ms : SL_UNLIMITED);
    m->tick_ms = min_u64(shortest / SINK_TICKS, SINK_TICK_MAX_MS);
    if (m->tick_ms < SINK_TICK_MIN_MS)
        m->tick_ms = SINK_TICK_MIN_MS;
}

void sl_meter_run(struct sl_meter *m)
{
    if (m->pace.is_running)
        return;
    m->has_run = true;
    sl_pace_run(&m->pace, charge_ms(m));
    if (m->sink) {
        m->mark = sl_channel_written_bytes(m->sink);
        if (m->acked == 0) /* what was acknowledged before this phase is not its progress */
            m->acked = m->mark > sl_channel_unacked_bytes(m->sink)
                           ? m->mark - sl_channel_unacked_bytes(m->sink)
                           : 0;
    }
    arm(m);
}

void sl_meter_stop(struct sl_meter *m)
{
    if (!m->pace.is_running)
        return;
    note_gap(m, charge_ms(m));
    sl_pace_stop(&m->pace, charge_ms(m));
    sl_deadline_clear(&m->deadline);
}

void sl_meter_progress(struct sl_meter *m, uint64_t n_bytes)
{
    uint64_t now = charge_ms(m);
    note_gap(m, now);
    sl_pace_progress(&m->pace, n_bytes, now);
}

void sl_meter_watch(struct sl_meter *m, uint64_t tick_ms)
{
    m->tick_ms = min_u64(m->tick_ms, tick_ms);
    if (m->pace.is_running)
        arm(m);
}

void sl_meter_end(struct sl_meter *m)
{
    if (m->phase == SL_PHASE_NONE)
        return;
    sl_meter_stop(m);
    if (m->has_run && !m->is_over)
        sl_counters_headroom(m->counters, m->phase, m->longest_gap_ms, m->pace.limit.limit_ms);
    m->phase = SL_PHASE_NONE;
}
