// SPDX-License-Identifier: Apache-2.0
/*
 * An endpoint to which no connection can be made is passed over for a while: who pays for finding
 * that out, who tries it again, and what ends it.
 */
#include "harness.h"

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct sim_options two = {.endpoints = "10.0.0.1:80, 10.0.0.2:80",
                                       .upstream = ", fail_timeout: 20s"};

static struct sl_endpoint *endpoint(struct sim *s, size_t i)
{
    return &s->proxy->upstreams->upstreams[0].endpoints[i];
}

/* Was the n-th connection (from 1) asked for at this endpoint? */
static bool is_to(struct sim *s, size_t n, size_t i)
{
    return sl_addr_eq(&s->up_to[n - 1], sl_endpoint_addr(endpoint(s, i)));
}

/* A request that is served by the n-th upstream connection, which then goes. */
static void is_served_by(struct sim *s, size_t n)
{
    struct fake_wire *c = sim_ask(s, SIM_GET);
    sim_say(s, sim_up(s, n), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    assert_got(c, "\r\n\r\nok");
}

/* Requests that connections `from` to `to - 1` serve, all of them to the second endpoint. */
static void go_to_the_second(struct sim *s, size_t from, size_t to)
{
    for (size_t n = from; n < to; n++) {
        is_served_by(s, n);
        assert_true(is_to(s, n, 1));
    }
}

/* The first endpoint hangs, and a request has paid for that: two connections. */
static void lose_the_first(struct sim *s, const struct sim_options *options)
{
    sim_open(s, options);
    s->answer = FAKE_HANG;
    struct fake_wire *c = sim_ask(s, SIM_GET);
    assert_true(is_to(s, 1, 0));
    s->answer = 0;
    sim_advance(s, 5000);
    sim_say(s, sim_up(s, 2), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
    assert_got(c, "\r\n\r\nok");
}

static void one_request_waits_for_an_endpoint_that_hangs_and_no_more(void **state)
{
    struct sim s;
    lose_the_first(&s, &two);
    assert_true(sl_endpoint_is_passed_over(endpoint(&s, 0)));
    go_to_the_second(&s, 3, 9);
    assert_expired_only(&s, SL_PHASE_UPSTREAM_CONNECT);
    sim_close(&s);
}

static void so_it_is_with_one_that_refuses(void **state)
{
    struct sim s;
    sim_open(&s, &two);
    s.answer = FAKE_HANG;
    sim_ask(&s, SIM_GET);
    s.answer = 0;
    fake_wire_answer(sim_up(&s, 1), SL_ERR_REFUSED);
    sim_settle(&s);
    sim_say(&s, sim_up(&s, 2), "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
    go_to_the_second(&s, 3, 6);
    sim_close(&s);
}

static void after_fail_timeout_one_request_tries_it_and_the_others_do_not_wait(void **state)
{
    struct sim s;
    lose_the_first(&s, &two);
    sim_advance(&s, 19999);
    is_served_by(&s, 3);
    assert_true(is_to(&s, 3, 1));
    sim_advance(&s, 1);
    s.answer = FAKE_HANG;
    sim_ask(&s, SIM_GET);
    sim_up(&s, 4);
    sim_ask(&s, SIM_GET);
    sim_up(&s, 5);
    s.answer = 0;
    bool is_first = is_to(&s, 4, 0); /* whichever of the two was next in turn */
    assert_true(is_first != is_to(&s, 5, 0));
    fake_wire_answer(s.up[is_first ? 4 : 3], 0);
    sim_settle(&s);
    go_to_the_second(&s, 6, 9);
    sim_close(&s);
}

static void a_connection_that_is_made_ends_it(void **state)
{
    struct sim s;
    bool was_asked[2] = {false, false};
    lose_the_first(&s, &two);
    sim_advance(&s, 20000);
    is_served_by(&s, 3);
    is_served_by(&s, 4); /* one of the two has tried it */
    assert_false(endpoint(&s, 0)->has_failed);
    for (size_t n = 5; n < 7; n++) {
        is_served_by(&s, n);
        was_asked[is_to(&s, n, 1)] = true;
    }
    assert_true(was_asked[0] && was_asked[1]);
    sim_close(&s);
}

static void an_answer_on_an_old_connection_ends_it(void **state)
{
    struct sim s;
    sim_open(&s, &two);
    struct fake_wire *slow = sim_ask(&s, SIM_GET);
    struct fake_wire *old = sim_up(&s, 1);
    assert_true(is_to(&s, 1, 0));
    is_served_by(&s, 2);
    s.answer = FAKE_HANG;
    sim_ask(&s, SIM_GET);
    assert_true(is_to(&s, 3, 0));
    s.answer = 0;
    fake_wire_answer(sim_up(&s, 3), SL_ERR_REFUSED);
    sim_settle(&s);
    assert_true(sl_endpoint_is_passed_over(endpoint(&s, 0)));
    sim_say(&s, old, OK_2);
    assert_got(slow, "\r\n\r\nok");
    assert_false(sl_endpoint_is_passed_over(endpoint(&s, 0)));
    sim_close(&s);
}

static void when_all_are_passed_over_each_is_asked(void **state)
{
    struct sim s;
    sim_open(&s, &two);
    s.answer = SL_ERR_REFUSED;
    assert_got(sim_ask(&s, SIM_GET), "HTTP/1.1 502 ");
    sim_up(&s, 2);
    assert_got(sim_ask(&s, SIM_GET), "HTTP/1.1 502 ");
    sim_up(&s, 4);
    s.answer = 0;
    is_served_by(&s, 5);
    sim_close(&s);
}

static void who_finds_the_other_one_busy_waits_for_it(void **state)
{
    struct sim s;
    lose_the_first(&s, &(struct sim_options){
                           .endpoints = "10.0.0.1:80, {address: 10.0.0.2:80, max_connections: 1}",
                           .upstream = ", fail_timeout: 20s"});
    struct fake_wire *first = sim_ask(&s, SIM_GET), *second = sim_ask(&s, SIM_GET);
    sim_up(&s, 3);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 1);
    sim_say(&s, s.up[2], OK_2);
    sim_say(&s, s.up[2], OK_2);
    assert_got(first, "\r\n\r\nok");
    assert_got(second, "\r\n\r\nok");
    sim_up(&s, 3);
    sim_close(&s);
}

static void
who_waits_for_the_other_tries_it_after_fail_timeout_and_then_all_are_served(void **state)
{
    struct sim s;
    struct fake_wire *waits[3];
    lose_the_first(&s, &(struct sim_options){
                           .endpoints = "10.0.0.1:80, {address: 10.0.0.2:80, max_connections: 1}",
                           .upstream = ", fail_timeout: 20s",
                           .deadlines = "upstream_queue: 1m, upstream_header: 10m"});
    sim_ask(&s, SIM_GET);
    sim_up(&s, 3);
    for (size_t i = 0; i < 3; i++)
        waits[i] = sim_ask(&s, SIM_GET);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 3);
    s.answer = FAKE_HANG;
    sim_advance(&s, 20000);
    sim_up(&s, 4); /* one tries */
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 2);
    s.answer = 0;
    fake_wire_answer(s.up[3], 0);
    sim_settle(&s);
    sim_up(&s, 6);
    for (size_t n = 4; n <= 6; n++) {
        assert_true(is_to(&s, n, 0));
        sim_say(&s, s.up[n - 1], OK_2);
    }
    for (size_t i = 0; i < 3; i++)
        assert_got(waits[i], "\r\n\r\nok");
    sim_close(&s);
}

