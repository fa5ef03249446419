/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: a head is routed and rewritten, a link is dialled, the head goes out; the body
 * flows to the link as it comes, the response flows to the stream as it comes, both with
 * backpressure; when both are complete the link rests and the access line is written.
 *
 * How an exchange may end. "awaited" means that no final response head has been passed on.
 *
 *   what happened                          | awaited                     | response flowing
 *   ---------------------------------------+-----------------------------+--------------------------------
 *   response complete, request complete    |                             | end; link to the pool
 *   response complete, body still coming   |                             | end; link closed; the
 * client (early response)                     |                             |   drains the rest
 * (linger) no endpoint, all refused, timed out    | 502, 503, 504               | reused link died
 * before a byte came,   | once more on a fresh link   | idempotent, no body                  | |
 *   link reset, ended, spoke garbage       | 502                         | cut
 *   link takes no more of the body         | body dropped, answer heard  | body dropped, answer
 * goes on upstream deadline                      | 504 (queue: 503)            | cut request_body
 * deadline                  | 408; link reset             | cut; link reset body beyond max_body |
 * 413; link reset             | cut; link reset client gone, or its request truncated  | link
 * reset, nothing said    | link reset, nothing said 101 where an upgrade was asked for     | tunnel
 * until both sides end, or its deadline 101 where none was asked for           | 502 |
 *
 * "cut" means: visibly. No last chunk, no clean end; the client sees a reset.
 *
 * The exchange is owned by its stream, owns its dial and its link, and borrows the request's head.
 * Any call into the stream may close it; is_over() is asked after each.
 */
#include "exchange.h"

#include <stdlib.h>
#include "access.h"
#include "expiry.h"
#include "inner.h"
#include "rewrite.h"
#include "route.h"

/* A body up to this size is in the kernel at once; whether a longer one was taken is asked. */
#define SMALL_BODY_BYTES 65536
/* How often delivery is looked at when the next phase waits for it. */
#define WATCH_MS 50

static bool is_over(const struct sl_exchange *x)
{
    return x->stream == NULL;
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

static void cut(struct sl_exchange *x, const struct sl_cause *cause)
{
    record_cause(x, cause);
    x->stream->ops->cut(x->stream, cause);
}

/* Something went wrong: say so while that is possible, else cut. */
static void fail(struct sl_exchange *x, int status, const char *why, const struct sl_cause *cause)
{
    if (x->response == SL_RESPONSE_AWAITED)
        sl_exchange_refuse(x, status, why, cause);
    else
        cut(x, cause);
}

static const char *expiry_text(enum sl_phase phase)
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

    if (sl_expiry_cuts(x->proxy, phase, &x->limits->phase[phase], x->origin.peer))
        fail(x, row->status ? row->status : 504, expiry_text(phase), &cause);
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
        sl_meter_watch(&x->upstream_write, WATCH_MS);
    else
        expire(x, SL_PHASE_UPSTREAM_HEADER);
    if (!is_over(x))
        x->stream->ops->note_phase(x->stream);
}

/* ---- the request's way ---- */

static void await_header(struct sl_exchange *x)
{
    if (x->response == SL_RESPONSE_AWAITED && !sl_deadline_is_armed(&x->upstream_header))
        sl_deadline_arm(&x->upstream_header, SL_PHASE_UPSTREAM_HEADER,
                        x->limits->phase[SL_PHASE_UPSTREAM_HEADER].limit_ms);
}

static void narrow_tunnel(struct sl_exchange *x);

/* The upstream's kernel has everything: only now does its time for an answer begin. */
static void on_request_delivered(struct sl_meter *m)
{
    struct sl_exchange *x = sl_container_of(m, struct sl_exchange, upstream_write);

    if (x->request != SL_REQUEST_COMPLETE || !x->link)
        return;
    if (x->response == SL_RESPONSE_TUNNEL) {
        narrow_tunnel(x);
        return;
    }
    await_header(x);
    x->stream->ops->note_phase(x->stream);
}

