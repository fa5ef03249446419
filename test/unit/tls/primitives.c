// SPDX-License-Identifier: Apache-2.0
/*
 * primitives: AEADs and hashes as mbedTLS offers them, whoever computes them: known answers, and
 * everything that must be refused. AES-GCM is computed by whatever is the fastest here, and once
 * more by libcrypto alone. Keys are in keys.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <mbedtls/chachapoly.h>
#include <mbedtls/gcm.h>
#include <mbedtls/sha256.h>
#include <mbedtls/sha512.h>
#include <psa/crypto.h>

#include <sluice/base/span.h>
#include <sluice/tls/server.h>

#ifdef SL_MBEDTLS_HOOKED
#include <backend.h>
#endif
#include "hex.h"

/* The GCM specification's test cases 3 to 6, 16 and 18, and 13: nothing but a tag. */
static const struct gcm_case {
    const char *key, *iv, *ad, *plain, *cipher, *tag;
} gcm_cases[] = {
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657ba637b391aafd255",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84a"
     "a051ba30b396a0aac973d58e091473f5985",
     "4d5c2af327cd64a62cf35abd2ba6fab4"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657ba637b39",
     "42831ec2217774244b7221b784d0d49ce3aa212f2c02a4e035c17e2329aca12e21d514b25466931c7d8f6a5aac84a"
     "a051ba30b396a0aac973d58e091",
     "5bc94fbc3221a5db94fae95ae7121a47"},
    {"feffe9928665731c6d6a8f9467308308", "cafebabefacedbad",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657ba637b39",
     "61353b4c2806934a777ff51fa22a4755699b2a714fcdc6f83766e5f97b6c742373806900e49f24b22b097544d4896"
     "b424989b5e1ebac0f07c23f4598",
     "3612d2e79e3b0785561be14aaca2fccb"},
    {"feffe9928665731c6d6a8f9467308308",
     "9313225df88406e555909c5aff5269aa6a7a9538534f7da1e4c303d2a318a728c3c0c95156809539fcf0e2429a6b5"
     "25416aedbf5a0de6a57a637b39b",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657ba637b39",
     "8ce24998625615b603a033aca13fb894be9112a5c3a211a8ba262a3cca7e2ca701e4a9a4fba43c90ccdcb281d48c7"
     "c6fd62875d2aca417034c34aee5",
     "619cc5aefffe0bfa462af43c1699d050"},
    {"feffe9928665731c6d6a8f9467308308feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888",
     "feedfacedeadbeeffeedfacedeadbeefabaddad2",
     "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b"
     "525b16aedf5aa0de657ba637b39",
     "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828"
     "838c5f61e6393ba7a0abcc9f662",
     "76fc6ece0f4e1768cddf8853bb2d551b"},
    {"0000000000000000000000000000000000000000000000000000000000000000", "000000000000000000000000",
     "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"},
};

#define CAP 256

struct gcm_input {
    uint8_t key[32], iv[CAP], ad[CAP], plain[CAP], cipher[CAP], tag[16];
    size_t n_key, n_iv, n_ad, n, n_tag;
    mbedtls_gcm_context gcm;
};

static void gcm_open_case(struct gcm_input *in, const struct gcm_case *c)
{
    memset(in, 0, sizeof(*in));
    in->n_key = hex(c->key, in->key, sizeof(in->key));
    in->n_iv = hex(c->iv, in->iv, sizeof(in->iv));
    in->n_ad = hex(c->ad, in->ad, sizeof(in->ad));
    in->n = hex(c->plain, in->plain, sizeof(in->plain));
    assert_int_equal(hex(c->cipher, in->cipher, sizeof(in->cipher)), in->n);
    in->n_tag = hex(c->tag, in->tag, sizeof(in->tag));
    mbedtls_gcm_init(&in->gcm);
    assert_int_equal(
        mbedtls_gcm_setkey(&in->gcm, MBEDTLS_CIPHER_ID_AES, in->key, (unsigned)in->n_key * 8), 0);
}

