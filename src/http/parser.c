/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser: llhttp turned inside out.
 *
 * The happy path: the lexer (strict.c) looks at the next bytes and says how many of them are good
 * and whether they end a section. These bytes are copied into the head's text and llhttp parses
 * them there, so that its spans become offsets. At the end of the head framing.c decides about the
 * body, and llhttp must have come to the same view. The body is read by body_reader.c. llhttp is
 * never fed further than the present event, so that nothing has to be paused or buffered.
 *
 * Failure modes: a refusal, which is final. The lexer's verdict comes after llhttp has seen all
 * bytes before the bad one, so that the same bytes give the same refusal however they were split.
 * Where llhttp refuses what the lexer let pass, its error is given a name of ours. Body bytes that
 * stand before a bad one are an event of their own; the refusal is the next. Out of memory is a
 * refusal with status 503.
 *
 * Ownership: the parser owns both heads. llhttp owns nothing. Body spans are the caller's bytes.
 */
#include <sluice/http/parser.h>

#include <llhttp.h>
#include <stdlib.h>

#include "body_reader.h"
#include "headtext.h"
#include "strict.h"
#include "trailers.h"

enum state {
    START,    /* before a head; one empty line may be skipped */
    START_LF, /* between the CR and the LF of that line */
    HEAD,     /* within a head */
    BODY,     /* the reader has not seen its end */
    TRAILERS, /* within the trailer section */
    DONE,     /* SL_PARSE_END is due, or was returned */
    INTERIM,  /* a 1xx head was returned; the next head follows */
    FAILED,   /* SL_PARSE_ERROR is due, or was returned */
};

struct sl_parser {
    llhttp_t llhttp;
    struct sl_parser_limits limits;
    struct sl_head head, trailers;
    struct sl_strict strict;
    struct sl_body_reader body;
    struct sl_framing framing;
    struct sl_refusal refusal;
    uint64_t n_head_bytes;
    enum sl_method request_method; /* response parsers */
    uint8_t kind;                  /* enum sl_parser_kind */
    uint8_t state;
    bool has_begun;
    bool has_skipped_line;  /* the empty line before a request */
    bool is_in_name;        /* llhttp is within a field's name */
    bool is_section_done;   /* llhttp has seen the end of the head or of the trailers */
    bool is_method_unknown; /* llhttp does not know it; refused at the end of the start line */
};

static const struct sl_refusal no_memory = {
    .status = 503, .why = "Out of memory.", .rule = "out_of_memory"};
static const struct sl_refusal unknown_method = {
    .status = 501, .why = "The method is not known here.", .rule = "unknown_method"};
static const struct sl_refusal truncated = {
    .status = 400, .why = "The message ended before it was complete.", .rule = "truncated"};
static const struct sl_refusal empty_lines = {
    .status = 400, .why = "Empty lines before the request line.", .rule = "empty_lines"};
static const struct sl_refusal bare_cr = {
    .status = 400, .why = "A carriage return without a line feed.", .rule = "bare_cr"};
static const struct sl_refusal bad_trailers = {
    .status = 400, .why = "The trailer section is malformed.", .rule = "bad_trailers"};

static enum sl_parse fail(struct sl_parser *p, const struct sl_refusal *refusal)
{
    if (refusal != &p->refusal)
        p->refusal = *refusal;
    if (p->kind == SL_PARSER_RESPONSE)
        p->refusal.status = 502;
    p->state = FAILED;
    return SL_PARSE_ERROR;
}

/* --- what llhttp calls; `at` points into the text of the head that is being filled --- */

static struct sl_head *section(struct sl_parser *p)
{
    return p->state == TRAILERS ? &p->trailers : &p->head;
}

/* A part that came in pieces stands in one piece in the text: only its first offset is kept. */
static void extend(const struct sl_head *h, uint32_t *at, uint32_t *len, const char *ptr, size_t n)
{
    if (!*len)
        *at = (uint32_t)(ptr - h->text);
    *len += (uint32_t)n;
}

static int on_method(llhttp_t *l, const char *ptr, size_t n)
{
    struct sl_head *h = section(l->data);
    extend(h, &h->method_at, &h->method_len, ptr, n);
    return 0;
}

static int on_url(llhttp_t *l, const char *ptr, size_t n)
{
    struct sl_head *h = section(l->data);
    extend(h, &h->target_at, &h->target_len, ptr, n);
    return 0;
}

static int on_status(llhttp_t *l, const char *ptr, size_t n)
{
    struct sl_head *h = section(l->data);
    extend(h, &h->reason_at, &h->reason_len, ptr, n);
    return 0;
}

