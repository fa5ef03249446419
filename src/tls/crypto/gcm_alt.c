// SPDX-License-Identifier: Apache-2.0
/*
 * gcm_alt: mbedtls/gcm.h on the backend. AES only; IVs of 1 to 128 bytes.
 *
 * The context owns the backend's. TLS seals and opens whole records; the verbs for parts serve
 * what else speaks this interface. Answers are those of mbedTLS's own code: GCM_BAD_INPUT for
 * lengths that cannot be, GCM_AUTH_FAILED with a zeroised output for a tag that does not fit.
 */
#include <mbedtls/gcm.h>

#include <string.h>

#include <mbedtls/platform_util.h>

#include "backend.h"

static int answer(int err)
{
    switch (err) {
    case SL_CRYPTO_OK:
        return 0;
    case SL_CRYPTO_INVALID:
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    case SL_CRYPTO_FORGED:
        return MBEDTLS_ERR_GCM_AUTH_FAILED;
    default:
        return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
    }
}

void mbedtls_gcm_init(mbedtls_gcm_context *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
}

void mbedtls_gcm_free(mbedtls_gcm_context *ctx)
{
    if (ctx)
        sl_aead_free(&ctx->aead);
}

int mbedtls_gcm_setkey(mbedtls_gcm_context *ctx, mbedtls_cipher_id_t cipher,
                       const unsigned char *key, unsigned int keybits)
{
    if (cipher != MBEDTLS_CIPHER_ID_AES || keybits % 8 != 0)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    sl_aead_free(&ctx->aead);
    return answer(sl_aead_new(SL_AEAD_AES_GCM, key, keybits / 8, &ctx->aead));
}

/* The library's decryption that tells the tag instead of comparing it. */
static int decrypt_and_tag(mbedtls_gcm_context *ctx, size_t length, const unsigned char *iv,
                           size_t iv_len, const unsigned char *add, size_t add_len,
                           const unsigned char *input, unsigned char *output, size_t tag_len,
                           unsigned char *tag)
{
    size_t n_out = 0;
    int ret = mbedtls_gcm_starts(ctx, MBEDTLS_GCM_DECRYPT, iv, iv_len);
    if (ret == 0)
        ret = mbedtls_gcm_update_ad(ctx, add, add_len);
    if (ret == 0)
        ret = mbedtls_gcm_update(ctx, input, length, output, length, &n_out);
    if (ret == 0)
        ret = mbedtls_gcm_finish(ctx, NULL, 0, &n_out, tag, tag_len);
    return ret;
}

int mbedtls_gcm_crypt_and_tag(mbedtls_gcm_context *ctx, int mode, size_t length,
                              const unsigned char *iv, size_t iv_len, const unsigned char *add,
                              size_t add_len, const unsigned char *input, unsigned char *output,
                              size_t tag_len, unsigned char *tag)
{
    if (!ctx->aead)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    if (mode != MBEDTLS_GCM_ENCRYPT)
        return decrypt_and_tag(ctx, length, iv, iv_len, add, add_len, input, output, tag_len, tag);
    return answer(
        sl_aead_seal(ctx->aead, iv, iv_len, add, add_len, input, length, output, tag, tag_len));
}

int mbedtls_gcm_auth_decrypt(mbedtls_gcm_context *ctx, size_t length, const unsigned char *iv,
                             size_t iv_len, const unsigned char *add, size_t add_len,
                             const unsigned char *tag, size_t tag_len, const unsigned char *input,
                             unsigned char *output)
{
    if (!ctx->aead)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    return answer(
        sl_aead_open(ctx->aead, iv, iv_len, add, add_len, input, length, tag, tag_len, output));
}

int mbedtls_gcm_starts(mbedtls_gcm_context *ctx, int mode, const unsigned char *iv, size_t iv_len)
{
    if (!ctx->aead)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    return answer(sl_aead_begin(ctx->aead, mode == MBEDTLS_GCM_ENCRYPT, iv, iv_len));
}

int mbedtls_gcm_update_ad(mbedtls_gcm_context *ctx, const unsigned char *add, size_t add_len)
{
    if (!ctx->aead)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    return answer(sl_aead_ad(ctx->aead, add, add_len));
}

int mbedtls_gcm_update(mbedtls_gcm_context *ctx, const unsigned char *input, size_t input_length,
                       unsigned char *output, size_t output_size, size_t *output_length)
{
    if (!ctx->aead)
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    if (output_size < input_length)
        return MBEDTLS_ERR_GCM_BUFFER_TOO_SMALL;
    *output_length = input_length;
    return answer(sl_aead_update(ctx->aead, input, input_length, output));
}

int mbedtls_gcm_finish(mbedtls_gcm_context *ctx, unsigned char *output, size_t output_size,
                       size_t *output_length, unsigned char *tag, size_t tag_len)
{
    uint8_t whole[SL_AEAD_TAG_BYTES];
    (void)output;
    (void)output_size;
    *output_length = 0;
    if (!ctx->aead || tag_len < 4 || tag_len > sizeof(whole))
        return MBEDTLS_ERR_GCM_BAD_INPUT;
    int ret = answer(sl_aead_end(ctx->aead, whole));
    if (ret == 0)
        memcpy(tag, whole, tag_len);
    mbedtls_platform_zeroize(whole, sizeof(whole));
    return ret;
}
