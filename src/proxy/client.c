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
#include "client_inner.h"

#include <stdlib.h>
#include "expiry.h"
#include "upstream.h"

#define STANDSTILL_MS 100 /* uncharged time that is worth giving back */

/* It goes so that another may come. */
static void evict(struct sl_place *victim)
{
    if (!victim)
        return;
    struct sl_client *c = sl_container_of(victim, struct sl_client, place);
    struct sl_cause cause = {c->phase, SL_SIDE_PROXY, SL_ERR_LIMIT};

    sl_count_add(&c->proxy->counters->count[SL_COUNT_EVICTED], 1);
    sl_client_end_handshake(c, SL_HANDSHAKE_EVICTED);
    sl_client_close(c, c->state == SL_CLIENT_OPENING ? SL_CHANNEL_RESET : SL_CHANNEL_CLEAN, &cause);
}

/* ---- events of the channel ---- */

static void on_readable(void *owner)
{
    struct sl_client *c = owner;

    sl_client_pump(c);
    while (c->state == SL_CLIENT_LINGER) {
        struct sl_span span = sl_channel_peek(&c->channel);
        if (span.len == 0)
            break;
        sl_channel_consume(&c->channel, span.len);
        sl_client_discard(c, span.len);
    }
    if (!sl_client_is_closed(c)) {
        sl_client_account(c);
        c->stream.ops->note_phase(&c->stream);
    }
}

static void on_partial(void *owner, size_t n_bytes)
{
    struct sl_client *c = owner;
    if (c->exchange)
        sl_exchange_on_partial_body(c->exchange, n_bytes);
    else if (c->phase == SL_PHASE_LINGER)
        sl_client_await_linger(c);
}

static void end_linger(struct sl_client *c)
{
    sl_client_end_phase_well(c);
    sl_client_close(c, SL_CHANNEL_CLEAN, NULL);
}

static void on_end(void *owner, int err)
{
    struct sl_client *c = owner;
    enum sl_phase phase = c->phase;

    c->has_ended = true;
    switch (c->state) {
    case SL_CLIENT_EXCHANGE:
        if (err != 0)
            sl_client_close_because(c, SL_CHANNEL_RESET, phase, SL_SIDE_CLIENT, err);
        else if (sl_client_is_tunnel(c))
            sl_exchange_on_tunnel_end(c->exchange);
        else if (!sl_exchange_is_request_complete(c->exchange))
            sl_client_close_because(c, SL_CHANNEL_RESET, SL_PHASE_REQUEST_BODY, SL_SIDE_CLIENT,
                                    SL_ERR_TRUNCATED);
        /* else: it has asked and listens */
        return;
    case SL_CLIENT_LINGER:
        if (err == 0 && !sl_channel_is_drained(&c->channel))
            return; /* on_drained closes */
        end_linger(c);
        return;
    case SL_CLIENT_IDLE:
    case SL_CLIENT_HEADER: /* half a request, behind others whose answers are on their way */
    case SL_CLIENT_DISCARD:
        if (err == 0 && !sl_channel_is_drained(&c->channel)) {
            c->is_closing = true;
            sl_client_say_goodbye(c);
            return;
        }
        if (c->state != SL_CLIENT_IDLE)
            break;
        sl_client_end_phase_well(c);
        sl_client_close(c, SL_CHANNEL_CLEAN, NULL);
        return;
    default:
        break;
    }
    sl_client_close_because(c, err ? SL_CHANNEL_RESET : SL_CHANNEL_CLEAN, phase, SL_SIDE_CLIENT,
                            err ? err : SL_ERR_EOF);
}

static void on_room(void *owner)
{
    struct sl_client *c = owner;
    if (c->exchange)
        sl_exchange_on_room(c->exchange);
    else if (c->state == SL_CLIENT_IDLE)
        sl_channel_resume(&c->channel); /* a pipelined request may have waited for it */
}

static void on_drained(void *owner)
{
    struct sl_client *c = owner;

    if (c->exchange)
        sl_exchange_on_room(c->exchange);
    else if (c->state == SL_CLIENT_LINGER && c->has_ended)
        end_linger(c);
}

static void on_proxied(void *owner, const struct sl_addr *source)
{
    struct sl_client *c = owner;

    sl_client_end_phase_well(c);
    c->proxied = malloc(sizeof(*c->proxied));
    if (!c->proxied) {
        sl_client_lose(c, SL_ERR_MEMORY);
        return;
    }
    *c->proxied = *source;
    evict(sl_crowd_make_prefix_room(&c->proxy->crowd, source));
    if (sl_crowd_join_prefix(&c->proxy->crowd, &c->place, source) != 0) {
        sl_client_lose(c, SL_ERR_MEMORY);
        return;
    }
    sl_client_await_from_accept(c, SL_PHASE_FIRST_BYTE);
}

/* Time in which we stood still (a stopped process, a starved machine) is charged to nobody (law 3).
   Elsewhere one more look before an expiry is enough: what was owed has arrived. A handshake is a
   conversation: who spoke meanwhile, and hears from us only now, gets the time back to answer. */
