// SPDX-License-Identifier: Apache-2.0
/*
 * backend_hash: one block of SHA-2 by libcrypto, which picks the processor's instructions for it.
 * It cannot fail, and leaves no state behind on the stack.
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
