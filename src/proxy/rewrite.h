/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rewrite: what a head may carry across. Fields that are for one connection only are taken out;
 * what tells the next hop of the one before is put in (Via, Forwarded, X-Forwarded-*). Heads are
 * edited in place; encode leaves the dropped fields out.
 */
#ifndef SLUICE_PROXY_REWRITE_H
#define SLUICE_PROXY_REWRITE_H

#include "exchange.h"

/* Sets x->request_id, from the request if it names one that is fit to be kept, else a new one. */
void sl_rewrite_request_id(struct sl_exchange *x);
/* Before the request is sent: x->head. 0, SL_ERR_MEMORY, or SL_ERR_LIMIT (too many fields). */
int sl_rewrite_request(struct sl_exchange *x);
/* Of a request: names with underscores go, unless they are to be kept. It is too late to refuse. */
void sl_rewrite_request_trailers(const struct sl_exchange *x, struct sl_head *trailers);
/* Before a response is sent, interim or final. */
int sl_rewrite_response(const struct sl_exchange *x, struct sl_head *head);
/* False: Max-Forwards has come to 0 (RFC 9110 section 7.6.2). */
bool sl_rewrite_may_forward(const struct sl_head *head);
/* Refused instead of dropped (underscores_in_headers: reject): is there such a name? */
bool sl_rewrite_has_underscore(const struct sl_head *head);

#endif
