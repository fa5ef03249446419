// SPDX-License-Identifier: Apache-2.0
/*
 * harness: see harness.h. What it allocates for itself is never made to fail (fake_n_own).
 */
#include "harness.h"

#include <stdlib.h>
#include <sluice/tls/server.h>

#include "fake_private.h"

bool sim_has_access_log;

static struct sl_plan *make_plan(struct sim *s, const struct sim_options *o, uint64_t number)
{
    char text[4096];
    struct sl_report *report = NULL;
    struct sl_config *config = NULL;
    struct sl_plan *plan = NULL;

    fake_n_own++;
    snprintf(text, sizeof(text),
             "listeners:\n  - {address: ':8080', tls: %s%s}\n"
             "upstreams:\n  - {name: app, endpoints: [%s]%s}\n"
             "routes:\n  - {upstream: app%s}\n"
             "deadlines: {%s}\nlimits: {%s}\n",
             o->is_tls ? "{certificates: [{certificate: c.pem, key: k.pem}]}" : "off",
             o->listener ? o->listener : "", o->endpoints ? o->endpoints : "10.0.0.1:80",
             o->upstream ? o->upstream : "", o->route ? o->route : "",
             o->deadlines ? o->deadlines : "", o->limits ? o->limits : "max_connections: 1000");
    assert_int_equal(sl_report_new("sim.yaml", &report), 0);
    if (sl_config_read_text("sim.yaml", sl_span_str(text), report, &config) != 0 ||
        sl_plan_new(config, number, 1, &s->tls_server, report, &plan) != 0) {
        sl_report_print(report, stderr);
        fail_msg("%s", text);
    }
    sl_report_free(&report);
    fake_n_own--;
    return plan;
}

static void on_accept(void *owner, struct sl_tcp_listener *listener, int err)
{
    struct sim *s = owner;

    if (err != 0)
        sl_proxy_accept_failed(s->proxy, err);
    else
        sl_proxy_accept(s->proxy, listener, 0);
}

static int on_connect(void *ctx, struct fake_wire *wire, const struct sl_addr *to)
{
    struct sim *s = ctx;

    assert_true(s->n_up < SIM_MAX_WIRES);
    s->up_to[s->n_up] = *to;
    s->up[s->n_up++] = wire;
    return s->answer;
}

static bool after_turn(void *ctx)
{
    struct sim *s = ctx;

    sim_check(s);
    return s->play && s->play(s);
}

static void make_tls_server(struct sim *s)
{
    const char *names[] = {"a.example"};
    struct sl_identity *identity = NULL;

    assert_int_equal(sl_tls_global_init(), 0);
    assert_int_equal(sl_identity_self_sign(names, 1, 30, &identity), 0);
    struct sl_tls_settings settings = {
        .has_tls12 = true, .has_tls13 = true, .identities = &identity, .n_identities = 1};
    assert_int_equal(sl_tls_server_new(&settings, &s->tls_server), 0);
    sl_identity_free(&identity);
}

void sim_open(struct sim *s, const struct sim_options *options)
{
    memset(s, 0, sizeof(*s));
    sl_log_set(NULL, getenv("SL_SIM_LOG") ? SL_LOG_DEBUG : SL_LOG_ERROR);
    fake_n_own = 1; /* whatever a test that failed has left */
    if (options->is_tls)
        make_tls_server(s);
    else
        assert_int_equal(sl_tls_global_init(), 0);
    s->plan = make_plan(s, options, 1);
    s->loop = fake_loop_new();
    fake_on_connect(s->loop, on_connect, s);
    s->started_ms = sl_loop_now_ms(s->loop);
    assert_int_equal(sl_tcp_listen(s->loop, -1, 16, on_accept, s, &s->listener), 0);
    if (sim_has_access_log)
        assert_int_equal(sl_logger_new("/dev/null", 65536, &s->access), 0);
    assert_int_equal(sl_proxy_new(s->loop, s->plan, &s->counters, s->access, &s->proxy), 0);
    fake_n_own--;
    fake_after_turn(s->loop, after_turn, s);
}

void sim_close(struct sim *s)
{
    s->play = NULL;
    sim_check(s);
    fake_after_turn(s->loop, NULL, NULL);
    sl_proxy_free(&s->proxy);
    sl_tcp_listener_close(&s->listener);
    fake_turn(s->loop);
    fake_turn(s->loop);
    assert_int_equal(sl_loop_n_shells(s->loop), 0);
    assert_int_equal(sl_loop_chunks(s->loop)->n_used, 0);
    assert_int_equal(sim_count(s, SL_COUNT_ACCEPTED), sim_count(s, SL_COUNT_CLOSED));
    for (int i = 0; i < SL_N_PHASES; i++)
        assert_int_equal(sl_count_get(&s->counters.connections[i]), 0);
    sl_loop_free(&s->loop);
    sl_plan_unref(&s->plan);
    sl_logger_free(&s->access);
    sl_tls_server_unref(&s->tls_server);
    sl_tls_global_fini();
}

