/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A queue of bytes in fixed chunks. Bytes are copied in at the end of the last chunk and dropped
 * from the front of the first; a chunk without bytes goes back to the pool at once, so an idle
 * connection owns none. The pool keeps a few free chunks and gives the rest back to the allocator:
 * a burst does not stay in memory.
 *
 * Out of memory: all chunks that an append needs are had before the first byte is copied, so it
 * happens whole or not at all.
 *
 * Between a reservation and its commit the last chunk may be empty; no other verb may run then.
 *
 * Owners: a chunk is in exactly one list, of a queue or of the pool. The pool outlives its queues.
 */
#include <assert.h>
#include <stdlib.h>
#include <sluice/base/chunkq.h>
#include <sluice/base/err.h>

static struct sl_chunk *chunk_of(struct sl_list *node)
{
    return sl_list_entry(node, struct sl_chunk, link);
}

static struct sl_chunk *pool_get(struct sl_chunkpool *pool)
{
    struct sl_list *node = sl_list_first(&pool->free);
    struct sl_chunk *chunk;
    if (node) {
        sl_list_unlink(node);
        pool->n_free--;
        chunk = chunk_of(node);
    } else {
        chunk = malloc(SL_CHUNK_BYTES);
        if (!chunk)
            return NULL;
        sl_list_init(&chunk->link);
    }
    chunk->start = chunk->end = 0;
    pool->n_used++;
    return chunk;
}

/* The chunk used last is handed out first: its bytes are still in the processor's cache. */
static void pool_put(struct sl_chunkpool *pool, struct sl_chunk *chunk)
{
    sl_list_unlink(&chunk->link);
    pool->n_used--;
    if (pool->n_free < pool->n_keep) {
        sl_list_prepend(&pool->free, &chunk->link);
        pool->n_free++;
    } else {
        free(chunk);
    }
}

void sl_chunkpool_init(struct sl_chunkpool *pool, size_t n_keep)
{
    *pool = (struct sl_chunkpool){.n_keep = n_keep};
    sl_list_init(&pool->free);
}

void sl_chunkpool_fini(struct sl_chunkpool *pool)
{
    assert(pool->n_used == 0);
    sl_list_foreach_safe (node, &pool->free)
        free(chunk_of(node));
    sl_list_init(&pool->free);
    pool->n_free = 0;
}

void sl_chunkq_init(struct sl_chunkq *q, struct sl_chunkpool *pool, uint32_t high, uint32_t low)
{
    *q = (struct sl_chunkq){.pool = pool, .high = high, .low = low};
    sl_list_init(&q->chunks);
}

void sl_chunkq_clear(struct sl_chunkq *q)
{
    sl_list_foreach_safe (node, &q->chunks)
        pool_put(q->pool, chunk_of(node));
    q->n_bytes = 0;
}

/* Moves as much as fits to the end of the chunk; returns what is left. */
static struct sl_span chunk_fill(struct sl_chunk *chunk, struct sl_span bytes)
{
    size_t n = SL_CHUNK_ROOM - chunk->end;
    if (n > bytes.len)
        n = bytes.len;
    if (n == 0)
        return bytes;
    memcpy(chunk->bytes + chunk->end, bytes.ptr, n);
    chunk->end += (uint32_t)n;
    return sl_span_skip(bytes, n);
}

int sl_chunkq_append(struct sl_chunkq *q, struct sl_span bytes)
{
    struct sl_chunk *last = sl_list_is_empty(&q->chunks) ? NULL : chunk_of(q->chunks.prev);
    size_t room = last ? SL_CHUNK_ROOM - last->end : 0;
    struct sl_list fresh;
    sl_list_init(&fresh);
    while (room < bytes.len) {
        struct sl_chunk *chunk = pool_get(q->pool);
        if (!chunk) {
            sl_list_foreach_safe (node, &fresh)
                pool_put(q->pool, chunk_of(node));
            return SL_ERR_MEMORY;
        }
        sl_list_append(&fresh, &chunk->link);
        room += SL_CHUNK_ROOM;
    }
    q->n_bytes += bytes.len;
    if (last)
        bytes = chunk_fill(last, bytes);
    sl_list_foreach (node, &fresh)
        bytes = chunk_fill(chunk_of(node), bytes);
    sl_list_splice(&q->chunks, &fresh);
    return 0;
}

char *sl_chunkq_reserve(struct sl_chunkq *q, size_t n)
{
    assert(n > 0 && n <= SL_CHUNK_ROOM);
    if (!sl_list_is_empty(&q->chunks)) {
        struct sl_chunk *last = chunk_of(q->chunks.prev);
        if (n <= SL_CHUNK_ROOM - last->end)
            return last->bytes + last->end;
    }
    struct sl_chunk *chunk = pool_get(q->pool);
    if (!chunk)
        return NULL;
    sl_list_append(&q->chunks, &chunk->link);
    return chunk->bytes;
}

void sl_chunkq_commit(struct sl_chunkq *q, size_t n)
{
    assert(!sl_list_is_empty(&q->chunks));
    struct sl_chunk *last = chunk_of(q->chunks.prev);
    assert(n <= SL_CHUNK_ROOM - last->end);
    last->end += (uint32_t)n;
    q->n_bytes += n;
    if (last->end == 0)
        pool_put(q->pool, last);
}

size_t sl_chunkq_peek(const struct sl_chunkq *q, struct sl_span *out_spans, size_t max)
{
    size_t n = 0;
    sl_list_foreach (node, &q->chunks) {
        if (n == max)
            break;
        const struct sl_chunk *chunk = chunk_of(node);
        out_spans[n++] = sl_span(chunk->bytes + chunk->start, chunk->end - chunk->start);
    }
    return n;
}

void sl_chunkq_consume(struct sl_chunkq *q, size_t n)
{
    if (n > q->n_bytes)
        n = q->n_bytes;
    q->n_bytes -= n;
    while (n > 0) {
        struct sl_chunk *chunk = chunk_of(q->chunks.next);
        size_t had = chunk->end - chunk->start;
        if (n < had) {
            chunk->start += (uint32_t)n;
            return;
        }
        n -= had;
        pool_put(q->pool, chunk);
    }
}

size_t sl_chunkq_take(struct sl_chunkq *q, char *buf, size_t n)
{
    size_t n_taken = 0;
    if (n > q->n_bytes)
        n = q->n_bytes;
    while (n_taken < n) {
        const struct sl_chunk *chunk = chunk_of(q->chunks.next);
        size_t part = chunk->end - chunk->start;
        if (part > n - n_taken)
            part = n - n_taken;
        memcpy(buf + n_taken, chunk->bytes + chunk->start, part);
        n_taken += part;
        sl_chunkq_consume(q, part);
    }
    return n_taken;
}
