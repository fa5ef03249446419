// SPDX-License-Identifier: Apache-2.0
/*
 * More handshakes at once than a turn has time for: who is established is served between them, and
 * who waits is treated by the laws. A handshake's step takes as long as fake_work says; without it
 * it takes no time, and nobody waits.
 */
#include "tls_client.h"

#define N_FLOOD 12
#define STEP_US 1000 /* beyond the budget of a turn */
#define OK_2    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct sim_options tls = {
    .is_tls = true,
    .deadlines = "first_byte: 2s, tls_handshake: 4s, request_start: 3s, keepalive: 60s"};

struct flood {
    struct sim s;
    struct tls_client c[N_FLOOD];
    size_t n;
};

static void open_flood(struct flood *f, const struct sim_options *options)
{
    sim_open(&f->s, options);
    f->n = 0;
}

static void close_flood(struct flood *f)
{
    for (size_t i = 0; i < f->n; i++)
        tls_client_free(&f->c[i]);
    sim_close(&f->s);
}

static struct tls_client *connect_one(struct flood *f)
{
    struct tls_client *t = &f->c[f->n++];
    assert_true(f->n <= N_FLOOD);
    tls_client_init(t, sim_connect(&f->s, NULL), false);
    return t;
}

static struct tls_client *established(struct flood *f)
{
    struct tls_client *t = connect_one(f);
    tls_client_turn(t);
    tls_client_settle(&f->s, t);
    assert_true(t->is_open);
    return t;
}

/* n more connect, and say hello all at once; nothing has been turned since. */
static struct tls_client *say_hello(struct flood *f, size_t n)
{
    struct tls_client *first = &f->c[f->n];
    for (size_t i = 0; i < n; i++)
        connect_one(f);
    for (size_t i = 0; i < n; i++)
        tls_client_turn(&first[i]);
    return first;
}

static uint64_t n_waiting(const struct flood *f)
{
    return sl_count_get(&f->s.counters.handshakes_waiting);
}

static uint64_t n_ended(const struct flood *f, enum sl_handshake_end how)
{
    return sl_count_get(&f->s.counters.handshake_end[how]);
}

static bool is_answered(const struct tls_client *t)
{
    return sim_n_got(t->wire) > 0 && fake_wire_received(t->wire).ptr[0] == 22; /* no alert */
}

static size_t n_answered(const struct tls_client *t, size_t n)
{
    size_t n_answered = 0;
    for (size_t i = 0; i < n; i++)
        n_answered += is_answered(&t[i]);
    return n_answered;
}

static void who_is_established_is_served_between_the_handshakes_of_a_burst(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *old = established(&f);
    struct tls_client *flood = say_hello(&f, 10);
    fake_work(f.s.loop, STEP_US);
    mbedtls_ssl_write(&old->ssl, (const unsigned char *)SIM_GET, sizeof(SIM_GET) - 1);
    fake_turn(f.s.loop); /* one hello and the request */
    assert_int_equal(n_waiting(&f), 9);
    fake_turn(f.s.loop);
    fake_turn(f.s.loop);
    assert_int_equal(f.s.n_up, 1);
    fake_wire_send(f.s.up[0], sl_span_str(OK_2));
    fake_turn(f.s.loop);
    fake_turn(f.s.loop);
    while (tls_client_turn(old))
        ;
    assert_true(tls_client_has(old, "\r\n\r\nok"));
    assert_true(n_answered(flood, 10) <= 5);
    assert_true(n_waiting(&f) >= 5);
    for (size_t i = 0; i < 10; i++)
        tls_client_settle(&f.s, &flood[i]);
    for (size_t i = 0; i < 10; i++)
        assert_true(flood[i].is_open);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_OK), 11);
    assert_int_equal(sim_count(&f.s, SL_COUNT_HS_WAITED), 9);
    assert_int_equal(sim_expired_all(&f.s), 0);
    close_flood(&f);
}

static void who_came_first_is_answered_first(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *flood = say_hello(&f, 6);
    fake_work(f.s.loop, STEP_US);
    for (size_t n = 0; n < 6; n++) {
        fake_turn(f.s.loop);
        fake_wire_take(flood[n].wire, SIZE_MAX);
        assert_true(is_answered(&flood[n]));
        assert_int_equal(n_answered(flood, 6), n + 1);
    }
    close_flood(&f);
}

static void half_a_hello_does_not_wait_and_the_rest_of_it_does(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *slow = connect_one(&f);
    fake_wire_pieces(slow->wire, 100);
    tls_client_turn(slow);
    struct tls_client *flood = say_hello(&f, 4);
    fake_work(f.s.loop, STEP_US);
    fake_turn(f.s.loop);
    assert_int_equal(n_waiting(&f), 3);
    sim_settle(&f.s);
    tls_client_settle(&f.s, slow);
    assert_true(slow->is_open);
    assert_int_equal(n_answered(flood, 4), 4);
    close_flood(&f);
}

