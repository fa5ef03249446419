// SPDX-License-Identifier: Apache-2.0
/*
 * Every row of the table in exchange.c: how an exchange may end, while its response is awaited and
 * while it flows, and what both sides see of it. Long, as that table is.
 */
#include "harness.h"

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"

static const struct sim_options plain = {0};
static const struct sim_options two = {.endpoints = "10.0.0.1:80, 10.0.0.2:80"};

static const char post_10[] = "POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n";
static const char flowing[] = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc";

/* A client whose response has begun to flow. */
static struct fake_wire *ask_until_flowing(struct sim *s, const char *request)
{
    struct fake_wire *c = sim_ask(s, request);
    sim_say(s, sim_up(s, 1), flowing);
    assert_got(c, "\r\n\r\nabc");
    return c;
}

static struct sl_endpoint *endpoint(struct sim *s, size_t i)
{
    return &s->proxy->upstreams->upstreams[0].endpoints[i];
}

static void complete_and_complete_the_link_rests(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    struct fake_wire *u = sim_up(&s, 1);
    assert_got(u, "\r\n\r\nhi");
    sim_say(&s, u, OK_2);
    assert_got(c, "\r\n\r\nok");
    assert_int_equal(endpoint(&s, 0)->n_idle, 1);
    fake_wire_forget(u);
    sim_say(&s, c, SIM_GET);
    assert_got(sim_up(&s, 1), "GET / HTTP/1.1\r\n");
    assert_int_equal(sim_count(&s, SL_COUNT_UPSTREAM_REUSES), 1);
    sim_say(&s, u, OK_2);
    sim_close(&s);
}

static void the_link_rests_after_every_framing_that_tells_its_end(void **state)
{
    static const char *const whole[] = {
        OK_2,
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nA: b\r\n\r\n",
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\nContent-Length: 77\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
        ("HTTP/1.1 103 Early Hints\r\n\r\n" OK_2),
    };
    for (size_t piece = 0; piece < 3; piece++) {
        struct sim s;
        sim_open(&s, &plain);
        fake_pieces(s.loop, piece);
        struct fake_wire *c = sim_connect(&s, NULL);
        for (size_t i = 0; i < SL_N_ELEMENTS(whole); i++) {
            sim_say(&s, c, SIM_GET);
            sim_say(&s, sim_up(&s, 1), whole[i]);
            if (endpoint(&s, 0)->n_idle != 1)
                fail_msg("the link does not rest after, in pieces of %zu: %s", piece, whole[i]);
        }
        assert_int_equal(sim_in_phase(&s, SL_PHASE_KEEPALIVE), 1);
        sim_close(&s);
    }
}

