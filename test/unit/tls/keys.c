// SPDX-License-Identifier: Apache-2.0
/*
 * keys: ECDSA, ECDH and RSA as mbedTLS and PSA offer them, whoever computes them: known answers,
 * and the keys, points and signatures that must be refused. Long, because of the numbers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include <mbedtls/ecdh.h>
#include <mbedtls/ecdsa.h>
#include <mbedtls/pk.h>
#include <mbedtls/rsa.h>
#include <mbedtls/sha256.h>
#include <psa/crypto.h>

#include <sluice/base/span.h>
#include <sluice/tls/server.h>

#include "hex.h"

static const mbedtls_ecp_group_id signing[] = {
    MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_SECP384R1, MBEDTLS_ECP_DP_SECP521R1,
    MBEDTLS_ECP_DP_SECP256K1, MBEDTLS_ECP_DP_BP256R1,   MBEDTLS_ECP_DP_BP384R1,
    MBEDTLS_ECP_DP_BP512R1,
};

static const mbedtls_ecp_group_id exchanging[] = {
    MBEDTLS_ECP_DP_CURVE25519, MBEDTLS_ECP_DP_SECP256R1, MBEDTLS_ECP_DP_SECP384R1,
    MBEDTLS_ECP_DP_SECP521R1,  MBEDTLS_ECP_DP_CURVE448,
};

static int rng(void *unused, unsigned char *out, size_t n)
{
    (void)unused;
    return psa_generate_random(out, n) == PSA_SUCCESS ? 0 : -1;
}

/* A group, a key pair, and numbers to play with. */
struct ec {
    mbedtls_ecp_group group;
    mbedtls_ecp_point q, other;
    mbedtls_mpi d, r, s, t;
    uint8_t hash[64];
};

static void ec_open(struct ec *ec, mbedtls_ecp_group_id id)
{
    mbedtls_ecp_group_init(&ec->group);
    mbedtls_ecp_point_init(&ec->q);
    mbedtls_ecp_point_init(&ec->other);
    mbedtls_mpi_init(&ec->d);
    mbedtls_mpi_init(&ec->r);
    mbedtls_mpi_init(&ec->s);
    mbedtls_mpi_init(&ec->t);
    memset(ec->hash, 0x5a, sizeof(ec->hash));
    assert_int_equal(mbedtls_ecp_group_load(&ec->group, id), 0);
    assert_int_equal(mbedtls_ecp_gen_keypair(&ec->group, &ec->d, &ec->q, rng, NULL), 0);
}

static void ec_close(struct ec *ec)
{
    mbedtls_ecp_group_free(&ec->group);
    mbedtls_ecp_point_free(&ec->q);
    mbedtls_ecp_point_free(&ec->other);
    mbedtls_mpi_free(&ec->d);
    mbedtls_mpi_free(&ec->r);
    mbedtls_mpi_free(&ec->s);
    mbedtls_mpi_free(&ec->t);
}

static int sign(struct ec *ec, const mbedtls_mpi *d, size_t n_hash)
{
    return mbedtls_ecdsa_sign(&ec->group, &ec->r, &ec->s, d, ec->hash, n_hash, rng, NULL);
}

static int verify(struct ec *ec, const mbedtls_mpi *r, const mbedtls_mpi *s, size_t n_hash)
{
    return mbedtls_ecdsa_verify(&ec->group, ec->hash, n_hash, &ec->q, r, s);
}

static void ecdsa_signs_on_every_curve(void **state)
{
    static const size_t n_hashes[] = {0, 1, 20, 32, 48, 64};
    for (size_t i = 0; i < SL_N_ELEMENTS(signing); i++) {
        struct ec ec;
        ec_open(&ec, signing[i]);
        for (size_t j = 0; j < SL_N_ELEMENTS(n_hashes); j++) {
            size_t n = n_hashes[j];
            assert_int_equal(sign(&ec, &ec.d, n), 0);
            assert_int_equal(verify(&ec, &ec.r, &ec.s, n), 0);
            if (n == 0)
                continue;
            ec.hash[0] ^= 0x40;
            assert_int_equal(verify(&ec, &ec.r, &ec.s, n), MBEDTLS_ERR_ECP_VERIFY_FAILED);
            ec.hash[0] ^= 0x40;
            assert_int_equal(verify(&ec, &ec.s, &ec.r, n), MBEDTLS_ERR_ECP_VERIFY_FAILED);
        }
        /* Two signatures never share their nonce, and with it r. */
        assert_int_equal(mbedtls_mpi_copy(&ec.t, &ec.r), 0);
        assert_int_equal(sign(&ec, &ec.d, 64), 0);
        assert_int_not_equal(mbedtls_mpi_cmp_mpi(&ec.t, &ec.r), 0);
        ec_close(&ec);
    }
}

