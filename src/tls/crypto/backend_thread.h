/* SPDX-License-Identifier: Apache-2.0 */
/*
 * backend_thread: what the backend has fetched once for all, and what each thread keeps.
 */
#ifndef SLUICE_SRC_TLS_CRYPTO_BACKEND_THREAD_H
#define SLUICE_SRC_TLS_CRYPTO_BACKEND_THREAD_H

#define OPENSSL_SUPPRESS_DEPRECATED /* EC_KEY: per thread and per curve, without a lookup */

#include <openssl/bn.h>
#include <openssl/ec.h>
#include <openssl/evp.h>

#include "backend.h"
#include "backend_gcm.h"

/* Made by sl_crypto_start and never freed: the library ends with the process. */
struct sl_crypto_shared {
    EVP_CIPHER *aes_gcm[3]; /* 128, 192, 256 */
    EVP_CIPHER *chacha20_poly1305;
    const struct sl_gcm_engine *gcm_engine; /* NULL: there is none */
    bool is_gcm_engine_used;
};

/* The pair that this thread made last. TLS asks for its public half right after, which need not be
   computed from the private half again then. Forgotten when that was told, or with the next pair.
 */
struct sl_last_pair {
    bool is_set;
    enum sl_curve curve;
    uint8_t d[SL_EC_MAX_BYTES];
    uint8_t point[SL_EC_MAX_POINT_BYTES];
};

/* The same of X25519, and what multiplies with d: the agreement comes after it. Forgotten then, or
   with the next pair. */
struct sl_last_x25519 {
    EVP_PKEY_CTX *multiplier; /* NULL: there is none */
    uint8_t d[SL_X25519_BYTES];
    uint8_t public[SL_X25519_BYTES];
};

struct sl_crypto_thread {
    BN_CTX *bn;
    EC_KEY
    *ec[SL_N_CURVES];      /* made at their first use; each holds its group, no key between calls */
    EVP_PKEY_CTX *x25519;  /* makes keys of bytes */
    EVP_PKEY *x25519_peer; /* whatever point comes next */
    struct sl_last_pair last_ec;
    struct sl_last_x25519 last_x25519;
};

extern struct sl_crypto_shared sl_crypto_shared;
/* From now on libcrypto zeroises what it frees. Before its first use. */
void sl_crypto_forget_memory(void);
/* The calling thread's, or NULL without memory. */
struct sl_crypto_thread *sl_crypto_thread(void);
/* An answer was found: libcrypto need not remember its troubles on the way, which may be there even
   when it did well in the end. */
int sl_crypto_done(int answer);
void sl_last_pair_forget(struct sl_last_pair *pair);
void sl_last_x25519_forget(struct sl_last_x25519 *pair);

#endif