static void early_response_ends_the_link_and_the_client_drains_the_rest(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, post_10);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, c, "12345");
    sim_say(&s, u, "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert_got(c, "HTTP/1.1 413 ");
    assert_true(fake_wire_is_closed(u)); /* it waits for bytes that will not come */
    assert_state(c, FAKE_OPEN);
    sim_advance(&s, 50); /* so often delivery is looked at */
    assert_int_equal(sim_in_phase(&s, SL_PHASE_LINGER), 1);
    sim_say(&s, c, "67890" SIM_GET); /* the rest is thrown away, the next request served */
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_got(c, "\r\n\r\nok");
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void early_response_whose_rest_is_too_long_closes_after_it(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 99999999\r\n\r\n");
    sim_say(&s, sim_up(&s, 1), "HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n");
    assert_got(c, "Connection: close\r\n");
    assert_state(c, FAKE_FIN);
    assert_false(fake_wire_is_closed(c)); /* what it still sends must not become a reset */
    sim_say_n(&s, c, 100000);
    assert_state(c, FAKE_FIN);
    sim_close(&s);
}

static void early_response_to_a_chunked_request_closes_after_it(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhe");
    sim_say(&s, sim_up(&s, 1), OK_2);
    assert_got(c, "Connection: close\r\n");
    assert_got(c, "\r\n\r\nok");
    assert_state(c, FAKE_FIN);
    sim_close(&s);
}

static void an_early_response_flows_while_the_request_still_flows(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = ask_until_flowing(&s, post_10);
    sim_say(&s, c, "1234567890");
    assert_got(s.up[0], "\r\n\r\n1234567890");
    sim_say(&s, s.up[0], "defghij");
    assert_got(c, "abcdefghij");
    assert_int_equal(endpoint(&s, 0)->n_idle, 1);
    sim_close(&s);
}

static void a_refused_connect_goes_to_the_next_endpoint(void **state)
{
    struct sim s;
    sim_open(&s, &two);
    s.answer = FAKE_HANG;
    struct fake_wire *c = sim_ask(&s, post_10);
    s.answer = 0;
    fake_wire_answer(sim_up(&s, 1), SL_ERR_REFUSED);
    sim_settle(&s);
    assert_false(sl_addr_eq(&s.up_to[0], &s.up_to[1]));
    sim_say(&s, c, "1234567890");
    assert_got(sim_up(&s, 2), "\r\n\r\n1234567890");
    sim_say(&s, s.up[1], OK_2);
    assert_got(c, "\r\n\r\nok");
    sim_close(&s);
}

static void a_connect_that_hangs_goes_to_the_next_endpoint(void **state)
{
    struct sim s;
    sim_open(&s, &two);
    s.answer = FAKE_HANG;
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    sim_advance(&s, 4999);
    s.answer = 0;
    sim_up(&s, 1);
    sim_advance(&s, 1);
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_got(c, "\r\n\r\nok");
    assert_expired_only(&s, SL_PHASE_UPSTREAM_CONNECT);
    sim_close(&s);
}

static void all_refused_is_502(void **state)
{
    struct sim s;
    sim_open(&s, &two);
    s.answer = SL_ERR_REFUSED;
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    sim_up(&s, 2);
    assert_got(c, "HTTP/1.1 502 ");
    assert_got(c, "Proxy-Status: ");
    assert_state(c, FAKE_OPEN); /* and may ask again */
    sim_say(&s, c, SIM_GET);
    sim_up(&s, 4);
    sim_close(&s);
}

static void a_fresh_link_beside_one_that_rests_is_within_the_limit(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.endpoints = "{address: 10.0.0.1:80, max_connections: 1}, "
                                                    "{address: 10.0.0.2:80, max_connections: 1}"});
    for (size_t n = 1; n <= 2; n++) {
        sim_ask(&s, SIM_GET);
        sim_say(&s, sim_up(&s, n), OK_2);
    }
    assert_true(endpoint(&s, 0)->n_idle == 1 && endpoint(&s, 1)->n_idle == 1);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    fake_wire_reset(s.up[0]); /* it is sent once more, to the other endpoint */
    sim_settle(&s);
    assert_true(sl_addr_eq(&s.up_to[1], &s.up_to[2]));
    assert_true(fake_wire_is_closed(s.up[1]));
    sim_say(&s, sim_up(&s, 3), OK_2);
    assert_got(c, "\r\n\r\nok");
    sim_close(&s);
}

static void a_full_queue_is_503_at_once(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.endpoints = "{address: 10.0.0.1:80, max_connections: 1}",
                                       .upstream = ", max_queue: 1"});
    struct fake_wire *first = sim_ask(&s, SIM_GET), *second = sim_ask(&s, SIM_GET),
                     *third = sim_ask(&s, SIM_GET);
    assert_got(third, "HTTP/1.1 503 ");
    sim_say(&s, sim_up(&s, 1), OK_2);
    assert_got(first, "\r\n\r\nok");
    sim_say(&s, sim_up(&s, 1), OK_2); /* the same link serves who waited */
    assert_got(second, "\r\n\r\nok");
    assert_int_equal(sim_expired_all(&s), 0);
    sim_close(&s);
}