static void complete_request(struct sl_exchange *x)
{
    x->request = SL_REQUEST_COMPLETE;
    x->request_done_ms = sl_loop_now_ms(x->proxy->loop);
    sl_meter_end(&x->request_body);
    if (x->request_pipe.n_bytes > SMALL_BODY_BYTES && sl_meter_is_running(&x->upstream_write))
        sl_meter_watch(&x->upstream_write, WATCH_MS);
    else
        await_header(x);
}

/* The upstream takes no more. Its answer, if there is one, is still to be heard. */
static void drop_request(struct sl_exchange *x)
{
    x->is_link_spent = true;
    sl_meter_end(&x->upstream_write);
    x->request_pipe.sink = NULL;
    x->is_request_paused = false;
    if (x->request == SL_REQUEST_FLOWING) {
        x->request = SL_REQUEST_DROPPED;
        sl_meter_run(&x->request_body);
    }
    await_header(x);
}

static void send_request_head(struct sl_exchange *x)
{
    struct sl_encoding enc = {.coding = SL_CODING_NONE, .length = x->framing.content_length};
    struct sl_target target;

    if (x->framing.body == SL_BODY_CHUNKED)
        enc.coding = SL_CODING_CHUNKED;
    else if (x->framing.has_content_length)
        enc.coding = SL_CODING_LENGTH;
    if (x->is_upgrade)
        enc.connection = "upgrade";
    else if (!x->upstream->config->has_keepalive)
        enc.connection = "close";
    /* Read again: rewriting may have moved the head's text. It was valid when the exchange began.
     */
    sl_target_read(sl_head_target(x->head), &target);
    sl_link_expect(x->link, x->head->method);
    x->link_written_before = sl_channel_written_bytes(&x->link->channel);
    if (sl_encode_head(sl_channel_out(&x->link->channel), x->head, target.origin, &enc) != 0)
        x->is_link_spent = true;
    sl_channel_flush(&x->link->channel);
    sl_pipe_open(&x->request_pipe, &x->link->channel, enc.coding);
    sl_meter_begin_sink(&x->upstream_write, SL_PHASE_UPSTREAM_WRITE,
                        &x->limits->phase[SL_PHASE_UPSTREAM_WRITE], &x->link->channel);
}

bool sl_exchange_wants_body(const struct sl_exchange *x)
{
    if (x->response == SL_RESPONSE_TUNNEL)
        return x->link && !x->is_request_paused;
    return x->request == SL_REQUEST_DROPPED ||
           (x->request == SL_REQUEST_FLOWING && !x->is_request_paused);
}

/* Body bytes, or a tunnel's, on their way to the link. */
static void pour(struct sl_exchange *x, struct sl_span bytes)
{
    if (sl_pipe_write(&x->request_pipe, bytes) != 0) {
        drop_request(x);
        return;
    }
    if (x->response != SL_RESPONSE_TUNNEL)
        sl_meter_run(&x->upstream_write);
    if (!sl_pipe_has_room(&x->request_pipe)) {
        x->is_request_paused = true;
        if (x->response != SL_RESPONSE_TUNNEL)
            sl_meter_stop(&x->request_body);
    }
}

void sl_exchange_on_body(struct sl_exchange *x, struct sl_span body)
{
    struct sl_cause too_long = {SL_PHASE_REQUEST_BODY, SL_SIDE_CLIENT, SL_ERR_LIMIT};

    x->n_request_bytes += body.len;
    if (x->response == SL_RESPONSE_TUNNEL) {
        sl_meter_progress(&x->upstream_body, body.len);
        pour(x, body);
        return;
    }
    if (x->n_request_bytes > x->route->max_body_bytes) {
        fail(x, 413, "The request body is longer than is allowed here.", &too_long);
        return;
    }
    if (x->awaits_continue) { /* it did not wait for 100 (RFC 9110 section 10.1.1) */
        x->awaits_continue = false;
        sl_deadline_clear(&x->upstream_header);
        sl_meter_run(&x->request_body);
    }
    sl_meter_progress(&x->request_body, body.len);
    if (x->request == SL_REQUEST_FLOWING)
        pour(x, body);
}

