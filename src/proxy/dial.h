/* SPDX-License-Identifier: Apache-2.0 */
/*
 * dial: finds a link for an exchange: a resting one, or a fresh one to the next endpoint, or a
 * place in the queue until a slot is free. Embedded in the exchange. Its phases: upstream_queue and
 * upstream_connect.
 */
#ifndef SLUICE_PROXY_DIAL_H
#define SLUICE_PROXY_DIAL_H

#include "upstream.h"

struct sl_dial;

/*
 * link: open and ready, and the caller's from now on; or NULL and why: the phase that ended it,
 * whom it was waiting for, and SL_ERR_TIMEOUT, _REFUSED, _LIMIT (the queue is full), ...
 */
typedef void sl_dial_fn(void *owner, struct sl_link *link, bool is_reused,
                        const struct sl_cause *cause);

struct sl_dial {
    struct sl_upstream *upstream; /* NULL: not dialling */
    const struct sl_deadlines *limits;
    const struct sl_addr *peer; /* the client, for logs. Borrowed */
    struct sl_tried tried;
    struct sl_link *connecting;
    const struct sl_addr *to; /* where; of the plan */
    size_t n_addrs_left;      /* of that endpoint's name, still to be tried */
    struct sl_list queue;     /* in upstream->queue, or unlinked */
    struct sl_deadline deadline;
    struct sl_deferred wake;
    struct sl_cause last; /* how the last attempt failed */
    bool can_reuse;       /* a resting link will do */
    sl_dial_fn *on_done;
    void (*on_phase)(void *owner); /* it still dials, and sl_dial_phase has changed */
    void *owner;
};

void sl_dial_init(struct sl_dial *d, struct sl_loop *loop, sl_dial_fn *on_done,
                  void (*on_phase)(void *owner), void *owner);
/* May call on_done before it returns. can_reuse false: only a fresh connection (a retry). */
void sl_dial_begin(struct sl_dial *d, struct sl_upstream *upstream,
                   const struct sl_deadlines *limits, const struct sl_addr *peer, bool can_reuse);
/* Gives up; no callback follows. Idempotent. */
void sl_dial_cancel(struct sl_dial *d);
void sl_dial_fini(struct sl_dial *d);
/* A slot may be free. */
void sl_dial_wake(struct sl_dial *d);
bool sl_dial_is_woken(const struct sl_dial *d);
/* upstream_queue, upstream_connect, or SL_PHASE_NONE. */
enum sl_phase sl_dial_phase(const struct sl_dial *d);

#endif