static void who_waits_is_served_in_order_and_nobody_is_forgotten(void **state)
{
    struct sim s;
    struct fake_wire *c[6];
    sim_open(&s, &(struct sim_options){.endpoints = "{address: 10.0.0.1:80, max_connections: 2}"});
    for (int i = 0; i < 6; i++)
        c[i] = sim_ask(&s, SIM_GET);
    sim_up(&s, 2);
    fake_wire_send(s.up[0], SL_SPAN(OK_2)); /* two slots in one turn, and the first in the */
    fake_wire_send(s.up[1], SL_SPAN(OK_2)); /* queue goes away in that turn */
    fake_wire_reset(c[2]);
    sim_settle(&s);
    assert_int_equal(endpoint(&s, 0)->n_active, 2);
    sim_say(&s, s.up[0], OK_2);
    sim_say(&s, s.up[1], OK_2);
    assert_got(c[3], "\r\n\r\nok");
    assert_got(c[4], "\r\n\r\nok");
    sim_close(&s);
}

static void who_waits_for_one_endpoint_is_not_in_the_way_of_others(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.endpoints = "{address: 10.0.0.1:80, max_connections: 1}, "
                                                    "{address: 10.0.0.2:80, max_connections: 1}",
                                       .upstream = ", fail_timeout: off"});
    sim_ask(&s, SIM_GET);
    s.answer = FAKE_HANG;
    struct fake_wire *tried = sim_ask(&s, SIM_GET); /* the second endpoint will refuse it */
    s.answer = 0;
    fake_wire_answer(sim_up(&s, 2), SL_ERR_REFUSED);
    sim_settle(&s);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 1);
    sim_ask(&s, SIM_GET); /* takes the second endpoint */
    struct fake_wire *waits = sim_ask(&s, SIM_GET);
    struct fake_wire *second = sim_up(&s, 3);
    assert_int_equal(sim_in_phase(&s, SL_PHASE_UPSTREAM_QUEUE), 2);
    sim_say(&s, second, OK_2); /* of no use to the first in the queue */
    sim_say(&s, second, OK_2);
    assert_got(waits, "\r\n\r\nok");
    assert_int_equal(sim_n_got(tried), 0);
    sim_say(&s, s.up[0], OK_2);
    sim_say(&s, s.up[0], OK_2);
    assert_got(tried, "\r\n\r\nok");
    sim_close(&s);
}

/* ---- a reused link that died ---- */

/* A link rests; then the upstream dies in this way just before the next request arrives there. */
static struct fake_wire *ask_on_a_dying_link(struct sim *s, const char *request, bool is_seen)
{
    struct fake_wire *c = sim_ask(s, SIM_GET);
    struct fake_wire *u = sim_up(s, 1);

    sim_say(s, u, OK_2);
    fake_wire_forget(c);
    if (is_seen) { /* its FIN is there, though not read yet */
        fake_wire_send(c, sl_span_str(request));
        fake_wire_close(u);
    } else {
        fake_wire_send(c, sl_span_str(request));
        fake_turn(s->loop);
        fake_wire_reset(u);
    }
    sim_settle(s);
    return c;
}

static void a_reused_link_that_died_is_tried_once_more_for_get(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = ask_on_a_dying_link(&s, SIM_GET, false);
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_got(c, "\r\n\r\nok");
    assert_int_equal(sim_count(&s, SL_COUNT_UPSTREAM_RETRIES), 1);
    sim_close(&s);
}

static void a_second_death_is_502(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = ask_on_a_dying_link(&s, SIM_GET, false);
    fake_wire_reset(sim_up(&s, 2));
    sim_settle(&s);
    assert_got(c, "HTTP/1.1 502 ");
    sim_up(&s, 2);
    sim_close(&s);
}

