/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity, inside: the parsed chain and key.
 */
#ifndef SLUICE_SRC_TLS_IDENTITY_H
#define SLUICE_SRC_TLS_IDENTITY_H

#include <stdatomic.h>

#include <sluice/tls/identity.h>

#include <mbedtls/pk.h>
#include <mbedtls/x509_crt.h>

struct sl_identity {
    atomic_uint n_refs;
    mbedtls_x509_crt chain; /* the leaf; the rest hangs on its `next` */
    mbedtls_pk_context key;
};

/* An empty one, or NULL. */
struct sl_identity *sl_identity_new(void);

/* The first DNS name or address of the leaf as text, else its CN; what stands for it when several
   identities are grouped. Text is written into s. */
void sl_identity_first_name(const struct sl_identity *identity, struct sl_str *s);

#endif
