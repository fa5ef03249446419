/* SPDX-License-Identifier: Apache-2.0 */
/*
 * framing: the ONE decision on how long a body is (RFC 9112 section 6) and on everything in a head
 * that could make two parsers disagree. All rules against request smuggling live in framing.c.
 */
#ifndef SLUICE_HTTP_FRAMING_H
#define SLUICE_HTTP_FRAMING_H

#include <sluice/http/head.h>

enum sl_body {
    SL_BODY_NONE,   /* no body */
    SL_BODY_LENGTH, /* exactly content_length bytes */
    SL_BODY_CHUNKED,
    SL_BODY_EOF, /* response only: until the connection ends */
};

struct sl_framing {
    enum sl_body body;
    uint64_t content_length; /* with SL_BODY_LENGTH; also what a response to HEAD declares */
    bool has_content_length; /* the head declares one (kept for HEAD and 304) */
    bool is_persistent;      /* the connection may serve another message (RFC 9112 9.3) */
    bool is_upgrade;         /* request: asks for one (h2c is not counted). response: status 101 */
    bool expects_continue;   /* request: Expect: 100-continue, HTTP/1.1, and a body to wait for */
};

/* A refusal: the status to answer and a sentence for the body. All static. */
struct sl_refusal {
    int status; /* 502 whenever a response is refused */
    const char *why;
    const char *rule; /* short name for logs: "cl_and_te", "bad_host" */
};

/*
 * 0, or SL_ERR_INVALID with *out_refusal filled. Also checks Host, method, target and Expect. A
 * target in absolute form is accepted whatever a (valid) Host says: RFC 9112 3.2.2 lets the target
 * win, so whoever forwards the request writes Host anew from sl_target.host.
 */
int sl_framing_of_request(const struct sl_head *head, struct sl_framing *out_framing,
                          struct sl_refusal *out_refusal);
/* Of the response to a request with this method. 0, or SL_ERR_INVALID with *out_refusal filled:
   also for a 101 that names no protocol or announces a body. Whether the request offered that
   protocol is its owner's question. */
int sl_framing_of_response(const struct sl_head *head, enum sl_method request_method,
                           struct sl_framing *out_framing, struct sl_refusal *out_refusal);

#endif