void sl_exchange_on_body_end(struct sl_exchange *x, struct sl_head *trailers)
{
    if (x->framing.body == SL_BODY_NONE) /* it is complete once its head is sent */
        return;
    if (x->request == SL_REQUEST_FLOWING && sl_pipe_end(&x->request_pipe, trailers) != 0)
        drop_request(x);
    complete_request(x);
}

static void on_link_room(void *owner)
{
    struct sl_exchange *x = owner;

    if (!x->is_request_paused || !sl_pipe_has_room(&x->request_pipe))
        return;
    x->is_request_paused = false;
    if (x->request == SL_REQUEST_FLOWING)
        sl_meter_run(&x->request_body);
    x->stream->ops->want_body(x->stream);
    x->stream->ops->note_phase(x->stream);
}

/* ---- dialling ---- */

/* Methods that may be sent again when nobody knows whether they arrived (RFC 9110 section 9.2.2).
 */
static bool is_idempotent(enum sl_method method)
{
    switch (method) {
    case SL_METHOD_GET:
    case SL_METHOD_HEAD:
    case SL_METHOD_PUT:
    case SL_METHOD_DELETE:
    case SL_METHOD_OPTIONS:
    case SL_METHOD_TRACE:
        return true;
    default:
        return false;
    }
}

static bool can_retry(const struct sl_exchange *x)
{
    return x->is_reused_link && !x->has_retried && x->response == SL_RESPONSE_AWAITED &&
           !x->link->has_response_bytes && x->framing.body == SL_BODY_NONE &&
           is_idempotent(x->head->method);
}

static void close_link(struct sl_exchange *x, enum sl_channel_close how)
{
    if (!x->link)
        return;
    sl_count_add(&x->proxy->counters->count[SL_COUNT_UPSTREAM_TX],
                 sl_channel_written_bytes(&x->link->channel) - x->link_written_before);
    sl_meter_end(&x->upstream_write);
    x->request_pipe.sink = NULL;
    sl_link_close(&x->link, how);
}

static void dial_fresh(struct sl_exchange *x)
{
    sl_deadline_clear(&x->upstream_header);
    close_link(x, SL_CHANNEL_RESET);
    x->is_link_spent = false;
    x->request = SL_REQUEST_HELD;
    sl_dial_begin(&x->dial, x->upstream, x->limits, x->origin.peer, false);
    if (!is_over(x))
        x->stream->ops->note_phase(x->stream);
}

static void explain_dial_failure(struct sl_exchange *x, const struct sl_cause *cause)
{
    if (cause->phase == SL_PHASE_UPSTREAM_QUEUE)
        sl_exchange_refuse(x, 503,
                           cause->err == SL_ERR_LIMIT
                               ? "The application is busy: too many requests wait for it already."
                               : expiry_text(SL_PHASE_UPSTREAM_QUEUE),
                           cause);
    else if (cause->err == SL_ERR_TIMEOUT)
        sl_exchange_refuse(x, 504, expiry_text(SL_PHASE_UPSTREAM_CONNECT), cause);
    else
        sl_exchange_refuse(x, 502, "The application could not be reached.", cause);
}

static const struct sl_link_events link_events;

static void on_dialled(void *owner, struct sl_link *link, bool is_reused,
                       const struct sl_cause *cause)
{
    struct sl_exchange *x = owner;

    if (!link) {
        explain_dial_failure(x, cause);
        return;
    }
    x->link = link;
    x->is_reused_link = is_reused;
    x->endpoint = link->endpoint->config;
    sl_link_take(link, &link_events, x);
    /* Nothing is sent on a link that is dead, or on which something has arrived that answers no
       request: it would be taken for the answer to this one (RFC 9112 section 9.2). The loop tells
       of it only with its next poll. */
    if (is_reused && sl_link_is_stale(link)) {
        x->link_written_before = sl_channel_written_bytes(&link->channel);
        dial_fresh(x);
        return;
    }
    link->endpoint->n_requests++;
    x->dialled_ms = sl_loop_now_ms(x->proxy->loop);
    send_request_head(x);
    if (x->framing.body == SL_BODY_NONE) {
        complete_request(x);
    } else {
        x->request = SL_REQUEST_FLOWING;
        x->awaits_continue = x->framing.expects_continue;
        if (x->awaits_continue)
            await_header(x);
        else
            sl_meter_run(&x->request_body);
        x->stream->ops->want_body(x->stream);
    }
    x->stream->ops->note_phase(x->stream);
}