/* RFC 6979 A.2.5: P-256, SHA-256, "sample". */
static void ecdsa_verifies_a_known_signature(void **state)
{
    struct ec ec;
    ec_open(&ec, MBEDTLS_ECP_DP_SECP256R1);
    assert_int_equal(mbedtls_ecp_point_read_string(
                         &ec.q, 16,
                         "60FED4BA255A9D31C961EB74C6356D68C049B8923B61FA6CE669622E60F29FB6",
                         "7903FE1008B8BC99A41AE9E95628BC64F2F1B20C2D7E9F5177A3C294D4462299"),
                     0);
    assert_int_equal(
        mbedtls_mpi_read_string(&ec.r, 16,
                                "EFD48B2AACB6A8FD1140DD9CD45E81D69D2C877B56AAF991C34D0EA84EAF3716"),
        0);
    assert_int_equal(
        mbedtls_mpi_read_string(&ec.s, 16,
                                "F7CB1C942D657C41D436C7A1B6E29F65F3E900DBB9AFF4064DC4AB2F843ACDA8"),
        0);
    assert_int_equal(mbedtls_sha256((const uint8_t *)"sample", 6, ec.hash, 0), 0);
    assert_int_equal(verify(&ec, &ec.r, &ec.s, 32), 0);
    /* n - s fits as well; s + n must not. */
    assert_int_equal(mbedtls_mpi_sub_mpi(&ec.t, &ec.group.N, &ec.s), 0);
    assert_int_equal(verify(&ec, &ec.r, &ec.t, 32), 0);
    assert_int_equal(mbedtls_mpi_add_mpi(&ec.t, &ec.group.N, &ec.s), 0);
    assert_int_equal(verify(&ec, &ec.r, &ec.t, 32), MBEDTLS_ERR_ECP_VERIFY_FAILED);
    ec_close(&ec);
}

/* Who has the key can choose r so that e G + r Q is infinite: r = -e / d. */
static void ecdsa_refuses_an_infinite_sum(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(signing); i++) {
        struct ec ec;
        ec_open(&ec, signing[i]);
        assert_int_equal(mbedtls_mpi_read_binary(&ec.t, ec.hash, 32), 0);
        assert_int_equal(mbedtls_mpi_inv_mod(&ec.r, &ec.d, &ec.group.N), 0);
        assert_int_equal(mbedtls_mpi_mul_mpi(&ec.r, &ec.r, &ec.t), 0);
        assert_int_equal(mbedtls_mpi_mod_mpi(&ec.r, &ec.r, &ec.group.N), 0);
        assert_int_equal(mbedtls_mpi_sub_mpi(&ec.r, &ec.group.N, &ec.r), 0);
        assert_int_equal(mbedtls_mpi_lset(&ec.s, 1), 0);
        assert_int_equal(verify(&ec, &ec.r, &ec.s, 32), MBEDTLS_ERR_ECP_VERIFY_FAILED);
        ec_close(&ec);
    }
}

/* 0, n, n + 1, -1, and far too many bits. */
static void out_of_range(const struct ec *ec, size_t i, mbedtls_mpi *out)
{
    assert_int_equal(i == 0 ? mbedtls_mpi_lset(out, 0) : mbedtls_mpi_copy(out, &ec->group.N), 0);
    if (i == 2)
        assert_int_equal(mbedtls_mpi_add_int(out, out, 1), 0);
    if (i == 3)
        assert_int_equal(mbedtls_mpi_lset(out, -1), 0);
    if (i == 4)
        assert_int_equal(mbedtls_mpi_shift_l(out, 512), 0);
}

#define N_OUT_OF_RANGE 5

static void ecdsa_refuses_numbers_out_of_range(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(signing); i++) {
        struct ec ec;
        ec_open(&ec, signing[i]);
        assert_int_equal(sign(&ec, &ec.d, 32), 0);
        mbedtls_mpi_swap(&ec.d, &ec.t);
        for (size_t j = 0; j < N_OUT_OF_RANGE; j++) {
            out_of_range(&ec, j, &ec.d);
            assert_int_equal(verify(&ec, &ec.d, &ec.s, 32), MBEDTLS_ERR_ECP_VERIFY_FAILED);
            assert_int_equal(verify(&ec, &ec.r, &ec.d, 32), MBEDTLS_ERR_ECP_VERIFY_FAILED);
        }
        for (size_t j = 0; j < N_OUT_OF_RANGE; j++) {
            out_of_range(&ec, j, &ec.d);
            assert_int_equal(sign(&ec, &ec.d, 32), MBEDTLS_ERR_ECP_INVALID_KEY);
        }
        /* The greatest and the smallest that are good. */
        assert_int_equal(mbedtls_mpi_sub_int(&ec.d, &ec.group.N, 1), 0);
        assert_int_equal(sign(&ec, &ec.d, 32), 0);
        assert_int_equal(mbedtls_mpi_lset(&ec.d, 1), 0);
        assert_int_equal(sign(&ec, &ec.d, 32), 0);
        ec_close(&ec);
    }
}

