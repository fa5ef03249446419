/* SPDX-License-Identifier: Apache-2.0 */
/*
 * harness: a whole worker's data path on the fake loop. The test is the clients and the upstreams;
 * a wire is what each of them holds. After every turn the laws are asserted (sim_check), and at the
 * end that nothing is left.
 */
#ifndef SLUICE_TEST_SIM_HARNESS_H
#define SLUICE_TEST_SIM_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>

#include <cmocka.h>

#include <sluice/proxy/proxy.h>

#include "client.h"
#include "dial.h"
#include "fake.h"
#include "inner.h"
#include "upstream.h"

#define SIM_MAX_WIRES 4096

/* Parts of the configuration as YAML in flow style; NULL: nothing, or the default. */
struct sim_options {
    const char *listener;  /* ", proxy_protocol: required" */
    const char *endpoints; /* default "10.0.0.1:80" */
    const char *upstream;  /* ", max_queue: 1" */
    const char *route;     /* ", max_body: 10" */
    const char *deadlines; /* "linger: {idle: 1s}" */
    const char *limits;    /* "max_connections: 4" */
    bool is_tls;
};

struct sim {
    struct sl_loop *loop;
    struct sl_counters counters;
    struct sl_plan *plan;
    struct sl_proxy *proxy;
    struct sl_tcp_listener *listener;
    struct sl_tls_server *tls_server;
    uint64_t started_ms;
    /* Upstream connections, in the order in which they were asked for. */
    struct fake_wire *up[SIM_MAX_WIRES];
    struct sl_addr up_to[SIM_MAX_WIRES];
    size_t n_up;
    int answer; /* to connects from now on: 0, FAKE_HANG, SL_ERR_* */
    /* Plays peers after each turn; true: did something. */
    bool (*play)(struct sim *s);
    void *play_ctx;
    size_t max_chunks; /* most chunks in queues at the end of a turn */
    bool is_drained;
    struct sl_logger *access;
};

/* Access lines are written, too (to nowhere), by simulations opened from now on. */
extern bool sim_has_access_log;

/* ---- life ---- */

void sim_open(struct sim *s, const struct sim_options *options);
/* Closes everything, asserts that nothing is left. */
void sim_close(struct sim *s);
/* The same proxy under another configuration. */
void sim_reload(struct sim *s, const struct sim_options *options);
void sim_drain(struct sim *s);
/* What is asserted after each turn. */
void sim_check(struct sim *s);

/* ---- time ---- */

void sim_settle(struct sim *s);
void sim_advance(struct sim *s, uint64_t ms);
/* Virtual ms since sim_open. */
uint64_t sim_ms(const struct sim *s);
/* Advances until the proxy has closed this wire, at most by max_ms; returns how long that took. */
uint64_t sim_until_closed(struct sim *s, const struct fake_wire *wire, uint64_t max_ms);

/* ---- peers ---- */

/* Connects, and settles. `from`: "192.0.2.7:4000" or NULL. */
struct fake_wire *sim_connect(struct sim *s, const char *from);
/* The same, and says this. */
struct fake_wire *sim_ask(struct sim *s, const char *text);
/* Says this, and settles. */
void sim_say(struct sim *s, struct fake_wire *wire, const char *text);
void sim_say_n(struct sim *s, struct fake_wire *wire, size_t n); /* n bytes of a pattern */
/* The newest upstream connection; asserts that there are `n` in all by now. */
struct fake_wire *sim_up(struct sim *s, size_t n);

/* ---- looking ---- */

bool sim_got(const struct fake_wire *wire, const char *text);
size_t sim_n_got(const struct fake_wire *wire);
#define assert_got(wire_, text_)                                                                   \
    do {                                                                                           \
        if (!sim_got(wire_, text_))                                                                \
            fail_msg("not got: %s\ngot: %.*s", text_, (int)fake_wire_received(wire_).len,          \
                     fake_wire_received(wire_).ptr);                                               \
    } while (0)
#define assert_state(wire_, state_) assert_int_equal(fake_wire_state(wire_), state_)
uint64_t sim_expired(const struct sim *s, enum sl_phase phase);
/* Sum over all phases. */
uint64_t sim_expired_all(const struct sim *s);
uint64_t sim_count(const struct sim *s, enum sl_counter counter);
uint64_t sim_in_phase(const struct sim *s, enum sl_phase phase);
#define assert_expired_only(s_, phase_)                                                            \
    do {                                                                                           \
        assert_int_equal(sim_expired(s_, phase_), 1);                                              \
        assert_int_equal(sim_expired_all(s_), 1);                                                  \
    } while (0)
/* a <= x <= b, with words. */
#define assert_between(x_, a_, b_)                                                                 \
    do {                                                                                           \
        uint64_t got_ = (x_);                                                                      \
        if (got_ < (a_) || got_ > (b_))                                                            \
            fail_msg("%llu is not within %llu .. %llu", (unsigned long long)got_,                  \
                     (unsigned long long)(a_), (unsigned long long)(b_));                          \
    } while (0)

/* ---- chance ---- */

struct sim_chance {
    uint64_t state;
    bool has_script;       /* choices are read from `script`; 0 once it is used up */
    struct sl_span script; /* borrowed */
};
/* 0 .. n-1 */
uint64_t sim_pick(struct sim_chance *chance, uint64_t n);
/* SL_SIM_SEED of the environment, or `preset`. */
uint64_t sim_seed(uint64_t preset);

#define SIM_GET "GET / HTTP/1.1\r\nHost: a.example\r\n\r\n"

#endif
