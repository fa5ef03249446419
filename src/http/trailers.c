/* SPDX-License-Identifier: Apache-2.0 */
/*
 * trailers: the happy path is a checksum or a status behind a chunked body, passed on as it is.
 * Fields about framing, routing, request modifiers, authentication and content are dropped: a
 * recipient that merges trailers into the head (RFC 9110 6.5.1) must not learn something from them
 * that nobody checked at the time of the head. Content-Length, Transfer-Encoding and Host end the
 * message.
 */
#include "trailers.h"

static const char *const forbidden[] = {
    /* hop-by-hop and routing */
    "connection",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "upgrade",
    "forwarded",
    "via",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-forwarded-proto",
    "x-real-ip",
    "x-request-id",
    "max-forwards",
    /* request modifiers and conditions */
    "cache-control",
    "expect",
    "pragma",
    "range",
    "if-match",
    "if-none-match",
    "if-modified-since",
    "if-unmodified-since",
    "if-range",
    /* authentication and state */
    "authorization",
    "proxy-authorization",
    "proxy-authenticate",
    "www-authenticate",
    "authentication-info",
    "proxy-authentication-info",
    "cookie",
    "set-cookie",
    "strict-transport-security",
    /* control of the response */
    "age",
    "date",
    "expires",
    "location",
    "retry-after",
    "vary",
    "warning",
    /* how to read the content */
    "content-encoding",
    "content-type",
    "content-range",
};

int sl_trailers_check(struct sl_head *trailers)
{
    for (size_t i = 0; i < trailers->n_fields; i++) {
        struct sl_field *f = &trailers->fields[i];
        if (f->id == SL_FIELD_CONTENT_LENGTH || f->id == SL_FIELD_TRANSFER_ENCODING ||
            f->id == SL_FIELD_HOST)
            return SL_ERR_INVALID;
        struct sl_span name = sl_head_name(trailers, f);
        for (size_t k = 0; k < SL_N_ELEMENTS(forbidden) && !f->is_dropped; k++)
            f->is_dropped = sl_span_ieq(name, sl_span_str(forbidden[k]));
    }
    return 0;
}
