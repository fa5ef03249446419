/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline: a hierarchical timing wheel. The times of all levels are digits of one number: a
 * deadline is filed at the level of the highest digit (six bits) in which it differs from now, in
 * the slot of that digit. So everything at a level lies before everything at the levels above, a
 * level's lowest slot in use is its earliest, and finding it is one instruction on a bitmap.
 *
 * Happy path: a connection arms its deadline again and again, each time for later than it is filed.
 * That stores a number. When the filed time comes the deadline is filed anew, once, for the latest
 * of those times. When `now` enters a slot of a higher level, its deadlines are filed anew at lower
 * levels, at most once at each.
 *
 * The bitmap's bits are hints: clearing a deadline unlinks it and leaves the bit of a slot that has
 * become empty; whoever looks for the earliest slot clears such bits.
 *
 * Expiry is in two steps, because callbacks arm and clear: first all that may be due are moved to a
 * list, then each that is due when its turn comes expires, and the others are filed anew. Whatever
 * is armed meanwhile for a time that has passed waits on another list for the next turn, so a turn
 * ends.
 *
 * Ownership: deadlines are embedded in their owners; the wheel only links them.
 */
#include <assert.h>

#include "loop_private.h"

static uint64_t digit(uint64_t ms, unsigned level)
{
    return (ms >> (level * SL_WHEEL_BITS)) & (SL_WHEEL_SLOTS - 1);
}

/* ---- the wheel ---- */

void sl_wheel_init(struct sl_wheel *w, uint64_t now_ms)
{
    w->now_ms = now_ms;
    for (unsigned level = 0; level < SL_WHEEL_LEVELS; level++) {
        w->in_use[level] = 0;
        for (unsigned slot = 0; slot < SL_WHEEL_SLOTS; slot++)
            sl_list_init(&w->slots[level][slot]);
    }
    sl_list_init(&w->late);
    sl_list_init(&w->due);
}

static void wheel_file(struct sl_wheel *w, struct sl_deadline *d)
{
    d->filed_ms = d->due_ms;
    if (d->due_ms <= w->now_ms) {
        sl_list_append(&w->late, &d->link);
        return;
    }
    uint64_t differs = d->due_ms ^ w->now_ms;
    unsigned level = (63u - (unsigned)__builtin_clzll(differs)) / SL_WHEEL_BITS;
    uint64_t slot = digit(d->due_ms, level);

    sl_list_append(&w->slots[level][slot], &d->link);
    w->in_use[level] |= UINT64_C(1) << slot;
}

/* The earliest slot in use: its level, its number, the time at which it begins. */
static bool wheel_earliest(struct sl_wheel *w, unsigned *out_level, unsigned *out_slot,
                           uint64_t *out_ms)
{
    for (unsigned level = 0; level < SL_WHEEL_LEVELS; level++) {
        while (w->in_use[level]) {
            unsigned slot = (unsigned)__builtin_ctzll(w->in_use[level]);
            if (sl_list_is_empty(&w->slots[level][slot])) {
                w->in_use[level] &= w->in_use[level] - 1;
                continue;
            }
            /* The digits above are those of now, the digits below are zero. */
            unsigned above = (level + 1) * SL_WHEEL_BITS;
            uint64_t ms = above < 64 ? w->now_ms >> above << above : 0;
            *out_level = level;
            *out_slot = slot;
            *out_ms = ms | (uint64_t)slot << (level * SL_WHEEL_BITS);
            return true;
        }
    }
    return false;
}

bool sl_wheel_is_empty(struct sl_wheel *w)
{
    return sl_wheel_next_ms(w) == SL_UNLIMITED;
}

uint64_t sl_wheel_next_ms(struct sl_wheel *w)
{
    unsigned level, slot;
    uint64_t ms;

    if (!sl_list_is_empty(&w->late) || !sl_list_is_empty(&w->due))
        return w->now_ms;
    return wheel_earliest(w, &level, &slot, &ms) ? ms : SL_UNLIMITED;
}

/* Empties the slots up to upto_ms. Not all that is in them need be due: some were postponed, and a
   slot of a higher level spans more time. */
static void wheel_collect(struct sl_wheel *w, uint64_t upto_ms)
{
    unsigned level, slot;
    uint64_t ms;

    sl_list_splice(&w->due, &w->late);
    while (wheel_earliest(w, &level, &slot, &ms) && ms <= upto_ms) {
        w->now_ms = ms;
        sl_list_splice(&w->due, &w->slots[level][slot]);
    }
    if (w->now_ms < upto_ms)
        w->now_ms = upto_ms;
}

void sl_wheel_turn(struct sl_wheel *w, uint64_t upto_ms)
{
    struct sl_list *node;

    wheel_collect(w, upto_ms);
    while ((node = sl_list_first(&w->due)) != NULL) {
        struct sl_deadline *d = sl_list_entry(node, struct sl_deadline, link);
        sl_list_unlink(node);
        if (d->due_ms > w->now_ms) {
            wheel_file(w, d);
            continue;
        }
        d->due_ms = SL_UNLIMITED;
        d->on_expired(d); /* may free it */
    }
}

/* ---- the door ---- */

void sl_deadline_init(struct sl_deadline *d, struct sl_loop *loop, sl_deadline_fn *on_expired)
{
    sl_list_init(&d->link);
    d->loop = loop;
    d->on_expired = on_expired;
    d->due_ms = SL_UNLIMITED;
    d->filed_ms = 0;
    d->since_ms = 0;
    d->phase = SL_PHASE_NONE;
    d->has_begun = false;
}

void sl_deadline_fini(struct sl_deadline *d)
{
    sl_deadline_clear(d);
    d->on_expired = NULL;
}

static void arm(struct sl_deadline *d, uint64_t due_ms)
{
    struct sl_wheel *w = &sl_core_of(d->loop)->wheel;

    assert(d->on_expired);
    d->due_ms = due_ms;
    if (due_ms == SL_UNLIMITED) {
        sl_list_unlink(&d->link);
        return;
    }
    if (sl_list_is_linked(&d->link)) {
        if (due_ms >= d->filed_ms)
            return; /* re-filed when the time comes under which it is filed */
        sl_list_unlink(&d->link);
    }
    wheel_file(w, d);
}

/* since + in, or never where that is past the end of time. */
static uint64_t after(uint64_t since_ms, uint64_t in_ms)
{
    return in_ms >= SL_UNLIMITED - since_ms ? SL_UNLIMITED : since_ms + in_ms;
}

void sl_deadline_arm(struct sl_deadline *d, enum sl_phase phase, uint64_t in_ms)
{
    if (!d->has_begun || d->phase != phase)
        d->since_ms = sl_core_of(d->loop)->now_ms;
    d->has_begun = true;
    d->phase = phase;
    /* Not from the time of the turn: the work this turn has done by now would be taken off. */
    arm(d, after(sl_loop_fresh_ms(d->loop), in_ms));
}

void sl_deadline_arm_since(struct sl_deadline *d, enum sl_phase phase, uint64_t since_ms,
                           uint64_t limit_ms)
{
    d->has_begun = true;
    d->phase = phase;
    d->since_ms = since_ms;
    arm(d, after(since_ms, limit_ms));
}

void sl_deadline_clear(struct sl_deadline *d)
{
    sl_list_unlink(&d->link);
    d->due_ms = SL_UNLIMITED;
    d->has_begun = false;
}
