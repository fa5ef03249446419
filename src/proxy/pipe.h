/* SPDX-License-Identifier: Apache-2.0 */
/*
 * pipe: one direction of body bytes on their way into an HTTP/1.1 channel, in the coding that was
 * announced in the head. It stores nothing: the only store of a direction is the sink's queue.
 */
#ifndef SLUICE_PROXY_PIPE_H
#define SLUICE_PROXY_PIPE_H

#include <sluice/http/encode.h>
#include <sluice/net/channel.h>

struct sl_pipe {
    struct sl_channel
        *sink; /* borrowed; NULL: bytes are dropped (the sink is gone or wants none) */
    enum sl_coding coding;
    uint64_t n_bytes; /* body bytes so far, without the coding */
};

void sl_pipe_open(struct sl_pipe *p, struct sl_channel *sink, enum sl_coding coding);
/* As one chunk where the coding has chunks. 0 or SL_ERR_*: the sink can only be closed. */
int sl_pipe_write(struct sl_pipe *p, struct sl_spans body);
/* The body is complete. trailers may be NULL; they are sent only where the coding can carry them.
 */
int sl_pipe_end(struct sl_pipe *p, const struct sl_head *trailers);
/* May the source go on? */
bool sl_pipe_has_room(const struct sl_pipe *p);

#endif