static void a_reused_link_that_died_after_a_post_is_502(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c =
        ask_on_a_dying_link(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n", false);
    assert_got(c, "HTTP/1.1 502 ");
    sim_up(&s, 1);
    sim_close(&s);
}

static void a_put_with_a_body_is_not_sent_again(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c =
        ask_on_a_dying_link(&s, "PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", false);
    assert_got(c, "HTTP/1.1 502 ");
    sim_up(&s, 1);
    sim_close(&s);
}

static void a_post_is_not_sent_on_a_link_known_to_be_dead(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c =
        ask_on_a_dying_link(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi", true);
    assert_got(sim_up(&s, 2), "\r\n\r\nhi");
    sim_say(&s, s.up[1], OK_2);
    assert_got(c, "\r\n\r\nok");
    sim_close(&s);
}

static void a_first_byte_of_a_response_forbids_another_try(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, u, OK_2);
    fake_wire_forget(c);
    sim_say(&s, c, SIM_GET);
    sim_say(&s, u, "H");
    fake_wire_reset(u);
    sim_settle(&s);
    assert_got(c, "HTTP/1.1 502 ");
    sim_up(&s, 1);
    sim_close(&s);
}

/* ---- the link fails ---- */

static void link_reset_or_ended_while_awaited_is_502(void **state)
{
    for (int how = 0; how < 4; how++) {
        struct sim s;
        sim_open(&s, &plain);
        struct fake_wire *c = sim_ask(&s, how < 2 ? SIM_GET : post_10);
        struct fake_wire *u = sim_up(&s, 1);
        if (how % 2)
            fake_wire_fin(u);
        else
            fake_wire_reset(u);
        sim_settle(&s);
        assert_got(c, "HTTP/1.1 502 ");
        assert_true(fake_wire_is_closed(u));
        sim_close(&s);
    }
}

static void rubbish_while_awaited_is_502(void **state)
{
    static const char *const rubbish[] = {
        "rubbish\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokmore",
        "HTTP/1.1 204 No Content\r\n\r\nbody",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n",
        "HTTP/2 200 OK\r\n\r\n",
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rubbish); i++) {
        struct sim s;
        sim_open(&s, &plain);
        struct fake_wire *c = sim_ask(&s, SIM_GET);
        struct fake_wire *u = sim_up(&s, 1);
        sim_say(&s, u, rubbish[i]);
        assert_got(c, "HTTP/1.1 502 ");
        assert_true(fake_wire_is_closed(u));
        assert_state(c, FAKE_OPEN);
        sim_close(&s);
    }
}

static void bytes_after_a_response_end_the_link(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, u, OK_2);
    sim_say(&s, u, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    assert_true(fake_wire_is_closed(u));
    sim_say(&s, c, SIM_GET);
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_false(sim_got(c, "evil"));
    sim_close(&s);
}

static void bytes_after_a_chunked_response_in_one_read_end_the_link(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, u,
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil");
    assert_got(c, "0\r\n\r\n");
    assert_true(fake_wire_is_closed(u));
    sim_say(&s, c, SIM_GET);
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_false(sim_got(c, "evil"));
    sim_close(&s);
}

static void link_reset_or_truncated_while_flowing_is_a_visible_cut(void **state)
{
    static const char *const heads[] = {
        "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\nX:",
        "HTTP/1.1 200 OK\r\n\r\nabc",
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(heads); i++) {
        for (int how = 0; how < 2; how++) {
            if (how == 0 && i == 3)
                continue; /* a FIN is the end of that one */
            struct sim s;
            sim_open(&s, &plain);
            struct fake_wire *c = sim_ask(&s, SIM_GET);
            struct fake_wire *u = sim_up(&s, 1);
            sim_say(&s, u, heads[i]);
            if (how)
                fake_wire_reset(u);
            else
                fake_wire_fin(u);
            sim_settle(&s);
            assert_state(c, FAKE_RESET);
            assert_false(sim_got(c, "\r\n0\r\n"));
            assert_true(fake_wire_is_closed(c));
            sim_close(&s);
        }
    }
}

static void an_end_by_fin_is_complete(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    struct fake_wire *old = sim_ask(&s, "GET / HTTP/1.0\r\nHost: a\r\n\r\n");
    for (int i = 0; i < 2; i++) {
        fake_wire_send(s.up[i], SL_SPAN("HTTP/1.1 200 OK\r\n\r\nabc"));
        fake_wire_close(s.up[i]);
    }
    sim_settle(&s);
    assert_got(c, "Transfer-Encoding: chunked\r\n");
    assert_got(c, "3\r\nabc\r\n0\r\n\r\n");
    assert_state(c, FAKE_OPEN);
    assert_got(old, "\r\n\r\nabc");
    assert_state(old, FAKE_FIN);
    sim_close(&s);
}

