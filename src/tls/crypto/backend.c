// SPDX-License-Identifier: Apache-2.0
/*
 * backend: starts the library behind the primitives and keeps each thread's objects.
 *
 * Looking an algorithm up in libcrypto costs more than small operations with it, so ciphers are
 * fetched once for the process; groups and scratch numbers belong to their thread, which needs no
 * lock for them and frees them when it ends. The process' last thread may call
 * sl_crypto_thread_end().
 *
 * Failure: without memory a call says SL_CRYPTO_FAILED, and the next one tries again.
 */
#include "backend_thread.h"

#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/rand.h>

struct sl_crypto_shared sl_crypto_shared;

static pthread_mutex_t start_lock = PTHREAD_MUTEX_INITIALIZER;
static atomic_bool is_started;
static pthread_key_t thread_key;
static bool has_thread_key;
static _Thread_local struct sl_crypto_thread *this_thread;
static char library[96] = "OpenSSL";

int sl_crypto_done(int answer)
{
    if (ERR_peek_error() != 0)
        ERR_clear_error();
    return answer;
}

void sl_last_pair_forget(struct sl_last_pair *pair)
{
    if (pair->is_set)
        OPENSSL_cleanse(pair, sizeof(*pair));
}

static void thread_free(void *p)
{
    struct sl_crypto_thread *thread = p;
    sl_last_pair_forget(&thread->last_ec);
    sl_last_x25519_forget(&thread->last_x25519);
    for (size_t i = 0; i < SL_N_CURVES; i++)
        EC_KEY_free(thread->ec[i]);
    EVP_PKEY_free(thread->x25519_peer);
    EVP_PKEY_CTX_free(thread->x25519);
    BN_CTX_free(thread->bn);
    free(thread);
    this_thread = NULL;
}

static bool fetch(EVP_CIPHER **cipher, const char *name)
{
    if (!*cipher)
        *cipher = EVP_CIPHER_fetch(NULL, name, NULL);
    return *cipher != NULL;
}

static void describe(void)
{
    const struct sl_gcm_engine *engine = sl_crypto_shared.gcm_engine;
    snprintf(library, sizeof(library), "OpenSSL %s%s%s", OpenSSL_version(OPENSSL_VERSION_STRING),
             engine ? ", AES-GCM: " : "", engine ? engine->name : "");
}

static bool start_locked(void)
{
    struct sl_crypto_shared *shared = &sl_crypto_shared;
    uint8_t first[1];
    if (!has_thread_key && pthread_key_create(&thread_key, thread_free) != 0)
        return false;
    if (!has_thread_key)
        sl_crypto_forget_memory();
    has_thread_key = true;
#ifdef SL_IPSEC_MB
    shared->gcm_engine = sl_gcm_ipsec_mb();
#endif
    shared->is_gcm_engine_used = shared->gcm_engine != NULL;
    describe();
    return fetch(&shared->aes_gcm[0], "AES-128-GCM") && fetch(&shared->aes_gcm[1], "AES-192-GCM") &&
           fetch(&shared->aes_gcm[2], "AES-256-GCM") &&
           fetch(&shared->chacha20_poly1305, "ChaCha20-Poly1305") &&
           RAND_bytes(first, sizeof(first)) == 1;
}

int sl_crypto_start(void)
{
    if (atomic_load_explicit(&is_started, memory_order_acquire))
        return SL_CRYPTO_OK;
    pthread_mutex_lock(&start_lock);
    bool is_good = atomic_load_explicit(&is_started, memory_order_relaxed) || start_locked();
    if (is_good)
        atomic_store_explicit(&is_started, true, memory_order_release);
    pthread_mutex_unlock(&start_lock);
    return is_good ? SL_CRYPTO_OK : SL_CRYPTO_FAILED;
}

const char *sl_crypto_library(void)
{
    (void)sl_crypto_start();
    return library;
}

bool sl_crypto_use_gcm_engine(bool is_used)
{
    if (sl_crypto_start() != SL_CRYPTO_OK || !sl_crypto_shared.gcm_engine)
        return false;
    sl_crypto_shared.is_gcm_engine_used = is_used;
    return true;
}

struct sl_crypto_thread *sl_crypto_thread(void)
{
    if (this_thread)
        return this_thread;
    if (sl_crypto_start() != SL_CRYPTO_OK)
        return NULL;
    struct sl_crypto_thread *made = calloc(1, sizeof(*made));
    if (!made)
        return NULL;
    made->bn = BN_CTX_secure_new();
    if (!made->bn || pthread_setspecific(thread_key, made) != 0) {
        thread_free(made);
        return NULL;
    }
    this_thread = made;
    return made;
}

void sl_crypto_thread_end(void)
{
    if (!this_thread)
        return;
    thread_free(this_thread);
    pthread_setspecific(thread_key, NULL);
    OPENSSL_thread_stop();
}

int sl_crypto_random(uint8_t *out, size_t n)
{
    while (n > 0) {
        int n_now = n < INT_MAX ? (int)n : INT_MAX;
        if (RAND_bytes(out, n_now) != 1) {
            ERR_clear_error();
            return SL_CRYPTO_FAILED;
        }
        out += n_now;
        n -= (size_t)n_now;
    }
    return SL_CRYPTO_OK;
}
