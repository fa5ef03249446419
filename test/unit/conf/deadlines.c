/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Deadlines: what is in force when several levels wrote something, who may write what, and what
 * contradicts. Every phase is tried, so that a new one cannot be left out.
 */
#include "reading.h"

#define DURATION "a duration such as `5s` from 1ms to 365d, or `unlimited`"

static struct sl_limit in_force(const char *text, enum sl_phase phase)
{
    struct reading reading = read_good(text);
    struct sl_deadlines deadlines;
    sl_config_deadlines(reading.config, &reading.config->listeners[0], &reading.config->routes[0],
                        &deadlines);
    forget(&reading);
    return deadlines.phase[phase];
}

static void expect_limit(const struct sl_limit *a, const struct sl_limit *b)
{
    assert_true(a->limit_ms == b->limit_ms);
    assert_true(a->total_ms == b->total_ms);
    assert_true(a->rate_Bps == b->rate_Bps);
    assert_true(a->window_ms == b->window_ms);
    assert_true(a->cap_bytes == b->cap_bytes);
    assert_true(a->is_enforced == b->is_enforced);
}

static void nothing_written_is_the_table(void **state)
{
    for (int i = 0; i < SL_N_PHASES; i++) {
        struct sl_limit limit = in_force(LEAST, (enum sl_phase)i);
        expect_limit(&limit, &sl_phase_table[i].preset);
    }
}

/* The short form and the long form of each phase set its main value, and that alone. */
static void each_phase_by_itself(void **state)
{
    for (int i = 0; i < SL_N_PHASES; i++) {
        const struct sl_phase_row *row = &sl_phase_table[i];
        /* longer than every default, shorter than linger's total; the handshake is no shorter than
           the first byte */
        uint64_t ms = i == SL_PHASE_LINGER ? 9000 : i == SL_PHASE_FIRST_BYTE ? 7000 : 7200000;
        for (int is_long = 0; is_long < 2; is_long++) {
            char text[256], value[64];
            struct sl_str s;
            sl_str_init(&s, value, sizeof(value));
            if (is_long)
                sl_str_addf(&s, "{%s: ", row->word);
            sl_str_add_duration(&s, ms);
            if (is_long)
                sl_str_addz(&s, "}");
            snprintf(text, sizeof(text), "%sdeadlines: {%s: %s}\n", LEAST, row->key, value);
            for (int j = 0; j < SL_N_PHASES; j++) {
                struct sl_limit limit = in_force(text, (enum sl_phase)j);
                struct sl_limit expected = sl_phase_table[j].preset;
                if (i == j)
                    expected.limit_ms = ms;
                expect_limit(&limit, &expected);
            }
        }
    }
}

/* A listener may set all but drain, a route what begins when the request is known. */
static void scopes(void **state)
{
    for (int i = 0; i < SL_N_PHASES; i++) {
        const struct sl_phase_row *row = &sl_phase_table[i];
        const char *value = i == SL_PHASE_LINGER ? "9s" : i == SL_PHASE_FIRST_BYTE ? "7s" : "2h";
        char text[256], errors[256] = "";
        snprintf(text, sizeof(text),
                 UPSTREAM "listeners: [{address: ':1', tls: off, deadlines: {%s: %s}}]\n", row->key,
                 value);
        if (row->scope == SL_SCOPE_GLOBAL)
            snprintf(errors, sizeof(errors),
                     "t:2:51: listeners[0].deadlines.%s: found in a listener, expected only in the "
                     "`deadlines` of the top level: it concerns the whole process\n",
                     row->key);
        expect_errors(text, errors);
        snprintf(text, sizeof(text), LEAST "routes: [{upstream: app, deadlines: {%s: %s}}]\n",
                 row->key, value);
        if (row->scope == SL_SCOPE_GLOBAL)
            snprintf(errors, sizeof(errors),
                     "t:3:38: routes[0].deadlines.%s: found in a route, expected only in the "
                     "`deadlines` of the top level: it concerns the whole process\n",
                     row->key);
        if (row->scope == SL_SCOPE_LISTENER)
            snprintf(errors, sizeof(errors),
                     "t:3:38: routes[0].deadlines.%s: found in a route, expected in a listener or "
                     "in the `deadlines` of the top level: it concerns the connection, not a "
                     "request\n",
                     row->key);
        expect_errors(text, errors);
    }
    expect_errors(
        LEAST "routes: [{upstream: app, deadlines: {max_age: 5s}}]\n",
        "t:3:38: routes[0].deadlines.max_age: unknown key `max_age` in these `deadlines`; "
        "it belongs in `deadlines` at the top level\n");
}

