/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: a head is routed and rewritten, a link is dialled, the head goes out; the body
 * flows to the link as it comes, the response flows to the stream as it comes, both with
 * backpressure; when both are complete the link rests and the access line is written.
 */
/* clang-format off */
/*
 * How an exchange may end. "awaited" means that no final response head has been passed on.
 *
 *   what happened                          | awaited                     | response flowing
 *   ---------------------------------------+-----------------------------+---------------------------
 *   response complete, request complete    |                             | end; link to the pool
 *   response complete, body still coming   |                             | end; link closed; the client
 *     (early response)                     |                             |   drains the rest (linger)
 *   no endpoint, all refused, timed out    | 502, 503, 504               |
 *   reused link died before a byte came,   | once more on a fresh link   |
 *     idempotent, no body                  |                             |
 *   link reset, ended, spoke garbage       | 502                         | cut
 *   link takes no more of the body         | body dropped, answer heard  | body dropped, answer goes on
 *   upstream deadline                      | 504 (queue: 503)            | cut
 *   request_body deadline                  | 408; link reset             | cut; link reset
 *   body beyond max_body                   | 413; link reset             | cut; link reset
 *   client gone, or its request truncated  | link reset, nothing said    | link reset, nothing said
 *   101 where an upgrade was asked for     | tunnel until both sides end, or its deadline
 *   101 where none was asked for, or to a  | 502                         |
 *     protocol that was not offered        |                             |
 */
/* clang-format on */
/*
 * "cut" means: visibly. No last chunk, no clean end; the client sees a reset.
 *
 * The exchange is owned by its stream, owns its dial and its link, and borrows the request's head.
 * Any call into the stream may close it; sl_exchange_is_over() is asked after each.
 */
#include "exchange_inner.h"

#include <stdlib.h>
#include "access.h"
#include "expiry.h"
#include "rewrite.h"
#include "route.h"

bool sl_exchange_is_over(const struct sl_exchange *x)
{
    return x->stream == NULL;
}

size_t sl_exchange_appetite_for(const struct sl_framing *framing, uint64_t n_passed, size_t n_room)
{
    uint64_t n_left = framing->content_length - n_passed;
    return framing->body == SL_BODY_LENGTH && n_left < n_room ? (size_t)n_left : n_room;
}

static void record_cause(struct sl_exchange *x, const struct sl_cause *cause)
{
    if (cause && x->cause.err == 0)
        x->cause = *cause;
}

/* ---- ends ---- */

void sl_exchange_refuse(struct sl_exchange *x, int status, const char *why,
                        const struct sl_cause *cause)
{
    record_cause(x, cause);
    x->status = status;
    x->stream->ops->refuse(x->stream, status, why, cause);
}

void sl_exchange_cut(struct sl_exchange *x, const struct sl_cause *cause)
{
    record_cause(x, cause);
    x->stream->ops->cut(x->stream, cause);
}

/* Something went wrong: say so while that is possible, else cut. */
void sl_exchange_fail(struct sl_exchange *x, int status, const char *why,
                      const struct sl_cause *cause)
{
    if (x->response == SL_RESPONSE_AWAITED)
        sl_exchange_refuse(x, status, why, cause);
    else
        sl_exchange_cut(x, cause);
}

const char *sl_exchange_expiry_text(enum sl_phase phase)
{
    switch (phase) {
    case SL_PHASE_REQUEST_BODY:
        return "The request body came too slowly, or stopped coming.";
    case SL_PHASE_UPSTREAM_QUEUE:
        return "The application is busy: no connection to it became free in time.";
    case SL_PHASE_UPSTREAM_CONNECT:
        return "The application could not be reached in time.";
    case SL_PHASE_UPSTREAM_WRITE:
        return "The application stopped accepting the request.";
    default:
        return "The application did not begin to answer in time.";
    }
}

static void expire(struct sl_exchange *x, enum sl_phase phase)
{
    const struct sl_phase_row *row = &sl_phase_table[phase];
    struct sl_cause cause = {phase, row->awaited, SL_ERR_TIMEOUT};

    if (sl_expiry_cuts(x->proxy, phase, &x->limits->phase[phase], &x->origin.peer))
        sl_exchange_fail(x, row->status ? row->status : 504, sl_exchange_expiry_text(phase),
                         &cause);
}

