/* SPDX-License-Identifier: Apache-2.0 */
/*
 * message: laws that hold for whatever bytes a parser is fed. Shared by the targets for requests
 * and responses. A broken law aborts.
 *
 *  1. How the bytes are cut changes nothing: same events, same refusal.
 *  2. A head that was accepted holds no control bytes, and its parts lie within its text.
 *  3. Written by the encoder and parsed again it says the same. What sluice forwards has one
 * reading.
 *  4. Limits hold.
 */
#ifndef SLUICE_TEST_FUZZ_MESSAGE_H
#define SLUICE_TEST_FUZZ_MESSAGE_H

#include <sluice/base/str.h>
#include <sluice/http/encode.h>
#include <sluice/http/parser.h>
#include <sluice/http/target.h>

#include "fuzz.h"

static const struct sl_parser_limits message_limits = {
    .head = {.head_bytes = 2000, .target_bytes = 300, .n_fields = 20},
    .trailer_bytes = 300,
    .chunk_line_bytes = 60,
};

/* What a run of the parser came to: a sum over all events, and their number. */
struct outcome {
    uint64_t sum;
    uint64_t n_body_bytes;
    size_t n_heads, n_ends;
    int status;
    const char *rule;
};

static void mix(struct outcome *o, struct sl_span s)
{
    for (size_t i = 0; i < s.len; i++)
        o->sum = (o->sum ^ (uint8_t)s.ptr[i]) * 1099511628211u;
    o->sum = (o->sum ^ 0x100) * 1099511628211u;
}

static void mix_fields(struct outcome *o, const struct sl_head *h)
{
    for (size_t i = 0; i < h->n_fields; i++) {
        mix(o, sl_head_name(h, &h->fields[i]));
        mix(o, sl_head_value(h, &h->fields[i]));
        o->sum += h->fields[i].is_dropped;
    }
}

static void check_text(struct sl_span s)
{
    for (size_t i = 0; i < s.len; i++)
        LAW((uint8_t)s.ptr[i] >= ' ' ? s.ptr[i] != 0x7f : s.ptr[i] == '\t');
}

static void check_fields(const struct sl_head *h)
{
    LAW(h->n_fields <= message_limits.head.n_fields);
    LAW(h->n_text <= message_limits.head.head_bytes);
    for (size_t i = 0; i < h->n_fields; i++) {
        const struct sl_field *f = &h->fields[i];
        LAW((size_t)f->name + f->name_len <= h->n_text);
        LAW((size_t)f->value + f->value_len <= h->n_text);
        LAW(sl_is_token(sl_head_name(h, f)));
        struct sl_span value = sl_head_value(h, f);
        check_text(value);
        LAW(sl_span_eq(value, sl_span_trim(value)));
        LAW(f->id == sl_field_id(sl_head_name(h, f)));
    }
}

static bool is_framing_field(const struct sl_field *f)
{
    return f->id == SL_FIELD_CONNECTION || f->id == SL_FIELD_CONTENT_LENGTH ||
           f->id == SL_FIELD_TRANSFER_ENCODING;
}

/* The parser that reads again what was written; its head is compared field by field. */
static void check_same_head(const struct sl_head *a, const struct sl_head *b)
{
    size_t k = 0;
    LAW(a->is_request == b->is_request && a->status == b->status && b->minor == 1);
    LAW(sl_span_eq(sl_head_method(a), sl_head_method(b)));
    for (size_t i = 0; i < a->n_fields; i++) {
        if (is_framing_field(&a->fields[i]))
            continue;
        while (k < b->n_fields && is_framing_field(&b->fields[k]))
            k++;
        LAW(k < b->n_fields);
        LAW(sl_span_eq(sl_head_name(a, &a->fields[i]), sl_head_name(b, &b->fields[k])));
        LAW(sl_span_eq(sl_head_value(a, &a->fields[i]), sl_head_value(b, &b->fields[k])));
        k++;
    }
}

/* Law 3. */
static void check_round_trip(enum sl_parser_kind kind, enum sl_method method, struct sl_parser *p)
{
    struct sl_head *h = sl_parser_head(p);
    const struct sl_framing *f = sl_parser_framing(p);
    struct sl_encoding enc = {.coding = SL_CODING_NONE, .length = f->content_length};
    if (f->has_content_length)
        enc.coding = SL_CODING_LENGTH;
    else if (f->body == SL_BODY_CHUNKED)
        enc.coding = SL_CODING_CHUNKED;
    if (f->is_upgrade)
        enc.connection = "upgrade";
    struct sl_span target = sl_head_target(h);
    struct sl_target parts = {0};
    if (h->is_request) {
        LAW(sl_target_read(target, &parts) == 0);
        target = parts.origin;
        if (!sl_head_find(h, SL_FIELD_HOST, NULL)) /* HTTP/1.0 */
            return;
    }
    struct sl_chunkpool pool;
    struct sl_chunkq q;
    struct sl_parser *again = NULL;
    static char text[16384];
    sl_chunkpool_init(&pool, 0);
    sl_chunkq_init(&q, &pool, sizeof(text), 0);
    LAW(sl_encode_head(&q, h, target, &enc) == 0);
    struct sl_span in = sl_span(text, sl_chunkq_take(&q, text, sizeof(text)));
    sl_chunkq_clear(&q);
    sl_chunkpool_fini(&pool);

    struct sl_parser_limits limits = message_limits;
    limits.head.head_bytes += 200;
    limits.head.n_fields += 2;
    if (sl_parser_new(kind, &limits, &again))
        abort();
    sl_parser_expect(again, method);
    LAW(sl_parser_feed(again, &in) == SL_PARSE_HEAD);
    LAW(in.len == 0);
    check_same_head(h, sl_parser_head(again));
    LAW(sl_parser_framing(again)->body == f->body);
    LAW(sl_parser_framing(again)->content_length == f->content_length);
    LAW(sl_parser_framing(again)->is_upgrade == f->is_upgrade);
    sl_parser_free(&again);
}

