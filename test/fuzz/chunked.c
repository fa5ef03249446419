/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunked: a chunked body, of a request or (first byte odd) of a response. Laws, besides those of
 * message.h: a second, simple-minded reader of RFC 9112 7.1, which has the whole body before it,
 * finds the same bytes, the same end and the same faults; and what the encoder writes of the body
 * says the same.
 */
#include "message.h"

#include <ctype.h>

enum verdict { MORE, END, BAD };

/* What a reader made of a body. */
struct reading {
    char *body;
    size_t n_body;
    size_t n_used; /* END: up to where */
    enum verdict verdict;
    bool has_trailers; /* the simple reader leaves them to the other */
};

/* ---- the simple reader ---- */

static bool is_value_char(char c)
{
    return (unsigned char)c >= ' ' ? c != 0x7f : c == '\t';
}

static size_t token_length(struct sl_span s)
{
    size_t n = 0;
    while (n < s.len && sl_is_token(sl_span(s.ptr + n, 1)))
        n++;
    return n;
}

/* Of a quoted string with its quotes; 0: it is none. */
static size_t quoted_length(struct sl_span s)
{
    for (size_t i = 1; i < s.len && is_value_char(s.ptr[i]); i++) {
        if (s.ptr[i] == '"')
            return i + 1;
        if (s.ptr[i] == '\\' && (++i == s.len || !is_value_char(s.ptr[i])))
            return 0;
    }
    return 0;
}

/* *( ";" token [ "=" ( token / quoted-string ) ] ) */
static bool are_extensions(struct sl_span s)
{
    while (s.len) {
        size_t n = s.ptr[0] == ';' ? token_length(sl_span_skip(s, 1)) : 0;
        if (!n)
            return false;
        s = sl_span_skip(s, 1 + n);
        if (!s.len || s.ptr[0] != '=')
            continue;
        s = sl_span_skip(s, 1);
        n = s.len && s.ptr[0] == '"' ? quoted_length(s) : token_length(s);
        if (!n)
            return false;
        s = sl_span_skip(s, n);
    }
    return true;
}

/* A whole size line without its end. */
static bool read_size(struct sl_span line, uint64_t *out_size)
{
    size_t n = 0;
    *out_size = 0;
    for (; n < line.len && isxdigit((unsigned char)line.ptr[n]); n++) {
        const char *digits = "0123456789abcdef";
        if (*out_size > (uint64_t)INT64_MAX >> 4)
            return false;
        *out_size = *out_size << 4 |
                    (uint64_t)(strchr(digits, tolower((unsigned char)line.ptr[n])) - digits);
    }
    return n > 0 && are_extensions(sl_span_skip(line, n));
}

/* The next chunk, or what is there of it. False: that is all. */
static bool read_chunk(struct sl_span *in, struct reading *r)
{
    uint64_t size;
    const char *lf = in->len ? memchr(in->ptr, '\n', in->len) : NULL;
    size_t n_line = lf ? (size_t)(lf - in->ptr) + 1 : in->len;

    r->verdict = n_line > message_limits.chunk_line_bytes ? BAD : MORE;
    if (r->verdict == BAD || !lf)
        return false;
    r->verdict = BAD;
    if (n_line < 3 || lf[-1] != '\r' || !read_size(sl_span(in->ptr, n_line - 2), &size))
        return false;
    *in = sl_span_skip(*in, n_line);
    r->verdict = MORE;
    if (size == 0) {
        r->has_trailers = in->len > 0 && in->ptr[0] != '\r';
        if (in->len >= 2 && in->ptr[0] == '\r')
            r->verdict = in->ptr[1] == '\n' ? END : BAD;
        *in = sl_span_skip(*in, r->verdict == END ? 2 : 0);
        return false;
    }
    struct sl_span data = fuzz_take(in, size);
    memcpy(r->body + r->n_body, data.ptr, data.len);
    r->n_body += data.len;
    if (data.len < size || in->len == 0)
        return false;
    if (in->ptr[0] != '\r' || (in->len > 1 && in->ptr[1] != '\n'))
        r->verdict = BAD;
    if (r->verdict == BAD || in->len == 1)
        return false;
    *in = sl_span_skip(*in, 2);
    return true;
}

static void read_simply(struct sl_span in, struct reading *r)
{
    const char *start = in.ptr;
    while (read_chunk(&in, r))
        ;
    r->n_used = (size_t)(in.ptr - start);
}

/* ---- the parser ---- */

