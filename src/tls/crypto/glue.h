/* SPDX-License-Identifier: Apache-2.0 */
/*
 * glue: what the files between mbedTLS and the backend share.
 */
#ifndef SLUICE_SRC_TLS_CRYPTO_GLUE_H
#define SLUICE_SRC_TLS_CRYPTO_GLUE_H

#include <mbedtls/ecp.h>
#include <psa/crypto.h>

#include "backend.h"

/* ec_glue.c: is the group one of the backend's curves? X25519 is not among them. */
bool sl_curve_of(mbedtls_ecp_group_id id, enum sl_curve *out_curve);
/* An answer of the backend as mbedTLS's ECC code says it. */
int sl_ecp_answer(int err);
/* 04 | x | y of a point that is given by its affine coordinates; whether it is on the curve is the
   backend's to say. 0 or an mbedTLS error. */
int sl_point_write(enum sl_curve curve, const mbedtls_ecp_point *point, uint8_t *out);

/* psa_driver.c: is it a hash of the backend's? */
bool sl_hash_of(psa_algorithm_t alg, enum sl_hash *out_hash);
/* psa_driver.c: the driver of PSA, which psa_hooks.h puts before mbedTLS's own. They answer
   PSA_ERROR_NOT_SUPPORTED for what mbedTLS must do itself. */
psa_status_t sl_psa_generate_key(const psa_key_attributes_t *attributes, uint8_t *key, size_t cap,
                                 size_t *out_n);
psa_status_t sl_psa_export_public_key(const psa_key_attributes_t *attributes, const uint8_t *key,
                                      size_t n_key, uint8_t *data, size_t cap, size_t *out_n);
psa_status_t sl_psa_key_agreement(const psa_key_attributes_t *attributes, const uint8_t *key,
                                  size_t n_key, psa_algorithm_t alg, const uint8_t *peer,
                                  size_t n_peer, uint8_t *secret, size_t cap, size_t *out_n);
psa_status_t sl_psa_hash_compute(psa_algorithm_t alg, const uint8_t *in, size_t n_bytes,
                                 uint8_t *hash, size_t cap, size_t *out_n);
psa_status_t sl_psa_mac_compute(const psa_key_attributes_t *attributes, const uint8_t *key,
                                size_t n_key, psa_algorithm_t alg, const uint8_t *in,
                                size_t n_bytes, uint8_t *mac, size_t cap, size_t *out_n);

#endif
