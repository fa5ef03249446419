// SPDX-License-Identifier: Apache-2.0
/*
 * forgotten: memory that is given back holds no secret. free() looks through each block for the
 * secrets of the test; realloc() never moves one, because it moves none at all here.
 *
 * A sanitizer has an allocator of its own: then there is nothing to do here.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sluice/base/span.h>

#include <backend.h>

#ifndef __has_feature
#define __has_feature(x) 0
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) ||                               \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
int main(void)
{
    puts("1..0 # SKIP the sanitizer owns the allocator");
    return 0;
}
#else

void __libc_free(void *p);

static uint8_t secret[64];
static size_t n_secret; /* 0: nobody looks */
static int n_looked, n_found;

void free(void *p)
{
    if (p && n_secret > 0) {
        n_looked++;
        n_found += memmem(p, malloc_usable_size(p), secret, n_secret) != NULL;
    }
    __libc_free(p);
}

static void look_for(const uint8_t *bytes, size_t n)
{
    memcpy(secret, bytes, n);
    n_looked = n_found = 0;
    n_secret = n;
}

static void assert_forgotten(void)
{
    n_secret = 0;
    assert_true(n_looked > 0);
    assert_int_equal(n_found, 0);
}

static void the_search_finds(void **state)
{
    static const uint8_t bytes[] = "a secret of some length";
    look_for(bytes, sizeof(bytes));
    uint8_t *p = malloc(100);
    memcpy(p + 13, bytes, sizeof(bytes));
    __asm__ volatile("" : : "r"(p) : "memory"); /* it is freed next, but it is not dead */
    free(p);
    n_secret = 0;
    assert_int_equal(n_found, 1);
}

/* Whole messages, another IV, in parts: every object that a key can have is made. */
static void use(struct sl_aead *aead, enum sl_aead_kind kind)
{
    static const uint8_t iv[16] = {1};
    uint8_t bytes[100] = {0}, tag[16];
    assert_int_equal(sl_aead_seal(aead, iv, 12, iv, 5, bytes, 100, bytes, tag, 16), 0);
    assert_int_equal(sl_aead_open(aead, iv, 12, iv, 5, bytes, 100, tag, 16, bytes), 0);
    if (kind == SL_AEAD_AES_GCM)
        assert_int_equal(sl_aead_seal(aead, iv, 16, iv, 5, bytes, 100, bytes, tag, 16), 0);
    assert_int_equal(sl_aead_begin(aead, false, iv, 12), 0);
    assert_int_equal(sl_aead_update(aead, bytes, 50, bytes), 0);
    assert_int_equal(sl_aead_end(aead, tag), 0);
}

static void keys_of_aeads(void **state)
{
    static const struct {
        enum sl_aead_kind kind;
        size_t n_key;
    } rows[] = {{SL_AEAD_AES_GCM, 16}, {SL_AEAD_AES_GCM, 32}, {SL_AEAD_CHACHA20_POLY1305, 32}};
    for (int has_engine = 0; has_engine <= 1; has_engine++)
        for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
            struct sl_aead *aead;
            uint8_t key[32];
            (void)sl_crypto_use_gcm_engine(has_engine);
            assert_int_equal(sl_crypto_random(key, sizeof(key)), 0);
            /* Of ChaCha20 the state keeps its words in an order that is the bytes' on x86. */
            look_for(key, rows[i].n_key);
            assert_int_equal(sl_aead_new(rows[i].kind, key, rows[i].n_key, &aead), 0);
            use(aead, rows[i].kind);
            sl_aead_free(&aead);
            assert_forgotten();
        }
}

static uint8_t d[SL_EC_MAX_BYTES], point[SL_EC_MAX_POINT_BYTES], x[SL_EC_MAX_BYTES];

/* Big numbers keep their bytes in the processor's order. */
static void reverse(const uint8_t *in, size_t n, uint8_t *out)
{
    for (size_t i = 0; i < n; i++)
        out[i] = in[n - 1 - i];
}

static void *use_ec(void *p_is_reversed)
{
    const bool *is_reversed = p_is_reversed;
    uint8_t r[SL_EC_MAX_BYTES], s[SL_EC_MAX_BYTES], turned[32], hash[32] = {1};
    assert_int_equal(sl_ec_make(SL_CURVE_P256, true, d, point), 0);
    reverse(d, 32, turned);
    look_for(*is_reversed ? turned : d, 32);
    assert_int_equal(sl_ec_sign(SL_CURVE_P256, d, hash, sizeof(hash), r, s), 0);
    assert_int_equal(sl_ec_agree(SL_CURVE_P256, d, point, x), 0);
    return NULL; /* and the thread's objects go, with the pair that it remembers */
}

static void *use_x25519(void *unused)
{
    assert_int_equal(sl_x25519_make(true, d, point), 0);
    look_for(d, 32);
    assert_int_equal(sl_x25519_agree(d, point, x), 0);
    assert_int_equal(n_found, 0);
    assert_int_equal(sl_x25519_make(true, d, point), 0);
    look_for(d, 32);
    return NULL; /* and with the thread's objects goes the pair that was not used */
}

static void in_a_thread(void *(*function)(void *), void *argument)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, function, argument), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_forgotten();
}

static void private_keys_of_a_thread_that_ended(void **state)
{
    bool is_reversed = false;
    in_a_thread(use_ec, &is_reversed);
    is_reversed = true;
    in_a_thread(use_ec, &is_reversed);
    in_a_thread(use_x25519, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_search_finds),
        cmocka_unit_test(keys_of_aeads),
        cmocka_unit_test(private_keys_of_a_thread_that_ended),
    };
    if (sl_crypto_start() != SL_CRYPTO_OK)
        return 1;
    int n = cmocka_run_group_tests(tests, NULL, NULL);
    sl_crypto_thread_end();
    return n;
}
#endif