static int seal(struct gcm_input *in, uint8_t *out, uint8_t *tag, size_t n_tag)
{
    return mbedtls_gcm_crypt_and_tag(&in->gcm, MBEDTLS_GCM_ENCRYPT, in->n, in->iv, in->n_iv, in->ad,
                                     in->n_ad, in->plain, out, n_tag, tag);
}

static int unseal(struct gcm_input *in, const uint8_t *tag, size_t n_tag, uint8_t *out)
{
    return mbedtls_gcm_auth_decrypt(&in->gcm, in->n, in->iv, in->n_iv, in->ad, in->n_ad, tag, n_tag,
                                    in->cipher, out);
}

static void gcm_has_known_answers(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(gcm_cases); i++) {
        struct gcm_input in;
        uint8_t out[CAP], tag[16];
        gcm_open_case(&in, &gcm_cases[i]);
        for (size_t n_tag = 16; n_tag >= 4; n_tag--) {
            memset(tag, 0xaa, sizeof(tag));
            assert_int_equal(seal(&in, out, tag, n_tag), 0);
            assert_memory_equal(out, in.cipher, in.n);
            assert_memory_equal(tag, in.tag, n_tag);
            for (size_t j = n_tag; j < sizeof(tag); j++)
                assert_int_equal(tag[j], 0xaa);
            assert_int_equal(unseal(&in, in.tag, n_tag, out), 0);
            assert_memory_equal(out, in.plain, in.n);
        }
        /* The direction that tells the tag of what it decrypted. */
        assert_int_equal(mbedtls_gcm_crypt_and_tag(&in.gcm, MBEDTLS_GCM_DECRYPT, in.n, in.iv,
                                                   in.n_iv, in.ad, in.n_ad, in.cipher, out, 16,
                                                   tag),
                         0);
        assert_memory_equal(out, in.plain, in.n);
        assert_memory_equal(tag, in.tag, 16);
        mbedtls_gcm_free(&in.gcm);
    }
}

static void gcm_in_pieces_is_the_same(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(gcm_cases); i++)
        for (size_t piece = 1; piece <= 33; piece++)
            for (int mode = 0; mode <= 1; mode++) {
                struct gcm_input in;
                uint8_t out[CAP], tag[16];
                size_t n_out;
                gcm_open_case(&in, &gcm_cases[i]);
                const uint8_t *from = mode == MBEDTLS_GCM_ENCRYPT ? in.plain : in.cipher;
                const uint8_t *to = mode == MBEDTLS_GCM_ENCRYPT ? in.cipher : in.plain;
                assert_int_equal(mbedtls_gcm_starts(&in.gcm, mode, in.iv, in.n_iv), 0);
                for (size_t at = 0; at < in.n_ad; at += piece)
                    assert_int_equal(
                        mbedtls_gcm_update_ad(&in.gcm, in.ad + at,
                                              piece < in.n_ad - at ? piece : in.n_ad - at),
                        0);
                memcpy(out, from, in.n);
                for (size_t at = 0; at < in.n; at += n_out) {
                    size_t n = piece < in.n - at ? piece : in.n - at;
                    assert_int_equal(mbedtls_gcm_update(&in.gcm, out + at, n, out + at, n, &n_out),
                                     0);
                    assert_int_equal(n_out, n);
                }
                assert_int_equal(mbedtls_gcm_finish(&in.gcm, NULL, 0, &n_out, tag, 16), 0);
                assert_memory_equal(out, to, in.n);
                assert_memory_equal(tag, in.tag, 16);
                mbedtls_gcm_free(&in.gcm);
            }
}

