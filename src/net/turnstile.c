/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: the turn's budget is not used up and nobody waits: who asks enters, and the time
 * until it leaves is taken off the budget.
 *
 * Under a flood: who asks is put in line. The lines are served by a deferred call at the end of the
 * next turn, and of each one after it while anybody is left; the poll between two turns does not
 * block then. By that time it is known how long the others have worked, and the budget grows with
 * it. The budget is over when it is used up, not before: a turn's last handshake may
 * overdraw it by its own cost.
 *
 * Who waits may give up at any moment, even while another is served: serving takes the first of the
 * line each time, and holds no pointer to the next.
 *
 * Nothing here allocates or fails. The waiters belong to who embeds them.
 */
#include <sluice/net/turnstile.h>

#include <assert.h>
#include <sluice/loop/loop.h>

static bool is_nobody_in(const struct sl_turnstile *ts, enum sl_line line)
{
    return sl_list_is_empty(&ts->lines[line]);
}

/* Another turn, another budget. */
static void note_turn(struct sl_turnstile *ts)
{
    uint64_t turn = sl_loop_n_turns(ts->loop);

    if (ts->turn == turn)
        return;
    ts->turn = turn;
    ts->budget_us = SL_TURNSTILE_BUDGET_US;
    ts->spent_us = 0;
}

static bool has_budget(const struct sl_turnstile *ts)
{
    return ts->spent_us < ts->budget_us;
}

static void enter(struct sl_turnstile *ts)
{
    ts->entered_us = sl_loop_busy_us(ts->loop);
}

void sl_turnstile_leave(struct sl_turnstile *ts)
{
    ts->spent_us += sl_loop_busy_us(ts->loop) - ts->entered_us;
}

bool sl_turnstile_enter(struct sl_turnstile *ts, enum sl_line line)
{
    if (!is_nobody_in(ts, SL_LINE_ANSWERED))
        return false;
    if (line == SL_LINE_HELLO && !is_nobody_in(ts, SL_LINE_HELLO))
        return false;
    note_turn(ts);
    if (!has_budget(ts))
        return false;
    enter(ts);
    return true;
}

/* ---- waiting ---- */

static uint32_t now_ms(const struct sl_turnstile *ts)
{
    return (uint32_t)sl_loop_now_ms(ts->loop);
}

void sl_waiter_init(struct sl_waiter *w, struct sl_turnstile *ts)
{
    sl_list_init(&w->link);
    w->turnstile = ts;
    w->has_waited = false;
}

void sl_waiter_wait(struct sl_waiter *w, enum sl_line line)
{
    struct sl_turnstile *ts = w->turnstile;

    assert(!sl_waiter_is_waiting(w));
    w->line = (uint8_t)line;
    w->since_ms = now_ms(ts);
    sl_list_append(&ts->lines[line], &w->link);
    sl_count_add(&ts->counters->handshakes_waiting, 1);
    if (!w->has_waited)
        sl_count_add(&ts->counters->count[SL_COUNT_HS_WAITED], 1);
    w->has_waited = true;
    sl_defer_next(ts->loop, &ts->serve);
}

void sl_waiter_cancel(struct sl_waiter *w)
{
    if (!sl_waiter_is_waiting(w))
        return;
    sl_list_unlink(&w->link);
    sl_count_sub(&w->turnstile->counters->handshakes_waiting, 1);
    /* The wait of who gives up is a wait, too. */
    sl_histogram_add(&w->turnstile->counters->handshake_wait, now_ms(w->turnstile) - w->since_ms);
}

void sl_waiter_hurry(struct sl_waiter *w)
{
    struct sl_turnstile *ts = w->turnstile; /* the call may end its owner */

    note_turn(ts);
    sl_waiter_cancel(w);
    enter(ts);
    ts->on_turn(w);
    sl_turnstile_leave(ts);
}

static void serve_line(struct sl_turnstile *ts, enum sl_line line)
{
    do {
        struct sl_list *first = sl_list_first(&ts->lines[line]);
        if (!first)
            return;
        sl_waiter_hurry(sl_list_entry(first, struct sl_waiter, link));
    } while (has_budget(ts));
}

static void on_serve(struct sl_deferred *d)
{
    struct sl_turnstile *ts = sl_container_of(d, struct sl_turnstile, serve);

    note_turn(ts);
    uint64_t part_us = (sl_loop_busy_us(ts->loop) - ts->spent_us) / SL_TURNSTILE_PART;
    if (ts->budget_us < part_us)
        ts->budget_us = part_us;
    serve_line(ts, SL_LINE_ANSWERED);
    serve_line(ts, SL_LINE_HELLO);
    if (!is_nobody_in(ts, SL_LINE_ANSWERED) || !is_nobody_in(ts, SL_LINE_HELLO))
        sl_defer_next(ts->loop, &ts->serve);
}

/* ---- life ---- */

void sl_turnstile_init(struct sl_turnstile *ts, struct sl_loop *loop, struct sl_counters *counters,
                       sl_waiter_fn *on_turn)
{
    ts->loop = loop;
    ts->on_turn = on_turn;
    ts->counters = counters;
    for (size_t i = 0; i < SL_N_LINES; i++)
        sl_list_init(&ts->lines[i]);
    sl_deferred_init(&ts->serve, on_serve);
    ts->turn = 0;
    ts->budget_us = SL_TURNSTILE_BUDGET_US;
    ts->spent_us = 0;
    ts->entered_us = 0;
}

void sl_turnstile_fini(struct sl_turnstile *ts)
{
    assert(is_nobody_in(ts, SL_LINE_ANSWERED) && is_nobody_in(ts, SL_LINE_HELLO));
    sl_deferred_cancel(&ts->serve);
}