static void excuse_standstill(struct sl_client *c)
{
    uint64_t elapsed_ms = sl_loop_fresh_ms(c->proxy->loop) - c->accepted_ms;
    uint64_t sure_ms = sl_loop_sure_ms(c->proxy->loop) - c->accepted_sure_ms;

    if (!sl_deadline_is_armed(&c->deadline) || elapsed_ms < sure_ms + c->excused_ms + STANDSTILL_MS)
        return;
    c->limit_ms += elapsed_ms - sure_ms - c->excused_ms;
    c->excused_ms = elapsed_ms - sure_ms;
    sl_deadline_arm_since(&c->deadline, SL_PHASE_TLS_HANDSHAKE, c->accepted_ms, c->limit_ms);
}

static void on_first_byte(void *owner)
{
    struct sl_client *c = owner;

    sl_client_end_phase_well(c);
    sl_crowd_first_byte(&c->proxy->crowd, &c->place);
    if (c->has_tls) {
        sl_client_await_from_accept(c, SL_PHASE_TLS_HANDSHAKE);
        excuse_standstill(c);
    }
}

static void on_answered(void *owner)
{
    struct sl_client *c = owner;
    sl_crowd_answered(&c->proxy->crowd, &c->place);
    excuse_standstill(c);
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

    sl_client_end_phase_well(c);
    sl_client_end_handshake(c, SL_HANDSHAKE_OK);
    c->has_tls_report = sl_channel_report(&c->channel, &c->tls);
    if (c->has_tls_report) {
        c->tls_handshake_ms = (uint32_t)(sl_client_now_ms(c) - c->accepted_ms);
        sl_count_add(&counters->handshake_version[c->tls.version], 1);
        sl_count_add(&counters->handshake_suite[c->tls.suite], 1);
        if (c->tls.is_resumed)
            sl_count_add(&counters->count[SL_COUNT_HS_RESUMED], 1);
        sl_histogram_add(&counters->handshake_duration, c->tls_handshake_ms);
    }
    c->state = SL_CLIENT_START;
    sl_crowd_rest(&c->proxy->crowd, &c->place);
    sl_client_await(c, SL_PHASE_REQUEST_START);
}

static void on_open(void *owner, int err)
{
    struct sl_client *c = owner;
    struct sl_cause cause = {c->phase, SL_SIDE_CLIENT, err};

    if (err == 0) {
        finish_handshake(c);
        return;
    }
    sl_client_end_handshake(c, handshake_end_of(err));
    if (err == SL_ERR_TLS_PLAIN_HTTP) {
        c->began_ms = sl_client_now_ms(c);
        sl_client_log_end(c, &cause);
        sl_client_refuse_head(
            c, 400,
            "This port speaks HTTPS, and a plain HTTP request arrived. Use https:// in the "
            "address.",
            "plain_http", &cause);
        return;
    }
    sl_client_close(c, err == SL_ERR_RESET ? SL_CHANNEL_RESET : SL_CHANNEL_CLEAN, &cause);
}

static size_t appetite(void *owner)
{
    const struct sl_client *c = owner;
    return c->exchange ? sl_exchange_appetite(c->exchange) : 0;
}

static const struct sl_channel_events channel_events = {
    .on_proxied = on_proxied,
    .on_first_byte = on_first_byte,
    .on_answered = on_answered,
    .on_open = on_open,
    .on_readable = on_readable,
    .on_partial = on_partial,
    .on_end = on_end,
    .on_room = on_room,
    .on_drained = on_drained,
    .appetite = appetite,
};

/* ---- deadlines ---- */

static void cut_in_phase(struct sl_client *c, enum sl_phase phase)
{
    struct sl_cause cause = {phase, SL_SIDE_CLIENT, SL_ERR_TIMEOUT};

    switch (phase) {
    case SL_PHASE_PROXY_HEADER:
    case SL_PHASE_FIRST_BYTE:
        sl_client_end_handshake(c, SL_HANDSHAKE_SILENT);
        sl_client_close(c, SL_CHANNEL_RESET, &cause);
        break;
    case SL_PHASE_TLS_HANDSHAKE:
        if (!sl_channel_last_look(&c->channel)) {
            cause.side = SL_SIDE_PROXY;
            sl_client_end_handshake(c, SL_HANDSHAKE_OVERLOAD);
        }
        sl_client_end_handshake(c,
                                c->place.has_spoken ? SL_HANDSHAKE_STALLED : SL_HANDSHAKE_SILENT);
        sl_client_close(c, SL_CHANNEL_ALERT, &cause);
        break;
    case SL_PHASE_REQUEST_HEADER:
        sl_client_refuse_head(c, 408, "The request header came too slowly.", "deadline", &cause);
        break;
    case SL_PHASE_REQUEST_START:
    default:
        sl_client_close(c, SL_CHANNEL_CLEAN, &cause);
        break;
    }
}

/* Bytes that had arrived count (law 3), and so they do when it was we who let them wait. The phase
   goes on for this look, so that one that ends well in it is a near miss. */
