// SPDX-License-Identifier: Apache-2.0
/*
 * engines: libcrypto and the other engine for AES-GCM give the same bytes and refuse the same.
 * Where there is no other engine, libcrypto is compared with itself.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <sluice/base/span.h>

#include <backend.h>

#define MAX_BYTES 70000
#define GUARD     0xee

static uint8_t plain[MAX_BYTES], sealed[MAX_BYTES + 64], opened[MAX_BYTES + 64];
static uint8_t key[32], iv[128], ad[64];

static const size_t key_sizes[] = {16, 24, 32};

static struct sl_aead *aead_of(bool is_libcrypto, size_t n_key)
{
    struct sl_aead *aead;
    (void)sl_crypto_use_gcm_engine(!is_libcrypto);
    assert_int_equal(sl_aead_new(SL_AEAD_AES_GCM, key, n_key, &aead), SL_CRYPTO_OK);
    (void)sl_crypto_use_gcm_engine(true);
    return aead;
}

static void fill(void)
{
    assert_int_equal(sl_crypto_random(plain, sizeof(plain)), SL_CRYPTO_OK);
    assert_int_equal(sl_crypto_random(key, sizeof(key)), SL_CRYPTO_OK);
    assert_int_equal(sl_crypto_random(iv, sizeof(iv)), SL_CRYPTO_OK);
    assert_int_equal(sl_crypto_random(ad, sizeof(ad)), SL_CRYPTO_OK);
}

static void assert_guarded(const uint8_t *at)
{
    for (size_t i = 0; i < 32; i++)
        assert_int_equal(at[i], GUARD);
}

/* One seals, the other opens, in the same place or apart. */
static void pass(struct sl_aead *from, struct sl_aead *to, size_t n, size_t n_ad, size_t n_tag,
                 bool is_in_place)
{
    uint8_t tag[SL_AEAD_TAG_BYTES + 1];
    memset(sealed, GUARD, n + 64);
    memset(opened, GUARD, n + 64);
    memset(tag, GUARD, sizeof(tag));
    if (is_in_place)
        memcpy(sealed, plain, n);
    assert_int_equal(
        sl_aead_seal(from, iv, 12, ad, n_ad, is_in_place ? sealed : plain, n, sealed, tag, n_tag),
        SL_CRYPTO_OK);
    assert_int_equal(tag[n_tag], GUARD);
    assert_guarded(sealed + n);
    if (is_in_place)
        memcpy(opened, sealed, n);
    assert_int_equal(
        sl_aead_open(to, iv, 12, ad, n_ad, is_in_place ? opened : sealed, n, tag, n_tag, opened),
        SL_CRYPTO_OK);
    assert_memory_equal(opened, plain, n);
    assert_guarded(opened + n);
    /* And not with any bit wrong. */
    tag[n % n_tag] ^= (uint8_t)(1 << n % 8);
    assert_int_equal(sl_aead_open(to, iv, 12, ad, n_ad, sealed, n, tag, n_tag, opened),
                     SL_CRYPTO_FORGED);
    for (size_t i = 0; i < n; i++)
        assert_int_equal(opened[i], 0);
    assert_guarded(opened + n);
}

static void each_opens_what_the_other_sealed(void **state)
{
    static const size_t large[] = {1023, 1024, 1025, 4096, 16383, 16384, 16401, 65536, MAX_BYTES};
    for (size_t k = 0; k < SL_N_ELEMENTS(key_sizes); k++) {
        fill();
        struct sl_aead *aeads[] = {aead_of(true, key_sizes[k]), aead_of(false, key_sizes[k])};
        for (size_t n = 0; n < 700; n++)
            pass(aeads[n % 2], aeads[(n + 1) % 2], n, n % 63, 4 + n % 13, n % 3 == 0);
        for (size_t i = 0; i < 2 * SL_N_ELEMENTS(large); i++)
            pass(aeads[i % 2], aeads[(i + 1) % 2], large[i / 2], 13, 16, i % 3 == 0);
        sl_aead_free(&aeads[0]);
        sl_aead_free(&aeads[1]);
    }
}

/* The output before the input, as TLS 1.2 has it, and never behind it. */
static void outputs_may_lie_before_inputs(void **state)
{
    static const size_t sizes[] = {1, 15, 16, 17, 100, 1024, 5000};
    fill();
    for (int is_libcrypto = 0; is_libcrypto <= 1; is_libcrypto++) {
        struct sl_aead *aead = aead_of(is_libcrypto, 16);
        for (size_t i = 0; i < SL_N_ELEMENTS(sizes); i++)
            for (size_t gap = 0; gap < 40; gap++) {
                uint8_t tag[SL_AEAD_TAG_BYTES];
                size_t n = sizes[i];
                memcpy(sealed + gap, plain, n);
                assert_int_equal(
                    sl_aead_seal(aead, iv, 12, ad, 13, sealed + gap, n, sealed, tag, 16),
                    SL_CRYPTO_OK);
                memmove(sealed + gap, sealed, n);
                assert_int_equal(
                    sl_aead_open(aead, iv, 12, ad, 13, sealed + gap, n, tag, 16, sealed),
                    SL_CRYPTO_OK);
                assert_memory_equal(sealed, plain, n);
                if (gap > 0 && gap < n)
                    assert_int_equal(
                        sl_aead_seal(aead, iv, 12, ad, 13, sealed, n, sealed + gap, tag, 16),
                        SL_CRYPTO_INVALID);
            }
        sl_aead_free(&aead);
    }
}

