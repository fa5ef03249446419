/* SPDX-License-Identifier: Apache-2.0 */
/*
 * chunkq: a bounded queue of bytes in fixed chunks, and the pool the chunks come from.
 *
 * The bound is soft by one write: whoever fills it asks sl_chunkq_is_full() before taking more from
 * its source, and what one read brought is always accepted. So a queue holds at most `high` plus
 * one read. "Room" is said again once the queue has fallen to `low`.
 */
#ifndef SLUICE_BASE_CHUNKQ_H
#define SLUICE_BASE_CHUNKQ_H

#include <sluice/base/list.h>

/* A chunk with its header: room for the longest TLS record that is written, in one piece. */
#define SL_CHUNK_BYTES (16384 + 64)

struct sl_chunk {
    struct sl_list link;
    uint32_t start, end; /* the bytes in use: bytes[start .. end) */
    char bytes[];
};

#define SL_CHUNK_ROOM (SL_CHUNK_BYTES - sizeof(struct sl_chunk))

/* Free chunks of one worker. Not shared between threads. */
struct sl_chunkpool {
    struct sl_list free;
    size_t n_free, n_keep; /* chunks kept for reuse, at most n_keep */
    size_t n_used;         /* chunks in queues now */
};

struct sl_chunkq {
    struct sl_chunkpool *pool;
    struct sl_list chunks;
    size_t n_bytes;
    uint32_t high, low; /* bytes */
};

void sl_chunkpool_init(struct sl_chunkpool *pool, size_t n_keep);
/* Every queue must have been emptied. */
void sl_chunkpool_fini(struct sl_chunkpool *pool);

/* Allocates nothing: an empty queue holds no chunk. */
void sl_chunkq_init(struct sl_chunkq *q, struct sl_chunkpool *pool, uint32_t high, uint32_t low);
/* Gives all chunks back. The queue may be used again. */
void sl_chunkq_clear(struct sl_chunkq *q);
/* 0 or SL_ERR_MEMORY; then nothing was appended. Marks are not enforced here. */
int sl_chunkq_append(struct sl_chunkq *q, struct sl_span bytes);
/*
 * For who makes bytes in place: n (1 to SL_CHUNK_ROOM) bytes of contiguous room at the end, or NULL
 * without memory. They count once sl_chunkq_commit() has said how many of them were written, which
 * must come next. Where n bytes do not fit into the last chunk its rest stays unused; but as long
 * as what was reserved is written, two neighbouring chunks hold more than SL_CHUNK_ROOM bytes.
 */
char *sl_chunkq_reserve(struct sl_chunkq *q, size_t n);
/* At most what was reserved; 0 takes the reservation back. */
void sl_chunkq_commit(struct sl_chunkq *q, size_t n);
/* Up to max spans from the front; they live until the next consume or clear. Returns their number.
 */
size_t sl_chunkq_peek(const struct sl_chunkq *q, struct sl_span *out_spans, size_t max);
/* Drops n bytes (at most n_bytes) from the front. */
void sl_chunkq_consume(struct sl_chunkq *q, size_t n);
/* Moves the first n bytes into a contiguous buffer of the caller; returns how many were there. */
size_t sl_chunkq_take(struct sl_chunkq *q, char *buf, size_t n);

static inline bool sl_chunkq_is_empty(const struct sl_chunkq *q)
{
    return q->n_bytes == 0;
}

static inline bool sl_chunkq_is_full(const struct sl_chunkq *q)
{
    return q->n_bytes >= q->high;
}

static inline bool sl_chunkq_has_room(const struct sl_chunkq *q)
{
    return q->n_bytes <= q->low;
}

/* Bytes below the high mark; 0 when full. */
static inline size_t sl_chunkq_room(const struct sl_chunkq *q)
{
    return q->n_bytes >= q->high ? 0 : q->high - q->n_bytes;
}

#endif
