/* SPDX-License-Identifier: Apache-2.0 */
/*
 * keykind: what kind of key is this, for people who are told that it is not supported.
 */
#ifndef SLUICE_SRC_TLS_KEYKIND_H
#define SLUICE_SRC_TLS_KEYKIND_H

#include <sluice/base/str.h>

#include <mbedtls/pk.h>

bool sl_keykind_is_supported(const mbedtls_pk_context *key);
/* Each writes a part of a sentence: what the key is, and what would be supported. Of a key that
   mbedTLS could read: */
void sl_keykind_refuse(const mbedtls_pk_context *key, struct sl_str *s);
/* Of the first certificate, or of the private key, of a file that mbedTLS could not read. False,
   and nothing is written: the kind of key is not the reason, or cannot be told. */
bool sl_keykind_refuse_certificate(const char *pem, struct sl_str *s);
bool sl_keykind_refuse_private(const char *pem, struct sl_str *s);
/* The algorithm by which the first certificate was signed, if it can be told. */
void sl_keykind_signature(const char *pem, struct sl_str *s);

#endif
