/* SPDX-License-Identifier: Apache-2.0 */
/*
 * cause: what mbedTLS's errors mean above this floor.
 */
#ifndef SLUICE_SRC_TLS_CAUSE_H
#define SLUICE_SRC_TLS_CAUSE_H

#include <stdbool.h>

/* mbedTLS adds a high-level and a low-level code into one negative number: the high-level part. */
int sl_tls_high_level(int mbedtls_err);
/* Did an allocation fail? */
bool sl_tls_is_memory(int mbedtls_err);
/* The SL_ERR_* of an error in a session. `state` is the handshake's, `alert` the one that was sent
   in clear or 0. */
int sl_tls_cause(int mbedtls_err, int state, int alert);
/* The alert that tells the peer of this error (RFC 8446 6.2). */
int sl_tls_alert_for(int mbedtls_err);

#endif