static void when_the_link_takes_no_more_its_answer_is_heard(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 300000\r\n\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    sim_say_n(&s, c, 1000);
    /* The upstream refuses early and closes for good: what comes next draws a reset there. */
    fake_wire_send(u, SL_SPAN("HTTP/1.1 401 Unauthorized\r\nContent-Length: 2\r\n\r\nno"));
    fake_wire_close(u);
    sim_say_n(&s, c, 299000);
    assert_got(c, "HTTP/1.1 401 ");
    assert_got(c, "\r\n\r\nno");
    sim_close(&s);
}

/* ---- the client ---- */

static void body_beyond_the_limit_while_awaited_is_413(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.route = ", max_body: 10"});
    struct fake_wire *known =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n");
    assert_got(known, "HTTP/1.1 413 ");
    assert_int_equal(s.n_up, 0);
    struct fake_wire *c = sim_ask(
        &s, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n");
    struct fake_wire *u = sim_up(&s, 1);
    sim_say(&s, c, "5\r\n12345\r\n0\r\n\r\n");
    assert_got(c, "HTTP/1.1 413 ");
    assert_state(u, FAKE_RESET);
    assert_false(sim_got(u, "0\r\n\r\n")); /* never completed */
    sim_close(&s);
}

static void body_beyond_the_limit_while_flowing_is_a_cut(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.route = ", max_body: 10"});
    struct fake_wire *c = ask_until_flowing(
        &s, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n6\r\n123456\r\n");
    sim_say(&s, c, "5\r\n12345\r\n0\r\n\r\n");
    assert_state(c, FAKE_RESET);
    assert_state(s.up[0], FAKE_RESET);
    sim_close(&s);
}

static void request_body_deadline_while_flowing_is_a_cut(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "request_body: {idle: 2s}"});
    struct fake_wire *c = ask_until_flowing(&s, post_10);
    assert_int_equal(sim_until_closed(&s, c, 9000), 2000);
    assert_state(c, FAKE_RESET);
    assert_state(s.up[0], FAKE_RESET);
    assert_expired_only(&s, SL_PHASE_REQUEST_BODY);
    sim_close(&s);
}

static void a_malformed_body_while_awaited_is_400(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nabX");
    assert_got(c, "HTTP/1.1 400 ");
    assert_state(c, FAKE_FIN);
    assert_state(sim_up(&s, 1), FAKE_RESET);
    sim_close(&s);
}

static void a_malformed_body_while_flowing_is_a_cut(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = ask_until_flowing(
        &s, "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab");
    sim_say(&s, c, "X");
    assert_state(c, FAKE_RESET);
    assert_state(s.up[0], FAKE_RESET);
    sim_close(&s);
}

static void a_client_that_is_gone_resets_the_link(void **state)
{
    for (int how = 0; how < 4; how++) {
        struct sim s;
        sim_open(&s, &plain);
        struct fake_wire *c = how < 2 ? sim_ask(&s, post_10) : ask_until_flowing(&s, post_10);
        if (how % 2)
            fake_wire_reset(c);
        else
            fake_wire_fin(c); /* its request is truncated */
        sim_settle(&s);
        assert_true(fake_wire_is_closed(c));
        assert_state(s.up[0], FAKE_RESET);
        sim_close(&s);
    }
}

static void a_client_that_half_closes_after_its_request_is_answered(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, SIM_GET SIM_GET);
    fake_wire_fin(c);
    sim_settle(&s);
    sim_say(&s, sim_up(&s, 1), OK_2);
    sim_say(&s, sim_up(&s, 1), OK_2);
    assert_got(c, "ok");
    assert_true(fake_wire_is_closed(c));
    assert_state(c, FAKE_FIN);
    assert_int_equal(sim_count(&s, SL_COUNT_REQUESTS), 2);
    sim_close(&s);
}

