/* SPDX-License-Identifier: Apache-2.0 */
/*
 * psa_hooks: puts psa_driver.c before mbedTLS's own code. library/psa_crypto.c, the one file from
 * which these functions are called, is compiled with this in the place of the header that
 * declares them. If a later release calls one no more, or with other arguments, it does not
 * compile.
 */
#ifndef SLUICE_SRC_TLS_CRYPTO_PSA_HOOKS_H
#define SLUICE_SRC_TLS_CRYPTO_PSA_HOOKS_H

#include "psa_crypto_driver_wrappers.h"
#include "psa_crypto_driver_wrappers_no_static.h"

#include "glue.h"

static psa_status_t sl_hook_generate_key(const psa_key_attributes_t *attributes,
                                         const psa_custom_key_parameters_t *custom,
                                         const uint8_t *custom_data, size_t custom_data_length,
                                         uint8_t *key, size_t cap, size_t *out_n)
{
    psa_status_t status = PSA_ERROR_NOT_SUPPORTED;
    if (psa_custom_key_parameters_are_default(custom, custom_data_length))
        status = sl_psa_generate_key(attributes, key, cap, out_n);
    if (status != PSA_ERROR_NOT_SUPPORTED)
        return status;
    return psa_driver_wrapper_generate_key(attributes, custom, custom_data, custom_data_length, key,
                                           cap, out_n);
}

static psa_status_t sl_hook_export_public_key(const psa_key_attributes_t *attributes,
                                              const uint8_t *key, size_t n_key, uint8_t *data,
                                              size_t cap, size_t *out_n)
{
    psa_status_t status = sl_psa_export_public_key(attributes, key, n_key, data, cap, out_n);
    if (status != PSA_ERROR_NOT_SUPPORTED)
        return status;
    return psa_driver_wrapper_export_public_key(attributes, key, n_key, data, cap, out_n);
}

static psa_status_t sl_hook_key_agreement(const psa_key_attributes_t *attributes,
                                          const uint8_t *key, size_t n_key, psa_algorithm_t alg,
                                          const uint8_t *peer, size_t n_peer, uint8_t *secret,
                                          size_t cap, size_t *out_n)
{
    psa_status_t status =
        sl_psa_key_agreement(attributes, key, n_key, alg, peer, n_peer, secret, cap, out_n);
    if (status != PSA_ERROR_NOT_SUPPORTED)
        return status;
    return psa_driver_wrapper_key_agreement(attributes, key, n_key, alg, peer, n_peer, secret, cap,
                                            out_n);
}

static psa_status_t sl_hook_hash_compute(psa_algorithm_t alg, const uint8_t *in, size_t n_bytes,
                                         uint8_t *hash, size_t cap, size_t *out_n)
{
    psa_status_t status = sl_psa_hash_compute(alg, in, n_bytes, hash, cap, out_n);
    if (status != PSA_ERROR_NOT_SUPPORTED)
        return status;
    return psa_driver_wrapper_hash_compute(alg, in, n_bytes, hash, cap, out_n);
}

static psa_status_t sl_hook_mac_compute(const psa_key_attributes_t *attributes, const uint8_t *key,
                                        size_t n_key, psa_algorithm_t alg, const uint8_t *in,
                                        size_t n_bytes, uint8_t *mac, size_t cap, size_t *out_n)
{
    psa_status_t status =
        sl_psa_mac_compute(attributes, key, n_key, alg, in, n_bytes, mac, cap, out_n);
    if (status != PSA_ERROR_NOT_SUPPORTED)
        return status;
    return psa_driver_wrapper_mac_compute(attributes, key, n_key, alg, in, n_bytes, mac, cap,
                                          out_n);
}

#define psa_driver_wrapper_generate_key      sl_hook_generate_key
#define psa_driver_wrapper_export_public_key sl_hook_export_public_key
#define psa_driver_wrapper_key_agreement     sl_hook_key_agreement
#define psa_driver_wrapper_hash_compute      sl_hook_hash_compute
#define psa_driver_wrapper_mac_compute       sl_hook_mac_compute

#endif