static bool is_finished_by_last_look(struct sl_client *c)
{
    sl_deadline_arm_since(&c->deadline, SL_PHASE_TLS_HANDSHAKE, c->accepted_ms, c->limit_ms);
    sl_channel_last_look(&c->channel);
    if (sl_client_is_closed(c) || c->state != SL_CLIENT_OPENING)
        return true;
    sl_deadline_clear(&c->deadline);
    return false;
}

/* The turn in which thousands rest no longer is long: a request that has come since its poll is in
   time (law 3). What has come is read by the next poll, so once is enough. */
static bool has_come_meanwhile(struct sl_client *c)
{
    if (c->state != SL_CLIENT_IDLE || c->is_reprieved || !sl_tcp_is_stale(c->channel.tcp))
        return false;
    c->is_reprieved = true;
    sl_deadline_arm(&c->deadline, SL_PHASE_KEEPALIVE, 1);
    return true;
}

static void on_deadline(struct sl_deadline *d)
{
    struct sl_client *c = sl_container_of(d, struct sl_client, deadline);
    enum sl_phase phase = d->phase;
    struct sl_limit limit = sl_client_limit_in_force(c, phase);
    struct sl_addr peer = sl_client_peer(c);

    if (phase == SL_PHASE_TLS_HANDSHAKE && is_finished_by_last_look(c))
        return;
    if (sl_client_is_undelivered(c) || has_come_meanwhile(c))
        return;
    if (c->state == SL_CLIENT_IDLE && c->is_closing) { /* retired */
        sl_client_close(c, SL_CHANNEL_CLEAN, NULL);
    } else if (c->state == SL_CLIENT_IDLE && sl_client_is_aged(c)) {
        sl_client_say_goodbye(c);
    } else if (sl_expiry_cuts(c->proxy, phase, &limit, &peer)) {
        cut_in_phase(c, phase);
    } else if (c->state == SL_CLIENT_OPENING) { /* not enforced: the others still hold */
        sl_client_await_earliest(c, phase);
    } else {
        c->is_let_off = true;
    }
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
    c->stream.ops = &sl_client_stream_ops;
    c->has_tls = c->listener->tls_server != NULL;
    c->phase = SL_PHASE_NONE;
    c->accepted_ms = sl_client_now_ms(c);
    c->accepted_sure_ms = sl_loop_sure_ms(proxy->loop);
    sl_deadline_init(&c->deadline, proxy->loop, on_deadline);
    return c;
}

static void unmake(struct sl_client *c)
{
    sl_deadline_fini(&c->deadline);
    sl_upstreams_unref(&c->set);
    free(c);
}

/* One line a second: those who are turned away come in floods. */
static void log_refusal(struct sl_proxy *proxy)
{
    uint64_t now = sl_loop_now_ms(proxy->loop);

    proxy->n_refused_unsaid++;
    if (proxy->refused_ms && now - proxy->refused_ms < 1000)
        return;
    sl_log(SL_LOG_WARN,
           "connections refused: %llu since the last such line; all %zu of this worker are in use "
           "(limits.max_connections)",
           (unsigned long long)proxy->n_refused_unsaid, proxy->crowd.n_clients);
    proxy->refused_ms = now;
    proxy->n_refused_unsaid = 0;
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
        if (is_refused)
            log_refusal(proxy);
        return;
    }
    bool has_header = c->listener->config->proxy_protocol == SL_PROXY_PROTOCOL_REQUIRED;
    int err = sl_channel_accept(&c->channel, proxy->loop, listener, &proxy->turnstile,
                                c->listener->tls_server, has_header, &channel_events, c);
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
        struct sl_addr peer = sl_client_peer(c);
        evict(sl_crowd_make_prefix_room(&proxy->crowd, &peer));
        if (sl_crowd_join_prefix(&proxy->crowd, &c->place, &peer) != 0) {
            sl_client_lose(c, SL_ERR_MEMORY);
            return;
        }
    }
    sl_client_await_from_accept(c, has_header ? SL_PHASE_PROXY_HEADER : SL_PHASE_FIRST_BYTE);
}

void sl_client_retire(struct sl_client *c, bool ends_opening)
{
    struct sl_cause cause = {c->phase, SL_SIDE_PROXY, SL_ERR_CLOSED};

    c->is_closing = true;
    if (c->state == SL_CLIENT_IDLE && c->phase == SL_PHASE_KEEPALIVE)
        sl_client_await_keepalive(c); /* not for long */
    else if (ends_opening && (c->state == SL_CLIENT_OPENING || c->state == SL_CLIENT_START))
        sl_client_close(c, SL_CHANNEL_CLEAN, &cause);
}

bool sl_client_is_guarded(const struct sl_client *c)
{
    if (c->exchange)
        return sl_client_is_metered(c) || sl_exchange_is_guarded(c->exchange);
    if (c->phase == SL_PHASE_NONE)
        return false;
    const struct sl_limit *limit = sl_client_limit(c, c->phase);
    return sl_deadline_is_armed(&c->deadline) || sl_client_is_metered(c) ||
           limit->limit_ms == SL_UNLIMITED || !limit->is_enforced;
}
