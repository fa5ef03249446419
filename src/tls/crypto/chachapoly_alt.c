// SPDX-License-Identifier: Apache-2.0
/*
 * chachapoly_alt: mbedtls/chachapoly.h on the backend.
 *
 * The context owns the backend's. Verbs out of order are CHACHAPOLY_BAD_STATE; a tag that does not
 * fit is CHACHAPOLY_AUTH_FAILED, with a zeroised output.
 */
#include <mbedtls/chachapoly.h>

#include <string.h>

#include <mbedtls/cipher.h>

#include "backend.h"

#define KEY_BYTES   32
#define NONCE_BYTES 12

enum { PHASE_NONE, PHASE_AD, PHASE_DATA, PHASE_END };

static int answer(int err)
{
    switch (err) {
    case SL_CRYPTO_OK:
        return 0;
    case SL_CRYPTO_INVALID:
        return MBEDTLS_ERR_CIPHER_BAD_INPUT_DATA;
    case SL_CRYPTO_FORGED:
        return MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED;
    default:
        return MBEDTLS_ERR_CIPHER_ALLOC_FAILED;
    }
}

void mbedtls_chachapoly_init(mbedtls_chachapoly_context *ctx)
{
    memset(ctx, 0, sizeof(*ctx));
}

void mbedtls_chachapoly_free(mbedtls_chachapoly_context *ctx)
{
    if (!ctx)
        return;
    sl_aead_free(&ctx->aead);
    ctx->state = PHASE_NONE;
}

int mbedtls_chachapoly_setkey(mbedtls_chachapoly_context *ctx, const unsigned char key[KEY_BYTES])
{
    sl_aead_free(&ctx->aead);
    ctx->state = PHASE_NONE;
    return answer(sl_aead_new(SL_AEAD_CHACHA20_POLY1305, key, KEY_BYTES, &ctx->aead));
}

int mbedtls_chachapoly_starts(mbedtls_chachapoly_context *ctx,
                              const unsigned char nonce[NONCE_BYTES],
                              mbedtls_chachapoly_mode_t mode)
{
    if (!ctx->aead)
        return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
    int ret =
        answer(sl_aead_begin(ctx->aead, mode == MBEDTLS_CHACHAPOLY_ENCRYPT, nonce, NONCE_BYTES));
    ctx->state = ret == 0 ? PHASE_AD : PHASE_NONE;
    return ret;
}

int mbedtls_chachapoly_update_aad(mbedtls_chachapoly_context *ctx, const unsigned char *aad,
                                  size_t aad_len)
{
    if (ctx->state != PHASE_AD)
        return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
    return answer(sl_aead_ad(ctx->aead, aad, aad_len));
}

int mbedtls_chachapoly_update(mbedtls_chachapoly_context *ctx, size_t len,
                              const unsigned char *input, unsigned char *output)
{
    if (ctx->state != PHASE_AD && ctx->state != PHASE_DATA)
        return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
    ctx->state = PHASE_DATA;
    return answer(sl_aead_update(ctx->aead, input, len, output));
}

int mbedtls_chachapoly_finish(mbedtls_chachapoly_context *ctx, unsigned char mac[16])
{
    if (ctx->state != PHASE_AD && ctx->state != PHASE_DATA)
        return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
    ctx->state = PHASE_END;
    return answer(sl_aead_end(ctx->aead, mac));
}

int mbedtls_chachapoly_encrypt_and_tag(mbedtls_chachapoly_context *ctx, size_t length,
                                       const unsigned char nonce[NONCE_BYTES],
                                       const unsigned char *aad, size_t aad_len,
                                       const unsigned char *input, unsigned char *output,
                                       unsigned char tag[16])
{
    if (!ctx->aead)
        return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
    ctx->state = PHASE_END;
    return answer(sl_aead_seal(ctx->aead, nonce, NONCE_BYTES, aad, aad_len, input, length, output,
                               tag, SL_AEAD_TAG_BYTES));
}

int mbedtls_chachapoly_auth_decrypt(mbedtls_chachapoly_context *ctx, size_t length,
                                    const unsigned char nonce[NONCE_BYTES],
                                    const unsigned char *aad, size_t aad_len,
                                    const unsigned char tag[16], const unsigned char *input,
                                    unsigned char *output)
{
    if (!ctx->aead)
        return MBEDTLS_ERR_CHACHAPOLY_BAD_STATE;
    ctx->state = PHASE_END;
    return answer(sl_aead_open(ctx->aead, nonce, NONCE_BYTES, aad, aad_len, input, length, tag,
                               SL_AEAD_TAG_BYTES, output));
}