static void on_meter_breach(struct sl_exchange *x, const struct sl_meter *m)
{
    expire(x, m->phase);
}

static void on_request_body_breach(struct sl_meter *m)
{
    on_meter_breach(sl_container_of(m, struct sl_exchange, request_body), m);
}

static void on_upstream_write_breach(struct sl_meter *m)
{
    on_meter_breach(sl_container_of(m, struct sl_exchange, upstream_write), m);
}

static void on_upstream_body_breach(struct sl_meter *m)
{
    on_meter_breach(sl_container_of(m, struct sl_exchange, upstream_body), m);
}

static void on_header_deadline(struct sl_deadline *d)
{
    struct sl_exchange *x = sl_container_of(d, struct sl_exchange, upstream_header);

    /* A small request was taken for delivered without asking, and is not: the upstream still takes
       it, which upstream_write judges, and its time for an answer begins when it has it. */
    if (x->request == SL_REQUEST_COMPLETE && sl_meter_is_running(&x->upstream_write) &&
        sl_channel_unacked_bytes(&x->link->channel) > 0)
        sl_meter_watch(&x->upstream_write, SL_EXCHANGE_WATCH_MS);
    else
        expire(x, SL_PHASE_UPSTREAM_HEADER);
    if (!sl_exchange_is_over(x))
        x->stream->ops->note_phase(x->stream);
}

/* ---- life ---- */

static bool asks_for_http2(const struct sl_head *head)
{
    return sl_head_lists(head, SL_FIELD_UPGRADE, SL_SPAN("h2c")) ||
           sl_head_lists(head, SL_FIELD_UPGRADE, SL_SPAN("h2"));
}

int sl_exchange_read_target(const struct sl_exchange *x, struct sl_target *out_target)
{
    int err = sl_target_read(sl_head_target(x->head), out_target);

    if (err == 0 && out_target->is_bare && x->head->method == SL_METHOD_OPTIONS) {
        out_target->form = SL_TARGET_ASTERISK;
        out_target->path = out_target->origin = SL_SPAN("*");
    }
    return err;
}

/* The authority that counts, kept apart from the head, whose text moves when fields are added. */
static int keep_host(struct sl_exchange *x, const struct sl_target *target)
{
    const struct sl_field *f = sl_head_find(x->head, SL_FIELD_HOST, NULL);
    struct sl_span host = target->host;

    if (host.len == 0 && f)
        host = sl_head_value(x->head, f);
    if (host.len >= sizeof(x->host_text))
        return SL_ERR_LIMIT;
    if (host.len)
        memcpy(x->host_text, host.ptr, host.len);
    x->host = sl_span(x->host_text, host.len);
    return 0;
}

/* The route for a host and a path as it was sent. 0, SL_ERR_INVALID for a path without meaning, or
   SL_ERR_MEMORY. */
static int match_route(const struct sl_plan *plan, struct sl_span name, struct sl_span path,
                       size_t *out_route)
{
    char small[4096], *buf = small;
    size_t len;

    if (path.len > sizeof(small)) /* few are; limits.target_bytes allows a MiB */
        buf = malloc(path.len);
    if (!buf)
        return SL_ERR_MEMORY;
    int err = sl_path_normalise(path, buf, path.len, &len);
    if (err == 0)
        *out_route = sl_route_find(plan, name, sl_span(buf, len));
    if (buf != small)
        free(buf);
    return err;
}

