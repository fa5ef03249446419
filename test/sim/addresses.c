/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A name with several addresses is one endpoint: where one address does not answer the next is
 * asked, and the one that works is kept.
 */
#include <stdlib.h>
#include "harness.h"

#define OK_2 "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok"

/* As if the name of endpoint `index` had had one more address when it was looked up. */
static void add_address(struct sim *s, size_t index, const char *text)
{
    struct sl_plan_endpoint *e = &s->plan->endpoints[0][index];
    e->addrs = realloc(e->addrs, (e->n_addrs + 1) * sizeof(*e->addrs));
    assert_non_null(e->addrs);
    assert_int_equal(sl_addr_read(sl_span_str(text), &e->addrs[e->n_addrs++]), 0);
}

static void assert_went_to(const struct sim *s, size_t index, const char *text)
{
    struct sl_addr want;
    assert_int_equal(sl_addr_read(sl_span_str(text), &want), 0);
    assert_true(sl_addr_eq(&s->up_to[index], &want));
}

static void the_one_that_works_is_found_and_kept(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "upstream_connect: 1s"});
    add_address(&s, 0, "10.0.0.2:80");
    s.answer = FAKE_HANG;
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    assert_int_equal(s.n_up, 1);
    s.answer = 0;
    sim_advance(&s, 1200);
    assert_int_equal(s.n_up, 2);
    assert_went_to(&s, 0, "10.0.0.1:80");
    assert_went_to(&s, 1, "10.0.0.2:80");
    sim_say(&s, sim_up(&s, 2), OK_2);
    assert_got(c, "\r\n\r\nok");
    for (size_t i = 3; i < 6; i++) { /* nobody pays for the dead one again */
        struct fake_wire *next = sim_ask(&s, SIM_GET);
        sim_say(&s, sim_up(&s, i), OK_2);
        assert_got(next, "\r\n\r\nok");
        assert_went_to(&s, i - 1, "10.0.0.2:80");
    }
    assert_int_equal(sim_count(&s, SL_COUNT_UPSTREAM_FAILURES), 1);
    sim_close(&s);
}

static void two_that_fail_together_skip_nothing(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.deadlines = "upstream_connect: 1s"});
    add_address(&s, 0, "10.0.0.2:80");
    s.answer = FAKE_HANG;
    sim_ask(&s, SIM_GET);
    sim_ask(&s, SIM_GET);
    s.answer = 0;
    sim_advance(&s, 1200);
    assert_int_equal(s.n_up, 4);
    assert_went_to(&s, 2, "10.0.0.2:80");
    assert_went_to(&s, 3, "10.0.0.2:80");
    sim_close(&s);
}

static void all_of_them_come_before_the_next_endpoint_and_none_twice(void **state)
{
    struct sim s;
    sim_open(&s, &(struct sim_options){.endpoints = "'10.0.0.1:80', '10.0.0.9:80'"});
    add_address(&s, 0, "10.0.0.2:80");
    s.answer = SL_ERR_REFUSED;
    struct fake_wire *c = sim_ask(&s, SIM_GET);
    assert_got(c, "HTTP/1.1 502 ");
    assert_int_equal(s.n_up, 3);
    assert_went_to(&s, 0, "10.0.0.1:80");
    assert_went_to(&s, 1, "10.0.0.2:80");
    assert_went_to(&s, 2, "10.0.0.9:80");
    sim_close(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_one_that_works_is_found_and_kept),
        cmocka_unit_test(two_that_fail_together_skip_nothing),
        cmocka_unit_test(all_of_them_come_before_the_next_endpoint_and_none_twice),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
