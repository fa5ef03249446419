/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Body bytes that come together become one chunk, however many chunks they were, or nothing but
 * themselves: the size line, the bytes and the end of the chunk leave as the spans of one write.
 */
#include "pipe.h"

#include <assert.h>

void sl_pipe_open(struct sl_pipe *p, struct sl_channel *sink, enum sl_coding coding)
{
    p->sink = sink;
    p->coding = coding;
    p->n_bytes = 0;
}

int sl_pipe_write(struct sl_pipe *p, struct sl_spans body)
{
    char size[20];
    struct sl_span spans[1 + SL_SPANS_MAX + 1];

    p->n_bytes += body.n_bytes;
    if (!p->sink || p->coding == SL_CODING_NONE)
        return 0;
    if (p->coding != SL_CODING_CHUNKED)
        return sl_channel_write(p->sink, body.ptr, body.n_spans);
    assert(body.n_spans <= SL_SPANS_MAX);
    spans[0] = sl_span(size, sl_encode_chunk_size(size, body.n_bytes));
    memcpy(spans + 1, body.ptr, body.n_spans * sizeof(*body.ptr));
    spans[1 + body.n_spans] = SL_SPAN("\r\n");
    return sl_channel_write(p->sink, spans, 1 + body.n_spans + 1);
}

int sl_pipe_end(struct sl_pipe *p, const struct sl_head *trailers)
{
    int err = 0;

    if (p->sink && p->coding == SL_CODING_CHUNKED) {
        err = sl_encode_last_chunk(sl_channel_out(p->sink), trailers);
        sl_channel_flush(p->sink);
    }
    p->sink = NULL;
    return err;
}

bool sl_pipe_has_room(const struct sl_pipe *p)
{
    return !p->sink || !sl_channel_is_full(p->sink);
}
