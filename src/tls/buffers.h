/* SPDX-License-Identifier: Apache-2.0 */
/*
 * buffers: a few of mbedTLS's record buffers that each thread keeps for the next session that needs
 * one for a moment.
 */
#ifndef SLUICE_SRC_TLS_BUFFERS_H
#define SLUICE_SRC_TLS_BUFFERS_H

#include <stddef.h>

/* n is the same in all calls. What is in it is undefined. NULL without memory. free() is for who
   does not want to give it back. */
void *sl_buffer_take(size_t n);
/* Secrets in it must be gone. May be one that malloc made. */
void sl_buffer_give(void *buffer, size_t n);
/* The calling thread's; a thread that ends does so by itself. */
void sl_buffers_free(void);

#endif
