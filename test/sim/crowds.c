// SPDX-License-Identifier: Apache-2.0
/*
 * What clients share: the budget of those that have not finished their handshake, in all and per
 * prefix; the number of connections; the pressure that shortens the phases before a request; and
 * what a new configuration and the end of the process mean for each of them.
 */
#include "harness.h"

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static void the_oldest_silent_client_is_evicted_first(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.is_tls = true,
                                       .limits = "max_connections: 100, max_handshaking: 3"});
    struct fake_wire *speaks = sim_ask(&s, "\x16\x03"), *silent = sim_connect(&s, NULL),
                     *later = sim_connect(&s, NULL);
    struct fake_wire *fourth = sim_connect(&s, NULL);
    assert_state(silent, FAKE_RESET); /* not the oldest, but the oldest silent one */
    assert_state(speaks, FAKE_OPEN);
    fake_wire_send(later, SL_SPAN("\x16"));
    fake_wire_send(fourth, SL_SPAN("\x16"));
    sim_settle(&s);
    sim_connect(&s, NULL); /* now nobody is silent: the oldest goes */
    assert_state(speaks, FAKE_RESET);
    assert_state(later, FAKE_OPEN);
    assert_int_equal(sim_count(&s, SL_COUNT_EVICTED), 2);
    assert_int_equal(sl_count_get(&s.counters.handshake_end[SL_HANDSHAKE_EVICTED]), 2);
    sim_close(&s);
}

static void a_flood_of_silent_clients_costs_no_established_client_anything(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.limits = "max_connections: 50, max_handshaking: 10"});
    struct fake_wire *served = sim_ask(&s, SIM_GET), *rests = sim_ask(&s, SIM_GET);
    sim_say(&s, s.up[1], OK_2);
    for (int i = 0; i < 500; i++) {
        sim_connect(&s, NULL);
        assert_true(s.proxy->crowd.n_handshaking <= 10);
    }
    assert_state(served, FAKE_OPEN);
    assert_state(rests, FAKE_OPEN);
    sim_say(&s, s.up[0], OK_2);
    assert_got(served, "\r\n\r\nok");
    sim_close(&s);
}

static void one_prefix_cannot_fill_the_budget_of_all(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.limits = "max_connections: 100, max_handshaking: 50, "
                                                 "max_handshaking_per_client: 2"});
    struct fake_wire *a1 = sim_connect(&s, "[2001:db8::1]:1000"),
                     *other = sim_connect(&s, "[2001:db8:0:1::1]:1000"),
                     *a2 = sim_connect(&s, "[2001:db8::2]:1000"), /* the same /64 */
                         *a3 = sim_connect(&s, "[2001:db8::3]:1000");
    assert_state(a1, FAKE_RESET);
    assert_state(a2, FAKE_OPEN);
    assert_state(a3, FAKE_OPEN);
    assert_state(other, FAKE_OPEN);
    sim_say(&s, a2, SIM_GET); /* through: it does not count any more */
    sim_connect(&s, "[2001:db8::4]:1000");
    assert_state(a3, FAKE_OPEN);
    sim_close(&s);
}

static void behind_a_proxy_the_prefix_is_the_one_of_its_header(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.is_tls = true,
                                       .listener = ", proxy_protocol: required",
                                       .limits = "max_connections: 100, max_handshaking: 50, "
                                                 "max_handshaking_per_client: 1"});
    struct fake_wire *c[3];
    for (int i = 0; i < 3; i++)
        c[i] = sim_connect(&s, "10.9.9.9:1"); /* the balancer's own address counts for nothing */
    sim_say(&s, c[0], "PROXY TCP4 192.0.2.9 192.0.2.1 1000 443\r\n");
    sim_say(&s, c[1], "PROXY TCP4 192.0.2.8 192.0.2.1 1000 443\r\n");
    assert_state(c[0], FAKE_OPEN);
    sim_say(&s, c[2], "PROXY TCP4 192.0.2.9 192.0.2.1 1001 443\r\n");
    assert_state(c[0], FAKE_RESET);
    assert_state(c[1], FAKE_OPEN);
    assert_state(c[2], FAKE_OPEN);
    sim_close(&s);
}

