// SPDX-License-Identifier: Apache-2.0
/*
 * Connections that are held: silent, within their ClientHello, idle after one request, or within
 * the header of a request that grows by a byte now and then. They are opened a few at a time, so
 * that what the proxy needs to open one is not counted as what it needs to hold one. "ready" is
 * printed when all are held; they stay until stdin ends, and a connection that the proxy closed
 * meanwhile is told as lost.
 */
#include "load.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#define N_AT_A_TIME 8
#define N_EVENTS    256
#define NS_PER_S    1000000000ull
#define PATIENCE_NS (20 * NS_PER_S)
#define SLOW_HEADER "GET /1k HTTP/1.1\r\nHost: localhost\r\nX-Slow: "

struct held {
    int fd;
    SSL *ssl;
    enum { DIALLING, SHAKING, ANSWERED, HELD, LOST } state;
    size_t n_left; /* of the response, once its length is known */
    bool is_in_body;
};

struct crowd {
    const struct load_options *options;
    SSL_CTX *tls;
    int epoll;
    struct held *all;
    unsigned n_begun, n_held, n_lost;
    unsigned char hello[LOAD_HELLO_BYTES];
    size_t n_hello_bytes;
};

static void begin(struct crowd *crowd)
{
    struct held *h = &crowd->all[crowd->n_begun];
    h->fd = load_dial(crowd->options, crowd->n_begun++);
    load_watch(crowd->epoll, h->fd, h);
}

static void hold(struct crowd *crowd, struct held *h)
{
    h->state = HELD;
    crowd->n_held++;
}

static void write_text(struct held *h, const char *text)
{
    int n_bytes = (int)strlen(text);
    if (SSL_write(h->ssl, text, n_bytes) != n_bytes)
        load_fail("could not be sent: %s", text);
}

static void dialled(struct crowd *crowd, struct held *h)
{
    load_check_dialled(h->fd);
    if (crowd->options->hold == HOLD_HELLO) {
        size_t n = crowd->n_hello_bytes / 2;
        if (write(h->fd, crowd->hello, n) != (ssize_t)n)
            load_fail("half a hello could not be sent");
    }
    if (crowd->options->hold == HOLD_SILENT || crowd->options->hold == HOLD_HELLO) {
        hold(crowd, h);
        return;
    }
    h->state = SHAKING;
    h->ssl = SSL_new(crowd->tls);
    if (h->ssl == NULL || SSL_set_fd(h->ssl, h->fd) != 1)
        load_fail("out of memory");
    SSL_set_connect_state(h->ssl);
}

static bool is_awaiting(const struct held *h, int ret)
{
    int error = SSL_get_error(h->ssl, ret);
    return error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE;
}

static void shake(struct crowd *crowd, struct held *h)
{
    char request[512];
    int ret = SSL_do_handshake(h->ssl);
    if (ret != 1 && is_awaiting(h, ret))
        return;
    if (ret != 1)
        load_fail("a handshake failed");
    if (crowd->options->hold == HOLD_HEADER) {
        write_text(h, SLOW_HEADER);
        hold(crowd, h);
        return;
    }
    snprintf(request, sizeof(request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
             crowd->options->path);
    write_text(h, request);
    h->state = ANSWERED;
}

/* The proxies send a small response's head in one piece. */
static void read_response(struct crowd *crowd, struct held *h)
{
    char bytes[16 << 10];
    int n;
    while (h->state == ANSWERED && (n = SSL_read(h->ssl, bytes, sizeof(bytes) - 1)) > 0) {
        size_t n_body = (size_t)n;
        if (!h->is_in_body) {
            bytes[n] = '\0';
            char *blank_line = strstr(bytes, "\r\n\r\n");
            if (strncmp(bytes, "HTTP/1.1 200 ", 13) != 0 || blank_line == NULL)
                load_fail("the response was: %s", bytes);
            h->is_in_body = true;
            h->n_left = crowd->options->body_bytes;
            n_body -= (size_t)(blank_line + 4 - bytes);
        }
        if (n_body > h->n_left)
            load_fail("more bytes than the response has");
        h->n_left -= n_body;
        if (h->n_left == 0)
            hold(crowd, h);
    }
    if (h->state == ANSWERED && !is_awaiting(h, n))
        load_fail("the connection ended within its response");
}

static void lose(struct crowd *crowd, struct held *h)
{
    h->state = LOST;
    crowd->n_held--;
    crowd->n_lost++;
}

static void step(struct crowd *crowd, struct held *h, uint32_t events)
{
    if (h->state == DIALLING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)) != 0)
        dialled(crowd, h);
    if (h->state == HELD && (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR)) != 0)
        lose(crowd, h);
    if (h->state == SHAKING)
        shake(crowd, h);
    if (h->state == ANSWERED)
        read_response(crowd, h);
}

