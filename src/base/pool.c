/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An object that is free holds nothing but its place in the list. Beyond n_keep they go back to the
 * allocator, so a burst does not stay in memory. Under a sanitizer nothing is kept: it is to see
 * who touches an object that was put back.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sluice/base/pool.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define KEEPS_NOTHING 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__)
#define KEEPS_NOTHING 1
#endif

void sl_pool_init(struct sl_pool *pool, size_t n_bytes, size_t n_keep)
{
    assert(n_bytes >= sizeof(struct sl_list));
#ifdef KEEPS_NOTHING
    n_keep = 0;
#endif
    *pool = (struct sl_pool){.n_bytes = n_bytes, .n_keep = n_keep};
    sl_list_init(&pool->free);
}

void sl_pool_fini(struct sl_pool *pool)
{
    sl_list_foreach_safe (node, &pool->free)
        free(node);
    sl_list_init(&pool->free);
    pool->n_free = 0;
}

void *sl_pool_get(struct sl_pool *pool)
{
    struct sl_list *node = sl_list_first(&pool->free);

    if (!node)
        return calloc(1, pool->n_bytes);
    sl_list_unlink(node);
    pool->n_free--;
    memset(node, 0, pool->n_bytes);
    return node;
}

void sl_pool_put(struct sl_pool *pool, void *object)
{
    struct sl_list *node = object;

    if (!node)
        return;
    if (pool->n_free >= pool->n_keep) {
        free(node);
        return;
    }
    sl_list_init(node);
    sl_list_prepend(&pool->free, node);
    pool->n_free++;
}
