/* SPDX-License-Identifier: Apache-2.0 */
/*
 * identity: a certificate chain and its private key, checked to belong together. Read-only once
 * made.
 */
#ifndef SLUICE_TLS_IDENTITY_H
#define SLUICE_TLS_IDENTITY_H

#include <sluice/base/err.h>
#include <sluice/base/str.h>

struct sl_identity;

enum sl_key_type { SL_KEY_ECDSA, SL_KEY_RSA };

/*
 * Reads a PEM chain (leaf first) and a PEM key. On failure writes a sentence that names the file
 * and what is wrong ("key does not belong to the certificate", "expired on ..." is not an error)
 * into out_why. 0 or SL_ERR_NOT_FOUND, SL_ERR_DENIED, SL_ERR_INVALID, SL_ERR_UNSUPPORTED (the
 * kind of key: RSA of 2048 to 8192 bits and ECDSA on P-256, P-384, P-521 are served),
 * SL_ERR_MEMORY. *out_is_key tells which of the two files was at fault.
 */
int sl_identity_load(const char *cert_path, const char *key_path, struct sl_identity **out_identity,
                     bool *out_is_key, struct sl_str *out_why);
/* A fresh self-signed ECDSA P-256 certificate for these names (DNS names or IP addresses), valid
   from an hour ago for `days` (at most 36500). 0, SL_ERR_INVALID, SL_ERR_MEMORY,
   SL_ERR_TLS_INTERNAL. */
int sl_identity_self_sign(const char *const *names, size_t n_names, unsigned days,
                          struct sl_identity **out_identity);
/* Refcounted: servers hold a reference each. Any thread. */
struct sl_identity *sl_identity_ref(struct sl_identity *identity);
/* Gives a reference back; with the last one the key is zeroised. Any thread. */
void sl_identity_free(struct sl_identity **identity);

enum sl_key_type sl_identity_key_type(const struct sl_identity *identity);
/* Does the leaf's subjectAltName (or, without one, its CN) cover this DNS name (RFC 6125 6.4)? */
bool sl_identity_covers(const struct sl_identity *identity, struct sl_span name);
/* Seconds since 1970 of notBefore / notAfter. */
int64_t sl_identity_not_before(const struct sl_identity *identity);
int64_t sl_identity_not_after(const struct sl_identity *identity);
/* The leaf's subject and its names, for people: "CN=example.org (DNS:example.org, DNS:...)". */
void sl_identity_describe(const struct sl_identity *identity, struct sl_str *s);
/* The leaf's SHA-256 fingerprint. */
void sl_identity_fingerprint(const struct sl_identity *identity, uint8_t out_hash[32]);
/* The leaf as PEM (for quickstart, so that curl can be given it). SL_ERR_LIMIT: s is too small. */
int sl_identity_write_pem(const struct sl_identity *identity, struct sl_str *s);

#endif
