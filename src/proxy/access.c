/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Timings are milliseconds from the first byte of the request: when a link was there, when the
 * request had been sent, when the response head came, when all was over. Fields that do not apply
 * are left out, so that a missing number is never taken for a zero.
 */
#include "access.h"

#include <time.h>
#include <sluice/tls/server.h>
#include "inner.h"

#define LINE_BYTES 8192

static void add_string(struct sl_str *s, const char *key, struct sl_span value)
{
    if (value.len == 0)
        return;
    sl_str_addf(s, ",\"%s\":\"", key);
    sl_str_add_json(s, value);
    sl_str_add_char(s, '"');
}

static void add_number(struct sl_str *s, const char *key, uint64_t value)
{
    sl_str_addf(s, ",\"%s\":%llu", key, (unsigned long long)value);
}

static void add_since(struct sl_str *s, const char *key, const struct sl_exchange *x, uint64_t ms)
{
    if (ms)
        add_number(s, key, ms > x->began_ms ? ms - x->began_ms : 0);
}

static void add_time(struct sl_str *s, uint64_t wall_us)
{
    time_t seconds = (time_t)(wall_us / 1000000);
    char text[32];
    struct tm tm;

    gmtime_r(&seconds, &tm);
    strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
    sl_str_addf(s, "%s.%03uZ", text, (unsigned)(wall_us / 1000 % 1000));
}

/* The target of a very long request is cut; everything else has bounds of its own. */
static struct sl_span shortened(struct sl_span s)
{
    return sl_span(s.ptr, s.len > 2048 ? 2048 : s.len);
}

static void add_tls(struct sl_str *s, const struct sl_origin *origin)
{
    const struct sl_tls_report *tls = origin->tls;

    if (!tls)
        return;
    add_string(s, "sni", origin->sni);
    sl_str_addf(s, ",\"tls_version\":\"%s\"", tls->version == SL_TLS_1_3 ? "1.3" : "1.2");
    add_string(s, "tls_suite", sl_span_str(sl_tls_suite_name((size_t)tls->suite)));
    sl_str_addf(s, ",\"tls_resumed\":%s", tls->is_resumed ? "true" : "false");
    add_number(s, "tls_handshake_ms", origin->tls_handshake_ms);
}

/* What every line begins with: when, who, and through which door. */
static void begin_json(struct sl_str *s, const struct sl_upstreams *set,
                       const struct sl_origin *origin, const char *request_id)
{
    char peer_buf[SL_ADDR_TEXT_BYTES];
    struct sl_str peer;

    sl_str_init(&peer, peer_buf, sizeof(peer_buf));
    sl_addr_write(&origin->peer, &peer);
    sl_str_addz(s, "{\"time\":\"");
    add_time(s, sl_wall_us());
    sl_str_add_char(s, '"');
    add_string(s, "request_id", sl_span_str(request_id));
    add_string(s, "client", sl_str_span(&peer));
    add_string(s, "listener", sl_span_str(set->plan->config->listeners[origin->listener].name));
    add_tls(s, origin);
}

static void end_json(struct sl_str *s, const struct sl_cause *cause)
{
    if (cause->err) {
        sl_str_addf(s, ",\"cause\":{\"phase\":\"%s\",\"side\":\"%s\",\"error\":\"%s\"}",
                    sl_phase_key(cause->phase), sl_side_name(cause->side), sl_err_name(cause->err));
    }
    sl_str_add_char(s, '}');
}

static void write_json(const struct sl_exchange *x, struct sl_str *s)
{
    uint64_t now = sl_loop_now_ms(x->proxy->loop);

    begin_json(s, x->set, &x->origin, x->request_id);
    add_string(s, "method", sl_head_method(x->head));
    add_string(s, "host", x->host);
    add_string(s, "path", shortened(sl_head_target(x->head)));
    sl_str_addf(s, ",\"http\":\"1.%u\"", x->head->minor);
    if (x->status)
        add_number(s, "status", (uint64_t)x->status);
    add_number(s, "request_bytes", x->n_request_bytes);
    add_number(s, "response_bytes", x->n_response_bytes);
    if (x->route)
        add_string(s, "route", sl_span_str(x->route->name));
    if (x->upstream)
        add_string(s, "upstream", sl_span_str(x->upstream->config->name));
    if (x->endpoint) {
        add_string(s, "endpoint", sl_span_str(x->endpoint->text));
        sl_str_addf(s, ",\"reused\":%s", x->is_reused_link ? "true" : "false");
    }
    if (x->has_retried)
        sl_str_addz(s, ",\"retried\":true");
    add_since(s, "dialled_ms", x, x->dialled_ms);
    add_since(s, "request_sent_ms", x, x->request_done_ms);
    add_since(s, "response_header_ms", x, x->header_ms);
    add_number(s, "total_ms", now - x->began_ms);
    end_json(s, &x->cause);
}

/* The common log format has no escapes of its own: what could break a line or a field is hidden. */
static void add_common(struct sl_str *s, struct sl_span text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < 0x20 || c >= 0x7f || c == '"' || c == '\\')
            sl_str_addf(s, "\\x%02x", c);
        else
            sl_str_add_char(s, (char)c);
    }
}

static void begin_common(struct sl_str *s, const struct sl_origin *origin)
{
    time_t now = (time_t)(sl_wall_us() / 1000000);
    char when[40];
    struct tm tm;

    localtime_r(&now, &tm);
    strftime(when, sizeof(when), "%d/%b/%Y:%H:%M:%S %z", &tm);
    sl_addr_write_host(&origin->peer, s);
    sl_str_addf(s, " - - [%s] ", when);
}

static void write_common(const struct sl_exchange *x, struct sl_str *s)
{
    begin_common(s, &x->origin);
    sl_str_add_char(s, '"');
    add_common(s, sl_head_method(x->head));
    sl_str_add_char(s, ' ');
    add_common(s, shortened(sl_head_target(x->head)));
    sl_str_addf(s, " HTTP/1.%u\" ", x->head->minor);
    if (x->status)
        sl_str_addf(s, "%d ", x->status);
    else
        sl_str_addz(s, "- ");
    sl_str_add_u64(s, x->n_response_bytes);
}

static bool is_common(const struct sl_upstreams *set)
{
    return set->plan->config->access_log.format == SL_ACCESS_COMMON;
}

void sl_access_write_refusal(struct sl_proxy *proxy, const struct sl_upstreams *set,
                             const struct sl_origin *origin, int status, const char *rule,
                             const struct sl_cause *cause)
{
    char line[LINE_BYTES];
    struct sl_str s;

    if (!proxy->access)
        return;
    sl_str_init(&s, line, sizeof(line));
    if (is_common(set)) {
        begin_common(&s, origin);
        sl_str_addf(&s, "\"-\" %d -", status);
    } else {
        begin_json(&s, set, origin, "");
        add_number(&s, "status", (uint64_t)status);
        add_string(&s, "rule", sl_span_str(rule));
        end_json(&s, cause);
    }
    sl_logger_write(proxy->access, sl_str_span(&s));
}

void sl_access_write(const struct sl_exchange *x)
{
    char line[LINE_BYTES];
    struct sl_str s;

    if (!x->proxy->access)
        return;
    sl_str_init(&s, line, sizeof(line));
    if (is_common(x->set))
        write_common(x, &s);
    else
        write_json(x, &s);
    sl_logger_write(x->proxy->access, sl_str_span(&s));
}