static void gcm_finds_every_wrong_bit(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(gcm_cases); i++) {
        struct gcm_input in;
        uint8_t out[CAP];
        gcm_open_case(&in, &gcm_cases[i]);
        struct {
            uint8_t *bytes;
            size_t n;
        } parts[] = {{in.tag, in.n_tag}, {in.cipher, in.n}, {in.ad, in.n_ad}, {in.iv, in.n_iv}};
        for (size_t part = 0; part < SL_N_ELEMENTS(parts); part++)
            for (size_t bit = 0; bit < parts[part].n * 8; bit += 5) {
                parts[part].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
                memset(out, 0xee, sizeof(out));
                assert_int_equal(unseal(&in, in.tag, 16, out), MBEDTLS_ERR_GCM_AUTH_FAILED);
                for (size_t j = 0; j < in.n; j++)
                    assert_int_equal(out[j], 0);
                assert_int_equal(out[in.n], 0xee);
                parts[part].bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
            }
        /* Cut short. */
        for (size_t n = in.n; n > 0; n--) {
            in.n = n - 1;
            assert_int_equal(unseal(&in, in.tag, 16, out), MBEDTLS_ERR_GCM_AUTH_FAILED);
        }
        mbedtls_gcm_free(&in.gcm);
    }
}

static void gcm_refuses_lengths(void **state)
{
    static const size_t bad_tags[] = {0, 1, 2, 3, 17, 255};
    static const unsigned bad_keys[] = {0, 8, 64, 127, 129, 255, 512};
    struct gcm_input in;
    uint8_t out[CAP], tag[CAP];
    size_t n_out;
    gcm_open_case(&in, &gcm_cases[1]);
    for (size_t i = 0; i < SL_N_ELEMENTS(bad_tags); i++) {
        assert_int_equal(seal(&in, out, tag, bad_tags[i]), MBEDTLS_ERR_GCM_BAD_INPUT);
        assert_int_not_equal(unseal(&in, in.tag, bad_tags[i] > 16 ? 17 : bad_tags[i], out), 0);
        assert_int_equal(mbedtls_gcm_starts(&in.gcm, MBEDTLS_GCM_ENCRYPT, in.iv, in.n_iv), 0);
        assert_int_equal(mbedtls_gcm_finish(&in.gcm, NULL, 0, &n_out, tag, bad_tags[i]),
                         MBEDTLS_ERR_GCM_BAD_INPUT);
    }
    assert_int_equal(mbedtls_gcm_starts(&in.gcm, MBEDTLS_GCM_ENCRYPT, in.iv, 0),
                     MBEDTLS_ERR_GCM_BAD_INPUT);
    assert_int_equal(mbedtls_gcm_starts(&in.gcm, MBEDTLS_GCM_ENCRYPT, in.iv, 12), 0);
    assert_int_equal(mbedtls_gcm_update(&in.gcm, in.plain, 16, out, 15, &n_out),
                     MBEDTLS_ERR_GCM_BUFFER_TOO_SMALL);
    assert_int_equal(mbedtls_gcm_update(&in.gcm, out, 16, out + 1, 16, &n_out),
                     MBEDTLS_ERR_GCM_BAD_INPUT);
    for (size_t i = 0; i < SL_N_ELEMENTS(bad_keys); i++)
        assert_int_not_equal(
            mbedtls_gcm_setkey(&in.gcm, MBEDTLS_CIPHER_ID_AES, in.key, bad_keys[i]), 0);
    mbedtls_gcm_free(&in.gcm);
}

