/* SPDX-License-Identifier: Apache-2.0 */
/*
 * refuse: the replies that sluice gives itself: small, readable, with Proxy-Status (RFC 9209).
 */
#ifndef SLUICE_PROXY_REFUSE_H
#define SLUICE_PROXY_REFUSE_H

#include <sluice/base/phase.h>
#include <sluice/base/str.h>

#define SL_REFUSAL_BYTES 1536

struct sl_reply {
    int status;
    const char *why;              /* a sentence for the body */
    const struct sl_cause *cause; /* for Proxy-Status; NULL: the request itself was refused */
    const char *request_id;       /* NULL: none was made */
    const char *via;              /* our pseudonym */
    const char *connection;       /* value of Connection, or NULL */
    bool has_no_body;             /* the answer to HEAD */
};

/* Writes head and body. Returns the length of the body that is sent. */
size_t sl_refuse_write(const struct sl_reply *reply, struct sl_str *out);
/* The error type of Proxy-Status (RFC 9209 section 2.3). Static. */
const char *sl_refuse_error_type(int status, const struct sl_cause *cause);

#endif
