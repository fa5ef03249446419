// SPDX-License-Identifier: Apache-2.0
/*
 * backend_aead: AES-GCM and ChaCha20-Poly1305 (RFC 5116, RFC 8439) by libcrypto, or AES-GCM by the
 * faster engine of backend_gcm.h.
 *
 * Each key has one cipher context, which keeps the expanded key; a record costs setting its IV and
 * the work itself. The same context encrypts and decrypts.
 *
 * With an engine, whole messages with IVs of 12 bytes, which is what TLS sends, are its work; for
 * anything else the cipher context is made then, of the key that was kept for it.
 *
 * libcrypto tells no tag when it decrypts, and callers that decrypt in parts ask for it. For them a
 * second context encrypts what was decrypted, and tells its tag. TLS never comes this way.
 *
 * Failure: an IV or a tag of a length that cannot be is SL_CRYPTO_INVALID, a tag that does not fit
 * SL_CRYPTO_FORGED, and then nothing of the plaintext is left behind. Tags are compared in constant
 * time.
 */
#include "backend_thread.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/err.h>

#define IV_BYTES      12
#define MAX_IV_BYTES  128
#define MAX_KEY_BYTES 32
#define PART_BYTES    (1 << 30)      /* libcrypto counts in int */
#define MAX_GCM_BYTES 0xfffffffe0ull /* NIST SP 800-38D 5.2.1.1 */
#define MAX_AD_BYTES  (UINT64_MAX / 8)
#define SCRATCH_BYTES 1024

struct sl_aead {
    const struct sl_gcm_engine *engine; /* NULL: libcrypto does everything */
    struct sl_gcm *gcm;                 /* the engine's key */
    EVP_CIPHER_CTX *ctx;                /* with an engine NULL until it is needed */
    EVP_CIPHER_CTX *tagger;             /* NULL until something is decrypted in parts */
    size_t n_iv_bytes;                  /* that both contexts expect */
    uint64_t n_done_bytes, n_ad_bytes;  /* of the message in parts */
    enum sl_aead_kind kind;
    bool is_encryption; /* of that message */
    uint8_t n_key_bytes;
    uint8_t key[MAX_KEY_BYTES]; /* of the context that may be needed; only with an engine */
};

static bool make_ctx(struct sl_aead *aead, const uint8_t *key)
{
    const EVP_CIPHER *cipher = aead->kind == SL_AEAD_AES_GCM
                                   ? sl_crypto_shared.aes_gcm[aead->n_key_bytes / 8 - 2]
                                   : sl_crypto_shared.chacha20_poly1305;
    aead->ctx = EVP_CIPHER_CTX_new();
    if (aead->ctx && EVP_EncryptInit_ex2(aead->ctx, cipher, key, NULL, NULL) == 1)
        return true;
    EVP_CIPHER_CTX_free(aead->ctx);
    aead->ctx = NULL;
    ERR_clear_error();
    return false;
}

/* Before anything that the engine does not do. */
static bool has_ctx(struct sl_aead *aead)
{
    return aead->ctx || make_ctx(aead, aead->key);
}

static bool make_gcm(struct sl_aead *aead, const uint8_t *key)
{
    aead->gcm = aead->engine->make(key, aead->n_key_bytes);
    memcpy(aead->key, key, aead->n_key_bytes);
    return aead->gcm != NULL;
}

int sl_aead_new(enum sl_aead_kind kind, const uint8_t *key, size_t n_key_bytes,
                struct sl_aead **out_aead)
{
    *out_aead = NULL;
    if (kind == SL_AEAD_AES_GCM ? n_key_bytes != 16 && n_key_bytes != 24 && n_key_bytes != 32
                                : n_key_bytes != 32)
        return SL_CRYPTO_INVALID;
    if (sl_crypto_start() != SL_CRYPTO_OK)
        return SL_CRYPTO_FAILED;
    struct sl_aead *aead = calloc(1, sizeof(*aead));
    if (!aead)
        return SL_CRYPTO_FAILED;
    aead->kind = kind;
    aead->n_key_bytes = (uint8_t)n_key_bytes;
    aead->n_iv_bytes = IV_BYTES;
    if (kind == SL_AEAD_AES_GCM && sl_crypto_shared.is_gcm_engine_used)
        aead->engine = sl_crypto_shared.gcm_engine;
    if (aead->engine ? !make_gcm(aead, key) : !make_ctx(aead, key)) {
        sl_aead_free(&aead);
        return SL_CRYPTO_FAILED;
    }
    *out_aead = aead;
    return SL_CRYPTO_OK;
}

