/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_gcm: a faster AES-GCM than libcrypto's, where the processor and the build have one.
 */
#ifndef SLUICE_SRC_TLS_CRYPTO_BACKEND_GCM_H
#define SLUICE_SRC_TLS_CRYPTO_BACKEND_GCM_H

#include <stddef.h>
#include <stdint.h>

struct sl_gcm; /* an expanded key */

/* What it can do: whole messages with IVs of 12 bytes. Nothing but make() can fail. Lengths were
   checked; `out` is `in` or apart from it. */
struct sl_gcm_engine {
    const char *name;                                           /* for people, with its version */
    struct sl_gcm *(*make)(const uint8_t *key, size_t n_bytes); /* 16, 24, 32; NULL: no memory */
    void (*free)(struct sl_gcm *gcm);                           /* zeroises */
    /* `in`, and after it the byte `last` unless that is negative. */
    void (*seal)(const struct sl_gcm *gcm, const uint8_t iv[12], const uint8_t *ad, size_t n_ad,
                 const uint8_t *in, size_t n, int last, uint8_t *out, uint8_t out_tag[16]);
    /* Tells the tag that the message should have had. */
    void (*open)(const struct sl_gcm *gcm, const uint8_t iv[12], const uint8_t *ad, size_t n_ad,
                 const uint8_t *in, size_t n, uint8_t *out, uint8_t out_tag[16]);
};

/* That of intel-ipsec-mb, or NULL where it would not be faster. Only where SL_IPSEC_MB is defined.
   One call at a time. */
const struct sl_gcm_engine *sl_gcm_ipsec_mb(void);

#endif
