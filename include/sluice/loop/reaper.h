/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper: what happens at the end of a turn. Deferred calls first, in the order in which they were
 * asked for (those asked for meanwhile run in the same turn, bounded, then in the next); then
 * memory that was condemned is freed. Close unlinks now; memory goes at the end of the turn.
 */
#ifndef SLUICE_LOOP_REAPER_H
#define SLUICE_LOOP_REAPER_H

#include <sluice/base/list.h>

struct sl_loop;
struct sl_deferred;

typedef void sl_deferred_fn(struct sl_deferred *d);

/* Embedded in the object that wants to be called. */
struct sl_deferred {
    struct sl_list link;
    sl_deferred_fn *fn;
    bool is_next; /* linked, and waiting for the next poll */
};

void sl_deferred_init(struct sl_deferred *d, sl_deferred_fn *fn);
/* Once per turn however often it is asked for. */
void sl_defer(struct sl_loop *loop, struct sl_deferred *d);
/* In the next turn, after the next poll: to yield to others (fairness). A call that is asked for
   both ways runs at the sooner time. */
void sl_defer_next(struct sl_loop *loop, struct sl_deferred *d);
void sl_deferred_cancel(struct sl_deferred *d);

/* The first bytes of an object that is to be freed at the end of the turn. */
struct sl_grave {
    struct sl_list link;
    void (*fn)(struct sl_grave *g); /* frees it */
};

void sl_reap(struct sl_loop *loop, struct sl_grave *g, void (*fn)(struct sl_grave *g));

#endif