void sl_aead_free(struct sl_aead **aead)
{
    struct sl_aead *gone = *aead;
    if (!gone)
        return;
    *aead = NULL;
    EVP_CIPHER_CTX_free(gone->ctx); /* which cleanses the key */
    EVP_CIPHER_CTX_free(gone->tagger);
    if (gone->engine)
        gone->engine->free(gone->gcm);
    OPENSSL_cleanse(gone, sizeof(*gone));
    free(gone);
}

static bool is_iv_good(const struct sl_aead *aead, size_t n_iv_bytes)
{
    return n_iv_bytes == IV_BYTES ||
           (aead->kind == SL_AEAD_AES_GCM && n_iv_bytes > 0 && n_iv_bytes <= MAX_IV_BYTES);
}

static bool is_tag_good(const struct sl_aead *aead, size_t n_tag_bytes)
{
    return n_tag_bytes == SL_AEAD_TAG_BYTES ||
           (aead->kind == SL_AEAD_AES_GCM && n_tag_bytes >= 4 && n_tag_bytes <= SL_AEAD_TAG_BYTES);
}

static bool set_iv_bytes(struct sl_aead *aead, size_t n_iv_bytes)
{
    if (n_iv_bytes == aead->n_iv_bytes)
        return true;
    if (EVP_CIPHER_CTX_ctrl(aead->ctx, EVP_CTRL_AEAD_SET_IVLEN, (int)n_iv_bytes, NULL) != 1)
        return false;
    EVP_CIPHER_CTX_free(aead->tagger);
    aead->tagger = NULL;
    aead->n_iv_bytes = n_iv_bytes;
    return true;
}

/* With out == NULL: additional data. */
static bool feed(EVP_CIPHER_CTX *ctx, const uint8_t *in, size_t n, uint8_t *out)
{
    int n_out;
    while (n > 0) {
        int n_now = n < PART_BYTES ? (int)n : PART_BYTES;
        if (EVP_CipherUpdate(ctx, out, &n_out, in, n_now) != 1)
            return false;
        in += n_now;
        n -= (size_t)n_now;
        out = out ? out + n_now : NULL;
    }
    return true;
}

/* What the last update of a message may write; for these ciphers it is nothing. */
static bool finish(EVP_CIPHER_CTX *ctx)
{
    uint8_t rest[32];
    int n_rest;
    return EVP_CipherFinal_ex(ctx, rest, &n_rest) == 1;
}

static bool is_overlap_bad(const uint8_t *in, const uint8_t *out, size_t n)
{
    return (uintptr_t)out > (uintptr_t)in && (uintptr_t)out - (uintptr_t)in < n;
}

static int answer(bool is_good)
{
    if (is_good)
        return SL_CRYPTO_OK;
    ERR_clear_error();
    return SL_CRYPTO_FAILED;
}

/* libcrypto wants the output on top of the input or apart from it; callers may have it before it.
 */
static const uint8_t *move_together(const uint8_t *in, size_t n, uint8_t *out)
{
    if (in == out || (uintptr_t)out + n <= (uintptr_t)in || (uintptr_t)in + n <= (uintptr_t)out)
        return in;
    memmove(out, in, n);
    return out;
}

static int seal_by_engine(struct sl_aead *aead, const uint8_t *iv, const uint8_t *ad,
                          size_t n_ad_bytes, const uint8_t *in, size_t n_bytes, uint8_t *out,
                          uint8_t *out_tag, size_t n_tag_bytes)
{
    uint8_t tag[SL_AEAD_TAG_BYTES];
    aead->engine->seal(aead->gcm, iv, ad, n_ad_bytes, in, n_bytes, -1, out, tag);
    memcpy(out_tag, tag, n_tag_bytes);
    return SL_CRYPTO_OK;
}

