/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pem: a small file of secrets, read whole and zeroised after use.
 */
#ifndef SLUICE_SRC_TLS_PEM_H
#define SLUICE_SRC_TLS_PEM_H

#include <sluice/base/str.h>

#define SL_PEM_MAX_BYTES (1024 * 1024)

struct sl_pem {
    char *text; /* ends with NUL, which mbedTLS asks for; NULL when not read */
    size_t len; /* without the NUL */
};

/* 0, SL_ERR_NOT_FOUND, SL_ERR_DENIED, SL_ERR_INVALID (not a regular file, empty, too large, not
   text), SL_ERR_MEMORY; the reason is a sentence in out_why. */
int sl_pem_read(const char *path, struct sl_pem *out_pem, struct sl_str *out_why);
void sl_pem_fini(struct sl_pem *pem);
/* Does it contain a block "-----BEGIN ...-----" whose label ends like this ("PRIVATE KEY")? */
bool sl_pem_has(const struct sl_pem *pem, const char *label_end);

#endif
