/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop_private: what every loop has, whoever polls for it. struct sl_loop begins with a struct
 * sl_core, in the loop on libuv (loop.c) as in the loop of the simulations (test/sim/fake).
 * deadline.c and reaper.c know nothing else of a loop, so both are compiled into either.
 */
#ifndef SLUICE_LOOP_LOOP_PRIVATE_H
#define SLUICE_LOOP_LOOP_PRIVATE_H

#include <sluice/loop/deadline.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/reaper.h>

/* 11 levels of 64 slots: the 64 bits of a time, six at each level. No time is out of range. */
#define SL_WHEEL_BITS   6
#define SL_WHEEL_SLOTS  (1u << SL_WHEEL_BITS)
#define SL_WHEEL_LEVELS 11

struct sl_wheel {
    uint64_t now_ms;                  /* every slot up to this time has been emptied */
    uint64_t in_use[SL_WHEEL_LEVELS]; /* a bit per slot; may be set for a slot that is empty */
    struct sl_list slots[SL_WHEEL_LEVELS][SL_WHEEL_SLOTS];
    struct sl_list late; /* armed for a time that had passed */
    struct sl_list due;  /* taken from the slots by the turn under way, to be judged */
};

struct sl_reaper {
    struct sl_list now;     /* deferred calls of this turn */
    struct sl_list next;    /* those that wait for the next poll */
    struct sl_list running; /* the round under way */
    struct sl_list graves;
};

struct sl_core {
    struct sl_wheel wheel;
    struct sl_reaper reaper;
    uint64_t now_ms; /* the time of this turn */
    uint64_t n_turns;
};

static inline struct sl_core *sl_core_of(struct sl_loop *loop)
{
    return (struct sl_core *)(void *)loop;
}

void sl_wheel_init(struct sl_wheel *w, uint64_t now_ms);
/* No deadline may be armed then: it would belong to an object that is not closed. */
bool sl_wheel_is_empty(struct sl_wheel *w);
/* When the wheel wants to be turned next (perhaps only to re-file); SL_UNLIMITED: never. */
uint64_t sl_wheel_next_ms(struct sl_wheel *w);
/* Expires what is due at `upto_ms`, which never falls. */
void sl_wheel_turn(struct sl_wheel *w, uint64_t upto_ms);

void sl_reaper_init(struct sl_reaper *r);
/* The poll must not block: somebody waits for the end of the turn. */
bool sl_reaper_has_work(const struct sl_reaper *r);
/* Before the poll. */
void sl_reaper_begin(struct sl_reaper *r);
/* After the poll and the expiries. */
void sl_reaper_turn(struct sl_reaper *r);

#endif