static void a_client_that_ends_within_its_next_request_gets_the_answer_before_it(void **state)
{
    enum { N_BODY = 30000 }; /* waits here, and is not so much that nothing more is read */
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    fake_wire_slow(c, true);
    fake_wire_kernel(c, 1000);
    fake_wire_send(sim_up(&s, 1), SL_SPAN("HTTP/1.1 200 OK\r\nContent-Length: 30000\r\n\r\n"));
    sim_say_n(&s, sim_up(&s, 1), N_BODY);
    sim_say(&s, c, "GET / HTTP/1.1\r\nHo");
    fake_wire_fin(c);
    sim_settle(&s);
    assert_false(fake_wire_is_closed(c));
    fake_wire_slow(c, false);
    sim_settle(&s);
    assert_true(fake_wire_is_closed(c));
    assert_state(c, FAKE_FIN);
    assert_true(sim_n_got(c) >= N_BODY);
    assert_int_equal(sim_count(&s, SL_COUNT_REQUESTS), 1);
    sim_close(&s);
}

static void a_client_that_ends_within_its_refused_upload_gets_the_whole_answer(void **state)
{
    enum { N_BODY = 30000 };
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c =
        sim_ask(&s, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nhalf");
    fake_wire_slow(c, true);
    fake_wire_kernel(c, 1000);
    fake_wire_send(sim_up(&s, 1), SL_SPAN("HTTP/1.1 413 No\r\nContent-Length: 30000\r\n\r\n"));
    sim_say_n(&s, sim_up(&s, 1), N_BODY);
    fake_wire_fin(c);
    sim_settle(&s);
    fake_wire_slow(c, false);
    sim_settle(&s);
    assert_true(fake_wire_is_closed(c));
    assert_state(c, FAKE_FIN);
    assert_true(sim_n_got(c) >= N_BODY);
    sim_close(&s);
}

/* ---- tunnels ---- */

static const char ask_upgrade[] =
    "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n";
static const char grant_upgrade[] =
    "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: w\r\n\r\n";

static void a_tunnel_carries_bytes_both_ways_until_both_sides_end(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, ask_upgrade);
    struct fake_wire *u = sim_up(&s, 1);
    fake_wire_send(c, SL_SPAN("early")); /* kept until the switch */
    sim_settle(&s);
    assert_false(sim_got(u, "early"));
    sim_say(&s, u, grant_upgrade);
    assert_got(u, "\r\n\r\nearly");
    sim_say_n(&s, c, 300000);
    fake_wire_fin(c);
    sim_settle(&s);
    assert_state(u, FAKE_FIN);
    sim_say(&s, u, "last words");
    assert_got(c, "\r\n\r\nlast words");
    fake_wire_fin(u);
    sim_settle(&s);
    assert_state(c, FAKE_FIN);
    assert_true(fake_wire_is_closed(u));
    assert_true(fake_wire_is_closed(c));
    sim_close(&s);
}

static void a_tunnel_whose_both_sides_ended_still_delivers_what_it_has(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct sim s;
        sim_open(&s, &plain);
        struct fake_wire *c = sim_ask(&s, ask_upgrade);
        struct fake_wire *u = sim_up(&s, 1);
        sim_say(&s, u, grant_upgrade);
        fake_wire_forget(c);
        fake_wire_forget(u);
        struct fake_wire *from = order ? c : u, *to = order ? u : c;
        fake_wire_slow(to, true);
        sim_say_n(&s, from, 100000);
        fake_wire_fin(from);
        sim_settle(&s);
        fake_wire_fin(to);
        sim_settle(&s);
        for (int i = 0; i < 10; i++) {
            sim_advance(&s, 500);
            fake_wire_take(to, 10100);
        }
        sim_settle(&s);
        fake_wire_slow(to, false);
        sim_settle(&s);
        assert_int_equal(sim_n_got(to), 100000);
        assert_state(to, FAKE_FIN);
        sim_advance(&s, 20000);
        assert_int_equal(sl_proxy_n_clients(s.proxy), 0);
        sim_close(&s);
    }
}

