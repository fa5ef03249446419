/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_reader: bodies taken out of their framing.
 *
 * The happy path: bodies with a length and bodies until the end never see llhttp; they are cut off
 * the input as they are. Of a chunked body the lexer (strict.c) judges each size line, and llhttp
 * is fed line by line and chunk by chunk, and must have read the same size. The data of a chunk is
 * one span; where the input goes on behind it, so does the reader, over its CRLF and the next size
 * line to the next data. Where chunks end is nobody's business end to end, and what comes together
 * can leave together.
 *
 * Failure modes: a refusal, which is final. What was found before the bad byte stays found, so that
 * the same bytes give the same body and the same refusal however they were split.
 *
 * Ownership: nothing is owned. Spans are the caller's bytes, llhttp the parser's.
 */
#include "body_reader.h"

const struct sl_refusal sl_refusal_ambiguous = {
    .status = 400, .why = "The message has more than one reading.", .rule = "ambiguous"};
static const struct sl_refusal bad_chunk = {
    .status = 400, .why = "The chunked body is malformed.", .rule = "bad_chunk"};
static const struct sl_refusal bad_chunk_end = {
    .status = 400, .why = "A chunk is not followed by an end of line.", .rule = "bad_chunk_end"};

void sl_body_reader_init(struct sl_body_reader *r, const struct sl_framing *framing,
                         uint32_t chunk_line_bytes, llhttp_t *llhttp)
{
    r->llhttp = llhttp;
    r->n_spans = r->n_bytes = 0;
    r->n_total = 0;
    r->n_left = framing->body == SL_BODY_LENGTH ? framing->content_length : 0;
    r->chunk_line_bytes = chunk_line_bytes;
    sl_chunk_line_init(&r->line, chunk_line_bytes);
    r->body = (uint8_t)framing->body;
    r->state = framing->body == SL_BODY_CHUNKED ? SL_BODY_READER_CHUNK_LINE : SL_BODY_READER_RUN;
    r->refusal = NULL;
}

static enum sl_body_reader_verdict refuse(struct sl_body_reader *r,
                                          const struct sl_refusal *refusal)
{
    r->refusal = refusal;
    return SL_BODY_READER_REFUSED;
}

static void find(struct sl_body_reader *r, struct sl_span data)
{
    r->spans[r->n_spans++] = data;
    r->n_bytes += data.len;
    r->n_total += data.len;
}

/* Lets llhttp parse bytes that are good as far as we know. */
static bool does_llhttp_accept(struct sl_body_reader *r, struct sl_span bytes)
{
    return !bytes.len || llhttp_execute(r->llhttp, bytes.ptr, bytes.len) == HPE_OK;
}

static enum sl_body_reader_verdict read_run(struct sl_body_reader *r, struct sl_span *in)
{
    size_t n = in->len;
    if (r->body == SL_BODY_EOF) {
        find(r, sl_span_take(in, n));
        return SL_BODY_READER_MORE;
    }
    if (n > r->n_left)
        n = (size_t)r->n_left;
    r->n_left -= n;
    find(r, sl_span_take(in, n));
    return r->n_left ? SL_BODY_READER_MORE : SL_BODY_READER_COMPLETE;
}

/* Up to the data of a chunk, or behind the size line of the last. */
static enum sl_body_reader_verdict read_chunk_line(struct sl_body_reader *r, struct sl_span *in)
{
    size_t n_good;
    enum sl_strict_verdict verdict = sl_chunk_line_scan(&r->line, *in, &n_good);
    if (!does_llhttp_accept(r, sl_span_take(in, n_good)))
        return refuse(r, &bad_chunk);
    if (verdict == SL_STRICT_REFUSED)
        return refuse(r, r->line.refusal);
    if (verdict == SL_STRICT_MORE)
        return SL_BODY_READER_MORE;
    if (r->llhttp->content_length != r->line.size)
        return refuse(r, &sl_refusal_ambiguous);
    if (!r->line.size)
        return SL_BODY_READER_COMPLETE;
    r->n_left = r->line.size;
    r->state = SL_BODY_READER_CHUNK_DATA;
    return SL_BODY_READER_MORE;
}

static enum sl_body_reader_verdict read_chunk_data(struct sl_body_reader *r, struct sl_span *in)
{
    struct sl_span data = sl_span_take(in, in->len < r->n_left ? in->len : (size_t)r->n_left);
    if (!does_llhttp_accept(r, data))
        return refuse(r, &bad_chunk);
    find(r, data);
    r->n_left -= data.len;
    if (!r->n_left)
        r->state = SL_BODY_READER_CHUNK_CR;
    return SL_BODY_READER_MORE;
}

/* The CRLF behind the data of a chunk. */
static enum sl_body_reader_verdict read_chunk_end(struct sl_body_reader *r, struct sl_span *in)
{
    char expected = r->state == SL_BODY_READER_CHUNK_CR ? '\r' : '\n';
    if (in->ptr[0] != expected)
        return refuse(r, &bad_chunk_end);
    if (!does_llhttp_accept(r, sl_span_take(in, 1)))
        return refuse(r, &bad_chunk);
    if (r->state == SL_BODY_READER_CHUNK_CR) {
        r->state = SL_BODY_READER_CHUNK_LF;
    } else {
        sl_chunk_line_init(&r->line, r->chunk_line_bytes);
        r->state = SL_BODY_READER_CHUNK_LINE;
    }
    return SL_BODY_READER_MORE;
}

/* One step. */
static enum sl_body_reader_verdict read_some(struct sl_body_reader *r, struct sl_span *in)
{
    switch (r->state) {
    case SL_BODY_READER_RUN:
        return read_run(r, in);
    case SL_BODY_READER_CHUNK_LINE:
        return read_chunk_line(r, in);
    case SL_BODY_READER_CHUNK_DATA:
        return read_chunk_data(r, in);
    default:
        return read_chunk_end(r, in);
    }
}

enum sl_body_reader_verdict sl_body_reader_read(struct sl_body_reader *r, struct sl_span *in)
{
    enum sl_body_reader_verdict verdict = SL_BODY_READER_MORE;
    r->n_spans = r->n_bytes = 0;
    while (verdict == SL_BODY_READER_MORE && in->len &&
           !(r->state == SL_BODY_READER_CHUNK_DATA && r->n_spans == SL_SPANS_MAX))
        verdict = read_some(r, in);
    return verdict;
}
