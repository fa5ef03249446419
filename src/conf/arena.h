/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: memory that is given back all at once. A tree and a configuration each live in one, so
 * that a reader which gives up half way leaves nothing behind.
 */
#ifndef SLUICE_CONF_ARENA_PRIVATE_H
#define SLUICE_CONF_ARENA_PRIVATE_H

#include <sluice/base/span.h>

struct sl_arena_block;

/* All zero is an empty arena. */
struct sl_arena {
    struct sl_arena_block *blocks;
};

/* Zeroed and aligned for any type; NULL when there is no memory. */
void *sl_arena_take(struct sl_arena *arena, size_t size);
/* A copy that ends with NUL; NULL when there is no memory. */
char *sl_arena_copy(struct sl_arena *arena, struct sl_span text);
void sl_arena_fini(struct sl_arena *arena);

#endif
