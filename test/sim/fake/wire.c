/* SPDX-License-Identifier: Apache-2.0 */
/*
 * wire: a connection in memory, and the kernels at both of its ends. Wires belong to the loop and
 * live until it is freed, so a test may still ask what the peer got after the proxy has closed.
 *
 * Rules taken from Linux: bytes that arrived before a reset can be read; a close over unread bytes
 * is a reset; bytes sent to a closed socket draw a reset; a reset loses what the peer has not
 * taken.
 */
#include <stdlib.h>

#include "fake_private.h"

/* ---- bytes ---- */

void fake_bytes_add(struct fake_bytes *b, struct sl_span bytes)
{
    if (!bytes.len)
        return;
    if (b->len + bytes.len > b->cap) {
        size_t cap = (b->len + bytes.len) * 2;
        char *ptr = fake_alloc(cap);
        if (b->len)
            memcpy(ptr, b->ptr, b->len);
        free(b->ptr);
        b->ptr = ptr;
        b->cap = cap;
    }
    memcpy(b->ptr + b->len, bytes.ptr, bytes.len);
    b->len += bytes.len;
}

void fake_bytes_drop(struct fake_bytes *b, size_t n)
{
    b->len -= n;
    if (b->len)
        memmove(b->ptr, b->ptr + n, b->len);
}

void fake_bytes_free(struct fake_bytes *b)
{
    free(b->ptr);
    *b = (struct fake_bytes){0};
}

/* ---- life ---- */

struct fake_wire *fake_wire_new(struct sl_loop *loop)
{
    struct fake_wire *wire = fake_alloc(sizeof(*wire));

    wire->loop = loop;
    wire->n_kernel = FAKE_KERNEL_BYTES;
    wire->n_piece = loop->n_piece;
    sl_list_append(&loop->wires, &wire->link);
    return wire;
}

void fake_wire_free(struct fake_wire *wire)
{
    sl_list_unlink(&wire->link);
    fake_bytes_free(&wire->in);
    fake_bytes_free(&wire->kernel);
    fake_bytes_free(&wire->received);
    free(wire);
}

bool fake_wire_serve(struct fake_wire *wire)
{
    return !wire->is_slow && fake_wire_take(wire, SIZE_MAX) > 0;
}

static void reset_peer(struct fake_wire *wire)
{
    if (fake_wire_state(wire) == FAKE_FIN)
        return; /* the peer has seen the end already */
    wire->has_reset = true;
    wire->kernel.len = 0;
}

void fake_wire_closed(struct fake_wire *wire, bool is_reset)
{
    wire->is_closed = true;
    wire->is_read = false;
    if (wire->has_in_reset)
        return;
    if (is_reset || wire->in.len > 0)
        reset_peer(wire);
    else
        wire->has_fin = true;
}

/* ---- the peer's moves ---- */

void fake_wire_answer(struct fake_wire *wire, int err)
{
    wire->answer = err;
}

void fake_wire_send(struct fake_wire *wire, struct sl_span bytes)
{
    if (wire->has_in_fin || wire->has_in_reset || wire->has_reset || !bytes.len)
        return;
    if (wire->is_closed)
        reset_peer(wire);
    else
        fake_bytes_add(&wire->in, bytes);
}

void fake_wire_fin(struct fake_wire *wire)
{
    wire->has_in_fin = true;
}

void fake_wire_reset(struct fake_wire *wire)
{
    wire->has_in_reset = true;
    wire->kernel.len = 0;
}

void fake_wire_close(struct fake_wire *wire)
{
    wire->is_gone = true;
    if (wire->kernel.len > 0)
        fake_wire_reset(wire);
    else
        wire->has_in_fin = true;
}

void fake_wire_slow(struct fake_wire *wire, bool is_slow)
{
    wire->is_slow = is_slow;
}

size_t fake_wire_take(struct fake_wire *wire, size_t n)
{
    n = n < wire->kernel.len ? n : wire->kernel.len;
    fake_bytes_add(&wire->received, sl_span(wire->kernel.ptr, n));
    fake_bytes_drop(&wire->kernel, n);
    return n;
}

void fake_wire_kernel(struct fake_wire *wire, size_t n_bytes)
{
    wire->n_kernel = n_bytes;
}

void fake_wire_pieces(struct fake_wire *wire, size_t n)
{
    wire->n_piece = n;
}

/* ---- what the peer knows ---- */

enum fake_state fake_wire_state(const struct fake_wire *wire)
{
    if (wire->has_reset)
        return FAKE_RESET;
    return wire->has_fin && wire->kernel.len == 0 ? FAKE_FIN : FAKE_OPEN;
}

struct sl_span fake_wire_received(const struct fake_wire *wire)
{
    return sl_span(wire->received.ptr, wire->received.len);
}

void fake_wire_forget(struct fake_wire *wire)
{
    wire->received.len = 0;
}

size_t fake_wire_unread(const struct fake_wire *wire)
{
    return wire->in.len;
}

bool fake_wire_is_closed(const struct fake_wire *wire)
{
    return wire->is_closed;
}

bool fake_wire_is_read(const struct fake_wire *wire)
{
    return wire->is_read;
}
