/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The request's way to the upstream: dialling, the head, the body as it comes, and the wait for an
 * answer that begins once the upstream has everything. Until a link is there the body stays with
 * the client; when the link takes no more, the rest of the body is dropped and the answer still
 * heard.
 */
#include "exchange_inner.h"

#include "rewrite.h"

/* A body up to this size is in the kernel at once; whether a longer one was taken is asked. */
#define SMALL_BODY_BYTES 65536

/* ---- the request's way ---- */

static void await_header(struct sl_exchange *x)
{
    if (x->response == SL_RESPONSE_AWAITED && !sl_deadline_is_armed(&x->upstream_header))
        sl_deadline_arm(&x->upstream_header, SL_PHASE_UPSTREAM_HEADER,
                        x->limits->phase[SL_PHASE_UPSTREAM_HEADER].limit_ms);
}

/* The upstream's kernel has everything: only now does its time for an answer begin. */
void sl_exchange_on_request_delivered(struct sl_meter *m)
{
    struct sl_exchange *x = sl_container_of(m, struct sl_exchange, upstream_write);

    if (x->request != SL_REQUEST_COMPLETE || !x->link)
        return;
    if (x->response == SL_RESPONSE_TUNNEL) {
        sl_exchange_narrow_tunnel(x);
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
        sl_meter_watch(&x->upstream_write, SL_EXCHANGE_WATCH_MS);
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

/* 0 or SL_ERR_MEMORY: a part of the head is in the link's queue, and nothing may follow it there.
 */
static int send_request_head(struct sl_exchange *x)
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
    sl_exchange_read_target(x, &target);
    sl_link_expect(x->link, x->head->method);
    x->link_written_before = sl_channel_written_bytes(&x->link->channel);
    int err = sl_encode_head(sl_channel_out(&x->link->channel), x->head, target.origin, &enc);
    if (err != 0)
        return err;
    sl_channel_flush(&x->link->channel);
    sl_pipe_open(&x->request_pipe, &x->link->channel, enc.coding);
    sl_meter_begin_sink(&x->upstream_write, SL_PHASE_UPSTREAM_WRITE,
                        &x->limits->phase[SL_PHASE_UPSTREAM_WRITE], &x->link->channel);
    return 0;
}

bool sl_exchange_wants_body(const struct sl_exchange *x)
{
    if (x->response == SL_RESPONSE_TUNNEL)
        return x->link && !x->is_request_paused;
    return x->request == SL_REQUEST_DROPPED ||
           (x->request == SL_REQUEST_FLOWING && !x->is_request_paused);
}

/* Body bytes, or a tunnel's, on their way to the link. */
static void pour(struct sl_exchange *x, struct sl_spans bytes)
{
    int err = sl_pipe_write(&x->request_pipe, bytes);

    if (err != 0 && x->response == SL_RESPONSE_TUNNEL) {
        struct sl_cause holed = {SL_PHASE_TUNNEL, SL_SIDE_PROXY, err};
        sl_exchange_cut(x, &holed);
        return;
    }
    if (err != 0) {
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

/* Law 2: of a long TLS record nothing can be read until it is whole, which takes long at a lawful
   pace, so its bytes count as they come. What counted in advance does not count again, and what a
   record held beside the body (the lines of chunks) counts in advance once, not with each. */
static void note_progress(struct sl_exchange *x, uint64_t n_come)
{
    bool is_tunnel = x->response == SL_RESPONSE_TUNNEL;

    if (n_come <= x->n_request_paced)
        return;
    sl_meter_progress(is_tunnel ? &x->upstream_body : &x->request_body,
                      n_come - x->n_request_paced);
    x->n_request_paced = n_come;
}

void sl_exchange_on_partial_body(struct sl_exchange *x, size_t n_bytes)
{
    if (x->response == SL_RESPONSE_TUNNEL || sl_meter_is_running(&x->request_body))
        note_progress(x, x->n_request_bytes + n_bytes);
}

void sl_exchange_on_body(struct sl_exchange *x, struct sl_spans body)
{
    struct sl_cause too_long = {SL_PHASE_REQUEST_BODY, SL_SIDE_CLIENT, SL_ERR_LIMIT};

    x->n_request_bytes += body.n_bytes;
    if (x->response == SL_RESPONSE_TUNNEL) {
        note_progress(x, x->n_request_bytes);
        pour(x, body);
        return;
    }
    if (x->n_request_bytes > x->route->max_body_bytes) {
        sl_exchange_fail(x, 413, "The request body is longer than is allowed here.", &too_long);
        return;
    }
    if (x->awaits_continue) { /* it did not wait for 100 (RFC 9110 section 10.1.1) */
        x->awaits_continue = false;
        sl_deadline_clear(&x->upstream_header);
        sl_meter_run(&x->request_body);
    }
    note_progress(x, x->n_request_bytes);
    if (x->request == SL_REQUEST_FLOWING)
        pour(x, body);
}

size_t sl_exchange_appetite(const struct sl_exchange *x)
{
    if (x->response == SL_RESPONSE_TUNNEL || x->request != SL_REQUEST_FLOWING ||
        x->is_request_paused)
        return 0;
    return sl_exchange_appetite_for(&x->framing, x->n_request_bytes,
                                    sl_channel_room_bytes(&x->link->channel));
}

void sl_exchange_on_body_end(struct sl_exchange *x, struct sl_head *trailers)
{
    if (x->framing.body == SL_BODY_NONE) /* it is complete once its head is sent */
        return;
    sl_rewrite_request_trailers(x, trailers);
    if (x->request == SL_REQUEST_FLOWING && sl_pipe_end(&x->request_pipe, trailers) != 0)
        drop_request(x);
    complete_request(x);
}

void sl_exchange_on_link_room(void *owner)
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

bool sl_exchange_can_retry(const struct sl_exchange *x)
{
    return x->is_reused_link && !x->has_retried && x->response == SL_RESPONSE_AWAITED &&
           !x->link->has_response_bytes && x->framing.body == SL_BODY_NONE &&
           is_idempotent(x->head->method);
}

void sl_exchange_close_link(struct sl_exchange *x, enum sl_channel_close how)
{
    if (!x->link)
        return;
    sl_count_add(&x->proxy->counters->count[SL_COUNT_UPSTREAM_TX],
                 sl_channel_written_bytes(&x->link->channel) - x->link_written_before);
    sl_meter_end(&x->upstream_write);
    x->request_pipe.sink = NULL;
    sl_link_close(&x->link, how);
}

void sl_exchange_dial_fresh(struct sl_exchange *x)
{
    sl_deadline_clear(&x->upstream_header);
    sl_exchange_close_link(x, SL_CHANNEL_RESET);
    x->is_link_spent = false;
    x->request = SL_REQUEST_HELD;
    sl_dial_begin(&x->dial, x->upstream, x->limits, &x->origin.peer, false);
    if (!sl_exchange_is_over(x))
        x->stream->ops->note_phase(x->stream);
}

static void explain_dial_failure(struct sl_exchange *x, const struct sl_cause *cause)
{
    if (cause->phase == SL_PHASE_UPSTREAM_QUEUE)
        sl_exchange_refuse(x, 503,
                           cause->err == SL_ERR_LIMIT
                               ? "The application is busy: too many requests wait for it already."
                               : sl_exchange_expiry_text(SL_PHASE_UPSTREAM_QUEUE),
                           cause);
    else if (cause->err == SL_ERR_TIMEOUT)
        sl_exchange_refuse(x, 504, sl_exchange_expiry_text(SL_PHASE_UPSTREAM_CONNECT), cause);
    else
        sl_exchange_refuse(x, 502, "The application could not be reached.", cause);
}

void sl_exchange_on_dialled(void *owner, struct sl_link *link, bool is_reused,
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
    sl_link_take(link, &sl_exchange_link_events, x);
    /* Nothing is sent on a link that is dead, or on which something has arrived that answers no
       request: it would be taken for the answer to this one (RFC 9112 section 9.2). The loop tells
       of it only with its next poll. */
    if (is_reused && sl_link_is_stale(link)) {
        x->link_written_before = sl_channel_written_bytes(&link->channel);
        sl_exchange_dial_fresh(x);
        return;
    }
    link->endpoint->n_requests++;
    x->dialled_ms = sl_loop_now_ms(x->proxy->loop);
    if (send_request_head(x) != 0) {
        struct sl_cause starved = {SL_PHASE_NONE, SL_SIDE_PROXY, SL_ERR_MEMORY};
        sl_exchange_refuse(x, 503, "There is no memory for this request now.", &starved);
        return;
    }
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

void sl_exchange_on_dial_phase(void *owner)
{
    struct sl_exchange *x = owner;
    x->stream->ops->note_phase(x->stream);
}
