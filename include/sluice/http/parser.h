/* SPDX-License-Identifier: Apache-2.0 */
/*
 * parser: llhttp turned inside out. Feed it bytes; it stops at the end of a head, at body bytes,
 * and at the end of a message, and says which. Nothing is called back, nothing is buffered except
 * the head; body bytes are spans into what was fed.
 *
 * Strict: no lenient flag of llhttp is set, and what llhttp would still let pass (obs-fold, bare LF
 * or CR, NUL, blanks before the colon, chunk extensions beyond limits, ...) is refused here.
 */
#ifndef SLUICE_HTTP_PARSER_H
#define SLUICE_HTTP_PARSER_H

#include <sluice/http/framing.h>

enum sl_parse {
    SL_PARSE_MORE, /* everything was used up; needs more bytes */
    SL_PARSE_HEAD, /* the head is complete, checked and framed: head, framing. Feeding again goes on
                      with its body. Interim responses (1xx but 101) are heads too: feed again
                      for the next head; sl_parser_reset is not called in between. */
    SL_PARSE_BODY, /* `body` holds body bytes: one span; of a chunked body one for each chunk that
                      came with this feed, as many as have place. What is wrong behind them is told
                      by the next feed. */
    SL_PARSE_END,  /* the message is complete; trailers (perhaps none) are in `trailers`. What is
                      left of the input belongs to the next message, or to the tunnel (101). */
    SL_PARSE_ERROR, /* refused: `refusal`. The parser is of no further use. */
};

enum sl_parser_kind { SL_PARSER_REQUEST, SL_PARSER_RESPONSE };

struct sl_parser_limits {
    struct sl_head_limits head;
    uint32_t trailer_bytes;
    uint32_t chunk_line_bytes; /* one chunk-size line with its extensions */
};

struct sl_parser;

/* The parser with its heads; from a heap. 0 or SL_ERR_MEMORY. */
int sl_parser_new(enum sl_parser_kind kind, const struct sl_parser_limits *limits,
                  struct sl_parser **out_parser);
void sl_parser_free(struct sl_parser **parser);
/* Ready for the next message; keeps memory. Only after SL_PARSE_END or at the very start. */
void sl_parser_reset(struct sl_parser *parser);
/* As reset, and gives the memory of the heads back: for idle connections. */
void sl_parser_shrink(struct sl_parser *parser);
/* Response parsers, before each response: what was asked decides the framing. */
void sl_parser_expect(struct sl_parser *parser, enum sl_method request_method);

/* Advances *in by what it used. One event a call; feed until SL_PARSE_MORE, which alone means that
   *in is used up. Events may be due although *in is empty (SL_PARSE_END after the last body byte).
   Limits are enforced at the first byte beyond them. */
enum sl_parse sl_parser_feed(struct sl_parser *parser, struct sl_span *in);
/* The peer ended its stream. SL_PARSE_END: that completed an SL_BODY_EOF message. SL_PARSE_MORE:
   nothing had begun. SL_PARSE_ERROR: the message is truncated (refusal.rule "truncated"). */
enum sl_parse sl_parser_end(struct sl_parser *parser);
/* Has any byte of the present message been seen? (An empty line before a request does not count,
   RFC 9112 2.2; at most one is skipped.) */
bool sl_parser_has_begun(const struct sl_parser *parser);

/* Valid from SL_PARSE_HEAD until reset. The exchange may edit it (drop and add fields). */
struct sl_head *sl_parser_head(struct sl_parser *parser);
const struct sl_framing *sl_parser_framing(const struct sl_parser *parser);
/* After SL_PARSE_BODY, until the next feed: at least one span, none empty, all of them within what
   that feed used. */
struct sl_spans sl_parser_body(const struct sl_parser *parser);
/* After SL_PARSE_END: fields only; forbidden ones (RFC 9110 6.5.1) are marked dropped. */
struct sl_head *sl_parser_trailers(struct sl_parser *parser);
/* After SL_PARSE_ERROR. For responses the status is 502. */
const struct sl_refusal *sl_parser_refusal(const struct sl_parser *parser);
/* Bytes of the present message's head as received so far / body bytes so far (after dechunking). */
uint64_t sl_parser_head_bytes(const struct sl_parser *parser);
uint64_t sl_parser_body_bytes(const struct sl_parser *parser);
/* After SL_PARSE_HEAD or _BODY: would it now say SL_PARSE_END without another byte? */
bool sl_parser_is_body_complete(const struct sl_parser *parser);

#endif
