/* SPDX-License-Identifier: Apache-2.0 */
/*
 * shelf: request parsers that nobody uses at the moment, with the memory of their heads. A client
 * takes one with the first byte of a request and gives it back when it rests: a resting client has
 * none, and those who are busy share a few that are warm.
 */
#ifndef SLUICE_PROXY_SHELF_H
#define SLUICE_PROXY_SHELF_H

#include <sluice/http/parser.h>

#define SL_SHELF_PLACES 32

struct sl_shelf {
    struct sl_parser_limits limits; /* of every parser on it */
    struct sl_parser *parsers[SL_SHELF_PLACES];
    size_t n;
};

/* Those that were made for other limits go. */
void sl_shelf_set_limits(struct sl_shelf *shelf, const struct sl_parser_limits *limits);
void sl_shelf_fini(struct sl_shelf *shelf);
/* 0 or SL_ERR_MEMORY. */
int sl_shelf_take(struct sl_shelf *shelf, struct sl_parser **out_parser);
/* At the end of a request, and with the shelf's present limits. Nulls the pointer. */
void sl_shelf_give(struct sl_shelf *shelf, struct sl_parser **parser);

#endif
