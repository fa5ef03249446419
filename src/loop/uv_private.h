/* SPDX-License-Identifier: Apache-2.0 */
/*
 * uv_private: the loop on libuv, as the files of this floor see it. No other floor does.
 */
#ifndef SLUICE_LOOP_UV_PRIVATE_H
#define SLUICE_LOOP_UV_PRIVATE_H

#include <time.h>
#include <uv.h>
#include <sluice/loop/tcp.h>

#include "loop_private.h"

struct sl_loop {
    struct sl_core core; /* first: sl_core_of() */
    uv_loop_t uv;
    uv_timer_t timer;   /* ends a poll when the wheel wants to be turned */
    uint64_t timer_ms;  /* the loop time at which it fires; 0: it has fired */
    uint64_t asleep_ns; /* when the last poll began */
    uint64_t may_ns;    /* how long that poll could take */
    uint64_t awake_ns;  /* when it ended */
    uint64_t coarse_ns; /* the same on a clock that is cheaper to read */
    clockid_t coarse_clock;
    uint64_t charge_ns; /* the clock of sl_loop_charge_ms */
    uint64_t doubt_ns;  /* of that, in polls that overslept */
    size_t n_shells;
    bool is_awake; /* the events of a poll are being delivered, or the end of the turn */
    bool is_stopped;
    struct sl_chunkpool chunks;
    size_t n_bulk;                   /* bytes of large reads in this turn (bulk.c) */
    uint64_t bulk_from_ms;           /* before that there are none */
    char scratch[SL_TCP_BULK_BYTES]; /* what was read, during the event */
    char workspace[SL_LOOP_WORK_BYTES];
};

/* Every callback of libuv says so first: the poll is over, this is the time of the turn. */
void sl_loop_woke(struct sl_loop *loop);
/* An errno (positive) or an error of libuv (negative) as an enum sl_err; 0 stays 0. */
int sl_loop_err(int err);

#endif