int sl_aead_seal(struct sl_aead *aead, const uint8_t *iv, size_t n_iv_bytes, const uint8_t *ad,
                 size_t n_ad_bytes, const uint8_t *in, size_t n_bytes, uint8_t *out,
                 uint8_t *out_tag, size_t n_tag_bytes)
{
    if (!is_iv_good(aead, n_iv_bytes) || !is_tag_good(aead, n_tag_bytes) ||
        is_overlap_bad(in, out, n_bytes) || n_bytes > MAX_GCM_BYTES || n_ad_bytes > MAX_AD_BYTES)
        return SL_CRYPTO_INVALID;
    in = move_together(in, n_bytes, out);
    if (aead->engine && n_iv_bytes == IV_BYTES)
        return seal_by_engine(aead, iv, ad, n_ad_bytes, in, n_bytes, out, out_tag, n_tag_bytes);
    if (!has_ctx(aead))
        return SL_CRYPTO_FAILED;
    EVP_CIPHER_CTX *ctx = aead->ctx;
    return answer(set_iv_bytes(aead, n_iv_bytes) &&
                  EVP_EncryptInit_ex2(ctx, NULL, NULL, iv, NULL) == 1 &&
                  feed(ctx, ad, n_ad_bytes, NULL) && feed(ctx, in, n_bytes, out) && finish(ctx) &&
                  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, (int)n_tag_bytes, out_tag) == 1);
}

int sl_aead_seal_record(struct sl_aead *aead, const uint8_t *iv, const uint8_t *ad,
                        size_t n_ad_bytes, const uint8_t *in, size_t n_bytes, int last,
                        uint8_t *out)
{
    uint8_t last_byte[1] = {(uint8_t)last};
    size_t n_last = last >= 0;
    if (aead->engine) {
        aead->engine->seal(aead->gcm, iv, ad, n_ad_bytes, in, n_bytes, last, out,
                           out + n_bytes + n_last);
        return SL_CRYPTO_OK;
    }
    EVP_CIPHER_CTX *ctx = aead->ctx;
    return answer(set_iv_bytes(aead, IV_BYTES) &&
                  EVP_EncryptInit_ex2(ctx, NULL, NULL, iv, NULL) == 1 &&
                  feed(ctx, ad, n_ad_bytes, NULL) && feed(ctx, in, n_bytes, out) &&
                  feed(ctx, last_byte, n_last, out + n_bytes) && finish(ctx) &&
                  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SL_AEAD_TAG_BYTES,
                                      out + n_bytes + n_last) == 1);
}

static int open_by_engine(struct sl_aead *aead, const uint8_t *iv, const uint8_t *ad,
                          size_t n_ad_bytes, const uint8_t *in, size_t n_bytes, const uint8_t *tag,
                          size_t n_tag_bytes, uint8_t *out)
{
    uint8_t right_tag[SL_AEAD_TAG_BYTES];
    aead->engine->open(aead->gcm, iv, ad, n_ad_bytes, in, n_bytes, out, right_tag);
    bool is_good = CRYPTO_memcmp(right_tag, tag, n_tag_bytes) == 0;
    OPENSSL_cleanse(right_tag, sizeof(right_tag)); /* a forger could use it */
    return is_good ? SL_CRYPTO_OK : SL_CRYPTO_FORGED;
}

static int open_by_libcrypto(struct sl_aead *aead, const uint8_t *iv, size_t n_iv_bytes,
                             const uint8_t *ad, size_t n_ad_bytes, const uint8_t *in,
                             size_t n_bytes, uint8_t *tag, size_t n_tag_bytes, uint8_t *out)
{
    EVP_CIPHER_CTX *ctx = aead->ctx;
    bool is_done = set_iv_bytes(aead, n_iv_bytes) &&
                   EVP_DecryptInit_ex2(ctx, NULL, NULL, iv, NULL) == 1 &&
                   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_SET_TAG, (int)n_tag_bytes, tag) == 1 &&
                   feed(ctx, ad, n_ad_bytes, NULL) && feed(ctx, in, n_bytes, out);
    if (is_done && finish(ctx))
        return SL_CRYPTO_OK;
    ERR_clear_error();
    return is_done ? SL_CRYPTO_FORGED : SL_CRYPTO_FAILED;
}