/* Makes a bad public key of a good one. */
static void spoil(const struct ec *ec, size_t i, mbedtls_ecp_point *point)
{
    switch (i) {
    case 0: /* beside the curve */
        assert_int_equal(
            mbedtls_mpi_add_int(&point->MBEDTLS_PRIVATE(Y), &point->MBEDTLS_PRIVATE(Y), 1), 0);
        break;
    case 1: /* infinite */
        assert_int_equal(mbedtls_ecp_set_zero(point), 0);
        break;
    case 2: /* not reduced */
        assert_int_equal(mbedtls_mpi_add_mpi(&point->MBEDTLS_PRIVATE(X), &point->MBEDTLS_PRIVATE(X),
                                             &ec->group.P),
                         0);
        break;
    default: /* negative */
        assert_int_equal(mbedtls_mpi_sub_mpi(&point->MBEDTLS_PRIVATE(Y), &point->MBEDTLS_PRIVATE(Y),
                                             &ec->group.P),
                         0);
        break;
    }
}

#define N_SPOILED 4

static void bad_points_are_refused(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(signing); i++)
        for (size_t j = 0; j < N_SPOILED; j++) {
            struct ec ec;
            ec_open(&ec, signing[i]);
            assert_int_equal(sign(&ec, &ec.d, 32), 0);
            spoil(&ec, j, &ec.q);
            assert_int_not_equal(verify(&ec, &ec.r, &ec.s, 32), 0);
            assert_int_equal(mbedtls_ecdh_compute_shared(&ec.group, &ec.t, &ec.q, &ec.d, rng, NULL),
                             MBEDTLS_ERR_ECP_INVALID_KEY);
            ec_close(&ec);
        }
}

static void ecdsa_refuses_groups_that_cannot_sign(void **state)
{
    struct ec ec;
    ec_open(&ec, MBEDTLS_ECP_DP_CURVE25519);
    assert_int_equal(sign(&ec, &ec.d, 32), MBEDTLS_ERR_ECP_BAD_INPUT_DATA);
    assert_int_equal(mbedtls_mpi_lset(&ec.r, 1), 0);
    assert_int_equal(verify(&ec, &ec.r, &ec.r, 32), MBEDTLS_ERR_ECP_BAD_INPUT_DATA);
    ec_close(&ec);
}

/* mbedTLS's own multiplication is the other side. */
static void ecdh_agrees(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(exchanging); i++)
        for (int round = 0; round < 5; round++) {
            struct ec ec;
            ec_open(&ec, exchanging[i]);
            assert_int_equal(mbedtls_ecdh_gen_public(&ec.group, &ec.t, &ec.other, rng, NULL), 0);
            assert_int_equal(mbedtls_ecp_check_privkey(&ec.group, &ec.t), 0);
            assert_int_equal(mbedtls_ecp_check_pubkey(&ec.group, &ec.other), 0);
            assert_int_equal(mbedtls_ecdh_compute_shared(&ec.group, &ec.r, &ec.q, &ec.t, rng, NULL),
                             0);
            assert_int_equal(
                mbedtls_ecdh_compute_shared(&ec.group, &ec.s, &ec.other, &ec.d, rng, NULL), 0);
            assert_int_equal(mbedtls_mpi_cmp_mpi(&ec.r, &ec.s), 0);
            mbedtls_ecp_point product;
            mbedtls_ecp_point_init(&product);
            assert_int_equal(mbedtls_ecp_mul(&ec.group, &product, &ec.d, &ec.other, rng, NULL), 0);
            assert_int_equal(mbedtls_mpi_cmp_mpi(&ec.r, &product.MBEDTLS_PRIVATE(X)), 0);
            mbedtls_ecp_point_free(&product);
            ec_close(&ec);
        }
}