/* What the engine cannot do is done by libcrypto with the same key, and back. */
static void one_key_serves_every_kind_of_message(void **state)
{
    static const size_t iv_sizes[] = {12, 8, 12, 128, 1, 12};
    fill();
    struct sl_aead *aeads[] = {aead_of(true, 32), aead_of(false, 32)};
    for (size_t i = 0; i < SL_N_ELEMENTS(iv_sizes); i++) {
        uint8_t tags[2][SL_AEAD_TAG_BYTES], whole[SL_AEAD_TAG_BYTES];
        for (int j = 0; j < 2; j++) {
            assert_int_equal(sl_aead_seal(aeads[j], iv, iv_sizes[i], ad, 5, plain, 100,
                                          sealed + 200 * j, tags[j], 16),
                             SL_CRYPTO_OK);
            assert_int_equal(sl_aead_begin(aeads[j], true, iv, iv_sizes[i]), SL_CRYPTO_OK);
            assert_int_equal(sl_aead_ad(aeads[j], ad, 5), SL_CRYPTO_OK);
            assert_int_equal(sl_aead_update(aeads[j], plain, 100, opened), SL_CRYPTO_OK);
            assert_int_equal(sl_aead_end(aeads[j], whole), SL_CRYPTO_OK);
            assert_memory_equal(opened, sealed + 200 * j, 100);
            assert_memory_equal(whole, tags[j], 16);
        }
        assert_memory_equal(sealed, sealed + 200, 100);
        assert_memory_equal(tags[0], tags[1], 16);
    }
    sl_aead_free(&aeads[0]);
    sl_aead_free(&aeads[1]);
}

/* A record of TLS 1.3 has one byte more; one of TLS 1.2 has not. */
static void records_are_the_same_by_both(void **state)
{
    static const size_t sizes[] = {0,   1,   15,  16,   17,   31,    100,
                                   255, 256, 257, 1024, 4095, 16382, 16383};
    for (size_t k = 0; k < SL_N_ELEMENTS(key_sizes); k++) {
        fill();
        struct sl_aead *aeads[] = {aead_of(true, key_sizes[k]), aead_of(false, key_sizes[k])};
        for (size_t i = 0; i < SL_N_ELEMENTS(sizes); i++)
            for (int last = -1; last <= 23; last += 24) {
                size_t n = sizes[i], n_all = n + (last >= 0);
                uint8_t *records[] = {sealed, sealed + 20000};
                memset(sealed, GUARD, 40000);
                for (int j = 0; j < 2; j++) {
                    assert_int_equal(
                        sl_aead_seal_record(aeads[j], iv, ad, 5, plain, n, last, records[j]),
                        SL_CRYPTO_OK);
                    assert_guarded(records[j] + n_all + 16);
                }
                assert_memory_equal(records[0], records[1], n_all + 16);
                assert_int_equal(sl_aead_open(aeads[i % 2], iv, 12, ad, 5, records[0], n_all,
                                              records[0] + n_all, 16, opened),
                                 SL_CRYPTO_OK);
                assert_memory_equal(opened, plain, n);
                if (last >= 0)
                    assert_int_equal(opened[n], last);
            }
        sl_aead_free(&aeads[0]);
        sl_aead_free(&aeads[1]);
    }
}

static void both_refuse_the_same_lengths(void **state)
{
    static const size_t bad_ivs[] = {0, 129}, bad_tags[] = {0, 3, 17}, bad_keys[] = {0, 15, 33, 64};
    uint8_t tag[32] = {0};
    fill();
    for (int is_libcrypto = 0; is_libcrypto <= 1; is_libcrypto++) {
        struct sl_aead *aead = aead_of(is_libcrypto, 16);
        for (size_t i = 0; i < SL_N_ELEMENTS(bad_ivs); i++) {
            assert_int_equal(sl_aead_seal(aead, iv, bad_ivs[i], ad, 0, plain, 10, sealed, tag, 16),
                             SL_CRYPTO_INVALID);
            assert_int_equal(sl_aead_open(aead, iv, bad_ivs[i], ad, 0, plain, 10, tag, 16, opened),
                             SL_CRYPTO_INVALID);
        }
        for (size_t i = 0; i < SL_N_ELEMENTS(bad_tags); i++) {
            assert_int_equal(sl_aead_seal(aead, iv, 12, ad, 0, plain, 10, sealed, tag, bad_tags[i]),
                             SL_CRYPTO_INVALID);
            assert_int_equal(sl_aead_open(aead, iv, 12, ad, 0, plain, 10, tag, bad_tags[i], opened),
                             SL_CRYPTO_INVALID);
        }
        sl_aead_free(&aead);
        for (size_t i = 0; i < SL_N_ELEMENTS(bad_keys); i++)
            assert_int_equal(sl_aead_new(SL_AEAD_AES_GCM, key, bad_keys[i], &aead),
                             SL_CRYPTO_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_opens_what_the_other_sealed),
        cmocka_unit_test(outputs_may_lie_before_inputs),
        cmocka_unit_test(one_key_serves_every_kind_of_message),
        cmocka_unit_test(records_are_the_same_by_both),
        cmocka_unit_test(both_refuse_the_same_lengths),
    };
    int n = cmocka_run_group_tests(tests, NULL, NULL);
    sl_crypto_thread_end();
    return n;
}