static void open_all(struct crowd *crowd)
{
    struct epoll_event events[N_EVENTS];
    unsigned n_wanted = crowd->options->n_clients;
    uint64_t progress_ns = load_now_ns();
    while (crowd->n_held + crowd->n_lost < n_wanted) {
        while (crowd->n_begun < n_wanted &&
               crowd->n_begun - crowd->n_held - crowd->n_lost < N_AT_A_TIME)
            begin(crowd);
        int n = load_wait(crowd->epoll, events, N_EVENTS, load_now_ns() + NS_PER_S);
        for (int i = 0; i < n; i++)
            step(crowd, events[i].data.ptr, events[i].events);
        if (n > 0)
            progress_ns = load_now_ns();
        else if (load_now_ns() - progress_ns > PATIENCE_NS)
            load_fail("%u of %u are held, and nothing happens", crowd->n_held, n_wanted);
    }
}

/* A byte of the next slow header; they take turns. */
static void drip(struct crowd *crowd, uint64_t turn)
{
    struct held *h = &crowd->all[turn % crowd->options->n_clients];
    if (h->state == HELD && SSL_write(h->ssl, "x", 1) != 1)
        lose(crowd, h);
}

static void keep(struct crowd *crowd)
{
    struct epoll_event events[N_EVENTS];
    bool is_dripping = crowd->options->hold == HOLD_HEADER;
    double period_ns = (double)crowd->options->drip_ms * 1e6 / crowd->options->n_clients;
    uint64_t start_ns = load_now_ns(), turn = 0;
    static char standard_input;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = &standard_input};
    if (epoll_ctl(crowd->epoll, EPOLL_CTL_ADD, STDIN_FILENO, &event) != 0)
        load_fail("stdin must be a pipe: %s", strerror(errno));
    for (;;) {
        uint64_t due_ns = is_dripping ? start_ns + (uint64_t)((double)turn * period_ns) : 0;
        if (is_dripping && due_ns <= load_now_ns()) {
            drip(crowd, turn++);
            continue;
        }
        int n = load_wait(crowd->epoll, events, N_EVENTS, due_ns);
        for (int i = 0; i < n; i++) {
            char byte;
            if (events[i].data.ptr != &standard_input)
                step(crowd, events[i].data.ptr, events[i].events);
            else if (read(STDIN_FILENO, &byte, 1) <= 0)
                return;
        }
    }
}

void load_hold(const struct load_options *options)
{
    struct crowd crowd = {.options = options, .tls = load_tls(options)};
    crowd.epoll = epoll_create1(EPOLL_CLOEXEC);
    crowd.all = calloc(options->n_clients, sizeof(crowd.all[0]));
    if (crowd.epoll < 0 || crowd.all == NULL)
        load_fail("out of memory");
    crowd.n_hello_bytes = load_hello(options, crowd.hello, sizeof(crowd.hello));
    open_all(&crowd);
    puts("ready");
    fflush(stdout);
    keep(&crowd);
    printf("{\"held\": %u, \"lost\": %u}\n", crowd.n_held, crowd.n_lost);
    for (unsigned i = 0; i < options->n_clients; i++) {
        SSL_free(crowd.all[i].ssl);
        load_drop(crowd.all[i].fd);
    }
    SSL_CTX_free(crowd.tls);
    free(crowd.all);
}
