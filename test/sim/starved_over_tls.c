// SPDX-License-Identifier: Apache-2.0
/*
 * starved_over_tls: each allocation of a visit over TLS fails in turn: of the accept, the hello
 * that comes in pieces or at once, the wait at the turnstile, the handshake, two requests, the
 * goodbye. One client at most is hurt, it is answered or cut at once, nobody waits for ever,
 * nothing leaks, and the next one is served. And each allocation of a response that ends with its
 * connection: a FIN would say that it is whole, to the many who do not look for a close_notify.
 */
#include "tls_client.h"

#include "oom.h"

#define MAX_BODY_BYTES 40000 /* several records and chunks, and a rest */

#define OK_2         "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
#define STEP_US      1000 /* of a handshake: beyond the budget of a turn */
#define MAX_VISITORS 4

static const struct sim_options tls = {.is_tls = true};

/* ---- visits ---- */

struct visit {
    bool is_tls12;
    size_t n_piece;    /* in which the client's bytes come; 0: as they are */
    size_t n_visitors; /* at once */
    bool has_work;     /* each step of a handshake takes its time, so most wait at the turnstile */
};

/* Each upstream connection that has a request unanswered answers. */
static bool answer_all(struct sim *s)
{
    bool did = false;

    for (size_t i = 0; i < s->n_up; i++) {
        if (!sim_got(s->up[i], "\r\n\r\n"))
            continue;
        fake_wire_forget(s->up[i]);
        fake_wire_send(s->up[i], SL_SPAN(OK_2));
        did = true;
    }
    return did;
}

static void settle_all(struct sim *s, struct tls_client *c, size_t n)
{
    for (int i = 0; i < 2; i++) /* what one begins may end with another */
        for (size_t k = 0; k < n; k++)
            tls_client_settle(s, &c[k]);
}

static bool is_served(const struct tls_client *t)
{
    return tls_client_has(t, "HTTP/1.1 200 OK") && tls_client_has(t, "\r\n\r\nok");
}

/* Who was refused asks no more. */
static void ask_all(struct sim *s, struct tls_client *c, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (c[i].n_got > 0 && !is_served(&c[i]))
            continue;
        c[i].n_got = 0;
        tls_client_write(&c[i], SL_SPAN(SIM_GET));
    }
    settle_all(s, c, n);
}

/* They come at once, shake hands, and ask twice. */
static void visit(struct sim *s, const struct visit *v, struct tls_client *c)
{
    s->play = answer_all;
    fake_pieces(s->loop, v->n_piece);
    for (size_t i = 0; i < v->n_visitors; i++)
        tls_client_init(&c[i], sim_connect(s, NULL), v->is_tls12);
    if (v->has_work)
        fake_work(s->loop, STEP_US);
    for (size_t i = 0; i < v->n_visitors; i++)
        tls_client_turn(&c[i]);
    settle_all(s, c, v->n_visitors);
    ask_all(s, c, v->n_visitors);
    ask_all(s, c, v->n_visitors);
    fake_work(s->loop, 0);
    fake_pieces(s->loop, 0);
}

static void next_one_is_served(struct sim *s)
{
    for (int is_tls12 = 0; is_tls12 < 2; is_tls12++) {
        struct tls_client t;
        visit(s, &(struct visit){.is_tls12 = is_tls12, .n_visitors = 1}, &t);
        assert_true(is_served(&t));
        tls_client_free(&t);
    }
}

