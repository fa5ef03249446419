// SPDX-License-Identifier: Apache-2.0
/*
 * backend_x25519: X25519 (RFC 7748) by libcrypto.
 *
 * libcrypto computes the public half whenever it is given a private one. A pair made here is
 * therefore kept for its one agreement, in which it then costs one multiplication.
 *
 * Failure: points of small order give a secret of zeros, which is SL_CRYPTO_INVALID.
 */
#include "backend_thread.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

static int done(int answer)
{
    if (answer != SL_CRYPTO_OK)
        ERR_clear_error();
    return answer;
}

static bool write_halves(const EVP_PKEY *key, uint8_t *out_d, uint8_t *out_public)
{
    size_t n_d = SL_X25519_BYTES, n_public = SL_X25519_BYTES;
    return (!out_d || EVP_PKEY_get_raw_private_key(key, out_d, &n_d) == 1) &&
           EVP_PKEY_get_raw_public_key(key, out_public, &n_public) == 1 && n_d == SL_X25519_BYTES &&
           n_public == SL_X25519_BYTES;
}

int sl_x25519_make(uint8_t out_d[SL_X25519_BYTES], uint8_t out_public[SL_X25519_BYTES])
{
    struct sl_crypto_thread *thread = sl_crypto_thread();
    if (!thread)
        return SL_CRYPTO_FAILED;
    EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "X25519");
    if (!key || !write_halves(key, out_d, out_public)) {
        EVP_PKEY_free(key);
        return done(SL_CRYPTO_FAILED);
    }
    struct sl_last_pair *last = &thread->last_x25519;
    sl_last_pair_forget(last);
    last->is_set = true;
    last->key = key;
    memcpy(last->d, out_d, SL_X25519_BYTES);
    memcpy(last->point, out_public, SL_X25519_BYTES);
    return SL_CRYPTO_OK;
}

static bool is_last(const struct sl_crypto_thread *thread, const uint8_t *d)
{
    const struct sl_last_pair *last = &thread->last_x25519;
    return last->is_set && CRYPTO_memcmp(last->d, d, SL_X25519_BYTES) == 0;
}

static EVP_PKEY *read_private(const uint8_t *d)
{
    return EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, d, SL_X25519_BYTES);
}

int sl_x25519_public(const uint8_t d[SL_X25519_BYTES], uint8_t out_public[SL_X25519_BYTES])
{
    struct sl_crypto_thread *thread = sl_crypto_thread();
    if (!thread)
        return SL_CRYPTO_FAILED;
    if (is_last(thread, d)) {
        memcpy(out_public, thread->last_x25519.point, SL_X25519_BYTES);
        return SL_CRYPTO_OK;
    }
    EVP_PKEY *key = read_private(d);
    bool is_good = key && write_halves(key, NULL, out_public);
    EVP_PKEY_free(key);
    return done(is_good ? SL_CRYPTO_OK : SL_CRYPTO_FAILED);
}

static int derive(EVP_PKEY *key, const uint8_t *peer, uint8_t *out_secret)
{
    uint8_t secret[SL_X25519_BYTES], all = 0;
    size_t n = sizeof(secret);
    int err = SL_CRYPTO_FAILED;
    EVP_PKEY *public = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, peer, SL_X25519_BYTES);
    EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL);
    /* Any 32 bytes are a point (RFC 7748 5): there is nothing to validate before the result. */
    if (public && ctx && EVP_PKEY_derive_init(ctx) == 1 &&
        EVP_PKEY_derive_set_peer_ex(ctx, public, 0) == 1) {
        err = EVP_PKEY_derive(ctx, secret, &n) == 1 && n == sizeof(secret) ? SL_CRYPTO_OK
                                                                           : SL_CRYPTO_INVALID;
    }
    for (size_t i = 0; !err && i < sizeof(secret); i++)
        all |= secret[i];
    if (!err && all == 0)
        err = SL_CRYPTO_INVALID;
    if (!err)
        memcpy(out_secret, secret, sizeof(secret));
    OPENSSL_cleanse(secret, sizeof(secret));
    EVP_PKEY_CTX_free(ctx);
    EVP_PKEY_free(public);
    return err;
}

int sl_x25519_agree(const uint8_t d[SL_X25519_BYTES], const uint8_t peer[SL_X25519_BYTES],
                    uint8_t out_secret[SL_X25519_BYTES])
{
    struct sl_crypto_thread *thread = sl_crypto_thread();
    if (!thread)
        return SL_CRYPTO_FAILED;
    bool is_ours = is_last(thread, d);
    EVP_PKEY *key = is_ours ? thread->last_x25519.key : read_private(d);
    int err = key ? derive(key, peer, out_secret) : SL_CRYPTO_FAILED;
    if (is_ours)
        sl_last_pair_forget(&thread->last_x25519);
    else
        EVP_PKEY_free(key);
    return done(err);
}
