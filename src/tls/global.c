// SPDX-License-Identifier: Apache-2.0
/*
 * global: starts and ends the library, and is its source of randomness.
 *
 * Each thread has a CTR_DRBG of its own, seeded from the kernel at its first use, so that
 * handshakes of several workers meet in no lock. The generator belongs to its thread and is
 * zeroised and freed when the thread ends; the thread that calls sl_tls_global_fini() frees its own
 * there.
 *
 * It fails only when the kernel has no randomness or no memory is left: then every caller fails
 * too, nothing falls back to something weaker.
 */
#include <sluice/tls/server.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>

#include <mbedtls/ctr_drbg.h>
#include <mbedtls/version.h>
#include <psa/crypto.h>

#ifdef SL_MBEDTLS_HOOKED
#include "buffers.h"
#include "crypto/backend.h"
#endif
#include "global.h"

static pthread_key_t drbg_key;
static bool is_started;
static _Thread_local mbedtls_ctr_drbg_context *drbg;

static void drbg_free(void *p)
{
    mbedtls_ctr_drbg_free(p);
    free(p);
    drbg = NULL;
}

static int kernel_entropy(void *unused, unsigned char *out, size_t n)
{
    (void)unused;
    while (n > 0) {
        ssize_t n_got = getrandom(out, n, 0);
        if (n_got < 0 && errno == EINTR)
            continue;
        if (n_got <= 0)
            return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
        out += n_got;
        n -= (size_t)n_got;
    }
    return 0;
}

static int drbg_make(void)
{
    static const unsigned char label[] = "sluice";
    mbedtls_ctr_drbg_context *made = malloc(sizeof(*made));
    if (!made)
        return MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    mbedtls_ctr_drbg_init(made);
    int ret = mbedtls_ctr_drbg_seed(made, kernel_entropy, NULL, label, sizeof(label) - 1);
    if (ret == 0 && pthread_setspecific(drbg_key, made) != 0)
        ret = MBEDTLS_ERR_CTR_DRBG_ENTROPY_SOURCE_FAILED;
    if (ret != 0) {
        drbg_free(made);
        return ret;
    }
    drbg = made;
    return 0;
}

int sl_tls_rng(void *p_rng, unsigned char *out, size_t n)
{
    (void)p_rng;
    if (!drbg) {
        int ret = drbg_make();
        if (ret != 0)
            return ret;
    }
    while (n > 0) {
        size_t n_now = n < MBEDTLS_CTR_DRBG_MAX_REQUEST ? n : MBEDTLS_CTR_DRBG_MAX_REQUEST;
        int ret = mbedtls_ctr_drbg_random(drbg, out, n_now);
        if (ret != 0)
            return ret;
        out += n_now;
        n -= n_now;
    }
    return 0;
}

int sl_tls_random(void *out, size_t n)
{
    return sl_tls_rng(NULL, out, n) == 0 ? 0 : SL_ERR_TLS_INTERNAL;
}

int sl_tls_global_init(void)
{
    if (is_started)
        return 0;
#ifdef SL_MBEDTLS_HOOKED
    if (sl_crypto_start() != SL_CRYPTO_OK)
        return SL_ERR_TLS_INTERNAL;
#endif
    if (pthread_key_create(&drbg_key, drbg_free) != 0)
        return SL_ERR_MEMORY;
    psa_status_t status = psa_crypto_init();
    if (status != PSA_SUCCESS) {
        pthread_key_delete(drbg_key);
        return status == PSA_ERROR_INSUFFICIENT_MEMORY ? SL_ERR_MEMORY : SL_ERR_TLS_INTERNAL;
    }
    is_started = true;
    return 0;
}

void sl_tls_global_fini(void)
{
    if (!is_started)
        return;
    is_started = false;
    if (drbg)
        drbg_free(drbg);
    pthread_key_delete(drbg_key);
    mbedtls_psa_crypto_free();
#ifdef SL_MBEDTLS_HOOKED
    sl_buffers_free();
    sl_crypto_thread_end();
#endif
}

#ifdef SL_MBEDTLS_HOOKED
static char library[160];

static void describe(void)
{
    snprintf(library, sizeof(library), "mbedTLS %s (%s: %s)", MBEDTLS_VERSION_STRING,
             SL_MBEDTLS_ORIGIN, sl_crypto_library());
}

const char *sl_tls_library(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, describe);
    return library;
}
#else
const char *sl_tls_library(void)
{
    return "mbedTLS " MBEDTLS_VERSION_STRING " (" SL_MBEDTLS_ORIGIN ")";
}
#endif
