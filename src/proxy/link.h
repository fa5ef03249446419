/* SPDX-License-Identifier: Apache-2.0 */
/*
 * link: one connection to an endpoint, speaking HTTP/1.1. It sends what the exchange encodes into
 * its channel and pulls the response apart into events. Between two exchanges it rests in the pool.
 */
#ifndef SLUICE_PROXY_LINK_H
#define SLUICE_PROXY_LINK_H

#include <sluice/http/parser.h>
#include <sluice/loop/deadline.h>
#include <sluice/net/channel.h>

struct sl_endpoint;
struct sl_link;

/* Towards whoever uses the link. Each may close or release it. */
struct sl_link_events {
    void (*on_open)(void *owner, int err);
    /* Final or interim. 101 is followed by raw bytes. */
    void (*on_head)(void *owner, struct sl_head *head, const struct sl_framing *framing);
    void (*on_body)(void *owner, struct sl_spans body);
    void (*on_done)(void *owner, struct sl_head *trailers);
    /* The link is of no further use: SL_ERR_RESET, _EOF (nothing of the response was seen),
       _TRUNCATED, _INVALID (`why` says what was wrong with the response), _IO. */
    void (*on_failed)(void *owner, int err, const char *why);
    void (*on_room)(void *owner);
    /* After 101: raw bytes; and the end of them. */
    void (*on_raw)(void *owner, struct sl_span bytes);
    void (*on_raw_end)(void *owner, int err);
    /* Of how much more of the response is there use and place at once (loop/tcp.h)? */
    size_t (*appetite)(void *owner);
};

struct sl_link {
    struct sl_grave grave;
    struct sl_list link; /* in the endpoint's list of idle links, or unlinked */
    struct sl_channel channel;
    struct sl_parser *parser;
    struct sl_endpoint *endpoint; /* NULL once closed */
    const struct sl_link_events *events;
    void *owner;             /* NULL: idle in the pool */
    struct sl_deadline idle; /* how long the pool keeps it */
    uint64_t n_requests;
    bool is_paused, is_raw;
    bool has_response_bytes; /* of the present exchange */
    bool is_response_done;
};

/* Connects and takes a slot of the endpoint; on_open follows. 0 or SL_ERR_*. */
int sl_link_open(struct sl_endpoint *endpoint, const struct sl_link_events *events, void *owner,
                 struct sl_link **out_link);
/* Idempotent, nulls the pointer, gives the slot back, no event follows. */
void sl_link_close(struct sl_link **link, enum sl_channel_close how);
/* The exchange is over. The link goes to the pool if it may serve another, else it is closed. */
void sl_link_release(struct sl_link **link, bool can_reuse);
/* Out of the pool, into use. */
void sl_link_take(struct sl_link *link, const struct sl_link_events *events, void *owner);
/* Before the request's head is sent: what was asked decides how the response ends. */
void sl_link_expect(struct sl_link *link, enum sl_method method);
void sl_link_pause(struct sl_link *link);
void sl_link_resume(struct sl_link *link);
bool sl_link_is_stale(struct sl_link *link);

#endif