static void ecdh_refuses_private_keys_out_of_range(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(exchanging); i++) {
        struct ec ec;
        ec_open(&ec, exchanging[i]);
        for (size_t j = 0; j < N_OUT_OF_RANGE; j++) {
            out_of_range(&ec, j, &ec.d);
            assert_int_equal(mbedtls_ecdh_compute_shared(&ec.group, &ec.t, &ec.q, &ec.d, rng, NULL),
                             MBEDTLS_ERR_ECP_INVALID_KEY);
        }
        ec_close(&ec);
    }
}

/* The points of small order (RFC 7748 6.1 asks to look for what they give: zeros), also not
   reduced. */
static const char *const small_order[] = {
    "0000000000000000000000000000000000000000000000000000000000000000",
    "0100000000000000000000000000000000000000000000000000000000000000",
    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
};

static void x25519_refuses_points_of_small_order(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(small_order); i++) {
        uint8_t bytes[32];
        struct ec ec;
        ec_open(&ec, MBEDTLS_ECP_DP_CURVE25519);
        hex(small_order[i], bytes, sizeof(bytes));
        assert_int_equal(mbedtls_mpi_read_binary_le(&ec.q.MBEDTLS_PRIVATE(X), bytes, 32), 0);
        assert_int_not_equal(mbedtls_ecdh_compute_shared(&ec.group, &ec.t, &ec.q, &ec.d, rng, NULL),
                             0);
        ec_close(&ec);
    }
}

static psa_key_id_t psa_key(psa_key_type_t type, size_t n_bits, const uint8_t *bytes, size_t n)
{
    psa_key_id_t id = 0;
    psa_key_attributes_t attributes = PSA_KEY_ATTRIBUTES_INIT;
    psa_set_key_type(&attributes, type);
    psa_set_key_bits(&attributes, n_bits);
    psa_set_key_usage_flags(&attributes, PSA_KEY_USAGE_DERIVE | PSA_KEY_USAGE_EXPORT);
    psa_set_key_algorithm(&attributes, PSA_ALG_ECDH);
    psa_status_t status =
        bytes ? psa_import_key(&attributes, bytes, n, &id) : psa_generate_key(&attributes, &id);
    return status == PSA_SUCCESS ? id : 0;
}

static const struct exchange {
    psa_ecc_family_t family;
    size_t n_bits, n_private, n_public;
} exchanges[] = {
    {PSA_ECC_FAMILY_MONTGOMERY, 255, 32, 32},
    {PSA_ECC_FAMILY_SECP_R1, 256, 32, 65},
    {PSA_ECC_FAMILY_SECP_R1, 384, 48, 97},
    {PSA_ECC_FAMILY_SECP_R1, 521, 66, 133},
};

static void psa_pairs_agree(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(exchanges); i++) {
        const struct exchange *x = &exchanges[i];
        uint8_t public[2][133], secret[2][66], private[66], again[133];
        size_t n;
        psa_key_id_t keys[2];
        for (size_t j = 0; j < 2; j++) {
            keys[j] = psa_key(PSA_KEY_TYPE_ECC_KEY_PAIR(x->family), x->n_bits, NULL, 0);
            assert_int_not_equal(keys[j], 0);
            assert_int_equal(psa_export_public_key(keys[j], public[j], sizeof(public[j]), &n),
                             PSA_SUCCESS);
            assert_int_equal(n, x->n_public);
            assert_int_equal(psa_export_public_key(keys[j], again, x->n_public - 1, &n),
                             PSA_ERROR_BUFFER_TOO_SMALL);
        }
        for (size_t j = 0; j < 2; j++) {
            assert_int_equal(psa_raw_key_agreement(PSA_ALG_ECDH, keys[j], public[1 - j],
                                                   x -> n_public, secret[j], sizeof(secret[j]), &n),
                             PSA_SUCCESS);
            assert_int_equal(n, x->n_private);
        }
        assert_memory_equal(secret[0], secret[1], n);
        assert_int_equal(psa_raw_key_agreement(PSA_ALG_ECDH, keys[0], public[1], x -> n_public,
                                               secret[0], x -> n_private - 1, &n),
                         PSA_ERROR_BUFFER_TOO_SMALL);
        /* A key that came from elsewhere has the same public half. */
        assert_int_equal(psa_export_key(keys[0], private, sizeof(private), &n), PSA_SUCCESS);
        assert_int_equal(n, x->n_private);
        psa_destroy_key(keys[0]);
        keys[0] = psa_key(PSA_KEY_TYPE_ECC_KEY_PAIR(x->family), x->n_bits, private, n);
        assert_int_equal(psa_export_public_key(keys[0], again, sizeof(again), &n), PSA_SUCCESS);
        assert_memory_equal(again, public[0], n);
        assert_int_equal(psa_raw_key_agreement(PSA_ALG_ECDH, keys[0], public[1], x -> n_public,
                                               secret[0], sizeof(secret[0]), &n),
                         PSA_SUCCESS);
        assert_memory_equal(secret[0], secret[1], n);
        psa_destroy_key(keys[0]);
        psa_destroy_key(keys[1]);
    }
}

