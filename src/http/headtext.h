/* SPDX-License-Identifier: Apache-2.0 */
/*
 * headtext: what parser and encoder need of a head beyond its door: room for raw bytes, and fields
 * that point into them.
 */
#ifndef SLUICE_HTTP_HEADTEXT_H
#define SLUICE_HTTP_HEADTEXT_H

#include <sluice/http/head.h>

/* Room for n more bytes after n_text. 0, SL_ERR_MEMORY or SL_ERR_LIMIT. Moves text. */
int sl_head_reserve(struct sl_head *h, size_t n);
/* One more field, zeroed. NULL: out of memory or over the limit. Moves fields. */
struct sl_field *sl_head_push(struct sl_head *h);
/* Trims the value of a field and finds its id. */
void sl_head_settle(struct sl_head *h, struct sl_field *f);
/* "name: value" where the text has it in one piece, as most senders write it; else no bytes. */
struct sl_span sl_head_line(const struct sl_head *h, const struct sl_field *f);
enum sl_method sl_method_read(struct sl_span method);

#endif