static int on_header_field(llhttp_t *l, const char *ptr, size_t n)
{
    struct sl_parser *p = l->data;
    struct sl_head *h = section(p);
    if (!p->is_in_name && !sl_head_push(h)) {
        p->refusal = no_memory;
        return -1;
    }
    p->is_in_name = true;
    struct sl_field *f = &h->fields[h->n_fields - 1];
    extend(h, &f->name, &f->name_len, ptr, n);
    return 0;
}

static int on_header_field_complete(llhttp_t *l)
{
    struct sl_parser *p = l->data;
    p->is_in_name = false;
    return 0;
}

static int on_header_value(llhttp_t *l, const char *ptr, size_t n)
{
    struct sl_head *h = section(l->data);
    struct sl_field *f = &h->fields[h->n_fields - 1];
    extend(h, &f->value, &f->value_len, ptr, n);
    return 0;
}

/* Does llhttp see the same body as framing.c does? */
static bool does_agree(const struct sl_parser *p)
{
    const llhttp_t *l = &p->llhttp;
    bool has_length = l->flags & F_CONTENT_LENGTH, is_chunked = l->flags & F_CHUNKED;
    if (l->http_major != 1 || l->http_minor != p->head.minor)
        return false;
    if (has_length != p->framing.has_content_length ||
        (has_length && l->content_length != p->framing.content_length))
        return false;
    return p->framing.body == SL_BODY_CHUNKED ? is_chunked
                                              : !is_chunked || p->kind == SL_PARSER_RESPONSE;
}

/* 1 tells llhttp that no body follows which is its business. */
static int on_headers_complete(llhttp_t *l)
{
    struct sl_parser *p = l->data;
    struct sl_head *h = &p->head;
    for (size_t i = 0; i < h->n_fields; i++)
        sl_head_settle(h, &h->fields[i]);
    h->is_request = p->kind == SL_PARSER_REQUEST;
    h->minor = l->http_minor;
    if (h->is_request)
        h->method = sl_method_read(sl_head_method(h));
    else
        h->status = (uint16_t)l->status_code;
    int err = h->is_request
                  ? sl_framing_of_request(h, &p->framing, &p->refusal)
                  : sl_framing_of_response(h, p->request_method, &p->framing, &p->refusal);
    if (err)
        return -1;
    if (!does_agree(p)) {
        p->refusal = sl_refusal_ambiguous;
        return -1;
    }
    p->is_section_done = true;
    return p->framing.body == SL_BODY_CHUNKED ? 0 : 1;
}

static int on_message_complete(llhttp_t *l)
{
    struct sl_parser *p = l->data;
    if (p->state == TRAILERS)
        p->is_section_done = true;
    return 0;
}

static const llhttp_settings_t settings = {
    .on_method = on_method,
    .on_url = on_url,
    .on_status = on_status,
    .on_header_field = on_header_field,
    .on_header_field_complete = on_header_field_complete,
    .on_header_value = on_header_value,
    .on_headers_complete = on_headers_complete,
    .on_message_complete = on_message_complete,
};

/* --- llhttp's errors, named --- */

static enum sl_parse fail_foreign(struct sl_parser *p, llhttp_errno_t err)
{
    static const struct sl_refusal cl_and_te = {
        400, "There are both a Content-Length and a Transfer-Encoding.", "cl_and_te"};
    static const struct sl_refusal duplicate_length = {
        400, "There is more than one Content-Length.", "duplicate_content_length"};
    static const struct sl_refusal bad_length = {
        400, "Content-Length is not a decimal number of bytes.", "bad_content_length"};
    static const struct sl_refusal bad_coding = {
        400, "Transfer-Encoding does not end in one chunked.", "bad_transfer_encoding"};
    static const struct sl_refusal bad_target = {
        400, "The request target is neither a path nor an absolute http(s) URI.", "bad_target"};
    static const struct sl_refusal bad_head = {400, "The header is malformed.", "bad_head"};

    bool has_both;
    if (p->state == TRAILERS)
        return fail(p, &bad_trailers);
    switch (err) {
    case HPE_INVALID_URL:
        return fail(p, &bad_target);
    case HPE_INVALID_CONSTANT: /* a method of RTSP or ICE; the lexer has seen "HTTP/" */
        return fail(p, &unknown_method);
    case HPE_UNEXPECTED_CONTENT_LENGTH:
        return fail(p, &duplicate_length);
    case HPE_INVALID_CONTENT_LENGTH:
        has_both = p->llhttp.flags & F_TRANSFER_ENCODING;
        return fail(p, has_both ? &cl_and_te : &bad_length);
    case HPE_INVALID_TRANSFER_ENCODING:
        has_both = p->llhttp.flags & F_CONTENT_LENGTH;
        return fail(p, has_both ? &cl_and_te : &bad_coding);
    default:
        return fail(p, &bad_head);
    }
}

