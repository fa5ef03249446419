/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The happy path: open, a request, its response, release to the pool, taken again, ..., closed by
 * the idle limit or the peer.
 *
 * What may fail: connecting (on_open), the response (on_failed with the reason), the peer closing
 * an idle link (it just goes). Any byte that arrives while no response is awaited makes the link
 * useless: it is closed, and what came is never taken for the next response (RFC 9112 section 9.2).
 *
 * A link belongs to its user or to the pool; its memory goes at the end of the turn.
 */
#include "link.h"

#include <stdlib.h>
#include "inner.h"
#include "upstream.h"

static void bury(struct sl_grave *g)
{
    struct sl_link *link = sl_container_of(g, struct sl_link, grave);
    sl_parser_free(&link->parser);
    free(link);
}

void sl_link_close(struct sl_link **plink, enum sl_channel_close how)
{
    struct sl_link *link = *plink;

    *plink = NULL;
    if (!link || !link->endpoint)
        return;
    struct sl_endpoint *endpoint = link->endpoint;
    bool was_idle = link->owner == NULL;
    link->endpoint = NULL;
    link->owner = NULL;
    sl_list_unlink(&link->link);
    sl_deadline_fini(&link->idle);
    struct sl_loop *loop = link->channel.loop;
    sl_channel_close(&link->channel, how);
    sl_reap(loop, &link->grave, bury);
    sl_endpoint_leave(endpoint, was_idle);
}

static void fail(struct sl_link *link, int err, const char *why)
{
    if (link->owner)
        link->events->on_failed(link->owner, err, why);
    else
        sl_link_close(&link, SL_CHANNEL_RESET);
}

static bool is_in_use(const struct sl_link *link)
{
    return link->endpoint && link->owner;
}

static void take_head(struct sl_link *link, size_t n_after)
{
    struct sl_head *head = sl_parser_head(link->parser);
    const struct sl_framing *framing = sl_parser_framing(link->parser);
    bool is_final = head->status >= 200;

    sl_endpoint_works(link->endpoint);
    /* More bytes than declared are garbage; known at once, nothing of it is passed on. */
    if (is_final && ((framing->body == SL_BODY_LENGTH && n_after > framing->content_length) ||
                     (framing->body == SL_BODY_NONE && n_after > 0)))
        fail(link, SL_ERR_INVALID, "it sent more bytes than its response declared");
    else
        link->events->on_head(link->owner, head, framing);
}

/* One event of the response. False: nothing more can be had from these bytes. */
static bool pull_one(struct sl_link *link, struct sl_span *in)
{
    enum sl_parse got = sl_parser_feed(link->parser, in);

    link->has_response_bytes = true;
    switch (got) {
    case SL_PARSE_MORE:
        return false;
    case SL_PARSE_HEAD:
        take_head(link, in->len);
        return true;
    case SL_PARSE_BODY:
        link->events->on_body(link->owner, sl_parser_body(link->parser));
        return true;
    case SL_PARSE_END:
        if (link->is_raw) /* the end of a 101's head: all that follows is raw */
            return true;
        link->is_response_done = true; /* told once its last bytes are consumed */
        return false;
    case SL_PARSE_ERROR:
        fail(link, SL_ERR_INVALID, sl_parser_refusal(link->parser)->why);
        return false;
    }
    return false;
}

static void on_readable(void *owner)
{
    struct sl_link *link = owner;
    bool must_ask = false, is_parsing = true;

    if (!link->owner) { /* nobody asked for anything */
        sl_link_close(&link, SL_CHANNEL_CLEAN);
        return;
    }
    struct sl_counters *counters = link->endpoint->upstream->set->proxy->counters;
    while (is_in_use(link) && !link->is_response_done && (!link->is_paused || must_ask)) {
        struct sl_span span = {0}; /* while paused only what is due without them is told */
        if (!link->is_paused)
            span = sl_channel_peek(&link->channel);
        struct sl_span rest = span;
        if (span.len == 0 && !must_ask)
            return;
        if (link->is_raw && !must_ask) {
            rest.len = 0;
            link->events->on_raw(link->owner, span);
        } else {
            is_parsing = pull_one(link, &rest);
        }
        sl_count_add(&counters->count[SL_COUNT_UPSTREAM_RX], span.len - rest.len);
        if (link->channel.tcp && span.len > rest.len)
            sl_channel_consume(&link->channel, span.len - rest.len);
        if (is_in_use(link) && link->is_response_done) {
            link->events->on_done(link->owner, sl_parser_trailers(link->parser));
            return;
        }
        if (!is_parsing && rest.len > 0)
            return;
        must_ask = is_parsing && is_in_use(link) && !link->is_raw &&
                   (rest.len == 0 || sl_parser_is_body_complete(link->parser));
    }
}