static void at_the_limit_of_connections_who_rests_longest_goes_and_nobody_who_works(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.limits = "max_connections: 3"});
    struct fake_wire *works = sim_ask(&s, SIM_GET), *first = sim_ask(&s, SIM_GET),
                     *second = sim_ask(&s, SIM_GET);
    sim_say(&s, s.up[2], OK_2);
    sim_say(&s, s.up[1], OK_2);
    struct fake_wire *newest = sim_ask(&s, SIM_GET);
    assert_state(second, FAKE_FIN); /* it rested longest */
    assert_state(first, FAKE_OPEN);
    sim_ask(&s, SIM_GET);
    assert_state(first, FAKE_FIN);
    struct fake_wire *refused = sim_connect(&s, NULL); /* everybody works */
    assert_true(fake_wire_is_closed(refused));
    assert_state(works, FAKE_OPEN);
    assert_state(newest, FAKE_OPEN);
    assert_int_equal(sim_count(&s, SL_COUNT_REFUSED), 1);
    sim_close(&s);
}

static void under_pressure_the_phases_before_a_request_shrink_to_a_floor(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){
                     .deadlines = "first_byte: 5s, request_body: {idle: 5s, min_rate: off}",
                     .limits = "max_connections: 10, pressure_start: 50%, pressure_floor: 1s"});
    for (int i = 0; i < 5; i++)
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n");
    struct fake_wire *c[5];
    for (int i = 0; i < 5; i++)
        c[i] = sim_connect(&s, NULL);
    /* The sixth of ten: 4/5 of the way from floor to limit is left; the tenth: nothing. */
    assert_int_equal(sim_until_closed(&s, c[4], 9000), 1000);
    assert_state(c[0], FAKE_OPEN);
    assert_int_equal(1000 + sim_until_closed(&s, c[0], 9000), 1000 + 4000 * 4 / 5);
    assert_int_equal(sim_expired(&s, SL_PHASE_REQUEST_BODY), 0); /* bodies never shrink */
    sim_advance(&s, 5000 - 4200 - 1);
    assert_int_equal(sim_expired(&s, SL_PHASE_REQUEST_BODY), 0);
    sim_advance(&s, 1);
    assert_int_equal(sim_expired(&s, SL_PHASE_REQUEST_BODY), 5);
    sim_close(&s);
}

/* ---- a new configuration ---- */

static const struct sim_options before = {
    .endpoints = "10.0.0.1:80",
    .deadlines = "upstream_header: 4s, request_start: 4s, keepalive: 9s"};
static const struct sim_options after = {
    .endpoints = "10.0.0.2:80",
    .deadlines = "upstream_header: 1s, request_start: 1s, keepalive: 2s"};

static void after_a_reload_old_exchanges_end_under_old_values_and_new_ones_under_new(void **state)
{
    struct sim s;
    sim_open(&s, &before);
    struct fake_wire *old = sim_ask(&s, SIM_GET);
    sim_advance(&s, 500);
    sim_reload(&s, &after);
    struct fake_wire *new = sim_ask(&s, SIM_GET);
    assert_false(sl_addr_eq(&s.up_to[0], &s.up_to[1]));
    sim_advance(&s, 999);
    assert_int_equal(sim_n_got(new), 0);
    sim_advance(&s, 1);
    assert_got(new, "HTTP/1.1 504 ");
    assert_int_equal(sim_n_got(old), 0);
    sim_advance(&s, 2499);
    sim_say(&s, s.up[0], OK_2); /* at 3999 ms of 4000 */
    assert_got(old, "\r\n\r\nok");
    assert_got(old, "Connection: close\r\n");
    assert_state(old, FAKE_FIN);
    assert_true(fake_wire_is_closed(s.up[0])); /* no link rests under the old plan */
    fake_wire_close(old);
    sim_settle(&s);
    assert_int_equal(sl_list_first(&s.proxy->sets) == s.proxy->sets.prev, 1); /* the old one went */
    sim_close(&s);
}

