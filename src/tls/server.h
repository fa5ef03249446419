/* SPDX-License-Identifier: Apache-2.0 */
/*
 * server, inside.
 */
#ifndef SLUICE_SRC_TLS_SERVER_H
#define SLUICE_SRC_TLS_SERVER_H

#include <stdatomic.h>

#include <mbedtls/ssl.h>

#include <sluice/tls/server.h>

#define SL_TICKET_BINDING_BYTES 32

struct sl_tls_server {
    mbedtls_ssl_config conf;         /* read-only once made */
    struct sl_identity **identities; /* a reference of each */
    size_t n_identities;
    bool is_strict_sni;
    struct sl_ticket_keys *ticket_keys;              /* borrowed; NULL: no tickets */
    uint8_t ticket_binding[SL_TICKET_BINDING_BYTES]; /* see ticket.c */
    _Atomic unsigned n_refs;
};

/* mbedTLS's number of suite `index`, and back: -1 when it is not one of ours. */
int sl_tls_suite_index(int mbedtls_id);

/* sni.c: called when the ClientHello's server_name was read. 0, or anything else to refuse it. */
int sl_sni_choose(void *p_server, mbedtls_ssl_context *ssl, const unsigned char *name, size_t len);

#endif