static void on_dial_phase(void *owner)
{
    struct sl_exchange *x = owner;
    x->stream->ops->note_phase(x->stream);
}

/* ---- the response's way ---- */

static void on_link_failed(void *owner, int err, const char *why)
{
    struct sl_exchange *x = owner;
    struct sl_cause cause = {sl_exchange_phase(x), SL_SIDE_UPSTREAM, err};
    char text[256];
    struct sl_str s;

    if (can_retry(x)) {
        x->has_retried = true;
        sl_count_add(&x->proxy->counters->count[SL_COUNT_UPSTREAM_RETRIES], 1);
        dial_fresh(x);
        return;
    }
    x->is_link_spent = true;
    x->link->endpoint->n_failures++;
    sl_log(SL_LOG_WARN, "upstream %s endpoint %s failed: %s; request_id=%s",
           x->upstream->config->name, x->endpoint->text, why, x->request_id);
    sl_str_init(&s, text, sizeof(text));
    sl_str_addf(&s, "The application's answer cannot be used: %s.", why);
    fail(x, 502, text, &cause);
}

static void open_tunnel(struct sl_exchange *x)
{
    x->response = SL_RESPONSE_TUNNEL;
    x->is_link_spent = true;
    x->link->is_raw = true;
    sl_count_add(&x->proxy->counters->count[SL_COUNT_TUNNELS], 1);
    sl_meter_end(&x->request_body);
    sl_meter_end(&x->upstream_write);
    sl_pipe_open(&x->request_pipe, &x->link->channel, SL_CODING_CLOSE);
    sl_meter_begin(&x->upstream_body, SL_PHASE_TUNNEL, &x->limits->phase[SL_PHASE_TUNNEL]);
    sl_meter_run(&x->upstream_body);
    x->stream->ops->want_body(x->stream);
}

/* 1xx: passed on if the client can understand it; re-arms nothing. Hints pile up nowhere: a client
   that does not read gets no more of them, but the 100 that it waits for. */
static void pass_interim(struct sl_exchange *x, struct sl_head *head,
                         const struct sl_framing *framing)
{
    bool is_awaited = head->status == 100 && x->awaits_continue;

    if (head->status == 100 && (!x->framing.expects_continue || x->request == SL_REQUEST_COMPLETE))
        return;
    if (is_awaited) {
        x->awaits_continue = false;
        sl_deadline_clear(&x->upstream_header);
        sl_meter_run(&x->request_body);
    }
    if (x->head->minor == 0 || (!is_awaited && !x->stream->ops->has_room(x->stream)) ||
        sl_rewrite_response(x, head) != 0)
        return;
    if (x->stream->ops->send_head(x->stream, head, framing) == 0 && !is_over(x))
        x->stream->ops->note_phase(x->stream);
}