/* Lets llhttp parse bytes of a section that the lexer has found good. False: p has failed. */
static bool parse(struct sl_parser *p, const char *ptr, size_t n)
{
    if (!n || p->is_method_unknown)
        return true;
    llhttp_errno_t err = llhttp_execute(&p->llhttp, ptr, n);
    /* The request asks for an upgrade: llhttp stops behind it, and so do we. */
    if (err == HPE_OK || (err == HPE_PAUSED_UPGRADE && p->is_section_done))
        return true;
    if (err == HPE_INVALID_METHOD && p->state == HEAD) {
        p->is_method_unknown = true;
        return true;
    }
    if (p->refusal.rule)
        fail(p, &p->refusal); /* a callback of ours has refused */
    else
        fail_foreign(p, err);
    return false;
}

/* --- life --- */

/* Ready for a head. The request method stays. */
static void start(struct sl_parser *p)
{
    llhttp_init(&p->llhttp, p->kind == SL_PARSER_REQUEST ? HTTP_REQUEST : HTTP_RESPONSE, &settings);
    p->llhttp.data = p;
    sl_head_reset(&p->head);
    sl_head_reset(&p->trailers);
    sl_strict_init(&p->strict,
                   p->kind == SL_PARSER_REQUEST ? SL_STRICT_REQUEST : SL_STRICT_RESPONSE,
                   &p->limits.head, p->limits.head.head_bytes);
    p->framing = (struct sl_framing){0};
    p->refusal = (struct sl_refusal){0};
    sl_body_reader_init(&p->body, &p->framing, p->limits.chunk_line_bytes, &p->llhttp);
    p->n_head_bytes = 0;
    p->state = START;
    p->has_begun = p->has_skipped_line = false;
    p->is_in_name = p->is_section_done = p->is_method_unknown = false;
}

int sl_parser_new(enum sl_parser_kind kind, const struct sl_parser_limits *limits,
                  struct sl_parser **out_parser)
{
    struct sl_parser *p = calloc(1, sizeof(*p));
    if (!p)
        return SL_ERR_MEMORY;
    p->kind = (uint8_t)kind;
    p->limits = *limits;
    struct sl_head_limits trailer_limits = limits->head;
    trailer_limits.head_bytes = limits->trailer_bytes;
    sl_head_init(&p->head, &limits->head);
    sl_head_init(&p->trailers, &trailer_limits);
    start(p);
    *out_parser = p;
    return 0;
}

void sl_parser_free(struct sl_parser **parser)
{
    struct sl_parser *p = *parser;
    if (!p)
        return;
    sl_head_fini(&p->head);
    sl_head_fini(&p->trailers);
    free(p);
    *parser = NULL;
}

void sl_parser_reset(struct sl_parser *p)
{
    start(p);
}

void sl_parser_shrink(struct sl_parser *p)
{
    sl_head_shrink(&p->head);
    sl_head_shrink(&p->trailers);
    start(p);
}

void sl_parser_expect(struct sl_parser *p, enum sl_method request_method)
{
    p->request_method = request_method;
}

/* --- events --- */

/* Where the message goes on behind its head. */
static void enter_body(struct sl_parser *p)
{
    if (p->framing.body != SL_BODY_NONE) {
        sl_body_reader_init(&p->body, &p->framing, p->limits.chunk_line_bytes, &p->llhttp);
        p->state = BODY;
    } else {
        bool is_interim = p->kind == SL_PARSER_RESPONSE && p->head.status < 200;
        p->state = is_interim && p->head.status != 101 ? INTERIM : DONE;
    }
}

/* RFC 9112 2.2: one empty line before a request line is skipped; more would be a way to hold a
   connection for nothing. True: the head begins here. */
static bool skip_empty_line(struct sl_parser *p, struct sl_span *in, enum sl_parse *out_event)
{
    *out_event = SL_PARSE_MORE;
    if (p->state == START && p->kind == SL_PARSER_REQUEST && in->ptr[0] == '\r') {
        if (p->has_skipped_line) {
            *out_event = fail(p, &empty_lines);
            return false;
        }
        sl_span_take(in, 1);
        p->state = START_LF;
    }
    if (p->state == START_LF) {
        if (!in->len)
            return false;
        if (in->ptr[0] != '\n') {
            *out_event = fail(p, &bare_cr);
            return false;
        }
        sl_span_take(in, 1);
        p->has_skipped_line = true;
        p->state = START;
        return in->len && skip_empty_line(p, in, out_event);
    }
    p->has_begun = true;
    p->state = HEAD;
    return true;
}

