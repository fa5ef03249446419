/* SPDX-License-Identifier: Apache-2.0 */
/*
 * storm: clients and upstreams that do anything at any time. They send lawful and unlawful bytes in
 * pieces of any size, stop reading, close, reset; the configuration changes; the loop is late; if
 * asked for, memory is short, or most clients speak TLS. After every turn the laws hold
 * (harness.h); moreover, whatever was said, upstreams read lawful requests and clients lawful
 * responses, and nothing else (witness.h).
 */
#ifndef SLUICE_TEST_SIM_STORM_H
#define SLUICE_TEST_SIM_STORM_H

#include "tls_client.h"
#include "witness.h"

#define STORM_CLIENTS 6

/* Somebody who says what `text` is, "@n" being n bytes of anything. */
struct speaker {
    struct fake_wire *wire;
    const char *text;
    size_t n_filler;
    struct witness witness; /* of all that is said to it, and of what a client says */
    struct tls_client *tls; /* NULL: in clear */
};

struct storm {
    struct sim sim;
    struct sim_chance chance;
    bool has_short_memory;  /* an allocation fails now and then */
    bool has_plain_clients; /* neither TLS nor PROXY headers: what they say are requests */
    struct tls_client tls[STORM_CLIENTS];
    struct speaker clients[STORM_CLIENTS];
    struct speaker ups[SIM_MAX_WIRES];
};

/* Short deadlines, few connections, two endpoints. */
extern const struct sim_options storm_normal;

/* `st` is zero but for `chance` and has_short_memory. */
void storm_open(struct storm *st, const struct sim_options *options);
/* Somebody does something. */
void storm_move(struct storm *st);
/* Everybody falls silent, and within the sum of the deadlines is gone. */
void storm_fall_silent(struct storm *st);
/* Asserts that nothing is left. */
void storm_close(struct storm *st);

#endif