void sim_reload(struct sim *s, const struct sim_options *options)
{
    struct sl_plan *old = s->plan;

    s->plan = make_plan(s, options, old->number + 1);
    sl_proxy_set_plan(s->proxy, s->plan);
    sl_plan_unref(&old);
}

static void on_drained(void *owner)
{
    struct sim *s = owner;
    s->is_drained = true;
}

void sim_drain(struct sim *s)
{
    sl_proxy_drain(s->proxy, on_drained, s);
}

/* ---- the laws ---- */

static void check_clients(struct sim *s)
{
    uint64_t n_under_way = 0, n_in_phases = 0, n_ends = 0, n = 0;

    sl_list_foreach (node, &s->proxy->crowd.all) {
        struct sl_client *c =
            sl_container_of(sl_list_entry(node, struct sl_place, all), struct sl_client, place);
        n++;
        if (c->has_tls && !c->is_handshake_over)
            n_under_way++;
        if (c->exchange && c->phase != sl_exchange_phase(c->exchange))
            fail_msg("counted in phase %s, is in phase %s", sl_phase_key(c->phase),
                     sl_phase_key(sl_exchange_phase(c->exchange)));
        if (!sl_client_is_guarded(c))
            fail_msg("law 1: a client is unguarded: state %d, phase %s, %llu ms after start",
                     (int)c->state, sl_phase_key(c->phase), (unsigned long long)sim_ms(s));
    }
    for (int i = 0; i < SL_N_PHASES; i++)
        n_in_phases += sl_count_get(&s->counters.connections[i]);
    for (int i = 0; i < SL_N_HANDSHAKE_ENDS; i++)
        n_ends += sl_count_get(&s->counters.handshake_end[i]);
    assert_int_equal(n, s->proxy->crowd.n_clients);
    assert_int_equal(n_in_phases, n);
    assert_int_equal(sim_count(s, SL_COUNT_HS_ATTEMPTS), n_ends + n_under_way);
    assert_int_equal(sim_count(s, SL_COUNT_ACCEPTED), sim_count(s, SL_COUNT_CLOSED) + n);
}

static size_t length_of(const struct sl_list *list)
{
    size_t n = 0;
    sl_list_foreach (node, list)
        n++;
    return n;
}

/* A link that rests is guarded, too. */
static void check_resting(const struct sl_endpoint *e)
{
    sl_list_foreach (node, &e->idle) {
        const struct sl_link *link = sl_list_entry(node, struct sl_link, link);
        assert_true(sl_deadline_is_armed(&link->idle) ||
                    e->upstream->config->idle_ms == SL_UNLIMITED);
    }
}

/* Nobody waits beside a free slot; but for another endpoint's beside one that is passed over. */
static void check_waiting(const struct sl_upstream *up, const struct sl_dial *d)
{
    bool is_one_free = false, is_one_passed_over = false, is_one_awaited = false;

    for (size_t i = 0; i < up->config->n_endpoints; i++) {
        const struct sl_endpoint *e = &up->endpoints[i];
        bool is_full = e->max_links > 0 && e->n_active >= e->max_links;
        if (e->config->weight == 0 || d->tried.bits[i / 64] >> (i % 64) & 1)
            continue;
        if (!sl_endpoint_is_passed_over(e)) {
            is_one_free |= !is_full;
            is_one_awaited |= is_full;
        } else {
            is_one_passed_over |= !is_full;
        }
    }
    assert_false(is_one_free);
    assert_true(is_one_awaited || !is_one_passed_over);
}

/* Slots and places are counted right. */
static void check_upstreams(struct sim *s)
{
    sl_list_foreach (node, &s->proxy->sets) {
        struct sl_upstreams *set = sl_list_entry(node, struct sl_upstreams, link);
        for (size_t u = 0; u < set->plan->config->n_upstreams; u++) {
            struct sl_upstream *up = &set->upstreams[u];
            assert_int_equal(up->n_queued, length_of(&up->queue));
            for (size_t e = 0; e < up->config->n_endpoints; e++) {
                const struct sl_endpoint *endpoint = &up->endpoints[e];
                assert_int_equal(endpoint->n_idle, length_of(&endpoint->idle));
                check_resting(endpoint);
                assert_true(endpoint->max_links == 0 ||
                            endpoint->n_active + endpoint->n_idle <= endpoint->max_links);
            }
            sl_list_foreach (waiting, &up->queue)
                check_waiting(up, sl_list_entry(waiting, struct sl_dial, queue));
        }
    }
}

