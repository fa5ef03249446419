/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parser used last is taken first: it is still in the processor's cache. What does not fit is
 * freed.
 */
#include "shelf.h"

void sl_shelf_fini(struct sl_shelf *shelf)
{
    while (shelf->n > 0)
        sl_parser_free(&shelf->parsers[--shelf->n]);
}

void sl_shelf_set_limits(struct sl_shelf *shelf, const struct sl_parser_limits *limits)
{
    sl_shelf_fini(shelf);
    shelf->limits = *limits;
}

int sl_shelf_take(struct sl_shelf *shelf, struct sl_parser **out_parser)
{
    if (shelf->n == 0)
        return sl_parser_new(SL_PARSER_REQUEST, &shelf->limits, out_parser);
    *out_parser = shelf->parsers[--shelf->n];
    return 0;
}

void sl_shelf_give(struct sl_shelf *shelf, struct sl_parser **parser)
{
    if (shelf->n == SL_SHELF_PLACES) {
        sl_parser_free(parser);
        return;
    }
    sl_parser_reset(*parser);
    shelf->parsers[shelf->n++] = *parser;
    *parser = NULL;
}
