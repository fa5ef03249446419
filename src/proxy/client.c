/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: accept, first byte, handshake, the first request's head, an exchange, rest, the
 * next request, ..., the client closes while it rests.
 *
 * What may fail, and what the wire sees of it:
 *   silent, or silent after a PROXY demand      RST
 *   handshake failed or took too long           alert, FIN
 *   plain HTTP on a TLS port                    400 in plain text
 *   head refused or too slow                    4xx/5xx, FIN, linger
 *   body refused                                4xx, the rest drained or FIN and linger
 *   response taken too slowly                   RST
 *   response cut by the upstream                RST
 *   resting too long, retired, aged             close_notify, FIN
 *
 * Before a request the deadline here is the only one; during an exchange the exchange has its own;
 * the response meter belongs to the socket and may outlive the exchange that filled it.
 *
 * A client is owned by its proxy's crowd, owns its channel, parser and exchange, and is freed at
 * the end of the turn in which it closes. Every call into the exchange may end it, and may close
 * the client: the state is looked at again after each.
 */
#include "client.h"

#include <stdlib.h>
#include <sluice/http/encode.h>
#include "access.h"
#include "expiry.h"
#include "inner.h"
#include "refuse.h"
#include "upstream.h"

/* A response up to this size is taken as delivered once the kernel has it; a longer one is watched.
 */
#define SMALL_RESPONSE_BYTES 65536
#define WATCH_MS             50

static void pump(struct sl_client *c);

static bool is_closed(const struct sl_client *c)
{
    return c->state == SL_CLIENT_CLOSED;
}

const struct sl_addr *sl_client_peer(const struct sl_client *c)
{
    return c->proxied ? c->proxied : sl_tcp_peer(c->channel.tcp);
}

static uint64_t now_ms(const struct sl_client *c)
{
    return sl_loop_now_ms(c->proxy->loop);
}

static const struct sl_limit *limit_of(const struct sl_client *c, enum sl_phase phase)
{
    return &c->listener->deadlines.phase[phase];
}

/* ---- phases ---- */

static void enter_phase(struct sl_client *c, enum sl_phase phase)
{
    struct sl_counters *counters = c->proxy->counters;

    if (phase == c->phase)
        return;
    if (c->phase != SL_PHASE_NONE)
        sl_count_sub(&counters->connections[c->phase], 1);
    if (phase != SL_PHASE_NONE)
        sl_count_add(&counters->connections[phase], 1);
    c->phase = phase;
    c->phase_since_ms = now_ms(c);
}

/* Begins a phase in which the client is awaited. */
static void await(struct sl_client *c, enum sl_phase phase)
{
    uint64_t limit_ms = sl_crowd_limit_ms(&c->proxy->crowd, limit_of(c, phase)->limit_ms);

    enter_phase(c, phase);
    sl_deadline_arm(&c->deadline, phase, limit_ms);
}

/* Rests until the next request, but not beyond its age. */
static void await_keepalive(struct sl_client *c)
{
    uint64_t limit_ms =
        sl_crowd_limit_ms(&c->proxy->crowd, limit_of(c, SL_PHASE_KEEPALIVE)->limit_ms);
    uint64_t max_age_ms = c->set->plan->config->max_age_ms;
    uint64_t age_ms = now_ms(c) - c->accepted_ms;
    uint64_t left_ms = max_age_ms > age_ms ? max_age_ms - age_ms : 0;

    if (max_age_ms == SL_UNLIMITED)
        left_ms = SL_UNLIMITED;
    enter_phase(c, SL_PHASE_KEEPALIVE);
    sl_deadline_arm(&c->deadline, SL_PHASE_KEEPALIVE, limit_ms < left_ms ? limit_ms : left_ms);
}

/* The same for the phases that count from accept. */
static void await_from_accept(struct sl_client *c, enum sl_phase phase)
{
    uint64_t limit_ms = sl_crowd_limit_ms(&c->proxy->crowd, limit_of(c, phase)->limit_ms);

    enter_phase(c, phase);
    sl_deadline_arm_since(&c->deadline, phase, c->accepted_ms, limit_ms);
}

static void end_phase_well(struct sl_client *c)
{
    if (c->phase != SL_PHASE_NONE && sl_deadline_is_armed(&c->deadline))
        sl_expiry_ended_well(&c->deadline, c->proxy->counters, limit_of(c, c->phase));
    sl_deadline_clear(&c->deadline);
}

/* Bytes since the last time, into the counters. */
static void account(struct sl_client *c)
{
    struct sl_counters *counters = c->proxy->counters;

    sl_count_add(&counters->count[SL_COUNT_CLIENT_RX], c->channel.n_in - c->n_in_counted);
    sl_count_add(&counters->count[SL_COUNT_CLIENT_TX], c->channel.n_out - c->n_out_counted);
    c->n_in_counted = c->channel.n_in;
    c->n_out_counted = c->channel.n_out;
}