void sim_check(struct sim *s)
{
    size_t n_used = sl_loop_chunks(s->loop)->n_used;

    fake_n_own++;
    check_clients(s);
    check_upstreams(s);
    if (n_used > s->max_chunks)
        s->max_chunks = n_used;
    fake_n_own--;
}

/* ---- time ---- */

void sim_settle(struct sim *s)
{
    fake_settle(s->loop);
}

void sim_advance(struct sim *s, uint64_t ms)
{
    fake_advance(s->loop, ms);
}

uint64_t sim_ms(const struct sim *s)
{
    return sl_loop_now_ms(s->loop) - s->started_ms;
}

uint64_t sim_until_closed(struct sim *s, const struct fake_wire *wire, uint64_t max_ms)
{
    uint64_t ms = 0;

    sim_settle(s);
    for (; ms < max_ms && !fake_wire_is_closed(wire); ms++)
        sim_advance(s, 1);
    return ms;
}

/* ---- peers ---- */

struct fake_wire *sim_connect(struct sim *s, const char *from)
{
    struct sl_addr addr;

    if (from)
        assert_int_equal(sl_addr_read(sl_span_str(from), &addr), 0);
    struct fake_wire *wire = fake_wire_accept(s->listener, from ? &addr : NULL);
    sim_settle(s);
    return wire;
}

struct fake_wire *sim_ask(struct sim *s, const char *text)
{
    struct fake_wire *wire = sim_connect(s, NULL);
    sim_say(s, wire, text);
    return wire;
}

void sim_say(struct sim *s, struct fake_wire *wire, const char *text)
{
    fake_wire_send(wire, sl_span_str(text));
    sim_settle(s);
}

void sim_say_n(struct sim *s, struct fake_wire *wire, size_t n)
{
    static char pattern[65536];

    if (!pattern[0])
        for (size_t i = 0; i < sizeof(pattern); i++)
            pattern[i] = (char)('a' + i % 26);
    while (n > 0) {
        size_t k = n < sizeof(pattern) ? n : sizeof(pattern);
        fake_wire_send(wire, sl_span(pattern, k));
        n -= k;
    }
    sim_settle(s);
}

struct fake_wire *sim_up(struct sim *s, size_t n)
{
    sim_settle(s);
    assert_int_equal(s->n_up, n);
    return s->up[n - 1];
}

/* ---- looking ---- */

bool sim_got(const struct fake_wire *wire, const char *text)
{
    struct sl_span got = fake_wire_received(wire);
    return got.len && memmem(got.ptr, got.len, text, strlen(text)) != NULL;
}

size_t sim_n_got(const struct fake_wire *wire)
{
    return fake_wire_received(wire).len;
}

uint64_t sim_expired(const struct sim *s, enum sl_phase phase)
{
    return sl_count_get(&s->counters.expired[phase]);
}

uint64_t sim_expired_all(const struct sim *s)
{
    uint64_t n = 0;
    for (int i = 0; i < SL_N_PHASES; i++)
        n += sl_count_get(&s->counters.expired[i]);
    return n;
}

uint64_t sim_count(const struct sim *s, enum sl_counter counter)
{
    return sl_count_get(&s->counters.count[counter]);
}

uint64_t sim_in_phase(const struct sim *s, enum sl_phase phase)
{
    return sl_count_get(&s->counters.connections[phase]);
}

/* ---- chance ---- */

/* As few bytes as hold the choice, so that a fuzzer that changes one byte changes one choice. */
static uint64_t pick_from_script(struct sl_span *script, uint64_t n)
{
    uint64_t choice = 0;

    for (uint64_t most = n - 1; most > 0 && script->len > 0; most >>= 8) {
        choice = choice << 8 | (uint8_t)script->ptr[0];
        *script = sl_span_skip(*script, 1);
    }
    return choice % n;
}

uint64_t sim_pick(struct sim_chance *chance, uint64_t n)
{
    if (chance->has_script)
        return pick_from_script(&chance->script, n);
    uint64_t z = chance->state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return (z ^ (z >> 31)) % n;
}

uint64_t sim_seed(uint64_t preset)
{
    const char *text = getenv("SL_SIM_SEED");
    return text ? strtoull(text, NULL, 0) : preset;
}
