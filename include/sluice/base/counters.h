/* SPDX-License-Identifier: Apache-2.0 */
/*
 * counters: what one worker has counted. Written by that worker only, read by anybody: every cell
 * is a relaxed atomic, so an increment costs a plain add and a scrape needs no lock.
 */
#ifndef SLUICE_BASE_COUNTERS_H
#define SLUICE_BASE_COUNTERS_H

#include <stdatomic.h>
#include <sluice/base/phase.h>

typedef _Atomic uint64_t sl_count;

/* Plain counters. The metric is named sluice_<name>; those that end in _total only grow. */
/*  symbol               name                                help */
#define SL_COUNTERS(X)                                                                             \
    X(ACCEPTED, "connections_accepted_total", "Client connections accepted")                       \
    X(CLOSED, "connections_closed_total", "Client connections closed")                             \
    X(EVICTED, "connections_evicted_total", "Connections closed to make room for others")          \
    X(REFUSED, "connections_refused_total",                                                        \
      "Connections closed at accept because a limit was reached")                                  \
    X(HS_ATTEMPTS, "tls_handshakes_total",                                                         \
      "TLS handshakes begun: connections whose first byte was awaited on a TLS listener")          \
    X(HS_RESUMED, "tls_handshakes_resumed_total", "TLS handshakes that resumed a session")         \
    X(HS_WAITED, "tls_handshakes_waited_total",                                                    \
      "TLS handshakes that had to wait for their share of a worker's time")                        \
    X(REQUESTS, "requests_total", "Requests whose header was complete or refused")                 \
    X(CLIENT_RX, "client_received_bytes_total", "Bytes received from clients, after TLS")          \
    X(CLIENT_TX, "client_sent_bytes_total", "Bytes sent to clients, before TLS")                   \
    X(UPSTREAM_RX, "upstream_received_bytes_total", "Bytes received from upstreams")               \
    X(UPSTREAM_TX, "upstream_sent_bytes_total", "Bytes sent to upstreams")                         \
    X(UPSTREAM_CONNECTS, "upstream_connects_total", "Connections to upstreams attempted")          \
    X(UPSTREAM_FAILURES, "upstream_connect_failures_total",                                        \
      "Connections to upstreams that failed")                                                      \
    X(UPSTREAM_REUSES, "upstream_reuses_total", "Requests sent on a kept upstream connection")     \
    X(UPSTREAM_RETRIES, "upstream_retries_total",                                                  \
      "Requests sent again on another upstream connection")                                        \
    X(UPSTREAM_QUEUED, "upstream_queued_total", "Requests that waited for an upstream connection") \
    X(TUNNELS, "tunnels_total", "Connections switched to a tunnel (101)")                          \
    X(ACCEPT_ERRORS, "accept_errors_total", "Accepts that the system refused")

enum sl_counter {
#define X(sym, name, help) SL_COUNT_##sym,
    SL_COUNTERS(X)
#undef X
        SL_N_COUNTERS
};

/* How a TLS handshake ended: attempts = sum of all of these + those under way. */
#define SL_HANDSHAKE_ENDS(X)                                                                       \
    X(OK, "ok")                                                                                    \
    X(SILENT, "silent")     /* first_byte expired without a byte */                                \
    X(STALLED, "stalled")   /* tls_handshake expired after some bytes */                           \
    X(OVERLOAD, "overload") /* tls_handshake expired while its hello waited for its turn */        \
    X(EVICTED, "evicted")                                                                          \
    X(PLAIN_HTTP, "plain_http")                                                                    \
    X(NOT_TLS, "not_tls")                                                                          \
    X(UNKNOWN_SNI, "unknown_sni")                                                                  \
    X(NO_SHARED_CIPHER, "no_shared_cipher")                                                        \
    X(BAD_VERSION, "bad_version")                                                                  \
    X(NO_SHARED_PROTOCOL, "no_shared_protocol")                                                    \
    X(PEER_ALERT, "peer_alert")                                                                    \
    X(PROTOCOL, "protocol")                                                                        \
    X(RESET, "reset")                                                                              \
    X(EOF, "eof")                                                                                  \
    X(SHUTDOWN, "shutdown") /* sluice itself ended */                                              \
    X(INTERNAL, "internal")

enum sl_handshake_end {
#define X(sym, name) SL_HANDSHAKE_##sym,
    SL_HANDSHAKE_ENDS(X)
#undef X
        SL_N_HANDSHAKE_ENDS
};

const char *sl_handshake_end_name(enum sl_handshake_end end);

/* Histogram of durations: cumulative upper bounds in ms; the last bucket is +Inf. */
#define SL_DURATION_BOUNDS_MS                                                                      \
    {                                                                                              \
        1, 2, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000, 300000          \
    }
#define SL_N_DURATION_BOUNDS 16

struct sl_histogram {
    sl_count bucket[SL_N_DURATION_BOUNDS + 1]; /* not cumulative here; made so when scraped */
    sl_count sum_ms;
};

/* Head-room: used/limit of a phase that ended well, in tenths; the last is >= 100 % (shadow mode).
 */
#define SL_N_HEADROOM 11
/* Beyond this share of its limit a phase that ended well counts as a near miss. */
#define SL_NEAR_MISS_PERCENT 80

enum { SL_TLS_1_2, SL_TLS_1_3, SL_N_TLS_VERSIONS };
enum { SL_N_SUITES = 9 }; /* AEAD suites that are offered; see tls/server.h for their names */

struct sl_counters {
    sl_count count[SL_N_COUNTERS];
    sl_count expired[SL_N_PHASES];        /* deadlines that cut */
    sl_count expired_shadow[SL_N_PHASES]; /* deadlines that would have cut: enforce: false */
    sl_count near_miss[SL_N_PHASES];
    sl_count headroom[SL_N_PHASES][SL_N_HEADROOM];
    sl_count connections[SL_N_PHASES]; /* gauge: sockets of clients in this phase now */
    sl_count handshakes_waiting;       /* gauge: those that wait for their turn now */
    sl_count handshake_end[SL_N_HANDSHAKE_ENDS];
    sl_count handshake_version[SL_N_TLS_VERSIONS];
    sl_count handshake_suite[SL_N_SUITES];
    sl_count responses[6];                /* by status class; [0]: ended without a response */
    struct sl_histogram request_duration; /* first byte of a request to last byte of its response */
    struct sl_histogram upstream_duration;  /* request sent to response header */
    struct sl_histogram handshake_wait;     /* of each time that a handshake waited for its turn */
    struct sl_histogram handshake_duration; /* accept to handshake finished */
};

static inline void sl_count_add(sl_count *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) + n,
                          memory_order_relaxed);
}

static inline void sl_count_sub(sl_count *c, uint64_t n)
{
    atomic_store_explicit(c, atomic_load_explicit(c, memory_order_relaxed) - n,
                          memory_order_relaxed);
}

static inline uint64_t sl_count_get(const sl_count *c)
{
    return atomic_load_explicit(c, memory_order_relaxed);
}

void sl_histogram_add(struct sl_histogram *h, uint64_t ms);
/* A phase ended well after used_ms: head-room and, where it applies, the near miss. */
void sl_counters_headroom(struct sl_counters *c, enum sl_phase phase, uint64_t used_ms,
                          uint64_t limit_ms);
/* Adds every cell of `from` to `to`, which only the caller uses. */
void sl_counters_sum(struct sl_counters *to, const struct sl_counters *from);

#endif
