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

/* Part of a PROXY header or of the first record, or what waits for its turn. From when there is
   such until the channel is open. */
struct sl_channel_opening {
    struct sl_waiter waiter; /* in a handshake, for its share of the loop's time */
    struct sl_channel *ch;
    char *collected; /* or NULL */
    size_t n_collected;
};

static inline bool sl_channel_is_closed(const struct sl_channel *ch)
{
    return ch->tcp == NULL;
}

/* At the turnstile. */
static inline bool sl_channel_is_waiting(const struct sl_channel *ch)
{
    return ch->opening && sl_waiter_is_waiting(&ch->opening->waiter);
}

static inline size_t sl_channel_n_collected(const struct sl_channel *ch)
{
    return ch->opening ? ch->opening->n_collected : 0;
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
void sl_channel_forget_opening(struct sl_channel *ch);
void sl_channel_forget_tls(struct sl_channel *ch);

#endif
