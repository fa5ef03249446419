// SPDX-License-Identifier: Apache-2.0
/*
 * rsa_alt: mbedTLS's RSA with its private operation on the backend, and with the public one where
 * it checks a signature that was just made.
 *
 * Padding, import, export and checks stay mbedTLS's own code: it is compiled with the
 * functions below renamed to sl_stock_*. The backend's key is made at the first private operation
 * of a context and dropped when the context changes. Threads that meet there make one each, and
 * the first one stays; after that none of mbedTLS's locks is taken.
 *
 * A key that the backend does not take is mbedTLS's to use, or to refuse.
 */
#include "rsa_stock.h"

#include <stdlib.h>

#include <mbedtls/error.h>
#include <mbedtls/platform_util.h>

#include "backend.h"

static struct sl_rsa *fast_key(const mbedtls_rsa_context *ctx)
{
    return __atomic_load_n(&ctx->fast_key, __ATOMIC_ACQUIRE);
}

static void drop(mbedtls_rsa_context *ctx)
{
    struct sl_rsa *gone = __atomic_exchange_n(&ctx->fast_key, NULL, __ATOMIC_ACQ_REL);
    sl_rsa_free(&gone);
}

/* Their bytes, one after the other, in memory of their own. NULL without memory, or when one is
   not there. */
static uint8_t *write_numbers(const mbedtls_rsa_context *ctx, struct sl_rsa_numbers *out_numbers,
                              size_t *out_n)
{
    const mbedtls_mpi *mpis[SL_RSA_N_NUMBERS] = {
        [SL_RSA_N] = &ctx->N,   [SL_RSA_E] = &ctx->E,   [SL_RSA_D] = &ctx->D,
        [SL_RSA_P] = &ctx->P,   [SL_RSA_Q] = &ctx->Q,   [SL_RSA_DP] = &ctx->DP,
        [SL_RSA_DQ] = &ctx->DQ, [SL_RSA_QP] = &ctx->QP,
    };
    *out_n = 0;
    for (int i = 0; i < SL_RSA_N_NUMBERS; i++) {
        if (mbedtls_mpi_cmp_int(mpis[i], 0) <= 0)
            return NULL;
        out_numbers->n_bytes[i] = mbedtls_mpi_size(mpis[i]);
        *out_n += out_numbers->n_bytes[i];
    }
    uint8_t *bytes = malloc(*out_n), *next = bytes;
    for (int i = 0; bytes && i < SL_RSA_N_NUMBERS; i++) {
        out_numbers->bytes[i] = next;
        /* It has exactly this size. */
        (void)mbedtls_mpi_write_binary(mpis[i], next, out_numbers->n_bytes[i]);
        next += out_numbers->n_bytes[i];
    }
    return bytes;
}

static struct sl_rsa *make(mbedtls_rsa_context *ctx)
{
    struct sl_rsa_numbers numbers;
    struct sl_rsa *made = NULL;
    size_t n;
    /* What mbedTLS would refuse, it shall refuse. */
    if (ctx->len != mbedtls_mpi_size(&ctx->N) || mbedtls_mpi_get_bit(&ctx->N, 0) == 0)
        return NULL;
    uint8_t *bytes = write_numbers(ctx, &numbers, &n);
    if (!bytes)
        return NULL;
    (void)sl_rsa_new(&numbers, &made);
    mbedtls_platform_zeroize(bytes, n);
    free(bytes);
    if (!made)
        return NULL;
    void *there = NULL;
    if (__atomic_compare_exchange_n(&ctx->fast_key, &there, made, false, __ATOMIC_ACQ_REL,
                                    __ATOMIC_ACQUIRE))
        return made;
    sl_rsa_free(&made);
    return there;
}

/* The backend's verdict as mbedTLS would give it. */
static int told(int err, int failed)
{
    switch (err) {
    case SL_CRYPTO_OK:
        return 0;
    case SL_CRYPTO_INVALID:
        return failed + MBEDTLS_ERR_MPI_BAD_INPUT_DATA;
    default:
        return failed + MBEDTLS_ERR_MPI_ALLOC_FAILED;
    }
}

int mbedtls_rsa_private(mbedtls_rsa_context *ctx, int (*f_rng)(void *, unsigned char *, size_t),
                        void *p_rng, const unsigned char *input, unsigned char *output)
{
    if (f_rng == NULL)
        return MBEDTLS_ERR_RSA_BAD_INPUT_DATA;
    struct sl_rsa *rsa = fast_key(ctx);
    if (!rsa)
        rsa = make(ctx);
    if (!rsa)
        return sl_stock_rsa_private(ctx, f_rng, p_rng, input, output);
    return told(sl_rsa_private(rsa, input, output), MBEDTLS_ERR_RSA_PRIVATE_FAILED);
}

int mbedtls_rsa_public(mbedtls_rsa_context *ctx, const unsigned char *input, unsigned char *output)
{
    struct sl_rsa *rsa = fast_key(ctx);

    int err = rsa ? sl_rsa_public(rsa, input, output) : SL_CRYPTO_UNSUPPORTED;
    if (err == SL_CRYPTO_UNSUPPORTED)
        return sl_stock_rsa_public(ctx, input, output);
    return told(err, MBEDTLS_ERR_RSA_PUBLIC_FAILED);
}

void mbedtls_rsa_free(mbedtls_rsa_context *ctx)
{
    if (!ctx)
        return;
    drop(ctx);
    sl_stock_rsa_free(ctx);
}

int mbedtls_rsa_import(mbedtls_rsa_context *ctx, const mbedtls_mpi *N, const mbedtls_mpi *P,
                       const mbedtls_mpi *Q, const mbedtls_mpi *D, const mbedtls_mpi *E)
{
    drop(ctx);
    return sl_stock_rsa_import(ctx, N, P, Q, D, E);
}

int mbedtls_rsa_import_raw(mbedtls_rsa_context *ctx, unsigned char const *N, size_t N_len,
                           unsigned char const *P, size_t P_len, unsigned char const *Q,
                           size_t Q_len, unsigned char const *D, size_t D_len,
                           unsigned char const *E, size_t E_len)
{
    drop(ctx);
    return sl_stock_rsa_import_raw(ctx, N, N_len, P, P_len, Q, Q_len, D, D_len, E, E_len);
}

int mbedtls_rsa_complete(mbedtls_rsa_context *ctx)
{
    drop(ctx);
    return sl_stock_rsa_complete(ctx);
}

int mbedtls_rsa_gen_key(mbedtls_rsa_context *ctx, int (*f_rng)(void *, unsigned char *, size_t),
                        void *p_rng, unsigned int nbits, int exponent)
{
    drop(ctx);
    return sl_stock_rsa_gen_key(ctx, f_rng, p_rng, nbits, exponent);
}

int mbedtls_rsa_copy(mbedtls_rsa_context *dst, const mbedtls_rsa_context *src)
{
    drop(dst);
    return sl_stock_rsa_copy(dst, src);
}
