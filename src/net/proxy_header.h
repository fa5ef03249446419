/* SPDX-License-Identifier: Apache-2.0 */
/*
 * proxy_header: the PROXY protocol, versions 1 and 2 (HAProxy's proxy-protocol.txt, 2020/03/05), as
 * a receiver: bytes in, an address out.
 */
#ifndef SLUICE_NET_PROXY_HEADER_H
#define SLUICE_NET_PROXY_HEADER_H

#include <sluice/base/addr.h>

/* What is kept of a header at most: version 1 has 107 bytes, version 2 a 16-byte head, the longest
   address block (216) and room for TLVs, which are skipped. */
#define SL_PROXY_HEADER_BYTES 536

/*
 * 0: a complete header of *out_used bytes. *out_has_source tells whether it names a client (false
 * for LOCAL and UNKNOWN: the connection's own address counts). SL_ERR_AGAIN: incomplete so far.
 * SL_ERR_INVALID: not a PROXY header, malformed, or longer than SL_PROXY_HEADER_BYTES.
 */
int sl_proxy_header_read(struct sl_span bytes, size_t *out_used, bool *out_has_source,
                         struct sl_addr *out_source);

#endif