static void after_a_reload_who_rests_is_closed_and_who_opens_goes_on(void **state)
{
    struct sim s;
    sim_open(&s, &before);
    struct fake_wire *rests = sim_ask(&s, SIM_GET);
    sim_say(&s, sim_up(&s, 1), OK_2);
    struct fake_wire *silent = sim_connect(&s, NULL), *starts = sim_ask(&s, "\r\n"),
                     *asks = sim_ask(&s, "GET / HTTP/1.1\r\n");
    sim_reload(&s, &after);
    sim_settle(&s);
    assert_state(rests, FAKE_OPEN); /* a request may be on its way */
    sim_advance(&s, 110);
    assert_state(rests, FAKE_FIN);
    assert_true(fake_wire_is_closed(s.up[0]));
    assert_state(silent, FAKE_OPEN);
    sim_advance(&s, 3889); /* old values: request_start is 4 s */
    assert_state(starts, FAKE_OPEN);
    sim_say(&s, starts, SIM_GET);
    sim_say(&s, asks, "Host: a\r\n\r\n");
    sim_say(&s, sim_up(&s, 3), OK_2);
    sim_say(&s, s.up[1], OK_2);
    assert_got(starts, "Connection: close\r\n");
    assert_got(asks, "Connection: close\r\n");
    sim_close(&s);
}

static void many_reloads_leave_nothing_behind(void **state)
{
    struct sim s;
    sim_open(&s, &before);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    for (int i = 0; i < 50; i++) {
        sim_ask(&s, SIM_GET);
        sim_say(&s, s.up[s.n_up - 1], OK_2);
        sim_reload(&s, i % 2 ? &before : &after);
    }
    sim_settle(&s);
    sim_say(&s, s.up[0], OK_2);
    assert_got(c, "\r\n\r\nok");
    sim_close(&s);
}

static void a_tunnel_survives_a_reload(void **state)
{
    struct sim s;
    sim_open(&s, &before);
    struct fake_wire *c = sim_ask(&s, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\n"
                                      "Upgrade: w\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, u,
            "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
            "Upgrade: w\r\n\r\n");
    sim_reload(&s, &after);
    sim_advance(&s, 100000);
    sim_say(&s, c, "still here");
    assert_got(u, "still here");
    sim_close(&s);
}

/* ---- the end ---- */

