// SPDX-License-Identifier: Apache-2.0
/*
 * buffers: a small stack of free buffers per thread. What does not fit goes back to the allocator,
 * so a burst does not stay in memory.
 *
 * Failure: without memory for the stack's destructor nothing is kept. With a sanitizer nothing is
 * kept either: it shall see every use of what was given back.
 *
 * Who takes a buffer owns it; the stack owns what it keeps, until its thread ends.
 */
#include "buffers.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define N_KEPT 0
#else
#define N_KEPT 8
#endif

/* A free buffer holds the next one in its first bytes. */
struct kept {
    struct kept *next;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;
static _Thread_local struct kept *first;
static _Thread_local int n_kept;
static _Thread_local bool is_told; /* the destructor knows of this thread */

void sl_buffers_free(void)
{
    while (first) {
        struct kept *gone = first;
        first = gone->next;
        free(gone);
    }
    n_kept = 0;
}

static void thread_ends(void *unused)
{
    (void)unused;
    is_told = false;
    sl_buffers_free();
}

static void make_key(void)
{
    has_key = pthread_key_create(&key, thread_ends) == 0;
}

void *sl_buffer_take(size_t n)
{
    struct kept *taken = first;
    if (!taken)
        return malloc(n);
    first = taken->next;
    n_kept--;
    return taken;
}

void sl_buffer_give(void *buffer)
{
    if (!is_told && n_kept < N_KEPT) {
        pthread_once(&once, make_key);
        is_told = has_key && pthread_setspecific(key, &first) == 0;
    }
    if (!buffer || !is_told || n_kept >= N_KEPT) {
        free(buffer);
        return;
    }
    struct kept *given = buffer;
    given->next = first;
    first = given;
    n_kept++;
}