static void
a_hello_that_waits_beyond_its_deadline_is_dropped_and_the_client_not_blamed(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *flood = say_hello(&f, 5);
    fake_work(f.s.loop, STEP_US);
    fake_turn(f.s.loop);
    fake_turn(f.s.loop);
    assert_int_equal(n_waiting(&f), 3);
    assert_int_equal(sim_in_phase(&f.s, SL_PHASE_TLS_HANDSHAKE), 5); /* none is silent */
    fake_stall(f.s.loop, 4000);
    fake_turn(f.s.loop);
    assert_int_equal(n_waiting(&f), 0);
    fake_turn(f.s.loop);
    assert_int_equal(n_answered(flood, 5), 2);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_OVERLOAD), 3);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_STALLED), 2); /* they had been answered */
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_SILENT), 0);
    assert_int_equal(sim_expired(&f.s, SL_PHASE_TLS_HANDSHAKE), 5);
    close_flood(&f);
}

/* The last client's second flight, with a request if `asks`, and, before it, three hellos: the
   first one uses the turn up. */
static struct tls_client *let_second_flight_wait(struct flood *f, bool asks)
{
    struct tls_client *flood = connect_one(f);
    connect_one(f);
    connect_one(f);
    struct tls_client *t = connect_one(f);

    tls_client_turn(t);
    sim_settle(&f->s);
    tls_client_turn(t);
    assert_true(t->is_open);
    if (asks)
        mbedtls_ssl_write(&t->ssl, (const unsigned char *)SIM_GET, sizeof(SIM_GET) - 1);
    for (size_t i = 0; i < 3; i++)
        tls_client_turn(&flood[i]);
    fake_work(f->s.loop, STEP_US);
    fake_turn(f->s.loop);
    assert_int_equal(n_waiting(f), 3);
    assert_int_equal(n_ended(f, SL_HANDSHAKE_OK), 0);
    return t;
}

static void a_second_flight_is_served_before_hellos(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *t = let_second_flight_wait(&f, false);
    fake_turn(f.s.loop);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_OK), 1);
    assert_int_equal(n_waiting(&f), 1);
    tls_client_settle(&f.s, t);
    assert_false(t->has_end);
    close_flood(&f);
}

static void what_had_arrived_of_the_second_flight_counts_when_the_deadline_has_passed(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *t = let_second_flight_wait(&f, false);
    fake_stall(f.s.loop, 4000);
    fake_turn(f.s.loop);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_OK), 1);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_STALLED), 1);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_OVERLOAD), 2);
    assert_int_equal(sl_count_get(&f.s.counters.near_miss[SL_PHASE_TLS_HANDSHAKE]), 1);
    assert_int_equal(sim_in_phase(&f.s, SL_PHASE_REQUEST_START), 1);
    tls_client_say(&f.s, t, SL_SPAN(SIM_GET));
    sim_say(&f.s, sim_up(&f.s, 1), OK_2);
    tls_client_settle(&f.s, t);
    assert_true(tls_client_has(t, "\r\n\r\nok"));
    close_flood(&f);
}

static void what_a_client_said_before_its_fin_counts_though_it_had_to_wait(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *t = let_second_flight_wait(&f, true);
    fake_wire_fin(t->wire);
    fake_turn(f.s.loop);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_EOF), 0);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_OK), 1);
    sim_settle(&f.s);
    sim_say(&f.s, sim_up(&f.s, 1), OK_2);
    tls_client_settle(&f.s, t);
    assert_true(tls_client_has(t, "\r\n\r\nok"));
    assert_true(t->has_end);
    close_flood(&f);
}

static void a_fin_behind_a_half_of_a_second_flight_is_seen(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *flood = connect_one(&f);
    struct tls_client *t = connect_one(&f);
    tls_client_turn(t);
    sim_settle(&f.s);
    fake_wire_send(t->wire, SL_SPAN("\x14\x03\x03\x00\x01\x01")); /* and no Finished */
    tls_client_turn(flood);
    fake_work(f.s.loop, STEP_US);
    fake_turn(f.s.loop);
    assert_int_equal(n_waiting(&f), 1);
    fake_wire_fin(t->wire);
    fake_turn(f.s.loop);
    fake_turn(f.s.loop);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_EOF), 1);
    assert_true(fake_wire_is_closed(t->wire));
    close_flood(&f);
}

static void a_rest_of_a_second_flight_that_does_not_come_is_the_clients_fault(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *flood = connect_one(&f);
    struct tls_client *t = connect_one(&f);
    tls_client_turn(t);
    sim_settle(&f.s);
    fake_wire_send(t->wire, SL_SPAN("\x14\x03\x03\x00\x01\x01")); /* and no Finished */
    tls_client_turn(flood);
    fake_work(f.s.loop, STEP_US);
    fake_turn(f.s.loop);
    assert_int_equal(n_waiting(&f), 1);
    fake_stall(f.s.loop, 4000);
    fake_turn(f.s.loop);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_STALLED), 2);
    assert_int_equal(sim_expired(&f.s, SL_PHASE_TLS_HANDSHAKE), 2);
    assert_int_equal(sl_count_get(&f.s.counters.near_miss[SL_PHASE_TLS_HANDSHAKE]), 0);
    close_flood(&f);
}

