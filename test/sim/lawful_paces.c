// SPDX-License-Identifier: Apache-2.0
/*
 * Law 2 and law 3 as properties. Random schedules in which whoever holds the ball keeps its pace
 * are never cut, however long they last and whatever the other side does meanwhile; and who does
 * not hold the ball is never charged. A failure prints its seed; SL_SIM_SEED=n runs that schedule
 * alone.
 */
#include "harness.h"

#define N_SCHEDULES 150
#define N_STEPS     400

/* The limits of both sides are the same: an idle time, and a rate over a window. */
static const struct sim_options limits = {
    .deadlines = "request_body: {idle: 3s, min_rate: 512B/s, window: 4s}, "
                 "response: {stall: 3s, min_rate: 512B/s, window: 4s}, "
                 "upstream_write: {stall: 3s, min_rate: 512B/s, window: 4s}, "
                 "upstream_body: {idle: 3s, min_rate: 512B/s, window: 4s}, upstream_header: 5s"};

static uint64_t running_seed;

static int tell_seed(void **state)
{
    print_message("# seed %llu\n", (unsigned long long)running_seed);
    return 0;
}

static void for_all_seeds(void (*run)(struct sim_chance *chance), uint64_t first)
{
    uint64_t seed = sim_seed(0);

    for (uint64_t i = 0; i < (seed ? 1 : N_SCHEDULES); i++) {
        struct sim_chance chance = {.state = running_seed = seed ? seed : first + i};
        run(&chance);
    }
}

/* Time passes in a way that leaves a lawful giver of 2100 bytes per step within its rights: each
   step is shorter than idle, and any window has a step's bytes in it. Sometimes the loop is busy.
 */
static void pass_time(struct sim *s, struct sim_chance *chance)
{
    if (sim_pick(chance, 10) == 0)
        fake_stall(s->loop, sim_pick(chance, 20000));
    sim_advance(s, sim_pick(chance, 2000));
}

/* Takes n bytes, also through a kernel that holds less. */
static void take(struct sim *s, struct fake_wire *wire, size_t n)
{
    for (size_t k; n > 0 && (k = fake_wire_take(wire, n)) > 0; n -= k)
        sim_settle(s);
}

static void give_and_take_uploads(struct sim_chance *chance)
{
    struct sim s;
    char head[100];

    sim_open(&s, &limits);
    fake_pieces(s.loop, sim_pick(chance, 3) ? 0 : 1 + sim_pick(chance, 3000));
    snprintf(head, sizeof(head), "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: %d\r\n\r\n",
             N_STEPS * 2100);
    struct fake_wire *c = sim_ask(&s, head);
    struct fake_wire *u = sim_up(&s, 1);
    bool is_slow = sim_pick(chance, 2);
    fake_wire_slow(u, is_slow);
    fake_wire_kernel(u, 1 + sim_pick(chance, 70000));
    for (int i = 0; i < N_STEPS; i++) {
        sim_say_n(&s, c, 2100);
        if (is_slow)
            take(&s, u, 2100 + sim_pick(chance, 3000));
        if (sim_pick(chance, 30) == 0)
            fake_wire_slow(u, is_slow = !is_slow);
        fake_wire_forget(u);
        if (i < N_STEPS - 1)
            pass_time(&s, chance);
    }
    fake_wire_slow(u, false);
    sim_settle(&s);
    sim_advance(&s, 4900);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_got(c, "\r\n\r\nok");
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void lawful_uploads_are_never_cut(void **state)
{
    for_all_seeds(give_and_take_uploads, 1);
}

static void give_and_take_downloads(struct sim_chance *chance)
{
    struct sim s;
    char head[100];

    sim_open(&s, &limits);
    fake_pieces(s.loop, sim_pick(chance, 3) ? 0 : 1 + sim_pick(chance, 3000));
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", N_STEPS * 2100);
    sim_say(&s, u, head);
    bool is_slow = sim_pick(chance, 2);
    fake_wire_slow(c, is_slow);
    fake_wire_kernel(c, 1 + sim_pick(chance, 70000));
    for (int i = 0; i < N_STEPS; i++) {
        sim_say_n(&s, u, 2100);
        if (is_slow)
            take(&s, c, 2100 + sim_pick(chance, 3000));
        if (sim_pick(chance, 30) == 0)
            fake_wire_slow(c, is_slow = !is_slow);
        fake_wire_forget(c);
        pass_time(&s, chance);
    }
    fake_wire_slow(c, false);
    sim_settle(&s);
    sim_advance(&s, 50);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_KEEPALIVE), 1);
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void lawful_downloads_are_never_cut(void **state)
{
    for_all_seeds(give_and_take_downloads, 1000);
}