static void check_head(enum sl_parser_kind kind, enum sl_method method, struct sl_parser *p,
                       struct outcome *o)
{
    const struct sl_head *h = sl_parser_head(p);
    const struct sl_framing *f = sl_parser_framing(p);
    check_fields(h);
    check_text(sl_head_method(h));
    check_text(sl_head_target(h));
    check_text(sl_head_reason(h));
    LAW(sl_head_target(h).len <= message_limits.head.target_bytes);
    LAW(sl_parser_head_bytes(p) <= message_limits.head.head_bytes);
    LAW(f->content_length <= INT64_MAX);
    mix(o, sl_head_method(h));
    mix(o, sl_head_target(h));
    mix(o, sl_head_reason(h));
    mix_fields(o, h);
    o->sum += h->status + h->minor * 1000u + f->content_length + (uint64_t)f->body * 77u +
              f->is_persistent * 3u + f->is_upgrade * 5u + f->expects_continue * 7u;
    o->n_heads++;
    check_round_trip(kind, method, p);
}

/* Of a feed that used the bytes in [from, to): every span lies within them, behind the one before;
   none is empty; what is not chunked is one, and nothing is around it. */
static void check_body(const struct sl_parser *p, const char *from, const char *to)
{
    struct sl_spans body = sl_parser_body(p);
    size_t n_bytes = 0;

    LAW(body.n_spans > 0 && body.n_spans <= SL_SPANS_MAX);
    if (sl_parser_framing(p)->body != SL_BODY_CHUNKED)
        LAW(body.n_spans == 1 && body.ptr[0].ptr == from && from + body.n_bytes == to);
    for (size_t i = 0; i < body.n_spans; i++) {
        LAW(body.ptr[i].len > 0 && body.ptr[i].ptr >= from && body.ptr[i].ptr <= to);
        LAW(body.ptr[i].len <= (size_t)(to - body.ptr[i].ptr));
        from = body.ptr[i].ptr + body.ptr[i].len;
        n_bytes += body.ptr[i].len;
    }
    LAW(n_bytes == body.n_bytes);
}

static void mix_body(struct outcome *o, struct sl_spans body)
{
    for (size_t i = 0; i < body.n_spans; i++)
        for (size_t k = 0; k < body.ptr[i].len; k++)
            o->sum = (o->sum ^ (uint8_t)body.ptr[i].ptr[k]) * 1099511628211u;
    o->n_body_bytes += body.n_bytes;
}

/* True: go on. */
static bool feed(struct sl_parser *p, enum sl_parser_kind kind, enum sl_method method,
                 struct sl_span in, struct outcome *o)
{
    for (;;) {
        const char *before = in.ptr;
        switch (sl_parser_feed(p, &in)) {
        case SL_PARSE_MORE:
            LAW(in.len == 0);
            return true;
        case SL_PARSE_HEAD:
            check_head(kind, method, p, o);
            break;
        case SL_PARSE_BODY:
            check_body(p, before, in.ptr);
            mix_body(o, sl_parser_body(p));
            break;
        case SL_PARSE_END:
            check_fields(sl_parser_trailers(p));
            mix_fields(o, sl_parser_trailers(p));
            if (sl_parser_framing(p)->body == SL_BODY_LENGTH)
                LAW(sl_parser_body_bytes(p) == sl_parser_framing(p)->content_length);
            o->n_ends++;
            if (sl_parser_framing(p)->is_upgrade)
                return false;
            sl_parser_reset(p);
            break;
        case SL_PARSE_ERROR:
            o->status = sl_parser_refusal(p)->status;
            o->rule = sl_parser_refusal(p)->rule;
            LAW(o->status >= 400 && o->rule && sl_parser_refusal(p)->why);
            return false;
        }
    }
}

static struct outcome run(enum sl_parser_kind kind, enum sl_method method, struct sl_span in,
                          size_t step)
{
    struct outcome o = {.sum = 14695981039346656037u, .rule = ""};
    struct sl_parser *p = NULL;
    if (sl_parser_new(kind, &message_limits, &p))
        abort();
    sl_parser_expect(p, method);
    bool goes_on = true;
    while (goes_on && in.len)
        goes_on = feed(p, kind, method, fuzz_piece(&in, step), &o);
    if (goes_on && sl_parser_end(p) == SL_PARSE_ERROR)
        o.rule = sl_parser_refusal(p)->rule;
    sl_parser_free(&p);
    return o;
}

static void check_message(enum sl_parser_kind kind, enum sl_method method, struct sl_span in)
{
    static const size_t steps[] = {1, 2, 7, 64};
    struct outcome whole = run(kind, method, in, 0);
    for (size_t i = 0; i < SL_N_ELEMENTS(steps); i++) {
        struct outcome cut = run(kind, method, in, steps[i]);
        LAW(cut.sum == whole.sum && cut.n_body_bytes == whole.n_body_bytes);
        LAW(cut.n_heads == whole.n_heads && cut.n_ends == whole.n_ends);
        LAW(cut.status == whole.status && !strcmp(cut.rule, whole.rule));
    }
}

#endif