/* True: an allocation has failed. */
static bool starved_visit(const struct visit *v, unsigned n)
{
    struct sim s;
    struct tls_client c[MAX_VISITORS];
    size_t n_hurt = 0;

    sim_open(&s, &tls);
    oom_fail_nth(n);
    visit(&s, v, c);
    bool has_failed = oom_count() >= n;
    oom_off();
    for (size_t i = 0; i < v->n_visitors; i++) {
        n_hurt += !is_served(&c[i]);
        if (!is_served(&c[i]) && !fake_wire_is_closed(c[i].wire) &&
            !tls_client_has(&c[i], "HTTP/1.1 50"))
            fail_msg("allocation %u failed: a client waits, and got %zu bytes", n, c[i].n_got);
    }
    if (n_hurt > has_failed)
        fail_msg("allocation %u failed: %zu clients are hurt", n, n_hurt);
    /* All fall silent: within the deadlines everybody is gone. */
    sim_advance(&s, 400000);
    assert_int_equal(sl_proxy_n_clients(s.proxy), 0);
    assert_int_equal(s.proxy->crowd.n_handshaking, 0);
    assert_int_equal(sl_count_get(&s.counters.handshakes_waiting), 0);
    next_one_is_served(&s);
    for (size_t i = 0; i < v->n_visitors; i++)
        tls_client_free(&c[i]);
    sim_close(&s);
    return has_failed;
}

static void starve(struct visit v)
{
    for (int is_tls12 = 0; is_tls12 < 2; is_tls12++) {
        unsigned n = 1;
        v.is_tls12 = is_tls12;
        while (starved_visit(&v, n))
            n++;
        assert_in_range(n, 10, 4999);
    }
}

static void every_allocation_of_a_visit_fails(void **state)
{
    starve((struct visit){.n_visitors = 1});
}

static void every_allocation_of_a_visit_in_pieces_fails(void **state)
{
    starve((struct visit){.n_visitors = 1, .n_piece = 50});
}

static void every_allocation_of_visits_that_wait_at_the_turnstile_fails(void **state)
{
    starve((struct visit){.n_visitors = MAX_VISITORS, .has_work = true});
}

/* ---- ends ---- */

static bool is_whole(const struct tls_client *t, size_t n_body)
{
    const char *body = t->n_got ? memchr(t->got, '*', t->n_got) : NULL;
    return body && t->n_got - (size_t)(body - t->got) == n_body;
}

/* True: an allocation has failed. */
static bool expect_no_fin_without_all_of_it(size_t n_body, unsigned n, bool is_tls12)
{
    static char body[MAX_BODY_BYTES];
    char head[80];
    struct sim s;
    struct tls_client t;
    sim_open(&s, &tls);
    tls_client_init(&t, sim_connect(&s, NULL), is_tls12);
    tls_client_turn(&t);
    tls_client_settle(&s, &t);
    tls_client_say(&s, &t, SL_SPAN("GET / HTTP/1.0\r\nHost: a.example\r\n\r\n"));
    struct fake_wire *u = sim_up(&s, 1);
    memset(body, '*', sizeof(body));
    snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
             n_body);
    fake_wire_send(u, sl_span_str(head));
    fake_wire_send(u, sl_span(body, n_body));
    fake_wire_send(u, SL_SPAN("\r\n0\r\n\r\n"));
    oom_fail_nth(n);
    sim_settle(&s);
    bool has_failed = oom_count() >= n;
    oom_off();
    tls_client_settle(&s, &t);
    sim_advance(&s, 1000);
    if (fake_wire_state(t.wire) == FAKE_FIN && !is_whole(&t, n_body) &&
        !tls_client_has(&t, "HTTP/1.1 50"))
        fail_msg("allocation %u failed: a FIN after %zu bytes", n, t.n_got);
    tls_client_free(&t);
    sim_close(&s);
    return has_failed;
}

static void a_response_of_which_bytes_are_lost_has_no_fin(void **state)
{
    static const size_t sizes[] = {100, 5000, MAX_BODY_BYTES};

    for (int is_tls12 = 0; is_tls12 < 2; is_tls12++) {
        for (size_t i = 0; i < SL_N_ELEMENTS(sizes); i++) {
            unsigned n = 1;
            while (expect_no_fin_without_all_of_it(sizes[i], n, is_tls12))
                n++;
            assert_in_range(n, 3, 999);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_allocation_of_a_visit_fails),
        cmocka_unit_test(every_allocation_of_a_visit_in_pieces_fails),
        cmocka_unit_test(every_allocation_of_visits_that_wait_at_the_turnstile_fails),
        cmocka_unit_test(a_response_of_which_bytes_are_lost_has_no_fin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
