/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: the request-target (RFC 9112 section 3.2) taken apart, and Host (RFC 9110 7.2).
 */
#ifndef SLUICE_HTTP_TARGET_H
#define SLUICE_HTTP_TARGET_H

#include <sluice/base/err.h>
#include <sluice/base/span.h>

enum sl_target_form { SL_TARGET_ORIGIN, SL_TARGET_ABSOLUTE, SL_TARGET_AUTHORITY, SL_TARGET_ASTERISK };

struct sl_target {
    enum sl_target_form form;
    struct sl_span host;  /* absolute and authority form: as written, with its port; else empty */
    struct sl_span path;  /* starts with '/', or "*" */
    struct sl_span query; /* with its '?', or empty */
    struct sl_span origin; /* path and query: what is sent to the upstream */
};

/* 0 or SL_ERR_INVALID: bytes outside RFC 3986, a fragment, no such form, an authority with userinfo. */
int sl_target_read(struct sl_span text, struct sl_target *out_target);
/* host [":" port] (RFC 3986 3.2.2): is it valid? The host in *out_name without port and brackets kept. */
int sl_host_read(struct sl_span text, struct sl_span *out_name, struct sl_span *out_port);
/*
 * The path as routes see it: dot segments removed and %XX of unreserved characters decoded
 * (RFC 3986 6.2.2), repeated slashes kept. What is forwarded is not changed by this. Returns the length
 * written to buf, or SL_ERR_LIMIT when it does not fit; SL_ERR_INVALID for %00 or a broken %XX.
 */
int sl_path_normalise(struct sl_span path, char *buf, size_t cap, size_t *out_len);

#endif