static void on_end(void *owner, int err)
{
    struct sl_link *link = owner;

    if (!link->owner) {
        sl_link_close(&link, SL_CHANNEL_CLEAN);
        return;
    }
    if (link->is_raw) {
        link->events->on_raw_end(link->owner, err);
        return;
    }
    if (err == 0 && !link->is_response_done) {
        switch (sl_parser_end(link->parser)) {
        case SL_PARSE_END:
            link->is_response_done = true;
            link->events->on_done(link->owner, sl_parser_trailers(link->parser));
            return;
        case SL_PARSE_MORE:
            err = SL_ERR_EOF;
            break;
        default:
            err = SL_ERR_TRUNCATED;
        }
    }
    link->events->on_failed(link->owner, err ? err : SL_ERR_EOF,
                            err == SL_ERR_TRUNCATED ? "it ended before its response was complete"
                                                    : "it closed the connection");
}

static void on_open(void *owner, int err)
{
    struct sl_link *link = owner;
    if (!link->owner)
        return;
    if (err == 0)
        sl_endpoint_works(link->endpoint);
    link->events->on_open(link->owner, err);
}

static void on_room(void *owner)
{
    struct sl_link *link = owner;
    if (link->owner)
        link->events->on_room(link->owner);
}

static size_t appetite(void *owner)
{
    struct sl_link *link = owner;
    return link->owner && link->events->appetite ? link->events->appetite(link->owner) : 0;
}

static const struct sl_channel_events channel_events = {
    .on_open = on_open,
    .on_readable = on_readable,
    .on_end = on_end,
    .on_room = on_room,
    .on_drained = on_room,
    .appetite = appetite,
};

static void on_idle_too_long(struct sl_deadline *d)
{
    struct sl_link *link = sl_container_of(d, struct sl_link, idle);
    sl_link_close(&link, SL_CHANNEL_CLEAN);
}

int sl_link_open(struct sl_endpoint *endpoint, const struct sl_link_events *events, void *owner,
                 struct sl_link **out_link)
{
    struct sl_proxy *proxy = endpoint->upstream->set->proxy;
    struct sl_link *link = calloc(1, sizeof(*link));

    *out_link = NULL;
    if (!link)
        return SL_ERR_MEMORY;
    int err =
        sl_parser_new(SL_PARSER_RESPONSE, &endpoint->upstream->set->parser_limits, &link->parser);
    if (err == 0)
        err = sl_channel_connect(&link->channel, proxy->loop, sl_endpoint_addr(endpoint),
                                 &channel_events, link);
    if (err != 0) {
        sl_parser_free(&link->parser);
        free(link);
        return err;
    }
    sl_list_init(&link->link);
    sl_deadline_init(&link->idle, proxy->loop, on_idle_too_long);
    link->endpoint = endpoint;
    link->events = events;
    link->owner = owner;
    sl_endpoint_enter(endpoint);
    *out_link = link;
    return 0;
}

void sl_link_take(struct sl_link *link, const struct sl_link_events *events, void *owner)
{
    sl_list_unlink(&link->link);
    sl_deadline_clear(&link->idle);
    link->events = events;
    link->owner = owner;
    link->is_paused = false;
}

void sl_link_release(struct sl_link **plink, bool can_reuse)
{
    struct sl_link *link = *plink;

    if (!can_reuse || link->is_raw || link->channel.has_ended || !link->is_response_done ||
        sl_channel_peek(&link->channel).len > 0 || !sl_endpoint_keeps_idle(link->endpoint)) {
        sl_link_close(plink, SL_CHANNEL_CLEAN);
        return;
    }
    *plink = NULL;
    link->owner = NULL;
    if (link->is_paused)
        sl_link_resume(link);
    sl_deadline_arm(&link->idle, SL_PHASE_NONE, link->endpoint->upstream->config->idle_ms);
    sl_endpoint_rest(link->endpoint, link);
}

void sl_link_expect(struct sl_link *link, enum sl_method method)
{
    if (link->n_requests++ > 0)
        sl_parser_reset(link->parser);
    sl_parser_expect(link->parser, method);
    link->has_response_bytes = false;
    link->is_response_done = false;
}

void sl_link_pause(struct sl_link *link)
{
    link->is_paused = true;
    sl_channel_pause(&link->channel);
}

void sl_link_resume(struct sl_link *link)
{
    link->is_paused = false;
    sl_channel_resume(&link->channel);
}

bool sl_link_is_stale(struct sl_link *link)
{
    return link->channel.has_ended || sl_tcp_is_stale(link->channel.tcp);
}
