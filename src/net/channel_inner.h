/* SPDX-License-Identifier: Apache-2.0 */
/*
 * channel_inner: what the files of channel share. opening.c brings it to the point where plaintext
 * flows, channel.c is what it does from then on.
 */
#ifndef SLUICE_NET_CHANNEL_INNER_H
#define SLUICE_NET_CHANNEL_INNER_H

#include <sluice/net/channel.h>

/* What TLS adds to a channel; made when the peer's first record is whole. */
struct sl_channel_tls {
    struct sl_tls_session *session;
    struct sl_chunkq stage; /* plaintext to be encrypted at the end of the turn */
    uint32_t wrote_ms;      /* when a record was last made, the low bits of the loop's time */
    uint32_t n_burst;       /* plaintext bytes since the last silence, while that matters */
};

static inline bool sl_channel_is_closed(const struct sl_channel *ch)
{
    return ch->tcp == NULL;
}

/* ---- channel.c ---- */

void sl_channel_update_reading(struct sl_channel *ch);
void sl_channel_fail_to_open(struct sl_channel *ch, int err);
/* The socket's end, or the peer's FIN (0). */
void sl_channel_on_end(void *owner, int err);
/* Offers plaintext to the owner; what it leaves is kept. */
void sl_channel_deliver(struct sl_channel *ch, struct sl_span plain);
/* Decrypts everything in `cipher` and delivers it. */
void sl_channel_read_tls(struct sl_channel *ch, struct sl_span cipher);

/* ---- opening.c ---- */

/* What the socket brought, in whatever stage the channel is. */
void sl_channel_on_bytes(void *owner, struct sl_span bytes);
/* Idempotent. */
void sl_channel_forget_collected(struct sl_channel *ch);
void sl_channel_forget_tls(struct sl_channel *ch);

#endif
