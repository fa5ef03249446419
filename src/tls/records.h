/* SPDX-License-Identifier: Apache-2.0 */
/*
 * records: what an established session sends and receives. Answers are mbedTLS's. With the
 * accelerated mbedTLS see records.c; with the system's, whose inside is not ours to know,
 * records_stock.c has mbedTLS do it all.
 */
#ifndef SLUICE_SRC_TLS_RECORDS_H
#define SLUICE_SRC_TLS_RECORDS_H

#include <sluice/base/span.h>

struct sl_tls_session;
struct sl_aead;

/* A part of the session; records.c alone knows what is in it. */
struct sl_records {
    struct sl_aead *sealer, *opener; /* of mbedTLS's transform, which owns them */
    uint16_t n_max_plain;            /* bytes of plaintext in a record that the client takes */
    uint8_t n_explicit;              /* bytes of the nonce that a record carries */
    bool has_inner_type;             /* TLS 1.3: the content type is encrypted */
    bool has_secrets;                /* mbedTLS was in its buffer for input */
    uint8_t in_seq[8];               /* next record's number while that buffer is away */
};

/* The handshake is over: frees what only it needed. Once. */
void sl_records_begin(struct sl_tls_session *s);
/* As mbedtls_ssl_read, from s->in. Sets s->is_starved when all of it was used. */
int sl_records_read(struct sl_tls_session *s, char *buf, size_t cap);
/* As mbedtls_ssl_write, to s->out: one record, with as much of `plain` as it takes. */
int sl_records_write(struct sl_tls_session *s, struct sl_span plain);
/* As mbedtls_ssl_send_alert_message; before the end of the handshake, too. */
int sl_records_alert(struct sl_tls_session *s, int level, int alert);

#endif
