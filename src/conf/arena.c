/* SPDX-License-Identifier: Apache-2.0 */
/*
 * arena: see arena.h. Blocks of a few KiB hold many small things; a thing that is larger than a
 * quarter of a block gets a block of its own. Owned by whoever embeds the arena.
 */
#include <stdlib.h>
#include "arena.h"

#define BLOCK_BYTES 8192
#define ALIGN       _Alignof(max_align_t)

struct sl_arena_block {
    struct sl_arena_block *next;
    size_t used, cap;
    _Alignas(max_align_t) char bytes[];
};

static struct sl_arena_block *block_new(size_t cap)
{
    struct sl_arena_block *block = calloc(1, sizeof(*block) + cap);
    if (block)
        block->cap = cap;
    return block;
}

void *sl_arena_take(struct sl_arena *arena, size_t size)
{
    if (size > SIZE_MAX / 2)
        return NULL;
    size = (size + ALIGN - 1) / ALIGN * ALIGN;
    struct sl_arena_block *block = arena->blocks;
    if (!block || block->cap - block->used < size) {
        bool is_large = size > BLOCK_BYTES / 4;
        block = block_new(is_large ? size : BLOCK_BYTES);
        if (!block)
            return NULL;
        if (is_large && arena->blocks) {
            /* behind the present block, which goes on being filled */
            block->next = arena->blocks->next;
            arena->blocks->next = block;
        } else {
            block->next = arena->blocks;
            arena->blocks = block;
        }
    }
    void *ptr = block->bytes + block->used;
    block->used += size;
    return ptr;
}

char *sl_arena_copy(struct sl_arena *arena, struct sl_span text)
{
    char *copy = sl_arena_take(arena, text.len + 1);
    if (copy && text.len)
        memcpy(copy, text.ptr, text.len);
    return copy;
}

void sl_arena_fini(struct sl_arena *arena)
{
    while (arena->blocks) {
        struct sl_arena_block *next = arena->blocks->next;
        free(arena->blocks);
        arena->blocks = next;
    }
}
