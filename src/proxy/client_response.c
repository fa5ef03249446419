/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stream that an exchange meets, as HTTP/1.x speaks it: response heads with the coding that
 * this client understands, bodies, and the replies that sluice gives itself.
 */
#include "client_inner.h"

#include <sluice/http/encode.h>
#include "upstream.h"

/* ---- the stream that the exchange meets ---- */

static struct sl_client *client_of(const struct sl_stream *s)
{
    return (struct sl_client *)(uintptr_t)((const char *)s - offsetof(struct sl_client, stream));
}

/* How the body goes to this client, and what its head says of that. */
static struct sl_encoding choose_encoding(const struct sl_client *c, const struct sl_head *head,
                                          const struct sl_framing *framing)
{
    struct sl_encoding enc = {.coding = SL_CODING_NONE, .length = framing->content_length};

    if (head->status == 101) {
        enc.connection = "upgrade";
        return enc;
    }
    if (framing->has_content_length && head->status != 204) /* RFC 9110 section 8.6 */
        enc.coding = SL_CODING_LENGTH;
    else if (framing->body != SL_BODY_NONE)
        enc.coding = c->exchange->head->minor >= 1 ? SL_CODING_CHUNKED : SL_CODING_CLOSE;
    return enc;
}

/* May what is left of the request body be drained so that the connection can be kept? */
static bool can_drain(const struct sl_client *c)
{
    const struct sl_framing *framing = sl_parser_framing(c->parser);

    return framing->body == SL_BODY_LENGTH && !framing->expects_continue &&
           framing->content_length - sl_parser_body_bytes(c->parser) <=
               sl_client_limit(c, SL_PHASE_LINGER)->cap_bytes;
}

static bool must_close(const struct sl_client *c, bool is_request_complete)
{
    return c->is_closing || c->has_ended || sl_client_is_retired(c) || sl_client_is_aged(c) ||
           !sl_parser_framing(c->parser)->is_persistent || (!is_request_complete && !can_drain(c));
}

static const char *connection_value(const struct sl_client *c)
{
    if (c->is_closing)
        return "close";
    return sl_parser_head(c->parser)->minor == 0 ? "keep-alive" : NULL;
}

static int send_head(struct sl_stream *s, const struct sl_head *head,
                     const struct sl_framing *framing)
{
    struct sl_client *c = client_of(s);
    struct sl_encoding enc = choose_encoding(c, head, framing);

    if (head->status >= 200) {
        if (must_close(c, sl_exchange_is_request_complete(c->exchange)) ||
            enc.coding == SL_CODING_CLOSE)
            c->is_closing = true;
        enc.connection = connection_value(c);
    } else if (head->status == 101) {
        c->is_closing = true;
    } else {
        enc.coding = SL_CODING_NONE;
    }
    if (sl_encode_head(sl_channel_out(&c->channel), head, (struct sl_span){0}, &enc) != 0)
        return sl_client_lose(c, SL_ERR_MEMORY);
    sl_channel_flush(&c->channel);
    int err = sl_client_expect_delivery(c);
    if (err != 0)
        return err;
    if (head->status == 101)
        enc.coding = SL_CODING_CLOSE;
    else if (framing->body == SL_BODY_NONE)
        enc.coding = SL_CODING_NONE;
    sl_pipe_open(&c->exchange->response_pipe, &c->channel, enc.coding);
    return 0;
}

static int send_body(struct sl_stream *s, struct sl_spans body)
{
    struct sl_client *c = client_of(s);
    int err = sl_pipe_write(&c->exchange->response_pipe, body);

    if (err != 0)
        return sl_client_lose(c, err);
    err = sl_client_expect_delivery(c);
    if (err != 0)
        return err;
    sl_client_account(c);
    return 0;
}