static void on_link_head(void *owner, struct sl_head *head, const struct sl_framing *framing)
{
    struct sl_exchange *x = owner;
    struct sl_counters *counters = x->proxy->counters;
    struct sl_cause bad = {SL_PHASE_UPSTREAM_HEADER, SL_SIDE_UPSTREAM, SL_ERR_INVALID};
    bool is_switch = head->status == 101;

    if (head->status < 200 && !is_switch) {
        pass_interim(x, head, framing);
        return;
    }
    if (is_switch && !x->is_upgrade) {
        x->is_link_spent = true;
        fail(x, 502, "The application switched protocols without being asked.", &bad);
        return;
    }
    x->header_ms = sl_loop_now_ms(x->proxy->loop);
    if (x->request_done_ms)
        sl_histogram_add(&counters->upstream_duration, x->header_ms - x->request_done_ms);
    sl_expiry_ended_well(&x->upstream_header, counters,
                         &x->limits->phase[SL_PHASE_UPSTREAM_HEADER]);
    /* A client that still waits for 100 need not send its body any more (RFC 9110 10.1.1): it is
       charged for it only if it begins to. */
    if (!framing->is_persistent)
        x->is_link_spent = true;
    if (sl_rewrite_response(x, head) != 0) {
        fail(x, 502, "The application's answer has too many header fields.", &bad);
        return;
    }
    x->status = head->status;
    x->response = SL_RESPONSE_FLOWING;
    sl_meter_begin(&x->upstream_body, SL_PHASE_UPSTREAM_BODY,
                   &x->limits->phase[SL_PHASE_UPSTREAM_BODY]);
    sl_meter_run(&x->upstream_body);
    if (x->stream->ops->send_head(x->stream, head, framing) != 0 || is_over(x))
        return;
    if (is_switch)
        open_tunnel(x);
    x->stream->ops->note_phase(x->stream);
}

/* Response bytes on their way to the stream. */
static void pass(struct sl_exchange *x, struct sl_span bytes)
{
    x->n_response_bytes += bytes.len;
    sl_meter_progress(&x->upstream_body, bytes.len);
    if (x->stream->ops->send_body(x->stream, bytes) != 0 || is_over(x))
        return;
    if (!x->stream->ops->has_room(x->stream)) {
        x->is_response_paused = true;
        sl_link_pause(x->link);
        if (x->response != SL_RESPONSE_TUNNEL)
            sl_meter_stop(&x->upstream_body);
        x->stream->ops->note_phase(x->stream);
    }
}

static void on_link_bytes(void *owner, struct sl_span bytes)
{
    pass(owner, bytes);
}

static void on_link_done(void *owner, struct sl_head *trailers)
{
    struct sl_exchange *x = owner;

    x->response = SL_RESPONSE_OVER;
    sl_meter_end(&x->upstream_body);
    x->stream->ops->send_end(x->stream, trailers);
}

void sl_exchange_on_room(struct sl_exchange *x)
{
    if (!x->is_response_paused || !x->link || !x->stream->ops->has_room(x->stream))
        return;
    x->is_response_paused = false;
    if (x->response == SL_RESPONSE_FLOWING)
        sl_meter_run(&x->upstream_body);
    sl_link_resume(x->link);
    x->stream->ops->note_phase(x->stream);
}

/* ---- the tunnel ---- */

/* The client has ended: does the upstream still have to take what it said? */
static bool is_tunnel_emptying(const struct sl_exchange *x)
{
    if (!x->has_client_ended)
        return false;
    return x->has_upstream_ended ? !sl_channel_is_drained(&x->link->channel)
                                 : sl_channel_unacked_bytes(&x->link->channel) > 0;
}

/* One side has ended: what the other still has to say must be said within linger's total, which
   begins when it has taken everything. */
static void narrow_tunnel(struct sl_exchange *x)
{
    struct sl_limit limit = x->limits->phase[SL_PHASE_TUNNEL];
    uint64_t linger_ms = x->limits->phase[SL_PHASE_LINGER].total_ms;

    if (is_tunnel_emptying(x)) {
        sl_meter_end(&x->upstream_body);
        if (!sl_meter_is_running(&x->upstream_write)) {
            sl_meter_begin_sink(&x->upstream_write, SL_PHASE_UPSTREAM_WRITE,
                                &x->limits->phase[SL_PHASE_UPSTREAM_WRITE], &x->link->channel);
            sl_meter_run(&x->upstream_write);
            sl_meter_watch(&x->upstream_write, WATCH_MS);
        }
        return;
    }
    sl_meter_end(&x->upstream_write);
    if (x->has_client_ended && x->has_upstream_ended) {
        x->response = SL_RESPONSE_OVER;
        sl_meter_end(&x->upstream_body);
        x->stream->ops->send_end(x->stream, NULL);
        return;
    }
    if (linger_ms < limit.limit_ms)
        limit.limit_ms = linger_ms;
    sl_meter_begin(&x->upstream_body, SL_PHASE_TUNNEL, &limit);
    sl_meter_run(&x->upstream_body);
}

