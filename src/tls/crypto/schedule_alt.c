// SPDX-License-Identifier: Apache-2.0
/*
 * schedule_alt: the steps of TLS 1.3's key schedule (RFC 8446 7.1) on the backend. A handshake
 * takes about twenty; mbedTLS's own, through PSA's key derivation, take several times as long as
 * the hashes in them. It is compiled with these under another name (meson.build).
 *
 * Happy path: a label is built, and expanded; or the old secret's "derived" and what is new are
 * extracted. Failure: arguments that mbedTLS refuses are refused alike; hashes other than SHA-256
 * and SHA-384, which no suite of TLS 1.3 here has, are MBEDTLS_ERR_SSL_BAD_INPUT_DATA.
 *
 * Secrets are the caller's; those in between are zeroised.
 */
#include <mbedtls_schedule.h>

#include <string.h>

#include <mbedtls/platform_util.h>

#include "glue.h"

#define PREFIX          "tls13 "
#define N_PREFIX_BYTES  (sizeof(PREFIX) - 1)
#define MAX_LABEL_BYTES MBEDTLS_SSL_TLS1_3_HKDF_LABEL_MAX_LABEL_LEN
#define MAX_CTX_BYTES   MBEDTLS_SSL_TLS1_3_KEY_SCHEDULE_MAX_CONTEXT_LEN

_Static_assert(N_PREFIX_BYTES + MAX_LABEL_BYTES <= 255 && MAX_CTX_BYTES <= 255,
               "their lengths are bytes");

/* HKDF-Expand-Label (RFC 8446 7.1). */
int mbedtls_ssl_tls13_hkdf_expand_label(psa_algorithm_t hash_alg, const unsigned char *secret,
                                        size_t secret_len, const unsigned char *label,
                                        size_t label_len, const unsigned char *ctx, size_t ctx_len,
                                        unsigned char *buf, size_t buf_len)
{
    enum sl_hash hash;
    uint8_t info[2 + 1 + N_PREFIX_BYTES + MAX_LABEL_BYTES + 1 + MAX_CTX_BYTES], *p = info;
    if (!sl_hash_of(hash_alg, &hash))
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    if (label_len > MAX_LABEL_BYTES || ctx_len > MAX_CTX_BYTES ||
        buf_len > 255 * sl_hash_bytes(hash)) /* RFC 5869 2.3 */
        return MBEDTLS_ERR_SSL_INTERNAL_ERROR;
    *p++ = (uint8_t)(buf_len >> 8);
    *p++ = (uint8_t)buf_len;
    *p++ = (uint8_t)(N_PREFIX_BYTES + label_len);
    memcpy(p, PREFIX, N_PREFIX_BYTES);
    p += N_PREFIX_BYTES;
    memcpy(p, label, label_len);
    p += label_len;
    *p++ = (uint8_t)ctx_len;
    if (ctx_len > 0)
        memcpy(p, ctx, ctx_len);
    p += ctx_len;
    sl_hkdf_expand(hash, secret, secret_len, info, (size_t)(p - info), buf, buf_len);
    mbedtls_platform_zeroize(info, (size_t)(p - info));
    return 0;
}

/* HKDF-Extract with Derive-Secret(old, "derived", "") as its salt, or zeros to begin with. No input
   is as many zeros as the hash has bytes. */
int mbedtls_ssl_tls13_evolve_secret(psa_algorithm_t hash_alg, const unsigned char *secret_old,
                                    const unsigned char *input, size_t input_len,
                                    unsigned char *secret_new)
{
    static const uint8_t zeros[SL_HASH_MAX_BYTES];
    static const unsigned char derived[] = {'d', 'e', 'r', 'i', 'v', 'e', 'd'};
    enum sl_hash hash;
    uint8_t salt[SL_HASH_MAX_BYTES] = {0}, nothing[SL_HASH_MAX_BYTES];
    int ret = 0;
    if (!sl_hash_of(hash_alg, &hash))
        return MBEDTLS_ERR_SSL_BAD_INPUT_DATA;
    size_t n = sl_hash_bytes(hash);
    if (secret_old) {
        sl_hash(hash, NULL, 0, nothing);
        ret = mbedtls_ssl_tls13_hkdf_expand_label(hash_alg, secret_old, n, derived, sizeof(derived),
                                                  nothing, n, salt, n);
    }
    bool has_input = input && input_len > 0;
    if (ret == 0)
        sl_hmac(hash, salt, n, has_input ? input : zeros, has_input ? input_len : n, secret_new);
    mbedtls_platform_zeroize(salt, sizeof(salt));
    return ret;
}
