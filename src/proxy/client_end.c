/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a client's connection rests and how it ends: the phases of its socket and their deadlines,
 * the goodbye after the last response, the lingering, the close, and what is logged and counted of
 * it.
 */
#include "client_inner.h"

#include <stdlib.h>
#include "expiry.h"
#include "upstream.h"

/* What is written since all was delivered: up to this size it is taken as delivered once the kernel
   has it; more is watched. */
#define SMALL_RESPONSE_BYTES 65536
#define WATCH_MS             50
#define ODD_SNI_BYTES        64 /* what is shown of one that is no name */
/* How long a connection of a retired plan rests. */
#define RETIRE_MS 100

bool sl_client_is_closed(const struct sl_client *c)
{
    return c->state == SL_CLIENT_CLOSED;
}

struct sl_addr sl_client_peer(const struct sl_client *c)
{
    return c->proxied ? *c->proxied : sl_tcp_peer(c->channel.tcp);
}

uint64_t sl_client_now_ms(const struct sl_client *c)
{
    return sl_loop_now_ms(c->proxy->loop);
}

const struct sl_limit *sl_client_limit(const struct sl_client *c, enum sl_phase phase)
{
    return &c->listener->deadlines.phase[phase];
}

struct sl_limit sl_client_limit_in_force(const struct sl_client *c, enum sl_phase phase)
{
    struct sl_limit limit = phase == SL_PHASE_RESPONSE && c->delivery
                                ? c->delivery->meter.pace.limit
                                : *sl_client_limit(c, phase);
    if (phase == c->deadline.phase)
        limit.limit_ms = c->limit_ms;
    return limit;
}

/* ---- phases ---- */

void sl_client_enter_phase(struct sl_client *c, enum sl_phase phase)
{
    struct sl_counters *counters = c->proxy->counters;

    if (phase == c->phase)
        return;
    if (c->phase != SL_PHASE_NONE)
        sl_count_sub(&counters->connections[c->phase], 1);
    if (phase != SL_PHASE_NONE)
        sl_count_add(&counters->connections[phase], 1);
    c->phase = phase;
    c->phase_since_ms = sl_client_now_ms(c);
}

/* Under pressure the phases before a request shrink. */
static uint64_t pressed_limit_ms(const struct sl_client *c, enum sl_phase phase)
{
    return sl_crowd_limit_ms(&c->proxy->crowd, sl_loop_n_shells(c->proxy->loop),
                             sl_client_limit(c, phase)->limit_ms);
}

/* Begins a phase in which the client is awaited. */
void sl_client_await(struct sl_client *c, enum sl_phase phase)
{
    uint64_t limit_ms = pressed_limit_ms(c, phase);

    sl_client_enter_phase(c, phase);
    c->limit_ms = limit_ms;
    sl_deadline_arm(&c->deadline, phase, limit_ms);
}

/* Rests until the next request, but not beyond its age. */
void sl_client_await_keepalive(struct sl_client *c)
{
    uint64_t limit_ms = pressed_limit_ms(c, SL_PHASE_KEEPALIVE);
    uint64_t max_age_ms = c->set->plan->config->max_age_ms;
    uint64_t age_ms = sl_client_now_ms(c) - c->accepted_ms;
    uint64_t left_ms = max_age_ms > age_ms ? max_age_ms - age_ms : 0;

    if (max_age_ms == SL_UNLIMITED)
        left_ms = SL_UNLIMITED;
    /* A request that is on its way to us already is still served: who asks one after another sees
       the answer that says `Connection: close`, and not a close instead of an answer. */
    if (c->is_closing && left_ms > RETIRE_MS)
        left_ms = RETIRE_MS;
    /* Only now may it be closed to make room: before, a response was still on its way. */
    sl_crowd_rest(&c->proxy->crowd, &c->place);
    sl_client_enter_phase(c, SL_PHASE_KEEPALIVE);
    c->limit_ms = limit_ms;
    sl_deadline_arm(&c->deadline, SL_PHASE_KEEPALIVE, limit_ms < left_ms ? limit_ms : left_ms);
}

static bool ends_after(const struct sl_client *c, enum sl_phase phase, enum sl_phase other)
{
    uint64_t ms = sl_client_limit(c, phase)->limit_ms,
             other_ms = sl_client_limit(c, other)->limit_ms;
    return ms > other_ms || (ms == other_ms && phase > other);
}

