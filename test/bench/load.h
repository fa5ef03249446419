// SPDX-License-Identifier: Apache-2.0
/*
 * load: what the files of the load generator share: what is asked for, sockets, the clock, figures.
 */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <openssl/ssl.h>

enum hold {
    HOLD_NOTHING,
    HOLD_SILENT, /* connected, never a byte */
    HOLD_HELLO,  /* half a ClientHello */
    HOLD_IDLE,   /* after one request and its response */
    HOLD_HEADER, /* within a request's header, a byte now and then */
};

struct load_options {
    uint16_t port;          /* of 127.0.0.1 */
    int version;            /* TLS1_2_VERSION or TLS1_3_VERSION */
    const char *cipher;     /* "aes128" or "aes256": GCM */
    bool is_resumed;        /* every handshake is a resumed one; otherwise every one is full */
    unsigned n_clients;     /* connections at a time */
    unsigned n_requests;    /* per connection; 0: until the time is up, on one connection each */
    uint64_t n_connections; /* in all; 0: until the time is up */
    double seconds;
    double requests_per_s; /* of all clients, on schedule; 0: as fast as answers come */
    enum hold hold;
    unsigned drip_ms; /* between two bytes of one slow header */
    const char *path;
    size_t body_bytes; /* of the response */
};

/* Ends the process with a sentence on stderr and status 1. */
_Noreturn void load_fail(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Monotonic, nanoseconds. */
uint64_t load_now_ns(void);

/* A socket that is on its way to the proxy; `i` chooses one of a few loopback addresses to come
 * from, so that ports do not run out. */
int load_dial(const struct load_options *options, unsigned i);

/* A dialled socket that has become writable: ends the process if it is not connected. */
void load_check_dialled(int fd);

/* Closes at once, with a reset, so that nothing is left in TIME_WAIT. */
void load_drop(int fd);

/* Edge-triggered, both ways; `tag` comes back with its events. */
void load_watch(int epoll, int fd, void *tag);

/* Waits for events until `until_ns`, or for ever when that is 0; how many there are. */
struct epoll_event;
int load_wait(int epoll, struct epoll_event *events, int n_events, uint64_t until_ns);

/* TLS as `options` say: one version, one cipher suite, X25519, certificates not verified. */
SSL_CTX *load_tls(const struct load_options *options);

/* The first flight of a client; how many bytes. Sent again and again it costs its sender nothing.
 */
size_t load_hello(const struct load_options *options, unsigned char *buf, size_t size);

/* More than OpenSSL's hellos have. */
#define LOAD_HELLO_BYTES 2048

/* Durations, all kept. */
struct load_samples {
    uint64_t *ns;
    size_t n, capacity;
};

void load_samples_add(struct load_samples *samples, uint64_t ns);
/* Sorts them and prints `"name": {"p50": ...}` in microseconds. */
void load_samples_print(struct load_samples *samples, const char *name);
void load_samples_free(struct load_samples *samples);

/* The works: each returns when it is done and has printed its figures. */
void load_clients(const struct load_options *options);
void load_hold(const struct load_options *options);

#endif
