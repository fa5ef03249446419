/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa_alt: the RSA context of mbedTLS with one field more. The library's own code works on it, so
 * its fields are the library's; if a later release adds one, that code does not compile.
 */
#ifndef SLUICE_RSA_ALT_H
#define SLUICE_RSA_ALT_H

/* The library defines it next to its own context. */
#if defined(MBEDTLS_GENPRIME) && !defined(MBEDTLS_RSA_GEN_KEY_MIN_BITS)
#define MBEDTLS_RSA_GEN_KEY_MIN_BITS 1024
#endif

typedef struct mbedtls_rsa_context {
    int MBEDTLS_PRIVATE(ver);
    size_t MBEDTLS_PRIVATE(len);
    mbedtls_mpi MBEDTLS_PRIVATE(N);
    mbedtls_mpi MBEDTLS_PRIVATE(E);
    mbedtls_mpi MBEDTLS_PRIVATE(D);
    mbedtls_mpi MBEDTLS_PRIVATE(P);
    mbedtls_mpi MBEDTLS_PRIVATE(Q);
    mbedtls_mpi MBEDTLS_PRIVATE(DP);
    mbedtls_mpi MBEDTLS_PRIVATE(DQ);
    mbedtls_mpi MBEDTLS_PRIVATE(QP);
    mbedtls_mpi MBEDTLS_PRIVATE(RN);
    mbedtls_mpi MBEDTLS_PRIVATE(RP);
    mbedtls_mpi MBEDTLS_PRIVATE(RQ);
    mbedtls_mpi MBEDTLS_PRIVATE(Vi);
    mbedtls_mpi MBEDTLS_PRIVATE(Vf);
    int MBEDTLS_PRIVATE(padding);
    int MBEDTLS_PRIVATE(hash_id);
#if defined(MBEDTLS_THREADING_C)
    mbedtls_threading_mutex_t MBEDTLS_PRIVATE(mutex);
#endif
    void *MBEDTLS_PRIVATE(fast_key); /* struct sl_rsa of rsa_alt.c, made at the first use; atomic */
} mbedtls_rsa_context;

#endif
