/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client_inner: what the files of client share. client.c opens and hears events, client_request.c
 * reads, client_response.c writes, client_end.c rests and closes.
 */
#ifndef SLUICE_PROXY_CLIENT_INNER_H
#define SLUICE_PROXY_CLIENT_INNER_H

#include "client.h"
#include "inner.h"
#include "refuse.h"

/* ---- client_end.c ---- */

bool sl_client_is_closed(const struct sl_client *c);
uint64_t sl_client_now_ms(const struct sl_client *c);
/* The listener's limits: for the phases before a request, and linger. */
const struct sl_limit *sl_client_limit(const struct sl_client *c, enum sl_phase phase);
/* The same as it was when the phase began: pressure may have made it shorter. */
struct sl_limit sl_client_limit_in_force(const struct sl_client *c, enum sl_phase phase);
/* Which gauge it is counted under. */
void sl_client_enter_phase(struct sl_client *c, enum sl_phase phase);
/* Begins a phase in which the client is awaited. */
void sl_client_await(struct sl_client *c, enum sl_phase phase);
/* Begins one that counts from accept. Those that follow it count from accept, too: whichever ends
   first is armed. */
void sl_client_await_from_accept(struct sl_client *c, enum sl_phase phase);
/* Of those the next to end, after one that has expired and is not enforced. */
void sl_client_await_earliest(struct sl_client *c, enum sl_phase expired);
void sl_client_await_linger(struct sl_client *c);
void sl_client_await_keepalive(struct sl_client *c);
void sl_client_end_phase_well(struct sl_client *c);
/* Bytes since the last time, into the counters. */
void sl_client_account(struct sl_client *c);
void sl_client_end_handshake(struct sl_client *c, enum sl_handshake_end how);
#define SL_CLIENT_SNI_TEXT_BYTES 512
/* For a line of the error log: quoted, unless it looks like a name, so that it cannot pass for
   other fields; "-" without. */
void sl_client_write_sni(const struct sl_client *c, struct sl_str *s);
void sl_client_log_end(const struct sl_client *c, const struct sl_cause *cause);
/* Idempotent. cause NULL: it ended well. */
void sl_client_close(struct sl_client *c, enum sl_channel_close how, const struct sl_cause *cause);
void sl_client_close_because(struct sl_client *c, enum sl_channel_close how, enum sl_phase phase,
                             enum sl_side side, int err);
/* Reset: it is of no use any more. Returns err. */
int sl_client_lose(struct sl_client *c, int err);
bool sl_client_is_aged(const struct sl_client *c);
bool sl_client_is_retired(const struct sl_client *c);
/* Between two requests, from now on. */
void sl_client_rest(struct sl_client *c);
/* At the end of a rest: the last response is still on its way. Then that is awaited, at its pace.
 */
bool sl_client_is_undelivered(struct sl_client *c);
/* The last response is written. */
void sl_client_say_goodbye(struct sl_client *c);
/* A response is written: rest, goodbye, or the rest of the request's body first. */
void sl_client_finish_response(struct sl_client *c, bool is_request_complete);
/* Is the response meter running? */
bool sl_client_is_metered(const struct sl_client *c);
/* Bytes are on their way to it: the response meter runs, if it did not. 0, or the client is lost.
 */
int sl_client_expect_delivery(struct sl_client *c);

/* ---- client_response.c ---- */

extern const struct sl_stream_ops sl_client_stream_ops;
/* Or closes, without memory. Returns the length of the body that is on its way. */
size_t sl_client_write_reply(struct sl_client *c, const struct sl_reply *reply);

/* ---- client_request.c ---- */

void sl_client_pump(struct sl_client *c);
/* A head is refused before an exchange exists. */
void sl_client_refuse_head(struct sl_client *c, int status, const char *why, const char *rule,
                           const struct sl_cause *cause);
/* `n` bytes were thrown away while it lingers. */
void sl_client_discard(struct sl_client *c, size_t n);
bool sl_client_is_tunnel(const struct sl_client *c);
/* Whom its request is from. */
void sl_client_describe(const struct sl_client *c, struct sl_origin *out_origin);

#endif
