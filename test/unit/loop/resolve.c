/* SPDX-License-Identifier: Apache-2.0 */
/*
 * resolve: what needs no name server: numbers, localhost, and names that cannot exist.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <cmocka.h>

#include <sluice/base/err.h>
#include <sluice/loop/loop.h>
#include <sluice/loop/resolve.h>

struct asker {
    struct sl_loop *loop;
    struct sl_lookup *lookup;
    unsigned n_answers;
    int err;
    size_t n_addrs;
    struct sl_addr first;
    bool does_close;
};

static void on_found(void *owner, int err, const struct sl_addr *addrs, size_t n_addrs)
{
    struct asker *asker = owner;

    asker->n_answers++;
    asker->err = err;
    asker->n_addrs = n_addrs;
    if (n_addrs)
        asker->first = addrs[0];
    if (asker->does_close)
        sl_lookup_close(&asker->lookup);
    asker->lookup = NULL;
    sl_loop_stop(asker->loop);
}

static void ask(struct asker *asker, const char *host)
{
    asker->n_answers = 0;
    assert_int_equal(sl_lookup_open(asker->loop, host, 8080, on_found, asker, &asker->lookup), 0);
    assert_int_equal(asker->n_answers, 0);
    sl_loop_run(asker->loop);
    assert_int_equal(asker->n_answers, 1);
}

static int open_asker(void **state)
{
    static struct asker asker;

    memset(&asker, 0, sizeof(asker));
    *state = &asker;
    return sl_loop_new(&asker.loop);
}

static int close_asker(void **state)
{
    struct asker *asker = *state;

    sl_loop_free(&asker->loop);
    return 0;
}

static void numbers_are_found_with_their_port(void **state)
{
    static const struct {
        const char *host, *expected;
    } rows[] = {
        {"127.0.0.1", "127.0.0.1:8080"},
        {"192.0.2.7", "192.0.2.7:8080"},
        {"::1", "[::1]:8080"},
        {"2001:db8::5", "[2001:db8::5]:8080"},
    };
    struct asker *asker = *state;

    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        struct sl_addr expected;
        assert_int_equal(sl_addr_read(sl_span_str(rows[i].expected), &expected), 0);
        ask(asker, rows[i].host);
        assert_int_equal(asker->err, 0);
        assert_int_equal(asker->n_addrs, 1);
        assert_true(sl_addr_eq(&asker->first, &expected));
    }
}

static void localhost_is_found(void **state)
{
    struct asker *asker = *state;

    asker->does_close = true; /* within the answer */
    ask(asker, "localhost");
    assert_int_equal(asker->err, 0);
    assert_in_range(asker->n_addrs, 1, SL_RESOLVE_MAX);
    assert_int_equal(sl_addr_port(&asker->first), 8080);
}

static void what_cannot_be_a_name_is_not_found(void **state)
{
    struct asker *asker = *state;

    ask(asker, "256.256.256.256.");
    assert_int_equal(asker->err, SL_ERR_ADDRESS);
    assert_int_equal(asker->n_addrs, 0);
}

static void a_lookup_that_was_closed_is_silent(void **state)
{
    struct asker *asker = *state;

    assert_int_equal(sl_lookup_open(asker->loop, "localhost", 1, on_found, asker, &asker->lookup),
                     0);
    assert_int_equal(sl_loop_n_shells(asker->loop), 1);
    sl_lookup_close(&asker->lookup);
    sl_lookup_close(&asker->lookup);
    sl_loop_free(&asker->loop); /* waits for the thread */
    assert_int_equal(asker->n_answers, 0);
}

#define RESOLVE_TEST(name_) cmocka_unit_test_setup_teardown(name_, open_asker, close_asker)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RESOLVE_TEST(numbers_are_found_with_their_port),
        RESOLVE_TEST(localhost_is_found),
        RESOLVE_TEST(what_cannot_be_a_name_is_not_found),
        RESOLVE_TEST(a_lookup_that_was_closed_is_silent),
    };
    return cmocka_run_group_tests_name("resolve", tests, NULL, NULL);
}