static void in_shadow_mode_who_waits_beyond_the_deadline_is_served(void **state)
{
    struct sim_options o = tls;
    struct flood f;
    o.deadlines = "first_byte: 2s, tls_handshake: {limit: 4s, enforce: false}";
    open_flood(&f, &o);
    struct tls_client *flood = say_hello(&f, 4);
    fake_work(f.s.loop, STEP_US);
    fake_turn(f.s.loop);
    fake_stall(f.s.loop, 4000);
    for (size_t i = 0; i < 4; i++)
        tls_client_settle(&f.s, &flood[i]);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_OK), 4);
    assert_int_equal(sim_expired_all(&f.s), 0);
    assert_int_equal(sl_count_get(&f.s.counters.expired_shadow[SL_PHASE_TLS_HANDSHAKE]), 4);
    close_flood(&f);
}

static void who_gives_up_while_it_waits_costs_no_work(void **state)
{
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *flood = say_hello(&f, 4);
    fake_work(f.s.loop, STEP_US);
    fake_turn(f.s.loop);
    assert_int_equal(n_waiting(&f), 3);
    fake_wire_reset(flood[2].wire);
    fake_wire_fin(flood[3].wire);
    fake_turn(f.s.loop);
    assert_int_equal(n_waiting(&f), 0);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_RESET), 1);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_EOF), 1);
    sim_settle(&f.s);
    assert_int_equal(n_answered(flood, 2), 2);
    assert_int_equal(n_answered(&flood[2], 2), 0);
    close_flood(&f);
}

static void what_a_client_sends_while_it_waits_stays_outside(void **state)
{
    static const char rubbish[300000];
    struct flood f;
    open_flood(&f, &tls);
    struct tls_client *flood = say_hello(&f, 8);
    fake_work(f.s.loop, STEP_US);
    fake_turn(f.s.loop);
    fake_wire_send(flood[7].wire, sl_span(rubbish, sizeof(rubbish)));
    for (int i = 0; i < 4; i++)
        fake_turn(f.s.loop);
    assert_true(n_waiting(&f) > 0);
    assert_true(fake_wire_unread(flood[7].wire) >=
                sizeof(rubbish) - SL_CHANNEL_IN_BYTES - SL_TCP_READ_BYTES);
    sim_settle(&f.s);
    assert_true(fake_wire_is_closed(flood[7].wire)); /* that was no TLS */
    assert_int_equal(n_answered(flood, 7), 7);
    close_flood(&f);
}

static void a_flood_evicts_who_was_not_begun_with_before_who_was_answered(void **state)
{
    struct sim_options o = tls;
    struct flood f;
    o.limits = "max_handshaking: 6";
    open_flood(&f, &o);
    struct tls_client *flood = say_hello(&f, 6), *t = &flood[1];
    fake_work(f.s.loop, STEP_US);
    fake_turn(f.s.loop);
    fake_turn(f.s.loop); /* t is answered; who came after it was not yet */
    fake_wire_send(fake_wire_accept(f.s.listener, NULL), SL_SPAN("\x16"));
    fake_turn(f.s.loop);
    assert_state(flood[0].wire, FAKE_RESET); /* it was answered longest ago */
    fake_turn(f.s.loop);
    fake_wire_accept(f.s.listener, NULL);
    fake_turn(f.s.loop);
    assert_state(flood[4].wire, FAKE_RESET);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_EVICTED), 2);
    fake_work(f.s.loop, 0);
    tls_client_settle(&f.s, t);
    assert_true(t->is_open);
    assert_int_equal(n_ended(&f, SL_HANDSHAKE_OK), 1);
    close_flood(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(who_is_established_is_served_between_the_handshakes_of_a_burst),
        cmocka_unit_test(who_came_first_is_answered_first),
        cmocka_unit_test(half_a_hello_does_not_wait_and_the_rest_of_it_does),
        cmocka_unit_test(
            a_hello_that_waits_beyond_its_deadline_is_dropped_and_the_client_not_blamed),
        cmocka_unit_test(a_second_flight_is_served_before_hellos),
        cmocka_unit_test(what_had_arrived_of_the_second_flight_counts_when_the_deadline_has_passed),
        cmocka_unit_test(what_a_client_said_before_its_fin_counts_though_it_had_to_wait),
        cmocka_unit_test(a_fin_behind_a_half_of_a_second_flight_is_seen),
        cmocka_unit_test(a_rest_of_a_second_flight_that_does_not_come_is_the_clients_fault),
        cmocka_unit_test(in_shadow_mode_who_waits_beyond_the_deadline_is_served),
        cmocka_unit_test(who_gives_up_while_it_waits_costs_no_work),
        cmocka_unit_test(what_a_client_sends_while_it_waits_stays_outside),
        cmocka_unit_test(a_flood_evicts_who_was_not_begun_with_before_who_was_answered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
