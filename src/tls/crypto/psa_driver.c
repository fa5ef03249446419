// SPDX-License-Identifier: Apache-2.0
/*
 * psa_driver: the key exchange of TLS 1.3, which mbedTLS always does through PSA, on the backend:
 * X25519, P-256 and P-384; and its hashes and HMACs that are computed at once, with SHA-256 and
 * SHA-384.
 *
 * Everything else is PSA_ERROR_NOT_SUPPORTED, and mbedTLS does it itself. An agreement needs a key
 * pair and a whole, uncompressed point; anything else is PSA_ERROR_INVALID_ARGUMENT.
 */
#include <mbedtls/ecp.h>

#include "glue.h"

/* A kind of key that is done here. */
struct kind {
    bool is_x25519;
    bool is_pair;
    enum sl_curve curve; /* unless X25519 */
    size_t n_private, n_public;
};

static bool is_local(const psa_key_attributes_t *attributes)
{
    return PSA_KEY_LIFETIME_GET_LOCATION(psa_get_key_lifetime(attributes)) ==
           PSA_KEY_LOCATION_LOCAL_STORAGE;
}

static bool kind_of(const psa_key_attributes_t *attributes, struct kind *out_kind)
{
    psa_key_type_t type = psa_get_key_type(attributes);
    size_t n_bits = psa_get_key_bits(attributes);
    if (!PSA_KEY_TYPE_IS_ECC(type) || !is_local(attributes))
        return false;
    psa_ecc_family_t family = PSA_KEY_TYPE_ECC_GET_FAMILY(type);
    *out_kind = (struct kind){.is_pair = PSA_KEY_TYPE_IS_ECC_KEY_PAIR(type)};
    if (family == PSA_ECC_FAMILY_MONTGOMERY && n_bits == 255) {
        out_kind->is_x25519 = true;
        out_kind->n_private = out_kind->n_public = SL_X25519_BYTES;
        return true;
    }
    if (family != PSA_ECC_FAMILY_SECP_R1 || (n_bits != 256 && n_bits != 384))
        return false;
    out_kind->curve = n_bits == 256 ? SL_CURVE_P256 : SL_CURVE_P384;
    out_kind->n_private = n_bits / 8;
    out_kind->n_public = 1 + 2 * out_kind->n_private;
    return true;
}

static psa_status_t answer(int err)
{
    switch (err) {
    case SL_CRYPTO_OK:
        return PSA_SUCCESS;
    case SL_CRYPTO_INVALID:
        return PSA_ERROR_INVALID_ARGUMENT;
    case SL_CRYPTO_UNSUPPORTED:
        return PSA_ERROR_NOT_SUPPORTED;
    default:
        return PSA_ERROR_INSUFFICIENT_MEMORY;
    }
}

psa_status_t sl_psa_generate_key(const psa_key_attributes_t *attributes, uint8_t *key, size_t cap,
                                 size_t *out_n)
{
    struct kind kind;
    uint8_t public[SL_EC_MAX_POINT_BYTES];
    if (!kind_of(attributes, &kind) || !kind.is_pair)
        return PSA_ERROR_NOT_SUPPORTED;
    if (cap < kind.n_private)
        return PSA_ERROR_BUFFER_TOO_SMALL;
    psa_status_t status = answer(kind.is_x25519 ? sl_x25519_make(true, key, public)
                                                : sl_ec_make(kind.curve, true, key, public));
    if (status == PSA_SUCCESS)
        *out_n = kind.n_private;
    return status;
}

psa_status_t sl_psa_export_public_key(const psa_key_attributes_t *attributes, const uint8_t *key,
                                      size_t n_key, uint8_t *data, size_t cap, size_t *out_n)
{
    struct kind kind;
    if (!kind_of(attributes, &kind) || !kind.is_pair)
        return PSA_ERROR_NOT_SUPPORTED;
    if (n_key != kind.n_private)
        return PSA_ERROR_INVALID_ARGUMENT;
    if (cap < kind.n_public)
        return PSA_ERROR_BUFFER_TOO_SMALL;
    psa_status_t status =
        answer(kind.is_x25519 ? sl_x25519_public(key, data) : sl_ec_public(kind.curve, key, data));
    if (status == PSA_SUCCESS)
        *out_n = kind.n_public;
    return status;
}

psa_status_t sl_psa_key_agreement(const psa_key_attributes_t *attributes, const uint8_t *key,
                                  size_t n_key, psa_algorithm_t alg, const uint8_t *peer,
                                  size_t n_peer, uint8_t *secret, size_t cap, size_t *out_n)
{
    struct kind kind;
    if (!PSA_ALG_IS_ECDH(alg) || !kind_of(attributes, &kind))
        return PSA_ERROR_NOT_SUPPORTED;
    if (!kind.is_pair || n_key != kind.n_private || n_peer != kind.n_public)
        return PSA_ERROR_INVALID_ARGUMENT;
    if (cap < kind.n_private)
        return PSA_ERROR_BUFFER_TOO_SMALL;
    psa_status_t status = answer(kind.is_x25519 ? sl_x25519_agree(key, peer, secret)
                                                : sl_ec_agree(kind.curve, key, peer, secret));
    if (status == PSA_SUCCESS)
        *out_n = kind.n_private;
    return status;
}

bool sl_hash_of(psa_algorithm_t alg, enum sl_hash *out_hash)
{
    *out_hash = alg == PSA_ALG_SHA_384 ? SL_HASH_SHA384 : SL_HASH_SHA256;
    return alg == PSA_ALG_SHA_256 || alg == PSA_ALG_SHA_384;
}

psa_status_t sl_psa_hash_compute(psa_algorithm_t alg, const uint8_t *in, size_t n_bytes,
                                 uint8_t *hash, size_t cap, size_t *out_n)
{
    enum sl_hash kind;
    if (!sl_hash_of(alg, &kind))
        return PSA_ERROR_NOT_SUPPORTED;
    if (cap < sl_hash_bytes(kind))
        return PSA_ERROR_BUFFER_TOO_SMALL;
    sl_hash(kind, in, n_bytes, hash);
    *out_n = sl_hash_bytes(kind);
    return PSA_SUCCESS;
}

/* Of whole MACs only: a shorter one is another algorithm. */
psa_status_t sl_psa_mac_compute(const psa_key_attributes_t *attributes, const uint8_t *key,
                                size_t n_key, psa_algorithm_t alg, const uint8_t *in,
                                size_t n_bytes, uint8_t *mac, size_t cap, size_t *out_n)
{
    enum sl_hash kind;
    if (!PSA_ALG_IS_HMAC(alg) || alg != PSA_ALG_HMAC(PSA_ALG_HMAC_GET_HASH(alg)) ||
        !sl_hash_of(PSA_ALG_HMAC_GET_HASH(alg), &kind) ||
        psa_get_key_type(attributes) != PSA_KEY_TYPE_HMAC || !is_local(attributes))
        return PSA_ERROR_NOT_SUPPORTED;
    if (cap < sl_hash_bytes(kind))
        return PSA_ERROR_BUFFER_TOO_SMALL;
    sl_hmac(kind, key, n_key, in, n_bytes, mac);
    *out_n = sl_hash_bytes(kind);
    return PSA_SUCCESS;
}