static void on_link_raw_end(void *owner, int err)
{
    struct sl_exchange *x = owner;
    struct sl_cause cause = {SL_PHASE_TUNNEL, SL_SIDE_UPSTREAM, err};

    if (err != 0) {
        cut(x, &cause);
        return;
    }
    x->has_upstream_ended = true;
    x->stream->ops->end_tunnel_out(x->stream);
    narrow_tunnel(x);
}

void sl_exchange_on_tunnel_end(struct sl_exchange *x)
{
    x->has_client_ended = true;
    sl_channel_shutdown(&x->link->channel);
    narrow_tunnel(x);
}

static const struct sl_link_events link_events = {
    .on_head = on_link_head,
    .on_body = on_link_bytes,
    .on_done = on_link_done,
    .on_failed = on_link_failed,
    .on_room = on_link_room,
    .on_raw = on_link_bytes,
    .on_raw_end = on_link_raw_end,
};

/* ---- life ---- */

static bool asks_for_http2(const struct sl_head *head)
{
    return sl_head_lists(head, SL_FIELD_UPGRADE, SL_SPAN("h2c")) ||
           sl_head_lists(head, SL_FIELD_UPGRADE, SL_SPAN("h2"));
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

/* Finds the route. 0, or the status that refuses the request and why. */
static int find_route(struct sl_exchange *x, const char **out_why)
{
    char path_buf[16384];
    struct sl_target target;
    struct sl_span name = {0}, port;
    size_t path_len = 0, route;

    *out_why = "The request target or Host is malformed.";
    if (sl_target_read(sl_head_target(x->head), &target) != 0 || keep_host(x, &target) != 0)
        return 400;
    if (x->host.len && sl_host_read(x->host, &name, &port) != 0)
        return 400;
    struct sl_span path = target.path;
    if (target.form != SL_TARGET_ASTERISK) {
        if (sl_path_normalise(target.path, path_buf, sizeof(path_buf), &path_len) != 0)
            return 400;
        path = sl_span(path_buf, path_len);
    }
    route = sl_route_find(x->set->plan, name, path);
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
    if (config->forwarding.underscores == SL_UNDERSCORES_REJECT &&
        sl_rewrite_has_underscore(x->head)) {
        *out_why = "Header names with underscores are not accepted here.";
        return 400;
    }
    return 0;
}

static struct sl_exchange *make(struct sl_proxy *proxy, struct sl_upstreams *set)
{
    struct sl_exchange *x = calloc(1, sizeof(*x));

    if (!x)
        return NULL;
    x->proxy = proxy;
    x->set = set;
    x->cause = (struct sl_cause){SL_PHASE_NONE, SL_SIDE_NONE, 0};
    sl_dial_init(&x->dial, proxy->loop, on_dialled, on_dial_phase, x);
    sl_meter_init(&x->request_body, proxy->loop, proxy->counters, on_request_body_breach);
    sl_meter_init(&x->upstream_write, proxy->loop, proxy->counters, on_upstream_write_breach);
    x->upstream_write.on_delivered = on_request_delivered;
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
    if (status != 0) {
        sl_exchange_refuse(x, status, why, &unfit);
        return 0;
    }
    if (framing->body != SL_BODY_NONE)
        sl_meter_begin(&x->request_body, SL_PHASE_REQUEST_BODY,
                       &x->limits->phase[SL_PHASE_REQUEST_BODY]);
    sl_dial_begin(&x->dial, x->upstream, x->limits, x->origin.peer, true);
    return 0;
}

static void bury(struct sl_grave *g)
{
    free(sl_container_of(g, struct sl_exchange, grave));
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
    if (!x || is_over(x))
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
        close_link(x, is_whole ? SL_CHANNEL_CLEAN : SL_CHANNEL_RESET);
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
