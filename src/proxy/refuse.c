/* SPDX-License-Identifier: Apache-2.0 */
#include "refuse.h"

#include <time.h>
#include <sluice/base/err.h>
#include <sluice/http/encode.h>

const char *sl_refuse_error_type(int status, const struct sl_cause *cause)
{
    if (!cause)
        return "http_request_error";
    switch (cause->phase) {
    case SL_PHASE_REQUEST_HEADER:
    case SL_PHASE_REQUEST_BODY:
        return "http_request_error";
    case SL_PHASE_UPSTREAM_QUEUE:
        return "connection_limit_reached";
    case SL_PHASE_UPSTREAM_CONNECT:
        switch (cause->err) {
        case SL_ERR_TIMEOUT:
            return "connection_timeout";
        case SL_ERR_REFUSED:
            return "connection_refused";
        case SL_ERR_UNREACHABLE:
            return "destination_ip_unroutable";
        default:
            return "destination_unavailable";
        }
    case SL_PHASE_UPSTREAM_WRITE:
        return cause->err == SL_ERR_TIMEOUT ? "connection_write_timeout" : "connection_terminated";
    default:
        break;
    }
    switch (cause->err) {
    case SL_ERR_TIMEOUT:
        return status == 504 ? "http_response_timeout" : "proxy_internal_error";
    case SL_ERR_INVALID:
        return "http_protocol_error";
    case SL_ERR_TRUNCATED:
        return "http_response_incomplete";
    case SL_ERR_EOF:
    case SL_ERR_RESET:
    case SL_ERR_IO:
        return "connection_terminated";
    default:
        return "proxy_internal_error";
    }
}

size_t sl_refuse_write(const struct sl_reply *reply, struct sl_str *out)
{
    char body_buf[512], date[40];
    struct sl_str body;
    time_t now = time(NULL);
    struct tm tm;

    sl_str_init(&body, body_buf, sizeof(body_buf));
    sl_str_addf(&body, "%d %s\n\n%s\n", reply->status, sl_status_reason(reply->status), reply->why);
    if (reply->request_id)
        sl_str_addf(&body, "\nRequest id: %s\n", reply->request_id);

    gmtime_r(&now, &tm);
    strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
    sl_str_addf(out, "HTTP/1.1 %d %s\r\nDate: %s\r\n", reply->status,
                sl_status_reason(reply->status), date);
    sl_str_addz(out, "Content-Type: text/plain; charset=utf-8\r\nCache-Control: no-store\r\n"
                     "X-Content-Type-Options: nosniff\r\n");
    sl_str_addf(out, "Content-Length: %zu\r\n", body.len);
    /* A name that does not begin with a letter is no token (RFC 8941 3.3.4). */
    const char *quote = sl_ascii_is_letter(reply->via[0]) ? "" : "\"";
    sl_str_addf(out, "Proxy-Status: %s%s%s; error=%s", quote, reply->via, quote,
                sl_refuse_error_type(reply->status, reply->cause));
    if (reply->cause && reply->cause->phase != SL_PHASE_NONE)
        sl_str_addf(out, "; details=\"%s\"", sl_phase_key(reply->cause->phase));
    sl_str_addz(out, "\r\n");
    if (reply->status == 503)
        sl_str_addz(out, "Retry-After: 1\r\n");
    if (reply->request_id)
        sl_str_addf(out, "X-Request-Id: %s\r\n", reply->request_id);
    if (reply->connection)
        sl_str_addf(out, "Connection: %s\r\n", reply->connection);
    sl_str_addz(out, "\r\n");
    if (reply->has_no_body)
        return 0;
    sl_str_add(out, sl_str_span(&body));
    return body.len;
}
