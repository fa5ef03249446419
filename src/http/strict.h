/* SPDX-License-Identifier: Apache-2.0 */
/*
 * strict: the lexer in front of llhttp. It sees every byte of a head, a trailer section and a chunk
 * size line first, and lets through only what has one reading.
 */
#ifndef SLUICE_HTTP_STRICT_H
#define SLUICE_HTTP_STRICT_H

#include <sluice/http/framing.h>

enum sl_strict_kind { SL_STRICT_REQUEST, SL_STRICT_RESPONSE, SL_STRICT_TRAILERS };

enum sl_strict_verdict {
    SL_STRICT_MORE,    /* all bytes are good so far */
    SL_STRICT_DONE,    /* the last good byte ends the section */
    SL_STRICT_REFUSED, /* the byte after the good ones is not */
};

struct sl_strict {
    uint8_t kind;
    uint8_t state;
    uint8_t n_matched; /* bytes of "HTTP/" seen */
    bool has_line;     /* the start line is complete */
    uint32_t n_bytes, max_bytes;
    uint32_t n_target, max_target;
    uint32_t n_fields, max_fields;
    const struct sl_refusal *refusal; /* SL_STRICT_REFUSED; static */
};

/* max_bytes overrides limits->head_bytes: a trailer section has a limit of its own. */
void sl_strict_init(struct sl_strict *s, enum sl_strict_kind kind,
                    const struct sl_head_limits *limits, uint32_t max_bytes);
/* Judges the next bytes. *out_n_good: how many may be passed on. */
enum sl_strict_verdict sl_strict_scan(struct sl_strict *s, struct sl_span in, size_t *out_n_good);

/* One chunk size line: chunk-size [ chunk-ext ] CRLF (RFC 9112 7.1). */
struct sl_chunk_line {
    uint8_t state;
    uint32_t n_bytes, max_bytes;
    uint64_t size; /* at most INT64_MAX */
    const struct sl_refusal *refusal;
};

void sl_chunk_line_init(struct sl_chunk_line *l, uint32_t max_bytes);
enum sl_strict_verdict sl_chunk_line_scan(struct sl_chunk_line *l, struct sl_span in,
                                          size_t *out_n_good);

#endif
