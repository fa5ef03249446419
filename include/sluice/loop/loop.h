/* SPDX-License-Identifier: Apache-2.0 */
/*
 * loop: one thread's event loop, and everything of it that other loop files share: the time of this
 * turn, the read buffer, the chunk pool, the deadlines, the deferred calls.
 *
 * A turn: expired deadlines are noted; sockets are polled and their events delivered; deadlines
 * that are STILL due after that poll expire (so bytes that had arrived count: law 3); deferred
 * calls run; condemned memory is freed. Nothing is freed under a caller.
 */
#ifndef SLUICE_LOOP_LOOP_H
#define SLUICE_LOOP_LOOP_H

#include <sluice/base/chunkq.h>
#include <sluice/base/err.h>

#define SL_LOOP_WORK_BYTES (544 * 1024)

struct sl_loop;

/* 0 or SL_ERR_MEMORY, SL_ERR_NO_FDS. */
int sl_loop_new(struct sl_loop **out_loop);
/*
 * Every object on the loop must have been closed by its owner; runs the loop until the last shell
 * is gone (they close within one turn), then frees it. Asserts that uv_loop_close() is 0.
 */
void sl_loop_free(struct sl_loop **loop);
/* Runs until sl_loop_stop. */
void sl_loop_run(struct sl_loop *loop);
/* From the loop's own thread: sl_loop_run returns at the end of this turn. */
void sl_loop_stop(struct sl_loop *loop);

/* Monotonic milliseconds, constant within a turn until it is refreshed by the next poll. */
uint64_t sl_loop_now_ms(const struct sl_loop *loop);
/* The same read afresh, in the midst of a turn. */
uint64_t sl_loop_fresh_ms(const struct sl_loop *loop);
/* The same clock less the time in which this loop was busy with its own work: what a peer may be
   charged with (law 3). Feed this one to sl_pace. */
uint64_t sl_loop_charge_ms(const struct sl_loop *loop);
/* The same clock less the polls in which the process stood still (SIGSTOP, a starved machine),
   whose beginning may have been a peer's time or not. For who must get back all that may have been
   ours. */
uint64_t sl_loop_sure_ms(const struct sl_loop *loop);
/* How many turns there have been: another one after each poll. */
uint64_t sl_loop_n_turns(const struct sl_loop *loop);
/* How long this turn has worked since its poll, in microseconds, read afresh. The difference of two
   is what the work between them took. */
uint64_t sl_loop_busy_us(struct sl_loop *loop);
/* Wall clock in microseconds since 1970, read afresh. For logs. */
uint64_t sl_wall_us(void);
/* Chunks for every queue of this loop. */
struct sl_chunkpool *sl_loop_chunks(struct sl_loop *loop);
/* SL_LOOP_WORK_BYTES for what an event makes of the bytes that it brought. Valid during the event;
   one user at a time. */
char *sl_loop_workspace(struct sl_loop *loop);
/* Live shells: sockets, timers, lookups. 0 when all is closed. */
size_t sl_loop_n_shells(const struct sl_loop *loop);

#endif
