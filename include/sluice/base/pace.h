/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace: may this body go on? The minimum pace of a progress phase, without a clock of its own.
 *
 * Time is charged only while the pace is running, that is, while the party it measures holds the
 * ball (law 3). Two conditions hold together: the longest charged time without progress (`limit_ms`),
 * and in every window of `window_ms` charged time at least rate x window bytes. The window is made
 * of SL_PACE_SLICES slices and judged at each slice's end, so a breach is seen at most one slice
 * late and never early, and a fast start buys at most one window of silence.
 *
 *  Times are in milliseconds of any monotonic clock; the caller passes the same one everywhere.
 */
#ifndef SLUICE_BASE_PACE_H
#define SLUICE_BASE_PACE_H

#include <sluice/base/phase.h>

#define SL_PACE_SLICES 8

enum sl_pace_verdict {
    SL_PACE_OK,
    SL_PACE_IDLE,  /* no progress for limit_ms of charged time */
    SL_PACE_RATE,  /* less than rate x window in the last window of charged time */
    SL_PACE_TOTAL, /* total_ms of charged time are used up */
};

struct sl_pace {
    struct sl_limit limit;
    bool is_running;
    uint64_t since_ms;         /* clock time up to which charged_ms is complete, while running */
    uint64_t charged_ms;       /* charged time so far */
    uint64_t progress_ms;      /* charged time of the last progress */
    uint64_t slice_end_ms;     /* charged time at which the present slice ends */
    uint64_t n_slices;         /* slices that ended so far */
    uint64_t slice_bytes[SL_PACE_SLICES]; /* ring; [n_slices % SLICES] is the present one */
    uint64_t n_bytes;          /* progress in all */
    bool is_breached;          /* a window ended with too few bytes */
};

/* Starts anew, not running. Copies the limit: a live phase keeps the values it began with. */
void sl_pace_init(struct sl_pace *p, const struct sl_limit *limit);
/* The measured party now holds the ball / no longer does. Idempotent. */
void sl_pace_run(struct sl_pace *p, uint64_t now_ms);
void sl_pace_stop(struct sl_pace *p, uint64_t now_ms);
/* `n` bytes moved. Counts also while not running. */
void sl_pace_progress(struct sl_pace *p, uint64_t n, uint64_t now_ms);
/* Clock time at which sl_pace_check could next say something new; SL_UNLIMITED if never or stopped. */
uint64_t sl_pace_due_ms(const struct sl_pace *p);
/* The verdict at `now_ms`. */
enum sl_pace_verdict sl_pace_check(struct sl_pace *p, uint64_t now_ms);
/* Charged time so far, in ms. */
uint64_t sl_pace_charged_ms(const struct sl_pace *p, uint64_t now_ms);

#endif