/* Finds the route. 0, or the status that refuses the request and why. */
static int find_route(struct sl_exchange *x, const char **out_why)
{
    struct sl_target target;
    struct sl_span name = {0}, port;
    size_t route = SL_ROUTE_NONE;
    int err = 0;

    *out_why = "The request target or Host is malformed.";
    if (sl_exchange_read_target(x, &target) != 0 || keep_host(x, &target) != 0)
        return 400;
    if (x->host.len && sl_host_read(x->host, &name, &port) != 0)
        return 400;
    if (target.form == SL_TARGET_ASTERISK)
        route = sl_route_find(x->set->plan, name, target.path);
    else
        err = match_route(x->set->plan, name, target.path, &route);
    if (err == SL_ERR_MEMORY) {
        *out_why = "There is no memory for this request now.";
        return 503;
    }
    if (err != 0)
        return 400;
    if (route == SL_ROUTE_NONE) {
        *out_why = "No route of this server covers this host and path.";
        return 404;
    }
    x->route = &x->set->plan->config->routes[route];
    x->upstream = &x->set->upstreams[x->route->upstream_index];
    x->limits = &x->set->plan->listeners[x->origin.listener].by_route[route];
    return 0;
}

/* What the route and the upstream demand of a request. 0 or a status. */
static int check_request(const struct sl_exchange *x, const char **out_why)
{
    const struct sl_config *config = x->set->plan->config;

    if (x->framing.body == SL_BODY_LENGTH && x->framing.content_length > x->route->max_body_bytes) {
        *out_why = "The request body is longer than is allowed here.";
        return 413;
    }
    if (x->framing.body == SL_BODY_CHUNKED &&
        x->upstream->config->chunked_requests == SL_CHUNKED_REJECT) {
        *out_why =
            "The application needs to know the length of a request body: send Content-Length.";
        return 411;
    }
    if (!sl_rewrite_may_forward(x->head)) {
        *out_why = "Max-Forwards ends here, and this server answers no such request by itself.";
        return 501;
    }
    if (config->forwarding.underscores == SL_UNDERSCORES_REJECT &&
        sl_rewrite_has_underscore(x->head)) {
        *out_why = "Header names with underscores are not accepted here.";
        return 400;
    }
    return 0;
}

static struct sl_exchange *make(struct sl_proxy *proxy, struct sl_upstreams *set)
{
    struct sl_exchange *x = sl_pool_get(&proxy->exchanges);

    if (!x)
        return NULL;
    x->proxy = proxy;
    x->set = set;
    x->cause = (struct sl_cause){SL_PHASE_NONE, SL_SIDE_NONE, 0};
    sl_dial_init(&x->dial, proxy->loop, sl_exchange_on_dialled, sl_exchange_on_dial_phase, x);
    sl_meter_init(&x->request_body, proxy->loop, proxy->counters, on_request_body_breach);
    sl_meter_init(&x->upstream_write, proxy->loop, proxy->counters, on_upstream_write_breach);
    x->upstream_write.on_delivered = sl_exchange_on_request_delivered;
    sl_meter_init(&x->upstream_body, proxy->loop, proxy->counters, on_upstream_body_breach);
    sl_deadline_init(&x->upstream_header, proxy->loop, on_header_deadline);
    return x;
}

int sl_exchange_begin(struct sl_proxy *proxy, struct sl_upstreams *set, struct sl_stream *stream,
                      const struct sl_origin *origin, struct sl_head *head,
                      const struct sl_framing *framing, uint64_t began_ms,
                      struct sl_exchange **out_exchange)
{
    struct sl_exchange *x = make(proxy, set);
    struct sl_cause unfit = {SL_PHASE_NONE, SL_SIDE_CLIENT, SL_ERR_INVALID};
    const char *why = NULL;

    *out_exchange = x;
    if (!x)
        return SL_ERR_MEMORY;
    x->stream = stream;
    x->origin = *origin;
    x->head = head;
    x->framing = *framing;
    x->began_ms = began_ms;
    x->is_upgrade = framing->is_upgrade && framing->body == SL_BODY_NONE && !asks_for_http2(head);
    sl_rewrite_request_id(x);

