/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange: a whole worker on the fake loop, and the input is everything that happens to it: who
 * connects, says what in which pieces, stops reading, closes, half-closes or resets, which connects
 * are refused or hang, when the clock moves or the loop is late, which allocation fails, reloads
 * and the drain. Laws: those of test/sim/storm.h; and then, when the input is used up and everybody
 * falls silent, nobody is left within the sum of the deadlines.
 */
#include "fuzz.h"
#include "storm.h"

/* The first choice. Each makes other parts of the house busy. None is TLS: its random numbers would
   look like something new in every run, and test/sim/storms.c has it. */
static struct sim_options pick_options(struct sim_chance *chance)
{
    struct sim_options o = storm_normal;

    switch (sim_pick(chance, 4)) {
    case 0:
        break;
    case 1: /* one endpoint: sim_check sees nobody wait beside a free slot */
        o.endpoints = "{address: 10.0.0.1:80, max_connections: 2}";
        o.limits = "max_connections: 100";
        break;
    case 2:
        o.listener = ", proxy_protocol: required";
        break;
    default:
        o.upstream = ", keepalive: false, chunked_requests: reject";
        o.limits = "max_connections: 100, header_bytes: 1KiB, target_bytes: 300B, header_fields: 8";
    }
    return o;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static struct storm storm; /* large: to allocate it would be half of the work */
    struct storm *st = &storm;

    setenv("CMOCKA_TEST_ABORT", "1", 1); /* a broken law of the harness aborts, too */
    memset(st, 0, sizeof(*st));
    st->chance = (struct sim_chance){.has_script = true, .script = sl_span(bytes, n)};
    struct sim_options options = pick_options(&st->chance);
    st->has_short_memory = true;
    storm_open(st, &options);
    while (st->chance.script.len > 0 && st->sim.n_up < SIM_MAX_WIRES / 2)
        storm_move(st);
    storm_fall_silent(st);
    storm_close(st);
    return 0;
}
