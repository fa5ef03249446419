// SPDX-License-Identifier: Apache-2.0
/*
 * starved: each allocation of a whole life (accept, request with a body, response, reuse, reload,
 * hints, refusals, access lines, drain) fails in turn. Nothing crashes, nothing leaks, whoever is
 * hurt sees a cut or an answer and never waits for ever, and the next client is served.
 */
#include "harness.h"

#include "oom.h"

#define OK_2      "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define EXPECTING "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n"

static const struct sim_options plain = {0};

static void say_if_open(struct sim *s, struct fake_wire *wire, const char *text)
{
    if (wire && !fake_wire_is_closed(wire))
        fake_wire_send(wire, sl_span_str(text));
    sim_settle(s);
}

static struct fake_wire *newest_up(struct sim *s)
{
    return s->n_up ? s->up[s->n_up - 1] : NULL;
}

static void get(struct sim *s)
{
    struct fake_wire *c = sim_ask(s, SIM_GET);
    say_if_open(s, newest_up(s), OK_2);
    say_if_open(s, c, SIM_GET);
    say_if_open(s, newest_up(s), OK_2);
}

/* Longer than what find_route() has on its stack. */
static void long_path(struct sim *s)
{
    char text[5100];
    snprintf(text, sizeof(text), "GET /%05000d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
    sim_ask(s, text);
    say_if_open(s, newest_up(s), OK_2);
}

static void upload_slowly_taken(struct sim *s)
{
    struct fake_wire *c =
        sim_ask(s, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n");
    struct fake_wire *u = newest_up(s);
    if (u)
        fake_wire_slow(u, true);
    sim_say_n(s, c, 200000);
    say_if_open(s, c, "\r\n0\r\nA: b\r\n\r\n");
    if (u)
        fake_wire_slow(u, false);
    sim_settle(s);
    say_if_open(s, u, OK_2);
}

static void download_slowly_taken(struct sim *s)
{
    struct fake_wire *c = sim_ask(s, SIM_GET);
    struct fake_wire *u = newest_up(s);
    fake_wire_slow(c, true);
    say_if_open(s, u, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n");
    if (u)
        sim_say_n(s, u, 200000);
    say_if_open(s, u, "\r\n0\r\nA: b\r\n\r\n");
    fake_wire_slow(c, false);
    sim_settle(s);
}

static void tunnel(struct sim *s)
{
    struct fake_wire *c =
        sim_ask(s, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\nearly");
    struct fake_wire *u = newest_up(s);
    say_if_open(s, u,
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                "Upgrade: w\r\n\r\nhello");
    fake_wire_fin(c);
    if (u)
        fake_wire_fin(u);
    sim_settle(s);
}

static void refusals(struct sim *s)
{
    sim_ask(s, "GET / HTTP/1.1\r\n\r\n");
    sim_ask(s, "rubbish\r\n\r\n");
    s->answer = SL_ERR_REFUSED;
    sim_ask(s, SIM_GET);
    s->answer = 0;
}

static void dribble(struct sim *s)
{
    static const char text[] = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello";
    struct fake_wire *c = sim_connect(s, NULL);
    for (size_t i = 0; i < sizeof(text) - 1; i++) {
        fake_wire_send(c, sl_span(text + i, 1));
        fake_turn(s->loop);
    }
    say_if_open(s, newest_up(s), OK_2);
}

static void retry(struct sim *s)
{
    struct fake_wire *c = sim_ask(s, SIM_GET);
    struct fake_wire *u = newest_up(s);
    say_if_open(s, u, OK_2);
    fake_wire_send(c, SL_SPAN(SIM_GET));
    fake_turn(s->loop);
    if (u)
        fake_wire_reset(u);
    sim_settle(s);
    say_if_open(s, newest_up(s), OK_2);
}

static void proxied(struct sim *s)
{
    sim_ask(s, "PROXY TCP4 192.0.2.9 192.0.2.1 1000 443\r\n" SIM_GET);
    say_if_open(s, newest_up(s), OK_2);
}

static void reload(struct sim *s)
{
    struct fake_wire *c = sim_ask(s, SIM_GET);
    sl_proxy_set_plan(s->proxy, s->plan);
    say_if_open(s, newest_up(s), OK_2);
    fake_wire_close(c);
    sim_settle(s);
}

/* The upstream wants the body, and then one that it does not. */
static void expected(struct sim *s)
{
    struct fake_wire *c = sim_ask(s, EXPECTING);
    say_if_open(s, newest_up(s), "HTTP/1.1 100 Continue\r\n\r\n");
    say_if_open(s, c, "hello");
    say_if_open(s, newest_up(s), OK_2);
    sim_ask(s, EXPECTING);
    say_if_open(s, newest_up(s), "HTTP/1.1 417 No\r\nContent-Length: 0\r\n\r\n");
}

static void hinted(struct sim *s)
{
    struct fake_wire *c = sim_ask(s, SIM_GET);
    fake_wire_slow(c, true);
    fake_wire_kernel(c, 10);
    for (int i = 0; i < 3; i++)
        say_if_open(s, newest_up(s), "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n");
    fake_wire_slow(c, false);
    say_if_open(s, newest_up(s), OK_2);
}

/* Too large, which is told at once or in its midst; and the client goes on for a while. */
static void refused_uploads(struct sim *s)
{
    struct fake_wire *c = sim_ask(s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 70000\r\n\r\n");
    say_if_open(s, c, "and so on");
    sim_advance(s, 500);
    say_if_open(s, c, "and on");
    c = sim_ask(s, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
                   "3\r\nyou\r\nfff\r\nand what is more");
    say_if_open(s, c, "and more");
    c = sim_ask(s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 9\r\n\r\nyou");
    say_if_open(s, newest_up(s), "HTTP/1.1 413 No\r\nContent-Length: 2\r\n\r\nno");
    say_if_open(s, c, "andmor");
    fake_wire_fin(c);
    sim_settle(s);
}

/* SIGTERM finds one in each state; who is served may finish. */
static void drained(struct sim *s)
{
    sim_connect(s, NULL);
    struct fake_wire *rests = sim_ask(s, SIM_GET);
    say_if_open(s, newest_up(s), OK_2);
    sim_ask(s, "GET / HTT");
    fake_wire_close(rests);
    sim_ask(s, SIM_GET);
    struct fake_wire *u = newest_up(s);
    sim_drain(s);
    sim_settle(s);
    say_if_open(s, u, OK_2);
    sim_ask(s, SIM_GET); /* comes too late */
}

static void next_one_is_served(struct sim *s, const struct sim_options *options)
{
    size_t n_up = s->n_up;
    struct fake_wire *c = sim_connect(s, NULL);

    if (options->listener)
        sim_say(s, c, "PROXY UNKNOWN\r\n");
    sim_say(s, c, SIM_GET);
    sim_say(s, sim_up(s, n_up + 1), OK_2);
    assert_got(c, "\r\n\r\nok");
}

static void starve(void (*life)(struct sim *s), const struct sim_options *options)
{
    unsigned n = 0;

    do {
        struct sim s;
        sim_open(&s, options);
        oom_fail_nth(++n);
        life(&s);
        unsigned n_seen = oom_count();
        oom_off();
        /* Nobody waits for ever: peers fall silent, and within the deadlines everybody is gone. */
        sim_advance(&s, 400000);
        if (sl_proxy_n_clients(s.proxy) != 0)
            fail_msg("allocation %u failed: somebody waits for ever", n);
        if (life == drained)
            assert_true(s.is_drained);
        else
            next_one_is_served(&s, options);
        sim_close(&s);
        if (n_seen < n)
            break;
    } while (n < 1000);
    assert_in_range(n, 5, 999);
}

static void every_allocation_of_gets_fails(void **state)
{
    starve(get, &plain);
}

static void every_allocation_for_a_long_path_fails(void **state)
{
    starve(long_path, &plain);
}

static void every_allocation_of_an_upload_fails(void **state)
{
    starve(upload_slowly_taken, &plain);
}

static void every_allocation_of_a_download_fails(void **state)
{
    starve(download_slowly_taken, &plain);
}

static void every_allocation_of_a_tunnel_fails(void **state)
{
    starve(tunnel, &plain);
}

static void every_allocation_of_refusals_fails(void **state)
{
    starve(refusals, &plain);
}

static void every_allocation_of_a_dribbled_request_fails(void **state)
{
    starve(dribble, &plain);
}

static void every_allocation_of_a_retry_fails(void **state)
{
    starve(retry, &plain);
}

static void every_allocation_after_a_proxy_header_fails(void **state)
{
    starve(proxied, &(struct sim_options){.listener = ", proxy_protocol: required"});
}

static void every_allocation_of_a_reload_fails(void **state)
{
    starve(reload, &plain);
}

static void every_allocation_of_expectations_fails(void **state)
{
    starve(expected, &plain);
}

static void every_allocation_of_hints_fails(void **state)
{
    starve(hinted, &plain);
}

static void every_allocation_of_refused_uploads_fails(void **state)
{
    starve(refused_uploads, &(struct sim_options){.route = ", max_body: 10"});
}

static void every_allocation_of_a_drain_fails(void **state)
{
    starve(drained, &plain);
}

static void every_allocation_with_access_lines_fails(void **state)
{
    static void (*const lives[])(struct sim *) = {get, tunnel, refusals, retry, refused_uploads};

    sim_has_access_log = true;
    for (size_t i = 0; i < SL_N_ELEMENTS(lives); i++)
        starve(lives[i], &(struct sim_options){.route = ", max_body: 10"});
    sim_has_access_log = false;
}

/* The response of a client that was hurt is either whole, or an answer of ours, or visibly cut. */
static void who_is_hurt_is_not_left_without_a_word(void **state)
{
    for (unsigned n = 1; n < 60; n++) {
        struct sim s;
        sim_open(&s, &plain);
        oom_fail_nth(n);
        struct fake_wire *c = sim_ask(&s, SIM_GET);
        say_if_open(&s, newest_up(&s), OK_2);
        oom_off();
        if (!fake_wire_is_closed(c) && !sim_got(c, "\r\n\r\nok") && !sim_got(c, "HTTP/1.1 50"))
            fail_msg("allocation %u failed: the client got %.*s", n, (int)sim_n_got(c),
                     fake_wire_received(c).ptr);
        sim_close(&s);
    }
}

/* Or it would wait with its body, and be charged for it. */
static void who_waits_for_100_gets_it_or_is_told(void **state)
{
    for (unsigned n = 1; n < 60; n++) {
        struct sim s;
        sim_open(&s, &plain);
        oom_fail_nth(n);
        struct fake_wire *c = sim_ask(&s, EXPECTING);
        say_if_open(&s, newest_up(&s), "HTTP/1.1 100 Continue\r\n\r\n");
        oom_off();
        if (!fake_wire_is_closed(c) && !sim_got(c, "HTTP/1.1 100") && !sim_got(c, "HTTP/1.1 50"))
            fail_msg("allocation %u failed: the client waits, and got %zu bytes", n, sim_n_got(c));
        sim_close(&s);
    }
}

static void a_refusal_that_cannot_be_written_is_a_cut(void **state)
{
    for (unsigned n = 1; n < 60; n++) {
        struct sim s;
        sim_open(&s, &plain);
        s.answer = SL_ERR_REFUSED;
        oom_fail_nth(n);
        struct fake_wire *c = sim_ask(&s, SIM_GET);
        oom_off();
        if (!fake_wire_is_closed(c) && !sim_got(c, "HTTP/1.1 50"))
            fail_msg("allocation %u failed: the client waits, and got %zu bytes", n, sim_n_got(c));
        sim_close(&s);
    }
}

/* A head that found no memory, and then the body: the upstream would read it as a request. */
static void without_its_head_nothing_of_a_request_goes(void **state)
{
    for (unsigned n = 1; n < 60; n++) {
        struct sim s;
        sim_open(&s, &plain);
        oom_fail_nth(n);
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello");
        oom_off();
        if (s.n_up > 0 && sim_n_got(s.up[0]) > 0 && !sim_got(s.up[0], "Content-Length: 5\r\n\r\n"))
            fail_msg("allocation %u failed: the upstream got %.*s", n, (int)sim_n_got(s.up[0]),
                     fake_wire_received(s.up[0]).ptr);
        sim_close(&s);
    }
}

/* Two wait for the only slot. Whoever is called and cannot connect gives it on; sim_check sees it.
 */
static void a_slot_that_could_not_be_used_goes_to_the_next(void **state)
{
    for (unsigned n = 1; n < 60; n++) {
        struct sim s;
        sim_open(&s,
                 &(struct sim_options){.endpoints = "{address: 10.0.0.1:80, max_connections: 1}"});
        for (int i = 0; i < 3; i++)
            sim_ask(&s, SIM_GET);
        oom_fail_nth(n);
        sim_say(&s, sim_up(&s, 1),
                "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
        oom_off();
        assert_true(s.n_up >= 2);
        sim_close(&s);
    }
}

static void a_tunnel_never_goes_on_with_a_hole(void **state)
{
    for (unsigned n = 1; n < 60; n++) {
        struct sim s;
        sim_open(&s, &plain);
        struct fake_wire *c =
            sim_ask(&s, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n");
        struct fake_wire *u = sim_up(&s, 1);
        sim_say(&s, u,
                "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\n"
                "Upgrade: w\r\n\r\n");
        fake_wire_forget(u);
        fake_wire_slow(u, true);
        oom_fail_nth(n);
        sim_say_n(&s, c, 200000);
        oom_off();
        fake_wire_slow(u, false);
        sim_settle(&s);
        assert_true(fake_wire_is_closed(c) || sim_n_got(u) == 200000);
        sim_close(&s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_gets_fails),
        cmocka_unit_test(every_allocation_for_a_long_path_fails),
        cmocka_unit_test(every_allocation_of_an_upload_fails),
        cmocka_unit_test(every_allocation_of_a_download_fails),
        cmocka_unit_test(every_allocation_of_a_tunnel_fails),
        cmocka_unit_test(every_allocation_of_refusals_fails),
        cmocka_unit_test(every_allocation_of_a_dribbled_request_fails),
        cmocka_unit_test(every_allocation_of_a_retry_fails),
        cmocka_unit_test(every_allocation_after_a_proxy_header_fails),
        cmocka_unit_test(every_allocation_of_a_reload_fails),
        cmocka_unit_test(every_allocation_of_expectations_fails),
        cmocka_unit_test(every_allocation_of_hints_fails),
        cmocka_unit_test(every_allocation_of_refused_uploads_fails),
        cmocka_unit_test(every_allocation_of_a_drain_fails),
        cmocka_unit_test(every_allocation_with_access_lines_fails),
        cmocka_unit_test(who_is_hurt_is_not_left_without_a_word),
        cmocka_unit_test(who_waits_for_100_gets_it_or_is_told),
        cmocka_unit_test(a_refusal_that_cannot_be_written_is_a_cut),
        cmocka_unit_test(without_its_head_nothing_of_a_request_goes),
        cmocka_unit_test(a_slot_that_could_not_be_used_goes_to_the_next),
        cmocka_unit_test(a_tunnel_never_goes_on_with_a_hole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