static psa_status_t agree(psa_key_id_t key, const uint8_t *peer, size_t n)
{
    uint8_t secret[66];
    size_t n_secret;
    return psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, n, secret, sizeof(secret), &n_secret);
}

static void psa_refuses_peers(void **state)
{
    for (size_t i = 0; i < SL_N_ELEMENTS(exchanges); i++) {
        const struct exchange *x = &exchanges[i];
        uint8_t public[134] = {0}, peer[134] = {0};
        size_t n = x->n_public, n_public;
        psa_key_id_t key = psa_key(PSA_KEY_TYPE_ECC_KEY_PAIR(x->family), x->n_bits, NULL, 0);
        assert_int_equal(psa_export_public_key(key, public, sizeof(public), &n_public),
                         PSA_SUCCESS);
        /* Cut short, and too long. */
        for (size_t cut = 0; cut < n; cut++)
            assert_int_equal(agree(key, public, cut), PSA_ERROR_INVALID_ARGUMENT);
        assert_int_equal(agree(key, public, n + 1), PSA_ERROR_INVALID_ARGUMENT);
        /* Only half of the pair: nothing to agree with. */
        psa_key_id_t half = psa_key(PSA_KEY_TYPE_ECC_PUBLIC_KEY(x->family), x->n_bits, public, n);
        assert_int_equal(agree(half, public, n), PSA_ERROR_INVALID_ARGUMENT);
        psa_destroy_key(half);
        if (x->family == PSA_ECC_FAMILY_MONTGOMERY) {
            for (size_t j = 0; j < SL_N_ELEMENTS(small_order); j++) {
                hex(small_order[j], peer, sizeof(peer));
                assert_int_not_equal(agree(key, peer, n), PSA_SUCCESS);
                peer[31] |= 0x80; /* which is ignored */
                assert_int_not_equal(agree(key, peer, n), PSA_SUCCESS);
            }
            psa_destroy_key(key);
            continue;
        }
        for (size_t bit = 0; bit < n * 8; bit += 3) {
            memcpy(peer, public, n);
            peer[bit / 8] ^= (uint8_t)(1 << bit % 8);
            assert_int_equal(agree(key, peer, n), PSA_ERROR_INVALID_ARGUMENT);
        }
        memcpy(peer, public, n);
        for (unsigned form = 0; form < 8; form++) { /* infinite, compressed, hybrid */
            peer[0] = (uint8_t)form;
            if (form != 4)
                assert_int_equal(agree(key, peer, n), PSA_ERROR_INVALID_ARGUMENT);
        }
        memset(peer + 1, 0xff, n - 1); /* not reduced */
        peer[0] = 4;
        assert_int_equal(agree(key, peer, n), PSA_ERROR_INVALID_ARGUMENT);
        memset(peer + 1, 0, n - 1);
        assert_int_equal(agree(key, peer, n), PSA_ERROR_INVALID_ARGUMENT);
        psa_destroy_key(key);
    }
}

/* RFC 7748 6.1. */
static void x25519_has_a_known_answer(void **state)
{
    uint8_t d[32], peer[32], wanted[32], wanted_public[32], out[32];
    size_t n;
    hex("77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a", d, 32);
    hex("8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a", wanted_public, 32);
    hex("de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f", peer, 32);
    hex("4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742", wanted, 32);
    psa_key_id_t key = psa_key(PSA_KEY_TYPE_ECC_KEY_PAIR(PSA_ECC_FAMILY_MONTGOMERY), 255, d, 32);
    assert_int_equal(psa_export_public_key(key, out, sizeof(out), &n), PSA_SUCCESS);
    assert_memory_equal(out, wanted_public, 32);
    assert_int_equal(psa_raw_key_agreement(PSA_ALG_ECDH, key, peer, 32, out, sizeof(out), &n),
                     PSA_SUCCESS);
    assert_memory_equal(out, wanted, 32);
    psa_destroy_key(key);
}

struct rsa {
    mbedtls_rsa_context key;
    uint8_t hash[32], signature[512];
};

