/* SPDX-License-Identifier: Apache-2.0 */
/*
 * reaper: the end of a turn. Deferred calls run in rounds: a round is what had been asked for when
 * it began, what the round asks for is the next round. After N_ROUNDS the sockets are polled again
 * before the rest runs, so two objects that keep waking each other cannot starve the others.
 *
 * Calls that are to wait for the next poll are on a list of their own; it becomes part of the
 * turn's list right before that poll.
 *
 * Graves come last: no deferred call and no event is on the stack then.
 */
#include <assert.h>

#include "loop_private.h"

#define N_ROUNDS 16

void sl_reaper_init(struct sl_reaper *r)
{
    sl_list_init(&r->now);
    sl_list_init(&r->next);
    sl_list_init(&r->running);
    sl_list_init(&r->graves);
}

bool sl_reaper_has_work(const struct sl_reaper *r)
{
    return !sl_list_is_empty(&r->now) || !sl_list_is_empty(&r->next) ||
           !sl_list_is_empty(&r->graves);
}

void sl_reaper_begin(struct sl_reaper *r)
{
    sl_list_foreach (node, &r->next)
        sl_list_entry(node, struct sl_deferred, link)->is_next = false;
    sl_list_splice(&r->now, &r->next);
}

static void run_round(struct sl_reaper *r)
{
    struct sl_list *node;

    sl_list_splice(&r->running, &r->now);
    while ((node = sl_list_first(&r->running)) != NULL) {
        struct sl_deferred *d = sl_list_entry(node, struct sl_deferred, link);
        sl_list_unlink(node);
        d->fn(d); /* may free it, and may cancel others of this round */
    }
}

static void bury(struct sl_reaper *r)
{
    struct sl_list graves;
    struct sl_list *node;

    sl_list_init(&graves);
    sl_list_splice(&graves, &r->graves);
    while ((node = sl_list_first(&graves)) != NULL) {
        struct sl_grave *g = sl_list_entry(node, struct sl_grave, link);
        sl_list_unlink(node);
        g->fn(g);
    }
}

void sl_reaper_turn(struct sl_reaper *r)
{
    for (int round = 0; round < N_ROUNDS && !sl_list_is_empty(&r->now); round++)
        run_round(r);
    bury(r);
}

/* ---- the door ---- */

void sl_deferred_init(struct sl_deferred *d, sl_deferred_fn *fn)
{
    sl_list_init(&d->link);
    d->fn = fn;
    d->is_next = false;
}

void sl_defer(struct sl_loop *loop, struct sl_deferred *d)
{
    if (sl_list_is_linked(&d->link)) {
        if (!d->is_next)
            return;
        sl_list_unlink(&d->link); /* sooner than it was asked for */
        d->is_next = false;
    }
    sl_list_append(&sl_core_of(loop)->reaper.now, &d->link);
}

void sl_defer_next(struct sl_loop *loop, struct sl_deferred *d)
{
    if (sl_list_is_linked(&d->link))
        return;
    d->is_next = true;
    sl_list_append(&sl_core_of(loop)->reaper.next, &d->link);
}

void sl_deferred_cancel(struct sl_deferred *d)
{
    sl_list_unlink(&d->link);
    d->is_next = false;
}

void sl_reap(struct sl_loop *loop, struct sl_grave *g, void (*fn)(struct sl_grave *g))
{
    assert(fn);
    g->fn = fn;
    sl_list_append(&sl_core_of(loop)->reaper.graves, &g->link);
}
