/* SPDX-License-Identifier: Apache-2.0 */
/*
 * certs: certificates and keys of every kind, good and bad, made for tests.
 */
#ifndef SLUICE_TEST_TLS_CERTS_H
#define SLUICE_TEST_TLS_CERTS_H

#include <mbedtls/ecp.h>

#include <sluice/tls/identity.h>

struct cert_spec {
    unsigned rsa_bits;          /* 0: an EC key */
    mbedtls_ecp_group_id curve; /* of the EC key */
    const char *subject;        /* NULL: "CN=test" */
    const char *dns[4];         /* subjectAltName, up to the first NULL */
    const char *ip[4];
    unsigned key_usage; /* 0: no such extension */
    const char *ext_key_usage;
    size_t n_ext_key_usage;
    const char *from, *to; /* NULL: 2020 to 2040 */
};

#define PEM_CAP 8192

struct cert_pem {
    char cert[PEM_CAP], key[PEM_CAP];
};

void cert_make(const struct cert_spec *spec, struct cert_pem *out_pem);
/* Writes the text into a file of that name in a directory of this process. The path is valid until
   scratch_remove(). */
const char *scratch_file(const char *name, const char *text);
/* Removes the directory. */
void scratch_remove(void);
/* Makes, writes, loads. */
struct sl_identity *identity_of(const struct cert_spec *spec);

/* Identities that tests share, made at their first use; identities_free() ends them. */
struct sl_identity *identity_ecdsa(void); /* example.org */
struct sl_identity *identity_rsa(void);   /* example.org, rsa.example.net */
struct sl_identity *identity_other(void); /* ECDSA: other.example.com */
void identities_free(void);

#endif
