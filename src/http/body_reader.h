/* SPDX-License-Identifier: Apache-2.0 */
/*
 * body_reader: the bytes behind a head, taken out of their framing. One call gives the body bytes
 * of what was fed as spans into it: one run of a body with a length or until the end; of a chunked
 * body the data of as many chunks as have place.
 */
#ifndef SLUICE_HTTP_BODY_READER_H
#define SLUICE_HTTP_BODY_READER_H

#include <sluice/http/framing.h>

#include <llhttp.h>

#include "strict.h"

enum sl_body_reader_state {
    SL_BODY_READER_RUN,        /* bytes as they are: a length, or until the end */
    SL_BODY_READER_CHUNK_LINE, /* within a chunk size line */
    SL_BODY_READER_CHUNK_DATA, /* n_left bytes of a chunk to come */
    SL_BODY_READER_CHUNK_CR,   /* then the CRLF behind it */
    SL_BODY_READER_CHUNK_LF,
};

enum sl_body_reader_verdict {
    SL_BODY_READER_MORE,     /* the body goes on */
    SL_BODY_READER_COMPLETE, /* its last byte was read; of a chunked one the size line of the last
                                chunk, and the trailers follow */
    SL_BODY_READER_REFUSED,  /* what follows is not good: `refusal` */
};

struct sl_body_reader {
    llhttp_t *llhttp;                   /* borrowed; sees every byte of a chunked body */
    struct sl_span spans[SL_SPANS_MAX]; /* of the last call, in their order; none is empty */
    size_t n_spans, n_bytes;            /* of the last call */
    uint64_t n_total;                   /* body bytes so far */
    uint64_t n_left;                    /* of the length, or of the present chunk */
    struct sl_chunk_line line;
    uint32_t chunk_line_bytes;        /* limit */
    uint8_t body;                     /* enum sl_body; SL_BODY_NONE is not read */
    uint8_t state;                    /* enum sl_body_reader_state */
    const struct sl_refusal *refusal; /* SL_BODY_READER_REFUSED; static */
};

void sl_body_reader_init(struct sl_body_reader *r, const struct sl_framing *framing,
                         uint32_t chunk_line_bytes, llhttp_t *llhttp);
/* Advances *in by what it used: all of it, unless the body is complete, refused, or the spans have
   no place. Spans that were found count whatever the verdict: they stand before what was refused.
   Not to be called again after COMPLETE or REFUSED. */
enum sl_body_reader_verdict sl_body_reader_read(struct sl_body_reader *r, struct sl_span *in);

/* Two parsers read the message in two ways. */
extern const struct sl_refusal sl_refusal_ambiguous;

#endif
