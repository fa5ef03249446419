/* SPDX-License-Identifier: Apache-2.0 */
/*
 * addr: a socket address (IPv4, IPv6 or a unix path), and address prefixes.
 *
 * A v4-mapped IPv6 address (an IPv4 client at a dual-stack socket) is written, compared and matched
 * as the IPv4 address that it is.
 */
#ifndef SLUICE_BASE_ADDR_H
#define SLUICE_BASE_ADDR_H

#include <sys/socket.h>
#include <sluice/base/str.h>

#define SL_ADDR_TEXT_BYTES 128 /* enough for the text of any address, with its NUL */

struct sl_addr {
    struct sockaddr_storage storage;
    socklen_t len;
};

/* A CIDR prefix, or one address (its bits then are 32 or 128). */
struct sl_prefix {
    uint8_t bytes[16]; /* IPv4 is kept as v4-mapped IPv6 */
    uint8_t n_bits;    /* of the 128 */
};

/*
 * Reads "127.0.0.1:80", "[::1]:80", ":80" (every address, v6 with v4), "unix:/path". A host name is
 * SL_ERR_NOT_FOUND (it must be resolved), anything else SL_ERR_INVALID.
 */
int sl_addr_read(struct sl_span text, struct sl_addr *out_addr);
/* Writes what sl_addr_read reads. */
void sl_addr_write(const struct sl_addr *a, struct sl_str *s);
/* Only the host: "127.0.0.1", "::1"; "unix" for a unix address; "unknown" for none. */
void sl_addr_write_host(const struct sl_addr *a, struct sl_str *s);
uint16_t sl_addr_port(const struct sl_addr *a);
bool sl_addr_eq(const struct sl_addr *a, const struct sl_addr *b);
bool sl_addr_is_unix(const struct sl_addr *a);

/* "10.0.0.0/8", "::1", "2001:db8::/32". 0 or SL_ERR_INVALID. Bits past the prefix must be zero. */
int sl_prefix_read(struct sl_span text, struct sl_prefix *out_prefix);
bool sl_prefix_has(const struct sl_prefix *p, const struct sl_addr *a);
/* The key under which a client is counted: its IPv4 address, or the /64 of its IPv6 address. Unix
   clients share one key, of 0 bits. */
struct sl_prefix sl_prefix_of_client(const struct sl_addr *a);

#endif
