/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Requests as they come: bytes are pulled from the channel and fed to the parser as long as
 * somebody wants what it says. Pipelined requests wait, unparsed, until the response before them is
 * done.
 */
#include "client_inner.h"

#include "access.h"
#include "upstream.h"

/* ---- reading requests ---- */

/* Between linger's byte cap and the close. */
#define GRACE_MS 500

void sl_client_describe(const struct sl_client *c, struct sl_origin *out_origin)
{
    *out_origin = (struct sl_origin){
        .peer = sl_client_peer(c),
        .sni = sl_channel_sni(&c->channel),
        .tls = c->has_tls_report ? &c->tls : NULL,
        .tls_handshake_ms = c->tls_handshake_ms,
        .listener = (size_t)(c->listener - c->set->plan->listeners),
    };
}

/* A head that is refused before an exchange exists. */
void sl_client_refuse_head(struct sl_client *c, int status, const char *why, const char *rule,
                           const struct sl_cause *cause)
{
    char peer_buf[SL_ADDR_TEXT_BYTES], sni_buf[SL_CLIENT_SNI_TEXT_BYTES];
    struct sl_str peer, sni;
    struct sl_origin origin;
    struct sl_reply reply = {.status = status,
                             .why = why,
                             .via = c->set->plan->config->forwarding.via,
                             .connection = "close"};

    sl_client_describe(c, &origin);
    sl_str_init(&peer, peer_buf, sizeof(peer_buf));
    sl_addr_write(&origin.peer, &peer);
    sl_str_init(&sni, sni_buf, sizeof(sni_buf));
    sl_client_write_sni(c, &sni);
    sl_log(SL_LOG_INFO,
           "request refused: peer=%s listener=%s sni=%s status=%d rule=%s phase=%s error=%s "
           "bytes_in=%llu after=%llums limit=%llums",
           peer_buf, c->listener->config->name, sni_buf, status, rule, sl_phase_key(cause->phase),
           sl_err_name(cause->err), (unsigned long long)c->channel.n_raw_in,
           (unsigned long long)(sl_client_now_ms(c) - c->began_ms),
           (unsigned long long)sl_client_limit_in_force(c, cause->phase).limit_ms);
    sl_count_add(&c->proxy->counters->count[SL_COUNT_REQUESTS], 1);
    sl_count_add(&c->proxy->counters->responses[status / 100], 1);
    sl_access_write_refusal(c->proxy, c->set, &origin, status, rule, cause);
    c->n_requests++;
    c->is_closing = true;
    sl_deadline_clear(&c->deadline);
    sl_client_write_reply(c, &reply);
    if (sl_client_is_closed(c))
        return;
    sl_client_say_goodbye(c);
}

static void begin_exchange(struct sl_client *c)
{
    struct sl_origin origin;

    sl_count_add(&c->proxy->counters->count[SL_COUNT_REQUESTS], 1);
    c->n_requests++;
    sl_client_end_phase_well(c);
    c->state = SL_CLIENT_EXCHANGE;
    sl_client_describe(c, &origin);
    if (sl_exchange_begin(c->proxy, c->set, &c->stream, &origin, sl_parser_head(c->parser),
                          sl_parser_framing(c->parser), c->began_ms, &c->exchange) != 0)
        sl_client_lose(c, SL_ERR_MEMORY);
    else if (c->exchange)
        c->stream.ops->note_phase(&c->stream);
}

/* One from the shelf has the limits of the present plan. */
static int ensure_parser(struct sl_client *c)
{
    if (c->parser)
        return 0;
    if (sl_client_is_retired(c))
        return sl_parser_new(SL_PARSER_REQUEST, &c->set->parser_limits, &c->parser);
    return sl_shelf_take(&c->proxy->shelf, &c->parser);
}

/* The first byte of a request. */
static void begin_request(struct sl_client *c)
{
    sl_client_end_phase_well(c);
    sl_crowd_wake(&c->place);
    c->state = SL_CLIENT_HEADER;
    sl_client_await(c, SL_PHASE_REQUEST_HEADER);
}

static bool is_between_requests(const struct sl_client *c)
{
    return c->state == SL_CLIENT_START || c->state == SL_CLIENT_IDLE;
}

static bool is_line_end(char c)
{
    return c == '\r' || c == '\n';
}