static void after_a_reload_a_request_that_was_on_its_way_is_served(void **state)
{
    struct sim s;
    sim_open(&s, &before);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    sim_say(&s, sim_up(&s, 1), OK_2);
    sim_reload(&s, &after);
    sim_advance(&s, 50);
    sim_say(&s, c, SIM_GET);
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_got(c, "Connection: close\r\n");
    assert_state(c, FAKE_FIN);
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

/* The rests of many end in one turn, which is long; here it does not see what has come. */
static void a_request_that_comes_while_rests_are_ended_is_served(void **state)
{
    for (int is_retired = 0; is_retired < 2; is_retired++) {
        for (int n_turns = 0; n_turns < 2; n_turns++) {
            struct sim s;
            sim_open(&s, &before);
            struct fake_wire *c = sim_ask(&s, SIM_GET);
            sim_say(&s, sim_up(&s, 1), OK_2);
            fake_wire_forget(c);
            if (is_retired)
                sim_reload(&s, &after);
            sim_advance(&s, is_retired ? 99 : 8999);
            if (n_turns)
                fake_turn(s.loop);
            fake_late(s.loop, 2);
            fake_wire_send(c, SL_SPAN(SIM_GET));
            fake_stall(s.loop, 1);
            sim_settle(&s);
            fake_late(s.loop, 0);
            sim_settle(&s);
            sim_say(&s, sim_up(&s, is_retired ? 2 : 1), OK_2);
            assert_got(c, "\r\n\r\nok");
            assert_int_equal(sim_expired_all(&s), 0);
            sim_close(&s);
        }
    }
}

static void drain_closes_who_has_not_begun_and_lets_finish_who_has(void **state)
{
    struct sim s;
    sim_open(&s, &before);
    struct fake_wire *rests = sim_ask(&s, SIM_GET);
    sim_say(&s, sim_up(&s, 1), OK_2);
    struct fake_wire *silent = sim_connect(&s, NULL), *starts = sim_ask(&s, "\r\n"),
                     *asks = sim_ask(&s, "GET / HTTP/1.1\r\n");
    sim_drain(&s);
    sim_advance(&s, 110); /* a request of who rests may have been on its way */
    assert_true(fake_wire_is_closed(rests));
    assert_true(fake_wire_is_closed(silent));
    assert_true(fake_wire_is_closed(starts));
    assert_false(s.is_drained);
    assert_true(fake_wire_is_closed(s.up[0]));
    struct fake_wire *late = sim_connect(&s, NULL);
    assert_true(fake_wire_is_closed(late));
    sim_say(&s, asks, "Host: a\r\n\r\n");
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_got(asks, "\r\n\r\nok");
    assert_got(asks, "Connection: close\r\n");
    assert_true(fake_wire_is_closed(s.up[1]));
    fake_wire_close(asks);
    sim_settle(&s);
    assert_true(s.is_drained);
    sim_close(&s);
}

static void drain_with_nobody_is_over_at_once(void **state)
{
    struct sim s;
    sim_open(&s, &before);
    sim_drain(&s);
    sim_settle(&s);
    assert_true(s.is_drained);
    sim_close(&s);
}

static void a_free_in_the_middle_of_everything_leaves_nothing(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.endpoints = "{address: 10.0.0.1:80, max_connections: 2}"});
    sim_connect(&s, NULL);
    sim_ask(&s, "GET /");
    struct fake_wire *c = sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99\r\n\r\n");
    fake_wire_slow(sim_up(&s, 1), true);
    sim_say_n(&s, c, 50);
    s.answer = FAKE_HANG;
    sim_ask(&s, SIM_GET);
    sim_ask(&s, SIM_GET); /* queued */
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_CONNECT), 1);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 1);
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_oldest_silent_client_is_evicted_first),
        cmocka_unit_test(a_flood_of_silent_clients_costs_no_established_client_anything),
        cmocka_unit_test(one_prefix_cannot_fill_the_budget_of_all),
        cmocka_unit_test(behind_a_proxy_the_prefix_is_the_one_of_its_header),
        cmocka_unit_test(at_the_limit_of_connections_who_rests_longest_goes_and_nobody_who_works),
        cmocka_unit_test(under_pressure_the_phases_before_a_request_shrink_to_a_floor),
        cmocka_unit_test(after_a_reload_old_exchanges_end_under_old_values_and_new_ones_under_new),
        cmocka_unit_test(after_a_reload_who_rests_is_closed_and_who_opens_goes_on),
        cmocka_unit_test(many_reloads_leave_nothing_behind),
        cmocka_unit_test(a_tunnel_survives_a_reload),
        cmocka_unit_test(after_a_reload_a_request_that_was_on_its_way_is_served),
        cmocka_unit_test(a_request_that_comes_while_rests_are_ended_is_served),
        cmocka_unit_test(drain_closes_who_has_not_begun_and_lets_finish_who_has),
        cmocka_unit_test(drain_with_nobody_is_over_at_once),
        cmocka_unit_test(a_free_in_the_middle_of_everything_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