static void a_tunnel_of_which_one_side_ended_is_not_cut_while_the_other_takes(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct sim s;
        sim_open(&s, &(struct sim_options){
                         .deadlines = "linger: {total: 3s}, tunnel: 4s, upstream_write: 2s, "
                                      "response: {stall: 2s, min_rate: off}"});
        struct fake_wire *c = sim_ask(&s, ask_upgrade);
        struct fake_wire *u = sim_up(&s, 1);
        sim_say(&s, u, grant_upgrade);
        fake_wire_forget(c);
        fake_wire_forget(u);
        struct fake_wire *from = order ? c : u, *to = order ? u : c;
        fake_wire_slow(to, true);
        sim_say_n(&s, from, 100000);
        fake_wire_fin(from);
        for (int i = 0; i < 101; i++) {
            sim_advance(&s, 1000);
            fake_wire_take(to, 1000);
        }
        assert_int_equal(sim_n_got(to), 100000);
        assert_state(to, FAKE_FIN);
        sim_advance(&s, 20000);
        assert_int_equal(sl_proxy_n_clients(s.proxy), 0);
        sim_close(&s);
    }
}

static void a_tunnel_that_is_reset_on_one_side_is_reset_on_the_other(void **state)
{
    for (int order = 0; order < 2; order++) {
        struct sim s;
        sim_open(&s, &plain);
        struct fake_wire *c = sim_ask(&s, ask_upgrade);
        struct fake_wire *u = sim_up(&s, 1);
        sim_say(&s, u, grant_upgrade);
        fake_wire_reset(order ? c : u);
        sim_settle(&s);
        assert_state(order ? u : c, FAKE_RESET);
        sim_close(&s);
    }
}

/* RFC 9110 7.8: to what was offered, whatever its case; HTTP/1.1 may stand above it. */
static void a_switch_leads_to_nothing_that_was_not_offered(void **state)
{
    static const struct {
        const char *offers, *grants;
        bool is_lawful;
    } rows[] = {
        {"websocket", "WebSocket", true},
        {"a, b/1", "b/1", true},
        {"a, b/1", "b/1, a", true},
        {"a\r\nUpgrade: b", "b\r\nUpgrade: a", true},
        {"TLS/1.2", "TLS/1.2,HTTP/1.1", true},
        {"a, b, c", "a, b, c, a, b, c, a, b", true},
        {"a, b, c", "a, b, c, a, b, c, a, b, c", false}, /* too many */
        {"a, b/1", "b/2", false},
        {"a, b/1", "b", false},
        {"a", "a, b", false},
        {"a", "a\r\nUpgrade: b", false},
        {"a", "", false},
        {"a", ",", false},
        {"a", "HTTP/1.1", false},
        {"a", "h2c", false},
        {"websocket", "websockets", false},
    };

    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        char text[200];
        struct sim s;
        sim_open(&s, &plain);
        snprintf(text, sizeof(text),
                 "GET /ws HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: %s\r\n\r\n",
                 rows[i].offers);
        struct fake_wire *c = sim_ask(&s, text);
        struct fake_wire *u = sim_up(&s, 1);
        snprintf(text, sizeof(text),
                 "HTTP/1.1 101 S\r\nConnection: upgrade\r\nUpgrade: %s\r\n\r\nraw", rows[i].grants);
        sim_say(&s, u, text);
        assert_got(c, rows[i].is_lawful ? "HTTP/1.1 101 " : "HTTP/1.1 502 ");
        assert_int_equal(sim_got(c, "raw"), rows[i].is_lawful);
        assert_int_equal(sim_count(&s, SL_COUNT_TUNNELS), rows[i].is_lawful);
        assert_int_equal(fake_wire_is_closed(u), !rows[i].is_lawful);
        sim_close(&s);
    }
}