void sl_client_await_earliest(struct sl_client *c, enum sl_phase expired)
{
    enum sl_phase last = c->has_tls ? SL_PHASE_TLS_HANDSHAKE : SL_PHASE_FIRST_BYTE;
    enum sl_phase earliest = SL_PHASE_NONE;

    for (enum sl_phase phase = c->phase; phase <= last; phase++) {
        bool is_left = expired == SL_PHASE_NONE || ends_after(c, phase, expired);
        if (is_left && (earliest == SL_PHASE_NONE || ends_after(c, earliest, phase)))
            earliest = phase;
    }
    if (earliest == SL_PHASE_NONE)
        return;
    c->limit_ms = pressed_limit_ms(c, earliest);
    sl_deadline_arm_since(&c->deadline, earliest, c->accepted_ms, c->limit_ms);
}

void sl_client_await_from_accept(struct sl_client *c, enum sl_phase phase)
{
    sl_client_enter_phase(c, phase);
    sl_client_await_earliest(c, SL_PHASE_NONE);
}

void sl_client_end_phase_well(struct sl_client *c)
{
    if (c->phase != SL_PHASE_NONE && sl_deadline_is_armed(&c->deadline)) {
        struct sl_limit limit = sl_client_limit_in_force(c, c->phase);
        uint64_t now = sl_client_now_ms(c), used_ms = now - c->deadline.since_ms;
        uint64_t left_ms = c->deadline.due_ms > now ? c->deadline.due_ms - now : 0;
        if (c->phase == SL_PHASE_LINGER) /* it is the last silence that ends here */
            used_ms = limit.limit_ms > left_ms ? limit.limit_ms - left_ms : 0;
        /* Of those from accept another is armed when it ends first. */
        if (c->deadline.phase == c->phase || used_ms < limit.limit_ms)
            sl_counters_headroom(c->proxy->counters, c->phase, used_ms, limit.limit_ms);
    }
    sl_deadline_clear(&c->deadline);
}

/* Bytes since the last time, into the counters. */
void sl_client_account(struct sl_client *c)
{
    struct sl_counters *counters = c->proxy->counters;
    uint64_t n_in = c->channel.n_in, n_out = sl_channel_out_bytes(&c->channel);

    if (!c->channel.tcp)
        return;
    sl_count_add(&counters->count[SL_COUNT_CLIENT_RX], n_in - c->n_in_counted);
    sl_count_add(&counters->count[SL_COUNT_CLIENT_TX], n_out - c->n_out_counted);
    c->n_in_counted = n_in;
    c->n_out_counted = n_out;
}

/* ---- the end ---- */

static void bury(struct sl_grave *g)
{
    struct sl_client *c = sl_container_of(g, struct sl_client, grave);
    sl_parser_free(&c->parser);
    sl_pool_put(&c->proxy->deliveries, c->delivery);
    free(c->proxied);
    free(c);
}

void sl_client_end_handshake(struct sl_client *c, enum sl_handshake_end how)
{
    sl_crowd_end_handshake(&c->proxy->crowd, &c->place);
    if (!c->has_tls || c->is_handshake_over)
        return;
    c->is_handshake_over = true;
    sl_count_add(&c->proxy->counters->handshake_end[how], 1);
}

static bool is_of_names(char c)
{
    return sl_ascii_is_alnum(c) || c == '-' || c == '.' || c == '_';
}

void sl_client_write_sni(const struct sl_client *c, struct sl_str *s)
{
    struct sl_span sni = sl_channel_sni(&c->channel);
    size_t n = 0;

    while (n < sni.len && is_of_names(sni.ptr[n]))
        n++;
    if (n == sni.len) {
        sl_str_add(s, sni.len ? sni : SL_SPAN("-"));
        return;
    }
    sl_str_add_char(s, '"');
    sl_str_add_json(s, sl_span(sni.ptr, sni.len < ODD_SNI_BYTES ? sni.len : ODD_SNI_BYTES));
    sl_str_add_char(s, '"');
}

/* Nobody may wonder why a connection never became a request, or was cut after its last. */
void sl_client_log_end(const struct sl_client *c, const struct sl_cause *cause)
{
    char peer_buf[SL_ADDR_TEXT_BYTES], sni_buf[SL_CLIENT_SNI_TEXT_BYTES];
    struct sl_str peer, sni;
    uint64_t limit =
        cause->phase != SL_PHASE_NONE ? sl_client_limit_in_force(c, cause->phase).limit_ms : 0;

    sl_str_init(&peer, peer_buf, sizeof(peer_buf));
    struct sl_addr from = sl_client_peer(c);
    sl_addr_write(&from, &peer);
    sl_str_init(&sni, sni_buf, sizeof(sni_buf));
    sl_client_write_sni(c, &sni);
    sl_log(SL_LOG_INFO,
           "%s: peer=%s listener=%s sni=%s bytes_in=%llu phase=%s error=%s after=%llums "
           "limit=%llums",
           c->n_requests == 0 ? "connection ended before a request" : "connection cut", peer_buf,
           c->listener->config->name, sni_buf, (unsigned long long)c->channel.n_raw_in,
           sl_phase_key(cause->phase), sl_err_name(cause->err),
           (unsigned long long)(sl_client_now_ms(c) - c->accepted_ms), (unsigned long long)limit);
}

