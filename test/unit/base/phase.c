/* SPDX-License-Identifier: Apache-2.0 */
/* The table of deadlines: its rows are those that the documentation promises. */
#include <stdarg.h>
#include <stddef.h>
#include <setjmp.h>
#include <stdint.h>
#include <cmocka.h>
#include <sluice/base/phase.h>

/* Written out once more by hand: the defaults are a promise to operators, not a detail. */
static const struct {
    const char *key, *word, *side;
    enum sl_kind kind;
    uint64_t limit_ms, total_ms, rate_Bps, window_ms, cap_bytes;
    int status;
} promised[] = {
    {"proxy_header", "limit", "client", SL_KIND_ABSOLUTE, 3000, SL_UNLIMITED, 0, 0, 0, 0},
    {"first_byte", "limit", "client", SL_KIND_ABSOLUTE, 5000, SL_UNLIMITED, 0, 0, 0, 0},
    {"tls_handshake", "limit", "client", SL_KIND_ABSOLUTE, 10000, SL_UNLIMITED, 0, 0, 0, 0},
    {"request_start", "limit", "client", SL_KIND_ABSOLUTE, 10000, SL_UNLIMITED, 0, 0, 0, 0},
    {"request_header", "limit", "client", SL_KIND_ABSOLUTE, 10000, SL_UNLIMITED, 0, 0, 0, 408},
    {"request_body", "idle", "client", SL_KIND_PROGRESS, 30000, SL_UNLIMITED, 512, 30000, 0, 408},
    {"keepalive", "limit", "client", SL_KIND_ABSOLUTE, 75000, SL_UNLIMITED, 0, 0, 0, 0},
    {"response", "stall", "client", SL_KIND_PROGRESS, 30000, SL_UNLIMITED, 512, 30000, 0, 0},
    {"upstream_queue", "limit", "pool", SL_KIND_ABSOLUTE, 5000, SL_UNLIMITED, 0, 0, 0, 503},
    {"upstream_connect", "limit", "upstream", SL_KIND_ABSOLUTE, 5000, SL_UNLIMITED, 0, 0, 0, 504},
    {"upstream_write", "stall", "upstream", SL_KIND_PROGRESS, 30000, SL_UNLIMITED, 0, 0, 0, 504},
    {"upstream_header", "limit", "upstream", SL_KIND_ABSOLUTE, 60000, SL_UNLIMITED, 0, 0, 0, 504},
    {"upstream_body", "idle", "upstream", SL_KIND_PROGRESS, 60000, SL_UNLIMITED, 0, 0, 0, 0},
    {"tunnel", "idle", "both", SL_KIND_PROGRESS, 3600000, SL_UNLIMITED, 0, 0, 0, 0},
    {"linger", "idle", "client", SL_KIND_ABSOLUTE, 2000, 10000, 0, 0, 1048576, 0},
    {"drain", "limit", "proxy", SL_KIND_ABSOLUTE, 30000, SL_UNLIMITED, 0, 0, 0, 0},
};

static void rows_are_as_promised(void **state)
{
    struct sl_deadlines d;
    assert_int_equal(SL_N_ELEMENTS(promised), SL_N_PHASES);
    sl_deadlines_init(&d);
    for (int i = 0; i < SL_N_PHASES; i++) {
        const struct sl_phase_row *row = &sl_phase_table[i];
        const struct sl_limit *limit = &d.phase[i];
        assert_string_equal(row->key, promised[i].key);
        assert_string_equal(sl_phase_key((enum sl_phase)i), promised[i].key);
        assert_string_equal(row->word, promised[i].word);
        assert_string_equal(sl_side_name(row->awaited), promised[i].side);
        assert_int_equal(row->kind, promised[i].kind);
        assert_int_equal(row->status, promised[i].status);
        assert_true(limit->limit_ms == promised[i].limit_ms);
        assert_true(limit->total_ms == promised[i].total_ms);
        assert_true(limit->rate_Bps == promised[i].rate_Bps);
        assert_true(limit->window_ms == promised[i].window_ms);
        assert_true(limit->cap_bytes == promised[i].cap_bytes);
        assert_true(limit->is_enforced);
    }
}

static void scopes_follow_the_phase(void **state)
{
    assert_int_equal(sl_phase_table[SL_PHASE_FIRST_BYTE].scope, SL_SCOPE_LISTENER);
    assert_int_equal(sl_phase_table[SL_PHASE_REQUEST_BODY].scope, SL_SCOPE_ROUTE);
    assert_int_equal(sl_phase_table[SL_PHASE_UPSTREAM_HEADER].scope, SL_SCOPE_ROUTE);
    assert_int_equal(sl_phase_table[SL_PHASE_DRAIN].scope, SL_SCOPE_GLOBAL);
    /* Before a request there is no route that could override anything. */
    for (int i = 0; i <= SL_PHASE_REQUEST_HEADER; i++)
        assert_int_equal(sl_phase_table[i].scope, SL_SCOPE_LISTENER);
}

static void what_is_no_phase_is_none(void **state)
{
    assert_string_equal(sl_phase_key(SL_PHASE_NONE), "none");
    assert_string_equal(sl_phase_key(SL_N_PHASES), "none");
    assert_string_equal(sl_phase_key((enum sl_phase)1000), "none");
    assert_string_equal(sl_side_name(SL_SIDE_NONE), "none");
    assert_string_equal(sl_side_name(SL_N_SIDES), "none");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_as_promised),
        cmocka_unit_test(scopes_follow_the_phase),
        cmocka_unit_test(what_is_no_phase_is_none),
    };
    return cmocka_run_group_tests_name("phase", tests, NULL, NULL);
}
