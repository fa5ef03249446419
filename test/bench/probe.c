/* SPDX-License-Identifier: Apache-2.0 */
/*
 * probe: what keep-alive clients have to wait for their answers. Built on demand:
 *
 *   ninja test/bench/bench-probe
 *   bench-probe [-c CLIENTS] [-r RATE] [-s SECONDS] IPV4 PORT PATH
 *
 *   -c CLIENTS  that share the requests (default 32), all connected over TLS before the first one
 *   -r RATE     requests per second of all of them together (default 1000)
 *   -s SECONDS  how long (default 10)
 *
 * Requests leave at fixed times, whatever has become of those before (no coordinated omission: one
 * that finds every client busy is late, and its wait counts from when it was due). So, unlike a
 * load that asks again as soon as it is answered, it leaves the proxy's core free for others and
 * does not measure itself. Every answer to PATH must have the same length, as a file's has.
 *
 * It prints one line of JSON: answers, and the milliseconds that they took. Any error ends it.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define N_EVENTS 64

struct asker {
    SSL *ssl;
    bool is_busy;
    double due;
    size_t n_left; /* bytes of the answer */
};

static struct {
    int n_clients, epoll;
    double rate, seconds;
    struct sockaddr_in to;
    char request[1024];
    size_t n_request, n_answer;
    struct asker *askers;
    float *ms;
    size_t n_ms, cap_ms;
} p;

static void __attribute__((noreturn)) die(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* ---- before ---- */

/* The first answer, whose length is not known yet: its head says it. */
static size_t learn_length(SSL *ssl)
{
    char buf[65536];
    size_t n = 0;

    while (n < sizeof(buf) - 1) {
        int got = SSL_read(ssl, buf + n, (int)(sizeof(buf) - 1 - n));
        if (got <= 0)
            die("no answer");
        n += (size_t)got;
        buf[n] = '\0';
        const char *body = strstr(buf, "\r\n\r\n"),
                   *length = strcasestr(buf, "\r\nContent-Length:");
        if (!body)
            continue;
        if (!length || length > body)
            die("an answer without Content-Length");
        size_t n_all = (size_t)(body + 4 - buf) + strtoul(length + 17, NULL, 10);
        if (n >= n_all)
            return n_all;
    }
    die("too long an answer");
}

static void open_asker(SSL_CTX *ctx, struct asker *a)
{
    int one = 1, fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&p.to, sizeof(p.to)))
        die("connect");
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
    a->ssl = SSL_new(ctx);
    if (!a->ssl || !SSL_set_fd(a->ssl, fd) || SSL_connect(a->ssl) != 1)
        die("handshake");
    if (SSL_write(a->ssl, p.request, (int)p.n_request) <= 0)
        die("write");
    p.n_answer = learn_length(a->ssl);
    if (ioctl(fd, FIONBIO, &one))
        die("ioctl");
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = a};
    if (epoll_ctl(p.epoll, EPOLL_CTL_ADD, fd, &event))
        die("epoll_ctl");
}

/* ---- meanwhile ---- */

static void ask(struct asker *a, double due)
{
    a->is_busy = true;
    a->due = due;
    a->n_left = p.n_answer;
    if (SSL_write(a->ssl, p.request, (int)p.n_request) <= 0)
        die("write");
}

static void on_readable(struct asker *a)
{
    char buf[65536];
    int got;

    while ((got = SSL_read(a->ssl, buf, sizeof(buf))) > 0)
        a->n_left -= (size_t)got < a->n_left ? (size_t)got : a->n_left;
    if (SSL_get_error(a->ssl, got) != SSL_ERROR_WANT_READ)
        die("a connection ended");
    if (!a->is_busy || a->n_left > 0)
        return;
    a->is_busy = false;
    if (p.n_ms < p.cap_ms)
        p.ms[p.n_ms++] = (float)((now() - a->due) * 1000);
}

static struct asker *find_idle(void)
{
    static int next;

    for (int i = 0; i < p.n_clients; i++) {
        struct asker *a = &p.askers[next++ % p.n_clients];
        if (!a->is_busy)
            return a;
    }
    return NULL;
}

static void run(void)
{
    struct epoll_event events[N_EVENTS];
    double began = now();
    unsigned long n_asked = 0;

    for (double t = 0; t < p.seconds; t = now() - began) {
        struct asker *a;
        bool is_due;
        while ((is_due = (double)n_asked / p.rate <= t) && (a = find_idle()) != NULL)
            ask(a, began + (double)n_asked++ / p.rate);
        /* Until the next one is due, or, while every client is busy, until an answer comes. */
        double left = is_due ? 0.1 : (double)n_asked / p.rate - t;
        struct timespec wait = {.tv_nsec = left < 0.5 ? (long)(left * 1e9) : 500000000};
        int n = epoll_pwait2(p.epoll, events, N_EVENTS, &wait, NULL);
        for (int i = 0; i < n; i++)
            on_readable(events[i].data.ptr);
    }
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void report(void)
{
    if (p.n_ms == 0)
        die("no answer");
    qsort(p.ms, p.n_ms, sizeof(*p.ms), compare);
    printf("{\"answers\": %zu, \"p50_ms\": %.3f, \"p90_ms\": %.3f, \"p99_ms\": %.3f, "
           "\"p999_ms\": %.3f, \"max_ms\": %.3f}\n",
           p.n_ms, (double)p.ms[p.n_ms / 2], (double)p.ms[p.n_ms * 9 / 10],
           (double)p.ms[p.n_ms * 99 / 100], (double)p.ms[p.n_ms * 999 / 1000],
           (double)p.ms[p.n_ms - 1]);
}

static void read_options(int argc, char **argv)
{
    p.n_clients = 32;
    p.rate = 1000;
    p.seconds = 10;
    for (int o; (o = getopt(argc, argv, "c:r:s:")) != -1;) {
        if (o == 'c')
            p.n_clients = atoi(optarg);
        else if (o == 'r')
            p.rate = atof(optarg);
        else if (o == 's')
            p.seconds = atof(optarg);
        else
            exit(2);
    }
    p.to.sin_family = AF_INET;
    if (optind + 3 != argc || p.n_clients < 1 || !inet_aton(argv[optind], &p.to.sin_addr)) {
        fputs("usage: bench-probe [-c CLIENTS] [-r RATE] [-s SECONDS] IPV4 PORT PATH\n", stderr);
        exit(2);
    }
    p.to.sin_port = htons((uint16_t)atoi(argv[optind + 1]));
    int n = snprintf(p.request, sizeof(p.request), "GET %s HTTP/1.1\r\nHost: localhost\r\n\r\n",
                     argv[optind + 2]);
    if (n < 0 || (size_t)n >= sizeof(p.request))
        die("too long a path");
    p.n_request = (size_t)n;
}

int main(int argc, char **argv)
{
    read_options(argc, argv);
    SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
    p.epoll = epoll_create1(EPOLL_CLOEXEC);
    p.cap_ms = (size_t)(p.rate * p.seconds) + 1;
    p.askers = calloc((size_t)p.n_clients, sizeof(*p.askers));
    p.ms = malloc(p.cap_ms * sizeof(*p.ms));
    if (!ctx || p.epoll < 0 || !p.askers || !p.ms)
        die("setup");
    for (int i = 0; i < p.n_clients; i++)
        open_asker(ctx, &p.askers[i]);
    run();
    report();
    return 0;
}
