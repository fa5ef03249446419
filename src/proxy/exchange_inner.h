/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange_inner: what the files of exchange share. exchange.c begins and ends one and knows its
 * deadlines, exchange_request.c goes to the upstream, exchange_response.c comes back.
 */
#ifndef SLUICE_PROXY_EXCHANGE_INNER_H
#define SLUICE_PROXY_EXCHANGE_INNER_H

#include "exchange.h"
#include "inner.h"

/* How often delivery is looked at when the next phase waits for it. */
#define SL_EXCHANGE_WATCH_MS 50

/* ---- exchange.c ---- */

/* Its stream has closed it: nothing may be touched but its memory, until the end of the turn. */
bool sl_exchange_is_over(const struct sl_exchange *x);
/* The response cannot be completed, visibly. */
void sl_exchange_cut(struct sl_exchange *x, const struct sl_cause *cause);
/* Refused while no response has begun, else cut. */
void sl_exchange_fail(struct sl_exchange *x, int status, const char *why,
                      const struct sl_cause *cause);
/* A sentence for the client. Static. */
const char *sl_exchange_expiry_text(enum sl_phase phase);

/* The request's target, valid as long as its head is not edited. An absolute one without a path
   means the server itself to OPTIONS, and is "*" then (RFC 9112 section 3.2.4). 0 or
   SL_ERR_INVALID. */
int sl_exchange_read_target(const struct sl_exchange *x, struct sl_target *out_target);
/* An appetite (loop/tcp.h): the room, or what is left of the body if that is less. */
size_t sl_exchange_appetite_for(const struct sl_framing *framing, uint64_t n_passed, size_t n_room);

/* ---- exchange_request.c ---- */

sl_dial_fn sl_exchange_on_dialled;
void sl_exchange_on_dial_phase(void *owner);
void sl_exchange_on_request_delivered(struct sl_meter *m);
void sl_exchange_on_link_room(void *owner);
/* May the request be sent once more, on a fresh link? */
bool sl_exchange_can_retry(const struct sl_exchange *x);
void sl_exchange_dial_fresh(struct sl_exchange *x);
void sl_exchange_close_link(struct sl_exchange *x, enum sl_channel_close how);

/* ---- exchange_response.c ---- */

extern const struct sl_link_events sl_exchange_link_events;
/* One side of the tunnel has ended, or what it had left is delivered. */
void sl_exchange_narrow_tunnel(struct sl_exchange *x);

#endif
