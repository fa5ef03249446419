// SPDX-License-Identifier: Apache-2.0
/*
 * backend_memory: libcrypto's memory, zeroised when it is given back.
 *
 * libcrypto cleanses what it knows to be a key, but not every copy: the multiplication of a point
 * of P-256 frees its scalar as it is. Blocks are small, so forgetting all of them costs less than
 * finding out which of them matter.
 *
 * Failure: when libcrypto has allocated something before, it refuses, and frees as it always did.
 */
#include "backend_thread.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

static void *take(size_t n, const char *file, int line)
{
    (void)file;
    (void)line;
    return n > 0 ? malloc(n) : NULL;
}

static void give_back(void *p, const char *file, int line)
{
    (void)file;
    (void)line;
    if (p)
        explicit_bzero(p, malloc_usable_size(p));
    free(p);
}

static void *resize(void *p, size_t n, const char *file, int line)
{
    if (n == 0) {
        give_back(p, file, line);
        return NULL;
    }
    void *moved = malloc(n);
    if (!moved || !p)
        return moved;
    size_t n_before = malloc_usable_size(p);
    memcpy(moved, p, n_before < n ? n_before : n);
    give_back(p, file, line);
    return moved;
}

void sl_crypto_forget_memory(void)
{
    (void)CRYPTO_set_mem_functions(take, resize, give_back);
}
