/* SPDX-License-Identifier: Apache-2.0 */
/*
 * deadline: the one timer facility. O(1) to arm and to clear, no system call, embedded by value.
 *
 * A deadline is armed for a phase, or for none (housekeeping: drain ticks, ticket rotation). Filed
 * in a hierarchical wheel (Varghese & Lauck, 1987) with 1 ms resolution; arming later than it is
 * filed only stores the new time and re-files when the old one fires. Expiry is delivered after the
 * next poll, and only if it is still due then. It never fires early; on an idle machine it is late
 * by a few ms at most. When it expires it is no longer armed; its phase and start can still be
 * read.
 */
#ifndef SLUICE_LOOP_DEADLINE_H
#define SLUICE_LOOP_DEADLINE_H

#include <sluice/base/phase.h>
#include <sluice/base/list.h>

struct sl_loop;
struct sl_deadline;

typedef void sl_deadline_fn(struct sl_deadline *d);

struct sl_deadline {
    struct sl_list link; /* in a wheel slot or the list of the due, or unlinked */
    struct sl_loop *loop;
    sl_deadline_fn *on_expired;
    uint64_t due_ms;   /* clock time; SL_UNLIMITED: not armed */
    uint64_t filed_ms; /* the time under which the wheel holds it */
    uint64_t since_ms; /* when the phase began, for head-room and logs */
    enum sl_phase phase;
    bool has_begun; /* armed since the last clear, though perhaps expired or unlimited */
};

void sl_deadline_init(struct sl_deadline *d, struct sl_loop *loop, sl_deadline_fn *on_expired);
/* Must be called before the memory goes. No callback follows. */
void sl_deadline_fini(struct sl_deadline *d);
/* Due `in_ms` from now, or never (SL_UNLIMITED). since_ms is now, unless the phase is unchanged
   since the last clear: a phase that is armed again, even by its own expiry, goes on. */
void sl_deadline_arm(struct sl_deadline *d, enum sl_phase phase, uint64_t in_ms);
/* The same with a fixed start: due at since_ms + limit_ms (both first_byte and tls_handshake count
   from accept). A time that has passed expires in the next turn. */
void sl_deadline_arm_since(struct sl_deadline *d, enum sl_phase phase, uint64_t since_ms,
                           uint64_t limit_ms);
/* phase and since_ms can still be read. */
void sl_deadline_clear(struct sl_deadline *d);

static inline bool sl_deadline_is_armed(const struct sl_deadline *d)
{
    return d->due_ms != SL_UNLIMITED;
}

#endif