void sl_client_close(struct sl_client *c, enum sl_channel_close how, const struct sl_cause *cause)
{
    struct sl_proxy *proxy = c->proxy;

    if (sl_client_is_closed(c))
        return;
    c->state = SL_CLIENT_CLOSED;
    sl_client_account(c);
    sl_client_end_handshake(c, SL_HANDSHAKE_SHUTDOWN);
    if (cause && (c->n_requests == 0 || (!c->exchange && cause->phase == SL_PHASE_RESPONSE)))
        sl_client_log_end(c, cause);
    sl_exchange_close(&c->exchange, cause);
    sl_client_enter_phase(c, SL_PHASE_NONE);
    sl_deadline_fini(&c->deadline);
    if (c->delivery) {
        if (!cause) /* the client has closed: it has what it wants */
            sl_meter_end(&c->delivery->meter);
        sl_meter_fini(&c->delivery->meter);
    }
    sl_channel_close(&c->channel, how);
    sl_crowd_leave(&proxy->crowd, &c->place);
    sl_upstreams_unref(&c->set);
    sl_count_add(&proxy->counters->count[SL_COUNT_CLOSED], 1);
    if (proxy->is_draining && proxy->crowd.n_clients == 0)
        sl_defer(proxy->loop, &proxy->drained);
    sl_reap(proxy->loop, &c->grave, bury);
}

void sl_client_close_because(struct sl_client *c, enum sl_channel_close how, enum sl_phase phase,
                             enum sl_side side, int err)
{
    struct sl_cause cause = {phase, side, err};
    sl_client_close(c, how, &cause);
}

void sl_client_kill(struct sl_client *c, const struct sl_cause *cause)
{
    bool has_begun = c->exchange || c->state == SL_CLIENT_HEADER;
    sl_client_close(c, has_begun ? SL_CHANNEL_RESET : SL_CHANNEL_CLEAN, cause);
}

int sl_client_lose(struct sl_client *c, int err)
{
    sl_client_close_because(c, SL_CHANNEL_RESET, c->phase, SL_SIDE_CLIENT, err);
    return err;
}

/* ---- between requests, and after the last ---- */

/* Taken as delivered without asking the kernel. Should it not be so, the meter still runs. */
static bool is_delivered(const struct sl_client *c)
{
    return !sl_client_is_metered(c) ||
           sl_channel_written_bytes(&c->channel) - c->delivery->from <= SMALL_RESPONSE_BYTES;
}

void sl_client_await_linger(struct sl_client *c)
{
    const struct sl_limit *limit = sl_client_limit(c, SL_PHASE_LINGER);
    uint64_t now = sl_client_now_ms(c);
    uint64_t left = c->linger_until_ms > now ? c->linger_until_ms - now : 0;

    sl_client_enter_phase(c, SL_PHASE_LINGER);
    if (c->is_let_off)
        return;
    c->limit_ms = limit->limit_ms;
    sl_deadline_arm(&c->deadline, SL_PHASE_LINGER, limit->limit_ms < left ? limit->limit_ms : left);
}

static void begin_lingering(struct sl_client *c)
{
    const struct sl_limit *limit = sl_client_limit(c, SL_PHASE_LINGER);

    c->n_lingered = 0;
    c->is_let_off = false;
    c->linger_until_ms =
        limit->total_ms == SL_UNLIMITED ? SL_UNLIMITED : sl_client_now_ms(c) + limit->total_ms;
    sl_client_await_linger(c);
}

/* Only the pace of its delivery counts. */
static void await_delivery(struct sl_client *c)
{
    sl_deadline_clear(&c->deadline);
    sl_client_enter_phase(c, SL_PHASE_RESPONSE);
    if (sl_client_expect_delivery(c) == 0)
        sl_meter_watch(&c->delivery->meter, WATCH_MS);
}

/* Lingers from when its response has arrived; until then it is being served, and only its pace
   counts. */
static void linger_once_delivered(struct sl_client *c)
{
    begin_lingering(c);
    if (is_delivered(c) && sl_channel_is_drained(&c->channel))
        return;
    await_delivery(c);
}

/*
 * The last response is written: FIN after it, then wait for the client to close, so that what it
 * still sends does not make our kernel reset the connection before it has read the answer.
 */
