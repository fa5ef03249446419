/* SPDX-License-Identifier: Apache-2.0 */
/*
 * phase: the table of deadlines, the heart of sluice.
 *
 * A phase has ONE name: it is the YAML key, the `phase` label of the metrics, the `phase` field of
 * the logs, the row of the status page and the enumerator here. The three laws:
 *
 *  1. No wait without a deadline. Every open socket is in exactly one phase whose timer is armed.
 *  2. No deadline cuts progress: a body is never cut while the awaited party keeps its pace.
 *  3. Only the party that holds the ball is charged.
 */
#ifndef SLUICE_BASE_PHASE_H
#define SLUICE_BASE_PHASE_H

#include <sluice/base/span.h>

/* A duration or rate that the operator wrote as the word `unlimited`. */
#define SL_UNLIMITED UINT64_MAX

enum sl_kind {
    SL_KIND_ABSOLUTE, /* fixed when the phase starts; nothing extends it */
    SL_KIND_PROGRESS, /* re-armed by progress, with a minimum rate over a window */
};

enum sl_side {
    SL_SIDE_NONE,
    SL_SIDE_CLIENT,
    SL_SIDE_UPSTREAM,
    SL_SIDE_POOL,  /* no connection slot was free */
    SL_SIDE_PROXY, /* sluice itself */
    SL_SIDE_BOTH,
    SL_N_SIDES,
};

/* Where a phase may be overridden. */
enum sl_scope {
    SL_SCOPE_LISTENER, /* globally and per listener */
    SL_SCOPE_ROUTE,    /* globally, per listener and per route */
    SL_SCOPE_GLOBAL,   /* globally only */
};

/*
 * The rows, in the order of a connection's life.
 *
 * key: name. awaited: whom expiry blames. limit: milliseconds, for progress phases the longest time
 * without progress. total: milliseconds for the whole phase. rate: bytes per second, over `window`
 * milliseconds of charged time; 0 where the phase has no minimum rate. bytes: byte cap; 0 where the
 * phase has none. word: the YAML key of `limit` inside a mapping. status: what the client is
 * answered on expiry when it can be answered, else 0.
 */
/* clang-format off */
/*  symbol            key                awaited   kind      scope     word     limit    total         rate window bytes status */
#define SL_PHASES(X)                                                                                                                  \
    X(PROXY_HEADER,     proxy_header,     CLIENT,   ABSOLUTE, LISTENER, "limit", 3000,    SL_UNLIMITED, 0,   0,     0,      0)          \
    X(FIRST_BYTE,       first_byte,       CLIENT,   ABSOLUTE, LISTENER, "limit", 5000,    SL_UNLIMITED, 0,   0,     0,      0)          \
    X(TLS_HANDSHAKE,    tls_handshake,    CLIENT,   ABSOLUTE, LISTENER, "limit", 10000,   SL_UNLIMITED, 0,   0,     0,      0)          \
    X(REQUEST_START,    request_start,    CLIENT,   ABSOLUTE, LISTENER, "limit", 10000,   SL_UNLIMITED, 0,   0,     0,      0)          \
    X(REQUEST_HEADER,   request_header,   CLIENT,   ABSOLUTE, LISTENER, "limit", 10000,   SL_UNLIMITED, 0,   0,     0,      408)        \
    X(REQUEST_BODY,     request_body,     CLIENT,   PROGRESS, ROUTE,    "idle",  30000,   SL_UNLIMITED, 512, 30000, 0,      408)        \
    X(KEEPALIVE,        keepalive,        CLIENT,   ABSOLUTE, LISTENER, "limit", 75000,   SL_UNLIMITED, 0,   0,     0,      0)          \
    X(RESPONSE,         response,         CLIENT,   PROGRESS, ROUTE,    "stall", 30000,   SL_UNLIMITED, 512, 30000, 0,      0)          \
    X(UPSTREAM_QUEUE,   upstream_queue,   POOL,     ABSOLUTE, ROUTE,    "limit", 5000,    SL_UNLIMITED, 0,   0,     0,      503)        \
    X(UPSTREAM_CONNECT, upstream_connect, UPSTREAM, ABSOLUTE, ROUTE,    "limit", 5000,    SL_UNLIMITED, 0,   0,     0,      504)        \
    X(UPSTREAM_WRITE,   upstream_write,   UPSTREAM, PROGRESS, ROUTE,    "stall", 30000,   SL_UNLIMITED, 0,   0,     0,      504)        \
    X(UPSTREAM_HEADER,  upstream_header,  UPSTREAM, ABSOLUTE, ROUTE,    "limit", 60000,   SL_UNLIMITED, 0,   0,     0,      504)        \
    X(UPSTREAM_BODY,    upstream_body,    UPSTREAM, PROGRESS, ROUTE,    "idle",  60000,   SL_UNLIMITED, 0,   0,     0,      0)          \
    X(TUNNEL,           tunnel,           BOTH,     PROGRESS, ROUTE,    "idle",  3600000, SL_UNLIMITED, 0,   0,     0,      0)          \
    X(LINGER,           linger,           CLIENT,   ABSOLUTE, LISTENER, "idle",  2000,    10000,        0,   0,     1048576, 0)         \
    X(DRAIN,            drain,            PROXY,    ABSOLUTE, GLOBAL,   "limit", 30000,   SL_UNLIMITED, 0,   0,     0,      0)
/* clang-format on */

enum sl_phase {
    SL_PHASE_NONE = -1, /* not waiting: closed, or work is under way in this very turn */
#define X(sym, key, awaited, kind, scope, word, limit, total, rate, window, bytes, status)         \
    SL_PHASE_##sym,
    SL_PHASES(X)
#undef X
        SL_N_PHASES
};

/* The effective limits of one phase. A live wait keeps the values with which it began. */
struct sl_limit {
    uint64_t
        limit_ms; /* absolute: the deadline; progress and linger: longest time without progress */
    uint64_t total_ms;  /* whole phase; SL_UNLIMITED: none */
    uint64_t rate_Bps;  /* bytes per second of charged time; 0: none */
    uint64_t window_ms; /* the window over which rate_Bps is required */
    uint64_t cap_bytes; /* linger only: bytes read and thrown away at most */
    bool is_enforced;   /* false: shadow mode; expiry is counted and logged, and cuts nothing */
};

struct sl_deadlines {
    struct sl_limit phase[SL_N_PHASES];
};

/* One row of the table, as data. */
struct sl_phase_row {
    const char *key;
    const char *word; /* YAML key of limit_ms within a mapping */
    enum sl_side awaited;
    enum sl_kind kind;
    enum sl_scope scope;
    struct sl_limit preset; /* the defaults */
    int status;
};

extern const struct sl_phase_row sl_phase_table[SL_N_PHASES];

/* "first_byte"; "none" for SL_PHASE_NONE. Static. */
const char *sl_phase_key(enum sl_phase phase);
/* "client", "upstream", "pool", "proxy", "both", "none". Static. */
const char *sl_side_name(enum sl_side side);
/* Sets every phase to its default. */
void sl_deadlines_init(struct sl_deadlines *d);
/*
 * Why something ended: the phase it was in, who is to blame, and the error. The first cause that is
 * recorded is the one that stays.
 */
struct sl_cause {
    enum sl_phase phase;
    enum sl_side side;
    int err; /* enum sl_err; 0: it ended well */
};

#endif