    int status = find_route(x, &why);
    if (status == 0)
        status = check_request(x, &why);
    if (status == 0 && sl_rewrite_request(x) != 0) {
        status = 431;
        why = "The request has too many header fields.";
    }
    if (status == 503)
        unfit = (struct sl_cause){SL_PHASE_NONE, SL_SIDE_PROXY, SL_ERR_MEMORY};
    if (status != 0) {
        sl_exchange_refuse(x, status, why, &unfit);
        return 0;
    }
    if (framing->body != SL_BODY_NONE)
        sl_meter_begin(&x->request_body, SL_PHASE_REQUEST_BODY,
                       &x->limits->phase[SL_PHASE_REQUEST_BODY]);
    sl_dial_begin(&x->dial, x->upstream, x->limits, &x->origin.peer, true);
    return 0;
}

static void bury(struct sl_grave *g)
{
    struct sl_exchange *x = sl_container_of(g, struct sl_exchange, grave);
    sl_pool_put(&x->proxy->exchanges, x);
}

static void count(const struct sl_exchange *x)
{
    struct sl_counters *counters = x->proxy->counters;
    uint64_t now = sl_loop_now_ms(x->proxy->loop);

    sl_count_add(&counters->responses[x->status >= 600 ? 0 : x->status / 100], 1);
    sl_histogram_add(&counters->request_duration, now - x->began_ms);
}

void sl_exchange_close(struct sl_exchange **px, const struct sl_cause *cause)
{
    struct sl_exchange *x = *px;

    *px = NULL;
    if (!x || sl_exchange_is_over(x))
        return;
    x->stream = NULL;
    record_cause(x, cause);
    sl_dial_fini(&x->dial);
    bool is_whole = x->response == SL_RESPONSE_OVER && x->request == SL_REQUEST_COMPLETE;
    if (is_whole && !x->is_link_spent && x->link) {
        sl_count_add(&x->proxy->counters->count[SL_COUNT_UPSTREAM_TX],
                     sl_channel_written_bytes(&x->link->channel) - x->link_written_before);
        sl_meter_end(&x->upstream_write);
        sl_link_release(&x->link, true);
    } else {
        sl_exchange_close_link(x, is_whole ? SL_CHANNEL_CLEAN : SL_CHANNEL_RESET);
    }
    sl_meter_fini(&x->request_body);
    sl_meter_fini(&x->upstream_write);
    sl_meter_fini(&x->upstream_body);
    sl_deadline_fini(&x->upstream_header);
    count(x);
    sl_access_write(x);
    sl_reap(x->proxy->loop, &x->grave, bury);
}

/* ---- questions ---- */

bool sl_exchange_is_request_complete(const struct sl_exchange *x)
{
    return x->request == SL_REQUEST_COMPLETE ||
           (x->request == SL_REQUEST_HELD && x->framing.body == SL_BODY_NONE);
}

enum sl_phase sl_exchange_phase(const struct sl_exchange *x)
{
    enum sl_phase dialling = sl_dial_phase(&x->dial);

    if (dialling != SL_PHASE_NONE)
        return dialling;
    if (x->response == SL_RESPONSE_TUNNEL)
        return SL_PHASE_TUNNEL;
    if (x->response == SL_RESPONSE_FLOWING)
        return x->is_response_paused ? SL_PHASE_RESPONSE : SL_PHASE_UPSTREAM_BODY;
    if (x->is_request_paused)
        return SL_PHASE_UPSTREAM_WRITE;
    if (sl_meter_is_running(&x->request_body))
        return SL_PHASE_REQUEST_BODY;
    if (sl_deadline_is_armed(&x->upstream_header))
        return SL_PHASE_UPSTREAM_HEADER;
    return sl_meter_is_running(&x->upstream_write) ? SL_PHASE_UPSTREAM_WRITE
                                                   : SL_PHASE_UPSTREAM_HEADER;
}

bool sl_exchange_is_guarded(const struct sl_exchange *x)
{
    enum sl_phase phase = sl_exchange_phase(x);
    const struct sl_limit *limit = &x->limits->phase[phase];

    if (limit->limit_ms == SL_UNLIMITED || !limit->is_enforced)
        return true;
    return sl_deadline_is_armed(&x->dial.deadline) || sl_deadline_is_armed(&x->upstream_header) ||
           sl_meter_is_running(&x->request_body) || sl_meter_is_running(&x->upstream_write) ||
           sl_meter_is_running(&x->upstream_body);
}
