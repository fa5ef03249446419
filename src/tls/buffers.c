// SPDX-License-Identifier: Apache-2.0
/*
 * buffers: a small stack of free buffers per thread. What does not fit goes back to the allocator,
 * so a burst does not stay in memory.
 *
 * Failure: where the end of the thread cannot be told, nothing is kept. AddressSanitizer sees every
 * use of a buffer that was given back, as if it had been freed.
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

#if defined(__SANITIZE_ADDRESS__) || __has_feature(address_sanitizer)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(p_, n_)   ((void)(p_), (void)(n_))
#define ASAN_UNPOISON_MEMORY_REGION(p_, n_) ((void)(p_), (void)(n_))
#endif

#define N_KEPT 8

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t key;
static bool has_key;
static _Thread_local void *kept[N_KEPT];
static _Thread_local unsigned n_kept;
static _Thread_local bool is_told; /* the destructor knows of this thread */

void sl_buffers_free(void)
{
    while (n_kept > 0)
        free(kept[--n_kept]);
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
    if (n_kept == 0)
        return malloc(n);
    void *taken = kept[--n_kept];
    ASAN_UNPOISON_MEMORY_REGION(taken, n);
    return taken;
}

void sl_buffer_give(void *buffer, size_t n)
{
    if (!is_told) {
        pthread_once(&once, make_key);
        is_told = has_key && pthread_setspecific(key, kept) == 0;
    }
    if (!is_told || n_kept == N_KEPT) {
        free(buffer);
        return;
    }
    kept[n_kept++] = buffer;
    ASAN_POISON_MEMORY_REGION(buffer, n);
}
