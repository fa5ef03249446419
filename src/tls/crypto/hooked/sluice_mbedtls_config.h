/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration of the accelerated mbedTLS: upstream's default, read first, and these changes.
 * It shapes structures: every file that includes a header of mbedTLS must see it.
 */
#ifndef SLUICE_MBEDTLS_CONFIG_H
#define SLUICE_MBEDTLS_CONFIG_H

/* Workers are threads that share keys, certificates and PSA's key store. */
#define MBEDTLS_THREADING_C
#define MBEDTLS_THREADING_PTHREAD

/* What is done elsewhere; each has its file next to this directory. RSA: see mbedtls/rsa.h. */
#define MBEDTLS_GCM_ALT
#define MBEDTLS_CHACHAPOLY_ALT
#define MBEDTLS_ECDSA_SIGN_ALT
#define MBEDTLS_ECDSA_VERIFY_ALT
#define MBEDTLS_ECDH_GEN_PUBLIC_ALT
#define MBEDTLS_ECDH_COMPUTE_SHARED_ALT
#define MBEDTLS_SHA256_PROCESS_ALT
#define MBEDTLS_SHA512_PROCESS_ALT
#define MBEDTLS_PSA_CRYPTO_EXTERNAL_RNG

/* It would go around the signing above. */
#undef MBEDTLS_ECDSA_DETERMINISTIC
/* Their blocks are the backend's, whatever the processor. */
#undef MBEDTLS_SHA256_USE_ARMV8_A_CRYPTO_IF_PRESENT
#undef MBEDTLS_SHA512_USE_A64_CRYPTO_IF_PRESENT

/* Nobody else writes to what is given to PSA while it works, so it need not copy every input and
   output to blocks of its own, hundreds in a handshake. */
#define MBEDTLS_PSA_ASSUME_EXCLUSIVE_BUFFERS
/* Texts that nobody reads. */
#undef MBEDTLS_DEBUG_C

/* It counts multiplications in variables that all threads write to. */
#undef MBEDTLS_SELF_TEST

/* Groups that the backend cannot sign with and no client needs. */
#undef MBEDTLS_ECP_DP_SECP192R1_ENABLED
#undef MBEDTLS_ECP_DP_SECP224R1_ENABLED
#undef MBEDTLS_ECP_DP_SECP192K1_ENABLED
#undef MBEDTLS_ECP_DP_SECP224K1_ENABLED

/* Suites that are never offered (RFC 9325 4.1, 4.2): what is not there cannot be reached. What the
   list in tls/server.c keeps out stays where something else needs it: CBC for encrypted keys, CCM
   for mbedTLS's own tests. */
#undef MBEDTLS_KEY_EXCHANGE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDHE_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_PSK_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_DHE_RSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_ECDSA_ENABLED
#undef MBEDTLS_KEY_EXCHANGE_ECDH_RSA_ENABLED
#undef MBEDTLS_CAMELLIA_C
#undef MBEDTLS_ARIA_C

#endif