static void send_end(struct sl_stream *s, const struct sl_head *trailers)
{
    struct sl_client *c = client_of(s);
    bool is_request_complete = sl_exchange_is_request_complete(c->exchange);

    if (sl_pipe_end(&c->exchange->response_pipe, trailers) != 0) {
        sl_client_lose(c, SL_ERR_MEMORY);
        return;
    }
    /* The last chunk may be all that is on its way. */
    if (c->exchange->response_pipe.coding == SL_CODING_CHUNKED && sl_client_expect_delivery(c) != 0)
        return;
    sl_exchange_close(&c->exchange, NULL);
    sl_client_finish_response(c, is_request_complete);
}

static bool has_room(const struct sl_stream *s)
{
    return !sl_channel_is_full(&client_of(s)->channel);
}

static size_t room_bytes(const struct sl_stream *s)
{
    return sl_channel_room_bytes(&client_of(s)->channel);
}

static void want_body(struct sl_stream *s)
{
    sl_channel_resume(&client_of(s)->channel);
}

size_t sl_client_write_reply(struct sl_client *c, const struct sl_reply *reply)
{
    char buf[SL_REFUSAL_BYTES];
    struct sl_str text;

    sl_str_init(&text, buf, sizeof(buf));
    size_t n_body = sl_refuse_write(reply, &text);
    struct sl_span span = sl_str_span(&text);
    int err = sl_channel_write(&c->channel, &span, 1);
    if (err == 0)
        sl_client_expect_delivery(c);
    else /* it must not wait for what will not come */
        sl_client_lose(c, err);
    return err == 0 ? n_body : 0;
}

static void refuse(struct sl_stream *s, int status, const char *why, const struct sl_cause *cause)
{
    struct sl_client *c = client_of(s);
    struct sl_exchange *x = c->exchange;
    bool is_complete = sl_exchange_is_request_complete(x);

    if (status == 408 || must_close(c, is_complete))
        c->is_closing = true;
    struct sl_reply reply = {
        .status = status,
        .why = why,
        .cause = cause && cause->side != SL_SIDE_CLIENT ? cause : NULL,
        .request_id = x->request_id,
        .via = c->set->plan->config->forwarding.via,
        .connection = connection_value(c),
        .has_no_body = x->head->method == SL_METHOD_HEAD,
    };
    size_t n_body = sl_client_write_reply(c, &reply);
    if (sl_client_is_closed(c))
        return;
    x->n_response_bytes = n_body;
    sl_exchange_close(&c->exchange, NULL);
    sl_client_finish_response(c, is_complete);
}

static void cut(struct sl_stream *s, const struct sl_cause *cause)
{
    struct sl_client *c = client_of(s);
    bool is_clean = c->exchange->response == SL_RESPONSE_TUNNEL && cause->err == SL_ERR_TIMEOUT;

    if (is_clean && !sl_channel_is_drained(&c->channel)) { /* it is still taking what was said */
        c->is_closing = true;
        sl_exchange_close(&c->exchange, cause);
        sl_client_say_goodbye(c);
        return;
    }
    /* Of a response that breaks in the turn in which its head came nothing is sent yet: a reset
       without a byte would look like a request that nobody has served, and it may be asked again.
     */
    enum sl_channel_close how = is_clean ? SL_CHANNEL_CLEAN : SL_CHANNEL_RESET;
    if (how == SL_CHANNEL_RESET && c->exchange->header_turn == sl_loop_n_turns(c->proxy->loop))
        how = SL_CHANNEL_CUT;
    sl_client_close(c, how, cause);
}

static void end_tunnel_out(struct sl_stream *s)
{
    sl_channel_shutdown(&client_of(s)->channel);
}

static void note_phase(struct sl_stream *s)
{
    struct sl_client *c = client_of(s);
    if (c->exchange && c->state == SL_CLIENT_EXCHANGE)
        sl_client_enter_phase(c, sl_exchange_phase(c->exchange));
}

const struct sl_stream_ops sl_client_stream_ops = {
    .send_head = send_head,
    .send_body = send_body,
    .send_end = send_end,
    .has_room = has_room,
    .room_bytes = room_bytes,
    .want_body = want_body,
    .refuse = refuse,
    .cut = cut,
    .end_tunnel_out = end_tunnel_out,
    .note_phase = note_phase,
};