/* One context, many messages: IVs of changing length, directions, another key. */
static void gcm_contexts_are_used_again(void **state)
{
    struct gcm_input in;
    mbedtls_gcm_context gcm;
    uint8_t out[CAP], tag[16];
    mbedtls_gcm_init(&gcm);
    for (int round = 0; round < 3; round++)
        for (size_t i = 0; i < SL_N_ELEMENTS(gcm_cases); i++) {
            gcm_open_case(&in, &gcm_cases[i]);
            mbedtls_gcm_free(&in.gcm);
            in.gcm = gcm;
            if (i == 0 || i >= 4)
                assert_int_equal(mbedtls_gcm_setkey(&in.gcm, MBEDTLS_CIPHER_ID_AES, in.key,
                                                    (unsigned)in.n_key * 8),
                                 0);
            in.tag[0] ^= 1;
            assert_int_equal(unseal(&in, in.tag, 16, out), MBEDTLS_ERR_GCM_AUTH_FAILED);
            in.tag[0] ^= 1;
            assert_int_equal(seal(&in, out, tag, 16), 0);
            assert_memory_equal(tag, in.tag, 16);
            assert_int_equal(unseal(&in, in.tag, 16, out), 0);
            assert_memory_equal(out, in.plain, in.n);
            gcm = in.gcm;
        }
    mbedtls_gcm_free(&gcm);
    mbedtls_gcm_free(&gcm); /* nothing to free is fine */
}

/* The output may lie before the input: so TLS 1.2 strips explicit nonces. */
static void gcm_outputs_may_overlap(void **state)
{
    for (size_t gap = 0; gap <= 64; gap += 4) {
        struct gcm_input in;
        uint8_t buf[CAP];
        gcm_open_case(&in, &gcm_cases[1]);
        memcpy(buf + gap, in.cipher, in.n);
        assert_int_equal(mbedtls_gcm_auth_decrypt(&in.gcm, in.n, in.iv, in.n_iv, in.ad, in.n_ad,
                                                  in.tag, 16, buf + gap, buf),
                         0);
        assert_memory_equal(buf, in.plain, in.n);
        mbedtls_gcm_free(&in.gcm);
    }
}

/* RFC 8439 2.8.2. */
static const char chacha_key[] = "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f";
static const char chacha_iv[] = "070000004041424344454647";
static const char chacha_ad[] = "50515253c0c1c2c3c4c5c6c7";
static const char chacha_plain[] =
    "Ladies and Gentlemen of the class of '99: If I could offer you only one tip for the future, "
    "sunscreen would be it.";
static const char chacha_cipher[] =
    "d31a8d34648e60db7b86afbc53ef7ec2a4aded51296e08fea9e2b5a736ee62d63dbea45e8ca9671282fafb69da9272"
    "8b1a71de0a9e060b2905d6a5b67ecd3b3692ddbd7f2d778b8c9803aee328091b58fab324e4fad675945585808b4831"
    "d7bc3ff4def08e4b7a9de576d26586cec64b6116";
static const char chacha_tag[] = "1ae10b594f09e26a7e902ecbd0600691";

