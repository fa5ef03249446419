// SPDX-License-Identifier: Apache-2.0
/*
 * storms: everybody does anything at any time, thousands of times (storm.h). Then everybody falls
 * silent: within the sum of the deadlines nobody is left, and nothing is leaked.
 *
 * A failure prints its seed; SL_SIM_SEED=n runs that storm alone.
 */
#include "storm.h"

#include <stdlib.h>

#define N_STORMS 2000
#define N_MOVES  250

static uint64_t running_seed;

static void run_storm(uint64_t seed, const struct sim_options *options, bool has_short_memory)
{
    struct storm *st = test_calloc(1, sizeof(*st));

    running_seed = seed;
    st->chance.state = seed;
    st->has_short_memory = has_short_memory;
    storm_open(st, options);
    for (int i = 0; i < N_MOVES; i++)
        storm_move(st);
    if (sim_pick(&st->chance, 4))
        storm_fall_silent(st);
    storm_close(st);
    test_free(st);
}

static int tell_seed(void **state)
{
    print_message("# seed %llu\n", (unsigned long long)running_seed);
    return 0;
}

static void run_storms(const struct sim_options *options, bool has_short_memory, uint64_t first,
                       uint64_t n)
{
    uint64_t seed = sim_seed(0);

    if (seed)
        run_storm(seed, options, has_short_memory);
    else
        for (uint64_t i = 0; i < n; i++)
            run_storm(first + i, options, has_short_memory);
}

static void after_any_storm_everybody_is_gone_in_time(void **state)
{
    run_storms(&storm_normal, false, 1, N_STORMS);
}

static void after_any_storm_without_memory_everybody_is_gone_in_time(void **state)
{
    run_storms(&storm_normal, true, 3000000, N_STORMS / 2);
}

/* One endpoint, hardly any slots, no limit for clients: sim_check sees nobody wait beside a slot.
 */
static void in_any_storm_nobody_waits_beside_a_free_slot(void **state)
{
    struct sim_options o = storm_normal;
    o.endpoints = "{address: 10.0.0.1:80, max_connections: 2}";
    o.limits = "max_connections: 100";
    run_storms(&o, false, 2000000, N_STORMS / 3);
}

static void after_any_storm_on_tls_everybody_is_gone_in_time(void **state)
{
    struct sim_options o = storm_normal;
    o.is_tls = true;
    run_storms(&o, false, 1000000, 200);
}

static void after_any_storm_on_tls_without_memory_everybody_is_gone_in_time(void **state)
{
    struct sim_options o = storm_normal;
    o.is_tls = true;
    run_storms(&o, true, 4000000, 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(after_any_storm_everybody_is_gone_in_time, tell_seed),
        cmocka_unit_test_teardown(after_any_storm_without_memory_everybody_is_gone_in_time,
                                  tell_seed),
        cmocka_unit_test_teardown(in_any_storm_nobody_waits_beside_a_free_slot, tell_seed),
        cmocka_unit_test_teardown(after_any_storm_on_tls_everybody_is_gone_in_time, tell_seed),
        cmocka_unit_test_teardown(after_any_storm_on_tls_without_memory_everybody_is_gone_in_time,
                                  tell_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
