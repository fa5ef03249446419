/* SPDX-License-Identifier: Apache-2.0 */
/*
 * tls_client: mbedTLS's own client at the far end of a wire. What it allocates is never made to
 * fail (fake_n_own).
 */
#ifndef SLUICE_TEST_SIM_TLS_CLIENT_H
#define SLUICE_TEST_SIM_TLS_CLIENT_H

#include <mbedtls/ssl.h>

#include "harness.h"

struct tls_client {
    struct fake_wire *wire;
    mbedtls_ssl_config conf;
    mbedtls_ssl_context ssl;
    char *got;                 /* plaintext */
    size_t n_got, cap, n_read; /* n_read: cipher bytes of the wire that were looked at */
    bool is_open, has_end;     /* close_notify came */
    int err;
};

/* A client on `wire` that has said nothing yet. */
void tls_client_init(struct tls_client *t, struct fake_wire *wire, bool is_tls12);
void tls_client_free(struct tls_client *t);
/* Goes on with the handshake, or reads what has come. True: something happened. */
bool tls_client_turn(struct tls_client *t);
/* Turns and settles until nothing happens any more. */
void tls_client_settle(struct sim *s, struct tls_client *t);
void tls_client_say(struct sim *s, struct tls_client *t, struct sl_span bytes);
/* The same without a turn. False: the connection does not bear it any more. */
bool tls_client_write(struct tls_client *t, struct sl_span bytes);
bool tls_client_has(const struct tls_client *t, const char *text);

#endif