static void who_waits_for_one_that_fails_then_takes_what_there_is(void **state)
{
    struct sim s;
    lose_the_first(&s, &(struct sim_options){
                           .endpoints = "10.0.0.1:80, {address: 10.0.0.2:80, max_connections: 1}",
                           .upstream = ", fail_timeout: 20s"});
    s.answer = FAKE_HANG;
    sim_ask(&s, SIM_GET); /* connects to the second */
    struct fake_wire *waits[] = {sim_ask(&s, SIM_GET), sim_ask(&s, SIM_GET)};
    sim_up(&s, 3);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 2);
    s.answer = 0;
    fake_wire_answer(s.up[2], SL_ERR_REFUSED);
    sim_settle(&s);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 0);
    for (size_t n = 4; n <= s.n_up; n++)
        sim_say(&s, s.up[n - 1], OK_2);
    assert_got(waits[0], "\r\n\r\nok");
    assert_got(waits[1], "\r\n\r\nok");
    sim_close(&s);
}

static void what_we_lack_is_not_the_endpoints_fault(void **state)
{
    static const int ours[] = {SL_ERR_NO_FDS, SL_ERR_MEMORY};
    for (size_t i = 0; i < SL_N_ELEMENTS(ours); i++) {
        struct sim s;
        sim_open(&s, &two);
        s.answer = ours[i];
        sim_ask(&s, SIM_GET);
        assert_false(sl_endpoint_is_passed_over(endpoint(&s, 0)));
        assert_false(sl_endpoint_is_passed_over(endpoint(&s, 1)));
        sim_close(&s);
    }
}

static void switched_off_every_turn_of_it_is_tried(void **state)
{
    struct sim s;
    size_t n_tries = 0;
    struct sim_options options = two;
    options.upstream = ", fail_timeout: off";
    lose_the_first(&s, &options);
    assert_false(endpoint(&s, 0)->has_failed);
    for (size_t n = 3; n < 7; n++) {
        is_served_by(&s, n);
        n_tries += is_to(&s, n, 0);
    }
    assert_int_equal(n_tries, 2);
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_request_waits_for_an_endpoint_that_hangs_and_no_more),
        cmocka_unit_test(so_it_is_with_one_that_refuses),
        cmocka_unit_test(after_fail_timeout_one_request_tries_it_and_the_others_do_not_wait),
        cmocka_unit_test(a_connection_that_is_made_ends_it),
        cmocka_unit_test(an_answer_on_an_old_connection_ends_it),
        cmocka_unit_test(when_all_are_passed_over_each_is_asked),
        cmocka_unit_test(who_finds_the_other_one_busy_waits_for_it),
        cmocka_unit_test(
            who_waits_for_the_other_tries_it_after_fail_timeout_and_then_all_are_served),
        cmocka_unit_test(who_waits_for_one_that_fails_then_takes_what_there_is),
        cmocka_unit_test(what_we_lack_is_not_the_endpoints_fault),
        cmocka_unit_test(switched_off_every_turn_of_it_is_tried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