static void rsa_sign_and_verify(struct rsa *rsa, mbedtls_rsa_context *public, int padding)
{
    assert_int_equal(mbedtls_rsa_set_padding(&rsa->key, padding, MBEDTLS_MD_SHA256), 0);
    assert_int_equal(mbedtls_rsa_set_padding(public, padding, MBEDTLS_MD_SHA256), 0);
    assert_int_equal(mbedtls_rsa_pkcs1_sign(&rsa->key, rng, NULL, MBEDTLS_MD_SHA256, 32, rsa->hash,
                                            rsa->signature),
                     0);
    assert_int_equal(
        mbedtls_rsa_pkcs1_verify(public, MBEDTLS_MD_SHA256, 32, rsa->hash, rsa->signature), 0);
    rsa->signature[100] ^= 1;
    assert_int_not_equal(
        mbedtls_rsa_pkcs1_verify(public, MBEDTLS_MD_SHA256, 32, rsa->hash, rsa->signature), 0);
}

static void rsa_signs_and_decrypts(void **state)
{
    struct rsa rsa = {0};
    mbedtls_rsa_context copy;
    uint8_t cipher[256], plain[256];
    size_t n = 0;
    mbedtls_rsa_init(&rsa.key);
    mbedtls_rsa_init(&copy);
    assert_int_equal(mbedtls_rsa_gen_key(&rsa.key, rng, NULL, 2048, 65537), 0);
    assert_int_equal(mbedtls_rsa_copy(&copy, &rsa.key), 0);
    for (int round = 0; round < 2; round++) {
        rsa_sign_and_verify(&rsa, &copy, MBEDTLS_RSA_PKCS_V15);
        rsa_sign_and_verify(&rsa, &copy, MBEDTLS_RSA_PKCS_V21);
    }
    for (int padding = MBEDTLS_RSA_PKCS_V15; padding <= MBEDTLS_RSA_PKCS_V21; padding++) {
        assert_int_equal(mbedtls_rsa_set_padding(&rsa.key, padding, MBEDTLS_MD_SHA256), 0);
        assert_int_equal(
            mbedtls_rsa_pkcs1_encrypt(&rsa.key, rng, NULL, 5, (const uint8_t *)"hello", cipher), 0);
        assert_int_equal(
            mbedtls_rsa_pkcs1_decrypt(&rsa.key, rng, NULL, &n, cipher, plain, sizeof(plain)), 0);
        assert_int_equal(n, 5);
        assert_memory_equal(plain, "hello", 5);
    }
    /* A copy of a key that was used is a key of its own, whichever of them goes first. */
    mbedtls_rsa_free(&rsa.key);
    rsa.key = copy;
    mbedtls_rsa_init(&copy);
    assert_int_equal(mbedtls_rsa_copy(&copy, &rsa.key), 0);
    rsa_sign_and_verify(&rsa, &copy, MBEDTLS_RSA_PKCS_V15);
    mbedtls_rsa_free(&copy);
    mbedtls_rsa_free(&rsa.key);
}

/* A context that was used and then became another key signs with the other. */
static void rsa_keys_are_replaced(void **state)
{
    struct rsa rsa = {0}, other = {0};
    mbedtls_rsa_init(&rsa.key);
    mbedtls_rsa_init(&other.key);
    assert_int_equal(mbedtls_rsa_gen_key(&rsa.key, rng, NULL, 2048, 65537), 0);
    assert_int_equal(mbedtls_rsa_gen_key(&other.key, rng, NULL, 2048, 65537), 0);
    rsa_sign_and_verify(&rsa, &rsa.key, MBEDTLS_RSA_PKCS_V15);
    rsa_sign_and_verify(&other, &other.key, MBEDTLS_RSA_PKCS_V15);
    assert_int_equal(mbedtls_rsa_copy(&rsa.key, &other.key), 0);
    rsa_sign_and_verify(&rsa, &other.key, MBEDTLS_RSA_PKCS_V15);

    mbedtls_mpi numbers[5];
    for (size_t i = 0; i < 5; i++)
        mbedtls_mpi_init(&numbers[i]);
    mbedtls_rsa_free(&rsa.key);
    mbedtls_rsa_init(&rsa.key);
    assert_int_equal(mbedtls_rsa_gen_key(&rsa.key, rng, NULL, 2048, 65537), 0);
    rsa_sign_and_verify(&other, &other.key, MBEDTLS_RSA_PKCS_V15);
    assert_int_equal(mbedtls_rsa_export(&rsa.key, &numbers[0], &numbers[1], &numbers[2],
                                        &numbers[3], &numbers[4]),
                     0);
    mbedtls_rsa_free(&other.key);
    mbedtls_rsa_init(&other.key);
    assert_int_equal(
        mbedtls_rsa_import(&other.key, &numbers[0], &numbers[1], &numbers[2], NULL, &numbers[4]),
        0);
    assert_int_equal(mbedtls_rsa_complete(&other.key), 0);
    rsa_sign_and_verify(&other, &rsa.key, MBEDTLS_RSA_PKCS_V15);
    for (size_t i = 0; i < 5; i++)
        mbedtls_mpi_free(&numbers[i]);
    mbedtls_rsa_free(&rsa.key);
    mbedtls_rsa_free(&other.key);
}

