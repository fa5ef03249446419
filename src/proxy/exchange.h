/* SPDX-License-Identifier: Apache-2.0 */
/*
 * exchange: one request and its response, between a stream (the client's side) and a link (the
 * upstream's). Deadlines are kept here, per exchange: request_body, upstream_queue,
 * upstream_connect, upstream_write, upstream_header, upstream_body, tunnel. (`response` belongs to
 * the socket that the client reads from: client.h.)
 */
#ifndef SLUICE_PROXY_EXCHANGE_H
#define SLUICE_PROXY_EXCHANGE_H

#include <sluice/base/addr.h>
#include <sluice/http/target.h>
#include "dial.h"
#include "meter.h"
#include "pipe.h"
#include "stream.h"

#define SL_REQUEST_ID_BYTES 129 /* with the NUL */
#define SL_HOST_BYTES       264 /* a DNS name and a port; no longer authority is served */

enum sl_request_state {
    SL_REQUEST_HELD,    /* no link yet: the body stays with the client */
    SL_REQUEST_FLOWING, /* head sent; body bytes go to the link as they come */
    SL_REQUEST_DROPPED, /* the upstream takes no more: what still comes is thrown away */
    SL_REQUEST_COMPLETE,
};

enum sl_response_state {
    SL_RESPONSE_AWAITED, /* no final head yet */
    SL_RESPONSE_FLOWING,
    SL_RESPONSE_TUNNEL, /* 101: raw bytes both ways */
    SL_RESPONSE_OVER,
};

/* Whom the request came from, as its client knows. */
struct sl_origin {
    struct sl_addr peer;             /* of the connection, or what the PROXY header said */
    struct sl_span sni;              /* borrowed for the exchange's life, as is tls */
    const struct sl_tls_report *tls; /* NULL: no TLS */
    uint64_t tls_handshake_ms;       /* from accept to its end */
    size_t listener;                 /* index in the plan */
};

struct sl_exchange {
    struct sl_grave grave;
    struct sl_proxy *proxy;
    struct sl_upstreams *set; /* borrowed from the client, whose reference outlives it */
    struct sl_stream *stream;
    struct sl_origin origin;
    const struct sl_route_config *route; /* NULL until routed */
    const struct sl_deadlines *limits;   /* of listener and route */
    struct sl_upstream *upstream;

    struct sl_head *head; /* the request's; in the client's parser */
    struct sl_framing framing;
    struct sl_span host; /* with its port, as it is sent on; in host_text */
    char host_text[SL_HOST_BYTES];

    enum sl_request_state request;
    enum sl_response_state response;
    struct sl_dial dial;
    struct sl_link *link;                      /* NULL until dialled, and after it was given back */
    const struct sl_endpoint_config *endpoint; /* the last one dialled, or NULL */
    bool is_reused_link, has_retried;
    bool is_upgrade;                           /* the request asks for one, and may */
    bool awaits_continue;                      /* the client waits for 100 */
    bool is_link_spent;                        /* the link cannot serve another exchange */
    bool is_request_paused;                    /* the link is full */
    bool is_response_paused;                   /* the stream is full */
    bool has_client_ended, has_upstream_ended; /* tunnel: one side sent FIN */

    struct sl_pipe request_pipe;
    struct sl_pipe response_pipe;                                /* for the stream */
    struct sl_meter request_body, upstream_write, upstream_body; /* the last also for the tunnel */
    struct sl_deadline upstream_header;

    struct sl_cause cause;                      /* the first that was recorded */
    int status;                                 /* of the final response; 0: none */
    uint64_t n_request_bytes, n_response_bytes; /* bodies */
    uint64_t n_request_paced;                   /* of the first, told to its meter */
    uint64_t link_written_before;               /* wire bytes of the link when it was taken */
    /* clock times in ms; 0: did not happen */
    uint64_t began_ms, dialled_ms, request_done_ms, header_ms;
    uint64_t header_turn; /* of the loop (sl_loop_n_turns); 0: did not happen */
    char request_id[SL_REQUEST_ID_BYTES];
};

/*
 * Begins with a complete, checked request head. began_ms: when the request's first byte came. The
 * exchange may be over before this returns (refused); *out_exchange is then NULL. SL_ERR_MEMORY:
 * nothing was made.
 */
int sl_exchange_begin(struct sl_proxy *proxy, struct sl_upstreams *set, struct sl_stream *stream,
                      const struct sl_origin *origin, struct sl_head *head,
                      const struct sl_framing *framing, uint64_t began_ms,
                      struct sl_exchange **out_exchange);

/* ---- from the stream ---- */

/* Does it take request body bytes now? When not, want_body follows. */
bool sl_exchange_wants_body(const struct sl_exchange *x);
void sl_exchange_on_body(struct sl_exchange *x, struct sl_spans body);
/* What comes next cannot be read yet; so many bytes of it have come. */
void sl_exchange_on_partial_body(struct sl_exchange *x, size_t n_bytes);
/* Of how much more of the request body is there use and place at once (loop/tcp.h)? */
size_t sl_exchange_appetite(const struct sl_exchange *x);
void sl_exchange_on_body_end(struct sl_exchange *x, struct sl_head *trailers);
/* The body is malformed: refused like anything else that the client does wrong. Only while no
   response has begun. */
void sl_exchange_refuse(struct sl_exchange *x, int status, const char *why,
                        const struct sl_cause *cause);
/* The stream has room again. */
void sl_exchange_on_room(struct sl_exchange *x);
/* Tunnel: the client sent its FIN. */
void sl_exchange_on_tunnel_end(struct sl_exchange *x);
/*
 * The stream is through with it (the client is gone, a deadline of the client cut it, the response
 * is complete): closes what is open towards the upstream, writes the access line, nulls the
 * pointer. No call of the stream follows. `cause` counts if none was recorded before; NULL: it
 * ended well.
 */
void sl_exchange_close(struct sl_exchange **x, const struct sl_cause *cause);

/* ---- questions ---- */

bool sl_exchange_is_request_complete(const struct sl_exchange *x);
/* The phase that the exchange is in for its client's socket: who is awaited just now. */
enum sl_phase sl_exchange_phase(const struct sl_exchange *x);
/* Law 1: is a deadline armed (or its phase unlimited by the operator's word)? For assertions. */
bool sl_exchange_is_guarded(const struct sl_exchange *x);

#endif
