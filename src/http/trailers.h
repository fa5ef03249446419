/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trailers: which fields may stand behind a body (RFC 9110 6.5.1).
 */
#ifndef SLUICE_HTTP_TRAILERS_H
#define SLUICE_HTTP_TRAILERS_H

#include <sluice/http/head.h>

/* Marks the fields that must not be trailers as dropped. SL_ERR_INVALID: one of them would have
   changed the framing or the target of the message, which no honest sender tries. */
int sl_trailers_check(struct sl_head *trailers);

#endif
