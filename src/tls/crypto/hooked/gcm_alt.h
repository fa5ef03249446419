/* SPDX-License-Identifier: Apache-2.0 */
/*
 * gcm_alt: the GCM context of mbedTLS, as gcm_alt.c fills it.
 */
#ifndef SLUICE_GCM_ALT_H
#define SLUICE_GCM_ALT_H

struct sl_aead;

typedef struct mbedtls_gcm_context {
    struct sl_aead *MBEDTLS_PRIVATE(aead); /* NULL: no key yet */
} mbedtls_gcm_context;

#endif