/* ---- the end ---- */

static void bury(struct sl_grave *g)
{
    struct sl_client *c = sl_container_of(g, struct sl_client, grave);
    sl_parser_free(&c->parser);
    free(c->proxied);
    free(c);
}

static void end_handshake(struct sl_client *c, enum sl_handshake_end how)
{
    sl_crowd_end_handshake(&c->proxy->crowd, &c->place);
    if (!c->has_tls || c->is_handshake_over)
        return;
    c->is_handshake_over = true;
    sl_count_add(&c->proxy->counters->handshake_end[how], 1);
}

/* Nobody may wonder why a connection never became a request, or was cut after its last. */
static void log_end(const struct sl_client *c, const struct sl_cause *cause)
{
    char peer_buf[SL_ADDR_TEXT_BYTES], sni_buf[256];
    struct sl_str peer, sni;
    uint64_t limit = cause->phase != SL_PHASE_NONE ? limit_of(c, cause->phase)->limit_ms : 0;

    sl_str_init(&peer, peer_buf, sizeof(peer_buf));
    sl_addr_write(sl_client_peer(c), &peer);
    sl_str_init(&sni, sni_buf, sizeof(sni_buf));
    sl_str_add_json(&sni, sl_channel_sni(&c->channel));
    sl_log(SL_LOG_INFO,
           "%s: peer=%s listener=%s sni=%s bytes_in=%llu phase=%s error=%s after=%llums "
           "limit=%llums",
           c->n_requests == 0 ? "connection ended before a request" : "connection cut", peer_buf,
           c->listener->config->name, sni.len ? sni_buf : "-",
           (unsigned long long)c->channel.n_raw_in, sl_phase_key(cause->phase),
           sl_err_name(cause->err), (unsigned long long)(now_ms(c) - c->accepted_ms),
           (unsigned long long)limit);
}

static void close_client(struct sl_client *c, enum sl_channel_close how,
                         const struct sl_cause *cause)
{
    struct sl_proxy *proxy = c->proxy;

    if (is_closed(c))
        return;
    c->state = SL_CLIENT_CLOSED;
    account(c);
    end_handshake(c, SL_HANDSHAKE_SHUTDOWN);
    if (cause && (c->n_requests == 0 || (!c->exchange && cause->phase == SL_PHASE_RESPONSE)))
        log_end(c, cause);
    sl_exchange_close(&c->exchange, cause);
    enter_phase(c, SL_PHASE_NONE);
    sl_deadline_fini(&c->deadline);
    sl_meter_fini(&c->response);
    sl_channel_close(&c->channel, how);
    sl_crowd_leave(&proxy->crowd, &c->place);
    sl_upstreams_unref(&c->set);
    sl_count_add(&proxy->counters->count[SL_COUNT_CLOSED], 1);
    if (proxy->is_draining && proxy->crowd.n_clients == 0)
        sl_defer(proxy->loop, &proxy->drained);
    sl_reap(proxy->loop, &c->grave, bury);
}

static void close_because(struct sl_client *c, enum sl_channel_close how, enum sl_phase phase,
                          enum sl_side side, int err)
{
    struct sl_cause cause = {phase, side, err};
    close_client(c, how, &cause);
}

void sl_client_kill(struct sl_client *c, const struct sl_cause *cause)
{
    bool has_begun = c->exchange || c->state == SL_CLIENT_HEADER;
    close_client(c, has_begun ? SL_CHANNEL_RESET : SL_CHANNEL_CLEAN, cause);
}

/* It goes so that another may come. */
static void evict(struct sl_place *victim)
{
    if (!victim)
        return;
    struct sl_client *c = sl_container_of(victim, struct sl_client, place);
    struct sl_cause cause = {c->phase, SL_SIDE_PROXY, SL_ERR_LIMIT};

    sl_count_add(&c->proxy->counters->count[SL_COUNT_EVICTED], 1);
    end_handshake(c, SL_HANDSHAKE_EVICTED);
    close_client(c, c->state == SL_CLIENT_OPENING ? SL_CHANNEL_RESET : SL_CHANNEL_CLEAN, &cause);
}

/* ---- between requests, and after the last ---- */

/* Taken as delivered without asking the kernel. Should it not be so, the meter still runs. */
static bool is_delivered(const struct sl_client *c)
{
    return !sl_meter_is_running(&c->response) || c->pipe.n_bytes <= SMALL_RESPONSE_BYTES;
}

