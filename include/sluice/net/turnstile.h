/* SPDX-License-Identifier: Apache-2.0 */
/*
 * turnstile: how much of each turn of a loop goes to TLS handshakes. A handshake costs a hundred
 * times what a request costs; without a bound, a burst of them would be one long turn, and
 * everybody who has a connection would wait for its end.
 *
 * A channel whose handshake has bytes to work on asks to enter. While the turn's budget lasts and
 * nobody waits, it may at once. Else it waits in line; the lines are served at the end of each
 * turn, after the connections that are established, until the budget is used up, and at least one
 * handshake of each line, so that whatever the others cost every line moves.
 *
 * There are two lines, each first in, first out. Handshakes whose hello was answered come first:
 * they are nearly done and what was spent on them is not wasted. They cannot keep the others out,
 * because each of them has been through the other line before, and because of the "at least one".
 */
#ifndef SLUICE_NET_TURNSTILE_H
#define SLUICE_NET_TURNSTILE_H

#include <sluice/base/counters.h>
#include <sluice/loop/reaper.h>

/* Of each turn. Less than a handshake costs, so that it is one in most turns: the shortest that
   still make progress. */
#define SL_TURNSTILE_BUDGET_US 100
/* A turn in which others work long has a larger budget: this part of what they took. Else very many
   established connections could leave next to nothing for new ones. */
#define SL_TURNSTILE_PART 4

struct sl_loop;
struct sl_waiter;

enum sl_line {
    SL_LINE_ANSWERED, /* the client's second flight is here: cheap, and then it is done */
    SL_LINE_HELLO,
    SL_N_LINES,
};

/* Its time has come: it has entered, and leaves when this returns. */
typedef void sl_waiter_fn(struct sl_waiter *w);

struct sl_turnstile {
    struct sl_loop *loop;
    sl_waiter_fn *on_turn;
    struct sl_counters *counters;     /* handshakes_waiting, handshake_wait, SL_COUNT_HS_WAITED */
    struct sl_list lines[SL_N_LINES]; /* struct sl_waiter, who came first is first */
    struct sl_deferred serve;
    uint64_t turn; /* of which the next two are */
    uint64_t budget_us, spent_us;
    uint64_t entered_us; /* since when somebody is inside */
};

/* A place in line; embedded in who waits, and small, as every connection has one. */
struct sl_waiter {
    struct sl_list link;
    struct sl_turnstile *turnstile;
    uint32_t since_ms; /* the low bits of the loop's time */
    uint8_t line;      /* enum sl_line */
    bool has_waited;   /* counted */
};

/* on_turn is told whenever it is somebody's turn. */
void sl_turnstile_init(struct sl_turnstile *ts, struct sl_loop *loop, struct sl_counters *counters,
                       sl_waiter_fn *on_turn);
/* Nobody may wait. */
void sl_turnstile_fini(struct sl_turnstile *ts);

void sl_waiter_init(struct sl_waiter *w, struct sl_turnstile *ts);
/* True: go ahead, and call sl_turnstile_leave when the work is done. False: wait. */
bool sl_turnstile_enter(struct sl_turnstile *ts, enum sl_line line);
void sl_turnstile_leave(struct sl_turnstile *ts);
void sl_waiter_wait(struct sl_waiter *w, enum sl_line line);
/* Serves it now, out of turn. It must be waiting. */
void sl_waiter_hurry(struct sl_waiter *w);
/* Idempotent. */
void sl_waiter_cancel(struct sl_waiter *w);

static inline bool sl_waiter_is_waiting(const struct sl_waiter *w)
{
    return sl_list_is_linked(&w->link);
}

#endif
