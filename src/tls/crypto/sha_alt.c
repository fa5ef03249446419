// SPDX-License-Identifier: Apache-2.0
/*
 * sha_alt: the block functions of SHA-256 and SHA-512 on the backend. They cannot fail.
 */
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>

#include "backend.h"

int mbedtls_internal_sha256_process(mbedtls_sha256_context *ctx, const unsigned char data[64])
{
    sl_sha256_block(ctx->state, data);
    return 0;
}

int mbedtls_internal_sha512_process(mbedtls_sha512_context *ctx, const unsigned char data[128])
{
    sl_sha512_block(ctx->state, data);
    return 0;
}
