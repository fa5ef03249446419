// SPDX-License-Identifier: Apache-2.0
/*
 * backend_hash: SHA-2 by libcrypto, which picks the processor's instructions for it, and HMAC (RFC
 * 2104) and HKDF (RFC 5869) on it, which are a few blocks each in TLS. None of it can fail, or
 * leaves anything behind on the stack.
 */
#include "backend_thread.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/sha.h>

void sl_sha256_block(uint32_t state[8], const uint8_t block[64])
{
    SHA256_CTX ctx;
    _Static_assert(sizeof(ctx.h) == 8 * sizeof(state[0]), "both have eight words");
    memcpy(ctx.h, state, sizeof(ctx.h));
    SHA256_Transform(&ctx, block);
    memcpy(state, ctx.h, sizeof(ctx.h));
    OPENSSL_cleanse(ctx.h, sizeof(ctx.h));
}

void sl_sha512_block(uint64_t state[8], const uint8_t block[128])
{
    SHA512_CTX ctx;
    _Static_assert(sizeof(ctx.h) == 8 * sizeof(state[0]), "both have eight words");
    memcpy(ctx.h, state, sizeof(ctx.h));
    SHA512_Transform(&ctx, block);
    memcpy(state, ctx.h, sizeof(ctx.h));
    OPENSSL_cleanse(ctx.h, sizeof(ctx.h));
}

#define MAX_BLOCK_BYTES 128

struct hashing {
    enum sl_hash hash;
    union {
        SHA256_CTX sha256;
        SHA512_CTX sha384;
    } ctx;
};

static void hash_begin(struct hashing *h, enum sl_hash hash)
{
    h->hash = hash;
    if (hash == SL_HASH_SHA256)
        (void)SHA256_Init(&h->ctx.sha256);
    else
        (void)SHA384_Init(&h->ctx.sha384);
}

static void hash_add(struct hashing *h, const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return;
    if (h->hash == SL_HASH_SHA256)
        (void)SHA256_Update(&h->ctx.sha256, bytes, n);
    else
        (void)SHA384_Update(&h->ctx.sha384, bytes, n);
}

static void hash_end(struct hashing *h, uint8_t *out)
{
    if (h->hash == SL_HASH_SHA256)
        (void)SHA256_Final(out, &h->ctx.sha256);
    else
        (void)SHA384_Final(out, &h->ctx.sha384);
    OPENSSL_cleanse(&h->ctx, sizeof(h->ctx));
}

size_t sl_hash_bytes(enum sl_hash hash)
{
    return hash == SL_HASH_SHA256 ? SHA256_DIGEST_LENGTH : SHA384_DIGEST_LENGTH;
}

void sl_hash(enum sl_hash hash, const uint8_t *in, size_t n_bytes, uint8_t *out)
{
    struct hashing h;
    hash_begin(&h, hash);
    hash_add(&h, in, n_bytes);
    hash_end(&h, out);
}

/* An inner hash that has begun, and what the outer one begins with. */
struct hmac {
    struct hashing inner;
    uint8_t outer_pad[MAX_BLOCK_BYTES];
};

static size_t block_bytes(enum sl_hash hash)
{
    return hash == SL_HASH_SHA256 ? SHA256_CBLOCK : SHA512_CBLOCK;
}

static void hmac_begin(struct hmac *h, enum sl_hash hash, const uint8_t *key, size_t n_key)
{
    uint8_t inner_pad[MAX_BLOCK_BYTES] = {0};
    if (n_key > block_bytes(hash))
        sl_hash(hash, key, n_key, inner_pad);
    else if (n_key > 0)
        memcpy(inner_pad, key, n_key);
    for (size_t i = 0; i < sizeof(inner_pad); i++) {
        h->outer_pad[i] = inner_pad[i] ^ 0x5c;
        inner_pad[i] ^= 0x36;
    }
    hash_begin(&h->inner, hash);
    hash_add(&h->inner, inner_pad, block_bytes(hash));
    OPENSSL_cleanse(inner_pad, sizeof(inner_pad));
}

static void hmac_end(struct hmac *h, uint8_t *out)
{
    enum sl_hash hash = h->inner.hash;
    struct hashing outer;
    hash_end(&h->inner, out);
    hash_begin(&outer, hash);
    hash_add(&outer, h->outer_pad, block_bytes(hash));
    hash_add(&outer, out, sl_hash_bytes(hash));
    hash_end(&outer, out);
    OPENSSL_cleanse(h->outer_pad, sizeof(h->outer_pad));
}

void sl_hmac(enum sl_hash hash, const uint8_t *key, size_t n_key_bytes, const uint8_t *in,
             size_t n_bytes, uint8_t *out)
{
    struct hmac h;
    hmac_begin(&h, hash, key, n_key_bytes);
    hash_add(&h.inner, in, n_bytes);
    hmac_end(&h, out);
}

void sl_hkdf_expand(enum sl_hash hash, const uint8_t *key, size_t n_key_bytes, const uint8_t *info,
                    size_t n_info_bytes, uint8_t *out, size_t n_bytes)
{
    uint8_t block[SL_HASH_MAX_BYTES], i = 0;
    size_t n_block = 0; /* of the block before */
    while (n_bytes > 0) {
        struct hmac h;
        i++;
        hmac_begin(&h, hash, key, n_key_bytes);
        hash_add(&h.inner, block, n_block);
        hash_add(&h.inner, info, n_info_bytes);
        hash_add(&h.inner, &i, 1);
        hmac_end(&h, block);
        n_block = sl_hash_bytes(hash);
        size_t n = n_block < n_bytes ? n_block : n_bytes;
        memcpy(out, block, n);
        out += n;
        n_bytes -= n;
    }
    OPENSSL_cleanse(block, sizeof(block));
}
