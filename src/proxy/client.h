/* SPDX-License-Identifier: Apache-2.0 */
/*
 * client: one connection of a client, speaking HTTP/1.x. What only a request needs (parser,
 * exchange, response meter) comes from pools with its first byte and is given back when the client
 * rests. It implements the stream that an exchange meets, and keeps the deadlines of the socket:
 * proxy_header, first_byte, tls_handshake, request_start, request_header, keepalive, linger, and
 * the response meter.
 */
#ifndef SLUICE_PROXY_CLIENT_H
#define SLUICE_PROXY_CLIENT_H

#include "crowd.h"
#include "exchange.h"

/* clang-format off */
/*
 *   state      waits for                             phase (deadline)
 *   OPENING    PROXY header, first byte, handshake   proxy_header, first_byte, tls_handshake
 *   START      the first request                     request_start
 *   HEADER     the rest of a head                    request_header
 *   EXCHANGE   the exchange                          the exchange's
 *   DISCARD    the rest of a refused body, thrown    linger (response, until the answer is delivered)
 *              away so that the connection is kept
 *   IDLE       the next request                      keepalive (response, until all is delivered)
 *   LINGER     the client to close                   linger (response, until all is delivered)
 */
/* clang-format on */
enum sl_client_state {
    SL_CLIENT_OPENING,
    SL_CLIENT_START,
    SL_CLIENT_HEADER,
    SL_CLIENT_EXCHANGE,
    SL_CLIENT_DISCARD,
    SL_CLIENT_IDLE,
    SL_CLIENT_LINGER,
    SL_CLIENT_CLOSED,
};

/* What was written and may not have arrived yet. */
struct sl_delivery {
    struct sl_meter meter; /* of the phase response */
    struct sl_client *client;
    uint64_t from; /* of the channel's written bytes: where this run of the meter began */
};

struct sl_client {
    union {
        struct sl_place place; /* in the crowd, until it is closed */
        struct sl_grave grave; /* from then on */
    };
    struct sl_stream stream;
    struct sl_proxy *proxy;
    struct sl_upstreams *set; /* of the plan it was accepted under; a reference */
    const struct sl_plan_listener *listener;
    struct sl_channel channel;
    struct sl_parser *parser;     /* from a request's first byte until it rests, else NULL */
    struct sl_exchange *exchange; /* NULL between requests */
    struct sl_addr *proxied;      /* whom the PROXY header names, or NULL */
    struct sl_deadline deadline;
    struct sl_delivery *delivery; /* while it may still have bytes to take, else NULL */
    struct sl_tls_report tls;     /* with has_tls_report */
    uint32_t tls_handshake_ms;    /* from accept to its end */

    enum sl_client_state state;
    enum sl_phase phase; /* the gauge it is counted under */
    uint64_t phase_since_ms;
    uint64_t limit_ms; /* in force for the deadline: under pressure less than configured */
    uint64_t accepted_ms, began_ms; /* began: first byte of the present request */
    union {
        struct {                       /* until its handshake is over */
            uint64_t accepted_sure_ms; /* accepted_ms by the clock of sl_loop_sure_ms */
            uint64_t excused_ms;       /* standstills that it has been given back */
        };
        struct { /* while it lingers */
            uint64_t linger_until_ms, n_lingered;
        };
    };
    uint64_t n_requests;
    uint64_t n_in_counted, n_out_counted;
    bool is_closing; /* no further request on this connection */
    bool has_ended;  /* the client sent FIN: it may still read */
    bool has_tls;
    bool has_tls_report;    /* its handshake has succeeded */
    bool is_handshake_over; /* counted */
    bool is_reprieved;      /* its rest was over once already */
    bool is_let_off;        /* its linger is over, and goes on: not enforced */
};

/* See sl_proxy_accept. */
void sl_client_accept(struct sl_proxy *proxy, struct sl_tcp_listener *listener, size_t index);
/* Its plan is retired, or the process ends: closes in a moment if it is between two requests, now
   with `ends_opening` if it has not begun one, else after the present exchange. */
void sl_client_retire(struct sl_client *c, bool ends_opening);
/* Ends at once; what is cut is seen to be cut. */
void sl_client_kill(struct sl_client *c, const struct sl_cause *cause);
struct sl_addr sl_client_peer(const struct sl_client *c);
/* Law 1, for assertions. */
bool sl_client_is_guarded(const struct sl_client *c);

#endif
