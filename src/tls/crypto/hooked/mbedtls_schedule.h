/* SPDX-License-Identifier: Apache-2.0 */
/*
 * mbedtls_schedule: how mbedTLS declares the key schedule of TLS 1.3 for itself, without the
 * warnings in it. Only schedule_alt.c includes it.
 */
#pragma GCC system_header
#include <common.h>
#include <ssl_misc.h>
#include <ssl_tls13_keys.h>