static const struct sl_span heads[] = {
    [SL_PARSER_REQUEST] = {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n", 56},
    [SL_PARSER_RESPONSE] = {"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 47},
};

static struct sl_parser *open_parser(enum sl_parser_kind kind,
                                     const struct sl_parser_limits *limits)
{
    struct sl_parser *p = NULL;
    struct sl_span in = heads[kind];
    LAW(sl_parser_new(kind, limits, &p) == 0);
    sl_parser_expect(p, SL_METHOD_GET);
    LAW(sl_parser_feed(p, &in) == SL_PARSE_HEAD && in.len == 0);
    LAW(sl_parser_framing(p)->body == SL_BODY_CHUNKED);
    return p;
}

static void keep_body(struct reading *r, struct sl_spans body)
{
    for (size_t i = 0; i < body.n_spans; i++) {
        memcpy(r->body + r->n_body, body.ptr[i].ptr, body.ptr[i].len);
        r->n_body += body.ptr[i].len;
    }
}

/* Returns the parser, for its trailers. */
static struct sl_parser *read_with_parser(enum sl_parser_kind kind,
                                          const struct sl_parser_limits *limits, struct sl_span in,
                                          size_t piece, struct reading *r)
{
    struct sl_parser *p = open_parser(kind, limits);
    const char *start = in.ptr;
    r->verdict = MORE;
    while (in.len > 0 && r->verdict == MORE) {
        struct sl_span part = fuzz_piece(&in, piece);
        for (enum sl_parse got = SL_PARSE_BODY; got == SL_PARSE_BODY;) {
            const char *from = part.ptr;
            got = sl_parser_feed(p, &part);
            LAW(got != SL_PARSE_HEAD);
            if (got == SL_PARSE_BODY) {
                check_body(p, from, part.ptr);
                keep_body(r, sl_parser_body(p));
            }
            r->verdict = got == SL_PARSE_END ? END : got == SL_PARSE_ERROR ? BAD : MORE;
        }
        r->n_used = (size_t)(part.ptr - start);
    }
    LAW(r->n_body == sl_parser_body_bytes(p));
    return p;
}

/* ---- the laws ---- */

static void check_both_agree(const struct reading *simple, const struct reading *parsed)
{
    LAW(parsed->n_body == simple->n_body);
    LAW(memcmp(parsed->body, simple->body, simple->n_body) == 0);
    if (simple->has_trailers)
        return;
    LAW((parsed->verdict == END) == (simple->verdict == END));
    /* A fault of a line that has no end yet is seen by the parser only. */
    LAW(simple->verdict != BAD || parsed->verdict == BAD);
    if (simple->verdict == END)
        LAW(parsed->n_used == simple->n_used);
}

/* Written anew in chunks of `piece`, it is the same body with the same trailers. */
static void check_written_anew(enum sl_parser_kind kind, struct sl_parser *p, size_t piece,
                               const struct reading *parsed)
{
    size_t cap = parsed->n_body * sizeof("1\r\n-\r\n") + message_limits.trailer_bytes + 100;
    char *text = malloc(cap);
    struct sl_chunkpool pool;
    struct sl_chunkq q;
    char size[20];
    struct sl_span body = sl_span(parsed->body, parsed->n_body);

    sl_chunkpool_init(&pool, 0);
    sl_chunkq_init(&q, &pool, cap, 0);
    LAW(text);
    while (body.len) {
        struct sl_span chunk = fuzz_piece(&body, piece);
        LAW(sl_chunkq_append(&q, sl_span(size, sl_encode_chunk_size(size, chunk.len))) == 0);
        LAW(sl_chunkq_append(&q, chunk) == 0);
        LAW(sl_chunkq_append(&q, SL_SPAN("\r\n")) == 0);
    }
    LAW(sl_encode_last_chunk(&q, sl_parser_trailers(p)) == 0);
    struct sl_span in = sl_span(text, sl_chunkq_take(&q, text, cap));
    sl_chunkq_clear(&q);
    sl_chunkpool_fini(&pool);

    struct sl_parser_limits limits = message_limits;
    limits.trailer_bytes += limits.head.n_fields; /* a blank after each colon */
    struct reading again = {.body = malloc(parsed->n_body + 1)};
    LAW(again.body);
    struct sl_parser *p2 = read_with_parser(kind, &limits, in, 0, &again);
    LAW(again.verdict == END && again.n_used == in.len && again.n_body == parsed->n_body);
    LAW(memcmp(again.body, parsed->body, parsed->n_body) == 0);
    size_t k = 0;
    const struct sl_head *was = sl_parser_trailers(p), *is = sl_parser_trailers(p2);
    for (size_t i = 0; i < was->n_fields; i++) {
        if (was->fields[i].is_dropped)
            continue;
        LAW(k < is->n_fields && !is->fields[k].is_dropped);
        LAW(sl_span_eq(sl_head_name(was, &was->fields[i]), sl_head_name(is, &is->fields[k])));
        LAW(sl_span_eq(sl_head_value(was, &was->fields[i]), sl_head_value(is, &is->fields[k])));
        k++;
    }
    LAW(k == is->n_fields);
    sl_parser_free(&p2);
    free(again.body);
    free(text);
}

static void check_with_head(enum sl_parser_kind kind, struct sl_span body)
{
    size_t n = heads[kind].len;
    char *whole = malloc(n + body.len);
    LAW(whole);
    memcpy(whole, heads[kind].ptr, n);
    if (body.len)
        memcpy(whole + n, body.ptr, body.len);
    check_message(kind, SL_METHOD_GET, sl_span(whole, n + body.len));
    free(whole);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct sl_span in = sl_span(bytes, n);
    enum sl_parser_kind kind = fuzz_byte(&in) & 1 ? SL_PARSER_RESPONSE : SL_PARSER_REQUEST;
    size_t piece = fuzz_byte(&in);
    struct reading simple = {.body = malloc(n + 1)};

    LAW(simple.body);
    check_with_head(kind, in);
    read_simply(in, &simple);
    for (int i = 0; i < 2; i++) {
        struct reading parsed = {.body = malloc(n + 1)};
        LAW(parsed.body);
        struct sl_parser *p = read_with_parser(kind, &message_limits, in, i ? piece : 0, &parsed);
        check_both_agree(&simple, &parsed);
        if (parsed.verdict == END)
            check_written_anew(kind, p, piece, &parsed);
        sl_parser_free(&p);
        free(parsed.body);
    }
    free(simple.body);
    return 0;
}