static void await_linger(struct sl_client *c)
{
    const struct sl_limit *limit = limit_of(c, SL_PHASE_LINGER);
    uint64_t now = now_ms(c);
    uint64_t left = c->linger_until_ms > now ? c->linger_until_ms - now : 0;

    enter_phase(c, SL_PHASE_LINGER);
    sl_deadline_arm(&c->deadline, SL_PHASE_LINGER, limit->limit_ms < left ? limit->limit_ms : left);
}

static void begin_lingering(struct sl_client *c)
{
    const struct sl_limit *limit = limit_of(c, SL_PHASE_LINGER);

    c->n_lingered = 0;
    c->linger_until_ms =
        limit->total_ms == SL_UNLIMITED ? SL_UNLIMITED : now_ms(c) + limit->total_ms;
    await_linger(c);
}

/*
 * The last response is written: FIN after it, then wait for the client to close, so that what it
 * still sends does not make our kernel reset the connection before it has read the answer.
 */
static void say_goodbye(struct sl_client *c)
{
    c->state = SL_CLIENT_LINGER;
    sl_channel_shutdown(&c->channel);
    if (c->has_ended && sl_channel_is_drained(&c->channel)) {
        close_client(c, SL_CHANNEL_CLEAN, NULL);
        return;
    }
    begin_lingering(c);
    if (!is_delivered(c) ||
        !sl_channel_is_drained(
            &c->channel)) { /* the client is still being served: only its pace counts */
        sl_deadline_clear(&c->deadline);
        enter_phase(c, SL_PHASE_RESPONSE);
        sl_meter_watch(&c->response, WATCH_MS);
    }
    sl_channel_resume(&c->channel);
}

static bool is_aged(const struct sl_client *c)
{
    const struct sl_config *config = c->set->plan->config;
    return now_ms(c) - c->accepted_ms >= config->max_age_ms ||
           c->n_requests >= config->max_age_requests;
}

static bool is_retired(const struct sl_client *c)
{
    return c->proxy->is_draining || c->set != c->proxy->upstreams;
}

static void rest(struct sl_client *c)
{
    sl_parser_reset(c->parser);
    c->state = SL_CLIENT_IDLE;
    sl_crowd_rest(&c->proxy->crowd, &c->place);
    if (is_delivered(c)) {
        await_keepalive(c);
    } else {
        enter_phase(c, SL_PHASE_RESPONSE);
        sl_deadline_clear(&c->deadline);
        sl_meter_watch(&c->response, WATCH_MS);
    }
    sl_channel_resume(&c->channel);
}

/* The response is written. What becomes of the connection? */
static void finish_response(struct sl_client *c, bool is_request_complete)
{
    account(c);
    if (c->is_closing || c->has_ended || (is_request_complete && is_aged(c))) {
        say_goodbye(c);
    } else if (is_request_complete) {
        rest(c);
    } else {
        c->state = SL_CLIENT_DISCARD;
        begin_lingering(c);
        sl_channel_resume(&c->channel);
    }
}

/* Everything that was written has reached the client. */
static void on_delivered(struct sl_meter *m)
{
    struct sl_client *c = sl_container_of(m, struct sl_client, response);

    sl_meter_end(m);
    if (c->exchange)
        sl_exchange_on_room(c->exchange);
    else if (c->state == SL_CLIENT_IDLE && c->phase == SL_PHASE_RESPONSE)
        await_keepalive(c);
    else if (c->state == SL_CLIENT_LINGER && c->phase == SL_PHASE_RESPONSE)
        begin_lingering(c);
}

static void on_response_breach(struct sl_meter *m)
{
    struct sl_client *c = sl_container_of(m, struct sl_client, response);

    if (sl_expiry_cuts(c->proxy, SL_PHASE_RESPONSE, &m->pace.limit))
        close_because(c, SL_CHANNEL_RESET, SL_PHASE_RESPONSE, SL_SIDE_CLIENT, SL_ERR_TIMEOUT);
}

/* ---- the stream that the exchange meets ---- */

static struct sl_client *client_of(const struct sl_stream *s)
{
    return (struct sl_client *)(uintptr_t)((const char *)s - offsetof(struct sl_client, stream));
}

static int lose(struct sl_client *c, int err)
{
    close_because(c, SL_CHANNEL_RESET, c->phase, SL_SIDE_CLIENT, err);
    return err;
}

static void expect_delivery(struct sl_client *c)
{
    if (!sl_meter_is_running(&c->response)) {
        const struct sl_deadlines *limits =
            c->exchange && c->exchange->limits ? c->exchange->limits : &c->listener->deadlines;
        sl_meter_begin_sink(&c->response, SL_PHASE_RESPONSE, &limits->phase[SL_PHASE_RESPONSE],
                            &c->channel);
        sl_meter_run(&c->response);
    }
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
    if (framing->has_content_length)
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
               limit_of(c, SL_PHASE_LINGER)->cap_bytes;
}

