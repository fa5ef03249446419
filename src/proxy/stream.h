/* SPDX-License-Identifier: Apache-2.0 */
/*
 * stream: the narrow interface through which an exchange meets its client. HTTP/1.1 implements it
 * in client.c; a protocol with many streams on a connection can stand beside it. An exchange never
 * assumes that it is alone on its connection.
 */
#ifndef SLUICE_PROXY_STREAM_H
#define SLUICE_PROXY_STREAM_H

#include <sluice/base/phase.h>
#include <sluice/http/framing.h>

struct sl_stream;

struct sl_stream_ops {
    /* A response head: interim (1xx), 101, or final. `framing` is the upstream's; the stream
       chooses its own coding. 0 or SL_ERR_*: the client is lost, and has been told so. */
    int (*send_head)(struct sl_stream *s, const struct sl_head *head,
                     const struct sl_framing *framing);
    int (*send_body)(struct sl_stream *s, struct sl_spans body);
    /* The response is complete: the exchange is over with this call. */
    void (*send_end)(struct sl_stream *s, const struct sl_head *trailers);
    /* May send_body go on? When not, sl_exchange_on_room follows. */
    bool (*has_room)(const struct sl_stream *s);
    /* How many bytes would be with the client's kernel at once. 0: unknown, or none. */
    size_t (*room_bytes)(const struct sl_stream *s);
    /* The request body is wanted (again). As a deferred call, never by recursion. */
    void (*want_body)(struct sl_stream *s);
    /* No response has begun: answer this. The exchange is over with this call. */
    void (*refuse)(struct sl_stream *s, int status, const char *why, const struct sl_cause *cause);
    /* The response cannot be completed: the client must see that. The exchange is over. */
    void (*cut)(struct sl_stream *s, const struct sl_cause *cause);
    /* A tunnel: the upstream sent its last byte. */
    void (*end_tunnel_out)(struct sl_stream *s);
    /* The exchange's phase may have changed. */
    void (*note_phase)(struct sl_stream *s);
};

struct sl_stream {
    const struct sl_stream_ops *ops;
};

#endif