/* Each value by itself: the nearest level that wrote it. */
static void levels(void **state)
{
    struct sl_limit limit = in_force(
        "listeners:\n"
        "  - address: ':1'\n"
        "    tls: off\n"
        "    deadlines: {request_body: {min_rate: 2KiB/s, window: 20s}, keepalive: 5s}\n" UPSTREAM
        "routes: [{upstream: app, deadlines: {request_body: {window: 5s, total: 3h}}}]\n"
        "deadlines: {request_body: {idle: 12s, min_rate: 1KiB/s, enforce: false}, keepalive: 6s}\n",
        SL_PHASE_REQUEST_BODY);
    assert_int_equal(limit.limit_ms, 12000);
    assert_int_equal(limit.rate_Bps, 2048);
    assert_int_equal(limit.window_ms, 5000);
    assert_int_equal(limit.total_ms, 3 * 3600000);
    assert_false(limit.is_enforced);
}

static void shadow_mode_can_be_taken_back(void **state)
{
    assert_true(in_force(LEAST
                         "deadlines: {response: {enforce: false}}\n"
                         "routes: [{upstream: app, deadlines: {response: {enforce: true}}}]\n",
                         SL_PHASE_RESPONSE)
                    .is_enforced);
}

static void linger_has_a_cap(void **state)
{
    struct sl_limit limit = in_force(
        LEAST "deadlines: {linger: {idle: 1s, total: 3s, max_bytes: 5KiB}}\n", SL_PHASE_LINGER);
    assert_int_equal(limit.limit_ms, 1000);
    assert_int_equal(limit.total_ms, 3000);
    assert_int_equal(limit.cap_bytes, 5120);
}

static void unlimited_only_by_its_word(void **state)
{
    assert_true(
        in_force(LEAST "deadlines: {keepalive: unlimited}\n", SL_PHASE_KEEPALIVE).limit_ms ==
        SL_UNLIMITED);
    static const char *const words[] = {"0", "''", "none", "Unlimited", "infinite", "off"};
    for (size_t i = 0; i < SL_N_ELEMENTS(words); i++) {
        char text[200], errors[256];
        snprintf(text, sizeof(text), LEAST "deadlines: {keepalive: %s}\n", words[i]);
        snprintf(errors, sizeof(errors),
                 "t:3:24: deadlines.keepalive: found `%s`, expected " DURATION "\n",
                 words[i][0] == '\'' ? "" : words[i]);
        expect_errors(text, errors);
    }
}