static bool must_close(const struct sl_client *c, bool is_request_complete)
{
    return c->is_closing || c->has_ended || is_retired(c) || is_aged(c) ||
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
        return lose(c, SL_ERR_MEMORY);
    sl_channel_flush(&c->channel);
    expect_delivery(c);
    if (head->status == 101)
        enc.coding = SL_CODING_CLOSE;
    else if (framing->body == SL_BODY_NONE)
        enc.coding = SL_CODING_NONE;
    sl_pipe_open(&c->pipe, &c->channel, enc.coding);
    return 0;
}

static int send_body(struct sl_stream *s, struct sl_span body)
{
    struct sl_client *c = client_of(s);
    int err = sl_pipe_write(&c->pipe, body);

    if (err != 0)
        return lose(c, err);
    expect_delivery(c);
    account(c);
    return 0;
}

static void send_end(struct sl_stream *s, const struct sl_head *trailers)
{
    struct sl_client *c = client_of(s);
    bool is_request_complete = sl_exchange_is_request_complete(c->exchange);

    if (sl_pipe_end(&c->pipe, trailers) != 0) {
        lose(c, SL_ERR_MEMORY);
        return;
    }
    sl_exchange_close(&c->exchange, NULL);
    finish_response(c, is_request_complete);
}

static bool has_room(const struct sl_stream *s)
{
    return !sl_channel_is_full(&client_of(s)->channel);
}

static void want_body(struct sl_stream *s)
{
    sl_channel_resume(&client_of(s)->channel);
}

static void write_reply(struct sl_client *c, const struct sl_reply *reply)
{
    char buf[SL_REFUSAL_BYTES];
    struct sl_str text;

    sl_str_init(&text, buf, sizeof(buf));
    sl_refuse_write(reply, &text);
    struct sl_span span = sl_str_span(&text);
    sl_pipe_open(&c->pipe, &c->channel, SL_CODING_CLOSE);
    if (sl_channel_write(&c->channel, &span, 1) == 0)
        expect_delivery(c);
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
    write_reply(c, &reply);
    sl_exchange_close(&c->exchange, NULL);
    finish_response(c, is_complete);
}

static void cut(struct sl_stream *s, const struct sl_cause *cause)
{
    struct sl_client *c = client_of(s);
    bool is_tunnel = c->exchange->response == SL_RESPONSE_TUNNEL;

    close_client(c, is_tunnel && cause->err == SL_ERR_TIMEOUT ? SL_CHANNEL_CLEAN : SL_CHANNEL_RESET,
                 cause);
}

static void end_tunnel_out(struct sl_stream *s)
{
    sl_channel_shutdown(&client_of(s)->channel);
}

static void note_phase(struct sl_stream *s)
{
    struct sl_client *c = client_of(s);
    if (c->exchange && c->state == SL_CLIENT_EXCHANGE)
        enter_phase(c, sl_exchange_phase(c->exchange));
}

static const struct sl_stream_ops stream_ops = {
    .send_head = send_head,
    .send_body = send_body,
    .send_end = send_end,
    .has_room = has_room,
    .want_body = want_body,
    .refuse = refuse,
    .cut = cut,
    .end_tunnel_out = end_tunnel_out,
    .note_phase = note_phase,
};

/* ---- reading requests ---- */

/* A head that is refused before an exchange exists. */
static void refuse_head(struct sl_client *c, int status, const char *why, const char *rule,
                        const struct sl_cause *cause)
{
    char peer_buf[SL_ADDR_TEXT_BYTES];
    struct sl_str peer;
    struct sl_reply reply = {.status = status,
                             .why = why,
                             .via = c->set->plan->config->forwarding.via,
                             .connection = "close"};

    c->origin.peer = sl_client_peer(c);
    sl_str_init(&peer, peer_buf, sizeof(peer_buf));
    sl_addr_write(c->origin.peer, &peer);
    sl_log(SL_LOG_INFO,
           "request refused: peer=%s status=%d rule=%s phase=%s error=%s bytes_in=%llu "
           "after=%llums limit=%llums",
           peer_buf, status, rule, sl_phase_key(cause->phase), sl_err_name(cause->err),
           (unsigned long long)c->channel.n_raw_in, (unsigned long long)(now_ms(c) - c->began_ms),
           (unsigned long long)limit_of(c, SL_PHASE_REQUEST_HEADER)->limit_ms);
    sl_count_add(&c->proxy->counters->count[SL_COUNT_REQUESTS], 1);
    sl_count_add(&c->proxy->counters->responses[status / 100], 1);
    sl_access_write_refusal(c->proxy, c->set, &c->origin, status, rule, cause);
    c->n_requests++;
    c->is_closing = true;
    sl_deadline_clear(&c->deadline);
    write_reply(c, &reply);
    say_goodbye(c);
}