/* Bytes of a head or of a trailer section. */
static enum sl_parse feed_section(struct sl_parser *p, struct sl_span *in)
{
    size_t n_good;
    struct sl_head *h = section(p);
    enum sl_strict_verdict verdict = sl_strict_scan(&p->strict, *in, &n_good);
    if (n_good) {
        if (sl_head_reserve(h, n_good))
            return fail(p, &no_memory);
        char *text = h->text + h->n_text;
        memcpy(text, sl_span_take(in, n_good).ptr, n_good);
        h->n_text += n_good;
        if (p->state == HEAD)
            p->n_head_bytes += n_good;
        if (!parse(p, text, n_good))
            return SL_PARSE_ERROR;
    }
    if (p->is_method_unknown && p->strict.has_line)
        return fail(p, &unknown_method);
    if (verdict == SL_STRICT_REFUSED)
        return fail(p, p->strict.refusal);
    if (verdict == SL_STRICT_MORE)
        return SL_PARSE_MORE;
    if (!p->is_section_done)
        return fail(p, &sl_refusal_ambiguous);
    if (p->state == TRAILERS) {
        for (size_t i = 0; i < h->n_fields; i++)
            sl_head_settle(h, &h->fields[i]);
        if (sl_trailers_check(h))
            return fail(p, &bad_trailers);
        p->state = DONE;
        return SL_PARSE_END;
    }
    enter_body(p);
    return SL_PARSE_HEAD;
}

static void enter_trailers(struct sl_parser *p)
{
    sl_strict_init(&p->strict, SL_STRICT_TRAILERS, &p->limits.head, p->limits.trailer_bytes);
    p->is_section_done = p->is_in_name = false;
    p->state = TRAILERS;
}

/* An end or a refusal behind body bytes is told with the next event. */
static enum sl_parse feed_body(struct sl_parser *p, struct sl_span *in)
{
    switch (sl_body_reader_read(&p->body, in)) {
    case SL_BODY_READER_MORE:
        break;
    case SL_BODY_READER_COMPLETE:
        if (p->framing.body == SL_BODY_CHUNKED)
            enter_trailers(p);
        else
            p->state = DONE;
        break;
    case SL_BODY_READER_REFUSED:
        fail(p, p->body.refusal);
        break;
    }
    if (p->body.n_spans)
        return SL_PARSE_BODY;
    return p->state == FAILED ? SL_PARSE_ERROR : SL_PARSE_MORE;
}

/* One step in the present state; SL_PARSE_MORE only means that no event came of it. */
static enum sl_parse feed_some(struct sl_parser *p, struct sl_span *in)
{
    enum sl_parse event;
    switch (p->state) {
    case START:
    case START_LF:
        if (!skip_empty_line(p, in, &event))
            return event;
        return feed_section(p, in);
    case INTERIM:
        start(p);
        return SL_PARSE_MORE;
    case HEAD:
    case TRAILERS:
        return feed_section(p, in);
    default:
        return feed_body(p, in);
    }
}

enum sl_parse sl_parser_feed(struct sl_parser *p, struct sl_span *in)
{
    enum sl_parse event = SL_PARSE_MORE;
    do {
        if (p->state == DONE)
            return SL_PARSE_END;
        if (p->state == FAILED)
            return SL_PARSE_ERROR;
        if (in->len)
            event = feed_some(p, in);
    } while (event == SL_PARSE_MORE && in->len);
    return event;
}

enum sl_parse sl_parser_end(struct sl_parser *p)
{
    switch (p->state) {
    case START:
    case START_LF:
    case INTERIM:
        return SL_PARSE_MORE;
    case DONE:
        return SL_PARSE_END;
    case FAILED:
        return SL_PARSE_ERROR;
    case BODY:
        if (p->framing.body != SL_BODY_EOF)
            return fail(p, &truncated);
        p->state = DONE;
        return SL_PARSE_END;
    default:
        return fail(p, &truncated);
    }
}

/* --- questions --- */

bool sl_parser_has_begun(const struct sl_parser *p)
{
    return p->has_begun && p->state != INTERIM;
}

struct sl_head *sl_parser_head(struct sl_parser *p)
{
    return &p->head;
}

const struct sl_framing *sl_parser_framing(const struct sl_parser *p)
{
    return &p->framing;
}

struct sl_spans sl_parser_body(const struct sl_parser *p)
{
    return (struct sl_spans){p->body.spans, p->body.n_spans, p->body.n_bytes};
}

struct sl_head *sl_parser_trailers(struct sl_parser *p)
{
    return &p->trailers;
}

const struct sl_refusal *sl_parser_refusal(const struct sl_parser *p)
{
    return &p->refusal;
}

uint64_t sl_parser_head_bytes(const struct sl_parser *p)
{
    return p->n_head_bytes;
}

uint64_t sl_parser_body_bytes(const struct sl_parser *p)
{
    return p->body.n_total;
}

bool sl_parser_is_body_complete(const struct sl_parser *parser)
{
    const struct sl_framing *framing = sl_parser_framing(parser);
    return framing->body == SL_BODY_NONE ||
           (framing->body == SL_BODY_LENGTH &&
            sl_parser_body_bytes(parser) == framing->content_length);
}
