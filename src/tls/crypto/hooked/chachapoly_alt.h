/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chachapoly_alt: the ChaCha20-Poly1305 context of mbedTLS, as chachapoly_alt.c fills it.
 */
#ifndef SLUICE_CHACHAPOLY_ALT_H
#define SLUICE_CHACHAPOLY_ALT_H

struct sl_aead;

typedef struct mbedtls_chachapoly_context {
    struct sl_aead *MBEDTLS_PRIVATE(aead); /* NULL: no key yet */
    int MBEDTLS_PRIVATE(state);            /* a phase of chachapoly_alt.c */
} mbedtls_chachapoly_context;

#endif