/* The upstream alone is slow; the client has nothing to say any more, or waits for room. */
static void slow_answer(struct sim_chance *chance)
{
    struct sim s;
    struct sim_options o = {.deadlines = "request_body: {idle: 1s, min_rate: 1MiB/s, window: 1s}, "
                                         "response: {stall: 1s, min_rate: 1MiB/s, window: 1s}, "
                                         "upstream_header: 1h, upstream_body: 1h, "
                                         "upstream_write: 1h"};
    sim_open(&s, &o);
    struct fake_wire *c = sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 500000\r\n"
                                      "\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_slow(u, true);
    sim_say_n(&s, c, 500000); /* it has given everything that there is */
    while (!sim_got(u, "\r\n\r\n") || sim_n_got(u) < 500000) {
        fake_wire_take(u, 1 + sim_pick(chance, 30000));
        sim_advance(&s, sim_pick(chance, 100000));
    }
    fake_wire_slow(u, false);
    sim_advance(&s, 3000000);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
    for (int i = 0; i < 100; i++) {
        sim_advance(&s, sim_pick(chance, 100000));
        sim_say_n(&s, u, 100);
    }
    assert_int_equal(sim_expired_all(&s), 0);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_KEEPALIVE), 1);
    sim_close(&s);
}

static void a_client_is_never_charged_for_a_slow_upstream(void **state)
{
    for_all_seeds(slow_answer, 2000);
}

static void bytes_found_after_a_stall_count_for_every_body_phase(void **state)
{
    struct sim s;
    sim_open(&s, &limits);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10000\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    for (int i = 0; i < 10; i++) {
        fake_wire_send(c, SL_SPAN("x"));
        sim_say_n(&s, c, 999);
        if (i < 9)
            fake_stall(s.loop, 60000); /* ten times longer than any limit */
    }
    sim_settle(&s);
    assert_int_equal(sim_expired_all(&s), 0);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 10000\r\n\r\n");
    for (int i = 0; i < 10; i++) {
        sim_say_n(&s, u, 1000);
        fake_stall(s.loop, 60000);
    }
    sim_settle(&s);
    assert_int_equal(sim_expired_all(&s), 0);
    assert_int_equal(sim_n_got(c) > 10000, 1);
    sim_close(&s);
}

/* The same amounts, but unlawful: the property above would be worth little if nothing were cut. */
static void unlawful_paces_are_cut_within_a_window_and_a_slice(void **state)
{
    for (int i = 0; i < 20; i++) {
        struct sim_chance chance = {.state = (uint64_t)i};
        struct sim s;
        sim_open(&s, &limits);
        struct fake_wire *c =
            sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
        struct fake_wire *u = sim_up(&s, 1);
        for (uint64_t n = sim_pick(&chance, 50); n > 0; n--) { /* a lawful start */
            sim_say_n(&s, c, 2100);
            sim_advance(&s, sim_pick(&chance, 2000));
        }
        assert_int_equal(sim_expired_all(&s), 0);
        uint64_t ms = 0;
        for (; ms < 30000 && !fake_wire_is_closed(u); ms += 10) {
            if (ms % 1000 == 0)
                fake_wire_send(c, sl_span("0123456789", 1 + sim_pick(&chance, 9)));
            sim_advance(&s, 10);
        }
        assert_true(ms <= 4000 + 500 + 10);
        assert_expired_only(&s, SL_PHASE_REQUEST_BODY);
        sim_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(lawful_uploads_are_never_cut, tell_seed),
        cmocka_unit_test_teardown(lawful_downloads_are_never_cut, tell_seed),
        cmocka_unit_test_teardown(a_client_is_never_charged_for_a_slow_upstream, tell_seed),
        cmocka_unit_test(bytes_found_after_a_stall_count_for_every_body_phase),
        cmocka_unit_test(unlawful_paces_are_cut_within_a_window_and_a_slice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