static void contradictions(void **state)
{
    static const struct {
        const char *text, *errors;
    } cases[] = {
        {LEAST "deadlines: {tls_handshake: 3s}\n",
         "t:3:28: deadlines.tls_handshake: found 3s, expected no less than `first_byte`, which is "
         "5s: both count from accept\n"},
        {LEAST "deadlines: {first_byte: 11s}\n",
         "t:3:25: deadlines.first_byte: found 11s, expected no more than `tls_handshake`, which is "
         "10s: both count from accept\n"},
        {LEAST "deadlines: {first_byte: {limit: 11s}, tls_handshake: {limit: 2s}}\n",
         "t:3:62: deadlines.tls_handshake.limit: found 2s, expected no less than `first_byte`, "
         "which is 11s: both count from accept\n"},
        {LEAST "deadlines: {first_byte: 10s, tls_handshake: 10s}\n", ""},
        /* a listener that brings it about is told; one without TLS has no handshake */
        {UPSTREAM "listeners:\n"
                  "  - address: ':1'\n"
                  "    tls: {certificates: [{certificate: c, key: k}]}\n"
                  "    deadlines: {first_byte: 20s}\n"
                  "  - {address: ':2', tls: off, deadlines: {first_byte: 20s}}\n",
         "t:5:29: listeners[0].deadlines.first_byte: found 20s, expected no more than "
         "`tls_handshake`, which is 10s: both count from accept\n"},
        {LEAST "deadlines: {upstream_body: {min_rate: 1KiB/s}}\n",
         "t:3:39: deadlines.upstream_body.min_rate: found a rate without a window, expected "
         "`window` beside it\n"},
        {LEAST "deadlines: {upstream_body: {window: 5s}}\n",
         "t:3:37: deadlines.upstream_body.window: found a window without a rate, expected "
         "`min_rate` beside it\n"},
        {LEAST "deadlines: {upstream_body: {min_rate: 1KiB/s, window: 5s}}\n", ""},
        {LEAST "deadlines: {request_body: {min_rate: off}}\n", ""},
        {LEAST "deadlines: {request_body: {min_rate: 1B/s, window: 999ms}}\n",
         "t:3:52: deadlines.request_body.window: less than one byte is required in a window of "
         "this length, expected a longer window or a higher `min_rate`\n"},
        {LEAST "deadlines: {request_body: {total: 29s}}\n",
         "t:3:35: deadlines.request_body.total: found 29s, expected no less than the `idle` of "
         "30s\n"},
        {LEAST "deadlines: {linger: 11s}\n",
         "t:3:21: deadlines.linger: found 11s, expected no more than the `total` of 10s\n"},
        {LEAST "deadlines: {response: {stall: unlimited, total: 1h}}\n", ""},
        {LEAST "deadlines: {request_body: {idle: 10s, total: 10s}}\n", ""},
        {LEAST "deadlines: {request_body: {total: 1h}}\n"
               "routes: [{upstream: app, deadlines: {request_body: 2h}}]\n",
         "t:4:52: routes[0].deadlines.request_body: found 2h, expected no more than the `total` of "
         "1h\n"},
        /* said once, where it was written, not again for each listener and route */
        {LEAST "deadlines: {request_body: {total: 29s}}\n"
               "routes: [{upstream: app, deadlines: {response: 9s}}]\n",
         "t:3:35: deadlines.request_body.total: found 29s, expected no less than the `idle` of "
         "30s\n"},
        /* what was wrong already is not blamed again */
        {UPSTREAM
         "listeners: [{address: ':1', tls: off, deadlines: {linger: {idle: 20s, total: 9}}}]\n",
         "t:2:78: listeners[0].deadlines.linger.total: found `9`, expected " DURATION "\n"},
        {LEAST "deadlines: {first_byte: 11, tls_handshake: 3s}\n",
         "t:3:25: deadlines.first_byte: found `11`, expected " DURATION "\n"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(cases); i++)
        expect_errors(cases[i].text, cases[i].errors);
}

static void positions_of_phases(void **state)
{
    struct reading reading = read_good(LEAST "deadlines:\n"
                                             "  keepalive: 5s\n"
                                             "  response:\n"
                                             "    stall: 9s\n");
    const struct sl_deadline_set *set = &reading.config->deadlines;
    assert_int_equal(set->set[SL_PHASE_KEEPALIVE].at.line, 4);
    assert_int_equal(set->set[SL_PHASE_RESPONSE].at.line, 5);
    assert_int_equal(set->set[SL_PHASE_RESPONSE].at.col, 3);
    assert_true(set->set[SL_PHASE_RESPONSE].has_limit && !set->set[SL_PHASE_RESPONSE].has_rate);
    assert_false(set->set[SL_PHASE_DRAIN].has_limit);
    forget(&reading);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_written_is_the_table),
        cmocka_unit_test(each_phase_by_itself),
        cmocka_unit_test(scopes),
        cmocka_unit_test(levels),
        cmocka_unit_test(shadow_mode_can_be_taken_back),
        cmocka_unit_test(linger_has_a_cap),
        cmocka_unit_test(unlimited_only_by_its_word),
        cmocka_unit_test(contradictions),
        cmocka_unit_test(positions_of_phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