static void rsa_refuses_inputs_and_halves(void **state)
{
    mbedtls_rsa_context key, half;
    uint8_t in[256], out[256];
    mbedtls_mpi n, e;
    mbedtls_mpi_init(&n);
    mbedtls_mpi_init(&e);
    mbedtls_rsa_init(&key);
    mbedtls_rsa_init(&half);
    assert_int_equal(mbedtls_rsa_gen_key(&key, rng, NULL, 2048, 65537), 0);
    assert_int_equal(mbedtls_rsa_export(&key, &n, NULL, NULL, NULL, &e), 0);
    /* n and all above it; n - 1 is fine, and so is 0. */
    assert_int_equal(mbedtls_mpi_write_binary(&n, in, sizeof(in)), 0);
    assert_int_equal(mbedtls_rsa_private(&key, rng, NULL, in, out),
                     MBEDTLS_ERR_RSA_PRIVATE_FAILED + MBEDTLS_ERR_MPI_BAD_INPUT_DATA);
    memset(in, 0xff, sizeof(in));
    assert_int_equal(mbedtls_rsa_private(&key, rng, NULL, in, out),
                     MBEDTLS_ERR_RSA_PRIVATE_FAILED + MBEDTLS_ERR_MPI_BAD_INPUT_DATA);
    assert_int_equal(mbedtls_mpi_sub_int(&n, &n, 1), 0);
    assert_int_equal(mbedtls_mpi_write_binary(&n, in, sizeof(in)), 0);
    assert_int_equal(mbedtls_rsa_private(&key, rng, NULL, in, out), 0);
    assert_memory_equal(in, out, sizeof(in)); /* -1 to an odd power */
    assert_int_equal(mbedtls_rsa_private(&key, NULL, NULL, in, out),
                     MBEDTLS_ERR_RSA_BAD_INPUT_DATA);
    /* The public operation of a key that has signed refuses the same. */
    assert_int_equal(mbedtls_rsa_public(&key, in, out), 0);
    assert_memory_equal(in, out, sizeof(in));
    memset(in, 0xff, sizeof(in));
    assert_int_equal(mbedtls_rsa_public(&key, in, out),
                     MBEDTLS_ERR_RSA_PUBLIC_FAILED + MBEDTLS_ERR_MPI_BAD_INPUT_DATA);
    /* The public half signs nothing. */
    assert_int_equal(mbedtls_mpi_add_int(&n, &n, 1), 0);
    assert_int_equal(mbedtls_rsa_import(&half, &n, NULL, NULL, NULL, &e), 0);
    assert_int_equal(mbedtls_rsa_complete(&half), 0);
    assert_int_equal(mbedtls_rsa_private(&half, rng, NULL, in, out),
                     MBEDTLS_ERR_RSA_BAD_INPUT_DATA);
    mbedtls_mpi_free(&n);
    mbedtls_mpi_free(&e);
    mbedtls_rsa_free(&key);
    mbedtls_rsa_free(&half);
}

/* A key that has not signed is mbedTLS's own, one that has is the backend's. */
static void rsa_public_of_either_kind_is_the_same(void **state)
{
    mbedtls_rsa_context key, fresh;
    uint8_t in[128], ours[128], theirs[128];
    mbedtls_rsa_init(&key);
    mbedtls_rsa_init(&fresh);
    for (int e = 3; e <= 65537; e += 65534) {
        assert_int_equal(mbedtls_rsa_gen_key(&key, rng, NULL, 1024, e), 0);
        assert_int_equal(mbedtls_rsa_copy(&fresh, &key), 0);
        for (int i = 0; i < 20; i++) {
            assert_int_equal(rng(NULL, in, sizeof(in)), 0);
            in[0] = 0;
            assert_int_equal(mbedtls_rsa_private(&key, rng, NULL, in, theirs), 0);
            assert_int_equal(mbedtls_rsa_public(&key, in, ours), 0);
            assert_int_equal(mbedtls_rsa_public(&fresh, in, theirs), 0);
            assert_memory_equal(ours, theirs, sizeof(ours));
            assert_int_equal(mbedtls_rsa_public(&key, in, in), 0); /* in place */
            assert_memory_equal(in, theirs, sizeof(in));
        }
        mbedtls_rsa_free(&fresh);
        mbedtls_rsa_free(&key);
        mbedtls_rsa_init(&fresh);
        mbedtls_rsa_init(&key);
    }
    mbedtls_rsa_free(&fresh);
    mbedtls_rsa_free(&key);
}

