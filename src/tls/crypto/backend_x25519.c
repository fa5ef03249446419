// SPDX-License-Identifier: Apache-2.0
/*
 * backend_x25519: X25519 (RFC 7748) by libcrypto.
 *
 * Everything is one multiplication, libcrypto's derivation of a secret, which is faster than its
 * generation of keys: a public key is the secret with the base point (RFC 7748 6.1). libcrypto
 * computes the public half of whatever private key it is given, unless it is given one as well; a
 * derivation does not read it, so any bytes serve.
 *
 * Making libcrypto's objects of 32 bytes costs as much as a fifth of a multiplication: a pair that
 * is used at once, as in TLS 1.3, keeps its own from its making to its agreement, and points share
 * one.
 *
 * Failure: points of small order give a secret of zeros, which is SL_CRYPTO_INVALID.
 */
#include "backend_thread.h"

#include <string.h>

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/params.h>
#include <openssl/rand.h>

static const uint8_t base_point[SL_X25519_BYTES] = {9};

/* `d` may be NULL: a public key. NULL without memory. */
static EVP_PKEY *key_of(struct sl_crypto_thread *thread, const uint8_t *d, const uint8_t *public)
{
    OSSL_PARAM params[3], *next = params;
    EVP_PKEY *key = NULL;
    if (!thread->x25519)
        thread->x25519 = EVP_PKEY_CTX_new_from_name(NULL, "X25519", NULL);
    *next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)(uintptr_t) public,
                                                SL_X25519_BYTES);
    if (d)
        *next++ = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PRIV_KEY, (void *)(uintptr_t)d,
                                                    SL_X25519_BYTES);
    *next = OSSL_PARAM_construct_end();
    if (thread->x25519 && EVP_PKEY_fromdata_init(thread->x25519) == 1 &&
        EVP_PKEY_fromdata(thread->x25519, &key, d ? EVP_PKEY_KEYPAIR : EVP_PKEY_PUBLIC_KEY,
                          params) == 1)
        return key;
    /* A library that wants halves that fit. */
    return d ? EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, d, SL_X25519_BYTES) : NULL;
}

/* Ready to multiply with d. NULL without memory. */
static EVP_PKEY_CTX *multiplier_of(struct sl_crypto_thread *thread, const uint8_t *d)
{
    EVP_PKEY *key = key_of(thread, d, base_point);
    EVP_PKEY_CTX *ctx = key ? EVP_PKEY_CTX_new_from_pkey(NULL, key, NULL) : NULL;
    EVP_PKEY_free(key); /* the context has it */
    if (ctx && EVP_PKEY_derive_init(ctx) == 1)
        return ctx;
    EVP_PKEY_CTX_free(ctx);
    return NULL;
}

/* The thread's key for points with this point in it. NULL without memory. */
static EVP_PKEY *peer_of(struct sl_crypto_thread *thread, const uint8_t *point)
{
    if (!thread->x25519_peer)
        thread->x25519_peer = key_of(thread, NULL, point);
    else if (EVP_PKEY_set1_encoded_public_key(thread->x25519_peer, point, SL_X25519_BYTES) != 1)
        return NULL;
    return thread->x25519_peer;
}

static int multiply_with(struct sl_crypto_thread *thread, EVP_PKEY_CTX *ctx, const uint8_t *point,
                         uint8_t *out)
{
    uint8_t product[SL_X25519_BYTES], all = 0;
    size_t n = sizeof(product);
    EVP_PKEY *peer = ctx ? peer_of(thread, point) : NULL;
    int err = SL_CRYPTO_FAILED;
    /* Any 32 bytes are a point (RFC 7748 5): there is nothing to validate before the result. */
    if (peer && EVP_PKEY_derive_set_peer_ex(ctx, peer, 0) == 1)
        err = EVP_PKEY_derive(ctx, product, &n) == 1 && n == sizeof(product) ? SL_CRYPTO_OK
                                                                             : SL_CRYPTO_INVALID;
    for (size_t i = 0; !err && i < sizeof(product); i++)
        all |= product[i];
    if (!err && all == 0)
        err = SL_CRYPTO_INVALID;
    if (!err)
        memcpy(out, product, sizeof(product));
    OPENSSL_cleanse(product, sizeof(product));
    return sl_crypto_done(err);
}

static int multiply(struct sl_crypto_thread *thread, const uint8_t *d, const uint8_t *point,
                    uint8_t *out)
{
    EVP_PKEY_CTX *ctx = multiplier_of(thread, d);
    int err = multiply_with(thread, ctx, point, out);
    EVP_PKEY_CTX_free(ctx);
    return err;
}

static bool is_last(const struct sl_crypto_thread *thread, const uint8_t *d)
{
    const struct sl_last_x25519 *last = &thread->last_x25519;
    return last->multiplier && CRYPTO_memcmp(last->d, d, SL_X25519_BYTES) == 0;
}

void sl_last_x25519_forget(struct sl_last_x25519 *pair)
{
    if (!pair->multiplier)
        return;
    EVP_PKEY_CTX_free(pair->multiplier); /* and its key, which is cleansed */
    OPENSSL_cleanse(pair, sizeof(*pair));
}

int sl_x25519_make(bool is_kept, uint8_t out_d[SL_X25519_BYTES],
                   uint8_t out_public[SL_X25519_BYTES])
{
    struct sl_crypto_thread *thread = sl_crypto_thread();
    if (!thread)
        return SL_CRYPTO_FAILED;
    if (RAND_priv_bytes(out_d, SL_X25519_BYTES) != 1)
        return sl_crypto_done(SL_CRYPTO_FAILED);
    out_d[0] &= 248; /* RFC 7748 5 */
    out_d[31] = (out_d[31] & 127) | 64;
    if (!is_kept)
        return multiply(thread, out_d, base_point, out_public);
    struct sl_last_x25519 *last = &thread->last_x25519;
    sl_last_x25519_forget(last);
    EVP_PKEY_CTX *ctx = multiplier_of(thread, out_d);
    int err = multiply_with(thread, ctx, base_point, out_public);
    if (err) {
        EVP_PKEY_CTX_free(ctx);
        return err;
    }
    last->multiplier = ctx;
    memcpy(last->d, out_d, SL_X25519_BYTES);
    memcpy(last->public, out_public, SL_X25519_BYTES);
    return SL_CRYPTO_OK;
}

int sl_x25519_public(const uint8_t d[SL_X25519_BYTES], uint8_t out_public[SL_X25519_BYTES])
{
    struct sl_crypto_thread *thread = sl_crypto_thread();
    if (!thread)
        return SL_CRYPTO_FAILED;
    if (!is_last(thread, d))
        return multiply(thread, d, base_point, out_public);
    memcpy(out_public, thread->last_x25519.public, SL_X25519_BYTES);
    return SL_CRYPTO_OK;
}

int sl_x25519_agree(const uint8_t d[SL_X25519_BYTES], const uint8_t peer[SL_X25519_BYTES],
                    uint8_t out_secret[SL_X25519_BYTES])
{
    struct sl_crypto_thread *thread = sl_crypto_thread();
    if (!thread)
        return SL_CRYPTO_FAILED;
    if (!is_last(thread, d))
        return multiply(thread, d, peer, out_secret);
    int err = multiply_with(thread, thread->last_x25519.multiplier, peer, out_secret);
    sl_last_x25519_forget(&thread->last_x25519);
    return err;
}
