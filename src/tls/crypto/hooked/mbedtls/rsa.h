/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rsa: mbedTLS's header with the context of rsa_alt.h. MBEDTLS_RSA_ALT is defined in this header
 * only: elsewhere it would leave mbedTLS's own code out, which works on our context (rsa_alt.c).
 */
#pragma GCC system_header
#define MBEDTLS_RSA_ALT
#include_next <mbedtls/rsa.h>
#undef MBEDTLS_RSA_ALT
