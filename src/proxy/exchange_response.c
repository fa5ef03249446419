/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The response's way to the client: what the link says, one event after another, passed to the
 * stream as long as it has room; and the tunnel that a 101 makes of both.
 */
#include "exchange_inner.h"

#include "expiry.h"
#include "rewrite.h"

#define MAX_PROTOCOLS   8 /* that a switch leads to; each is looked for among those offered */
#define TOO_MANY_FIELDS "The application's answer has too many header fields."

/* ---- the response's way ---- */

static void on_link_failed(void *owner, int err, const char *why)
{
    struct sl_exchange *x = owner;
    struct sl_cause cause = {sl_exchange_phase(x), SL_SIDE_UPSTREAM, err};
    char text[256];
    struct sl_str s;

    if (sl_exchange_can_retry(x)) {
        x->has_retried = true;
        sl_count_add(&x->proxy->counters->count[SL_COUNT_UPSTREAM_RETRIES], 1);
        sl_exchange_dial_fresh(x);
        return;
    }
    x->is_link_spent = true;
    x->link->endpoint->n_failures++;
    sl_log(SL_LOG_WARN, "upstream %s endpoint %s failed: %s; request_id=%s",
           x->upstream->config->name, x->endpoint->text, why, x->request_id);
    sl_str_init(&s, text, sizeof(text));
    sl_str_addf(&s, "The application's answer cannot be used: %s.", why);
    sl_exchange_fail(x, 502, text, &cause);
}

/* A server must not switch to what the client did not offer (RFC 9110 7.8): the two would speak
   different protocols. Some name above it the HTTP/1.1 that is spoken anyway (RFC 2817 3.3). */
static bool is_offered(const struct sl_head *request, const struct sl_head *response)
{
    const struct sl_field *f = NULL;
    size_t n = 0, n_offered = 0;

    while ((f = sl_head_find(response, SL_FIELD_UPGRADE, f))) {
        struct sl_span rest = sl_head_value(response, f), protocol;
        while (sl_list_next(&rest, &protocol)) {
            bool is_one = sl_head_lists(request, SL_FIELD_UPGRADE, protocol);
            n_offered += is_one;
            if (++n > MAX_PROTOCOLS || !(is_one || sl_span_ieq(protocol, SL_SPAN("HTTP/1.1"))))
                return false;
        }
    }
    return n_offered > 0;
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
    if (x->head->minor == 0 || (!is_awaited && !x->stream->ops->has_room(x->stream)))
        return;
    if (sl_rewrite_response(x, head) != 0) {
        struct sl_cause bad = {SL_PHASE_UPSTREAM_HEADER, SL_SIDE_UPSTREAM, SL_ERR_INVALID};
        if (is_awaited) /* a client that never hears of it would be charged for its body */
            sl_exchange_fail(x, 502, TOO_MANY_FIELDS, &bad);
        return;
    }
    if (x->stream->ops->send_head(x->stream, head, framing) == 0 && !sl_exchange_is_over(x))
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
    if (is_switch && !(x->is_upgrade && is_offered(x->head, head))) {
        x->is_link_spent = true;
        sl_exchange_fail(x, 502,
                         x->is_upgrade
                             ? "The application switched to a protocol that was not offered."
                             : "The application switched protocols without being asked.",
                         &bad);
        return;
    }
    x->header_ms = sl_loop_now_ms(x->proxy->loop);
    x->header_turn = sl_loop_n_turns(x->proxy->loop);
    if (x->request_done_ms)
        sl_histogram_add(&counters->upstream_duration, x->header_ms - x->request_done_ms);
    sl_expiry_ended_well(&x->upstream_header, counters,
                         &x->limits->phase[SL_PHASE_UPSTREAM_HEADER]);
    /* A client that still waits for 100 need not send its body any more (RFC 9110 10.1.1): it is
       charged for it only if it begins to. */
    if (!framing->is_persistent)
        x->is_link_spent = true;
    if (sl_rewrite_response(x, head) != 0) {
        sl_exchange_fail(x, 502, TOO_MANY_FIELDS, &bad);
        return;
    }
    x->status = head->status;
    x->response = SL_RESPONSE_FLOWING;
    sl_meter_begin(&x->upstream_body, SL_PHASE_UPSTREAM_BODY,
                   &x->limits->phase[SL_PHASE_UPSTREAM_BODY]);
    sl_meter_run(&x->upstream_body);
    if (x->stream->ops->send_head(x->stream, head, framing) != 0 || sl_exchange_is_over(x))
        return;
    if (is_switch)
        open_tunnel(x);
    x->stream->ops->note_phase(x->stream);
}

/* Response bytes on their way to the stream. */
static void pass(struct sl_exchange *x, struct sl_spans bytes)
{
    x->n_response_bytes += bytes.n_bytes;
    sl_meter_progress(&x->upstream_body, bytes.n_bytes);
    if (x->stream->ops->send_body(x->stream, bytes) != 0 || sl_exchange_is_over(x))
        return;
    if (!x->stream->ops->has_room(x->stream)) {
        x->is_response_paused = true;
        sl_link_pause(x->link);
        if (x->response != SL_RESPONSE_TUNNEL)
            sl_meter_stop(&x->upstream_body);
        x->stream->ops->note_phase(x->stream);
    }
}

static void on_link_body(void *owner, struct sl_spans body)
{
    pass(owner, body);
}

static void on_link_raw(void *owner, struct sl_span bytes)
{
    pass(owner, sl_spans_one(&bytes));
}

static size_t appetite(void *owner)
{
    const struct sl_exchange *x = owner;

    if (x->response != SL_RESPONSE_FLOWING || x->is_response_paused)
        return 0;
    return sl_exchange_appetite_for(sl_parser_framing(x->link->parser), x->n_response_bytes,
                                    x->stream->ops->room_bytes(x->stream));
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
void sl_exchange_narrow_tunnel(struct sl_exchange *x)
{
    struct sl_limit limit = x->limits->phase[SL_PHASE_TUNNEL];
    uint64_t linger_ms = x->limits->phase[SL_PHASE_LINGER].total_ms;

    if (is_tunnel_emptying(x)) {
        sl_meter_end(&x->upstream_body);
        if (!sl_meter_is_running(&x->upstream_write)) {
            sl_meter_begin_sink(&x->upstream_write, SL_PHASE_UPSTREAM_WRITE,
                                &x->limits->phase[SL_PHASE_UPSTREAM_WRITE], &x->link->channel);
            sl_meter_run(&x->upstream_write);
            sl_meter_watch(&x->upstream_write, SL_EXCHANGE_WATCH_MS);
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
        sl_exchange_cut(x, &cause);
        return;
    }
    x->has_upstream_ended = true;
    x->stream->ops->end_tunnel_out(x->stream);
    sl_exchange_narrow_tunnel(x);
}

void sl_exchange_on_tunnel_end(struct sl_exchange *x)
{
    x->has_client_ended = true;
    sl_channel_shutdown(&x->link->channel);
    sl_exchange_narrow_tunnel(x);
}

const struct sl_link_events sl_exchange_link_events = {
    .on_head = on_link_head,
    .on_body = on_link_body,
    .on_done = on_link_done,
    .on_failed = on_link_failed,
    .on_room = sl_exchange_on_link_room,
    .on_raw = on_link_raw,
    .on_raw_end = on_link_raw_end,
    .appetite = appetite,
};
