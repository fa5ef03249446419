/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbedtls_inside: the header that mbedTLS keeps for itself, without the warnings in it. Only
 * records.c includes it.
 */
#pragma GCC system_header
#include <ssl_misc.h>