static void an_upgrade_that_is_refused_is_an_ordinary_response(void **state)
{
    struct sim s;
    sim_open(&s, &plain);
    struct fake_wire *c = sim_ask(&s, ask_upgrade);
    sim_say(&s, sim_up(&s, 1), OK_2);
    assert_got(c, "\r\n\r\nok");
    sim_say(&s, c, SIM_GET);
    sim_say(&s, sim_up(&s, 1), OK_2);
    assert_int_equal(sim_count(&s, SL_COUNT_REQUESTS), 2);
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(complete_and_complete_the_link_rests),
        cmocka_unit_test(the_link_rests_after_every_framing_that_tells_its_end),
        cmocka_unit_test(early_response_ends_the_link_and_the_client_drains_the_rest),
        cmocka_unit_test(early_response_whose_rest_is_too_long_closes_after_it),
        cmocka_unit_test(early_response_to_a_chunked_request_closes_after_it),
        cmocka_unit_test(an_early_response_flows_while_the_request_still_flows),
        cmocka_unit_test(a_refused_connect_goes_to_the_next_endpoint),
        cmocka_unit_test(a_connect_that_hangs_goes_to_the_next_endpoint),
        cmocka_unit_test(all_refused_is_502),
        cmocka_unit_test(a_fresh_link_beside_one_that_rests_is_within_the_limit),
        cmocka_unit_test(a_full_queue_is_503_at_once),
        cmocka_unit_test(who_waits_is_served_in_order_and_nobody_is_forgotten),
        cmocka_unit_test(who_waits_for_one_endpoint_is_not_in_the_way_of_others),
        cmocka_unit_test(a_reused_link_that_died_is_tried_once_more_for_get),
        cmocka_unit_test(a_second_death_is_502),
        cmocka_unit_test(a_reused_link_that_died_after_a_post_is_502),
        cmocka_unit_test(a_put_with_a_body_is_not_sent_again),
        cmocka_unit_test(a_post_is_not_sent_on_a_link_known_to_be_dead),
        cmocka_unit_test(a_first_byte_of_a_response_forbids_another_try),
        cmocka_unit_test(link_reset_or_ended_while_awaited_is_502),
        cmocka_unit_test(rubbish_while_awaited_is_502),
        cmocka_unit_test(bytes_after_a_response_end_the_link),
        cmocka_unit_test(bytes_after_a_chunked_response_in_one_read_end_the_link),
        cmocka_unit_test(link_reset_or_truncated_while_flowing_is_a_visible_cut),
        cmocka_unit_test(an_end_by_fin_is_complete),
        cmocka_unit_test(when_the_link_takes_no_more_its_answer_is_heard),
        cmocka_unit_test(body_beyond_the_limit_while_awaited_is_413),
        cmocka_unit_test(body_beyond_the_limit_while_flowing_is_a_cut),
        cmocka_unit_test(request_body_deadline_while_flowing_is_a_cut),
        cmocka_unit_test(a_malformed_body_while_awaited_is_400),
        cmocka_unit_test(a_malformed_body_while_flowing_is_a_cut),
        cmocka_unit_test(a_client_that_is_gone_resets_the_link),
        cmocka_unit_test(a_client_that_half_closes_after_its_request_is_answered),
        cmocka_unit_test(a_client_that_ends_within_its_next_request_gets_the_answer_before_it),
        cmocka_unit_test(a_client_that_ends_within_its_refused_upload_gets_the_whole_answer),
        cmocka_unit_test(a_tunnel_carries_bytes_both_ways_until_both_sides_end),
        cmocka_unit_test(a_tunnel_whose_both_sides_ended_still_delivers_what_it_has),
        cmocka_unit_test(a_tunnel_of_which_one_side_ended_is_not_cut_while_the_other_takes),
        cmocka_unit_test(a_tunnel_that_is_reset_on_one_side_is_reset_on_the_other),
        cmocka_unit_test(a_switch_leads_to_nothing_that_was_not_offered),
        cmocka_unit_test(an_upgrade_that_is_refused_is_an_ordinary_response),
    };
    sim_has_access_log = true;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