static void begin_exchange(struct sl_client *c)
{
    sl_count_add(&c->proxy->counters->count[SL_COUNT_REQUESTS], 1);
    c->n_requests++;
    end_phase_well(c);
    c->state = SL_CLIENT_EXCHANGE;
    c->origin.peer = sl_client_peer(c);
    if (sl_exchange_begin(c->proxy, c->set, &c->stream, &c->origin, sl_parser_head(c->parser),
                          sl_parser_framing(c->parser), c->began_ms, &c->exchange) != 0)
        lose(c, SL_ERR_MEMORY);
    else if (c->exchange)
        note_phase(&c->stream);
}

static int ensure_parser(struct sl_client *c)
{
    return c->parser ? 0 : sl_parser_new(SL_PARSER_REQUEST, &c->set->parser_limits, &c->parser);
}

/* The first byte of a request. */
static void begin_request(struct sl_client *c)
{
    end_phase_well(c);
    sl_crowd_wake(&c->place);
    c->state = SL_CLIENT_HEADER;
    c->began_ms = now_ms(c);
    await(c, SL_PHASE_REQUEST_HEADER);
}

static bool is_between_requests(const struct sl_client *c)
{
    return c->state == SL_CLIENT_START || c->state == SL_CLIENT_IDLE;
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

/* Would the parser say SL_PARSE_END without another byte? */
static bool is_body_complete(const struct sl_client *c)
{
    const struct sl_framing *framing = sl_parser_framing(c->parser);
    return framing->body == SL_BODY_NONE ||
           (framing->body == SL_BODY_LENGTH &&
            sl_parser_body_bytes(c->parser) == framing->content_length);
}

static void on_parsed_end(struct sl_client *c)
{
    if (c->exchange)
        sl_exchange_on_body_end(c->exchange, sl_parser_trailers(c->parser));
    else if (c->state == SL_CLIENT_DISCARD)
        rest(c);
}

/* One event of the parser. False: it needs more bytes, or there is nothing more to do. */
static bool parse_one(struct sl_client *c, struct sl_span *in)
{
    struct sl_cause malformed = {SL_PHASE_REQUEST_HEADER, SL_SIDE_CLIENT, SL_ERR_INVALID};
    const struct sl_refusal *refusal;

    switch (sl_parser_feed(c->parser, in)) {
    case SL_PARSE_MORE:
        return false;
    case SL_PARSE_HEAD:
        begin_exchange(c);
        return true;
    case SL_PARSE_BODY:
        if (c->exchange)
            sl_exchange_on_body(c->exchange, sl_parser_body(c->parser));
        return true;
    case SL_PARSE_END:
        on_parsed_end(c);
        return false;
    case SL_PARSE_ERROR:
        refusal = sl_parser_refusal(c->parser);
        if (c->exchange && c->exchange->response == SL_RESPONSE_AWAITED) {
            malformed.phase = SL_PHASE_REQUEST_BODY;
            c->is_closing = true;
            sl_exchange_refuse(c->exchange, refusal->status, refusal->why, &malformed);
        } else if (c->exchange || c->state == SL_CLIENT_DISCARD) {
            malformed.phase = SL_PHASE_REQUEST_BODY;
            close_client(c, SL_CHANNEL_RESET, &malformed);
        } else {
            refuse_head(c, refusal->status, refusal->why, refusal->rule, &malformed);
        }
        return false;
    }
    return false;
}

static void discard(struct sl_client *c, size_t n)
{
    c->n_lingered += n;
    if (c->n_lingered > limit_of(c, SL_PHASE_LINGER)->cap_bytes)
        close_because(c, SL_CHANNEL_CLEAN, SL_PHASE_LINGER, SL_SIDE_CLIENT, SL_ERR_LIMIT);
    else if (c->phase == SL_PHASE_LINGER)
        await_linger(c);
}

static bool is_tunnel(const struct sl_client *c)
{
    return c->exchange && c->exchange->response == SL_RESPONSE_TUNNEL;
}

/* May the parser be fed? Pipelined requests wait until the response before them is done. */
static bool wants_bytes(const struct sl_client *c)
{
    if (c->state != SL_CLIENT_EXCHANGE)
        return true;
    return sl_exchange_wants_body(c->exchange);
}

static bool is_reading_requests(const struct sl_client *c)
{
    return c->state == SL_CLIENT_START || c->state == SL_CLIENT_HEADER ||
           c->state == SL_CLIENT_EXCHANGE || c->state == SL_CLIENT_DISCARD ||
           c->state == SL_CLIENT_IDLE;
}

/* Bytes that are there, one event after another, as long as somebody wants them. */
static void pump(struct sl_client *c)
{
    bool must_ask = false; /* an event is due without another byte */

    while (is_reading_requests(c) && (must_ask || wants_bytes(c))) {
        struct sl_span span = sl_channel_peek(&c->channel), rest_of = span;
        bool goes_on = true;

        if (span.len == 0 && !must_ask)
            return;
        if (is_tunnel(c)) {
            rest_of.len = 0;
            sl_exchange_on_body(c->exchange, span);
        } else {
            if (is_between_requests(c)) {
                if (ensure_parser(c) != 0) {
                    lose(c, SL_ERR_MEMORY);
                    return;
                }
                if (is_line_end(span.ptr[0])) /* an empty line is no beginning (RFC 9112 2.2) */
                    span.len = rest_of.len = 1;
                else
                    begin_request(c);
            }
            bool was_discarding = c->state == SL_CLIENT_DISCARD;
            goes_on = parse_one(c, &rest_of);
            if (was_discarding && c->state == SL_CLIENT_DISCARD)
                discard(c, span.len - rest_of.len);
        }
        if (is_closed(c))
            return;
        if (span.len > rest_of.len)
            sl_channel_consume(&c->channel, span.len - rest_of.len);
        must_ask = goes_on && !is_tunnel(c) && is_reading_requests(c) &&
                   (c->state == SL_CLIENT_EXCHANGE || c->state == SL_CLIENT_DISCARD) &&
                   (rest_of.len == 0 || is_body_complete(c));
    }
}

/* ---- events of the channel ---- */

static void on_readable(void *owner)
{
    struct sl_client *c = owner;

    pump(c);
    while (c->state == SL_CLIENT_LINGER) {
        struct sl_span span = sl_channel_peek(&c->channel);
        if (span.len == 0)
            break;
        sl_channel_consume(&c->channel, span.len);
        discard(c, span.len);
    }
    if (!is_closed(c)) {
        account(c);
        note_phase(&c->stream);
    }
}

static void on_end(void *owner, int err)
{
    struct sl_client *c = owner;
    enum sl_phase phase = c->phase;

    c->has_ended = true;
    switch (c->state) {
    case SL_CLIENT_EXCHANGE:
        if (err != 0)
            close_because(c, SL_CHANNEL_RESET, phase, SL_SIDE_CLIENT, err);
        else if (is_tunnel(c))
            sl_exchange_on_tunnel_end(c->exchange);
        else if (!sl_exchange_is_request_complete(c->exchange))
            close_because(c, SL_CHANNEL_RESET, SL_PHASE_REQUEST_BODY, SL_SIDE_CLIENT,
                          SL_ERR_TRUNCATED);
        /* else: it has asked and listens */
        return;
    case SL_CLIENT_LINGER:
        if (err == 0 && !sl_channel_is_drained(&c->channel))
            return; /* on_drained closes */
        close_client(c, SL_CHANNEL_CLEAN, NULL);
        return;
    case SL_CLIENT_IDLE:
        if (err == 0 && !sl_channel_is_drained(&c->channel)) {
            c->is_closing = true;
            say_goodbye(c);
            return;
        }
        end_phase_well(c);
        close_client(c, SL_CHANNEL_CLEAN, NULL);
        return;
    default:
        close_because(c, err ? SL_CHANNEL_RESET : SL_CHANNEL_CLEAN, phase, SL_SIDE_CLIENT,
                      err ? err : SL_ERR_EOF);
    }
}

static void on_room(void *owner)
{
    struct sl_client *c = owner;
    if (c->exchange)
        sl_exchange_on_room(c->exchange);
}

static void on_drained(void *owner)
{
    struct sl_client *c = owner;

    if (c->exchange)
        sl_exchange_on_room(c->exchange);
    else if (c->state == SL_CLIENT_LINGER && c->has_ended)
        close_client(c, SL_CHANNEL_CLEAN, NULL);
}

static void on_proxied(void *owner, const struct sl_addr *source)
{
    struct sl_client *c = owner;

    end_phase_well(c);
    c->proxied = malloc(sizeof(*c->proxied));
    if (!c->proxied) {
        lose(c, SL_ERR_MEMORY);
        return;
    }
    *c->proxied = *source;
    evict(sl_crowd_make_prefix_room(&c->proxy->crowd, source));
    if (sl_crowd_join_prefix(&c->proxy->crowd, &c->place, source) != 0) {
        lose(c, SL_ERR_MEMORY);
        return;
    }
    await_from_accept(c, SL_PHASE_FIRST_BYTE);
}

static void on_first_byte(void *owner)
{
    struct sl_client *c = owner;

    end_phase_well(c);
    sl_crowd_first_byte(&c->proxy->crowd, &c->place);
    if (c->has_tls)
        await_from_accept(c, SL_PHASE_TLS_HANDSHAKE);
}

static enum sl_handshake_end handshake_end_of(int err)
{
    switch (err) {
    case SL_ERR_TLS_PLAIN_HTTP:
        return SL_HANDSHAKE_PLAIN_HTTP;
    case SL_ERR_TLS_NOT_TLS:
        return SL_HANDSHAKE_NOT_TLS;
    case SL_ERR_TLS_UNKNOWN_SNI:
        return SL_HANDSHAKE_UNKNOWN_SNI;
    case SL_ERR_TLS_NO_SHARED_CIPHER:
        return SL_HANDSHAKE_NO_SHARED_CIPHER;
    case SL_ERR_TLS_VERSION:
        return SL_HANDSHAKE_BAD_VERSION;
    case SL_ERR_TLS_ALPN:
        return SL_HANDSHAKE_NO_SHARED_PROTOCOL;
    case SL_ERR_TLS_PEER_ALERT:
        return SL_HANDSHAKE_PEER_ALERT;
    case SL_ERR_TLS_BAD_RECORD:
    case SL_ERR_TLS_PROTOCOL:
    case SL_ERR_INVALID: /* the PROXY header */
        return SL_HANDSHAKE_PROTOCOL;
    case SL_ERR_EOF:
        return SL_HANDSHAKE_EOF;
    case SL_ERR_RESET:
    case SL_ERR_IO:
        return SL_HANDSHAKE_RESET;
    default:
        return SL_HANDSHAKE_INTERNAL;
    }
}

static void finish_handshake(struct sl_client *c)
{
    struct sl_counters *counters = c->proxy->counters;

    end_phase_well(c);
    end_handshake(c, SL_HANDSHAKE_OK);
    c->origin.is_tls = c->has_tls;
    if (sl_channel_report(&c->channel, &c->tls)) {
        c->origin.tls = &c->tls;
        c->origin.sni = sl_channel_sni(&c->channel);
        sl_count_add(&counters->handshake_version[c->tls.version], 1);
        sl_count_add(&counters->handshake_suite[c->tls.suite], 1);
        if (c->tls.is_resumed)
            sl_count_add(&counters->count[SL_COUNT_HS_RESUMED], 1);
        sl_histogram_add(&counters->handshake_duration, now_ms(c) - c->accepted_ms);
    }
    c->state = SL_CLIENT_START;
    await(c, SL_PHASE_REQUEST_START);
}

static void on_open(void *owner, int err)
{
    struct sl_client *c = owner;
    struct sl_cause cause = {c->phase, SL_SIDE_CLIENT, err};

    if (err == 0) {
        finish_handshake(c);
        return;
    }
    end_handshake(c, handshake_end_of(err));
    if (err == SL_ERR_TLS_PLAIN_HTTP) {
        c->began_ms = now_ms(c);
        log_end(c, &cause);
        refuse_head(c, 400,
                    "This port speaks HTTPS, and a plain HTTP request arrived. Use https:// in the "
                    "address.",
                    "plain_http", &cause);
        return;
    }
    close_client(c, err == SL_ERR_RESET ? SL_CHANNEL_RESET : SL_CHANNEL_CLEAN, &cause);
}

static const struct sl_channel_events channel_events = {
    .on_proxied = on_proxied,
    .on_first_byte = on_first_byte,
    .on_open = on_open,
    .on_readable = on_readable,
    .on_end = on_end,
    .on_room = on_room,
    .on_drained = on_drained,
};

/* ---- deadlines ---- */

static void cut_in_phase(struct sl_client *c, enum sl_phase phase)
{
    struct sl_cause cause = {phase, SL_SIDE_CLIENT, SL_ERR_TIMEOUT};

    switch (phase) {
    case SL_PHASE_PROXY_HEADER:
    case SL_PHASE_FIRST_BYTE:
        end_handshake(c, SL_HANDSHAKE_SILENT);
        close_client(c, SL_CHANNEL_RESET, &cause);
        break;
    case SL_PHASE_TLS_HANDSHAKE:
        end_handshake(c, c->place.has_spoken ? SL_HANDSHAKE_STALLED : SL_HANDSHAKE_SILENT);
        close_client(c, SL_CHANNEL_ALERT, &cause);
        break;
    case SL_PHASE_REQUEST_HEADER:
        refuse_head(c, 408, "The request header came too slowly.", "deadline", &cause);
        break;
    case SL_PHASE_REQUEST_START:
    default:
        close_client(c, SL_CHANNEL_CLEAN, &cause);
        break;
    }
}

static void on_deadline(struct sl_deadline *d)
{
    struct sl_client *c = sl_container_of(d, struct sl_client, deadline);
    enum sl_phase phase = d->phase;

    if (c->state == SL_CLIENT_IDLE && is_aged(c))
        say_goodbye(c);
    else if (sl_expiry_cuts(c->proxy, phase, limit_of(c, phase)))
        cut_in_phase(c, phase);
    else if (phase == SL_PHASE_FIRST_BYTE &&
             c->has_tls) /* not enforced: the next one still holds */
        sl_deadline_arm_since(&c->deadline, SL_PHASE_TLS_HANDSHAKE, c->accepted_ms,
                              limit_of(c, SL_PHASE_TLS_HANDSHAKE)->limit_ms);
}

/* ---- life ---- */

static struct sl_client *make(struct sl_proxy *proxy, size_t index)
{
    struct sl_client *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->proxy = proxy;
    c->set = sl_upstreams_ref(proxy->upstreams);
    c->listener = &c->set->plan->listeners[index];
    c->stream.ops = &stream_ops;
    c->origin.listener = index;
    c->has_tls = c->listener->tls_server != NULL;
    c->phase = SL_PHASE_NONE;
    c->accepted_ms = now_ms(c);
    sl_deadline_init(&c->deadline, proxy->loop, on_deadline);
    sl_meter_init(&c->response, proxy->loop, proxy->counters, on_response_breach);
    c->response.on_delivered = on_delivered;
    return c;
}

static void unmake(struct sl_client *c)
{
    sl_deadline_fini(&c->deadline);
    sl_meter_fini(&c->response);
    sl_upstreams_unref(&c->set);
    free(c);
}

void sl_client_accept(struct sl_proxy *proxy, struct sl_tcp_listener *listener, size_t index)
{
    struct sl_counters *counters = proxy->counters;
    bool is_refused;
    struct sl_place *victim = sl_crowd_make_room(&proxy->crowd, &is_refused);

    sl_count_add(&counters->count[SL_COUNT_ACCEPTED], 1);
    evict(victim);
    evict(sl_crowd_make_handshake_room(&proxy->crowd));
    struct sl_client *c = is_refused || proxy->is_draining ? NULL : make(proxy, index);
    if (!c) { /* the listener closes what is not taken */
        sl_count_add(&counters->count[SL_COUNT_REFUSED], 1);
        sl_count_add(&counters->count[SL_COUNT_CLOSED], 1);
        return;
    }
    bool has_header = c->listener->config->proxy_protocol == SL_PROXY_PROTOCOL_REQUIRED;
    int err = sl_channel_accept(&c->channel, proxy->loop, listener, c->listener->tls_server,
                                has_header, &channel_events, c);
    if (err != 0) {
        unmake(c);
        sl_count_add(&counters->count[SL_COUNT_CLOSED], 1);
        sl_proxy_accept_failed(proxy, err);
        return;
    }
    if (c->has_tls)
        sl_count_add(&counters->count[SL_COUNT_HS_ATTEMPTS], 1);
    sl_crowd_enter(&proxy->crowd, &c->place);
    sl_crowd_begin_handshake(&proxy->crowd, &c->place);
    if (!has_header) {
        evict(sl_crowd_make_prefix_room(&proxy->crowd, sl_client_peer(c)));
        if (sl_crowd_join_prefix(&proxy->crowd, &c->place, sl_client_peer(c)) != 0) {
            lose(c, SL_ERR_MEMORY);
            return;
        }
    }
    await_from_accept(c, has_header ? SL_PHASE_PROXY_HEADER : SL_PHASE_FIRST_BYTE);
}

void sl_client_retire(struct sl_client *c, bool ends_opening)
{
    struct sl_cause cause = {c->phase, SL_SIDE_PROXY, SL_ERR_CLOSED};

    c->is_closing = true;
    if (c->state == SL_CLIENT_IDLE && c->phase == SL_PHASE_KEEPALIVE)
        close_client(c, SL_CHANNEL_CLEAN, NULL);
    else if (c->state == SL_CLIENT_IDLE)
        say_goodbye(c);
    else if (ends_opening && (c->state == SL_CLIENT_OPENING || c->state == SL_CLIENT_START))
        close_client(c, SL_CHANNEL_CLEAN, &cause);
}

bool sl_client_is_guarded(const struct sl_client *c)
{
    if (c->exchange)
        return sl_meter_is_running(&c->response) || sl_exchange_is_guarded(c->exchange);
    if (c->phase == SL_PHASE_NONE)
        return false;
    const struct sl_limit *limit = limit_of(c, c->phase);
    return sl_deadline_is_armed(&c->deadline) || sl_meter_is_running(&c->response) ||
           limit->limit_ms == SL_UNLIMITED || !limit->is_enforced;
}
