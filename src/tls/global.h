/* SPDX-License-Identifier: Apache-2.0 */
/*
 * global: what the whole floor shares: randomness per thread.
 */
#ifndef SLUICE_SRC_TLS_GLOBAL_H
#define SLUICE_SRC_TLS_GLOBAL_H

#include <stddef.h>

/* The f_rng of every mbedTLS call: this thread's generator, made at its first use. p_rng is unused.
   0 or an mbedTLS error. */
int sl_tls_rng(void *p_rng, unsigned char *out, size_t n);

#endif
