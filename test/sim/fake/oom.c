/* SPDX-License-Identifier: Apache-2.0 */
/*
 * oom: the wrappers behind -Wl,--wrap. Allocations made inside shared libraries are not seen.
 */
#include "oom.h"

#include <stddef.h>

extern volatile unsigned fake_n_own;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *ptr, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *ptr, size_t n);

static unsigned n_seen, n_failing;

void oom_fail_nth(unsigned n)
{
    n_seen = 0;
    n_failing = n;
}

void oom_off(void)
{
    n_failing = 0;
}

unsigned oom_count(void)
{
    return n_seen;
}

static int is_failing(void)
{
    return fake_n_own == 0 && ++n_seen == n_failing;
}

void *__wrap_malloc(size_t n)
{
    return is_failing() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    return is_failing() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *ptr, size_t n)
{
    return is_failing() ? NULL : __real_realloc(ptr, n);
}
