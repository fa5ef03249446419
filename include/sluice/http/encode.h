/* SPDX-License-Identifier: Apache-2.0 */
/*
 * encode: heads and chunks as bytes. Every message that sluice forwards is written anew here;
 * nothing of a received head is passed on as it came. Dropped fields are left out.
 */
#ifndef SLUICE_HTTP_ENCODE_H
#define SLUICE_HTTP_ENCODE_H

#include <sluice/base/chunkq.h>
#include <sluice/http/framing.h>

/* How a body is written to the wire. */
enum sl_coding {
    SL_CODING_NONE,    /* no body and no framing field */
    SL_CODING_LENGTH,  /* Content-Length: length */
    SL_CODING_CHUNKED, /* Transfer-Encoding: chunked */
    SL_CODING_CLOSE,   /* until the connection ends */
};

struct sl_encoding {
    enum sl_coding coding;
    uint64_t length; /* SL_CODING_LENGTH */
    const char
        *connection; /* value of Connection ("close", "keep-alive", "upgrade"), or NULL for none */
};

/*
 * The start line, every field that is not dropped (except Connection, Content-Length and
 * Transfer-Encoding, which come from `enc`), and the blank line. Always HTTP/1.1.
 * `target`: the request-target to write (ignored for responses); a '/' goes before a leading '?'.
 * 0 or SL_ERR_MEMORY; then the queue holds a part and its connection must be closed. SL_ERR_INVALID
 * before anything is written: a start line that must not be sent (an empty target, or a blank or
 * control byte in it).
 */
int sl_encode_head(struct sl_chunkq *out, const struct sl_head *head, struct sl_span target,
                   const struct sl_encoding *enc);
/* "<hex>\r\n" of a chunk of n bytes into buf (at least 20 bytes). Returns its length. Write it, the
   n bytes, and then "\r\n". */
size_t sl_encode_chunk_size(char *buf, uint64_t n);
/* The last chunk and the trailer section: "0\r\n" fields "\r\n". trailers may be NULL. */
int sl_encode_last_chunk(struct sl_chunkq *out, const struct sl_head *trailers);

/* "Not Found" for 404; "Unknown" for what has none. Static. */
const char *sl_status_reason(int status);

#endif