void sl_client_say_goodbye(struct sl_client *c)
{
    c->state = SL_CLIENT_LINGER;
    sl_channel_shutdown(&c->channel);
    if (c->has_ended && sl_channel_is_drained(&c->channel)) {
        sl_client_close(c, SL_CHANNEL_CLEAN, NULL);
        return;
    }
    linger_once_delivered(c);
    sl_channel_resume(&c->channel);
}

bool sl_client_is_aged(const struct sl_client *c)
{
    const struct sl_config *config = c->set->plan->config;
    return sl_client_now_ms(c) - c->accepted_ms >= config->max_age_ms ||
           c->n_requests >= config->max_age_requests;
}

bool sl_client_is_retired(const struct sl_client *c)
{
    return c->proxy->is_draining || c->set != c->proxy->upstreams;
}

void sl_client_rest(struct sl_client *c)
{
    if (sl_client_is_retired(c))
        sl_parser_free(&c->parser);
    else
        sl_shelf_give(&c->proxy->shelf, &c->parser);
    c->state = SL_CLIENT_IDLE;
    c->is_reprieved = false;
    if (is_delivered(c) && !sl_channel_is_full(&c->channel)) {
        sl_client_await_keepalive(c);
    } else {
        await_delivery(c);
    }
    sl_channel_resume(&c->channel);
}

/* A rest is over, but its last response, taken as delivered, was not: so it was no rest yet. */
bool sl_client_is_undelivered(struct sl_client *c)
{
    if (c->state != SL_CLIENT_IDLE || !sl_client_is_metered(c) ||
        sl_channel_unacked_bytes(&c->channel) == 0)
        return false;
    await_delivery(c);
    return true;
}

/* The response is written. What becomes of the connection? */
void sl_client_finish_response(struct sl_client *c, bool is_request_complete)
{
    sl_client_account(c);
    if (c->is_closing || c->has_ended || (is_request_complete && sl_client_is_aged(c))) {
        sl_client_say_goodbye(c);
    } else if (is_request_complete) {
        sl_client_rest(c);
    } else {
        c->state = SL_CLIENT_DISCARD;
        linger_once_delivered(c);
        sl_channel_resume(&c->channel);
    }
}

/* ---- the response meter ---- */

bool sl_client_is_metered(const struct sl_client *c)
{
    return c->delivery && sl_meter_is_running(&c->delivery->meter);
}

/* Everything that was written has reached the client. */
static void on_delivered(struct sl_meter *m)
{
    struct sl_delivery *delivery = sl_container_of(m, struct sl_delivery, meter);
    struct sl_client *c = delivery->client;

    sl_meter_end(m);
    sl_meter_fini(m);
    c->delivery = NULL;
    sl_pool_put(&c->proxy->deliveries, delivery);
    if (c->exchange)
        sl_exchange_on_room(c->exchange);
    else if (c->state == SL_CLIENT_IDLE && c->phase == SL_PHASE_RESPONSE)
        sl_client_await_keepalive(c);
    else if ((c->state == SL_CLIENT_LINGER || c->state == SL_CLIENT_DISCARD) &&
             c->phase == SL_PHASE_RESPONSE)
        begin_lingering(c);
}

static void on_response_breach(struct sl_meter *m)
{
    struct sl_client *c = sl_container_of(m, struct sl_delivery, meter)->client;
    struct sl_addr peer = sl_client_peer(c);

    if (sl_expiry_cuts(c->proxy, SL_PHASE_RESPONSE, &m->pace.limit, &peer))
        sl_client_close_because(c, SL_CHANNEL_RESET, SL_PHASE_RESPONSE, SL_SIDE_CLIENT,
                                SL_ERR_TIMEOUT);
}

int sl_client_expect_delivery(struct sl_client *c)
{
    struct sl_delivery *d = c->delivery;

    if (sl_client_is_metered(c))
        return 0;
    if (!d) {
        d = sl_pool_get(&c->proxy->deliveries);
        if (!d)
            return sl_client_lose(c, SL_ERR_MEMORY);
        sl_meter_init(&d->meter, c->proxy->loop, c->proxy->counters, on_response_breach);
        d->meter.on_delivered = on_delivered;
        d->client = c;
        c->delivery = d;
    }
    const struct sl_deadlines *limits =
        c->exchange && c->exchange->limits ? c->exchange->limits : &c->listener->deadlines;
    sl_meter_begin_sink(&d->meter, SL_PHASE_RESPONSE, &limits->phase[SL_PHASE_RESPONSE],
                        &c->channel);
    sl_meter_run(&d->meter);
    d->from = sl_channel_written_bytes(&c->channel);
    return 0;
}
