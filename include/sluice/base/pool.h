/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pool: objects of one size and one worker, of which a few are kept for reuse: what a request needs
 * and a resting connection does not. The one used last comes back first: its bytes are still in the
 * processor's cache.
 */
#ifndef SLUICE_BASE_POOL_H
#define SLUICE_BASE_POOL_H

#include <sluice/base/list.h>

struct sl_pool {
    struct sl_list free;
    size_t n_bytes;        /* of an object: at least a struct sl_list */
    size_t n_free, n_keep; /* objects kept, at most n_keep */
};

void sl_pool_init(struct sl_pool *pool, size_t n_bytes, size_t n_keep);
/* Every object must have been put back. */
void sl_pool_fini(struct sl_pool *pool);
/* Zeroed; or NULL: no memory. */
void *sl_pool_get(struct sl_pool *pool);
/* NULL is fine. */
void sl_pool_put(struct sl_pool *pool, void *object);

#endif