static void chachapoly_has_known_answers_and_refuses(void **state)
{
    const uint8_t *plain = (const uint8_t *)chacha_plain;
    size_t n = sizeof(chacha_plain) - 1;
    uint8_t key[32], iv[12], ad[12], cipher[CAP], tag[16], out[CAP], out_tag[16];
    mbedtls_chachapoly_context ctx;
    hex(chacha_key, key, sizeof(key));
    hex(chacha_iv, iv, sizeof(iv));
    hex(chacha_ad, ad, sizeof(ad));
    hex(chacha_tag, tag, sizeof(tag));
    assert_int_equal(hex(chacha_cipher, cipher, sizeof(cipher)), n);
    mbedtls_chachapoly_init(&ctx);
    assert_int_equal(mbedtls_chachapoly_setkey(&ctx, key), 0);
    assert_int_equal(
        mbedtls_chachapoly_encrypt_and_tag(&ctx, n, iv, ad, sizeof(ad), plain, out, out_tag), 0);
    assert_memory_equal(out, cipher, n);
    assert_memory_equal(out_tag, tag, 16);
    assert_int_equal(mbedtls_chachapoly_auth_decrypt(&ctx, n, iv, ad, sizeof(ad), tag, cipher, out),
                     0);
    assert_memory_equal(out, plain, n);
    for (size_t bit = 0; bit < 128; bit++) {
        tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
        assert_int_equal(
            mbedtls_chachapoly_auth_decrypt(&ctx, n, iv, ad, sizeof(ad), tag, cipher, out),
            MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED);
        assert_int_equal(out[0] | out[n - 1], 0);
        tag[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    for (size_t cut = 0; cut < n; cut++)
        assert_int_equal(
            mbedtls_chachapoly_auth_decrypt(&ctx, cut, iv, ad, sizeof(ad), tag, cipher, out),
            MBEDTLS_ERR_CHACHAPOLY_AUTH_FAILED);
    mbedtls_chachapoly_free(&ctx);
}

static void chachapoly_in_pieces_has_an_order(void **state)
{
    const uint8_t *plain = (const uint8_t *)chacha_plain;
    size_t n = sizeof(chacha_plain) - 1;
    uint8_t key[32], iv[12], ad[12], cipher[CAP], tag[16], out[CAP], out_tag[16];
    mbedtls_chachapoly_context ctx;
    hex(chacha_key, key, sizeof(key));
    hex(chacha_iv, iv, sizeof(iv));
    hex(chacha_ad, ad, sizeof(ad));
    hex(chacha_tag, tag, sizeof(tag));
    hex(chacha_cipher, cipher, sizeof(cipher));
    mbedtls_chachapoly_init(&ctx);
    assert_int_equal(mbedtls_chachapoly_setkey(&ctx, key), 0);
    assert_int_equal(mbedtls_chachapoly_update_aad(&ctx, ad, 1), MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
    assert_int_equal(mbedtls_chachapoly_update(&ctx, 1, plain, out),
                     MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
    assert_int_equal(mbedtls_chachapoly_finish(&ctx, out_tag), MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
    for (int mode = 0; mode <= 1; mode++) {
        bool is_encryption = mode == MBEDTLS_CHACHAPOLY_ENCRYPT;
        assert_int_equal(mbedtls_chachapoly_starts(&ctx, iv, (mbedtls_chachapoly_mode_t)mode), 0);
        assert_int_equal(mbedtls_chachapoly_update_aad(&ctx, ad, 5), 0);
        assert_int_equal(mbedtls_chachapoly_update_aad(&ctx, ad + 5, 7), 0);
        for (size_t at = 0; at < n; at += 7)
            assert_int_equal(mbedtls_chachapoly_update(&ctx, n - at < 7 ? n - at : 7,
                                                       (is_encryption ? plain : cipher) + at,
                                                       out + at),
                             0);
        assert_int_equal(mbedtls_chachapoly_update_aad(&ctx, ad, 1),
                         MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
        assert_int_equal(mbedtls_chachapoly_finish(&ctx, out_tag), 0);
        assert_memory_equal(out, is_encryption ? cipher : plain, n);
        assert_memory_equal(out_tag, tag, 16);
        assert_int_equal(mbedtls_chachapoly_update(&ctx, 1, plain, out),
                         MBEDTLS_ERR_CHACHAPOLY_BAD_STATE);
    }
    mbedtls_chachapoly_free(&ctx);
}

/* FIPS 180-4's examples, in pieces of every size. */
static void hashes_have_known_answers(void **state)
{
    static const char text[] =
        "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmnhijklmnoijklmno"
        "pjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu";
    size_t n = sizeof(text) - 1;
    uint8_t wanted_256[32], wanted_384[48], wanted_512[64], out[64];
    hex("cf5b16a778af8380036ce59e7b0492370b249b11e8f07a51afac45037afee9d1", wanted_256, 32);
    hex("09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712fcc7c71a557e2db966c3e9fa91"
        "746039",
        wanted_384, 48);
    hex("8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018501d289e4900f7e4331b99dec4"
        "b5433ac7d329eeb6dd26545e96e55b874be909",
        wanted_512, 64);
    for (size_t piece = 1; piece <= n; piece++) {
        mbedtls_sha256_context sha256;
        mbedtls_sha512_context sha384, sha512;
        mbedtls_sha256_init(&sha256);
        mbedtls_sha512_init(&sha384);
        mbedtls_sha512_init(&sha512);
        assert_int_equal(mbedtls_sha256_starts(&sha256, 0), 0);
        assert_int_equal(mbedtls_sha512_starts(&sha384, 1), 0);
        assert_int_equal(mbedtls_sha512_starts(&sha512, 0), 0);
        for (size_t at = 0; at < n; at += piece) {
            const uint8_t *part = (const uint8_t *)text + at;
            size_t n_part = piece < n - at ? piece : n - at;
            assert_int_equal(mbedtls_sha256_update(&sha256, part, n_part), 0);
            assert_int_equal(mbedtls_sha512_update(&sha384, part, n_part), 0);
            assert_int_equal(mbedtls_sha512_update(&sha512, part, n_part), 0);
        }
        assert_int_equal(mbedtls_sha256_finish(&sha256, out), 0);
        assert_memory_equal(out, wanted_256, 32);
        assert_int_equal(mbedtls_sha512_finish(&sha384, out), 0);
        assert_memory_equal(out, wanted_384, 48);
        assert_int_equal(mbedtls_sha512_finish(&sha512, out), 0);
        assert_memory_equal(out, wanted_512, 64);
        mbedtls_sha256_free(&sha256);
        mbedtls_sha512_free(&sha384);
        mbedtls_sha512_free(&sha512);
    }
}

static psa_status_t mac(const uint8_t *key, size_t n_key, psa_algorithm_t alg, const uint8_t *text,
                        size_t n, uint8_t *out, size_t cap, size_t *out_n)
{
    psa_key_id_t id = 0;
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, PSA_KEY_TYPE_HMAC);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_SIGN_MESSAGE);
    psa_set_key_algorithm(&attributes, alg);
    psa_status_t status = psa_import_key(&attributes, key, n_key, &id);
    if (status == PSA_SUCCESS)
        status = psa_mac_compute(id, alg, text, n, out, cap, out_n);
    psa_destroy_key(id);
    return status;
}

/* RFC 4231's cases 2 and 6: a short key, and one that is longer than a block. */
static void hmacs_have_known_answers(void **state)
{
    static const struct {
        const char *key, *text, *sha256, *sha384;
    } rows[] = {
        {"Jefe", "what do ya want for nothing?",
         "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
         "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecf"
         "a"
         "b21649"},
        {NULL, "Test Using Larger Than Block-Size Key - Hash Key First",
         "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
         "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df16"
         "3"
         "f44952"},
    };
    const psa_algorithm_t sha256 = PSA_ALG_HMAC(PSA_ALG_SHA_256),
                          sha384 = PSA_ALG_HMAC(PSA_ALG_SHA_384);
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        uint8_t key[131], wanted[48], out[48];
        memset(key, 0xaa, sizeof(key));
        size_t n_key = rows[i].key ? strlen(rows[i].key) : sizeof(key), n;
        if (rows[i].key)
            memcpy(key, rows[i].key, n_key);
        const uint8_t *text = (const uint8_t *)rows[i].text;
        size_t n_text = strlen(rows[i].text);
        hex(rows[i].sha256, wanted, 32);
        assert_int_equal(mac(key, n_key, sha256, text, n_text, out, 32, &n), PSA_SUCCESS);
        assert_int_equal(n, 32);
        assert_memory_equal(out, wanted, 32);
        assert_int_equal(mac(key, n_key, sha256, text, n_text, out, 31, &n),
                         PSA_ERROR_BUFFER_TOO_SMALL);
        assert_int_equal(
            mac(key, n_key, PSA_ALG_TRUNCATED_MAC(sha256, 16), text, n_text, out, 16, &n),
            PSA_SUCCESS);
        assert_int_equal(n, 16);
        assert_memory_equal(out, wanted, 16);
        hex(rows[i].sha384, wanted, 48);
        assert_int_equal(mac(key, n_key, sha384, text, n_text, out, 48, &n), PSA_SUCCESS);
        assert_int_equal(n, 48);
        assert_memory_equal(out, wanted, 48);
    }
}

#ifdef SL_MBEDTLS_HOOKED
/* RFC 5869's cases 1 and 3, in as many bytes as there are, and in each number below. */
static void hkdf_has_known_answers(void **state)
{
    static const struct {
        const char *key, *info, *out;
    } rows[] = {
        {"077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5", "f0f1f2f3f4f5f6f7f8f9",
         "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865"},
        {"19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04", "",
         "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8"},
    };
    for (size_t i = 0; i < SL_N_ELEMENTS(rows); i++) {
        uint8_t key[32], info[10], wanted[42], out[43];
        size_t n_info = hex(rows[i].info, info, sizeof(info));
        hex(rows[i].key, key, sizeof(key));
        hex(rows[i].out, wanted, sizeof(wanted));
        for (size_t n = 1; n <= sizeof(wanted); n++) {
            memset(out, 0x55, sizeof(out));
            sl_hkdf_expand(SL_HASH_SHA256, key, sizeof(key), info, n_info, out, n);
            assert_memory_equal(out, wanted, n);
            assert_int_equal(out[n], 0x55);
        }
    }
}
#endif

static void randomness_fills_all_it_is_asked_for(void **state)
{
    static uint8_t a[100000], b[100000];
    assert_int_equal(psa_generate_random(a, sizeof(a)), PSA_SUCCESS);
    assert_int_equal(psa_generate_random(b, sizeof(b)), PSA_SUCCESS);
    for (size_t at = 0; at + 32 <= sizeof(a); at += 32)
        assert_memory_not_equal(a + at, b + at, 32);
    assert_int_equal(psa_generate_random(a, 0), PSA_SUCCESS);
}

#ifdef SL_MBEDTLS_HOOKED
static int only_libcrypto(void **state)
{
    (void)sl_crypto_use_gcm_engine(false); /* there may be no other */
    return 0;
}

static int whatever_is_fastest(void **state)
{
    (void)sl_crypto_use_gcm_engine(true);
    return 0;
}

#define BY_LIBCRYPTO(test)                                                                         \
    {                                                                                              \
#test "_by_libcrypto", test, only_libcrypto, whatever_is_fastest, NULL                     \
    }
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(gcm_has_known_answers),
        cmocka_unit_test(gcm_in_pieces_is_the_same),
        cmocka_unit_test(gcm_finds_every_wrong_bit),
        cmocka_unit_test(gcm_refuses_lengths),
        cmocka_unit_test(gcm_contexts_are_used_again),
        cmocka_unit_test(gcm_outputs_may_overlap),
#ifdef SL_MBEDTLS_HOOKED
        BY_LIBCRYPTO(gcm_has_known_answers),
        BY_LIBCRYPTO(gcm_in_pieces_is_the_same),
        BY_LIBCRYPTO(gcm_finds_every_wrong_bit),
        BY_LIBCRYPTO(gcm_refuses_lengths),
        BY_LIBCRYPTO(gcm_contexts_are_used_again),
        BY_LIBCRYPTO(gcm_outputs_may_overlap),
#endif
        cmocka_unit_test(chachapoly_has_known_answers_and_refuses),
        cmocka_unit_test(chachapoly_in_pieces_has_an_order),
        cmocka_unit_test(hashes_have_known_answers),
        cmocka_unit_test(hmacs_have_known_answers),
#ifdef SL_MBEDTLS_HOOKED
        cmocka_unit_test(hkdf_has_known_answers),
#endif
        cmocka_unit_test(randomness_fills_all_it_is_asked_for),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n = cmocka_run_group_tests(tests, NULL, NULL);
    sl_tls_global_fini();
    return n;
}