/* OpenSSL takes an exponent of more than 64 bits only with a modulus of at most 3072: then the
   public operation is mbedTLS's own. */
static void rsa_with_a_large_exponent_signs(void **state)
{
    static const char p[] =
        "d8c68fc6ba68ff66eb7884d9b5da2595f69bfa71a5e9e9e062e044c6c551832349784da266cc14c7"
        "450e9cd5eeb64f2b1c16c9a9815ccd22ab3bdbb79bc6f7b29ed684e59b2c95c38525878c6f489b4c"
        "08003538e0dece6c082e3e467bb4bc01b487623942e7248ea803d32fe58ec48c6b9f7b5955d282fe"
        "e8210c2e69786313c4cd27aad1419e4cd60b1c19739b08118d14a722dff90b833ac577a0e6477acf"
        "0a351986b95dcfe0d83389dfbe379bbf1147c2305ab73932090c67689be6d7960f7b84c4740fd6b5";
    static const char q[] =
        "c24f5729cfc53faeac1bc046bdfbf32aa2846ea101b76be2d513a70614e74d3055d55012972f111c"
        "2a5e600ba9208248af9d139aab1d31decaa09200d1a419eeed6e60326119b93aa06b8da76abacd73"
        "239a4db98c946a639bdd172df25f5f611b53e4799e6615acd4145243db47925b425bc585d06be782"
        "e6dfbd88419813325b173b74f330b478119be2bee5a5468ae44dfb7f54422b36b1f7e2c9ca02fb63"
        "63becc60ded561cd1c25cb58b1bf9a4b3fd719e4a97579a48537dd29010adc6f08058fb617c90c19";
    struct rsa rsa = {0};
    mbedtls_mpi numbers[3];
    for (size_t i = 0; i < 3; i++)
        mbedtls_mpi_init(&numbers[i]);
    assert_int_equal(mbedtls_mpi_read_string(&numbers[0], 16, p), 0);
    assert_int_equal(mbedtls_mpi_read_string(&numbers[1], 16, q), 0);
    assert_int_equal(mbedtls_mpi_read_string(&numbers[2], 16, "20000000000000083"), 0);
    mbedtls_rsa_init(&rsa.key);
    assert_int_equal(
        mbedtls_rsa_import(&rsa.key, NULL, &numbers[0], &numbers[1], NULL, &numbers[2]), 0);
    assert_int_equal(mbedtls_rsa_complete(&rsa.key), 0);
    rsa_sign_and_verify(&rsa, &rsa.key, MBEDTLS_RSA_PKCS_V15);
    for (size_t i = 0; i < 3; i++)
        mbedtls_mpi_free(&numbers[i]);
    mbedtls_rsa_free(&rsa.key);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ecdsa_signs_on_every_curve),
        cmocka_unit_test(ecdsa_verifies_a_known_signature),
        cmocka_unit_test(ecdsa_refuses_an_infinite_sum),
        cmocka_unit_test(ecdsa_refuses_numbers_out_of_range),
        cmocka_unit_test(bad_points_are_refused),
        cmocka_unit_test(ecdsa_refuses_groups_that_cannot_sign),
        cmocka_unit_test(ecdh_agrees),
        cmocka_unit_test(ecdh_refuses_private_keys_out_of_range),
        cmocka_unit_test(x25519_refuses_points_of_small_order),
        cmocka_unit_test(x25519_has_a_known_answer),
        cmocka_unit_test(psa_pairs_agree),
        cmocka_unit_test(psa_refuses_peers),
        cmocka_unit_test(rsa_signs_and_decrypts),
        cmocka_unit_test(rsa_keys_are_replaced),
        cmocka_unit_test(rsa_refuses_inputs_and_halves),
        cmocka_unit_test(rsa_public_of_either_kind_is_the_same),
        cmocka_unit_test(rsa_with_a_large_exponent_signs),
    };
    if (sl_tls_global_init() != 0)
        return 1;
    int n = cmocka_run_group_tests(tests, NULL, NULL);
    sl_tls_global_fini();
    return n;
}
