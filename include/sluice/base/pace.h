/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pace: may this body go on? The minimum pace of a progress phase, without a clock of its own.
 *
 * Time is charged only while the pace is running, that is, while the party it measures holds the
 * ball (law 3). Two conditions hold together: the longest charged time without progress
 * (`limit_ms`), and in every window of `window_ms` charged time at least rate x window bytes. The
 * window is made of SL_PACE_SLICES slices and judged at each slice's end, so a breach is seen at
 * most one slice late and never early, and a fast start buys at most one window of silence.
 *
 * A verdict other than OK is not final: bytes that had already arrived when it fell are found by
 * one last look, told with sl_pace_progress, and the next check takes them into account. A loop
 * that was busy for long costs the peer nothing for the same reason: bytes found late count for the
 * time since the last call, wherever the peer needs them most.
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
    enum sl_pace_verdict said; /* what the last check said; progress takes it back */
    uint64_t since_ms;         /* clock time up to which charged_ms is complete, while running */
    uint64_t charged_ms;       /* charged time so far */
    uint64_t progress_ms;      /* charged time of the last progress */
    uint64_t n_bytes;          /* progress in all */
    uint64_t need_bytes;       /* rate x window; 0: no minimum rate */
    uint64_t slice_end_ms;     /* charged time at which the present slice ends; not after
                                  charged_ms only when that end has too few bytes in its window */
    uint64_t n_slices;         /* slices that ended so far */
    uint64_t slice_bytes[SL_PACE_SLICES]; /* ring; [n_slices % SLICES] is the present one */
    uint64_t window_bytes;                /* the sum of the ring */
};

/* Starts anew, not running. Copies the limit: a live phase keeps the values it began with. */
void sl_pace_init(struct sl_pace *p, const struct sl_limit *limit);
/* The measured party now holds the ball / no longer does. Idempotent. */
void sl_pace_run(struct sl_pace *p, uint64_t now_ms);
void sl_pace_stop(struct sl_pace *p, uint64_t now_ms);
/* `n` bytes moved. Counts also while not running. 0 bytes are no progress. */
void sl_pace_progress(struct sl_pace *p, uint64_t n, uint64_t now_ms);
/* Clock time at which sl_pace_check could next say something new if nothing moves until then;
   SL_UNLIMITED if never: stopped, nothing is limited, or the check has said its word already. So
   after a check that said OK it is always later than that check. */
uint64_t sl_pace_due_ms(const struct sl_pace *p);
/* The verdict at `now_ms`. */
enum sl_pace_verdict sl_pace_check(struct sl_pace *p, uint64_t now_ms);
/* Charged time so far, in ms. */
uint64_t sl_pace_charged_ms(const struct sl_pace *p, uint64_t now_ms);

#endif
