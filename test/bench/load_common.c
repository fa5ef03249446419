// SPDX-License-Identifier: Apache-2.0
/*
 * What the works of the load generator share. The load core must not be the bottleneck, so sockets
 * are watched edge-triggered, once, and leave with a reset. Anything unexpected ends the process: a
 * figure of a work that half failed would be a lie.
 */
#include "load.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include <openssl/err.h>

#define NS_PER_S               1000000000ull
#define CONNECTIONS_PER_SOURCE 2000
#define N_SOURCES              250

void load_fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    fputs("load: ", stderr);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    ERR_print_errors_fp(stderr);
    exit(1);
}

uint64_t load_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS_PER_S + (uint64_t)t.tv_nsec;
}

int load_dial(const struct load_options *options, unsigned i)
{
    int on = 1;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        load_fail("socket: %s", strerror(errno));
    from.sin_addr.s_addr =
        htonl(INADDR_LOOPBACK + 1 + i / CONNECTIONS_PER_SOURCE % N_SOURCES); /* 127.0.0.2... */
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(options->port);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
    if (bind(fd, (struct sockaddr *)&from, sizeof(from)) != 0 ||
        (connect(fd, (struct sockaddr *)&to, sizeof(to)) != 0 && errno != EINPROGRESS))
        load_fail("connecting to port %u: %s", options->port, strerror(errno));
    return fd;
}

void load_check_dialled(int fd)
{
    int error = 0;
    socklen_t size = sizeof(error);
    getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0)
        load_fail("connecting: %s", strerror(error));
}

void load_drop(int fd)
{
    struct linger at_once = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    close(fd);
}

void load_watch(int epoll, int fd, void *tag)
{
    struct epoll_event event = {.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
                                .data.ptr = tag};
    if (epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0)
        load_fail("epoll_ctl: %s", strerror(errno));
}

int load_wait(int epoll, struct epoll_event *events, int n_events, uint64_t until_ns)
{
    struct timespec t = {0}, *timeout = NULL;
    if (until_ns != 0) {
        uint64_t now_ns = load_now_ns();
        uint64_t left_ns = until_ns > now_ns ? until_ns - now_ns : 0;
        t.tv_sec = (time_t)(left_ns / NS_PER_S);
        t.tv_nsec = (long)(left_ns % NS_PER_S);
        timeout = &t;
    }
    int n = epoll_pwait2(epoll, events, n_events, timeout, NULL);
    if (n < 0 && errno != EINTR)
        load_fail("epoll_pwait2: %s", strerror(errno));
    return n < 0 ? 0 : n;
}

SSL_CTX *load_tls(const struct load_options *options)
{
    bool is_aes256 = strcmp(options->cipher, "aes256") == 0;
    SSL_CTX *tls = SSL_CTX_new(TLS_client_method());
    if (tls == NULL || SSL_CTX_set_min_proto_version(tls, options->version) != 1 ||
        SSL_CTX_set_max_proto_version(tls, options->version) != 1 ||
        SSL_CTX_set_ciphersuites(tls, is_aes256 ? "TLS_AES_256_GCM_SHA384"
                                                : "TLS_AES_128_GCM_SHA256") != 1 ||
        SSL_CTX_set_cipher_list(
            tls, is_aes256 ? "ECDHE-ECDSA-AES256-GCM-SHA384:ECDHE-RSA-AES256-GCM-SHA384"
                           : "ECDHE-ECDSA-AES128-GCM-SHA256:"
                             "ECDHE-RSA-AES128-GCM-SHA256") != 1 ||
        /* TLS 1.2 wants the curve of an ECDSA certificate to be among them. */
        SSL_CTX_set1_groups_list(tls, "X25519:P-256") != 1)
        load_fail("OpenSSL does not take the settings");
    SSL_CTX_set_verify(tls, SSL_VERIFY_NONE, NULL);
    SSL_CTX_set_read_ahead(tls, 1); /* one read for several records */
    SSL_CTX_set_default_read_buffer_len(tls, 64 << 10);
    SSL_CTX_set_session_cache_mode(tls, SSL_SESS_CACHE_OFF);
    return tls;
}

size_t load_hello(const struct load_options *options, unsigned char *buf, size_t size)
{
    SSL_CTX *tls = load_tls(options);
    SSL *ssl = SSL_new(tls);
    BIO *in = BIO_new(BIO_s_mem()), *out = BIO_new(BIO_s_mem());
    if (ssl == NULL || in == NULL || out == NULL)
        load_fail("out of memory");
    SSL_set_bio(ssl, in, out);
    SSL_set_connect_state(ssl);
    SSL_do_handshake(ssl);
    int n = BIO_read(out, buf, (int)size);
    if (n < 64 || BIO_pending(out) > 0)
        load_fail("OpenSSL made no ClientHello");
    SSL_free(ssl);
    SSL_CTX_free(tls);
    return (size_t)n;
}

void load_samples_add(struct load_samples *samples, uint64_t ns)
{
    if (samples->n == samples->capacity) {
        samples->capacity = samples->capacity == 0 ? 65536 : 2 * samples->capacity;
        samples->ns = realloc(samples->ns, samples->capacity * sizeof(samples->ns[0]));
        if (samples->ns == NULL)
            load_fail("out of memory");
    }
    samples->ns[samples->n++] = ns;
}

static int compare(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double quantile_us(const struct load_samples *samples, size_t percent)
{
    return (double)samples->ns[(samples->n * percent + 99) / 100 - 1] / 1e3;
}

void load_samples_print(struct load_samples *samples, const char *name)
{
    if (samples->n == 0) {
        printf(", \"%s\": null", name);
        return;
    }
    qsort(samples->ns, samples->n, sizeof(samples->ns[0]), compare);
    printf(", \"%s\": {\"p50\": %.1f, \"p90\": %.1f, \"p99\": %.1f, \"max\": %.1f}", name,
           quantile_us(samples, 50), quantile_us(samples, 90), quantile_us(samples, 99),
           quantile_us(samples, 100));
}

void load_samples_free(struct load_samples *samples)
{
    free(samples->ns);
    *samples = (struct load_samples){0};
}
