/* SPDX-License-Identifier: Apache-2.0 */
/*
 * events: runs bytes through a parser and writes down what it said, so that tests compare texts.
 *
 *   H GET /path 1.1 length 5 persistent [a=b][c=d]      head, framing, fields that are not dropped
 *   H 200 1.1 eof [a=b]                                 of a response
 *   B hello                                             body bytes, of all events joined
 *   E [t=1]                                             end, with trailers
 *   ! 400 cl_and_te                                     refusal
 *   nothing                                             the stream ended before a message began
 */
#ifndef SLUICE_TEST_HTTP_EVENTS_H
#define SLUICE_TEST_HTTP_EVENTS_H

#include <sluice/http/parser.h>
#include <sluice/base/str.h>

struct events {
    struct sl_parser *parser;
    struct sl_str log;
    char buf[65536];
    bool is_in_body;
    bool is_over;   /* SL_PARSE_END or SL_PARSE_ERROR */
    bool can_go_on; /* after the end the next message follows: reset and go on */
    size_t n_rest;  /* bytes of the last piece that were left when it was over */
};

static const struct sl_parser_limits events_limits = {
    .head = {.head_bytes = 1000, .target_bytes = 100, .n_fields = 10},
    .trailer_bytes = 200,
    .chunk_line_bytes = 40,
};

static void events_open(struct events *e, enum sl_parser_kind kind, enum sl_method method)
{
    e->parser = NULL;
    e->is_in_body = e->is_over = e->can_go_on = false;
    e->n_rest = 0;
    sl_str_init(&e->log, e->buf, sizeof(e->buf));
    if (sl_parser_new(kind, &events_limits, &e->parser))
        abort();
    sl_parser_expect(e->parser, method);
}

static void events_close(struct events *e)
{
    sl_parser_free(&e->parser);
}

static void events_add_fields(struct events *e, const struct sl_head *h)
{
    for (size_t i = 0; i < h->n_fields; i++) {
        if (h->fields[i].is_dropped)
            continue;
        sl_str_add_char(&e->log, '[');
        sl_str_add(&e->log, sl_head_name(h, &h->fields[i]));
        sl_str_add_char(&e->log, '=');
        sl_str_add(&e->log, sl_head_value(h, &h->fields[i]));
        sl_str_add_char(&e->log, ']');
    }
    sl_str_add_char(&e->log, '\n');
}

static void events_add_head(struct events *e)
{
    static const char *const bodies[] = {"none", "length", "chunked", "eof"};
    const struct sl_head *h = sl_parser_head(e->parser);
    const struct sl_framing *f = sl_parser_framing(e->parser);
    sl_str_addz(&e->log, "H ");
    if (h->is_request) {
        sl_str_add(&e->log, sl_head_method(h));
        sl_str_add_char(&e->log, ' ');
        sl_str_add(&e->log, sl_head_target(h));
    } else {
        sl_str_add_u64(&e->log, h->status);
        sl_str_add_char(&e->log, ' ');
        sl_str_add(&e->log, sl_head_reason(h));
    }
    sl_str_addf(&e->log, " 1.%d %s", h->minor, bodies[f->body]);
    if (f->has_content_length)
        sl_str_addf(&e->log, " %llu", (unsigned long long)f->content_length);
    sl_str_addz(&e->log, f->is_persistent ? " persistent" : "");
    sl_str_addz(&e->log, f->is_upgrade ? " upgrade" : "");
    sl_str_addz(&e->log, f->expects_continue ? " continue" : "");
    sl_str_add_char(&e->log, ' ');
    events_add_fields(e, h);
}

/* Body bytes lie within what the feed used, in their order. */
static void events_add_body(struct events *e, const char *from, const char *to)
{
    struct sl_spans body = sl_parser_body(e->parser);
    size_t n_bytes = 0;
    if (!e->is_in_body)
        sl_str_addz(&e->log, "B ");
    e->is_in_body = true;
    if (!body.n_spans || body.n_spans > SL_SPANS_MAX)
        abort();
    for (size_t i = 0; i < body.n_spans; i++) {
        struct sl_span span = body.ptr[i];
        if (!span.len || span.ptr < from || span.ptr + span.len > to)
            abort();
        sl_str_add(&e->log, span);
        n_bytes += span.len;
        from = span.ptr + span.len;
    }
    if (n_bytes != body.n_bytes)
        abort();
}

/* Feeds one piece until it is used up or the message is over. */
static void events_feed(struct events *e, struct sl_span in)
{
    while (!e->is_over) {
        const char *from = in.ptr;
        enum sl_parse event = sl_parser_feed(e->parser, &in);
        if (e->is_in_body && event != SL_PARSE_BODY && event != SL_PARSE_MORE) {
            sl_str_add_char(&e->log, '\n');
            e->is_in_body = false;
        }
        switch (event) {
        case SL_PARSE_MORE:
            if (in.len)
                abort();
            return;
        case SL_PARSE_HEAD:
            events_add_head(e);
            break;
        case SL_PARSE_BODY:
            events_add_body(e, from, in.ptr);
            break;
        case SL_PARSE_END:
            sl_str_addz(&e->log, "E ");
            events_add_fields(e, sl_parser_trailers(e->parser));
            if (e->can_go_on)
                sl_parser_reset(e->parser);
            else
                e->is_over = true;
            break;
        case SL_PARSE_ERROR:
            sl_str_addf(&e->log, "! %d %s\n", sl_parser_refusal(e->parser)->status,
                        sl_parser_refusal(e->parser)->rule);
            e->is_over = true;
            return; /* the rest does not matter */
        }
    }
    e->n_rest = in.len;
}

/* The peer ends its stream. */
static void events_end(struct events *e)
{
    if (e->is_in_body)
        sl_str_add_char(&e->log, '\n');
    e->is_in_body = false;
    if (e->is_over)
        return;
    switch (sl_parser_end(e->parser)) {
    case SL_PARSE_MORE:
        sl_str_addz(&e->log, "nothing\n");
        break;
    case SL_PARSE_END:
        sl_str_addz(&e->log, "E \n");
        break;
    default:
        sl_str_addf(&e->log, "! %d %s\n", sl_parser_refusal(e->parser)->status,
                    sl_parser_refusal(e->parser)->rule);
    }
}

#endif
