/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa_stock: mbedTLS's own code for what rsa_alt.c stands in front of.
 */
#ifndef SLUICE_SRC_TLS_CRYPTO_RSA_STOCK_H
#define SLUICE_SRC_TLS_CRYPTO_RSA_STOCK_H

#include <mbedtls/rsa.h>

int sl_stock_rsa_public(mbedtls_rsa_context *ctx, const unsigned char *input,
                        unsigned char *output);
int sl_stock_rsa_private(mbedtls_rsa_context *ctx, int (*f_rng)(void *, unsigned char *, size_t),
                         void *p_rng, const unsigned char *input, unsigned char *output);
void sl_stock_rsa_free(mbedtls_rsa_context *ctx);
int sl_stock_rsa_import(mbedtls_rsa_context *ctx, const mbedtls_mpi *N, const mbedtls_mpi *P,
                        const mbedtls_mpi *Q, const mbedtls_mpi *D, const mbedtls_mpi *E);
int sl_stock_rsa_import_raw(mbedtls_rsa_context *ctx, unsigned char const *N, size_t N_len,
                            unsigned char const *P, size_t P_len, unsigned char const *Q,
                            size_t Q_len, unsigned char const *D, size_t D_len,
                            unsigned char const *E, size_t E_len);
int sl_stock_rsa_complete(mbedtls_rsa_context *ctx);
int sl_stock_rsa_gen_key(mbedtls_rsa_context *ctx, int (*f_rng)(void *, unsigned char *, size_t),
                         void *p_rng, unsigned int nbits, int exponent);
int sl_stock_rsa_copy(mbedtls_rsa_context *dst, const mbedtls_rsa_context *src);

#endif
