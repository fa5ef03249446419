/* SPDX-License-Identifier: Apache-2.0 */
/*
 * target: the request-target (RFC 9112 section 3.2) taken apart, and Host (RFC 9110 7.2).
 */
#ifndef SLUICE_HTTP_TARGET_H
#define SLUICE_HTTP_TARGET_H

#include <sluice/base/err.h>
#include <sluice/base/span.h>

enum sl_target_form {
    SL_TARGET_ORIGIN,
    SL_TARGET_ABSOLUTE,
    SL_TARGET_AUTHORITY,
    SL_TARGET_ASTERISK
};

struct sl_target {
    enum sl_target_form form;
    /* Absolute and authority form: as written, with its port; else empty. Where it is not empty it
       takes the place of the Host field, for routing and in what is forwarded (RFC 9112 3.2.2). */
    struct sl_span host;
    bool is_bare;         /* an absolute form with neither path nor query */
    struct sl_span path;  /* starts with '/', or is "*"; "/" when an absolute form has none */
    struct sl_span query; /* with its '?', or empty */
    /* Path and query as one run: what is sent to the upstream. An absolute form with a query but no
       path ("http://a?b") makes it start with '?'; sl_encode_head writes the missing '/'. */
    struct sl_span origin;
};

/*
 * 0 or SL_ERR_INVALID: no such form, a fragment, an authority with userinfo, a scheme other than
 * http and https. Paths hold what RFC 3986 allows and `[]{}|^`, which browsers send unencoded, and
 * no broken %XX; queries any printable byte but '#': browsers send nearly all of them, and nothing
 * here reads them.
 */
int sl_target_read(struct sl_span text, struct sl_target *out_target);
/*
 * host [":" port] (RFC 3986 3.2.2): is it valid? 0 or SL_ERR_INVALID. *out_name: the host without
 * port, brackets kept. *out_port: the digits, perhaps none. A name holds letters, digits and "-._~"
 * only: RFC 3986 would also allow %XX and "!$&'()*+,;=", which no host has and which two parsers
 * may read in two ways. No zone ids.
 */
int sl_host_read(struct sl_span text, struct sl_span *out_name, struct sl_span *out_port);
/*
 * The path as routes see it: dot segments removed and %XX of unreserved characters decoded
 * (RFC 3986 6.2.2), repeated slashes kept. What is forwarded is not changed by this. Returns the
 * length written to buf, or SL_ERR_LIMIT when it does not fit; SL_ERR_INVALID for %00 or a broken
 * %XX.
 */
int sl_path_normalise(struct sl_span path, char *buf, size_t cap, size_t *out_len);

#endif