static void on_parsed_end(struct sl_client *c)
{
    if (c->exchange)
        sl_exchange_on_body_end(c->exchange, sl_parser_trailers(c->parser));
    else if (c->state == SL_CLIENT_DISCARD) {
        sl_client_end_phase_well(c);
        sl_client_finish_response(c, true);
    }
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
            sl_client_close(c, SL_CHANNEL_RESET, &malformed);
        } else {
            sl_client_refuse_head(c, refusal->status, refusal->why, refusal->rule, &malformed);
        }
        return false;
    }
    return false;
}

void sl_client_discard(struct sl_client *c, size_t n)
{
    const struct sl_limit *limit = sl_client_limit(c, SL_PHASE_LINGER);

    c->n_lingered += n;
    /* Beyond the cap nothing more is read. To close at once would reset the connection, and with it
       the answer that the client has perhaps not read yet: it gets a moment for that. (In shadow
       mode it is read on: there is no close to come, and who is not read is not seen to go.) */
    if (c->n_lingered > limit->cap_bytes) {
        if (limit->is_enforced)
            sl_channel_pause(&c->channel);
        if (sl_client_now_ms(c) + GRACE_MS < c->linger_until_ms)
            c->linger_until_ms = sl_client_now_ms(c) + GRACE_MS;
    }
    if (c->phase == SL_PHASE_LINGER) /* else the answer is still on its way */
        sl_client_await_linger(c);
}

bool sl_client_is_tunnel(const struct sl_client *c)
{
    return c->exchange && c->exchange->response == SL_RESPONSE_TUNNEL;
}

/* May the parser be fed? Pipelined requests wait until the response before them is done, and until
   the client has fetched enough of what waits for it: answers without a body, and our own, would
   otherwise pile up without bound. */
static bool wants_bytes(const struct sl_client *c)
{
    if (c->state == SL_CLIENT_EXCHANGE)
        return sl_exchange_wants_body(c->exchange);
    return c->state != SL_CLIENT_IDLE || !sl_channel_is_full(&c->channel);
}

static bool is_reading_requests(const struct sl_client *c)
{
    return c->state == SL_CLIENT_START || c->state == SL_CLIENT_HEADER ||
           c->state == SL_CLIENT_EXCHANGE || c->state == SL_CLIENT_DISCARD ||
           c->state == SL_CLIENT_IDLE;
}

/* Bytes that are there, one event after another, as long as somebody wants them. */
void sl_client_pump(struct sl_client *c)
{
    bool must_ask = false; /* an event is due without another byte */

    while (is_reading_requests(c) && (must_ask || wants_bytes(c))) {
        struct sl_span span = {0}; /* nobody wants them: only what is due without them is told */
        if (!must_ask || wants_bytes(c))
            span = sl_channel_peek(&c->channel);
        struct sl_span rest_of = span;
        bool goes_on = true;

        if (span.len == 0 && !must_ask)
            return;
        if (sl_client_is_tunnel(c)) {
            rest_of.len = 0;
            sl_exchange_on_body(c->exchange, sl_spans_one(&span));
        } else {
            if (is_between_requests(c)) {
                if (ensure_parser(c) != 0) {
                    sl_client_lose(c, SL_ERR_MEMORY);
                    return;
                }
                c->began_ms = sl_client_now_ms(c);
                if (is_line_end(span.ptr[0])) /* an empty line is no beginning (RFC 9112 2.2) */
                    span.len = rest_of.len = 1;
                else
                    begin_request(c);
            }
            bool was_discarding = c->state == SL_CLIENT_DISCARD;
            goes_on = parse_one(c, &rest_of);
            if (was_discarding && c->state == SL_CLIENT_DISCARD)
                sl_client_discard(c, span.len - rest_of.len);
        }
        if (sl_client_is_closed(c))
            return;
        if (span.len > rest_of.len)
            sl_channel_consume(&c->channel, span.len - rest_of.len);
        must_ask = goes_on && !sl_client_is_tunnel(c) && is_reading_requests(c) &&
                   (c->state == SL_CLIENT_EXCHANGE || c->state == SL_CLIENT_DISCARD) &&
                   (rest_of.len == 0 || sl_parser_is_body_complete(c->parser));
    }
}