int sl_aead_open(struct sl_aead *aead, const uint8_t *iv, size_t n_iv_bytes, const uint8_t *ad,
                 size_t n_ad_bytes, const uint8_t *in, size_t n_bytes, const uint8_t *tag,
                 size_t n_tag_bytes, uint8_t *out)
{
    uint8_t tag_copy[SL_AEAD_TAG_BYTES];
    if (!is_iv_good(aead, n_iv_bytes) || !is_tag_good(aead, n_tag_bytes) ||
        is_overlap_bad(in, out, n_bytes) || n_bytes > MAX_GCM_BYTES || n_ad_bytes > MAX_AD_BYTES)
        return SL_CRYPTO_INVALID;
    memcpy(tag_copy, tag, n_tag_bytes); /* the plaintext may cover it */
    in = move_together(in, n_bytes, out);
    int err = SL_CRYPTO_FAILED;
    if (aead->engine && n_iv_bytes == IV_BYTES)
        err = open_by_engine(aead, iv, ad, n_ad_bytes, in, n_bytes, tag_copy, n_tag_bytes, out);
    else if (has_ctx(aead))
        err = open_by_libcrypto(aead, iv, n_iv_bytes, ad, n_ad_bytes, in, n_bytes, tag_copy,
                                n_tag_bytes, out);
    if (err && n_bytes > 0)
        OPENSSL_cleanse(out, n_bytes);
    return err;
}

static bool begin_tagger(struct sl_aead *aead, const uint8_t *iv)
{
    if (!aead->tagger) {
        aead->tagger = EVP_CIPHER_CTX_new();
        if (!aead->tagger || EVP_CIPHER_CTX_copy(aead->tagger, aead->ctx) != 1) {
            EVP_CIPHER_CTX_free(aead->tagger);
            aead->tagger = NULL;
            return false;
        }
    }
    return EVP_EncryptInit_ex2(aead->tagger, NULL, NULL, iv, NULL) == 1;
}

int sl_aead_begin(struct sl_aead *aead, bool is_encryption, const uint8_t *iv, size_t n_iv_bytes)
{
    if (!is_iv_good(aead, n_iv_bytes))
        return SL_CRYPTO_INVALID;
    if (!has_ctx(aead))
        return SL_CRYPTO_FAILED;
    aead->is_encryption = is_encryption;
    aead->n_done_bytes = aead->n_ad_bytes = 0;
    return answer(set_iv_bytes(aead, n_iv_bytes) && (is_encryption || begin_tagger(aead, iv)) &&
                  EVP_CipherInit_ex2(aead->ctx, NULL, NULL, iv, is_encryption, NULL) == 1);
}

int sl_aead_ad(struct sl_aead *aead, const uint8_t *ad, size_t n_bytes)
{
    if (n_bytes > MAX_AD_BYTES - aead->n_ad_bytes)
        return SL_CRYPTO_INVALID;
    aead->n_ad_bytes += n_bytes;
    return answer(feed(aead->is_encryption ? aead->ctx : aead->tagger, ad, n_bytes, NULL));
}

/* The tag is that of the plaintext encrypted again. */
static bool tag_plaintext(struct sl_aead *aead, const uint8_t *plain, size_t n)
{
    uint8_t scratch[SCRATCH_BYTES];
    bool is_good = true;
    while (n > 0 && is_good) {
        size_t n_now = n < sizeof(scratch) ? n : sizeof(scratch);
        is_good = feed(aead->tagger, plain, n_now, scratch);
        plain += n_now;
        n -= n_now;
    }
    return is_good;
}

int sl_aead_update(struct sl_aead *aead, const uint8_t *in, size_t n_bytes, uint8_t *out)
{
    if (is_overlap_bad(in, out, n_bytes) || n_bytes > MAX_GCM_BYTES - aead->n_done_bytes)
        return SL_CRYPTO_INVALID;
    aead->n_done_bytes += n_bytes;
    in = move_together(in, n_bytes, out);
    return answer(feed(aead->ctx, in, n_bytes, out) &&
                  (aead->is_encryption || tag_plaintext(aead, out, n_bytes)));
}

int sl_aead_end(struct sl_aead *aead, uint8_t out_tag[SL_AEAD_TAG_BYTES])
{
    EVP_CIPHER_CTX *ctx = aead->is_encryption ? aead->ctx : aead->tagger;
    if (!ctx)
        return SL_CRYPTO_INVALID;
    return answer(finish(ctx) &&
                  EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_AEAD_GET_TAG, SL_AEAD_TAG_BYTES, out_tag) == 1);
}
