// SPDX-License-Identifier: Apache-2.0
/*
 * starved_over_tls: each allocation of a response over TLS that ends with its connection fails in
 * turn. A FIN would say that it is whole, to the many who do not look for a close_notify.
 */
#include "tls_client.h"

#include "oom.h"

#define MAX_BODY_BYTES 40000 /* several records and chunks, and a rest */

static const struct sim_options tls = {.is_tls = true};

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
        cmocka_unit_test(a_response_of_which_bytes_are_lost_has_no_fin),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
